#include "rows.h"

#define NAMESPACE  .api_version = "v1", .kind = "Namespace"
#define CONFIG_MAP .api_version = "v1", .kind = "ConfigMap", .namespaced = true
#define SECRET     .api_version = "v1", .kind = "Secret", .namespaced = true

/* ---- namespaces ---- */

static const struct tf_attr namespace_rows[] = {
	{ "wait_for_default_service_account", TF_OPTIONAL, "",
	  "Whether to wait until the namespace has its service account `default`.", .type = T_BOOL,
	  .value = "false" },
	CLUSTER_METADATA,
	{ 0 },
};

const struct typed_kind typed_namespace_v1 = {
	CLUSTER_RESOURCE("namespace_v1", namespace_rows, .minutes = { .remove = 5 },
			 .doc = "A namespace: a room for other objects.",
			 .example = "resource \"kubernetes_namespace_v1\" \"shop\" {\n"
				    "  metadata {\n"
				    "    name   = \"shop\"\n"
				    "    labels = { team = \"sales\" }\n"
				    "  }\n"
				    "}\n"),
	NAMESPACE, .wait = WAIT_ACCOUNT, .wait_row = "wait_for_default_service_account"
};
const struct typed_kind typed_namespace_old = { CLUSTER_RESOURCE("namespace", namespace_rows,
								 .minutes = { .remove = 5 },
								 OLD("namespace_v1")),
						NAMESPACE, .wait = WAIT_ACCOUNT,
						.wait_row = "wait_for_default_service_account" };

static const struct tf_attr namespace_spec[] = {
	{ "finalizers", TF_COMPUTED, NULL, "What has to be done before it is gone.",
	  .type = T_LIST },
	{ 0 },
};

static const struct tf_attr data_namespace_rows[] = {
	{ "spec", TF_COMPUTED | TF_UNIQUE, NULL, "What is wanted.", .sub = namespace_spec },
	DATA_CLUSTER_METADATA,
	{ 0 },
};

const struct typed_kind typed_data_namespace_v1 = {
	DATA("namespace_v1", data_namespace_rows, .doc = "A namespace that is there already.",
	     .example = "data \"kubernetes_namespace_v1\" \"system\" {\n"
			"  metadata {\n"
			"    name = \"kube-system\"\n"
			"  }\n"
			"}\n"),
	NAMESPACE
};
const struct typed_kind typed_data_namespace = {
	DATA("namespace", data_namespace_rows, OLD("namespace_v1")), NAMESPACE
};

/* ---- config maps ---- */

static const struct tf_attr config_map_rows[] = {
	{ "data", TF_OPTIONAL, NULL, "Texts, by key.", .type = T_MAP },
	{ "binary_data", TF_OPTIONAL, NULL, "What is no text, in base64, by key.", .type = T_MAP },
	{ "immutable", TF_OPTIONAL, NULL, "Whether its content may never change.", .type = T_BOOL },
	METADATA,
	{ 0 },
};

const struct typed_kind typed_config_map_v1 = {
	RESOURCE("config_map_v1", config_map_rows, .doc = "Settings that pods read.",
		 .example = "resource \"kubernetes_config_map_v1\" \"web\" {\n"
			    "  metadata {\n"
			    "    name = \"web-settings\"\n"
			    "  }\n"
			    "  data = {\n"
			    "    \"site.conf\" = \"listen = 8080\\n\"\n"
			    "    motto       = \"fast and small\"\n"
			    "  }\n"
			    "}\n"),
	CONFIG_MAP
};
const struct typed_kind typed_config_map = {
	RESOURCE("config_map", config_map_rows, OLD("config_map_v1")), CONFIG_MAP
};

static const struct tf_attr data_config_map_rows[] = {
	{ "data", TF_COMPUTED, NULL, "Texts, by key.", .type = T_MAP },
	{ "binary_data", TF_COMPUTED, NULL, "What is no text, in base64, by key.", .type = T_MAP },
	{ "immutable", TF_OPTIONAL, NULL, "Whether its content may never change.", .type = T_BOOL },
	DATA_METADATA,
	{ 0 },
};

const struct typed_kind typed_data_config_map_v1 = {
	DATA("config_map_v1", data_config_map_rows, .doc = "A config map that is there already.",
	     .example = "data \"kubernetes_config_map_v1\" \"ca\" {\n"
			"  metadata {\n"
			"    name      = \"kube-root-ca.crt\"\n"
			"    namespace = \"default\"\n"
			"  }\n"
			"}\n"),
	CONFIG_MAP
};
const struct typed_kind typed_data_config_map = {
	DATA("config_map", data_config_map_rows, OLD("config_map_v1")), CONFIG_MAP
};

/* ---- secrets ---- */

static const struct tf_attr secret_rows[] = {
	{ "data", TF_OC | TF_SENSITIVE | TYPED_BASE64, NULL, "Secret texts, by key.",
	  .type = T_MAP },
	{ "binary_data", TF_OPTIONAL | TF_SENSITIVE | TYPED_BINARY, "data",
	  "What is no text, in base64, by key.", .type = T_MAP },
	{ "data_wo", TF_OPTIONAL | TF_WRITE_ONLY | TYPED_BASE64, "data",
	  "The same as data, but kept in neither plan nor state.", .type = T_MAP },
	{ "data_wo_revision", TF_OPTIONAL | TYPED_REVISION, "",
	  "Change it to have a changed data_wo take effect.", .type = T_NUMBER },
	{ "binary_data_wo", TF_OPTIONAL | TF_WRITE_ONLY, "data",
	  "The same as binary_data, but kept in neither plan nor state.", .type = T_MAP },
	{ "binary_data_wo_revision", TF_OPTIONAL | TYPED_REVISION, "",
	  "Change it to have a changed binary_data_wo take effect.", .type = T_NUMBER },
	{ "immutable", TF_OPTIONAL, NULL, "Whether its content may never change.", .type = T_BOOL },
	{ "type", TF_OPTIONAL | TF_NEW, NULL, "What it is for.", .value = "\"Opaque\"" },
	{ "wait_for_service_account_token", TF_OPTIONAL, "",
	  "Whether to wait until a service account's token is in it.", .type = T_BOOL,
	  .value = "true" },
	METADATA,
	{ 0 },
};

const struct typed_kind typed_secret_v1 = {
	RESOURCE("secret_v1", secret_rows, .minutes = { .create = 1 },
		 .doc = "What only few may read: passwords, keys and certificates.",
		 .example = "resource \"kubernetes_secret_v1\" \"database\" {\n"
			    "  metadata {\n"
			    "    name = \"database\"\n"
			    "  }\n"
			    "  data_wo = {\n"
			    "    username = \"shop\"\n"
			    "    password = \"correct horse\"\n"
			    "  }\n"
			    "  data_wo_revision = 1\n"
			    "}\n"),
	SECRET,
	.wait = WAIT_FIELD,
	.wait_row = "wait_for_service_account_token",
	.field = ".data.token",
	.matches = ".+",
	.only = "type",
	.only_value = "kubernetes.io/service-account-token"
};
const struct typed_kind typed_secret = { RESOURCE("secret", secret_rows, .minutes = { .create = 1 },
						  OLD("secret_v1")),
					 SECRET,
					 .wait = WAIT_FIELD,
					 .wait_row = "wait_for_service_account_token",
					 .field = ".data.token",
					 .matches = ".+",
					 .only = "type",
					 .only_value = "kubernetes.io/service-account-token" };

static const struct tf_attr data_secret_metadata[] = {
	{ "name", TF_OC, NULL, "Its name." },
	{ "namespace", TF_OPTIONAL, NULL, "Namespace it is in.", .value = "\"default\"" },
	{ "generate_name", TF_OPTIONAL, NULL, "Beginning its name was made up from." },
	{ "annotations", TF_OPTIONAL, NULL, "Annotations.", .type = T_MAP },
	{ "labels", TF_OPTIONAL, NULL, "Labels.", .type = T_MAP },
	{ "uid", TF_COMPUTED, NULL, "What tells it from all others, ever." },
	{ "generation", TF_COMPUTED, NULL, "Counts the changes of what is wanted.",
	  .type = T_NUMBER },
	{ "resource_version", TF_COMPUTED, NULL, "Another one after each change." },
	{ 0 },
};

static const struct tf_attr data_secret_rows[] = {
	{ "data", TF_COMPUTED | TF_SENSITIVE | TYPED_BASE64, NULL, "Secret texts, by key.",
	  .type = T_MAP },
	{ "binary_data", TF_OPTIONAL | TF_SENSITIVE | TYPED_BINARY, "data",
	  "The keys that are wanted in base64, with any value.", .type = T_MAP },
	{ "immutable", TF_COMPUTED, NULL, "Whether its content may never change.", .type = T_BOOL },
	{ "type", TF_COMPUTED, NULL, "What it is for." },
	{ "metadata", ONE | MUST, NULL, "Name, labels and the like.", .sub = data_secret_metadata },
	{ 0 },
};

const struct typed_kind typed_data_secret_v1 = {
	DATA("secret_v1", data_secret_rows, .doc = "A secret that is there already.",
	     .example = "resource \"kubernetes_secret_v1\" \"key\" {\n"
			"  metadata {\n"
			"    name = \"key\"\n"
			"  }\n"
			"  data = { word = \"sesame\" }\n"
			"}\n"
			"\n"
			"data \"kubernetes_secret_v1\" \"key\" {\n"
			"  metadata {\n"
			"    name = kubernetes_secret_v1.key.metadata[0].name\n"
			"  }\n"
			"}\n"),
	SECRET
};
const struct typed_kind typed_data_secret = { DATA("secret", data_secret_rows, OLD("secret_v1")),
					      SECRET };
