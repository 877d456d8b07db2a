#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

enum {
	OUT_DEFAULT = 64 << 10,
	OUT_WHOLE = 16 << 20,
	GRACE_MS = 5000,
	TURN_MS = 200, /* how long a child's end may go unseen, should its signal get lost */
	PART = 16 << 10,
	NOT_THERE = 127,
	JOURNAL_MS = 10000,
};

/* One of the child's outputs: of what comes the end is kept. */
struct tail {
	int fd;
	struct buf *to;
	uint64_t *left;
	size_t max;
};

struct running {
	struct agent *agent;
	const struct child *child;
	struct child_end *end;
	pid_t pid;
	int in;
	size_t fed;
	struct tail tails[2];
	int ended;     /* a signalfd for SIGCHLD */
	int64_t until; /* clock_ms() */
	int killed;    /* the signal it was last sent; 0: none */
	bool over;     /* it has been waited for */
	bool timed_out;
};

void child_end_release(struct child_end *e)
{
	buf_wipe(&e->out);
	buf_wipe(&e->err);
	buf_release(&e->out);
	buf_release(&e->err);
}

/* ---- what it says ---- */

static void trim(struct tail *t)
{
	const size_t over = t->to->len > t->max ? t->to->len - t->max : 0;

	if (!over)
		return;
	memmove(t->to->s, t->to->s + over, t->max + 1);
	t->to->len = t->max;
	*t->left += over;
}

/* False: nothing more at present. */
static bool drink(struct tail *t)
{
	char part[PART];
	const ssize_t n = t->fd < 0 ? -1 : read(t->fd, part, sizeof(part));

	if (n > 0) {
		(void)buf_add(t->to, part, (size_t)n);
		if (t->to->len > 2 * t->max)
			trim(t);
	} else if (n == 0) {
		(void)close(t->fd);
		t->fd = -1;
	}
	return n > 0;
}

static void feed(struct running *r)
{
	const struct child *c = r->child;
	const size_t left = c->in_len - r->fed;
	const ssize_t n = left ? write(r->in, c->in + r->fed, left) : 0;

	if (n > 0)
		r->fed += (size_t)n;
	if (r->fed == c->in_len || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		(void)close(r->in);
		r->in = -1;
	}
}

/* ---- how it begins ---- */

static void set_env(struct json_object *env)
{
	if (!env)
		return;
	json_object_object_foreach(env, name, v) {
		AUTO_STR text = json_text(v);
		(void)setenv(name, text, 1);
	}
}

static _Noreturn void become(const struct child *c, const int fds[3], int failed)
{
	char *const *argv; /* execvp(3) changes nothing of it */
	sigset_t none;

	memcpy(&argv, &c->argv, sizeof(argv));
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 3; i++)
		(void)dup2(fds[i], i);
	set_env(c->env);
	if (chdir(c->chdir ? c->chdir : "/") == 0)
		(void)execvp(argv[0], argv);
	(void)!write(failed, &errno, sizeof(errno));
	_exit(NOT_THERE);
}

static struct err *not_begun(const struct child *c, pid_t pid, int why)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return err_new(why == ENOENT ? ERR_NOT_FOUND : ERR_REMOTE, "starting '%s'%s%s: %s",
		       c->argv[0], c->chdir ? " in " : "", c->chdir ? c->chdir : "",
		       strerrordesc_np(why));
}

static void unblock(int fd)
{
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
}

static struct err *begin(struct running *r)
{
	int in[2], out[2], err[2], failed[2], why = 0;
	sigset_t child;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    pipe2(failed, O_CLOEXEC))
		return agent_errno("starting '%s'", r->child->argv[0]);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	r->ended = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	r->pid = fork();
	if (r->pid == 0)
		become(r->child, (const int[]){ in[0], out[1], err[1] }, failed[1]);
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	(void)close(failed[1]);
	r->in = in[1];
	r->tails[0].fd = out[0];
	r->tails[1].fd = err[0];
	unblock(in[1]);
	unblock(out[0]);
	unblock(err[0]);
	if (r->pid < 0 || read(failed[0], &why, sizeof(why)) != sizeof(why))
		why = 0;
	(void)close(failed[0]);
	if (r->pid < 0)
		return agent_errno("starting '%s'", r->child->argv[0]);
	return why ? not_begun(r->child, r->pid, why) : NULL;
}

/* ---- how it ends ---- */

static void look_for_end(struct running *r)
{
	struct signalfd_siginfo drop;
	int status = 0;

	while (read(r->ended, &drop, sizeof(drop)) > 0)
		;
	if (waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	r->over = true;
	r->end->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* When its time is over, and again when it has not gone then. */
static void hurry(struct running *r)
{
	const bool stopped = agent_is_stopped(r->agent);

	if (!stopped && clock_ms() < r->until)
		return;
	if (r->killed && clock_ms() < r->until)
		return;
	r->timed_out = true;
	r->killed = r->killed ? SIGKILL : SIGTERM;
	(void)kill(-r->pid, r->killed);
	r->until = clock_ms() + GRACE_MS;
}

/* A child of its own may hold its outputs open: what is there when it has gone is all. */
static void converse(struct running *r)
{
	while (!r->over) {
		struct pollfd p[] = {
			{ .fd = r->tails[0].fd, .events = POLLIN },
			{ .fd = r->tails[1].fd, .events = POLLIN },
			{ .fd = r->ended, .events = POLLIN },
			{ .fd = r->killed ? -1 : r->agent->signals, .events = POLLIN },
			{ .fd = r->in, .events = POLLOUT },
		};
		const int64_t left = r->until - clock_ms();

		(void)poll(p, COUNT(p), (int)(left < 0 ? 0 : left < TURN_MS ? left : TURN_MS));
		if (r->in >= 0 && p[4].revents)
			feed(r);
		(void)drink(&r->tails[0]);
		(void)drink(&r->tails[1]);
		look_for_end(r);
		if (!r->over)
			hurry(r);
	}
	for (size_t i = 0; i < COUNT(r->tails); i++) {
		while (drink(&r->tails[i]))
			;
		trim(&r->tails[i]);
	}
}

static void close_all(struct running *r)
{
	const int fds[] = { r->in, r->tails[0].fd, r->tails[1].fd, r->ended };

	for (size_t i = 0; i < COUNT(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

struct err *child_run(struct agent *a, const struct child *c, struct child_end *ret)
{
	const size_t max = c->out_max ? c->out_max : OUT_DEFAULT;
	const int64_t time = agent_left_ms(a, c->timeout_ms);
	struct running r = { .agent = a,
			     .child = c,
			     .end = ret,
			     .in = -1,
			     .tails = { { -1, &ret->out, &ret->out_left, max },
					{ -1, &ret->err, &ret->err_left, max } },
			     .ended = -1,
			     .until = clock_ms() + time };
	struct err *e;

	if (!time || agent_is_stopped(a))
		return err_new(ERR_TIMEOUT, "starting '%s': %s", c->argv[0],
			       time ? "it was told to end" : "the plan's time is over");
	e = begin(&r);
	if (!e)
		converse(&r);
	close_all(&r);
	if (!e && r.timed_out)
		e = err_new(ERR_TIMEOUT, "'%s' was ended: %s", c->argv[0],
			    a->stopped ? "the agent was told to end" : "its time was over");
	return e;
}

struct err *child_failed(const char *name, const struct child_end *e)
{
	const struct buf *b = e->err.len ? &e->err : &e->out;
	const size_t from = b->len > AGENT_WORDS_MAX ? b->len - AGENT_WORDS_MAX : 0;
	size_t n = b->len - from;

	while (n && strchr(" \t\r\n", b->s[from + n - 1]))
		n--;
	if (e->status < 0)
		return err_new(ERR_REMOTE, "'%s' was ended by signal %d%s%.*s", name, -e->status,
			       n ? ": " : "", (int)n, b->s + from);
	return err_new(ERR_REMOTE, "'%s' failed with status %d%s%.*s", name, e->status,
		       n ? ": " : "", (int)n, b->s + from);
}

struct err *child_get(struct agent *a, const char *const *argv, char **out)
{
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e = child_run(a, &(struct child){ .argv = argv, .out_max = OUT_WHOLE }, &end);

	if (e)
		return e;
	if (end.status)
		return child_failed(argv[0], &end);
	if (end.out_left)
		return err_new(ERR_REMOTE, "'%s' said more than %d bytes", argv[0], OUT_WHOLE);
	if (out)
		*out = buf_take(&end.out);
	return NULL;
}

/* Also when the plan's time is over: that is when it is wanted most. */
char *journal_tail(struct agent *a, const char *unit)
{
	const char *const argv[] = { "journalctl", "--no-pager", "-q", "-n", "20",
				     "-o",         "short",      "-u", unit, NULL };
	const int64_t deadline = a->deadline;
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e;

	a->deadline = clock_ms() + JOURNAL_MS;
	e = child_run(a, &(struct child){ .argv = argv }, &end);
	a->deadline = deadline;
	if (e)
		buf_release(&end.out);
	err_free(e);
	return buf_take(&end.out);
}
