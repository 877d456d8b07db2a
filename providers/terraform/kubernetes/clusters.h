#ifndef KUBERNETES_CLUSTERS_H
#define KUBERNETES_CLUSTERS_H

#include "adapter/kind.h"
#include "kubernetes/cluster.h"

/*
 * The clusters that one process works on: the provider block's own, those of its `clusters`, and the
 * contexts of its kubeconfig. A session is begun when the first object needs it. From any thread.
 */
extern const struct backend clusters_backend;
/* Rows of the provider block. */
extern const struct tf_attr clusters_config[];

/*
 * The session of `name` (NULL or "": the provider block's). *ret NULL: it cannot be had yet, because
 * a value of the configuration is not known or its kubeconfig is not there; *why, owned, says which.
 */
MUST_USE struct err *clusters_get(const char *name, struct cluster **ret, char **why);
/*
 * The same for planning and reading. A kubeconfig that is not there is an error where the state has an object of that
 * cluster, since it was there when that was made; else a warning.
 */
MUST_USE struct err *clusters_ask(struct tf_op *t, const char *name, struct cluster **ret);
/* The same, where it has to be there by now. */
MUST_USE struct err *clusters_want(const char *name, struct cluster **ret);
/* Whether kubeconfig is read where nothing names one (the kubectl providers do), before anything else. */
void clusters_default_config(bool yes);

#endif
