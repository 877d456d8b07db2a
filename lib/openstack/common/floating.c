#include "openstack/floating.h"
#include "openstack/shared.h"

/* Takes place. */
static struct err *put(struct op *op, const char *id, struct json_object *place)
{
	AUTO_STR tail = xasprintf("/%s", id);
	AUTO_JSON body = json_wrap(op->r->key, place);
	AUTO_JSON answer = NULL;
	struct json_object *one;
	struct err *e = op_call(op, "PUT", tail, body, &answer);

	if (e)
		return e;
	one = json_at(answer, op->r->key);
	if (!json_object_is_type(one, json_type_object))
		return err_new(ERR_PROTOCOL, "the answer has no '%s'", op->r->key);
	e = needs_text(one, "floating IP", "id");
	if (e)
		return e;
	json_object_put(op->have);
	op->have = attrs_decode(op->r->attrs, one);
	return NULL;
}

/*
 * Whatever is changed of an address that leads to a port with several addresses, Neutron wants to be
 * told again which one it is.
 */
struct err *floating_attach(struct op *op, const char *id)
{
	const bool stays =
		!json_has(op->want, "port_id") && !json_has(op->want, "fixed_ip_address");
	const char *fixed = json_str(stays ? op->have : op->want, "fixed_ip_address");
	const char *port = json_str(json_has(op->want, "port_id") ? op->want : op->have, "port_id");
	struct json_object *place = json_object_new_object();

	json_sets(place, "port_id", port);
	if (port && fixed)
		json_sets(place, "fixed_ip_address", fixed);
	if (json_has(op->want, "description"))
		json_set(place, "description", json_copy(json_at(op->want, "description")));
	return put(op, id, place);
}

/* The first of them sets all: the others find nothing left to do. */
struct err *floating_set(struct op *op, const struct attr *a, struct json_object *value)
{
	return attr_equal(a, value, json_at(op->have, a->name)) ? NULL
								: floating_attach(op, op->id);
}

struct err *floating_detach(struct op *op)
{
	struct json_object *nowhere = json_object_new_object();

	json_set(nowhere, "port_id", NULL);
	return put(op, op->id, nowhere);
}

struct err *floating_prepare(struct tf_op *t)
{
	struct json_object *want = t->op->want;
	const char *fixed = json_str(t->config, "fixed_ip");

	if (!t->planned || !json_has(want, "port_id"))
		return NULL;
	/* "" leads nowhere. */
	if (json_empty(json_at(want, "port_id")))
		json_set(want, "port_id", NULL);
	/* Of another port Neutron would choose the address. */
	else if (fixed && *fixed)
		json_sets(want, "fixed_ip_address", fixed);
	return NULL;
}
