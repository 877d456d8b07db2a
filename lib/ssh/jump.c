#include <errno.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "ssh/jump.h"
#include "ssh/run.h"

enum {
	LINK_MAX = 64 << 10,
	CHUNK = 8 << 10,
	LANES = 8,
	PATIENCE_MS = 500, /* with a lane that opens a channel for another */
};

enum state {
	QUEUED,
	OPENING,
	OPEN,
	FAILED,
	CLOSING, /* its user is gone */
};

/* Bytes on their way: what is before `at` has gone. */
struct store {
	struct buf b;
	size_t at;
};

struct link {
	struct link *next; /* in its bastion's queue, then its lane's list */
	struct bastion *bastion;
	struct lane *lane; /* NULL: none yet, or none any more */
	enum state state;
	LIBSSH2_CHANNEL *channel;
	struct ssh_session *user;
	struct err *err;
	bool absent; /* the bastion could not connect to it */
	bool ended;  /* nothing comes any more */
	bool over;   /* nor does anything go */
	bool last;   /* its user sends no more: */
	bool eof;    /* that has been told */
	struct store in, out;
};

/* One session to a bastion. */
struct lane {
	struct lane *next;
	struct bastion *bastion;
	struct ssh_session s;
	struct link *links, *opening;
	int64_t opening_ms;
	bool up;
};

struct bastion {
	struct bastion *next;
	struct jumps *jumps;
	struct ssh_target target; /* whoever came first may go before others do */
	struct link *queue;
	struct lane *lanes;
	int nlanes;
};

struct jumps {
	struct ssh_run *run;
	struct bastion *all;
};

static void wake_user(const struct link *l)
{
	if (l->user)
		task_wake(l->user->task);
}

/* ---- bytes ---- */

static size_t store_len(const struct store *s)
{
	return s->b.len - s->at;
}

static size_t store_take(struct store *s, void *to, size_t n)
{
	if (n > store_len(s))
		n = store_len(s);
	if (to)
		memcpy(to, s->b.s + s->at, n);
	s->at += n;
	if (s->at == s->b.len) {
		buf_release(&s->b);
		s->at = 0;
	}
	return n;
}

/* What has gone makes room first. */
static void store_add(struct store *s, const void *from, size_t n)
{
	if (s->at) {
		s->b.len -= s->at;
		memmove(s->b.s, s->b.s + s->at, s->b.len);
		s->at = 0;
	}
	(void)buf_add(&s->b, from, n);
}

ssize_t link_recv(struct link *l, void *to, size_t n)
{
	const bool full = store_len(&l->in) >= LINK_MAX;

	if (!store_len(&l->in))
		return l->ended ? 0 : l->over ? -ECONNRESET : -EAGAIN;
	n = store_take(&l->in, to, n);
	if (full && l->lane)
		task_wake(l->lane->s.task);
	return (ssize_t)n;
}

ssize_t link_send(struct link *l, const void *from, size_t n)
{
	const size_t room = LINK_MAX - store_len(&l->out);

	if (l->over || !l->lane)
		return -EPIPE;
	if (!room)
		return -EAGAIN;
	if (n > room)
		n = room;
	store_add(&l->out, from, n);
	task_wake(l->lane->s.task);
	return (ssize_t)n;
}

void link_end(struct link *l)
{
	l->last = true;
	if (l->lane)
		task_wake(l->lane->s.task);
}

bool link_done(const struct link *l)
{
	return l->eof || l->over;
}

const struct err *link_err(const struct link *l)
{
	return l->err;
}

bool link_ready(const struct link *l, bool to_send)
{
	return l->over || (l->ended && !to_send) ||
	       (to_send ? store_len(&l->out) < LINK_MAX : store_len(&l->in) > 0);
}

bool link_idle(const struct link *l)
{
	return !store_len(&l->out);
}

/* ---- links ---- */

static void link_free(struct link *l)
{
	buf_release(&l->in.b);
	buf_release(&l->out.b);
	err_free(l->err);
	free(l);
}

static void unlist(struct link **list, struct link *l)
{
	while (*list && *list != l)
		list = &(*list)->next;
	if (*list)
		*list = l->next;
}

static void fail(struct link *l, struct err *e)
{
	l->state = FAILED;
	l->lane = NULL;
	l->over = true;
	l->err = e;
	wake_user(l);
}

void link_close(struct link *l)
{
	if (!l)
		return;
	l->user = NULL;
	if (l->state == QUEUED)
		unlist(&l->bastion->queue, l);
	if (!l->lane) {
		link_free(l);
		return;
	}
	if (l->state == OPEN)
		l->state = CLOSING;
	task_wake(l->lane->s.task);
}

/* ---- a lane ---- */

static void begin_opening(struct lane *lane)
{
	struct link *l = lane->bastion->queue;

	lane->bastion->queue = l->next;
	l->next = NULL;
	l->state = OPENING;
	l->lane = lane;
	lane->opening = l;
	lane->opening_ms = clock_ms();
	wake_user(l);
}

static struct err *refused(struct lane *lane)
{
	char *words = NULL;

	(void)libssh2_session_last_error(lane->s.ssh, &words, NULL, 0);
	return err_new(ERR_NETWORK,
		       "the bastion '%s' cannot connect to it, or may not (AllowTcpForwarding): %s",
		       session_name(&lane->s), words);
}

/* True: there was an answer. */
static bool open_channel(struct lane *lane)
{
	struct link *l = lane->opening;
	const struct ssh_target *t;
	LIBSSH2_CHANNEL *c;
	int rc;

	if (!l->user && !lane->links) /* nothing else is held up: the lane ends */
		return false;
	/* libssh2 wants the names for the first of these calls alone. */
	t = l->user ? l->user->target : lane->s.target;
	do {
		c = libssh2_channel_direct_tcpip_ex(lane->s.ssh, t->host, session_port(t),
						    "127.0.0.1", 0);
		rc = c ? 0 : libssh2_session_last_errno(lane->s.ssh);
	} while (session_half_sent(&lane->s, rc));
	if (rc == LIBSSH2_ERROR_EAGAIN || lane->s.lost || lane->s.fault)
		return false;
	lane->opening = NULL;
	if (c) {
		l->channel = c;
		l->state = l->user ? OPEN : CLOSING;
		l->next = lane->links;
		lane->links = l;
		wake_user(l);
	} else if (l->user) {
		l->absent = true;
		fail(l, refused(lane));
	} else
		link_free(l);
	return true;
}

static bool tell_end(struct lane *lane, struct link *l)
{
	int rc;

	if (!l->last || l->eof || l->over || store_len(&l->out))
		return false;
	do
		rc = libssh2_channel_send_eof(l->channel);
	while (session_half_sent(&lane->s, rc));
	l->eof = rc != LIBSSH2_ERROR_EAGAIN;
	return l->eof;
}

static bool flush(struct lane *lane, struct link *l)
{
	bool moved = false;
	ssize_t rc = 1;

	while (rc > 0 && store_len(&l->out) && !l->over) {
		do
			rc = libssh2_channel_write(l->channel, l->out.b.s + l->out.at,
						   store_len(&l->out));
		while (session_half_sent(&lane->s, rc));
		if (rc > 0) {
			(void)store_take(&l->out, NULL, (size_t)rc);
			moved = true;
		}
	}
	l->over = l->over || (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN);
	return tell_end(lane, l) || moved;
}

/* Whether the other side has closed it just now, after its end: then it does not take anything, either. */
static bool is_closed(struct lane *lane, struct link *l)
{
	int rc;

	if (!l->ended || l->over)
		return false;
	do
		rc = libssh2_channel_wait_closed(l->channel);
	while (session_half_sent(&lane->s, rc));
	l->over = rc != LIBSSH2_ERROR_EAGAIN;
	return l->over;
}

static bool fill(struct lane *lane, struct link *l)
{
	char chunk[CHUNK];
	bool moved = false;
	ssize_t rc = 1;

	while (rc > 0 && store_len(&l->in) < LINK_MAX && !l->over && !l->ended) {
		do
			rc = libssh2_channel_read(l->channel, chunk, sizeof(chunk));
		while (session_half_sent(&lane->s, rc));
		if (rc > 0)
			store_add(&l->in, chunk, (size_t)rc);
		l->ended = !rc;
		l->over = rc < 0 && rc != LIBSSH2_ERROR_EAGAIN;
		moved = moved || rc != LIBSSH2_ERROR_EAGAIN;
	}
	return is_closed(lane, l) || moved;
}

/* True: something happened. */
static bool pump(struct lane *lane)
{
	struct link **at = &lane->links;
	bool moved = false, full = true;

	while (*at) {
		struct link *l = *at;
		bool stirred = flush(lane, l);

		if (l->state == CLOSING) {
			int rc;

			do
				rc = libssh2_channel_free(l->channel);
			while (session_half_sent(&lane->s, rc));
			if (rc != LIBSSH2_ERROR_EAGAIN) {
				*at = l->next;
				link_free(l);
				moved = true;
				continue;
			}
			full = false; /* it reads, too */
		} else {
			stirred = fill(lane, l) || stirred;
			full = full && store_len(&l->in) >= LINK_MAX;
		}
		if (stirred)
			wake_user(l);
		moved = moved || stirred;
		at = &l->next;
	}
	/* Nobody reads: what comes must not wake us. */
	lane->s.deaf = full && !lane->opening;
	return moved;
}

static bool is_needed(const struct lane *lane)
{
	if (lane->s.lost || lane->s.fault)
		return false;
	if (lane->opening && !lane->opening->user && !lane->links)
		return false;
	return lane->links || lane->opening || run_goes_on(lane->s.run);
}

static void serve(struct lane *lane)
{
	while (is_needed(lane)) {
		bool moved = false;

		if (!lane->opening && lane->bastion->queue) {
			begin_opening(lane);
			moved = true;
		}
		if (lane->opening)
			moved = open_channel(lane) || moved;
		moved = pump(lane) || moved;
		if (!moved && is_needed(lane) && !session_wait(&lane->s))
			return;
	}
}

static void drop(struct lane *lane, struct link *l, const struct err *why)
{
	if (l->user)
		fail(l,
		     err_new(why->kind, "the bastion '%s': %s", session_name(&lane->s), why->text));
	else
		link_free(l);
}

/* The links that are still there, and, if no other lane is left, those that wait. */
static void drop_all(struct lane *lane, const struct err *why)
{
	struct bastion *b = lane->bastion;

	if (lane->opening)
		drop(lane, lane->opening, why);
	while (lane->links) {
		struct link *l = lane->links;

		lane->links = l->next;
		drop(lane, l, why);
	}
	while (b->queue && !b->nlanes) {
		struct link *l = b->queue;

		b->queue = l->next;
		drop(lane, l, why);
	}
}

static void leave_bastion(struct lane *lane)
{
	struct lane **at = &lane->bastion->lanes;

	while (*at != lane)
		at = &(*at)->next;
	*at = lane->next;
	lane->bastion->nlanes--;
}

static void add_lane(struct bastion *b);

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* One that is on its way up is waited for as long as anybody waits. */
static int64_t connects_until(const struct lane *lane)
{
	int64_t last = 0;

	if (!lane->s.target->booting)
		return run_deadline(lane->s.run);
	for (const struct link *l = lane->bastion->queue; l; l = l->next)
		if (l->user && l->user->deadline > last)
			last = l->user->deadline;
	return least(last, run_deadline(lane->s.run));
}

static void run_lane(struct task *t, void *arg)
{
	struct lane *lane = arg;
	struct bastion *b = lane->bastion;
	struct err *e;

	lane->s.task = t;
	lane->s.deadline = connects_until(lane);
	e = run_connect(&lane->s);
	if (!e) {
		lane->up = true;
		lane->s.until = INT64_MAX; /* those behind it have deadlines */
		serve(lane);
		if (lane->s.lost || lane->s.fault)
			e = session_fault(&lane->s, "forwarding");
	}
	leave_bastion(lane);
	if (e)
		drop_all(lane, e);
	else if (lane->opening)
		link_free(lane->opening); /* nobody's: see is_needed() */
	session_close(&lane->s);
	free(lane->s.at);
	err_free(e);
	free(lane);
	if (b->queue && !b->nlanes)
		add_lane(b);
}

/* ---- bastions ---- */

static void add_lane(struct bastion *b)
{
	struct lane *lane = xcalloc(1, sizeof(*lane));

	lane->bastion = b;
	lane->s.run = b->jumps->run;
	lane->s.target = &b->target;
	lane->s.fd = -1;
	lane->next = b->lanes;
	b->lanes = lane;
	b->nlanes++;
	lane->s.task = loop_add(run_loop(b->jumps->run), run_lane, lane);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_keys(const struct ssh_target *a, const struct ssh_target *b)
{
	if (a->nkeys != b->nkeys)
		return false;
	for (size_t i = 0; i < a->nkeys; i++)
		if (a->keys[i] != b->keys[i])
			return false;
	return true;
}

static bool same_check(const struct ssh_target *a, const struct ssh_target *b)
{
	return a->check == b->check &&
	       (a->check_arg == b->check_arg ||
		(a->check_same && a->check_same(a->check_arg, b->check_arg)));
}

/* A session is for those alone who would have come in as whom, and trusted what, it did itself. */
static bool is_same(const struct ssh_target *a, const struct ssh_target *b)
{
	if (a == b)
		return true;
	if (!a || !b || !same_text(a->host, b->host))
		return false;
	return session_port(a) == session_port(b) && a->family == b->family &&
	       a->identities_only == b->identities_only && same_text(a->user, b->user) &&
	       same_text(a->agent, b->agent) && same_text(a->password, b->password) &&
	       same_text(a->host_key_algorithms, b->host_key_algorithms) && same_keys(a, b) &&
	       same_check(a, b) && is_same(a->jump, b->jump);
}

static struct bastion *bastion_of(struct jumps *j, const struct ssh_target *t)
{
	struct bastion *b = j->all;

	while (b && !is_same(&b->target, t))
		b = b->next;
	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->jumps = j;
		b->target = *t;
		b->next = j->all;
		j->all = b;
	}
	return b;
}

static struct link *enqueue(struct bastion *b, struct ssh_session *s)
{
	struct link *l = xcalloc(1, sizeof(*l)), **end = &b->queue;

	l->bastion = b;
	l->user = s;
	l->in.b = l->out.b = (struct buf)BUF_INIT;
	while (*end)
		end = &(*end)->next;
	*end = l;
	for (struct lane *lane = b->lanes; lane; lane = lane->next)
		if (!lane->opening)
			task_wake(lane->s.task);
	if (!b->lanes)
		add_lane(b);
	return l;
}

/* All lanes are held up by somebody who has had his time. */
static bool is_held_up(const struct bastion *b, int64_t now)
{
	for (const struct lane *lane = b->lanes; lane; lane = lane->next)
		if (!lane->up || !lane->opening || now - lane->opening_ms < PATIENCE_MS)
			return false;
	return b->nlanes < LANES;
}

/* The attempt's time counts from when the bastion has been asked. */
static bool await_link(struct link *l, struct ssh_session *s)
{
	bool asked = false;

	while (l->state == QUEUED || l->state == OPENING) {
		const int64_t now = clock_ms();

		if (!asked) {
			asked = l->state == OPENING;
			s->until = asked ? least(s->deadline, now + run_options(s->run)->connect_ms)
					 : s->deadline;
		}
		if (now >= s->until || clock_is_cut())
			return false;
		if (l->state == QUEUED && is_held_up(l->bastion, now))
			add_lane(l->bastion);
		task_wait(s->task, -1, 0, least(s->until, now + PATIENCE_MS));
	}
	return true;
}

struct err *link_open(struct jumps *j, struct ssh_session *s, struct link **ret, enum again *again)
{
	struct link *l = enqueue(bastion_of(j, s->target->jump), s);
	struct err *e;

	*again = AGAIN_NEVER;
	if (!await_link(l, s)) {
		*again = AGAIN_BOOTING;
		e = err_new(ERR_TIMEOUT, "connecting to %s: no answer", s->at);
	} else if (l->state == FAILED) {
		*again = l->absent ? AGAIN_ABSENT : AGAIN_NEVER;
		e = err_wrap(TAKE(l->err), "connecting to %s", s->at);
	} else {
		s->until = least(s->deadline, clock_ms() + run_options(s->run)->connect_ms);
		*ret = l;
		return NULL;
	}
	link_close(l);
	return e;
}

struct jumps *jumps_new(struct ssh_run *run)
{
	struct jumps *j = xcalloc(1, sizeof(*j));

	j->run = run;
	return j;
}

void jumps_end(struct jumps *j)
{
	for (struct bastion *b = j->all; b; b = b->next)
		for (struct lane *lane = b->lanes; lane; lane = lane->next)
			task_wake(lane->s.task);
}

void jumps_free(struct jumps *j)
{
	if (!j)
		return;
	while (j->all) {
		struct bastion *b = j->all;

		j->all = b->next;
		free(b);
	}
	free(j);
}
