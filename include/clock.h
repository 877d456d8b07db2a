#ifndef CLOCK_H
#define CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/*
 * The clock of retries, deadlines and waits. Both are weak symbols: a test that defines its own gets
 * them everywhere. A replaced clock must still move, or what never answers never times out.
 */

/* Monotonic milliseconds. */
int64_t clock_ms(void);
void clock_sleep_ms(int64_t ms);

/*
 * For a program that is told to end while it waits: from here on clock_sleep_ms() returns at once, in
 * all threads, and whoever polls or repeats gives up when clock_is_cut().
 */
void clock_cut(void);
bool clock_is_cut(void);
/* Sleeps last again; those that were cut stay cut. */
void clock_uncut(void);
/* Conditions of this clock, and a time from now for them. */
void clock_cond_init(pthread_cond_t *ret);
struct timespec clock_in_ms(int64_t ms);

#endif
