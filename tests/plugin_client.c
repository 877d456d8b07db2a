#include "plugin_client.h"

#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

enum { PREFIX = 5, CALL_MS = 60000, LINE_MAX_BYTES = 8192 };

#define COOKIE \
	"TF_PLUGIN_MAGIC_COOKIE=d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"

struct call {
	struct call *next;
	int32_t id;
	struct buf frames;
	size_t sent;
	bool open;
	struct client_answer answer;
};

struct client {
	const char *service;
	bool plain;
	pid_t pid; /* 0: none, or ended */
	int status;
	int out;
	FILE *errors;
	struct buf line;
	EVP_PKEY *key;
	X509 *cert;
	int fd;
	SSL_CTX *ctx;
	SSL *tls;
	nghttp2_session *session;
	struct call *calls;
	bool cut;
};

extern char **environ;

/* Not clock_ms(), which tests replace. */
static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the process ---- */

static size_t name_len(const char *variable)
{
	return strcspn(variable, "=");
}

static void env_set(char ***env, size_t *n, const char *variable)
{
	const size_t len = name_len(variable);
	size_t i = 0;

	while (i < *n && (name_len((*env)[i]) != len || strncmp((*env)[i], variable, len) != 0))
		i++;
	if (i < *n) {
		free((*env)[i]);
		(*env)[i] = (*env)[--*n];
	}
	if (variable[len])
		(*env)[(*n)++] = xstrdup(variable);
}

static char *pem_text(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	char *s;
	long len;

	if (!bio || !PEM_write_bio_X509(bio, cert))
		abort();
	len = BIO_get_mem_data(bio, &data);
	s = xstrndup(data, (size_t)len);
	BIO_free(bio);
	return s;
}

/* What Terraform sets, and what the test wants. */
static char **environment(struct client *c, const struct client_options *o)
{
	size_t n = 0;
	size_t max = 8;
	char **env;

	for (char **e = environ; *e; e++)
		max++;
	for (const char *const *e = o->env; e && *e; e++)
		max++;
	env = xcalloc(max, sizeof(*env));
	for (char **e = environ; *e; e++)
		env_set(&env, &n, *e);
	env_set(&env, &n, COOKIE);
	env_set(&env, &n, "PLUGIN_PROTOCOL_VERSIONS=6,5");
	env_set(&env, &n, "PLUGIN_MIN_PORT=10000");
	env_set(&env, &n, "PLUGIN_MAX_PORT=25000");
	env_set(&env, &n, "PLUGIN_CLIENT_CERT");
	if (!o->plain) {
		AUTO_STR pem = pem_text(c->cert);
		AUTO_STR variable = xasprintf("PLUGIN_CLIENT_CERT=%s", pem);
		env_set(&env, &n, variable);
	}
	for (const char *const *e = o->env; e && *e; e++)
		env_set(&env, &n, *e);
	env[n] = NULL;
	return env;
}

static void spawn(struct client *c, const struct client_options *o, int out)
{
	char **env = environment(c, o);
	const char *program = o->program ? o->program : "/proc/self/exe";
	posix_spawn_file_actions_t actions;
	const char *argv[8] = { program };

	for (size_t i = 0; o->args && o->args[i] && i + 2 < COUNT(argv); i++)
		argv[i + 1] = o->args[i];
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, fileno(c->errors), STDERR_FILENO);
	if (posix_spawn(&c->pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, env) != 0)
		c->pid = 0;
	(void)posix_spawn_file_actions_destroy(&actions);
	for (char **e = env; *e; e++)
		free(*e);
	free(env);
}

static struct client *client_new(const struct client_options *o)
{
	struct client *c = xcalloc(1, sizeof(*c));
	AUTO_ERR e = tls_identity("P-521", &c->key, &c->cert);

	if (e)
		abort();
	(void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	c->service = o->service ? o->service : "tfplugin6.Provider";
	c->plain = o->plain;
	c->line = (struct buf)BUF_INIT;
	c->fd = c->out = -1;
	c->errors = tmpfile();
	if (!c->errors)
		abort();
	return c;
}

bool client_next_line(struct client *c)
{
	char one = '\0';

	buf_release(&c->line);
	while (c->line.len < LINE_MAX_BYTES && read(c->out, &one, 1) == 1 && one != '\n')
		(void)buf_add(&c->line, &one, 1);
	return one == '\n';
}

struct client *client_spawn(const struct client_options *o)
{
	struct client *c = client_new(o);
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		abort();
	spawn(c, o, out[1]);
	(void)close(out[1]);
	c->out = out[0];
	(void)client_next_line(c);
	return c;
}

const char *client_line(const struct client *c)
{
	return c->line.s;
}

char *client_field(const struct client *c, int n)
{
	const char *s = c->line.s;

	for (; n && *s; n--) {
		s += strcspn(s, "|");
		s += *s == '|';
	}
	return xstrndup(s, strcspn(s, "|"));
}

pid_t client_pid(const struct client *c)
{
	return c->pid;
}

char *client_errors(const struct client *c)
{
	AUTO_BUF all = BUF_INIT;
	char part[4096];
	ssize_t n;

	while ((n = pread(fileno(c->errors), part, sizeof(part), (off_t)all.len)) > 0)
		(void)buf_add(&all, part, (size_t)n);
	return buf_take(&all);
}

int client_exit(struct client *c, int64_t ms)
{
	const int64_t until = now_ms() + ms;
	int status;

	while (c->pid) {
		if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
			c->pid = 0;
			c->status =
				WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		} else if (now_ms() > until) {
			return -1;
		} else {
			(void)poll(NULL, 0, 1);
		}
	}
	return c->status;
}

static void call_free(struct call *call)
{
	buf_release(&call->frames);
	buf_release(&call->answer.body);
	free(call->answer.words);
	free(call);
}

void client_disconnect(struct client *c)
{
	nghttp2_session_del(c->session);
	SSL_free(c->tls);
	SSL_CTX_free(c->ctx);
	if (c->fd >= 0)
		(void)close(c->fd);
	while (c->calls) {
		struct call *call = c->calls;

		c->calls = call->next;
		call_free(call);
	}
	c->session = NULL;
	c->tls = NULL;
	c->ctx = NULL;
	c->fd = -1;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_disconnect(c);
	if (c->pid) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	if (c->out >= 0)
		(void)close(c->out);
	(void)fclose(c->errors);
	buf_release(&c->line);
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	free(c);
}

/* ---- bytes ---- */

static bool transient(const struct client *c, int n)
{
	int error;

	if (!c->tls)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	error = SSL_get_error(c->tls, n);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void await(const struct client *c, short events, int64_t ms)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	(void)poll(&p, 1, (int)(ms > 0 ? ms : 0));
}

bool client_raw(struct client *c, const void *bytes, size_t len)
{
	const char *from = bytes;

	while (len && !c->cut) {
		int n;

		ERR_clear_error();
		n = c->tls ? SSL_write(c->tls, from, (int)len)
			   : (int)send(c->fd, from, len, MSG_NOSIGNAL);
		if (n > 0) {
			from += n;
			len -= (size_t)n;
		} else if (transient(c, n)) {
			await(c, POLLIN | POLLOUT, 1000);
		} else {
			c->cut = true;
		}
	}
	return !c->cut;
}

static void receive(struct client *c)
{
	uint8_t part[65536];
	int n;

	do {
		ERR_clear_error();
		n = c->tls ? SSL_read(c->tls, part, sizeof(part))
			   : (int)recv(c->fd, part, sizeof(part), 0);
		if (n > 0 && nghttp2_session_mem_recv(c->session, part, (size_t)n) != n)
			c->cut = true;
	} while (n > 0 && !c->cut);
	if (n <= 0 && !transient(c, n))
		c->cut = true;
}

static void transmit(struct client *c)
{
	const uint8_t *data;
	ssize_t n;

	while (!c->cut && (n = nghttp2_session_mem_send(c->session, &data)) > 0)
		(void)client_raw(c, data, (size_t)n);
}

static void pump(struct client *c, int64_t ms)
{
	transmit(c);
	if (!c->cut && !(c->tls && SSL_pending(c->tls)))
		await(c, POLLIN, ms);
	if (!c->cut)
		receive(c);
	transmit(c);
}

bool client_is_cut(struct client *c, int64_t ms)
{
	const int64_t until = now_ms() + ms;

	while (!c->cut && now_ms() < until)
		pump(c, until - now_ms());
	return c->cut;
}

/* ---- HTTP/2 ---- */

static struct call *call_of(struct client *c, int32_t id)
{
	struct call *call = c->calls;

	while (call && call->id != id)
		call = call->next;
	return call;
}

/* Of a stream that client_send() gave out and client_finish() has not ended. */
static struct call *known(struct client *c, int32_t id)
{
	struct call *call = call_of(c, id);

	if (!call)
		abort();
	return call;
}

static char *decoded(const char *s)
{
	AUTO_BUF b = BUF_INIT;

	for (; *s; s++) {
		const char hex[3] = { s[0] == '%' ? s[1] : '\0', s[0] == '%' ? s[2] : '\0' };
		char byte = *s;

		if (*hex) {
			byte = (char)strtol(hex, NULL, 16);
			s += 2;
		}
		(void)buf_add(&b, &byte, 1);
	}
	return buf_take(&b);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_size, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct call *call = call_of(arg, frame->hd.stream_id);
	const char *n = (const char *)name;
	const char *v = (const char *)value;

	(void)session;
	(void)name_size;
	(void)len;
	(void)flags;
	if (!call)
		return 0;
	if (strcmp(n, ":status") == 0)
		call->answer.http = (int)strtol(v, NULL, 10);
	else if (strcmp(n, "grpc-status") == 0)
		call->answer.status = (int)strtol(v, NULL, 10);
	else if (strcmp(n, "grpc-message") == 0 && !call->answer.words)
		call->answer.words = decoded(v);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct call *call = call_of(arg, id);

	(void)session;
	(void)flags;
	if (call)
		(void)buf_add(&call->answer.body, (const char *)data, len);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct call *call = call_of(arg, id);

	(void)session;
	if (call) {
		call->answer.closed = true;
		call->answer.reset = code != NGHTTP2_NO_ERROR;
	}
	return 0;
}

static void session_new(struct client *c)
{
	nghttp2_session_callbacks *on = NULL;

	if (nghttp2_session_callbacks_new(&on) != 0)
		abort();
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
	if (nghttp2_session_client_new(&c->session, on, c) != 0)
		abort();
	nghttp2_session_callbacks_del(on);
	(void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
}

/* ---- the connection ---- */

static struct err *dial(struct client *c, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		return err_new(ERR_NETWORK, "%s: too long for a socket", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_new(ERR_NETWORK, "%s: %s", path, strerror(errno));
	return NULL;
}

/* From base64 without padding, which OpenSSL wants. */
static X509 *announced(const struct client *c)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STR field = client_field(c, 5);
	const uint8_t *der;
	uint8_t *bytes;
	X509 *cert = NULL;
	int n;

	buf_adds(&text, field);
	while (text.len % 4)
		buf_adds(&text, "=");
	bytes = xcalloc(text.len + 1, 1);
	der = bytes;
	n = EVP_DecodeBlock(bytes, (const uint8_t *)text.s, (int)text.len);
	if (n > 0 && !strchr(field, '='))
		cert = d2i_X509(NULL, &der, n);
	free(bytes);
	return cert;
}

/* As Go does: the server shows the certificate of its handshake, and it is for "localhost". */
static struct err *secure(struct client *c, EVP_PKEY *key, X509 *cert)
{
	X509 *server = announced(c);

	if (!server)
		return err_new(ERR_PROTOCOL, "no certificate in the line: %s", c->line.s);
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (!c->ctx || !X509_STORE_add_cert(SSL_CTX_get_cert_store(c->ctx), server))
		abort();
	X509_free(server);
	(void)SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_mode(c->ctx,
			       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (key && (SSL_CTX_use_certificate(c->ctx, cert) != 1 ||
		    SSL_CTX_use_PrivateKey(c->ctx, key) != 1))
		abort();
	c->tls = SSL_new(c->ctx);
	if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1 || !SSL_set1_host(c->tls, "localhost") ||
	    SSL_set_alpn_protos(c->tls, (const uint8_t *)"\2h2", 3) != 0)
		abort();
	ERR_clear_error();
	if (SSL_connect(c->tls) != 1) {
		AUTO_STR reason = tls_reason();

		return err_new(ERR_PROTOCOL, "TLS: %s", reason);
	}
	return NULL;
}

static struct err *secure_as(struct client *c, enum client_identity identity)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	struct err *e;

	if (identity == CLIENT_OWN)
		return secure(c, c->key, c->cert);
	if (identity == CLIENT_NONE)
		return secure(c, NULL, NULL);
	e = tls_identity("P-521", &key, &cert);
	if (!e)
		e = secure(c, key, cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	return e;
}

static struct err *converse(struct client *c)
{
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->cut = false;
	session_new(c);
	transmit(c);
	return NULL;
}

struct err *client_connect(struct client *c, enum client_identity identity)
{
	AUTO_STR path = client_field(c, 3);
	struct err *e;

	client_disconnect(c);
	e = dial(c, path);
	if (!e && !c->plain)
		e = secure_as(c, identity);
	return e ? e : converse(c);
}

struct err *client_start(const struct client_options *o, struct client **ret)
{
	struct client *c = client_spawn(o);
	struct err *e;

	if (!*c->line.s) {
		AUTO_STR errors = client_errors(c);

		e = err_new(ERR_PROTOCOL, "it ended without a handshake, saying: %s", errors);
	} else {
		e = client_connect(c, CLIENT_OWN);
	}
	if (e)
		client_free(c);
	else
		*ret = c;
	return e;
}

struct err *client_attach(const char *path, struct client **ret)
{
	struct client *c = client_new(&(struct client_options){ .plain = true });
	struct err *e = dial(c, path);

	if (e) {
		client_free(c);
		return e;
	}
	*ret = c;
	return converse(c);
}

/* ---- calls ---- */

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.namelen = strlen(name),
		.value = (uint8_t *)(uintptr_t)value,
		.valuelen = strlen(value),
	};
}

static ssize_t read_frames(nghttp2_session *session, int32_t id, uint8_t *out, size_t len,
			   uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct call *call = source->ptr;
	const size_t left = call->frames.len - call->sent;
	const size_t n = left < len ? left : len;

	(void)session;
	(void)id;
	(void)arg;
	if (!left && call->open)
		return NGHTTP2_ERR_DEFERRED;
	memcpy(out, call->frames.s + call->sent, n);
	call->sent += n;
	if (n == left && !call->open)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

int32_t client_send(struct client *c, const struct client_request *r)
{
	const nghttp2_nv nv[] = {
		header(":method", r->method ? r->method : "POST"),
		header(":scheme", c->tls ? "https" : "http"),
		header(":path", r->path),
		header(":authority", "localhost"),
		header("content-type", r->content_type ? r->content_type : "application/grpc"),
		header("user-agent", "grpc-go/1.59.0"),
		header("te", "trailers"),
		header("grpc-accept-encoding", "gzip"),
	};
	struct call *call = xcalloc(1, sizeof(*call));
	const nghttp2_data_provider data = { .source.ptr = call, .read_callback = read_frames };

	call->frames = call->answer.body = (struct buf)BUF_INIT;
	(void)buf_add(&call->frames, r->frames ? r->frames : "", r->len);
	call->open = r->open;
	call->answer.status = -1;
	call->next = c->calls;
	c->calls = call;
	call->id = nghttp2_submit_request(c->session, NULL, nv, COUNT(nv), &data, NULL);
	transmit(c);
	return call->id;
}

int32_t client_begin(struct client *c, const char *method, const void *body, size_t len)
{
	AUTO_STR path = xasprintf("/%s/%s", c->service, method);
	AUTO_BUF frame = BUF_INIT;
	const char prefix[PREFIX] = { 0, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8),
				      (char)len };

	(void)buf_add(&frame, prefix, PREFIX);
	(void)buf_add(&frame, body ? body : "", len);
	return client_send(
		c, &(struct client_request){ .path = path, .frames = frame.s, .len = frame.len });
}

const struct client_answer *client_wait(struct client *c, int32_t stream, int64_t ms)
{
	const int64_t until = now_ms() + ms;
	struct call *call = known(c, stream);

	while (!call->answer.closed && !c->cut && now_ms() < until)
		pump(c, until - now_ms());
	return &call->answer;
}

const struct client_answer *client_wait_headers(struct client *c, int32_t stream, int64_t ms)
{
	const int64_t until = now_ms() + ms;
	struct call *call = known(c, stream);

	while (!call->answer.http && !c->cut && now_ms() < until)
		pump(c, until - now_ms());
	return &call->answer;
}

void client_reset(struct client *c, int32_t stream)
{
	(void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
	transmit(c);
}

static void forget(struct client *c, int32_t id)
{
	struct call **at = &c->calls;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at && (*at)->answer.closed) {
		struct call *call = *at;

		*at = call->next;
		call_free(call);
	}
}

static struct err *judge(const struct client_answer *a, bool cut, struct buf *ret)
{
	const uint8_t *p = (const uint8_t *)a->body.s;

	if (!a->closed)
		return err_new(cut ? ERR_NETWORK : ERR_TIMEOUT, "%s",
			       cut ? "the connection ended before the answer"
				   : "no answer in time");
	if (a->reset || a->status < 0)
		return err_new(ERR_NETWORK, "the answer has no end");
	if (a->status)
		return err_new(ERR_REMOTE, "gRPC status %d: %s", a->status,
			       a->words ? a->words : "");
	if (a->body.len < PREFIX || p[0] ||
	    ((size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]) !=
		    a->body.len - PREFIX)
		return err_new(ERR_PROTOCOL, "an answer of %zu bytes is not one message",
			       a->body.len);
	if (ret)
		(void)buf_add(ret, a->body.s + PREFIX, a->body.len - PREFIX);
	return NULL;
}

struct err *client_finish(struct client *c, int32_t stream, int64_t ms, struct buf *ret)
{
	struct err *e = judge(client_wait(c, stream, ms), c->cut, ret);

	forget(c, stream);
	return e;
}

struct err *client_call(struct client *c, const char *method, const void *body, size_t len,
			struct buf *ret)
{
	const int32_t stream = client_begin(c, method, body, len);

	return err_wrap(client_finish(c, stream, CALL_MS, ret), "%s", method);
}
