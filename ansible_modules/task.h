#ifndef TASK_H
#define TASK_H

#include "api.h"
#include "json.h"

/*
 * One task, from the arguments Ansible gives to the result it gets.
 *
 * `connect` makes the connection that the options ask for: a session with a cloud in the program, an
 * in-process cloud in the tests.
 */
struct connection {
	struct api *api;
	const char *const *(*secrets)(struct connection *c); /* values no output may hold */
	void (*close)(struct connection *c);
	void *self;
};

typedef struct err *connect_fn(struct json_object *options, struct connection *ret);

/* The result, with every secret masked. Never fails: errors are in the result. Owned by the caller. */
struct json_object *task_run(struct json_object *given, const char *argv0, connect_fn *connect);

#endif
