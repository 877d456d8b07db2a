#include <string.h>

#include "http_answer.h"

/*
 * What comes from a service: a head (lines, up to an empty one) and a body. Built with
 * -fsanitize=fuzzer; the clock and the network are not involved.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;
	struct http_answer a = { 0 };
	struct http_parse p;
	bool ok = true;
	size_t i;

	http_parse_init(&p);
	while (ok && at < end && !p.whole) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		const size_t len = eol ? (size_t)(eol - at) + 1 : (size_t)(end - at);

		ok = http_parse_line(&p, at, len);
		at += len;
	}
	if (ok && at < end)
		ok = http_parse_body(&p, at, (size_t)(end - at));
	if (ok && http_parse_finish(&p, &a)) {
		const int64_t ms = http_retry_after_ms(&a, 1700000000);

		if (ms < 0 || a.body[a.len] != '\0')
			__builtin_trap();
		for (i = 0; a.headers[i]; i++)
			if (!strstr(a.headers[i], ": ") || strlen(a.headers[i]) > HTTP_LINE_MAX + 1)
				__builtin_trap();
	} else if (!p.fault) {
		__builtin_trap();
	}
	http_answer_release(&a);
	http_parse_release(&p);
	return 0;
}
