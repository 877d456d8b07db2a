#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_project;

static const struct attr segment_attrs[] = {
	{ "network_type", STR, 0, "How the cloud implements it.", .wire = "provider:network_type" },
	{ "physical_network", STR, 0, "Physical network it runs on.",
	  .wire = "provider:physical_network" },
	{ "segmentation_id", INT, 0, "VLAN tag, or the tunnel's key.",
	  .wire = "provider:segmentation_id" },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the network." },
	{ "name", STR, REQUIRED | FILTER, "Name of the network." },
	{ "project_id", STR, IDENTITY | FIXED,
	  "Project that owns it; by default the one logged in to.", .option = "project",
	  .ref = &os_project },
	{ "description", STR, FILTER, "Free text for people." },
	{ "is_admin_state_up", BOOL, FILTER, "Whether it forwards packets.",
	  .option = "admin_state_up", .wire = "admin_state_up" },
	{ "is_shared", BOOL, FILTER, "Whether other projects may use it.", .option = "shared",
	  .wire = "shared" },
	{ "is_router_external", BOOL, FILTER, "Whether routers may use it as their gateway.",
	  .option = "external", .wire = "router:external" },
	{ "is_default", BOOL, FILTER,
	  "Whether it is the external network that automatic topologies use." },
	{ "is_vlan_transparent", BOOL, REPLACES | FILTER, "Whether guests may send tagged frames.",
	  .wire = "vlan_transparent" },
	{ "mtu", INT, FILTER, "Largest packet in bytes.", .aliases = "mtu_size" },
	{ "is_port_security_enabled", BOOL, 0,
	  "Whether ports are protected if they do not say otherwise.",
	  .option = "port_security_enabled", .wire = "port_security_enabled" },
	{ "dns_domain", STR, 0, "DNS domain of its ports." },
	{ "provider_network_type", STR, REPLACES | FILTER,
	  "How the cloud implements it, such as vlan.", .wire = "provider:network_type" },
	{ "provider_physical_network", STR, REPLACES | FILTER, "Physical network it runs on.",
	  .wire = "provider:physical_network" },
	{ "provider_segmentation_id", INT, FILTER, "VLAN tag, or the tunnel's key.",
	  .wire = "provider:segmentation_id" },
	{ "availability_zone_hints", SET, REPLACES, "Zones its agents should be in." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "availability_zones", LIST, READONLY, "Zones its agents are in." },
	{ "status", STR, READONLY | FILTER, "ACTIVE, DOWN, BUILD or ERROR." },
	{ "subnet_ids", LIST, READONLY, "IDs of its subnets.", .wire = "subnets" },
	{ "segments", SET, REPLACES, "Segments of a network that has several.",
	  .sub = segment_attrs },
	{ "ipv4_address_scope_id", STR, READONLY, "Address scope of its IPv4 subnets.",
	  .wire = "ipv4_address_scope" },
	{ "ipv6_address_scope_id", STR, READONLY, "Address scope of its IPv6 subnets.",
	  .wire = "ipv6_address_scope" },
	{ "qos_policy_id", STR, 0, "QoS policy of its ports." },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static const struct info info = {
	.name = "networks_info",
	.doc = "Tell about networks.",
	.returns = "networks",
	.example = "- name: All external networks\n"
		   "  treenail.openstack.networks_info:\n"
		   "    cloud: demo\n"
		   "    filters: {is_router_external: true}\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr segment_rows[] = {
	{ "network_type" },
	{ "physical_network" },
	{ "segmentation_id", TF_OC },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name" },
	{ "description" },
	{ "admin_state_up", TF_OC },
	{ "shared", TF_OC },
	{ "external", TF_OC },
	{ "tenant_id", TF_OC, "project_id" },
	{ "segments", TF_BLOCK | TF_SET | TF_KEPT, .sub = segment_rows },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "availability_zone_hints", TF_OC },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ "transparent_vlan", TF_OC, "is_vlan_transparent" },
	{ "port_security_enabled", TF_OC },
	{ "mtu", TF_OC },
	{ "dns_domain", TF_OC },
	{ "qos_policy_id", TF_OC },
	{ 0 },
};

static const struct tf_kind networking_network_v2 = {
	.name = "networking_network_v2",
	.doc = "A network.",
	.attrs = rows,
	.minutes = { .create = 10, .remove = 10 },
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "  mtu  = 1400\n"
		   "  tags = [\"tier2\"]\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "network_id", 0, "id" },
	{ "name" },
	{ "description" },
	{ "status" },
	{ "external" },
	{ "transparent_vlan", 0, "is_vlan_transparent" },
	{ "mtu" },
	{ "tenant_id", 0, "project_id", "Project that owns it." },
	{ "tags", .doc = "Labels that it has among others." },
	{ "matching_subnet_cidr", TF_EXACT, "",
	  "Only the network that has a subnet of this CIDR." },
	{ "admin_state_up", TF_COMPUTED, .type = "\"string\"" },
	{ "shared", TF_COMPUTED, .type = "\"string\"" },
	{ "availability_zone_hints", TF_COMPUTED, .type = "[\"list\",\"string\"]" },
	{ "dns_domain", TF_COMPUTED },
	{ "subnets", TF_COMPUTED },
	{ "segments", TF_COMPUTED, .sub = segment_rows },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ 0 },
};

/* Neutron's networks tell the IDs of their subnets only. */
static struct err *with_cidr(struct tf_op *t, struct json_object **list)
{
	const char *cidr = json_str(t->config, "matching_subnet_cidr");
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON subnets = NULL;
	struct json_object *kept;
	struct err *e;

	if (!cidr || !*cidr)
		return NULL;
	buf_adds(&path, "/v2.0/subnets?cidr=");
	buf_addurl(&path, cidr);
	e = list_pages(t->op->api, &(struct request){ .service = "network", .path = path.s },
		       "subnets", &subnets);
	if (e)
		return e;
	kept = json_object_new_array();
	for (size_t i = 0; i < json_len(*list); i++) {
		struct json_object *network = json_nth(*list, i);
		bool has = false;

		for (size_t k = 0; k < json_len(subnets) && !has; k++)
			has = json_list_has(json_at(network, "subnet_ids"),
					    json_at(json_nth(subnets, k), "id"));
		if (has)
			json_object_array_add(kept, json_object_get(network));
	}
	json_object_put(*list);
	*list = kept;
	return NULL;
}

/* Of a network that has one segment only, Neutron tells it as attributes of the network. */
static struct err *show_segment(struct tf_op *t)
{
	struct json_object *have = t->op->have, *list, *one;

	if (json_len(json_at(have, "segments")) || !json_str(have, "provider_network_type"))
		return NULL;
	one = json_object_new_object();
	for (const struct attr *a = segment_attrs; a->name; a++) {
		AUTO_STR whole = xasprintf("provider_%s", a->name);

		json_set(one, a->name, json_copy(json_at(have, whole)));
	}
	list = json_object_new_array();
	json_object_array_add(list, one);
	json_set(t->state, "segments", list);
	return NULL;
}

static const struct tf_kind data_network_v2 = {
	.name = "networking_network_v2",
	.what = TF_DATA,
	.doc = "A network that is there already.",
	.attrs = data_rows,
	.example = "data \"openstack_networking_network_v2\" \"public\" {\n"
		   "  name     = \"public\"\n"
		   "  external = true\n"
		   "}\n",
	.select = with_cidr,
	.show = show_segment,
};

static const struct tf_kind *const terraform[] = { &networking_network_v2, &data_network_v2, NULL };

const struct resource os_network = {
	.name = "network",
	.doc = "Make, change or delete networks.",
	.service = "network",
	.path = "/v2.0/networks",
	.key = "network",
	.keys = "networks",
	.update = "PUT",
	.flags = BULK,
	.attrs = attrs,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A network with small packets\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    mtu: 1400\n"
		   "    tags: [tier2]\n"
		   "\n"
		   "- name: Away with it\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};
