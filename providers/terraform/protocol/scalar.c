#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "scalar.h"
#include "value.h"

enum { EXPONENT_DIGITS = 6 };

static size_t digits(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

bool number_is(const char *s, size_t len)
{
	const char *end = s + len;
	size_t n;

	if (len > VALUE_NUMBER_BYTES)
		return false;
	if (s < end && *s == '-')
		s++;
	n = digits(s, (size_t)(end - s));
	if (!n || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (s < end && *s == '.') {
		n = digits(s + 1, (size_t)(end - s - 1));
		if (!n)
			return false;
		s += n + 1;
	}
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		n = digits(s, (size_t)(end - s));
		if (!n || n > EXPONENT_DIGITS)
			return false;
		s += n;
	}
	return s == end;
}

struct json_object *number_new(const char *s, size_t len)
{
	AUTO_STR text = xstrndup(s, len);
	long long i;

	if (!strpbrk(text, ".eE")) {
		errno = 0;
		i = strtoll(text, NULL, 10);
		if (!errno)
			return json_object_new_int64(i);
	}
	return json_object_new_double_s(strtod(text, NULL), text);
}

const char *number_kept(struct json_object *v)
{
	const char *text =
		json_object_is_type(v, json_type_double) ? json_object_get_userdata(v) : NULL;

	return text && number_is(text, strlen(text)) ? text : NULL;
}

static char *number_text(struct json_object *v)
{
	const char *kept = number_kept(v);
	char text[40];
	double d;

	if (kept)
		return xstrdup(kept);
	if (!json_object_is_type(v, json_type_double))
		return json_text(v);
	d = json_object_get_double(v);
	for (int digit = 15; digit <= 17; digit++) {
		(void)snprintf(text, sizeof(text), "%.*g", digit, d);
		if (strtod(text, NULL) == d)
			break;
	}
	return xstrdup(text);
}

/* The same text for the same value: digits without zeros at either end, and a power of ten. */
static char *canonical(const char *s)
{
	AUTO_BUF all = BUF_INIT;
	const bool negative = *s == '-';
	const char *d;
	long power = 0;
	bool fraction = false;

	for (s += negative; *s && *s != 'e' && *s != 'E'; s++) {
		if (*s == '.') {
			fraction = true;
			continue;
		}
		power -= fraction;
		(void)buf_add(&all, s, 1);
	}
	if (*s)
		power += strtol(s + 1, NULL, 10);
	d = all.s + strspn(all.s, "0");
	while (all.len && all.s[all.len - 1] == '0') {
		all.s[--all.len] = '\0';
		power++;
	}
	return *d ? xasprintf("%s%se%ld", negative ? "-" : "", d, power) : xstrdup("0");
}

bool number_equal(struct json_object *a, struct json_object *b)
{
	AUTO_STR x = number_text(a);
	AUTO_STR y = number_text(b);
	AUTO_STR p = canonical(x);
	AUTO_STR q = canonical(y);

	return strcmp(p, q) == 0;
}

/* Bytes of the character at s; 0: none. No surrogates, nothing longer than it need be. */
static size_t utf8_char(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c;

	if (n == 1)
		return 1;
	if (s[0] < 0xc0 || s[0] > 0xf4 || len < n)
		return 0;
	c = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

size_t utf8_span(const char *s, size_t len)
{
	size_t done = 0;

	while (done < len) {
		const size_t n = utf8_char((const unsigned char *)s + done, len - done);

		if (!n)
			break;
		done += n;
	}
	return done;
}
