/* Files as lines of words. */
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "ssh/config_lines.h"

enum {
	FILE_MAX = 1 << 20,
	ALL_MAX = 8 << 20,
	FILES_MAX = 1024,
	DEPTH_MAX = 16,
	PASSWD_BYTES = 16 << 10,
	HOST_BYTES = 1025,
};

#define BLANKS "\t "
static const char SYSTEM_DIR[] = "/etc/ssh";

struct err *line_wrap(struct err *e, const struct line *l)
{
	if (!*l->file)
		return err_wrap(e, "option %s", l->keyword);
	return err_wrap(e, "%s:%zu: %s", l->file, l->number, l->keyword);
}

struct err *line_bad(const struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	return line_wrap(err_new(ERR_USAGE, "%s", text), l);
}

/* ---- a line ---- */

static struct line *add_line(struct ssh_config *c, enum line_kind kind, const char *file)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->lines = xrealloc(c->lines, c->cap, sizeof(*c->lines));
	}
	c->lines[c->n] = (struct line){ .kind = kind, .file = file };
	return &c->lines[c->n++];
}

static void add_word(struct line *l, char *word)
{
	l->words = xrealloc(l->words, l->nwords + 2, sizeof(*l->words));
	l->words[l->nwords++] = word;
	l->words[l->nwords] = NULL;
}

/* Whether a backslash means the character behind it, and not itself. */
static bool escapes(const char *s, char quote)
{
	return *s == '\\' && s[1] && (strchr("'\"\\", s[1]) || (!quote && s[1] == ' '));
}

/* One word; *s is put behind it. NULL: a quote is not closed. */
static char *next_word(const char **s)
{
	AUTO_BUF b = BUF_INIT;
	char quote = 0;

	for (; **s && (quote || !strchr(BLANKS, **s)); (*s)++) {
		const char c = **s;

		if (escapes(*s, quote)) {
			(*s)++;
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			if (quote)
				quote = 0;
			else
				quote = c;
			continue;
		}
		(void)buf_add(&b, *s, 1);
	}
	return quote ? NULL : buf_take(&b);
}

static struct err *split(struct line *l, const char *s)
{
	for (s += strspn(s, BLANKS); *s && *s != '#'; s += strspn(s, BLANKS)) {
		char *word = next_word(&s);

		if (!word)
			return line_bad(l, "a quote is not closed");
		add_word(l, word);
	}
	return l->nwords ? NULL : line_bad(l, "it says nothing: there must be a value");
}

/* ---- files ---- */

struct reading {
	struct ssh_config *c;
	const struct ssh_includer *includer;
	const struct ssh_document *doc;
	const struct line *from; /* the Include; not to be looked at once there are more lines */
	unsigned depth;
};

static struct err *read_text(struct reading *r, const char *name, const char *text, size_t len);

static struct err *include_one(void *to, const char *name, const char *text, size_t len)
{
	struct reading *r = to;
	struct err *e;

	add_line(r->c, LINE_ENTER, "");
	e = read_text(r, name, text, len);
	add_line(r->c, LINE_LEAVE, "");
	return e;
}

static struct err *include_path(const struct reading *r, const char *word, char **ret)
{
	if (strchr(word, '%') || strstr(word, "${"))
		return err_new(ERR_USAGE, "'%s': there are no tokens here: give the path itself",
			       word);
	if (*word == '~')
		return r->doc->system ? err_new(ERR_USAGE,
						"'%s': there is no ~ in the system's file", word)
				      : ssh_expand_home(&r->c->self, word, ret);
	if (*word == '/')
		*ret = xstrdup(word);
	else if (r->doc->system)
		*ret = xasprintf("%s/%s", SYSTEM_DIR, word);
	else
		*ret = xasprintf("%s/.ssh/%s", r->c->self.home, word);
	return NULL;
}

/* The lines move as there come more of them: `at` is a copy, whose words stay where they are. */
static struct err *include(const struct reading *r, struct line at)
{
	struct reading deeper = { r->c, r->includer, r->doc, .depth = r->depth + 1 };
	struct err *e = NULL;

	if (!r->includer)
		return line_bad(&at, "nothing can be included here");
	if (deeper.depth > DEPTH_MAX)
		return line_bad(&at,
				"files are included more than %d deep: does one include itself?",
				DEPTH_MAX);
	for (size_t i = 0; i < at.nwords && !e; i++) {
		AUTO_STR path = NULL;

		e = include_path(r, at.words[i], &path);
		if (!e)
			e = r->includer->each(r->includer->arg, path, &deeper, include_one);
	}
	return line_wrap(e, &at);
}

static struct err *read_line(const struct reading *r, const char *file, size_t number,
			     const char *s)
{
	size_t len;
	struct line *l;
	struct err *e;

	s += strspn(s, BLANKS "\f\r");
	if (!*s || *s == '#')
		return NULL;
	l = add_line(r->c, LINE_OPTION, file);
	l->number = number;
	len = strcspn(s, BLANKS "=");
	l->keyword = xstrndup(s, len);
	s += len;
	s += strspn(s, BLANKS);
	e = split(l, s + (*s == '='));
	if (!e)
		e = line_understand(l);
	if (!e && l->kind == LINE_INCLUDE)
		e = include(r, *l);
	return e;
}

static size_t trimmed(const char *s, size_t len)
{
	while (len && strchr(" \t\r\f", s[len - 1]))
		len--;
	return len;
}

static struct err *read_text(struct reading *r, const char *name, const char *text, size_t len)
{
	struct ssh_config *c = r->c;
	struct err *e = NULL;
	size_t number = 0;
	const char *file;

	if (len > FILE_MAX || len > ALL_MAX - c->bytes || c->nfiles == FILES_MAX)
		return err_new(ERR_USAGE,
			       "%s: more than %d KiB, or all files more than %d KiB or %d files",
			       name, FILE_MAX >> 10, ALL_MAX >> 10, FILES_MAX);
	if (memchr(text, '\0', len))
		return err_new(ERR_USAGE, "%s: this is no text", name);
	c->bytes += len;
	c->files = xrealloc(c->files, c->nfiles + 1, sizeof(*c->files));
	file = c->files[c->nfiles++] = xstrdup(name);
	for (size_t at = 0; at < len && !e; at++) {
		const char *s = text + at;
		const char *end = memchr(s, '\n', len - at);
		const size_t n = end ? (size_t)(end - s) : len - at;
		AUTO_STR line = xstrndup(s, trimmed(s, n));

		e = read_line(r, file, ++number, line);
		at += n;
	}
	return e;
}

struct err *ssh_config_parse(const struct ssh_document *docs, size_t n,
			     const struct ssh_includer *includer, const struct ssh_self *self,
			     struct ssh_config **ret)
{
	struct ssh_config *c = xcalloc(1, sizeof(*c));
	struct err *e = NULL;

	c->self = *self;
	c->self.user = xstrdup(self->user);
	c->self.home = xstrdup(self->home);
	c->self.host = xstrdup(self->host);
	for (size_t i = 0; i < n && !e; i++) {
		struct reading r = { c, includer, &docs[i] };

		add_line(c, LINE_TOP, "");
		e = read_text(&r, docs[i].name, docs[i].text, docs[i].len);
	}
	if (!e)
		*ret = TAKE(c);
	ssh_config_free(c);
	return e;
}

static void free_text(const char *s)
{
	char *p;

	memcpy(&p, &s, sizeof(p));
	free(p);
}

void ssh_config_free(struct ssh_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		for (size_t j = 0; j < c->lines[i].nwords; j++)
			free(c->lines[i].words[j]);
		free(c->lines[i].words);
		free(c->lines[i].keyword);
	}
	for (size_t i = 0; i < c->nfiles; i++)
		free(c->files[i]);
	free(c->files);
	free(c->lines);
	free_text(c->self.user);
	free_text(c->self.home);
	free_text(c->self.host);
	free(c);
}

/* ---- of this machine ---- */

/* Nobody but the user has this group, as Debian gives one to each: what it can write to, the user alone can. */
static bool is_private_group(gid_t gid, const char *user)
{
	AUTO_STR bytes = xcalloc(PASSWD_BYTES, 1);
	struct group g, *found = NULL;

	if (getgrgid_r(gid, &g, bytes, PASSWD_BYTES, &found) != 0 || !found)
		return false;
	for (char **p = g.gr_mem; *p; p++)
		if (strcmp(*p, user) != 0)
			return false;
	return strcmp(g.gr_name, user) == 0;
}

static struct err *check_mode(const char *path, const struct stat *st, const struct ssh_self *self)
{
	const bool ours = st->st_uid == 0 || st->st_uid == self->uid;

	if (ours && (!(st->st_mode & S_IWGRP) || is_private_group(st->st_gid, self->user)) &&
	    !(st->st_mode & S_IWOTH))
		return NULL;
	return err_new(ERR_USAGE, "%s: others can write to it: chown it to %s and chmod 600", path,
		       self->user);
}

/* What is not there, or is a folder, says nothing. */
static struct err *read_if_there(const char *path, const struct ssh_self *checked, struct buf *b)
{
	struct err *e = NULL;
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? NULL
			       : err_new(ERR_USAGE, "%s: cannot open it: %s", path,
					 strerrordesc_np(errno));
	if (S_ISDIR(st.st_mode))
		return NULL;
	if (checked)
		e = check_mode(path, &st, checked);
	return e ? e : file_text(path, FILE_MAX, b);
}

static struct err *each_file(void *arg, const char *path, void *to,
			     struct err *(*add)(void *to, const char *name, const char *text,
						size_t len))
{
	struct err *e = NULL;
	glob_t found;

	if (glob(path, 0, NULL, &found) != 0)
		return NULL; /* as with OpenSSH: there is none */
	for (size_t i = 0; i < found.gl_pathc && !e; i++) {
		AUTO_BUF b = BUF_INIT;

		e = read_if_there(found.gl_pathv[i], arg, &b);
		if (!e)
			e = add(to, found.gl_pathv[i], b.s, b.len);
	}
	globfree(&found);
	return e;
}

static const char *variable(const char *name)
{
	return secure_getenv(name);
}

/* Of the system's list: OpenSSH does not look at HOME, and a file is to mean the same for both. */
struct own {
	struct ssh_self self;
	char user[256], home[4096], host[HOST_BYTES];
};

static struct err *find_self(struct own *o)
{
	AUTO_STR bytes = xcalloc(PASSWD_BYTES, 1);
	struct passwd pw, *found = NULL;
	const char *home = secure_getenv("HOME"), *user = secure_getenv("USER");

	(void)getpwuid_r(getuid(), &pw, bytes, PASSWD_BYTES, &found);
	if (found) {
		home = pw.pw_dir;
		user = pw.pw_name;
	}
	if (!home || !user)
		return err_new(ERR_USAGE,
			       "the user %u is not in the system's list: set USER and HOME",
			       (unsigned)getuid());
	if (snprintf(o->user, sizeof(o->user), "%s", user) >= (int)sizeof(o->user) ||
	    snprintf(o->home, sizeof(o->home), "%s", home) >= (int)sizeof(o->home))
		return err_new(ERR_USAGE, "the user's name or home is too long");
	if (gethostname(o->host, sizeof(o->host) - 1) != 0)
		o->host[0] = '\0';
	o->self = (struct ssh_self){ o->user, o->home, getuid(), o->host, variable };
	return NULL;
}

static struct err *read_documents(const char *path, const struct ssh_self *self,
				  struct ssh_config **ret)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF system_text = BUF_INIT;
	AUTO_STR user_path = xasprintf("%s/.ssh/config", self->home);
	AUTO_STR system_path = xasprintf("%s/ssh_config", SYSTEM_DIR);
	struct ssh_self checked = *self;
	const struct ssh_includer includer = { each_file, &checked };
	struct err *e = NULL;
	size_t n = path ? 1 : 2;

	if (path && strcasecmp(path, "none") == 0)
		n = 0;
	else if (path)
		e = file_text(path, FILE_MAX, &text);
	else
		e = read_if_there(user_path, self, &text);
	if (!e && !path)
		e = read_if_there(system_path, NULL, &system_text);
	if (e)
		return e;
	const struct ssh_document docs[] = {
		{ path ? path : user_path, text.s, text.len, false },
		{ system_path, system_text.s, system_text.len, true },
	};
	return ssh_config_parse(docs, n, &includer, self, ret);
}

struct err *ssh_config_read(const char *path, const struct ssh_self *self, struct ssh_config **ret)
{
	struct own o = { .self = { .user = "", .home = "" } };
	struct err *e = self ? NULL : find_self(&o);

	return e ? e : read_documents(path, self ? self : &o.self, ret);
}
