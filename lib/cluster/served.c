#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "cluster/certificates.h"

/*
 * A TLS handshake for the sake of the certificate that is shown in it. It goes through memory, not OpenSSL's
 * sockets: those raise SIGPIPE when the other side is gone.
 */

enum { SLICE_MS = 100, PART = 16384, HANDSHAKE_MAX = 1 << 20 };

struct shake {
	int fd;
	int64_t deadline_ms;
	SSL *ssl;
	BIO *in, *out; /* the SSL's own */
	size_t received;
	char *pem; /* what was shown */
};

/* Called in place of a verification. */
static int shown(X509_STORE_CTX *store, void *arg)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store);
	struct shake *s = arg;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	for (int i = 0; bio && i < sk_X509_num(chain); i++)
		(void)PEM_write_bio_X509(bio, sk_X509_value(chain, i));
	if (bio)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0 && !s->pem)
		s->pem = xstrndup(text, (size_t)len);
	(void)BIO_free(bio);
	return 1;
}

static struct err *wait_for(int fd, short what, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = what };

	for (;;) {
		const int64_t left = deadline_ms - clock_ms();
		const int n = poll(&p, 1, (int)(left < 0 ? 0 : left < SLICE_MS ? left : SLICE_MS));

		if (n > 0)
			return NULL;
		if (n < 0 && errno != EINTR)
			return err_new(ERR_NETWORK, "waiting: %s", strerror(errno));
		if (clock_is_cut())
			return err_new(ERR_TIMEOUT, "it was told to end");
		if (left <= 0)
			return err_new(ERR_TIMEOUT, "it did not answer in time");
	}
}

static bool again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static struct err *send_all(struct shake *s)
{
	char *text = NULL;
	size_t left = (size_t)BIO_get_mem_data(s->out, &text);

	while (left) {
		const ssize_t n = send(s->fd, text, left, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct err *e = NULL;

		if (n > 0) {
			text += n;
			left -= (size_t)n;
		} else if (n < 0 && again()) {
			e = wait_for(s->fd, POLLOUT, s->deadline_ms);
		} else {
			e = err_new(ERR_NETWORK, "sending: %s", strerror(errno));
		}
		if (e)
			return e;
	}
	(void)BIO_reset(s->out);
	return NULL;
}

static struct err *receive(struct shake *s)
{
	char part[PART];
	struct err *e = wait_for(s->fd, POLLIN, s->deadline_ms);
	const ssize_t n = e ? -1 : recv(s->fd, part, sizeof(part), MSG_DONTWAIT);

	if (e)
		return e;
	if (n < 0 && again())
		return NULL;
	if (n < 0)
		return err_new(ERR_NETWORK, "receiving: %s", strerror(errno));
	if (n == 0)
		return err_new(ERR_NETWORK, "it closed the connection");
	s->received += (size_t)n;
	if (s->received > HANDSHAKE_MAX || BIO_write(s->in, part, (int)n) != n)
		return err_new(ERR_PROTOCOL, "its handshake has no end");
	return NULL;
}

/* One turn; *ret_more: there is something to come. */
static struct err *turn(struct shake *s, bool *ret_more)
{
	const int rc = SSL_connect(s->ssl);
	const int why = SSL_get_error(s->ssl, rc);
	const bool reads = rc != 1 && why == SSL_ERROR_WANT_READ;
	const char *words;
	struct err *e;

	*ret_more = reads && !s->pem;
	if (rc != 1 && !reads && !s->pem) {
		words = ERR_reason_error_string(ERR_peek_last_error());
		return err_new(ERR_PROTOCOL, "it speaks no TLS that can be understood: %s",
			       words ? words : "no reason is told");
	}
	if (!*ret_more)
		return s->pem ? NULL : err_new(ERR_PROTOCOL, "it shows no certificate");
	e = send_all(s);
	return e ? e : receive(s);
}

/* All that a server may still use is good enough to be looked at. */
static SSL_CTX *context(struct shake *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		return NULL;
	SSL_CTX_set_security_level(ctx, 0);
	(void)SSL_CTX_set_min_proto_version(ctx, 0);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, shown, s);
	return ctx;
}

static bool is_address(const char *s)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

struct err *certificate_served_fd(int fd, const char *name, int64_t deadline_ms, char **ret_pem)
{
	struct shake s = { .fd = fd, .deadline_ms = deadline_ms };
	SSL_CTX *ctx = context(&s);
	struct err *e = NULL;
	AUTO_STR asked = name && !is_address(name) ? xstrdup(name) : NULL;
	bool more = true;

	s.ssl = ctx ? SSL_new(ctx) : NULL;
	s.in = BIO_new(BIO_s_mem());
	s.out = BIO_new(BIO_s_mem());
	if (!s.ssl || !s.in || !s.out) {
		(void)BIO_free(s.in);
		(void)BIO_free(s.out);
		e = err_new(ERR_PROTOCOL, "OpenSSL has no TLS");
	} else {
		SSL_set_bio(s.ssl, s.in, s.out);
		if (asked)
			(void)SSL_ctrl(s.ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
				       TLSEXT_NAMETYPE_host_name, asked);
	}
	ERR_clear_error();
	while (!e && more)
		e = turn(&s, &more);
	if (!e)
		*ret_pem = TAKE(s.pem);
	free(s.pem);
	SSL_free(s.ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return e;
}

/* ---- getting there ---- */

static struct err *reach(const struct addrinfo *a, int64_t deadline_ms, int *ret)
{
	const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int why = 0;
	struct err *e = NULL;

	if (fd < 0)
		return err_new(ERR_NETWORK, "a socket: %s", strerror(errno));
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		why = errno;
		if (why == EINPROGRESS) {
			e = wait_for(fd, POLLOUT, deadline_ms);
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
		}
	}
	if (!e && why)
		e = err_new(ERR_NETWORK, "connecting: %s", strerror(why));
	if (e)
		(void)close(fd);
	else
		*ret = fd;
	return e;
}

struct err *certificate_served(const char *host, int port, const char *name, int64_t deadline_ms,
			       char **ret_pem)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	AUTO_STR service = xasprintf("%d", port);
	struct addrinfo *found = NULL;
	struct err *e = NULL;
	int fd = -1;
	const int rc = getaddrinfo(host, service, &hints, &found);

	if (rc != 0)
		return err_new(ERR_NETWORK, "%s:%d: looking it up: %s", host, port,
			       gai_strerror(rc));
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		err_free(e);
		e = reach(a, deadline_ms, &fd);
	}
	freeaddrinfo(found);
	if (!e)
		e = certificate_served_fd(fd, name, deadline_ms, ret_pem);
	if (fd >= 0)
		(void)close(fd);
	return err_wrap(e, "%s:%d", host, port);
}
