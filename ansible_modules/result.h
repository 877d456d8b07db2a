#ifndef RESULT_H
#define RESULT_H

#include "module.h"
#include "resource.h"

/*
 * What a module prints: the keys that openstack.cloud returns, and of our own `id` (also on failure,
 * once there is one), `results` (for items) and `error` {kind, status, option}.
 */

/* Adds failed, msg and error; nothing if e is NULL. Ends e. */
void result_error(struct json_object *result, struct err *e);
void result_warnings(struct json_object *result, struct json_object *warnings);
void result_one(struct json_object *result, const struct op *op, const struct err *e, bool diff);
void result_many(struct json_object *result, const struct op *ops, struct err *const *errs,
		 size_t n, bool diff);
/* The options as they were given, secrets masked, where Ansible asks for them. */
void result_invocation(struct json_object *result, const struct module *m,
		       struct json_object *given);
/*
 * With no_log, Ansible hides what a module tells but for two things: `results`, which it takes for a loop's, so each of them
 * says itself that it is hidden; and (2.19) `msg` of what failed, which is in error.text instead.
 */
void result_no_log(struct json_object *result, struct json_object *given);
/*
 * Masks what slipped into a text: the values of secret options, and those in `secrets` (NULL: no
 * session came about, then what the option auth says is secret). m->r may be NULL.
 */
void result_scrub(struct json_object *result, const struct module *m, struct json_object *given,
		  const char *const *secrets);

#endif
