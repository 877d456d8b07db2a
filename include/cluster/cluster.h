#ifndef CLUSTER_CLUSTER_H
#define CLUSTER_CLUSTER_H

#include "err.h"
#include "json.h"
#include "resource.h"

/*
 * A Kubernetes cluster on machines that answer SSH, as its user declares it. One table says it for all
 * surfaces: the options of Ansible's module, the attributes of Terraform's resource, the documentation,
 * and what the engine reads.
 *
 * What cluster_declaration() makes of it is what everything else in lib/cluster/ takes ("the
 * declaration"); all of it is there, so nobody needs a default of his own:
 * - defaults are filled in; every OBJ of the table is there, with its own defaults;
 * - version is without a leading "v";
 * - nodes[].group is "control_plane" or "worker" where none was given; a group that is used is in groups;
 * - nodes[].labels and taints have those of their group beneath their own; taints are written
 *   "key[=value]:Effect"; a control plane without taints of its own (absent, not []) has
 *   "node-role.kubernetes.io/control-plane:NoSchedule";
 * - nodes[].host.name is the node's name; what `ssh` says is beneath what a host says;
 * - what a user may give as a path or as text (cni.manifests, audit_policy, packages.key, host keys) is
 *   still that: declared_text() reads it.
 */
extern const struct attr cluster_attrs[];
/* Of one of its nodes. */
extern const struct attr cluster_node_attrs[];

/*
 * Checks all that can be known before anything is reached; errors (ERR_USAGE) name the option,
 * as "nodes[2].taints[0]". *ret_warnings: list of sentences; NULL: not wanted.
 */
MUST_USE struct err *cluster_declaration(struct json_object *given, struct json_object **ret,
					 struct json_object **ret_warnings);

/*
 * Whether all files here that a declaration names can be read, and manifests be understood; errors (ERR_USAGE) name the option.
 * Apart from cluster_declaration(), as a Terraform plan may come before who makes them.
 */
MUST_USE struct err *cluster_files(struct json_object *declaration);

/* A node of a declaration by its name (may be NULL); borrowed; NULL: there is none. */
struct json_object *cluster_node(struct json_object *declaration, const char *name);
bool cluster_is_control_plane(struct json_object *node);
/* The i-th control plane in the order of the declaration; borrowed; NULL past the end. */
struct json_object *cluster_control_plane(struct json_object *declaration, size_t i);
/* At which each control plane's own API server is. */
int cluster_api_port(struct json_object *declaration);
/* "10.0.0.5:6443", as nodes are to reach the API: the endpoint, or the first control plane's address. Owned. */
char *cluster_endpoint(struct json_object *declaration);
/* The address other nodes reach it by: node_ip, or that of its host. Borrowed. */
const char *cluster_node_address(struct json_object *node);

/* Text given as such (it has a line end) or as the path of a file; `what` begins the message of an error. */
MUST_USE struct err *declared_text(const char *what, const char *text_or_path, struct buf *ret);

#endif
