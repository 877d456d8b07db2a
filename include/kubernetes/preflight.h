#ifndef KUBERNETES_PREFLIGHT_H
#define KUBERNETES_PREFLIGHT_H

#include "kubernetes/cluster.h"

/*
 * What stands against an upgrade, or a drain, before anything is done: all at once, each with what to do.
 *
 * A finding: {"severity": "error" | "warning" | "info", "check": "disruption-budget", "what": "pod shop/web-1 on node w1",
 * "why": "budget shop/web allows no disruption: 3 healthy pods are needed, there are 3", "do": "..."}.
 * Errors are what would fail or break something; warnings what a person should know; sorted so. An empty list: go.
 * "soon": true: it is likely to be over within minutes, as where a kubelet has just begun anew.
 */

struct preflight {
	/* The API servers to be asked: each keeps a metric of its own. At least one. */
	struct cluster *const *servers;
	size_t n_servers;
	const char *target;          /* version to come: "1.33.13"; NULL: nothing is upgraded */
	struct json_object *drain;   /* names of the nodes to be drained; NULL: none */
	bool force, delete_emptydir; /* as the drains will be told: then such pods are warnings */
	/*
	 * Facts from elsewhere; all may be left out:
	 * {"nodes": {"w1": {"kubeadm": "1.33.13", "space": [{"path": "/var", "free_mb": 900, "need_mb": 2048}]}},
	 *  "certificates": [rows of certificates_report(), each with "node"],
	 *  "etcd": what etcd_health() tells}
	 * kubeadm is the one that will do it, after its package was upgraded. space is judged where both numbers are there.
	 */
	struct json_object *facts;
};

/* Reads only, and evicts with dryRun=All. The error is that it could not be found out. *ret: array; owned. */
MUST_USE struct err *preflight(const struct preflight *p, struct json_object **ret);
/* Whether there are errors, and all of them are likely to be over soon. */
bool preflight_passes_soon(struct json_object *findings);
/* Whether any is an error; *ret_text (owned; may be NULL): all of them for people, one a line. */
bool preflight_blocks(struct json_object *findings, char **ret_text);

/* ---- the same in two steps: what there is, and what it means ---- */

/*
 * {"servers": ["v1.33.12"],
 *  "nodes": [{"name", "version", "ready", "since_s", "why", "unschedulable"}]   (since_s: how long it is ready, or not, if that is told),
 *  "parts": [{"node", "part": "kube-apiserver", "version"}]   (of their images),
 *  "deprecated": [{"group", "version", "resource", "removed_release"}]   (somebody asked for since the servers were started),
 *  "deprecated_error": why that could not be asked,
 *  "writers": [{"group", "version", "resource", "count", "objects": ["a/b (helm)"]}]   (stored objects written through these),
 *  "pods": [{"pod", "node", "fate", "error", "status", "budget"}]   (of the nodes to be drained; what eviction would say)}; owned.
 */
MUST_USE struct err *preflight_observe(const struct preflight *p, struct json_object **ret);
/* Pure. */
struct json_object *preflight_judge(const struct preflight *p, struct json_object *observed);

/* ---- versions ---- */

/* "v1.33.13", "1.33.13-rc.0", "1.33.13+k3s1". False: it is none. */
struct kube_version {
	int major, minor, patch;
	bool pre; /* comes before the one without its suffix */
};
bool kube_version_of(const char *text, struct kube_version *ret);
/* "v1.33.13" of "registry.k8s.io/kube-apiserver:v1.33.13@sha256:..."; NULL: it has no tag. Owned. */
char *kube_image_version(const char *image);
int kube_version_compare(const struct kube_version *x, const struct kube_version *y);
/*
 * What the version skew policy says: NULL: fine; owned words: "a kubelet may be at most 3 minor versions older than
 * its API server". `part`: "kubelet", "kube-proxy", "kube-apiserver" (the other one of two), "kube-controller-manager",
 * "kube-scheduler", "kubectl", "kubeadm" (with the version it is to set up).
 */
char *kube_skew(const char *part, const char *version, const char *server);
/* NULL: a cluster may go from `have` to `target` in one step; owned words: why not. */
char *kube_step(const char *have, const char *target);

#endif
