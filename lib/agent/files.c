#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"

enum { MODE_BITS = 07777, MODE_NEW = 0644, PART = 256 << 10, LINE_MAX_BYTES = 64 << 10 };

struct err *file_find(const char *path, bool sum, struct found *ret)
{
	struct found f = { 0 };
	int fd;
	bool ok;

	if (lstat(path, &f.st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return agent_errno("looking at '%s'", path);
		*ret = f;
		return NULL;
	}
	f.there = true;
	if (sum && S_ISREG(f.st.st_mode)) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			return agent_errno("reading '%s'", path);
		ok = sha256_fd(fd, f.sha256);
		(void)close(fd);
		if (!ok)
			return agent_errno("reading '%s'", path);
	}
	*ret = f;
	return NULL;
}

/* ---- mode and owner ---- */

struct err *want_of(const struct step *s, struct want *ret)
{
	const char *mode = json_str(s->args, "mode"), *owner = json_str(s->args, "owner");
	struct want w = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	struct err *e = owner ? owner_parse(owner, &w.uid, &w.gid) : NULL;

	/* In check mode it may be that a step before this one would have made the user. */
	if (e && s->agent->check) {
		err_free(e);
		e = NULL;
	}
	if (mode)
		w.mode = (mode_t)strtoul(mode, NULL, 8);
	if (!e)
		*ret = w;
	return err_at(e, "owner");
}

bool want_is_met(const struct want *w, const struct stat *st)
{
	return (w->mode == WANT_ANY || w->mode == (st->st_mode & MODE_BITS)) &&
	       (w->uid == (uid_t)-1 || w->uid == st->st_uid) &&
	       (w->gid == (gid_t)-1 || w->gid == st->st_gid);
}

/* The owner first: chown(2) takes set-user-ID bits away. */
struct err *want_meet(const struct want *w, const char *path, const struct stat *st)
{
	if (want_is_met(w, st))
		return NULL;
	if ((w->uid != (uid_t)-1 || w->gid != (gid_t)-1) && lchown(path, w->uid, w->gid) != 0)
		return agent_errno("giving '%s' its owner", path);
	if (chmod(path, w->mode == WANT_ANY ? st->st_mode & MODE_BITS : w->mode) != 0)
		return agent_errno("giving '%s' its mode", path);
	return NULL;
}

/* ---- reading ---- */

static struct err *read_all(const char *path, int fd, size_t max, struct buf *ret)
{
	char part[16 << 10];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) > 0) {
		if (ret->len + (size_t)n > max)
			return err_new(ERR_USAGE, "'%s' has more than %zu bytes", path, max);
		(void)buf_add(ret, part, (size_t)n);
	}
	return n < 0 ? agent_errno("reading '%s'", path) : NULL;
}

struct err *file_read(const char *path, size_t max, struct buf *ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_BUF text = BUF_INIT;
	struct err *e;

	if (fd < 0)
		return agent_errno("reading '%s'", path);
	e = read_all(path, fd, max, &text);
	(void)close(fd);
	if (!e)
		(void)buf_add(ret, text.s, text.len);
	return e;
}

char *file_line(const char *path)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_read(path, LINE_MAX_BYTES, &text);

	while (text.len && text.s[text.len - 1] == '\n')
		text.s[--text.len] = '\0';
	return buf_take(&text);
}

bool file_is(const char *path, const char *s, size_t n)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_read(path, n, &text);

	return !e && text.len == n && memcmp(text.s, s, n) == 0;
}

void words_decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && strspn(s + 1, "01234567") >= 3) {
			const char digits[] = { s[1], s[2], s[3], '\0' };

			*to++ = (char)strtol(digits, NULL, 8);
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* ---- writing ---- */

static struct err *write_all(const char *path, int fd, const char *s, size_t n)
{
	while (n) {
		const ssize_t put = write(fd, s, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return agent_errno("writing '%s'", path);
		s += put;
		n -= (size_t)put;
	}
	return NULL;
}

static struct err *copy_all(const char *path, int to, int from)
{
	AUTO_STR part = xcalloc(PART, 1);
	struct err *e = NULL;
	off_t at = 0;
	ssize_t n = 1;

	while (!e && n > 0) {
		n = pread(from, part, PART, at);
		if (n < 0)
			e = agent_errno("reading what is to be '%s'", path);
		else
			e = write_all(path, to, part, (size_t)n);
		at += n;
	}
	return e;
}

/*
 * One name for all attempts, so that what a killed one has left goes with the next. Cut, since it is longer
 * than the file's own.
 */
static char *temp_of(const char *path, char **folder)
{
	AUTO_STR a = xstrdup(path);
	AUTO_STR b = xstrdup(path);

	*folder = xstrdup(dirname(a));
	return xasprintf("%s/.%.200s.treenail-new", strcmp(*folder, "/") == 0 ? "" : *folder,
			 basename(b));
}

static struct err *settle(const char *path, int fd, const struct want *w, const struct found *old)
{
	const bool keep = old && old->there && S_ISREG(old->st.st_mode);
	const uid_t uid = w->uid != (uid_t)-1 ? w->uid : keep ? old->st.st_uid : geteuid();
	const gid_t gid = w->gid != (gid_t)-1 ? w->gid : keep ? old->st.st_gid : getegid();
	const mode_t mode = w->mode != WANT_ANY ? w->mode
			    : keep              ? old->st.st_mode & MODE_BITS
						: MODE_NEW;

	if ((uid != geteuid() || gid != getegid()) && fchown(fd, uid, gid) != 0)
		return agent_errno("giving '%s' its owner", path);
	if (fchmod(fd, mode) != 0)
		return agent_errno("giving '%s' its mode", path);
	if (fsync(fd) != 0)
		return agent_errno("writing '%s'", path);
	return NULL;
}

static void sync_folder(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

struct err *file_may_be_put(const char *path, const struct found *old)
{
	if (!old->there || S_ISREG(old->st.st_mode) || S_ISLNK(old->st.st_mode))
		return NULL;
	return err_new(ERR_CONFLICT, "'%s' is %s, which is not replaced by a file", path,
		       S_ISDIR(old->st.st_mode) ? "a folder" : "a device, a pipe or a socket");
}

struct err *file_put(const char *path, const char *s, size_t n, int fd, const struct want *w,
		     const struct found *old)
{
	AUTO_STR folder = NULL;
	AUTO_STR temp = temp_of(path, &folder);
	struct err *e;
	int to;

	(void)unlink(temp);
	to = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return agent_errno("writing '%s'", path);
	e = s ? write_all(path, to, s, n) : copy_all(path, to, fd);
	if (!e)
		e = settle(path, to, w, old);
	if (close(to) != 0 && !e)
		e = agent_errno("writing '%s'", path);
	if (!e && rename(temp, path) != 0)
		e = agent_errno("renaming what is to be '%s'", path);
	if (e)
		(void)unlink(temp);
	else
		sync_folder(folder);
	return e;
}

/* ---- reports ---- */

static bool shown(const struct step *s, const char *text, size_t n)
{
	return s->agent->diff && !s->secret && n <= AGENT_TEXT_MAX && !memchr(text, '\0', n);
}

static struct json_object *meta_shown(mode_t mode, uid_t uid, gid_t gid)
{
	struct json_object *o = json_object_new_object();
	AUTO_STR octal = xasprintf("%04o", mode & MODE_BITS);
	AUTO_STR owner = owner_text(uid, gid);

	json_sets(o, "mode", octal);
	json_sets(o, "owner", owner);
	return o;
}

struct json_object *file_shown(const struct step *s, const char *path, const struct found *f)
{
	AUTO_BUF text = BUF_INIT;
	struct json_object *o;
	AUTO_ERR e = NULL;

	if (!f->there)
		return NULL;
	o = meta_shown(f->st.st_mode, f->st.st_uid, f->st.st_gid);
	if (!S_ISREG(f->st.st_mode) || s->secret)
		return o;
	if (*f->sha256)
		json_sets(o, "sha256", f->sha256);
	if (!s->agent->diff || f->st.st_size > AGENT_TEXT_MAX)
		return o;
	e = file_read(path, AGENT_TEXT_MAX, &text);
	if (!e && shown(s, text.s, text.len))
		json_set(o, "content", step_text(text.s, text.len));
	return o;
}

struct json_object *file_promised(const struct step *s, const struct want *w,
				  const struct found *old, const char *sha256, const char *text,
				  size_t n)
{
	const bool keep = old->there && S_ISREG(old->st.st_mode);
	struct json_object *o = meta_shown(w->mode != WANT_ANY ? w->mode
					   : keep              ? old->st.st_mode
							       : MODE_NEW,
					   w->uid != (uid_t)-1 ? w->uid
					   : keep              ? old->st.st_uid
							       : geteuid(),
					   w->gid != (gid_t)-1 ? w->gid
					   : keep              ? old->st.st_gid
							       : getegid());

	if (sha256 && !s->secret)
		json_sets(o, "sha256", sha256);
	if (text && shown(s, text, n))
		json_set(o, "content", step_text(text, n));
	return o;
}

/* Content, or only mode and owner. */
static struct err *write_or_mend(const char *path, bool same, const char *text, size_t n,
				 const struct want *w, const struct found *old)
{
	return same ? want_meet(w, path, &old->st) : file_put(path, text, n, -1, w, old);
}

struct err *step_write(struct step *s, const char *path, const char *text, size_t n,
		       const struct want *w)
{
	struct found old = { 0 };
	char sum[SHA256_HEX];
	struct err *e = file_find(path, true, &old);
	bool same, go;

	if (e)
		return e;
	e = file_may_be_put(path, &old);
	if (e)
		return e;
	sha256_text(text, n, sum);
	same = strcmp(sum, old.sha256) == 0;
	if (same && want_is_met(w, &old.st))
		return NULL;
	json_set(s->line, "before", file_shown(s, path, &old));
	json_set(s->line, "after", file_promised(s, w, &old, sum, text, n));
	e = step_change(s, &go);
	if (!e && go)
		e = write_or_mend(path, same, text, n, w, &old);
	return e;
}
