#include <string.h>

#include "clock.h"
#include "kubernetes/live.h"
#include "kubernetes/objects.h"
#include "kubernetes/subject.h"
#include "rows.h"

#define MANAGER "treenail"

/* One call: the object, and the time left. */
struct subject_of {
	const struct kube_kind *kind;
	char *ns, *name;
	int64_t deadline;
};

static void release(struct subject_of *s)
{
	free(s->ns);
	free(s->name);
}
#define AUTO_SUBJECT_OF CLEANUP(release) struct subject_of

static struct err *open_at(struct subject_of *s, const struct typed_op *op, const char *id)
{
	struct err *e = typed_place(op->kind, id, &s->ns, &s->name);

	s->deadline = clock_ms() + op->deadline_ms;
	return e ? e : kind_find(op->cluster, op->kind->api_version, op->kind->kind, &s->kind);
}

/* The same for who knows no tables. */
static struct subject place_of(const struct typed_op *op, const struct subject_of *s)
{
	return (struct subject){ .c = op->cluster, .kind = s->kind, .ns = s->ns, .name = s->name };
}

static char *title_of(const struct typed_op *op, const struct subject_of *s)
{
	return xasprintf("%s %s%s%s", op->kind->kind, s->ns ? s->ns : "", s->ns ? "/" : "",
			 s->name);
}

/* What typed_import() takes. */
static char *import_id(const struct typed_op *op, const struct subject_of *s)
{
	AUTO_STR own = xasprintf("%s%s%s", s->ns ? s->ns : "", s->ns ? "/" : "", s->name);

	return subject_import_id(json_str(op->planned, "cluster"), own);
}

/* ---- names that are made up ---- */

static char *id_of(struct json_object *manifest)
{
	struct json_object *metadata = json_at(manifest, "metadata");
	const char *ns = json_str(metadata, "namespace");

	return xasprintf("%s%s%s", ns ? ns : "", ns ? "/" : "", json_str(metadata, "name"));
}

static struct err *complete_name(const struct typed_op *op, struct json_object *manifest)
{
	const char *beginning =
		json_str(json_nth(json_at(op->config, "metadata"), 0), "generate_name");
	struct json_object *metadata = json_at(manifest, "metadata");

	if (json_str(metadata, "name"))
		return NULL;
	if (!beginning)
		return err_at(err_new(ERR_USAGE, "name or generate_name is needed"), "metadata[0]");
	AUTO_STR name = name_generate(beginning);
	json_sets(metadata, "name", name);
	return NULL;
}

/* ---- waiting ---- */

static bool wants_wait(const struct typed_op *op)
{
	const struct typed_kind *k = op->kind;

	if (k->wait == WAIT_NONE || !json_truth(op->planned, k->wait_row, false))
		return false;
	if (k->only && !json_is_str(json_at(op->planned, k->only), k->only_value))
		return false;
	return !op->prior || k->wait_on_update;
}

static struct err *wait_for_account(struct typed_op *op, const struct subject_of *s,
				    const struct ready_wish *wish)
{
	const struct kube_kind *accounts;
	struct json_object *last = NULL;
	struct err *e = kind_find(op->cluster, "v1", "ServiceAccount", &accounts);

	if (!e)
		e = ready_wait(op->cluster, accounts, s->name, "default", NULL, wish, &last);
	json_object_put(last);
	return e;
}

static struct err *wait_for(struct typed_op *op, const struct subject_of *s,
			    struct json_object *object)
{
	const struct typed_kind *k = op->kind;
	AUTO_JSON fields =
		k->field ? json_wrap(k->field, json_object_new_string(k->matches)) : NULL;
	const struct ready_wish wish = { .rollout = k->wait == WAIT_ROLLOUT,
					 .fields = fields,
					 .timeout_ms = s->deadline - clock_ms() };
	AUTO_JSON last = NULL;
	struct err *e;

	if (k->wait == WAIT_ACCOUNT)
		return wait_for_account(op, s, &wish);
	e = ready_wait(op->cluster, s->kind, s->ns, s->name, object, &wish, &last);
	if (last) {
		json_object_put(op->state);
		op->state = typed_made(k, op->planned, last);
	}
	return e;
}

/* ---- creation and update ---- */

/* Names the row that the server is not content with. */
static struct err *run(const struct typed_op *op, struct object_op *o, struct json_object **after)
{
	struct err *e = NULL;
	AUTO_STR at = NULL;

	objects_apply(o, 1, 1, &e);
	*after = TAKE(o->after);
	object_op_release(o);
	at = e ? typed_at(op->kind, e->text) : NULL;
	return at ? err_at(e, at) : e;
}

static struct object_op apply_of(const struct typed_op *op, struct json_object *manifest)
{
	return (struct object_op){ .cluster = op->cluster,
				   .want = manifest,
				   .way = WAY_SERVER_APPLY,
				   .field_manager = MANAGER,
				   .force_conflicts = true };
}

/* have: what is there, if that was looked for. */
static struct err *send(struct typed_op *op, const struct subject_of *s,
			struct json_object *manifest, bool looked, struct json_object *have,
			struct json_object **after)
{
	struct object_op o = apply_of(op, manifest);

	o.read = looked;
	o.before = json_object_get(have);
	live_drop(op->cluster, s->kind, s->ns, s->name);
	return run(op, &o, after);
}

static bool keeps_data(const struct typed_op *op)
{
	return op->prior && (json_at(op->config, "data_wo_revision") ||
			     json_at(op->config, "binary_data_wo_revision"));
}

static struct err *create(struct typed_op *op, const struct subject_of *s,
			  struct json_object *manifest, struct json_object **after)
{
	struct subject place = place_of(op, s);
	AUTO_STR id = import_id(op, s);
	struct journal_entry entry = { 0 };
	AUTO_JSON have = NULL;
	struct err *e = subject_before(&place, s->deadline, &have);

	place.want = manifest;
	if (!e)
		e = subject_may_adopt(&place, have, MANAGER, id, &entry);
	if (!e)
		e = send(op, s, manifest, true, have, after);
	subject_created(&entry, *after, e);
	return e;
}

/* Of a list: the one of the same name, or else in the same place. */
static struct json_object *counterpart(struct json_object *list, struct json_object *one, size_t i)
{
	const char *name = json_str(one, "name");

	for (size_t k = 0; name && k < json_len(list); k++)
		if (json_is_str(json_at(json_nth(list, k), "name"), name))
			return json_nth(list, k);
	return json_nth(list, i);
}

/* Whether there is an empty map in `want`, nothing in its place, and was something in it before. */
static bool lacks_emptied(struct json_object *want, struct json_object *have,
			  struct json_object *before)
{
	for (size_t i = 0; i < json_len(want); i++) {
		struct json_object *one = json_nth(want, i);

		if (lacks_emptied(one, counterpart(have, one, i), counterpart(before, one, i)))
			return true;
	}
	if (!json_object_is_type(want, json_type_object))
		return false;
	json_object_object_foreach(want, key, v) {
		if (lacks_emptied(v, json_object_object_get(have, key),
				  json_object_object_get(before, key)))
			return true;
	}
	return json_empty(want) && !have && !json_empty(before);
}

/*
 * Of a map that we take all out of the server (1.33) keeps nothing, though an empty one was sent, and says
 * that we own it. Sent again it is there.
 */
static struct err *insist(struct typed_op *op, const struct subject_of *s,
			  struct json_object *manifest, struct json_object *have,
			  struct json_object **after)
{
	AUTO_JSON before =
		have ? json_object_get(have) : typed_manifest(op->kind, op->prior, NULL, NULL);
	struct json_object *again = NULL;
	struct err *e;

	if (!lacks_emptied(manifest, *after, before))
		return NULL;
	e = send(op, s, manifest, true, NULL, &again);
	if (again) {
		json_object_put(*after);
		*after = again;
	}
	return e;
}

static struct err *update(struct typed_op *op, const struct subject_of *s,
			  struct json_object *manifest, struct json_object **after)
{
	const bool keeps = keeps_data(op);
	AUTO_JSON have = NULL;
	AUTO_JSON whole = NULL;
	struct err *e = keeps ? object_get(op->cluster, s->kind, s->ns, s->name, &have) : NULL;

	if (e)
		return e;
	whole = have ? typed_manifest(op->kind, op->config, op->prior, have)
		     : json_object_get(manifest);
	e = send(op, s, whole, keeps, have, after);
	return e ? e : insist(op, s, whole, have, after);
}

struct err *typed_apply(struct typed_op *op)
{
	AUTO_SUBJECT_OF s = { 0 };
	AUTO_JSON manifest = typed_manifest(op->kind, op->config, op->prior, NULL);
	AUTO_JSON after = NULL;
	struct err *e = complete_name(op, manifest);

	if (e)
		return e;
	AUTO_STR id = id_of(manifest);
	e = open_at(&s, op, id);
	if (!e)
		e = op->prior ? update(op, &s, manifest, &after) : create(op, &s, manifest, &after);
	if (after) {
		op->state = typed_made(op->kind, op->planned, after);
		op->given = typed_given(op->kind, op->config);
	}
	return !e && wants_wait(op) ? wait_for(op, &s, after) : e;
}

/* ---- trying it out ---- */

static struct err *dry_run(const struct typed_op *op, struct json_object *manifest, bool force,
			   struct json_object **after)
{
	struct object_op o = apply_of(op, manifest);

	o.force_conflicts = force;
	o.check = true;
	o.read = true; /* what there is makes no difference to the question */
	return run(op, &o, after);
}

/* 'conflict with "kubectl" using apps/v1: .spec.replicas'. Owned; NULL: it is no conflict. */
static char *owners_in(const struct err *e)
{
	const char *begin = e && e->status == 409 ? strstr(e->text, "Apply failed with") : NULL;
	const char *told = begin ? strstr(begin, ": ") : NULL;
	const char *end = told ? strstr(told, "; leave these fields out") : NULL;

	return end ? xstrndup(told + 2, (size_t)(end - told - 2)) : NULL;
}

/* Takes text. */
static void warn(struct typed_op *op, char *text)
{
	free(op->warning);
	op->warning = text;
}

/* What others own is taken from them, as the peer does; people are told. */
static struct err *try_update(struct typed_op *op, const struct subject_of *s,
			      struct json_object *manifest)
{
	AUTO_STR title = title_of(op, s);
	AUTO_JSON after = NULL;
	struct err *e = dry_run(op, manifest, false, &after);
	AUTO_STR owners = owners_in(e);

	if (owners) {
		err_free(e);
		warn(op, xasprintf("%s: applying takes fields over from other managers: %s", title,
				   owners));
		e = dry_run(op, manifest, true, &after);
	}
	/* It is no error of who has it made anew all the same. */
	if (!e || !is_immutable(e))
		return e;
	warn(op, xasprintf("%s: applying it will fail; one that is like that has to be made anew: "
			   "-replace=ADDRESS",
			   e->text));
	err_free(e);
	return NULL;
}

/* What is tried on an object that is there tells nothing of a new one. Takes e. */
static struct err *in_the_way(struct typed_op *op, const struct subject_of *s, struct err *e)
{
	AUTO_STR title = title_of(op, s);
	AUTO_STR id = import_id(op, s);

	err_free(e);
	warn(op, xasprintf("%s is there already: unless this run removes it first, its creation "
			   "will be refused; to manage it here, import it with the ID '%s'",
			   title, id));
	return NULL;
}

static struct err *try_create(struct typed_op *op, const struct subject_of *s,
			      struct json_object *manifest)
{
	const struct subject place = place_of(op, s);
	AUTO_JSON after = NULL;
	AUTO_JSON have = NULL;
	struct err *e;

	if (subject_is_known(&place)) /* it is going to be replaced */
		return NULL;
	e = dry_run(op, manifest, true, &after);
	if (e && e->status == 422) {
		AUTO_ERR unread = live_get(op->cluster, s->kind, s->ns, s->name, &have);

		return have && !unread ? in_the_way(op, s, e) : e;
	}
	/* What is only tried has no version; what is on its way out is waited for. */
	if (!e && json_at(after, "metadata.resourceVersion") &&
	    !json_at(after, "metadata.deletionTimestamp"))
		return in_the_way(op, s, NULL);
	return e;
}

/* Who may only read may still plan, and whoever does not answer yet may do so by then. Takes e. */
static struct err *unasked(struct typed_op *op, const struct subject_of *s, struct err *e)
{
	const bool no_leave = e->status == 403 && (strstr(e->text, "cannot patch resource") ||
						   strstr(e->text, "cannot create resource"));
	AUTO_STR title = title_of(op, s);
	AUTO_STR passing = may_pass(e);

	if (passing)
		warn(op, TAKE(passing));
	else if (no_leave || e->kind == ERR_NETWORK || e->kind == ERR_TIMEOUT)
		warn(op, xasprintf("%s was not tried on the server: %s", title, e->text));
	else if (!cannot_predict(e))
		return e;
	err_free(e);
	return NULL;
}

struct err *typed_try(struct typed_op *op)
{
	AUTO_SUBJECT_OF s = { 0 };
	AUTO_JSON manifest = typed_manifest(op->kind, op->config, op->prior, NULL);
	AUTO_JSON have = NULL;
	struct err *e = complete_name(op, manifest);

	if (e)
		return e;
	AUTO_STR id = id_of(manifest);
	e = open_at(&s, op, id);
	/* A kind of the server's own does not come later. */
	if (e && (!s.name || e->kind == ERR_NOT_FOUND))
		return err_wrap(e, "%s", id);
	if (!e && keeps_data(op))
		e = live_get(op->cluster, s.kind, s.ns, s.name, &have);
	if (!e && have) {
		json_object_put(manifest);
		manifest = typed_manifest(op->kind, op->config, op->prior, have);
	}
	if (!e)
		e = op->prior ? try_update(op, &s, manifest) : try_create(op, &s, manifest);
	return e ? unasked(op, &s, e) : NULL;
}

/* ---- reading ---- */

static char *data_id(const struct typed_op *op)
{
	struct json_object *metadata = json_nth(json_at(op->config, "metadata"), 0);
	const char *ns = json_str(metadata, "namespace"), *name = json_str(metadata, "name");

	if (!op->kind->namespaced)
		return xstrdup(name ? name : "");
	return xasprintf("%s/%s", ns ? ns : "default", name ? name : "");
}

static struct err *no_such(const struct typed_op *op, const struct subject_of *s)
{
	AUTO_STR title = title_of(op, s);

	return err_new(ERR_NOT_FOUND, "%s: there is no such object", title);
}

static struct err *read_data(struct typed_op *op)
{
	AUTO_SUBJECT_OF s = { 0 };
	AUTO_STR id = data_id(op);
	AUTO_JSON object = NULL;
	struct err *e = open_at(&s, op, id);

	/* Not what a plan before it saw: it is read after what it depends on. */
	if (!e)
		e = object_get(op->cluster, s.kind, s.ns, s.name, &object);
	if (!e && !object)
		e = no_such(op, &s);
	if (!e)
		op->state = typed_data(op->kind, op->config, object);
	return e;
}

struct err *typed_read(struct typed_op *op)
{
	AUTO_SUBJECT_OF s = { 0 };
	AUTO_JSON object = NULL;
	const char *id = json_str(op->prior, "id");
	struct err *e;

	if (op->kind->tf.what == TF_DATA)
		return read_data(op);
	e = open_at(&s, op, id ? id : "");
	if (!e)
		e = live_get(op->cluster, s.kind, s.ns, s.name, &object);
	if (!e && object) {
		const struct subject place = place_of(op, &s);

		subject_seen(&place);
		op->state = typed_shown(op->kind, op->prior, op->origin, MANAGER, object);
	}
	return e;
}

/* ---- the end ---- */

static struct json_object *identity(const struct typed_op *op, const struct subject_of *s)
{
	struct json_object *object = json_object_new_object(), *metadata = json_object_new_object();

	json_sets(object, "apiVersion", op->kind->api_version);
	json_sets(object, "kind", op->kind->kind);
	json_sets(metadata, "name", s->name);
	if (s->ns)
		json_sets(metadata, "namespace", s->ns);
	json_set(object, "metadata", metadata);
	return object;
}

struct err *typed_delete(struct typed_op *op)
{
	AUTO_SUBJECT_OF s = { 0 };
	const char *id = json_str(op->prior, "id");
	struct err *e = open_at(&s, op, id ? id : "");

	if (e)
		return e;
	AUTO_JSON want = identity(op, &s);
	AUTO_JSON options = json_wrap(
		"propagationPolicy",
		json_object_new_string(op->kind->foreground ? "Foreground" : "Background"));
	const struct ready_wish gone = { .gone = true, .timeout_ms = s.deadline - clock_ms() };
	struct object_op o = { .cluster = op->cluster,
			       .want = want,
			       .absent = true,
			       .delete_options = options,
			       .wait = &gone };

	live_drop(op->cluster, s.kind, s.ns, s.name);
	objects_apply(&o, 1, 0, &e);
	object_op_release(&o);
	return e;
}

struct err *typed_import(struct typed_op *op, const char *id)
{
	AUTO_STR ns = NULL;
	AUTO_STR name = NULL;
	struct err *e = typed_place(op->kind, id, &ns, &name);

	if (e)
		return e;
	AUTO_STR whole = ns ? xasprintf("%s/%s", ns, name) : xstrdup(name);
	op->state = json_object_new_object();
	for (const struct tf_attr *row = op->kind->tf.attrs; row->name; row++)
		json_put(op->state, row->name,
			 row->flags & TF_BLOCK ? json_object_new_array() : NULL);
	json_sets(op->state, "id", whole);
	return NULL;
}
