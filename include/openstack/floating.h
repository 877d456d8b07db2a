#ifndef OPENSTACK_FLOATING_H
#define OPENSTACK_FLOATING_H

#include "terraform.h"

/*
 * Where a floating IP leads to: the attributes port_id, fixed_ip_address and description of a table of
 * floating IPs, which become one request, as Neutron takes no fixed address without its port.
 */

/* .set of all three. */
MUST_USE struct err *floating_set(struct op *op, const struct attr *a, struct json_object *value);
/* Lets it lead to where op->want says; sets op->have. */
MUST_USE struct err *floating_attach(struct op *op, const char *id);
/* Lets op->id lead nowhere; sets op->have. */
MUST_USE struct err *floating_detach(struct op *op);

/* For Terraform's port_id and fixed_ip: .prepare. */
MUST_USE struct err *floating_prepare(struct tf_op *t);

#endif
