/*
 * kubernetes_manifest: any object, by server-side apply. Planned by the server's dry run; from the
 * configuration alone as long as there is nobody to ask.
 */
#include "manifest.h"

#include <string.h>

#include "clusters.h"
#include "digest.h"
#include "live.h"
#include "protocol/value.h"
#include "subject.h"
#include "text.h"

/* The peer's, so that states change hands without a conflict of owners. */
static const char MANAGER[] = "Terraform";

enum { PATHS_TOLD = 5 };

static struct json_object *manifest_of(struct json_object *values)
{
	return value_inner(json_at(values, "manifest"));
}

static const char *manager_of(struct json_object *values)
{
	const char *name = json_str(json_nth(json_at(values, "field_manager"), 0), "name");

	return name && *name ? name : MANAGER;
}

static bool forces(struct json_object *values)
{
	return json_truth(json_nth(json_at(values, "field_manager"), 0), "force_conflicts", false);
}

/* ---- which object it is ---- */

/* With the name that was generated for it when it was made. New. */
static struct json_object *named(const struct tf_op *t, struct json_object *values)
{
	struct json_object *object = plain_object(manifest_of(values));
	const char *name = json_str(value_inner(json_at(t->prior, "object")), "metadata.name");

	if (!json_str(object, "metadata.name") && name)
		json_sets(json_at(object, "metadata"), "name", name);
	return object;
}

static struct json_object *prior_object(const struct tf_op *t)
{
	return named(t, t->prior);
}

/* As it is sent. */
static struct json_object *wanted_object(const struct tf_op *t)
{
	struct json_object *object = named(t, t->planned);

	object_to_text(object);
	return object;
}

/* What import() takes. NULL: it has no name yet. */
static char *import_id(const struct tf_op *t, const struct subject *s)
{
	AUTO_STR id = s->name ? xasprintf("apiVersion=%s,kind=%s%s%s,name=%s",
					  json_str(s->want, "apiVersion"), s->kind->kind,
					  s->ns ? ",namespace=" : "", s->ns ? s->ns : "", s->name)
			      : NULL;

	return id ? subject_import_id(json_str(t->planned, "cluster"), id) : NULL;
}

/* ---- what `object` tells ---- */

static void hide_data(struct json_object *object, const char *key)
{
	AUTO_STR salt = document_title(object);
	struct json_object *data = json_at(object, key), *hidden;

	if (!json_object_is_type(data, json_type_object))
		return;
	hidden = json_object_new_object();
	json_object_object_foreach(data, name, v) {
		AUTO_STR value = json_text(v);
		AUTO_STR all = xasprintf("%s %s %s", salt, name, value);
		AUTO_STR digest = digest_text("sha256", all, strlen(all));
		AUTO_STR told = xasprintf("sha256:%.16s", digest);

		json_sets(hidden, name, told);
	}
	json_set(object, key, hidden);
}

struct json_object *object_bare(struct json_object *object)
{
	static const char *const kept_by_server[] = { "managedFields", "resourceVersion",
						      "generation", "creationTimestamp",
						      "selfLink" };
	struct json_object *told = plain_object(object);
	struct json_object *meta = json_at(told, "metadata");

	for (size_t i = 0; i < COUNT(kept_by_server); i++)
		json_object_object_del(meta, kept_by_server[i]);
	json_object_object_del(told, "status");
	return told;
}

struct json_object *object_told(struct json_object *object)
{
	struct json_object *told = object_bare(object);

	if (json_is_str(json_at(told, "kind"), "Secret") &&
	    json_is_str(json_at(told, "apiVersion"), "v1")) {
		hide_data(told, "data");
		hide_data(told, "stringData");
		document_applied_mask(told);
	}
	return told;
}

/* ---- prediction ---- */

static void forget(struct json_object *parent, const char *path)
{
	AUTO_STR step = path_step(&path);
	const bool last = !path[strspn(path, ".")];
	struct json_object *next = NULL;

	if (json_object_is_type(parent, json_type_array)) {
		const size_t i = step ? strtoul(step, NULL, 10) : 0;

		if (i < json_len(parent) && last)
			(void)json_object_array_put_idx(parent, i, value_unknown());
		else
			forget(json_nth(parent, i), path);
		return;
	}
	if (!step || !json_object_is_type(parent, json_type_object) ||
	    !json_object_object_get_ex(parent, step, &next))
		return;
	if (last)
		json_set(parent, step, value_unknown());
	else
		forget(next, path);
}

static void forget_computed(struct json_object *object, struct json_object *values)
{
	struct json_object *fields = json_at(values, "computed_fields");

	for (size_t i = 0; i < json_len(fields); i++)
		forget(object, json_object_get_string(json_nth(fields, i)));
	if (fields)
		return;
	forget(object, "metadata.annotations");
	forget(object, "metadata.labels");
}

/* In a dry run what is made of an object's UID (a Job's selector) is made of one that nobody will have. */
static void forget_uid(struct json_object *v, const char *uid)
{
	const bool list = json_object_is_type(v, json_type_array);

	for (size_t i = 0; list && i < json_len(v); i++) {
		const char *s = json_object_get_string(json_nth(v, i));

		if (json_object_is_type(json_nth(v, i), json_type_string) && strstr(s, uid))
			(void)json_object_array_put_idx(v, i, value_unknown());
		else
			forget_uid(json_nth(v, i), uid);
	}
	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach(v, key, one) {
		if (json_object_is_type(one, json_type_string) &&
		    strstr(json_object_get_string(one), uid))
			json_set(v, key, value_unknown());
		else
			forget_uid(one, uid);
	}
}

/* What the server draws lots for: the dry run's is not the one it will be, if it is not there already. */
static void forget_drawn(struct json_object *object, struct json_object *want,
			 struct json_object *have)
{
	static const char *const fields[] = { "clusterIP", "clusterIPs", "healthCheckNodePort" };
	struct json_object *ports = json_at(object, "spec.ports");

	if (!json_is_str(json_at(object, "kind"), "Service") ||
	    !json_is_str(json_at(object, "apiVersion"), "v1"))
		return;
	for (size_t i = 0; i < COUNT(fields); i++) {
		AUTO_STR path = xasprintf("spec.%s", fields[i]);

		if (!json_at(want, path) && !json_at(have, path))
			forget(object, path);
	}
	for (size_t i = 0; i < json_len(ports); i++)
		if (json_at(json_nth(ports, i), "nodePort") && !have &&
		    !json_at(json_nth(json_at(want, "spec.ports"), i), "nodePort"))
			json_set(json_nth(ports, i), "nodePort", value_unknown());
}

static struct json_object *predicted(const struct object_op *op, struct json_object *values)
{
	struct json_object *object = object_told(op->after);
	const char *uid = json_str(op->after, "metadata.uid");

	if (!op->before && uid && *uid)
		forget_uid(object, uid);
	if (!op->before && !json_str(op->want, "metadata.name"))
		forget(object, "metadata.name");
	forget_drawn(object, op->want, op->before);
	/* An autoscaler writes it, also between a plan and its apply, and the plan is made once more then. */
	if (!json_at(op->want, "spec.replicas"))
		forget(object, "spec.replicas");
	forget_computed(object, values);
	return object;
}

/* Nothing but what others may set as they like. */
static bool same_but_computed(struct json_object *x, struct json_object *y,
			      struct json_object *values)
{
	AUTO_JSON a = json_copy(x);
	AUTO_JSON b = json_copy(y);

	forget_computed(a, values);
	forget_computed(b, values);
	return value_equal(a, b);
}

/* ---- plan ---- */

static bool same_manifest(const struct tf_op *t)
{
	AUTO_JSON was = plain_object(manifest_of(t->prior));
	AUTO_JSON is = plain_object(manifest_of(t->planned));

	return t->prior && value_equal(was, is);
}

static void keep(struct tf_op *t)
{
	json_set(t->planned, "object", json_copy(json_at(t->prior, "object")));
}

/* Nobody can be asked: what is not written is not known. */
static void plan_alone(struct tf_op *t)
{
	if (same_manifest(t))
		keep(t);
	else
		json_set(t->planned, "object", value_unknown());
}

static void plan_anew(struct tf_op *t)
{
	tf_replace(t, "manifest");
	json_set(t->planned, "object", value_unknown());
}

/* An import knows all that there is; what is written of it need only be so. */
static bool is_imported(const struct tf_op *t)
{
	return json_truth(t->kept, "imported", false);
}

/* What an update that comes anyway sends is what is written, not all that was imported. */
static bool changes_else(const struct tf_op *t)
{
	static const char *const rows[] = { "field_manager", "computed_fields", "wait", "wait_for",
					    "timeouts" };

	for (size_t i = 0; i < COUNT(rows); i++)
		if (tf_changed(t, rows[i]))
			return true;
	return false;
}

static bool as_wanted(const struct tf_op *t, const struct subject *s, struct json_object *live)
{
	if (is_imported(t))
		return has_all(live, s->want);
	return owned_same(live, s->want, manager_of(t->planned));
}

static struct object_op op_of(struct tf_op *t, const struct subject *s, bool check)
{
	return (struct object_op){ .cluster = s->c,
				   .want = s->want,
				   .way = WAY_SERVER_APPLY,
				   .field_manager = manager_of(t->planned),
				   .force_conflicts = forces(t->planned),
				   .force_words = "field_manager { force_conflicts = true }",
				   .check = check };
}

/* What came of the dry run. */
static void plan_change(struct tf_op *t, const struct object_op *op, struct json_object *live)
{
	AUTO_JSON after = object_told(op->after);
	AUTO_JSON have = live ? object_told(live) : NULL;

	if (!t->prior && op->before) /* in the way until this run removes it */
		json_set(t->planned, "object", value_unknown());
	else if (have && value_equal(after, have))
		keep(t);
	else if (have && same_manifest(t) && same_but_computed(after, have, t->planned))
		keep(t);
	else
		json_set(t->planned, "object", predicted(op, t->planned));
}

/* Takes e. */
static struct err *plan_without(struct tf_op *t, struct err *e)
{
	const bool fixed = is_immutable(e);
	AUTO_STR passing = may_pass(e);

	if (passing)
		op_warn(t->op, "%s", passing);
	/* What cannot be changed is made anew; Terraform then asks again, with the old one still there. */
	if (passing || cannot_predict(e) || (fixed && !t->prior))
		plan_alone(t);
	else if (fixed)
		plan_anew(t);
	else
		return e;
	err_free(e);
	return NULL;
}

static struct err *dry_run(struct tf_op *t, const struct subject *s, struct json_object *live)
{
	struct object_op op = op_of(t, s, true);
	struct err *e = NULL;

	op.read = true;
	op.before = json_object_get(live);
	objects_apply(&op, 1, 1, &e);
	if (e)
		e = plan_without(t, err_at(e, "manifest"));
	else if (op.assumed) /* no server has looked at it: there is no such namespace yet */
		plan_alone(t);
	else
		plan_change(t, &op, live);
	object_op_release(&op);
	return e;
}

/* What a replacement removes first is seen: the state has it. */
static bool is_in_the_way(const struct subject *s, struct json_object *live)
{
	return live && !json_at(live, "metadata.deletionTimestamp") && !subject_is_known(s);
}

static struct err *stranger(const struct tf_op *t, const struct subject *s)
{
	AUTO_STR id = import_id(t, s);

	return subject_stranger(s, id);
}

static struct err *plan_with(struct tf_op *t, struct cluster *c)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_JSON want = wanted_object(t);
	AUTO_JSON live = NULL;
	struct err *e = subject_open(&s, c, want);

	if (e && e->kind == ERR_NOT_FOUND) {
		warn_to_come(t, e);
		return plan_without(t, e);
	}
	if (!e && s.name)
		e = (t->prior ? live_get : live_lately)(c, s.kind, s.ns, s.name, &live);
	if (!e && t->prior && s.name)
		subject_seen(&s);
	else if (!e && is_in_the_way(&s, live))
		e = stranger(t, &s);
	if (e)
		return err_at(e, "manifest");
	if (!t->prior || !live || !as_wanted(t, &s, live))
		return dry_run(t, &s, live);
	keep(t);
	if (is_imported(t) && !changes_else(t) && has_all(manifest_of(t->prior), s.want))
		json_set(t->planned, "manifest", json_copy(json_at(t->prior, "manifest")));
	return NULL;
}

static struct err *plan(struct tf_op *t)
{
	struct json_object *cluster = json_at(t->planned, "cluster");
	struct cluster *c = NULL;
	struct err *e;

	if (t->prior && !same_object(manifest_of(t->prior), manifest_of(t->planned))) {
		plan_anew(t);
		return NULL;
	}
	if (value_has_unknown(manifest_of(t->planned)) || value_is_unknown(cluster)) {
		plan_alone(t);
		return NULL;
	}
	e = clusters_ask(t, json_object_get_string(cluster), &c);
	if (e || c)
		return e ? e : plan_with(t, c);
	plan_alone(t);
	return NULL;
}

/* ---- waiting ---- */

static struct err *wait_all(struct tf_op *t, const struct subject *s, struct json_object **object)
{
	struct json_object *wait = json_nth(json_at(t->planned, "wait"), 0);
	struct json_object *fields = json_at(wait, "fields");
	/* What comes next in this run may be of the kind that a CRD brings. */
	const struct subject_wish wish = {
		.ready = json_truth(wait, "rollout", false) ||
			 strcmp(s->kind->kind, "CustomResourceDefinition") == 0,
		.fields = fields ? fields : json_at(json_at(t->planned, "wait_for"), "fields"),
		.conditions = json_at(wait, "condition"),
	};

	return subject_wait(s, t->op->deadline, &wish, object);
}

/* ---- work ---- */

/* Places where the server did not do as its dry run said; as what was planned has to be told, people are told. */
static void differing(struct json_object *planned, struct json_object *actual, const char *path,
		      struct json_object *paths)
{
	if (value_is_unknown(planned) || json_len(paths) > PATHS_TOLD)
		return;
	if (json_object_is_type(planned, json_type_object) &&
	    json_object_is_type(actual, json_type_object)) {
		json_object_object_foreach(planned, key, v) {
			AUTO_STR place = xasprintf("%s%s%s", path, *path ? "." : "", key);
			struct json_object *now = NULL;

			(void)json_object_object_get_ex(actual, key, &now);
			differing(v, now, place, paths);
		}
		return;
	}
	if (json_len(planned) && json_len(planned) == json_len(actual)) {
		for (size_t i = 0; i < json_len(planned); i++) {
			AUTO_STR place = xasprintf("%s[%zu]", path, i);

			differing(json_nth(planned, i), json_nth(actual, i), place, paths);
		}
		return;
	}
	if (!value_equal(planned, actual))
		json_object_array_add(paths, json_object_new_string(path));
}

static void warn_differing(struct tf_op *t, struct json_object *told)
{
	AUTO_JSON paths = json_object_new_array();
	AUTO_BUF text = BUF_INIT;

	differing(value_inner(json_at(t->planned, "object")), told, "", paths);
	for (size_t i = 0; i < json_len(paths) && i < PATHS_TOLD; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", json_object_get_string(json_nth(paths, i)));
	if (text.len)
		op_warn(t->op,
			"%s: the server made something else of it than its dry run had said: %s%s. "
			"`object` tells that from the next refresh on; name such fields in "
			"computed_fields.",
			json_str(told, "metadata.name"), text.s,
			json_len(paths) > PATHS_TOLD ? ", ..." : "");
}

static void show(struct tf_op *t, struct json_object *object)
{
	struct json_object *told = object_told(object);

	t->state = json_copy(t->planned);
	warn_differing(t, told);
	json_set(t->state, "object", told);
	json_object_put(t->kept);
	t->kept = NULL;
}

/* Takes `have`: what there is. */
static struct err *apply(struct tf_op *t, const struct subject *s, struct json_object *have)
{
	struct object_op op = op_of(t, s, false);
	struct json_object *object;
	struct err *e = NULL;

	op.read = true;
	op.before = have;
	if (s->name)
		live_drop(s->c, s->kind, s->ns, s->name);
	objects_apply(&op, 1, 1, &e);
	object = json_object_get(op.after);
	if (!e)
		e = wait_all(t, s, &object);
	if (object)
		show(t, object);
	json_object_put(object);
	object_op_release(&op);
	return e;
}

static struct err *open_subject(struct tf_op *t, struct subject *s)
{
	const bool patient = json_len(json_at(t->planned, "timeouts"));
	AUTO_JSON want = wanted_object(t);
	struct cluster *c = NULL;
	struct err *e = clusters_want(json_str(t->planned, "cluster"), &c);

	return e ? e : err_at(subject_await(s, c, want, t->op->deadline, patient), "manifest");
}

static struct err *create_it(struct tf_op *t)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_JSON have = NULL;
	struct journal_entry entry = { 0 };
	struct err *e = open_subject(t, &s);

	if (!e)
		e = subject_before(&s, t->op->deadline, &have);
	if (!e) {
		AUTO_STR id = import_id(t, &s);

		e = err_at(subject_may_adopt(&s, have, manager_of(t->planned), id, &entry),
			   "manifest");
	}
	if (!e)
		e = apply(t, &s, TAKE(have));
	subject_created(&entry, t->state, e);
	return e;
}

static struct err *update_it(struct tf_op *t)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_JSON have = NULL;
	struct err *e = open_subject(t, &s);

	if (!e)
		e = subject_before(&s, t->op->deadline, &have);
	return e ? e : apply(t, &s, TAKE(have));
}

static struct err *delete_it(struct tf_op *t)
{
	AUTO_JSON object = prior_object(t);

	return subject_remove(json_str(t->prior, "cluster"), object, NULL, t->op->timeout_ms, true);
}

static struct err *read_it(struct tf_op *t)
{
	AUTO_JSON object = prior_object(t);
	AUTO_JSON live = NULL;
	struct cluster *c = NULL;
	const char *cluster = json_str(t->prior, "cluster");
	struct err *e = clusters_ask(t, cluster, &c);

	if (!e && c)
		e = subject_read(cluster, object, &live);
	if (e || (c && !live))
		return e;
	t->state = json_copy(t->prior);
	if (!c) /* nobody to ask: as it was */
		return NULL;
	json_set(t->state, "object", object_told(live));
	if (!t->importing)
		return NULL;
	json_set(t->state, "manifest", object_told(live));
	json_object_object_del(json_at(json_at(t->state, "manifest"), "metadata"), "uid");
	t->kept = json_wrap("imported", json_object_new_boolean(true));
	return NULL;
}

/* "apiVersion=apps/v1,kind=Deployment,namespace=a,name=b", in any order. */
static struct err *import(struct tf_op *t, const char *id)
{
	static const char like[] = "apiVersion=apps/v1,kind=Deployment,namespace=web,name=app";
	struct json_object *object = json_object_new_object(), *meta = json_object_new_object();

	json_set(object, "metadata", meta);
	json_set(t->state, "manifest", object);
	for (const char *s = id; *s;) {
		const size_t len = strcspn(s, ","), key_len = strcspn(s, "=,");
		AUTO_STR key = xstrndup(s, key_len);
		AUTO_STR value =
			xstrndup(s + key_len + (key_len < len), len - key_len - (key_len < len));

		if (!words_have("apiVersion kind namespace name", key) || !*value)
			return err_new(ERR_USAGE, "'%s' is no such ID: it has to look like %s", id,
				       like);
		json_sets(words_have("apiVersion kind", key) ? object : meta, key, value);
		s += len + (s[len] == ',');
	}
	if (!json_at(object, "apiVersion") || !json_at(object, "kind") || !json_at(meta, "name"))
		return err_new(ERR_USAGE, "'%s' is no such ID: it has to look like %s", id, like);
	return NULL;
}

/* ---- checking ---- */

static struct err *wrong(const char *what)
{
	return err_at(err_new(ERR_USAGE, "the manifest %s", what), "manifest");
}

static struct err *validate(struct tf_op *t)
{
	static const char *const needed[] = { "apiVersion", "kind", "metadata" };
	struct json_object *manifest = manifest_of(t->config);
	struct json_object *meta;

	if (value_is_unknown(manifest))
		return NULL;
	if (!json_object_is_type(manifest, json_type_object))
		return wrong("has to be an object; a YAML text has to go through yamldecode()");
	for (size_t i = 0; i < COUNT(needed); i++)
		if (!json_at(manifest, needed[i])) {
			AUTO_STR text = xasprintf("has no %s", needed[i]);

			return wrong(text);
		}
	meta = json_at(manifest, "metadata");
	if (!value_has_unknown(manifest)) {
		AUTO_ERR e = document_check(manifest);

		if (e)
			return err_at(err_wrap(TAKE(e), "manifest"), "manifest");
	}
	if (!value_is_unknown(meta) && !json_at(meta, "name") && !json_at(meta, "generateName"))
		return wrong("has no metadata.name");
	if (json_at(manifest, "status"))
		return wrong("has a status, which is the server's to set: leave it out");
	return NULL;
}

static const struct tf_worker worker = { validate,  plan,    create_it, update_it,
					 delete_it, read_it, import };

static const struct tf_attr manager_rows[] = {
	{ "name", .doc = "Who owns the fields that the manifest has; Terraform by default." },
	{ "force_conflicts", .doc = "Whether fields that others own are taken from them.",
	  .type = "\"bool\"" },
	{ 0 },
};

static const struct tf_attr condition_rows[] = {
	{ "type", .doc = "Type of a condition in status.conditions." },
	{ "status", .doc = "What it has to be; True by default." },
	{ 0 },
};

static const struct tf_attr wait_rows[] = {
	{ "rollout", .doc = "Whether to wait until a workload is rolled out.", .type = "\"bool\"" },
	{ "fields",
	  .doc = "Paths into the object, each with a regular expression that its value has to match.",
	  .type = "[\"map\",\"string\"]" },
	{ "condition", TF_BLOCK, .doc = "Conditions that have to be met.", .sub = condition_rows },
	{ 0 },
};

static const struct tf_attr timeouts_rows[] = {
	{ "create", .doc = "How long creation may take, waiting included; 10m by default." },
	{ "update", .doc = "The same of an update." },
	{ "delete", .doc = "The same of a deletion." },
	{ 0 },
};

static const struct tf_attr rows[] = {
	{ "manifest", TF_REQUIRED,
	  .doc = "The object: as written in YAML, and read by yamldecode() or manifest_decode().",
	  .type = "\"dynamic\"" },
	{ "object", TF_OC,
	  .doc = "The object as the server has it, without status, versions and managers; values of "
		 "Secrets are digests.",
	  .type = "\"dynamic\"" },
	{ "computed_fields",
	  .doc = "Paths in the object that others set or alter; metadata.annotations and "
		 "metadata.labels by default.",
	  .type = "[\"list\",\"string\"]" },
	{ "wait_for", TF_DEPRECATED, .doc = "Use `wait`.",
	  .type = "[\"object\",{\"fields\":[\"map\",\"string\"]}]" },
	{ "field_manager", TF_BLOCK | TF_UNIQUE, .doc = "How fields are owned.",
	  .sub = manager_rows },
	{ "wait", TF_BLOCK | TF_UNIQUE, .doc = "What has to be so before the work counts as done.",
	  .sub = wait_rows },
	{ "timeouts", TF_BLOCK | TF_UNIQUE, .doc = "How long things may take.",
	  .sub = timeouts_rows },
	{ 0 },
};

static const struct rule rules[] = { { EXCLUSIVE, "wait wait_for" }, { 0 } };

const struct tf_kind kubernetes_manifest = {
	.name = "manifest",
	.what = TF_RESOURCE,
	.doc = "Any object, built-in or custom, as it is written for kubectl.",
	.attrs = rows,
	.rules = rules,
	.flags = TF_NO_ID,
	.version = 1,
	.worker = &worker,
	.import_doc = "The ID is `apiVersion=apps/v1,kind=Deployment,namespace=web,name=app`.",
	.example = "resource \"kubernetes_manifest\" \"greeting\" {\n"
		   "  manifest = {\n"
		   "    apiVersion = \"v1\"\n"
		   "    kind       = \"ConfigMap\"\n"
		   "    metadata = {\n"
		   "      name      = \"greeting\"\n"
		   "      namespace = \"default\"\n"
		   "    }\n"
		   "    data = {\n"
		   "      text = \"hello\"\n"
		   "    }\n"
		   "  }\n"
		   "\n"
		   "  wait {\n"
		   "    fields = {\n"
		   "      \"data.text\" = \"^hel+o$\"\n"
		   "    }\n"
		   "  }\n"
		   "}\n",
};
