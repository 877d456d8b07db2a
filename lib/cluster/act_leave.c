#include <string.h>

#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "cluster/kubeadm_config.h"
#include "kubernetes/drain.h"
#include "kubernetes/objects.h"
#include "pool.h"
#include "session/config.h"

/*
 * Nodes that leave. Each piece finds out by itself whether it is done, so a removal that was killed is done again from
 * its beginning; the Node object goes last of all that others see, as long as it is there the removal is not over.
 */

enum { RESET_S = 600, WIDTH = 64, DRAIN_S = 600, LOOK_S = 60 };

/* ---- drain, for whoever takes a node out ---- */

struct err *engine_drain(struct engine *g, struct cluster *api, const char *node, bool alive)
{
	struct drain d = { .cluster = api,
			   .node = node,
			   .ignore_daemonsets = true,
			   .until_gone = alive,
			   .options = "drain." };
	struct err *e;

	pthread_mutex_lock(&g->lock);
	d.force = json_truth(g->d, "drain.force", false);
	d.delete_emptydir = json_truth(g->d, "drain.delete_emptydir_data", true);
	d.grace_s = json_int(g->d, "drain.grace_s", -1);
	d.limit_ms = 1000 * json_int(g->d, "drain.timeout_s", DRAIN_S);
	pthread_mutex_unlock(&g->lock);
	e = node_drain(&d);
	for (size_t i = 0; i < json_len(d.warnings) && !e; i++)
		engine_say(g, "%s: %s", node, json_object_get_string(json_nth(d.warnings, i)));
	drain_release(&d);
	return err_wrap(e, "emptying it");
}

/* ---- what kubeadm made, and what was made beside it ---- */

/* The folder stays: containerd watches it, and would not see what comes into another one of its name. */
static struct json_object *empty_networks(void)
{
	struct json_object *s =
		step_command("networks", "find /etc/cni/net.d -mindepth 1 -delete", LOOK_S);
	struct json_object *fine = json_object_new_array();

	/* 1: there is no such folder. */
	json_object_array_add(fine, json_object_new_int(0));
	json_object_array_add(fine, json_object_new_int(1));
	json_set(s, "status", fine);
	return s;
}

static struct json_object *shell(const char *id, const char *script)
{
	struct json_object *s = step_command(id, "sh -c", LOOK_S);

	step_argv(s, script);
	return s;
}

static struct json_object *kubeadm_reset(const char *socket)
{
	struct json_object *s = step_command(
		"reset", "kubeadm reset --force --cleanup-tmp-dir --cri-socket", RESET_S);
	/* Where there is no kubeadm, nothing was made by it. */
	struct json_object *unless = shell("unless", "! command -v kubeadm >/dev/null");

	step_argv(s, socket);
	json_set(s, "unless", json_object_get(json_at(unless, "argv")));
	json_object_put(unless);
	return s;
}

/*
 * kubeadm would ask the other members of etcd, which may be gone, and wait for them; engine_leave_etcd() has where some stay. What lies
 * there is marked first: it is deleted also by the run after one that was killed, but only if it is kubeadm's.
 */
static void add_reset(struct json_object *steps, struct json_object *reset, bool etcd)
{
	if (etcd) {
		step_argv(reset, "--skip-phases=remove-etcd-member");
		steps_add(steps, shell("etcd-mark",
				       "! test -e /etc/kubernetes/manifests/etcd.yaml || "
				       "! test -d /var/lib/etcd || touch /var/lib/etcd/.reset"));
	}
	steps_add(steps, reset);
	if (etcd)
		steps_add(steps, shell("etcd", "test -e /var/lib/etcd/.reset || exit 0; "
					       "cd /var/lib/etcd && "
					       "find . -mindepth 1 ! -name .reset -delete && "
					       "rm .reset"));
}

static void remove_made(struct json_object *steps)
{
	static const char *const made[] = { PKI_FOLDER,
					    KUBEADM_PATCHES,
					    KUBEADM_AUDIT_POLICY,
					    "/etc/kubernetes/tmp",
					    KUBEADM_FOLDER,
					    "/etc/kubernetes/admin.conf",
					    "/etc/kubernetes/super-admin.conf",
					    "/etc/kubernetes/kubelet.conf",
					    "/etc/kubernetes/bootstrap-kubelet.conf",
					    "/etc/kubernetes/controller-manager.conf",
					    "/etc/kubernetes/scheduler.conf" };

	for (size_t i = 0; i < COUNT(made); i++)
		steps_add(steps, step_absent(made[i]));
}

static struct json_object *reset_steps(struct engine *g, const char *node)
{
	struct json_object *steps = steps_new(), *reset;

	pthread_mutex_lock(&g->lock);
	const bool etcd = cluster_is_control_plane(cluster_node(g->d, node)) &&
			  !json_is_str(json_at(g->d, "etcd.kind"), "external");
	const bool networked = json_len(json_at(g->d, "cni.manifests")) > 0;
	struct json_object *vip = kube_vip_gone(g->d);

	reset = kubeadm_reset(kubeadm_cri_socket(g->d));
	pthread_mutex_unlock(&g->lock);
	add_reset(steps, reset, etcd);
	steps_add_all(steps, vip);
	remove_made(steps);
	/* What the pod network's own pods wrote there; what came otherwise stays. */
	if (networked)
		steps_add(steps, empty_networks());
	return steps;
}

static struct err *reset_host(struct engine *g, const char *node)
{
	AUTO_JSON steps = reset_steps(g, node);
	struct node_job j = { .node = node, .steps = steps, .timeout_s = RESET_S };
	struct err *e = engine_node(g, &j);

	json_object_put(j.report);
	return err_wrap(e, "resetting it");
}

/* ---- a node is removed ---- */

/* The API, by a server that is there also when this node, or another one that leaves, is not. *ret is owned if *ret_own. */
static struct err *lasting_api(struct doing *d, struct cluster **ret, bool *ret_own)
{
	const char *by = json_str(d->a, "by");

	*ret_own = by;
	if (by)
		return engine_api_through(d->g, by, ret);
	*ret = d->g->api;
	return engine_connect(d->g);
}

struct err *engine_leave_etcd(struct engine *g, const char *node, bool check)
{
	struct etcd_ways w;
	bool changed = false;
	struct err *e = etcd_ways_open(g, &w);

	if (!e)
		e = etcd_remove(w.all, w.n, node, check, &changed);
	etcd_ways_close(&w);
	return e;
}

static bool is_stacked(struct engine *g)
{
	bool external;

	pthread_mutex_lock(&g->lock);
	external = json_is_str(json_at(g->d, "etcd.kind"), "external");
	pthread_mutex_unlock(&g->lock);
	return !external;
}

/* Its host was reached in this run. */
static bool is_reached(struct engine *g, const char *node)
{
	struct json_object *o = NULL;
	bool is;

	pthread_mutex_lock(&g->lock);
	json_object_object_get_ex(json_at(g->observed, "nodes"), node, &o);
	is = o && !json_at(o, "error");
	pthread_mutex_unlock(&g->lock);
	return is;
}

/* Emptied, where it still is a member. */
static struct err *empty(struct doing *d, struct cluster *api, bool *ret_member)
{
	const struct kube_kind *kind = NULL;
	AUTO_JSON node = NULL;
	struct err *e = kind_find(api, "v1", "Node", &kind);

	if (!e)
		e = object_get(api, kind, NULL, d->node, &node);
	*ret_member = node;
	if (e || !node)
		return e;
	/* On one that does not live nothing ends; its pods go with its Node object. */
	if (object_readiness(node, NULL, NULL) != READY)
		return node_hold(api, d->node);
	return engine_drain(d->g, api, d->node, true);
}

static struct err *leave(struct doing *d, struct cluster *api, bool control_plane)
{
	const bool etcd = control_plane && is_stacked(d->g);
	bool member = false, changed = false;
	/* Whether it may, before it is emptied. */
	struct err *e = etcd ? engine_leave_etcd(d->g, d->node, true) : NULL;

	if (!e)
		e = empty(d, api, &member);
	if (!e && etcd)
		e = engine_leave_etcd(d->g, d->node, false);
	if (!e && d->declared && is_reached(d->g, d->node))
		e = reset_host(d->g, d->node);
	else if (!e)
		engine_say(d->g, "%s: its host is not reached: it is not reset", d->node);
	if (!e && member)
		e = node_forget(api, d->node, false, &changed);
	return e ? e : journal_write(d->g->journal, "gone", "remove", d->node, NULL);
}

struct err *do_remove(struct doing *d)
{
	const bool control_plane = (d->how && strcmp(d->how, "control_plane") == 0) ||
				   cluster_is_control_plane(d->declared);
	struct cluster *api = NULL;
	bool own = false;
	struct err *e = lasting_api(d, &api, &own);

	if (!e)
		e = leave(d, api, control_plane);
	if (own)
		cluster_free(api);
	return e;
}

/* ---- all of them ---- */

struct resetting {
	struct engine *g;
	struct json_object **actions; /* each its own */
	struct err **errs;
};

static void reset_one(void *arg, size_t i)
{
	const struct resetting *r = arg;
	const char *node = json_str(r->actions[i], "node");

	engine_say(r->g, "reset %s", node);
	r->errs[i] = journal_write(r->g->journal, "begun", "reset", node, NULL);
	if (!r->errs[i])
		r->errs[i] = reset_host(r->g, node);
	if (!r->errs[i])
		r->errs[i] = journal_write(r->g->journal, "gone", "reset", node, NULL);
	if (r->errs[i])
		engine_say(r->g, "reset %s failed: %s", node, r->errs[i]->text);
}

/* Nodes that have something of a cluster, or may have by what was begun there. */
static void plan_reset(struct engine *g, bool control_planes, struct json_object *actions)
{
	struct json_object *nodes = json_at(g->d, "nodes");

	for (size_t i = 0; i < json_len(nodes); i++) {
		const char *name = json_str(json_nth(nodes, i), "name");
		struct json_object *o = NULL, *known = NULL, *a;

		json_object_object_get_ex(json_at(g->observed, "nodes"), name, &o);
		json_object_object_get_ex(json_at(g->state, "nodes"), name, &known);
		if (cluster_is_control_plane(json_nth(nodes, i)) != control_planes ||
		    (!json_truth(o, "kubelet_conf", false) && !json_truth(o, "admin_conf", false) &&
		     !json_at(o, "error") && !known))
			continue;
		AUTO_STR id = xasprintf("reset %s", name);
		a = json_object_new_object();
		json_sets(a, "id", id);
		json_sets(a, "action", "reset");
		json_sets(a, "node", name);
		json_sets(a, "why", json_at(o, "error") ? json_str(o, "error") : "asked for");
		json_sets(a, "state", "planned");
		json_object_array_add(actions, a);
	}
}

/* All of `actions` side by side. The first error, with how many there are. */
static struct err *reset_all(struct engine *g, struct json_object *actions)
{
	const size_t n = json_len(actions);
	struct resetting r = { .g = g,
			       .actions = xcalloc(n + 1, sizeof(*r.actions)),
			       .errs = xcalloc(n + 1, sizeof(*r.errs)) };
	struct err *first = NULL;
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		r.actions[i] = json_nth(actions, i);
	pool_run(n, WIDTH, reset_one, &r);
	for (size_t i = 0; i < n; i++) {
		json_sets(r.actions[i], "state", r.errs[i] ? "failed" : "done");
		if (!r.errs[i])
			continue;
		json_sets(r.actions[i], "error", r.errs[i]->text);
		failed++;
		if (first)
			err_free(r.errs[i]);
		else
			first = r.errs[i];
	}
	free(r.actions);
	free(r.errs);
	return err_wrap(first, "%zu of %zu nodes were not reset, first", failed, n);
}

static struct err *reset(struct engine *g, struct cluster_outcome *ret)
{
	struct json_object *actions = json_object_new_array();
	struct err *e = engine_observe(g);

	ret->observed = json_copy(g->observed);
	ret->plan = json_wrap("actions", actions);
	json_set(ret->plan, "warnings", json_object_new_array());
	if (e)
		return e;
	/* Workers first: a control plane is what kubeadm may want to ask about them. */
	for (int control_planes = 0; control_planes < 2 && !e; control_planes++) {
		AUTO_JSON some = json_object_new_array();

		plan_reset(g, control_planes, some);
		for (size_t i = 0; i < json_len(some); i++)
			json_object_array_add(actions, json_object_get(json_nth(some, i)));
		if (!g->o->check)
			e = reset_all(g, some);
	}
	if (!e && !g->o->check)
		engine_tokens_forget(g);
	ret->changed = json_len(actions) > 0;
	if (!e && !g->o->check && journal_open_action(g->state, NULL, "restore"))
		e = journal_write(g->journal, "ended", "restore", NULL, NULL);
	return e;
}

struct err *cluster_reset(struct json_object *given, const struct cluster_options_run *o,
			  struct cluster_outcome *ret)
{
	return engine_run(given, o, NULL, reset, ret);
}
