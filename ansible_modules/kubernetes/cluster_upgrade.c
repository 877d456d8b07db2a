#include "cluster/cluster.h"
#include "common/clusters.h"
#include "json.h"

/* The declaration with another version; everything else that differs is done, too. */
static struct err *run(struct op *op)
{
	const struct plan_wish wish = { .made = true };
	const char *version = json_str(op->want, "version");

	if (version)
		json_sets(json_at(op->want, "cluster"), "version", version);
	return clusters_run(op, &wish, cluster_make);
}

static const struct attr attrs[] = {
	ROW_CLUSTER,
	{ "version", STR, OPTION, "Version to go to; else that of the cluster's declaration." },
	ROW_NODE_TIMEOUT,
	{ 0 },
};

const struct resource kube_cluster_upgrade = {
	.name = "cluster_upgrade",
	.doc = "Brings a cluster on hosts that are reached by SSH to another version; in check mode, tells "
	       "all that stands against it.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = cluster_returned,
	.example =
		"- name: Control planes one by one, then workers in waves\n"
		"  treenail.kubernetes.cluster_upgrade:\n" EXAMPLE_CLUSTER "    version: 1.33.13\n",
};
