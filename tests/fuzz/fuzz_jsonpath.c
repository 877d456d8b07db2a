#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/ready.h"

/*
 * A path somebody wrote, and an object somebody sent (after the first line end): selected from or
 * refused, and whether it is refused as no path does not depend on the object.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
	const size_t len = end ? (size_t)(end - data) : size;
	AUTO_STR path = xstrndup((const char *)data, len);
	AUTO_JSON object = NULL;
	AUTO_JSON found = NULL;
	AUTO_JSON none = NULL;
	AUTO_ERR bad = end ? json_parse((const char *)end + 1, size - len - 1, &object) : NULL;
	AUTO_ERR e = jsonpath(object, path, &found);
	AUTO_ERR e2 = jsonpath(NULL, path, &none);

	if (bad && object)
		abort();
	if (!e == !found || !e2 == !none)
		abort();
	if ((e && e->kind != ERR_USAGE) || (e2 && e2->kind != ERR_USAGE))
		abort();
	if (!e && e2)
		abort();
	if (e && !e2 && !strstr(e->text, "too much"))
		abort();
	return 0;
}
