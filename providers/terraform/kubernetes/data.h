#ifndef KUBERNETES_DATA_H
#define KUBERNETES_DATA_H

#include "adapter/function.h"
#include "terraform.h"

/* What has no table of its own: data sources, an ephemeral resource, and functions. */
extern const struct tf_kind kubernetes_resource, kubernetes_resources, kubernetes_server_version,
	kubernetes_all_namespaces, kubernetes_nodes, kubernetes_token_request;
extern const struct function kubernetes_functions[];

/* Sets major, minor, git_version, ... and id of a state. */
MUST_USE struct err *server_version_show(struct tf_op *t);

#endif
