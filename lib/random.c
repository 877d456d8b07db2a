#include "random.h"

#include <openssl/rand.h>

#include "buf.h"

enum { BYTES = 8 };

struct err *random_mark(char **ret)
{
	unsigned char s[BYTES];
	AUTO_BUF text = BUF_INIT;

	if (RAND_bytes(s, sizeof(s)) != 1)
		return err_new(ERR_USAGE, "the machine has no random numbers");
	for (size_t i = 0; i < sizeof(s); i++)
		buf_addf(&text, "%02x", s[i]);
	*ret = buf_take(&text);
	return NULL;
}
