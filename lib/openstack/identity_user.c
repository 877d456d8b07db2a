#include <string.h>

#include "terraform.h"

extern const struct resource os_identity_domain, os_project;

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the user; unique in its domain." },
	{ "domain_id", STR, IDENTITY | FIXED, "Domain the user belongs to.", .option = "domain",
	  .ref = &os_identity_domain },
	{ "default_project_id", STR, 0,
	  "Project that logins without a scope are for; looked up in the user's domain, if that "
	  "is given.",
	  .option = "default_project", .ref = &os_project, .within = "domain_id" },
	{ "description", STR, 0, "Free text for people." },
	{ "email", STR, 0, "Where mail reaches the user." },
	{ "is_enabled", BOOL, FILTER, "Whether the user can log in.", .wire = "enabled",
	  .aliases = "enabled", .value = "true" },
	{ "password", STR, SECRET, "Password of a new user; see O(update_password) for others." },
	{ "update_password", STR, OPTION,
	  "Whether to set O(password) of a user that exists: never, or each time, as nobody can "
	  "see whether it is that already.",
	  .choices = "always on_create", .value = "\"on_create\"" },
	{ "ignore_change_password_upon_first_use", BOOL, 0,
	  "Whether the first password may be kept where others must change it.",
	  .wire = "options.ignore_change_password_upon_first_use" },
	{ "ignore_lockout_failure_attempts", BOOL, 0,
	  "Whether failed logins never lock the user out.",
	  .wire = "options.ignore_lockout_failure_attempts" },
	{ "ignore_password_expiry", BOOL, 0, "Whether the password never expires.",
	  .wire = "options.ignore_password_expiry" },
	{ "multi_factor_auth_enabled", BOOL, 0, "Whether O(multi_factor_auth_rules) hold.",
	  .wire = "options.multi_factor_auth_enabled" },
	{ "multi_factor_auth_rules", SET, 0,
	  "Sets of login methods, each a list; all methods of one of them are needed to log in.",
	  .elem = RAW, .wire = "options.multi_factor_auth_rules" },
	{ "extra_specs", MAP, MERGE | INLINE,
	  "Further attributes, stored beside the others; those not named stay as they are, "
	  "null takes one away." },
	{ "id", STR, READONLY, "ID of the user." },
	{ "federated", LIST, READONLY, "Identities elsewhere that log in as the user.",
	  .elem = MAP },
	{ "links", MAP, READONLY, "Link to the user itself." },
	{ "options", MAP, READONLY, "Resource options that are set." },
	{ "password_expires_at", STR, READONLY, "When the password expires; null: never." },
	{ "username", STR, READONLY, "The name once more.", .read = "name" },
	{ "extra", MAP, READONLY | HIDDEN,
	  "What Keystone repeats of extra_specs after an update." },
	{ 0 },
};

/* The password of a user that is there: nobody can see it, so it is set or left alone. */
static struct err *expand(struct op *op)
{
	const bool always = json_is_str(json_at(op->want, "update_password"), "always");

	if (!always)
		json_object_object_del(op->want, "password");
	if (always && !json_at(op->want, "password") && strcmp(op->state, "absent") != 0 &&
	    op->out->plan.action == NONE)
		return err_at(err_new(ERR_USAGE, "update_password is 'always', but there is no "
						 "password: give one"),
			      "password");
	return NULL;
}

static const struct attr params[] = {
	{ "domain_id", STR, FILTER, "Only users of this domain.", .option = "domain",
	  .ref = &os_identity_domain },
	{ 0 },
};

static const struct info info = {
	.name = "identity_user_info",
	.doc = "Tell about users.",
	.returns = "users",
	.params = params,
	.missing_is_empty = true,
	.example = "- treenail.openstack.identity_user_info:\n"
		   "    cloud: admin\n"
		   "    domain: Default\n"
		   "    filters: {is_enabled: true}\n"
		   "  register: found\n"
		   "- ansible.builtin.assert:\n"
		   "    that: found.users | length > 0\n",
};

/* ---- in Terraform files ---- */

static const struct tf_attr rule_rows[] = {
	{ "rule", TF_REQUIRED, "", "Login methods that are needed together.",
	  .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name" },
	{ "domain_id", TF_OC },
	{ "default_project_id", TF_OC },
	{ "description" },
	{ "enabled", .value = "true" },
	{ "extra", 0, "extra_specs",
	  "Further attributes, stored beside the others, such as email." },
	{ "password", TF_KEPT, .doc = "Password of the user." },
	{ "ignore_change_password_upon_first_use" },
	{ "ignore_lockout_failure_attempts" },
	{ "ignore_password_expiry" },
	{ "multi_factor_auth_enabled", .doc = "Whether multi_factor_auth_rule holds." },
	{ "multi_factor_auth_rule", TF_BLOCK, "",
	  "One way to log in; any of them will do, if multi_factor_auth_enabled.",
	  .sub = rule_rows },
	{ 0 },
};

/* The mail address has a row of its own in the table, and is part of `extra` here. */
static void want_email(struct json_object *want)
{
	struct json_object *extra = json_at(want, "extra_specs");

	if (!json_has(extra, "email"))
		return;
	json_set(want, "email", json_copy(json_at(extra, "email")));
	json_object_object_del(extra, "email");
}

static struct json_object *rules_of(struct json_object *blocks)
{
	struct json_object *rules = json_object_new_array();

	for (size_t i = 0; i < json_len(blocks); i++)
		json_object_array_add(rules, json_copy(json_at(json_nth(blocks, i), "rule")));
	return rules;
}

static struct err *tf_prepare(struct tf_op *t)
{
	struct json_object *want = t->op->want;

	if (!t->planned)
		return NULL;
	want_email(want);
	if (tf_changed(t, "multi_factor_auth_rule"))
		json_set(want, "multi_factor_auth_rules",
			 rules_of(json_at(t->planned, "multi_factor_auth_rule")));
	/* No password any more: that of the user stays. */
	if (json_empty(json_at(want, "password")))
		json_object_object_del(want, "password");
	else if (t->prior)
		json_sets(want, "update_password", "always");
	return NULL;
}

/* With the mail address; what an update left as null is no attribute any more. */
static struct json_object *extra_of(struct json_object *have, struct json_object *prior)
{
	struct json_object *extra = json_object_new_object();

	json_object_object_foreach(json_at(have, "extra_specs"), key, v) {
		const bool text = json_object_is_type(v, json_type_string);

		if (v)
			json_sets(extra, key,
				  text ? json_object_get_string(v)
				       : json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
	}
	if (json_at(have, "email"))
		json_set(extra, "email", json_copy(json_at(have, "email")));
	if (json_object_object_length(extra))
		return extra;
	json_object_put(extra);
	return json_empty(prior) ? json_copy(prior) : NULL;
}

static struct err *tf_show(struct tf_op *t)
{
	struct json_object *have = t->op->have;
	struct json_object *rules = json_at(have, "multi_factor_auth_rules");
	struct json_object *blocks;

	if (t->planned)
		return NULL;
	json_set(t->state, "extra", extra_of(have, json_at(t->prior, "extra")));
	blocks = json_object_new_array();
	for (size_t i = 0; i < json_len(rules); i++)
		json_object_array_add(blocks, json_wrap("rule", json_copy(json_nth(rules, i))));
	json_set(t->state, "multi_factor_auth_rule", blocks);
	return NULL;
}

static const struct tf_kind identity_user_v3 = {
	.name = "identity_user_v3",
	.doc = "A user, who logs in.",
	.attrs = rows,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_user_v3\" \"clerk\" {\n"
		   "  name                = \"clerk\"\n"
		   "  password_wo         = \"change-me-soon\"\n"
		   "  password_wo_version = 1\n"
		   "  extra               = { email = \"clerk@example.org\" }\n"
		   "\n"
		   "  multi_factor_auth_enabled = true\n"
		   "  multi_factor_auth_rule {\n"
		   "    rule = [\"password\", \"totp\"]\n"
		   "  }\n"
		   "}\n",
};

static const struct tf_attr data_rows[] = {
	{ "name", TF_OC },
	{ "domain_id", TF_OC },
	{ "enabled", TF_OC },
	{ "idp_id", 0, "", "Only a user whom this identity provider knows." },
	{ "protocol_id", 0, "", "Only a user who logs in with this protocol." },
	{ "unique_id", 0, "", "Only the user whom the identity provider calls so." },
	{ "password_expires_at", 0, "",
	  "Only a user whose password expires then, as in lt:2030-01-31T12:00:00Z." },
	{ "default_project_id", TF_COMPUTED },
	{ "description", TF_COMPUTED },
	{ 0 },
};

static struct err *tf_query(struct tf_op *t, struct buf *query)
{
	static const char *const filters[] = { "idp_id", "protocol_id", "unique_id",
					       "password_expires_at" };

	for (size_t i = 0; i < COUNT(filters); i++)
		if (json_str(t->config, filters[i]))
			query_text(query, filters[i], json_str(t->config, filters[i]));
	return NULL;
}

static const struct tf_kind data_user_v3 = {
	.name = "identity_user_v3",
	.what = TF_DATA,
	.doc = "A user who is there already.",
	.attrs = data_rows,
	.query = tf_query,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_user_v3\" \"demo\" {\n"
		   "  name = \"demo\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_user_v3, &data_user_v3, NULL };

const struct resource os_identity_user = {
	.name = "identity_user",
	.doc = "Users, who log in.",
	.service = "identity",
	.path = "/v3/users",
	.key = "user",
	.keys = "users",
	.update = "PATCH",
	.attrs = attrs,
	.expand = expand,
	.info = &info,
	.terraform = terraform,
	.example = "- treenail.openstack.identity_user:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    domain: Default\n"
		   "    password: \"{{ lookup('ansible.builtin.password', '/dev/null') }}\"\n"
		   "    email: example@example.org\n"
		   "    default_project: demo\n"
		   "- treenail.openstack.identity_user:\n"
		   "    cloud: admin\n"
		   "    name: example\n"
		   "    domain: Default\n"
		   "    state: absent\n",
};
