#ifndef CLUSTER_HEALTH_H
#define CLUSTER_HEALTH_H

#include "kubernetes/cluster.h"

/*
 * How a cluster is, as one value; for cluster_info, the data source treenail_cluster_health and the external query.
 *
 * {"healthy": true, "server": "https://...", "version": "v1.33.13",
 *  "api_certificate_days_left": 200 of the one it shows, or null: where there is a proxy on the way
 *  "readyz": {"ok": true, "checks": {"etcd": true, ...}},
 *  "nodes": [{"name", "ready", "why" ("" if ready), "schedulable", "roles": ["control-plane"], "version", "runtime",
 *             "os", "kernel", "addresses": {"InternalIP": "10.0.0.1"}, "pod_cidrs", "labels", "taints", "created"}],
 *  "nodes_ready": 3, "nodes_total": 3, "versions": {"v1.33.13": 3},
 *  "control_plane": [{"node", "component": "kube-apiserver", "pod", "ready", "why", "restarts",
 *                     "version": "v1.33.13" (of its image)}],   static pods, as kubeadm labels them
 *  "etcd": etcd_health()'s or null, "certificates": as given or null, "certificates_days_left": 340 or null,
 *  "problems": [sentences], "warnings": [sentences]}
 *
 * healthy: no problems. Problems are a check of the API server that fails, nodes and control plane pods that are not
 * ready, a version skew that is not supported, what etcd_health() calls so, certificates that have ended or are not
 * those in their files. Certificates that end soon, or could not be looked at, and nodes that take no pods are warnings.
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
/* Pure: of {"server", "version", "api_certificate_days_left", "readyz" (its text), "nodes": [Node], "pods": [Pod]}. Owned. */
struct json_object *health_of(struct json_object *observed, const struct health_facts *f);

#endif
