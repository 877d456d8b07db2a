#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include "agent/agent.h"

/*
 * Another program: in a process group of its own, which is ended (SIGTERM, after 5 s SIGKILL) when its
 * time is over or the agent is told to end. Should the agent be killed, the program gets SIGTERM.
 */
struct child {
	const char *const *argv; /* looked for on PATH */
	const char *in;          /* NULL: none */
	size_t in_len;
	struct json_object *env; /* {name: value}, beside PATH, HOME and LC_ALL; may be NULL */
	const char *chdir;       /* NULL: / */
	size_t out_max;          /* of each output the end is kept; 0: 64 KiB */
	int64_t timeout_ms;      /* 0: until the agent's deadline */
};
struct child_end {
	struct buf out, err;
	uint64_t out_left, err_left; /* bytes that were dropped */
	int status;                  /* exit status; -9: ended by signal 9 */
};
#define CHILD_END_INIT                           \
	{                                        \
		.out = BUF_INIT, .err = BUF_INIT \
	}
#define AUTO_CHILD CLEANUP(child_end_release) struct child_end
void child_end_release(struct child_end *e);

/*
 * A status other than 0 is no error. ERR_NOT_FOUND: there is no such program. ERR_TIMEOUT: it was ended;
 * *ret has what came until then.
 */
MUST_USE struct err *child_run(struct agent *a, const struct child *c, struct child_end *ret);
/* A status other than 0 is an error, with its last words. `out` may be NULL; owned; at most 16 MiB. */
MUST_USE struct err *child_get(struct agent *a, const char *const *argv, char **out);
/* The same of arguments that end with NULL. */
#define CHILD_GET(a, out, ...) child_get(a, (const char *const[]){ __VA_ARGS__, NULL }, out)
MUST_USE struct err *child_failed(const char *name, const struct child_end *e);

/* The last 20 lines a unit has written, for an error or "err"; owned; "" if there are none. */
char *journal_tail(struct agent *a, const char *unit);

#endif
