#include <libssh2.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "mem.h"
#include "ssh/jump.h"
#include "ssh/resolve.h"
#include "ssh/run.h"

enum {
	CONNECTING = 64,
	HOST_MS = 600000,
	CONNECT_MS = 20000,
	KEEPALIVE_MS = 15000,
	GATE_BEGIN = 2,
	ABSENT_TRIES = 4,
	ABSENT_PAUSE_MS = 250, /* doubled each time */
	BUSY_PAUSE_MS = 100,   /* likewise, up to: */
	BUSY_PAUSE_MAX_MS = 4000,
	BUSY_MS = 60000, /* without any success on that server */
	SPARE_FILES = 128,
	SESSIONS_MIN = 64,
	SESSIONS_MAX = 20000, /* two mappings each, of 65530 that a process may have */
};

/* What is known of one server: how many connections it takes at once. */
struct gate {
	struct gate *next;
	char *key;
	double limit;
	int inside;
	bool shrunk;       /* at least once: it grows by one each round, no longer by doubling */
	int64_t shrunk_ms; /* refusals of what was begun before that are the same burst */
	int64_t success_ms;
};

/* Somebody who wants to connect. */
struct turn {
	struct turn *next;
	struct gate *gate;
	struct ssh_job *job; /* NULL: a bastion, which takes nobody's place */
	struct task *task;
	bool granted;
};

struct ssh_job {
	struct ssh_job *next; /* of all */
	struct ssh_run *run;
	const struct ssh_target *target;
	struct err *(*task)(struct ssh_session *s, void *arg);
	void *arg;
	void (*ended)(void *arg, const struct err *e); /* NULL: nobody asks */
	struct err *err;
	int tries;
	struct turn turn;
	struct ssh_session session;
};

struct ssh_run {
	struct ssh_options o;
	struct loop *loop;
	struct resolver *resolver;
	struct jumps *jumps;
	struct gate *gates;
	struct ssh_job *jobs;
	struct turn *waiting, **end;
	int connecting, sessions;
	int left; /* jobs that have not ended */
	bool running;
	int64_t deadline;
};

const struct ssh_options *run_options(const struct ssh_run *run)
{
	return &run->o;
}

struct loop *run_loop(const struct ssh_run *run)
{
	return run->loop;
}

struct resolver *run_resolver(const struct ssh_run *run)
{
	return run->resolver;
}

struct jumps *run_jumps(const struct ssh_run *run)
{
	return run->jumps;
}

int64_t run_deadline(const struct ssh_run *run)
{
	return run->deadline;
}

bool run_goes_on(const struct ssh_run *run)
{
	return run->left > 0;
}

/* ---- turns ---- */

static struct gate *gate_of(struct ssh_run *run, const struct ssh_target *t)
{
	AUTO_STR key = xasprintf("%s:%d%s%s", t->host, session_port(t), t->jump ? " by " : "",
				 t->jump ? t->jump->host : "");
	struct gate *g = run->gates;

	while (g && strcmp(g->key, key) != 0)
		g = g->next;
	if (!g) {
		g = xcalloc(1, sizeof(*g));
		g->key = TAKE(key);
		g->limit = GATE_BEGIN;
		g->next = run->gates;
		run->gates = g;
	}
	return g;
}

static void run_job(struct task *t, void *arg);

static bool may_begin(const struct ssh_run *run, const struct turn *t)
{
	return t->gate->inside < (int)t->gate->limit &&
	       (!t->job || (run->connecting < run->o.connecting &&
			    (t->task || run->sessions < run->o.sessions)));
}

/* Lets in whoever may begin now, in the order of their coming. */
static void admit(struct ssh_run *run)
{
	struct turn **at = &run->waiting;

	while (*at) {
		struct turn *t = *at;

		if (!may_begin(run, t)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		t->gate->inside++;
		t->granted = true;
		if (t->job)
			run->connecting++;
		if (t->task) {
			task_wake(t->task);
			continue;
		}
		run->sessions++;
		t->task = loop_add(run->loop, run_job, t->job);
	}
	run->end = at;
}

static void queue(struct ssh_run *run, struct turn *t)
{
	t->next = NULL;
	t->granted = false;
	*run->end = t;
	run->end = &t->next;
}

static void unqueue(struct ssh_run *run, struct turn *t)
{
	struct turn **at = &run->waiting;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (run->end == &t->next)
		run->end = at;
}

static void leave(struct ssh_run *run, struct turn *t)
{
	t->gate->inside--;
	if (t->job)
		run->connecting--;
	admit(run);
}

/* False: the deadline was first. */
static bool await_turn(struct ssh_session *s, struct turn *t)
{
	queue(s->run, t);
	admit(s->run);
	while (!t->granted && clock_ms() < s->deadline && !clock_is_cut())
		task_wait(s->task, -1, 0, s->deadline);
	if (!t->granted)
		unqueue(s->run, t);
	return t->granted;
}

static void grow(struct gate *g, int most)
{
	g->success_ms = clock_ms();
	g->limit += g->shrunk ? 1 / g->limit : 1;
	if (g->limit > most)
		g->limit = most;
}

static void shrink(struct gate *g, int64_t begun)
{
	if (g->shrunk && begun < g->shrunk_ms)
		return;
	g->shrunk = true;
	g->shrunk_ms = clock_ms();
	g->limit = g->limit / 2 < 1 ? 1 : g->limit / 2;
}

/* ---- connecting ---- */

static int64_t jitter(int64_t most)
{
	unsigned char s[4] = { 0 };

	(void)RAND_bytes(s, sizeof(s));
	return most / 2 + (most / 2) * (s[0] << 8 | s[1]) / 65536;
}

/* How long to wait before the next attempt; -1: there is none. */
static int64_t pause_of(const struct ssh_session *s, const struct gate *g, enum again again,
			int tries, int64_t begun)
{
	const int64_t since = begun > g->success_ms ? begun : g->success_ms;
	const int doublings = tries < 8 ? tries - 1 : 7;
	const int64_t busy = (int64_t)BUSY_PAUSE_MS << doublings;

	if (again == AGAIN_NEVER || (again == AGAIN_BOOTING && !s->target->booting))
		return -1;
	if (s->target->booting)
		return jitter(busy < BUSY_PAUSE_MAX_MS ? busy : BUSY_PAUSE_MAX_MS);
	if (again == AGAIN_ABSENT)
		return tries < ABSENT_TRIES ? ABSENT_PAUSE_MS << doublings : -1;
	if (clock_ms() - since > BUSY_MS)
		return -1;
	return jitter(busy < BUSY_PAUSE_MAX_MS ? busy : BUSY_PAUSE_MAX_MS);
}

static void rest(struct ssh_session *s, int64_t ms)
{
	const int64_t until = clock_ms() + ms;

	while (clock_ms() < until && !clock_is_cut())
		task_wait(s->task, -1, 0, until);
}

static struct err *attempt(struct ssh_session *s, struct gate *g, enum again *again)
{
	const int64_t begun = clock_ms();
	struct err *e;

	s->until = begun + s->run->o.connect_ms;
	if (s->until > s->deadline)
		s->until = s->deadline;
	e = session_connect(s, again);
	if (!e)
		grow(g, s->run->o.connecting);
	else if (*again == AGAIN_BUSY)
		shrink(g, begun);
	return e;
}

static struct err *no_turn(void)
{
	return err_new(ERR_TIMEOUT, "its turn to connect did not come before the deadline");
}

/* Of two attempts: silence tells less than what was heard before it. Takes both; NULL: it went well. */
static struct err *telling(struct err *before, struct err *now)
{
	if (now && before && now->kind == ERR_TIMEOUT && before->kind == ERR_NETWORK) {
		err_free(now);
		return before;
	}
	err_free(before);
	return now;
}

/* With a turn already, if `turn` is granted. */
static struct err *connect_in_turn(struct ssh_session *s, struct turn *turn, int *tries)
{
	const int64_t begun = clock_ms();
	struct err *e = NULL;
	int64_t ms;

	for (*tries = 1;; ++*tries) {
		enum again again = AGAIN_NEVER;

		if (!turn->granted && !await_turn(s, turn))
			return e ? e : no_turn();
		e = telling(e,
			    clock_ms() < s->deadline ? attempt(s, turn->gate, &again) : no_turn());
		turn->granted = false;
		leave(s->run, turn);
		if (!e) {
			s->until = s->deadline;
			return NULL;
		}
		session_close(s);
		ms = pause_of(s, turn->gate, again, *tries, begun);
		if (ms < 0 || clock_ms() + ms >= s->deadline || clock_is_cut())
			return *tries > 1 ? err_wrap(e, "after %d attempts", *tries) : e;
		rest(s, ms);
	}
}

struct err *run_connect(struct ssh_session *s)
{
	struct turn turn = { .gate = gate_of(s->run, s->target), .task = s->task };
	int tries;

	return connect_in_turn(s, &turn, &tries);
}

/* ---- hosts ---- */

static void end(struct ssh_job *j, struct err *e)
{
	j->err = err_wrap(e, "host '%s'", session_name(&j->session));
	j->run->left--;
	j->run->sessions--;
	if (!j->run->left)
		jumps_end(j->run->jumps);
	admit(j->run);
	if (j->ended)
		j->ended(j->arg, j->err);
}

static void run_job(struct task *t, void *arg)
{
	struct ssh_job *j = arg;
	struct ssh_session *s = &j->session;
	const int64_t now = clock_ms();
	const int64_t ms = j->target->deadline_ms ? j->target->deadline_ms : j->run->o.host_ms;
	struct err *e;

	s->task = t;
	s->deadline = ms < j->run->deadline - now ? now + ms : j->run->deadline;
	e = connect_in_turn(s, &j->turn, &j->tries);
	if (!e)
		e = j->task(s, j->arg);
	session_end_forwards(s);
	session_close(s);
	free(s->at);
	s->at = NULL;
	end(j, e);
}

struct ssh_job *ssh_run_add(struct ssh_run *run, const struct ssh_target *target,
			    struct err *(*task)(struct ssh_session *s, void *arg), void *arg)
{
	struct ssh_job *j = xcalloc(1, sizeof(*j));

	j->run = j->session.run = run;
	j->target = j->session.target = target;
	j->session.fd = -1;
	j->task = task;
	j->arg = arg;
	j->turn.job = j;
	j->turn.gate = gate_of(run, target);
	j->next = run->jobs;
	run->jobs = j;
	run->left++;
	queue(run, &j->turn);
	if (run->running)
		admit(run);
	return j;
}

void run_watch(struct ssh_job *j, void (*ended)(void *arg, const struct err *e))
{
	j->ended = ended;
}

const struct err *ssh_job_err(const struct ssh_job *j)
{
	return j->err;
}

int ssh_job_tries(const struct ssh_job *j)
{
	return j->tries;
}

void ssh_run_all(struct ssh_run *run)
{
	run->deadline = run->o.run_ms ? clock_ms() + run->o.run_ms : INT64_MAX;
	run->running = true;
	admit(run);
	loop_run(run->loop);
	run->running = false;
}

static int sessions_possible(void)
{
	struct rlimit files = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur > SESSIONS_MAX + SPARE_FILES)
		return SESSIONS_MAX;
	return files.rlim_cur < SESSIONS_MIN + SPARE_FILES ? SESSIONS_MIN
							   : (int)files.rlim_cur - SPARE_FILES;
}

struct ssh_run *ssh_run_new(const struct ssh_options *o)
{
	struct ssh_run *run = xcalloc(1, sizeof(*run));

	(void)libssh2_init(0);
	if (o)
		run->o = *o;
	run->o.connecting = run->o.connecting ? run->o.connecting : CONNECTING;
	run->o.sessions = run->o.sessions ? run->o.sessions : sessions_possible();
	run->o.host_ms = run->o.host_ms ? run->o.host_ms : HOST_MS;
	run->o.connect_ms = run->o.connect_ms ? run->o.connect_ms : CONNECT_MS;
	run->o.keepalive_ms = run->o.keepalive_ms ? run->o.keepalive_ms : KEEPALIVE_MS;
	run->end = &run->waiting;
	run->loop = loop_new();
	run->resolver = resolver_new(run->loop);
	run->jumps = jumps_new(run);
	return run;
}

void ssh_run_free(struct ssh_run *run)
{
	if (!run)
		return;
	resolver_free(run->resolver);
	jumps_free(run->jumps);
	loop_free(run->loop);
	while (run->gates) {
		struct gate *g = run->gates;

		run->gates = g->next;
		free(g->key);
		free(g);
	}
	while (run->jobs) {
		struct ssh_job *j = run->jobs;

		run->jobs = j->next;
		err_free(j->err);
		free(j);
	}
	free(run);
	libssh2_exit();
}
