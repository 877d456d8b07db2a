#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "stop.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stopped; /* of the monotonic clock */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool stopping;
static unsigned stops; /* who slept through a stop and its end must know of it */

static void init(void)
{
	stop_cond_init(&stopped);
}

void stop_cond_init(pthread_cond_t *ret)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(ret, &attr);
	(void)pthread_condattr_destroy(&attr);
}

struct timespec stop_in_ms(int64_t ms)
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

void plugin_stop(void)
{
	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	atomic_store(&stopping, true);
	stops++;
	(void)pthread_cond_broadcast(&stopped);
	(void)pthread_mutex_unlock(&lock);
}

void stop_over(void)
{
	atomic_store(&stopping, false);
}

bool plugin_stopping(void)
{
	return atomic_load(&stopping);
}

bool plugin_sleep_ms(int64_t ms)
{
	const struct timespec until = stop_in_ms(ms > 0 ? ms : 0);
	unsigned before;
	bool cut;

	(void)pthread_once(&once, init);
	(void)pthread_mutex_lock(&lock);
	before = stops;
	while (!atomic_load(&stopping) && before == stops)
		if (pthread_cond_timedwait(&stopped, &lock, &until) != 0)
			break;
	cut = atomic_load(&stopping) || before != stops;
	(void)pthread_mutex_unlock(&lock);
	return !cut;
}
