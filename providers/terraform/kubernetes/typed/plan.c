#include <string.h>

#include "protocol/value.h"
#include "rows.h"

/* One object or block of the plan. */
struct place {
	struct json_object *config, *prior, *given;
	bool fresh; /* there was no such thing before: prior says nothing */
};

static struct json_object *plan_rows(const struct tf_attr *rows, const struct place *p);

/* The values are given by write-only rows beside it, and so not to be seen. */
static bool is_hidden(const struct tf_attr *row, struct json_object *config)
{
	return row->flags & TYPED_BASE64 &&
	       (json_at(config, "data_wo") || json_at(config, "data_wo_revision") ||
		json_at(config, "binary_data_wo") || json_at(config, "binary_data_wo_revision"));
}

static struct json_object *not_given(const struct tf_attr *row, const struct place *p)
{
	if (row->value)
		return row_default(row);
	if (!(row->flags & TF_COMPUTED) || row_is_local(row) || is_hidden(row, p->config))
		return NULL;
	if (p->fresh || json_at(p->given, row->name))
		return value_unknown();
	return json_copy(json_object_object_get(p->prior, row->name));
}

static struct json_object *plan_block(const struct tf_attr *row, const struct place *p)
{
	struct json_object *config = json_object_object_get(p->config, row->name);
	struct json_object *prior = json_object_object_get(p->prior, row->name);
	struct json_object *given = json_object_object_get(p->given, row->name);
	struct json_object *ret = json_object_new_array();

	if (value_is_unknown(config)) {
		json_object_put(ret);
		return json_copy(config);
	}
	for (size_t i = 0; i < json_len(config); i++) {
		struct json_object *one = json_nth(config, i);
		const size_t k = element_find(row, one, i, prior);
		const bool fresh = k >= json_len(prior);
		const struct place inner = { one, fresh ? NULL : json_nth(prior, k),
					     fresh ? NULL : json_nth(given, k), fresh };

		json_object_array_add(ret, value_is_unknown(one) ? json_copy(one)
								 : plan_rows(row->sub, &inner));
	}
	return ret;
}

static struct json_object *plan_row(const struct tf_attr *row, const struct place *p)
{
	struct json_object *v = json_object_object_get(p->config, row->name);
	struct json_object *was = json_object_object_get(p->prior, row->name);

	if (row->flags & TF_WRITE_ONLY)
		return NULL;
	if (row->flags & TF_BLOCK)
		return plan_block(row, p);
	if (!v)
		return not_given(row, p);
	/* Another spelling is no change. */
	return json_copy(was && row_equal(row, v, was) ? was : v);
}

static struct json_object *plan_rows(const struct tf_attr *rows, const struct place *p)
{
	struct json_object *ret = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++)
		json_put(ret, row->name, plan_row(row, p));
	return ret;
}

/* ---- what follows from changes ---- */

/* And not only what is done about it. */
bool typed_changes(const struct typed_kind *k, struct json_object *planned,
		   struct json_object *prior)
{
	if (!prior)
		return true;
	for (const struct tf_attr *row = k->tf.attrs; row->name; row++)
		if ((!row_is_local(row) || row->flags & TYPED_REVISION) &&
		    !value_equal(json_object_object_get(planned, row->name),
				 json_object_object_get(prior, row->name)))
			return true;
	return false;
}

static void follow(const struct tf_attr *rows, struct json_object *planned)
{
	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = json_object_object_get(planned, row->name);

		if (row->flags & TYPED_FOLLOWS && v)
			json_set(planned, row->name, value_unknown());
		else if (row->flags & TF_BLOCK && row->flags & TF_UNIQUE)
			for (size_t i = 0; i < json_len(v); i++)
				follow(row->sub, json_nth(v, i));
	}
}

static void replaces(const struct tf_attr *rows, struct json_object *planned,
		     struct json_object *prior, const char *path, struct json_object *replace)
{
	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = json_object_object_get(planned, row->name);
		struct json_object *was = json_object_object_get(prior, row->name);
		AUTO_STR at = xasprintf("%s%s%s", path, *path ? "." : "", row->name);

		if (row->flags & TF_NEW && !row_equal(row, v, was) &&
		    !(row->flags & TYPED_BIRTH && !was))
			json_object_array_add(replace, json_object_new_string(at));
		if (row->flags & TF_NEW || !(row->flags & TF_BLOCK))
			continue;
		for (size_t i = 0; i < json_len(v) && i < json_len(was); i++) {
			AUTO_STR inner = xasprintf("%s[%zu]", at, i);

			replaces(row->sub, json_nth(v, i), json_nth(was, i), inner, replace);
		}
	}
}

/* The server refuses any other content of what was made immutable, and to make it mutable again. */
static void replace_immutable(const struct typed_kind *k, struct json_object *planned,
			      struct json_object *prior, struct json_object *replace)
{
	static const char *const content[] = { "immutable", "data", "binary_data",
					       "data_wo_revision", "binary_data_wo_revision" };

	if (!json_truth(prior, "immutable", false))
		return;
	for (size_t i = 0; i < COUNT(content); i++)
		for (const struct tf_attr *row = k->tf.attrs; row->name; row++)
			if (strcmp(row->name, content[i]) == 0 &&
			    !row_equal(row, json_object_object_get(planned, row->name),
				       json_object_object_get(prior, row->name)))
				json_object_array_add(replace, json_object_new_string(row->name));
}

/* ---- the whole ---- */

static bool has_row(const struct typed_kind *k, const char *name)
{
	for (const struct tf_attr *row = k->tf.attrs; row->name; row++)
		if (strcmp(row->name, name) == 0)
			return true;
	return false;
}

/* Rows of the adapter's. */
static void hand_through(const struct typed_kind *k, struct json_object *config,
			 struct json_object *prior, struct json_object *planned)
{
	json_object_object_foreach(config, key, v) {
		if (!has_row(k, key) && strcmp(key, "id") != 0)
			json_set(planned, key, json_copy(v));
	}
	json_set(planned, "id", prior ? json_copy(json_at(prior, "id")) : value_unknown());
}

static struct err *check_name(struct json_object *config)
{
	struct json_object *metadata = json_nth(json_object_object_get(config, "metadata"), 0);

	if (!metadata || value_is_unknown(metadata) || json_at(metadata, "name") ||
	    json_at(metadata, "generate_name"))
		return NULL;
	return err_at(err_new(ERR_USAGE, "name or generate_name is needed"), "metadata[0]");
}

struct err *typed_plan(const struct typed_kind *k, struct json_object *config,
		       struct json_object *prior, struct json_object *given,
		       struct json_object **planned, struct json_object *replace)
{
	const struct place whole = { config, prior, given, !prior };
	AUTO_JSON ret = plan_rows(k->tf.attrs, &whole);
	struct err *e = prior ? NULL : check_name(config);

	if (e)
		return e;
	hand_through(k, config, prior, ret);
	if (prior && typed_changes(k, ret, prior))
		follow(k->tf.attrs, ret);
	if (prior) {
		replaces(k->tf.attrs, ret, prior, "", replace);
		replace_immutable(k, ret, prior, replace);
	}
	*planned = TAKE(ret);
	return NULL;
}

/* ---- what is sent ---- */

static struct json_object *given_rows(const struct tf_attr *rows, struct json_object *config);

static struct json_object *given_block(const struct tf_attr *row, struct json_object *blocks)
{
	struct json_object *list = json_object_new_array();
	bool any = false;

	for (size_t i = 0; i < json_len(blocks); i++) {
		struct json_object *one = given_rows(row->sub, json_nth(blocks, i));

		any |= one != NULL;
		json_object_array_add(list, one);
	}
	if (any)
		return list;
	json_object_put(list);
	return NULL;
}

static struct json_object *given_rows(const struct tf_attr *rows, struct json_object *config)
{
	AUTO_JSON ret = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = json_object_object_get(config, row->name), *one = NULL;

		if (v && row->flags & TF_BLOCK)
			one = given_block(row, v);
		else if (v && row->flags & TF_COMPUTED && !row->value)
			one = json_object_new_boolean(true);
		if (one)
			json_put(ret, row->name, one);
	}
	return json_object_object_length(ret) ? TAKE(ret) : NULL;
}

struct json_object *typed_given(const struct typed_kind *k, struct json_object *config)
{
	return given_rows(k->tf.attrs, config);
}

/* As long as its revision stays, what is there stays. */
static void send_write_only(const struct tf_attr *row, struct json_object *config,
			    struct json_object *prior, struct json_object *have,
			    struct json_object *manifest)
{
	AUTO_STR revision = xasprintf("%s_revision", row->name);
	const struct tf_attr plain = { .name = row->name,
				       .attr = row->attr,
				       .type = row->type,
				       .flags = row->flags & ~(unsigned)TF_WRITE_ONLY };
	const struct tf_attr rows[] = { plain, { 0 } };
	AUTO_JSON sent = NULL;
	struct json_object *there, *from;

	if (prior && have && json_object_object_get(config, revision) &&
	    value_equal(json_object_object_get(config, revision),
			json_object_object_get(prior, revision)))
		from = row_in(row, have);
	else {
		sent = rows_sent(rows, config);
		from = json_object_object_get(sent, row->attr);
	}
	if (!json_object_is_type(from, json_type_object))
		return;
	there = json_object_object_get(manifest, row->attr);
	if (!there) {
		there = json_object_new_object();
		json_set(manifest, row->attr, there);
	}
	json_object_object_foreach(from, key, v) {
		if (!json_has(there, key))
			json_set(there, key, json_copy(v));
	}
}

static void send_names(const struct typed_kind *k, struct json_object *prior,
		       struct json_object *manifest)
{
	struct json_object *metadata = json_at(manifest, "metadata");
	const char *name = json_str(json_nth(json_at(prior, "metadata"), 0), "name");

	if (!metadata) {
		metadata = json_object_new_object();
		json_set(manifest, "metadata", metadata);
	}
	if (name)
		json_sets(metadata, "name", name);
	if (k->namespaced && !json_str(metadata, "namespace"))
		json_sets(metadata, "namespace", "default");
}

struct json_object *typed_manifest(const struct typed_kind *k, struct json_object *config,
				   struct json_object *prior, struct json_object *have)
{
	struct json_object *manifest = json_object_new_object();
	AUTO_JSON rows = rows_sent(k->tf.attrs, config);

	json_sets(manifest, "apiVersion", k->api_version);
	json_sets(manifest, "kind", k->kind);
	json_object_object_foreach(rows, key, v) {
		json_set(manifest, key, json_copy(v));
	}
	send_names(k, prior, manifest);
	for (const struct tf_attr *row = k->tf.attrs; row->name; row++)
		if (row->flags & TF_WRITE_ONLY)
			send_write_only(row, config, prior, have, manifest);
	if (k->sent)
		k->sent(manifest, config);
	return manifest;
}
