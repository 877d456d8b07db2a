#include <string.h>

#include "clock.h"
#include "cluster/encryption.h"
#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "cluster/kubeadm_config.h"
#include "kubernetes/objects.h"
#include "pool.h"
#include "session/config.h"
#include "yaml.h"

/* What there is, before anything is planned: each node by one command, the API by a few requests. */

enum {
	ETCD_MS = 10000,
	WIDTH = 256,
	LOOK_S = 120,
	BOOT_S = 600,
	BEGIN_S = 90, /* for which an API server may be on its way after its kubelet began */
	AGAIN_MS = 2000
};

static const char ADMIN_CONF[] = "/etc/kubernetes/admin.conf";
static const char API_SERVER[] = "/etc/kubernetes/manifests/kube-apiserver.yaml";

/* ---- nodes ---- */

/* With the lock held. */
static bool is_meant(struct engine *g, struct json_object *node)
{
	struct json_object *only = g->o->wish.only;

	for (size_t i = 0; i < json_len(only); i++)
		if (json_is_str(json_nth(only, i), json_str(node, "name")))
			return true;
	return !only || cluster_is_control_plane(node);
}

struct look {
	struct engine *g;
	const char *node;
	bool control_plane;
	bool known; /* what it is like was seen before: its steps are looked at at once */
	struct json_object *result; /* observed.nodes[node] */
	struct json_object *report;
	size_t own; /* steps before those of the node */
};

/* How much room there is: queries, which judge nothing. */
static void add_space(struct look *l, struct json_object *steps)
{
	pthread_mutex_lock(&l->g->lock);
	AUTO_JSON list = cluster_space(l->g->d, cluster_node(l->g->d, l->node));
	pthread_mutex_unlock(&l->g->lock);
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *s = json_object_new_object();

		json_sets(s, "id", json_str(json_nth(list, i), "path"));
		json_sets(s, "do", "space");
		json_sets(s, "path", json_str(json_nth(list, i), "path"));
		json_set(s, "free_mb", json_object_new_int(0));
		steps_add(steps, s);
	}
}

/* A machine that was made just now takes minutes until its sshd answers. */
static int patience_s(const struct look *l)
{
	pthread_mutex_lock(&l->g->lock);
	struct json_object *host = json_at(cluster_node(l->g->d, l->node), "host");
	const int s = json_truth(host, "booting", false) ? (int)json_int(host, "timeout", BOOT_S)
							 : LOOK_S;
	pthread_mutex_unlock(&l->g->lock);
	return s;
}

static struct err *ask_node(struct look *l, bool with_steps)
{
	struct node_job j = { .node = l->node, .check = true, .timeout_s = patience_s(l) };
	AUTO_JSON steps = steps_new();
	AUTO_JSON more = NULL;
	struct err *e = NULL;

	steps_add(steps, facts_step(l->control_plane));
	steps_add_all(steps, certificates_steps(l->control_plane));
	if (l->control_plane) {
		steps_add(steps, step_read("admin-conf", ADMIN_CONF));
		steps_add(steps, step_read("encryption", PKI_ENCRYPTION));
		steps_add(steps, step_read("api-server", API_SERVER));
	}
	add_space(l, steps);
	l->own = json_len(steps);
	if (with_steps)
		e = engine_steps(l->g, l->node, NODE_MEMBER, NULL, NULL, &more);
	if (e)
		return e;
	if (more)
		steps_add_all(steps, TAKE(more));
	j.steps = steps;
	e = engine_node(l->g, &j);
	json_wipe(l->report);
	json_object_put(l->report);
	l->report = j.report;
	return e;
}

/* What differs, by the lines of a check that may have ended early. */
static struct json_object *differences(struct look *l)
{
	struct json_object *all = json_object_new_object(), *changed = json_object_new_array();
	struct json_object *lines = json_at(l->report, "steps");

	for (size_t i = l->own; i < json_len(lines); i++) {
		struct json_object *line = json_nth(lines, i), *failed;

		if (!json_truth(line, "ok", true)) {
			failed = json_object_new_object();
			json_sets(failed, "id", json_str(line, "id"));
			json_sets(failed, "msg", json_str(line, "msg"));
			json_set(all, "failed", failed);
		} else if (json_truth(line, "changed", false)) {
			json_object_array_add(changed, json_copy(json_at(line, "id")));
		}
	}
	json_set(all, "changed", changed);
	return all;
}

/* A step of ours failed: nothing is known. One of the node's: it differs. */
static bool own_failed(struct look *l)
{
	struct json_object *lines = json_at(l->report, "steps");

	for (size_t i = 0; i < l->own; i++)
		if (!json_truth(json_nth(lines, i), "ok", false))
			return true;
	return false;
}

static struct err *keep_admin(struct look *l)
{
	struct json_object *line = report_step(l->report, "admin-conf");
	const char *text = json_str(line, "after.content");

	AUTO_STR ca = text ? admin_ca(text) : NULL;

	json_set(l->result, "admin_conf", json_object_new_boolean(text != NULL));
	if (ca)
		json_sets(l->result, "ca", ca);
	return text ? engine_admin(l->g, text) : NULL;
}

static void keep_space(struct look *l)
{
	struct json_object *lines = json_at(l->report, "steps"), *space = json_object_new_object();

	for (size_t i = 0; i < l->own; i++) {
		struct json_object *line = json_nth(lines, i);

		if (json_is_str(json_at(line, "do"), "space"))
			json_set(space, json_str(line, "id"),
				 json_copy(json_at(line, "after.free_mb")));
	}
	json_set(l->result, "space", space);
}

/* Names of keys alone. */
static void keep_encryption(struct look *l)
{
	struct json_object *file = json_at(report_step(l->report, "encryption"), "after");
	struct json_object *shown = NULL;
	struct err *e = file ? encryption_shown(json_str(file, "content"), &shown) : NULL;

	if (e) {
		shown = json_wrap("error", json_object_new_string(e->text));
		err_free(e);
	}
	json_set(l->result, "encryption", shown);
}

/* The file that its API server is told to encrypt by, whether kubeadm knows of it or somebody has written it there. */
static void keep_encryption_file(struct look *l)
{
	static const char option[] = "--encryption-provider-config=";
	const char *text = json_str(report_step(l->report, "api-server"), "after.content");
	const char *at = text ? strstr(text, option) : NULL;

	if (!at)
		return;
	at += strlen(option);
	AUTO_STR path = xstrndup(at, strcspn(at, " \t\n\"'"));
	json_sets(l->result, "encryption_file", path);
}

/* True if the steps that were looked at were made of something else than what the host is like. */
static bool keep_facts(struct look *l)
{
	struct json_object *facts = facts_of(l->report), *of = NULL;
	bool other;

	pthread_mutex_lock(&l->g->lock);
	json_object_object_get_ex(json_at(l->g->state, "nodes"), l->node, &of);
	other = !json_object_equal(json_at(of, "facts"), facts);
	json_set(l->result, "facts", facts);
	json_set(l->result, "kubelet_conf", json_object_new_boolean(facts_member(l->report)));
	json_set(json_at(l->g->observed, "nodes"), l->node, json_object_get(l->result));
	pthread_mutex_unlock(&l->g->lock);
	return other;
}

static struct err *look_at(struct look *l)
{
	struct err *e = ask_node(l, l->known);

	if (e && (!l->report || own_failed(l)))
		return e;
	err_free(e);
	/* A host that is no member has nothing to compare: all of it is to be made. */
	if ((keep_facts(l) || !l->known) && json_truth(l->result, "kubelet_conf", false)) {
		e = ask_node(l, true);
		if (e && (!l->report || own_failed(l)))
			return e;
		err_free(e);
		l->known = true;
	}
	keep_space(l);
	if (json_truth(l->result, "kubelet_conf", false))
		json_set(l->result, "certificates", engine_certificates(l->g, l->report));
	if (l->known)
		json_set(l->result, "steps", differences(l));
	if (!l->control_plane)
		return NULL;
	keep_encryption(l);
	keep_encryption_file(l);
	json_set(l->result, "kubelet_since_s", json_copy(facts_kubelet_since(l->report)));
	return keep_admin(l);
}

static void look_one(void *arg, size_t i)
{
	struct look *l = (struct look *)arg + i;
	struct err *e = look_at(l);

	if (e) {
		pthread_mutex_lock(&l->g->lock);
		json_object_object_del(json_at(l->g->observed, "nodes"), l->node);
		json_object_put(l->result);
		l->result = json_object_new_object();
		json_sets(l->result, "error", e->text);
		json_set(json_at(l->g->observed, "nodes"), l->node, json_object_get(l->result));
		pthread_mutex_unlock(&l->g->lock);
	}
	err_free(e);
	json_wipe(l->report);
	json_object_put(l->report);
	json_object_put(l->result);
}

static void look_at_nodes(struct engine *g)
{
	struct json_object *nodes = json_at(g->d, "nodes");
	struct look *all = xcalloc(json_len(nodes) + 1, sizeof(*all));
	size_t n = 0;

	for (size_t i = 0; i < json_len(nodes); i++) {
		struct json_object *node = json_nth(nodes, i), *of = NULL;
		const char *name = json_str(node, "name");

		if (!is_meant(g, node))
			continue;
		json_object_object_get_ex(json_at(g->state, "nodes"), name, &of);
		all[n++] = (struct look){ .g = g,
					  .node = name,
					  .control_plane = cluster_is_control_plane(node),
					  .known = json_at(of, "facts"),
					  .result = json_object_new_object() };
	}
	pool_run(n, WIDTH, look_one, all);
	free(all);
}

/* ---- the API ---- */

static struct err *get(struct engine *g, const char *path, struct json_object **ret)
{
	const struct kube_request req = { .method = "GET", .path = path };

	return cluster_call(g->api, &req, ret);
}

/* The version that kubeadm last set up, and what is declared otherwise; left out where it has not got that far. */
static struct err *ask_kubeadm(struct engine *g, struct json_object *api)
{
	AUTO_JSON map = NULL;
	AUTO_JSON config = NULL;
	struct json_object *differs = NULL, *fixed = NULL;
	const char *text, *version;
	struct err *e = get(g, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", &map);

	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	text = json_str(json_at(map, "data"), "ClusterConfiguration");
	if (e || !text)
		return e;
	e = yaml_parse(text, strlen(text), "kubeadm-config", &config);
	if (!e)
		e = kubeadm_differs(g->d, config, &differs);
	if (!e)
		json_set(api, "options", differs);
	if (!e)
		e = kubeadm_fixed(g->d, config, &fixed);
	if (e)
		return e;
	json_set(api, "fixed", fixed);
	version = json_str(config, "kubernetesVersion");
	if (version)
		json_sets(api, "version", version + (*version == 'v'));
	return NULL;
}

static struct err *ask_servers(struct engine *g, struct json_object *api)
{
	struct json_object *servers = json_object_new_object();
	AUTO_JSON pods = NULL;
	struct err *e = get(g,
			    "/api/v1/namespaces/kube-system/pods?labelSelector="
			    "component%3Dkube-apiserver%2Ctier%3Dcontrol-plane",
			    &pods);
	struct json_object *list = json_at(pods, "items");

	json_set(api, "servers", servers);
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *pod = json_nth(list, i);
		const char *image = json_str(json_nth(json_at(pod, "spec.containers"), 0), "image");
		const char *tag = image ? strrchr(image, ':') : NULL;
		const char *node = json_str(pod, "spec.nodeName");

		if (tag && node && !strchr(tag, '/'))
			json_sets(servers, node, tag + 1 + (tag[1] == 'v'));
	}
	return e;
}

static struct err *look_at_api(struct engine *g)
{
	AUTO_JSON api = json_object_new_object();
	AUTO_JSON titles = NULL;
	struct json_object *nodes = NULL;
	const struct object_query all = { .api_version = "v1", .kind = "Node" };
	struct err *e = objects_list(g->api, &all, &nodes);

	if (e)
		return e;
	json_set(api, "nodes", nodes);
	e = ask_kubeadm(g, api);
	if (!e)
		e = ask_servers(g, api);
	if (!e && json_len(json_at(g->d, "cni.manifests")))
		e = engine_network(g, true, &titles);
	json_set(api, "manifests", titles ? TAKE(titles) : json_object_new_array());
	if (!e)
		json_set(g->observed, "api", TAKE(api));
	return e;
}

/* Whoever has ended certificates cannot ask the API, whatever it says to that. */
static bool have_ended(struct json_object *observed)
{
	struct json_object *nodes = json_at(observed, "nodes");

	json_object_object_foreach(nodes, name, o) {
		(void)name;
		if (json_is_str(json_at(o, "certificates.worst"), "expired"))
			return true;
	}
	return false;
}

/* kubeadm init was killed: until it is done the API may answer, and let nobody in. */
static bool half_made(struct engine *g)
{
	struct json_object *node;

	for (size_t i = 0; (node = cluster_control_plane(g->d, i)); i++)
		if (journal_open_action(g->state, json_str(node, "name"), "init"))
			return true;
	return false;
}

static bool is_silence(struct engine *g, const struct err *e)
{
	return e->kind == ERR_NETWORK || e->kind == ERR_TIMEOUT || have_ended(g->observed) ||
	       half_made(g);
}

void engine_observe_nodes(struct engine *g)
{
	g->observed = json_object_new_object();
	json_set(g->observed, "nodes", json_object_new_object());
	json_set(g->observed, "api", NULL);
	look_at_nodes(g);
}

/* An API server without an etcd says little: it hangs, or ends. */
static struct err *explained(struct engine *g, struct err *e)
{
	AUTO_JSON health = NULL;
	struct etcd_ways w;
	struct err *no = etcd_ways_open(g, &w);

	if (!no)
		no = etcd_health(w.all, w.n, ETCD_MS, &health);
	etcd_ways_close(&w);
	if (no) {
		struct err *both = err_new(e->kind, "%s; nor is there an answer of etcd: %s",
					   e->text, no->text);

		both->status = e->status;
		err_free(no);
		err_free(e);
		return both;
	}
	if (json_truth(health, "quorum", false))
		return e;
	err_free(e);
	return err_new(
		ERR_CONFLICT,
		"%s. If those that do not answer cannot be brought back, take them out of the "
		"declaration and restore a snapshot on those that are left (cluster_backup, "
		"state: restored)",
		json_object_get_string(json_nth(json_at(health, "problems"), 0)));
}

/* A run was killed in the middle of what begins an API server anew; that goes on without us. */
static bool goes_on(struct engine *g, const char *node)
{
	static const char *const anew[] = { "rotate", "renew", "options", "upgrade" };

	for (size_t i = 0; i < COUNT(anew); i++)
		if (json_is_str(json_at(journal_open_action(g->state, node, anew[i]), "event"),
				"begun"))
			return true;
	return false;
}

/* Whose certificates have ended would wait in vain. */
static void wait_begun(struct engine *g)
{
	struct json_object *node;

	for (size_t i = 0; (node = cluster_control_plane(g->d, i)) && !have_ended(g->observed);
	     i++) {
		const char *name = json_str(node, "name");
		struct json_object *o = NULL;

		json_object_object_get_ex(json_at(g->observed, "nodes"), name, &o);
		if (goes_on(g, name) && o && !json_at(o, "error"))
			err_free(engine_wait_api(g, name)); /* if it does not, that is told later */
	}
}

/* For how long what does not answer may be on its way: a host has restarted, or somebody its kubelet. */
static int64_t beginning_ms(struct engine *g)
{
	struct json_object *nodes = json_at(g->observed, "nodes");
	int64_t most = 0;

	json_object_object_foreach(nodes, name, o) {
		const int64_t left = BEGIN_S - json_int(o, "kubelet_since_s", BEGIN_S);

		(void)name;
		most = left > most ? left : most;
	}
	return have_ended(g->observed) || half_made(g) ? 0 : most * 1000;
}

static struct err *ask_api(struct engine *g)
{
	const int64_t until = clock_ms() + beginning_ms(g);

	for (;;) {
		struct err *e = engine_connect(g);

		if (!e)
			e = err_wrap(look_at_api(g), "looking at the cluster");
		/* At first it knows of nobody's rights. */
		if (!e || (!is_silence(g, e) && e->status != 403) || clock_ms() >= until ||
		    clock_is_cut())
			return e;
		err_free(e);
		cluster_free(g->api); /* another one may answer */
		g->api = NULL;
		clock_sleep_ms(AGAIN_MS);
	}
}

struct err *engine_observe(struct engine *g)
{
	struct err *e;

	engine_observe_nodes(g);
	if (!g->admin)
		return NULL;
	wait_begun(g);
	e = ask_api(g);
	if (e && !half_made(g))
		e = explained(g, e);
	if (e && is_silence(g, e)) {
		json_sets(g->observed, "api_error", e->text);
		err_free(TAKE(e));
	}
	return e;
}
