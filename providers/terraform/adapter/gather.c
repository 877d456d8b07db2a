#include <pthread.h>
#include <stdlib.h>

#include "clock.h"
#include "gather.h"

enum { MOST = 200, WIDTH = 8, LINGER_MS = 10 };

struct waiting {
	struct op *op;
	struct err *e;
	bool done;
	struct waiting *next;
};

/* The creations of one kind in one cloud. */
struct gather {
	const struct resource *r;
	struct api *api;
	bool busy; /* somebody does those that were taken */
	struct waiting *first, **last;
	struct gather *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct gather *gathers;

static struct gather *gather_of(const struct op *op)
{
	struct gather *g = gathers;

	while (g && (g->r != op->r || g->api != op->api))
		g = g->next;
	if (!g) {
		g = xcalloc(1, sizeof(*g));
		*g = (struct gather){ .r = op->r, .api = op->api, .next = gathers };
		g->last = &g->first;
		gathers = g;
	}
	return g;
}

static void apply_all(struct waiting *const *some, size_t n)
{
	struct op *ops = xcalloc(n, sizeof(*ops));
	struct err **errs = xcalloc(n, sizeof(void *));

	for (size_t i = 0; i < n; i++)
		ops[i] = *some[i]->op;
	resource_apply(ops, n, WIDTH, errs);
	for (size_t i = 0; i < n; i++) {
		*some[i]->op = ops[i];
		some[i]->e = errs[i];
	}
	free(ops);
	free(errs);
}

static size_t take(struct gather *g, struct waiting **some)
{
	size_t n = 0;

	for (; g->first && n < MOST; g->first = g->first->next)
		some[n++] = g->first;
	if (!g->first)
		g->last = &g->first;
	return n;
}

/* Called and returns with the lock held. */
static void do_those_waiting(struct gather *g)
{
	struct waiting *some[MOST];
	size_t n;

	g->busy = true;
	(void)pthread_mutex_unlock(&lock);
	/* Terraform sends what it may do at once at nearly the same time. */
	clock_sleep_ms(LINGER_MS);
	(void)pthread_mutex_lock(&lock);
	n = take(g, some);
	(void)pthread_mutex_unlock(&lock);
	apply_all(some, n);
	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < n; i++)
		some[i]->done = true;
	g->busy = false;
	(void)pthread_cond_broadcast(&moved);
}

static struct err *apply_alone(struct op *op)
{
	struct err *e = NULL;

	resource_apply(op, 1, 1, &e);
	return e;
}

struct err *gather_apply(struct op *op)
{
	struct waiting w = { .op = op };
	struct gather *g;

	if (!(op->r->flags & BULK) || op->id || op->have || op->keeper->lost)
		return apply_alone(op);
	(void)pthread_mutex_lock(&lock);
	g = gather_of(op);
	*g->last = &w;
	g->last = &w.next;
	while (!w.done) {
		if (g->busy)
			(void)pthread_cond_wait(&moved, &lock);
		else
			do_those_waiting(g);
	}
	(void)pthread_mutex_unlock(&lock);
	return w.e;
}
