#include <stdarg.h>
#include <string.h>

#include "cluster/certificates.h"
#include "cluster/cluster.h"
#include "cluster/journal.h"
#include "cluster/pki.h"
#include "cluster/plan.h"
#include "cluster/syntax.h"
#include "kubernetes/drain.h"
#include "kubernetes/preflight.h"
#include "kubernetes/waves.h"
#include "text.h"

enum { NAMES_SHOWN = 6 };

struct planner {
	const struct plan_input *in;
	struct json_object *d, *api; /* api NULL: none answers */
	struct json_object *actions, *warnings;
	struct json_object *first; /* the control plane that init is done on; NULL: none is */
	bool upgrades;
};

/* ---- what is known ---- */

static struct json_object *nodes_of(const struct planner *p)
{
	return json_at(p->d, "nodes");
}

static const char *name_of(struct json_object *node)
{
	return json_str(node, "name");
}

/* What was seen on its host; NULL: nobody looked. */
static struct json_object *seen(const struct planner *p, const char *name)
{
	struct json_object *o = NULL;

	json_object_object_get_ex(json_at(p->in->observed, "nodes"), name, &o);
	return o;
}

static bool reached(const struct planner *p, const char *name)
{
	struct json_object *o = seen(p, name);

	return o && !json_at(o, "error");
}

/* Its Node object. */
static struct json_object *member(const struct planner *p, const char *name)
{
	struct json_object *list = json_at(p->api, "nodes");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "metadata.name"), name))
			return json_nth(list, i);
	return NULL;
}

static bool is_labelled_control_plane(struct json_object *object)
{
	struct json_object *labels = json_at(object, "metadata.labels");

	return json_object_object_get_ex(labels, "node-role.kubernetes.io/control-plane", NULL);
}

static struct json_object *begun(const struct planner *p, const char *node, const char *action)
{
	return journal_open_action(p->in->journal, node, action);
}

/* False: this run leaves it alone. */
static bool is_meant(const struct planner *p, const char *name)
{
	struct json_object *only = p->in->wish->only;

	for (size_t i = 0; i < json_len(only); i++)
		if (json_is_str(json_nth(only, i), name))
			return true;
	return !only;
}

static bool is_to_go(const struct planner *p, const char *name)
{
	struct json_object *list = p->in->wish->remove;

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_nth(list, i), name))
			return true;
	return p->in->wish->prune && !cluster_node(p->d, name);
}

/* ---- the list ---- */

static char *id_of(const char *action, const char *node)
{
	return node ? xasprintf("%s %s", action, node) : xstrdup(action);
}

static PRINTF(4, 5) struct json_object *act(struct planner *p, const char *action, const char *node,
					    const char *fmt, ...)
{
	struct json_object *a = json_object_new_object();
	AUTO_STR id = id_of(action, node);
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR why = xvasprintf(fmt, ap);
	va_end(ap);
	json_sets(a, "id", id);
	json_sets(a, "action", action);
	if (node)
		json_sets(a, "node", node);
	json_sets(a, "why", why);
	json_set(a, "after", json_object_new_array());
	json_object_array_add(p->actions, a);
	return a;
}

static PRINTF(2, 3) void warn(struct planner *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR s = xvasprintf(fmt, ap);
	va_end(ap);
	json_object_array_add(p->warnings, json_object_new_string(s));
}

static struct json_object *planned(const struct planner *p, const char *action, const char *node)
{
	AUTO_STR id = id_of(action, node);

	for (size_t i = 0; i < json_len(p->actions); i++)
		if (json_is_str(json_at(json_nth(p->actions, i), "id"), id))
			return json_nth(p->actions, i);
	return NULL;
}

/* If that is planned at all. */
static void after(struct planner *p, struct json_object *a, const char *action, const char *node)
{
	AUTO_STR id = id_of(action, node);

	if (planned(p, action, node))
		json_object_array_add(json_at(a, "after"), json_object_new_string(id));
}

/* All actions of these kinds that are planned so far, on control planes alone or on all nodes. */
static void after_all(struct planner *p, struct json_object *a, const char *kinds,
		      bool control_planes)
{
	for (size_t i = 0; i < json_len(p->actions); i++) {
		struct json_object *other = json_nth(p->actions, i);
		struct json_object *node = cluster_node(p->d, json_str(other, "node"));

		if (other != a && words_have(kinds, json_str(other, "action")) &&
		    (!control_planes || cluster_is_control_plane(node)))
			json_object_array_add(json_at(a, "after"), json_copy(json_at(other, "id")));
	}
}

/* Nodes of a group that are out of service at once: as many as it allows. Control planes: one by one. */
static struct err *put_slot(struct planner *p, struct json_object *a, struct json_object *node)
{
	struct json_object *groups = json_at(p->d, "groups"), *nodes = nodes_of(p);
	const char *group = json_str(node, "group"), *share = NULL;
	size_t n = 0, limit = 1;
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(nodes); i++)
		n += json_is_str(json_at(json_nth(nodes, i), "group"), group);
	for (size_t i = 0; i < json_len(groups); i++)
		if (json_is_str(json_at(json_nth(groups, i), "name"), group))
			share = json_str(json_nth(groups, i), "max_unavailable");
	if (cluster_is_control_plane(node))
		group = "control_plane";
	else
		e = waves_limit(share, n, &limit);
	json_sets(a, "slot", group);
	json_set(a, "limit", json_object_new_int64((int64_t)limit));
	return e;
}

/* "swap, packages and 3 more" */
static char *listed(struct json_object *names)
{
	AUTO_BUF b = BUF_INIT;
	const size_t n = json_len(names);

	for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", json_object_get_string(json_nth(names, i)));
	if (n > NAMES_SHOWN)
		buf_addf(&b, " and %zu more", n - NAMES_SHOWN);
	return buf_take(&b);
}

/* ---- the first control plane ---- */

/* What an earlier cluster has left on a host is none of this one's. */
static struct err *check_one_cluster(const struct planner *p)
{
	const char *first = NULL, *ca = NULL;

	for (size_t i = 0;; i++) {
		struct json_object *node = cluster_control_plane(p->d, i);
		const char *one;

		if (!node)
			return NULL;
		one = json_str(seen(p, name_of(node)), "ca");
		if (one && ca && strcmp(one, ca) != 0)
			return err_new(ERR_CONFLICT,
				       "control planes %s and %s are of different clusters, by "
				       "their /etc/kubernetes/admin.conf: reset the one that was "
				       "left over",
				       first, name_of(node));
		if (one && !ca) {
			first = name_of(node);
			ca = one;
		}
	}
}

/* A host that has, or may have, a cluster that does not answer: nothing may be made in its place. */
static struct err *check_silent(const struct planner *p)
{
	const char *why = json_str(p->in->observed, "api_error");

	for (size_t i = 0;; i++) {
		struct json_object *node = cluster_control_plane(p->d, i), *o;
		const char *name = name_of(node);

		if (!node)
			return NULL;
		o = seen(p, name);
		if (o && json_at(o, "error"))
			return err_new(ERR_CONFLICT,
				       "no API server answers, and whether control plane %s has a "
				       "cluster cannot be seen: %s",
				       name, json_str(o, "error"));
		if (json_truth(o, "admin_conf", false))
			return err_new(
				ERR_CONFLICT,
				"control plane %s has a cluster, and no API server answers%s%s: "
				"repair it, or reset it first",
				name, why ? ": " : "", why ? why : "");
	}
}

static struct err *refuse_unmade(const struct planner *p, const char *why)
{
	struct err *e = check_silent(p);

	return e ? e : err_new(ERR_CONFLICT, "there is no cluster yet%s: make it first", why);
}

static struct err *plan_first(struct planner *p)
{
	struct json_object *open = NULL, *a;

	for (size_t i = 0; !open && (p->first = cluster_control_plane(p->d, i)); i++)
		open = begun(p, name_of(p->first), "init");
	if (open && !is_meant(p, name_of(p->first)))
		return err_new(
			ERR_CONFLICT,
			"the cluster was begun on control plane %s at %s and is not made yet: "
			"make it first",
			name_of(p->first), json_str(open, "at"));
	if (open) {
		a = act(p, "init", name_of(p->first), "was begun at %s and has not ended",
			json_str(open, "at"));
		json_sets(a, "how", "resume");
		return NULL;
	}
	p->first = NULL;
	if (p->api)
		return NULL;
	/* A node by itself can be of no cluster, and is made of none. */
	if (p->in->wish->only)
		return p->in->wish->remove
			       ? check_silent(p)
			       : refuse_unmade(p, " that a node can be made a member of");
	if (p->in->wish->made)
		return refuse_unmade(p, "");
	p->first = cluster_control_plane(p->d, 0);
	a = act(p, "init", name_of(p->first), "there is no cluster yet");
	json_sets(a, "how", "new");
	return check_silent(p);
}

static void plan_network(struct planner *p)
{
	struct json_object *differ = json_at(p->api, "manifests");
	struct json_object *all = json_at(p->d, "cni.manifests"), *a;
	AUTO_STR titles = listed(differ);

	if (p->api ? !json_len(differ) : !p->first || !json_len(all))
		return;
	a = p->api ? act(p, "network", NULL, "%s", titles)
		   : act(p, "network", NULL, "%zu manifests", json_len(all));
	if (p->first)
		after(p, a, "init", name_of(p->first));
}

/* ---- members to be ---- */

/* What is to be done so that a node is a member; NULL: it is one. *why is owned. */
static const char *joining(const struct planner *p, struct json_object *node, char **why)
{
	const char *name = name_of(node);
	struct json_object *object = member(p, name), *open = begun(p, name, "join");
	const bool has = json_truth(seen(p, name), "kubelet_conf", false);
	const bool whole = object && has &&
			   (!cluster_is_control_plane(node) || is_labelled_control_plane(object));

	if (open) {
		*why = xasprintf("was begun at %s and has not ended", json_str(open, "at"));
		/* kubeadm has files there from its first moment on, and that of the kubelet last. */
		return whole ? "finish" : has || !object ? "resume" : "replace";
	}
	if (object && has)
		return NULL;
	*why = xstrdup(object ? "its host was made anew" : "not a member");
	return object ? "replace" : "new";
}

static struct err *check_stray(const struct planner *p, struct json_object *node, const char *how)
{
	const char *name = name_of(node);

	if (strcmp(how, "new") == 0 && json_truth(seen(p, name), "kubelet_conf", false))
		return err_new(ERR_CONFLICT,
			       "node %s is no member, but its host has the kubelet configuration "
			       "of one (/etc/kubernetes/kubelet.conf): if it belongs to no other "
			       "cluster, reset it first (cluster_node with state: absent does)",
			       name);
	return NULL;
}

static struct err *check_role(const struct planner *p, struct json_object *node)
{
	struct json_object *object = member(p, name_of(node));

	if (object && cluster_is_control_plane(node) != is_labelled_control_plane(object) &&
	    !begun(p, name_of(node), "join") && !begun(p, name_of(node), "init"))
		return err_new(ERR_CONFLICT,
			       "node %s is a %s and declared as a %s: remove it first, then it can "
			       "join again",
			       name_of(node),
			       cluster_is_control_plane(node) ? "worker" : "control plane",
			       cluster_is_control_plane(node) ? "control plane" : "worker");
	return NULL;
}

static struct err *plan_join(struct planner *p, struct json_object *node)
{
	const char *name = name_of(node), *how;
	struct json_object *prepare = NULL, *a;
	AUTO_STR why = NULL;
	struct err *e = check_role(p, node);

	if (e || node == p->first || is_to_go(p, name) || !is_meant(p, name))
		return e;
	if (!reached(p, name)) {
		if (!member(p, name))
			warn(p, "node %s is no member, and cannot be made one: %s", name,
			     seen(p, name) ? json_str(seen(p, name), "error") : "nobody looked");
		return NULL;
	}
	how = joining(p, node, &why);
	if (!how)
		return NULL;
	e = check_stray(p, node, how);
	if (e)
		return e;
	if (strcmp(how, "finish") != 0) {
		prepare = act(p, "prepare", name, "%s", why);
		json_sets(prepare, "how", "join");
	}
	a = act(p, "join", name, "%s", why);
	json_sets(a, "how", how);
	if (prepare)
		after(p, a, "prepare", name);
	if (p->first)
		after(p, a, "init", name_of(p->first));
	after_all(p, a, cluster_is_control_plane(node) ? "join upgrade" : "upgrade", true);
	/* It is told by what kubeadm keeps. */
	if (cluster_is_control_plane(node))
		after(p, a, "options", NULL);
	return NULL;
}

/* Control planes before workers. */
static struct err *plan_nodes(struct planner *p, bool control_planes,
			      struct err *(*one)(struct planner *p, struct json_object *node))
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(nodes_of(p)) && !e; i++) {
		struct json_object *node = json_nth(nodes_of(p), i);

		if (cluster_is_control_plane(node) == control_planes)
			e = one(p, node);
	}
	return e;
}

/* ---- members ---- */

/* Before any upgrade: what that makes on all nodes at once (kube-proxy) needs its images there. */
static struct err *plan_configure(struct planner *p, struct json_object *node)
{
	const char *name = name_of(node);
	struct json_object *o = seen(p, name), *changed = json_at(o, "steps.changed");
	struct json_object *failed = json_at(o, "steps.failed"), *a;
	AUTO_STR ids = listed(changed);
	AUTO_STR why = NULL;

	if (!member(p, name) || node == p->first || is_to_go(p, name) || !is_meant(p, name) ||
	    joining(p, node, &why))
		return NULL;
	if (!json_len(changed) && !failed)
		return NULL;
	a = failed ? act(p, "configure", name, "%s: %s", json_str(failed, "id"),
			 json_str(failed, "msg"))
		   : act(p, "configure", name, "%s", ids);
	return put_slot(p, a, node);
}

/* ---- kubeadm's options ---- */

/* "kube-apiserver: v, audit-log-path; certificate: api.example"; owned; NULL: nothing differs. */
static char *option_words(struct json_object *options)
{
	AUTO_BUF b = BUF_INIT;

	if (json_empty(options))
		return NULL;
	json_object_object_foreach(options, of, names) {
		AUTO_STR words = listed(names);

		buf_addf(&b, "%s%s: %s", b.len ? "; " : "", of, words);
	}
	return buf_take(&b);
}

static struct json_object *keys_of(struct json_object *o)
{
	struct json_object *list = json_object_new_array();

	json_object_object_foreach(o, key, v) {
		(void)v;
		json_object_array_add(list, json_object_new_string(key));
	}
	return list;
}

/* A control plane that is one, and to stay, as far as it can be seen. */
static bool is_staying(const struct planner *p, struct json_object *node)
{
	const char *name = name_of(node);
	AUTO_STR why = NULL;

	return node != p->first && member(p, name) && !is_to_go(p, name) &&
	       (!reached(p, name) || !joining(p, node, &why));
}

/* kubeadm is done with it, by the options of then: it gets no others by what is left of its joining. */
static bool is_half_joined(const struct planner *p, struct json_object *node)
{
	const char *name = name_of(node), *how;
	AUTO_STR why = NULL;

	if (node == p->first || !member(p, name) || is_to_go(p, name) || !reached(p, name))
		return false;
	how = joining(p, node, &why);
	return how && strcmp(how, "finish") == 0;
}

/* The first that can be asked to the end of the run; NULL: there is none. */
static struct json_object *staying(const struct planner *p)
{
	struct json_object *node;

	for (size_t i = 0; (node = cluster_control_plane(p->d, i)); i++)
		if (is_staying(p, node) && reached(p, name_of(node)))
			return node;
	return NULL;
}

static void plan_kept(struct planner *p, const char *words)
{
	struct json_object *a = act(p, "options", NULL, "%s", words);

	json_sets(a, "by", name_of(staying(p)));
	json_sets(a, "version", json_str(p->api, "version"));
	after_all(p, a, "options", true);
}

/*
 * Each control plane in turn; then what kubeadm keeps of them, by which the next run knows that they are done. Until then a
 * run that was killed begins anew, and finds done what is.
 */
static struct err *plan_options(struct planner *p)
{
	struct json_object *options = json_at(p->api, "options"), *server, *node;
	AUTO_STR words = option_words(options);
	struct err *e = NULL;
	bool any = false;

	if (!words || p->in->wish->only)
		return NULL;
	for (size_t i = 0; (node = cluster_control_plane(p->d, i)); i++) {
		const char *until = is_half_joined(p, node) ? "has joined"
				    : is_staying(p, node) && !reached(p, name_of(node))
					    ? "can be reached"
					    : NULL;

		if (!until)
			continue;
		warn(p,
		     "kubeadm's options differ (%s), and stay as they are until control plane %s %s",
		     words, name_of(node), until);
		return NULL;
	}
	for (size_t i = 0; (node = cluster_control_plane(p->d, i)) && !e; i++) {
		struct json_object *a;

		if (!is_staying(p, node))
			continue;
		server = NULL;
		json_object_object_get_ex(json_at(p->api, "servers"), name_of(node), &server);
		a = act(p, "options", name_of(node), "%s", words);
		json_set(a, "programs", keys_of(options));
		json_sets(a, "version",
			  server ? json_object_get_string(server) : json_str(p->api, "version"));
		after_all(p, a, "configure options", true);
		e = put_slot(p, a, node);
		any = true;
	}
	if (any && !e)
		plan_kept(p, words);
	return e;
}

/* ---- upgrades ---- */

/* Kubernetes says "v1.33.12". */
static const char *plain(const char *version)
{
	return version && *version == 'v' ? version + 1 : version;
}

static const char *kubelet_of(struct json_object *object)
{
	return plain(json_str(object, "status.nodeInfo.kubeletVersion"));
}

/* Negative: `have` is older than what is declared; versions that are none are as declared. */
static int compared(const struct planner *p, const char *have)
{
	struct kube_version a, b;

	if (!have || !kube_version_of(have, &a) || !kube_version_of(json_str(p->d, "version"), &b))
		return 0;
	return kube_version_compare(&a, &b);
}

static struct err *check_step(const struct planner *p, const char *what, const char *have)
{
	const char *to = json_str(p->d, "version");
	AUTO_STR why = compared(p, have) < 0 ? kube_step(have, to) : NULL;

	if (compared(p, have) > 0)
		return err_at(err_new(ERR_CONFLICT,
				      "%s is of version %s already: %s is older, and going back is "
				      "not supported by Kubernetes",
				      what, have, to),
			      "version");
	return why ? err_at(err_new(ERR_CONFLICT, "%s: %s", what, why), "version") : NULL;
}

/* A worker that cannot be looked at stays behind, and the run fails for it; a control plane must not. */
static struct err *check_reached(struct planner *p, struct json_object *node, bool *ret_reached)
{
	const char *name = name_of(node);
	const char *why = seen(p, name) ? json_str(seen(p, name), "error") : "nobody looked";

	*ret_reached = reached(p, name);
	if (!*ret_reached && cluster_is_control_plane(node))
		return err_new(ERR_CONFLICT,
			       "control plane %s is to be upgraded, and cannot be reached: %s",
			       name, why);
	if (!*ret_reached)
		warn(p, "node %s stays at its version, as it cannot be reached: %s", name, why);
	return NULL;
}

static struct err *plan_upgrade(struct planner *p, struct json_object *node)
{
	const char *name = name_of(node), *to = json_str(p->d, "version");
	struct json_object *object = member(p, name), *server = NULL, *a;
	const char *kubelet = kubelet_of(object), *from = kubelet,
		   *all = json_str(p->api, "version");
	const bool control_plane = cluster_is_control_plane(node);
	const bool first = control_plane && !p->upgrades && compared(p, all) < 0;
	struct json_object *open = begun(p, name, "upgrade");
	struct err *e;
	bool there;

	json_object_object_get_ex(json_at(p->api, "servers"), name, &server);
	if (control_plane && server && compared(p, json_object_get_string(server)) < 0)
		from = json_object_get_string(server);
	if (!object || !is_meant(p, name) || is_to_go(p, name) || node == p->first ||
	    (compared(p, from) >= 0 && !open && !first))
		return check_step(p, name, from);
	e = check_reached(p, node, &there);
	if (e || !there)
		return e;
	AUTO_STR was = open ? xasprintf("; was begun at %s and has not ended", json_str(open, "at"))
			    : xstrdup("");
	a = act(p, "upgrade", name, "%s -> %s%s", from, to, was);
	json_sets(a, "how", !control_plane ? "worker" : first ? "first" : "control_plane");
	json_sets(a, "from", from);
	json_sets(a, "to", to);
	p->upgrades = true;
	after_all(p, a, "configure options", false);
	after_all(p, a, "upgrade join", true);
	e = check_step(p, name, from);
	return e ? e : put_slot(p, a, node);
}

static struct err *plan_upgrades(struct planner *p, bool control_planes)
{
	const char *have = json_str(p->api, "version");
	struct err *e;

	if (!p->api)
		return NULL;
	if (p->in->wish->no_upgrade) {
		if (control_planes && compared(p, have) != 0)
			warn(p, "the cluster has version %s, declared is %s", have,
			     json_str(p->d, "version"));
		return NULL;
	}
	e = control_planes ? check_step(p, "the cluster", have) : NULL;
	return e ? e : plan_nodes(p, control_planes, plan_upgrade);
}

/* ---- labels, taints, certificates ---- */

static struct err *plan_marks(struct planner *p, struct json_object *node)
{
	const char *name = name_of(node);
	struct json_object *object = member(p, name), *a;
	AUTO_JSON taints = taints_parse(json_at(node, "taints"));
	AUTO_JSON patch = NULL;

	if (!object || planned(p, "join", name) || node == p->first || is_to_go(p, name) ||
	    !is_meant(p, name))
		return NULL;
	patch = marks_patch(object, json_at(node, "labels"), taints);
	if (!patch)
		return NULL;
	AUTO_STR words = marks_words(object, patch);
	a = act(p, "mark", name, "%s", words);
	after(p, a, "upgrade", name);
	return NULL;
}

/* The certificate that ends first, or is not the one in its file; no CA, and none that the kubelet renews itself. */
static struct json_object *worst_of(struct json_object *report)
{
	struct json_object *list = json_at(report, "certificates"), *worst = NULL;

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *c = json_nth(list, i);

		if (json_truth(c, "ca", false) || json_is_str(json_at(c, "state"), "ok") ||
		    json_is_str(json_at(c, "state"), "unknown") || certificate_is_others(c))
			continue;
		if (!worst || json_int(c, "days_left", 0) < json_int(worst, "days_left", 0))
			worst = c;
	}
	return worst;
}

static struct err *plan_renewal(struct planner *p, struct json_object *node)
{
	const char *name = name_of(node);
	struct json_object *worst = worst_of(json_at(seen(p, name), "certificates")), *a;
	const bool stale = json_is_str(json_at(worst, "state"), "stale");
	const bool asked = p->in->wish->renew;

	if (!member(p, name) || !reached(p, name) || planned(p, "join", name) || node == p->first ||
	    is_to_go(p, name) || !is_meant(p, name) ||
	    (!asked && (!worst || !json_int(p->d, "certificates.renew_days", 0))))
		return NULL;
	/* kubeadm upgrade renews them, too. */
	if (planned(p, "upgrade", name))
		return NULL;
	a = asked ? act(p, "renew", name, "asked for")
		  : act(p, "renew", name, "%s: %s", json_str(worst, "name"),
			json_str(worst, "why"));
	json_sets(a, "how", stale && !asked ? "restart" : "renew");
	after_all(p, a, "renew options", true);
	return put_slot(p, a, node);
}

/*
 * Certificates that have ended keep the API from answering: they come first, and what else is to be done is seen by the
 * next run. All at once: etcd's members need each other.
 */
static bool plan_ended(struct planner *p)
{
	bool any = false;

	for (size_t i = 0; !p->api && cluster_control_plane(p->d, i); i++) {
		struct json_object *node = cluster_control_plane(p->d, i), *a, *worst;
		const char *name = name_of(node);

		worst = worst_of(json_at(seen(p, name), "certificates"));
		if (!is_meant(p, name) || !json_is_str(json_at(worst, "state"), "expired") ||
		    !json_truth(seen(p, name), "admin_conf", false))
			continue;
		a = act(p, "renew", name, "%s: %s", json_str(worst, "name"),
			json_str(worst, "why"));
		json_sets(a, "how", "renew");
		any = true;
	}
	if (any)
		json_object_array_add(
			p->warnings,
			json_object_new_string("certificates have ended, and the cluster does not "
					       "answer: when they are renewed, run it again"));
	return any;
}

/* ---- encryption at rest ---- */

/* Whether the key is the only one, for all that is to be encrypted. */
static bool is_encrypted(const struct planner *p, struct json_object *have, const char *key)
{
	struct json_object *keys = json_at(have, "keys");
	struct json_object *wanted = json_at(p->d, "encryption.resources");

	for (size_t i = 0; i < json_len(wanted); i++)
		if (!json_list_has(json_at(have, "resources"), json_nth(wanted, i)))
			return false;
	return json_len(keys) == 1 && json_is_str(json_nth(keys, 0), key);
}

/* A server that is left out goes on with the key that it has. Why one would be; owned; NULL: none. */
static char *left_out(const struct planner *p, struct json_object *object)
{
	const char *name = json_str(object, "metadata.name");

	if (!is_labelled_control_plane(object))
		return NULL;
	if (!cluster_node(p->d, name))
		return xasprintf("control plane %s is not declared", name);
	if (!reached(p, name))
		return xasprintf("control plane %s is not reached", name);
	if (is_to_go(p, name) || planned(p, "join", name))
		return xasprintf("control plane %s leaves, or joins: run it again then", name);
	if (!json_at(seen(p, name), "encryption") && !planned(p, "options", name))
		return xasprintf("control plane %s does not know it yet", name);
	const char *why = json_str(json_at(seen(p, name), "encryption"), "error");
	return why ? xasprintf("control plane %s: %s", name, why) : NULL;
}

/* kubeadm does not know of it yet, or (a snapshot of before was restored) any more. */
static bool begins(const struct planner *p)
{
	struct json_object *options = json_at(json_at(p->api, "options"), "kube-apiserver");
	AUTO_JSON name = json_object_new_string("encryption-provider-config");

	return json_list_has(options, name);
}

/* The API server's option follows what is declared, and its file must be what all of etcd was written with. */
static struct err *check_encryption(const struct planner *p, const char *name, bool wanted)
{
	struct json_object *have = json_at(seen(p, name), "encryption");
	const char *file = json_str(seen(p, name), "encryption_file");
	const bool encrypts = have && !json_is_str(json_nth(json_at(have, "keys"), 0), "identity");
	struct err *e = NULL;

	if (!reached(p, name))
		return NULL;
	if (wanted && file && strcmp(file, PKI_ENCRYPTION) != 0)
		e = err_new(
			ERR_CONFLICT,
			"control plane %s encrypts by %s, whose keys are not known here, and without "
			"them what is in etcd could not be read: leave encryption out of the "
			"declaration",
			name, file);
	else if (wanted && !have && !begins(p))
		e = err_new(
			ERR_CONFLICT,
			"the API servers are told to encrypt, and control plane %s has no " PKI_ENCRYPTION
			": bring the file there",
			name);
	else if (!wanted && encrypts)
		e = err_new(
			ERR_CONFLICT,
			"control plane %s has encryption at rest, which is not declared: without "
			"its keys (" PKI_ENCRYPTION
			") what is in etcd could not be read. Declare it",
			name);
	return e ? err_at(e, "encryption") : NULL;
}

static void rotate(struct planner *p, const char *key, struct json_object *servers)
{
	struct json_object *list = json_at(p->api, "nodes"), *a;
	AUTO_STR why = NULL;

	for (size_t i = 0; i < json_len(list) && !why; i++)
		why = left_out(p, json_nth(list, i));
	/* Whoever joins copies what another has. */
	for (size_t i = 0; i < json_len(p->actions) && !why; i++)
		if (json_is_str(json_at(json_nth(p->actions, i), "action"), "join") &&
		    cluster_is_control_plane(
			    cluster_node(p->d, json_str(json_nth(p->actions, i), "node"))))
			why = xstrdup("a control plane joins: run it again then");
	if (why) {
		warn(p, "the key %s does not encrypt what is in etcd: %s", key, why);
		return;
	}
	a = act(p, "rotate", NULL, "%s is to be the key that encrypts", key);
	json_set(a, "servers", json_copy(servers));
	after_all(p, a, "configure options upgrade renew", true);
	after(p, a, "options", NULL);
}

/* All control planes must know of a key before the first uses it. */
static struct err *plan_rotation(struct planner *p)
{
	const char *provider = json_str(p->d, "encryption.provider");
	AUTO_STR key = xasprintf("%s:%s", provider, json_str(p->d, "encryption.key"));
	const bool wanted = strcmp(provider, "none") != 0;
	AUTO_JSON servers = json_object_new_array();
	struct json_object *node;
	bool due = begun(p, NULL, "rotate") || begins(p);
	struct err *e = NULL;

	for (size_t i = 0; !e && p->api && (node = cluster_control_plane(p->d, i)); i++) {
		const char *name = name_of(node);

		if (!member(p, name) || node == p->first || planned(p, "join", name))
			continue;
		e = check_encryption(p, name, wanted);
		due = due || !is_encrypted(p, json_at(seen(p, name), "encryption"), key);
		json_object_array_add(servers, json_object_new_string(name));
	}
	if (!e && wanted && due && json_len(servers) && !p->in->wish->only)
		rotate(p, key, servers);
	return e;
}

/* ---- those who leave ---- */

static struct err *plan_removal(struct planner *p, const char *name)
{
	struct json_object *object = member(p, name), *node = cluster_node(p->d, name), *a;
	const bool control_plane = is_labelled_control_plane(object);

	if (!is_to_go(p, name) || !is_meant(p, name))
		return NULL;
	/* Neither the cluster nor its host knows of it. */
	if (!object && !begun(p, name, "remove") &&
	    !json_truth(seen(p, name), "kubelet_conf", false))
		return NULL;
	a = act(p, "remove", name, "%s",
		!object ? "is no member; its host is reset"
		: node  ? "asked for"
			: "not declared, so its host is not known and stays as it is");
	json_sets(a, "how", control_plane ? "control_plane" : "worker");
	json_sets(a, "slot", control_plane ? "control_plane" : "remove");
	json_set(a, "limit", json_object_new_int64(1));
	if (staying(p))
		json_sets(a, "by", name_of(staying(p)));
	after_all(p, a, "join upgrade", false);
	return NULL;
}

static struct err *plan_removals(struct planner *p)
{
	struct json_object *list = json_at(p->api, "nodes"), *asked = p->in->wish->remove;
	size_t left = 0;
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = plan_removal(p, json_str(json_nth(list, i), "metadata.name"));
	for (size_t i = 0; i < json_len(asked) && !e; i++)
		if (!member(p, json_object_get_string(json_nth(asked, i))))
			e = plan_removal(p, json_object_get_string(json_nth(asked, i)));
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *object = json_nth(list, i);
		const char *name = json_str(object, "metadata.name");

		/* The label comes last: who was killed before may lack it. */
		left += (is_labelled_control_plane(object) ||
			 cluster_is_control_plane(cluster_node(p->d, name))) &&
			!planned(p, "remove", name);
		if (!cluster_node(p->d, name) && !planned(p, "remove", name) && is_meant(p, name))
			warn(p, "node %s is a member and not declared", name);
	}
	if (!e && p->api && json_len(list) && !left)
		e = err_new(ERR_CONFLICT, "no control plane would be left: reset the cluster "
					  "instead");
	return e;
}

/* ---- all of it ---- */

static void plan_prepare_first(struct planner *p)
{
	struct json_object *init, *a;

	if (!p->first || !is_meant(p, name_of(p->first)))
		return;
	init = planned(p, "init", name_of(p->first));
	a = act(p, "prepare", name_of(p->first), "%s", json_str(init, "why"));
	json_sets(a, "how", "init");
	json_object_array_add(json_at(init, "after"), json_copy(json_at(a, "id")));
}

/* Whether all that an action comes after is done. */
static bool is_next(struct json_object *done, struct json_object *a)
{
	struct json_object *needs = json_at(a, "after");

	for (size_t k = 0; k < json_len(needs); k++)
		if (!json_has(done, json_object_get_string(json_nth(needs, k))))
			return false;
	return !json_has(done, json_str(a, "id"));
}

/* What must be done before stands before. */
static struct err *ordered(struct json_object *actions, struct json_object **ret)
{
	AUTO_JSON done = json_object_new_object();
	AUTO_JSON list = json_object_new_array();
	const size_t n = json_len(actions);

	for (size_t before = n; json_len(list) < n && before != json_len(list);) {
		before = json_len(list);
		for (size_t i = 0; i < n; i++) {
			struct json_object *a = json_nth(actions, i);

			if (!is_next(done, a))
				continue;
			json_set(done, json_str(a, "id"), NULL);
			json_object_array_add(list, json_object_get(a));
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!json_has(done, json_str(json_nth(actions, i), "id")))
			return err_new(
				ERR_CONFLICT,
				"'%s' and others of this plan wait for each other: do a part of "
				"what is declared first",
				json_str(json_nth(actions, i), "id"));
	*ret = TAKE(list);
	return NULL;
}

/* What nothing here is done about, and a person should know. */
static void tell_rest(struct planner *p)
{
	struct json_object *list = json_at(p->api, "nodes"), *fixed = json_at(p->api, "fixed");

	for (size_t i = 0; i < json_len(fixed); i++)
		warn(p, "%s", json_object_get_string(json_nth(fixed, i)));
	if (planned(p, "init", p->first ? name_of(p->first) : NULL) &&
	    !json_len(json_at(p->d, "cni.manifests")) && json_truth(p->d, "cni.wait", true))
		warn(p, "cni.manifests is empty: nodes get ready when somebody else installs a pod "
			"network, and are waited for");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *node = json_nth(list, i);
		const char *name = json_str(node, "metadata.name");
		AUTO_STR why = NULL;

		if (is_meant(p, name) && !planned(p, "join", name) && !planned(p, "remove", name) &&
		    !planned(p, "ready", name) && object_readiness(node, NULL, &why) != READY)
			warn(p, "node %s is not Ready: %s", name,
			     why ? why : "it does not say why");
	}
}

/* All that is there may be about to be replaced. */
static struct err *check_restore(const struct planner *p)
{
	struct json_object *open = journal_open_action(p->in->journal, NULL, "restore");

	return open ? err_new(ERR_CONFLICT,
			      "a restore of etcd was begun at %s and has not ended: run it again, "
			      "with the same snapshot",
			      json_str(open, "at"))
		    : NULL;
}

static struct err *plan_all(struct planner *p)
{
	struct err *e = check_restore(p);

	if (e)
		return e;
	if (plan_ended(p))
		return NULL;
	e = plan_first(p);
	if (!e) {
		plan_prepare_first(p);
		plan_network(p);
		e = plan_nodes(p, true, plan_configure);
	}
	if (!e)
		e = plan_nodes(p, false, plan_configure);
	if (!e)
		e = plan_options(p);
	if (!e)
		e = plan_upgrades(p, true);
	if (!e)
		e = plan_nodes(p, true, plan_join);
	if (!e)
		e = plan_nodes(p, false, plan_join);
	if (!e)
		e = plan_upgrades(p, false);
	for (int workers = 0; workers < 2 && !e; workers++)
		e = plan_nodes(p, !workers, plan_marks);
	for (int workers = 0; workers < 2 && !e; workers++)
		e = plan_nodes(p, !workers, plan_renewal);
	if (!e)
		e = plan_rotation(p);
	if (!e)
		e = plan_removals(p);
	if (!e && p->first) {
		struct json_object *a = act(p, "ready", name_of(p->first), "was just made");

		after(p, a, "init", name_of(p->first));
		after(p, a, "network", NULL);
	}
	tell_rest(p);
	return e;
}

struct err *cluster_plan_make(const struct plan_input *in, struct json_object **ret)
{
	AUTO_JSON actions = json_object_new_array();
	AUTO_JSON warnings = json_object_new_array();
	struct planner p = {
		.in = in,
		.d = in->declaration,
		.api = json_at(in->observed, "api"),
		.actions = actions,
		.warnings = warnings,
	};
	struct json_object *list = NULL;
	struct err *e = check_one_cluster(&p);

	if (!e)
		e = plan_all(&p);
	if (!e)
		e = ordered(actions, &list);
	if (e)
		return e;
	*ret = json_object_new_object();
	json_set(*ret, "actions", list);
	json_set(*ret, "warnings", TAKE(warnings));
	return NULL;
}

char *action_words(struct json_object *action)
{
	const char *node = json_str(action, "node");

	return xasprintf("%s%s%s: %s", json_str(action, "action"), node ? " " : "",
			 node ? node : "", json_str(action, "why"));
}
