#include "output.h"

#include <string.h>

/* Bytes of the character at s (RFC 3629); 0: there is none. */
static size_t char_len(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first, last; /* leading bytes */
		unsigned char low, high;   /* of the byte after */
		size_t len;
	} forms[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i = 0;

	while (i < COUNT(forms) && (*s < forms[i].first || *s > forms[i].last))
		i++;
	if (i == COUNT(forms) || forms[i].len > n)
		return 0;
	if (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high))
		return 0;
	for (size_t k = 2; k < forms[i].len; k++)
		if ((s[k] & 0xc0) != 0x80)
			return 0;
	return forms[i].len;
}

struct json_object *output_text(const char *s, size_t n)
{
	AUTO_BUF b = BUF_INIT;
	size_t from = 0, i = 0;

	while (i < n) {
		const size_t len = char_len((const unsigned char *)s + i, n - i);

		if (!len) {
			(void)buf_add(&b, s + from, i - from);
			buf_adds(&b, "\xef\xbf\xbd");
			from = i + 1;
		}
		i += len ? len : 1;
	}
	(void)buf_add(&b, s + from, n - from);
	return json_object_new_string_len(b.s, (int)b.len);
}

struct json_object *output_lines(const char *s, size_t n)
{
	struct json_object *lines = json_object_new_array();
	const char *const stop = s + n;

	for (const char *end = s; end; s = end + 1) {
		end = memchr(s, '\n', (size_t)(stop - s));
		json_object_array_add(lines, output_text(s, (size_t)((end ? end : stop) - s)));
	}
	return lines;
}
