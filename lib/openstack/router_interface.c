#include <string.h>

#include "openstack/routes.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_port, os_router, os_subnet;

/* A port may be on several subnets; expand() picks the one that is meant. */
static struct json_object *decode_subnet(struct json_object *wire)
{
	return json_copy(json_at(json_nth(json_at(wire, "fixed_ips"), 0), "subnet_id"));
}

static const struct attr attrs[] = {
	{ "id", STR, READONLY, "ID of the router's port." },
	{ "router_id", STR, REQUIRED | IDENTITY | FILTER | FIXED, "The router.", .option = "router",
	  .wire = "device_id", .ref = &os_router },
	{ "subnet_id", STR, IDENTITY | FIXED,
	  "Subnet it is connected to; its address there is the subnet's gateway address.",
	  .option = "subnet", .decode = decode_subnet, .ref = &os_subnet },
	{ "port_id", STR, IDENTITY | FILTER | FIXED,
	  "Port it is connected with, for another address. Disconnecting deletes the port.",
	  .option = "port", .wire = "id", .ref = &os_port },
	{ "force_destroy", BOOL, OPTION,
	  "Whether routes by way of the subnet are taken away before the interface is.",
	  .value = "false" },
	{ "network_id", STR, READONLY, "Network of the subnet." },
	{ "fixed_ips", LIST, READONLY, "Addresses of the router there.", .elem = MAP },
	{ "mac_address", STR, READONLY, "MAC address of the port." },
	{ "status", STR, READONLY, "ACTIVE, DOWN, BUILD or ERROR." },
	{ "project_id", STR, READONLY, "Project that owns the port." },
	{ "created_at", STR, READONLY, "When the port was made." },
	{ 0 },
};

static const struct rule rules[] = {
	{ ONE_OF, "subnet port" },
	{ EXCLUSIVE, "subnet port" },
	{ 0 },
};

static bool is_on(struct json_object *port, const char *subnet)
{
	struct json_object *ips = json_at(port, "fixed_ips");

	for (size_t i = 0; i < json_len(ips); i++)
		if (json_is_str(json_at(json_nth(ips, i), "subnet_id"), subnet))
			return true;
	return false;
}

static bool meant(struct json_object *want, struct json_object *object)
{
	const char *subnet = json_str(want, "subnet_id");

	if (!json_object_equal(json_at(want, "router_id"), json_at(object, "router_id")))
		return false;
	return subnet ? is_on(object, subnet)
		      : json_object_equal(json_at(want, "port_id"), json_at(object, "port_id"));
}

static struct err *expand(struct op *op)
{
	const char *subnet = json_str(op->want, "subnet_id");

	if (subnet && is_on(op->have, subnet))
		json_sets(op->have, "subnet_id", subnet);
	else if (op->keeper && json_len(json_at(op->have, "fixed_ips")) > 1)
		json_set(op->have, "subnet_id", NULL);
	return NULL;
}

/* add_router_interface or remove_router_interface. */
static struct err *call(struct op *op, const char *router, const char *what, const char *key,
			const char *id, struct json_object **ret)
{
	AUTO_STR path = xasprintf("/v2.0/routers/%s/%s", router, what);
	AUTO_JSON body = json_wrap(key, json_object_new_string(id));

	return other_call(op, "network", "PUT", path, body, ret);
}

static struct err *create(struct op *op)
{
	const char *subnet = json_str(op->want, "subnet_id");
	AUTO_JSON answer = NULL;
	struct err *e = call(op, json_str(op->want, "router_id"), "add_router_interface",
			     subnet ? "subnet_id" : "port_id",
			     subnet ? subnet : json_str(op->want, "port_id"), &answer);

	if (!e)
		e = needs_text(answer, "router interface", "port_id");
	if (!e)
		op_created(op, json_str(answer, "port_id"));
	return e;
}

/* ---- removal ---- */

static bool is_in(const char *address, const char *cidr)
{
	const char *slash = strchr(cidr, '/');
	AUTO_STR whole = xasprintf("%s%s", address, slash ? slash : "");
	AUTO_STR net = address_text(whole);

	return strcmp(net, cidr) == 0;
}

static struct err *remove_routes(struct op *op, const char *id, const char *subnet)
{
	AUTO_JSON found = NULL;
	AUTO_JSON router = NULL;
	AUTO_JSON some = json_object_new_array();
	struct err *e = resource_get(op->api, &os_subnet, subnet, &found);
	const char *cidr = json_str(found, "cidr");
	struct json_object *routes;

	if (!e)
		e = resource_get(op->api, &os_router, id, &router);
	if (!e)
		e = needs_text(found, "subnet", "cidr");
	if (e)
		return e;
	routes = json_at(router, "routes");
	for (size_t i = 0; i < json_len(routes); i++) {
		const char *nexthop = json_str(json_nth(routes, i), "nexthop");

		if (nexthop && is_in(nexthop, cidr))
			json_object_array_add(some, json_copy(json_nth(routes, i)));
	}
	return json_len(some) ? routes_remove(op, id, some) : NULL;
}

/* Neutron refuses to delete ports of routers as such. */
static struct err *remove_interface(struct op *op)
{
	const char *router = json_str(op->have, "router_id");
	const char *subnet = json_str(op->want, "subnet_id");
	struct err *e = needs_text(op->have, "port", "router_id");

	if (!e && json_truth(op->want, "force_destroy", false) && json_str(op->have, "subnet_id"))
		e = remove_routes(op, router, json_str(op->have, "subnet_id"));
	if (e)
		return e;
	return call(op, router, "remove_router_interface", subnet ? "subnet_id" : "port_id",
		    subnet ? subnet : op->id, NULL);
}

static const struct tf_attr rows[] = {
	{ "router_id", TF_REQUIRED },
	{ "subnet_id", TF_OC },
	{ "port_id", TF_OC },
	{ "force_destroy", .value = "false" },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ ONE_OF, "subnet_id port_id" },
	{ 0 },
};

/* Both stand in what Terraform writes of an import: the port goes with its interface, the subnet stays. */
static struct err *tf_prepare(struct tf_op *t)
{
	if (t->planned && !t->prior && json_str(t->op->want, "subnet_id"))
		json_object_object_del(t->op->want, "port_id");
	return NULL;
}

static const struct tf_kind networking_router_interface_v2 = {
	.name = "networking_router_interface_v2",
	.doc = "What connects a router with a subnet.",
	.attrs = rows,
	.rules = tf_rules,
	.flags = TF_EXPAND,
	.minutes = { .create = 10, .remove = 10 },
	.prepare = tf_prepare,
	.import_doc = "The ID is that of the router's port.",
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "  cidr       = \"10.1.0.0/24\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_router_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_router_interface_v2\" \"backend\" {\n"
		   "  router_id = openstack_networking_router_v2.backend.id\n"
		   "  subnet_id = openstack_networking_subnet_v2.backend.id\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_router_interface_v2, NULL };

const struct resource os_router_interface = {
	.name = "router_interface",
	.doc = "Connect a router with a subnet, or disconnect them, and leave its other interfaces "
	       "alone.",
	.service = "network",
	.path = "/v2.0/ports",
	.key = "port",
	.keys = "ports",
	.returns = "router_interface",
	.list_query = "device_owner=network:router_interface"
		      "&device_owner=network:router_interface_distributed"
		      "&device_owner=network:ha_router_replicated_interface",
	.flags = NO_NAME | LIST_MANY | ACCEPTED,
	.attrs = attrs,
	.rules = rules,
	.meant = meant,
	.wait = { "status", "ACTIVE DOWN", "ERROR" },
	.expand = expand,
	.create = create,
	.remove = remove_interface,
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
		   "- name: A router that others have interfaces of as well\n"
		   "  treenail.openstack.router:\n"
		   "    cloud: demo\n"
		   "    name: shared\n"
		   "\n"
		   "- name: Connect it\n"
		   "  treenail.openstack.router_interface:\n"
		   "    cloud: demo\n"
		   "    router: shared\n"
		   "    subnet: backend\n"
		   "\n"
		   "- name: Not any more\n"
		   "  treenail.openstack.router_interface:\n"
		   "    cloud: demo\n"
		   "    router: shared\n"
		   "    subnet: backend\n"
		   "    state: absent\n"
		   "\n"
		   "- name: Away with the router\n"
		   "  treenail.openstack.router:\n"
		   "    cloud: demo\n"
		   "    name: shared\n"
		   "    state: absent\n"
		   "\n"
		   "- name: Away with the network, which takes its subnets along\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};
