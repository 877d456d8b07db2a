#ifndef MEM_H
#define MEM_H

#include <stddef.h>
#include <stdlib.h>

#include "err.h"

/*
 * Allocation never fails: out of memory ends the process (exit 70), here and nowhere else. In
 * exchange every size that comes from outside has a cap before it reaches an allocation.
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_STR    CLEANUP(auto_free) char *
#define AUTO_ERR    CLEANUP(auto_err) struct err *

/* Hands an owned pointer on: evaluates to it and leaves NULL behind. */
#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static inline void auto_free(char **p)
{
	free(*p);
}
static inline void auto_err(struct err **p)
{
	err_free(*p);
}

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s); /* NULL stays NULL */
char *xstrndup(const char *s, size_t len);
PRINTF(1, 2) char *xasprintf(const char *fmt, ...);
PRINTF(1, 0) char *xvasprintf(const char *fmt, __builtin_va_list ap);
/* Frees a string after overwriting it. NULL is fine. */
void wipe_free(char *s);

#endif
