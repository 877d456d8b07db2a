#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_network, os_project, os_security_group, os_subnet;

static const struct attr pair_attrs[] = {
	{ "ip_address", STR, 0, "Address or CIDR." },
	{ "mac_address", STR, 0, "MAC address; the port's own by default." },
	{ 0 },
};

static const struct attr dhcp_attrs[] = {
	{ "opt_name", STR, REQUIRED, "Name of the DHCP option." },
	{ "opt_value", STR, REQUIRED, "Its value." },
	{ "ip_version", INT, 0, "Version of IP it is for." },
	{ 0 },
};

static const struct attr ip_attrs[] = {
	{ "ip_address", STR, 0, "Address; any free one of the subnet by default." },
	{ "subnet_id", STR, 0, "Subnet the address is from.", .ref = &os_subnet },
	{ 0 },
};

static struct err *set_dhcp(struct op *op, const struct attr *a, struct json_object *value);

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the port." },
	{ "name", STR, REQUIRED | FILTER, "Name of the port." },
	{ "network_id", STR, IDENTITY | FIXED,
	  "Network it is part of; the name is looked for there.", .option = "network",
	  .states = "present", .ref = &os_network },
	{ "project_id", STR, IDENTITY | FIXED,
	  "Project that owns it; by default the one logged in to.", .option = "project",
	  .ref = &os_project },
	{ "description", STR, FILTER, "Free text for people." },
	{ "is_admin_state_up", BOOL, FILTER, "Whether it lets packets through.",
	  .wire = "admin_state_up", .aliases = "admin_state_up" },
	{ "fixed_ips", SET, FILTER, "Its addresses: exactly these.", .sub = ip_attrs },
	{ "security_group_ids", SET, FILTER, "Security groups it is in: exactly these.",
	  .option = "security_groups", .wire = "security_groups", .ref = &os_security_group },
	{ "no_security_groups", BOOL, OPTION, "Whether it is in no security group.",
	  .value = "false" },
	{ "is_port_security_enabled", BOOL, 0, "Whether it is protected.",
	  .wire = "port_security_enabled", .aliases = "port_security_enabled" },
	{ "allowed_address_pairs", SET, 0, "Further addresses it may send from: exactly these.",
	  .sub = pair_attrs },
	{ "extra_dhcp_opts", SET, BORN, "Further options that DHCP tells: exactly these.",
	  .sub = dhcp_attrs, .set = set_dhcp },
	{ "mac_address", STR, FILTER, "Its MAC address." },
	{ "device_id", STR, FILTER, "ID of what uses it." },
	{ "device_owner", STR, FILTER, "Kind of what uses it, such as compute:nova." },
	{ "binding_profile", MAP, 0, "What the host needs to know to plug it in.",
	  .wire = "binding:profile" },
	{ "binding_vnic_type", STR, 0, "How it is plugged in.", .wire = "binding:vnic_type",
	  .aliases = "vnic_type",
	  .choices = "normal direct direct-physical macvtap baremetal virtio-forwarder" },
	{ "dns_name", STR, 0, "Host name for DNS." },
	{ "dns_domain", STR, 0, "Domain for DNS." },
	{ "qos_policy_id", STR, 0, "ID of its own QoS policy." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "binding_host_id", STR, FILTER, "Host it is plugged in on.", .wire = "binding:host_id" },
	{ "binding_vif_details", MAP, READONLY, "How the host plugged it in.",
	  .wire = "binding:vif_details" },
	{ "binding_vif_type", STR, READONLY, "What the host plugged it into.",
	  .wire = "binding:vif_type" },
	{ "data_plane_status", STR, READONLY, "What the data plane says of it." },
	{ "device_profile", STR, READONLY, "Accelerator profile." },
	{ "dns_assignment", LIST, READONLY, "Names and addresses DNS has for it.", .elem = MAP },
	{ "ip_allocation", STR, READONLY | FILTER, "When it gets its addresses." },
	{ "numa_affinity_policy", STR, READONLY, "How close to its NUMA node it has to be." },
	{ "propagate_uplink_status", BOOL, READONLY, "Whether it shows the state of its uplink." },
	{ "qos_network_policy_id", STR, READONLY, "QoS policy of its network." },
	{ "resource_request", MAP, READONLY, "What placement has to find for it." },
	{ "status", STR, READONLY | FILTER, "ACTIVE, DOWN, BUILD or ERROR." },
	{ "tenant_id", STR, READONLY | FILTER, "The project once more." },
	{ "trunk_details", MAP, READONLY, "The trunk it is the parent of." },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	static const struct {
		const char *list, *key;
	} addresses[] = { { "fixed_ips", "ip_address" },
			  { "allowed_address_pairs", "ip_address" } };
	struct json_object *want = op->want;
	struct json_object *pairs = json_at(want, "allowed_address_pairs");

	if (json_truth(want, "no_security_groups", false)) {
		if (json_has(want, "security_group_ids"))
			return err_new(ERR_USAGE, "parameters are mutually exclusive: "
						  "no_security_groups|security_groups");
		json_set(want, "security_group_ids", json_object_new_array());
	}
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct json_object *list = json_at(want, addresses[i].list);

		for (size_t k = 0; k < json_len(list); k++)
			address_tidy(json_nth(list, k), addresses[i].key);
	}
	for (size_t i = 0; i < json_len(pairs); i++)
		lower_case(json_nth(pairs, i), "mac_address");
	lower_case(want, "mac_address");
	return NULL;
}

/* Neutron keeps the DHCP options that a change does not name: those in excess are sent with null. */
static struct err *set_dhcp(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *have = json_at(op->have, a->name);
	struct json_object *opts = json_copy(value);
	AUTO_JSON body = json_wrap("port", json_wrap(a->name, opts));
	AUTO_STR tail = xasprintf("/%s", op->id);
	struct err *e;

	for (size_t i = 0; i < json_len(have); i++) {
		struct json_object *old = json_nth(have, i);
		bool wanted = false;

		for (size_t k = 0; k < json_len(value) && !wanted; k++) {
			struct json_object *new = json_nth(value, k);

			wanted = json_object_equal(json_at(new, "opt_name"),
						   json_at(old, "opt_name")) &&
				 json_int(new, "ip_version", 4) == json_int(old, "ip_version", 4);
		}
		if (wanted)
			continue;
		struct json_object *old_one = json_copy(old);
		json_set(old_one, "opt_value", NULL);
		json_object_array_add(opts, old_one);
	}
	e = op_call(op, "PUT", tail, body, NULL);
	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

static const struct info info = {
	.name = "port_info",
	.doc = "Tell about ports.",
	.returns = "ports",
	.name_aliases = "port",
	.example = "- name: Ports that are not plugged in\n"
		   "  treenail.openstack.port_info:\n"
		   "    cloud: demo\n"
		   "    filters: {status: DOWN}\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr fixed_rows[] = { { "subnet_id" }, { "ip_address" }, { 0 } };

static const struct tf_attr pair_rows[] = {
	{ "ip_address", TF_REQUIRED },
	{ "mac_address" },
	{ 0 },
};

static const struct tf_attr dhcp_rows[] = {
	{ "name", TF_REQUIRED, "opt_name" },
	{ "value", TF_REQUIRED, "opt_value" },
	{ "ip_version", .value = "4" },
	{ 0 },
};

static const struct tf_attr binding_rows[] = {
	{ "host_id", TF_OC, "", "Host it is plugged in on." },
	{ "profile", 0, "", "What the host needs to know to plug it in, as JSON." },
	{ "vnic_type", 0, "", "How it is plugged in.", .value = "\"normal\"",
	  .choices = "normal direct direct-physical macvtap baremetal virtio-forwarder" },
	{ "vif_type", TF_COMPUTED, "", "What the host plugged it into." },
	{ "vif_details", TF_COMPUTED, "", "How the host plugged it in.",
	  .type = "[\"map\",\"string\"]" },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name" },
	{ "description" },
	{ "network_id", TF_REQUIRED, .doc = "ID of the network it is part of." },
	{ "admin_state_up", TF_OC },
	{ "mac_address", TF_OC | TF_NEW },
	{ "tenant_id", TF_OC, "project_id" },
	{ "device_owner", TF_OC | TF_NEW },
	{ "device_id", TF_OC | TF_NEW },
	{ "security_group_ids", TF_SUBSET, .doc = "IDs of the security groups it is in." },
	{ "no_security_groups" },
	{ "fixed_ip", TF_BLOCK | TF_KEPT, "fixed_ips", "Addresses it has to have.",
	  .sub = fixed_rows },
	{ "no_fixed_ip", 0, "", "Whether it has no address.", .type = "\"bool\"" },
	{ "allowed_address_pairs", TF_BLOCK | TF_SET, .sub = pair_rows },
	{ "extra_dhcp_option", TF_BLOCK | TF_SET, "extra_dhcp_opts", .sub = dhcp_rows },
	{ "binding", TF_BLOCK | TF_UNIQUE | TF_KEPT, "", "How and where it is plugged in.",
	  .sub = binding_rows },
	{ "port_security_enabled", TF_OC },
	{ "qos_policy_id", TF_OC },
	{ "dns_name", TF_OC },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ "all_fixed_ips", TF_COMPUTED, "", "All its addresses.", .type = "[\"list\",\"string\"]",
	  .follows = "fixed_ip no_fixed_ip" },
	{ "all_security_group_ids", TF_COMPUTED, "security_group_ids",
	  "IDs of all security groups it is in.",
	  .follows = "security_group_ids no_security_groups port_security_enabled" },
	{ "dns_assignment", TF_COMPUTED, .follows = "dns_name fixed_ip no_fixed_ip" },
	{ 0 },
};

static const struct rule tf_rules[] = { { EXCLUSIVE, "fixed_ip no_fixed_ip" }, { 0 } };

static const char *const details[] = { "vif_type", "vif_details" };

static struct json_object *binding_of(struct json_object *values)
{
	return json_nth(json_at(values, "binding"), 0);
}

static bool same_mac(const struct tf_op *t)
{
	const char *now = json_str(t->planned, "mac_address");
	const char *was = json_str(t->prior, "mac_address");

	return now && was && strcasecmp(now, was) == 0;
}

static struct err *tf_plan(struct tf_op *t)
{
	struct json_object *binding = binding_of(t->planned);

	if (json_truth(t->planned, "no_security_groups", false) &&
	    json_len(json_at(t->planned, "security_group_ids")))
		return err_at(err_new(ERR_USAGE, "with no_security_groups there can be no "
						 "security_group_ids: leave out one of them"),
			      "no_security_groups");
	if (same_mac(t))
		tf_keep(t, "mac_address");
	for (size_t i = 0; t->prior && binding && i < COUNT(details); i++)
		if (tf_changed(t, "binding"))
			json_set(binding, details[i], tf_unknown(t));
	return NULL;
}

/* What of the block is another than before goes to the attributes of the port. */
static struct err *want_binding(struct tf_op *t)
{
	static const struct {
		const char *row, *attr;
	} texts_of[] = { { "host_id", "binding_host_id" }, { "vnic_type", "binding_vnic_type" } };
	struct json_object *now = binding_of(t->planned), *was = binding_of(t->prior);
	const char *profile = json_str(now, "profile");
	struct json_object *map = NULL;
	struct err *e = NULL;

	for (size_t i = 0; i < COUNT(texts_of); i++) {
		const char *text = json_str(now, texts_of[i].row);

		if (text && !json_is_str(json_at(was, texts_of[i].row), text))
			json_sets(t->op->want, texts_of[i].attr, text);
	}
	if (!now || json_object_equal(json_at(now, "profile"), json_at(was, "profile")))
		return NULL;
	if (profile && *profile)
		e = json_parse(profile, strlen(profile), &map);
	if (!e && !map)
		map = json_object_new_object();
	if (!e && !json_object_is_type(map, json_type_object))
		e = err_new(ERR_USAGE, "this is no JSON object");
	if (e) {
		json_object_put(map);
		return err_at(err_wrap(e, "binding.profile"), "binding");
	}
	json_set(t->op->want, "binding_profile", map);
	return NULL;
}

static void want_groups(struct tf_op *t)
{
	struct json_object *want = t->op->want;
	const bool none = json_truth(t->planned, "no_security_groups", false);

	/* A new port without a word about groups is in the default group. */
	if (none || (!t->prior && json_empty(json_at(want, "security_group_ids"))))
		json_object_object_del(want, "security_group_ids");
}

/* Not to say any longer which addresses it has takes none away. */
static void want_addresses(struct tf_op *t)
{
	struct json_object *want = t->op->want;

	if (json_truth(t->planned, "no_fixed_ip", false)) {
		if (tf_changed(t, "no_fixed_ip"))
			json_set(want, "fixed_ips", json_object_new_array());
	} else if (json_empty(json_at(want, "fixed_ips"))) {
		json_object_object_del(want, "fixed_ips");
	}
}

static struct err *tf_prepare(struct tf_op *t)
{
	if (!t->planned) {
		json_object_object_del(t->op->want, "no_security_groups");
		return NULL;
	}
	want_groups(t);
	want_addresses(t);
	return want_binding(t);
}

static bool may_show(const struct tf_op *t, const char *name)
{
	return !t->planned || tf_has_unknown(t, json_at(t->planned, name));
}

static struct json_object *addresses_of(struct json_object *have)
{
	struct json_object *list = json_object_new_array(), *ips = json_at(have, "fixed_ips");

	for (size_t i = 0; i < json_len(ips); i++)
		json_object_array_add(list, json_copy(json_at(json_nth(ips, i), "ip_address")));
	return list;
}

/* Neutron tells them in another order each time. */
static void show_addresses(struct tf_op *t)
{
	static const struct attr any_order = { "all_fixed_ips", SET, READONLY, "" };
	AUTO_JSON now = addresses_of(t->op->have);
	struct json_object *was = json_at(t->prior, any_order.name);

	if (may_show(t, any_order.name))
		json_set(t->state, any_order.name,
			 json_copy(was && attr_equal(&any_order, was, now) ? was : now));
}

/* Neutron fills in the port's own MAC address where a pair has none. */
static struct json_object *without_own(struct json_object *pairs, struct json_object *have)
{
	struct json_object *ret = json_object_new_array(), *mac = json_at(have, "mac_address");

	for (size_t i = 0; i < json_len(pairs); i++) {
		struct json_object *pair = json_copy(json_nth(pairs, i));

		if (json_empty(json_at(pair, "mac_address")) ||
		    json_object_equal(json_at(pair, "mac_address"), mac))
			json_set(pair, "mac_address", NULL);
		json_object_array_add(ret, pair);
	}
	return ret;
}

static void show_pairs(struct tf_op *t)
{
	const struct attr *a = attr_named(attrs, "allowed_address_pairs");
	struct json_object *was = json_at(t->prior, a->name);
	AUTO_JSON want = without_own(json_at(t->op->want, a->name), t->op->have);
	AUTO_JSON have = without_own(json_at(t->state, a->name), t->op->have);
	const bool same =
		attr_equal(a, want, have) &&
		attr_equal(a, have, want); /* NOLINT(readability-suspicious-call-argument) */

	json_set(t->state, a->name, json_copy(same && was ? was : have));
}

/* Of an address nothing but the subnet may have been said; those that nobody asked for do not matter. */
static void show_fixed(struct tf_op *t)
{
	const struct attr *a = attr_named(attrs, "fixed_ips");
	struct json_object *want = json_at(t->op->want, a->name);
	struct json_object *have = json_at(t->op->have, a->name);
	bool same = true;

	for (size_t i = 0; i < json_len(want) && same; i++) {
		AUTO_JSON one = json_object_new_array();

		json_object_array_add(one, json_object_get(json_nth(want, i)));
		same = false;
		for (size_t k = 0; k < json_len(have) && !same; k++) {
			AUTO_JSON other = json_object_new_array();

			json_object_array_add(other, json_object_get(json_nth(have, k)));
			same = attr_equal(a, one, other);
		}
	}
	if (!same)
		json_set(t->state, "fixed_ip", json_copy(have));
}

/* Whether it is in the default group alone, as a port is that nobody said anything about. */
static struct err *in_default(struct tf_op *t, bool *ret)
{
	struct json_object *groups = json_at(t->op->have, "security_group_ids");
	AUTO_JSON group = NULL;
	struct err *e = NULL;

	if (json_len(groups) == 1)
		e = resource_try_get(t->op->api, &os_security_group,
				     json_object_get_string(json_nth(groups, 0)), &group);
	*ret = json_is_str(json_at(group, "name"), "default");
	return e;
}

static struct err *show_groups(struct tf_op *t)
{
	bool unsaid = false;
	struct err *e = t->importing ? in_default(t, &unsaid) : NULL;

	if (unsaid)
		json_set(t->state, "security_group_ids", NULL);
	if (json_truth(t->prior, "no_security_groups", false) &&
	    json_len(json_at(t->op->have, "security_group_ids")))
		json_set(t->state, "no_security_groups", json_object_new_boolean(false));
	return e;
}

/* {"port_filter": true}: {"port_filter": "true"} */
static struct json_object *as_texts(struct json_object *map)
{
	struct json_object *ret;

	if (!map)
		return NULL;
	ret = json_object_new_object();
	json_object_object_foreach(map, key, v) {
		AUTO_STR text = json_text(v);

		json_sets(ret, key, text);
	}
	return ret;
}

/* As JSON; as it was written, if that means the same, or if only administrators are told. */
static struct json_object *profile_of(struct json_object *have, struct json_object *written)
{
	struct json_object *now = json_at(have, "binding_profile");
	AUTO_JSON was = NULL;
	const char *text = json_object_get_string(written);

	if (!now || (json_empty(now) && json_empty(written)))
		return json_copy(written);
	if (text)
		err_free(json_parse(text, strlen(text), &was));
	if (json_object_equal(now, was))
		return json_copy(written);
	return json_object_new_string(json_object_to_json_string_ext(now, JSON_C_TO_STRING_PLAIN));
}

static struct json_object *binding_shown(struct json_object *have, struct json_object *written)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "host_id", json_copy(json_at(have, "binding_host_id")));
	json_set(o, "profile", profile_of(have, json_at(written, "profile")));
	json_set(o, "vnic_type", json_copy(json_at(have, "binding_vnic_type")));
	json_set(o, "vif_type", json_copy(json_at(have, "binding_vif_type")));
	json_set(o, "vif_details", as_texts(json_at(have, "binding_vif_details")));
	return o;
}

static void show_binding(struct tf_op *t)
{
	struct json_object *have = t->op->have, *list = json_object_new_array();
	struct json_object *written = binding_of(t->planned ? t->planned : t->prior);
	const bool odd = !json_is_str(json_at(have, "binding_vnic_type"), "normal") ||
			 !json_empty(json_at(have, "binding_profile"));

	if (written || (t->importing && odd))
		json_object_array_add(list, binding_shown(have, written));
	if (t->planned && written) {
		json_object_object_foreach(written, key, v) {
			if (!tf_has_unknown(t, v))
				json_set(json_nth(list, 0), key, json_copy(v));
		}
	}
	json_set(t->state, "binding", list);
}

static struct err *tf_show(struct tf_op *t)
{
	show_addresses(t);
	show_binding(t);
	if (t->planned)
		return NULL;
	show_pairs(t);
	show_fixed(t);
	return show_groups(t);
}

static const struct tf_kind networking_port_v2 = {
	.name = "networking_port_v2",
	.doc = "A port of a network.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .create = 10, .remove = 10 },
	.import_doc = "Its ID; fixed_ip is left out, and so are groups that are the default ones.",
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_port_v2\" \"node\" {\n"
		   "  name               = \"node\"\n"
		   "  network_id         = openstack_networking_network_v2.backend.id\n"
		   "  no_security_groups = true\n"
		   "}\n",
};

/* ---- data sources ---- */

#define CONDITIONS                                                                                 \
	{ "name" }, { "description" },                                                             \
		{ "network_id", .doc = "ID of the network it is part of." }, { "admin_state_up" }, \
		{ "tenant_id", 0, "project_id", "Project that owns it." },                         \
		{ "project_id", .doc = "Project that owns it." }, { "device_owner" },              \
		{ "device_id" }, { "mac_address" }, { "status" }, { "dns_name", TF_EXACT },        \
		{ "tags", .doc = "Labels that it has among others." },                             \
		{ "security_group_ids", TF_EXACT,                                                  \
		  .doc = "Only those that are in all of these security groups." },                 \
	{                                                                                          \
		"fixed_ip", 0, "", "Only those that have this address."                            \
	}

static const struct tf_attr data_rows[] = {
	{ "port_id", 0, "id" },
	CONDITIONS,
	{ "all_fixed_ips", TF_COMPUTED, "", "All its addresses.", .type = "[\"list\",\"string\"]" },
	{ "all_security_group_ids", TF_COMPUTED, "security_group_ids",
	  "IDs of all security groups it is in." },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ "allowed_address_pairs", TF_COMPUTED, .doc = "Further addresses it may send from.",
	  .sub = pair_rows },
	{ "extra_dhcp_option", TF_COMPUTED, "extra_dhcp_opts", "Further options that DHCP tells.",
	  .type = "[\"list\",[\"object\",{\"ip_version\":\"number\",\"name\":\"string\","
		  "\"value\":\"string\"}]]",
	  .sub = dhcp_rows },
	{ "binding", TF_COMPUTED, "", "How and where it is plugged in.", .sub = binding_rows },
	{ "dns_assignment", TF_COMPUTED },
	{ 0 },
};

static struct err *tf_query(struct tf_op *t, struct buf *query)
{
	const char *address = json_str(t->config, "fixed_ip");

	if (address) {
		AUTO_STR filter = xasprintf("ip_address=%s", address);

		query_text(query, "fixed_ips", filter);
	}
	return NULL;
}

static struct err *tf_show_data(struct tf_op *t)
{
	struct json_object *have = t->op->have, *list = json_object_new_array();

	json_object_array_add(list, binding_shown(have, NULL));
	json_set(t->state, "binding", list);
	json_set(t->state, "all_fixed_ips", addresses_of(have));
	json_set(t->state, "allowed_address_pairs",
		 without_own(json_at(t->state, "allowed_address_pairs"), have));
	return NULL;
}

static const struct tf_kind data_port_v2 = {
	.name = "networking_port_v2",
	.what = TF_DATA,
	.doc = "A port that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_networking_network_v2\" \"backend\" {\n"
		   "  name = \"example-backend\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_port_v2\" \"node\" {\n"
		   "  name       = \"example-node\"\n"
		   "  network_id = openstack_networking_network_v2.backend.id\n"
		   "}\n"
		   "\n"
		   "data \"openstack_networking_port_v2\" \"node\" {\n"
		   "  name       = openstack_networking_port_v2.node.name\n"
		   "  network_id = openstack_networking_port_v2.node.network_id\n"
		   "}\n",
	.query = tf_query,
	.show = tf_show_data,
};

static const struct tf_attr ids_rows[] = {
	CONDITIONS,
	{ "sort_key", 0, "", "What the IDs are sorted by, such as name." },
	{ "sort_direction", 0, "", "Which way.", .choices = "asc desc" },
	{ "ids", TF_COMPUTED, "", "The IDs of all that match.", .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static const struct rule ids_rules[] = { { NEEDS_ALL, "sort_key", "sort_direction" }, { 0 } };

static struct err *tf_query_ids(struct tf_op *t, struct buf *query)
{
	const char *key = json_str(t->config, "sort_key");
	const char *direction = json_str(t->config, "sort_direction");

	if (key) {
		query_text(query, "sort_key", key);
		query_text(query, "sort_dir", direction ? direction : "asc");
	}
	return tf_query(t, query);
}

static const struct tf_kind data_port_ids_v2 = {
	.name = "networking_port_ids_v2",
	.what = TF_DATA,
	.doc = "The IDs of ports.",
	.attrs = ids_rows,
	.rules = ids_rules,
	.flags = TF_PLURAL,
	.query = tf_query_ids,
	.example = "data \"openstack_networking_port_ids_v2\" \"down\" {\n"
		   "  status   = \"DOWN\"\n"
		   "  sort_key = \"name\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_port_v2, &data_port_v2,
						   &data_port_ids_v2, NULL };

const struct resource os_port = {
	.name = "port",
	.doc = "Make, change or delete ports of networks.",
	.service = "network",
	.path = "/v2.0/ports",
	.key = "port",
	.keys = "ports",
	.update = "PUT",
	.flags = BULK,
	.attrs = attrs,
	.prepare = prepare,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A network\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "\n"
		   "- name: Three ports, with one request\n"
		   "  treenail.openstack.port:\n"
		   "    cloud: demo\n"
		   "    network: backend\n"
		   "    security_groups: [default]\n"
		   "    items:\n"
		   "      - {name: node1}\n"
		   "      - {name: node2}\n"
		   "      - {name: node3}\n"
		   "\n"
		   "- name: Away with them\n"
		   "  treenail.openstack.port:\n"
		   "    cloud: demo\n"
		   "    state: absent\n"
		   "    items: [{name: node1}, {name: node2}, {name: node3}]\n"
		   "\n"
		   "- name: Away with the network\n"
		   "  treenail.openstack.network:\n"
		   "    cloud: demo\n"
		   "    name: backend\n"
		   "    state: absent\n",
};
