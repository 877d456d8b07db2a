#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubernetes/tree.h"

enum {
	MODES = 0777,
	PLAIN_FILE = 0644,
	PLAIN_FOLDER = 0755,
	OWNER = 0700,
	FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

static struct err *failed(const char *what, const char *path)
{
	return err_new(ERR_USAGE, "%s '%s': %s", what, path, strerrordesc_np(errno));
}

/* ---- packing ---- */

struct tree_pack {
	FTS *fts;
	char *name;
	size_t root; /* length of the path in what fts tells */
	bool plain, ended;
	struct buf out; /* heads and padding, not yet read from `at` on */
	size_t at;
	int fd; /* of the file at hand, of which `left` bytes are to come; -1: none */
	uint64_t left;
	char *path;
};

struct err *tree_pack_new(const char *path, const char *name, bool plain, struct tree_pack **ret)
{
	AUTO_STR root = xstrdup(path);
	char *const roots[] = { root, NULL };
	struct tree_pack *p = xcalloc(1, sizeof(*p));
	size_t n = strlen(root);

	p->fd = -1;
	p->out = (struct buf)BUF_INIT;
	while (n > 1 && root[n - 1] == '/')
		root[--n] = '\0';
	p->root = strcmp(root, "/") == 0 ? 0 : n;
	p->name = xstrdup(name);
	p->plain = plain;
	p->fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	if (!p->fts) {
		tree_pack_free(p);
		return failed("cannot read", path);
	}
	*ret = p;
	return NULL;
}

void tree_pack_free(struct tree_pack *p)
{
	if (!p)
		return;
	if (p->fts)
		(void)fts_close(p->fts);
	if (p->fd >= 0)
		(void)close(p->fd);
	buf_release(&p->out);
	free(p->name);
	free(p->path);
	free(p);
}

static struct err *pack_link(FTSENT *f, struct buf *link)
{
	char target[TAR_NAME_MAX];
	const ssize_t n = readlink(f->fts_path, target, sizeof(target));

	if (n < 0)
		return failed("cannot read", f->fts_path);
	(void)buf_add(link, target, (size_t)n);
	return NULL;
}

static struct err *pack_open(struct tree_pack *p, FTSENT *f)
{
	struct stat st;

	p->fd = open(f->fts_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return failed("cannot read", f->fts_path);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_USAGE, "'%s' is no file any more", f->fts_path);
	*f->fts_statp = st;
	p->left = (uint64_t)st.st_size;
	free(p->path);
	p->path = xstrdup(f->fts_path);
	return NULL;
}

static struct err *pack_entry(struct tree_pack *p, FTSENT *f, char type)
{
	AUTO_STR name =
		xasprintf("%s%s%s", p->name, f->fts_path + p->root, type == TAR_DIR ? "/" : "");
	AUTO_BUF link = BUF_INIT;
	struct tar_entry e = { .type = type, .name = name };
	struct err *err = type == TAR_FILE      ? pack_open(p, f)
			  : type == TAR_SYMLINK ? pack_link(f, &link)
						: NULL;

	if (err)
		return err;
	e.mode = p->plain ? (type == TAR_DIR ? PLAIN_FOLDER : PLAIN_FILE)
			  : f->fts_statp->st_mode & MODES;
	e.uid = p->plain ? 0 : f->fts_statp->st_uid;
	e.gid = p->plain ? 0 : f->fts_statp->st_gid;
	e.size = type == TAR_FILE ? p->left : 0;
	e.mtime_s = f->fts_statp->st_mtime;
	e.link = link.s;
	tar_head(&p->out, &e);
	return NULL;
}

/* The head of what comes next, or the archive's end. */
static struct err *pack_next(struct tree_pack *p)
{
	FTSENT *f;

	errno = 0;
	f = fts_read(p->fts);
	if (!f && errno)
		return failed("cannot read", p->name);
	if (!f) {
		p->ended = true;
		tar_end(&p->out);
		return NULL;
	}
	switch (f->fts_info) {
	case FTS_D: return pack_entry(p, f, TAR_DIR);
	case FTS_DP: return NULL;
	case FTS_F: return pack_entry(p, f, TAR_FILE);
	case FTS_SL:
	case FTS_SLNONE: return pack_entry(p, f, TAR_SYMLINK);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS: errno = f->fts_errno; return failed("cannot read", f->fts_path);
	default: return err_new(ERR_USAGE, "'%s' is neither file, folder nor link", f->fts_path);
	}
}

static ssize_t pack_content(struct tree_pack *p, char *s, size_t n, struct err **e)
{
	ssize_t got = read(p->fd, s, n < p->left ? n : (size_t)p->left);

	if (got <= 0) {
		*e = got ? failed("cannot read", p->path)
			 : err_new(ERR_USAGE, "'%s' was shortened while it was read", p->path);
		return -1;
	}
	p->left -= (uint64_t)got;
	return got;
}

static void pack_close(struct tree_pack *p)
{
	static const char zeros[TAR_BLOCK];
	const off_t size = lseek(p->fd, 0, SEEK_CUR);

	(void)buf_add(&p->out, zeros, tar_padding((uint64_t)size));
	(void)close(p->fd);
	p->fd = -1;
}

ssize_t tree_pack_read(struct tree_pack *p, char *s, size_t n, struct err **e)
{
	size_t some;

	while (p->at == p->out.len) {
		p->at = p->out.len = 0;
		if (p->fd >= 0 && p->left)
			return pack_content(p, s, n, e);
		if (p->fd >= 0) {
			pack_close(p);
			continue;
		}
		if (p->ended)
			return 0;
		*e = pack_next(p);
		if (*e)
			return -1;
	}
	some = p->out.len - p->at < n ? p->out.len - p->at : n;
	memcpy(s, p->out.s + p->at, some);
	p->at += some;
	return (ssize_t)some;
}

struct err *tree_pack_size(const char *path, const char *name, bool plain, uint64_t *ret)
{
	struct tree_pack *p = NULL;
	struct err *e = tree_pack_new(path, name, plain, &p);
	uint64_t size = 0;

	while (!e && p && !p->ended) {
		e = pack_next(p);
		size += p->out.len + p->left + tar_padding(p->left);
		p->out.len = 0;
		p->left = 0;
		if (p->fd >= 0)
			(void)close(p->fd);
		p->fd = -1;
	}
	tree_pack_free(p);
	if (!e)
		*ret = size;
	return e;
}

/* ---- unpacking ---- */

/* The folder of `path`, and all above it. */
static struct err *make_folders(const char *path)
{
	AUTO_STR s = xstrdup(path);

	for (char *p = strchr(s + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(s, MODES) < 0 && errno != EEXIST)
			return failed("cannot make the folder", s);
		*p = '/';
	}
	return NULL;
}

struct err *tree_unpack_init(struct tree_unpack *u, const char *target, const char *top, bool plain)
{
	AUTO_STR path = xasprintf("%s%s", strchr(target, '/') ? "" : "./", target);
	char *slash;
	struct err *e;

	while (strlen(path) > 1 && path[strlen(path) - 1] == '/')
		path[strlen(path) - 1] = '\0';
	slash = strrchr(path, '/');
	*u = (struct tree_unpack){ .folder = -1, .fd = -1, .plain = plain };
	u->top = xstrdup(top);
	u->leaf = xstrdup(slash + 1);
	e = make_folders(path);
	slash[slash == path] = '\0';
	/* Here links are followed: the path is the user's, not the archive's. */
	u->root = e ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return e ? e : u->root < 0 ? failed("cannot write into", path) : NULL;
}

static void forget_file(struct tree_unpack *u)
{
	if (u->fd >= 0)
		(void)close(u->fd);
	if (u->temporary)
		(void)unlinkat(u->folder, u->temporary, 0);
	if (u->folder >= 0)
		(void)close(u->folder);
	u->fd = u->folder = -1;
	free(u->name);
	free(u->temporary);
	u->name = u->temporary = NULL;
}

void tree_unpack_release(struct tree_unpack *u)
{
	forget_file(u);
	if (u->root >= 0)
		(void)close(u->root);
	free(u->top);
	free(u->leaf);
	free(u->first_skipped);
	u->root = -1;
	u->top = u->leaf = u->first_skipped = NULL;
}

/* One step down, without following links; what is not there is made. Closes `at`. */
static int descend(struct tree_unpack *u, int at, const char *name)
{
	int next = openat(at, name, FOLDER);
	int why;

	if (next < 0 && errno == ENOENT && mkdirat(at, name, MODES) == 0) {
		u->changed = true;
		next = openat(at, name, FOLDER);
	}
	why = errno;
	(void)close(at);
	errno = why;
	return next;
}

/* "top/a/b" as the target's own name "leaf/a/b"; NULL: it is not below top. Owned. */
static char *own_name(const struct tree_unpack *u, const char *name)
{
	const size_t n = strlen(u->top);

	while (strncmp(name, "./", 2) == 0)
		name += 2;
	if (strncmp(name, u->top, n) != 0 || (name[n] && name[n] != '/'))
		return NULL;
	return xasprintf("%s%s", u->leaf, name + n);
}

/* Opens the folder in which an entry lies, and gives its name there. */
static struct err *locate(struct tree_unpack *u, const char *name, int *ret_folder, char **ret_name)
{
	AUTO_STR own = own_name(u, name);
	char *last = NULL, *rest = NULL;
	int at = dup(u->root);

	if (!own) {
		(void)close(at);
		return err_new(ERR_PROTOCOL, "the archive holds '%s', which was not asked for",
			       name);
	}
	for (char *part = strtok_r(own, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			(void)close(at);
			return err_new(ERR_PROTOCOL,
				       "the archive holds '%s', which leads out of it", name);
		}
		at = last ? descend(u, at, last) : at;
		if (at < 0)
			return failed("cannot write into", last);
		last = part;
	}
	if (!last) {
		(void)close(at);
		return err_new(ERR_PROTOCOL, "the archive holds something without a name");
	}
	*ret_folder = at;
	*ret_name = xstrdup(last);
	return NULL;
}

static char *temporary_name(void)
{
	uint64_t dice = 0;

	(void)!getrandom(&dice, sizeof(dice), 0);
	return xasprintf(".treenail-%016llx", (unsigned long long)dice);
}

static struct err *unpack_folder(struct tree_unpack *u, const struct tar_entry *entry)
{
	const unsigned mode = (entry->mode & MODES) | OWNER;
	struct stat st;
	int at;

	at = descend(u, dup(u->folder), u->name);
	if (at < 0)
		return failed("cannot make the folder", entry->name);
	/* What comes must go in, whoever we are. */
	if (!u->plain && fstat(at, &st) == 0 && (st.st_mode & MODES) != mode) {
		u->changed = true;
		(void)fchmod(at, mode);
	}
	(void)close(at);
	return NULL;
}

static bool same_inode(int a, const char *x, int b, const char *y)
{
	struct stat s, t;

	return fstatat(a, x, &s, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(b, y, &t, AT_SYMLINK_NOFOLLOW) == 0 && s.st_dev == t.st_dev &&
	       s.st_ino == t.st_ino;
}

static struct err *unpack_hard_link(struct tree_unpack *u, const struct tar_entry *entry)
{
	AUTO_STR from = NULL;
	AUTO_STR temporary = temporary_name();
	struct err *e;
	int folder = -1;

	e = locate(u, entry->link, &folder, &from);
	if (e || !from)
		return e;
	if (same_inode(folder, from, u->folder, u->name)) {
		(void)close(folder);
		return NULL;
	}
	if (linkat(folder, from, u->folder, temporary, 0) < 0 ||
	    renameat(u->folder, temporary, u->folder, u->name) < 0) {
		e = failed("cannot link", entry->name);
		(void)unlinkat(u->folder, temporary, 0);
	}
	(void)close(folder);
	u->changed = true;
	return e;
}

static struct err *unpack_file(struct tree_unpack *u, const struct tar_entry *entry)
{
	u->temporary = temporary_name();
	u->mode = entry->mode & MODES;
	u->fd = openat(u->folder, u->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       u->plain ? 0666 : 0600);
	return u->fd < 0 ? failed("cannot write", entry->name) : NULL;
}

struct err *tree_unpack_entry(void *arg, const struct tar_entry *entry)
{
	struct tree_unpack *u = arg;
	struct err *e;

	if (entry->type != TAR_FILE && entry->type != TAR_DIR && entry->type != TAR_HARD_LINK) {
		u->skipped++;
		if (!u->first_skipped)
			u->first_skipped = xstrdup(entry->name);
		return NULL;
	}
	e = locate(u, entry->name, &u->folder, &u->name);
	if (e)
		return e;
	if (entry->type == TAR_DIR)
		return unpack_folder(u, entry);
	u->files++;
	return entry->type == TAR_FILE ? unpack_file(u, entry) : unpack_hard_link(u, entry);
}

struct err *tree_unpack_data(void *arg, const char *s, size_t n)
{
	struct tree_unpack *u = arg;

	while (n && u->fd >= 0) {
		const ssize_t some = write(u->fd, s, n);

		if (some < 0 && errno != EINTR)
			return failed("cannot write", u->name);
		s += some > 0 ? some : 0;
		n -= some > 0 ? (size_t)some : 0;
	}
	return NULL;
}

static bool same_content(int a, int b)
{
	char x[16384], y[16384];
	off_t at = 0;

	for (;;) {
		const ssize_t n = pread(a, x, sizeof(x), at), m = pread(b, y, sizeof(y), at);

		if (n != m || n < 0 || memcmp(x, y, (size_t)n) != 0)
			return false;
		if (!n)
			return true;
		at += n;
	}
}

static bool is_there(const struct tree_unpack *u)
{
	const int old = openat(u->folder, u->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st, now;
	bool same = old >= 0 && fstat(old, &st) == 0 && fstat(u->fd, &now) == 0 &&
		    S_ISREG(st.st_mode) && st.st_size == now.st_size &&
		    (u->plain || (st.st_mode & MODES) == u->mode) && same_content(old, u->fd);

	if (old >= 0)
		(void)close(old);
	return same;
}

struct err *tree_unpack_done(void *arg)
{
	struct tree_unpack *u = arg;
	struct err *e = NULL;

	if (u->fd >= 0 && !is_there(u)) {
		if ((!u->plain && fchmod(u->fd, u->mode) < 0) ||
		    renameat(u->folder, u->temporary, u->folder, u->name) < 0) {
			e = failed("cannot write", u->name);
		} else {
			u->changed = true;
			free(TAKE(u->temporary));
		}
	}
	forget_file(u);
	return e;
}
