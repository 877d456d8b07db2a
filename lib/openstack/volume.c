#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_image, os_volume;

static const char HINTS[] = "OS-SCH-HNT:scheduler_hints";
static const char READY[] = "available in-use";
/* What Terraform's users say of how a volume may change; the modules always do as much as they may. */
static const char RETYPE_POLICY[] = "_retype_policy", OFFLINE[] = "_offline";

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
	struct err *e;

	(void)a;
	if (json_truth(op->want, OFFLINE, false) &&
	    json_is_str(json_at(op->have, "status"), "in-use"))
		return err_new(ERR_CONFLICT, "the volume is in use: allow enable_online_resize, or "
					     "detach it first");
	e = op_action(op, "os-extend", json_wrap("new_size", json_copy(value)));
	return e ? e : await(op);
}

/*
 * Moving the data to another back-end may take hours: only if that is asked for.
 * Cinder answers before it knows whether it can, and then quietly keeps the old type.
 */
static struct err *retype(struct op *op, const struct attr *a, struct json_object *value)
{
	const char *type = json_object_get_string(value);
	const char *policy = json_str(op->want, RETYPE_POLICY);
	struct json_object *arg;
	struct err *e;

	(void)a;
	if (json_is_str(json_at(op->have, "volume_type_id"), type))
		return NULL;
	arg = json_wrap("new_type", json_copy(value));
	json_sets(arg, "migration_policy", policy ? policy : "never");
	e = op_action(op, "os-retype", arg);
	if (!e)
		e = await(op);
	if (!e && op->wait && !json_is_str(json_at(op->have, "volume_type"), type) &&
	    !json_is_str(json_at(op->have, "volume_type_id"), type))
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

/* What Cinder notes among the metadata by itself, and shows to nearly everybody. */
static void drop_notes(struct json_object *metadata, struct json_object *but)
{
	static const char *const notes[] = { "attached_mode", "readonly" };

	for (size_t i = 0; i < COUNT(notes); i++)
		if (json_has(metadata, notes[i]) && !json_has(but, notes[i]))
			json_object_object_del(metadata, notes[i]);
}

/* POST adds and changes keys; to take one away takes a PUT of all (a key may have a '/'). */
static struct err *set_metadata(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/metadata", op->id);
	AUTO_JSON body = json_wrap("metadata", json_copy(value));
	bool gone = false;

	op->stale = true;
	if (value) {
		json_object_object_foreach(value, key, v) {
			(void)key;
			gone = gone || !v;
		}
	}
	if (gone) {
		json_set(body, "metadata", attr_after(a, json_at(op->have, "metadata"), value));
		drop_notes(json_at(body, "metadata"), value);
	}
	return op_call(op, gone ? "PUT" : "POST", tail, body, NULL);
}

/* Cinder keeps text only. */
static struct err *prepare(struct op *op)
{
	if (json_int(op->want, "size", 1) < 1)
		return err_at(err_new(ERR_USAGE, "size: a volume has 1 GiB at least"), "size");
	if (json_at(op->want, "metadata") && !op->keeper) /* Terraform's maps are of text */
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

/* Its server may have been deleted a moment ago, and have taken it along or be about to let it go. */
static struct err *remove_volume(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s", op->id);
	struct err *e = op_call(op, "DELETE", tail, NULL, NULL);
	struct err *why;
	bool going, leaving;

	if (!e || e->status != 400 || !op->wait)
		return e;
	why = op_reload(op);
	going = !why && json_is_str(json_at(op->have, "status"), "deleting");
	leaving = !why && json_is_str(json_at(op->have, "status"), "detaching");
	if (leaving)
		why = op_wait(op, "available");
	if (why || (!going && !leaving)) {
		err_free(why);
		return e;
	}
	err_free(e);
	return leaving ? op_call(op, "DELETE", tail, NULL, NULL) : NULL;
}

static const struct attr attachment_attrs[] = {
	{ "attachment_id", STR, 0, "ID of the attachment." },
	{ "attached_at", STR, 0, "When it was attached." },
	{ "device", STR, 0, "Name of the device in the server." },
	{ "host_name", STR, 0, "Host of the server; for administrators." },
	{ "id", STR, 0, "ID of the volume." },
	{ "server_id", STR, 0, "ID of the server." },
	{ "volume_id", STR, 0, "ID of the volume." },
	{ 0 },
};

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
	{ "attachments", LIST, READONLY, "Servers it is attached to.", .sub = attachment_attrs },
	{ "backup_id", STR, INTERNAL | CREATE, "Backup it was restored from." },
	{ "cluster_name", STR, READONLY, "Cluster of its back-end." },
	{ "consistency_group_id", STR, INTERNAL | CREATE, "Consistency group it is in.",
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

/* ---- in Terraform files ---- */

/* What it was made from. */
static const char *const origins[] = { "image_id",       "snapshot_id",    "source_vol_id",
				       "backup_id",      "source_replica", "consistency_group_id",
				       "scheduler_hints" };

/*
 * Another origin is another volume; one that is no longer written is only forgotten: what is on
 * the volume by now is worth more than how it began.
 */
static struct err *plan_volume(struct tf_op *t)
{
	const int64_t was = json_int(t->prior, "size", 0);
	const int64_t size = json_int(t->planned, "size", was);

	for (size_t i = 0; i < COUNT(origins) && t->prior; i++)
		if (tf_changed(t, origins[i]) && !json_empty(json_at(t->config, origins[i])))
			tf_replace(t, origins[i]);
	if (size < was && !json_len(t->replace))
		return err_at(err_new(ERR_USAGE, "size: a volume of %d GiB cannot shrink to %d",
				      (int)was, (int)size),
			      "size");
	return NULL;
}

static void add_hints(struct json_object *hints, struct json_object *more)
{
	if (!more)
		return;
	json_object_object_foreach(more, key, v) {
		if (json_object_is_type(v, json_type_object))
			add_hints(hints, v);
		else if (!json_empty(v))
			json_set(hints, key, json_copy(v));
	}
}

static struct err *prepare_volume(struct tf_op *t)
{
	struct json_object *want = t->op->want;
	struct json_object *hints = json_nth(json_at(t->planned, "scheduler_hints"), 0);
	const char *replica = json_str(t->planned, "source_replica");
	const char *policy = json_str(t->planned, "volume_retype_policy");

	if (t->prior) {
		json_set(want, OFFLINE,
			 json_object_new_boolean(
				 !json_truth(t->planned, "enable_online_resize", false)));
		if (policy)
			json_sets(want, RETYPE_POLICY, policy);
		return NULL;
	}
	if (hints) {
		json_set(want, "scheduler_hints", json_object_new_object());
		add_hints(json_at(want, "scheduler_hints"), hints);
	}
	if (replica) {
		t->op->specs = json_object_new_object();
		json_sets(t->op->specs, "source_replica", replica);
	}
	return json_at(want, "backup_id") ? needs_microversion(t->op, "3.47", "backup_id") : NULL;
}

/* An import tells where it came from, as far as Cinder knows; of a copy of a volume, not its image. */
static void show_origin(struct tf_op *t)
{
	static const struct {
		const char *row, *attr;
	} known[] = { { "consistency_group_id", "consistency_group_id" },
		      { "backup_id", "backup_id" },
		      { "snapshot_id", "snapshot_id" },
		      { "source_vol_id", "source_volume_id" },
		      { "image_id", "image_id" } };
	bool found = false;

	for (size_t i = 0; i < COUNT(known); i++) {
		struct json_object *v = json_at(t->op->have, known[i].attr);

		if (json_empty(v) || found)
			continue;
		json_set(t->state, known[i].row, json_copy(v));
		found = i > 0;
	}
}

static struct err *show_volume(struct tf_op *t)
{
	const char *type = json_str(t->prior, "volume_type");

	if (t->planned || !t->op->have)
		return NULL;
	if (t->importing)
		show_origin(t);
	drop_notes(json_at(t->state, "metadata"), json_at(t->prior, "metadata"));
	if (type && json_is_str(json_at(t->op->have, "volume_type_id"), type))
		json_sets(t->state, "volume_type", type);
	return NULL;
}

static const struct tf_attr hint_rows[] = {
	{ "different_host", 0, "", "IDs of volumes that are not to be on the same back-end.",
	  .type = "[\"list\",\"string\"]" },
	{ "same_host", 0, "", "IDs of volumes that are to be on the same back-end.",
	  .type = "[\"list\",\"string\"]" },
	{ "local_to_instance", 0, "", "ID of an instance whose host it is to be on." },
	{ "query", 0, "", "Condition that a back-end has to meet, as Cinder's JsonFilter has it." },
	{ "additional_properties", 0, "", "Further hints.", .type = "[\"map\",\"string\"]" },
	{ 0 },
};

static const struct tf_attr attachment_rows[] = {
	{ "id", TF_COMPUTED },
	{ "instance_id", TF_COMPUTED, "server_id" },
	{ "device", TF_COMPUTED },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "size", TF_REQUIRED },
	{ "name" },
	{ "description" },
	{ "volume_type", TF_OC },
	{ "volume_retype_policy", TF_KEPT, "",
	  "Whether a change of volume_type may move the data to another back-end.",
	  .choices = "never on-demand" },
	{ "enable_online_resize", TF_KEPT, "", "Whether it may grow while it is attached.",
	  .type = "\"bool\"" },
	{ "availability_zone", TF_OC },
	{ "metadata", TF_OC },
	{ "image_id", TF_KEPT, .doc = "Image to fill it from; another one makes a new volume." },
	{ "snapshot_id", TF_KEPT,
	  .doc = "Snapshot to fill it from; another one makes a new volume." },
	{ "source_vol_id", TF_KEPT, "source_volume_id",
	  "Volume to fill it from; another one makes a new volume." },
	{ "backup_id", TF_KEPT, .doc = "Backup to fill it from; another one makes a new volume." },
	{ "source_replica", TF_KEPT, "",
	  "Volume to replicate, where the service can; another one makes a new volume." },
	{ "consistency_group_id", TF_KEPT,
	  .doc = "Consistency group it is to be in; another one makes a new volume." },
	{ "scheduler_hints", TF_BLOCK | TF_SET | TF_KEPT, "",
	  "Hints for the scheduler; others make a new volume.", .sub = hint_rows },
	{ "attachment", TF_COMPUTED | TF_SET, "attachments", .sub = attachment_rows },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ EXCLUSIVE, "image_id snapshot_id source_vol_id backup_id" },
	{ 0 },
};

static const struct tf_kind blockstorage_volume_v3 = {
	.name = "blockstorage_volume_v3",
	.doc = "A volume: a disk that outlives instances.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 10, .remove = 10 },
	.plan = plan_volume,
	.prepare = prepare_volume,
	.show = show_volume,
	.example = "resource \"openstack_blockstorage_volume_v3\" \"data\" {\n"
		   "  name     = \"example-data\"\n"
		   "  size     = 1\n"
		   "  metadata = { backup = \"nightly\" }\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "name", TF_OC },
	{ "status", TF_OC },
	{ "metadata", TF_OC, .doc = "Metadata that it has among others." },
	{ "bootable", TF_OC, "is_bootable", "Whether servers may boot from it.",
	  .type = "\"string\"" },
	{ "volume_type", TF_OC, .doc = "Its type." },
	{ "host", TF_OC },
	{ "size", TF_COMPUTED, .doc = "Size in GiB." },
	{ "source_volume_id", TF_COMPUTED, .doc = "Volume that it was made from." },
	{ "attachment", TF_COMPUTED | TF_SET, "attachments", .sub = attachment_rows },
	{ 0 },
};

static const struct tf_kind data_volume_v3 = {
	.name = "blockstorage_volume_v3",
	.what = TF_DATA,
	.doc = "A volume that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_blockstorage_volume_v3\" \"data\" {\n"
		   "  name     = \"example-found\"\n"
		   "  size     = 1\n"
		   "  metadata = { backup = \"nightly\" }\n"
		   "}\n"
		   "\n"
		   "data \"openstack_blockstorage_volume_v3\" \"data\" {\n"
		   "  name     = openstack_blockstorage_volume_v3.data.name\n"
		   "  metadata = { backup = \"nightly\" }\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &blockstorage_volume_v3, &data_volume_v3, NULL };

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
	.remove = remove_volume,
	.info = &info,
	.terraform = terraform,
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
