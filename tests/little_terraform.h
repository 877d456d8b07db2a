#ifndef LITTLE_TERRAFORM_H
#define LITTLE_TERRAFORM_H

#include "json.h"

/*
 * What Terraform's core does with a provider, without Terraform: it refreshes, plans and applies a
 * root through the provider's own messages, and holds the provider to the rules the core has.
 *
 * A root is {address: {"type": "openstack_networking_network_v2", "config": {...}}}; what refers
 * to another object comes after it: "${address.attribute}". With "data": true it is a data source.
 * A state is {address: {"type", "values", "private", "tainted", "needs": [addresses]}}.
 *
 * Several may work at once, each in a thread of its own.
 */
struct little_terraform {
	struct json_object *state; /* NULL: nothing was made yet */
	struct json_object
		*actions; /* of the last walk: {address: "create"}; no more than what changes */
	char *error;      /* what the last walk was told; NULL: it went well */

	/* A rule of the core's is broken: does not return. */
	void (*wrong)(const char *address, const char *what, struct json_object *value);
	/* The provider was killed: what it answers is not heard. NULL: it never is. */
	bool (*dead)(void);
	/* A walk is over, and with it the provider's process. NULL: it goes on. */
	void (*ended)(bool asked);
};

void terraform_release(struct little_terraform *t);
/* `terraform apply`: t->state is what is there, also after an error. */
void terraform_apply(struct little_terraform *t, struct json_object *root);
/*
 * `terraform import` of each object of the root in turn, by its ID, and a plan, which has to be empty; the
 * state stays. `special`: {address: {"id": other ID, "ignore": [attributes that differ], "no": true}}.
 */
void terraform_import(struct little_terraform *t, struct json_object *root,
		      struct json_object *special);

/* One call. `in` is the request; the answer, in mem, is as the method's row in the .proto says. */
struct arena;
void *terraform_call(struct arena *mem, const char *method, const void *in);

#endif
