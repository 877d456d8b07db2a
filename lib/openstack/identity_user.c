#include <string.h>

#include "resource.h"

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
