#include <string.h>

#include "common/tasks.h"

enum { TRIES = 8 }; /* against who writes the same object at the same time */

/* One object to be scaled, and what is told of it. */
struct scaling {
	struct op *op;
	const struct kube_kind *kind;
	bool job;
	struct json_object *have, *told; /* `have`: owned */
};

static const char *field(const struct scaling *s)
{
	return s->job ? "parallelism" : "replicas";
}

static bool is_expected(const struct scaling *s)
{
	return json_str(s->op->want, "resource_version") ||
	       json_has(s->op->want, "current_replicas");
}

/* Why it is left as it is; NULL: it is not. */
static char *unfit(const struct scaling *s, int64_t count)
{
	AUTO_STR title = document_title(s->have);
	const char *version = json_str(s->op->want, "resource_version");
	const char *actual = json_str(s->have, "metadata.resourceVersion");
	const int64_t current = json_int(s->op->want, "current_replicas", count);

	if (version && actual && strcmp(version, actual) != 0)
		return xasprintf("%s: its resource version is %s, not %s as expected", title,
				 actual, version);
	if (current != count)
		return xasprintf("%s: it has %lld replicas, not %lld as expected", title,
				 (long long)count, (long long)current);
	return NULL;
}

/* What it will be: the scale subresource's answer holds only the number. */
static struct json_object *scaled(const struct scaling *s, int64_t replicas)
{
	struct json_object *o = json_copy(s->have);

	json_set(json_at(o, "spec"), field(s), json_object_new_int64(replicas));
	return o;
}

static struct err *settle(struct scaling *s, struct json_object **after)
{
	struct ready_wish wish;
	struct ready_item item = { .kind = s->kind,
				   .ns = json_str(s->have, "metadata.namespace"),
				   .name = json_str(s->have, "metadata.name"),
				   .object = *after,
				   .wish = &wish };

	if (!wish_of(s->op, &wish) || s->op->check)
		return NULL;
	ready_wait_many(s->op->cluster, &item, 1);
	json_set(s->told, "duration", json_object_new_int64(item.duration_ms / 1000));
	if (item.last) {
		json_object_put(*after);
		*after = item.last;
	}
	return item.e;
}

static struct err *send(struct scaling *s, int64_t replicas, struct json_object **after)
{
	AUTO_JSON body = json_wrap("spec", json_wrap(field(s), json_object_new_int64(replicas)));
	AUTO_JSON answer = NULL;
	struct err *e;

	/* What was expected of it is to hold when it is written, too. */
	if (is_expected(s))
		json_set(body, "metadata",
			 json_wrap("resourceVersion",
				   json_object_get(json_at(s->have, "metadata.resourceVersion"))));
	e = object_patch(s->op, s->kind, s->have, s->job ? NULL : "scale", "merge", body, &answer);
	if (e)
		return e;
	if (s->op->check || s->job) {
		*after = s->job ? TAKE(answer) : scaled(s, replicas);
		return NULL;
	}
	return object_there(s->op, s->kind, json_str(s->have, "metadata.namespace"),
			    json_str(s->have, "metadata.name"), after);
}

static struct err *scale_once(struct scaling *s)
{
	AUTO_STR path = xasprintf("spec.%s", field(s));
	const int64_t count = json_int(s->have, path, -1);
	const int64_t replicas = json_int(s->op->want, "replicas", 0);
	AUTO_STR why = unfit(s, count);
	AUTO_JSON after = NULL;
	struct err *e = NULL;

	json_set(s->told, "changed", json_object_new_boolean(false));
	if (count < 0) {
		AUTO_STR title = document_title(s->have);

		return err_new(ERR_USAGE, "%s has no number of replicas", title);
	}
	if (why) {
		json_sets(s->told, "warning", why);
		json_set(s->told, "result", json_object_get(s->have));
		return NULL;
	}
	if (count == replicas)
		after = json_object_get(s->have);
	else
		e = send(s, replicas, &after);
	if (e)
		return e;
	json_set(s->told, "changed", json_object_new_boolean(count != replicas));
	if (s->op->diff)
		json_set(s->told, "diff", diff_of(s->op, s->have, after));
	e = settle(s, &after);
	json_set(s->told, "result", json_object_get(after));
	return e;
}

/* Someone else wrote between our reading and our writing: what was expected may be no more. */
static struct err *scale(struct scaling *s)
{
	struct err *e = scale_once(s);

	for (int tries = 1; e && e->status == 409 && is_expected(s) && tries < TRIES; tries++) {
		struct json_object *now = NULL;
		struct err *unread =
			object_there(s->op, s->kind, json_str(s->have, "metadata.namespace"),
				     json_str(s->have, "metadata.name"), &now);

		err_free(e);
		if (unread)
			return unread;
		json_object_put(s->have);
		s->have = now;
		e = scale_once(s);
	}
	return e;
}

static struct err *find(struct op *op, const struct kube_kind *kind, struct json_object *want,
			struct json_object **ret)
{
	AUTO_STR labels = selector_of(json_at(op->want, "label_selectors"));
	AUTO_STR version = kind_api_version(kind);
	const char *name = json_str(want, "metadata.name");
	const char *ns = json_str(want, "metadata.namespace");
	const struct object_query q = {
		.api_version = version,
		.kind = kind->kind,
		.name = name,
		.ns = !kind->namespaced ? NULL
		      : ns              ? ns
					: namespace_of(op),
		.labels = labels,
	};
	AUTO_JSON list = NULL;
	struct err *e =
		!name && !labels
			? err_at(err_new(ERR_USAGE, "which %s? give name or label_selectors",
					 kind->kind),
				 "name")
			: objects_list(op->cluster, &q, &list);

	if (!e && !json_len(list))
		e = name ? err_new(ERR_NOT_FOUND, "there is no %s '%s'%s%s%s", kind->kind, name,
				   q.ns ? " in namespace '" : "", q.ns ? q.ns : "", q.ns ? "'" : "")
			 : err_new(ERR_NOT_FOUND, "there is no %s with labels %s", kind->kind,
				   labels);
	if (!e)
		*ret = TAKE(list);
	return e;
}

static void tell_one(struct op *op, struct json_object *told)
{
	json_object_object_foreach(told, key, v)
		if (strcmp(key, "warning") == 0)
			op_warn(op, "%s", json_object_get_string(v));
		else if (strcmp(key, "changed") != 0)
			put(op, key, json_object_get(v));
}

static struct err *scale_all(struct op *op, const struct kube_kind *kind, struct json_object *list)
{
	const bool go_on = json_truth(op->want, "continue_on_error", false);
	const bool many = json_len(list) > 1;
	AUTO_JSON results = json_object_new_array();
	AUTO_JSON errors = json_object_new_array();
	AUTO_JSON diffs = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct scaling s = { .op = op,
				     .kind = kind,
				     .job = strcmp(kind->kind, "Job") == 0,
				     .have = json_object_get(json_nth(list, i)),
				     .told = json_object_new_object() };

		e = scale(&s);
		json_object_put(s.have);
		op->out->changed = op->out->changed || json_truth(s.told, "changed", false);
		if (e && many && go_on) {
			struct json_object *o = json_wrap("error", json_object_new_string(e->text));

			json_set(o, "failed", json_object_new_boolean(true));
			json_object_array_add(errors, o);
			err_free(TAKE(e));
			json_object_put(s.told);
		} else if (many) {
			if (json_at(s.told, "diff"))
				json_object_array_add(diffs,
						      json_object_get(json_at(s.told, "diff")));
			json_object_array_add(results, s.told);
		} else {
			tell_one(op, s.told);
			json_object_put(s.told);
		}
	}
	if (many)
		put(op, "results", json_object_get(results));
	if (many && op->diff)
		put(op, "diff", json_object_get(diffs));
	if (json_len(errors))
		put(op, "errors", json_object_get(errors));
	return e;
}

/* In check mode: its namespace is not there, as one that an earlier task is to make. */
static struct err *is_homeless(struct op *op, const struct kube_kind *kind,
			       struct json_object *want, bool *ret)
{
	const char *ns = json_str(want, "metadata.namespace");
	const struct kube_kind *spaces = NULL;
	AUTO_JSON space = NULL;
	struct err *e =
		kind->namespaced ? kind_find(op->cluster, "v1", "Namespace", &spaces) : NULL;

	if (!e && spaces)
		e = object_get(op->cluster, spaces, NULL, ns ? ns : namespace_of(op), &space);
	if (!e)
		*ret = spaces && !space;
	return e;
}

static struct err *assume(struct op *op, const struct kube_kind *kind, struct json_object *want,
			  struct err *missing)
{
	bool homeless = false;
	struct err *e = is_homeless(op, kind, want, &homeless);

	if (e || !homeless) {
		err_free(e);
		return missing;
	}
	op_warn(op, "%s, nor its namespace: check mode takes it that an earlier task makes it",
		missing->text);
	err_free(missing);
	op->out->changed = true;
	return NULL;
}

static struct err *run(struct op *op)
{
	AUTO_JSON definitions = NULL;
	AUTO_JSON list = NULL;
	const struct kube_kind *kind = NULL;
	struct err *e = definitions_of(op, &definitions);

	if (!e && !json_len(definitions))
		e = err_new(ERR_USAGE, "the definition is empty");
	if (e)
		return e;
	struct json_object *want = json_nth(definitions, 0);
	e = kind_find(op->cluster, json_str(want, "apiVersion"), json_str(want, "kind"), &kind);
	if (e)
		return e;
	e = find(op, kind, want, &list);
	if (e && e->kind == ERR_NOT_FOUND && op->check)
		return assume(op, kind, want, e);
	return e ? e : scale_all(op, kind, list);
}

static const struct attr attrs[] = {
	ROW_API_VERSION,
	ROW_KIND(0),
	ROW_NAME(0),
	ROW_NAMESPACE(0),
	ROW_DEFINITION,
	ROW_SRC,
	{ "replicas", INT, OPTION | REQUIRED,
	  "How many there are to be; of a Job, how many at a time." },
	{ "current_replicas", INT, OPTION,
	  "Only if there are that many now; else the task warns and changes nothing." },
	{ "resource_version", STR, OPTION,
	  "Only if the object has this version; else the task warns and changes nothing." },
	ROW_LABELS("[]"),
	ROW_CONTINUE,
	ROW_WAIT("true"),
	ROW_WAIT_SLEEP,
	ROW_WAIT_TIMEOUT("20"),
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "resource_definition src" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "result", MAP, READONLY, "The object as it is now." },
	{ "duration", INT, READONLY, "Seconds that were waited." },
	{ "results", LIST, READONLY, "Of several objects: changed, result and duration of each.",
	  .elem = MAP },
	{ 0 },
};

const struct resource kube_k8s_scale = {
	.name = "k8s_scale",
	.doc = "Sets the number of replicas of a workload, and waits for them.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: More of it\n"
		   "  treenail.kubernetes.k8s_scale:\n"
		   "    api_version: apps/v1\n"
		   "    kind: Deployment\n"
		   "    namespace: default\n"
		   "    name: web\n"
		   "    replicas: 4\n",
};
