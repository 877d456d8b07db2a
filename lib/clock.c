#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cut_now;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool cut;
static unsigned cuts; /* who slept through a cut and its end must know of it */

static void init(void)
{
	clock_cond_init(&cut_now);
}

void clock_cond_init(pthread_cond_t *ret)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(ret, &attr);
	(void)pthread_condattr_destroy(&attr);
}

struct timespec clock_in_ms(int64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	return t;
}

__attribute__((weak)) int64_t clock_ms(void)
{
	const struct timespec now = clock_in_ms(0);

	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((weak)) void clock_sleep_ms(int64_t ms)
{
	const struct timespec until = clock_in_ms(ms > 0 ? ms : 0);
	unsigned before;

	if (ms <= 0)
		return;
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	before = cuts;
	while (!atomic_load(&cut) && before == cuts)
		if (pthread_cond_timedwait(&cut_now, &lock, &until) != 0)
			break;
	(void)pthread_mutex_unlock(&lock);
}

void clock_cut(void)
{
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	atomic_store(&cut, true);
	cuts++;
	(void)pthread_cond_broadcast(&cut_now);
	(void)pthread_mutex_unlock(&lock);
}

void clock_uncut(void)
{
	atomic_store(&cut, false);
}

bool clock_is_cut(void)
{
	return atomic_load(&cut);
}
