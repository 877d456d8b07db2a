#include <string.h>

#include "common/tasks.h"
#include "text.h"

static const char REVISION[] = "deployment.kubernetes.io/revision";

/* What keeps the history of a kind of workload. */
struct history {
	const char *kind;
	const char *keeper;
	bool numbered; /* has a field revision; else the annotation */
};

static const struct history histories[] = {
	{ "Deployment", "ReplicaSet", false },
	{ "DaemonSet", "ControllerRevision", true },
	{ "StatefulSet", "ControllerRevision", true },
};

static const struct history *history_of(const char *kind)
{
	for (size_t i = 0; i < COUNT(histories); i++)
		if (strcmp(histories[i].kind, kind) == 0)
			return &histories[i];
	return NULL;
}

static int64_t revision(const struct history *h, struct json_object *o)
{
	struct json_object *v = NULL;

	if (h->numbered)
		return json_int(o, "revision", 0);
	(void)json_object_object_get_ex(json_at(o, "metadata.annotations"), REVISION, &v);
	return v ? json_object_get_int64(v) : 0;
}

static bool is_owned(struct json_object *o, const char *uid)
{
	struct json_object *owners = json_at(o, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_is_str(json_at(json_nth(owners, i), "uid"), uid))
			return true;
	return false;
}

/* The newest revision is the present one: a controller that goes back to an old one numbers it anew. */
struct search {
	const struct history *h;
	const char *uid;
	struct json_object *newest, *previous; /* owned */
};

static struct err *look_at(void *arg, struct json_object *o)
{
	struct search *s = arg;
	const int64_t n = revision(s->h, o);

	if (!is_owned(o, s->uid))
		return NULL;
	if (!s->newest || n > revision(s->h, s->newest)) {
		json_object_put(s->previous);
		s->previous = s->newest;
		s->newest = json_object_get(o);
	} else if (!s->previous || n > revision(s->h, s->previous)) {
		json_object_put(s->previous);
		s->previous = json_object_get(o);
	}
	return NULL;
}

/* {op: replace, path: /spec/template} with what the ReplicaSet has, less what tells it from others. */
static struct json_object *replica_set_patch(struct json_object *set)
{
	struct json_object *template = json_copy(json_at(set, "spec.template"));
	struct json_object *op = json_object_new_object(), *list = json_object_new_array();

	json_object_object_del(json_at(template, "metadata.labels"), "pod-template-hash");
	json_sets(op, "op", "replace");
	json_sets(op, "path", "/spec/template");
	json_set(op, "value", template);
	json_object_array_add(list, op);
	return list;
}

/* One for each workload, as what was done of each is told. */
static void tell_diff(struct op *op, struct json_object *before, struct json_object *after)
{
	struct json_object *diffs = json_at(op->out->extra, "diff");

	if (!op->diff)
		return;
	if (!diffs) {
		diffs = json_object_new_array();
		put(op, "diff", diffs);
	}
	json_object_array_add(diffs, diff_of(op, before, after));
}

static struct err *go_back(struct op *op, const struct kube_kind *kind, const struct search *s,
			   struct json_object *have, struct json_object *told)
{
	AUTO_JSON body = s->h->numbered ? json_copy(json_at(s->previous, "data"))
					: replica_set_patch(s->previous);
	AUTO_JSON after = NULL;
	struct err *e = object_patch(op, kind, have, NULL,
				     s->h->numbered ? "strategic-merge" : "json", body, &after);

	if (e)
		return e;
	json_set(told, "changed", json_object_new_boolean(true));
	json_sets(told, "method", "patch");
	json_set(told, "body", json_object_get(body));
	json_set(told, "resources", json_object_get(after));
	tell_diff(op, have, after);
	return NULL;
}

static struct err *roll_back(struct op *op, const struct kube_kind *kind, const struct history *h,
			     struct json_object *have, struct json_object *told)
{
	struct search s = { .h = h, .uid = json_str(have, "metadata.uid") };
	const struct object_query q = { .api_version = "apps/v1",
					.kind = h->keeper,
					.ns = json_str(have, "metadata.namespace") };
	struct err *e = objects_each(op->cluster, &q, look_at, &s);

	json_set(told, "changed", json_object_new_boolean(false));
	if (!e && s.previous) {
		e = go_back(op, kind, &s, have, told);
	} else if (!e) {
		AUTO_STR title = document_title(have);
		AUTO_STR warn = xasprintf("%s has no earlier revision", title);

		json_sets(told, "warn", warn);
		json_set(told, "resources", json_object_get(have));
		op_warn(op, "%s", warn);
	}
	json_object_put(s.newest);
	json_object_put(s.previous);
	return e;
}

static struct err *find(struct op *op, const struct kube_kind *kind, struct json_object **ret)
{
	AUTO_STR labels = selector_of(json_at(op->want, "label_selectors"));
	AUTO_STR fields = selector_of(json_at(op->want, "field_selectors"));
	const struct object_query q = {
		.api_version = "apps/v1",
		.kind = kind->kind,
		.name = json_str(op->want, "name"),
		.ns = namespace_of(op),
		.labels = labels,
		.fields = fields,
	};
	struct err *e = objects_list(op->cluster, &q, ret);

	if (!e && q.name && !json_len(*ret))
		e = err_new(ERR_NOT_FOUND, "there is no %s '%s' in namespace '%s'", kind->kind,
			    q.name, q.ns);
	return e;
}

static struct err *run(struct op *op)
{
	const char *name = json_str(op->want, "kind");
	const struct kube_kind *kind = NULL;
	AUTO_JSON list = NULL;
	struct json_object *results;
	const struct history *h = NULL;
	struct err *e = kind_find(op->cluster, "apps/v1", name ? name : "Deployment", &kind);

	if (!e)
		h = history_of(kind->kind);
	if (!e && !h)
		e = err_at(
			err_new(ERR_USAGE,
				"kind: a %s has no revisions: Deployment, DaemonSet and StatefulSet "
				"have",
				kind->kind),
			"kind");
	if (!e)
		e = find(op, kind, &list);
	if (e)
		return e;
	results = json_object_new_array();
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct json_object *told = json_object_new_object();

		e = roll_back(op, kind, h, json_nth(list, i), told);
		op->out->changed = op->out->changed || json_truth(told, "changed", false);
		json_object_array_add(results, told);
	}
	put(op, "rollback_info", results);
	return e;
}

static const struct attr attrs[] = {
	{ "api_version", STR, OPTION,
	  "Taken for the sake of playbooks that give it: what has revisions is of apps/v1, whatever "
	  "is said here.",
	  .aliases = "api version", .value = "\"v1\"" },
	{ "kind", STR, OPTION,
	  "Deployment, DaemonSet or StatefulSet; Deployment where it is not given." },
	ROW_NAME(0),
	ROW_NAMESPACE(0),
	ROW_LABELS("[]"),
	ROW_FIELDS,
	{ 0 },
};

static const struct attr returned[] = {
	{ "rollback_info", LIST, READONLY,
	  "For each workload: changed, method, body (the patch) and resources (the workload).",
	  .elem = MAP },
	{ 0 },
};

const struct resource kube_k8s_rollback = {
	.name = "k8s_rollback",
	.doc = "Takes a workload back to the revision it had before.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: As it was\n"
		   "  treenail.kubernetes.k8s_rollback:\n"
		   "    kind: Deployment\n"
		   "    namespace: default\n"
		   "    name: web\n",
};
