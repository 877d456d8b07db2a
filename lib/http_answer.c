#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <zlib.h>

#include "http_answer.h"

void http_parse_init(struct http_parse *p)
{
	*p = (struct http_parse){ .body = { .s = buf_empty, .max = HTTP_BODY_MAX } };
}

static void free_headers(char **headers)
{
	size_t i;

	/* Keystone sends the token as a header. */
	for (i = 0; headers && headers[i]; i++)
		wipe_free(headers[i]);
	free(headers);
}

void http_parse_release(struct http_parse *p)
{
	free_headers(p->headers);
	buf_release(&p->body);
	http_parse_init(p);
}

void http_answer_release(struct http_answer *a)
{
	free_headers(a->headers);
	free(a->body);
	*a = (struct http_answer){ 0 };
}

static bool fail(struct http_parse *p, const char *why)
{
	p->fault = why;
	return false;
}

/* RFC 9112 5.2: a line that begins with a blank continues the one before. */
static bool fold(struct http_parse *p, const char *line, size_t len)
{
	char *last = p->n ? p->headers[p->n - 1] : NULL;

	if (!last)
		return true;
	if (strlen(last) + 1 + len > HTTP_LINE_MAX)
		return fail(p, "a header of the answer is over 16 KiB");
	p->headers[p->n - 1] = xasprintf("%s %.*s", last, (int)len, line);
	wipe_free(last);
	return true;
}

static void add(struct http_parse *p, const char *line, size_t name, const char *value, size_t len)
{
	char *h = xasprintf("%.*s: %.*s", (int)name, line, (int)len, value);
	size_t i;

	for (i = 0; i < name; i++)
		h[i] = (char)tolower((unsigned char)h[i]);
	p->headers = xrealloc(p->headers, p->n + 2, sizeof(*p->headers));
	p->headers[p->n++] = h;
	p->headers[p->n] = NULL;
}

bool http_parse_line(struct http_parse *p, const char *line, size_t len)
{
	const bool folded = len && (*line == ' ' || *line == '\t');
	const char *colon;
	const char *value;

	if (len > HTTP_LINE_MAX)
		return fail(p, "a header of the answer is over 16 KiB");
	while (len && isspace((unsigned char)line[len - 1]))
		len--;
	if (!len) {
		p->whole = true;
		return true;
	}
	if (++p->seen > HTTP_HEADERS_MAX)
		return fail(p, "the answer has more than 256 headers");
	if (memchr(line, '\0', len))
		return fail(p, "a header of the answer holds a NUL");
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		free_headers(p->headers);
		p->headers = NULL;
		p->n = 0;
		p->whole = false;
		return true;
	}
	for (; folded && isspace((unsigned char)*line); line++)
		len--;
	if (folded)
		return fold(p, line, len);
	colon = memchr(line, ':', len);
	if (!colon || colon == line)
		return fail(p, "a header of the answer has no name");
	for (value = colon + 1; value < line + len && isspace((unsigned char)*value); value++)
		;
	add(p, line, (size_t)(colon - line), value, (size_t)(line + len - value));
	return true;
}

bool http_parse_body(struct http_parse *p, const char *data, size_t len)
{
	return buf_add(&p->body, data, len) || fail(p, "the answer's body is over 64 MiB");
}

/*
 * By hand, for libcurl takes a gzip stream that was cut for a whole one (7.88), and has no cap on
 * what it unpacks to.
 */
static bool gunzip(struct http_parse *p)
{
	CLEANUP(buf_release) struct buf out = { .s = buf_empty, .max = HTTP_BODY_MAX };
	z_stream z = { .next_in = (Bytef *)p->body.s, .avail_in = (uInt)p->body.len };
	char chunk[16 << 10];
	bool fits = true;
	int r;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return fail(p, "zlib does not start");
	do {
		z.next_out = (Bytef *)chunk;
		z.avail_out = sizeof(chunk);
		r = inflate(&z, Z_NO_FLUSH);
		fits = buf_add(&out, chunk, sizeof(chunk) - z.avail_out);
		if (r == Z_STREAM_END && z.avail_in)
			r = inflateReset(&z);
	} while (r == Z_OK && fits);
	(void)inflateEnd(&z);
	if (!fits)
		return fail(p, "the answer's body unpacks to over 64 MiB");
	if (r != Z_STREAM_END)
		return fail(p, "the answer's gzip stream is cut or damaged");
	buf_release(&p->body);
	p->body.s = TAKE(out.s);
	p->body.len = out.len;
	p->body.cap = out.cap;
	out = (struct buf)BUF_INIT;
	return true;
}

static bool decode(struct http_parse *p)
{
	const struct http_answer head = { .headers = p->headers };
	const char *coding = http_header(&head, "content-encoding");

	if (!coding || !p->body.len || strcasecmp(coding, "identity") == 0)
		return true;
	if (strcasecmp(coding, "gzip") == 0 || strcasecmp(coding, "x-gzip") == 0)
		return gunzip(p);
	return fail(p, "the answer's content coding is none we asked for");
}

bool http_parse_finish(struct http_parse *p, struct http_answer *ret)
{
	if (p->fault || !decode(p))
		return false;
	if (!p->headers)
		p->headers = xcalloc(1, sizeof(*p->headers));
	ret->headers = TAKE(p->headers);
	ret->len = p->body.len;
	ret->body = buf_take(&p->body);
	http_parse_init(p);
	return true;
}

const char *http_header(const struct http_answer *a, const char *name)
{
	const size_t len = strlen(name);
	size_t i;

	for (i = 0; a->headers && a->headers[i]; i++)
		if (strncmp(a->headers[i], name, len) == 0 && a->headers[i][len] == ':')
			return a->headers[i] + len + 2;
	return NULL;
}

int64_t http_retry_after_ms(const struct http_answer *a, time_t now)
{
	static const int64_t year_s = (int64_t)366 * 24 * 3600;
	const char *value = http_header(a, "retry-after");
	const char *date = http_header(a, "date");
	int64_t s;
	time_t t;

	if (!value || !*value)
		return 0;
	if (value[strspn(value, "0123456789")] == '\0') {
		/* Overflow gives ULLONG_MAX, which is enough. */
		const unsigned long long n = strtoull(value, NULL, 10);

		return n > (unsigned long long)year_s ? year_s * 1000 : (int64_t)n * 1000;
	}
	/* The service's own clock, if it tells: ours may be wrong. */
	t = date ? curl_getdate(date, NULL) : -1;
	if (t != -1)
		now = t;
	t = curl_getdate(value, NULL);
	if (t == -1 || t <= now)
		return 0;
	s = (int64_t)t - (int64_t)now;
	return (s > year_s ? year_s : s) * 1000;
}
