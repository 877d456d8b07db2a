#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "file.h"
#include "json.h"
#include "kubernetes/credentials.h"
#include "session/config.h"
#include "text.h"

/*
 * An exec plugin: a program that prints who we are (ExecCredential). It gets no standard input, runs in a
 * process group of its own, which is killed when its time is over, and what it leaves behind it
 * is not waited for.
 */
enum {
	PLUGIN_MS = 60000,
	OUTPUT_MAX = 1 << 20,
	COMPLAINT_MAX = 4096, /* of what it says on standard error */
	TICK_MS = 200,
	CA_MAX = 1 << 20,
};

#define GROUP "client.authentication.k8s.io/"

extern char **environ;

void granted_release(struct granted *g)
{
	wipe_free(g->token);
	wipe_free(g->cert);
	wipe_free(g->key);
	wipe_free(g->refresh);
	*g = (struct granted){ 0 };
}

/* ---- what is asked for ---- */

static const char *str_at(struct json_object *o, const char *key)
{
	const char *s = json_str(o, key);

	return s && *s ? s : NULL;
}

static struct err *lists_check(struct json_object *exec)
{
	struct json_object *args = json_object_object_get(exec, "args");
	struct json_object *env = json_object_object_get(exec, "env");
	bool fine = !args || json_object_is_type(args, json_type_array);

	for (size_t i = 0; i < json_len(args); i++)
		fine &= json_object_is_type(json_nth(args, i), json_type_string);
	if (!fine)
		return err_new(ERR_USAGE, "args must be a list of texts: put numbers in quotes");
	fine = !env || json_object_is_type(env, json_type_array);
	for (size_t i = 0; i < json_len(env); i++)
		fine &= str_at(json_nth(env, i), "name") && json_str(json_nth(env, i), "value");
	return fine ? NULL : err_new(ERR_USAGE, "env must be a list of {name, value}, both texts");
}

static struct err *exec_check(struct json_object *exec)
{
	const char *version = str_at(exec, "apiVersion");

	if (!str_at(exec, "command"))
		return err_new(ERR_USAGE, "it has no command");
	if (!version)
		return err_new(ERR_USAGE, "it has no apiVersion (" GROUP "v1)");
	if (strcmp(version, GROUP "v1") != 0 && strcmp(version, GROUP "v1beta1") != 0)
		return err_new(ERR_USAGE,
			       "apiVersion '%s' is none that is known (" GROUP "v1, v1beta1)",
			       version);
	if (json_is_str(json_object_object_get(exec, "interactiveMode"), "Always"))
		return err_new(ERR_USAGE, "interactiveMode: Always, but there is no terminal here");
	return lists_check(exec);
}

struct err *plugin_check(const struct kubeconfig *k)
{
	return err_wrap(exec_check(k->exec), "%s: exec", k->user);
}

static struct err *ca_add(const struct kubeconfig *k, struct json_object *cluster)
{
	AUTO_BUF b = BUF_INIT;
	struct err *e = k->ca ? file_text(k->ca, CA_MAX, &b) : NULL;
	AUTO_STR coded = e || !k->ca ? NULL : base64_of(b.s, b.len);

	if (coded)
		json_sets(cluster, "certificate-authority-data", coded);
	return e;
}

/* KUBERNETES_EXEC_INFO; owned. */
static struct err *info_make(const struct kubeconfig *k, char **ret)
{
	AUTO_JSON o = json_object_new_object();
	struct json_object *spec = json_object_new_object(), *cluster;
	struct err *e = NULL;

	json_sets(o, "kind", "ExecCredential");
	json_sets(o, "apiVersion", str_at(k->exec, "apiVersion"));
	json_set(spec, "interactive", json_object_new_boolean(false));
	json_set(o, "spec", spec);
	if (json_truth(k->exec, "provideClusterInfo", false)) {
		cluster = json_object_new_object();
		json_set(spec, "cluster", cluster);
		json_sets(cluster, "server", k->server);
		if (k->server_name)
			json_sets(cluster, "tls-server-name", k->server_name);
		if (k->insecure)
			json_set(cluster, "insecure-skip-tls-verify",
				 json_object_new_boolean(true));
		if (k->proxy && *k->proxy)
			json_sets(cluster, "proxy-url", k->proxy);
		if (k->exec_config)
			json_set(cluster, "config", json_copy(k->exec_config));
		e = ca_add(k, cluster);
	}
	if (!e)
		*ret = xasprintf(
			"KUBERNETES_EXEC_INFO=%s",
			json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	return e;
}

/* ---- what it gets ---- */

struct words {
	char **list; /* NULL-terminated */
	size_t n;
};

static void words_add(struct words *w, char *s)
{
	w->list = xrealloc(w->list, w->n + 2, sizeof(*w->list));
	w->list[w->n++] = s;
	w->list[w->n] = NULL;
}

static void words_release(struct words *w)
{
	while (w->n)
		wipe_free(w->list[--w->n]);
	free(w->list);
}
#define AUTO_WORDS CLEANUP(words_release) struct words

/* Replaces what is there under its name. Takes s. */
static void env_put(struct words *env, char *s)
{
	const size_t len = strcspn(s, "=") + 1;

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->list[i], s, len) == 0) {
			wipe_free(env->list[i]);
			env->list[i] = s;
			return;
		}
	words_add(env, s);
}

static struct err *env_make(const struct kubeconfig *k, struct words *env)
{
	struct json_object *list = json_object_object_get(k->exec, "env");
	char *info = NULL;
	struct err *e = info_make(k, &info);

	if (e)
		return e;
	for (char **p = environ; p && *p; p++)
		words_add(env, xstrdup(*p));
	for (size_t i = 0; i < json_len(list); i++)
		env_put(env, xasprintf("%s=%s", json_str(json_nth(list, i), "name"),
				       json_str(json_nth(list, i), "value")));
	env_put(env, info);
	return NULL;
}

/* One with a slash is beside its file; others are looked for in PATH. Owned. */
static char *command_of(const struct kubeconfig *k)
{
	const char *given = str_at(k->exec, "command");
	const char *command = given ? given : "";

	return *command != '/' && strchr(command, '/') ? xasprintf("%s/%s", k->folder, command)
						       : xstrdup(command);
}

static void argv_make(const struct kubeconfig *k, struct words *argv)
{
	struct json_object *args = json_object_object_get(k->exec, "args");

	words_add(argv, command_of(k));
	for (size_t i = 0; i < json_len(args); i++)
		words_add(argv, xstrdup(json_object_get_string(json_nth(args, i))));
}

/* ---- what it depends on ---- */

/* Variables that are others in each task, shell or provider process: they say nothing of who we are. */
static bool is_passing(const char *line)
{
	static const char *const names[] = {
		"PWD=",      "OLDPWD=", "SHLVL=",       "_=",      "ANSIBLE_",
		"_ANSIBLE_", "SSH_",    "TREENAIL_LOG", "PLUGIN_", "XDG_SESSION_ID=",
		"COLUMNS=",  "LINES=",  "SUDO_COMMAND="
	};

	for (size_t i = 0; i < COUNT(names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

/* The file that is run; owned. */
static char *program_of(const struct kubeconfig *k)
{
	AUTO_STR command = command_of(k);
	const char *dir = strchr(command, '/') ? NULL : getenv("PATH");
	char *real = dir ? NULL : realpath(command, NULL);

	while (dir && *dir && !real) {
		const size_t len = strcspn(dir, ":");
		AUTO_STR path = xasprintf("%.*s/%s", (int)len, len ? dir : ".", command);

		if (access(path, X_OK) == 0)
			real = realpath(path, NULL);
		dir += len + (dir[len] == ':');
	}
	return real ? real : TAKE(command);
}

char *plugin_identity(const struct kubeconfig *k)
{
	AUTO_STR program = program_of(k);
	AUTO_BUF all = BUF_INIT;
	char **lines, *digest;
	size_t n = 0;

	while (environ && environ[n])
		n++;
	lines = xcalloc(n + 1, sizeof(*lines));
	for (size_t i = 0; i < n; i++)
		lines[i] = environ[i];
	qsort(lines, n, sizeof(*lines), by_text);
	buf_add(&all, program, strlen(program) + 1);
	for (size_t i = 0; i < n; i++)
		if (!is_passing(lines[i]))
			buf_add(&all, lines[i], strlen(lines[i]) + 1);
	digest = digest_text("sha256", all.s, all.len);
	free(lines);
	buf_wipe(&all);
	return digest;
}

/* ---- its process ---- */

struct child {
	pid_t pid;
	int pid_fd, out, err; /* -1: closed */
	struct buf said, complaint;
	bool over; /* it said more than may be */
};

static void shut(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static int spawn(char *const *argv, char *const *env, int out, int err, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int why;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	(void)posix_spawnattr_init(&how);
	(void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						     POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setpgroup(&how, 0);
	(void)posix_spawnattr_setsigmask(&how, &none);
	(void)posix_spawnattr_setsigdefault(&how, &all);
	why = posix_spawnp(ret, argv[0], &files, &how, argv, env);
	(void)posix_spawnattr_destroy(&how);
	(void)posix_spawn_file_actions_destroy(&files);
	return why;
}

static struct err *start(const struct kubeconfig *k, struct child *c)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 }, why;
	const char *hint = str_at(k->exec, "installHint");
	AUTO_WORDS argv = { 0 };
	AUTO_WORDS env = { 0 };
	struct err *e = env_make(k, &env);

	if (e)
		return e;
	argv_make(k, &argv);
	why = pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ? errno : 0;
	if (!why)
		why = spawn(argv.list, env.list, out[1], err[1], &c->pid);
	shut(&out[1]);
	shut(&err[1]);
	c->out = out[0];
	c->err = err[0];
	if (why)
		return err_new(ERR_USAGE, "it cannot be run: %s%s%s", strerrordesc_np(why),
			       why == ENOENT && hint ? "; " : "",
			       why == ENOENT && hint ? hint : "");
	(void)fcntl(c->out, F_SETFL, O_NONBLOCK);
	(void)fcntl(c->err, F_SETFL, O_NONBLOCK);
	c->pid_fd = pidfd_open(c->pid, 0);
	return NULL;
}

/* All there is at present. */
static void drain(int *fd, struct buf *b, bool *over)
{
	char chunk[4096];
	ssize_t n = 1;

	while (*fd >= 0 && n) {
		n = read(*fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			shut(fd);
		else if (!buf_add(b, chunk, (size_t)n))
			*over = true;
	}
	explicit_bzero(chunk, sizeof(chunk));
}

/* False: it had to be killed. *ret: as waitpid() has it. */
static bool attend(struct child *c, int *ret)
{
	const int64_t until = clock_ms() + PLUGIN_MS;
	bool ended = false, lost = false;

	while (!ended && !c->over && clock_ms() < until && !clock_is_cut()) {
		struct pollfd fds[] = { { .fd = c->out, .events = POLLIN },
					{ .fd = c->err, .events = POLLIN },
					{ .fd = c->pid_fd, .events = POLLIN } };

		(void)poll(fds, COUNT(fds), TICK_MS);
		ended = waitpid(c->pid, ret, WNOHANG) == c->pid;
		drain(&c->out, &c->said, &c->over);
		drain(&c->err, &c->complaint, &lost);
	}
	if (ended)
		return true;
	(void)kill(-c->pid, SIGKILL);
	while (waitpid(c->pid, ret, 0) < 0 && errno == EINTR)
		;
	return false;
}

/* What it said on standard error, in one line. */
static char *complaint_of(struct child *c)
{
	char *s = c->complaint.s;

	for (size_t i = 0; i < c->complaint.len; i++)
		if ((unsigned char)s[i] < ' ')
			s[i] = ' ';
	while (c->complaint.len && s[c->complaint.len - 1] == ' ')
		s[--c->complaint.len] = '\0';
	return c->complaint.len ? xasprintf(": %s", s) : xstrdup("");
}

static struct err *judge(struct child *c, bool ended, int status)
{
	AUTO_STR said = complaint_of(c);

	if (c->over)
		return err_new(ERR_PROTOCOL, "it prints more than %d KiB", OUTPUT_MAX >> 10);
	if (!ended)
		return err_new(ERR_TIMEOUT, "it did not end within %d s%s", PLUGIN_MS / 1000, said);
	if (WIFSIGNALED(status))
		return err_new(ERR_AUTH, "it was ended by signal %d%s", WTERMSIG(status), said);
	if (WEXITSTATUS(status))
		return err_new(ERR_AUTH, "it ended with exit code %d%s", WEXITSTATUS(status), said);
	return NULL;
}

/* ---- what it printed ---- */

static struct err *status_take(struct json_object *o, const char *version, struct granted *ret)
{
	const char *said = str_at(o, "apiVersion"), *until;

	if (!json_is_str(json_at(o, "kind"), "ExecCredential"))
		return err_new(ERR_PROTOCOL, "what it prints is no ExecCredential");
	if (!said || strcmp(said, version) != 0)
		return err_new(ERR_PROTOCOL,
			       "it answers with apiVersion '%s', but the kubeconfig has '%s'",
			       said ? said : "", version);
	ret->token = xstrdup(str_at(o, "status.token"));
	ret->cert = xstrdup(str_at(o, "status.clientCertificateData"));
	ret->key = xstrdup(str_at(o, "status.clientKeyData"));
	until = str_at(o, "status.expirationTimestamp");
	ret->until_s = text_time(until);
	if (until && !ret->until_s)
		return err_new(ERR_PROTOCOL, "its expirationTimestamp '%.40s' is no time", until);
	if (!ret->cert != !ret->key)
		return err_new(ERR_PROTOCOL,
			       "it answers with a client certificate or a key, not with both");
	if (!ret->token && !ret->cert)
		return err_new(ERR_PROTOCOL,
			       "its answer has neither a token nor a client certificate");
	return NULL;
}

static struct err *answer_take(const struct kubeconfig *k, const struct child *c,
			       struct granted *ret)
{
	AUTO_JSON o = NULL;
	/* Not quoted: it may be a token all the same. */
	struct err *e = json_parse(c->said.s, c->said.len, &o);

	if (e) {
		err_free(e);
		return err_new(ERR_PROTOCOL,
			       c->said.len ? "what it prints is no JSON" : "it prints nothing");
	}
	e = status_take(o, str_at(k->exec, "apiVersion"), ret);
	json_wipe(o);
	return e;
}

static struct err *run(const struct kubeconfig *k, struct granted *ret)
{
	struct child c = { .pid_fd = -1,
			   .out = -1,
			   .err = -1,
			   .said = { .s = buf_empty, .max = OUTPUT_MAX },
			   .complaint = { .s = buf_empty, .max = COMPLAINT_MAX } };
	struct granted got = { 0 };
	int status = 0;
	bool ended;
	struct err *e = start(k, &c);

	if (!e) {
		ended = attend(&c, &status);
		e = judge(&c, ended, status);
	}
	if (!e)
		e = answer_take(k, &c, &got);
	shut(&c.out);
	shut(&c.err);
	shut(&c.pid_fd);
	buf_wipe(&c.said);
	buf_release(&c.said);
	buf_release(&c.complaint);
	if (e)
		granted_release(&got);
	else
		*ret = got;
	return e;
}

struct err *plugin_run(const struct kubeconfig *k, struct granted *ret)
{
	return err_wrap(run(k, ret), "exec plugin '%s'", str_at(k->exec, "command"));
}
