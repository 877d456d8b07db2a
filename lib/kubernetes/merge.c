#include <ctype.h>
#include <string.h>

#include "kubernetes/compare.h"
#include "kubernetes/objects.h"

static bool is_map(struct json_object *v)
{
	return json_object_is_type(v, json_type_object);
}

static bool is_list(struct json_object *v)
{
	return json_object_is_type(v, json_type_array);
}

static struct json_object *get(struct json_object *map, const char *key)
{
	struct json_object *v = NULL;

	return is_map(map) && json_object_object_get_ex(map, key, &v) ? v : NULL;
}

/* The item that `like` is, by merge key `key` ("": itself); NULL: none. */
static struct json_object *item_like(struct json_object *list, struct json_object *like,
				     const char *key, size_t *ret_i)
{
	struct json_object *id = *key ? get(like, key) : like;

	for (size_t i = 0; id && i < json_len(list); i++) {
		struct json_object *item = json_nth(list, i);

		if (!json_object_equal(*key ? get(item, key) : item, id))
			continue;
		if (ret_i)
			*ret_i = i;
		return item;
	}
	return NULL;
}

/* Items that share a key (a port for TCP and UDP): the key tells nothing apart. */
static bool keys_unique(struct json_object *list, const char *key)
{
	for (size_t i = 0; i < json_len(list); i++) {
		size_t first = i;

		if (!item_like(list, json_nth(list, i), key, &first) || first != i)
			return false;
	}
	return true;
}

/* ---- does it hold ---- */

static bool holds(struct json_object *have, struct json_object *want, const struct place *at,
		  bool strategic);

static bool list_holds(struct json_object *have, struct json_object *want, const struct place *at,
		       bool strategic)
{
	const char *key = strategic ? place_merge_key(at) : NULL;

	if (json_object_equal(have, want))
		return true;
	if (!key || !is_list(have) || !keys_unique(want, key) || !keys_unique(have, key)) {
		for (size_t i = 0; i < json_len(want); i++)
			if (!replaced_same(json_nth(have, i), json_nth(want, i), at))
				return false;
		return is_list(have) && json_len(have) == json_len(want);
	}
	for (size_t i = 0; i < json_len(want); i++) {
		struct json_object *item = item_like(have, json_nth(want, i), key, NULL);

		if (!item || !holds(item, json_nth(want, i), at, strategic))
			return false;
	}
	return true;
}

static bool holds(struct json_object *have, struct json_object *want, const struct place *at,
		  bool strategic)
{
	if (is_list(want))
		return list_holds(have, want, at, strategic);
	if (!is_map(want) || !is_map(have))
		return value_same(have, want, at);
	json_object_object_foreach(want, key, v) {
		const struct place below = { at, key, at->builtin };
		struct json_object *there = get(have, key);

		/* Directives of a strategic merge ask for more than can be seen. */
		if (strategic && *key == '$')
			return false;
		/* Of a built-in kind no list is kept empty. */
		if (at->builtin && is_list(v) && !json_len(v) && !there)
			continue;
		if (v ? !json_has(have, key) || !holds(there, v, &below, strategic) : there != NULL)
			return false;
	}
	return true;
}

bool merge_holds(struct json_object *have, struct json_object *want, bool strategic)
{
	const struct place top = { NULL, "",
				   strategic || group_builtin(json_str(want, "apiVersion")) };

	return holds(have, want, &top, strategic);
}

/* ---- the patch of three ---- */

static struct json_object *map_patch(struct json_object *last, struct json_object *want,
				     struct json_object *have, const struct place *at);

/*
 * Whether those of `want` that `have` has too stand there in the same order, and before those it has not:
 * what is added at the end stands as it is wanted then.
 */
static bool same_order(struct json_object *have, struct json_object *want, const char *key)
{
	size_t next = 0;

	for (size_t i = 0; i < json_len(want); i++) {
		size_t there = json_len(have);

		(void)item_like(have, json_nth(want, i), key, &there);
		if (there < next)
			return false;
		next = there;
	}
	return true;
}

static struct json_object *item_merged(struct json_object *last, struct json_object *want,
				       struct json_object *have, const char *key,
				       const struct place *at)
{
	AUTO_JSON patch = NULL;

	if (!*key)
		return json_copy(want);
	patch = map_patch(item_like(last, want, key, NULL), want, have, at);
	return patch ? merge_applied(have, patch) : json_copy(have);
}

/* By merge key: ours as we want them, those of others kept, those that were ours gone. */
static struct json_object *list_merged(struct json_object *last, struct json_object *want,
				       struct json_object *have, const char *key,
				       const struct place *at)
{
	struct json_object *list = json_object_new_array();
	const bool as_there = same_order(have, want, key);

	for (size_t i = 0; i < json_len(want) && !as_there; i++) {
		struct json_object *item = json_nth(want, i);
		struct json_object *there = item_like(have, item, key, NULL);

		json_object_array_add(list, there ? item_merged(last, item, there, key, at)
						  : json_copy(item));
	}
	for (size_t i = 0; i < json_len(have); i++) {
		struct json_object *there = json_nth(have, i);
		struct json_object *item = item_like(want, there, key, NULL);

		if (item && as_there)
			json_object_array_add(list, item_merged(last, item, there, key, at));
		else if (!item && !item_like(last, there, key, NULL))
			json_object_array_add(list, json_copy(there));
	}
	for (size_t i = 0; i < json_len(want) && as_there; i++)
		if (!item_like(have, json_nth(want, i), key, NULL))
			json_object_array_add(list, json_copy(json_nth(want, i)));
	return list;
}

/* Takes v. */
static void put(struct json_object **patch, const char *key, struct json_object *v)
{
	if (!*patch)
		*patch = json_object_new_object();
	json_set(*patch, key, v);
}

static void field_patch(struct json_object **patch, struct json_object *last,
			struct json_object *want, struct json_object *have, const struct place *at)
{
	const char *list_key = is_list(want) && is_list(have) ? place_merge_key(at) : NULL;
	AUTO_JSON merged = NULL;

	if (is_map(want) && is_map(have)) {
		merged = map_patch(last, want, have, at);
		if (merged)
			put(patch, at->key, TAKE(merged));
		return;
	}
	if (list_key && keys_unique(want, list_key) && keys_unique(have, list_key))
		merged = list_merged(last, want, have, list_key, at);
	else
		merged = json_copy(want);
	if (!replaced_same(have, merged, at))
		put(patch, at->key, TAKE(merged));
}

static struct json_object *map_patch(struct json_object *last, struct json_object *want,
				     struct json_object *have, const struct place *at)
{
	struct json_object *patch = NULL;

	json_object_object_foreach(want, key, v) {
		const struct place below = { at, key, at->builtin };
		struct json_object *there = get(have, key);

		if (!at->up && (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0))
			continue;
		if (!v) {
			if (there)
				put(&patch, key, NULL);
		} else if (there) {
			field_patch(&patch, get(last, key), v, there, &below);
		} else if (!json_empty(v) || !json_has(last, key)) {
			/* What was given empty and is not there was left out by the server. */
			put(&patch, key, json_copy(v));
		}
	}
	if (!is_map(last))
		return patch;
	json_object_object_foreach(last, old, was) {
		(void)was;
		if (!json_has(want, old) && get(have, old))
			put(&patch, old, NULL);
	}
	return patch;
}

struct json_object *merge_patch(struct json_object *last, struct json_object *want,
				struct json_object *have)
{
	const struct place top = { NULL, "", group_builtin(json_str(want, "apiVersion")) };

	return map_patch(last, want, have, &top);
}

/* ---- RFC 7396 ---- */

static struct json_object *merged(struct json_object *have, struct json_object *patch)
{
	struct json_object *map;

	if (!is_map(patch))
		return json_copy(patch);
	map = is_map(have) ? json_copy(have) : json_object_new_object();
	json_object_object_foreach(patch, key, v) {
		if (v)
			json_set(map, key, merged(get(map, key), v));
		else
			json_object_object_del(map, key);
	}
	return map;
}

/* ---- RFC 6902 ---- */

/* One step of a JSON pointer, unescaped; false at its end. */
static bool pointer_step(const char **p, char **ret)
{
	const size_t n = **p == '/' ? strcspn(*p + 1, "/") : 0;
	char *out;

	if (**p != '/')
		return false;
	free(*ret);
	out = *ret = xstrndup(*p + 1, n);
	for (const char *s = *ret; *s; s++) {
		if (s[0] == '~' && (s[1] == '0' || s[1] == '1'))
			*out++ = *++s == '0' ? '~' : '/';
		else
			*out++ = *s;
	}
	*out = '\0';
	*p += 1 + n;
	return true;
}

static bool index_of(const char *s, size_t len, size_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*s) || (*s == '0' && s[1]))
		return false;
	*ret = strtoul(s, &end, 10);
	return !*end && *ret < len;
}

/* What holds the value at `path`, and its key there (owned by *key); NULL: there is no such place. */
static struct json_object *holder(struct json_object *root, const char *path, char **key)
{
	struct json_object *v = root;
	AUTO_STR step = NULL;
	size_t i;

	if (!pointer_step(&path, &step))
		return NULL;
	while (*path) {
		if (is_list(v))
			v = index_of(step, json_len(v), &i) ? json_nth(v, i) : NULL;
		else
			v = get(v, step);
		if (!v || !pointer_step(&path, &step))
			return NULL;
	}
	*key = TAKE(step);
	return v;
}

static bool value_at(struct json_object *root, const char *path, struct json_object **ret)
{
	AUTO_STR key = NULL;
	struct json_object *in;
	size_t i;

	*ret = root;
	if (!*path)
		return true;
	in = holder(root, path, &key);
	if (is_list(in)) {
		if (!index_of(key, json_len(in), &i))
			return false;
		*ret = json_nth(in, i);
		return true;
	}
	*ret = get(in, key ? key : "");
	return in && json_has(in, key);
}

static void list_insert(struct json_object *list, size_t at, struct json_object *v)
{
	size_t i = json_len(list);

	json_object_array_add(list, NULL);
	for (; i > at; i--)
		json_object_array_put_idx(list, i, json_object_get(json_nth(list, i - 1)));
	json_object_array_put_idx(list, at, v);
}

/* Takes v. */
static bool value_add(struct json_object **root, const char *path, struct json_object *v,
		      bool replace)
{
	AUTO_STR key = NULL;
	AUTO_JSON value = v;
	struct json_object *in, *old;
	size_t i;

	if (replace && !value_at(*root, path, &old))
		return false;
	if (!*path) {
		json_object_put(*root);
		*root = TAKE(value);
		return true;
	}
	in = holder(*root, path, &key);
	if (is_map(in))
		json_set(in, key, TAKE(value));
	else if (is_list(in) && strcmp(key, "-") == 0)
		json_object_array_add(in, TAKE(value));
	else if (is_list(in) && index_of(key, json_len(in) + !replace, &i)) {
		if (replace)
			json_object_array_put_idx(in, i, TAKE(value));
		else
			list_insert(in, i, TAKE(value));
	} else
		return false;
	return true;
}

static bool value_remove(struct json_object *root, const char *path)
{
	AUTO_STR key = NULL;
	struct json_object *in = holder(root, path, &key);
	size_t i;

	if (is_list(in))
		return index_of(key, json_len(in), &i) && json_object_array_del_idx(in, i, 1) == 0;
	if (!in || !json_has(in, key))
		return false;
	json_object_object_del(in, key);
	return true;
}

static bool step_apply(struct json_object **root, struct json_object *step)
{
	const char *op = json_str(step, "op");
	const char *path = json_str(step, "path");
	const char *from = json_str(step, "from");
	struct json_object *v = get(step, "value");

	if (!op || !path)
		return false;
	if (strcmp(op, "add") == 0 || strcmp(op, "replace") == 0)
		return json_has(step, "value") && value_add(root, path, json_copy(v), *op == 'r');
	if (strcmp(op, "remove") == 0)
		return value_remove(*root, path);
	if (strcmp(op, "test") == 0)
		return value_at(*root, path, &v) && json_object_equal(v, get(step, "value"));
	if (!from || !value_at(*root, from, &v))
		return false;
	AUTO_JSON moved = json_copy(v);
	if (strcmp(op, "move") == 0)
		return value_remove(*root, from) && value_add(root, path, TAKE(moved), false);
	return strcmp(op, "copy") == 0 && value_add(root, path, TAKE(moved), false);
}

struct json_object *merge_applied(struct json_object *have, struct json_object *patch)
{
	AUTO_JSON root = NULL;

	if (!is_list(patch))
		return merged(have, patch);
	root = json_copy(have);
	for (size_t i = 0; i < json_len(patch); i++)
		if (!step_apply(&root, json_nth(patch, i)))
			return NULL;
	return TAKE(root);
}
