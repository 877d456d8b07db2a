#ifndef KUBERNETES_DRAIN_H
#define KUBERNETES_DRAIN_H

#include "kubernetes/ready.h"

/*
 * Nodes of a running cluster: taken out of service and given back, marked, waited for, forgotten. Any
 * thread; several nodes at once is several calls. Nothing here opens a connection to a node.
 */

/* Whether it takes new pods. *before (owned) is the node as it was; *after NULL: it was so already. */
MUST_USE struct err *node_cordon(struct cluster *c, const char *name, bool on, bool check,
				 struct json_object **before, struct json_object **after);

/*
 * For a program that takes a node out for a while: cordons in our name (annotation treenail/held), and gives back what was
 * so cordoned, also by a run that was killed; a node that people have cordoned stays so.
 */
MUST_USE struct err *node_hold(struct cluster *c, const char *name);
MUST_USE struct err *node_give_back(struct cluster *c, const char *name);
bool node_is_held(struct json_object *node);

/* ---- drain ---- */

/*
 * Cordons the node and evicts its pods (policy/v1 Eviction; a pod that took a name since is left alone).
 * Pods of DaemonSets, pods without a controller and pods with an emptyDir are refused all at once, by name, before
 * anything is changed, unless it is said what is to become of them; static pods stay. What a disruption
 * budget refuses (429) is tried again every second, and keeps no other pod waiting.
 *
 * At the end of the time the error (ERR_REMOTE, ERR_TIMEOUT) names the pod, the budget that refuses it with how
 * many are healthy, or what keeps it from ending. The node stays cordoned then.
 */
struct drain {
	/* In. */
	struct cluster *cluster;
	const char *node;
	const char *labels;     /* only these pods; NULL: all */
	bool force;             /* pods without a controller go, too */
	bool ignore_daemonsets; /* are left alone */
	bool delete_emptydir;   /* pods with an emptyDir go, too, and their data */
	bool past_budgets;      /* DELETE, past the disruption budgets */
	int64_t grace_s;        /* that each pod has to end; < 0: what it says itself */
	int64_t limit_ms;       /* from now, for all of it */
	bool until_gone; /* else until the evictions are accepted: for a node that does not live any more */
	bool check;
	const char *
		options; /* how the user writes the folder of these options: "delete_options."; NULL: "" */

	/* Out; owned: drain_release(). Also after an error. */
	bool changed;
	struct json_object *before, *after; /* the node; after NULL: it was cordoned already */
	struct json_object *pods;           /* "namespace/name" of those that went, or would go */
	struct json_object *warnings;       /* sentences: what was left alone, or lost */
};
MUST_USE struct err *node_drain(struct drain *d);
void drain_release(struct drain *d);

/* What would become of the pods of a node; pure. */
enum drain_fate {
	DRAIN_GOES = 0,
	DRAIN_STATIC = 1 << 0,    /* stays: the node itself keeps it */
	DRAIN_DAEMON = 1 << 1,    /* of a DaemonSet, and running */
	DRAIN_UNMANAGED = 1 << 2, /* goes, and nobody makes it elsewhere */
	DRAIN_LOCAL = 1 << 3,     /* goes, and the data in its emptyDir with it */
};
unsigned drain_fate_of(struct json_object *pod);
/*
 * Asks whether the pod could be evicted now, and evicts nothing (dryRun=All). NULL: yes; status 429: a
 * budget is used up, else what a webhook or the server has against it. *ret_budget (owned, NULL: not known) is its name.
 */
MUST_USE struct err *drain_try(struct cluster *c, struct json_object *pod, char **ret_budget);
/* Pods of a node (all namespaces), as labels select; array, owned. */
MUST_USE struct err *node_pods(struct cluster *c, const char *node, const char *labels,
			       struct json_object **ret);

/* ---- taints and labels ---- */

/*
 * The taints that there will be: `given` added (what has the same key and effect is replaced), or with `absent` taken
 * away (one without an effect: all of its key); `replace`: no others stay. Those that stay as they are keep
 * their timeAdded. Pure; owned.
 */
struct json_object *taints_after(struct json_object *have, struct json_object *given, bool absent,
				 bool replace);
/* Sends them, again where somebody else wrote meanwhile. Outputs as node_cordon()'s. */
enum taint_how { TAINT_ADD, TAINT_ONLY, TAINT_REMOVE };
MUST_USE struct err *node_taint(struct cluster *c, const char *name, struct json_object *given,
				enum taint_how how, bool check, struct json_object **before,
				struct json_object **after);

/*
 * The marks that a declaration gives a node: labels {key: value} and taints ("key[=value]:Effect", or {key, value,
 * effect}). Which of a node's marks are ours is kept with it, in the annotation treenail/marks: ours that are not
 * wanted any more go, everybody else's stay as they are. What is as wanted already becomes ours.
 *
 * The merge patch that makes it so, with the node's resourceVersion; NULL: nothing to do. Pure; owned. Either may
 * be NULL: none.
 */
struct json_object *marks_patch(struct json_object *node, struct json_object *labels,
				struct json_object *taints);
/* "label zone=a (was b), taint gpu:NoSchedule removed": what a patch of marks_patch() does; owned. */
char *marks_words(struct json_object *node, struct json_object *patch);
MUST_USE struct err *node_mark(struct cluster *c, const char *name, struct json_object *labels,
			       struct json_object *taints, bool check, struct json_object **before,
			       struct json_object **after);

/*
 * For a node that is replaced under its name: what people and programs have put on it ({"labels", "taints",
 * "unschedulable"}), without what kubelets, kubeadm and controllers put there by themselves; annotations are
 * of the machine. Pure; owned.
 */
struct json_object *node_marks(struct json_object *node);
/* Adds those that are lacking. */
MUST_USE struct err *node_restore(struct cluster *c, const char *name, struct json_object *marks,
				  bool check, struct json_object **before,
				  struct json_object **after);

/* ---- a node's life ---- */

struct node_wish {
	const char *version; /* of its kubelet: "v1.33.13" or "1.33.13"; NULL: any */
	/*
	 * The node before its kubelet was started again, or with `reboot`, before the machine was: Ready counts when it
	 * was told since, by a later heartbeat or another boot. NULL: as it stands.
	 */
	struct json_object *before;
	bool reboot;
	int64_t timeout_ms;
};
/*
 * Until the node is there and Ready, by watch. The error says why it is not: the kubelet's reason ("container
 * runtime network not ready: ... cni plugin not initialized"), that it stopped telling, or that it never came.
 * *ret (owned; may be NULL after an error): the node as it was seen last.
 */
MUST_USE struct err *node_wait_ready(struct cluster *c, const char *name,
				     const struct node_wish *wish, struct json_object **ret);
/* Deletes the Node object and waits until it is gone; *ret_changed false: there was none. */
MUST_USE struct err *node_forget(struct cluster *c, const char *name, bool check,
				 bool *ret_changed);

#endif
