#include "node/install.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "file.h"
#include "ssh/session.h"

enum { AGENT_MAX = 16 << 20, NAME_DIGITS = 16, SHA256_TEXT = 64 };

/* What needs no quotes: errors are easier to read without. */
static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
static const char ROOTS[] = "/var/lib/treenail", OTHERS[] = ".cache/treenail";

extern const char agent_bytes[], agent_bytes_end[], agent_sha256[];

/* ---- which agent, and where ---- */

static struct err *own_bytes(const char *path, struct node_place *p)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e = file_text(path, AGENT_MAX, &text);

	if (e)
		return err_wrap(e, "TREENAIL_AGENT");
	p->len = text.len;
	p->own = buf_take(&text);
	p->bytes = p->own;
	p->sha256 = digest_text("sha256", p->bytes, p->len);
	return NULL;
}

struct err *node_place_find(struct ssh_session *s, const struct node_plan *plan,
			    struct node_place *ret)
{
	const bool root = strcmp(s->target->user, "root") == 0;
	const char *own = env_get("TREENAIL_AGENT");
	const char *folder = plan->folder ? plan->folder : root || plan->sudo ? ROOTS : OTHERS;
	struct node_place p = { .sudo = plan->sudo && !root,
				.bytes = agent_bytes,
				.len = (size_t)(agent_bytes_end - agent_bytes) };
	struct err *e = own ? own_bytes(own, &p) : NULL;

	if (e)
		return e;
	if (!own)
		p.sha256 = xstrdup(agent_sha256);
	p.folder = ssh_quote(folder);
	p.path = xasprintf("%s/agent-%.*s", folder, NAME_DIGITS, p.sha256);
	p.command = strspn(p.path, PLAIN) == strlen(p.path) ? xstrdup(p.path) : ssh_quote(p.path);
	*ret = p;
	return NULL;
}

void node_place_release(struct node_place *p)
{
	free(p->folder);
	free(p->path);
	free(p->command);
	free(p->sha256);
	free(p->own);
}

/* ---- bringing it ---- */

/* A script for the POSIX shell, whatever the user's is. */
static struct err *run_script(struct ssh_session *s, const struct node_place *p, const char *script,
			      struct ssh_exec *x, struct ssh_result *r)
{
	AUTO_STR quoted = ssh_quote(script);
	AUTO_STR command = xasprintf("/bin/sh -c %s", quoted);
	struct err *e;

	x->command = command;
	x->sudo = p->sudo;
	e = ssh_exec(s, x, r);
	if (!e && r->status) {
		AUTO_STR words = session_words(r->err.s, r->err.len);

		e = err_new(ERR_REMOTE, "%s", *words ? words : "the shell there has failed");
	}
	return e;
}

struct err *node_install(struct ssh_session *s, const struct node_place *p, bool *changed)
{
	AUTO_STR script =
		xasprintf("umask 077; mkdir -p %s/blobs && chmod 700 %s", p->folder, p->folder);
	struct ssh_file file = { .path = p->path,
				 .content = p->bytes,
				 .len = p->len,
				 .sha256 = p->sha256,
				 .mode = 0700 };
	struct ssh_result r = SSH_RESULT_INIT;
	struct ssh_exec x = { 0 };
	struct err *e = run_script(s, p, script, &x, &r);

	ssh_result_release(&r);
	if (!e)
		e = ssh_upload(s, &file, 1, p->sudo ? SSH_SUDO : 0);
	*changed = *changed || file.changed;
	return err_wrap(e, "bringing the agent");
}

/* ---- why it does not run ---- */

/* e_machine of the ELF header (elf(5)), as uname(2) calls it. */
static const char *arch_of(const struct node_place *p)
{
	static const struct {
		unsigned char machine;
		const char *name;
	} known[] = { { 62, "x86_64" },
		      { 183, "aarch64" },
		      { 21, "ppc64le" },
		      { 22, "s390x" },
		      { 243, "riscv64" } };

	for (size_t i = 0; i < COUNT(known) && p->len > 18; i++)
		if (known[i].machine == (unsigned char)p->bytes[18])
			return known[i].name;
	return "?";
}

/* The line of /proc/mounts that the path lies under. */
static const char *mount_of(const char *mounts, const char *path, size_t *len)
{
	const char *best = NULL;
	size_t deepest = 0;

	for (const char *line = mounts; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + strcspn(line, " \n");
		size_t n;

		at += strspn(at, " ");
		n = strcspn(at, " \n");
		if (n == 0 || n < deepest || strncmp(path, at, n) != 0 ||
		    (n > 1 && path[n] && path[n] != '/'))
			continue;
		deepest = n;
		best = at;
		*len = n;
	}
	return best;
}

static struct err *explain(const struct node_place *p, const char *said, const char *words,
			   int status)
{
	const char *arch = said, *path = said + strcspn(said, "\n");
	const size_t arch_len = strcspn(arch, "\n");
	const char *mounts, *at;
	size_t n = 0;

	path += *path == '\n';
	mounts = path + strcspn(path, "\n");
	AUTO_STR whole = xstrndup(path, (size_t)(mounts - path));
	AUTO_STR here = xstrndup(arch, arch_len);
	if (strcmp(arch_of(p), here) != 0)
		return err_new(
			ERR_REMOTE,
			"the agent is a program for %s, the host is %s: let TREENAIL_AGENT name one for it",
			arch_of(p), *here ? here : "of an unknown kind");
	at = mount_of(mounts, whole, &n);
	if (at) {
		AUTO_STR options = xstrndup(at + n, strcspn(at + n, "\n"));

		if (strstr(options, "noexec"))
			return err_new(
				ERR_REMOTE,
				"nothing can be run from '%s': '%.*s' is mounted noexec: mount it so that programs can be",
				whole, (int)n, at);
	}
	return err_new(ERR_REMOTE, "the agent '%s' does not start (status %d)%s%s", p->path, status,
		       *words ? ": " : "", words);
}

struct err *node_not_started(struct ssh_session *s, const struct node_place *p,
			     const struct ssh_result *r, const struct buf *noise)
{
	const struct buf *said = r->err.len ? &r->err : noise;
	AUTO_STR words = session_words(said->s, said->len);
	AUTO_STR script = xasprintf("uname -m; cd %s && pwd -P; cat /proc/mounts", p->folder);
	struct ssh_result look = SSH_RESULT_INIT;
	struct ssh_exec x = { 0 };
	struct err *e = run_script(s, p, script, &x, &look);

	if (!e)
		e = explain(p, look.out.s, words, r->status);
	ssh_result_release(&look);
	return e;
}

/* ---- files of a plan ---- */

struct source {
	const struct node_blob *blob;
	int fd;
	off_t at;
};

static ssize_t read_source(void *arg, char *s, size_t n, struct err **e)
{
	struct source *f = arg;
	const ssize_t got = pread(f->fd, s, n, f->at);

	if (got < 0)
		*e = err_new(ERR_USAGE, "reading '%s': %s", f->blob->path, strerrordesc_np(errno));
	else
		f->at += got;
	return got;
}

/*
 * What is short of its size stays for the next attempt: a connection that broke, or a disk that is full.
 * What is whole and wrong does not.
 */
static char *script_for(const struct node_place *p, const char *sum, int64_t size, int64_t have)
{
	return xasprintf(
		"umask 077; LC_ALL=C; export LC_ALL; f=%s/blobs/%s; %s"
		"cat >>\"$f.part\" || exit; [ \"$(($(wc -c <\"$f.part\")))\" -ge %lld ] || exit 3; "
		"s=$(sha256sum <\"$f.part\") && [ \"${s%%%% *}\" = %s ] && exec mv -f \"$f.part\" \"$f\"; "
		"rm -f \"$f.part\"; echo 'what arrived is not what was sent' >&2; exit 1",
		p->folder, sum, have ? "" : "rm -f \"$f.part\"; ", (long long)size, sum);
}

static struct err *send_open(struct ssh_session *s, const struct node_place *p, struct source *f,
			     int64_t have)
{
	struct ssh_exec x = { .more = read_source, .arg = f };
	struct ssh_result r = SSH_RESULT_INIT;
	struct stat st;
	struct err *e;

	if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return err_new(ERR_USAGE, "'%s' is no file", f->blob->path);
	/* Something else, or damaged: anew. */
	if (have > (int64_t)st.st_size)
		have = 0;
	f->at = (off_t)have;
	AUTO_STR script = script_for(p, f->blob->sha256, (int64_t)st.st_size, have);
	e = run_script(s, p, script, &x, &r);
	ssh_result_release(&r);
	return e;
}

static const struct node_blob *find_blob(const struct node_plan *plan, const char *sha256)
{
	for (size_t i = 0; i < plan->nblobs; i++)
		if (strcmp(plan->blobs[i].sha256, sha256) == 0)
			return plan->blobs + i;
	return NULL;
}

/* The sum came back from the host: nothing but one is a part of a command. */
static bool is_sum(const char *s)
{
	return s && strlen(s) == SHA256_TEXT && strspn(s, "0123456789abcdef") == SHA256_TEXT;
}

static struct err *send_blob(struct ssh_session *s, const struct node_place *p,
			     const struct node_plan *plan, struct json_object *wanted)
{
	const char *sum = json_str(wanted, "sha256");
	struct source f = { .blob = is_sum(sum) ? find_blob(plan, sum) : NULL };
	struct err *e;

	if (!f.blob)
		return err_new(ERR_USAGE, "a step wants blob %.100s, which the plan does not bring",
			       sum ? sum : "?");
	f.fd = open(f.blob->path, O_RDONLY | O_CLOEXEC);
	if (f.fd < 0)
		return err_new(ERR_USAGE, "'%s': %s", f.blob->path, strerrordesc_np(errno));
	e = send_open(s, p, &f, json_int(wanted, "have", 0));
	(void)close(f.fd);
	return err_wrap(e, "sending '%s'", f.blob->path);
}

struct err *node_send_blobs(struct ssh_session *s, const struct node_place *p,
			    const struct node_plan *plan, struct json_object *lacking)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(lacking) && !e; i++)
		e = send_blob(s, p, plan, json_nth(lacking, i));
	return e;
}
