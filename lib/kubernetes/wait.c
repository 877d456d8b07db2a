/*
 * Waiting for objects: what is known of them is looked at, then read, then watched; all of one kind and
 * namespace together.
 */
#include <string.h>

#include "clock.h"
#include "kubernetes/waits.h"
#include "pool.h"

enum {
	WIDTH = 64,          /* kinds and namespaces at a time: one stream each */
	READ_MS = 60000,     /* one page */
	LAST_READ_MS = 2000, /* where the time is over before the first */
	PAGE = 500,
	READ_TRIES = 3,
	READ_AGAIN_MS = 500,
	ASK_MOST = 3, /* of many that are not ready, these are asked about */
};

/* One that is waited for. */
struct waiting {
	struct ready_item *item;
	struct ready_wish wish;   /* with fields of its own: JSON belongs to one thread */
	struct json_object *last; /* NULL: gone */
	bool done, seen;          /* `seen`: in the list that is being read */
	enum readiness state;
	char *why;
	int64_t deadline;
	int64_t failing_since; /* 0: it is not, or fails for good */
};

struct group {
	struct cluster *c;
	const struct kube_kind *kind;
	const char *ns;
	struct waiting *all; /* by name */
	size_t n, pending;
	struct json_object *late; /* of claims: storage classes that bind at the first pod; set */
	struct watch watch;
	bool read_again, sooner; /* why the watch was ended */
	bool unlisted;           /* we may get, but not list */
	unsigned asked;
	int64_t began;
};

char *waits_title(const struct kube_kind *k, const char *ns, const char *name)
{
	const bool in = k->namespaced && ns;

	return xasprintf("%s %s%s%s", k->kind, in ? ns : "", in ? "/" : "", name);
}

/* The server leaves kind and apiVersion out of lists. */
static void name_kind(const struct kube_kind *k, struct json_object *object)
{
	AUTO_STR version = kind_api_version(k);

	json_sets(object, "kind", k->kind);
	json_sets(object, "apiVersion", version);
}

/* ---- one object, looked at ---- */

static const char *uid_of(struct json_object *object)
{
	return json_str(object, "metadata.uid");
}

/* The one that was known is not there any more, though perhaps another of its name. */
static bool is_another(const struct waiting *x, struct json_object *object)
{
	const char *known = uid_of(x->item->object), *now = uid_of(object);

	return known && (!now || strcmp(known, now) != 0);
}

static bool binds_late(const struct group *g, struct json_object *object)
{
	const char *class = json_str(object, "spec.storageClassName");

	return g->late && class && json_has(g->late, class) &&
	       !json_has(json_at(object, "metadata.annotations"),
			 "volume.kubernetes.io/selected-node");
}

static void settle(struct group *g, struct waiting *x, enum readiness state)
{
	x->state = state;
	x->done = true;
	x->item->duration_ms = clock_ms() - g->began;
	g->pending--;
}

/* A failure that may heal counts later; the watch is to end by then. */
static bool still_heals(struct group *g, struct waiting *x, struct json_object *object)
{
	if (!readiness_heals(object))
		return false;
	if (!x->failing_since) {
		x->failing_since = clock_ms();
		g->sooner = true;
	}
	return clock_ms() - x->failing_since < HEALING_MS;
}

/* `object` is borrowed; NULL: it is not there. */
static void look(struct group *g, struct waiting *x, struct json_object *object)
{
	enum readiness r;

	if (x->done)
		return;
	if (x->wish.gone && object && is_another(x, object))
		object = NULL;
	json_object_get(object);
	json_object_put(x->last);
	x->last = object;
	free(x->why);
	x->why = NULL;
	r = object_readiness(object, &x->wish, &x->why);
	if (r == NOT_READY && !x->wish.gone && !object && uid_of(x->item->object)) {
		free(x->why);
		x->why = xstrdup("somebody deleted it in the meantime");
		r = FAILED;
	}
	if (r == NOT_READY && !x->wish.condition && !x->wish.fields && binds_late(g, object))
		r = READY;
	if (r == FAILED && still_heals(g, x, object))
		return;
	x->failing_since = r == FAILED ? x->failing_since : 0;
	if (r != NOT_READY)
		settle(g, x, r);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct waiting *)a)->item->name,
		      ((const struct waiting *)b)->item->name);
}

/* The first of that name; several may wait for the same object. */
static struct waiting *named(const struct group *g, const char *name)
{
	struct ready_item key = { .name = name };
	const struct waiting x = { .item = &key };
	struct waiting *found = bsearch(&x, g->all, g->n, sizeof(x), by_name);

	while (found && found > g->all && strcmp(found[-1].item->name, name) == 0)
		found--;
	return found;
}

static void look_at_named(struct group *g, struct json_object *object, bool gone)
{
	const char *name = json_str(object, "metadata.name");
	struct waiting *x = name ? named(g, name) : NULL;

	for (; x && x < g->all + g->n && strcmp(x->item->name, name) == 0; x++) {
		x->seen = true;
		look(g, x, gone ? NULL : object);
	}
}

/* ---- reading ---- */

static struct err *get(struct group *g, const char *path, struct json_object **ret)
{
	int64_t until = clock_ms() + LAST_READ_MS;

	for (size_t i = 0; i < g->n; i++)
		if (!g->all[i].done && g->all[i].deadline > until)
			until = g->all[i].deadline;
	until -= clock_ms();
	const struct kube_request req = { .method = "GET",
					  .path = path,
					  .deadline_ms = until < READ_MS ? until : READ_MS };
	return cluster_call(g->c, &req, ret);
}

/* What was not in the list is not there. */
static void look_at_missing(struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (!g->all[i].seen)
			look(g, &g->all[i], NULL);
}

static struct err *read_page(struct group *g, const char *next, char **ret_next)
{
	AUTO_STR collection = kind_path(g->kind, g->ns, NULL, NULL);
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON answer = NULL;
	struct json_object *items;
	const char *version;
	struct err *e;

	buf_addf(&path, "%s?limit=%d", collection, PAGE);
	if (g->watch.name) {
		buf_adds(&path, "&fieldSelector=metadata.name%3D");
		buf_addurl(&path, g->watch.name);
	}
	if (next) {
		buf_adds(&path, "&continue=");
		buf_addurl(&path, next);
	}
	e = get(g, path.s, &answer);
	if (e)
		return e;
	items = json_at(answer, "items");
	version = json_str(answer, "metadata.resourceVersion");
	if (!version)
		return err_new(ERR_PROTOCOL, "GET %s: the list has no resourceVersion", path.s);
	for (size_t i = 0; i < json_len(items); i++) {
		name_kind(g->kind, json_nth(items, i));
		look_at_named(g, json_nth(items, i), false);
	}
	free(g->watch.from);
	g->watch.from = xstrdup(version);
	next = json_str(answer, "metadata.continue");
	*ret_next = next && *next ? xstrdup(next) : NULL;
	return NULL;
}

static struct err *read_pages(struct group *g)
{
	AUTO_STR next = NULL;
	struct err *e;

	for (size_t i = 0; i < g->n; i++)
		g->all[i].seen = false;
	do {
		AUTO_STR page = TAKE(next);

		e = read_page(g, page, &next);
	} while (!e && next);
	return e;
}

static struct err *read_one(struct group *g, struct waiting *x)
{
	AUTO_STR path = kind_path(g->kind, g->ns, x->item->name, NULL);
	AUTO_JSON object = NULL;
	struct err *e = get(g, path, &object);

	if (e && e->status != 404)
		return e;
	err_free(e);
	free(g->watch.from);
	g->watch.from =
		g->watch.name ? xstrdup(json_str(object, "metadata.resourceVersion")) : NULL;
	look(g, x, object);
	return NULL;
}

/* Where we may get, but not list. */
static struct err *read_each(struct group *g)
{
	struct err *e = NULL;

	for (size_t i = 0; i < g->n && !e; i++)
		if (!g->all[i].done)
			e = read_one(g, &g->all[i]);
	return e;
}

static struct err *read_all(struct group *g)
{
	struct err *e;

	if (g->unlisted)
		return read_each(g);
	e = read_pages(g);
	/* The pages that were to come were of a state the server has forgotten. */
	for (int i = 1; e && e->status == 410 && i < READ_TRIES; i++) {
		err_free(e);
		e = read_pages(g);
	}
	if (!e) {
		look_at_missing(g);
		return NULL;
	}
	if (e->status != 403)
		return e;
	g->unlisted = true;
	AUTO_ERR first = e;
	e = read_each(g);
	/* What we were refused first says more than that all was refused. */
	if (!e || e->status != 403)
		return e;
	err_free(e);
	return TAKE(first);
}

/* Storage classes whose claims stay unbound until a pod uses them: ready as they are. */
static bool read_late_classes(struct group *g)
{
	AUTO_JSON answer = NULL;
	struct json_object *items;

	if (strcmp(g->kind->kind, "PersistentVolumeClaim") != 0 || *g->kind->group)
		return false;
	err_free(get(g, "/apis/storage.k8s.io/v1/storageclasses", &answer));
	items = json_at(answer, "items");
	g->late = json_object_new_object();
	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *class = json_nth(items, i);
		const char *name = json_str(class, "metadata.name");

		if (name &&
		    json_is_str(json_at(class, "volumeBindingMode"), "WaitForFirstConsumer"))
			json_set(g->late, name, json_object_new_boolean(true));
	}
	return json_object_object_length(g->late) > 0;
}

/* ---- the end of one ---- */

static char *blocked_by(struct group *g, struct waiting *x, bool asking)
{
	if (!asking || !x->last || g->asked >= ASK_MOST ||
	    (x->wish.gone && !json_str(x->last, "metadata.deletionTimestamp")))
		return NULL;
	g->asked++;
	return ready_blocked_by(g->c, g->kind, x->last);
}

static struct err *failure(struct group *g, struct waiting *x)
{
	AUTO_STR title = waits_title(g->kind, g->ns, x->item->name);
	AUTO_STR blocked = blocked_by(g, x, true);

	return err_new(ERR_REMOTE, "%s: %s%s%s", title, x->why, blocked ? "; " : "",
		       blocked ? blocked : "");
}

static struct err *timeout(struct group *g, struct waiting *x, const char *trouble)
{
	AUTO_STR title = waits_title(g->kind, g->ns, x->item->name);
	AUTO_STR blocked = blocked_by(g, x, !trouble);
	const char *also = trouble ? trouble : blocked;
	const char *what = x->wish.gone                          ? "still there"
			   : x->wish.condition || x->wish.fields ? "not as wished"
								 : "not ready";

	return err_new(ERR_TIMEOUT, "%s is %s after %g s: %s%s%s", title, what,
		       (double)x->wish.timeout_ms / 1000,
		       x->why ? x->why : "nothing is known of it", also ? "; " : "",
		       also ? also : "");
}

/* Those whose time is over. */
static void expire(struct group *g, const char *trouble)
{
	const int64_t now = clock_ms();

	for (size_t i = 0; i < g->n; i++) {
		struct waiting *x = &g->all[i];

		if (x->done)
			continue;
		if (x->failing_since && now - x->failing_since >= HEALING_MS) {
			settle(g, x, FAILED);
		} else if (now >= x->deadline || clock_is_cut()) {
			settle(g, x, NOT_READY);
			x->item->e = timeout(g, x, trouble);
		}
	}
}

static void fail_all(struct group *g, const struct err *e)
{
	for (size_t i = 0; i < g->n; i++) {
		struct waiting *x = &g->all[i];
		AUTO_STR title = waits_title(g->kind, g->ns, x->item->name);

		if (x->done)
			continue;
		settle(g, x, NOT_READY);
		x->item->e = err_new(e->kind, "waiting for %s: %s", title, e->text);
		x->item->e->status = e->status;
	}
}

/* ---- a group ---- */

static bool on_event(void *arg, const char *type, struct json_object *object)
{
	struct group *g = arg;

	if (!object) {
		g->read_again = true;
		return false;
	}
	look_at_named(g, object, strcmp(type, "DELETED") == 0);
	return g->pending && !g->sooner;
}

static int64_t next_deadline(const struct group *g)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < g->n; i++) {
		const struct waiting *x = &g->all[i];
		int64_t at = x->deadline;

		if (x->done)
			continue;
		if (x->failing_since && x->failing_since + HEALING_MS < at)
			at = x->failing_since + HEALING_MS;
		next = at < next ? at : next;
	}
	return next;
}

/* Until something is to be done: a read, an end, or a watch that is to end sooner. */
static struct err *turn(struct group *g, char **trouble)
{
	struct err *e = g->read_again ? read_all(g) : NULL;
	int64_t left;

	g->sooner = false;
	if (e && watch_may_pass(e)) {
		free(*trouble);
		*trouble = xstrdup(e->text);
		err_free(e);
		left = next_deadline(g) - clock_ms();
		clock_sleep_ms(left < READ_AGAIN_MS ? left : READ_AGAIN_MS);
		return NULL;
	}
	g->read_again = false;
	if (e || !g->pending)
		return e;
	g->watch.deadline = next_deadline(g);
	e = watch_run_told(&g->watch, trouble);
	if (!e || e->kind != ERR_TIMEOUT)
		return e;
	err_free(e);
	return NULL;
}

static void look_at_known(struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->all[i].item->object)
			look(g, &g->all[i], g->all[i].item->object);
}

static void group_run(void *arg, size_t i)
{
	struct group *g = &((struct group *)arg)[i];
	AUTO_STR trouble = NULL;

	g->pending = g->n;
	g->watch = (struct watch){ .c = g->c, .kind = g->kind, .ns = g->ns };
	g->watch.on = on_event;
	g->watch.arg = g;
	look_at_known(g);
	if (g->pending && read_late_classes(g))
		look_at_known(g);
	if (g->n == 1) {
		struct json_object *known = g->all[0].item->object;

		g->watch.name = g->all[0].item->name;
		g->watch.from = xstrdup(json_str(known, "metadata.resourceVersion"));
	}
	g->read_again = !g->watch.from;
	while (g->pending) {
		AUTO_ERR e = turn(g, &trouble);

		if (e)
			fail_all(g, e);
		else
			expire(g, trouble);
	}
	for (size_t j = 0; j < g->n; j++)
		if (g->all[j].state == FAILED)
			g->all[j].item->e = failure(g, &g->all[j]);
	free(g->watch.from);
	json_object_put(g->late);
}

/* ---- all ---- */

static int by_place(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;
	const char *m = x->item->ns ? x->item->ns : "", *n = y->item->ns ? y->item->ns : "";
	const int d = strcmp(m, n);

	if (x->item->kind != y->item->kind)
		return x->item->kind < y->item->kind ? -1 : 1;
	return d ? d : by_name(a, b);
}

static bool same_place(const struct waiting *x, const struct waiting *y)
{
	return x->item->kind == y->item->kind &&
	       strcmp(x->item->ns ? x->item->ns : "", y->item->ns ? y->item->ns : "") == 0;
}

static size_t make_groups(struct cluster *c, struct waiting *all, size_t n, int64_t now,
			  struct group *groups)
{
	size_t count = 0;

	qsort(all, n, sizeof(*all), by_place);
	for (size_t i = 0; i < n; i++) {
		if (!i || !same_place(&all[i - 1], &all[i]))
			groups[count++] = (struct group){ .c = c,
							  .kind = all[i].item->kind,
							  .ns = all[i].item->ns,
							  .all = &all[i],
							  .began = now };
		groups[count - 1].n++;
	}
	return count;
}

void ready_wait_many(struct cluster *c, struct ready_item *items, size_t n)
{
	struct waiting *all = xcalloc(n, sizeof(*all));
	struct group *groups = xcalloc(n, sizeof(*groups));
	const int64_t now = clock_ms();
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		struct waiting *x = &all[count];

		items[i].last = NULL;
		items[i].duration_ms = 0;
		items[i].e = wish_check(items[i].wish);
		if (items[i].e) {
			items[i].last = json_object_get(items[i].object);
			continue;
		}
		count++;
		*x = (struct waiting){ .item = &items[i], .wish = *items[i].wish };
		x->wish.fields = json_copy(x->wish.fields);
		x->wish.unlike = json_copy(x->wish.unlike);
		x->deadline = now + x->wish.timeout_ms;
	}
	pool_run(make_groups(c, all, count, now, groups), WIDTH, group_run, groups);
	for (size_t i = 0; i < count; i++) {
		all[i].item->last = all[i].last;
		json_object_put(all[i].wish.fields);
		json_object_put(all[i].wish.unlike);
		free(all[i].why);
	}
	free(groups);
	free(all);
}

struct err *ready_wait(struct cluster *c, const struct kube_kind *k, const char *ns,
		       const char *name, struct json_object *object, const struct ready_wish *wish,
		       struct json_object **last)
{
	struct ready_item item = {
		.kind = k, .ns = ns, .name = name, .object = object, .wish = wish
	};

	ready_wait_many(c, &item, 1);
	*last = item.last;
	return item.e;
}
