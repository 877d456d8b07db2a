#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "json.h"

/*
 * The agent, run on something that may be broken. Two places: the sandbox (sandbox.h), by whoever runs the
 * test; and a machine of its own, if root runs it: all files of this one, over which lies a layer in memory
 * (overlayfs), with a network of its own that has nothing but loopback.
 */

/* After sandbox_enter(). Writes the agent to both places. */
void scratch_enter(void);
void scratch_leave(void);
/* False: there is no machine of its own; it has been said, as LEFT OUT. */
bool scratch_there(void);
/* Where a file of that machine lies for us; owned. */
char *scratch_path(const char *path);
/* Writes a file there, with the folders above it; ' stays '. */
void scratch_write(const char *path, const char *text, int mode);
/* The whole text of a file there; owned; NULL: it is not there. */
char *scratch_read(const char *path);

/* A run of the agent: what it reported, by lines. */
struct run {
	pid_t pid;
	int status; /* exit status; -9: killed */
	struct json_object *lines;
};
/* In the sandbox or, if `machine`, there. The plan is JSON with ' for ". */
struct run agent_run(bool machine, const char *plan);
/* The same without waiting for its end. */
struct run agent_begin(bool machine, const char *plan);
void agent_wait(struct run *r);
void run_release(struct run *r);
/* The line of a step; NULL: there is none. */
struct json_object *run_line(const struct run *r, const char *id);
/* The line that ends the report. */
struct json_object *run_end(const struct run *r);
/* Runs a shell's script on that machine; its exit status. */
int scratch_shell(const char *script);

#endif
