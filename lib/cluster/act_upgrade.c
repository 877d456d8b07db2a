#include <string.h>

#include "clock.h"
#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "cluster/kubeadm_config.h"
#include "kubernetes/drain.h"
#include "kubernetes/objects.h"
#include "kubernetes/preflight.h"
#include "kubernetes/waves.h"
#include "text.h"

/*
 * One node goes to another version: kubeadm, what kubeadm makes of it, then, while the node is empty, its kubelet. Each piece
 * changes nothing where it is done already, so an upgrade that was killed is begun again.
 */

enum {
	KUBEADM_S = 1200,
	READY_MS = 300000,
	OLD_CONFIG = 31,
	ETCD_MS = 10000,
	AGAIN_MS = 2000,
	TRIES = 8
};

/* ---- before the first node ---- */

static struct err *ask_etcd(struct engine *g, struct json_object *facts)
{
	struct json_object *told = NULL;
	struct etcd_ways w;
	struct err *e = etcd_ways_open(g, &w);

	if (!e)
		e = etcd_health(w.all, w.n, ETCD_MS, &told);
	if (!e)
		json_set(facts, "etcd", told);
	etcd_ways_close(&w);
	return e;
}

/* Names of nodes that a plan has this action for; owned. */
static struct json_object *named(struct json_object *plan, const char *action)
{
	struct json_object *actions = json_at(plan, "actions"), *names = json_object_new_array();

	for (size_t i = 0; i < json_len(actions); i++)
		if (json_is_str(json_at(json_nth(actions, i), "action"), action))
			json_object_array_add(
				names, json_object_get(json_at(json_nth(actions, i), "node")));
	return names;
}

/* Those that are to be removed, and emptied before: the others do not live. With the lock held. */
static void add_emptied(struct engine *g, struct json_object *plan, struct json_object *names)
{
	AUTO_JSON gone = named(plan, "remove");
	struct json_object *nodes = json_at(g->observed, "api.nodes");

	for (size_t i = 0; i < json_len(nodes); i++) {
		struct json_object *node = json_nth(nodes, i);
		struct json_object *name = json_at(node, "metadata.name");

		if (json_list_has(gone, name) && object_readiness(node, NULL, NULL) == READY)
			json_object_array_add(names, json_object_get(name));
	}
}

/* Where nothing is upgraded, what is not about pods stands against nothing. */
static struct json_object *about_pods(struct json_object *findings)
{
	static const char checks[] = "eviction disruption-budget pod-without-controller local-data";
	struct json_object *kept = json_object_new_array();

	for (size_t i = 0; i < json_len(findings); i++)
		if (words_have(checks, json_str(json_nth(findings, i), "check")))
			json_object_array_add(kept, json_object_get(json_nth(findings, i)));
	return kept;
}

/* {NODE: {"space": [...]}} of preflight.h, of those nodes; with the lock held; owned. */
static struct json_object *space_of(struct engine *g, struct json_object *names)
{
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_nth(names, i));
		struct json_object *o = NULL, *free_mb = NULL, *one;
		struct json_object *list = cluster_space(g->d, cluster_node(g->d, name));

		json_object_object_get_ex(json_at(g->observed, "nodes"), name, &o);
		for (size_t k = 0; k < json_len(list); k++) {
			one = json_nth(list, k);
			if (json_object_object_get_ex(json_at(o, "space"), json_str(one, "path"),
						      &free_mb))
				json_set(one, "free_mb", json_copy(free_mb));
		}
		json_set(all, name, json_wrap("space", list));
	}
	return all;
}

/* Where nodes are upgraded, what a killed run or a restart has left is waited for. `etcd`: whether it is ours to ask. */
static struct err *look(struct engine *g, const struct preflight *p, bool etcd,
			struct json_object **ret)
{
	const int64_t until = clock_ms() + READY_MS;

	for (;;) {
		struct err *e = p->target && etcd ? ask_etcd(g, p->facts) : NULL;

		if (!e)
			e = preflight(p, ret);
		if (e || !p->target || !preflight_passes_soon(*ret) || clock_ms() >= until ||
		    clock_is_cut())
			return e;
		json_object_put(*ret);
		*ret = NULL;
		clock_sleep_ms(AGAIN_MS);
	}
}

struct err *engine_preflight(struct engine *g, struct json_object *plan,
			     struct json_object *warnings)
{
	AUTO_JSON drains = named(plan, "upgrade");
	const bool upgrades = json_len(drains) > 0;
	AUTO_JSON facts = NULL;
	AUTO_JSON findings = NULL;
	AUTO_STR target = NULL;
	struct preflight p = { .servers = &g->api, .n_servers = 1, .drain = drains };
	struct err *e;
	bool stacked;

	pthread_mutex_lock(&g->lock);
	add_emptied(g, plan, drains);
	facts = json_wrap("certificates", observed_certificates(g->observed));
	json_set(facts, "nodes", space_of(g, drains));
	target = xstrdup(json_str(g->d, "version"));
	p.force = json_truth(g->d, "drain.force", false);
	p.delete_emptydir = json_truth(g->d, "drain.delete_emptydir_data", true);
	stacked = !json_is_str(json_at(g->d, "etcd.kind"), "external");
	pthread_mutex_unlock(&g->lock);
	if (!json_len(drains))
		return NULL;
	p.target = upgrades ? target : NULL;
	p.facts = facts;
	e = engine_connect(g);
	if (!e)
		e = look(g, &p, stacked, &findings);
	if (e)
		return err_wrap(e, "looking whether %s",
				upgrades ? "an upgrade may begin" : "nodes may be emptied");
	if (!upgrades) {
		struct json_object *all = findings;

		findings = about_pods(all);
		json_object_put(all);
	}
	AUTO_STR text = NULL;
	const bool blocks = preflight_blocks(findings, &text);
	if (blocks)
		return err_new(ERR_CONFLICT, "nothing was begun, as this stands against it:\n%s",
			       text);
	for (size_t i = 0; i < json_len(findings); i++) {
		struct json_object *f = json_nth(findings, i);
		AUTO_STR line = xasprintf("%s: %s; %s", json_str(f, "what"), json_str(f, "why"),
					  json_str(f, "do"));

		if (json_is_str(json_at(f, "severity"), "warning"))
			json_object_array_add(warnings, json_object_new_string(line));
	}
	return NULL;
}

/* ---- what kubeadm does ---- */

/* Its configuration where it takes one; before, options say the same. */
static struct err *add_config(struct doing *d, const char *to, struct json_object *steps,
			      struct json_object *command)
{
	AUTO_BUF text = BUF_INIT;
	struct kube_version v;
	struct err *e;

	if (!kube_version_of(to, &v) || (v.major == 1 && v.minor < OLD_CONFIG)) {
		step_argv(command, "--certificate-renewal=true");
		return NULL;
	}
	pthread_mutex_lock(&d->g->lock);
	e = kubeadm_upgrade_config(
		&(struct kubeadm_input){ .declaration = d->g->d, .node = d->declared }, &text);
	pthread_mutex_unlock(&d->g->lock);
	if (e)
		return e;
	steps_add(steps, step_folder(KUBEADM_FOLDER, "0700"));
	steps_add(steps, step_secret_file("upgrade-config", KUBEADM_CONFIG, text.s));
	step_argv(command, "--config");
	step_argv(command, KUBEADM_CONFIG);
	return NULL;
}

/*
 * The one check of kubeadm's that has failed is whether a Job ends within 15 seconds, which it may not where a controller manager
 * that was just restarted has not taken over yet, or much else is going on.
 */
static bool is_slow(const struct err *e)
{
	static const char error[] = "[ERROR ", job[] = "[ERROR CreateJob]";
	const char *first = e ? strstr(e->text, error) : NULL;

	return first && strncmp(first, job, strlen(job)) == 0 && !strstr(first + 1, error);
}

static struct err *run_kubeadm(struct doing *d, const char *to)
{
	const bool first = strcmp(d->how, "first") == 0;
	AUTO_JSON steps = steps_new();
	AUTO_JSON command = step_command(
		"kubeadm", first ? "kubeadm upgrade apply --yes" : "kubeadm upgrade node",
		KUBEADM_S);
	AUTO_STR version = xasprintf("v%s", to);
	struct node_job j = { .node = d->node, .steps = steps, .timeout_s = KUBEADM_S };
	struct err *e;

	if (first)
		step_argv(command, version);
	e = add_config(d, to, steps, command);
	if (e)
		return e;
	/* kubeadm hands its own proxies on to the control plane's pods. */
	pthread_mutex_lock(&d->g->lock);
	AUTO_JSON env = cluster_proxy_env(d->g->d);
	if (env)
		json_set(command, "env", json_copy(env));
	json_object_put(TAKE(env));
	pthread_mutex_unlock(&d->g->lock);
	steps_add(steps, TAKE(command));
	steps_add(steps, step_absent(KUBEADM_FOLDER));
	e = engine_node(d->g, &j);
	for (int i = 1; i < TRIES && is_slow(e) && !clock_is_cut(); i++) {
		err_free(e);
		json_object_put(TAKE(j.report));
		e = engine_node(d->g, &j);
	}
	json_object_put(j.report);
	return e;
}

/* ---- whose turn it is ---- */

/* A group as the API has it: what we hold is worked on, whoever else is not ready is out of service, too. */
struct group {
	struct json_object *names, *nodes; /* of the declaration; Node objects */
	struct wave_node *members;
	size_t n, *next;
	size_t limit;
};

static void group_release(struct group *x)
{
	json_object_put(x->names);
	json_object_put(x->nodes);
	free(x->members);
	free(x->next);
}

/* Those of the declaration that share the action's slot; owned. */
static struct json_object *names_of(struct doing *d)
{
	const bool control_plane = cluster_is_control_plane(d->declared);
	struct json_object *names = json_object_new_array(), *nodes;

	pthread_mutex_lock(&d->g->lock);
	nodes = json_at(d->g->d, "nodes");
	for (size_t i = 0; i < json_len(nodes); i++) {
		struct json_object *node = json_nth(nodes, i);
		const bool same = control_plane ? cluster_is_control_plane(node)
						: json_object_equal(json_at(node, "group"),
								    json_at(d->declared, "group"));

		if (same && cluster_is_control_plane(node) == control_plane)
			json_object_array_add(names, json_copy(json_at(node, "name")));
	}
	pthread_mutex_unlock(&d->g->lock);
	return names;
}

static struct json_object *object_of(struct json_object *nodes, const char *name)
{
	for (size_t i = 0; i < json_len(nodes); i++)
		if (json_is_str(json_at(json_nth(nodes, i), "metadata.name"), name))
			return json_nth(nodes, i);
	return NULL;
}

static struct err *group_read(struct doing *d, struct group *x)
{
	struct err *e = objects_list(d->g->api,
				     &(struct object_query){ .api_version = "v1", .kind = "Node" },
				     &x->nodes);

	x->names = names_of(d);
	x->members = xcalloc(json_len(x->names) + 1, sizeof(*x->members));
	x->next = xcalloc(json_len(x->names) + 1, sizeof(*x->next));
	x->limit = (size_t)json_int(d->a, "limit", 1);
	for (size_t i = 0; i < json_len(x->names) && !e; i++) {
		const char *name = json_object_get_string(json_nth(x->names, i));
		struct json_object *node = object_of(x->nodes, name);
		const bool self = strcmp(name, d->node) == 0;

		if (node)
			x->members[x->n++] = (struct wave_node){
				.name = name,
				.ready = object_readiness(node, NULL, NULL) == READY,
				.state = self                 ? WAVE_TODO
					 : node_is_held(node) ? WAVE_BUSY
							      : WAVE_DONE,
			};
	}
	return e;
}

/* Cordons it if that leaves enough of its group in service. */
static struct err *try_turn(struct doing *d, bool *ret_taken, struct err **ret_why)
{
	struct group x = { 0 };
	struct err *e = group_read(d, &x);
	bool done = false;

	*ret_taken = !e && waves_next(x.members, x.n, x.limit, x.next) > 0;
	if (*ret_taken)
		e = node_hold(d->g->api, d->node);
	else if (!e)
		*ret_why = waves_state(x.members, x.n, x.limit, &done);
	group_release(&x);
	return e;
}

/* One at a time asks and takes. Others of the group may fall while it is upgraded: then it is waited for them. */
static struct err *take_turn(struct doing *d)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	const int64_t until = clock_ms() + READY_MS;

	for (;;) {
		AUTO_ERR why = NULL;
		bool taken = false;
		struct err *e;

		pthread_mutex_lock(&turn);
		e = try_turn(d, &taken, &why);
		pthread_mutex_unlock(&turn);
		if (e || taken)
			return e;
		if (clock_ms() >= until || clock_is_cut())
			return why ? TAKE(why)
				   : err_new(ERR_TIMEOUT,
					     "too many others of its group are worked on");
		clock_sleep_ms(AGAIN_MS);
	}
}

/* ---- one node ---- */

/* What it has now, or (NULL) as the host says itself. */
static struct err *packages(struct doing *d, const char *kubelet, const char *kubeadm)
{
	return engine_configure(d->g, d->node, NODE_MEMBER, kubelet, kubeadm, NULL);
}

/* Its package does not, and what runs is the old one until then. */
static struct err *restart_kubelet(struct doing *d)
{
	AUTO_JSON steps = steps_new();
	struct json_object *s = json_object_new_object();
	struct node_job j = { .node = d->node, .steps = steps };
	struct err *e;

	json_sets(s, "id", "kubelet-restart");
	json_sets(s, "do", "service");
	json_sets(s, "unit", "kubelet.service");
	json_sets(s, "state", "restarted");
	steps_add(steps, s);
	e = engine_node(d->g, &j);
	json_object_put(j.report);
	return e;
}

static struct err *upgrade_kubelet(struct doing *d, const char *to)
{
	struct cluster *api = d->g->api;
	AUTO_JSON node = NULL;
	struct err *e = take_turn(d);

	if (!e)
		e = engine_drain(d->g, api, d->node, true);
	if (!e)
		e = packages(d, to, to);
	if (!e)
		e = restart_kubelet(d);
	if (!e)
		e = node_wait_ready(api, d->node,
				    &(struct node_wish){ .version = to, .timeout_ms = READY_MS },
				    &node);
	/* After a failure it stays empty: whoever repairs it, or the next run, gives it back. */
	return e ? e : node_give_back(api, d->node);
}

struct err *do_upgrade(struct doing *d)
{
	AUTO_STR to = xstrdup(json_str(d->a, "to"));
	struct err *e = engine_connect(d->g);

	if (!e)
		e = packages(d, NULL, to);
	if (!e)
		e = run_kubeadm(d, to);
	return e ? e : upgrade_kubelet(d, to);
}
