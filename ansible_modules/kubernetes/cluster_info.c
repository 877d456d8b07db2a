#include "cluster/cluster.h"
#include "cluster/inspect.h"
#include "common/clusters.h"
#include "common/tasks.h"

static struct err *run(struct op *op)
{
	const struct cluster_options_run o = { .check = true };
	AUTO_JSON found = NULL;
	struct err *e = cluster_inspect(json_at(op->want, "cluster"), &o, &found);

	if (e)
		return e;
	json_object_object_foreach(found, key, value)
		put(op, key, json_object_get(value));
	return NULL;
}

static const struct attr attrs[] = {
	{ "cluster", OBJ, OPTION | REQUIRED, "The cluster, as the module cluster takes it.",
	  .sub = cluster_attrs },
	{ 0 },
};

static const struct attr returned[] = {
	{ "exists", BOOL, READONLY, "Whether a control plane has a cluster." },
	{ "health", MAP, READONLY,
	  "How it is: healthy, problems and warnings (sentences), readyz, nodes, versions, control_plane, "
	  "etcd and certificates with the days that are left; null: there is none." },
	{ "nodes", MAP, READONLY,
	  "By name, what was seen on the hosts, or why they were not reached." },
	{ "plan", MAP, READONLY,
	  "What the module cluster would do now: a list of actions with reasons." },
	{ "plan_error", STR, READONLY, "Why it would do nothing." },
	{ 0 },
};

const struct resource kube_cluster_info = {
	.name = "cluster_info",
	.doc = "How a cluster on machines reached over SSH is, and what differs from its declaration.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Wait until it is well; what was restarted takes a moment\n"
		   "  treenail.kubernetes.cluster_info:\n" EXAMPLE_CLUSTER "  register: demo\n"
		   "  until: demo.health.healthy | default(false)\n"
		   "  retries: 60\n"
		   "  delay: 5\n",
};
