#include <string.h>

#include "openstack/image_data.h"
#include "openstack/image_source.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_identity_domain, os_image, os_project, os_volume;

enum { UUID_LEN = 36 };

static const char QCOW2[] = "\"qcow2\"", BARE[] = "\"bare\"";

static bool is_state(struct op *op, const char *state)
{
	return strcmp(op->state, state) == 0;
}

static bool has_status(struct op *op, const char *status)
{
	return json_is_str(json_at(op->have, "status"), status);
}

/* Glance keeps all properties as text. */
static struct json_object *encode_text(struct json_object *v)
{
	AUTO_STR text = json_text(v);

	return v ? json_object_new_string(text) : NULL;
}

/* ---- what is wanted ---- */

/* `properties` may name what has a row of its own: that is compared, shown and sent by its row. */
static void spread_properties(struct op *op)
{
	struct json_object *rest = json_object_new_object();
	struct json_object *properties = json_at(op->want, "properties");

	if (!json_object_is_type(properties, json_type_object)) {
		json_object_put(rest);
		return;
	}
	json_object_object_foreach(properties, key, v) {
		const struct attr *a = op->r->attrs;

		while (a->name &&
		       (a->flags & (READONLY | OPTION | INLINE) || strcmp(attr_wire(a), key) != 0))
			a++;
		if (!a->name)
			json_set(rest, key, encode_text(v));
		else if (!json_has(op->want, a->name))
			json_set(op->want, a->name, attr_typed(a, v));
	}
	if (json_empty(rest))
		json_object_object_del(op->want, "properties");
	else
		json_set(op->want, "properties", json_object_get(rest));
	json_object_put(rest);
}

static struct err *prepare(struct op *op)
{
	const bool public = json_truth(op->want, "is_public", false);
	const char *how = json_str(op->want, "import_method");
	const char *uri = json_str(op->want, "uri");

	if (is_state(op, "absent"))
		return NULL;
	if (!op->keeper && !json_has(op->want, "visibility"))
		json_sets(op->want, "visibility", public ? "public" : "private");
	if (how && !uri)
		return err_at(err_new(ERR_USAGE, "import_method is %s but uri is missing", how),
			      "uri");
	if (uri && !how)
		json_sets(op->want, "import_method", "web-download");
	spread_properties(op);
	return NULL;
}

/* Only administrators may look for projects by name; all may look at their own. */
static struct err *own_project(struct op *op, const char *name, struct err *refused, char **ret)
{
	AUTO_JSON own = NULL;
	const char *id;
	struct err *e = op->api->project(op->api, &id);

	if (!e)
		e = resource_get(op->api, &os_project, id, &own);
	if (e || !json_is_str(json_at(own, "name"), name)) {
		err_free(e);
		return refused;
	}
	err_free(refused);
	*ret = xstrdup(id);
	return NULL;
}

static struct err *resolve_owner(struct op *op)
{
	const char *owner = json_str(op->want, "owner");
	const char *domain = json_str(op->want, "owner_domain");
	AUTO_STR id = NULL;
	AUTO_STR domain_id = NULL;
	AUTO_JSON project = NULL;
	AUTO_BUF scope = BUF_INIT;
	struct err *e;

	if (!owner)
		return NULL;
	if (!domain) {
		e = op_ref(op, &os_project, "owner", owner, &id);
		if (e && e->status == 403)
			e = own_project(op, owner, e, &id);
		if (!e)
			json_sets(op->want, "owner", id);
		return e;
	}
	e = op_ref(op, &os_identity_domain, "owner_domain", domain, &domain_id);
	if (e && (e->kind == ERR_NOT_FOUND || e->status == 403)) {
		/* Only administrators may list domains: it may be an ID. */
		err_free(e);
		domain_id = xstrdup(domain);
		e = NULL;
	}
	if (e)
		return e;
	buf_adds(&scope, "domain_id=");
	buf_addurl(&scope, domain_id);
	e = resource_find(op->api, &os_project, owner, scope.s, &project);
	if (e)
		return err_at(err_wrap(e, "owner"), "owner");
	if (project)
		json_sets(op->want, "owner", json_str(project, "id"));
	else if (op->check)
		op_warn(op,
			"owner: no project is named '%s', but check mode takes it that an earlier task makes it",
			owner);
	else
		return err_at(err_new(ERR_NOT_FOUND,
				      "owner: no project is named '%s' in domain '%s'", owner,
				      domain),
			      "owner");
	return NULL;
}

/* ---- which image is meant ---- */

static bool unfinished(struct json_object *image)
{
	const char *status = json_str(image, "status");

	return status && (strcmp(status, "queued") == 0 || strcmp(status, "saving") == 0 ||
			  strcmp(status, "uploading") == 0 || strcmp(status, "importing") == 0);
}

static struct json_object *candidates(struct json_object *list, const char *name,
				      const char *checksum)
{
	struct json_object *some = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *image = json_nth(list, i);
		const char *sum = json_str(image, "checksum");

		if (!json_is_str(json_at(image, "name"), name))
			continue;
		if (checksum ? sum && strcasecmp(sum, checksum) == 0 : !sum && unfinished(image))
			json_object_array_add(some, json_object_get(image));
	}
	return some;
}

/*
 * The one with this data; else the one whose data has not arrived, as a killed run leaves it. Others
 * of that name are other versions, and stay as they are.
 */
static struct err *find_by_checksum(struct op *op, const char *name, const char *checksum)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON list = NULL;
	AUTO_JSON some = NULL;
	struct err *e;

	buf_adds(&query, strchr(name, ':') ? "name=eq:" : "name=");
	buf_addurl(&query, name);
	e = resource_list(op->api, op->r, NULL, query.s, &list);
	if (e)
		return e;
	some = candidates(list, name, checksum);
	if (!json_len(some) && !json_len(list) && strlen(name) == UUID_LEN) {
		/* What is no name may be an ID. */
		e = resource_try_get(op->api, op->r, name, &op->have);
		if (e || !op->have || json_is_str(json_at(op->have, "checksum"), checksum))
			return e;
		return err_at(err_new(ERR_CONFLICT, "checksum: image %s has another one, %s", name,
				      json_str(op->have, "checksum")),
			      "checksum");
	}
	if (!json_len(some) && image_has_source(op) && is_state(op, "present")) {
		json_object_put(TAKE(some));
		some = candidates(list, name, NULL);
	}
	return resource_choose(op->api, op->r, some, name, &op->have);
}

/* Only what is to be made needs its formats, its source, and no absent properties. */
static struct err *find_none(struct op *op)
{
	const char *volume = json_str(op->want, "volume");
	AUTO_STR id = NULL;
	AUTO_JSON gone = json_object_new_array();
	struct err *e;

	if (is_state(op, "absent"))
		return NULL;
	if (is_state(op, "inactive")) {
		op_warn(op, "there is no such image: nothing to deactivate");
		op->state = "absent";
		return NULL;
	}
	if (!json_has(op->want, "disk_format"))
		json_set(op->want, "disk_format", json_tokener_parse(QCOW2));
	if (!json_has(op->want, "container_format"))
		json_set(op->want, "container_format", json_tokener_parse(BARE));
	json_object_object_foreach(op->want, key, v)
		if (!v)
			json_object_array_add(gone, json_object_new_string(key));
	for (size_t i = 0; i < json_len(gone); i++)
		json_object_object_del(op->want, json_object_get_string(json_nth(gone, i)));
	if (volume) {
		e = op_ref(op, &os_volume, "volume", volume, &id);
		if (e)
			return e;
		json_sets(op->want, "volume", id);
	}
	if (image_has_source(op) && op->wait)
		json_sets(op->want, "status", "active");
	return image_check_file(op);
}

static struct err *find(struct op *op)
{
	const char *id = json_str(op->want, "id");
	const char *name = json_str(op->want, "name");
	const char *checksum = json_str(op->want, "wanted_checksum");
	struct err *e = is_state(op, "absent") ? NULL : resolve_owner(op);

	if (e)
		return e;
	if (id)
		e = resource_try_get(op->api, op->r, id, &op->have);
	else if (checksum)
		e = find_by_checksum(op, name, checksum);
	else
		e = resource_find_ops(op, 1);
	if (e || is_state(op, "absent"))
		return e;
	if (!op->have)
		return find_none(op);
	if (is_state(op, "inactive") && has_status(op, "active"))
		json_sets(op->want, "status", "deactivated");
	if (is_state(op, "present") &&
	    (has_status(op, "deactivated") || (unfinished(op->have) && image_has_source(op))))
		json_sets(op->want, "status", "active");
	if (is_state(op, "present") && has_status(op, "queued"))
		return image_check_file(op);
	return NULL;
}

/* ---- doing it ---- */

static struct err *set_status(struct op *op, const struct attr *a, struct json_object *value)
{
	const bool activate = json_is_str(value, "active");
	AUTO_STR tail = xasprintf("/%s/actions/%s", op->id, activate ? "reactivate" : "deactivate");

	(void)a;
	op->stale = true;
	if (activate && !has_status(op, "deactivated"))
		return image_fill(op);
	return op_call(op, "POST", tail, NULL, NULL);
}

/* Cinder makes the image, and fills it. */
static struct err *create_from_volume(struct op *op)
{
	AUTO_STR path = xasprintf("/volumes/%s/action", json_str(op->want, "volume"));
	struct json_object *arg = json_object_new_object();
	AUTO_JSON body = json_wrap("os-volume_upload_image", arg);
	AUTO_JSON answer = NULL;
	struct request req = { .method = "POST",
			       .service = os_volume.service,
			       .path = path,
			       .microversion = "3.1",
			       .body = body };
	const char *id;
	struct err *e;

	json_sets(arg, "image_name", json_str(op->want, "name"));
	json_sets(arg, "disk_format", json_str(op->want, "disk_format"));
	json_sets(arg, "container_format", json_str(op->want, "container_format"));
	/* Anything else than private is set with the other attributes, so that only one policy counts. */
	e = op_request(op, &req, &answer);
	if (e)
		return e;
	id = json_str(answer, "os-volume_upload_image.image_id");
	if (!id)
		return err_new(ERR_PROTOCOL, "Cinder's answer has no 'image_id'");
	op_created(op, id);
	return op->wait ? NULL : op_reload(op);
}

static struct err *create(struct op *op)
{
	struct err *e;

	if (json_str(op->want, "volume"))
		return create_from_volume(op);
	e = op_post(op);
	if (!e && image_has_source(op))
		e = image_fill(op);
	/* What there is to wait for has been waited for; an image without data has nothing coming. */
	op->wait = false;
	return e;
}

/* Whoever keeps its ID has an image that a killed run left empty filled now. */
static struct err *settle(struct op *op)
{
	struct err *e = NULL;

	if (!op->keeper)
		return NULL;
	if (unfinished(op->have) && image_has_source(op))
		e = image_fill(op);
	op->wait = false;
	return e;
}

/* What Cinder could not be told. */
static struct err *created(struct op *op)
{
	struct plan p;
	struct err *e;

	if (!json_str(op->want, "volume"))
		return NULL;
	plan_make(op->r, op->state, op->want, op->have, &p);
	e = op_update(op, p.changes);
	plan_release(&p);
	return e;
}

/* Glance refuses to delete what is protected: `is_protected: false` says that it may go. */
static struct err *unprotect(struct op *op)
{
	AUTO_JSON changes = json_wrap("is_protected", NULL);

	if (!json_truth(op->have, "is_protected", false))
		return NULL;
	if (json_truth(op->want, "is_protected", true))
		return err_at(
			err_new(ERR_CONFLICT,
				"the image is protected: give is_protected: false if it is to go"),
			"is_protected");
	return err_wrap(op_update(op, changes), "taking the protection away");
}

/* ---- the tables ---- */

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the image." },
	{ "id", STR, CREATE | IDENTITY,
	  "ID of the image, where the name is not enough; a new image gets this one." },
	{ "checksum", STR, READONLY | FILTER, "MD5 sum of the data." },
	{ "wanted_checksum", STR, OPTION | IDENTITY,
	  "MD5 sum of the data: says which of several images of a name is meant, and is verified "
	  "before an upload.",
	  .option = "checksum" },
	{ "filename", STR, OPTION, "File to upload; looked at only if the image has no data yet." },
	{ "volume", STR, OPTION, "Volume to make the image from, by name or ID." },
	{ "uri", STR, OPTION,
	  "Where Glance is to fetch the data by itself; REGION/IMAGE_ID for glance-download." },
	{ "import_method", STR, OPTION, "How Glance fetches `uri`; web-download if not given.",
	  .choices = "web-download glance-download" },
	{ "use_import", BOOL, OPTION,
	  "Whether an upload goes through Glance's import, which may convert the image." },
	{ "verify_checksum", BOOL, OPTION,
	  "Whether what Glance stored is compared with what was sent; it is by default." },
	{ "disk_format", STR, FIXED | ASSUMED | FILTER,
	  "Format of the disk: qcow2, raw, iso and so on.", .value = QCOW2 },
	{ "container_format", STR, FIXED | ASSUMED | FILTER, "What the disk is packed in.",
	  .value = BARE },
	{ "visibility", STR, FILTER, "Who can use the image.",
	  .choices = "public private shared community" },
	{ "is_public", BOOL, OPTION | ASSUMED,
	  "Older way to say visibility public; not public means private.", .value = "false" },
	{ "is_protected", BOOL, FILTER, "Whether the image cannot be deleted.", .wire = "protected",
	  .aliases = "protected" },
	{ "min_disk", INT, FILTER, "Smallest disk in GB that it fits on." },
	{ "min_ram", INT, FILTER, "Least memory in MB that it runs in." },
	{ "kernel_id", STR, 0, "Image of the kernel, by name or ID.", .option = "kernel",
	  .ref = &os_image },
	{ "ramdisk_id", STR, 0, "Image of the ramdisk, by name or ID.", .option = "ramdisk",
	  .ref = &os_image },
	{ "owner", STR, FILTER, "Project that owns the image, by name or ID.",
	  .aliases = "project" },
	{ "owner_domain", STR, OPTION, "Domain of the owner, where its name is not enough.",
	  .aliases = "project_domain" },
	{ "properties", MAP, MERGE | INLINE | ASSUMED,
	  "Further properties; those not named stay as they are, null takes one away.",
	  .value = "{}" },
	{ "tags", SET, ASSUMED, "Labels; exactly these are on the image afterwards.",
	  .value = "[]" },
	{ "status", STR, INTERNAL | FILTER,
	  "queued, saving, importing, active, deactivated and so on.", .set = set_status },
	{ "owner_id", STR, READONLY, "ID of the project that owns it.", .wire = "owner" },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was changed last." },
	{ "size", INT, READONLY, "Size of the data in bytes." },
	{ "virtual_size", INT, READONLY, "Size of the disk in bytes." },
	{ "hash_algo", STR, READONLY, "Algorithm of hash_value.", .wire = "os_hash_algo" },
	{ "hash_value", STR, READONLY | FILTER, "Hash of the data.", .wire = "os_hash_value" },
	{ "is_hidden", BOOL, FILTER, "Whether lists leave it out.", .wire = "os_hidden",
	  .aliases = "hidden" },
	{ "direct_url", STR, READONLY, "Where the data lies, if the cloud tells." },
	{ "file", STR, READONLY, "Path of the data below the service's URL." },
	{ "filters", MAP, READONLY, "Always null." },
	{ "locations", LIST, READONLY, "All places where the data lies, if the cloud tells.",
	  .elem = MAP },
	{ "metadata", MAP, READONLY, "Metadata of the place." },
	{ "schema", STR, READONLY, "Path of the schema that describes images." },
	{ "self", STR, READONLY | HIDDEN, "Path of the image itself." },
	{ "store", STR, READONLY, "Store the data lies in." },
	{ "url", STR, READONLY, "URL of the data, if the cloud tells." },
	{ "architecture", STR, INTERNAL, "Processor architecture it needs.",
	  .encode = encode_text },
	{ "has_auto_disk_config", STR, INTERNAL,
	  "Whether the root partition is fitted to the disk before the first boot.",
	  .wire = "auto_disk_config", .encode = encode_text },
	{ "hw_cpu_cores", INT, INTERNAL, "Preferred number of cores.", .encode = encode_text },
	{ "hw_cpu_policy", STR, INTERNAL,
	  "Whether virtual processors are pinned: shared, dedicated or mixed.",
	  .encode = encode_text },
	{ "hw_cpu_sockets", INT, INTERNAL, "Preferred number of sockets.", .encode = encode_text },
	{ "hw_cpu_thread_policy", STR, INTERNAL,
	  "How hardware threads are used: isolate, prefer or require.", .encode = encode_text },
	{ "hw_cpu_threads", INT, INTERNAL, "Preferred number of threads.", .encode = encode_text },
	{ "hw_disk_bus", STR, INTERNAL, "Disk controller: scsi, virtio, ide, usb and so on.",
	  .encode = encode_text },
	{ "hw_machine_type", STR, INTERNAL, "Machine type that is emulated.",
	  .encode = encode_text },
	{ "hw_qemu_guest_agent", STR, INTERNAL,
	  "Whether the QEMU guest agent is offered to the system.", .encode = encode_text },
	{ "hw_rng_model", STR, INTERNAL, "Random number generator device.", .encode = encode_text },
	{ "hw_scsi_model", STR, INTERNAL, "Model of the SCSI controller.", .encode = encode_text },
	{ "hw_serial_port_count", INT, INTERNAL, "Number of serial ports.", .encode = encode_text },
	{ "hw_video_model", STR, INTERNAL, "Video device.", .encode = encode_text },
	{ "hw_video_ram", INT, INTERNAL, "Most video memory in MB.", .encode = encode_text },
	{ "hw_vif_model", STR, INTERNAL, "Model of the network card.", .encode = encode_text },
	{ "hw_watchdog_action", STR, INTERNAL, "What the watchdog does when the system hangs.",
	  .encode = encode_text },
	{ "hypervisor_type", STR, INTERNAL, "Hypervisor it needs.", .encode = encode_text },
	{ "instance_type_rxtx_factor", FLOAT, INTERNAL, "Share of the network's bandwidth.",
	  .encode = encode_text },
	{ "instance_uuid", STR, INTERNAL, "Server it is a snapshot of.", .encode = encode_text },
	{ "is_hw_boot_menu_enabled", BOOL, INTERNAL, "Whether the BIOS shows its boot menu.",
	  .wire = "hw_boot_menu", .encode = encode_text },
	{ "is_hw_vif_multiqueue_enabled", BOOL, INTERNAL,
	  "Whether network cards have a queue for each processor.",
	  .wire = "hw_vif_multiqueue_enabled", .encode = encode_text },
	{ "needs_config_drive", STR, INTERNAL,
	  "Whether servers must have a config drive: mandatory or optional.",
	  .wire = "img_config_drive", .encode = encode_text },
	{ "needs_secure_boot", STR, INTERNAL,
	  "Whether secure boot is required, optional or disabled.", .wire = "os_secure_boot",
	  .encode = encode_text },
	{ "os_admin_user", STR, INTERNAL, "Name of the administrator in the system.",
	  .encode = encode_text },
	{ "os_command_line", STR, INTERNAL, "Kernel command line for the libvirt driver.",
	  .encode = encode_text },
	{ "os_distro", STR, INTERNAL, "Distribution in the image, in lower case.",
	  .encode = encode_text },
	{ "os_require_quiesce", BOOL, INTERNAL,
	  "Whether snapshots need the guest agent to quiesce the disks.", .encode = encode_text },
	{ "os_shutdown_timeout", INT, INTERNAL, "Seconds that a shutdown may take.",
	  .encode = encode_text },
	{ "os_type", STR, INTERNAL, "Operating system in the image.", .encode = encode_text },
	{ "os_version", STR, INTERNAL, "Version of the distribution.", .encode = encode_text },
	{ "vm_mode", STR, INTERNAL, "ABI of the virtual machine: hvm, xen, uml or exe.",
	  .encode = encode_text },
	{ "vmware_adaptertype", STR, INTERNAL, "SCSI or IDE controller under VMware.",
	  .encode = encode_text },
	{ "vmware_ostype", STR, INTERNAL, "VMware's ID of the operating system.",
	  .encode = encode_text },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "filename volume uri" },
	{ EXCLUSIVE, "visibility is_public" },
	{ 0 },
};

/* ---- telling about them ---- */

static const struct attr params[] = {
	{ "filters", MAP, OPTION,
	  "Attributes and properties that must have these values; Glance filters by them.",
	  .aliases = "properties" },
	{ 0 },
};

/* Glance filters by any property, too. */
static struct err *query(struct op *op, struct buf *query)
{
	struct json_object *filters = json_at(op->want, "filters");
	struct json_object *o;

	if (!filters)
		return NULL;
	o = json_object_new_object();
	json_object_object_foreach(filters, key, v) {
		const struct attr *a = op->r->attrs;
		AUTO_STR text = json_text(v);

		while (a->name && strcmp(a->name, key) != 0 && strcmp(attr_wire(a), key) != 0 &&
		       strcmp(attr_option(a), key) != 0)
			a++;
		AUTO_STR path = xasprintf("%s%s", a->name ? "" : "properties.", key);
		json_set(o, path, json_copy(v));
		if ((a->name && !(a->flags & INTERNAL)) || !v || a->flags & FILTER ||
		    json_object_is_type(v, json_type_object) ||
		    json_object_is_type(v, json_type_array))
			continue;
		if (query->len)
			buf_adds(query, "&");
		buf_addurl(query, a->name ? attr_wire(a) : key);
		buf_adds(query, "=");
		buf_addurl(query, text);
	}
	json_set(op->want, "filters", o);
	return NULL;
}

static const struct info info = {
	.name = "image_info",
	.doc = "Tell about images.",
	.returns = "images",
	.name_aliases = "image",
	.no_filters = true,
	.params = params,
	.query = query,
	.example = "- treenail.openstack.image_info:\n"
		   "    cloud: demo\n"
		   "    filters: {os_distro: debian, visibility: public}\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "container_format", TF_REQUIRED },
	{ "disk_format", TF_REQUIRED },
	{ "image_id", TF_OC | TF_NEW, "id", "ID of the image, where it has to be this one." },
	{ "local_file_path", TF_RENEWS, "filename", "File with the data." },
	{ "image_source_url", TF_KEPT | TF_RENEWS, "", "Where the data is fetched from." },
	{ "image_source_username", TF_KEPT, "", "Name to log in with there." },
	{ "image_source_password", TF_KEPT | TF_SENSITIVE, "", "Password to log in with there." },
	{ "web_download", TF_KEPT | TF_RENEWS, "",
	  "Whether Glance fetches the data, not the one who runs Terraform.", .type = "\"bool\"",
	  .value = "false" },
	{ "decompress", TF_KEPT | TF_RENEWS, "",
	  "Whether what is fetched is unpacked: gzip, bzip2, xz or zstd.", .type = "\"bool\"",
	  .value = "false" },
	{ "image_cache_path", TF_OC | TF_KEPT, "",
	  "Folder for what is fetched; ~/.terraform/image_cache by default." },
	{ "verify_checksum" },
	{ "visibility", .value = "\"private\"" },
	{ "protected", .value = "false" },
	{ "hidden", .value = "false" },
	{ "min_disk_gb", 0, "min_disk", .value = "0" },
	{ "min_ram_mb", 0, "min_ram", .value = "0" },
	{ "properties", TF_OC, "", "Further properties; if none are given, all that it has.",
	  .type = "[\"map\",\"string\"]" },
	{ "tags" },
	{ "checksum", TF_COMPUTED, .follows = "local_file_path image_source_url" },
	{ "created_at", TF_COMPUTED },
	{ "file", TF_COMPUTED },
	{ "metadata", TF_COMPUTED },
	{ "owner", TF_COMPUTED },
	{ "schema", TF_COMPUTED },
	{ "size_bytes", TF_COMPUTED, "size", .follows = "local_file_path image_source_url" },
	{ "status", TF_COMPUTED, .follows = "local_file_path image_source_url" },
	{ "updated_at", TF_COMPUTED, .follows = "*" },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ EXCLUSIVE, "local_file_path image_source_url" },
	{ NEEDS_ALL, "image_source_url", "web_download=true" },
	{ NEEDS_ALL, "image_source_url", "decompress=true" },
	{ 0 },
};

/* Properties that Glance and its clients set for themselves. */
static bool is_managed(const char *key)
{
	return strcmp(key, "stores") == 0 || strncmp(key, "os_glance_", 10) == 0 ||
	       strncmp(key, "owner_specified.", 16) == 0;
}

static bool is_property(const struct attr *a)
{
	return (a->flags & INTERNAL && !a->set) || a->ref == &os_image;
}

/* All of them as text, those with rows of their own too. */
static struct json_object *properties_of(struct json_object *image)
{
	struct json_object *all = json_object_new_object(), *more = json_at(image, "properties");

	json_object_object_foreach(more, key, v)
		if (v && !is_managed(key))
			json_set(all, key, encode_text(v));
	for (const struct attr *a = os_image.attrs; a->name; a++)
		if (is_property(a) && json_at(image, a->name))
			json_set(all, attr_wire(a), encode_text(json_at(image, a->name)));
	return all;
}

/* "True" is true for a row that knows so. */
static bool same_property(const char *key, struct json_object *x, struct json_object *y)
{
	const struct attr *a = os_image.attrs;

	while (a->name && !(is_property(a) && strcmp(attr_wire(a), key) == 0))
		a++;
	if (!a->name)
		return json_object_equal(x, y);
	AUTO_JSON typed = attr_typed(a, x);
	AUTO_JSON other = attr_typed(a, y);
	return attr_equal(a, typed, other);
}

/* Where some are given, the others are not ours. */
static struct json_object *properties_shown(struct json_object *given, struct json_object *all)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_foreach(given, key, v) {
		struct json_object *now = json_at(all, key);

		if (now)
			json_set(ret, key, json_copy(same_property(key, v, now) ? v : now));
	}
	return ret;
}

/* What an import cannot know is no reason to make an image anew. */
static struct err *tf_plan(struct tf_op *t)
{
	static const char *const source[] = { "local_file_path", "image_source_url", "web_download",
					      "decompress" };
	const bool known = t->prior && (json_str(t->prior, "local_file_path") ||
					json_str(t->prior, "image_source_url"));

	for (size_t i = 0; i < COUNT(source) && known; i++)
		if (tf_changed(t, source[i]))
			tf_replace(t, source[i]);
	return NULL;
}

static void want_properties(struct tf_op *t)
{
	struct json_object *want = json_copy(json_at(t->planned, "properties"));
	struct json_object *before = json_at(t->prior, "properties");

	if (before) {
		json_object_object_foreach(before, key, v) {
			(void)v;
			if (!json_has(want, key))
				json_set(want, key, NULL);
		}
	}
	json_set(t->op->want, "properties", want);
}

static struct err *want_source(struct tf_op *t)
{
	struct json_object *given = t->planned;
	const char *wo = json_str(t->config, "image_source_password_wo");
	const struct image_source from = {
		.url = json_str(given, "image_source_url"),
		.user = json_str(given, "image_source_username"),
		.password = wo ? wo : json_str(given, "image_source_password"),
		.cache = t->calls->has_unknown(json_at(given, "image_cache_path"))
				 ? NULL
				 : json_str(given, "image_cache_path"),
		.unpack = json_truth(given, "decompress", false),
	};
	AUTO_STR file = NULL;
	struct err *e;

	if (!from.url)
		return image_check_file(t->op);
	if (json_truth(given, "web_download", false)) {
		json_sets(t->op->want, "uri", from.url);
		return NULL;
	}
	e = image_fetch(t->op, &from, &file);
	if (!e)
		json_sets(t->op->want, "filename", file);
	return e;
}

static struct err *tf_prepare(struct tf_op *t)
{
	const bool empty = !t->prior || json_is_str(json_at(t->prior, "status"), "queued");

	if (!t->planned)
		return NULL;
	if (tf_changed(t, "properties") &&
	    !t->calls->has_unknown(json_at(t->planned, "properties")))
		want_properties(t);
	return empty ? want_source(t) : NULL;
}

static struct err *tf_show(struct tf_op *t)
{
	struct json_object *known = json_at(t->planned ? t->planned : t->prior, "properties");
	AUTO_JSON all = properties_of(t->op->have);

	if (t->kind->what == TF_DATA || !known || t->calls->has_unknown(known))
		json_set(t->state, "properties", TAKE(all));
	else if (!t->planned)
		json_set(t->state, "properties", properties_shown(known, all));
	return NULL;
}

static const struct tf_kind images_image_v2 = {
	.name = "images_image_v2",
	.doc = "An image: the disk that instances boot from.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 30 },
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_images_image_v2\" \"example\" {\n"
		   "  name             = \"example\"\n"
		   "  local_file_path  = \"/etc/os-release\" # not much of a disk\n"
		   "  container_format = \"bare\"\n"
		   "  disk_format      = \"raw\"\n"
		   "  properties       = { os_distro = \"debian\" }\n"
		   "  tags             = [\"nightly\"]\n"
		   "}\n",
};

/* Protocol 6 lets a provider tell only of computed rows; lists of IDs tell of nothing else. */
#define DATA_ROWS(told)                                                                        \
	{ "name", told }, { "name_regex", TF_REGEX, "name", "Regular expression for names." }, \
		{ "container_format", told }, { "disk_format", told },                         \
		{ "visibility", told, .choices = "all public private shared community" },      \
		{ "owner", told }, { "hidden", told },                                         \
		{ "tags", told, .doc = "Labels that it has among others." },                   \
		{ "tag", 0, "", "A label it has." },                                           \
		{ "member_status", 0, "",                                                      \
		  "For images that others share: what became of the offer.",                   \
		  .choices = "accepted pending rejected all" },                                \
		{ "size_min", 0, "", "Least size in bytes.", .type = "\"number\"" },           \
		{ "size_max", 0, "", "Greatest size in bytes.", .type = "\"number\"" },        \
		{ "sort", 0, "", "In which order, as in name:asc,created_at:desc." },          \
	{                                                                                      \
		"properties", told, "", "Properties that have these values.",                  \
			.type = "[\"map\",\"string\"]"                                         \
	}

static const struct tf_attr data_rows[] = {
	DATA_ROWS(TF_OC),
	{ "most_recent", TF_LAST, "", "Whether the newest of several is meant.",
	  .type = "\"bool\"" },
	{ "checksum", TF_COMPUTED },
	{ "created_at", TF_COMPUTED },
	{ "file", TF_COMPUTED },
	{ "metadata", TF_COMPUTED },
	{ "min_disk_gb", TF_COMPUTED, "min_disk" },
	{ "min_ram_mb", TF_COMPUTED, "min_ram" },
	{ "protected", TF_COMPUTED },
	{ "schema", TF_COMPUTED },
	{ "size_bytes", TF_COMPUTED, "size" },
	{ "updated_at", TF_COMPUTED },
	{ 0 },
};

static const struct tf_attr ids_rows[] = {
	DATA_ROWS(0),
	{ "ids", TF_COMPUTED, "", "Their IDs.", .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static struct err *tf_query(struct tf_op *t, struct buf *query)
{
	static const char *const filters[] = { "member_status", "size_min", "size_max", "tag" };
	const char *sort = json_str(t->config, "sort");
	struct json_object *tags = json_at(t->config, "tags");

	for (size_t i = 0; i < COUNT(filters); i++) {
		AUTO_STR text = json_text(json_at(t->config, filters[i]));

		if (json_at(t->config, filters[i]))
			query_text(query, filters[i], text);
	}
	for (size_t i = 0; i < json_len(tags); i++)
		query_text(query, "tag", json_object_get_string(json_nth(tags, i)));
	query_text(query, "sort", sort ? sort : "name:asc");
	return NULL;
}

static bool has_properties(struct json_object *image, struct json_object *wanted)
{
	AUTO_JSON all = properties_of(image);

	if (!wanted)
		return true;
	json_object_object_foreach(wanted, key, v)
		if (!same_property(key, v, json_at(all, key)))
			return false;
	return true;
}

static struct err *tf_select(struct tf_op *t, struct json_object **list)
{
	struct json_object *some = json_object_new_array();

	for (size_t i = 0; i < json_len(*list); i++)
		if (has_properties(json_nth(*list, i), json_at(t->config, "properties")))
			json_object_array_add(some, json_object_get(json_nth(*list, i)));
	json_object_put(*list);
	*list = some;
	return NULL;
}

static const struct tf_kind data_image_v2 = {
	.name = "images_image_v2",
	.what = TF_DATA,
	.doc = "An image that is there already.",
	.attrs = data_rows,
	.query = tf_query,
	.select = tf_select,
	.show = tf_show,
	.example = "data \"openstack_images_image_v2\" \"cirros\" {\n"
		   "  name_regex  = \"^cirros\"\n"
		   "  most_recent = true\n"
		   "}\n",
};

static const struct tf_kind data_image_ids_v2 = {
	.name = "images_image_ids_v2",
	.what = TF_DATA,
	.flags = TF_PLURAL,
	.doc = "All images that something is true of.",
	.attrs = ids_rows,
	.query = tf_query,
	.select = tf_select,
	.example = "data \"openstack_images_image_ids_v2\" \"public\" {\n"
		   "  visibility = \"public\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &images_image_v2, &data_image_v2,
						   &data_image_ids_v2, NULL };

const struct resource os_image = {
	.name = "image",
	.doc = "Images: the disks that servers boot from.",
	.service = "image",
	.path = "/v2/images",
	.keys = "images",
	.returns = "image",
	.list_query = "limit=1000",
	.update = "JSONPATCH",
	.flags = NAME_OPS,
	.attrs = attrs,
	.rules = rules,
	.states = "present absent inactive",
	.wait = { "status", "active deactivated", "killed error deleted pending_delete" },
	.prepare = prepare,
	.find = find,
	.settle = settle,
	.create = create,
	.created = created,
	.before_delete = unprotect,
	.info = &info,
	.terraform = terraform,
	.example = "- ansible.builtin.copy:\n"
		   "    content: not much of a disk\n"
		   "    dest: /tmp/treenail-example.img\n"
		   "- treenail.openstack.image:\n"
		   "    cloud: demo\n"
		   "    name: example\n"
		   "    filename: /tmp/treenail-example.img\n"
		   "    disk_format: raw\n"
		   "    min_disk: 1\n"
		   "    properties: {os_distro: debian}\n"
		   "    tags: [nightly]\n"
		   "- treenail.openstack.image:\n"
		   "    cloud: demo\n"
		   "    name: example\n"
		   "    state: absent\n",
};
