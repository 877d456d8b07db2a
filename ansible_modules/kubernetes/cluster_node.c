#include "cluster/cluster.h"
#include "common/clusters.h"

static struct err *run(struct op *op)
{
	const char *name = json_str(op->want, "name");
	AUTO_JSON names = json_object_new_array();
	const bool absent = json_is_str(json_at(op->want, "state"), "absent");
	const struct plan_wish wish = {
		.only = names,
		.remove = absent ? names : NULL,
		.no_upgrade = true,
	};

	if (!absent && !cluster_node(json_at(op->want, "cluster"), name))
		return err_at(err_new(ERR_USAGE, "name: the declaration has no node '%s'", name),
			      "name");
	json_object_array_add(names, json_object_new_string(name));
	return clusters_run(op, &wish, cluster_make);
}

static const struct attr attrs[] = {
	ROW_CLUSTER,
	{ "name", STR, OPTION | REQUIRED,
	  "Name of the node; one that is to join must be in the declaration." },
	{ "state", STR, OPTION,
	  "Whether it is a member as it is declared, or none: emptied, reset and forgotten.",
	  .value = "\"present\"", .choices = "present absent" },
	ROW_NODE_TIMEOUT,
	{ 0 },
};

const struct resource kube_cluster_node = {
	.name = "cluster_node",
	.doc = "One node of a cluster on hosts that are reached by SSH; no other worker is connected to.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = cluster_returned,
	.example = "- name: A worker that was added\n"
		   "  treenail.kubernetes.cluster_node:\n" EXAMPLE_CLUSTER "    name: w1\n",
};
