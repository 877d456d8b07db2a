#ifndef CLUSTER_RUN_H
#define CLUSTER_RUN_H

#include <stdbool.h>

#include "cluster/plan.h"
#include "ssh/hosts.h"

/*
 * Makes a declaration true, from here: nodes by SSH, the rest by the cluster's API, which is asked at its endpoint or, where
 * that cannot be reached from here, through a control plane.
 *
 * - Looked at first: each node by one command, the API by a few requests. What follows is the plan (plan.h); where it is
 *   empty nothing was changed anywhere, and one connection was made to each node.
 * - Each action is in the journal (journal.h) before it begins. A run that was killed at any moment is finished by the
 *   next: what kubeadm was killed in the middle of is resumed, on the same host with the same keys.
 * - A node that cannot be looked at is an error in the end, after all that could be done was.
 * - What fails keeps none of the others from being done but for those that need it, and the rest of its slot.
 * - Keys and tokens are made here in memory, and travel inside SSH alone. The administrator's certificate is read off a
 *   control plane for the time of the run; bootstrap tokens are revoked in the end.
 *
 * May block; any thread, one at a time for each cluster (the journal sees to that). clock_cut() ends it, with what was
 * begun as it is.
 */
struct cluster_options_run {
	struct plan_wish wish;
	bool check;                        /* look and plan, and change nothing */
	const struct ssh_secrets *secrets; /* may be NULL */
	int width;                         /* nodes worked on at once; 0: 64 */
	int node_s;                        /* for one action on a node; 0: 900 */
	/* What is done, line by line, as it is done: "join w3: not a member". From any thread; may be NULL. */
	void (*said)(void *arg, const char *line);
	void *arg;
};

struct cluster_outcome {
	struct json_object *
		plan; /* as of plan.h; each action has "state": "done", "failed", "skipped" or (check) "planned",
				     and "ms", "error" where that says more */
	struct json_object *observed; /* as of plan.h, from before anything was done */
	struct json_object *warnings; /* sentences */
	bool changed;                 /* something was, or (check) would be */
	unsigned long connections;    /* that were made */
};
void cluster_outcome_release(struct cluster_outcome *o);

/*
 * `given`: as of cluster_declaration(). The error is of the declaration, of looking, or the first of an action ("2 of 5 actions
 * failed: ..."); *ret is filled as far as it came, also then.
 */
MUST_USE struct err *cluster_make(struct json_object *given, const struct cluster_options_run *o,
				  struct cluster_outcome *ret);
/* Takes the cluster off all of its nodes: kubeadm reset, and what was made beside it in /etc/kubernetes. */
MUST_USE struct err *cluster_reset(struct json_object *given, const struct cluster_options_run *o,
				   struct cluster_outcome *ret);
struct cluster_restore {
	const char *path;   /* of a snapshot, here */
	bool other_cluster; /* also one in which nothing tells that it is this cluster's */
};
/*
 * The cluster's own etcd gets the content of a snapshot, on all control planes: what was changed since is gone. Before anything
 * is changed: ERR_PROTOCOL, it is no whole snapshot; ERR_CONFLICT, it has nothing of this cluster's certificate authority, or
 * a declared control plane is not reached. The data there was stays, in the folder of data as replaced-ID. A run that was
 * killed is finished by one with the same snapshot; until then cluster_make() refuses to do anything.
 */
MUST_USE struct err *cluster_restore(struct json_object *given, const struct cluster_options_run *o,
				     const struct cluster_restore *what,
				     struct cluster_outcome *ret);
/*
 * The administrator's kubeconfig, as JSON, of a control plane that has one; `server` is the endpoint as the nodes have it. Secret:
 * json_wipe() it. ERR_NOT_FOUND: there is no cluster.
 */
MUST_USE struct err *cluster_kubeconfig(struct json_object *given,
					const struct cluster_options_run *o,
					struct json_object **ret);

#endif
