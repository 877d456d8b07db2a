#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/files.h"
#include "agent/packages.h"

enum { STATUS_MAX = 128 << 20, VERSIONS_SHOWN = 12, LOCK_MS = 200 };

static const char STATUS[] = "/var/lib/dpkg/status";

/* ---- what is installed: dpkg's own file, which costs no process ---- */

/* Value of a field in the paragraph that begins at s; NULL: it has none. */
static const char *field(const char *s, const char *name, size_t *len)
{
	const size_t n = strlen(name);

	for (; *s && *s != '\n'; s += strcspn(s, "\n"), s += *s == '\n')
		if (strncmp(s, name, n) == 0 && s[n] == ':') {
			s += n + 1;
			s += strspn(s, " ");
			*len = strcspn(s, "\n");
			return s;
		}
	return NULL;
}

static const char *next_paragraph(const char *s)
{
	const char *end = strstr(s, "\n\n");

	return end ? end + 2 : s + strlen(s);
}

static bool ends_with(const char *s, size_t n, const char *words)
{
	for (; *words; words += strcspn(words, " "), words += *words == ' ') {
		const size_t len = strcspn(words, " ");

		if (n > len && s[n - len - 1] == ' ' && strncmp(s + n - len, words, len) == 0)
			return true;
	}
	return false;
}

/* "hold ok installed": what is wanted, whether it is in order, how far it is. */
static void take_paragraph(const char *s, struct json_object *all)
{
	size_t n = 0, v = 0, st = 0;
	const char *name = field(s, "Package", &n), *version = field(s, "Version", &v);
	const char *status = field(s, "Status", &st);
	struct json_object *o;

	if (!name || !version || !status ||
	    !ends_with(status, st, "installed triggers-awaited triggers-pending"))
		return;
	AUTO_STR key = xstrndup(name, n);
	if (json_has(all, key))
		return;
	o = json_object_new_object();
	json_set(o, "version", step_text(version, v));
	json_set(o, "hold", json_object_new_boolean(strncmp(status, "hold ", 5) == 0));
	json_set(all, key, o);
}

static struct err *installed(struct agent *a, struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	struct json_object *all;
	struct err *e = file_read(STATUS, STATUS_MAX, &text);

	(void)a;
	if (e)
		return e;
	all = json_object_new_object();
	for (const char *s = text.s; *s; s = next_paragraph(s))
		take_paragraph(s, all);
	*ret = all;
	return NULL;
}

/* ---- its locks ---- */

static pid_t lock_holder(const char *path)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid = 0;

	if (fd >= 0 && fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		pid = l.l_pid > 0 ? l.l_pid : -1;
	if (fd >= 0)
		(void)close(fd);
	return pid;
}

/* apt itself waits for the first of them only, and does not say who has it. */
static struct err *await_locks(struct agent *a)
{
	static const char *const locks[] = { "/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock",
					     "/var/lib/apt/lists/lock",
					     "/var/cache/apt/archives/lock" };

	for (size_t i = 0; i < COUNT(locks);) {
		const pid_t pid = lock_holder(locks[i]);
		struct err *e = pid ? agent_pause(a, LOCK_MS) : NULL;

		if (e) {
			AUTO_STR path = xasprintf("/proc/%d/comm", (int)pid);
			AUTO_STR who = file_line(path);

			return err_wrap(e, "'%s' is locked by '%s' (process %d)", locks[i],
					*who ? who : "somebody", (int)pid);
		}
		i = pid ? 0 : i + 1;
	}
	return NULL;
}

/* ---- running it ---- */

static struct json_object *environment(const struct step *s)
{
	struct json_object *env = json_copy(json_at(s->args, "env"));

	if (!env)
		env = json_object_new_object();
	json_sets(env, "DEBIAN_FRONTEND", "noninteractive");
	json_sets(env, "APT_LISTCHANGES_FRONTEND", "none");
	json_sets(env, "NEEDRESTART_MODE", "l"); /* services are restarted by who knows when */
	return env;
}

static struct err *apt_get(struct step *s, struct json_object *words)
{
	AUTO_JSON env = environment(s);
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e = await_locks(s->agent);
	AUTO_STR timeout = xasprintf("DPkg::Lock::Timeout=%lld",
				     (long long)(agent_left_ms(s->agent, 0) / 1000));
	const char *const always[] = { "apt-get",
				       "-y",
				       "-q",
				       "-o",
				       timeout,
				       "-o",
				       "Dpkg::Options::=--force-confdef",
				       "-o",
				       "Dpkg::Options::=--force-confold" };
	const char **argv;

	if (e)
		return e;
	argv = xcalloc(COUNT(always) + json_len(words) + 1, sizeof(*argv));
	memcpy(argv, always, sizeof(always));
	for (size_t i = 0; i < json_len(words); i++)
		argv[COUNT(always) + i] = json_object_get_string(json_nth(words, i));
	e = child_run(s->agent, &(struct child){ .argv = argv, .env = env }, &end);
	free(argv);
	if (!e && end.status)
		e = child_failed("apt-get", &end);
	return e;
}

static struct err *update(struct step *s)
{
	AUTO_JSON words = json_object_new_array();

	json_object_array_add(words, json_object_new_string("update"));
	s->agent->apt_updated = true;
	return err_wrap(apt_get(s, words), "looking for what there is");
}

static void add_words(struct json_object *to, struct json_object *from, const char *tail)
{
	for (size_t i = 0; i < json_len(from); i++) {
		AUTO_STR word = xasprintf("%s%s", json_object_get_string(json_nth(from, i)), tail);

		json_object_array_add(to, json_object_new_string(word));
	}
}

/* One run for all: apt finds a way from one set to the other, where single steps may have none. */
static struct err *change(struct step *s, struct json_object *install, struct json_object *removed)
{
	AUTO_JSON words = json_object_new_array();

	json_object_array_add(words, json_object_new_string("install"));
	json_object_array_add(words, json_object_new_string("--allow-change-held-packages"));
	if (json_truth(s->args, "allow_downgrade", false))
		json_object_array_add(words, json_object_new_string("--allow-downgrades"));
	json_object_array_add(words, json_object_new_string("--"));
	add_words(words, install, "");
	add_words(words, removed, "-");
	return apt_get(s, words);
}

static struct err *hold(struct step *s, struct json_object *names, bool want)
{
	const char **argv = xcalloc(json_len(names) + 3, sizeof(*argv));
	struct err *e = await_locks(s->agent);

	argv[0] = "apt-mark";
	argv[1] = want ? "hold" : "unhold";
	for (size_t i = 0; i < json_len(names); i++)
		argv[2 + i] = json_object_get_string(json_nth(names, i));
	if (!e)
		e = child_get(s->agent, argv, NULL);
	free(argv);
	return e;
}

/* ---- versions ---- */

/*
 * What `apt-cache policy` says of a package:
 *   kubeadm:
 *     Installed: (none)
 *     Candidate: 1.33.1-1.1
 *     Version table:
 *        1.33.1-1.1 500
 *           500 https://...
 *    *** 1.33.0-1.1 100
 */
static const char *paragraph_of(const char *text, const char *name)
{
	const size_t n = strlen(name);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, name, n) == 0 && line[n] == ':' && line[n + 1] == '\n')
			return line + n + 2;
	return NULL;
}

/* The version in a line of the table; owned; NULL: it is another line. */
static char *version_in(const char *line)
{
	const bool entry = strncmp(line, " *** ", 5) == 0 || strncmp(line, "     ", 5) == 0;

	return entry && line[5] != ' ' ? xstrndup(line + 5, strcspn(line + 5, " \n")) : NULL;
}

/* The newest that `want` means, and all there are, by commas. */
static char *choose(const char *at, const char *want, struct buf *all)
{
	AUTO_STR found = NULL;
	int shown = 0;

	for (; at && *at == ' '; at += strcspn(at, "\n"), at += *at == '\n') {
		AUTO_STR version = version_in(at);

		if (!version)
			continue;
		if (!found && package_version_is(version, want))
			found = xstrdup(version);
		if (shown++ < VERSIONS_SHOWN)
			buf_addf(all, "%s%s", all->len ? ", " : "", version);
	}
	return TAKE(found);
}

static char *candidate(const char *at)
{
	static const char label[] = "  Candidate: ";

	for (; at && *at == ' '; at += strcspn(at, "\n"), at += *at == '\n')
		if (strncmp(at, label, strlen(label)) == 0 && at[strlen(label)] != '(')
			return xstrndup(at + strlen(label), strcspn(at + strlen(label), "\n"));
	return NULL;
}

static struct err *choose_one(const char *text, const char *name, const char *want,
			      struct json_object *ret)
{
	const char *at = paragraph_of(text, name);
	AUTO_BUF all = BUF_INIT;
	AUTO_STR version = want ? choose(at, want, &all) : candidate(at);

	if (version) {
		json_sets(ret, name, version);
		return NULL;
	}
	if (!all.len)
		return err_new(ERR_NOT_FOUND,
			       "package '%s' is not to be had here: is its source configured?",
			       name);
	return err_new(ERR_NOT_FOUND,
		       "package '%s': version %s is not to be had here; there are: %s", name, want,
		       all.s);
}

static struct err *find_once(struct step *s, struct json_object *wanted, struct json_object **ret)
{
	const size_t n = (size_t)json_object_object_length(wanted);
	static const char *const always[] = { "apt-cache", "policy", "--" };
	const char **argv = xcalloc(COUNT(always) + n + 1, sizeof(*argv));
	AUTO_JSON found = json_object_new_object();
	AUTO_STR text = NULL;
	size_t i = COUNT(always);
	struct err *e;

	memcpy(argv, always, sizeof(always));
	json_object_object_foreach(wanted, name, v) {
		(void)v;
		argv[i++] = name;
	}
	e = child_get(s->agent, argv, &text);
	free(argv);
	if (e)
		return e;
	json_object_object_foreach(wanted, each, version) {
		e = choose_one(text, each, json_object_get_string(version), found);
		if (e)
			return e;
	}
	*ret = TAKE(found);
	return NULL;
}

static bool is_newer(const char *path, time_t than)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_mtime >= than;
}

/* Whether somebody has changed where packages come from since the lists were fetched. */
static bool is_stale(void)
{
	struct stat lists;

	return stat("/var/lib/apt/lists", &lists) == 0 &&
	       (is_newer("/etc/apt/sources.list", lists.st_mtime) ||
		is_newer("/etc/apt/sources.list.d", lists.st_mtime));
}

/* The lists are fetched at most once, and only when something is to be installed: a second run asks nobody. */
static struct err *find(struct step *s, struct json_object *wanted, struct json_object **ret)
{
	const bool may = !s->agent->apt_updated && !s->agent->check && geteuid() == 0;
	struct err *e = may && is_stale() ? update(s) : NULL;

	if (!e)
		e = find_once(s, wanted, ret);
	if (!e || e->kind != ERR_NOT_FOUND || s->agent->apt_updated || !may)
		return e;
	err_free(e);
	e = update(s);
	return e ? e : find_once(s, wanted, ret);
}

static struct err *compare(struct agent *a, const char *x, const char *y, int *ret)
{
	const char *const argv[] = { "dpkg", "--compare-versions", x, "lt", y, NULL };
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e = child_run(a, &(struct child){ .argv = argv }, &end);

	if (!e)
		*ret = end.status == 0 ? -1 : 1;
	return e;
}

/* ---- what a killed run has left ---- */

static bool has_updates(void)
{
	DIR *d = opendir("/var/lib/dpkg/updates");
	const struct dirent *at = NULL;
	bool any = false;

	while (d && !any && (at = readdir(d)))
		any = isdigit((unsigned char)at->d_name[0]);
	if (d)
		(void)closedir(d);
	return any;
}

static bool half_done(void)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_read(STATUS, STATUS_MAX, &text);

	return has_updates() || (!e && (strstr(text.s, " ok half-configured\n") ||
					strstr(text.s, " ok unpacked\n")));
}

static struct err *mend(struct step *s)
{
	const char *const argv[] = {
		"dpkg", "--force-confdef", "--force-confold", "--configure", "-a", NULL
	};
	AUTO_JSON env = environment(s);
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e;
	bool go;

	if (!half_done())
		return NULL;
	e = await_locks(s->agent);
	/* Perhaps it was somebody who has finished by now. */
	if (e || !half_done())
		return e;
	e = step_change(s, &go);
	if (!e && go)
		e = child_run(s->agent, &(struct child){ .argv = argv, .env = env }, &end);
	if (!e && go && end.status)
		e = child_failed("dpkg", &end);
	return err_wrap(e, "finishing what was begun before");
}

const struct package_manager package_apt = {
	.name = "apt",
	.program = "apt-get",
	.installed = installed,
	.find = find,
	.compare = compare,
	.change = change,
	.hold = hold,
	.mend = mend,
};
