#ifndef KUBERNETES_FRAMES_H
#define KUBERNETES_FRAMES_H

#include "buf.h"
#include "err.h"

/*
 * The frames of a WebSocket (RFC 6455), as a client reads and writes them. Pure: knows of no connection.
 *
 * Refused as ERR_PROTOCOL: messages over the cap (before they are kept), reserved bits, unknown opcodes,
 * masked frames, lengths not in their shortest form, control frames that are cut in pieces or over 125
 * bytes, pieces out of order, a close of one byte or with a code that may not be sent.
 */
enum frame {
	FRAME_MORE = 0,
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING,
	FRAME_PONG
};

enum {
	FRAME_HEAD_MAX = 14, /* of one of ours, with its mask */
	FRAME_MASK = 4,
	MESSAGE_MAX = 16 << 20,
	CONTROL_MAX = 125,
};

/* A whole message (FRAME_TEXT, FRAME_BINARY) or control frame. An error ends frames_read() with it. */
typedef struct err *frame_fn(void *arg, enum frame type, const char *s, size_t n);

struct frames {
	size_t max; /* of a message; 0: MESSAGE_MAX */
	frame_fn *on;
	void *arg;

	/* Its own. */
	unsigned char head[FRAME_HEAD_MAX];
	size_t head_len;
	size_t left;       /* of the frame's payload */
	bool inside;       /* a frame whose head is whole */
	enum frame pieces; /* type of the message whose pieces come; FRAME_MORE: none */
	struct buf message, control;
};

void frames_init(struct frames *f, frame_fn *on, void *arg);
void frames_release(struct frames *f);
/* What arrived, in pieces of any length. After an error nothing more may be read. */
MUST_USE struct err *frames_read(struct frames *f, const char *s, size_t n);

/* Appends a whole frame; `mask` is FRAME_MASK random bytes. */
void frame_write(struct buf *out, enum frame type, const char *s, size_t n,
		 const unsigned char *mask);
/* A close: its code (0: none was given) and its text (not terminated). */
unsigned frame_close_code(const char *s, size_t n);

#endif
