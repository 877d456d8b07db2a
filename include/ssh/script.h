#ifndef SSH_SCRIPT_H
#define SSH_SCRIPT_H

#include "ssh/ssh.h"

/*
 * A command on a host, and what has to be so for it to be run. All of it travels by standard input to one
 * /bin/sh: neither the command's text nor what is in `env` is on a command line or in anybody's list of
 * processes there, unless the command itself puts it there.
 */
struct ssh_script {
	/* One of these two. */
	const char *command;     /* for /bin/sh */
	const char *const *argv; /* a program and its arguments; ends with NULL */

	const char *chdir;      /* runs there; what follows is seen from there */
	const char *creates;    /* it is not run if that path is there */
	const char *removes;    /* nor if that is not */
	const char *unless;     /* nor if this command (/bin/sh) succeeds */
	const char *const *env; /* name, value, name, value, ...; ends with NULL */
	const char *in;         /* its standard input; NULL: none */
	size_t in_len;
	bool sudo;
	bool check; /* look at `creates` and `removes` alone; run nothing, not `unless` either */
	size_t out_max;
	int64_t deadline_ms;
};

struct ssh_script_result {
	bool ran;            /* false: there was no need to; with check: it would be */
	const char *skipped; /* "creates", "removes", "unless"; NULL: it ran */
	struct ssh_result r;
};
#define SSH_SCRIPT_RESULT_INIT       \
	{                            \
		.r = SSH_RESULT_INIT \
	}
void ssh_script_result_release(struct ssh_script_result *r);

/*
 * As ssh_exec(). Also an error: it could not begin (a shell that lets nobody in, no such folder). A variable's
 * name that is none is ERR_USAGE. *ret must be initialised.
 */
MUST_USE struct err *ssh_script(struct ssh_session *s, const struct ssh_script *x,
				struct ssh_script_result *ret);
/* Whether it can be the name of a variable. */
bool ssh_script_is_name(const char *s);

#endif
