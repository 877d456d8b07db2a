#include <string.h>
#include <time.h>

#include "clock.h"
#include "cluster/certificates.h"
#include "cluster/engine.h"
#include "cluster/kubeadm_config.h"
#include "cluster/static_pods.h"
#include "text.h"

/* Certificates of nodes: looked at, renewed, and looked at again as they are served. */

/* READY_S: a program that has failed often is started again after five minutes. */
enum {
	RENEW_S = 300,
	RESTART_S = 180,
	READY_S = 400,
	HANDSHAKE_MS = 15000,
	SETTLE_MS = 120000,
	AGAIN_MS = 1000
};

/* ---- looking ---- */

struct json_object *certificates_steps(bool control_plane)
{
	struct json_object *steps = steps_new();

	steps_add(steps, certificates_step());
	if (control_plane)
		steps_add(steps, certificates_times_step());
	return steps;
}

/* Ports of a node, and the ports here that lead to them, for as long as the run. */
struct served_ways {
	struct engine *g;
	const char *node;
	struct {
		int there;
		struct tunnel *tunnel;
	} ports[8];
	size_t n;
};

static struct err *way(void *arg, const char *host, int port, const char **ret_host, int *ret_port)
{
	struct served_ways *w = arg;
	struct tunnel *t = NULL;
	struct err *e = NULL;
	size_t i = 0;

	while (i < w->n && w->ports[i].there != port)
		i++;
	if (i == COUNT(w->ports))
		return err_new(ERR_USAGE, "too many ports");
	if (i == w->n) {
		e = tunnel_open(w->g, w->node, host, port, &t);
		if (e)
			return e;
		w->ports[i].there = port;
		w->ports[i].tunnel = t;
		w->n++;
	}
	*ret_host = "127.0.0.1";
	*ret_port = tunnel_port(w->ports[i].tunnel);
	return NULL;
}

static struct json_object *served_of(struct served_ways *w)
{
	struct certificates_look look = { .way = way, .arg = w };
	AUTO_STR address = NULL;
	struct json_object *node;

	pthread_mutex_lock(&w->g->lock);
	node = cluster_node(w->g->d, w->node);
	address = xstrdup(cluster_node_address(node));
	look.control_plane = cluster_is_control_plane(node);
	look.external_etcd = json_is_str(json_at(w->g->d, "etcd.kind"), "external");
	look.api_port = cluster_api_port(w->g->d);
	pthread_mutex_unlock(&w->g->lock);
	look.address = address;
	look.deadline_ms = clock_ms() + HANDSHAKE_MS;
	struct json_object *ret = certificates_served(&look);

	while (w->n)
		tunnel_close(w->ports[--w->n].tunnel);
	return ret;
}

/* `ways` NULL: files alone, which costs no further connection. */
static struct json_object *judged(struct engine *g, struct json_object *report,
				  struct served_ways *ways)
{
	struct json_object *facts =
		json_at(report_step(report, "certificates"), "facts.certificates");
	const char *out = json_str(report_step(report, "certificates-times"), "out");
	AUTO_JSON files = certificates_of_facts(facts);
	AUTO_JSON times = certificates_times(out ? out : "");
	AUTO_JSON served = ways ? served_of(ways) : NULL;
	struct certificates_input in = {
		.files = files, .served = served, .times = times, .now_s = (int64_t)time(NULL)
	};

	pthread_mutex_lock(&g->lock);
	in.warn_days = (int)json_int(g->d, "certificates.renew_days", 0);
	if (json_is_str(json_at(g->d, "etcd.kind"), "external"))
		certificates_of_user(files);
	pthread_mutex_unlock(&g->lock);
	return certificates_report(&in);
}

struct json_object *engine_certificates(struct engine *g, struct json_object *report)
{
	return judged(g, report, NULL);
}

static struct err *look(struct served_ways *w, bool control_plane, struct json_object **ret)
{
	AUTO_JSON steps = certificates_steps(control_plane);
	struct node_job j = { .node = w->node, .steps = steps, .check = true };
	struct err *e = engine_node(w->g, &j);

	if (!e)
		*ret = judged(w->g, j.report, w);
	json_object_put(j.report);
	return e;
}

struct err *engine_served(struct engine *g, const char *node, struct json_object **ret)
{
	struct served_ways w = { .g = g, .node = node };
	bool control_plane;

	pthread_mutex_lock(&g->lock);
	control_plane = cluster_is_control_plane(cluster_node(g->d, node));
	pthread_mutex_unlock(&g->lock);
	return look(&w, control_plane, ret);
}

/* ---- renewing ---- */

/* Those of a wave end together, and the next one begins when they are there again: the last two wait for an API. */
static const struct program {
	const char *name;
	int port; /* 0: the API's */
	int wave;
} programs[] = {
	{ "etcd", 2379, 0 },
	{ "kube-apiserver", 0, 0 },
	{ "kube-controller-manager", 10257, 1 },
	{ "kube-scheduler", 10259, 1 },
};
enum { WAVES = 2 };

static struct json_object *restart_step(struct json_object *steps, const char *id, const char *what)
{
	struct json_object *s = step_command(id, "", RESTART_S);

	json_set(s, "argv", static_pods_argv(what));
	steps_add(steps, s);
	return s;
}

static void add_name(struct json_object *step, const struct program *p)
{
	AUTO_STR name = static_pods_name(p->name);

	step_argv(step, name);
}

static struct json_object *step_ready(const char *name, int port)
{
	AUTO_STR id = xasprintf("ready-%s", name);
	AUTO_STR at = xasprintf("127.0.0.1:%d", port);
	struct json_object *s = json_object_new_object(), *units = json_object_new_array();

	json_object_array_add(units, json_object_new_string("kubelet"));
	json_sets(s, "id", id);
	json_sets(s, "do", "ready");
	json_sets(s, "tcp", at);
	json_set(s, "units", units);
	json_set(s, "timeout_s", json_object_new_int(READY_S));
	return s;
}

static int api_port(struct engine *g)
{
	return cluster_api_port(g->d);
}

struct json_object *step_api_ready(struct engine *g)
{
	return step_ready("kube-apiserver", api_port(g));
}

/* `due` has one for each of programs[]. */
static void add_restarts(struct json_object *steps, const bool *due, int api)
{
	struct json_object *note = restart_step(steps, "restart-note", "note");

	for (size_t i = 0; i < COUNT(programs); i++)
		if (due[i])
			add_name(note, &programs[i]);
	for (int wave = 0; wave < WAVES; wave++) {
		AUTO_STR id = xasprintf("restart-%d", wave);
		struct json_object *s = NULL;

		for (size_t i = 0; i < COUNT(programs); i++)
			if (due[i] && programs[i].wave == wave) {
				s = s ? s : restart_step(steps, id, "end");
				add_name(s, &programs[i]);
			}
		for (size_t i = 0; i < COUNT(programs); i++)
			if (due[i] && programs[i].wave == wave)
				steps_add(steps,
					  step_ready(programs[i].name,
						     programs[i].port ? programs[i].port : api));
	}
}

/* The certificate of a name, as it was seen; with the lock held. */
static bool was_fine(struct json_object *seen, const char *name)
{
	struct json_object *all = json_at(seen, "certificates");

	for (size_t i = 0; i < json_len(all); i++)
		if (json_is_str(json_at(json_nth(all, i), "name"), name))
			return json_is_str(json_at(json_nth(all, i), "state"), "ok");
	return true;
}

/* What the kubelet has signed itself lasts a year, and nobody renews it: it makes another when this one is gone. */
static void add_kubelet(struct json_object *steps)
{
	steps_add(steps, step_absent("/var/lib/kubelet/pki/kubelet.crt"));
	steps_add(steps, step_absent("/var/lib/kubelet/pki/kubelet.key"));
}

static bool is_due(struct json_object *restart, const char *program)
{
	AUTO_JSON name = json_object_new_string(program);

	return json_list_has(restart, name);
}

/*
 * kubeadm is told what the declaration says, which holds lifetimes and kinds of keys: what it keeps in the cluster may be older, and
 * cannot be read where the certificates that lead there have ended.
 */
static struct err *add_kubeadm(struct engine *g, struct json_object *steps)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e =
		kubeadm_cluster_config(&(struct kubeadm_input){ .declaration = g->d }, &text);

	if (e)
		return e;
	steps_add(steps, step_folder(KUBEADM_FOLDER, "0700"));
	steps_add(steps, step_secret_file("renew-config", KUBEADM_CONFIG, text.s));
	steps_add(steps, step_command("renew", "kubeadm certs renew all --config " KUBEADM_CONFIG,
				      RENEW_S));
	steps_add(steps, step_absent(KUBEADM_FOLDER));
	return NULL;
}

/* Which of programs[] are to be restarted, with the lock held; false: none. */
static bool find_due(struct engine *g, struct json_object *stale, bool all, bool *due)
{
	const bool external = json_is_str(json_at(g->d, "etcd.kind"), "external");
	bool any = false;

	for (size_t i = 0; i < COUNT(programs); i++) {
		due[i] = all ? i || !external : is_due(stale, programs[i].name);
		any = any || due[i];
	}
	return any;
}

static struct err *renewal(struct doing *d, struct json_object *steps)
{
	const bool control_plane = cluster_is_control_plane(d->declared);
	const bool all = strcmp(d->how, "renew") == 0;
	bool due[COUNT(programs)] = { false };
	struct json_object *o = NULL, *seen, *stale;
	struct engine *g = d->g;
	struct err *e = NULL;

	pthread_mutex_lock(&g->lock);
	json_object_object_get_ex(json_at(g->observed, "nodes"), d->node, &o);
	seen = json_at(o, "certificates");
	stale = json_at(seen, "restart");
	const bool kubelet =
		all ? g->o->wish.renew || !was_fine(seen, "kubelet") : is_due(stale, "kubelet");
	const bool pods = control_plane && find_due(g, stale, all, due);
	if (control_plane && all)
		e = add_kubeadm(g, steps);
	if (kubelet)
		add_kubelet(steps);
	/* With it goes what it remembers of programs that have ended, which it would let wait. */
	if (kubelet || pods)
		steps_add(steps,
			  step_command("restart-kubelet", "systemctl restart kubelet", RESTART_S));
	if (pods)
		add_restarts(steps, due, api_port(g));
	pthread_mutex_unlock(&g->lock);
	return e;
}

/* What is not as it should be after a renewal; borrowed; NULL: all is well. */
static struct json_object *bad(struct json_object *report, bool soon_is_bad)
{
	struct json_object *all = json_at(report, "certificates");

	for (size_t i = 0; i < json_len(all); i++) {
		struct json_object *c = json_nth(all, i);
		const char *state = json_str(c, "state");

		if (json_truth(c, "ca", false) || certificate_is_others(c))
			continue;
		if (words_have("expired stale unknown", state) ||
		    (soon_is_bad && strcmp(state, "ends_soon") == 0))
			return c;
	}
	return NULL;
}

/* Programs take a moment: looked at until all is well, or it takes too long. */
struct err *engine_settle(struct doing *d)
{
	const int64_t until = clock_ms() + SETTLE_MS;
	struct served_ways w = { .g = d->g, .node = d->node };
	bool soon_is_bad;

	pthread_mutex_lock(&d->g->lock);
	soon_is_bad = json_int(d->g->d, "certificates.renew_days", 0) > 0;
	pthread_mutex_unlock(&d->g->lock);
	for (;;) {
		AUTO_JSON report = NULL;
		struct err *e = look(&w, cluster_is_control_plane(d->declared), &report);
		struct json_object *c = e ? NULL : bad(report, soon_is_bad);

		if (e || !c)
			return e;
		if (clock_ms() >= until || clock_is_cut())
			return err_new(ERR_TIMEOUT, "certificate %s (%s): %s", json_str(c, "name"),
				       json_str(c, "place"), json_str(c, "why"));
		clock_sleep_ms(AGAIN_MS);
	}
}

struct err *do_renew(struct doing *d)
{
	AUTO_JSON steps = steps_new();
	struct node_job j = { .node = d->node, .steps = steps };
	struct err *e = renewal(d, steps);

	if (!e)
		e = engine_node(d->g, &j);
	json_object_put(j.report);
	return e ? e : engine_settle(d);
}
