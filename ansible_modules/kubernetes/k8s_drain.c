#include <string.h>

#include "common/tasks.h"
#include "kubernetes/drain.h"

enum { FOREVER_S = 366 * 24 * 3600, ACCEPT_S = 120 };

static void tell_mark(struct op *op, bool on, struct json_object *before, struct json_object *after,
		      struct buf *told)
{
	op->out->changed = op->out->changed || after;
	if (after && op->diff)
		put(op, "diff", diff_of(op, before, after));
	buf_addf(told, "node %s %smarked %s.", json_str(before, "metadata.name"),
		 after ? "" : "already ", on ? "unschedulable" : "schedulable");
}

static struct err *mark(struct op *op, bool on, struct buf *told)
{
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;
	struct err *e = node_cordon(op->cluster, json_str(op->want, "name"), on, op->check, &before,
				    &after);

	if (!e)
		tell_mark(op, on, before, after, told);
	return e;
}

/* In check mode with their names: that is all that is to be seen of them. */
static void tell_pods(struct op *op, const struct drain *d, struct buf *told)
{
	const char *done = d->past_budgets ? "deleted" : "evicted";
	AUTO_BUF names = BUF_INIT;

	for (size_t i = 0; i < json_len(d->pods) && op->check; i++)
		buf_addf(&names, "%s%s", i ? ", " : "",
			 json_object_get_string(json_nth(d->pods, i)));
	buf_addf(told, " %zu pod(s) %s%s%s%s.", json_len(d->pods), op->check ? "would be " : "",
		 done, names.len ? ": " : "", names.s);
}

static struct err *drain(struct op *op, struct buf *told)
{
	struct json_object *options = json_at(op->want, "delete_options");
	const int64_t wait_s = json_int(options, "wait_timeout", -1);
	const int64_t limit_s = wait_s < 0                     ? ACCEPT_S
				: wait_s && wait_s < FOREVER_S ? wait_s
							       : FOREVER_S;
	AUTO_STR labels = selector_of(json_at(op->want, "pod_selectors"));
	struct drain d = { .cluster = op->cluster,
			   .node = json_str(op->want, "name"),
			   .labels = labels,
			   .force = json_truth(options, "force", false),
			   .ignore_daemonsets = json_truth(options, "ignore_daemonsets", false),
			   .delete_emptydir = json_truth(options, "delete_emptydir_data", false),
			   .past_budgets = json_truth(options, "disable_eviction", false),
			   .grace_s = json_int(options, "terminate_grace_period", -1),
			   .limit_ms = 1000 * limit_s,
			   .until_gone = wait_s >= 0,
			   .check = op->check,
			   .options = "delete_options." };
	struct err *e = node_drain(&d);

	for (size_t i = 0; i < json_len(d.warnings); i++)
		op_warn(op, "%s", json_object_get_string(json_nth(d.warnings, i)));
	op->out->changed = d.changed;
	if (d.after || !e)
		tell_mark(op, true, d.before, d.after, told);
	if (!e)
		tell_pods(op, &d, told);
	drain_release(&d);
	return e;
}

static struct err *run(struct op *op)
{
	AUTO_BUF told = BUF_INIT;
	struct err *e = strcmp(op->state, "drain") == 0
				? drain(op, &told)
				: mark(op, strcmp(op->state, "cordon") == 0, &told);

	if (!e || told.len)
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
