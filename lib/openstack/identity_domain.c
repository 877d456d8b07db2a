#include "resource.h"

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the domain; unique in the cloud." },
	{ "description", STR, 0, "Free text for people." },
	{ "is_enabled", BOOL, FILTER, "Whether its users can log in and its projects can be used.",
	  .wire = "enabled", .aliases = "enabled" },
	{ "id", STR, READONLY, "ID of the domain." },
	{ "links", MAP, READONLY, "Link to the domain itself." },
	{ "options", MAP, READONLY, "Resource options, such as immutable." },
	{ "tags", SET, READONLY, "Labels." },
	{ 0 },
};

/* Keystone refuses to delete a domain that is enabled. */
static struct err *disable(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s", op->id);
	AUTO_JSON body = json_object_new_object();
	struct json_object *inner = json_object_new_object();

	if (!json_truth(op->have, "is_enabled", true)) {
		json_object_put(inner);
		return NULL;
	}
	json_set(inner, "enabled", json_object_new_boolean(false));
	json_set(body, "domain", inner);
	return err_wrap(op_call(op, "PATCH", tail, body, NULL), "disabling it first");
}

static const struct info info = {
	.name = "identity_domain_info",
	.doc = "Tell about domains.",
	.returns = "domains",
	.example = "- treenail.openstack.identity_domain_info:\n"
		   "    cloud: admin\n"
		   "    name: Default\n"
		   "  register: found\n"
		   "- ansible.builtin.assert:\n"
		   "    that: found.domains[0].is_enabled\n",
};

const struct resource os_identity_domain = {
	.name = "identity_domain",
	.doc = "Domains of users, groups and projects.",
	.service = "identity",
	.path = "/v3/domains",
	.key = "domain",
	.keys = "domains",
	.update = "PATCH",
	.flags = ANY_ID,
	.attrs = attrs,
	.before_delete = disable,
	.info = &info,
	.example = "- treenail.openstack.identity_domain:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    description: All that belongs to the example company\n"
		   "- treenail.openstack.identity_domain:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    state: absent\n",
};
