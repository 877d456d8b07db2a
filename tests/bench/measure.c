/*
 * measure OUT COMMAND...: runs it and writes to OUT: ms of processor time, ms in all, KiB at most.
 * Its parent could not tell the last: what a process used before exec() counts as its own.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
	struct timespec begin, end;
	struct rusage used;
	int status = 0;
	pid_t child;
	FILE *out;

	if (argc < 3)
		return 125;
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	child = fork();
	if (child == 0) {
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &used) < 0)
		return 126;
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	out = fopen(argv[1], "we");
	if (!out)
		return 126;
	(void)fprintf(out, "%.3f %.3f %ld\n", ms(used.ru_utime) + ms(used.ru_stime),
		      (double)(end.tv_sec - begin.tv_sec) * 1e3 +
			      (double)(end.tv_nsec - begin.tv_nsec) / 1e6,
		      used.ru_maxrss);
	return fclose(out) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 124;
}
