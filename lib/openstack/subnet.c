#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_network, os_project;

/* What is needed of these to look up their names. */
static const struct attr named_attrs[] = {
	{ "id", STR, READONLY, "ID." },
	{ "name", STR, REQUIRED | FILTER, "Name." },
	{ "project_id", STR, READONLY, "Project that owns it." },
	{ 0 },
};

static const struct resource pools = {
	.name = "subnet pool",
	.service = "network",
	.path = "/v2.0/subnetpools",
	.key = "subnetpool",
	.keys = "subnetpools",
	.flags = BULK,
	.attrs = named_attrs,
};

static const struct resource segments = {
	.name = "network segment",
	.service = "network",
	.path = "/v2.0/segments",
	.key = "segment",
	.keys = "segments",
	.flags = BULK,
	.attrs = named_attrs,
};

static const struct attr range_attrs[] = {
	{ "start", STR, REQUIRED, "First address." },
	{ "end", STR, REQUIRED, "Last address." },
	{ 0 },
};

static const struct attr route_attrs[] = {
	{ "destination", STR, REQUIRED, "Addresses the route leads to, as CIDR." },
	{ "nexthop", STR, REQUIRED, "Address of the router that leads there." },
	{ 0 },
};

static const char modes[] = "dhcpv6-stateful dhcpv6-stateless slaac";

/* Neutron takes the length with a pool, but answers with the CIDR only. */
static struct json_object *decode_length(struct json_object *wire)
{
	const char *cidr = json_str(wire, "cidr");
	const char *slash = cidr ? strchr(cidr, '/') : NULL;

	return slash ? json_object_new_string(slash + 1) : NULL;
}

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the subnet." },
	{ "name", STR, REQUIRED | FILTER, "Name of the subnet." },
	{ "project_id", STR, IDENTITY | FIXED,
	  "Project that owns it; by default the one logged in to.", .option = "project",
	  .ref = &os_project },
	{ "network_id", STR, IDENTITY | FIXED,
	  "Network it is part of; the name is looked for there.", .option = "network",
	  .aliases = "network_name", .states = "present", .ref = &os_network },
	{ "segment_id", STR, IDENTITY | FIXED, "Segment of the network it is for.",
	  .option = "network_segment", .ref = &segments },
	{ "cidr", STR, REPLACES | FILTER, "Its addresses." },
	{ "description", STR, FILTER, "Free text for people." },
	{ "ip_version", INT, REPLACES | FILTER, "Version of IP.", .value = "4", .choices = "4 6" },
	{ "is_dhcp_enabled", BOOL, FILTER, "Whether addresses are given by DHCP.",
	  .wire = "enable_dhcp", .aliases = "enable_dhcp", .value = "true" },
	{ "gateway_ip", STR, FILTER, "Address of the router; by default the first one." },
	{ "disable_gateway_ip", BOOL, OPTION, "Whether it has no router.",
	  .aliases = "no_gateway_ip", .value = "false" },
	{ "dns_nameservers", LIST, 0,
	  "Addresses of DNS servers, in the order they are to be asked." },
	{ "allocation_pools", SET, 0, "Ranges from which ports get their addresses.",
	  .sub = range_attrs },
	{ "allocation_pool_start", STR, OPTION, "First address of the only range." },
	{ "allocation_pool_end", STR, OPTION, "Last address of the only range." },
	{ "host_routes", SET, 0, "Routes that DHCP tells.", .sub = route_attrs },
	{ "ipv6_ra_mode", STR, REPLACES | FILTER, "How routers announce it.", .choices = modes },
	{ "ipv6_address_mode", STR, REPLACES | FILTER, "How ports get their addresses.",
	  .choices = modes },
	{ "subnet_pool_id", STR, REPLACES | FILTER, "Pool its addresses are taken from.",
	  .option = "subnet_pool", .wire = "subnetpool_id", .ref = &pools },
	{ "prefix_length", STR, REPLACES, "How many bits of addresses from a pool are the prefix.",
	  .wire = "prefixlen", .decode = decode_length },
	{ "use_default_subnet_pool", BOOL, CREATE,
	  "Whether its addresses are taken from the default pool.",
	  .wire = "use_default_subnetpool", .aliases = "use_default_subnetpool" },
	{ "service_types", SET, 0, "Owners of ports the addresses are kept for." },
	{ "dns_publish_fixed_ip", BOOL, 0, "Whether fixed addresses are published in DNS." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "extra_attrs", MAP, INLINE | MERGE | HIDDEN,
	  "Further attributes, by their names in the networking API; only the given ones are changed.",
	  .aliases = "extra_specs", .value = "{}" },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static const struct rule rules[] = {
	{ TOGETHER, "allocation_pool_start allocation_pool_end" },
	{ EXCLUSIVE, "use_default_subnet_pool subnet_pool" },
	{ EXCLUSIVE, "allocation_pool_start allocation_pools" },
	{ EXCLUSIVE, "allocation_pool_end allocation_pools" },
	{ NEEDS_ONE, "cidr use_default_subnet_pool subnet_pool", "state=present" },
	{ 0 },
};

/* ---- options -> attributes ---- */

static const struct attr *known_as(const char *key)
{
	for (const struct attr *a = attrs; a->name; a++)
		if (!(a->flags & (READONLY | OPTION | INLINE)) &&
		    (strcmp(a->name, key) == 0 || strcmp(attr_wire(a), key) == 0))
			return a;
	return NULL;
}

/* Of the further attributes, those of the table go where they belong. */
static struct err *prepare_extra(struct json_object *want)
{
	struct json_object *extra = json_at(want, "extra_attrs");
	struct json_object *rest;

	if (!extra)
		return NULL;
	rest = json_object_new_object();
	json_object_object_foreach(extra, key, v) {
		const struct attr *a = known_as(key);

		if (a && json_has(want, a->name)) {
			json_object_put(rest);
			return err_at(err_new(ERR_USAGE, "extra_attrs: '%s' is given twice", key),
				      "extra_attrs");
		}
		if (a)
			json_set(want, a->name, json_copy(v));
		else
			json_set(rest, key, json_copy(v));
	}
	if (json_object_object_length(rest)) {
		json_set(want, "extra_attrs", rest);
	} else {
		json_object_object_del(want, "extra_attrs");
		json_object_put(rest);
	}
	return NULL;
}

static void prepare_pools(struct json_object *want)
{
	struct json_object *pool, *list;

	if (!json_at(want, "allocation_pool_start"))
		return;
	pool = json_object_new_object();
	list = json_object_new_array();
	json_set(pool, "start", json_copy(json_at(want, "allocation_pool_start")));
	json_set(pool, "end", json_copy(json_at(want, "allocation_pool_end")));
	json_object_array_add(list, pool);
	json_set(want, "allocation_pools", list);
}

static void tidy_list(struct json_object *list, const char *first, const char *second)
{
	for (size_t i = 0; i < json_len(list); i++) {
		address_tidy(json_nth(list, i), first);
		address_tidy(json_nth(list, i), second);
	}
}

static struct err *prepare(struct op *op)
{
	struct json_object *want = op->want;
	const bool no_gateway = json_truth(want, "disable_gateway_ip", false);
	struct err *e;

	if (no_gateway && !json_empty(json_at(want, "gateway_ip")))
		return err_at(err_new(ERR_USAGE, "parameters are mutually exclusive: "
						 "gateway_ip|disable_gateway_ip"),
			      "gateway_ip");
	e = prepare_extra(want);
	if (e)
		return e;
	if (no_gateway)
		json_set(want, "gateway_ip", NULL);
	prepare_pools(want);
	address_tidy(want, "cidr");
	address_tidy(want, "gateway_ip");
	address_tidy(json_at(want, "dns_nameservers"), NULL);
	tidy_list(json_at(want, "allocation_pools"), "start", "end");
	tidy_list(json_at(want, "host_routes"), "destination", "nexthop");
	return NULL;
}

static const struct info info = {
	.name = "subnets_info",
	.doc = "Tell about subnets.",
	.returns = "subnets",
	.name_aliases = "subnet",
	.example = "- name: All subnets for IPv4\n"
		   "  treenail.openstack.subnets_info:\n"
		   "    cloud: demo\n"
		   "    filters: {ip_version: 4}\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr range_rows[] = {
	{ "start", TF_REQUIRED },
	{ "end", TF_REQUIRED },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "network_id", TF_REQUIRED },
	{ "cidr", TF_OC },
	{ "prefix_length", TF_OC, .type = "\"number\"" },
	{ "name" },
	{ "description" },
	{ "tenant_id", TF_OC, "project_id" },
	{ "allocation_pool", TF_BLOCK | TF_SET | TF_OC, "allocation_pools", .sub = range_rows },
	{ "gateway_ip", TF_OC },
	{ "no_gateway", 0, "disable_gateway_ip", .value = "false" },
	{ "ip_version", .value = "4" },
	{ "enable_dhcp", .value = "true" },
	{ "dns_nameservers" },
	{ "dns_publish_fixed_ip", .value = "false" },
	{ "service_types", TF_OC, .type = "[\"list\",\"string\"]" },
	{ "segment_id" },
	{ "subnetpool_id", TF_OC },
	{ "ipv6_address_mode", TF_OC },
	{ "ipv6_ra_mode", TF_OC },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ ONE_OF, "cidr subnetpool_id value_specs" },
	{ 0 },
};

/* The last 64 bits of an address: enough to count those of one range. */
static uint64_t low_bits(const char *address)
{
	unsigned char b[16] = { 0 };
	uint64_t n = 0;

	if (!address ||
	    (inet_pton(AF_INET, address, b + 12) != 1 && inet_pton(AF_INET6, address, b) != 1))
		return 0;
	for (size_t i = 8; i < sizeof(b); i++)
		n = n << 8 | b[i];
	return n;
}

/* Whether its ranges are those that Neutron makes if none are given: all there is, but the gateway. */
static bool has_all_addresses(struct json_object *have)
{
	struct json_object *ranges = json_at(have, "allocation_pools");
	const char *cidr = json_str(have, "cidr"), *slash = cidr ? strchr(cidr, '/') : NULL;
	const bool v4 = json_int(have, "ip_version", 4) == 4;
	const int64_t bits = (v4 ? 32 : 128) - (slash ? strtol(slash + 1, NULL, 10) : 0);
	uint64_t left = bits > 0 && bits < 64 ? (uint64_t)1 << bits : 0;

	left -= v4 ? 2 : 1;
	left -= json_str(have, "gateway_ip") ? 1 : 0;
	for (size_t i = 0; i < json_len(ranges); i++)
		left -= low_bits(json_str(json_nth(ranges, i), "end")) -
			low_bits(json_str(json_nth(ranges, i), "start")) + 1;
	return left == 0;
}

/* Where Neutron puts the gateway of a new subnet; NULL: that cannot be told. Owned. */
static char *first_address(const char *cidr)
{
	AUTO_STR net = address_text(cidr ? cidr : "");
	char text[INET6_ADDRSTRLEN];
	unsigned char b[16];

	net[strcspn(net, "/")] = '\0';
	const int family = strchr(net, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, net, b) != 1)
		return NULL;
	b[family == AF_INET ? 3 : 15] |= 1;
	return xstrdup(inet_ntop(family, b, text, sizeof(text)));
}

static struct err *tf_plan(struct tf_op *t)
{
	const bool none = json_truth(t->planned, "no_gateway", false);

	if (none && !json_empty(json_at(t->config, "gateway_ip")))
		return err_at(err_new(ERR_USAGE, "gateway_ip: with no_gateway there is none"),
			      "gateway_ip");
	/* The peer's states have "" for none. */
	if (none && !json_empty(json_at(t->planned, "gateway_ip")))
		json_set(t->planned, "gateway_ip", NULL);
	else if (!none && t->prior && tf_changed(t, "no_gateway") &&
		 json_empty(json_at(t->planned, "gateway_ip")))
		json_set(t->planned, "gateway_ip", tf_unknown(t));
	return NULL;
}

static struct err *tf_prepare(struct tf_op *t)
{
	struct json_object *want = t->op->want;

	/* Only some clouds know of it, and none of the others has it. */
	if (!t->prior && !json_truth(want, "dns_publish_fixed_ip", true))
		json_object_object_del(want, "dns_publish_fixed_ip");
	/* Both stand in what Terraform writes of an import; Neutron takes the length for a pool only. */
	if (!t->prior && json_str(want, "cidr"))
		json_object_object_del(want, "prefix_length");
	if (t->prior && t->planned && tf_changed(t, "no_gateway") &&
	    !json_truth(t->planned, "no_gateway", true) && !json_has(want, "gateway_ip")) {
		AUTO_STR gateway = first_address(json_str(t->planned, "cidr"));

		if (gateway)
			json_sets(want, "gateway_ip", gateway);
	}
	return NULL;
}

static struct err *tf_show(struct tf_op *t)
{
	struct json_object *have = t->op->have;

	if (t->planned)
		return NULL;
	json_set(t->state, "no_gateway",
		 json_object_new_boolean(json_empty(json_at(have, "gateway_ip"))));
	if (!t->importing && !t->foreign)
		return NULL;
	/* The peer's states have the ranges that Neutron chose, too. */
	json_set(t->state, "allocation_pool",
		 has_all_addresses(have) ? json_object_new_array()
					 : json_copy(json_at(have, "allocation_pools")));
	return NULL;
}

static const struct tf_kind networking_subnet_v2 = {
	.name = "networking_subnet_v2",
	.doc = "Addresses of a network.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 10, .remove = 10 },
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  name            = \"backend\"\n"
		   "  network_id      = openstack_networking_network_v2.backend.id\n"
		   "  cidr            = \"10.1.0.0/24\"\n"
		   "  dns_nameservers = [\"10.1.0.2\"]\n"
		   "\n"
		   "  allocation_pool {\n"
		   "    start = \"10.1.0.100\"\n"
		   "    end   = \"10.1.0.199\"\n"
		   "  }\n"
		   "}\n",
};

static const struct tf_attr route_rows[] = {
	{ "destination_cidr", TF_COMPUTED, "destination" },
	{ "next_hop", TF_COMPUTED, "nexthop" },
	{ 0 },
};

static const struct tf_attr data_rows[] = {
	{ "subnet_id", TF_OC, "id" },
	{ "name", TF_OC },
	{ "description", TF_OC },
	{ "network_id", TF_OC, .doc = "ID of the network it is part of." },
	{ "tenant_id", TF_OC, "project_id", "Project that owns it." },
	{ "cidr", TF_OC },
	{ "ip_version", TF_OC },
	{ "gateway_ip", TF_OC, .doc = "Address of the router." },
	{ "dhcp_enabled", 0, "is_dhcp_enabled" },
	{ "dns_publish_fixed_ip" },
	{ "ipv6_address_mode", TF_OC },
	{ "ipv6_ra_mode", TF_OC },
	{ "segment_id", TF_OC },
	{ "subnetpool_id", TF_OC },
	{ "tags", .doc = "Labels that it has among others." },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ "enable_dhcp", TF_COMPUTED },
	{ "service_types", TF_COMPUTED },
	{ "dns_nameservers", TF_COMPUTED, .type = "[\"set\",\"string\"]" },
	{ "allocation_pools", TF_COMPUTED, .sub = range_rows,
	  .type = "[\"list\",[\"object\",{\"end\":\"string\",\"start\":\"string\"}]]" },
	{ "host_routes", TF_COMPUTED, .sub = route_rows,
	  .type = "[\"list\",[\"object\",{\"destination_cidr\":\"string\",\"next_hop\":"
		  "\"string\"}]]" },
	{ 0 },
};

static const struct tf_kind data_subnet_v2 = {
	.name = "networking_subnet_v2",
	.what = TF_DATA,
	.doc = "A subnet that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"example-backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  name       = \"example-backend\"\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "  cidr       = \"10.1.0.0/24\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  name       = openstack_networking_subnet_v2.backend.name\n"
		   "  network_id = openstack_networking_subnet_v2.backend.network_id\n"
		   "}\n",
};

static const struct tf_attr ids_rows[] = {
	{ "name" },
	{ "name_regex", TF_REGEX, "name", "Regular expression for names." },
	{ "description" },
	{ "network_id", .doc = "ID of the network it is part of." },
	{ "tenant_id", 0, "project_id", "Project that owns it." },
	{ "cidr" },
	{ "ip_version" },
	{ "gateway_ip", .doc = "Address of the router." },
	{ "dhcp_enabled", 0, "is_dhcp_enabled" },
	{ "dns_publish_fixed_ip" },
	{ "ipv6_address_mode" },
	{ "ipv6_ra_mode", TF_OC },
	{ "segment_id" },
	{ "subnetpool_id" },
	{ "tags", .doc = "Labels that it has among others." },
	{ "sort_key", 0, "", "What to sort by, by its name in the API." },
	{ "sort_direction", 0, "", "Which way to sort.", .choices = "asc desc" },
	{ "ids", TF_COMPUTED, "", "IDs of the subnets.", .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static const struct rule ids_rules[] = {
	{ EXCLUSIVE, "name name_regex" },
	{ 0 },
};

static struct err *sorted(struct tf_op *t, struct buf *query)
{
	const char *key = json_str(t->config, "sort_key");
	const char *direction = json_str(t->config, "sort_direction");

	if (key && *key)
		query_text(query, "sort_key", key);
	if (direction && *direction) /* Neutron takes the one with the other only */
		query_text(query, "sort_dir", direction);
	if (direction && *direction && !(key && *key))
		query_text(query, "sort_key", "id");
	return NULL;
}

static const struct tf_kind data_subnet_ids_v2 = {
	.name = "networking_subnet_ids_v2",
	.what = TF_DATA,
	.doc = "The IDs of all subnets that match.",
	.attrs = ids_rows,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"example-backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  name       = \"example-backend\"\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "  cidr       = \"10.1.0.0/24\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_subnet_ids_v2\" \"backend\" {\n"
		   "  network_id     = openstack_networking_subnet_v2.backend.network_id\n"
		   "  ip_version     = 4\n"
		   "  sort_key       = \"name\"\n"
		   "  sort_direction = \"asc\"\n"
		   "}\n",
	.rules = ids_rules,
	.flags = TF_PLURAL,
	.query = sorted,
};

static const struct tf_kind *const terraform[] = { &networking_subnet_v2, &data_subnet_v2,
						   &data_subnet_ids_v2, NULL };

const struct resource os_subnet = {
	.name = "subnet",
	.doc = "Make, change or delete subnets of networks.",
	.service = "network",
	.path = "/v2.0/subnets",
	.key = "subnet",
	.keys = "subnets",
	.update = "PUT",
	.flags = BULK,
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A network\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "\n"
		   "- name: Its addresses\n"
		   "  treenail.openstack.subnet:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    network: backend\n"
		   "    cidr: 10.1.0.0/24\n"
		   "    dns_nameservers: [10.1.0.2]\n"
		   "    allocation_pools:\n"
		   "      - {start: 10.1.0.100, end: 10.1.0.199}\n"
		   "\n"
		   "- name: Away with the network, which takes its subnets along\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};
