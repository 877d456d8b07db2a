#ifndef SSH_WIRE_H
#define SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"

/* Values as SSH has them in its packets and files (RFC 4251, 5). */
struct wire {
	const char *p, *end;
	bool bad; /* something was cut short: what was read since is 0 or "" */
};

static inline struct wire wire_of(const char *s, size_t len)
{
	return (struct wire){ .p = s, .end = s + len };
}

static inline const char *wire_bytes(struct wire *w, size_t n)
{
	const char *at = w->p;

	if (w->bad || n > (size_t)(w->end - w->p)) {
		w->bad = true;
		return NULL;
	}
	w->p += n;
	return at;
}

static inline uint8_t wire_u8(struct wire *w)
{
	const char *p = wire_bytes(w, 1);

	return p ? (uint8_t)*p : 0;
}

static inline uint32_t wire_u32(struct wire *w)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | wire_u8(w);
	return w->bad ? 0 : n;
}

static inline uint64_t wire_u64(struct wire *w)
{
	const uint64_t high = wire_u32(w);

	return high << 32 | wire_u32(w);
}

/* Borrowed, of *len bytes; never NULL. */
static inline const char *wire_str(struct wire *w, size_t *len)
{
	const size_t n = wire_u32(w);
	const char *s = wire_bytes(w, n);

	*len = s ? n : 0;
	return s ? s : "";
}

static inline bool wire_is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

static inline void wire_put_u8(struct buf *b, unsigned n)
{
	const char c = (char)n;

	(void)buf_add(b, &c, 1);
}

static inline void wire_put_u32(struct buf *b, size_t n)
{
	const char s[] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	(void)buf_add(b, s, sizeof(s));
}

static inline void wire_put_u64(struct buf *b, uint64_t n)
{
	wire_put_u32(b, (size_t)(n >> 32));
	wire_put_u32(b, (size_t)(n & UINT32_MAX));
}

static inline void wire_put(struct buf *b, const char *s, size_t len)
{
	wire_put_u32(b, len);
	(void)buf_add(b, s, len);
}

static inline void wire_puts(struct buf *b, const char *s)
{
	wire_put(b, s, strlen(s));
}

/* A number's bytes, the highest first, as an mpint that is not negative. */
static inline void wire_put_mpint(struct buf *b, const unsigned char *s, size_t len)
{
	while (len && !*s) {
		s++;
		len--;
	}
	wire_put_u32(b, len + (len && *s & 0x80 ? 1 : 0));
	if (len && *s & 0x80)
		wire_put_u8(b, 0);
	(void)buf_add(b, (const char *)s, len);
}

#endif
