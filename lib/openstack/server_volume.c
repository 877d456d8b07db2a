#include <string.h>

#include "openstack/shared.h"
#include "resource.h"
#include "text.h"

extern const struct resource os_server, os_volume;

/* Waits on the volume itself; op->have becomes what Cinder says of it. */
static struct err *wait_volume(struct op *op, const char *ready, const char *failed)
{
	const struct resource *own = op->r;
	AUTO_STR id = xstrdup(json_str(op->want, "volume"));
	const char *kept = op->id;
	struct err *e;

	op->r = &os_volume;
	op->id = id;
	e = op->wait ? op_wait_on(op, "status", ready, failed) : op_reload(op);
	op->r = own;
	op->id = kept;
	return e;
}

static bool attached(struct json_object *volume, const char *server)
{
	struct json_object *list = json_at(volume, "attachments");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "server_id"), server))
			return true;
	return false;
}

/* With state absent, what is not there is attached to nothing. */
static struct err *look_up(struct op *op, const struct resource *r, const char *option,
			   struct json_object **ret)
{
	const char *name = json_str(op->want, option);
	struct err *e = resource_find(op->api, r, name, NULL, ret);

	if (!e && !*ret && strcmp(op->state, "absent") != 0)
		e = err_new(ERR_NOT_FOUND, "no %s is named '%s'", option, name);
	if (e && e->kind == ERR_NOT_FOUND && op->check) {
		op_warn(op, "%s, but check mode takes it that an earlier task makes it", e->text);
		err_free(e);
		e = NULL;
	}
	if (!e && *ret)
		e = needs_text(*ret, option, "id");
	if (!e && *ret)
		json_set(op->want, option, json_copy(json_at(*ret, "id")));
	return err_at(err_wrap(e, "%s", option), option);
}

static struct err *find(struct op *op)
{
	AUTO_JSON server = NULL;
	AUTO_JSON volume = NULL;
	struct err *e = look_up(op, &os_server, "server", &server);

	if (!e)
		e = look_up(op, &os_volume, "volume", &volume);
	if (e || !server || !volume)
		return e;
	/* A killed run, or somebody else, is at it. */
	const char *status = json_str(volume, "status");
	if (!op->check && status && words_have("reserved attaching detaching", status)) {
		e = wait_volume(op, "available in-use", "error");
		json_object_put(volume);
		volume = TAKE(op->have);
	}
	if (!e && attached(volume, json_str(server, "id")))
		op->have = TAKE(volume);
	return e;
}

static struct err *create(struct op *op)
{
	struct json_object *inner = json_object_new_object();
	AUTO_JSON body = json_wrap("volumeAttachment", inner);
	const char *volume = json_str(op->want, "volume");
	struct err *e;

	json_sets(inner, "volumeId", volume);
	if (json_str(op->want, "device"))
		json_sets(inner, "device", json_str(op->want, "device"));
	e = op_call(op, "POST", "", body, NULL);
	if (!e)
		op_created(op, volume);
	return e;
}

static struct err *created(struct op *op)
{
	return wait_volume(op, "in-use", "available error error_attaching");
}

static const struct attr attrs[] = {
	{ "server", STR, REQUIRED | CREATE | HIDDEN, "Name or ID of the server." },
	{ "volume", STR, REQUIRED | CREATE | HIDDEN, "Name or ID of the volume." },
	{ "device", STR, CREATE | HIDDEN, "Name of the device, if the hypervisor heeds it." },
	{ 0 },
};

const struct resource os_server_volume = {
	.name = "server_volume",
	.doc = "Attach a volume to a server, or detach it.",
	.service = "compute",
	.path = "/servers/{server}/os-volume_attachments",
	.key = "volumeAttachment",
	.keys = "volumeAttachments",
	.returns = "volume",
	.shows = &os_volume,
	.microversion = "2.79",
	.flags = NO_NAME | POLL_DELETE,
	.attrs = attrs,
	.find = find,
	.create = create,
	.created = created,
	.example = "- name: Attach a volume\n"
		   "  treenail.openstack.server_volume:\n"
		   "    cloud: demo\n"
		   "    server: tn-example-server\n"
		   "    volume: tn-example-volume\n",
};
