/* What the modules that only read answer. */
#include <fnmatch.h>
#include <string.h>

#include "find.h"

static bool is_pattern(const struct info *info, const char *name)
{
	return info->glob && strpbrk(name, "*?[");
}

/* fnmatch(3)'s pattern as the regular expression Nova takes; looser where they do not agree. */
static void add_pattern(struct buf *query, const char *name)
{
	AUTO_BUF re = BUF_INIT;

	for (const char *s = name; *s; s++) {
		if (*s == '*')
			buf_adds(&re, ".*");
		else if (strchr("\\^$.|?+()[]{}", *s))
			buf_adds(&re, ".");
		else
			buf_addf(&re, "%c", *s);
		if (*s == '[') /* a set: any one character, and what follows it is left to us */
			break;
	}
	if (strchr(name, '['))
		buf_adds(&re, ".*");
	buf_adds(query, "name=%5E");
	buf_addurl(query, re.s);
	buf_adds(query, "%24");
}

static struct err *info_param(struct op *op, const struct attr *a, struct buf *query)
{
	struct json_object *v = json_at(op->want, a->name);
	AUTO_JSON id = NULL;
	struct err *e = NULL;

	if (!v || a->flags & OPTION)
		return NULL;
	if (a->ref)
		e = ref_resolve(op, a, v, &id);
	else
		id = a->encode ? a->encode(v) : json_copy(v);
	if (e)
		return e;
	if (!(a->flags & FILTER))
		json_set(op->want, a->name, TAKE(id));
	else if (json_object_is_type(id, json_type_array)) {
		AUTO_BUF joined = BUF_INIT;

		for (size_t i = 0; i < json_len(id); i++)
			buf_addf(&joined, "%s%s", i ? "," : "",
				 json_object_get_string(json_nth(id, i)));
		AUTO_JSON text = json_object_new_string(joined.s);
		query_param(query, attr_wire(a), text);
	} else {
		query_param(query, attr_wire(a), id);
	}
	return NULL;
}

/* The attribute a key of `filters` means: by its own name, as option, or on the wire. */
static const struct attr *filter_attr(const struct resource *r, const char *key)
{
	for (const struct attr *a = r->attrs; a->name && !attr_named(r->attrs, key); a++)
		if (strcmp(attr_option(a), key) == 0 || strcmp(attr_wire(a), key) == 0)
			return a;
	return attr_named(r->attrs, key);
}

/* Whether a filter goes to the service, which knows its lists and sets better ("tags": "a,b"). */
static bool filter_sent(const struct attr *a, struct json_object *v)
{
	return a && v && a->flags & (FILTER | IDENTITY) &&
	       !json_object_is_type(v, json_type_object) &&
	       !json_object_is_type(v, json_type_array);
}

static void filter_params(struct op *op, struct buf *query)
{
	struct json_object *filters = json_at(op->want, "filters");

	if (!filters)
		return;
	json_object_object_foreach(filters, key, v) {
		const struct attr *a = filter_attr(op->r, key);

		if (filter_sent(a, v))
			query_param(query, attr_wire(a), v);
	}
}

/* "True" and true, "10" and 10: filters are often strings. */
static bool filter_match(struct json_object *want, struct json_object *have)
{
	if (json_object_is_type(want, json_type_object)) {
		json_object_object_foreach(want, key, v)
			if (!filter_match(v, json_at(have, key)))
				return false;
		return true;
	}
	if (json_object_is_type(want, json_type_array)) {
		const bool all = json_object_is_type(have, json_type_array);
		size_t hits = 0;

		for (size_t i = 0; i < json_len(want); i++)
			hits += filter_match(json_nth(want, i), have);
		return all ? hits == json_len(want) : hits > 0;
	}
	if (json_object_is_type(have, json_type_array)) {
		for (size_t i = 0; i < json_len(have); i++)
			if (filter_match(want, json_nth(have, i)))
				return true;
		return false;
	}
	if (json_object_equal(want, have) || (json_empty(want) && json_empty(have)))
		return true;
	AUTO_STR x = json_text(want);
	AUTO_STR y = json_text(have);
	return strcasecmp(x, y) == 0;
}

static bool info_match(struct op *op, const struct info *info, struct json_object *object)
{
	struct json_object *filters = json_at(op->want, "filters");

	for (const struct attr *a = info->params; a && a->name; a++) {
		struct json_object *v = json_at(op->want, a->name);

		if (v && !(a->flags & (FILTER | OPTION)) &&
		    !filter_match(v, json_at(object, a->read ? a->read : attr_wire(a))))
			return false;
	}
	if (!filters)
		return true;
	json_object_object_foreach(filters, key, v) {
		const struct attr *a = filter_attr(op->r, key);

		if (filter_sent(a, v) && (a->type == LIST || a->type == SET))
			continue;
		if (!filter_match(v, json_at(object, a ? a->name : key)))
			return false;
	}
	return true;
}

/* Where the name is the ID, what else is asked for (whose key pair) goes with the GET. */
static struct err *info_by_id(struct op *op, const char *id, const char *query,
			      struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;
	struct err *e;

	if (!(op->r->flags & ID_IS_NAME) || !*query)
		return resource_try_get(op->api, op->r, id, ret);
	buf_addf(&path, "%s/", op->r->path);
	buf_addurl(&path, id);
	buf_addf(&path, "?%s", query);
	e = resource_get_path(op->api, op->r, path.s, ret);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		e = NULL;
	}
	return e;
}

static bool info_named(struct op *op, const struct info *info, const char *name,
		       struct json_object *object)
{
	const char *const names[] = { json_str(object, "name"),
				      json_str(object, resource_key(op->r)) };

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i] && (strcmp(names[i], name) == 0 ||
				 (is_pattern(info, name) && fnmatch(name, names[i], 0) == 0)))
			return true;
	return false;
}

static struct err *info_query(struct op *op, const struct info *info, struct buf *query)
{
	struct err *e = NULL;

	for (const struct attr *a = info->params; a && a->name && !e; a++)
		e = info_param(op, a, query);
	if (e)
		return e;
	filter_params(op, query);
	return info->query ? info->query(op, query) : NULL;
}

static struct err *info_all(struct op *op, const struct info *info, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	const char *name = info->no_name ? NULL : json_str(op->want, "name");
	const bool check = op->check;
	AUTO_JSON one = NULL;
	struct err *e;

	/* Nothing need be assumed where what is missing has nothing. */
	op->check = check && !info->missing_is_empty;
	e = info_query(op, info, &query);
	op->check = check;

	if (ref_missing(e) && info->missing_is_empty) {
		err_free(e);
		*ret = json_object_new_array();
		return NULL;
	}
	if (e)
		return e;
	const bool pattern = name && is_pattern(info, name);
	if (name && !pattern && (op->r->flags & ID_IS_NAME || name_is_id(name))) {
		e = info_by_id(op, name, query.s, &one);
		if (e)
			return e;
		if (one || op->r->flags & ID_IS_NAME) {
			*ret = json_object_new_array();
			if (one)
				json_object_array_add(*ret, TAKE(one));
			return NULL;
		}
	}
	if (name && !(op->r->flags & (LIST_ONLY | ID_IS_NAME)) &&
	    (!pattern || op->r->flags & NAME_REGEX)) {
		if (query.len)
			buf_adds(&query, "&");
		if (pattern)
			add_pattern(&query, name);
		else
			query_name(&query, op->r, name);
	}
	return resource_list(op->api, op->r, info->path, query.s, ret);
}

struct err *info_run(struct op *op, const struct info *info, struct json_object **ret)
{
	AUTO_JSON all = NULL;
	AUTO_JSON meant = json_object_new_array();
	AUTO_JSON list = json_object_new_array();
	const char *name = info->no_name ? NULL : json_str(op->want, "name");
	struct err *e = info->list ? info->list(op, &all) : info_all(op, info, &all);

	for (size_t i = 0; i < json_len(all); i++) {
		struct json_object *one = json_nth(all, i);

		if ((!name || info_named(op, info, name, one)) && info_match(op, info, one))
			json_object_array_add(meant, json_object_get(one));
	}
	if (!e && info->select)
		e = info->select(op, &meant);
	for (size_t i = 0; i < json_len(meant) && !e; i++) {
		if (info->complete)
			e = info->complete(op, json_nth(meant, i));
		json_object_array_add(list, attrs_public(op->r->attrs, json_nth(meant, i)));
	}
	if (!e)
		*ret = TAKE(list);
	return e;
}
