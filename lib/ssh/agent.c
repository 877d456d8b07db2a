#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "ssh/agent.h"
#include "ssh/wire.h"

enum {
	ANSWER_MAX = 256 << 10,
	KEYS_MAX = 256,
	QUEUE_MS = 20,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	RSA_SHA2_256 = 2,
	RSA_SHA2_512 = 4,
};

/* Many ask at once: that its queue is full is no fault. */
static int dial_patiently(struct ssh_session *s, int fd, const struct sockaddr_un *a)
{
	while (connect(fd, (const struct sockaddr *)a, sizeof(*a)) != 0) {
		const int64_t now = clock_ms();

		if ((errno != EAGAIN && errno != EINTR) || now >= s->until || clock_is_cut())
			return -1;
		task_wait(s->task, -1, 0, now + QUEUE_MS);
	}
	return 0;
}

static struct err *dial(struct ssh_session *s, const char *path, int *ret)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const size_t n = strlen(path);
	int fd;

	if (n >= sizeof(a.sun_path))
		return err_new(ERR_USAGE, "the path is too long for a socket");
	memcpy(a.sun_path, path, n);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || dial_patiently(s, fd, &a) != 0) {
		struct err *e = err_new(ERR_NETWORK, "%s", strerrordesc_np(errno));

		if (fd >= 0)
			(void)close(fd);
		return e;
	}
	*ret = fd;
	return NULL;
}

static struct err *await(struct ssh_session *s, int fd, unsigned what)
{
	if (clock_ms() >= s->until || clock_is_cut())
		return err_new(ERR_TIMEOUT, "no answer before the deadline");
	task_wait(s->task, fd, what, s->until);
	return NULL;
}

static struct err *send_all(struct ssh_session *s, int fd, const struct buf *b)
{
	struct err *e = NULL;
	size_t at = 0;

	while (!e && at < b->len) {
		const ssize_t n = send(fd, b->s + at, b->len - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			e = await(s, fd, TASK_WRITES);
		else
			e = err_new(ERR_NETWORK, "%s", strerrordesc_np(errno));
	}
	return e;
}

/* A message: its length, its type and the rest. */
static struct err *receive(struct ssh_session *s, int fd, struct buf *ret)
{
	struct err *e = NULL;
	size_t size = 0;

	while (!e && (!size || ret->len < size)) {
		char chunk[1024];
		const ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

		if (n > 0 && !buf_add(ret, chunk, (size_t)n))
			e = err_new(ERR_PROTOCOL, "its answer is over 256 KiB");
		else if (!n)
			e = err_new(ERR_NETWORK, "it closed the connection");
		else if (n < 0 && (errno == EAGAIN || errno == EINTR))
			e = await(s, fd, TASK_READS);
		else if (n < 0)
			e = err_new(ERR_NETWORK, "%s", strerrordesc_np(errno));
		if (!size && ret->len >= 4) {
			struct wire w = wire_of(ret->s, 4);

			size = (size_t)wire_u32(&w) + 4;
			if (size > ANSWER_MAX || size == 4)
				e = e ? e : err_new(ERR_PROTOCOL, "its answer makes no sense");
		}
	}
	return e;
}

static struct err *ask(struct ssh_session *s, const char *path, const struct buf *body,
		       struct buf *answer)
{
	AUTO_BUF message = BUF_INIT;
	struct err *e;
	int fd = -1;

	wire_put(&message, body->s, body->len);
	answer->max = ANSWER_MAX;
	e = dial(s, path, &fd);
	if (!e)
		e = send_all(s, fd, &message);
	if (!e)
		e = receive(s, fd, answer);
	if (fd >= 0) {
		task_forget(s->task, fd);
		(void)close(fd);
	}
	return err_wrap(e, "the agent at '%s'", path);
}

void agent_keys_release(struct agent_keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		buf_release(&k->keys[i].blob);
		free(k->keys[i].comment);
	}
	free(k->keys);
	*k = (struct agent_keys){ 0 };
}

struct err *agent_list(struct ssh_session *s, const char *path, struct agent_keys *ret)
{
	AUTO_BUF body = BUF_INIT;
	AUTO_BUF answer = BUF_INIT;
	struct agent_keys keys = { 0 };
	struct err *e;
	struct wire w;
	uint32_t n;

	wire_put_u8(&body, REQUEST_IDENTITIES);
	e = ask(s, path, &body, &answer);
	if (e)
		return e;
	w = wire_of(answer.s + 4, answer.len - 4);
	if (wire_u8(&w) != IDENTITIES_ANSWER)
		return err_new(ERR_AUTH, "the agent at '%s' shows no keys: it may be locked", path);
	n = wire_u32(&w);
	keys.keys = xcalloc(KEYS_MAX, sizeof(*keys.keys));
	for (; keys.n < n && keys.n < KEYS_MAX && !w.bad; keys.n++) {
		struct agent_key *k = keys.keys + keys.n;
		const char *text;
		size_t len;

		k->blob = (struct buf)BUF_INIT;
		text = wire_str(&w, &len);
		(void)buf_add(&k->blob, text, len);
		text = wire_str(&w, &len);
		k->comment = session_words(text, len);
	}
	if (w.bad) {
		agent_keys_release(&keys);
		return err_new(ERR_PROTOCOL, "the answer of the agent at '%s' makes no sense",
			       path);
	}
	*ret = keys;
	return NULL;
}

struct err *agent_sign(struct ssh_session *s, const char *path, const struct buf *blob,
		       const char *algorithm, const void *data, size_t len, struct buf *ret)
{
	AUTO_BUF body = BUF_INIT;
	AUTO_BUF answer = BUF_INIT;
	const char *whole, *inner;
	struct err *e;
	struct wire w;
	size_t n;

	wire_put_u8(&body, SIGN_REQUEST);
	wire_put(&body, blob->s, blob->len);
	wire_put(&body, data, len);
	wire_put_u32(&body, strcmp(algorithm, "rsa-sha2-512") == 0   ? RSA_SHA2_512
			    : strcmp(algorithm, "rsa-sha2-256") == 0 ? RSA_SHA2_256
								     : 0);
	e = ask(s, path, &body, &answer);
	if (e)
		return e;
	w = wire_of(answer.s + 4, answer.len - 4);
	if (wire_u8(&w) != SIGN_RESPONSE)
		return err_new(ERR_AUTH, "the agent at '%s' refuses to sign", path);
	whole = wire_str(&w, &n);
	w = wire_of(whole, n);
	(void)wire_str(&w, &n);
	inner = wire_str(&w, &n);
	if (w.bad || !n)
		return err_new(ERR_PROTOCOL, "the answer of the agent at '%s' makes no sense",
			       path);
	(void)buf_add(ret, inner, n);
	return NULL;
}
