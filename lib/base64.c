#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "text.h"

/* RFC 4648, sections 4 and 5. By hand, since it is wanted where OpenSSL is not. */

enum { MOST_BYTES = 64 << 20 }; /* decoded */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* -1: white space and padding; -2: no digit. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return c && strchr("= \t\r\n", c) ? -1 : -2;
}

bool base64_text(const char *s, size_t len, struct buf *ret)
{
	AUTO_BUF out = BUF_INIT;
	uint32_t bits = 0;
	int have = 0;
	bool ok = len / 4 <= MOST_BYTES / 3;

	for (size_t i = 0; i < len && ok; i++) {
		const int v = value_of(s[i]);
		char c;

		ok = v != -2;
		if (v < 0)
			continue;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		c = (char)(bits >> have);
		(void)buf_add(&out, &c, 1);
	}
	/* A last digit alone is no byte. */
	ok = ok && have != 6 && buf_add(ret, out.s, out.len);
	buf_wipe(&out);
	return ok;
}

char *base64_of(const char *s, size_t len)
{
	const unsigned char *in = (const unsigned char *)s;
	char *out = xcalloc(len / 3 * 4 + 5, 1), *at = out;

	for (size_t i = 0; i < len; i += 3) {
		const size_t left = len - i;
		const uint32_t bits = (uint32_t)in[i] << 16 |
				      (uint32_t)(left > 1 ? in[i + 1] : 0) << 8 |
				      (left > 2 ? in[i + 2] : 0);

		*at++ = digits[bits >> 18];
		*at++ = digits[bits >> 12 & 63];
		*at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[bits & 63] : '=';
	}
	return out;
}
