#ifndef TASK_H
#define TASK_H

#include "json.h"
#include "system.h"

/*
 * One task, from the arguments Ansible gives to the result it gets: every secret masked. Never fails:
 * errors are in the result. `sink` takes long lists as they come; NULL: they are in the result. Owned
 * by the caller.
 */
struct json_object *task_run(const struct system *s, struct json_object *given, const char *argv0,
			     struct sink *sink);

#endif
