#include "cluster/cluster.h"
#include "cluster/inspect.h"
#include "common/clusters.h"
#include "common/tasks.h"

static struct err *run(struct op *op)
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

static const struct attr attrs[] = {
	{ "cluster", OBJ, OPTION | REQUIRED, "The cluster, as the module cluster takes it.",
	  .sub = cluster_attrs },
	{ "path", STR, OPTION | REQUIRED,
	  "File on the controller that gets the snapshot; mode 0600, at once or not at all." },
	{ "max_bytes", INT, OPTION, "How large it may be; 0: 16 GiB.", .value = "0" },
	{ "timeout", INT, OPTION, "Seconds that it may take.", .value = "600" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "snapshot", MAP, READONLY,
	  "Its path, bytes, sha256, the version of etcd, and the member it was taken from." },
	{ 0 },
};

const struct resource kube_cluster_backup = {
	.name = "cluster_backup",
	.doc = "Saves the data of a cluster on machines reached over SSH: a snapshot of its etcd.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Save the cluster's data\n"
		   "  treenail.kubernetes.cluster_backup:\n" EXAMPLE_CLUSTER
		   "    path: /var/backups/demo.db\n",
};
