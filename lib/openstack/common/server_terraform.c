/* Servers in Terraform files. */
#include <string.h>

#include "digest.h"
#include "openstack/instance.h"
#include "openstack/shared.h"
#include "text.h"

extern const struct resource os_compute_flavor, os_image;

/* What the peer's states have of a server that boots from a volume. */
static const char NO_IMAGE[] = "Attempt to boot from volume - no image supplied";

static const char *text_at(struct json_object *o, const char *key)
{
	const char *s = json_str(o, key);

	return s ? s : "";
}

/*
 * Much of what a server was created with is not to be read back. One that was imported is taken to
 * be as it is written, until it is first changed. An import is known by having no value in a row
 * that a plan always gives one.
 */
static const char MARK[] = "stop_before_destroy";

static bool imported(const struct tf_op *t)
{
	return t->prior && !json_at(t->prior, MARK);
}

/* ---- planning ---- */

/* null, false, 0 and "" of create-only values: the peer's states have one, ours another. */
static bool nothing(struct json_object *v)
{
	return json_empty(v) ||
	       (json_object_is_type(v, json_type_boolean) && !json_object_get_boolean(v)) ||
	       (json_object_is_type(v, json_type_int) && !json_object_get_int64(v));
}

static bool alike(struct json_object *x, struct json_object *y)
{
	if (nothing(x) && nothing(y))
		return true;
	if (json_object_is_type(x, json_type_array) && json_len(x) == json_len(y)) {
		for (size_t i = 0; i < json_len(x); i++)
			if (!alike(json_nth(x, i), json_nth(y, i)))
				return false;
		return true;
	}
	if (json_object_is_type(x, json_type_object) && json_object_is_type(y, json_type_object)) {
		json_object_object_foreach(x, key, v) {
			if (!alike(v, json_at(y, key)))
				return false;
		}
		return json_object_object_length(x) == json_object_object_length(y);
	}
	return json_object_equal(x, y);
}

/* Sets come in any order. */
static bool same_members(struct json_object *x, struct json_object *y)
{
	AUTO_STR taken = xcalloc(json_len(y) + 1, 1);

	for (size_t i = 0; i < json_len(x); i++) {
		size_t k = 0;

		while (k < json_len(y) && (taken[k] || !alike(json_nth(x, i), json_nth(y, k))))
			k++;
		if (k == json_len(y))
			return false;
		taken[k] = 1;
	}
	return json_len(x) == json_len(y);
}

/* The peer's states have the SHA-1 of the text. */
static bool same_user_data(struct json_object *config, struct json_object *prior)
{
	const char *text = json_object_get_string(config), *was = json_object_get_string(prior);

	if (!text || !was)
		return nothing(config) && nothing(prior);
	AUTO_STR hash = digest_text("sha1", text, strlen(text));
	return strcmp(text, was) == 0 || strcmp(hash, was) == 0;
}

/* "zone:host" says more than servers tell. */
static bool same_zone(struct json_object *config, struct json_object *prior)
{
	const char *want = json_object_get_string(config), *have = json_object_get_string(prior);
	const size_t len = have ? strlen(have) : 0;

	return !want || (have && strncmp(want, have, len) == 0 && (!want[len] || want[len] == ':'));
}

/* It may have been given by its name only, or be that of a volume. */
static bool same_image(struct json_object *config, struct json_object *prior)
{
	const char *have = json_object_get_string(prior);

	return !config || json_object_equal(config, prior) || (have && strcmp(have, NO_IMAGE) == 0);
}

static bool same_if_written(struct json_object *config, struct json_object *prior)
{
	return json_empty(config) || json_object_equal(config, prior);
}

static void plan_born(struct tf_op *t)
{
	static const struct {
		const char *row;
		bool (*same)(struct json_object *config, struct json_object *prior);
	} born[] = {
		{ "image_id", same_image },
		{ "user_data", same_user_data },
		{ "availability_zone", same_zone },
		{ "hypervisor_hostname", same_if_written },
		{ "availability_zone_hints", alike },
		{ "config_drive", alike },
		{ "network_mode", alike },
		{ "block_device", alike },
		{ "scheduler_hints", same_members },
		{ "personality", same_members },
	};

	for (size_t i = 0; i < COUNT(born); i++) {
		struct json_object *config = json_at(t->config, born[i].row);
		struct json_object *prior = json_at(t->prior, born[i].row);

		if (!tf_has_unknown(t, config) && born[i].same(config, prior)) {
			/* What is written stays as it is in the state, in whatever spelling. */
			if (prior && config && !json_object_is_type(config, json_type_array))
				json_set(t->planned, born[i].row, json_copy(prior));
		} else if (prior && !json_empty(prior) ? true : !imported(t)) {
			tf_replace(t, born[i].row);
		}
	}
}

/* Its name counts only where it is what is written. */
static void plan_image_name(struct tf_op *t)
{
	struct json_object *name = json_at(t->config, "image_name");
	struct json_object *was = json_at(t->prior, "image_name");

	if (name && !json_at(t->config, "image_id") && was && !json_object_equal(name, was))
		tf_replace(t, "image_name");
}

/* An import that is wholly as it is written changes nothing. */
static void plan_import(struct tf_op *t)
{
	struct json_object *planned;

	if (!imported(t) || json_at(t->config, MARK))
		return;
	planned = json_copy(json_at(t->planned, MARK));
	json_set(t->planned, MARK, NULL);
	if (json_object_equal(t->planned, t->prior))
		json_object_put(planned);
	else
		json_set(t->planned, MARK, planned);
}

static struct err *plan(struct tf_op *t)
{
	if (!t->prior)
		return NULL;
	instance_networks_plan(t);
	plan_born(t);
	plan_image_name(t);
	plan_import(t);
	return NULL;
}

/* ---- what is wanted ---- */

static struct err *want_flavor(struct tf_op *t)
{
	const char *id = json_str(t->config, "flavor_id");
	const char *name = json_str(t->config, "flavor_name");
	const bool by_id = id && *id;
	AUTO_JSON flavor = NULL;
	struct err *e;

	json_object_object_del(t->op->want, "flavor_name");
	if (t->prior && !tf_changed(t, "flavor_id") && !tf_changed(t, "flavor_name"))
		return NULL;
	if (!by_id && !(name && *name))
		return NULL;
	e = by_id ? resource_try_get(t->op->api, &os_compute_flavor, id, &flavor)
		  : resource_find(t->op->api, &os_compute_flavor, name, NULL, &flavor);
	if (!e && !flavor)
		e = by_id ? err_new(ERR_NOT_FOUND, "there is no flavor '%s' here", id)
			  : no_such(t->op->api, &os_compute_flavor, "", name);
	json_sets(t->op->want, "flavor_name", json_str(flavor, "name"));
	json_sets(t->op->want, "_flavor_id", json_str(flavor, "id"));
	return err_at(err_wrap(e, "flavor"), by_id ? "flavor_id" : "flavor_name");
}

/* Of a server on volumes the image is theirs. */
static bool needs_image(struct json_object *config)
{
	struct json_object *disks = json_at(config, "block_device");

	for (size_t i = 0; i < json_len(disks); i++)
		if (json_is_str(json_at(json_nth(disks, i), "source_type"), "image") &&
		    json_is_str(json_at(json_nth(disks, i), "destination_type"), "local"))
			return true;
	return !json_len(disks);
}

static struct err *want_image(struct tf_op *t)
{
	const char *id = json_str(t->config, "image_id"), *name = json_str(t->config, "image_name");
	AUTO_JSON image = NULL;
	struct err *e = NULL;

	json_object_object_del(t->op->want, "image_id");
	if (t->prior || !needs_image(t->config))
		return NULL;
	if (id && *id) {
		json_sets(t->op->want, "image_id", id);
		return NULL;
	}
	if (name && *name) {
		e = resource_find(t->op->api, &os_image, name, NULL, &image);
		if (!e && !image)
			e = no_such(t->op->api, &os_image, "", name);
		json_sets(t->op->want, "image_id", json_str(image, "id"));
	}
	return err_at(err_wrap(e, "image"), "image_name");
}

static void want_metadata(struct tf_op *t)
{
	struct json_object *was = json_at(t->prior, "metadata");
	struct json_object *want = json_at(t->op->want, "metadata");
	struct json_object *gone;

	if (!was || !json_has(t->op->want, "metadata"))
		return;
	gone = json_object_new_array();
	json_object_object_foreach(was, key, v) {
		(void)v;
		if (!json_has(want, key))
			json_object_array_add(gone, json_object_new_string(key));
	}
	json_set(t->op->want, "_gone", gone);
}

static struct err *prepare(struct tf_op *t)
{
	struct json_object *vendor =
		json_nth(json_at(t->planned ? t->planned : t->prior, "vendor_options"), 0);
	struct err *e;

	json_set(t->op->want, "detach_ports_before_destroy",
		 json_copy(json_at(vendor, "detach_ports_before_destroy")));
	if (!t->planned)
		return NULL;
	json_object_object_del(t->op->want, "detach_ports_before_destroy");
	e = want_flavor(t);
	if (!e)
		e = want_image(t);
	if (!e && !t->prior)
		e = instance_networks_want(t);
	want_metadata(t);
	/* A run that was killed while it resized the server left it unconfirmed. */
	if (t->prior && json_object_object_length(t->op->want))
		json_set(t->op->want, "resize_confirmed", json_object_new_boolean(true));
	return e;
}

/* ---- what is shown ---- */

static struct err *find_flavor(struct tf_op *t, const char *name)
{
	AUTO_JSON flavor = NULL;
	struct err *e = resource_find(t->op->api, &os_compute_flavor, name, NULL, &flavor);

	/* A server outlives its flavor. */
	if (e && e->kind != ERR_NOT_FOUND)
		return err_wrap(e, "flavor");
	err_free(e);
	json_sets(t->state, "flavor_id", json_str(flavor, "id"));
	return NULL;
}

/* While a resize waits to be confirmed, the old flavor is told: the resize is still to be finished. */
static struct err *show_flavor(struct tf_op *t)
{
	const char *name = json_str(t->op->have, "flavor_name");
	const char *id = json_str(t->op->have, "flavor_id");
	const char *status = json_str(t->op->have, "status");
	struct json_object *before = t->planned ? t->planned : t->prior;

	if (!t->planned && status && words_have("RESIZE VERIFY_RESIZE", status) &&
	    json_at(before, "flavor_name")) {
		json_sets(t->state, "flavor_name", json_str(before, "flavor_name"));
		json_sets(t->state, "flavor_id", json_str(before, "flavor_id"));
		return NULL;
	}
	if (!id && json_str(t->op->want, "_flavor_id"))
		id = json_str(t->op->want, "_flavor_id");
	if (!id && name && json_is_str(json_at(before, "flavor_name"), name))
		id = json_str(before, "flavor_id");
	if (!t->planned || !json_str(t->planned, "flavor_name"))
		json_sets(t->state, "flavor_name", name);
	if (id || !name) {
		if (!t->planned || !json_str(t->planned, "flavor_id"))
			json_sets(t->state, "flavor_id", id);
		return NULL;
	}
	return find_flavor(t, name);
}

static struct err *show_image(struct tf_op *t)
{
	const char *have = json_str(t->op->have, "image_id");
	struct json_object *before = t->planned ? t->planned : t->prior;
	const char *known = json_str(before, "image_name");
	AUTO_JSON image = NULL;
	struct err *e;

	/* Of a server on volumes Nova tells none: what was written stays. */
	if (!have || (t->planned && json_str(t->planned, "image_id"))) {
		json_sets(t->state, "image_id", json_str(before, "image_id"));
	} else {
		json_sets(t->state, "image_id", have);
	}
	if (known || !have) {
		json_sets(t->state, "image_name", known);
		return NULL;
	}
	e = resource_try_get(t->op->api, &os_image, have, &image);
	json_sets(t->state, "image_name", json_str(image, "name"));
	return err_wrap(e, "image");
}

/* What passes, or is broken, is no power state; and one that is nowhere has no zone. */
static void show_place(struct tf_op *t)
{
	struct json_object *zone = json_at(t->prior, "availability_zone");
	struct json_object *have = json_at(t->op->have, "availability_zone");
	const char *status = json_str(t->op->have, "status");
	const char *fault = json_str(t->op->have, "fault.message");

	if (zone && (json_empty(have) || same_zone(zone, have)))
		json_set(t->state, "availability_zone", json_copy(zone));
	if (!json_at(t->state, "power_state"))
		json_set(t->state, "power_state", json_copy(json_at(t->prior, "power_state")));
	if (!json_at(t->state, "power_state"))
		json_sets(t->state, "power_state", "active");
	/* Without ports, groups mean nothing. */
	if (!json_truth(t->op->have, "connected", false) && json_at(t->prior, "security_groups"))
		json_set(t->state, "security_groups",
			 json_copy(json_at(t->prior, "security_groups")));
	if (status && strcmp(status, "ERROR") == 0)
		op_warn(t->op, "instance %s is in ERROR%s%s", json_str(t->op->have, "name"),
			fault ? ": " : "", fault ? fault : "");
}

/* The peer's states have a 0 where none was written, too; that it was written is more likely. */
static void show_disks(struct tf_op *t)
{
	struct json_object *disks = json_at(t->state, "block_device");
	struct json_object *before = json_at(t->prior, "block_device");

	for (size_t i = 0; i < json_len(disks) && i < json_len(before); i++)
		json_set(json_nth(disks, i), "boot_index",
			 json_copy(json_at(json_nth(before, i), "boot_index")));
}

static void show_import(struct tf_op *t)
{
	if (!json_at(t->prior, MARK))
		json_set(t->state, MARK, NULL);
	if (t->importing && json_truth(t->op->have, "config_drive", false))
		json_set(t->state, "config_drive", json_object_new_boolean(true));
}

static struct err *show(struct tf_op *t)
{
	const char *status = text_at(t->op->have, "status");
	struct err *e;

	if (!t->planned && words_have("DELETED SOFT_DELETED", status)) {
		json_object_put(t->state);
		t->state = NULL;
		return NULL;
	}
	e = show_flavor(t);
	if (!e)
		e = show_image(t);
	if (!e)
		e = instance_networks_show(t);
	if (!t->planned) {
		show_place(t);
		show_disks(t);
		show_import(t);
	}
	return e;
}

/* ---- rows ---- */

static const struct tf_attr device_rows[] = {
	{ "source_type", TF_REQUIRED },
	{ "uuid" },
	{ "volume_size" },
	{ "volume_type" },
	{ "destination_type" },
	{ "boot_index" },
	{ "delete_on_termination", .value = "false" },
	{ "guest_format" },
	{ "device_type" },
	{ "disk_bus" },
	{ "multiattach" },
	{ 0 },
};

static const struct tf_attr network_rows[] = {
	{ "uuid", TF_OC },
	{ "name", TF_OC },
	{ "port", TF_OC },
	{ "fixed_ip_v4", TF_OC },
	{ "fixed_ip_v6", TF_OC },
	{ "mac", TF_COMPUTED },
	{ "access_network", .value = "false" },
	{ 0 },
};

static const struct tf_attr hint_rows[] = {
	{ "group" },
	{ "different_host" },
	{ "same_host" },
	{ "query" },
	{ "target_cell" },
	{ "different_cell" },
	{ "build_near_host_ip" },
	{ "additional_properties" },
	{ 0 },
};

static const struct tf_attr file_rows[] = {
	{ "file", TF_REQUIRED },
	{ "content", TF_REQUIRED },
	{ 0 },
};

static const struct tf_attr vendor_rows[] = {
	{ "ignore_resize_confirmation", .value = "false", .type = "\"bool\"",
	  .doc = "Accepted for the sake of existing files: clouds that confirm resizes by themselves "
		 "are no trouble." },
	{ "detach_ports_before_destroy", .value = "false", .type = "\"bool\"",
	  .doc = "Whether its ports are detached before it is deleted." },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "image_id", TF_OC | TF_RENEWS, .follows = "image_name" },
	{ "image_name", TF_OC | TF_RENEWS, "", "Name of the image to boot.",
	  .follows = "image_id" },
	{ "flavor_id", TF_OC, "", "ID of the flavor; changing it resizes the instance.",
	  .follows = "flavor_name" },
	{ "flavor_name", TF_OC, .doc = "Name of the flavor; changing it resizes the instance.",
	  .follows = "flavor_id" },
	{ "user_data", TF_KEPT | TF_RENEWS },
	{ "security_groups", TF_OC },
	{ "availability_zone", TF_OC | TF_RENEWS },
	{ "availability_zone_hints", TF_RENEWS },
	{ "hypervisor_hostname", TF_OC | TF_RENEWS },
	{ "network_mode", TF_RENEWS },
	{ "network", TF_OC | TF_BLOCK | TF_RENEWS, .sub = network_rows },
	{ "metadata", TF_SUBSET },
	{ "all_metadata", TF_COMPUTED, "metadata", "All its metadata, what others gave it too.",
	  .follows = "metadata" },
	{ "config_drive", TF_KEPT | TF_RENEWS },
	{ "admin_pass", TF_KEPT },
	{ "access_ip_v4", TF_COMPUTED, "", "IPv4 address to reach it by." },
	{ "access_ip_v6", TF_COMPUTED, "", "IPv6 address to reach it by." },
	{ "key_pair", 0, "key_name" },
	{ "block_device", TF_BLOCK | TF_RENEWS, .sub = device_rows },
	{ "scheduler_hints", TF_BLOCK | TF_SET | TF_RENEWS, .sub = hint_rows },
	{ "personality", TF_BLOCK | TF_SET | TF_RENEWS, .sub = file_rows },
	{ "stop_before_destroy", .value = "false" },
	{ "force_delete", .value = "false" },
	{ "power_state", .value = "\"active\"",
	  .choices = "active shutoff paused shelved_offloaded" },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ "vendor_options", TF_BLOCK | TF_SET | TF_UNIQUE | TF_KEPT, "", "What some clouds need.",
	  .sub = vendor_rows },
	{ "created", TF_COMPUTED, "created_at" },
	{ "updated", TF_COMPUTED, "updated_at",
	  .follows = "name flavor_id flavor_name security_groups metadata tags power_state" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "network network_mode" },
	{ EXCLUSIVE, "availability_zone availability_zone_hints" },
	{ ONE_OF, "flavor_id flavor_name" },
	{ ONE_OF, "image_id image_name block_device" },
	{ 0 },
};

static const struct tf_kind compute_instance_v2 = {
	.name = "compute_instance_v2",
	.of = &os_instance,
	.doc = "An instance: a virtual machine, or what takes its place. What does not force a new one is "
	       "changed in place; another flavor resizes it.",
	.attrs = rows,
	.rules = rules,
	.flags = TF_EXPAND,
	.minutes = { .create = 30, .update = 30, .remove = 30 },
	.plan = plan,
	.prepare = prepare,
	.show = show,
	.import_doc = "The ID of the instance. What Nova does not tell (user_data, block_device, "
		      "scheduler_hints, personality) is then taken to be as it is written.",
	.example = "resource \"openstack_networking_network_v2\" \"net\" {\n"
		   "  name = \"instance-example\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"net\" {\n"
		   "  network_id = openstack_networking_network_v2.net.id\n"
		   "  cidr       = \"192.168.77.0/24\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_instance_v2\" \"web\" {\n"
		   "  name        = \"instance-example\"\n"
		   "  image_name  = \"cirros\"\n"
		   "  flavor_name = \"m1.tiny\"\n"
		   "  metadata    = { role = \"web\" }\n"
		   "\n"
		   "  network {\n"
		   "    uuid = openstack_networking_subnet_v2.net.network_id\n"
		   "  }\n"
		   "}\n",
};

static const struct tf_attr data_network_rows[] = {
	{ "uuid", TF_COMPUTED },
	{ "name", TF_COMPUTED },
	{ "port", TF_COMPUTED, .doc = "ID of the port." },
	{ "fixed_ip_v4", TF_COMPUTED },
	{ "fixed_ip_v6", TF_COMPUTED },
	{ "mac", TF_COMPUTED },
	{ 0 },
};

static const struct tf_attr data_rows[] = {
	{ "id", TF_REQUIRED },
	{ "name", TF_COMPUTED },
	{ "image_id", TF_COMPUTED, .doc = "ID of the image it was made from." },
	{ "image_name", TF_COMPUTED, "", "Name of the image it was made from." },
	{ "flavor_id", TF_COMPUTED },
	{ "flavor_name", TF_COMPUTED },
	{ "key_pair", TF_COMPUTED, "key_name" },
	{ "power_state", TF_COMPUTED },
	{ "user_data", TF_OC, .doc = "What cloud-init got, in base64; for administrators." },
	{ "security_groups", TF_COMPUTED },
	{ "availability_zone", TF_COMPUTED, .doc = "Zone it is in." },
	{ "network", TF_COMPUTED | TF_BLOCK, .doc = "Its networks and ports.",
	  .sub = data_network_rows },
	{ "access_ip_v4", TF_COMPUTED, "", "IPv4 address to reach it by." },
	{ "access_ip_v6", TF_COMPUTED, "", "IPv6 address to reach it by." },
	{ "metadata", TF_COMPUTED },
	{ "tags", TF_COMPUTED, .doc = "Its labels." },
	{ "created", TF_COMPUTED, "created_at" },
	{ "updated", TF_COMPUTED, "updated_at" },
	{ 0 },
};

static struct err *show_data(struct tf_op *t)
{
	const char *status = json_str(t->op->have, "status");
	struct err *e = show_flavor(t);

	if (!e)
		e = show_image(t);
	if (!e)
		e = instance_networks_show(t);
	if (status && !json_at(t->state, "power_state")) {
		json_sets(t->state, "power_state", status);
		lower_case(t->state, "power_state");
	}
	return e;
}

static const struct tf_kind data_instance_v2 = {
	.name = "compute_instance_v2",
	.what = TF_DATA,
	.of = &os_instance,
	.doc = "An instance that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_networking_network_v2\" \"net\" {\n"
		   "  name = \"instance-found\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_subnet_v2\" \"net\" {\n"
		   "  network_id = openstack_networking_network_v2.net.id\n"
		   "  cidr       = \"192.168.77.0/24\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_compute_instance_v2\" \"web\" {\n"
		   "  name        = \"instance-found\"\n"
		   "  image_name  = \"cirros\"\n"
		   "  flavor_name = \"m1.tiny\"\n"
		   "\n"
		   "  network {\n"
		   "    uuid = openstack_networking_subnet_v2.net.network_id\n"
		   "  }\n"
		   "}\n"
		   "\n"
		   "data \"openstack_compute_instance_v2\" \"web\" {\n"
		   "  id = openstack_compute_instance_v2.web.id\n"
		   "}\n",
	.flags = TF_EXPAND,
	.show = show_data,
};

const struct tf_kind *const server_terraform[] = { &compute_instance_v2, &data_instance_v2, NULL };
