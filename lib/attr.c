#include <stdlib.h>
#include <string.h>

#include "resource.h"
#include "text.h"

const char attr_mask[] = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";

const char *attr_option(const struct attr *a)
{
	return a->option ? a->option : a->name;
}

const char *attr_wire(const struct attr *a)
{
	return a->wire ? a->wire : a->name;
}

const struct attr *attrs_shown(const struct resource *r)
{
	return r->shows ? r->shows->attrs : r->attrs;
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
	if ((json_object_is_type(x, json_type_double) ||
	     json_object_is_type(y, json_type_double)) &&
	    !json_object_is_type(x, json_type_string) && !json_object_is_type(y, json_type_string))
		return json_object_get_double(x) == json_object_get_double(y);
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
	json_object_object_foreach(want, key, v) {
		const struct attr *a = sub ? attr_named(sub, key) : NULL;
		struct json_object *h = json_at(have, key);

		if (a ? !attr_equal(a, v, h) : !covers(NULL, v, h))
			return false;
	}
	return true;
}

/* Which of `have` stands for which of `want`: taken[j] is one more than the index in want, 0 none. */
struct pairing {
	const struct attr *a;
	struct json_object *want, *have;
	size_t *taken;
	char *tried;
};

/*
 * Finds one that stands for want[i]; where another has taken it, that one may find itself a new one:
 * {"ip": x} may be either of two, {"ip": x, "mac": y} is only one of them.
 */
static bool pair_up(const struct pairing *p, size_t i)
{
	for (size_t j = 0; j < json_len(p->have); j++) {
		if (p->tried[j] || !covers(p->a->sub, json_nth(p->want, i), json_nth(p->have, j)))
			continue;
		p->tried[j] = 1;
		if (p->taken[j] && (!p->a->sub || !pair_up(p, p->taken[j] - 1)))
			continue;
		p->taken[j] = i + 1;
		return true;
	}
	return false;
}

static bool set_equal(const struct attr *a, struct json_object *want, struct json_object *have)
{
	const size_t n = json_len(want);
	struct pairing p = { a, want, have, NULL, NULL };
	bool equal = n == json_len(have);

	p.taken = xcalloc(n, sizeof(*p.taken));
	p.tried = xcalloc(n, 1);
	for (size_t i = 0; i < n && equal; i++) {
		memset(p.tried, 0, n);
		equal = pair_up(&p, i);
	}
	free(p.taken);
	free(p.tried);
	return equal;
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
		return covers(NULL, want, have) &&
		       covers(NULL, have, want); /* NOLINT(readability-suspicious-call-argument) */
	case OBJ: return want && have && covers(a->sub, want, have);
	case STR:
	case BOOL:
	case INT:
	case FLOAT: break;
	}
	return scalar_equal(want, have);
}

struct json_object *attr_after(const struct attr *a, struct json_object *have,
			       struct json_object *want)
{
	struct json_object *o;

	if (!(a->flags & MERGE) || !json_object_is_type(want, json_type_object) ||
	    !json_object_is_type(have, json_type_object))
		return json_copy(want);
	o = json_copy(have);
	json_object_object_foreach(want, key, v) {
		if (v)
			json_set(o, key, json_copy(v));
		else
			json_object_object_del(o, key);
	}
	return o;
}

static const char TRUE_WORDS[] = "true True TRUE 1 yes Yes YES on y t";
static const char FALSE_WORDS[] = "false False FALSE 0 no No NO off n f";

/* Services keep some numbers and booleans as text: image properties, Cinder's "bootable". */
struct json_object *attr_typed(const struct attr *a, struct json_object *v)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
	char *end;

	if (*s && a->type == BOOL && words_have(TRUE_WORDS, s))
		return json_object_new_boolean(true);
	if (*s && a->type == BOOL && words_have(FALSE_WORDS, s))
		return json_object_new_boolean(false);
	if (*s && a->type == INT) {
		const int64_t n = strtoll(s, &end, 10);

		if (!*end)
			return json_object_new_int64(n);
	}
	if (*s && a->type == FLOAT) {
		const double d = strtod(s, &end);

		if (!*end)
			return json_object_new_double(d);
	}
	return json_copy(v);
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

/* Everybody may walk through what the table calls a map or a list, without looking at it first. */
static bool is_shaped(enum attr_type t, struct json_object *v)
{
	if (t == MAP || t == OBJ)
		return json_object_is_type(v, json_type_object);
	return (t != LIST && t != SET) || json_object_is_type(v, json_type_array);
}

static struct json_object *value_decode(const struct attr *a, struct json_object *wire)
{
	struct json_object *v, *list;

	if (a->decode)
		return a->decode(wire);
	v = json_at(wire, a->read ? a->read : attr_wire(a));
	if (!is_shaped(a->type, v))
		return NULL;
	if (a->type == OBJ && a->sub)
		return sub_decode(a->sub, v);
	if (!json_object_is_type(v, json_type_array) || !(a->sub || a->elem == MAP))
		return attr_typed(a, v);
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(v); i++)
		if (json_object_is_type(json_nth(v, i), json_type_object))
			json_object_array_add(list, a->sub ? sub_decode(a->sub, json_nth(v, i))
							   : json_copy(json_nth(v, i)));
	return list;
}

static bool claims(const struct attr *a, const char *key)
{
	const char *path = a->read ? a->read : attr_wire(a);
	const size_t n = strcspn(path, ".");

	return !(a->flags & (INLINE | OPTION)) && !a->decode &&
	       (strcmp(path, key) == 0 || (strncmp(path, key, n) == 0 && !key[n]));
}

/* What the service says beyond the table. */
static struct json_object *unclaimed(const struct attr *attrs, struct json_object *wire)
{
	struct json_object *o = json_object_new_object();

	if (!json_object_is_type(wire, json_type_object))
		return o;
	json_object_object_foreach(wire, key, v) {
		const struct attr *a = attrs;

		while (a->name && !claims(a, key))
			a++;
		if (!a->name)
			json_set(o, key, json_copy(v));
	}
	return o;
}

struct json_object *attrs_decode(const struct attr *attrs, struct json_object *wire)
{
	struct json_object *o = json_object_new_object();

	for (const struct attr *a = attrs; a->name; a++)
		if (!(a->flags & OPTION))
			json_put(o, a->name,
				 a->flags & INLINE ? unclaimed(attrs, wire)
						   : value_decode(a, wire));
	return o;
}

static struct json_object *sub_encode(const struct attr *sub, struct json_object *v)
{
	struct json_object *o;

	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	o = json_object_new_object();
	json_object_object_foreach(v, key, inner) {
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

/* "options.a": {"options": {"a": v}}; takes v. */
static void set_at(struct json_object *body, const char *path, struct json_object *v)
{
	const size_t n = strcspn(path, ".");
	AUTO_STR key = xstrndup(path, n);

	if (!path[n]) {
		json_set(body, key, v);
		return;
	}
	if (!json_has(body, key))
		json_set(body, key, json_object_new_object());
	set_at(json_at(body, key), path + n + 1, v);
}

/* The keys of a map, beside the others; of a change those that differ. Null takes a key away. */
static void encode_inline(struct json_object *body, struct json_object *map,
			  struct json_object *change)
{
	if (!json_object_is_type(map, json_type_object))
		return;
	json_object_object_foreach(map, key, v) {
		struct json_object *before = json_at(json_at(change, "before"), key);

		if (change ? !scalar_equal(v, before) : v != NULL)
			json_set(body, key, json_copy(v));
	}
}

struct json_object *attrs_encode(const struct attr *attrs, struct json_object *want,
				 struct json_object *changes)
{
	struct json_object *body = json_object_new_object();

	for (const struct attr *a = attrs; a->name; a++) {
		struct json_object *v = json_at(want, a->name);

		if (!json_has(want, a->name) || a->flags & (READONLY | OPTION))
			continue;
		if (a->set && (changes || !(a->flags & BORN)))
			continue;
		if (changes && !json_has(changes, a->name))
			continue;
		if (a->flags & INLINE)
			encode_inline(body, v, changes ? json_at(changes, a->name) : NULL);
		else
			set_at(body, attr_wire(a), value_encode(a, v));
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
	json_object_object_foreach(object, key, v) {
		const struct attr *a = attr_named(attrs, key);

		if (a && a->flags & (HIDDEN | OPTION))
			continue;
		if (a && a->flags & SECRET && v)
			json_sets(o, key, attr_mask);
		else
			json_set(o, key, json_copy(v));
	}
	return o;
}
