#include <string.h>
#include <time.h>

#include "openstack/shared.h"
#include "terraform.h"
#include "text.h"

extern const struct resource os_identity_role;

static const struct attr role_attrs[] = {
	{ "name", STR, 0, "Name of the role." },
	{ "id", STR, 0, "ID of the role, instead." },
	{ "domain_id", STR, 0, "ID of the domain of the role of that name; none by default." },
	{ 0 },
};

static const struct attr rule_attrs[] = {
	{ "service", STR, REQUIRED, "Type of the service, as in the catalogue." },
	{ "path", STR, REQUIRED,
	  "Path of the request, in which *, ** and {name} stand for parts." },
	{ "method", STR, REQUIRED, "Method of the request: GET, POST, ..." },
	{ "id", STR, READONLY, "ID of the rule." },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | FILTER, "Name of the credential; unique for its user." },
	{ "description", STR, REPLACES, "Free text for people." },
	{ "given_secret", STR, SECRET | CREATE | HIDDEN,
	  "The secret of a new credential; Keystone makes one by default.", .option = "secret",
	  .wire = "secret" },
	{ "roles", SET, REPLACES, "Roles it has; all that the login has by default.",
	  .sub = role_attrs },
	{ "expires_at", STR, REPLACES,
	  "When it ends, in UTC: 2030-01-31T12:00:00; never by default." },
	{ "unrestricted", BOOL, REPLACES,
	  "Whether it may make and delete application credentials and trusts.", .value = "false" },
	{ "access_rules", SET, REPLACES, "The only requests it is good for; all by default.",
	  .sub = rule_attrs },
	{ "id", STR, READONLY, "ID of the credential." },
	{ "secret", STR, READONLY | ONCE, "The secret, when it has just been made." },
	{ "project_id", STR, READONLY, "ID of the project it logs in to." },
	{ "user_id", STR, READONLY, "ID of the user it belongs to." },
	{ "system", STR, READONLY, "The system it logs in to, in place of a project." },
	{ "links", MAP, READONLY, "Link to the credential itself." },
	{ 0 },
};

/* ---- finding ---- */

static struct err *by_id(struct op *op, const char *id)
{
	AUTO_STR tail = xasprintf("/%s", id);
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "GET", tail, NULL, &answer);

	if (e && e->status == 404) {
		err_free(e);
		return NULL;
	}
	if (!e && json_at(answer, op->r->key))
		op->have = attrs_decode(attrs, json_at(answer, op->r->key));
	return e;
}

static bool is_id(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

static struct err *by_name(struct op *op, const char *name)
{
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON answer = NULL;
	struct json_object *list;
	struct err *e;

	buf_adds(&query, "?name=");
	buf_addurl(&query, name);
	e = op_call(op, "GET", query.s, NULL, &answer);
	list = json_at(answer, op->r->keys);
	for (size_t i = 0; i < json_len(list) && !op->have; i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			op->have = attrs_decode(attrs, json_nth(list, i));
	return e;
}

/* The path says whose they are: nobody has to do with those of others. */
static struct err *find(struct op *op)
{
	const char *name = json_str(op->want, "name"), *user;
	struct err *e = op->api->user(op->api, &user);

	if (!e && !*user)
		e = err_new(ERR_USAGE, "the login is no user's, so it can have no credentials");
	if (e)
		return e;
	json_sets(op->want, "user_id", user);
	if (op->id)
		return by_id(op, op->id);
	/* Whoever keeps IDs wants a new one: see make_room(). */
	if (op->keeper && op->out->plan.action == NONE)
		return NULL;
	e = by_name(op, name);
	return e || op->have || !is_id(name) ? e : by_id(op, name);
}

/* ---- comparing ---- */

/*
 * Keystone adds the roles that are implied. Which those are only administrators may ask: these imply
 * each other in every cloud, others must be named, or they are more than was wanted.
 */
static bool implies(struct json_object *roles, const char *name)
{
	static const char ladder[] = "admin manager member reader";

	if (!words_have(ladder, name))
		return false;
	WORDS_EACH(w, ladder) {
		AUTO_STR higher = xstrndup(w, words_len(w));

		if (strcmp(higher, name) == 0)
			break;
		for (size_t i = 0; i < json_len(roles); i++)
			if (json_is_str(json_at(json_nth(roles, i), "name"), higher))
				return true;
	}
	return false;
}

static bool is_wanted(struct json_object *roles, struct json_object *role)
{
	static const struct attr one = { .type = OBJ, .sub = role_attrs };

	for (size_t i = 0; i < json_len(roles); i++)
		if (attr_equal(&one, json_nth(roles, i), role))
			return true;
	return false;
}

/* What it has is what was wanted, if all that is there besides comes with that. */
static bool same_roles(struct json_object *want, struct json_object *have)
{
	AUTO_JSON named = json_object_new_array();
	bool same;

	for (size_t i = 0; i < json_len(have); i++)
		if (is_wanted(want, json_nth(have, i)))
			json_object_array_add(named, json_copy(json_nth(have, i)));
	same = json_len(want) && json_len(named) == json_len(want);
	for (size_t i = 0; i < json_len(have) && same; i++) {
		const char *name = json_str(json_nth(have, i), "name");

		same = is_wanted(want, json_nth(have, i)) || (name && implies(named, name));
	}
	return same;
}

static struct err *expand(struct op *op)
{
	struct json_object *have = json_at(op->have, "roles");

	if (op->out->plan.action == NONE && same_roles(json_at(op->want, "roles"), have))
		json_set(op->want, "roles", json_copy(have));
	return NULL;
}

/* ---- making ---- */

/* 2030-01-31T12:00:00Z as Keystone writes it: 2030-01-31T12:00:00.000000. Anything else is copied. */
static char *keystone_time(const char *s)
{
	struct tm tm = { 0 };
	const char *rest =
		strptime(s, strchr(s, 'T') ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
	const size_t part = rest && *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
	const char *end = rest && part ? rest + 1 + part : rest;

	if (!rest || rest - s != 19 || part > 6 || (*end && strcmp(end, "Z") != 0))
		return xstrdup(s);
	return xasprintf("%.10sT%.8s.%.*s%.*s", s, s + 11, (int)part, part ? rest + 1 : "",
			 (int)(6 - part), "000000");
}

static struct err *prepare(struct op *op)
{
	struct json_object *roles = json_at(op->want, "roles");
	const char *end = json_str(op->want, "expires_at");

	if (end) {
		AUTO_STR text = keystone_time(end);

		json_sets(op->want, "expires_at", text);
	}
	for (size_t i = 0; i < json_len(roles); i++)
		if (!json_str(json_nth(roles, i), "id") && !json_str(json_nth(roles, i), "name"))
			return err_at(err_new(ERR_USAGE, "roles: one has neither name nor id"),
				      "roles");
	return NULL;
}

/* Keystone takes one key: the ID, or the name of a role of no domain. */
static struct err *role_key(struct op *op, struct json_object *role, struct json_object **ret)
{
	const char *id = json_str(role, "id"), *name = json_str(role, "name");
	AUTO_BUF scope = BUF_INIT;
	AUTO_JSON found = NULL;
	struct err *e;

	if (id || !json_str(role, "domain_id")) {
		*ret = json_wrap(id ? "id" : "name", json_object_new_string(id ? id : name));
		return NULL;
	}
	buf_adds(&scope, "domain_id=");
	buf_addurl(&scope, json_str(role, "domain_id"));
	e = resource_find(op->api, &os_identity_role, name, scope.s, &found);
	if (!e && !found)
		e = err_new(ERR_NOT_FOUND, "no role of domain %s is named '%s'",
			    json_str(role, "domain_id"), name);
	if (!e)
		*ret = json_wrap("id", json_copy(json_at(found, "id")));
	return err_at(err_wrap(e, "roles"), "roles");
}

static struct err *body(struct op *op, struct json_object *body)
{
	struct json_object *inner = json_at(body, op->r->key), *roles = json_at(inner, "roles");
	AUTO_JSON keys = json_object_new_array();
	struct err *e = NULL;

	if (!roles)
		return NULL;
	for (size_t i = 0; i < json_len(roles) && !e; i++) {
		struct json_object *key = NULL;

		e = role_key(op, json_nth(roles, i), &key);
		if (key)
			json_object_array_add(keys, key);
	}
	if (!e)
		json_set(inner, "roles", TAKE(keys));
	return e;
}

/*
 * What is there of that name cannot be taken over: nobody knows its secret. If it is what a killed run
 * made, nobody ever will.
 */
static struct err *make_room(struct op *op)
{
	const char *name = json_str(op->want, "name"), *id;
	struct err *e = by_name(op, name);

	if (e || !op->have)
		return e;
	AUTO_JSON there = TAKE(op->have);
	id = json_str(there, "id");
	if (op->keeper->id && id && strcmp(op->keeper->id, id) == 0) {
		AUTO_STR tail = xasprintf("/%s", id);

		return op_call(op, "DELETE", tail, NULL, NULL);
	}
	return err_at(err_new(ERR_CONFLICT,
			      "an application credential is named '%s' already (%s): delete it, or "
			      "choose another name",
			      name, id),
		      "name");
}

/* If the answer was lost, so was the secret: nobody can ever use that credential. */
static struct err *create(struct op *op)
{
	const char *given = json_str(op->want, "given_secret");
	struct err *e = op->keeper ? make_room(op) : NULL;

	if (!e)
		e = op_post(op);
	if (!e && given)
		json_sets(op->have, "secret", given);
	if (e || json_str(op->have, "secret"))
		return e;
	AUTO_STR tail = xasprintf("/%s", op->id);
	e = op_call(op, "DELETE", tail, NULL, NULL);
	if (e)
		return e;
	free(op->out->id);
	op->out->id = NULL;
	op->id = NULL;
	e = op_post(op);
	if (!e && !json_str(op->have, "secret"))
		e = err_new(ERR_PROTOCOL, "its secret never arrived: delete it and make it anew");
	return e;
}

/* What clouds.yaml needs to log in with it: the peer's callers hand it on as `cloud`. */
static struct err *created(struct op *op)
{
	struct json_object *cloud = op->api->settings(op->api), *auth = json_at(cloud, "auth");

	json_sets(auth, "application_credential_id", op->id);
	json_sets(auth, "application_credential_secret", json_str(op->have, "secret"));
	json_sets(cloud, "auth_type", "v3applicationcredential");
	op->out->extra = json_wrap("cloud", cloud);
	return NULL;
}

/*
 * Keystone keeps the access rules of what is gone. Those that no other credential has, it lets us
 * delete.
 */
static struct err *take_away(struct op *op)
{
	struct json_object *rules = json_at(op->have, "access_rules");
	AUTO_STR tail = xasprintf("/%s", op->id);
	struct err *e = op_call(op, "DELETE", tail, NULL, NULL);

	for (size_t i = 0; i < json_len(rules) && !e && op->keeper; i++) {
		AUTO_STR path =
			xasprintf("/v3/users/%s/access_rules/%s", json_str(op->want, "user_id"),
				  json_str(json_nth(rules, i), "id"));

		err_free(other_call(op, op->r->service, "DELETE", path, NULL, NULL));
	}
	return e;
}

static const struct attr returned[] = {
	{ "cloud", MAP, READONLY,
	  "When it was just made: the settings of a cloud that logs in with it, as C(cloud) takes "
	  "them." },
	{ 0 },
};

/* ---- in Terraform files ---- */

static const struct tf_attr rule_rows[] = {
	{ "service", TF_REQUIRED },
	{ "path", TF_REQUIRED },
	{ "method", TF_REQUIRED, .choices = "POST GET HEAD PATCH PUT DELETE" },
	{ "id", TF_COMPUTED },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "description" },
	{ "unrestricted", .value = "false" },
	{ "secret", TF_OC | TF_NEW | TF_KEPT, "given_secret",
	  "The secret; Keystone makes one by default." },
	{ "project_id", TF_COMPUTED },
	{ "roles", TF_OC | TF_NEW, "", "Names of its roles; all that the login has by default.",
	  .type = "[\"set\",\"string\"]" },
	{ "access_rules", TF_BLOCK | TF_SET | TF_NEW, .sub = rule_rows },
	{ "expires_at" },
	{ 0 },
};

/* A secret that is to be kept nowhere is not in the state as the one that was made, either. */
static struct err *tf_plan(struct tf_op *t)
{
	if (json_at(t->config, "secret_wo"))
		json_set(t->planned, "secret", NULL);
	return NULL;
}

static struct json_object *named(struct json_object *names)
{
	struct json_object *roles = json_object_new_array();

	for (size_t i = 0; i < json_len(names); i++)
		json_object_array_add(roles, json_wrap("name", json_copy(json_nth(names, i))));
	return roles;
}

static struct err *tf_prepare(struct tf_op *t)
{
	struct json_object *names = json_at(t->planned, "roles");

	if (!t->prior && !t->calls->has_unknown(names) && json_len(names))
		json_set(t->op->want, "roles", named(names));
	return NULL;
}

static struct json_object *names_of(struct json_object *roles)
{
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; i < json_len(roles); i++)
		json_object_array_add(names, json_copy(json_at(json_nth(roles, i), "name")));
	return names;
}

/* 2030-01-31T12:00:00.000000 as people write it here; what was written already is left. */
static void show_end(struct tf_op *t)
{
	const char *end = json_str(t->op->have, "expires_at");

	if (!end || strlen(end) < 19 || !json_is_str(json_at(t->state, "expires_at"), end))
		return;
	AUTO_STR text = xasprintf("%.19sZ", end);
	json_sets(t->state, "expires_at", text);
}

static struct err *tf_show(struct tf_op *t)
{
	struct json_object *roles = json_at(t->op->have, "roles");
	struct json_object *known = json_at(t->planned ? t->planned : t->prior, "roles");
	AUTO_JSON wanted = named(known);

	if (t->calls->has_unknown(known) || (!t->planned && !same_roles(wanted, roles)))
		json_set(t->state, "roles", names_of(roles));
	if (!t->planned)
		show_end(t);
	else if (!json_at(t->config, "secret_wo") && !json_str(t->state, "secret"))
		json_set(t->state, "secret", json_copy(json_at(t->op->have, "secret")));
	return NULL;
}

static const struct tf_kind identity_application_credential_v3 = {
	.name = "identity_application_credential_v3",
	.doc = "An application credential, with which programs log in as their user.",
	.attrs = rows,
	.plan = tf_plan,
	.prepare = tf_prepare,
	.show = tf_show,
	.example = "resource \"openstack_identity_application_credential_v3\" \"watch\" {\n"
		   "  name  = \"watch\"\n"
		   "  roles = [\"reader\"]\n"
		   "\n"
		   "  access_rules {\n"
		   "    service = \"compute\"\n"
		   "    path    = \"/v2.1/servers\"\n"
		   "    method  = \"GET\"\n"
		   "  }\n"
		   "}\n",
};

static const struct tf_kind *const terraform[] = { &identity_application_credential_v3, NULL };

const struct resource os_application_credential = {
	.name = "application_credential",
	.doc = "Application credentials, with which programs log in as their user.",
	.service = "identity",
	.path = "/v3/users/{user_id}/application_credentials",
	.key = "application_credential",
	.keys = "application_credentials",
	.attrs = attrs,
	.prepare = prepare,
	.find = find,
	.expand = expand,
	.body = body,
	.create = create,
	.created = created,
	.remove = take_away,
	.terraform = terraform,
	.returned = returned,
	.example = "- treenail.openstack.application_credential:\n"
		   "    cloud: demo\n"
		   "    name: example\n"
		   "    roles: [{name: reader}]\n"
		   "    access_rules:\n"
		   "      - {service: compute, path: /v2.1/servers, method: GET}\n"
		   "  register: made\n"
		   "  no_log: true\n"
		   "- treenail.openstack.application_credential:\n"
		   "    cloud: demo\n"
		   "    name: example\n"
		   "    state: absent\n",
};
