#include "resource.h"

extern const struct resource os_identity_domain;

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the project; unique in its domain." },
	{ "domain_id", STR, IDENTITY | FIXED, "Domain the project belongs to.", .option = "domain",
	  .aliases = "domain_id", .ref = &os_identity_domain },
	{ "description", STR, 0, "Free text for people." },
	{ "is_enabled", BOOL, FILTER, "Whether the project can be used.", .wire = "enabled",
	  .aliases = "enabled" },
	{ "extra_specs", MAP, MERGE | INLINE,
	  "Further attributes, stored beside the others; those not named stay as they are, "
	  "null takes one away.",
	  .aliases = "properties" },
	{ "id", STR, READONLY, "ID of the project." },
	{ "is_domain", BOOL, READONLY | FILTER, "Whether the project is a domain as well." },
	{ "parent_id", STR, READONLY | FILTER, "ID of the project or domain it is part of." },
	{ "options", MAP, READONLY, "Resource options, such as immutable." },
	{ "tags", SET, READONLY | FILTER, "Labels." },
	{ "links", MAP, READONLY, "Link to the project itself." },
	{ "extra", MAP, READONLY | HIDDEN,
	  "What Keystone repeats of extra_specs after an update." },
	{ 0 },
};

static const struct attr params[] = {
	{ "domain_id", STR, FILTER, "Only projects of this domain.", .option = "domain",
	  .ref = &os_identity_domain },
	{ 0 },
};

static const struct info info = {
	.name = "project_info",
	.doc = "Tell about projects.",
	.returns = "projects",
	.params = params,
	.missing_is_empty = true,
	.example = "- treenail.openstack.project_info:\n"
		   "    cloud: admin\n"
		   "    domain: Default\n"
		   "    filters: {is_enabled: true}\n"
		   "  register: found\n"
		   "- ansible.builtin.assert:\n"
		   "    that: found.projects | length > 0\n",
};

const struct resource os_project = {
	.name = "project",
	.doc = "Projects, which own what runs in the cloud.",
	.service = "identity",
	.path = "/v3/projects",
	.key = "project",
	.keys = "projects",
	.update = "PATCH",
	.attrs = attrs,
	.info = &info,
	.example = "- treenail.openstack.project:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    domain: Default\n"
		   "    description: Shop windows\n"
		   "    extra_specs: {cost_centre: \"4711\"}\n"
		   "- treenail.openstack.project:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    domain: Default\n"
		   "    state: absent\n",
};
