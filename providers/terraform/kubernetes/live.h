#ifndef KUBERNETES_LIVE_H
#define KUBERNETES_LIVE_H

#include "kubernetes/objects.h"

/*
 * Objects as the server has them, for a process that reads many: the first few of a kind and namespace are
 * asked for one by one; from then on one LIST tells of all, asked for once however many wait. One that
 * is not in there is asked for by itself before it is called gone. Lives as long as the process,
 * which is one walk of Terraform's: a plan sees what the refresh before it saw.
 *
 * *ret is new; NULL: gone.
 */
MUST_USE struct err *live_get(struct cluster *c, const struct kube_kind *k, const char *ns,
			      const char *name, struct json_object **ret);
/* We changed it: what was read before is out of date. */
void live_drop(struct cluster *c, const struct kube_kind *k, const char *ns, const char *name);
/* The process ends; nobody reads any more. */
void live_end(void);

#endif
