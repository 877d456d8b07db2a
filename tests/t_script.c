#include <string.h>
#include <unistd.h>

#include "file.h"
#include "sandbox.h"
#include "ssh/key.h"
#include "ssh/script.h"
#include "sshd.h"
#include "unit.h"

static struct err *take_key(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	(void)arg;
	(void)t;
	(void)key;
	return NULL;
}

struct one {
	struct ssh_script x;
	struct ssh_script_result r;
};

static struct err *task(struct ssh_session *s, void *arg)
{
	struct one *o = arg;

	return ssh_script(s, &o->x, &o->r);
}

static struct err *on(const struct sshd *d, struct one *o)
{
	const struct ssh_options patient = { .connect_ms = 3000000, .host_ms = 3000000 };
	struct ssh_run *run = ssh_run_new(&patient);
	AUTO_STR path = sshd_path("keys/ed25519");
	struct ssh_key *key = NULL;
	struct err *e = NULL;
	struct ssh_job *j;

	unit_ok(ssh_key_load(path, NULL, &key));
	const struct ssh_key *const keys[] = { key };
	const struct ssh_target t = { .host = "127.0.0.1",
				      .port = d->port,
				      .user = sshd_user(),
				      .keys = keys,
				      .nkeys = 1,
				      .check = take_key };
	o->r = (struct ssh_script_result)SSH_SCRIPT_RESULT_INIT;
	j = ssh_run_add(run, &t, task, o);
	ssh_run_all(run);
	if (ssh_job_err(j))
		e = err_new(ssh_job_err(j)->kind, "%s", ssh_job_err(j)->text);
	ssh_run_free(run);
	ssh_key_free(key);
	return e;
}

/* It runs, and says this. */
#define says(d, words, status_, ...)                      \
	do {                                              \
		struct one o_ = { .x = { __VA_ARGS__ } }; \
		unit_ok(on((d), &o_));                    \
		ck_assert(o_.r.ran && !o_.r.skipped);     \
		ck_assert_str_eq(o_.r.r.out.s, words);    \
		ck_assert_int_eq(o_.r.r.status, status_); \
		ssh_script_result_release(&o_.r);         \
	} while (0)

#define skips(d, why, ...)                                \
	do {                                              \
		struct one o_ = { .x = { __VA_ARGS__ } }; \
		unit_ok(on((d), &o_));                    \
		ck_assert(!o_.r.ran);                     \
		ck_assert_str_eq(o_.r.skipped, why);      \
		ck_assert_uint_eq(o_.r.r.out.len, 0);     \
		ssh_script_result_release(&o_.r);         \
	} while (0)

START_TEST(commands_run_as_they_are)
{
	static const char *const argv[] = {
		"printf", "%s|", "a b", "it's", "$HOME", "\n", "*", NULL
	};
	static const char *const env[] = { "GREETING", "it's \"$HOME\"\nand more", "EMPTY", "",
					   NULL };
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	says(&d, "a b|it's|$HOME|\n|*|", 0, .argv = argv);
	says(&d, "one\ntwo\n", 0, .command = "echo one\necho two");
	says(&d, "here", 0, .command = "cat", .in = "here", .in_len = 4);
	says(&d, "a\\b\n", 0, .command = "read -r x; printf '%s\\n' \"$x\"", .in = "a\\b\nrest\n",
	     .in_len = 9);
	says(&d, "it's \"$HOME\"\nand more", 0, .command = "printf %s \"$GREETING$EMPTY\"",
	     .env = env);
	says(&d, "/usr\n", 0, .command = "pwd", .chdir = "/usr");
	says(&d, "", 7, .command = "exit 7");
	says(&d, "", 0, .command = "env | grep treenail_ || true");
	sshd_stop(&d);
}
END_TEST

START_TEST(big_input_reaches_the_command)
{
	enum { N = 3 << 20 };
	char *in = xcalloc(N, 1);
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	memset(in, 'x', N);
	says(&d, "3145728\n", 0, .command = "wc -c", .in = in, .in_len = N);
	sshd_stop(&d);
	free(in);
}
END_TEST

START_TEST(what_needs_no_run_is_not_run)
{
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	AUTO_STR folder = sshd_path("");
	says(&d, "", 0, .command = "touch made", .chdir = folder, .creates = "made");
	skips(&d, "creates", .command = "touch again", .chdir = folder, .creates = "made");
	skips(&d, "removes", .command = "touch again", .chdir = folder, .removes = "not there");
	skips(&d, "unless", .command = "touch again", .chdir = folder,
	      .unless = "test -e made; exit $?");
	says(&d, "", 0, .command = "rm made", .chdir = folder, .removes = "made",
	     .unless = "exit 1");
	ck_assert_int_ne(access("again", F_OK), 0);
	ck_assert_int_ne(access("made", F_OK), 0);
	sshd_stop(&d);
}
END_TEST

START_TEST(check_looks_and_does_nothing)
{
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	AUTO_STR folder = sshd_path("");
	says(&d, "", 0, .command = "touch made", .unless = "touch made; false", .chdir = folder,
	     .check = true);
	ck_assert_int_ne(access("made", F_OK), 0);
	skips(&d, "creates", .command = "true", .creates = "/", .check = true);
	sshd_stop(&d);
}
END_TEST

START_TEST(what_cannot_begin_is_an_error)
{
	static const char *const env[] = { "A=B", "c", NULL };
	struct one o = { .x = { .command = "true", .chdir = "/no/such/folder" } };
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	unit_fails(on(&d, &o), ERR_NOT_FOUND, "running 'true': chdir to '/no/such/folder': ");
	ssh_script_result_release(&o.r);
	o = (struct one){ .x = { .command = "true", .env = env } };
	unit_fails(on(&d, &o), ERR_USAGE, "cannot be the name of a variable");
	ssh_script_result_release(&o.r);
	sshd_stop(&d);
	d = sshd_start("ForceCommand echo 'Your password has expired' >&2; exit 1\n");
	o = (struct one){ .x = { .command = "true" } };
	unit_fails(on(&d, &o), ERR_REMOTE, "status 1: Your password has expired");
	ssh_script_result_release(&o.r);
	sshd_stop(&d);
}
END_TEST

/* A shell that greets everybody. */
START_TEST(noise_of_the_shell_is_left_out)
{
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("ForceCommand echo welcome; eval \"$SSH_ORIGINAL_COMMAND\"\n");
	says(&d, "mine\n", 0, .command = "echo mine");
	sshd_stop(&d);
}
END_TEST

START_TEST(outputs_are_capped)
{
	struct one o = { .x = { .command = "head -c 200000 /dev/zero | tr '\\0' x",
				.out_max = 1000 } };
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	unit_ok(on(&d, &o));
	ck_assert_uint_eq(o.r.r.out.len, 1000);
	ck_assert_uint_eq(o.r.r.out_left, 199000);
	ssh_script_result_release(&o.r);
	sshd_stop(&d);
}
END_TEST

/* What the command and its variables say is in nobody's list of processes. */
START_TEST(nothing_is_on_a_command_line)
{
	static const char *const env[] = { "SECRET_WORD", "canary-value", NULL };
	struct sshd d;

	NEED_SSHD;
	d = sshd_start("");
	says(&d, "0\n", 0,
	     .command =
		     "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c canary-val[u]e; true",
	     .env = env);
	sshd_stop(&d);
}
END_TEST

UNIT_MAIN_IN("script", sshd_enter, sandbox_leave, commands_run_as_they_are,
	     big_input_reaches_the_command, what_needs_no_run_is_not_run,
	     check_looks_and_does_nothing, what_cannot_begin_is_an_error,
	     noise_of_the_shell_is_left_out, outputs_are_capped, nothing_is_on_a_command_line)
