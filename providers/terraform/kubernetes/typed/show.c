#include <string.h>

#include "protocol/value.h"
#include "rows.h"

/* One object or block of what is told: what it was, what the API has, and our part of that. */
struct view {
	enum typed_prior origin;
	bool all;   /* a data source: whatever there is */
	bool parts; /* `part` says what is ours; else it is not known */
	struct json_object *prior, *object, *part;
};

static struct json_object *show_rows(const struct tf_attr *rows, const struct view *v);

static struct json_object *or_default(const struct tf_attr *row, struct json_object *v)
{
	return v ? json_copy(v) : row_default(row);
}

/* ---- attributes ---- */

/* Keys that others set are no business of ours. */
static struct json_object *keys_of(struct json_object *was, struct json_object *now)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_foreach(was, key, v) {
		(void)v;
		if (now && json_has(now, key))
			json_set(ret, key, json_copy(json_object_object_get(now, key)));
	}
	return ret;
}

/* What the system itself notes down in annotations and labels. */
static void drop_system_keys(struct json_object *map)
{
	AUTO_JSON copy = json_copy(map);

	json_object_object_foreach(copy, key, v) {
		const char *slash = strchr(key, '/');

		(void)v;
		if (slash && (strstr(key, "kubernetes.io/") || strstr(key, "k8s.io/")) &&
		    !strstr(key, "app.kubernetes.io/"))
			json_object_object_del(map, key);
	}
}

static struct json_object *show_found(const struct tf_attr *row, const struct view *v)
{
	struct json_object *now = row_seen(row, v->object);

	if (v->all && row->flags & TYPED_BINARY && json_object_object_get(v->prior, row->name)) {
		json_object_put(now);
		return keys_of(json_object_object_get(v->prior, row->name), row_in(row, v->object));
	}
	if (v->all && !now && row_is_map(row)) /* lookups in nothing are errors in HCL */
		return json_object_new_object();
	if (v->all || (row->flags & TF_COMPUTED && !row->value))
		return now;
	if (v->parts && !row_in(row, v->part)) {
		json_object_put(now);
		return row_default(row);
	}
	if (v->parts && row_is_map(row)) {
		json_object_put(now);
		return row_seen(row, v->part);
	}
	if (!v->parts && row_is_map(row) && now)
		drop_system_keys(now);
	if (!v->parts && is_zero(now) && !(row->flags & TF_REQUIRED) && !(now && row->value)) {
		json_object_put(now);
		return row_default(row);
	}
	return now;
}

static struct json_object *show_known(const struct tf_attr *row, const struct view *v,
				      struct json_object *was)
{
	AUTO_JSON now = row_seen(row, v->object);
	AUTO_JSON usual = row_default(row);

	if (row_equal(row, was, now))
		return json_copy(was);
	/* Not told, since it means nothing here: a LoadBalancer's settings in another Service. */
	if (usual && (!now || (v->parts && !row_in(row, v->part))) && row_equal(row, was, usual))
		return json_copy(was);
	if (row_is_map(row)) {
		struct json_object *ours = keys_of(was, now);

		if (!row_equal(row, was, ours))
			return ours;
		json_object_put(ours);
		return json_copy(was);
	}
	return TAKE(now);
}

static struct json_object *show_attribute(const struct tf_attr *row, const struct view *v)
{
	struct json_object *was = json_object_object_get(v->prior, row->name);

	if (row->flags & TF_WRITE_ONLY)
		return NULL;
	if (row_is_local(row))
		return or_default(row, was);
	if (v->all || v->origin == PRIOR_IMPORTED)
		return show_found(row, v);
	if (v->origin == PRIOR_FOREIGN && is_zero(was) && !row->value &&
	    !(row->flags & (TF_COMPUTED | TF_REQUIRED)))
		was = NULL;
	if (was)
		return show_known(row, v, was);
	if (row->value)
		return row_default(row);
	/* A Secret's content that was never shown is that of write-only rows. */
	return row->flags & TF_COMPUTED && !(row->flags & TYPED_BASE64) ? row_seen(row, v->object)
									: NULL;
}

/* ---- blocks ---- */

/* A block that has nothing but what the server puts there by itself. */
static bool is_usual(const struct tf_attr *rows, struct json_object *values, bool *any)
{
	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = json_object_object_get(values, row->name);
		AUTO_JSON usual = row_default(row);

		if (row->flags & TF_BLOCK) {
			for (size_t i = 0; i < json_len(v); i++)
				if (!is_usual(row->sub, json_nth(v, i), any))
					return false;
			continue;
		}
		*any |= usual && v;
		if (v && !is_zero(v) && !(usual && row_equal(row, v, usual)))
			return false;
	}
	return true;
}

static bool is_superfluous(const struct tf_attr *row, struct json_object *one)
{
	bool any = false;

	return row->flags & TF_UNIQUE && !(row->flags & TF_REQUIRED) &&
	       is_usual(row->sub, one, &any) && any;
}

static struct json_object *found_block(const struct tf_attr *row, const struct view *v)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < block_len(row, v->object); i++) {
		struct view inner = *v;
		struct json_object *one;

		inner.prior = NULL;
		inner.object = block_nth(row, v->object, i);
		inner.part = block_nth(row, v->part, i);
		if (v->parts && !inner.part && !v->all && !(row->flags & TF_REQUIRED))
			continue;
		one = show_rows(row->sub, &inner);
		if (!v->all && !v->parts && is_superfluous(row, one))
			json_object_put(one);
		else
			json_object_array_add(ret, one);
	}
	return ret;
}

/* What the API has, by our names: to find elements in. */
static struct json_object *names_of(const struct tf_attr *row, struct json_object *object)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < block_len(row, object); i++)
		json_object_array_add(ret, rows_seen(row->sub, block_nth(row, object, i)));
	return ret;
}

static bool has_key(const struct tf_attr *rows)
{
	for (; rows->name; rows++)
		if (rows->flags & TYPED_KEY)
			return true;
	return false;
}

static struct json_object *known_block(const struct tf_attr *row, const struct view *v,
				       struct json_object *was)
{
	struct json_object *ret = json_object_new_array();
	AUTO_JSON names = names_of(row, v->object);
	const size_t n = block_len(row, v->object);
	struct view inner = *v;

	for (size_t i = 0; i < json_len(was); i++) {
		const size_t k = element_find(row, json_nth(was, i), i, names);

		if (v->origin == PRIOR_FOREIGN && is_superfluous(row, json_nth(was, i)))
			continue;
		if (k >= n)
			continue;
		inner.prior = json_nth(was, i);
		inner.object = block_nth(row, v->object, k);
		inner.part = block_nth(row, v->part, k);
		json_object_array_add(ret, show_rows(row->sub, &inner));
	}
	/* A list that is one value is ours as a whole: more in it is a change by others. */
	inner = *v;
	inner.origin = PRIOR_IMPORTED;
	inner.parts = false;
	inner.prior = NULL;
	for (size_t k = json_len(was); json_len(was) && !has_key(row->sub) && k < n; k++) {
		inner.object = block_nth(row, v->object, k);
		json_object_array_add(ret, show_rows(row->sub, &inner));
	}
	return ret;
}

static struct json_object *show_rows(const struct tf_attr *rows, const struct view *v)
{
	struct json_object *ret = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *one;

		if (!(row->flags & TF_BLOCK))
			one = show_attribute(row, v);
		else if (v->all || v->origin == PRIOR_IMPORTED)
			one = found_block(row, v);
		else
			one = known_block(row, v, json_object_object_get(v->prior, row->name));
		json_put(ret, row->name, one);
	}
	return ret;
}

/* ---- the whole ---- */

static void set_id(const struct typed_kind *k, struct json_object *state,
		   struct json_object *object)
{
	const char *ns = json_str(object, "metadata.namespace");
	const char *name = json_str(object, "metadata.name");
	AUTO_STR id = k->namespaced ? xasprintf("%s/%s", ns ? ns : "default", name ? name : "")
				    : xstrdup(name);

	json_sets(state, "id", id);
}

static void hand_through(struct json_object *from, struct json_object *state)
{
	if (!from)
		return;
	json_object_object_foreach(from, key, v) {
		if (!json_has(state, key))
			json_set(state, key, json_copy(v));
	}
}

struct json_object *typed_shown(const struct typed_kind *k, struct json_object *prior,
				enum typed_prior origin, const char *manager,
				struct json_object *object)
{
	AUTO_JSON part = object_part(object, manager);
	const struct view whole = {
		.origin = origin, .parts = part, .prior = prior, .object = object, .part = part
	};
	struct json_object *state = show_rows(k->tf.attrs, &whole);

	set_id(k, state, object);
	hand_through(prior, state);
	return state;
}

struct json_object *typed_data(const struct typed_kind *k, struct json_object *config,
			       struct json_object *object)
{
	const struct view whole = { .all = true, .prior = config, .object = object };
	struct json_object *state = show_rows(k->tf.attrs, &whole);

	set_id(k, state, object);
	hand_through(config, state);
	return state;
}

/* ---- after an apply ---- */

static struct json_object *fill_rows(const struct tf_attr *rows, struct json_object *planned,
				     struct json_object *object);

static struct json_object *fill_block(const struct tf_attr *row, struct json_object *planned,
				      struct json_object *object)
{
	struct json_object *ret = json_object_new_array();
	AUTO_JSON names = names_of(row, object);

	for (size_t i = 0; i < json_len(planned); i++) {
		struct json_object *one = json_nth(planned, i);
		const size_t k = element_find(row, one, i, names);

		json_object_array_add(ret, fill_rows(row->sub, one, block_nth(row, object, k)));
	}
	return ret;
}

static struct json_object *fill_rows(const struct tf_attr *rows, struct json_object *planned,
				     struct json_object *object)
{
	struct json_object *ret = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = json_object_object_get(planned, row->name);

		if (!value_has_unknown(v))
			json_put(ret, row->name, json_copy(v));
		else if (row->flags & TF_BLOCK && !value_is_unknown(v))
			json_put(ret, row->name, fill_block(row, v, object));
		else
			json_put(ret, row->name, row_seen(row, object));
	}
	return ret;
}

struct json_object *typed_made(const struct typed_kind *k, struct json_object *planned,
			       struct json_object *object)
{
	struct json_object *state = fill_rows(k->tf.attrs, planned, object);

	set_id(k, state, object);
	hand_through(planned, state);
	return state;
}

struct err *typed_place(const struct typed_kind *k, const char *id, char **ns, char **name)
{
	const char *slash = strchr(id, '/');

	if (!*id ||
	    (slash && (!k->namespaced || slash == id || !slash[1] || strchr(slash + 1, '/'))))
		return err_new(ERR_USAGE, "'%s' is no such ID: it has to look like %s", id,
			       k->namespaced ? "NAMESPACE/NAME" : "NAME");
	if (k->namespaced)
		*ns = slash ? xstrndup(id, (size_t)(slash - id)) : xstrdup("default");
	*name = xstrdup(slash ? slash + 1 : id);
	return NULL;
}
