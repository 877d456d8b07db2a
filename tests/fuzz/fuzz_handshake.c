#include <string.h>

#include "handshake.h"
#include "tls.h"

/* What the environment says to a plugin: the versions that are offered, and a certificate. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void versions(const char *text)
{
	static const struct plugin p = { .name = "x", .address = "a/b/x", .protocol = 6 };
	struct err *e = handshake_check_protocol(&p, text);

	if (!e && !strchr(text, '6'))
		__builtin_trap();
	err_free(e);
}

static void certificate(const char *text)
{
	static EVP_PKEY *key;
	static X509 *cert;
	SSL_CTX *ctx = NULL;
	struct err *e = key ? NULL : tls_identity("P-256", &key, &cert);

	if (!e)
		e = tls_server(text, key, cert, &ctx);
	if (!e != !!ctx)
		__builtin_trap();
	SSL_CTX_free(ctx);
	err_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR text = xcalloc(size + 1, 1);

	memcpy(text, data, size);
	if (size && *data == '-')
		certificate(text);
	else
		versions(text);
	return 0;
}
