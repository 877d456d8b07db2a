#ifndef KUBERNETES_NODES_H
#define KUBERNETES_NODES_H

#include "kubernetes/kinds.h"

/* What lib/kubernetes/{drain,node}.c have in common; nobody else's business. */

/* ERR_NOT_FOUND: there is none. *ret is NULL after an error. */
MUST_USE struct err *node_read(struct cluster *c, const char *name,
			       const struct kube_kind **ret_kind, struct json_object **ret);
MUST_USE struct err *node_patch(struct cluster *c, const struct kube_kind *kind, const char *name,
				struct json_object *body, bool check, struct json_object **ret);

#endif
