#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "http_answer.h"
#include "http_wire.h"
#include "kubernetes/connect.h"
#include "kubernetes/frames.h"
#include "kubernetes/socket.h"
#include "text.h"

enum {
	SWITCHING = 101,
	UNAUTHORIZED = 401,
	FAILED = 400,
	KEY_BYTES = 16,
	SHA1_BYTES = 20,
	CHUNK = 32 << 10,
	CHUNKS = 16, /* to be read before it is our turn to send */
	ANSWER_MAX = 1 << 20,
	REFUSAL_MS = 5000, /* for the rest of an answer whose head is there */
	PING_MS = 15000,
	SILENCE_MS = 60000,
	SLICE_MS = 1000, /* how long a clock_cut() may go unnoticed */
	CLOSE_NORMAL = 1000,
};

static const char PROTOCOLS[] = "v5.channel.k8s.io, v4.channel.k8s.io";

struct socket {
	CURL *easy;
	curl_socket_t fd;
	int64_t deadline;
	bool v5;
	bool open;    /* the handshake is over */
	bool closing; /* the server said so */
	bool gone;    /* nothing comes any more */
	bool mute;    /* nothing can be sent; what came before that is yet to be read */
	bool stirred; /* by this step */
	/* We sent something that the server may be busy with: it does not read our pings then. */
	bool busy;
	bool pinged;
	int64_t heard_ms;
	struct buf early; /* came with the answer to the handshake */
	struct frames frames;
	const struct socket_user *user;
	/*
	 * OpenSSL wants what it did not send the first time from the same place again, so what is being
	 * sent stays as it is, and what comes meanwhile waits in `queue`.
	 */
	struct buf sending, queue;
	size_t sent;
	char *last_words;
};

/* ---- bytes ---- */

/* *n 0: none at present, or `gone`. */
static struct err *receive(struct socket *s, char *to, size_t size, size_t *n)
{
	const CURLcode code = curl_easy_recv(s->easy, to, size, n);

	if (code == CURLE_AGAIN) {
		*n = 0;
		return NULL;
	}
	s->gone = code != CURLE_OK || !*n;
	if (code != CURLE_OK) {
		*n = 0;
		return err_new(ERR_NETWORK, "the connection was lost: %s",
			       curl_easy_strerror(code));
	}
	s->stirred = true;
	return NULL;
}

static bool unsent(const struct socket *s)
{
	return !s->mute && (s->sent < s->sending.len || s->queue.len);
}

static void flush(struct socket *s)
{
	while (unsent(s)) {
		size_t n = 0;
		CURLcode code;

		if (s->sent == s->sending.len) {
			const struct buf empty = s->sending;

			s->sending = s->queue;
			s->queue = empty;
			s->queue.len = 0;
			s->sent = 0;
		}
		code = curl_easy_send(s->easy, s->sending.s + s->sent, s->sending.len - s->sent,
				      &n);
		if (code == CURLE_AGAIN)
			return;
		s->mute = code != CURLE_OK;
		s->sent += n;
		s->stirred = true;
	}
}

static struct err *wait_for(struct socket *s, int64_t until)
{
	const int64_t now = clock_ms();
	int64_t ms = (until < s->deadline ? until : s->deadline) - now;
	struct pollfd p = { .fd = s->fd, .events = (short)(POLLIN | (unsent(s) ? POLLOUT : 0)) };

	if (now >= s->deadline || clock_is_cut())
		return err_new(ERR_TIMEOUT, "no answer before the deadline");
	if (ms > SLICE_MS)
		ms = SLICE_MS;
	if (ms > 0 && poll(&p, 1, (int)ms) < 0 && errno != EINTR)
		return err_new(ERR_NETWORK, "poll: %s", strerrordesc_np(errno));
	return NULL;
}

/* ---- handshake ---- */

char *socket_accept(const char *key)
{
	AUTO_STR text = xasprintf("%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	(void)EVP_Digest(text, strlen(text), sum, &n, EVP_sha1(), NULL);
	return base64_of((const char *)sum, n);
}

static struct err *make_key(char **ret)
{
	unsigned char bytes[KEY_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return err_new(ERR_USAGE, "the machine has no random numbers");
	*ret = base64_of((const char *)bytes, sizeof(bytes));
	return NULL;
}

/* "host:port" and path of the server's URL, which may have a path of its own. */
static void ask(struct socket *s, const char *server, const char *path, const char *key, char *who)
{
	const char *host = strstr(server, "://") ? strstr(server, "://") + 3 : server;
	const size_t n = strcspn(host, "/");
	size_t prefix = strlen(host + n);

	while (prefix && host[n + prefix - 1] == '/')
		prefix--;
	buf_addf(&s->queue,
		 "GET %.*s%s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: treenail\r\n"
		 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n%s\r\n",
		 (int)prefix, host + n, path, (int)n, host, key, PROTOCOLS, who);
	wipe_free(who);
}

/* What comes up to the end of a head; what follows it stays behind in `in`. */
static struct err *read_head(struct socket *s, struct buf *in, struct http_parse *p, int *status)
{
	const char *end = NULL, *line, *next;
	char chunk[4096];
	struct err *e = NULL;

	while (!e && !(end = strstr(in->s, "\r\n\r\n")) && !s->gone) {
		size_t n = 0;

		s->stirred = false;
		flush(s);
		e = receive(s, chunk, sizeof(chunk), &n);
		if (!e && !buf_add(in, chunk, n))
			e = err_new(ERR_PROTOCOL, "the answer's head is over 1 MiB");
		if (!e && !s->stirred)
			e = wait_for(s, s->deadline);
	}
	if (!e && !end)
		e = err_new(ERR_NETWORK, "the connection was closed before the answer");
	if (!e && strncmp(in->s, "HTTP/1.", 7) != 0)
		e = err_new(ERR_PROTOCOL, "the answer is not HTTP");
	if (e || !end)
		return e;
	*status = (int)strtol(in->s + strcspn(in->s, " "), NULL, 10);
	for (line = in->s; line < end + 4; line = next) {
		next = strstr(line, "\r\n") + 2;
		if (!http_parse_line(p, line, (size_t)(next - line)))
			return err_new(ERR_PROTOCOL, "%s", p->fault);
	}
	in->len -= (size_t)(end + 4 - in->s);
	memmove(in->s, end + 4, in->len + 1);
	return NULL;
}

/* Takes the sizes out of a body of chunks; what is damaged ends it. */
static void unchunk(struct buf *in)
{
	char *to = in->s, *end = in->s + in->len;

	for (char *at = in->s; at < end;) {
		const size_t n = strtoul(at, NULL, 16);
		const char *line = strstr(at, "\r\n");

		if (!line || !n || n > (size_t)(end - line) - 2)
			break;
		memmove(to, line + 2, n);
		to += n;
		at += (size_t)(line - at) + 2 + n;
		if (end - at >= 2 && memcmp(at, "\r\n", 2) == 0)
			at += 2;
	}
	in->len = (size_t)(to - in->s);
	*to = '\0';
}

static bool is_chunked(const struct http_answer *head)
{
	const char *coding = http_header(head, "transfer-encoding");

	return coding && strcasecmp(coding, "chunked") == 0;
}

static bool is_whole(const struct http_answer *head, const struct buf *in)
{
	const char *length = http_header(head, "content-length");

	if (is_chunked(head))
		return strncmp(in->s, "0\r\n", 3) == 0 || strstr(in->s, "\r\n0\r\n");
	return length && in->len >= strtoul(length, NULL, 10);
}

/* The rest of an answer that is no socket: as much of it as comes soon. */
static void read_body(struct socket *s, struct buf *in, struct http_parse *p)
{
	const struct http_answer head = { .headers = p->headers };
	const int64_t until = clock_ms() + REFUSAL_MS;
	struct err *e = NULL;
	char chunk[4096];

	while (!e && !s->gone && !is_whole(&head, in) && in->len < ANSWER_MAX &&
	       clock_ms() < until) {
		size_t n = 0;

		s->stirred = false;
		e = receive(s, chunk, sizeof(chunk), &n);
		(void)buf_add(in, chunk, n);
		if (!e && !s->stirred)
			e = wait_for(s, until);
	}
	err_free(e);
	if (is_chunked(&head))
		unchunk(in);
	(void)http_parse_body(p, in->s, in->len);
}

static bool header_is(const struct http_answer *a, const char *name, const char *want)
{
	const char *value = http_header(a, name);

	return value && strcasecmp(value, want) == 0;
}

static struct err *check_upgrade(struct socket *s, const struct http_answer *a, const char *key)
{
	AUTO_STR accept = socket_accept(key);
	const char *said = http_header(a, "sec-websocket-accept");

	if (!header_is(a, "upgrade", "websocket") || !http_header(a, "connection") ||
	    !strcasestr(http_header(a, "connection"), "upgrade") || !said ||
	    strcmp(said, accept) != 0)
		return err_new(ERR_PROTOCOL, "the server's answer to a WebSocket makes no sense");
	s->v5 = header_is(a, "sec-websocket-protocol", "v5.channel.k8s.io");
	if (!s->v5 && !header_is(a, "sec-websocket-protocol", "v4.channel.k8s.io"))
		return err_new(ERR_PROTOCOL, "the server speaks none of %s", PROTOCOLS);
	return NULL;
}

/* Says hello; *status is 101 if the server did too. What it said already is in `in`. */
static struct err *shake_hands(struct socket *s, const char *key, struct buf *in,
			       struct http_answer *a)
{
	struct http_parse p;
	struct err *e;

	http_parse_init(&p);
	e = read_head(s, in, &p, &a->status);
	if (!e && a->status != SWITCHING)
		read_body(s, in, &p);
	if (!e && !http_parse_finish(&p, a))
		e = err_new(ERR_PROTOCOL, "%s", p.fault);
	if (!e && a->status == SWITCHING)
		e = check_upgrade(s, a, key);
	http_parse_release(&p);
	return e;
}

/* Says hello, and hears what the server makes of it: *a. */
static struct err *call(struct cluster *c, bool renew, const char *path, struct socket *s,
			struct http_answer *a)
{
	AUTO_STR key = NULL;
	char *who = NULL;
	struct err *e = make_key(&key);

	if (!e)
		e = cluster_connect(c, renew, s->deadline, &s->easy, &who);
	if (e)
		return e;
	(void)curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &s->fd);
	ask(s, cluster_server(c), path, key, who);
	s->early.max = ANSWER_MAX;
	e = shake_hands(s, key, &s->early, a);
	buf_wipe(&s->sending);
	s->sent = 0;
	return e;
}

static struct err *call_as_we_are(struct cluster *c, const char *path, struct socket *s)
{
	const struct kube_request req = { .method = "GET", .path = path };
	struct http_answer a = { 0 };
	struct err *e = call(c, false, path, s, &a);

	if (!e && a.status == UNAUTHORIZED) {
		http_answer_release(&a);
		curl_easy_cleanup(TAKE(s->easy));
		buf_wipe(&s->early);
		s->gone = s->mute = false;
		e = call(c, true, path, s, &a);
	}
	if (!e && a.status >= FAILED)
		e = cluster_refusal(c, &req, &a);
	else if (!e && a.status != SWITCHING)
		e = err_new(ERR_PROTOCOL, "status %d instead of a WebSocket", a.status);
	http_answer_release(&a);
	return e;
}

/* ---- messages ---- */

static struct err *queue_frame(struct socket *s, enum frame type, const char *data, size_t n)
{
	unsigned char mask[FRAME_MASK];

	if (RAND_bytes(mask, sizeof(mask)) != 1)
		return err_new(ERR_USAGE, "the machine has no random numbers");
	frame_write(&s->queue, type, data, n, mask);
	return NULL;
}

struct err *socket_send(struct socket *s, int channel, const char *data, size_t n)
{
	AUTO_BUF message = BUF_INIT;
	const char first = (char)channel;

	(void)buf_add(&message, &first, 1);
	(void)buf_add(&message, data, n);
	s->busy = true;
	return queue_frame(s, FRAME_BINARY, message.s, message.len);
}

static struct err *take(void *arg, enum frame type, const char *data, size_t n)
{
	struct socket *s = arg;

	switch (type) {
	case FRAME_PING: return queue_frame(s, FRAME_PONG, data, n);
	case FRAME_CLOSE:
		s->closing = true;
		free(s->last_words);
		s->last_words = n > 2 ? xasprintf("%u %.*s", frame_close_code(data, n), (int)n - 2,
						  data + 2)
				      : NULL;
		return queue_frame(s, FRAME_CLOSE, data, n < 2 ? n : 2);
	case FRAME_TEXT:
	case FRAME_BINARY:
		/* An empty one is how servers begin each channel. */
		return n > 1 ? s->user->got(s->user->arg, (unsigned char)*data, data + 1, n - 1)
			     : NULL;
	case FRAME_MORE:
	case FRAME_PONG: break;
	}
	return NULL;
}

static struct err *drink(struct socket *s)
{
	char chunk[CHUNK];
	struct err *e = frames_read(&s->frames, s->early.s, s->early.len);

	buf_release(&s->early);
	for (int i = 0; i < CHUNKS && !e && !s->gone && !s->closing; i++) {
		size_t n = 0;

		e = receive(s, chunk, sizeof(chunk), &n);
		if (e || !n)
			break;
		s->heard_ms = clock_ms();
		s->pinged = s->busy = false;
		e = frames_read(&s->frames, chunk, n);
	}
	return e;
}

static struct err *keep_alive(struct socket *s)
{
	const int64_t silence = clock_ms() - s->heard_ms;

	if (silence >= SILENCE_MS && s->pinged && !s->busy)
		return err_new(ERR_NETWORK, "the server does not answer any more");
	if (silence < PING_MS || s->pinged)
		return NULL;
	s->pinged = true;
	return queue_frame(s, FRAME_PING, "", 0);
}

static struct err *step(struct socket *s, int64_t until, bool *over)
{
	const struct socket_user *user = s->user;
	struct err *e = drink(s);

	if (!e && !s->closing && !unsent(s) && !s->mute && user->more)
		e = user->more(user->arg);
	if (!e)
		e = keep_alive(s);
	if (e)
		return e;
	flush(s);
	*over = s->gone || s->closing;
	return *over || s->stirred ? NULL : wait_for(s, until);
}

struct err *socket_step(struct socket *s, const struct socket_user *user, int64_t until, bool *over)
{
	struct sigpipe guard;
	struct err *e;

	sigpipe_hold(&guard);
	s->user = user;
	s->stirred = false;
	e = step(s, until, over);
	sigpipe_restore(&guard);
	return e;
}

const char *socket_last_words(const struct socket *s)
{
	return s->last_words ? s->last_words : "";
}

bool socket_can_close_stdin(const struct socket *s)
{
	return s->v5;
}

void socket_free(struct socket *s)
{
	const char normal[] = { (char)(CLOSE_NORMAL >> 8), (char)(CLOSE_NORMAL & 0xff) };
	struct sigpipe guard;

	if (!s)
		return;
	sigpipe_hold(&guard);
	if (s->easy && s->open && !s->closing && !s->gone) {
		err_free(queue_frame(s, FRAME_CLOSE, normal, sizeof(normal)));
		flush(s);
	}
	curl_easy_cleanup(s->easy);
	sigpipe_restore(&guard);
	buf_release(&s->early);
	buf_release(&s->sending);
	buf_release(&s->queue);
	frames_release(&s->frames);
	free(s->last_words);
	free(s);
}

struct err *socket_open(struct cluster *c, const char *path, int64_t deadline, struct socket **ret)
{
	struct socket *s = xcalloc(1, sizeof(*s));
	struct sigpipe guard;
	struct err *e;

	s->deadline = deadline;
	s->early = s->sending = s->queue = (struct buf)BUF_INIT;
	frames_init(&s->frames, take, s);
	sigpipe_hold(&guard);
	e = call_as_we_are(c, path, s);
	sigpipe_restore(&guard);
	s->open = !e;
	s->heard_ms = clock_ms();
	if (e)
		socket_free(s);
	else
		*ret = s;
	return e;
}
