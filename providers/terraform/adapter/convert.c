#include <stdlib.h>
#include <string.h>

#include "convert.h"
#include "protocol/value.h"
#include "text.h"

/* ---- types ---- */

static const char *type_word(struct json_object *type)
{
	return json_object_get_string(json_object_is_type(type, json_type_array) ? json_nth(type, 0)
										 : type);
}

static struct json_object *conform_number(struct json_object *v)
{
	static const struct attr integer = { "", INT, 0, "" }, real = { "", FLOAT, 0, "" };
	AUTO_JSON n = attr_typed(&integer, v);

	if (json_object_is_type(n, json_type_string)) {
		json_object_put(n);
		n = attr_typed(&real, v);
	}
	return json_object_is_type(n, json_type_int) || json_object_is_type(n, json_type_double)
		       ? TAKE(n)
		       : NULL;
}

static struct json_object *conform_bool(struct json_object *v)
{
	static const struct attr truth = { "", BOOL, 0, "" };
	AUTO_JSON b = attr_typed(&truth, v);

	return json_object_is_type(b, json_type_boolean) ? TAKE(b) : NULL;
}

static struct json_object *conform_text(struct json_object *v)
{
	AUTO_STR text =
		json_object_is_type(v, json_type_array) || json_object_is_type(v, json_type_object)
			? xstrdup(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN))
			: json_text(v);

	return json_object_new_string(text);
}

static struct json_object *conform_list(struct json_object *inner, struct json_object *v)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(v); i++)
		json_object_array_add(list, conform(inner, json_nth(v, i)));
	return list;
}

static struct json_object *conform_map(struct json_object *inner, struct json_object *v)
{
	struct json_object *map = json_object_new_object();

	json_object_object_foreach(v, key, one) {
		json_set(map, key, conform(inner, one));
	}
	return map;
}

static struct json_object *conform_object(struct json_object *fields, struct json_object *v)
{
	struct json_object *o = json_object_new_object();

	json_object_object_foreach(fields, key, type) {
		json_set(o, key, conform(type, json_at(v, key)));
	}
	return o;
}

struct json_object *conform(struct json_object *type, struct json_object *v)
{
	const char *word = type_word(type);
	const bool map = json_object_is_type(v, json_type_object);

	if (!v || value_is_unknown(v))
		return json_copy(v);
	if (strcmp(word, "string") == 0)
		return conform_text(v);
	if (strcmp(word, "number") == 0)
		return conform_number(v);
	if (strcmp(word, "bool") == 0)
		return conform_bool(v);
	if (strcmp(word, "list") == 0 || strcmp(word, "set") == 0)
		return json_object_is_type(v, json_type_array) ? conform_list(json_nth(type, 1), v)
							       : NULL;
	if (strcmp(word, "map") == 0)
		return map ? conform_map(json_nth(type, 1), v) : NULL;
	if (strcmp(word, "object") == 0)
		return map ? conform_object(json_nth(type, 1), v) : NULL;
	return json_copy(v);
}

bool row_is_set(const struct row *row)
{
	return strcmp(type_word(row->type), "set") == 0;
}

/* ---- to the engine ---- */

bool row_unknown(const struct row *row, struct json_object *v)
{
	return row->sub ? value_is_unknown(v) : value_has_unknown(v);
}

static struct json_object *objects_want(const struct row *row, struct json_object *list)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(ret, rows_want(row->sub, json_nth(list, i)));
	return ret;
}

struct json_object *row_want(const struct row *row, struct json_object *v)
{
	const struct attr *a = row->a;

	if (!v)
		return NULL;
	if (row->sub && a->type == OBJ && json_object_is_type(v, json_type_array))
		return json_len(v) ? rows_want(row->sub, json_nth(v, 0)) : NULL;
	if (row->sub)
		return objects_want(row, v);
	if (a->type == RAW && json_object_is_type(v, json_type_string)) {
		struct json_object *parsed = NULL;
		struct err *e = json_parse(json_object_get_string(v),
					   (size_t)json_object_get_string_len(v), &parsed);

		if (!e)
			return parsed;
		err_free(e);
	}
	if (a->type == STR && !json_object_is_type(v, json_type_string))
		return conform_text(v);
	return attr_typed(a, v);
}

struct json_object *rows_want(const struct row *rows, struct json_object *values)
{
	struct json_object *want = json_object_new_object();

	for (const struct row *row = rows; row->name; row++) {
		struct json_object *v = json_at(values, row->name);

		if (row->a && v && !row_unknown(row, v))
			json_set(want, row->a->name, row_want(row, v));
	}
	return want;
}

struct json_object *row_clear(const struct row *row)
{
	switch (row->a ? row->a->type : RAW) {
	case STR: return json_object_new_string("");
	case LIST:
	case SET: return json_object_new_array();
	case MAP: return json_object_new_object();
	case BOOL:
	case INT:
	case FLOAT:
	case OBJ:
	case RAW: break;
	}
	return NULL;
}

/* ---- from the engine ---- */

static struct json_object *objects_shown(const struct row *row, struct json_object *v)
{
	struct json_object *ret = json_object_new_array();
	const bool one = json_object_is_type(v, json_type_object);
	const size_t n = one ? json_object_object_length(v) > 0 : json_len(v);

	for (size_t i = 0; i < n; i++) {
		struct json_object *from = one ? v : json_nth(v, i), *to = json_object_new_object();

		for (const struct row *sub = row->sub; sub->name; sub++)
			json_set(to, sub->name, row_shown(sub, from));
		json_object_array_add(ret, to);
	}
	return ret;
}

struct json_object *row_shown(const struct row *row, struct json_object *have)
{
	struct json_object *v = row->a ? json_at(have, row->a->name) : NULL;
	AUTO_JSON objects = NULL;

	if (!row->sub)
		return conform(row->type, v);
	objects = objects_shown(row, v);
	return conform(row->type, objects);
}

/* ---- comparing ---- */

static bool objects_same(const struct row *rows, struct json_object *x, struct json_object *y)
{
	for (const struct row *row = rows; row->name; row++)
		if (!row_same(row, json_at(x, row->name), json_at(y, row->name)))
			return false;
	return true;
}

static bool elements_same(const struct row *row, struct json_object *x, struct json_object *y)
{
	const size_t n = json_len(x);
	AUTO_STR taken = xcalloc(n + 1, 1);

	if (n != json_len(y))
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t k = row_is_set(row) ? 0 : i;
		const size_t end = row_is_set(row) ? n : i + 1;

		while (k < end &&
		       (taken[k] || !objects_same(row->sub, json_nth(x, i), json_nth(y, k))))
			k++;
		if (k == end)
			return false;
		taken[k] = 1;
	}
	return true;
}

/* Sets of plain values, in no order. */
static bool members_same(struct json_object *x, struct json_object *y)
{
	if (json_len(x) != json_len(y))
		return false;
	for (size_t i = 0; i < json_len(x); i++) {
		size_t k = 0;

		while (k < json_len(y) && !value_equal(json_nth(x, i), json_nth(y, k)))
			k++;
		if (k == json_len(y))
			return false;
	}
	return true;
}

bool row_same(const struct row *row, struct json_object *x, struct json_object *y)
{
	if (value_has_unknown(x) || value_has_unknown(y))
		return false;
	if (json_empty(x) && json_empty(y))
		return true;
	if (row->single)
		return value_equal(x, y);
	if (row->sub)
		return elements_same(row, x, y);
	if (row->a && x && y) {
		AUTO_JSON want = row_want(row, x);
		AUTO_JSON have = row_want(row, y);

		/* Of a map that is merged into what is there, one that has more is another one. */
		return attr_equal(row->a, want, have) &&
		       (!(row->a->flags & MERGE) || attr_equal(row->a, have, want));
	}
	return row_is_set(row) && x && y ? members_same(x, y) : value_equal(x, y);
}

/* ---- filling in ---- */

static struct json_object *object_fill(const struct row *row, struct json_object *planned,
				       struct json_object *actual)
{
	struct json_object *o = json_object_new_object();

	for (const struct row *sub = row->sub; sub->name; sub++)
		json_set(o, sub->name,
			 row_fill(sub, json_at(planned, sub->name), json_at(actual, sub->name)));
	return o;
}

/* Whether an object may be the one that was planned: all that was known is so. */
static bool may_be(const struct row *rows, struct json_object *planned, struct json_object *actual)
{
	for (const struct row *row = rows; row->name; row++) {
		struct json_object *v = json_at(planned, row->name);

		if (v && !value_has_unknown(v) && !row_same(row, v, json_at(actual, row->name)))
			return false;
	}
	return true;
}

static struct json_object *list_fill(const struct row *row, struct json_object *planned,
				     struct json_object *actual)
{
	struct json_object *list = json_object_new_array();
	AUTO_STR taken = xcalloc(json_len(actual) + 1, 1);

	for (size_t i = 0; i < json_len(planned); i++) {
		struct json_object *v = json_nth(planned, i), *found = NULL;

		for (size_t k = 0; k < json_len(actual) && !found; k++) {
			if (taken[k] || !may_be(row->sub, v, json_nth(actual, k)))
				continue;
			found = json_nth(actual, k);
			taken[k] = 1;
		}
		json_object_array_add(list, object_fill(row, v, found));
	}
	return list;
}

struct json_object *value_fill(struct json_object *planned, struct json_object *actual)
{
	const bool list = json_object_is_type(planned, json_type_array);
	struct json_object *ret;

	if (!value_has_unknown(planned) || value_is_unknown(planned))
		return json_copy(value_is_unknown(planned) ? actual : planned);
	ret = list ? json_object_new_array() : json_object_new_object();
	for (size_t i = 0; list && i < json_len(planned); i++)
		json_object_array_add(ret, value_fill(json_nth(planned, i), json_nth(actual, i)));
	if (list)
		return ret;
	json_object_object_foreach(planned, key, v) {
		struct json_object *now = NULL;

		(void)json_object_object_get_ex(actual, key, &now);
		json_set(ret, key, value_fill(v, now));
	}
	return ret;
}

struct json_object *row_fill(const struct row *row, struct json_object *planned,
			     struct json_object *actual)
{
	if (!value_has_unknown(planned))
		return json_copy(planned);
	if (!value_is_unknown(planned) && row->sub && !row->single)
		return list_fill(row, planned, actual);
	if (!value_is_unknown(planned) && json_is_str(row->type, "dynamic"))
		return value_fill(value_inner(planned), value_inner(actual));
	return value_has_unknown(actual) ? NULL : json_copy(actual);
}

void rows_complete(const struct row *rows, struct json_object *values)
{
	for (const struct row *row = rows; row->name; row++) {
		struct json_object *v = json_at(values, row->name);

		if (!(row->flags & TF_BLOCK) || row->single)
			continue;
		if (!v)
			json_set(values, row->name, json_object_new_array());
		for (size_t i = 0; i < json_len(v); i++)
			rows_complete(row->sub, json_nth(v, i));
	}
}

const char *row_for(const struct row *rows, const char *option)
{
	for (const struct row *row = rows; row->name && option; row++)
		if (row->a &&
		    (strcmp(row->a->name, option) == 0 || strcmp(attr_option(row->a), option) == 0))
			return row->name;
	return option;
}
