#include <errno.h>
#include <string.h>

#include "agent/files.h"

enum { MODE_NEW = 0755 };

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "mode", FIELD_MODE },
	{ "owner", FIELD_TEXT },
	{ 0 },
};

/* Those above it are root's, with the usual mode. */
static struct err *make(const char *path)
{
	AUTO_STR part = xstrdup(path);

	for (char *at = part + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, MODE_NEW) != 0 && errno != EEXIST)
			return agent_errno("making folder '%s'", part);
		*at = '/';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return agent_errno("making folder '%s'", path);
	return NULL;
}

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path");
	struct found old = { 0 }, now = { 0 };
	struct want w = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	struct err *e = want_of(s, &w);
	struct stat st;
	bool go;

	if (!e)
		e = file_find(path, false, &old);
	if (e)
		return e;
	/* A link to a folder is one: /var/run. */
	if (old.there && S_ISLNK(old.st.st_mode) && stat(path, &st) == 0)
		old.st = st;
	if (old.there && !S_ISDIR(old.st.st_mode))
		return err_new(ERR_CONFLICT, "'%s' is no folder", path);
	if (old.there && want_is_met(&w, &old.st))
		return NULL;
	if (!old.there && w.mode == WANT_ANY)
		w.mode = MODE_NEW;
	json_set(s->line, "before", file_shown(s, path, &old));
	json_set(s->line, "after", file_promised(s, &w, &old, NULL, NULL, 0));
	e = step_change(s, &go);
	if (!e && go && !old.there)
		e = make(path);
	if (e || !go)
		return e;
	e = file_find(path, false, &now);
	return e ? e : want_meet(&w, path, &now.st);
}

const struct agent_kind agent_folder = {
	.name = "folder",
	.fields = fields,
	.run = run,
};
