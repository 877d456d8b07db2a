#include <string.h>

#include "openstack/rules.h"
#include "openstack/shared.h"

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
	{ "description", STR, REPLACES, "Free text for people." },
	{ "name", STR, READONLY, "Always null: rules have no name." },
	{ "remote_address_group_id", STR, READONLY, "Address group at the other end." },
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
