#include "oracle.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_THERE = 127, BY_SIGNAL = 128 };

static void become(const char *const *argv, int out)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char **args;

	memcpy(&args, &argv, sizeof(args));
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	(void)execvp(args[0], args);
	_exit(NOT_THERE);
}

int oracle_run(const char *const *argv, struct buf *ret)
{
	char chunk[4096];
	int ends[2], status = 0;
	ssize_t n = 1;
	pid_t pid;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		become(argv, ends[1]);
	(void)close(ends[1]);
	while (n > 0) {
		n = read(ends[0], chunk, sizeof(chunk));
		if (n > 0)
			(void)buf_add(ret, chunk, (size_t)n);
	}
	(void)close(ends[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL;
}

char *oracle_print(const char *const *argv)
{
	AUTO_BUF b = BUF_INIT;
	const int rc = oracle_run(argv, &b);

	ck_assert_msg(rc == 0, "%s %s: exit code %d", argv[0], argv[1], rc);
	return buf_take(&b);
}
