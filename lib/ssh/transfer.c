#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "mem.h"
#include "random.h"
#include "ssh/sftp.h"

enum {
	MODE_DEFAULT = 0644,
	MODE_BITS = 07777,
	SHA256_TEXT = 64,
};

/* What is to be done for one file. */
struct item {
	struct ssh_file *file;
	char *sum;  /* of what it is to have */
	char *temp; /* where that goes first; NULL: its content is there already */
	int fd;     /* of file->from; -1: none */
	uint64_t size;
	size_t at; /* of file->content */
	bool done;
};

struct batch {
	struct ssh_session *s;
	struct item *items;
	size_t n;
	unsigned flags;
};

/* ---- the content here ---- */

static struct err *open_source(struct item *i)
{
	struct ssh_file *f = i->file;
	struct err *e = NULL;
	struct stat st;

	i->fd = -1;
	i->size = f->len;
	if (f->sha256)
		i->sum = xstrdup(f->sha256);
	if (!f->from) {
		if (!i->sum)
			i->sum = digest_text("sha256", f->content ? f->content : "", f->len);
		return NULL;
	}
	i->fd = open(f->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (i->fd < 0 || fstat(i->fd, &st) != 0)
		return err_new(ERR_USAGE, "'%s': %s", f->from, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_USAGE, "'%s' is no file", f->from);
	i->size = (uint64_t)st.st_size;
	if (!i->sum)
		e = digest_fd("sha256", i->fd, &i->sum);
	return e;
}

static ssize_t read_source(void *arg, char *s, size_t n, struct err **e)
{
	struct item *i = arg;
	ssize_t got;

	if (i->fd < 0) {
		const size_t left = i->file->len - i->at;

		n = n < left ? n : left;
		if (n)
			memcpy(s, i->file->content + i->at, n);
		i->at += n;
		return (ssize_t)n;
	}
	got = pread(i->fd, s, n, (off_t)i->at);
	if (got < 0)
		*e = err_new(ERR_USAGE, "reading '%s': %s", i->file->from, strerrordesc_np(errno));
	else
		i->at += (size_t)got;
	return got;
}

/* ---- scripts ---- */

/* By standard input: neither its length nor what is in it matters to a command line. */
static struct err *run_script(struct batch *b, const struct buf *script, struct ssh_result *ret)
{
	const struct ssh_exec x = { .command = "LC_ALL=C exec /bin/sh -s",
				    .in = script->s,
				    .in_len = script->len,
				    .sudo = b->flags & SSH_SUDO };

	return ssh_exec(b->s, &x, ret);
}

static void add_word(struct buf *b, const char *s)
{
	AUTO_STR quoted = ssh_quote(s);

	buf_addf(b, " %s", quoted);
}

/* "./-x" for "-x": not every program knows what "--" is for. */
static void add_path(struct buf *b, const char *path)
{
	AUTO_STR safe = *path == '-' ? xasprintf("./%s", path) : NULL;

	add_word(b, safe ? safe : path);
}

/* One line for each file: index, mode, owner by names, owner by numbers, sum; or the index alone. */
static const char LOOK[] =
	"f() {\n"
	"	[ -f \"$2\" ] && s=$(sha256sum <\"$2\") && "
	"echo \"$1 $(stat -Lc '%a %U:%G %u:%g' \"$2\") ${s%% *}\" || echo \"$1\"\n"
	"}\n";

/*
 * f INDEX TEMP NAME MODE OWNER SUM; TEMP "": the content is right. Says the index when all is done. What
 * fails takes the temporary file away.
 */
static const char FINISH[] =
	"m() { { [ -z \"$2\" ] || chown \"$2\" \"$3\"; } && chmod \"$1\" \"$3\"; }\n"
	"f() {\n"
	"	if [ -z \"$2\" ]; then m \"$4\" \"$5\" \"$3\" && echo \"$1\"; return; fi\n"
	"	s=$(sha256sum <\"$2\")\n"
	"	if [ \"${s%% *}\" != \"$6\" ]; then echo 'what arrived is not what was sent' >&2\n"
	"	elif m \"$4\" \"$5\" \"$2\" && mv -fT \"$2\" \"$3\"; then echo \"$1\"; return; fi\n"
	"	rm -f \"$2\"\n"
	"}\n";

static int mode_of(const struct ssh_file *f)
{
	return f->mode ? f->mode & MODE_BITS : MODE_DEFAULT;
}

bool ssh_owner_is(const char *want, const char *have)
{
	const size_t n = strlen(want);

	if (*want == ':')
		return strchr(have, ':') && strcmp(strchr(have, ':'), want) == 0;
	return strncmp(want, have, n) == 0 && (!have[n] || (have[n] == ':' && !strchr(want, ':')));
}

/* A line of LOOK's: what differs. */
static void compare(struct item *i, const char *line)
{
	char names[128] = "", numbers[64] = "", sum[SHA256_TEXT + 1] = "";
	const struct ssh_file *f = i->file;
	char *end;
	const long mode = strtol(line, &end, 8);
	const char *at = end;
	char *const to[] = { names, numbers, sum };
	const size_t sizes[] = { sizeof(names), sizeof(numbers), sizeof(sum) };

	for (size_t k = 0; k < COUNT(to); k++) {
		size_t n;

		at += strspn(at, " ");
		n = strcspn(at, " \n");
		if (n < sizes[k])
			memcpy(to[k], at, n);
		at += n;
	}
	if (strcmp(sum, i->sum) == 0)
		free(TAKE(i->temp));
	i->file->changed =
		i->temp || mode != mode_of(f) ||
		(f->owner && !ssh_owner_is(f->owner, names) && !ssh_owner_is(f->owner, numbers));
}

static struct err *temp_of(const char *path, char **ret)
{
	AUTO_STR mark = NULL;
	struct err *e = random_mark(&mark);

	if (!e)
		*ret = xasprintf("%s.tmp-%s", path, mark);
	return e;
}

static struct err *script_failed(const struct ssh_result *r)
{
	AUTO_STR words = session_words(r->err.s, r->err.len);

	return err_new(ERR_REMOTE, "%s", *words ? words : "the shell there has failed");
}

/* Calls fn for each line that begins with the number of an item; what follows the number is handed on. */
static void each_line(struct batch *b, const char *text,
		      void (*fn)(struct item *i, const char *rest))
{
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		char *end;
		unsigned long n;

		line += strspn(line, "\n");
		n = strtoul(line, &end, 10);
		if (end > line && n < b->n)
			fn(b->items + n, end);
	}
}

static struct err *look(struct batch *b)
{
	struct ssh_result r = SSH_RESULT_INIT;
	AUTO_BUF script = BUF_INIT;
	struct err *e;

	buf_adds(&script, LOOK);
	for (size_t i = 0; i < b->n; i++) {
		buf_addf(&script, "f %zu", i);
		add_path(&script, b->items[i].file->path);
		buf_adds(&script, "\n");
	}
	e = run_script(b, &script, &r);
	if (!e && r.status)
		e = script_failed(&r);
	if (!e)
		each_line(b, r.out.s, compare);
	ssh_result_release(&r);
	return err_wrap(e, "looking at the files");
}

static void mark_done(struct item *i, const char *rest)
{
	(void)rest;
	i->done = true;
}

/* ---- the content there ---- */

static struct err *put_by_sudo(struct batch *b, struct item *i)
{
	AUTO_BUF command = BUF_INIT;
	struct ssh_result r = SSH_RESULT_INIT;
	struct ssh_exec x = { .sudo = true, .more = read_source, .arg = i };
	struct err *e;

	buf_adds(&command, "LC_ALL=C; export LC_ALL; umask 077; set -C; cat >");
	add_path(&command, i->temp);
	x.command = command.s;
	e = ssh_exec(b->s, &x, &r);
	if (!e && r.status)
		e = script_failed(&r);
	ssh_result_release(&r);
	return e;
}

static struct err *put(struct batch *b, struct item *i)
{
	struct err *e;

	if (!i->temp)
		return NULL;
	e = b->flags & SSH_SUDO ? put_by_sudo(b, i)
				: sftp_put(b->s, i->temp, i->size, read_source, i);
	return err_wrap(e, "writing '%s'", i->temp);
}

static struct err *finish(struct batch *b)
{
	struct ssh_result r = SSH_RESULT_INIT;
	AUTO_BUF script = BUF_INIT;
	struct err *e;

	buf_adds(&script, FINISH);
	for (size_t i = 0; i < b->n; i++) {
		const struct item *it = b->items + i;

		if (!it->file->changed)
			continue;
		buf_addf(&script, "f %zu", i);
		if (it->temp)
			add_path(&script, it->temp);
		else
			buf_adds(&script, " ''");
		add_path(&script, it->file->path);
		buf_addf(&script, " %o", (unsigned)mode_of(it->file));
		add_word(&script, it->file->owner ? it->file->owner : "");
		buf_addf(&script, " %s\n", it->sum);
	}
	e = run_script(b, &script, &r);
	if (!e)
		each_line(b, r.out.s, mark_done);
	for (size_t i = 0; i < b->n && !e; i++)
		if (b->items[i].file->changed && !b->items[i].done)
			e = err_wrap(script_failed(&r), "finishing '%s'", b->items[i].file->path);
	ssh_result_release(&r);
	return e;
}

/* What finish() did not come to. */
static void clean_up(struct batch *b)
{
	AUTO_BUF script = BUF_INIT;
	struct ssh_result r = SSH_RESULT_INIT;

	buf_adds(&script, "rm -f");
	for (size_t i = 0; i < b->n; i++)
		if (b->items[i].temp)
			add_path(&script, b->items[i].temp);
	buf_adds(&script, "\n");
	if (script.len > sizeof("rm -f"))
		err_free(run_script(b, &script, &r));
	ssh_result_release(&r);
}

static struct err *write_all(struct batch *b)
{
	struct err *e = NULL;
	bool any = false;

	for (size_t i = 0; i < b->n && !e; i++) {
		any = any || b->items[i].file->changed;
		e = put(b, b->items + i);
	}
	if (!e && any)
		e = finish(b);
	if (e && !b->s->fault)
		clean_up(b);
	return e;
}

struct err *ssh_upload(struct ssh_session *s, struct ssh_file *files, size_t n, unsigned flags)
{
	struct batch b = {
		.s = s, .items = xcalloc(n ? n : 1, sizeof(*b.items)), .n = n, .flags = flags
	};
	struct err *e = NULL;

	for (size_t i = 0; i < n; i++) {
		b.items[i].file = files + i;
		b.items[i].fd = -1;
		files[i].changed = true;
	}
	for (size_t i = 0; i < n && !e; i++) {
		e = temp_of(files[i].path, &b.items[i].temp);
		if (!e)
			e = open_source(b.items + i);
	}
	if (!e && n)
		e = look(&b);
	if (!e && !(flags & SSH_CHECK))
		e = write_all(&b);
	for (size_t i = 0; i < n; i++) {
		if (b.items[i].fd >= 0)
			(void)close(b.items[i].fd);
		free(b.items[i].sum);
		free(b.items[i].temp);
	}
	free(b.items);
	return err_wrap(e, "upload");
}

/* ---- download ---- */

struct target_file {
	int fd;
	const char *path;
	uint64_t max, at;
};

static struct err *write_at(void *arg, const char *s, size_t n, uint64_t offset)
{
	struct target_file *f = arg;

	if (f->max && (offset > f->max || n > f->max - offset))
		return err_new(ERR_REMOTE, "it has more than %llu bytes",
			       (unsigned long long)f->max);
	while (n) {
		const ssize_t written = pwrite(f->fd, s, n, (off_t)offset);

		if (written <= 0)
			return err_new(ERR_USAGE, "writing '%s': %s", f->path,
				       strerrordesc_np(errno));
		s += written;
		n -= (size_t)written;
		offset += (uint64_t)written;
	}
	return NULL;
}

static struct err *write_next(void *arg, const char *s, size_t n)
{
	struct target_file *f = arg;
	struct err *e = write_at(f, s, n, f->at);

	f->at += n;
	return e;
}

static struct err *get_by_sudo(struct ssh_session *s, const char *path, struct target_file *f)
{
	AUTO_BUF command = BUF_INIT;
	struct ssh_result r = SSH_RESULT_INIT;
	struct ssh_exec x = { .sudo = true, .out = write_next, .arg = f };
	struct err *e;

	buf_adds(&command, "LC_ALL=C cat <");
	add_path(&command, path);
	x.command = command.s;
	e = ssh_exec(s, &x, &r);
	if (!e && r.status)
		e = script_failed(&r);
	if (e && e->kind == ERR_REMOTE &&
	    (strstr(r.err.s, "No such file") || strstr(r.err.s, "cannot open")))
		e->kind = ERR_NOT_FOUND;
	ssh_result_release(&r);
	return e;
}

struct err *ssh_download(struct ssh_session *s, const char *path, const char *to, uint64_t max,
			 unsigned flags)
{
	AUTO_STR temp = xasprintf("%s.tmp-XXXXXX", to);
	struct target_file f = { .fd = mkostemp(temp, O_CLOEXEC), .path = temp, .max = max };
	struct err *e;

	if (f.fd < 0)
		return err_new(ERR_USAGE, "making a file beside '%s': %s", to,
			       strerrordesc_np(errno));
	e = flags & SSH_SUDO ? get_by_sudo(s, path, &f) : sftp_get(s, path, write_at, &f);
	if (close(f.fd) != 0 && !e)
		e = err_new(ERR_USAGE, "writing '%s': %s", temp, strerrordesc_np(errno));
	if (!e && rename(temp, to) != 0)
		e = err_new(ERR_USAGE, "renaming to '%s': %s", to, strerrordesc_np(errno));
	if (e)
		(void)unlink(temp);
	return err_wrap(e, "downloading '%s'", path);
}
