#include <string.h>

#include "tasks.h"

enum { TOLD = 5 }; /* of failures, one by one */

void work_init(struct work *w, struct op *op, struct json_object *definitions)
{
	*w = (struct work){ .op = op, .n = json_len(definitions) };
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

void work_run(struct work *w)
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

struct json_object *work_told(struct work *w, size_t i)
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

static struct err *tell_one(struct work *w, bool go_on)
{
	AUTO_JSON told = work_told(w, 0);

	json_object_object_foreach(told, key, v)
		if (strcmp(key, "changed") != 0)
			put(w->op, key, json_object_get(v));
	return go_on ? NULL : TAKE(w->errs[0]);
}

static struct err *tell_failures(const struct work *w, size_t failed)
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

struct err *work_tell(struct work *w)
{
	const bool go_on = json_truth(w->op->want, "continue_on_error", false);
	struct json_object *list, *diffs;
	size_t failed = 0;

	for (size_t i = 0; i < w->n; i++) {
		w->op->out->changed = w->op->out->changed || w->ops[i].changed;
		failed += w->errs[i] ? 1 : 0;
		if (w->ops[i].assumed)
			op_warn(w->op,
				"namespace '%s' is not there: check mode takes it that an earlier task makes it",
				json_str(w->ops[i].after, "metadata.namespace"));
	}
	if (w->n == 1)
		return tell_one(w, go_on);
	list = json_object_new_array();
	diffs = json_object_new_array();
	for (size_t i = 0; i < w->n; i++) {
		struct json_object *told = work_told(w, i);

		if (json_at(told, "diff"))
			json_object_array_add(diffs, json_object_get(json_at(told, "diff")));
		json_object_array_add(list, told);
	}
	put(w->op, "result", json_wrap("results", list));
	if (w->op->diff)
		put(w->op, "diff", json_object_get(diffs));
	json_object_put(diffs);
	return failed && !go_on ? tell_failures(w, failed) : NULL;
}

void work_release(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		object_op_release(&w->ops[i]);
		err_free(w->errs[i]);
	}
	free(w->ops);
	free(w->errs);
}
