/* terraform-provider-external: values that a program tells. */
#include <string.h>

#include "adapter/convert.h"
#include "adapter/rpc.h"
#include "adapter/targets.h"
#include "adapter/work.h"
#include "run.h"
#include "server/log.h"
#include "terraform.h"

enum { TIMEOUT_MS = 15 * 60 * 1000 };

static const struct tf_attr rows[] = {
	{ "program", TF_REQUIRED, "",
	  "The program, looked for on the PATH, and its arguments; no shell is between. Elements that are "
	  "null or empty are left out. Where no folder of the PATH has the program, the user's shell "
	  "($SHELL) is asked, which may have a function or an alias of that name.",
	  .type = "[\"list\",\"string\"]" },
	{ "working_dir", TF_OPTIONAL, "",
	  "Folder to run it in, and to find it in if its name has a '/'; by default Terraform's own." },
	{ "query", TF_OPTIONAL, "",
	  "What the program reads on its standard input, as a JSON object of strings; elements that are "
	  "null are left out.",
	  .type = "[\"map\",\"string\"]" },
	{ "warnings", TF_OPTIONAL, "",
	  "Whether what a program that succeeds writes on standard error is shown as a warning.",
	  .type = "\"bool\"" },
	{ "timeout", TF_OPTIONAL, "",
	  "How long it may run, as in 30s or 1h30m; 15m by default. Then it is ended, with all that it "
	  "started." },
	{ "typed", TF_OPTIONAL, "",
	  "Whether the program may print any JSON. Without it, it has to print one object of strings.",
	  .type = "\"bool\"" },
	{ "result", TF_COMPUTED, "",
	  "The object that it printed, all values as strings: with typed numbers and booleans become text, "
	  "null becomes \"\", lists and objects become JSON.",
	  .type = "[\"map\",\"string\"]" },
	{ "output", TF_COMPUTED, "", "What it printed, with all types as they are in JSON.",
	  .type = "\"dynamic\"" },
	{ "id", TF_COMPUTED, "", "Always \"-\".", .type = "\"string\"" },
	{ 0 },
};

/* ---- what the program is told ---- */

/* Ends with NULL; borrows the words. */
static const char **words(struct json_object *list)
{
	const char **argv = xcalloc(json_len(list) + 1, sizeof(*argv));
	size_t n = 0;

	for (size_t i = 0; i < json_len(list); i++)
		if (!json_empty(json_nth(list, i)))
			argv[n++] = json_object_get_string(json_nth(list, i));
	return argv;
}

static struct json_object *query(struct json_object *given)
{
	struct json_object *kept = json_object_new_object();

	if (!given)
		return kept;
	json_object_object_foreach(given, key, v) {
		if (v)
			json_set(kept, key, json_object_get(v));
	}
	return kept;
}

static struct err *timeout(struct json_object *config, int64_t *ret)
{
	const char *text = json_str(config, "timeout");

	*ret = TIMEOUT_MS;
	if (!text || (duration_ms(text, ret) && *ret > 0))
		return NULL;
	return err_at(err_new(ERR_USAGE, "timeout: '%s' is no duration such as 30s or 1h30m", text),
		      "timeout");
}

/* ---- what it says ---- */

/* Integers that do not fit were cut by the parser: better no value than a wrong one. */
static bool is_cut(struct json_object *v)
{
	bool cut = false;

	if (json_object_is_type(v, json_type_int)) {
		const int64_t n = json_object_get_int64(v);

		return n == INT64_MAX || n == INT64_MIN;
	}
	for (size_t i = 0; i < json_len(v) && !cut; i++)
		cut = is_cut(json_nth(v, i));
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, one) {
			(void)key;
			cut = cut || is_cut(one);
		}
	}
	return cut;
}

static struct err *check(struct json_object *v, bool typed)
{
	if (typed)
		return is_cut(v) ? err_new(ERR_PROTOCOL,
					   "an integer has more than 63 bits: print it as a string")
				 : NULL;
	if (!json_object_is_type(v, json_type_object))
		return err_new(ERR_PROTOCOL, "it is %s, not an object", json_type_words(v));
	json_object_object_foreach(v, key, one) {
		if (one && !json_object_is_type(one, json_type_string))
			return err_new(ERR_PROTOCOL,
				       "'%s' is %s: without 'typed = true', all values "
				       "have to be strings",
				       key, json_type_words(one));
	}
	return NULL;
}

static struct json_object *as_strings(struct json_object *v)
{
	AUTO_JSON text = json_object_new_string("string");
	struct json_object *map = json_object_new_object();

	if (!json_object_is_type(v, json_type_object))
		return map;
	json_object_object_foreach(v, key, one) {
		json_set(map, key, one ? conform(text, one) : json_object_new_string(""));
	}
	return map;
}

static struct err *tell(struct tf_op *t, const struct run *r)
{
	AUTO_JSON said = NULL;
	struct err *e = json_parse(r->out.s, r->out.len, &said);

	if (!e)
		e = check(said, json_truth(t->config, "typed", false));
	if (e)
		return err_at(err_wrap(e, "%s has to print JSON on its standard output", r->path),
			      "program");
	json_set(t->state, "result", as_strings(said));
	json_set(t->state, "output", TAKE(said));
	json_sets(t->state, "id", "-");
	return NULL;
}

/* The words that the provider this one replaces puts before path, message and state. Takes e. */
static struct err *failure(const struct run *r, const char *program, struct err *e)
{
	AUTO_ERR why = e;
	const enum err_kind kind = e->kind;

	return err_at(err_new(kind, "%s\n\nProgram: %s\n%s%s%sState: %s",
			      kind == ERR_NOT_FOUND ? "The program could not be started."
						    : "The program did not succeed.",
			      r->path ? r->path : program, r->err.len ? "Error Message: " : "",
			      r->err.s, r->err.len && r->err.s[r->err.len - 1] != '\n' ? "\n" : "",
			      why->text),
		      "program");
}

/* Programs are there to fetch secrets, too: what they say is in no log. */
static void log_run(const struct run *r, const char *program, const struct err *e)
{
	AUTO_STR out = xasprintf("%zu", r->out.len);
	AUTO_STR said = xasprintf("%zu", r->err.len);

	log_write(LOG_TRACE, "ran a program", "program", r->path ? r->path : program, "end",
		  e ? e->text : "exit status 0", "stdout_bytes", out, "stderr_bytes", said, NULL);
}

static struct err *run(struct tf_op *t, struct run *r, const char *const *argv)
{
	struct err *e;

	if (!argv[0])
		return err_at(err_new(ERR_USAGE,
				      "program has nothing but empty elements: name a program"),
			      "program");
	r->argv = argv;
	r->dir = json_str(t->config, "working_dir");
	e = run_program(r);
	log_run(r, argv[0], e);
	if (e)
		return failure(r, argv[0], e);
	if (r->err.len && json_truth(t->config, "warnings", false))
		op_warn(t->op, "%s", r->err.s);
	return tell(t, r);
}

static struct err *open_external(struct tf_op *t)
{
	AUTO_JSON given = query(json_at(t->config, "query"));
	const char **argv = words(json_at(t->config, "program"));
	AUTO_RUN r = RUN_INIT;
	struct err *e = timeout(t->config, &r.timeout_ms);

	r.in = json_object_to_json_string_ext(given, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);
	r.in_len = strlen(r.in);
	if (!e)
		e = run(t, &r, argv);
	free(argv);
	return e;
}

static const struct rule rules[] = { { ONE_OF, "program" }, { 0 } };

static const struct tf_kind external = {
	.name = "external",
	.what = TF_DATA,
	.doc = "What a program of your own tells.",
	.attrs = rows,
	.rules = rules,
	.open = open_external,
	.example =
		"data \"external\" \"kernel\" {\n"
		"  program  = [\"sh\", \"-c\", \"printf '{\\\"release\\\": \\\"%s\\\"}' $(uname -r)\"]\n"
		"  timeout  = \"10s\"\n"
		"  warnings = true\n"
		"}\n"
		"\n"
		"output \"kernel\" {\n"
		"  value = data.external.kernel.result.release\n"
		"}\n",
};

static const struct tf_kind *const others[] = { &external, NULL };
static const struct tf_attr config[] = { { 0 } };

const struct provider provider = {
	.name = "external",
	.address = "registry.terraform.io/treenail/external",
	.doc = "Programs of your own as data sources.",
	.example = "provider \"external\" {}\n",
	.others = others,
	.config = config,
};

int main(int argc, char **argv)
{
	return provider_main(argc, argv);
}
