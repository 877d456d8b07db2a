#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/files.h"

enum { DAY_S = 86400, BLOB_DAYS = 7, AGENT_DAYS = 30, HEX = SHA256_HEX - 1 };

char *blob_path(const struct agent *a, const char *sha256)
{
	return xasprintf("%s/blobs/%s", a->folder, sha256);
}

static const char *blob_of(const struct step *s)
{
	return s->kind->wants_blob ? json_str(s->args, "blob") : NULL;
}

static void lacks(struct json_object *list, struct agent *a, const char *sha256)
{
	AUTO_STR path = blob_path(a, sha256);
	AUTO_STR part = xasprintf("%s.part", path);
	struct json_object *o;
	struct stat st;

	if (access(path, F_OK) == 0)
		return;
	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(json_str(json_nth(list, i), "sha256"), sha256) == 0)
			return;
	o = json_object_new_object();
	json_sets(o, "sha256", sha256);
	json_set(o, "have", json_object_new_int64(stat(part, &st) == 0 ? (int64_t)st.st_size : 0));
	json_object_array_add(list, o);
}

struct json_object *blobs_lacking(struct agent *a)
{
	AUTO_JSON list = json_object_new_array();

	for (size_t i = 0; i < a->nsteps; i++) {
		struct step *s = a->steps + i;

		if (blob_of(s) && s->kind->wants_blob(s))
			lacks(list, a, blob_of(s));
	}
	return json_len(list) ? TAKE(list) : NULL;
}

struct err *blob_open(struct agent *a, const char *sha256, int *ret)
{
	AUTO_STR path = blob_path(a, sha256);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char sum[SHA256_HEX];

	if (fd < 0)
		return agent_errno(
			"opening blob %s: it was not foreseen that it is wanted: run the plan again",
			sha256);
	if (sha256_fd(fd, sum) && strcmp(sum, sha256) == 0) {
		*ret = fd;
		return NULL;
	}
	(void)close(fd);
	(void)unlink(path);
	return err_new(ERR_CONFLICT, "blob %s was damaged here and is removed: run the plan again",
		       sha256);
}

static bool used(const struct agent *a, const char *name)
{
	for (size_t i = 0; i < a->nsteps; i++) {
		const char *blob = blob_of(a->steps + i);

		if (blob && strcmp(blob, name) == 0)
			return true;
	}
	return false;
}

static bool is_sum(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

static void sweep(const struct agent *a, const char *folder, const char *prefix, size_t hex,
		  int days)
{
	const time_t limit = time(NULL) - (time_t)days * DAY_S;
	DIR *d = opendir(folder);
	const struct dirent *at;
	struct stat st;

	if (!d)
		return;
	while ((at = readdir(d))) {
		const size_t skip = strlen(prefix);

		if (strncmp(at->d_name, prefix, skip) != 0 ||
		    strnlen(at->d_name, skip + hex) < skip + hex || !is_sum(at->d_name + skip, hex))
			continue;
		if (fstatat(dirfd(d), at->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (st.st_mtime < limit || used(a, at->d_name)))
			(void)unlinkat(dirfd(d), at->d_name, 0);
	}
	(void)closedir(d);
}

/* Once a day the agent marks itself as in use: those of other versions go when they are not. */
static void mark(void)
{
	struct stat st;

	if (stat("/proc/self/exe", &st) == 0 && st.st_mtime < time(NULL) - DAY_S)
		(void)utimensat(AT_FDCWD, "/proc/self/exe", NULL, 0);
}

void blobs_sweep(struct agent *a)
{
	AUTO_STR blobs = xasprintf("%s/blobs", a->folder);

	mark();
	sweep(a, blobs, "", HEX, BLOB_DAYS);
	sweep(a, a->folder, "agent-", 16, AGENT_DAYS);
}
