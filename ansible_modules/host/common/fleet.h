#ifndef HOST_FLEET_H
#define HOST_FLEET_H

#include "resource.h"
#include "rows.h"
#include "ssh/hosts.h"

/*
 * What the modules of hosts share: one thing done on all of them side by side, a result for each, and
 * one for all. A host that fails leaves the others alone.
 */
struct fleet;

struct fleet_host {
	const struct ssh_entry *entry;
	struct json_object *told; /* its result, for the task to add to */
	struct json_object *diff; /* {before, after, ...}; NULL: none. Owned by the fleet */
	bool changed;
	struct op *op;
	void *arg;
	/* For the fleet itself. */
	struct fleet *fleet;
	struct ssh_job *job;
	bool reached;
};

/* `arg` is that of each host. */
struct fleet *fleet_new(struct op *op, void *arg);
size_t fleet_count(const struct fleet *f);
struct fleet_host *fleet_at(struct fleet *f, size_t i);
/* Calls the task for each host, in a session there; see ssh/ssh.h for what it may do. */
void fleet_connect(struct fleet *f,
		   struct err *(*task)(struct ssh_session *s, struct fleet_host *h));
/*
 * Tells all in op->out. The error, if more hosts failed than max_fail allows, tells how many, and what the
 * first of them say. Frees f.
 */
MUST_USE struct err *fleet_end(struct fleet *f);

/* From a task that was carried out, but not well: its error, as others are. */
PRINTF(1, 2) struct err *fleet_failed(const char *fmt, ...);

#endif
