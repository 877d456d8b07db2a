/*
 * Objects on a real API server, and every call failing in turn: refused, its answer lost, the program
 * dead from there on. Doing it again must end in what there is without faults, and the third time
 * must write nothing. KUBECONFIG says where; the sequences are tests/data/kubernetes_torture/NAME.json:
 *
 *   {"before": [step], "steps": [step]}, a step {"way": "merge", "absent": false, "objects": [],
 *   "patch": [], "wait": false, "changed": true, "again": "why it may change once more",
 *   "foretold": "why check mode does not know all of it"}
 *
 * "RUN" in them is another word each time, so that no run has to wait until the objects of the
 * one before are gone.
 */
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "kubernetes/objects.h"

enum failure { FINE, REFUSED, UNREACHABLE, LOST, DEAD, FAILURES };
static const char *const failure_names[] = { "none", "refused", "unreachable", "lost", "dead" };
enum { WAIT_MS = 30000, RERUNS = 3 };

static struct cluster *cluster;
static const char *file;
static int runs, missed;

/* ---- the failing call ---- */

struct faulty {
	struct cluster_fault fault; /* first: it is what the callbacks get */
	pthread_mutex_t lock;
	enum failure how, armed;
	int at; /* the call that fails, from 1 */
	int calls, writes;
	bool came;
	char call[256];
};

static bool writes(const struct kube_request *req)
{
	struct json_object *dry = json_at(req->body, "dryRun");

	if (strcmp(req->method, "DELETE") == 0)
		return !json_is_str(json_nth(dry, 0), "All");
	return strcmp(req->method, "GET") != 0 && !strstr(req->path, "dryRun=All");
}

static struct err *fail_before(struct cluster_fault *f, const struct kube_request *req)
{
	struct faulty *x = (struct faulty *)f;
	struct err *e = NULL;

	(void)pthread_mutex_lock(&x->lock);
	x->calls++;
	x->writes += writes(req);
	if (x->how != FINE && x->calls == x->at) {
		x->came = true;
		(void)snprintf(x->call, sizeof(x->call), "%s %s", req->method, req->path);
	}
	if (x->how == REFUSED && x->calls == x->at) {
		e = err_new(ERR_REMOTE, "500 refused by the test");
		e->status = 500;
	} else if ((x->how == UNREACHABLE && x->calls == x->at) ||
		   (x->how == DEAD && x->came && x->calls > x->at)) {
		e = err_new(ERR_NETWORK, "made unreachable by the test");
	}
	(void)pthread_mutex_unlock(&x->lock);
	return e;
}

static struct err *fail_after(struct cluster_fault *f, const struct kube_request *req)
{
	struct faulty *x = (struct faulty *)f;
	struct err *e = NULL;

	(void)pthread_mutex_lock(&x->lock);
	if (x->came && (x->how == DEAD || x->how == LOST)) {
		AUTO_STR call = xasprintf("%s %s", req->method, req->path);

		if (x->how == DEAD || strncmp(call, x->call, sizeof(x->call) - 1) == 0) {
			e = err_new(ERR_NETWORK, "its answer was lost by the test");
			e->ambiguous = true;
		}
		if (x->how == LOST && e)
			x->how = FINE;
	}
	(void)pthread_mutex_unlock(&x->lock);
	return e;
}

static struct faulty faulty = { .fault = { .before = fail_before, .after = fail_after },
				.lock = PTHREAD_MUTEX_INITIALIZER };

static void arm(enum failure how, int at)
{
	faulty.how = faulty.armed = how;
	faulty.at = at;
	faulty.calls = faulty.writes = 0;
	faulty.came = false;
	faulty.call[0] = '\0';
}

/* ---- what is wrong ---- */

static void wrong(bool is, const char *what, size_t step, const char *more)
{
	if (!is)
		return;
	(void)printf("%s, step %zu, call %s (%s): %s\n%.8000s\n", file, step,
		     faulty.call[0] ? faulty.call : "none", failure_names[faulty.armed], what,
		     more ? more : "");
	exit(EXIT_FAILURE);
}

/* ---- steps ---- */

static enum object_way way_of(const char *name)
{
	static const char *const names[] = { "merge",   "server-apply", "client-apply",
					     "replace", "patch",        "json-patch" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (name && strcmp(name, names[i]) == 0)
			return (enum object_way)i;
	wrong(true, "unknown way", 0, name);
	return WAY_MERGE;
}

struct told {
	bool changed;
	struct err *e;
	struct json_object *after; /* of all, shown */
};

static void told_free(struct told *o)
{
	err_free(o->e);
	json_object_put(o->after);
	*o = (struct told){ 0 };
}

/* What the server picks anew for each object. */
static void essence_of(struct json_object *object)
{
	struct json_object *spec = json_at(object, "spec");

	if (!json_object_is_type(spec, json_type_object))
		return;
	json_object_object_del(spec, "clusterIP");
	json_object_object_del(spec, "clusterIPs");
}

static struct told step_run(struct json_object *step, bool check)
{
	static const struct ready_wish ready = { .timeout_ms = WAIT_MS };
	struct json_object *objects = json_at(step, "objects");
	const size_t n = json_len(objects);
	struct object_op *ops = xcalloc(n + 1, sizeof(*ops));
	struct err **errs = xcalloc(n + 1, sizeof(struct err *));
	struct told o = { .after = json_object_new_array() };

	for (size_t i = 0; i < n; i++)
		ops[i] = (struct object_op){
			.cluster = cluster,
			.want = json_nth(objects, i),
			.absent = json_truth(step, "absent", false),
			.way = way_of(json_str(step, "way") ? json_str(step, "way")
							    : "server-apply"),
			.patch = json_at(step, "patch"),
			.delete_options = json_at(step, "delete_options"),
			.check = check,
			.wait = json_truth(step, "wait", false) ? &ready : NULL,
		};
	objects_apply(ops, n, 0, errs);
	for (size_t i = 0; i < n; i++) {
		o.changed = o.changed || ops[i].changed;
		if (o.e)
			err_free(errs[i]);
		else
			o.e = errs[i];
		json_object_array_add(o.after, document_shown(ops[i].after, true));
		essence_of(json_nth(o.after, i));
		object_op_release(&ops[i]);
	}
	free(errs);
	free(ops);
	return o;
}

/* ---- what there is in the end ---- */

static void essence_add(struct json_object *ret, struct json_object *object)
{
	const struct kube_kind *k = NULL;
	struct json_object *have = NULL;
	AUTO_STR title = document_title(object);
	AUTO_ERR e =
		kind_find(cluster, json_str(object, "apiVersion"), json_str(object, "kind"), &k);

	if (!e)
		e = object_get(cluster, k, json_str(object, "metadata.namespace"),
			       json_str(object, "metadata.name"), &have);
	wrong(e && e->kind != ERR_NOT_FOUND, "cannot be read", 0, e ? e->text : NULL);
	if (have && json_at(have, "metadata.deletionTimestamp"))
		json_object_put(TAKE(have));
	if (have) {
		struct json_object *shown = document_shown(have, true);

		essence_of(shown);
		json_set(ret, title, shown);
	} else {
		json_set(ret, title, NULL);
	}
	json_object_put(have);
}

/* Of all that the sequence is about, with its run's word taken out. Owned. */
static char *essence(struct json_object *plan, const char *word)
{
	AUTO_JSON all = json_object_new_object();
	AUTO_BUF b = BUF_INIT;
	struct json_object *steps = json_at(plan, "steps");
	const char *p;

	for (size_t i = 0; i < json_len(steps); i++) {
		struct json_object *objects = json_at(json_nth(steps, i), "objects");

		for (size_t j = 0; j < json_len(objects); j++)
			essence_add(all, json_nth(objects, j));
	}
	p = json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY);
	for (const char *at = strstr(p, word); at; at = strstr(p, word)) {
		(void)buf_add(&b, p, (size_t)(at - p));
		buf_adds(&b, "RUN");
		p = at + strlen(word);
	}
	buf_adds(&b, p);
	return buf_take(&b);
}

/* ---- one sequence ---- */

static struct json_object *plan_read(const char *word)
{
	AUTO_JSON plan = json_object_from_file(file);
	AUTO_BUF b = BUF_INIT;
	struct json_object *ret = NULL;
	const char *p;

	wrong(!plan, "no JSON", 0, NULL);
	p = json_object_to_json_string(plan);
	for (const char *at = strstr(p, "RUN"); at; at = strstr(p, "RUN")) {
		(void)buf_add(&b, p, (size_t)(at - p));
		buf_adds(&b, word);
		p = at + strlen("RUN");
	}
	buf_adds(&b, p);
	AUTO_ERR e = json_parse(b.s, b.len, &ret);
	wrong(e, "no JSON", 0, NULL);
	return ret;
}

/* A cluster as a process that is started anew has it, and the objects of "before". */
static struct json_object *fresh(char **ret_word)
{
	AUTO_JSON options = json_object_new_object();
	struct json_object *plan, *before;
	AUTO_ERR e = NULL;

	cluster_free(cluster);
	cluster = NULL;
	e = cluster_new(options, &cluster);
	wrong(e, "no cluster", 0, e ? e->text : NULL);
	*ret_word = xasprintf("c-t%d-%d", (int)getpid(), ++runs);
	plan = plan_read(*ret_word);
	before = json_at(plan, "before");
	arm(FINE, 0);
	for (size_t i = 0; i < json_len(before); i++) {
		struct told o = step_run(json_nth(before, i), false);

		wrong(o.e, "preparing", i, o.e ? o.e->text : NULL);
		told_free(&o);
	}
	cluster_set_fault(cluster, &faulty.fault);
	return plan;
}

static void sweep(struct json_object *plan)
{
	struct json_object *before = json_at(plan, "before");

	cluster_set_fault(cluster, NULL);
	for (size_t i = 0; i < json_len(before); i++) {
		struct told o;

		json_set(json_nth(before, i), "absent", json_object_new_boolean(true));
		json_set(json_nth(before, i), "wait", json_object_new_boolean(false));
		o = step_run(json_nth(before, i), false);
		told_free(&o);
	}
}

/* {"except": "dead"}: what can only be done once, if nobody lives to know whether it was. */
static bool is_excepted(enum failure how)
{
	AUTO_JSON plan = plan_read("");

	return json_is_str(json_at(plan, "except"), failure_names[how]);
}

/* The third time: nothing changes, nothing is written. */
static void settled(struct json_object *step, size_t i)
{
	struct told o;

	if (json_has(step, "again"))
		return;
	faulty.writes = 0;
	o = step_run(step, false);
	wrong(o.e, "failed once more", i, o.e ? o.e->text : NULL);
	wrong(o.changed, "changed once more", i, NULL);
	wrong(faulty.writes, "written once more", i, NULL);
	told_free(&o);
}

static char *plainly(int *ret_calls)
{
	AUTO_STR word = NULL;
	AUTO_JSON plan = fresh(&word);
	struct json_object *steps = json_at(plan, "steps");
	char *goal;

	*ret_calls = 0;
	for (size_t i = 0; i < json_len(steps); i++) {
		struct json_object *step = json_nth(steps, i);
		const bool change = json_truth(step, "changed", true);
		struct told check, real;

		arm(FINE, 0);
		check = step_run(step, true);
		wrong(faulty.writes, "written in check mode", i, NULL);
		wrong(check.e, "failed in check mode", i, check.e ? check.e->text : NULL);
		wrong(check.changed != change, "changed in check mode", i, NULL);
		arm(FINE, 0);
		real = step_run(step, false);
		*ret_calls += faulty.calls;
		wrong(real.e, "failed", i, real.e ? real.e->text : NULL);
		wrong(real.changed != change, "changed", i, NULL);
		wrong(!json_has(step, "wait") && !json_has(step, "foretold") &&
			      !json_object_equal(check.after, real.after),
		      "not what check mode promised", i, json_object_to_json_string(check.after));
		settled(step, i);
		told_free(&check);
		told_free(&real);
	}
	goal = essence(plan, word);
	sweep(plan);
	return goal;
}

static void with_failure(int call, enum failure how, const char *goal)
{
	AUTO_STR word = NULL;
	AUTO_STR end = NULL;
	AUTO_JSON plan = fresh(&word);
	struct json_object *steps = json_at(plan, "steps");

	arm(how, call);
	for (size_t i = 0; i < json_len(steps); i++) {
		struct json_object *step = json_nth(steps, i);
		struct told o = step_run(step, false);
		const bool hit = faulty.came && faulty.how != FINE;

		wrong(o.e && !faulty.came, "failed without a cause", i, o.e ? o.e->text : NULL);
		for (int again = 0; o.e && again < RERUNS; again++) {
			faulty.how = FINE;
			told_free(&o);
			o = step_run(step, false);
		}
		wrong(o.e, "failed again and again", i, o.e ? o.e->text : NULL);
		told_free(&o);
		if (hit || faulty.how == FINE) {
			faulty.how = FINE;
			settled(step, i);
		}
	}
	missed += !faulty.came;
	faulty.how = FINE;
	end = essence(plan, word);
	if (strcmp(end, goal) != 0) {
		(void)printf("without failure:\n%s\n", goal);
		wrong(true, "not what there is without the failure", 0, end);
	}
	sweep(plan);
}

static void sequence(void)
{
	AUTO_STR goal = NULL;
	const int64_t began = clock_ms();
	int calls;

	missed = 0;
	goal = plainly(&calls);
	for (int call = 1; call <= calls; call++)
		for (int how = REFUSED; how < FAILURES; how++)
			if (!is_excepted((enum failure)how))
				with_failure(call, (enum failure)how, goal);
	wrong(missed > calls, "too many of the calls never came", 0, NULL);
	(void)printf("%-50s %3d calls %4d runs %6ld ms\n", file, calls, 1 + calls * (FAILURES - 1),
		     (long)(clock_ms() - began));
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	glob_t found = { 0 };

	for (int i = 1; i < argc; i++) {
		file = argv[i];
		sequence();
	}
	if (argc == 1 && glob("tests/data/kubernetes_torture/*.json", 0, NULL, &found) != 0)
		return EXIT_FAILURE;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		file = found.gl_pathv[i];
		sequence();
	}
	cluster_free(cluster);
	globfree(&found);
	return EXIT_SUCCESS;
}
