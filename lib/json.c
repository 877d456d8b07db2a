#include <string.h>

#include "json.h"

struct err *json_parse(const char *s, size_t len, struct json_object **ret)
{
	struct json_tokener *t;
	struct json_object *v;
	struct err *e = NULL;
	enum json_tokener_error why;
	size_t end;

	if (len > JSON_BYTES)
		return err_new(ERR_PROTOCOL, "JSON of %zu bytes: more than %d", len, JSON_BYTES);
	/* The tokener would take it for the end, and what follows for nothing. */
	if (memchr(s, '\0', len))
		return err_new(ERR_PROTOCOL, "no JSON: it holds a NUL byte");
	t = json_tokener_new_ex(JSON_DEPTH);
	if (!t)
		return err_new(ERR_PROTOCOL, "out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	/* The terminating NUL tells the tokener that a bare number has ended. */
	v = json_tokener_parse_ex(t, s, (int)len);
	if (json_tokener_get_error(t) == json_tokener_continue)
		v = json_tokener_parse_ex(t, "", 1);
	why = json_tokener_get_error(t);
	end = json_tokener_get_parse_end(t);
	if (why == json_tokener_continue)
		e = err_new(ERR_PROTOCOL, "no JSON: it ends too early");
	else if (why != json_tokener_success)
		e = err_new(ERR_PROTOCOL, "no JSON: %s at byte %zu", json_tokener_error_desc(why),
			    end);
	json_tokener_free(t);
	if (e) {
		json_object_put(v);
		return e;
	}
	*ret = v;
	return NULL;
}

struct json_object *json_at(struct json_object *obj, const char *path)
{
	struct json_object *v = NULL;
	const char *dot = strchr(path, '.');

	if (!json_object_is_type(obj, json_type_object))
		return NULL;
	if (json_object_object_get_ex(obj, path, &v) || !dot)
		return v;
	AUTO_STR head = xstrndup(path, (size_t)(dot - path));
	return json_object_object_get_ex(obj, head, &v) ? json_at(v, dot + 1) : NULL;
}

bool json_has(struct json_object *obj, const char *key)
{
	return json_object_is_type(obj, json_type_object) &&
	       json_object_object_get_ex(obj, key, NULL);
}

const char *json_str(struct json_object *obj, const char *path)
{
	struct json_object *v = json_at(obj, path);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

int64_t json_int(struct json_object *obj, const char *path, int64_t fallback)
{
	struct json_object *v = json_at(obj, path);

	return json_object_is_type(v, json_type_int) ? json_object_get_int64(v) : fallback;
}

bool json_truth(struct json_object *obj, const char *path, bool fallback)
{
	struct json_object *v = json_at(obj, path);

	return json_object_is_type(v, json_type_boolean) ? json_object_get_boolean(v) : fallback;
}

char *json_text(struct json_object *v)
{
	if (json_object_is_type(v, json_type_string))
		return xstrdup(json_object_get_string(v));
	return xstrdup(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct json_object *json_copy(struct json_object *v)
{
	struct json_object *copy = NULL;

	if (v && json_object_deep_copy(v, &copy, NULL) < 0)
		abort(); /* only out of memory */
	return copy;
}

struct json_object *json_wrap(const char *key, struct json_object *inner)
{
	struct json_object *o = json_object_new_object();

	json_set(o, key, inner);
	return o;
}

void json_set(struct json_object *obj, const char *key, struct json_object *v)
{
	if (json_object_object_add(obj, key, v) < 0)
		abort(); /* only out of memory */
}

void json_put(struct json_object *obj, const char *key, struct json_object *v)
{
	if (json_object_object_add_ex(
		    obj, key, v, JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY) < 0)
		abort(); /* only out of memory */
}

void json_sets(struct json_object *obj, const char *key, const char *s)
{
	json_set(obj, key, s ? json_object_new_string(s) : NULL);
}

size_t json_len(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

struct json_object *json_nth(struct json_object *list, size_t i)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_get_idx(list, i)
							  : NULL;
}

bool json_list_has(struct json_object *list, struct json_object *item)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_equal(json_nth(list, i), item))
			return true;
	return false;
}

bool json_is_str(struct json_object *v, const char *s)
{
	return json_object_is_type(v, json_type_string) &&
	       strcmp(json_object_get_string(v), s) == 0;
}

bool json_empty(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null: return true;
	case json_type_string: return !*json_object_get_string(v);
	case json_type_array: return json_object_array_length(v) == 0;
	case json_type_object: return json_object_object_length(v) == 0;
	case json_type_boolean:
	case json_type_double:
	case json_type_int: break;
	}
	return false;
}

const char *json_type_words(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null: return "null";
	case json_type_string: return "a string";
	case json_type_array: return "a list";
	case json_type_object: return "a dictionary";
	case json_type_boolean: return "a boolean";
	case json_type_double: return "a float";
	case json_type_int: return "an integer";
	}
	return "unknown";
}
