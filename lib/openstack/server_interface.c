#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_network, os_port, os_server;

static struct json_object *encode_ip(struct json_object *value)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(list, json_wrap("ip_address", json_copy(value)));
	return list;
}

/* The first of several; expand() picks the one that is meant. */
static struct json_object *decode_ip(struct json_object *wire)
{
	return json_copy(json_at(json_nth(json_at(wire, "fixed_ips"), 0), "ip_address"));
}

static const struct attr attrs[] = {
	{ "server_id", STR, REQUIRED | IDENTITY | FIXED, "The server.", .option = "server",
	  .ref = &os_server },
	{ "net_id", STR, IDENTITY | FIXED, "Network that it is to be on, with a port of its own.",
	  .option = "network", .ref = &os_network },
	{ "port_id", STR, IDENTITY | FIXED, "Port that it is to have.", .option = "port",
	  .ref = &os_port },
	{ "fixed_ip", STR, IDENTITY | FIXED, "Its address on the network; any free one by default.",
	  .wire = "fixed_ips", .encode = encode_ip, .decode = decode_ip },
	{ "fixed_ips", LIST, READONLY, "All its addresses there.", .elem = MAP },
	{ "mac_addr", STR, READONLY, "MAC address of the port." },
	{ "port_state", STR, READONLY, "ACTIVE, DOWN, BUILD or ERROR." },
	{ 0 },
};

static const struct rule rules[] = {
	{ ONE_OF, "network port" },
	{ EXCLUSIVE, "network port" },
	{ NEEDS_ALL, "network", "fixed_ip" },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	address_tidy(op->want, "fixed_ip");
	return NULL;
}

static bool has_address(struct json_object *interface, const char *ip)
{
	struct json_object *ips = json_at(interface, "fixed_ips");

	for (size_t i = 0; i < json_len(ips); i++)
		if (json_is_str(json_at(json_nth(ips, i), "ip_address"), ip))
			return true;
	return false;
}

static struct err *expand(struct op *op)
{
	const char *ip = json_str(op->want, "fixed_ip");

	json_sets(op->have, "server_id", json_str(op->want, "server_id"));
	if (ip && has_address(op->have, ip))
		json_sets(op->have, "fixed_ip", ip);
	return NULL;
}

/* ---- finding ---- */

/*
 * A server may be on a network more than once. Who keeps IDs wants one more, unless one that he
 * tried to make may be among them.
 */
static bool may_be_there(struct op *op)
{
	return !op->keeper || op->id || op->keeper->lost || op->out->plan.changes ||
	       json_str(op->want, "port_id");
}

static bool is_meant(struct op *op, struct json_object *interface)
{
	const struct keeper *k = op->keeper;
	const char *id = json_str(interface, "port_id");
	const char *ip = json_str(op->want, "fixed_ip");

	if (json_str(op->want, "port_id"))
		return json_object_equal(json_at(op->want, "port_id"),
					 json_at(interface, "port_id"));
	if (k && (op->id || k->id))
		return id && strcmp(id, op->id ? op->id : k->id) == 0;
	if (!json_object_equal(json_at(op->want, "net_id"), json_at(interface, "net_id")) ||
	    (ip && !has_address(interface, ip)))
		return false;
	return !k || !k->claim || !id || k->claim(k, op, id);
}

static struct err *find(struct op *op)
{
	AUTO_STR path = op_path(op);
	AUTO_JSON list = NULL;
	struct err *e;
	size_t n = 0;

	if (!may_be_there(op))
		return NULL;
	e = resource_list(op->api, op->r, path, NULL, &list);
	if (e && e->status == 404 &&
	    (op->check || op->keeper || strcmp(op->state, "absent") == 0)) {
		err_free(e); /* of a server that is not there nothing is */
		return NULL;
	}
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		if (!is_meant(op, json_nth(list, i)))
			continue;
		if (n++ == 0)
			op->have = json_copy(json_nth(list, i));
	}
	if (n > 1 && strcmp(op->state, "absent") == 0)
		e = err_new(ERR_CONFLICT,
			    "the server is on the network %zu times: say which with port or "
			    "fixed_ip",
			    n);
	return e;
}

static struct err *body(struct op *op, struct json_object *body)
{
	json_object_object_del(json_at(body, op->r->key), "server_id");
	return NULL;
}

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "instance_id", TF_REQUIRED, "server_id", "ID of the instance." },
	{ "port_id", TF_OC },
	{ "network_id", TF_OC, "net_id" },
	{ "fixed_ip", TF_OC },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ ONE_OF, "port_id network_id" },
	{ EXCLUSIVE, "port_id network_id" },
	{ EXCLUSIVE, "port_id fixed_ip" },
	{ 0 },
};

static const struct tf_kind compute_interface_attach_v2 = {
	.name = "compute_interface_attach_v2",
	.doc = "That an instance is on a network, besides those that it was made with.",
	.attrs = rows,
	.rules = tf_rules,
	.flags = TF_EXPAND,
	.minutes = { .create = 10, .remove = 10 },
	.id = "{instance_id}/{port_id}",
	.import_doc = "The instance's ID, a slash and the port's.",
	.example = "resource \"openstack_networking_network_v2\" \"own\" {\n"
		   "  count = 2\n"
		   "  name  = \"example-own-${count.index}\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"own\" {\n"
		   "  count      = 2\n"
		   "  network_id = openstack_networking_network_v2.own[count.index].id\n"
		   "  cidr       = \"192.0.2.${count.index * 128}/25\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_instance_v2\" \"gateway\" {\n"
		   "  name        = \"example-gateway\"\n"
		   "  image_name  = \"cirros\"\n"
		   "  flavor_name = \"m1.tiny\"\n"
		   "  network {\n"
		   "    uuid = openstack_networking_subnet_v2.own[0].network_id\n"
		   "  }\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_interface_attach_v2\" \"inner\" {\n"
		   "  instance_id = openstack_compute_instance_v2.gateway.id\n"
		   "  network_id  = openstack_networking_subnet_v2.own[1].network_id\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &compute_interface_attach_v2, NULL };

const struct resource os_server_interface = {
	.name = "server_interface",
	.doc = "Plug a server into a network, or unplug it, and leave its other interfaces alone.",
	.service = "compute",
	.path = "/servers/{server_id}/os-interface",
	.key = "interfaceAttachment",
	.keys = "interfaceAttachments",
	.returns = "server_interface",
	.identifier = "port_id",
	.flags = NO_NAME | POLL_DELETE,
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.find = find,
	.expand = expand,
	.body = body,
	.terraform = terraform,
	.example = "- name: A second network for a server\n"
		   "  treenail.openstack.server_interface:\n"
		   "    cloud: demo\n"
		   "    server: tn-example-server\n"
		   "    network: tn-example-network\n",
};
