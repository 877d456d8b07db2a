#include "session/config.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "file.h"
#include "json.h"
#include "text.h"

/* What the answer is made of, while it is being made. */
struct sources {
	struct json_object *options; /* normalised later; a dict of ours */
	struct json_object *files;   /* clouds.yaml with secure.yaml over it; may be NULL */
	char *path, *secure_path;    /* NULL: there is none */
	struct json_object *env;     /* NULL: no OS_* variables */
	const char *env_name;        /* the name of the cloud made of them */
};

static void sources_release(struct sources *s)
{
	json_wipe(s->options);
	json_wipe(s->files);
	json_wipe(s->env);
	json_object_put(s->options);
	json_object_put(s->files);
	json_object_put(s->env);
	free(s->path);
	free(s->secure_path);
}
#define AUTO_SOURCES CLEANUP(sources_release) struct sources

/* ---- options ---- */

static const char option_names[] =
	"auth auth_type region_name interface endpoint_type validate_certs verify ca_cert cacert "
	"client_cert cert client_key key api_timeout";

/* Where a service is to be found may be said of any. */
static bool is_option(const char *key)
{
	static const char end[] = "_endpoint_override";
	const size_t len = strlen(key), end_len = sizeof(end) - 1;

	return words_have(option_names, key) ||
	       (len > end_len && strcmp(key + len - end_len, end) == 0);
}

/* A whole configuration in `cloud` leaves no room for the options beside it. */
static struct err *options_from_dict(struct json_object *given, struct json_object *cloud,
				     struct json_object **ret)
{
	json_object_object_foreach(given, key, v) {
		if (json_empty(v) || !is_option(key) ||
		    (strcmp(key, "interface") == 0 && json_is_str(v, "public")))
			continue;
		return err_at(err_new(ERR_USAGE,
				      "'cloud' is a dictionary with the whole configuration: put "
				      "'%s' into it",
				      key),
			      key);
	}
	*ret = json_copy(cloud);
	return NULL;
}

static struct err *options_read(struct json_object *given, struct json_object **ret)
{
	struct json_object *cloud = json_at(given, "cloud");
	struct json_object *o;

	if (json_object_is_type(cloud, json_type_object))
		return options_from_dict(given, cloud, ret);
	if (!json_empty(cloud) && !json_object_is_type(cloud, json_type_string))
		return err_at(err_new(ERR_USAGE, "'cloud' must be a name or a dictionary, not %s",
				      json_type_words(cloud)),
			      "cloud");
	o = json_object_new_object();
	if (given) {
		json_object_object_foreach(given, key, v) {
			if (is_option(key) || strcmp(key, "cloud") == 0)
				json_set(o, key, json_copy(v));
		}
	}
	*ret = o;
	return NULL;
}

/* ---- files ---- */

/* Dictionaries are merged, all else is replaced. */
static void merge_deep(struct json_object *into, struct json_object *over)
{
	json_object_object_foreach(over, key, v) {
		struct json_object *old = json_has(into, key) ? json_at(into, key) : NULL;

		if (json_object_is_type(v, json_type_object) &&
		    json_object_is_type(old, json_type_object))
			merge_deep(old, v);
		else
			json_set(into, key, json_copy(v));
	}
}

static struct err *files_read(struct sources *s)
{
	AUTO_JSON secure = NULL;
	struct json_object *clouds;
	struct err *e =
		config_find("clouds", env_get("OS_CLIENT_CONFIG_FILE"), &s->files, &s->path);

	if (!e)
		e = config_find("secure", env_get("OS_CLIENT_SECURE_FILE"), &secure,
				&s->secure_path);
	if (e)
		return e;
	if (!s->files && secure)
		s->files = json_object_new_object();
	if (secure)
		merge_deep(s->files, secure);
	json_wipe(secure);
	clouds = s->files ? json_at(s->files, "clouds") : NULL;
	if (clouds && !json_object_is_type(clouds, json_type_object))
		return err_new(ERR_USAGE, "%s: clouds must be a dictionary, not %s",
			       s->path ? s->path : s->secure_path, json_type_words(clouds));
	return NULL;
}

/* A cloud's name may have dots: no json_at() here. */
static bool dict_get(struct json_object *dict, const char *key, struct json_object **ret)
{
	return json_object_is_type(dict, json_type_object) &&
	       json_object_object_get_ex(dict, key, ret);
}

static struct json_object *files_clouds(const struct sources *s)
{
	return s->files ? json_at(s->files, "clouds") : NULL;
}

/* ---- which cloud ---- */

static struct err *cloud_unknown(const struct sources *s, const char *name)
{
	struct json_object *clouds = files_clouds(s);
	struct nearest near = { .s = name };
	AUTO_STR places = config_places("clouds", env_get("OS_CLIENT_CONFIG_FILE"));
	AUTO_BUF known = BUF_INIT;

	if (clouds) {
		json_object_object_foreach(clouds, key, v) {
			(void)v;
			nearest_try(&near, key);
			buf_addf(&known, "%s'%s'", known.len ? ", " : "", key);
		}
	}
	if (!s->path && !known.len)
		return err_at(err_new(ERR_USAGE,
				      "there is no cloud '%s', for there is no clouds.yaml; looked "
				      "for %s",
				      name, places),
			      "cloud");
	return err_at(err_new(ERR_USAGE,
			      "there is no cloud '%s' in %s%s%s%s; it has %s; looked for %s", name,
			      s->path ? s->path : s->secure_path,
			      near.best ? ": did you mean '" : "", near.best ? near.best : "",
			      near.best ? "'" : "", known.len ? known.s : "no clouds", places),
		      "cloud");
}

/* *ret: the name of the cloud to start from; NULL: none, the options say all. */
static struct err *cloud_choose(const struct sources *s, const char **ret)
{
	struct json_object *clouds = files_clouds(s);
	const char *name = json_str(s->options, "cloud");

	if (s->env && clouds && json_object_object_get_ex(clouds, s->env_name, NULL))
		return err_new(ERR_USAGE,
			       "%s has a cloud named '%s', which is what the OS_* variables' cloud "
			       "is called: rename it, or set OS_CLOUD_NAME",
			       s->path ? s->path : s->secure_path, s->env_name);
	if (!name || !*name)
		name = env_get("OS_CLOUD");
	if (s->env && (!name || strcmp(name, s->env_name) == 0)) {
		*ret = s->env_name;
		return NULL;
	}
	if (!name && clouds && json_object_object_length(clouds) == 1) {
		json_object_object_foreach(clouds, key, v) {
			(void)v;
			name = key;
		}
	}
	if (name && !(clouds && json_object_object_get_ex(clouds, name, NULL)))
		return cloud_unknown(s, name);
	*ret = name;
	return NULL;
}

static struct err *none_chosen(const struct sources *s)
{
	struct json_object *clouds = files_clouds(s);
	AUTO_BUF known = BUF_INIT;

	if (clouds) {
		json_object_object_foreach(clouds, key, v) {
			(void)v;
			buf_addf(&known, "%s'%s'", known.len ? ", " : "", key);
		}
	}
	return err_at(err_new(ERR_USAGE,
			      "no cloud is chosen: give the option cloud, or set OS_CLOUD or the "
			      "other OS_* variables; %s has %s",
			      s->path ? s->path : s->secure_path,
			      known.len ? known.s : "no clouds"),
		      "cloud");
}

/* The layer of the chosen cloud; *ret_title and *ret_where say where it is from. */
static struct err *base_read(const struct sources *s, const char *name, struct json_object **ret,
			     char **ret_title)
{
	struct json_object *raw = NULL;
	const char *path = s->path ? s->path : s->secure_path;

	if (!name && files_clouds(s) && !json_at(s->options, "auth") &&
	    !json_at(s->options, "auth_type") && !json_at(s->options, "cloud"))
		return none_chosen(s);
	if (!name) {
		*ret_title = xstrdup("the options");
		return layer_new(NULL, "options", ret);
	}
	if (s->env && strcmp(name, s->env_name) == 0) {
		*ret_title = xstrdup("the OS_* variables");
		return layer_new(s->env, "OS_* variables", ret);
	}
	(void)dict_get(files_clouds(s), name, &raw);
	AUTO_STR where = xasprintf("%s: clouds.%s", path, name);
	*ret_title = xasprintf("cloud '%s' in %s", name, path);
	return layer_new(raw, where, ret);
}

/* ---- profiles ---- */

/* Vendors that openstacksdk knows by name and that are still there; facts of its vendors/ folder. */
static const struct vendor {
	const char *name, *auth_url, *regions;
	bool domains; /* user and project are in domain Default */
} vendors[] = {
	{ "auro", "https://api.van2.auro.io:5000/v3", "RegionOne", true },
	{ "binero", "https://auth.binero.cloud:5000/v3", "europe-se-1" },
	{ "citycloud", "https://{region_name}.citycloud.com:5000/v3/",
	  "Buf1 Fra1 Sto2 Kna1 dx1 tky1" },
	{ "dreamcompute", "https://iad2.dream.io:5000", "RegionOne" },
	{ "elastx", "https://ops.elastx.cloud:5000/v3", "se-sto" },
	{ "entercloudsuite", "https://api.entercloudsuite.com/", "it-mil1 nl-ams1 de-fra1" },
	{ "limestonenetworks", "https://auth.cloud.lstn.net:5000/v3", "us-dfw-1 us-slc" },
	{ "otc", "https://iam.{region_name}.otc.t-systems.com/v3", "eu-de eu-nl" },
	{ "otc-swiss", "https://iam-pub.eu-ch2.sc.otc.t-systems.com/v3", "eu-ch2" },
	{ "ovh-us", "https://auth.cloud.ovh.us/", "US-EAST-VA-1 US-WEST-OR-1 US-EAST-VA US-WEST-OR",
	  true },
	{ "switchcloud", "https://identity.compute.cloud.switch.ch/v3", "zhw zhc" },
	{ "switchengines", "https://keystone.cloud.switch.ch:5000/v3", "LS ZH" },
};

static struct json_object *vendor_builtin(const char *name)
{
	struct json_object *o, *auth, *regions;

	for (size_t i = 0; i < COUNT(vendors); i++) {
		if (strcmp(vendors[i].name, name) != 0)
			continue;
		o = json_object_new_object();
		auth = json_object_new_object();
		regions = json_object_new_array();
		json_sets(auth, "auth_url", vendors[i].auth_url);
		if (vendors[i].domains) {
			json_sets(auth, "user_domain_name", "Default");
			json_sets(auth, "project_domain_name", "Default");
		}
		WORDS_EACH(w, vendors[i].regions)
			json_object_array_add(regions,
					      json_object_new_string_len(w, (int)words_len(w)));
		json_set(o, "auth", auth);
		json_set(o, "regions", regions);
		return o;
	}
	return NULL;
}

/* An unknown profile is an error only if it leaves us without an auth_url. */
static struct err *vendor_read(struct json_object *base, struct json_object *options,
			       struct json_object **ret)
{
	const char *name = json_str(base, "profile");
	const char *first = env_get("OS_CLIENT_VENDOR_FILE");
	struct json_object *raw = NULL;
	AUTO_JSON file = NULL;
	AUTO_JSON builtin = NULL;
	AUTO_STR path = NULL;
	struct err *e;

	if (json_str(options, "profile"))
		name = json_str(options, "profile");
	if (!name)
		name = json_str(base, "cloud"); /* its name before 2018 */
	if (!name)
		return layer_new(NULL, "", ret);
	e = config_find("clouds-public", first, &file, &path);
	if (e)
		return e;
	if (file && dict_get(json_at(file, "public-clouds"), name, &raw)) {
		AUTO_STR where = xasprintf("%s: public-clouds.%s", path, name);
		return layer_new(raw, where, ret);
	}
	builtin = vendor_builtin(name);
	if (!builtin && !json_str(base, "auth.auth_url") && !json_str(options, "auth.auth_url")) {
		AUTO_STR places = config_places("clouds-public", first);

		return err_new(ERR_USAGE, "there is no profile '%s' and no auth_url; looked for %s",
			       name, places);
	}
	return layer_new(builtin, "profile", ret);
}

/* ---- regions ---- */

/* The regions a layer knows, as [{name, values}]. */
static struct err *regions_read(struct json_object *layer, const char *title,
				struct json_object **ret)
{
	struct json_object *list = json_at(layer, "regions");
	AUTO_JSON regions = json_object_new_array();

	if (!list)
		list = json_at(layer, "region_name");
	if (json_object_is_type(list, json_type_string)) {
		const char *s = json_object_get_string(list);

		for (; *s; s += strcspn(s, ","), s += *s == ',') {
			AUTO_STR name = xstrndup(s, strcspn(s, ","));
			json_object_array_add(regions,
					      json_wrap("name", json_object_new_string(name)));
		}
	}
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *r = json_nth(list, i);

		if (json_object_is_type(r, json_type_object) && json_str(r, "name")) {
			json_object_array_add(regions, json_copy(r));
		} else if (json_object_is_type(r, json_type_string)) {
			json_object_array_add(regions, json_wrap("name", json_copy(r)));
		} else {
			return err_new(ERR_USAGE,
				       "%s: regions must hold names or dictionaries with name and "
				       "values",
				       title);
		}
	}
	*ret = TAKE(regions);
	return NULL;
}

static struct err *region_unknown(struct json_object *regions, const char *title, const char *name)
{
	AUTO_BUF known = BUF_INIT;

	for (size_t i = 0; i < json_len(regions); i++)
		buf_addf(&known, "%s'%s'", i ? ", " : "", json_str(json_nth(regions, i), "name"));
	return err_at(
		err_new(ERR_USAGE, "region '%s' is none of %s, which has %s", name, title, known.s),
		"region_name");
}

/* The layer of the region that is asked for, or the first one; it sets region_name. */
static struct err *region_choose(struct json_object *regions, const char *title, const char *wanted,
				 struct json_object **ret)
{
	struct json_object *region = wanted && json_len(regions) ? NULL : json_nth(regions, 0);
	struct err *e;

	for (size_t i = 0; wanted && i < json_len(regions); i++)
		if (json_is_str(json_at(json_nth(regions, i), "name"), wanted))
			region = json_nth(regions, i);
	if (wanted && json_len(regions) && !region)
		return region_unknown(regions, title, wanted);
	AUTO_STR where = xasprintf("%s: regions", title);
	e = layer_new(region ? json_at(region, "values") : NULL, where, ret);
	if (!e)
		json_sets(*ret, "region_name", region ? json_str(region, "name") : wanted);
	return e;
}

/* ---- all together ---- */

static struct err *layers_merge(const struct sources *s, struct json_object **ret, char **ret_title)
{
	AUTO_JSON config = json_object_new_object();
	AUTO_JSON base = NULL;
	AUTO_JSON options = NULL;
	AUTO_JSON vendor = NULL;
	AUTO_JSON regions = NULL;
	AUTO_JSON region = NULL;
	const char *name = NULL;
	struct err *e = cloud_choose(s, &name);

	if (!e)
		e = base_read(s, name, &base, ret_title);
	if (!e)
		e = layer_new(s->options, "options", &options);
	if (!e)
		e = vendor_read(base, options, &vendor);
	if (!e)
		e = regions_read(json_at(base, "regions") || json_at(base, "region_name") ? base
											  : vendor,
				 *ret_title, &regions);
	if (!e)
		e = region_choose(regions, *ret_title, json_str(options, "region_name"), &region);
	if (e)
		return e;
	json_set(config, "auth", json_object_new_object());
	json_sets(config, "interface", "public");
	json_object_object_del(options, "region_name");
	layer_add(config, vendor);
	layer_add(config, base);
	json_object_object_del(config, "regions");
	json_object_object_del(config, "cloud");
	layer_add(config, region);
	layer_add(config, options);
	json_object_object_del(config, "cloud");
	layer_finish(config);
	json_wipe(base);
	json_wipe(options);
	*ret = TAKE(config);
	return NULL;
}

/* openstacksdk wants auth_type said; what can be seen from the credentials need not be. */
static char *auth_type_of(struct json_object *config)
{
	struct json_object *auth = json_at(config, "auth");
	const char *type = json_str(config, "auth_type");

	if (type)
		return xstrdup(strcasecmp(type, "none") == 0 ? "none" : type);
	if (json_has(auth, "application_credential_secret"))
		return xstrdup("v3applicationcredential");
	if (json_has(auth, "token") && !json_has(auth, "password"))
		return xstrdup(json_has(auth, "endpoint") && !json_has(auth, "auth_url")
				       ? "admin_token"
				       : "token");
	if (json_has(auth, "passcode") && !json_has(auth, "password"))
		return xstrdup("v3totp");
	return xstrdup("password");
}

static struct err *timeout_read(struct config *c)
{
	const char *s = json_str(c->config, "api_timeout");
	char *end;
	double seconds;

	if (!s)
		return NULL;
	seconds = strtod(s, &end);
	if (*end || end == s || !isfinite(seconds) || seconds < 0 || seconds > 86400)
		return err_at(err_new(ERR_USAGE,
				      "%s: api_timeout must be a number of seconds, not '%s'",
				      c->title, s),
			      "api_timeout");
	c->api_timeout_ms = (int64_t)(seconds * 1000);
	return NULL;
}

static struct err *file_check(const struct config *c, const char *key, const char *path)
{
	if (!path || access(path, R_OK) == 0)
		return NULL;
	return err_at(err_new(ERR_USAGE, "%s: %s '%s': %s", c->title, key, path, strerror(errno)),
		      key);
}

static struct err *tls_read(struct config *c)
{
	const char *url = config_auth(c, "auth_url");
	struct err *e = pem_path(json_str(c->config, "cacert"), &c->cacert);

	c->insecure = !json_truth(c->config, "verify", true);
	if (!e)
		e = pem_path(json_str(c->config, "cert"), &c->cert);
	if (!e)
		e = pem_path(json_str(c->config, "key"), &c->key);
	if (e)
		return err_wrap(e, "%s: cacert, cert and key", c->title);
	if (url && strncmp(url, "https:", 6) == 0) {
		e = c->insecure ? NULL : file_check(c, "cacert", c->cacert);
		if (!e)
			e = file_check(c, "cert", c->cert);
		if (!e)
			e = file_check(c, "key", c->key);
	}
	return e;
}

static struct err *identity_version_check(const struct config *c)
{
	const char *s = json_str(c->config, "identity_api_version");

	if (!s || strncmp(s + (*s == 'v'), "3", 1) == 0)
		return NULL;
	return err_new(ERR_USAGE,
		       "%s: identity_api_version '%s': only version 3 is left (version 2 went away "
		       "with OpenStack Queens)",
		       c->title, s);
}

struct err *config_load(struct json_object *options, struct config **ret)
{
	AUTO_SOURCES s = { .env_name = env_get("OS_CLOUD_NAME") };
	struct config *c = xcalloc(1, sizeof(*c));
	struct err *e = options_read(options, &s.options);

	if (!s.env_name)
		s.env_name = "envvars";
	s.env = env_cloud();
	if (!e)
		e = files_read(&s);
	if (!e)
		e = layers_merge(&s, &c->config, &c->title);
	if (!e) {
		c->auth_type = auth_type_of(c->config);
		c->region = xstrdup(json_str(c->config, "region_name"));
		if (!c->region)
			c->region = xstrdup("");
		e = timeout_read(c);
	}
	if (!e)
		e = identity_version_check(c);
	if (!e)
		e = tls_read(c);
	if (e) {
		config_free(c);
		return e;
	}
	c->cache_dir = env_cache_dir();
	*ret = c;
	return NULL;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	json_wipe(c->config);
	json_object_put(c->config);
	free(c->title);
	free(c->auth_type);
	free(c->region);
	free(c->cacert);
	free(c->cert);
	free(c->key);
	free(c->cache_dir);
	free(c);
}

const char *config_auth(const struct config *c, const char *key)
{
	struct json_object *auth = json_at(c->config, "auth");
	struct json_object *v = NULL;

	(void)dict_get(auth, key, &v);
	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

const char *config_service(const struct config *c, const char *types, const char *key)
{
	WORDS_EACH(w, types) {
		AUTO_STR name = xasprintf("%.*s_%s", (int)words_len(w), w, key);
		const char *v;

		for (char *p = name; *p; p++)
			if (*p == '-')
				*p = '_';
		v = json_str(c->config, name);
		if (v)
			return v;
	}
	return NULL;
}
