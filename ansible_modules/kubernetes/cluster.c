#include "cluster/cluster.h"
#include "common/clusters.h"
#include "json.h"

static struct err *run(struct op *op)
{
	const struct plan_wish wish = {
		.prune = json_truth(op->want, "prune", false),
		.no_upgrade = !json_truth(op->want, "upgrade", true),
		.renew = json_truth(op->want, "renew", false),
	};

	return clusters_run(op, &wish,
			    json_is_str(json_at(op->want, "state"), "absent") ? cluster_reset
									      : cluster_make);
}

static const struct attr attrs[] = {
	ROW_CLUSTER,
	{ "state", STR, OPTION,
	  "Whether it is as it is declared, or is taken off all of its hosts, with all that is in it.",
	  .value = "\"present\"", .choices = "present absent" },
	{ "prune", BOOL, OPTION,
	  "Whether members that are not declared are removed; else they are told of.",
	  .value = "false" },
	{ "upgrade", BOOL, OPTION,
	  "Whether a cluster of an older version is upgraded; else it is told of.",
	  .value = "true" },
	{ "renew", BOOL, OPTION, "Whether certificates are renewed, however long they last.",
	  .value = "false" },
	ROW_NODE_TIMEOUT,
	{ 0 },
};

const struct resource kube_cluster = {
	.name = "cluster",
	.doc = "A Kubernetes cluster on hosts that are reached by SSH.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = cluster_returned,
	.example = "- name: One control plane and one worker\n"
		   "  treenail.kubernetes.cluster:\n"
		   "    cluster:\n"
		   "      name: demo\n"
		   "      version: 1.33.13\n"
		   "      ssh: {user: ops, sudo: true}\n"
		   "      nodes:\n"
		   "        - {name: c1, role: control_plane, host: {address: 10.0.0.11}}\n"
		   "        - {name: w1, host: {address: 10.0.0.12}, labels: {disk: fast}}\n"
		   "      cni: {manifests: [flannel.yaml]}\n",
};
