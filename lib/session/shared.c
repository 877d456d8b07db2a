#include <openssl/evp.h>
#include <string.h>

#include "session/shared.h"

struct err *set_tags(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/tags", op->id);
	AUTO_JSON body = json_wrap("tags", json_object_get(value));
	struct err *e = op_call(op, "PUT", tail, body, NULL);

	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

struct json_object *encode_base64(struct json_object *value)
{
	const char *s = json_object_get_string(value);
	const size_t len = strlen(s);
	char *text = xcalloc(len / 3 * 4 + 8, 1);
	struct json_object *v;

	(void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)s, (int)len);
	v = json_object_new_string(text);
	wipe_free(text);
	return v;
}
