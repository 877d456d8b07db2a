#include "openstack/shared.h"
#include "terraform.h"

/* Before this microversion a group has a list of policies, of which there is always one. */
static const char ONE_POLICY[] = "2.64";

static struct json_object *decode_policy(struct json_object *wire)
{
	struct json_object *one = json_at(wire, "policy");

	return json_copy(one ? one : json_nth(json_at(wire, "policies"), 0));
}

static struct json_object *decode_policies(struct json_object *wire)
{
	struct json_object *policies = json_object_new_array();
	struct json_object *one = decode_policy(wire);

	if (one)
		json_object_array_add(policies, one);
	return policies;
}

static const struct attr rules_attrs[] = {
	{ "max_server_per_host", INT, 0, "How many of the group may share a host." },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "id", STR, READONLY, "ID of the server group." },
	{ "name", STR, REQUIRED, "Name of the server group." },
	{ "policy", STR, REPLACES,
	  "Whether its servers have to be on one host (affinity), or apart; soft: if possible.",
	  .states = "present", .choices = "anti-affinity affinity soft-anti-affinity soft-affinity",
	  .decode = decode_policy },
	{ "rules", OBJ, REPLACES, "What the policy anti-affinity allows all the same.",
	  .sub = rules_attrs },
	{ "policies", LIST, READONLY, "The policy, as a list.", .decode = decode_policies },
	{ "member_ids", LIST, READONLY, "IDs of its servers.", .wire = "members" },
	{ "metadata", MAP, READONLY, "Always empty." },
	{ "project_id", STR, READONLY, "Project that owns it." },
	{ "user_id", STR, READONLY, "User that made it." },
	{ 0 },
};

static struct err *body(struct op *op, struct json_object *body)
{
	struct json_object *group = json_at(body, "server_group"), *list;
	bool offered = false;
	struct err *e = op->api->offers(op->api, op->r->service, ONE_POLICY, &offered);

	if (e || offered)
		return e;
	if (!json_empty(json_at(group, "rules")))
		return needs_microversion(op, ONE_POLICY, "rules");
	list = json_object_new_array();
	json_object_array_add(list, json_copy(json_at(group, "policy")));
	json_set(group, "policies", list);
	json_object_object_del(group, "policy");
	json_object_object_del(group, "rules");
	return NULL;
}

/* ---- in Terraform files ---- */

/* They write a list of policies, as the first versions of the API did. */
static struct err *check_policies(struct tf_op *t)
{
	const size_t n = json_len(json_at(t->planned, "policies"));

	if (n <= 1)
		return NULL;
	return err_at(err_new(ERR_USAGE, "policies: a group has one of them, not %zu", n),
		      "policies");
}

static struct err *take_policy(struct tf_op *t)
{
	struct json_object *policy = json_nth(json_at(t->op->want, "policies"), 0);

	if (policy)
		json_set(t->op->want, "policy", json_copy(policy));
	return NULL;
}

static const struct tf_attr rules_rows[] = {
	{ "max_server_per_host" },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "policies", 0,
	  .doc = "The policy, as the only one of a list: affinity (all on one "
		 "host), anti-affinity (apart), soft-affinity or soft-anti-affinity "
		 "(if possible)." },
	{ "rules", TF_BLOCK | TF_UNIQUE, .sub = rules_rows },
	{ "value_specs", TF_NEW | TF_KEPT, "",
	  "Further attributes of the creation, by their names in the API.",
	  .type = "[\"map\",\"string\"]" },
	{ "members", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind compute_servergroup_v2 = {
	.name = "compute_servergroup_v2",
	.doc = "A group of instances that have to be on one host, or apart.",
	.attrs = rows,
	.plan = check_policies,
	.prepare = take_policy,
	.example = "resource \"openstack_compute_servergroup_v2\" \"database\" {\n"
		   "  name     = \"example-database\"\n"
		   "  policies = [\"anti-affinity\"]\n"
		   "  rules {\n"
		   "    max_server_per_host = 2\n"
		   "  }\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "name", TF_REQUIRED },
	{ "policies", TF_COMPUTED },
	{ "rules", TF_COMPUTED, .sub = rules_rows },
	{ "members", TF_COMPUTED },
	{ "metadata", TF_COMPUTED },
	{ "project_id", TF_COMPUTED },
	{ "user_id", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind data_servergroup_v2 = {
	.name = "compute_servergroup_v2",
	.what = TF_DATA,
	.doc = "A group of instances that is there already.",
	.attrs = data_rows,
	.example = "resource \"openstack_compute_servergroup_v2\" \"database\" {\n"
		   "  name     = \"example-found\"\n"
		   "  policies = [\"soft-anti-affinity\"]\n"
		   "}\n"
		   "\n"
		   "data \"openstack_compute_servergroup_v2\" \"database\" {\n"
		   "  name = openstack_compute_servergroup_v2.database.name\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &compute_servergroup_v2, &data_servergroup_v2,
						   NULL };

const struct resource os_server_group = {
	.name = "server_group",
	.doc = "Make or delete groups of servers that have to be on one host, or apart.",
	.service = "compute",
	.path = "/os-server-groups",
	.key = "server_group",
	.keys = "server_groups",
	.microversion = ONE_POLICY,
	.flags = LIST_ONLY,
	.attrs = attrs,
	.body = body,
	.terraform = terraform,
	.example = "- name: Servers that do not fail together\n"
		   "  treenail.openstack.server_group:\n"
		   "    cloud: demo\n"
		   "    name: database\n"
		   "    policy: anti-affinity\n"
		   "\n"
		   "- name: Away with it\n"
		   "  treenail.openstack.server_group:\n"
		   "    cloud: demo\n"
		   "    name: database\n"
		   "    state: absent\n",
};
