/*
 * Values as msgpack. The first byte picks the type. What is read can be sent, is read again as the same
 * value, and is sent as the same bytes then.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

static const char *const types[] = {
	"\"dynamic\"",
	"\"string\"",
	"\"number\"",
	"[\"list\",\"number\"]",
	"[\"map\",\"dynamic\"]",
	"[\"set\",[\"map\",\"bool\"]]",
	"[\"tuple\",[\"string\",\"dynamic\"]]",
	"[\"object\",{\"a\":\"string\",\"b\":[\"list\",[\"object\",{\"n\":\"number\"}]]}]",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON type = NULL;
	AUTO_JSON v = NULL;
	AUTO_JSON again = NULL;
	AUTO_BUF out = BUF_INIT;
	AUTO_BUF twice = BUF_INIT;
	const char *text = types[size ? data[0] % COUNT(types) : 0];
	struct err *e = json_parse(text, strlen(text), &type);

	if (!e && size)
		e = value_decode(data + 1, size - 1, type, &v);
	if (e || !size) {
		const bool odd = e && (v || e->kind != ERR_PROTOCOL);

		err_free(e);
		if (odd)
			abort();
		return 0;
	}
	(void)value_has_unknown(v);
	AUTO_ERR first = value_encode(v, type, &out);
	if (first)
		abort();
	AUTO_ERR second = value_decode((const uint8_t *)out.s, out.len, type, &again);
	if (second || !value_equal(v, again))
		abort();
	AUTO_ERR third = value_encode(again, type, &twice);
	if (third || twice.len != out.len || memcmp(twice.s, out.s, out.len) != 0)
		abort();
	return 0;
}
