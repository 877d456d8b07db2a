#include <string.h>

#include "common/tasks.h"

/* Options have the last word over the definition. */
static void complete(struct op *op, struct json_object *o)
{
	static const char *const keys[] = { "type", "ports", "selector" };
	struct json_object *spec = json_at(o, "spec"), *meta = json_at(o, "metadata");

	json_sets(o, "apiVersion", "v1");
	json_sets(o, "kind", "Service");
	json_sets(meta, "name", json_str(op->want, "name"));
	json_sets(meta, "namespace", json_str(op->want, "namespace"));
	if (!json_object_is_type(spec, json_type_object)) {
		spec = json_object_new_object();
		json_set(o, "spec", spec);
	}
	for (size_t i = 0; i < COUNT(keys); i++)
		if (json_has(op->want, keys[i]))
			json_set(spec, keys[i], json_copy(json_at(op->want, keys[i])));
}

/* A definition is no list of operations, so it cannot be sent as one. */
static struct err *merge_types(struct op *op, struct json_object **ret)
{
	struct json_object *given = json_at(op->want, "merge_type");
	AUTO_JSON some = json_object_new_array();

	for (size_t i = 0; i < json_len(given); i++)
		if (!json_is_str(json_nth(given, i), "json"))
			json_object_array_add(some, json_object_get(json_nth(given, i)));
	if (json_len(given) && !json_len(some))
		return err_at(err_new(ERR_USAGE, "merge_type: json needs a list of operations: use "
						 "k8s_json_patch"),
			      "merge_type");
	*ret = json_len(some) ? TAKE(some) : NULL;
	return NULL;
}

static struct err *run(struct op *op)
{
	AUTO_JSON definitions = NULL;
	AUTO_JSON types = NULL;
	struct lot w = { 0 };
	struct err *e = merge_types(op, &types);

	json_sets(op->want, "kind", "Service");
	if (!e)
		e = definitions_of(op, &definitions);
	if (!e && json_len(definitions) != 1)
		e = err_new(ERR_USAGE, "one service is to be defined, not %zu",
			    json_len(definitions));
	if (e)
		return e;
	complete(op, json_nth(definitions, 0));
	lot_init(&w, op, definitions);
	w.ops[0].merge_types = types;
	w.ops[0].way = json_truth(op->want, "apply", false)   ? WAY_CLIENT_APPLY
		       : json_truth(op->want, "force", false) ? WAY_REPLACE
							      : WAY_MERGE;
	lot_run(&w);
	e = lot_tell(&w);
	lot_release(&w);
	return e;
}

static const struct attr attrs[] = {
	{ "state", STR, OPTION, "Whether the service is to be there.", .value = "\"present\"",
	  .choices = "absent present" },
	ROW_NAME(REQUIRED),
	ROW_NAMESPACE(REQUIRED),
	{ "type", STR, OPTION, "How it is reached.",
	  .choices = "NodePort ClusterIP LoadBalancer ExternalName" },
	{ "ports", LIST, OPTION, "Its ports, as the API has them.", .elem = MAP },
	{ "selector", MAP, OPTION, "Labels of the pods behind it." },
	ROW_DEFINITION,
	ROW_SRC,
	{ "apply", BOOL, OPTION,
	  "Whether fields that an earlier task applied, and this one does not name, are taken away.",
	  .value = "false" },
	{ "force", BOOL, OPTION, "Whether a service that differs is replaced as a whole.",
	  .value = "false" },
	{ "merge_type", LIST, OPTION, "Ways to patch, tried in this order.",
	  .choices = "json merge strategic-merge" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "resource_definition src" },
	{ EXCLUSIVE, "merge_type apply" },
	{ 0 },
};

const struct resource kube_k8s_service = {
	.name = "k8s_service",
	.doc = "A service, without writing a definition.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = result_rows,
	.example = "- name: The port of an application\n"
		   "  treenail.kubernetes.k8s_service:\n"
		   "    name: web\n"
		   "    namespace: default\n"
		   "    ports: [{port: 80, targetPort: 8080}]\n"
		   "    selector: {app: web}\n",
};
