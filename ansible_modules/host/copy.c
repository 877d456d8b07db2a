#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fleet.h"
#include "digest.h"
#include "file.h"
#include "output.h"

enum { DIFF_MAX = 100 << 10, MODE_MOST = 07777, CONTENT_MAX = 16 << 20 };

/* The file, as all hosts get it. */
struct work {
	struct ssh_file file;
	char *from, *path, *owner, *sum;
	char *text; /* for diffs; NULL: it is too big, or none */
};

/* ---- what was there, for the diff ---- */

struct before {
	bool there;
	char *facts; /* "mode 644, root:root" */
	struct json_object *text;
};

static void before_release(struct before *b)
{
	free(b->facts);
	json_object_put(b->text);
}

static bool is_text(const char *s, size_t n)
{
	return !memchr(s, '\0', n);
}

static struct json_object *shown(const char *s, size_t n, uint64_t left)
{
	AUTO_STR words = NULL;

	if (!left && n <= DIFF_MAX && is_text(s, n))
		return output_text(s, n);
	words = xasprintf("(%s)\n",
			  left || n > DIFF_MAX ? "it is too long to be shown" : "it is no text");
	return json_object_new_string(words);
}

/* A line of what stat says, then the content; nothing where there is no file. */
static struct err *look(struct ssh_session *s, const struct fleet_host *h, struct before *ret)
{
	const struct work *w = h->arg;
	AUTO_STR path = ssh_quote(w->path);
	AUTO_STR command =
		xasprintf("! [ -f %s ] || { stat -Lc 'mode %%a, %%U:%%G' -- %s && cat -- %s; }",
			  path, path, path);
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e = ssh_exec(s,
				 &(struct ssh_exec){ .command = command,
						     .title = "stat",
						     .sudo = h->entry->sudo,
						     .out_max = DIFF_MAX + 200 },
				 &r);
	char *end = e ? NULL : memchr(r.out.s, '\n', r.out.len);

	if (end) {
		const size_t line = (size_t)(end - r.out.s);

		ret->there = true;
		ret->facts = xstrndup(r.out.s, line);
		ret->text = shown(end + 1, r.out.len - line - 1, r.out_left);
	}
	ssh_result_release(&r);
	return e;
}

static char *facts_after(const struct work *w, const struct before *b)
{
	const char *had = b->facts ? strstr(b->facts, ", ") : NULL;

	return xasprintf("mode %o%s%s", (unsigned)(w->file.mode ? w->file.mode : 0644),
			 w->file.owner ? ", "
			 : had         ? had
				       : "",
			 w->file.owner ? w->file.owner : "");
}

static void put_side(struct json_object *diff, const char *side, const char *facts, bool tell_facts,
		     struct json_object *text)
{
	AUTO_STR all = xasprintf("%s%s%s", tell_facts && facts ? facts : "",
				 tell_facts && facts ? "\n" : "",
				 text ? json_object_get_string(text) : "");

	json_sets(diff, side, all);
}

/* Mode and owner are there where they differ, too. */
static struct json_object *diff_of(const struct fleet_host *h, const struct before *b)
{
	const struct work *w = h->arg;
	struct json_object *diff = json_object_new_object();
	AUTO_STR title = xasprintf("%s: %s", h->entry->name, w->path);
	AUTO_STR facts = facts_after(w, b);
	AUTO_JSON text =
		w->text ? shown(w->text, strlen(w->text), 0)
			: json_object_new_string("(it is too long to be shown, or no text)\n");
	const bool differ = b->facts && strcmp(b->facts, facts) != 0;

	json_sets(diff, "before_header", title);
	json_sets(diff, "after_header", title);
	put_side(diff, "before", b->facts, differ, b->text);
	put_side(diff, "after", facts, differ, text);
	return diff;
}

/* ---- the work ---- */

static struct err *task(struct ssh_session *s, struct fleet_host *h)
{
	const struct work *w = h->arg;
	const unsigned flags = h->entry->sudo ? SSH_SUDO : 0;
	struct ssh_file file = w->file;
	struct before before = { 0 };
	struct err *e = NULL;

	json_sets(h->told, "dest", w->path);
	json_sets(h->told, "sha256", w->sum);
	if (h->op->check || h->op->diff)
		e = ssh_upload(s, &file, 1, flags | SSH_CHECK);
	if (!e && h->op->diff && file.changed) {
		e = look(s, h, &before);
		if (!e)
			h->diff = diff_of(h, &before);
		before_release(&before);
	}
	if (!e && !h->op->check && (!h->op->diff || file.changed))
		e = ssh_upload(s, &file, 1, flags);
	h->changed = file.changed && !e;
	return e;
}

/* ---- options ---- */

static struct err *read_mode(struct op *op, int *ret)
{
	struct json_object *v = json_at(op->want, "mode");
	int64_t mode = 0;

	if (!v)
		return NULL;
	/* YAML makes a number of 0644, and Ansible hands that on. */
	if (json_object_is_type(v, json_type_int)) {
		mode = json_object_get_int64(v);
	} else if (json_object_is_type(v, json_type_string)) {
		const char *s = json_object_get_string(v);
		char *end;

		mode = strtol(s, &end, 8);
		if (end == s || *end)
			mode = 0;
	}
	if (mode < 1 || mode > MODE_MOST)
		return err_at(err_new(ERR_USAGE, "mode is octal and in quotes, as \"0644\""),
			      "mode");
	*ret = (int)mode;
	return NULL;
}

static struct err *read_owner(struct op *op, struct work *w)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$@-";
	static const char *const names[] = { "owner", "group" };

	for (size_t i = 0; i < COUNT(names); i++) {
		const char *s = json_str(op->want, names[i]);

		if (s && (!*s || *s == '-' || s[strspn(s, allowed)]))
			return err_at(err_new(ERR_USAGE, "%s is a name or a number, and not '%s'",
					      names[i], s),
				      names[i]);
	}
	if (json_str(op->want, "owner") || json_str(op->want, "group"))
		w->owner = xasprintf(
			"%s%s%s", json_str(op->want, "owner") ? json_str(op->want, "owner") : "",
			json_str(op->want, "group") ? ":" : "",
			json_str(op->want, "group") ? json_str(op->want, "group") : "");
	w->file.owner = w->owner;
	return NULL;
}

static struct err *read_content(struct op *op, struct work *w)
{
	struct json_object *v = json_at(op->want, "content");
	const char *s = json_object_get_string(v);
	const size_t len = (size_t)json_object_get_string_len(v);

	w->file.content = s;
	w->file.len = len;
	w->sum = digest_text("sha256", s, len);
	if (is_text(s, len))
		w->text = xstrndup(s, len);
	return NULL;
}

static struct err *read_source(struct op *op, struct work *w)
{
	AUTO_BUF text = BUF_INIT;
	struct stat st;
	struct err *e;
	int fd;

	w->from = path_expand(json_str(op->want, "src"));
	fd = open(w->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_at(err_new(ERR_USAGE, "src '%s': %s", w->from, strerrordesc_np(errno)),
			      "src");
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		e = err_at(err_new(ERR_USAGE, "src '%s' is no file", w->from), "src");
	else
		e = digest_fd("sha256", fd, &w->sum);
	(void)close(fd);
	w->file.from = w->from;
	if (e || !op->diff || st.st_size > DIFF_MAX)
		return e;
	e = file_text(w->from, DIFF_MAX + 1, &text);
	if (!e && is_text(text.s, text.len))
		w->text = buf_take(&text);
	return e;
}

/* A folder's name gets that of the file, as with Ansible's copy. */
static struct err *read_dest(struct op *op, struct work *w)
{
	const char *dest = json_str(op->want, "dest");
	const size_t n = strlen(dest);
	const char *slash = w->from ? strrchr(w->from, '/') : NULL;

	if (n && dest[n - 1] == '/' && !w->from)
		return err_at(err_new(ERR_USAGE,
				      "dest '%s' is a folder, and content has no name of "
				      "its own: add one",
				      dest),
			      "dest");
	if (*dest == '~')
		return err_at(err_new(ERR_USAGE,
				      "dest '%s': ~ is not known there: give the whole path, "
				      "or one that begins in the user's home",
				      dest),
			      "dest");
	w->path = xasprintf("%s%s", dest,
			    n && dest[n - 1] == '/' ? (slash ? slash + 1 : w->from) : "");
	w->file.path = w->path;
	return NULL;
}

static struct err *read_work(struct op *op, struct work *w)
{
	struct err *e = read_mode(op, &w->file.mode);

	if (!e)
		e = read_owner(op, w);
	if (!e)
		e = json_has(op->want, "content") ? read_content(op, w) : read_source(op, w);
	if (!e)
		e = read_dest(op, w);
	w->file.sha256 = w->sum;
	return e;
}

static void release(struct work *w)
{
	free(w->from);
	free(w->path);
	free(w->owner);
	free(w->sum);
	wipe_free(w->text);
}

static struct err *run(struct op *op)
{
	struct work w = { .from = NULL };
	struct err *e = read_work(op, &w);

	if (!e) {
		struct fleet *f = fleet_new(op, &w);

		fleet_connect(f, task);
		e = fleet_end(f);
	}
	release(&w);
	return e;
}

static const struct attr attrs[] = {
	ROWS_FLEET,
	{ "src", STR, OPTION, "A file here: of the playbook or its role, or a whole path." },
	{ "content", STR, OPTION, "What the file is to hold, in place of src." },
	{ "dest", STR, OPTION | REQUIRED,
	  "Where it is to be there; a path that does not begin with / is seen from the user's home. "
	  "With / at its end it is a folder, in which the file has the name of src. The folder has to "
	  "be there." },
	{ "mode", RAW, OPTION, "Its mode, octal and in quotes.", .value = "\"0644\"" },
	{ "owner", STR, OPTION, "Its owner, by name or number; else whoever writes it." },
	{ "group", STR, OPTION, "Its group, likewise." },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "src content" },
	{ ONE_OF, "src content" },
	{ 0 },
};

static const struct attr result_rows[] = {
	ROWS_RESULT,
	{ "dest", STR, READONLY, "The file's path there." },
	{ "sha256", STR, READONLY, "The checksum of what it holds." },
	{ 0 },
};

static const struct attr returned[] = { ROWS_RETURNED(result_rows), { 0 } };

const struct resource host_copy = {
	.name = "copy",
	.doc = "Makes a file on any number of hosts at once what it is to be, by SSH from here.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: The same configuration for all, as root\n"
		   "  treenail.host.copy:\n"
		   "    hosts: \"{{ groups['web'] }}\"\n"
		   "    src: nginx.conf\n"
		   "    dest: /etc/nginx/nginx.conf\n"
		   "    owner: root\n"
		   "    mode: \"0644\"\n"
		   "    sudo: true\n"
		   "- name: A greeting\n"
		   "  treenail.host.copy:\n"
		   "    hosts: ops@10.0.0.11\n"
		   "    content: |\n"
		   "      Be nice.\n"
		   "    dest: greeting\n",
};
