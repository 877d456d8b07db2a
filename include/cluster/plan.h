#ifndef CLUSTER_PLAN_H
#define CLUSTER_PLAN_H

#include <stdint.h>

#include "err.h"
#include "json.h"

/*
 * What is to be done so that a declaration holds: a pure function of it, of what was observed, and of the journal.
 * It is what check mode and diffs show, and what apply does.
 *
 * Observed (observe.c makes it):
 * {"nodes": {NAME: {"error": why it was not reached,          and then nothing else
 *                   "facts": {"cgroup", "kubelet", "kubeadm"},  versions without revision, if installed
 *                   "kubelet_conf": bool, "admin_conf": bool, of /etc/kubernetes
 *                   "kubelet_since_s": of a control plane: how long its kubelet has been running, or null,
 *                   "ca": digest of the authority that admin.conf names,
 *                   "steps": {"changed": [id, ...], "failed": {"id", "msg"}},  of its steps in check mode; absent: not looked at
 *                   "space": {path: MiB that are free}          of what cluster_space() names
 *                   "certificates": report (certificates.h),               of members' files
 *                   "encryption": encryption_shown() of a control plane's, {"error"}, or null: it has none,
 *                   "encryption_file": that its API server's manifest names; absent: none}},
 *  "api": null: none answers; else
 *         {"nodes": [Node, ...], "version": "1.33.12" (that kubeadm last set up),
 *          "options": kubeadm_differs(), "fixed": kubeadm_fixed() (kubeadm_config.h),
 *          "servers": {NAME: "1.33.12"}, of each control plane's API server
 *          "manifests": [title of what differs, ...]}}
 *
 * A plan: {"actions": [...], "warnings": [sentence, ...]}. An action:
 * {"id": "join w3", "action": "join", "node": "w3", "why": "not a member", "after": [id, ...],
 *  "slot": "workers", "limit": 1,                    at most so many of a slot at once
 *  and what that action needs: "how", "from", "to"}
 * Actions stand in an order in which they could be done one after the other. `after` names those that must have
 * been done before; all others may be done side by side.
 *
 *   prepare    what kubeadm needs is made on a host that is no member yet; how: init, join
 *   init       the first control plane; how: new, resume
 *   network    manifests of the pod network
 *   join       a host becomes a member; how: new, resume (kubeadm was killed), replace (a host that was made anew
 *              under the name of a member), finish (kubeadm is done, what follows it is not)
 *   upgrade    how: first (kubeadm upgrade apply), control_plane, worker; from, to
 *   configure  what differs on a member; steps
 *   options    kubeadm's, of a control plane's programs: programs, version; in the end, without a node, what kubeadm keeps
 *              of them: by (a control plane), version
 *   mark       labels and taints; patch
 *   renew      certificates; how: renew, restart
 *   rotate     another key encrypts what is in etcd; servers: names of control planes
 *   remove     a member that is not declared, or not any more
 *   ready      labels, taints and settings of a node that was made by init; waits until it is Ready, unless cni.wait is false
 */
struct plan_wish {
	bool prune;               /* members that are not declared are removed */
	bool no_upgrade;          /* another version than the declared one is left as it is */
	bool made;                /* it is an error that there is no cluster yet */
	bool renew;               /* certificates are renewed, however long they last */
	struct json_object *only; /* names: nothing is done on other nodes; NULL: all */
	struct json_object
		*remove; /* names of members to be removed though they are declared; NULL: none */
};

struct plan_input {
	struct json_object *declaration, *observed;
	struct json_object *journal; /* journal_state() */
	const struct plan_wish *wish;
};

/* What cannot or must not be done is ERR_CONFLICT, and says what to do about it. */
MUST_USE struct err *cluster_plan_make(const struct plan_input *in, struct json_object **ret);

/* "join w3: not a member"; owned. */
char *action_words(struct json_object *action);

#endif
