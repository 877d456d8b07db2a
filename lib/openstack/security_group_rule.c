#include <string.h>

#include "openstack/rules.h"
#include "openstack/shared.h"
#include "terraform.h"
#include "text.h"

extern const struct resource os_project, os_security_group;

/* Rules have none, but a list is what people expect there. */
static struct json_object *decode_tags(struct json_object *wire)
{
	struct json_object *tags = json_at(wire, "tags");

	return tags ? json_copy(tags) : json_object_new_array();
}

static const struct attr attrs[] = {
	{ "id", STR, READONLY | FILTER, "ID of the rule." },
	{ "project_id", STR, IDENTITY | FILTER | FIXED, "Project that owns the rule.",
	  .option = "project", .ref = &os_project },
	{ "security_group_id", STR, REQUIRED | IDENTITY | FILTER | REPLACES,
	  "Security group it is part of.", .option = "security_group", .ref = &os_security_group },
	{ "direction", STR, IDENTITY | FILTER | REPLACES, "Which packets it is about.",
	  .value = "\"ingress\"", .choices = "egress ingress" },
	{ "ether_type", STR, IDENTITY | FILTER | REPLACES, "Which version of IP it is about.",
	  .wire = "ethertype", .aliases = "ethertype", .value = "\"IPv4\"",
	  .choices = "IPv4 IPv6" },
	{ "protocol", STR, IDENTITY | REPLACES, "Name or number of the protocol; any by default." },
	{ "port_range_min", INT, IDENTITY | REPLACES,
	  "First port, or the ICMP type; -1 and nothing mean all." },
	{ "port_range_max", INT, IDENTITY | REPLACES,
	  "Last port, or the ICMP code; -1 and nothing mean all." },
	{ "remote_ip_prefix", STR, IDENTITY | REPLACES,
	  "Addresses at the other end, as CIDR; all by default." },
	{ "remote_group_id", STR, IDENTITY | REPLACES,
	  "Security group whose members are the other end.", .option = "remote_group",
	  .ref = &os_security_group },
	{ "remote_address_group_id", STR, IDENTITY | REPLACES,
	  "ID of the address group at the other end." },
	{ "description", STR, REPLACES, "Free text for people." },
	{ "name", STR, READONLY, "Always null: rules have no name." },
	{ "normalized_cidr", STR, READONLY, "The prefix with its host bits cleared." },
	{ "revision_number", INT, READONLY | FILTER, "Counts its changes." },
	{ "tags", SET, READONLY, "Labels.", .decode = decode_tags },
	{ "belongs_to_default_sg", BOOL, READONLY, "Whether its group is a default one." },
	{ "tenant_id", STR, READONLY, "The project once more." },
	{ "created_at", STR, READONLY, "When it was made." },
	{ "updated_at", STR, READONLY, "When it was last changed." },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "remote_ip_prefix remote_group" },
	{ 0 },
};

static struct err *prepare(struct op *op)
{
	rule_tidy(op->want);
	return NULL;
}

static bool meant(struct json_object *want, struct json_object *object)
{
	return json_object_equal(json_at(want, "security_group_id"),
				 json_at(object, "security_group_id")) &&
	       rule_same(want, object);
}

/* The rule that was found means the same: spellings are no difference. */
static struct err *expand(struct op *op)
{
	for (const struct attr *a = attrs; a->name; a++)
		if (a->flags & IDENTITY && !(a->flags & FIXED) && json_has(op->want, a->name))
			json_set(op->want, a->name, json_copy(json_at(op->have, a->name)));
	return NULL;
}

static const struct attr params[] = {
	{ "description", STR, FILTER, "Only rules that have this description." },
	{ "direction", STR, FILTER, "Only rules for this direction.", .choices = "egress ingress" },
	{ "ether_type", STR, FILTER, "Only rules for this version of IP.", .wire = "ethertype",
	  .aliases = "ethertype", .choices = "IPv4 IPv6" },
	{ "id", STR, FILTER, "Only the rule of this ID.", .aliases = "rule" },
	{ "port_range_min", INT, FILTER, "Only rules whose first port is this one." },
	{ "port_range_max", INT, FILTER, "Only rules whose last port is this one." },
	{ "project_id", STR, FILTER, "Only rules of this project.", .option = "project",
	  .ref = &os_project },
	{ "protocol", STR, FILTER, "Only rules for this protocol, as the rule has it." },
	{ "remote_group_id", STR, FILTER, "Only rules whose other end is this security group.",
	  .option = "remote_group", .ref = &os_security_group },
	{ "remote_ip_prefix", STR, FILTER,
	  "Only rules for these addresses, as the rule has them." },
	{ "revision_number", INT, FILTER, "Only rules of this revision." },
	{ "security_group_id", STR, FILTER, "Only rules of this security group.",
	  .option = "security_group", .ref = &os_security_group },
	{ 0 },
};

static const struct info info = {
	.name = "security_group_rule_info",
	.doc = "Tell about the rules of security groups.",
	.returns = "security_group_rules",
	.params = params,
	.rules = rules,
	.no_name = true,
	.no_filters = true,
	.missing_is_empty = true,
	.example = "- name: What may come in\n"
		   "  treenail.openstack.security_group_rule_info:\n"
		   "    cloud: demo\n"
		   "    security_group: default\n"
		   "    direction: ingress\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "security_group_id", TF_REQUIRED },
	{ "direction", TF_REQUIRED },
	{ "ethertype", TF_REQUIRED },
	{ "protocol" },
	{ "port_range_min", .doc = "First port, or the ICMP type; two zeros mean all." },
	{ "port_range_max", .doc = "Last port, or the ICMP code; two zeros mean all." },
	{ "remote_ip_prefix", TF_OC },
	{ "remote_group_id", TF_OC },
	{ "remote_address_group_id", TF_OC },
	{ "description" },
	{ "tenant_id", TF_OC, "project_id" },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ NEEDS_ALL, "protocol port_range_max", "port_range_min" },
	{ NEEDS_ALL, "protocol port_range_min", "port_range_max" },
	{ EXCLUSIVE, "remote_ip_prefix remote_group_id remote_address_group_id" },
	{ 0 },
};

/* Rows of which there are several spellings. */
static const char spelled[] = "protocol port_range_min port_range_max remote_ip_prefix";

static bool is_zero(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) && !json_object_get_int64(v);
}

/* The provider that this one replaces leaves ports of 0 out, and has 0 in its state for none. */
static struct json_object *without_zeros(struct json_object *values)
{
	struct json_object *rule = json_copy(values);

	if (is_zero(json_at(rule, "port_range_min")))
		json_object_object_del(rule, "port_range_min");
	if (is_zero(json_at(rule, "port_range_max")))
		json_object_object_del(rule, "port_range_max");
	rule_tidy(rule);
	return rule;
}

static bool means_same(struct json_object *x, struct json_object *y)
{
	AUTO_JSON a = without_zeros(x);
	AUTO_JSON b = without_zeros(y);

	return rule_same(a, b);
}

/* Another spelling is no reason for a new rule. */
static struct err *tf_plan(struct tf_op *t)
{
	WORDS_EACH(w, spelled) {
		AUTO_STR name = xstrndup(w, words_len(w));

		if (tf_has_unknown(t, json_at(t->planned, name)))
			return NULL;
	}
	if (!t->prior || !means_same(t->planned, t->prior))
		return NULL;
	WORDS_EACH(w, spelled) {
		AUTO_STR name = xstrndup(w, words_len(w));

		tf_keep(t, name);
	}
	return NULL;
}

/* What can be changed in place is spelling only. */
static struct err *tf_prepare(struct tf_op *t)
{
	struct json_object *want = t->op->want;

	if (t->prior && t->planned) {
		WORDS_EACH(w, spelled) {
			AUTO_STR name = xstrndup(w, words_len(w));

			json_object_object_del(want, name);
		}
	}
	if (is_zero(json_at(want, "port_range_min")) && is_zero(json_at(want, "port_range_max"))) {
		json_object_object_del(want, "port_range_min");
		json_object_object_del(want, "port_range_max");
	}
	return NULL;
}

static struct err *tf_show(struct tf_op *t)
{
	if (t->planned || !means_same(t->prior, t->state))
		return NULL;
	WORDS_EACH(w, spelled) {
		AUTO_STR name = xstrndup(w, words_len(w));
		struct json_object *was = json_at(t->prior, name);

		if (!json_empty(was) && !(t->foreign && is_zero(was)))
			json_set(t->state, name, json_copy(was));
	}
	return NULL;
}

static const struct tf_kind networking_secgroup_rule_v2 = {
	.name = "networking_secgroup_rule_v2",
	.doc = "A rule of a security group.",
	.attrs = rows,
	.rules = tf_rules,
	.minutes = { .remove = 10 },
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_networking_secgroup_v2\" \"web\" {\n"
		   "  name = \"web\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_networking_secgroup_rule_v2\" \"https\" {\n"
		   "  security_group_id = openstack_networking_secgroup_v2.web.id\n"
		   "  direction         = \"ingress\"\n"
		   "  ethertype         = \"IPv4\"\n"
		   "  protocol          = \"tcp\"\n"
		   "  port_range_min    = 443\n"
		   "  port_range_max    = 443\n"
		   "  remote_ip_prefix  = \"0.0.0.0/0\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &networking_secgroup_rule_v2, NULL };

const struct resource os_security_group_rule = {
	.name = "security_group_rule",
	.doc = "Make or delete single rules of security groups.",
	.service = "network",
	.path = "/v2.0/security-group-rules",
	.key = "security_group_rule",
	.keys = "security_group_rules",
	.returns = "rule",
	.flags = BULK | NO_NAME,
	.bulk_by = "security_group_id",
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.meant = meant,
	.expand = expand,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A security group\n"
		   "  treenail.openstack.security_group:\n"
		   "    cloud: demo\n"
		   "    name: web\n"
		   "\n"
		   "- name: Let everybody in, with one request for all rules\n"
		   "  treenail.openstack.security_group_rule:\n"
		   "    cloud: demo\n"
		   "    security_group: web\n"
		   "    protocol: tcp\n"
		   "    items:\n"
		   "      - {port_range_min: 80, port_range_max: 80}\n"
		   "      - {port_range_min: 443, port_range_max: 443}\n"
		   "\n"
		   "- name: Away with it\n"
		   "  treenail.openstack.security_group:\n"
		   "    cloud: demo\n"
		   "    name: web\n"
		   "    state: absent\n",
};
