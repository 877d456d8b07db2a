#include <string.h>

#include "common/tasks.h"

enum { TRIES = 5 };

static bool same_text(struct json_object *x, struct json_object *y, const char *key)
{
	const char *s = json_str(x, key), *t = json_str(y, key);

	return strcmp(s ? s : "", t ? t : "") == 0;
}

/* Key and effect are what a taint is called by; an unwanted one may leave the effect open. */
static bool is_meant(struct json_object *given, struct json_object *taint, bool absent)
{
	return same_text(given, taint, "key") &&
	       (same_text(given, taint, "effect") || (absent && !json_str(given, "effect")));
}

static bool any_meant(struct json_object *given, struct json_object *taint, bool absent)
{
	for (size_t i = 0; i < json_len(given); i++)
		if (is_meant(json_nth(given, i), taint, absent))
			return true;
	return false;
}

static struct json_object *same_as(struct json_object *given, struct json_object *have)
{
	for (size_t i = 0; i < json_len(have); i++)
		if (is_meant(given, json_nth(have, i), false) &&
		    same_text(given, json_nth(have, i), "value"))
			return json_nth(have, i);
	return NULL;
}

/* What there will be; those that stay as they are keep their timeAdded. Owned. */
static struct json_object *taints_after(struct op *op, struct json_object *have)
{
	struct json_object *given = json_at(op->want, "taints");
	const bool absent = strcmp(op->state, "absent") == 0;
	struct json_object *all = json_object_new_array();

	if (absent || !json_truth(op->want, "replace", false))
		for (size_t i = 0; i < json_len(have); i++)
			if (!any_meant(given, json_nth(have, i), absent) ||
			    (!absent && same_as(json_nth(have, i), given)))
				json_object_array_add(all, json_copy(json_nth(have, i)));
	for (size_t i = 0; i < json_len(given) && !absent; i++) {
		struct json_object *there = same_as(json_nth(given, i), have);

		if (!same_as(json_nth(given, i), all))
			json_object_array_add(all, json_copy(there ? there : json_nth(given, i)));
	}
	return all;
}

/* The version goes along: another's taint that came between is a conflict, and all is looked at again. */
static struct err *send(struct op *op, const struct kube_kind *kind, struct json_object *node,
			struct json_object *taints, struct json_object **ret)
{
	AUTO_JSON body = json_wrap("spec", json_wrap("taints", json_object_get(taints)));
	AUTO_STR version = xstrdup(json_str(node, "metadata.resourceVersion"));

	json_set(body, "metadata",
		 json_wrap("resourceVersion", json_object_new_string(version ? version : "")));
	return object_patch(op, kind, node, NULL, "merge", body, ret);
}

static struct err *attempt(struct op *op, const struct kube_kind *kind)
{
	AUTO_JSON none = json_object_new_array();
	AUTO_JSON node = NULL;
	AUTO_JSON after = NULL;
	struct err *e = object_there(op, kind, NULL, json_str(op->want, "name"), &node);

	if (e)
		return e;
	struct json_object *have = json_at(node, "spec.taints");
	AUTO_JSON taints = taints_after(op, have);
	const bool changes = !json_object_equal(taints, have ? have : none);

	if (changes)
		e = send(op, kind, node, taints, &after);
	else
		after = json_object_get(node);
	if (e)
		return e;
	op->out->changed = changes;
	put(op, "result", json_object_get(after));
	if (op->diff)
		put(op, "diff", diff_of(op, node, after));
	return NULL;
}

static struct err *check_taints(struct json_object *taints)
{
	for (size_t i = 0; i < json_len(taints); i++)
		if (!json_str(json_nth(taints, i), "key"))
			return err_at(err_new(ERR_USAGE, "taints[%zu] has no key", i), "taints");
	return NULL;
}

static struct err *run(struct op *op)
{
	const struct kube_kind *kind = NULL;
	struct err *e = check_taints(json_at(op->want, "taints"));

	if (!e)
		e = kind_find(op->cluster, "v1", "Node", &kind);
	for (int i = 0; !e && i < TRIES; i++) {
		e = attempt(op, kind);
		if (!e)
			return NULL;
		if (e->kind == ERR_CONFLICT && i + 1 < TRIES)
			err_free(TAKE(e));
	}
	return e;
}

static const struct attr taint_rows[] = {
	{ "key", STR, OPTION, "Its key." },
	{ "value", STR, OPTION, "Its value." },
	{ "effect", STR, OPTION,
	  "What it does to pods that do not tolerate it; with state absent, without it all of the key are meant.",
	  .choices = "NoSchedule NoExecute PreferNoSchedule" },
	{ 0 },
};

static const struct attr attrs[] = {
	{ "state", STR, OPTION, "Whether the node is to have these taints.", .value = "\"present\"",
	  .choices = "present absent" },
	{ "name", STR, OPTION | REQUIRED, "Name of the node." },
	{ "taints", LIST, OPTION | REQUIRED, "The taints.", .sub = taint_rows },
	{ "replace", BOOL, OPTION, "Whether the node is to have no others.", .value = "false" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "result", MAP, READONLY, "The node as it is now." },
	{ 0 },
};

const struct resource kube_k8s_taint = {
	.name = "k8s_taint",
	.doc = "Taints of a node.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: Nothing new on this node\n"
		   "  treenail.kubernetes.k8s_taint:\n"
		   "    name: node-1\n"
		   "    taints: [{key: maintenance, effect: NoSchedule}]\n",
};
