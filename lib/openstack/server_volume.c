#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"
#include "text.h"

extern const struct resource os_server, os_volume;

/* What becomes of a volume that Nova could not attach. */
static const char FAILED[] = "available error error_attaching";

/* Waits on the volume itself; op->have becomes what Cinder says of it. */
static struct err *wait_volume(struct op *op, const char *volume, const char *ready,
			       const char *failed)
{
	const struct resource *own = op->r;
	AUTO_STR id = xstrdup(volume);
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
		e = wait_volume(op, json_str(volume, "id"), "available in-use", "error");
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
	return wait_volume(op, json_str(op->want, "volume"), "in-use", FAILED);
}

static const struct attr attrs[] = {
	{ "server", STR, REQUIRED | CREATE | HIDDEN, "Name or ID of the server." },
	{ "volume", STR, REQUIRED | CREATE | HIDDEN, "Name or ID of the volume." },
	{ "device", STR, CREATE | HIDDEN, "Name of the device, if the hypervisor heeds it." },
	{ 0 },
};

/* ---- in Terraform files: the attachment, where the module above is about the volume ---- */

static struct err *find_attachment(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s", json_str(op->want, "volume_id"));
	AUTO_JSON answer = NULL;
	struct err *e;

	/* What others attached stays theirs; what we may have tried to is looked for. */
	if (op->keeper && !op->id && !op->keeper->lost && !op->out->plan.changes)
		return NULL;
	e = op_call(op, "GET", tail, NULL, &answer);
	if (e && e->kind == ERR_NOT_FOUND && e->status == 404) {
		err_free(e); /* of a server that is gone, too */
		return NULL;
	}
	if (!e)
		op->have = attrs_decode(op->r->attrs, json_at(answer, op->r->key));
	return e;
}

static struct err *attachment_body(struct op *op, struct json_object *body)
{
	json_object_object_del(json_at(body, op->r->key), "serverId");
	return NULL;
}

/* Nova tells the device once it has attached the volume. */
static struct err *await_volume(struct op *op)
{
	struct err *e = op->wait
				? wait_volume(op, json_str(op->want, "volume_id"), "in-use", FAILED)
				: NULL;

	op->stale = true;
	return e;
}

static const struct attr attachment_attrs[] = {
	{ "instance_id", STR, REQUIRED | CREATE, "ID of the instance.", .wire = "serverId" },
	{ "volume_id", STR, REQUIRED | CREATE, "ID of the volume.", .wire = "volumeId" },
	{ "device", STR, CREATE, "Name of the device; not every hypervisor heeds it." },
	{ "tag", STR, CREATE, "Tag by which the guest finds the device in its metadata." },
	{ 0 },
};

static const struct resource attachment = {
	.name = "volume_attachment",
	.service = "compute",
	.path = "/servers/{instance_id}/os-volume_attachments",
	.key = "volumeAttachment",
	.keys = "volumeAttachments",
	.identifier = "volume_id",
	.microversion = "2.79",
	.flags = NO_NAME | POLL_DELETE,
	.attrs = attachment_attrs,
	.find = find_attachment,
	.body = attachment_body,
	.created = await_volume,
};

static struct err *prepare_attachment(struct tf_op *t)
{
	struct json_object *vendor = json_nth(json_at(t->planned, "vendor_options"), 0);
	struct err *e = NULL;

	if (!t->planned)
		return NULL;
	t->op->wait = !json_truth(vendor, "ignore_volume_confirmation", false);
	if (json_at(t->op->want, "tag"))
		e = needs_microversion(t->op, "2.49", "tag");
	if (!e && json_truth(t->planned, "multiattach", false))
		e = needs_microversion(t->op, "2.60", "multiattach");
	return e;
}

static struct err *show_attachment(struct tf_op *t)
{
	if (t->importing)
		json_set(t->state, "device", json_copy(json_at(t->op->have, "device")));
	return NULL;
}

static const struct tf_attr vendor_rows[] = {
	{ "ignore_volume_confirmation", 0, "",
	  "Whether not to wait for what Cinder says of the volume.", .type = "\"bool\"" },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "instance_id", TF_REQUIRED },
	{ "volume_id", TF_REQUIRED },
	/* Most hypervisors take another one than was asked for; that is no difference. */
	{ "device", TF_OC | TF_KEPT },
	{ "tag", TF_KEPT },
	{ "multiattach", TF_NEW | TF_KEPT, "",
	  "Whether the volume is one that several instances may have.", .type = "\"bool\"" },
	{ "vendor_options", TF_BLOCK | TF_SET | TF_UNIQUE | TF_KEPT, "",
	  "For clouds that lack something.", .sub = vendor_rows },
	{ 0 },
};

static const struct tf_kind compute_volume_attach_v2 = {
	.name = "compute_volume_attach_v2",
	.of = &attachment,
	.doc = "That an instance has a volume.",
	.attrs = rows,
	.minutes = { .create = 10, .remove = 10 },
	.id = "{instance_id}/{volume_id}",
	.import_doc = "The instance's ID, a slash and the volume's.",
	.prepare = prepare_attachment,
	.show = show_attachment,
	.example = "resource \"openstack_networking_network_v2\" \"own\" {\n"
		   "  name = \"example-own\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"own\" {\n"
		   "  network_id = openstack_networking_network_v2.own.id\n"
		   "  cidr       = \"192.0.2.0/24\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_instance_v2\" \"database\" {\n"
		   "  name        = \"example-database\"\n"
		   "  image_name  = \"cirros\"\n"
		   "  flavor_name = \"m1.tiny\"\n"
		   "  network {\n"
		   "    uuid = openstack_networking_subnet_v2.own.network_id\n"
		   "  }\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_blockstorage_volume_v3\" \"data\" {\n"
		   "  name = \"example-data\"\n"
		   "  size = 1\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_volume_attach_v2\" \"data\" {\n"
		   "  instance_id = openstack_compute_instance_v2.database.id\n"
		   "  volume_id   = openstack_blockstorage_volume_v3.data.id\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &compute_volume_attach_v2, NULL };

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
	.terraform = terraform,
	.example = "- name: Attach a volume\n"
		   "  treenail.openstack.server_volume:\n"
		   "    cloud: demo\n"
		   "    server: tn-example-server\n"
		   "    volume: tn-example-volume\n",
};
