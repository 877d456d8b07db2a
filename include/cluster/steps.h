#ifndef CLUSTER_STEPS_H
#define CLUSTER_STEPS_H

#include "cluster/node_steps.h"

/* What the files that make a node's steps share; for lib/cluster/ alone. */
struct job {
	const struct node_input *in;
	struct json_object *declaration, *node;
	struct json_object *steps;
	bool control_plane, docker;
	int containerd;     /* its major version; 0: unknown */
	const char *driver; /* of cgroups: systemd, cgroupfs */
};

/* Each adds a step and returns it, borrowed, for further fields; of a file with its folder before it. */
struct json_object *step_add(struct job *j, const char *id, const char *what);
struct json_object *step_path(struct job *j, const char *id, const char *what, const char *path);
struct json_object *step_file(struct job *j, const char *id, const char *path, const char *mode,
			      const char *content);
/* Enabled, and in this state; NULL: in any. */
void step_service(struct job *j, const char *unit, const char *state);
/* Restarted if one of these steps (words) has changed something. */
void step_restart(struct job *j, const char *unit, const char *causes);

MUST_USE struct err *runtime_steps(struct job *j);  /* runtime_steps.c */
MUST_USE struct err *kube_vip_steps(struct job *j); /* kube_vip.c */

#endif
