#ifndef TREENAIL_KINDS_H
#define TREENAIL_KINDS_H

#include "terraform.h"

extern const struct tf_kind treenail_host_file, treenail_host_exec;
extern const struct tf_kind treenail_cluster, treenail_cluster_node, treenail_kubeconfig,
	treenail_cluster_health;

#endif
