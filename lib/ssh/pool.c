#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "ssh/pool.h"
#include "ssh/run.h"

enum {
	IDLE_MS = 10000,
	PATIENCE_MS = 1000,
	SESSIONS = 4,
};

/* Somebody who waits in ssh_pool_do(). */
struct item {
	const struct ssh_work *work;
	int64_t since, deadline;
	struct err *err;
	bool done, again; /* again: its session had ended before; it is the second */
	struct item *next;
};

enum state { CONNECTING, BUSY, IDLE };

/* One session, and its job in the run. */
struct line {
	struct ssh_pool *pool;
	struct host *host;
	struct ssh_target target;
	struct ssh_session *session; /* NULL: not connected */
	enum state state;
	struct item *now;
	bool over; /* nothing more is to be done by it */
	struct line *next;
};

struct host {
	char *key;
	const struct ssh_target *target;
	struct item *first, **last;
	struct line *lines;
	bool alone; /* one session is all that the server takes */
	bool close; /* somebody asks for it */
	struct host *next;
};

/* The lock is never held while a task gives way. */
struct ssh_pool {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct ssh_pool_options o;
	struct ssh_run *run;
	struct host *hosts;
	pthread_t thread;
	bool started, ended;
	bool stopping; /* the same, as the pool's thread knows it */
	unsigned long connections;
};

/* ---- queues; with the lock held ---- */

static struct host *host_of(struct ssh_pool *p, const struct ssh_work *w)
{
	struct host *h = p->hosts;

	while (h && strcmp(h->key, w->host) != 0)
		h = h->next;
	if (!h) {
		h = xcalloc(1, sizeof(*h));
		*h = (struct host){ .key = xstrdup(w->host),
				    .target = w->target,
				    .last = &h->first,
				    .next = p->hosts };
		p->hosts = h;
	}
	return h;
}

static void put_last(struct host *h, struct item *i)
{
	i->next = NULL;
	*h->last = i;
	h->last = &i->next;
}

static struct item *take_first(struct host *h)
{
	struct item *i = h->first;

	if (!i)
		return NULL;
	h->first = i->next;
	if (!h->first)
		h->last = &h->first;
	return i;
}

static void put_first(struct host *h, struct item *i)
{
	i->next = h->first;
	if (!h->first)
		h->last = &i->next;
	h->first = i;
}

/* Takes e. */
static void finish(struct ssh_pool *p, struct item *i, struct err *e)
{
	i->err = e;
	i->done = true;
	(void)pthread_cond_broadcast(&p->done);
}

static struct err *err_copy(const struct err *e)
{
	struct err *copy = err_new(e->kind, "%s", e->text);

	copy->status = e->status;
	copy->ambiguous = e->ambiguous;
	return copy;
}

static void fail_all(struct ssh_pool *p, struct host *h, const struct err *e)
{
	for (struct item *i = take_first(h); i; i = take_first(h))
		finish(p, i, err_copy(e));
}

static const char *name_of(const struct host *h)
{
	return h->target->name ? h->target->name : h->target->host;
}

static void tell_end(struct ssh_pool *p, struct host *h)
{
	AUTO_ERR e = err_new(ERR_TIMEOUT, "host '%s': this program was told to end", name_of(h));

	fail_all(p, h, e);
}

/* Those whose time is over before anybody came to them; returns when the next one's is. */
static int64_t fail_late(struct ssh_pool *p, struct host *h, int64_t now)
{
	struct item *i = h->first;
	int64_t due = INT64_MAX;

	h->first = NULL;
	h->last = &h->first;
	while (i) {
		struct item *next = i->next;

		if (i->deadline <= now)
			finish(p, i,
			       err_new(ERR_TIMEOUT, "host '%s': %s before the deadline", name_of(h),
				       h->lines && h->lines->state == CONNECTING
					       ? "no connection"
					       : "its turn did not come"));
		else
			put_last(h, i);
		if (i->deadline > now && i->deadline < due)
			due = i->deadline;
		i = next;
	}
	return due;
}

/* ---- a session ---- */

static bool is_closed(const struct ssh_session *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLRDHUP };

	return s->fd >= 0 && poll(&p, 1, 0) == 1;
}

/*
 * Without a look at what comes: that is answers to signs of life, and the end, which is seen when it
 * matters.
 */
static bool wait_for_more(struct line *l, struct ssh_session *s)
{
	const int64_t ms = l->pool->o.idle_ms;
	const int64_t until = ms < 0 ? INT64_MAX : clock_ms() + ms;

	s->deadline = INT64_MAX;
	s->until = until;
	s->deaf = true;
	while (!l->now && !l->over && session_wait(s))
		;
	s->deaf = false;
	return l->now && !l->over && !s->fault;
}

/* Whether the item may be given to another session: this one was dead before it came. */
static bool was_dead(const struct item *i, const struct ssh_session *s, const struct err *e,
		     int64_t begun)
{
	return e && e->kind == ERR_NETWORK && !e->ambiguous && s->fault && !i->again &&
	       s->heard_ms < begun;
}

static void work_on(struct line *l, struct ssh_session *s, bool fresh)
{
	struct ssh_pool *p = l->pool;
	struct item *i = l->now;
	const int64_t begun = clock_ms();
	struct err *e;

	s->deadline = s->until = i->deadline;
	e = i->work->task(s, i->work->arg);
	(void)pthread_mutex_lock(&p->lock);
	l->now = NULL;
	if (!fresh && was_dead(i, s, e, begun)) {
		err_free(e);
		i->again = true;
		put_first(l->host, i);
	} else {
		finish(p, i, err_wrap(e, "host '%s'", name_of(l->host)));
	}
	(void)pthread_mutex_unlock(&p->lock);
}

/* Takes what waits for the host; false: nothing does, and it will not be used any more. */
static bool next_item(struct line *l, struct ssh_session *s)
{
	struct ssh_pool *p = l->pool;

	if (clock_is_cut() || s->fault || l->over)
		return false;
	(void)pthread_mutex_lock(&p->lock);
	l->now = take_first(l->host);
	l->state = l->now ? BUSY : IDLE;
	(void)pthread_mutex_unlock(&p->lock);
	return l->now || wait_for_more(l, s);
}

static struct err *serve(struct ssh_session *s, void *arg)
{
	struct line *l = arg;
	bool fresh = true;

	l->session = s;
	(void)pthread_mutex_lock(&l->pool->lock);
	l->pool->connections++;
	(void)pthread_mutex_unlock(&l->pool->lock);
	while (next_item(l, s)) {
		if (!fresh && is_closed(s))
			break;
		work_on(l, s, fresh);
		fresh = false;
	}
	return NULL;
}

/* Its job is over; e: it could not be connected. What it was given and has not begun goes back. */
static void line_ended(void *arg, const struct err *e)
{
	struct line *l = arg, **at;
	struct ssh_pool *p = l->pool;
	struct host *h = l->host;

	(void)pthread_mutex_lock(&p->lock);
	for (at = &h->lines; *at != l;)
		at = &(*at)->next;
	*at = l->next;
	if (l->now)
		put_first(h, l->now);
	h->alone = h->alone || e;
	if (p->stopping)
		tell_end(p, h);
	else if (e && !h->lines)
		fail_all(p, h, e);
	(void)pthread_mutex_unlock(&p->lock);
	loop_poke(run_loop(p->run));
	free(l);
}

/* ---- who gets what ---- */

static void add_line(struct ssh_pool *p, struct host *h)
{
	struct line *l = xcalloc(1, sizeof(*l));
	int64_t until = 0;

	for (const struct item *i = h->first; i; i = i->next)
		until = i->deadline > until ? i->deadline : until;
	*l = (struct line){ .pool = p, .host = h, .target = *h->target, .next = h->lines };
	l->target.deadline_ms = until - clock_ms();
	if (l->target.deadline_ms < 1)
		l->target.deadline_ms = 1;
	h->lines = l;
	run_watch(ssh_run_add(p->run, &l->target, serve, l), line_ended);
}

/* The lines of a host that are in a state, and one of them. */
static int count_lines(const struct host *h, enum state state, struct line **ret)
{
	int n = 0;

	for (struct line *l = h->lines; l; l = l->next) {
		if (l->state != state || l->now || l->over)
			continue;
		*ret = l;
		n++;
	}
	return n;
}

static void end_lines(struct host *h)
{
	h->close = false;
	for (struct line *l = h->lines; l; l = l->next) {
		l->over = true;
		if (l->session)
			task_wake(l->session->task);
	}
}

/* Returns when to look again. */
static int64_t give_out(struct ssh_pool *p, struct host *h)
{
	const int64_t now = clock_ms();
	const int64_t due = fail_late(p, h, now);
	struct line *l = NULL;
	int all = 0;

	if (h->close)
		end_lines(h);
	while (h->first && count_lines(h, IDLE, &l)) {
		l->now = take_first(h);
		task_wake(l->session->task);
	}
	if (!h->first || count_lines(h, CONNECTING, &l))
		return due;
	for (l = h->lines; l; l = l->next)
		all++;
	if (all && (h->alone || all >= p->o.sessions))
		return due;
	if (all && now < h->first->since + PATIENCE_MS)
		return h->first->since + PATIENCE_MS < due ? h->first->since + PATIENCE_MS : due;
	add_line(p, h);
	return due;
}

/* What waits fails; what is being done has no time left. */
static void give_up(struct ssh_pool *p, struct host *h)
{
	tell_end(p, h);
	for (struct line *l = h->lines; l; l = l->next) {
		l->target.deadline_ms = 1;
		if (l->session)
			l->session->until = l->session->deadline = 0;
	}
	end_lines(h);
}

static void dispatch(struct task *t, void *arg)
{
	struct ssh_pool *p = arg;

	for (;;) {
		int64_t until = INT64_MAX;

		(void)pthread_mutex_lock(&p->lock);
		p->stopping = p->ended;
		for (struct host *h = p->hosts; h; h = h->next) {
			if (p->stopping || clock_is_cut()) {
				give_up(p, h);
				continue;
			}
			const int64_t due = give_out(p, h);
			until = due < until ? due : until;
		}
		(void)pthread_mutex_unlock(&p->lock);
		if (p->stopping)
			return;
		task_wait(t, -1, TASK_POKED, until);
	}
}

static void *run_all(void *arg)
{
	struct ssh_pool *p = arg;

	(void)loop_add(run_loop(p->run), dispatch, p);
	ssh_run_all(p->run);
	return NULL;
}

/* ---- from any thread ---- */

struct ssh_pool *ssh_pool_new(const struct ssh_pool_options *o)
{
	struct ssh_pool *p = xcalloc(1, sizeof(*p));

	if (o)
		p->o = *o;
	p->o.ssh.host_ms = p->o.ssh.run_ms = 0;
	p->o.idle_ms = p->o.idle_ms ? p->o.idle_ms : IDLE_MS;
	p->o.sessions = p->o.sessions ? p->o.sessions : SESSIONS;
	p->run = ssh_run_new(&p->o.ssh);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->done, NULL);
	return p;
}

struct err *ssh_pool_do(struct ssh_pool *p, const struct ssh_work *w)
{
	const int64_t now = clock_ms();
	struct item i = { .work = w, .since = now, .deadline = now + w->ms };

	(void)pthread_mutex_lock(&p->lock);
	if (!p->started && pthread_create(&p->thread, NULL, run_all, p) != 0) {
		(void)pthread_mutex_unlock(&p->lock);
		return err_new(ERR_NETWORK, "no thread can be had for SSH");
	}
	p->started = true;
	put_last(host_of(p, w), &i);
	loop_poke(run_loop(p->run));
	while (!i.done)
		(void)pthread_cond_wait(&p->done, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	return i.err;
}

void ssh_pool_close(struct ssh_pool *p, const char *host)
{
	(void)pthread_mutex_lock(&p->lock);
	for (struct host *h = p->hosts; h; h = h->next)
		h->close = h->close || strcmp(h->key, host) == 0;
	(void)pthread_mutex_unlock(&p->lock);
	loop_poke(run_loop(p->run));
}

unsigned long ssh_pool_connections(struct ssh_pool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	const unsigned long n = p->connections;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

void ssh_pool_free(struct ssh_pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->ended = true;
	(void)pthread_mutex_unlock(&p->lock);
	loop_poke(run_loop(p->run));
	if (p->started)
		(void)pthread_join(p->thread, NULL);
	ssh_run_free(p->run);
	while (p->hosts) {
		struct host *h = p->hosts;

		p->hosts = h->next;
		free(h->key);
		free(h);
	}
	(void)pthread_cond_destroy(&p->done);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}
