#include <string.h>

#include "scalar.h"
#include "type.h"

static const char mark[] = "e0";
enum { INT64_DIGITS = 19 };

static bool in(const char *set, char c)
{
	return c && strchr(set, c);
}

/*
 * The JSON parser would cut integers off at 64 bits, but keeps the digits of what has an exponent: so
 * the long ones get one, which from_number() takes off again.
 */
static void mark_numbers(const char *json, size_t len, struct buf *out)
{
	const char *end = json + len, *done = json, *p = json, *from;
	bool quoted = false, integer;

	while (p < end) {
		if (quoted || !in("-0123456789", *p)) {
			quoted ^= *p == '"';
			p += quoted && *p == '\\' && p + 1 < end ? 2 : 1;
			continue;
		}
		from = p;
		for (integer = true; p < end && in("+-.eE0123456789", *p); p++)
			integer &= !in(".eE", *p);
		if (integer && p - from >= INT64_DIGITS) {
			(void)buf_add(out, done, (size_t)(p - done));
			buf_adds(out, mark);
			done = p;
		}
	}
	(void)buf_add(out, done, (size_t)(end - done));
}

static struct err *from_number(struct json_object *v, struct json_object **ret)
{
	const char *text = json_object_get_string(v);
	size_t len = strlen(text);

	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
		return type_differs(SHAPE_NUMBER, json_type_words(v));
	if (len > strlen(mark) && strcmp(text + len - strlen(mark), mark) == 0)
		len -= strlen(mark);
	if (!number_is(text, len))
		return err_new(ERR_PROTOCOL, "a number beyond measure");
	*ret = number_new(text, len);
	return NULL;
}

static struct err *from_value(struct json_object *v, struct json_object *type,
			      struct json_object **ret);

static struct err *from_list(struct json_object *v, enum shape shape, struct json_object *type,
			     struct json_object **ret)
{
	const bool tuple = shape == SHAPE_TUPLE;
	AUTO_JSON list = NULL;

	if (!json_object_is_type(v, json_type_array))
		return type_differs(shape, json_type_words(v));
	if (tuple && json_len(v) != json_len(type))
		return err_new(ERR_PROTOCOL, "a tuple of %zu elements is wanted, not of %zu",
			       json_len(type), json_len(v));
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(v); i++) {
		struct json_object *to = NULL;
		struct err *e = from_value(json_nth(v, i), tuple ? json_nth(type, i) : type, &to);

		if (e)
			return at_element(e, shape, i);
		json_object_array_add(list, to);
	}
	*ret = TAKE(list);
	return NULL;
}

static struct err *from_map(struct json_object *v, struct json_object *type,
			    struct json_object **ret)
{
	AUTO_JSON map = NULL;

	if (!json_object_is_type(v, json_type_object))
		return type_differs(SHAPE_MAP, json_type_words(v));
	map = json_object_new_object();
	json_object_object_foreach(v, key, inner) {
		struct json_object *to = NULL;
		struct err *e = from_value(inner, type, &to);

		if (e)
			return at_key(e, key);
		json_set(map, key, to);
	}
	*ret = TAKE(map);
	return NULL;
}

static struct err *from_object(struct json_object *v, struct json_object *types,
			       struct json_object **ret)
{
	AUTO_JSON obj = NULL;

	if (!json_object_is_type(v, json_type_object))
		return type_differs(SHAPE_OBJECT, json_type_words(v));
	obj = json_object_new_object();
	json_object_object_foreach(types, name, type) {
		struct json_object *from = NULL, *to = NULL;
		struct err *e;

		json_object_object_get_ex(v, name, &from);
		e = from_value(from, type, &to);
		if (e)
			return at_attr(e, name);
		(void)json_object_object_add_ex(obj, name, to, JSON_C_OBJECT_ADD_KEY_IS_NEW);
	}
	*ret = TAKE(obj);
	return NULL;
}

static struct err *from_dynamic(struct json_object *v, struct json_object **ret)
{
	struct json_object *type = json_at(v, "type"), *to = NULL;
	struct err *e = type && json_has(v, "value")
				? value_check_type(type)
				: type_differs(SHAPE_DYNAMIC, json_type_words(v));

	if (!e)
		e = from_value(json_at(v, "value"), type, &to);
	if (!e)
		*ret = value_dynamic(json_copy(type), to);
	return e;
}

static struct err *from_value(struct json_object *v, struct json_object *type,
			      struct json_object **ret)
{
	const enum shape shape = type_shape(type);

	if (!v) {
		*ret = NULL;
		return NULL;
	}
	switch (shape) {
	case SHAPE_STRING:
	case SHAPE_BOOL:
		if (!json_object_is_type(v, shape == SHAPE_BOOL ? json_type_boolean
								: json_type_string))
			return type_differs(shape, json_type_words(v));
		*ret = json_copy(v);
		return NULL;
	case SHAPE_NUMBER: return from_number(v, ret);
	case SHAPE_DYNAMIC: return from_dynamic(v, ret);
	case SHAPE_LIST:
	case SHAPE_SET:
	case SHAPE_TUPLE: return from_list(v, shape, type_of(type), ret);
	case SHAPE_MAP: return from_map(v, type_of(type), ret);
	case SHAPE_OBJECT: return from_object(v, type_of(type), ret);
	case SHAPE_NONE: break;
	}
	return value_check_type(type);
}

struct err *value_from_state(const char *json, size_t len, struct json_object *type,
			     struct json_object **ret)
{
	AUTO_BUF marked = BUF_INIT;
	AUTO_JSON parsed = NULL;
	struct err *e;

	if (len > VALUE_BYTES)
		return err_new(ERR_PROTOCOL, "a state of %zu bytes: more than %d", len,
			       VALUE_BYTES);
	mark_numbers(json, len, &marked);
	e = json_parse(marked.s, marked.len, &parsed);
	if (!e)
		e = at_told(from_value(parsed, type, ret));
	buf_wipe(&marked);
	return e;
}
