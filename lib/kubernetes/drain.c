/* Nodes out of service: cordoned, and their pods evicted. */
#include "kubernetes/drain.h"

#include <string.h>

#include "clock.h"
#include "kubernetes/nodes.h"
#include "kubernetes/objects.h"
#include "pool.h"

enum {
	WIDTH = 16,
	PAUSE_MS = 1000,
	BUSY_TRIES = 10,
	BUSY = 429, /* also: a disruption budget that is used up */
	CONFLICT = 409,
};

/* ---- what becomes of a pod ---- */

static const char *controller(struct json_object *pod)
{
	struct json_object *owners = json_at(pod, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_truth(json_nth(owners, i), "controller", false))
			return json_str(json_nth(owners, i), "kind");
	return NULL;
}

static bool has_local_data(struct json_object *pod)
{
	struct json_object *volumes = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(volumes); i++)
		if (json_has(json_nth(volumes, i), "emptyDir"))
			return true;
	return false;
}

static bool is_done(struct json_object *pod)
{
	struct json_object *phase = json_at(pod, "status.phase");

	return json_is_str(phase, "Succeeded") || json_is_str(phase, "Failed");
}

unsigned drain_fate_of(struct json_object *pod)
{
	const char *owner = controller(pod);
	unsigned fate = DRAIN_GOES;

	if (json_has(json_at(pod, "metadata.annotations"), "kubernetes.io/config.mirror"))
		return DRAIN_STATIC;
	if (is_done(pod))
		return DRAIN_GOES;
	if (owner && strcmp(owner, "DaemonSet") == 0)
		return DRAIN_DAEMON;
	if (!owner)
		fate |= DRAIN_UNMANAGED;
	if (has_local_data(pod))
		fate |= DRAIN_LOCAL;
	return fate;
}

static char *name_of(struct json_object *pod)
{
	return xasprintf("%s/%s", json_str(pod, "metadata.namespace"),
			 json_str(pod, "metadata.name"));
}

struct err *node_pods(struct cluster *c, const char *node, const char *labels,
		      struct json_object **ret)
{
	AUTO_STR fields = xasprintf("spec.nodeName=%s", node);

	return objects_list(
		c,
		&(struct object_query){
			.api_version = "v1", .kind = "Pod", .labels = labels, .fields = fields },
		ret);
}

/* The names of those with this fate, with commas between. */
static void name_all(struct buf *b, struct json_object *pods, unsigned fate)
{
	for (size_t i = 0; i < json_len(pods); i++) {
		AUTO_STR name = name_of(json_nth(pods, i));

		if (drain_fate_of(json_nth(pods, i)) & fate)
			buf_addf(b, "%s%s", b->len ? ", " : "", name);
	}
}

static void warn(struct drain *d, const char *words, const char *names)
{
	AUTO_STR text = xasprintf("%s: %s", words, names);

	json_object_array_add(d->warnings, json_object_new_string(text));
}

/* Everything that stands against it is told at once. */
static struct err *judge(struct drain *d, struct json_object *pods)
{
	const struct {
		unsigned fate;
		bool chosen;
		const char *option, *no, *yes;
	} rows[] = {
		{ DRAIN_DAEMON, d->ignore_daemonsets, "ignore_daemonsets",
		  "are of a DaemonSet, which would make them anew",
		  "left alone, as they are of a DaemonSet" },
		{ DRAIN_UNMANAGED, d->force, "force",
		  "have no controller that would make them elsewhere",
		  "deleted, though no controller makes them elsewhere" },
		{ DRAIN_LOCAL, d->delete_emptydir, "delete_emptydir_data",
		  "have data in an emptyDir, which would be lost",
		  "deleted with the data in their emptyDir" },
		{ DRAIN_STATIC, true, "", "",
		  "left alone, as the node itself keeps these static pods" },
	};
	AUTO_BUF against = BUF_INIT;

	for (size_t i = 0; i < COUNT(rows); i++) {
		AUTO_BUF names = BUF_INIT;

		name_all(&names, pods, rows[i].fate);
		if (names.len && rows[i].chosen)
			warn(d, rows[i].yes, names.s);
		else if (names.len)
			buf_addf(&against, "%s%s (%s%s: true does it): %s", against.len ? "; " : "",
				 rows[i].no, d->options ? d->options : "", rows[i].option, names.s);
	}
	return against.len ? err_new(ERR_CONFLICT, "pods %s", against.s) : NULL;
}

/* ---- eviction ---- */

struct eviction {
	struct cluster *c;
	struct json_object *delete_options;
	bool evict;
	int64_t deadline;
	struct json_object **pods;
	struct err **errs;
	size_t *todo; /* indexes of those that are still to be evicted */
	size_t todos;
};

/* Of this very pod: not of one that took its name since, as a stateful set's do. Owned. */
static struct json_object *options_of(struct json_object *delete_options, struct json_object *pod)
{
	struct json_object *o = json_copy(delete_options);

	json_set(o, "preconditions",
		 json_wrap("uid", json_object_get(json_at(pod, "metadata.uid"))));
	return o;
}

static bool is_another(const struct err *e)
{
	return e->status == CONFLICT && strstr(e->text, "UID in precondition");
}

static struct json_object *eviction_body(struct json_object *delete_options,
					 struct json_object *pod)
{
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();

	json_sets(o, "apiVersion", "policy/v1");
	json_sets(o, "kind", "Eviction");
	json_sets(meta, "name", json_str(pod, "metadata.name"));
	json_sets(meta, "namespace", json_str(pod, "metadata.namespace"));
	json_set(o, "metadata", meta);
	json_set(o, "deleteOptions", options_of(delete_options, pod));
	return o;
}

static struct json_object *delete_options_new(void)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "apiVersion", "v1");
	json_sets(o, "kind", "DeleteOptions");
	return o;
}

/* Of a pod with two budgets the server (1.33) says with status 201 that it cannot evict it. */
static struct err *failure_in(struct json_object *answer)
{
	const char *said = json_str(answer, "message");

	if (!json_is_str(json_at(answer, "kind"), "Status") ||
	    !json_is_str(json_at(answer, "status"), "Failure"))
		return NULL;
	return err_new(ERR_REMOTE, "%lld %s", (long long)json_int(answer, "code", 0),
		       said ? said : "without a message");
}

static struct err *send_away(struct cluster *c, struct json_object *pod, bool evict,
			     struct json_object *delete_options, int64_t deadline_ms)
{
	AUTO_STR path =
		xasprintf("/api/v1/namespaces/%s/pods/%s%s", json_str(pod, "metadata.namespace"),
			  json_str(pod, "metadata.name"), evict ? "/eviction" : "");
	AUTO_JSON body =
		evict ? eviction_body(delete_options, pod) : options_of(delete_options, pod);
	AUTO_JSON answer = NULL;
	struct err *e = cluster_call(c,
				     &(struct kube_request){ .method = evict ? "POST" : "DELETE",
							     .path = path,
							     .body = body,
							     .busy = true,
							     .deadline_ms = deadline_ms },
				     &answer);

	if (!e)
		e = failure_in(answer);
	if (e && (e->kind == ERR_NOT_FOUND || is_another(e)))
		err_free(TAKE(e));
	return e;
}

static void evict(void *arg, size_t i)
{
	const struct eviction *x = arg;
	const size_t at = x->todo[i];
	const int64_t left = x->deadline - clock_ms();
	AUTO_STR name = name_of(x->pods[at]);

	struct err *e =
		send_away(x->c, x->pods[at], x->evict, x->delete_options, left > 1 ? left : 1);

	/* That there was no answer in what was left of the time says less than what was said before. */
	if (e && e->kind == ERR_TIMEOUT && x->errs[at]) {
		err_free(e);
		return;
	}
	err_free(x->errs[at]);
	x->errs[at] = err_wrap(e, "pod %s", name);
}

/* Those that a disruption budget refuses for now; another pod's end may be what they wait for. */
static size_t still_to_do(struct eviction *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->todos; i++)
		if (x->errs[x->todo[i]] && x->errs[x->todo[i]]->status == BUSY)
			x->todo[n++] = x->todo[i];
	return n;
}

static void evict_all(struct eviction *x)
{
	pool_run(x->todos, WIDTH, evict, x);
	x->todos = still_to_do(x);
	while (x->todos && clock_ms() + PAUSE_MS < x->deadline && !clock_is_cut()) {
		clock_sleep_ms(PAUSE_MS);
		pool_run(x->todos, WIDTH, evict, x);
		x->todos = still_to_do(x);
	}
}

/* The first failure, with how many there are. */
static struct err *failures(struct err **errs, size_t n)
{
	struct err *first = NULL;
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		failed += errs[i] ? 1 : 0;
		if (!first)
			first = TAKE(errs[i]);
		err_free(errs[i]);
	}
	return err_wrap(first, "%zu of %zu pods could not be evicted", failed, n);
}

static struct err *wait_gone(const struct eviction *x, size_t n)
{
	const int64_t left = x->deadline - clock_ms();
	const struct ready_wish wish = { .gone = true, .timeout_ms = left > 1 ? left : 1 };
	struct ready_item *items = xcalloc(n + 1, sizeof(*items));
	const struct kube_kind *kind = NULL;
	struct err *e = kind_find(x->c, "v1", "Pod", &kind);

	for (size_t i = 0; i < n; i++)
		items[i] = (struct ready_item){ .kind = kind,
						.ns = json_str(x->pods[i], "metadata.namespace"),
						.name = json_str(x->pods[i], "metadata.name"),
						.object = x->pods[i],
						.wish = &wish };
	if (!e)
		ready_wait_many(x->c, items, n);
	for (size_t i = 0; i < n; i++) {
		if (!e)
			e = TAKE(items[i].e);
		err_free(items[i].e);
		json_object_put(items[i].last);
	}
	free(items);
	return e;
}

static struct err *empty(struct drain *d, struct json_object *going)
{
	const size_t n = json_len(going);
	AUTO_JSON options = delete_options_new();
	struct eviction x = { .c = d->cluster,
			      .delete_options = options,
			      .evict = !d->past_budgets,
			      .deadline = clock_ms() + d->limit_ms,
			      .pods = xcalloc(n + 1, sizeof(*x.pods)),
			      .errs = xcalloc(n + 1, sizeof(*x.errs)),
			      .todo = xcalloc(n + 1, sizeof(*x.todo)),
			      .todos = n };
	struct err *e;

	if (d->grace_s >= 0)
		json_set(options, "gracePeriodSeconds", json_object_new_int64(d->grace_s));
	/* Reference counts are not atomic: each thread has its own. */
	for (size_t i = 0; i < n; i++) {
		x.pods[i] = json_nth(going, i);
		x.todo[i] = i;
	}
	evict_all(&x);
	e = failures(x.errs, n);
	if (!e && d->until_gone)
		e = wait_gone(&x, n);
	free(x.pods);
	free(x.errs);
	free(x.todo);
	return e;
}

/* The budget whose name is in the server's words; it gives no field for it (1.33). */
static char *budget_in(const char *text)
{
	static const char before[] = "The disruption budget ";
	const char *s = strstr(text, before);

	return s ? xstrndup(s + strlen(before), strcspn(s + strlen(before), " ")) : NULL;
}

/* The server itself is busy, or has not counted a new budget's pods yet. */
static bool may_clear(const struct err *e)
{
	return e->status == BUSY &&
	       (!strstr(e->text, "disruption budget") || strstr(e->text, "still being processed"));
}

struct err *drain_try(struct cluster *c, struct json_object *pod, char **ret_budget)
{
	AUTO_JSON options = delete_options_new();
	struct json_object *all = json_object_new_array();
	struct err *e;

	json_object_array_add(all, json_object_new_string("All"));
	json_set(options, "dryRun", all);
	e = send_away(c, pod, true, options, 0);
	for (int i = 1; i < BUSY_TRIES && e && may_clear(e) && !clock_is_cut(); i++) {
		err_free(e);
		clock_sleep_ms(PAUSE_MS);
		e = send_away(c, pod, true, options, 0);
	}
	*ret_budget = e ? budget_in(e->text) : NULL;
	return e;
}

/* ---- the node ---- */

struct err *node_read(struct cluster *c, const char *name, const struct kube_kind **ret_kind,
		      struct json_object **ret)
{
	struct json_object *found = NULL;
	struct err *e = kind_find(c, "v1", "Node", ret_kind);

	if (!e)
		e = object_get(c, *ret_kind, NULL, name, &found);
	if (!e && !found)
		e = err_new(ERR_NOT_FOUND, "there is no Node '%s'", name);
	*ret = found;
	return e;
}

struct err *node_patch(struct cluster *c, const struct kube_kind *kind, const char *name,
		       struct json_object *body, bool check, struct json_object **ret)
{
	AUTO_STR path = kind_path(kind, NULL, name, NULL);
	AUTO_STR whole = xasprintf("%s?fieldManager=treenail%s", path, check ? "&dryRun=All" : "");

	return cluster_call(
		c,
		&(struct kube_request){ .method = "PATCH",
					.path = whole,
					.body = body,
					.content_type = "application/merge-patch+json" },
		ret);
}

static struct err *cordon(struct cluster *c, const struct kube_kind *kind, struct json_object *node,
			  bool on, bool check, struct json_object **after)
{
	AUTO_JSON body = json_wrap(
		"spec", json_wrap("unschedulable", on ? json_object_new_boolean(true) : NULL));

	if (json_truth(node, "spec.unschedulable", false) == on)
		return NULL;
	return node_patch(c, kind, json_str(node, "metadata.name"), body, check, after);
}

struct err *node_cordon(struct cluster *c, const char *name, bool on, bool check,
			struct json_object **before, struct json_object **after)
{
	const struct kube_kind *kind = NULL;
	struct err *e = node_read(c, name, &kind, before);

	*after = NULL;
	return e ? e : cordon(c, kind, *before, on, check, after);
}

/* Tells the names of those that go, too. Owned. */
static struct json_object *those_that_go(struct drain *d, struct json_object *pods)
{
	struct json_object *going = json_object_new_array();

	for (size_t i = 0; i < json_len(pods); i++) {
		struct json_object *pod = json_nth(pods, i);
		AUTO_STR name = name_of(pod);

		if (drain_fate_of(pod) & (DRAIN_STATIC | DRAIN_DAEMON))
			continue;
		json_object_array_add(going, json_object_get(pod));
		json_object_array_add(d->pods, json_object_new_string(name));
	}
	return going;
}

struct err *node_drain(struct drain *d)
{
	const struct kube_kind *kind = NULL;
	AUTO_JSON pods = NULL;
	struct err *e = node_read(d->cluster, d->node, &kind, &d->before);

	d->changed = false;
	d->after = NULL;
	d->pods = json_object_new_array();
	d->warnings = json_object_new_array();
	if (!e)
		e = node_pods(d->cluster, d->node, d->labels, &pods);
	if (!e)
		e = judge(d, pods);
	if (!e)
		e = cordon(d->cluster, kind, d->before, true, d->check, &d->after);
	if (e)
		return e;
	AUTO_JSON going = those_that_go(d, pods);

	d->changed = d->after || json_len(going);
	return d->check || !json_len(going) ? NULL : empty(d, going);
}

void drain_release(struct drain *d)
{
	json_object_put(TAKE(d->before));
	json_object_put(TAKE(d->after));
	json_object_put(TAKE(d->pods));
	json_object_put(TAKE(d->warnings));
}
