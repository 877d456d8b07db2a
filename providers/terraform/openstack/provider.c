/* terraform-provider-openstack: the provider block, with the names and variables of the peer's. */
#include <string.h>

#include "adapter/kind.h"
#include "adapter/rpc.h"
#include "adapter/targets.h"
#include "file.h"
#include "functions.h"
#include "openstack/zones.h"
#include "session/catalog.h"
#include "session/config.h"
#include "terraform.h"
#include "text.h"

static const struct tf_attr config[] = {
	{ "cloud",
	  .doc = "Name of the cloud in clouds.yaml; OS_CLOUD by default. With either of them, the other OS_* "
		 "variables do not count." },
	{ "auth_url", .doc = "URL of Keystone; OS_AUTH_URL by default." },
	{ "region", .doc = "Region to work in; OS_REGION_NAME by default." },
	{ "user_name", .doc = "Name of the user; OS_USERNAME by default." },
	{ "user_id", .doc = "ID of the user; OS_USER_ID by default." },
	{ "application_credential_id",
	  .doc = "ID of the application credential; OS_APPLICATION_CREDENTIAL_ID by default." },
	{ "application_credential_name",
	  .doc = "Name of the application credential, given with its user; OS_APPLICATION_CREDENTIAL_NAME by default." },
	{ "application_credential_secret", TF_SENSITIVE,
	  .doc = "Secret of the application credential; OS_APPLICATION_CREDENTIAL_SECRET by default." },
	{ "tenant_id", .doc = "ID of the project; OS_PROJECT_ID or OS_TENANT_ID by default." },
	{ "tenant_name",
	  .doc = "Name of the project; OS_PROJECT_NAME or OS_TENANT_NAME by default." },
	{ "password", TF_SENSITIVE, .doc = "Password of the user; OS_PASSWORD by default." },
	{ "token", TF_SENSITIVE,
	  .doc = "A token, in place of user and password; OS_TOKEN or OS_AUTH_TOKEN by default." },
	{ "user_domain_name", .doc = "Name of the user's domain; OS_USER_DOMAIN_NAME by default." },
	{ "user_domain_id", .doc = "ID of the user's domain; OS_USER_DOMAIN_ID by default." },
	{ "project_domain_name",
	  .doc = "Name of the project's domain; OS_PROJECT_DOMAIN_NAME by default." },
	{ "project_domain_id",
	  .doc = "ID of the project's domain; OS_PROJECT_DOMAIN_ID by default." },
	{ "domain_id", .doc = "ID of the domain to log in to; OS_DOMAIN_ID by default." },
	{ "domain_name", .doc = "Name of the domain to log in to; OS_DOMAIN_NAME by default." },
	{ "default_domain",
	  .doc = "Domain of user and project that name none; OS_DEFAULT_DOMAIN by default." },
	{ "system_scope",
	  .doc = "Whether to log in to the whole system, as OS_SYSTEM_SCOPE=all does.",
	  .type = "\"bool\"" },
	{ "insecure",
	  .doc = "Whether the certificates of the cloud are trusted unseen, only if you must; OS_INSECURE by default.",
	  .type = "\"bool\"" },
	{ "endpoint_type",
	  .doc = "Which of a service's endpoints to use; OS_INTERFACE or OS_ENDPOINT_TYPE by default.",
	  .choices = "public internal admin publicURL internalURL adminURL" },
	{ "cacert_file",
	  .doc = "CA certificates to verify the cloud with: a file, or the text itself; OS_CACERT by default." },
	{ "cert", .doc = "Client certificate: a file, or the text itself; OS_CERT by default." },
	{ "key", TF_SENSITIVE,
	  .doc = "Key of the client certificate: a file, or the text itself; OS_KEY by default." },
	{ "endpoint_overrides",
	  .doc = "URLs in place of those of the catalogue, by service: `network`, `compute`, "
		 "`volumev3`, ...; with or without the version at their end.",
	  .type = "[\"map\",\"string\"]" },
	{ "max_retries",
	  .doc = "Accepted for the sake of existing files: what may be repeated is, until the call's "
		 "time is over.",
	  .type = "\"number\"" },
	{ "allow_reauth",
	  .doc = "Accepted for the sake of existing files: a token that has run out is "
		 "always renewed.",
	  .type = "\"bool\"" },
	{ "delayed_auth",
	  .doc = "Accepted for the sake of existing files: the login always waits for "
		 "the first request.",
	  .type = "\"bool\"" },
	{ "disable_no_cache_header",
	  .doc = "Accepted for the sake of existing files: no such header is sent.",
	  .type = "\"bool\"" },
	{ "swauth",
	  .doc = "Accepted for the sake of existing files: there is no object storage here.",
	  .type = "\"bool\"" },
	{ "enable_logging",
	  .doc = "Accepted for the sake of existing files: TREENAIL_LOG=debug shows "
		 "requests.",
	  .type = "\"bool\"" },
	{ 0 },
};

/* Where in a configuration of clouds.yaml each argument stands. */
static const struct {
	const char *argument, *key;
	bool auth;
} places[] = {
	{ "auth_url", "auth_url", true },
	{ "user_name", "username", true },
	{ "user_id", "user_id", true },
	{ "application_credential_id", "application_credential_id", true },
	{ "application_credential_name", "application_credential_name", true },
	{ "application_credential_secret", "application_credential_secret", true },
	{ "tenant_id", "project_id", true },
	{ "tenant_name", "project_name", true },
	{ "password", "password", true },
	{ "token", "token", true },
	{ "user_domain_name", "user_domain_name", true },
	{ "user_domain_id", "user_domain_id", true },
	{ "project_domain_name", "project_domain_name", true },
	{ "project_domain_id", "project_domain_id", true },
	{ "domain_id", "domain_id", true },
	{ "domain_name", "domain_name", true },
	{ "default_domain", "default_domain", true },
	{ "cacert_file", "ca_cert", false },
	{ "cert", "client_cert", false },
	{ "key", "client_key", false },
};

/* By the service's first name: with another, one in clouds.yaml could come before it. */
static void set_overrides(struct json_object *options, struct json_object *overrides)
{
	if (!json_object_is_type(overrides, json_type_object))
		return;
	json_object_object_foreach(overrides, type, url) {
		struct service room;
		const char *types = service_find(type, &room)->types;
		AUTO_STR key = xasprintf("%.*s_endpoint_override", (int)words_len(types), types);

		json_set(options, key, json_copy(url));
	}
}

static void set(struct json_object *options, struct json_object *auth, struct json_object *block)
{
	const char *interface = json_str(block, "endpoint_type");

	for (size_t i = 0; i < COUNT(places); i++) {
		struct json_object *v = json_at(block, places[i].argument);

		if (v)
			json_set(places[i].auth ? auth : options, places[i].key, json_copy(v));
	}
	if (json_truth(block, "system_scope", false))
		json_sets(auth, "system_scope", "all");
	if (json_truth(block, "insecure", false))
		json_set(options, "validate_certs", json_object_new_boolean(false));
	set_overrides(options, json_at(block, "endpoint_overrides"));
	if (interface) {
		AUTO_STR word = xstrndup(interface, strcspn(interface, "U"));

		json_sets(options, "interface", word);
	}
}

/* As the peer has it: of a cloud that is described by arguments or variables, and not in clouds.yaml. */
static bool domain_is_default(struct json_object *block)
{
	const bool named = json_str(block, "cloud") || env_get("OS_CLOUD");
	const bool described = json_str(block, "auth_url") || env_get("OS_AUTH_URL");
	/* An application credential that is known by its ID, and a token, have a domain already. */
	const bool needed =
		!json_str(block, "application_credential_id") && !json_str(block, "token");
	const bool said = json_str(block, "default_domain") || env_get("OS_DEFAULT_DOMAIN") ||
			  env_get("OS_DEFAULT_DOMAIN_ID") || env_get("OS_DEFAULT_DOMAIN_NAME");

	return described && needed && !named && !said;
}

static struct err *options_of(struct json_object *block, const char *cloud, const char *region,
			      struct json_object **ret)
{
	struct json_object *options = json_object_new_object(), *auth = json_object_new_object();

	if (!*cloud)
		set(options, auth, block);
	if (!*cloud && domain_is_default(block))
		json_sets(auth, "default_domain", "default");
	if (json_object_object_length(auth))
		json_set(options, "auth", json_object_get(auth));
	json_object_put(auth);
	if (*cloud || json_str(block, "cloud"))
		json_sets(options, "cloud", *cloud ? cloud : json_str(block, "cloud"));
	if (*region || (!*cloud && json_str(block, "region")))
		json_sets(options, "region_name", *region ? region : json_str(block, "region"));
	*ret = options;
	return NULL;
}

static const struct tf_kind *const others[] = { &compute_availability_zones_v2,
						&blockstorage_availability_zones_v3, NULL };

const struct provider provider = {
	.name = "openstack",
	.address = "registry.terraform.io/treenail/openstack",
	.doc = "OpenStack: networks, servers, volumes, images, projects.",
	.example = "provider \"openstack\" {\n"
		   "  cloud = \"demo\" # of clouds.yaml\n"
		   "}\n"
		   "\n"
		   "provider \"openstack\" {\n"
		   "  alias               = \"password\"\n"
		   "  auth_url            = \"https://cloud.example.com:5000/v3\"\n"
		   "  user_name           = \"ci\"\n"
		   "  password            = \"from a vault\"\n"
		   "  tenant_name         = \"ci\"\n"
		   "  user_domain_name    = \"Default\"\n"
		   "  project_domain_name = \"Default\"\n"
		   "}\n"
		   "\n"
		   "provider \"openstack\" {\n"
		   "  alias                         = \"credential\"\n"
		   "  auth_url                      = \"https://cloud.example.com:5000/v3\"\n"
		   "  application_credential_id     = \"1f7a0f1c4ed94f0c9a1b1a3ffb1d5f0e\"\n"
		   "  application_credential_secret = \"from a vault\"\n"
		   "}\n"
		   "\n"
		   "# A token of another login, kept in neither plan nor state.\n"
		   "ephemeral \"openstack_identity_auth_scope_v3\" \"me\" {\n"
		   "  name = \"me\"\n"
		   "}\n"
		   "\n"
		   "provider \"openstack\" {\n"
		   "  alias    = \"token\"\n"
		   "  auth_url = \"https://cloud.example.com:5000/v3\"\n"
		   "  token    = ephemeral.openstack_identity_auth_scope_v3.me.token_id\n"
		   "}\n",
	.objects = resources,
	.others = others,
	.config = config,
	.targets = true,
	.session_options = options_of,
	.functions = openstack_functions,
};

int main(int argc, char **argv)
{
	return provider_main(argc, argv);
}
