#include <string.h>

#include "clock.h"
#include "common/tasks.h"

struct listing {
	struct op *op;
	struct json_object *all; /* NULL: they go to the sink */
	size_t n;
	bool cut; /* they are read whole, to be waited for, and only their metadata are told */
};

static struct json_object *metadata_of(struct json_object *object)
{
	static const char *const keys[] = { "apiVersion", "kind", "metadata" };
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < COUNT(keys); i++)
		json_set(o, keys[i], json_object_get(json_at(object, keys[i])));
	return o;
}

static struct err *add(void *arg, struct json_object *object)
{
	struct listing *l = arg;
	AUTO_JSON part = l->cut ? metadata_of(object) : json_object_get(object);
	AUTO_JSON bare = shown(l->op, part);

	l->n++;
	if (l->all)
		json_object_array_add(l->all, TAKE(bare));
	else
		l->op->sink->add(l->op->sink, "resources", bare);
	return NULL;
}

/* ---- waiting ---- */

static bool is_there(void *arg, const char *type, struct json_object *object)
{
	(void)object;
	*(bool *)arg = strcmp(type, "DELETED") != 0;
	return !*(bool *)arg;
}

/* Until there is one at all. The watch knows no field selectors: what it tells of is looked for again. */
static struct err *wait_for_one(struct op *op, const struct object_query *q,
				const struct kube_kind *kind, int64_t deadline,
				struct json_object **found)
{
	AUTO_STR path = kind_path(kind, q->ns, NULL, NULL);
	AUTO_STR first = xasprintf("%s?limit=1", path);
	struct err *e = NULL;

	while (!e && !json_len(*found) && clock_ms() < deadline) {
		AUTO_JSON page = NULL;
		bool came = false;

		e = cluster_call(op->cluster,
				 &(struct kube_request){ .method = "GET", .path = first }, &page);
		if (e)
			return e;
		struct watch w = { .c = op->cluster,
				   .kind = kind,
				   .ns = q->ns,
				   .name = q->name,
				   .labels = q->labels,
				   .from = xstrdup(json_str(page, "metadata.resourceVersion")),
				   .deadline = deadline,
				   .on = is_there,
				   .arg = &came };
		json_object_put(*found);
		*found = NULL;
		e = objects_list(op->cluster, q, found);
		if (!e && !json_len(*found))
			e = watch_run(&w);
		free(w.from);
	}
	if (e && e->kind == ERR_TIMEOUT) {
		err_free(e);
		return NULL;
	}
	return e;
}

static struct err *wait_for_all(struct op *op, const struct kube_kind *kind,
				const struct ready_wish *wish, struct listing *l,
				struct json_object *found)
{
	const size_t n = json_len(found);
	struct ready_item *items = xcalloc(n + 1, sizeof(*items));
	struct err *e = NULL;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_nth(found, i);

		items[i] = (struct ready_item){ .kind = kind,
						.ns = json_str(o, "metadata.namespace"),
						.name = json_str(o, "metadata.name"),
						.object = o,
						.wish = wish };
	}
	ready_wait_many(op->cluster, items, n);
	for (size_t i = 0; i < n; i++) {
		if (!e && items[i].e)
			e = TAKE(items[i].e);
		if (!e && items[i].last)
			e = add(l, items[i].last);
		err_free(items[i].e);
		json_object_put(items[i].last);
	}
	free(items);
	return e;
}

static struct err *list_ready(struct op *op, const struct object_query *q,
			      const struct kube_kind *kind, const struct ready_wish *wish,
			      struct listing *l)
{
	const int64_t deadline = clock_ms() + wish->timeout_ms;
	AUTO_JSON found = NULL;
	struct err *e = wait_for_one(op, q, kind, deadline, &found);

	return e ? e : wait_for_all(op, kind, wish, l, found);
}

/* ---- the module ---- */

static struct err *list(struct op *op, const struct kube_kind *kind, struct listing *l)
{
	AUTO_STR labels = selector_of(json_at(op->want, "label_selectors"));
	AUTO_STR fields = selector_of(json_at(op->want, "field_selectors"));
	AUTO_STR version = kind_api_version(kind);
	const char *ns = json_str(op->want, "namespace");
	const bool metadata_only = json_truth(op->want, "metadata_only", false);
	struct ready_wish wish;
	const bool waits = wish_of(op, &wish);
	struct object_query q = {
		.api_version = version,
		.kind = kind->kind,
		.name = json_str(op->want, "name"),
		.labels = labels,
		.fields = fields,
		.metadata_only = metadata_only && !waits,
	};

	/* One by name lies in one namespace; a list without one is of all. */
	q.ns = !kind->namespaced ? NULL : ns || !q.name ? ns : namespace_of(op);
	l->cut = metadata_only && waits;
	if (waits)
		return list_ready(op, &q, kind, &wish, l);
	return objects_each(op->cluster, &q, add, l);
}

static struct err *run(struct op *op)
{
	struct listing l = { .op = op, .all = op->sink ? NULL : json_object_new_array() };
	const char *version = json_str(op->want, "api_version");
	const char *name = json_str(op->want, "kind");
	const struct kube_kind *kind = NULL;
	struct err *e = kind_find(op->cluster, version, name, &kind);

	if (!e) {
		e = list(op, kind, &l);
		/* Asking for it may have told that there is no such kind any more. */
		if (!e && !l.n)
			e = kind_find(op->cluster, version, name, &kind);
	}
	if (!e) {
		put(op, "api_found", json_object_new_boolean(true));
	} else if (e->kind == ERR_NOT_FOUND) {
		put(op, "api_found", json_object_new_boolean(false));
		put(op, "msg", json_object_new_string(e->text));
		err_free(TAKE(e));
	}
	if (!e && (l.all || !l.n))
		put(op, "resources", l.all ? json_object_get(l.all) : json_object_new_array());
	json_object_put(l.all);
	return e;
}

static const struct attr attrs[] = {
	ROW_API_VERSION,
	ROW_KIND(REQUIRED),
	ROW_NAME(0),
	{ "namespace", STR, OPTION,
	  "Namespace to look in; without it, and without a name, in all." },
	ROW_LABELS("[]"),
	ROW_FIELDS,
	ROW_HIDDEN(NULL),
	{ "metadata_only", BOOL, OPTION, "Whether only the objects' metadata are fetched.",
	  .value = "false" },
	ROW_WAIT("false"),
	ROW_WAIT_SLEEP,
	ROW_WAIT_TIMEOUT("120"),
	ROW_WAIT_CONDITION,
	{ 0 },
};

static const struct attr returned[] = {
	{ "resources", LIST, READONLY, "The objects that match.", .elem = MAP },
	{ "api_found", BOOL, READONLY, "Whether the cluster has such a kind." },
	{ 0 },
};

const struct resource kube_k8s_info = {
	.name = "k8s_info",
	.doc = "Tells about objects of a kind, and waits for them if asked to.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: The pods of an application that do not run\n"
		   "  treenail.kubernetes.k8s_info:\n"
		   "    kind: Pod\n"
		   "    namespace: kube-system\n"
		   "    label_selectors: [tier=control-plane]\n"
		   "    field_selectors: [status.phase!=Running]\n",
};
