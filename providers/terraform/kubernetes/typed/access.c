#include "rows.h"

#define RBAC "rbac.authorization.k8s.io/v1"

/* ---- roles ---- */

static const struct tf_attr role_rule[] = {
	{ "api_groups", MUST, NULL, "Groups of the API; \"\" is the core.", .type = T_SET },
	{ "resource_names", TF_OPTIONAL, NULL, "Objects it is about; all if none.", .type = T_SET },
	{ "resources", MUST, NULL, "Kinds, as in pods or deployments/scale.", .type = T_SET },
	{ "verbs", MUST, NULL, "What is allowed, as in get, list, watch.", .type = T_SET },
	{ 0 },
};

static const struct tf_attr role_rows[] = {
	METADATA,
	{ "rule", MANY | MUST, "rules", "What is allowed.", .sub = role_rule },
	{ 0 },
};

#define ROLE .api_version = RBAC, .kind = "Role", .namespaced = true
const struct typed_kind typed_role_v1 = {
	RESOURCE("role_v1", role_rows, .doc = "What may be done in a namespace.",
		 .example = "resource \"kubernetes_role_v1\" \"reader\" {\n"
			    "  metadata {\n"
			    "    name = \"reader\"\n"
			    "  }\n"
			    "  rule {\n"
			    "    api_groups = [\"\"]\n"
			    "    resources  = [\"pods\", \"pods/log\"]\n"
			    "    verbs      = [\"get\", \"list\", \"watch\"]\n"
			    "  }\n"
			    "}\n"),
	ROLE
};
const struct typed_kind typed_role = { RESOURCE("role", role_rows, OLD("role_v1")), ROLE };

static const struct tf_attr cluster_role_rule[] = {
	{ "api_groups", TF_OPTIONAL, NULL, "Groups of the API; \"\" is the core.", .type = T_LIST },
	{ "non_resource_urls", TF_OPTIONAL, "nonResourceURLs", "Paths that are no objects.",
	  .type = T_LIST },
	{ "resource_names", TF_OPTIONAL, NULL, "Objects it is about; all if none.",
	  .type = T_LIST },
	{ "resources", TF_OPTIONAL, NULL, "Kinds, as in pods or deployments/scale.",
	  .type = T_LIST },
	{ "verbs", MUST, NULL, "What is allowed, as in get, list, watch.", .type = T_LIST },
	{ 0 },
};

static const struct tf_attr aggregation_rule[] = {
	{ "cluster_role_selectors", MANY, NULL, "Roles whose rules it has.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr cluster_role_rows[] = {
	CLUSTER_METADATA,
	{ "aggregation_rule", ONE, NULL, "Takes its rules from other cluster roles.",
	  .sub = aggregation_rule },
	{ "rule", MANY, "rules", "What is allowed.", .sub = cluster_role_rule },
	{ 0 },
};

#define CLUSTER_ROLE .api_version = RBAC, .kind = "ClusterRole"
const struct typed_kind typed_cluster_role_v1 = {
	CLUSTER_RESOURCE("cluster_role_v1", cluster_role_rows,
			 .doc = "What may be done in all namespaces, or in those it is bound in.",
			 .example = "resource \"kubernetes_cluster_role_v1\" \"node_reader\" {\n"
				    "  metadata {\n"
				    "    name = \"node-reader\"\n"
				    "  }\n"
				    "  rule {\n"
				    "    api_groups = [\"\"]\n"
				    "    resources  = [\"nodes\"]\n"
				    "    verbs      = [\"get\", \"list\"]\n"
				    "  }\n"
				    "}\n"),
	CLUSTER_ROLE
};
const struct typed_kind typed_cluster_role = {
	CLUSTER_RESOURCE("cluster_role", cluster_role_rows, OLD("cluster_role_v1")), CLUSTER_ROLE
};

/* ---- bindings ---- */

static const struct tf_attr role_ref[] = {
	{ "api_group", MUST, NULL, "rbac.authorization.k8s.io" },
	{ "kind", MUST, NULL, "Role or ClusterRole." },
	{ "name", MUST, NULL, "Name of the role." },
	{ 0 },
};

static const struct tf_attr subject[] = {
	{ "api_group", TF_OC, "apiGroup", "\"\" of a service account, else RBAC's own group." },
	{ "kind", MUST, NULL, "User, Group or ServiceAccount." },
	{ "name", MUST, NULL, "Its name." },
	{ "namespace", TF_OPTIONAL, NULL, "Namespace, of a service account.",
	  .value = "\"default\"" },
	{ 0 },
};

/* The API wants it said; of others there is none. */
static void send_account_namespace(struct json_object *manifest, struct json_object *config)
{
	struct json_object *subjects = json_at(manifest, "subjects");

	(void)config;
	for (size_t i = 0; i < json_len(subjects); i++)
		if (json_is_str(json_at(json_nth(subjects, i), "kind"), "ServiceAccount") &&
		    !json_str(json_nth(subjects, i), "namespace"))
			json_sets(json_nth(subjects, i), "namespace", "default");
}

static const struct tf_attr role_binding_rows[] = {
	METADATA,
	{ "role_ref", ONE | MUST | TF_NEW, NULL, "What they may do.", .sub = role_ref },
	{ "subject", MANY | MUST, "subjects", "Who may do it.", .sub = subject },
	{ 0 },
};

#define ROLE_BINDING                                                    \
	.api_version = RBAC, .kind = "RoleBinding", .namespaced = true, \
	.sent = send_account_namespace
const struct typed_kind typed_role_binding_v1 = {
	RESOURCE("role_binding_v1", role_binding_rows, .doc = "Who has a role in a namespace.",
		 .example = "resource \"kubernetes_role_binding_v1\" \"readers\" {\n"
			    "  metadata {\n"
			    "    name = \"readers\"\n"
			    "  }\n"
			    "  role_ref {\n"
			    "    api_group = \"rbac.authorization.k8s.io\"\n"
			    "    kind      = \"ClusterRole\"\n"
			    "    name      = \"view\"\n"
			    "  }\n"
			    "  subject {\n"
			    "    api_group = \"rbac.authorization.k8s.io\"\n"
			    "    kind      = \"Group\"\n"
			    "    name      = \"readers\"\n"
			    "  }\n"
			    "}\n"),
	ROLE_BINDING
};
const struct typed_kind typed_role_binding = {
	RESOURCE("role_binding", role_binding_rows, OLD("role_binding_v1")), ROLE_BINDING
};

static const struct tf_attr cluster_role_binding_rows[] = {
	CLUSTER_METADATA,
	{ "role_ref", ONE | MUST | TF_NEW, NULL, "What they may do.", .sub = role_ref },
	{ "subject", MANY | MUST, "subjects", "Who may do it.", .sub = subject },
	{ 0 },
};

#define CLUSTER_ROLE_BINDING \
	.api_version = RBAC, .kind = "ClusterRoleBinding", .sent = send_account_namespace
const struct typed_kind typed_cluster_role_binding_v1 = {
	CLUSTER_RESOURCE("cluster_role_binding_v1", cluster_role_binding_rows,
			 .doc = "Who has a role in all namespaces.",
			 .example =
				 "resource \"kubernetes_cluster_role_binding_v1\" \"auditors\" {\n"
				 "  metadata {\n"
				 "    name = \"auditors\"\n"
				 "  }\n"
				 "  role_ref {\n"
				 "    api_group = \"rbac.authorization.k8s.io\"\n"
				 "    kind      = \"ClusterRole\"\n"
				 "    name      = \"view\"\n"
				 "  }\n"
				 "  subject {\n"
				 "    api_group = \"rbac.authorization.k8s.io\"\n"
				 "    kind      = \"User\"\n"
				 "    name      = \"auditor\"\n"
				 "  }\n"
				 "}\n"),
	CLUSTER_ROLE_BINDING
};
const struct typed_kind typed_cluster_role_binding = {
	CLUSTER_RESOURCE("cluster_role_binding", cluster_role_binding_rows,
			 OLD("cluster_role_binding_v1")),
	CLUSTER_ROLE_BINDING
};

/* ---- service accounts ---- */

static const struct tf_attr reference[] = {
	{ "name", TF_OPTIONAL | TYPED_KEY, NULL, "Name of the Secret." },
	{ 0 },
};

static const struct tf_attr service_account_rows[] = {
	METADATA,
	{ "automount_service_account_token", TF_OPTIONAL, NULL,
	  "Whether its token is mounted into pods.", .type = T_BOOL, .value = "true" },
	{ "default_secret_name", TF_COMPUTED | TF_DEPRECATED, "",
	  "Always null: clusters make no such Secret any more." },
	{ "image_pull_secret", TF_BLOCK | TF_SET, "imagePullSecrets",
	  "Credentials for the images of its pods.", .sub = reference },
	{ "secret", TF_BLOCK | TF_SET, "secrets", "Secrets its pods may use.", .sub = reference },
	{ 0 },
};

#define SERVICE_ACCOUNT .api_version = "v1", .kind = "ServiceAccount", .namespaced = true
const struct typed_kind typed_service_account_v1 = {
	RESOURCE("service_account_v1", service_account_rows, .minutes = { .create = 1 },
		 .doc = "Who a pod is to the API server.",
		 .example = "resource \"kubernetes_service_account_v1\" \"web\" {\n"
			    "  metadata {\n"
			    "    name = \"web\"\n"
			    "  }\n"
			    "  automount_service_account_token = false\n"
			    "}\n"),
	SERVICE_ACCOUNT
};
const struct typed_kind typed_service_account = { RESOURCE("service_account", service_account_rows,
							   .minutes = { .create = 1 },
							   OLD("service_account_v1")),
						  SERVICE_ACCOUNT };

static const struct tf_attr data_service_account_rows[] = {
	DATA_METADATA,
	{ "automount_service_account_token", TF_COMPUTED, NULL,
	  "Whether its token is mounted into pods.", .type = T_BOOL },
	{ "default_secret_name", TF_COMPUTED | TF_DEPRECATED, "",
	  "Always null: clusters make no such Secret any more." },
	{ "image_pull_secret", TF_COMPUTED, "imagePullSecrets",
	  "Credentials for the images of its pods.", .sub = reference },
	{ "secret", TF_COMPUTED, "secrets", "Secrets its pods may use.", .sub = reference },
	{ 0 },
};

const struct typed_kind typed_data_service_account_v1 = {
	DATA("service_account_v1", data_service_account_rows,
	     .doc = "A service account that is there already.",
	     .example = "data \"kubernetes_service_account_v1\" \"default\" {\n"
			"  metadata {\n"
			"    name = \"default\"\n"
			"  }\n"
			"}\n"),
	SERVICE_ACCOUNT
};
const struct typed_kind typed_data_service_account = {
	DATA("service_account", data_service_account_rows, OLD("service_account_v1")),
	SERVICE_ACCOUNT
};
