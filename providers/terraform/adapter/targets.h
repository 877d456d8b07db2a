#ifndef ADAPTER_TARGETS_H
#define ADAPTER_TARGETS_H

#include "api.h"
#include "err.h"
#include "json.h"

/*
 * The clouds that one process works on: the provider block's, and those that resources name. A session
 * is begun when the first object needs it; its configuration is read then, its login comes with the
 * first request. However a target is named, one configuration is one session. Sessions live as long as
 * the process. From any thread.
 */

/*
 * The provider block, by its rows' names. Values that are not known yet (during a plan) are no error
 * until somebody needs them, and may be known the next time. ERR_USAGE if the block in force has
 * other values: one process, which -debug may make several blocks share, serves one.
 */
MUST_USE struct err *targets_configure(struct json_object *config);
/* Another Terraform comes, with a block of its own: no session of before is found any more. */
void targets_renew(void);
/*
 * The session of another cloud (NULL: the provider's) in another region (NULL: its own). *ret_region,
 * borrowed, may be "". ERR_USAGE if the provider block is not known yet.
 */
MUST_USE struct err *target_get(const char *cloud, const char *region, struct api **ret,
				const char **ret_region);
/* Text without the secrets of all sessions so far; owned. Takes text. */
char *targets_mask(char *text);

#endif
