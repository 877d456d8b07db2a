/* Preloaded: the wall clock goes wrong by CLOCK_SHIFT seconds after CLOCK_AFTER looks at it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void)
{
	static long looks;
	const char *by = getenv("CLOCK_SHIFT"), *after = getenv("CLOCK_AFTER");

	return by && ++looks > (after ? strtol(after, NULL, 10) : 0) ? strtol(by, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	static int (*next)(clockid_t, struct timespec *);
	int rc;

	if (!next)
		next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	rc = next(id, ts);
	if (id == CLOCK_REALTIME)
		ts->tv_sec += shift();
	return rc;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
	struct timespec ts;

	(void)tz;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}
