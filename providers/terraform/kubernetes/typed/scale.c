#include "rows.h"

/* ---- disruption budgets ---- */

static const struct tf_attr budget_spec[] = {
	{ "max_unavailable", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "How many pods may be missing: 1 or 25%." },
	{ "min_available", TF_OPTIONAL | TYPED_INT_OR_STRING, NULL,
	  "How many pods have to be there: 1 or 75%." },
	{ "selector", ONE | MUST, NULL, "Which pods.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr budget_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = budget_spec },
	{ 0 },
};

#define BUDGET .api_version = "policy/v1", .kind = "PodDisruptionBudget", .namespaced = true
const struct typed_kind typed_budget_v1 = {
	RESOURCE("pod_disruption_budget_v1", budget_rows,
		 .doc = "How many of some pods may be taken away at a time.",
		 .example = "resource \"kubernetes_pod_disruption_budget_v1\" \"web\" {\n"
			    "  metadata {\n"
			    "    name = \"web\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    max_unavailable = \"20%\"\n"
			    "    selector {\n"
			    "      match_labels = { app = \"web\" }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	BUDGET
};
const struct typed_kind typed_budget = {
	RESOURCE("pod_disruption_budget", budget_rows, OLD("pod_disruption_budget_v1")), BUDGET
};

/* ---- autoscalers ---- */

static const struct tf_attr scaling_policy[] = {
	{ "period_seconds", MUST, NULL, "In which time.", .type = T_NUMBER },
	{ "type", MUST, NULL, "Pods or Percent." },
	{ "value", MUST, NULL, "By how much.", .type = T_NUMBER },
	{ 0 },
};

static const struct tf_attr scaling[] = {
	{ "select_policy", TF_OC, NULL, "Max, Min or Disabled: which of several policies." },
	{ "stabilization_window_seconds", TF_OC, NULL, "For how long back wishes are looked at.",
	  .type = T_NUMBER },
	{ "policy", MANY | MUST, "policies", "By how much, and how fast.", .sub = scaling_policy },
	{ 0 },
};

static const struct tf_attr behavior[] = {
	{ "scale_down", ONE, NULL, "To fewer pods.", .sub = scaling },
	{ "scale_up", ONE, NULL, "To more pods.", .sub = scaling },
	{ 0 },
};

static const struct tf_attr target[] = {
	{ "average_utilization", TF_OPTIONAL, NULL, "Percent of what pods request.",
	  .type = T_NUMBER },
	{ "average_value", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Average of the pods." },
	{ "type", MUST, NULL, "Utilization, Value or AverageValue." },
	{ "value", TF_OPTIONAL | TYPED_QUANTITY, NULL, "Value." },
	{ 0 },
};

static const struct tf_attr metric_id[] = {
	{ "name", MUST, NULL, "Name of the metric." },
	{ "selector", ONE, NULL, "Which of its series.", .sub = rows_selector },
	{ 0 },
};

static const struct tf_attr container_resource[] = {
	{ "container", MUST, NULL, "Container of the pods." },
	{ "name", MUST, NULL, "Resource, as in cpu." },
	{ "target", ONE, NULL, "What it shall be.", .sub = target },
	{ 0 },
};

static const struct tf_attr external[] = {
	{ "metric", ONE | MUST, NULL, "Which metric.", .sub = metric_id },
	{ "target", ONE, NULL, "What it shall be.", .sub = target },
	{ 0 },
};

static const struct tf_attr described_object[] = {
	{ "api_version", MUST, NULL, "Version of its kind." },
	{ "kind", MUST, NULL, "Its kind." },
	{ "name", MUST, NULL, "Its name." },
	{ 0 },
};

static const struct tf_attr object[] = {
	{ "described_object", ONE | MUST, NULL, "Which object.", .sub = described_object },
	{ "metric", ONE | MUST, NULL, "Which metric.", .sub = metric_id },
	{ "target", ONE, NULL, "What it shall be.", .sub = target },
	{ 0 },
};

static const struct tf_attr resource[] = {
	{ "name", MUST, NULL, "Resource, as in cpu." },
	{ "target", ONE, NULL, "What it shall be.", .sub = target },
	{ 0 },
};

static const struct tf_attr metric[] = {
	{ "type", MUST, NULL, "Resource, ContainerResource, Pods, Object or External." },
	{ "container_resource", ONE, NULL, "Of one container of the pods.",
	  .sub = container_resource },
	{ "external", ONE, NULL, "Of something outside.", .sub = external },
	{ "object", ONE, NULL, "Of another object.", .sub = object },
	{ "pods", ONE, NULL, "Of the pods, of their own.", .sub = external },
	{ "resource", ONE, NULL, "Of the pods, of processor time or memory.", .sub = resource },
	{ 0 },
};

static const struct tf_attr scale_target_ref[] = {
	{ "api_version", TF_OPTIONAL, NULL, "Version of its kind." },
	{ "kind", MUST, NULL, "Its kind." },
	{ "name", MUST, NULL, "Its name." },
	{ 0 },
};

static const struct tf_attr scaler_spec[] = {
	{ "max_replicas", MUST, NULL, "Most pods.", .type = T_NUMBER },
	{ "min_replicas", TF_OPTIONAL, NULL, "Least pods.", .type = T_NUMBER, .value = "1" },
	{ "target_cpu_utilization_percentage", TF_OC, "",
	  "Percent of the requested processor time that pods shall use; a metric in short.",
	  .type = T_NUMBER },
	{ "behavior", ONE, NULL, "How fast.", .sub = behavior },
	{ "metric", MANY, "metrics", "What it goes by; the highest wish holds.", .sub = metric },
	{ "scale_target_ref", ONE | MUST, NULL, "What is scaled.", .sub = scale_target_ref },
	{ 0 },
};

static const struct tf_attr scaler_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = scaler_spec },
	{ 0 },
};

/* The older version's only metric, which the newer one has among others. */
static void send_cpu_target(struct json_object *manifest, struct json_object *config)
{
	struct json_object *spec = json_at(manifest, "spec"), *metrics = json_at(spec, "metrics");
	const int64_t percent = json_int(json_nth(json_at(config, "spec"), 0),
					 "target_cpu_utilization_percentage", 0);
	struct json_object *one = json_object_new_object(), *cpu = json_object_new_object(),
			   *wish = json_object_new_object();

	json_sets(wish, "type", "Utilization");
	json_set(wish, "averageUtilization", json_object_new_int64(percent));
	json_sets(cpu, "name", "cpu");
	json_set(cpu, "target", wish);
	json_sets(one, "type", "Resource");
	json_set(one, "resource", cpu);
	if (percent && !metrics) {
		metrics = json_object_new_array();
		json_set(spec, "metrics", metrics);
	}
	if (percent)
		json_object_array_add(metrics, one);
	else
		json_object_put(one);
}

#define SCALER(version) \
	.api_version = "autoscaling/" version, .kind = "HorizontalPodAutoscaler", .namespaced = true
const struct typed_kind typed_scaler_v2 = {
	RESOURCE("horizontal_pod_autoscaler_v2", scaler_rows,
		 .doc = "As many pods as are needed, by what they are measured by.",
		 .example = "resource \"kubernetes_horizontal_pod_autoscaler_v2\" \"web\" {\n"
			    "  metadata {\n"
			    "    name = \"web\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    min_replicas = 2\n"
			    "    max_replicas = 10\n"
			    "    scale_target_ref {\n"
			    "      api_version = \"apps/v1\"\n"
			    "      kind        = \"Deployment\"\n"
			    "      name        = \"web\"\n"
			    "    }\n"
			    "    metric {\n"
			    "      type = \"Resource\"\n"
			    "      resource {\n"
			    "        name = \"cpu\"\n"
			    "        target {\n"
			    "          type                = \"Utilization\"\n"
			    "          average_utilization = 70\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	SCALER("v2"), .sent = send_cpu_target
};
const struct typed_kind typed_scaler = { RESOURCE("horizontal_pod_autoscaler", scaler_rows,
						  OLD("horizontal_pod_autoscaler_v2")),
					 SCALER("v2"), .sent = send_cpu_target };

static const struct tf_attr scaler_v1_spec[] = {
	{ "max_replicas", MUST, NULL, "Most pods.", .type = T_NUMBER },
	{ "min_replicas", TF_OPTIONAL, NULL, "Least pods.", .type = T_NUMBER, .value = "1" },
	{ "target_cpu_utilization_percentage", TF_OC, "targetCPUUtilizationPercentage",
	  "Percent of the requested processor time that pods shall use.", .type = T_NUMBER },
	{ "scale_target_ref", ONE | MUST, NULL, "What is scaled.", .sub = scale_target_ref },
	{ 0 },
};

static const struct tf_attr scaler_v1_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = scaler_v1_spec },
	{ 0 },
};

const struct typed_kind typed_scaler_v1 = {
	RESOURCE("horizontal_pod_autoscaler_v1", scaler_v1_rows,
		 .doc = "As many pods as are needed, by the processor time they use.",
		 .example = "resource \"kubernetes_horizontal_pod_autoscaler_v1\" \"worker\" {\n"
			    "  metadata {\n"
			    "    name = \"worker\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    max_replicas                      = 5\n"
			    "    target_cpu_utilization_percentage = 80\n"
			    "    scale_target_ref {\n"
			    "      api_version = \"apps/v1\"\n"
			    "      kind        = \"Deployment\"\n"
			    "      name        = \"worker\"\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	SCALER("v1")
};
