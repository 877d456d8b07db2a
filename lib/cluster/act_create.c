#include <openssl/crypto.h>
#include <string.h>

#include "clock.h"
#include "cluster/engine.h"
#include "cluster/kubeadm_config.h"
#include "cluster/syntax.h"
#include "kubernetes/drain.h"
#include "session/config.h"

/* Hosts become members: prepare, init, network, join, ready; and what is changed on members. */

enum {
	KUBEADM_S = 600,
	READY_MS = 600000,
	RIGHTS_MS = 60000,
	THERE_MS = 60000,
	AGAIN_MS = 1000,
	LOOK_S = 30,
	WORDS_SHOWN = 4000
};

/* Kept only as long as they are needed. */
#define AUTO_SECRET CLEANUP(auto_secret) struct json_object *

static void auto_secret(struct json_object **p)
{
	json_wipe(*p);
	json_object_put(*p);
}

/* ---- what all of them do ---- */

/* What the kubelet said last; owned. */
static char *kubelet_words(struct doing *d)
{
	struct node_job j = { .node = d->node, .check = true, .timeout_s = LOOK_S };
	AUTO_JSON steps = steps_new();
	AUTO_JSON report = NULL;
	struct json_object *s =
		step_command("journal", "journalctl --no-pager -o cat -q -n 20 -u kubelet", LOOK_S);
	const char *out;
	size_t len;

	json_set(s, "query", json_object_new_boolean(true));
	steps_add(steps, s);
	j.steps = steps;
	err_free(engine_node(d->g, &j));
	report = j.report;
	out = json_str(report_step(report, "journal"), "out");
	len = out ? strlen(out) : 0;
	return len ? xstrdup(len > WORDS_SHOWN ? out + len - WORDS_SHOWN : out) : NULL;
}

/* What went wrong is often known to the kubelet alone. */
static struct err *with_kubelet_words(struct doing *d, struct err *e)
{
	AUTO_STR words = e && !clock_is_cut() ? kubelet_words(d) : NULL;
	struct err *more;

	if (!words)
		return e;
	more = err_new(e->kind, "%s; its kubelet said last:\n%s", e->text, words);
	err_free(e);
	return more;
}

/* kubeadm waits for the kubelet, and tells only that it waited. */
static struct err *run_steps(struct doing *d, struct json_object *steps,
			     struct json_object **ret_report)
{
	struct node_job j = { .node = d->node, .steps = steps };
	struct err *e = engine_node(d->g, &j);

	*ret_report = j.report;
	return json_is_str(json_at(j.report, "failed_id"), "kubeadm") ? with_kubelet_words(d, e)
								      : e;
}

/* An API server that was just begun anew answers before it knows what the administrator may do: 403 is no last word yet. */
static struct err *wait_ready(struct doing *d, const char *version)
{
	const int64_t most = 1000 * (int64_t)d->g->o->node_s, until = clock_ms() + RIGHTS_MS;
	const struct node_wish wish = { .version = version,
					.timeout_ms = most && most < READY_MS ? most : READY_MS };
	struct err *e;

	for (;;) {
		AUTO_JSON node = NULL;

		e = node_wait_ready(d->g->api, d->node, &wish, &node);
		if (!e || e->status != 403 || clock_is_cut() || clock_ms() > until)
			return with_kubelet_words(d, e);
		err_free(e);
		clock_sleep_ms(AGAIN_MS);
	}
}

/* kubeadm does not wait until its kubelet has come to the API. */
static struct err *wait_there(struct doing *d)
{
	const int64_t until = clock_ms() + THERE_MS;
	AUTO_STR path = xasprintf("/api/v1/nodes/%s", d->node);
	const struct kube_request req = { .method = "GET", .path = path };

	for (;;) {
		AUTO_JSON node = NULL;
		struct err *e = cluster_call(d->g->api, &req, &node);

		if (!e || e->kind != ERR_NOT_FOUND || clock_is_cut() || clock_ms() > until)
			return e;
		err_free(e);
		clock_sleep_ms(100);
	}
}

static struct err *mark(struct doing *d)
{
	AUTO_JSON taints = taints_parse(json_at(d->declared, "taints"));
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;

	return node_mark(d->g->api, d->node, json_at(d->declared, "labels"), taints, false, &before,
			 &after);
}

/* Fills the folder that kubeadm reads from; it is in memory there. */
static void add_config(struct json_object *steps, const char *config, const char *discovery)
{
	steps_add(steps, step_folder(KUBEADM_FOLDER, "0700"));
	steps_add(steps, step_secret_file("kubeadm-config", KUBEADM_CONFIG, config));
	if (discovery)
		steps_add(steps,
			  step_secret_file("kubeadm-discovery", KUBEADM_DISCOVERY, discovery));
}

static void add_kubeadm(struct engine *g, struct json_object *steps, const char *argv)
{
	struct json_object *s = step_command("kubeadm", argv, KUBEADM_S);

	pthread_mutex_lock(&g->lock);
	AUTO_JSON env = cluster_proxy_env(g->d);
	if (env)
		json_set(s, "env", json_copy(env));
	json_object_put(TAKE(env));
	pthread_mutex_unlock(&g->lock);
	steps_add(steps, s);
	steps_add(steps, step_absent(KUBEADM_FOLDER));
}

/* ---- the keys that control planes share ---- */

static bool is_external(struct engine *g)
{
	pthread_mutex_lock(&g->lock);
	const bool external = json_is_str(json_at(g->d, "etcd.kind"), "external");
	pthread_mutex_unlock(&g->lock);
	return external;
}

/* {path: text} of those that a node has; secret. */
static struct err *read_keys(struct doing *d, const char *node, struct json_object **ret)
{
	struct node_job j = { .node = node, .check = true, .timeout_s = LOOK_S };
	const bool external = is_external(d->g);
	AUTO_JSON steps = steps_new();
	struct err *e;

	for (size_t i = 0; pki_file(external, i); i++)
		steps_add(steps, step_read(pki_file(external, i), pki_file(external, i)));
	j.steps = steps;
	e = engine_node(d->g, &j);
	AUTO_SECRET report = j.report;
	if (e)
		return e;
	*ret = json_object_new_object();
	for (size_t i = 0; pki_file(external, i); i++) {
		const char *text =
			json_str(report_step(report, pki_file(external, i)), "after.content");

		if (text)
			json_sets(*ret, pki_file(external, i), text);
	}
	return NULL;
}

/* With the lock held. */
static struct err *add_encryption(struct engine *g, struct pki *keys)
{
	const char *provider = json_str(g->d, "encryption.provider");

	return strcmp(provider, "none") == 0
		       ? NULL
		       : pki_encryption(keys, provider, json_str(g->d, "encryption.key"),
					json_at(g->d, "encryption.resources"));
}

static struct err *new_keys(struct engine *g, struct pki **ret)
{
	static const char *const etcd[][2] = {
		{ "etcd.ca_file", PKI_FOLDER "/etcd/ca.crt" },
		{ "etcd.cert_file", PKI_FOLDER "/apiserver-etcd-client.crt" },
		{ "etcd.key_file", PKI_FOLDER "/apiserver-etcd-client.key" },
	};
	const struct pki_options o = {
		.key_type = json_str(g->d, "certificates.key_type"),
		.ca_days = (int)json_int(g->d, "certificates.ca_days", 0),
		.external_etcd = json_is_str(json_at(g->d, "etcd.kind"), "external"),
	};
	struct err *e = pki_new(&o, ret);

	if (!e)
		e = add_encryption(g, *ret);
	for (size_t i = 0; i < COUNT(etcd) && !e && o.external_etcd; i++) {
		AUTO_BUF text = BUF_INIT;

		e = declared_text(etcd[i][0], json_str(g->d, etcd[i][0]), &text);
		if (!e)
			e = pki_put(*ret, etcd[i][1], text.s);
		buf_wipe(&text);
	}
	return e;
}

/* Those of a run that did not get to its end, or new ones; in the latter case nothing was made with those there are. */
static struct err *keys_for_init(struct doing *d, struct pki **ret)
{
	AUTO_SECRET files = NULL;
	struct err *e = strcmp(d->how, "resume") == 0 ? read_keys(d, d->node, &files) : NULL;

	if (e)
		return e;
	if (files) {
		e = pki_from_files(files, is_external(d->g), ret);
		if (e && e->kind != ERR_NOT_FOUND)
			return e;
	}
	pthread_mutex_lock(&d->g->lock);
	if (files && !e) {
		e = add_encryption(d->g, *ret); /* it may have been declared since */
	} else {
		err_free(e);
		e = new_keys(d->g, ret);
	}
	pthread_mutex_unlock(&d->g->lock);
	return e;
}

/* Of any control plane that is one already. */
static struct err *keys_for_join(struct doing *d, struct pki **ret)
{
	struct err *first = NULL;

	for (size_t i = 0;; i++) {
		AUTO_SECRET files = NULL;
		AUTO_STR name = NULL;
		struct err *e;

		pthread_mutex_lock(&d->g->lock);
		name = xstrdup(json_str(cluster_control_plane(d->g->d, i), "name"));
		pthread_mutex_unlock(&d->g->lock);
		if (!name)
			return first ? first
				     : err_new(ERR_CONFLICT,
					       "no other control plane is declared that has the "
					       "cluster's keys");
		if (strcmp(name, d->node) == 0)
			continue;
		e = read_keys(d, name, &files);
		if (!e)
			e = pki_from_files(files, is_external(d->g), ret);
		if (!e) {
			err_free(first);
			return NULL;
		}
		if (first)
			err_free(e);
		else
			first = err_wrap(e, "reading the keys of control plane %s", name);
	}
}

/* kubeadm is done: what is to be true of a member beside, and that it works. */
static struct err *finish(struct doing *d, struct json_object *marks)
{
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;
	struct err *e = wait_there(d);

	if (!e && marks)
		e = node_restore(d->g->api, d->node, marks, false, &before, &after);
	if (!e)
		e = mark(d);
	if (!e)
		e = engine_configure(d->g, d->node, NODE_MEMBER, NULL, NULL, NULL);
	pthread_mutex_lock(&d->g->lock);
	const bool wait = json_truth(d->g->d, "cni.wait", true);
	pthread_mutex_unlock(&d->g->lock);
	return e || !wait ? e : wait_ready(d, NULL);
}

/* ---- prepare, init ---- */

struct err *do_prepare(struct doing *d)
{
	return engine_configure(d->g, d->node, strcmp(d->how, "init") == 0 ? NODE_INIT : NODE_JOIN,
				NULL, NULL, NULL);
}

static struct err *init_config(struct doing *d, struct buf *ret)
{
	struct err *e;

	pthread_mutex_lock(&d->g->lock);
	e = engine_token_new(d->g);
	const struct kubeadm_input in = { .declaration = d->g->d,
					  .node = cluster_node(d->g->d, d->node),
					  .token = d->g->token,
					  .resume = strcmp(d->how, "resume") == 0 };
	if (!e)
		e = kubeadm_init_config(&in, ret);
	pthread_mutex_unlock(&d->g->lock);
	return e;
}

static struct err *run_init(struct doing *d, const struct pki *keys)
{
	AUTO_SECRET steps = steps_new();
	AUTO_SECRET report = NULL;
	AUTO_BUF config = BUF_INIT;
	struct err *e = init_config(d, &config);

	if (e)
		return e;
	steps_add_all(steps, pki_steps(keys));
	add_config(steps, config.s, NULL);
	buf_wipe(&config);
	add_kubeadm(d->g, steps, "kubeadm init --skip-token-print --config " KUBEADM_CONFIG);
	steps_add(steps, step_read("admin-conf", "/etc/kubernetes/admin.conf"));
	e = run_steps(d, steps, &report);
	if (e)
		return e;
	const char *text = json_str(report_step(report, "admin-conf"), "after.content");
	return text ? engine_admin(d->g, text)
		    : err_new(ERR_PROTOCOL, "kubeadm init left no /etc/kubernetes/admin.conf");
}

struct err *do_init(struct doing *d)
{
	struct pki *keys = NULL;
	struct err *e = keys_for_init(d, &keys);

	if (!e)
		e = run_init(d, keys);
	pki_free(keys);
	if (!e)
		e = engine_connect(d->g);
	if (e)
		return e;
	pthread_mutex_lock(&d->g->lock);
	d->g->token_known = true;
	pthread_mutex_unlock(&d->g->lock);
	return NULL;
}

struct err *do_network(struct doing *d)
{
	AUTO_JSON titles = NULL;
	struct err *e = engine_connect(d->g);

	return e ? e : engine_network(d->g, false, &titles);
}

/* What nobody's joining waits for. */
struct err *do_ready(struct doing *d)
{
	struct err *e = engine_connect(d->g);

	return e ? e : finish(d, NULL);
}

/* ---- join ---- */

static struct err *join_config(struct doing *d, struct buf *config, struct buf *discovery)
{
	AUTO_STR ca = engine_ca(d->g);
	const char *token = NULL;
	struct err *e = engine_token(d->g, &token);

	if (e)
		return e;
	if (!ca)
		return err_new(ERR_PROTOCOL, "the administrator's kubeconfig has no certificate "
					     "authority");
	pthread_mutex_lock(&d->g->lock);
	const struct kubeadm_input in = { .declaration = d->g->d,
					  .node = cluster_node(d->g->d, d->node),
					  .token = token,
					  .resume = strcmp(d->how, "resume") == 0 };
	e = kubeadm_join_config(&in, config);
	if (!e)
		e = kubeadm_discovery(&in, ca, discovery);
	pthread_mutex_unlock(&d->g->lock);
	return e;
}

static struct err *run_join(struct doing *d)
{
	AUTO_SECRET steps = steps_new();
	AUTO_JSON report = NULL;
	AUTO_BUF config = BUF_INIT;
	AUTO_BUF discovery = BUF_INIT;
	struct pki *keys = NULL;
	struct err *e = join_config(d, &config, &discovery);

	if (!e && cluster_is_control_plane(d->declared))
		e = keys_for_join(d, &keys);
	if (keys)
		steps_add_all(steps, pki_steps(keys));
	pki_free(keys);
	add_config(steps, config.s, discovery.s);
	buf_wipe(&config);
	buf_wipe(&discovery);
	add_kubeadm(d->g, steps, "kubeadm join --config " KUBEADM_CONFIG);
	return e ? e : run_steps(d, steps, &report);
}

/* With what is open in the journal: a run that is killed before they are given back leaves them to the next. */
static struct err *keep_marks(struct doing *d, struct json_object *marks)
{
	AUTO_JSON more = json_wrap("marks", json_copy(marks));

	json_sets(more, "why", json_str(d->a, "why"));
	return journal_write(d->g->journal, "begun", "join", d->node, more);
}

/* Owned; NULL: there are none. */
static struct json_object *kept_marks(struct doing *d)
{
	struct json_object *marks;

	pthread_mutex_lock(&d->g->lock);
	marks = json_at(journal_open_action(d->g->state, d->node, "join"), "marks");
	marks = marks ? json_copy(marks) : NULL;
	pthread_mutex_unlock(&d->g->lock);
	return marks;
}

/* What people have put on the node before its host was made anew goes to the new one. */
static struct err *forget(struct doing *d, struct json_object **marks)
{
	AUTO_STR path = xasprintf("/api/v1/nodes/%s", d->node);
	const struct kube_request req = { .method = "GET", .path = path };
	AUTO_JSON node = NULL;
	bool changed;
	struct err *e = cluster_call(d->g->api, &req, &node);

	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	if (!*marks)
		*marks = node_marks(node);
	e = keep_marks(d, *marks);
	return e ? e : node_forget(d->g->api, d->node, false, &changed);
}

struct err *do_join(struct doing *d)
{
	AUTO_JSON marks = kept_marks(d);
	struct err *e = engine_connect(d->g);

	/* Of whoever had the name: a member that comes back without its data would end at once. */
	if (!e && strcmp(d->how, "replace") == 0 && cluster_is_control_plane(d->declared) &&
	    !is_external(d->g))
		e = engine_leave_etcd(d->g, d->node, false);
	if (!e && strcmp(d->how, "replace") == 0)
		e = forget(d, &marks);
	if (!e && strcmp(d->how, "finish") != 0)
		e = run_join(d);
	return e ? e : finish(d, marks);
}

/* ---- members ---- */

struct err *do_configure(struct doing *d)
{
	struct err *e = engine_configure(d->g, d->node, NODE_MEMBER, NULL, NULL, NULL);

	if (!e)
		e = engine_connect(d->g);
	return e ? e : wait_ready(d, NULL);
}

struct err *do_mark(struct doing *d)
{
	struct err *e = engine_connect(d->g);

	return e ? e : mark(d);
}
