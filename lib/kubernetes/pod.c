#include <string.h>

#include "json.h"
#include "kubernetes/socket.h"
#include "kubernetes/waits.h"

/* Where a pod has its containers, and what is known of them. */
static const struct {
	const char *spec, *status;
} lists[] = {
	{ "spec.containers", "status.containerStatuses" },
	{ "spec.initContainers", "status.initContainerStatuses" },
	{ "spec.ephemeralContainers", "status.ephemeralContainerStatuses" },
};

static struct json_object *named(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name))
			return json_nth(list, i);
	return NULL;
}

const char *pod_container(struct json_object *pod)
{
	static const char wish[] = "kubectl.kubernetes.io/default-container";
	struct json_object *list = json_at(pod, "spec.containers");
	const char *name = json_str(json_at(pod, "metadata.annotations"), wish);

	return name && named(list, name) ? name : json_str(json_nth(list, 0), "name");
}

static char *unknown(struct json_object *pod, const char *container)
{
	AUTO_BUF names = BUF_INIT;

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct json_object *list = json_at(pod, lists[i].spec);

		for (size_t k = 0; k < json_len(list); k++) {
			const char *name = json_str(json_nth(list, k), "name");

			buf_addf(&names, "%s%s", names.len ? ", " : "", name ? name : "?");
		}
	}
	return xasprintf("the pod has no container '%s'; there are: %s", container, names.s);
}

/* "with exit code 1 (Error)" */
static void ended_add(struct buf *b, struct json_object *end)
{
	AUTO_STR why = because(end);

	buf_addf(b, "with exit code %lld%s%s%s", (long long)json_int(end, "exitCode", 0),
		 *why ? " (" : "", why, *why ? ")" : "");
}

static char *not_running(struct json_object *status, const char *container)
{
	struct json_object *waiting = json_at(status, "state.waiting");
	struct json_object *end = json_at(status, "state.terminated");
	struct json_object *last = json_at(status, "lastState.terminated");
	AUTO_BUF b = BUF_INIT;

	if (end) {
		buf_addf(&b, "container '%s' has ended ", container);
		ended_add(&b, end);
	} else {
		AUTO_STR why = because(waiting);

		buf_addf(&b, "container '%s' waits%s%s", container, *why ? ": " : "", why);
	}
	if (!end && last) {
		buf_adds(&b, "; it ended ");
		ended_add(&b, last);
		buf_adds(&b, " before");
	}
	return buf_take(&b);
}

static char *unstarted(struct json_object *pod)
{
	const char *phase = json_str(pod, "status.phase");
	struct json_object *scheduled = condition_of(pod, "PodScheduled");
	AUTO_STR why = json_is_str(json_at(scheduled, "status"), "False")
			       ? because(scheduled)
			       : because(json_at(pod, "status"));

	return xasprintf("the pod is %s%s%s", phase ? phase : "new", *why ? ": " : "", why);
}

char *pod_trouble(struct json_object *pod, const char *container)
{
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct json_object *status;

		if (!named(json_at(pod, lists[i].spec), container))
			continue;
		status = named(json_at(pod, lists[i].status), container);
		if (!status)
			return unstarted(pod);
		return json_has(json_at(status, "state"), "running")
			       ? NULL
			       : not_running(status, container);
	}
	return unknown(pod, container);
}

struct err *pod_explain(struct json_object *pod, const char *container, struct err *e)
{
	AUTO_STR trouble = pod_trouble(pod, container);
	AUTO_STR said = NULL;

	if (!e || !trouble || strstr(e->text, trouble))
		return e;
	said = e->text;
	e->text = xasprintf("%s; %s", said, trouble);
	return e;
}
