#include <string.h>

#include "tasks.h"

enum { TOLD = 5 }; /* of failures, one by one */

void lot_init(struct lot *w, struct op *op, struct json_object *definitions)
{
	*w = (struct lot){ .op = op, .n = json_len(definitions) };
	w->ops = xcalloc(w->n + 1, sizeof(*w->ops));
	w->errs = xcalloc(w->n + 1, sizeof(*w->errs));
	w->waits = wish_of(op, &w->wish);
	for (size_t i = 0; i < w->n; i++)
		w->ops[i] = (struct object_op){
			.cluster = op->cluster,
			.want = json_nth(definitions, i),
			.absent = strcmp(op->state, "absent") == 0,
			.lenient = true,
			.check = op->check,
			.wait = w->waits ? &w->wish : NULL,
		};
}

void lot_run(struct lot *w)
{
	if (w->n)
		objects_apply(w->ops, w->n, 0, w->errs);
}

/*
 * The peer names it by what was asked for, whether there was anything to do or not; what failed before
 * it was done is none.
 */
static const char *method(const struct object_op *o, const struct err *e)
{
	if (e && !o->changed)
		return NULL;
	if (o->absent)
		return "delete";
	if (o->way == WAY_SERVER_APPLY || o->way == WAY_CLIENT_APPLY)
		return "apply";
	if (o->method && strcmp(o->method, "create") == 0)
		return "create";
	if (o->way == WAY_PATCH && !o->before)
		return NULL;
	return o->way == WAY_REPLACE ? "replace" : "update";
}

static struct json_object *error_of(const struct err *e)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "msg", e->text);
	json_sets(o, "kind", err_kind_name(e->kind));
	if (e->status)
		json_set(o, "status", json_object_new_int(e->status));
	return o;
}

struct json_object *lot_told(struct lot *w, size_t i)
{
	const struct object_op *o = &w->ops[i];
	struct json_object *told = json_object_new_object();

	json_set(told, "changed", json_object_new_boolean(o->changed));
	json_set(told, "result", shown(w->op, o->absent ? o->before : o->after));
	if (method(o, w->errs[i]))
		json_sets(told, "method", method(o, w->errs[i]));
	if (w->waits && !w->op->check)
		json_set(told, "duration", json_object_new_int64(o->duration_ms / 1000));
	/* What others did while it was waited for is not ours, and what failed before it was done is none. */
	if (w->op->diff && (o->before || o->after) && (o->changed || !w->errs[i]))
		json_set(told, "diff", diff_of(w->op, o->before, o->made ? o->made : o->after));
	if (w->errs[i])
		json_set(told, "error", error_of(w->errs[i]));
	return told;
}

/* n of them as one, from i on: result is a list, or {} of none; of diffs there is one for each. Owned. */
static struct json_object *group_told(struct lot *w, size_t i, size_t n)
{
	struct json_object *told = json_object_new_object();
	struct json_object *results = json_object_new_array(), *diffs = json_object_new_array();
	int64_t longest_ms = 0;
	bool changed = false;

	for (const size_t end = i + n; i < end; i++) {
		AUTO_JSON one = lot_told(w, i);

		changed = changed || w->ops[i].changed;
		if (w->ops[i].duration_ms > longest_ms)
			longest_ms = w->ops[i].duration_ms;
		json_object_array_add(results, json_object_get(json_at(one, "result")));
		if (json_at(one, "diff"))
			json_object_array_add(diffs, json_object_get(json_at(one, "diff")));
		if (json_at(one, "error") && !json_at(told, "error"))
			json_set(told, "error", json_object_get(json_at(one, "error")));
	}
	json_set(told, "changed", json_object_new_boolean(changed));
	json_set(told, "result", n ? results : json_object_new_object());
	json_sets(told, "method", "delete");
	if (w->waits && !w->op->check)
		json_set(told, "duration", json_object_new_int64(longest_ms / 1000));
	if (w->op->diff)
		json_set(told, "diff", json_object_get(diffs));
	json_object_put(diffs);
	if (!n)
		json_object_put(results);
	return told;
}

/* What is told of each, or of each group. Owned. */
static struct json_object *all_told(struct lot *w)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0, g = 0; g < (w->groups ? json_len(w->groups) : w->n); g++) {
		struct json_object *group = w->groups ? json_nth(w->groups, g) : NULL;
		const size_t n = group ? (size_t)json_object_get_int64(group) : 1;

		json_object_array_add(list, group ? group_told(w, i, n) : lot_told(w, i));
		i += n;
	}
	return list;
}

static struct err *tell_failures(const struct lot *w, size_t failed)
{
	AUTO_BUF all = BUF_INIT;
	enum err_kind kind = ERR_REMOTE;
	size_t told = 0;

	for (size_t i = 0; i < w->n && told < TOLD; i++) {
		if (!w->errs[i])
			continue;
		kind = w->errs[i]->kind;
		buf_addf(&all, "%s%s", told++ ? "; " : "", w->errs[i]->text);
	}
	return err_new(kind, "%zu of %zu objects failed: %s%s", failed, w->n, all.s,
		       failed > told ? "; ..." : "");
}

/* Diffs as one list: of a group there is a list of them already. */
static void diffs_add(struct json_object *diffs, struct json_object *one)
{
	for (size_t i = 0; i < json_len(one); i++)
		json_object_array_add(diffs, json_object_get(json_nth(one, i)));
	if (json_object_is_type(one, json_type_object))
		json_object_array_add(diffs, json_object_get(one));
}

static void tell_each(struct lot *w, struct json_object *list)
{
	struct json_object *diffs = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		diffs_add(diffs, json_at(json_nth(list, i), "diff"));
	put(w->op, "result", json_wrap("results", json_object_get(list)));
	if (w->op->diff)
		put(w->op, "diff", json_object_get(diffs));
	json_object_put(diffs);
}

static void tell_only(struct lot *w, struct json_object *told)
{
	json_object_object_foreach(told, key, v)
		if (strcmp(key, "changed") != 0)
			put(w->op, key, json_object_get(v));
}

struct err *lot_tell(struct lot *w)
{
	const bool go_on = json_truth(w->op->want, "continue_on_error", false);
	AUTO_JSON list = all_told(w);
	size_t failed = 0;

	for (size_t i = 0; i < w->n; i++) {
		w->op->out->changed = w->op->out->changed || w->ops[i].changed;
		failed += w->errs[i] ? 1 : 0;
		if (w->ops[i].assumed)
			op_warn(w->op,
				"namespace '%s' is not there: check mode takes it that an earlier task makes it",
				json_str(w->ops[i].after, "metadata.namespace"));
	}
	if (json_len(list) == 1)
		tell_only(w, json_nth(list, 0));
	else
		tell_each(w, list);
	if (!failed || go_on)
		return NULL;
	return w->n == 1 ? TAKE(w->errs[0]) : tell_failures(w, failed);
}

void lot_release(struct lot *w)
{
	for (size_t i = 0; i < w->n; i++) {
		object_op_release(&w->ops[i]);
		err_free(w->errs[i]);
	}
	free(w->ops);
	free(w->errs);
}
