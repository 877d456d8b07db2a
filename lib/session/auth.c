#include "session/auth.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "session/catalog.h"
#include "text.h"

static const struct {
	const char *name;
	const char
		*methods; /* of Keystone; NULL: of the configuration; "": Keystone is not asked */
} auth_types[] = {
	{ "password", "password" },
	{ "v3password", "password" },
	{ "token", "token" },
	{ "v3token", "token" },
	{ "v3applicationcredential", "application_credential" },
	{ "v3totp", "totp" },
	{ "v3multifactor", NULL },
	{ "none", "" },
	{ "admin_token", "" },
	{ "token_endpoint", "" },
};

bool auth_asks(const struct config *c)
{
	for (size_t i = 0; i < COUNT(auth_types); i++)
		if (strcmp(auth_types[i].name, c->auth_type) == 0)
			return !auth_types[i].methods || *auth_types[i].methods;
	return true;
}

static bool token_only(const struct config *c)
{
	return !auth_asks(c) && strcmp(c->auth_type, "none") != 0;
}

/* v3totp -> totp, as multi-factor configurations name their methods. */
static const char *method_name(const char *s)
{
	if (strncmp(s, "v3", 2) == 0)
		s += 2;
	return strcmp(s, "applicationcredential") == 0 ? "application_credential" : s;
}

static bool method_known(const char *s)
{
	return words_have("password token application_credential totp", s);
}

static struct err *methods_configured(const struct config *c, struct json_object *list)
{
	struct json_object *given = json_at(json_at(c->config, "auth"), "auth_methods");
	const char *s = config_auth(c, "auth_methods");

	for (size_t i = 0; i < json_len(given); i++) {
		struct json_object *m = json_nth(given, i);
		const char *name = json_object_is_type(m, json_type_string)
					   ? method_name(json_object_get_string(m))
					   : "";

		json_object_array_add(list, json_object_new_string(name));
	}
	for (; s && *s; s += strcspn(s, ","), s += *s == ',') {
		AUTO_STR word = xstrndup(s, strcspn(s, ","));
		const char *name = words_skip(word);

		json_object_array_add(
			list, json_object_new_string_len(method_name(name),
							 (int)words_len(method_name(name))));
	}
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_object_get_string(json_nth(list, i));

		if (!method_known(name))
			return err_at(err_new(ERR_USAGE,
					      "%s: auth_methods has '%s'; known are v3password, "
					      "v3token, v3totp and v3applicationcredential",
					      c->title, name),
				      "auth");
	}
	if (!json_len(list))
		return err_at(err_new(ERR_USAGE, "%s: v3multifactor needs auth_methods", c->title),
			      "auth");
	return NULL;
}

/* The list of Keystone's methods; empty if Keystone is not asked. */
static struct err *methods_read(const struct config *c, struct json_object **ret)
{
	AUTO_JSON list = json_object_new_array();
	struct err *e = NULL;
	size_t i = 0;

	while (i < COUNT(auth_types) && strcmp(auth_types[i].name, c->auth_type) != 0)
		i++;
	if (i == COUNT(auth_types)) {
		AUTO_BUF known = BUF_INIT;

		for (i = 0; i < COUNT(auth_types); i++)
			buf_addf(&known, "%s%s", i ? ", " : "", auth_types[i].name);
		return err_at(err_new(ERR_USAGE,
				      "%s: auth_type '%s' is not supported; these are: %s",
				      c->title, c->auth_type, known.s),
			      "auth_type");
	}
	if (!auth_types[i].methods)
		e = methods_configured(c, list);
	else if (*auth_types[i].methods)
		json_object_array_add(list, json_object_new_string(auth_types[i].methods));
	if (!e)
		*ret = TAKE(list);
	return e;
}

/* ---- checks ---- */

static struct err *missing(const struct config *c, const char *what)
{
	return err_at(err_new(ERR_USAGE, "%s: auth_type %s needs %s in auth", c->title,
			      c->auth_type, what),
		      "auth");
}

static struct err *user_check(const struct config *c)
{
	if (config_auth(c, "user_id"))
		return NULL;
	if (!config_auth(c, "username"))
		return missing(c, "username or user_id");
	if (!config_auth(c, "user_domain_id") && !config_auth(c, "user_domain_name"))
		return missing(c, "user_domain_name or user_domain_id (the domain of the user)");
	return NULL;
}

static struct err *method_check(const struct config *c, const char *method)
{
	if (strcmp(method, "password") == 0)
		return config_auth(c, "password") ? user_check(c) : missing(c, "password");
	if (strcmp(method, "totp") == 0)
		return config_auth(c, "passcode") ? user_check(c) : missing(c, "passcode");
	if (strcmp(method, "token") == 0)
		return config_auth(c, "token") ? NULL : missing(c, "token");
	if (!config_auth(c, "application_credential_secret"))
		return missing(c, "application_credential_secret");
	if (config_auth(c, "application_credential_id"))
		return NULL;
	return config_auth(c, "application_credential_name")
		       ? user_check(c)
		       : missing(c, "application_credential_id or application_credential_name");
}

static struct err *scope_check(const struct config *c)
{
	const char *system = config_auth(c, "system_scope");
	const bool project = config_auth(c, "project_id") || config_auth(c, "project_name");
	const bool domain = config_auth(c, "domain_id") || config_auth(c, "domain_name");
	const bool trust = config_auth(c, "trust_id") != NULL;

	if (system && strcmp(system, "all") != 0)
		return err_at(err_new(ERR_USAGE, "%s: system_scope must be 'all', not '%s'",
				      c->title, system),
			      "auth");
	if ((system != NULL) + project + domain + trust > 1)
		return err_at(err_new(ERR_USAGE,
				      "%s: auth must name one scope only: a project, a domain, "
				      "system_scope or a trust",
				      c->title),
			      "auth");
	if (config_auth(c, "project_name") && !config_auth(c, "project_id") &&
	    !config_auth(c, "project_domain_id") && !config_auth(c, "project_domain_name"))
		return missing(c, "project_domain_name or project_domain_id (the domain of the "
				  "project)");
	return NULL;
}

static struct err *url_check(const struct config *c, const char *key)
{
	const char *url = config_auth(c, key);

	if (!url)
		return missing(c, key);
	if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
		return NULL;
	return err_at(err_new(ERR_USAGE, "%s: %s '%s' must start with http:// or https://",
			      c->title, key, url),
		      "auth");
}

struct err *auth_check(const struct config *c)
{
	AUTO_JSON methods = NULL;
	struct err *e = methods_read(c, &methods);

	for (size_t i = 0; i < json_len(methods) && !e; i++)
		e = method_check(c, json_object_get_string(json_nth(methods, i)));
	if (e)
		return e;
	if (auth_asks(c)) {
		e = url_check(c, "auth_url");
		/* An application credential carries its own scope. */
		if (!e && !json_is_str(json_nth(methods, 0), "application_credential"))
			e = scope_check(c);
		return e;
	}
	if (config_auth(c, "endpoint"))
		e = url_check(c, "endpoint");
	if (!e && token_only(c) && !config_auth(c, "token"))
		e = missing(c, "token");
	return e;
}

/* ---- the request ---- */

/* {"id": ...} or {"name": ..., "domain": {...}}; NULL if neither is known. */
static struct json_object *ident(const struct config *c, const char *id, const char *name,
				 const char *domain_id, const char *domain_name)
{
	struct json_object *o, *domain;

	if (config_auth(c, id))
		return json_wrap("id", json_object_new_string(config_auth(c, id)));
	if (!config_auth(c, name))
		return NULL;
	o = json_wrap("name", json_object_new_string(config_auth(c, name)));
	domain = domain_id ? ident(c, domain_id, domain_name, NULL, NULL) : NULL;
	if (domain)
		json_set(o, "domain", domain);
	return o;
}

static struct json_object *user_ident(const struct config *c)
{
	return ident(c, "user_id", "username", "user_domain_id", "user_domain_name");
}

static struct json_object *method_data(const struct config *c, const char *method)
{
	struct json_object *o;

	if (strcmp(method, "token") == 0)
		return json_wrap("id", json_object_new_string(config_auth(c, "token")));
	if (strcmp(method, "application_credential") == 0) {
		o = ident(c, "application_credential_id", "application_credential_name", NULL,
			  NULL);
		if (!config_auth(c, "application_credential_id"))
			json_set(o, "user", user_ident(c));
		json_sets(o, "secret", config_auth(c, "application_credential_secret"));
		return o;
	}
	o = user_ident(c);
	if (strcmp(method, "totp") == 0)
		json_sets(o, "passcode", config_auth(c, "passcode"));
	else
		json_sets(o, "password", config_auth(c, "password"));
	return json_wrap("user", o);
}

/* NULL: Keystone decides (the user's default project, or none; the application credential's). */
static struct json_object *scope(const struct config *c)
{
	struct json_object *o;

	if (config_auth(c, "system_scope"))
		return json_wrap("system", json_wrap("all", json_object_new_boolean(true)));
	if (config_auth(c, "trust_id"))
		return json_wrap("OS-TRUST:trust", ident(c, "trust_id", "trust_id", NULL, NULL));
	o = ident(c, "project_id", "project_name", "project_domain_id", "project_domain_name");
	if (o)
		return json_wrap("project", o);
	o = ident(c, "domain_id", "domain_name", NULL, NULL);
	return o ? json_wrap("domain", o) : NULL;
}

struct err *auth_request(const struct config *c, struct json_object **ret)
{
	AUTO_JSON methods = NULL;
	AUTO_JSON what = scope(c);
	struct json_object *identity, *auth;
	struct err *e = methods_read(c, &methods);
	bool scoped = true;

	if (e)
		return e;
	identity = json_object_new_object();
	for (size_t i = 0; i < json_len(methods); i++) {
		const char *m = json_object_get_string(json_nth(methods, i));

		json_set(identity, m, method_data(c, m));
		scoped = scoped && strcmp(m, "application_credential") != 0;
	}
	json_set(identity, "methods", TAKE(methods));
	auth = json_wrap("identity", identity);
	if (scoped && what)
		json_set(auth, "scope", TAKE(what));
	*ret = json_wrap("auth", auth);
	return NULL;
}

char *auth_base(const struct config *c)
{
	const char *url = config_auth(c, "auth_url");
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	AUTO_STR plain = xstrndup(url, len);
	AUTO_STR bare = url_unversioned(plain);
	return xasprintf("%s/v3", bare);
}

static const char *or_none(const char *s)
{
	return s ? s : "";
}

char *auth_identity(const struct config *c)
{
	static const char *const keys[] = {
		"auth_url",
		"user_id",
		"username",
		"user_domain_id",
		"user_domain_name",
		"project_id",
		"project_name",
		"project_domain_id",
		"project_domain_name",
		"domain_id",
		"domain_name",
		"system_scope",
		"trust_id",
		"auth_methods",
		"application_credential_id",
		"application_credential_name",
	};
	AUTO_BUF b = BUF_INIT;
	const char *token = config_auth(c, "token");
	unsigned char digest[SHA256_DIGEST_LENGTH];

	/* Lengths keep neighbours apart: a\nb is not a and b. */
	buf_addf(&b, "treenail login 1\n%s\n", c->auth_type);
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct json_object *v = json_at(json_at(c->config, "auth"), keys[i]);
		AUTO_STR s = v ? json_text(v) : xstrdup("");

		buf_addf(&b, "%s %zu:%s\n", keys[i], strlen(s), s);
	}
	/* What was learnt without looking at certificates is not for those who look. */
	buf_addf(&b, "tls %d %s %s\n", c->insecure, or_none(c->cacert), or_none(c->cert));
	if (token) { /* long and random: its digest tells nothing, and nothing else identifies it */
		(void)SHA256((const unsigned char *)token, strlen(token), digest);
		for (size_t i = 0; i < sizeof(digest); i++)
			buf_addf(&b, "%02x", digest[i]);
	}
	return buf_take(&b);
}

void auth_secret(const struct config *c, struct buf *ret)
{
	static const char *const keys[] = { "password", "application_credential_secret", "token" };

	for (size_t i = 0; i < COUNT(keys); i++)
		if (config_auth(c, keys[i]))
			buf_addf(ret, "%s=%s\n", keys[i], config_auth(c, keys[i]));
	/* A passcode changes by the minute: it counts only where there is nothing better. */
	if (!ret->len && config_auth(c, "passcode"))
		buf_addf(ret, "passcode=%s\n", config_auth(c, "passcode"));
}

static void who_add(const struct config *c, struct buf *b, const char *what, const char *key)
{
	if (config_auth(c, key))
		buf_addf(b, "%s%s '%s'", b->len ? ", " : "", what, config_auth(c, key));
}

char *auth_who(const struct config *c)
{
	AUTO_BUF b = BUF_INIT;

	who_add(c, &b, "application credential", "application_credential_id");
	who_add(c, &b, "application credential", "application_credential_name");
	who_add(c, &b, "user", "username");
	who_add(c, &b, "user ID", "user_id");
	who_add(c, &b, "user domain", "user_domain_name");
	who_add(c, &b, "user domain ID", "user_domain_id");
	who_add(c, &b, "project", "project_name");
	who_add(c, &b, "project ID", "project_id");
	who_add(c, &b, "project domain", "project_domain_name");
	who_add(c, &b, "project domain ID", "project_domain_id");
	who_add(c, &b, "domain", "domain_name");
	who_add(c, &b, "domain ID", "domain_id");
	who_add(c, &b, "system scope", "system_scope");
	if (!b.len)
		buf_addf(&b, "auth_type %s", c->auth_type);
	return buf_take(&b);
}
