#include <check.h>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "buf.h"
#include "faulty.h"
#include "http.h"
#include "http_wire.h"
#include "mem.h"

#define SECRET "X-Auth-Token: sesame"

/* The clock: pauses take no time, but are remembered. */

static pthread_mutex_t clock_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t skipped;
static int64_t pauses[256];
static size_t npauses;
static void (*on_pause)(void);

int64_t clock_ms(void)
{
	struct timespec now;
	int64_t ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)pthread_mutex_lock(&clock_lock);
	ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + skipped;
	(void)pthread_mutex_unlock(&clock_lock);
	return ms;
}

void clock_sleep_ms(int64_t ms)
{
	(void)pthread_mutex_lock(&clock_lock);
	skipped += ms;
	if (npauses < COUNT(pauses))
		pauses[npauses++] = ms;
	(void)pthread_mutex_unlock(&clock_lock);
	if (on_pause)
		on_pause();
}

/* Fixture */

static struct faulty *server;
static struct http *http;
static char dir[] = "/tmp/t_http.XXXXXX";

static void set_up_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void tear_down_dir(void)
{
	struct dirent *d;
	DIR *all = opendir(dir);

	for (d = readdir(all); d; d = readdir(all)) {
		AUTO_STR path = xasprintf("%s/%s", dir, d->d_name);

		(void)unlink(path);
	}
	(void)closedir(all);
	(void)rmdir(dir);
}

static void tear_down(void)
{
	http_free(http);
	http = NULL;
	if (server)
		faulty_stop(server);
	server = NULL;
}

static void client(const struct http_options *o)
{
	struct err *e;

	http_free(http);
	http = NULL;
	e = http_new(o, &http);
	ck_assert_msg(!e, "%s", e ? e->text : "");
}

static void script(const struct faulty_step *steps, size_t n)
{
	if (server)
		faulty_stop(server);
	server = faulty_start(&(struct faulty_options){ .steps = steps, .n = n });
	if (!http)
		client(NULL);
}

#define SCRIPT(...)                                         \
	script((const struct faulty_step[]){ __VA_ARGS__ }, \
	       sizeof((const struct faulty_step[]){ __VA_ARGS__ }) / sizeof(struct faulty_step))

static char *url_on(int port, const char *path)
{
	return xasprintf("http://127.0.0.1:%d%s", port, path);
}

/* Sends r to the server, whatever its URL says if that is a path. */
static struct err *send_to(struct http_request r, struct http_answer *a)
{
	AUTO_STR whole = url_on(server ? faulty_port(server) : 1, r.url ? r.url : "/");

	*a = (struct http_answer){ 0 };
	if (!r.url || *r.url == '/')
		r.url = whole;
	if (!r.method)
		r.method = "GET";
	return http_call(http, &r, a);
}

#define CALL(a, ...) send_to((struct http_request){ __VA_ARGS__ }, (a))

#define OK(e)                                                 \
	do {                                                  \
		struct err *e_ = (e);                         \
		ck_assert_msg(!e_, "%s", e_ ? e_->text : ""); \
	} while (0)

static void expect_error(struct err *e, enum err_kind kind, bool ambiguous, const char *text)
{
	ck_assert_msg(e, "no error, expected: %s", text);
	ck_assert_msg(strstr(e->text, text), "'%s' does not hold '%s'", e->text, text);
	ck_assert_msg(e->kind == kind, "kind %s: %s", err_kind_name(e->kind), e->text);
	ck_assert_msg(e->ambiguous == ambiguous, "ambiguous %d: %s", e->ambiguous, e->text);
	err_free(e);
}

static bool seen_header(size_t i, const char *line)
{
	const struct faulty_request *r = faulty_seen(server, i);
	AUTO_STR whole = xasprintf("\r\n%s\r\n", line);

	ck_assert_ptr_nonnull(r);
	return strcasestr(r->headers, whole);
}

static bool seen_name(size_t i, const char *name)
{
	const struct faulty_request *r = faulty_seen(server, i);
	AUTO_STR start = xasprintf("\r\n%s:", name);

	ck_assert_ptr_nonnull(r);
	return strcasestr(r->headers, start);
}

/* Answers and requests */

START_TEST(answer)
{
	struct http_answer a;

	SCRIPT({ .status = 404,
		 .headers = "X-One: 1\r\nX-TWO:two words \r\nX-One: again\r\nX-Fold: a\r\n  b\r\n",
		 .body = "{\"a\": 1}" });
	OK(CALL(&a, .url = "/x?y=z"));
	ck_assert_int_eq(a.status, 404);
	ck_assert_str_eq(a.body, "{\"a\": 1}");
	ck_assert_uint_eq(a.len, 8);
	ck_assert_str_eq(http_header(&a, "x-one"), "1");
	ck_assert_str_eq(http_header(&a, "x-two"), "two words");
	ck_assert_str_eq(http_header(&a, "x-fold"), "a b");
	ck_assert_ptr_null(http_header(&a, "x-o"));
	ck_assert_str_eq(faulty_seen(server, 0)->target, "/x?y=z");
	http_answer_release(&a);
	ck_assert_ptr_null(a.body);
}
END_TEST

START_TEST(empty_answers)
{
	struct http_answer a;

	SCRIPT({ .status = 200 }, { .act = FAULTY_RAW, .body = "HTTP/1.1 204 No\r\n\r\n" });
	OK(CALL(&a));
	ck_assert_str_eq(a.body, "");
	http_answer_release(&a);
	OK(CALL(&a, .method = "DELETE"));
	ck_assert_int_eq(a.status, 204);
	ck_assert_str_eq(a.body, "");
	ck_assert_ptr_nonnull(a.headers);
	http_answer_release(&a);
}
END_TEST

START_TEST(interim_answer)
{
	struct http_answer a;

	SCRIPT({ .act = FAULTY_RAW,
		 .body = "HTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n"
			 "HTTP/1.1 200 OK\r\nX-Late: 1\r\nContent-Length: 2\r\n\r\nok" });
	OK(CALL(&a));
	ck_assert_str_eq(a.body, "ok");
	ck_assert_ptr_null(http_header(&a, "x-early"));
	ck_assert_str_eq(http_header(&a, "x-late"), "1");
	http_answer_release(&a);
}
END_TEST

static const struct {
	const char *method, *body, *length;
} wires[] = {
	{ "GET", NULL, NULL }, { "HEAD", NULL, NULL }, { "DELETE", NULL, NULL },
	{ "POST", NULL, "0" }, { "PUT", NULL, "0" },   { "PATCH", "abc", "3" },
	{ "PUT", "abc", "3" }, { "POST", "abc", "3" }, { "DELETE", "abc", "3" },
	{ "POST", "", "0" },
};

START_TEST(wire)
{
	const char *const more[] = { "X-Mine: 1", NULL };
	const char *body = wires[_i].body;
	AUTO_STR length = xasprintf("Content-Length: %s", wires[_i].length ? wires[_i].length : "");
	struct http_answer a;

	SCRIPT({ FAULTY_ECHO });
	OK(CALL(&a, .method = wires[_i].method, .url = "/p", .headers = more, .body = body,
		.body_len = body ? strlen(body) : 0, .secret_header = SECRET));
	ck_assert_str_eq(faulty_seen(server, 0)->method, wires[_i].method);
	ck_assert_str_eq(faulty_seen(server, 0)->body, body ? body : "");
	ck_assert(seen_header(0, SECRET));
	ck_assert(seen_header(0, "X-Mine: 1"));
	ck_assert(seen_header(0, "Accept-Encoding: gzip"));
	ck_assert(seen_name(0, "User-Agent"));
	ck_assert(!seen_name(0, "Expect"));
	ck_assert(!seen_name(0, "Content-Type"));
	ck_assert(wires[_i].length ? seen_header(0, length) : !seen_name(0, "Content-Length"));
	http_answer_release(&a);
}
END_TEST

START_TEST(own_headers)
{
	const char *const more[] = { "Content-Type: application/merge-patch+json", NULL };
	struct http_answer a;

	client(&(struct http_options){ .user_agent = "mine/1" });
	SCRIPT({ FAULTY_ECHO });
	OK(CALL(&a, .method = "PATCH", .headers = more, .body = "{}", .body_len = 2));
	ck_assert(seen_header(0, more[0]));
	ck_assert(seen_header(0, "User-Agent: mine/1"));
	http_answer_release(&a);
}
END_TEST

static const struct {
	const char *url, *text;
} bad_urls[] = {
	{ "ftp://127.0.0.1/x", "GET ftp://127.0.0.1/x: the URL is neither http nor https" },
	{ "file:///etc/passwd", "neither http nor https" },
	{ "", "this is no URL" },
	{ "http://u:geheim@/?token=geheim", "GET http" },
	{ "http://127.0.0.1:99999/?token=geheim", "GET http" },
	{ "http://127.0.0.1/a b?token=geheim", "GET http" },
};

START_TEST(bad_url)
{
	struct http_answer a;
	struct err *e;

	SCRIPT({ FAULTY_ECHO });
	e = CALL(&a, .url = bad_urls[_i].url);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_null(strstr(e->text, "geheim"));
	expect_error(e, ERR_USAGE, false, bad_urls[_i].text);
	ck_assert_uint_eq(npauses, 0);
}
END_TEST

START_TEST(header_injection)
{
	const char *const more[] = { "X-Name: a\r\nX-Auth-Token: b", NULL };
	struct http_answer a;

	SCRIPT({ FAULTY_ECHO });
	expect_error(CALL(&a, .headers = more), ERR_USAGE, false, "line break");
	expect_error(CALL(&a, .secret_header = "X-Auth-Token: a\nb"), ERR_USAGE, false,
		     "line break");
	ck_assert_uint_eq(faulty_count(server), 0);
}
END_TEST

START_TEST(reuses_connection)
{
	struct http_answer a;
	int i;

	SCRIPT({ FAULTY_ECHO });
	for (i = 0; i < 20; i++) {
		OK(CALL(&a, .method = i % 2 ? "PUT" : "GET"));
		http_answer_release(&a);
	}
	ck_assert_int_eq(faulty_connections(server), 1);
	ck_assert_uint_eq(faulty_count(server), 20);
}
END_TEST

START_TEST(sockets_are_not_inherited)
{
	struct sockaddr_in peer;
	struct http_answer a;
	int found = 0;
	int fd;

	SCRIPT({ FAULTY_ECHO });
	OK(CALL(&a));
	http_answer_release(&a);
	for (fd = 0; fd < 256; fd++) {
		socklen_t len = sizeof(peer);

		peer.sin_port = 0;
		if (getpeername(fd, (struct sockaddr *)&peer, &len) ||
		    ntohs(peer.sin_port) != faulty_port(server))
			continue;
		ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		found++;
	}
	ck_assert_int_eq(found, 1);
}
END_TEST

START_TEST(nothing_before_first_call)
{
	client(NULL);
	http_free(http);
	http_free(NULL);
	http = NULL;
}
END_TEST

/* Repeats */

static const struct {
	const char *method;
	struct faulty_step step; /* then all is well */
	bool once;
	unsigned requests;
	int status; /* 0: error */
} repeats[] = {
	{ "GET", { .status = 429 }, false, 2, 200 },
	{ "GET", { .status = 503 }, false, 2, 200 },
	{ "POST", { .status = 429 }, false, 2, 200 },
	{ "POST", { .status = 503 }, false, 2, 200 },
	{ "GET", { .status = 502 }, false, 2, 200 },
	{ "PUT", { .status = 504 }, false, 2, 200 },
	{ "PATCH", { .status = 502 }, false, 2, 200 },
	{ "DELETE", { .status = 502 }, false, 2, 200 },
	{ "HEAD", { .status = 502 }, false, 2, 200 },
	{ "POST", { .status = 502 }, false, 1, 502 },
	{ "POST", { .status = 504 }, false, 1, 504 },
	{ "GET", { .status = 500 }, false, 1, 500 },
	{ "GET", { .status = 408 }, false, 1, 408 },
	{ "GET", { .status = 409 }, false, 1, 409 },
	{ "GET", { FAULTY_CLOSE }, false, 2, 200 },
	{ "GET", { FAULTY_RESET }, false, 2, 200 },
	{ "GET", { FAULTY_CUT_HEAD }, false, 2, 200 },
	{ "GET", { FAULTY_CUT_BODY, .body = "x" }, false, 2, 200 },
	{ "GET", { FAULTY_CUT_CHUNK, .body = "x" }, false, 2, 200 },
	{ "PUT", { FAULTY_CLOSE }, false, 2, 200 },
	{ "DELETE", { FAULTY_RESET }, false, 2, 200 },
	{ "PATCH", { FAULTY_CUT_BODY, .body = "x" }, false, 2, 200 },
	{ "POST", { FAULTY_CLOSE }, false, 1, 0 },
	{ "POST", { FAULTY_RESET }, false, 1, 0 },
	{ "POST", { FAULTY_CUT_HEAD }, false, 1, 0 },
	{ "POST", { FAULTY_CUT_BODY, .body = "x" }, false, 1, 0 },
	{ "POST", { FAULTY_CUT_CHUNK, .body = "x" }, false, 1, 0 },
	{ "GET", { .status = 503 }, true, 1, 503 },
	{ "GET", { FAULTY_CLOSE }, true, 1, 0 },
};

START_TEST(repeat)
{
	const unsigned long before = http_attempts();
	const char *body = strcmp(repeats[_i].method, "GET") == 0 ? NULL : "body";
	struct http_answer a;
	struct err *e;

	if (strcmp(repeats[_i].method, "HEAD") == 0)
		body = NULL;
	script(&repeats[_i].step, 1);
	e = CALL(&a, .method = repeats[_i].method, .body = body, .body_len = body ? 4 : 0,
		 .once = repeats[_i].once);
	if (repeats[_i].status) {
		OK(e);
		ck_assert_int_eq(a.status, repeats[_i].status);
	} else {
		expect_error(e, ERR_NETWORK, true, repeats[_i].method);
	}
	ck_assert_uint_eq(faulty_count(server), repeats[_i].requests);
	ck_assert_uint_eq(http_attempts() - before, repeats[_i].requests);
	ck_assert_uint_eq(npauses, repeats[_i].requests - 1);
	http_answer_release(&a);
}
END_TEST

/* libcurl would repeat it by itself: the connection had served a request before. */
START_TEST(post_on_reused_connection)
{
	struct http_answer a;

	SCRIPT({ .status = 200 }, { FAULTY_CLOSE });
	OK(CALL(&a));
	http_answer_release(&a);
	expect_error(CALL(&a, .method = "POST", .body = _i ? "x" : NULL, .body_len = (size_t)_i),
		     ERR_NETWORK, true, "the connection was closed before the answer");
	ck_assert_uint_eq(faulty_count(server), 2);
}
END_TEST

START_TEST(connection_closed_between_calls)
{
	struct http_answer a;

	SCRIPT({ .status = 200, .close = true });
	OK(CALL(&a));
	http_answer_release(&a);
	/* Wait for its end to arrive, as far as that can be seen from here. */
	(void)usleep(50000);
	OK(CALL(&a, .method = "PUT", .body = "x", .body_len = 1));
	ck_assert_int_eq(a.status, 200);
	http_answer_release(&a);
	ck_assert_int_eq(faulty_connections(server), 2);
}
END_TEST

START_TEST(gives_up_at_deadline)
{
	static struct faulty_step steps[200];
	const int64_t began = clock_ms();
	struct http_answer a;
	struct err *e;
	size_t i;

	for (i = 0; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ FAULTY_CUT_BODY, .body = "half" };
	script(steps, COUNT(steps));
	e = CALL(&a, .url = "/x?password=geheim", .deadline_ms = 90000);
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_null(strchr(e->text, '?'));
	ck_assert_ptr_nonnull(strstr(e->text, "tries"));
	expect_error(e, ERR_NETWORK, true, "/x: the answer was cut: ");
	ck_assert_uint_gt(npauses, 4);
	ck_assert_uint_eq(faulty_count(server), npauses + 1);
	for (i = 0; i < npauses; i++) {
		ck_assert_int_ge(pauses[i], 0);
		ck_assert_int_le(pauses[i], i < 5 ? 250 << i : 8000);
	}
	ck_assert_int_lt(skipped, 90000);
	ck_assert_int_ge(clock_ms() - began, skipped);
}
END_TEST

START_TEST(last_answer_at_deadline)
{
	static struct faulty_step steps[200];
	struct http_answer a;
	size_t i;

	for (i = 0; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ .status = 503, .body = "why" };
	script(steps, COUNT(steps));
	OK(CALL(&a));
	ck_assert_int_eq(a.status, 503);
	ck_assert_str_eq(a.body, "why");
	ck_assert_uint_gt(npauses, 3);
	http_answer_release(&a);
}
END_TEST

static int late_port;

static void start_late(void)
{
	if (!server)
		server = faulty_start(&(struct faulty_options){ .port = late_port });
}

/* Nothing was sent while nobody listened: a POST may be repeated. */
START_TEST(refused_then_up)
{
	struct http_answer a;

	late_port = faulty_free_port();
	AUTO_STR url = url_on(late_port, "/late");
	on_pause = start_late;
	client(NULL);
	OK(CALL(&a, .method = "POST", .url = url, .body = "x", .body_len = 1));
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(faulty_count(server), 1);
	ck_assert_uint_eq(npauses, 1);
	http_answer_release(&a);
}
END_TEST

START_TEST(refused)
{
	struct http_answer a;
	AUTO_STR url = url_on(faulty_free_port(), "/x?a=b");
	AUTO_STR text = xasprintf("POST %.*s: could not connect: Connection refused (",
				  (int)strcspn(url, "?"), url);

	client(NULL);
	expect_error(CALL(&a, .method = "POST", .url = url), ERR_NETWORK, false, text);
	ck_assert_uint_gt(npauses, 3);
	npauses = 0;
	expect_error(CALL(&a, .url = url, .once = true), ERR_NETWORK, false, "refused");
	ck_assert_uint_eq(npauses, 0);
}
END_TEST

static void stop_server(void)
{
	late_port = server ? faulty_port(server) : late_port;
	if (server)
		faulty_stop(server);
	server = NULL;
}

START_TEST(ambiguous_from_an_earlier_try)
{
	struct http_answer a;

	SCRIPT({ FAULTY_CLOSE });
	on_pause = stop_server;
	expect_error(CALL(&a, .method = "PUT"), ERR_NETWORK, true, "could not connect");
}
END_TEST

START_TEST(unknown_host)
{
	struct http_answer a;

	client(NULL);
	/* A label of over 63 characters: no resolver is asked. */
	expect_error(
		CALL(&a, .url = "http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				"aaaaaaaaaaaaaaaaa.invalid/"),
		ERR_NETWORK, false, "could not resolve the host's name");
	ck_assert_uint_eq(npauses, 4);
}
END_TEST

static const struct {
	const char *headers;
	int64_t least, most; /* of the pause */
} afters[] = {
	{ "Retry-After: 7\r\n", 7000, 7250 },
	{ "Retry-After: 0\r\n", 0, 250 },
	{ "Retry-After: soon\r\n", 0, 250 },
	{ "Retry-After: -5\r\n", 0, 250 },
	{ "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:48 GMT\r\n",
	  11000, 11250 },
	{ "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:30 GMT\r\n",
	  0, 250 },
	{ "Retry-After: Sun, 06 Nov 1994 08:49:30 GMT\r\n", 0, 250 },
};

START_TEST(retry_after)
{
	struct http_answer a;

	SCRIPT({ .status = 429, .headers = afters[_i].headers });
	OK(CALL(&a, .method = "POST"));
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(npauses, 1);
	ck_assert_int_ge(pauses[0], afters[_i].least);
	ck_assert_int_le(pauses[0], afters[_i].most);
	http_answer_release(&a);
}
END_TEST

static const char *const too_late[] = {
	"Retry-After: 61\r\n",
	"Retry-After: 99999999999999999999999999\r\n",
	"Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n",
};

START_TEST(retry_after_deadline)
{
	struct http_answer a;

	SCRIPT({ .status = 429, .headers = too_late[_i], .body = "enough" });
	OK(CALL(&a));
	ck_assert_int_eq(a.status, 429);
	ck_assert_str_eq(a.body, "enough");
	ck_assert_uint_eq(npauses, 0);
	http_answer_release(&a);
}
END_TEST

/* Deadlines */

static const struct {
	struct faulty_step step;
	const char *method;
} silent[] = {
	{ { FAULTY_HANG }, "GET" },
	{ { FAULTY_HANG }, "POST" },
	{ { FAULTY_ANSWER, .delay_ms = 3600000 }, "PUT" },
};

START_TEST(deadline)
{
	const int64_t began = clock_ms();
	struct http_answer a;

	script(&silent[_i].step, 1);
	expect_error(CALL(&a, .method = silent[_i].method, .deadline_ms = 2000), ERR_TIMEOUT, true,
		     ": no answer within 2 s");
	ck_assert_int_ge(clock_ms() - began, 2000);
	ck_assert_uint_eq(faulty_count(server), 1);
}
END_TEST

START_TEST(deadline_of_connection)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(addr);
	struct http_answer a;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	AUTO_STR url = xasprintf("https://127.0.0.1:%d/", ntohs(addr.sin_port));
	client(NULL);
	expect_error(CALL(&a, .method = "POST", .url = url, .deadline_ms = 300), ERR_TIMEOUT, false,
		     "no connection within 0.3 s");
	(void)close(fd);
}
END_TEST

START_TEST(deadline_tells_what_was_before)
{
	struct http_answer a;

	SCRIPT({ .status = 503 }, { FAULTY_HANG });
	expect_error(CALL(&a, .deadline_ms = 5000), ERR_TIMEOUT, true,
		     "no answer within 5 s (2 tries; before: status 503)");
}
END_TEST

/* Answers that are none */

static const struct {
	struct faulty_step step;
	const char *text;
} nonsense[] = {
	{ { FAULTY_GARBAGE }, "the answer is not HTTP" },
	{ { FAULTY_RAW, .body = "HTTP/7.3 200 OK\r\n\r\n" }, "the answer is not HTTP" },
	{ { FAULTY_RAW, .body = "HTTP/1.1 20\r\n\r\n" }, "the answer is not HTTP" },
	{ { FAULTY_BIG_LINE, .size = 17000 }, "over 16 KiB" },
	{ { FAULTY_BIG_LINE, .size = 300000 }, "over 16 KiB" },
	{ { FAULTY_MANY, .size = 300 }, "more than 256 headers" },
	{ { FAULTY_BIG_BODY, .size = HTTP_BODY_MAX + 1 }, "over 64 MiB" },
	{ { .headers = "Content-Encoding: br\r\n", .body = "x" }, "content coding" },
	{ { .headers = "Content-Encoding: gzip\r\n", .body = "x" },
	  "gzip stream is cut or damaged" },
	{ { .headers = "No name\r\n", .body = "x" }, "the answer is not HTTP" },
};

START_TEST(not_an_answer)
{
	struct http_answer a;

	script(&nonsense[_i].step, 1);
	expect_error(CALL(&a), ERR_PROTOCOL, true, nonsense[_i].text);
	ck_assert_uint_eq(faulty_count(server), 1);
	ck_assert_ptr_null(a.body);
}
END_TEST

static size_t gzip(const char *data, size_t len, char *out, size_t cap)
{
	CLEANUP(buf_release) struct buf copy = BUF_INIT;
	z_stream z = { 0 };

	(void)buf_add(&copy, data, len);
	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	z.next_in = (Bytef *)copy.s;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	(void)deflateEnd(&z);
	return cap - z.avail_out;
}

START_TEST(gzip_answers)
{
	static const char head[] = "Content-Encoding: gzip\r\n";
	static char zipped[256];
	static char two[512];
	static char bomb[128 << 10];
	const size_t bomb_size = HTTP_BODY_MAX + 1;
	const size_t len = gzip("hello, hello, hello", 19, zipped, sizeof(zipped));
	AUTO_STR zeros = xcalloc(bomb_size, 1);
	const size_t bomb_len = gzip(zeros, bomb_size, bomb, sizeof(bomb));
	struct http_answer a;

	memcpy(two, zipped, len);
	memcpy(two + len, zipped, len);
	SCRIPT({ .headers = head, .body = zipped, .len = len },
	       { .headers = head, .body = two, .len = 2 * len }, { .headers = head },
	       { .headers = head, .body = zipped, .len = len - 1 },
	       { .headers = head, .body = bomb, .len = bomb_len });
	OK(CALL(&a));
	ck_assert_str_eq(a.body, "hello, hello, hello");
	ck_assert_uint_eq(a.len, 19);
	http_answer_release(&a);
	OK(CALL(&a));
	ck_assert_uint_eq(a.len, 38);
	http_answer_release(&a);
	OK(CALL(&a));
	ck_assert_str_eq(a.body, "");
	http_answer_release(&a);
	expect_error(CALL(&a), ERR_PROTOCOL, true, "gzip stream is cut");
	expect_error(CALL(&a), ERR_PROTOCOL, true, "unpacks to over 64 MiB");
}
END_TEST

/* Redirects */

START_TEST(redirect)
{
	struct http_answer a;

	SCRIPT({ .status = (int[]){ 301, 302, 303, 307, 308 }[_i],
		 .headers = "Location: /there?a=b\r\n" });
	OK(CALL(&a, .url = "/here", .secret_header = SECRET));
	ck_assert_str_eq(a.body, "GET /there?a=b\n");
	ck_assert(seen_header(1, SECRET));
	http_answer_release(&a);
}
END_TEST

START_TEST(redirect_elsewhere)
{
	const char *const more[] = { "X-Mine: 1", "Authorization: Bearer sesame", "Cookie: sesame",
				     NULL };
	struct faulty *first;
	struct http_answer a;

	SCRIPT({ .status = 307, .headers = "Location: /second\r\n" });
	AUTO_STR location =
		xasprintf("Location: http://127.0.0.1:%d/first\r\n", faulty_port(server));
	const struct faulty_step away = { .status = 302, .headers = location };
	first = faulty_start(&(struct faulty_options){ .steps = &away, .n = 1 });
	AUTO_STR url = url_on(faulty_port(first), "/");

	OK(CALL(&a, .url = url, .headers = more, .secret_header = SECRET));
	ck_assert_int_eq(a.status, 200);
	ck_assert_ptr_nonnull(strstr(faulty_seen(first, 0)->headers, SECRET));
	ck_assert_ptr_nonnull(strstr(faulty_seen(first, 0)->headers, "Bearer sesame"));
	ck_assert_ptr_null(strstr(faulty_seen(server, 0)->headers, "sesame"));
	ck_assert_ptr_null(strstr(faulty_seen(server, 1)->headers, "sesame"));
	ck_assert(seen_header(1, "X-Mine: 1"));
	http_answer_release(&a);
	faulty_stop(first);
}
END_TEST

START_TEST(redirect_not_followed)
{
	static const char away[] = "Location: /there\r\n";
	struct http_answer a;

	SCRIPT({ .status = 302, .headers = away }, { .status = 308, .headers = away });
	OK(CALL(&a, .method = "POST", .body = "x", .body_len = 1));
	ck_assert_int_eq(a.status, 302);
	ck_assert_str_eq(http_header(&a, "location"), "/there");
	http_answer_release(&a);
	OK(CALL(&a, .method = "DELETE"));
	ck_assert_int_eq(a.status, 308);
	http_answer_release(&a);
	ck_assert_uint_eq(faulty_count(server), 2);
}
END_TEST

START_TEST(redirect_loop)
{
	struct faulty_step steps[10];
	struct http_answer a;
	size_t i;

	for (i = 0; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ .status = 302, .headers = "Location: /again\r\n" };
	script(steps, COUNT(steps));
	expect_error(CALL(&a), ERR_PROTOCOL, false, "more than 5 redirects");
	ck_assert_uint_eq(faulty_count(server), 6);
}
END_TEST

START_TEST(redirect_to_file)
{
	struct http_answer a;

	SCRIPT({ .status = 302, .headers = "Location: file:///etc/passwd\r\n" });
	expect_error(CALL(&a), ERR_USAGE, false, "neither http nor https");
}
END_TEST

/* Uploads */

struct told {
	int calls;
	int64_t last;
};

static void progress(void *arg, int64_t sent, int64_t size)
{
	struct told *told = arg;

	ck_assert_int_le(sent, size);
	told->last = sent;
	told->calls++;
}

static int make_file(const char *name, size_t size)
{
	AUTO_STR path = xasprintf("%s/%s", dir, name);
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	AUTO_STR data = xcalloc(size, 1);
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = (char)('a' + i % 23);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	return fd;
}

START_TEST(upload)
{
	const size_t size = 1 << 20;
	struct told told = { 0 };
	struct http_answer a;
	size_t i;
	size_t n;
	int fd;

	set_up_dir();
	fd = make_file("image", size);
	ck_assert_int_eq(lseek(fd, 100, SEEK_SET), 100);
	SCRIPT({ .status = 503 }, { FAULTY_CLOSE }, { .status = 204 });
	OK(CALL(&a, .method = "PUT", .upload_fd = fd, .upload_size = size - 100,
		.progress = progress, .progress_arg = &told));
	http_answer_release(&a);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100);
	for (n = 0; n < 3; n++) {
		const struct faulty_request *r = faulty_seen(server, n);

		ck_assert_uint_eq(r->len, size - 100);
		for (i = 0; i < r->len; i++)
			if (r->body[i] != (char)('a' + (i + 100) % 23))
				ck_abort_msg("byte %zu", i);
	}
	ck_assert_int_eq(told.last, (int64_t)size - 100);
	ck_assert_int_ge(told.calls, 3);
	(void)close(fd);
	tear_down_dir();
}
END_TEST

START_TEST(upload_errors)
{
	struct http_answer a;
	int ends[2];
	int fd;

	set_up_dir();
	SCRIPT({ FAULTY_ECHO });
	fd = make_file("short", 1000);
	(void)lseek(fd, 0, SEEK_SET);
	expect_error(CALL(&a, .method = "PUT", .upload_fd = fd, .upload_size = 1001), ERR_USAGE,
		     true, "shorter than announced");
	(void)close(fd);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	expect_error(CALL(&a, .method = "PUT", .upload_fd = ends[0], .upload_size = 1), ERR_USAGE,
		     false, "has to be a file");
	(void)close(ends[0]);
	(void)close(ends[1]);
	tear_down_dir();
}
END_TEST

/* What was cut, and what is no 200, leaves nothing; and what is over the cap fits into a file. */
START_TEST(into_a_file)
{
	static const size_t big = (64 << 20) + 1;
	struct http_answer a;
	char text[8] = { 0 };
	int fd;

	set_up_dir();
	fd = make_file("saved", 1000);
	SCRIPT({ FAULTY_CUT_BODY, .body = "a long one" }, { .status = 503, .body = "not now" },
	       { .body = "whole" }, { .status = 404, .body = "gone" },
	       { FAULTY_BIG_BODY, .size = big });
	OK(CALL(&a, .save_fd = fd));
	ck_assert_str_eq(a.body, "");
	ck_assert_int_eq(pread(fd, text, sizeof(text), 0), 5);
	ck_assert_str_eq(text, "whole");
	ck_assert(seen_header(0, "Accept-Encoding: identity"));
	http_answer_release(&a);
	OK(CALL(&a, .save_fd = fd));
	ck_assert_int_eq(a.status, 404);
	ck_assert_str_eq(a.body, "gone");
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	http_answer_release(&a);
	OK(CALL(&a, .save_fd = fd));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), (off_t)big);
	http_answer_release(&a);
	(void)close(fd);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_error(CALL(&a, .save_fd = fd), ERR_USAGE, false, "cannot be written");
	(void)close(fd);
	tear_down_dir();
}
END_TEST

START_TEST(empty_upload)
{
	struct http_answer a;
	int fd;

	set_up_dir();
	fd = make_file("empty", 0);
	SCRIPT({ FAULTY_ECHO });
	OK(CALL(&a, .method = "PUT", .upload_fd = fd));
	ck_assert(seen_header(0, "Content-Length: 0"));
	http_answer_release(&a);
	(void)close(fd);
	tear_down_dir();
}
END_TEST

/* TLS */

static char *file(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void tls_server(const char *cert, const char *client_ca)
{
	AUTO_STR cert_path = file(cert);
	AUTO_STR ca_path = client_ca ? file(client_ca) : NULL;

	if (server)
		faulty_stop(server);
	server = faulty_start(&(struct faulty_options){ .cert = cert_path, .client_ca = ca_path });
}

static struct err *tls_call(const char *method)
{
	AUTO_STR url = xasprintf("https://127.0.0.1:%d/x", faulty_port(server));
	struct http_answer a;
	struct err *e = CALL(&a, .method = method, .url = url, .secret_header = SECRET);

	if (!e)
		ck_assert_int_eq(a.status, 200);
	http_answer_release(&a);
	return e;
}

START_TEST(tls_verifies)
{
	AUTO_STR ca = file("ca.pem");
	AUTO_STR other = file("other.pem");

	tls_server("server.pem", NULL);
	client(NULL);
	expect_error(tls_call("GET"), ERR_NETWORK, false,
		     "; give the CA (ca_cert; in Terraform cacert_file, of Kubernetes "
		     "cluster_ca_certificate) or, to go without, validate_certs: false "
		     "(in Terraform insecure = true)");
	client(&(struct http_options){ .cacert = other });
	expect_error(tls_call("GET"), ERR_NETWORK, false, "the certificate was refused: ");
	ck_assert_uint_eq(npauses, 0);
	ck_assert_uint_eq(faulty_count(server), 0);
	client(&(struct http_options){ .insecure = true });
	OK(tls_call("GET"));
	client(&(struct http_options){ .cacert = ca });
	OK(tls_call("GET"));
	OK(tls_call("POST"));
	ck_assert(seen_header(2, SECRET));
}
END_TEST

START_TEST(tls_wrong_host)
{
	AUTO_STR ca = file("ca.pem");

	tls_server("wrong.pem", NULL);
	client(&(struct http_options){ .cacert = ca });
	expect_error(tls_call("GET"), ERR_NETWORK, false, "'127.0.0.1'");
	ck_assert_uint_eq(faulty_count(server), 0);
	client(&(struct http_options){ .insecure = true });
	OK(tls_call("GET"));
}
END_TEST

START_TEST(tls_ca_directory)
{
	AUTO_STR ca = file("ca.pem");
	FILE *in = fopen(ca, "re");
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);
	AUTO_STR name = xasprintf("%s/%08lx.0", dir, X509_subject_name_hash(cert));

	X509_free(cert);
	(void)fclose(in);
	ck_assert_int_eq(symlink(ca, name), 0);
	tls_server("server.pem", NULL);
	client(&(struct http_options){ .cacert = dir });
	OK(tls_call("GET"));
}
END_TEST

START_TEST(tls_client_certificate)
{
	AUTO_STR ca = file("ca.pem");
	AUTO_STR mine = file("client.pem");
	AUTO_STR other = file("other.pem");

	tls_server("server.pem", "ca.pem");
	client(&(struct http_options){ .cacert = ca });
	expect_error(tls_call("GET"), ERR_NETWORK, true, "client_cert");
	ck_assert_uint_eq(npauses, 0);
	client(&(struct http_options){ .cacert = ca, .client_cert = mine });
	OK(tls_call("POST"));
	client(&(struct http_options){ .cacert = ca, .client_cert = mine, .client_key = other });
	expect_error(tls_call("GET"), ERR_USAGE, false, "see client_cert and client_key");
}
END_TEST

START_TEST(tls_options)
{
	AUTO_STR bad = file("no-such.pem");
	struct http *h = NULL;

	expect_error(http_new(&(struct http_options){ .cacert = bad }, &h), ERR_USAGE, false,
		     "no-such.pem': No such file or directory");
	expect_error(http_new(&(struct http_options){ .client_cert = bad }, &h), ERR_USAGE, false,
		     "client_cert '");
	ck_assert_ptr_null(h);
}
END_TEST

START_TEST(tls_to_plain_port)
{
	struct http_answer a;

	server = faulty_start(
		&(struct faulty_options){ .greeting = "HTTP/1.1 400 Bad Request\r\n\r\n" });
	client(NULL);
	AUTO_STR url = xasprintf("https://127.0.0.1:%d/x", faulty_port(server));
	expect_error(CALL(&a, .method = "POST", .url = url), ERR_NETWORK, false,
		     "the TLS handshake failed: ");
	ck_assert_uint_eq(npauses, 4);
}
END_TEST

START_TEST(plain_to_tls_port)
{
	struct http_answer a;

	tls_server("server.pem", NULL);
	client(NULL);
	ck_assert_ptr_nonnull(http);
	AUTO_STR url = url_on(faulty_port(server), "/");
	struct err *e = CALL(&a, .url = url, .once = true);

	ck_assert_ptr_nonnull(e);
	err_free(e);
}
END_TEST

/* An upload that the other side cuts: OpenSSL would raise SIGPIPE, which kills by default. */
START_TEST(no_sigpipe)
{
	AUTO_STR ca = file("ca.pem");
	AUTO_STR cert = file("server.pem");
	const struct faulty_step cut = { FAULTY_CLOSE, .early = true };
	const size_t size = 16 << 20;
	AUTO_STR body = xcalloc(size, 1);
	struct http_answer a;

	server = faulty_start(&(struct faulty_options){ .cert = cert, .steps = &cut, .n = 1 });
	client(&(struct http_options){ .cacert = ca });
	AUTO_STR url = xasprintf("https://127.0.0.1:%d/x", faulty_port(server));
	expect_error(CALL(&a, .method = "POST", .url = url, .body = body, .body_len = size),
		     ERR_NETWORK, true, "connection");
}
END_TEST

/* Asks by hand, on a connection on which nothing was said. */
static void ask_by_hand(CURL *easy)
{
	static const char ask[] = "GET /by-hand HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	AUTO_BUF got = BUF_INIT;
	char chunk[512];
	size_t n = 0;

	ck_assert_int_eq(curl_easy_send(easy, ask, strlen(ask), &n), CURLE_OK);
	ck_assert_uint_eq(n, strlen(ask));
	while (!strstr(got.s, "GET /by-hand")) {
		n = 0;
		const CURLcode code = curl_easy_recv(easy, chunk, sizeof(chunk), &n);

		ck_assert(code == CURLE_AGAIN || n);
		(void)buf_add(&got, chunk, n);
	}
}

START_TEST(bare_connection)
{
	AUTO_STR ca = file("ca.pem");
	AUTO_STR mine = file("client.pem");
	AUTO_STR other = file("other.pem");
	CURL *easy = NULL;

	tls_server("server.pem", "ca.pem");
	AUTO_STR url = xasprintf("https://127.0.0.1:%d/x", faulty_port(server));
	client(&(struct http_options){ .cacert = ca, .client_cert = mine });
	OK(http_connect(http, url, 5000, &easy));
	ask_by_hand(easy);
	curl_easy_cleanup(easy);
	client(&(struct http_options){ .cacert = other, .client_cert = mine });
	expect_error(http_connect(http, url, 5000, &easy), ERR_NETWORK, false,
		     "the certificate was refused");
	AUTO_STR nowhere = xasprintf("https://127.0.0.1:%d/x", faulty_free_port());
	expect_error(http_connect(http, nowhere, 60000, &easy), ERR_NETWORK, false,
		     "could not connect: Connection refused (5 tries");
}
END_TEST

/* Traces */

START_TEST(trace)
{
	static const char want[] = "treenail: GET http://127.0.0.1:";
	char text[4096] = "";
	struct http_answer a;
	struct stat st;
	int fd;

	set_up_dir();
	AUTO_STR log = file("log");
	(void)close(open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	ck_assert_int_eq(setenv("TREENAIL_LOG", "debug", 1), 0);
	ck_assert_int_eq(setenv("TREENAIL_LOG_FILE", log, 1), 0);
	SCRIPT({ .status = 503,
		 .headers = "X-Openstack-Request-Id: req-1\x1b[2J\r\n",
		 .body = "inner" },
	       { FAULTY_CLOSE });
	OK(CALL(&a, .url = "/x?name=n&user_pass%77ord=geheim&token=geheim&b=c",
		.secret_header = SECRET));
	http_answer_release(&a);
	ck_assert_int_eq(stat(log, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	fd = open(log, O_RDONLY | O_CLOEXEC);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	(void)close(fd);
	ck_assert_int_eq(strncmp(text, want, strlen(want)), 0);
	ck_assert_ptr_nonnull(strstr(text, "/x?name=n&user_pass%77ord=***&token=***&b=c: 503, "));
	ck_assert_ptr_nonnull(strstr(text, " 5 bytes, request req-1?[2J\n"));
	ck_assert_ptr_nonnull(strstr(text, ": it had served a request before, "));
	ck_assert_ptr_nonnull(strstr(text, ": 200, "));
	ck_assert_ptr_null(strstr(text, "geheim"));
	ck_assert_ptr_null(strstr(text, "sesame"));
	ck_assert_ptr_null(strstr(text, "inner"));
	tear_down();
	tear_down_dir();
}
END_TEST

static char told[512];

static void listener(const char *line)
{
	ck_assert_str_eq(told, "");
	(void)snprintf(told, sizeof(told), "%s", line);
}

START_TEST(trace_to_a_listener)
{
	struct http_answer a;

	SCRIPT({ .body = "inner" });
	http_trace_to(listener);
	OK(CALL(&a, .url = "/x?token=geheim", .secret_header = SECRET));
	http_trace_to(NULL);
	http_answer_release(&a);
	ck_assert_ptr_nonnull(strstr(told, "GET http://127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(told, "/x?token=***: 200, "));
	ck_assert_ptr_null(strstr(told, "sesame"));
	ck_assert_ptr_null(strchr(told, '\n'));
	tear_down();
}
END_TEST

START_TEST(trace_file_errors)
{
	struct http *h = NULL;

	ck_assert_int_eq(setenv("TREENAIL_LOG", "debug", 1), 0);
	ck_assert_int_eq(setenv("TREENAIL_LOG_FILE", "/no/such/dir/log", 1), 0);
	expect_error(http_new(NULL, &h), ERR_USAGE, false, "TREENAIL_LOG_FILE '/no/such/dir/log'");
}
END_TEST

static const struct {
	const char *url, *plain, *masked;
} urls[] = {
	{ "https://h/p?a=b#c", "https://h/p", "https://h/p?a=b" },
	{ "https://u:pw@h:1/p?X-Secret-Key=1&x", "https://h:1/p",
	  "https://h:1/p?X-Secret-Key=***&x" },
	{ "https://h/?temp_url_sig=1&limit=2&Access_Token=", "https://h/",
	  "https://h/?temp_url_sig=***&limit=2&Access_Token=***" },
	{ "https://[::1]:8/?", "https://[::1]:8/", "https://[::1]:8/?" },
	{ "not a url?password=x", "not a url", "not a url?password=***" },
};

START_TEST(url_texts)
{
	AUTO_STR plain = http_url_plain(urls[_i].url);
	AUTO_STR masked = http_url_masked(urls[_i].url);

	ck_assert_str_eq(plain, urls[_i].plain);
	ck_assert_str_eq(masked, urls[_i].masked);
}
END_TEST

START_TEST(origins)
{
	ck_assert(http_same_origin("https://h/a", "https://H:443/b?c"));
	ck_assert(!http_same_origin("https://h/", "http://h/"));
	ck_assert(!http_same_origin("https://h/", "https://h:444/"));
	ck_assert(!http_same_origin("https://h/", "https://h.example/"));
	ck_assert(!http_same_origin("https://h/", "https://h@other/"));
	ck_assert(!http_same_origin("https://h/", ""));
}
END_TEST

/* Threads */

enum { THREADS = 50, CALLS = 20 };

static const char *scheme = "http";

static void *many_calls(void *arg)
{
	const int me = *(int *)arg;
	int i;

	for (i = 0; i < CALLS; i++) {
		AUTO_STR path = xasprintf("/thread/%d/%d", me, i);
		AUTO_STR want =
			xasprintf("%s %s\n%s", i % 3 ? "PUT" : "GET", path, i % 3 ? path : "");
		AUTO_STR url = xasprintf("%s://127.0.0.1:%d%s", scheme, faulty_port(server), path);
		struct http_request r = { .method = i % 3 ? "PUT" : "GET", .url = url };
		struct http_answer a = { 0 };
		struct err *e;

		if (i % 3) {
			r.body = path;
			r.body_len = strlen(path);
		}
		e = http_call(http, &r, &a);
		if (e || a.status != 200 || strcmp(a.body, want) != 0)
			return e ? e->text : xasprintf("%d %s, not %s", a.status, a.body, want);
		http_answer_release(&a);
	}
	return NULL;
}

static void many_threads(void)
{
	pthread_t t[THREADS];
	int number[THREADS];
	void *problem;
	size_t i;

	for (i = 0; i < THREADS; i++) {
		number[i] = (int)i;
		ck_assert_int_eq(pthread_create(&t[i], NULL, many_calls, &number[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(t[i], &problem), 0);
		ck_assert_msg(!problem, "%s", (const char *)problem);
	}
}

START_TEST(threads)
{
	static struct faulty_step steps[100];
	size_t i;

	for (i = 0; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ .act = FAULTY_ECHO, .delay_ms = (int)(i % 7) * 5 };
	for (i = 0; i < COUNT(steps); i += 10)
		steps[i] = (struct faulty_step){ .status = 503 };
	script(steps, COUNT(steps));
	many_threads();
	ck_assert_uint_eq(faulty_count(server), (size_t)THREADS * CALLS + COUNT(steps) / 10);
	ck_assert_int_le(faulty_connections(server), 16);
}
END_TEST

static sem_t second_done;

static void *call_plainly(void *path)
{
	struct http_answer a = { 0 };
	struct err *e = CALL(&a, .url = path);

	http_answer_release(&a);
	if (strcmp(path, "/second") == 0)
		(void)sem_post(&second_done);
	return e;
}

/* So many calls at once, each of which takes a while. */
static void burst(size_t n)
{
	static char path[] = "/burst";
	pthread_t t[16];
	void *e;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, call_plainly, path), 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(pthread_join(t[i], &e), 0);
		OK(e);
	}
}

START_TEST(connections_outlive_a_lull)
{
	struct faulty_step steps[16 + 3 + 16] = { 0 };

	for (size_t i = 0; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ .target = "/burst", .delay_ms = 300 };
	script(steps, COUNT(steps));
	burst(16);
	for (int i = 0; i < 3; i++)
		burst(1);
	burst(16);
	ck_assert_uint_eq(faulty_count(server), COUNT(steps));
	ck_assert_int_le(faulty_connections(server), 16);
}
END_TEST

START_TEST(threads_with_http2)
{
	size_t i;

	AUTO_STR ca = file("ca.pem");
	AUTO_STR cert = file("server.pem");
	server = faulty_start(&(struct faulty_options){ .cert = cert, .http2 = true });
	client(&(struct http_options){ .cacert = ca });
	scheme = "https";
	many_threads();
	ck_assert_uint_eq(faulty_count(server), (size_t)THREADS * CALLS);
	ck_assert_int_eq(faulty_connections(server), 1);
	for (i = 0; i < faulty_count(server); i++)
		ck_assert_int_eq(faulty_seen(server, i)->version, 2);
}
END_TEST

static void *hang(void *arg)
{
	struct http_answer a = { 0 };
	struct err *e = CALL(&a, .url = arg, .deadline_ms = 700);

	http_answer_release(&a);
	return e;
}

/* Calls that get nothing do not hold up the others, nor do those that wait for a connection. */
START_TEST(deadline_in_a_crowd)
{
	struct faulty_step steps[4] = { { FAULTY_HANG }, { FAULTY_HANG }, { FAULTY_HANG } };
	char path[] = "/hang";
	pthread_t t[THREADS];
	void *e;
	size_t i;

	for (i = 0; i < COUNT(steps); i++)
		steps[i].act = FAULTY_HANG;
	client(&(struct http_options){ .max_connections = 2 });
	script(steps, COUNT(steps));
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, hang, path), 0);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(pthread_join(t[i], &e), 0);
		if (e) {
			ck_assert_int_eq(((struct err *)e)->kind, ERR_TIMEOUT);
			err_free(e);
		}
	}
	ck_assert_int_le(faulty_connections(server), 8);
}
END_TEST

enum reading { UNREAD, MEANWHILE, ALONE };

/* With the first piece in hand it waits for the end of the second call. */
static bool slow_reader(void *arg, const char *s, size_t n)
{
	enum reading *is = arg;
	struct timespec until;

	(void)s;
	(void)n;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	if (*is == UNREAD)
		*is = sem_timedwait(&second_done, &until) == 0 ? MEANWHILE : ALONE;
	return true;
}

static void *read_slowly(void *arg)
{
	struct http_answer a = { 0 };
	struct err *e = CALL(&a, .url = "/stream", .stream = slow_reader, .stream_arg = arg);

	http_answer_release(&a);
	return e;
}

/* Who drives for all hands on to somebody who waits: not to the reader of a stream, who is at work. */
START_TEST(reader_at_work)
{
	static const struct faulty_step steps[] = {
		{ .target = "/first", .delay_ms = 400 },
		{ .target = "/second", .delay_ms = 800 },
		{ .act = FAULTY_BIG_BODY, .target = "/stream", .size = 16 << 20 },
	};
	char first[] = "/first", second[] = "/second";
	enum reading is = UNREAD;
	pthread_t t[3];
	void *e;

	ck_assert_int_eq(sem_init(&second_done, 0, 0), 0);
	client(&(struct http_options){ .max_connections = 3 });
	script(steps, COUNT(steps));
	ck_assert_int_eq(pthread_create(&t[0], NULL, call_plainly, first), 0);
	(void)usleep(50000);
	ck_assert_int_eq(pthread_create(&t[1], NULL, call_plainly, second), 0);
	(void)usleep(50000);
	ck_assert_int_eq(pthread_create(&t[2], NULL, read_slowly, &is), 0);
	for (size_t i = 0; i < COUNT(t); i++) {
		ck_assert_int_eq(pthread_join(t[i], &e), 0);
		OK(e);
	}
	ck_assert_int_eq(is, MEANWHILE);
}
END_TEST

static bool has_enough(void *arg, const char *s, size_t n)
{
	(void)arg, (void)s, (void)n;
	return false;
}

/* So that what was there a call ago is not there by luck. */
static void scribble(void)
{
	volatile char waste[16384];

	for (size_t i = 0; i < sizeof(waste); i++)
		waste[i] = 0;
}

static void *read_beginnings(void *path)
{
	struct err *e = NULL;

	for (int i = 0; i < 40 && !e; i++) {
		struct http_answer a = { 0 };

		e = CALL(&a, .url = path, .stream = has_enough);
		http_answer_release(&a);
		scribble();
	}
	return e;
}

/* Who drives for all has done with a call when its reader has enough: then its caller goes on. */
START_TEST(readers_that_have_enough)
{
	static const struct faulty_step never = { .act = FAULTY_HANG, .target = "/hang" };
	struct faulty_step steps[1 + 4 * 40] = { never };
	char path[] = "/stream", nothing[] = "/hang";
	pthread_t t[4], driver;
	void *e;

	for (size_t i = 1; i < COUNT(steps); i++)
		steps[i] = (struct faulty_step){ .act = FAULTY_BIG_BODY,
						 .target = path,
						 .size = 4 << 20 };
	client(&(struct http_options){ .max_connections = 5 });
	script(steps, COUNT(steps));
	ck_assert_int_eq(pthread_create(&driver, NULL, hang, nothing), 0);
	(void)usleep(50000);
	for (size_t i = 0; i < COUNT(t); i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, read_beginnings, path), 0);
	for (size_t i = 0; i < COUNT(t); i++) {
		ck_assert_int_eq(pthread_join(t[i], &e), 0);
		OK(e);
	}
	ck_assert_int_eq(pthread_join(driver, &e), 0);
	err_free(e);
}
END_TEST

static void certs_up(void)
{
	set_up_dir();
	ck_assert(faulty_certs(dir));
}

static void certs_down(void)
{
	tear_down();
	tear_down_dir();
}

static TCase *add_case(Suite *s, const char *name)
{
	TCase *c = tcase_create(name);

	tcase_set_timeout(c, 300);
	suite_add_tcase(s, c);
	return c;
}

static void add_repeats(Suite *s)
{
	TCase *c = add_case(s, "repeats");

	tcase_add_checked_fixture(c, NULL, tear_down);
	tcase_add_loop_test(c, repeat, 0, COUNT(repeats));
	tcase_add_loop_test(c, post_on_reused_connection, 0, 2);
	tcase_add_test(c, connection_closed_between_calls);
	tcase_add_test(c, gives_up_at_deadline);
	tcase_add_test(c, last_answer_at_deadline);
	tcase_add_test(c, refused_then_up);
	tcase_add_test(c, refused);
	tcase_add_test(c, ambiguous_from_an_earlier_try);
	tcase_add_test(c, unknown_host);
	tcase_add_loop_test(c, retry_after, 0, COUNT(afters));
	tcase_add_loop_test(c, retry_after_deadline, 0, COUNT(too_late));
	tcase_add_loop_test(c, deadline, 0, COUNT(silent));
	tcase_add_test(c, deadline_of_connection);
	tcase_add_test(c, deadline_tells_what_was_before);
}

static void add_answers(Suite *s)
{
	TCase *c = add_case(s, "answers");

	tcase_add_checked_fixture(c, NULL, tear_down);
	tcase_add_test(c, answer);
	tcase_add_test(c, empty_answers);
	tcase_add_test(c, interim_answer);
	tcase_add_loop_test(c, wire, 0, COUNT(wires));
	tcase_add_test(c, own_headers);
	tcase_add_loop_test(c, bad_url, 0, COUNT(bad_urls));
	tcase_add_test(c, header_injection);
	tcase_add_test(c, reuses_connection);
	tcase_add_test(c, sockets_are_not_inherited);
	tcase_add_test(c, nothing_before_first_call);
	tcase_add_loop_test(c, not_an_answer, 0, COUNT(nonsense));
	tcase_add_test(c, gzip_answers);
	tcase_add_loop_test(c, redirect, 0, 5);
	tcase_add_test(c, redirect_elsewhere);
	tcase_add_test(c, redirect_not_followed);
	tcase_add_test(c, redirect_loop);
	tcase_add_test(c, redirect_to_file);
	tcase_add_test(c, upload);
	tcase_add_test(c, upload_errors);
	tcase_add_test(c, into_a_file);
	tcase_add_test(c, empty_upload);
}

static void add_tls(Suite *s)
{
	TCase *c = add_case(s, "tls");

	tcase_add_checked_fixture(c, certs_up, certs_down);
	tcase_add_test(c, tls_verifies);
	tcase_add_test(c, tls_wrong_host);
	tcase_add_test(c, tls_ca_directory);
	tcase_add_test(c, tls_client_certificate);
	tcase_add_test(c, tls_options);
	tcase_add_test(c, tls_to_plain_port);
	tcase_add_test(c, plain_to_tls_port);
	tcase_add_test(c, no_sigpipe);
	tcase_add_test(c, bare_connection);
	tcase_add_test(c, threads_with_http2);
}

static void add_rest(Suite *s)
{
	TCase *c = add_case(s, "rest");

	tcase_add_checked_fixture(c, NULL, tear_down);
	tcase_add_test(c, trace);
	tcase_add_test(c, trace_to_a_listener);
	tcase_add_test(c, trace_file_errors);
	tcase_add_loop_test(c, url_texts, 0, COUNT(urls));
	tcase_add_test(c, origins);
	tcase_add_test(c, threads);
	tcase_add_test(c, connections_outlive_a_lull);
	tcase_add_test(c, reader_at_work);
	tcase_add_test(c, readers_that_have_enough);
	tcase_add_test(c, deadline_in_a_crowd);
}

int main(void)
{
	Suite *s = suite_create("http");
	SRunner *r;
	int failed;

	/* The machine's own settings are not tested here. */
	(void)setenv("no_proxy", "*", 1);
	(void)unsetenv("TREENAIL_LOG");
	(void)unsetenv("TREENAIL_LOG_FILE");
	add_answers(s);
	add_repeats(s);
	add_tls(s);
	add_rest(s);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
