#include <pthread.h>

#include "clock.h"
#include "mem.h"
#include "ssh/resolve.h"

enum { THREADS = 8 };

struct lookup {
	struct lookup *next;
	char *host;
	int family, rc;
	bool done, unwanted;
	struct addrinfo *found;
};

struct resolver {
	struct loop *loop;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct lookup *queue, **end;
	int idle, n;
	bool over;
	pthread_t threads[THREADS];
};

static int ask(const char *host, int family, int flags, struct addrinfo **ret)
{
	const struct addrinfo hints = { .ai_family = family,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = flags };

	return getaddrinfo(host, NULL, &hints, ret);
}

static void lookup_free(struct lookup *l)
{
	if (l->found)
		freeaddrinfo(l->found);
	free(l->host);
	free(l);
}

static void *work(void *arg)
{
	struct resolver *r = arg;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->over) {
		struct lookup *l = r->queue;

		if (!l) {
			r->idle++;
			(void)pthread_cond_wait(&r->more, &r->lock);
			r->idle--;
			continue;
		}
		r->queue = l->next;
		if (!r->queue)
			r->end = &r->queue;
		(void)pthread_mutex_unlock(&r->lock);
		l->rc = ask(l->host, l->family, AI_ADDRCONFIG, &l->found);
		(void)pthread_mutex_lock(&r->lock);
		l->done = true;
		if (l->unwanted)
			lookup_free(l);
		else
			loop_poke(r->loop);
	}
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

static struct lookup *begin(struct resolver *r, const char *host, int family)
{
	struct lookup *l = xcalloc(1, sizeof(*l));

	l->host = xstrdup(host);
	l->family = family;
	(void)pthread_mutex_lock(&r->lock);
	*r->end = l;
	r->end = &l->next;
	if (!r->idle && r->n < THREADS && pthread_create(r->threads + r->n, NULL, work, r) == 0)
		r->n++;
	(void)pthread_cond_signal(&r->more);
	(void)pthread_mutex_unlock(&r->lock);
	return l;
}

struct addrinfo *resolve(struct resolver *r, struct task *t, const char *host, int family,
			 int64_t until, const char **why)
{
	struct addrinfo *found = NULL;
	struct lookup *l;
	bool done = false;

	*why = NULL;
	if (ask(host, family, AI_NUMERICHOST, &found) == 0)
		return found;
	l = begin(r, host, family);
	for (;;) {
		(void)pthread_mutex_lock(&r->lock);
		done = l->done;
		l->unwanted = !done && (clock_ms() >= until || clock_is_cut());
		if (!done && l->unwanted) {
			(void)pthread_mutex_unlock(&r->lock);
			return NULL;
		}
		(void)pthread_mutex_unlock(&r->lock);
		if (done)
			break;
		task_wait(t, -1, TASK_POKED, until);
	}
	found = l->found;
	l->found = NULL;
	if (!found)
		*why = gai_strerror(l->rc);
	lookup_free(l);
	return found;
}

struct resolver *resolver_new(struct loop *l)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	r->loop = l;
	r->end = &r->queue;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->more, NULL);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->over = true;
	(void)pthread_cond_broadcast(&r->more);
	(void)pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < r->n; i++)
		(void)pthread_join(r->threads[i], NULL);
	while (r->queue) {
		struct lookup *l = r->queue;

		r->queue = l->next;
		lookup_free(l);
	}
	(void)pthread_cond_destroy(&r->more);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
