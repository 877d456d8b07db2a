#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "ssh/sftp.h"
#include "ssh/wire.h"

enum {
	LENGTH = 4,
	PACKET_MAX = 256 << 10,
	BLOCK = 32 << 10,
	FLIGHT = 64, /* requests; a server's window is 2 MiB mostly */
	FLIGHT_BEGIN = 4,
	CHUNK = 16 << 10,
	VERSION_3 = 3,
	MODE_NEW = 0600,
};

enum {
	FXP_INIT = 1,
	FXP_VERSION,
	FXP_OPEN,
	FXP_CLOSE,
	FXP_READ,
	FXP_WRITE,
	FXP_REMOVE = 13,
	FXP_STATUS = 101,
	FXP_HANDLE,
	FXP_DATA,
	FXP_EXTENDED = 200,
	FXP_EXTENDED_REPLY,
};

enum {
	OPEN_READ = 1,
	OPEN_WRITE = 2,
	OPEN_CREATE = 8,
	OPEN_EXCLUSIVE = 0x20,
	ATTR_PERMISSIONS = 4,
};

enum { FX_OK, FX_EOF, FX_NO_SUCH_FILE, FX_PERMISSION_DENIED, FX_FAILURE };

struct sftp {
	LIBSSH2_CHANNEL *channel;
	uint32_t id; /* of the request that was sent last */
	struct buf in;
	size_t at; /* what is before it has been read */
	bool statvfs;
	bool dead; /* the channel failed or has ended: nothing more goes by it */
};

/* What came: the rest of a packet, borrowed until the next is read. */
struct reply {
	int type;
	uint32_t id;
	struct wire rest;
};

void sftp_free(struct sftp *f)
{
	if (!f)
		return;
	buf_release(&f->in);
	free(f);
}

/* ---- packets ---- */

static struct err *put_bytes(struct ssh_session *s, const char *at, size_t n)
{
	while (n) {
		ssize_t rc;

		do
			rc = libssh2_channel_write(s->sftp->channel, at, n);
		while (session_again(s, rc));
		if (rc < 0) {
			s->sftp->dead = true;
			return session_fault(s, "sending");
		}
		at += rc;
		n -= (size_t)rc;
	}
	return NULL;
}

/* Sends what begin() has begun. */
static struct err *put_packet(struct ssh_session *s, struct buf *b)
{
	for (unsigned i = 0; i < LENGTH; i++)
		b->s[i] = (char)((b->len - LENGTH) >> (24 - 8 * i));
	return put_bytes(s, b->s, b->len);
}

/* Room for the length, the type, and what all but the first have: an id. */
static void begin(struct ssh_session *s, struct buf *b, unsigned type)
{
	b->len = 0;
	wire_put_u32(b, 0);
	wire_put_u8(b, type);
	wire_put_u32(b, type == FXP_INIT ? VERSION_3 : ++s->sftp->id);
}

static struct err *need(struct ssh_session *s, size_t n)
{
	struct sftp *f = s->sftp;
	char chunk[CHUNK];

	while (f->in.len - f->at < n) {
		ssize_t rc;

		do
			rc = libssh2_channel_read(f->channel, chunk, sizeof(chunk));
		while (session_again(s, rc));
		f->dead = f->dead || rc <= 0;
		if (rc < 0)
			return session_fault(s, "receiving");
		if (!rc)
			return err_new(ERR_REMOTE, "the server has ended SFTP: does it have an "
						   "sftp-server (Subsystem sftp in sshd_config)?");
		if (f->at == f->in.len)
			f->in.len = f->at = 0;
		(void)buf_add(&f->in, chunk, (size_t)rc);
	}
	return NULL;
}

static struct err *get_packet(struct ssh_session *s, struct reply *ret)
{
	struct sftp *f = s->sftp;
	struct err *e;
	size_t n = 0;

	/* What was read goes when it is worth it. */
	if (f->at > BLOCK) {
		f->in.len -= f->at;
		memmove(f->in.s, f->in.s + f->at, f->in.len);
		f->at = 0;
	}
	e = need(s, LENGTH);
	if (!e) {
		struct wire w = wire_of(f->in.s + f->at, LENGTH);

		n = wire_u32(&w);
		if (!n || n > PACKET_MAX)
			return err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
		e = need(s, n + LENGTH);
	}
	if (e)
		return e;
	ret->rest = wire_of(f->in.s + f->at + LENGTH, n);
	f->at += n + LENGTH;
	ret->type = wire_u8(&ret->rest);
	ret->id = wire_u32(&ret->rest);
	return ret->rest.bad ? err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense") : NULL;
}

struct err *sftp_status(const char *s, size_t len)
{
	struct wire w = wire_of(s, len);
	const uint32_t code = wire_u32(&w);
	const char *words;
	size_t n;

	if (w.bad)
		return err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	words = wire_str(&w, &n);
	switch (code) {
	case FX_OK: return NULL;
	case FX_NO_SUCH_FILE:
		return err_new(ERR_NOT_FOUND, "the file or its folder does not exist");
	case FX_PERMISSION_DENIED: return err_new(ERR_REMOTE, "permission denied");
	default: break;
	}
	AUTO_STR said = session_words(words, n);
	return err_new(ERR_REMOTE, "the server says '%s' (%u)", said, (unsigned)code);
}

static struct err *status_of(const struct reply *r)
{
	if (r->type != FXP_STATUS)
		return err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	return sftp_status(r->rest.p, (size_t)(r->rest.end - r->rest.p));
}

/* One request, and its answer. */
static struct err *ask(struct ssh_session *s, struct buf *b, struct reply *ret)
{
	struct err *e = put_packet(s, b);

	if (!e)
		e = get_packet(s, ret);
	if (!e && ret->id != s->sftp->id)
		e = err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	return e;
}

/* ---- beginning ---- */

static struct err *start(struct ssh_session *s)
{
	AUTO_BUF hello = BUF_INIT;
	struct reply r = { 0 };
	struct err *e;
	int rc;

	e = session_channel(s, &s->sftp->channel);
	if (e)
		return e;
	do
		rc = libssh2_channel_subsystem(s->sftp->channel, "sftp");
	while (session_again(s, rc));
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED)
		return err_new(ERR_REMOTE,
			       "the server has no SFTP (Subsystem sftp in sshd_config)");
	if (rc)
		return session_fault(s, "starting SFTP");
	begin(s, &hello, FXP_INIT);
	e = put_packet(s, &hello);
	if (!e)
		e = get_packet(s, &r);
	if (!e && (r.type != FXP_VERSION || r.id < VERSION_3))
		e = err_new(ERR_PROTOCOL, "the server does not speak version 3 of SFTP");
	while (!e && r.rest.p < r.rest.end && !r.rest.bad) {
		size_t n, value;
		const char *name = wire_str(&r.rest, &n);

		(void)wire_str(&r.rest, &value);
		if (wire_is(name, n, "statvfs@openssh.com"))
			s->sftp->statvfs = true;
	}
	return e;
}

static struct err *ready(struct ssh_session *s)
{
	struct err *e;

	if (s->fault)
		return session_fault(s, "SFTP");
	if (s->sftp)
		return NULL;
	s->sftp = xcalloc(1, sizeof(*s->sftp));
	s->sftp->in = (struct buf){ .s = buf_empty };
	e = start(s);
	if (e) {
		session_end_channel(s, s->sftp->channel);
		sftp_free(s->sftp);
		s->sftp = NULL;
	}
	return e;
}

/* After an answer that makes no sense nothing else would; a channel that is dead is no use to who comes next. */
static struct err *done(struct ssh_session *s, struct err *e)
{
	if (s->sftp && s->sftp->at == s->sftp->in.len) {
		buf_release(&s->sftp->in);
		s->sftp->at = 0;
	}
	if (e && s->sftp && (e->kind == ERR_PROTOCOL || s->sftp->dead)) {
		session_end_channel(s, s->sftp->channel);
		sftp_free(s->sftp);
		s->sftp = NULL;
	}
	return e;
}

static struct err *open_file(struct ssh_session *s, const char *path, unsigned flags,
			     struct buf *handle)
{
	AUTO_BUF b = BUF_INIT;
	struct reply r = { 0 };
	const char *text;
	struct err *e;
	size_t n;

	begin(s, &b, FXP_OPEN);
	wire_puts(&b, path);
	wire_put_u32(&b, flags);
	wire_put_u32(&b, flags & OPEN_CREATE ? ATTR_PERMISSIONS : 0);
	if (flags & OPEN_CREATE)
		wire_put_u32(&b, MODE_NEW);
	e = ask(s, &b, &r);
	if (e)
		return e;
	if (r.type != FXP_HANDLE) {
		e = status_of(&r);
		return e ? e : err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	}
	text = wire_str(&r.rest, &n);
	(void)buf_add(handle, text, n);
	return NULL;
}

static struct err *close_file(struct ssh_session *s, const struct buf *handle)
{
	AUTO_BUF b = BUF_INIT;
	struct reply r = { 0 };
	struct err *e;

	begin(s, &b, FXP_CLOSE);
	wire_put(&b, handle->s, handle->len);
	e = ask(s, &b, &r);
	return e ? e : status_of(&r);
}

/* ---- writing ---- */

struct upload {
	struct ssh_session *s;
	const struct buf *handle;
	sftp_source *source;
	void *arg;
	struct buf packet; /* used again for each */
	uint64_t offset;
	int flying;
	bool over;
};

static struct err *send_block(struct upload *u, char *block)
{
	struct buf *b = &u->packet;
	struct err *e = NULL;
	const ssize_t n = u->source(u->arg, block, BLOCK, &e);

	if (n <= 0) {
		u->over = true;
		return e;
	}
	begin(u->s, b, FXP_WRITE);
	wire_put(b, u->handle->s, u->handle->len);
	wire_put_u64(b, u->offset);
	wire_put(b, block, (size_t)n);
	u->offset += (uint64_t)n;
	u->flying++;
	return put_packet(u->s, b);
}

/* All answers are heard, even if one was bad: what follows begins anew. */
static struct err *send_all(struct upload *u)
{
	char *block = xcalloc(BLOCK, 1);
	struct err *e = NULL, *bad = NULL;

	while (!e && (u->flying || !u->over)) {
		struct reply r = { 0 };

		if (!u->over && u->flying < FLIGHT) {
			struct err *own = send_block(u, block);

			if (own && (u->s->fault || u->s->sftp->dead))
				e = own;
			else if (own && !bad)
				bad = own;
			else
				err_free(own);
			continue;
		}
		e = get_packet(u->s, &r);
		u->flying--;
		if (!e && !bad) {
			bad = status_of(&r);
			u->over = u->over || bad;
		}
	}
	free(block);
	buf_release(&u->packet);
	if (e)
		err_free(bad);
	return e ? e : bad;
}

/* OpenSSH's word for all that errno says is "Failure". */
static struct err *explain(struct ssh_session *s, const char *path, uint64_t size, struct err *why)
{
	AUTO_BUF b = BUF_INIT;
	struct reply r = { 0 };
	uint64_t unit = 0, avail = 0;
	struct err *e;

	if (why->kind != ERR_REMOTE || s->fault || s->sftp->dead || !s->sftp->statvfs)
		return why;
	begin(s, &b, FXP_EXTENDED);
	wire_puts(&b, "statvfs@openssh.com");
	wire_puts(&b, path);
	e = ask(s, &b, &r);
	if (e || r.type != FXP_EXTENDED_REPLY) {
		err_free(e);
		return why;
	}
	(void)wire_u64(&r.rest);
	unit = wire_u64(&r.rest);
	(void)wire_u64(&r.rest);
	(void)wire_u64(&r.rest);
	avail = wire_u64(&r.rest);
	if (r.rest.bad || (unit && avail > size / unit))
		return why;
	err_free(why);
	return err_new(ERR_REMOTE,
		       "the file system is full there: %" PRIu64
		       " bytes are free, and the file has %" PRIu64,
		       avail * unit, size);
}

struct err *sftp_put(struct ssh_session *s, const char *path, uint64_t size, sftp_source *source,
		     void *arg)
{
	AUTO_BUF handle = BUF_INIT;
	struct upload u = {
		.s = s, .handle = &handle, .source = source, .arg = arg, .packet = BUF_INIT
	};
	struct err *e = ready(s), *closing;

	if (!e)
		e = open_file(s, path, OPEN_WRITE | OPEN_CREATE | OPEN_EXCLUSIVE, &handle);
	if (e)
		return done(s, e);
	e = send_all(&u);
	if (e)
		e = explain(s, path, size, e);
	if (!s->fault && !s->sftp->dead) {
		closing = close_file(s, &handle);
		if (e)
			err_free(closing);
		else
			e = closing;
	}
	return done(s, e);
}

/* ---- reading ---- */

struct piece {
	uint32_t id;
	uint32_t len; /* 0: the place is free */
	uint64_t offset;
};

struct download {
	struct ssh_session *s;
	const struct buf *handle;
	sftp_sink *sink;
	void *arg;
	struct piece flying[FLIGHT];
	int n, most;
	uint64_t offset; /* of what is to be asked for next */
	bool over;       /* its end has been seen */
};

static struct err *request(struct download *d, struct piece *p, uint64_t offset, uint32_t len)
{
	AUTO_BUF b = BUF_INIT;

	begin(d->s, &b, FXP_READ);
	wire_put(&b, d->handle->s, d->handle->len);
	wire_put_u64(&b, offset);
	wire_put_u32(&b, len);
	*p = (struct piece){ .id = d->s->sftp->id, .offset = offset, .len = len };
	return put_packet(d->s, &b);
}

static struct err *request_more(struct download *d)
{
	struct err *e = NULL;

	for (size_t i = 0; i < FLIGHT && !e && !d->over && d->n < d->most; i++) {
		if (d->flying[i].len)
			continue;
		e = request(d, d->flying + i, d->offset, BLOCK);
		d->offset += BLOCK;
		d->n++;
	}
	return e;
}

static struct piece *piece_of(struct download *d, uint32_t id)
{
	for (size_t i = 0; i < FLIGHT; i++)
		if (d->flying[i].len && d->flying[i].id == id)
			return d->flying + i;
	return NULL;
}

static struct err *take_data(struct download *d, struct piece *p, struct reply *r)
{
	const struct piece was = *p;
	const char *data;
	struct err *e;
	size_t n;

	data = wire_str(&r->rest, &n);
	if (r->rest.bad || !n || n > was.len)
		return err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	e = d->sink(d->arg, data, n, was.offset);
	if (!e && n < was.len) /* the rest of a short piece: the end, or a server's own limit */
		return request(d, p, was.offset + n, was.len - (uint32_t)n);
	p->len = 0;
	d->n--;
	if (d->most < FLIGHT)
		d->most += d->most;
	return e;
}

/* *bad: what is wrong with the file; the error returned is one of the session. */
static struct err *take_reply(struct download *d, struct err **bad)
{
	struct reply r = { 0 };
	struct piece *p;
	struct err *e = get_packet(d->s, &r);

	if (e)
		return e;
	p = piece_of(d, r.id);
	if (!p)
		return err_new(ERR_PROTOCOL, "an answer of SFTP makes no sense");
	if (r.type == FXP_DATA)
		e = take_data(d, p, &r);
	else {
		struct wire w = r.rest;

		p->len = 0;
		d->n--;
		d->over = true;
		e = wire_u32(&w) == FX_EOF && r.type == FXP_STATUS ? NULL : status_of(&r);
	}
	if (!e || d->s->fault || e->kind == ERR_PROTOCOL)
		return e;
	d->over = true;
	if (*bad)
		err_free(e);
	else
		*bad = e;
	return NULL;
}

struct err *sftp_get(struct ssh_session *s, const char *path, sftp_sink *sink, void *arg)
{
	AUTO_BUF handle = BUF_INIT;
	struct download *d;
	struct err *e = ready(s), *bad = NULL;

	if (!e)
		e = open_file(s, path, OPEN_READ, &handle);
	if (e)
		return done(s, e);
	d = xcalloc(1, sizeof(*d));
	*d = (struct download){
		.s = s, .handle = &handle, .sink = sink, .arg = arg, .most = FLIGHT_BEGIN
	};
	while (!e && (d->n || !d->over)) {
		e = request_more(d);
		if (!e)
			e = take_reply(d, &bad);
	}
	free(d);
	if (!e)
		e = close_file(s, &handle);
	if (e)
		err_free(bad);
	return done(s, e ? e : bad);
}

void sftp_remove(struct ssh_session *s, const char *path)
{
	AUTO_BUF b = BUF_INIT;
	struct reply r = { 0 };
	struct err *e = ready(s);

	if (!e) {
		begin(s, &b, FXP_REMOVE);
		wire_puts(&b, path);
		e = ask(s, &b, &r);
	}
	err_free(done(s, e));
}
