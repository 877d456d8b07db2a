#ifndef SSH_POOL_H
#define SSH_POOL_H

#include <stdint.h>

#include "ssh/ssh.h"

/*
 * Work on hosts for those who come one by one, from any thread, and do not know of each other: all of it
 * is done by one run (ssh.h) in a thread of the pool's own. A host is connected to once; its session stays
 * for whoever comes next, and with it what its tasks have made (ssh_forward()). Work on one host is done in turn; what
 * has waited for a second behind something that takes long gets a session of its own, if there may be more than one.
 *
 * A session that turns out to have ended while nobody used it is made anew, once, if nothing was done on it.
 */
struct ssh_pool;

struct ssh_work {
	/* What tells hosts from one another: the same text is the same host, whose first target counts. */
	const char *host;
	const struct ssh_target
		*target; /* lives as long as the pool; its deadline does not count */
	/* As of ssh_run_add(). */
	struct err *(*task)(struct ssh_session *s, void *arg);
	void *arg;
	int64_t ms; /* for all of it, waiting and connecting included */
};

struct ssh_pool_options {
	struct ssh_options ssh; /* host_ms and run_ms do not count */
	int64_t idle_ms; /* how long a session that nobody uses stays; 0: 10 s; negative: as long as the pool */
	int sessions; /* on one host at once; 0: 4 */
};
/* The thread begins with the first work. NULL: all as by default. */
struct ssh_pool *ssh_pool_new(const struct ssh_pool_options *o);
/*
 * Returns when the task has ended, with its error or that of connecting ("host 'web1': ..."). After
 * clock_cut() nothing is begun any more.
 */
MUST_USE struct err *ssh_pool_do(struct ssh_pool *p, const struct ssh_work *w);
/* Ends a host's sessions, each once it has nothing to do; what comes later connects anew. Does not wait. */
void ssh_pool_close(struct ssh_pool *p, const char *host);
/* How often hosts were connected to so far. */
unsigned long ssh_pool_connections(struct ssh_pool *p);
/* Work that is not done yet fails; waits for it. NULL is fine. */
void ssh_pool_free(struct ssh_pool *p);

#endif
