#include "common/tasks.h"

static struct err *run(struct op *op)
{
	AUTO_JSON definitions = NULL;
	struct lot w = { 0 };
	struct err *e = definitions_of(op, &definitions);

	if (e)
		return e;
	lot_init(&w, op, definitions);
	w.ops[0].way = WAY_JSON_PATCH;
	w.ops[0].patch = json_at(op->want, "patch");
	lot_run(&w);
	e = lot_tell(&w);
	lot_release(&w);
	return e;
}

static const struct attr attrs[] = {
	ROW_API_VERSION,
	ROW_KIND(REQUIRED),
	ROW_NAME(REQUIRED),
	ROW_NAMESPACE(0),
	{ "patch", LIST, OPTION | REQUIRED,
	  "What to do, in order: dictionaries of op (add, remove, replace, move, copy, test), path, "
	  "value and from, as RFC 6902 has them.",
	  .elem = MAP },
	ROW_HIDDEN("[]"),
	ROW_SHOW_SECRETS,
	ROW_WAIT("false"),
	ROW_WAIT_SLEEP,
	ROW_WAIT_TIMEOUT("120"),
	ROW_WAIT_CONDITION,
	{ 0 },
};

const struct resource kube_k8s_json_patch = {
	.name = "k8s_json_patch",
	.doc = "Changes an object that is there by a JSON patch.",
	.attrs = attrs,
	.run = run,
	.returned = result_rows,
	.example = "- name: Another image\n"
		   "  treenail.kubernetes.k8s_json_patch:\n"
		   "    api_version: apps/v1\n"
		   "    kind: Deployment\n"
		   "    namespace: default\n"
		   "    name: web\n"
		   "    patch:\n"
		   "      - op: replace\n"
		   "        path: /spec/template/spec/containers/0/image\n"
		   "        value: registry.example/web:2\n",
};
