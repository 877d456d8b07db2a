#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/statvfs.h>

#include "agent/agent.h"

enum { MIB = 1 << 20 };

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "free_mb", FIELD_INT, FIELD_NEEDED },
	{ 0 },
};

/* What is not there yet comes to lie where the folder above it does. */
static struct err *run(struct step *s)
{
	AUTO_STR path = xstrdup(json_str(s->args, "path"));
	const int64_t want = json_int(s->args, "free_mb", 0);
	const char *at = path;
	struct statvfs v;
	int64_t have;

	while (statvfs(at, &v) != 0) {
		if (errno != ENOENT || strcmp(at, "/") == 0)
			return agent_errno("looking at the file system of '%s'", at);
		at = dirname(path);
	}
	have = (int64_t)(v.f_bavail * v.f_frsize / MIB);
	json_set(s->line, "after", json_wrap("free_mb", json_object_new_int64(have)));
	if (have < want)
		return err_new(ERR_CONFLICT,
			       "the file system of '%s' has %lld MiB free, wanted are %lld",
			       json_str(s->args, "path"), (long long)have, (long long)want);
	return NULL;
}

const struct agent_kind agent_space = {
	.name = "space",
	.flags = KIND_READS,
	.fields = fields,
	.run = run,
};
