#include "terraform.h"

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

/* ---- in Terraform files: what the login is for ---- */

#define ROLES_TYPE "[\"list\",[\"object\",{\"role_id\":\"string\",\"role_name\":\"string\"}]]"
#define CATALOG_TYPE                                                                                   \
	"[\"list\",[\"object\",{\"endpoints\":[\"list\",[\"object\",{\"id\":\"string\",\"interface\":" \
	"\"string\",\"region\":\"string\",\"region_id\":\"string\",\"url\":\"string\"}]],\"id\":"      \
	"\"string\",\"name\":\"string\",\"type\":\"string\"}]]"

/* What a token tells, where it tells so. */
static const struct {
	const char *row, *path;
} told[] = {
	{ "user_id", "user.id" },
	{ "user_name", "user.name" },
	{ "user_domain_id", "user.domain.id" },
	{ "user_domain_name", "user.domain.name" },
	{ "domain_id", "domain.id" },
	{ "domain_name", "domain.name" },
	{ "project_id", "project.id" },
	{ "project_name", "project.name" },
	{ "project_domain_id", "project.domain.id" },
	{ "project_domain_name", "project.domain.name" },
};

#define SCOPE_ROWS                                                                                \
	{ "user_id", TF_COMPUTED, "", "ID of the user." },                                        \
		{ "user_name", TF_COMPUTED, "", "Name of the user." },                            \
		{ "user_domain_id", TF_COMPUTED, "", "ID of the user's domain." },                \
		{ "user_domain_name", TF_COMPUTED, "", "Name of the user's domain." },            \
		{ "domain_id", TF_COMPUTED, "", "ID of the domain, if the login is for one." },   \
		{ "domain_name", TF_COMPUTED, "", "Name of that domain." },                       \
		{ "project_id", TF_COMPUTED, "", "ID of the project, if the login is for one." }, \
		{ "project_name", TF_COMPUTED, "", "Name of that project." },                     \
		{ "project_domain_id", TF_COMPUTED, "", "ID of the project's domain." },          \
		{ "project_domain_name", TF_COMPUTED, "", "Name of the project's domain." },      \
		{ "roles", TF_COMPUTED, "", "Roles of the user there.", .type = ROLES_TYPE },     \
	{                                                                                         \
		"service_catalog", TF_COMPUTED, "", "The services, and where they are.",          \
			.type = CATALOG_TYPE                                                      \
	}

static const struct tf_attr scope_rows[] = {
	{ "name", TF_REQUIRED, "", "Any name; it becomes the ID." },
	{ "set_token_id", 0, "", "Refused: a token does not belong into a state.",
	  .type = "\"bool\"" },
	{ "token_id", TF_COMPUTED | TF_SENSITIVE, "", "Always null; see the ephemeral resource." },
	SCOPE_ROWS,
	{ 0 },
};

static const struct tf_attr ephemeral_rows[] = {
	{ "name", TF_REQUIRED, "", "Any name." },
	{ "token_id", TF_COMPUTED | TF_SENSITIVE, "", "The token." },
	SCOPE_ROWS,
	{ 0 },
};

/* {"id": x} -> {"role_id": x}: the keys of `from` by the names of `to`, in the same order. */
static struct json_object *renamed(struct json_object *list, const char *const *from,
				   const char *const *to)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_new_object();

		for (size_t k = 0; from[k]; k++)
			json_sets(o, to[k], json_str(json_nth(list, i), from[k]));
		json_object_array_add(ret, o);
	}
	return ret;
}

static struct json_object *catalog_of(struct json_object *wire)
{
	static const char *const service[] = { "id", "name", "type", NULL };
	static const char *const endpoint[] = { "id",        "interface", "region",
						"region_id", "url",       NULL };
	struct json_object *ret = renamed(wire, service, service);

	for (size_t i = 0; i < json_len(ret); i++)
		json_set(json_nth(ret, i), "endpoints",
			 renamed(json_at(json_nth(wire, i), "endpoints"), endpoint, endpoint));
	return ret;
}

static struct err *open_scope(struct tf_op *t)
{
	static const char *const role[] = { "id", "name", NULL };
	static const char *const role_row[] = { "role_id", "role_name", NULL };
	struct op *op = t->op;
	AUTO_JSON answer = NULL;
	struct err *e = op_request(op,
				   &(struct request){ .method = "GET",
						      .service = "identity",
						      .path = "/v3/auth/tokens",
						      .about_token = true },
				   &answer);
	struct json_object *token = json_at(answer, "token");

	if (e)
		return e;
	for (size_t i = 0; i < COUNT(told); i++)
		json_sets(t->state, told[i].row, json_str(token, told[i].path));
	json_set(t->state, "roles", renamed(json_at(token, "roles"), role, role_row));
	json_set(t->state, "service_catalog", catalog_of(json_at(token, "catalog")));
	return NULL;
}

static struct err *open_data(struct tf_op *t)
{
	if (json_truth(t->config, "set_token_id", false))
		return err_at(
			err_new(ERR_USAGE,
				"set_token_id: a state is no place for a token; the ephemeral "
				"resource openstack_identity_auth_scope_v3 has it as token_id"),
			"set_token_id");
	json_sets(t->state, "id", json_str(t->config, "name"));
	return open_scope(t);
}

static struct err *open_ephemeral(struct tf_op *t)
{
	const char *token;
	struct err *e = open_scope(t);

	if (!e)
		e = t->op->api->token(t->op->api, &token);
	if (!e)
		json_sets(t->state, "token_id", token);
	return e;
}

static const struct tf_kind data_auth_scope_v3 = {
	.name = "identity_auth_scope_v3",
	.what = TF_DATA,
	.doc = "Who is logged in, for what, with which roles, and the services there are.",
	.attrs = scope_rows,
	.open = open_data,
	.example = "data \"openstack_identity_auth_scope_v3\" \"me\" {\n"
		   "  name = \"me\"\n"
		   "}\n",
};

static const struct tf_kind ephemeral_auth_scope_v3 = {
	.name = "identity_auth_scope_v3",
	.what = TF_EPHEMERAL,
	.doc = "A token, for what else speaks to the cloud; kept in neither plan nor state.",
	.attrs = ephemeral_rows,
	.open = open_ephemeral,
	.example = "ephemeral \"openstack_identity_auth_scope_v3\" \"me\" {\n"
		   "  name = \"me\"\n"
		   "}\n",
};

/* ---- in Terraform files: services and their endpoints ---- */

static const struct attr service_attrs[] = {
	{ "id", STR, READONLY, "ID of the service." },
	{ "name", STR, FILTER, "Name of the service." },
	{ "type", STR, FILTER, "Type of the service, such as compute." },
	{ "enabled", BOOL, 0, "Whether the catalogue has it." },
	{ "description", STR, 0, "Free text for people." },
	{ 0 },
};

static const struct resource service = {
	.name = "service",
	.service = "identity",
	.path = "/v3/services",
	.key = "service",
	.keys = "services",
	.attrs = service_attrs,
};

static const struct tf_attr service_rows[] = {
	{ "name", TF_OC },
	{ "type", TF_OC },
	{ "enabled", TF_OC },
	{ "description", TF_COMPUTED },
	{ 0 },
};

static const struct tf_kind data_service_v3 = {
	.name = "identity_service_v3",
	.what = TF_DATA,
	.of = &service,
	.doc = "A service of the cloud.",
	.attrs = service_rows,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_service_v3\" \"compute\" {\n"
		   "  type = \"compute\"\n"
		   "}\n",
};

static const struct attr endpoint_attrs[] = {
	{ "id", STR, READONLY, "ID of the endpoint." },
	{ "name", STR, 0, "Name of the endpoint." },
	{ "service_id", STR, FILTER, "ID of its service." },
	{ "interface", STR, FILTER, "Who it is for.", .choices = "public internal admin" },
	{ "region_id", STR, FILTER, "Region it is in." },
	{ "url", STR, 0, "URL of the service there." },
	{ 0 },
};

static const struct resource endpoint = {
	.name = "endpoint",
	.service = "identity",
	.path = "/v3/endpoints",
	.key = "endpoint",
	.keys = "endpoints",
	.flags = LIST_ONLY,
	.attrs = endpoint_attrs,
};

static const struct tf_attr endpoint_rows[] = {
	{ "name", TF_OC },
	{ "service_id", TF_OC },
	{ "service_name", TF_OC, "", "Name of its service." },
	{ "service_type", TF_OC, "", "Type of its service." },
	{ "interface", TF_OC, .doc = "Who it is for: public by default, internal or admin." },
	{ "endpoint_region", TF_OC, "region_id" },
	{ "url", TF_COMPUTED },
	{ 0 },
};

static struct err *endpoint_query(struct tf_op *t, struct buf *query)
{
	if (!json_at(t->config, "interface"))
		query_text(query, "interface", "public");
	return NULL;
}

static struct json_object *with_id(struct json_object *list, const char *id)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "id"), id))
			return json_nth(list, i);
	return NULL;
}

static bool service_fits(struct json_object *config, struct json_object *one)
{
	const char *name = json_str(config, "service_name"),
		   *type = json_str(config, "service_type");

	return one && (!name || json_is_str(json_at(one, "name"), name)) &&
	       (!type || json_is_str(json_at(one, "type"), type));
}

/* Endpoints know their services by ID only. */
static struct err *endpoint_select(struct tf_op *t, struct json_object **list)
{
	struct json_object *some = json_object_new_array();
	AUTO_JSON services = NULL;
	struct err *e = resource_list(t->op->api, &service, NULL, NULL, &services);

	for (size_t i = 0; i < json_len(*list) && !e; i++) {
		struct json_object *one = json_nth(*list, i);
		struct json_object *of = with_id(services, json_str(one, "service_id"));

		if (!service_fits(t->config, of))
			continue;
		json_set(one, "service_name", json_copy(json_at(of, "name")));
		json_set(one, "service_type", json_copy(json_at(of, "type")));
		json_object_array_add(some, json_object_get(one));
	}
	json_object_put(*list);
	*list = some;
	return e;
}

static struct err *endpoint_show(struct tf_op *t)
{
	json_set(t->state, "service_name", json_copy(json_at(t->op->have, "service_name")));
	json_set(t->state, "service_type", json_copy(json_at(t->op->have, "service_type")));
	return NULL;
}

static const struct tf_kind data_endpoint_v3 = {
	.name = "identity_endpoint_v3",
	.what = TF_DATA,
	.of = &endpoint,
	.doc = "Where a service of the cloud is.",
	.attrs = endpoint_rows,
	.query = endpoint_query,
	.select = endpoint_select,
	.show = endpoint_show,
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"admin\"\n"
		   "}\n"
		   "\n"
		   "data \"openstack_identity_endpoint_v3\" \"compute\" {\n"
		   "  service_type    = \"compute\"\n"
		   "  endpoint_region = \"RegionOne\"\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &data_auth_scope_v3, &ephemeral_auth_scope_v3,
						   &data_service_v3, &data_endpoint_v3, NULL };

const struct resource os_auth = {
	.name = "auth",
	.doc = "Log in and return the token.",
	.service = "identity",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.lookup = &lookup,
	.terraform = terraform,
	.example = "- treenail.openstack.auth:\n"
		   "    cloud: demo\n"
		   "  register: login\n"
		   "  no_log: true\n"
		   "- ansible.builtin.assert:\n"
		   "    that: login.auth_token | length > 0\n",
};
