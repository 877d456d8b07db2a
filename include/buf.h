#ifndef BUF_H
#define BUF_H

#include <stddef.h>

#include "err.h"
#include "mem.h"

/*
 * A growing string: `s` is never NULL and always terminated. `max` caps what may come from outside
 * (0: only our own text goes in, no cap).
 */
struct buf {
	char *s;
	size_t len, cap, max;
};

#define BUF_INIT               \
	{                      \
		.s = buf_empty \
	}
#define AUTO_BUF CLEANUP(buf_release) struct buf

extern char buf_empty[1];

void buf_release(struct buf *b);
/* Overwrites the contents before they are released: for secrets. */
void buf_wipe(struct buf *b);
/* False if the text would not fit under max; the buffer is unchanged then. */
bool buf_add(struct buf *b, const char *s, size_t len);
void buf_adds(struct buf *b, const char *s);
PRINTF(2, 3) void buf_addf(struct buf *b, const char *fmt, ...);
/* Appends s percent-encoded (RFC 3986: all but unreserved characters). */
void buf_addurl(struct buf *b, const char *s);
/* Hands the string on and leaves an empty buffer. */
char *buf_take(struct buf *b);

#endif
