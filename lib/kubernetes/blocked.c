/*
 * What keeps an object from being ready, or from going: asked for once, at the end of a wait, with few
 * requests. What cannot be asked for (we may not, it is not there) is left out.
 */
#include <string.h>

#include "clock.h"
#include "kubernetes/waits.h"
#include "text.h"

enum {
	ASKING_MS = 6000, /* all questions together */
	QUESTION_MS = 2000,
	LONGEST_LOG = 16 << 10,
	LAST_LINES = 5,
	EVENTS_TOLD = 3,
	PROBLEMS_TOLD = 3,
	LEFT_TOLD = 3,
	LIST_MOST = 200,
};

struct ask {
	struct cluster *c;
	int64_t until;
	struct buf words;
	const char *told_reason; /* events of this one say what is told already; NULL: none */
};

static void tell_pod(struct ask *a, struct json_object *pod);

/* ---- asking and telling ---- */

static PRINTF(2, 3) void say(struct ask *a, const char *fmt, ...)
{
	__builtin_va_list ap;

	__builtin_va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	__builtin_va_end(ap);
	if (a->words.len && strstr(a->words.s, text))
		return;
	buf_addf(&a->words, "%s%s", a->words.len ? "; " : "", text);
}

static int64_t left(const struct ask *a)
{
	return a->until - clock_ms();
}

static struct json_object *question(struct ask *a, const char *path, const char *accept)
{
	const int64_t most = left(a) < QUESTION_MS ? left(a) : QUESTION_MS;
	const struct kube_request req = {
		.method = "GET", .path = path, .accept = accept, .deadline_ms = most
	};
	struct json_object *answer = NULL;
	AUTO_ERR e = most > 0 ? cluster_call(a->c, &req, &answer) : NULL;

	/* Nobody answers: nothing more is asked. */
	if (e && watch_may_pass(e))
		a->until = 0;
	return answer;
}

static char *in_namespace(const char *ns, const char *plural)
{
	AUTO_BUF path = BUF_INIT;

	buf_adds(&path, "/api/v1/namespaces/");
	buf_addurl(&path, ns);
	buf_addf(&path, "/%s?limit=%d", plural, LIST_MOST);
	return buf_take(&path);
}

/* What others wrote, as because() has it. */
static char *one_line(const char *s)
{
	AUTO_JSON o = json_object_new_object();

	json_sets(o, "message", s);
	return because(o);
}

static const char *namespace_of(struct json_object *object)
{
	return json_str(object, "metadata.namespace");
}

static const char *name_of(struct json_object *object)
{
	const char *name = json_str(object, "metadata.name");

	return name ? name : "";
}

static bool is_owned_by(struct json_object *object, const char *uid)
{
	struct json_object *owners = json_at(object, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_is_str(json_at(json_nth(owners, i), "uid"), uid))
			return true;
	return false;
}

static bool condition_has(struct json_object *object, const char *type, const char *status)
{
	return json_is_str(json_at(condition_of(object, type), "status"), status);
}

/* ---- events ---- */

static const char *event_time(struct json_object *event)
{
	static const char *const paths[] = { "series.lastObservedTime", "lastTimestamp",
					     "eventTime", "metadata.creationTimestamp" };
	const char *at = NULL;

	for (size_t i = 0; i < COUNT(paths) && !at; i++)
		at = json_str(event, paths[i]);
	return at ? at : "";
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(event_time(*(struct json_object *const *)b),
		      event_time(*(struct json_object *const *)a));
}

/* Of each reason the newest, unless the status said the same. */
static bool tell_event(struct ask *a, struct json_object *events, size_t i)
{
	struct json_object *event = json_nth(events, i), *reason = json_at(event, "reason");
	const char *message = json_str(event, "message");
	AUTO_STR why = because(event);

	for (size_t j = 0; j < i; j++)
		if (json_object_equal(json_at(json_nth(events, j), "reason"), reason))
			return false;
	if (!message || strstr(a->words.s, message) ||
	    (json_is_str(reason, a->told_reason ? a->told_reason : "")))
		return false;
	say(a, "event %s", why);
	return true;
}

/* The newest about one object; `all`: not only warnings. */
static void tell_events(struct ask *a, struct json_object *object, bool all)
{
	const char *ns = namespace_of(object), *uid = json_str(object, "metadata.uid");
	AUTO_STR events = in_namespace(ns ? ns : "default", "events");
	AUTO_STR path = xasprintf("%s&fieldSelector=involvedObject.uid%%3D%s%s", events,
				  uid ? uid : "", all ? "" : "%2Ctype%3DWarning");
	AUTO_JSON answer = uid ? question(a, path, NULL) : NULL;
	struct json_object *items = json_at(answer, "items");
	size_t told = 0;

	if (!json_len(items))
		return;
	json_object_array_sort(items, newest_first);
	for (size_t i = 0; i < json_len(items) && told < EVENTS_TOLD; i++)
		told += tell_event(a, items, i);
}

/* ---- finalizers ---- */

static const struct {
	const char *finalizer, *words;
} known[] = {
	{ "foregroundDeletion", "what belongs to it has to go first" },
	{ "orphan", "the garbage collector is to let go of what belongs to it" },
	{ "kubernetes.io/pvc-protection", "a pod still uses it" },
	{ "kubernetes.io/pv-protection", "a claim is still bound to it" },
	{ "batch.kubernetes.io/job-tracking", "the job controller has not counted the pod yet" },
	{ "service.kubernetes.io/load-balancer-cleanup",
	  "the cloud's controller is to remove the load balancer" },
	{ "customresourcecleanup.apiextensions.k8s.io", "its objects have to go first" },
	{ "kubernetes", "its content has to go first" },
};

/* Who wrote the finalizer into it; NULL: unknown. */
static const char *setter_of(struct json_object *object, const char *finalizer)
{
	struct json_object *managed = json_at(object, "metadata.managedFields");
	AUTO_STR key = xasprintf("v:\"%s\"", finalizer);

	for (size_t i = 0; i < json_len(managed); i++) {
		struct json_object *fields =
			json_at(json_nth(managed, i), "fieldsV1.f:metadata.f:finalizers");

		if (json_has(fields, key))
			return json_str(json_nth(managed, i), "manager");
	}
	return NULL;
}

static void tell_finalizer(struct ask *a, const char *title, struct json_object *object,
			   const char *finalizer)
{
	const char *setter = setter_of(object, finalizer);

	for (size_t i = 0; i < COUNT(known); i++)
		if (strcmp(known[i].finalizer, finalizer) == 0) {
			say(a, "%s has finalizer '%s': %s", title, finalizer, known[i].words);
			return;
		}
	say(a, "%s has finalizer '%s'%s%s%s: whoever works for it has to take it away", title,
	    finalizer, setter ? ", set by '" : "", setter ? setter : "", setter ? "'" : "");
}

/* False: it has none. */
static bool tell_finalizers(struct ask *a, const char *title, struct json_object *object)
{
	struct json_object *list = json_at(object, "metadata.finalizers");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_is_type(json_nth(list, i), json_type_string))
			tell_finalizer(a, title, object, json_object_get_string(json_nth(list, i)));
	return json_len(list) > 0;
}

/* Those of a kind that wait for finalizers; at most `most`. Returns how many. */
static size_t tell_left_of(struct ask *a, const struct kube_kind *k, const char *ns, size_t most)
{
	AUTO_STR collection = kind_path(k, ns, NULL, NULL);
	AUTO_STR path = xasprintf("%s?limit=%d", collection, LIST_MOST);
	AUTO_JSON answer = question(
		a, path, "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
	struct json_object *items = json_at(answer, "items");
	size_t count = 0;

	for (size_t i = 0; i < json_len(items) && count < most; i++) {
		struct json_object *o = json_nth(items, i);
		AUTO_STR title = waits_title(k, namespace_of(o), name_of(o));

		count += tell_finalizers(a, title, o);
	}
	return count;
}

/* ---- namespaces and kinds that go ---- */

/* "pods." and "deployments.apps" as the namespace's conditions spell them. */
static size_t tell_left_resource(struct ask *a, const char *resource, const char *ns, size_t most)
{
	const char *dot = strchr(resource, '.');
	AUTO_STR plural = xstrndup(resource, dot ? (size_t)(dot - resource) : strlen(resource));
	const struct kube_kind *k;
	AUTO_ERR e = kind_find(a->c, dot && dot[1] ? dot + 1 : "v1", plural, &k);

	return e ? 0 : tell_left_of(a, k, ns, most);
}

/* Message: "Some resources are remaining: pods. has 1 resource instances, ...". */
static bool tell_left(struct ask *a, const char *message, const char *ns)
{
	const char *at = strstr(message, ": ");
	size_t most = LEFT_TOLD;

	for (at = at ? at + 2 : NULL; at && most; at = strstr(at, ", "), at = at ? at + 2 : NULL) {
		AUTO_STR resource = xstrndup(at, strcspn(at, " ,"));

		most -= tell_left_resource(a, resource, ns, most);
	}
	return most < LEFT_TOLD;
}

static void tell_dead_apis(struct ask *a)
{
	AUTO_JSON answer = question(a, "/apis/apiregistration.k8s.io/v1/apiservices", NULL);
	struct json_object *items = json_at(answer, "items");

	for (size_t i = 0; i < json_len(items); i++) {
		struct json_object *api = json_nth(items, i);

		if (!condition_has(api, "Available", "False"))
			continue;
		AUTO_STR why = because(condition_of(api, "Available"));
		say(a, "APIService %s is down (%s)", name_of(api), why);
	}
}

static void tell_namespace(struct ask *a, struct json_object *object)
{
	static const struct {
		const char *type;
		enum { TOLD, APIS, CONTENT, FINALIZERS } what;
	} types[] = {
		{ "NamespaceDeletionDiscoveryFailure", APIS },
		{ "NamespaceDeletionGroupVersionParsingFailure", TOLD },
		{ "NamespaceDeletionContentFailure", TOLD },
		{ "NamespaceContentRemaining", CONTENT },
		{ "NamespaceFinalizersRemaining", FINALIZERS },
	};

	bool named = false;

	for (size_t i = 0; i < COUNT(types); i++) {
		struct json_object *c = condition_of(object, types[i].type);
		const char *message = json_str(c, "message");

		if (!message || !condition_has(object, types[i].type, "True") ||
		    (named && types[i].what == FINALIZERS))
			continue;
		AUTO_STR words = one_line(message);
		say(a, "%s", words);
		if (types[i].what == APIS)
			tell_dead_apis(a);
		else if (types[i].what == CONTENT)
			named = tell_left(a, message, name_of(object));
	}
	if (!a->words.len && !json_len(json_at(object, "status.conditions")))
		say(a, "its controller has not told yet what is left in it");
}

static void tell_crd_going(struct ask *a, struct json_object *object)
{
	const char *group = json_str(object, "spec.group");
	const char *plural = json_str(object, "spec.names.plural");
	const struct kube_kind *k;
	AUTO_ERR e = NULL;

	if (condition_has(object, "Terminating", "True")) {
		AUTO_STR why = because(condition_of(object, "Terminating"));

		say(a, "%s", why);
	}
	if (!group || !plural)
		return;
	e = kind_find(a->c, group, plural, &k);
	if (!e)
		(void)tell_left_of(a, k, NULL, LEFT_TOLD);
}

/* ---- pods ---- */

/* The container's last words. Owned; NULL: none. */
static char *last_words(struct ask *a, struct json_object *pod, const char *container)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_STR text = NULL;
	size_t len = 0;
	struct kube_request req = { .method = "GET", .deadline_ms = left(a) };

	if (left(a) <= 0)
		return NULL;
	buf_adds(&path, "/api/v1/namespaces/");
	buf_addurl(&path, namespace_of(pod));
	buf_adds(&path, "/pods/");
	buf_addurl(&path, name_of(pod));
	buf_addf(&path, "/log?tailLines=%d&limitBytes=%d&previous=true&container=", LAST_LINES,
		 LONGEST_LOG / 2);
	buf_addurl(&path, container);
	req.path = path.s;
	AUTO_ERR e = cluster_text(a->c, &req, LONGEST_LOG, &text, &len);
	while (!e && len && strchr("\r\n", text[len - 1]))
		text[--len] = '\0';
	return e || !len ? NULL : one_line(text);
}

static void tell_crash(struct ask *a, struct json_object *pod, const char *container,
		       struct json_object *status, struct json_object *end)
{
	AUTO_STR words = last_words(a, pod, container);
	const char *reason = json_str(end, "reason");

	say(a, "its container '%s' crashes (exit code %lld%s%s, %lld restarts)%s%s%s", container,
	    (long long)json_int(end, "exitCode", -1), reason ? ", " : "", reason ? reason : "",
	    (long long)json_int(status, "restartCount", 0), words ? "; its last words: '" : "",
	    words ? words : "", words ? "'" : "");
}

/* True if there was something to tell. */
static bool tell_container(struct ask *a, struct json_object *pod, struct json_object *status,
			   bool init)
{
	const char *name = json_str(status, "name");
	struct json_object *waiting = json_at(status, "state.waiting");
	struct json_object *end = json_at(status, "state.terminated");
	struct json_object *last = json_at(status, "lastState.terminated");
	const char *reason = json_str(waiting, "reason");

	if (!name)
		return false;
	if (reason && strcmp(reason, "CrashLoopBackOff") == 0) {
		tell_crash(a, pod, name, status, last);
	} else if (reason && strcmp(reason, "PodInitializing") != 0) {
		AUTO_STR why = because(waiting);

		say(a, "its container '%s' waits: %s", name, why);
	} else if (end && json_int(end, "exitCode", 0) != 0) {
		tell_crash(a, pod, name, status, end);
	} else if (!init && json_has(json_at(status, "state"), "running") &&
		   !json_truth(status, "ready", true)) {
		say(a, "its container '%s' runs, but is not ready", name);
	} else {
		return false;
	}
	return true;
}

static bool tell_containers(struct ask *a, struct json_object *pod, const char *which, bool init)
{
	struct json_object *list = json_at(pod, which);
	bool some = false;

	for (size_t i = 0; i < json_len(list); i++)
		some = tell_container(a, pod, json_nth(list, i), init) || some;
	return some;
}

static bool pod_uses(struct json_object *pod, const char *claim)
{
	struct json_object *volumes = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(volumes); i++)
		if (json_is_str(json_at(json_nth(volumes, i), "persistentVolumeClaim.claimName"),
				claim))
			return true;
	return false;
}

static void tell_users_of(struct ask *a, struct json_object *claim)
{
	AUTO_STR list = in_namespace(namespace_of(claim), "pods");
	AUTO_JSON answer = question(a, list, NULL);
	struct json_object *items = json_at(answer, "items");
	size_t told = 0;

	for (size_t i = 0; i < json_len(items) && told < PROBLEMS_TOLD; i++)
		if (pod_uses(json_nth(items, i), name_of(claim))) {
			say(a, "pod %s uses it", name_of(json_nth(items, i)));
			told++;
		}
}

static void tell_claim(struct ask *a, struct json_object *claim)
{
	const char *phase = json_str(claim, "status.phase");

	if (json_str(claim, "metadata.deletionTimestamp")) {
		tell_users_of(a, claim);
		return;
	}

	say(a, "claim %s is %s%s", name_of(claim), phase ? phase : "new",
	    json_has(json_at(claim, "spec"), "storageClassName")
		    ? ""
		    : ": it names no storage class, and there is no default one");
	tell_events(a, claim, true);
}

static void tell_claims_of(struct ask *a, struct json_object *pod)
{
	struct json_object *volumes = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(volumes); i++) {
		const char *name =
			json_str(json_nth(volumes, i), "persistentVolumeClaim.claimName");
		AUTO_BUF path = BUF_INIT;

		if (!name)
			continue;
		buf_adds(&path, "/api/v1/namespaces/");
		buf_addurl(&path, namespace_of(pod));
		buf_adds(&path, "/persistentvolumeclaims/");
		buf_addurl(&path, name);
		AUTO_JSON claim = question(a, path.s, NULL);
		if (!claim)
			say(a, "there is no claim %s", name);
		else if (!json_is_str(json_at(claim, "status.phase"), "Bound"))
			tell_claim(a, claim);
	}
}

static void tell_going_pod(struct ask *a, struct json_object *pod)
{
	AUTO_STR title = xasprintf("pod %s", name_of(pod));
	const char *node = json_str(pod, "spec.nodeName");
	AUTO_BUF path = BUF_INIT;

	if (tell_finalizers(a, title, pod))
		return;
	say(a, "its containers have %lld s to end",
	    (long long)json_int(pod, "metadata.deletionGracePeriodSeconds", 0));
	if (!node)
		return;
	buf_adds(&path, "/api/v1/nodes/");
	buf_addurl(&path, node);
	AUTO_JSON o = question(a, path.s, NULL);
	if (!o) {
		say(a, "its node %s is unknown", node);
	} else if (!condition_has(o, "Ready", "True")) {
		AUTO_STR why = because(condition_of(o, "Ready"));

		say(a, "its node %s is not ready (%s)", node, why);
	}
}

static void tell_waiting_pod(struct ask *a, struct json_object *pod)
{
	struct json_object *scheduled = condition_of(pod, "PodScheduled");
	const char *message = json_str(scheduled, "message");
	struct json_object *gates = json_at(pod, "spec.readinessGates");
	bool some;

	if (json_is_str(json_at(pod, "status.phase"), "Failed")) {
		AUTO_STR why = because(json_at(pod, "status"));

		say(a, "it failed%s%s", *why ? ": " : "", why);
	} else if (condition_has(pod, "PodScheduled", "False")) {
		AUTO_STR why = because(scheduled);

		say(a, "it cannot be scheduled: %s", why);
		if (message && strcasestr(message, "persistentvolumeclaim"))
			tell_claims_of(a, pod);
		return;
	}
	some = tell_containers(a, pod, "status.initContainerStatuses", true);
	some = tell_containers(a, pod, "status.containerStatuses", false) || some;
	for (size_t i = 0; i < json_len(gates) && !some; i++) {
		const char *type = json_str(json_nth(gates, i), "conditionType");

		if (type && !condition_has(pod, type, "True"))
			say(a, "its readiness gate %s is not met", type);
	}
	tell_events(a, pod, false);
}

static void tell_pod(struct ask *a, struct json_object *pod)
{
	if (json_str(pod, "metadata.deletionTimestamp"))
		tell_going_pod(a, pod);
	else
		tell_waiting_pod(a, pod);
}

/* ---- workloads ---- */

static void selector_expression(struct buf *text, struct json_object *x)
{
	const char *key = json_str(x, "key"), *op = json_str(x, "operator");
	struct json_object *values = json_at(x, "values");
	const bool in = op && strcmp(op, "In") == 0;

	if (!key || !op)
		return;
	buf_adds(text, text->len ? "," : "");
	if (!in && strcmp(op, "NotIn") != 0) {
		buf_addf(text, "%s%s", strcmp(op, "DoesNotExist") == 0 ? "!" : "", key);
		return;
	}
	buf_addf(text, "%s %s (", key, in ? "in" : "notin");
	for (size_t i = 0; i < json_len(values); i++) {
		AUTO_STR value = json_text(json_nth(values, i));

		buf_addf(text, "%s%s", i ? "," : "", value);
	}
	buf_adds(text, ")");
}

/* As the server takes it; NULL: none. Owned. */
static char *selector_of(struct json_object *object)
{
	struct json_object *selector = json_at(object, "spec.selector");
	struct json_object *labels = json_at(selector, "matchLabels");
	struct json_object *more = json_at(selector, "matchExpressions");
	AUTO_BUF text = BUF_INIT;

	/* A ReplicationController has the labels themselves. */
	if (!labels && !more)
		labels = selector;
	if (json_object_is_type(labels, json_type_object)) {
		json_object_object_foreach(labels, key, value) {
			AUTO_STR v = json_text(value);

			buf_addf(&text, "%s%s=%s", text.len ? "," : "", key, v);
		}
	}
	for (size_t i = 0; i < json_len(more); i++)
		selector_expression(&text, json_nth(more, i));
	return text.len ? buf_take(&text) : NULL;
}

static struct json_object *selected(struct ask *a, const char *list, const char *selector)
{
	AUTO_BUF path = BUF_INIT;

	buf_addf(&path, "%s&labelSelector=", list);
	buf_addurl(&path, selector);
	return question(a, path.s, NULL);
}

static bool pod_is_fine(struct json_object *pod)
{
	return !json_str(pod, "metadata.deletionTimestamp") &&
	       (condition_has(pod, "Ready", "True") ||
		json_is_str(json_at(pod, "status.phase"), "Succeeded"));
}

/* The distinct problems of its pods, each with the first pod that has it. */
static void tell_pods(struct ask *a, struct json_object *object, const char *owner)
{
	AUTO_STR selector = selector_of(object);
	AUTO_STR list = in_namespace(namespace_of(object), "pods");
	AUTO_JSON answer = selector ? selected(a, list, selector) : NULL;
	struct json_object *items = json_at(answer, "items");
	size_t told = 0;

	for (size_t i = 0; i < json_len(items) && told < PROBLEMS_TOLD; i++) {
		struct json_object *pod = json_nth(items, i);
		struct ask one = { .c = a->c, .until = a->until, .words = BUF_INIT };

		if (pod_is_fine(pod) || (owner && !is_owned_by(pod, owner)))
			continue;
		told++;
		tell_pod(&one, pod);
		/* Most often all have the same. */
		if (one.words.len && !(a->words.len && strstr(a->words.s, one.words.s)))
			say(a, "pod %s: %s", name_of(pod), one.words.s);
		buf_release(&one.words);
	}
}

static long revision_of(struct json_object *replica_set)
{
	struct json_object *notes = json_at(replica_set, "metadata.annotations");
	struct json_object *v = NULL;

	if (notes)
		v = json_at(notes, "deployment.kubernetes.io/revision");
	return v ? (long)json_object_get_int64(v) : 0;
}

static void tell_deployment(struct ask *a, struct json_object *object)
{
	AUTO_STR selector = selector_of(object);
	AUTO_BUF list = BUF_INIT;
	const char *uid = json_str(object, "metadata.uid");
	struct json_object *items, *newest = NULL;

	buf_adds(&list, "/apis/apps/v1/namespaces/");
	buf_addurl(&list, namespace_of(object));
	buf_addf(&list, "/replicasets?limit=%d", LIST_MOST);
	AUTO_JSON answer = selector ? selected(a, list.s, selector) : NULL;
	items = json_at(answer, "items");
	for (size_t i = 0; i < json_len(items) && uid; i++) {
		struct json_object *rs = json_nth(items, i);

		if (is_owned_by(rs, uid) && (!newest || revision_of(rs) > revision_of(newest)))
			newest = rs;
	}
	/* The Deployment has its condition from there. */
	if (condition_has(newest, "ReplicaFailure", "True"))
		a->told_reason = json_str(condition_of(newest, "ReplicaFailure"), "reason");
	if (a->told_reason && !condition_has(object, "ReplicaFailure", "True")) {
		AUTO_STR why = because(condition_of(newest, "ReplicaFailure"));

		say(a, "ReplicaSet %s: %s", name_of(newest), why);
	}
	tell_pods(a, object, newest ? json_str(newest, "metadata.uid") : NULL);
	tell_events(a, newest ? newest : object, false);
}

static void tell_workload(struct ask *a, struct json_object *object)
{
	tell_events(a, object, false);
	tell_pods(a, object, NULL);
}

static void tell_service(struct ask *a, struct json_object *object)
{
	tell_events(a, object, false);
	if (!a->words.len)
		say(a, "no controller of load balancers has said anything about it");
}

/* What is not as it should be, of kinds we know nothing about. */
static void tell_conditions(struct ask *a, struct json_object *object)
{
	struct json_object *list = json_at(object, "status.conditions");

	for (size_t i = 0; i < json_len(list) && i < LIST_MOST; i++) {
		struct json_object *c = json_nth(list, i);
		const char *type = json_str(c, "type");

		/* Ready and what else decides is told as what is awaited. */
		if (!type || !json_is_str(json_at(c, "status"), "False") ||
		    words_have("Ready Available NamesAccepted", type))
			continue;
		AUTO_STR why = because(c);
		if (*why)
			say(a, "%s is False (%s)", type, why);
	}
	tell_events(a, object, false);
}

/* But for Ready, a node's conditions are complaints. */
static void tell_node(struct ask *a, struct json_object *object)
{
	struct json_object *list = json_at(object, "status.conditions");

	for (size_t i = 0; i < json_len(list) && i < LIST_MOST; i++) {
		struct json_object *c = json_nth(list, i);
		const char *type = json_str(c, "type");
		AUTO_STR why = because(c);

		if (type && strcmp(type, "Ready") != 0 && json_is_str(json_at(c, "status"), "True"))
			say(a, "%s (%s)", type, why);
	}
	tell_events(a, object, false);
}

static const struct {
	const char *group, *kind;
	void (*tell)(struct ask *a, struct json_object *object);
	bool staying, going; /* when it is worth asking */
} tellers[] = {
	{ "", "Pod", tell_pod, true, true },
	{ "apps", "Deployment", tell_deployment, true, true },
	{ "apps", "StatefulSet", tell_workload, true, true },
	{ "apps", "DaemonSet", tell_workload, true, true },
	{ "apps", "ReplicaSet", tell_workload, true, true },
	{ "", "ReplicationController", tell_workload, true, true },
	{ "batch", "Job", tell_workload, true, true },
	{ "", "Namespace", tell_namespace, false, true },
	{ "apiextensions.k8s.io", "CustomResourceDefinition", tell_crd_going, false, true },
	{ "", "PersistentVolumeClaim", tell_claim, true, true },
	{ "", "Service", tell_service, true, false },
	{ "", "Node", tell_node, true, true },
};

static void tell(struct ask *a, const struct kube_kind *k, struct json_object *object)
{
	const bool going = json_str(object, "metadata.deletionTimestamp");

	for (size_t i = 0; i < COUNT(tellers); i++)
		if (strcmp(tellers[i].kind, k->kind) == 0 &&
		    strcmp(tellers[i].group, k->group) == 0 &&
		    (going ? tellers[i].going : tellers[i].staying)) {
			tellers[i].tell(a, object);
			return;
		}
	if (!going)
		tell_conditions(a, object);
}

char *ready_blocked_by(struct cluster *c, const struct kube_kind *k, struct json_object *object)
{
	struct ask a = { .c = c, .until = clock_ms() + ASKING_MS, .words = BUF_INIT };

	/* A pod tells its own. */
	if (json_str(object, "metadata.deletionTimestamp") && strcmp(k->kind, "Pod") != 0)
		(void)tell_finalizers(&a, "it", object);
	tell(&a, k, object);
	return a.words.len ? buf_take(&a.words) : NULL;
}
