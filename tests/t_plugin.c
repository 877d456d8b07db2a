#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "plugin_client.h"
#include "server.h"
#include "unit.h"

/*
 * The plugin server, with a provider that echoes: this program itself, started again with this
 * variable. Terraform's part is that of our own client.
 */
#define AS_PROVIDER "TREENAIL_TEST_PROVIDER"
#define FAST_CLOCK  "TREENAIL_TEST_FAST_CLOCK" /* a hundred times, there */

/* For what takes a moment, also where the machine is slow; its contrary takes 100 s. */
#define ENOUGH_MS 25000

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return now_ms() * (getenv(FAST_CLOCK) ? 100 : 1);
}

/* ---- the provider ---- */

static void reply_words(struct buf *reply, const char *words)
{
	(void)buf_add(reply, words, strlen(words));
}

static void spend_ms(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void reply_number(struct buf *reply, ssize_t n)
{
	buf_addf(reply, "%zd", n);
}

static bool provide(void *arg, const char *method, const uint8_t *body, size_t len,
		    struct buf *reply)
{
	const long n = len ? strtol((const char *)body, NULL, 10) : 0;
	char byte;

	(void)arg;
	if (strcmp(method, "Echo") == 0) {
		(void)buf_add(reply, (const char *)body, len);
	} else if (strcmp(method, "Sleep") == 0) {
		clock_sleep_ms(n);
		reply_words(reply, clock_is_cut() ? "stopped" : "slept");
		log_write(LOG_WARN, clock_is_cut() ? "call stopped" : "call done", NULL);
	} else if (strcmp(method, "Stubborn") == 0) {
		spend_ms(n);
	} else if (strcmp(method, "StopProvider") == 0) {
		clock_cut();
	} else if (strcmp(method, "Big") == 0) {
		char *zeros = xcalloc((size_t)n, 1);

		(void)buf_add(reply, zeros, (size_t)n);
		free(zeros);
	} else if (strcmp(method, "Read") == 0) {
		reply_number(reply, read(STDIN_FILENO, &byte, 1));
	} else if (strcmp(method, "Print") == 0) {
		(void)puts("not for Terraform");
		(void)fflush(stdout);
	} else if (strcmp(method, "Log") == 0) {
		for (int level = LOG_TRACE; level < LOG_OFF; level++)
			log_write((enum log_level)level, "said \"so\"\n", "key", "va\tlue", "none",
				  NULL, NULL);
	} else {
		return false;
	}
	return true;
}

static bool is_urgent(const char *method)
{
	return strcmp(method, "StopProvider") == 0;
}

static void ended(void *arg, bool asked)
{
	(void)arg;
	log_write(LOG_WARN, asked ? "ended as asked" : "ended alone", NULL);
}

static const struct plugin plugin = {
	.name = "echo",
	.address = "example.org/test/echo",
	.service = "tfplugin6.Provider",
	.protocol = 6,
	.answer = provide,
	.urgent = is_urgent,
	.ended = ended,
};

/* ---- fixture ---- */

static struct client *client;
static char dir[] = "/tmp/t_plugin.XXXXXX";
static char *tmpdir_variable;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	tmpdir_variable = xasprintf("TMPDIR=%s", dir);
}

static bool is_left(void)
{
	DIR *all = opendir(dir);
	size_t n = 0;

	while (readdir(all))
		n++;
	(void)closedir(all);
	return n > 2;
}

static void tear_down(void)
{
	client_free(client);
	client = NULL;
	free(tmpdir_variable);
	ck_assert_msg(rmdir(dir) == 0, "%s: %s", dir, strerror(errno));
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

/* The environment of the provider: more[] after what all have. */
static struct client_options with(const char *const *more)
{
	static const char *env[12];
	size_t n = 0;

	env[n++] = AS_PROVIDER "=1";
	env[n++] = tmpdir_variable;
	env[n++] = "TF_LOG";
	env[n++] = "TF_LOG_PROVIDER";
	env[n++] = "TSAN_OPTIONS=atexit_sleep_ms=0"; /* how soon it ends is looked at */
	for (; more && *more; more++)
		env[n++] = *more;
	env[n] = NULL;
	return (struct client_options){ .env = env };
}

#define SET(...) with((const char *const[]){ __VA_ARGS__, NULL })

static void start(struct client_options o)
{
	unit_ok(client_start(&o, &client));
}

static void start_plain(void)
{
	struct client_options o = with(NULL);

	o.plain = true;
	start(o);
}

static void expect_reply(struct err *e, struct buf *reply, const char *want)
{
	unit_ok(e);
	ck_assert_str_eq(reply->s, want);
	buf_release(reply);
}

static void expect_echo(struct client *c)
{
	struct buf reply = BUF_INIT;

	expect_reply(client_call(c, "Echo", "hello", 5, &reply), &reply, "hello");
}

static void expect_said(const char *words)
{
	char *said = client_errors(client);

	for (int i = 0; i < 200 && !strstr(said, words); i++) {
		spend_ms(10);
		free(said);
		said = client_errors(client);
	}
	ck_assert_msg(strstr(said, words), "'%s' lacks '%s'", said, words);
	free(said);
}

static void expect_end(int status, const char *words)
{
	ck_assert_int_eq(client_exit(client, ENOUGH_MS), status);
	expect_said(words);
}

static void shut_down(void)
{
	const int32_t stream = client_send(
		client, &(struct client_request){ .path = "/plugin.GRPCController/Shutdown",
						  .frames = "\0\0\0\0",
						  .len = 5 });

	ck_assert_int_eq(client_wait(client, stream, ENOUGH_MS)->status, 0);
	expect_end(0, "");
}

/* ---- start ---- */

START_TEST(starts)
{
	struct stat st;

	start(with(NULL));
	AUTO_STR core = client_field(client, 0);
	AUTO_STR protocol = client_field(client, 1);
	AUTO_STR network = client_field(client, 2);
	AUTO_STR path = client_field(client, 3);
	AUTO_STR kind = client_field(client, 4);
	AUTO_STR more = client_field(client, 6);
	ck_assert_str_eq(core, "1");
	ck_assert_str_eq(protocol, "6");
	ck_assert_str_eq(network, "unix");
	ck_assert_str_eq(kind, "grpc");
	ck_assert_str_eq(more, "");
	ck_assert_ptr_eq(strstr(path, dir), path);
	expect_echo(client);
	/* Nothing is left behind, even if it were killed now. */
	ck_assert_int_eq(stat(path, &st), -1);
	ck_assert(!is_left());
	shut_down();
	expect_said("ended as asked");
}
END_TEST

START_TEST(socket_is_private)
{
	struct client_options o = with(NULL);
	struct stat st;

	client = client_spawn(&o);
	AUTO_STR path = client_field(client, 3);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	/* Before there is any client, the end has to be asked for. */
	ck_assert_int_eq(kill(client_pid(client), SIGTERM), 0);
	expect_end(0, "ended alone");
}
END_TEST

static const char *const wrong_cookies[] = { "TF_PLUGIN_MAGIC_COOKIE", "TF_PLUGIN_MAGIC_COOKIE=",
					     "TF_PLUGIN_MAGIC_COOKIE=d602bf8f" };

START_TEST(by_a_person)
{
	struct client_options o = SET(wrong_cookies[_i]);

	client = client_spawn(&o);
	ck_assert_str_eq(client_line(client), "");
	expect_end(1, "echo = { source = \"example.org/test/echo\" }");
	expect_said("start it themselves");
}
END_TEST

static const struct {
	const char *versions;
	bool good;
} offers[] = {
	{ "PLUGIN_PROTOCOL_VERSIONS=6", true },    { "PLUGIN_PROTOCOL_VERSIONS=5,6", true },
	{ "PLUGIN_PROTOCOL_VERSIONS=6,5", true },  { "PLUGIN_PROTOCOL_VERSIONS=5,6,7", true },
	{ "PLUGIN_PROTOCOL_VERSIONS=5", false },   { "PLUGIN_PROTOCOL_VERSIONS=", false },
	{ "PLUGIN_PROTOCOL_VERSIONS", false },     { "PLUGIN_PROTOCOL_VERSIONS=60,16", false },
	{ "PLUGIN_PROTOCOL_VERSIONS=6x", false },  { "PLUGIN_PROTOCOL_VERSIONS=,,", false },
	{ "PLUGIN_PROTOCOL_VERSIONS=5;6", false }, { "PLUGIN_PROTOCOL_VERSIONS=-6", false },
	{ "PLUGIN_PROTOCOL_VERSIONS=4,,6", true },
};

START_TEST(protocols)
{
	struct client_options o = SET(offers[_i].versions);

	client = client_spawn(&o);
	ck_assert_int_eq(*client_line(client) != '\0', offers[_i].good);
	if (!offers[_i].good) {
		expect_end(1, "take Terraform 1.0 or later");
		return;
	}
	unit_ok(client_connect(client, CLIENT_OWN));
	expect_echo(client);
}
END_TEST

START_TEST(unreadable_certificate)
{
	struct client_options o = SET("PLUGIN_CLIENT_CERT=-----BEGIN CERTIFICATE-----\nMIIB\n");

	client = client_spawn(&o);
	ck_assert_str_eq(client_line(client), "");
	expect_end(1, "PLUGIN_CLIENT_CERT");
}
END_TEST

START_TEST(multiplexing_is_refused)
{
	start(SET("PLUGIN_MULTIPLEX_GRPC=true"));
	AUTO_STR field = client_field(client, 6);
	ck_assert_str_eq(field, "false");
	expect_echo(client);
}
END_TEST

START_TEST(long_tmpdir)
{
	AUTO_STR deep = xasprintf("TMPDIR=%s/%0120d", dir, 0);
	struct client_options o = SET(deep);

	ck_assert_int_eq(mkdir(deep + strlen("TMPDIR="), 0700), 0);
	start(o);
	AUTO_STR path = client_field(client, 3);
	ck_assert_ptr_eq(strstr(path, "/tmp/plugin-"), path);
	expect_echo(client);
	ck_assert_int_eq(rmdir(deep + strlen("TMPDIR=")), 0);
}
END_TEST

START_TEST(socket_dir)
{
	AUTO_STR mine = xasprintf("PLUGIN_UNIX_SOCKET_DIR=%s", dir);

	start(SET(mine, "TMPDIR=/nonexistent"));
	AUTO_STR path = client_field(client, 3);
	ck_assert_ptr_eq(strstr(path, dir), path);
	expect_echo(client);
}
END_TEST

START_TEST(no_tls)
{
	start_plain();
	AUTO_STR field = client_field(client, 5);
	ck_assert_str_eq(field, "");
	ck_assert_str_eq(client_line(client) + strlen(client_line(client)) - 5, "grpc|");
	expect_echo(client);
	shut_down();
	ck_assert(!is_left());
}
END_TEST

START_TEST(output_is_shut)
{
	AUTO_BUF reply = BUF_INIT;

	start(with(NULL));
	unit_ok(client_call(client, "Print", NULL, 0, NULL));
	expect_reply(client_call(client, "Read", NULL, 0, &reply), &reply, "0");
	ck_assert(!client_next_line(client));
	ck_assert_str_eq(client_line(client), "");
}
END_TEST

/* ---- who may connect ---- */

static const enum client_identity strangers[] = { CLIENT_NONE, CLIENT_OTHER };

START_TEST(stranger)
{
	struct client_options o = with(NULL);
	AUTO_ERR e = NULL;

	client = client_spawn(&o);
	/* In TLS 1.3 the client learns of it with the first bytes it reads. */
	e = client_connect(client, strangers[_i]);
	if (!e)
		ck_assert(client_is_cut(client, 2000));
	expect_said("TLS handshake failed");
	/* It was nobody: who comes with the right certificate is served. */
	unit_ok(client_connect(client, CLIENT_OWN));
	expect_echo(client);
}
END_TEST

START_TEST(no_tls_on_tls)
{
	struct client_options o = with(NULL);
	struct client *other = NULL;

	client = client_spawn(&o);
	AUTO_STR path = client_field(client, 3);
	unit_ok(client_attach(path, &other));
	ck_assert(client_is_cut(other, 2000));
	client_free(other);
	unit_ok(client_connect(client, CLIENT_OWN));
	expect_echo(client);
}
END_TEST

/* ---- bytes that are no requests ---- */

static const struct {
	const char *bytes;
	size_t len;
} garbage[] = {
	{ "GET / HTTP/1.1\r\n\r\n", 18 },
	{ "\377\377\377\377\377\377\377\377\377\377", 10 }, /* a frame of 16 MiB */
	{ "\0\0\4\1\4\0\0\0\7\377\377\377\377", 13 },       /* headers that are no HPACK */
	{ "\0\0\1\0\0\0\0\0\0x", 10 },                      /* DATA on stream 0 */
	{ "\0\0\1\0\0\0\0\0\11x", 10 },                     /* DATA on an idle stream */
	{ "\0\0\6\4\0\0\0\0\0\0\4\377\377\377\377", 15 },   /* a window over 2^31 */
	{ "\0\0\5\4\0\0\0\0\0\0\4\377\377\377", 14 },       /* half a setting */
	{ "\0\0\4\10\0\0\0\0\0\0\0\0\0", 13 },              /* a window grown by 0 */
	{ "\0\0\0\11\0\0\0\0\7", 9 },                       /* CONTINUATION of nothing */
	{ "\0\0\10\6\0\0\0\0\3abcdefgh", 17 },              /* PING on a stream */
};

START_TEST(malformed)
{
	start(with(NULL));
	expect_echo(client);
	(void)client_raw(client, garbage[_i].bytes, garbage[_i].len);
	ck_assert(client_is_cut(client, 2000));
	expect_end(0, "ended alone");
}
END_TEST

START_TEST(half_a_frame)
{
	start(with(NULL));
	expect_echo(client);
	(void)client_raw(client, "\0\0\10\6\0\0", 6);
	client_disconnect(client);
	expect_end(0, "ended alone");
}
END_TEST

#define ECHO_PATH "/tfplugin6.Provider/Echo"

static const struct {
	struct client_request request;
	int http, status;
	const char *words;
} requests[] = {
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0\2hi", .len = 7 }, 200, 0, NULL },
	{ { .path = ECHO_PATH,
	    .frames = "\0\0\0\0\2hi",
	    .len = 7,
	    .content_type = "application/grpc+proto" },
	  200,
	  0,
	  NULL },
	{ { .path = "/tfplugin6.Provider/Nothing", .frames = "\0\0\0\0", .len = 5 },
	  200,
	  12,
	  "no such method" },
	{ { .path = "/tfplugin5.Provider/Echo", .frames = "\0\0\0\0", .len = 5 },
	  200,
	  12,
	  "no such service" },
	{ { .path = "/tfplugin6.ProviderEcho", .frames = "\0\0\0\0", .len = 5 },
	  200,
	  12,
	  "no such service" },
	{ { .path = "/", .frames = "\0\0\0\0", .len = 5 }, 200, 12, "no such service" },
	{ { .path = ECHO_PATH, .frames = "\1\0\0\0\2hi", .len = 7 }, 200, 12, "compressed" },
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0\3hi", .len = 7 }, 200, 13, "ended before" },
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0", .len = 4 }, 200, 13, "ended before" },
	{ { .path = ECHO_PATH, .frames = "", .len = 0 }, 200, 13, "ended before" },
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0\1h\0\0\0\0\1i", .len = 12 },
	  200,
	  13,
	  "more than one" },
	{ { .path = ECHO_PATH, .frames = "\0\4\0\0\1h", .len = 6 },
	  200,
	  8,
	  "67108865 bytes, and may have 67108864" },
	{ { .path = ECHO_PATH, .frames = "\0\377\377\377\377h", .len = 6, .open = true },
	  200,
	  8,
	  "may have" },
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0", .len = 5, .content_type = "text/plain" },
	  415,
	  3,
	  "content type" },
	{ { .path = ECHO_PATH,
	    .frames = "\0\0\0\0",
	    .len = 5,
	    .content_type = "application/grpcx" },
	  415,
	  3,
	  "content type" },
	{ { .path = ECHO_PATH, .frames = "\0\0\0\0", .len = 5, .method = "PUT" }, 405, 13, "POST" },
	{ { .path = "/tfplugin6.Provider/Big", .frames = "\0\0\0\0\01070000000", .len = 13 },
	  200,
	  8,
	  "the reply has 70000000 bytes" },
};

START_TEST(odd_requests)
{
	const struct client_answer *a;

	start(with(NULL));
	a = client_wait(client, client_send(client, &requests[_i].request), 5000);
	ck_assert(a->closed);
	ck_assert_int_eq(a->http, requests[_i].http);
	ck_assert_int_eq(a->status, requests[_i].status);
	if (requests[_i].words)
		ck_assert_ptr_nonnull(strstr(a->words, requests[_i].words));
	expect_echo(client);
	shut_down();
}
END_TEST

START_TEST(long_path)
{
	AUTO_STR path = xasprintf("/tfplugin6.Provider/Echo%0300d", 0);
	const struct client_answer *a;

	start(with(NULL));
	a = client_wait(client,
			client_send(client, &(struct client_request){ .path = path,
								      .frames = "\0\0\0\0",
								      .len = 5 }),
			5000);
	ck_assert_int_eq(a->status, 12);
	expect_echo(client);
}
END_TEST

/* ---- calls ---- */

START_TEST(side_services)
{
	static const char *const held[] = { "/plugin.GRPCStdio/StreamStdio",
					    "/plugin.GRPCBroker/StartStream" };
	const struct client_answer *a;

	start(with(NULL));
	for (size_t i = 0; i < COUNT(held); i++) {
		/* The broker's stream never ends its request. */
		const struct client_request r = {
			.path = held[i], .frames = "\0\0\0\0", .len = i ? 0 : 5, .open = i
		};
		a = client_wait_headers(client, client_send(client, &r), 2000);
		ck_assert_int_eq(a->http, 200);
		ck_assert(!a->closed);
	}
	a = client_wait(
		client,
		client_send(client,
			    &(struct client_request){ .path = "/grpc.health.v1.Health/Check",
						      .frames = "\0\0\0\0",
						      .len = 5 }),
		2000);
	ck_assert_int_eq(a->status, 0);
	ck_assert_uint_eq(a->body.len, 7);
	ck_assert_int_eq(memcmp(a->body.s, "\0\0\0\0\2\10\1", 7), 0);
	expect_echo(client);
	shut_down();
}
END_TEST

static void expect_large(size_t len)
{
	AUTO_BUF reply = BUF_INIT;
	uint8_t *bytes = xcalloc(len, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 251);
	unit_ok(client_call(client, "Echo", bytes, len, &reply));
	ck_assert_uint_eq(reply.len, len);
	ck_assert_int_eq(memcmp(reply.s, bytes, len), 0);
	free(bytes);
}

static const size_t sizes[] = { 1, 16378, 16379, 16380, 65535, 1 << 20, 12 << 20 };

START_TEST(large)
{
	start(with(NULL));
	expect_large(sizes[_i]);
	shut_down();
}
END_TEST

START_TEST(large_plain)
{
	start_plain();
	expect_large(12 << 20);
	shut_down();
}
END_TEST

START_TEST(largest)
{
	start_plain();
	expect_large(PLUGIN_MESSAGE_MAX);
	shut_down();
}
END_TEST

START_TEST(hundred_at_once)
{
	const int64_t since_ms = now_ms();
	int32_t streams[100];

	start(with(NULL));
	for (size_t i = 0; i < COUNT(streams); i++)
		streams[i] = client_begin(client, "Sleep", "3000", 4);
	for (size_t i = 0; i < COUNT(streams); i++) {
		AUTO_BUF reply = BUF_INIT;

		expect_reply(client_finish(client, streams[i], ENOUGH_MS, &reply), &reply, "slept");
	}
	/* One after the other they would take 300 s, ten at a time 30. */
	ck_assert_int_lt(now_ms() - since_ms, ENOUGH_MS);
	shut_down();
}
END_TEST

/* More than there may be threads: some are still waiting for one. */
START_TEST(stop_when_busy)
{
	int32_t streams[300];
	int64_t since_ms;

	start(with(NULL));
	for (size_t i = 0; i < COUNT(streams); i++)
		streams[i] = client_begin(client, "Sleep", "100000", 6);
	since_ms = now_ms();
	unit_ok(client_call(client, "StopProvider", NULL, 0, NULL));
	ck_assert_int_lt(now_ms() - since_ms, ENOUGH_MS);
	for (size_t i = 0; i < COUNT(streams); i++) {
		AUTO_BUF reply = BUF_INIT;

		expect_reply(client_finish(client, streams[i], ENOUGH_MS, &reply), &reply,
			     "stopped");
	}
	ck_assert_int_lt(now_ms() - since_ms, ENOUGH_MS);
	shut_down();
}
END_TEST

/* The many that end reset streams are answered nowhere, and hold nobody up. */
START_TEST(resets)
{
	int32_t running[20];

	start(with(NULL));
	for (size_t i = 0; i < COUNT(running); i++) {
		const struct client_request half = {
			.path = ECHO_PATH, .frames = "\0\0\0\4\0abcdef", .len = 11, .open = true
		};

		client_reset(client, client_send(client, &half));
		running[i] = client_begin(client, "Sleep", "50", 2);
	}
	expect_echo(client);
	for (size_t i = 0; i < COUNT(running); i++)
		client_reset(client, running[i]);
	expect_echo(client);
	spend_ms(100);
	expect_echo(client);
	shut_down();
}
END_TEST

/* In the middle of an answer, which the client does not take. */
START_TEST(reset_of_a_reply)
{
	start(with(NULL));
	for (int i = 0; i < 5; i++) {
		const int32_t stream = client_begin(client, "Big", "8000000", 7);

		(void)client_wait_headers(client, stream, 5000);
		client_reset(client, stream);
	}
	expect_echo(client);
	shut_down();
}
END_TEST

/* ---- the end ---- */

START_TEST(client_goes)
{
	start(with(NULL));
	(void)client_begin(client, "Sleep", "100000", 6);
	expect_echo(client);
	client_disconnect(client);
	expect_end(0, "call stopped");
	expect_said("ended alone");
}
END_TEST

START_TEST(shutdown_with_calls)
{
	start(with(NULL));
	(void)client_begin(client, "Sleep", "100000", 6);
	expect_echo(client);
	shut_down();
	expect_said("call stopped");
}
END_TEST

/* What does not listen to the stop may end by itself for a while: then the process does. */
START_TEST(stubborn_call)
{
	start(with(NULL));
	(void)client_begin(client, "Stubborn", "100000", 6);
	expect_echo(client);
	shut_down();
	expect_said("did not end in time");
}
END_TEST

START_TEST(stubborn_call_ends)
{
	start(with(NULL));
	(void)client_begin(client, "Stubborn", "700", 3);
	expect_echo(client);
	shut_down();
	expect_said("ended as asked");
}
END_TEST

/* The client's whole process dies, as with kill -9 of Terraform. */
START_TEST(client_is_killed)
{
	int fds[2];
	pid_t provider = 0;
	pid_t dying;
	int status;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe(fds), 0);
	dying = fork();
	if (dying == 0) {
		start(with(NULL));
		(void)client_begin(client, "Sleep", "100000", 6);
		expect_echo(client);
		provider = client_pid(client);
		(void)!write(fds[1], &provider, sizeof(provider));
		(void)pause();
	}
	ck_assert_int_eq(read(fds[0], &provider, sizeof(provider)), sizeof(provider));
	ck_assert_int_eq(kill(dying, SIGKILL), 0);
	ck_assert_int_eq(waitpid(dying, NULL, 0), dying);
	for (int i = 0; i < 200 && waitpid(provider, &status, WNOHANG) == 0; i++)
		spend_ms(10);
	ck_assert_int_eq(kill(provider, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert(!is_left());
	(void)close(fds[0]);
	(void)close(fds[1]);
}
END_TEST

START_TEST(interrupted)
{
	start(with(NULL));
	const int32_t stream = client_begin(client, "Sleep", "300", 3);
	AUTO_BUF reply = BUF_INIT;

	expect_echo(client);
	ck_assert_int_eq(kill(client_pid(client), SIGINT), 0);
	ck_assert_int_eq(kill(client_pid(client), SIGPIPE), 0);
	expect_reply(client_finish(client, stream, ENOUGH_MS, &reply), &reply, "slept");
	shut_down();
}
END_TEST

START_TEST(terminated)
{
	start(with(NULL));
	(void)client_begin(client, "Sleep", "100000", 6);
	expect_echo(client);
	ck_assert_int_eq(kill(client_pid(client), SIGTERM), 0);
	expect_end(0, "call stopped");
}
END_TEST

/* A minute, of a fast clock. A signal makes it look at the clock, as the end of poll() would. */
START_TEST(nobody_comes)
{
	struct client_options o = SET(FAST_CLOCK "=1");

	client = client_spawn(&o);
	ck_assert_int_eq(kill(client_pid(client), SIGINT), 0);
	ck_assert_int_eq(client_exit(client, 100), -1);
	spend_ms(700);
	ck_assert_int_eq(kill(client_pid(client), SIGINT), 0);
	expect_end(0, "no client came");
	ck_assert(!is_left());
}
END_TEST

START_TEST(several_plain_connections)
{
	struct client *other = NULL;

	start_plain();
	AUTO_STR path = client_field(client, 3);
	unit_ok(client_attach(path, &other));
	expect_echo(other);
	client_disconnect(client);
	expect_echo(other);
	ck_assert_int_eq(client_exit(client, 50), -1);
	client_free(other);
	expect_end(0, "ended alone");
	ck_assert(!is_left());
}
END_TEST

/* ---- by hand, for debugging ---- */

static char *debug_path(void)
{
	struct json_object *all;
	const char *json;
	char *path;

	while (!strstr(client_line(client), "TF_REATTACH_PROVIDERS='"))
		ck_assert(client_next_line(client));
	AUTO_STR line = xstrdup(strchr(client_line(client), '\'') + 1);
	*strrchr(line, '\'') = '\0';
	json = line;
	all = unit_json(json);
	struct json_object *one = NULL;
	ck_assert(json_object_object_get_ex(all, "example.org/test/echo", &one));
	ck_assert_str_eq(json_str(one, "Protocol"), "grpc");
	ck_assert_int_eq(json_int(one, "ProtocolVersion", 0), 6);
	ck_assert_int_eq(json_int(one, "Pid", 0), client_pid(client));
	ck_assert(json_truth(one, "Test", false));
	path = xstrdup(json_str(one, "Addr.String"));
	json_object_put(all);
	return path;
}

static const int endings[] = { SIGINT, SIGTERM };

START_TEST(debugging)
{
	const char *const args[] = { "-debug", NULL };
	struct client_options o = SET("TF_PLUGIN_MAGIC_COOKIE", "PLUGIN_PROTOCOL_VERSIONS");

	o.args = args;
	client = client_spawn(&o);
	AUTO_STR path = debug_path();
	for (int i = 0; i < 3; i++) {
		const struct client_request shutdown = { .path = "/plugin.GRPCController/Shutdown",
							 .frames = "\0\0\0\0",
							 .len = 5 };
		AUTO_BUF reply = BUF_INIT;
		struct client *one = NULL;

		unit_ok(client_attach(path, &one));
		/* The stop of the one before is over. */
		expect_reply(client_call(one, "Sleep", "1", 1, &reply), &reply, "slept");
		unit_ok(client_call(one, "StopProvider", NULL, 0, NULL));
		expect_reply(client_call(one, "Sleep", "100000", 6, &reply), &reply, "stopped");
		ck_assert_int_eq(client_wait(one, client_send(one, &shutdown), ENOUGH_MS)->status,
				 0);
		client_free(one);
	}
	ck_assert_int_eq(client_exit(client, 50), -1);
	ck_assert_int_eq(kill(client_pid(client), endings[_i]), 0);
	expect_end(0, "ended as asked");
	ck_assert(!is_left());
}
END_TEST

/* ---- the log ---- */

static const struct {
	const char *variable, *other;
	int lines; /* of the five levels */
} logs[] = {
	{ "TF_LOG", "TF_LOG_PROVIDER", 2 },
	{ "TF_LOG=INFO", "TF_LOG_PROVIDER", 3 },
	{ "TF_LOG=trace", "TF_LOG_PROVIDER", 5 },
	{ "TF_LOG=JSON", "TF_LOG_PROVIDER", 5 },
	{ "TF_LOG=TRACE", "TF_LOG_PROVIDER=ERROR", 1 },
	{ "TF_LOG=OFF", "TF_LOG_PROVIDER=DEBUG", 4 },
	{ "TF_LOG=TRACE", "TF_LOG_PROVIDER=OFF", 0 },
};

static int lines_of_log(char *text)
{
	char *save = NULL;
	int n = 0;

	for (char *s = strtok_r(text, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		AUTO_JSON line = NULL;

		unit_ok(json_parse(s, strlen(s), &line));
		ck_assert_str_eq(json_str(line, "@module"), "provider.echo");
		ck_assert_uint_eq(strlen(json_str(line, "@timestamp")),
				  strlen("2026-11-21T19:00:00.000000Z"));
		ck_assert_ptr_nonnull(json_str(line, "@level"));
		if (strcmp(json_str(line, "@message"), "said \"so\"\n") != 0)
			continue;
		ck_assert_str_eq(json_str(line, "key"), "va\tlue");
		ck_assert(!json_has(line, "none"));
		n++;
	}
	return n;
}

START_TEST(logging)
{
	start(SET(logs[_i].variable, logs[_i].other));
	unit_ok(client_call(client, "Log", NULL, 0, NULL));
	AUTO_STR said = client_errors(client);
	ck_assert_int_eq(lines_of_log(said), logs[_i].lines);
}
END_TEST

static int run_tests(void)
{
	Suite *s = suite_create("plugin");
	TCase *t = tcase_create("plugin");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, starts);
	tcase_add_test(t, socket_is_private);
	tcase_add_loop_test(t, by_a_person, 0, COUNT(wrong_cookies));
	tcase_add_loop_test(t, protocols, 0, COUNT(offers));
	tcase_add_test(t, unreadable_certificate);
	tcase_add_test(t, multiplexing_is_refused);
	tcase_add_test(t, long_tmpdir);
	tcase_add_test(t, socket_dir);
	tcase_add_test(t, no_tls);
	tcase_add_test(t, output_is_shut);
	tcase_add_loop_test(t, stranger, 0, COUNT(strangers));
	tcase_add_test(t, no_tls_on_tls);
	tcase_add_loop_test(t, malformed, 0, COUNT(garbage));
	tcase_add_test(t, half_a_frame);
	tcase_add_loop_test(t, odd_requests, 0, COUNT(requests));
	tcase_add_test(t, long_path);
	tcase_add_test(t, side_services);
	tcase_add_loop_test(t, large, 0, COUNT(sizes));
	tcase_add_test(t, large_plain);
	tcase_add_test(t, largest);
	tcase_add_test(t, hundred_at_once);
	tcase_add_test(t, stop_when_busy);
	tcase_add_test(t, resets);
	tcase_add_test(t, reset_of_a_reply);
	tcase_add_test(t, client_goes);
	tcase_add_test(t, shutdown_with_calls);
	tcase_add_test(t, stubborn_call);
	tcase_add_test(t, stubborn_call_ends);
	tcase_add_test(t, client_is_killed);
	tcase_add_test(t, interrupted);
	tcase_add_test(t, terminated);
	tcase_add_test(t, nobody_comes);
	tcase_add_test(t, several_plain_connections);
	tcase_add_loop_test(t, debugging, 0, COUNT(endings));
	tcase_add_loop_test(t, logging, 0, COUNT(logs));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	return getenv(AS_PROVIDER) ? plugin_main(&plugin, argc, argv) : run_tests();
}
