#include <string.h>

#include "openstack/instance.h"
#include "openstack/server.h"
#include "openstack/shared.h"
#include "text.h"

/* ---- what an answer says ---- */

static const struct {
	const char *status, *word;
	const char *wake; /* action that makes it ACTIVE */
} powers[] = {
	{ "ACTIVE", "active", NULL },
	{ "SHUTOFF", "shutoff", "os-start" },
	{ "PAUSED", "paused", "unpause" },
	{ "SUSPENDED", "suspended", "resume" },
	{ "RESCUE", "rescue", "unrescue" },
	{ "SHELVED", "shelved", "unshelve" },
	{ "SHELVED_OFFLOADED", "shelved_offloaded", "unshelve" },
};

const char *instance_power(const char *status)
{
	for (size_t i = 0; i < COUNT(powers); i++)
		if (status && strcmp(powers[i].status, status) == 0)
			return powers[i].word;
	return NULL;
}

static struct json_object *decode_power(struct json_object *wire)
{
	const char *word = instance_power(json_str(wire, "status"));

	return word ? json_object_new_string(word) : NULL;
}

static struct json_object *decode_groups(struct json_object *wire)
{
	AUTO_JSON groups = server_groups(wire);
	struct json_object *names = groups ? json_object_new_array() : NULL;

	for (size_t i = 0; i < json_len(groups); i++)
		json_object_array_add(names, json_copy(json_at(json_nth(groups, i), "name")));
	return names;
}

static struct json_object *decode_connected(struct json_object *wire)
{
	return json_object_new_boolean(!json_empty(json_at(wire, "addresses")));
}

/* ---- creating ---- */

/* Nova wants base64; what is that already is sent as it is. */
static struct json_object *encode_user_data(struct json_object *value)
{
	const char *s = json_object_get_string(value);
	const size_t len = s ? strlen(s) : 0;
	const size_t plain = s ? strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					   "0123456789+/")
			       : 0;
	const size_t pad = len ? strspn(s + plain, "=") : 0;

	if (len && len % 4 == 0 && pad <= 2 && plain + pad == len)
		return json_copy(value);
	return encode_base64(value);
}

static bool offers(struct op *op, const char *microversion)
{
	bool offered = false;

	err_free(op->api->offers(op->api, op->r->service, microversion, &offered));
	return offered;
}

static bool before(struct op *op, unsigned minor)
{
	AUTO_STR version = xasprintf("2.%u", minor);

	return strtoul(op->r->microversion + 2, NULL, 10) < minor || !offers(op, version);
}

static void add_words(struct json_object *hints, struct json_object *words)
{
	json_object_object_foreach(words, key, v) {
		if (!json_empty(v))
			json_set(hints, key, json_copy(v));
	}
}

static void add_hints(struct op *op, struct json_object *body)
{
	struct json_object *given = json_nth(json_at(op->want, "scheduler_hints"), 0);
	struct json_object *more = json_at(given, "additional_properties");
	struct json_object *hints;

	if (!given)
		return;
	hints = json_object_new_object();
	add_words(hints, given);
	json_object_object_del(hints, "additional_properties");
	if (more)
		add_words(hints, more);
	/* Nova takes this list as text. */
	if (json_at(hints, "query")) {
		AUTO_STR query = xstrdup(json_object_to_json_string_ext(json_at(hints, "query"),
									JSON_C_TO_STRING_PLAIN));

		json_sets(hints, "query", query);
	}
	json_set(body, "os:scheduler_hints", hints);
}

static void add_disks(struct op *op, struct json_object *server)
{
	struct json_object *given = json_at(op->want, "block_device");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(given); i++) {
		struct json_object *disk = json_object_new_object();

		json_object_object_foreach(json_nth(given, i), key, v) {
			if (!json_empty(v) && strcmp(key, "multiattach") != 0)
				json_set(disk, key, json_copy(v));
		}
		/* Two with the same are refused, so what says nothing boots only if it is the first. */
		if (!json_has(disk, "boot_index"))
			json_set(disk, "boot_index", json_object_new_int(i ? -1 : 0));
		if (!json_int(disk, "volume_size", 0))
			json_object_object_del(disk, "volume_size");
		json_object_array_add(list, disk);
	}
	json_set(server, "block_device_mapping_v2", list);
}

static void add_files(struct op *op, struct json_object *server)
{
	struct json_object *given = json_at(op->want, "personality");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(given); i++) {
		struct json_object *file = json_object_new_object();

		json_sets(file, "path", json_str(json_nth(given, i), "file"));
		json_set(file, "contents", encode_base64(json_at(json_nth(given, i), "content")));
		json_object_array_add(list, file);
	}
	json_set(server, "personality", list);
}

static void add_groups(struct op *op, struct json_object *server)
{
	struct json_object *given = json_at(op->want, "security_groups");
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(given); i++)
		json_object_array_add(list, json_wrap("name", json_object_get(json_nth(given, i))));
	json_set(server, "security_groups", list);
}

static struct err *complete_body(struct op *op, struct json_object *body)
{
	struct json_object *server = json_at(body, "server");
	struct json_object *networks = json_at(op->want, "_networks");
	const char *hint = json_str(op->want, "availability_zone_hints");

	json_sets(server, "flavorRef", json_str(op->want, "_flavor_id"));
	if (!json_has(server, "imageRef"))
		json_sets(server, "imageRef", "");
	if (json_str(op->want, "admin_pass"))
		json_sets(server, "adminPass", json_str(op->want, "admin_pass"));
	if (hint && *hint)
		json_sets(server, "availability_zone", hint);
	if (networks)
		json_set(server, "networks", json_copy(networks));
	else if (!before(op, 37))
		json_sets(server, "networks", "auto");
	if (before(op, 52))
		json_object_object_del(server, "tags"); /* given afterwards */
	if (json_len(json_at(op->want, "security_groups")))
		add_groups(op, server);
	if (json_len(json_at(op->want, "block_device")))
		add_disks(op, server);
	if (json_len(json_at(op->want, "personality")))
		add_files(op, server);
	add_hints(op, body);
	return NULL;
}

/* What older versions of the API do not take. */
static bool says_more(struct op *op)
{
	struct json_object *disks = json_at(op->want, "block_device");

	if (json_str(op->want, "hypervisor_hostname"))
		return true;
	for (size_t i = 0; i < json_len(disks); i++)
		if (!json_empty(json_at(json_nth(disks, i), "volume_type")))
			return true;
	return false;
}

/*
 * Later versions of the API can do less: 2.57 knows no files to put into a server any more, and
 * from 2.37 on nothing said of networks cannot mean "one, if there is one".
 */
static struct err *create(struct op *op)
{
	const struct resource *r = op->r;
	struct resource older = *r;
	struct err *e;

	if (!json_has(op->want, "_networks") && !json_str(op->want, "network_mode") &&
	    !says_more(op))
		older.microversion = "2.36";
	else if (json_len(json_at(op->want, "personality")))
		older.microversion = "2.56";
	op->r = &older;
	e = op_post(op);
	op->r = r;
	return e;
}

/* ---- changing ---- */

static struct err *act(struct op *op, const char *action, const char *ready)
{
	struct err *e = op_action(op, action, NULL);

	op->stale = true;
	return e ? e : err_wrap(op_wait_on(op, "phase", ready, "ERROR"), "%s", action);
}

static struct err *wake(struct op *op)
{
	const char *status = json_str(op->have, "status");

	for (size_t i = 0; i < COUNT(powers); i++)
		if (status && powers[i].wake && strcmp(powers[i].status, status) == 0)
			return act(op, powers[i].wake, "ACTIVE");
	return NULL;
}

static struct err *shelve(struct op *op)
{
	struct err *e = NULL;

	if (!json_is_str(json_at(op->have, "status"), "SHELVED"))
		e = act(op, "shelve", "SHELVED SHELVED_OFFLOADED");
	if (!e && json_is_str(json_at(op->have, "status"), "SHELVED"))
		e = act(op, "shelveOffload", "SHELVED_OFFLOADED");
	return e;
}

static struct err *power(struct op *op, const char *word)
{
	const char *now = instance_power(json_str(op->have, "status"));
	struct err *e;

	if (now && strcmp(now, word) == 0)
		return NULL;
	if (strcmp(word, "shelved_offloaded") == 0)
		return shelve(op);
	e = wake(op);
	if (!e && strcmp(word, "shutoff") == 0)
		e = act(op, "os-stop", "SHUTOFF");
	if (!e && strcmp(word, "paused") == 0)
		e = act(op, "pause", "PAUSED");
	return e;
}

static struct err *set_power(struct op *op, const struct attr *a, struct json_object *value)
{
	(void)a;
	return power(op, json_object_get_string(value));
}

/* Nova resizes what runs or is off; one that is paused or shelved is so again afterwards. */
static struct err *resize(struct op *op, const struct attr *a, struct json_object *value)
{
	const char *was = instance_power(json_str(op->have, "status"));
	const bool fit = !was || words_have("active shutoff", was);
	struct err *e = fit ? NULL : wake(op);

	if (!e)
		e = server_resize(op, a, value);
	return e || fit || json_has(op->want, "power_state") ? e : power(op, was);
}

static struct err *set_password(struct op *op, const struct attr *a, struct json_object *value)
{
	(void)a;
	/* It was created with it. */
	if (op->out->plan.action == CREATED || json_empty(value))
		return NULL;
	return op_action(op, "changePassword", json_wrap("adminPass", json_object_get(value)));
}

/* Only the keys that the configuration has or had are touched: others have theirs there too. */
static struct err *set_metadata(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *gone = json_at(op->want, "_gone");
	AUTO_STR tail = xasprintf("/%s/metadata", op->id);
	AUTO_JSON body = json_wrap("metadata", json_object_get(value));
	struct err *e = NULL;

	(void)a;
	op->stale = true;
	if (json_object_object_length(value))
		e = op_call(op, "POST", tail, body, NULL);
	for (size_t i = 0; i < json_len(gone) && !e; i++) {
		AUTO_BUF one = BUF_INIT;

		buf_addf(&one, "%s/", tail);
		buf_addurl(&one, json_object_get_string(json_nth(gone, i)));
		e = op_call(op, "DELETE", one.s, NULL, NULL);
		if (e && e->status == 404) {
			err_free(e);
			e = NULL;
		}
	}
	return e;
}

static struct err *move_groups(struct op *op, const char *action, struct json_object *from,
			       struct json_object *unless)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(from) && !e; i++)
		if (!json_list_has(unless, json_nth(from, i)))
			e = op_action(op, action,
				      json_wrap("name", json_object_get(json_nth(from, i))));
	return e;
}

static struct err *set_groups(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_JSON have = json_copy(json_at(op->have, a->name));
	struct err *e;

	/* Without ports there is nothing to put them on. */
	if (!json_truth(op->have, "connected", false))
		return NULL;
	op->stale = true;
	e = move_groups(op, "addSecurityGroup", value, have);
	return e ? e : move_groups(op, "removeSecurityGroup", have, value);
}

/* ---- deleting ---- */

static struct err *stop(struct op *op)
{
	struct err *e;

	if (!json_is_str(json_at(op->have, "status"), "ACTIVE"))
		return NULL;
	e = act(op, "os-stop", "SHUTOFF");
	if (e)
		op_warn(op, "it could not be stopped before it was deleted: %s", e->text);
	err_free(e);
	return NULL;
}

static struct err *detach(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s/os-interface", op->id);
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "GET", tail, NULL, &answer);
	struct json_object *ports = json_at(answer, "interfaceAttachments");

	for (size_t i = 0; i < json_len(ports) && !e; i++) {
		const char *port = json_str(json_nth(ports, i), "port_id");
		AUTO_STR one = xasprintf("%s/%s", tail, port ? port : "");

		e = op_call(op, "DELETE", one, NULL, NULL);
	}
	if (!e && json_len(ports))
		e = op_wait_on(op, "connected", "false", NULL);
	return err_wrap(e, "detaching its ports");
}

static struct err *remove_it(struct op *op)
{
	const bool stops = json_truth(op->want, "stop_before_destroy", false);
	const bool detaches = json_truth(op->want, "detach_ports_before_destroy", false);
	AUTO_STR tail = xasprintf("/%s", op->id);
	struct err *e = stops || detaches ? op_reload(op) : NULL;

	if (!e && stops)
		e = stop(op);
	if (!e && detaches)
		e = detach(op);
	if (!e && json_truth(op->want, "force_delete", false))
		e = op_action(op, "forceDelete", NULL);
	else if (!e)
		e = op_call(op, "DELETE", tail, NULL, NULL);
	/* Where deleted servers are kept for a while, it is as good as gone. */
	return e ? e : op_wait_on(op, "phase", "DELETED SOFT_DELETED", "ERROR");
}

/* ---- the table ---- */

static const struct attr device_attrs[] = {
	{ "source_type", STR, REQUIRED, "What it is made from.",
	  .choices = "blank image volume snapshot" },
	{ "uuid", STR, 0, "ID of the image, volume or snapshot." },
	{ "destination_type", STR, 0, "Where it is.", .choices = "local volume" },
	{ "boot_index", INT, 0, "Its place in the boot order; -1 for none." },
	{ "volume_size", INT, 0, "Size in GiB." },
	{ "volume_type", STR, 0, "Type of a new volume." },
	{ "delete_on_termination", BOOL, 0, "Whether it is deleted with the server." },
	{ "guest_format", STR, 0, "Format of a blank one, such as swap." },
	{ "device_type", STR, 0, "What the server sees: disk, cdrom." },
	{ "disk_bus", STR, 0, "Bus it is on: virtio, scsi." },
	{ "multiattach", BOOL, 0, "Whether the volume may be on several servers." },
	{ 0 },
};

static const struct attr network_attrs[] = {
	{ "uuid", STR, 0, "ID of the network." },
	{ "name", STR, 0, "Name of the network." },
	{ "port", STR, 0, "ID of a port that is there." },
	{ "fixed_ip_v4", STR, 0, "IPv4 address." },
	{ "fixed_ip_v6", STR, 0, "IPv6 address." },
	{ "mac", STR, 0, "MAC address." },
	{ "access_network", BOOL, 0, "Whether the server is reached by this one." },
	{ 0 },
};

static const struct attr hint_attrs[] = {
	{ "group", STR, 0, "ID of a server group." },
	{ "different_host", LIST, 0, "Not on the hosts of these servers." },
	{ "same_host", LIST, 0, "On the host of one of these servers." },
	{ "query", LIST, 0, "Condition on the host." },
	{ "target_cell", STR, 0, "Cell to be in." },
	{ "different_cell", LIST, 0, "Cells not to be in." },
	{ "build_near_host_ip", STR, 0, "Subnet that its host is to be in." },
	{ "additional_properties", MAP, 0, "Further words for the scheduler." },
	{ 0 },
};

static const struct attr file_attrs[] = {
	{ "file", STR, REQUIRED, "Path of the file." },
	{ "content", STR, REQUIRED, "What is in it." },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "resize_confirmed", BOOL, INTERNAL | HIDDEN, "Whether no resize waits to be confirmed.",
	  .decode = server_settled, .set = server_finish_resize },
	{ "name", STR, REQUIRED | FILTER, "Name of the instance." },
	{ "image_id", STR, CREATE, "ID of the image to boot.", .wire = "imageRef",
	  .read = "image.id" },
	{ "flavor_name", STR, 0, "Name of the flavor.", .read = "flavor.original_name",
	  .set = resize },
	{ "key_name", STR, REPLACES, "Name of the key pair for logging in." },
	{ "availability_zone", STR, CREATE, "Zone to be in; zone:host for administrators.",
	  .read = "OS-EXT-AZ:availability_zone" },
	{ "hypervisor_hostname", STR, CREATE, "Hypervisor to be on; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:hypervisor_hostname" },
	{ "config_drive", BOOL, CREATE, "Whether it gets its metadata on a drive." },
	{ "user_data", STR, CREATE, "Text for cloud-init.", .read = "OS-EXT-SRV-ATTR:user_data",
	  .encode = encode_user_data },
	{ "admin_pass", STR, SECRET | HIDDEN, "Password of its administrator.", .read = "adminPass",
	  .set = set_password },
	{ "metadata", MAP, BORN, "Key and value pairs.", .set = set_metadata },
	{ "tags", SET, BORN, "Labels: exactly these.", .set = set_tags },
	{ "security_groups", SET, 0, "Names of the security groups of its ports.",
	  .decode = decode_groups, .set = set_groups },
	{ "power_state", STR, 0, "Whether it runs.", .decode = decode_power, .set = set_power },
	{ "block_device", LIST, OPTION, "Disks it is created with.", .sub = device_attrs },
	{ "network", LIST, OPTION, "Networks and ports it is created with, in this order.",
	  .sub = network_attrs },
	{ "network_mode", STR, OPTION, "Whether networks are chosen by Nova, or there are none.",
	  .choices = "auto none" },
	{ "scheduler_hints", SET, OPTION, "Words for the scheduler.", .sub = hint_attrs },
	{ "personality", SET, OPTION, "Files to put into it.", .sub = file_attrs },
	{ "availability_zone_hints", STR, OPTION, "Zone to be created in, without staying there." },
	{ "stop_before_destroy", BOOL, OPTION, "Whether it is shut down before it is deleted." },
	{ "force_delete", BOOL, OPTION,
	  "Whether it is deleted for good where the cloud keeps deleted ones." },

	{ "id", STR, READONLY, "ID of the instance." },
	{ "status", STR, READONLY | FILTER, "ACTIVE, SHUTOFF, BUILD, ERROR, ..." },
	{ "phase", STR, READONLY | HIDDEN, "Status and task.", .decode = server_phase },
	{ "connected", BOOL, READONLY | HIDDEN, "Whether it has addresses.",
	  .decode = decode_connected },
	{ "flavor_id", STR, READONLY, "ID of its flavor.", .read = "flavor.id" },
	{ "addresses", MAP, READONLY, "Addresses by network." },
	{ "access_ipv4", STR, READONLY, "IPv4 address to reach it by.", .read = "accessIPv4" },
	{ "access_ipv6", STR, READONLY, "IPv6 address to reach it by.", .read = "accessIPv6" },
	{ "fault", MAP, READONLY, "Why it is in ERROR." },
	{ "created_at", STR, READONLY, "When it was created.", .read = "created" },
	{ "updated_at", STR, READONLY, "When it was last changed.", .read = "updated" },
	{ 0 },
};

const struct resource os_instance = {
	.name = "instance",
	.doc = "A server: a virtual machine or what takes its place.",
	.service = "compute",
	.path = "/servers",
	.key = "server",
	.keys = "servers",
	.list = "/servers/detail",
	.microversion = "2.100",
	.update = "PUT",
	.flags = NAME_REGEX | ACCEPTED,
	.attrs = attrs,
	.wait = { "status", "ACTIVE", "ERROR", .fault = "fault.message" },
	.expand = server_expand,
	.body = complete_body,
	.create = create,
	.remove = remove_it,
};
