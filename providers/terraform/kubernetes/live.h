#ifndef KUBERNETES_LIVE_H
#define KUBERNETES_LIVE_H

#include "kubernetes/objects.h"

/*
 * Objects as the server has them, for a process that reads many: the first few of a kind and namespace are
 * asked for one by one; from then on one LIST tells of all, asked for once however many wait. Lives as
 * long as the process, which is one walk of Terraform's: a plan sees what the refresh before it
 * saw. What we change is asked for by itself from then on.
 *
 * *ret is new; NULL: gone. One that the LIST does not have is asked for by itself before it is called so.
 */
MUST_USE struct err *live_get(struct cluster *c, const struct kube_kind *k, const char *ns,
			      const char *name, struct json_object **ret);
/* The same for who is going to write: what was read, or not found, some seconds ago is read again. */
MUST_USE struct err *live_lately(struct cluster *c, const struct kube_kind *k, const char *ns,
				 const char *name, struct json_object **ret);
/* We are changing it. */
void live_drop(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name);
/* The process ends; nobody reads any more. */
void live_end(void);

#endif
