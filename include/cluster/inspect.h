#ifndef CLUSTER_INSPECT_H
#define CLUSTER_INSPECT_H

#include "cluster/run.h"

/*
 * What is asked of a declared cluster without changing anything on it. `o->check` counts as set: no lock is taken, so a run
 * that is under way is no hindrance.
 */

/*
 * {"exists": true, "health": cluster_health() with etcd and the certificates of control planes, or null,
 *  "nodes": {NAME: what plan.h says is observed of it}, "plan": what cluster_make() would do now, or null and
 *  "plan_error": why it would do nothing}; owned. The error is of the declaration, or of a cluster that has hosts and answers
 * nobody; a cluster that is not there is told.
 */
MUST_USE struct err *cluster_inspect(struct json_object *given, const struct cluster_options_run *o,
				     struct json_object **ret);

struct cluster_backup {
	const char *path; /* of the snapshot, here */
	int64_t max;      /* bytes; 0: 16 GiB */
	int timeout_s;    /* 0: 600 */
};
/*
 * A snapshot of the cluster's etcd (etcd_snapshot()) from its first healthy member, {"path", "bytes", "sha256", "version",
 * "member", "warning": "" or that there is no quorum}; owned. Nothing is written on nodes.
 */
MUST_USE struct err *cluster_save(struct json_object *given, const struct cluster_options_run *o,
				  const struct cluster_backup *b, struct json_object **ret);

#endif
