#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/files.h"
#include "clock.h"

enum { FIRST_MS = 20, MOST_MS = 500 };

static char *lock_path(const struct agent *a)
{
	return geteuid() == 0 ? xstrdup("/run/treenail-agent.lock")
			      : xasprintf("%s/lock", a->folder);
}

static struct err *held(const char *path, struct err *why)
{
	AUTO_STR who = file_line(path);
	struct err *e = err_new(ERR_TIMEOUT, "another plan is being run here (%s): %s",
				*who ? who : "it does not say whose", why->text);

	err_free(why);
	return e;
}

static void say_who(const struct agent *a)
{
	const char *by = json_str(a->plan, "by");
	AUTO_STR text = xasprintf("process %d, for %.200s\n", (int)getpid(), by ? by : "nobody");

	if (ftruncate(a->lock, 0) == 0)
		(void)!pwrite(a->lock, text, strlen(text), 0);
}

struct err *agent_lock(struct agent *a)
{
	AUTO_STR path = lock_path(a);
	struct err *e;

	a->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (a->lock < 0)
		return agent_errno("opening '%s'", path);
	for (int64_t ms = FIRST_MS; flock(a->lock, LOCK_EX | LOCK_NB) != 0;
	     ms = 2 * ms < MOST_MS ? 2 * ms : MOST_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return agent_errno("locking '%s'", path);
		e = agent_pause(a, ms);
		if (e)
			return held(path, e);
	}
	say_who(a);
	return NULL;
}
