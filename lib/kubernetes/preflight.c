/* What stands against an upgrade or a drain: a function of what was seen. */
#include "kubernetes/preflight.h"

#include <stdarg.h>
#include <string.h>

#include "json.h"
#include "kubernetes/drain.h"
#include "text.h"

enum {
	WHY_BYTES = 1000,
	SOON_S =
		200 /* a kubelet whose API server was away when it began tries for the last time after 140 s (its CSINode) */
};

static const char *const severities[] = { "error", "warning", "info" };
enum severity { ERROR, WARNING, INFO };

/* All that a check may look at. */
struct check {
	const struct preflight *p;
	struct json_object *seen, *found[COUNT(severities)];
};

/* Takes what and why; `advice` is what to do. Borrowed: for what else there is to say. */
static struct json_object *find(struct check *c, enum severity s, const char *check, char *what,
				char *why, const char *advice)
{
	struct json_object *o = json_object_new_object();

	why[text_cut(why, WHY_BYTES)] = '\0';
	json_sets(o, "severity", severities[s]);
	json_sets(o, "check", check);
	json_sets(o, "what", what);
	json_sets(o, "why", why);
	json_sets(o, "do", advice);
	json_object_array_add(c->found[s], o);
	free(what);
	free(why);
	return o;
}

static const char *str(struct json_object *o, const char *key)
{
	const char *s = json_str(o, key);

	return s ? s : "";
}

/* ---- versions ---- */

static const char *server(struct check *c, size_t i)
{
	const char *s = json_object_get_string(json_nth(json_at(c->seen, "servers"), i));

	return s ? s : "";
}

/* Takes `why`; NULL: nothing is wrong. */
static void skew(struct check *c, char *what, char *why, const char *advice)
{
	if (why)
		find(c, ERROR, "version-skew", what, why, advice);
	else
		free(what);
}

static void check_servers(struct check *c)
{
	for (size_t i = 0; i < json_len(json_at(c->seen, "servers")); i++) {
		char *why = c->p->target ? kube_step(server(c, i), c->p->target) : NULL;

		if (why)
			find(c, ERROR, "version-step", xasprintf("API server %s", server(c, i)),
			     why, "choose another version");
		skew(c, xasprintf("API server %s", server(c, i)),
		     kube_skew("kube-apiserver", server(c, i), server(c, 0)),
		     "bring the API servers to one version first");
	}
}

/* As it is, and beside the API server to come. */
static void check_part(struct check *c, const char *part, const char *version, const char *node)
{
	struct kube_version v;
	char *why;

	/* What only pretends to be one. */
	if (!kube_version_of(version, &v)) {
		find(c, INFO, "version-skew", xasprintf("%s on node %s", part, node),
		     xasprintf("what it has is no version: '%s'", version), "see for yourself");
		return;
	}
	why = kube_skew(part, version, server(c, 0));
	if (!why && c->p->target)
		why = kube_skew(part, version, c->p->target);
	skew(c, xasprintf("%s on node %s", part, node), why,
	     "bring it to the version of the API server first");
}

static void check_versions(struct check *c)
{
	struct json_object *nodes = json_at(c->seen, "nodes"), *parts = json_at(c->seen, "parts");

	for (size_t i = 0; i < json_len(nodes); i++)
		check_part(c, "kubelet", str(json_nth(nodes, i), "version"),
			   str(json_nth(nodes, i), "name"));
	for (size_t i = 0; i < json_len(parts); i++) {
		const char *part = str(json_nth(parts, i), "part");
		const char *version = str(json_nth(parts, i), "version");
		struct kube_version v;

		/* Images may be named by anything. */
		if (words_have("kube-apiserver kube-controller-manager kube-scheduler kube-proxy",
			       part) &&
		    kube_version_of(version, &v))
			check_part(c, part, version, str(json_nth(parts, i), "node"));
	}
}

static void check_kubeadm(struct check *c)
{
	struct json_object *nodes = json_at(c->p->facts, "nodes");

	if (!nodes || !c->p->target)
		return;
	json_object_object_foreach(nodes, node, facts) {
		const char *have = json_str(facts, "kubeadm");

		if (have)
			skew(c, xasprintf("kubeadm on node %s", node),
			     kube_skew("kubeadm", have, c->p->target),
			     "upgrade the package kubeadm there first");
	}
}

/* ---- APIs ---- */

static struct json_object *writers_of(struct check *c, struct json_object *api)
{
	static const char *const keys[] = { "group", "version", "resource" };
	struct json_object *list = json_at(c->seen, "writers");

	for (size_t i = 0; i < json_len(list); i++) {
		size_t same = 0;

		for (size_t k = 0; k < COUNT(keys); k++)
			same += strcmp(str(json_nth(list, i), keys[k]), str(api, keys[k])) == 0;
		if (same == COUNT(keys))
			return json_nth(list, i);
	}
	return NULL;
}

/* "; 3 objects were last written through it: a (helm), ..." Owned. */
static char *written(struct json_object *writers)
{
	struct json_object *list = json_at(writers, "objects");
	const int64_t n = json_int(writers, "count", 0);
	AUTO_BUF b = BUF_INIT;

	if (n)
		buf_addf(&b, "; %lld object%s written through it: ", (long long)n,
			 n == 1 ? " was" : "s were");
	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(&b, "%s%s", i ? ", " : "", json_object_get_string(json_nth(list, i)));
	return buf_take(&b);
}

static char *api_words(struct json_object *api)
{
	const char *group = str(api, "group");

	return xasprintf("%s of API %s%s%s", str(api, "resource"), group, *group ? "/" : "",
			 str(api, "version"));
}

static void check_deprecated(struct check *c, struct json_object *api)
{
	const char *gone = str(api, "removed_release");
	AUTO_STR how = written(writers_of(c, api));
	struct kube_version release, target;
	const bool told = kube_version_of(gone, &release) && kube_version_of(c->p->target, &target);
	const bool now = told && (release.major < target.major ||
				  (release.major == target.major && release.minor <= target.minor));

	/* Of what is only discouraged there is nothing to do. */
	if (!told)
		return;
	find(c, now ? ERROR : INFO, "removed-api", api_words(api),
	     xasprintf(
		     "%s gone in %s, and somebody has asked for it since the API server was started%s",
		     now ? "it is" : "it will be", gone, how),
	     "have its users ask for the version that stays (the audit log's annotation "
	     "k8s.io/deprecated tells who); the metric forgets when the API server is restarted");
}

static bool was_asked_for(struct check *c, struct json_object *api)
{
	struct json_object *list = json_at(c->seen, "deprecated");

	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(str(json_nth(list, i), "group"), str(api, "group")) == 0 &&
		    strcmp(str(json_nth(list, i), "version"), str(api, "version")) == 0 &&
		    strcmp(str(json_nth(list, i), "resource"), str(api, "resource")) == 0)
			return true;
	return false;
}

static void check_apis(struct check *c)
{
	struct json_object *asked = json_at(c->seen, "deprecated");
	struct json_object *stored = json_at(c->seen, "writers");

	if (!c->p->target)
		return;
	if (json_str(c->seen, "deprecated_error"))
		find(c, WARNING, "removed-api", xstrdup("APIs in use that are removed"),
		     xstrdup(str(c->seen, "deprecated_error")),
		     "allow GET /metrics, or look there yourself");
	for (size_t i = 0; i < json_len(asked); i++)
		check_deprecated(c, json_nth(asked, i));
	for (size_t i = 0; i < json_len(stored); i++) {
		struct json_object *api = json_nth(stored, i);
		AUTO_STR how = written(api);

		if (!was_asked_for(c, api))
			find(c, WARNING, "removed-api", api_words(api),
			     xasprintf("the version is not settled, and releases take such away%s",
				       how),
			     "look whether the release to come has it");
	}
}

/* ---- nodes and pods ---- */

static bool is_soon_ready(struct json_object *node)
{
	return !json_truth(node, "ready", false) && json_int(node, "since_s", SOON_S) < SOON_S;
}

static void check_nodes(struct check *c)
{
	struct json_object *nodes = json_at(c->seen, "nodes");

	for (size_t i = 0; i < json_len(nodes); i++) {
		struct json_object *n = json_nth(nodes, i), *found;

		if (!json_truth(n, "ready", false)) {
			found = find(c, ERROR, "node-not-ready",
				     xasprintf("node %s", str(n, "name")), xstrdup(str(n, "why")),
				     "repair it, or take it out first");
			json_set(found, "soon", json_object_new_boolean(is_soon_ready(n)));
		} else if (json_truth(n, "unschedulable", false))
			find(c, INFO, "node-cordoned", xasprintf("node %s", str(n, "name")),
			     xstrdup("it takes no new pods"), "uncordon it, if nobody works there");
	}
}

static char *pod_words(struct json_object *pod)
{
	return xasprintf("pod %s on node %s", str(pod, "pod"), str(pod, "node"));
}

static void check_eviction(struct check *c, struct json_object *pod)
{
	static const char refused[] = "The disruption budget ";
	const char *text = str(pod, "error"), *budget = json_str(pod, "budget");
	const char *cause = strstr(text, refused), *slash = strchr(str(pod, "pod"), '/');
	AUTO_STR ns = slash ? xstrndup(str(pod, "pod"), (size_t)(slash - str(pod, "pod"))) : NULL;

	if (!json_str(pod, "error"))
		return;
	if (!budget || !cause || !ns) {
		find(c, ERROR, "eviction", pod_words(pod), xstrdup(text),
		     "it would not go: remove what refuses it first");
		return;
	}
	AUTO_STR advice = xasprintf("add a replica, bring its pods to health, or let budget %s/%s "
				    "allow a disruption",
				    ns, budget);
	find(c, ERROR, "disruption-budget", pod_words(pod),
	     xasprintf("budget %s/%s allows no disruption now: %s", ns, budget, cause), advice);
}

static void check_pods(struct check *c)
{
	struct json_object *pods = json_at(c->seen, "pods");

	for (size_t i = 0; i < json_len(pods); i++) {
		struct json_object *pod = json_nth(pods, i);
		const unsigned fate = (unsigned)json_int(pod, "fate", 0);

		check_eviction(c, pod);
		if (fate & DRAIN_UNMANAGED)
			find(c, c->p->force ? WARNING : ERROR, "pod-without-controller",
			     pod_words(pod), xstrdup("nobody would make it elsewhere"),
			     "give it a controller, delete it, or allow it by force");
		if (fate & DRAIN_LOCAL)
			find(c, c->p->delete_emptydir ? WARNING : ERROR, "local-data",
			     pod_words(pod), xstrdup("the data in its emptyDir would be lost"),
			     "save it, or allow it by delete_emptydir_data");
	}
}

/* ---- facts from elsewhere ---- */

static void check_certificates(struct check *c)
{
	struct json_object *list = json_at(c->p->facts, "certificates");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i);
		const char *state = str(one, "state"), *why = str(one, "why");

		if (words_have("expired stale ends_soon unknown", state))
			find(c, strcmp(state, "expired") == 0 ? ERROR : WARNING, "certificate",
			     xasprintf("certificate %s on node %s", str(one, "name"),
				       str(one, "node")),
			     xstrdup(*why ? why : state),
			     strcmp(state, "stale") == 0 ? "restart the program that shows it"
							 : "renew the cluster's certificates");
	}
}

static void check_etcd(struct check *c)
{
	struct json_object *list = json_at(json_at(c->p->facts, "etcd"), "problems");
	struct json_object *nodes = json_at(c->seen, "nodes"), *found;
	bool soon = false;

	/* A member comes back with its node. */
	for (size_t i = 0; i < json_len(nodes) && !soon; i++)
		soon = is_soon_ready(json_nth(nodes, i));
	for (size_t i = 0; i < json_len(list); i++) {
		found = find(c, ERROR, "etcd", xstrdup("etcd"),
			     xstrdup(json_object_get_string(json_nth(list, i))),
			     "bring all members to health first");
		json_set(found, "soon", json_object_new_boolean(soon));
	}
}

static void check_space(struct check *c)
{
	struct json_object *nodes = json_at(c->p->facts, "nodes");

	if (!nodes)
		return;
	json_object_object_foreach(nodes, node, facts) {
		struct json_object *list = json_at(facts, "space");

		for (size_t i = 0; i < json_len(list); i++) {
			struct json_object *one = json_nth(list, i);
			const int64_t have = json_int(one, "free_mb", -1);
			const int64_t need = json_int(one, "need_mb", -1);

			if (have >= 0 && need >= 0 && have < need)
				find(c, ERROR, "space",
				     xasprintf("%s on node %s", str(one, "path"), node),
				     xasprintf("%lld MB are free, %lld are needed", (long long)have,
					       (long long)need),
				     "make room there");
		}
	}
}

struct json_object *preflight_judge(const struct preflight *p, struct json_object *observed)
{
	static void (*const checks[])(struct check * c) = {
		check_servers, check_versions, check_kubeadm,      check_apis,  check_etcd,
		check_nodes,   check_pods,     check_certificates, check_space,
	};
	struct json_object *all = json_object_new_array();
	struct check c = { .p = p, .seen = observed };

	for (size_t i = 0; i < COUNT(severities); i++)
		c.found[i] = json_object_new_array();
	for (size_t i = 0; i < COUNT(checks); i++)
		checks[i](&c);
	for (size_t i = 0; i < COUNT(severities); i++) {
		for (size_t j = 0; j < json_len(c.found[i]); j++)
			json_object_array_add(all, json_object_get(json_nth(c.found[i], j)));
		json_object_put(c.found[i]);
	}
	return all;
}

struct err *preflight(const struct preflight *p, struct json_object **ret)
{
	AUTO_JSON observed = NULL;
	struct err *e = preflight_observe(p, &observed);

	if (!e)
		*ret = preflight_judge(p, observed);
	return e;
}

bool preflight_passes_soon(struct json_object *findings)
{
	size_t errors = 0;

	for (size_t i = 0; i < json_len(findings); i++) {
		struct json_object *f = json_nth(findings, i);

		if (strcmp(str(f, "severity"), severities[ERROR]) != 0)
			continue;
		if (!json_truth(f, "soon", false))
			return false;
		errors++;
	}
	return errors > 0;
}

bool preflight_blocks(struct json_object *findings, char **ret_text)
{
	AUTO_BUF b = BUF_INIT;
	bool blocks = false;

	for (size_t i = 0; i < json_len(findings); i++) {
		struct json_object *f = json_nth(findings, i);

		blocks = blocks || strcmp(str(f, "severity"), severities[ERROR]) == 0;
		buf_addf(&b, "%s%s: %s: %s; %s", b.len ? "\n" : "", str(f, "severity"),
			 str(f, "what"), str(f, "why"), str(f, "do"));
	}
	if (ret_text)
		*ret_text = buf_take(&b);
	return blocks;
}
