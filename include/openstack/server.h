#ifndef OPENSTACK_SERVER_H
#define OPENSTACK_SERVER_H

#include "resource.h"

/*
 * Nova's servers, for all tables that are about them. Those have the attributes flavor_name,
 * flavor_id, phase and status as lib/openstack/server.c has them.
 */

/* Decoders: status and task as one word; whether no resize waits; [{"name": x}] of the groups. */
struct json_object *server_phase(struct json_object *wire);
struct json_object *server_settled(struct json_object *wire);
struct json_object *server_groups(struct json_object *wire);

/* .expand: clouds before microversion 2.47 tell no more of a flavor than its ID. */
MUST_USE struct err *server_expand(struct op *op);
/* .set of flavor_name: resizes to the flavor op->want._flavor_id, and confirms. */
MUST_USE struct err *server_resize(struct op *op, const struct attr *a, struct json_object *value);
/* .set of resize_confirmed: ends what a killed run began. */
MUST_USE struct err *server_finish_resize(struct op *op, const struct attr *a,
					  struct json_object *value);

#endif
