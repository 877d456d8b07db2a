#ifndef OPENSTACK_RULES_H
#define OPENSTACK_RULES_H

#include <stdbool.h>

#include "json.h"

/*
 * Rules of security groups. One rule has many spellings (tcp and 6, no prefix and 0.0.0.0/0, no ports
 * and 1 to 65535), and Neutron refuses a second one of the same meaning with another spelling.
 */

/* Spells what a user wrote as Neutron will answer it; "any" and ports of -1 are left out. */
void rule_tidy(struct json_object *rule);
/* Whether two rules match the same packets, whoever spelled them. Groups and IDs are not compared. */
bool rule_same(struct json_object *x, struct json_object *y);

#endif
