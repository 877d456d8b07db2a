#include <string.h>

#include "clock.h"
#include "common/tasks.h"
#include "kubernetes/socket.h"
#include "output.h"

enum { OUTPUT_MAX = 16 << 20, WORDS_MAX = 1000, TIMEOUT_MOST_S = 366 * 24 * 3600 };

struct output {
	struct buf out, err;
};

static struct err *keep(struct output *o, struct buf *to, const char *s, size_t n)
{
	if (n > OUTPUT_MAX - o->out.len - o->err.len)
		return err_new(ERR_USAGE,
			       "the command writes more than %d MiB: have it write to a "
			       "file, and take that with k8s_cp",
			       OUTPUT_MAX >> 20);
	(void)buf_add(to, s, n);
	return NULL;
}

static struct err *on_out(void *arg, const char *s, size_t n)
{
	struct output *o = arg;

	return keep(o, &o->out, s, n);
}

static struct err *on_err(void *arg, const char *s, size_t n)
{
	struct output *o = arg;

	return keep(o, &o->err, s, n);
}

static void tell(struct op *op, int code, const struct output *o)
{
	put(op, "rc", json_object_new_int(code));
	put(op, "return_code", json_object_new_int(code));
	put(op, "stdout", output_text(o->out.s, o->out.len));
	put(op, "stderr", output_text(o->err.s, o->err.len));
}

/* Ansible makes a failure of the exit code, and shows msg: its last words say most. */
static void tell_failure(struct op *op, const char *command, int code, const struct buf *words)
{
	size_t end = words->len, from;

	while (end && strchr("\r\n", words->s[end - 1]))
		end--;
	for (from = end; from && end - from < WORDS_MAX && words->s[from - 1] != '\n'; from--)
		;
	AUTO_JSON last = output_text(words->s + from, end - from);
	AUTO_STR msg = xasprintf("'%s' in pod %s/%s ended with exit code %d%s%s", command,
				 json_str(op->want, "namespace"), json_str(op->want, "pod"), code,
				 end > from ? ": " : "", json_object_get_string(last));
	put(op, "msg", json_object_new_string(msg));
}

static struct err *execute(struct op *op, struct json_object *words)
{
	const int64_t s = json_int(op->want, "timeout", 0);
	const size_t n = json_len(words);
	const char **argv = xcalloc(n + 1, sizeof(*argv));
	struct output o = { .out = BUF_INIT, .err = BUF_INIT };
	const struct exec x = {
		.cluster = op->cluster,
		.ns = json_str(op->want, "namespace"),
		.pod = json_str(op->want, "pod"),
		.container = json_str(op->want, "container"),
		.argv = argv,
		.deadline = clock_ms() + 1000 * (s < TIMEOUT_MOST_S ? s : TIMEOUT_MOST_S),
		.out = on_out,
		.err = on_err,
		.arg = &o,
	};
	struct err *e;
	int code = 0;

	for (size_t i = 0; i < n; i++)
		argv[i] = json_object_get_string(json_nth(words, i));
	e = exec_run(&x, &code);
	op->out->changed = !e || e->ambiguous;
	if (!e)
		tell(op, code, &o);
	if (!e && code)
		tell_failure(op, argv[0], code, &o.err);
	buf_release(&o.out);
	buf_release(&o.err);
	free(argv);
	return e;
}

static struct err *run(struct op *op)
{
	AUTO_JSON words = NULL;
	struct err *e = err_at(command_words(json_str(op->want, "command"), &words), "command");

	if (e)
		return e;
	/* Nobody knows what it would do; what a playbook registers has all its keys, as that of `command`. */
	if (op->check) {
		const struct output none = { .out = BUF_INIT, .err = BUF_INIT };

		op->out->changed = true;
		tell(op, 0, &none);
		put(op, "msg", json_object_new_string("not run, as this is check mode"));
		return NULL;
	}
	return execute(op, words);
}

static const struct attr attrs[] = {
	ROW_NAMESPACE(REQUIRED),
	{ "pod", STR, OPTION | REQUIRED, "Name of the pod." },
	{ "container", STR, OPTION,
	  "Container of the pod; else the one its annotation kubectl.kubernetes.io/default-container "
	  "names, or the first." },
	{ "command", STR, OPTION | REQUIRED,
	  "The command with its arguments, quoted as for a shell; there is none, unless the command is "
	  "one." },
	{ "timeout", INT, OPTION, "Seconds the command may take at most.", .value = "3600" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "rc", INT, READONLY,
	  "The command's exit code; Ansible takes all but 0 for a failure. In check mode nothing is run: it is "
	  "0 then, and the output empty." },
	{ "return_code", INT, READONLY, "The same, under its older name." },
	{ "stdout", STR, READONLY, "What it wrote; bytes that are no UTF-8 are replaced." },
	{ "stderr", STR, READONLY, "What it wrote to its standard error." },
	{ "msg", STR, READONLY, "Of an exit code but 0: which, and the last line of stderr." },
	{ "stdout_lines", LIST, READONLY, "The lines of stdout; Ansible adds them." },
	{ "stderr_lines", LIST, READONLY, "The lines of stderr; Ansible adds them." },
	{ 0 },
};

const struct resource kube_k8s_exec = {
	.name = "k8s_exec",
	.doc = "Runs a command in a container of a pod.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Ask the program itself\n"
		   "  treenail.kubernetes.k8s_exec:\n"
		   "    namespace: default\n"
		   "    pod: web-0\n"
		   "    command: cat /etc/hostname\n"
		   "  register: asked\n"
		   "- ansible.builtin.debug:\n"
		   "    var: asked.stdout_lines\n",
};
