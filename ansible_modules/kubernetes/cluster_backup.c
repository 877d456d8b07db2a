#include "cluster/cluster.h"
#include "cluster/inspect.h"
#include "common/clusters.h"
#include "common/ending.h"
#include "common/tasks.h"

static struct err *save(struct op *op)
{
	const struct cluster_options_run o = { .check = true };
	struct json_object *cluster = json_at(op->want, "cluster");
	const struct cluster_backup b = { .path = json_str(op->want, "path"),
					  .max = json_int(op->want, "max_bytes", 0),
					  .timeout_s = (int)json_int(op->want, "timeout", 0) };
	AUTO_JSON saved = NULL;
	AUTO_JSON declared = NULL;
	struct err *e = op->check ? cluster_declaration(cluster, &declared, NULL)
				  : cluster_save(cluster, &o, &b, &saved);
	const char *warning;

	if (e)
		return e;
	op->out->changed = true;
	if (!saved)
		return NULL;
	warning = json_str(saved, "warning");
	if (warning && *warning)
		op_warn(op, "%s", warning);
	json_object_object_del(saved, "warning");
	put(op, "snapshot", TAKE(saved));
	return NULL;
}

static struct err *restore(struct op *op)
{
	const struct cluster_options_run o = {
		.check = op->check,
		.node_s = (int)json_int(op->want, "node_timeout", 0),
	};
	const struct cluster_restore what = {
		.path = json_str(op->want, "path"),
		.other_cluster = json_truth(op->want, "other_cluster", false),
	};
	struct cluster_outcome out = { .plan = NULL };
	struct err *e;

	ending_told();
	e = cluster_restore(json_at(op->want, "cluster"), &o, &what, &out);
	clusters_tell(op, &out);
	cluster_outcome_release(&out);
	return e;
}

static struct err *run(struct op *op)
{
	return json_is_str(json_at(op->want, "state"), "restored") ? restore(op) : save(op);
}

static const struct attr attrs[] = {
	ROW_CLUSTER,
	{ "path", STR, OPTION | REQUIRED,
	  "File on the controller: that gets the snapshot (mode 0600, at once or not at all), or has it." },
	{ "state", STR, OPTION,
	  "Whether a snapshot is made, or the cluster goes back to one: what was changed since is lost. All control planes stand still meanwhile; the data they had is kept beside the new one.",
	  .value = "\"present\"", .choices = "present restored" },
	{ "other_cluster", BOOL, OPTION,
	  "Whether a snapshot is restored that is not known as one of this cluster.",
	  .value = "false" },
	{ "max_bytes", INT, OPTION, "How large it may be that is made; 0: 16 GiB.", .value = "0" },
	{ "timeout", INT, OPTION, "Seconds that making it may take.", .value = "600" },
	ROW_NODE_TIMEOUT,
	{ 0 },
};

static const struct attr returned[] = {
	{ "snapshot", MAP, READONLY,
	  "Of one that was made: its path, bytes, sha256, the version of etcd, and the member it was taken from." },
	ROWS_CLUSTER_RETURNED,
	{ 0 },
};

const struct resource kube_cluster_backup = {
	.name = "cluster_backup",
	.doc = "Saves the data of a cluster on machines reached over SSH, a snapshot of its etcd, or goes back to one.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Save the cluster's data\n"
		   "  treenail.kubernetes.cluster_backup:\n" EXAMPLE_CLUSTER
		   "    path: /var/backups/demo.db\n\n"
		   "- name: Go back to it\n"
		   "  treenail.kubernetes.cluster_backup:\n" EXAMPLE_CLUSTER
		   "    path: /var/backups/demo.db\n"
		   "    state: restored\n",
};
