#include "kubernetes/objects.h"

#include <string.h>

#include "clock.h"
#include "kubernetes/applying.h"
#include "kubernetes/compare.h"
#include "pool.h"
#include "text.h"

enum {
	WIDTH = 16,
	ESTABLISH_MS = 60000,
	KIND_MS = 15000, /* until a new kind is served, after its CRD was said to be Established */
};

/* All that one call is to do. */
struct list {
	struct work *works;
	size_t n;
	struct work **first; /* those of rank FIRST: what others need */
	size_t firsts;
	int width;
};

/* ---- turns ---- */

enum { FIRST, ACCESS, REST, LATE, RANKS }; /* those of deletions follow, the other way round */

/* Whether `kind` (resolved or as the user calls it) is of the group and one of the words. */
static bool is_of(const char *group, const char *kind, const char *of, const char *kinds)
{
	return strcmp(group, of) == 0 && (!kinds || words_have(kinds, kind));
}

static int rank_of(const char *group, const char *kind)
{
	if (is_of(group, kind, "", "Namespace") ||
	    is_of(group, kind, "apiextensions.k8s.io", "CustomResourceDefinition"))
		return FIRST;
	if (is_of(group, kind, "admissionregistration.k8s.io", NULL) ||
	    is_of(group, kind, "apiregistration.k8s.io", NULL))
		return LATE;
	if (is_of(group, kind, "rbac.authorization.k8s.io", NULL) ||
	    is_of(group, kind, "scheduling.k8s.io", NULL) ||
	    is_of(group, kind, "node.k8s.io", NULL) ||
	    is_of(group, kind, "flowcontrol.apiserver.k8s.io", NULL) ||
	    is_of(group, kind, "storage.k8s.io", "StorageClass CSIDriver") ||
	    is_of(group, kind, "networking.k8s.io", "NetworkPolicy IngressClass") ||
	    is_of(group, kind, "policy", "PodDisruptionBudget") ||
	    is_of(group, kind, "",
		  "ServiceAccount ResourceQuota LimitRange ConfigMap Secret PersistentVolume"))
		return ACCESS;
	return REST;
}

/* ---- what is sent ---- */

/*
 * The server makes data of stringData, but goes on saying that stringData is what is owned: a key
 * that is left out the next time would stay for ever. So it gets data.
 */
static void secret_encode(struct json_object *want)
{
	struct json_object *plain = json_at(want, "stringData");
	struct json_object *data;

	if (!json_object_is_type(plain, json_type_object))
		return;
	json_object_object_foreach(plain, name, value) {
		(void)name;
		if (!json_object_is_type(value, json_type_string))
			return;
	}
	if (!json_object_is_type(json_at(want, "data"), json_type_object))
		json_set(want, "data", json_object_new_object());
	data = json_at(want, "data");
	json_object_object_foreach(plain, key, v) {
		AUTO_STR text =
			base64_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
		json_sets(data, key, text);
	}
	json_object_object_del(want, "stringData");
}

/* What generated manifests carry along, and the server passes over. */
static void noise_drop(struct json_object *want, const struct kube_kind *k)
{
	struct json_object *meta = json_at(want, "metadata");

	json_object_object_del(meta, "managedFields");
	if (!json_at(meta, "creationTimestamp"))
		json_object_object_del(meta, "creationTimestamp");
	if (kind_has_status(k))
		json_object_object_del(want, "status");
}

static struct err *want_check(const struct object_op *op)
{
	struct json_object *meta = json_at(op->want, "metadata");
	const char *kind = json_str(op->want, "kind");

	if (!json_object_is_type(op->want, json_type_object))
		return err_new(ERR_USAGE, "an object is a dictionary, not %s",
			       json_type_words(op->want));
	AUTO_ERR e = document_check(op->want);

	if (e)
		return TAKE(e);
	if (!kind || !*kind)
		return err_new(ERR_USAGE, "an object needs a kind");
	if (!json_object_is_type(meta, json_type_object))
		return err_new(ERR_USAGE, "an object needs metadata with a name");
	if (op->way == WAY_JSON_PATCH && !json_object_is_type(op->patch, json_type_array))
		return err_new(ERR_USAGE, "a JSON patch is a list of steps, not %s",
			       json_type_words(op->patch));
	if (json_empty(json_at(meta, "name")) &&
	    (op->absent || op->way == WAY_PATCH || op->way == WAY_JSON_PATCH ||
	     json_empty(json_at(meta, "generateName"))))
		return err_new(ERR_USAGE, "an object needs a name in its metadata%s",
			       op->absent ? " to be found by" : ", or a generateName");
	return NULL;
}

static void name_digest(struct work *w)
{
	AUTO_STR digest = document_hash(w->want);
	AUTO_STR name = NULL;

	if (!digest || !w->name)
		return;
	name = xasprintf("%s-%s", w->name, digest);
	free(w->name);
	w->name = TAKE(name);
	json_sets(json_at(w->want, "metadata"), "name", w->name);
}

/* With its kind known, or (a kind to come) without. */
static void want_make(struct work *w)
{
	const struct kube_kind *k = w->op->kind;
	struct json_object *meta = json_at(w->want, "metadata");
	const char *home = cluster_namespace(w->op->cluster);
	const char *ns = json_str(meta, "namespace");

	if (k) {
		AUTO_STR version = kind_api_version(k);

		json_sets(w->want, "apiVersion", version);
		json_sets(w->want, "kind", k->kind);
	}
	if (k && !k->namespaced)
		json_object_object_del(meta, "namespace");
	else if (k && (!ns || !*ns))
		json_sets(meta, "namespace", home && *home ? home : "default");
	noise_drop(w->want, k);
	if (k && !*k->group && strcmp(k->kind, "Secret") == 0)
		secret_encode(w->want);
	free(w->ns);
	w->ns = xstrdup(json_str(meta, "namespace"));
	if (!w->name && !json_empty(json_at(meta, "name"))) {
		w->name = xstrdup(json_str(meta, "name"));
		if (w->op->append_hash && k && !*k->group &&
		    words_have("ConfigMap Secret", k->kind))
			name_digest(w);
	}
}

/* ---- kinds ---- */

static bool asks_for(const struct work *w, const char *version, const char *kind)
{
	const char *mine = json_str(w->op->want, "apiVersion");

	return strcmp(mine ? mine : "", version) == 0 &&
	       json_is_str(json_at(w->op->want, "kind"), kind);
}

/* Whether this one makes the kind that w is of. */
static bool defines(const struct work *crd, const struct work *w)
{
	const char *version = json_str(w->op->want, "apiVersion");
	const char *group = json_str(crd->op->want, "spec.group");

	return !crd->e && !crd->op->absent && crd->op->cluster == w->op->cluster &&
	       json_is_str(json_at(crd->op->want, "kind"), "CustomResourceDefinition") && version &&
	       group && strncmp(version, group, strlen(group)) == 0 &&
	       (version[strlen(group)] == '/' || !version[strlen(group)]) &&
	       json_object_equal(json_at(crd->op->want, "spec.names.kind"),
				 json_at(w->op->want, "kind"));
}

static struct work *maker_of(const struct list *l, const struct work *w)
{
	for (size_t i = 0; i < l->firsts; i++)
		if (defines(l->first[i], w))
			return l->first[i];
	return NULL;
}

/* The answer for one work holds for all of its kind. */
static void kind_tell(const struct list *l, const struct work *like, const struct kube_kind *kind,
		      const struct err *e)
{
	const char *version = json_str(like->op->want, "apiVersion");
	const char *name = json_str(like->op->want, "kind");

	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];

		if (w->e || w->op->kind || w->op->cluster != like->op->cluster ||
		    !asks_for(w, version ? version : "", name))
			continue;
		w->op->kind = kind;
		w->lacking = !kind;
		/* Without the kind there is no such object; but a wrong name of a kind is told. */
		if (e && !(w->op->absent && e->kind == ERR_NOT_FOUND && !group_builtin(version))) {
			w->e = err_new(e->kind, "%s", e->text);
			w->e->status = e->status;
		}
	}
}

static void kinds_resolve(const struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];
		const struct kube_kind *kind = NULL;
		AUTO_ERR e = NULL;

		if (w->e || w->op->kind || w->lacking)
			continue;
		e = kind_find(w->op->cluster, json_str(w->op->want, "apiVersion"),
			      json_str(w->op->want, "kind"), &kind);
		if (e && e->kind == ERR_NOT_FOUND && maker_of(l, w))
			kind_tell(l, w, NULL, NULL);
		else
			kind_tell(l, w, kind, e);
	}
}

/* Whether its kind is another one than was known, so that it is to be read again. */
static bool kind_renew(struct work *w)
{
	const struct kube_kind *old = w->op->kind;
	struct json_object *ns = json_at(w->op->want, "metadata.namespace");
	struct err *e = kind_find(w->op->cluster, json_str(w->op->want, "apiVersion"),
				  json_str(w->op->want, "kind"), &w->op->kind);

	if (e) {
		w->op->kind = NULL;
		w->lacking = true;
		if (w->op->absent && e->kind == ERR_NOT_FOUND)
			err_free(e);
		else
			w->e = e;
		return false;
	}
	if (ns)
		json_set(json_at(w->want, "metadata"), "namespace", json_copy(ns));
	want_make(w);
	return w->op->kind != old;
}

/* Somebody removed CRDs, or made them anew, since kinds were asked for. */
static void kinds_renew(struct work **works, size_t n, int width)
{
	struct work **again = xcalloc(n + 1, sizeof(struct work *));
	size_t found = 0, left = 0;

	for (size_t i = 0; i < n; i++)
		if (!works[i]->e && !works[i]->op->before && kinds_doubted(works[i]->op->cluster))
			again[found++] = works[i];
	for (size_t i = 0; i < found; i++)
		if (kind_renew(again[i]))
			again[left++] = again[i];
	works_read(again, left, width);
	free(again);
}

/* ---- kinds to come ---- */

/* A CRD that is Established is served some moments later. */
static struct err *kind_await(const struct work *w, const struct kube_kind **ret)
{
	const int64_t deadline = clock_ms() + KIND_MS;
	int64_t pause = 20;

	kinds_forget(w->op->cluster);
	for (;;) {
		struct err *e = kind_find(w->op->cluster, json_str(w->op->want, "apiVersion"),
					  json_str(w->op->want, "kind"), ret);

		if (!e || e->kind != ERR_NOT_FOUND || clock_ms() + pause > deadline)
			return e;
		err_free(e);
		clock_sleep_ms(pause);
		pause *= 2;
	}
}

/* When the CRDs are made. */
static void lacking_find(const struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];
		const struct kube_kind *kind = NULL;
		AUTO_ERR e = NULL;

		if (w->e || !w->lacking || w->op->absent)
			continue;
		w->foretold = w->op->check;
		if (w->foretold)
			continue;
		if (!w->op->kind) {
			e = maker_of(l, w)
				    ? kind_await(w, &kind)
				    : err_new(ERR_NOT_FOUND, "its kind is not there: its "
							     "CustomResourceDefinition failed");
			kind_tell(l, w, kind, e);
		}
		if (!w->e)
			want_make(w);
	}
}

/* ---- what another one of the list was to make ---- */

/* The work that makes the namespace w is in. */
static const struct work *home_of(const struct list *l, const struct work *w)
{
	for (size_t i = 0; i < l->firsts && w->ns && !w->op->absent; i++) {
		const struct work *home = l->first[i];

		if (home->op->kind && !home->op->absent && home->name &&
		    home->op->cluster == w->op->cluster &&
		    strcmp(home->op->kind->kind, "Namespace") == 0 &&
		    strcmp(home->name, w->ns) == 0)
			return home;
	}
	return NULL;
}

static void needs_check(const struct list *l, struct work *w)
{
	const struct work *home = home_of(l, w);

	w->foretold = w->foretold || (w->prior && w->op->check);
	if (!home || (home->op->before && !home->anew))
		return;
	if (home->e)
		w->e = err_new(ERR_CONFLICT, "its namespace '%s' failed", w->ns);
	else
		w->foretold = w->foretold || w->op->check;
}

/* ---- one turn ---- */

struct turn {
	struct work **works;
	size_t n;
};

/*
 * The server may repeat what it was sent: "map[...]", "{...}", "&{[...]}"; of a Secret nobody is to read it. What
 * it says behind stays.
 */
static void echo_hide(const struct work *w)
{
	static const char *const begins[] = { "map[", "{\\\"", "{\"", "&{" };
	const bool secret = json_is_str(json_at(w->want, "kind"), "Secret");
	char *at = NULL, *text;
	const char *rest = NULL;

	for (size_t i = 0; w->e && secret && i < sizeof(begins) / sizeof(*begins); i++) {
		char *found = strstr(w->e->text, begins[i]);

		at = found && (!at || found < at) ? found : at;
	}
	if (!at)
		return;
	for (const char *p = at; (p = strstr(p, "\": ")); p++)
		rest = p[-1] == ']' || p[-1] == '}' ? p : rest;
	*at = '\0';
	text = xasprintf("%s***%s", w->e->text, rest ? rest : "");
	free(w->e->text);
	w->e->text = text;
}

static void one_do(void *arg, size_t i)
{
	struct work *w = ((struct turn *)arg)->works[i];

	if (!w->e)
		w->e = work_do(w);
	echo_hide(w);
}

static bool is_crd(const struct work *w)
{
	return w->op->kind && strcmp(w->op->kind->kind, "CustomResourceDefinition") == 0;
}

static bool awaits(const struct work *w)
{
	if (w->e || w->op->check || !w->op->kind)
		return false;
	if (w->op->absent)
		return w->op->wait && w->op->before && !w->gone;
	return w->op->after && (w->op->wait || is_crd(w));
}

static void awaited(struct work *w, const struct ready_item *item)
{
	w->op->duration_ms = item->duration_ms;
	w->e = item->e;
	if (w->op->absent || !item->last) {
		json_object_put(item->last);
		return;
	}
	if (w->op->made)
		json_object_put(w->op->after);
	else
		w->op->made = w->op->after;
	w->op->after = item->last;
}

/* Those of one cluster. */
static void turn_wait_at(const struct turn *t, struct cluster *c)
{
	static const struct ready_wish established = { .timeout_ms = ESTABLISH_MS };
	struct ready_item *items = xcalloc(t->n + 1, sizeof(*items));
	struct ready_wish *wishes = xcalloc(t->n + 1, sizeof(*wishes));
	struct work **who = xcalloc(t->n + 1, sizeof(struct work *));
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct work *w = t->works[i];

		if (w->op->cluster != c || !awaits(w))
			continue;
		wishes[n] = w->op->wait ? *w->op->wait : established;
		wishes[n].gone = wishes[n].gone || w->op->absent;
		items[n] = (struct ready_item){ .kind = w->op->kind,
						.ns = w->ns,
						.name = w->name,
						.object = w->op->absent ? w->leaving : w->op->after,
						.wish = &wishes[n] };
		who[n++] = w;
	}
	if (n)
		ready_wait_many(c, items, n);
	for (size_t i = 0; i < n; i++)
		awaited(who[i], &items[i]);
	free(who);
	free(wishes);
	free(items);
}

static void turn_wait(const struct turn *t)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t first = 0;

		while (t->works[first]->op->cluster != t->works[i]->op->cluster)
			first++;
		if (first == i)
			turn_wait_at(t, t->works[i]->op->cluster);
	}
}

/* Side by side: those that are there are read together before. */
static void turn_run(const struct list *l, struct turn *t)
{
	struct work **read = xcalloc(t->n + 1, sizeof(struct work *));
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct work *w = t->works[i];

		if (!w->e)
			needs_check(l, w);
		if (!w->e && !w->foretold && w->op->kind && !w->op->read)
			read[n++] = w;
	}
	works_read(read, n, l->width);
	kinds_renew(read, n, l->width);
	pool_run(t->n, l->width, one_do, t);
	turn_wait(t);
	for (size_t i = 0; i < t->n; i++)
		if (is_crd(t->works[i]) && t->works[i]->op->changed && !t->works[i]->op->check)
			kinds_forget(t->works[i]->op->cluster);
	free(read);
}

/* All of one rank, level by level. */
static void rank_run(const struct list *l, int rank)
{
	struct turn t = { .works = xcalloc(l->n + 1, sizeof(struct work *)) };

	for (int level = 0; level == 0 || t.n; level++) {
		t.n = 0;
		for (size_t i = 0; i < l->n; i++)
			if (l->works[i].rank == rank && l->works[i].level == level)
				t.works[t.n++] = &l->works[i];
		if (t.n)
			turn_run(l, &t);
	}
	free(t.works);
}

/* ---- all ---- */

static void rank_set(struct work *w)
{
	const char *version = json_str(w->want, "apiVersion");
	const char *slash = version ? strchr(version, '/') : NULL;
	AUTO_STR group = slash ? xstrndup(version, (size_t)(slash - version)) : xstrdup("");

	w->rank = rank_of(group, json_str(w->want, "kind"));
	if (w->op->absent)
		w->rank = 2 * RANKS - 1 - w->rank;
}

/* The same object twice in a list: one after the other. */
static void levels_set(const struct list *l)
{
	AUTO_JSON seen = json_object_new_object();

	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];
		struct json_object *last = NULL;

		if (w->e || !w->name)
			continue;
		AUTO_STR key = xasprintf("%p %d %s %s %s %s", (void *)w->op->cluster, w->rank,
					 json_str(w->want, "apiVersion"), json_str(w->want, "kind"),
					 w->ns ? w->ns : "", w->name);
		if (json_object_object_get_ex(seen, key, &last)) {
			w->prior = &l->works[json_object_get_int64(last)];
			w->level = w->prior->level + 1;
		}
		json_set(seen, key, json_object_new_int64((int64_t)i));
	}
}

static void list_prepare(struct list *l, struct object_op *ops)
{
	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];

		w->op = &ops[i];
		w->op->kind = NULL;
		w->e = want_check(w->op);
		if (w->e)
			continue;
		w->want = json_copy(w->op->want);
		rank_set(w);
		if (w->rank == FIRST)
			l->first[l->firsts++] = w;
	}
	kinds_resolve(l);
	for (size_t i = 0; i < l->n; i++) {
		struct work *w = &l->works[i];

		if (w->e)
			continue;
		want_make(w);
		rank_set(w);
	}
	levels_set(l);
}

static struct err *work_end(struct work *w)
{
	AUTO_STR title = document_title(w->want ? w->want : w->op->want);
	struct err *e = w->e;

	/* A wait has said whose it is. */
	if (e && strncmp(e->text, title, strlen(title)) != 0)
		e = err_wrap(e, "%s", title);
	json_object_put(w->want);
	json_object_put(w->leaving);
	free(w->ns);
	free(w->name);
	return e;
}

void objects_apply(struct object_op *ops, size_t n, int width, struct err **errs)
{
	struct list l = {
		.works = xcalloc(n + 1, sizeof(*l.works)),
		.n = n,
		.first = xcalloc(n + 1, sizeof(struct work *)),
		.width = width > 0 ? width : WIDTH,
	};

	list_prepare(&l, ops);
	for (int rank = 0; rank < 2 * RANKS; rank++) {
		rank_run(&l, rank);
		if (rank == FIRST)
			lacking_find(&l);
	}
	for (size_t i = 0; i < n; i++)
		errs[i] = work_end(&l.works[i]);
	free(l.first);
	free(l.works);
}

void object_op_release(struct object_op *op)
{
	json_object_put(op->before);
	json_object_put(op->after);
	json_object_put(op->made);
	op->before = op->after = op->made = NULL;
}
