#include <string.h>

#include "clock.h"
#include "common/tasks.h"
#include "pool.h"

enum { WIDTH = 16, FOREVER_S = 366 * 24 * 3600, ACCEPT_S = 120, PAUSE_MS = 1000 };

/* Pods of the node by what is to become of them. */
struct pods {
	struct json_object *going; /* array; owned */
	struct buf mirror, daemon, unmanaged, local;
};

static void pods_release(struct pods *p)
{
	json_object_put(p->going);
	buf_release(&p->mirror);
	buf_release(&p->daemon);
	buf_release(&p->unmanaged);
	buf_release(&p->local);
}

static const char *controller(struct json_object *pod)
{
	struct json_object *owners = json_at(pod, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_truth(json_nth(owners, i), "controller", false))
			return json_str(json_nth(owners, i), "kind");
	return NULL;
}

static bool has_local_data(struct json_object *pod)
{
	struct json_object *volumes = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(volumes); i++)
		if (json_has(json_nth(volumes, i), "emptyDir"))
			return true;
	return false;
}

static bool is_done(struct json_object *pod)
{
	struct json_object *phase = json_at(pod, "status.phase");

	return json_is_str(phase, "Succeeded") || json_is_str(phase, "Failed");
}

static void name(struct buf *b, struct json_object *pod)
{
	buf_addf(b, "%s%s/%s", b->len ? ", " : "", json_str(pod, "metadata.namespace"),
		 json_str(pod, "metadata.name"));
}

static struct err *sort_pod(void *arg, struct json_object *pod)
{
	struct json_object *mirror = NULL;
	struct pods *p = arg;
	const char *owner = controller(pod);

	if (json_object_object_get_ex(json_at(pod, "metadata.annotations"),
				      "kubernetes.io/config.mirror", &mirror)) {
		name(&p->mirror, pod);
		return NULL;
	}
	if (owner && strcmp(owner, "DaemonSet") == 0 && !is_done(pod)) {
		name(&p->daemon, pod);
		return NULL;
	}
	if (!owner && !is_done(pod))
		name(&p->unmanaged, pod);
	if (has_local_data(pod) && !is_done(pod))
		name(&p->local, pod);
	json_object_array_add(p->going, json_object_get(pod));
	return NULL;
}

static bool chosen(struct op *op, const char *option)
{
	return json_truth(json_at(op->want, "delete_options"), option, false);
}

/* Everything that stands against it is told at once. */
static struct err *judge(struct op *op, const struct pods *p)
{
	const struct {
		const struct buf *who;
		const char *option, *no, *yes;
	} rows[] = {
		{ &p->daemon, "ignore_daemonsets", "are of a DaemonSet, which would make them anew",
		  "left alone, as they are of a DaemonSet" },
		{ &p->unmanaged, "force", "have no controller that would make them elsewhere",
		  "deleted, though no controller makes them elsewhere" },
		{ &p->local, "delete_emptydir_data",
		  "have data in an emptyDir, which would be lost",
		  "deleted with the data in their emptyDir" },
	};
	AUTO_BUF against = BUF_INIT;

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (!rows[i].who->len)
			continue;
		if (chosen(op, rows[i].option))
			op_warn(op, "%s: %s", rows[i].yes, rows[i].who->s);
		else
			buf_addf(&against, "%s%s (delete_options.%s: true does it): %s",
				 against.len ? "; " : "", rows[i].no, rows[i].option,
				 rows[i].who->s);
	}
	if (p->mirror.len)
		op_warn(op, "left alone, as the node itself keeps these static pods: %s",
			p->mirror.s);
	if (against.len)
		return err_new(ERR_CONFLICT, "pods %s", against.s);
	return NULL;
}

/* ---- eviction ---- */

struct eviction {
	struct cluster *c;
	struct json_object *delete_options;
	bool evict;
	int64_t deadline;
	struct json_object **pods;
	struct err **errs;
};

/* Of this very pod: not of one that took its name since, as a stateful set's do. Owned. */
static struct json_object *options_of(const struct eviction *x, struct json_object *pod)
{
	struct json_object *o = json_copy(x->delete_options);

	json_set(o, "preconditions",
		 json_wrap("uid", json_object_get(json_at(pod, "metadata.uid"))));
	return o;
}

static bool is_another(const struct err *e)
{
	return e->status == 409 && strstr(e->text, "UID in precondition");
}

static struct json_object *eviction_body(const struct eviction *x, struct json_object *pod)
{
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();

	json_sets(o, "apiVersion", "policy/v1");
	json_sets(o, "kind", "Eviction");
	json_sets(meta, "name", json_str(pod, "metadata.name"));
	json_sets(meta, "namespace", json_str(pod, "metadata.namespace"));
	json_set(o, "metadata", meta);
	json_set(o, "deleteOptions", options_of(x, pod));
	return o;
}

static struct err *evict_once(const struct eviction *x, struct json_object *pod)
{
	AUTO_STR path =
		xasprintf("/api/v1/namespaces/%s/pods/%s%s", json_str(pod, "metadata.namespace"),
			  json_str(pod, "metadata.name"), x->evict ? "/eviction" : "");
	AUTO_JSON body = x->evict ? eviction_body(x, pod) : options_of(x, pod);
	AUTO_JSON answer = NULL;
	const int64_t left = x->deadline - clock_ms();
	struct err *e = cluster_call(x->c,
				     &(struct kube_request){ .method = x->evict ? "POST" : "DELETE",
							     .path = path,
							     .body = body,
							     .busy = true,
							     .deadline_ms = left > 1 ? left : 1 },
				     &answer);

	if (e && (e->kind == ERR_NOT_FOUND || is_another(e)))
		err_free(TAKE(e));
	return e;
}

/* A disruption budget that is used up refuses it for now, with 429. */
static void evict(void *arg, size_t i)
{
	const struct eviction *x = arg;
	struct json_object *pod = x->pods[i];
	struct err *e = evict_once(x, pod);

	while (e && e->status == 429 && clock_ms() + PAUSE_MS < x->deadline && !clock_is_cut()) {
		struct err *again;

		clock_sleep_ms(PAUSE_MS);
		again = evict_once(x, pod);
		if (again && again->kind == ERR_TIMEOUT) { /* says less than what was said before */
			err_free(again);
			break;
		}
		err_free(e);
		e = again;
	}
	x->errs[i] = err_wrap(e, "pod %s/%s", json_str(pod, "metadata.namespace"),
			      json_str(pod, "metadata.name"));
}

static struct err *wait_gone(struct op *op, const struct eviction *x, size_t n)
{
	const int64_t left = x->deadline - clock_ms();
	const struct ready_wish wish = { .gone = true, .timeout_ms = left > 1 ? left : 1 };
	struct ready_item *items = xcalloc(n + 1, sizeof(*items));
	const struct kube_kind *kind = NULL;
	struct err *e = kind_find(op->cluster, "v1", "Pod", &kind);

	for (size_t i = 0; i < n; i++)
		items[i] = (struct ready_item){ .kind = kind,
						.ns = json_str(x->pods[i], "metadata.namespace"),
						.name = json_str(x->pods[i], "metadata.name"),
						.object = x->pods[i],
						.wish = &wish };
	if (!e)
		ready_wait_many(op->cluster, items, n);
	for (size_t i = 0; i < n; i++) {
		if (!e)
			e = TAKE(items[i].e);
		err_free(items[i].e);
		json_object_put(items[i].last);
	}
	free(items);
	return e;
}

/* The first failure, with how many there are. */
static struct err *failures(struct err **errs, size_t n)
{
	struct err *first = NULL;
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		failed += errs[i] ? 1 : 0;
		if (!first)
			first = TAKE(errs[i]);
		err_free(errs[i]);
	}
	return err_wrap(first, "%zu of %zu pods could not be evicted", failed, n);
}

static struct err *send_away(struct op *op, struct json_object *pods)
{
	struct json_object *options = json_at(op->want, "delete_options");
	const size_t n = json_len(pods);
	const int64_t given = json_int(options, "wait_timeout", -1);
	const int64_t limit_s = given < 0                    ? ACCEPT_S
				: given && given < FOREVER_S ? given
							     : FOREVER_S;
	AUTO_JSON body = json_object_new_object();
	struct eviction x = { .c = op->cluster,
			      .delete_options = body,
			      .evict = !chosen(op, "disable_eviction"),
			      .deadline = clock_ms() + 1000 * limit_s,
			      .pods = xcalloc(n + 1, sizeof(*x.pods)),
			      .errs = xcalloc(n + 1, sizeof(*x.errs)) };
	struct err *e;

	json_sets(body, "apiVersion", "v1");
	json_sets(body, "kind", "DeleteOptions");
	if (json_has(options, "terminate_grace_period"))
		json_set(body, "gracePeriodSeconds",
			 json_object_new_int64(json_int(options, "terminate_grace_period", 0)));
	/* Reference counts are not atomic: each thread has its own. */
	for (size_t i = 0; i < n; i++)
		x.pods[i] = json_nth(pods, i);
	pool_run(n, WIDTH, evict, &x);
	e = failures(x.errs, n);
	if (!e && given >= 0)
		e = wait_gone(op, &x, n);
	free(x.pods);
	free(x.errs);
	return e;
}

/* ---- the module ---- */

static struct err *set_unschedulable(struct op *op, const struct kube_kind *kind,
				     struct json_object *node, bool on, struct buf *told)
{
	const bool is = json_truth(node, "spec.unschedulable", false);
	const char *word = on ? "unschedulable" : "schedulable";
	AUTO_JSON body = json_wrap(
		"spec", json_wrap("unschedulable", on ? json_object_new_boolean(true) : NULL));
	AUTO_JSON after = NULL;
	struct err *e;

	if (is == on) {
		buf_addf(told, "node %s already marked %s.", json_str(node, "metadata.name"), word);
		return NULL;
	}
	e = object_patch(op, kind, node, NULL, "merge", body, &after);
	if (e)
		return e;
	op->out->changed = true;
	if (op->diff)
		put(op, "diff", diff_of(op, node, after));
	buf_addf(told, "node %s marked %s.", json_str(node, "metadata.name"), word);
	return NULL;
}

static struct err *find_pods(struct op *op, const char *node, struct pods *ret)
{
	AUTO_STR labels = selector_of(json_at(op->want, "pod_selectors"));
	AUTO_STR fields = xasprintf("spec.nodeName=%s", node);
	const struct object_query q = {
		.api_version = "v1", .kind = "Pod", .labels = labels, .fields = fields
	};

	return objects_each(op->cluster, &q, sort_pod, ret);
}

/* In check mode with their names: that is all that is to be seen of them. */
static void tell_pods(struct op *op, struct json_object *pods, struct buf *told)
{
	const char *done = chosen(op, "disable_eviction") ? "deleted" : "evicted";
	AUTO_BUF names = BUF_INIT;

	for (size_t i = 0; i < json_len(pods) && op->check; i++)
		name(&names, json_nth(pods, i));
	buf_addf(told, " %zu pod(s) %s%s%s%s.", json_len(pods), op->check ? "would be " : "", done,
		 names.len ? ": " : "", names.s);
}

static struct err *drain(struct op *op, const struct kube_kind *kind, struct json_object *node,
			 struct buf *told)
{
	struct pods p = { json_object_new_array(), BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
	struct err *e = find_pods(op, json_str(node, "metadata.name"), &p);
	const size_t n = json_len(p.going);

	if (!e)
		e = judge(op, &p);
	if (!e)
		e = set_unschedulable(op, kind, node, true, told);
	if (!e && n) {
		op->out->changed = true;
		e = op->check ? NULL : send_away(op, p.going);
	}
	if (!e)
		tell_pods(op, p.going, told);
	pods_release(&p);
	return e;
}

static struct err *run(struct op *op)
{
	const struct kube_kind *kind = NULL;
	AUTO_BUF told = BUF_INIT;
	AUTO_JSON node = NULL;
	struct err *e = kind_find(op->cluster, "v1", "Node", &kind);

	if (!e)
		e = object_there(op, kind, NULL, json_str(op->want, "name"), &node);
	if (e)
		return e;
	if (strcmp(op->state, "drain") == 0)
		e = drain(op, kind, node, &told);
	else
		e = set_unschedulable(op, kind, node, strcmp(op->state, "cordon") == 0, &told);
	put(op, "result", json_object_new_string(told.s));
	return e;
}

static const struct attr delete_rows[] = {
	{ "terminate_grace_period", INT, OPTION,
	  "Seconds that each pod has to end; else what it says itself." },
	{ "force", BOOL, OPTION, "Whether pods without a controller go, too.", .value = "false" },
	{ "ignore_daemonsets", BOOL, OPTION, "Whether pods of DaemonSets are left alone.",
	  .value = "false" },
	{ "delete_emptydir_data", BOOL, OPTION, "Whether pods with an emptyDir go, too.",
	  .value = "false" },
	{ "disable_eviction", BOOL, OPTION,
	  "Whether pods are deleted, past the disruption budgets.", .value = "false" },
	{ "wait_timeout", INT, OPTION,
	  "Seconds until all pods must be gone; 0: without a limit; not given: only until their "
	  "evictions are accepted." },
	{ "wait_sleep", INT, OPTION,
	  "Accepted for the sake of existing playbooks: waiting is by watch, nothing sleeps.",
	  .value = "5" },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "state", STR, OPTION,
	  "Whether the node takes new pods (uncordon), takes none (cordon), or is emptied, too (drain).",
	  .value = "\"drain\"", .choices = "cordon drain uncordon" },
	{ "name", STR, OPTION | REQUIRED, "Name of the node." },
	{ "pod_selectors", LIST, OPTION, "Only pods whose labels fit all of these.",
	  .aliases = "label_selectors" },
	{ "delete_options", OBJ, OPTION, "How pods are sent away.", .sub = delete_rows,
	  .value = "{}" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "result", STR, READONLY, "What was done, in words." },
	{ 0 },
};

const struct resource kube_k8s_drain = {
	.name = "k8s_drain",
	.doc = "Empties a node for maintenance, or gives it back.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Empty a node, within the disruption budgets\n"
		   "  treenail.kubernetes.k8s_drain:\n"
		   "    name: node-1\n"
		   "    delete_options: {ignore_daemonsets: true, wait_timeout: 300}\n",
};
