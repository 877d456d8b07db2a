#include <string.h>

#include "common/tasks.h"
#include "kubernetes/socket.h"
#include "output.h"

enum { LOG_MAX = 64 << 20 };

static struct err *pods_by_label(struct op *op, const char *labels, struct json_object **ret)
{
	const struct object_query q = {
		.api_version = "v1", .kind = "Pod", .ns = namespace_of(op), .labels = labels
	};
	AUTO_JSON list = NULL;
	struct err *e = objects_list(op->cluster, &q, &list);

	if (!e && !json_len(list))
		e = err_new(ERR_NOT_FOUND, "no pod in namespace '%s' has the labels %s", q.ns,
			    labels);
	if (e)
		return e;
	*ret = json_object_get(json_nth(list, 0));
	/* One that has not begun yet has no log. */
	for (size_t i = json_len(list); i-- > 0;)
		if (json_is_str(json_at(json_nth(list, i), "status.phase"), "Running")) {
			json_object_put(*ret);
			*ret = json_object_get(json_nth(list, i));
		}
	return NULL;
}

static void add_expression(struct buf *b, struct json_object *one)
{
	const char *key = json_str(one, "key"), *how = json_str(one, "operator");
	struct json_object *values = json_at(one, "values");

	if (!key || !how)
		return;
	if (strcmp(how, "Exists") == 0 || strcmp(how, "DoesNotExist") == 0) {
		buf_addf(b, ",%s%s", *how == 'D' ? "!" : "", key);
		return;
	}
	buf_addf(b, ",%s %s (", key, strcmp(how, "In") == 0 ? "in" : "notin");
	for (size_t i = 0; i < json_len(values); i++)
		buf_addf(b, "%s%s", i ? "," : "", json_object_get_string(json_nth(values, i)));
	buf_adds(b, ")");
}

/* The pods of a workload, in words for a query; "": it chooses none. Some have labels alone. Owned. */
static char *selector_in(struct json_object *workload)
{
	struct json_object *selector = json_at(workload, "spec.selector");
	struct json_object *labels = json_at(selector, "matchLabels");
	struct json_object *list = json_at(selector, "matchExpressions");
	AUTO_BUF b = BUF_INIT;

	if (!labels && !list)
		labels = selector;
	if (labels) {
		json_object_object_foreach(labels, key, v)
			buf_addf(&b, ",%s=%s", key, json_object_get_string(v));
	}
	for (size_t i = 0; i < json_len(list); i++)
		add_expression(&b, json_nth(list, i));
	return xstrdup(b.len ? b.s + 1 : "");
}

static struct err *pod_of(struct op *op, struct json_object **ret)
{
	AUTO_STR labels = selector_of(json_at(op->want, "label_selectors"));
	const char *name = json_str(op->want, "name");
	const struct kube_kind *kind;
	AUTO_JSON object = NULL;
	struct err *e;

	if (labels)
		return pods_by_label(op, labels, ret);
	if (!name)
		return err_at(err_new(ERR_USAGE, "whose log? give name or label_selectors"),
			      "name");
	e = kind_find(op->cluster, json_str(op->want, "api_version"), json_str(op->want, "kind"),
		      &kind);
	if (!e)
		e = object_there(op, kind, namespace_of(op), name, &object);
	if (e)
		return e;
	if (strcmp(kind->kind, "Pod") == 0) {
		*ret = TAKE(object);
		return NULL;
	}
	AUTO_STR selector = selector_in(object);
	if (!*selector)
		return err_new(ERR_USAGE, "%s '%s' chooses no pods: it has no log", kind->kind,
			       name);
	return err_wrap(pods_by_label(op, selector, ret), "%s '%s'", kind->kind, name);
}

static void add_query(struct op *op, struct buf *path, const char *option, const char *wire)
{
	if (!json_at(op->want, option))
		return;
	AUTO_STR value = json_text(json_at(op->want, option));

	buf_addf(path, "&%s=", wire);
	buf_addurl(path, value);
}

static struct err *add_log(struct op *op, struct json_object *pod, const char *container,
			   struct buf *log)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_STR text = NULL;
	size_t n = 0;
	struct err *e;

	buf_addf(&path, "/api/v1/namespaces/%s/pods/%s/log?container=",
		 json_str(pod, "metadata.namespace"), json_str(pod, "metadata.name"));
	buf_addurl(&path, container);
	add_query(op, &path, "since_seconds", "sinceSeconds");
	add_query(op, &path, "tail_lines", "tailLines");
	add_query(op, &path, "previous", "previous");
	e = cluster_text(op->cluster,
			 &(struct kube_request){ .method = "GET", .path = path.s, .accept = "*/*" },
			 LOG_MAX - log->len, &text, &n);
	if (!e)
		(void)buf_add(log, text, n);
	else
		e = pod_explain(pod, container, e);
	return err_wrap(e, "log of container '%s' of pod '%s'", container,
			json_str(pod, "metadata.name"));
}

static struct err *add_logs(struct op *op, struct json_object *pod, struct buf *log)
{
	struct json_object *list = json_at(pod, "spec.containers");
	const char *given = json_str(op->want, "container");
	struct err *e = NULL;

	if (!json_str(pod, "metadata.namespace") || !json_str(pod, "metadata.name") ||
	    !pod_container(pod))
		return err_new(ERR_PROTOCOL, "the pod has no container");
	if (!json_truth(op->want, "all_containers", false))
		return add_log(op, pod, given ? given : pod_container(pod), log);
	for (size_t i = 0; i < json_len(list) && !e; i++)
		if (json_str(json_nth(list, i), "name"))
			e = add_log(op, pod, json_str(json_nth(list, i), "name"), log);
	return e;
}

static struct err *run(struct op *op)
{
	AUTO_JSON pod = NULL;
	AUTO_BUF log = BUF_INIT;
	struct err *e = pod_of(op, &pod);

	if (!e)
		e = add_logs(op, pod, &log);
	if (e)
		return e;
	put(op, "log", output_text(log.s, log.len));
	put(op, "log_lines", output_lines(log.s, log.len));
	return NULL;
}

static const struct attr attrs[] = {
	ROW_API_VERSION,
	{ "kind", STR, OPTION,
	  "Pod, or what chooses pods by labels: Deployment, StatefulSet, Job, Service. The log is then "
	  "that of one of its pods, of one that runs if there is one.",
	  .value = "\"Pod\"" },
	ROW_NAME(0),
	ROW_NAMESPACE(0),
	{ "label_selectors", LIST, OPTION,
	  "Labels of the pod, in place of name: of those that fit, one that runs, or the first.",
	  .value = "[]" },
	{ "container", STR, OPTION,
	  "Container of the pod; else the one its annotation kubectl.kubernetes.io/default-container "
	  "names, or the first." },
	{ "all_containers", BOOL, OPTION,
	  "Whether the logs of all containers of the pod are wanted, one after the other." },
	{ "since_seconds", STR, OPTION, "Only what was written in the last so many seconds." },
	{ "tail_lines", INT, OPTION, "Only so many lines, the last ones." },
	{ "previous", BOOL, OPTION,
	  "Whether the log of the container that ran before is wanted: of one that crashed.",
	  .value = "false" },
	{ 0 },
};

static const struct rule rules[] = {
	{ EXCLUSIVE, "name label_selectors" },
	{ EXCLUSIVE, "container all_containers" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "log", STR, READONLY,
	  "The log; bytes that are no UTF-8 are replaced. More than 64 MiB are an error." },
	{ "log_lines", LIST, READONLY, "Its lines." },
	{ 0 },
};

const struct resource kube_k8s_log = {
	.name = "k8s_log",
	.doc = "Reads the log of a pod.",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: What it said last\n"
		   "  treenail.kubernetes.k8s_log:\n"
		   "    api_version: apps/v1\n"
		   "    kind: Deployment\n"
		   "    namespace: default\n"
		   "    name: web\n"
		   "    tail_lines: 20\n"
		   "  register: said\n",
};
