#include <string.h>

#include "openstack/floating.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_network, os_port, os_project, os_router, os_server;

enum { POLL_MS = 500 };

static const struct attr attrs[] = {
	{ "id", STR, READONLY, "ID of the floating IP." },
	{ "name", STR, READONLY, "Its address.", .read = "floating_ip_address" },
	{ "server", STR, OPTION | IDENTITY, "Name or ID of the server the address is for." },
	{ "port", STR, OPTION | IDENTITY, "Port the address is for, if not a server's.",
	  .ref = &os_port },
	{ "nat_destination", STR, OPTION | IDENTITY,
	  "Network of the fixed address, where the server is in several.",
	  .aliases = "fixed_network internal_network", .ref = &os_network },
	{ "floating_network_id", STR, IDENTITY | FIXED,
	  "External network the address is from; by default the one a router leads to.",
	  .option = "network", .ref = &os_network },
	{ "floating_ip_address", STR, IDENTITY | FIXED, "The address itself." },
	{ "fixed_ip_address", STR, IDENTITY | BORN, "Fixed address it leads to.",
	  .option = "fixed_address", .aliases = "fixed_ip_address", .set = floating_set },
	{ "port_id", STR, INTERNAL | BORN, "Port it leads to.", .set = floating_set },
	{ "reuse", BOOL, OPTION, "Whether one of the project's that leads nowhere is taken first.",
	  .value = "false" },
	{ "purge", BOOL, OPTION,
	  "Whether the address is given back if it is to be absent, and not only detached.",
	  .value = "false" },
	{ "description", STR, READONLY, "Free text for people." },
	{ "dns_domain", STR, READONLY, "Domain for DNS." },
	{ "dns_name", STR, READONLY, "Host name for DNS." },
	{ "port_details", MAP, READONLY, "The port it leads to, in short." },
	{ "project_id", STR, READONLY, "Project that owns it." },
	{ "qos_policy_id", STR, READONLY, "Its QoS policy." },
	{ "router_id", STR, READONLY, "Router that translates it." },
	{ "status", STR, READONLY, "ACTIVE, DOWN or ERROR." },
	{ "subnet_id", STR, READONLY, "Subnet it is from." },
	{ "tags", SET, READONLY, "Labels." },
	{ "revision_number", INT, READONLY, "Counts its changes." },
	{ "port_forwardings", LIST, READONLY, "Ports of it that lead elsewhere.", .elem = MAP },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static const struct rule rules[] = {
	{ NEEDS_ONE, "server network port", "state=present" },
	{ NEEDS_ALL, "floating_ip_address", "state=absent" },
	{ EXCLUSIVE, "server port" },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	address_tidy(op->want, "floating_ip_address");
	address_tidy(op->want, "fixed_ip_address");
	if (json_has(op->want, "fixed_ip_address") && !json_has(op->want, "server") &&
	    !json_has(op->want, "port") && !json_has(op->want, "nat_destination"))
		return err_at(err_new(ERR_USAGE,
				      "fixed_address requires nat_destination to be defined "
				      "when neither server nor port is"),
			      "fixed_address");
	return NULL;
}

/* ---- lists ---- */

/* One parameter for each different obj[key] of a list. */
static void add_params(struct buf *query, const char *name, struct json_object *list,
		       const char *key)
{
	AUTO_JSON seen = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *v = json_at(json_nth(list, i), key);

		if (!v || json_list_has(seen, v))
			continue;
		json_object_array_add(seen, json_object_get(v));
		query_text(query, name, json_object_get_string(v));
	}
}

static struct json_object *where(struct json_object *list, const char *key, struct json_object *v)
{
	struct json_object *some = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_equal(json_at(json_nth(list, i), key), v))
			json_object_array_add(some, json_object_get(json_nth(list, i)));
	return some;
}

static size_t count_different(struct json_object *list, const char *key)
{
	AUTO_JSON seen = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		if (!json_list_has(seen, json_at(json_nth(list, i), key)))
			json_object_array_add(seen,
					      json_object_get(json_at(json_nth(list, i), key)));
	return json_len(seen);
}

static struct err *list_ports(struct op *op, const char *query, struct json_object **ret)
{
	return resource_list(op->api, &os_port, NULL, query, ret);
}

/* The address of a port that can be translated: IPv4, and the one asked for if one is. */
static const char *port_address(struct json_object *port, const char *wanted)
{
	struct json_object *ips = json_at(port, "fixed_ips");

	for (size_t i = 0; i < json_len(ips); i++) {
		const char *ip = json_str(json_nth(ips, i), "ip_address");

		if (ip && !strchr(ip, ':') && (!wanted || strcmp(ip, wanted) == 0))
			return ip;
	}
	return NULL;
}

static bool has_port(struct json_object *ports, struct json_object *id)
{
	AUTO_JSON some = where(ports, "id", id);

	return id && json_len(some);
}

/* Those of the floating IPs at these ports that the options allow; first narrowed by the service. */
static struct err *list_attached(struct op *op, struct json_object *ports, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	const char *fixed = json_str(op->want, "fixed_ip_address");
	const char *network = json_str(op->want, "floating_network_id");
	struct err *e;

	*ret = json_object_new_array();
	if (!json_len(ports))
		return NULL;
	add_params(&query, "port_id", ports, "id");
	if (fixed)
		query_text(&query, "fixed_ip_address", fixed);
	if (network)
		query_text(&query, "floating_network_id", network);
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	if (e) {
		json_object_put(TAKE(*ret));
		return e;
	}
	json_object_put(*ret);
	*ret = TAKE(list);
	return NULL;
}

/* ---- which port, which network ---- */

/* What routers connect: [{"network_id": of a port, "external": network of the router's gateway}]. */
static struct err *list_routes(struct op *op, struct json_object *ports, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_BUF router_query = BUF_INIT;
	AUTO_JSON interfaces = NULL;
	AUTO_JSON routers = NULL;
	struct err *e;

	add_params(&query, "network_id", ports, "network_id");
	buf_adds(&query, "&device_owner=network:router_interface"
			 "&device_owner=network:router_interface_distributed"
			 "&device_owner=network:ha_router_replicated_interface");
	e = list_ports(op, query.s, &interfaces);
	add_params(&router_query, "id", interfaces, "device_id");
	*ret = json_object_new_array();
	if (!e && router_query.len)
		e = resource_list(op->api, &os_router, NULL, router_query.s, &routers);
	for (size_t i = 0; i < json_len(interfaces) && !e; i++) {
		struct json_object *interface = json_nth(interfaces, i);
		AUTO_JSON router = where(routers, "id", json_at(interface, "device_id"));
		struct json_object *external =
			json_at(json_nth(router, 0), "external_gateway_info.network_id");
		struct json_object *route = json_object_new_object();

		json_set(route, "network_id", json_copy(json_at(interface, "network_id")));
		json_set(route, "external", json_copy(external));
		if (external)
			json_object_array_add(*ret, route);
		else
			json_object_put(route);
	}
	if (e)
		json_object_put(TAKE(*ret));
	return e;
}

/* Where no router is to be seen, the only external network must be it. */
static struct err *only_external(struct op *op)
{
	AUTO_JSON list = NULL;
	struct err *e = resource_list(op->api, &os_network, NULL, "router:external=true", &list);

	if (e)
		return e;
	if (json_len(list) != 1)
		return err_at(err_new(ERR_USAGE,
				      "there are %zu external networks, and no router to "
				      "one: say which with network",
				      json_len(list)),
			      "network");
	json_set(op->want, "floating_network_id", json_copy(json_at(json_nth(list, 0), "id")));
	return NULL;
}

/* Leaves the ports that a router connects with the external network, and finds out which that is. */
static struct err *follow_routes(struct op *op, struct json_object **ports)
{
	struct json_object *network = json_at(op->want, "floating_network_id");
	AUTO_JSON all = NULL;
	AUTO_JSON left = json_object_new_array();
	struct err *e = list_routes(op, *ports, &all);
	AUTO_JSON routes = network ? where(all, "external", network) : json_object_get(all);

	if (e)
		return e;
	for (size_t i = 0; i < json_len(*ports); i++) {
		struct json_object *port = json_nth(*ports, i);
		AUTO_JSON some = where(routes, "network_id", json_at(port, "network_id"));

		if (json_len(some))
			json_object_array_add(left, json_object_get(port));
	}
	if (json_len(left)) {
		json_object_put(*ports);
		*ports = TAKE(left);
	}
	if (network)
		return NULL;
	if (count_different(routes, "external") > 1)
		return err_at(err_new(ERR_USAGE,
				      "routers lead to several external networks: say which "
				      "with network"),
			      "network");
	if (!json_len(routes))
		return only_external(op);
	json_set(op->want, "floating_network_id",
		 json_copy(json_at(json_nth(routes, 0), "external")));
	return NULL;
}

/* The newest one, as the dates sort. */
static struct json_object *newest(struct json_object *ports)
{
	struct json_object *best = NULL;
	const char *date = "";

	for (size_t i = 0; i < json_len(ports); i++) {
		const char *d = json_str(json_nth(ports, i), "created_at");

		if (!best || (d && strcmp(d, date) > 0)) {
			best = json_nth(ports, i);
			date = d ? d : "";
		}
	}
	return best;
}

/* Which of these ports the address is to lead to: puts port_id into want, and the network. */
static struct err *pick_port(struct op *op, struct json_object *all)
{
	const char *fixed = json_str(op->want, "fixed_ip_address");
	struct json_object *nat = json_at(op->want, "nat_destination");
	AUTO_JSON ports = json_object_new_array();
	struct json_object *port;
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(all); i++)
		if (port_address(json_nth(all, i), fixed) &&
		    (!nat || json_object_equal(nat, json_at(json_nth(all, i), "network_id"))))
			json_object_array_add(ports, json_object_get(json_nth(all, i)));
	if (!json_len(ports))
		return err_new(ERR_NOT_FOUND, "no port has %s%s%s",
			       fixed ? "the address " : "an IPv4 address", fixed ? fixed : "",
			       nat ? " on the network nat_destination" : "");
	if (!json_has(op->want, "floating_network_id") || count_different(ports, "network_id") > 1)
		e = follow_routes(op, &ports);
	if (e)
		return e;
	if (count_different(ports, "network_id") > 1)
		return err_at(err_new(ERR_USAGE,
				      "the server is in several networks: say which with "
				      "nat_destination or fixed_address"),
			      "nat_destination");
	port = newest(ports);
	json_set(op->want, "port_id", json_copy(json_at(port, "id")));
	/* Neutron does not choose among several addresses. */
	if (json_len(json_at(port, "fixed_ips")) > 1)
		json_sets(op->want, "fixed_ip_address", port_address(port, fixed));
	return NULL;
}

/* One of the project's own that leads nowhere, and that no other item of this run has taken. */
static struct err *take_free(struct op *op)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	const char *project = NULL;
	struct err *e = op->api->project(op->api, &project);

	if (e)
		return e;
	query_text(&query, "floating_network_id", json_str(op->want, "floating_network_id"));
	query_text(&query, "project_id", project);
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	for (size_t i = 0; i < json_len(list) && !e && !op->have; i++) {
		struct json_object *one = json_nth(list, i);
		AUTO_STR what = xasprintf("floating_ip %s", json_str(one, "id"));

		if (!json_at(one, "port_id") && refs_claim(op->refs, what))
			op->have = json_copy(one);
	}
	return e;
}

/* ---- finding ---- */

/* *ret NULL: it does not exist. */
static struct err *find_server(struct op *op, char **ret)
{
	const char *server = json_str(op->want, "server");
	struct err *e = server ? refs_id(op, &os_server, server, ret) : NULL;

	if (e && e->kind == ERR_NOT_FOUND && !e->status &&
	    (op->check || strcmp(op->state, "absent") == 0)) {
		if (strcmp(op->state, "absent") != 0)
			op_warn(op, "%s, but check mode takes it that an earlier task makes it",
				e->text);
		err_free(e);
		return NULL;
	}
	if (!e && *ret)
		json_sets(op->want, "server", *ret);
	return err_at(err_wrap(e, "server"), "server");
}

static struct err *find_by_address(struct op *op)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	struct err *e;

	query_text(&query, "floating_ip_address", json_str(op->want, "floating_ip_address"));
	if (json_str(op->want, "floating_network_id"))
		query_text(&query, "floating_network_id",
			   json_str(op->want, "floating_network_id"));
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	if (!e && json_len(list) > 1)
		e = err_new(ERR_CONFLICT, "%zu networks have the address: say which with network",
			    json_len(list));
	if (!e)
		op->have = json_copy(json_nth(list, 0));
	return e;
}

/* The ports the address may lead to; NULL: the user named none. */
static struct err *find_ports(struct op *op, const char *server, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	const char *port = json_str(op->want, "port");
	const char *nat = json_str(op->want, "nat_destination");
	const char *fixed = json_str(op->want, "fixed_ip_address");

	if (server) {
		query_text(&query, "device_id", server);
	} else if (port) {
		query_text(&query, "id", port);
	} else if (nat) {
		query_text(&query, "network_id", nat);
		if (fixed) {
			AUTO_STR filter = xasprintf("ip_address=%s", fixed);

			query_text(&query, "fixed_ips", filter);
		}
	} else {
		return NULL;
	}
	return list_ports(op, query.s, ret);
}

/* Those on the network that are the project's own. */
static struct err *find_on_network(struct op *op, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	const char *project = NULL;
	struct err *e = op->api->project(op->api, &project);

	query_text(&query, "floating_network_id", json_str(op->want, "floating_network_id"));
	if (!e)
		query_text(&query, "project_id", project);
	return e ? e : resource_list(op->api, op->r, NULL, query.s, ret);
}

/* An address that is already where it is to be. */
static struct err *find_attached(struct op *op, struct json_object *ports)
{
	const bool server = json_has(op->want, "server");
	struct json_object *nat = json_at(op->want, "nat_destination");
	AUTO_JSON some = nat ? where(ports, "network_id", nat) : json_object_get(ports);
	AUTO_JSON list = NULL;
	struct err *e = ports ? list_attached(op, some, &list) : find_on_network(op, &list);

	if (!e && json_len(list) > 1 && !server)
		e = err_new(ERR_CONFLICT,
			    "there are %zu floating IPs: say which with floating_ip_address",
			    json_len(list));
	if (!e)
		op->have = json_copy(json_nth(list, 0));
	return e;
}

static struct err *find_present(struct op *op, const char *server)
{
	const bool given = json_has(op->want, "floating_ip_address");
	const bool chosen = json_has(op->want, "fixed_ip_address") || json_has(op->want, "port") ||
			    json_has(op->want, "nat_destination");
	AUTO_JSON ports = NULL;
	struct err *e = find_ports(op, server, &ports);

	if (!e)
		e = given ? find_by_address(op) : find_attached(op, ports);
	if (e || !ports || (op->have && !given))
		return e;
	struct json_object *now = json_at(op->have, "port_id");
	if (now && server && !has_port(ports, now))
		return err_new(ERR_CONFLICT, "%s is attached to something else (port %s)",
			       json_str(op->have, "floating_ip_address"),
			       json_object_get_string(now));
	if (now && !chosen)
		return NULL;
	if (op->have && !json_has(op->want, "floating_network_id"))
		json_set(op->want, "floating_network_id",
			 json_copy(json_at(op->have, "floating_network_id")));
	/* A network alone (nat_destination) says where to look, but not what to attach to. */
	if (!server && !json_has(op->want, "port") && !json_has(op->want, "fixed_ip_address"))
		return NULL;
	e = pick_port(op, ports);
	if (!e && !op->have && !given && json_truth(op->want, "reuse", false))
		e = take_free(op);
	return e;
}

/* Absent is either gone, or only detached: then it is an update. */
static struct err *find_absent(struct op *op, const char *server)
{
	const bool purge = json_truth(op->want, "purge", false);
	AUTO_JSON ports = NULL;
	struct err *e = find_by_address(op);
	struct json_object *now = json_at(op->have, "port_id");

	if (!e && server && now)
		e = find_ports(op, server, &ports);
	if (e || !op->have)
		return e;
	const bool other = now && json_has(op->want, "server") && !has_port(ports, now);
	if (other && purge)
		return err_new(
			ERR_CONFLICT, "%s is attached to something else than the server (port %s)",
			json_str(op->have, "floating_ip_address"), json_object_get_string(now));
	if (purge)
		return NULL;
	op->state = "present";
	json_object_object_del(op->want, "fixed_ip_address");
	if (other)
		op_warn(op, "%s is attached to something else than the server, and stays there",
			json_str(op->have, "floating_ip_address"));
	else
		json_set(op->want, "port_id", NULL);
	return NULL;
}

static struct err *find(struct op *op)
{
	AUTO_STR server = NULL;
	struct err *e = find_server(op, &server);

	if (e)
		return e;
	if (strcmp(op->state, "absent") == 0)
		return find_absent(op, server);
	if (json_has(op->want, "server") && !server)
		return NULL; /* check mode: it will be there */
	return find_present(op, server);
}

/* ---- waiting ---- */

static bool shows(struct json_object *server, const char *ip)
{
	struct json_object *networks = json_at(server, "addresses");

	if (!json_object_is_type(networks, json_type_object))
		return false;
	json_object_object_foreach(networks, name, list) {
		(void)name;
		for (size_t i = 0; i < json_len(list); i++)
			if (json_is_str(json_at(json_nth(list, i), "addr"), ip))
				return true;
	}
	return false;
}

/* Nova hears of it a little later: until then the server does not show the address. */
static struct err *wait_for_nova(struct op *op)
{
	const char *server = json_str(op->want, "server");
	const char *ip = json_str(op->have, "floating_ip_address");

	if (!op->wait || !server || !ip || !json_at(op->want, "port_id"))
		return NULL;
	for (;;) {
		AUTO_JSON found = NULL;
		struct err *e = resource_get(op->api, &os_server, server, &found);

		if (e || shows(found, ip))
			return err_wrap(e, "waiting until the server shows %s", ip);
		if (op->api->now_ms(op->api) >= op->deadline)
			return err_new(ERR_TIMEOUT,
				       "%s is attached, but server %s does not show it yet: raise "
				       "'timeout', or give wait: false",
				       ip, server);
		op->api->sleep_ms(op->api, POLL_MS);
	}
}

/* ---- declaration ---- */

static struct json_object *upper_case(struct json_object *v)
{
	return json_object_new_string(json_is_str(v, "active") ? "ACTIVE" : "DOWN");
}

static const struct attr params[] = {
	{ "description", STR, FILTER, "Only those that have this description." },
	{ "fixed_ip_address", STR, FILTER, "Only those that lead to this address." },
	{ "floating_ip_address", STR, FILTER, "Only those that are this address." },
	{ "floating_network_id", STR, FILTER, "Only those from this external network.",
	  .option = "floating_network", .ref = &os_network },
	{ "port_id", STR, FILTER, "Only those that lead to this port.", .option = "port",
	  .ref = &os_port },
	{ "project_id", STR, FILTER, "Only those of this project.", .option = "project",
	  .aliases = "project_id", .ref = &os_project },
	{ "router_id", STR, FILTER, "Only those that this router translates.", .option = "router",
	  .ref = &os_router },
	{ "status", STR, FILTER, "Only those in this state.", .choices = "active down",
	  .encode = upper_case },
	{ 0 },
};

static const struct info info = {
	.name = "floating_ip_info",
	.doc = "Tell about floating IPs.",
	.returns = "floating_ips",
	.params = params,
	.no_name = true,
	.no_filters = true,
	.example = "- name: Addresses that are in use\n"
		   "  treenail.openstack.floating_ip_info:\n"
		   "    cloud: demo\n"
		   "    floating_network: public\n"
		   "    status: active\n",
};

/* ---- in Terraform files: plain addresses, which are known by their IDs ---- */

static const struct attr plain_attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the floating IP." },
	{ "floating_network_id", STR, REPLACES | FILTER, "External network it is from." },
	{ "floating_ip_address", STR, REPLACES | FILTER, "The address itself." },
	{ "subnet_id", STR, CREATE, "Subnet of the external network it is from." },
	{ "subnet_ids", LIST, OPTION,
	  "Subnets of the external network; it is from the first that has an address left." },
	{ "port_id", STR, BORN | FILTER, "Port it leads to.", .set = floating_set },
	{ "fixed_ip_address", STR, BORN | FILTER, "Which of the port's addresses it leads to.",
	  .set = floating_set },
	{ "description", STR, BORN | FILTER, "Free text for people.", .set = floating_set },
	{ "project_id", STR, REPLACES | FILTER,
	  "Project that owns it; by default the one logged in to." },
	{ "dns_name", STR, REPLACES, "Host name for DNS." },
	{ "dns_domain", STR, REPLACES, "Domain for DNS; ends with a dot." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "status", STR, READONLY | FILTER, "ACTIVE, DOWN or ERROR." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ 0 },
};

static bool is_used_up(const struct err *e)
{
	return e && (e->status == 409 || e->status == 400);
}

static struct err *create_plain(struct op *op)
{
	struct json_object *subnets = json_at(op->want, "subnet_ids");
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(subnets); i++) {
		err_free(e);
		json_set(op->want, "subnet_id", json_copy(json_nth(subnets, i)));
		e = op_post(op);
		if (!is_used_up(e))
			return e;
	}
	return e ? e : op_post(op);
}

static const struct resource plain = {
	.name = "floating_ip",
	.service = "network",
	.path = "/v2.0/floatingips",
	.key = "floatingip",
	.keys = "floatingips",
	.update = "PUT",
	.flags = NO_NAME,
	.attrs = plain_attrs,
	.create = create_plain,
};

static const struct tf_attr rows[] = {
	{ "pool", TF_REQUIRED | TF_NEW | TF_KEPT, "", "Name or ID of the external network." },
	{ "address", TF_OC, "floating_ip_address" },
	{ "subnet_id", TF_OC | TF_KEPT },
	{ "subnet_ids" },
	{ "port_id", TF_OC },
	{ "fixed_ip", TF_OC, "fixed_ip_address", .follows = "port_id" },
	{ "description" },
	{ "tenant_id", TF_OC, "project_id" },
	{ "dns_name", TF_OC },
	{ "dns_domain", TF_OC },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ 0 },
};

static const struct rule tf_rules[] = { { EXCLUSIVE, "subnet_id subnet_ids" }, { 0 } };

static struct err *find_pool(struct tf_op *t, char **ret)
{
	const char *pool = json_str(t->config, "pool");
	AUTO_JSON found = NULL;
	struct err *e = resource_find(t->op->api, &os_network, pool, NULL, &found);

	if (!e && !found)
		e = no_such(t->op->api, &os_network, "router:external=True", pool);
	if (!e)
		*ret = xstrdup(json_str(found, "id"));
	return err_at(e, "pool");
}

static struct err *tf_prepare(struct tf_op *t)
{
	AUTO_STR pool = NULL;
	struct err *e = floating_prepare(t);

	if (e || t->prior)
		return e;
	e = find_pool(t, &pool);
	json_sets(t->op->want, "floating_network_id", pool);
	return e;
}

/* Without a DNS service to tell them to, Neutron forgets them. */
static void keep_dns(struct tf_op *t)
{
	static const char *const names[] = { "dns_name", "dns_domain" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (json_empty(json_at(t->state, names[i])))
			json_set(t->state, names[i], json_copy(json_at(t->prior, names[i])));
}

/* The pool stays as it was written, also if somebody gives the network another name. */
static struct err *tf_show(struct tf_op *t)
{
	AUTO_JSON network = NULL;
	struct err *e;

	if (t->planned && tf_has_unknown(t, json_at(t->planned, "subnet_id")))
		json_set(t->state, "subnet_id", json_copy(json_at(t->op->want, "subnet_id")));
	if (!t->planned)
		keep_dns(t);
	if (json_str(t->state, "pool"))
		return NULL;
	e = resource_get(t->op->api, &os_network, json_str(t->op->have, "floating_network_id"),
			 &network);
	json_set(t->state, "pool", json_copy(json_at(network, "name")));
	return e;
}

static const struct tf_kind networking_floatingip_v2 = {
	.name = "networking_floatingip_v2",
	.of = &plain,
	.doc = "A floating IP address.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 10, .remove = 10 },
	.import_doc = "Its ID; the pool is the network's name then.",
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_networking_floatingip_v2\" \"web\" {\n"
		   "  pool        = \"public\"\n"
		   "  description = \"Web servers\"\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "address", 0, "floating_ip_address" },
	{ "pool", 0, "", "Name or ID of the external network." },
	{ "port_id" },
	{ "fixed_ip", 0, "fixed_ip_address" },
	{ "status" },
	{ "description" },
	{ "tenant_id", 0, "project_id", "Project that owns it." },
	{ "tags", .doc = "Labels that it has among others." },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ "dns_name", TF_COMPUTED },
	{ "dns_domain", TF_COMPUTED },
	{ 0 },
};

static struct err *tf_query(struct tf_op *t, struct buf *query)
{
	AUTO_STR pool = NULL;
	struct err *e = json_str(t->config, "pool") ? find_pool(t, &pool) : NULL;

	if (pool)
		query_text(query, "floating_network_id", pool);
	return e;
}

static struct err *tf_show_data(struct tf_op *t)
{
	if (!json_str(t->config, "pool"))
		json_set(t->state, "pool", json_copy(json_at(t->op->have, "floating_network_id")));
	return NULL;
}

static const struct tf_kind data_floatingip_v2 = {
	.name = "networking_floatingip_v2",
	.what = TF_DATA,
	.of = &plain,
	.doc = "A floating IP address that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_networking_floatingip_v2\" \"web\" {\n"
		   "  pool = \"public\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_floatingip_v2\" \"web\" {\n"
		   "  address = openstack_networking_floatingip_v2.web.address\n"
		   "}\n",
	.query = tf_query,
	.show = tf_show_data,
};

static const struct tf_kind *const terraform[] = { &networking_floatingip_v2, &data_floatingip_v2,
						   NULL };

const struct resource os_floating_ip = {
	.name = "floating_ip",
	.doc = "Take, attach, detach or give back floating IP addresses.",
	.service = "network",
	.path = "/v2.0/floatingips",
	.key = "floatingip",
	.keys = "floatingips",
	.returns = "floating_ip",
	.update = "PUT",
	.flags = NO_NAME,
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.find = find,
	.created = wait_for_nova,
	.update_hook = wait_for_nova,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A server that can be reached from outside\n"
		   "  treenail.openstack.floating_ip:\n"
		   "    cloud: demo\n"
		   "    server: web-1\n"
		   "    network: public\n"
		   "    reuse: true\n"
		   "  register: address\n"
		   "\n"
		   "- name: Not any more; the address is given back\n"
		   "  treenail.openstack.floating_ip:\n"
		   "    cloud: demo\n"
		   "    server: web-1\n"
		   "    network: public\n"
		   "    floating_ip_address: \"{{ address.floating_ip.floating_ip_address }}\"\n"
		   "    state: absent\n"
		   "    purge: true\n",
};
