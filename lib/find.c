/* Finding objects: by ID, by name, by what identifies them, one or many, with few requests. */
#include <fnmatch.h>
#include <pthread.h>
#include <string.h>

#include "pool.h"
#include "resource.h"

enum { MAX_PAGES = 10000, MAX_QUERY = 6000, MAX_PARAMS = 1500 };

/* ---- lists ---- */

static const char *r_id(const struct resource *r)
{
	return r->identifier ? r->identifier : "id";
}

/* Nova, Neutron and Cinder say "servers_links", Keystone "links.next", Glance "next". */
static const char *next_link(struct json_object *answer, const char *keys)
{
	AUTO_STR name = xasprintf("%s_links", keys);
	struct json_object *links = json_at(answer, name);

	for (size_t i = 0; i < json_len(links); i++)
		if (json_is_str(json_at(json_nth(links, i), "rel"), "next"))
			return json_str(json_nth(links, i), "href");
	if (json_str(answer, "links.next"))
		return json_str(answer, "links.next");
	return json_str(answer, "next");
}

struct err *list_pages(struct api *api, const struct request *first, const char *keys,
		       struct json_object **ret)
{
	AUTO_JSON all = json_object_new_array();
	AUTO_STR path = xstrdup(first->path);

	for (int page = 0; path; page++) {
		struct request req = *first;
		AUTO_JSON answer = NULL;
		struct json_object *list;
		struct err *e;

		if (page == MAX_PAGES)
			return err_new(ERR_PROTOCOL, "GET %s: more than %d pages", path, MAX_PAGES);
		req.method = "GET";
		req.path = path;
		e = api->call(api, &req, &answer);
		if (e)
			return e;
		list = json_at(answer, keys);
		if (!json_object_is_type(list, json_type_array))
			return err_new(ERR_PROTOCOL, "GET %s %s: the answer has no list '%s'",
				       first->service, path, keys);
		for (size_t i = 0; i < json_len(list); i++)
			json_object_array_add(all, json_object_get(json_nth(list, i)));
		AUTO_STR old = path;
		path = json_len(list) ? xstrdup(next_link(answer, keys)) : NULL;
		if (path && strcmp(path, old) == 0)
			return err_new(ERR_PROTOCOL, "GET %s: the next page is the same page",
				       path);
	}
	*ret = TAKE(all);
	return NULL;
}

/* The object as attributes; what has no ID can be neither changed nor referred to. */
static struct err *decode(const struct resource *r, struct json_object *wire, const char *path,
			  struct json_object **ret)
{
	AUTO_JSON o = NULL;

	if (!json_object_is_type(wire, json_type_object))
		return err_new(ERR_PROTOCOL, "GET %s %s: where an object should be is %s",
			       r->service, path, json_type_words(wire));
	o = attrs_decode(r->attrs, wire);
	if (attr_named(r->attrs, r_id(r)) && !json_str(o, r_id(r)))
		return err_new(ERR_PROTOCOL, "GET %s %s: what was found has no '%s'", r->service,
			       path, r_id(r));
	*ret = TAKE(o);
	return NULL;
}

struct err *resource_list(struct api *api, const struct resource *r, const char *path,
			  const char *query, struct json_object **ret)
{
	AUTO_BUF full = BUF_INIT;
	AUTO_JSON wire = NULL;
	AUTO_JSON all = json_object_new_array();
	struct request req = { .service = r->service, .microversion = r->microversion };
	struct err *e;

	buf_adds(&full, path ? path : r->list ? r->list : r->path);
	if (r->list_query)
		buf_addf(&full, "?%s", r->list_query);
	if (query && *query)
		buf_addf(&full, "%c%s", strchr(full.s, '?') ? '&' : '?', query);
	req.path = full.s;
	e = list_pages(api, &req, r->keys, &wire);
	for (size_t i = 0; i < json_len(wire) && !e; i++) {
		struct json_object *one = json_nth(wire, i), *o = NULL;

		/* Nova wraps each key pair of a list once more. */
		if (r->key && json_object_is_type(json_at(one, r->key), json_type_object) &&
		    json_object_object_length(one) == 1)
			one = json_at(one, r->key);
		e = decode(r, one, full.s, &o);
		if (!e)
			json_object_array_add(all, o);
	}
	if (!e)
		*ret = TAKE(all);
	return e;
}

static struct err *get_path(struct api *api, const struct resource *r, const char *path,
			    struct json_object **ret)
{
	AUTO_JSON answer = NULL;
	struct request req = { .method = "GET",
			       .service = r->service,
			       .path = path,
			       .microversion = r->microversion };
	struct err *e = api->call(api, &req, &answer);
	struct json_object *one;

	if (e)
		return e;
	one = r->key ? json_at(answer, r->key) : answer;
	if (!json_object_is_type(one, json_type_object))
		return err_new(ERR_PROTOCOL, "GET %s %s: the answer has no '%s'", r->service, path,
			       r->key ? r->key : "object");
	return decode(r, one, path, ret);
}

struct err *resource_get(struct api *api, const struct resource *r, const char *id,
			 struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;

	buf_addf(&path, "%s/", r->path);
	buf_addurl(&path, id);
	return get_path(api, r, path.s, ret);
}

/* ---- one by name ---- */

/* UUIDs, with or without their dashes (Keystone), are taken for IDs. */
static bool looks_like_id(const char *s)
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

/* A name as a regular expression: "." for what is special, as Nova has its own ideas of escaping. */
static void add_literal(struct buf *re, const char *name)
{
	for (const char *s = name; *s; s++)
		buf_addf(re, "%c", strchr("\\^$.|?*+()[]{}", *s) ? '.' : *s);
}

static void add_name(struct buf *query, const struct resource *r, const char *name)
{
	if (!(r->flags & NAME_REGEX)) {
		buf_adds(query, r->flags & NAME_OPS && strchr(name, ':') ? "name=eq:" : "name=");
		buf_addurl(query, name);
		return;
	}
	AUTO_BUF re = BUF_INIT;
	add_literal(&re, name);
	buf_adds(query, "name=%5E");
	buf_addurl(query, re.s);
	buf_adds(query, "%24");
}

static struct err *too_many(const struct resource *r, struct json_object *list, const char *name)
{
	AUTO_BUF ids = BUF_INIT;

	for (size_t i = 0; i < json_len(list) && i < 5; i++)
		buf_addf(&ids, "%s%s", i ? ", " : "", json_str(json_nth(list, i), r_id(r)));
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
static struct err *choose(struct api *api, const struct resource *r, struct json_object *list,
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
	return choose(api, r, list, name, NULL, ret);
}

static struct err *by_name(struct api *api, const struct resource *r, const char *name,
			   const char *scope, const char *project, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	AUTO_JSON named = json_object_new_array();
	struct err *e;

	if (!(r->flags & LIST_ONLY))
		add_name(&query, r, name);
	if (scope && *scope)
		buf_addf(&query, "%s%s", query.len ? "&" : "", scope);
	e = resource_list(api, r, NULL, query.s, &list);
	if (e)
		return e;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i);

		/* IDs of any form (flavors) win over names. */
		if (r->flags & LIST_ONLY && json_is_str(json_at(one, r_id(r)), name)) {
			*ret = json_copy(one);
			return NULL;
		}
		if (json_is_str(json_at(one, "name"), name))
			json_object_array_add(named, json_object_get(one));
	}
	return choose(api, r, named, name, project, ret);
}

static struct err *by_id(struct api *api, const struct resource *r, const char *id,
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

static struct err *find_in(struct api *api, const struct resource *r, const char *name_or_id,
			   const char *scope, const char *project, struct json_object **ret)
{
	AUTO_JSON found = NULL;
	struct err *e = NULL;

	if (r->flags & ID_IS_NAME || looks_like_id(name_or_id))
		e = by_id(api, r, name_or_id, &found);
	if (!e && !found && !(r->flags & ID_IS_NAME)) {
		e = by_name(api, r, name_or_id, scope, project, &found);
		if (!e && found && r->flags & GET_TO_READ) {
			AUTO_STR id = xstrdup(json_str(found, r_id(r)));

			json_object_put(TAKE(found));
			e = by_id(api, r, id, &found);
		}
		if (!e && !found && r->flags & ANY_ID && *name_or_id && !looks_like_id(name_or_id))
			e = by_id(api, r, name_or_id, &found);
	}
	if (!e)
		*ret = TAKE(found);
	return e;
}

struct err *resource_find(struct api *api, const struct resource *r, const char *name_or_id,
			  const char *scope, struct json_object **ret)
{
	return find_in(api, r, name_or_id, scope, NULL, ret);
}

/* ---- references ---- */

struct ref {
	char *key, *id; /* id NULL: looked for, not there */
	bool busy;
	struct ref *next;
};

struct refs {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct ref *first;
};

struct refs *refs_new(void)
{
	struct refs *refs = xcalloc(1, sizeof(*refs));

	(void)pthread_mutex_init(&refs->lock, NULL);
	(void)pthread_cond_init(&refs->done, NULL);
	return refs;
}

void refs_free(struct refs *refs)
{
	while (refs && refs->first) {
		struct ref *x = refs->first;

		refs->first = x->next;
		free(x->key);
		free(x->id);
		free(x);
	}
	if (refs) {
		(void)pthread_cond_destroy(&refs->done);
		(void)pthread_mutex_destroy(&refs->lock);
	}
	free(refs);
}

static struct ref **ref_slot(struct refs *refs, const char *key)
{
	struct ref **p = &refs->first;

	while (*p && strcmp((*p)->key, key) != 0)
		p = &(*p)->next;
	return p;
}

/* True if the answer is in *ret; false if the caller is to look and call ref_done(). */
static bool ref_known(struct refs *refs, const char *key, char **ret)
{
	struct ref **slot;

	(void)pthread_mutex_lock(&refs->lock);
	for (slot = ref_slot(refs, key); *slot && (*slot)->busy; slot = ref_slot(refs, key))
		(void)pthread_cond_wait(&refs->done, &refs->lock);
	const bool known = *slot;
	if (known) {
		*ret = xstrdup((*slot)->id);
	} else {
		*slot = xcalloc(1, sizeof(**slot));
		(*slot)->key = xstrdup(key);
		(*slot)->busy = true;
	}
	(void)pthread_mutex_unlock(&refs->lock);
	return known;
}

static void ref_done(struct refs *refs, const char *key, bool ok, const char *id)
{
	struct ref **slot, *x;

	(void)pthread_mutex_lock(&refs->lock);
	slot = ref_slot(refs, key);
	x = *slot;
	if (!x) {
		/* never: ref_known() put it there */
	} else if (ok) {
		x->id = xstrdup(id);
		x->busy = false;
	} else {
		*slot = x->next;
		free(x->key);
		free(x);
	}
	(void)pthread_cond_broadcast(&refs->done);
	(void)pthread_mutex_unlock(&refs->lock);
}

bool refs_claim(struct refs *refs, const char *what)
{
	char *nothing = NULL;
	const bool known = ref_known(refs, what, &nothing);

	if (!known)
		ref_done(refs, what, true, NULL);
	free(nothing);
	return !known;
}

/* The project whose objects come first where names are ambiguous; NULL: the token's own. */
static const char *ref_project(struct op *op)
{
	const char *project = json_str(op->want, "project_id");

	return project && looks_like_id(project) ? project : NULL;
}

static char *ref_key(const struct resource *r, const char *project, const char *name)
{
	return xasprintf("%s %s %s", r->name, project ? project : "", name);
}

/* That nothing has a name is no answer of 404: such a one is about the list (no such extension). */
static bool name_missing(const struct err *e)
{
	return e && e->kind == ERR_NOT_FOUND && !e->status;
}

struct err *refs_id(struct op *op, const struct resource *r, const char *name_or_id, char **ret)
{
	const char *project = ref_project(op);
	AUTO_STR key = ref_key(r, project, name_or_id);
	AUTO_JSON found = NULL;
	char *id = NULL;
	struct err *e = NULL;

	if (looks_like_id(name_or_id)) {
		*ret = xstrdup(name_or_id);
		return NULL;
	}
	if (!ref_known(op->refs, key, &id)) {
		e = find_in(op->api, r, name_or_id, NULL, project, &found);
		id = xstrdup(json_str(found, r_id(r)));
		ref_done(op->refs, key, !e, id);
	}
	if (!e && !id)
		e = err_new(ERR_NOT_FOUND, "no %s is named '%s'", r->key ? r->key : r->name,
			    name_or_id);
	if (!e)
		*ret = TAKE(id);
	free(id);
	return e;
}

struct err *op_ref(struct op *op, const struct resource *r, const char *option,
		   const char *name_or_id, char **ret)
{
	struct err *e = refs_id(op, r, name_or_id, ret);

	if (name_missing(e) && op->check) {
		/* In check mode an earlier task would have made it. */
		op_warn(op, "%s, assumed to exist by then", e->text);
		err_free(e);
		e = NULL;
		*ret = xstrdup(name_or_id);
	}
	return err_at(err_wrap(e, "%s", option), option);
}

static struct err *resolve_one(struct op *op, const struct attr *a, struct json_object *v,
			       struct json_object **ret)
{
	AUTO_STR id = NULL;
	struct err *e;

	if (!json_object_is_type(v, json_type_string)) {
		*ret = json_copy(v);
		return NULL;
	}
	e = op_ref(op, a->ref, attr_option(a), json_object_get_string(v), &id);
	if (!e)
		*ret = json_object_new_string(id);
	return e;
}

static struct err *resolve_in(struct op *op, const struct attr *attrs, struct json_object *obj);

static struct err *resolve_list(struct op *op, const struct attr *a, struct json_object *list,
				struct json_object **ret)
{
	AUTO_JSON ids = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct json_object *v = json_nth(list, i), *id = NULL;

		if (a->ref) {
			e = resolve_one(op, a, v, &id);
		} else {
			id = json_copy(v);
			e = resolve_in(op, a->sub, id);
		}
		if (id)
			json_object_array_add(ids, id);
	}
	if (!e)
		*ret = TAKE(ids);
	return e;
}

static struct err *resolve_in(struct op *op, const struct attr *attrs, struct json_object *obj)
{
	struct err *e = NULL;

	if (!json_object_is_type(obj, json_type_object))
		return NULL;
	for (const struct attr *a = attrs; a->name && !e; a++) {
		struct json_object *v = json_at(obj, a->name), *id = NULL;

		if (!v || !(a->ref || a->sub))
			continue;
		if (a->type == LIST || a->type == SET)
			e = resolve_list(op, a, v, &id);
		else if (a->ref)
			e = resolve_one(op, a, v, &id);
		else
			e = resolve_in(op, a->sub, v);
		if (id)
			json_set(obj, a->name, id);
	}
	return e;
}

/* What belongs to something that is not there is not there either. */
static struct err *resolve_absent(struct op *op, const struct attr *a, struct json_object *v)
{
	AUTO_STR id = NULL;
	struct err *e;

	if (!json_object_is_type(v, json_type_string))
		return NULL;
	e = refs_id(op, a->ref, json_object_get_string(v), &id);
	if (name_missing(e)) {
		err_free(e);
		op->gone = true;
		return NULL;
	}
	if (!e)
		json_sets(op->want, a->name, id);
	return err_at(err_wrap(e, "%s", attr_option(a)), attr_option(a));
}

struct err *op_resolve(struct op *op)
{
	struct err *e = NULL;

	if (strcmp(op->state, "absent") != 0)
		return resolve_in(op, op->r->attrs, op->want);
	/* Only what says which object is to go; a network that is gone already has no subnet. */
	for (const struct attr *a = op->r->attrs; a->name && !e; a++) {
		struct json_object *v = json_at(op->want, a->name);

		if (v && a->ref && a->flags & IDENTITY && !(a->flags & OPTION))
			e = resolve_absent(op, a, v);
	}
	return e;
}

/* ---- references of many, looked up together ---- */

struct wanted {
	const struct resource *r;
	char *project;
	struct json_object *names; /* {name: null} */
	struct wanted *next;
};

static void want_name(struct wanted **first, struct op *op, const struct resource *r,
		      struct json_object *v)
{
	const char *project = ref_project(op);
	const char *name;
	struct wanted *w = *first;

	if (!(r->flags & (BULK | LIST_MANY)) || !json_object_is_type(v, json_type_string))
		return;
	name = json_object_get_string(v);
	if (!*name || looks_like_id(name))
		return;
	while (w && !(w->r == r && strcmp(w->project, project ? project : "") == 0))
		w = w->next;
	if (!w) {
		w = xcalloc(1, sizeof(*w));
		w->r = r;
		w->project = xstrdup(project ? project : "");
		w->names = json_object_new_object();
		w->next = *first;
		*first = w;
	}
	json_set(w->names, name, NULL);
}

static void want_names(struct wanted **first, struct op *op, const struct attr *attrs,
		       struct json_object *obj)
{
	for (const struct attr *a = attrs; a->name; a++) {
		struct json_object *v = json_at(obj, a->name);
		const size_t n = json_len(v);

		if (!v || !(a->ref || a->sub))
			continue;
		if (strcmp(op->state, "absent") == 0 && !(a->flags & IDENTITY))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (a->ref)
				want_name(first, op, a->ref, json_nth(v, i));
			else
				want_names(first, op, a->sub, json_nth(v, i));
		}
		if (!n && a->ref)
			want_name(first, op, a->ref, v);
		else if (!n)
			want_names(first, op, a->sub, v);
	}
}

/* What this leaves open - ambiguous names, a refused LIST - refs_id() finds again, and tells. */
static void take_name(struct op *op, const struct wanted *w, struct json_object *list,
		      const char *name)
{
	const char *project = *w->project ? w->project : NULL;
	AUTO_STR key = ref_key(w->r, project, name);
	AUTO_JSON named = json_object_new_array();
	AUTO_JSON found = NULL;
	AUTO_STR known = NULL;
	struct err *e;

	if (ref_known(op->refs, key, &known))
		return;
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			json_object_array_add(named, json_object_get(json_nth(list, i)));
	e = choose(op->api, w->r, named, name, project, &found);
	ref_done(op->refs, key, !e, json_str(found, r_id(w->r)));
	err_free(e);
}

static void look_up(struct op *op, const struct wanted *w)
{
	struct json_object_iterator it = json_object_iter_begin(w->names);
	const struct json_object_iterator end = json_object_iter_end(w->names);

	if (json_object_object_length(w->names) < 2)
		return;
	while (!json_object_iter_equal(&it, &end)) {
		struct json_object_iterator from = it;
		AUTO_BUF query = BUF_INIT;
		AUTO_JSON list = NULL;
		struct err *e;

		for (; !json_object_iter_equal(&it, &end) && query.len < MAX_QUERY;
		     json_object_iter_next(&it)) {
			buf_adds(&query, query.len ? "&name=" : "name=");
			buf_addurl(&query, json_object_iter_peek_name(&it));
		}
		e = resource_list(op->api, w->r, NULL, query.s, &list);
		for (; !e && !json_object_iter_equal(&from, &it); json_object_iter_next(&from))
			take_name(op, w, list, json_object_iter_peek_name(&from));
		err_free(e);
	}
}

void refs_prefetch(struct op *ops, struct err *const *errs, size_t n)
{
	struct wanted *first = NULL;

	for (size_t i = 0; i < n; i++)
		if (!errs[i])
			want_names(&first, &ops[i], ops[i].r->attrs, ops[i].want);
	while (first) {
		struct wanted *w = first;

		look_up(ops, w);
		first = w->next;
		json_object_put(w->names);
		free(w->project);
		free(w);
	}
}

/* ---- the objects that ops are about ---- */

static void add_param(struct buf *query, const char *name, struct json_object *v)
{
	AUTO_STR text = json_text(v);

	if (query->len)
		buf_adds(query, "&");
	buf_addurl(query, name);
	buf_adds(query, "=");
	buf_addurl(query, text);
}

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
		add_param(&params, attr_wire(a), v);
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
	return choose(op->api, op->r, meant, name ? name : "", ref_project(op), &op->have);
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
		return find_in(op->api, op->r, name, scope.s, ref_project(op), &op->have);
	e = resource_list(op->api, op->r, NULL, scope.s, &list);
	return e ? e : pick(op, list);
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
	add_literal(&re, begins);
	buf_addf(&re, ".{0,%zu}", longest - head - tail);
	add_literal(&re, first + strlen(first) - tail);
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
		add_param(query, "name", json_at(ops[some].want, "name"));
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
		if (!e && !ops[i].have && name && looks_like_id(name))
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

/* ---- info modules ---- */

static struct err *info_param(struct op *op, const struct attr *a, struct buf *query)
{
	struct json_object *v = json_at(op->want, a->name);
	AUTO_JSON id = NULL;
	struct err *e = NULL;

	if (!v || a->flags & OPTION)
		return NULL;
	if (a->ref)
		e = resolve_one(op, a, v, &id);
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
		add_param(query, attr_wire(a), text);
	} else {
		add_param(query, attr_wire(a), id);
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
			add_param(query, attr_wire(a), v);
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
		return by_id(op->api, op->r, id, ret);
	buf_addf(&path, "%s/", op->r->path);
	buf_addurl(&path, id);
	buf_addf(&path, "?%s", query);
	e = get_path(op->api, op->r, path.s, ret);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		e = NULL;
	}
	return e;
}

static bool info_named(struct op *op, const struct info *info, const char *name,
		       struct json_object *object)
{
	const char *const names[] = { json_str(object, "name"), json_str(object, r_id(op->r)) };

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
	AUTO_JSON one = NULL;
	struct err *e = info_query(op, info, &query);

	if (name_missing(e) && info->missing_is_empty) {
		err_free(e);
		*ret = json_object_new_array();
		return NULL;
	}
	if (e)
		return e;
	const bool pattern = name && is_pattern(info, name);
	if (name && !pattern && (op->r->flags & ID_IS_NAME || looks_like_id(name))) {
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
			add_name(&query, op->r, name);
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
