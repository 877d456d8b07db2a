#include "openstack/shared.h"
#include "terraform.h"

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
	{ "is_domain", BOOL, FIXED | FILTER, "Whether the project is a domain as well." },
	{ "parent_id", STR, FIXED | FILTER, "ID of the project or domain it is part of." },
	{ "options", MAP, READONLY, "Resource options, such as immutable." },
	{ "tags", SET, FILTER, "Labels: exactly these." },
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

/* Keystone refuses to delete a domain that is enabled. */
static struct err *disable(struct op *op)
{
	AUTO_JSON changes = json_wrap("is_enabled", NULL);

	if (!json_truth(op->have, "is_domain", false) || !json_truth(op->have, "is_enabled", true))
		return NULL;
	json_set(op->want, "is_enabled", json_object_new_boolean(false));
	return err_wrap(op_update(op, changes), "disabling it first");
}

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "name" },
	{ "description" },
	{ "domain_id", TF_OC },
	{ "enabled", .value = "true" },
	{ "is_domain", .value = "false" },
	{ "parent_id", TF_OC },
	{ "tags" },
	{ 0 },
};

static const struct tf_kind identity_project_v3 = {
	.name = "identity_project_v3",
	.doc = "A project, which owns what runs in the cloud.",
	.attrs = rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_project_v3\" \"shop\" {\n"
		   "  name        = \"shop\"\n"
		   "  description = \"Shop windows\"\n"
		   "  tags        = [\"retail\"]\n"
		   "}\n",
};

/* Those that are disabled are only found by who says so. */
static struct err *enabled_ones(struct tf_op *t, struct buf *query)
{
	if (!json_at(t->config, "enabled") && !json_at(t->config, "project_id"))
		query_text(query, "enabled", "true");
	return NULL;
}

static const struct tf_attr data_rows[] = {
	{ "project_id", TF_OC, "id" },
	{ "name", TF_OC },
	{ "domain_id", TF_OC },
	{ "enabled", TF_OC, .doc = "Whether the project can be used; those that can by default." },
	{ "is_domain", TF_OC },
	{ "parent_id", TF_OC },
	{ "description", TF_COMPUTED },
	{ "tags", TF_COMPUTED, .doc = "Its labels." },
	{ 0 },
};

static const struct tf_kind data_project_v3 = {
	.name = "identity_project_v3",
	.what = TF_DATA,
	.doc = "A project that is there already.",
	.attrs = data_rows,
	.list_own = "/v3/auth/projects",
	.query = enabled_ones,
	.example = "data \"openstack_identity_project_v3\" \"demo\" {\n"
		   "  name = \"demo\"\n"
		   "}\n",
};

static const struct tf_attr ids_rows[] = {
	{ "name" },
	{ "name_regex", TF_REGEX, "name", "Regular expression for names." },
	{ "domain_id", TF_OC },
	{ "enabled", .doc = "Whether the projects can be used; those that can by default." },
	{ "is_domain" },
	{ "parent_id" },
	{ "tags", .doc = "Labels that it has among others." },
	{ "description", TF_COMPUTED, "", "Always null." },
	{ "ids", TF_COMPUTED, "", "Their IDs.", .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static const struct tf_kind data_project_ids_v3 = {
	.name = "identity_project_ids_v3",
	.what = TF_DATA,
	.flags = TF_PLURAL,
	.doc = "All projects that something is true of.",
	.attrs = ids_rows,
	.list_own = "/v3/auth/projects",
	.query = enabled_ones,
	.example = "data \"openstack_identity_project_ids_v3\" \"all\" {\n"
		   "  name_regex = \"^demo\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_project_v3, &data_project_v3,
						   &data_project_ids_v3, NULL };

const struct resource os_project = {
	.name = "project",
	.doc = "Projects, which own what runs in the cloud.",
	.service = "identity",
	.path = "/v3/projects",
	.key = "project",
	.keys = "projects",
	.update = "PATCH",
	.attrs = attrs,
	.before_delete = disable,
	.info = &info,
	.terraform = terraform,
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
