#include <string.h>

#include "openstack/instance.h"
#include "openstack/server.h"
#include "openstack/server_ips.h"
#include "openstack/shared.h"
#include "resource.h"
#include "text.h"

extern const struct resource os_compute_flavor, os_image, os_network, os_port, os_security_group,
	os_volume;

static const char USABLE[] = "ACTIVE SHUTOFF PAUSED SUSPENDED";

static bool offers(struct op *op, const char *microversion)
{
	bool offered = false;

	err_free(op->api->offers(op->api, op->r->service, microversion, &offered));
	return offered;
}

/* ---- what an answer says ---- */

/* The status, and after a slash what Nova is doing with the server: two words in one place. */
struct json_object *server_phase(struct json_object *wire)
{
	const char *status = json_str(wire, "status");
	const char *task = json_str(wire, "OS-EXT-STS:task_state");
	AUTO_STR both = task ? xasprintf("%s/%s", status ? status : "", task) : NULL;

	return both || status ? json_object_new_string(both ? both : status) : NULL;
}

struct json_object *server_settled(struct json_object *wire)
{
	const char *status = json_str(wire, "status");

	return json_object_new_boolean(!status || !words_have("RESIZE VERIFY_RESIZE", status));
}

static struct json_object *decode_sound(struct json_object *wire)
{
	return json_object_new_boolean(!json_is_str(json_at(wire, "status"), "ERROR"));
}

static struct json_object *decode_floating(struct json_object *wire)
{
	struct json_object *list = json_object_new_array();
	struct json_object *networks = json_at(wire, "addresses");

	if (!json_object_is_type(networks, json_type_object))
		return list;
	json_object_object_foreach(networks, network, addresses) {
		(void)network;
		for (size_t i = 0; i < json_len(addresses); i++) {
			struct json_object *one = json_nth(addresses, i);

			if (json_is_str(json_at(one, "OS-EXT-IPS:type"), "floating") &&
			    json_str(one, "addr"))
				json_object_array_add(list, json_copy(json_at(one, "addr")));
		}
	}
	return list;
}

static struct json_object *decode_floating_count(struct json_object *wire)
{
	AUTO_JSON list = decode_floating(wire);

	return json_object_new_int64((int64_t)json_len(list));
}

/* Nova names a group once for each port that has it. */
struct json_object *server_groups(struct json_object *wire)
{
	struct json_object *all = json_at(wire, "security_groups");
	struct json_object *list;

	if (!json_object_is_type(all, json_type_array))
		return NULL;
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(all); i++)
		if (!json_list_has(list, json_nth(all, i)))
			json_object_array_add(list, json_copy(json_nth(all, i)));
	return list;
}

/* Of a server in a volume the image is "". */
static struct json_object *decode_image(struct json_object *wire)
{
	struct json_object *image = json_at(wire, "image");

	if (!json_object_is_type(image, json_type_object))
		return NULL;
	image = json_copy(image);
	json_sets(image, "name", NULL);
	return image;
}

/* From 2.47 on Nova tells what the flavor was when the server got it, by name and without its ID. */
static struct json_object *decode_flavor(struct json_object *wire)
{
	struct json_object *flavor = json_copy(json_at(wire, "flavor"));
	const char *name = json_str(flavor, "original_name");

	if (name) {
		json_sets(flavor, "name", name);
		if (!json_has(flavor, "id"))
			json_sets(flavor, "id", name);
	}
	return flavor;
}

/* ---- options ---- */

static struct err *parse_metadata(struct op *op)
{
	struct json_object *v = json_at(op->want, "metadata");
	AUTO_JSON map = NULL;

	if (!v)
		return NULL;
	if (json_object_is_type(v, json_type_object)) {
		json_set(op->want, "metadata", texts(v));
		return NULL;
	}
	map = json_object_new_object();
	if (!json_object_is_type(v, json_type_string))
		return err_at(err_new(ERR_USAGE,
				      "metadata is %s: neither a dictionary nor key=value pairs",
				      json_type_words(v)),
			      "metadata");
	for (const char *s = json_object_get_string(v); *s;) {
		const size_t len = strcspn(s, ",");
		const char *equals = memchr(s, '=', len);

		if (!equals)
			return err_at(err_new(ERR_USAGE, "metadata: '%.*s' is no key=value pair",
					      (int)len, s),
				      "metadata");
		AUTO_STR key = xstrndup(s, (size_t)(equals - s));
		json_set(map, key,
			 json_object_new_string_len(equals + 1, (int)(s + len - equals - 1)));
		s += len + (s[len] == ',');
	}
	json_set(op->want, "metadata", TAKE(map));
	return NULL;
}

static const char nic_heads[] = "net-id net-name port-id port-name port";
static const char nic_others[] = "tag fixed_ip v4-fixed-ip v6-fixed-ip";

static struct err *bad_nic(const char *what, const char *s)
{
	return err_at(err_new(ERR_USAGE, "nics: %s '%s': give one of %s, and if needed %s", what, s,
			      nic_heads, nic_others),
		      "nics");
}

/* "net-name=a,port-name=b": each network or port begins a nic, other keys belong to the one before. */
static struct err *parse_nic_text(const char *s, struct json_object *list)
{
	while (*s) {
		const size_t len = strcspn(s, ",");
		AUTO_STR pair = xstrndup(s, len);
		char *equals = strchr(pair, '=');

		s += len + (s[len] == ',');
		if (!equals)
			return bad_nic("no key=value pair", pair);
		*equals = '\0';
		if (words_have(nic_heads, pair))
			json_object_array_add(list, json_object_new_object());
		else if (!words_have(nic_others, pair) || !json_len(list))
			return bad_nic("unknown key", pair);
		json_sets(json_nth(list, json_len(list) - 1), pair, equals + 1);
	}
	return NULL;
}

static struct err *check_nic(struct json_object *nic)
{
	bool head = false;

	if (!json_object_is_type(nic, json_type_object))
		return bad_nic("no dictionary", json_object_to_json_string(nic));
	json_object_object_foreach(nic, key, v) {
		head = head || (v && words_have(nic_heads, key));
		if (!words_have(nic_heads, key) && !words_have(nic_others, key))
			return bad_nic("unknown key", key);
	}
	return head ? NULL : bad_nic("no network and no port in", json_object_to_json_string(nic));
}

static struct err *parse_nics(struct op *op)
{
	struct json_object *given = json_at(op->want, "nics");
	AUTO_JSON list = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(given) && !e; i++) {
		struct json_object *one = json_nth(given, i);

		if (json_object_is_type(one, json_type_string))
			e = parse_nic_text(json_object_get_string(one), list);
		else
			json_object_array_add(list, json_copy(one));
	}
	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = check_nic(json_nth(list, i));
	if (json_str(op->want, "network"))
		json_object_array_add(
			list, json_wrap("net-name", json_object_get(json_at(op->want, "network"))));
	if (!e)
		json_set(op->want, "_nics", TAKE(list));
	return e;
}

static struct err *prepare(struct op *op)
{
	struct err *e = parse_metadata(op);

	if (!e)
		e = parse_nics(op);
	json_set(op->want, "_given", NULL);
	json_set(op->want, "_given", json_copy(op->want));
	return e;
}

/* ---- flavor and image ---- */

/* The smallest flavor with enough memory and the text in its name. */
static struct err *flavor_by_ram(struct op *op, struct json_object **ret)
{
	const int64_t ram = json_int(op->want, "flavor_ram", 0);
	const char *include = json_str(op->want, "flavor_include");
	AUTO_STR query = xasprintf("minRam=%lld&sort_key=memory_mb", (long long)ram);
	AUTO_JSON list = NULL;
	struct err *e = resource_list(op->api, &os_compute_flavor, NULL, query, &list);

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct json_object *one = json_nth(list, i);

		if (json_int(one, "ram", 0) < ram ||
		    (include &&
		     (!json_str(one, "name") || !strstr(json_str(one, "name"), include))))
			continue;
		e = needs_text(one, "flavor", "id");
		if (!e)
			*ret = json_object_get(one);
		return e;
	}
	if (!e)
		e = err_new(ERR_NOT_FOUND, "no flavor has %lld MiB of memory%s%s%s", (long long)ram,
			    include ? " and '" : "", include ? include : "",
			    include ? "' in its name" : "");
	return err_at(err_wrap(e, "flavor_ram"), "flavor_ram");
}

static bool ram_suffices(struct op *op)
{
	const char *include = json_str(op->want, "flavor_include");
	const char *name = json_str(op->have, "flavor_name");

	return json_int(op->have, "flavor.ram", 0) >= json_int(op->want, "flavor_ram", 0) &&
	       (!include || (name && strstr(name, include)));
}

/* Puts the flavor's ID and name into want. */
static struct err *resolve_flavor(struct op *op)
{
	const char *given = json_str(op->want, "flavor_name");
	AUTO_STR id = NULL;
	AUTO_JSON flavor = NULL;
	struct err *e;

	if (!given && !json_at(op->want, "flavor_ram"))
		return NULL;
	if (!given) {
		e = flavor_by_ram(op, &flavor);
		if (e)
			return e;
		json_sets(op->want, "_flavor_id", json_str(flavor, "id"));
		json_sets(op->want, "flavor_name", json_str(flavor, "name"));
		return NULL;
	}
	e = op_ref(op, &os_compute_flavor, "flavor", given, &id);
	if (e)
		return e;
	json_sets(op->want, "_flavor_id", id);
	if (strcmp(id, given) != 0)
		return NULL;
	/* It was given by its ID. */
	e = resource_get(op->api, &os_compute_flavor, id, &flavor);
	if (e && e->kind == ERR_NOT_FOUND && op->check) {
		err_free(e);
		return NULL;
	}
	if (!e)
		json_sets(op->want, "flavor_name", json_str(flavor, "name"));
	return err_at(err_wrap(e, "flavor"), "flavor");
}

static struct err *match_flavor(struct op *op)
{
	const char *given = json_str(op->want, "flavor_name");
	const char *have = json_str(op->have, "flavor_name");

	if (given ? have && strcmp(given, have) == 0 : ram_suffices(op))
		return NULL;
	return resolve_flavor(op);
}

static struct err *excluded(struct op *op, const char *image)
{
	const char *exclude = json_str(op->want, "image_exclude");

	if (!exclude || !*exclude || !strstr(image, exclude))
		return NULL;
	return err_at(err_new(ERR_USAGE, "image: '%s' has '%s' in it, which image_exclude excludes",
			      image, exclude),
		      "image");
}

static struct err *resolve_image(struct op *op)
{
	const char *given = json_str(op->want, "image_id");
	AUTO_STR id = NULL;
	struct err *e;

	if (!given)
		return NULL;
	e = excluded(op, given);
	if (!e)
		e = op_ref(op, &os_image, "image", given, &id);
	if (e)
		return e;
	json_sets(op->want, "_image", id);
	if (json_truth(op->want, "boot_from_volume", false))
		json_object_object_del(op->want, "image_id"); /* the volume's, not the server's */
	else
		json_sets(op->want, "image_id", id);
	return NULL;
}

/* A server outlives its image: one that is gone cannot be compared, and need not be. */
static struct err *match_image(struct op *op)
{
	const char *given = json_str(op->want, "image_id");
	const char *have = json_str(op->have, "image_id");
	AUTO_STR id = NULL;
	struct err *e;

	if (!given)
		return NULL;
	if (!have && json_truth(op->want, "boot_from_volume", false)) {
		json_object_object_del(op->want, "image_id");
		return NULL;
	}
	e = refs_id(op, &os_image, given, &id);
	if (e && e->kind == ERR_NOT_FOUND) {
		op_warn(op, "%s, so the image of server '%s' is not compared", e->text,
			json_str(op->have, "name"));
		err_free(e);
		json_object_object_del(op->want, "image_id");
		return NULL;
	}
	if (!e)
		json_sets(op->want, "image_id", id);
	return err_at(err_wrap(e, "image"), "image");
}

/* ---- networks and volumes of a new server ---- */

static struct err *resolve_nic(struct op *op, struct json_object *nic, struct json_object *ret)
{
	static const struct {
		const char *key, *wire;
		const struct resource *r;
	} heads[] = { { "net-id", "uuid", &os_network },
		      { "net-name", "uuid", &os_network },
		      { "port", "port", &os_port },
		      { "port-id", "port", &os_port },
		      { "port-name", "port", &os_port } };
	static const char *const fixed[] = { "fixed_ip", "v4-fixed-ip", "v6-fixed-ip" };
	const char *tag = json_str(nic, "tag");
	struct err *e = NULL;

	for (size_t i = 0; i < COUNT(heads) && !e; i++) {
		const char *name = json_str(nic, heads[i].key);
		AUTO_STR id = NULL;

		/* As with openstack.cloud, net-id wins over net-name, a network over a port. */
		if (!name || json_object_object_length(ret))
			continue;
		e = op_ref(op, heads[i].r, "nics", name, &id);
		if (!e)
			json_sets(ret, heads[i].wire, id);
	}
	for (size_t i = 0; i < COUNT(fixed); i++)
		if (json_str(nic, fixed[i]))
			json_sets(ret, "fixed_ip", json_str(nic, fixed[i]));
	if (tag && !e)
		e = needs_microversion(op, "2.42", "nics.tag");
	if (tag)
		json_sets(ret, "tag", tag);
	return e;
}

static struct err *resolve_nics(struct op *op)
{
	struct json_object *nics = json_at(op->want, "_nics");
	AUTO_JSON list = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(nics) && !e; i++) {
		struct json_object *one = json_object_new_object();

		json_object_array_add(list, one);
		e = resolve_nic(op, json_nth(nics, i), one);
	}
	if (!e)
		json_set(op->want, "_networks", TAKE(list));
	return e;
}

static void add_disk(struct json_object *list, const char *source, const char *id, bool boot,
		     bool gone_with_it)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "boot_index", json_object_new_int(boot ? 0 : -1));
	json_sets(o, "source_type", source);
	json_sets(o, "destination_type", "volume");
	json_sets(o, "uuid", id);
	json_set(o, "delete_on_termination", json_object_new_boolean(gone_with_it));
	json_object_array_add(list, o);
}

static struct err *resolve_disks(struct op *op)
{
	const char *boot = json_str(op->want, "boot_volume");
	const char *image = json_str(op->want, "_image");
	struct json_object *volumes = json_at(op->want, "attach_volumes");
	const bool terminate = json_truth(op->want, "terminate_volume", false);
	AUTO_JSON list = json_object_new_array();
	AUTO_STR id = NULL;
	struct err *e = NULL;

	if (boot) {
		e = op_ref(op, &os_volume, "boot_volume", boot, &id);
		if (!e)
			add_disk(list, "volume", id, true, terminate);
	} else if (json_truth(op->want, "boot_from_volume", false)) {
		add_disk(list, "image", image, true, terminate);
		json_set(json_nth(list, 0), "volume_size",
			 json_copy(json_at(op->want, "volume_size")));
	} else if (json_len(volumes)) {
		add_disk(list, "image", image, true, true);
		json_sets(json_nth(list, 0), "destination_type", "local");
	}
	for (size_t i = 0; i < json_len(volumes) && !e; i++) {
		AUTO_STR volume = NULL;

		e = op_ref(op, &os_volume, "volumes", json_object_get_string(json_nth(volumes, i)),
			   &volume);
		if (!e)
			add_disk(list, "volume", volume, false, false);
	}
	if (!e)
		json_set(op->want, "_disks", TAKE(list));
	return e;
}

/* ---- security groups ---- */

static struct json_object *named(const char *name)
{
	return json_wrap("name", json_object_new_string(name));
}

static struct err *read_groups(struct op *op, const char *id, struct json_object **ret)
{
	AUTO_STR tail = xasprintf("/%s/os-security-groups", id);
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "GET", tail, NULL, &answer);
	struct json_object *list = json_at(answer, "security_groups");

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		e = needs_text(json_nth(list, i), "security group", "id");
		if (!e)
			e = needs_text(json_nth(list, i), "security group", "name");
	}
	if (!e)
		*ret = json_copy(list);
	return e;
}

static struct json_object *group_called(struct json_object *groups, const char *name_or_id)
{
	for (size_t i = 0; i < json_len(groups); i++) {
		struct json_object *one = json_nth(groups, i);

		if (json_is_str(json_at(one, "name"), name_or_id) ||
		    json_is_str(json_at(one, "id"), name_or_id))
			return one;
	}
	return NULL;
}

/* Names and IDs as Nova tells groups, [{"name": x}]; it is asked only if an ID may be among them. */
static struct err *match_groups(struct op *op)
{
	struct json_object *given = json_at(op->want, "security_groups");
	struct json_object *have = json_at(op->have, "security_groups");
	AUTO_JSON list = json_object_new_array();
	AUTO_JSON groups = NULL;
	struct err *e = NULL;

	if (!given)
		return NULL;
	for (size_t i = 0; i < json_len(given) && !e; i++) {
		struct json_object *one = json_nth(given, i);
		/* After a lost answer they are matched once more. */
		const char *name = json_object_is_type(one, json_type_object)
					   ? json_str(one, "name")
					   : json_object_get_string(one);
		struct json_object *there = group_called(have, name);
		AUTO_JSON want = NULL;
		AUTO_STR id = NULL;

		if (op->have && !groups && !there)
			e = read_groups(op, json_str(op->have, "id"), &groups);
		if (!there && !e)
			there = group_called(groups, name);
		if (op->have && !there && !e)
			e = op_ref(op, &os_security_group, "security_groups", name, &id);
		want = named(json_str(there, "name") ? json_str(there, "name") : name);
		if (!json_list_has(list, want))
			json_object_array_add(list, TAKE(want));
	}
	if (e)
		return e;
	json_set(op->want, "security_groups", TAKE(list));
	json_set(op->want, "_groups", TAKE(groups));
	return NULL;
}

static struct err *wanted_ids(struct op *op, struct json_object *value, struct json_object *groups,
			      struct json_object *ret)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(value) && !e; i++) {
		const char *name = json_str(json_nth(value, i), "name");
		struct json_object *there = group_called(groups, name);
		AUTO_STR id = there ? xstrdup(json_str(there, "id")) : NULL;

		if (!id)
			e = refs_id(op, &os_security_group, name, &id);
		if (!e)
			json_set(ret, id, NULL);
	}
	return e;
}

static struct err *set_groups(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_JSON groups = json_copy(json_at(op->want, "_groups"));
	AUTO_JSON done = json_object_new_object();
	struct err *e = groups ? NULL : read_groups(op, op->id, &groups);

	(void)a;
	if (!e)
		e = wanted_ids(op, value, groups, done);
	if (e)
		return e;
	op->stale = true;
	json_object_object_foreach(done, id, v) {
		(void)v;
		if (!e && !group_called(groups, id))
			e = op_action(op, "addSecurityGroup", named(id));
	}
	for (size_t i = 0; i < json_len(groups) && !e; i++) {
		const char *old = json_str(json_nth(groups, i), "id");

		if (!old || json_has(done, old))
			continue;
		e = op_action(op, "removeSecurityGroup", named(old));
		json_set(done, old, NULL); /* it is told once for each port */
	}
	return e;
}

/* ---- finding ---- */

static struct err *check_new(struct op *op)
{
	static const char *const ips[] = { "auto_ip", "floating_ips", "floating_ip_pools" };
	struct err *e = NULL;

	for (size_t i = 0; i < COUNT(ips) && !op->wait; i++) {
		struct json_object *v = json_at(op->want, ips[i]);

		if (!json_empty(v) && json_truth(op->want, ips[i], true))
			return err_at(err_new(ERR_USAGE,
					      "%s needs wait: true: before the server is ready "
					      "there is no port to give an address to",
					      ips[i]),
				      ips[i]);
	}
	if (json_at(op->want, "description"))
		e = needs_microversion(op, "2.19", "description");
	return e;
}

/* All that creating it needs, found before anything is sent. */
static struct err *plan_new(struct op *op)
{
	struct err *e = check_new(op);

	if (!e)
		e = resolve_flavor(op);
	if (!e)
		e = resolve_image(op);
	if (!e)
		e = resolve_nics(op);
	if (!e)
		e = resolve_disks(op);
	if (!e)
		e = match_groups(op);
	if (!e)
		e = server_ips_plan(op);
	return e;
}

/* "zone:host" says more than servers tell; one that is nowhere (shelved) has no zone. */
static void match_zone(struct op *op)
{
	const char *want = json_str(op->want, "availability_zone");
	const char *have = json_str(op->have, "availability_zone");

	if (want && (!have || !*have ||
		     (strncmp(want, have, strlen(have)) == 0 && want[strlen(have)] == ':')))
		json_set(op->want, "availability_zone",
			 json_copy(json_at(op->have, "availability_zone")));
}

/* One that never came to life holds nothing, and is made anew; another may hold data. */
static struct err *plan_broken(struct op *op)
{
	const char *fault = json_str(op->have, "fault.message");

	if (!json_at(op->have, "launched_at"))
		op->allow_replace = true;
	json_set(op->want, "sound", json_object_new_boolean(true));
	if (op->allow_replace)
		return NULL;
	return err_new(ERR_CONFLICT, "it is in ERROR (%s): delete it, or give allow_replace: true",
		       fault ? fault : "Nova does not say why");
}

static struct err *plan_old(struct op *op)
{
	const char *status = json_str(op->have, "status");
	const bool building = status && strcmp(status, "BUILD") == 0;
	struct err *e = json_truth(op->have, "sound", true) ? NULL : plan_broken(op);

	if (e)
		return e;
	if (!json_truth(op->have, "resize_confirmed", true))
		json_set(op->want, "resize_confirmed", json_object_new_boolean(true));
	match_zone(op);
	e = match_flavor(op);
	if (!e)
		e = match_image(op);
	if (!e && building) /* it has no ports yet; the request that made it named the groups */
		json_object_object_del(op->want, "security_groups");
	if (!e)
		e = match_groups(op);
	if (!e && !building)
		e = server_ips_plan(op);
	return e;
}

/* Before 2.47 servers have no more of their flavor than its ID. */
struct err *server_expand(struct op *op)
{
	const char *id = json_str(op->have, "flavor_id");
	AUTO_JSON flavor = NULL;
	struct err *e;

	if (json_at(op->have, "flavor_name") || !id)
		return NULL;
	e = resource_get(op->api, &os_compute_flavor, id, &flavor);
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	if (!e) {
		json_sets(op->have, "flavor_name", json_str(flavor, "name"));
		json_set(op->have, "flavor", json_copy(flavor));
	}
	return e;
}

static struct err *find(struct op *op)
{
	const bool absent = strcmp(op->state, "absent") == 0;
	struct err *e = op->sought ? NULL : resource_find_ops(op, 1);

	if (!e && json_is_str(json_at(op->have, "status"), "DELETED")) {
		json_object_put(op->have);
		op->have = NULL;
	}
	if (e || absent)
		return e;
	if (!op->have)
		return plan_new(op);
	e = needs_text(op->have, "server", "id");
	if (!e)
		e = server_expand(op);
	return e ? e : plan_old(op);
}

/* ---- creating ---- */

static struct err *complete_body(struct op *op, struct json_object *body)
{
	struct json_object *server = json_at(body, "server");
	struct json_object *networks = json_at(op->want, "_networks");
	struct json_object *disks = json_at(op->want, "_disks");
	struct json_object *hints = json_at(server, "hints");

	json_sets(server, "flavorRef", json_str(op->want, "_flavor_id"));
	if (json_len(networks))
		json_set(server, "networks", json_copy(networks));
	else if (offers(op, "2.37"))
		json_sets(server, "networks", "auto");
	if (!offers(op, "2.52"))
		json_object_object_del(server, "tags"); /* given afterwards */
	if (json_len(disks)) {
		json_set(server, "block_device_mapping_v2", json_copy(disks));
		if (!json_is_str(json_at(json_nth(disks, 0), "destination_type"), "local"))
			json_sets(server, "imageRef", "");
	}
	if (hints)
		json_set(body, "os:scheduler_hints", json_object_get(hints));
	json_object_object_del(server, "hints");
	return NULL;
}

/* A killed run's server gets what that run would have given it. */
static struct err *settle(struct op *op)
{
	struct err *e;

	if (!op->wait || !json_is_str(json_at(op->have, "status"), "BUILD"))
		return NULL;
	e = op_wait(op, op->r->wait.ready);
	return e ? e : server_ips_created(op);
}

/* ---- changing ---- */

static struct err *set_metadata(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/metadata", op->id);
	AUTO_JSON body = json_wrap("metadata", json_object_get(value));

	(void)a;
	op->stale = true;
	return op_call(op, "PUT", tail, body, NULL); /* all of it: what is not named goes */
}

/* What the server's last action came to: a resize that failed leaves no fault. */
static struct err *gave_up(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s/os-instance-actions", op->id);
	AUTO_JSON actions = NULL;
	AUTO_JSON action = NULL;
	AUTO_STR one = NULL;
	struct json_object *event;
	const char *request, *words;

	err_free(op_call(op, "GET", tail, NULL, &actions));
	request = json_str(json_nth(json_at(actions, "instanceActions"), 0), "request_id");
	if (request) {
		one = xasprintf("%s/%s", tail, request);
		err_free(op_call(op, "GET", one, NULL, &action));
	}
	event = json_nth(json_at(json_at(action, "instanceAction"), "events"), 0);
	words = json_str(event, "details"); /* administrators only */
	if (!words)
		words = json_str(event, "event");
	return err_new(ERR_REMOTE, "Nova gave up, and the server is as it was: %s (request %s)",
		       words ? words : "it does not say why", request ? request : "unknown");
}

static struct err *confirm(struct op *op)
{
	struct err *e = op_wait_on(op, "phase", "VERIFY_RESIZE", "ERROR ACTIVE SHUTOFF");
	const char *flavor = json_str(op->want, "flavor_name");

	/* An error of a call has its status; that of a wait has none. */
	if (e && e->kind == ERR_REMOTE && !e->status &&
	    !json_is_str(json_at(op->have, "status"), "ERROR")) {
		err_free(e);
		/* Some clouds confirm by themselves, soon enough not to be seen waiting. */
		return flavor && json_is_str(json_at(op->have, "flavor_name"), flavor)
			       ? NULL
			       : gave_up(op);
	}
	if (!e)
		e = op_action(op, "confirmResize", NULL);
	if (!e)
		e = op_wait_on(op, "phase", USABLE, "ERROR");
	return e;
}

/* A run that was killed inside resize() left both servers, or a resize under way. */
struct err *server_finish_resize(struct op *op, const struct attr *a, struct json_object *value)
{
	struct err *e;

	(void)a;
	(void)value;
	if (!op->wait) {
		op_warn(op,
			"the resize of server %s waits to be confirmed: run again with wait: true",
			op->id);
		return NULL;
	}
	/* It may be confirmed already, or have come to nothing. */
	e = op_wait_on(op, "phase", "VERIFY_RESIZE ACTIVE SHUTOFF PAUSED SUSPENDED", "ERROR");
	if (!e && json_is_str(json_at(op->have, "status"), "VERIFY_RESIZE")) {
		e = op_action(op, "confirmResize", NULL);
		if (e && (e->status == 400 || e->status == 409)) { /* just being done */
			err_free(e);
			e = NULL;
		}
		if (!e)
			e = op_wait_on(op, "phase", USABLE, "ERROR");
	}
	return err_wrap(e, "finishing an interrupted resize");
}

/*
 * Nova does not change the flavor of a server: it builds the server anew beside the old one and
 * keeps both until someone confirms.
 */
struct err *server_resize(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *flavor;
	struct err *e;

	if (attr_equal(a, value, json_at(op->have, a->name)))
		return NULL; /* the interrupted one was to this flavor */
	flavor = json_copy(json_at(op->want, "_flavor_id"));
	e = op_action(op, "resize", json_wrap("flavorRef", flavor));
	op->stale = true;
	if (e)
		return e;
	if (!op->wait) {
		op_warn(op,
			"server %s is being resized; it must be confirmed: run again with wait: true",
			op->id);
		return NULL;
	}
	return confirm(op);
}

static struct err *before_delete(struct op *op)
{
	struct err *e = NULL;

	if (op->out->plan.action == REPLACED) {
		/* Nothing is deleted for what could not be made anew. */
		struct json_object *given = json_at(op->want, "_given");

		json_object_object_foreach(given, key, v)
			if (strcmp(key, "_given") != 0)
				json_set(op->want, key, json_copy(v));
		json_object_object_del(op->want, "resize_confirmed");
		json_object_object_del(op->want, "sound");
		if (!json_has(given, "floating_ips")) {
			/* Planned for the ports of the old one. */
			json_object_object_del(op->want, "floating_ips");
			json_object_object_del(op->want, "_place");
		}
		struct json_object *have = TAKE(op->have);
		e = plan_new(op);
		op->have = have;
		return e;
	}
	return json_truth(op->want, "delete_ips", false) ? server_ips_delete(op) : NULL;
}

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name, or for an existing server its ID." },
	{ "resize_confirmed", BOOL, INTERNAL | HIDDEN, "Whether no resize waits to be confirmed.",
	  .decode = server_settled, .set = server_finish_resize },
	{ "sound", BOOL, INTERNAL | HIDDEN | REPLACES, "Whether it is not in ERROR.",
	  .decode = decode_sound },
	{ "image_id", STR, REPLACES, "Image to boot, by name or ID.", .option = "image",
	  .wire = "imageRef", .read = "image.id" },
	{ "image_exclude", STR, OPTION, "Text that must not be in the image's name.",
	  .value = "\"(deprecated)\"" },
	{ "flavor_name", STR, HIDDEN, "Size, by name or ID; changing it resizes the server.",
	  .option = "flavor", .read = "flavor.original_name", .set = server_resize },
	{ "flavor_ram", INT, OPTION,
	  "Take the smallest flavor with at least this memory, in MiB." },
	{ "flavor_include", STR, OPTION, "Text that must be in the name of a flavor so chosen." },
	{ "description", STR, 0, "Free text for people." },
	{ "key_name", STR, REPLACES, "Key pair for logging in." },
	{ "availability_zone", STR, REPLACES, "Where to start it; zone:host for administrators.",
	  .read = "OS-EXT-AZ:availability_zone" },
	{ "wants_config_drive", BOOL, CREATE | HIDDEN | ASSUMED,
	  "Whether to give it metadata on a drive.", .option = "config_drive",
	  .wire = "config_drive", .value = "false" },
	{ "user_data", STR, CREATE | SECRET, "Text for cloud-init; encoded for you.",
	  .option = "userdata", .read = "OS-EXT-SRV-ATTR:user_data", .encode = encode_base64 },
	{ "hints", MAP, CREATE | HIDDEN, "Words for the scheduler, as group: ID of a server group.",
	  .option = "scheduler_hints" },
	{ "metadata", RAW, BORN,
	  "Key and value pairs: a dictionary, or text as k=v,k=v; others are removed.",
	  .aliases = "meta", .set = set_metadata },
	{ "tags", SET, BORN | ASSUMED, "Labels; others are removed.", .value = "[]",
	  .set = set_tags },
	{ "security_groups", SET, BORN,
	  "Names or IDs of the security groups of all its ports; others are taken away.",
	  .decode = server_groups, .set = set_groups },
	{ "floating_ips", SET, HIDDEN,
	  "Floating IP addresses it is to have; they must exist, others are taken away.",
	  .decode = decode_floating, .set = server_ips_set },
	{ "auto_ip", BOOL, OPTION | ASSUMED,
	  "Whether to give it a floating IP if it has none and a router leads to an external network.",
	  .aliases = "auto_floating_ip public_ip", .value = "true" },
	{ "floating_ip_pools", LIST, OPTION,
	  "External networks: if it has no floating IP, it gets one of the first that exists." },
	{ "reuse_ips", BOOL, OPTION | ASSUMED,
	  "Whether unused floating IPs of the project are taken before new ones are made.",
	  .value = "true" },
	{ "delete_ips", BOOL, OPTION | ASSUMED,
	  "Whether its floating IPs are given back when it is deleted.", .aliases = "delete_fip",
	  .value = "false" },
	{ "network", STR, OPTION, "Network to attach it to, by name or ID." },
	{ "nics", LIST, OPTION | ASSUMED,
	  "Networks and ports to attach it to: dictionaries or text with net-id, net-name, port-id "
	  "or port-name, and tag or fixed_ip.",
	  .elem = RAW, .value = "[]" },
	{ "boot_from_volume", BOOL, OPTION | ASSUMED,
	  "Whether to boot from a new volume made from the image.", .value = "false" },
	{ "boot_volume", STR, OPTION, "Volume to boot from, by name or ID.",
	  .aliases = "root_volume" },
	{ "volume_size", INT, OPTION, "Size of the new volume to boot from in GiB." },
	{ "terminate_volume", BOOL, OPTION | ASSUMED,
	  "Whether the volume it boots from is deleted with it.", .value = "false" },
	{ "attach_volumes", LIST, OPTION | ASSUMED,
	  "Further volumes to attach when it is created, by name or ID.", .option = "volumes",
	  .value = "[]" },

	{ "id", STR, READONLY, "ID of the server." },
	{ "status", STR, READONLY | FILTER, "ACTIVE, SHUTOFF, BUILD, ERROR, ..." },
	{ "phase", STR, READONLY | HIDDEN, "Status and task.", .decode = server_phase },
	{ "floating_count", INT, READONLY | HIDDEN, "Number of floating IPs.",
	  .decode = decode_floating_count },
	{ "access_ipv4", STR, READONLY, "IPv4 address to reach it by, if someone has said.",
	  .read = "accessIPv4" },
	{ "access_ipv6", STR, READONLY, "IPv6 address to reach it by, if someone has said.",
	  .read = "accessIPv6" },
	{ "addresses", MAP, READONLY, "Addresses by network." },
	{ "admin_password", STR, READONLY | ONCE, "Password Nova made, right after the creation.",
	  .read = "adminPass" },
	{ "attached_volumes", LIST, READONLY, "Volumes it has.",
	  .read = "os-extended-volumes:volumes_attached" },
	{ "block_device_mapping", STR, READONLY, "Never told.", .read = "block_device_mapping_v2" },
	{ "compute_host", STR, READONLY, "Host it runs on; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:host" },
	{ "config_drive", STR, READONLY, "Whether it has its metadata on a drive." },
	{ "created_at", STR, READONLY, "When it was created.", .read = "created" },
	{ "disk_config", STR, READONLY, "AUTO or MANUAL.", .read = "OS-DCF:diskConfig" },
	{ "fault", MAP, READONLY, "Why it is in ERROR." },
	{ "flavor", MAP, READONLY, "Its size.", .decode = decode_flavor },
	{ "flavor_id", STR, READONLY, "ID of its flavor, of clouds that still tell it.",
	  .read = "flavor.id" },
	{ "has_config_drive", STR, READONLY, "Whether it has its metadata on a drive.",
	  .read = "config_drive" },
	{ "host", STR, READONLY, "Never told." },
	{ "host_id", STR, READONLY, "Tells hosts apart within a project.", .read = "hostId" },
	{ "host_status", STR, READONLY, "State of its host; for administrators." },
	{ "hostname", STR, READONLY, "Name it is given inside.",
	  .read = "OS-EXT-SRV-ATTR:hostname" },
	{ "hypervisor_hostname", STR, READONLY, "Hypervisor it runs on; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:hypervisor_hostname" },
	{ "image", MAP, READONLY, "Image it was made from; null if it boots from a volume.",
	  .decode = decode_image },
	{ "instance_name", STR, READONLY, "Its name on the hypervisor; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:instance_name" },
	{ "is_locked", BOOL, READONLY, "Whether it is locked.", .read = "locked" },
	{ "kernel_id", STR, READONLY, "Kernel image; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:kernel_id" },
	{ "launch_index", INT, READONLY, "Its number among those of one request.",
	  .read = "OS-EXT-SRV-ATTR:launch_index" },
	{ "launched_at", STR, READONLY, "When it was started first.",
	  .read = "OS-SRV-USG:launched_at" },
	{ "links", LIST, READONLY, "URLs of the server." },
	{ "locked_reason", STR, READONLY, "Why it is locked." },
	{ "max_count", STR, READONLY, "Never told." },
	{ "min_count", STR, READONLY, "Never told." },
	{ "networks", STR, READONLY, "Never told." },
	{ "personality", LIST, READONLY, "Never told." },
	{ "pinned_availability_zone", STR, READONLY, "Zone it may not leave." },
	{ "power_state", INT, READONLY | FILTER, "1 running, 3 paused, 4 off, ...",
	  .read = "OS-EXT-STS:power_state" },
	{ "progress", INT, READONLY, "How far its creation is, in percent." },
	{ "project_id", STR, READONLY, "Project it belongs to.", .read = "tenant_id" },
	{ "ramdisk_id", STR, READONLY, "RAM disk image; for administrators.",
	  .read = "OS-EXT-SRV-ATTR:ramdisk_id" },
	{ "reservation_id", STR, READONLY, "Request it was created by.",
	  .read = "OS-EXT-SRV-ATTR:reservation_id" },
	{ "root_device_name", STR, READONLY, "Its first disk.",
	  .read = "OS-EXT-SRV-ATTR:root_device_name" },
	{ "scheduler_hints", MAP, READONLY, "What the scheduler was told." },
	{ "server_groups", LIST, READONLY, "IDs of its server groups." },
	{ "task_state", STR, READONLY | FILTER, "What Nova is doing with it.",
	  .read = "OS-EXT-STS:task_state" },
	{ "terminated_at", STR, READONLY, "When it was deleted.",
	  .read = "OS-SRV-USG:terminated_at" },
	{ "trusted_image_certificates", LIST, READONLY,
	  "Certificates its image was checked with." },
	{ "updated_at", STR, READONLY, "When it was last changed.", .read = "updated" },
	{ "user_id", STR, READONLY | FILTER, "User who created it." },
	{ "vm_state", STR, READONLY | FILTER, "Nova's own word for its state.",
	  .read = "OS-EXT-STS:vm_state" },
	{ "volumes", LIST, READONLY, "Volumes it has.",
	  .read = "os-extended-volumes:volumes_attached" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "auto_ip floating_ips floating_ip_pools" },
	{ EXCLUSIVE, "flavor flavor_ram" },
	{ EXCLUSIVE, "image boot_volume" },
	{ EXCLUSIVE, "boot_from_volume boot_volume" },
	{ EXCLUSIVE, "nics network" },
	{ NEEDS_ALL, "volume_size image", "boot_from_volume=true" },
	{ NEEDS_ONE, "image boot_volume", "state=present" },
	{ NEEDS_ONE, "flavor flavor_ram", "state=present" },
	{ 0 },
};

/* ---- server_info ---- */

static struct err *query(struct op *op, struct buf *query)
{
	if (json_truth(op->want, "all_projects", false))
		buf_addf(query, "%sall_tenants=True", query->len ? "&" : "");
	return NULL;
}

/* Each image's name is asked for once. */
static struct err *name_image(struct op *op, struct json_object *object)
{
	struct json_object *names = json_at(op->want, "_images");
	const char *id = json_str(object, "image_id");
	AUTO_JSON image = NULL;
	struct err *e;

	if (!id)
		return NULL;
	if (!names) {
		names = json_object_new_object();
		json_set(op->want, "_images", names);
	}
	if (!json_has(names, id)) {
		e = resource_get(op->api, &os_image, id, &image);
		if (e && e->kind != ERR_NOT_FOUND)
			return e;
		err_free(e);
		json_set(names, id, json_copy(json_at(image, "name")));
	}
	json_set(json_at(object, "image"), "name", json_copy(json_at(names, id)));
	return NULL;
}

/* What openstack.cloud adds with detailed: true: the whole volumes, and the image's name. */
static struct err *complete(struct op *op, struct json_object *object)
{
	struct json_object *attached = json_at(object, "attached_volumes");
	struct json_object *list;
	struct err *e;

	if (!json_truth(op->want, "detailed", false))
		return NULL;
	e = name_image(op, object);
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(attached) && !e; i++) {
		const char *id = json_str(json_nth(attached, i), "id");
		struct json_object *volume = NULL;

		if (!id)
			continue;
		e = resource_get(op->api, &os_volume, id, &volume);
		if (e && e->kind == ERR_NOT_FOUND) {
			err_free(e);
			e = NULL;
		} else if (volume) {
			json_set(volume, "device",
				 json_copy(json_at(json_nth(json_at(volume, "attachments"), 0),
						   "device")));
			json_object_array_add(list, volume);
		}
	}
	json_set(object, "volumes", list);
	return e;
}

static const struct attr params[] = {
	{ "all_projects", BOOL, OPTION, "Whether to tell about all projects' servers.",
	  .value = "false" },
	{ "detailed", BOOL, OPTION,
	  "Whether to tell all about its volumes and the name of its image, at a request for each.",
	  .value = "false" },
	{ 0 },
};

static const struct info info = {
	.name = "server_info",
	.doc = "Tell about servers.",
	.returns = "servers",
	.params = params,
	.name_aliases = "server",
	.glob = true,
	.query = query,
	.complete = complete,
	.example = "- name: My servers that run\n"
		   "  treenail.openstack.server_info:\n"
		   "    cloud: demo\n"
		   "    name: web*\n"
		   "    filters: {status: ACTIVE}\n",
};

const struct resource os_server = {
	.name = "server",
	.doc = "Manage a server: a virtual machine or what takes its place.",
	.service = "compute",
	.path = "/servers",
	.key = "server",
	.keys = "servers",
	.list = "/servers/detail",
	.microversion = "2.100",
	.update = "PUT",
	.flags = NAME_REGEX | ACCEPTED | POLL_DELETE,
	.attrs = attrs,
	.rules = rules,
	.wait = { "status", "ACTIVE", "ERROR", .fault = "fault.message" },
	.prepare = prepare,
	.find = find,
	.expand = server_expand,
	.settle = settle,
	.body = complete_body,
	.created = server_ips_created,
	.before_delete = before_delete,
	.info = &info,
	.terraform = server_terraform,
	.example = "- name: A server\n"
		   "  treenail.openstack.server:\n"
		   "    cloud: demo\n"
		   "    name: tn-example-server\n"
		   "    image: tn-image\n"
		   "    flavor: tn-flavor\n"
		   "    nics: []\n"
		   "    auto_ip: false\n"
		   "- name: Remove it\n"
		   "  treenail.openstack.server:\n"
		   "    cloud: demo\n"
		   "    name: tn-example-server\n"
		   "    state: absent\n",
};
