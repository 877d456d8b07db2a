#include <string.h>

#include "cluster/engine.h"
#include "cluster/kubeadm_config.h"
#include "cluster/static_pods.h"
#include "session/config.h"

/* Options of a control plane's programs, which kubeadm knows and makes static pods of. */

enum { PHASE_S = 600 };

/* In the order in which they need each other. */
static const struct program {
	const char *name, *phase;
} programs[] = {
	{ "etcd", "etcd local" },
	{ "kube-apiserver", "control-plane apiserver" },
	{ "kube-controller-manager", "control-plane controller-manager" },
	{ "kube-scheduler", "control-plane scheduler" },
};

/*
 * $1: the program, $2: its name as the kernel knows it, then what makes its manifest. Done when another process of it has been
 * there for some seconds; where two of them have ended, what was there before is put back: some end too soon to be seen, but
 * the kubelet counts a pod's attempts in the names of its logs. Where the manifest is the one that was there (of a run that was
 * killed), that one must stay, too. An API server that is told to end takes no more requests, and waits for its watchers until
 * it is killed: ten seconds are enough for what it had to answer.
 */
static const char manifest_script[] =
	"name=$1 comm=$2 m=/etc/kubernetes/manifests/$1.yaml was=" KUBEADM_FOLDER
	"/was.yaml; shift 2; "
	"pids() { for p in /proc/[0-9]*; do read -r c 2>/dev/null <$p/comm && [ \"$c\" = \"$comm\" ] && "
	"grep -qs kubepods $p/cgroup && echo ${p#/proc/}; done; }; "
	"tries() { d=$(ls -dt /var/log/pods/kube-system_$name-*/$name 2>/dev/null | head -n 1); "
	"t=$(ls $d | sed -n 's/^\\([0-9]*\\)\\.log$/\\1/p' | sort -n | tail -n 1); t=${t:-0}; }; "
	"back() { cp -p $was /etc/kubernetes/$name.was && mv /etc/kubernetes/$name.was $m; }; "
	"cp -p $m $was || exit; tries; d0=$d m0=$((t+1)); old=$(pids); \"$@\" >&2 || { back; exit 1; }; "
	"! cmp -s $m $was || old=; n=0 steady=0 ended=0 last=; "
	"while [ $n -lt 720 ] && [ $ended -lt 2 ]; do now=$(pids | grep -vxF \"$old\"); "
	"[ $n != 40 ] || [ $name != kube-apiserver ] || kill -KILL $old 2>/dev/null; "
	"if [ \"$now\" ] && [ \"$now\" = \"$last\" ]; then steady=$((steady+1)); "
	"else steady=0; [ -z \"$last\" ] || ended=$((ended+1)); fi; "
	"tries; [ \"$d\" = \"$d0\" ] && t0=$m0 || t0=0; [ $((t-t0)) -lt 2 ] || ended=2; "
	"last=$now; [ $steady -lt 20 ] || exit 0; n=$((n+1)); sleep 0.25; done; "
	"log=$(ls -t /var/log/pods/kube-system_$name-*/$name/*.log | head -n 1); back; "
	"echo \"$name does not run with these options, and has those it had; it said last:\" >&2; "
	"tail -n 3 $log >&2; exit 1";

static void add_words(struct json_object *step, const char *words)
{
	AUTO_JSON more = step_command(NULL, words, 0);
	struct json_object *argv = json_at(more, "argv");

	for (size_t i = 0; i < json_len(argv); i++)
		step_argv(step, json_object_get_string(json_nth(argv, i)));
}

static void add_program(struct json_object *steps, const struct program *p)
{
	AUTO_STR comm = static_pods_name(p->name);
	AUTO_STR words = xasprintf("sh %s %s kubeadm init phase %s --config " KUBEADM_CONFIG,
				   p->name, comm, p->phase);
	struct json_object *s = step_command(p->name, "sh -c", PHASE_S);

	step_argv(s, manifest_script);
	add_words(s, words);
	steps_add(steps, s);
}

static void add_certificate(struct json_object *steps)
{
	steps_add(steps, step_absent(PKI_FOLDER "/apiserver.crt"));
	steps_add(steps, step_absent(PKI_FOLDER "/apiserver.key"));
	steps_add(steps, step_command("certificate",
				      "kubeadm init phase certs apiserver --config " KUBEADM_CONFIG,
				      PHASE_S));
}

static bool is_named(struct doing *d, const char *program)
{
	AUTO_JSON name = json_object_new_string(program);

	return json_list_has(json_at(d->a, "programs"), name);
}

/* The phases' configuration, in a folder that the last step takes away. */
static struct err *add_config(struct doing *d, const char *node, struct json_object *steps)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e = kubeadm_local_config(
		&(struct kubeadm_input){ .declaration = d->g->d,
					 .node = cluster_node(d->g->d, node),
					 .version = json_str(d->a, "version") },
		&text);

	if (e)
		return e;
	steps_add(steps, step_folder(KUBEADM_FOLDER, "0700"));
	steps_add(steps, step_secret_file("options-config", KUBEADM_CONFIG, text.s));
	return NULL;
}

/* An API server is told to use it here, and has none: it learns of the key, and encrypts nothing yet (act_rotate.c). */
static struct err *add_encryption(struct doing *d, struct json_object *steps)
{
	AUTO_BUF text = BUF_INIT;
	struct json_object *o = NULL;
	struct err *e = NULL;
	bool begins;

	pthread_mutex_lock(&d->g->lock);
	json_object_object_get_ex(json_at(d->g->observed, "nodes"), d->node, &o);
	begins = !json_at(o, "encryption") &&
		 !json_is_str(json_at(d->g->d, "encryption.provider"), "none");
	pthread_mutex_unlock(&d->g->lock);
	if (begins)
		e = engine_encryption_begin(d, &text);
	if (begins && !e)
		steps_add(steps, step_secret_file("encryption", PKI_ENCRYPTION, text.s));
	buf_wipe(&text);
	return e;
}

static struct err *make_steps(struct doing *d, const char *node, struct json_object *steps)
{
	struct err *e;

	pthread_mutex_lock(&d->g->lock);
	e = add_config(d, node, steps);
	if (!e && !d->node)
		steps_add(
			steps,
			step_command(
				"upload",
				"kubeadm init phase upload-config kubeadm --config " KUBEADM_CONFIG,
				PHASE_S));
	if (!e && is_named(d, "certificate"))
		add_certificate(steps);
	for (size_t i = 0; i < COUNT(programs) && !e; i++)
		if (is_named(d, programs[i].name))
			add_program(steps, &programs[i]);
	if (!e && d->node)
		steps_add(steps, step_api_ready(d->g));
	pthread_mutex_unlock(&d->g->lock);
	steps_add(steps, step_absent(KUBEADM_FOLDER));
	return e;
}

struct err *do_options(struct doing *d)
{
	const char *node = d->node ? d->node : json_str(d->a, "by");
	AUTO_JSON steps = steps_new();
	struct node_job j = { .node = node, .steps = steps, .timeout_s = 4 * PHASE_S };
	struct err *e = d->node ? add_encryption(d, steps) : NULL;

	if (!e)
		e = make_steps(d, node, steps);
	if (!e)
		e = engine_node(d->g, &j);
	json_object_put(j.report);
	json_wipe(steps);
	return e || !is_named(d, "certificate") ? e : engine_settle(d);
}
