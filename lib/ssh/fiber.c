#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "mem.h"
#include "ssh/fiber.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { STACK = 256 << 10 };
#else
enum { STACK = 64 << 10 };
#endif

struct fiber {
	ucontext_t inside, outside;
	void (*run)(void *arg);
	void *arg;
	char *stack; /* the page that may not be touched is its first */
	size_t page;
	bool ended;
	/* What the sanitizers remember of the two sides. */
	void *fake_inside, *fake_outside, *tsan_inside, *tsan_outside;
	const void *outside_stack;
	size_t outside_size;
};

static void enter(struct fiber *f)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(&f->fake_outside, f->stack + f->page, STACK);
#endif
#ifdef __SANITIZE_THREAD__
	f->tsan_outside = __tsan_get_current_fiber();
	__tsan_switch_to_fiber(f->tsan_inside, 0);
#endif
	(void)swapcontext(&f->outside, &f->inside);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(f->fake_outside, NULL, NULL);
#endif
}

static void entered(struct fiber *f)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_finish_switch_fiber(f->fake_inside, &f->outside_stack, &f->outside_size);
#else
	(void)f;
#endif
}

static void leave(struct fiber *f)
{
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_start_switch_fiber(f->ended ? NULL : &f->fake_inside, f->outside_stack,
				       f->outside_size);
#endif
#ifdef __SANITIZE_THREAD__
	__tsan_switch_to_fiber(f->tsan_outside, 0);
#endif
	(void)swapcontext(&f->inside, &f->outside);
	entered(f);
}

/* makecontext() hands on ints alone. */
union halves {
	struct fiber *f;
	unsigned i[2];
};

static void begin(unsigned first, unsigned second)
{
	const union halves both = { .i = { first, second } };
	struct fiber *f = both.f;

	entered(f);
	f->run(f->arg);
	f->ended = true;
	leave(f);
}

struct fiber *fiber_new(void (*run)(void *arg), void *arg)
{
	struct fiber *f = xcalloc(1, sizeof(*f));
	const union halves both = { f };

	f->run = run;
	f->arg = arg;
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	f->stack = mmap(NULL, STACK + f->page, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->stack == MAP_FAILED || mprotect(f->stack, f->page, PROT_NONE) != 0)
		abort(); /* as any allocation; tens of thousands of mappings are the kernel's limit */
	(void)getcontext(&f->inside);
	f->inside.uc_stack.ss_sp = f->stack + f->page;
	f->inside.uc_stack.ss_size = STACK;
	makecontext(&f->inside, (void (*)(void))begin, 2, both.i[0], both.i[1]);
#ifdef __SANITIZE_THREAD__
	f->tsan_inside = __tsan_create_fiber(0);
#endif
	return f;
}

bool fiber_resume(struct fiber *f)
{
	enter(f);
	return f->ended;
}

void fiber_yield(struct fiber *f)
{
	leave(f);
}

void fiber_trim(struct fiber *f)
{
	const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	const uintptr_t low = (uintptr_t)f->stack + f->page;
	/* The page below is that of what is called from here. */
	const uintptr_t high = (here & ~(uintptr_t)(f->page - 1)) - f->page;

	if (high > low)
		(void)madvise(f->stack + f->page, high - low, MADV_DONTNEED);
}

void fiber_free(struct fiber *f)
{
	if (!f)
		return;
#ifdef __SANITIZE_THREAD__
	__tsan_destroy_fiber(f->tsan_inside);
#endif
	(void)munmap(f->stack, STACK + f->page);
	free(f);
}
