#include "rows.h"

#define NAME                                                                               \
	{                                                                                  \
		"name", TF_OC | TF_NEW, NULL, "Name; unique among its kind and namespace." \
	}
#define NAMESPACE                                                               \
	{                                                                       \
		"namespace", TF_OPTIONAL | TF_NEW, NULL, "Namespace it is in.", \
			.value = "\"default\""                                  \
	}
#define GENERATE_NAME                                                               \
	{                                                                           \
		"generate_name", TF_OPTIONAL | TF_NEW | TYPED_BIRTH, "",            \
			"Beginning of a name that is made up, if no name is given." \
	}
#define ANNOTATIONS                                                                               \
	{                                                                                         \
		"annotations", TF_OPTIONAL, NULL, "Annotations; those that others set are kept.", \
			.type = T_MAP                                                             \
	}
#define LABELS                                                                          \
	{                                                                               \
		"labels", TF_OPTIONAL, NULL, "Labels; those that others set are kept.", \
			.type = T_MAP                                                   \
	}
#define UID                                                                      \
	{                                                                        \
		"uid", TF_COMPUTED, NULL, "What tells it from all others, ever." \
	}
#define GENERATION                                                                \
	{                                                                         \
		"generation", TF_COMPUTED | TYPED_FOLLOWS, NULL,                  \
			"Counts the changes of what is wanted.", .type = T_NUMBER \
	}
#define RESOURCE_VERSION                                               \
	{                                                              \
		"resource_version", TF_COMPUTED | TYPED_FOLLOWS, NULL, \
			"Another one after each change."               \
	}

const struct tf_attr rows_metadata[] = {
	NAME, NAMESPACE,  GENERATE_NAME,    ANNOTATIONS, LABELS,
	UID,  GENERATION, RESOURCE_VERSION, { 0 },
};

const struct tf_attr rows_cluster_metadata[] = {
	NAME, GENERATE_NAME, ANNOTATIONS, LABELS, UID, GENERATION, RESOURCE_VERSION, { 0 },
};

/* Jobs get labels of their own from the system. */
const struct tf_attr rows_job_metadata[] = {
	NAME,
	NAMESPACE,
	GENERATE_NAME,
	ANNOTATIONS,
	{ "labels", TF_OC, NULL, "Labels.", .type = T_MAP },
	UID,
	GENERATION,
	RESOURCE_VERSION,
	{ 0 },
};

const struct tf_attr rows_data_metadata[] = {
	{ "name", TF_OC, NULL, "Its name." },
	{ "namespace", TF_OPTIONAL, NULL, "Namespace it is in.", .value = "\"default\"" },
	ANNOTATIONS,
	LABELS,
	UID,
	GENERATION,
	RESOURCE_VERSION,
	{ 0 },
};

const struct tf_attr rows_data_cluster_metadata[] = {
	{ "name", TF_OC, NULL, "Its name." },
	ANNOTATIONS,
	LABELS,
	UID,
	GENERATION,
	RESOURCE_VERSION,
	{ 0 },
};

/* Of templates: the objects made of them have the rest. */
#define INNER                                                                                    \
	ANNOTATIONS, LABELS, { "generate_name", TF_OPTIONAL, "", "Not used in a template." },    \
		{ "generation", TF_COMPUTED, "", "Not used in a template.", .type = T_NUMBER },  \
		{ "name", TF_OC, NULL, "Name of what is made of it, where that may be given." }, \
		{ "resource_version", TF_COMPUTED, "", "Not used in a template." },              \
	{                                                                                        \
		"uid", TF_COMPUTED, "", "Not used in a template."                                \
	}

const struct tf_attr rows_inner_metadata[] = {
	INNER,
	{ "namespace", TF_OPTIONAL, NULL, "Namespace; a template's is that of its owner." },
	{ 0 },
};

const struct tf_attr rows_template_metadata[] = {
	INNER,
	{ 0 },
};

static const struct tf_attr match_expressions[] = {
	{ "key", TF_OPTIONAL, NULL, "Label it is about." },
	{ "operator", TF_OPTIONAL, NULL, "In, NotIn, Exists or DoesNotExist." },
	{ "values", TF_OPTIONAL, NULL, "Values, for In and NotIn.", .type = T_SET },
	{ 0 },
};

const struct tf_attr rows_selector[] = {
	{ "match_labels", TF_OPTIONAL, NULL, "Labels it must have, with these values.",
	  .type = T_MAP },
	{ "match_expressions", MANY, NULL, "Conditions about labels, all of which must hold.",
	  .sub = match_expressions },
	{ 0 },
};
