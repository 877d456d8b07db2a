#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/*
 * The clock of retries, deadlines and waits. Both are weak symbols: a test that defines its own gets
 * them everywhere. A replaced clock must still move, or what never answers never times out.
 */

/* Monotonic milliseconds. */
int64_t clock_ms(void);
void clock_sleep_ms(int64_t ms);

#endif
