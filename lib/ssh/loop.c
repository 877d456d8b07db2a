#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "ssh/fiber.h"
#include "ssh/loop.h"

enum {
	EVENTS = 256,
	SLICE_MS = 1000, /* how long a clock_cut() may go unnoticed */
	TICK_MS = 10,    /* deadlines that are nearer to each other are one */
};

struct task {
	struct loop *loop;
	struct fiber *fiber;
	void (*run)(struct task *t, void *arg);
	void *arg;
	struct task *prev, *next; /* of all */
	struct task *next_ready;
	bool ready;
	int fd;           /* what epoll knows of it; -1: nothing */
	unsigned watched; /* EPOLLIN, EPOLLOUT */
	unsigned what;
	int64_t until;
};

struct loop {
	int epoll, poked;
	struct task *all;
	struct task *ready, **ready_end;
	int64_t due; /* no deadline is before that */
};

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	struct epoll_event e = { .events = EPOLLIN };

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->poked = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->poked, &e);
	l->ready_end = &l->ready;
	l->due = INT64_MAX;
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	(void)close(l->epoll);
	(void)close(l->poked);
	free(l);
}

int loop_fd(const struct loop *l)
{
	return l->poked;
}

void loop_poke(struct loop *l)
{
	const uint64_t one = 1;
	const ssize_t n = write(l->poked, &one, sizeof(one));

	(void)n; /* full is as good */
}

void task_wake(struct task *t)
{
	if (!t || t->ready)
		return;
	t->ready = true;
	t->next_ready = NULL;
	*t->loop->ready_end = t;
	t->loop->ready_end = &t->next_ready;
}

static void run_task(void *arg)
{
	struct task *t = arg;

	t->run(t, t->arg);
}

struct task *loop_add(struct loop *l, void (*run)(struct task *t, void *arg), void *arg)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->run = run;
	t->arg = arg;
	t->fd = -1;
	t->next = l->all;
	if (l->all)
		l->all->prev = t;
	l->all = t;
	task_wake(t);
	return t;
}

static void end(struct task *t)
{
	struct loop *l = t->loop;

	task_forget(t, t->fd);
	if (t->prev)
		t->prev->next = t->next;
	else
		l->all = t->next;
	if (t->next)
		t->next->prev = t->prev;
	fiber_free(t->fiber);
	free(t);
}

/* ---- waiting ---- */

void task_forget(struct task *t, int fd)
{
	if (fd < 0 || fd != t->fd)
		return;
	(void)epoll_ctl(t->loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	t->fd = -1;
	t->watched = 0;
}

static void watch(struct task *t, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.ptr = t };

	if (fd != t->fd)
		task_forget(t, t->fd);
	if (fd < 0 || (fd == t->fd && events == t->watched))
		return;
	(void)epoll_ctl(t->loop->epoll, fd == t->fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
	t->fd = fd;
	t->watched = events;
}

void task_wait(struct task *t, int fd, unsigned what, int64_t until)
{
	watch(t, fd, (what & TASK_READS ? EPOLLIN : 0U) | (what & TASK_WRITES ? EPOLLOUT : 0U));
	t->what = what;
	t->until = until;
	if (until < t->loop->due)
		t->loop->due = until;
	fiber_yield(t->fiber);
}

void task_trim(struct task *t)
{
	fiber_trim(t->fiber);
}

/* Wakes whose deadline is over, and learns when the next one is. */
static void wake_due(struct loop *l)
{
	const int64_t now = clock_ms();
	const bool cut = clock_is_cut();

	if (now < l->due && !cut)
		return;
	l->due = INT64_MAX;
	for (struct task *t = l->all; t; t = t->next) {
		if (t->until <= now || cut)
			task_wake(t);
		else if (t->until < l->due)
			l->due = t->until;
	}
	if (l->due != INT64_MAX && l->due < now + TICK_MS)
		l->due = now + TICK_MS;
}

static void wake_poked(struct loop *l)
{
	uint64_t n;

	while (read(l->poked, &n, sizeof(n)) > 0)
		;
	for (struct task *t = l->all; t; t = t->next)
		if (t->what & TASK_POKED)
			task_wake(t);
}

static void await(struct loop *l)
{
	struct epoll_event events[EVENTS];
	int64_t ms = l->due - clock_ms();
	int n;

	if (ms > SLICE_MS)
		ms = SLICE_MS;
	n = epoll_wait(l->epoll, events, EVENTS, l->ready || ms < 0 ? 0 : (int)ms);
	for (int i = 0; i < n; i++) {
		struct task *t = events[i].data.ptr;

		if (t)
			task_wake(t);
		else
			wake_poked(l);
	}
	wake_due(l);
}

void loop_run(struct loop *l)
{
	while (l->all) {
		struct task *next = l->ready;

		/* Who wakes another meanwhile is heard in the next round: epoll's turn comes. */
		l->ready = NULL;
		l->ready_end = &l->ready;
		while (next) {
			struct task *t = next;

			next = t->next_ready;
			t->ready = false;
			if (!t->fiber)
				t->fiber = fiber_new(run_task, t);
			if (fiber_resume(t->fiber))
				end(t);
		}
		if (l->all)
			await(l);
	}
}
