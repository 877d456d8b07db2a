#ifndef DIGEST_H
#define DIGEST_H

#include <stddef.h>

#include "err.h"

/* Hashes by the names OpenSSL has for them ("md5", "sha512"), in lower-case hexadecimal; owned. */
char *digest_text(const char *algo, const char *s, size_t len);
/* Of a whole file, wherever its offset is; that is left alone. ERR_USAGE for an unknown name. */
MUST_USE struct err *digest_fd(const char *algo, int fd, char **ret);

#endif
