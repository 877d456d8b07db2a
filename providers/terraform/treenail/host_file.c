/* treenail_host_file: a file on a host, known by its checksum. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "digest.h"
#include "hosts.h"
#include "kinds.h"
#include "protocol/value.h"
#include "text.h"

enum { MODE_BITS = 07777 };

static const struct tf_attr rows[] = {
	HOST_ROW,
	{ "path", TF_REQUIRED | TF_NEW, "",
	  "Where the file is: absolute, or from the user's home. The folder has to be there." },
	{ "content", TF_WRITE_ONLY | TF_SENSITIVE, "",
	  "What is in it: this, content_base64 or source. It is in neither plan nor state, which have its "
	  "checksum." },
	{ "content_base64", TF_WRITE_ONLY | TF_SENSITIVE, "",
	  "The same, of any bytes, in base64." },
	{ "source", 0, "",
	  "A file here, whose content it gets. If it changes between plan and apply, Terraform refuses to go on (an "
	  "inconsistent final plan) and nothing is written: plan again." },
	{ "mode", 0, "", "Its permissions, in octal.", .value = "\"0644\"" },
	{ "owner", 0, "",
	  "Its owner, as user, user:group or :group, by names or numbers; else whoever writes it." },
	{ "sudo", 0, "", "Whether it is written and read as root; else as the host's `sudo` says.",
	  .type = "\"bool\"" },
	{ "sha256", TF_COMPUTED, "", "SHA-256 of its content, in hexadecimal." },
	{ 0 },
};

/* ---- what is wanted ---- */

/* The octal number; -1: it is none. */
static long mode_of(const char *s)
{
	char *end;
	const long mode = s ? strtol(s, &end, 8) : -1;

	return s && *s && strspn(s, "01234567") == strlen(s) && mode <= MODE_BITS ? mode : -1;
}

/* Exactly one of them; "" is content, too. */
static struct err *check_content(struct json_object *config)
{
	static const char *const names[] = { "content", "content_base64", "source" };
	const char *found = NULL;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!json_at(config, names[i]))
			continue;
		if (found)
			return err_at(err_new(ERR_USAGE, "only one of %s and %s can be given",
					      found, names[i]),
				      names[i]);
		found = names[i];
	}
	return found ? NULL
		     : err_new(ERR_USAGE, "one of these has to be given: content, content_base64, "
					  "source");
}

static struct err *validate(struct tf_op *t)
{
	const char *mode = json_str(t->config, "mode"), *path = json_str(t->config, "path");

	if (mode && mode_of(mode) < 0)
		return err_at(err_new(ERR_USAGE, "'%s' is no mode such as 0644", mode), "mode");
	if (path && !*path)
		return err_at(err_new(ERR_USAGE, "it is empty"), "path");
	struct err *e = check_content(t->config);
	return e ? e : hosts_check(json_at(t->config, "host"));
}

/* The content that is written in the configuration; false: it is a file's. */
static bool content_of(const struct tf_op *t, struct buf *ret, struct err **e)
{
	struct json_object *text = json_at(t->config, "content");
	const char *coded = json_str(t->config, "content_base64");

	if (text)
		(void)buf_add(ret, json_object_get_string(text),
			      (size_t)json_object_get_string_len(text));
	else if (coded && !base64_text(coded, strlen(coded), ret))
		*e = err_at(err_new(ERR_USAGE, "it is no base64"), "content_base64");
	return text || coded;
}

static struct err *sum_of_file(const char *path, char **ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct err *e = fd < 0 ? err_new(ERR_NOT_FOUND, "'%s': %s", path, strerrordesc_np(errno))
			       : digest_fd("sha256", fd, ret);

	if (fd >= 0)
		(void)close(fd);
	return err_at(e, "source");
}

/* *ret NULL: nothing can be said yet. */
static struct err *sum_wanted(struct tf_op *t, char **ret)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e = NULL;

	if (value_has_unknown(json_at(t->config, "content")) ||
	    value_has_unknown(json_at(t->config, "content_base64")) ||
	    value_has_unknown(json_at(t->config, "source")))
		return NULL;
	if (content_of(t, &text, &e)) {
		if (!e)
			*ret = digest_text("sha256", text.s, text.len);
		buf_wipe(&text);
		return e;
	}
	return json_str(t->config, "source") ? sum_of_file(json_str(t->config, "source"), ret)
					     : NULL;
}

static void keep_mode(struct tf_op *t)
{
	const char *is = json_str(t->planned, "mode"), *was = json_str(t->prior, "mode");

	if (is && was && mode_of(is) == mode_of(was))
		json_sets(t->planned, "mode", was);
}

static struct err *plan(struct tf_op *t)
{
	AUTO_STR sum = NULL;
	struct err *e = sum_wanted(t, &sum);

	if (e && e->kind == ERR_NOT_FOUND) {
		op_warn(t->op,
			"source: %s: if this run does not bring that file, applying will fail.",
			e->text);
		err_free(e);
		e = NULL;
	}
	if (e)
		return e;
	hosts_plan(t);
	keep_mode(t);
	json_set(t->planned, "sha256", sum ? json_object_new_string(sum) : tf_unknown(t));
	return NULL;
}

/* ---- writing ---- */

struct writing {
	struct ssh_file file;
	unsigned flags;
};

static struct err *write_it(struct ssh_session *s, void *arg)
{
	struct writing *w = arg;

	return ssh_upload(s, &w->file, 1, w->flags);
}

/* What is written has to be what was planned. */
static struct err *check_sum(const struct tf_op *t, const char *sum)
{
	const char *planned = json_str(t->planned, "sha256");

	if (!planned || !sum || strcmp(planned, sum) == 0)
		return NULL;
	return err_new(ERR_CONFLICT, "the content has changed since it was planned: plan again");
}

static void show(struct tf_op *t, const char *sum)
{
	AUTO_STR host = hosts_identity(t, json_at(t->planned, "host"));
	AUTO_STR id = xasprintf("%s:%s", host, json_str(t->planned, "path"));

	t->state = json_copy(t->planned);
	json_sets(t->state, "id", id);
	json_sets(t->state, "sha256", sum);
}

static struct err *write_content(struct tf_op *t, const struct buf *text, const char *from,
				 const char *sum)
{
	struct json_object *host = json_at(t->planned, "host");
	struct writing w = { .file = { .path = json_str(t->planned, "path"),
				       .from = from,
				       .content = text->s,
				       .len = text->len,
				       .sha256 = sum,
				       .mode = (int)mode_of(json_str(t->planned, "mode")),
				       .owner = json_str(t->planned, "owner") } };
	bool sudo = false;
	struct err *e = hosts_sudo(host, json_at(t->planned, "sudo"), &sudo);

	w.flags = sudo ? SSH_SUDO : 0;
	return e ? e : hosts_do(t, host, write_it, &w);
}

static struct err *apply(struct tf_op *t)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STR sum = NULL;
	struct err *e = sum_wanted(t, &sum);
	const bool given = !e && content_of(t, &text, &e);

	if (!e && !sum)
		e = err_new(ERR_USAGE, "its content is not known");
	if (!e)
		e = check_sum(t, sum);
	if (!e)
		e = write_content(t, &text, given ? NULL : json_str(t->config, "source"), sum);
	buf_wipe(&text);
	if (!e)
		show(t, sum);
	return e;
}

/* ---- reading ---- */

/* "MODE USER:GROUP UID:GID SUM", or "MODE USER:GROUP UID:GID -" of what is no file. */
static const char LOOK[] = "a=$(stat -Lc '%a %U:%G %u:%g' -- \"$p\") || exit 3\n"
			   "if [ -f \"$p\" ]; then s=$(sha256sum <\"$p\") || exit 4; else s=-; fi\n"
			   "echo \"$a ${s%% *}\"\n";

/* With the file as $p. */
static struct err *script_run(struct tf_op *t, const char *text, struct ssh_result *ret)
{
	AUTO_STR path = ssh_quote(json_str(t->prior, "path"));
	AUTO_STR all = xasprintf("p=%s\n%s", path, text);

	return hosts_script(t, t->prior, all, ret);
}

/* Nothing but this says that it is gone. */
static bool is_gone(const struct ssh_result *r)
{
	return r->status == 3 &&
	       (strstr(r->err.s, "No such file") || strstr(r->err.s, "Not a directory"));
}

/* What there is, in the words of the state where they mean the same. */
static struct err *tell(struct tf_op *t, const char *line)
{
	const char *mode = json_str(t->prior, "mode"), *owner = json_str(t->prior, "owner");
	char word[4][128] = { "", "", "", "" };

	for (size_t i = 0; i < COUNT(word); i++) {
		const size_t n = strcspn(line, " \n");

		if (!n || n >= sizeof(word[i]))
			return err_new(ERR_PROTOCOL, "the answer makes no sense");
		memcpy(word[i], line, n);
		line += n;
		line += strspn(line, " ");
	}
	if (!mode || mode_of(mode) != mode_of(word[0])) {
		AUTO_STR now = xasprintf("%04lo", (unsigned long)mode_of(word[0]));

		json_sets(t->state, "mode", now);
	}
	if (owner && !ssh_owner_is(owner, word[1]) && !ssh_owner_is(owner, word[2]))
		json_sets(t->state, "owner", word[1]);
	json_sets(t->state, "sha256", strcmp(word[3], "-") == 0 ? "" : word[3]);
	return NULL;
}

static struct err *take(struct tf_op *t, const struct ssh_result *r)
{
	AUTO_STR host = hosts_identity(t, json_at(t->prior, "host"));
	AUTO_STR id = xasprintf("%s:%s", host, json_str(t->prior, "path"));

	if (is_gone(r)) {
		json_object_put(TAKE(t->state));
		return NULL;
	}
	if (r->status)
		return hosts_failed(r);
	json_sets(t->state, "id", id);
	return tell(t, r->out.s);
}

static struct err *read_it(struct tf_op *t)
{
	AUTO_STR why = NULL;
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e;

	/* Nobody can be asked before something else is made: what was known stays. */
	t->state = json_copy(t->prior);
	if (!hosts_known(&why))
		return NULL;
	e = script_run(t, LOOK, &r);
	if (!e)
		e = take(t, &r);
	ssh_result_release(&r);
	return e;
}

/* ---- the rest ---- */

static struct err *remove_it(struct tf_op *t)
{
	struct ssh_result r = SSH_RESULT_INIT;
	struct err *e = script_run(t, "exec rm -f -- \"$p\"\n", &r);

	if (!e && r.status)
		e = hosts_failed(&r);
	ssh_result_release(&r);
	return e;
}

static const struct tf_worker worker = {
	.validate = validate,
	.plan = plan,
	.create = apply,
	.update = apply,
	.remove = remove_it,
	.read = read_it,
	.import = hosts_import,
};

const struct tf_kind treenail_host_file = {
	.name = "host_file",
	.doc = "A file on a host that is reached by SSH. What is there at its path is replaced; a change "
	       "made there is found by its checksum, its mode and its owner.",
	.attrs = rows,
	.minutes = { .create = 10, .update = 10, .remove = 10 },
	.worker = &worker,
	.import_doc =
		"The ID is `[user@]host[:port]:/path`; how the host is reached beyond that, the "
		"provider block and ssh_config say.",
	.example = "resource \"treenail_host_file\" \"greeting\" {\n"
		   "  host    = { address = \"127.0.0.1\" }\n"
		   "  path    = \"/var/tmp/treenail-greeting\"\n"
		   "  content = \"Made by Terraform\\n\"\n"
		   "  mode    = \"0600\"\n"
		   "}\n",
};
