#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "mem.h"

enum { PART = 1 << 18 };

static char *finish(EVP_MD_CTX *ctx)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char *hex;

	(void)EVP_DigestFinal_ex(ctx, sum, &len);
	hex = xcalloc(2 * (size_t)len + 1, 1);
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[sum[i] >> 4];
		hex[2 * i + 1] = digits[sum[i] & 15];
	}
	return hex;
}

/* NULL: there is no such hash. */
static EVP_MD_CTX *begin(const char *algo)
{
	EVP_MD *md = EVP_MD_fetch(NULL, algo, NULL);
	EVP_MD_CTX *ctx = md ? EVP_MD_CTX_new() : NULL;

	if (ctx && !EVP_DigestInit_ex(ctx, md, NULL)) {
		EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	EVP_MD_free(md);
	return ctx;
}

char *digest_text(const char *algo, const char *s, size_t len)
{
	EVP_MD_CTX *ctx = begin(algo);
	char *hex = NULL;

	if (ctx) {
		(void)EVP_DigestUpdate(ctx, s, len);
		hex = finish(ctx);
	}
	EVP_MD_CTX_free(ctx);
	return hex;
}

struct err *digest_fd(const char *algo, int fd, char **ret)
{
	EVP_MD_CTX *ctx = begin(algo);
	AUTO_STR part = xcalloc(PART, 1);
	off_t at = 0;
	ssize_t n;

	if (!ctx)
		return err_new(ERR_USAGE, "no hash is called '%s' here", algo);
	while ((n = pread(fd, part, PART, at)) > 0) {
		(void)EVP_DigestUpdate(ctx, part, (size_t)n);
		at += n;
	}
	if (n == 0)
		*ret = finish(ctx);
	EVP_MD_CTX_free(ctx);
	return n < 0 ? err_new(ERR_USAGE, "reading it: %s", strerror(errno)) : NULL;
}
