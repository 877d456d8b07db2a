#include "terraform.h"

extern const struct resource os_identity_domain;

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the group; unique in its domain." },
	{ "domain_id", STR, IDENTITY | FIXED, "Domain the group belongs to.",
	  .ref = &os_identity_domain },
	{ "description", STR, 0, "Free text for people." },
	{ "id", STR, READONLY, "ID of the group." },
	{ "links", MAP, READONLY, "Link to the group itself." },
	{ 0 },
};

static const struct attr params[] = {
	{ "domain_id", STR, FILTER, "Only groups of this domain.", .option = "domain",
	  .ref = &os_identity_domain },
	{ 0 },
};

static const struct info info = {
	.name = "identity_group_info",
	.doc = "Tell about groups of users.",
	.returns = "groups",
	.params = params,
	.missing_is_empty = true,
	.example = "- name: All groups of a domain\n"
		   "  treenail.openstack.identity_group_info:\n"
		   "    cloud: admin\n"
		   "    domain: Default\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "domain_id", TF_OC },
	{ "description" },
	{ 0 },
};

static const struct tf_kind identity_group_v3 = {
	.name = "identity_group_v3",
	.doc = "A group of users, which roles can be given to.",
	.attrs = rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_group_v3\" \"clerks\" {\n"
		   "  name        = \"clerks\"\n"
		   "  description = \"Who looks after the shop windows\"\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "name", TF_REQUIRED },
	{ "domain_id", TF_OC },
	{ "description", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind data_group_v3 = {
	.name = "identity_group_v3",
	.what = TF_DATA,
	.doc = "A group of users.",
	.attrs = data_rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_group_v3\" \"clerks\" {\n"
		   "  name        = \"clerks\"\n"
		   "  description = \"Who looks after the shop windows\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_group_v3\" \"clerks\" {\n"
		   "  name = openstack_identity_group_v3.clerks.name\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_group_v3, &data_group_v3, NULL };

const struct resource os_identity_group = {
	.name = "identity_group",
	.doc = "Groups of users, which roles can be given to.",
	.service = "identity",
	.path = "/v3/groups",
	.key = "group",
	.keys = "groups",
	.update = "PATCH",
	.attrs = attrs,
	.info = &info,
	.terraform = terraform,
	.example = "- treenail.openstack.identity_group:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    domain_id: Default\n"
		   "    description: Who looks after the shop windows\n"
		   "- treenail.openstack.identity_group:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    state: absent\n",
};
