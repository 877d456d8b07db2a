/*
 * What a manager owns is a tree beside the object (managedFields, FieldsV1): "f:NAME" is a field,
 * "k:{...}" the item of a list with these keys, "v:..." a member of a set, "." the node itself. A
 * node without children is owned as a whole, or was given empty. Whether a map or a list is one of parts
 * or of one piece is nowhere said: it shows in the tree. Where the tree leaves a doubt, nothing is the
 * same.
 */
#include <string.h>

#include "kubernetes/compare.h"
#include "kubernetes/objects.h"

static bool node_same(struct json_object *set, struct json_object *want, struct json_object *have,
		      const struct place *at);

/* Never owned: the server keeps it, or it is the address. */
static bool unowned(const struct place *at, const char *key)
{
	static const char *const top[] = { "apiVersion", "kind", NULL };
	static const char *const meta[] = {
		"name",       "namespace",     "creationTimestamp", "selfLink", "uid",
		"generation", "managedFields", "resourceVersion",   NULL
	};
	const char *const *list = at->up ? meta : top;

	if (at->up && (at->up->up || strcmp(at->key, "metadata") != 0))
		return false;
	while (*list && strcmp(*list, key) != 0)
		list++;
	return *list;
}

static bool is_empty_map(struct json_object *v)
{
	return json_object_is_type(v, json_type_object) && json_object_object_length(v) == 0;
}

/* Go leaves these out of what it writes, but for pointers. */
static bool is_zero(struct json_object *v)
{
	return json_empty(v) ||
	       (json_object_is_type(v, json_type_boolean) && !json_object_get_boolean(v)) ||
	       (json_object_is_type(v, json_type_int) && json_object_get_int64(v) == 0);
}

/* ---- owned in one piece ---- */

static bool piece_same(struct json_object *want, struct json_object *have, const struct place *at)
{
	if (value_same(have, want, at))
		return true;
	if (json_object_is_type(want, json_type_array)) {
		for (size_t i = 0; i < json_len(want); i++)
			if (!piece_same(json_nth(want, i), json_nth(have, i), at))
				return false;
		return json_len(want) == json_len(have);
	}
	if (!json_object_is_type(want, json_type_object) ||
	    !json_object_is_type(have, json_type_object))
		return false;
	json_object_object_foreach(want, key, v) {
		const struct place below = { at, key, at->builtin };

		if (!v || !json_has(have, key) ||
		    !piece_same(v, json_object_object_get(have, key), &below))
			return false;
	}
	json_object_object_foreach(have, other, w)
		if (!json_has(want, other) && !value_default(other, w, at))
			return false;
	return true;
}

/* It is ours, so it is what we gave it last; what a zero is like when read depends on its type. */
static bool leaf_same(struct json_object *want, struct json_object *have, bool there,
		      const struct place *at)
{
	if (!want)
		return true;
	return there ? piece_same(want, have, at) : is_zero(want);
}

/* ---- owned in parts ---- */

static bool map_same(struct json_object *set, struct json_object *want, struct json_object *have,
		     const struct place *at)
{
	int owned = 0;

	json_object_object_foreach(want, key, v) {
		const struct place below = { at, key, at->builtin };
		AUTO_STR name = xasprintf("f:%s", key);
		struct json_object *child = set ? json_object_object_get(set, name) : NULL;
		struct json_object *there = have ? json_object_object_get(have, key) : NULL;

		if (unowned(at, key))
			continue;
		/* Of a built-in kind no list is kept empty, so nothing is owned of it. */
		if (!child && !there && at->builtin && json_object_is_type(v, json_type_array) &&
		    json_len(v) == 0)
			continue;
		if (!child) {
			/* "metadata: {name: x}" owns nothing. */
			if (at->up || strcmp(key, "metadata") != 0 ||
			    !json_object_is_type(v, json_type_object) ||
			    !map_same(NULL, v, there, &below))
				return false;
			continue;
		}
		owned++;
		if (is_empty_map(child) ? !leaf_same(v, there, json_has(have, key), &below)
					: !node_same(child, v, there, &below))
			return false;
	}
	if (!set)
		return owned == 0;
	json_object_object_foreach(set, child_name, child_set) {
		(void)child_set;
		owned -= strcmp(child_name, ".") != 0;
	}
	return owned == 0;
}

/* Whether an item has these keys; one that the server filled in is not among what is owned of it. */
static bool keys_match(struct json_object *keys, struct json_object *set, struct json_object *item)
{
	json_object_object_foreach(keys, key, v) {
		AUTO_STR name = xasprintf("f:%s", key);

		if (json_has(item, key) ? !json_object_equal(json_object_object_get(item, key), v)
					: json_has(set, name))
			return false;
	}
	return json_object_is_type(item, json_type_object);
}

static bool has_keys(struct json_object *keys, struct json_object *item)
{
	json_object_object_foreach(keys, key, v)
		if (!json_has(item, key) ||
		    !json_object_equal(json_object_object_get(item, key), v))
			return false;
	return true;
}

/*
 * The place in `have` of what `want`[i] is, from `from` on; *ret_set: what we own of it. -1: none, or in
 * another order, or a doubt.
 */
static ssize_t item_find(struct json_object *set, struct json_object *item,
			 struct json_object *have, size_t from, struct json_object **ret_set)
{
	AUTO_JSON found = NULL;

	*ret_set = NULL;
	json_object_object_foreach(set, name, child) {
		AUTO_JSON keys = NULL;
		AUTO_ERR e = NULL;

		if (strncmp(name, "k:", 2) != 0 && strncmp(name, "v:", 2) != 0)
			continue;
		e = json_parse(name + 2, strlen(name + 2), &keys);
		if (e || (*name == 'v' ? !json_object_equal(keys, item)
				       : !keys_match(keys, child, item)))
			continue;
		if (found)
			return -1;
		found = TAKE(keys);
		*ret_set = child;
	}
	for (size_t i = from; found && i < json_len(have); i++)
		if (json_object_is_type(found, json_type_object)
			    ? has_keys(found, json_nth(have, i))
			    : json_object_equal(found, json_nth(have, i)))
			return (ssize_t)i;
	return -1;
}

static bool list_same(struct json_object *set, struct json_object *want, struct json_object *have,
		      const struct place *at)
{
	size_t owned = 0;
	size_t from = 0;

	json_object_object_foreach(set, name, child) {
		(void)child;
		if (strncmp(name, "i:", 2) == 0)
			return false;
		owned += strcmp(name, ".") != 0;
	}
	for (size_t i = 0; i < json_len(want); i++) {
		struct json_object *item = json_nth(want, i);
		struct json_object *part;
		const ssize_t there = item_find(set, item, have, from, &part);

		if (there < 0)
			return false;
		from = (size_t)there + 1;
		if (json_object_is_type(item, json_type_object) &&
		    !map_same(part, item, json_nth(have, (size_t)there), at))
			return false;
	}
	return owned == json_len(want);
}

static bool node_same(struct json_object *set, struct json_object *want, struct json_object *have,
		      const struct place *at)
{
	if (json_object_is_type(want, json_type_object))
		return json_object_is_type(have, json_type_object) && map_same(set, want, have, at);
	return json_object_is_type(want, json_type_array) &&
	       json_object_is_type(have, json_type_array) && list_same(set, want, have, at);
}

/* What is applied under this name, in whichever version; NULL: nothing, or (*ret_n) more than once. */
static struct json_object *entry_find(struct json_object *have, const char *manager, size_t *ret_n)
{
	struct json_object *entries = json_at(have, "metadata.managedFields");
	struct json_object *found = NULL;

	*ret_n = 0;
	for (size_t i = 0; i < json_len(entries); i++) {
		struct json_object *entry = json_nth(entries, i);

		if (!json_is_str(json_at(entry, "manager"), manager) ||
		    !json_is_str(json_at(entry, "operation"), "Apply") ||
		    !json_empty(json_at(entry, "subresource")))
			continue;
		found = entry;
		++*ret_n;
	}
	return *ret_n == 1 ? found : NULL;
}

bool owned_same(struct json_object *have, struct json_object *want, const char *manager)
{
	const char *version = json_str(want, "apiVersion");
	const struct place top = { NULL, "", group_builtin(version) };
	size_t n;
	struct json_object *entry = entry_find(have, manager, &n);

	/* Who asks for nothing but that it be there gets no entry. */
	if (!n)
		return map_same(NULL, want, have, &top);
	return version && json_is_str(json_at(entry, "apiVersion"), version) &&
	       json_is_str(json_at(entry, "fieldsType"), "FieldsV1") &&
	       node_same(json_at(entry, "fieldsV1"), want, have, &top);
}

/* ---- as paths ---- */

static void step_add(struct buf *path, const char *name)
{
	const char *rest = name + 2;
	AUTO_JSON v = NULL;
	AUTO_ERR e = *name == 'f' ? NULL : json_parse(rest, strlen(rest), &v);
	const char *comma = "[";

	if (*name == 'f' && !strpbrk(rest, ".[]'")) {
		buf_addf(path, "%s%s", path->len ? "." : "", rest);
	} else if (*name == 'f') {
		buf_addf(path, "['%s']", rest);
	} else if (!json_object_is_type(v, json_type_object)) {
		AUTO_STR text = json_text(v);
		buf_addf(path, "[=%s]", e ? rest : text);
	} else {
		json_object_object_foreach(v, key, inner) {
			AUTO_STR text = json_text(inner);
			buf_addf(path, "%s%s=%s", comma, key, text);
			comma = ",";
		}
		buf_adds(path, "]");
	}
}

static void paths_add(struct json_object *set, const char *path, struct json_object *ret)
{
	int below = 0;

	json_object_object_foreach(set, name, child) {
		AUTO_BUF longer = BUF_INIT;

		if (strlen(name) < 2)
			continue;
		below++;
		buf_adds(&longer, path);
		step_add(&longer, name);
		paths_add(child, longer.s, ret);
	}
	if (!below && *path)
		json_object_array_add(ret, json_object_new_string(path));
}

struct json_object *owned_paths(struct json_object *have, const char *manager)
{
	struct json_object *list = json_object_new_array();
	size_t n;
	struct json_object *set = json_at(entry_find(have, manager, &n), "fieldsV1");

	if (json_object_is_type(set, json_type_object))
		paths_add(set, "", list);
	return list;
}
