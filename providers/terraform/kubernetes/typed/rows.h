#ifndef TYPED_ROWS_H
#define TYPED_ROWS_H

#include "json.h"
#include "kubernetes/typed.h"

/* ---- what tables are made of ---- */

#define T_NUMBER  "\"number\""
#define T_BOOL    "\"bool\""
#define T_MAP     "[\"map\",\"string\"]"
#define T_LIST    "[\"list\",\"string\"]"
#define T_SET     "[\"set\",\"string\"]"
#define T_NUMBERS "[\"list\",\"number\"]"

enum { ONE = TF_BLOCK | TF_UNIQUE, MANY = TF_BLOCK, MUST = TF_REQUIRED };

/* Shared by several kinds (typed/meta.c, typed/pod.c). */
extern const struct tf_attr rows_metadata[], rows_cluster_metadata[], rows_job_metadata[],
	rows_data_metadata[], rows_data_cluster_metadata[], rows_inner_metadata[],
	rows_template_metadata[], rows_selector[], rows_claim_spec[], rows_deployment_template[],
	rows_pod_template[], rows_job_pod_template[];

/* All there are, by file. */
#define TYPED_KINDS(X)                   \
	X(typed_namespace_v1)            \
	X(typed_namespace_old)           \
	X(typed_data_namespace_v1)       \
	X(typed_data_namespace)          \
	X(typed_config_map_v1)           \
	X(typed_config_map)              \
	X(typed_data_config_map_v1)      \
	X(typed_data_config_map)         \
	X(typed_secret_v1)               \
	X(typed_secret)                  \
	X(typed_data_secret_v1)          \
	X(typed_data_secret)             \
	X(typed_role_v1)                 \
	X(typed_role)                    \
	X(typed_cluster_role_v1)         \
	X(typed_cluster_role)            \
	X(typed_role_binding_v1)         \
	X(typed_role_binding)            \
	X(typed_cluster_role_binding_v1) \
	X(typed_cluster_role_binding)    \
	X(typed_service_account_v1)      \
	X(typed_service_account)         \
	X(typed_data_service_account_v1) \
	X(typed_data_service_account)    \
	X(typed_deployment_v1)           \
	X(typed_deployment)              \
	X(typed_stateful_set_v1)         \
	X(typed_stateful_set)            \
	X(typed_daemon_set_v1)           \
	X(typed_daemonset)               \
	X(typed_job_v1)                  \
	X(typed_job)                     \
	X(typed_cron_job_v1)             \
	X(typed_cron_job)                \
	X(typed_service_v1)              \
	X(typed_service)                 \
	X(typed_data_service_v1)         \
	X(typed_data_service)            \
	X(typed_ingress_v1)              \
	X(typed_data_ingress_v1)         \
	X(typed_network_policy_v1)       \
	X(typed_network_policy)          \
	X(typed_claim_v1)                \
	X(typed_claim)                   \
	X(typed_data_claim_v1)           \
	X(typed_data_claim)              \
	X(typed_storage_class_v1)        \
	X(typed_storage_class)           \
	X(typed_data_storage_class_v1)   \
	X(typed_data_storage_class)      \
	X(typed_budget_v1)               \
	X(typed_budget)                  \
	X(typed_scaler_v2)               \
	X(typed_scaler)                  \
	X(typed_scaler_v1)
#define X(kind) extern const struct typed_kind kind;
TYPED_KINDS(X)
#undef X

extern const struct tf_worker typed_worker;

/* The beginning of a struct typed_kind. */
#define TYPED(what_, tf_name, rows, ...) \
	.tf = { .name = tf_name,         \
		.what = what_,           \
		.attrs = rows,           \
		.worker = &typed_worker, \
		__VA_ARGS__ }
#define RESOURCE(tf_name, rows, ...)                                                       \
	TYPED(TF_RESOURCE, tf_name, rows, .import_doc = "The ID is `<namespace>/<name>`.", \
	      __VA_ARGS__)
#define CLUSTER_RESOURCE(tf_name, rows, ...) \
	TYPED(TF_RESOURCE, tf_name, rows, .import_doc = "The ID is the name.", __VA_ARGS__)
#define DATA(tf_name, rows, ...) TYPED(TF_DATA, tf_name, rows, __VA_ARGS__)
#define OLD(better)              .doc = "Another name of `kubernetes_" better "`.", .flags = TF_OLD_NAME

#define METADATA                                                                                 \
	{                                                                                        \
		"metadata", ONE | MUST, NULL, "Name, labels and the like.", .sub = rows_metadata \
	}
#define CLUSTER_METADATA                                                    \
	{                                                                   \
		"metadata", ONE | MUST, NULL, "Name, labels and the like.", \
			.sub = rows_cluster_metadata                        \
	}
#define DATA_METADATA                                                       \
	{                                                                   \
		"metadata", ONE | MUST, NULL, "Name, labels and the like.", \
			.sub = rows_data_metadata                           \
	}
#define DATA_CLUSTER_METADATA                                               \
	{                                                                   \
		"metadata", ONE | MUST, NULL, "Name, labels and the like.", \
			.sub = rows_data_cluster_metadata                   \
	}

/* ---- values (typed/convert.c) ---- */

/* The row's name in the API, in `space` if it has to be made. */
enum { API_NAME_BYTES = 80 };
const char *row_api(const struct tf_attr *row, char space[static API_NAME_BYTES]);
/* Not of the API at all. */
bool row_is_local(const struct tf_attr *row);
bool row_is_map(const struct tf_attr *row);
/* Default as a value; NULL: none. New. */
struct json_object *row_default(const struct tf_attr *row);
/* {API's name: value} of all that is given; what is unknown or null is left out. New. */
struct json_object *rows_sent(const struct tf_attr *rows, struct json_object *values);
/* The row's own value within its object of the API, borrowed. */
struct json_object *row_in(const struct tf_attr *row, struct json_object *object);
/* All that the object has for the row; NULL (blocks: []) if it has nothing. New. */
struct json_object *row_seen(const struct tf_attr *row, struct json_object *object);
struct json_object *rows_seen(const struct tf_attr *rows, struct json_object *object);
/* Elements of a block as the API has them: n of them, borrowed. */
size_t block_len(const struct tf_attr *row, struct json_object *object);
struct json_object *block_nth(const struct tf_attr *row, struct json_object *object, size_t i);
/* null, "", 0, false, [], {}: the API does not tell them apart where they are no pointers. */
bool is_zero(struct json_object *v);
/* Whether two values mean the same; unknown ones never do. */
bool row_equal(const struct tf_attr *row, struct json_object *x, struct json_object *y);
/*
 * Place in `list` (by Terraform's names; null elements are none) of the element that `element` is, by
 * the rows that tell elements apart; without such, the i-th. The list's length: it is not there.
 */
size_t element_find(const struct tf_attr *row, struct json_object *element, size_t i,
		    struct json_object *list);
bool quantity_equal(const char *x, const char *y);

/* ---- ownership (typed/part.c) ---- */

/*
 * The part of an object that `manager` applied, in the same shape: elements of lists that it did not
 * are null. NULL: it never applied it. New.
 */
struct json_object *object_part(struct json_object *object, const char *manager);

#endif
