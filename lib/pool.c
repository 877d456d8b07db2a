#include <pthread.h>
#include <stdatomic.h>

#include "mem.h"
#include "pool.h"

enum { STACK_BYTES = 512 << 10 };

struct pool {
	atomic_size_t next;
	size_t n;
	void (*fn)(void *arg, size_t i);
	void *arg;
};

static void *work(void *arg)
{
	struct pool *p = arg;

	for (size_t i = atomic_fetch_add(&p->next, 1); i < p->n; i = atomic_fetch_add(&p->next, 1))
		p->fn(p->arg, i);
	return NULL;
}

void pool_run(size_t n, int width, void (*fn)(void *arg, size_t i), void *arg)
{
	struct pool p = { .n = n, .fn = fn, .arg = arg };
	const size_t threads = n < (size_t)width ? n : (size_t)width;
	pthread_t *ids = threads > 1 ? xcalloc(threads, sizeof(*ids)) : NULL;
	pthread_attr_t attr;
	size_t started = 0;

	if (ids && pthread_attr_init(&attr) == 0) {
		(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
		/* The caller is one of the workers; where no thread can be had it does it all. */
		while (started < threads - 1 && pthread_create(&ids[started], &attr, work, &p) == 0)
			started++;
		(void)pthread_attr_destroy(&attr);
	}
	(void)work(&p);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(ids[i], NULL);
	free(ids);
}
