#ifndef KUBERNETES_KINDS_H
#define KUBERNETES_KINDS_H

#include "kubernetes/cluster.h"

/*
 * Which kinds the server has, and where (discovery). Asked for once: aggregated discovery of /api and
 * /apis (one request each, with ETag; where the server cannot, group by group), kept in the cache folder
 * that processes share (session.h says where), one file for each server and user. What was asked of
 * the server within the last 10 minutes is taken as it is; older is asked for again with its ETag. A
 * kind that is not in it is asked for again before it is called unknown.
 */
struct kube_kind {
	const char *group, *version; /* group "" : core */
	const char *kind, *plural, *singular;
	bool namespaced;
	struct json_object *verbs, *short_names, *categories; /* arrays of strings; borrowed */
	struct json_object *subresources;                     /* array: "status", "scale" */
};

/*
 * api_version may be NULL or "" (the preferred version of the group that has it; core, then apps,
 * before others), "v1", "apps/v1", or a group alone. `kind` is a Kind, plural, singular or short
 * name. ERR_NOT_FOUND names the nearest ones, and an APIService that is down if the
 * group is its. *ret is valid as long as the cluster.
 */
MUST_USE struct err *kind_find(struct cluster *c, const char *api_version, const char *kind,
			       const struct kube_kind **ret);
/* What was asked before now may have changed: CRDs came or went. */
void kinds_forget(struct cluster *c);
/*
 * A path was answered with a 404 that is no Status, since kinds were asked for: a CRD has gone or is another
 * one now. The next kind_find() asks the server; what was found before may be wrong.
 */
bool kinds_doubted(struct cluster *c);
/* "apps/v1"; owned. */
char *kind_api_version(const struct kube_kind *k);
/*
 * "/apis/apps/v1/namespaces/a/deployments/b"; owned, escaped. ns NULL: of all namespaces, or none;
 * name NULL: the collection; sub NULL, or "scale".
 */
char *kind_path(const struct kube_kind *k, const char *ns, const char *name, const char *sub);
/* All that there are, as kubernetes.core's k8s_cluster_info tells them; owned. */
MUST_USE struct err *kinds_all(struct cluster *c, struct json_object **ret);
/* /version as it is; owned. */
MUST_USE struct err *cluster_version(struct cluster *c, struct json_object **ret);

#endif
