#ifndef OPENSTACK_SERVER_IPS_H
#define OPENSTACK_SERVER_IPS_H

#include "resource.h"

/*
 * The floating IPs of a server, which are Neutron's: Nova only tells about them. What the options
 * auto_ip, floating_ips, floating_ip_pools and reuse_ips ask for becomes the attribute
 * `floating_ips`, a list of addresses, or one word in parentheses for "any".
 */

/* Puts floating_ips into op->want if the server that is there has not what is asked for. */
MUST_USE struct err *server_ips_plan(struct op *op);
/* .set of floating_ips. */
MUST_USE struct err *server_ips_set(struct op *op, const struct attr *a, struct json_object *value);
/* What could not be planned before the server had ports. */
MUST_USE struct err *server_ips_created(struct op *op);
/* Gives back all that the server has. */
MUST_USE struct err *server_ips_delete(struct op *op);

#endif
