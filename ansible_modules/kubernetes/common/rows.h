#ifndef KUBERNETES_ROWS_H
#define KUBERNETES_ROWS_H

/* Rows that several modules have, by the names and defaults of kubernetes.core. */

#define ROW_API_VERSION                                                         \
	{                                                                       \
		"api_version", STR, OPTION,                                     \
			"API version of the objects, with its group: apps/v1.", \
			.aliases = "api version", .value = "\"v1\""             \
	}
#define ROW_KIND(flags)                                                                     \
	{                                                                                   \
		"kind", STR, OPTION | (flags), "Kind of the objects; a short name will do." \
	}
#define ROW_NAME(flags)                                              \
	{                                                            \
		"name", STR, OPTION | (flags), "Name of the object." \
	}
#define ROW_NAMESPACE(flags)                                                                              \
	{                                                                                                 \
		"namespace", STR, OPTION | (flags),                                                       \
			"Namespace of the object, where its kind lives in one; else that of the context." \
	}
#define ROW_DEFINITION                                                                       \
	{                                                                                    \
		"resource_definition", RAW, OPTION | OBJECTS,                                \
			"The objects: text of YAML or JSON with any number of documents, a " \
			"dictionary, or a list.",                                            \
			.aliases = "definition inline"                                       \
	}
#define ROW_SRC                                                                              \
	{                                                                                    \
		"src", STR, OPTION,                                                          \
			"File with the objects, on the controller; or where it is fetched: " \
			"http:// or https://."                                               \
	}
#define ROW_LABELS(default_)                                                                          \
	{                                                                                             \
		"label_selectors", LIST, OPTION,                                                      \
			"Only objects whose labels fit all of these: a=b, a!=b, a in (b, c), a, !a.", \
			.value = default_                                                             \
	}
#define ROW_FIELDS                                                                           \
	{                                                                                    \
		"field_selectors", LIST, OPTION,                                             \
			"Only objects whose fields fit all of these: status.phase=Running.", \
			.value = "[]"                                                        \
	}
#define ROW_HIDDEN(default_)                                                                   \
	{                                                                                      \
		"hidden_fields", LIST, OPTION,                                                 \
			"Fields left out of the result and the diff: metadata.managedFields.", \
			.value = default_                                                      \
	}
#define ROW_CONTINUE                                                                              \
	{                                                                                         \
		"continue_on_error", BOOL, OPTION,                                                \
			"Whether objects that fail are only told of in the result, and the task " \
			"succeeds.",                                                              \
			.value = "false"                                                          \
	}
#define ROW_SHOW_SECRETS                                                                      \
	{                                                                                     \
		"show_secrets", BOOL, OPTION,                                                 \
			"Whether the diff shows what Secrets hold; else it is masked there.", \
			.value = "false"                                                      \
	}
#define ROW_WAIT(default_)                                                                     \
	{                                                                                      \
		"wait", BOOL, OPTION, "Whether to wait until the objects are ready, or gone.", \
			.value = default_                                                      \
	}
#define ROW_WAIT_SLEEP                                                                       \
	{                                                                                    \
		"wait_sleep", INT, OPTION,                                                   \
			"Accepted for the sake of existing playbooks: waiting is by watch, " \
			"nothing sleeps.",                                                   \
			.value = "5"                                                         \
	}
#define ROW_WAIT_TIMEOUT(default_)                                                          \
	{                                                                                   \
		"wait_timeout", INT, OPTION, "Seconds to wait at most.", .value = default_, \
	}
#define ROW_WAIT_CONDITION                                                                             \
	{                                                                                              \
		"wait_condition", OBJ, OPTION,                                                         \
			"Condition in the status to wait for, in place of what makes its kind ready.", \
			.sub = wait_condition_rows                                                     \
	}

extern const struct attr wait_condition_rows[];
/* One key, `result`: an object. */
extern const struct attr result_rows[];

#endif
