#include "workers.h"
#include "clock.h"

#include <pthread.h>
#include <sys/eventfd.h>

enum { THREADS_MAX = 256, QUEUED_MAX = 4096, IDLE_MS = 10000, STACK_BYTES = 1 << 20 };

struct workers {
	void (*run)(void *arg, struct job *job);
	void *arg;
	int done_fd;
	pthread_mutex_t lock;
	pthread_cond_t queued_more, thread_gone;
	struct job *first, **last; /* queue */
	struct job *done;
	size_t queued, idle, threads;
	bool ending;
};

void job_free(struct job *job)
{
	buf_wipe(&job->body);
	buf_release(&job->body);
	buf_wipe(&job->reply);
	buf_release(&job->reply);
	free(job->method);
	free(job);
}

struct workers *workers_new(void (*run)(void *arg, struct job *job), void *arg, int done_fd)
{
	struct workers *w = xcalloc(1, sizeof(*w));

	w->run = run;
	w->arg = arg;
	w->done_fd = done_fd;
	w->last = &w->first;
	(void)pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->queued_more);
	clock_cond_init(&w->thread_gone);
	return w;
}

/* With the lock held. NULL: there was none for a while, or there will be none. */
static struct job *next_job(struct workers *w)
{
	const struct timespec until = clock_in_ms(IDLE_MS);
	struct job *job;

	w->idle++;
	while (!w->first && !w->ending)
		if (pthread_cond_timedwait(&w->queued_more, &w->lock, &until) != 0)
			break;
	w->idle--;
	job = w->ending ? NULL : w->first;
	if (!job)
		return NULL;
	w->first = job->next;
	if (!w->first)
		w->last = &w->first;
	w->queued--;
	return job;
}

static void *work(void *arg)
{
	struct workers *w = arg;
	struct job *job;

	(void)pthread_mutex_lock(&w->lock);
	while ((job = next_job(w))) {
		(void)pthread_mutex_unlock(&w->lock);
		w->run(w->arg, job);
		(void)pthread_mutex_lock(&w->lock);
		job->next = w->done;
		w->done = job;
		(void)eventfd_write(w->done_fd, 1);
	}
	w->threads--;
	(void)pthread_cond_signal(&w->thread_gone);
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* With the lock held. */
static void start_thread(struct workers *w)
{
	pthread_attr_t attr;
	pthread_t id;

	if (pthread_attr_init(&attr) != 0)
		return;
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&id, &attr, work, w) == 0)
		w->threads++;
	(void)pthread_attr_destroy(&attr);
}

bool workers_add(struct workers *w, struct job *job)
{
	bool taken;

	(void)pthread_mutex_lock(&w->lock);
	/* Against all that wait, not against "nobody is idle": a job must never wait for a long one. */
	if (w->queued >= w->idle && w->threads < THREADS_MAX)
		start_thread(w);
	taken = w->threads && w->queued < QUEUED_MAX;
	if (taken) {
		job->next = NULL;
		*w->last = job;
		w->last = &job->next;
		w->queued++;
		(void)pthread_cond_signal(&w->queued_more);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return taken;
}

struct job *workers_done(struct workers *w)
{
	struct job *jobs;

	(void)pthread_mutex_lock(&w->lock);
	jobs = w->done;
	w->done = NULL;
	(void)pthread_mutex_unlock(&w->lock);
	return jobs;
}

static void free_all(struct job *jobs)
{
	while (jobs) {
		struct job *next = jobs->next;

		job_free(jobs);
		jobs = next;
	}
}

bool workers_end(struct workers *w, int64_t grace_ms)
{
	const struct timespec until = clock_in_ms(grace_ms);
	bool left;

	(void)pthread_mutex_lock(&w->lock);
	w->ending = true;
	(void)pthread_cond_broadcast(&w->queued_more);
	while (w->threads)
		if (pthread_cond_timedwait(&w->thread_gone, &w->lock, &until) != 0)
			break;
	left = w->threads;
	(void)pthread_mutex_unlock(&w->lock);
	if (left)
		return false;
	free_all(w->first);
	free_all(w->done);
	(void)pthread_cond_destroy(&w->queued_more);
	(void)pthread_cond_destroy(&w->thread_gone);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}
