#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "convert.h"
#include "digest.h"
#include "gather.h"
#include "plan.h"
#include "protocol/value.h"
#include "refresh.h"
#include "targets.h"
#include "work.h"

/* ---- begin and end ---- */

bool duration_ms(const char *s, int64_t *ret)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "ms", 1 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 } };
	double ms = 0;

	if (!*s)
		return false;
	while (*s) {
		char *end;
		const double n = strtod(s, &end);
		size_t i = 0;

		while (i < COUNT(units) && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (end == s || i == COUNT(units) || !(n >= 0) || n > 1e6)
			return false;
		ms += n * units[i].ms;
		s = end + strlen(units[i].unit);
	}
	*ret = (int64_t)ms;
	return true;
}

static struct err *set_timeout(struct work *w, const char *name, int minutes)
{
	struct json_object *given = json_at(w->t.planned ? w->t.planned : w->t.prior, "timeouts");
	/* Some peers have a list of one. */
	const char *text = json_str(json_len(given) ? json_nth(given, 0) : given, name);

	w->op.timeout_ms = (minutes ? minutes : 10) * 60000L;
	if (text && !duration_ms(text, &w->op.timeout_ms))
		return err_at(err_new(ERR_USAGE,
				      "timeouts: %s: '%s' is no duration such as 10m or 1h30m",
				      name, text),
			      "timeouts");
	w->op.deadline = (w->op.api ? w->op.api->now_ms(w->op.api) : clock_ms()) + w->op.timeout_ms;
	return NULL;
}

/* What tells of the object: newest first, as long as it is known. */
static const char *told(const struct work *w, const char *row)
{
	struct json_object *const from[] = { w->t.planned, w->t.config, w->t.prior };

	for (size_t i = 0; i < COUNT(from); i++) {
		const char *s = json_str(from[i], row);

		if (s && *s)
			return s;
	}
	return NULL;
}

struct err *work_open(struct work *w, const struct kind *k, struct json_object *config,
		      struct json_object *prior, struct json_object *planned)
{
	struct err *e = NULL;

	w->k = k;
	w->t = (struct tf_op){ .kind = k->k,
			       .whole = k,
			       .calls = &hook_calls,
			       .r = k->r,
			       .op = &w->op,
			       .config = config,
			       .prior = prior,
			       .planned = planned };
	w->op = (struct op){ .r = k->r,
			     .state = "present",
			     .wait = true,
			     .allow_replace = true,
			     .out = &w->out,
			     .keeper = &w->keeper,
			     .refs = refs_new() };
	w->id = xstrdup(json_str(prior, "id"));
	if (provider.targets)
		e = target_get(told(w, "cloud"), told(w, "region"), &w->op.api, &w->region);
	return e;
}

void work_release(struct work *w)
{
	outcome_release(&w->out);
	journal_entry_release(&w->entry);
	refs_free(w->op.refs);
	json_object_put(w->op.want);
	json_object_put(w->op.have);
	json_object_put(w->op.specs);
	json_object_put(w->t.state);
	json_object_put(w->t.kept);
	free(w->id);
}

/* ---- what is told ---- */

static struct json_object *state_of_row(const struct work *w, const struct row *row,
					struct json_object *have)
{
	AUTO_JSON actual = row_shown(row, have);

	return row_fill(row, json_at(w->t.planned, row->name), actual);
}

static void set_general(struct work *w)
{
	const char *region = told(w, "region");

	if (w->id && row_named(w->k->rows, "id"))
		json_sets(w->t.state, "id", w->id);
	if (provider.targets)
		json_sets(w->t.state, "region", region ? region : w->region);
}

/* "{instance_id}/{volume_id}" of rows. */
char *work_id_text(const struct work *w)
{
	AUTO_BUF text = BUF_INIT;

	for (const char *s = w->k->k->id; *s;) {
		const size_t plain = strcspn(s, "{");

		(void)buf_add(&text, s, plain);
		s += plain;
		if (*s == '{') {
			const size_t len = strcspn(++s, "}");
			AUTO_STR row = xstrndup(s, len);
			const char *value = json_str(w->t.state, row);

			buf_adds(&text, value ? value : "");
			s += len + 1;
		}
	}
	return buf_take(&text);
}

/* A hook may have taken what the service says as it is: no nonsense of it must make the object unsayable. */
void work_conform(struct work *w)
{
	for (const struct row *row = w->k->rows; row->name; row++)
		json_set(w->t.state, row->name, conform(row->type, json_at(w->t.state, row->name)));
	rows_complete(w->k->rows, w->t.state);
}

static struct err *refine(struct work *w)
{
	struct err *e = w->k->k->show ? w->k->k->show(&w->t) : NULL;

	if (w->k->k->show)
		work_conform(w);
	else
		rows_complete(w->k->rows, w->t.state);
	return e;
}

static struct err *show(struct work *w)
{
	struct err *e = refine(w);

	/* The hook may know a better one. */
	if (json_str(w->t.state, "id")) {
		free(w->id);
		w->id = xstrdup(json_str(w->t.state, "id"));
	}
	set_general(w);
	if (w->k->k->id) { /* may be made of the region, too */
		free(w->id);
		w->id = work_id_text(w);
		set_general(w);
	}
	return e;
}

/* After creation and update: what was planned, and what the service says of the rest. */
static struct err *show_made(struct work *w)
{
	struct json_object *have = w->out.after;
	struct err *e;

	json_object_put(w->op.have);
	w->op.have = json_copy(have);
	w->t.state = json_object_new_object();
	for (const struct row *row = w->k->rows; row->name; row++)
		json_put(w->t.state, row->name, state_of_row(w, row, have));
	if (!w->k->k->id) {
		free(w->id);
		w->id = xstrdup(w->out.id);
	}
	e = show(w);
	w->op.id = w->out.id;
	return e;
}

/* ---- workers ---- */

void work_plan(struct work *w, const struct kind *k, struct tf_op *t)
{
	w->k = k;
	w->op.out = &w->out;
	t->op = &w->op;
}

/* What was planned is what is told. */
static void fill_planned(struct work *w)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.planned, row->name);

		json_set(w->t.state, row->name,
			 value_has_unknown(v)
				 ? value_fill(value_inner(v),
					      value_inner(json_at(w->t.state, row->name)))
				 : json_copy(v));
	}
}

static struct err *by_worker(struct work *w, struct err *(*hook)(struct tf_op *t), const char *name,
			     int minutes)
{
	struct err *e = set_timeout(w, name, minutes);

	if (!e)
		e = hook(&w->t);
	if (!w->t.state)
		return e;
	work_conform(w);
	if (w->t.planned)
		fill_planned(w);
	return e;
}

/* ---- creation, update, deletion ---- */

/* Of a secret that is given in the form that leaves nothing behind. */
static void want_write_only(struct work *w)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.config, row->name);
		AUTO_STR version = row->write_only ? xasprintf("%s_version", row->name) : NULL;

		if (row->write_only && v && row->a && (!w->t.prior || tf_changed(&w->t, version)))
			json_set(w->op.want, row->a->name, row_want(row, v));
	}
}

/* Keys that were given before and are no more: null takes them out of a map that is merged. */
static void want_gone(struct json_object *want, struct json_object *before)
{
	json_object_object_foreach(before, key, v) {
		(void)v;
		if (!json_has(want, key))
			json_set(want, key, NULL);
	}
}

static void want_changed(struct work *w)
{
	w->op.want = json_object_new_object();
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(w->t.planned, row->name);

		if (!row->a || row->write_only || row_unknown(row, v) ||
		    !(row->flags & (TF_OPTIONAL | TF_REQUIRED)) || !tf_changed(&w->t, row->name))
			continue;
		json_set(w->op.want, row->a->name, v ? row_want(row, v) : row_clear(row));
		if (row->a->flags & MERGE && json_at(w->t.prior, row->name))
			want_gone(json_at(w->op.want, row->a->name),
				  json_at(w->t.prior, row->name));
	}
	want_write_only(w);
	if (!w->t.prior && json_at(w->t.planned, "value_specs"))
		w->op.specs = json_copy(json_at(w->t.planned, "value_specs"));
}

static struct err *prepare(struct work *w)
{
	want_changed(w);
	return w->k->k->prepare ? w->k->k->prepare(&w->t) : NULL;
}

/* What tells this creation from others, secrets left out. */
static char *fingerprint(const struct work *w)
{
	AUTO_JSON all = json_copy(w->op.want);
	AUTO_BUF text = BUF_INIT;

	for (const struct attr *a = w->k->r->attrs; a->name; a++)
		if (a->flags & SECRET)
			json_object_object_del(all, a->name);
	buf_addf(&text, "%s %s %s %s", w->k->type_name, told(w, "cloud") ? told(w, "cloud") : "",
		 w->region ? w->region : "",
		 json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	return digest_text("sha256", text.s, text.len);
}

struct err *work_create(struct work *w)
{
	const struct tf_worker *worker = w->k->k->worker;

	if (worker)
		return by_worker(w, worker->create, "create", w->k->k->minutes.create);
	struct err *e = set_timeout(w, "create", w->k->k->minutes.create);
	struct err *shown;

	if (!e)
		e = prepare(w);
	if (e)
		return e;
	AUTO_STR what = fingerprint(w);
	if (!(w->k->k->flags & TF_NO_ADOPT)) {
		journal_begin(&w->entry, w->k->r->name, what);
		w->op.keeper = &w->entry.keeper;
	}
	e = gather_apply(&w->op);
	if (!w->out.id && w->entry.key && e && e->ambiguous)
		journal_doubt(&w->entry);
	else if (!w->out.id && w->entry.key)
		journal_forget(&w->entry);
	if (!w->out.id && e)
		return e;
	shown = show_made(w);
	if (w->entry.key && w->id && w->out.id && strcmp(w->id, w->out.id) != 0)
		journal_named(&w->entry, w->id);
	if (e)
		err_free(shown);
	return e ? e : shown;
}

/* The engine's ID of what Terraform knows by another. */
static void set_id(struct work *w)
{
	w->op.id = w->id;
}

static void want_identity(struct work *w, struct json_object *values)
{
	for (const struct row *row = w->k->rows; row->name; row++) {
		struct json_object *v = json_at(values, row->name);

		if (row->a && row->a->flags & (IDENTITY | REQUIRED) && v && !value_has_unknown(v) &&
		    !json_has(w->op.want, row->a->name))
			json_set(w->op.want, row->a->name, row_want(row, v));
	}
}

static struct err *find(struct work *w);

/* Nothing to be done; what was not known in the plan is read. */
static struct err *show_unchanged(struct work *w)
{
	struct err *e = NULL;

	if (!value_has_unknown(w->t.planned)) {
		w->t.state = json_copy(w->t.planned);
		set_general(w);
		return NULL;
	}
	e = find(w);
	if (e)
		return e;
	w->out.after = json_copy(w->op.have);
	w->out.id = xstrdup(w->id);
	return show_made(w);
}

struct err *work_update(struct work *w)
{
	const struct tf_worker *worker = w->k->k->worker;

	if (worker)
		return by_worker(w, worker->update, "update", w->k->k->minutes.update);
	struct err *e = set_timeout(w, "update", w->k->k->minutes.update);

	set_id(w);
	if (!e)
		e = prepare(w);
	if (e)
		return e;
	if (resource_is_sought(w->k->r))
		want_identity(w, w->t.prior);
	refresh_drop(w->op.api, w->k->r, w->id);
	/* Only the adapter's own rows may have changed, such as a timeout. */
	if (!json_object_object_length(w->op.want))
		return show_unchanged(w);
	resource_apply(&w->op, 1, 1, &e);
	return e ? e : show_made(w);
}

struct err *work_delete(struct work *w)
{
	const struct tf_worker *worker = w->k->k->worker;

	if (worker)
		return by_worker(w, worker->remove, "delete", w->k->k->minutes.remove);
	struct err *e = set_timeout(w, "delete", w->k->k->minutes.remove);

	if (e)
		return e;
	set_id(w);
	w->op.state = "absent";
	w->op.want = rows_want(w->k->rows, w->t.prior);
	if (!resource_is_sought(w->k->r)) {
		w->op.have = json_copy(w->op.want);
		json_sets(w->op.have, resource_key(w->k->r), w->id);
	}
	refresh_drop(w->op.api, w->k->r, w->id);
	if (w->k->k->prepare)
		e = w->k->k->prepare(&w->t);
	if (!e)
		resource_apply(&w->op, 1, 1, &e);
	if (!e)
		journal_gone(w->k->r->name, w->id);
	return e;
}

/* ---- reading ---- */

/* The project whose objects a LIST is to tell of. */
static const char *project_of(const struct work *w)
{
	const char *project = json_str(w->t.prior, "tenant_id");

	return project && *project ? project : NULL;
}

static struct err *find(struct work *w)
{
	if (w->k->k->read)
		return w->k->k->read(&w->t);
	if (resource_is_sought(w->k->r))
		return w->k->r->find(&w->op);
	if (w->k->k->flags & TF_NO_LIST)
		return resource_try_get(w->op.api, w->k->r, w->id, &w->op.have);
	return refresh_get(w->op.api, w->k->r, w->id, project_of(w), &w->op.have);
}

/* Elements of what was given that are still there. */
static struct json_object *still_there(const struct row *row, struct json_object *given,
				       struct json_object *now)
{
	struct json_object *ret;

	if (json_object_is_type(given, json_type_object)) {
		ret = json_object_new_object();
		json_object_object_foreach(given, key, v) {
			(void)v;
			if (json_has(now, key))
				json_set(ret, key, json_copy(json_at(now, key)));
		}
		return ret;
	}
	ret = json_object_new_array();
	for (size_t i = 0; i < json_len(given); i++) {
		AUTO_JSON one = json_object_new_array();
		bool there = false;

		json_object_array_add(one, json_copy(json_nth(given, i)));
		for (size_t k = 0; k < json_len(now) && !there; k++) {
			AUTO_JSON other = json_object_new_array();

			json_object_array_add(other, json_copy(json_nth(now, k)));
			there = row_same(row, one, other);
		}
		if (there)
			json_object_array_add(ret, json_copy(json_nth(given, i)));
	}
	return ret;
}

/* Nothing written, nothing there: the peer says so with "" and [], which is no difference to null. */
static struct json_object *nothing(const struct work *w, const struct row *row, bool ours)
{
	struct json_object *was = json_at(w->t.prior, row->name);

	if (row->flags & TF_BLOCK)
		return row->single ? NULL : json_object_new_array();
	if (!ours && !(row->flags & TF_COMPUTED))
		return NULL;
	return json_copy(was);
}

static bool same_as_before(const struct work *w, const struct row *row, struct json_object *was,
			   struct json_object *now)
{
	struct json_object *tidy = row->a ? json_at(w->op.want, row->a->name) : NULL;

	if (row_same(row, was, now))
		return true;
	/* What the engine makes of what was written may be what is there: fa:16 for FA:16. */
	return was && tidy && row->a && !row->sub &&
	       attr_equal(row->a, tidy, json_at(w->op.have, row->a->name));
}

static bool is_zero(struct json_object *v)
{
	return json_is_str(v, "") ||
	       (json_object_is_type(v, json_type_boolean) && !json_object_get_boolean(v)) ||
	       (json_object_is_type(v, json_type_int) && !json_object_get_int64(v));
}

/* Blocks of the peer's states have "", 0 and false for what was not written, which is null here. */
static struct json_object *without_zeros(const struct row *row, struct json_object *blocks)
{
	struct json_object *ret = json_copy(blocks);

	for (size_t i = 0; i < json_len(ret); i++)
		for (const struct row *sub = row->sub; sub->name; sub++)
			if (!(sub->flags & (TF_COMPUTED | TF_REQUIRED)) &&
			    is_zero(json_at(json_nth(ret, i), sub->name)))
				json_set(json_nth(ret, i), sub->name, NULL);
	return ret;
}

/* What is not read back. */
static struct json_object *keep_row(const struct row *row, struct json_object *was, bool ours)
{
	if (!(row->flags & TF_BLOCK) || row->single)
		return json_copy(was ? was : row->value);
	if (!was)
		return json_object_new_array();
	return ours ? json_copy(was) : without_zeros(row, was);
}

static struct json_object *read_row(const struct work *w, const struct row *row, bool ours)
{
	struct json_object *was = json_at(w->t.prior, row->name);
	const bool added = row->flags & TF_BLOCK && row->flags & TF_COMPUTED;

	if (!row->a || row->write_only || row->flags & TF_KEPT || row->single)
		return keep_row(row, was, ours);
	AUTO_JSON now = row_shown(row, w->op.have);
	if (!now && row->value) /* a service without this feature does not tell of it */
		return json_copy(row->value);
	if (json_empty(was) && json_empty(now) && !(row->flags & TF_COMPUTED && !was))
		return nothing(w, row, ours);
	if (same_as_before(w, row, was, now))
		return json_copy(was);
	if (row->flags & TF_SUBSET && was)
		return still_there(row, was, now);
	if ((row->flags & TF_SUBSET && !w->t.importing) || (added && json_empty(was)))
		return nothing(w, row, ours);
	return TAKE(now);
}

struct err *work_read(struct work *w, bool ours, bool imported)
{
	struct err *e;

	set_id(w);
	if (w->k->k->worker) {
		w->t.importing = imported;
		w->t.foreign = !ours && !imported;
		return by_worker(w, w->k->k->worker->read, "read", 0);
	}
	w->t.importing = imported || (!ours && !json_at(w->t.prior, "region"));
	w->t.foreign = !ours && !w->t.importing;
	w->op.want = rows_want(w->k->rows, w->t.prior);
	/* Spellings only: it sends nothing, and what it refuses was refused before. */
	if (w->k->r->prepare)
		err_free(w->k->r->prepare(&w->op));
	e = find(w);
	if (!e && !w->op.have)
		journal_gone(w->k->r->name, w->id);
	if (e || !w->op.have)
		return e;
	if (w->k->k->flags & TF_EXPAND && w->k->r->expand)
		e = w->k->r->expand(&w->op);
	if (e)
		return e;
	w->t.state = json_object_new_object();
	for (const struct row *row = w->k->rows; row->name; row++)
		json_put(w->t.state, row->name, read_row(w, row, ours));
	return show(w);
}

/* ---- import ---- */

/* An ID such as "a/b" taken apart by "{x}/{y}". */
static struct err *take_apart(struct work *w, const char *pattern, const char *id)
{
	const char *s = id;

	for (const char *p = pattern; *p;) {
		const char *name = p + 1, *end = strchr(p, '}');

		if (*p != '{' || !end) {
			if (*p++ != *s++)
				break;
			continue;
		}
		const char *after = end + 1;
		const size_t stop = strcspn(after, "{");
		AUTO_STR mark = xstrndup(after, stop);
		const char *found = *mark ? strstr(s, mark) : s + strlen(s);

		AUTO_STR name_text = xstrndup(name, (size_t)(end - name));
		const struct row *row = row_named(w->k->rows, name_text);
		if (!found || (found == s && row && row->flags & TF_REQUIRED))
			return err_new(ERR_USAGE, "'%s' is no such ID: it has to look like %s", id,
				       pattern);
		AUTO_STR value = xstrndup(s, (size_t)(found - s));
		json_sets(w->t.state, name_text, *value ? value : NULL);
		s = found;
		p = after;
	}
	return *s ? err_new(ERR_USAGE, "'%s' is no such ID: it has to look like %s", id, pattern)
		  : NULL;
}

struct err *work_import(struct work *w, const char *id)
{
	struct err *e = NULL;

	w->t.state = json_object_new_object();
	for (const struct row *row = w->k->rows; row->name; row++)
		json_set(w->t.state, row->name,
			 row->flags & TF_BLOCK && !row->single ? json_object_new_array() : NULL);
	if (!*id)
		return err_new(ERR_USAGE, "an ID is needed to import %s", w->k->type_name);
	if (w->k->k->worker)
		return w->k->k->worker->import(&w->t, id);
	if (w->k->k->id)
		e = take_apart(w, w->k->k->id, id);
	json_sets(w->t.state, "id", id);
	return e;
}
