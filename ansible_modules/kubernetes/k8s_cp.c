#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "common/tasks.h"
#include "digest.h"
#include "file.h"
#include "kubernetes/socket.h"
#include "kubernetes/tree.h"
#include "output.h"
#include "session/config.h"

enum { TOLD_MAX = 64 << 10, TIMEOUT_MOST_S = 366 * 24 * 3600, MODES = 0777, FILE_MODE = 0644 };

/* One copy, and what is known of the other side. */
struct copy {
	struct op *op;
	struct exec x;
	char *container;
	char *remote; /* without '/' at its end */
	char *local;
	bool plain; /* no_preserve */
	struct {
		bool shell, tar, head;
		bool folder; /* remote is one */
		bool there,
			inside; /* what remote, or the name in that folder, is; inside: a folder */
		char *sum, *mode; /* of a file there; NULL: unknown */
	} far;
	struct buf out, err; /* what the command at hand says */
	struct tree_pack *pack;
	struct tree_unpack unpack;
	struct tar_reader reader;
	int fd; /* of a file that goes as it is */
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void trim(char *path)
{
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
}

/* ---- commands ---- */

static struct err *hear(struct buf *to, const char *s, size_t n)
{
	(void)buf_add(to, s, n < TOLD_MAX - to->len ? n : TOLD_MAX - to->len);
	return NULL;
}

static struct err *on_out(void *arg, const char *s, size_t n)
{
	struct copy *c = arg;

	return hear(&c->out, s, n);
}

static struct err *on_err(void *arg, const char *s, size_t n)
{
	struct copy *c = arg;

	return hear(&c->err, s, n);
}

/* In its last words, a command's own name comes first: no need to say it again. */
static struct err *unwell(const struct copy *c, const char *name, int code)
{
	size_t n = c->err.len;
	struct err *e;

	while (n && strchr("\r\n", c->err.s[n - 1]))
		n--;
	e = err_new(ERR_REMOTE, "%s in the container failed with exit code %d%s%.*s", name, code,
		    n ? ": " : "", (int)n, c->err.s);
	e->ambiguous = true; /* a part may have been done */
	return e;
}

static struct err *command(struct copy *c, const char *const *argv, int *code)
{
	c->x.argv = argv;
	c->out.len = c->err.len = 0;
	return exec_run(&c->x, code);
}

/* ---- the other side ---- */

static const char PROBE[] = "p=$1; [ -d \"$p\" ] && echo folder && [ \"$2\" ] && p=${p%/}/$2\n"
			    "[ -e \"$p\" ] && echo there\n"
			    "[ -d \"$p\" ] && echo inside\n"
			    "command -v tar >/dev/null && echo tar\n"
			    "command -v head >/dev/null && echo head\n"
			    "[ -f \"$p\" ] && echo \"mode $(stat -c %a \"$p\" 2>/dev/null)\" && "
			    "echo \"sum $(sha256sum <\"$p\" 2>/dev/null)\"\n"
			    "exit 0\n";

static bool says(const struct copy *c, const char *line)
{
	AUTO_STR text = xasprintf("\n%s", c->out.s);
	AUTO_STR want = xasprintf("\n%s\n", line);

	return strstr(text, want);
}

/* The word after "mode " or "sum "; owned; NULL: there is none. */
static char *word_after(const struct copy *c, const char *key)
{
	const char *at = strstr(c->out.s, key);
	const size_t n = at ? strspn(at + strlen(key), "0123456789abcdef") : 0;

	return n ? xstrndup(at + strlen(key), n) : NULL;
}

/*
 * A container without a shell may have tar all the same: then paths are what they seem. Where there is a
 * shell it starts all others: busybox's has tar in itself, under no name of its own.
 */
static bool is_no_program(const struct err *e)
{
	return e && e->kind == ERR_REMOTE &&
	       (strstr(e->text, "executable file not found") ||
		strstr(e->text, "no such file or directory"));
}

static struct err *probe(struct copy *c, const char *base)
{
	const char *const argv[] = { "sh", "-c", PROBE, "sh", c->remote, base, NULL };
	int code = 0;
	struct err *e = command(c, argv, &code);

	if (is_no_program(e)) {
		err_free(e);
		c->far.tar = c->far.there = true;
		return NULL;
	}
	if (!e && code)
		e = unwell(c, "sh", code);
	if (e)
		return e;
	c->far.shell = true;
	c->far.folder = says(c, "folder");
	c->far.there = says(c, "there");
	c->far.inside = says(c, "inside");
	c->far.tar = says(c, "tar");
	c->far.head = says(c, "head");
	c->far.mode = word_after(c, "\nmode ");
	c->far.sum = word_after(c, "\nsum ");
	return NULL;
}

/* Whether the file here and the one there have the same content and mode. */
static bool is_same(const struct copy *c, const char *path, bool modes)
{
	AUTO_STR sum = NULL;
	struct stat st;
	struct err *e;
	bool same;
	int fd;

	if (!c->far.sum || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (modes &&
	    (!c->far.mode || strtoul(c->far.mode, NULL, 8) != (unsigned long)(st.st_mode & MODES)))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	e = digest_fd("sha256", fd, &sum);
	same = !e && strcmp(sum, c->far.sum) == 0;
	err_free(e);
	(void)close(fd);
	return same;
}

/* ---- to the pod ---- */

static ssize_t from_pack(void *arg, char *s, size_t n, struct err **e)
{
	struct copy *c = arg;

	return tree_pack_read(c->pack, s, n, e);
}

static ssize_t from_file(void *arg, char *s, size_t n, struct err **e)
{
	struct copy *c = arg;
	const ssize_t got = read(c->fd, s, n);

	if (got < 0)
		*e = err_new(ERR_USAGE, "cannot read '%s': %s", c->local, strerrordesc_np(errno));
	return got;
}

/* With head, where there is one, the end of the input is known by itself, for servers that cannot tell it. */
static struct err *send_archive(struct copy *c, const char *path, const char *dest)
{
	const char *where = *dest == '/' ? "/" : ".";
	const char *name = dest + strspn(dest, "/");
	const char *const alone[] = { "tar", "-xmf", "-", "-C", where, NULL };
	const char *const uncounted[] = { "sh", "-c", "tar -xmf - -C \"$1\"", "sh", where, NULL };
	uint64_t size = 0;
	int code = 0;
	struct err *e = tree_pack_size(path, name, c->plain, &size);
	AUTO_STR count = xasprintf("%llu", (unsigned long long)size);
	const char *const counted[] = { "sh", "-c",  "head -c \"$1\" | tar -xmf - -C \"$2\"",
					"sh", count, where,
					NULL };

	if (!e)
		e = tree_pack_new(path, name, c->plain, &c->pack);
	if (e)
		return e;
	c->x.in = from_pack;
	c->x.bounded = c->far.shell && c->far.head;
	e = command(c, c->x.bounded ? counted : c->far.shell ? uncounted : alone, &code);
	return !e && code ? unwell(c, "tar", code) : e;
}

static struct err *send_file(struct copy *c, const char *path, const char *dest)
{
	static const char script[] = "if [ \"$4\" ]; then head -c \"$1\"; else cat; fi >\"$2\" && "
				     "{ ! command -v chmod >/dev/null || chmod \"$3\" \"$2\"; }";
	struct stat st;
	int code = 0;
	struct err *e;

	c->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0 || fstat(c->fd, &st) < 0)
		return err_new(ERR_USAGE, "cannot read '%s': %s", path, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_USAGE,
			       "the container has no tar: only files can be copied there");
	AUTO_STR count = xasprintf("%lld", (long long)st.st_size);
	AUTO_STR mode = xasprintf("%o", c->plain ? FILE_MODE : (unsigned)st.st_mode & MODES);
	const char *const argv[] = { "sh",  "-c", script, "sh",
				     count, dest, mode,   c->far.head ? "head" : "",
				     NULL };
	c->x.in = from_file;
	c->x.bounded = c->far.head;
	e = command(c, argv, &code);
	return !e && code ? unwell(c, "sh", code) : e;
}

static struct err *to_pod(struct copy *c, const char *path, const char *name)
{
	bool differs;
	struct stat st;
	struct err *e = stat(path, &st) < 0 ? err_at(err_new(ERR_USAGE, "local_path '%s': %s", path,
							     strerrordesc_np(errno)),
						     "local_path")
					    : probe(c, name);

	if (e)
		return e;
	if (c->far.folder && !name)
		return err_at(err_new(ERR_USAGE,
				      "'%s' is a folder: content needs the name of a file",
				      c->remote),
			      "remote_path");
	AUTO_STR dest = c->far.folder && name
				? xasprintf("%s/%s", strcmp(c->remote, "/") ? c->remote : "", name)
				: xstrdup(c->remote);
	if (c->far.inside && S_ISREG(st.st_mode))
		return err_new(ERR_USAGE, "'%s' is a folder in the container", dest);
	differs = !is_same(c, path, !c->plain && name);
	if (differs && !c->op->check)
		e = c->far.tar ? send_archive(c, path, dest) : send_file(c, path, dest);
	c->op->out->changed = differs && (!e || e->ambiguous);
	put(c->op, "result", output_text(dest, strlen(dest)));
	return e;
}

/* What is given as content is a file that only we see. */
static struct err *content_to_pod(struct copy *c, const char *content)
{
	const size_t n = strlen(content);
	const int fd = memfd_create("content", MFD_CLOEXEC);
	AUTO_STR path = xasprintf("/proc/self/fd/%d", fd);
	struct err *e;

	c->plain = true; /* it has neither owner nor mode */
	if (fd < 0 || write(fd, content, n) != (ssize_t)n)
		e = err_new(ERR_USAGE, "no memory for the content");
	else
		e = to_pod(c, path, NULL);
	if (fd >= 0)
		(void)close(fd);
	return e;
}

/* ---- from the pod ---- */

static struct err *into_archive(void *arg, const char *s, size_t n)
{
	struct copy *c = arg;

	return tar_read(&c->reader, s, n);
}

static struct err *into_file(void *arg, const char *s, size_t n)
{
	struct copy *c = arg;

	return tree_unpack_data(&c->unpack, s, n);
}

static struct err *fetch_archive(struct copy *c)
{
	AUTO_STR name = xasprintf("./%s", base_of(c->remote));
	AUTO_STR folder = xstrndup(c->remote, (size_t)(base_of(c->remote) - c->remote));
	const char *const argv[] = { "sh", "-c", "tar -cf - -C \"${1:-.}\" \"$2\"", "sh", folder,
				     name, NULL };
	const char *const alone[] = { "tar", "-cf", "-", "-C", *folder ? folder : ".", name, NULL };
	int code = 0;
	struct err *e;

	tar_reader_init(&c->reader);
	c->reader.entry = tree_unpack_entry;
	c->reader.data = tree_unpack_data;
	c->reader.done = tree_unpack_done;
	c->reader.arg = &c->unpack;
	c->x.out = into_archive;
	e = command(c, c->far.shell ? argv : alone, &code);
	if (!e && code > 1)
		e = unwell(c, "tar", code);
	if (!e)
		e = tar_read_end(&c->reader);
	/* GNU tar's word for files that were altered meanwhile. */
	if (!e && code)
		op_warn(c->op, "tar in the container: %.*s", (int)c->err.len, c->err.s);
	tar_reader_release(&c->reader);
	return e;
}

static struct err *fetch_file(struct copy *c)
{
	const struct tar_entry entry = {
		.type = TAR_FILE,
		.name = base_of(c->remote),
		.link = "",
		.mode = c->far.mode ? (unsigned)strtoul(c->far.mode, NULL, 8) & MODES : FILE_MODE,
	};
	const char *const argv[] = { "sh", "-c", "cat \"$1\"", "sh", c->remote, NULL };
	int code = 0;
	struct err *e;

	if (c->far.inside)
		return err_new(ERR_USAGE,
			       "the container has no tar: only files can be copied from it");
	e = tree_unpack_entry(&c->unpack, &entry);
	c->x.out = into_file;
	if (!e)
		e = command(c, argv, &code);
	if (!e && code)
		e = unwell(c, "cat", code);
	return e ? e : tree_unpack_done(&c->unpack);
}

static struct err *fetch(struct copy *c, const char *target)
{
	struct err *e = tree_unpack_init(&c->unpack, target, base_of(c->remote), c->plain);

	if (!e)
		e = c->far.tar ? fetch_archive(c) : fetch_file(c);
	c->op->out->changed = c->unpack.changed;
	if (c->unpack.skipped)
		op_warn(c->op, "left out, for it is neither file nor folder: %s%s",
			c->unpack.first_skipped, c->unpack.skipped > 1 ? ", and others" : "");
	tree_unpack_release(&c->unpack);
	return e;
}

static struct err *from_pod(struct copy *c)
{
	struct stat st;
	struct err *e;

	if (!*base_of(c->remote) || strcmp(base_of(c->remote), ".") == 0 ||
	    strcmp(base_of(c->remote), "..") == 0)
		return err_at(
			err_new(ERR_USAGE, "remote_path '%s' has no name at its end", c->remote),
			"remote_path");
	e = probe(c, "");
	if (!e && !c->far.there)
		e = err_new(ERR_NOT_FOUND, "there is no '%s' in the container", c->remote);
	if (e)
		return e;
	AUTO_STR target = stat(c->local, &st) == 0 && S_ISDIR(st.st_mode)
				  ? xasprintf("%s/%s", c->local, base_of(c->remote))
				  : xstrdup(c->local);
	put(c->op, "result", output_text(target, strlen(target)));
	c->op->out->changed = !is_same(c, target, !c->plain);
	return c->op->out->changed && !c->op->check ? fetch(c, target) : NULL;
}

/* ---- the module ---- */

static void release(struct copy *c)
{
	tree_pack_free(c->pack);
	if (c->fd >= 0)
		(void)close(c->fd);
	buf_release(&c->out);
	buf_release(&c->err);
	free(c->container);
	free(c->remote);
	free(c->local);
	free(c->far.sum);
	free(c->far.mode);
}

static struct err *work(struct copy *c)
{
	const char *content = json_str(c->op->want, "content");
	struct err *e = c->container ? NULL : exec_container(&c->x, &c->container);

	c->x.container = c->container;
	if (e)
		return e;
	if (strcmp(json_str(c->op->want, "state"), "from_pod") == 0)
		return from_pod(c);
	return content ? content_to_pod(c, content) : to_pod(c, c->local, base_of(c->local));
}

static struct err *run(struct op *op)
{
	const int64_t s = json_int(op->want, "copy_timeout", 0);
	const char *local = json_str(op->want, "local_path");
	struct copy c = {
		.op = op,
		.container = xstrdup(json_str(op->want, "container")),
		.remote = xstrdup(json_str(op->want, "remote_path")),
		.local = path_expand(local ? local : ""),
		.plain = json_truth(op->want, "no_preserve", false),
		.out = BUF_INIT,
		.err = BUF_INIT,
		.fd = -1,
	};
	struct err *e;

	c.x = (struct exec){
		.cluster = op->cluster,
		.ns = json_str(op->want, "namespace"),
		.pod = json_str(op->want, "pod"),
		.deadline = clock_ms() + 1000 * (s < TIMEOUT_MOST_S ? s : TIMEOUT_MOST_S),
		.out = on_out,
		.err = on_err,
		.arg = &c,
	};
	trim(c.remote);
	trim(c.local);
	e = *c.remote ? work(&c)
		      : err_at(err_new(ERR_USAGE, "remote_path is empty"), "remote_path");
	release(&c);
	return e;
}

static const struct attr attrs[] = {
	ROW_NAMESPACE(REQUIRED),
	{ "pod", STR, OPTION | REQUIRED, "Name of the pod." },
	{ "container", STR, OPTION,
	  "Container of the pod; else the one its annotation kubectl.kubernetes.io/default-container "
	  "names, or the first." },
	{ "remote_path", STR, OPTION | REQUIRED,
	  "File or folder in the container. What is copied into a folder that is there keeps its "
	  "name." },
	{ "local_path", STR, OPTION,
	  "File or folder here. What is copied into a folder that is there keeps its name." },
	{ "content", STR, OPTION,
	  "What a file in the container is to hold, in place of local_path." },
	{ "state", STR, OPTION, "Which way to copy.", .value = "\"to_pod\"",
	  .choices = "to_pod from_pod" },
	{ "no_preserve", BOOL, OPTION,
	  "Whether owner and mode are those of new files, in place of those copied.",
	  .value = "false" },
	{ "copy_timeout", INT, OPTION, "Seconds it may take at most.", .value = "300" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "local_path content" },
	{ NEEDS_ONE, "local_path content", "state=to_pod" },
	{ NEEDS_ALL, "local_path", "state=from_pod" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "result", STR, READONLY, "Where it is now: the path in the container, or here." },
	{ 0 },
};

const struct resource kube_k8s_cp = {
	.name = "k8s_cp",
	.doc = "Copies files and folders into a container, and out of one. A file that is as wanted "
	       "already is left alone.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: A file into a container\n"
		   "  treenail.kubernetes.k8s_cp:\n"
		   "    namespace: default\n"
		   "    pod: web-0\n"
		   "    remote_path: /tmp/greeting\n"
		   "    content: hello\n"
		   "- name: And out of it\n"
		   "  treenail.kubernetes.k8s_cp:\n"
		   "    namespace: default\n"
		   "    pod: web-0\n"
		   "    remote_path: /tmp/greeting\n"
		   "    local_path: /tmp/treenail-greeting\n"
		   "    state: from_pod\n",
};
