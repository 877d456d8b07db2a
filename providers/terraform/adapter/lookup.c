/* Data sources: looked up by what is given, told by their rows. */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "convert.h"
#include "find.h"
#include "pattern.h"
#include "protocol/value.h"
#include "work.h"

static bool is_condition(const struct row *row)
{
	return row->flags & (TF_OPTIONAL | TF_REQUIRED) && row->a &&
	       !(row->flags & (TF_LAST | TF_REGEX));
}

/* What identifies an object is what lists are narrowed by, too (resource.h). */
static bool the_service_filters(const struct row *row)
{
	return row->a->flags & (FILTER | IDENTITY) && !(row->flags & TF_EXACT);
}

static void add_condition(const struct row *row, struct json_object *v, struct buf *query)
{
	AUTO_BUF words = BUF_INIT;

	/* Neutron takes "tags=a,b" for those that have both. */
	for (size_t i = 0; i < json_len(v); i++) {
		AUTO_STR word = json_text(json_nth(v, i));

		buf_addf(&words, "%s%s", i ? "," : "", word);
	}
	AUTO_JSON text = words.len ? json_object_new_string(words.s) : row_want(row, v);
	query_param(query, attr_wire(row->a), text);
}

static struct err *query_of(struct work *w, struct buf *query)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.config, row->name);

		if (!is_condition(row) || json_empty(v) || !the_service_filters(row))
			continue;
		if (strcmp(row->a->name, "name") == 0) {
			buf_adds(query, query->len ? "&" : "");
			query_name(query, w->k->r, json_object_get_string(v));
		} else {
			add_condition(row, v, query);
		}
	}
	return w->k->k->query ? w->k->k->query(&w->t, query) : NULL;
}

/* "Many have none": what is given has to be there, whoever looked for it. */
static bool has_all(const struct row *row, struct json_object *want, struct json_object *object)
{
	struct json_object *have = json_at(object, row->a->name);

	if (row->a->type != SET && row->a->type != LIST)
		return attr_equal(row->a, want, have);
	for (size_t i = 0; i < json_len(want); i++)
		if (!json_list_has(have, json_nth(want, i)))
			return false;
	return true;
}

/* `listed`: the service was asked for all that it filters by. */
static bool matches(const struct work *w, struct json_object *object, bool listed)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.config, row->name);

		if (!is_condition(row) || json_empty(v) ||
		    (listed && the_service_filters(row) && strcmp(row->a->name, "name") != 0))
			continue;
		AUTO_JSON want = row_want(row, v);
		if (!has_all(row, want, object))
			return false;
	}
	return true;
}

static struct err *matches_regex(const struct work *w, struct json_object *object, bool *ret)
{
	for (const struct row *row = w->k->rows; row->name && *ret; row++) {
		const char *pattern = json_str(w->t.config, row->name);
		const char *text = row->a ? json_str(object, row->a->name) : NULL;
		struct err *e;

		if (!(row->flags & TF_REGEX) || !pattern)
			continue;
		e = pattern_matches(pattern, text ? text : "", ret);
		if (e)
			return err_at(err_wrap(e, "%s", row->name), row->name);
		*ret = *ret && text;
	}
	return NULL;
}

static struct err *filter(struct work *w, struct json_object **list, bool listed)
{
	struct json_object *kept = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(*list) && !e; i++) {
		struct json_object *one = json_nth(*list, i);
		bool match = matches(w, one, listed);

		e = matches_regex(w, one, &match);
		if (match && !e)
			json_object_array_add(kept, json_object_get(one));
	}
	json_object_put(*list);
	*list = kept;
	return e;
}

/* ISO 8601 of one zone sorts as text. */
static int newer(const void *x, const void *y)
{
	const char *a = json_str(*(struct json_object *const *)x, "created_at");
	const char *b = json_str(*(struct json_object *const *)y, "created_at");

	return strcmp(b ? b : "", a ? a : "");
}

static bool wants_newest(const struct work *w)
{
	for (const struct row *row = w->k->rows; row->name; row++)
		if (row->flags & TF_LAST && json_truth(w->t.config, row->name, false))
			return true;
	return false;
}

static char *conditions(const struct work *w)
{
	AUTO_BUF text = BUF_INIT;

	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.config, row->name);
		AUTO_STR value = json_text(v);

		if (row->flags & (TF_OPTIONAL | TF_REQUIRED) && !json_empty(v) &&
		    !(row->flags & TF_SENSITIVE))
			buf_addf(&text, "%s%s = %s", text.len ? ", " : "", row->name, value);
	}
	return buf_take(&text);
}

static struct err *pick(struct work *w, struct json_object *list)
{
	const size_t n = json_len(list);
	AUTO_STR asked = conditions(w);
	AUTO_BUF ids = BUF_INIT;

	if (!n)
		return err_new(
			ERR_NOT_FOUND,
			"there is nothing with %s: see that cloud, region and project are the "
			"ones that were meant",
			*asked ? asked : "an ID");
	if (n > 1 && wants_newest(w))
		json_object_array_sort(list, newer);
	for (size_t i = 0; i < n && i < 5; i++)
		buf_addf(&ids, "%s%s", i ? ", " : "",
			 json_str(json_nth(list, i), resource_key(w->k->r)));
	if (n > 1 && !wants_newest(w))
		return err_new(
			ERR_CONFLICT, "%zu have %s (%s%s): say more of the one that is meant", n,
			*asked ? asked : "nothing to tell them apart", ids.s, n > 5 ? ", ..." : "");
	w->op.have = json_copy(json_nth(list, 0));
	return NULL;
}

/* The ID that is asked for, where no list can be narrowed to it; NULL: none. */
static const char *asked_id(const struct work *w)
{
	const char *key = resource_key(w->k->r);

	for (const struct row *row = w->k->rows; row->name; row++)
		if (is_condition(row) && strcmp(row->a->name, key) == 0 &&
		    !the_service_filters(row) && !strchr(w->k->r->path, '{'))
			return json_str(w->t.config, row->name);
	return NULL;
}

static struct err *list_one(struct work *w, const char *id, struct json_object **ret)
{
	struct json_object *one = NULL;
	struct err *e = resource_try_get(w->op.api, w->k->r, id, &one);

	if (e)
		return e;
	*ret = json_object_new_array();
	if (one)
		json_object_array_add(*ret, one);
	return NULL;
}

/* *listed: false if what the service filters by is still to be compared. */
static struct err *list_them(struct work *w, struct json_object **ret, bool *listed)
{
	const char *id = asked_id(w), *own = w->k->k->list_own;
	AUTO_BUF query = BUF_INIT;
	struct err *e = query_of(w, &query);

	*listed = !id;
	if (e)
		return e;
	if (id)
		return list_one(w, id, ret);
	e = resource_list(w->op.api, w->k->r, NULL, query.s, ret);
	if (e && e->status == 403 && own) {
		err_free(e);
		*listed = false;
		e = resource_list(w->op.api, w->k->r, own, NULL, ret);
	}
	return e;
}

static struct err *list_all(struct work *w, struct json_object **ret)
{
	bool listed;
	struct err *e = list_them(w, ret, &listed);

	if (!e)
		e = filter(w, ret, listed);
	if (!e && w->k->k->select)
		e = w->k->k->select(&w->t, ret);
	return e;
}

static void show_rows(struct work *w)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *given = json_at(w->t.config, row->name);
		/* What was asked for is told as it was written. */
		const bool asked = given && !(row->flags & TF_COMPUTED && row->a);

		json_set(w->t.state, row->name,
			 asked || !row->a || row->flags & (TF_LAST | TF_REGEX)
				 ? json_copy(given)
				 : row_shown(row, w->op.have));
	}
}

static void show_ids(struct work *w, struct json_object *list)
{
	struct json_object *ids = json_object_new_array();
	AUTO_STR asked = conditions(w);

	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(ids,
				      json_copy(json_at(json_nth(list, i), resource_key(w->k->r))));
	json_set(w->t.state, "ids", ids);
	w->id = xstrdup(*asked ? asked : "all");
}

/* What is no part of a list is read by what the configuration says. */
static struct err *read_one(struct work *w)
{
	struct err *e = w->k->k->read(&w->t);
	AUTO_STR asked = conditions(w);

	return e || w->op.have ? e : err_new(ERR_NOT_FOUND, "there is nothing with %s", asked);
}

static struct err *look_up(struct work *w)
{
	const bool many = w->k->k->flags & TF_PLURAL;
	AUTO_JSON list = NULL;
	struct err *e = w->k->k->read ? read_one(w) : list_all(w, &list);

	if (!e && !many && !w->k->k->read)
		e = pick(w, list);
	if (!e && !many && w->k->k->flags & TF_EXPAND && w->k->r->expand)
		e = w->k->r->expand(&w->op);
	if (!e && many) {
		show_ids(w, list);
	} else if (!e) {
		w->id = xstrdup(json_str(w->op.have, resource_key(w->k->r)));
		show_rows(w);
	}
	return !e && w->k->k->show ? w->k->k->show(&w->t) : e;
}

static struct err *worker_lookup(struct work *w)
{
	struct err *e;

	w->op.timeout_ms = 600000;
	w->op.deadline = clock_ms() + w->op.timeout_ms;
	e = w->k->k->worker->read(&w->t);
	if (e)
		return e;
	if (!w->t.state)
		return err_new(ERR_NOT_FOUND, "there is no such object");
	work_conform(w);
	return NULL;
}

struct err *work_lookup(struct work *w)
{
	const struct tf_kind *k = w->k->k;
	struct err *e;

	if (k->worker)
		return worker_lookup(w);
	w->t.state = json_object_new_object();
	for (const struct row *row = w->k->rows; row->name; row++)
		json_set(w->t.state, row->name, json_copy(json_at(w->t.config, row->name)));
	w->op.want = rows_want(w->k->rows, w->t.config);
	e = k->open ? k->open(&w->t) : look_up(w);
	if (k->open)
		work_conform(w);
	if (!e && w->k->k->open && !json_str(w->t.state, "id") && w->op.id)
		w->id = xstrdup(w->op.id);
	if (provider.targets && !json_str(w->t.state, "region"))
		json_sets(w->t.state, "region", w->region);
	if (w->k->k->id) {
		free(w->id);
		w->id = work_id_text(w);
	}
	if (w->id && row_named(w->k->rows, "id"))
		json_sets(w->t.state, "id", w->id);
	return e;
}
