#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "sandbox.h"
#include "ssh/fiber.h"
#include "ssh/key.h"
#include "ssh/sftp.h"
#include "ssh/wire.h"
#include "sshd.h"
#include "unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1, MANY = 60 };
#else
enum { SANITIZED = 0, MANY = 300 };
#endif

enum { MIB = 1 << 20, SESSION_MAX = 100 << 10 };

/* No test is about speed. */
#define PATIENT .connect_ms = 3000000, .keepalive_ms = 3000000, .host_ms = 3000000

/* ---- what the tests have in common ---- */

static struct ssh_key *load(const char *name)
{
	AUTO_STR path = sshd_path(name);
	struct ssh_key *k = NULL;

	unit_ok(ssh_key_load(path, NULL, &k));
	return k;
}

/* Whether the host's key is the one of the sandbox. */
static struct err *check_host(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	struct ssh_key *known = load("host/ed25519.pub");
	const struct buf *blob = ssh_key_blob(known);
	const bool same = blob->len == key->len && memcmp(blob->s, key->blob, key->len) == 0;

	(void)arg;
	ssh_key_free(known);
	return same ? NULL
		    : err_new(ERR_AUTH, "the host key of '%s' has changed: it is of type %s",
			      t->host, key->type);
}

struct user {
	struct ssh_key *key;
	const struct ssh_key *keys[1];
	struct ssh_target target;
};

static void user_init(struct user *u, const struct sshd *d, const char *key)
{
	*u = (struct user){ 0 };
	u->target = (struct ssh_target){
		.host = "127.0.0.1", .port = d->port, .user = sshd_user(), .check = check_host
	};
	if (!key)
		return;
	u->key = load(key);
	u->keys[0] = u->key;
	u->target.keys = u->keys;
	u->target.nkeys = 1;
}

static void user_release(struct user *u)
{
	ssh_key_free(u->key);
}

/* One task on one host: its error. */
static struct err *on(const struct ssh_target *t,
		      struct err *(*task)(struct ssh_session *s, void *arg), void *arg)
{
	const struct ssh_options o = { PATIENT };
	struct ssh_run *run = ssh_run_new(&o);
	struct ssh_job *j = ssh_run_add(run, t, task, arg);
	const struct err *e;
	struct err *ret = NULL;

	ssh_run_all(run);
	e = ssh_job_err(j);
	if (e) {
		ret = err_new(e->kind, "%s", e->text);
		ret->ambiguous = e->ambiguous;
	}
	ssh_run_free(run);
	return ret;
}

struct command {
	struct ssh_exec x;
	struct ssh_result r;
};

static struct err *run_command(struct ssh_session *s, void *arg)
{
	struct command *c = arg;

	return ssh_exec(s, &c->x, &c->r);
}

static struct err *nothing(struct ssh_session *s, void *arg)
{
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e = ssh_exec(s, &(struct ssh_exec){ .command = "true" }, &r);

	ssh_result_release(&r);
	if (!e && arg)
		++*(int *)arg;
	return e;
}

/* ---- without a server ---- */

static void count_up(void *arg)
{
	int *n = arg;

	++*n;
}

START_TEST(fibers_begin_and_end)
{
	int n = 0;
	struct fiber *f = fiber_new(count_up, &n);

	ck_assert(fiber_resume(f));
	ck_assert_int_eq(n, 1);
	fiber_free(f);
}
END_TEST

START_TEST(words_are_quoted)
{
	AUTO_STR plain = ssh_quote("a b");
	AUTO_STR hard = ssh_quote("it's $HOME");

	ck_assert_str_eq(plain, "'a b'");
	ck_assert_str_eq(hard, "'it'\\''s $HOME'");
}
END_TEST

START_TEST(sftp_answers_have_words)
{
	AUTO_BUF b = BUF_INIT;

	unit_fails(sftp_status("\0\0", 2), ERR_PROTOCOL, "makes no sense");
	wire_put_u32(&b, 4);
	wire_puts(&b, "Failure");
	unit_fails(sftp_status(b.s, b.len), ERR_REMOTE, "'Failure' (4)");
	unit_fails(sftp_status("\0\0\0\2", 4), ERR_NOT_FOUND, "does not exist");
	unit_ok(sftp_status("\0\0\0\0", 4));
}
END_TEST

START_TEST(what_is_no_key_is_refused)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "no key" },
		{ "ssh-ed25519", "no key" },
		{ "ssh-ed25519 ????", "no key" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
		  "damaged" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----END OPENSSH PRIVATE KEY-----\n",
		  "no private" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		  "no private key" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ssh_key *k = NULL;

		unit_fails(ssh_key_parse("k", cases[i].text, strlen(cases[i].text), NULL, &k),
			   ERR_USAGE, cases[i].words);
	}
}
END_TEST

START_TEST(a_target_without_a_check_is_refused)
{
	const struct ssh_target t = { .host = "127.0.0.1", .port = 1, .user = "u" };

	unit_fails(on(&t, nothing, NULL), ERR_USAGE, "nobody checks its host key");
}
END_TEST

START_TEST(bastions_in_a_circle_are_refused)
{
	struct ssh_target t = { .host = "127.0.0.1", .port = 1, .user = "u", .check = check_host };

	t.jump = &t;
	unit_fails(on(&t, nothing, NULL), ERR_USAGE, "more than 16 bastions");
}
END_TEST

START_TEST(nobody_listens)
{
	int port;
	const int fd = sshd_black_hole(&port);
	const struct ssh_target t = {
		.host = "127.0.0.1", .port = port, .user = "u", .check = check_host
	};

	(void)close(fd);
	unit_fails(on(&t, nothing, NULL), ERR_NETWORK, "nobody listens");
}
END_TEST

START_TEST(a_black_hole_has_a_deadline)
{
	const struct ssh_options o = { .connect_ms = 300 };
	struct ssh_run *run = ssh_run_new(&o);
	int port;
	const int fd = sshd_black_hole(&port);
	const struct ssh_target t = {
		.host = "127.0.0.1", .port = port, .user = "u", .check = check_host
	};
	struct ssh_job *jobs[20];

	for (size_t i = 0; i < COUNT(jobs); i++)
		jobs[i] = ssh_run_add(run, &t, nothing, NULL);
	ssh_run_all(run);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		ck_assert_ptr_nonnull(ssh_job_err(jobs[i]));
		ck_assert_int_eq(ssh_job_err(jobs[i])->kind, ERR_TIMEOUT);
		ck_assert_ptr_nonnull(strstr(ssh_job_err(jobs[i])->text, "no answer"));
	}
	ssh_run_free(run);
	(void)close(fd);
}
END_TEST

START_TEST(a_name_that_is_none)
{
	const struct ssh_target t = { .host = "no-such-host.invalid",
				      .user = "u",
				      .check = check_host };

	unit_fails(on(&t, nothing, NULL), ERR_NETWORK,
		   "looking up the name 'no-such-host.invalid'");
}
END_TEST

/* ---- commands ---- */

START_TEST(commands_have_input_outputs_and_a_status)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	struct command c = {
		.x = { .command = "tr a-z A-Z; echo bad >&2; exit 7", .in = "hello", .in_len = 5 },
		.r = SSH_RESULT_INIT
	};

	user_init(&u, &d, "keys/ed25519");
	unit_ok(on(&u.target, run_command, &c));
	ck_assert_str_eq(c.r.out.s, "HELLO");
	ck_assert_str_eq(c.r.err.s, "bad\n");
	ck_assert_int_eq(c.r.status, 7);
	ck_assert_ptr_null(c.r.signal);
	ssh_result_release(&c.r);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* Runs one command as the user of the sandbox, on a server of its own. */
static struct err *command(struct command *c, const char *config, const char *key)
{
	struct sshd d = sshd_start(config);
	struct user u;
	struct err *e;

	user_init(&u, &d, key);
	e = on(&u.target, run_command, c);
	user_release(&u);
	sshd_stop(&d);
	return e;
}

static ssize_t zeros(void *arg, char *s, size_t n, struct err **e)
{
	size_t *left = arg;

	(void)e;
	n = n < *left ? n : *left;
	memset(s, 'z', n);
	*left -= n;
	return (ssize_t)n;
}

START_TEST(big_inputs_and_outputs_pass)
{
	NEED_SSHD;
	size_t left = 3 * MIB;
	struct command c = { .x = { .command = "tee /dev/stderr", .more = zeros, .arg = &left },
			     .r = SSH_RESULT_INIT };

	unit_ok(command(&c, "", "keys/ed25519"));
	ck_assert_int_eq(c.r.status, 0);
	ck_assert_uint_eq(c.r.out.len, 3 * MIB);
	ck_assert_uint_eq(c.r.err.len, 3 * MIB);
	ck_assert_uint_eq(strspn(c.r.err.s, "z"), 3 * MIB);
	ck_assert_uint_eq(c.r.out_left + c.r.err_left, 0);
	ssh_result_release(&c.r);
}
END_TEST

START_TEST(outputs_are_capped_and_counted)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "head -c 100000 /dev/zero; echo abcdef >&2",
				    .out_max = 5 },
			     .r = SSH_RESULT_INIT };

	unit_ok(command(&c, "", "keys/ed25519"));
	ck_assert_uint_eq(c.r.out.len, 5);
	ck_assert_uint_eq(c.r.out_left, 99995);
	ck_assert_str_eq(c.r.err.s, "abcde");
	ck_assert_uint_eq(c.r.err_left, 2);
	ssh_result_release(&c.r);
}
END_TEST

START_TEST(signals_are_told)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "kill -TERM $$" }, .r = SSH_RESULT_INIT };

	unit_ok(command(&c, "", "keys/ed25519"));
	ck_assert_str_eq(c.r.signal, "TERM");
	ck_assert_int_eq(c.r.status, -1);
	ssh_result_release(&c.r);
}
END_TEST

/* Both outputs are closed long before it ends. */
START_TEST(a_status_is_waited_for)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "exec >&- 2>&-; sleep 0.3; exit 9" },
			     .r = SSH_RESULT_INIT };

	unit_ok(command(&c, "", "keys/ed25519"));
	ck_assert_int_eq(c.r.status, 9);
	ssh_result_release(&c.r);
}
END_TEST

START_TEST(a_command_that_does_not_read_is_no_error)
{
	NEED_SSHD;
	size_t left = 8 * MIB;
	struct command c = { .x = { .command = "exec <&-; echo no", .more = zeros, .arg = &left },
			     .r = SSH_RESULT_INIT };

	unit_ok(command(&c, "", "keys/ed25519"));
	ck_assert_str_eq(c.r.out.s, "no\n");
	ssh_result_release(&c.r);
}
END_TEST

START_TEST(a_command_that_hangs_has_a_deadline)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "echo begun; exec sleep 20", .deadline_ms = 3000 },
			     .r = SSH_RESULT_INIT };
	struct err *e = command(&c, "", "keys/ed25519");

	ck_assert_ptr_nonnull(e);
	ck_assert(e->ambiguous || !c.r.out.len);
	ck_assert_ptr_nonnull(strstr(e->text, "running 'echo begun; exec sleep 20'"));
	unit_fails(e, ERR_TIMEOUT, "before the deadline");
	ssh_result_release(&c.r);
}
END_TEST

START_TEST(a_host_has_a_deadline)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct command c = { .x = { .command = "exec sleep 20" }, .r = SSH_RESULT_INIT };
	struct user u;

	user_init(&u, &d, "keys/ed25519");
	u.target.deadline_ms = 3000;
	unit_fails(on(&u.target, run_command, &c), ERR_TIMEOUT, "before the deadline");
	ssh_result_release(&c.r);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* The session's own sshd goes, as when a host loses its power. */
START_TEST(a_server_that_dies_is_told)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "kill -9 $PPID; exec sleep 20" },
			     .r = SSH_RESULT_INIT };
	struct err *e = command(&c, "", "keys/ed25519");

	ck_assert_ptr_nonnull(e);
	ck_assert(e->ambiguous);
	unit_fails(e, ERR_NETWORK, "closed the connection");
	ssh_result_release(&c.r);
}
END_TEST

static struct err *pause_and_run(struct ssh_session *s, void *arg)
{
	struct err *e = ssh_pause(s, 50);

	return e ? e : nothing(s, arg);
}

START_TEST(a_session_outlives_a_pause)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	int n = 0;

	user_init(&u, &d, "keys/ed25519");
	unit_ok(on(&u.target, pause_and_run, &n));
	ck_assert_int_eq(n, 1);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

static struct err *cut_and_run(struct ssh_session *s, void *arg)
{
	clock_cut();
	return nothing(s, arg);
}

START_TEST(what_is_told_to_end_ends)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	int n = 0;

	user_init(&u, &d, "keys/ed25519");
	unit_fails(on(&u.target, cut_and_run, &n), ERR_TIMEOUT, "told to end");
	ck_assert_int_eq(n, 0);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

struct family {
	struct ssh_run *run;
	const struct ssh_target *target;
	struct ssh_job *child;
	int n;
};

static struct err *beget(struct ssh_session *s, void *arg)
{
	struct family *f = arg;

	f->child = ssh_run_add(f->run, f->target, nothing, &f->n);
	return nothing(s, &f->n);
}

START_TEST(a_task_may_add_hosts)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	struct family f = { .run = ssh_run_new(&(struct ssh_options){ PATIENT }),
			    .target = &u.target };

	user_init(&u, &d, "keys/ed25519");
	(void)ssh_run_add(f.run, &u.target, beget, &f);
	ssh_run_all(f.run);
	ck_assert_int_eq(f.n, 2);
	ck_assert_ptr_null(ssh_job_err(f.child));
	(void)ssh_run_add(f.run, &u.target, nothing, &f.n);
	ssh_run_all(f.run);
	ck_assert_int_eq(f.n, 3);
	ssh_run_free(f.run);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* ---- who we are, and who they are ---- */

START_TEST(keys_of_all_types_let_us_in)
{
	static const char *const keys[] = { "keys/ed25519", "keys/ecdsa", "keys/rsa" };

	NEED_SSHD;
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct command c = { .x = { .command = "true" }, .r = SSH_RESULT_INIT };

		unit_ok(command(&c, "", keys[i]));
		ssh_result_release(&c.r);
	}
}
END_TEST

/* Copies a key, as ssh-keygen -p writes it with these arguments, and tries it. */
static void try_form(const char *from, const char *const *more, const char *passphrase,
		     const char *words)
{
	AUTO_STR path = sshd_path("keys/form");
	AUTO_STR source = sshd_path(from);
	const char *argv[16] = { "ssh-keygen", "-q", "-p", "-P", "", "-f", path };
	const char *const copy[] = { "install", "-m", "600", source, path, NULL };
	struct command c = { .x = { .command = "true" }, .r = SSH_RESULT_INIT };
	struct ssh_key *k = NULL;
	size_t n = 7;
	struct sshd d;
	struct user u;

	while (*more)
		argv[n++] = *more++;
	ck_assert_int_eq(sshd_tool(copy), 0);
	ck_assert_int_eq(sshd_tool(argv), 0);
	if (words) {
		unit_fails(ssh_key_load(path, passphrase, &k), ERR_AUTH, words);
		return;
	}
	d = sshd_start("");
	unit_ok(ssh_key_load(path, passphrase, &k));
	user_init(&u, &d, NULL);
	u.key = k;
	u.keys[0] = k;
	u.target.keys = u.keys;
	u.target.nkeys = 1;
	unit_ok(on(&u.target, run_command, &c));
	ssh_result_release(&c.r);
	user_release(&u);
	sshd_stop(&d);
}

START_TEST(encrypted_keys_let_us_in)
{
	static const char *const openssh[] = { "-N", "sesame", NULL };
	static const char *const cbc[] = { "-N", "sesame", "-Z", "aes128-cbc", "-a", "3", NULL };
	static const char *const pem[] = { "-N", "sesame", "-m", "PEM", NULL };
	static const char *const pkcs8[] = { "-N", "sesame", "-m", "PKCS8", NULL };

	NEED_SSHD;
	try_form("keys/ed25519", openssh, "sesame", NULL);
	try_form("keys/ecdsa", cbc, "sesame", NULL);
	try_form("keys/rsa", openssh, "sesame", NULL);
	try_form("keys/rsa", pem, "sesame", NULL);
	try_form("keys/ecdsa", pkcs8, "sesame", NULL);
	try_form("keys/rsa", openssh, NULL, "give its passphrase");
	try_form("keys/rsa", openssh, "open", "passphrase is wrong");
	try_form("keys/rsa", pem, NULL, "give its passphrase");
	try_form("keys/rsa", pem, "open", "passphrase is wrong");
}
END_TEST

START_TEST(a_wrong_key_is_told_with_what_was_offered)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "true" }, .r = SSH_RESULT_INIT };
	struct err *e = command(&c, "", "keys/wrong");

	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_nonnull(strstr(e->text, "(publickey"));
	ck_assert_ptr_nonnull(strstr(e->text, "host '127.0.0.1'"));
	unit_fails(e, ERR_AUTH, "/keys/wrong'");
}
END_TEST

START_TEST(nothing_to_offer_is_told)
{
	NEED_SSHD;
	struct command c = { .x = { .command = "true" }, .r = SSH_RESULT_INIT };

	unit_fails(command(&c, "", NULL), ERR_AUTH, "none of that to offer");
}
END_TEST

START_TEST(no_password_is_in_an_error)
{
	NEED_SSHD;
	struct sshd d = sshd_start("PasswordAuthentication yes\n");
	struct user u;
	struct err *e;
	int n = 0;

	user_init(&u, &d, NULL);
	u.target.password = "correct horse";
	e = on(&u.target, nothing, &n);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_null(strstr(e->text, "horse"));
	unit_fails(e, ERR_AUTH, "offered a password");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* Starts an agent with keys; its pid. */
static pid_t start_agent(const char *path, const char *const *keys)
{
	const char *argv[] = { "ssh-agent", "-D", "-a", path, NULL };
	const pid_t pid = sshd_spawn(argv);

	while (access(path, F_OK) != 0)
		clock_sleep_ms(10);
	(void)setenv("SSH_AUTH_SOCK", path, 1);
	for (; *keys; keys++) {
		AUTO_STR key = sshd_path(*keys);
		const char *const add[] = { "ssh-add", "-q", key, NULL };

		ck_assert_int_eq(sshd_tool(add), 0);
	}
	return pid;
}

START_TEST(an_agent_signs)
{
	static const char *const lists[][3] = { { "keys/wrong", "keys/ed25519", NULL },
						{ "keys/ecdsa", NULL },
						{ "keys/rsa", NULL } };

	NEED_SSHD;
	for (size_t i = 0; i < COUNT(lists); i++) {
		AUTO_STR name = xasprintf("agent.%zu", i);
		AUTO_STR path = sshd_path(name);
		const pid_t agent = start_agent(path, lists[i]);
		struct sshd d = sshd_start("");
		struct user u;
		int n = 0;

		user_init(&u, &d, NULL);
		u.target.agent = path;
		unit_ok(on(&u.target, nothing, &n));
		ck_assert_int_eq(n, 1);
		u.target.identities_only = true;
		unit_fails(on(&u.target, nothing, &n), ERR_AUTH, "permission denied");
		user_release(&u);
		sshd_stop(&d);
		(void)kill(agent, SIGKILL);
	}
}
END_TEST

START_TEST(an_agent_is_asked_for_listed_keys_alone)
{
	static const char *const all[] = { "keys/wrong", "keys/ed25519", NULL };

	NEED_SSHD;
	AUTO_STR path = sshd_path("agent");
	const pid_t agent = start_agent(path, all);
	struct sshd d = sshd_start("MaxAuthTries 1\n");
	struct user u;
	int n = 0;

	user_init(&u, &d, "keys/ed25519.pub");
	u.target.agent = path;
	unit_fails(on(&u.target, nothing, &n), ERR_NETWORK, "authentication");
	u.target.identities_only = true;
	unit_ok(on(&u.target, nothing, &n));
	user_release(&u);
	sshd_stop(&d);
	(void)kill(agent, SIGKILL);
}
END_TEST

START_TEST(an_agent_that_is_not_there_is_told)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;

	user_init(&u, &d, NULL);
	u.target.agent = "/nonexistent/agent";
	unit_fails(on(&u.target, nothing, NULL), ERR_AUTH, "/nonexistent/agent");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

static struct err *refuse(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	int *calls = arg;

	++*calls;
	return err_new(ERR_AUTH, "the host key of '%s' has changed: it is of type %s", t->host,
		       key->type);
}

/* Whether the server was asked for anything after the key exchange: SERVICE_REQUEST comes first. */
static bool was_asked(const struct sshd *d)
{
	AUTO_STR log = sshd_log(d);
	const char *const grep[] = { "grep", "-qE", "receive packet: type 5( |$)", log, NULL };

	return sshd_tool(grep) == 0;
}

START_TEST(a_changed_host_key_ends_it_before_anything_is_sent)
{
	NEED_SSHD;
	struct sshd d = sshd_start("LogLevel DEBUG3\n");
	struct user u;
	int calls = 0;

	user_init(&u, &d, "keys/ed25519");
	u.target.check = refuse;
	u.target.check_arg = &calls;
	unit_fails(on(&u.target, nothing, NULL), ERR_AUTH,
		   "checking the host key: the host key of '127.0.0.1' has changed: it is of type "
		   "ssh-ed25519");
	ck_assert_int_eq(calls, 1);
	ck_assert(!was_asked(&d));
	u.target.check = check_host;
	unit_ok(on(&u.target, nothing, NULL));
	ck_assert(was_asked(&d));
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

START_TEST(a_host_key_can_be_chosen)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	int calls = 0;

	user_init(&u, &d, "keys/ed25519");
	u.target.check = refuse;
	u.target.check_arg = &calls;
	u.target.host_key_algorithms = "ecdsa-sha2-nistp256";
	unit_fails(on(&u.target, nothing, NULL), ERR_AUTH, "of type ecdsa-sha2-nistp256");
	u.target.host_key_algorithms = "made-up,ecdsa-sha2-nistp256,made-up";
	unit_fails(on(&u.target, nothing, NULL), ERR_AUTH, "of type ecdsa-sha2-nistp256");
	u.target.host_key_algorithms = "made-up";
	unit_fails(on(&u.target, nothing, NULL), ERR_USAGE, "none of the host key algorithms");
	u.target.host_key_algorithms = "ssh-rsa";
	unit_fails(on(&u.target, nothing, NULL), ERR_PROTOCOL, "no algorithm");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* Another key than the one that is known, which the policy puts up with. */
static struct err *doubt(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	(void)t;
	*key->doubted = *(bool *)arg;
	return NULL;
}

START_TEST(a_doubtful_host_gets_no_password)
{
	NEED_SSHD;
	struct sshd d =
		sshd_start("PasswordAuthentication yes\nKbdInteractiveAuthentication yes\n");
	struct user u;

	user_init(&u, &d, NULL);
	u.target.check = doubt;
	u.target.password = "sesame";
	for (int i = 0; i < 2; i++) {
		bool doubted = i;
		AUTO_ERR e = NULL;

		u.target.check_arg = &doubted;
		e = on(&u.target, nothing, NULL);
		ck_assert_ptr_nonnull(e);
		ck_assert_int_eq(e->kind, ERR_AUTH);
		ck_assert_msg(!strstr(e->text, "offered a password") == doubted, "%s", e->text);
		ck_assert_msg(!strstr(e->text, "is not sent to a host") == !doubted, "%s", e->text);
	}
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* The first two times it cannot tell. */
static struct err *tell_later(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	int *calls = arg;

	(void)t;
	(void)key;
	return ++*calls < 3 ? err_new(ERR_CONFLICT, "later") : NULL;
}

START_TEST(a_check_is_asked_again)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	int calls = 0;

	user_init(&u, &d, "keys/ed25519");
	u.target.check = tell_later;
	u.target.check_arg = &calls;
	unit_ok(on(&u.target, nothing, NULL));
	ck_assert_int_eq(calls, 3);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* ---- bastions ---- */

START_TEST(bastions_one_behind_the_other)
{
	NEED_SSHD;
	struct sshd first = sshd_start(""), second = sshd_start(""), last = sshd_start("");
	struct user a, b, c;
	size_t left = 2 * MIB;
	struct command x = { .x = { .command = "cat", .more = zeros, .arg = &left },
			     .r = SSH_RESULT_INIT };

	user_init(&a, &first, "keys/ed25519");
	user_init(&b, &second, "keys/ecdsa");
	user_init(&c, &last, "keys/rsa");
	b.target.jump = &a.target;
	c.target.jump = &b.target;
	unit_ok(on(&c.target, run_command, &x));
	ck_assert_uint_eq(x.r.out.len, 2 * MIB);
	ssh_result_release(&x.r);
	user_release(&a);
	user_release(&b);
	user_release(&c);
	sshd_stop(&first);
	sshd_stop(&second);
	sshd_stop(&last);
}
END_TEST

/* How often the log says that somebody was let in. */
static int entries(const struct sshd *d)
{
	AUTO_STR path = sshd_log(d);
	FILE *f = fopen(path, "re");
	char line[4096];
	int n = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "Accepted publickey") ? 1 : 0;
	(void)fclose(f);
	return n;
}

START_TEST(a_bastion_is_shared)
{
	enum { N = 20 };
	NEED_SSHD;
	struct sshd bastion = sshd_start(""), last = sshd_start("");
	struct user a, b;
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ PATIENT });
	struct ssh_job *jobs[N];
	int n = 0;

	user_init(&a, &bastion, "keys/ed25519");
	user_init(&b, &last, "keys/ed25519");
	b.target.jump = &a.target;
	for (size_t i = 0; i < N; i++)
		jobs[i] = ssh_run_add(run, &b.target, nothing, &n);
	ssh_run_all(run);
	for (size_t i = 0; i < N; i++)
		ck_assert_msg(!ssh_job_err(jobs[i]), "%s", ssh_job_err(jobs[i])->text);
	ck_assert_int_eq(n, N);
	ck_assert_int_eq(entries(&bastion), 1);
	ssh_run_free(run);
	user_release(&a);
	user_release(&b);
	sshd_stop(&bastion);
	sshd_stop(&last);
}
END_TEST

/* What somebody else accepts, or comes in by, is not for all: neither of these gets in by the first one's session. */
START_TEST(a_bastion_is_shared_by_those_alone_who_trust_it_alike)
{
	NEED_SSHD;
	struct sshd bastion = sshd_start(""), last = sshd_start("");
	struct user ways[3], behind[COUNT(ways)];
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ PATIENT });
	struct ssh_job *jobs[COUNT(ways)];
	int seen = 0;

	for (size_t i = 0; i < COUNT(ways); i++) {
		user_init(&ways[i], &bastion, i == 2 ? "keys/wrong" : "keys/ed25519");
		user_init(&behind[i], &last, "keys/ed25519");
		behind[i].target.jump = &ways[i].target;
	}
	ways[1].target.keys = ways[0].keys;
	ways[1].target.check = refuse;
	ways[1].target.check_arg = &seen;
	for (size_t i = 0; i < COUNT(ways); i++)
		jobs[i] = ssh_run_add(run, &behind[i].target, nothing, NULL);
	ssh_run_all(run);
	ck_assert_ptr_null(ssh_job_err(jobs[0]));
	ck_assert_ptr_nonnull(ssh_job_err(jobs[1]));
	ck_assert_ptr_nonnull(ssh_job_err(jobs[2]));
	ck_assert_ptr_nonnull(strstr(ssh_job_err(jobs[2])->text, "permission denied"));
	ck_assert_int_eq(entries(&bastion), 1);
	ck_assert_int_eq(entries(&last), 1);
	ssh_run_free(run);
	for (size_t i = 0; i < COUNT(ways); i++) {
		user_release(&ways[i]);
		user_release(&behind[i]);
	}
	sshd_stop(&bastion);
	sshd_stop(&last);
}
END_TEST

START_TEST(a_bastion_that_refuses_is_told)
{
	NEED_SSHD;
	struct sshd bastion = sshd_start(""), last = sshd_start("");
	struct user a, b;

	user_init(&a, &bastion, "keys/wrong");
	user_init(&b, &last, "keys/ed25519");
	a.target.name = "gate";
	b.target.jump = &a.target;
	unit_fails(on(&b.target, nothing, NULL), ERR_AUTH,
		   "through 'gate': the bastion 'gate': 127.0.0.1 port");
	user_release(&a);
	user_init(&a, &bastion, "keys/ed25519");
	a.target.name = "gate";
	sshd_stop(&last);
	unit_fails(on(&b.target, nothing, NULL), ERR_NETWORK, "the bastion 'gate' cannot connect");
	user_release(&a);
	user_release(&b);
	sshd_stop(&bastion);
}
END_TEST

START_TEST(a_bastion_that_never_comes_up_is_not_waited_for_longer_than_anybody_waits)
{
	NEED_SSHD;
	struct sshd bastion = sshd_start(""), last = sshd_start("");
	struct user a, b;

	user_init(&a, &bastion, "keys/ed25519");
	user_init(&b, &last, "keys/ed25519");
	a.target.booting = b.target.booting = true;
	b.target.jump = &a.target;
	b.target.deadline_ms = 3000; /* four attempts would take two seconds */
	sshd_stop(&bastion);
	err_free(on(&b.target, nothing, NULL));
	ck_assert_int_eq(entries(&last), 0);
	user_release(&a);
	user_release(&b);
	sshd_stop(&last);
}
END_TEST

/* Hosts whose address swallows all, behind the same bastion: it asks for each as long as TCP does. */
START_TEST(what_does_not_answer_behind_a_bastion_holds_up_nobody)
{
	enum { HOLES = 3, GOOD = 6, ALL = HOLES + GOOD };
	int port;
	NEED_SSHD;
	if (!sshd_swallow(&port))
		return;
	struct sshd bastion = sshd_start(""), last = sshd_start("");
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ PATIENT });
	struct ssh_job *jobs[ALL];
	struct user a, b, hole;
	int n = 0;

	user_init(&a, &bastion, "keys/ed25519");
	user_init(&b, &last, "keys/ed25519");
	user_init(&hole, &last, "keys/ed25519");
	b.target.jump = hole.target.jump = &a.target;
	hole.target.port = port;
	hole.target.deadline_ms = 5000;
	for (size_t i = 0; i < ALL; i++)
		jobs[i] = ssh_run_add(run, i < HOLES ? &hole.target : &b.target, nothing, &n);
	ssh_run_all(run);
	for (size_t i = 0; i < ALL; i++) {
		const struct err *e = ssh_job_err(jobs[i]);

		if (i < HOLES)
			ck_assert_int_eq(e ? (int)e->kind : -1, ERR_TIMEOUT);
		else
			ck_assert_msg(!e, "%s", e->text);
	}
	ck_assert_int_eq(n, GOOD);
	ssh_run_free(run);
	user_release(&a);
	user_release(&b);
	user_release(&hole);
	sshd_stop(&bastion);
	sshd_stop(&last);
}
END_TEST

START_TEST(an_address_that_swallows_has_a_deadline)
{
	int port;

	if (!sshd_swallow(&port))
		return;
	const struct ssh_target t = { .host = "127.0.0.1",
				      .port = port,
				      .user = "u",
				      .check = check_host,
				      .deadline_ms = 300 };
	unit_fails(on(&t, nothing, NULL), ERR_TIMEOUT, "no answer");
}
END_TEST

/* ---- many ---- */

START_TEST(max_startups_is_no_failure)
{
	enum { N = 60 };
	NEED_SSHD;
	struct sshd d = sshd_start("MaxStartups 3:50:6\n");
	struct user u;
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ PATIENT });
	struct ssh_job *jobs[N];
	int n = 0, tries = 0;

	user_init(&u, &d, "keys/ed25519");
	for (size_t i = 0; i < N; i++)
		jobs[i] = ssh_run_add(run, &u.target, nothing, &n);
	ssh_run_all(run);
	for (size_t i = 0; i < N; i++) {
		ck_assert_msg(!ssh_job_err(jobs[i]), "%s", ssh_job_err(jobs[i])->text);
		tries += ssh_job_tries(jobs[i]);
	}
	ck_assert_int_eq(n, N);
	(void)fprintf(stderr, "MaxStartups 3:50:6: %d connections for %d sessions\n", tries, N);
	ssh_run_free(run);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* Resident memory of this process. */
static long resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages[2] = { 0 };
	char line[128] = "", *end;

	if (!f || !fgets(line, sizeof(line), f))
		abort();
	(void)fclose(f);
	pages[0] = strtol(line, &end, 10);
	pages[1] = strtol(end, NULL, 10);
	return pages[1] * sysconf(_SC_PAGESIZE);
}

struct crowd {
	int present;
	long memory;
};

/* Waits for all of them to be there; the last one weighs them. */
static struct err *gather(struct ssh_session *s, void *arg)
{
	struct crowd *c = arg;
	struct err *e = nothing(s, NULL);

	c->present++;
	if (c->present == MANY)
		c->memory = resident();
	while (!e && c->present < MANY)
		e = ssh_pause(s, 200);
	return e ? e : nothing(s, NULL);
}

START_TEST(many_sessions_take_little_memory)
{
	NEED_SSHD;
	struct sshd d = sshd_start("MaxStartups 200\nLogLevel QUIET\n");
	struct crowd c = { 0 };
	struct user u;
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ PATIENT });
	struct ssh_job *jobs[MANY];
	long before;

	user_init(&u, &d, "keys/ed25519");
	unit_ok(on(&u.target, nothing, NULL)); /* what libraries need once */
	before = resident();
	for (size_t i = 0; i < MANY; i++)
		jobs[i] = ssh_run_add(run, &u.target, gather, &c);
	ssh_run_all(run);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_msg(!ssh_job_err(jobs[i]), "%s", ssh_job_err(jobs[i])->text);
	(void)fprintf(stderr, "%d sessions at once: %ld KiB each\n", MANY,
		      (c.memory - before) / MANY / 1024);
	if (!SANITIZED)
		ck_assert_int_le((c.memory - before) / MANY, SESSION_MAX);
	ssh_run_free(run);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

START_TEST(a_run_has_a_deadline)
{
	enum { N = 6 };
	NEED_SSHD;
	struct sshd d = sshd_start("");
	struct user u;
	struct command c[N];
	struct ssh_run *run = ssh_run_new(&(struct ssh_options){ .run_ms = 4000, .sessions = 2 });
	struct ssh_job *jobs[N];

	user_init(&u, &d, "keys/ed25519");
	for (size_t i = 0; i < N; i++) {
		c[i] = (struct command){ .x = { .command = "exec sleep 20" },
					 .r = SSH_RESULT_INIT };
		jobs[i] = ssh_run_add(run, &u.target, run_command, c + i);
	}
	ssh_run_all(run);
	for (size_t i = 0; i < N; i++) {
		ck_assert_ptr_nonnull(ssh_job_err(jobs[i]));
		ck_assert_int_eq(ssh_job_err(jobs[i])->kind, ERR_TIMEOUT);
		ssh_result_release(&c[i].r);
	}
	ssh_run_free(run);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* ---- files ---- */

struct files {
	struct ssh_file *files;
	size_t n;
	unsigned flags;
};

static struct err *upload(struct ssh_session *s, void *arg)
{
	struct files *f = arg;

	return ssh_upload(s, f->files, f->n, f->flags);
}

struct fetch {
	const char *path, *to;
	uint64_t max;
};

static struct err *download(struct ssh_session *s, void *arg)
{
	struct fetch *f = arg;

	return ssh_download(s, f->path, f->to, f->max, 0);
}

static char *sum_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char *ret = NULL;

	ck_assert_msg(f, "%s is not there", path);
	unit_ok(digest_fd("sha256", fileno(f), &ret));
	(void)fclose(f);
	return ret;
}

/* A file of the sandbox with so many bytes that do not repeat. */
static void fill_file(const char *name, size_t size)
{
	AUTO_STR path = sshd_path(name);
	FILE *f = fopen(path, "we");
	uint64_t x = 88172645463325252ULL;

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < size / sizeof(x); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		(void)fwrite(&x, sizeof(x), 1, f);
	}
	(void)fwrite(&x, size % sizeof(x), 1, f);
	(void)fclose(f);
}

static void nothing_temporary_in(const char *name)
{
	AUTO_STR path = sshd_path(name);
	AUTO_STR script = xasprintf("! ls -A '%s' | grep -q tmp-", path);
	const char *const argv[] = { "sh", "-c", script, NULL };

	ck_assert_int_eq(sshd_tool(argv), 0);
}

START_TEST(files_are_written_once)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	sandbox_write("there/none", "");
	fill_file("big", 20 * MIB + 3);
	AUTO_STR from = sshd_path("big");
	AUTO_STR big = sshd_path("there/it's big");
	AUTO_STR small = sshd_path("there/small");
	struct ssh_file list[] = { { .path = big, .from = from, .mode = 0750 },
				   { .path = small, .content = "a\n", .len = 2 } };
	struct files f = { .files = list, .n = COUNT(list) };
	struct stat st, again;
	struct user u;

	user_init(&u, &d, "keys/ed25519");
	f.flags = SSH_CHECK;
	unit_ok(on(&u.target, upload, &f));
	ck_assert(list[0].changed && list[1].changed && access(big, F_OK) != 0);
	f.flags = 0;
	unit_ok(on(&u.target, upload, &f));
	ck_assert(list[0].changed && list[1].changed);
	AUTO_STR want = sum_of(from);
	AUTO_STR got = sum_of(big);
	ck_assert_str_eq(want, got);
	ck_assert_int_eq(stat(big, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0750);
	/* A second time nothing is written; a mode alone takes no upload. */
	list[1].mode = 0600;
	unit_ok(on(&u.target, upload, &f));
	ck_assert(!list[0].changed && list[1].changed);
	ck_assert_int_eq(stat(big, &again), 0);
	ck_assert_uint_eq(st.st_ino, again.st_ino);
	ck_assert_int_eq(stat(small, &again), 0);
	ck_assert_int_eq(again.st_mode & 07777, 0600);
	nothing_temporary_in("there");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

START_TEST(files_come_back)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	fill_file("far", 20 * MIB + 5);
	fill_file("empty", 0);
	AUTO_STR far = sshd_path("far");
	AUTO_STR empty = sshd_path("empty");
	AUTO_STR to = sshd_path("near");
	AUTO_STR missing = sshd_path("missing");
	struct user u;

	user_init(&u, &d, "keys/ed25519");
	unit_ok(on(&u.target, download, &(struct fetch){ .path = far, .to = to }));
	AUTO_STR want = sum_of(far);
	AUTO_STR got = sum_of(to);
	ck_assert_str_eq(want, got);
	unit_fails(on(&u.target, download, &(struct fetch){ .path = far, .to = to, .max = MIB }),
		   ERR_REMOTE, "more than 1048576 bytes");
	unit_fails(on(&u.target, download, &(struct fetch){ .path = missing, .to = to }),
		   ERR_NOT_FOUND, "does not exist");
	AUTO_STR still = sum_of(to);
	ck_assert_str_eq(want, still);
	unit_ok(on(&u.target, download, &(struct fetch){ .path = empty, .to = to }));
	AUTO_STR none = sum_of(to);
	AUTO_STR nothing_at_all = digest_text("sha256", "", 0);
	ck_assert_str_eq(none, nothing_at_all);
	nothing_temporary_in("");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
	NEED_SSHD;
	struct sshd d = sshd_start("");
	AUTO_STR nowhere = sshd_path("nowhere/file");
	AUTO_STR dir = sshd_path("there");
	sandbox_write("there/none", "");
	struct ssh_file file = { .path = nowhere, .content = "a", .len = 1 };
	struct files f = { .files = &file, .n = 1 };
	struct user u;

	user_init(&u, &d, "keys/ed25519");
	unit_fails(on(&u.target, upload, &f), ERR_NOT_FOUND, "does not exist");
	file.path = dir;
	unit_fails(on(&u.target, upload, &f), ERR_REMOTE, "finishing");
	file.path = nowhere;
	file.from = "/nonexistent/source";
	unit_fails(on(&u.target, upload, &f), ERR_USAGE, "/nonexistent/source");
	nothing_temporary_in("");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* A file system of 1 MiB, which takes root; else a limit of the size of files for the server. */
START_TEST(a_full_disk_leaves_what_was_there)
{
	NEED_SSHD;
	AUTO_STR dir = sshd_path("full");
	AUTO_STR path = sshd_path("full/file");
	sandbox_write("full/none", "");
	fill_file("big", 4 * MIB);
	AUTO_STR from = sshd_path("big");
	const bool mounted = mount("none", dir, "tmpfs", 0, "size=1m") == 0;
	struct ssh_file file = { .path = path, .content = "old", .len = 3 };
	struct files f = { .files = &file, .n = 1 };
	const struct rlimit limit = { MIB, RLIM_INFINITY };
	struct sshd d;
	struct user u;
	struct err *e;

	if (!mounted) {
		(void)signal(SIGXFSZ, SIG_IGN);
		(void)setrlimit(RLIMIT_FSIZE, &limit);
	}
	d = sshd_start("");
	user_init(&u, &d, "keys/ed25519");
	unit_ok(on(&u.target, upload, &f));
	file = (struct ssh_file){ .path = path, .from = from };
	e = on(&u.target, upload, &f);
	ck_assert_ptr_nonnull(e);
	ck_assert_msg(strstr(e->text, mounted ? "file system is full" : "Failure"), "%s", e->text);
	err_free(e);
	AUTO_STR want = digest_text("sha256", "old", 3);
	AUTO_STR got = sum_of(path);
	ck_assert_str_eq(want, got);
	nothing_temporary_in("full");
	user_release(&u);
	sshd_stop(&d);
	if (mounted)
		(void)umount2(dir, MNT_DETACH);
}
END_TEST

/* ---- sudo: a program of that name that does what sudo does in what matters here ---- */

static const char FAKE_SUDO[] =
	"#!/bin/sh\n"
	"# What it was asked, for those who look for passwords.\n"
	"echo \"$*\" >>\"$0.log\"\n"
	"case $1 in\n"
	"-n) shift 2; [ -e \"$0.free\" ] && exec \"$@\"; echo 'sudo: a password is required' >&2; exit 1 ;;\n"
	"-S) prompt=$3; shift 4 ;;\n"
	"esac\n"
	"[ -e \"$0.free\" ] && exec \"$@\"\n"
	"echo 'We trust you have received the usual lecture.' >&2\n"
	"[ -e \"$0.expired\" ] && { echo 'sudo: Account or password is expired' >&2; exit 1; }\n"
	"while :; do\n"
	"	printf %s \"$prompt\" >&2\n"
	"	IFS= read -r answer || exit 1\n"
	"	[ \"$answer\" = sesame ] && exec \"$@\"\n"
	"	echo 'Sorry, try again.' >&2\n"
	"done\n";

static char *fake_sudo(void)
{
	AUTO_STR path = sshd_path("bin/sudo");
	AUTO_STR expired = sshd_path("bin/sudo.expired");

	(void)unlink(expired);
	sandbox_write("bin/sudo", FAKE_SUDO);
	(void)chmod(path, 0755);
	return xasprintf("SetEnv PATH=%s/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", sandbox_path());
}

static struct err *by_sudo(const char *password, bool expired, struct command *c)
{
	AUTO_STR config = fake_sudo();
	struct sshd d = sshd_start(config);
	struct user u;
	struct err *e;

	if (expired)
		sandbox_write("bin/sudo.expired", "");
	user_init(&u, &d, "keys/ed25519");
	u.target.sudo_password = password;
	e = on(&u.target, run_command, c);
	user_release(&u);
	sshd_stop(&d);
	return e;
}

START_TEST(sudo_gets_its_password_and_the_command_its_input)
{
	static const struct {
		const char *password;
		bool free;
	} cases[] = { { "sesame", false }, { "sesame", true }, { NULL, true } };

	NEED_SSHD;
	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR log = sshd_path("bin/sudo.log");
		AUTO_STR flag = sshd_path("bin/sudo.free");
		const char *const grep[] = { "grep", "-q", "sesame", log, NULL };
		struct command c = { .x = { .command = "cat; echo it\\'s bad >&2; exit 3",
					    .in = "first\nsecond\n",
					    .in_len = 13,
					    .sudo = true },
				     .r = SSH_RESULT_INIT };

		(void)unlink(flag);
		if (cases[i].free)
			sandbox_write("bin/sudo.free", "");
		unit_ok(by_sudo(cases[i].password, false, &c));
		ck_assert_str_eq(c.r.out.s, "first\nsecond\n");
		ck_assert_str_eq(c.r.err.s, "it's bad\n");
		ck_assert_int_eq(c.r.status, 3);
		ck_assert_int_eq(access(log, F_OK), 0);
		ck_assert_int_eq(sshd_tool(grep), 1);
		ssh_result_release(&c.r);
	}
}
END_TEST

START_TEST(sudo_that_refuses_is_told)
{
	static const struct {
		const char *password;
		bool expired;
		const char *words;
	} cases[] = {
		{ "open", false, "sudo refuses the password" },
		{ NULL, false, "sudo wants a password" },
		{ "sesame", true, "Account or password is expired" },
	};

	NEED_SSHD;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct command c = { .x = { .command = "echo never", .sudo = true },
				     .r = SSH_RESULT_INIT };
		AUTO_STR flag = sshd_path("bin/sudo.free");

		(void)unlink(flag);
		unit_fails(by_sudo(cases[i].password, cases[i].expired, &c), ERR_AUTH,
			   cases[i].words);
		ck_assert_uint_eq(c.r.out.len, 0);
		ssh_result_release(&c.r);
	}
}
END_TEST

START_TEST(a_doubtful_host_gets_no_password_for_sudo)
{
	NEED_SSHD;
	AUTO_STR config = fake_sudo();
	AUTO_STR flag = sshd_path("bin/sudo.free");
	struct sshd d = sshd_start(config);
	struct command c = { .x = { .command = "echo never", .sudo = true }, .r = SSH_RESULT_INIT };
	bool doubted = true;
	struct user u;

	(void)unlink(flag);
	user_init(&u, &d, "keys/ed25519");
	u.target.sudo_password = "sesame";
	u.target.check = doubt;
	u.target.check_arg = &doubted;
	unit_fails(on(&u.target, run_command, &c), ERR_AUTH, "whose key is not the known one");
	ck_assert_uint_eq(c.r.out.len, 0);
	ssh_result_release(&c.r);
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

static struct err *both_ways_by_sudo(struct ssh_session *s, void *arg)
{
	struct ssh_file *file = arg;
	AUTO_STR back = sshd_path("back");
	struct err *e = ssh_upload(s, file, 1, SSH_SUDO);

	return e ? e : ssh_download(s, file->path, back, 0, SSH_SUDO);
}

START_TEST(files_go_by_sudo_too)
{
	NEED_SSHD;
	AUTO_STR config = fake_sudo();
	struct sshd d = sshd_start(config);
	AUTO_STR path = sshd_path("there/root's");
	AUTO_STR from = sshd_path("big");
	AUTO_STR back = sshd_path("back");
	struct ssh_file file = { .path = path, .from = from, .mode = 0640 };
	struct stat st;
	struct user u;

	sandbox_write("there/none", "");
	fill_file("big", 2 * MIB + 1);
	user_init(&u, &d, "keys/ed25519");
	u.target.sudo_password = "sesame";
	unit_ok(on(&u.target, both_ways_by_sudo, &file));
	ck_assert(file.changed);
	AUTO_STR want = sum_of(from);
	AUTO_STR there_now = sum_of(path);
	AUTO_STR here = sum_of(back);
	ck_assert_str_eq(want, there_now);
	ck_assert_str_eq(want, here);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640);
	unit_ok(on(&u.target, both_ways_by_sudo, &file));
	ck_assert(!file.changed);
	nothing_temporary_in("there");
	user_release(&u);
	sshd_stop(&d);
}
END_TEST

/* ---- main ---- */

UNIT_MAIN_IN("ssh", sshd_enter, sandbox_leave, fibers_begin_and_end, words_are_quoted,
	     sftp_answers_have_words, what_is_no_key_is_refused,
	     a_target_without_a_check_is_refused, bastions_in_a_circle_are_refused, nobody_listens,
	     a_black_hole_has_a_deadline, a_name_that_is_none,
	     commands_have_input_outputs_and_a_status, big_inputs_and_outputs_pass,
	     outputs_are_capped_and_counted, signals_are_told, a_status_is_waited_for,
	     a_command_that_does_not_read_is_no_error, a_command_that_hangs_has_a_deadline,
	     a_host_has_a_deadline, a_server_that_dies_is_told, a_session_outlives_a_pause,
	     what_is_told_to_end_ends, a_task_may_add_hosts, keys_of_all_types_let_us_in,
	     encrypted_keys_let_us_in, a_wrong_key_is_told_with_what_was_offered,
	     nothing_to_offer_is_told, no_password_is_in_an_error, an_agent_signs,
	     an_agent_is_asked_for_listed_keys_alone, an_agent_that_is_not_there_is_told,
	     a_changed_host_key_ends_it_before_anything_is_sent, a_host_key_can_be_chosen,
	     a_doubtful_host_gets_no_password, a_check_is_asked_again,
	     a_doubtful_host_gets_no_password_for_sudo, bastions_one_behind_the_other,
	     a_bastion_is_shared, a_bastion_is_shared_by_those_alone_who_trust_it_alike,
	     a_bastion_that_refuses_is_told,
	     a_bastion_that_never_comes_up_is_not_waited_for_longer_than_anybody_waits,
	     what_does_not_answer_behind_a_bastion_holds_up_nobody,
	     an_address_that_swallows_has_a_deadline, max_startups_is_no_failure,
	     many_sessions_take_little_memory, a_run_has_a_deadline, files_are_written_once,
	     files_come_back, what_cannot_be_written_is_told, a_full_disk_leaves_what_was_there,
	     sudo_gets_its_password_and_the_command_its_input, sudo_that_refuses_is_told,
	     files_go_by_sudo_too)
