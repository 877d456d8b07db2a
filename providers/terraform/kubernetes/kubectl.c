/* kubectl_manifest: an object as YAML text, as the kubectl providers have it. */
#include "kubectl.h"

#include <ctype.h>
#include <string.h>

#include "clusters.h"
#include "data.h"
#include "digest.h"
#include "kubernetes/kubeconfig.h"
#include "live.h"
#include "manifest.h"
#include "protocol/value.h"
#include "subject.h"
#include "text.h"
#include "yaml.h"

static const char HIDDEN_VALUE[] = "(sensitive value)";

/* ---- the text ---- */

/* The one object of it, in the namespace it is to be in. */
static struct err *object_of(struct json_object *values, struct json_object **ret)
{
	struct json_object *body = json_at(values, "yaml_body");
	const char *ns = json_str(values, "override_namespace");
	AUTO_JSON all = NULL;
	struct json_object *object;
	struct err *e;

	if (!body)
		return err_at(err_new(ERR_USAGE, "yaml_body is null: it takes the object, as YAML"),
			      "yaml_body");
	e = documents_parse(json_object_get_string(body), (size_t)json_object_get_string_len(body),
			    "yaml_body", &all);
	if (!e && json_len(all) != 1)
		e = err_new(ERR_USAGE, "yaml_body has %zu objects, not one%s", json_len(all),
			    json_len(all) ? ": kubectl_file_documents takes a text apart" : "");
	object = json_nth(all, 0);
	if (!e && (!json_str(object, "apiVersion") || !json_str(object, "kind") ||
		   !json_str(object, "metadata.name")))
		e = err_new(ERR_USAGE, "yaml_body has no apiVersion, kind or metadata.name");
	if (e)
		return err_at(e, "yaml_body");
	if (ns && *ns)
		json_sets(json_at(object, "metadata"), "namespace", ns);
	*ret = json_copy(object);
	return NULL;
}

/* Replaces what is at a path by `with`, or takes it out. */
static void put_at(struct json_object *parent, const char *path, const char *with)
{
	AUTO_STR step = path_step(&path);
	const bool last = !path[strspn(path, ".")];
	struct json_object *next = NULL;

	if (!step)
		return;
	if (json_object_is_type(parent, json_type_array)) {
		put_at(json_nth(parent, strtoul(step, NULL, 10)), path, with);
		return;
	}
	if (!json_object_is_type(parent, json_type_object) ||
	    !json_object_object_get_ex(parent, step, &next))
		return;
	if (!last)
		put_at(next, path, with);
	else if (with)
		json_sets(parent, step, with);
	else
		json_object_object_del(parent, step);
}

static bool is_secret(struct json_object *object)
{
	return json_is_str(json_at(object, "kind"), "Secret") &&
	       json_is_str(json_at(object, "apiVersion"), "v1");
}

/* What people may see of the text. */
static char *parsed_text(struct json_object *object, struct json_object *values)
{
	struct json_object *fields = json_at(values, "sensitive_fields");
	AUTO_JSON shown = json_copy(object);
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < json_len(fields); i++)
		put_at(shown, json_object_get_string(json_nth(fields, i)), HIDDEN_VALUE);
	if (!json_len(fields) && is_secret(object)) {
		put_at(shown, "data", HIDDEN_VALUE);
		put_at(shown, "stringData", HIDDEN_VALUE);
	}
	yaml_write(shown, &text);
	return buf_take(&text);
}

/* ---- what of the object is ours ---- */

/* The server knows no stringData. */
static void move_strings(struct json_object *secret)
{
	struct json_object *strings = json_at(secret, "stringData");

	if (!json_object_is_type(strings, json_type_object))
		return;
	if (!json_object_is_type(json_at(secret, "data"), json_type_object))
		json_set(secret, "data", json_object_new_object());
	json_object_object_foreach(strings, key, v) {
		const char *s = json_object_get_string(v);
		char *text = base64_of(s ? s : "", s ? strlen(s) : 0);

		json_sets(json_at(secret, "data"), key, text);
		wipe_free(text);
	}
	json_object_object_del(secret, "stringData");
}

/* What the server has where something was written. */
static struct json_object *projected(struct json_object *want, struct json_object *live)
{
	struct json_object *ret;

	if (json_object_is_type(want, json_type_object) &&
	    json_object_is_type(live, json_type_object)) {
		ret = json_object_new_object();
		json_object_object_foreach(want, key, v) {
			struct json_object *now = NULL;

			(void)json_object_object_get_ex(live, key, &now);
			json_set(ret, key, projected(v, now));
		}
		return ret;
	}
	if (!json_len(want) || !json_object_is_type(live, json_type_array))
		return json_copy(live);
	ret = json_object_new_array();
	for (size_t i = 0; i < json_len(want); i++)
		json_object_array_add(ret, projected(json_nth(want, i), json_nth(live, i)));
	return ret;
}

/* What is compared: what was written, but for what is not to be looked at. New. */
static struct json_object *compared(struct json_object *object, struct json_object *values)
{
	struct json_object *ignored = json_at(values, "ignore_fields");
	struct json_object *want = json_copy(object);

	if (is_secret(want))
		move_strings(want);
	json_object_object_del(want, "status");
	for (size_t i = 0; i < json_len(ignored); i++)
		put_at(want, json_object_get_string(json_nth(ignored, i)), NULL);
	return want;
}

/* As the server has it, so that its spelling of a quantity is no difference. */
static char *print_of(struct json_object *object, struct json_object *live,
		      struct json_object *values)
{
	AUTO_JSON want = compared(object, values);
	AUTO_JSON have = projected(want, live);
	const char *text = json_object_to_json_string_ext(have, JSON_C_TO_STRING_PLAIN);

	return digest_text("sha256", text, strlen(text));
}

/* ---- plan ---- */

static void plan_names(struct tf_op *t, struct json_object *object)
{
	AUTO_STR text = parsed_text(object, t->planned);

	json_sets(t->planned, "api_version", json_str(object, "apiVersion"));
	json_sets(t->planned, "kind", json_str(object, "kind"));
	json_sets(t->planned, "name", json_str(object, "metadata.name"));
	json_sets(t->planned, "namespace", json_str(object, "metadata.namespace"));
	json_sets(t->planned, "yaml_body_parsed", text);
}

static void plan_unknown(struct tf_op *t, const char *rows)
{
	WORDS_EACH(w, rows) {
		AUTO_STR row = xstrndup(w, words_len(w));

		json_set(t->planned, row, value_unknown());
	}
}

static const char of_object[] = "uid live_uid id";
static const char of_content[] = "yaml_incluster live_manifest_incluster";
static const char of_text[] = "api_version kind name namespace yaml_body_parsed";

static struct object_op op_of(struct tf_op *t, const struct subject *s, bool check)
{
	const bool server = json_truth(t->planned, "server_side_apply", false);
	const char *manager = json_str(t->planned, "field_manager");

	return (struct object_op){
		.cluster = s->c,
		.want = s->want,
		.way = server ? WAY_SERVER_APPLY : WAY_CLIENT_APPLY,
		.field_manager = manager && *manager ? manager : "kubectl",
		.force_conflicts = json_truth(t->planned, "force_conflicts", false),
		.force_words = "force_conflicts = true",
		.lenient = !json_truth(t->planned, "validate_schema", true),
		.check = check,
	};
}

/* As kubectl's apply does; but people are told. */
static void warn_taken(struct tf_op *t, const struct subject *s, struct json_object *have)
{
	if (t->prior || !have || json_at(have, "metadata.deletionTimestamp") || subject_is_known(s))
		return;
	AUTO_STR title = document_title(s->want);
	AUTO_STR own = xasprintf("%s//%s//%s%s%s", json_str(s->want, "apiVersion"), s->kind->kind,
				 s->name, s->ns ? "//" : "", s->ns ? s->ns : "");
	AUTO_STR id = subject_import_id(json_str(t->planned, "cluster"), own);
	op_warn(t->op,
		"%s is there already: it is taken over, changed to what is written, and removed "
		"when this resource is. To see first what would change, import it: `terraform "
		"import ADDRESS '%s'`.",
		title, id);
}

/* What the server would refuse is told in the plan, as far as it can be asked. */
static struct err *try_out(struct tf_op *t, struct json_object *object)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_STR passing = NULL;
	struct cluster *c = NULL;
	struct err *e;

	if (value_is_unknown(json_at(t->planned, "cluster")))
		return NULL;
	e = clusters_ask(t, json_str(t->planned, "cluster"), &c);

	if (e || !c)
		return e;
	e = subject_open(&s, c, object);
	if (!e) {
		struct object_op op = op_of(t, &s, true);

		op.read = true;
		e = live_lately(c, s.kind, s.ns, s.name, &op.before);
		if (!e)
			warn_taken(t, &s, op.before);
		if (!e)
			objects_apply(&op, 1, 1, &e);
		object_op_release(&op);
	}
	if (e && !s.kind && e->kind == ERR_NOT_FOUND)
		warn_to_come(t, e);
	passing = e ? may_pass(e) : NULL;
	if (passing)
		op_warn(t->op, "%s", passing);
	if (e && t->prior && is_immutable(e)) {
		tf_replace(t, "yaml_body");
		plan_unknown(t, of_object);
	} else if (e && !passing && !cannot_predict(e) && !is_immutable(e)) {
		return err_at(e, "yaml_body");
	}
	err_free(e);
	return NULL;
}

static bool other_version(const struct tf_op *t, struct json_object *was, struct json_object *is)
{
	return !json_truth(t->planned, "upgrade_api_version", false) &&
	       strcmp(json_str(was, "apiVersion"), json_str(is, "apiVersion")) != 0;
}

static struct err *plan_change(struct tf_op *t, struct json_object *object)
{
	AUTO_JSON was = NULL;
	struct err *e = object_of(t->prior, &was);
	bool same, drifted;

	if (e)
		return e;
	same = value_equal(was, object);
	if (json_truth(t->kept, "imported", false) && has_all(was, object))
		same = true;
	drifted = !value_equal(json_at(t->prior, "yaml_incluster"),
			       json_at(t->prior, "live_manifest_incluster"));
	if (same) { /* another spelling is no change */
		json_set(t->planned, "yaml_body", json_copy(json_at(t->prior, "yaml_body")));
		plan_names(t, was);
	}
	if (same && !drifted)
		return NULL;
	plan_unknown(t, of_content);
	if (!same_object(was, object) || other_version(t, was, object) ||
	    json_truth(t->planned, "force_new", false)) {
		/* What drifted has to be anew too, and only what differs can demand that. */
		tf_replace(t, same ? "yaml_incluster" : "yaml_body");
		plan_unknown(t, of_object);
		return NULL;
	}
	return try_out(t, object);
}

static struct err *plan(struct tf_op *t)
{
	AUTO_JSON object = NULL;
	struct err *e;

	if (value_has_unknown(json_at(t->planned, "yaml_body")) ||
	    value_has_unknown(json_at(t->planned, "override_namespace"))) {
		plan_unknown(t, of_text);
		plan_unknown(t, of_content);
		return NULL;
	}
	e = object_of(t->planned, &object);
	if (e)
		return e;
	plan_names(t, object);
	if (t->prior)
		return plan_change(t, object);
	return try_out(t, object);
}

/* ---- waiting ---- */

/* A regular expression that only this text matches. */
static char *literally(const char *s)
{
	AUTO_BUF text = BUF_INIT;

	buf_adds(&text, "^");
	for (; *s; s++)
		buf_addf(&text, "%s%c", strchr("\\^$.|?*+()[]{}", *s) ? "\\" : "", *s);
	buf_adds(&text, "$");
	return buf_take(&text);
}

static struct json_object *fields_of(struct json_object *list)
{
	struct json_object *fields = json_object_new_object();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i);
		const char *value = json_str(one, "value");
		AUTO_STR exact = literally(value ? value : "");
		const bool regex = json_is_str(json_at(one, "value_type"), "regex");

		if (json_str(one, "key"))
			json_sets(fields, json_str(one, "key"), regex ? value : exact);
	}
	return fields;
}

static bool rolls_out(const struct subject *s)
{
	return words_have("Deployment DaemonSet StatefulSet APIService CustomResourceDefinition",
			  s->kind->kind);
}

static struct err *wait_all(struct tf_op *t, const struct subject *s, struct json_object **object)
{
	struct json_object *wanted = json_nth(json_at(t->planned, "wait_for"), 0);
	AUTO_JSON fields = fields_of(json_at(wanted, "field"));
	const struct subject_wish wish = {
		.ready = json_truth(t->planned, "wait_for_rollout", true) && rolls_out(s),
		.fields = fields,
		.conditions = json_at(wanted, "condition"),
	};

	return subject_wait(s, t->op->deadline, &wish, object);
}

/* ---- work ---- */

static void show(struct tf_op *t, const struct subject *s, struct json_object *object,
		 struct json_object *live)
{
	AUTO_STR print = print_of(object, live, t->planned);
	AUTO_STR path = kind_path(s->kind, s->ns, s->name, NULL);

	t->state = json_copy(t->planned);
	plan_names(&(struct tf_op){ .planned = t->state }, object);
	json_sets(t->state, "uid", json_str(live, "metadata.uid"));
	json_sets(t->state, "live_uid", json_str(live, "metadata.uid"));
	json_sets(t->state, "id", path);
	json_sets(t->state, "yaml_incluster", print);
	json_sets(t->state, "live_manifest_incluster", print);
	json_object_put(t->kept);
	t->kept = NULL;
}

static struct err *apply(struct tf_op *t)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_JSON object = NULL;
	AUTO_JSON before = NULL;
	struct json_object *live;
	struct cluster *c = NULL;
	struct err *e = object_of(t->planned, &object);

	if (!e)
		e = clusters_want(json_str(t->planned, "cluster"), &c);
	if (!e)
		e = err_at(subject_await(&s, c, object, t->op->deadline,
					 !json_empty(json_at(t->planned, "timeouts"))),
			   "yaml_body");
	if (!e)
		e = subject_before(&s, t->op->deadline, &before);
	if (e)
		return e;
	struct object_op op = op_of(t, &s, false);
	op.read = true;
	op.before = TAKE(before);
	live_drop(c, s.kind, s.ns, s.name);
	objects_apply(&op, 1, 1, &e);
	live = json_object_get(op.after);
	if (!e)
		e = wait_all(t, &s, &live);
	if (live)
		show(t, &s, object, live);
	json_object_put(live);
	object_op_release(&op);
	return e;
}

static struct err *delete_it(struct tf_op *t)
{
	const char *cascade = json_str(t->prior, "delete_cascade");
	const bool wait = json_truth(t->prior, "wait", false);
	AUTO_JSON options = json_object_new_object();
	AUTO_JSON object = NULL;
	struct err *e;

	if (json_truth(t->prior, "apply_only", false))
		return NULL;
	e = object_of(t->prior, &object);
	if (e)
		return e;
	if (!cascade || !*cascade)
		cascade = wait ? "Foreground" : "Background";
	json_sets(options, "propagationPolicy", cascade);
	return subject_remove(json_str(t->prior, "cluster"), object, options, t->op->timeout_ms,
			      wait);
}

/* Of the provider that we replace, or of an import: what is there is what was applied, if all that is written is so. */
static void settle_prints(struct tf_op *t, struct json_object *object, struct json_object *live)
{
	AUTO_STR print = print_of(object, live, t->state);
	AUTO_JSON want = compared(object, t->state);

	json_sets(t->state, "live_uid", json_str(live, "metadata.uid"));
	json_sets(t->state, "live_manifest_incluster", print);
	if (t->importing || (t->foreign && has_all(live, want)))
		json_sets(t->state, "yaml_incluster", print);
}

static void show_import(struct tf_op *t, struct json_object *live)
{
	AUTO_JSON bare = object_bare(live);
	AUTO_BUF text = BUF_INIT;

	json_object_object_del(json_at(bare, "metadata"), "uid");
	put_at(bare, "metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]",
	       NULL);
	if (json_empty(json_at(bare, "metadata.annotations")))
		put_at(bare, "metadata.annotations", NULL);
	yaml_write(bare, &text);
	json_sets(t->state, "yaml_body", text.s);
	json_sets(t->state, "uid", json_str(live, "metadata.uid"));
	for (const struct tf_attr *row = t->kind->attrs; row->name; row++)
		if (row->value) {
			struct json_object *v = NULL;

			err_free(json_parse(row->value, strlen(row->value), &v));
			json_set(t->state, row->name, v);
		}
	t->kept = json_wrap("imported", json_object_new_boolean(true));
	buf_wipe(&text);
}

static struct err *read_it(struct tf_op *t)
{
	AUTO_JSON object = NULL;
	AUTO_JSON live = NULL;
	struct cluster *c = NULL;
	const char *cluster = json_str(t->prior, "cluster");
	struct err *e = object_of(t->prior, &object);

	if (!e)
		e = clusters_ask(t, cluster, &c);
	if (!e && c)
		e = subject_read(cluster, object, &live);
	if (e || (c && !live))
		return e;
	t->state = json_copy(t->prior);
	if (!c)
		return NULL;
	if (t->importing) {
		show_import(t, live);
		json_object_put(TAKE(object));
		e = object_of(t->state, &object);
		if (e)
			return e;
		plan_names(&(struct tf_op){ .planned = t->state }, object);
	}
	settle_prints(t, object, live);
	return NULL;
}

/* "apiVersion//kind//name//namespace" */
static struct err *import(struct tf_op *t, const char *id)
{
	static const char *const paths[] = { "apiVersion", "kind", "name", "namespace" };
	AUTO_JSON object = json_object_new_object();
	AUTO_BUF text = BUF_INIT;
	struct json_object *meta = json_object_new_object();
	size_t i = 0;

	json_set(object, "metadata", meta);
	for (const char *s = id; *s && i < COUNT(paths); i++) {
		const char *end = strstr(s, "//");
		AUTO_STR word = xstrndup(s, end ? (size_t)(end - s) : strlen(s));

		json_sets(i < 2 ? object : meta, paths[i], *word ? word : NULL);
		s = end ? end + 2 : s + strlen(s);
	}
	if (i < 3 || !json_str(object, "apiVersion") || !json_str(object, "kind") ||
	    !json_str(meta, "name"))
		return err_new(
			ERR_USAGE,
			"'%s' is no such ID: it has to look like apps/v1//Deployment//app//web "
			"(the namespace last)",
			id);
	if (!json_str(meta, "namespace"))
		json_object_object_del(meta, "namespace");
	yaml_write(object, &text);
	json_sets(t->state, "yaml_body", text.s);
	json_sets(t->state, "id", id);
	return NULL;
}

static struct err *validate(struct tf_op *t)
{
	AUTO_JSON object = NULL;

	return value_has_unknown(json_at(t->config, "yaml_body")) ? NULL
								  : object_of(t->config, &object);
}

static const struct tf_worker worker = { validate, plan, apply, apply, delete_it, read_it, import };

static const struct tf_attr condition_rows[] = {
	{ "type", TF_REQUIRED, .doc = "Type of a condition in status.conditions." },
	{ "status", TF_REQUIRED, .doc = "What it has to be." },
	{ 0 },
};

static const struct tf_attr field_rows[] = {
	{ "key", TF_REQUIRED, .doc = "Path into the object." },
	{ "value", TF_REQUIRED, .doc = "What its value has to be." },
	{ "value_type",
	  .doc = "Whether that is the value itself or a regular expression; eq by default.",
	  .choices = "eq regex" },
	{ 0 },
};

static const struct tf_attr wait_rows[] = {
	{ "condition", TF_BLOCK, .doc = "Conditions that have to be met.", .sub = condition_rows },
	{ "field", TF_BLOCK, .doc = "Fields that have to have values.", .sub = field_rows },
	{ 0 },
};

#define BOOL_ROW(row_name, by_default, text)                                   \
	{                                                                      \
		row_name, .doc = text, .type = "\"bool\"", .value = by_default \
	}

static const struct tf_attr rows[] = {
	{ "yaml_body", TF_REQUIRED | TF_SENSITIVE, .doc = "The object, as YAML." },
	{ "yaml_body_parsed", TF_COMPUTED,
	  .doc = "The same for people to see: without Secrets' values and sensitive_fields." },
	{ "sensitive_fields",
	  .doc = "Paths whose values yaml_body_parsed does not show; data and stringData of Secrets by "
		 "default.",
	  .type = "[\"list\",\"string\"]" },
	{ "ignore_fields", .doc = "Paths in which a difference is none.",
	  .type = "[\"list\",\"string\"]" },
	{ "override_namespace", TF_OPTIONAL | TF_NEW,
	  .doc = "Namespace, in place of what the text says." },
	BOOL_ROW("server_side_apply", "false",
		 "Whether the server merges, and fields have owners; else as kubectl apply does."),
	{ "field_manager", .doc = "Who owns the fields, with server_side_apply.",
	  .value = "\"kubectl\"" },
	BOOL_ROW("force_conflicts", "false", "Whether fields that others own are taken from them."),
	BOOL_ROW("force_new", "false", "Whether any change makes a new object."),
	BOOL_ROW("apply_only", "false", "Whether it stays when the resource goes."),
	BOOL_ROW("upgrade_api_version", "false",
		 "Whether another version of the same API changes it in place."),
	BOOL_ROW("validate_schema", "true", "Whether unknown fields are refused."),
	BOOL_ROW("wait", "false", "Whether deletion waits until it is gone."),
	BOOL_ROW("wait_for_rollout", "true", "Whether to wait until a workload is rolled out."),
	{ "delete_cascade", .doc = "What becomes of what belongs to it.",
	  .choices = "Background Foreground" },
	{ "wait_for", TF_BLOCK | TF_UNIQUE,
	  .doc = "What has to be so before the work counts as done.", .sub = wait_rows },
	{ "api_version", TF_COMPUTED, .doc = "Its API version." },
	{ "kind", TF_COMPUTED, .doc = "Its kind." },
	{ "name", TF_COMPUTED, .doc = "Its name." },
	{ "namespace", TF_COMPUTED,
	  .doc = "Its namespace, if the text or override_namespace says one." },
	{ "uid", TF_COMPUTED, .doc = "UID of what was applied." },
	{ "live_uid", TF_COMPUTED, .doc = "UID of what is there." },
	{ "yaml_incluster", TF_COMPUTED | TF_SENSITIVE,
	  .doc = "Digest of what was applied, as the server has it." },
	{ "live_manifest_incluster", TF_COMPUTED | TF_SENSITIVE,
	  .doc = "Digest of the same as it is now: another one is drift." },
	{ 0 },
};

const struct tf_kind kubectl_manifest = {
	.name = "kubectl_manifest",
	.what = TF_RESOURCE,
	.doc = "Any object, as YAML text.",
	.attrs = rows,
	.flags = TF_WHOLE_NAME,
	.version = 1,
	.minutes = { 10, 10, 10 },
	.worker = &worker,
	.import_doc = "The ID is `apps/v1//Deployment//app//web`: API version, kind, name, and the "
		      "namespace if there is one.",
	.example = "resource \"kubectl_manifest\" \"greeting\" {\n"
		   "  yaml_body = <<-YAML\n"
		   "    apiVersion: v1\n"
		   "    kind: ConfigMap\n"
		   "    metadata:\n"
		   "      name: greeting-yaml\n"
		   "      namespace: default\n"
		   "    data:\n"
		   "      text: hello\n"
		   "  YAML\n"
		   "}\n",
};

/* ---- kubectl_server_version ---- */

static struct err *create_version(struct tf_op *t)
{
	t->state = json_copy(t->planned);
	return server_version_show(t);
}

/* It tells what was there when it was made; triggers make it anew. */
static struct err *read_version(struct tf_op *t)
{
	t->state = json_copy(t->prior);
	return NULL;
}

static struct err *delete_version(struct tf_op *t)
{
	(void)t;
	return NULL;
}

static struct err *plan_version(struct tf_op *t)
{
	(void)t;
	return NULL;
}

static struct err *import_version(struct tf_op *t, const char *id)
{
	(void)id;
	return server_version_show(t);
}

static const struct tf_worker version_worker = { NULL,           plan_version,   create_version,
						 create_version, delete_version, read_version,
						 import_version };

#define VERSION_ROWS                                                                   \
	{ "version", TF_COMPUTED, .doc = "The version in numbers, such as 1.33.13." }, \
		{ "major", TF_COMPUTED, .doc = "Major version." },                     \
		{ "minor", TF_COMPUTED, .doc = "Minor version." },                     \
		{ "patch", TF_COMPUTED, .doc = "Patch version." },                     \
		{ "git_version", TF_COMPUTED, .doc = "The whole version." },           \
		{ "git_commit", TF_COMPUTED, .doc = "Commit it was built of." },       \
		{ "build_date", TF_COMPUTED, .doc = "When the server was built." },    \
	{                                                                              \
		"platform", TF_COMPUTED, .doc = "System and processor it runs on."     \
	}

static const struct tf_attr version_rows[] = {
	{ "triggers", TF_OPTIONAL | TF_NEW, .doc = "A change asks the server again.",
	  .type = "[\"map\",\"string\"]" },
	VERSION_ROWS,
	{ 0 },
};

static const struct tf_attr version_data_rows[] = { VERSION_ROWS, { 0 } };

const struct tf_kind kubectl_server_version = {
	.name = "kubectl_server_version",
	.what = TF_RESOURCE,
	.doc = "Version of the API server, kept until triggers change.",
	.attrs = version_rows,
	.flags = TF_WHOLE_NAME,
	.worker = &version_worker,
	.example = "resource \"kubectl_server_version\" \"this\" {\n}\n",
};

const struct tf_kind kubectl_version_data = {
	.name = "kubectl_server_version",
	.what = TF_DATA,
	.doc = "Version of the API server.",
	.attrs = version_data_rows,
	.flags = TF_WHOLE_NAME,
	.open = server_version_show,
	.example = "data \"kubectl_server_version\" \"this\" {\n}\n",
};
