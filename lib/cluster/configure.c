#include <string.h>

#include "cluster/engine.h"
#include "session/config.h"
#include "text.h"

/* What is true on a node beside what kubeadm makes: looked at, and made so. */

static const char KUBELET_CONF[] = "/etc/kubernetes/kubelet.conf";
static const char PACKAGES[] = "kubelet kubeadm";

static struct json_object *words(const char *s)
{
	struct json_object *list = json_object_new_array();

	WORDS_EACH(w, s)
		json_object_array_add(list, json_object_new_string_len(w, (int)words_len(w)));
	return list;
}

struct json_object *facts_step(bool control_plane)
{
	struct json_object *s = json_object_new_object();

	json_sets(s, "id", "facts");
	json_sets(s, "do", "facts");
	json_set(s, "names",
		 words(control_plane ? "cgroup packages files services" : "cgroup packages files"));
	json_set(s, "packages", words(PACKAGES));
	json_set(s, "files", words(KUBELET_CONF));
	if (control_plane)
		json_set(s, "services", words("kubelet"));
	return s;
}

static struct json_object *told(struct json_object *report, const char *fact)
{
	return json_at(json_at(report_step(report, "facts"), "facts"), fact);
}

/* "1.33.12" of "1.33.12-1.1"; owned; NULL: not installed. */
static char *version_of(struct json_object *packages, const char *name)
{
	const char *s = json_str(packages, name);

	return s ? xstrndup(s, strcspn(s, "-~+")) : NULL;
}

/*
 * The version of the container runtime is none of them: its configuration would be another one after its
 * first installation, and is one that all versions read.
 */
struct json_object *facts_of(struct json_object *report)
{
	struct json_object *facts = json_object_new_object(), *packages = told(report, "packages");
	AUTO_STR kubelet = version_of(packages, "kubelet");
	AUTO_STR kubeadm = version_of(packages, "kubeadm");

	json_set(facts, "cgroup", json_copy(told(report, "cgroup")));
	if (kubelet)
		json_sets(facts, "kubelet", kubelet);
	if (kubeadm)
		json_sets(facts, "kubeadm", kubeadm);
	return facts;
}

bool facts_member(struct json_object *report)
{
	struct json_object *file = NULL;

	json_object_object_get_ex(told(report, "files"), KUBELET_CONF, &file);
	return file;
}

struct json_object *facts_kubelet_since(struct json_object *report)
{
	return json_at(told(report, "services"), "kubelet.since_s");
}

/* ---- steps ---- */

/* With the lock held; borrowed; NULL: nothing is known. */
static struct json_object *known_facts(struct engine *g, const char *node)
{
	struct json_object *o = NULL, *of = NULL;

	json_object_object_get_ex(json_at(g->observed, "nodes"), node, &o);
	if (json_at(o, "facts"))
		return json_at(o, "facts");
	json_object_object_get_ex(json_at(g->state, "nodes"), node, &of);
	return json_at(of, "facts");
}

struct err *engine_steps(struct engine *g, const char *node, enum node_phase phase,
			 const char *kubelet, const char *kubeadm, struct json_object **ret)
{
	struct node_input in = { .phase = phase, .kubelet = kubelet, .kubeadm = kubeadm };
	AUTO_JSON steps = NULL;
	struct err *e;

	pthread_mutex_lock(&g->lock);
	in.declaration = g->d;
	in.node = cluster_node(g->d, node);
	in.facts = known_facts(g, node);
	in.archives = g->archives;
	if (phase == NODE_MEMBER && !kubelet)
		in.kubelet = json_str(in.facts, "kubelet");
	if (phase == NODE_MEMBER && !kubeadm)
		in.kubeadm = json_str(in.facts, "kubeadm");
	e = in.node ? cluster_node_steps(&in, &steps)
		    : err_new(ERR_USAGE, "node %s is not declared", node);
	if (!e)
		*ret = json_copy(steps);
	json_object_put(TAKE(steps)); /* it may share values with the declaration */
	pthread_mutex_unlock(&g->lock);
	return err_wrap(e, "node %s", node);
}

/* Of all archives; released by free(), its texts live as long as g. */
static struct node_blob *blobs_of(struct engine *g, size_t *n)
{
	struct node_blob *blobs =
		xcalloc((size_t)json_object_object_length(g->archives) + 1, sizeof(*blobs));

	*n = 0;
	json_object_object_foreach(g->archives, path, sum)
		blobs[(*n)++] =
			(struct node_blob){ .sha256 = json_object_get_string(sum), .path = path };
	return blobs;
}

/* What a host is like, where it is not as it was known. */
static struct err *remember(struct engine *g, const char *node, struct json_object *report)
{
	struct json_object *facts = facts_of(report), *of = NULL;
	AUTO_JSON more = json_wrap("facts", facts);
	bool same;

	pthread_mutex_lock(&g->lock);
	json_object_object_get_ex(json_at(g->state, "nodes"), node, &of);
	same = json_object_equal(json_at(of, "facts"), facts);
	of = NULL;
	if (json_object_object_get_ex(json_at(g->observed, "nodes"), node, &of))
		json_set(of, "facts", json_copy(facts));
	pthread_mutex_unlock(&g->lock);
	return same ? NULL : journal_write(g->journal, "seen", NULL, node, more);
}

static struct err *run_steps(struct engine *g, const char *node, struct json_object *steps,
			     struct json_object **ret_report)
{
	size_t n = 0;
	struct node_blob *blobs = blobs_of(g, &n);
	struct node_job j = { .node = node, .blobs = blobs, .nblobs = n };
	AUTO_JSON all = json_copy(steps);
	struct err *e;

	steps_add(all, facts_step(false));
	j.steps = all;
	e = engine_node(g, &j);
	free(blobs);
	json_wipe(all);
	if (!e)
		e = remember(g, node, j.report);
	json_object_put(*ret_report);
	*ret_report = j.report;
	return e;
}

/*
 * What is to be true depends on what the host is like: where that has become another one, the steps are made again
 * of it, and done if they are others.
 */
struct err *engine_configure(struct engine *g, const char *node, enum node_phase phase,
			     const char *kubelet, const char *kubeadm,
			     struct json_object **ret_report)
{
	AUTO_JSON done = NULL;
	AUTO_JSON report = NULL;
	struct err *e = NULL;

	for (int i = 0; i < 2 && !e; i++) {
		AUTO_JSON steps = NULL;

		e = engine_steps(g, node, phase, kubelet, kubeadm, &steps);
		if (!e && (!done || !json_object_equal(steps, done)))
			e = run_steps(g, node, steps, &report);
		json_wipe(done);
		json_object_put(done);
		done = TAKE(steps);
	}
	json_wipe(done);
	if (ret_report)
		*ret_report = TAKE(report);
	return e;
}
