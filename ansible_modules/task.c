#include <libgen.h>
#include <string.h>

#include "args.h"
#include "result.h"
#include "task.h"
#include "text.h"

enum { WIDTH = 8, TIMEOUT_MOST_S = 366 * 24 * 3600 };

static const char *without(const char *prefix, const char *s)
{
	return strncmp(s, prefix, strlen(prefix)) == 0 ? s + strlen(prefix) : s;
}

/*
 * "treenail.openstack.network", "AnsiballZ_network.bin" -> "network"; so does "treenail_network", as
 * Ansible leads the bare name of a module in library/ elsewhere.
 */
static char *asked_for(struct json_object *given, const char *argv0)
{
	const char *full = json_str(given, "_ansible_module_name");

	if (full) {
		const char *dot = strrchr(full, '.');

		return xstrdup(without("treenail_", dot ? dot + 1 : full));
	}
	AUTO_STR path = xstrdup(argv0);
	const char *base = without("treenail_", without("AnsiballZ_", basename(path)));

	return xstrndup(base, strcspn(base, "."));
}

/* What is done, and how: from the command line to the result. */
struct task {
	struct module m;
	struct json_object *given;   /* as it came; borrowed */
	struct json_object *options; /* checked; owned */
	struct json_object **wants;  /* checked, one for each item; owned */
	size_t n;
	bool check, diff, many;
	struct connection c;
	struct sink *sink;
};

/* An item's option takes the place of a default, whichever of its names either goes by. */
static void override(const struct args_spec *spec, struct json_object *merged, const char *key,
		     struct json_object *value)
{
	for (const struct attr *const *t = spec->tables; *t; t++)
		for (const struct attr *a = *t; a->name; a++) {
			if (!attr_is_option(a) ||
			    (strcmp(attr_option(a), key) != 0 && !words_have(a->aliases, key)))
				continue;
			json_object_object_del(merged, attr_option(a));
			WORDS_EACH(w, a->aliases) {
				AUTO_STR alias = xstrndup(w, words_len(w));

				json_object_object_del(merged, alias);
			}
		}
	json_set(merged, key, json_object_get(value));
}

/* All items go by one connection: what would ask for another must not be passed over. */
static struct err *check_connection(const struct task *t, struct json_object *item)
{
	json_object_object_foreach(item, key, v)
		for (const struct attr *a = t->m.system->connection; v && a->name; a++)
			if ((strcmp(attr_option(a), key) == 0 || words_have(a->aliases, key)) &&
			    !json_object_equal(v, json_at(t->given, key)))
				return err_at(err_new(ERR_USAGE,
						      "%s holds for all items: give it beside "
						      "items, not in one",
						      key),
					      key);
	return NULL;
}

static struct err *check_items(struct task *t, const struct args_spec *spec,
			       struct json_object *items)
{
	struct err *e = NULL;

	t->n = json_len(items);
	t->wants = xcalloc(t->n, sizeof(*t->wants));
	for (size_t i = 0; i < t->n && !e; i++) {
		AUTO_JSON merged = json_object_new_object();
		struct json_object *item = json_nth(items, i);

		json_object_object_foreach(t->given, k, v)
			if (strcmp(k, "items") != 0)
				json_set(merged, k, json_object_get(v));
		json_object_object_foreach(item, key, value)
			override(spec, merged, key, value);
		e = json_has(item, "items") ? err_new(ERR_USAGE, "items do not nest")
					    : args_check(spec, merged, &t->wants[i]);
		if (!e)
			e = check_connection(t, item);
		e = err_wrap(e, "items[%zu]", i);
	}
	return e;
}

static struct err *check_args(struct task *t, const char *name)
{
	struct module_tables tables;
	struct args_spec spec = { .module = name };
	struct json_object *items;
	struct err *e;

	module_tables(&t->m, &tables);
	spec.tables = tables.attrs;
	spec.rules = tables.rules;
	t->many = !t->m.info && json_at(t->given, "items");
	spec.partial = t->many;
	e = args_check(&spec, t->given, &t->options);
	if (e)
		return e;
	items = json_at(t->options, "items");
	spec.partial = false;
	if (t->many)
		return check_items(t, &spec, items);
	t->n = 1;
	t->wants = xcalloc(1, sizeof(*t->wants));
	t->wants[0] = json_copy(t->options);
	return NULL;
}

static void init_op(struct task *t, struct op *op, struct outcome *out, struct json_object *want)
{
	const int64_t timeout_s = json_int(want, "timeout", -1);
	const char *state = json_str(want, "state");

	*op = (struct op){
		.api = t->c.api,
		.cluster = t->c.cluster,
		.hosts = t->c.hosts,
		.r = t->m.r,
		.state = state ? state : "present",
		.want = want,
		.check = t->check,
		.diff = t->diff,
		.sink = t->sink,
		.wait = json_truth(want, "wait", true),
		.allow_replace = json_truth(want, "allow_replace", false),
		.out = out,
	};
	if (timeout_s >= 0)
		op->timeout_ms =
			1 + 1000 * (timeout_s < TIMEOUT_MOST_S ? timeout_s : TIMEOUT_MOST_S);
}

/* What goes past the result is scrubbed as that is. */
struct scrubber {
	struct sink sink;
	struct task *t;
	struct sink *to;
};

static const char *const *task_secrets(struct task *t)
{
	return t->c.secrets ? t->c.secrets(&t->c) : NULL;
}

static void add_scrubbed(struct sink *sink, const char *key, struct json_object *element)
{
	struct scrubber *s = (struct scrubber *)sink;

	result_scrub(element, &s->t->m, s->t->given, task_secrets(s->t));
	s->to->add(s->to, key, element);
}

static void run_info(struct task *t, struct json_object *result)
{
	struct outcome out = { 0 };
	struct json_object *list = NULL;
	struct op op;
	struct err *e;

	init_op(t, &op, &out, t->wants[0]);
	op.refs = refs_new();
	e = info_run(&op, t->m.info, &list);
	refs_free(op.refs);
	json_set(result, "changed", json_object_new_boolean(false));
	if (!e)
		json_set(result, t->m.info->returns, list);
	result_error(result, e);
	result_warnings(result, out.warnings);
	outcome_release(&out);
}

static void run_ops(struct task *t, struct json_object *result)
{
	struct op *ops = xcalloc(t->n, sizeof(*ops));
	struct outcome *outs = xcalloc(t->n, sizeof(*outs));
	struct err **errs = xcalloc(t->n, sizeof(*errs));
	struct json_object **states = xcalloc(t->n, sizeof(*states));

	for (size_t i = 0; i < t->n; i++) {
		/* op->state points into it, and hooks may change all of want. */
		states[i] = json_object_get(json_at(t->wants[i], "state"));
		init_op(t, &ops[i], &outs[i], t->wants[i]);
	}
	if (t->n)
		resource_apply(ops, t->n, WIDTH, errs);
	if (t->many)
		result_many(result, ops, errs, t->n, t->diff);
	else
		result_one(result, &ops[0], errs[0], t->diff);
	for (size_t i = 0; i < t->n; i++) {
		err_free(errs[i]);
		outcome_release(&outs[i]);
		json_object_put(states[i]);
	}
	free(states);
	free(ops);
	free(outs);
	free(errs);
}

static struct err *connect_task(struct task *t)
{
	return t->m.r->flags & UNCONNECTED ? NULL : t->m.system->connect(t->options, &t->c);
}

static struct err *run(struct task *t, const struct system *s, const char *argv0,
		       struct json_object *result)
{
	AUTO_STR name = asked_for(t->given, argv0);
	const char *full = json_str(t->given, "_ansible_module_name");
	struct err *e = module_named(s, name, &t->m);

	if (!e)
		e = check_args(t, full ? full : name);
	if (!e)
		e = connect_task(t);
	if (e)
		return e;
	t->check = json_truth(t->given, "_ansible_check_mode", false);
	t->diff = json_truth(t->given, "_ansible_diff", false);
	if (t->m.info)
		run_info(t, result);
	else
		run_ops(t, result);
	if (t->c.warnings) {
		AUTO_JSON warnings = t->c.warnings(&t->c);

		result_warnings(result, warnings);
	}
	return NULL;
}

static void task_release(struct task *t)
{
	if (t->c.close)
		t->c.close(&t->c);
	for (size_t i = 0; i < t->n && t->wants; i++)
		json_object_put(t->wants[i]);
	free(t->wants);
	json_object_put(t->options);
}

struct json_object *task_run(const struct system *s, struct json_object *given, const char *argv0,
			     struct sink *sink)
{
	struct task t = { .given = given };
	struct scrubber scrubber = { { add_scrubbed }, &t, sink };
	struct json_object *result = json_object_new_object();

	t.sink = sink ? &scrubber.sink : NULL;
	result_error(result, run(&t, s, argv0, result));
	if (t.m.r)
		result_invocation(result, &t.m, given);
	result_no_log(result, given);
	result_scrub(result, &t.m, given, task_secrets(&t));
	task_release(&t);
	return result;
}
