#include "agent/packages.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

static const struct package_manager *const managers[] = { &package_apt };

bool package_version_is(const char *have, const char *want)
{
	const size_t n = strlen(want);

	if (strpbrk(want, "*?["))
		return fnmatch(want, have, 0) == 0;
	return strncmp(have, want, n) == 0 && (!have[n] || have[n] == '-');
}

static bool on_path(const char *program)
{
	const char *at = secure_getenv("PATH");

	while (at && *at) {
		const size_t n = strcspn(at, ":");
		AUTO_STR path = xasprintf("%.*s/%s", (int)n, at, program);

		if (access(path, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

const struct package_manager *package_manager(void)
{
	for (size_t i = 0; i < COUNT(managers); i++)
		if (on_path(managers[i]->program))
			return managers[i];
	return NULL;
}
