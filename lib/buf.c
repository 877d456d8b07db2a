#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"

char buf_empty[1];

void buf_release(struct buf *b)
{
	if (b->s != buf_empty)
		free(b->s);
	b->s = buf_empty;
	b->len = b->cap = 0;
}

void buf_wipe(struct buf *b)
{
	if (b->cap)
		explicit_bzero(b->s, b->cap);
	b->len = 0;
}

bool buf_add(struct buf *b, const char *s, size_t len)
{
	if (b->max && len > b->max - b->len)
		return false;
	if (b->len + len + 1 > b->cap) {
		const size_t cap = (b->len + len + 1) * 2;
		char *grown = xcalloc(cap, 1);

		/* Not realloc: what it moves it would leave behind, and it may be a secret. */
		memcpy(grown, b->s, b->len);
		if (b->cap)
			explicit_bzero(b->s, b->cap);
		if (b->s != buf_empty)
			free(b->s);
		b->s = grown;
		b->cap = cap;
	}
	memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
	return true;
}

void buf_adds(struct buf *b, const char *s)
{
	(void)buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR s = xvasprintf(fmt, ap);
	va_end(ap);
	buf_adds(b, s);
}

void buf_addurl(struct buf *b, const char *s)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *s; s++) {
		if (strchr(plain, *s))
			(void)buf_add(b, s, 1);
		else
			buf_addf(b, "%%%02X", (unsigned char)*s);
	}
}

char *buf_take(struct buf *b)
{
	char *s = b->s == buf_empty ? xstrdup("") : b->s;

	b->s = buf_empty;
	b->len = b->cap = 0;
	return s;
}
