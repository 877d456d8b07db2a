/*
 * The first process of a pod: does nothing, and buries the others. With -v it ends at once, which a job
 * of kubeadm's does to see whether pods run at all.
 */
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int number)
{
	(void)number;
	_exit(0);
}

static void bury(int number)
{
	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(int argc, char *argv[])
{
	struct sigaction on_end = { .sa_handler = end };
	struct sigaction on_child = { .sa_handler = bury, .sa_flags = SA_NOCLDSTOP };

	if (argc > 1 && strcmp(argv[1], "-v") == 0)
		return 0;
	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGCHLD, &on_child, NULL);
	for (;;)
		pause();
}
