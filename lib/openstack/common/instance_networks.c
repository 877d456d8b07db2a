/*
 * The blocks `network` of an instance. What Nova tells of a server is its NICs: {"mac", "name",
 * "fixed_ip_v4": [...], "fixed_ip_v6": [...]}, and if it is asked for them, "port" and "uuid".
 */
#include <string.h>
#include <strings.h>

#include "openstack/instance.h"
#include "openstack/shared.h"

extern const struct resource os_network;

static const char *const written[] = { "port", "uuid", "name", "fixed_ip_v4", "fixed_ip_v6" };

static const char *text_at(struct json_object *o, const char *key)
{
	const char *s = json_str(o, key);

	return s ? s : "";
}

/* ---- addresses ---- */

/* The peer has IPv6 addresses in brackets. */
static char *plain_address(const char *s)
{
	const size_t len = strlen(s);
	AUTO_STR inner = *s == '[' && len > 1 ? xstrndup(s + 1, len - 2) : xstrdup(s);

	return address_text(inner);
}

static bool same_text(const char *key, const char *x, const char *y)
{
	if (strncmp(key, "fixed_ip", 8) != 0)
		return strcasecmp(x, y) == 0;
	AUTO_STR a = plain_address(x);
	AUTO_STR b = plain_address(y);
	return strcmp(a, b) == 0;
}

static bool has_address(struct json_object *list, const char *s)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (same_text("fixed_ip", s, json_object_get_string(json_nth(list, i))))
			return true;
	return false;
}

/* ---- NICs ---- */

static struct json_object *nic_called(struct json_object *nics, const char *mac)
{
	for (size_t i = 0; i < json_len(nics); i++)
		if (strcasecmp(text_at(json_nth(nics, i), "mac"), mac) == 0)
			return json_nth(nics, i);
	return NULL;
}

static struct json_object *nic_of(struct json_object *nics, const char *mac)
{
	struct json_object *nic = nic_called(nics, mac);

	if (nic)
		return nic;
	nic = json_object_new_object();
	json_sets(nic, "mac", mac);
	json_set(nic, "fixed_ip_v4", json_object_new_array());
	json_set(nic, "fixed_ip_v6", json_object_new_array());
	json_object_array_add(nics, nic);
	return nic;
}

static void add_address(struct json_object *nic, const char *address)
{
	const bool v6 = strchr(address, ':');
	struct json_object *list = json_at(nic, v6 ? "fixed_ip_v6" : "fixed_ip_v4");
	AUTO_STR text = v6 ? xasprintf("[%s]", address) : xstrdup(address);

	if (*address && !has_address(list, text))
		json_object_array_add(list, json_object_new_string(text));
}

/* In the order in which Nova has them: of networks as they were asked for. */
static struct json_object *nics_of(struct json_object *have)
{
	struct json_object *nics = json_object_new_array();
	struct json_object *networks = json_at(have, "addresses");

	if (!networks)
		return nics;
	json_object_object_foreach(networks, name, addresses) {
		for (size_t i = 0; i < json_len(addresses); i++) {
			struct json_object *one = json_nth(addresses, i);
			struct json_object *nic;

			if (json_is_str(json_at(one, "OS-EXT-IPS:type"), "floating"))
				continue;
			nic = nic_of(nics, text_at(one, "OS-EXT-IPS-MAC:mac_addr"));
			json_sets(nic, "name", name);
			add_address(nic, text_at(one, "addr"));
		}
	}
	return nics;
}

static struct err *ask_ports(struct tf_op *t, struct json_object *nics)
{
	AUTO_STR path = xasprintf("/servers/%s/os-interface", json_str(t->op->have, "id"));
	const struct request req = { .method = "GET", .service = t->r->service, .path = path };
	AUTO_JSON answer = NULL;
	struct err *e = op_request(t->op, &req, &answer);
	struct json_object *list = json_at(answer, "interfaceAttachments");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *port = json_nth(list, i), *ips = json_at(port, "fixed_ips");
		struct json_object *nic = nic_of(nics, text_at(port, "mac_addr"));

		json_sets(nic, "port", text_at(port, "port_id"));
		json_sets(nic, "uuid", text_at(port, "net_id"));
		for (size_t k = 0; k < json_len(ips); k++)
			add_address(nic, text_at(json_nth(ips, k), "ip_address"));
	}
	return err_wrap(e, "network");
}

/* ---- which block is which NIC ---- */

static bool agrees(const char *key, const char *said, struct json_object *nic)
{
	struct json_object *v = json_at(nic, key);

	if (!*said)
		return true;
	if (json_object_is_type(v, json_type_array))
		return has_address(v, said);
	/* One without addresses has no name in Nova's answer. */
	return !v ? strcmp(key, "name") == 0 : same_text(key, said, json_object_get_string(v));
}

static bool is_nic(struct json_object *block, struct json_object *nic)
{
	const char *mac = text_at(block, "mac");

	if (*mac)
		return same_text("mac", mac, text_at(nic, "mac"));
	for (size_t i = 0; i < COUNT(written); i++)
		if (!agrees(written[i], text_at(block, written[i]), nic))
			return false;
	return true;
}

static bool is_certain(struct json_object *block)
{
	return *text_at(block, "mac") || *text_at(block, "port") ||
	       *text_at(block, "fixed_ip_v4") || *text_at(block, "fixed_ip_v6");
}

static void fill(struct json_object *block, struct json_object *nic)
{
	json_object_object_foreach(nic, key, v) {
		const bool list = json_object_is_type(v, json_type_array);
		const char *said = text_at(block, key);

		if (*said &&
		    (list ? has_address(v, said) : same_text(key, said, json_object_get_string(v))))
			continue;
		json_set(block, key, json_copy(list ? json_nth(v, 0) : v));
	}
}

/* Those that say most choose first. */
static void fill_all(struct tf_op *t, struct json_object *blocks, struct json_object *nics)
{
	AUTO_STR taken = xcalloc(json_len(nics) + 1, 1);
	AUTO_STR done = xcalloc(json_len(blocks) + 1, 1);

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < json_len(blocks); i++) {
			struct json_object *block = json_nth(blocks, i);

			if (done[i] || (round == 0 && !is_certain(block)))
				continue;
			for (size_t k = 0; k < json_len(nics) && !done[i]; k++) {
				if (taken[k] || !is_nic(block, json_nth(nics, k)))
					continue;
				fill(block, json_nth(nics, k));
				taken[k] = done[i] = 1;
			}
		}
	}
	for (size_t i = 0; i < json_len(blocks); i++)
		if (!done[i] && instance_power(json_str(t->op->have, "status")))
			op_warn(t->op,
				"network[%zu] of instance %s is no longer there: attach it again, "
				"or replace the instance",
				i, json_str(t->op->have, "name"));
}

/* Addresses tell which ports there are as long as they are those that were there before. */
static bool all_known(struct json_object *blocks, struct json_object *nics)
{
	for (size_t i = 0; i < json_len(blocks); i++) {
		struct json_object *block = json_nth(blocks, i);

		if (!*text_at(block, "mac") || !*text_at(block, "port") ||
		    !*text_at(block, "uuid") || !nic_called(nics, text_at(block, "mac")))
			return false;
	}
	return true;
}

/* ---- the address to reach it by ---- */

static const char *access_of(struct json_object *blocks, const char *key)
{
	const char *found = NULL;

	for (size_t i = 0; i < json_len(blocks); i++) {
		struct json_object *one = json_nth(blocks, i), *v = json_at(one, key);
		const char *s = json_object_is_type(v, json_type_array)
					? json_object_get_string(json_nth(v, 0))
					: text_at(one, key);

		if (s && *s && (!found || json_truth(one, "access_network", false)))
			found = s;
	}
	return found;
}

static const struct {
	const char *row, *key, *attr;
} accesses[] = {
	{ "access_ip_v4", "fixed_ip_v4", "access_ipv4" },
	{ "access_ip_v6", "fixed_ip_v6", "access_ipv6" },
};

static void set_access(struct json_object *values, struct json_object *blocks)
{
	for (size_t i = 0; i < COUNT(accesses); i++) {
		const char *s = access_of(blocks, accesses[i].key);
		AUTO_STR plain = s ? plain_address(s) : NULL;
		AUTO_STR text =
			plain && strchr(plain, ':') ? xasprintf("[%s]", plain) : xstrdup(plain);

		json_sets(values, accesses[i].row, text);
	}
}

static struct json_object *blocks_of(struct json_object *nics)
{
	struct json_object *blocks = json_object_new_array();

	for (size_t i = 0; i < json_len(nics); i++) {
		struct json_object *block = json_object_new_object();

		fill(block, json_nth(nics, i));
		json_object_array_add(blocks, block);
	}
	return blocks;
}

struct err *instance_networks_show(struct tf_op *t)
{
	const bool all = t->importing || t->kind->what == TF_DATA;
	struct json_object *blocks = json_at(t->state, "network");
	AUTO_JSON nics = nics_of(t->op->have);
	struct err *e = NULL;

	if (all || !all_known(blocks, nics))
		e = ask_ports(t, nics);
	if (e)
		return e;
	if (all) {
		blocks = blocks_of(nics);
		for (size_t i = 0; i < json_len(blocks) && t->kind->what == TF_RESOURCE; i++)
			json_set(json_nth(blocks, i), "access_network",
				 json_object_new_boolean(false));
		json_set(t->state, "network", blocks);
	} else {
		fill_all(t, blocks, nics);
	}
	set_access(t->state, json_len(blocks) ? blocks : nics);
	for (size_t i = 0; i < COUNT(accesses); i++)
		if (!json_str(t->state, accesses[i].row))
			json_sets(t->state, accesses[i].row,
				  text_at(t->op->have, accesses[i].attr));
	return NULL;
}

/* ---- what is wanted ---- */

static struct err *want_one(struct tf_op *t, struct json_object *block, struct json_object *list)
{
	const char *port = text_at(block, "port"), *name = text_at(block, "name");
	const char *v4 = text_at(block, "fixed_ip_v4"), *v6 = text_at(block, "fixed_ip_v6");
	struct json_object *nic = json_object_new_object();
	AUTO_JSON found = NULL;
	AUTO_STR address = plain_address(*v4 ? v4 : v6);
	struct err *e = NULL;

	json_object_array_add(list, nic);
	if (*port) {
		json_sets(nic, "port", port);
		return NULL;
	}
	if (*address)
		json_sets(nic, "fixed_ip", address);
	if (*text_at(block, "uuid")) {
		json_sets(nic, "uuid", text_at(block, "uuid"));
		return NULL;
	}
	if (!*name)
		return err_at(err_new(ERR_USAGE, "a network needs uuid, name or port"), "network");
	e = resource_find(t->op->api, &os_network, name, NULL, &found);
	if (!e && !found)
		e = no_such(t->op->api, &os_network, "", name);
	json_sets(nic, "uuid", json_str(found, "id"));
	return err_at(e, "network");
}

struct err *instance_networks_want(struct tf_op *t)
{
	struct json_object *blocks = json_at(t->config, "network");
	const char *mode = json_str(t->config, "network_mode");
	struct json_object *list;
	struct err *e = NULL;

	if (mode && *mode)
		json_sets(t->op->want, "_networks", mode);
	if (json_empty(blocks))
		return NULL;
	list = json_object_new_array();
	json_set(t->op->want, "_networks", list);
	for (size_t i = 0; i < json_len(blocks) && !e; i++)
		e = want_one(t, json_nth(blocks, i), list);
	return e;
}

/* ---- planning ---- */

/* Whether a block that is written may be one that was there. */
static bool may_be(const struct tf_op *t, struct json_object *config, struct json_object *prior)
{
	for (size_t i = 0; i < COUNT(written); i++) {
		struct json_object *v = json_at(config, written[i]);

		if (json_empty(v))
			continue;
		if (tf_has_unknown(t, v) ||
		    !same_text(written[i], json_object_get_string(v), text_at(prior, written[i])))
			return false;
	}
	return true;
}

/* The block of before that this one is, of the same place if possible; SIZE_MAX: none. */
static size_t place_before(const struct tf_op *t, size_t i, struct json_object *before,
			   const char *taken)
{
	struct json_object *config = json_nth(json_at(t->config, "network"), i);

	if (!taken[i] && may_be(t, config, json_nth(before, i)))
		return i;
	for (size_t k = 0; k < json_len(before); k++)
		if (!taken[k] && may_be(t, config, json_nth(before, k)))
			return k;
	return SIZE_MAX;
}

static struct json_object *moved(struct json_object *config, struct json_object *prior, bool same)
{
	struct json_object *block = json_copy(prior);

	json_object_object_foreach(config, key, v) {
		if (!json_empty(v) && (!same || strcmp(key, "access_network") == 0))
			json_set(block, key, json_copy(v));
	}
	if (!json_at(config, "access_network"))
		json_set(block, "access_network", json_object_new_boolean(false));
	return block;
}

/* Those of before in the order that is written now; NULL: they are others. Owned. */
static struct json_object *reordered(struct tf_op *t, struct json_object *config,
				     struct json_object *before)
{
	const size_t n = json_len(config);
	struct json_object *blocks = json_object_new_array();
	AUTO_STR taken = xcalloc(n + 1, 1);
	bool same = n == json_len(before);

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < n && same; i++) {
			struct json_object *one = json_nth(config, i);
			size_t k;

			if (is_certain(one) != (round == 0))
				continue;
			k = place_before(t, i, before, taken);
			same = k != SIZE_MAX;
			if (!same)
				continue;
			taken[k] = 1;
			json_object_array_put_idx(blocks, i,
						  moved(one, json_nth(before, k), k == i));
		}
	}
	if (same)
		return blocks;
	json_object_put(blocks);
	return NULL;
}

static void plan_access(struct tf_op *t)
{
	AUTO_JSON access = json_object_new_object();

	set_access(access, json_at(t->planned, "network"));
	json_object_object_foreach(access, row, v) {
		if (v)
			json_set(t->planned, row, json_copy(v));
	}
}

void instance_networks_plan(struct tf_op *t)
{
	struct json_object *config = json_at(t->config, "network");
	struct json_object *before = json_at(t->prior, "network");
	AUTO_JSON blocks = NULL;

	/* A server keeps what it has if nothing is said any more. */
	if (!json_len(config) && !tf_has_unknown(t, config))
		return;
	blocks = reordered(t, config, before);
	if (!blocks) {
		tf_replace(t, "network");
		return;
	}
	json_set(t->planned, "network", TAKE(blocks));
	if (!json_object_equal(json_at(t->planned, "network"), before))
		plan_access(t);
}
