#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "node/node.h"
#include "sandbox.h"
#include "ssh/key.h"
#include "sshd.h"
#include "unit.h"

/* Plans sent over SSH, to an agent that has to be brought first. */

static struct sshd server;
static struct ssh_key *key;

static struct err *trust(void *arg, const struct ssh_target *t, const struct ssh_host_key *k)
{
	(void)arg;
	(void)t;
	(void)k;
	return NULL;
}

static char *at(const char *name)
{
	return xasprintf("%s/%s", sandbox_path(), name);
}

struct work {
	struct node_plan plan;
	struct json_object *report;
	int heard;
};

static void count(void *arg, struct json_object *line)
{
	struct work *w = arg;

	ck_assert(json_has(line, "do"));
	w->heard++;
}

static struct err *send_plan(struct ssh_session *s, void *arg)
{
	struct work *w = arg;

	w->plan.heard = count;
	w->plan.arg = w;
	return node_run(s, &w->plan, &w->report);
}

static struct err *err_copy(const struct err *e)
{
	return e ? err_new(e->kind, "%s", e->text) : NULL;
}

/* All of them at once, each on a session of its own; the error of the first. */
static struct err *on_host(struct work *works, size_t n, int64_t deadline_ms)
{
	const struct ssh_options o = { .connect_ms = 3000000,
				       .keepalive_ms = 3000000,
				       .host_ms = 3000000 };
	const struct ssh_key *const keys[] = { key };
	const struct ssh_target t = { .host = "127.0.0.1",
				      .port = server.port,
				      .user = sshd_user(),
				      .check = trust,
				      .keys = keys,
				      .nkeys = 1,
				      .deadline_ms = deadline_ms };
	struct ssh_run *run = ssh_run_new(&o);
	struct ssh_job *first = NULL;
	struct err *e;

	for (size_t i = 0; i < n; i++) {
		struct ssh_job *j = ssh_run_add(run, &t, send_plan, works + i);

		first = first ? first : j;
	}
	ssh_run_all(run);
	e = err_copy(ssh_job_err(first));
	ssh_run_free(run);
	return e;
}

/* Steps as JSON with ' for ", in the folder of that name. */
static struct work work_of(const char *steps, const char *folder)
{
	return (struct work){ .plan = { .steps = unit_json(steps), .folder = folder } };
}

static void work_release(struct work *w)
{
	json_object_put(w->plan.steps);
	json_object_put(w->report);
}

static struct json_object *line_of(struct work *w, const char *id)
{
	struct json_object *lines = json_at(w->report, "steps");

	for (size_t i = 0; i < json_len(lines); i++)
		if (json_is_str(json_at(json_nth(lines, i), "id"), id))
			return json_nth(lines, i);
	return NULL;
}

/* How many commands (and subsystems) the server has begun. */
static int commands(void)
{
	AUTO_STR log = sshd_log(&server);
	FILE *f = fopen(log, "re");
	char line[4096];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "Starting session: ") != NULL;
	if (f)
		(void)fclose(f);
	return n;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char text[4096] = "";

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	return xstrdup(text);
}

/* ---- the tests ---- */

START_TEST(an_agent_is_brought_once)
{
	NEED_SSHD;
	AUTO_STR folder = at("once");
	AUTO_STR path = at("written");
	AUTO_STR steps = xasprintf("[{'id': 'f', 'do': 'file', 'path': '%s', 'content': 'x'},"
				   "{'do': 'facts', 'names': ['kernel']}]",
				   path);
	struct work first = work_of(steps, folder), second = work_of(steps, folder);
	int before = commands();

	unit_ok(on_host(&first, 1, 0));
	ck_assert(json_truth(first.report, "changed", false));
	ck_assert_int_eq(first.heard, 2);
	/* In vain; the folder; what is there; SFTP; the file in its place; once more. */
	ck_assert_int_eq(commands() - before, 6);
	before = commands();
	unit_ok(on_host(&second, 1, 0));
	ck_assert(!json_truth(second.report, "changed", true));
	ck_assert(json_truth(second.report, "ok", false));
	ck_assert_int_eq(commands() - before, 1);
	work_release(&first);
	work_release(&second);
}
END_TEST

START_TEST(check_mode_changes_nothing)
{
	NEED_SSHD;
	AUTO_STR folder = at("check");
	AUTO_STR path = at("unwritten");
	AUTO_STR steps =
		xasprintf("[{'id': 'f', 'do': 'file', 'path': '%s', 'content': 'x'}]", path);
	struct work w = work_of(steps, folder);

	w.plan.check = w.plan.diff = true;
	unit_ok(on_host(&w, 1, 0));
	ck_assert(json_truth(w.report, "changed", false));
	ck_assert_str_eq(json_str(line_of(&w, "f"), "after.content"), "x");
	ck_assert_int_ne(access(path, F_OK), 0);
	work_release(&w);
}
END_TEST

START_TEST(a_step_that_fails_is_named)
{
	NEED_SSHD;
	AUTO_STR folder = at("fails");
	struct work w =
		work_of("[{'id': 'good', 'do': 'command', 'argv': ['true']},"
			"{'id': 'bad', 'do': 'command', 'argv': ['sh', '-c', 'echo why; exit 5']},"
			"{'id': 'never', 'do': 'command', 'argv': ['true']}]",
			folder);

	unit_fails(on_host(&w, 1, 0), ERR_REMOTE,
		   "step 'bad' (command): 'sh' failed with status 5: why");
	ck_assert_str_eq(json_str(w.report, "failed_id"), "bad");
	ck_assert(!json_truth(w.report, "ok", true));
	ck_assert_uint_eq(json_len(json_at(w.report, "steps")), 2);
	work_release(&w);
	w = work_of("[{'do': 'fil'}]", folder);
	unit_fails(on_host(&w, 1, 0), ERR_USAGE, "no step is called 'fil'");
	work_release(&w);
}
END_TEST

/* Names of one host, or a home that hosts share: one session brings it between another's attempt and its look. */
START_TEST(an_agent_that_another_session_brings)
{
	NEED_SSHD;
	enum { SESSIONS = 12 };
	AUTO_STR folder = at("shared");
	struct work works[SESSIONS];

	for (size_t i = 0; i < SESSIONS; i++)
		works[i] = work_of("[{'do': 'facts', 'names': ['kernel']}]", folder);
	unit_ok(on_host(works, SESSIONS, 0));
	for (size_t i = 0; i < SESSIONS; i++) {
		ck_assert_msg(json_truth(works[i].report, "ok", false), "session %zu", i);
		work_release(works + i);
	}
}
END_TEST

/* Cut short by a power failure, say. */
START_TEST(a_damaged_agent_is_replaced)
{
	NEED_SSHD;
	AUTO_STR folder = at("damaged");
	struct work w = work_of("[{'do': 'facts', 'names': ['kernel']}]", folder);
	static const char *const damages[] = { "truncate -s 0", "truncate -s 9000", "chmod 600",
					       "rm" };

	unit_ok(on_host(&w, 1, 0));
	work_release(&w);
	for (size_t i = 0; i < COUNT(damages); i++) {
		AUTO_STR script = xasprintf("%s %s/agent-*", damages[i], folder);
		const char *const argv[] = { "sh", "-c", script, NULL };

		ck_assert_int_eq(sshd_tool(argv), 0);
		w = work_of("[{'do': 'facts', 'names': ['kernel']}]", folder);
		unit_ok(on_host(&w, 1, 0));
		work_release(&w);
	}
}
END_TEST

/* Another kind of machine: the header of a program for it (elf(5)) will do. */
START_TEST(an_agent_for_another_machine_is_told)
{
	NEED_SSHD;
	static const char header[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 22 };
	AUTO_STR folder = at("alien");
	AUTO_STR path = at("alien-agent");
	AUTO_STR setting = xasprintf("TREENAIL_AGENT=%s", path);
	struct work w = work_of("[{'do': 'facts', 'names': ['kernel']}]", folder);
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(write(fd, header, sizeof(header)), sizeof(header));
	(void)close(fd);
	sandbox_env(setting);
	unit_fails(on_host(&w, 1, 0), ERR_REMOTE, "the agent is a program for s390x, the host is ");
	work_release(&w);
}
END_TEST

START_TEST(a_folder_where_nothing_may_run_is_told)
{
	NEED_SSHD;
	AUTO_STR folder = at("noexec");
	AUTO_STR below = at("noexec/treenail");
	struct work w = work_of("[{'do': 'facts', 'names': ['kernel']}]", below);
	const struct sshd other = server;

	sandbox_write("noexec/none", "");
	if (mount("tmpfs", folder, "tmpfs", MS_NOEXEC, NULL) != 0) {
		(void)fprintf(stderr, "LEFT OUT: noexec: only root can mount\n");
		work_release(&w);
		return;
	}
	server = sshd_start(""); /* those that run do not see the mount */
	unit_fails(on_host(&w, 1, 0), ERR_REMOTE, "is mounted noexec: mount it so that");
	sshd_stop(&server);
	server = other;
	(void)umount2(folder, MNT_DETACH);
	work_release(&w);
}
END_TEST

START_TEST(files_are_sent_when_they_are_wanted)
{
	NEED_SSHD;
	enum { BYTES = 700000 };
	AUTO_STR folder = at("blobs");
	AUTO_STR from = at("blob");
	AUTO_STR path = at("from-blob");
	char *content = xcalloc(BYTES + 1, 1);
	struct node_blob blob = { .path = from };
	struct work w;
	int before;

	for (size_t i = 0; i < BYTES; i++)
		content[i] = (char)('a' + i % 23);
	AUTO_STR sum = digest_text("sha256", content, BYTES);
	sandbox_write("blob", content);
	blob.sha256 = sum;
	AUTO_STR steps = xasprintf("[{'do': 'file', 'path': '%s', 'blob': '%s'}]", path, sum);
	w = work_of(steps, folder);
	unit_fails(on_host(&w, 1, 0), ERR_USAGE, "which the plan does not bring");
	work_release(&w);

	/* What came of it before is not sent again. */
	AUTO_STR part = xasprintf("blobs/blobs/%s.part", sum);
	content[BYTES / 2] = '\0';
	sandbox_write(part, content);
	w = work_of(steps, folder);
	w.plan.blobs = &blob;
	w.plan.nblobs = 1;
	before = commands();
	unit_ok(on_host(&w, 1, 0));
	ck_assert_int_eq(commands() - before, 3);
	work_release(&w);
	AUTO_STR again = NULL;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	unit_ok(digest_fd("sha256", fd, &again));
	(void)close(fd);
	ck_assert_str_eq(again, sum);

	w = work_of(steps, folder);
	w.plan.blobs = &blob;
	w.plan.nblobs = 1;
	before = commands();
	unit_ok(on_host(&w, 1, 0));
	ck_assert(!json_truth(w.report, "changed", true));
	ck_assert_int_eq(commands() - before, 1);
	work_release(&w);

	/* A file that is not what its sum says never comes to be there. */
	(void)unlink(path);
	sandbox_write("blob", "something else");
	w = work_of(steps, folder);
	w.plan.blobs = &blob;
	w.plan.nblobs = 1;
	unit_fails(on_host(&w, 1, 0), ERR_REMOTE, "what arrived is not what was sent");
	ck_assert_int_ne(access(path, F_OK), 0);
	work_release(&w);
	free(content);
}
END_TEST

/* The agent's own time ends before the host's: its report still comes. */
START_TEST(a_plan_has_a_deadline)
{
	NEED_SSHD;
	AUTO_STR folder = at("deadline");
	AUTO_STR path = at("overslept");
	AUTO_STR steps = xasprintf("[{'id': 'quick', 'do': 'command', 'argv': ['true']},"
				   "{'id': 'slow', 'do': 'command', 'argv': "
				   "['sh', '-c', 'sleep 100; touch %s']}]",
				   path);
	struct work w = work_of(steps, folder);

	w.plan.deadline_s = 2;
	unit_fails(on_host(&w, 1, 0), ERR_TIMEOUT, "step 'slow' (command): 'sh' was ended");
	ck_assert_uint_eq(json_len(json_at(w.report, "steps")), 2);
	work_release(&w);
}
END_TEST

static void *cut_soon(void *path)
{
	while (access(path, F_OK) != 0)
		(void)usleep(5000);
	clock_cut();
	return NULL;
}

/* The controller is told to end: so is what the agent does. */
START_TEST(a_controller_that_goes_ends_its_agent)
{
	NEED_SSHD;
	AUTO_STR folder = at("cut");
	AUTO_STR path = at("pid");
	AUTO_STR steps = xasprintf("[{'id': 'slow', 'do': 'command', 'argv': ['sh', '-c', "
				   "'echo $$ >%s.new; mv %s.new %s; exec sleep 1000']}]",
				   path, path, path);
	struct work w = work_of(steps, folder);
	pthread_t thread;
	pid_t pid;

	ck_assert_int_eq(pthread_create(&thread, NULL, cut_soon, path), 0);
	unit_fails(on_host(&w, 1, 0), ERR_TIMEOUT, "told to end");
	(void)pthread_join(thread, NULL);
	clock_uncut();
	AUTO_STR text = read_file(path);
	pid = (pid_t)strtol(text, NULL, 10);
	while (kill(pid, 0) == 0)
		clock_sleep_ms(20);
	work_release(&w);
}
END_TEST

START_TEST(many_hosts_at_once)
{
	NEED_SSHD;
	AUTO_STR folder = at("many");
	struct work works[20];

	works[0] =
		work_of("[{'id': 'k', 'do': 'facts', 'names': ['kernel', 'interfaces']}]", folder);
	unit_ok(on_host(works, 1, 0));
	work_release(works);
	for (size_t i = 0; i < COUNT(works); i++)
		works[i] = work_of("[{'id': 'k', 'do': 'facts', 'names': ['kernel']}]", folder);
	unit_ok(on_host(works, COUNT(works), 0));
	for (size_t i = 0; i < COUNT(works); i++) {
		ck_assert_ptr_nonnull(json_str(line_of(works + i, "k"), "facts.kernel"));
		work_release(works + i);
	}
}
END_TEST

START_TEST(what_is_left_after_a_restart)
{
	AUTO_JSON steps = unit_json("[{'id': 'a', 'do': 'swap'}, {'id': 'b', 'do': 'reboot'}, "
				    "{'id': 'c', 'do': 'swap', 'if_changed': ['a']}]");
	AUTO_JSON report =
		unit_json("{'ok': true, 'rebooting': 'x', 'steps': ["
			  "{'id': 'a', 'changed': true}, {'id': 'b', 'changed': true}]}");
	const struct node_plan plan = { .steps = steps };
	AUTO_JSON earlier = NULL;
	AUTO_JSON rest = node_rest(&plan, report, &earlier);

	unit_same(rest, "[{'id': 'c', 'do': 'swap', 'if_changed': ['a']}]");
	unit_same(earlier, "{'a': true, 'b': true}");
}
END_TEST

START_TEST(a_part_of_a_plan_knows_what_was_before)
{
	NEED_SSHD;
	AUTO_STR folder = at("part");
	AUTO_STR boot = read_file("/proc/sys/kernel/random/boot_id");
	struct work w = work_of("[{'id': 'c', 'do': 'command', 'argv': ['true'], "
				"'if_changed': ['a']}]",
				folder);

	w.plan.earlier = unit_json("{'a': true}");
	w.plan.boot_id = "another";
	unit_ok(on_host(&w, 1, 0));
	ck_assert(json_truth(line_of(&w, "c"), "changed", false));
	boot[strcspn(boot, "\n")] = '\0';
	w.plan.boot_id = boot;
	json_object_put(TAKE(w.report));
	unit_fails(on_host(&w, 1, 0), ERR_CONFLICT, "has not been restarted yet");
	json_object_put(w.plan.earlier);
	work_release(&w);
}
END_TEST

/* ---- main ---- */

static void set_up(void)
{
	sshd_enter();
	if (!sshd_there())
		return;
	/* The agent's lock is the machine's: not that of others who test here. */
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		(void)mount("tmpfs", "/run", "tmpfs", 0, "mode=755");
	AUTO_STR path = sshd_path("keys/ed25519");
	unit_ok(ssh_key_load(path, NULL, &key));
	server = sshd_start("LogLevel VERBOSE\n");
}

static void tear_down(void)
{
	if (sshd_there())
		sshd_stop(&server);
	ssh_key_free(key);
	sandbox_leave();
}

UNIT_MAIN_IN("node", set_up, tear_down, an_agent_is_brought_once, check_mode_changes_nothing,
	     a_step_that_fails_is_named, a_damaged_agent_is_replaced,
	     an_agent_that_another_session_brings, an_agent_for_another_machine_is_told,
	     a_folder_where_nothing_may_run_is_told, files_are_sent_when_they_are_wanted,
	     a_plan_has_a_deadline, a_controller_that_goes_ends_its_agent, many_hosts_at_once,
	     what_is_left_after_a_restart, a_part_of_a_plan_knows_what_was_before)
