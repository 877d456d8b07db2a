/* Finding objects: by ID, by name, by what identifies them, one or many, with few requests. */
#include <string.h>

#include "find.h"
#include "text.h"

enum { MAX_PARAMS = 1500 };

/* ---- one by name ---- */

/* UUIDs, with or without their dashes (Keystone), are taken for IDs. */
bool name_is_id(const char *s)
{
	size_t hex = 0;

	for (; *s; s++) {
		if (strchr("0123456789abcdefABCDEF", *s))
			hex++;
		else if (*s != '-')
			return false;
	}
	return hex == 32 || hex == 64; /* the longer ones are Keystone's, of LDAP users */
}

/* A name as a regular expression: "." for what is special, as Nova has its own ideas of escaping. */
void query_literal(struct buf *re, const char *name)
{
	for (const char *s = name; *s; s++)
		buf_addf(re, "%c", strchr("\\^$.|?*+()[]{}", *s) ? '.' : *s);
}

void query_name(struct buf *query, const struct resource *r, const char *name)
{
	if (!(r->flags & NAME_REGEX)) {
		buf_adds(query, r->flags & NAME_OPS && strchr(name, ':') ? "name=eq:" : "name=");
		buf_addurl(query, name);
		return;
	}
	AUTO_BUF re = BUF_INIT;
	query_literal(&re, name);
	buf_adds(query, "name=%5E");
	buf_addurl(query, re.s);
	buf_adds(query, "%24");
}

static struct err *too_many(const struct resource *r, struct json_object *list, const char *name)
{
	AUTO_BUF ids = BUF_INIT;

	for (size_t i = 0; i < json_len(list) && i < 5; i++)
		buf_addf(&ids, "%s%s", i ? ", " : "", json_str(json_nth(list, i), resource_key(r)));
	if (r->flags & NO_NAME)
		return err_new(ERR_CONFLICT, "%zu %s are what was described (%s%s)", json_len(list),
			       r->keys, ids.s, json_len(list) > 5 ? ", ..." : "");
	return err_new(ERR_CONFLICT, "%zu %s are named '%s' (%s%s): give the ID instead",
		       json_len(list), r->keys, name, ids.s, json_len(list) > 5 ? ", ..." : "");
}

/*
 * The one meant among several of a name: the only one of the project in question, by default the
 * token's own, for people who can see those of all projects.
 */
struct err *find_choose(struct api *api, const struct resource *r, struct json_object *list,
			const char *name, const char *project, struct json_object **ret)
{
	struct json_object *own = NULL;
	const char *owner = attr_named(r->attrs, "project_id") ? "project_id" : "owner_id";
	size_t n = 0;

	*ret = NULL;
	if (json_len(list) == 1)
		*ret = json_copy(json_nth(list, 0));
	if (json_len(list) <= 1)
		return NULL;
	if (!attr_named(r->attrs, owner)) {
		project = "";
	} else if (!project) {
		struct err *e = api->project(api, &project);

		if (e)
			return e;
	}
	for (size_t i = 0; i < json_len(list); i++) {
		if (!json_is_str(json_at(json_nth(list, i), owner), project))
			continue;
		own = json_nth(list, i);
		n++;
	}
	if (n != 1)
		return too_many(r, list, name);
	*ret = json_copy(own);
	return NULL;
}

struct err *resource_choose(struct api *api, const struct resource *r, struct json_object *list,
			    const char *name, struct json_object **ret)
{
	return find_choose(api, r, list, name, NULL, ret);
}

static struct err *by_name(struct api *api, const struct resource *r, const char *name,
			   const char *scope, const char *project, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	AUTO_JSON named = json_object_new_array();
	struct err *e;

	if (!(r->flags & LIST_ONLY))
		query_name(&query, r, name);
	if (scope && *scope)
		buf_addf(&query, "%s%s", query.len ? "&" : "", scope);
	e = resource_list(api, r, NULL, query.s, &list);
	if (e)
		return e;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i);

		/* IDs of any form (flavors) win over names. */
		if (r->flags & LIST_ONLY && json_is_str(json_at(one, resource_key(r)), name)) {
			*ret = json_copy(one);
			return NULL;
		}
		if (json_is_str(json_at(one, "name"), name))
			json_object_array_add(named, json_object_get(one));
	}
	return find_choose(api, r, named, name, project, ret);
}

struct err *resource_try_get(struct api *api, const struct resource *r, const char *id,
			     struct json_object **ret)
{
	struct err *e = resource_get(api, r, id, ret);

	/* Only a 404 means that it is not there; anything else is an error, never "absent". */
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		e = NULL;
		*ret = NULL;
	}
	return e;
}

struct err *find_in_project(struct api *api, const struct resource *r, const char *name_or_id,
			    const char *scope, const char *project, struct json_object **ret)
{
	AUTO_JSON found = NULL;
	struct err *e = NULL;

	if (r->flags & ID_IS_NAME || name_is_id(name_or_id))
		e = resource_try_get(api, r, name_or_id, &found);
	if (!e && !found && !(r->flags & ID_IS_NAME)) {
		e = by_name(api, r, name_or_id, scope, project, &found);
		if (!e && found && r->flags & GET_TO_READ) {
			AUTO_STR id = xstrdup(json_str(found, resource_key(r)));

			json_object_put(TAKE(found));
			e = resource_try_get(api, r, id, &found);
		}
		if (!e && !found && r->flags & ANY_ID && *name_or_id && !name_is_id(name_or_id))
			e = resource_try_get(api, r, name_or_id, &found);
	}
	if (!e)
		*ret = TAKE(found);
	return e;
}

struct err *resource_find(struct api *api, const struct resource *r, const char *name_or_id,
			  const char *scope, struct json_object **ret)
{
	return find_in_project(api, r, name_or_id, scope, NULL, ret);
}

/* ---- the objects that ops are about ---- */

/* The values that ops have for an attribute, once each; nothing if one has none. */
static void value_params(struct op *ops, size_t n, const struct attr *a, struct buf *query)
{
	AUTO_JSON seen = json_object_new_array();
	AUTO_BUF params = BUF_INIT;

	for (size_t i = 0; i < n && params.len < MAX_PARAMS; i++) {
		struct json_object *v = json_at(ops[i].want, a->name);

		if (!v)
			return;
		if (json_list_has(seen, v))
			continue;
		json_object_array_add(seen, json_object_get(v));
		query_param(&params, attr_wire(a), v);
	}
	if (params.len && params.len < MAX_PARAMS)
		buf_addf(query, "%s%s", query->len ? "&" : "", params.s);
}

/* What a LIST can be narrowed by so that it still has the objects of all ops. */
static void common_params(struct op *ops, size_t n, struct buf *query)
{
	for (const struct attr *a = ops->r->attrs; a->name; a++)
		if (a->flags & IDENTITY && (!ops->r->meant || a->flags & FILTER))
			value_params(ops, n, a, query);
}

/* Whether an object is the one meant, as far as its name and identity say. */
static bool is_meant(struct op *op, struct json_object *object)
{
	struct json_object *name = json_at(op->want, "name");

	if (name && !json_object_equal(name, json_at(object, "name")))
		return false;
	if (op->r->meant)
		return op->r->meant(op->want, object);
	for (const struct attr *a = op->r->attrs; a->name; a++) {
		if (!(a->flags & IDENTITY))
			continue;
		if (!json_has(op->want, a->name) && !(op->r->flags & NO_NAME))
			continue;
		if (!attr_equal(a, json_at(op->want, a->name), json_at(object, a->name)))
			return false;
	}
	return true;
}

/* Whoever gives no name means no object that is there: many have none, such as routers' ports. */
static bool means_none(struct op *op)
{
	return !(op->r->flags & NO_NAME) && json_empty(json_at(op->want, "name"));
}

static struct err *pick(struct op *op, struct json_object *list)
{
	AUTO_JSON meant = json_object_new_array();
	const char *name = json_str(op->want, "name");

	if (means_none(op))
		return NULL;
	for (size_t i = 0; i < json_len(list); i++)
		if (is_meant(op, json_nth(list, i)))
			json_object_array_add(meant, json_object_get(json_nth(list, i)));
	return find_choose(op->api, op->r, meant, name ? name : "", ref_project(op), &op->have);
}

static struct err *find_op(struct op *op)
{
	AUTO_BUF scope = BUF_INIT;
	AUTO_JSON list = NULL;
	const char *name = json_str(op->want, "name");
	struct err *e;

	if (means_none(op))
		return NULL;
	common_params(op, 1, &scope);
	if (!(op->r->flags & NO_NAME))
		return find_in_project(op->api, op->r, name, scope.s, ref_project(op), &op->have);
	e = resource_list(op->api, op->r, NULL, scope.s, &list);
	return e ? e : pick(op, list);
}

bool resource_is_sought(const struct resource *r)
{
	return r->find && (r->flags & NO_NAME || strchr(r->path, '{'));
}

/* A character of more bytes must not be cut in two. */
static bool is_ascii(int c)
{
	return c > 0 && c < 128;
}

static size_t shared_prefix(const char *x, const char *y, size_t most)
{
	size_t n = 0;

	while (n < most && is_ascii(x[n]) && x[n] == y[n])
		n++;
	return n;
}

static size_t shared_suffix(const char *x, const char *y, size_t most)
{
	const size_t nx = strlen(x), ny = strlen(y);
	size_t n = 0;

	while (n < most && n < nx && n < ny && is_ascii(x[nx - 1 - n]) &&
	       x[nx - 1 - n] == y[ny - 1 - n])
		n++;
	return n;
}

/*
 * One regular expression for all names, and few more: what they have in common, with at most as
 * many characters between as they have there. (Nova takes no "|": it escapes it.)
 */
static void names_regex(struct op *ops, size_t n, struct buf *query)
{
	const char *first = json_str(ops->want, "name");
	size_t shortest = strlen(first), longest = shortest, head = shortest, tail = shortest;
	AUTO_BUF re = BUF_INIT;

	for (size_t i = 1; i < n; i++) {
		const char *name = json_str(ops[i].want, "name");
		const size_t len = strlen(name);

		shortest = len < shortest ? len : shortest;
		longest = len > longest ? len : longest;
		head = shared_prefix(first, name, head);
		tail = shared_suffix(first, name, tail);
	}
	if (tail > shortest - head)
		tail = shortest - head;
	AUTO_STR begins = xstrndup(first, head);
	query_literal(&re, begins);
	buf_addf(&re, ".{0,%zu}", longest - head - tail);
	query_literal(&re, first + strlen(first) - tail);
	buf_addf(query, "%sname=%%5E", query->len ? "&" : "");
	buf_addurl(query, re.s);
	buf_adds(query, "%24");
}

/* The names of as many ops as one URL holds; returns how many that was. */
static size_t many_names(struct op *ops, size_t n, struct buf *query, bool *any)
{
	size_t some;

	if (ops->r->flags & NAME_REGEX) {
		names_regex(ops, n, query);
		*any = true;
		return n;
	}
	for (some = 0; some < n && query->len < MAX_QUERY; some++) {
		if (means_none(&ops[some]))
			continue;
		query_param(query, "name", json_at(ops[some].want, "name"));
		*any = true;
	}
	return some;
}

/* One LIST for as many ops as one URL holds; returns how many that was. */
static struct err *find_some(struct op *ops, size_t n, size_t *ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	struct err *e;
	size_t some = n;
	bool any = ops->r->flags & NO_NAME;

	common_params(ops, n, &query);
	if (!any)
		some = many_names(ops, n, &query, &any);
	*ret = some;
	e = any ? resource_list(ops->api, ops->r, NULL, query.s, &list) : NULL;
	for (size_t i = 0; i < some && !e; i++) {
		const char *name = json_str(ops[i].want, "name");

		e = pick(&ops[i], list);
		if (!e && !ops[i].have && name && name_is_id(name))
			e = find_op(&ops[i]);
	}
	return e;
}

struct err *resource_find_ops(struct op *ops, size_t n)
{
	struct err *e = NULL;

	if (n == 1)
		return find_op(ops);
	for (size_t done = 0, some; done < n && !e; done += some)
		e = find_some(ops + done, n - done, &some);
	return e;
}

/* ---- what a lost answer was about ---- */

enum { CLOCKS_DIFFER_S = 120 };

/* What is set by calls of its own may not have been set yet; a secret is not told. */
static bool as_created(struct op *op, struct json_object *object)
{
	struct plan plan;
	bool same = true;

	plan_make(op->r, "present", op->want, object, &plan);
	json_object_object_foreach(plan.changes, key, change) {
		const struct attr *a = attr_named(op->r->attrs, key);

		(void)change;
		same = same && ((a->set && !(a->flags & BORN)) || a->flags & SECRET);
	}
	plan_release(&plan);
	return same;
}

static bool may_be_ours(struct op *op, struct json_object *object)
{
	const struct keeper *k = op->keeper;
	const char *name = json_str(op->want, "name");
	const int64_t made = text_time(json_str(object, "created_at"));

	if (name && !json_is_str(json_at(object, "name"), name))
		return false;
	if (made && made < k->since_s - CLOCKS_DIFFER_S)
		return false;
	if (!made &&
	    (!name || !k->others || json_list_has(k->others, json_at(object, resource_key(op->r)))))
		return false;
	if (made && k->until_s && made > k->until_s + CLOCKS_DIFFER_S)
		return false;
	return as_created(op, object);
}

struct err *find_before(struct op *op)
{
	const struct keeper *k = op->keeper;
	const struct resource *r = op->r;
	const char *name = json_str(op->want, "name");
	const bool timeless = !attr_named(r->attrs, "created_at") || r->flags & ID_IS_NAME;
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	AUTO_JSON ids = json_object_new_array();
	struct err *e;

	if (!k->before || k->others || k->lost || !timeless || !name || !*name)
		return NULL;
	if (!(r->flags & (LIST_ONLY | ID_IS_NAME)))
		query_name(&query, r, name);
	e = resource_list(op->api, r, NULL, query.s, &list);
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			json_object_array_add(
				ids, json_copy(json_at(json_nth(list, i), resource_key(r))));
	if (!e)
		k->before(k, op, ids);
	return e;
}

static struct err *take_lost(struct op *op, struct json_object *object)
{
	const struct keeper *k = op->keeper;
	const char *id = json_str(object, resource_key(op->r));

	if (op->have || !id || !may_be_ours(op, object) || (k->claim && !k->claim(k, op, id)))
		return NULL;
	if (op->r->flags & GET_TO_READ)
		return resource_try_get(op->api, op->r, id, &op->have);
	op->have = json_copy(object);
	return NULL;
}

struct err *find_lost(struct op *op)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	const char *name = json_str(op->want, "name");
	struct err *e;

	if (op->keeper->id) {
		e = resource_try_get(op->api, op->r, op->keeper->id, &op->have);
		if (e || op->have)
			return e;
	}
	if (name && *name && !(op->r->flags & LIST_ONLY))
		query_name(&query, op->r, name);
	else
		common_params(op, 1, &query);
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = take_lost(op, json_nth(list, i));
	return e;
}
