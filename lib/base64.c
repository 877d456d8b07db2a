#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "buf.h"
#include "text.h"

enum { MOST_BYTES = 64 << 20 }; /* decoded */

bool base64_text(const char *s, size_t len, struct buf *ret)
{
	EVP_ENCODE_CTX *x = EVP_ENCODE_CTX_new();
	AUTO_BUF plain = BUF_INIT;
	unsigned char *out;
	int n = 0, last = 0;
	size_t i;
	bool ok;

	for (i = 0; i < len; i++) {
		const char c = (char)(s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i]);

		if (c != '=' && !strchr(" \t\r\n", c))
			(void)buf_add(&plain, &c, 1);
	}
	while (plain.len % 4)
		buf_adds(&plain, "=");
	out = xcalloc(plain.len + 4, 1);
	EVP_DecodeInit(x);
	ok = memchr(s, '\0', len) == NULL && plain.len <= MOST_BYTES &&
	     EVP_DecodeUpdate(x, out, &n, (unsigned char *)plain.s, (int)plain.len) >= 0 &&
	     EVP_DecodeFinal(x, out + n, &last) == 1 &&
	     buf_add(ret, (char *)out, (size_t)n + (size_t)last);
	EVP_ENCODE_CTX_free(x);
	OPENSSL_cleanse(out, plain.len);
	free(out);
	buf_wipe(&plain);
	return ok;
}

char *base64_of(const char *s, size_t len)
{
	char *out = xcalloc(len / 3 * 4 + 5, 1);

	(void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)s, (int)len);
	return out;
}
