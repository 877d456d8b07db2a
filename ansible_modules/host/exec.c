#include <string.h>

#include "common/fleet.h"
#include "output.h"
#include "ssh/script.h"
#include "text.h"

enum { OUT_MAX = 1 << 20, WORDS_MAX = 1000 };

/* The task's options, as all hosts get them. */
struct work {
	struct ssh_script x;
	const char **argv, **env;
	char *in;
	const char *title;
};

static void tell_output(struct json_object *told, const char *key, const struct buf *b)
{
	AUTO_STR lines = xasprintf("%s_lines", key);
	size_t n = b->len;

	json_set(told, key, output_text(b->s, n));
	if (n && b->s[n - 1] == '\n')
		n--;
	json_set(told, lines, b->len ? output_lines(b->s, n) : json_object_new_array());
}

static void tell_nothing(struct fleet_host *h, char *msg)
{
	const struct buf none = BUF_INIT;

	json_set(h->told, "rc", json_object_new_int(0));
	tell_output(h->told, "stdout", &none);
	tell_output(h->told, "stderr", &none);
	json_sets(h->told, "msg", msg);
	free(msg);
}

static void tell_skipped(struct fleet_host *h, const char *why, const struct work *w)
{
	json_set(h->told, "skipped", json_object_new_boolean(true));
	tell_nothing(h,
		     strcmp(why, "unless") == 0
			     ? xasprintf("not run, as what unless says succeeded")
			     : xasprintf("not run, as '%s' is %sthere",
					 strcmp(why, "creates") == 0 ? w->x.creates : w->x.removes,
					 strcmp(why, "creates") == 0 ? "" : "not "));
}

/* Its last words say most. */
static struct err *failure(const struct work *w, const struct ssh_result *r)
{
	const struct buf *b = r->err.len ? &r->err : &r->out;
	size_t end = b->len, from;

	while (end && strchr("\r\n", b->s[end - 1]))
		end--;
	for (from = end; from && end - from < WORDS_MAX && b->s[from - 1] != '\n'; from--)
		;
	AUTO_JSON last = output_text(b->s + from, end - from);
	const char *words = json_object_get_string(last);
	if (r->signal)
		return fleet_failed("'%s' was ended by signal %s%s%s", w->title, r->signal,
				    *words ? ": " : "", words);
	return fleet_failed("'%s' ended with exit code %d%s%s", w->title, r->status,
			    *words ? ": " : "", words);
}

static struct err *tell(struct fleet_host *h, const struct work *w,
			const struct ssh_script_result *r)
{
	if (r->skipped) {
		tell_skipped(h, r->skipped, w);
		return NULL;
	}
	h->changed = true;
	if (w->x.check) {
		tell_nothing(h, xasprintf("not run, as this is check mode"));
		return NULL;
	}
	json_set(h->told, "rc", json_object_new_int(r->r.status));
	tell_output(h->told, "stdout", &r->r.out);
	tell_output(h->told, "stderr", &r->r.err);
	if (r->r.out_left || r->r.err_left)
		json_set(h->told, "left_out",
			 json_object_new_int64((int64_t)(r->r.out_left + r->r.err_left)));
	return r->r.status ? failure(w, &r->r) : NULL;
}

static struct err *task(struct ssh_session *s, struct fleet_host *h)
{
	const struct work *w = h->arg;
	struct ssh_script x = w->x;
	struct ssh_script_result r = SSH_SCRIPT_RESULT_INIT;
	struct err *e;

	x.sudo = h->entry->sudo;
	e = ssh_script(s, &x, &r);
	if (!e)
		e = tell(h, w, &r);
	ssh_script_result_release(&r);
	return e;
}

/* ---- options ---- */

static struct err *plain(struct op *op, const char *name, const char **ret)
{
	struct json_object *v = json_at(op->want, name);

	*ret = v ? json_object_get_string(v) : NULL;
	if (v && strlen(*ret) != (size_t)json_object_get_string_len(v))
		return err_at(err_new(ERR_USAGE, "%s has a NUL in it", name), name);
	if (v && !**ret)
		return err_at(err_new(ERR_USAGE, "%s is empty", name), name);
	return NULL;
}

static struct err *read_argv(struct op *op, struct work *w)
{
	struct json_object *list = json_at(op->want, "argv");
	const size_t n = json_len(list);

	if (list && !n)
		return err_at(err_new(ERR_USAGE, "argv is empty"), "argv");
	if (!list)
		return NULL;
	w->argv = xcalloc(n + 1, sizeof(*w->argv));
	for (size_t i = 0; i < n; i++) {
		struct json_object *v = json_nth(list, i);

		w->argv[i] = json_object_get_string(v);
		if (strlen(w->argv[i]) != (size_t)json_object_get_string_len(v))
			return err_at(err_new(ERR_USAGE, "argv[%zu] has a NUL in it", i), "argv");
	}
	w->x.argv = w->argv;
	return NULL;
}

static struct err *read_env(struct op *op, struct work *w)
{
	struct json_object *map = json_at(op->want, "env");
	size_t n = 0;

	if (!map)
		return NULL;
	w->env = xcalloc(2 * (size_t)json_object_object_length(map) + 1, sizeof(*w->env));
	json_object_object_foreach(map, key, v) {
		if (!ssh_script_is_name(key))
			return err_at(err_new(ERR_USAGE,
					      "env: '%s' cannot be the name of a variable", key),
				      "env");
		if (!v || json_object_is_type(v, json_type_object) ||
		    json_object_is_type(v, json_type_array))
			return err_at(err_new(ERR_USAGE, "env: the value of '%s' is %s, no text",
					      key, json_type_words(v)),
				      "env");
		w->env[n++] = key;
		w->env[n++] = json_object_get_string(v);
	}
	w->x.env = w->env;
	return NULL;
}

static void read_stdin(struct op *op, struct work *w)
{
	const char *s = json_str(op->want, "stdin");

	if (!s)
		return;
	w->in = xasprintf("%s%s", s, json_truth(op->want, "stdin_add_newline", true) ? "\n" : "");
	w->x.in = w->in;
	w->x.in_len = strlen(w->in);
}

static struct err *read_work(struct op *op, struct work *w)
{
	struct {
		const char *name, **to;
	} const rows[] = {
		{ "command", &w->x.command }, { "chdir", &w->x.chdir },
		{ "creates", &w->x.creates }, { "removes", &w->x.removes },
		{ "unless", &w->x.unless },
	};
	struct err *e = NULL;

	for (size_t i = 0; i < COUNT(rows) && !e; i++)
		e = plain(op, rows[i].name, rows[i].to);
	if (!e)
		e = read_argv(op, w);
	if (!e)
		e = read_env(op, w);
	if (e)
		return e;
	read_stdin(op, w);
	w->title = w->x.command ? w->x.command : w->argv[0];
	w->x.check = op->check;
	w->x.out_max = OUT_MAX;
	return NULL;
}

static void release(struct work *w)
{
	free(w->argv);
	free(w->env);
	wipe_free(w->in);
}

static struct err *run(struct op *op)
{
	struct work w = { .argv = NULL };
	struct err *e = read_work(op, &w);

	if (!e) {
		struct fleet *f = fleet_new(op, &w);

		/* Nobody knows what it would do, but whether it would be run can be looked at. */
		if (op->check && !w.x.creates && !w.x.removes) {
			const struct ssh_script_result would = { .ran = true };

			for (size_t i = 0; i < fleet_count(f); i++)
				err_free(tell(fleet_at(f, i), &w, &would));
		} else {
			fleet_connect(f, task);
		}
		e = fleet_end(f);
	}
	release(&w);
	return e;
}

static const struct attr attrs[] = {
	ROWS_FLEET,
	{ "command", STR, OPTION, "The command, for /bin/sh there.", .aliases = "cmd" },
	{ "argv", LIST, OPTION,
	  "A program and its arguments, in place of command: no shell looks at them." },
	{ "chdir", STR, OPTION,
	  "Folder to run it in; what creates, removes and unless say is seen from there." },
	{ "creates", STR, OPTION, "It is not run where this file or folder is there." },
	{ "removes", STR, OPTION, "It is not run where this file or folder is not there." },
	{ "unless", STR, OPTION,
	  "It is not run where this command (for /bin/sh) succeeds. In check mode neither of them is run." },
	{ "stdin", STR, OPTION, "What it reads from its standard input." },
	{ "stdin_add_newline", BOOL, OPTION, "Whether a line's end is added to stdin.",
	  .value = "true" },
	{ "env", MAP, OPTION | SECRET, "Variables of its environment. They are on no command line.",
	  .aliases = "environment" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "command argv" },
	{ ONE_OF, "command argv" },
	{ 0 },
};

static const struct attr result_rows[] = {
	ROWS_RESULT,
	{ "rc", INT, READONLY,
	  "Its exit code, where it was run; a host where it is not 0 has failed." },
	{ "stdout", STR, READONLY,
	  "What it wrote, up to 1 MiB; bytes that are no UTF-8 are replaced." },
	{ "stdout_lines", LIST, READONLY, "The lines of that." },
	{ "stderr", STR, READONLY, "What it wrote to its standard error, likewise." },
	{ "stderr_lines", LIST, READONLY, "The lines of that." },
	{ "left_out", INT, READONLY,
	  "Bytes of both that were left out, if there were more than 1 MiB." },
	{ "skipped", BOOL, READONLY, "Whether creates, removes or unless kept it from being run." },
	{ 0 },
};

static const struct attr returned[] = { ROWS_RETURNED(result_rows), { 0 } };

const struct resource host_exec = {
	.name = "exec",
	.doc = "Runs a command on any number of hosts at once, by SSH from here.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: Ask all web servers how they are\n"
		   "  treenail.host.exec:\n"
		   "    hosts: \"{{ groups['web'] }}\"\n"
		   "    command: uptime\n"
		   "  register: asked\n"
		   "- name: Make a key, where there is none, as root\n"
		   "  treenail.host.exec:\n"
		   "    hosts: [ops@10.0.0.11, ops@10.0.0.12]\n"
		   "    argv: [openssl, genrsa, -out, /etc/ssl/private/web.key, \"3072\"]\n"
		   "    creates: /etc/ssl/private/web.key\n"
		   "    sudo: true\n"
		   "    sudo_password_file: /run/secrets/sudo\n",
};
