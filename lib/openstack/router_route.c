#include <string.h>

#include "openstack/routes.h"
#include "openstack/shared.h"

extern const struct resource os_router;

static const struct attr attrs[] = {
	{ "id", STR, READONLY, "The router's ID, -route-, destination, - and next hop." },
	{ "router_id", STR, REQUIRED | IDENTITY | FIXED, "Router that has the route.",
	  .option = "router", .ref = &os_router },
	{ "destination", STR, REQUIRED | IDENTITY | FIXED, "Where the route leads to, as CIDR.",
	  .aliases = "destination_cidr" },
	{ "nexthop", STR, REQUIRED | IDENTITY | FIXED,
	  "Address, on a subnet of the router, that packets are handed to.",
	  .aliases = "next_hop" },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	address_tidy(op->want, "destination");
	address_tidy(op->want, "nexthop");
	return NULL;
}

/* What the route is, in the router's own spelling if it is there already. */
static struct json_object *route(struct op *op, struct json_object *found)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "destination", json_str(found ? found : op->want, "destination"));
	json_sets(o, "nexthop", json_str(found ? found : op->want, "nexthop"));
	return o;
}

static void take(struct op *op)
{
	AUTO_STR id = xasprintf("%s-route-%s-%s", json_str(op->want, "router_id"),
				json_str(op->want, "destination"), json_str(op->want, "nexthop"));

	op->have = json_object_new_object();
	json_sets(op->have, "id", id);
	json_sets(op->have, "router_id", json_str(op->want, "router_id"));
	json_sets(op->have, "destination", json_str(op->want, "destination"));
	json_sets(op->have, "nexthop", json_str(op->want, "nexthop"));
}

static bool same(struct json_object *want, struct json_object *found, const char *key)
{
	AUTO_STR text = json_str(found, key) ? address_text(json_str(found, key)) : NULL;

	return text && strcmp(text, json_str(want, key)) == 0;
}

static struct err *find(struct op *op)
{
	AUTO_JSON router = NULL;
	struct err *e =
		resource_try_get(op->api, &os_router, json_str(op->want, "router_id"), &router);
	struct json_object *routes = json_at(router, "routes");

	for (size_t i = 0; i < json_len(routes) && !op->have; i++) {
		struct json_object *one = json_nth(routes, i);

		if (!same(op->want, one, "destination") || !same(op->want, one, "nexthop"))
			continue;
		json_set(op->want, "_route", route(op, one));
		take(op);
	}
	return e;
}

static struct err *create(struct op *op)
{
	AUTO_JSON routes = json_object_new_array();
	struct err *e;

	json_object_array_add(routes, route(op, NULL));
	e = routes_add(op, json_str(op->want, "router_id"), routes);
	if (e)
		return e;
	take(op);
	op_created(op, json_str(op->have, "id"));
	return NULL;
}

static struct err *remove_route(struct op *op)
{
	AUTO_JSON routes = json_object_new_array();

	json_object_array_add(routes, route(op, json_at(op->want, "_route")));
	return routes_remove(op, json_str(op->want, "router_id"), routes);
}

const struct resource os_router_route = {
	.name = "router_route",
	.doc = "Make or delete single static routes of routers, and leave the others alone.",
	.service = "network",
	.path = "/v2.0/routers",
	.key = "router",
	.keys = "routers",
	.returns = "router_route",
	.flags = NO_NAME,
	.attrs = attrs,
	.prepare = prepare,
	.find = find,
	.create = create,
	.remove = remove_route,
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
		   "- name: Its router\n"
		   "  treenail.openstack.router:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    interfaces: [backend]\n"
		   "\n"
		   "- name: What is behind 10.1.0.7 is reached by way of it\n"
		   "  treenail.openstack.router_route:\n"
		   "    cloud: demo\n"
		   "    router: backend\n"
		   "    destination: 10.2.0.0/16\n"
		   "    nexthop: 10.1.0.7\n"
		   "\n"
		   "- name: Not any more\n"
		   "  treenail.openstack.router_route:\n"
		   "    cloud: demo\n"
		   "    router: backend\n"
		   "    destination: 10.2.0.0/16\n"
		   "    nexthop: 10.1.0.7\n"
		   "    state: absent\n"
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
