#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_wire.h"

static bool has(const char *s, size_t len, const char *word)
{
	const size_t n = strlen(word);
	size_t i;

	for (i = 0; i + n <= len; i++)
		if (strncasecmp(s + i, word, n) == 0)
			return true;
	return false;
}

bool http_secret_name(const char *name, size_t len)
{
	static const char *const words[] = {
		"token",      "passw",   "passphrase", "secret",  "credential", "authorization",
		"cookie",     "api-key", "api_key",    "apikey",  "access_key", "accesskey",
		"access-key", "private", "signature",  "url_sig",
	};
	size_t i;

	for (i = 0; i < COUNT(words); i++)
		if (has(name, len, words[i]))
			return true;
	return false;
}

static CURLU *parse(const char *url)
{
	CURLU *u = curl_url();

	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)) {
		curl_url_cleanup(u);
		u = NULL;
	}
	return u;
}

char *http_url_plain(const char *url)
{
	char *whole = NULL;
	char *ret;
	CURLU *u = parse(url);

	if (!u) /* a slip, but there may be a password in it */
		return xstrndup(url, strcspn(url, strchr(url, '@') ? ":?#@" : "?#"));
	(void)curl_url_set(u, CURLUPART_USER, NULL, 0);
	(void)curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
	(void)curl_url_set(u, CURLUPART_OPTIONS, NULL, 0);
	(void)curl_url_set(u, CURLUPART_QUERY, NULL, 0);
	(void)curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
	(void)curl_url_get(u, CURLUPART_URL, &whole, 0);
	ret = xstrdup(whole ? whole : "");
	curl_free(whole);
	curl_url_cleanup(u);
	return ret;
}

static void mask_pair(struct buf *out, const char *pair, size_t len)
{
	const char *eq = memchr(pair, '=', len);
	const size_t name = eq ? (size_t)(eq - pair) : len;
	int plain_len = 0;
	char *plain = curl_easy_unescape(NULL, pair, (int)name, &plain_len);

	if (eq && (!plain || http_secret_name(plain, (size_t)plain_len))) {
		(void)buf_add(out, pair, name);
		buf_adds(out, "=***");
	} else {
		(void)buf_add(out, pair, len);
	}
	curl_free(plain);
}

char *http_url_masked(const char *url)
{
	AUTO_BUF out = BUF_INIT;
	AUTO_STR plain = http_url_plain(url);
	const char *at = strchr(url, '?');

	buf_adds(&out, plain);
	while (at && *at && *at != '#') {
		const size_t len = strcspn(at + 1, "&#");

		(void)buf_add(&out, at, 1);
		mask_pair(&out, at + 1, len);
		at += 1 + len;
	}
	return buf_take(&out);
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = NULL;
	char *y = NULL;
	bool same;

	(void)curl_url_get(a, part, &x, CURLU_DEFAULT_PORT);
	(void)curl_url_get(b, part, &y, CURLU_DEFAULT_PORT);
	same = x && y && strcasecmp(x, y) == 0;
	curl_free(x);
	curl_free(y);
	return same;
}

bool http_same_origin(const char *a, const char *b)
{
	CURLU *x = parse(a);
	CURLU *y = parse(b);
	const bool same = x && y && same_part(x, y, CURLUPART_SCHEME) &&
			  same_part(x, y, CURLUPART_HOST) && same_part(x, y, CURLUPART_PORT);

	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

struct err *http_trace_open(int *ret)
{
	const char *level = secure_getenv("TREENAIL_LOG");
	const char *path = secure_getenv("TREENAIL_LOG_FILE");
	struct stat st;
	int fd;

	*ret = -1;
	if (path && !*path)
		path = NULL;
	/* Whoever names a file wants a trace in it. */
	if (level ? strcmp(level, "debug") != 0 : !path)
		return NULL;
	if (!path) {
		*ret = STDERR_FILENO;
		return NULL;
	}
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_new(ERR_USAGE, "TREENAIL_LOG_FILE '%s': %s", path,
			       strerrordesc_np(errno));
	/* It may be there from before, with another mode; a terminal or a pipe is left alone. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)fchmod(fd, 0600);
	*ret = fd;
	return NULL;
}

static const char *request_id(const struct http_answer *a)
{
	static const char *const names[] = { "x-openstack-request-id", "x-compute-request-id",
					     "audit-id", "x-trans-id" };
	const char *id = NULL;
	size_t i;

	for (i = 0; !id && i < COUNT(names); i++)
		id = http_header(a, names[i]);
	return id;
}

static void (*also)(const char *line);

void http_trace_to(void (*sink)(const char *line))
{
	also = sink;
}

static void describe(const struct http_try *t, int64_t ms, struct buf *line)
{
	AUTO_STR url = http_url_masked(t->url);
	const char *id = request_id(&t->answer);

	buf_addf(line, "%s %s: ", t->req->method, url);
	if (t->ok)
		buf_addf(line, "%d", t->answer.status);
	else
		buf_adds(line, t->fault      ? t->fault
			       : t->error[0] ? t->error
					     : curl_easy_strerror(t->code));
	buf_addf(line, ", %lld ms, %zu bytes", (long long)ms, t->answer.len);
	if (id)
		buf_addf(line, ", request %s", id);
	for (size_t i = 0; i < line->len; i++)
		if (iscntrl((unsigned char)line->s[i]))
			line->s[i] = '?';
}

/* One line, one write(): lines of many threads and processes do not mix. */
void http_trace(int fd, const struct http_try *t, int64_t ms)
{
	AUTO_BUF line = BUF_INIT;
	AUTO_STR whole = NULL;
	ssize_t done;

	if (fd < 0 && !also)
		return;
	describe(t, ms, &line);
	if (also)
		also(line.s);
	if (fd < 0)
		return;
	whole = xasprintf("treenail: %s\n", line.s);
	do
		done = write(fd, whole, strlen(whole));
	while (done < 0 && errno == EINTR);
}
