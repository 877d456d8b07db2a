#ifndef SSH_FIBER_H
#define SSH_FIBER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A coroutine: a function on a stack of its own (64 KiB, 256 KiB under a sanitizer; below it a page that
 * may not be touched), which can give way and is later gone on with. ucontext(3) switches. The
 * sanitizers of addresses and of threads are told of each switch.
 *
 * Why not a state machine: a session with authentication, agent, sudo and SFTP is straight code of
 * some 30 waits here, and would be as many states there. What it costs is measured in tests/t_ssh.c
 * with the rest of a session; what a key exchange touched of the stack is given back by fiber_trim().
 */
struct fiber;
struct fiber *fiber_new(void (*run)(void *arg), void *arg);
/* Goes on with it until it gives way or ends; from outside of any fiber. True: it has ended. */
bool fiber_resume(struct fiber *f);
/* Gives way; from inside. */
void fiber_yield(struct fiber *f);
/* Hands the stack's pages that are not in use now back to the system; from inside. */
void fiber_trim(struct fiber *f);
/* One that has ended, or never began. NULL is fine. */
void fiber_free(struct fiber *f);

#endif
