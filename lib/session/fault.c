#include "session/fault.h"

#include <string.h>
#include <strings.h>

#include "json.h"
#include "text.h"

enum { TEXT_MAX = 4096, SECRET_MIN = 4, DEPTH = 8 };

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 412, "Precondition Failed" },
	{ 413, "Request Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

static const char *phrase(int status)
{
	for (size_t i = 0; i < COUNT(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}

/* ---- text ---- */

static const struct {
	const char *name, *text;
} entities[] = {
	{ "&lt;", "<" },   { "&gt;", ">" },   { "&quot;", "\"" }, { "&#39;", "'" },
	{ "&#x27;", "'" }, { "&nbsp;", " " }, { "&amp;", "&" },
};

static bool is_space(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

/* Tags away. What only looks like one ("a < b") stays. */
static size_t tag_len(const char *s)
{
	const size_t n = strcspn(s, ">");

	if (s[0] != '<' || !s[n] || !(strchr("/!", s[1]) || (s[1] | 32) >= 'a') ||
	    (s[1] | 32) > 'z')
		return 0;
	return n + 1;
}

/* One line of plain text: no tags if `html`, no runs of blanks, no control characters. */
static void add_plain(struct buf *b, const char *s, bool html)
{
	bool space = false;
	const size_t start = b->len;

	while (*s) {
		size_t tag = html ? tag_len(s) : 0;
		size_t i = html && *s == '&' ? 0 : COUNT(entities);

		while (i < COUNT(entities) &&
		       strncmp(s, entities[i].name, strlen(entities[i].name)) != 0)
			i++;
		if (tag || is_space(*s)) {
			space = true;
			s += tag ? tag : 1;
			continue;
		}
		if (space && b->len > start)
			(void)buf_add(b, " ", 1);
		space = false;
		if (i < COUNT(entities)) {
			buf_adds(b, entities[i].text);
			s += strlen(entities[i].name);
		} else {
			(void)buf_add(b, s++, 1);
		}
	}
}

/* Glance's pages: <title>403 Forbidden</title> says no more than the status. */
static char *page_text(const char *s)
{
	AUTO_BUF b = BUF_INIT;
	const char *body = strcasestr(s, "</h1>");

	if (!body)
		body = strcasestr(s, "<body");
	add_plain(&b, body ? body : s, true);
	if (!b.len)
		add_plain(&b, s, true);
	return buf_take(&b);
}

/* ---- JSON shapes ---- */

static const char said_keys[] = "message error_message faultstring explanation description detail "
				"details reason path debuginfo errors error";

static void say(struct buf *b, const char *s)
{
	AUTO_BUF one = BUF_INIT;
	const bool html = strstr(s, "<br") || strstr(s, "</");

	add_plain(&one, s, html);
	if (!one.len || (b->len && strstr(b->s, one.s)))
		return; /* said already: Nova repeats itself in `details` */
	buf_addf(b, "%s%s", b->len ? ": " : "", one.s);
}

static void say_value(struct buf *b, struct json_object *v, int depth);

static void say_object(struct buf *b, struct json_object *o, int depth)
{
	const size_t start = b->len;

	WORDS_EACH(w, said_keys) {
		AUTO_STR key = xstrndup(w, words_len(w));
		struct json_object *v = NULL;

		if (json_object_object_get_ex(o, key, &v) && !json_empty(v))
			say_value(b, v, depth + 1);
	}
	if (b->len == start && json_str(o, "title"))
		say(b, json_str(o, "title"));
	if (b->len > start)
		return;
	AUTO_STR all = json_text(o);
	say(b, all);
}

static void say_value(struct buf *b, struct json_object *v, int depth)
{
	AUTO_JSON inner = NULL;
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

	/* Ironic's error_message is JSON in a string. */
	if (s && *s == '{' && depth < DEPTH)
		err_free(json_parse(s, strlen(s), &inner));
	if (inner)
		v = inner;
	if (json_object_is_type(v, json_type_object) && depth < DEPTH) {
		say_object(b, v, depth);
	} else if (json_object_is_type(v, json_type_array) && depth < DEPTH) {
		for (size_t i = 0; i < json_len(v); i++)
			say_value(b, json_nth(v, i), depth + 1);
	} else if (v) {
		AUTO_STR text = json_text(v);
		say(b, text);
	}
}

/* {"forbidden": {...}}, {"NeutronError": {...}}: one key around it all. */
static void say_root(struct buf *b, struct json_object *root)
{
	struct json_object *only = NULL;

	if (!json_object_is_type(root, json_type_object)) {
		say_value(b, root, 0);
		return;
	}
	if (json_object_object_length(root) == 1) {
		json_object_object_foreach(root, key, v) {
			(void)key;
			only = v;
		}
	}
	if (json_object_is_type(only, json_type_object) ||
	    json_object_is_type(only, json_type_string))
		say_value(b, only, 0);
	else
		say_object(b, root, 0);
}

char *fault_text(const struct http_answer *a)
{
	AUTO_JSON root = NULL;
	AUTO_BUF b = BUF_INIT;

	if (*a->body == '{' || *a->body == '[')
		err_free(json_parse(a->body, a->len, &root));
	if (root) {
		say_root(&b, root);
	} else {
		AUTO_STR page = strchr(a->body, '<') ? page_text(a->body) : NULL;

		add_plain(&b, page ? page : a->body, false);
	}
	if (b.len > TEXT_MAX) {
		AUTO_STR head = xstrndup(b.s, TEXT_MAX);

		return xasprintf("%s... (%zu bytes in all)", head, b.len);
	}
	return buf_take(&b);
}

static enum err_kind kind_of(int status)
{
	switch (status) {
	case 401:
	case 403: return ERR_AUTH;
	case 404: return ERR_NOT_FOUND;
	case 409: return ERR_CONFLICT;
	case 400:
	case 413:
	case 422: return ERR_USAGE;
	default: return status < 400 ? ERR_PROTOCOL : ERR_REMOTE;
	}
}

static const char *request_id(const struct http_answer *a)
{
	const char *id = http_header(a, "x-openstack-request-id");

	return id ? id : http_header(a, "x-compute-request-id");
}

struct err *fault_new(const struct http_answer *a)
{
	AUTO_STR text = fault_text(a);
	AUTO_BUF b = BUF_INIT;
	struct err *e;

	buf_addf(&b, "%d %s", a->status, *text ? text : phrase(a->status));
	if (a->status < 400 && http_header(a, "location"))
		buf_addf(&b, " (it points to %s)", http_header(a, "location"));
	if (request_id(a) && !strstr(b.s, request_id(a)))
		buf_addf(&b, " (request %s)", request_id(a));
	if ((a->status == 413 || a->status == 429 || a->status == 503) &&
	    http_header(a, "retry-after"))
		buf_addf(&b, "; the service asks to wait: %s s", http_header(a, "retry-after"));
	e = err_new(kind_of(a->status), "%s", b.s);
	e->status = a->status;
	e->ambiguous = a->status == 502 || a->status == 504;
	return e;
}

void fault_scrub(struct err *e, const char *const *secrets)
{
	for (; e && secrets && *secrets; secrets++) {
		const char *p = e->text, *hit = strstr(p, *secrets);
		AUTO_BUF b = BUF_INIT;

		if (strlen(*secrets) < SECRET_MIN || !hit)
			continue;
		for (; hit; hit = strstr(p, *secrets)) {
			(void)buf_add(&b, p, (size_t)(hit - p));
			buf_adds(&b, "***");
			p = hit + strlen(*secrets);
		}
		buf_adds(&b, p);
		wipe_free(e->text);
		e->text = buf_take(&b);
	}
}
