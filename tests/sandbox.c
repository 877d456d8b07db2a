#include "sandbox.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

static char home[64];
static int came_from = -1;

static void forget(void)
{
	static const char *const prefixes[] = {
		"OS_", "XDG_", "TREENAIL_", "SNAP_", "K8S_", "KUBE"
	};

	for (size_t i = 0; environ && environ[i];) {
		AUTO_STR name = xstrndup(environ[i], strcspn(environ[i], "="));
		size_t j = 0;

		while (j < COUNT(prefixes) && strncmp(name, prefixes[j], strlen(prefixes[j])) != 0)
			j++;
		if (j == COUNT(prefixes) || unsetenv(name) != 0)
			i++;
	}
}

void sandbox_enter(void)
{
	(void)snprintf(home, sizeof(home), "%s", "/tmp/treenail-test-XXXXXX");
	came_from = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (came_from < 0 || !mkdtemp(home) || chdir(home) < 0)
		abort();
	forget();
	sandbox_env("no_proxy=*");
	(void)setenv("HOME", home, 1);
	(void)setenv("XDG_CONFIG_DIRS", home, 1);
	AUTO_STR cache = xasprintf("%s/cache", home);
	(void)setenv("TREENAIL_CACHE_DIR", cache, 1);
}

static int gone(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	(void)remove(path);
	return 0;
}

void sandbox_leave(void)
{
	forget();
	if (fchdir(came_from) < 0)
		abort();
	(void)close(came_from);
	(void)nftw(home, gone, 16, FTW_DEPTH | FTW_PHYS);
}

const char *sandbox_path(void)
{
	return home;
}

void sandbox_write(const char *path, const char *text)
{
	AUTO_STR full = xasprintf("%s/%s", home, path);
	FILE *f;

	for (char *p = strchr(full + strlen(home) + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(full, 0700);
		*p = '/';
	}
	f = fopen(full, "we");
	if (!f || fputs(text, f) == EOF || fclose(f) != 0)
		abort();
}

void sandbox_env(const char *setting)
{
	AUTO_STR name = xstrndup(setting, strcspn(setting, "="));

	if (setenv(name, setting + strlen(name) + 1, 1) != 0)
		abort();
}
