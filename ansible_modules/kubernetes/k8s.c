#include <string.h>

#include "common/tasks.h"

static enum object_way way_of(struct op *op)
{
	if (strcmp(op->state, "patched") == 0)
		return WAY_PATCH;
	if (json_truth(op->want, "apply", false))
		return json_has(op->want, "server_side_apply") ? WAY_SERVER_APPLY
							       : WAY_CLIENT_APPLY;
	return json_truth(op->want, "force", false) ? WAY_REPLACE : WAY_MERGE;
}

/*
 * Where the peer validates nothing unless asked, unknown fields are warnings; by server-side apply they
 * are refused, as nothing would own them.
 */
static bool is_lenient(struct op *op, enum object_way way)
{
	struct json_object *validate = json_at(op->want, "validate");

	if (!validate)
		return way != WAY_SERVER_APPLY;
	return !json_truth(validate, "fail_on_error", false) ||
	       !json_truth(validate, "strict", true);
}

static void set_up(struct lot *w)
{
	struct op *op = w->op;
	struct json_object *ssa = json_at(op->want, "server_side_apply");

	for (size_t i = 0; i < w->n; i++) {
		struct object_op *o = &w->ops[i];

		o->way = way_of(op);
		o->lenient = is_lenient(op, o->way);
		o->merge_types = json_at(op->want, "merge_type");
		o->append_hash = json_truth(op->want, "append_hash", false);
		o->delete_options = json_at(op->want, "delete_options");
		if (o->way == WAY_SERVER_APPLY) {
			o->field_manager = json_str(ssa, "field_manager");
			o->force_conflicts = json_truth(ssa, "force_conflicts", false);
		}
	}
}

static void tell_left_out(struct op *op, struct json_object *o)
{
	AUTO_STR msg =
		xasprintf("resource 'kind=%s,name=%s,namespace=%s' filtered by label_selectors.",
			  json_str(o, "kind"), json_str(o, "metadata.name"),
			  json_str(o, "metadata.namespace"));

	put(op, "msg", json_object_new_string(msg));
}

/* Of what is to be, only what the selectors fit. */
static struct err *select_wanted(struct op *op, struct json_object **definitions)
{
	struct json_object *selectors = json_at(op->want, "label_selectors");
	AUTO_JSON some = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(*definitions) && !e; i++) {
		struct json_object *o = json_nth(*definitions, i);
		bool fits = true;

		e = selector_fits(selectors, json_at(o, "metadata.labels"), &fits);
		if (!e && fits)
			json_object_array_add(some, json_object_get(o));
		else if (!e)
			tell_left_out(op, o);
	}
	if (!e) {
		json_object_put(*definitions);
		*definitions = TAKE(some);
	}
	return e;
}

static struct err *add_found(void *arg, struct json_object *object)
{
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();

	for (const char *const *key = (const char *const[]){ "apiVersion", "kind", NULL }; *key;
	     key++)
		json_sets(o, *key, json_str(object, *key));
	json_sets(meta, "name", json_str(object, "metadata.name"));
	if (json_str(object, "metadata.namespace"))
		json_sets(meta, "namespace", json_str(object, "metadata.namespace"));
	json_set(o, "metadata", meta);
	json_object_array_add(arg, o);
	return NULL;
}

/* All objects like one that has no name. */
static struct err *find_like(struct op *op, struct json_object *o, struct json_object *ret)
{
	AUTO_STR labels = selector_of(json_at(op->want, "label_selectors"));
	const char *ns = json_str(o, "metadata.namespace");
	struct object_query q = {
		.api_version = json_str(o, "apiVersion"),
		.kind = json_str(o, "kind"),
		.labels = labels,
		.metadata_only = true,
	};
	const struct kube_kind *kind = NULL;
	struct err *e;

	if (!labels && !json_truth(op->want, "delete_all", false))
		return err_at(err_new(ERR_USAGE,
				      "which %s is to be absent? give name, label_selectors or "
				      "delete_all",
				      q.kind),
			      "name");
	e = kind_find(op->cluster, q.api_version, q.kind, &kind);
	if (e)
		return e;
	q.ns = !kind->namespaced ? NULL : ns ? ns : namespace_of(op);
	AUTO_STR version = kind_api_version(kind);
	q.api_version = version;
	q.kind = kind->kind;
	return objects_each(op->cluster, &q, add_found, ret);
}

/* *groups: see struct lot; what delete_all finds is told one by one. */
static struct err *select_unwanted(struct op *op, struct json_object **definitions,
				   struct json_object *groups)
{
	const bool one_by_one = json_truth(op->want, "delete_all", false);
	AUTO_JSON all = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(*definitions) && !e; i++) {
		struct json_object *o = json_nth(*definitions, i);
		const size_t before = json_len(all);
		const bool named = json_str(o, "metadata.name");

		if (named)
			json_object_array_add(all, json_object_get(o));
		else
			e = find_like(op, o, all);
		if (!named && !one_by_one)
			json_object_array_add(
				groups, json_object_new_int64((int64_t)(json_len(all) - before)));
		for (size_t k = before; (named || one_by_one) && k < json_len(all); k++)
			json_object_array_add(groups, NULL);
	}
	if (!e) {
		json_object_put(*definitions);
		*definitions = TAKE(all);
	}
	return e;
}

static void warn_missing(struct lot *w)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct object_op *o = &w->ops[i];

		if (o->way != WAY_PATCH || o->before || w->errs[i])
			continue;
		AUTO_STR title = document_title(o->want);
		op_warn(w->op, "%s is not there, and state patched does not create it", title);
	}
}

static struct err *run(struct op *op)
{
	AUTO_JSON definitions = NULL;
	AUTO_JSON groups = json_object_new_array();
	const bool absent = strcmp(op->state, "absent") == 0;
	struct lot w = { 0 };
	struct err *e;

	if (json_has(op->want, "template"))
		return err_at(err_new(ERR_USAGE,
				      "template is the work of the collection's action plugin: use "
				      "the module by its full name, or resource_definition"),
			      "template");
	e = definitions_of(op, &definitions);
	if (!e && absent)
		e = select_unwanted(op, &definitions, groups);
	else if (!e)
		e = select_wanted(op, &definitions);
	if (e)
		return e;
	lot_init(&w, op, definitions);
	w.groups = absent ? groups : NULL;
	set_up(&w);
	lot_run(&w);
	warn_missing(&w);
	e = lot_tell(&w);
	lot_release(&w);
	return e;
}

static const struct attr ssa_rows[] = {
	{ "field_manager", STR, OPTION | REQUIRED,
	  "By which name the server keeps what this task applies." },
	{ "force_conflicts", BOOL, OPTION,
	  "Whether fields that others own are taken over; else they are an error that names the owners.",
	  .value = "false" },
	{ 0 },
};
static const struct attr precondition_rows[] = {
	{ "resourceVersion", STR, OPTION, "Delete only this version." },
	{ "uid", STR, OPTION, "Delete only the object of this UID." },
	{ 0 },
};
static const struct attr delete_rows[] = {
	{ "propagationPolicy", STR, OPTION, "What becomes of what the object owns.",
	  .choices = "Foreground Background Orphan" },
	{ "gracePeriodSeconds", INT, OPTION, "Seconds the object has to end; 0: at once." },
	{ "preconditions", OBJ, OPTION, "What must hold for the deletion.",
	  .sub = precondition_rows },
	{ 0 },
};
static const struct attr validate_rows[] = {
	{ "fail_on_error", BOOL, OPTION,
	  "Whether unknown and double fields are an error; else they are warnings." },
	{ "version", STR, OPTION,
	  "Accepted for the sake of existing playbooks: the server validates, by its own version." },
	{ "strict", BOOL, OPTION, "Whether unknown fields count.", .value = "true" },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "state", STR, OPTION,
	  "Whether the objects are to be there, gone, or changed where they are there.",
	  .value = "\"present\"", .choices = "absent present patched" },
	ROW_API_VERSION,
	ROW_KIND(0),
	ROW_NAME(0),
	ROW_NAMESPACE(0),
	{ "generate_name", STR, OPTION,
	  "Beginning of a name that the server completes; each run makes another object." },
	ROW_DEFINITION,
	ROW_SRC,
	{ "template", RAW, OPTION,
	  "Template of the objects, on the controller: its path, a dictionary of path and the template "
	  "module's options, or a list of these." },
	{ "apply", BOOL, OPTION,
	  "Whether fields that an earlier task applied, and this one does not name, are taken away.",
	  .value = "false" },
	{ "server_side_apply", OBJ, OPTION,
	  "With apply: done by the server, which knows who owns what.", .sub = ssa_rows },
	{ "force", BOOL, OPTION, "Whether an object that differs is replaced as a whole.",
	  .value = "false" },
	{ "merge_type", LIST, OPTION,
	  "Ways to patch, tried in this order; else strategic-merge for built-in kinds, and merge.",
	  .choices = "merge strategic-merge" },
	{ "append_hash", BOOL, OPTION,
	  "Whether the name of a ConfigMap or Secret ends with a digest of its content.",
	  .value = "false" },
	{ "delete_all", BOOL, OPTION,
	  "With state absent and no name: all objects of the kind in the namespace.",
	  .aliases = "all", .value = "false" },
	{ "delete_options", OBJ, OPTION, "How objects are deleted.", .sub = delete_rows },
	ROW_LABELS(NULL),
	{ "validate", OBJ, OPTION, "What becomes of fields that the server does not know.",
	  .sub = validate_rows },
	ROW_CONTINUE,
	ROW_HIDDEN(NULL),
	ROW_SHOW_SECRETS,
	ROW_WAIT("false"),
	ROW_WAIT_SLEEP,
	ROW_WAIT_TIMEOUT("120"),
	ROW_WAIT_CONDITION,
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "resource_definition src" },
	{ EXCLUSIVE, "template resource_definition" },
	{ EXCLUSIVE, "template src" },
	{ EXCLUSIVE, "merge_type apply" },
	{ EXCLUSIVE, "name generate_name" },
	{ EXCLUSIVE, "name delete_all" },
	{ 0 },
};

const struct resource kube_k8s = {
	.name = "k8s",
	.doc = "Objects of any kind: made, changed and removed, one or many at a time.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = result_rows,
	.example = "- name: A namespace, and what is in it, in one task\n"
		   "  treenail.kubernetes.k8s:\n"
		   "    resource_definition: |\n"
		   "      apiVersion: v1\n"
		   "      kind: Namespace\n"
		   "      metadata: {name: tn-example}\n"
		   "      ---\n"
		   "      apiVersion: v1\n"
		   "      kind: ConfigMap\n"
		   "      metadata: {name: settings, namespace: tn-example}\n"
		   "      data: {color: blue}\n"
		   "- name: Applied by the server, which keeps what others own\n"
		   "  treenail.kubernetes.k8s:\n"
		   "    apply: true\n"
		   "    server_side_apply: {field_manager: example}\n"
		   "    definition:\n"
		   "      apiVersion: v1\n"
		   "      kind: ConfigMap\n"
		   "      metadata: {name: settings, namespace: tn-example}\n"
		   "      data: {color: green}\n"
		   "- name: All gone, and waited for\n"
		   "  treenail.kubernetes.k8s:\n"
		   "    kind: Namespace\n"
		   "    name: tn-example\n"
		   "    state: absent\n"
		   "    wait: true\n",
};
