#include "ending.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "clock.h"
#include "mem.h"

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
static sem_t told;

static void handle(void (*handler)(int), int flags)
{
	struct sigaction a = { .sa_flags = flags };

	a.sa_handler = handler;
	for (size_t i = 0; i < COUNT(signals); i++)
		(void)sigaction(signals[i], &a, NULL);
}

static void on_signal(int which)
{
	(void)which;
	(void)sem_post(&told);
}

/* A handler may not do it itself. */
static void *cut_main(void *arg)
{
	while (sem_wait(&told))
		;
	handle(SIG_DFL, 0);
	clock_cut();
	return arg;
}

static void begin(void)
{
	pthread_t thread;

	if (sem_init(&told, 0, 0) || pthread_create(&thread, NULL, cut_main, NULL))
		return;
	(void)pthread_detach(thread);
	handle(on_signal, SA_RESTART);
}

void ending_told(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, begin);
}
