#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

enum { KEPT = 256, CONNECTIONS = 512, REQUEST_MAX = 1 << 20 };

struct wire {
	struct wire_options o;
	int fd, stop[2];
	char *url;
	pthread_t acceptor;
	pthread_t threads[CONNECTIONS];
	size_t nthreads;
	pthread_mutex_t lock;
	int logins, requests, good_from, login_status;
	char *kept[KEPT];
	int nkept;
};

struct connection {
	struct wire *w;
	int fd;
};

static void pause_ms(int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

static char *time_text(time_t t)
{
	char s[64];
	struct tm tm;

	(void)strftime(s, sizeof(s), "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&t, &tm));
	return xstrdup(s);
}

static void answer(struct buf *b, int status, const char *headers, const char *body)
{
	buf_addf(b, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
		 headers, strlen(body), body);
}

static void service(struct buf *b, const char *type, const char *url, const char *path)
{
	static const char *const regions[] = { "one", "two" };
	static const char *const interfaces[] = { "public", "internal", "admin" };

	buf_addf(b, "%s{\"type\":\"%s\",\"name\":\"a-%s\",\"id\":\"x\",\"endpoints\":[",
		 b->s[b->len - 1] == '[' ? "" : ",", type, type);
	for (size_t i = 0; i < 6; i++)
		buf_addf(b,
			 "%s{\"id\":\"e%zu\",\"region\":\"%s\",\"region_id\":\"%s\","
			 "\"interface\":\"%s\",\"url\":\"%s%s%s\"}",
			 i ? "," : "", i, regions[i / 3], regions[i / 3], interfaces[i % 3], url,
			 i ? i / 3 ? "/two" : "/other" : "", path);
	buf_adds(b, "]}");
}

static void login(struct wire *w, struct buf *b)
{
	const time_t now = time(NULL);
	AUTO_STR issued = time_text(now - 3); /* its clock is not ours */
	AUTO_STR expires = time_text(now - 3 + (w->o.life_s ? w->o.life_s : 3600));
	AUTO_BUF body = BUF_INIT;
	AUTO_STR head = NULL;
	int n, status;

	pause_ms(w->o.login_ms);
	(void)pthread_mutex_lock(&w->lock);
	n = ++w->logins;
	status = w->login_status;
	(void)pthread_mutex_unlock(&w->lock);
	if (status) {
		answer(b, status,
		       "Content-Type: application/json\r\nx-openstack-request-id: req-1\r\n",
		       w->o.login_body ? w->o.login_body
				       : "{\"error\":{\"code\":401,\"message\":\"Who are you?\","
					 "\"title\":\"Unauthorized\"}}");
		return;
	}
	buf_addf(&body,
		 "{\"token\":{\"issued_at\":\"%s\",\"expires_at\":\"%s\",\"user\":{\"id\":\"u1\","
		 "\"name\":\"demo\"},\"project\":{\"id\":\"p1\",\"name\":\"demo\"},\"roles\":[{"
		 "\"name\":\"member\"}],\"catalog\":[",
		 issued, expires);
	service(&body, "compute", w->url, "/compute/v2.1");
	service(&body, "volumev3", w->url, "/volume/v3/p1");
	service(&body, "network", w->url, "/network");
	service(&body, "image", w->url, "/image/v2/");
	service(&body, "identity", w->url, "/identity/v3");
	service(&body, "placement", w->url, "/placement");
	buf_adds(&body, "]}}");
	head = xasprintf("Content-Type: application/json\r\nX-Subject-Token: token-%d-sesame\r\n",
			 n);
	answer(b, 201, head, body.s);
}

static bool token_good(struct wire *w, const char *request)
{
	const char *s = strcasestr(request, "\r\nx-auth-token: token-");
	bool good;

	(void)pthread_mutex_lock(&w->lock);
	good = s && strtol(s + strlen("\r\nx-auth-token: token-"), NULL, 10) >= w->good_from;
	(void)pthread_mutex_unlock(&w->lock);
	return good;
}

static void route(struct wire *w, const char *request, struct buf *b)
{
	const struct wire_route *r = w->o.routes;
	const size_t len = strcspn(strchr(request, ' ') + 1, " ") +
			   (size_t)(strchr(request, ' ') + 1 - request);

	while (r && r->request &&
	       (strlen(r->request) != len || strncmp(r->request, request, len) != 0))
		r++;
	pause_ms(w->o.other_ms);
	if (!r || !r->request) {
		answer(b, 404, "Content-Type: text/plain\r\n", "no such route");
		return;
	}
	if (!r->open && !token_good(w, request)) {
		answer(b, 401, "Content-Type: application/json\r\n",
		       "{\"error\":{\"message\":\"The token is not good\"}}");
		return;
	}
	AUTO_BUF body = BUF_INIT;
	for (const char *s = r->body ? r->body : ""; *s;) {
		if (strncmp(s, "%s", 2) == 0) {
			buf_adds(&body, w->url);
			s += 2;
		} else {
			(void)buf_add(&body, s++, 1);
		}
	}
	answer(b, r->status, r->headers ? r->headers : "Content-Type: application/json\r\n",
	       body.s);
}

/* Head and body; false: the client is gone. */
static bool receive(int fd, struct buf *b)
{
	char chunk[4096];
	size_t want = 0;

	while (!want || b->len < want) {
		const ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		const char *end, *length;

		if (n <= 0 || !buf_add(b, chunk, (size_t)n))
			return false;
		end = strstr(b->s, "\r\n\r\n");
		if (want || !end)
			continue;
		length = strcasestr(b->s, "\r\ncontent-length:");
		want = (size_t)(end + 4 - b->s);
		if (length && length < end)
			want += strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
	}
	return true;
}

static void keep(struct wire *w, const char *request, bool is_login)
{
	(void)pthread_mutex_lock(&w->lock);
	if (!is_login)
		w->requests++;
	free(w->kept[w->nkept % KEPT]);
	w->kept[w->nkept++ % KEPT] = xstrdup(request);
	(void)pthread_mutex_unlock(&w->lock);
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	AUTO_BUF in = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	size_t sent = 0;

	in.max = REQUEST_MAX;
	if (receive(c->fd, &in)) {
		const bool is_login = strncmp(in.s, "POST /identity/v3/auth/tokens ", 30) == 0;

		keep(c->w, in.s, is_login);
		if (is_login)
			login(c->w, &out);
		else
			route(c->w, in.s, &out);
	}
	while (sent < out.len) {
		const ssize_t n = send(c->fd, out.s + sent, out.len - sent, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	(void)close(c->fd);
	free(c);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct wire *w = arg;
	struct pollfd p[2] = { { .fd = w->fd, .events = POLLIN },
			       { .fd = w->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) > 0 && !p[1].revents && w->nthreads < CONNECTIONS) {
		struct connection *c = xcalloc(1, sizeof(*c));

		c->w = w;
		c->fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
		if (c->fd < 0 || pthread_create(&w->threads[w->nthreads], NULL, serve, c) != 0) {
			free(c);
			continue;
		}
		w->nthreads++;
	}
	return NULL;
}

struct wire *wire_start(const struct wire_options *o)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	struct wire *w = xcalloc(1, sizeof(*w));

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->o = *o;
	w->login_status = o->login_status;
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(w->fd, CONNECTIONS) < 0 ||
	    getsockname(w->fd, (struct sockaddr *)&at, &len) < 0 || pipe(w->stop) < 0)
		abort();
	w->url = xasprintf("http://127.0.0.1:%d", ntohs(at.sin_port));
	(void)pthread_mutex_init(&w->lock, NULL);
	if (pthread_create(&w->acceptor, NULL, accept_all, w) != 0)
		abort();
	return w;
}

void wire_stop(struct wire *w)
{
	(void)close(w->stop[1]);
	(void)pthread_join(w->acceptor, NULL);
	for (size_t i = 0; i < w->nthreads; i++)
		(void)pthread_join(w->threads[i], NULL);
	(void)close(w->stop[0]);
	(void)close(w->fd);
	for (size_t i = 0; i < KEPT; i++)
		free(w->kept[i]);
	(void)pthread_mutex_destroy(&w->lock);
	free(w->url);
	free(w);
}

const char *wire_url(const struct wire *w)
{
	return w->url;
}

static int locked(struct wire *w, const int *value)
{
	int n;

	(void)pthread_mutex_lock(&w->lock);
	n = *value;
	(void)pthread_mutex_unlock(&w->lock);
	return n;
}

int wire_logins(struct wire *w)
{
	return locked(w, &w->logins);
}

int wire_requests(struct wire *w)
{
	return locked(w, &w->requests);
}

char *wire_last(struct wire *w, int n)
{
	char *s;

	(void)pthread_mutex_lock(&w->lock);
	s = n < w->nkept ? xstrdup(w->kept[(w->nkept - 1 - n) % KEPT]) : xstrdup("");
	(void)pthread_mutex_unlock(&w->lock);
	return s;
}

static void good_from(struct wire *w, int n)
{
	(void)pthread_mutex_lock(&w->lock);
	w->good_from = n;
	(void)pthread_mutex_unlock(&w->lock);
}

void wire_revoke(struct wire *w, int more)
{
	good_from(w, wire_logins(w) + 1 + more);
}

void wire_refuse(struct wire *w)
{
	good_from(w, INT32_MAX);
}

void wire_login_status(struct wire *w, int status)
{
	(void)pthread_mutex_lock(&w->lock);
	w->login_status = status;
	(void)pthread_mutex_unlock(&w->lock);
}
