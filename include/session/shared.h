#ifndef SESSION_SHARED_H
#define SESSION_SHARED_H

#include "resource.h"

/* What several OpenStack services do alike: hooks for the tables in lib/openstack/. */

/* Neutron: PUT <object>/tags {"tags": [...]} (networking API, "Standard attribute tag extension"). */
MUST_USE struct err *set_tags(struct op *op, const struct attr *a, struct json_object *value);
/* Base64 of a string. */
struct json_object *encode_base64(struct json_object *value);

#endif
