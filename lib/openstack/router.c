#include <string.h>

#include "openstack/routes.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_network, os_project, os_subnet;

static const struct attr fixed_ip_attrs[] = {
	{ "subnet_id", STR, REQUIRED, "Subnet of the external network.", .aliases = "subnet",
	  .ref = &os_subnet },
	{ "ip_address", STR, 0, "Address there; any free one by default.", .aliases = "ip" },
	{ 0 },
};

static const struct attr gateway_attrs[] = {
	{ "network_id", STR, 0, "External network.", .option = "network", .ref = &os_network },
	{ "enable_snat", BOOL, 0,
	  "Whether addresses behind it are translated to the router's own." },
	{ "external_fixed_ips", SET, 0, "Its addresses on the external network.",
	  .sub = fixed_ip_attrs },
	{ "qos_policy_id", STR, 0, "QoS policy of its traffic there." },
	{ 0 },
};

static const struct attr route_attrs[] = {
	{ "destination", STR, 0, "Addresses the route leads to, as CIDR." },
	{ "nexthop", STR, 0, "Address that leads there." },
	{ 0 },
};

static const struct attr interface_attrs[] = {
	{ "subnet_id", STR, 0, "Subnet it is on.", .ref = &os_subnet },
	{ "network_id", STR, 0, "Network of the subnet.", .ref = &os_network },
	{ "ip_address", STR, 0, "Address of the router there." },
	{ 0 },
};

static struct err *set_interfaces(struct op *op, const struct attr *a, struct json_object *value);

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the router." },
	{ "name", STR, REQUIRED | FILTER, "Name of the router." },
	{ "project_id", STR, IDENTITY | FIXED,
	  "Project that owns it; by default the one logged in to.", .option = "project",
	  .ref = &os_project },
	{ "description", STR, FILTER, "Free text for people." },
	{ "is_admin_state_up", BOOL, FILTER, "Whether it forwards packets.",
	  .wire = "admin_state_up", .aliases = "admin_state_up", .value = "true" },
	{ "external_gateway_info", OBJ, 0, "Gateway to the outside; {} takes it away.",
	  .sub = gateway_attrs },
	{ "network", STR, OPTION, "External network that is the gateway." },
	{ "enable_snat", BOOL, OPTION,
	  "Whether addresses behind the gateway are translated to the router's own." },
	{ "external_fixed_ips", LIST, OPTION, "Addresses of the router on the external network.",
	  .sub = fixed_ip_attrs },
	{ "interfaces", LIST, OPTION,
	  "Subnets it connects, and no others: names or IDs, for its gateway address there, or "
	  "dictionaries of net, subnet and portip, for another address.",
	  .elem = RAW },
	{ "interfaces_info", SET, INTERNAL | HIDDEN, "The same, looked up.", .sub = interface_attrs,
	  .set = set_interfaces },
	{ "availability_zone_hints", SET, REPLACES, "Zones its agents should be in." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "availability_zones", LIST, READONLY, "Zones its agents are in." },
	{ "flavor_id", STR, READONLY, "Flavor of the router." },
	{ "is_distributed", BOOL, REPLACES, "Whether each compute host has a part of it.",
	  .wire = "distributed", .aliases = "distributed" },
	{ "is_ha", BOOL, READONLY, "Whether another host takes over when one fails.",
	  .wire = "ha" },
	{ "routes", LIST, READONLY, "Further routes.", .sub = route_attrs },
	/* Neutron refuses to filter routers by it. */
	{ "status", STR, READONLY, "ACTIVE, DOWN or ERROR." },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "enable_ndp_proxy", BOOL, READONLY,
	  "Whether it may answer for IPv6 addresses of others." },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	/* The gateway once more, part by part: how Terraform files have it. */
	{ "gateway_network_id", STR, READONLY | HIDDEN, "External network that is the gateway.",
	  .read = "external_gateway_info.network_id" },
	{ "gateway_snat", BOOL, READONLY | HIDDEN,
	  "Whether addresses behind the gateway are translated to the router's own.",
	  .read = "external_gateway_info.enable_snat" },
	{ "gateway_qos_policy_id", STR, READONLY | HIDDEN, "QoS policy of the gateway.",
	  .read = "external_gateway_info.qos_policy_id" },
	{ "gateway_fixed_ips", LIST, READONLY | HIDDEN, "Its addresses on the external network.",
	  .read = "external_gateway_info.external_fixed_ips", .sub = fixed_ip_attrs },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "external_gateway_info network" },
	{ EXCLUSIVE, "external_gateway_info external_fixed_ips" },
	{ EXCLUSIVE, "external_gateway_info enable_snat" },
	{ NEEDS_ALL, "network", "external_fixed_ips" },
	{ NEEDS_ALL, "network", "enable_snat" },
	{ 0 },
};

/* ---- options -> attributes ---- */

static void move(struct json_object *from, const char *key, struct json_object *to,
		 const char *name)
{
	if (json_has(from, key))
		json_set(to, name, json_object_get(json_at(from, key)));
	json_object_object_del(from, key);
}

static struct err *prepare_gateway(struct json_object *want)
{
	struct json_object *gateway = json_at(want, "external_gateway_info");

	if (json_has(want, "network")) {
		gateway = json_object_new_object();
		move(want, "network", gateway, "network_id");
		move(want, "enable_snat", gateway, "enable_snat");
		move(want, "external_fixed_ips", gateway, "external_fixed_ips");
		json_set(want, "external_gateway_info", gateway);
	}
	if (!gateway)
		return NULL;
	if (!json_object_object_length(gateway)) {
		json_set(want, "external_gateway_info", NULL);
		return NULL;
	}
	/* Without its network, Neutron would take the gateway away. */
	if (!json_at(gateway, "network_id"))
		return err_at(err_new(ERR_USAGE, "external_gateway_info: network is missing"),
			      "external_gateway_info");
	for (size_t i = 0; i < json_len(json_at(gateway, "external_fixed_ips")); i++)
		address_tidy(json_nth(json_at(gateway, "external_fixed_ips"), i), "ip_address");
	return NULL;
}

static struct err *prepare_interface(struct json_object *given, struct json_object *ret)
{
	static const char *const names[][2] = { { "net", "network_id" },
						{ "subnet", "subnet_id" },
						{ "portip", "ip_address" } };
	size_t known = 0;

	if (json_object_is_type(given, json_type_string)) {
		json_set(ret, "subnet_id", json_copy(given));
		return NULL;
	}
	for (size_t i = 0; i < COUNT(names); i++) {
		struct json_object *v = json_at(given, names[i][0]);

		if (!json_has(given, names[i][0]))
			continue;
		known++;
		if (json_empty(v) || !json_object_is_type(v, json_type_string))
			return err_new(ERR_USAGE,
				       "%s must be a string that is not empty: give one "
				       "or leave it out",
				       names[i][0]);
		json_set(ret, names[i][1], json_copy(v));
	}
	if (!json_object_is_type(given, json_type_object) || !json_has(ret, "subnet_id") ||
	    known != (size_t)json_object_object_length(given))
		return err_new(ERR_USAGE, "the name or ID of a subnet, or a dictionary of subnet, "
					  "net and portip, was expected");
	address_tidy(ret, "ip_address");
	return NULL;
}

static struct err *prepare(struct op *op)
{
	struct json_object *given = json_at(op->want, "interfaces");
	struct err *e = prepare_gateway(op->want);
	AUTO_JSON list = json_object_new_array();

	for (size_t i = 0; i < json_len(given) && !e; i++) {
		struct json_object *one = json_object_new_object();

		json_object_array_add(list, one);
		e = err_at(
			err_wrap(prepare_interface(json_nth(given, i), one), "interfaces[%zu]", i),
			"interfaces");
	}
	if (!e && given)
		json_set(op->want, "interfaces_info", TAKE(list));
	return e;
}

/* ---- interfaces ---- */

/* Ports of routers on subnets, of all the kinds there are. */
static struct err *list_interfaces(struct op *op, struct json_object **ret)
{
	AUTO_STR path = xasprintf("/v2.0/ports?device_id=%s&device_owner=network:router_interface"
				  "&device_owner=network:router_interface_distributed"
				  "&device_owner=network:ha_router_replicated_interface",
				  op->id);
	struct request req = { .service = "network", .path = path };
	AUTO_JSON ports = NULL;
	struct json_object *list;
	struct err *e = list_pages(op->api, &req, "ports", &ports);

	if (e)
		return e;
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(ports); i++) {
		struct json_object *port = json_nth(ports, i);
		struct json_object *ips = json_at(port, "fixed_ips");

		for (size_t k = 0; k < json_len(ips); k++) {
			struct json_object *one = json_copy(json_nth(ips, k));

			json_set(one, "network_id", json_copy(json_at(port, "network_id")));
			json_object_array_add(list, one);
		}
	}
	*ret = list;
	return NULL;
}

static struct err *expand(struct op *op)
{
	const enum action action = op->out->plan.action;
	struct json_object *list = NULL;
	struct err *e = NULL;

	if (!json_has(op->want, "interfaces_info") || strcmp(op->state, "absent") == 0)
		return NULL;
	if (action == CREATED || action == REPLACED)
		list = json_object_new_array(); /* a new router has none */
	else
		e = list_interfaces(op, &list);
	if (!e)
		json_set(op->have, "interfaces_info", list);
	return err_wrap(e, "reading its interfaces");
}

static struct err *router_call(struct op *op, const char *call, const char *key, const char *id)
{
	AUTO_STR tail = xasprintf("/%s/%s", op->id, call);
	AUTO_JSON body = json_object_new_object();

	json_sets(body, key, id);
	return op_call(op, "PUT", tail, body, NULL);
}

/* The port that has an address of a subnet; *ret NULL: there is none. */
static struct err *find_port(struct op *op, const char *subnet, const char *ip, char **ret)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON ports = NULL;
	struct request req = { .service = "network" };
	struct err *e;

	buf_addf(&path, "/v2.0/ports?fixed_ips=subnet_id%%3D%s&fixed_ips=ip_address%%3D", subnet);
	buf_addurl(&path, ip);
	req.path = path.s;
	e = list_pages(op->api, &req, "ports", &ports);
	for (size_t i = 0; i < json_len(ports) && !e; i++) {
		struct json_object *ips = json_at(json_nth(ports, i), "fixed_ips");

		for (size_t k = 0; k < json_len(ips); k++)
			if (!*ret && json_is_str(json_at(json_nth(ips, k), "subnet_id"), subnet) &&
			    json_is_str(json_at(json_nth(ips, k), "ip_address"), ip))
				*ret = xstrdup(json_str(json_nth(ports, i), "id"));
	}
	return e;
}

static struct err *create_port(struct op *op, const char *subnet, const char *ip, char **ret)
{
	AUTO_STR path = xasprintf("/v2.0/subnets/%s", subnet);
	AUTO_JSON found = NULL;
	AUTO_JSON answer = NULL;
	struct json_object *port = json_object_new_object();
	struct json_object *address = json_object_new_object();
	struct json_object *ips = json_object_new_array();
	AUTO_JSON body = json_wrap("port", port);
	struct err *e = other_call(op, "network", "GET", path, NULL, &found);

	json_sets(address, "subnet_id", subnet);
	json_sets(address, "ip_address", ip);
	json_object_array_add(ips, address);
	json_set(port, "fixed_ips", ips);
	json_set(port, "network_id", json_copy(json_at(found, "subnet.network_id")));
	json_set(port, "project_id", json_copy(json_at(op->have, "project_id")));
	if (!e)
		e = other_call(op, "network", "POST", "/v2.0/ports", body, &answer);
	if (!e)
		*ret = xstrdup(json_str(answer, "port.id"));
	return e;
}

/* An address of the user's choice needs a port that has it; one left by a killed run will do. */
static struct err *add_interface(struct op *op, struct json_object *want)
{
	const char *subnet = json_str(want, "subnet_id");
	const char *ip = json_str(want, "ip_address");
	AUTO_STR port = NULL;
	bool made = false;
	struct err *e;

	if (!ip)
		return router_call(op, "add_router_interface", "subnet_id", subnet);
	e = find_port(op, subnet, ip, &port);
	if (!e && !port) {
		e = create_port(op, subnet, ip, &port);
		made = !e;
	}
	if (!e)
		e = router_call(op, "add_router_interface", "port_id", port);
	if (e && made) {
		AUTO_STR path = xasprintf("/v2.0/ports/%s", port);

		err_free(other_call(op, "network", "DELETE", path, NULL, NULL));
	}
	return e;
}

static bool covered(struct json_object *want, struct json_object *have)
{
	json_object_object_foreach(want, key, v) {
		if (!json_object_equal(v, json_at(have, key)))
			return false;
	}
	return true;
}

/* What is wrong goes first: a router has one address on a subnet. */
static struct err *set_interfaces(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *have = json_at(op->have, a->name);
	AUTO_JSON left = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(have) && !e; i++) {
		struct json_object *one = json_nth(have, i);
		bool wanted = false;

		for (size_t k = 0; k < json_len(value) && !wanted; k++)
			wanted = covered(json_nth(value, k), one);
		if (wanted)
			json_object_array_add(left, json_copy(one));
		else
			e = router_call(op, "remove_router_interface", "subnet_id",
					json_str(one, "subnet_id"));
	}
	for (size_t i = 0; i < json_len(value) && !e; i++) {
		struct json_object *one = json_nth(value, i);
		bool there = false;

		for (size_t k = 0; k < json_len(left) && !there; k++)
			there = covered(one, json_nth(left, k));
		if (!there)
			e = err_wrap(add_interface(op, one), "connecting subnet %s",
				     json_str(one, "subnet_id"));
	}
	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

static struct err *before_delete(struct op *op)
{
	struct json_object *routes = json_at(op->have, "routes");
	AUTO_JSON list = NULL;
	struct err *e = list_interfaces(op, &list);

	/* An interface that a route needs cannot go. */
	if (!e && json_len(list) && json_len(routes))
		e = routes_remove(op, op->id, routes);
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		e = router_call(op, "remove_router_interface", "subnet_id",
				json_str(json_nth(list, i), "subnet_id"));
		if (e && e->status == 404) { /* somebody else was faster */
			err_free(e);
			e = NULL;
		}
	}
	return err_wrap(e, "disconnecting its subnets");
}

static const struct info info = {
	.name = "routers_info",
	.doc = "Tell about routers.",
	.returns = "routers",
	.example = "- name: All routers that are up\n"
		   "  treenail.openstack.routers_info:\n"
		   "    cloud: demo\n"
		   "    filters: {is_admin_state_up: true}\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr fixed_ip_rows[] = {
	{ "subnet_id", TF_OC },
	{ "ip_address", TF_OC },
	{ 0 },
};

static const struct tf_attr vendor_rows[] = {
	{ "set_router_gateway_after_create", 0, "",
	  "Whether the gateway is given to the router by a request of its own.",
	  .type = "\"bool\"" },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name" },
	{ "description" },
	{ "admin_state_up", TF_OC },
	{ "distributed", TF_OC },
	{ "external_network_id", TF_OC, "gateway_network_id",
	  "External network that is the gateway; \"\" takes it away." },
	{ "enable_snat", TF_OC, "gateway_snat", .follows = "external_network_id" },
	{ "external_qos_policy_id", TF_OC, "gateway_qos_policy_id",
	  .follows = "external_network_id" },
	{ "external_fixed_ip", TF_BLOCK | TF_OC | TF_SUBSET, "gateway_fixed_ips",
	  .sub = fixed_ip_rows },
	{ "external_subnet_ids", TF_KEPT, "",
	  "Subnets of the external network: a new router gets an address of the first that has one.",
	  .type = "[\"list\",\"string\"]" },
	{ "tenant_id", TF_OC, "project_id" },
	{ "availability_zone_hints", TF_OC, .type = "[\"list\",\"string\"]" },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "vendor_options", TF_BLOCK | TF_SET | TF_UNIQUE | TF_KEPT, "",
	  "What some clouds need to make it.", .sub = vendor_rows },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ EXCLUSIVE, "external_fixed_ip external_subnet_ids" },
	{ NEEDS_ALL, "external_network_id", "enable_snat" },
	{ NEEDS_ALL, "external_network_id", "external_qos_policy_id" },
	{ NEEDS_ALL, "external_network_id", "external_fixed_ip" },
	{ NEEDS_ALL, "external_network_id", "external_subnet_ids" },
	{ 0 },
};

/* With another network or subnet, what the service chose is to be chosen anew. */
static struct err *tf_plan(struct tf_op *t)
{
	struct json_object *given = json_at(t->config, "external_fixed_ip");
	struct json_object *planned = json_at(t->planned, "external_fixed_ip");

	if (!t->prior ||
	    !(tf_changed(t, "external_network_id") || tf_changed(t, "external_fixed_ip")))
		return NULL;
	for (size_t i = 0; i < json_len(planned); i++)
		for (const struct tf_attr *row = fixed_ip_rows; row->name; row++)
			if (!json_at(json_nth(given, i), row->name))
				json_set(json_nth(planned, i), row->name, tf_unknown(t));
	return NULL;
}

/* The addresses that were written, without what is unknown yet. */
static struct json_object *addresses(struct tf_op *t)
{
	struct json_object *planned = json_at(t->planned, "external_fixed_ip");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(planned); i++) {
		struct json_object *one = json_object_new_object();

		for (const struct tf_attr *row = fixed_ip_rows; row->name; row++) {
			struct json_object *v = json_at(json_nth(planned, i), row->name);

			if (!json_empty(v) && !tf_has_unknown(t, v))
				json_set(one, row->name, json_copy(v));
		}
		json_object_array_add(list, one);
	}
	return list;
}

/*
 * All that is known of the gateway, as Neutron falls back to its defaults for what is left out. What is
 * as the default has it is left out if it is not written: not everybody may set it.
 */
static struct json_object *gateway(struct tf_op *t)
{
	const char *network = json_str(t->planned, "external_network_id");
	struct json_object *snat = json_at(t->planned, "enable_snat");
	const char *qos = json_str(t->planned, "external_qos_policy_id");
	struct json_object *o = json_object_new_object();

	if (!network || !*network)
		return o;
	json_sets(o, "network_id", network);
	if ((json_at(t->config, "enable_snat") || !json_truth(t->planned, "enable_snat", true)) &&
	    !tf_has_unknown(t, snat))
		json_set(o, "enable_snat", json_copy(snat));
	if (qos)
		json_sets(o, "qos_policy_id", *qos ? qos : NULL);
	if (!json_empty(json_at(t->config, "external_fixed_ip")))
		json_set(o, "external_fixed_ips", addresses(t));
	return o;
}

static struct err *tf_prepare(struct tf_op *t)
{
	static const char *const parts[] = { "external_network_id", "enable_snat",
					     "external_qos_policy_id", "external_fixed_ip" };
	struct json_object *vendor = json_nth(json_at(t->planned, "vendor_options"), 0);
	struct json_object *want = t->op->want;
	bool changed = false;

	for (size_t i = 0; i < COUNT(parts) && t->planned; i++)
		changed = changed || tf_changed(t, parts[i]);
	if (!changed)
		return NULL;
	AUTO_JSON all = gateway(t);
	if (t->prior) {
		json_set(want, "external_gateway_info", TAKE(all));
		return NULL;
	}
	if (!json_object_object_length(all))
		return NULL;
	json_set(want, "external_gateway_info", TAKE(all));
	json_set(want, "_subnets", json_copy(json_at(t->planned, "external_subnet_ids")));
	if (json_truth(vendor, "set_router_gateway_after_create", false))
		json_set(want, "_gateway_later", json_object_new_boolean(true));
	return NULL;
}

/* The gateway's address is of the first of the subnets that has one left. */
static struct err *try_subnets(struct op *op, struct err *(*request)(struct op *op))
{
	struct json_object *subnets = json_at(op->want, "_subnets");

	for (size_t i = 0; i < json_len(subnets); i++) {
		struct json_object *ips = json_object_new_array();
		struct err *e;

		json_object_array_add(ips, json_wrap("subnet_id", json_copy(json_nth(subnets, i))));
		json_set(json_at(op->want, "external_gateway_info"), "external_fixed_ips", ips);
		e = request(op);
		if (!e || e->status != 409 || i + 1 == json_len(subnets))
			return e;
		err_free(e);
	}
	return request(op);
}

static struct err *put_gateway(struct op *op)
{
	AUTO_JSON changes = json_wrap("external_gateway_info", NULL);

	return op_update(op, changes);
}

static struct err *tf_create(struct op *op)
{
	AUTO_JSON all = NULL;
	struct err *e;

	if (!json_truth(op->want, "_gateway_later", false))
		return try_subnets(op, op_post);
	all = json_object_get(json_at(op->want, "external_gateway_info"));
	json_object_object_del(op->want, "external_gateway_info");
	e = op_post(op);
	json_set(op->want, "external_gateway_info", TAKE(all));
	return e;
}

static struct err *tf_created(struct op *op)
{
	return json_truth(op->want, "_gateway_later", false) ? try_subnets(op, put_gateway) : NULL;
}

/* Its interfaces are resources of their own, maybe of others: they do not go with it. */
static const struct resource plain_router = {
	.name = "router",
	.doc = "A router without its interfaces.",
	.service = "network",
	.path = "/v2.0/routers",
	.key = "router",
	.keys = "routers",
	.update = "PUT",
	.flags = LIST_MANY,
	.attrs = attrs,
	.prepare = prepare,
	.create = tf_create,
	.created = tf_created,
};

/* The peer's states have the addresses that Neutron chose, too, and nobody can tell which those are. */
static struct err *tf_show(struct tf_op *t)
{
	if (t->foreign)
		json_set(t->state, "external_fixed_ip", json_object_new_array());
	return NULL;
}

static const struct tf_kind networking_router_v2 = {
	.name = "networking_router_v2",
	.of = &plain_router,
	.doc = "A router between networks.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 10, .remove = 10 },
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "data \"openstack_networking_network_v2\" \"public\" {\n"
		   "  name = \"public\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_router_v2\" \"backend\" {\n"
		   "  name                = \"backend\"\n"
		   "  external_network_id = data.openstack_networking_network_v2.public.id\n"
		   "}\n",
};

static const struct tf_attr route_rows[] = {
	{ "destination_cidr", TF_COMPUTED, "destination" },
	{ "next_hop", TF_COMPUTED, "nexthop" },
	{ 0 },
};

static const struct tf_attr data_rows[] = {
	{ "router_id", 0, "id" },
	{ "name" },
	{ "description" },
	{ "admin_state_up" },
	{ "distributed" },
	{ "status" },
	{ "tags", .doc = "Labels that it has among others." },
	{ "tenant_id", 0, "project_id", "Project that owns it." },
	{ "enable_snat", TF_OC, "gateway_snat" },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ "availability_zone_hints", TF_COMPUTED, .type = "[\"list\",\"string\"]" },
	{ "external_network_id", TF_COMPUTED, "gateway_network_id" },
	{ "external_qos_policy_id", TF_COMPUTED, "gateway_qos_policy_id" },
	{ "external_fixed_ip", TF_COMPUTED, "gateway_fixed_ips", .sub = fixed_ip_rows },
	{ "routes", TF_COMPUTED, .sub = route_rows },
	{ 0 },
};

static const struct tf_kind data_router_v2 = {
	.name = "networking_router_v2",
	.what = TF_DATA,
	.doc = "A router that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_networking_router_v2\" \"backend\" {\n"
		   "  name = \"example-backend\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_router_v2\" \"backend\" {\n"
		   "  name = openstack_networking_router_v2.backend.name\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_router_v2, &data_router_v2, NULL };

const struct resource os_router = {
	.name = "router",
	.doc = "Make, change or delete routers, their gateway and their interfaces.",
	.service = "network",
	.path = "/v2.0/routers",
	.key = "router",
	.keys = "routers",
	.update = "PUT",
	.flags = LIST_MANY,
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.expand = expand,
	.before_delete = before_delete,
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
		   "\n"
		   "- name: Its way out\n"
		   "  treenail.openstack.router:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    network: public\n"
		   "    interfaces: [backend]\n"
		   "\n"
		   "- name: Away with the router\n"
		   "  treenail.openstack.router:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n"
		   "\n"
		   "- name: Away with the network, which takes its subnets along\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};
