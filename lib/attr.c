#include <string.h>

#include "resource.h"

static const char MASK[] = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";

const char *attr_option(const struct attr *a)
{
	return a->option ? a->option : a->name;
}

const char *attr_wire(const struct attr *a)
{
	return a->wire ? a->wire : a->name;
}

const struct attr *attr_named(const struct attr *attrs, const char *name)
{
	for (const struct attr *a = attrs; a && a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

/* ---- comparing what is wanted with what is there ---- */

static bool scalar_equal(struct json_object *x, struct json_object *y)
{
	if (json_empty(x) && json_empty(y))
		return true; /* services answer "" or [] for what was never set */
	if (json_object_equal(x, y))
		return true;
	if (json_object_is_type(x, json_type_double) || json_object_is_type(y, json_type_double))
		return !json_object_is_type(x, json_type_string) &&
		       !json_object_is_type(y, json_type_string) &&
		       json_object_get_double(x) == json_object_get_double(y);
	if (!x || !y || json_object_get_type(x) == json_object_get_type(y))
		return false;
	/* "10" and 10 are one value: Nova and Keystone keep numbers in maps as strings. */
	AUTO_STR s = json_text(x);
	AUTO_STR t = json_text(y);
	return strcmp(s, t) == 0;
}

/* Whether `have` has all that `want` asks for; it may have more. */
static bool covers(const struct attr *sub, struct json_object *want, struct json_object *have)
{
	if (!json_object_is_type(want, json_type_object))
		return scalar_equal(want, have);
	json_object_object_foreach(want, key, v)
	{
		const struct attr *a = sub ? attr_named(sub, key) : NULL;
		struct json_object *h = json_at(have, key);

		if (a ? !attr_equal(a, v, h) : !covers(NULL, v, h))
			return false;
	}
	return true;
}

static bool set_equal(const struct attr *a, struct json_object *want, struct json_object *have)
{
	const size_t n = json_len(want);
	AUTO_STR used = xcalloc(n + 1, 1);

	if (n != json_len(have))
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (j < n && (used[j] || !covers(a->sub, json_nth(want, i), json_nth(have, j))))
			j++;
		if (j == n)
			return false;
		used[j] = 1;
	}
	return true;
}

static bool list_equal(const struct attr *a, struct json_object *want, struct json_object *have)
{
	if (json_len(want) != json_len(have))
		return false;
	for (size_t i = 0; i < json_len(want); i++)
		if (!covers(a->sub, json_nth(want, i), json_nth(have, i)))
			return false;
	return true;
}

bool attr_equal(const struct attr *a, struct json_object *want, struct json_object *have)
{
	if (json_empty(want) && json_empty(have))
		return true;
	switch (a->type) {
	case SET: return set_equal(a, want, have);
	case LIST: return list_equal(a, want, have);
	case MAP:
	case RAW:
		if (a->flags & MERGE)
			return covers(NULL, want, have);
		return covers(NULL, want, have) && covers(NULL, have, want);
	case OBJ: return want && have && covers(a->sub, want, have);
	case STR:
	case BOOL:
	case INT:
	case FLOAT: break;
	}
	return scalar_equal(want, have);
}

/* ---- wire ---- */

static struct json_object *sub_decode(const struct attr *sub, struct json_object *wire)
{
	struct json_object *o;

	if (!json_object_is_type(wire, json_type_object))
		return json_copy(wire);
	o = json_copy(wire);
	for (const struct attr *a = sub; a->name; a++) {
		if (!a->wire || !json_has(wire, a->wire))
			continue;
		json_object_object_del(o, a->wire);
		json_set(o, a->name, json_copy(json_at(wire, a->wire)));
	}
	return o;
}

static struct json_object *value_decode(const struct attr *a, struct json_object *wire)
{
	struct json_object *v, *list;

	if (a->decode)
		return a->decode(wire);
	v = json_at(wire, a->read ? a->read : attr_wire(a));
	if (!a->sub)
		return json_copy(v);
	if (a->type == OBJ)
		return sub_decode(a->sub, v);
	if (!json_object_is_type(v, json_type_array))
		return json_copy(v);
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(v); i++)
		json_object_array_add(list, sub_decode(a->sub, json_nth(v, i)));
	return list;
}

struct json_object *attrs_decode(const struct attr *attrs, struct json_object *wire)
{
	struct json_object *o = json_object_new_object();

	for (const struct attr *a = attrs; a->name; a++)
		if (!(a->flags & OPTION))
			json_set(o, a->name, value_decode(a, wire));
	return o;
}

static struct json_object *sub_encode(const struct attr *sub, struct json_object *v)
{
	struct json_object *o;

	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	o = json_object_new_object();
	json_object_object_foreach(v, key, inner)
	{
		const struct attr *a = attr_named(sub, key);

		if (!a)
			json_set(o, key, json_copy(inner));
		else if (!(a->flags & OPTION))
			json_set(o, attr_wire(a), a->encode ? a->encode(inner) : json_copy(inner));
	}
	return o;
}

static struct json_object *value_encode(const struct attr *a, struct json_object *v)
{
	struct json_object *list;

	if (a->encode)
		return a->encode(v);
	if (!a->sub)
		return json_copy(v);
	if (a->type == OBJ)
		return sub_encode(a->sub, v);
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(v); i++)
		json_object_array_add(list, sub_encode(a->sub, json_nth(v, i)));
	return list;
}

struct json_object *attrs_encode(const struct attr *attrs, struct json_object *want,
				 struct json_object *changes)
{
	struct json_object *body = json_object_new_object();

	for (const struct attr *a = attrs; a->name; a++) {
		struct json_object *v = json_at(want, a->name);

		if (!json_has(want, a->name) || a->flags & (READONLY | OPTION) || a->set)
			continue;
		if (changes && !json_has(changes, a->name))
			continue;
		json_set(body, attr_wire(a), value_encode(a, v));
	}
	return body;
}

/* ---- shown ---- */

struct json_object *attrs_public(const struct attr *attrs, struct json_object *object)
{
	struct json_object *o;

	if (!json_object_is_type(object, json_type_object))
		return json_copy(object);
	o = json_object_new_object();
	json_object_object_foreach(object, key, v)
	{
		const struct attr *a = attr_named(attrs, key);

		if (a && a->flags & (HIDDEN | OPTION))
			continue;
		if (a && a->flags & SECRET && v)
			json_sets(o, key, MASK);
		else
			json_set(o, key, json_copy(v));
	}
	return o;
}
