#ifndef DICE_H
#define DICE_H

#include <stddef.h>
#include <stdint.h>

/* Chance that is the same each time. */
struct dice {
	uint64_t state;
};

/* Less than n. */
static inline size_t roll(struct dice *d, size_t n)
{
	d->state = d->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (size_t)(d->state >> 33) % n;
}

#define one_of(d, list) ((list)[roll(d, COUNT(list))])

#endif
