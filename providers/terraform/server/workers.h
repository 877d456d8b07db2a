#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

/* Threads that come when calls wait and go when none do. */
struct job {
	struct job *next;
	uint64_t connection; /* whose stream asked; both may be gone when the answer is there */
	int32_t stream;
	char *method;
	struct buf body, reply;
	bool known; /* the answer's return value */
};

struct workers;

void job_free(struct job *job);

/* done_fd: an eventfd, written when jobs are done. */
struct workers *workers_new(void (*run)(void *arg, struct job *job), void *arg, int done_fd);
/* Takes the job, unless it returns false: too many wait, or no thread can be had. */
bool workers_add(struct workers *w, struct job *job);
/* The jobs that are done, as a list, in no order. */
struct job *workers_done(struct workers *w);
/*
 * Starts no more jobs and waits up to grace_ms for those that run. false: some still do, and `w` with
 * all they use has to stay where it is.
 */
bool workers_end(struct workers *w, int64_t grace_ms);

#endif
