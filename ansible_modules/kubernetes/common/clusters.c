#include "clusters.h"
#include "cluster/cluster.h"
#include "ending.h"
#include "tasks.h"

const struct attr cluster_action_rows[] = {
	{ "id", STR, READONLY, "Action and node." },
	{ "action", STR, READONLY,
	  "What is done: prepare, init, network, join, upgrade, configure, options, mark, renew, rotate, remove, ready; of a restore: stage, stop, restore, start, verify." },
	{ "node", STR, READONLY, "Where; left out of what is done on the cluster." },
	{ "why", STR, READONLY, "What differs." },
	{ "state", STR, READONLY,
	  "What became of it: planned (check mode), done, failed, skipped." },
	{ "ms", INT, READONLY, "How long it took." },
	{ "error", STR, READONLY, "Why it failed, or was skipped." },
	{ 0 },
};

const struct attr cluster_node_shown_rows[] = {
	{ "name", STR, READONLY, "Name." },
	{ "version", STR, READONLY, "Version of its kubelet." },
	{ "ready", BOOL, READONLY, "Whether it is Ready." },
	{ 0 },
};

const struct attr cluster_returned[] = {
	ROWS_CLUSTER_RETURNED,
	{ 0 },
};

static bool is_ready(struct json_object *node)
{
	struct json_object *list = json_at(node, "status.conditions");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "type"), "Ready"))
			return json_is_str(json_at(json_nth(list, i), "status"), "True");
	return false;
}

static struct json_object *nodes_shown(struct json_object *api)
{
	struct json_object *all = json_object_new_array(), *list = json_at(api, "nodes");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *o = json_object_new_object(), *node = json_nth(list, i);
		const char *version = json_str(node, "status.nodeInfo.kubeletVersion");

		json_sets(o, "name", json_str(node, "metadata.name"));
		json_sets(o, "version", version && *version == 'v' ? version + 1 : version);
		json_set(o, "ready", json_object_new_boolean(is_ready(node)));
		json_object_array_add(all, o);
	}
	return all;
}

static struct json_object *actions_shown(struct json_object *actions)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_len(actions); i++) {
		struct json_object *o = json_object_new_object(), *a = json_nth(actions, i);

		for (const struct attr *row = cluster_action_rows; row->name; row++)
			if (json_at(a, row->name))
				json_set(o, row->name, json_copy(json_at(a, row->name)));
		json_object_array_add(all, o);
	}
	return all;
}

void clusters_tell(struct op *op, struct cluster_outcome *out)
{
	struct json_object *actions = json_at(out->plan, "actions");
	struct json_object *api = json_at(out->observed, "api");

	op->out->changed = out->changed;
	put(op, "actions", actions_shown(actions));
	put(op, "version", json_copy(json_at(api, "version")));
	put(op, "nodes", nodes_shown(api));
	put(op, "connections", json_object_new_int64((int64_t)out->connections));
	for (size_t i = 0; i < json_len(out->warnings); i++)
		op_warn(op, "%s", json_object_get_string(json_nth(out->warnings, i)));
	if (!op->diff || !json_len(actions))
		return;
	struct json_object *diff = json_object_new_object();
	AUTO_BUF lines = BUF_INIT;
	for (size_t i = 0; i < json_len(actions); i++) {
		AUTO_STR words = action_words(json_nth(actions, i));

		buf_addf(&lines, "%s\n", words);
	}
	json_sets(diff, "before", "");
	json_sets(diff, "after", lines.s);
	put(op, "diff", diff);
}

struct err *clusters_run(struct op *op, const struct plan_wish *wish,
			 struct err *(*make)(struct json_object *given,
					     const struct cluster_options_run *o,
					     struct cluster_outcome *ret))
{
	const struct cluster_options_run o = {
		.wish = *wish,
		.check = op->check,
		.node_s = (int)json_int(op->want, "node_timeout", 0),
	};
	struct cluster_outcome out = { .plan = NULL };
	struct err *e;

	ending_told();
	e = make(json_at(op->want, "cluster"), &o, &out);

	clusters_tell(op, &out);
	cluster_outcome_release(&out);
	return e;
}
