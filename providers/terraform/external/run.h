#ifndef EXTERNAL_RUN_H
#define EXTERNAL_RUN_H

#include <stdint.h>

#include "buf.h"
#include "err.h"

/*
 * Another program: found, fed, listened to, and ended with all that it started when its time is over
 * or the provider is told to stop (clock_is_cut()), or the user interrupts Terraform.
 *
 * It leads a session of its own, so it has no terminal: what asks there for a password fails at once,
 * instead of waiting behind Terraform for ever.
 */
enum {
	RUN_OUT_BYTES = 16 << 20, /* more is an error */
	RUN_ERR_BYTES = 64 << 10, /* of more, the last */
	RUN_TERM_MS = 1000,       /* from the request to end until the end */
	RUN_DRAIN_MS = 5000       /* for what a program left behind may still write */
};

struct run {
	const char *const *argv; /* ends with NULL */
	const char *dir;         /* NULL: this process's */
	const char *in;          /* all of its standard input */
	size_t in_len;
	int64_t timeout_ms;
	/* Results, after an error too. */
	char *path;          /* of what was run; NULL: it was not found */
	struct buf out, err; /* what it wrote */
};
#define RUN_INIT                                                      \
	{                                                             \
		.out = { .s = buf_empty }, .err = { .s = buf_empty }, \
	}
#define AUTO_RUN CLEANUP(run_release) struct run

void run_release(struct run *r);
/*
 * NULL: it ended with exit status 0. ERR_NOT_FOUND: there is no such program; ERR_REMOTE: it failed;
 * ERR_TIMEOUT: it took too long; ERR_CONFLICT: cut short; ERR_PROTOCOL: it wrote too much.
 */
MUST_USE struct err *run_program(struct run *r);

#endif
