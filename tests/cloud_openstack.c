/* What the cloud of the tests knows of OpenStack's kinds of objects. */
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cloud.h"
#include "text.h"

#define P     "11111111111111111111111111111111"
#define U     "22222222222222222222222222222222"
#define OWNER "'project_id':'" P "','tenant_id':'" P "',"
#define DATES                                                                      \
	"'created_at':'2026-01-01T00:00:00Z','updated_at':'2026-01-01T00:00:00Z'," \
	"'revision_number':0,"
#define TAGS     "tags tags-any not-tags not-tags-any fields"
#define NETWORK  "/v2.0/networks"
#define SUBNETS  "/v2.0/subnets"
#define PORTS    "/v2.0/ports"
#define FLOATING "/v2.0/floatingips"
#define GROUPS   "/v2.0/security-groups"
#define RULES    "/v2.0/security-group-rules"
#define SERVERS  "/servers"
#define FLAVORS  "/flavors"
#define IMAGES   "/v2/images"
#define VOLUMES  "/volumes"
#define GRANTS   "/v3/role_assignments"

const char openstack_seed[] =
	"{'" NETWORK
	"':[{'id':'ee000000-0000-4000-8000-000000000001','name':'public','router:external':true}],"
	"'" SUBNETS "':[{'id':'ee000000-0000-4000-8000-000000000002','name':'public4',"
	"'network_id':'ee000000-0000-4000-8000-000000000001','cidr':'172.24.0.0/24','ip_version':4,"
	"'gateway_ip':'172.24.0.1'}],"
	"'" GROUPS "':[{'id':'ee000000-0000-4000-8000-000000000003','name':'default'}],"
	"'/v3/projects':[{'id':'" P "','name':'demo'}],"
	"'/v3/domains':[{'id':'default','name':'Default'}],"
	"'/v3/users':[{'id':'" U "','name':'demo'}],"
	"'/v3/roles':[{'id':'33333333333333333333333333333331','name':'member'},"
	"{'id':'33333333333333333333333333333332','name':'reader'}],"
	"'" FLAVORS "':[{'id':'1','name':'m1.tiny','ram':512,'vcpus':1,'disk':1},"
	"{'id':'2','name':'m1.small','ram':2048,'vcpus':1,'disk':20}],"
	"'" IMAGES
	"':[{'id':'ee000000-0000-4000-8000-000000000004','name':'cirros','status':'active',"
	"'checksum':'00000000000000000000000000000000','size':1}]}";

/* A field that is not there, or null, gets a value; takes v. */
static void fill(struct json_object *o, const char *key, struct json_object *v)
{
	if (json_at(o, key))
		json_object_put(v);
	else
		json_set(o, key, v);
}

static struct json_object *text(const char *fmt, ...) PRINTF(1, 2);
static struct json_object *text(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR s = xvasprintf(fmt, ap);
	va_end(ap);
	return json_object_new_string(s);
}

/* ---- Neutron ---- */

static struct err *tags_of(struct cloud *c, struct cloud_call *q, bool *done)
{
	(void)c;
	if (strcmp(q->sub, "tags") != 0 || strcmp(q->method, "PUT") != 0 || !q->object)
		return NULL;
	*done = true;
	if (!json_object_is_type(json_at(q->body, "tags"), json_type_array))
		return cloud_fault(400, "Invalid input for tags.");
	json_set(q->object, "tags", json_copy(json_at(q->body, "tags")));
	q->answer = json_copy(q->body);
	return NULL;
}

static struct err *subnet_born(struct cloud *c, struct json_object *o)
{
	const char *cidr = json_str(o, "cidr");
	struct json_object *network = cloud_one(c, NETWORK, json_str(o, "network_id"));
	struct json_object *pools = json_object_new_array(), *pool = json_object_new_object();
	const char *dot = cidr ? strrchr(cidr, '.') : NULL;

	if (!network || (!cidr && !json_str(o, "subnetpool_id"))) {
		json_object_put(pools);
		json_object_put(pool);
		return cloud_fault(400, "A subnet needs a network and a cidr.");
	}
	if (!cidr)
		json_sets(o, "cidr", "10.99.0.0/24");
	cidr = json_str(o, "cidr");
	dot = strrchr(cidr, '.');
	const int len = dot ? (int)(dot - cidr) : (int)strcspn(cidr, "/");
	if (!json_has(o, "gateway_ip"))
		json_set(o, "gateway_ip", text("%.*s%s1", len, cidr, dot ? "." : ""));
	json_set(pool, "start",
		 text("%.*s%s%d", len, cidr, dot ? "." : "", json_at(o, "gateway_ip") ? 2 : 1));
	json_set(pool, "end", text("%.*s%s254", len, cidr, dot ? "." : ""));
	json_object_array_add(pools, pool);
	fill(o, "allocation_pools", pools);
	json_object_array_add(json_at(network, "subnets"), json_copy(json_at(o, "id")));
	return NULL;
}

static void drop_all(struct cloud *c, const char *path, const char *field, const char *id)
{
	AUTO_JSON all = json_copy(cloud_at(c, path));

	json_object_object_foreach(all, other, o)
		if (json_is_str(json_at(o, field), id))
			cloud_drop(c, path, other);
}

static void subnet_gone(struct cloud *c, struct json_object *o)
{
	struct json_object *subnets =
		json_at(cloud_one(c, NETWORK, json_str(o, "network_id")), "subnets");

	for (size_t i = json_len(subnets); i-- > 0;)
		if (json_object_equal(json_nth(subnets, i), json_at(o, "id")))
			(void)json_object_array_del_idx(subnets, i, 1);
}

static void network_gone(struct cloud *c, struct json_object *o)
{
	drop_all(c, SUBNETS, "network_id", json_str(o, "id"));
}

static struct json_object *subnet_of(struct cloud *c, const char *network)
{
	json_object_object_foreach(cloud_at(c, SUBNETS), id, o) {
		(void)id;
		if (json_is_str(json_at(o, "network_id"), network))
			return o;
	}
	return NULL;
}

static void give_address(struct cloud *c, struct json_object *ip, const char *network)
{
	struct json_object *subnet = json_str(ip, "subnet_id")
					     ? cloud_one(c, SUBNETS, json_str(ip, "subnet_id"))
					     : subnet_of(c, network);
	const char *cidr = json_str(subnet, "cidr");
	const char *dot = cidr ? strrchr(cidr, '.') : NULL;

	json_set(ip, "subnet_id", json_copy(json_at(subnet, "id")));
	if (dot)
		fill(ip, "ip_address",
		     text("%.*s.%d", (int)(dot - cidr), cidr,
			  10 + json_object_object_length(cloud_at(c, PORTS))));
}

/* Options are merged by their names; one without a value goes. */
static struct err *port_changed(struct cloud *c, struct json_object *o, struct json_object *body)
{
	struct json_object *kept, *opts = json_at(o, "extra_dhcp_opts");

	(void)c;
	if (!json_has(body, "extra_dhcp_opts"))
		return NULL;
	kept = json_object_new_array();
	for (size_t i = 0; i < json_len(opts); i++)
		if (json_at(json_nth(opts, i), "opt_value"))
			json_object_array_add(kept, json_copy(json_nth(opts, i)));
	json_set(o, "extra_dhcp_opts", kept);
	return NULL;
}

static struct err *port_born(struct cloud *c, struct json_object *o)
{
	const char *network = json_str(o, "network_id");
	struct json_object *ips = json_at(o, "fixed_ips"), *groups;

	if (!network)
		return cloud_fault(400, "A port needs a network.");
	groups = json_object_new_array();
	fill(o, "mac_address",
	     text("fa:16:3e:00:00:%02x", json_object_object_length(cloud_at(c, PORTS))));
	json_object_array_add(groups,
			      json_object_new_string("ee000000-0000-4000-8000-000000000003"));
	fill(o, "security_groups", groups);
	if (!ips) {
		ips = json_object_new_array();
		json_set(o, "fixed_ips", ips);
		if (subnet_of(c, network))
			json_object_array_add(ips, json_object_new_object());
	}
	for (size_t i = 0; i < json_len(ips); i++)
		give_address(c, json_nth(ips, i), network);
	return NULL;
}

static struct err *router_port(struct cloud *c, struct cloud_call *q, const char *port,
			       const char *subnet)
{
	struct json_object *s = cloud_one(c, SUBNETS, subnet ? subnet : "");
	struct json_object *o = cloud_one(c, PORTS, port ? port : ""), *ips, *ip;
	struct err *e = NULL;

	if (!o && !s)
		return cloud_fault(404, "Subnet or port could not be found.");
	if (!o) {
		o = json_object_new_object();
		ip = json_object_new_object();
		ips = json_object_new_array();
		json_set(ip, "subnet_id", json_copy(json_at(s, "id")));
		json_set(ip, "ip_address", json_copy(json_at(s, "gateway_ip")));
		json_object_array_add(ips, ip);
		json_set(o, "fixed_ips", ips);
		json_set(o, "network_id", json_copy(json_at(s, "network_id")));
		json_set(o, "device_id", json_copy(json_at(q->object, "id")));
		e = cloud_make(c, PORTS, o, &o);
		if (e)
			return e;
	}
	json_set(o, "device_id", json_copy(json_at(q->object, "id")));
	json_sets(o, "device_owner", "network:router_interface");
	q->answer = json_wrap("port_id", json_copy(json_at(o, "id")));
	json_set(q->answer, "subnet_id",
		 json_copy(json_at(json_nth(json_at(o, "fixed_ips"), 0), "subnet_id")));
	return NULL;
}

static bool is_interface(struct json_object *port, const char *router, const char *id,
			 const char *subnet)
{
	struct json_object *ip = json_nth(json_at(port, "fixed_ips"), 0);

	return json_is_str(json_at(port, "device_id"), router) &&
	       (id ? json_is_str(json_at(port, "id"), id)
		   : json_is_str(json_at(ip, "subnet_id"), subnet));
}

static int by_destination(const void *a, const void *b)
{
	const struct json_object *const *x = a, *const *y = b;

	return strcmp(json_str((struct json_object *)(uintptr_t)*x, "destination"),
		      json_str((struct json_object *)(uintptr_t)*y, "destination"));
}

/* Single routes, added or removed; in no order of theirs. */
static struct err *router_routes(struct cloud_call *q, bool add)
{
	struct json_object *given = json_at(q->body, "router.routes");
	struct json_object *have = json_at(q->object, "routes"), *all = json_object_new_array();

	for (size_t i = 0; i < json_len(have); i++)
		if (!json_list_has(given, json_nth(have, i)))
			json_object_array_add(all, json_copy(json_nth(have, i)));
	for (size_t i = 0; i < json_len(given) && add; i++)
		json_object_array_add(all, json_copy(json_nth(given, i)));
	json_object_array_sort(all, by_destination);
	json_set(q->object, "routes", all);
	q->answer = json_wrap("router", json_wrap("routes", json_copy(all)));
	return NULL;
}

/* A route by way of the subnet; NULL: there is none. */
static const char *route_by(struct cloud *c, struct json_object *router, struct json_object *port)
{
	struct json_object *routes = json_at(router, "routes");
	struct json_object *ip = json_nth(json_at(port, "fixed_ips"), 0);
	const char *cidr = json_str(cloud_one(c, SUBNETS, json_str(ip, "subnet_id")), "cidr");
	const char *dot = cidr ? strrchr(cidr, '.') : NULL;

	for (size_t i = 0; i < json_len(routes) && dot; i++) {
		const char *nexthop = json_str(json_nth(routes, i), "nexthop");

		if (nexthop && strncmp(nexthop, cidr, (size_t)(dot - cidr) + 1) == 0)
			return nexthop;
	}
	return NULL;
}

static struct err *router_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	const char *port = json_str(q->body, "port_id"), *subnet = json_str(q->body, "subnet_id");
	AUTO_JSON ports = json_copy(cloud_at(c, PORTS));
	const bool add = strcmp(q->sub, "add_router_interface") == 0;
	const bool route = strcmp(q->sub, "add_extraroutes") == 0;

	*done = q->object && (route || strcmp(q->sub, "remove_extraroutes") == 0);
	if (*done)
		return router_routes(q, route);
	if (!q->object || (!add && strcmp(q->sub, "remove_router_interface") != 0))
		return tags_of(c, q, done);
	*done = true;
	json_object_object_foreach(ports, id, o) {
		if (!is_interface(o, q->id, port, subnet ? subnet : ""))
			continue;
		if (add)
			return cloud_fault(400, "Router already has a port on subnet %s.",
					   subnet ? subnet : id);
		if (route_by(c, q->object, o))
			return cloud_fault(409, "Router interface is required by the route to %s.",
					   route_by(c, q->object, o));
		cloud_drop(c, PORTS, id);
		return NULL;
	}
	return add ? router_port(c, q, port, subnet)
		   : cloud_fault(404, "Router has no interface there.");
}

static struct err *router_may_go(struct cloud *c, struct json_object *o)
{
	json_object_object_foreach(cloud_at(c, PORTS), id, port)
		if (json_is_str(json_at(port, "device_id"), json_str(o, "id")))
			return cloud_fault(409, "Router still has port %s.", id);
	return NULL;
}

/* A gateway gets an address of the external network. */
static struct err *router_gateway(struct cloud *c, struct json_object *o)
{
	struct json_object *info = json_at(o, "external_gateway_info"), *ips;
	struct json_object *network;

	if (!info)
		return NULL;
	if (!json_str(info, "network_id")) {
		json_set(o, "external_gateway_info", NULL);
		return NULL;
	}
	network = cloud_one(c, NETWORK, json_str(info, "network_id"));
	if (!network || !json_truth(network, "router:external", false))
		return cloud_fault(400, "Network is not external.");
	fill(info, "enable_snat", json_object_new_boolean(true));
	ips = json_at(info, "external_fixed_ips");
	if (!ips) {
		ips = json_object_new_array();
		json_set(info, "external_fixed_ips", ips);
		json_object_array_add(ips, json_object_new_object());
	}
	for (size_t i = 0; i < json_len(ips); i++)
		give_address(c, json_nth(ips, i), json_str(info, "network_id"));
	return NULL;
}

static struct err *router_changed(struct cloud *c, struct json_object *o, struct json_object *body)
{
	return json_has(body, "external_gateway_info") ? router_gateway(c, o) : NULL;
}

static struct err *floating_attach(struct cloud *c, struct json_object *o)
{
	struct json_object *port =
		json_str(o, "port_id") ? cloud_one(c, PORTS, json_str(o, "port_id")) : NULL;

	if (json_str(o, "port_id") && !port)
		return cloud_fault(404, "Port could not be found.");
	if (port)
		fill(o, "fixed_ip_address",
		     json_copy(json_at(json_nth(json_at(port, "fixed_ips"), 0), "ip_address")));
	else
		json_set(o, "fixed_ip_address", NULL);
	json_sets(o, "status", port ? "ACTIVE" : "DOWN");
	return NULL;
}

static struct err *floating_born(struct cloud *c, struct json_object *o)
{
	fill(o, "floating_ip_address",
	     text("172.24.0.%d", 100 + json_object_object_length(cloud_at(c, FLOATING))));
	return floating_attach(c, o);
}

static struct err *floating_changed(struct cloud *c, struct json_object *o,
				    struct json_object *body)
{
	if (json_str(body, "fixed_ip_address") && !json_str(body, "port_id"))
		return cloud_fault(400, "fixed_ip_address cannot be given without its port_id.");
	if (json_has(body, "port_id") && !json_has(body, "fixed_ip_address"))
		json_set(o, "fixed_ip_address", NULL);
	return floating_attach(c, o);
}

static struct err *group_born(struct cloud *c, struct json_object *o)
{
	static const char *const types[] = { "IPv4", "IPv6" };

	for (size_t i = 0; i < COUNT(types); i++) {
		struct json_object *rule = json_object_new_object();
		struct err *e;

		json_sets(rule, "security_group_id", json_str(o, "id"));
		json_sets(rule, "direction", "egress");
		json_sets(rule, "ethertype", types[i]);
		json_sets(rule, "_young", "");
		e = cloud_make(c, RULES, rule, NULL);
		if (e)
			return e;
	}
	return NULL;
}

static void group_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	struct json_object *rules = json_object_new_array();

	json_object_object_foreach(cloud_at(c, RULES), id, rule) {
		(void)id;
		if (json_is_str(json_at(rule, "security_group_id"), json_str(o, "id")))
			json_object_array_add(rules, json_copy(rule));
	}
	json_set(copy, "security_group_rules", rules);
}

static void group_gone(struct cloud *c, struct json_object *o)
{
	drop_all(c, RULES, "security_group_id", json_str(o, "id"));
}

static struct err *rule_born(struct cloud *c, struct json_object *o)
{
	static const char *const keys[] = { "security_group_id", "direction",      "ethertype",
					    "protocol",          "port_range_min", "port_range_max",
					    "remote_ip_prefix",  "remote_group_id" };

	if (!json_has(o, "_young") && !cloud_one(c, GROUPS, json_str(o, "security_group_id")))
		return cloud_fault(404, "Security group does not exist.");
	json_object_object_foreach(cloud_at(c, RULES), id, rule) {
		size_t same = 0;

		for (size_t i = 0; i < COUNT(keys); i++)
			same += json_object_equal(json_at(o, keys[i]), json_at(rule, keys[i])) != 0;
		if (same == COUNT(keys))
			return cloud_fault(
				409, "Security group rule already exists. Rule id is %s.", id);
	}
	return NULL;
}

/* ---- Nova ---- */

static struct err *server_born(struct cloud *c, struct json_object *o)
{
	struct json_object *flavor =
		cloud_one(c, FLAVORS, json_str(o, "flavorRef") ? json_str(o, "flavorRef") : "");
	struct json_object *nets = json_at(o, "networks"), *told = json_object_new_object();
	struct json_object *groups = json_object_new_array();

	json_set(o, "flavor", told);
	json_object_array_add(groups, json_wrap("name", json_object_new_string("default")));
	fill(o, "security_groups", groups);
	if (!flavor)
		return cloud_fault(400, "Can not find requested flavor.");
	json_set(told, "original_name", json_copy(json_at(flavor, "name")));
	json_set(told, "ram", json_copy(json_at(flavor, "ram")));
	json_set(o, "image",
		 json_str(o, "imageRef") && *json_str(o, "imageRef")
			 ? json_wrap("id", json_copy(json_at(o, "imageRef")))
			 : json_object_new_string(""));
	for (size_t i = 0; i < json_len(nets); i++) {
		struct json_object *port, *net = json_nth(nets, i);
		struct err *e;

		if (json_str(net, "port")) {
			port = cloud_one(c, PORTS, json_str(net, "port"));
			if (!port)
				return cloud_fault(400, "Port %s could not be found.",
						   json_str(net, "port"));
			json_sets(port, "device_id", json_str(o, "id"));
			continue;
		}
		port = json_wrap("network_id", json_copy(json_at(net, "uuid")));
		json_sets(port, "device_id", json_str(o, "id"));
		json_sets(port, "device_owner", "compute:nova");
		json_sets(port, "_owned", "");
		e = cloud_make(c, PORTS, port, NULL);
		if (e)
			return e;
	}
	json_object_object_del(o, "networks");
	return NULL;
}

static void add_address(struct json_object *list, struct json_object *ip, const char *type)
{
	struct json_object *a = json_object_new_object();

	json_set(a, "addr", json_copy(ip));
	json_sets(a, "OS-EXT-IPS:type", type);
	json_set(a, "version", json_object_new_int(4));
	json_object_array_add(list, a);
}

static void server_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	struct json_object *all = json_object_new_object();

	json_object_object_foreach(cloud_at(c, PORTS), id, port) {
		struct json_object *network = cloud_one(c, NETWORK, json_str(port, "network_id")),
				   *list;
		const char *name = json_str(network, "name");

		if (!json_is_str(json_at(port, "device_id"), json_str(o, "id")) || !name)
			continue;
		if (!json_object_object_get_ex(all, name, &list)) {
			list = json_object_new_array();
			json_set(all, name, list);
		}
		add_address(list, json_at(json_nth(json_at(port, "fixed_ips"), 0), "ip_address"),
			    "fixed");
		json_object_object_foreach(cloud_at(c, FLOATING), other, floating) {
			(void)other;
			if (json_is_str(json_at(floating, "port_id"), id))
				add_address(list, json_at(floating, "floating_ip_address"),
					    "floating");
		}
	}
	json_set(copy, "addresses", all);
}

static void server_gone(struct cloud *c, struct json_object *o)
{
	drop_all(c, PORTS, "device_id", json_str(o, "id"));
	json_object_object_foreach(cloud_at(c, VOLUMES), id, volume) {
		struct json_object *list = json_at(volume, "attachments");

		(void)id;
		if (!json_is_str(json_at(json_nth(list, 0), "server_id"), json_str(o, "id")))
			continue;
		json_set(volume, "attachments", json_object_new_array());
		json_sets(volume, "status", "available");
	}
}

static struct err *need(struct json_object *o, const char *states, const char *action)
{
	if (words_have(states, json_str(o, "status")))
		return NULL;
	return cloud_fault(409, "Cannot '%s' instance while it is in vm_state %s", action,
			   json_str(o, "status"));
}

static struct err *resize(struct cloud *c, struct json_object *o, struct json_object *arg)
{
	struct json_object *flavor = cloud_one(c, FLAVORS, json_str(arg, "flavorRef"));
	struct err *e = need(o, "ACTIVE SHUTOFF", "resize");

	if (e)
		return e;
	if (!flavor)
		return cloud_fault(400, "Flavor could not be found.");
	json_set(json_at(o, "flavor"), "original_name", json_copy(json_at(flavor, "name")));
	json_set(json_at(o, "flavor"), "ram", json_copy(json_at(flavor, "ram")));
	cloud_go(c, o, "RESIZE VERIFY_RESIZE");
	json_sets(o, "_left", "VERIFY_RESIZE");
	return NULL;
}

static struct json_object *group_named(struct cloud *c, const char *name_or_id)
{
	json_object_object_foreach(cloud_at(c, GROUPS), id, group) {
		if (strcmp(id, name_or_id) == 0 || json_is_str(json_at(group, "name"), name_or_id))
			return group;
	}
	return NULL;
}

static struct err *set_group(struct cloud *c, struct json_object *o, const char *id, bool add)
{
	struct json_object *group = group_named(c, id);
	struct json_object *list = json_at(o, "security_groups");

	if (!group)
		return cloud_fault(404, "Security group %s not found.", id);
	for (size_t i = 0; i < json_len(list); i++) {
		if (!json_is_str(json_at(json_nth(list, i), "name"), json_str(group, "name")))
			continue;
		if (!add)
			(void)json_object_array_del_idx(list, i, 1);
		return NULL;
	}
	if (!add)
		return cloud_fault(404, "Security group is not associated.");
	json_object_array_add(list, json_wrap("name", json_copy(json_at(group, "name"))));
	return NULL;
}

static const struct {
	const char *name, *from, *to;
} actions[] = {
	{ "confirmResize", "VERIFY_RESIZE", "ACTIVE" },
	{ "os-start", "SHUTOFF", "SHUTOFF ACTIVE" },
	{ "os-stop", "ACTIVE", "ACTIVE SHUTOFF" },
	{ "pause", "ACTIVE", "ACTIVE PAUSED" },
	{ "unpause", "PAUSED", "PAUSED ACTIVE" },
	{ "suspend", "ACTIVE", "ACTIVE SUSPENDED" },
	{ "resume", "SUSPENDED", "SUSPENDED ACTIVE" },
	{ "reboot", "ACTIVE SHUTOFF", "REBOOT ACTIVE" },
	{ "shelve", "ACTIVE SHUTOFF", "ACTIVE SHELVED_OFFLOADED" },
	{ "unshelve", "SHELVED SHELVED_OFFLOADED", "SHELVED_OFFLOADED ACTIVE" },
	{ "rebuild", "ACTIVE SHUTOFF ERROR", "REBUILD ACTIVE" },
};

static struct err *server_action(struct cloud *c, struct cloud_call *q)
{
	struct json_object *o = q->object;

	if (json_has(q->body, "resize"))
		return resize(c, o, json_at(q->body, "resize"));
	if (json_has(q->body, "lock") || json_has(q->body, "unlock")) {
		json_set(o, "locked", json_object_new_boolean(json_has(q->body, "lock")));
		return NULL;
	}
	if (json_has(q->body, "changePassword")) {
		json_set(o, "_password", json_copy(json_at(q->body, "changePassword.adminPass")));
		return NULL;
	}
	if (json_has(q->body, "addSecurityGroup"))
		return set_group(c, o, json_str(q->body, "addSecurityGroup.name"), true);
	if (json_has(q->body, "removeSecurityGroup"))
		return set_group(c, o, json_str(q->body, "removeSecurityGroup.name"), false);
	for (size_t i = 0; i < COUNT(actions); i++) {
		struct err *e;

		if (!json_has(q->body, actions[i].name))
			continue;
		e = need(o, actions[i].from, actions[i].name);
		if (!e)
			cloud_go(c, o, actions[i].to);
		return e;
	}
	return cloud_fault(400, "There is no such action: %s", json_object_to_json_string(q->body));
}

static struct err *attach(struct cloud *c, struct cloud_call *q)
{
	struct json_object *inner = json_at(q->body, "volumeAttachment");
	struct json_object *volume = cloud_one(
		c, VOLUMES, json_str(inner, "volumeId") ? json_str(inner, "volumeId") : "");
	struct json_object *one = json_object_new_object(), *list;

	if (!volume || !json_is_str(json_at(volume, "status"), "available")) {
		json_object_put(one);
		return volume ? cloud_fault(400, "Volume must be available.")
			      : cloud_fault(404, "No such volume.");
	}
	list = json_object_new_array();
	json_sets(one, "server_id", q->id);
	json_sets(one, "volume_id", json_str(volume, "id"));
	json_sets(one, "device", "/dev/vdb");
	json_object_array_add(list, one);
	json_set(volume, "attachments", list);
	cloud_go(c, volume, "attaching in-use");
	q->answer = json_wrap("volumeAttachment", json_copy(one));
	json_set(json_at(q->answer, "volumeAttachment"), "id", json_copy(json_at(volume, "id")));
	json_set(json_at(q->answer, "volumeAttachment"), "volumeId",
		 json_copy(json_at(volume, "id")));
	json_sets(json_at(q->answer, "volumeAttachment"), "serverId", q->id);
	return NULL;
}

static struct err *attachments(struct cloud *c, struct cloud_call *q)
{
	const char *id = strchr(q->sub, '/');
	struct json_object *volume = id ? cloud_one(c, VOLUMES, id + 1) : NULL;
	struct json_object *one = json_nth(json_at(volume, "attachments"), 0);

	if (!id && strcmp(q->method, "POST") == 0)
		return attach(c, q);
	if (!id || !json_is_str(json_at(one, "server_id"), q->id))
		return cloud_fault(404, "The volume is not attached.");
	if (strcmp(q->method, "DELETE") == 0) {
		cloud_go(c, volume, "detaching detaching available");
		return NULL;
	}
	cloud_look(c, volume);
	if (json_is_str(json_at(volume, "status"), "available"))
		return cloud_fault(404, "The volume is not attached.");
	q->answer = json_wrap("volumeAttachment", json_copy(one));
	json_set(json_at(q->answer, "volumeAttachment"), "volumeId",
		 json_copy(json_at(volume, "id")));
	json_sets(json_at(q->answer, "volumeAttachment"), "serverId", q->id);
	return NULL;
}

static struct json_object *interface_of(struct json_object *port)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "port_id", json_copy(json_at(port, "id")));
	json_set(o, "net_id", json_copy(json_at(port, "network_id")));
	json_set(o, "fixed_ips", json_copy(json_at(port, "fixed_ips")));
	json_set(o, "mac_addr", json_copy(json_at(port, "mac_address")));
	json_set(o, "port_state", json_copy(json_at(port, "status")));
	return o;
}

static struct err *plug(struct cloud *c, struct cloud_call *q)
{
	struct json_object *inner = json_at(q->body, "interfaceAttachment");
	const char *id = json_str(inner, "port_id");
	struct json_object *port = id ? cloud_one(c, PORTS, id) : NULL;
	struct err *e = NULL;

	if (id && (!port || *json_str(port, "device_id")))
		return port ? cloud_fault(409, "Port %s is still in use.", id)
			    : cloud_fault(404, "Port id %s could not be found.", id);
	if (!port) {
		port = json_wrap("network_id", json_copy(json_at(inner, "net_id")));
		if (json_at(inner, "fixed_ips"))
			json_set(port, "fixed_ips", json_copy(json_at(inner, "fixed_ips")));
		json_sets(port, "_owned", "");
		e = cloud_make(c, PORTS, port, &port);
	}
	if (e)
		return e;
	json_sets(port, "device_id", q->id);
	json_sets(port, "device_owner", "compute:nova");
	q->answer = json_wrap("interfaceAttachment", interface_of(port));
	return NULL;
}

static struct err *interfaces(struct cloud *c, struct cloud_call *q)
{
	const char *id = strchr(q->sub, '/');
	struct json_object *port = id ? cloud_one(c, PORTS, id + 1) : NULL, *list;

	if (!id && strcmp(q->method, "POST") == 0)
		return plug(c, q);
	if (id && !json_is_str(json_at(port, "device_id"), q->id))
		return cloud_fault(404, "The server has no such port.");
	if (!id) {
		list = json_object_new_array();
		q->answer = json_wrap("interfaceAttachments", list);
		json_object_object_foreach(cloud_at(c, PORTS), key, o) {
			(void)key;
			if (json_is_str(json_at(o, "device_id"), q->id))
				json_object_array_add(list, interface_of(o));
		}
	} else if (strcmp(q->method, "GET") == 0) {
		q->answer = json_wrap("interfaceAttachment", interface_of(port));
	} else if (json_has(port, "_owned")) {
		cloud_drop(c, PORTS, id + 1);
	} else {
		json_sets(port, "device_id", "");
		json_sets(port, "device_owner", "");
	}
	return NULL;
}

static struct err *server_groups(struct cloud *c, struct cloud_call *q)
{
	struct json_object *list = json_object_new_array();
	struct json_object *names = json_at(q->object, "security_groups");

	q->answer = json_wrap("security_groups", list);
	json_object_object_foreach(cloud_at(c, GROUPS), id, group) {
		AUTO_JSON named = json_wrap("name", json_copy(json_at(group, "name")));

		(void)id;
		if (json_list_has(names, named))
			json_object_array_add(list, json_copy(group));
	}
	return NULL;
}

/* PUT sets all, POST those that are given, DELETE /metadata/KEY takes one away. */
static struct err *server_metadata(struct cloud *c, struct cloud_call *q)
{
	struct json_object *now = json_at(q->object, "metadata");

	(void)c;
	if (strcmp(q->method, "DELETE") == 0 && q->sub[8] == '/') {
		if (!json_has(now, q->sub + 9))
			return cloud_fault(404, "Metadata item was not found");
		json_object_object_del(now, q->sub + 9);
		return NULL;
	}
	if (strcmp(q->method, "PUT") == 0) {
		now = json_object_new_object();
		json_set(q->object, "metadata", now);
	}
	json_object_object_foreach(json_at(q->body, "metadata"), key, v) {
		json_set(now, key, json_copy(v));
	}
	q->answer = json_copy(q->body);
	return NULL;
}

static struct err *server_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	/* Its own envelope and the hints' stand side by side. */
	if (!*q->sub || !q->object)
		return NULL;
	*done = true;
	if (strcmp(q->sub, "action") == 0)
		return server_action(c, q);
	if (strncmp(q->sub, "os-volume_attachments", 21) == 0)
		return attachments(c, q);
	if (strncmp(q->sub, "os-interface", 12) == 0)
		return interfaces(c, q);
	if (strcmp(q->sub, "os-security-groups") == 0)
		return server_groups(c, q);
	if (strcmp(q->sub, "os-instance-actions") == 0) {
		q->answer = json_wrap("instanceActions", json_object_new_array());
		return NULL;
	}
	if (strncmp(q->sub, "metadata", 8) == 0)
		return server_metadata(c, q);
	if (strcmp(q->sub, "tags") == 0 && strcmp(q->method, "PUT") == 0) {
		json_set(q->object, "tags", json_copy(json_at(q->body, "tags")));
		q->answer = json_copy(q->body);
		return NULL;
	}
	return cloud_fault(404, "There is no /servers/ID/%s.", q->sub);
}

static struct err *specs(struct cloud_call *q)
{
	struct json_object *specs = json_at(q->object, "extra_specs");
	const char *key = strchr(q->sub, '/');

	if (strcmp(q->method, "POST") == 0) {
		json_object_object_foreach(json_at(q->body, "extra_specs"), k, v)
			json_set(specs, k, json_copy(v));
	} else if (strcmp(q->method, "DELETE") == 0) {
		if (!key || !json_has(specs, key + 1))
			return cloud_fault(404, "There is no such extra spec.");
		json_object_object_del(specs, key + 1);
		return NULL;
	}
	q->answer = json_wrap("extra_specs", json_copy(specs));
	return NULL;
}

static struct err *flavor_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	(void)c;
	if (!q->object || !*q->sub)
		return NULL;
	*done = true;
	if (strncmp(q->sub, "os-extra_specs", 14) == 0)
		return specs(q);
	if (strcmp(q->sub, "os-flavor-access") == 0) {
		q->answer = json_wrap("flavor_access", json_object_new_array());
		return NULL;
	}
	if (strcmp(q->sub, "action") == 0)
		return NULL;
	return cloud_fault(404, "There is no /flavors/ID/%s.", q->sub);
}

static struct err *keypair_born(struct cloud *c, struct json_object *o)
{
	(void)c;
	if (!json_str(o, "public_key")) {
		json_sets(o, "public_key", "ssh-rsa AAAA made-by-nova");
		json_sets(o, "_private", "key");
	}
	return NULL;
}

/* The private key is told once. */
static void keypair_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	(void)c;
	if (json_has(o, "_private"))
		json_sets(copy, "private_key", "-----BEGIN");
	json_object_object_del(o, "_private");
}

/* ---- Glance, Cinder, Keystone ---- */

static struct err *image_data(struct cloud *c, struct cloud_call *q)
{
	unsigned char part[4096], sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md5 = EVP_MD_CTX_new();
	unsigned int len = 0;
	AUTO_BUF hex = BUF_INIT;
	int64_t size = 0;
	ssize_t n;

	if (!md5 || !EVP_DigestInit_ex(md5, EVP_md5(), NULL))
		abort();
	while ((n = read(q->upload_fd, part, sizeof(part))) > 0) {
		(void)EVP_DigestUpdate(md5, part, (size_t)n);
		size += n;
	}
	(void)EVP_DigestFinal_ex(md5, sum, &len);
	EVP_MD_CTX_free(md5);
	if (size != q->upload_size)
		return cloud_fault(400, "%d bytes were announced, but %d came.",
				   (int)q->upload_size, (int)size);
	for (unsigned int i = 0; i < len; i++)
		buf_addf(&hex, "%02x", sum[i]);
	json_sets(q->object, "checksum", hex.s);
	json_set(q->object, "size", json_object_new_int64(size));
	cloud_go(c, q->object, "active");
	return NULL;
}

static struct err *image_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	if (!q->object || !*q->sub)
		return NULL;
	*done = true;
	if (strcmp(q->sub, "file") == 0 && strcmp(q->method, "PUT") == 0) {
		if (!json_is_str(json_at(q->object, "status"), "queued"))
			return cloud_fault(
				409, "Image status transition from %s to saving is not allowed",
				json_str(q->object, "status"));
		return image_data(c, q);
	}
	if (strcmp(q->sub, "import") == 0) {
		cloud_go(c, q->object, "importing active");
		return NULL;
	}
	if (strcmp(q->sub, "actions/deactivate") == 0 ||
	    strcmp(q->sub, "actions/reactivate") == 0) {
		cloud_go(c, q->object, q->sub[8] == 'd' ? "deactivated" : "active");
		return NULL;
	}
	return cloud_fault(404, "There is no " IMAGES "/ID/%s.", q->sub);
}

static struct err *image_may_go(struct cloud *c, struct json_object *o)
{
	(void)c;
	if (json_truth(o, "protected", false))
		return cloud_fault(403, "Image %s is protected and cannot be deleted.",
				   json_str(o, "id"));
	return NULL;
}

static struct err *volume_born(struct cloud *c, struct json_object *o)
{
	(void)c;
	if (!json_int(o, "size", 0))
		return cloud_fault(400, "A volume needs a size.");
	fill(o, "volume_type", json_object_new_string("lvm"));
	return NULL;
}

static void volume_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	(void)c;
	if (json_is_str(json_at(o, "status"), "available"))
		json_set(copy, "attachments", json_object_new_array());
}

static struct err *volume_may_go(struct cloud *c, struct json_object *o)
{
	(void)c;
	if (words_have("available error error_extending", json_str(o, "status")))
		return NULL;
	return cloud_fault(400,
			   "Volume status must be available or error, but current status is: %s.",
			   json_str(o, "status"));
}

static struct err *volume_action(struct cloud *c, struct cloud_call *q)
{
	struct json_object *o = q->object;

	if (json_has(q->body, "os-extend")) {
		if (!words_have("available in-use", json_str(o, "status")))
			return cloud_fault(400, "Volume must be available.");
		json_set(o, "size", json_copy(json_at(q->body, "os-extend.new_size")));
		cloud_go(c, o, "extending available");
	} else if (json_has(q->body, "os-retype")) {
		json_set(o, "volume_type", json_copy(json_at(q->body, "os-retype.new_type")));
		cloud_go(c, o, "retyping available");
	} else if (json_has(q->body, "os-set_bootable")) {
		json_sets(o, "bootable",
			  json_truth(q->body, "os-set_bootable.bootable", false) ? "true"
										 : "false");
	} else {
		return cloud_fault(400, "There is no such action: %s",
				   json_object_to_json_string(q->body));
	}
	return NULL;
}

static struct err *volume_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	if (!q->object || !*q->sub)
		return NULL;
	*done = true;
	if (strcmp(q->sub, "action") == 0)
		return volume_action(c, q);
	if (strcmp(q->sub, "metadata") == 0) {
		if (strcmp(q->method, "PUT") == 0)
			json_set(q->object, "metadata", json_object_new_object());
		json_object_object_foreach(json_at(q->body, "metadata"), key, v)
			json_set(json_at(q->object, "metadata"), key, json_copy(v));
		q->answer = json_copy(q->body);
		return NULL;
	}
	return cloud_fault(404, "There is no " VOLUMES "/ID/%s.", q->sub);
}

static struct err *domain_may_go(struct cloud *c, struct json_object *o)
{
	(void)c;
	if (json_truth(o, "enabled", true))
		return cloud_fault(
			403, "Cannot delete a domain that is enabled, please disable it first.");
	return NULL;
}

static void user_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	(void)c;
	(void)o;
	json_object_object_del(copy, "password");
}

static void user_gone(struct cloud *c, struct json_object *o)
{
	drop_all(c, GRANTS, "user.id", json_str(o, "id"));
}

static void group_of_users_gone(struct cloud *c, struct json_object *o)
{
	drop_all(c, GRANTS, "group.id", json_str(o, "id"));
}

/* Options that are not named stay as they are. */
static struct err *user_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	struct json_object *options = json_at(q->body, "user.options"), *all;

	(void)c;
	(void)done;
	if (strcmp(q->method, "PATCH") != 0 || !q->object || !options)
		return NULL;
	all = json_copy(json_at(q->object, "options"));
	json_object_object_foreach(options, key, v)
		json_set(all, key, json_copy(v));
	json_set(json_at(q->body, "user"), "options", all);
	return NULL;
}

static bool covers_role(struct json_object *named, struct json_object *role)
{
	const char *key = json_str(named, "id") ? "id" : "name";

	return json_is_str(json_at(role, key), json_str(named, key));
}

/* A role brings those that it implies. */
static struct err *credential_born(struct cloud *c, struct json_object *o)
{
	struct json_object *roles = json_at(o, "roles"), *all = json_object_new_array();

	json_object_object_foreach(cloud_at(c, "/v3/roles"), id, role) {
		bool has = !roles;

		(void)id;
		for (size_t i = 0; i < json_len(roles); i++)
			has = has || covers_role(json_nth(roles, i), role) ||
			      json_is_str(json_at(role, "name"), "reader");
		if (has)
			json_object_array_add(all, json_copy(role));
	}
	json_set(o, "roles", all);
	fill(o, "secret", json_object_new_string("a-secret-of-keystone"));
	json_sets(o, "_young", "");
	return NULL;
}

static void credential_shown(struct cloud *c, struct json_object *o, struct json_object *copy)
{
	(void)c;
	if (!json_has(o, "_young"))
		json_object_object_del(copy, "secret");
	json_object_object_del(o, "_young");
}

/* "users/U/roles/R" below a project, a domain, the system; all that below OS-INHERIT once more. */
static struct json_object *grant_named(struct cloud_call *q)
{
	AUTO_STR path = xasprintf("%s/%s/%s", q->kind->path + strlen("/v3/"), q->id, q->sub);
	struct json_object *grant = json_object_new_object();
	struct json_object *scope = json_object_new_object();
	char *rest = path;

	json_set(grant, "scope", scope);
	for (char *kind = strsep(&rest, "/"); kind && rest; kind = strsep(&rest, "/")) {
		const bool inherited = strcmp(kind, "OS-INHERIT") == 0;
		struct json_object *one;

		if (inherited)
			json_sets(scope, "OS-INHERIT:inherited_to", "projects");
		else if (strcmp(kind, "system") == 0)
			json_set(scope, "system", json_wrap("all", json_object_new_boolean(true)));
		if (inherited || strcmp(kind, "system") == 0)
			continue;
		one = json_wrap("id", json_object_new_string(strsep(&rest, "/")));
		kind[strlen(kind) - 1] = '\0'; /* users: user */
		json_set(words_have("project domain", kind) ? scope : grant, kind, one);
	}
	return grant;
}

static struct err *grant_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	AUTO_JSON wanted = NULL;
	AUTO_JSON all = json_copy(cloud_at(c, GRANTS));
	bool found = false;

	if (!words_have("GET PUT DELETE", q->method) || !strstr(q->sub, "roles/"))
		return NULL;
	*done = true;
	wanted = grant_named(q);
	if (!cloud_one(c, "/v3/roles", json_str(wanted, "role.id")))
		return cloud_fault(404, "Could not find role.");
	json_object_object_foreach(all, id, grant) {
		AUTO_JSON plain = json_copy(grant);

		json_object_object_del(plain, "id");
		json_object_object_del(plain, "_id");
		json_object_object_del(plain, "_kind");
		if (!json_object_equal(plain, wanted))
			continue;
		found = true;
		if (strcmp(q->method, "DELETE") == 0)
			cloud_drop(c, GRANTS, id);
	}
	if (strcmp(q->method, "PUT") != 0)
		return found ? NULL : cloud_fault(404, "Could not find role assignment.");
	return found ? NULL : cloud_make(c, GRANTS, TAKE(wanted), NULL);
}

/* A set of quotas there is of every project, with what holds at first. */
static struct json_object *first_quotas(const struct cloud_kind *k)
{
	AUTO_STR json = xstrdup(k->brief);

	for (char *p = json; *p; p++)
		if (*p == '\'')
			*p = '"';
	return json_tokener_parse(json);
}

static struct err *quota_call(struct cloud *c, struct cloud_call *q, bool *done)
{
	AUTO_STR name = xasprintf("%s%s", q->kind->service,
				  q->kind->path); /* two services have such a path */
	struct json_object *at = cloud_at(c, name);
	struct json_object *now = NULL;

	*done = true;
	if (*q->sub && strncmp(q->sub, "default", 7) == 0) {
		q->answer = json_wrap(q->kind->key, first_quotas(q->kind));
		return NULL;
	}
	if (strcmp(q->method, "DELETE") == 0) {
		json_object_object_del(at, q->id);
		return NULL;
	}
	if (strcmp(q->method, "PUT") == 0) {
		if (!json_object_object_get_ex(at, q->id, &now)) {
			now = first_quotas(q->kind);
			json_set(at, q->id, now);
		}
		json_object_object_foreach(json_at(q->body, q->kind->key), key, v) {
			if (!json_has(now, key))
				return cloud_fault(400, "There is no quota %s.", key);
			json_set(now, key, json_copy(v));
		}
	}
	if (json_object_object_get_ex(at, q->id, &now))
		q->answer = json_wrap(q->kind->key, json_copy(now));
	else
		q->answer = json_wrap(q->kind->key, first_quotas(q->kind));
	return NULL;
}

/* ---- the kinds ---- */

const struct cloud_kind openstack_kinds[] = {
	{ "network", NETWORK, "network", "networks", KIND_BULK,
	  "{" OWNER DATES "'admin_state_up':true,'status':'ACTIVE','subnets':[],'shared':false,"
	  "'router:external':false,"
	  "'mtu':1500,'port_security_enabled':true,'description':'','tags':[],"
	  "'availability_zone_hints':[],"
	  "'availability_zones':[],'qos_policy_id':null,'dns_domain':'',"
	  "'provider:network_type':'vxlan',"
	  "'provider:physical_network':null,'provider:segmentation_id':1,'is_default':false}",
	  .filters = TAGS, .special = tags_of, .gone = network_gone },
	{ "network", SUBNETS, "subnet", "subnets", KIND_BULK,
	  "{" OWNER DATES
	  "'name':'','network_id':null,'cidr':null,'enable_dhcp':true,'ip_version':4,"
	  "'dns_nameservers':[],"
	  "'host_routes':[],'service_types':[],'subnetpool_id':null,'segment_id':null,"
	  "'ipv6_ra_mode':null,"
	  "'ipv6_address_mode':null,'description':'','tags':[],'dns_publish_fixed_ip':false}",
	  .refs = "network_id=" NETWORK, .filters = TAGS, .special = tags_of, .born = subnet_born,
	  .gone = subnet_gone },
	{ "network", PORTS, "port", "ports", KIND_BULK,
	  "{" OWNER DATES
	  "'name':'','network_id':null,'admin_state_up':true,'status':'DOWN','device_id':'',"
	  "'device_owner':'',"
	  "'description':'','tags':[],'allowed_address_pairs':[],'extra_dhcp_opts':[],"
	  "'port_security_enabled':true,"
	  "'binding:vnic_type':'normal','binding:host_id':'','binding:profile':{},"
	  "'binding:vif_type':'unbound',"
	  "'binding:vif_details':{},'dns_name':'','dns_domain':'','dns_assignment':[],"
	  "'qos_policy_id':null,"
	  "'propagate_uplink_status':null,'numa_affinity_policy':null}",
	  .refs = "network_id=" NETWORK "!", .filters = TAGS " fixed_ips", .special = tags_of,
	  .born = port_born, .changed = port_changed },
	{ "network", "/v2.0/routers", "router", "routers", 0,
	  "{" OWNER DATES
	  "'name':'','admin_state_up':true,'status':'ACTIVE','description':'','tags':[],"
	  "'external_gateway_info':null,'routes':[],'distributed':false,'ha':false,"
	  "'flavor_id':null,"
	  "'availability_zone_hints':[],'availability_zones':[]}",
	  .filters = TAGS, .special = router_call, .born = router_gateway,
	  .changed = router_changed, .may_go = router_may_go },
	{ "network", FLOATING, "floatingip", "floatingips", 0,
	  "{" OWNER DATES
	  "'floating_network_id':null,'floating_ip_address':null,'fixed_ip_address':null,"
	  "'port_id':null,"
	  "'router_id':null,'status':'DOWN','description':'','tags':[],'dns_name':'',"
	  "'dns_domain':'','port_details':null,"
	  "'qos_policy_id':null}",
	  .refs = "floating_network_id=" NETWORK "!", .filters = TAGS, .special = tags_of,
	  .born = floating_born, .changed = floating_changed },
	{ "network", GROUPS, "security_group", "security_groups", KIND_BULK,
	  "{" OWNER DATES "'name':'','description':'','stateful':true,'tags':[],'shared':false}",
	  .filters = TAGS, .special = tags_of, .born = group_born, .gone = group_gone,
	  .shown = group_shown },
	{ "network", RULES, "security_group_rule", "security_group_rules", KIND_BULK,
	  "{" OWNER DATES
	  "'security_group_id':null,'direction':'ingress','ethertype':'IPv4','protocol':null,"
	  "'port_range_min':null,'port_range_max':null,'remote_ip_prefix':null,"
	  "'remote_group_id':null,"
	  "'remote_address_group_id':null,'description':'','normalized_cidr':null,"
	  "'belongs_to_default_sg':false}",
	  .filters = TAGS, .born = rule_born },
	{ "network", "/v2.0/quotas", "quota", NULL, .special = quota_call,
	  .brief = "{'network':100,'subnet':100,'port':500,'router':10,'floatingip':50,"
		   "'security_group':10,"
		   "'security_group_rule':100,'rbac_policy':10,'subnetpool':-1}" },
	{ "compute", SERVERS, "server", "servers",
	  KIND_REGEX | KIND_SLOW_DELETE | KIND_BRIEF | KIND_LAX,
	  "{'tenant_id':'" P "','metadata':{},'tags':[],'key_name':null,'description':null,"
	  "'OS-EXT-AZ:availability_zone':'nova',"
	  "'OS-EXT-STS:power_state':1,'OS-EXT-STS:task_state':null,"
	  "'OS-EXT-STS:vm_state':'active','config_drive':'',"
	  "'os-extended-volumes:volumes_attached':[],'locked':false,"
	  "'created':'2026-01-01T00:00:00Z','hostId':''}",
	  "status", "BUILD BUILD ACTIVE", .born = server_born, .special = server_call,
	  .gone = server_gone, .shown = server_shown, .filters = "all_tenants" },
	{ "compute", FLAVORS, "flavor", "flavors",
	  KIND_UNIQUE | KIND_EXACT_ID | KIND_LAX | KIND_BRIEF,
	  "{'ram':1,'vcpus':1,'disk':0,'swap':'','OS-FLV-EXT-DATA:ephemeral':0,'rxtx_factor':1.0,"
	  "'os-flavor-access:is_public':true,'OS-FLV-DISABLED:disabled':false,"
	  "'description':null,'extra_specs':{}}",
	  .special = flavor_call },
	{ "compute", "/os-keypairs", "keypair", "keypairs",
	  KIND_UNIQUE | KIND_ID_IS_NAME | KIND_WRAPPED,
	  "{'fingerprint':'00:11','type':'ssh','user_id':'u'}", .born = keypair_born,
	  .shown = keypair_shown, .filters = "user_id" },
	{ "compute", "/os-server-groups", "server_group", "server_groups", KIND_LAX,
	  "{'policy':null,'rules':{},'members':[],'project_id':'" P "','user_id':'u'}" },
	{ "compute", "/os-quota-sets", "quota_set", NULL, .special = quota_call,
	  .brief = "{'instances':10,'cores':20,'ram':51200,'key_pairs':100,'metadata_items':128,"
		   "'server_groups':10,"
		   "'server_group_members':10}" },
	{ "image", IMAGES, NULL, "images", KIND_OPS | KIND_EXACT_ID | KIND_LAX,
	  "{'owner':'" P
	  "','visibility':'shared','protected':false,'min_disk':0,'min_ram':0,'tags':[],"
	  "'checksum':null,"
	  "'size':null,'virtual_size':null,'disk_format':null,'container_format':null,"
	  "'os_hidden':false,'os_hash_algo':null,"
	  "'os_hash_value':null,'created_at':'2026-01-01T00:00:00Z',"
	  "'updated_at':'2026-01-01T00:00:00Z'}",
	  "status", "queued", .filters = "status visibility member_status", .special = image_call,
	  .may_go = image_may_go },
	{ "block-storage", VOLUMES, "volume", "volumes", KIND_SLOW_DELETE | KIND_BRIEF,
	  "{'size':0,'description':null,'availability_zone':'nova','metadata':{},"
	  "'attachments':[],'bootable':'false',"
	  "'multiattach':false,'encrypted':false,'snapshot_id':null,'source_volid':null,"
	  "'replication_status':null,"
	  "'user_id':'u','os-vol-tenant-attr:tenant_id':'" P
	  "','created_at':'2026-01-01T00:00:00Z'}",
	  "status", "creating creating available", .filters = "all_tenants status",
	  .born = volume_born, .special = volume_call, .may_go = volume_may_go,
	  .shown = volume_shown },
	{ "block-storage", "/snapshots", "snapshot", "snapshots", KIND_BRIEF, "{'volume_id':null}",
	  "status", "creating available", .filters = "all_tenants" },
	{ "block-storage", "/os-quota-sets", "quota_set", NULL, .special = quota_call,
	  .brief = "{'volumes':10,'snapshots':10,'gigabytes':1000,'backups':10,"
		   "'backup_gigabytes':1000,'groups':10,"
		   "'per_volume_gigabytes':-1}" },
	{ "identity", "/v3/projects", "project", "projects", KIND_UNIQUE | KIND_LAX,
	  "{'domain_id':'default','parent_id':'default','enabled':true,'is_domain':false,"
	  "'description':'','tags':[],"
	  "'options':{},'links':{}}",
	  .special = grant_call },
	{ "identity", "/v3/domains", "domain", "domains", KIND_UNIQUE | KIND_LAX,
	  "{'enabled':true,'description':'','tags':[],'options':{},'links':{}}",
	  .special = grant_call, .may_go = domain_may_go },
	{ "identity", "/v3/users", "user", "users", KIND_UNIQUE | KIND_LAX,
	  "{'domain_id':'default','enabled':true,'password_expires_at':null,'options':{},"
	  "'links':{}}",
	  .special = user_call, .gone = user_gone, .shown = user_shown },
	{ "identity", "/v3/groups", "group", "groups", KIND_UNIQUE | KIND_LAX,
	  "{'domain_id':'default','description':'','links':{}}", .gone = group_of_users_gone },
	{ "identity", "/v3/roles", "role", "roles", KIND_UNIQUE | KIND_LAX,
	  "{'domain_id':null,'description':null,'options':{},'links':{}}" },
	{ "identity", GRANTS, "role_assignment", "role_assignments", KIND_LAX, "{}" },
	{ "identity", "/v3/system", "system", NULL, .special = grant_call },
	{ "identity", "/v3/OS-INHERIT", "inherit", NULL, .special = grant_call },
	{ "identity", "/v3/users/" U "/application_credentials", "application_credential",
	  "application_credentials", KIND_UNIQUE | KIND_LAX,
	  "{'description':null,'user_id':'" U "','project_id':'" P "','system':null,"
	  "'expires_at':null,'unrestricted':false,'access_rules':[],'links':{}}",
	  .born = credential_born, .shown = credential_shown },
	{ 0 },
};
