#ifndef SSH_SUDO_H
#define SSH_SUDO_H

#include "ssh/session.h"

/*
 * A command by sudo(8). The password goes over standard input (-S), once sudo has asked for it by a
 * prompt nobody else writes; the command's own input waits until the command has said, by a mark of the
 * same kind, that it runs: a password that sudo did not want would be that input's first line.
 */
struct sudo;

/* *line: what to run in place of `command`; owned. */
MUST_USE struct err *sudo_new(const struct ssh_session *s, const char *command, char **line,
			      struct sudo **ret);
/* NULL is fine. */
void sudo_free(struct sudo *u);
/*
 * Takes what came on standard error: what sudo says is kept back, what the command says goes to
 * *rest. *say: what is to be sent now; borrowed; NULL: nothing. ERR_AUTH if sudo asks a second time.
 */
MUST_USE struct err *sudo_hear(struct sudo *u, const char *s, size_t n, struct buf *rest,
			       const char **say);
bool sudo_begun(const struct sudo *u);
/* Of a command that ended before it had begun. */
MUST_USE struct err *sudo_refused(const struct sudo *u);

#endif
