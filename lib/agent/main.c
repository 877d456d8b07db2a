#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"

/* treenail-agent: a plan on standard input, a line of its report on standard output for each step. */

enum { FAILED = 1, PATH_BYTES = 4096 };

/* One write(2) for a line: whoever is killed leaves whole ones. */
static bool tell(struct agent *a, struct json_object *line)
{
	AUTO_STR text = xasprintf(
		"%s\n", json_object_to_json_string_ext(
				line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	const char *s = text;
	size_t n = strlen(text);

	(void)a;
	while (n) {
		const ssize_t put = write(STDOUT_FILENO, s, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		s += put;
		n -= (size_t)put;
	}
	return true;
}

static struct err *read_plan(struct json_object **ret)
{
	AUTO_BUF text = { .s = buf_empty, .max = JSON_BYTES };
	char part[64 << 10];
	struct err *e = NULL;
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) != 0) {
		if (n < 0 && errno != EINTR)
			return agent_errno("reading the plan");
		if (n > 0 && !buf_add(&text, part, (size_t)n))
			return err_new(ERR_USAGE, "the plan has more than %d bytes", JSON_BYTES);
	}
	e = json_parse(text.s, text.len, ret);
	buf_wipe(&text);
	if (e)
		e->kind = ERR_USAGE;
	return err_wrap(e, "the plan");
}

/* Where it lies itself. */
static char *own_folder(void)
{
	char path[PATH_BYTES];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n < 0 ? 0 : n] = '\0';
	return xstrdup(n > 0 ? dirname(path) : ".");
}

/* What the user's shell has left there is nothing to build upon; sbin is missing in most of them. */
static void set_environment(void)
{
	const char *path = secure_getenv("PATH");
	AUTO_STR all = xasprintf("%s%s/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
				 path ? path : "", path && *path ? ":" : "");
	AUTO_STR home = xstrdup(geteuid() == 0 ? "/root" : secure_getenv("HOME"));

	(void)clearenv();
	(void)setenv("PATH", all, 1);
	(void)setenv("HOME", home ? home : "/", 1);
	(void)setenv("LC_ALL", "C.UTF-8", 1);
}

static int end_signals(void)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(void)
{
	struct agent a = { .lock = -1, .signals = -1 };
	struct json_object *plan = NULL, *line;
	struct err *e;
	bool ok = false;

	(void)umask(022);
	set_environment();
	a.folder = own_folder();
	e = read_plan(&plan);
	a.signals = end_signals();
	if (!e)
		e = agent_take(&a, plan);
	if (e) {
		line = agent_refusal(e);
		(void)tell(&a, line);
		json_object_put(line);
	} else {
		ok = agent_work(&a, tell);
	}
	agent_release(&a);
	return ok ? 0 : FAILED;
}
