/* How a cluster is: asked for in a few requests, and put together by a pure function. */
#include "cluster/health.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "cluster/certificates.h"
#include "kubernetes/objects.h"
#include "kubernetes/preflight.h"
#include "text.h"

enum {
	READYZ_BYTES = 1 << 20,
	READYZ_MS = 10000,
	SHOWN_MS = 5000,
	SOON_DAYS = 30,
	DAY_S = 86400,
	START_S = 60
};

static const char ROLE[] = "node-role.kubernetes.io/";

static const char *str(struct json_object *o, const char *path)
{
	const char *s = json_str(o, path);

	return s ? s : "";
}

static PRINTF(3, 4) void say(struct json_object *o, const char *list, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	json_object_array_add(json_at(o, list), json_object_new_string(text));
}

static void copy(struct json_object *o, const char *key, struct json_object *from, const char *path)
{
	json_set(o, key, json_copy(json_at(from, path)));
}

/* ---- the API server ---- */

/* "[+]ping ok", "[-]etcd failed: reason withheld": a line each, or all in one where it is an error's text. */
static void tell_readyz(struct json_object *o, const char *text)
{
	struct json_object *readyz = json_object_new_object(), *checks = json_object_new_object();
	bool ok = true;

	for (const char *s = strchr(text, '['); s; s = strchr(s + 1, '[')) {
		const bool good = s[1] == '+', bad = s[1] == '-';
		AUTO_STR name = NULL;

		if ((!good && !bad) || s[2] != ']')
			continue;
		name = xstrndup(s + 3, strcspn(s + 3, " \n"));
		json_set(checks, name, json_object_new_boolean(good));
		if (bad)
			say(o, "problems", "the API server's check '%s' fails", name);
		ok = ok && good;
	}
	/* What is no list of checks says that it is ready, or what keeps it. */
	if (!json_object_object_length(checks)) {
		ok = strncmp(text, "ok", 2) == 0;
		if (!ok)
			say(o, "problems", "the API server is not ready: %.200s", text);
	}
	json_set(readyz, "ok", json_object_new_boolean(ok));
	json_set(readyz, "checks", checks);
	json_set(o, "readyz", readyz);
}

static void tell_api_certificate(struct json_object *o, struct json_object *observed)
{
	struct json_object *days = json_at(observed, "api_certificate_days_left");

	json_set(o, "api_certificate_days_left", json_copy(days));
	if (days && json_object_get_int64(days) < SOON_DAYS)
		say(o, "warnings", "the API server's certificate ends in %lld days",
		    (long long)json_object_get_int64(days));
}

/* ---- nodes ---- */

static struct json_object *roles_of(struct json_object *node)
{
	struct json_object *labels = json_at(node, "metadata.labels");
	struct json_object *roles = json_object_new_array();

	if (labels) {
		json_object_object_foreach(labels, key, value) {
			(void)value;
			if (strncmp(key, ROLE, strlen(ROLE)) == 0)
				json_object_array_add(roles,
						      json_object_new_string(key + strlen(ROLE)));
		}
	}
	return roles;
}

static struct json_object *addresses_of(struct json_object *node)
{
	struct json_object *list = json_at(node, "status.addresses");
	struct json_object *addresses = json_object_new_object();

	/* Of two families the first is the node's own. */
	for (size_t i = 0; i < json_len(list); i++)
		if (!json_has(addresses, str(json_nth(list, i), "type")))
			copy(addresses, str(json_nth(list, i), "type"), json_nth(list, i),
			     "address");
	return addresses;
}

static struct json_object *node_told(struct json_object *node, bool ready, const char *why)
{
	static const char *const rows[][2] = {
		{ "name", "metadata.name" },
		{ "version", "status.nodeInfo.kubeletVersion" },
		{ "runtime", "status.nodeInfo.containerRuntimeVersion" },
		{ "os", "status.nodeInfo.osImage" },
		{ "kernel", "status.nodeInfo.kernelVersion" },
		{ "pod_cidrs", "spec.podCIDRs" },
		{ "labels", "metadata.labels" },
		{ "taints", "spec.taints" },
		{ "created", "metadata.creationTimestamp" },
	};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < COUNT(rows); i++)
		copy(o, rows[i][0], node, rows[i][1]);
	json_set(o, "ready", json_object_new_boolean(ready));
	json_sets(o, "why", ready || !why ? "" : why);
	json_set(o, "schedulable",
		 json_object_new_boolean(!json_truth(node, "spec.unschedulable", false)));
	json_set(o, "roles", roles_of(node));
	json_set(o, "addresses", addresses_of(node));
	return o;
}

static void count_version(struct json_object *versions, const char *version)
{
	struct json_object *n = NULL;

	(void)json_object_object_get_ex(versions, version, &n);
	json_set(versions, version, json_object_new_int64((n ? json_object_get_int64(n) : 0) + 1));
}

static void tell_skew(struct json_object *o, const char *part, const char *version,
		      const char *node)
{
	struct kube_version v;
	AUTO_STR why =
		kube_version_of(version, &v) ? kube_skew(part, version, str(o, "version")) : NULL;

	if (why)
		say(o, "problems", "node %s: %s", node, why);
}

static void tell_node(struct json_object *o, struct json_object *node)
{
	const char *name = str(node, "metadata.name");
	const char *version = str(node, "status.nodeInfo.kubeletVersion");
	AUTO_STR why = NULL;
	const bool ready = object_readiness(node, NULL, &why) == READY;

	json_object_array_add(json_at(o, "nodes"), node_told(node, ready, why));
	count_version(json_at(o, "versions"), version);
	if (!ready)
		say(o, "problems", "node %s is not ready: %s", name, why ? why : "");
	if (json_truth(node, "spec.unschedulable", false))
		say(o, "warnings", "node %s takes no new pods", name);
	tell_skew(o, "kubelet", version, name);
}

static void tell_nodes(struct json_object *o, struct json_object *nodes)
{
	int64_t ready = 0;

	json_set(o, "nodes", json_object_new_array());
	json_set(o, "versions", json_object_new_object());
	for (size_t i = 0; i < json_len(nodes); i++) {
		tell_node(o, json_nth(nodes, i));
		ready += json_truth(json_nth(json_at(o, "nodes"), i), "ready", false);
	}
	json_set(o, "nodes_ready", json_object_new_int64(ready));
	json_set(o, "nodes_total", json_object_new_int64((int64_t)json_len(nodes)));
	if (!json_len(nodes))
		say(o, "problems", "there are no nodes");
}

/* ---- the control plane's pods ---- */

static int64_t restarts_of(struct json_object *pod)
{
	struct json_object *list = json_at(pod, "status.containerStatuses");
	int64_t n = 0;

	for (size_t i = 0; i < json_len(list); i++)
		n += json_int(json_nth(list, i), "restartCount", 0);
	return n;
}

/* The kubelet looks only from time to time whether one is ready that has just begun. */
static bool is_starting(struct json_object *pod)
{
	struct json_object *container = json_nth(json_at(pod, "status.containerStatuses"), 0);
	const int64_t at = text_time(json_str(container, "state.running.startedAt"));

	return at && !json_int(container, "restartCount", 0) && (int64_t)time(NULL) - at < START_S;
}

static void tell_pod(struct json_object *o, struct json_object *pod)
{
	const char *component = str(json_at(pod, "metadata.labels"), "component");
	const char *node = str(pod, "spec.nodeName");
	const char *image = json_str(json_nth(json_at(pod, "spec.containers"), 0), "image");
	AUTO_STR version = image ? kube_image_version(image) : NULL;
	AUTO_STR why = NULL;
	const bool ready = object_readiness(pod, NULL, &why) == READY;
	struct json_object *one = json_object_new_object();

	json_sets(one, "node", node);
	json_sets(one, "component", component);
	json_sets(one, "pod", str(pod, "metadata.name"));
	json_set(one, "ready", json_object_new_boolean(ready));
	json_sets(one, "why", ready || !why ? "" : why);
	json_set(one, "restarts", json_object_new_int64(restarts_of(pod)));
	json_sets(one, "version", version);
	json_object_array_add(json_at(o, "control_plane"), one);
	if (!ready && !is_starting(pod))
		say(o, "problems", "%s on node %s is not ready: %s", component, node,
		    why ? why : "");
	if (words_have("kube-apiserver kube-controller-manager kube-scheduler", component) &&
	    version)
		tell_skew(o, component, version, node);
}

/* ---- facts from elsewhere ---- */

static void tell_certificates(struct json_object *o, struct json_object *list)
{
	struct json_object *left = NULL;

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *c = json_nth(list, i), *days = json_at(c, "days_left");
		const char *state = str(c, "state");

		if (days && (!left || json_object_get_int64(days) < json_object_get_int64(left)))
			left = days;
		if (words_have("expired stale", state))
			say(o, "problems", "certificate %s on node %s: %s", str(c, "name"),
			    str(c, "node"), str(c, "why"));
		else if (words_have("ends_soon unknown", state))
			say(o, "warnings", "certificate %s on node %s: %s", str(c, "name"),
			    str(c, "node"), str(c, "why"));
	}
	json_set(o, "certificates", json_copy(list));
	json_set(o, "certificates_days_left", json_copy(left));
}

static void tell_etcd(struct json_object *o, struct json_object *etcd)
{
	struct json_object *list = json_at(etcd, "problems");

	json_set(o, "etcd", json_copy(etcd));
	for (size_t i = 0; i < json_len(list); i++)
		say(o, "problems", "%s", json_object_get_string(json_nth(list, i)));
}

struct json_object *health_of(struct json_object *observed, const struct health_facts *f)
{
	struct json_object *o = json_object_new_object(), *pods = json_at(observed, "pods");

	json_set(o, "healthy", NULL);
	copy(o, "server", observed, "server");
	copy(o, "version", observed, "version");
	json_set(o, "problems", json_object_new_array());
	json_set(o, "warnings", json_object_new_array());
	tell_readyz(o, str(observed, "readyz"));
	tell_api_certificate(o, observed);
	tell_nodes(o, json_at(observed, "nodes"));
	json_set(o, "control_plane", json_object_new_array());
	for (size_t i = 0; i < json_len(pods); i++)
		tell_pod(o, json_nth(pods, i));
	tell_etcd(o, f ? f->etcd : NULL);
	tell_certificates(o, f ? f->certificates : NULL);
	json_set(o, "healthy", json_object_new_boolean(!json_len(json_at(o, "problems"))));
	return o;
}

/* ---- asking ---- */

static struct err *ask_readyz(struct cluster *c, struct json_object *o)
{
	AUTO_STR text = NULL;
	size_t len = 0;
	struct err *e = cluster_text(c,
				     &(struct kube_request){ .method = "GET",
							     .path = "/readyz?verbose",
							     .deadline_ms = READYZ_MS },
				     READYZ_BYTES, &text, &len);

	/* One that is not ready says so with a status; who may not ask is told as it is. */
	if (e && !e->status)
		return e;
	json_sets(o, "readyz", e ? e->text : text);
	err_free(e);
	return NULL;
}

/* The host and port of a URL; false: it has none. Both owned. */
static bool place_of(const char *url, char **ret_host, int *ret_port)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;
	bool ok = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
		  !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
		  !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);

	if (ok) {
		const size_t len = strlen(host);

		*ret_host = *host == '[' && len > 2 ? xstrndup(host + 1, len - 2) : xstrdup(host);
		*ret_port = (int)strtol(port, NULL, 10);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return ok;
}

/* Days that are left of what the server shows to who comes straight to it; NULL: it cannot be had. Owned. */
static struct json_object *days_shown(const char *server)
{
	AUTO_STR host = NULL;
	AUTO_STR pem = NULL;
	AUTO_JSON c = NULL;
	int port = 0;
	struct err *e;

	if (!place_of(server, &host, &port))
		return NULL;
	e = certificate_served(host, port, NULL, clock_ms() + SHOWN_MS, &pem);
	if (!e)
		e = certificates_of_pem(pem, &c);
	if (e) {
		err_free(e);
		return NULL;
	}
	return json_object_new_int64(
		(json_int(json_nth(c, 0), "not_after_s", 0) - (int64_t)time(NULL)) / DAY_S);
}

struct err *cluster_health(struct cluster *c, const struct health_facts *f,
			   struct json_object **ret)
{
	AUTO_JSON o = json_object_new_object();
	AUTO_JSON version = NULL;
	AUTO_JSON nodes = NULL;
	AUTO_JSON pods = NULL;
	struct err *e = cluster_version(c, &version);

	if (!e)
		e = ask_readyz(c, o);
	if (!e)
		e = objects_list(c, &(struct object_query){ .api_version = "v1", .kind = "Node" },
				 &nodes);
	if (!e)
		e = objects_list(c,
				 &(struct object_query){ .api_version = "v1",
							 .kind = "Pod",
							 .ns = "kube-system",
							 .labels = "tier=control-plane" },
				 &pods);
	if (e)
		return err_wrap(e, "asking how the cluster is");
	json_sets(o, "server", cluster_server(c));
	copy(o, "version", version, "gitVersion");
	json_set(o, "api_certificate_days_left", days_shown(cluster_server(c)));
	json_set(o, "nodes", TAKE(nodes));
	json_set(o, "pods", TAKE(pods));
	*ret = health_of(o, f);
	return NULL;
}
