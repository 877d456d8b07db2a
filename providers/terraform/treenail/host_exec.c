/* treenail_host_exec: a command that is run on a host once. */
#include <ctype.h>
#include <string.h>

#include "adapter/journal.h"
#include "digest.h"
#include "hosts.h"
#include "kinds.h"
#include "protocol/scalar.h"
#include "protocol/value.h"
#include "random.h"
#include "text.h"

enum {
	OUT_MAX = 1 << 20,   /* that is taken */
	OUT_KEPT = 64 << 10, /* in the state */
	MASKED_MIN = 4,
};

static const char KIND[] = "host_exec"; /* in the journal */

#define MAP_TYPE "[\"map\",\"string\"]"

static const struct tf_attr rows[] = {
	HOST_ROW,
	{ "command", TF_REQUIRED, "",
	  "What is run when this is made: a script for a POSIX shell, with `set -e` in force." },
	{ "update_command", 0, "",
	  "Run in place of making it anew when command or triggers change." },
	{ "destroy_command", 0, "", "Run when this is destroyed." },
	{ "triggers", 0, "", "Any values: where they change, this is made anew.",
	  .type = MAP_TYPE },
	{ "creates", 0, "",
	  "A path: where it is there, the command is not run. Where it is gone, this is as good as gone, "
	  "and is made again." },
	{ "unless", 0, "", "A script whose success says that the command need not be run." },
	{ "stdin", 0, "", "What the command reads." },
	{ "stdin_wo", TF_WRITE_ONLY | TF_SENSITIVE, "",
	  "The same, in neither plan nor state; update_command gets it, too." },
	{ "environment", TF_SENSITIVE, "", "Variables for all commands.", .type = MAP_TYPE },
	{ "environment_wo", TF_WRITE_ONLY | TF_SENSITIVE, "",
	  "Further ones, in neither plan nor state: destroy_command does not get them.",
	  .type = MAP_TYPE },
	{ "chdir", 0, "", "Folder to run them in." },
	{ "sudo", 0, "", "Whether they run as root; else as the host's `sudo` says.",
	  .type = "\"bool\"" },
	{ "stdout", TF_COMPUTED, "",
	  "The last 64 KiB of the first MiB that the command said, without the values of the variables and of "
	  "stdin_wo: of each line of them, if it has 4 characters or more." },
	{ "stderr", TF_COMPUTED, "", "The same of its errors." },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "stdin stdin_wo" },
	{ 0 },
};

/* ---- what is wrong before anything is done ---- */

static bool is_variable(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	while (isalnum((unsigned char)*name) || *name == '_')
		name++;
	return !*name;
}

static struct err *check_variables(struct json_object *values, const char *row)
{
	struct json_object *map = json_at(values, row);

	if (!map || value_is_unknown(map))
		return NULL;
	json_object_object_foreach(map, name, v) {
		(void)v;
		if (!is_variable(name))
			return err_at(err_new(ERR_USAGE, "'%s' is no name of a variable", name),
				      row);
	}
	return NULL;
}

static struct err *validate(struct tf_op *t)
{
	struct err *e = check_variables(t->config, "environment");

	if (!e)
		e = check_variables(t->config, "environment_wo");
	return e ? e : hosts_check(json_at(t->config, "host"));
}

/* ---- plan ---- */

static bool runs_again(const struct tf_op *t)
{
	return tf_changed(t, "command") || tf_changed(t, "triggers");
}

static struct err *plan(struct tf_op *t)
{
	hosts_plan(t);
	if (!t->prior || !runs_again(t))
		return NULL;
	if (json_at(t->planned, "update_command")) {
		json_set(t->planned, "stdout", tf_unknown(t));
		json_set(t->planned, "stderr", tf_unknown(t));
		return NULL;
	}
	tf_replace(t, tf_changed(t, "triggers") ? "triggers" : "command");
	return NULL;
}

/* ---- one command ---- */

struct command {
	struct json_object *values;  /* its rows */
	struct json_object *secrets; /* the rows that are not kept; NULL: none */
	const char *text;
	bool guarded; /* creates and unless count */
	struct ssh_result r;
	char *mark; /* begins the first line that is said */
	bool begun, needless;
};

static void add_variables(struct buf *to, struct json_object *map)
{
	if (!map)
		return;
	json_object_object_foreach(map, name, v) {
		AUTO_STR value = v ? ssh_quote(json_object_get_string(v)) : NULL;

		if (value)
			buf_addf(to, "export %s=%s\n", name, value);
		if (value)
			explicit_bzero(value, strlen(value));
	}
}

/* What the shell there does before the command's own text. */
static void add_guards(struct buf *to, const struct command *c)
{
	const char *creates = json_str(c->values, "creates"),
		   *unless = json_str(c->values, "unless");

	if (c->guarded && creates) {
		AUTO_STR path = ssh_quote(creates);

		buf_addf(to, "if [ -e %s ] || [ -L %s ]; then echo %s needless; exit 0; fi\n", path,
			 path, c->mark);
	}
	if (c->guarded && unless)
		buf_addf(
			to,
			"if (\n%s\n) </dev/null >/dev/null 2>&1; then echo %s needless; exit 0; fi\n",
			unless, c->mark);
	buf_addf(to, "echo %s begins\n", c->mark);
}

/*
 * Goes before what the command reads. Neither variables nor the command are arguments of any program
 * there, which all its users could see.
 */
static void add_script(struct buf *to, const struct command *c)
{
	const char *chdir = json_str(c->values, "chdir");

	add_variables(to, json_at(c->values, "environment"));
	add_variables(to, json_at(c->secrets, "environment_wo"));
	if (chdir) {
		AUTO_STR path = ssh_quote(chdir);

		buf_addf(to, "cd %s || exit 1\n", path);
	}
	add_guards(to, c);
	buf_addf(to, "set -e\n%s\n", c->text);
}

static void add_text(struct buf *to, struct json_object *v)
{
	if (v)
		(void)buf_add(to, json_object_get_string(v), (size_t)json_object_get_string_len(v));
}

/* Cuts the first line off, if it is ours. */
static void take_mark(struct command *c)
{
	struct buf *out = &c->r.out;
	const size_t line = strcspn(out->s, "\n") + 1, mark = strlen(c->mark);

	if (strncmp(out->s, c->mark, mark) != 0 || line > out->len)
		return;
	c->needless = strncmp(out->s + mark, " needless\n", 10) == 0;
	c->begun = !c->needless;
	memmove(out->s, out->s + line, out->len - line + 1);
	out->len -= line;
}

static void mask_words(struct buf *text, const char *secret, size_t n)
{
	char *s = text->s;

	while (n >= MASKED_MIN && (s = memmem(s, text->len - (size_t)(s - text->s), secret, n)))
		memset(s, '*', n);
}

/* Of several lines, such as a key has, each may be said by itself. */
static void mask_value(struct buf *text, struct json_object *v)
{
	const char *s = json_object_get_string(v);

	while (s && *s) {
		const size_t n = strcspn(s, "\r\n");

		mask_words(text, s, n);
		s += n;
		s += strspn(s, "\r\n");
	}
}

static void mask_values(struct buf *text, struct json_object *map)
{
	if (!map)
		return;
	json_object_object_foreach(map, name, v) {
		(void)name;
		if (v)
			mask_value(text, v);
	}
}

static void mask(struct command *c)
{
	struct buf *const said[] = { &c->r.out, &c->r.err };

	for (size_t i = 0; i < COUNT(said); i++) {
		mask_values(said[i], json_at(c->values, "environment"));
		mask_values(said[i], json_at(c->secrets, "environment_wo"));
		if (json_at(c->secrets, "stdin_wo"))
			mask_value(said[i], json_at(c->secrets, "stdin_wo"));
	}
}

/* In words for people, which the line that carries it is not. */
static void say_command(struct err *e, const char *line)
{
	AUTO_STR shown = xasprintf("running '%s'", line);
	AUTO_STR old = e->text;
	const char *at = strstr(old, shown);

	e->text = at ? xasprintf("%.*srunning the command%s", (int)(at - old), old,
				 at + strlen(shown))
		     : xstrdup(old);
}

static struct err *run(struct tf_op *t, struct command *c)
{
	AUTO_BUF in = BUF_INIT;
	AUTO_STR line = NULL;
	struct ssh_exec x = { .out_max = OUT_MAX };
	struct err *e = random_mark(&c->mark);

	if (e)
		return e;
	add_script(&in, c);
	line = xasprintf("exec /bin/sh -c 'eval \"$(head -c %zu)\"'", in.len);
	add_text(&in, json_at(c->values, "stdin"));
	add_text(&in, json_at(c->secrets, "stdin_wo"));
	x.command = line;
	x.in = in.s;
	x.in_len = in.len;
	e = hosts_run(t, c->values, &x, &c->r);
	buf_wipe(&in);
	if (e)
		say_command(e, line);
	take_mark(c);
	mask(c);
	return e;
}

static void command_release(struct command *c)
{
	ssh_result_release(&c->r);
	free(c->mark);
}

/* ---- what it said ---- */

/* The end of it, as text. */
static struct json_object *kept(const struct buf *said)
{
	size_t i = said->len > OUT_KEPT ? said->len - OUT_KEPT : 0;
	AUTO_BUF text = BUF_INIT;

	while (i < said->len) {
		const size_t n = utf8_span(said->s + i, said->len - i);

		(void)buf_add(&text, said->s + i, n);
		i += n;
		if (i++ < said->len)
			buf_adds(&text, "?");
	}
	return json_object_new_string_len(text.s, (int)text.len);
}

static void show(struct tf_op *t, const struct command *c, const char *id)
{
	t->state = json_copy(t->planned);
	json_sets(t->state, "id", id);
	json_set(t->state, "stdout", kept(&c->r.out));
	json_set(t->state, "stderr", kept(&c->r.err));
}

static struct err *outcome(const struct command *c, struct err *e)
{
	return e || c->needless || (!c->r.status && c->begun) ? e : hosts_failed(&c->r);
}

/* ---- creation ---- */

/* What tells it from others. */
static char *key_of(const struct tf_op *t)
{
	AUTO_STR host = hosts_identity(t, json_at(t->planned, "host"));
	AUTO_STR triggers = json_text(json_at(t->planned, "triggers"));
	AUTO_STR text = xasprintf("%s\n%s\n%s", host, triggers, json_str(t->planned, "command"));

	return digest_text("sha256", text, strlen(text));
}

static struct err *refuse_unsure(const struct tf_op *t)
{
	if (json_at(t->planned, "creates") || json_at(t->planned, "unless"))
		return NULL;
	return err_new(
		ERR_CONFLICT,
		"a run that was killed had begun this command, and whether it came to its end is "
		"not known: look at the host; the next apply runs it again. With `creates` or "
		"`unless` the host itself could tell");
}

/* On disk before the act: begun, and done. */
static struct err *run_once(struct tf_op *t, struct journal_entry *entry, struct command *c)
{
	struct err *e = run(t, c);

	e = outcome(c, e);
	if (e)
		journal_forget(entry);
	else
		entry->keeper.born(&entry->keeper, t->op, json_str(t->state, "id"));
	return e;
}

static struct err *create(struct tf_op *t)
{
	struct command c = { .values = t->planned,
			     .secrets = t->config,
			     .text = json_str(t->planned, "command"),
			     .guarded = true,
			     .r = SSH_RESULT_INIT };
	struct journal_entry entry;
	AUTO_STR key = key_of(t);
	AUTO_STR id = NULL;
	struct err *e = random_mark(&id);

	if (e)
		return e;
	journal_begin(&entry, KIND, key);
	/* Done by a run that was killed before Terraform had written it down: what it said is lost. */
	if (entry.id) {
		free(id);
		id = xstrdup(entry.id);
	}
	show(t, &c, id);
	if (!entry.id && entry.keeper.lost)
		e = refuse_unsure(t);
	if (e)
		journal_forget(&entry);
	else if (!entry.id)
		e = run_once(t, &entry, &c);
	json_object_put(TAKE(t->state));
	/* What has begun and failed may have left something behind: it is there, tainted. */
	if (!e || c.begun || e->ambiguous)
		show(t, &c, id);
	journal_entry_release(&entry);
	command_release(&c);
	return e;
}

/* ---- the rest ---- */

static struct err *update(struct tf_op *t)
{
	struct command c = { .values = t->planned,
			     .secrets = t->config,
			     .text = json_str(t->planned, "update_command"),
			     .r = SSH_RESULT_INIT };
	const char *id = json_str(t->prior, "id");
	struct err *e = NULL;

	if (!c.text || !runs_again(t)) {
		t->state = json_copy(t->planned);
		return NULL;
	}
	e = run(t, &c);
	e = outcome(&c, e);
	if (!e)
		show(t, &c, id);
	command_release(&c);
	return e;
}

static struct err *remove_it(struct tf_op *t)
{
	struct command c = { .values = t->prior,
			     .text = json_str(t->prior, "destroy_command"),
			     .r = SSH_RESULT_INIT };
	struct err *e = NULL;

	if (!c.text)
		return NULL;
	e = run(t, &c);
	e = outcome(&c, e);
	command_release(&c);
	return e;
}

/* 0: it is there. */
static const char LOOK[] =
	"[ -e \"$p\" ] || [ -L \"$p\" ] || { ls -d -- \"$p\" >/dev/null; exit 3; }\n";

static bool is_gone(const struct ssh_result *r)
{
	return r->status == 3 &&
	       (strstr(r->err.s, "No such file") || strstr(r->err.s, "Not a directory"));
}

static struct err *read_it(struct tf_op *t)
{
	const char *creates = json_str(t->prior, "creates");
	struct ssh_result r = SSH_RESULT_INIT;
	AUTO_STR why = NULL;
	struct err *e;

	t->state = json_copy(t->prior);
	if (json_str(t->prior, "id"))
		journal_seen(KIND, json_str(t->prior, "id"));
	if (!creates || !hosts_known(&why))
		return NULL;
	AUTO_STR path = ssh_quote(creates);
	AUTO_STR script = xasprintf("p=%s\n%s", path, LOOK);
	e = hosts_script(t, t->prior, script, &r);
	if (!e && is_gone(&r))
		json_object_put(TAKE(t->state));
	else if (!e && r.status)
		e = hosts_failed(&r);
	ssh_result_release(&r);
	return e;
}

static struct err *import(struct tf_op *t, const char *id)
{
	(void)t;
	(void)id;
	return err_new(ERR_USAGE,
		       "a command that was run is nothing to import: where it should not be run "
		       "again, `creates` or `unless` says so");
}

static const struct tf_worker worker = {
	.validate = validate,
	.plan = plan,
	.create = create,
	.update = update,
	.remove = remove_it,
	.read = read_it,
	.import = import,
};

const struct tf_kind treenail_host_exec = {
	.name = "host_exec",
	.doc = "A command that is run on a host when this is made, and others for when it changes or is "
	       "destroyed. Nothing of them is seen by other users of the host. A run that was killed "
	       "runs a command twice only if neither creates nor unless tell, and never without saying so.",
	.attrs = rows,
	.rules = rules,
	.minutes = { .create = 10, .update = 10, .remove = 10 },
	.worker = &worker,
	.import_doc =
		"It cannot be imported: where the command should not be run again, `creates` or "
		"`unless` says so.",
	.example = "resource \"treenail_host_exec\" \"folder\" {\n"
		   "  host            = { address = \"127.0.0.1\" }\n"
		   "  command         = \"mkdir -p \\\"$folder\\\"\"\n"
		   "  creates         = \"/var/tmp/treenail-folder\"\n"
		   "  destroy_command = \"rmdir \\\"$folder\\\"\"\n"
		   "\n"
		   "  environment = { folder = \"/var/tmp/treenail-folder\" }\n"
		   "}\n",
};
