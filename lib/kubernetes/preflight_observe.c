/* What an upgrade or a drain would meet, as the API servers tell it. */
#include <string.h>
#include <time.h>

#include "clock.h"
#include "kubernetes/compare.h"
#include "kubernetes/drain.h"
#include "kubernetes/objects.h"
#include "kubernetes/preflight.h"
#include "pool.h"
#include "text.h"

enum { WIDTH = 16, LINE_BYTES = 16 << 10, METRICS_MS = 60000, OBJECTS_TOLD = 20 };

/* ---- nodes and the control plane ---- */

/* How long its condition Ready is what it is; -1: it does not tell. */
static int64_t ready_since(struct json_object *node)
{
	struct json_object *all = json_at(node, "status.conditions");
	int64_t at = 0, s;

	for (size_t i = 0; i < json_len(all); i++)
		if (json_is_str(json_at(json_nth(all, i), "type"), "Ready"))
			at = text_time(json_str(json_nth(all, i), "lastTransitionTime"));
	s = (int64_t)time(NULL) - at;
	return !at ? -1 : s > 0 ? s : 0;
}

static struct json_object *node_told(struct json_object *node)
{
	struct json_object *o = json_object_new_object();
	AUTO_STR why = NULL;
	const bool ready = object_readiness(node, NULL, &why) == READY;
	const int64_t since_s = ready_since(node);

	json_sets(o, "name", json_str(node, "metadata.name"));
	json_sets(o, "version", json_str(node, "status.nodeInfo.kubeletVersion"));
	json_set(o, "ready", json_object_new_boolean(ready));
	json_sets(o, "why", why ? why : "");
	if (since_s >= 0)
		json_set(o, "since_s", json_object_new_int64(since_s));
	json_set(o, "unschedulable",
		 json_object_new_boolean(json_truth(node, "spec.unschedulable", false)));
	return o;
}

static struct err *on_node(void *arg, struct json_object *node)
{
	json_object_array_add(arg, node_told(node));
	return NULL;
}

/* The program is the container's name, as in all clusters that kubeadm makes. */
static struct err *on_part(void *arg, struct json_object *pod)
{
	struct json_object *containers = json_at(pod, "spec.containers");

	for (size_t i = 0; i < json_len(containers); i++) {
		const char *image = json_str(json_nth(containers, i), "image");
		AUTO_STR version = image ? kube_image_version(image) : NULL;
		struct json_object *o = json_object_new_object();

		json_sets(o, "node", json_str(pod, "spec.nodeName"));
		json_sets(o, "part", json_str(json_nth(containers, i), "name"));
		json_sets(o, "version", version);
		json_object_array_add(arg, o);
	}
	return NULL;
}

static struct err *observe_nodes(struct cluster *c, struct json_object *o)
{
	struct json_object *nodes = json_object_new_array(), *parts = json_object_new_array();
	struct err *e;

	json_set(o, "nodes", nodes);
	json_set(o, "parts", parts);
	e = objects_each(c, &(struct object_query){ .api_version = "v1", .kind = "Node" }, on_node,
			 nodes);
	if (!e)
		e = objects_each(c,
				 &(struct object_query){ .api_version = "v1",
							 .kind = "Pod",
							 .ns = "kube-system",
							 .labels = "tier=control-plane" },
				 on_part, parts);
	if (!e)
		e = objects_each(c,
				 &(struct object_query){ .api_version = "v1",
							 .kind = "Pod",
							 .ns = "kube-system",
							 .labels = "k8s-app=kube-proxy" },
				 on_part, parts);
	return e;
}

/* ---- APIs that go ---- */

/* The labels of a metric's line, {name: value}; NULL: it is none, or is 0. Owned. */
static struct json_object *labels_of(const char *s)
{
	AUTO_JSON o = json_object_new_object();

	while (*s && *s != '}') {
		const size_t name = strcspn(s, "=");
		AUTO_STR key = xstrndup(s, name);
		AUTO_BUF value = BUF_INIT;

		s += name;
		if (strncmp(s, "=\"", 2) != 0)
			return NULL;
		for (s += 2; *s && *s != '"'; s++) {
			s += *s == '\\' && s[1];
			(void)buf_add(&value, s, 1);
		}
		if (!*s)
			return NULL;
		json_sets(o, key, value.s);
		s += 1 + (s[1] == ',');
	}
	return *s && strtod(s + 1, NULL) > 0 ? TAKE(o) : NULL;
}

static const char METRIC[] = "apiserver_requested_deprecated_apis{";

/* All metrics are megabytes, of which a few lines are wanted. */
struct metrics {
	struct buf line;
	bool skip; /* this line */
	struct json_object *found;
};

static void metric_line(struct metrics *m)
{
	AUTO_JSON labels = NULL;

	if (strncmp(m->line.s, METRIC, strlen(METRIC)) != 0)
		return;
	labels = labels_of(m->line.s + strlen(METRIC));
	if (labels && !json_list_has(m->found, labels))
		json_object_array_add(m->found, TAKE(labels));
}

static bool on_metrics(void *arg, const char *s, size_t n)
{
	struct metrics *m = arg;

	while (n) {
		const char *end = memchr(s, '\n', n);
		const size_t len = end ? (size_t)(end - s) : n;

		m->skip = m->skip || !buf_add(&m->line, s, len);
		if (end && !m->skip)
			metric_line(m);
		if (end) {
			m->line.len = 0;
			m->skip = false;
		}
		s += len + (end ? 1 : 0);
		n -= len + (end ? 1 : 0);
	}
	return true;
}

/* One that may not read metrics is told, and goes on. */
static void observe_metrics(struct cluster *c, struct json_object *o)
{
	struct metrics m = { .line = BUF_INIT, .found = json_at(o, "deprecated") };
	struct err *e;

	m.line.max = LINE_BYTES;
	e = cluster_stream(c,
			   &(struct kube_request){ .method = "GET",
						   .path = "/metrics",
						   .accept = "text/plain",
						   .deadline_ms = METRICS_MS },
			   on_metrics, &m);
	buf_release(&m.line);
	if (e)
		json_sets(o, "deprecated_error", e->text);
	err_free(e);
}

/* ---- stored objects that were written through such an API ---- */

struct writers {
	char *api_version; /* through which */
	struct json_object *objects;
	int64_t count;
};

/* Who wrote through it last; NULL: nobody. */
static const char *manager_of(const struct writers *w, struct json_object *object)
{
	struct json_object *list = json_at(object, "metadata.managedFields");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "apiVersion"), w->api_version))
			return json_str(json_nth(list, i), "manager");
	return NULL;
}

static struct err *on_stored(void *arg, struct json_object *object)
{
	struct writers *w = arg;
	const char *who = manager_of(w, object), *ns = json_str(object, "metadata.namespace");

	if (!who || w->count++ >= OBJECTS_TOLD)
		return NULL;
	AUTO_STR text = xasprintf("%s%s%s (%s)", ns ? ns : "", ns ? "/" : "",
				  json_str(object, "metadata.name"), who);
	json_object_array_add(w->objects, json_object_new_string(text));
	return NULL;
}

/*
 * They are read through the group's preferred version. Where that is this one, only if it has been asked for anyway:
 * our asking would be the first that the metric tells next time.
 */
static struct err *observe_writers(struct cluster *c, struct json_object *api, bool asked,
				   struct json_object *all)
{
	const char *group = json_str(api, "group"), *version = json_str(api, "version");
	const char *resource = json_str(api, "resource");
	struct writers w = { .api_version = xasprintf("%s/%s", group, version) };
	AUTO_STR through = w.api_version;
	AUTO_STR other = NULL;
	const struct kube_kind *k = NULL;
	struct err *e = kind_find(c, group, resource, &k);

	/* Gone already. */
	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	if (e || (strcmp(k->version, version) == 0 && !asked))
		return e;
	other = kind_api_version(k);
	w.objects = json_object_new_array();
	e = objects_each(c,
			 &(struct object_query){
				 .api_version = other, .kind = k->kind, .metadata_only = true },
			 on_stored, &w);
	if (!e && w.count) {
		struct json_object *o = json_copy(api);

		json_set(o, "count", json_object_new_int64(w.count));
		json_set(o, "objects", json_object_get(w.objects));
		json_object_array_add(all, o);
	}
	json_object_put(w.objects);
	return e;
}

static bool is_listed(struct json_object *list, const char *group, const char *version,
		      const char *resource)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "group"), group) &&
		    json_is_str(json_at(json_nth(list, i), "version"), version) &&
		    json_is_str(json_at(json_nth(list, i), "resource"), resource))
			return true;
	return false;
}

/* Versions of the server's own groups that are not settled: those are what releases take away. */
static void add_unsettled(struct json_object *api_kinds, const char *api_version,
			  struct json_object *known, struct json_object *list)
{
	const char *slash = strchr(api_version, '/');
	AUTO_STR group = slash ? xstrndup(api_version, (size_t)(slash - api_version)) : NULL;

	if (!slash || !group_builtin(api_version) ||
	    (!strstr(slash, "alpha") && !strstr(slash, "beta")))
		return;
	json_object_object_foreach(api_kinds, kind, one) {
		struct json_object *api;

		(void)kind;
		if (is_listed(known, group, slash + 1, json_str(one, "name")))
			continue;
		api = json_object_new_object();
		json_sets(api, "group", group);
		json_sets(api, "version", slash + 1);
		json_sets(api, "resource", json_str(one, "name"));
		json_object_array_add(list, api);
	}
}

static struct err *observe_stored(struct cluster *c, struct json_object *o)
{
	struct json_object *known = json_at(o, "deprecated"), *all = json_object_new_array();
	AUTO_JSON more = json_object_new_array();
	AUTO_JSON apis = NULL;
	struct err *e = kinds_all(c, &apis);

	json_set(o, "writers", all);
	if (e)
		return e;
	json_object_object_foreach(apis, version, kinds)
		add_unsettled(kinds, version, known, more);
	for (size_t i = 0; i < json_len(known) && !e; i++)
		if (*json_str(json_nth(known, i), "removed_release"))
			e = observe_writers(c, json_nth(known, i), true, all);
	for (size_t i = 0; i < json_len(more) && !e; i++)
		e = observe_writers(c, json_nth(more, i), false, all);
	return e;
}

/* ---- evictions ---- */

struct tries {
	struct cluster *c;
	struct json_object **pods; /* each thread has its own: reference counts are not atomic */
	struct json_object **told;
};

static void try_one(void *arg, size_t i)
{
	const struct tries *x = arg;
	struct json_object *pod = x->pods[i], *o = json_object_new_object();
	const unsigned fate = drain_fate_of(pod);
	AUTO_STR name = xasprintf("%s/%s", json_str(pod, "metadata.namespace"),
				  json_str(pod, "metadata.name"));
	AUTO_STR budget = NULL;
	AUTO_ERR e = fate & (DRAIN_STATIC | DRAIN_DAEMON) ? NULL : drain_try(x->c, pod, &budget);

	json_sets(o, "pod", name);
	json_sets(o, "node", json_str(pod, "spec.nodeName"));
	json_set(o, "fate", json_object_new_int((int)fate));
	json_sets(o, "error", e ? e->text : NULL);
	json_set(o, "status", json_object_new_int(e ? e->status : 0));
	json_sets(o, "budget", budget);
	x->told[i] = o;
}

static void try_all(struct cluster *c, struct json_object *pods, struct json_object *all)
{
	const size_t n = json_len(pods);
	struct tries x = { .c = c,
			   .pods = xcalloc(n + 1, sizeof(*x.pods)),
			   .told = xcalloc(n + 1, sizeof(*x.told)) };

	for (size_t i = 0; i < n; i++)
		x.pods[i] = json_nth(pods, i);
	pool_run(n, WIDTH, try_one, &x);
	for (size_t i = 0; i < n; i++)
		json_object_array_add(all, x.told[i]);
	free(x.pods);
	free(x.told);
}

static struct err *observe_pods(struct cluster *c, struct json_object *drain, struct json_object *o)
{
	struct json_object *all = json_object_new_array();
	struct err *e = NULL;

	json_set(o, "pods", all);
	for (size_t i = 0; i < json_len(drain) && !e; i++) {
		AUTO_JSON pods = NULL;

		e = node_pods(c, json_object_get_string(json_nth(drain, i)), NULL, &pods);
		if (!e)
			try_all(c, pods, all);
	}
	return e;
}

struct err *preflight_observe(const struct preflight *p, struct json_object **ret)
{
	struct json_object *servers = json_object_new_array();
	AUTO_JSON o = json_object_new_object();
	struct err *e = NULL;

	json_set(o, "servers", servers);
	json_set(o, "deprecated", json_object_new_array());
	for (size_t i = 0; i < p->n_servers && !e; i++) {
		AUTO_JSON version = NULL;

		e = cluster_version(p->servers[i], &version);
		if (!e)
			json_object_array_add(servers,
					      json_object_get(json_at(version, "gitVersion")));
		if (!e && p->target)
			observe_metrics(p->servers[i], o);
	}
	if (!e)
		e = observe_nodes(p->servers[0], o);
	if (!e && p->target)
		e = observe_stored(p->servers[0], o);
	if (!e)
		e = observe_pods(p->servers[0], p->drain, o);
	if (!e)
		*ret = TAKE(o);
	return err_wrap(e, "looking before anything is done");
}
