#include <pthread.h>
#include <string.h>

#include "openstack/server_ips.h"
#include "openstack/shared.h"

extern const struct resource os_network;

enum { SHOW_MS = 20000 };

/* Stands for an address that Neutron will choose. */
static const char ANY[] = "(any)";

/* Between choosing a free address and taking it, no other thread may choose the same. */
static pthread_mutex_t reuse_lock = PTHREAD_MUTEX_INITIALIZER;

/* Where a floating IP is to lead to, and where it comes from. */
struct place {
	char *network, *port, *fixed;
};

#define AUTO_PLACE CLEANUP(place_release) struct place

static void place_release(struct place *p)
{
	free(p->network);
	free(p->port);
	free(p->fixed);
}

static bool starts(struct json_object *v, const char *prefix)
{
	return json_object_is_type(v, json_type_string) &&
	       strncmp(json_object_get_string(v), prefix, strlen(prefix)) == 0;
}

static const char *server_id(struct op *op)
{
	return op->id ? op->id : json_str(op->have, "id");
}

/* A list of Neutron's. */
static struct err *network_list(struct op *op, const char *path, const char *keys,
				struct json_object **ret)
{
	const struct request first = { .service = "network", .path = path };
	AUTO_JSON list = NULL;
	struct err *e = list_pages(op->api, &first, keys, &list);

	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = needs_text(json_nth(list, i), keys, "id");
	if (!e)
		*ret = TAKE(list);
	return e;
}

/* ---- ports ---- */

static const char *first_ipv4(struct json_object *port, const char *subnet)
{
	struct json_object *list = json_at(port, "fixed_ips");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *ip = json_str(json_nth(list, i), "ip_address");

		if (ip && !strchr(ip, ':') &&
		    (!subnet || json_is_str(json_at(json_nth(list, i), "subnet_id"), subnet)))
			return ip;
	}
	return NULL;
}

static bool port_taken(struct json_object *port, struct json_object *floating)
{
	for (size_t i = 0; i < json_len(floating); i++)
		if (json_object_equal(json_at(json_nth(floating, i), "port_id"),
				      json_at(port, "id")))
			return true;
	return false;
}

static bool is_newer(struct json_object *port, struct json_object *than)
{
	const char *x = json_str(port, "created_at"), *y = json_str(than, "created_at");

	return !than || (x && y && strcmp(x, y) > 0);
}

static void place_set(struct place *p, const char *network, struct json_object *port,
		      const char *fixed)
{
	place_release(p);
	p->network = xstrdup(network);
	p->port = xstrdup(json_str(port, "id"));
	p->fixed = xstrdup(fixed);
}

/* The newest port with an IPv4 address that no floating IP leads to yet. */
static struct json_object *newest_free(struct json_object *ports, struct json_object *floating,
				       const char *server)
{
	struct json_object *best = NULL;

	for (size_t i = 0; i < json_len(ports); i++) {
		struct json_object *port = json_nth(ports, i);

		if (json_is_str(json_at(port, "device_id"), server) && first_ipv4(port, NULL) &&
		    !port_taken(port, floating) && is_newer(port, best))
			best = port;
	}
	return best;
}

static struct err *read_ports(struct op *op, const char *more, struct json_object **ret)
{
	AUTO_STR path = xasprintf("/v2.0/ports?fields=id&fields=network_id&fields=device_id"
				  "&fields=device_owner&fields=fixed_ips&fields=created_at"
				  "&device_id=%s%s",
				  server_id(op), more);

	return network_list(op, path, "ports", ret);
}

/* What Neutron knows to lead to these ports: Nova's own list may be some seconds old. */
static struct err *read_floating(struct op *op, struct json_object *ports, struct json_object **ret)
{
	const char *server = server_id(op);
	AUTO_BUF path = BUF_INIT;
	bool some = false;

	buf_adds(&path, "/v2.0/floatingips?");
	for (size_t i = 0; i < json_len(ports); i++) {
		struct json_object *port = json_nth(ports, i);

		if (!json_is_str(json_at(port, "device_id"), server))
			continue;
		buf_addf(&path, "%sport_id=%s", some ? "&" : "", json_str(port, "id"));
		some = true;
	}
	if (some)
		return network_list(op, path.s, "floatingips", ret);
	*ret = json_object_new_array();
	return NULL;
}

/* ---- where auto_ip leads to ---- */

static const char *gateway(struct json_object *router)
{
	return json_str(router, "external_gateway_info.network_id");
}

static struct json_object *by_id(struct json_object *list, struct json_object *id)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_equal(json_at(json_nth(list, i), "id"), id))
			return json_nth(list, i);
	return NULL;
}

/* The external network that a router leads to from one of this port's subnets. */
static const char *routed(struct json_object *port, struct json_object *ports,
			  struct json_object *routers, const char **ret_fixed)
{
	for (size_t i = 0; i < json_len(ports); i++) {
		struct json_object *leg = json_nth(ports, i);
		struct json_object *router = by_id(routers, json_at(leg, "device_id"));
		struct json_object *ips = json_at(leg, "fixed_ips");

		if (!router || !gateway(router) ||
		    starts(json_at(leg, "device_owner"), "network:router_gateway"))
			continue;
		for (size_t k = 0; k < json_len(ips); k++) {
			*ret_fixed = first_ipv4(port, json_str(json_nth(ips, k), "subnet_id"));
			if (*ret_fixed)
				return gateway(router);
		}
	}
	return NULL;
}

static bool is_gateway(struct json_object *routers, const char *network)
{
	for (size_t i = 0; i < json_len(routers); i++)
		if (network && gateway(json_nth(routers, i)) &&
		    strcmp(network, gateway(json_nth(routers, i))) == 0)
			return true;
	return false;
}

static void place_auto(struct op *op, struct json_object *ports, struct json_object *routers,
		       struct place *ret)
{
	const char *server = server_id(op);
	struct json_object *best = NULL;

	for (size_t i = 0; i < json_len(ports); i++) {
		struct json_object *port = json_nth(ports, i);
		const char *fixed = NULL, *network;

		if (!json_is_str(json_at(port, "device_id"), server))
			continue;
		if (is_gateway(routers, json_str(port, "network_id"))) {
			place_release(ret); /* is reached without one */
			*ret = (struct place){ 0 };
			return;
		}
		network = routed(port, ports, routers, &fixed);
		if (network && is_newer(port, best)) {
			place_set(ret, network, port, fixed);
			best = port;
		}
	}
}

/*
 * auto_ip gives a floating IP to a server that has none, that has a fixed IPv4 address, and that a
 * router of its project connects to an external network. *ret stays empty where one of it is not so.
 */
static struct err *find_auto(struct op *op, struct place *ret)
{
	AUTO_JSON routers = NULL;
	AUTO_JSON ports = NULL;
	AUTO_JSON floating = NULL;
	AUTO_BUF more = BUF_INIT;
	AUTO_STR path = xasprintf("/v2.0/routers?fields=id&fields=external_gateway_info"
				  "&project_id=%s",
				  json_str(op->have, "project_id"));
	struct err *e = needs_text(op->have, "server", "project_id");

	if (!e)
		e = network_list(op, path, "routers", &routers);

	for (size_t i = 0; i < json_len(routers); i++)
		if (gateway(json_nth(routers, i)))
			buf_addf(&more, "&device_id=%s", json_str(json_nth(routers, i), "id"));
	if (not_in_catalogue(&e) || e || !more.len)
		return e;
	e = read_ports(op, more.s, &ports);
	if (e)
		return e;
	place_auto(op, ports, routers, ret);
	if (!ret->network)
		return NULL;
	e = read_floating(op, ports, &floating);
	if (!e && json_len(floating)) {
		place_release(ret);
		*ret = (struct place){ 0 };
	}
	return e;
}

/* ---- where floating_ip_pools lead to ---- */

/* The first of the pools that there is. */
static struct err *find_pool(struct op *op, struct json_object *pools, char **ret)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(pools); i++) {
		const char *pool = json_object_get_string(json_nth(pools, i));

		err_free(e);
		e = refs_id(op, &os_network, pool, ret);
		if (!e || e->kind != ERR_NOT_FOUND)
			break;
	}
	return err_at(err_wrap(e, "floating_ip_pools"), "floating_ip_pools");
}

static struct err *no_port(struct op *op)
{
	return err_new(ERR_CONFLICT,
		       "server %s has no port with an IPv4 address that is free for one more "
		       "floating IP",
		       server_id(op));
}

static struct err *find_pooled(struct op *op, struct json_object *pools, struct place *ret)
{
	AUTO_STR network = NULL;
	AUTO_JSON ports = NULL;
	AUTO_JSON floating = NULL;
	struct json_object *port;
	struct err *e = find_pool(op, pools, &network);

	if (!e)
		e = read_ports(op, "", &ports);
	if (!e)
		e = read_floating(op, ports, &floating);
	if (e || json_len(floating))
		return e;
	port = newest_free(ports, floating, server_id(op));
	if (!port)
		return no_port(op);
	place_set(ret, network, port, first_ipv4(port, NULL));
	return NULL;
}

/* ---- taking one ---- */

static struct err *attach(struct op *op, const char *floating, const char *port, const char *fixed)
{
	AUTO_STR path = xasprintf("/v2.0/floatingips/%s", floating);
	struct json_object *inner = json_object_new_object();
	AUTO_JSON body = json_wrap("floatingip", inner);

	json_sets(inner, "port_id", port);
	if (fixed)
		json_sets(inner, "fixed_ip_address", fixed);
	op->stale = true;
	return other_call(op, "network", "PUT", path, body, NULL);
}

/* An address of this project that leads nowhere. */
static struct err *reuse(struct op *op, const struct place *p, bool *ret)
{
	AUTO_STR path = xasprintf("/v2.0/floatingips?floating_network_id=%s&project_id=%s",
				  p->network, json_str(op->have, "project_id"));
	AUTO_JSON list = NULL;
	struct err *e;

	(void)pthread_mutex_lock(&reuse_lock);
	e = network_list(op, path, "floatingips", &list);
	for (size_t i = 0; i < json_len(list) && !e && !*ret; i++) {
		if (json_at(json_nth(list, i), "port_id"))
			continue;
		e = attach(op, json_str(json_nth(list, i), "id"), p->port, p->fixed);
		*ret = !e;
	}
	(void)pthread_mutex_unlock(&reuse_lock);
	return e;
}

static struct err *take(struct op *op, const struct place *p)
{
	struct json_object *inner = json_object_new_object();
	AUTO_JSON body = json_wrap("floatingip", inner);
	bool done = false;
	struct err *e = needs_text(op->have, "server", "project_id");

	if (!e && json_truth(op->want, "reuse_ips", true))
		e = reuse(op, p, &done);
	json_sets(inner, "floating_network_id", p->network);
	json_sets(inner, "port_id", p->port);
	json_sets(inner, "fixed_ip_address", p->fixed);
	op->stale = op->stale || !done;
	if (!e && !done)
		e = other_call(op, "network", "POST", "/v2.0/floatingips", body, NULL);
	return e;
}

/* Nova hears of it from Neutron, a moment later. */
static struct err *shown(struct op *op, size_t n)
{
	const int64_t deadline = op->deadline, soon = op->api->now_ms(op->api) + SHOW_MS;
	AUTO_STR ready = xasprintf("%zu", n);
	struct err *e;

	if (!op->wait)
		return NULL;
	if (soon < deadline)
		op->deadline = soon;
	e = op_wait_on(op, "floating_count", ready, NULL);
	op->deadline = deadline;
	if (e && e->kind == ERR_TIMEOUT) {
		op_warn(op, "Nova does not show the floating IPs of server %s yet", op->id);
		err_free(e);
		e = NULL;
	}
	return e;
}

/* ---- given addresses ---- */

static struct err *read_given(struct op *op, struct json_object *addresses,
			      struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;

	buf_adds(&path, "/v2.0/floatingips?");
	for (size_t i = 0; i < json_len(addresses); i++) {
		buf_addf(&path, "%sfloating_ip_address=", i ? "&" : "");
		buf_addurl(&path, json_object_get_string(json_nth(addresses, i)));
	}
	return network_list(op, path.s, "floatingips", ret);
}

static struct json_object *by_address(struct json_object *list, struct json_object *address)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_equal(json_at(json_nth(list, i), "floating_ip_address"), address))
			return json_nth(list, i);
	return NULL;
}

/* Takes away what is not among `wanted`, first: it may free the port. */
static struct err *detach_others(struct op *op, struct json_object *wanted,
				 struct json_object *floating)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(floating) && !e; i++) {
		struct json_object *one = json_nth(floating, i);

		if (json_list_has(wanted, json_at(one, "floating_ip_address")))
			continue;
		e = attach(op, json_str(one, "id"), NULL, NULL);
		json_set(one, "port_id", NULL);
	}
	return e;
}

static struct err *attach_given(struct op *op, struct json_object *wanted,
				struct json_object *ports, struct json_object *floating)
{
	struct json_object *given = json_at(op->want, "_given_ips");
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(wanted) && !e; i++) {
		struct json_object *address = json_nth(wanted, i);
		struct json_object *one = by_address(given, address);
		struct json_object *port;

		if (!one || by_address(floating, address))
			continue; /* server_ips_plan() has seen that each is there */
		port = newest_free(ports, floating, server_id(op));
		if (!port)
			return no_port(op);
		e = attach(op, json_str(one, "id"), json_str(port, "id"), first_ipv4(port, NULL));
		json_set(one, "port_id", json_copy(json_at(port, "id")));
		json_object_array_add(floating, json_object_get(one));
	}
	return e;
}

static struct err *set_given(struct op *op, struct json_object *wanted)
{
	AUTO_JSON ports = NULL;
	AUTO_JSON floating = NULL;
	struct err *e = read_ports(op, "", &ports);

	if (!e)
		e = read_floating(op, ports, &floating);
	if (!e)
		e = detach_others(op, wanted, floating);
	if (!e)
		e = attach_given(op, wanted, ports, floating);
	return e ? e : shown(op, json_len(wanted));
}

/* ---- hooks ---- */

static bool is_auto(struct op *op)
{
	return json_truth(op->want, "auto_ip", true);
}

/* Before anything is changed, all addresses must be there. */
static struct err *check_given(struct op *op, struct json_object *wanted)
{
	AUTO_JSON given = NULL;
	struct err *e = read_given(op, wanted, &given);

	for (size_t i = 0; i < json_len(wanted) && !e; i++) {
		const char *address = json_object_get_string(json_nth(wanted, i));

		if (by_address(given, json_nth(wanted, i)))
			continue;
		if (op->check)
			op_warn(op,
				"there is no floating IP %s, but check mode takes it that an earlier task makes it",
				address);
		else
			e = err_new(ERR_NOT_FOUND, "there is no floating IP %s", address);
	}
	json_set(op->want, "_given_ips", TAKE(given));
	return err_at(err_wrap(e, "floating_ips"), "floating_ips");
}

static struct json_object *place_json(const struct place *p)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "network", p->network);
	json_sets(o, "port", p->port);
	json_sets(o, "fixed", p->fixed);
	return o;
}

struct err *server_ips_plan(struct op *op)
{
	struct json_object *pools = json_at(op->want, "floating_ip_pools");
	struct json_object *have = json_at(op->have, "floating_ips");
	struct json_object *wanted = json_at(op->want, "floating_ips");
	AUTO_PLACE place = { 0 };
	struct err *e = NULL;

	/* An empty list is no wish: openstack.cloud takes it so. */
	if (json_empty(wanted)) {
		json_object_object_del(op->want, "floating_ips");
		wanted = NULL;
	}
	if (wanted)
		return attr_equal(attr_named(op->r->attrs, "floating_ips"), wanted, have)
			       ? NULL
			       : check_given(op, wanted);
	if (!op->have || json_len(have))
		return NULL;
	if (json_len(pools))
		e = find_pooled(op, pools, &place);
	else if (is_auto(op))
		e = find_auto(op, &place);
	if (e || !place.network)
		return err_wrap(e, json_len(pools) ? "floating_ip_pools" : "auto_ip");
	AUTO_JSON any = json_object_new_array();
	json_object_array_add(any, json_object_new_string(ANY));
	json_set(op->want, "floating_ips", TAKE(any));
	json_set(op->want, "_place", place_json(&place));
	return NULL;
}

/* In the place that the plan found, or else in one that is looked for now. */
static struct err *take_any(struct op *op)
{
	struct json_object *pools = json_at(op->want, "floating_ip_pools");
	struct json_object *planned = json_at(op->want, "_place");
	AUTO_PLACE place = { 0 };
	struct err *e = NULL;

	if (planned)
		place = (struct place){ .network = xstrdup(json_str(planned, "network")),
					.port = xstrdup(json_str(planned, "port")),
					.fixed = xstrdup(json_str(planned, "fixed")) };
	else
		e = json_len(pools) ? find_pooled(op, pools, &place) : find_auto(op, &place);
	if (!e && place.network)
		e = take(op, &place);
	if (!e && place.network)
		e = shown(op, 1);
	return err_wrap(e, json_len(pools) ? "floating_ip_pools" : "auto_ip");
}

struct err *server_ips_set(struct op *op, const struct attr *a, struct json_object *value)
{
	(void)a;
	if (json_is_str(json_nth(value, 0), ANY))
		return take_any(op);
	return set_given(op, value);
}

struct err *server_ips_created(struct op *op)
{
	const bool wanted = json_len(json_at(op->want, "floating_ip_pools")) || is_auto(op);

	if (!op->wait || !wanted || json_at(op->want, "floating_ips") ||
	    json_len(json_at(op->have, "floating_ips")))
		return NULL;
	return take_any(op);
}

struct err *server_ips_delete(struct op *op)
{
	struct json_object *addresses = json_at(op->have, "floating_ips");
	AUTO_JSON list = NULL;
	struct err *e = json_len(addresses) ? read_given(op, addresses, &list) : NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		AUTO_STR path =
			xasprintf("/v2.0/floatingips/%s", json_str(json_nth(list, i), "id"));

		e = other_call(op, "network", "DELETE", path, NULL, NULL);
		if (e && e->status == 404) {
			err_free(e);
			e = NULL;
		}
	}
	return err_wrap(e, "delete_ips");
}
