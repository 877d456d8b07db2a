#ifndef OPENSTACK_INSTANCE_H
#define OPENSTACK_INSTANCE_H

#include "terraform.h"

/*
 * Nova's servers as Terraform knows them: with IDs in place of names, a power state, and block
 * devices. The Ansible module's table is lib/openstack/server.c; both end up in the same calls.
 *
 *   instance.c           the table and what it does to a server
 *   instance_networks.c  the blocks `network`
 *   server_terraform.c   rows, plan, state
 */
extern const struct resource os_instance;
extern const struct tf_kind *const server_terraform[]; /* ends with NULL */

/* "active", "shelved_offloaded"; NULL of what passes or is broken. Borrowed. */
const char *instance_power(const char *status);

/* Puts the networks that the blocks ask for into op->want; looks their names up. */
MUST_USE struct err *instance_networks_want(struct tf_op *t);
/*
 * Plans the blocks: their order means nothing to a server that is there, one more, one less or
 * another makes a new one.
 */
void instance_networks_plan(struct tf_op *t);
/* Fills in what is known of each block, and the addresses that follow; asks Nova only if it must. */
MUST_USE struct err *instance_networks_show(struct tf_op *t);

#endif
