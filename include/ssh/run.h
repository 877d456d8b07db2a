#ifndef SSH_RUN_H
#define SSH_RUN_H

#include "ssh/session.h"

/* What sessions and bastions need of their run. */
struct jumps;
struct resolver;

const struct ssh_options *run_options(const struct ssh_run *run);
struct loop *run_loop(const struct ssh_run *run);
struct resolver *run_resolver(const struct ssh_run *run);
struct jumps *run_jumps(const struct ssh_run *run);
/* clock_ms() of the run's end. */
int64_t run_deadline(const struct ssh_run *run);
/* Hosts are left that may want a bastion. */
bool run_goes_on(const struct ssh_run *run);

/*
 * Connects s, again and again if that may help, within s->deadline and what ssh.h promises about
 * MaxStartups. On failure s is closed.
 */
MUST_USE struct err *run_connect(struct ssh_session *s);

/*
 * `ended` is called with the job's arg, from the loop, when it has ended: e is its error, borrowed. The
 * target may go then.
 */
void run_watch(struct ssh_job *j, void (*ended)(void *arg, const struct err *e));

#endif
