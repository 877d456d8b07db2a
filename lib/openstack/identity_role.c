#include "terraform.h"

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

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "domain_id", TF_OC },
	{ 0 },
};

static const struct tf_kind identity_role_v3 = {
	.name = "identity_role_v3",
	.doc = "A role, which says what users may do.",
	.attrs = rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_role_v3\" \"viewer\" {\n"
		   "  name = \"viewer\"\n"
		   "}\n",
};

static const struct tf_kind data_role_v3 = {
	.name = "identity_role_v3",
	.what = TF_DATA,
	.doc = "A role that is there already.",
	.attrs = rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_role_v3\" \"member\" {\n"
		   "  name = \"member\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_role_v3, &data_role_v3, NULL };

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
	.terraform = terraform,
	.example = "- treenail.openstack.identity_role:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    description: May look at the shop windows\n"
		   "- treenail.openstack.identity_role:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    state: absent\n",
};
