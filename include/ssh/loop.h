#ifndef SSH_LOOP_H
#define SSH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Many tasks, each a fiber, on the one thread that is inside loop_run(): epoll(7) for what they wait
 * for, and deadlines, which are kept to some 10 ms. Nothing here is for a second thread, but for
 * loop_poke().
 */
struct loop;
struct task;

struct loop *loop_new(void);
/* The tasks have ended by then. NULL is fine. */
void loop_free(struct loop *l);
/* Begins a task; `run` may do so from inside of another. It is freed when it ends. */
struct task *loop_add(struct loop *l, void (*run)(struct task *t, void *arg), void *arg);
/* Returns when all tasks have ended. */
void loop_run(struct loop *l);
/* A descriptor that does nothing, for those who want to see one. */
int loop_fd(const struct loop *l);
/* From any thread: each task that waits with `poked` looks again. */
void loop_poke(struct loop *l);

enum task_wait {
	TASK_READS = 1 << 0,
	TASK_WRITES = 1 << 1,
	TASK_POKED = 1 << 2,
};
/*
 * From inside of the task: gives way until fd can do one of `what`, task_wake(), or clock_ms() is
 * `until`. May return early; who waits looks again. fd -1: none. clock_cut() ends waits within a
 * second.
 */
void task_wait(struct task *t, int fd, unsigned what, int64_t until);
/* NULL is fine. */
void task_wake(struct task *t);
/* fd is about to be closed: what was remembered of it is forgotten. */
void task_forget(struct task *t, int fd);
/* See fiber_trim(). */
void task_trim(struct task *t);

#endif
