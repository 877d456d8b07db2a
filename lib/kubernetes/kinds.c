#include "kubernetes/kinds.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "json.h"
#include "kubernetes/discovery.h"
#include "pool.h"
#include "session/cache.h"
#include "session/config.h"
#include "text.h"

enum {
	FRESH_MS = 600000, /* what was asked of the server within this time is taken as it is */
	AHEAD_MS = 1000,   /* of the clock, where much is asked within one millisecond */
	TURN_MS = 10000,   /* how long to wait for another process's fetch */
	WIDTH = 8,
	KINDS_MAX = 20000,
	NAMES_TOLD = 5,
};

/*
 * What is cached, and what tables are made of: {"at": milliseconds, "core": etag, "groups": etag, "kinds": [row...],
 * "stale": ["group/version"...]}. Rows stand in the server's order: core first, the preferred
 * version of a group before others.
 */
enum { GROUP, VERSION_, KIND, PLURAL, SINGULAR, SCOPED, VERBS, SHORT, CATEGORIES, SUBS, COLUMNS };

/* Never changes once made; lives as long as the cluster, for what was found in it was borrowed. */
struct table {
	struct json_object *doc;
	struct kube_kind *kinds;
	size_t n;
	struct table *older;
};

struct discovery {
	pthread_mutex_t lock;
	struct table *newest;
	int64_t asked_ms; /* wall clock: when the server last said that the newest holds */
	int64_t since_ms; /* what was asked before is not to be believed any more */
	atomic_bool doubted;
};

struct discovery *discovery_new(void)
{
	struct discovery *d = xcalloc(1, sizeof(*d));

	(void)pthread_mutex_init(&d->lock, NULL);
	return d;
}

void discovery_free(struct discovery *d)
{
	if (!d)
		return;
	while (d->newest) {
		struct table *older = d->newest->older;

		json_object_put(d->newest->doc);
		free(d->newest->kinds);
		free(d->newest);
		d->newest = older;
	}
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- rows ---- */

static struct json_object *texts(struct json_object *list)
{
	struct json_object *copy = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_is_type(json_nth(list, i), json_type_string))
			json_object_array_add(copy, json_copy(json_nth(list, i)));
	return copy;
}

static struct json_object *text(const char *s)
{
	return json_object_new_string(s ? s : "");
}

/* Takes the lists. */
static void row_add(struct json_object *doc, const struct kube_kind *k)
{
	struct json_object *row = json_object_new_array_ext(COLUMNS);

	json_object_array_add(row, text(k->group));
	json_object_array_add(row, text(k->version));
	json_object_array_add(row, text(k->kind));
	json_object_array_add(row, text(k->plural));
	json_object_array_add(row, text(k->singular));
	json_object_array_add(row, json_object_new_boolean(k->namespaced));
	json_object_array_add(row, k->verbs);
	json_object_array_add(row, k->short_names);
	json_object_array_add(row, k->categories);
	json_object_array_add(row, k->subresources);
	json_object_array_add(json_object_object_get(doc, "kinds"), row);
}

static bool row_is_fine(struct json_object *row)
{
	if (json_len(row) != COLUMNS ||
	    !json_object_is_type(json_nth(row, SCOPED), json_type_boolean))
		return false;
	for (size_t i = 0; i < COLUMNS; i++)
		if (i != SCOPED &&
		    !json_object_is_type(json_nth(row, i),
					 i < SCOPED ? json_type_string : json_type_array))
			return false;
	return true;
}

static const char *cell(struct json_object *row, size_t column)
{
	return json_object_get_string(json_nth(row, column));
}

/* Takes doc; NULL: it is no such document. */
static struct table *table_new(struct json_object *doc)
{
	struct json_object *rows = json_object_object_get(doc, "kinds");
	struct table *t = xcalloc(1, sizeof(*t));
	bool fine = json_len(rows) > 0 && json_len(rows) <= KINDS_MAX;

	t->doc = doc;
	t->kinds = xcalloc(json_len(rows) + 1, sizeof(*t->kinds));
	for (size_t i = 0; i < json_len(rows) && fine; i++) {
		struct json_object *row = json_nth(rows, i);

		fine = row_is_fine(row);
		if (!fine)
			break;
		t->kinds[t->n++] = (struct kube_kind){
			.group = cell(row, GROUP),
			.version = cell(row, VERSION_),
			.kind = cell(row, KIND),
			.plural = cell(row, PLURAL),
			.singular = cell(row, SINGULAR),
			.namespaced = json_object_get_boolean(json_nth(row, SCOPED)),
			.verbs = json_nth(row, VERBS),
			.short_names = json_nth(row, SHORT),
			.categories = json_nth(row, CATEGORIES),
			.subresources = json_nth(row, SUBS),
		};
	}
	if (fine)
		return t;
	json_object_put(doc);
	free(t->kinds);
	free(t);
	return NULL;
}

static struct json_object *doc_new(void)
{
	struct json_object *doc = json_object_new_object();

	json_set(doc, "kinds", json_object_new_array());
	json_set(doc, "stale", json_object_new_array());
	return doc;
}

static void stale_add(struct json_object *doc, const char *group, const char *version)
{
	AUTO_STR s = xasprintf("%s/%s", group, version);

	json_object_array_add(json_object_object_get(doc, "stale"), json_object_new_string(s));
}

/* ---- aggregated discovery ---- */

static void resource_add(struct json_object *doc, const char *group, const char *version,
			 struct json_object *r)
{
	struct json_object *subs = json_object_object_get(r, "subresources");
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; i < json_len(subs); i++)
		if (json_str(json_nth(subs, i), "subresource"))
			json_object_array_add(names,
					      text(json_str(json_nth(subs, i), "subresource")));
	row_add(doc,
		&(struct kube_kind){
			.group = group,
			.version = version,
			.kind = json_str(r, "responseKind.kind"),
			.plural = json_str(r, "resource"),
			.singular = json_str(r, "singularResource"),
			.namespaced = json_is_str(json_object_object_get(r, "scope"), "Namespaced"),
			.verbs = texts(json_object_object_get(r, "verbs")),
			.short_names = texts(json_object_object_get(r, "shortNames")),
			.categories = texts(json_object_object_get(r, "categories")),
			.subresources = names,
		});
}

/* True if it is an aggregated document; its kinds are added then. */
static bool aggregated_add(struct json_object *doc, struct json_object *answer)
{
	struct json_object *items = json_object_object_get(answer, "items");

	if (!json_is_str(json_object_object_get(answer, "kind"), "APIGroupDiscoveryList"))
		return false;
	for (size_t i = 0; i < json_len(items); i++) {
		const char *group = json_str(json_nth(items, i), "metadata.name");
		struct json_object *versions = json_at(json_nth(items, i), "versions");

		group = group ? group : "";
		for (size_t j = 0; j < json_len(versions); j++) {
			struct json_object *v = json_nth(versions, j);
			struct json_object *list = json_object_object_get(v, "resources");
			const char *version = json_str(v, "version");

			if (!version)
				continue;
			for (size_t n = 0; n < json_len(list); n++)
				if (json_str(json_nth(list, n), "responseKind.kind"))
					resource_add(doc, group, version, json_nth(list, n));
			if (json_is_str(json_object_object_get(v, "freshness"), "Stale"))
				stale_add(doc, group, version);
		}
	}
	return true;
}

/* ---- one group version after the other: servers before 1.27 ---- */

struct group {
	struct cluster *c;
	char *group, *version;
	struct json_object *answer;
	struct err *e;
};

static void group_ask(void *arg, size_t i)
{
	struct group *g = (struct group *)arg + i;
	AUTO_STR path = *g->group ? xasprintf("/apis/%s/%s", g->group, g->version)
				  : xasprintf("/api/%s", g->version);

	g->e = cluster_call(
		g->c, &(struct kube_request){ .method = "GET", .path = path, .deadline_ms = 20000 },
		&g->answer);
}

static void group_add(struct json_object *doc, const struct group *g)
{
	struct json_object *list = json_object_object_get(g->answer, "resources");
	struct json_object *subs;

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *r = json_nth(list, i);
		const char *name = json_str(r, "name");
		const size_t len = name ? strlen(name) : 0;

		if (!name || strchr(name, '/'))
			continue;
		subs = json_object_new_array();
		for (size_t j = 0; j < json_len(list); j++) {
			const char *other = json_str(json_nth(list, j), "name");

			if (other && strncmp(other, name, len) == 0 && other[len] == '/')
				json_object_array_add(subs, text(other + len + 1));
		}
		row_add(doc, &(struct kube_kind){
				     .group = g->group,
				     .version = g->version,
				     .kind = json_str(r, "kind"),
				     .plural = name,
				     .singular = json_str(r, "singularName"),
				     .namespaced = json_truth(r, "namespaced", false),
				     .verbs = texts(json_object_object_get(r, "verbs")),
				     .short_names = texts(json_object_object_get(r, "shortNames")),
				     .categories = texts(json_object_object_get(r, "categories")),
				     .subresources = subs,
			     });
	}
}

static void group_push(struct group **all, size_t *n, struct cluster *c, const char *group,
		       const char *version)
{
	if (!group || !version || *n >= KINDS_MAX)
		return;
	*all = xrealloc(*all, *n + 1, sizeof(**all));
	(*all)[(*n)++] =
		(struct group){ .c = c, .group = xstrdup(group), .version = xstrdup(version) };
}

/* The preferred version of a group first. */
static void versions_push(struct group **all, size_t *n, struct cluster *c,
			  struct json_object *group)
{
	const char *name = json_str(group, "name");
	const char *best = json_str(group, "preferredVersion.version");
	struct json_object *list = json_object_object_get(group, "versions");

	group_push(all, n, c, name, best);
	for (size_t i = 0; i < json_len(list); i++) {
		const char *version = json_str(json_nth(list, i), "version");

		if (version && (!best || strcmp(version, best) != 0))
			group_push(all, n, c, name, version);
	}
}

static struct err *separate_add(struct cluster *c, struct json_object *core,
				struct json_object *groups, struct json_object *doc)
{
	struct json_object *versions = json_object_object_get(core, "versions");
	struct json_object *list = json_object_object_get(groups, "groups");
	struct group *all = NULL;
	struct err *e = NULL;
	size_t n = 0;

	for (size_t i = 0; i < json_len(versions); i++)
		if (json_object_is_type(json_nth(versions, i), json_type_string))
			group_push(&all, &n, c, "", json_object_get_string(json_nth(versions, i)));
	for (size_t i = 0; i < json_len(list); i++)
		versions_push(&all, &n, c, json_nth(list, i));
	pool_run(n, WIDTH, group_ask, all);
	for (size_t i = 0; i < n; i++) {
		/* One API server behind this one that is down is not all of it. */
		if (all[i].e && !*all[i].group && !e)
			e = TAKE(all[i].e);
		else if (all[i].e)
			stale_add(doc, all[i].group, all[i].version);
		else
			group_add(doc, &all[i]);
		err_free(all[i].e);
		json_object_put(all[i].answer);
		free(all[i].group);
		free(all[i].version);
	}
	free(all);
	return e;
}

/* ---- asking ---- */

static const char accept_aggregated[] =
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
	"application/json";

struct halves {
	struct cluster *c;
	struct {
		const char *path, *etag;
		struct json_object *answer; /* NULL: as it was */
		char *new_etag;
		struct err *e;
	} half[2];
};

static void half_ask(void *arg, size_t i)
{
	struct halves *h = arg;

	h->half[i].e = cluster_fetch(h->c,
				     &(struct kube_request){ .method = "GET",
							     .path = h->half[i].path,
							     .accept = accept_aggregated },
				     h->half[i].etag, &h->half[i].answer, &h->half[i].new_etag);
}

static void halves_release(struct halves *h)
{
	for (size_t i = 0; i < 2; i++) {
		json_object_put(h->half[i].answer);
		free(h->half[i].new_etag);
		err_free(h->half[i].e);
	}
}

/* The rows of an old document that are core, or are not: that half has not changed. */
static void rows_copy(struct json_object *doc, struct json_object *old, bool core)
{
	struct json_object *rows = json_object_object_get(old, "kinds");
	struct json_object *stale = json_object_object_get(old, "stale");

	for (size_t i = 0; i < json_len(rows); i++)
		if (!*cell(json_nth(rows, i), GROUP) == core)
			json_object_array_add(json_object_object_get(doc, "kinds"),
					      json_copy(json_nth(rows, i)));
	for (size_t i = 0; i < json_len(stale) && !core; i++)
		json_object_array_add(json_object_object_get(doc, "stale"),
				      json_copy(json_nth(stale, i)));
}

static struct err *halves_join(struct halves *h, struct json_object *old, struct json_object *doc)
{
	static const char *const etags[] = { "core", "groups" };

	for (size_t i = 0; i < 2; i++) {
		if (!h->half[i].answer)
			rows_copy(doc, old, i == 0);
		else if (!aggregated_add(doc, h->half[i].answer))
			return separate_add(h->c, h->half[0].answer, h->half[1].answer, doc);
		json_sets(doc, etags[i],
			  h->half[i].new_etag ? h->half[i].new_etag : h->half[i].etag);
	}
	return NULL;
}

/* *ret NULL: nothing has changed. */
static struct err *doc_ask(struct cluster *c, struct json_object *old, struct json_object **ret)
{
	struct halves h = { .c = c,
			    .half = { { .path = "/api", .etag = json_str(old, "core") },
				      { .path = "/apis", .etag = json_str(old, "groups") } } };
	AUTO_JSON doc = doc_new();
	struct err *e = NULL;

	pool_run(2, 2, half_ask, &h);
	for (size_t i = 0; i < 2 && !e; i++)
		e = TAKE(h.half[i].e);
	if (!e && (h.half[0].answer || h.half[1].answer || !old))
		e = halves_join(&h, old, doc);
	else
		json_object_put(TAKE(doc));
	halves_release(&h);
	if (!e)
		*ret = TAKE(doc);
	return err_wrap(e, "asking %s which kinds there are", cluster_server(c));
}

/* ---- the newest ---- */

static int64_t wall_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_fresh(const struct discovery *d)
{
	const int64_t now = wall_ms();

	return d->newest && d->asked_ms >= d->since_ms && d->asked_ms <= now + AHEAD_MS &&
	       now - d->asked_ms < FRESH_MS;
}

/* Takes doc; what is no table is passed over. */
static bool table_keep(struct discovery *d, struct json_object *doc)
{
	const int64_t at = json_int(doc, "at", 0);
	struct table *t = table_new(doc);

	if (!t)
		return false;
	t->older = d->newest;
	d->newest = t;
	d->asked_ms = at;
	return true;
}

/* Nothing in there is secret: the encryption is only the cache's way. */
static struct cache *cache_of(const struct cluster *c)
{
	AUTO_STR dir = env_cache_dir();
	AUTO_STR who = cluster_identity(c);
	AUTO_STR identity = xasprintf("kinds 1 %s", who);

	return cache_open(dir, identity, identity);
}

/* What another process has asked since. */
static void cache_look(struct discovery *d, const struct cache *cache)
{
	struct json_object *doc = cache ? cache_read(cache) : NULL;

	if (json_int(doc, "at", 0) > d->asked_ms)
		(void)table_keep(d, doc);
	else
		json_object_put(doc);
}

static struct err *table_ask(struct cluster *c, struct discovery *d, const struct cache *cache)
{
	struct json_object *old = d->newest ? d->newest->doc : NULL, *doc = NULL;
	const int64_t now = wall_ms(), at = now > d->since_ms ? now : d->since_ms;
	struct err *e = doc_ask(c, old, &doc);

	if (e)
		return e;
	if (!doc && at - d->asked_ms < FRESH_MS / 2) { /* not worth another file */
		d->asked_ms = at;
		return NULL;
	}
	if (!doc)
		doc = json_copy(old);
	json_set(doc, "at", json_object_new_int64(at));
	if (cache)
		cache_write(cache, doc);
	if (!table_keep(d, doc))
		return err_new(ERR_PROTOCOL,
			       "%s tells of no kinds: is this a Kubernetes API server?",
			       cluster_server(c));
	return NULL;
}

/* The lock is held. */
static struct err *table_refresh(struct cluster *c, struct discovery *d)
{
	struct cache *cache = cache_of(c);
	struct err *e = NULL;
	int turn;

	cache_look(d, cache);
	if (!is_fresh(d)) {
		turn = cache ? cache_lock(cache, TURN_MS) : -1;
		cache_look(d, cache);
		if (!is_fresh(d))
			e = table_ask(c, d, cache);
		cache_unlock(turn);
	}
	cache_free(cache);
	return e;
}

/* Even of what was asked within this very millisecond. The lock is held. */
static void disbelieve(struct discovery *d)
{
	const int64_t now = wall_ms();

	d->since_ms = now > d->asked_ms ? now : d->asked_ms + 1;
}

/* `anew`: what is known already does not do. */
static struct err *table_need(struct cluster *c, bool anew, const struct table **ret)
{
	struct discovery *d = cluster_discovery(c);
	struct err *e = NULL;

	(void)pthread_mutex_lock(&d->lock);
	if (atomic_exchange(&d->doubted, false) || anew)
		disbelieve(d);
	if (!is_fresh(d)) {
		e = table_refresh(c, d);
		d->doubted = false; /* groups that are down have no paths */
	}
	*ret = d->newest;
	(void)pthread_mutex_unlock(&d->lock);
	return e;
}

void kinds_forget(struct cluster *c)
{
	struct discovery *d = cluster_discovery(c);

	(void)pthread_mutex_lock(&d->lock);
	disbelieve(d);
	(void)pthread_mutex_unlock(&d->lock);
}

void discovery_doubt(struct discovery *d)
{
	d->doubted = true;
}

bool kinds_doubted(struct cluster *c)
{
	return cluster_discovery(c)->doubted;
}

/* ---- finding ---- */

struct wanted {
	char *group, *version; /* NULL: any */
	const char *kind;
};

static void wanted_release(struct wanted *w)
{
	free(w->group);
	free(w->version);
}

static void wanted_make(const char *api_version, const char *kind, struct wanted *ret)
{
	const char *slash = api_version ? strchr(api_version, '/') : NULL;

	*ret = (struct wanted){ .kind = kind };
	if (slash) {
		ret->group = xstrndup(api_version, (size_t)(slash - api_version));
		ret->version = xstrdup(slash + 1);
	} else if (api_version && *api_version == 'v' && api_version[1] >= '0' &&
		   api_version[1] <= '9') {
		ret->group = xstrdup("");
		ret->version = xstrdup(api_version);
	} else if (api_version && *api_version) {
		ret->group = xstrdup(api_version);
	}
}

static bool is_meant(const struct wanted *w, const struct kube_kind *k, bool exactly)
{
	if ((w->group && strcmp(w->group, k->group) != 0) ||
	    (w->version && strcmp(w->version, k->version) != 0))
		return false;
	if (exactly)
		return strcmp(w->kind, k->kind) == 0;
	if (strcasecmp(w->kind, k->kind) == 0 || strcasecmp(w->kind, k->plural) == 0 ||
	    strcasecmp(w->kind, k->singular) == 0)
		return true;
	for (size_t i = 0; i < json_len(k->short_names); i++)
		if (strcasecmp(w->kind, json_object_get_string(json_nth(k->short_names, i))) == 0)
			return true;
	return false;
}

/* core, then apps, before others. */
static const struct kube_kind *table_find(const struct table *t, const struct wanted *w)
{
	for (int exactly = 1; exactly >= 0; exactly--) {
		const struct kube_kind *first = NULL;

		for (size_t i = 0; i < t->n; i++) {
			const struct kube_kind *k = &t->kinds[i];

			if (!is_meant(w, k, exactly))
				continue;
			if (!*k->group || strcmp(k->group, "apps") == 0)
				return k;
			if (!first)
				first = k;
		}
		if (first)
			return first;
	}
	return NULL;
}

static struct err *group_down(struct cluster *c, const char *group)
{
	AUTO_JSON list = NULL;
	AUTO_ERR e = cluster_call(
		c,
		&(struct kube_request){ .method = "GET",
					.path = "/apis/apiregistration.k8s.io/v1/apiservices",
					.deadline_ms = 10000 },
		&list);
	struct json_object *items = json_at(list, "items");

	for (size_t i = 0; i < json_len(items) && !e; i++) {
		struct json_object *item = json_nth(items, i);
		struct json_object *conditions = json_at(item, "status.conditions");

		if (!json_is_str(json_at(item, "spec.group"), group))
			continue;
		for (size_t j = 0; j < json_len(conditions); j++) {
			struct json_object *condition = json_nth(conditions, j);

			if (json_is_str(json_at(condition, "type"), "Available") &&
			    json_is_str(json_at(condition, "status"), "False"))
				return err_new(ERR_REMOTE,
					       "the API server behind %s is not available: "
					       "APIService '%s': %s",
					       group, json_str(item, "metadata.name"),
					       json_str(condition, "message"));
		}
	}
	return NULL;
}

/* What is called like it elsewhere, or nearly so. */
static void nearest_add(const struct table *t, const struct wanted *w, struct buf *b)
{
	const struct wanted anywhere = { .kind = w->kind };
	struct nearest near = { .s = w->kind };
	const struct kube_kind *k = table_find(t, &anywhere);

	for (size_t i = 0; i < t->n && !k; i++) {
		nearest_try(&near, t->kinds[i].kind);
		nearest_try(&near, t->kinds[i].plural);
	}
	if (near.best)
		k = table_find(t, &(struct wanted){ .kind = near.best });
	if (!k)
		return;
	AUTO_STR version = kind_api_version(k);
	buf_addf(b, "; is %s of %s meant?", k->kind, version);
}

static struct err *unknown(struct cluster *c, const struct table *t, const struct wanted *w)
{
	AUTO_BUF near = BUF_INIT;
	struct err *e = w->group && *w->group ? group_down(c, w->group) : NULL;

	if (e)
		return e;
	nearest_add(t, w, &near);
	return err_new(ERR_NOT_FOUND, "%s knows no kind '%s'%s%s%s%s%s", cluster_server(c), w->kind,
		       w->group || w->version ? " in " : "", w->group ? w->group : "",
		       w->group && *w->group && w->version ? "/" : "", w->version ? w->version : "",
		       near.s);
}

struct err *kind_find(struct cluster *c, const char *api_version, const char *kind,
		      const struct kube_kind **ret)
{
	CLEANUP(wanted_release) struct wanted w;
	const struct kube_kind *found = NULL;
	const struct table *t = NULL;
	struct err *e;

	wanted_make(api_version, kind ? kind : "", &w);
	e = table_need(c, false, &t);
	if (!e)
		found = table_find(t, &w);
	if (!e && !found) {
		e = table_need(c, true, &t);
		if (!e)
			found = table_find(t, &w);
	}
	if (!e && !found)
		e = unknown(c, t, &w);
	if (!e)
		*ret = found;
	return e;
}

char *kind_api_version(const struct kube_kind *k)
{
	return *k->group ? xasprintf("%s/%s", k->group, k->version) : xstrdup(k->version);
}

char *kind_path(const struct kube_kind *k, const char *ns, const char *name, const char *sub)
{
	AUTO_BUF b = BUF_INIT;

	if (*k->group)
		buf_addf(&b, "/apis/%s/%s", k->group, k->version);
	else
		buf_addf(&b, "/api/%s", k->version);
	if (k->namespaced && ns && *ns) {
		buf_adds(&b, "/namespaces/");
		buf_addurl(&b, ns);
	}
	buf_addf(&b, "/%s", k->plural);
	if (name) {
		buf_adds(&b, "/");
		buf_addurl(&b, name);
	}
	if (sub)
		buf_addf(&b, "/%s", sub);
	return buf_take(&b);
}

/* ---- telling ---- */

static bool is_preferred(const struct table *t, const struct kube_kind *k)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->kinds[i].group, k->group) == 0)
			return strcmp(t->kinds[i].version, k->version) == 0;
	return false;
}

struct err *kinds_all(struct cluster *c, struct json_object **ret)
{
	const struct table *t = NULL;
	struct err *e = table_need(c, false, &t);
	struct json_object *all;

	if (e)
		return e;
	all = json_object_new_object();
	for (size_t i = 0; i < t->n; i++) {
		const struct kube_kind *k = &t->kinds[i];
		AUTO_STR version = kind_api_version(k);
		struct json_object *one = json_object_new_object();

		json_sets(one, "name", k->plural);
		json_sets(one, "singular_name", k->singular);
		json_set(one, "namespaced", json_object_new_boolean(k->namespaced));
		json_set(one, "preferred", json_object_new_boolean(is_preferred(t, k)));
		json_set(one, "short_names", json_copy(k->short_names));
		json_set(one, "categories", json_copy(k->categories));
		if (!json_has(all, version))
			json_set(all, version, json_object_new_object());
		json_set(json_object_object_get(all, version), k->kind, one);
	}
	*ret = all;
	return NULL;
}

struct err *cluster_version(struct cluster *c, struct json_object **ret)
{
	return cluster_call(c, &(struct kube_request){ .method = "GET", .path = "/version" }, ret);
}
