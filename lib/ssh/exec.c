#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "ssh/session.h"
#include "ssh/sudo.h"
#include "text.h"

enum {
	CHUNK = 8 << 10,
	INPUT = 32 << 10,
	WINDOW = 1 << 20, /* what the server may send before we have read it */
	PACKET = 32 << 10,
	COMMAND_SHOWN = 80,
	CLOSE_MS = 5000,
};

struct process {
	struct ssh_session *s;
	const struct ssh_exec *x;
	struct ssh_result *ret;
	LIBSSH2_CHANNEL *channel;
	struct sudo *sudo; /* NULL: none */
	size_t out_max;
	const char *say; /* to sudo; NULL: nothing, or all of it was sent */
	size_t said;
	size_t in_at; /* of x->in */
	char *more;   /* of x->more() */
	size_t more_at, more_len;
	bool fed, eof_sent; /* all input was sent */
	bool out_over, err_over;
};

void ssh_result_release(struct ssh_result *r)
{
	buf_release(&r->out);
	buf_release(&r->err);
	free(r->signal);
	*r = (struct ssh_result)SSH_RESULT_INIT;
}

char *ssh_quote(const char *s)
{
	AUTO_BUF b = BUF_INIT;

	buf_adds(&b, "'");
	for (; *s; s++)
		if (*s == '\'')
			buf_adds(&b, "'\\''");
		else
			(void)buf_add(&b, s, 1);
	buf_adds(&b, "'");
	return buf_take(&b);
}

/* ---- channels ---- */

struct err *session_channel(struct ssh_session *s, LIBSSH2_CHANNEL **ret)
{
	LIBSSH2_CHANNEL *c;

	if (s->fault)
		return session_fault(s, "opening a channel");
	do
		c = libssh2_channel_open_ex(s->ssh, "session", 7, WINDOW, PACKET, NULL, 0);
	while (!c && session_again(s, libssh2_session_last_errno(s->ssh)));
	if (!c)
		return session_fault(s, "opening a channel");
	*ret = c;
	return NULL;
}

void session_end_channel(struct ssh_session *s, LIBSSH2_CHANNEL *c)
{
	const int64_t until = s->until, soon = clock_ms() + CLOSE_MS;
	int rc;

	if (!c || s->fault)
		return; /* it ends with the session */
	s->until = soon < until ? soon : until;
	do
		rc = libssh2_channel_free(c);
	while (session_again(s, rc));
	s->until = until;
}

/* ---- what comes ---- */

static void keep(struct buf *b, size_t max, uint64_t *left, const char *s, size_t n)
{
	const size_t room = max > b->len ? max - b->len : 0;
	const size_t fits = n < room ? n : room;

	(void)buf_add(b, s, fits);
	*left += n - fits;
}

static struct err *take_out(struct process *p, const char *s, size_t n)
{
	if (p->x->out)
		return p->x->out(p->x->arg, s, n);
	keep(&p->ret->out, p->out_max, &p->ret->out_left, s, n);
	return NULL;
}

static struct err *take_err(struct process *p, const char *s, size_t n)
{
	AUTO_BUF rest = BUF_INIT;
	const char *say = NULL;
	struct err *e;

	if (!p->sudo) {
		keep(&p->ret->err, p->out_max, &p->ret->err_left, s, n);
		return NULL;
	}
	e = sudo_hear(p->sudo, s, n, &rest, &say);
	if (say) {
		p->say = say;
		p->said = 0;
	}
	keep(&p->ret->err, p->out_max, &p->ret->err_left, rest.s, rest.len);
	return e;
}

/* Reads one of the outputs as far as it goes. *moved: there was something. */
static struct err *drink(struct process *p, int stream, bool *over, bool *moved)
{
	char chunk[CHUNK];
	struct err *e = NULL;
	ssize_t rc = 1;

	while (!e && rc > 0) {
		do
			rc = libssh2_channel_read_ex(p->channel, stream, chunk, sizeof(chunk));
		while (session_half_sent(p->s, rc));
		if (rc > 0) {
			*moved = true;
			e = stream ? take_err(p, chunk, (size_t)rc)
				   : take_out(p, chunk, (size_t)rc);
		}
	}
	*over = !rc;
	if (!e && rc < 0 && rc != LIBSSH2_ERROR_EAGAIN)
		e = session_fault(p->s, "reading its output");
	return e;
}

/* ---- what goes ---- */

/* What is to be sent next; *n 0: nothing at present. */
static struct err *next_input(struct process *p, const char **s, size_t *n)
{
	struct err *e = NULL;
	ssize_t got;

	*n = 0;
	if (p->say) {
		*s = p->say + p->said;
		*n = strlen(*s);
		return NULL;
	}
	if (p->fed || (p->sudo && !sudo_begun(p->sudo)))
		return NULL;
	if (p->in_at < p->x->in_len) {
		*s = p->x->in + p->in_at;
		*n = p->x->in_len - p->in_at;
		return NULL;
	}
	if (p->more_at == p->more_len && p->x->more) {
		if (!p->more)
			p->more = xcalloc(INPUT, 1);
		got = p->x->more(p->x->arg, p->more, INPUT, &e);
		if (got < 0)
			return e;
		p->more_at = 0;
		p->more_len = (size_t)got;
	}
	p->fed = p->more_at == p->more_len;
	if (p->fed)
		return NULL;
	*s = p->more + p->more_at;
	*n = p->more_len - p->more_at;
	return NULL;
}

static void sent(struct process *p, size_t n)
{
	if (p->say) {
		p->said += n;
		if (!p->say[p->said])
			p->say = NULL;
	} else if (p->in_at < p->x->in_len)
		p->in_at += n;
	else
		p->more_at += n;
}

static struct err *feed(struct process *p, bool *moved)
{
	const char *s = NULL;
	struct err *e;
	ssize_t rc = 1;
	size_t n = 0;

	while (rc > 0) {
		e = next_input(p, &s, &n);
		if (e || !n)
			break;
		do
			rc = libssh2_channel_write(p->channel, s, n);
		while (session_half_sent(p->s, rc));
		if (rc > 0) {
			sent(p, (size_t)rc);
			*moved = true;
		}
	}
	if (e || p->eof_sent)
		return e;
	/* It reads no more; what it wrote and its status are still worth having. */
	if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN && !p->s->lost)
		p->fed = true;
	if (!p->fed)
		return NULL;
	do
		rc = libssh2_channel_send_eof(p->channel);
	while (session_half_sent(p->s, rc));
	p->eof_sent = rc != LIBSSH2_ERROR_EAGAIN;
	return NULL;
}

/* ---- all of it ---- */

static struct err *converse(struct process *p)
{
	struct err *e = NULL;

	while (!e) {
		bool moved = false;

		e = feed(p, &moved);
		if (!e)
			e = drink(p, 0, &p->out_over, &moved);
		if (!e)
			e = drink(p, SSH_EXTENDED_DATA_STDERR, &p->err_over, &moved);
		if (e || (!moved && p->out_over && p->err_over))
			return e;
		if (!moved && !session_wait(p->s))
			e = session_fault(p->s, "waiting for it to end");
	}
	return e;
}

/* Its status comes after the outputs have ended, and the channel is closed with it. */
static struct err *reap(struct process *p)
{
	char *name = NULL;
	int rc;

	do
		rc = libssh2_channel_wait_closed(p->channel);
	while (session_again(p->s, rc));
	if (rc && rc != LIBSSH2_ERROR_INVAL)
		return session_fault(p->s, "waiting for its status");
	(void)libssh2_channel_get_exit_signal(p->channel, &name, NULL, NULL, NULL, NULL, NULL);
	if (name) {
		p->ret->signal = xstrndup(name, text_cut(name, COMMAND_SHOWN));
		libssh2_free(p->s->ssh, name);
	}
	p->ret->status = name ? -1 : libssh2_channel_get_exit_status(p->channel);
	return NULL;
}

static struct err *run(struct process *p, const char *line)
{
	struct err *e = session_channel(p->s, &p->channel);
	int rc;

	if (e)
		return e;
	do
		rc = libssh2_channel_exec(p->channel, line);
	while (session_again(p->s, rc));
	if (rc) {
		e = session_fault(p->s, "starting it");
	} else {
		e = converse(p);
		if (!e)
			e = reap(p);
		if (!e && p->sudo && !sudo_begun(p->sudo))
			return sudo_refused(p->sudo);
	}
	if (e && (e->kind == ERR_TIMEOUT || e->kind == ERR_NETWORK))
		e->ambiguous = true;
	return e;
}

struct err *session_wrap(struct err *e, const char *command)
{
	const size_t line = strcspn(command, "\n");

	return err_wrap(e, "running '%.*s'",
			(int)text_cut(command, line < COMMAND_SHOWN ? line : COMMAND_SHOWN),
			command);
}

struct err *ssh_exec(struct ssh_session *s, const struct ssh_exec *x, struct ssh_result *ret)
{
	struct process p = {
		.s = s, .x = x, .ret = ret, .out_max = x->out_max ? x->out_max : SSH_OUT_MAX
	};
	const int64_t until = clock_ms() + x->deadline_ms;
	AUTO_STR line = NULL;
	struct err *e = NULL;

	if (x->deadline_ms && until < s->deadline)
		s->until = until;
	if (x->sudo)
		e = sudo_new(s, x->command, &line, &p.sudo);
	if (!e)
		e = run(&p, line ? line : x->command);
	session_end_channel(s, p.channel);
	s->until = s->deadline;
	sudo_free(p.sudo);
	if (p.more)
		OPENSSL_clear_free(p.more, INPUT);
	return session_wrap(e, x->title ? x->title : x->command);
}

struct err *ssh_pause(struct ssh_session *s, int64_t ms)
{
	const int64_t until = clock_ms() + ms;

	s->until = until < s->deadline ? until : s->deadline;
	s->deaf = true;
	while (clock_ms() < until && session_wait(s))
		;
	s->deaf = false;
	s->until = s->deadline;
	/* That the pause is over is no fault, unless it is all that was left. */
	if (s->fault && s->fault->kind == ERR_TIMEOUT && clock_ms() < s->deadline &&
	    !clock_is_cut())
		err_free(TAKE(s->fault));
	return s->fault ? session_fault(s, "pausing") : NULL;
}

int64_t ssh_deadline(const struct ssh_session *s)
{
	return s->deadline;
}
