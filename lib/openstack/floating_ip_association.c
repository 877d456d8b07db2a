#include <string.h>

#include "openstack/floating.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_port;

static const struct attr attrs[] = {
	{ "id", STR, READONLY, "ID of the floating IP." },
	{ "floating_ip_address", STR, REQUIRED | IDENTITY | CREATE,
	  "The floating IP, which must be there: its address or ID.", .option = "floating_ip",
	  .aliases = "floating_ip_address" },
	{ "port_id", STR, IDENTITY, "Port it is to lead to.", .option = "port", .states = "present",
	  .ref = &os_port, .set = floating_set },
	{ "fixed_ip_address", STR, 0, "Which of the port's addresses, if it has several.",
	  .option = "fixed_ip", .aliases = "fixed_address fixed_ip_address", .set = floating_set },
	{ "floating_network_id", STR, READONLY, "External network it is from." },
	{ "router_id", STR, READONLY, "Router that translates it." },
	{ "status", STR, READONLY, "ACTIVE, DOWN or ERROR." },
	{ "project_id", STR, READONLY, "Project that owns the floating IP." },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	address_tidy(op->want, "floating_ip_address");
	address_tidy(op->want, "fixed_ip_address");
	return NULL;
}

static struct err *by_address(struct op *op, const char *address, struct json_object **ret)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	struct err *e;

	query_text(&query, "floating_ip_address", address);
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	if (!e && json_len(list) > 1)
		e = err_new(ERR_CONFLICT,
			    "%zu networks have the floating IP %s: give its ID instead",
			    json_len(list), address);
	if (!e)
		*ret = json_copy(json_nth(list, 0));
	return e;
}

static struct err *look_up(struct op *op, struct json_object **ret)
{
	const char *given = json_str(op->want, "floating_ip_address");
	struct err *e;

	if (op->keeper && op->id)
		return resource_try_get(op->api, op->r, op->id, ret);
	if (strpbrk(given, ".:"))
		e = by_address(op, given, ret);
	else
		e = resource_try_get(op->api, op->r, given, ret);
	if (!e && !*ret && strcmp(op->state, "absent") != 0)
		e = err_new(ERR_NOT_FOUND, "there is no floating IP %s", given);
	if (e && e->kind == ERR_NOT_FOUND && !e->status && op->check) {
		op_warn(op, "%s, but check mode takes it that an earlier task makes it", e->text);
		err_free(e);
		e = NULL;
	}
	return err_at(err_wrap(e, "floating_ip"), "floating_ip");
}

/* One that leads nowhere is no association; with state absent, neither is one to another port. */
static struct err *find(struct op *op)
{
	AUTO_JSON found = NULL;
	struct err *e = look_up(op, &found);
	struct json_object *port = json_at(op->want, "port_id"), *now = json_at(found, "port_id");

	if (e || !found)
		return e;
	json_set(op->want, "floating_ip_address", json_copy(json_at(found, "floating_ip_address")));
	json_set(op->want, "_id", json_copy(json_at(found, "id")));
	if (!now || (op->keeper && !op->id && !json_object_equal(port, now)))
		return NULL;
	if (strcmp(op->state, "absent") == 0 && port && !json_object_equal(port, now))
		return NULL;
	op->have = TAKE(found);
	return NULL;
}

static struct err *create(struct op *op)
{
	struct err *e = needs_text(op->want, "floating IP", "_id");

	if (!e)
		e = floating_attach(op, json_str(op->want, "_id"));
	if (!e)
		op_created(op, json_str(op->have, "id"));
	return e;
}

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "floating_ip", TF_REQUIRED | TF_NEW,
	  .doc = "The address, which must be there, or its ID." },
	{ "port_id", TF_REQUIRED },
	{ "fixed_ip", TF_OC, .follows = "port_id" },
	{ 0 },
};

static const struct tf_kind networking_floatingip_associate_v2 = {
	.name = "networking_floatingip_associate_v2",
	.doc = "Where a floating IP that is there leads to.",
	.attrs = rows,
	.flags = TF_NO_ADOPT,
	.import_doc = "The ID of the floating IP.",
	.prepare = floating_prepare,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"backend\" {\n"
		   "  name       = \"backend\"\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "  cidr       = \"192.168.199.0/24\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_network_v2\" \"public\" {\n"
		   "  name = \"public\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_router_v2\" \"backend\" {\n"
		   "  name                = \"backend\"\n"
		   "  external_network_id = data.openstack_networking_network_v2.public.id\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_router_interface_v2\" \"backend\" {\n"
		   "  router_id = openstack_networking_router_v2.backend.id\n"
		   "  subnet_id = openstack_networking_subnet_v2.backend.id\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_port_v2\" \"node\" {\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "  fixed_ip {\n"
		   "    subnet_id = openstack_networking_subnet_v2.backend.id\n"
		   "  }\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_floatingip_v2\" \"web\" {\n"
		   "  pool = \"public\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_floatingip_associate_v2\" \"web\" {\n"
		   "  floating_ip = openstack_networking_floatingip_v2.web.address\n"
		   "  port_id     = openstack_networking_port_v2.node.id\n"
		   "  depends_on  = [openstack_networking_router_interface_v2.backend]\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_floatingip_associate_v2, NULL };

const struct resource os_floating_ip_association = {
	.name = "floating_ip_association",
	.doc = "Let a floating IP that is there lead to a port, or to none.",
	.service = "network",
	.path = "/v2.0/floatingips",
	.key = "floatingip",
	.keys = "floatingips",
	.returns = "floating_ip_association",
	.update = "PUT",
	.flags = NO_NAME,
	.attrs = attrs,
	.prepare = prepare,
	.find = find,
	.create = create,
	.remove = floating_detach,
	.terraform = terraform,
	.example = "- name: Traffic for the address goes to another port from now on\n"
		   "  treenail.openstack.floating_ip_association:\n"
		   "    cloud: demo\n"
		   "    floating_ip: 203.0.113.7\n"
		   "    port: web-2\n",
};
