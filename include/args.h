#ifndef ARGS_H
#define ARGS_H

#include "err.h"
#include "json.h"
#include "resource.h"

/*
 * Options as a user wrote them -> values by attribute name, checked and typed by the tables.
 *
 * The rules are those of Ansible's argument specs, for every surface: aliases, defaults, required,
 * choices, "yes" and 1 for true, "a,b" for a list, JSON or k=v for a dictionary, null for "not
 * given". Errors read like Ansible's own, and an unknown option names the nearest known one.
 */
struct args_spec {
	const char *module;               /* for messages */
	const struct attr *const *tables; /* NULL-terminated */
	const struct rule *const *rules;  /* NULL-terminated, each ends with a kind of 0 */
	bool partial;                     /* required ones may be missing (defaults of `items`) */
};

/* `given` is borrowed. Keys that begin with "_ansible_" are passed over. */
MUST_USE struct err *args_check(const struct args_spec *spec, struct json_object *given,
				struct json_object **ret);
/* Whether an attribute is an option at all. */
bool attr_is_option(const struct attr *a);

#endif
