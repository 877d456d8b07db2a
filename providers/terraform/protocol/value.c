#include <string.h>

#include "scalar.h"
#include "type.h"

struct json_object *value_unknown(void)
{
	return json_wrap(KEY_UNKNOWN, NULL);
}

struct json_object *value_refined(const uint8_t *s, size_t len)
{
	AUTO_BUF hex = BUF_INIT;

	for (size_t i = 0; i < len; i++)
		buf_addf(&hex, "%02x", s[i]);
	return json_wrap(KEY_UNKNOWN, json_object_new_string(hex.s));
}

bool value_is_unknown(struct json_object *v)
{
	return json_has(v, KEY_UNKNOWN);
}

bool value_has_unknown(struct json_object *v)
{
	if (value_is_unknown(v))
		return true;
	for (size_t i = 0; i < json_len(v); i++)
		if (value_has_unknown(json_nth(v, i)))
			return true;
	if (!json_object_is_type(v, json_type_object))
		return false;
	json_object_object_foreach(v, key, inner) {
		(void)key;
		if (value_has_unknown(inner))
			return true;
	}
	return false;
}

struct json_object *value_dynamic(struct json_object *type, struct json_object *v)
{
	struct json_object *pair = json_wrap(KEY_TYPE, type);

	json_set(pair, KEY_VALUE, v);
	return pair;
}

struct json_object *value_inner(struct json_object *v)
{
	return json_has(v, KEY_TYPE) ? json_at(v, KEY_VALUE) : v;
}

static bool lists_equal(struct json_object *a, struct json_object *b)
{
	if (json_len(a) != json_len(b))
		return false;
	for (size_t i = 0; i < json_len(a); i++)
		if (!value_equal(json_nth(a, i), json_nth(b, i)))
			return false;
	return true;
}

static bool objects_equal(struct json_object *a, struct json_object *b)
{
	struct json_object *other;

	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	json_object_object_foreach(a, key, v)
		if (!json_object_object_get_ex(b, key, &other) || !value_equal(v, other))
			return false;
	return true;
}

static bool is_number(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
}

bool value_equal(struct json_object *a, struct json_object *b)
{
	if (is_number(a) && is_number(b))
		return number_equal(a, b);
	if (json_object_get_type(a) != json_object_get_type(b))
		return false;
	if (json_object_is_type(a, json_type_array))
		return lists_equal(a, b);
	if (json_object_is_type(a, json_type_object))
		return objects_equal(a, b);
	return json_object_equal(a, b);
}
