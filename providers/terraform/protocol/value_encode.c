#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scalar.h"
#include "type.h"

struct writer {
	struct buf *out;
	int depth;
};

static void put(struct writer *w, const void *s, size_t len)
{
	(void)buf_add(w->out, s, len);
}

/* A byte, and a number in so many bytes. */
static void put_n(struct writer *w, unsigned head, unsigned width, uint64_t n)
{
	unsigned char s[9] = { (unsigned char)head };

	for (unsigned i = 0; i < width; i++)
		s[width - i] = (unsigned char)(n >> (8 * i));
	put(w, s, width + 1);
}

/*
 * A length: within the first byte if below `small`, else after `head` in 1 byte (where there is such a
 * form), 2 or 4; the forms' first bytes follow one another.
 */
static void put_len(struct writer *w, unsigned fixed, size_t small, unsigned head, bool has_1,
		    size_t n)
{
	if (n < small)
		put_n(w, fixed | (unsigned)n, 0, 0);
	else if (has_1 && n <= UINT8_MAX)
		put_n(w, head, 1, n);
	else if (n <= UINT16_MAX)
		put_n(w, head + has_1, 2, n);
	else
		put_n(w, head + has_1 + 1, 4, n);
}

static void put_str(struct writer *w, const char *s, size_t len)
{
	put_len(w, 0xa0, 32, 0xd9, true, len);
	put(w, s, len);
}

static void put_array(struct writer *w, size_t n)
{
	put_len(w, 0x90, 16, 0xdc, false, n);
}

static void put_map(struct writer *w, size_t n)
{
	put_len(w, 0x80, 16, 0xde, false, n);
}

static void put_int(struct writer *w, int64_t i)
{
	const uint64_t n = (uint64_t)i;

	if (i >= -32 && i < 128)
		put_n(w, (unsigned)n & 0xff, 0, 0);
	else if (i >= 0 && i <= UINT8_MAX)
		put_n(w, 0xcc, 1, n);
	else if (i >= 0 && i <= UINT16_MAX)
		put_n(w, 0xcd, 2, n);
	else if (i >= 0 && i <= UINT32_MAX)
		put_n(w, 0xce, 4, n);
	else if (i >= 0)
		put_n(w, 0xcf, 8, n);
	else if (i >= INT8_MIN)
		put_n(w, 0xd0, 1, n);
	else if (i >= INT16_MIN)
		put_n(w, 0xd1, 2, n);
	else if (i >= INT32_MIN)
		put_n(w, 0xd2, 4, n);
	else
		put_n(w, 0xd3, 8, n);
}

static struct err *differs(struct json_object *v, enum shape shape)
{
	return type_differs(shape, json_type_words(v));
}

static void put_unknown(struct writer *w, struct json_object *v)
{
	const char *hex = json_str(v, KEY_UNKNOWN);
	const size_t len = hex ? strlen(hex) / 2 : 0;
	char digits[3] = "";

	if (!hex) {
		put(w, "\xd4\0\0", 3);
		return;
	}
	put_len(w, 0, 0, 0xc7, true, len);
	put_n(w, EXT_REFINED, 0, 0);
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, hex + 2 * i, 2);
		put_n(w, (unsigned)strtoul(digits, NULL, 16), 0, 0);
	}
}

static struct err *put_number(struct writer *w, struct json_object *v)
{
	const char *kept = number_kept(v);
	uint64_t bits;
	double d;

	if (json_object_is_type(v, json_type_int)) {
		/* json-c has integers beyond int64; Terraform takes their digits. */
		if (json_object_get_uint64(v) > INT64_MAX)
			kept = json_object_get_string(v);
		else
			put_int(w, json_object_get_int64(v));
	} else if (!json_object_is_type(v, json_type_double)) {
		return differs(v, SHAPE_NUMBER);
	} else if (!kept) {
		d = json_object_get_double(v);
		if (!isfinite(d))
			return err_new(ERR_PROTOCOL, "a number that is not finite");
		memcpy(&bits, &d, sizeof(bits));
		put_n(w, 0xcb, 8, bits);
	}
	if (kept)
		put_str(w, kept, strlen(kept));
	return NULL;
}

static struct err *put_value(struct writer *w, struct json_object *v, struct json_object *type);

static struct err *put_list(struct writer *w, struct json_object *v, enum shape shape,
			    struct json_object *type)
{
	const bool tuple = shape == SHAPE_TUPLE;
	struct err *e = NULL;

	if (!json_object_is_type(v, json_type_array))
		return differs(v, shape);
	if (tuple && json_len(v) != json_len(type))
		return err_new(ERR_PROTOCOL, "a tuple of %zu elements is wanted, not of %zu",
			       json_len(type), json_len(v));
	put_array(w, json_len(v));
	for (size_t i = 0; i < json_len(v) && !e; i++)
		e = at_element(put_value(w, json_nth(v, i), tuple ? json_nth(type, i) : type),
			       shape, i);
	return e;
}

static struct err *put_keys(struct writer *w, struct json_object *v, struct json_object *type)
{
	struct err *e;

	if (!json_object_is_type(v, json_type_object))
		return differs(v, SHAPE_MAP);
	put_map(w, (size_t)json_object_object_length(v));
	json_object_object_foreach(v, key, inner) {
		put_str(w, key, strlen(key));
		e = at_key(put_value(w, inner, type), key);
		if (e)
			return e;
	}
	return NULL;
}

static struct err *put_object(struct writer *w, struct json_object *v, struct json_object *types)
{
	struct json_object *attr;
	struct err *e;

	if (!json_object_is_type(v, json_type_object))
		return differs(v, SHAPE_OBJECT);
	json_object_object_foreach(v, given, unused) {
		(void)unused;
		if (!json_has(types, given))
			return at_attr(err_new(ERR_PROTOCOL, "there is no such attribute"), given);
	}
	put_map(w, (size_t)json_object_object_length(types));
	json_object_object_foreach(types, name, type) {
		attr = NULL;
		json_object_object_get_ex(v, name, &attr);
		put_str(w, name, strlen(name));
		e = at_attr(put_value(w, attr, type), name);
		if (e)
			return e;
	}
	return NULL;
}

/* New: the type that a plain value shows. */
static struct json_object *shown_type(struct json_object *v)
{
	struct json_object *of, *type;
	const char *name = "dynamic";

	if (json_object_is_type(v, json_type_array)) {
		name = "tuple";
		of = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(of, shown_type(json_nth(v, i)));
	} else if (json_object_is_type(v, json_type_object) && !value_is_unknown(v) &&
		   !json_has(v, KEY_TYPE)) {
		name = "object";
		of = json_object_new_object();
		json_object_object_foreach(v, key, inner)
			json_set(of, key, shown_type(inner));
	} else {
		if (json_object_is_type(v, json_type_string))
			name = "string";
		else if (json_object_is_type(v, json_type_boolean))
			name = "bool";
		else if (v && !json_object_is_type(v, json_type_object))
			name = "number";
		return json_object_new_string(name);
	}
	type = json_object_new_array();
	json_object_array_add(type, json_object_new_string(name));
	json_object_array_add(type, of);
	return type;
}

static struct err *put_dynamic(struct writer *w, struct json_object *v)
{
	AUTO_JSON type =
		json_has(v, KEY_TYPE) ? json_object_get(json_at(v, KEY_TYPE)) : shown_type(v);
	const char *text = json_object_to_json_string_ext(type, JSON_C_TO_STRING_PLAIN);

	put_array(w, 2);
	put_len(w, 0, 0, 0xc4, true, strlen(text));
	put(w, text, strlen(text));
	return put_value(w, value_inner(v), type);
}

static struct err *put_known(struct writer *w, struct json_object *v, struct json_object *type)
{
	const enum shape shape = type_shape(type);

	switch (shape) {
	case SHAPE_STRING:
		if (!json_object_is_type(v, json_type_string))
			return differs(v, shape);
		put_str(w, json_object_get_string(v), (size_t)json_object_get_string_len(v));
		return NULL;
	case SHAPE_NUMBER: return put_number(w, v);
	case SHAPE_BOOL:
		if (!json_object_is_type(v, json_type_boolean))
			return differs(v, shape);
		put_n(w, json_object_get_boolean(v) ? 0xc3 : 0xc2, 0, 0);
		return NULL;
	case SHAPE_DYNAMIC: return put_dynamic(w, v);
	case SHAPE_LIST:
	case SHAPE_SET:
	case SHAPE_TUPLE: return put_list(w, v, shape, type_of(type));
	case SHAPE_MAP: return put_keys(w, v, type_of(type));
	case SHAPE_OBJECT: return put_object(w, v, type_of(type));
	case SHAPE_NONE: break;
	}
	return value_check_type(type);
}

static struct err *put_value(struct writer *w, struct json_object *v, struct json_object *type)
{
	struct err *e;

	if (!v) {
		put_n(w, 0xc0, 0, 0);
		return NULL;
	}
	if (value_is_unknown(v)) {
		put_unknown(w, v);
		return NULL;
	}
	if (w->depth == VALUE_DEPTH)
		return err_new(ERR_PROTOCOL, "nested deeper than %d", VALUE_DEPTH);
	w->depth++;
	e = put_known(w, v, type);
	w->depth--;
	return e;
}

struct err *value_encode(struct json_object *v, struct json_object *type, struct buf *out)
{
	AUTO_BUF own = BUF_INIT;
	struct writer w = { .out = &own };
	struct err *e = at_told(put_value(&w, v, type));

	if (!e && !buf_add(out, own.s, own.len))
		e = err_new(ERR_PROTOCOL, "a value of %zu bytes: more than fits", own.len);
	buf_wipe(&own);
	return e;
}
