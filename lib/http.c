#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http_wire.h"

#ifndef VERSION
#define VERSION "0"
#endif

enum {
	HTTP_OK = 200,
	CONNECT_MS = 20000,
	PROGRESS_MS = 500,
	UPLOAD_CHUNK = 256 << 10,
	/*
	 * A POST may not use a connection that was idle for longer (seconds): the service may be closing
	 * it this moment, and then nobody knows whether the POST was carried out. Apache's keep-alive
	 * time is 5 s.
	 */
	POST_IDLE_S = 3,
	PIECE_MAX = 4 << 20, /* of a stream that its reader has not taken yet */
	STREAM_MS = 1000,    /* how long a stream may not see that all is to end */
	/*
	 * Of HTTP/2 transfers side by side one sometimes stands still (libcurl 7.88; seen: until 20 s are over),
	 * and goes on when it is looked at. Presumably its answer was read with another's.
	 */
	SHARED_MS = 100,
};

struct http {
	char *ca_file, *ca_dir; /* the system's: found at the first call */
	char *client_cert, *client_key, *user_agent;
	char *server_name, *proxy, *no_proxy;
	char **proxy_headers;
	bool insecure;
	bool system_ca;
	long max_connections;
	int lane;
	char refused[256]; /* the certificate that was last; the driver's */
	int log_fd;
	atomic_bool bundle; /* the system's directory did not do */
	pthread_mutex_t lock;
	CURLSH *share; /* TLS sessions; only used by who drives */
	CURLM *multi;
	CURL **spare;
	size_t spares;
	struct http_try *queued; /* not yet in the multi handle */
	struct http_try *active; /* changed by the driver only, with the lock held */
	bool driven;             /* one of the callers is in drive() */
	unsigned holders;        /* of a shared one; 0: it is nobody else's */
	struct http *next;       /* of the shared ones */
};

static atomic_ulong attempts;

unsigned long http_attempts(void)
{
	return atomic_load(&attempts);
}

void sigpipe_hold(struct sigpipe *s)
{
	sigset_t set;

	(void)sigpending(&set);
	s->pending = sigismember(&set, SIGPIPE) == 1;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, &s->before);
}

void sigpipe_restore(struct sigpipe *s)
{
	const struct timespec now = { 0 };
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	if (!s->pending)
		while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}

/* Callbacks of libcurl: they run in the driver. */

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct http_try *t = arg;

	return http_parse_line(&t->parse, data, size * n) ? size * n : 0;
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		const ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return false;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* For who waits in perform(). */
static size_t on_piece(struct http_try *t, const char *data, size_t len)
{
	(void)pthread_mutex_lock(&t->http->lock);
	t->full = t->piece.len >= PIECE_MAX;
	if (!t->full) {
		(void)buf_add(&t->piece, data, len);
		(void)pthread_cond_signal(&t->woken);
	}
	len = t->full ? CURL_WRITEFUNC_PAUSE : len;
	(void)pthread_mutex_unlock(&t->http->lock);
	return len;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct http_try *t = arg;
	const int fd = t->req->save_fd;
	long status = 0;

	if (fd > 0 || t->req->stream)
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status != HTTP_OK)
		return http_parse_body(&t->parse, data, size * n) ? size * n : 0;
	if (t->req->stream)
		return on_piece(t, data, size * n);
	if (write_all(fd, data, size * n))
		return size * n;
	t->fault = "what arrived cannot be written to its file";
	t->our_fault = true;
	return 0;
}

static size_t on_upload(char *data, size_t size, size_t n, void *arg)
{
	struct http_try *t = arg;
	const struct http_request *req = t->req;
	const int64_t left = req->upload_size - t->upload_at;
	const int64_t now = clock_ms();
	size_t want = size * n;
	ssize_t got;

	if ((int64_t)want > left)
		want = (size_t)left;
	do
		got = pread(req->upload_fd, data, want, t->upload_from + t->upload_at);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (got == 0 && want)) {
		t->fault = got < 0 ? "the file to upload cannot be read"
				   : "the file to upload is shorter than announced";
		t->our_fault = true;
		return CURL_READFUNC_ABORT;
	}
	t->upload_at += got;
	if (req->progress &&
	    (t->upload_at == req->upload_size || now - t->told_ms >= PROGRESS_MS)) {
		t->told_ms = now;
		req->progress(req->progress_arg, t->upload_at, req->upload_size);
	}
	return (size_t)got;
}

static int on_rewind(void *arg, curl_off_t offset, int origin)
{
	struct http_try *t = arg;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	t->upload_at = offset;
	return CURL_SEEKFUNC_OK;
}

/*
 * A connection stands and the request is about to go out. The second time within one attempt means
 * that libcurl found a reused connection dead and repeats by itself, whatever the method (7.88,
 * Curl_retry_request): but a POST may have been carried out by then. That is for the caller to judge.
 */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static int on_send(void *arg, char *peer, char *self, int peer_port, int self_port)
{
	struct http_try *t = arg;

	(void)peer, (void)self, (void)peer_port, (void)self_port;
	if (t->sent)
		return CURL_PREREQFUNC_ABORT;
	t->sent = true;
	atomic_fetch_add(&attempts, 1);
	return CURL_PREREQFUNC_OK;
}

/* libcurl 7.88 has children inherit its sockets. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)arg, (void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void name_of(const X509_NAME *name, char *ret, int size)
{
	*ret = '\0';
	if (X509_NAME_get_text_by_NID(name, NID_commonName, ret, size) < 0)
		(void)X509_NAME_get_text_by_NID(name, NID_organizationName, ret, size);
}

static void date_of(const ASN1_TIME *t, char *ret, size_t size)
{
	struct tm tm = { 0 };

	*ret = '\0';
	if (ASN1_TIME_to_tm(t, &tm) == 1)
		(void)strftime(ret, size, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

/* Which certificate it is about: OpenSSL's own words have no name and no date. */
static int on_verify(int fine, X509_STORE_CTX *x)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct http *h = ssl ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
	const X509 *cert = X509_STORE_CTX_get_current_cert(x);
	const int why = X509_STORE_CTX_get_error(x);
	char subject[64], issuer[64], date[32] = "";

	if (fine || !h || !cert)
		return fine;
	name_of(X509_get_subject_name(cert), subject, sizeof(subject));
	name_of(X509_get_issuer_name(cert), issuer, sizeof(issuer));
	if (why == X509_V_ERR_CERT_HAS_EXPIRED)
		date_of(X509_get0_notAfter(cert), date, sizeof(date));
	else if (why == X509_V_ERR_CERT_NOT_YET_VALID)
		date_of(X509_get0_notBefore(cert), date, sizeof(date));
	(void)snprintf(h->refused, sizeof(h->refused), "'%s', issued by '%s'%s%s", subject, issuer,
		       !*date                               ? ""
		       : why == X509_V_ERR_CERT_HAS_EXPIRED ? ", which expired on "
							    : ", which is not valid before ",
		       date);
	return fine;
}

static CURLcode on_tls(CURL *easy, void *ctx, void *arg)
{
	const int mode = SSL_CTX_get_verify_mode(ctx);

	(void)easy;
	(void)SSL_CTX_set_app_data((SSL_CTX *)ctx, arg);
	SSL_CTX_set_verify(ctx, mode, on_verify);
	return CURLE_OK;
}

/* Options. One that cannot be set (no memory, a libcurl without TLS) fails the attempt. */

#define SET(t, option, value) \
	((t)->unset |= curl_easy_setopt((t)->easy, (option), (value)) != CURLE_OK)

static void add_line(struct http_try *t, struct curl_slist **at, const char *line)
{
	struct curl_slist *list = curl_slist_append(*at, line);

	if (list)
		*at = list;
	else
		t->unset = true;
}

static void add_header(struct http_try *t, const char *line)
{
	add_line(t, &t->headers, line);
}

static void set_headers(struct http_try *t)
{
	const struct http_request *req = t->req;
	bool typed = false;
	size_t i;

	add_header(t, req->save_fd > 0 || req->plain || req->stream ? "Accept-Encoding: identity"
								    : "Accept-Encoding: gzip");
	add_header(t, "Expect:"); /* a round trip for nothing */
	for (i = 0; req->headers && req->headers[i]; i++) {
		const char *line = req->headers[i];

		if (t->foreign && http_secret_name(line, strcspn(line, ":")))
			continue;
		typed |= strncasecmp(line, "Content-Type:", 13) == 0;
		add_header(t, line);
	}
	if (!typed)
		add_header(t, "Content-Type:"); /* or libcurl calls a body a form */
	if (req->secret_header && !t->foreign)
		add_header(t, req->secret_header);
	SET(t, CURLOPT_HTTPHEADER, t->headers);
}

static void set_method(struct http_try *t)
{
	const struct http_request *req = t->req;
	const bool upload = !req->body && (req->upload_size > 0 || req->upload_fd > 0);
	const bool modifies = strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0 ||
			      strcmp(req->method, "PATCH") == 0;

	if (upload) {
		SET(t, CURLOPT_UPLOAD, 1L);
		SET(t, CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->upload_size);
		SET(t, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_CHUNK);
		SET(t, CURLOPT_READFUNCTION, on_upload);
		SET(t, CURLOPT_READDATA, t);
		SET(t, CURLOPT_SEEKFUNCTION, on_rewind);
		SET(t, CURLOPT_SEEKDATA, t);
	} else if (req->body || modifies) {
		SET(t, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(req->body ? req->body_len : 0));
		SET(t, CURLOPT_POSTFIELDS, req->body ? req->body : "");
	} else if (strcmp(req->method, "HEAD") == 0) {
		SET(t, CURLOPT_NOBODY, 1L);
		return;
	}
	SET(t, CURLOPT_CUSTOMREQUEST, req->method);
	if (strcmp(req->method, "POST") == 0)
		SET(t, CURLOPT_MAXAGE_CONN, (long)POST_IDLE_S);
}

/*
 * The system's CAs are looked up in its directory, which costs one small file; reading the bundle
 * costs 18 ms, more than all the rest. Only if the directory does not know the issuer the bundle is
 * read. libcurl keeps what it read from a file (but only if no directory is given) with the multi
 * handle.
 */
static void set_tls(struct http *h, struct http_try *t)
{
	const bool file = h->ca_file && (t->bundle || !h->ca_dir);

	SET(t, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(t, CURLOPT_CAINFO, file ? h->ca_file : NULL);
	SET(t, CURLOPT_CAPATH, file ? NULL : h->ca_dir);
	SET(t, CURLOPT_SSL_VERIFYPEER, h->insecure ? 0L : 1L);
	SET(t, CURLOPT_SSL_VERIFYHOST, h->insecure ? 0L : 2L);
	if (h->client_cert && !t->foreign) {
		SET(t, CURLOPT_SSLCERT, h->client_cert);
		SET(t, CURLOPT_SSLKEY, h->client_key ? h->client_key : h->client_cert);
	}
	/* Only where TLS is OpenSSL's: else errors are without names and dates. */
	(void)curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
	(void)curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, h);
	/* Wait for a connection that may be shared; a plain one never is. */
	SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(t, CURLOPT_PIPEWAIT, 1L);
}

static void set_proxy(const struct http *h, struct http_try *t)
{
	if (h->proxy)
		SET(t, CURLOPT_PROXY, h->proxy);
	if (h->no_proxy)
		SET(t, CURLOPT_NOPROXY, h->no_proxy);
	for (char **line = h->proxy_headers; line && *line; line++)
		add_line(t, &t->proxy_headers, *line);
	if (!t->proxy_headers)
		return;
	SET(t, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(t, CURLOPT_PROXYHEADER, t->proxy_headers);
}

/* "HOST:PORT" of a URL; owned, NULL: it is none. */
static char *url_place(CURLU *u)
{
	char *host = NULL, *port = NULL, *place = NULL;

	if (!curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		place = xasprintf("%s:%s", host, port);
	curl_free(host);
	curl_free(port);
	return place;
}

/*
 * libcurl asks TLS for the URL's host (7.88): so the URL has the name, and where to go and whom to ask there
 * are told beside it.
 */
static void set_name(const struct http *h, struct http_try *t)
{
	CURLU *u = curl_url();
	char *url = NULL;

	if (u && !curl_url_set(u, CURLUPART_URL, t->url, 0)) {
		AUTO_STR place = url_place(u);

		(void)curl_url_set(u, CURLUPART_HOST, h->server_name, 0);
		AUTO_STR named = url_place(u);
		AUTO_STR to = xasprintf("%s:%s", named ? named : "", place ? place : "");
		AUTO_STR host = xasprintf("Host: %s", place ? place : "");

		(void)curl_url_get(u, CURLUPART_URL, &url, 0);
		t->named_url = xstrdup(url);
		add_line(t, &t->connect_to, to);
		add_header(t, host);
	}
	curl_free(url);
	curl_url_cleanup(u);
	if (!t->named_url)
		return;
	SET(t, CURLOPT_URL, t->named_url);
	SET(t, CURLOPT_CONNECT_TO, t->connect_to);
}

static void set_up(struct http *h, struct http_try *t)
{
	SET(t, CURLOPT_URL, t->url);
	SET(t, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(t, CURLOPT_PRIVATE, t);
	SET(t, CURLOPT_ERRORBUFFER, t->error);
	SET(t, CURLOPT_NOSIGNAL, 1L);
	SET(t, CURLOPT_QUICK_EXIT, 1L); /* a deadline does not wait for the resolver */
	SET(t, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(t, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(t, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(t, CURLOPT_USERAGENT, h->user_agent);
	SET(t, CURLOPT_HEADERFUNCTION, on_header);
	SET(t, CURLOPT_HEADERDATA, t);
	SET(t, CURLOPT_WRITEFUNCTION, on_body);
	SET(t, CURLOPT_WRITEDATA, t);
	SET(t, CURLOPT_PREREQFUNCTION, on_send);
	SET(t, CURLOPT_PREREQDATA, t);
	SET(t, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	if (strncasecmp(t->url, "https:", 6) == 0)
		set_tls(h, t);
	else
		SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set_method(t);
	set_proxy(h, t);
	if (h->server_name && !t->foreign)
		set_name(h, t);
	set_headers(t);
}

/* The lock is held. */
static CURL *take_easy(struct http *h)
{
	CURL *easy;

	if (h->spares)
		return h->spare[--h->spares];
	easy = curl_easy_init();
	if (easy)
		(void)curl_easy_setopt(easy, CURLOPT_SHARE, h->share);
	return easy;
}

/* It is never freed before http_free(): there are as many as calls at once. The lock is held. */
static void give_easy(struct http *h, CURL *easy)
{
	h->spare = xrealloc(h->spare, h->spares + 1, sizeof(CURL *));
	h->spare[h->spares++] = easy;
}

/* Where this libcurl looks for the system's CAs. */
static void find_system_ca(struct http *h)
{
	const curl_version_info_data *built = curl_version_info(CURLVERSION_NOW);

	h->ca_file = xstrdup(built->cainfo);
	h->ca_dir = xstrdup(built->capath);
}

/* The lock is held. */
static bool start(struct http *h)
{
	if (h->multi)
		return true;
	if (h->system_ca && !h->ca_file && !h->ca_dir)
		find_system_ca(h);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	h->share = curl_share_init();
	h->multi = curl_multi_init();
	if (!h->share || !h->multi)
		return false;
	/* Without lock functions: only the driver looks at the sessions. */
	(void)curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAX_HOST_CONNECTIONS, h->max_connections);
	/* By default (7.88) it keeps four for each call under way: after a lull most would be made anew. */
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 4 * h->max_connections);
	return true;
}

/* Driving: what follows runs in one caller at a time. */

static void finish(struct http *h, struct http_try *t, CURLcode code)
{
	struct http_try **at = &h->active;

	(void)curl_multi_remove_handle(h->multi, t->easy);
	(void)pthread_mutex_lock(&h->lock);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->code = code;
	t->done = true;
	(void)snprintf(t->refused, sizeof(t->refused), "%s", h->refused);
	/* Under the lock: t is on the stack of who waits for this. */
	(void)pthread_cond_signal(&t->woken);
	(void)pthread_mutex_unlock(&h->lock);
}

static void admit(struct http *h)
{
	(void)pthread_mutex_lock(&h->lock);
	while (h->queued) {
		struct http_try *t = h->queued;

		h->queued = t->next;
		t->next = h->active;
		h->active = t;
		if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
			t->until_ms = 0;
	}
	(void)pthread_mutex_unlock(&h->lock);
}

static void reap(struct http *h)
{
	CURLMsg *msg;
	int left;

	for (;;) {
		char *t = NULL;

		msg = curl_multi_info_read(h->multi, &left);
		if (!msg)
			return;
		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &t);
		finish(h, (struct http_try *)(void *)t, msg->data.result);
	}
}

/* Milliseconds until the next deadline. Not libcurl's own timeout: what it keeps waiting for a free
 * connection has none (7.88). */
static int expire(struct http *h)
{
	const int64_t now = clock_ms();
	int64_t wait = 60000;
	struct http_try *t;
	struct http_try *next;

	for (t = h->active; t; t = next) {
		next = t->next;
		if (t->cut) {
			finish(h, t, CURLE_OK);
			continue; /* its caller may be gone, and t with it */
		}
		if (t->until_ms <= now || (t->req->stream && clock_is_cut())) {
			t->expired = true;
			finish(h, t, CURLE_OPERATION_TIMEDOUT);
			continue;
		}
		if (t->until_ms - now < wait)
			wait = t->until_ms - now;
		if (t->req->stream && wait > STREAM_MS)
			wait = STREAM_MS;
	}
	return (int)(wait > SHARED_MS ? SHARED_MS : wait);
}

/* Streams whose readers have caught up. The list is the driver's, so it may be walked without the lock. */
static void resume(struct http *h)
{
	for (struct http_try *t = h->active; t; t = t->next)
		if (atomic_exchange(&t->again, false))
			(void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* Until its own is done, or has something to be taken. */
static void drive(struct http *h, const struct http_try *own)
{
	int running;
	int wait;

	while (!own->done && !own->piece.len) {
		admit(h);
		resume(h);
		(void)curl_multi_perform(h->multi, &running);
		reap(h);
		wait = expire(h);
		if (!own->done && !own->piece.len)
			(void)curl_multi_poll(h->multi, NULL, 0, wait, NULL);
	}
}

/* Somebody else who waits: the reader of a stream is busy with it, and looks itself when it is back. */
static struct http_try *heir_of(const struct http *h, const struct http_try *t)
{
	struct http_try *heir = h->active;

	while (heir && (heir == t || heir->handing))
		heir = heir->next;
	return heir ? heir : h->queued;
}

/* What a stream brought goes to its reader, without the lock, which is held before and after. */
static void hand_on(struct http *h, struct http_try *t)
{
	AUTO_BUF piece = t->piece;
	const bool full = t->full;

	t->piece = (struct buf)BUF_INIT;
	t->full = false;
	t->streamed = t->handing = true;
	(void)pthread_mutex_unlock(&h->lock);
	if (!t->cut && !t->req->stream(t->req->stream_arg, piece.s, piece.len))
		t->cut = true;
	t->again = full;
	if ((t->cut || full) && h->multi)
		(void)curl_multi_wakeup(h->multi);
	(void)pthread_mutex_lock(&h->lock);
	t->handing = false;
}

/* One driver at a time; the others sleep until they are done or it is their turn. */
static void perform(struct http *h, struct http_try *t)
{
	struct http_try *heir;

	(void)pthread_mutex_lock(&h->lock);
	t->next = h->queued;
	h->queued = t;
	if (h->driven)
		(void)curl_multi_wakeup(h->multi);
	while (!t->done || t->piece.len) {
		if (t->piece.len) {
			hand_on(h, t);
			continue;
		}
		if (h->driven) {
			(void)pthread_cond_wait(&t->woken, &h->lock);
			continue;
		}
		h->driven = true;
		(void)pthread_mutex_unlock(&h->lock);
		drive(h, t);
		(void)pthread_mutex_lock(&h->lock);
		h->driven = false;
		heir = heir_of(h, t);
		if (heir)
			(void)pthread_cond_signal(&heir->woken);
	}
	(void)pthread_mutex_unlock(&h->lock);
}

/* Everything libcurl knows about a finished transfer that outlives it. */
static void conclude(struct http_try *t)
{
	const char *location = NULL;
	long value = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &value);
	t->os_error = (int)value;
	(void)curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &value);
	t->unverified = t->code == CURLE_PEER_FAILED_VERIFICATION && value != 0;
	if (t->code == CURLE_ABORTED_BY_CALLBACK) /* on_send() */
		(void)snprintf(t->error, sizeof(t->error), "it had served a request before");
	if (t->parse.fault)
		t->fault = t->parse.fault;
	else if (!t->code && !t->parse.whole)
		t->code = CURLE_PARTIAL_FILE;
	if (t->code || t->fault)
		return;
	(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &value);
	t->answer.status = (int)value;
	(void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &location);
	t->location = xstrdup(location);
	t->ok = http_parse_finish(&t->parse, &t->answer);
	if (!t->ok)
		t->fault = t->parse.fault;
}

static void run(struct http *h, struct http_try *t)
{
	t->http = h;
	t->piece = (struct buf)BUF_INIT;
	http_parse_init(&t->parse);
	t->bundle = h->bundle;
	t->upload_at = 0;
	if (t->req->save_fd > 0 &&
	    (ftruncate(t->req->save_fd, 0) < 0 || lseek(t->req->save_fd, 0, SEEK_SET) < 0)) {
		t->fault = "the file for what arrives cannot be written";
		t->our_fault = true;
		return;
	}
	(void)pthread_mutex_lock(&h->lock);
	if (start(h))
		t->easy = take_easy(h);
	(void)pthread_mutex_unlock(&h->lock);
	t->code = CURLE_FAILED_INIT;
	if (!t->easy)
		return;
	t->unset = false;
	set_up(h, t);
	if (!t->unset)
		perform(h, t);
	conclude(t);
	/* It points into t: not for long. */
	curl_easy_reset(t->easy);
	(void)pthread_mutex_lock(&h->lock);
	give_easy(h, TAKE(t->easy));
	(void)pthread_mutex_unlock(&h->lock);
}

static void clear(struct http_try *t)
{
	struct curl_slist *line;

	for (line = t->headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->proxy_headers);
	curl_slist_free_all(t->connect_to);
	t->headers = t->proxy_headers = t->connect_to = NULL;
	free(TAKE(t->named_url));
	buf_release(&t->piece);
	http_parse_release(&t->parse);
}

void http_try_run(struct http *h, struct http_try *t)
{
	const int64_t began = clock_ms();
	struct sigpipe guard;

	(void)pthread_cond_init(&t->woken, NULL);
	if (t->req->upload_size > 0)
		t->upload_from = lseek(t->req->upload_fd, 0, SEEK_CUR);
	sigpipe_hold(&guard);
	run(h, t);
	if (t->unverified && h->system_ca && h->ca_file && h->ca_dir && !t->bundle) {
		h->bundle = true;
		clear(t);
		t->done = false;
		run(h, t);
	}
	clear(t);
	http_trace(h->log_fd, t, clock_ms() - began);
	sigpipe_restore(&guard);
	(void)pthread_cond_destroy(&t->woken);
}

/* Nothing of it points into t any more. */
static CURL *detach(struct http_try *t)
{
	SET(t, CURLOPT_ERRORBUFFER, NULL);
	SET(t, CURLOPT_HTTPHEADER, NULL);
	SET(t, CURLOPT_HEADERDATA, NULL);
	SET(t, CURLOPT_WRITEDATA, NULL);
	SET(t, CURLOPT_PRIVATE, NULL);
	return TAKE(t->easy);
}

static CURL *connect_alone(struct http *h, struct http_try *t)
{
	const int64_t left = t->until_ms - clock_ms();

	t->code = CURLE_FAILED_INIT;
	t->easy = curl_easy_init();
	if (!t->easy)
		return NULL;
	set_up(h, t);
	SET(t, CURLOPT_PREREQFUNCTION, NULL);
	SET(t, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(t, CURLOPT_CONNECT_ONLY, 1L);
	SET(t, CURLOPT_TIMEOUT_MS, (long)(left > 0 ? left : 1));
	if (!t->unset)
		t->code = curl_easy_perform(t->easy);
	t->parse.whole = true;
	conclude(t);
	if (t->ok)
		return detach(t);
	t->expired = clock_ms() >= t->until_ms;
	curl_easy_cleanup(TAKE(t->easy));
	return NULL;
}

CURL *http_try_connect(struct http *h, struct http_try *t)
{
	struct sigpipe guard;
	CURL *easy;
	bool ready;

	(void)pthread_mutex_lock(&h->lock);
	ready = start(h);
	(void)pthread_mutex_unlock(&h->lock);
	if (!ready)
		return NULL;
	sigpipe_hold(&guard);
	http_parse_init(&t->parse);
	t->bundle = h->bundle;
	easy = connect_alone(h, t);
	if (t->unverified && h->system_ca && h->ca_file && h->ca_dir && !t->bundle) {
		clear(t);
		h->bundle = t->bundle = true;
		easy = connect_alone(h, t);
	}
	clear(t);
	sigpipe_restore(&guard);
	return easy;
}

void http_try_release(struct http_try *t)
{
	http_answer_release(&t->answer);
	free(t->location);
	t->location = NULL;
}

static struct err *readable(const char *option, const char *path)
{
	if (!path || access(path, R_OK) == 0)
		return NULL;
	return err_at(err_new(ERR_USAGE, "%s '%s': %s", option, path, strerrordesc_np(errno)),
		      option);
}

static char **lines_copy(const char *const *lines)
{
	char **copy;
	size_t n = 0;

	while (lines && lines[n])
		n++;
	copy = xcalloc(n + 1, sizeof(*copy));
	while (n--)
		copy[n] = xstrdup(lines[n]);
	return copy;
}

static void lines_free(char **lines)
{
	for (size_t i = 0; lines && lines[i]; i++)
		wipe_free(lines[i]);
	free(lines);
}

static void init(struct http *h, const struct http_options *o)
{
	struct stat st;

	h->system_ca = !o->cacert;
	if (o->cacert && stat(o->cacert, &st) == 0 && S_ISDIR(st.st_mode))
		h->ca_dir = xstrdup(o->cacert);
	else
		h->ca_file = xstrdup(o->cacert);
	h->client_cert = xstrdup(o->client_cert);
	h->client_key = xstrdup(o->client_key);
	h->user_agent = xstrdup(o->user_agent ? o->user_agent : "treenail/" VERSION);
	h->server_name = xstrdup(o->server_name);
	h->proxy = xstrdup(o->proxy);
	h->no_proxy = xstrdup(o->no_proxy);
	h->proxy_headers = lines_copy(o->proxy_headers);
	h->lane = o->lane;
	h->insecure = o->insecure;
	h->max_connections = o->max_connections > 0 ? o->max_connections : 16;
	(void)pthread_mutex_init(&h->lock, NULL);
}

struct err *http_new(const struct http_options *options, struct http **ret)
{
	static const struct http_options none;
	const struct http_options *o = options ? options : &none;
	struct err *e = o->insecure ? NULL : readable("ca_cert", o->cacert);
	struct http *h;
	int fd = -1;

	if (!e)
		e = readable("client_cert", o->client_cert);
	if (!e)
		e = readable("client_key", o->client_key);
	if (!e)
		e = http_trace_open(&fd);
	if (e)
		return e;
	h = xcalloc(1, sizeof(*h));
	h->log_fd = fd;
	init(h, o);
	*ret = h;
	return NULL;
}

static pthread_mutex_t sharing = PTHREAD_MUTEX_INITIALIZER;
static struct http *shared;

static bool same_text(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool same_lines(char *const *x, char *const *y)
{
	while (*x && *y && strcmp(*x, *y) == 0)
		x++, y++;
	return !*x && !*y;
}

/* Whether a handle is what one made of these options would be. */
static bool is_like(const struct http *h, const struct http *other)
{
	return h->insecure == other->insecure && h->max_connections == other->max_connections &&
	       h->system_ca == other->system_ca && h->lane == other->lane &&
	       same_text(h->server_name, other->server_name) && same_text(h->proxy, other->proxy) &&
	       same_text(h->no_proxy, other->no_proxy) &&
	       same_lines(h->proxy_headers, other->proxy_headers) &&
	       (h->system_ca ||
		(same_text(h->ca_file, other->ca_file) && same_text(h->ca_dir, other->ca_dir))) &&
	       same_text(h->client_cert, other->client_cert) &&
	       same_text(h->client_key, other->client_key) &&
	       same_text(h->user_agent, other->user_agent);
}

struct err *http_shared(const struct http_options *options, struct http **ret)
{
	struct http *fresh = NULL, *h;
	struct err *e = http_new(options, &fresh);

	if (e)
		return e;
	(void)pthread_mutex_lock(&sharing);
	h = shared;
	while (h && !is_like(h, fresh))
		h = h->next;
	if (!h) {
		h = TAKE(fresh);
		h->next = shared;
		shared = h;
	}
	h->holders++;
	(void)pthread_mutex_unlock(&sharing);
	http_free(fresh);
	*ret = h;
	return NULL;
}

/* True if somebody else still holds it. */
static bool let_go(struct http *h)
{
	bool held;

	(void)pthread_mutex_lock(&sharing);
	held = h->holders && --h->holders;
	for (struct http **p = &shared; *p && !held; p = &(*p)->next)
		if (*p == h) {
			*p = h->next;
			break;
		}
	(void)pthread_mutex_unlock(&sharing);
	return held;
}

void http_free(struct http *h)
{
	struct sigpipe guard;

	if (!h || let_go(h))
		return;
	sigpipe_hold(&guard);
	while (h->spares)
		curl_easy_cleanup(h->spare[--h->spares]);
	if (h->multi)
		(void)curl_multi_cleanup(h->multi);
	if (h->share)
		(void)curl_share_cleanup(h->share);
	sigpipe_restore(&guard);
	if (h->log_fd > STDERR_FILENO)
		(void)close(h->log_fd);
	(void)pthread_mutex_destroy(&h->lock);
	free(h->spare);
	free(h->ca_file);
	free(h->ca_dir);
	free(h->client_cert);
	free(h->client_key);
	free(h->user_agent);
	free(h->server_name);
	wipe_free(h->proxy);
	free(h->no_proxy);
	lines_free(h->proxy_headers);
	free(h);
}
