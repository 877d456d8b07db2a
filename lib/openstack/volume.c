#include <string.h>

#include "openstack/shared.h"

extern const struct resource os_image, os_volume;

static const char HINTS[] = "OS-SCH-HNT:scheduler_hints";
static const char READY[] = "available in-use";

/* As much of a snapshot as it takes to find one. */
static const struct attr snapshot_attrs[] = {
	{ "id", STR, READONLY, "ID of the snapshot." },
	{ "name", STR, READONLY, "Name of the snapshot." },
	{ "project_id", STR, READONLY, "Project that owns it.",
	  .wire = "os-extended-snapshot-attributes:project_id" },
	{ 0 },
};
static const struct resource snapshots = {
	.name = "volume_snapshot",
	.service = "block-storage",
	.path = "/snapshots",
	.key = "snapshot",
	.keys = "snapshots",
	.list = "/snapshots/detail",
	.attrs = snapshot_attrs,
};

/* Which image it was made from is kept among the image's properties. */
static struct json_object *decode_image(struct json_object *wire)
{
	return json_copy(json_at(wire, "volume_image_metadata.image_id"));
}

static struct err *await(struct op *op)
{
	op->stale = true;
	return op->wait ? op_wait(op, READY) : NULL;
}

static struct err *extend(struct op *op, const struct attr *a, struct json_object *value)
{
	struct err *e = op_action(op, "os-extend", json_wrap("new_size", json_copy(value)));

	(void)a;
	return e ? e : await(op);
}

/*
 * "never": moving the data to another back-end may take hours, and is an administrator's decision.
 * Cinder answers before it knows whether it can, and then quietly keeps the old type.
 */
static struct err *retype(struct op *op, const struct attr *a, struct json_object *value)
{
	const char *type = json_object_get_string(value);
	struct json_object *arg;
	struct err *e;

	(void)a;
	if (json_is_str(json_at(op->have, "volume_type_id"), type))
		return NULL;
	arg = json_wrap("new_type", json_copy(value));
	json_sets(arg, "migration_policy", "never");
	e = op_action(op, "os-retype", arg);
	if (!e)
		e = await(op);
	if (!e && op->wait && !json_is_str(json_at(op->have, "volume_type"), type))
		e = err_new(
			ERR_REMOTE,
			"the volume is still of type '%s': its back-end cannot become '%s' in place",
			json_str(op->have, "volume_type"), type);
	return e;
}

static struct err *set_bootable(struct op *op, const struct attr *a, struct json_object *value)
{
	(void)a;
	op->stale = true;
	return op_action(op, "os-set_bootable", json_wrap("bootable", json_copy(value)));
}

/* POST adds and changes keys, where PUT would take away those not named. */
static struct err *set_metadata(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/metadata", op->id);
	AUTO_JSON body = json_wrap("metadata", json_copy(value));

	(void)a;
	op->stale = true;
	return op_call(op, "POST", tail, body, NULL);
}

/* Cinder keeps text only. */
static struct err *prepare(struct op *op)
{
	if (json_int(op->want, "size", 1) < 1)
		return err_at(err_new(ERR_USAGE, "size: a volume has 1 GiB at least"), "size");
	if (json_at(op->want, "metadata"))
		json_set(op->want, "metadata", texts(json_at(op->want, "metadata")));
	return NULL;
}

static struct err *find(struct op *op)
{
	struct err *e = resource_find_ops(op, 1);
	const int64_t size = json_int(op->want, "size", 0);
	const char *type = json_str(op->want, "volume_type");

	if (e || !op->have || strcmp(op->state, "absent") == 0)
		return e;
	if (json_is_str(json_at(op->have, "status"), "error"))
		return err_new(ERR_CONFLICT,
			       "the volume is in state error: delete it, or have its state reset");
	if (size && size < json_int(op->have, "size", 0))
		return err_at(err_new(ERR_CONFLICT, "size: a volume of %d GiB cannot shrink to %d",
				      (int)json_int(op->have, "size", 0), (int)size),
			      "size");
	if (type && json_is_str(json_at(op->have, "volume_type_id"), type))
		json_set(op->want, "volume_type", json_copy(json_at(op->have, "volume_type")));
	return NULL;
}

static struct err *body(struct op *op, struct json_object *body)
{
	struct json_object *inner = json_at(body, "volume");
	struct json_object *hints = json_object_get(json_at(inner, HINTS));

	/* Hints stand beside the volume. */
	json_object_object_del(inner, HINTS);
	if (hints)
		json_set(body, HINTS, hints);
	/* Of old: since Queens the type says so, and Cinder refuses "true" here; false is a default. */
	if (!json_truth(op->want, "is_multiattach", false) || json_has(op->want, "volume_type"))
		json_object_object_del(inner, "multiattach");
	return NULL;
}

static struct err *created(struct op *op)
{
	const bool wanted = json_truth(op->want, "is_multiattach", false);
	struct json_object *hints = json_at(op->want, "scheduler_hints");

	if (hints)
		json_set(op->have, "scheduler_hints", json_copy(hints)); /* Cinder forgets them */
	if (!wanted || json_truth(op->have, "is_multiattach", false))
		return NULL;
	return err_at(
		err_new(ERR_CONFLICT,
			"is_multiattach: the volume type '%s' does not allow it: give one that does",
			json_str(op->have, "volume_type")),
		"is_multiattach");
}

static struct err *settle(struct op *op)
{
	const char *status = json_str(op->have, "status");

	if (!op->wait || !status || strcmp(op->state, "absent") == 0)
		return NULL;
	if (strcmp(status, "creating") != 0 && strcmp(status, "downloading") != 0 &&
	    strcmp(status, "extending") != 0 && strcmp(status, "retyping") != 0)
		return NULL;
	return op_wait(op, READY);
}

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the volume.", .aliases = "display_name" },
	{ "size", INT, BORN, "Size in GiB; it can grow, not shrink.", .states = "present",
	  .set = extend },
	{ "description", STR, 0, "Free text for people.", .aliases = "display_description" },
	{ "volume_type", STR, BORN,
	  "Type, by name or ID; changed in place where the back-end can do that.", .set = retype },
	{ "is_bootable", BOOL, ASSUMED,
	  "Whether servers may boot from it; when not given, what the source of its data says.",
	  .wire = "bootable", .aliases = "bootable", .value = "false", .set = set_bootable },
	{ "is_multiattach", BOOL, FIXED,
	  "Whether several servers may use it at a time; today a matter of the volume type.",
	  .wire = "multiattach" },
	{ "metadata", MAP, MERGE | BORN, "Metadata; keys that are not named stay as they are.",
	  .set = set_metadata },
	{ "availability_zone", STR, REPLACES, "Availability zone the volume lies in." },
	{ "image_id", STR, CREATE, "Image to fill it from.", .option = "image", .wire = "imageRef",
	  .ref = &os_image, .decode = decode_image },
	{ "snapshot_id", STR, CREATE, "Snapshot to fill it from.", .option = "snapshot",
	  .aliases = "snapshot_id", .ref = &snapshots },
	{ "source_volume_id", STR, CREATE, "Volume to fill it from.", .option = "volume",
	  .wire = "source_volid", .ref = &os_volume },
	{ "scheduler_hints", MAP, CREATE | ONCE, "Hints for the scheduler, such as different_host.",
	  .wire = HINTS },
	{ "id", STR, READONLY, "ID of the volume." },
	{ "status", STR, READONLY | FILTER, "creating, available, in-use, error and so on." },
	{ "attachments", LIST, READONLY, "Servers it is attached to.", .elem = MAP },
	{ "backup_id", STR, READONLY, "Backup it was restored from." },
	{ "cluster_name", STR, READONLY, "Cluster of its back-end." },
	{ "consistency_group_id", STR, READONLY, "Consistency group it is in.",
	  .wire = "consistencygroup_id" },
	{ "consumes_quota", BOOL, READONLY, "Whether it counts against the quota." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "encryption_key_id", STR, READONLY, "Key it is encrypted with." },
	{ "extended_replication_status", STR, READONLY, "What the driver says of its replication.",
	  .wire = "os-volume-replication:extended_status" },
	{ "group_id", STR, READONLY, "Group it is in." },
	{ "host", STR, READONLY, "Back-end it lies on.", .wire = "os-vol-host-attr:host" },
	{ "is_encrypted", BOOL, READONLY, "Whether it is encrypted.", .wire = "encrypted" },
	{ "migration_id", STR, READONLY, "ID its name on the back-end is made from.",
	  .wire = "os-vol-mig-status-attr:name_id" },
	{ "migration_status", STR, READONLY, "How far a migration is.",
	  .wire = "os-vol-mig-status-attr:migstat" },
	{ "project_id", STR, READONLY, "Project that owns it.",
	  .wire = "os-vol-tenant-attr:tenant_id" },
	{ "provider_id", STR, READONLY, "ID the back-end gave it." },
	{ "replication_driver_data", STR, READONLY, "What the driver keeps about its replication.",
	  .wire = "os-volume-replication:driver_data" },
	{ "replication_status", STR, READONLY, "State of its replication." },
	{ "service_uuid", STR, READONLY, "Node that serves it." },
	{ "shared_targets", BOOL, READONLY, "Whether hosts lock while they attach it." },
	{ "updated_at", STR, READONLY, "When it was changed last." },
	{ "user_id", STR, READONLY, "User who made it." },
	{ "volume_image_metadata", MAP, READONLY, "Properties of the image it was made from." },
	{ "volume_type_id", STR, READONLY, "ID of its type." },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "image snapshot volume" },
	{ 0 },
};

static const struct attr params[] = {
	{ "all_projects", BOOL, FILTER, "Whether to tell about other projects' volumes as well.",
	  .wire = "all_tenants" },
	{ "details", BOOL, OPTION,
	  "Accepted for the sake of existing playbooks: all is told always." },
	{ "status", STR, FILTER, "Only volumes in this state." },
	{ 0 },
};

static const struct info info = {
	.name = "volume_info",
	.doc = "Tell about volumes.",
	.returns = "volumes",
	.params = params,
	.no_filters = true,
	.example = "- treenail.openstack.volume_info:\n"
		   "    cloud: demo\n"
		   "    status: available\n",
};

const struct resource os_volume = {
	.name = "volume",
	.doc = "Volumes: disks that outlive servers.",
	.service = "block-storage",
	.path = "/volumes",
	.key = "volume",
	.keys = "volumes",
	.list = "/volumes/detail",
	.microversion = "3.71",
	.update = "PUT",
	.flags = POLL_DELETE,
	.attrs = attrs,
	.rules = rules,
	.wait = { "status", READY,
		  "error error_deleting error_extending error_restoring error_managing" },
	.prepare = prepare,
	.find = find,
	.settle = settle,
	.body = body,
	.created = created,
	.info = &info,
	.example = "- treenail.openstack.volume:\n"
		   "    cloud: demo\n"
		   "    name: example-data\n"
		   "    size: 1\n"
		   "    metadata: {backup: nightly}\n"
		   "- name: Let it grow\n"
		   "  treenail.openstack.volume:\n"
		   "    cloud: demo\n"
		   "    name: example-data\n"
		   "    size: 2\n"
		   "- treenail.openstack.volume:\n"
		   "    cloud: demo\n"
		   "    name: example-data\n"
		   "    state: absent\n",
};
