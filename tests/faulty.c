#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "faulty.h"
#include "mem.h"

struct conn {
	struct faulty *f;
	pthread_t thread;
	int fd;
	int number;
	SSL *ssl;
	struct buf in; /* received, not used yet */
};

struct faulty {
	pthread_mutex_t lock;
	pthread_cond_t stopped;
	pthread_t thread;
	bool stop;
	int fd, port;
	SSL_CTX *tls;
	const char *greeting;
	bool http2;
	struct faulty_step *steps;
	bool *used;
	size_t n;
	struct conn **conns;
	size_t nconns;
	struct faulty_request **seen;
	size_t nseen;
};

/* Input and output */

static bool put(struct conn *c, const char *s, size_t len)
{
	while (len) {
		const size_t most = len > 1 << 20 ? 1 << 20 : len;
		const ssize_t n = c->ssl ? SSL_write(c->ssl, s, (int)most)
					 : send(c->fd, s, most, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static bool get(struct conn *c)
{
	char chunk[16 << 10];
	const ssize_t n = c->ssl ? SSL_read(c->ssl, chunk, sizeof(chunk))
				 : recv(c->fd, chunk, sizeof(chunk), 0);

	return n > 0 && buf_add(&c->in, chunk, (size_t)n);
}

static void drop(struct buf *b, size_t len)
{
	memmove(b->s, b->s + len, b->len - len + 1);
	b->len -= len;
}

/* False when stopped meanwhile. */
static bool rest(struct faulty *f, int ms)
{
	struct timespec until;
	bool stop;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000L;
	}
	(void)pthread_mutex_lock(&f->lock);
	while (!f->stop && pthread_cond_timedwait(&f->stopped, &f->lock, &until) != ETIMEDOUT)
		;
	stop = f->stop;
	(void)pthread_mutex_unlock(&f->lock);
	return !stop;
}

/* Requests */

static size_t body_length(const char *headers)
{
	const char *at = strcasestr(headers, "\r\ncontent-length:");

	return at ? strtoul(at + 17, NULL, 10) : 0;
}

static struct faulty_request *receive_head(struct conn *c)
{
	struct faulty_request *r;
	const char *end;
	size_t a;
	size_t b;

	for (end = strstr(c->in.s, "\r\n\r\n"); !end; end = strstr(c->in.s, "\r\n\r\n"))
		if (!get(c))
			return NULL;
	r = xcalloc(1, sizeof(*r));
	r->connection = c->number;
	r->version = 1;
	a = strcspn(c->in.s, " ");
	b = strcspn(c->in.s + a + 1, " ");
	r->method = xstrndup(c->in.s, a);
	r->target = xstrndup(c->in.s + a + 1, b);
	r->headers = xstrndup(c->in.s, (size_t)(end - c->in.s) + 4);
	drop(&c->in, (size_t)(end - c->in.s) + 4);
	return r;
}

static void receive_body(struct conn *c, struct faulty_request *r)
{
	const size_t len = body_length(r->headers);

	while (c->in.len < len && get(c))
		;
	r->len = c->in.len < len ? c->in.len : len;
	r->body = xcalloc(r->len + 1, 1);
	memcpy(r->body, c->in.s, r->len);
	drop(&c->in, r->len);
}

static struct faulty_step next_step(struct faulty *f, const char *target)
{
	struct faulty_step s = { .act = FAULTY_ECHO };
	size_t i = 0;

	(void)pthread_mutex_lock(&f->lock);
	while (i < f->n &&
	       (f->used[i] || (f->steps[i].target && strcmp(f->steps[i].target, target) != 0)))
		i++;
	if (i < f->n) {
		s = f->steps[i];
		f->used[i] = true;
	}
	(void)pthread_mutex_unlock(&f->lock);
	return s;
}

static void remember(struct faulty *f, struct faulty_request *r)
{
	(void)pthread_mutex_lock(&f->lock);
	f->seen = xrealloc(f->seen, f->nseen + 1, sizeof(struct faulty_request *));
	f->seen[f->nseen++] = r;
	(void)pthread_mutex_unlock(&f->lock);
}

/* Answers: each says whether the connection lives on. */

static bool answer(struct conn *c, const struct faulty_step *s, const char *body, size_t len)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	const int status = s->status ? s->status : 200;
	const size_t more = s->act == FAULTY_CUT_BODY ? 10 : 0;

	buf_addf(&out, "HTTP/1.1 %d Whatever\r\n%s", status, s->headers ? s->headers : "");
	if (s->act == FAULTY_CUT_CHUNK)
		buf_addf(&out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", len);
	else
		buf_addf(&out, "Content-Length: %zu\r\n\r\n", len + more);
	(void)buf_add(&out, body, len);
	if (s->act == FAULTY_CUT_CHUNK)
		buf_adds(&out, "\r\n");
	return put(c, out.s, out.len) && s->act != FAULTY_CUT_BODY && s->act != FAULTY_CUT_CHUNK &&
	       !s->close;
}

static bool echo(struct conn *c, const struct faulty_step *s, const struct faulty_request *r)
{
	CLEANUP(buf_release) struct buf body = BUF_INIT;

	buf_addf(&body, "%s %s\n", r->method, r->target);
	(void)buf_add(&body, r->body, r->len);
	return answer(c, s, body.s, strcmp(r->method, "HEAD") == 0 ? 0 : body.len);
}

static bool big(struct conn *c, const struct faulty_step *s)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	size_t i;

	buf_adds(&out, "HTTP/1.1 200 OK\r\n");
	if (s->act == FAULTY_BIG_LINE)
		buf_adds(&out, "Big: ");
	for (i = 0; i < s->size && s->act != FAULTY_BIG_BODY; i++)
		buf_adds(&out, s->act == FAULTY_MANY ? "X: y\r\n" : "x");
	if (s->act == FAULTY_BIG_LINE)
		buf_adds(&out, "\r\n");
	buf_addf(&out, "Content-Length: %zu\r\n\r\n", s->act == FAULTY_BIG_BODY ? s->size : 0);
	if (!put(c, out.s, out.len))
		return false;
	for (i = 0; s->act == FAULTY_BIG_BODY && i < s->size;) {
		static const char zeros[64 << 10];
		const size_t left = s->size - i;
		const size_t len = left < sizeof(zeros) ? left : sizeof(zeros);

		if (!put(c, zeros, len))
			return false;
		i += len;
	}
	return true;
}

static bool reset(struct conn *c)
{
	const struct linger at_once = { .l_onoff = 1 };

	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return false;
}

static bool act(struct conn *c, const struct faulty_step *s, const struct faulty_request *r)
{
	const char *body = s->body ? s->body : "";
	const size_t len = s->len ? s->len : strlen(body);

	if (s->delay_ms && !rest(c->f, s->delay_ms))
		return false;
	switch (s->act) {
	case FAULTY_ANSWER:
	case FAULTY_CUT_BODY:
	case FAULTY_CUT_CHUNK: return answer(c, s, body, len);
	case FAULTY_ECHO: return echo(c, s, r);
	case FAULTY_CLOSE: return false;
	case FAULTY_RESET: return reset(c);
	case FAULTY_HANG: return get(c) && false;
	case FAULTY_CUT_HEAD: return put(c, "HTTP/1.1 200 OK\r\nContent-Le", 27) && false;
	case FAULTY_GARBAGE:
		return put(c,
			   "\x7f"
			   "ELF\2\1\1 is not HTTP\r\n\r\n",
			   24) &&
		       false;
	case FAULTY_RAW: return put(c, body, len) && false;
	case FAULTY_BIG_LINE:
	case FAULTY_MANY:
	case FAULTY_BIG_BODY: return big(c, s);
	}
	return false;
}

/* HTTP/2: a request is gathered as its stream's user data */

static int h2_begin(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	struct faulty_request *r = xcalloc(1, sizeof(*r));

	r->connection = ((struct conn *)arg)->number;
	r->version = 2;
	r->method = xstrdup("");
	r->target = xstrdup("");
	r->headers = xstrdup("\r\n");
	r->body = xstrdup("");
	(void)nghttp2_session_set_stream_user_data(s, frame->hd.stream_id, r);
	return 0;
}

static int h2_header(nghttp2_session *s, const nghttp2_frame *frame, nghttp2_rcbuf *name,
		     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
	struct faulty_request *r = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
	const char *k = (const char *)nghttp2_rcbuf_get_buf(name).base;
	const char *v = (const char *)nghttp2_rcbuf_get_buf(value).base;
	AUTO_STR old = NULL;

	(void)flags, (void)arg;
	if (strcmp(k, ":method") == 0) {
		free(r->method);
		r->method = xstrdup(v);
	} else if (strcmp(k, ":path") == 0) {
		free(r->target);
		r->target = xstrdup(v);
	} else {
		old = r->headers;
		r->headers = xasprintf("%s%s: %s\r\n", old, k, v);
	}
	return 0;
}

static int h2_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *arg)
{
	struct faulty_request *r = nghttp2_session_get_stream_user_data(s, id);

	(void)flags, (void)arg;
	r->body = xrealloc(r->body, r->len + len + 1, 1);
	memcpy(r->body + r->len, data, len);
	r->len += len;
	r->body[r->len] = '\0';
	return 0;
}

static ssize_t h2_echo(nghttp2_session *s, int32_t id, uint8_t *out, size_t cap, uint32_t *flags,
		       nghttp2_data_source *source, void *arg)
{
	const struct faulty_request *r = source->ptr;
	AUTO_STR text = xasprintf("%s %s\n%s", r->method, r->target, r->body);
	const size_t len = strlen(text);

	(void)s, (void)id, (void)arg;
	*flags = NGHTTP2_DATA_FLAG_EOF;
	memcpy(out, text, len < cap ? len : cap);
	return (ssize_t)(len < cap ? len : cap);
}

static int h2_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
	static uint8_t name[] = ":status";
	static uint8_t value[] = "200";
	const nghttp2_nv status = { name, value, 7, 3, NGHTTP2_NV_FLAG_NONE };
	struct conn *c = arg;
	nghttp2_data_provider body = { .read_callback = h2_echo };

	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	body.source.ptr = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
	remember(c->f, body.source.ptr);
	return nghttp2_submit_response(s, frame->hd.stream_id, &status, 1, &body);
}

static ssize_t h2_send(nghttp2_session *s, const uint8_t *data, size_t len, int flags, void *arg)
{
	(void)s, (void)flags;
	return put(arg, (const char *)data, len) ? (ssize_t)len : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void serve_http2(struct conn *c)
{
	nghttp2_session_callbacks *on = NULL;
	nghttp2_session *s = NULL;
	bool ok;

	(void)nghttp2_session_callbacks_new(&on);
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, h2_begin);
	nghttp2_session_callbacks_set_on_header_callback2(on, h2_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, h2_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, h2_frame);
	nghttp2_session_callbacks_set_send_callback(on, h2_send);
	(void)nghttp2_session_server_new(&s, on, c);
	ok = nghttp2_submit_settings(s, NGHTTP2_FLAG_NONE, NULL, 0) == 0 &&
	     nghttp2_session_send(s) == 0;
	while (ok && get(c)) {
		ok = nghttp2_session_mem_recv(s, (const uint8_t *)c->in.s, c->in.len) >= 0 &&
		     nghttp2_session_send(s) == 0;
		drop(&c->in, c->in.len);
	}
	nghttp2_session_del(s);
	nghttp2_session_callbacks_del(on);
}

static int choose_http2(SSL *ssl, const unsigned char **out, unsigned char *len,
			const unsigned char *in, unsigned in_len, void *arg)
{
	unsigned char *chosen = NULL;
	const int r = nghttp2_select_next_protocol(&chosen, len, in, in_len);

	(void)ssl, (void)arg;
	*out = chosen;
	return r == 1 ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* Connections */

static void *serve(void *arg)
{
	struct conn *c = arg;
	struct faulty_request *r;
	struct faulty_step s;
	bool on = !c->f->greeting;

	if (!on)
		(void)put(c, c->f->greeting, strlen(c->f->greeting));
	if (c->f->tls) {
		c->ssl = SSL_new(c->f->tls);
		on = SSL_set_fd(c->ssl, c->fd) == 1 && SSL_accept(c->ssl) == 1;
		/* Closing with something unread is a reset, which may overtake the alert. */
		if (!on) {
			char rest[1024];

			(void)shutdown(c->fd, SHUT_WR);
			while (recv(c->fd, rest, sizeof(rest), 0) > 0)
				;
		}
	}
	if (on && c->f->http2)
		serve_http2(c);
	while (on && !c->f->http2) {
		r = receive_head(c);
		if (!r)
			break;
		s = next_step(c->f, r->target);
		if (!s.early)
			receive_body(c, r);
		remember(c->f, r);
		on = act(c, &s, r);
	}
	if (c->ssl)
		(void)SSL_shutdown(c->ssl);
	SSL_free(c->ssl);
	ERR_clear_error();
	buf_release(&c->in);
	(void)pthread_mutex_lock(&c->f->lock);
	(void)close(c->fd);
	c->fd = -1;
	(void)pthread_mutex_unlock(&c->f->lock);
	return NULL;
}

static void *listen_on(void *arg)
{
	struct faulty *f = arg;
	int fd;

	for (;;) {
		struct conn *c;

		fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		c = xcalloc(1, sizeof(*c));
		c->f = f;
		c->fd = fd;
		c->in = (struct buf)BUF_INIT;
		(void)pthread_mutex_lock(&f->lock);
		f->conns = xrealloc(f->conns, f->nconns + 1, sizeof(struct conn *));
		f->conns[f->nconns++] = c;
		c->number = (int)f->nconns;
		if (f->stop)
			(void)shutdown(fd, SHUT_RDWR);
		(void)pthread_create(&c->thread, NULL, serve, c);
		(void)pthread_mutex_unlock(&f->lock);
	}
}

static int listen_port(int port, int *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(a);
	const int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		perror("faulty");
		abort();
	}
	*ret_port = ntohs(a.sin_port);
	return fd;
}

int faulty_free_port(void)
{
	int port;

	(void)close(listen_port(0, &port));
	return port;
}

static SSL_CTX *tls_context(const struct faulty_options *o)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (!tls || SSL_CTX_use_certificate_chain_file(tls, o->cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, o->cert, SSL_FILETYPE_PEM) != 1)
		abort();
	if (o->client_ca) {
		if (SSL_CTX_load_verify_file(tls, o->client_ca) != 1)
			abort();
		SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
	if (o->http2)
		SSL_CTX_set_alpn_select_cb(tls, choose_http2, NULL);
	return tls;
}

struct faulty *faulty_start(const struct faulty_options *o)
{
	struct faulty *f = xcalloc(1, sizeof(*f));
	sigset_t set;
	sigset_t before;
	size_t i;

	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_cond_init(&f->stopped, NULL);
	f->n = o->n;
	f->steps = xcalloc(o->n, sizeof(*f->steps));
	f->used = xcalloc(o->n + 1, sizeof(*f->used));
	for (i = 0; i < o->n; i++)
		f->steps[i] = o->steps[i];
	f->greeting = o->greeting;
	f->http2 = o->http2;
	f->tls = o->cert ? tls_context(o) : NULL;
	f->fd = listen_port(o->port, &f->port);
	/* Inherited by its threads: OpenSSL writes without MSG_NOSIGNAL. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, &before);
	if (pthread_create(&f->thread, NULL, listen_on, f))
		abort();
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return f;
}

void faulty_stop(struct faulty *f)
{
	size_t i;

	(void)pthread_mutex_lock(&f->lock);
	f->stop = true;
	(void)pthread_cond_broadcast(&f->stopped);
	(void)pthread_mutex_unlock(&f->lock);
	(void)shutdown(f->fd, SHUT_RDWR);
	(void)pthread_join(f->thread, NULL);
	(void)close(f->fd);
	(void)pthread_mutex_lock(&f->lock);
	for (i = 0; i < f->nconns; i++)
		if (f->conns[i]->fd >= 0)
			(void)shutdown(f->conns[i]->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&f->lock);
	for (i = 0; i < f->nconns; i++) {
		(void)pthread_join(f->conns[i]->thread, NULL);
		free(f->conns[i]);
	}
	for (i = 0; i < f->nseen; i++) {
		free(f->seen[i]->method);
		free(f->seen[i]->target);
		free(f->seen[i]->headers);
		free(f->seen[i]->body);
		free(f->seen[i]);
	}
	SSL_CTX_free(f->tls);
	(void)pthread_cond_destroy(&f->stopped);
	(void)pthread_mutex_destroy(&f->lock);
	free(f->conns);
	free(f->seen);
	free(f->steps);
	free(f->used);
	free(f);
}

int faulty_port(const struct faulty *f)
{
	return f->port;
}

size_t faulty_count(struct faulty *f)
{
	size_t n;

	(void)pthread_mutex_lock(&f->lock);
	n = f->nseen;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

int faulty_connections(struct faulty *f)
{
	int n;

	(void)pthread_mutex_lock(&f->lock);
	n = (int)f->nconns;
	(void)pthread_mutex_unlock(&f->lock);
	return n;
}

const struct faulty_request *faulty_seen(struct faulty *f, size_t i)
{
	const struct faulty_request *r;

	(void)pthread_mutex_lock(&f->lock);
	r = i < f->nseen ? f->seen[i] : NULL;
	(void)pthread_mutex_unlock(&f->lock);
	return r;
}

/* Certificates */

struct signer {
	X509 *cert;
	EVP_PKEY *key;
};

static void extend(X509 *cert, const struct signer *by, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *x;

	X509V3_set_ctx(&ctx, by ? by->cert : cert, cert, NULL, NULL, 0);
	x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	(void)X509_add_ext(cert, x, -1);
	X509_EXTENSION_free(x);
}

/* Signed by itself, a CA, if `by` is NULL. `life_s`: from now; it began an hour ago, or two if that is past. */
static struct signer certify_for(const struct signer *by, const char *name, const char *alt,
				 long life_s)
{
	struct signer s = { .cert = X509_new(), .key = EVP_EC_gen("P-256") };
	static long serial;

	(void)X509_set_version(s.cert, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(s.cert), ++serial);
	(void)X509_gmtime_adj(X509_getm_notBefore(s.cert), life_s > 0 ? -3600 : -7200);
	(void)X509_gmtime_adj(X509_getm_notAfter(s.cert), life_s);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(s.cert), "CN", MBSTRING_UTF8,
					 (const unsigned char *)name, -1, -1, 0);
	(void)X509_set_issuer_name(s.cert, X509_get_subject_name(by ? by->cert : s.cert));
	(void)X509_set_pubkey(s.cert, s.key);
	extend(s.cert, by, NID_basic_constraints, by ? "CA:FALSE" : "critical,CA:TRUE");
	if (alt)
		extend(s.cert, by, NID_subject_alt_name, alt);
	(void)X509_sign(s.cert, by ? by->key : s.key, EVP_sha256());
	return s;
}

static struct signer certify(const struct signer *by, const char *name, const char *alt)
{
	return certify_for(by, name, alt, 24L * 3600);
}

static bool save(const char *dir, const char *name, struct signer *s)
{
	AUTO_STR path = xasprintf("%s/%s.pem", dir, name);
	FILE *out = fopen(path, "we");
	bool ok = out && PEM_write_X509(out, s->cert) &&
		  PEM_write_PrivateKey(out, s->key, NULL, NULL, 0, NULL, NULL);

	if (out && fclose(out))
		ok = false;
	X509_free(s->cert);
	EVP_PKEY_free(s->key);
	return ok;
}

bool faulty_certs(const char *dir)
{
	static const char here[] = "IP:127.0.0.1,DNS:localhost";
	struct signer ca = certify(NULL, "test CA", NULL);
	struct signer other = certify(NULL, "another CA", NULL);
	struct signer server = certify(&ca, "server", here);
	struct signer wrong = certify(&ca, "wrong", "DNS:elsewhere.invalid");
	struct signer client = certify(&ca, "client", NULL);
	struct signer late = certify_for(&ca, "late", here, -3600);
	bool ok = save(dir, "server", &server);

	ok = save(dir, "wrong", &wrong) && ok;
	ok = save(dir, "client", &client) && ok;
	ok = save(dir, "late", &late) && ok;
	ok = save(dir, "other", &other) && ok;
	return save(dir, "ca", &ca) && ok;
}
