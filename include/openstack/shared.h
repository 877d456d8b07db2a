#ifndef OPENSTACK_SHARED_H
#define OPENSTACK_SHARED_H

#include "resource.h"

/* What several OpenStack services do alike: hooks for the tables in lib/openstack/. */

/* Neutron: PUT <object>/tags {"tags": [...]} (networking API, "Standard attribute tag extension"). */
MUST_USE struct err *set_tags(struct op *op, const struct attr *a, struct json_object *value);
/*
 * The usual spelling of an IP address or CIDR, host bits of the latter cleared: what the services
 * answer, however it was given. Anything else is copied.
 */
char *address_text(const char *s);
/* Puts obj[key] into that spelling; `key` NULL: all strings of a list. */
void address_tidy(struct json_object *obj, const char *key);
/* Makes obj[key] lower case, if it is a string: MAC addresses. */
void lower_case(struct json_object *obj, const char *key);
/* Base64 of a string. */
struct json_object *encode_base64(struct json_object *value);
/* Maps whose values the service keeps as strings: 5000 -> "5000", true -> "True" (as Python does). */
struct json_object *texts(struct json_object *map);
/* An error that names the option if the service is too old for it. */
MUST_USE struct err *needs_microversion(struct op *op, const char *microversion,
					const char *option);
/* True if no service of this type is in the catalogue; the error is freed then, and set to NULL. */
bool not_in_catalogue(struct err **e);
/* op_call() to another service than the resource's; `path` is whole, `ret` may be NULL. */
MUST_USE struct err *other_call(struct op *op, const char *service, const char *method,
				const char *path, struct json_object *body,
				struct json_object **ret);
/* An error if the service left out what nothing can be done without: the string at `key`. */
MUST_USE struct err *needs_text(struct json_object *object, const char *what, const char *key);

/* An error that nothing has this name, with the nearest that `query` lists (it may be ""). */
MUST_USE struct err *no_such(struct api *api, const struct resource *r, const char *query,
			     const char *name);

#endif
