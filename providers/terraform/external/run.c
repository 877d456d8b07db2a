#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "server/server.h"
#include "text.h"

enum {
	TICK_MS = 50,
	NOT_KNOWN = 127 /* what shells exit with that find no command */
};

/* Terraform's handshake with this provider is none of its programs' business. */
static const char HANDSHAKE[] = "TF_PLUGIN_MAGIC_COOKIE PLUGIN_MIN_PORT PLUGIN_MAX_PORT "
				"PLUGIN_PROTOCOL_VERSIONS PLUGIN_CLIENT_CERT PLUGIN_MULTIPLEX_GRPC";

void run_release(struct run *r)
{
	free(r->path);
	buf_wipe(&r->out);
	buf_release(&r->out);
	buf_wipe(&r->err);
	buf_release(&r->err);
}

/* ---- what to run ---- */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* A name with '/' is taken from the working directory, as execve() will. */
static char *find_program(const char *name)
{
	const char *dirs = secure_getenv("PATH");

	if (strchr(name, '/'))
		return xstrdup(name);
	while (dirs && *dirs) {
		const size_t len = strcspn(dirs, ":");
		AUTO_STR path = xasprintf("%.*s/%s", len ? (int)len : 1, len ? dirs : ".", name);

		if (is_program(path))
			return TAKE(path);
		dirs += len + (dirs[len] == ':');
	}
	return NULL;
}

/* Those that know -i and -c: users have aliases and functions in them. */
static const char *users_shell(void)
{
	const char *shell = secure_getenv("SHELL");
	const char *name = shell ? strrchr(shell, '/') : NULL;

	return name && words_have("bash fish zsh ksh ash sh dash", name + 1) ? shell : NULL;
}

static char *joined(const char *const *argv)
{
	struct buf text = BUF_INIT;

	for (; *argv; argv++)
		buf_addf(&text, "%s%s", text.len ? " " : "", *argv);
	return buf_take(&text);
}

static char **environment(void)
{
	size_t n = 0, kept = 0;
	char **env;

	while (environ[n])
		n++;
	env = xcalloc(n + 1, sizeof(*env));
	for (size_t i = 0; i < n; i++) {
		AUTO_STR name = xstrndup(environ[i], strcspn(environ[i], "="));

		if (!words_have(HANDSHAKE, name))
			env[kept++] = environ[i];
	}
	return env;
}

/* ---- the process ---- */

struct child {
	struct run *r;
	const char *shell; /* that was asked for the program; NULL: none was */
	pid_t pid;
	int pid_fd; /* -1: it has ended; not reaped before the end, so its number stays its own */
	int in, out, err;
	size_t fed;
	int interrupts;  /* before it began */
	int64_t until;   /* deadline, then that of what is left to do */
	struct err *why; /* it is being ended for this */
};

struct ends {
	int in[2], out[2], err[2], failed[2];
};

static void shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void ends_shut(struct ends *p)
{
	for (int i = 0; i < 2; i++) {
		shut(&p->in[i]);
		shut(&p->out[i]);
		shut(&p->err[i]);
		shut(&p->failed[i]);
	}
}

static struct err *ends_open(struct ends *p)
{
	*p = (struct ends){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	if (pipe2(p->in, O_CLOEXEC) == 0 && pipe2(p->out, O_CLOEXEC) == 0 &&
	    pipe2(p->err, O_CLOEXEC) == 0 && pipe2(p->failed, O_CLOEXEC) == 0)
		return NULL;
	const int why = errno;
	ends_shut(p);
	return err_new(ERR_CONFLICT, "pipe: %s", strerror(why));
}

/* In the child of a process with threads: nothing but system calls. */
static _Noreturn void become(const struct ends *p, const char *path, char *const *argv,
			     char *const *env, const char *dir)
{
	sigset_t none;
	int why;

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	if (dup2(p->in[0], STDIN_FILENO) >= 0 && dup2(p->out[1], STDOUT_FILENO) >= 0 &&
	    dup2(p->err[1], STDERR_FILENO) >= 0 && (!dir || chdir(dir) == 0))
		(void)execve(path, argv, env);
	why = errno;
	(void)!write(p->failed[1], &why, sizeof(why));
	_exit(127);
}

/* Waits until the program runs; 0, or why it does not. */
static int start_failure(int fd)
{
	int why = 0;
	ssize_t n;

	do
		n = read(fd, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	return n == sizeof(why) ? why : 0;
}

static struct err *not_started(const char *path, const char *dir, int why)
{
	AUTO_STR here = !dir && *path != '/' ? getcwd(NULL, 0) : NULL;

	return err_new(ERR_NOT_FOUND, "%s%s%s", strerror(why),
		       dir    ? ", in working_dir "
		       : here ? ", in the folder "
			      : "",
		       dir    ? dir
		       : here ? here
			      : "");
}

static struct err *spawn(struct child *c, const char *const *argv)
{
	struct run *r = c->r;
	const char *dir = r->dir && *r->dir ? r->dir : NULL;
	char **env = environment();
	char *const *words;
	struct ends p;
	struct err *e = ends_open(&p);
	int why;

	/* execve() takes its type for history's sake, and changes nothing. */
	memcpy(&words, &argv, sizeof(words));
	if (!e) {
		c->pid = fork();
		if (c->pid == 0)
			become(&p, r->path, words, env, dir);
		why = c->pid < 0 ? errno : 0;
		shut(&p.failed[1]);
		if (!why)
			why = start_failure(p.failed[0]);
		if (why && c->pid > 0)
			(void)waitpid(c->pid, NULL, 0);
		if (why)
			e = not_started(r->path, dir, why);
	}
	free(env);
	if (!e) {
		c->in = p.in[1], c->out = p.out[0], c->err = p.err[0];
		p.in[1] = p.out[0] = p.err[0] = -1;
		(void)fcntl(c->in, F_SETFL, O_NONBLOCK);
		c->pid_fd = pidfd_open(c->pid, 0);
		if (c->pid_fd < 0)
			c->why = err_new(ERR_CONFLICT, "pidfd_open: %s", strerror(errno));
	}
	ends_shut(&p);
	return e;
}

/* ---- while it runs ---- */

/* Why it failed is at the end of what it says. */
static void keep_last(struct buf *b)
{
	if (b->len <= 2 * (size_t)RUN_ERR_BYTES)
		return;
	memmove(b->s, b->s + b->len - RUN_ERR_BYTES, RUN_ERR_BYTES);
	b->len = RUN_ERR_BYTES;
	b->s[b->len] = '\0';
}

/* What there is to read. */
static void take(int *fd, struct buf *into)
{
	char part[65536];
	const ssize_t n = read(*fd, part, sizeof(part));

	if (n > 0)
		(void)buf_add(into, part, (size_t)n);
	else if (n == 0 || errno != EINTR)
		shut(fd);
}

/* A program need not read what it is told. */
static void feed(struct child *c)
{
	const ssize_t n = write(c->in, c->r->in + c->fed, c->r->in_len - c->fed);

	if (n > 0)
		c->fed += (size_t)n;
	if (c->fed == c->r->in_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(&c->in);
}

static void listen_to(struct child *c)
{
	struct pollfd fds[] = { { c->in, POLLOUT, 0 },
				{ c->out, POLLIN, 0 },
				{ c->err, POLLIN, 0 },
				{ c->pid_fd, POLLIN, 0 } };

	if (poll(fds, COUNT(fds), TICK_MS) <= 0)
		return;
	if (fds[0].revents)
		feed(c);
	if (fds[1].revents)
		take(&c->out, &c->r->out);
	if (fds[2].revents)
		take(&c->err, &c->r->err), keep_last(&c->r->err);
	if (fds[3].revents) {
		shut(&c->pid_fd);
		c->until = clock_ms() + RUN_DRAIN_MS;
	}
}

static struct err *reason_to_end(const struct child *c)
{
	if (clock_is_cut() || plugin_interrupts() != c->interrupts)
		return err_new(ERR_CONFLICT, "cut short: Terraform was told to stop");
	if (c->r->out.len > RUN_OUT_BYTES)
		return err_new(ERR_PROTOCOL, "it wrote more than %d MiB", RUN_OUT_BYTES >> 20);
	if (c->pid_fd >= 0 && clock_ms() >= c->until)
		return err_new(ERR_TIMEOUT, "it was ended as it took more than %g s",
			       (double)c->r->timeout_ms / 1000);
	return NULL;
}

static void attend(struct child *c)
{
	while (c->pid_fd >= 0 || (!c->why && (c->out >= 0 || c->err >= 0))) {
		if (!c->why) {
			c->why = reason_to_end(c);
			if (c->why) {
				(void)kill(-c->pid, SIGTERM);
				c->until = clock_ms() + RUN_TERM_MS;
			}
		}
		if (clock_ms() >= c->until)
			break;
		listen_to(c);
	}
	if (c->why)
		(void)kill(-c->pid, SIGKILL);
}

static struct err *end(struct child *c)
{
	siginfo_t how = { 0 };

	shut(&c->in);
	shut(&c->out);
	shut(&c->err);
	shut(&c->pid_fd);
	while (waitid(P_PID, (id_t)c->pid, &how, WEXITED) != 0 && errno == EINTR)
		;
	if (c->why)
		return TAKE(c->why);
	if (how.si_code == CLD_EXITED && how.si_status == 0)
		return NULL;
	if (c->shell && how.si_code == CLD_EXITED && how.si_status == NOT_KNOWN)
		return err_new(ERR_NOT_FOUND, "no folder of PATH has '%s', nor does %s know it",
			       c->r->argv[0], c->shell);
	return how.si_code == CLD_EXITED
		       ? err_new(ERR_REMOTE, "exit status %d", how.si_status)
		       : err_new(ERR_REMOTE, "signal: %s", strsignal(how.si_status));
}

struct err *run_program(struct run *r)
{
	const char *shell = users_shell();
	AUTO_STR line = joined(r->argv);
	const char *const by_shell[] = { shell, "-i", "-c", "--", line, NULL };
	struct child c = { .r = r,
			   .interrupts = plugin_interrupts(),
			   .until = clock_ms() + r->timeout_ms,
			   .pid_fd = -1 };
	struct err *e;

	r->path = find_program(r->argv[0]);
	if (!r->path && shell) {
		r->path = xstrdup(shell);
		c.shell = shell;
		e = spawn(&c, by_shell);
	} else if (!r->path) {
		e = err_new(
			ERR_NOT_FOUND,
			"no folder of PATH has it, and SHELL names no shell that could know it");
	} else {
		e = spawn(&c, r->argv);
	}
	if (e)
		return e;
	attend(&c);
	return end(&c);
}
