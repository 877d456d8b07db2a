#ifndef SSH_JUMP_H
#define SSH_JUMP_H

#include <stdint.h>
#include <sys/types.h>

#include "ssh/session.h"

/*
 * Bastions. A session to one has a task of its own, which alone touches it (libssh2 lets nobody in
 * while a packet is half sent), and moves bytes between its direct-tcpip channels (RFC 4254, 7.2) and
 * links: what sessions behind it have instead of a socket. A link holds at most 64 KiB each way.
 *
 * libssh2 opens one channel at a time, and a host that does not answer holds that up for as long as
 * the bastion cares to wait. So whoever has waited for half a second makes another session to
 * the bastion, up to 8.
 */
struct jumps;
struct link;

struct jumps *jumps_new(struct ssh_run *run);
/* The sessions to bastions end when run_goes_on() is false: this wakes them to see that. */
void jumps_end(struct jumps *j);
/* After loop_run(). NULL is fine. */
void jumps_free(struct jumps *j);

/* A way to s->target through its bastion; waits until there is one, or s->until. */
MUST_USE struct err *link_open(struct jumps *j, struct ssh_session *s, struct link **ret,
			       enum again *again);
/* As recv(2) and send(2), but -EAGAIN and the like; -ECONNRESET: what comes has broken off. */
ssize_t link_recv(struct link *l, void *to, size_t n);
ssize_t link_send(struct link *l, const void *from, size_t n);
/* Nothing more will be sent; what comes may go on. */
void link_end(struct link *l);
/* That has been told, or the other side takes nothing any more. */
bool link_done(const struct link *l);
/* Why it failed; borrowed; NULL: it did not, or nobody knows. */
const struct err *link_err(const struct link *l);
/* What s waits for is there. */
bool link_ready(const struct link *l, bool to_send);
/* All that was sent is on its way. */
bool link_idle(const struct link *l);
/* NULL is fine. */
void link_close(struct link *l);

#endif
