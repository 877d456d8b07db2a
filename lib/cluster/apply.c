#include <string.h>

#include "clock.h"
#include "cluster/engine.h"
#include "session/config.h"
#include "text.h"

/* Does what a plan says: all that can be done side by side, each action in the journal before it begins. */

enum { THREADS = 64 };

static const struct kind {
	const char *name;
	struct err *(*run)(struct doing *d);
} kinds[] = {
	{ "prepare", do_prepare }, { "init", do_init },       { "network", do_network },
	{ "join", do_join },       { "ready", do_ready },     { "configure", do_configure },
	{ "mark", do_mark },       { "upgrade", do_upgrade }, { "renew", do_renew },
	{ "remove", do_remove },
};

enum state { TODO, RUNNING, DONE, FAILED, SKIPPED };
static const char *const state_names[] = { "planned", "planned", "done", "failed", "skipped" };

struct task {
	const char *id, *action, *node, *slot; /* of the plan */
	int limit;
	enum state state;
	struct task **after;
	size_t n_after;
	struct json_object *a, *declared; /* copies, for the thread that does it */
	struct err *err;
	int64_t ms;
};

struct work {
	struct engine *g;
	struct task *tasks;
	size_t n, running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* ---- who is next; with the lock held ---- */

static const struct task *failed_before(const struct task *t)
{
	for (size_t i = 0; i < t->n_after; i++)
		if (t->after[i]->state == FAILED || t->after[i]->state == SKIPPED)
			return t->after[i];
	return NULL;
}

/* What is out of service in a slot: those being worked on, and those that were left in the middle. */
static bool has_room(const struct work *w, const struct task *t)
{
	int busy = 0;

	for (size_t i = 0; i < w->n && t->slot; i++) {
		const struct task *o = &w->tasks[i];

		if (o->slot && strcmp(o->slot, t->slot) == 0)
			busy += o->state == RUNNING || o->state == FAILED;
	}
	return !t->slot || busy < t->limit;
}

static bool slot_failed(const struct work *w, const struct task *t)
{
	for (size_t i = 0; i < w->n && t->slot; i++)
		if (w->tasks[i].state == FAILED && w->tasks[i].slot &&
		    strcmp(w->tasks[i].slot, t->slot) == 0)
			return true;
	return false;
}

static bool is_ready(const struct work *w, const struct task *t)
{
	for (size_t i = 0; i < t->n_after; i++)
		if (t->after[i]->state != DONE)
			return false;
	return has_room(w, t);
}

static void skip(struct task *t, const char *why)
{
	t->state = SKIPPED;
	t->err = err_new(ERR_CONFLICT, "not done: %s", why);
}

/* What cannot be done any more is skipped, which may be true of others then. */
static void skip_hopeless(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct task *t = &w->tasks[i];
		const struct task *before = t->state == TODO ? failed_before(t) : NULL;

		if (before) {
			AUTO_STR why = xasprintf("'%s' has failed, or was not done", before->id);

			skip(t, why);
			i = (size_t)-1;
		} else if (t->state == TODO && slot_failed(w, t)) {
			skip(t, "another one of its group has failed");
			i = (size_t)-1;
		} else if (t->state == TODO && clock_is_cut()) {
			skip(t, "this program was told to end");
			i = (size_t)-1;
		}
	}
}

static struct task *next_task(struct work *w)
{
	skip_hopeless(w);
	for (size_t i = 0; i < w->n; i++)
		if (w->tasks[i].state == TODO && is_ready(w, &w->tasks[i]))
			return &w->tasks[i];
	return NULL;
}

/* ---- one action ---- */

static struct err *run_kind(struct engine *g, struct task *t)
{
	struct doing d = { .g = g,
			   .a = t->a,
			   .node = t->node,
			   .how = json_str(t->a, "how"),
			   .declared = t->declared };

	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].name, t->action) == 0)
			return kinds[i].run(&d);
	return err_new(ERR_USAGE, "this version cannot do that");
}

static struct err *note(struct engine *g, const char *event, const struct task *t)
{
	AUTO_JSON more = json_object_new_object();

	json_sets(more, "why", json_str(t->a, "why"));
	if (t->err)
		json_sets(more, "error", t->err->text);
	return journal_write(g->journal, event, t->action, t->node, more);
}

static void run_task(struct engine *g, struct task *t)
{
	const int64_t begun = clock_ms();
	AUTO_STR words = action_words(t->a);
	struct err *e;

	engine_say(g, "%s", words);
	t->err = note(g, "begun", t);
	if (t->err)
		return;
	t->err = run_kind(g, t);
	t->ms = clock_ms() - begun;
	/* Cut off, it has not failed: it is to be resumed. */
	e = note(g, t->err ? "failed" : "ended", t);
	if (t->err)
		err_free(e);
	else
		t->err = e;
	if (t->err)
		engine_say(g, "%s failed after %.1f s: %s", t->id, (double)t->ms / 1000,
			   t->err->text);
	else
		engine_say(g, "%s done in %.1f s", t->id, (double)t->ms / 1000);
}

static void *work_main(void *arg)
{
	struct work *w = arg;
	struct task *t;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		t = next_task(w);
		if (!t && !w->running)
			break;
		if (!t) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		t->state = RUNNING;
		w->running++;
		pthread_mutex_unlock(&w->lock);
		run_task(w->g, t);
		pthread_mutex_lock(&w->lock);
		w->running--;
		t->state = t->err ? FAILED : DONE;
		pthread_cond_broadcast(&w->changed);
	}
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- all of them ---- */

static struct task *task_named(struct work *w, const char *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->tasks[i].id, id) == 0)
			return &w->tasks[i];
	return NULL;
}

static void tasks_make(struct work *w, struct json_object *actions)
{
	w->n = json_len(actions);
	w->tasks = xcalloc(w->n + 1, sizeof(*w->tasks));
	for (size_t i = 0; i < w->n; i++) {
		struct json_object *a = json_copy(json_nth(actions, i));
		struct task *t = &w->tasks[i];

		*t = (struct task){ .a = a,
				    .id = json_str(a, "id"),
				    .action = json_str(a, "action"),
				    .node = json_str(a, "node"),
				    .slot = json_str(a, "slot"),
				    .limit = (int)json_int(a, "limit", 1) };
		if (t->node)
			t->declared = json_copy(cluster_node(w->g->d, t->node));
	}
	for (size_t i = 0; i < w->n; i++) {
		struct json_object *after = json_at(w->tasks[i].a, "after");

		w->tasks[i].after = xcalloc(json_len(after) + 1, sizeof(struct task *));
		for (size_t k = 0; k < json_len(after); k++) {
			struct task *t = task_named(w, json_object_get_string(json_nth(after, k)));

			if (t)
				w->tasks[i].after[w->tasks[i].n_after++] = t;
		}
	}
}

static void tasks_free(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		err_free(w->tasks[i].err);
		json_object_put(w->tasks[i].a);
		json_object_put(w->tasks[i].declared);
		free(w->tasks[i].after);
	}
	free(w->tasks);
}

/* What became of each, beside what it was to be. */
static struct err *tell(struct work *w, struct json_object *actions, bool *changed)
{
	struct err *first = NULL;
	size_t failed = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct json_object *a = json_nth(actions, i);
		struct task *t = &w->tasks[i];

		json_sets(a, "state", state_names[t->state]);
		if (t->state == DONE || t->state == FAILED) {
			json_set(a, "ms", json_object_new_int64(t->ms));
			*changed = true;
		}
		if (t->err)
			json_sets(a, "error", t->err->text);
		if (t->state != FAILED)
			continue;
		failed++;
		if (!first)
			first = TAKE(t->err);
	}
	if (!first)
		for (size_t i = 0; i < w->n && !first; i++)
			if (w->tasks[i].state == SKIPPED)
				first = TAKE(w->tasks[i].err);
	return failed > 1 ? err_wrap(first, "%zu of %zu actions failed, first", failed, w->n)
			  : first;
}

static struct err *apply_all(struct engine *g, struct json_object *actions, bool *changed)
{
	struct work w = { .g = g };
	pthread_t threads[THREADS];
	size_t n = 0;
	struct err *e;

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	tasks_make(&w, actions);
	const size_t most =
		g->o->width > 0 && g->o->width < THREADS ? (size_t)g->o->width : THREADS;
	while (n < most && n < w.n && pthread_create(&threads[n], NULL, work_main, &w) == 0)
		n++;
	if (!n)
		(void)work_main(&w);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	e = tell(&w, actions, changed);
	tasks_free(&w);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	return e;
}

/* ---- a run ---- */

static void add_warnings(struct cluster_outcome *ret, struct json_object *more)
{
	for (size_t i = 0; i < json_len(more); i++)
		json_object_array_add(ret->warnings, json_copy(json_nth(more, i)));
}

static struct err *make(struct engine *g, struct cluster_outcome *ret)
{
	const struct plan_input in = { .declaration = g->d,
				       .journal = g->state,
				       .wish = &g->o->wish };
	struct plan_input whole = in;
	struct json_object *actions;
	struct err *e = engine_observe(g);

	ret->observed = json_copy(g->observed);
	whole.observed = g->observed;
	if (!e)
		e = cluster_plan_make(&whole, &ret->plan);
	if (e)
		return e;
	add_warnings(ret, json_at(ret->plan, "warnings"));
	e = engine_preflight(g, ret->plan, ret->warnings);
	if (e)
		return e;
	actions = json_at(ret->plan, "actions");
	if (!g->o->check)
		return apply_all(g, actions, &ret->changed);
	ret->changed = json_len(actions) > 0;
	for (size_t i = 0; i < json_len(actions); i++)
		json_sets(json_nth(actions, i), "state", state_names[TODO]);
	return NULL;
}

struct err *cluster_make(struct json_object *given, const struct cluster_options_run *o,
			 struct cluster_outcome *ret)
{
	struct engine g;
	struct err *e = engine_open(&g, given, o, &ret->warnings);

	if (!ret->warnings)
		ret->warnings = json_object_new_array();
	if (!e) {
		e = make(&g, ret);
		ret->connections = ssh_pool_connections(g.pool);
	}
	engine_close(&g);
	return e;
}

void cluster_outcome_release(struct cluster_outcome *o)
{
	json_object_put(o->plan);
	json_object_put(o->observed);
	json_object_put(o->warnings);
	*o = (struct cluster_outcome){ .changed = false };
}

struct err *cluster_kubeconfig(struct json_object *given, const struct cluster_options_run *o,
			       struct json_object **ret)
{
	struct cluster_options_run mine = *o;
	AUTO_JSON none = json_object_new_array();
	struct engine g;
	struct err *e;

	/* Looks, and at control planes alone. */
	mine.check = true;
	mine.wish.only = none;
	e = engine_open(&g, given, &mine, NULL);
	if (!e)
		e = engine_observe(&g);
	if (!e && !g.admin)
		e = err_new(ERR_NOT_FOUND, "no control plane has an administrator's kubeconfig");
	if (!e)
		*ret = TAKE(g.admin);
	engine_close(&g);
	return e;
}
