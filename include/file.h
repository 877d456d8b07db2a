#ifndef FILE_H
#define FILE_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

/* What this machine has to say: files and the environment. */

/* A whole file of at most `max` bytes, added to *ret; its path begins the message of an error. */
MUST_USE struct err *file_text(const char *path, size_t max, struct buf *ret);
/* ~/x -> /home/a/x. Owned; NULL stays NULL. */
char *path_expand(const char *path);
/* The only place that reads the environment. NULL: not set or empty. Borrowed. */
const char *env_get(const char *name);

#endif
