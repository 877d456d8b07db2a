#include <string.h>

#include "clock.h"
#include "openstack/rules.h"
#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_port, os_project, os_security_group;

static const char *const rule_keys[] = { "direction",       "ethertype",
					 "protocol",        "port_range_min",
					 "port_range_max",  "remote_ip_prefix",
					 "remote_group_id", "remote_address_group_id" };

static const struct attr rule_attrs[] = {
	{ "description", STR, 0, "Free text for people." },
	{ "direction", STR, 0, "Which packets it is about.", .value = "\"ingress\"",
	  .choices = "egress ingress" },
	{ "ethertype", STR, 0, "Which version of IP it is about.", .option = "ether_type",
	  .aliases = "ethertype", .value = "\"IPv4\"", .choices = "IPv4 IPv6" },
	{ "port_range_max", INT, 0, "Last port, or the ICMP code; -1 and nothing mean all." },
	{ "port_range_min", INT, 0, "First port, or the ICMP type; -1 and nothing mean all." },
	{ "protocol", STR, 0, "Name or number of the protocol; any by default." },
	{ "remote_group_id", STR, 0,
	  "Security group whose members are the other end; may be the group itself.",
	  .option = "remote_group", .ref = &os_security_group },
	{ "remote_ip_prefix", STR, 0, "Addresses at the other end, as CIDR; all by default." },
	{ 0 },
};

static int by_id(const void *x, const void *y)
{
	const char *a = json_str(*(struct json_object *const *)x, "id");
	const char *b = json_str(*(struct json_object *const *)y, "id");

	return strcmp(a ? a : "", b ? b : "");
}

/* Neutron answers in another order each time. */
static struct json_object *decode_rules(struct json_object *wire)
{
	struct json_object *rules = json_copy(json_at(wire, "security_group_rules"));

	if (json_object_is_type(rules, json_type_array))
		json_object_array_sort(rules, by_id);
	return rules;
}

static struct err *set_rules(struct op *op, const struct attr *a, struct json_object *value);

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the security group." },
	{ "name", STR, REQUIRED | FILTER, "Name of the security group." },
	{ "project_id", STR, IDENTITY | FIXED,
	  "Project that owns it; by default the one logged in to.", .option = "project",
	  .ref = &os_project },
	{ "description", STR, FILTER, "Free text for people." },
	{ "stateful", BOOL, 0, "Whether answers to packets let through are let through too." },
	{ "security_group_rules", SET, 0,
	  "Rules: exactly these. Not given, rules stay as they are; a new group has the service's own.",
	  .sub = rule_attrs, .decode = decode_rules, .set = set_rules },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "tags", SET, FILTER, "Labels: exactly these.", .set = set_tags },
	{ "is_shared", BOOL, READONLY | FILTER, "Whether other projects may use it.",
	  .wire = "shared" },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

/* All keys are there, so that what was not said is told from what was. */
static void complete(struct json_object *rule)
{
	for (size_t i = 0; i < COUNT(rule_keys); i++)
		if (!json_has(rule, rule_keys[i]))
			json_set(rule, rule_keys[i], NULL);
}

static struct err *prepare(struct op *op)
{
	struct json_object *given = json_at(op->want, "security_group_rules");
	struct json_object *rules;
	const char *name = json_str(op->want, "name");

	if (!given)
		return NULL;
	rules = json_object_new_array();
	for (size_t i = 0; i < json_len(given); i++) {
		AUTO_JSON rule = json_copy(json_nth(given, i));
		bool twin = false;

		if (json_at(rule, "remote_group_id") && json_at(rule, "remote_ip_prefix")) {
			json_object_put(rules);
			return err_at(err_new(ERR_USAGE,
					      "security_group_rules[%zu]: parameters are mutually "
					      "exclusive: remote_ip_prefix|remote_group",
					      i),
				      "security_group_rules");
		}
		rule_tidy(rule);
		complete(rule);
		for (size_t k = 0; k < json_len(rules) && !twin; k++)
			twin = rule_same(rule, json_nth(rules, k));
		if (!twin)
			json_object_array_add(rules, TAKE(rule));
	}
	/* A group that is yet to be made has no ID to be looked up. */
	for (size_t i = 0; i < json_len(rules); i++) {
		struct json_object *rule = json_nth(rules, i);

		if (!json_is_str(json_at(rule, "remote_group_id"), name))
			continue;
		json_object_object_del(rule, "remote_group_id");
		json_sets(rule, "remote_group", name);
	}
	json_set(op->want, "security_group_rules", rules);
	return NULL;
}

/* Gives the rules wanted the spelling of those that are there and mean the same. */
static struct err *expand(struct op *op)
{
	struct json_object *want = json_at(op->want, "security_group_rules");
	struct json_object *have = json_at(op->have, "security_group_rules");
	AUTO_STR used = xcalloc(json_len(have) + 1, 1);

	for (size_t i = 0; i < json_len(want); i++) {
		struct json_object *rule = json_nth(want, i);
		size_t j = 0;

		if (json_has(rule, "remote_group")) {
			json_object_object_del(rule, "remote_group");
			json_sets(rule, "remote_group_id", op->id);
		}
		while (j < json_len(have) && (used[j] || !rule_same(rule, json_nth(have, j))))
			j++;
		if (j == json_len(have))
			continue;
		used[j] = 1;
		for (size_t k = 0; k < COUNT(rule_keys); k++)
			json_set(rule, rule_keys[k],
				 json_copy(json_at(json_nth(have, j), rule_keys[k])));
	}
	return NULL;
}

enum kinship { STRANGER, RELATED, EXACT };

/* Related: only one of the two can exist, as they differ in the description only. */
static enum kinship kinship(struct json_object *want, struct json_object *have)
{
	if (!rule_same(want, have))
		return STRANGER;
	if (json_has(want, "description") &&
	    strcmp(json_str(want, "description"),
		   json_str(have, "description") ? json_str(have, "description") : "") != 0)
		return RELATED;
	return EXACT;
}

static enum kinship nearest_kin(struct json_object *list, struct json_object *rule, bool wanted)
{
	enum kinship best = STRANGER;

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *other = json_nth(list, i);
		const enum kinship k = wanted ? kinship(rule, other) : kinship(other, rule);

		best = k > best ? k : best;
	}
	return best;
}

static struct err *rule_request(struct op *op, const char *method, const char *tail,
				struct json_object *body, struct json_object **ret)
{
	AUTO_STR path = xasprintf("/v2.0/security-group-rules%s", tail);

	return other_call(op, "network", method, path, body, ret);
}

/* Deletes the rules that have this kinship to the wanted ones; those that stay are in *ret. */
static struct err *delete_rules(struct op *op, struct json_object *want, enum kinship kin,
				struct json_object **ret)
{
	struct json_object *have = json_at(op->have, "security_group_rules");
	AUTO_JSON kept = json_object_new_array();

	for (size_t i = 0; i < json_len(have); i++) {
		struct json_object *rule = json_nth(have, i);
		AUTO_STR tail = xasprintf("/%s", json_str(rule, "id"));
		struct err *e;

		if (nearest_kin(want, rule, false) != kin) {
			json_object_array_add(kept, json_copy(rule));
			continue;
		}
		e = rule_request(op, "DELETE", tail, NULL, NULL);
		if (e && e->status == 404) {
			err_free(e);
			e = NULL;
		}
		if (e)
			return e;
	}
	*ret = TAKE(kept);
	return NULL;
}

/* All that are missing, in one request: they are made, or none is. */
static struct err *create_rules(struct op *op, struct json_object *want, struct json_object *have)
{
	struct json_object *missing = json_object_new_array();
	AUTO_JSON body = json_wrap("security_group_rules", missing);
	AUTO_JSON answer = NULL;
	struct json_object *made;
	struct err *e;

	for (size_t i = 0; i < json_len(want); i++) {
		struct json_object *rule;

		if (nearest_kin(have, json_nth(want, i), true) == EXACT)
			continue;
		rule = json_object_new_object();
		json_object_object_foreach(json_nth(want, i), key, v) {
			if (v)
				json_set(rule, key, json_copy(v));
		}
		json_sets(rule, "security_group_id", op->id);
		json_set(rule, "project_id", json_copy(json_at(op->have, "project_id")));
		json_object_array_add(missing, rule);
	}
	if (!json_len(missing))
		return NULL;
	e = rule_request(op, "POST", "", body, &answer);
	made = json_at(answer, "security_group_rules");
	for (size_t i = 0; i < json_len(made); i++)
		json_object_array_add(have, json_copy(json_nth(made, i)));
	return e;
}

/* New ones come before old ones go, so that a rule Neutron refuses costs nobody the access. */
static struct err *set_rules(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_JSON kept = NULL;
	AUTO_JSON left = NULL;
	struct err *e = delete_rules(op, value, RELATED, &kept);
	const size_t before = json_len(kept);

	if (!e) {
		json_set(op->have, a->name, json_copy(kept));
		e = create_rules(op, value, kept);
	}
	/* Only of what was there: the service may spell a new one otherwise. */
	if (!e)
		e = delete_rules(op, value, STRANGER, &left);
	if (e)
		return e;
	for (size_t i = before; i < json_len(kept); i++)
		json_object_array_add(left, json_copy(json_nth(kept, i)));
	json_set(op->have, a->name, TAKE(left));
	return NULL;
}

enum { POLL_MS = 2000, PATIENCE_MS = 60000 };

/* "a, b": the ports that are in the group, as far as we are told. */
static char *users(struct op *op)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_BUF ids = BUF_INIT;
	AUTO_JSON ports = NULL;

	query_text(&query, "security_groups", op->id);
	err_free(resource_list(op->api, &os_port, NULL, query.s, &ports));
	for (size_t i = 0; i < json_len(ports); i++)
		buf_addf(&ids, "%s%s", ids.len ? ", " : "", json_str(json_nth(ports, i), "id"));
	return buf_take(&ids);
}

/*
 * Terraform takes ports away at nearly the same time, or servers, whose ports go a little later. As
 * long as they go there is hope.
 */
static struct err *remove_unused(struct op *op)
{
	AUTO_STR tail = xasprintf("/%s", op->id);
	AUTO_STR before = NULL;
	int64_t since = op->api->now_ms(op->api);

	for (;;) {
		struct err *e = op_call(op, "DELETE", tail, NULL, NULL);
		const int64_t now = op->api->now_ms(op->api);

		if (!e || e->status != 409 || !op->keeper)
			return e;
		AUTO_STR left = users(op);
		if (before && strcmp(before, left) != 0)
			since = now;
		if (clock_is_cut() || now >= op->deadline || now - since >= PATIENCE_MS)
			return err_wrap(e, "the ports %s are still in it", left);
		err_free(e);
		free(before);
		before = TAKE(left);
		op->api->sleep_ms(op->api, POLL_MS);
	}
}

static const struct attr params[] = {
	{ "any_tags", LIST, FILTER, "Only those that have one of these labels.",
	  .wire = "tags-any" },
	{ "description", STR, FILTER, "Only those that have this description." },
	{ "not_any_tags", LIST, FILTER, "Only those that have none of these labels.",
	  .wire = "not-tags-any" },
	{ "not_tags", LIST, FILTER, "Only those that have not all of these labels.",
	  .wire = "not-tags" },
	{ "project_id", STR, FILTER, "Only those of this project.", .ref = &os_project },
	{ "revision_number", INT, FILTER, "Only those of this revision." },
	{ "tags", LIST, FILTER, "Only those that have all of these labels." },
	{ 0 },
};

static const struct info info = {
	.name = "security_group_info",
	.doc = "Tell about security groups.",
	.returns = "security_groups",
	.params = params,
	.no_filters = true,
	.example = "- name: The default group and its rules\n"
		   "  treenail.openstack.security_group_info:\n"
		   "    cloud: demo\n"
		   "    name: default\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "description", TF_OC },
	{ "stateful", TF_OC },
	{ "tenant_id", TF_OC, "project_id" },
	{ "delete_default_rules", TF_NEW, "",
	  "Whether the rules that the service gives to a new group are taken away at once.",
	  .type = "\"bool\"" },
	{ "tags", TF_SUBSET },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels, those that others gave it too.",
	  .follows = "tags" },
	{ 0 },
};

static struct err *tf_prepare(struct tf_op *t)
{
	if (!t->prior && json_truth(t->planned, "delete_default_rules", false))
		json_set(t->op->want, "security_group_rules", json_object_new_array());
	return NULL;
}

/* Whatever may leave, to wherever. */
static bool is_default(struct json_object *rule)
{
	static const char *const limits[] = { "protocol", "remote_ip_prefix", "remote_group_id",
					      "remote_address_group_id" };
	bool limited = !json_is_str(json_at(rule, "direction"), "egress");

	for (size_t i = 0; i < COUNT(limits); i++)
		limited = limited || !json_empty(json_at(rule, limits[i]));
	return !limited;
}

/* Nobody else knows whether they were taken away; a wrong guess would plan a new group. */
static struct err *tf_show(struct tf_op *t)
{
	struct json_object *rules = json_at(t->op->have, "security_group_rules");
	bool some = false;

	for (size_t i = 0; i < json_len(rules); i++)
		some = some || is_default(json_nth(rules, i));
	if (t->importing && !some)
		json_set(t->state, "delete_default_rules", json_object_new_boolean(true));
	return NULL;
}

static const struct tf_kind networking_secgroup_v2 = {
	.name = "networking_secgroup_v2",
	.doc = "A security group, whose rules are resources of their own.",
	.attrs = rows,
	.minutes = { .remove = 10 },
	.import_doc = "Its ID; delete_default_rules is taken for true where nothing of the default "
		      "rules is left.",
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_networking_secgroup_v2\" \"web\" {\n"
		   "  name                 = \"web\"\n"
		   "  description          = \"Web servers\"\n"
		   "  delete_default_rules = true\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "secgroup_id", 0, "id" },
	{ "name" },
	{ "description" },
	{ "stateful", TF_OC },
	{ "tenant_id", TF_OC, "project_id", "Project that owns it." },
	{ "tags", .doc = "Labels that it has among others." },
	{ "all_tags", TF_COMPUTED, "tags", "All its labels." },
	{ 0 },
};

static const struct tf_kind data_secgroup_v2 = {
	.name = "networking_secgroup_v2",
	.what = TF_DATA,
	.doc = "A security group that is there already.",
	.attrs = data_rows,
	.example = "data \"openstack_networking_secgroup_v2\" \"default\" {\n"
		   "  name = \"default\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_secgroup_v2, &data_secgroup_v2,
						   NULL };

const struct resource os_security_group = {
	.name = "security_group",
	.doc = "Make, change or delete security groups, with all of their rules.",
	.service = "network",
	.path = "/v2.0/security-groups",
	.key = "security_group",
	.keys = "security_groups",
	.update = "PUT",
	.flags = BULK,
	.attrs = attrs,
	.prepare = prepare,
	.expand = expand,
	.remove = remove_unused,
	.info = &info,
	.terraform = terraform,
	.example = "- name: Web servers, which talk to each other\n"
		   "  treenail.openstack.security_group:\n"
		   "    cloud: demo\n"
		   "    name: web\n"
		   "    description: Web servers\n"
		   "    security_group_rules:\n"
		   "      - {protocol: tcp, port_range_min: 443, port_range_max: 443}\n"
		   "      - {protocol: any, remote_group: web}\n"
		   "      - {direction: egress, protocol: any}\n"
		   "\n"
		   "- name: Away with it\n"
		   "  treenail.openstack.security_group:\n"
		   "    cloud: demo\n"
		   "    name: web\n"
		   "    state: absent\n",
};
