#ifndef KUBERNETES_DISCOVERY_H
#define KUBERNETES_DISCOVERY_H

#include "kubernetes/cluster.h"

/* What a cluster and its kinds (lib/kubernetes/kinds.c) have to do with each other. */
struct discovery;

struct discovery *discovery_new(void);
void discovery_free(struct discovery *d);
/* A path of a kind was none to the server: kind_find() asks again. Any thread, also one that is asking. */
void discovery_doubt(struct discovery *d);
struct discovery *cluster_discovery(struct cluster *c);
/* What tells this server and user from others, without secrets. Owned. */
char *cluster_identity(const struct cluster *c);
/* cluster_call(), but what has not changed since `etag` is NULL. *ret_etag: owned, NULL: there is none. */
MUST_USE struct err *cluster_fetch(struct cluster *c, const struct kube_request *req,
				   const char *etag, struct json_object **ret, char **ret_etag);

#endif
