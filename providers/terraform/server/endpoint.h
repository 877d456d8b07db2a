#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "buf.h"

/* A Unix socket in a directory of its own that only this user can enter. */
struct endpoint {
	int fd; /* -1: none */
	char *dir, *path;
};

/*
 * Listens in the first of these directories that takes it (NULL ones are left out): a path of a socket
 * has 107 bytes at most, so a long TMPDIR does not.
 */
MUST_USE struct err *endpoint_open(const char *const *dirs, size_t n, struct endpoint *ret);
/* Removes the path; who is connected stays connected. Any number of times. */
void endpoint_unlink(struct endpoint *e);
void endpoint_close(struct endpoint *e);

#endif
