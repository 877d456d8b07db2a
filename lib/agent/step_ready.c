#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/child.h"
#include "clock.h"

/*
 * Whether something answers. A static program has neither a resolver nor TLS: names are addresses, and
 * URLs are "http:". What is served by TLS shows by its port.
 */
enum {
	TIMEOUT_S = 60,
	TRY_MS = 5000,
	FIRST_MS = 50,
	MOST_MS = 1000,
	HTTP_PORT = 80,
	PORT_MAX = 65535,
	STATUS_AT = 9, /* "HTTP/1.1 200" */
	ANSWER = 512,
};

static const struct agent_field fields[] = {
	{ "url", FIELD_TEXT, FIELD_EITHER },
	{ "tcp", FIELD_TEXT, FIELD_EITHER },
	{ "socket", FIELD_PATH, FIELD_EITHER },
	{ "timeout_s", FIELD_INT },
	{ "units", FIELD_TEXTS },
	{ 0 },
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un local;
};

struct goal {
	struct agent *agent;
	union address address;
	socklen_t len;
	char *host, *path; /* of a URL; path NULL: to connect is enough */
};

/* ---- what is asked ---- */

static bool parse_host(const char *host, int port, struct goal *g)
{
	const char *plain = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;

	g->address = (union address){ 0 };
	if (inet_pton(AF_INET, plain, &g->address.v4.sin_addr) == 1) {
		g->address.v4.sin_family = AF_INET;
		g->address.v4.sin_port = htons((uint16_t)port);
		g->len = sizeof(g->address.v4);
		return true;
	}
	g->address.v6.sin6_family = AF_INET6;
	g->address.v6.sin6_port = htons((uint16_t)port);
	g->len = sizeof(g->address.v6);
	return inet_pton(AF_INET6, plain, &g->address.v6.sin6_addr) == 1;
}

/* "10.0.0.1:80", "[::1]:80"; fallback 0: there has to be a port. */
static bool parse_address(const char *s, size_t n, int fallback, struct goal *g)
{
	const bool v6 = *s == '[';
	const char *close = v6 ? memchr(s, ']', n) : memchr(s, ':', n);
	const size_t host = close ? (size_t)(close - s) : n;
	const char *port = close ? close + v6 : s + n;
	long number = fallback;

	if (v6 && !close)
		return false;
	AUTO_STR name = xstrndup(s + v6, host - v6);
	AUTO_STR digits = xstrndup(port, (size_t)(s + n - port));
	if (*digits) {
		char *end;

		number = *digits == ':' ? strtol(digits + 1, &end, 10) : -1;
		if (number < 0 || *end || !digits[1])
			return false;
	}
	return number > 0 && number <= PORT_MAX && parse_host(name, (int)number, g);
}

static struct err *parse_url(const char *url, struct goal *g)
{
	static const char scheme[] = "http://";
	const char *at = url + strlen(scheme);
	const size_t n = strncmp(url, scheme, strlen(scheme)) == 0 ? strcspn(at, "/?#") : 0;

	if (!n || strpbrk(url, " \r\n") || !parse_address(at, n, HTTP_PORT, g))
		return err_new(
			ERR_USAGE,
			"'url' has to be like http://127.0.0.1:10248/healthz: http, an address, a path");
	g->host = xstrndup(at, n);
	g->path = xstrdup(at[n] == '/' ? at + n : "/");
	return NULL;
}

static struct err *parse_socket(const char *path, struct goal *g)
{
	g->address = (union address){ .local = { .sun_family = AF_UNIX } };
	g->len = sizeof(g->address.local);
	if (strlen(path) >= sizeof(g->address.local.sun_path))
		return err_new(ERR_USAGE, "'socket' is too long a path");
	memcpy(g->address.local.sun_path, path, strlen(path));
	return NULL;
}

static struct err *parse(struct json_object *args, struct goal *g)
{
	const char *url = json_str(args, "url"), *tcp = json_str(args, "tcp");

	if (url)
		return parse_url(url, g);
	if (!tcp)
		return parse_socket(json_str(args, "socket"), g);
	if (!parse_address(tcp, strlen(tcp), 0, g))
		return err_new(ERR_USAGE,
			       "'tcp' has to be like 127.0.0.1:6443: an address and a port");
	return NULL;
}

static void goal_release(struct goal *g)
{
	free(g->host);
	free(g->path);
}

static struct err *check(struct json_object *args)
{
	struct goal g = { 0 };
	struct err *e = parse(args, &g);

	goal_release(&g);
	return e;
}

/* ---- one attempt ---- */

static bool await(struct goal *g, int fd, short events, int64_t until)
{
	struct pollfd p[] = { { .fd = fd, .events = events },
			      { .fd = g->agent->signals, .events = POLLIN } };
	const int64_t left = until - clock_ms();

	return poll(p, COUNT(p), (int)(left > 0 ? left : 0)) > 0 && p[0].revents;
}

static struct err *connect_to(struct goal *g, int fd, int64_t until)
{
	int why = 0;
	socklen_t n = sizeof(why);

	if (connect(fd, &g->address.any, g->len) == 0)
		return NULL;
	if (errno != EINPROGRESS && errno != EAGAIN)
		return agent_errno("connecting");
	if (!await(g, fd, POLLOUT, until))
		return err_new(ERR_TIMEOUT, "connecting: no answer");
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n) == 0 && why) {
		errno = why;
		return agent_errno("connecting");
	}
	return NULL;
}

static struct err *judge(const char *answer)
{
	if (strncmp(answer, "HTTP/1.", 7) != 0 || strlen(answer) < STATUS_AT + 3)
		return err_new(ERR_PROTOCOL, "what answers is no HTTP");
	return answer[STATUS_AT] == '2' ? NULL
					: err_new(ERR_REMOTE, "it answers %.*s",
						  (int)strcspn(answer, "\r\n"), answer);
}

static struct err *get(struct goal *g, int fd, int64_t until)
{
	AUTO_STR request = xasprintf("GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", g->path, g->host);
	char answer[ANSWER] = "";
	size_t have = 0;
	ssize_t n = 1;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		return agent_errno("asking");
	while (have < sizeof(answer) - 1 && !strchr(answer, '\n') && n > 0) {
		if (!await(g, fd, POLLIN, until))
			return err_new(ERR_TIMEOUT, "it takes the question and says nothing");
		n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);
		if (n > 0)
			have += (size_t)n;
		answer[have] = '\0';
	}
	return judge(answer);
}

static struct err *attempt(struct goal *g, int64_t until)
{
	const int fd =
		socket(g->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct err *e;

	if (fd < 0)
		return agent_errno("making a socket");
	e = connect_to(g, fd, until);
	if (!e && g->path)
		e = get(g, fd, until);
	(void)close(fd);
	return e;
}

/* ---- all of them ---- */

static struct err *wait_for(struct goal *g, int64_t until)
{
	for (int64_t ms = FIRST_MS;; ms = 3 * ms / 2 < MOST_MS ? 3 * ms / 2 : MOST_MS) {
		const int64_t now = clock_ms(), soon = now + TRY_MS;
		struct err *e = attempt(g, soon < until ? soon : until);
		struct err *paused;

		if (!e)
			return NULL;
		if (clock_ms() + ms > until)
			return e;
		paused = agent_pause(g->agent, ms);
		if (paused) {
			err_free(e);
			return paused;
		}
		err_free(e);
	}
}

static void put_journals(struct step *s)
{
	struct json_object *units = json_at(s->args, "units");
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < json_len(units); i++) {
		const char *unit = json_object_get_string(json_nth(units, i));
		AUTO_STR lines = journal_tail(s->agent, unit);

		buf_addf(&b, "==> %s\n%s", unit, *lines ? lines : "it has written nothing\n");
	}
	if (b.len)
		json_set(s->line, "err", step_text(b.s, b.len));
}

static struct err *run(struct step *s)
{
	const int64_t limit_s = json_int(s->args, "timeout_s", TIMEOUT_S);
	const int64_t time = limit_s ? agent_left_ms(s->agent, limit_s * 1000) : 0;
	const char *goal = json_str(s->args, "url");
	struct goal g = { .agent = s->agent };
	struct err *e = parse(s->args, &g);

	if (!goal)
		goal = json_str(s->args, json_has(s->args, "tcp") ? "tcp" : "socket");
	if (!e && s->agent->check) {
		json_sets(s->line, "skipped", "nothing was changed that it could wait for");
	} else if (!e) {
		e = wait_for(&g, clock_ms() + time);
		if (e)
			put_journals(s);
		e = err_wrap(e, "%s is not ready after %lld s", goal, (long long)(time / 1000));
		if (e)
			e->kind = ERR_TIMEOUT;
	}
	goal_release(&g);
	return e;
}

const struct agent_kind agent_ready = {
	.name = "ready",
	.flags = KIND_READS,
	.fields = fields,
	.check = check,
	.run = run,
};
