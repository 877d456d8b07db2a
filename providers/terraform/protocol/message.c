#include <stdarg.h>
#include <string.h>

#include "message.h"
#include "scalar.h"

struct err *call_open(const char *method, const uint8_t *body, size_t len, struct call *ret)
{
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(&tf__provider__descriptor, method);

	*ret = (struct call){ .mem = ARENA_INIT };
	if (!m)
		return err_new(ERR_NOT_FOUND, "%s: there is no such method", method);
	ret->in = protobuf_c_message_unpack(m->input, arena_alloc(&ret->mem), len, body);
	if (!ret->in)
		return err_new(ERR_PROTOCOL, "%s: its request of %zu bytes makes no sense", method,
			       len);
	ret->out = arena_new(&ret->mem, m->output->sizeof_message);
	protobuf_c_message_init(m->output, ret->out);
	return NULL;
}

struct sink {
	ProtobufCBuffer base;
	struct buf *to;
};

static void sink_append(ProtobufCBuffer *b, size_t len, const uint8_t *s)
{
	(void)buf_add(((struct sink *)b)->to, (const char *)s, len);
}

void call_close(struct call *c, struct buf *reply)
{
	struct sink sink = { .base = { sink_append }, .to = reply };

	if (reply && c->out)
		(void)protobuf_c_message_pack_to_buffer(c->out, &sink.base);
	c->in = c->out = NULL;
	arena_release(&c->mem);
}

struct err *message_value(const Tf__DynamicValue *from, struct json_object *type,
			  struct json_object **ret)
{
	if (from && from->msgpack.len)
		return value_decode(from->msgpack.data, from->msgpack.len, type, ret);
	if (from && from->json.len)
		return value_from_state((const char *)from->json.data, from->json.len, type, ret);
	*ret = NULL;
	return NULL;
}

struct err *message_dynamic(struct arena *mem, struct json_object *v, struct json_object *type,
			    Tf__DynamicValue **ret)
{
	AUTO_BUF bytes = BUF_INIT;
	Tf__DynamicValue *d;
	struct err *e = value_encode(v, type, &bytes);

	if (e)
		return e;
	d = arena_new(mem, sizeof(*d));
	tf__dynamic_value__init(d);
	d->msgpack = arena_bytes(mem, bytes.s, bytes.len);
	buf_wipe(&bytes);
	*ret = d;
	return NULL;
}

struct err *message_state(const Tf__RawState *from, struct json_object *type,
			  struct json_object **ret)
{
	if (from && !from->json.len && from->n_flatmap)
		return err_new(ERR_PROTOCOL, "the state is of Terraform 0.11 or older: have it "
					     "upgraded by Terraform 0.12 first");
	if (!from || !from->json.len) {
		*ret = NULL;
		return NULL;
	}
	return err_wrap(value_from_state((const char *)from->json.data, from->json.len, type, ret),
			"the state");
}

/* `"a"]` and on, without the escapes; *ret is what follows. NULL: no such thing. */
static char *quoted_key(struct arena *mem, const char *s, const char **ret)
{
	char *key = arena_new(mem, strlen(s)), *end = key;

	while (*++s && *s != '"') {
		if (*s == '\\' && s[1])
			s++;
		*end++ = *s;
	}
	if (s[0] != '"' || s[1] != ']')
		return NULL;
	*ret = s + 2;
	return key;
}

/* Reads one step; what follows it, or NULL. */
static const char *path_step(struct arena *mem, const char *s, bool first,
			     Tf__AttributePath__Step *step)
{
	const char *from = s;
	char *end;
	size_t len;

	if (*s != '[') {
		s += !first && *s == '.';
		if (s == from && !first)
			return NULL;
		len = strcspn(s, ".[");
		step->selector_case = TF__ATTRIBUTE_PATH__STEP__SELECTOR_ATTRIBUTE_NAME;
		step->attribute_name = memcpy(arena_new(mem, len + 1), s, len);
		return len ? s + len : NULL;
	}
	if (s[1] == '"') {
		step->selector_case = TF__ATTRIBUTE_PATH__STEP__SELECTOR_ELEMENT_KEY_STRING;
		step->element_key_string = quoted_key(mem, s + 1, &s);
		return step->element_key_string ? s : NULL;
	}
	step->selector_case = TF__ATTRIBUTE_PATH__STEP__SELECTOR_ELEMENT_KEY_INT;
	step->element_key_int = strtoll(s + 1, &end, 10);
	return end > s + 1 && *end == ']' ? end + 1 : NULL;
}

Tf__AttributePath *message_path(struct arena *mem, const char *text)
{
	Tf__AttributePath *path = arena_new(mem, sizeof(*path));
	const char *s = text;

	if (!*s || utf8_span(s, strlen(s)) != strlen(s))
		return NULL;
	tf__attribute_path__init(path);
	while (s && *s) {
		Tf__AttributePath__Step *step = arena_new(mem, sizeof(*step));

		tf__attribute_path__step__init(step);
		s = path_step(mem, s, s == text, step);
		path->steps = arena_append(mem, path->steps, &path->n_steps, step);
	}
	return s ? path : NULL;
}

/* Other people's words may be cut anywhere; one byte that is no UTF-8, and Terraform refuses all. */
static char *told(struct arena *mem, const char *s)
{
	char *copy = arena_str(mem, s);

	for (size_t i = 0, len = strlen(s); i < len; i++) {
		i += utf8_span(s + i, len - i);
		if (i < len)
			copy[i] = '?';
	}
	return copy;
}

static void add(struct diags *d, enum severity severity, const char *path, const char *summary,
		const char *detail)
{
	Tf__Diagnostic *one = arena_new(d->mem, sizeof(*one));

	tf__diagnostic__init(one);
	one->severity = severity == DIAG_ERROR ? TF__DIAGNOSTIC__SEVERITY__ERROR
					       : TF__DIAGNOSTIC__SEVERITY__WARNING;
	one->summary = told(d->mem, summary);
	one->detail = told(d->mem, detail);
	one->attribute = path ? message_path(d->mem, path) : NULL;
	d->list = arena_append(d->mem, d->list, &d->n, one);
}

void diags_add(struct diags *d, enum severity severity, const char *path, const char *summary,
	       const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR detail = xvasprintf(fmt, ap);
	va_end(ap);
	add(d, severity, path, summary, detail);
}

void diags_err(struct diags *d, const char *summary, struct err *e)
{
	AUTO_ERR ended = e;

	if (ended)
		add(d, DIAG_ERROR, ended->at, summary, ended->text);
}

bool diags_failed(const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i]->severity == TF__DIAGNOSTIC__SEVERITY__ERROR)
			return true;
	return false;
}
