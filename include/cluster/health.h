#ifndef CLUSTER_HEALTH_H
#define CLUSTER_HEALTH_H

#include "kubernetes/cluster.h"

/*
 * How a cluster is, as one value; for cluster_info, the data source treenail_cluster_health and the external query.
 *
 * {"healthy": true, "server": "https://...", "version": "v1.33.13",
 *  "readyz": {"ok": true, "checks": {"etcd": "ok", ...}, "failed": ["..."]},
 *  "nodes": [{"name", "ready", "why" ("" if ready), "schedulable", "roles": ["control-plane"], "version", "runtime", "os", "kernel",
 *             "addresses": {"InternalIP": "10.0.0.1"}, "pods": {"cidr"}, "labels", "taints", "created"}],
 *  "nodes_ready": 3, "nodes_total": 3, "versions": {"v1.33.13": 3},
 *  "skew": ["node w1: ..."],
 *  "control_plane": [{"node", "component": "kube-apiserver", "pod", "ready", "restarts", "version": "v1.33.13" (of its image), "why"}],
 *  "etcd": etcd_health()'s or null, "certificates": as given or null, "certificates_days_left": 340 or null,
 *  "problems": [sentences], "warnings": [sentences]}
 *
 * healthy: no problems. A certificate that has ended, a node that is not ready, an API server's check that fails, a
 * control plane pod that is not ready, etcd's problems and a forbidden version skew are problems; certificates that end soon,
 * nodes that take no pods, restarts and what is merely unusual are warnings.
 */
struct health_facts {
	struct json_object *etcd; /* etcd_health(); NULL: not asked */
	struct json_object
		*certificates; /* report of lib/cluster/certificates.c; NULL: not asked */
	int64_t days;          /* 0: 30 */
};
/* The error is that the API server cannot be asked at all; a server that is not ready is told. Owned. */
MUST_USE struct err *cluster_health(struct cluster *c, const struct health_facts *f,
				    struct json_object **ret);
/* Pure: of {"version", "readyz" (its text), "nodes": [Node], "pods": [Pod of kube-system]}. Owned. */
struct json_object *health_of(struct json_object *observed, const struct health_facts *f);

#endif
