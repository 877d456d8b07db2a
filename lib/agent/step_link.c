#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "to", FIELD_TEXT, FIELD_NEEDED },
	{ 0 },
};

static struct err *make(const char *path, const char *to)
{
	AUTO_STR temp = xasprintf("%s.treenail-new", path);
	struct err *e = NULL;

	(void)unlink(temp);
	if (symlink(to, temp) != 0)
		return agent_errno("making link '%s'", path);
	if (rename(temp, path) != 0) {
		e = agent_errno("making link '%s'", path);
		(void)unlink(temp);
	}
	return e;
}

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path"), *to = json_str(s->args, "to");
	char now[PATH_MAX];
	struct found f = { 0 };
	struct err *e = file_find(path, false, &f);
	ssize_t n;
	bool go;

	if (e)
		return e;
	n = f.there && S_ISLNK(f.st.st_mode) ? readlink(path, now, sizeof(now)) : -1;
	if (n == (ssize_t)strlen(to) && memcmp(now, to, (size_t)n) == 0)
		return NULL;
	if (f.there && S_ISDIR(f.st.st_mode))
		return err_new(ERR_CONFLICT, "'%s' is a folder", path);
	json_set(s->line, "before", n < 0 ? file_shown(s, path, &f) : step_text(now, (size_t)n));
	json_set(s->line, "after", step_text(to, strlen(to)));
	e = step_change(s, &go);
	return e || !go ? e : make(path, to);
}

const struct agent_kind agent_link = {
	.name = "link",
	.fields = fields,
	.run = run,
};
