#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "session/config.h"
#include "text.h"

/*
 * Options of the auth dict. Outside it (OS_* variables, old files) they mean the same. Where one is
 * in both places of one source, openstacksdk takes the outer one for those marked, else the inner.
 */
static const struct auth_key {
	const char *name;
	const char *old;    /* former names, as in text.h */
	const char *family; /* those of one family say one thing */
	bool outer, secret;
} auth_keys[] = {
	{ "auth_url", "" },
	{ "username", "user_name", "user" },
	{ "user_id", "", "user" },
	{ "password", "", NULL, false, true },
	{ "user_domain_id", "", "user_domain", true },
	{ "user_domain_name", "", "user_domain", true },
	{ "project_id", "tenant_id", "project", true },
	{ "project_name", "tenant_name", "project", true },
	{ "project_domain_id", "", "project_domain", true },
	{ "project_domain_name", "", "project_domain", true },
	{ "domain_id", "", "domain", true },
	{ "domain_name", "", "domain", true },
	{ "default_domain_id", "default_domain", "default_domain" },
	{ "default_domain_name", "", "default_domain" },
	{ "system_scope", "" },
	{ "trust_id", "" },
	{ "token", "auth_token", NULL, true, true },
	{ "passcode", "", NULL, true, true },
	{ "application_credential_id", "", "application_credential" },
	{ "application_credential_name", "", "application_credential" },
	{ "application_credential_secret", "", NULL, false, true },
	{ "endpoint", "url" },
	{ "auth_methods", "" },
};

static const struct {
	const char *old, *name;
} renamed[] = {
	{ "validate_certs", "verify" }, { "ca_cert", "cacert" },
	{ "client_cert", "cert" },      { "client_key", "key" },
	{ "auth_plugin", "auth_type" }, { "endpoint_type", "interface" },
};

bool auth_key_secret(const char *key)
{
	for (size_t i = 0; i < COUNT(auth_keys); i++)
		if (strcmp(auth_keys[i].name, key) == 0)
			return auth_keys[i].secret;
	return false;
}

static const struct auth_key *auth_key(const char *name)
{
	for (size_t i = 0; i < COUNT(auth_keys); i++)
		if (strcmp(auth_keys[i].name, name) == 0 || words_have(auth_keys[i].old, name))
			return &auth_keys[i];
	return NULL;
}

/* A key's present name; `api-version` and os_ from Python's habits included. */
static char *key_name(const char *key)
{
	char *name = xstrdup(strncmp(key, "os_", 3) == 0 ? key + 3 : key);
	const char *old = "_endpoint_type";
	const size_t len = strlen(name);

	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	for (size_t i = 0; i < COUNT(renamed); i++) {
		if (strcmp(name, renamed[i].old) != 0)
			continue;
		free(name);
		return xstrdup(renamed[i].name);
	}
	if (len > strlen(old) && strcmp(name + len - strlen(old), old) == 0)
		memcpy(name + len - strlen(old), "_interface", sizeof("_interface"));
	return name;
}

/* Strings and booleans stay, numbers become strings: nothing in here is counted with. */
static struct json_object *plain(struct json_object *v)
{
	if (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double))
		return json_copy(v);
	AUTO_STR s = json_text(v);
	return json_object_new_string(s);
}

static struct json_object *string_of(struct json_object *v)
{
	AUTO_STR s = json_text(v);
	struct json_object *o = json_object_new_string(s);

	OPENSSL_cleanse(s, strlen(s));
	return o;
}

static struct err *flag(const char *where, const char *key, struct json_object *v, bool *ret)
{
	AUTO_STR s = json_text(v);
	const bool yes = strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0 ||
			 strcasecmp(s, "on") == 0 || strcmp(s, "1") == 0;

	if (!yes && strcasecmp(s, "false") != 0 && strcasecmp(s, "no") != 0 &&
	    strcasecmp(s, "off") != 0 && strcmp(s, "0") != 0)
		return err_at(
			err_new(ERR_USAGE, "%s.%s must be true or false, not '%s'", where, key, s),
			key);
	*ret = yes;
	return NULL;
}

/* `insecure` and `verify` are one setting; `insecure` wins within a source. */
static struct err *verify_set(struct json_object *layer, const char *where)
{
	struct json_object *insecure = json_at(layer, "insecure");
	struct json_object *verify = json_at(layer, "verify");
	const char *path = json_str(layer, "verify");
	bool yes = true, off = false;
	struct err *e = NULL;

	if (!insecure && !verify)
		return NULL;
	if (path && (*path == '/' || *path == '~')) /* requests takes a CA file here */
		json_sets(layer, "cacert", path);
	else if (verify)
		e = flag(where, "verify", verify, &yes);
	if (!e && insecure)
		e = flag(where, "insecure", insecure, &off);
	if (e)
		return e;
	json_object_object_del(layer, "insecure");
	json_set(layer, "verify", json_object_new_boolean(yes && !off));
	return NULL;
}

static struct err *auth_set(struct json_object *auth, const char *where, const struct auth_key *k,
			    struct json_object *v, bool old)
{
	const bool list = json_object_is_type(v, json_type_array);

	if (json_object_is_type(v, json_type_object) ||
	    (list && strcmp(k->name, "auth_methods") != 0))
		return err_at(err_new(ERR_USAGE, "%s.auth.%s must be a string, not %s", where,
				      k->name, json_type_words(v)),
			      "auth");
	if (old && json_has(auth, k->name))
		return NULL;
	json_set(auth, k->name, list ? json_copy(v) : string_of(v));
	return NULL;
}

static struct err *auth_inner(struct json_object *raw, const char *where, struct json_object *auth)
{
	if (!json_object_is_type(raw, json_type_object))
		return err_at(err_new(ERR_USAGE, "%s.auth must be a dictionary, not %s", where,
				      json_type_words(raw)),
			      "auth");
	json_object_object_foreach(raw, key, v) {
		AUTO_STR name = key_name(key);
		const struct auth_key *k = auth_key(name);
		struct err *e = NULL;

		if (json_empty(v))
			continue;
		if (k)
			e = auth_set(auth, where, k, v, strcmp(k->name, name) != 0);
		else
			json_set(auth, name, plain(v));
		if (e)
			return e;
	}
	return NULL;
}

static struct err *auth_outer(struct json_object *raw, const char *where, struct json_object *auth)
{
	AUTO_JSON outer = json_object_new_object();

	json_object_object_foreach(raw, key, v) {
		AUTO_STR name = key_name(key);
		const struct auth_key *k = auth_key(name);
		struct err *e;

		if (!k || json_empty(v) || (json_has(auth, k->name) && !k->outer))
			continue;
		e = auth_set(outer, where, k, v, strcmp(k->name, name) != 0);
		if (e)
			return e;
	}
	json_object_object_foreach(outer, outer_key, outer_value)
		json_set(auth, outer_key, json_object_get(outer_value));
	return NULL;
}

struct err *layer_new(struct json_object *raw, const char *where, struct json_object **ret)
{
	AUTO_JSON layer = json_object_new_object();
	struct json_object *auth;
	struct err *e = NULL;

	if (raw && !json_object_is_type(raw, json_type_object))
		return err_new(ERR_USAGE, "%s must be a dictionary, not %s", where,
			       json_type_words(raw));
	auth = json_object_new_object();
	json_set(layer, "auth", auth);
	if (raw && json_at(raw, "auth"))
		e = auth_inner(json_at(raw, "auth"), where, auth);
	if (raw && !e)
		e = auth_outer(raw, where, auth);
	if (raw && !e) {
		json_object_object_foreach(raw, key, v) {
			AUTO_STR name = key_name(key);

			if (json_empty(v) || auth_key(name) || strcmp(name, "auth") == 0)
				continue;
			if (strcmp(name, key) == 0 || !json_has(layer, name))
				json_set(layer, name, plain(v));
		}
		e = verify_set(layer, where);
	}
	if (!e)
		*ret = TAKE(layer);
	return e;
}

/* ---- merging ---- */

static void family_drop(struct json_object *auth, const char *family)
{
	for (size_t i = 0; i < COUNT(auth_keys); i++)
		if (auth_keys[i].family && strcmp(auth_keys[i].family, family) == 0)
			json_object_object_del(auth, auth_keys[i].name);
}

static bool family_has(struct json_object *auth, const char *family)
{
	for (size_t i = 0; i < COUNT(auth_keys); i++)
		if (auth_keys[i].family && strcmp(auth_keys[i].family, family) == 0 &&
		    json_has(auth, auth_keys[i].name))
			return true;
	return false;
}

/* Scopes exclude each other: the outer layer's replaces the inner one's. */
static void scope_drop(struct json_object *auth, struct json_object *over)
{
	const bool system = json_has(over, "system_scope");
	const bool trust = json_has(over, "trust_id");

	if (!system && !trust && !family_has(over, "project"))
		return;
	json_object_object_del(auth, "system_scope");
	json_object_object_del(auth, "trust_id");
	if (system || trust) {
		family_drop(auth, "project");
		family_drop(auth, "project_domain");
		family_drop(auth, "domain");
	}
}

void layer_add(struct json_object *into, struct json_object *over)
{
	struct json_object *auth = json_at(into, "auth");
	struct json_object *auth_over = json_at(over, "auth");

	if (auth && auth_over) {
		for (size_t i = 0; i < COUNT(auth_keys); i++)
			if (auth_keys[i].family && json_has(auth_over, auth_keys[i].name))
				family_drop(auth, auth_keys[i].family);
		scope_drop(auth, auth_over);
	}
	json_object_object_foreach(over, key, v) {
		if (auth && strcmp(key, "auth") == 0) {
			json_object_object_foreach(v, inner_key, inner)
				json_set(auth, inner_key, json_copy(inner));
		} else {
			json_set(into, key, json_copy(v));
		}
	}
}

/* ---- finishing ---- */

static void domain_default(struct json_object *auth, const char *family, const char *from)
{
	for (size_t i = 0; i < 2 && !family_has(auth, family); i++) {
		AUTO_STR source = xasprintf("%s_%s", from, i ? "name" : "id");
		AUTO_STR target = xasprintf("%s_%s", family, i ? "name" : "id");

		if (json_has(auth, source))
			json_sets(auth, target, json_str(auth, source));
	}
}

static void domains_finish(struct json_object *auth)
{
	const bool project = family_has(auth, "project");

	if (project) { /* a domain beside a project is no scope but short for both domains */
		domain_default(auth, "user_domain", "domain");
		domain_default(auth, "project_domain", "domain");
		family_drop(auth, "domain");
	}
	domain_default(auth, "user_domain", "default_domain");
	if (project)
		domain_default(auth, "project_domain", "default_domain");
	family_drop(auth, "default_domain");
}

/* {region_name} and the like, as vendors' profiles have them in URLs. */
static char *expand(const char *s, struct json_object *config)
{
	AUTO_BUF b = BUF_INIT;

	while (*s) {
		const size_t len = *s == '{' ? strcspn(s, "}") : 0;
		AUTO_STR name = xstrndup(s + 1, len ? len - 1 : 0);
		const char *v = len && s[len] && !strchr(name, '.') ? json_str(config, name) : NULL;

		if (v) {
			buf_adds(&b, v);
			s += len + 1;
		} else {
			(void)buf_add(&b, s++, 1);
		}
	}
	return buf_take(&b);
}

static bool is_endpoint(const char *key)
{
	const char *end = strstr(key, "_endpoint");

	return end && (!end[9] || strcmp(end + 9, "_override") == 0);
}

void layer_finish(struct json_object *config)
{
	struct json_object *auth = json_at(config, "auth");
	AUTO_JSON urls = json_object_new_object();

	domains_finish(auth);
	json_object_object_foreach(config, key, v) {
		if (is_endpoint(key) && json_object_is_type(v, json_type_string) &&
		    strchr(json_object_get_string(v), '{'))
			json_set(urls, key, json_object_get(v));
	}
	json_object_object_foreach(urls, url_key, url) {
		AUTO_STR s = expand(json_object_get_string(url), config);

		json_sets(config, url_key, s);
	}
	if (json_str(auth, "auth_url")) {
		AUTO_STR s = expand(json_str(auth, "auth_url"), config);

		json_sets(auth, "auth_url", s);
	}
}
