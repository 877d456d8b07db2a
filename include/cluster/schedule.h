#ifndef CLUSTER_SCHEDULE_H
#define CLUSTER_SCHEDULE_H

#include <stddef.h>

#include "json.h"

/*
 * The actions of a plan (plan.h), each once: one begins when all that it comes after are done, and fewer of its slot than
 * its limit are under way. After a failure those that come after it are skipped, and so is what is left of its slot:
 * what failed may have left a node out of service. After clock_cut() nothing is begun any more.
 *
 * run() is called from up to `width` threads, for a copy of the action; its result is the action's.
 */
struct schedule {
	struct err *(*run)(void *arg, struct json_object *action);
	void *arg;
	int width; /* 0: 64 */
};

/*
 * To each of `actions` is added "state": "done", "failed" or "skipped", "ms" of those that were begun, and "error". Returns the
 * first error (in the order of the plan; "2 of 5 actions failed, first: ..."), NULL if all are done. *ret_begun: how many were.
 */
MUST_USE struct err *schedule_run(const struct schedule *s, struct json_object *actions,
				  size_t *ret_begun);

#endif
