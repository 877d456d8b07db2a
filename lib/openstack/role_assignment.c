#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

extern const struct resource os_identity_domain, os_identity_group, os_identity_role,
	os_identity_user, os_project;

#define INHERITED "scope.OS-INHERIT:inherited_to"

/* ---- what Keystone tells ---- */

static struct json_object *encode_system(struct json_object *value)
{
	(void)value;
	return json_wrap("all", json_object_new_boolean(true));
}

static struct json_object *decode_system(struct json_object *wire)
{
	return json_truth(wire, "scope.system.all", false) ? json_object_new_string("all") : NULL;
}

static struct json_object *encode_inherited(struct json_object *value)
{
	return json_object_get_boolean(value) ? json_object_new_string("projects") : NULL;
}

static struct json_object *decode_inherited(struct json_object *wire)
{
	return json_object_new_boolean(json_is_str(json_at(wire, INHERITED), "projects"));
}

/* Keystone has none: all that says which assignment it is. */
static struct json_object *decode_id(struct json_object *wire)
{
	static const char *const parts[] = { "scope.domain.id", "scope.project.id", "group.id",
					     "user.id", "role.id" };
	AUTO_BUF id = BUF_INIT;

	if (!json_str(wire, "role.id"))
		return NULL;
	for (size_t i = 0; i < COUNT(parts); i++) {
		const char *part = json_str(wire, parts[i]);

		buf_addf(&id, "%s%s", i ? "/" : "", part ? part : "");
	}
	if (json_truth(wire, "scope.system.all", false))
		buf_adds(&id, "/all");
	if (json_is_str(json_at(wire, INHERITED), "projects"))
		buf_adds(&id, "/inherited");
	return json_object_new_string(id.s);
}

/* ---- the table ---- */

/* What only says where to look a name up. */
#define DOMAIN_OF (IDENTITY | CREATE | HIDDEN)

static const struct attr attrs[] = {
	{ "domain_id", STR, IDENTITY | FIXED,
	  "Domain the role is given on; with O(project), only where to look names up.",
	  .option = "domain", .wire = "scope.domain.id", .ref = &os_identity_domain },
	{ "role_domain", STR, DOMAIN_OF, "Domain of the role; none by default.",
	  .ref = &os_identity_domain },
	{ "user_domain", STR, DOMAIN_OF, "Domain of the user; O(domain) by default.",
	  .ref = &os_identity_domain },
	{ "group_domain", STR, DOMAIN_OF, "Domain of the group; O(domain) by default.",
	  .ref = &os_identity_domain },
	{ "project_domain", STR, DOMAIN_OF, "Domain of the project; O(domain) by default.",
	  .ref = &os_identity_domain },
	{ "role_id", STR, REQUIRED | IDENTITY | FIXED, "Role to give.", .option = "role",
	  .wire = "role.id", .ref = &os_identity_role, .within = "role_domain" },
	{ "user_id", STR, IDENTITY | FIXED, "User who gets it.", .option = "user",
	  .wire = "user.id", .ref = &os_identity_user, .within = "user_domain" },
	{ "group_id", STR, IDENTITY | FIXED, "Group whose users get it.", .option = "group",
	  .wire = "group.id", .ref = &os_identity_group, .within = "group_domain" },
	{ "project_id", STR, IDENTITY | FIXED, "Project the role is given on.", .option = "project",
	  .wire = "scope.project.id", .ref = &os_project, .within = "project_domain" },
	{ "system", STR, IDENTITY | FIXED,
	  "all: the role is given on the whole cloud; not looked at with O(domain).",
	  .wire = "scope.system", .choices = "all", .encode = encode_system,
	  .decode = decode_system },
	{ "inherited", BOOL, IDENTITY | FIXED,
	  "Whether the role is given on all projects below O(project) or O(domain), instead.",
	  .wire = INHERITED, .value = "false", .encode = encode_inherited,
	  .decode = decode_inherited },
	{ "id", STR, READONLY, "Domain, project, group, user and role, each by its ID.",
	  .decode = decode_id },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "user group" },
	{ ONE_OF, "user group" },
	{ EXCLUSIVE, "project system" },
	{ ONE_OF, "domain project system" },
	{ 0 },
};

/* ---- hooks ---- */

/* A project has precedence over a domain, and that over the system: the rest is no target. */
static struct err *prepare(struct op *op)
{
	static const char *const domains[] = { "user_domain", "group_domain", "project_domain" };
	struct json_object *domain = json_at(op->want, "domain_id");

	if (json_truth(op->want, "inherited", false) && !domain && json_at(op->want, "system"))
		return err_at(err_new(ERR_USAGE, "no role on the system can be inherited: give a "
						 "domain or a project"),
			      "inherited");
	if (!domain)
		return NULL;
	for (size_t i = 0; i < COUNT(domains); i++)
		if (!json_at(op->want, domains[i]))
			json_set(op->want, domains[i], json_copy(domain));
	json_object_object_del(op->want, json_at(op->want, "project_id") ? "domain_id" : "system");
	return NULL;
}

static void add_id(struct buf *path, const char *kind, const char *id)
{
	buf_addf(path, "/%s/", kind);
	buf_addurl(path, id);
}

/* GET, PUT and DELETE of the grant itself. */
static struct err *grant(struct op *op, const char *method, struct json_object *o)
{
	const char *project = json_str(o, "project_id"), *domain = json_str(o, "domain_id");
	const char *user = json_str(o, "user_id");
	const bool inherited = json_truth(o, "inherited", false);
	AUTO_BUF path = BUF_INIT;

	buf_adds(&path, inherited ? "/v3/OS-INHERIT" : "/v3");
	if (project)
		add_id(&path, "projects", project);
	else if (domain)
		add_id(&path, "domains", domain);
	else
		buf_adds(&path, "/system");
	add_id(&path, user ? "users" : "groups", user ? user : json_str(o, "group_id"));
	add_id(&path, "roles", json_str(o, "role_id"));
	if (inherited)
		buf_adds(&path, "/inherited_to_projects");
	return other_call(op, op->r->service, method, path.s, NULL, NULL);
}

/* Nothing is ever told of it but that it is there. */
static void take(struct op *op)
{
	AUTO_JSON wire = attrs_encode(attrs, op->want, NULL);

	op->have = attrs_decode(attrs, wire);
}

/* Lists of assignments may be out of date: Keystone caches them, past what changes on the system. */
static struct err *find(struct op *op)
{
	struct err *e = grant(op, "GET", op->want);

	if (e && e->status == 404) {
		err_free(e);
		return NULL;
	}
	if (!e)
		take(op);
	return e;
}

static struct err *create(struct op *op)
{
	struct err *e = grant(op, "PUT", op->want);

	if (e)
		return e;
	take(op);
	op_created(op, json_str(op->have, "id"));
	return NULL;
}

static struct err *take_away(struct op *op)
{
	return grant(op, "DELETE", op->have);
}

/* ---- in Terraform files ---- */

static const struct tf_attr rows[] = {
	{ "domain_id", .doc = "Domain the role is given on." },
	{ "project_id" },
	{ "user_id" },
	{ "group_id" },
	{ "role_id", TF_REQUIRED },
	{ 0 },
};

static const struct rule tf_rules[] = {
	{ EXCLUSIVE, "user_id group_id" },
	{ ONE_OF, "user_id group_id" },
	{ EXCLUSIVE, "project_id domain_id" },
	{ ONE_OF, "project_id domain_id" },
	{ 0 },
};

static const struct tf_kind identity_role_assignment_v3 = {
	.name = "identity_role_assignment_v3",
	.doc = "A role that a user or a group has on a project or a domain.",
	.attrs = rows,
	.rules = tf_rules,
	.flags = TF_NO_ADOPT,
	.id = "{domain_id}/{project_id}/{group_id}/{user_id}/{role_id}",
	.import_doc = "IDs of domain, project, group, user and role, with / between them; what "
		      "there is none of stays empty, as in "
		      "/PROJECT//USER/ROLE.",
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_user_v3\" \"demo\" {\n"
		   "  name = \"demo\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_role_v3\" \"reader\" {\n"
		   "  name = \"reader\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_project_v3\" \"shop\" {\n"
		   "  name = \"shop\"\n"
		   "}\n"
		   "\n"
		   "resource \"openstack_identity_role_assignment_v3\" \"demo\" {\n"
		   "  user_id    = data.openstack_identity_user_v3.demo.id\n"
		   "  project_id = openstack_identity_project_v3.shop.id\n"
		   "  role_id    = data.openstack_identity_role_v3.reader.id\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_role_assignment_v3, NULL };

const struct resource os_role_assignment = {
	.name = "role_assignment",
	.doc = "Give a user or a group a role on a project, a domain or the system.",
	.service = "identity",
	.path = "/v3/role_assignments",
	.key = "role_assignment",
	.keys = "role_assignments",
	.flags = NO_NAME,
	.attrs = attrs,
	.rules = rules,
	.prepare = prepare,
	.find = find,
	.create = create,
	.remove = take_away,
	.terraform = terraform,
	.example = "- treenail.openstack.role_assignment:\n"
		   "    cloud: admin\n"
		   "    user: demo\n"
		   "    role: reader\n"
		   "    project: admin\n"
		   "- treenail.openstack.role_assignment:\n"
		   "    cloud: admin\n"
		   "    user: demo\n"
		   "    role: reader\n"
		   "    project: admin\n"
		   "    state: absent\n",
};
