#include "rows.h"

/* ---- jobs ---- */

static const struct tf_attr on_exit_codes[] = {
	{ "container_name", TF_OPTIONAL, NULL, "Container; all if none." },
	{ "operator", TF_OPTIONAL, NULL, "In or NotIn." },
	{ "values", MUST, NULL, "Exit codes.", .type = T_NUMBERS },
	{ 0 },
};

static const struct tf_attr on_pod_condition[] = {
	{ "status", TF_OPTIONAL, NULL, "True, False or Unknown.", .value = "\"True\"" },
	{ "type", TF_OPTIONAL, NULL, "Type of the condition." },
	{ 0 },
};

static const struct tf_attr failure_rule[] = {
	{ "action", TF_OPTIONAL, NULL, "FailJob, FailIndex, Ignore or Count." },
	{ "on_exit_codes", ONE, NULL, "By how a container ended.", .sub = on_exit_codes },
	{ "on_pod_condition", MANY, "onPodConditions", "By a condition of the pod.",
	  .sub = on_pod_condition },
	{ 0 },
};

static const struct tf_attr pod_failure_policy[] = {
	{ "rule", MANY | MUST, "rules", "The first that fits holds.", .sub = failure_rule },
	{ 0 },
};

/* What of a job may not change; of a cron job's, all may. */
#define JOB_SPEC(fixed)                                                                            \
	{ "active_deadline_seconds", TF_OPTIONAL, NULL, "After so long it is ended.",              \
	  .type = T_NUMBER },                                                                      \
		{ "backoff_limit",  TF_OPTIONAL, NULL, "How many failed pods it puts up with.",    \
		  .type = T_NUMBER, .value = "6" },                                                \
		{ "backoff_limit_per_index", TF_OPTIONAL | (fixed), NULL,                          \
		  "The same of each index.", .type = T_NUMBER },                                   \
		{ "completion_mode", TF_OC | (fixed), NULL, "NonIndexed or Indexed." },            \
		{ "completions",    TF_OPTIONAL | (fixed), NULL, "How many pods have to succeed.", \
		  .type = T_NUMBER, .value = "1" },                                                \
		{ "manual_selector", TF_OPTIONAL | (fixed), NULL,                                  \
		  "Whether selector is yours to give.", .type = T_BOOL },                          \
		{ "max_failed_indexes", TF_OPTIONAL, NULL,                                         \
		  "How many failed indexes it puts up with.", .type = T_NUMBER },                  \
		{ "parallelism",    TF_OPTIONAL, NULL, "How many pods run at a time.",             \
		  .type = T_NUMBER, .value = "1" },                                                \
		{ "ttl_seconds_after_finished", TF_OPTIONAL | TYPED_INT, NULL,                     \
		  "So long after its end it is deleted." },                                        \
		{ "pod_failure_policy", ONE | (fixed), NULL, "What failures mean.",                \
		  .sub = pod_failure_policy },                                                     \
		{ "selector", ONE | (fixed), NULL, "Which pods are its own.",                      \
		  .sub = rows_selector },                                                          \
	{                                                                                          \
		"template", ONE | MUST | (fixed), NULL, "What its pods are.",                      \
			.sub = rows_job_pod_template                                               \
	}

static const struct tf_attr job_spec[] = {
	JOB_SPEC(TF_NEW),
	{ 0 },
};

static const struct tf_attr job_rows[] = {
	{ "wait_for_completion", TF_OPTIONAL, "", "Whether to wait until it has succeeded.",
	  .type = T_BOOL, .value = "true" },
	{ "metadata", ONE | MUST, NULL, "Name, labels and the like.", .sub = rows_job_metadata },
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = job_spec },
	{ 0 },
};

/* The server's own default is Always, which it refuses for a job. */
static void restart_never(struct json_object *job)
{
	struct json_object *pod = json_at(job, "template.spec");

	if (pod && !json_has(pod, "restartPolicy"))
		json_sets(pod, "restartPolicy", "Never");
}

static void job_sent(struct json_object *manifest, struct json_object *config)
{
	(void)config;
	restart_never(json_at(manifest, "spec"));
}

#define JOB                                                                               \
	.api_version = "batch/v1", .kind = "Job", .namespaced = true, .foreground = true, \
	.wait = WAIT_READY, .wait_row = "wait_for_completion", .wait_on_update = true,    \
	.sent = job_sent
const struct typed_kind typed_job_v1 = {
	RESOURCE("job_v1", job_rows, .version = 1, .minutes = { 1, 1, 1 },
		 .doc = "Pods that have to succeed once.",
		 .example = "resource \"kubernetes_job_v1\" \"migrate\" {\n"
			    "  metadata {\n"
			    "    name = \"migrate\"\n"
			    "  }\n"
			    "  wait_for_completion = false\n"
			    "  spec {\n"
			    "    backoff_limit = 3\n"
			    "    template {\n"
			    "      metadata {}\n"
			    "      spec {\n"
			    "        restart_policy = \"Never\"\n"
			    "        container {\n"
			    "          name    = \"migrate\"\n"
			    "          image   = \"registry.example/shop:1.0\"\n"
			    "          command = [\"shop\", \"migrate\"]\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	JOB
};
const struct typed_kind typed_job = {
	RESOURCE("job", job_rows, .version = 1, .minutes = { 1, 1, 1 }, OLD("job_v1")), JOB
};

/* ---- cron jobs ---- */

static const struct tf_attr inner_job_spec[] = {
	JOB_SPEC(0),
	{ 0 },
};

static const struct tf_attr job_template[] = {
	{ "metadata", ONE | MUST, NULL, "Labels and annotations of the jobs.",
	  .sub = rows_inner_metadata },
	{ "spec", ONE | MUST, NULL, "The jobs.", .sub = inner_job_spec },
	{ 0 },
};

#define CRON_SPEC                                                                             \
	{ "concurrency_policy", TF_OPTIONAL, NULL, "Allow, Forbid or Replace.",               \
	  .value = "\"Allow\"" },                                                             \
		{ "failed_jobs_history_limit",      TF_OPTIONAL,      NULL,                   \
		  "How many failed jobs are kept.", .type = T_NUMBER, .value = "1" },         \
		{ "schedule", MUST, NULL, "When, as cron has it." },                          \
		{ "starting_deadline_seconds", TF_OPTIONAL, NULL,                             \
		  "How late a job may still be started.", .type = T_NUMBER },                 \
		{ "successful_jobs_history_limit",          TF_OPTIONAL,      NULL,           \
		  "How many jobs that succeeded are kept.", .type = T_NUMBER, .value = "3" }, \
		{ "suspend",      TF_OPTIONAL,     NULL, "Whether no more jobs are started.", \
		  .type = T_BOOL, .value = "false" },                                         \
	{                                                                                     \
		"job_template", ONE | MUST, NULL, "What its jobs are.", .sub = job_template   \
	}

static const struct tf_attr cron_job_spec[] = {
	CRON_SPEC,
	{ "timezone", TF_OPTIONAL, "timeZone", "Time zone of the schedule." },
	{ 0 },
};

static const struct tf_attr cron_job_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = cron_job_spec },
	{ 0 },
};

static const struct tf_attr old_cron_job_spec[] = {
	CRON_SPEC,
	{ 0 },
};

static const struct tf_attr old_cron_job_rows[] = {
	METADATA,
	{ "spec", ONE | MUST, NULL, "What is wanted.", .sub = old_cron_job_spec },
	{ 0 },
};

static void cron_job_sent(struct json_object *manifest, struct json_object *config)
{
	(void)config;
	restart_never(json_at(manifest, "spec.jobTemplate.spec"));
}

#define CRON_JOB                                                                              \
	.api_version = "batch/v1", .kind = "CronJob", .namespaced = true, .foreground = true, \
	.sent = cron_job_sent
const struct typed_kind typed_cron_job_v1 = {
	RESOURCE("cron_job_v1", cron_job_rows, .minutes = { .remove = 1 },
		 .doc = "Jobs at certain times.",
		 .example = "resource \"kubernetes_cron_job_v1\" \"report\" {\n"
			    "  metadata {\n"
			    "    name = \"report\"\n"
			    "  }\n"
			    "  spec {\n"
			    "    schedule = \"0 4 * * *\"\n"
			    "    timezone = \"Etc/UTC\"\n"
			    "    job_template {\n"
			    "      metadata {}\n"
			    "      spec {\n"
			    "        template {\n"
			    "          metadata {}\n"
			    "          spec {\n"
			    "            restart_policy = \"OnFailure\"\n"
			    "            container {\n"
			    "              name  = \"report\"\n"
			    "              image = \"registry.example/report:1.0\"\n"
			    "            }\n"
			    "          }\n"
			    "        }\n"
			    "      }\n"
			    "    }\n"
			    "  }\n"
			    "}\n"),
	CRON_JOB
};
/* The version of the API that this name was of is gone; its objects are those of batch/v1. */
const struct typed_kind typed_cron_job = { RESOURCE("cron_job", old_cron_job_rows, .version = 1,
						    .minutes = { .remove = 1 }, OLD("cron_job_v1")),
					   CRON_JOB };
