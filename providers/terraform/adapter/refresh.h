#ifndef ADAPTER_REFRESH_H
#define ADAPTER_REFRESH_H

#include "resource.h"

/*
 * Objects by ID, for a process that reads many: the first of a kind is asked for by itself; from the
 * second on one LIST (all pages, asked for once however many wait) tells of all there are in a
 * project. One that is not in there is asked for by itself before it is called gone. Lives as long as the
 * process, which is one walk of Terraform's.
 *
 * `project` is the one whose objects are listed; NULL: whatever a LIST tells. *ret is new; NULL: gone.
 */
MUST_USE struct err *refresh_get(struct api *api, const struct resource *r, const char *id,
				 const char *project, struct json_object **ret);
/* We changed it: what was read before is out of date. */
void refresh_drop(struct api *api, const struct resource *r, const char *id);
/* The process ends; nobody reads any more. */
void refresh_end(void);

#endif
