#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "clock.h"
#include "digest.h"
#include "sandbox.h"
#include "scratch.h"
#include "unit.h"

/* What is to be true on a node, by the agent as it is sent there. */

#define NEED_MACHINE                  \
	do {                          \
		if (!scratch_there()) \
			return;       \
	} while (0)

/* A path in the sandbox; owned. */
static char *at(const char *name)
{
	return xasprintf("%s/%s", sandbox_path(), name);
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char text[4096] = "";
	size_t n;

	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	return xstrndup(text, n);
}

static void is_file(const char *path, const char *want)
{
	AUTO_STR have = read_file(path);

	ck_assert_msg(have, "'%s' is not there", path);
	ck_assert_str_eq(have, want);
}

static int mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static const char *text_of(const struct run *r)
{
	return json_object_to_json_string_ext(r->lines, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void ended(const struct run *r, bool ok, bool changed)
{
	struct json_object *end = run_end(r);

	ck_assert_msg(json_truth(end, "ok", !ok) == ok &&
			      json_truth(end, "changed", !changed) == changed,
		      "%s", text_of(r));
}

/* Runs steps (JSON with ' for ") that end like this; what they report is dropped. */
static void steps(bool machine, const char *list, const char *options, bool ok, bool changed)
{
	AUTO_STR plan = xasprintf("{'steps': [%s]%s}", list, options);
	struct run r = agent_run(machine, plan);

	ended(&r, ok, changed);
	run_release(&r);
}

/* First in check mode, which changes nothing; then for real; then once more, which changes nothing. */
static void comes_true(bool machine, const char *list)
{
	steps(machine, list, ", 'check': true", true, true);
	steps(machine, list, "", true, true);
	steps(machine, list, "", true, false);
	steps(machine, list, ", 'check': true", true, false);
}

/* Fails with these words. */
static void fails(bool machine, const char *list, const char *words)
{
	AUTO_STR plan = xasprintf("{'steps': [%s]}", list);
	struct run r = agent_run(machine, plan);
	const char *text = text_of(&r);

	ck_assert_msg(strstr(text, words), "'%s' is not in %s", words, text);
	ck_assert(!json_truth(run_end(&r), "ok", true));
	ck_assert_int_eq(r.status, 1);
	run_release(&r);
}

/* ---- sums ---- */

START_TEST(sums_are_those_of_openssl)
{
	char s[300];

	for (size_t n = 0; n < sizeof(s); n++) {
		char have[SHA256_HEX];
		AUTO_STR want = digest_text("sha256", s, n);

		s[n] = (char)(n * 7);
		sha256_text(s, n, have);
		free(want);
		want = digest_text("sha256", s, n);
		ck_assert_str_eq(have, want);
	}
}
END_TEST

/* ---- plans that are none ---- */

START_TEST(bad_plans_are_refused_before_anything_is_done)
{
	static const struct {
		const char *step, *words;
	} cases[] = {
		{ "{'do': 'fil'}", "no step is called 'fil': is 'file' meant?" },
		{ "{'id': 'a'}", "'do' is missing" },
		{ "7", "it is no dictionary" },
		{ "{'do': 'file', 'pat': '/x'}", "no field 'pat': is 'path' meant?" },
		{ "{'do': 'file', 'content': ''}", "'path' is missing" },
		{ "{'do': 'file', 'path': '/x'}", "one has to be given, not 0" },
		{ "{'do': 'file', 'path': '/x', 'content': '', 'base64': ''}", "not 2" },
		{ "{'do': 'file', 'path': 'x', 'content': ''}", "an absolute path" },
		{ "{'do': 'file', 'path': '/a/../x', 'content': ''}", "an absolute path" },
		{ "{'do': 'file', 'path': '/a/..', 'content': ''}", "an absolute path" },
		{ "{'do': 'file', 'path': '/a/./x', 'content': ''}", "an absolute path" },
		{ "{'do': 'file', 'path': '/a//x', 'content': ''}", "an absolute path" },
		{ "{'do': 'absent', 'path': '/etc/', 'recursive': true}", "an absolute path" },
		{ "{'do': 'file', 'path': '/x', 'base64': '?'}", "'base64' is none" },
		{ "{'do': 'file', 'path': '/x', 'content': 7}", "a string, not an integer" },
		{ "{'do': 'file', 'path': '/x', 'content': '', 'mode': 420}", "a mode like" },
		{ "{'do': 'file', 'path': '/x', 'content': '', 'mode': '999'}", "a mode like" },
		{ "{'do': 'file', 'path': '/x', 'blob': 'ABC'}", "a SHA-256" },
		{ "{'do': 'service', 'unit': 'x', 'state': 'up'}", "none of: started" },
		{ "{'do': 'command', 'argv': []}", "a list of strings" },
		{ "{'do': 'command', 'argv': ['a'], 'timeout_s': -1}", "a whole number" },
		{ "{'do': 'command', 'argv': ['a'], 'if_changed': ['b']}", "no step before it" },
		{ "{'do': 'ready', 'url': 'https://127.0.0.1/'}", "has to be like http://" },
		{ "{'do': 'ready', 'url': 'http://example.org/'}", "has to be like http://" },
		{ "{'do': 'ready', 'tcp': '127.0.0.1'}", "an address and a port" },
		{ "{'do': 'sysctl', 'values': {'../a': 1}}", "no name of a sysctl" },
		{ "{'do': 'sysctl', 'values': {'a/../b': 1}}", "no name of a sysctl" },
		{ "{'do': 'kernel_module', 'modules': ['a b']}", "no module's name" },
		{ "{'do': 'package', 'packages': {'-y': null}}", "no package's name" },
		{ "{'do': 'package', 'packages': {'a': 7}}", "a version, null" },
		{ "{'do': 'facts', 'names': ['memry']}", "is 'memory' meant?" },
		{ "{'do': 'facts', 'names': ['files']}", "needs 'files'" },
		{ "{'do': 'swap', 'id': 'first'}", "there is another 'first'" },
	};
	AUTO_STR path = at("not-written");

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR list = xasprintf("{'do': 'file', 'id': 'first', 'path': '%s', "
					  "'content': ''}, %s",
					  path, cases[i].step);

		fails(false, list, cases[i].words);
		ck_assert_int_ne(access(path, F_OK), 0);
	}
}
END_TEST

/* ---- files ---- */

START_TEST(a_file_is_written_once)
{
	AUTO_STR path = at("f/file");
	AUTO_STR folder = at("f");
	AUTO_STR list =
		xasprintf("{'do': 'folder', 'path': '%s', 'mode': '0750'},"
			  "{'do': 'file', 'path': '%s', 'content': 'a\\nb\\n', 'mode': '0640'}",
			  folder, path);
	AUTO_STR again = xasprintf("{'do': 'file', 'path': '%s', 'base64': 'YQpiCg==', "
				   "'mode': '0600'}",
				   path);

	comes_true(false, list);
	is_file(path, "a\nb\n");
	ck_assert_int_eq(mode_of(path), 0640);
	ck_assert_int_eq(mode_of(folder), 0750);
	comes_true(false, again);
	is_file(path, "a\nb\n");
	ck_assert_int_eq(mode_of(path), 0600);
}
END_TEST

START_TEST(without_a_mode_it_stays)
{
	AUTO_STR path = at("stays");
	AUTO_STR list = xasprintf("{'do': 'file', 'path': '%s', 'content': 'new'}", path);

	sandbox_write("stays", "old");
	ck_assert_int_eq(chmod(path, 0711), 0);
	comes_true(false, list);
	ck_assert_int_eq(mode_of(path), 0711);
}
END_TEST

START_TEST(a_link_is_replaced_and_what_it_led_to_is_not)
{
	AUTO_STR link = at("link");
	AUTO_STR target = at("target");
	AUTO_STR list = xasprintf("{'do': 'file', 'path': '%s', 'content': 'new'}", link);

	sandbox_write("target", "old");
	ck_assert_int_eq(symlink(target, link), 0);
	comes_true(false, list);
	is_file(link, "new");
	is_file(target, "old");
}
END_TEST

START_TEST(devices_stay)
{
	AUTO_STR path = at("pipe");
	AUTO_STR list = xasprintf("{'do': 'file', 'path': '%s', 'content': 'x'}", path);

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fails(false, list, "is a device, a pipe or a socket");
	fails(false, "{'do': 'file', 'path': '/tmp', 'content': 'x'}", "is a folder");
}
END_TEST

START_TEST(a_difference_is_shown)
{
	AUTO_STR path = at("diff");
	AUTO_STR plan =
		xasprintf("{'diff': true, 'steps': [{'id': 'f', 'do': 'file', 'path': '%s', "
			  "'content': 'new', 'mode': '0600'}]}",
			  path);
	struct run r;

	sandbox_write("diff", "old");
	ck_assert_int_eq(chmod(path, 0644), 0);
	r = agent_run(false, plan);
	ck_assert_str_eq(json_str(run_line(&r, "f"), "before.content"), "old");
	ck_assert_str_eq(json_str(run_line(&r, "f"), "before.mode"), "0644");
	ck_assert_str_eq(json_str(run_line(&r, "f"), "after.content"), "new");
	ck_assert_str_eq(json_str(run_line(&r, "f"), "after.mode"), "0600");
	run_release(&r);
}
END_TEST

START_TEST(a_secret_is_in_no_report)
{
	AUTO_STR path = at("secret");
	AUTO_STR list = xasprintf(
		"{'diff': true, 'steps': [{'do': 'file', 'path': '%s', 'content': 'canary', "
		"'secret': true}, {'do': 'command', 'secret': true, 'stdin': 'canary', "
		"'argv': ['sh', '-c', 'cat; cat /canary; exit 1']}]}",
		path);
	struct run r;
	const char *text;

	sandbox_write("secret", "old canary");
	r = agent_run(false, list);
	text = text_of(&r);
	ck_assert_msg(!strstr(text, "canary"), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "the step is secret"));
	run_release(&r);
}
END_TEST

START_TEST(blocks_of_lines)
{
	AUTO_STR path = at("hosts");
	AUTO_STR put = xasprintf(
		"{'do': 'block', 'path': '%s', 'marker': 'us', 'content': '1\\n2'}", path);
	AUTO_STR more =
		xasprintf("{'do': 'block', 'path': '%s', 'marker': 'us', 'content': '3\\n'}", path);
	AUTO_STR none =
		xasprintf("{'do': 'block', 'path': '%s', 'marker': 'us', 'content': ''}", path);

	sandbox_write("hosts", "theirs");
	comes_true(false, put);
	is_file(path, "theirs\n# BEGIN us\n1\n2\n# END us\n");
	sandbox_write("hosts", "a\n# BEGIN us\n1\n2\n# END us\nb\n");
	comes_true(false, more);
	is_file(path, "a\n# BEGIN us\n3\n# END us\nb\n");
	comes_true(false, none);
	is_file(path, "a\nb\n");
	sandbox_write("hosts", "a\n# BEGIN us\n");
	fails(false, put, "no '# END us' after it");
	is_file(path, "a\n# BEGIN us\n");
}
END_TEST

START_TEST(links_and_what_is_to_be_gone)
{
	AUTO_STR link = at("l");
	AUTO_STR tree = at("tree");
	AUTO_STR make = xasprintf("{'do': 'link', 'path': '%s', 'to': 'somewhere'}", link);
	AUTO_STR turn = xasprintf("{'do': 'link', 'path': '%s', 'to': 'elsewhere'}", link);
	AUTO_STR drop = xasprintf("{'do': 'absent', 'path': '%s'}", link);
	AUTO_STR full = xasprintf("{'do': 'absent', 'path': '%s'}", tree);
	AUTO_STR all = xasprintf("{'do': 'absent', 'path': '%s', 'recursive': true}", tree);

	comes_true(false, make);
	comes_true(false, turn);
	comes_true(false, drop);
	sandbox_write("tree/a/b", "x");
	sandbox_write("tree/kept", "x");
	AUTO_STR in = at("tree/out");
	ck_assert_int_eq(symlink("/etc", in), 0);
	fails(false, full, "not empty");
	comes_true(false, all);
	ck_assert_int_ne(access(tree, F_OK), 0);
	ck_assert_int_eq(access("/etc/passwd", F_OK), 0);
	fails(false, "{'do': 'absent', 'path': '/etc', 'recursive': true}", "is not removed");
}
END_TEST

START_TEST(reading)
{
	AUTO_STR path = at("r");
	AUTO_STR none = at("none");
	AUTO_STR plan = xasprintf("{'check': true, 'steps': ["
				  "{'id': 'r', 'do': 'read', 'path': '%s'},"
				  "{'id': 'n', 'do': 'read', 'path': '%s'},"
				  "{'id': 'm', 'do': 'read', 'path': '%s', 'max': 2}]}",
				  path, none, path);
	struct run r;

	sandbox_write("r", "text");
	r = agent_run(false, plan);
	ck_assert_str_eq(json_str(run_line(&r, "r"), "after.content"), "text");
	ck_assert(json_truth(run_line(&r, "n"), "ok", false));
	ck_assert(json_has(run_line(&r, "n"), "after"));
	ck_assert_ptr_null(json_at(run_line(&r, "n"), "after"));
	ck_assert_ptr_nonnull(strstr(json_str(run_line(&r, "m"), "msg"), "more than 2 bytes"));
	ck_assert_str_eq(json_str(run_end(&r), "failed_id"), "m");
	run_release(&r);
}
END_TEST

/* ---- commands ---- */

START_TEST(commands)
{
	static const char plan[] =
		"{'steps': ["
		"{'id': 'in', 'do': 'command', 'argv': ['tr', 'a-z', 'A-Z'], 'stdin': 'hello'},"
		"{'id': 'env', 'do': 'command', 'argv': ['sh', '-c', 'echo $A; pwd'], "
		"'env': {'A': 7}, 'chdir': '/usr'},"
		"{'id': 'tail', 'do': 'command', 'argv': ['seq', '1', '1000'], 'out_max': 9},"
		"{'id': 'three', 'do': 'command', 'argv': ['sh', '-c', 'echo bad >&2; exit 3'], "
		"'status': [0, 3]},"
		"{'id': 'bytes', 'do': 'command', 'argv': ['printf', '\\\\377x']},"
		"{'id': 'none', 'do': 'command', 'argv': ['no-such-program']}]}";
	struct run r = agent_run(false, plan);

	ck_assert_str_eq(json_str(run_line(&r, "in"), "out"), "HELLO");
	ck_assert_str_eq(json_str(run_line(&r, "env"), "out"), "7\n/usr\n");
	ck_assert_str_eq(json_str(run_line(&r, "tail"), "out"), "999\n1000\n");
	ck_assert_int_eq(json_int(run_line(&r, "tail"), "out_left", 0), 3893 - 9);
	ck_assert_int_eq(json_int(run_line(&r, "three"), "status", 0), 3);
	ck_assert_str_eq(json_str(run_line(&r, "three"), "err"), "bad\n");
	ck_assert_str_eq(json_str(run_line(&r, "bytes"), "out"), "?x");
	ck_assert_ptr_nonnull(strstr(json_str(run_line(&r, "none"), "msg"), "No such file"));
	run_release(&r);
	fails(false, "{'do': 'command', 'argv': ['sh', '-c', 'echo why >&2; exit 4']}",
	      "'sh' failed with status 4: why");
	fails(false, "{'do': 'command', 'argv': ['sh', '-c', 'kill -9 $$']}", "signal 9");
}
END_TEST

START_TEST(commands_that_need_not_be_run)
{
	AUTO_STR path = at("made");
	AUTO_STR creates = xasprintf("{'do': 'command', 'argv': ['touch', '%s'], 'creates': '%s'}",
				     path, path);
	AUTO_STR unless = xasprintf("{'do': 'command', 'argv': ['rm', '%s'], "
				    "'unless': ['test', '!', '-e', '%s']}",
				    path, path);

	comes_true(false, creates);
	comes_true(false, unless);
	steps(false, "{'do': 'command', 'argv': ['true'], 'query': true}", ", 'check': true", true,
	      false);
	steps(false, "{'do': 'command', 'argv': ['false'], 'query': true}", ", 'check': true",
	      false, false);
}
END_TEST

/* It and what it has started. */
START_TEST(a_command_that_hangs_is_ended)
{
	AUTO_STR path = at("still-there");
	AUTO_STR list = xasprintf("{'do': 'command', 'timeout_s': 1, 'argv': "
				  "['sh', '-c', '(sleep 30; touch %s) & sleep 30']}",
				  path);

	fails(false, list, "its time was over");
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static void wait_for_file(const char *path)
{
	while (access(path, F_OK) != 0)
		clock_sleep_ms(5);
}

static pid_t pid_in(const char *path)
{
	AUTO_STR text = read_file(path);

	return text ? (pid_t)strtol(text, NULL, 10) : 0;
}

static bool goes(pid_t pid)
{
	for (int i = 0; i < 60000; i++) {
		if (kill(pid, 0) != 0)
			return true;
		clock_sleep_ms(5);
	}
	return false;
}

/* What the agent was doing ends with it, however it ends: told to, killed, or with nobody to tell. */
START_TEST(an_agent_that_goes_takes_its_command_along)
{
	static const int signals[] = { SIGTERM, SIGHUP, SIGKILL, 0 };

	for (size_t i = 0; i < COUNT(signals); i++) {
		AUTO_STR name = xasprintf("pid.%zu", i);
		AUTO_STR path = at(name);
		AUTO_STR plan = xasprintf("{'steps': [{'do': 'command', 'argv': ['sh', '-c', "
					  "'echo $$ >%s.new; mv %s.new %s; exec sleep 100']},"
					  "{'id': 'next', 'do': 'command', 'argv': ['true']}]}",
					  path, path, path);
		struct run r = agent_begin(false, plan);

		wait_for_file(path);
		if (signals[i])
			ck_assert_int_eq(kill(r.pid, signals[i]), 0);
		else
			r.status = (close(r.status), open("/dev/null", O_RDONLY | O_CLOEXEC));
		agent_wait(&r);
		ck_assert_int_eq(r.status, signals[i] == SIGKILL ? -SIGKILL : 1);
		ck_assert_ptr_null(run_line(&r, "next"));
		ck_assert(goes(pid_in(path)));
		run_release(&r);
	}
}
END_TEST

/* ---- what depends on a change ---- */

START_TEST(what_nothing_changed_for_is_left_out)
{
	AUTO_STR path = at("config");
	AUTO_STR done = at("restarted");
	AUTO_STR plan = xasprintf("{'steps': [{'id': 'c', 'do': 'file', 'path': '%s', "
				  "'content': 'x'}, {'id': 'r', 'if_changed': ['c'], "
				  "'do': 'command', 'argv': ['touch', '%s']}]}",
				  path, done);
	struct run r = agent_run(false, plan);

	ended(&r, true, true);
	ck_assert(json_truth(run_line(&r, "r"), "changed", false));
	run_release(&r);
	ck_assert_int_eq(unlink(done), 0);
	r = agent_run(false, plan);
	ended(&r, true, false);
	ck_assert_ptr_nonnull(json_str(run_line(&r, "r"), "skipped"));
	run_release(&r);
	ck_assert_int_ne(access(done, F_OK), 0);
}
END_TEST

/* Between the change and what it asks for: the next run pays. */
START_TEST(a_killed_run_is_finished_by_the_next)
{
	AUTO_STR path = at("config2");
	AUTO_STR done = at("restarted2");
	AUTO_STR broken = xasprintf(
		"{'steps': [{'id': 'c', 'do': 'file', 'path': '%s', 'content': 'y'},"
		"{'do': 'command', 'argv': ['sh', '-c', 'kill -9 $PPID']},"
		"{'id': 'r', 'if_changed': ['c'], 'do': 'command', 'argv': ['touch', '%s']}]}",
		path, done);
	AUTO_STR whole = xasprintf(
		"{'steps': [{'id': 'c', 'do': 'file', 'path': '%s', 'content': 'y'},"
		"{'id': 'other', 'if_changed': ['c'], 'do': 'command', 'argv': ['touch', '%s']}]}",
		path, done);
	struct run r = agent_run(false, broken);

	ck_assert_int_eq(r.status, -SIGKILL);
	run_release(&r);
	is_file(path, "y");
	ck_assert_int_ne(access(done, F_OK), 0);
	r = agent_run(false, whole);
	ck_assert(!json_truth(run_line(&r, "c"), "changed", true));
	ck_assert(json_truth(run_line(&r, "other"), "changed", false));
	run_release(&r);
	ck_assert_int_eq(access(done, F_OK), 0);
	r = agent_run(false, whole);
	ended(&r, true, false);
	run_release(&r);
}
END_TEST

/* At any moment: in the end all is there, once, and nothing beside it. */
START_TEST(killed_anywhere_it_converges)
{
	AUTO_STR folder = at("many");
	AUTO_BUF list = BUF_INIT;
	struct run r;

	buf_addf(&list, "{'steps': [{'do': 'folder', 'path': '%s'}", folder);
	for (int i = 0; i < 30; i++)
		buf_addf(&list, ",{'id': 'f%d', 'do': 'file', 'path': '%s/%d', 'content': '%d'}", i,
			 folder, i, i);
	buf_addf(&list,
		 ",{'id': 'end', 'if_changed': ['f0', 'f29'], 'do': 'command', "
		 "'argv': ['sh', '-c', 'echo x >>%s.log']}]}",
		 folder);
	for (int i = 0; i < 40; i++) {
		AUTO_STR drop = xasprintf("%s/%d", folder, i % 31);

		(void)unlink(drop);
		r = agent_begin(false, list.s);
		clock_sleep_ms(i % 20);
		(void)kill(r.pid, SIGKILL);
		agent_wait(&r);
		run_release(&r);
	}
	r = agent_run(false, list.s);
	ck_assert(json_truth(run_end(&r), "ok", false));
	run_release(&r);
	r = agent_run(false, list.s);
	ended(&r, true, false);
	run_release(&r);
	AUTO_STR count = xasprintf("test $(ls -A %s | wc -l) = 30 -a -s %s.log", folder, folder);
	AUTO_STR check =
		xasprintf("{'do': 'command', 'query': true, 'argv': ['sh', '-c', '%s']}", count);
	steps(false, check, "", true, false);
}
END_TEST

/* ---- one at a time ---- */

START_TEST(the_second_waits_and_says_for_whom)
{
	NEED_MACHINE;
	static const char first[] =
		"{'by': 'ann', 'steps': [{'do': 'command', 'argv': "
		"['sh', '-c', 'touch /run/begun; while ! test -e /run/go; do sleep 0.1; done']}]}";
	static const char second[] =
		"{'deadline_s': 1, 'steps': [{'do': 'command', 'argv': ['true']}]}";
	static const char reads[] = "{'steps': [{'do': 'facts', 'names': ['kernel']}]}";
	AUTO_STR begun = scratch_path("/run/begun");
	struct run r = agent_begin(true, first), other;

	wait_for_file(begun);
	other = agent_run(true, second);
	ck_assert_ptr_nonnull(strstr(json_str(run_end(&other), "refused"), "for ann"));
	ck_assert_str_eq(json_str(run_end(&other), "kind"), "timeout");
	run_release(&other);
	other = agent_run(true, reads);
	ended(&other, true, false);
	run_release(&other);
	scratch_write("/run/go", "", 0600);
	agent_wait(&r);
	ended(&r, true, true);
	run_release(&r);
}
END_TEST

/* ---- blobs ---- */

START_TEST(blobs_are_asked_for_and_swept)
{
	char sum[SHA256_HEX];
	struct json_object *lacking;

	sha256_text("blob\n", 5, sum);
	AUTO_STR path = at("from-blob");
	AUTO_STR name = xasprintf("agent/blobs/%s", sum);
	AUTO_STR part = xasprintf("agent/blobs/%s.part", sum);
	AUTO_STR blob = at(name);
	AUTO_STR plan =
		xasprintf("{'steps': [{'do': 'file', 'path': '%s', 'blob': '%s'}]}", path, sum);
	sandbox_write(part, "bl");
	struct run r = agent_run(false, plan);
	ck_assert_int_eq(r.status, 1);
	lacking = json_nth(json_at(run_end(&r), "lacking"), 0);
	ck_assert_str_eq(json_str(lacking, "sha256"), sum);
	ck_assert_int_eq(json_int(lacking, "have", -1), 2);
	run_release(&r);

	sandbox_write(name, "damaged");
	r = agent_run(false, plan);
	ck_assert_ptr_nonnull(strstr(text_of(&r), "was damaged"));
	run_release(&r);
	ck_assert_int_ne(access(blob, F_OK), 0);

	sandbox_write(name, "blob\n");
	r = agent_run(false, plan);
	ended(&r, true, true);
	run_release(&r);
	is_file(path, "blob\n");
	ck_assert_int_ne(access(blob, F_OK), 0);
	r = agent_run(false, plan);
	ended(&r, true, false);
	run_release(&r);
}
END_TEST

/* Versions of the agent, and blobs of plans that nobody ended. */
START_TEST(what_nobody_has_asked_for_in_long_is_swept)
{
	NEED_MACHINE;
	static const struct {
		const char *path;
		int days;
		bool stays;
	} cases[] = {
		{ "agent-0123456789abcdef", 40, false },
		{ "agent-0123456789abcde0", 20, true },
		{ "agent-of-somebody-else", 400, true },
		{ "owned", 400, true },
		{ "blobs/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 9,
		  false },
		{ "blobs/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.part", 9,
		  false },
		{ "blobs/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde0", 5,
		  true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR path = xasprintf("/var/lib/treenail/%s", cases[i].path);
		AUTO_STR touch = xasprintf("touch -d '%d days ago' %s", cases[i].days, path);

		scratch_write(path, "", 0600);
		ck_assert_int_eq(scratch_shell(touch), 0);
	}
	steps(true, "{'do': 'facts', 'names': ['kernel']}", "", true, false);
	steps(true, "{'do': 'command', 'argv': ['true']}", "", true, true);
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR name = xasprintf("/var/lib/treenail/%s", cases[i].path);
		AUTO_STR path = scratch_path(name);

		ck_assert_msg((access(path, F_OK) == 0) == cases[i].stays, "%s", path);
	}
}
END_TEST

START_TEST(a_full_disk_leaves_what_was_there)
{
	NEED_MACHINE;
	AUTO_STR path = scratch_path("/mnt");
	AUTO_BUF list = BUF_INIT;

	ck_assert_int_eq(mount("tmpfs", path, "tmpfs", 0, "size=64k"), 0);
	scratch_write("/mnt/file", "old", 0644);
	buf_adds(&list, "{'do': 'file', 'path': '/mnt/file', 'content': '");
	for (int i = 0; i < 100000; i++)
		buf_adds(&list, "x");
	buf_adds(&list, "'}");
	fails(true, list.s, "No space left");
	AUTO_STR text = scratch_read("/mnt/file");
	ck_assert_str_eq(text, "old");
	ck_assert_int_eq(scratch_shell("test $(ls -A /mnt) = file"), 0);
	(void)umount2(path, MNT_DETACH);
}
END_TEST

/* ---- the machine ---- */

START_TEST(sysctls)
{
	NEED_MACHINE;
	comes_true(true, "{'do': 'sysctl', 'values': {'net.ipv4.ip_forward': 1, "
			 "'net/ipv4/ip_local_port_range': '20000 30000'}}");
	AUTO_STR text = scratch_read("/etc/sysctl.d/90-treenail.conf");
	ck_assert_str_eq(text, "net.ipv4.ip_forward = 1\n"
			       "net/ipv4/ip_local_port_range = 20000 30000\n");
	AUTO_STR now = scratch_read("/proc/sys/net/ipv4/ip_local_port_range");
	ck_assert_str_eq(now, "20000\t30000\n");
	fails(true, "{'do': 'sysctl', 'values': {'net.no.such': 1}}",
	      "is its kernel module loaded?");
}
END_TEST

START_TEST(swap_is_off)
{
	NEED_MACHINE;
	scratch_write("/etc/fstab",
		      "/dev/a / ext4 defaults 0 1\n/dev/b none swap sw 0 0\n# c none swap\n/swap x "
		      "swap",
		      0644);
	comes_true(true, "{'do': 'swap'}");
	AUTO_STR text = scratch_read("/etc/fstab");
	ck_assert_str_eq(text, "/dev/a / ext4 defaults 0 1\n# /dev/b none swap sw 0 0\n# c none "
			       "swap\n# /swap x swap");
}
END_TEST

START_TEST(kernel_modules)
{
	NEED_MACHINE;
	scratch_write("/fake/modprobe",
		      "#!/bin/sh\n[ $2 != absent ] || { echo not found >&2; exit 1; }\necho $2 "
		      ">>/run/probed\n",
		      0755);
	AUTO_STR builtin = scratch_path("/sys/module/kernel");
	steps(true, "{'do': 'kernel_module', 'modules': ['treenail-test'], 'file': '/etc/m'}", "",
	      true, true);
	AUTO_STR probed = scratch_read("/run/probed");
	ck_assert_str_eq(probed, "treenail-test\n");
	AUTO_STR file = scratch_read("/etc/m");
	ck_assert_str_eq(file, "treenail-test\n");
	if (access(builtin, F_OK) == 0)
		comes_true(true, "{'do': 'kernel_module', 'modules': ['kernel']}");
	fails(true, "{'do': 'kernel_module', 'modules': ['absent']}", "not found");
}
END_TEST

static const char SYSTEMCTL[] =
	"#!/bin/sh\n"
	"d=/run/units; mkdir -p $d; shift_to() { while [ $# -gt 1 ]; do shift; done; u=$1; }\n"
	"shift_to \"$@\"; echo \"$1 $u\" >>$d/log\n"
	"case $1 in\n"
	"show) [ -e /etc/$u ] && l=loaded || l=not-found\n"
	"  echo LoadState=$l; echo ActiveState=$(cat $d/$u.active 2>/dev/null || echo inactive)\n"
	"  echo SubState=x; echo UnitFileState=$(cat $d/$u.enabled 2>/dev/null || echo disabled)\n"
	"  echo ActiveEnterTimestampMonotonic=$(cat $d/$u.since 2>/dev/null || echo 0)\n"
	"  [ -e $d/reload ] && echo NeedDaemonReload=yes || echo NeedDaemonReload=no;;\n"
	"daemon-reload) rm -f $d/reload;;\n"
	"start|restart|reload-or-restart) [ ! -e $d/$u.broken ] || exit 1; echo active >$d/$u.active;;\n"
	"stop) echo inactive >$d/$u.active;;\n"
	"enable|disable) echo $1d >$d/$u.enabled;;\n"
	"esac\n";

START_TEST(services)
{
	struct run r;

	NEED_MACHINE;
	scratch_write("/fake/systemctl", SYSTEMCTL, 0755);
	scratch_write("/fake/journalctl", "#!/bin/sh\necho last words of $*\n", 0755);
	scratch_write("/etc/a.service", "", 0644);
	scratch_write("/run/units/reload", "", 0644);
	comes_true(true, "{'do': 'service', 'unit': 'a.service', 'enabled': true, "
			 "'state': 'started'}");
	AUTO_STR log = scratch_read("/run/units/log");
	ck_assert_ptr_nonnull(strstr(log, "daemon-reload daemon-reload\nenable a.service\nstart"));
	comes_true(true, "{'do': 'service', 'unit': 'a.service', 'enabled': false, "
			 "'state': 'stopped'}");
	steps(true, "{'do': 'service', 'unit': 'a.service', 'state': 'restarted'}", "", true, true);
	scratch_write("/run/units/a.service.since", "1000000", 0644);
	r = agent_run(
		true,
		"{'steps': [{'id': 's', 'do': 'facts', 'names': ['services'], 'services': ['a.service']}]}");
	struct json_object *told = json_at(run_line(&r, "s"), "facts.services"), *one = NULL;
	ck_assert(json_object_object_get_ex(told, "a.service", &one));
	ck_assert_str_eq(json_str(one, "active"), "active");
	ck_assert_int_le(llabs(json_int(one, "since_s", -600) - (clock_ms() / 1000 - 1)), 300);
	run_release(&r);
	steps(true, "{'do': 'service', 'unit': 'none', 'enabled': false, 'state': 'stopped'}", "",
	      true, false);
	steps(true, "{'do': 'service', 'unit': 'none', 'state': 'started'}", ", 'check': true",
	      true, true);
	fails(true, "{'do': 'service', 'unit': 'none', 'state': 'started'}", "no unit 'none'");
	scratch_write("/run/units/a.service.broken", "", 0644);
	fails(true, "{'do': 'service', 'unit': 'a.service', 'state': 'restarted'}",
	      "last words of --no-pager");
}
END_TEST

/* The last step of its plan; what is behind it is for the next session. */
START_TEST(restarts)
{
	NEED_MACHINE;
	static const char plan[] =
		"{'steps': [{'id': 'a', 'do': 'file', 'path': '/etc/kernel-thing', 'content': 'x'},"
		"{'id': 'b', 'do': 'reboot', 'if_changed': ['a']},"
		"{'id': 'c', 'do': 'command', 'argv': ['touch', '/run/after'], 'if_changed': ['a']}]}";
	struct run r;

	scratch_write("/fake/systemctl", SYSTEMCTL, 0755);
	r = agent_run(true, plan);
	ended(&r, true, true);
	ck_assert_ptr_nonnull(json_str(run_end(&r), "rebooting"));
	ck_assert_ptr_null(run_line(&r, "c"));
	run_release(&r);
	/* Whoever sends all of it again does not restart it again. */
	r = agent_run(true, plan);
	ended(&r, true, true);
	ck_assert_ptr_null(json_str(run_end(&r), "rebooting"));
	ck_assert_ptr_nonnull(json_str(run_line(&r, "b"), "skipped"));
	ck_assert(json_truth(run_line(&r, "c"), "changed", false));
	run_release(&r);
}
END_TEST

START_TEST(images)
{
	NEED_MACHINE;
	scratch_write("/fake/ctr",
		      "#!/bin/sh\ntouch /run/images\ncase $4 in ls) cat /run/images;; "
		      "import) cat $5 >>/run/images;; esac\n",
		      0755);
	scratch_write("/srv/archive", "registry.example/a:1\ndocker.io/library/b:2\n", 0644);
	comes_true(true, "{'do': 'image', 'path': '/srv/archive', 'names': "
			 "['registry.example/a:1', 'b:2']}");
	scratch_write("/fake/docker",
		      "#!/bin/sh\ntouch /run/docked\ncase $1 in images) cat /run/docked;; "
		      "load) sed s,docker.io/library/,, $4 >>/run/docked;; esac\n",
		      0755);
	comes_true(true, "{'do': 'image', 'path': '/srv/archive', 'runtime': 'docker', 'names': "
			 "['registry.example/a:1', 'docker.io/library/b:2']}");
	fails(true, "{'do': 'image', 'path': '/srv/archive', 'names': ['b']}",
	      "does not have all of them: b lacks");
	char sum[SHA256_HEX];
	sha256_text("c:3\n", 4, sum);
	AUTO_STR name = xasprintf("/var/lib/treenail/blobs/%s", sum);
	AUTO_STR list = xasprintf("{'do': 'image', 'blob': '%s', 'names': ['c:3']}", sum);
	fails(true, list, "lacking");
	scratch_write(name, "c:3\n", 0600);
	comes_true(true, list);
	AUTO_STR gone = scratch_read(name);
	ck_assert_ptr_null(gone);
}
END_TEST

/* Answers one connection after the other with a text; what it has to say first is a failure. */
static pid_t answer(int *port)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	pid_t pid;

	if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 9) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		abort();
	*port = ntohs(a.sin_port);
	pid = fork();
	if (pid) {
		(void)close(fd);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0;; i++) {
		const int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		const char *text =
			i < 3 ? "HTTP/1.1 503 Not Yet\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
		char part[256];

		if (recv(c, part, sizeof(part), 0) > 0)
			(void)!write(c, text, strlen(text));
		(void)close(c);
	}
}

START_TEST(waiting_until_something_answers)
{
	int port;
	const pid_t pid = answer(&port);
	AUTO_STR url = xasprintf("{'do': 'ready', 'url': 'http://127.0.0.1:%d/healthz'},"
				 "{'do': 'ready', 'tcp': '127.0.0.1:%d'}",
				 port, port);
	AUTO_STR gone = xasprintf("{'do': 'ready', 'tcp': '127.0.0.1:%d', 'timeout_s': 1}", port);
	AUTO_STR path = at("no.socket");
	AUTO_STR none = xasprintf("{'do': 'ready', 'socket': '%s', 'timeout_s': 0}", path);

	steps(false, url, "", true, false);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	fails(false, gone, "is not ready after 1 s: connecting: Connection refused");
	fails(false, none, "is not ready after 0 s: connecting: No such file");
}
END_TEST

START_TEST(clocks_and_space)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	AUTO_STR right = xasprintf(", 'now': %lld", (long long)now.tv_sec);
	AUTO_STR wrong = xasprintf("{'now': %lld, 'steps': [{'do': 'time', 'max_offset_s': 5}]}",
				   (long long)now.tv_sec + 3600);
	struct run r = agent_run(false, wrong);
	const char *text = text_of(&r);
	ck_assert_msg(strstr(text, "s slow: at most 5.0 s are right"), "%s", text);
	run_release(&r);
	steps(false, "{'do': 'time', 'max_offset_s': 3600}", right, true, false);
	steps(false, "{'do': 'space', 'path': '/tmp/not/there', 'free_mb': 1}", "", true, false);
	fails(false, "{'do': 'space', 'path': '/tmp', 'free_mb': 2000000000}", "MiB free, wanted");
}
END_TEST

START_TEST(all_facts_are_found)
{
	AUTO_STR cert = at("c.pem");
	AUTO_STR conf = at("c.conf");
	AUTO_STR plan = xasprintf(
		"{'steps': [{'id': 'f', 'do': 'facts', 'names': ['os', 'kernel', 'arch', 'hostname', "
		"'machine_id', 'boot_id', 'cpu', 'memory', 'mounts', 'interfaces', 'clock', 'cgroup', "
		"'swap', 'user', 'files', 'certificates'], 'files': ['%s', '/no/such'], "
		"'certificates': ['%s/c.*']}]}",
		cert, sandbox_path());
	struct json_object *f;
	struct run r;

	sandbox_write("c.pem", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
			       "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n");
	sandbox_write("c.conf",
		      "a:\n  client-certificate-data: "
		      "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkJCCi0tLS0tRU5EIENFUlRJRklDQVRF"
		      "LS0tLS0K\n  client-key-data: canary\n");
	r = agent_run(false, plan);
	f = json_at(run_line(&r, "f"), "facts");
	ck_assert_msg(json_object_object_length(f) == 16, "%s", text_of(&r));
	ck_assert_int_gt(json_int(f, "memory.total_mb", 0), 0);
	ck_assert_int_gt(json_int(f, "cpu.count", 0), 0);
	ck_assert_str_eq(json_str(f, "interfaces.lo.mac"), "00:00:00:00:00:00");
	ck_assert(json_list_has(json_at(f, "interfaces.lo.addresses"),
				json_nth(json_at(f, "interfaces.lo.addresses"), 0)));
	ck_assert_int_eq(json_int(json_object_object_get(json_at(f, "files"), cert), "size", 0),
			 118);
	ck_assert(json_has(json_at(f, "files"), "/no/such"));
	unit_same(json_object_object_get(json_at(f, "certificates"), cert),
		  "['-----BEGIN CERTIFICATE-----\\nAA\\n-----END CERTIFICATE-----\\n']");
	unit_same(json_object_object_get(json_at(f, "certificates"), conf),
		  "['-----BEGIN CERTIFICATE-----\\nBB\\n-----END CERTIFICATE-----\\n']");
	ck_assert_ptr_null(strstr(text_of(&r), "canary"));
	run_release(&r);
}
END_TEST

/* ---- packages, by the real apt from a source of our own ---- */

static const char REPOSITORY[] =
	"rm -rf /etc/apt/sources.list* /etc/apt/preferences.d /var/lib/apt/lists/* /fake/apt*\n"
	"mkdir -p /srv/repo /etc/apt/sources.list.d\n"
	"echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list.d/own.list\n"
	"cd /srv/repo; : >Packages\n"
	"for p in treenail-a=1.0-1 treenail-a=1.1-2 treenail-a=2.0-1 treenail-b=5; do\n"
	"  n=${p%=*}; v=${p#*=}; mkdir -p t/DEBIAN\n"
	"  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: x <x@y.z>\\nDescription: "
	"x\\n' $n $v >t/DEBIAN/control\n"
	"  dpkg-deb --build t $n-$v.deb >/dev/null\n"
	"  { cat t/DEBIAN/control; echo Filename: ./$n-$v.deb; echo Size: $(stat -c %s $n-$v.deb)\n"
	"    s=$(sha256sum $n-$v.deb); echo SHA256: ${s%% *}; echo; } >>Packages\n"
	"done\n";

static bool packages_there(void)
{
	if (scratch_shell("command -v apt-get dpkg-deb") == 0)
		return scratch_shell(REPOSITORY) == 0;
	(void)fprintf(stderr, "LEFT OUT: packages: there is no apt-get or dpkg-deb here\n");
	return false;
}

START_TEST(packages)
{
	NEED_MACHINE;
	if (!packages_there())
		return;
	comes_true(true, "{'do': 'package', 'packages': {'treenail-a': '1.0', 'treenail-b': null}, "
			 "'hold': true}");
	ck_assert_int_eq(scratch_shell("dpkg-query -W -f '${Version} ${Status}\n' treenail-a | "
				       "grep -qx '1.0-1 hold ok installed'"),
			 0);
	comes_true(true, "{'do': 'package', 'packages': {'treenail-a': '1.*'}, 'hold': false}");
	fails(true, "{'do': 'package', 'packages': {'treenail-a': '9.9'}}",
	      "there are: 2.0-1, 1.1-2, 1.0-1");
	fails(true, "{'do': 'package', 'packages': {'treenail-none': null}}",
	      "is its source configured?");
	comes_true(true, "{'do': 'package', 'packages': {'treenail-a': '2.0-1'}}");
	fails(true, "{'do': 'package', 'packages': {'treenail-a': '1.1'}}", "allow_downgrade");
	comes_true(true, "{'do': 'package', 'packages': {'treenail-a': '1.1'}, "
			 "'allow_downgrade': true}");
	comes_true(true, "{'do': 'package', 'packages': {'treenail-a': false, "
			 "'treenail-b': '5'}}");
	ck_assert_int_ne(scratch_shell("dpkg-query -W -f '${Version}\n' treenail-a | grep -q ."),
			 0);
}
END_TEST

/* A lock that somebody has: waited for, and told by name. */
START_TEST(who_has_the_lock_of_packages_is_told)
{
	NEED_MACHINE;
	AUTO_STR path = scratch_path("/var/lib/dpkg/lock-frontend");
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	struct run r;

	if (!packages_there())
		return;
	ck_assert_int_eq(fcntl(fd, F_SETLK, &l), 0);
	r = agent_run(true, "{'deadline_s': 2, 'steps': [{'id': 'p', 'do': 'package', 'packages': "
			    "{'treenail-a': '2.0'}}]}");
	ck_assert_msg(strstr(json_str(run_line(&r, "p"), "msg"), "is locked by 't_agent'"), "%s",
		      text_of(&r));
	run_release(&r);
	(void)close(fd);
}
END_TEST

static const char SLOW[] =
	"cd /srv/repo; rm -rf t; mkdir -p t/DEBIAN\n"
	"printf 'Package: treenail-slow\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y.z>\n"
	"Description: x\n' >t/DEBIAN/control\n"
	"printf '#!/bin/sh\n[ -e /run/go ] && exit; echo $PPID >/run/i; mv /run/i /run/inst\n"
	"for i in $(seq 1 3000); do [ -e /run/go ] && exit; sleep 0.1; done\n' >t/DEBIAN/postinst\n"
	"chmod 755 t/DEBIAN/postinst; dpkg-deb --build t slow.deb >/dev/null\n"
	"{ cat t/DEBIAN/control; echo Filename: ./slow.deb; echo Size: $(stat -c %s slow.deb)\n"
	"  s=$(sha256sum slow.deb); echo SHA256: ${s%% *}; echo; } >>Packages\n"
	"rm -f /run/go /run/inst\n";

/* Killed in the middle of it, and so is dpkg: the next run finishes what they began. */
START_TEST(half_a_package_is_finished)
{
	NEED_MACHINE;
	static const char plan[] =
		"{'steps': [{'id': 'p', 'do': 'package', 'packages': {'treenail-slow': '1'}}]}";
	AUTO_STR path = scratch_path("/run/inst");
	struct run r;

	if (!packages_there())
		return;
	ck_assert_int_eq(scratch_shell(SLOW), 0);
	r = agent_begin(true, plan);
	wait_for_file(path);
	ck_assert_int_eq(kill(r.pid, SIGKILL), 0);
	ck_assert_int_eq(kill(pid_in(path), SIGKILL), 0);
	agent_wait(&r);
	run_release(&r);
	ck_assert(goes(pid_in(path)));
	scratch_write("/run/go", "", 0600);
	ck_assert_int_eq(scratch_shell("dpkg-query -W -f '${Status}' treenail-slow | "
				       "grep -qE \"half-configured|unpacked\""),
			 0);
	comes_true(true, "{'do': 'package', 'packages': {'treenail-slow': '1'}}");
}
END_TEST

static void set_up(void)
{
	sandbox_enter();
	scratch_enter();
}

static void tear_down(void)
{
	scratch_leave();
	sandbox_leave();
}

UNIT_MAIN_IN("agent", set_up, tear_down, sums_are_those_of_openssl,
	     bad_plans_are_refused_before_anything_is_done, a_file_is_written_once,
	     without_a_mode_it_stays, a_link_is_replaced_and_what_it_led_to_is_not, devices_stay,
	     a_difference_is_shown, a_secret_is_in_no_report, blocks_of_lines,
	     links_and_what_is_to_be_gone, reading, commands, commands_that_need_not_be_run,
	     a_command_that_hangs_is_ended, an_agent_that_goes_takes_its_command_along,
	     what_nothing_changed_for_is_left_out, a_killed_run_is_finished_by_the_next,
	     killed_anywhere_it_converges, the_second_waits_and_says_for_whom,
	     blobs_are_asked_for_and_swept, what_nobody_has_asked_for_in_long_is_swept,
	     a_full_disk_leaves_what_was_there, sysctls, swap_is_off, kernel_modules, services,
	     restarts, images, waiting_until_something_answers, clocks_and_space,
	     all_facts_are_found, packages, who_has_the_lock_of_packages_is_told,
	     half_a_package_is_finished)
