/* When an object is as wished: its status, looked at. Nothing here asks a server. */
#include <regex.h>
#include <string.h>

#include "kubernetes/waits.h"
#include "text.h"

enum { LONGEST_PATTERN = 1024, LONGEST_WORDS = 500 };

/* ---- what statuses have in common ---- */

struct json_object *condition_of(struct json_object *object, const char *type)
{
	struct json_object *list = json_at(object, "status.conditions");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "type"), type))
			return json_nth(list, i);
	return NULL;
}

static bool condition_is(struct json_object *object, const char *type, const char *status)
{
	return json_is_str(json_at(condition_of(object, type), "status"), status);
}

/* Of an object, or of a condition that counts for itself; `unsaid`: what it is if it does not say. */
static bool is_old(struct json_object *object, struct json_object *status, bool unsaid)
{
	const int64_t now = json_int(object, "metadata.generation", 0);

	return json_int(status, "observedGeneration", unsaid ? 0 : now) < now;
}

char *because(struct json_object *condition)
{
	const char *reason = json_str(condition, "reason");
	const char *message = json_str(condition, "message");
	const bool both = reason && *reason && message && *message;
	char *text =
		xasprintf("%s%s%s", reason ? reason : "", both ? ": " : "", message ? message : "");
	size_t len = text_cut(text, LONGEST_WORDS);

	while (len && strchr(" .\n", text[len - 1]))
		len--;
	text[len] = '\0';
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	return text;
}

/* "Ready is False: Reason: message". */
static char *condition_words(struct json_object *c, const char *type)
{
	const char *status = json_str(c, "status");
	AUTO_STR why = because(c);

	if (!c)
		return xasprintf("it has no condition %s yet", type);
	return xasprintf("%s is %s%s%s", type, status ? status : "not told", *why ? ": " : "", why);
}

/*
 * Rules look at an object whose status is of this generation, and tell in *why what is awaited, or what
 * failed.
 */

static bool condition_is_now(struct json_object *object, const char *type)
{
	return condition_is(object, type, "True") &&
	       !is_old(object, condition_of(object, type), false);
}

static enum readiness by_condition(struct json_object *object, const char *type, char **why)
{
	if (condition_is_now(object, type))
		return READY;
	*why = condition_words(condition_of(object, type), type);
	return NOT_READY;
}

static enum readiness failed_by(struct json_object *object, const char *type, char **why)
{
	*why = condition_words(condition_of(object, type), type);
	return FAILED;
}

static enum readiness counted(int64_t have, int64_t all, const char *what, char **why)
{
	if (have >= all)
		return READY;
	*why = xasprintf("%lld of %lld %s", (long long)have, (long long)all, what);
	return NOT_READY;
}

/* ---- workloads ---- */

/*
 * What only a busy or starting server says (the namespace's service account is not made yet, a quota is
 * not counted yet, a webhook does not answer) goes away by itself.
 */
static bool is_refusal(struct json_object *condition)
{
	const char *message = json_str(condition, "message");

	if (!message || strstr(message, "looking up service account") ||
	    strstr(message, "status unknown for quota"))
		return false;
	return strstr(message, " is forbidden: ") || strstr(message, "denied the request");
}

/* Not for the deadline's sake, but as the ReplicaSet itself could not be made. */
static bool is_unmade(struct json_object *object)
{
	return condition_is(object, "Progressing", "False") &&
	       json_is_str(json_at(condition_of(object, "Progressing"), "reason"),
			   "ReplicaSetCreateError");
}

/* The condition that says so. NULL: they are not refused, or old ones are left whose end makes room. */
static const char *refused_by(struct json_object *object)
{
	const int64_t updated = json_int(object, "status.updatedReplicas",
					 json_int(object, "status.fullyLabeledReplicas", 0));

	if (is_unmade(object) && is_refusal(condition_of(object, "Progressing")))
		return "Progressing";
	if (condition_is(object, "ReplicaFailure", "True") &&
	    !condition_is(object, "Progressing", "False") &&
	    is_refusal(condition_of(object, "ReplicaFailure")) &&
	    json_int(object, "status.replicas", 0) <= updated)
		return "ReplicaFailure";
	return NULL;
}

bool readiness_heals(struct json_object *object)
{
	return refused_by(object);
}

static enum readiness too_late(struct json_object *object, char **why)
{
	struct json_object *refusal = condition_of(object, "ReplicaFailure");
	AUTO_STR words = condition_words(condition_of(object, "Progressing"), "Progressing");
	AUTO_STR cause = because(refusal);

	*why = refusal ? xasprintf("%s; %s", words, cause) : TAKE(words);
	return FAILED;
}

static enum readiness deployment(struct json_object *object, char **why)
{
	const int64_t wanted = json_int(object, "spec.replicas", 1);
	const int64_t updated = json_int(object, "status.updatedReplicas", 0);
	const int64_t all = json_int(object, "status.replicas", 0);
	const char *refusal = refused_by(object);
	enum readiness r;

	if (refusal)
		return failed_by(object, refusal, why);
	if (condition_is(object, "Progressing", "False") && !is_unmade(object))
		return too_late(object, why);
	r = counted(updated, wanted, "replicas are updated", why);
	if (r == READY && all > updated) {
		*why = xasprintf("%lld old replicas are still to end", (long long)(all - updated));
		return NOT_READY;
	}
	if (r == READY)
		r = counted(json_int(object, "status.availableReplicas", 0), wanted,
			    "replicas are available", why);
	if (r == NOT_READY && json_truth(object, "spec.paused", false)) {
		free(*why);
		*why = xstrdup("its rollout is paused (spec.paused)");
	}
	return r;
}

static enum readiness replica_set(struct json_object *object, char **why)
{
	const int64_t wanted = json_int(object, "spec.replicas", 1);
	const int64_t all = json_int(object, "status.replicas", 0);

	const char *refusal = refused_by(object);

	if (refusal)
		return failed_by(object, refusal, why);
	if (all > wanted) {
		*why = xasprintf("%lld replicas are still to end", (long long)(all - wanted));
		return NOT_READY;
	}
	return counted(json_int(object, "status.availableReplicas", 0), wanted,
		       "replicas are available", why);
}

static enum readiness stateful_set(struct json_object *object, char **why)
{
	const int64_t wanted = json_int(object, "spec.replicas", 1);
	const int64_t kept = json_int(object, "spec.updateStrategy.rollingUpdate.partition", 0);
	const int64_t all = json_int(object, "status.replicas", 0);
	const char *target = json_str(object, "status.updateRevision");
	const char *current = json_str(object, "status.currentRevision");
	int64_t updated = json_int(object, "status.updatedReplicas", 0);
	enum readiness r = READY;

	/* Once all are of the new revision it is the current one, and the count may be left out. */
	if (target && current && strcmp(target, current) == 0)
		updated = all;
	if (!json_is_str(json_at(object, "spec.updateStrategy.type"), "OnDelete"))
		r = counted(updated, wanted > kept ? wanted - kept : 0, "replicas are updated",
			    why);
	if (r == READY)
		r = counted(json_int(object, "status.availableReplicas",
				     json_int(object, "status.readyReplicas", 0)),
			    wanted, "replicas are available", why);
	if (r == READY && all > wanted) {
		*why = xasprintf("%lld replicas are still to end", (long long)(all - wanted));
		return NOT_READY;
	}
	return r;
}

static enum readiness daemon_set(struct json_object *object, char **why)
{
	const int64_t wanted = json_int(object, "status.desiredNumberScheduled", 0);
	enum readiness r = READY;

	if (!json_is_str(json_at(object, "spec.updateStrategy.type"), "OnDelete"))
		r = counted(json_int(object, "status.updatedNumberScheduled", 0), wanted,
			    "pods are updated", why);
	if (r == READY)
		r = counted(json_int(object, "status.numberAvailable", 0), wanted,
			    "pods are available", why);
	return r;
}

static enum readiness pod(struct json_object *object, char **why)
{
	const char *phase = json_str(object, "status.phase");
	AUTO_STR words = because(json_at(object, "status"));

	if (phase && strcmp(phase, "Succeeded") == 0)
		return READY;
	if (phase && strcmp(phase, "Failed") == 0) {
		*why = xasprintf("the pod failed%s%s", *words ? ": " : "", words);
		return FAILED;
	}
	return by_condition(object, "Ready", why);
}

static enum readiness job(struct json_object *object, char **why)
{
	const int64_t done = json_int(object, "status.succeeded", 0);
	const int64_t failed = json_int(object, "status.failed", 0);

	if (condition_is(object, "Complete", "True"))
		return READY;
	if (condition_is(object, "Failed", "True"))
		return failed_by(object, "Failed", why);
	if (json_truth(object, "spec.suspend", false))
		*why = xstrdup("it is suspended (spec.suspend)");
	else
		*why = xasprintf("%lld of %lld pods succeeded, %lld failed", (long long)done,
				 (long long)json_int(object, "spec.completions", 1),
				 (long long)failed);
	return NOT_READY;
}

/* ---- others ---- */

static enum readiness by_phase(struct json_object *object, const char *wanted, char **why)
{
	const char *phase = json_str(object, "status.phase");

	if (phase && strcmp(phase, wanted) == 0)
		return READY;
	*why = xasprintf("it is %s, not %s", phase ? phase : "without a phase", wanted);
	return NOT_READY;
}

static enum readiness claim(struct json_object *object, char **why)
{
	if (json_is_str(json_at(object, "status.phase"), "Lost")) {
		*why = xstrdup("its volume is lost");
		return FAILED;
	}
	return by_phase(object, "Bound", why);
}

static enum readiness namespace(struct json_object *object, char **why) {
	return by_phase(object, "Active", why);
}

static enum readiness service(struct json_object *object, char **why)
{
	if (!json_is_str(json_at(object, "spec.type"), "LoadBalancer") ||
	    json_len(json_at(object, "status.loadBalancer.ingress")))
		return READY;
	*why = xstrdup("its load balancer has no address");
	return NOT_READY;
}

static enum readiness crd(struct json_object *object, char **why)
{
	if (condition_is(object, "NamesAccepted", "False"))
		return failed_by(object, "NamesAccepted", why);
	return by_condition(object, "Established", why);
}

static enum readiness api_service(struct json_object *object, char **why)
{
	return by_condition(object, "Available", why);
}

static enum readiness node(struct json_object *object, char **why)
{
	return by_condition(object, "Ready", why);
}

static enum readiness observed(struct json_object *object, char **why)
{
	(void)object;
	(void)why;
	return READY;
}

static enum readiness any_kind(struct json_object *object, char **why)
{
	static const char *const types[] = { "Ready", "Available" };
	size_t i = 0;

	while (i < COUNT(types) && !condition_of(object, types[i]))
		i++;
	if (i < COUNT(types) && condition_is_now(object, types[i]))
		return READY;
	/* What the conventions of status say of an object nobody works on any more. */
	if (condition_is(object, "Stalled", "True"))
		return failed_by(object, "Stalled", why);
	if (i == COUNT(types))
		return READY;
	*why = condition_words(condition_of(object, types[i]), types[i]);
	return NOT_READY;
}

/* `counts`: what does not say of which generation its status is is not ready. */
static const struct kind_rule {
	const char *group, *kind;
	enum readiness (*ready)(struct json_object *object, char **why);
	bool counts;
} rules[] = {
	{ "apps", "Deployment", deployment, true },
	{ "apps", "StatefulSet", stateful_set, true },
	{ "apps", "DaemonSet", daemon_set, true },
	{ "apps", "ReplicaSet", replica_set, true },
	{ "", "ReplicationController", replica_set, true },
	{ "", "Pod", pod },
	{ "batch", "Job", job },
	{ "", "PersistentVolumeClaim", claim },
	{ "", "Service", service },
	{ "", "Namespace", namespace },
	{ "", "Node", node },
	{ "apiextensions.k8s.io", "CustomResourceDefinition", crd },
	{ "apiregistration.k8s.io", "APIService", api_service },
	{ "policy", "PodDisruptionBudget", observed, true },
	{ NULL, NULL, any_kind },
};

static const struct kind_rule *rule_of(struct json_object *object)
{
	const char *version = json_str(object, "apiVersion"), *kind = json_str(object, "kind");
	const char *slash = version ? strchr(version, '/') : NULL;
	const size_t len = slash ? (size_t)(slash - version) : 0;
	const struct kind_rule *r = rules;

	for (; r->kind; r++)
		if (version && kind && strcmp(r->kind, kind) == 0 && strlen(r->group) == len &&
		    strncmp(r->group, version, len) == 0)
			break;
	return r;
}

/* ---- wishes ---- */

static struct err *pattern(const char *path, const char *text, regex_t *ret)
{
	/* The peers' way to say: anything. */
	const char *p = strcmp(text, "*") == 0 ? "" : text;
	char words[128] = "";
	int bad;

	if (strlen(text) > LONGEST_PATTERN)
		return err_new(ERR_USAGE, "the pattern of '%s' has more than %d characters", path,
			       LONGEST_PATTERN);
	bad = regcomp(ret, p, REG_EXTENDED | REG_NOSUB);
	if (!bad)
		return NULL;
	(void)regerror(bad, ret, words, sizeof(words));
	return err_new(ERR_USAGE, "the pattern of '%s' is no regular expression: '%s': %s", path,
		       text, words);
}

/* *ok: the path selects something, and the first of it matches. */
static struct err *field_matches(struct json_object *object, const char *path,
				 struct json_object *wanted, bool *ok, char **is)
{
	AUTO_STR text = json_text(wanted);
	AUTO_JSON found = NULL;
	regex_t re;
	struct err *e = jsonpath(object, path, &found);

	if (!e)
		e = pattern(path, text, &re);
	if (e)
		return e;
	*is = json_len(found) ? json_text(json_nth(found, 0)) : NULL;
	*ok = json_len(found) && regexec(&re, *is, 0, NULL, 0) == 0;
	regfree(&re);
	return NULL;
}

/* All fields; the first that is not as wanted is told. */
static struct err *fields_match(struct json_object *object, struct json_object *fields, bool *ok,
				char **why)
{
	*ok = true;
	if (!fields)
		return NULL;
	json_object_object_foreach(fields, path, wanted) {
		AUTO_STR is = NULL;
		struct err *e;

		e = *ok ? field_matches(object, path, wanted, ok, &is) : NULL;
		if (e)
			return e;
		if (*ok || *why)
			continue;
		AUTO_STR text = json_text(wanted);
		*why = is ? xasprintf("%s is '%.200s', not '%s'", path, is, text)
			  : xasprintf("%s is not there yet", path);
	}
	return NULL;
}

/* The same of those that are to be something else by now. */
static struct err *fields_differ(struct json_object *object, struct json_object *fields, bool *ok,
				 char **why)
{
	*ok = true;
	if (!fields)
		return NULL;
	json_object_object_foreach(fields, path, old) {
		AUTO_JSON found = NULL;
		struct err *e = jsonpath(object, path, &found);

		if (e)
			return e;
		AUTO_STR is = json_len(found) ? json_text(json_nth(found, 0)) : NULL;
		AUTO_STR was = json_text(old);
		const bool differs = is && strcmp(is, was) != 0;

		if (!differs && *ok)
			*why = xasprintf("%s is still '%.200s'", path, is ? is : "");
		*ok = *ok && differs;
	}
	return NULL;
}

struct err *wish_check(const struct ready_wish *wish)
{
	AUTO_STR why = NULL;
	bool ok;

	if (!wish->fields)
		return NULL;
	/* Patterns that are not reached because an earlier field does not match are read as well. */
	json_object_object_foreach(wish->fields, path, wanted) {
		AUTO_STR is = NULL;
		struct err *e = field_matches(NULL, path, wanted, &ok, &is);

		if (e)
			return err_wrap(e, "what to wait for");
	}
	return NULL;
}

static bool condition_as_wished(struct json_object *object, const struct ready_wish *wish,
				char **why)
{
	struct json_object *c = condition_of(object, wish->condition);
	const char *status = wish->status && *wish->status ? wish->status : "True";

	if (c && json_is_str(json_at(c, "status"), status) && !is_old(object, c, false) &&
	    (!wish->reason || !*wish->reason || json_is_str(json_at(c, "reason"), wish->reason)))
		return true;
	*why = condition_words(c, wish->condition);
	return false;
}

/* READY if all that was wished for by name is there. */
static enum readiness as_wished(struct json_object *object, const struct ready_wish *wish,
				char **why)
{
	bool ok;

	if (wish->condition && !condition_as_wished(object, wish, why))
		return NOT_READY;
	struct err *e = fields_match(object, wish->fields, &ok, why);
	if (!e && ok)
		e = fields_differ(object, wish->unlike, &ok, why);
	if (!e)
		return ok ? READY : NOT_READY;
	free(*why);
	*why = xstrdup(e->text);
	err_free(e);
	return FAILED;
}

static enum readiness judged(struct json_object *object, const struct ready_wish *wish, char **why)
{
	const bool named = wish->condition || json_object_is_type(wish->fields, json_type_object) ||
			   wish->unlike;
	const struct kind_rule *rule = rule_of(object);
	enum readiness r;
	AUTO_STR failure = NULL;

	if (!object) {
		*why = xstrdup("it is not there");
		return wish->gone ? READY : NOT_READY;
	}
	if (wish->gone || json_str(object, "metadata.deletionTimestamp")) {
		*why = xstrdup(json_str(object, "metadata.deletionTimestamp")
				       ? "it is being deleted"
				       : "it is not being deleted");
		return NOT_READY;
	}
	if (is_old(object, json_at(object, "status"), false)) {
		*why = xstrdup("its controller has not seen the change yet");
		return NOT_READY;
	}
	r = named ? as_wished(object, wish, why) : rule->ready(object, why);
	if (!named && r == READY && rule->counts &&
	    is_old(object, json_at(object, "status"), true)) {
		*why = xstrdup("its controller has not seen it yet");
		return NOT_READY;
	}
	/* What has failed does not become what was wished for. */
	if (named && r == NOT_READY && rule->ready(object, &failure) == FAILED) {
		free(*why);
		*why = TAKE(failure);
		return FAILED;
	}
	return r;
}

enum readiness object_readiness(struct json_object *object, const struct ready_wish *wish,
				char **why)
{
	static const struct ready_wish plain;
	AUTO_STR words = NULL;
	const enum readiness r = judged(object, wish ? wish : &plain, &words);

	if (why)
		*why = r == READY ? NULL : TAKE(words);
	return r;
}
