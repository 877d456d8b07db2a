#include <string.h>

#include "convert.h"
#include "plan.h"
#include "protocol/value.h"
#include "text.h"

static struct json_object *rows_plan(const struct row *rows, struct json_object *config,
				     struct json_object *prior);

/* ---- rows ---- */

/* Of a set, the element of before that has all that is written; of a list, that of the same place. */
static struct json_object *element_before(const struct row *row, struct json_object *config,
					  struct json_object *prior, size_t i)
{
	if (!row_is_set(row))
		return json_nth(prior, i);
	for (size_t k = 0; k < json_len(prior); k++) {
		bool same = true;

		for (const struct row *sub = row->sub; sub->name && same; sub++) {
			struct json_object *v = json_at(config, sub->name);

			same = (!v && sub->flags & TF_COMPUTED) ||
			       row_same(sub, v, json_at(json_nth(prior, k), sub->name));
		}
		if (same)
			return json_nth(prior, k);
	}
	return NULL;
}

static struct json_object *elements_plan(const struct row *row, struct json_object *config,
					 struct json_object *prior)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(config); i++) {
		struct json_object *one = json_nth(config, i);

		json_object_array_add(
			list,
			value_is_unknown(one)
				? json_copy(one)
				: rows_plan(row->sub, one, element_before(row, one, prior, i)));
	}
	return list;
}

static struct json_object *not_written(const struct row *row, struct json_object *prior)
{
	if (row->value)
		return json_copy(row->value);
	if (!(row->flags & TF_COMPUTED))
		return NULL;
	return prior ? json_copy(json_at(prior, row->name)) : value_unknown();
}

static struct json_object *row_plan(const struct row *row, struct json_object *config,
				    struct json_object *prior)
{
	struct json_object *v = json_at(config, row->name), *was = json_at(prior, row->name);

	if (row->write_only)
		return NULL;
	if (!v)
		return not_written(row, prior);
	if (value_is_unknown(v) || row->single)
		return json_copy(v);
	/* Within blocks too, what is not written has to be planned as null. */
	if (row->sub && row->flags & TF_BLOCK)
		return elements_plan(row, v, was);
	if (was && row_same(row, v, was))
		return json_copy(was);
	return json_copy(v);
}

static struct json_object *rows_plan(const struct row *rows, struct json_object *config,
				     struct json_object *prior)
{
	struct json_object *planned = json_object_new_object();

	for (const struct row *row = rows; row->name; row++)
		json_put(planned, row->name, row_plan(row, config, prior));
	return planned;
}

/* ---- what follows from changes ---- */

static bool changed(const struct tf_op *t, const struct row *row)
{
	/* Blocks that the service adds cannot be planned, and are no difference. */
	if (row->flags & TF_BLOCK && row->flags & TF_COMPUTED &&
	    json_empty(json_at(t->config, row->name)))
		return false;
	return !row_same(row, json_at(t->planned, row->name), json_at(t->prior, row->name));
}

static bool row_changed(const struct tf_op *t, const char *name)
{
	const struct kind *k = t->whole;
	const struct row *row = row_named(k->rows, name);

	/* A block that is not there is an empty list. */
	if (!t->prior && row && row->flags & TF_BLOCK)
		return !json_empty(json_at(t->planned, name));
	if (!t->prior)
		return json_at(t->planned, name) != NULL;
	return row && changed(t, row);
}

const struct tf_calls hook_calls = { row_changed, value_unknown, value_has_unknown };

static bool any_changed(const struct kind *k, const struct tf_op *t, const char *names)
{
	for (const struct row *row = k->rows; row->name; row++)
		if ((strcmp(names, "*") == 0 ? row->flags & (TF_OPTIONAL | TF_REQUIRED)
					     : words_have(names, row->name)) &&
		    !row->single && changed(t, row))
			return true;
	return false;
}

static void follow(const struct kind *k, struct tf_op *t)
{
	for (const struct row *row = k->rows; row->name; row++)
		if (row->t && row->t->follows && !json_at(t->config, row->name) &&
		    any_changed(k, t, row->t->follows))
			json_set(t->planned, row->name, value_unknown());
}

static void replace(const struct kind *k, struct tf_op *t)
{
	for (const struct row *row = k->rows; row->name; row++)
		if (row->flags & TF_NEW && changed(t, row))
			tf_replace(t, row->name);
}

struct err *kind_plan(const struct kind *k, struct tf_op *t)
{
	t->planned = rows_plan(k->rows, t->config, t->prior);
	t->replace = json_object_new_array();
	if (t->prior) {
		replace(k, t);
		follow(k, t);
	}
	if (k->k->worker)
		return k->k->worker->plan(t);
	return k->k->plan ? k->k->plan(t) : NULL;
}
