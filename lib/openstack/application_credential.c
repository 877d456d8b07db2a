#include <string.h>
#include <time.h>

#include "resource.h"
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

/* The path says whose they are: nobody has to do with those of others. */
static struct err *find(struct op *op)
{
	const char *name = json_str(op->want, "name"), *user;
	AUTO_BUF query = BUF_INIT;
	AUTO_JSON answer = NULL;
	struct json_object *list;
	struct err *e = op->api->user(op->api, &user);

	if (!e && !*user)
		e = err_new(ERR_USAGE, "the login is no user's, so it can have no credentials");
	if (e)
		return e;
	json_sets(op->want, "user_id", user);
	if (op->id)
		return by_id(op, op->id);
	buf_adds(&query, "?name=");
	buf_addurl(&query, name);
	e = op_call(op, "GET", query.s, NULL, &answer);
	list = json_at(answer, op->r->keys);
	for (size_t i = 0; i < json_len(list) && !op->have; i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			op->have = attrs_decode(attrs, json_nth(list, i));
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

/* If the answer was lost, so was the secret: nobody can ever use that credential. */
static struct err *create(struct op *op)
{
	const char *given = json_str(op->want, "given_secret");
	struct err *e = op_post(op);

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

static const struct attr returned[] = {
	{ "cloud", MAP, READONLY,
	  "When it was just made: the settings of a cloud that logs in with it, as C(cloud) takes "
	  "them." },
	{ 0 },
};

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
