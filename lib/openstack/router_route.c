#include <string.h>

#include "openstack/routes.h"
#include "openstack/shared.h"
#include "terraform.h"

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

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "router_id", TF_REQUIRED },
	{ "destination_cidr", TF_REQUIRED },
	{ "next_hop", TF_REQUIRED },
	{ 0 },
};

/* What the examples begin with. */
#define NET                                                                     \
	"resource \"openstack_networking_network_v2\" \"backend\" {\n"          \
	"  name = \"backend\"\n"                                                \
	"}\n"                                                                   \
	"\n"                                                                    \
	"resource \"openstack_networking_subnet_v2\" \"backend\" {\n"           \
	"  network_id = openstack_networking_network_v2.backend.id\n"           \
	"  cidr       = \"10.1.0.0/24\"\n"                                      \
	"}\n"                                                                   \
	"\n"                                                                    \
	"resource \"openstack_networking_router_v2\" \"backend\" {\n"           \
	"  name = \"backend\"\n"                                                \
	"}\n"                                                                   \
	"\n"                                                                    \
	"resource \"openstack_networking_router_interface_v2\" \"backend\" {\n" \
	"  router_id = openstack_networking_router_v2.backend.id\n"             \
	"  subnet_id = openstack_networking_subnet_v2.backend.id\n"             \
	"}\n"                                                                   \
	"\n"

static const struct tf_kind networking_router_route_v2 = {
	.name = "networking_router_route_v2",
	.doc = "A static route of a router, which may have others.",
	.attrs = rows,
	.flags = TF_NO_ADOPT,
	.id = "{router_id}-route-{destination_cidr}-{next_hop}",
	.example = NET
	"resource \"openstack_networking_router_route_v2\" \"behind\" {\n"
	"  router_id        = openstack_networking_router_interface_v2.backend.router_id\n"
	"  destination_cidr = \"10.2.0.0/16\"\n"
	"  next_hop         = \"10.1.0.7\"\n"
	"}\n",
};

static const struct attr route_attrs[] = {
	{ "destination", STR, REQUIRED, "Where the route leads to, as CIDR." },
	{ "nexthop", STR, REQUIRED,
	  "Address, on a subnet of the router, that packets are handed to." },
	{ 0 },
};

static struct err *prepare_several(struct op *op)
{
	static const char *const lists[] = { "routes", "_mine" };

	for (size_t k = 0; k < COUNT(lists); k++) {
		struct json_object *routes = json_at(op->want, lists[k]);

		for (size_t i = 0; i < json_len(routes); i++) {
			address_tidy(json_nth(routes, i), "destination");
			address_tidy(json_nth(routes, i), "nexthop");
		}
	}
	return NULL;
}

/* Of all the router has, those that are wanted or were made before; all if that is not known. */
static struct err *find_several(struct op *op)
{
	const char *id = json_str(op->want, "router_id");
	struct json_object *kept;
	struct err *e = resource_try_get(op->api, op->r, id ? id : op->id, &op->have);

	if (e || !op->have || !json_has(op->want, "routes"))
		return e;
	kept = json_object_new_array();
	for (size_t i = 0; i < json_len(json_at(op->have, "routes")); i++) {
		struct json_object *one = json_nth(json_at(op->have, "routes"), i);

		if (json_list_has(json_at(op->want, "routes"), one) ||
		    json_list_has(json_at(op->want, "_mine"), one))
			json_object_array_add(kept, json_object_get(one));
	}
	json_set(op->have, "routes", kept);
	return NULL;
}

/* Those of `routes` that are not in `others`. */
static struct json_object *without(struct json_object *routes, struct json_object *others)
{
	struct json_object *rest = json_object_new_array();

	for (size_t i = 0; i < json_len(routes); i++)
		if (!json_list_has(others, json_nth(routes, i)))
			json_object_array_add(rest, json_copy(json_nth(routes, i)));
	return rest;
}

static struct err *set_routes(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *have = json_at(op->have, a->name);
	AUTO_JSON less = without(have, value);
	AUTO_JSON more = without(value, have);
	struct err *e = json_len(less) ? routes_remove(op, op->id, less) : NULL;

	if (!e && json_len(more))
		e = routes_add(op, op->id, more);
	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

static const struct attr several_attrs[] = {
	{ "router_id", STR, REQUIRED | FIXED, "Router that has the routes.", .wire = "id" },
	{ "routes", SET, 0, "Routes of the router; those of others are left alone.",
	  .sub = route_attrs, .set = set_routes },
	{ 0 },
};

static struct err *no_router(struct op *op)
{
	return err_at(err_new(ERR_NOT_FOUND, "there is no router %s to give routes to",
			      json_str(op->want, "router_id")),
		      "router_id");
}

static struct err *remove_several(struct op *op)
{
	struct json_object *routes = json_at(op->have, "routes");

	return json_len(routes) ? routes_remove(op, op->id, routes) : NULL;
}

static const struct resource several_routes = {
	.name = "router_routes",
	.doc = "Static routes of a router.",
	.service = "network",
	.path = "/v2.0/routers",
	.key = "router",
	.keys = "routers",
	.update = "PUT",
	.flags = NO_NAME,
	.identifier = "router_id",
	.attrs = several_attrs,
	.prepare = prepare_several,
	.find = find_several,
	.create = no_router,
	.remove = remove_several,
};

static const struct tf_attr route_rows[] = {
	{ "destination_cidr", TF_REQUIRED, "destination" },
	{ "next_hop", TF_REQUIRED, "nexthop" },
	{ 0 },
};

static const struct tf_attr several_rows[] = {
	{ "router_id", TF_REQUIRED },
	{ "routes", TF_BLOCK | TF_SET, .sub = route_rows },
	{ 0 },
};

static struct err *read_several(struct tf_op *t)
{
	if (t->importing)
		json_object_object_del(t->op->want, "routes");
	return find_several(t->op);
}

/* What was made before, and may have to go. */
static struct err *several_before(struct tf_op *t)
{
	struct json_object *before = json_at(t->prior, "routes");
	struct json_object *mine = json_object_new_array();

	for (size_t i = 0; i < json_len(before); i++) {
		struct json_object *one = json_object_new_object();

		for (const struct tf_attr *row = route_rows; row->name; row++)
			json_set(one, row->attr,
				 json_copy(json_at(json_nth(before, i), row->name)));
		json_object_array_add(mine, one);
	}
	json_set(t->op->want, "_mine", mine);
	return NULL;
}

static const struct tf_kind networking_router_routes_v2 = {
	.name = "networking_router_routes_v2",
	.of = &several_routes,
	.doc = "Several static routes of a router, which may have others.",
	.attrs = several_rows,
	.flags = TF_NO_ADOPT,
	.id = "{router_id}",
	.import_doc = "The ID is that of the router: all routes it has are taken.",
	.prepare = several_before,
	.read = read_several,
	.example = NET "resource \"openstack_networking_router_routes_v2\" \"behind\" {\n"
		       "  router_id = openstack_networking_router_interface_v2.backend.router_id\n"
		       "\n"
		       "  routes {\n"
		       "    destination_cidr = \"10.2.0.0/16\"\n"
		       "    next_hop         = \"10.1.0.7\"\n"
		       "  }\n"
		       "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_router_route_v2,
						   &networking_router_routes_v2, NULL };

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
