#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "cluster/schedule.h"

enum { THREADS = 64 };

enum state { TODO, RUNNING, DONE, FAILED, SKIPPED };
static const char *const state_names[] = { "skipped", "skipped", "done", "failed", "skipped" };

struct task {
	struct json_object *action; /* a copy, for the thread that does it */
	const char *id, *slot;
	int limit;
	enum state state;
	struct task **after;
	size_t n_after;
	struct err *err;
	int64_t ms;
};

struct work {
	const struct schedule *s;
	struct task *tasks;
	size_t n, running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* ---- who is next; with the lock held ---- */

/* How many of a task's slot are in a state. */
static int of_slot(const struct work *w, const struct task *t, enum state state)
{
	int n = 0;

	for (size_t i = 0; i < w->n && t->slot; i++)
		n += w->tasks[i].state == state && w->tasks[i].slot &&
		     strcmp(w->tasks[i].slot, t->slot) == 0;
	return n;
}

static bool is_ready(const struct work *w, const struct task *t)
{
	for (size_t i = 0; i < t->n_after; i++)
		if (t->after[i]->state != DONE)
			return false;
	return !t->slot || of_slot(w, t, RUNNING) < t->limit;
}

/* Why it cannot be done any more; NULL: it can; owned. */
static char *hopeless(const struct work *w, const struct task *t)
{
	for (size_t i = 0; i < t->n_after; i++)
		if (t->after[i]->state == FAILED || t->after[i]->state == SKIPPED)
			return xasprintf("'%s' has failed, or was not done", t->after[i]->id);
	if (of_slot(w, t, FAILED))
		return xstrdup("another one of its group has failed");
	return clock_is_cut() ? xstrdup("this program was told to end") : NULL;
}

/* What is skipped may make others hopeless. */
static void skip_hopeless(struct work *w)
{
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < w->n; i++) {
			struct task *t = &w->tasks[i];
			AUTO_STR why = t->state == TODO ? hopeless(w, t) : NULL;

			if (!why)
				continue;
			t->state = SKIPPED;
			t->err = err_new(ERR_CONFLICT, "%s: not done: %s", t->id, why);
			again = true;
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

static void run_task(struct work *w, struct task *t)
{
	int64_t begun;

	t->state = RUNNING;
	w->running++;
	pthread_mutex_unlock(&w->lock);
	begun = clock_ms();
	struct err *e = w->s->run(w->s->arg, t->action);
	pthread_mutex_lock(&w->lock);
	t->ms = clock_ms() - begun;
	t->err = e;
	t->state = e ? FAILED : DONE;
	w->running--;
	pthread_cond_broadcast(&w->changed);
}

/* Ends when nothing can be begun and nothing is under way that could change that. */
static void *work_main(void *arg)
{
	struct work *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct task *t = next_task(w);

		if (t)
			run_task(w, t);
		else if (w->running)
			pthread_cond_wait(&w->changed, &w->lock);
		else
			break;
	}
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

		w->tasks[i] = (struct task){ .action = a,
					     .id = json_str(a, "id"),
					     .slot = json_str(a, "slot"),
					     .limit = (int)json_int(a, "limit", 1) };
	}
	for (size_t i = 0; i < w->n; i++) {
		struct json_object *after = json_at(w->tasks[i].action, "after");
		struct task *t = &w->tasks[i];

		t->after = xcalloc(json_len(after) + 1, sizeof(struct task *));
		for (size_t k = 0; k < json_len(after); k++) {
			struct task *o = task_named(w, json_object_get_string(json_nth(after, k)));

			if (o)
				t->after[t->n_after++] = o;
		}
	}
}

static void tasks_free(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		err_free(w->tasks[i].err);
		json_object_put(w->tasks[i].action);
		free(w->tasks[i].after);
	}
	free(w->tasks);
}

/* The first of the tasks in a state that has an error. */
static struct err *first_error(struct work *w, enum state state)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->tasks[i].state == state && w->tasks[i].err)
			return TAKE(w->tasks[i].err);
	return NULL;
}

static struct err *tell(struct work *w, struct json_object *actions, size_t *ret_begun)
{
	size_t failed = 0;
	struct err *e;

	for (size_t i = 0; i < w->n; i++) {
		struct json_object *a = json_nth(actions, i);
		struct task *t = &w->tasks[i];
		const bool begun = t->state == DONE || t->state == FAILED;

		json_sets(a, "state", state_names[t->state]);
		if (begun)
			json_set(a, "ms", json_object_new_int64(t->ms));
		if (t->err)
			json_sets(a, "error", t->err->text);
		failed += t->state == FAILED;
		*ret_begun += begun;
	}
	e = first_error(w, FAILED);
	if (!e)
		e = first_error(w, SKIPPED);
	return failed > 1 ? err_wrap(e, "%zu of %zu actions failed, first", failed, w->n) : e;
}

struct err *schedule_run(const struct schedule *s, struct json_object *actions, size_t *ret_begun)
{
	struct work w = { .s = s };
	pthread_t threads[THREADS];
	struct err *e;
	size_t n = 0;

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.changed, NULL);
	tasks_make(&w, actions);
	const size_t width = s->width > 0 && s->width < THREADS ? (size_t)s->width : THREADS;
	while (n < width && n < w.n && pthread_create(&threads[n], NULL, work_main, &w) == 0)
		n++;
	if (!n)
		(void)work_main(&w);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	*ret_begun = 0;
	e = tell(&w, actions, ret_begun);
	tasks_free(&w);
	pthread_cond_destroy(&w.changed);
	pthread_mutex_destroy(&w.lock);
	return e;
}
