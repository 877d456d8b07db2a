#include <string.h>
#include <unistd.h>

#include "agent/child.h"

enum { OUT_MOST = 4 << 20 };

static const struct agent_field fields[] = {
	{ "argv", FIELD_TEXTS, FIELD_NEEDED },
	{ "stdin", FIELD_TEXT },
	{ "env", FIELD_MAP },
	{ "chdir", FIELD_PATH },
	{ "creates", FIELD_PATH },
	{ "unless", FIELD_TEXTS },
	{ "timeout_s", FIELD_INT },
	{ "out_max", FIELD_INT },
	{ "status", FIELD_INTS },
	{ "query", FIELD_BOOL },
	{ 0 },
};

/* Borrows the words; to be freed. */
static const char **argv_of(struct json_object *list)
{
	const char **argv = xcalloc(json_len(list) + 1, sizeof(*argv));

	for (size_t i = 0; i < json_len(list); i++)
		argv[i] = json_object_get_string(json_nth(list, i));
	return argv;
}

static struct err *run_argv(struct step *s, const char *field, struct child *c,
			    struct child_end *end)
{
	const char **argv = argv_of(json_at(s->args, field));
	struct err *e;

	c->argv = argv;
	c->env = json_at(s->args, "env");
	c->chdir = json_str(s->args, "chdir");
	c->timeout_ms = 1000 * json_int(s->args, "timeout_s", 0);
	e = child_run(s->agent, c, end);
	free(argv);
	return e;
}

/* Why it need not be run; NULL: it has to. */
static struct err *is_done(struct step *s, const char **why)
{
	const char *creates = json_str(s->args, "creates");
	AUTO_CHILD end = CHILD_END_INIT;
	struct child c = { 0 };
	struct err *e;

	*why = NULL;
	if (creates && access(creates, F_OK) == 0) {
		*why = "what it creates is there";
		return NULL;
	}
	if (!json_has(s->args, "unless"))
		return NULL;
	e = run_argv(s, "unless", &c, &end);
	if (e && e->kind == ERR_NOT_FOUND && s->agent->check) {
		err_free(e);
		return NULL;
	}
	if (!e && !end.status)
		*why = "'unless' says that it is done";
	return err_wrap(e, "unless");
}

static bool accepted(struct step *s, int status)
{
	struct json_object *list = json_at(s->args, "status");
	AUTO_JSON v = json_object_new_int(status);

	return list ? json_list_has(list, v) : status == 0;
}

static void put_outputs(struct step *s, const struct child_end *end)
{
	if (end->out.len)
		json_set(s->line, "out", step_text(end->out.s, end->out.len));
	if (end->err.len)
		json_set(s->line, "err", step_text(end->err.s, end->err.len));
	if (end->out_left)
		json_set(s->line, "out_left", json_object_new_int64((int64_t)end->out_left));
	if (end->err_left)
		json_set(s->line, "err_left", json_object_new_int64((int64_t)end->err_left));
}

static struct err *run_it(struct step *s)
{
	struct json_object *in = json_at(s->args, "stdin");
	const int64_t max = json_int(s->args, "out_max", 0);
	struct child c = { .in = in ? json_object_get_string(in) : NULL,
			   .in_len = in ? (size_t)json_object_get_string_len(in) : 0,
			   .out_max = (size_t)(max < OUT_MOST ? max : OUT_MOST) };
	AUTO_CHILD end = CHILD_END_INIT;
	struct err *e = run_argv(s, "argv", &c, &end);

	put_outputs(s, &end);
	if (e)
		return e;
	json_set(s->line, "status", json_object_new_int(end.status));
	if (!accepted(s, end.status))
		return child_failed(json_object_get_string(json_nth(json_at(s->args, "argv"), 0)),
				    &end);
	return NULL;
}

static struct err *run(struct step *s)
{
	const char *why = NULL;
	struct err *e;
	bool go = true;

	if (json_truth(s->args, "query", false))
		return run_it(s);
	e = is_done(s, &why);
	if (e)
		return e;
	if (why) {
		json_sets(s->line, "skipped", why);
		return NULL;
	}
	e = step_change(s, &go);
	return e || !go ? e : run_it(s);
}

const struct agent_kind agent_command = {
	.name = "command",
	.flags = KIND_SPEAKS,
	.fields = fields,
	.run = run,
};
