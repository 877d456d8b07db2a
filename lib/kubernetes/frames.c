#include <stdint.h>
#include <string.h>

#include "kubernetes/frames.h"

enum {
	FIN = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	LENGTH_16 = 126,
	LENGTH_64 = 127,
	CONTROL = 0x8,
	CLOSE_CODE = 2,
};

static bool is_control(enum frame type)
{
	return (unsigned)type & CONTROL;
}

static enum frame type_of(const struct frames *f)
{
	return f->head[0] & OPCODE;
}

static struct err *wrong(const char *what)
{
	return err_new(ERR_PROTOCOL, "the server's WebSocket frames make no sense: %s", what);
}

static size_t head_size(const struct frames *f)
{
	const unsigned length = f->head_len > 1 ? f->head[1] & LENGTH : 0;

	return 2 + (length == LENGTH_16 ? sizeof(uint16_t) : 0) +
	       (length == LENGTH_64 ? sizeof(uint64_t) : 0);
}

static uint64_t number(const unsigned char *s, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | s[i];
	return v;
}

static struct err *check_type(const struct frames *f)
{
	const enum frame type = type_of(f);

	if (f->head[0] & RESERVED)
		return wrong("reserved bits are set");
	if (f->head[1] & MASKED)
		return wrong("they are masked");
	if (is_control(type)) {
		if (type > FRAME_PONG)
			return wrong("an unknown type");
		return f->head[0] & FIN ? NULL : wrong("a control frame in pieces");
	}
	if (type > FRAME_BINARY)
		return wrong("an unknown type");
	if ((type == FRAME_MORE) != (f->pieces != FRAME_MORE))
		return wrong("pieces out of order");
	return NULL;
}

static struct err *check_length(const struct frames *f, uint64_t length)
{
	const unsigned first = f->head[1] & LENGTH;
	const size_t max = f->max ? f->max : MESSAGE_MAX;

	if ((first == LENGTH_16 && length < LENGTH_16) ||
	    (first == LENGTH_64 && length <= UINT16_MAX))
		return wrong("a length that is not in its shortest form");
	if (is_control(type_of(f)))
		return length <= CONTROL_MAX ? NULL : wrong("a control frame that is too long");
	if (length > max - f->message.len)
		return wrong("a message that is too long");
	return NULL;
}

static struct err *begin(struct frames *f)
{
	const unsigned first = f->head[1] & LENGTH;
	const uint64_t length = first < LENGTH_16 ? first : number(f->head + 2, f->head_len - 2);
	struct err *e = check_type(f);

	if (!e)
		e = check_length(f, length);
	if (e)
		return e;
	f->left = (size_t)length;
	f->inside = true;
	if (!is_control(type_of(f)) && type_of(f) != FRAME_MORE)
		f->pieces = type_of(f);
	return NULL;
}

/* 1005 and 1006 are for those who write programs, not for the wire; 1015 too. */
static bool code_may_be_sent(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

unsigned frame_close_code(const char *s, size_t n)
{
	return n < CLOSE_CODE ? 0 : (unsigned)number((const unsigned char *)s, CLOSE_CODE);
}

static struct err *end_control(struct frames *f)
{
	const struct buf *c = &f->control;
	struct err *e;

	if (type_of(f) == FRAME_CLOSE && c->len &&
	    !code_may_be_sent(frame_close_code(c->s, c->len)))
		return wrong("a close without a proper code");
	e = f->on(f->arg, type_of(f), c->s, c->len);
	f->control.len = 0;
	return e;
}

static struct err *end(struct frames *f)
{
	struct err *e;

	f->inside = false;
	f->head_len = 0;
	if (is_control(type_of(f)))
		return end_control(f);
	if (!(f->head[0] & FIN))
		return NULL;
	e = f->on(f->arg, f->pieces, f->message.s, f->message.len);
	f->message.len = 0;
	f->pieces = FRAME_MORE;
	return e;
}

struct err *frames_read(struct frames *f, const char *s, size_t n)
{
	struct err *e = NULL;

	while (!e && n) {
		struct buf *to = is_control(type_of(f)) ? &f->control : &f->message;
		const size_t some = !f->inside ? 1 : n < f->left ? n : f->left;

		if (f->inside) {
			(void)buf_add(to, s, some);
			f->left -= some;
		} else {
			f->head[f->head_len++] = (unsigned char)*s;
			if (f->head_len == head_size(f))
				e = begin(f);
		}
		s += some;
		n -= some;
		if (!e && f->inside && !f->left)
			e = end(f);
	}
	return e;
}

void frames_init(struct frames *f, frame_fn *on, void *arg)
{
	*f = (struct frames){ .on = on, .arg = arg, .message = BUF_INIT, .control = BUF_INIT };
}

void frames_release(struct frames *f)
{
	buf_release(&f->message);
	buf_release(&f->control);
}

void frame_write(struct buf *out, enum frame type, const char *s, size_t n,
		 const unsigned char *mask)
{
	unsigned char head[FRAME_HEAD_MAX] = { FIN | (unsigned char)type };
	const size_t size = n < LENGTH_16     ? 0
			    : n <= UINT16_MAX ? sizeof(uint16_t)
					      : sizeof(uint64_t);
	char *p;

	head[1] = MASKED | (unsigned char)(size == 0                  ? n
					   : size == sizeof(uint16_t) ? LENGTH_16
								      : LENGTH_64);
	for (size_t i = 0; i < size; i++)
		head[2 + i] = (unsigned char)((uint64_t)n >> 8 * (size - 1 - i));
	memcpy(head + 2 + size, mask, FRAME_MASK);
	(void)buf_add(out, (const char *)head, 2 + size + FRAME_MASK);
	(void)buf_add(out, s, n);
	p = out->s + out->len - n;
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] ^ mask[i % FRAME_MASK]);
}
