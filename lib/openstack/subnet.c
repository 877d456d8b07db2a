#include <string.h>

#include "openstack/shared.h"

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
	struct json_object *rest = json_object_new_object();

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
