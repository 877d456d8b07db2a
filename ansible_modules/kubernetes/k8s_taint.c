#include <string.h>

#include "common/tasks.h"
#include "kubernetes/drain.h"

static struct err *check_taints(struct json_object *taints)
{
	for (size_t i = 0; i < json_len(taints); i++)
		if (!json_str(json_nth(taints, i), "key"))
			return err_at(err_new(ERR_USAGE, "taints[%zu] has no key", i), "taints");
	return NULL;
}

static struct err *run(struct op *op)
{
	struct json_object *taints = json_at(op->want, "taints");
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;
	struct err *e = check_taints(taints);

	if (!e)
		e = node_taint(op->cluster, json_str(op->want, "name"), taints,
			       strcmp(op->state, "absent") == 0         ? TAINT_REMOVE
			       : json_truth(op->want, "replace", false) ? TAINT_ONLY
									: TAINT_ADD,
			       op->check, &before, &after);
	if (e)
		return e;
	op->out->changed = after;
	put(op, "result", json_object_get(after ? after : before));
	if (op->diff)
		put(op, "diff", diff_of(op, before, after ? after : before));
	return NULL;
}

static const struct attr taint_rows[] = {
	{ "key", STR, OPTION, "Its key." },
	{ "value", STR, OPTION, "Its value." },
	{ "effect", STR, OPTION,
	  "What it does to pods that do not tolerate it; with state absent, without it all of the key are meant.",
	  .choices = "NoSchedule NoExecute PreferNoSchedule" },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "state", STR, OPTION, "Whether the node is to have these taints.", .value = "\"present\"",
	  .choices = "present absent" },
	{ "name", STR, OPTION | REQUIRED, "Name of the node." },
	{ "taints", LIST, OPTION | REQUIRED, "The taints.", .sub = taint_rows },
	{ "replace", BOOL, OPTION, "Whether the node is to have no others.", .value = "false" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "result", MAP, READONLY, "The node as it is now." },
	{ 0 },
};

const struct resource kube_k8s_taint = {
	.name = "k8s_taint",
	.doc = "Taints of a node.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Nothing new on this node\n"
		   "  treenail.kubernetes.k8s_taint:\n"
		   "    name: node-1\n"
		   "    taints: [{key: maintenance, effect: NoSchedule}]\n",
};
