#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "sandbox.h"
#include "ssh/key.h"
#include "ssh/session.h"
#include "sshd.h"
#include "unit.h"

/* No test is about speed. */
#define PATIENT .connect_ms = 3000000, .keepalive_ms = 3000000, .host_ms = 3000000

enum { MIB = 1 << 20, PART = 32 << 10, CLIENTS = 20, PAUSE_MS = 2 };

/* ---- what is on the far side ---- */

struct server {
	int fd, port;
	void (*serve)(struct server *s, int fd);
	pthread_t thread;
	atomic_size_t got;
};

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

struct visit {
	struct server *server;
	int fd;
};

static void *run_visit(void *arg)
{
	struct visit *v = arg;

	v->server->serve(v->server, v->fd);
	(void)close(v->fd);
	free(v);
	return NULL;
}

static void *run_server(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		struct visit *v = xcalloc(1, sizeof(*v));
		pthread_t thread;

		*v = (struct visit){ s, fd };
		ck_assert_int_eq(pthread_create(&thread, NULL, run_visit, v), 0);
		(void)pthread_detach(thread);
	}
	return NULL;
}

static void server_start(struct server *s, void (*serve)(struct server *s, int fd))
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof(a);

	*s = (struct server){ .serve = serve };
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(s->fd, 100), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	s->port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, run_server, s), 0);
}

static void server_stop(struct server *s)
{
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
}

static bool put(int fd, const char *s, size_t n)
{
	while (n) {
		const ssize_t rc = send(fd, s, n, MSG_NOSIGNAL);

		if (rc <= 0)
			return false;
		s += rc;
		n -= (size_t)rc;
	}
	return true;
}

/* Until the end; -1: it broke off. */
static ssize_t count(int fd)
{
	char s[PART];
	ssize_t n, all = 0;

	while ((n = recv(fd, s, sizeof(s), 0)) > 0)
		all += n;
	return n < 0 ? -1 : all;
}

static void echo(struct server *s, int fd)
{
	char part[PART];
	ssize_t n;

	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		if (!put(fd, part, (size_t)n))
			return;
	s->got++;
}

/* Says nothing before the other has ended. */
static void tell_count(struct server *s, int fd)
{
	AUTO_STR text = xasprintf("%zd", count(fd));

	(void)s;
	(void)put(fd, text, strlen(text));
}

/* Ends at once, but listens. */
static void end_first(struct server *s, int fd)
{
	ssize_t n;

	(void)put(fd, "hello", 5);
	(void)shutdown(fd, SHUT_WR);
	n = count(fd);
	s->got = n < 0 ? 0 : (size_t)n;
}

static void say_part(struct server *s, int fd)
{
	(void)s;
	(void)put(fd, "part", 4);
	(void)count(fd);
}

/* ---- a session with a forward, and those who use it ---- */

struct scene {
	struct sshd d;
	struct server far;
	int port;                      /* to forward to */
	void (*use)(struct scene *sc); /* in a thread of its own */
	bool works;                    /* the session runs commands meanwhile */
	bool late;                     /* the work that asks for the forward is over its time */
	struct ssh_forward *forward;
	atomic_bool used;
	bool closed;
	int commands;
};

static int connect_here(const struct scene *sc)
{
	const struct sockaddr_in a = loopback(ssh_forward_port(sc->forward));
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void *run_use(void *arg)
{
	struct scene *sc = arg;

	sc->use(sc);
	sc->used = true;
	return NULL;
}

static struct err *act(struct ssh_session *s, void *arg)
{
	struct scene *sc = arg;
	const int64_t deadline = s->deadline;
	struct err *e;
	pthread_t thread;

	if (sc->late)
		s->deadline = clock_ms();
	e = ssh_forward(s, "127.0.0.1", sc->port, &sc->forward);
	s->deadline = deadline;
	if (e)
		return e;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_use, sc), 0);
	while (!sc->used && !e) {
		struct ssh_result r = SSH_RESULT_INIT;

		if (sc->works)
			e = ssh_exec(s, &(struct ssh_exec){ .command = "head -c 100000 /dev/zero" },
				     &r);
		else
			e = ssh_pause(s, PAUSE_MS);
		if (sc->works && !e) {
			ck_assert_uint_eq(r.out.len, 100000);
			sc->commands++;
		}
		ssh_result_release(&r);
	}
	/* It uses what is on this stack's scene alone, and must have ended before the forward does. */
	while (!sc->used)
		err_free(ssh_pause(s, PAUSE_MS));
	(void)pthread_join(thread, NULL);
	return e;
}

static struct err *take_key(void *arg, const struct ssh_target *t, const struct ssh_host_key *key)
{
	(void)arg;
	(void)t;
	(void)key;
	return NULL;
}

static struct err *play(struct scene *sc)
{
	const struct ssh_options o = { PATIENT };
	struct ssh_run *run = ssh_run_new(&o);
	AUTO_STR path = sshd_path("keys/ed25519");
	struct ssh_key *key = NULL;
	struct err *ret = NULL;
	struct ssh_job *j;

	unit_ok(ssh_key_load(path, NULL, &key));
	const struct ssh_key *const keys[] = { key };
	const struct ssh_target t = { .host = "127.0.0.1",
				      .port = sc->d.port,
				      .user = sshd_user(),
				      .keys = keys,
				      .nkeys = 1,
				      .check = take_key };
	j = ssh_run_add(run, &t, act, sc);
	ssh_run_all(run);
	if (ssh_job_err(j))
		ret = err_new(ssh_job_err(j)->kind, "%s", ssh_job_err(j)->text);
	ssh_run_free(run);
	ssh_key_free(key);
	if (!sc->closed)
		ssh_forward_close(sc->forward);
	return ret;
}

/* With a server of its own on the far side. */
static struct err *play_with(struct scene *sc, void (*serve)(struct server *s, int fd),
			     const char *config)
{
	struct err *e;

	sc->d = sshd_start(config);
	server_start(&sc->far, serve);
	sc->port = sc->far.port;
	e = play(sc);
	server_stop(&sc->far);
	sshd_stop(&sc->d);
	return e;
}

/* ---- the tests ---- */

static char byte_at(size_t i)
{
	return (char)(i * 7 >> 3);
}

static size_t send_some(int fd, size_t from, size_t n)
{
	char s[PART];
	ssize_t rc;

	n = n < PART ? n : PART;
	for (size_t i = 0; i < n; i++)
		s[i] = byte_at(from + i);
	rc = send(fd, s, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return rc > 0 ? (size_t)rc : 0;
}

/* How many came; *wrong if they are not those that were sent, or there is an end. */
static size_t take_some(int fd, size_t from, bool *wrong)
{
	char s[PART];
	const ssize_t rc = recv(fd, s, sizeof(s), MSG_DONTWAIT);

	*wrong = *wrong || !rc || (rc < 0 && errno != EAGAIN);
	for (ssize_t i = 0; i < rc; i++)
		*wrong = *wrong || s[i] != byte_at(from + (size_t)i);
	return rc > 0 ? (size_t)rc : 0;
}

/* Sends n bytes, each by its place, and gets them back at the same time. */
static void exchange(int fd, size_t n)
{
	size_t sent = 0, got = 0;
	bool wrong = false;

	/* Check is not asked about each: it notes every one down. */
	while (got < n && !wrong) {
		struct pollfd p = { .fd = fd,
				    .events = (short)(POLLIN | (sent < n ? POLLOUT : 0)) };

		(void)poll(&p, 1, -1);
		if (sent < n && p.revents & POLLOUT)
			sent += send_some(fd, sent, n - sent);
		if (p.revents & (POLLIN | POLLHUP | POLLERR))
			got += take_some(fd, got, &wrong);
	}
	ck_assert(!wrong);
}

static void *one_client(void *arg)
{
	const int fd = connect_here(arg);

	exchange(fd, MIB);
	(void)shutdown(fd, SHUT_WR);
	ck_assert_int_eq(count(fd), 0);
	(void)close(fd);
	return NULL;
}

static void many_clients(struct scene *sc)
{
	pthread_t threads[CLIENTS];

	for (size_t i = 0; i < COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, one_client, sc), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		(void)pthread_join(threads[i], NULL);
}

START_TEST(many_at_once_while_the_session_works)
{
	struct scene sc = { .use = many_clients, .works = true };

	NEED_SSHD;
	unit_ok(play_with(&sc, echo, ""));
	ck_assert_uint_eq(sc.far.got, CLIENTS);
	ck_assert_int_gt(sc.commands, 0);
}
END_TEST

static void much(struct scene *sc)
{
	const int fd = connect_here(sc);

	exchange(fd, 24 * MIB);
	(void)close(fd);
}

START_TEST(big_data_both_ways)
{
	struct scene sc = { .use = much };

	NEED_SSHD;
	unit_ok(play_with(&sc, echo, ""));
}
END_TEST

static void end_and_listen(struct scene *sc)
{
	const int fd = connect_here(sc);
	char *data = xcalloc(3, MIB), answer[32] = "";

	ck_assert(put(fd, data, 3 * MIB));
	(void)shutdown(fd, SHUT_WR);
	ck_assert_int_eq(recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL), 7);
	ck_assert_str_eq(answer, "3145728");
	ck_assert_int_eq(count(fd), 0);
	(void)close(fd);
	free(data);
}

START_TEST(our_end_is_handed_on)
{
	struct scene sc = { .use = end_and_listen };

	NEED_SSHD;
	unit_ok(play_with(&sc, tell_count, ""));
}
END_TEST

static void listen_and_end(struct scene *sc)
{
	const int fd = connect_here(sc);
	char *data = xcalloc(5, MIB);

	ck_assert_int_eq(count(fd), 5);
	ck_assert(put(fd, data, 5 * MIB));
	(void)close(fd);
	free(data);
}

static void wait_for(atomic_size_t *n, size_t value)
{
	while (*n != value)
		clock_sleep_ms(PAUSE_MS);
}

static void listen_and_see(struct scene *sc)
{
	listen_and_end(sc);
	wait_for(&sc->far.got, 5 * MIB);
}

/* What is still on its way when our side closes gets there. */
START_TEST(their_end_is_handed_on)
{
	struct scene sc = { .use = listen_and_see };

	NEED_SSHD;
	unit_ok(play_with(&sc, end_first, ""));
}
END_TEST

static void be_refused(struct scene *sc)
{
	int fd = connect_here(sc);
	AUTO_STR before = NULL;
	AUTO_STR fault = NULL;

	ck_assert_int_eq(count(fd), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	fault = ssh_forward_fault(sc->forward);
	ck_assert_ptr_nonnull(fault);
	ck_assert_ptr_nonnull(strstr(fault, "cannot connect to it"));
	(void)close(fd);
}

START_TEST(who_refuses_resets)
{
	struct scene sc = { .use = be_refused };

	NEED_SSHD;
	sc.d = sshd_start("");
	(void)close(sshd_black_hole(&sc.port));
	unit_ok(play(&sc));
	sshd_stop(&sc.d);
}
END_TEST

static void be_forbidden(struct scene *sc)
{
	const int fd = connect_here(sc);

	ck_assert_int_eq(count(fd), -1);
	(void)close(fd);
	AUTO_STR fault = ssh_forward_fault(sc->forward);
	ck_assert_ptr_nonnull(strstr(fault, "AllowTcpForwarding"));
}

START_TEST(a_server_that_forbids_it)
{
	struct scene sc = { .use = be_forbidden };

	NEED_SSHD;
	unit_ok(play_with(&sc, echo, "AllowTcpForwarding no\n"));
}
END_TEST

/* What came until then looks like no whole answer. */
static void be_cut_off(struct scene *sc)
{
	const int fd = connect_here(sc);
	char part[4];

	ck_assert_int_eq(recv(fd, part, 4, MSG_WAITALL), 4);
	const char *const argv[] = { "pkill", "-P", "PID", NULL };
	AUTO_STR pid = xasprintf("%d", (int)sc->d.pid);
	const char *const all[] = { argv[0], argv[1], pid, NULL };
	ck_assert_int_eq(sshd_tool(all), 0);
	ck_assert_int_eq(count(fd), -1);
	(void)close(fd);
}

START_TEST(a_server_that_dies_resets)
{
	struct scene sc = { .use = be_cut_off };

	NEED_SSHD;
	err_free(play_with(&sc, say_part, "")); /* its own session may be gone, too */
}
END_TEST

static int left_open;
static void leave_open(struct scene *sc)
{
	char part[4];

	left_open = connect_here(sc);
	ck_assert_int_eq(recv(left_open, part, 4, MSG_WAITALL), 4);
}

START_TEST(it_ends_with_the_task)
{
	struct scene sc = { .use = leave_open };

	NEED_SSHD;
	unit_ok(play_with(&sc, say_part, ""));
	ck_assert_int_eq(count(left_open), -1);
	(void)close(left_open);
}
END_TEST

static void nobody(struct scene *sc)
{
	AUTO_STR fault = ssh_forward_fault(sc->forward);

	ck_assert_ptr_null(fault);
}

START_TEST(one_that_nobody_uses)
{
	struct scene sc = { .use = nobody, .port = 1 };

	NEED_SSHD;
	sc.d = sshd_start("");
	unit_ok(play(&sc));
	sshd_stop(&sc.d);
}
END_TEST

/* As in a pool, whose session stays while the work that made the forward has ended. */
START_TEST(it_outlives_the_deadline_of_who_asked)
{
	struct scene sc = { .use = many_clients, .late = true };

	NEED_SSHD;
	unit_ok(play_with(&sc, echo, ""));
	ck_assert_uint_eq(sc.far.got, CLIENTS);
}
END_TEST

/* Both the port and what goes on through it, while the session's task runs on. */
static void close_and_try(struct scene *sc)
{
	const struct sockaddr_in a = loopback(ssh_forward_port(sc->forward));
	const int open = connect_here(sc), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char part[4];

	ck_assert_int_eq(recv(open, part, 4, MSG_WAITALL), 4);
	ck_assert(!ssh_forward_ended(sc->forward));
	ssh_forward_close(sc->forward);
	sc->closed = true;
	ck_assert_int_eq(count(open), -1);
	(void)close(open);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&a, sizeof(a)), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	(void)close(fd);
}

START_TEST(it_can_be_closed)
{
	struct scene sc = { .use = close_and_try, .works = true };

	NEED_SSHD;
	unit_ok(play_with(&sc, say_part, ""));
}
END_TEST

UNIT_MAIN_IN("forward", sshd_enter, sandbox_leave, many_at_once_while_the_session_works,
	     big_data_both_ways, our_end_is_handed_on, their_end_is_handed_on, who_refuses_resets,
	     a_server_that_forbids_it, a_server_that_dies_resets, it_ends_with_the_task,
	     one_that_nobody_uses, it_outlives_the_deadline_of_who_asked, it_can_be_closed)
