#include <pthread.h>
#include <time.h>

#include "clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cut_now;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool cut;

static void set_up(void)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&cut_now, &attr);
	(void)pthread_condattr_destroy(&attr);
}

__attribute__((weak)) int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((weak)) void clock_sleep_ms(int64_t ms)
{
	struct timespec until;

	if (ms <= 0)
		return;
	(void)pthread_once(&once, set_up);
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&lock);
	while (!cut && pthread_cond_timedwait(&cut_now, &lock, &until) == 0)
		;
	(void)pthread_mutex_unlock(&lock);
}

void clock_cut(void)
{
	(void)pthread_once(&once, set_up);
	(void)pthread_mutex_lock(&lock);
	cut = true;
	(void)pthread_cond_broadcast(&cut_now);
	(void)pthread_mutex_unlock(&lock);
}

bool clock_is_cut(void)
{
	(void)pthread_mutex_lock(&lock);
	const bool now = cut;
	(void)pthread_mutex_unlock(&lock);
	return now;
}
