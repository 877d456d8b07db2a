/* Names of other objects, looked up once a run. */
#include <pthread.h>
#include <string.h>

#include "find.h"

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
const char *ref_project(struct op *op)
{
	const char *project = json_str(op->want, "project_id");

	return project && name_is_id(project) ? project : NULL;
}

static char *ref_key(const struct resource *r, const char *project, const char *scope,
		     const char *name)
{
	return xasprintf("%s %s %s %s", r->name, project ? project : "", scope, name);
}

/* The query that keeps a look-up to the domain that is meant; "": any. */
static char *ref_scope(struct op *op, const struct attr *a)
{
	const char *domain = a->within ? json_str(op->want, a->within) : NULL;
	AUTO_BUF query = BUF_INIT;

	if (domain)
		query_param(&query, "domain_id", json_at(op->want, a->within));
	return buf_take(&query);
}

/* That nothing has a name is no answer of 404: such a one is about the list (no such extension). */
bool ref_missing(const struct err *e)
{
	return e && e->kind == ERR_NOT_FOUND && !e->status;
}

static struct err *ref_id(struct op *op, const struct resource *r, const char *name_or_id,
			  const char *scope, char **ret)
{
	const char *project = ref_project(op);
	AUTO_STR key = ref_key(r, project, scope, name_or_id);
	AUTO_JSON found = NULL;
	char *id = NULL;
	struct err *e = NULL;

	if (op->keeper || name_is_id(name_or_id)) {
		*ret = xstrdup(name_or_id);
		return NULL;
	}
	if (!ref_known(op->refs, key, &id)) {
		e = find_in_project(op->api, r, name_or_id, scope, project, &found);
		id = xstrdup(json_str(found, resource_key(r)));
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

struct err *refs_id(struct op *op, const struct resource *r, const char *name_or_id, char **ret)
{
	return ref_id(op, r, name_or_id, "", ret);
}

/* What is told of a name that nothing has, or done about it. */
static struct err *ref_settle(struct op *op, const char *option, const char *name_or_id,
			      struct err *e, char **ret)
{
	if (ref_missing(e) && op->check) {
		/* In check mode an earlier task would have made it. */
		op_warn(op, "%s, but check mode takes it that an earlier task makes it", e->text);
		err_free(e);
		e = NULL;
		*ret = xstrdup(name_or_id);
	} else if (ref_missing(e)) {
		AUTO_STR text = e->text;

		e->text = xasprintf("%s: make it first, or see that cloud, region and project are "
				    "the right ones",
				    text);
	}
	return err_at(err_wrap(e, "%s", option), option);
}

struct err *op_ref(struct op *op, const struct resource *r, const char *option,
		   const char *name_or_id, char **ret)
{
	return ref_settle(op, option, name_or_id, refs_id(op, r, name_or_id, ret), ret);
}

struct err *ref_resolve(struct op *op, const struct attr *a, struct json_object *v,
			struct json_object **ret)
{
	AUTO_STR scope = ref_scope(op, a);
	AUTO_STR id = NULL;
	struct err *e;

	/* In a domain that is not there yet is nothing to be found. */
	if (!json_object_is_type(v, json_type_string) || (op->gone && *scope)) {
		*ret = json_copy(v);
		return NULL;
	}
	e = ref_id(op, a->ref, json_object_get_string(v), scope, &id);
	/* What is to belong to it cannot be there yet either. */
	if (ref_missing(e) && op->check && a->flags & IDENTITY)
		op->gone = true;
	e = ref_settle(op, attr_option(a), json_object_get_string(v), e, &id);
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
			e = ref_resolve(op, a, v, &id);
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
			e = ref_resolve(op, a, v, &id);
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
	AUTO_STR scope = ref_scope(op, a);
	AUTO_STR id = NULL;
	struct err *e;

	if (!json_object_is_type(v, json_type_string))
		return NULL;
	e = ref_id(op, a->ref, json_object_get_string(v), scope, &id);
	if (ref_missing(e)) {
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
	for (const struct attr *a = op->r->attrs; a->name && !e && !op->gone; a++) {
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
	if (!*name || name_is_id(name))
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
	AUTO_STR key = ref_key(w->r, project, "", name);
	AUTO_JSON named = json_object_new_array();
	AUTO_JSON found = NULL;
	AUTO_STR known = NULL;
	struct err *e;

	if (ref_known(op->refs, key, &known))
		return;
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			json_object_array_add(named, json_object_get(json_nth(list, i)));
	e = find_choose(op->api, w->r, named, name, project, &found);
	ref_done(op->refs, key, !e, json_str(found, resource_key(w->r)));
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
		if (!errs[i] && !ops[i].keeper)
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
