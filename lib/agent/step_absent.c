#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"

enum { DEPTH_MAX = 200 };

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "recursive", FIELD_BOOL },
	{ 0 },
};

struct removal {
	struct agent *agent;
	dev_t device;
};

static struct err *remove_at(const struct removal *r, int folder, const char *name,
			     const char *shown, int depth);

static struct err *empty(const struct removal *r, int fd, const char *shown, int depth)
{
	DIR *d = fdopendir(fd);
	const struct dirent *at;
	struct err *e = NULL;

	if (!d) {
		(void)close(fd);
		return agent_errno("reading folder '%s'", shown);
	}
	while (!e && (at = readdir(d))) {
		AUTO_STR path = xasprintf("%s/%s", shown, at->d_name);

		if (strcmp(at->d_name, ".") != 0 && strcmp(at->d_name, "..") != 0)
			e = remove_at(r, dirfd(d), at->d_name, path, depth + 1);
	}
	(void)closedir(d);
	return e;
}

/* By descriptors: nobody can put a link in the way. Other file systems are somebody else's data. */
static struct err *remove_at(const struct removal *r, int folder, const char *name,
			     const char *shown, int depth)
{
	struct stat st;
	struct err *e;
	int fd;

	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return NULL;
	if (errno != EISDIR && errno != EPERM)
		return agent_errno("removing '%s'", shown);
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return agent_errno("removing '%s'", shown);
	if (st.st_dev != r->device || depth > DEPTH_MAX || agent_is_stopped(r->agent)) {
		(void)close(fd);
		return st.st_dev != r->device
			       ? err_new(ERR_CONFLICT,
					 "'%s' is another file system: unmount it first", shown)
			       : err_new(ERR_REMOTE, "removing '%s': %s", shown,
					 depth > DEPTH_MAX ? "folders too deep"
							   : "it was told to end");
	}
	e = empty(r, fd, shown, depth);
	if (!e && unlinkat(folder, name, AT_REMOVEDIR) != 0)
		e = agent_errno("removing '%s'", shown);
	return e;
}

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path");
	const bool recursive = json_truth(s->args, "recursive", false);
	struct found f = { 0 };
	struct err *e = file_find(path, false, &f);
	bool go;

	if (e || !f.there)
		return e;
	if (recursive && !strchr(path + 1 + strspn(path + 1, "/"), '/'))
		return err_new(ERR_USAGE, "'%s' is not removed with all that is in it", path);
	json_set(s->line, "before", file_shown(s, path, &f));
	e = step_change(s, &go);
	if (e || !go)
		return e;
	if (S_ISDIR(f.st.st_mode) && recursive)
		return remove_at(&(struct removal){ s->agent, f.st.st_dev }, AT_FDCWD, path, path,
				 0);
	if ((S_ISDIR(f.st.st_mode) ? rmdir(path) : unlink(path)) != 0)
		return agent_errno("removing '%s'", path);
	return NULL;
}

const struct agent_kind agent_absent = {
	.name = "absent",
	.fields = fields,
	.run = run,
};
