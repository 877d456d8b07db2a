#include "rows.h"

#define WAIT_ROW                                                                        \
	{                                                                               \
		"wait_for_rollout", TF_OPTIONAL, "",                                    \
			"Whether to wait until all its pods are up to date and ready.", \
			.type = T_BOOL, .value = "true"                                 \
	}
#define PODS                                                                          \
	.wait = WAIT_ROLLOUT, .wait_row = "wait_for_rollout", .wait_on_update = true, \
	.namespaced = true, .foreground = true, .api_version = "apps/v1"

/* ---- deployments ---- */

static const struct tf_attr rolling_update[] = {
	{ "max_surge", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "How many more pods there may be meanwhile: 2 or 25%.", .value = "\"25%\"" },
	{ "max_unavailable", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "How many pods may be missing meanwhile: 2 or 25%.", .value = "\"25%\"" },
	{ 0 },
};

static const struct tf_attr strategy[] = {
	{ "type", TF_OPTIONAL, NULL, "RollingUpdate or Recreate.", .value = "\"RollingUpdate\"" },
	{ "rolling_update", ONE, NULL, "How pods are replaced.", .sub = rolling_update },
	{ 0 },
};

static const struct tf_attr deployment_spec[] = {
	{ "min_ready_seconds", TF_OPTIONAL, NULL, "How long a pod has to be ready to count.",
	  .type = T_NUMBER, .value = "0" },
	{ "paused", TF_OPTIONAL, NULL, "Whether changes wait.", .type = T_BOOL, .value = "false" },
	{ "progress_deadline_seconds", TF_OPTIONAL, NULL,
	  "After so long without progress it has failed.", .type = T_NUMBER, .value = "600" },
	{ "replicas", TF_OC | TYPED_INT, NULL,
	  "How many pods; leave it out where something else scales it." },
	{ "revision_history_limit", TF_OPTIONAL, NULL, "How many old versions are kept.",
	  .type = T_NUMBER, .value = "10" },
	{ "selector", ONE | TF_NEW, NULL, "Which pods are its own.", .sub = rows_selector },
	{ "strategy", ONE, NULL, "How pods are replaced.", .sub = strategy },
	{ "template", ONE | MUST, NULL, "What its pods are.", .sub = rows_deployment_template },
	{ 0 },
};

static const struct tf_attr deployment_rows[] = {
	WAIT_ROW,
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = deployment_spec },
	{ 0 },
};

#define DEPLOYMENT .kind = "Deployment", PODS
const struct typed_kind typed_deployment_v1 = {
	RESOURCE("deployment_v1", deployment_rows, .version = 1, .minutes = { 10, 10, 10 },
		 .doc = "Pods that are all the same, and replaced a few at a time.",
		 .example = "resource \"kubernetes_deployment_v1\" \"web\" {\n"
			    "  metadata {\n"
			    "    name   = \"web\"\n"
			    "    labels = { app = \"web\" }\n"
			    "  }\n"
			    "  spec {\n"
			    "    replicas = 2\n"
			    "    selector {\n"
			    "      match_labels = { app = \"web\" }\n"
			    "    }\n"
			    "    template {\n"
			    "      metadata {\n"
			    "        labels = { app = \"web\" }\n"
			    "      }\n"
			    "      spec {\n"
			    "        container {\n"
			    "          name  = \"web\"\n"
			    "          image = \"registry.example/web:1.0\"\n"
			    "          port {\n"
			    "            container_port = 8080\n"
			    "          }\n"
			    "          resources {\n"
			    "            limits = { cpu = \"0.5\", memory = \"256Mi\" }\n"
			    "          }\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	DEPLOYMENT
};
const struct typed_kind typed_deployment = { RESOURCE("deployment", deployment_rows, .version = 1,
						      .minutes = { 10, 10, 10 },
						      OLD("deployment_v1")),
					     DEPLOYMENT };

/* ---- stateful sets ---- */

static const struct tf_attr retention_policy[] = {
	{ "when_deleted", TF_OPTIONAL, NULL, "Retain or Delete claims with the set.",
	  .value = "\"Retain\"" },
	{ "when_scaled", TF_OPTIONAL, NULL, "Retain or Delete claims of pods that go.",
	  .value = "\"Retain\"" },
	{ 0 },
};

static const struct tf_attr partition[] = {
	{ "partition", TF_OPTIONAL, NULL, "Pods with a lower number are left alone.",
	  .type = T_NUMBER, .value = "0" },
	{ 0 },
};

static const struct tf_attr update_strategy[] = {
	{ "type", TF_OPTIONAL, NULL, "RollingUpdate or OnDelete.", .value = "\"RollingUpdate\"" },
	{ "rolling_update", ONE, NULL, "How pods are replaced.", .sub = partition },
	{ 0 },
};

static const struct tf_attr volume_claim_template[] = {
	{ "metadata", ONE | MUST, NULL, "Name of the volume, labels.", .sub = rows_inner_metadata },
	{ "spec", ONE | MUST, NULL, "The claim.", .sub = rows_claim_spec },
	{ 0 },
};

static const struct tf_attr stateful_set_spec[] = {
	{ "min_ready_seconds", TF_OPTIONAL, NULL, "How long a pod has to be ready to count.",
	  .type = T_NUMBER },
	{ "pod_management_policy", TF_OC | TF_NEW, NULL, "OrderedReady or Parallel." },
	{ "replicas", TF_OC | TYPED_INT, NULL,
	  "How many pods; leave it out where something else scales it." },
	{ "revision_history_limit", TF_OC, NULL, "How many old versions are kept.",
	  .type = T_NUMBER },
	{ "service_name", MUST | TF_NEW, NULL, "Service that its pods' names are in." },
	{ "persistent_volume_claim_retention_policy", ONE, NULL, "What becomes of its claims.",
	  .sub = retention_policy },
	{ "selector", ONE | MUST | TF_NEW, NULL, "Which pods are its own.", .sub = rows_selector },
	{ "template", ONE | MUST, NULL, "What its pods are.", .sub = rows_pod_template },
	{ "update_strategy", ONE, NULL, "How pods are replaced.", .sub = update_strategy },
	{ "volume_claim_template", MANY | TF_NEW, "volumeClaimTemplates",
	  "Claim that each pod has for itself.", .sub = volume_claim_template },
	{ 0 },
};

static const struct tf_attr stateful_set_rows[] = {
	WAIT_ROW,
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = stateful_set_spec },
	{ 0 },
};

#define STATEFUL_SET .kind = "StatefulSet", PODS
const struct typed_kind typed_stateful_set_v1 = {
	RESOURCE("stateful_set_v1", stateful_set_rows, .version = 1, .minutes = { 10, 10, 10, 10 },
		 .doc = "Pods that have a name and storage of their own each.",
		 .example = "resource \"kubernetes_stateful_set_v1\" \"store\" {\n"
			    "  metadata {\n"
			    "    name = \"store\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    service_name = \"store\"\n"
			    "    replicas     = 2\n"
			    "    selector {\n"
			    "      match_labels = { app = \"store\" }\n"
			    "    }\n"
			    "    template {\n"
			    "      metadata {\n"
			    "        labels = { app = \"store\" }\n"
			    "      }\n"
			    "      spec {\n"
			    "        container {\n"
			    "          name  = \"store\"\n"
			    "          image = \"registry.example/store:1.0\"\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	STATEFUL_SET
};
const struct typed_kind typed_stateful_set = { RESOURCE("stateful_set", stateful_set_rows,
							.version = 1, .minutes = { 10, 10, 10, 10 },
							OLD("stateful_set_v1")),
					       STATEFUL_SET };

/* ---- daemon sets ---- */

static const struct tf_attr daemon_rolling_update[] = {
	{ "max_surge", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "On how many nodes a second pod may be meanwhile: 2 or 25%.", .value = "\"0\"" },
	{ "max_unavailable", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "On how many nodes none may be meanwhile: 2 or 25%.", .value = "\"1\"" },
	{ 0 },
};

static const struct tf_attr daemon_strategy[] = {
	{ "type", TF_OPTIONAL, NULL, "RollingUpdate or OnDelete.", .value = "\"RollingUpdate\"" },
	{ "rolling_update", ONE, NULL, "How pods are replaced.", .sub = daemon_rolling_update },
	{ 0 },
};

static const struct tf_attr daemon_set_spec[] = {
	{ "min_ready_seconds", TF_OPTIONAL, NULL, "How long a pod has to be ready to count.",
	  .type = T_NUMBER, .value = "0" },
	{ "revision_history_limit", TF_OPTIONAL, NULL, "How many old versions are kept.",
	  .type = T_NUMBER, .value = "10" },
	{ "selector", ONE | TF_NEW, NULL, "Which pods are its own.", .sub = rows_selector },
	{ "strategy", ONE, "updateStrategy", "How pods are replaced.", .sub = daemon_strategy },
	{ "template", ONE | MUST, NULL, "What its pods are.", .sub = rows_pod_template },
	{ 0 },
};

static const struct tf_attr daemon_set_rows[] = {
	WAIT_ROW,
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = daemon_set_spec },
	{ 0 },
};

#define DAEMON_SET .kind = "DaemonSet", PODS
const struct typed_kind typed_daemon_set_v1 = {
	RESOURCE("daemon_set_v1", daemon_set_rows, .version = 1, .minutes = { 10, 10, 10 },
		 .doc = "One pod on each node.",
		 .example = "resource \"kubernetes_daemon_set_v1\" \"agent\" {\n"
			    "  metadata {\n"
			    "    name = \"agent\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    selector {\n"
			    "      match_labels = { app = \"agent\" }\n"
			    "    }\n"
			    "    template {\n"
			    "      metadata {\n"
			    "        labels = { app = \"agent\" }\n"
			    "      }\n"
			    "      spec {\n"
			    "        container {\n"
			    "          name  = \"agent\"\n"
			    "          image = \"registry.example/agent:1.0\"\n"
			    "        }\n"
			    "        toleration {\n"
			    "          operator = \"Exists\"\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	DAEMON_SET
};
const struct typed_kind typed_daemonset = { RESOURCE("daemonset", daemon_set_rows, .version = 1,
						     .minutes = { 10, 10, 10 },
						     OLD("daemon_set_v1")),
					    DAEMON_SET };
