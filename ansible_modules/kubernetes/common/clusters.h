#ifndef KUBERNETES_CLUSTERS_H
#define KUBERNETES_CLUSTERS_H

#include "cluster/run.h"
#include "rows.h"
#include "system.h"

/* What the modules share that make clusters on hosts reached by SSH. */

#define ROW_CLUSTER                                                                          \
	{                                                                                    \
		"cluster", OBJ, OPTION | REQUIRED,                                           \
			"The cluster: what all of these modules are given, so keep it in a " \
			"variable.",                                                         \
			.sub = cluster_attrs                                                 \
	}
#define ROW_NODE_TIMEOUT                                                                    \
	{                                                                                   \
		"node_timeout", INT, OPTION, "Seconds that one action on a node may take.", \
			.value = "900"                                                      \
	}

/* In examples, below the module's name. */
#define EXAMPLE_CLUSTER                                                           \
	"    cluster:\n"                                                          \
	"      name: demo\n"                                                      \
	"      version: 1.33.13\n"                                                \
	"      ssh: {user: ops, sudo: true}\n"                                    \
	"      nodes:\n"                                                          \
	"        - {name: c1, role: control_plane, host: {address: 10.0.0.11}}\n" \
	"        - {name: w1, host: {address: 10.0.0.12}, labels: {disk: fast}}\n"

extern const struct attr cluster_action_rows[], cluster_node_shown_rows[];

#define ROWS_CLUSTER_RETURNED                                                                  \
	{ "actions", LIST, READONLY, "What was done, in order; in check mode, what would be.", \
	  .sub = cluster_action_rows },                                                        \
		{ "version", STR, READONLY,                                                    \
		  "Version that the cluster had before; null: there was none." },              \
		{ "nodes", LIST, READONLY, "Its nodes, as they were before.",                  \
		  .sub = cluster_node_shown_rows },                                            \
	{                                                                                      \
		"connections", INT, READONLY, "How often hosts were connected to."             \
	}

/* changed, actions, version, nodes. */
extern const struct attr cluster_returned[];

/* cluster_make() or another one of run.h, with the options that all of the modules have; the result is told. */
struct err *clusters_run(struct op *op, const struct plan_wish *wish,
			 struct err *(*make)(struct json_object *given,
					     const struct cluster_options_run *o,
					     struct cluster_outcome *ret));

/* What the result says of an outcome. */
void clusters_tell(struct op *op, struct cluster_outcome *out);

#endif
