#include "serve.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "grpc.h"
#include "log.h"
#include "tls.h"
#include "workers.h"

enum {
	CONNECTIONS = 64,
	FIRST_CLIENT_MS = 60000, /* as long as Terraform waits for us */
	READ_BYTES = 32 << 10,
	WRITE_BYTES = 64 << 10,
	/* A request to the cloud that is under way may end, so that what it made is not lost. */
	GRACE_LOST_MS = 5000,
	GRACE_ASKED_MS = 1500, /* go-plugin kills what is still there 2 s after Shutdown */
};

struct connection {
	struct connection *next;
	struct server *server;
	uint64_t id;
	int fd;
	SSL *tls;
	bool is_up;    /* past the handshake: it counts */
	bool is_stuck; /* TLS cannot read before it has written */
	bool is_over;
	struct grpc *grpc;
	struct buf out;
	size_t sent;
};

struct server {
	const struct serve *s;
	struct connection *connections;
	uint64_t last_id;
	int open, up;
	struct workers *workers;
	bool is_full;          /* takes no more connections, ever */
	bool was_up, is_asked; /* asked: by the Shutdown call, which ends it once it is answered */
};

/* The workers write ones: a signal is what makes the counter this large. */
static const uint64_t END = (uint64_t)1 << 32;

void serve_end(int wake_fd)
{
	const int e = errno;

	(void)eventfd_write(wake_fd, END);
	errno = e;
}

/* ---- bytes ---- */

/* > 0: bytes; 0: not now; < 0: it is over. */
static ssize_t tls_result(struct connection *c, int n)
{
	int error;

	if (n > 0)
		return n;
	error = SSL_get_error(c->tls, n);
	c->is_stuck = error == SSL_ERROR_WANT_WRITE;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t plain_result(ssize_t n)
{
	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t get(struct connection *c, uint8_t *to, size_t len)
{
	ERR_clear_error();
	return c->tls ? tls_result(c, SSL_read(c->tls, to, (int)len))
		      : plain_result(recv(c->fd, to, len, 0));
}

static ssize_t put(struct connection *c, const char *from, size_t len)
{
	ERR_clear_error();
	return c->tls ? tls_result(c, SSL_write(c->tls, from, (int)len))
		      : plain_result(send(c->fd, from, len, MSG_NOSIGNAL));
}

static void receive(struct connection *c)
{
	uint8_t part[READ_BYTES];
	ssize_t n;

	/* It ends: more than its window a client does not send before we have written. */
	while ((n = get(c, part, sizeof(part))) > 0)
		if (!grpc_receive(c->grpc, part, (size_t)n)) {
			log_write(LOG_WARN, "what a client sent is no HTTP/2: it is disconnected",
				  NULL);
			n = -1;
			break;
		}
	if (n < 0)
		c->is_over = true;
}

static bool has_output(const struct connection *c)
{
	return c->sent < c->out.len || (c->is_up && grpc_has_output(c->grpc));
}

static void transmit(struct connection *c)
{
	while (!c->is_over && has_output(c)) {
		ssize_t n;

		if (c->sent == c->out.len) {
			c->sent = c->out.len = 0;
			if (!grpc_send(c->grpc, &c->out, WRITE_BYTES))
				c->is_over = true;
			if (!c->out.len)
				break;
		}
		n = put(c, c->out.s + c->sent, c->out.len - c->sent);
		if (n < 0)
			c->is_over = true;
		if (n <= 0)
			break;
		c->sent += (size_t)n;
	}
}

/* ---- calls ---- */

static void run(void *arg, struct job *job)
{
	const struct server *server = arg;
	const struct plugin *p = server->s->plugin;
	const int64_t start_ms = clock_ms();

	job->known = p->answer(p->arg, job->method, (const uint8_t *)job->body.s, job->body.len,
			       &job->reply);
	AUTO_STR ms = xasprintf("%lld", (long long)(clock_ms() - start_ms));
	log_write(LOG_TRACE, "answered", "method", job->method, "ms", ms, NULL);
}

static void deliver(struct connection *c, struct job *job)
{
	if (job->known)
		grpc_answer(c->grpc, job->stream, &job->reply);
	else
		grpc_refuse(c->grpc, job->stream, GRPC_UNIMPLEMENTED,
			    "this provider has no such method");
}

static void call(struct connection *c, int32_t stream, const char *method, struct buf *body)
{
	const struct plugin *p = c->server->s->plugin;
	struct job *job = xcalloc(1, sizeof(*job));

	job->connection = c->id;
	job->stream = stream;
	job->method = xstrdup(method);
	job->body = *body;
	*body = job->reply = (struct buf)BUF_INIT;
	if (p->urgent && p->urgent(method)) {
		run(c->server, job);
		deliver(c, job);
	} else if (workers_add(c->server->workers, job)) {
		return;
	} else {
		grpc_refuse(c->grpc, stream, GRPC_RESOURCE_EXHAUSTED,
			    "too many calls wait already, or no thread can be started");
	}
	job_free(job);
}

static void request(void *arg, int32_t stream, const char *path, struct buf *body)
{
	static const char serving[] = { 0x08, 0x01 }; /* status = 1, SERVING */
	struct connection *c = arg;
	const struct plugin *p = c->server->s->plugin;
	const size_t len = strlen(p->service);
	AUTO_BUF reply = BUF_INIT;

	if (*path == '/' && strncmp(path + 1, p->service, len) == 0 && path[1 + len] == '/') {
		call(c, stream, path + len + 2, body);
	} else if (strcmp(path, "/plugin.GRPCController/Shutdown") == 0) {
		c->server->is_asked = !c->server->s->many;
		grpc_answer(c->grpc, stream, &reply);
	} else if (strcmp(path, "/grpc.health.v1.Health/Check") == 0) {
		(void)buf_add(&reply, serving, sizeof(serving));
		grpc_answer(c->grpc, stream, &reply);
	} else {
		grpc_refuse(c->grpc, stream, GRPC_UNIMPLEMENTED, "there is no such service here");
	}
}

/* ---- connections ---- */

/* Held, as nothing would be said there: the streams of a plugin's output, and of more connections. */
static const char *const held[] = { "/plugin.GRPCStdio/StreamStdio",
				    "/plugin.GRPCBroker/StartStream", NULL };

static void admit(struct connection *c)
{
	struct server *server = c->server;
	const struct plugin *p = server->s->plugin;

	c->is_up = true;
	if (server->up++ == 0) {
		clock_uncut();
		if (p->began)
			p->began(p->arg);
	}
	server->was_up = true;
	if (c->tls) {
		server->is_full = true;
		server->s->connected(server->s->arg);
	}
}

static SSL *tls_on(SSL_CTX *ctx, int fd)
{
	SSL *tls = SSL_new(ctx);

	if (!tls || SSL_set_fd(tls, fd) != 1)
		abort(); /* only out of memory */
	SSL_set_accept_state(tls);
	return tls;
}

static void take(struct server *server)
{
	const int fd = accept4(server->s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct connection *c;

	if (fd < 0)
		return;
	c = xcalloc(1, sizeof(*c));
	c->server = server;
	c->id = ++server->last_id;
	c->fd = fd;
	c->tls = server->s->tls ? tls_on(server->s->tls, fd) : NULL;
	c->grpc = grpc_new(&(struct grpc_options){
		.request = request, .arg = c, .held = held, .message_max = PLUGIN_MESSAGE_MAX });
	c->out = (struct buf)BUF_INIT;
	c->next = server->connections;
	server->connections = c;
	server->open++;
}

static void drop(struct connection *c)
{
	c->server->open--;
	c->server->up -= c->is_up;
	if (c->tls && c->is_up)
		(void)SSL_shutdown(c->tls);
	ERR_clear_error();
	SSL_free(c->tls);
	(void)close(c->fd);
	grpc_free(c->grpc);
	buf_wipe(&c->out);
	buf_release(&c->out);
	free(c);
}

static void greet(struct connection *c)
{
	ERR_clear_error();
	const int n = c->tls ? SSL_do_handshake(c->tls) : 1;

	if (n == 1) {
		admit(c);
	} else if (tls_result(c, n) < 0) {
		AUTO_STR reason = tls_reason();

		log_write(LOG_WARN, "a client was refused: its TLS handshake failed", "reason",
			  reason, NULL);
		c->is_over = true;
	}
}

static void attend(struct connection *c)
{
	c->is_stuck = false;
	if (!c->is_up)
		greet(c);
	if (c->is_up && !c->is_over) {
		receive(c);
		transmit(c);
		c->is_over |= grpc_is_over(c->grpc) && !has_output(c);
	}
}

static void sweep(struct server *server)
{
	struct connection **at = &server->connections;

	while (*at) {
		struct connection *c = *at;

		if (!c->is_over) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		drop(c);
	}
}

/* ---- the loop ---- */

static void return_answers(struct server *server)
{
	struct job *job = workers_done(server->workers);

	while (job) {
		struct job *next = job->next;
		struct connection *c = server->connections;

		while (c && c->id != job->connection)
			c = c->next;
		if (c)
			deliver(c, job);
		job_free(job);
		job = next;
	}
}

static bool all_sent(const struct server *server)
{
	for (const struct connection *c = server->connections; c; c = c->next)
		if (has_output(c))
			return false;
	return true;
}

static bool is_at_end(const struct server *server)
{
	if (server->is_asked)
		return all_sent(server);
	return !server->s->many && server->was_up && server->up == 0;
}

/* What there is to wait for; the connections from p[2] on, in the order of the list. */
static nfds_t watch(const struct server *server, struct pollfd *p)
{
	nfds_t n = 0;

	p[n++] = (struct pollfd){ .fd = server->s->wake_fd, .events = POLLIN };
	p[n++] = (struct pollfd){ .fd = server->is_full || server->open >= CONNECTIONS
						? -1
						: server->s->listener,
				  .events = POLLIN };
	for (const struct connection *c = server->connections; c; c = c->next)
		p[n++] = (struct pollfd){
			.fd = c->fd,
			.events = (short)(POLLIN | (c->is_stuck || has_output(c) ? POLLOUT : 0))
		};
	return n;
}

/* false: a signal ended it. */
static bool turn(struct server *server, struct pollfd *p)
{
	eventfd_t count = 0;
	nfds_t i = 2;

	for (struct connection *c = server->connections; c; c = c->next)
		if (p[i++].revents)
			attend(c);
	if (p[1].revents)
		take(server);
	if (p[0].revents && eventfd_read(server->s->wake_fd, &count) == 0) {
		return_answers(server);
		for (struct connection *c = server->connections; c; c = c->next)
			if (c->is_up)
				transmit(c);
	}
	sweep(server);
	return count < END;
}

static void loop(struct server *server)
{
	const int64_t until_ms = clock_ms() + FIRST_CLIENT_MS;
	struct pollfd p[2 + CONNECTIONS];

	while (!is_at_end(server)) {
		const bool patient = server->was_up || server->s->many;
		const int64_t left_ms = until_ms - clock_ms();

		if (!patient && left_ms <= 0) {
			log_write(LOG_ERROR, "no client came within a minute: the end", NULL);
			return;
		}
		if (poll(p, watch(server, p), patient ? -1 : (int)left_ms) < 0)
			continue;
		if (!turn(server, p))
			return;
	}
}

bool serve(const struct serve *s)
{
	struct server server = { .s = s };
	bool idle;

	server.workers = workers_new(run, &server, s->wake_fd);
	loop(&server);
	clock_cut();
	/* Nobody is to wait for an answer that will not come. */
	for (struct connection *c = server.connections; c; c = c->next)
		c->is_over = true;
	sweep(&server);
	idle = workers_end(server.workers, server.is_asked ? GRACE_ASKED_MS : GRACE_LOST_MS);
	if (!idle)
		log_write(LOG_WARN, "calls that were under way did not end in time", NULL);
	else if (s->plugin->ended)
		s->plugin->ended(s->plugin->arg, server.is_asked || s->many);
	return idle;
}
