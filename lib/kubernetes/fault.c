#include "kubernetes/fault.h"

#include <string.h>

#include "buf.h"
#include "json.h"
#include "session/fault.h"
#include "text.h"

enum { TEXT_MAX = 16 << 10, CAUSES = 50 };

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

/* What the message has not said already. */
static void causes_add(struct buf *b, struct json_object *causes)
{
	const size_t n = json_len(causes);
	size_t told = 0;

	for (size_t i = 0; i < n && told < CAUSES; i++) {
		const char *field = json_str(json_nth(causes, i), "field");
		const char *said = json_str(json_nth(causes, i), "message");
		const char *reason = json_str(json_nth(causes, i), "reason");

		/* The message has all of them, sorted by their owners. */
		if (reason && strcmp(reason, "FieldManagerConflict") == 0)
			continue;
		if ((!said || strstr(b->s, said)) && (!field || strstr(b->s, field)))
			continue;
		buf_addf(b, "; %s%s%s", field ? field : "", field && said ? ": " : "",
			 said ? said : "");
		told++;
	}
	if (told == CAUSES)
		buf_addf(b, "; (%zu causes in all)", n);
}

static bool status_add(struct buf *b, struct json_object *o)
{
	const char *reason = json_str(o, "reason"), *message = json_str(o, "message");

	if (!json_is_str(json_object_object_get(o, "kind"), "Status"))
		return false;
	if (message && reason && strcmp(message, reason) == 0)
		message = NULL;
	if (reason && *reason)
		buf_addf(b, "%s%s", reason, message && *message ? ": " : "");
	if (message)
		buf_adds(b, message);
	causes_add(b, json_at(o, "details.causes"));
	return b->len > 0;
}

static const char go_value[] = "&value.valueUnstructured{Value:";

static const char *type_of(const char *go)
{
	switch (*go) {
	case '"': return "a string";
	case 'm': return "a map";
	case '[': return "a list";
	case 'i': return "nothing";
	case 't':
	case 'f': return "true or false";
	default: return "a number";
	}
}

/* Behind the brace that closes it. */
static const char *end_of(const char *go)
{
	bool quoted = false;

	for (int depth = 1; *go && depth; go++) {
		if (*go == '\\' && go[1])
			go++;
		else if (*go == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (*go == '{') - (*go == '}');
	}
	return go;
}

/* A value of the wrong type is told as Go writes it; its type says as much, and no secret. */
static void values_hide(struct buf *b)
{
	for (char *at = strstr(b->s, go_value); at; at = strstr(at, go_value)) {
		const char *type = type_of(at + sizeof(go_value) - 1);
		const char *end = end_of(at + sizeof(go_value) - 1);

		memcpy(at, type, strlen(type));
		memmove(at + strlen(type), end, strlen(end) + 1);
	}
	b->len = strlen(b->s);
	if (strstr(b->s, "expected string, got a number") ||
	    strstr(b->s, "expected string, got true or false"))
		buf_adds(b, "; what is to be text goes into quotes");
}

struct err *kube_fault(const struct http_answer *a)
{
	AUTO_JSON o = NULL;
	AUTO_BUF b = BUF_INIT;
	struct err *e;

	if (*a->body == '{')
		err_free(json_parse(a->body, a->len, &o));
	if (!status_add(&b, o)) {
		AUTO_STR text = fault_text(a);

		buf_adds(&b, text);
	}
	values_hide(&b);
	if (b.len > TEXT_MAX) {
		AUTO_STR head = xstrndup(b.s, text_cut(b.s, TEXT_MAX));
		const size_t whole = b.len;

		buf_release(&b);
		buf_addf(&b, "%s... (%zu bytes in all)", head, whole);
	}
	if (a->status == 429 && http_header(a, "retry-after"))
		buf_addf(&b, "; the server asks to wait: %s s", http_header(a, "retry-after"));
	e = err_new(kind_of(a->status), "%d %s", a->status, b.s);
	e->status = a->status;
	e->ambiguous = a->ambiguous || a->status == 502 || a->status == 504;
	return e;
}

/* 299 - "text": RFC 9111 5.5; the server escapes " and \ in it. */
char *kube_warning(const char *header)
{
	AUTO_BUF b = BUF_INIT;
	const char *p = strchr(header, '"');

	if (!p || strncmp(header, "299 ", 4) != 0)
		return NULL;
	for (p++; *p && *p != '"'; p++) {
		p += *p == '\\' && p[1];
		(void)buf_add(&b, p, 1);
	}
	return buf_take(&b);
}
