#include "resource.h"

extern const struct resource os_project;

static struct err *run(struct op *op)
{
	const char *token;
	struct err *e = op->api->token(op->api, &token);

	if (e)
		return e;
	op->out->extra = json_object_new_object();
	json_sets(op->out->extra, "auth_token", token);
	return NULL;
}

/* Not the token: whoever looks things up keeps what he finds. */
static struct err *list_project(struct op *op, struct json_object **ret)
{
	const char *id;
	AUTO_JSON project = NULL;
	struct err *e = op->api->project(op->api, &id);

	if (!e && !*id)
		return err_new(ERR_NOT_FOUND, "the login is not for a project");
	if (!e)
		e = resource_get(op->api, &os_project, id, &project);
	if (e)
		return e;
	*ret = json_object_new_array();
	json_object_array_add(*ret, attrs_public(os_project.attrs, project));
	return NULL;
}

static const struct attr attrs[] = { { 0 } };

static const struct attr returned[] = {
	{ "auth_token", STR, READONLY | SECRET, "The token, for what else speaks to the cloud." },
	{ 0 },
};

static const struct info lookup = {
	.doc = "The project that the login is for.",
	.no_name = true,
	.no_filters = true,
	.list = list_project,
};

const struct resource os_auth = {
	.name = "auth",
	.doc = "Log in and return the token.",
	.service = "identity",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.lookup = &lookup,
	.example = "- treenail.openstack.auth:\n"
		   "    cloud: demo\n"
		   "  register: login\n"
		   "  no_log: true\n"
		   "- ansible.builtin.assert:\n"
		   "    that: login.auth_token | length > 0\n",
};
