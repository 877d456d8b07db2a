/* What a session is made of before anything is sent: clouds.yaml and its kin, requests, URLs. */
#include "http_answer.h"
#include "sandbox.h"
#include "session/auth.h"
#include "session/catalog.h"
#include "session/config.h"
#include "unit.h"

/* ---- configuration ---- */

#define CLOUDS ".config/openstack/clouds.yaml"
#define SECURE ".config/openstack/secure.yaml"
#define PUBLIC ".config/openstack/clouds-public.yaml"

#define TWO                                                                                   \
	"clouds:\n"                                                                           \
	"  a: {auth: {auth_url: 'http://a', username: ua, password: pa, project_name: pra,\n" \
	"    user_domain_name: D, project_domain_name: D}, region_name: r1}\n"                \
	"  b: {auth: {auth_url: 'http://b', username: ub}, interface: internal}\n"

struct config_case {
	const char *name;
	const char *files[6]; /* path, text, ... */
	const char *env[8];
	const char *options;
	const char *path; /* into the config; what is there is compared */
	const char *want; /* JSON, or what the error says if it starts with '!' */
};

static const struct config_case configs[] = {
	{ "named by option",
	  { CLOUDS, TWO },
	  { 0 },
	  "{'cloud': 'b'}",
	  "auth",
	  "{'auth_url': 'http://b', 'username': 'ub'}" },
	{ "named by OS_CLOUD", { CLOUDS, TWO }, { "OS_CLOUD=b" }, "{}", "auth.username", "'ub'" },
	{ "the option beats OS_CLOUD",
	  { CLOUDS, TWO },
	  { "OS_CLOUD=b" },
	  "{'cloud': 'a'}",
	  "auth.username",
	  "'ua'" },
	{ "null is absent",
	  { CLOUDS, TWO },
	  { "OS_CLOUD=b" },
	  "{'cloud': null, 'auth': null, 'interface': null}",
	  "auth.username",
	  "'ub'" },
	{ "a named cloud leaves OS_ variables alone",
	  { CLOUDS, TWO },
	  { "OS_USERNAME=uenv", "OS_AUTH_URL=http://e", "OS_REGION_NAME=re" },
	  "{'cloud': 'b'}",
	  "auth",
	  "{'auth_url': 'http://b', 'username': 'ub'}" },
	{ "OS_ variables where none is named",
	  { CLOUDS, TWO },
	  { "OS_USERNAME=uenv", "OS_AUTH_URL=http://e", "OS_PASSWORD=" },
	  "{}",
	  "auth",
	  "{'auth_url': 'http://e', 'username': 'uenv'}" },
	{ "their cloud has a name",
	  { CLOUDS, TWO },
	  { "OS_USERNAME=uenv", "OS_CLOUD_NAME=mine" },
	  "{'cloud': 'mine'}",
	  "auth.username",
	  "'uenv'" },
	{ "which must be free",
	  { CLOUDS, TWO },
	  { "OS_USERNAME=uenv", "OS_CLOUD_NAME=a" },
	  "{}",
	  "",
	  "!has a cloud named 'a'" },
	{ "selectors make no cloud",
	  { CLOUDS, "clouds: {a: {auth: {username: ua}}}" },
	  { "OS_REGION_NAME=r", "OS_CLIENT_CONFIG_FILE=" },
	  "{}",
	  "auth.username",
	  "'ua'" },
	{ "others' variables make no cloud",
	  { CLOUDS, "clouds: {a: {auth: {username: ua}}}" },
	  { "OS_LOG_LEVEL=x", "OS_TEST_TIMEOUT=1", "OS_FUTURE=1" },
	  "{}",
	  "auth.username",
	  "'ua'" },
	{ "the only cloud",
	  { CLOUDS, "clouds: {a.b: {auth: {username: ua}}}" },
	  { 0 },
	  "{}",
	  "auth.username",
	  "'ua'" },
	{ "none at all",
	  { 0 },
	  { 0 },
	  "{'auth': {'auth_url': 'http://x', 'token': 't'}}",
	  "auth",
	  "{'auth_url': 'http://x', 'token': 't'}" },
	{ "options over the file",
	  { CLOUDS, TWO },
	  { 0 },
	  "{'cloud': 'a', 'auth': {'username': 'uo'}, 'interface': 'admin'}",
	  "auth",
	  "{'auth_url': 'http://a', 'username': 'uo', 'password': 'pa', 'project_name': 'pra',"
	  " 'user_domain_name': 'D', 'project_domain_name': 'D'}" },
	{ "options over variables, project included",
	  { 0 },
	  { "OS_AUTH_URL=http://e", "OS_PROJECT_NAME=pe", "OS_USERNAME=uenv" },
	  "{'auth': {'project_name': 'po'}}",
	  "auth.project_name",
	  "'po'" },
	{ "an ID displaces the name below",
	  { 0 },
	  { "OS_PROJECT_NAME=pe", "OS_PROJECT_DOMAIN_ID=d", "OS_USER_ID=u" },
	  "{'auth': {'project_id': 'po', 'username': 'n'}}",
	  "auth",
	  "{'project_id': 'po', 'username': 'n', 'project_domain_id': 'd'}" },
	{ "a scope displaces the one below",
	  { CLOUDS, TWO },
	  { 0 },
	  "{'cloud': 'a', 'auth': {'system_scope': 'all'}}",
	  "auth",
	  "{'auth_url': 'http://a', 'username': 'ua', 'password': 'pa', 'user_domain_name': 'D',"
	  " 'system_scope': 'all'}" },
	{ "all the variables",
	  { 0 },
	  { "OS_TENANT_NAME=p", "OS_USER_DOMAIN_NAME=ud", "OS_PROJECT_DOMAIN_ID=pd",
	    "OS_PASSCODE=123", "OS_TRUST_ID=", "OS_APPLICATION_CREDENTIAL_NAME=ac" },
	  "{}",
	  "auth",
	  "{'project_name': 'p', 'user_domain_name': 'ud', 'project_domain_id': 'pd',"
	  " 'passcode': '123', 'application_credential_name': 'ac'}" },
	{ "project beats tenant",
	  { 0 },
	  { "OS_TENANT_NAME=t", "OS_PROJECT_NAME=p" },
	  "{}",
	  "auth.project_name",
	  "'p'" },
	{ "one domain for both",
	  { 0 },
	  { "OS_PROJECT_NAME=p", "OS_DOMAIN_NAME=d", "OS_USER_DOMAIN_ID=u" },
	  "{}",
	  "auth",
	  "{'project_name': 'p', 'user_domain_id': 'u', 'project_domain_name': 'd'}" },
	{ "a domain alone is a scope",
	  { 0 },
	  { "OS_DOMAIN_NAME=d", "OS_USERNAME=u" },
	  "{}",
	  "auth",
	  "{'username': 'u', 'domain_name': 'd'}" },
	{ "the default domain",
	  { 0 },
	  { "OS_PROJECT_NAME=p", "OS_DEFAULT_DOMAIN=d" },
	  "{}",
	  "auth",
	  "{'project_name': 'p', 'user_domain_id': 'd', 'project_domain_id': 'd'}" },
	{ "services' variables",
	  { 0 },
	  { "OS_COMPUTE_ENDPOINT_OVERRIDE=http://c", "OS_VOLUMEV3_SERVICE_TYPE=volume",
	    "OS_NETWORK_ENDPOINT_TYPE=internal", "OS_AUTH_TOKEN=t" },
	  "{}",
	  "",
	  "{'auth': {'token': 't'}, 'interface': 'public', 'region_name': null,"
	  " 'compute_endpoint_override': 'http://c', 'volumev3_service_type': 'volume',"
	  " 'network_interface': 'internal'}" },
	{ "services' places beside a cloud's name",
	  { CLOUDS, "clouds: {b: {network_endpoint_override: http://old, region_name: r,"
		    " auth: {auth_url: http://b}}}" },
	  { 0 },
	  "{'cloud': 'b', 'network_endpoint_override': 'http://n',"
	  " 'block-storage_endpoint_override': 'http://v', 'compute_service_type': 'x'}",
	  "",
	  "{'auth': {'auth_url': 'http://b'}, 'interface': 'public', 'region_name': 'r',"
	  " 'network_endpoint_override': 'http://n', 'block_storage_endpoint_override': 'http://v'}" },
	{ "services' places beside a whole cloud",
	  { 0 },
	  { 0 },
	  "{'cloud': {'auth': {'auth_url': 'http://b'}}, 'network_endpoint_override': 'http://n'}",
	  "",
	  "!put 'network_endpoint_override' into it" },
	{ "secure.yaml over clouds.yaml",
	  { CLOUDS, TWO, SECURE, "clouds: {b: {auth: {password: ps, username: us}}}" },
	  { 0 },
	  "{'cloud': 'b'}",
	  "auth",
	  "{'auth_url': 'http://b', 'username': 'us', 'password': 'ps'}" },
	{ "secure.yaml alone",
	  { SECURE, "clouds: {s: {auth: {username: us}}}" },
	  { 0 },
	  "{'cloud': 's'}",
	  "auth.username",
	  "'us'" },
	{ "the working folder first",
	  { "clouds.yaml", "clouds: {a: {auth: {username: here}}}", CLOUDS, TWO },
	  { 0 },
	  "{}",
	  "auth.username",
	  "'here'" },
	{ "yml, then json",
	  { "clouds.json", "{\"clouds\": {\"a\": {\"auth\": {\"username\": \"j\"}}}}", CLOUDS,
	    TWO },
	  { 0 },
	  "{'cloud': 'a'}",
	  "auth.username",
	  "'j'" },
	{ "OS_CLIENT_CONFIG_FILE",
	  { "x/y.yaml", "clouds: {a: {auth: {username: xy}}}", CLOUDS, TWO },
	  { "OS_CLIENT_CONFIG_FILE=x/y.yaml" },
	  "{'cloud': 'a'}",
	  "auth.username",
	  "'xy'" },
	{ "OS_CLIENT_SECURE_FILE",
	  { "x/s.yaml", "clouds: {a: {auth: {password: xs}}}", CLOUDS, TWO },
	  { "OS_CLIENT_SECURE_FILE=x/s.yaml" },
	  "{'cloud': 'a'}",
	  "auth.password",
	  "'xs'" },
	{ "$XDG_CONFIG_DIRS",
	  { "openstack/clouds.yml", "clouds: {a: {auth: {username: xdg}}}" },
	  { 0 },
	  "{'cloud': 'a'}",
	  "auth.username",
	  "'xdg'" },
	{ "a profile",
	  { CLOUDS, "clouds: {a: {profile: v, auth: {username: ua}}}", PUBLIC,
	    "public-clouds: {v: {auth: {auth_url: 'http://v', username: uv},"
	    " region_name: rv, network_api_version: 2}}" },
	  { 0 },
	  "{}",
	  "",
	  "{'auth': {'auth_url': 'http://v', 'username': 'ua'}, 'interface': 'public',"
	  " 'region_name': 'rv', 'network_api_version': '2', 'profile': 'v'}" },
	{ "a profile by its old name",
	  { CLOUDS, "clouds: {a: {cloud: v}}", PUBLIC,
	    "public-clouds: {v: {auth: {auth_url: 'http://v'}}}" },
	  { 0 },
	  "{}",
	  "auth.auth_url",
	  "'http://v'" },
	{ "a profile we know",
	  { CLOUDS, "clouds: {a: {profile: otc, auth: {username: u}}}" },
	  { 0 },
	  "{'region_name': 'eu-nl'}",
	  "auth.auth_url",
	  "'https://iam.eu-nl.otc.t-systems.com/v3'" },
	{ "a profile nobody knows",
	  { CLOUDS, "clouds: {a: {profile: nix}}" },
	  { 0 },
	  "{}",
	  "",
	  "!there is no profile 'nix' and no auth_url" },
	{ "... does no harm beside a URL",
	  { CLOUDS, "clouds: {a: {profile: nix, auth: {auth_url: 'http://a'}}}" },
	  { 0 },
	  "{}",
	  "auth.auth_url",
	  "'http://a'" },
	{ "the first region",
	  { CLOUDS, "clouds: {a: {regions: [r1, r2]}}" },
	  { 0 },
	  "{}",
	  "region_name",
	  "'r1'" },
	{ "a region with values",
	  { CLOUDS, "clouds: {a: {regions: [r1, {name: r2, values: {auth: {auth_url: 'http://r2'},"
		    " image_format: raw}}], auth: {auth_url: 'http://r1'}}}" },
	  { 0 },
	  "{'region_name': 'r2'}",
	  "",
	  "{'auth': {'auth_url': 'http://r2'}, 'interface': 'public', 'image_format': 'raw',"
	  " 'region_name': 'r2'}" },
	{ "regions with commas",
	  { CLOUDS, "clouds: {a: {region_name: 'r1,r2'}}" },
	  { 0 },
	  "{'region_name': 'r2'}",
	  "region_name",
	  "'r2'" },
	{ "an unknown region",
	  { CLOUDS, TWO },
	  { 0 },
	  "{'cloud': 'a', 'region_name': 'r9'}",
	  "",
	  "!region 'r9' is none of cloud 'a' in " },
	{ "any region where none is known",
	  { CLOUDS, TWO },
	  { 0 },
	  "{'cloud': 'b', 'region_name': 'r9'}",
	  "region_name",
	  "'r9'" },
	{ "insecure",
	  { CLOUDS, "clouds: {a: {verify: true, insecure: 'True'}}" },
	  { 0 },
	  "{}",
	  "verify",
	  "false" },
	{ "validate_certs has the last word",
	  { CLOUDS, "clouds: {a: {insecure: true}}" },
	  { 0 },
	  "{'validate_certs': true}",
	  "verify",
	  "true" },
	{ "verify: false",
	  { CLOUDS, "clouds: {a: {verify: false}}" },
	  { 0 },
	  "{}",
	  "verify",
	  "false" },
	{ "verify takes a file",
	  { CLOUDS, "clouds: {a: {verify: /x/ca.pem}}" },
	  { 0 },
	  "{}",
	  "cacert",
	  "'/x/ca.pem'" },
	{ "verify is no word",
	  { CLOUDS, "clouds: {a: {verify: perhaps}}" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.yaml: clouds.a.verify must be true or false, not 'perhaps'" },
	{ "OS_INSECURE", { 0 }, { "OS_INSECURE=1" }, "{}", "verify", "false" },
	{ "options' names",
	  { 0 },
	  { 0 },
	  "{'ca_cert': '/c', 'client_cert': '/d', 'client_key': '/e', 'api_timeout': 7,"
	  " 'timeout': 180, 'wait': true}",
	  "",
	  "{'auth': {}, 'interface': 'public', 'region_name': null, 'cacert': '/c',"
	  " 'cert': '/d', 'key': '/e', 'api_timeout': '7'}" },
	{ "numbers become strings",
	  { CLOUDS, "clouds: {a: {auth: {password: 123},"
		    " compute_default_microversion: 2.10}}" },
	  { 0 },
	  "{}",
	  "",
	  "{'auth': {'password': '123'}, 'interface': 'public',"
	  " 'region_name': null, 'compute_default_microversion': '2.10'}" },
	{ "old names in files",
	  { CLOUDS, "clouds: {a: {auth: {tenant-name: t, user_name: n},"
		    " endpoint_type: adminURL, auth_plugin: v3token}}" },
	  { 0 },
	  "{}",
	  "",
	  "{'auth': {'project_name': 't', 'username': 'n'},"
	  " 'interface': 'adminURL', 'region_name': null, 'auth_type': 'v3token'}" },
	{ "a dictionary",
	  { CLOUDS, TWO },
	  { "OS_USERNAME=uenv" },
	  "{'cloud': {'os-auth': {}, 'cloud': 'b', 'auth': {'password': 'x'}}, 'interface': 'public'}",
	  "auth",
	  "{'auth_url': 'http://b', 'username': 'ub', 'password': 'x'}" },
	{ "a dictionary is all",
	  { 0 },
	  { 0 },
	  "{'cloud': {}, 'region_name': 'r'}",
	  "",
	  "!put 'region_name' into it" },
	{ "cloud is no list", { 0 }, { 0 }, "{'cloud': []}", "region_name", "null" },
	{ "cloud is no number",
	  { 0 },
	  { 0 },
	  "{'cloud': 1}",
	  "",
	  "!'cloud' must be a name or a dictionary, not an integer" },
	{ "unknown, with a near one",
	  { CLOUDS, "clouds: {prod: {}, test: {}}" },
	  { 0 },
	  "{'cloud': 'prdo'}",
	  "",
	  "!: did you mean 'prod'; it has 'prod', 'test'; looked for "
	  "clouds.yaml, .yml and .json in ., " },
	{ "unknown, without a file",
	  { 0 },
	  { 0 },
	  "{'cloud': 'prod'}",
	  "",
	  "!there is no cloud 'prod', for there is no clouds.yaml; looked for clouds.yaml" },
	{ "a broken file",
	  { CLOUDS, "clouds:\n  a: [\n" },
	  { 0 },
	  "{}",
	  "",
	  "!.config/openstack/clouds.yaml:3: no YAML: " },
	{ "a broken JSON file",
	  { "clouds.json", "{\"clouds\": " },
	  { 0 },
	  "{}",
	  "",
	  "!./clouds.json: no JSON: " },
	{ "a file that is a list",
	  { CLOUDS, "[1]" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.yaml: must be a dictionary, not a list" },
	{ "clouds is a list",
	  { CLOUDS, "clouds: [a]" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.yaml: clouds must be a dictionary, not a list" },
	{ "a cloud is a word",
	  { CLOUDS, "clouds: {a: b}" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.yaml: clouds.a must be a dictionary, not a string" },
	{ "auth is a word",
	  { CLOUDS, "clouds: {a: {auth: b}}" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.yaml: clouds.a.auth must be a dictionary, not a string" },
	{ "a password is a list",
	  { CLOUDS, "clouds: {a: {auth: {password: [b]}}}" },
	  { 0 },
	  "{}",
	  "",
	  "!clouds.a.auth.password must be a string, not a list" },
	{ "an empty file",
	  { CLOUDS, "" },
	  { 0 },
	  "{'auth': {'username': 'u'}}",
	  "auth.username",
	  "'u'" },
	{ "identity version 2",
	  { 0 },
	  { "OS_IDENTITY_API_VERSION=2.0" },
	  "{}",
	  "",
	  "!only version 3 is left" },
	{ "api_timeout",
	  { 0 },
	  { "OS_API_TIMEOUT=soon" },
	  "{}",
	  "",
	  "!api_timeout must be a number of seconds, not 'soon'" },
	{ "no secrets in URLs",
	  { 0 },
	  { 0 },
	  "{'auth': {'auth_url': 'http://x/{auth.password}/{nix}/{interface}', 'password': 'x'}}",
	  "auth.auth_url",
	  "'http://x/{auth.password}/{nix}/public'" },
	{ "a missing CA",
	  { 0 },
	  { 0 },
	  "{'auth': {'auth_url': 'https://x'}, 'ca_cert': '/nix/ca'}",
	  "",
	  "!the options: cacert '/nix/ca': No such file" },
};

START_TEST(configuration)
{
	const struct config_case *t = &configs[_i];
	AUTO_JSON options = unit_json(t->options);
	struct config *c = NULL;

	for (size_t i = 0; i < COUNT(t->files) && t->files[i]; i += 2)
		sandbox_write(t->files[i], t->files[i + 1]);
	for (size_t i = 0; i < COUNT(t->env) && t->env[i]; i++)
		sandbox_env(t->env[i]);
	if (*t->want == '!') {
		unit_fails(config_load(options, &c), ERR_USAGE, t->want + 1);
		ck_assert_ptr_null(c);
		return;
	}
	unit_ok(config_load(options, &c));
	unit_same(*t->path ? json_at(c->config, t->path) : c->config, t->want);
	config_free(c);
}
END_TEST

static struct config *load(const char *options)
{
	AUTO_JSON o = unit_json(options);
	struct config *c = NULL;

	unit_ok(config_load(o, &c));
	return c;
}

static void holds(const char *path, const char *text)
{
	char found[256] = "";
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
	(void)fclose(f);
	ck_assert_str_eq(found, text);
}

/* PEM text is a file that all who have the same text share. */
START_TEST(pem_text)
{
	const char *options = "{'cloud': {'auth': {'auth_url': 'https://a'},"
			      " 'cacert': '-----BEGIN CA-----\\nA\\n',"
			      " 'cert': '-----BEGIN C-----\\nB\\n',"
			      " 'key': '-----BEGIN K-----\\nC\\n'}}";
	struct config *c = load(options), *again = load(options);
	AUTO_JSON bad = unit_json("{'auth': {'auth_url': 'https://a'},"
				  " 'client_key': 'secret\\nsecret\\n'}");
	struct config *none = NULL;

	holds(c->cacert, "-----BEGIN CA-----\nA\n");
	holds(c->cert, "-----BEGIN C-----\nB\n");
	holds(c->key, "-----BEGIN K-----\nC\n");
	ck_assert_str_eq(c->key, again->key);
	ck_assert_str_ne(c->key, c->cert);
	config_free(c);
	holds(again->key, "-----BEGIN K-----\nC\n");
	config_free(again);
	AUTO_ERR e = config_load(bad, &none);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_nonnull(strstr(e->text, "must be PEM text"));
	ck_assert_ptr_null(strstr(e->text, "secret"));
}
END_TEST

START_TEST(settings)
{
	struct config *c =
		load("{'cloud': {'region_name': 'r', 'cacert': '~/ca', 'cert': '/c', 'key': '/k',"
		     " 'insecure': true, 'api_timeout': '1.5', 'auth_type': 'None',"
		     " 'block_storage_endpoint_override': 'b', 'volume_interface': 'i'}}");
	AUTO_STR ca = xasprintf("%s/ca", sandbox_path());
	AUTO_STR cache = xasprintf("%s/cache", sandbox_path());
	const char *types = "block-storage volumev3 volume";

	ck_assert_str_eq(c->auth_type, "none");
	ck_assert_str_eq(c->region, "r");
	ck_assert_str_eq(c->cacert, ca);
	ck_assert_str_eq(c->cert, "/c");
	ck_assert_str_eq(c->key, "/k");
	ck_assert(c->insecure);
	ck_assert_int_eq(c->api_timeout_ms, 1500);
	ck_assert_str_eq(c->cache_dir, cache);
	ck_assert_str_eq(config_service(c, types, "endpoint_override"), "b");
	ck_assert_str_eq(config_service(c, types, "interface"), "i");
	ck_assert_ptr_null(config_service(c, types, "region_name"));
	ck_assert_ptr_null(config_auth(c, "password"));
	config_free(c);
}
END_TEST

static const struct {
	const char *env[4], *want;
} cache_dirs[] = {
	{ { "TREENAIL_CACHE_DIR=/x" }, "/x" },
	{ { "TREENAIL_CACHE_DIR=~/y" }, "HOME/y" },
	{ { "TREENAIL_CACHE_DIR=/x", "TREENAIL_CACHE=off" }, NULL },
	{ { "TREENAIL_CACHE_DIR=", "XDG_CACHE_HOME=/xdg" }, "/xdg/treenail" },
	{ { "TREENAIL_CACHE_DIR=", "XDG_CACHE_HOME=relative" }, "HOME/.cache/treenail" },
	{ { "TREENAIL_CACHE_DIR=", "TREENAIL_CACHE=on" }, "HOME/.cache/treenail" },
	{ { "TREENAIL_CACHE_DIR=", "HOME=" }, NULL },
};

START_TEST(cache_folder)
{
	const char *want = cache_dirs[_i].want;

	for (size_t i = 0; i < 4 && cache_dirs[_i].env[i]; i++)
		sandbox_env(cache_dirs[_i].env[i]);
	AUTO_STR dir = env_cache_dir();
	AUTO_STR full = want && strncmp(want, "HOME", 4) == 0
				? xasprintf("%s%s", sandbox_path(), want + 4)
				: xstrdup(want);
	ck_assert_pstr_eq(dir, full);
}
END_TEST

/* ---- requests ---- */

#define URL  "'auth_url': 'http://k:5000/v3', "
#define USER "'username': 'u', 'password': 'p', 'user_domain_name': 'D'"
#define ME   "{'user': {'name': 'u', 'password': 'p', 'domain': {'name': 'D'}}}"

static const struct {
	const char *config, *want;
} requests[] = {
	{ "{'auth': {" URL USER ", 'project_name': 'x', 'project_domain_id': 'd'}}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': " ME "},"
	  " 'scope': {'project': {'name': 'x', 'domain': {'id': 'd'}}}}}" },
	{ "{'auth': {" URL "'user_id': 'i', 'username': 'u', 'password': 'p', 'project_id': 'x'}}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': {'user': {'id': 'i',"
	  " 'password': 'p'}}}, 'scope': {'project': {'id': 'x'}}}}" },
	{ "{'auth': {" URL USER ", 'domain_name': 'dn'}, 'auth_type': 'v3password'}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': " ME "},"
	  " 'scope': {'domain': {'name': 'dn'}}}}" },
	{ "{'auth': {" URL USER ", 'system_scope': 'all'}}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': " ME "},"
	  " 'scope': {'system': {'all': true}}}}" },
	{ "{'auth': {" URL USER ", 'trust_id': 't'}}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': " ME "},"
	  " 'scope': {'OS-TRUST:trust': {'id': 't'}}}}" },
	{ "{'auth': {" URL USER "}}",
	  "{'auth': {'identity': {'methods': ['password'], 'password': " ME "}}}" },
	{ "{'auth': {" URL "'token': 't', 'project_id': 'x'}, 'auth_type': 'v3token'}",
	  "{'auth': {'identity': {'methods': ['token'], 'token': {'id': 't'}},"
	  " 'scope': {'project': {'id': 'x'}}}}" },
	{ "{'auth': {" URL "'token': 't'}}",
	  "{'auth': {'identity': {'methods': ['token'], 'token': {'id': 't'}}}}" },
	{ "{'auth': {" URL "'application_credential_id': 'i', 'application_credential_secret': 's',"
	  " 'project_id': 'unused'}, 'auth_type': 'v3applicationcredential'}",
	  "{'auth': {'identity': {'methods': ['application_credential'],"
	  " 'application_credential': {'id': 'i', 'secret': 's'}}}}" },
	{ "{'auth': {" URL "'application_credential_name': 'n', 'username': 'u',"
	  " 'user_domain_id': 'd', 'application_credential_secret': 's'}}",
	  "{'auth': {'identity': {'methods': ['application_credential'], 'application_credential':"
	  " {'name': 'n', 'user': {'name': 'u', 'domain': {'id': 'd'}}, 'secret': 's'}}}}" },
	{ "{'auth': {" URL "'username': 'u', 'user_domain_id': 'd', 'passcode': 123456},"
	  " 'auth_type': 'v3totp'}",
	  "{'auth': {'identity': {'methods': ['totp'], 'totp': {'user': {'name': 'u',"
	  " 'domain': {'id': 'd'}, 'passcode': '123456'}}}}}" },
	{ "{'auth': {" URL USER ", 'passcode': '1'}, 'auth_type': 'v3multifactor',"
	  " 'auth_methods': ['v3password', 'v3totp']}",
	  "{'auth': {'identity': {'methods': ['password', 'totp'], 'password': " ME ", 'totp':"
	  " {'user': {'name': 'u', 'domain': {'name': 'D'}, 'passcode': '1'}}}}}" },
	{ "{'auth': {" URL USER ", 'token': 't', 'auth_methods': 'password, v3token'},"
	  " 'auth_type': 'v3multifactor'}",
	  "{'auth': {'identity': {'methods': ['password', 'token'], 'password': " ME ", 'token':"
	  " {'id': 't'}}}}" },
	{ "{'auth': {'token': 't', 'endpoint': 'http://e'}}", "" },
	{ "{'auth_type': 'none'}", "" },
	{ "{'auth': {" USER "}}", "!auth_type password needs auth_url" },
	{ "{'auth': {'auth_url': 'k:5000', " USER "}}", "!must start with http:// or https://" },
	{ "{'auth': {" URL "'password': 'p'}}", "!needs username or user_id" },
	{ "{'auth': {" URL "'username': 'u'}}", "!needs password" },
	{ "{'auth': {" URL "'username': 'u', 'password': 'p'}}", "!needs user_domain_name" },
	{ "{'auth': {" URL USER ", 'project_name': 'p'}}", "!needs project_domain_name" },
	{ "{'auth': {" URL USER ", 'system_scope': 'some'}}", "!must be 'all', not 'some'" },
	{ "{'auth': {" URL USER ", 'system_scope': 'all', 'domain_id': 'd'}}",
	  "!must name one scope only" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'v3totp'}", "!needs passcode" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'token'}", "!auth_type token needs token" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'v3applicationcredential'}",
	  "!needs application_credential_secret" },
	{ "{'auth': {" URL "'application_credential_secret': 's'}}",
	  "!needs application_credential_id or" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'v3multifactor'}", "!needs auth_methods" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'v3multifactor', 'auth_methods': ['v3kerberos']}",
	  "!auth_methods has 'kerberos'" },
	{ "{'auth': {" URL USER "}, 'auth_type': 'v3kerberos'}",
	  "!auth_type 'v3kerberos' is not supported; these are: password, " },
	{ "{'auth': {'endpoint': 'http://e'}, 'auth_type': 'admin_token'}", "!needs token" },
	{ "{'auth': {'endpoint': 'ftp://e'}, 'auth_type': 'none'}", "!must start with http" },
};

START_TEST(request)
{
	AUTO_STR options = xasprintf("{'cloud': %s}", requests[_i].config);
	struct config *c = load(options);
	const char *want = requests[_i].want;
	AUTO_JSON body = NULL;

	if (*want == '!') {
		unit_fails(auth_check(c), ERR_USAGE, want + 1);
	} else {
		unit_ok(auth_check(c));
		ck_assert_int_eq(auth_asks(c), *want != '\0');
	}
	if (*want && *want != '!') {
		unit_ok(auth_request(c, &body));
		unit_same(body, want);
	}
	config_free(c);
}
END_TEST

static const struct {
	const char *url, *base;
} bases[] = {
	{ "http://k:5000", "http://k:5000/v3" },
	{ "http://k:5000/", "http://k:5000/v3" },
	{ "http://k:5000/v3", "http://k:5000/v3" },
	{ "http://k:5000/v3//", "http://k:5000/v3" },
	{ "http://k:5000/v2.0", "http://k:5000/v3" },
	{ "https://k/identity", "https://k/identity/v3" },
	{ "https://k/identity/v3/", "https://k/identity/v3" },
};

START_TEST(auth_urls)
{
	AUTO_STR options = xasprintf("{'auth': {'auth_url': '%s'}}", bases[_i].url);
	struct config *c = load(options);
	AUTO_STR base = auth_base(c);

	ck_assert_str_eq(base, bases[_i].base);
	config_free(c);
}
END_TEST

/* What identifies a login has no secret in it; whatever makes another login changes it. */
START_TEST(identities)
{
	static const char *const others[] = {
		"{'auth': {" URL USER ", 'project_id': 'x'}}",
		"{'auth': {" URL USER ", 'project_id': 'y'}}",
		"{'auth': {" URL USER ", 'project_name': 'x'}}",
		"{'auth': {" URL USER "}}",
		"{'auth': {" URL USER ", 'domain_id': 'x'}}",
		"{'auth': {" URL USER ", 'project_id': 'x'}, 'insecure': true}",
		"{'auth': {" URL USER ", 'project_id': 'x'}, 'cacert': '/c'}",
		"{'auth': {" URL USER ", 'project_id': 'x'}, 'auth_type': 'v3password'}",
		"{'auth': {" URL "'token': 'sesame-1', 'project_id': 'x'}}",
		"{'auth': {" URL "'token': 'sesame-2', 'project_id': 'x'}}",
		"{'auth': {'auth_url': 'http://l', " USER ", 'project_id': 'x'}}",
	};
	char *ids[COUNT(others)];
	struct config *c;

	for (size_t i = 0; i < COUNT(others); i++) {
		AUTO_STR options = xasprintf("{'cloud': %s}", others[i]);

		c = load(options);
		ids[i] = auth_identity(c);
		config_free(c);
		ck_assert_ptr_null(strstr(ids[i], "sesame"));
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(ids[i], ids[j]);
	}
	c = load("{'cloud': {'auth': {" URL "'username': 'u', 'password': 'other',"
		 " 'user_domain_name': 'D', 'project_id': 'x'}}}");
	AUTO_STR same = auth_identity(c);
	ck_assert_str_eq(same, ids[0]);
	config_free(c);
	for (size_t i = 0; i < COUNT(others); i++)
		free(ids[i]);
}
END_TEST

/* ---- URLs ---- */

static const struct {
	const char *endpoint, *path, *want;
} joins[] = {
	{ "http://h:9696", "/v2.0/networks?a=b", "http://h:9696/v2.0/networks?a=b" },
	{ "http://h:9696/v2.0", "/v2.0/networks", "http://h:9696/v2.0/networks" },
	{ "https://h/image", "/v2/images", "https://h/image/v2/images" },
	{ "https://h/image/v2", "/v2/images", "https://h/image/v2/images" },
	{ "https://h/identity/v3", "/v3", "https://h/identity/v3" },
	{ "http://h/v2.1", "/servers", "http://h/v2.1/servers" },
	{ "http://h/v3/p", "/volumes", "http://h/v3/p/volumes" },
	{ "http://h/v3/p", "volumes", "http://h/v3/p/volumes" },
	{ "http://h/v1/AUTH_p", "", "http://h/v1/AUTH_p" },
	{ "http://h/v1/AUTH_p", "/v2x/o", "http://h/v1/AUTH_p/v2x/o" },
	/* links */
	{ "http://h:1/v2.1", "http://h:1/v2.1/servers?marker=a",
	  "http://h:1/v2.1/servers?marker=a" },
	{ "https://h:1/v2.1", "http://h:1/v2.1/servers?m=a", "https://h:1/v2.1/servers?m=a" },
	{ "https://h/compute/v2.1", "http://10.0.0.1:8774/v2.1/servers?m=a",
	  "https://h/compute/v2.1/servers?m=a" },
	{ "https://h/compute/v2.1", "http://10.0.0.1/compute/v2.1/servers",
	  "https://h/compute/v2.1/servers" },
	{ "https://h/network", "http://evil/v2.0/networks", "https://h/network/v2.0/networks" },
	{ "https://h", "https://h.evil/x", "https://h/x" },
	{ "https://h", "https://h@evil/x", "https://h/x" },
	{ "https://h", "https://evil?x", "https://h?x" },
};

START_TEST(join)
{
	AUTO_STR url = url_join(joins[_i].endpoint, joins[_i].path);

	ck_assert_str_eq(url, joins[_i].want);
}
END_TEST

START_TEST(url_versions)
{
	static const struct {
		const char *url, *bare, *versioned;
	} rows[] = {
		{ "http://h/v2.1", "http://h", "http://h/v2.1" },
		{ "http://h/compute/v2.1/p", "http://h/compute", "http://h/compute/v2.1" },
		{ "http://v2/x", "http://v2/x", NULL },
		{ "http://h/vx/v/v2a/v2.", "http://h/vx/v/v2a/v2.", NULL },
		{ "http://h", "http://h", NULL },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_STR bare = url_unversioned(rows[i].url);
		AUTO_STR versioned = url_versioned(rows[i].url);

		ck_assert_str_eq(bare, rows[i].bare);
		ck_assert_pstr_eq(versioned, rows[i].versioned);
	}
	ck_assert_int_lt(microversion_compare("2.9", "2.10"), 0);
	ck_assert_int_gt(microversion_compare("3.0", "2.96"), 0);
	ck_assert_int_eq(microversion_compare("2.1", "2.1"), 0);
	ck_assert_int_lt(microversion_compare("", "2.1"), 0);
	ck_assert_int_lt(microversion_compare("latest", "2.1"), 0);
}
END_TEST

static const struct {
	const char *doc, *major, *base, *min, *max;
} versions[] = {
	/* Nova's root, Nova's v2.1, Cinder's v3 (a list), Keystone's root, Placement, Ironic. */
	{ "{'versions': [{'id': 'v2.0', 'status': 'SUPPORTED', 'version': '', 'min_version': '',"
	  " 'links': [{'rel': 'self', 'href': 'http://in/v2/'}]}, {'id': 'v2.1', 'version': '2.96',"
	  " 'min_version': '2.1', 'links': [{'rel': 'self', 'href': 'http://in/v2.1/'}]}]}",
	  "2", "http://h/c/v2.1", "2.1", "2.96" },
	{ "{'version': {'id': 'v2.1', 'version': '2.96', 'min_version': '2.1', 'links': []}}", "2",
	  "http://h/c/v2.1", "2.1", "2.96" },
	{ "{'versions': [{'id': 'v3.0', 'version': '3.71', 'min_version': '3.0', 'links':"
	  " [{'rel': 'describedby', 'href': 'x'}, {'rel': 'self', 'href': 'http://h/c/v3/'}]}]}",
	  "3", "http://h/c/v3", "3.0", "3.71" },
	{ "{'versions': {'values': [{'id': 'v3.14', 'links': [{'rel': 'self', 'href':"
	  " 'http://h/c/v3/'}]}]}}",
	  "3", "http://h/c/v3", "", "" },
	{ "{'versions': [{'id': 'v1.0', 'max_version': '1.39', 'min_version': '1.0', 'links':"
	  " [{'rel': 'self', 'href': ''}]}]}",
	  NULL, "http://h/c", "1.0", "1.39" },
	{ "{'versions': [{'id': 'v2.0'}]}", "3", NULL, NULL, NULL },
	{ "{'versions': [1, null]}", "3", NULL, NULL, NULL },
	{ "{'version': 'x'}", NULL, NULL, NULL, NULL },
	{ "[]", NULL, NULL, NULL, NULL },
};

START_TEST(version)
{
	AUTO_JSON doc = unit_json(versions[_i].doc);
	struct version v = { 0 };

	if (!versions[_i].base) {
		unit_fails(version_parse(doc, "http://h/c", versions[_i].major, &v), ERR_PROTOCOL,
			   "in the list of versions");
		return;
	}
	unit_ok(version_parse(doc, "http://h/c", versions[_i].major, &v));
	ck_assert_str_eq(v.base, versions[_i].base);
	ck_assert_str_eq(v.min, versions[_i].min);
	ck_assert_str_eq(v.max, versions[_i].max);
	version_release(&v);
}
END_TEST

/* ---- the catalogue ---- */

#define AT(region, interface, url) \
	"{'region_id': '" region "', 'interface': '" interface "', 'url': '" url "'}"
#define TOKEN                                                                                                                                    \
	"{'token': {'issued_at': '2024-01-01T00:00:00.000000Z', 'expires_at':"                                                                   \
	" '2024-01-01T01:00:00.000000Z', 'project': {'id': 'P'}, 'user': {'id': 'U'}, 'catalog': ["                                              \
	"{'type': 'compute', 'name': 'nova', 'endpoints': [" AT("r1", "admin", "http://adm") ", " AT("r1", "public", "http://c1/v2.1/") ", " AT( \
		"r2", "public",                                                                                                                  \
		"http://c2") "]},"                                                                                                               \
			     "{'type': 'volumev3', 'endpoints': [" AT(                                                                           \
				     "r1", "public",                                                                                             \
				     "http://v3/") "]},"                                                                                         \
						   "{'type': 'volumev2', 'endpoints': [" AT(                                                     \
							   "r1", "public",                                                                       \
							   "http://v2") "]},"                                                                    \
									"{'type': 'block-storage', 'endpoints': [" AT(                           \
										"r2", "public",                                                  \
										"http://bs") "]},"                                               \
											     "{'type': 'odd', 'endpoints': [" AT(                \
												     "r1",                                       \
												     "public",                                   \
												     "ftp://x") ", 1]}, {'x': 1}, 2]}}"

static const struct {
	const char *config, *type, *want;
} finds[] = {
	{ "{'region_name': 'r1'}", "compute", "http://c1/v2.1" },
	{ "{'region_name': 'r2'}", "compute", "http://c2" },
	{ "{}", "compute", "http://c1/v2.1" },
	{ "{'region_name': 'r1', 'interface': 'adminURL'}", "compute", "http://adm" },
	{ "{'region_name': 'r1', 'interface': ['internal', 'admin']}", "compute", "http://adm" },
	{ "{'region_name': 'r1', 'compute_interface': 'admin'}", "compute", "http://adm" },
	{ "{'region_name': 'r1', 'compute_region_name': 'r2'}", "compute", "http://c2" },
	{ "{'region_name': 'r1', 'compute_service_name': 'nova'}", "compute", "http://c1/v2.1" },
	{ "{'region_name': 'r1'}", "block-storage", "http://v3" },
	{ "{'region_name': 'r1'}", "volumev3", "http://v3" },
	{ "{'region_name': 'r2'}", "block-storage", "http://bs" },
	{ "{'region_name': 'r1', 'volume_service_type': 'volumev2'}", "block-storage",
	  "http://v2" },
	{ "{'volumev3_endpoint_override': 'http://o/v3/%(project_id)s/%(user_id)s/'}",
	  "block-storage", "http://o/v3/P/U" },
	{ "{'compute_endpoint': 'http://o'}", "compute", "http://o" },
	{ "{'region_name': 'r1'}", "dns",
	  "!has no 'dns' service in region 'r1' with interface 'public'; it has compute, volumev3" },
	{ "{'region_name': 'r3'}", "compute",
	  "!in region 'r3' with interface 'public'; it is in r1 (admin), r1 (public), r2 (public)" },
	{ "{'compute_service_name': 'x'}", "compute", "!has no 'compute' service" },
	{ "{}", "odd", "!is no http URL: 'ftp://x'" },
};

START_TEST(find)
{
	AUTO_STR options = xasprintf("{'cloud': %s}", finds[_i].config);
	struct config *c = load(options);
	AUTO_JSON token = unit_json(TOKEN);
	AUTO_STR body = json_text(token);
	char *headers[] = { (char[]){ "x-subject-token: sesame" }, NULL };
	const struct http_answer a = { 201, body, strlen(body), headers };
	const char *want = finds[_i].want;
	struct login *l = NULL;
	struct service room;
	AUTO_STR url = NULL;
	struct err *e;

	unit_ok(login_new(&a, 1704067200, &l));
	e = catalog_url(c, l, service_find(finds[_i].type, &room), finds[_i].type, &url);
	if (*want == '!') {
		ck_assert_ptr_nonnull(e);
		ck_assert_int_ne(e->kind, ERR_NOT_FOUND);
		unit_fails(e, e->kind, want + 1);
	} else {
		unit_ok(e);
		ck_assert_str_eq(url, want);
	}
	login_free(l);
	config_free(c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("config");
	TCase *t = tcase_create("config");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, sandbox_enter, sandbox_leave);
	tcase_add_loop_test(t, configuration, 0, COUNT(configs));
	tcase_add_test(t, settings);
	tcase_add_test(t, pem_text);
	tcase_add_loop_test(t, cache_folder, 0, COUNT(cache_dirs));
	tcase_add_loop_test(t, request, 0, COUNT(requests));
	tcase_add_loop_test(t, auth_urls, 0, COUNT(bases));
	tcase_add_test(t, identities);
	tcase_add_loop_test(t, join, 0, COUNT(joins));
	tcase_add_test(t, url_versions);
	tcase_add_loop_test(t, version, 0, COUNT(versions));
	tcase_add_loop_test(t, find, 0, COUNT(finds));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
