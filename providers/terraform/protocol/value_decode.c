#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scalar.h"
#include "type.h"

enum kind { NIL, BOOL, UINT, INT, FLOAT, STR, BIN, ARRAY, MAP, EXT, FIXEXT, NOTHING };

static const char *const kind_words[] = {
	[NIL] = "null",         [BOOL] = "a boolean",      [UINT] = "an integer",
	[INT] = "an integer",   [FLOAT] = "a number",      [STR] = "a string",
	[BIN] = "bytes",        [ARRAY] = "a list",        [MAP] = "a map",
	[EXT] = "an extension", [FIXEXT] = "an extension", [NOTHING] = "a byte that begins nothing",
};

/* What the first byte says from 0xc0 on: the kind, and in how many bytes its number follows. */
static const struct {
	unsigned char kind, width;
} heads[] = {
	{ NIL, 0 },    { NOTHING, 0 }, { BOOL, 0 },   { BOOL, 0 },   { BIN, 1 },    { BIN, 2 },
	{ BIN, 4 },    { EXT, 1 },     { EXT, 2 },    { EXT, 4 },    { FLOAT, 4 },  { FLOAT, 8 },
	{ UINT, 1 },   { UINT, 2 },    { UINT, 4 },   { UINT, 8 },   { INT, 1 },    { INT, 2 },
	{ INT, 4 },    { INT, 8 },     { FIXEXT, 0 }, { FIXEXT, 0 }, { FIXEXT, 0 }, { FIXEXT, 0 },
	{ FIXEXT, 0 }, { STR, 1 },     { STR, 2 },    { STR, 4 },    { ARRAY, 2 },  { ARRAY, 4 },
	{ MAP, 2 },    { MAP, 4 },
};

struct token {
	enum kind kind;
	uint64_t n;       /* length, count, the integer or the float's bits */
	unsigned width;   /* of n in bytes */
	const uint8_t *s; /* n bytes of a string, of bytes, of an extension */
	uint8_t ext;      /* its type */
};

struct reader {
	const uint8_t *p, *end;
	size_t count; /* values so far */
	int depth;
};

static struct err *too_short(void)
{
	return err_new(ERR_PROTOCOL, "the value ends too early");
}

static bool take_n(struct reader *r, unsigned width, uint64_t *ret)
{
	uint64_t n = 0;

	if ((size_t)(r->end - r->p) < width)
		return false;
	for (unsigned i = 0; i < width; i++)
		n = n << 8 | *r->p++;
	*ret = n;
	return true;
}

/* The first byte and the number after it. */
static bool take_head(struct reader *r, struct token *t)
{
	uint64_t b;

	*t = (struct token){ .kind = UINT, .width = 8 };
	if (!take_n(r, 1, &b))
		return false;
	t->n = b;
	if (b < 0x80)
		return true;
	if (b >= 0xe0) {
		t->kind = INT;
		t->width = 1;
	} else if (b < 0xc0) {
		t->kind = b < 0x90 ? MAP : b < 0xa0 ? ARRAY : STR;
		t->n = b & (b < 0xa0 ? 0x0f : 0x1f);
	} else {
		t->kind = heads[b - 0xc0].kind;
		t->width = heads[b - 0xc0].width;
		if (t->width)
			return take_n(r, t->width, &t->n);
		if (t->kind == FIXEXT) {
			t->kind = EXT;
			t->n = 1U << (b - 0xd4);
		}
	}
	return true;
}

/* A count of elements is only believed as far as there are bytes for them. */
static struct err *take(struct reader *r, struct token *t)
{
	uint64_t ext = 0;
	size_t left;

	if (!take_head(r, t) || (t->kind == EXT && !take_n(r, 1, &ext)))
		return too_short();
	t->ext = (uint8_t)ext;
	left = (size_t)(r->end - r->p);
	if ((t->kind == ARRAY && t->n > left) || (t->kind == MAP && t->n > left / 2))
		return too_short();
	if (t->kind == STR || t->kind == BIN || t->kind == EXT) {
		if (t->n > left)
			return too_short();
		t->s = r->p;
		r->p += t->n;
	}
	return NULL;
}

static struct err *differs(const struct token *t, enum shape shape)
{
	return type_differs(shape, kind_words[t->kind]);
}

static struct err *read_string(const struct token *t, struct json_object **ret)
{
	const char *s = (const char *)t->s;

	if (t->kind != STR)
		return differs(t, SHAPE_STRING);
	if (utf8_span(s, t->n) != t->n)
		return err_new(ERR_PROTOCOL, "a string that is no UTF-8");
	*ret = json_object_new_string_len(s, (int)t->n);
	return NULL;
}

static struct err *read_float(const struct token *t, struct json_object **ret)
{
	const uint32_t half = (uint32_t)t->n;
	double d;
	float f;

	if (t->width == 4) {
		memcpy(&f, &half, sizeof(f));
		d = (double)f;
	} else {
		memcpy(&d, &t->n, sizeof(d));
	}
	if (!isfinite(d))
		return err_new(ERR_PROTOCOL, "a number that is not finite");
	*ret = json_object_new_double(d);
	return NULL;
}

static struct err *read_number(const struct token *t, struct json_object **ret)
{
	const unsigned shift = 64 - 8 * t->width;
	char text[24];

	if (t->kind == FLOAT)
		return read_float(t, ret);
	if (t->kind == UINT) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)t->n);
		*ret = number_new(text, strlen(text));
	} else if (t->kind == INT) {
		/* Sign extension. */
		*ret = json_object_new_int64((int64_t)(t->n << shift) >> shift);
	} else if (t->kind == STR) {
		if (!number_is((const char *)t->s, t->n))
			return err_new(ERR_PROTOCOL, "a number that is none");
		*ret = number_new((const char *)t->s, t->n);
	} else {
		return differs(t, SHAPE_NUMBER);
	}
	return NULL;
}

static struct err *read_value(struct reader *r, struct json_object *type, struct json_object **ret);

/* type: of each, or the list of theirs in a tuple. */
static struct err *read_list(struct reader *r, const struct token *t, enum shape shape,
			     struct json_object *type, struct json_object **ret)
{
	const bool tuple = shape == SHAPE_TUPLE;
	AUTO_JSON list = NULL;

	if (t->kind != ARRAY)
		return differs(t, shape);
	if (tuple && t->n != json_len(type))
		return err_new(ERR_PROTOCOL, "a tuple of %zu elements is wanted, not of %zu",
			       json_len(type), (size_t)t->n);
	list = json_object_new_array();
	for (size_t i = 0; i < t->n; i++) {
		struct json_object *v = NULL;
		struct err *e = read_value(r, tuple ? json_nth(type, i) : type, &v);

		if (e)
			return at_element(e, shape, i);
		json_object_array_add(list, v);
	}
	*ret = TAKE(list);
	return NULL;
}

static struct err *read_key(struct reader *r, char **ret)
{
	struct token t;
	struct err *e = take(r, &t);

	if (e)
		return e;
	if (t.kind != STR || memchr(t.s, '\0', t.n) || utf8_span((const char *)t.s, t.n) != t.n)
		return err_new(ERR_PROTOCOL, "a key that is no text");
	*ret = xstrndup((const char *)t.s, t.n);
	return NULL;
}

static struct err *read_map(struct reader *r, const struct token *t, struct json_object *type,
			    struct json_object **ret)
{
	AUTO_JSON map = NULL;

	if (t->kind != MAP)
		return differs(t, SHAPE_MAP);
	map = json_object_new_object();
	for (size_t i = 0; i < t->n; i++) {
		AUTO_STR key = NULL;
		struct json_object *v = NULL;
		struct err *e = read_key(r, &key);

		if (!e)
			e = at_key(read_value(r, type, &v), key);
		if (e)
			return e;
		json_set(map, key, v);
	}
	*ret = TAKE(map);
	return NULL;
}

static struct err *read_attr(struct reader *r, struct json_object *types, struct json_object *obj)
{
	AUTO_STR name = NULL;
	struct json_object *type = NULL;
	struct json_object *v = NULL;
	struct err *e = read_key(r, &name);

	if (e)
		return e;
	if (!json_object_object_get_ex(types, name, &type))
		return at_attr(err_new(ERR_PROTOCOL, "there is no such attribute"), name);
	if (json_has(obj, name))
		return at_attr(err_new(ERR_PROTOCOL, "it is there twice"), name);
	e = read_value(r, type, &v);
	if (e)
		return at_attr(e, name);
	(void)json_object_object_add_ex(obj, name, v, JSON_C_OBJECT_ADD_KEY_IS_NEW);
	return NULL;
}

static struct err *read_object(struct reader *r, const struct token *t, struct json_object *types,
			       struct json_object **ret)
{
	const size_t want = (size_t)json_object_object_length(types);
	AUTO_JSON obj = NULL;
	struct err *e;

	if (t->kind != MAP)
		return differs(t, SHAPE_OBJECT);
	obj = json_object_new_object();
	for (size_t i = 0; i < t->n; i++) {
		e = read_attr(r, types, obj);
		if (e)
			return e;
	}
	if (t->n != want)
		return err_new(ERR_PROTOCOL, "an object of %zu attributes is wanted, not of %zu",
			       want, (size_t)t->n);
	*ret = TAKE(obj);
	return NULL;
}

static struct err *read_dynamic(struct reader *r, const struct token *t, struct json_object **ret)
{
	AUTO_JSON type = NULL;
	struct json_object *v = NULL;
	struct token text;
	struct err *e;

	if (t->kind != ARRAY || t->n != 2)
		return differs(t, SHAPE_DYNAMIC);
	e = take(r, &text);
	if (!e && text.kind != BIN)
		e = differs(&text, SHAPE_DYNAMIC);
	if (!e)
		e = err_wrap(json_parse((const char *)text.s, text.n, &type), "its type");
	if (!e)
		e = value_check_type(type);
	if (!e)
		e = read_value(r, type, &v);
	if (!e)
		*ret = value_dynamic(TAKE(type), v);
	return e;
}

/* Terraform takes no extension but these two kinds back. */
static struct json_object *read_unknown(const struct token *t)
{
	return t->ext == EXT_REFINED && t->n <= REFINED_BYTES ? value_refined(t->s, t->n)
							      : value_unknown();
}

static struct err *read_known(struct reader *r, const struct token *t, struct json_object *type,
			      struct json_object **ret)
{
	const enum shape shape = type_shape(type);

	switch (shape) {
	case SHAPE_STRING: return read_string(t, ret);
	case SHAPE_NUMBER: return read_number(t, ret);
	case SHAPE_BOOL:
		if (t->kind != BOOL)
			return differs(t, shape);
		*ret = json_object_new_boolean(t->n == 0xc3);
		return NULL;
	case SHAPE_DYNAMIC: return read_dynamic(r, t, ret);
	case SHAPE_LIST:
	case SHAPE_SET:
	case SHAPE_TUPLE: return read_list(r, t, shape, type_of(type), ret);
	case SHAPE_MAP: return read_map(r, t, type_of(type), ret);
	case SHAPE_OBJECT: return read_object(r, t, type_of(type), ret);
	case SHAPE_NONE: break;
	}
	return value_check_type(type);
}

static struct err *read_value(struct reader *r, struct json_object *type, struct json_object **ret)
{
	struct token t;
	struct err *e = take(r, &t);

	if (e)
		return e;
	if (++r->count > VALUE_COUNT)
		return err_new(ERR_PROTOCOL, "more than %d values in one", VALUE_COUNT);
	if (r->depth == VALUE_DEPTH)
		return err_new(ERR_PROTOCOL, "nested deeper than %d", VALUE_DEPTH);
	if (t.kind == NIL) {
		*ret = NULL;
		return NULL;
	}
	if (t.kind == EXT) {
		*ret = read_unknown(&t);
		return NULL;
	}
	r->depth++;
	e = read_known(r, &t, type, ret);
	r->depth--;
	return e;
}

struct err *value_decode(const uint8_t *msgpack, size_t len, struct json_object *type,
			 struct json_object **ret)
{
	struct reader r = { .p = msgpack, .end = msgpack + len };
	AUTO_JSON v = NULL;
	struct err *e;

	if (len > VALUE_BYTES)
		return err_new(ERR_PROTOCOL, "a value of %zu bytes: more than %d", len,
			       VALUE_BYTES);
	e = at_told(read_value(&r, type, &v));
	if (e)
		return e;
	if (r.p != r.end)
		return err_new(ERR_PROTOCOL, "%zu bytes after the value", (size_t)(r.end - r.p));
	*ret = TAKE(v);
	return NULL;
}
