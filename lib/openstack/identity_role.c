#include "resource.h"

extern const struct resource os_identity_domain;

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the role; unique in its domain." },
	{ "domain_id", STR, IDENTITY | FIXED, "Domain the role belongs to; none by default.",
	  .ref = &os_identity_domain },
	{ "description", STR, 0, "Free text for people." },
	{ "id", STR, READONLY, "ID of the role." },
	{ "links", MAP, READONLY, "Link to the role itself." },
	{ "options", MAP, READONLY, "Resource options, such as immutable." },
	{ 0 },
};

static const struct attr params[] = {
	{ "domain_id", STR, FILTER, "Only roles of this domain.", .ref = &os_identity_domain },
	{ 0 },
};

static const struct info info = {
	.name = "identity_role_info",
	.doc = "Tell about roles.",
	.returns = "roles",
	.params = params,
	.no_filters = true,
	.missing_is_empty = true,
	.example = "- treenail.openstack.identity_role_info:\n"
		   "    cloud: admin\n"
		   "    name: member\n"
		   "  register: found\n"
		   "- ansible.builtin.assert:\n"
		   "    that: found.roles[0].name == 'member'\n",
};

const struct resource os_identity_role = {
	.name = "identity_role",
	.doc = "Roles, which say what users may do.",
	.service = "identity",
	.path = "/v3/roles",
	.key = "role",
	.keys = "roles",
	.update = "PATCH",
	.attrs = attrs,
	.info = &info,
	.example = "- treenail.openstack.identity_role:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    description: May look at the shop windows\n"
		   "- treenail.openstack.identity_role:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    state: absent\n",
};
