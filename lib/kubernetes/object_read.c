#include <string.h>

#include "kubernetes/applying.h"
#include "pool.h"

enum {
	PAGE = 500,
	FEW = 4,         /* fewer are asked for one by one */
	FIRST_PAGE = 10, /* times the number that is looked for, so that few do not drag in many */
};

static bool is_gone(const struct err *e)
{
	return e && e->kind == ERR_NOT_FOUND;
}

struct err *object_get(struct cluster *c, const struct kube_kind *k, const char *ns,
		       const char *name, struct json_object **ret)
{
	AUTO_STR path = kind_path(k, ns, name, NULL);
	struct json_object *object = NULL;
	struct err *e =
		cluster_call(c, &(struct kube_request){ .method = "GET", .path = path }, &object);

	if (e && !is_gone(e))
		return e;
	err_free(e);
	*ret = object;
	return NULL;
}

/* ---- lists ---- */

struct listing {
	struct cluster *cluster;
	const struct kube_kind *kind;
	const char *ns, *labels, *fields;
	bool metadata_only;
	char *version; /* apiVersion and kind, which the items of a list do not say */
	char *next;    /* of the next page; NULL: the first */
	bool begun;
};

static void listing_release(struct listing *l)
{
	free(l->version);
	free(l->next);
}

static void query_add(struct buf *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_addf(b, "&%s=", name);
	buf_addurl(b, value);
}

/* The next page; *ret has `items`. */
static struct err *listing_page(struct listing *l, int limit, struct json_object **ret)
{
	static const char meta[] =
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
	AUTO_STR collection = kind_path(l->kind, l->ns, NULL, NULL);
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON page = NULL;
	struct json_object *items;
	const char *next;
	struct err *e;

	buf_addf(&path, "%s?limit=%d", collection, limit);
	query_add(&path, "labelSelector", l->labels);
	query_add(&path, "fieldSelector", l->fields);
	query_add(&path, "continue", l->next);
	e = cluster_call(l->cluster,
			 &(struct kube_request){ .method = "GET",
						 .path = path.s,
						 .accept = l->metadata_only ? meta : NULL },
			 &page);
	if (e)
		return e;
	items = json_at(page, "items");
	if (items && !json_object_is_type(items, json_type_array))
		return err_new(ERR_PROTOCOL, "GET %s: no list of items", collection);
	if (!l->version)
		l->version = kind_api_version(l->kind);
	for (size_t i = 0; i < json_len(items); i++) {
		json_sets(json_nth(items, i), "apiVersion", l->version);
		json_sets(json_nth(items, i), "kind", l->kind->kind);
	}
	next = json_str(page, "metadata.continue");
	free(l->next);
	l->next = next && *next ? xstrdup(next) : NULL;
	l->begun = true;
	*ret = TAKE(page);
	return NULL;
}

static bool listing_more(const struct listing *l)
{
	return !l->begun || l->next;
}

/* ---- reading for those who ask ---- */

struct reading {
	struct err *(*each)(void *arg, struct json_object *object);
	void *arg;
	char *last; /* "namespace/name" of the one that was handed on last */
};

static struct err *hand_on(struct reading *r, struct json_object *items, bool again)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(items) && !e; i++) {
		struct json_object *object = json_nth(items, i);
		const char *ns = json_str(object, "metadata.namespace");
		const char *name = json_str(object, "metadata.name");
		AUTO_STR key = xasprintf("%s/%s", ns ? ns : "", name ? name : "");

		if (again && r->last && strcmp(key, r->last) <= 0)
			continue;
		free(r->last);
		r->last = TAKE(key);
		e = r->each(r->arg, object);
	}
	return e;
}

/*
 * The server forgets the state a list was begun in after some minutes (410). Lists are in the order of
 * their names, so that one that is begun again goes on behind the last that was handed on.
 */
static struct err *list_read(struct listing *l, struct reading *r)
{
	bool again = false;

	while (listing_more(l)) {
		AUTO_JSON page = NULL;
		struct err *e = listing_page(l, PAGE, &page);

		if (e && e->status == 410 && l->next && !again) {
			err_free(e);
			free(TAKE(l->next));
			l->begun = false;
			again = true;
			continue;
		}
		if (!e)
			e = hand_on(r, json_at(page, "items"), again);
		if (e)
			return e;
	}
	return NULL;
}

static struct err *one_read(const struct listing *l, const char *name, struct reading *r)
{
	static const char meta[] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
	AUTO_STR path = kind_path(l->kind, l->ns, name, NULL);
	AUTO_JSON object = NULL;
	struct err *e = cluster_call(
		l->cluster,
		&(struct kube_request){
			.method = "GET", .path = path, .accept = l->metadata_only ? meta : NULL },
		&object);

	if (e && is_gone(e)) {
		err_free(e);
		return NULL;
	}
	if (!e && l->metadata_only) {
		AUTO_STR version = kind_api_version(l->kind);

		json_sets(object, "apiVersion", version);
		json_sets(object, "kind", l->kind->kind);
	}
	if (e)
		return e;
	r->last = xstrdup(name);
	return r->each(r->arg, object);
}

static struct err *all_read(struct cluster *c, const struct object_query *q, struct reading *r)
{
	CLEANUP(listing_release)
	struct listing l = { .cluster = c,
			     .ns = q->ns && *q->ns ? q->ns : NULL,
			     .labels = q->labels,
			     .fields = q->fields,
			     .metadata_only = q->metadata_only };
	AUTO_STR fields = NULL;
	struct err *e = kind_find(c, q->api_version, q->kind, &l.kind);
	const bool named = q->name && *q->name;
	const bool selected = (q->labels && *q->labels) || (q->fields && *q->fields);

	if (is_gone(e)) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	if (named && !selected && (l.ns || !l.kind->namespaced))
		return one_read(&l, q->name, r);
	if (named) {
		fields = xasprintf("metadata.name=%s%s%s", q->name,
				   q->fields && *q->fields ? "," : "", q->fields ? q->fields : "");
		l.fields = fields;
	}
	return list_read(&l, r);
}

struct err *objects_each(struct cluster *c, const struct object_query *q,
			 struct err *(*each)(void *arg, struct json_object *object), void *arg)
{
	struct reading r = { .each = each, .arg = arg };
	struct err *e = all_read(c, q, &r);

	if ((!e || is_gone(e)) && !r.last && kinds_doubted(c)) {
		err_free(e);
		e = all_read(c, q, &r);
	}
	free(r.last);
	return e;
}

static struct err *keep(void *arg, struct json_object *object)
{
	struct json_object *list = arg;

	json_object_array_add(list, json_object_get(object));
	return NULL;
}

struct err *objects_list(struct cluster *c, const struct object_query *q, struct json_object **ret)
{
	AUTO_JSON list = json_object_new_array();
	struct err *e = objects_each(c, q, keep, list);

	if (!e)
		*ret = TAKE(list);
	return e;
}

/* ---- reading for works ---- */

/* Works of one kind and namespace. */
struct flock {
	struct work **works;
	size_t n;
};

static void one_get(void *arg, size_t i)
{
	struct work *w = ((struct work *const *)arg)[i];

	w->e = object_get(w->op->cluster, w->op->kind, w->ns, w->name, &w->op->before);
}

/* Takes from the page what is looked for; how many that were. */
static size_t page_take(struct json_object *items, struct json_object *places,
			struct work *const *works)
{
	size_t found = 0;

	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *object = json_nth(items, i);
		const char *name = json_str(object, "metadata.name");
		struct json_object *place = NULL;

		if (!name || !json_object_object_get_ex(places, name, &place))
			continue;
		works[json_object_get_int64(place)]->op->before = json_object_get(object);
		json_object_object_del(places, name);
		found++;
	}
	return found;
}

/*
 * One list, as long as the pages to come are fewer than what is still looked for. What is left is in
 * `places`; nothing is, if the list was read to its end.
 */
static struct err *flock_list(const struct flock *f, struct json_object *places)
{
	const struct work *first = f->works[0];
	CLEANUP(listing_release)
	struct listing l = { .cluster = first->op->cluster,
			     .kind = first->op->kind,
			     .ns = first->ns };
	size_t missing = f->n;
	int limit = f->n * FIRST_PAGE < PAGE ? (int)f->n * FIRST_PAGE : PAGE;

	while (missing && listing_more(&l)) {
		AUTO_JSON page = NULL;
		struct err *e = listing_page(&l, limit, &page);
		int64_t rest;

		if (e)
			return e;
		missing -= page_take(json_at(page, "items"), places, f->works);
		rest = json_int(page, "metadata.remainingItemCount", 0);
		if (l.next && (rest + PAGE - 1) / PAGE > (int64_t)missing)
			return NULL;
		limit = PAGE;
	}
	for (size_t i = 0; i < f->n; i++)
		json_object_object_del(places, f->works[i]->name);
	return NULL;
}

static struct json_object *places_of(const struct flock *f)
{
	struct json_object *places = json_object_new_object();

	for (size_t i = 0; i < f->n; i++)
		json_set(places, f->works[i]->name, json_object_new_int64((int64_t)i));
	return places;
}

/* Moves those that are to be asked for one by one to the front; how many they are. */
static void flock_read(void *arg, size_t i)
{
	struct flock *f = (struct flock *)arg + i;
	AUTO_JSON places = NULL;
	size_t left = 0;

	if (f->n < FEW)
		return;
	places = places_of(f);
	/* Who may not list may get; and what else is wrong is told by the next request. */
	err_free(flock_list(f, places));
	for (size_t j = 0; j < f->n; j++)
		if (json_has(places, f->works[j]->name))
			f->works[left++] = f->works[j];
	f->n = left;
}

static int by_flock(const void *x, const void *y)
{
	const struct work *a = *(struct work *const *)x, *b = *(struct work *const *)y;

	if (a->op->cluster != b->op->cluster)
		return a->op->cluster < b->op->cluster ? -1 : 1;
	if (a->op->kind != b->op->kind)
		return a->op->kind < b->op->kind ? -1 : 1;
	return strcmp(a->ns ? a->ns : "", b->ns ? b->ns : "");
}

void works_read(struct work *const *works, size_t n, int width)
{
	struct work **all = xcalloc(n + 1, sizeof(struct work *));
	struct flock *flocks = xcalloc(n + 1, sizeof(*flocks));
	size_t named = 0, count = 0, left = 0;

	for (size_t i = 0; i < n; i++)
		if (works[i]->name)
			all[named++] = works[i];
	qsort(all, named, sizeof(struct work *), by_flock);
	for (size_t i = 0; i < named; i++) {
		if (!i || by_flock(&all[i - 1], &all[i]) != 0)
			flocks[count++].works = &all[i];
		flocks[count - 1].n++;
	}
	pool_run(count, width, flock_read, flocks);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < flocks[i].n; j++)
			all[left++] = flocks[i].works[j];
	pool_run(left, width, one_get, all);
	free(flocks);
	free(all);
}
