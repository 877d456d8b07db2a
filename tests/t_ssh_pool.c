#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"
#include "sandbox.h"
#include "ssh/key.h"
#include "ssh/pool.h"
#include "sshd.h"
#include "unit.h"

enum { LONG_MS = 3000000, THREADS = 6, EACH = 5 };

static struct err *any_key(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	(void)arg;
	(void)t;
	(void)key;
	return NULL;
}

/* A server, a user it lets in, and a pool. */
struct stage {
	struct sshd d;
	struct ssh_key *key;
	const struct ssh_key *keys[1];
	struct ssh_target target;
	struct ssh_pool *pool;
};

static void stage_init(struct stage *s, const char *config)
{
	const struct ssh_pool_options o = {
		.ssh = { .connect_ms = LONG_MS, .keepalive_ms = LONG_MS }, .idle_ms = -1
	};
	AUTO_STR path = sshd_path("keys/ed25519");

	*s = (struct stage){ .d = sshd_start(config), .pool = ssh_pool_new(&o) };
	unit_ok(ssh_key_load(path, NULL, &s->key));
	s->keys[0] = s->key;
	s->target = (struct ssh_target){ .name = "a",
					 .host = "127.0.0.1",
					 .port = s->d.port,
					 .user = sshd_user(),
					 .keys = s->keys,
					 .nkeys = 1,
					 .check = any_key };
}

static void stage_end(struct stage *s)
{
	ssh_pool_free(s->pool);
	sshd_stop(&s->d);
	ssh_key_free(s->key);
}

struct command {
	const char *text;
	struct ssh_result r;
};

static struct err *run_command(struct ssh_session *s, void *arg)
{
	struct command *c = arg;

	return ssh_exec(s, &(struct ssh_exec){ .command = c->text }, &c->r);
}

static struct err *run_for(struct stage *s, const char *text, int64_t ms, struct command *c)
{
	const struct ssh_work w = {
		.host = "a", .target = &s->target, .task = run_command, .arg = c, .ms = ms
	};

	*c = (struct command){ .text = text, .r = SSH_RESULT_INIT };
	return ssh_pool_do(s->pool, &w);
}

static void run_fine(struct stage *s, const char *text, const char *said)
{
	struct command c;

	unit_ok(run_for(s, text, LONG_MS, &c));
	ck_assert_int_eq(c.r.status, 0);
	if (said)
		ck_assert_str_eq(c.r.out.s, said);
	ssh_result_release(&c.r);
}

/* ---- one session for all ---- */

static void *do_some(void *arg)
{
	for (int i = 0; i < EACH; i++)
		run_fine(arg, "echo x", "x\n");
	return NULL;
}

START_TEST(one_session_serves_many)
{
	struct stage s;
	pthread_t threads[THREADS];

	NEED_SSHD;
	stage_init(&s, "");
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, do_some, &s), 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	run_fine(&s, "echo y", "y\n");
	/* A machine that takes a second for one `echo` may have seen more, but never one for each. */
	ck_assert_uint_ge(ssh_pool_connections(s.pool), 1);
	ck_assert_uint_le(ssh_pool_connections(s.pool), 4);
	stage_end(&s);
}
END_TEST

/* ---- what takes long holds nobody up ---- */

struct waiter {
	struct stage *s;
	char *text;
};

static void *do_one(void *arg)
{
	struct waiter *w = arg;

	run_fine(w->s, w->text, NULL);
	return NULL;
}

START_TEST(what_takes_long_holds_nobody_up)
{
	struct stage s;
	struct waiter w = { .s = &s };
	AUTO_STR begun = sshd_path("begun");
	AUTO_STR flag = sshd_path("flag");
	AUTO_STR raise_it = xasprintf("touch %s", flag);
	pthread_t thread;

	NEED_SSHD;
	stage_init(&s, "");
	w.text = xasprintf("touch %s; while [ ! -e %s ]; do sleep 0.05; done", begun, flag);
	ck_assert_int_eq(pthread_create(&thread, NULL, do_one, &w), 0);
	while (access(begun, F_OK) != 0)
		clock_sleep_ms(20);
	run_fine(&s, raise_it, "");
	(void)pthread_join(thread, NULL);
	ck_assert_uint_eq(ssh_pool_connections(s.pool), 2);
	free(w.text);
	stage_end(&s);
}
END_TEST

/* ---- what ends ---- */

START_TEST(session_that_ended_is_made_anew)
{
	struct stage s;
	struct command c;
	pid_t pid;

	NEED_SSHD;
	stage_init(&s, "");
	unit_ok(run_for(&s, "echo $PPID", LONG_MS, &c));
	pid = (pid_t)strtol(c.r.out.s, NULL, 10);
	ssh_result_release(&c.r);
	ck_assert_int_gt(pid, 1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	while (kill(pid, 0) == 0)
		clock_sleep_ms(20);
	run_fine(&s, "echo x", "x\n");
	ck_assert_uint_eq(ssh_pool_connections(s.pool), 2);
	stage_end(&s);
}
END_TEST

START_TEST(deadline_ends_one_and_no_other)
{
	struct stage s;
	struct command c;

	NEED_SSHD;
	stage_init(&s, "");
	run_fine(&s, "true", "");
	unit_fails(run_for(&s, "exec sleep 3000", 1500, &c), ERR_TIMEOUT, "host 'a': running");
	ssh_result_release(&c.r);
	run_fine(&s, "echo x", "x\n");
	stage_end(&s);
}
END_TEST

static atomic_int refused;

static void *be_refused(void *arg)
{
	struct command c;

	unit_fails(run_for(arg, "true", LONG_MS, &c), ERR_NETWORK, "nobody listens");
	atomic_fetch_add(&refused, 1);
	return NULL;
}

START_TEST(all_who_wait_are_told)
{
	struct stage s;
	pthread_t threads[THREADS];

	NEED_SSHD;
	stage_init(&s, "");
	sshd_stop(&s.d);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, be_refused, &s), 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert_int_eq(atomic_load(&refused), THREADS);
	ck_assert_uint_eq(ssh_pool_connections(s.pool), 0);
	s.d = sshd_start("");
	stage_end(&s);
}
END_TEST

START_TEST(nobody_waits_for_who_says_nothing)
{
	struct stage s;
	struct command c;

	NEED_SSHD;
	stage_init(&s, "");
	const int fd = sshd_black_hole(&s.target.port);
	unit_fails(run_for(&s, "true", 1000, &c), ERR_TIMEOUT, "host 'a': ");
	(void)close(fd);
	stage_end(&s);
}
END_TEST

START_TEST(cut_clock_begins_nothing)
{
	struct stage s;
	struct command c;

	NEED_SSHD;
	stage_init(&s, "");
	run_fine(&s, "true", "");
	clock_cut();
	unit_fails(run_for(&s, "true", LONG_MS, &c), ERR_TIMEOUT, "told to end");
	clock_uncut();
	stage_end(&s);
}
END_TEST

START_TEST(closed_host_is_connected_to_anew)
{
	struct stage s;

	NEED_SSHD;
	stage_init(&s, "");
	run_fine(&s, "true", "");
	ssh_pool_close(s.pool, "a");
	ssh_pool_close(s.pool, "nobody");
	while (ssh_pool_connections(s.pool) < 2)
		run_fine(&s, "true", "");
	stage_end(&s);
}
END_TEST

START_TEST(unused_session_ends)
{
	const struct ssh_pool_options o = { .idle_ms = 50 };
	struct stage s;
	struct command c;
	pid_t pid;

	NEED_SSHD;
	stage_init(&s, "");
	ssh_pool_free(s.pool);
	s.pool = ssh_pool_new(&o);
	unit_ok(run_for(&s, "echo $PPID", LONG_MS, &c));
	pid = (pid_t)strtol(c.r.out.s, NULL, 10);
	ssh_result_release(&c.r);
	while (kill(pid, 0) == 0)
		clock_sleep_ms(20);
	run_fine(&s, "echo x", "x\n");
	ck_assert_uint_eq(ssh_pool_connections(s.pool), 2);
	stage_end(&s);
}
END_TEST

/* ---- behind a bastion ---- */

START_TEST(bastion_is_gone_through)
{
	struct stage s;
	struct ssh_target jump;

	NEED_SSHD;
	stage_init(&s, "");
	jump = s.target;
	jump.name = "bastion";
	s.target.jump = &jump;
	run_fine(&s, "echo x", "x\n");
	run_fine(&s, "echo y", "y\n");
	ck_assert_uint_eq(ssh_pool_connections(s.pool), 1);
	stage_end(&s);
}
END_TEST

UNIT_MAIN_IN("ssh_pool", sshd_enter, sandbox_leave, one_session_serves_many,
	     what_takes_long_holds_nobody_up, session_that_ended_is_made_anew,
	     closed_host_is_connected_to_anew, unused_session_ends, deadline_ends_one_and_no_other,
	     all_who_wait_are_told, nobody_waits_for_who_says_nothing, cut_clock_begins_nothing,
	     bastion_is_gone_through)
