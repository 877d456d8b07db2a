#ifndef POOL_H
#define POOL_H

#include <stddef.h>

/*
 * Calls fn(arg, i) for all i in [0, n), at most `width` at a time, in no order, and returns when all
 * have. One item, or a width of 1, runs in the caller's thread.
 */
void pool_run(size_t n, int width, void (*fn)(void *arg, size_t i), void *arg);

#endif
