#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "ssh/jump.h"
#include "ssh/resolve.h"
#include "ssh/run.h"
#include "ssh/session.h"
#include "ssh/sftp.h"

enum {
	TYPE_AT = 5, /* behind two lengths (RFC 4253, 6) */
	MSG_NEWKEYS = 21,
	SAID_MAX = 300,
	ADDRESS_TEXT = 128,
	SILENCES = 3, /* signs of life that are waited for */
	SSH_PORT = 22,
	JUMPS_MAX = 16,
	CHECK_PAUSE_MS = 20,
};

const char *session_name(const struct ssh_session *s)
{
	return s->target->name ? s->target->name : s->target->host;
}

char *session_words(const char *s, size_t len)
{
	char *ret = xstrndup(s, len < SAID_MAX ? len : SAID_MAX);
	size_t n = strlen(ret);

	for (char *p = ret; *p; p++)
		if (strchr("\r\n\t", *p))
			*p = ' ';
		else if (*p < ' ' || *p > '~')
			*p = '?';
	while (n && ret[n - 1] == ' ')
		ret[--n] = '\0';
	return ret;
}

int session_port(const struct ssh_target *t)
{
	return t->port ? t->port : SSH_PORT;
}

/* ---- what libssh2 sends and receives by ---- */

static ssize_t receive(libssh2_socket_t fd, void *to, size_t n, int flags, void **abstract)
{
	struct ssh_session *s = *abstract;
	ssize_t got;

	(void)flags;
	if (s->gone)
		return 0;
	if (s->drained)
		return -EAGAIN;
	if (s->link)
		got = link_recv(s->link, to, n);
	else {
		got = recv(fd, to, n, MSG_DONTWAIT);
		if (got < 0)
			got = -errno;
	}
	if (got > 0)
		s->heard_ms = clock_ms();
	else if (got == -EINTR)
		got = -EAGAIN;
	else if (got == -EAGAIN)
		s->drained = true;
	else if (!s->lost)
		s->lost = got ? -(int)got : ECONNRESET;
	return got;
}

/*
 * The end of the key exchange, in the clear. libssh2 1.10 loses the host key's memory if it cannot send
 * that, so only what comes then is held back.
 */
static bool is_new_keys(struct ssh_session *s, const char *packet, size_t n)
{
	const bool is = !s->exchanged && n > TYPE_AT && packet[TYPE_AT] == MSG_NEWKEYS;

	s->exchanged = s->exchanged || is;
	return is;
}

/* libssh2 has verified the key's signature when it sends anything else. */
static bool check_key(struct ssh_session *s)
{
	struct ssh_host_key key = { .doubted = &s->doubted };
	AUTO_STR type = NULL;
	int kind = 0;

	key.blob = (const unsigned char *)libssh2_session_hostkey(s->ssh, &key.len, &kind);
	if (!key.blob)
		return true;
	if (key.len > 4 && key.len - 4 > key.blob[3])
		type = xstrndup((const char *)key.blob + 4, key.blob[3]);
	key.type = type ? type : "";
	for (;;) {
		s->fault = s->target->check(s->target->check_arg, s->target, &key);
		if (!s->fault || s->fault->kind != ERR_CONFLICT || clock_ms() >= s->until ||
		    clock_is_cut())
			break;
		err_free(TAKE(s->fault));
		task_wait(s->task, -1, 0, clock_ms() + CHECK_PAUSE_MS);
	}
	s->key_checked = !s->fault;
	return !s->fault;
}

static ssize_t transmit(libssh2_socket_t fd, const void *from, size_t n, int flags, void **abstract)
{
	struct ssh_session *s = *abstract;
	ssize_t sent;

	(void)flags;
	if (!s->key_checked && !is_new_keys(s, from, n) && !check_key(s))
		return -EACCES;
	if (s->gone)
		return -EPIPE;
	if (s->link)
		sent = link_send(s->link, from, n);
	else {
		sent = send(fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			sent = errno == EINTR ? -EAGAIN : -errno;
	}
	if (sent < 0 && sent != -EAGAIN && !s->lost)
		s->lost = -(int)sent;
	return sent;
}

/* The server's last words. */
static void disconnected(LIBSSH2_SESSION *ssh, int reason, const char *message, int message_len,
			 const char *language, int language_len, void **abstract)
{
	struct ssh_session *s = *abstract;

	(void)ssh;
	(void)reason;
	(void)language;
	(void)language_len;
	if (!s->lost)
		s->lost = ECONNRESET;
	free(s->said);
	s->said = message_len > 0 ? session_words(message, (size_t)message_len) : NULL;
}

/* ---- waiting ---- */

static void expire(struct ssh_session *s)
{
	if (clock_is_cut())
		s->fault = err_new(ERR_TIMEOUT, "this program was told to end");
	else
		s->fault = err_new(ERR_TIMEOUT, "%s before the deadline",
				   s->heard_ms ? "it did not end" : "no answer");
}

/* A sign of life that were half sent would be in the way of what comes next. */
static bool has_room(const struct ssh_session *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	return s->link ? link_idle(s->link) : poll(&p, 1, 0) == 1;
}

/* When to look again; sends a sign of life if it is time to. */
static int64_t keep_alive(struct ssh_session *s, int64_t now, bool busy)
{
	const int64_t pause = run_options(s->run)->keepalive_ms;
	int64_t last = s->heard_ms > s->asked_ms ? s->heard_ms : s->asked_ms;
	int seconds;

	if (!s->authenticated)
		return s->until;
	if (!s->deaf && now - s->heard_ms >= SILENCES * pause)
		s->fault = err_new(ERR_NETWORK, "it does not answer any more: silent for %lld s",
				   (long long)(now - s->heard_ms) / 1000);
	else if (now - last >= pause && !busy && has_room(s)) {
		(void)libssh2_keepalive_send(s->ssh, &seconds);
		s->asked_ms = last = now;
	}
	return last + pause > now ? last + pause : now + pause;
}

bool session_wait(struct ssh_session *s)
{
	const int64_t now = clock_ms();
	const int ways = s->ssh ? libssh2_session_block_directions(s->ssh) : 0;
	const bool sends = ways & LIBSSH2_SESSION_BLOCK_OUTBOUND;
	const bool hears = !s->deaf && (!sends || ways & LIBSSH2_SESSION_BLOCK_INBOUND);
	int64_t until;

	if (!s->fault && (now >= s->until || clock_is_cut()))
		expire(s);
	if (s->fault)
		return false;
	until = keep_alive(s, now, sends);
	if (s->fault)
		return false;
	if (!s->link || !link_ready(s->link, sends) || s->deaf)
		task_wait(s->task, s->fd, (hears ? TASK_READS : 0U) | (sends ? TASK_WRITES : 0U),
			  until < s->until ? until : s->until);
	s->drained = false;
	return true;
}

bool session_again(struct ssh_session *s, ssize_t rc)
{
	return rc == LIBSSH2_ERROR_EAGAIN && session_wait(s);
}

bool session_half_sent(struct ssh_session *s, ssize_t rc)
{
	return rc == LIBSSH2_ERROR_EAGAIN &&
	       libssh2_session_block_directions(s->ssh) & LIBSSH2_SESSION_BLOCK_OUTBOUND &&
	       session_wait(s);
}

/* What a server says before its banner, as OpenSSH does at MaxStartups. */
static void listen_to_banner(struct ssh_session *s)
{
	const char *banner = s->ssh ? libssh2_session_banner_get(s->ssh) : NULL;

	if (!s->said && banner && strncmp(banner, "SSH-", 4) != 0)
		s->said = session_words(banner, strlen(banner));
}

struct err *session_fault(struct ssh_session *s, const char *doing)
{
	char *words = NULL;
	const int code = s->ssh ? libssh2_session_last_error(s->ssh, &words, NULL, 0) : 0;

	listen_to_banner(s);
	if (s->fault)
		;
	else if (code == LIBSSH2_ERROR_SOCKET_DISCONNECT || s->lost)
		s->fault = err_new(
			ERR_NETWORK, "%s%s%s%s",
			!s->lost || s->lost == ECONNRESET ? "the server closed the connection"
							  : strerrordesc_np(s->lost),
			s->said ? ", saying '" : "", s->said ? s->said : "", s->said ? "'" : "");
	else
		return err_new(ERR_PROTOCOL, "%s: %s (libssh2 error %d)", doing, words ? words : "",
			       code);
	s->gone = true;
	return err_new(s->fault->kind, "%s: %s", doing, s->fault->text);
}

/* ---- connecting ---- */

static void set_address(struct ssh_session *s, const struct addrinfo *a)
{
	char text[ADDRESS_TEXT] = "?";

	(void)getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
	free(s->at);
	s->at = xasprintf("%s port %d", text, session_port(s->target));
	if (a->ai_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)a->ai_addr)->sin6_port =
			htons((uint16_t)session_port(s->target));
	else
		((struct sockaddr_in *)(void *)a->ai_addr)->sin_port =
			htons((uint16_t)session_port(s->target));
}

/* An errno; 0: connected. */
static int connect_to(struct ssh_session *s, const struct addrinfo *a, int64_t until)
{
	const int one = 1;
	int fault = 0;
	socklen_t n = sizeof(fault);

	set_address(s, a);
	s->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return errno;
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(s->fd, a->ai_addr, a->ai_addrlen) != 0)
		fault = errno;
	while (fault == EINPROGRESS || fault == EINTR) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);

		task_wait(s->task, s->fd, TASK_WRITES, until);
		n = sizeof(fault);
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &fault, &n) != 0 || fault)
			break;
		if (getpeername(s->fd, (struct sockaddr *)&peer, &len) == 0)
			break;
		fault = clock_ms() >= until || clock_is_cut() ? ETIMEDOUT : EINPROGRESS;
	}
	return fault;
}

static void close_socket(struct ssh_session *s)
{
	if (s->fd < 0)
		return;
	task_forget(s->task, s->fd);
	(void)close(s->fd);
	s->fd = -1;
}

/* One address after the other, each with its share of the time that is left. */
static struct err *connect_socket(struct ssh_session *s, enum again *again)
{
	const char *why;
	struct addrinfo *all = resolve(run_resolver(s->run), s->task, s->target->host,
				       s->target->family, s->until, &why);
	int left = 0, fault = 0;

	*again = AGAIN_ABSENT;
	if (!all)
		return err_new(why ? ERR_NETWORK : ERR_TIMEOUT, "looking up the name '%s': %s",
			       s->target->host, why ? why : "no answer before the deadline");
	for (const struct addrinfo *a = all; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = all; a; a = a->ai_next, left--) {
		const int64_t now = clock_ms();

		fault = connect_to(s, a, now + (s->until - now) / left);
		if (!fault)
			break;
		close_socket(s);
	}
	freeaddrinfo(all);
	if (!fault)
		return NULL;
	/* Silence has had its time: it is not waited for again. */
	if (fault == ETIMEDOUT)
		*again = AGAIN_BOOTING;
	if (fault == ECONNREFUSED)
		return err_new(ERR_NETWORK,
			       "connecting to %s: nobody listens there: is it sshd's "
			       "port, and does sshd run?",
			       s->at);
	if (fault == ETIMEDOUT)
		return err_new(
			ERR_TIMEOUT,
			"connecting to %s: no answer: is the host up, and does a firewall let "
			"this port through?",
			s->at);
	return err_new(ERR_NETWORK, "connecting to %s: %s%s", s->at, strerrordesc_np(fault),
		       fault == EHOSTUNREACH || fault == ENETUNREACH
			       ? ": is the host up, and is this its address?"
			       : "");
}

static struct err *connect_link(struct ssh_session *s, enum again *again)
{
	*again = AGAIN_ABSENT;
	free(s->at);
	s->at = xasprintf("%s port %d through '%s'", s->target->host, session_port(s->target),
			  s->target->jump->name ? s->target->jump->name : s->target->jump->host);
	return link_open(run_jumps(s->run), s, &s->link, again);
}

/*
 * What a login costs is the server's, ten times ours, and to many hosts of one machine that is the limit. OpenSSH has
 * curve25519, libssh2's first, in portable C: P-256, which is OpenSSL's there, takes an eighth off the whole login.
 */
static void prefer_p256(struct ssh_session *s)
{
	static const char first[] = "ecdh-sha2-nistp256";
	const char **all = NULL;
	const int n = libssh2_session_supported_algs(s->ssh, LIBSSH2_METHOD_KEX, &all);
	AUTO_BUF list = BUF_INIT;

	if (n <= 0)
		return; /* its own order then */
	buf_adds(&list, first);
	for (int i = 0; i < n; i++)
		if (strcmp(all[i], first) != 0)
			buf_addf(&list, ",%s", all[i]);
	libssh2_free(s->ssh, all);
	(void)libssh2_session_method_pref(s->ssh, LIBSSH2_METHOD_KEX, list.s);
}

static void set_up(struct ssh_session *s)
{
	s->ssh = libssh2_session_init_ex(NULL, NULL, NULL, s);
	if (!s->ssh)
		abort(); /* no memory */
	libssh2_session_set_blocking(s->ssh, 0);
	(void)libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_RECV, (void *)receive);
	(void)libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_SEND, (void *)transmit);
	(void)libssh2_session_callback_set(s->ssh, LIBSSH2_CALLBACK_DISCONNECT,
					   (void *)disconnected);
	prefer_p256(s);
	libssh2_keepalive_config(s->ssh, 1, 2);
}

static struct err *no_agreement(struct ssh_session *s)
{
	return err_new(
		ERR_PROTOCOL,
		"%s: no algorithm for keys, ciphers or host keys that both sides know. A server with "
		"an RSA host key alone has to allow ssh-rsa, or get one of ed25519 (ssh-keygen -A)",
		s->at);
}

/* libssh2 1.10 drops what it does not know by a memcpy() onto itself. */
static struct err *ask_for_key(struct ssh_session *s)
{
	const char *wanted =
		s->target->host_key_algorithms ? s->target->host_key_algorithms : SSH_HOST_KEYS;
	const char **all = NULL;
	const int n = libssh2_session_supported_algs(s->ssh, LIBSSH2_METHOD_HOSTKEY, &all);
	AUTO_STR list = xstrdup(wanted);
	AUTO_BUF known = BUF_INIT;
	char *rest = list;

	for (const char *one = strsep(&rest, ","); one; one = strsep(&rest, ","))
		for (int i = 0; i < n; i++)
			if (strcmp(all[i], one) == 0)
				buf_addf(&known, "%s%s", known.len ? "," : "", one);
	if (n > 0)
		libssh2_free(s->ssh, all);
	if (!known.len || libssh2_session_method_pref(s->ssh, LIBSSH2_METHOD_HOSTKEY, known.s))
		return err_new(ERR_USAGE,
			       "libssh2 " LIBSSH2_VERSION
			       " knows none of the host key algorithms '%s'",
			       wanted);
	return NULL;
}

static struct err *shake_hands(struct ssh_session *s, enum again *again)
{
	struct err *e = ask_for_key(s);
	bool late;
	int rc;

	*again = AGAIN_NEVER;
	if (e)
		return e;
	do
		/* Through a link there is no socket, but libssh2 wants to see one. */
		rc = libssh2_session_handshake(s->ssh,
					       s->fd >= 0 ? s->fd : loop_fd(run_loop(s->run)));
	while (session_again(s, rc));
	s->shaken = !rc && s->key_checked;
	if (s->shaken)
		return NULL;
	if (!s->fault && s->lost)
		*again = AGAIN_BUSY;
	if (!s->fault && rc == LIBSSH2_ERROR_KEX_FAILURE && !s->lost)
		return no_agreement(s);
	late = s->fault && s->fault->kind == ERR_TIMEOUT;
	if (late)
		*again = AGAIN_BOOTING;
	return err_wrap(
		session_fault(s, s->fault && !late ? "checking the host key" : "key exchange"),
		"%s", s->at);
}

static struct err *check_target(const struct ssh_target *t)
{
	int jumps = 0;

	if (!t->check)
		return err_new(ERR_USAGE, "nobody checks its host key");
	if (!t->user)
		return err_new(ERR_USAGE, "no user to log in as");
	while (t->jump && jumps <= JUMPS_MAX) {
		t = t->jump;
		jumps++;
	}
	return jumps <= JUMPS_MAX
		       ? NULL
		       : err_new(ERR_USAGE, "it is behind more than %d bastions", JUMPS_MAX);
}

struct err *session_connect(struct ssh_session *s, enum again *again)
{
	struct err *e = check_target(s->target);

	if (e)
		return e;
	s->lost = 0;
	s->gone = s->drained = s->exchanged = s->key_checked = s->shaken = s->authenticated = false;
	s->doubted = false;
	s->heard_ms = s->asked_ms = 0;
	e = s->target->jump ? connect_link(s, again) : connect_socket(s, again);
	if (e)
		return e;
	set_up(s);
	e = shake_hands(s, again);
	if (e)
		return e;
	*again = AGAIN_NEVER;
	e = err_wrap(session_authenticate(s), "%s", s->at);
	s->authenticated = !e;
	if (!e)
		task_trim(s->task);
	return e;
}

void session_close(struct ssh_session *s)
{
	sftp_free(s->sftp);
	s->sftp = NULL;
	if (s->ssh) {
		if (s->shaken && !s->gone && !s->lost)
			(void)libssh2_session_disconnect(s->ssh, "done");
		s->gone = true; /* nothing is waited for in what follows */
		s->drained = false;
		while (libssh2_session_free(s->ssh) == LIBSSH2_ERROR_EAGAIN)
			;
		s->ssh = NULL;
	}
	link_close(s->link);
	s->link = NULL;
	close_socket(s);
	free(s->said);
	s->said = NULL;
	err_free(s->fault);
	s->fault = NULL;
}
