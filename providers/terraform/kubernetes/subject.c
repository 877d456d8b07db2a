#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "clusters.h"
#include "kubernetes/compare.h"
#include "live.h"
#include "protocol/value.h"
#include "text.h"

enum { KIND_WAIT_MS = 60000, KIND_PAUSE_MS = 250, KIND_PAUSE_MAX_MS = 2000 };

struct json_object *plain_object(struct json_object *v)
{
	struct json_object *ret;

	v = value_inner(v);
	if (json_object_is_type(v, json_type_array)) {
		ret = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			if (value_inner(json_nth(v, i)))
				json_object_array_add(ret, plain_object(json_nth(v, i)));
		return ret;
	}
	if (!json_object_is_type(v, json_type_object) || value_is_unknown(v))
		return json_copy(v);
	ret = json_object_new_object();
	json_object_object_foreach(v, key, one) {
		if (value_inner(one))
			json_set(ret, key, plain_object(one));
	}
	return ret;
}

/* ---- texts ---- */

/* What of built-in kinds has nothing but texts in it, below which key ("": the object; NULL: any). */
static const struct {
	const char *up, *keys;
} texts[] = {
	{ "", "parameters" },
	{ "metadata", "labels annotations" },
	{ "spec", "selector" },
	{ NULL, "matchLabels nodeSelector" },
	{ "matchExpressions", "values" },
	{ "containers initContainers ephemeralContainers exec", "command args" },
	{ "env", "value" },
};

static bool has_texts(const char *up, const char *key)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		if (words_have(texts[i].keys, key) &&
		    (!texts[i].up || (*texts[i].up ? words_have(texts[i].up, up) : !*up)))
			return true;
	return false;
}

static bool is_bare(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double) ||
	       json_object_is_type(v, json_type_boolean);
}

static struct json_object *as_text(struct json_object *v)
{
	AUTO_STR text = is_bare(v) ? json_text(v) : NULL;

	return text ? json_object_new_string(text) : json_object_get(v);
}

/* What is in it, and not below. */
static void members_to_text(struct json_object *v)
{
	for (size_t i = 0; i < json_len(v); i++)
		(void)json_object_array_put_idx(v, i, as_text(json_nth(v, i)));
	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach(v, key, one) {
		if (is_bare(one))
			json_set(v, key, as_text(one));
	}
}

static void below_to_text(struct json_object *v, const char *up)
{
	for (size_t i = 0; i < json_len(v); i++)
		below_to_text(json_nth(v, i), up);
	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach(v, key, one) {
		const bool wanted = has_texts(up, key);

		if (is_bare(one)) {
			if (wanted)
				json_set(v, key, as_text(one));
			continue;
		}
		if (wanted)
			members_to_text(one);
		below_to_text(one, key);
	}
}

void object_to_text(struct json_object *object)
{
	const char *version = json_str(object, "apiVersion"), *kind = json_str(object, "kind");

	members_to_text(json_at(object, "metadata.labels"));
	members_to_text(json_at(object, "metadata.annotations"));
	/* What a CRD calls nodeSelector is a field of the schema it has, not one of a pod. */
	if (!version || !kind || !group_builtin(version) ||
	    strncmp(version, "apiextensions.k8s.io/", 21) == 0)
		return;
	if (strcmp(version, "v1") == 0 && words_have("ConfigMap Secret", kind)) {
		members_to_text(json_at(object, "data"));
		members_to_text(json_at(object, "stringData"));
	}
	below_to_text(object, "");
}

/* ---- where it is ---- */

static void set_namespace(struct subject *s)
{
	struct json_object *meta = json_at(s->want, "metadata");
	const char *ns = json_str(meta, "namespace");

	if (!meta) {
		meta = json_object_new_object();
		json_set(s->want, "metadata", meta);
	}
	if (!s->kind->namespaced)
		json_object_object_del(meta, "namespace");
	else if (!ns || !*ns)
		json_sets(meta, "namespace", "default");
	s->ns = s->kind->namespaced ? json_str(meta, "namespace") : NULL;
	s->name = json_str(meta, "name");
}

/* ERR_NOT_FOUND: the cluster has no such kind. */
static struct err *open_any(struct subject *s, struct cluster *c, struct json_object *want)
{
	const char *version = json_str(want, "apiVersion"), *kind = json_str(want, "kind");
	struct err *e;

	if (!version || !kind)
		return err_new(ERR_USAGE, "an object has to have apiVersion and kind");
	s->c = c;
	e = kind_find(c, version, kind, &s->kind);
	if (e)
		return e;
	json_object_put(s->want);
	s->want = plain_object(want);
	set_namespace(s);
	return NULL;
}

struct err *subject_open(struct subject *s, struct cluster *c, struct json_object *want)
{
	struct err *e = open_any(s, c, want);

	/* No CRD brings a kind of a group that is the server's own. */
	if (e && e->kind == ERR_NOT_FOUND && group_builtin(json_str(want, "apiVersion")))
		e->kind = ERR_USAGE;
	return e;
}

char *subject_import_id(const char *cluster, const char *id)
{
	const bool other = cluster && *cluster;

	return xasprintf("%s%s%s%s", other ? "cluster:" : "", other ? cluster : "",
			 other ? "/" : "", id);
}

void warn_to_come(struct tf_op *t, const struct err *e)
{
	op_warn(t->op,
		"%s: planned from the configuration alone; if this run does not bring that kind, "
		"applying will fail.",
		e->text);
}

struct err *subject_await(struct subject *s, struct cluster *c, struct json_object *want,
			  int64_t deadline, bool patient)
{
	const int64_t until = patient ? deadline : clock_ms() + KIND_WAIT_MS;
	int64_t pause = KIND_PAUSE_MS;
	struct err *e = subject_open(s, c, want);

	while (e && e->kind == ERR_NOT_FOUND && clock_ms() + pause < until && !clock_is_cut()) {
		err_free(e);
		clock_sleep_ms(pause);
		pause = pause * 2 < KIND_PAUSE_MAX_MS ? pause * 2 : KIND_PAUSE_MAX_MS;
		kinds_forget(c);
		e = subject_open(s, c, want);
	}
	return e;
}

void subject_release(struct subject *s)
{
	json_object_put(s->want);
}

struct err *subject_before(const struct subject *s, int64_t deadline, struct json_object **ret)
{
	struct ready_wish gone = { .gone = true, .timeout_ms = deadline - clock_ms() };
	struct json_object *have = NULL, *last = NULL;
	struct err *e = s->name ? live_lately(s->c, s->kind, s->ns, s->name, &have) : NULL;

	if (!e && json_at(have, "metadata.deletionTimestamp")) {
		e = err_wrap(ready_wait(s->c, s->kind, s->ns, s->name, have, &gone, &last),
			     "the one before it");
		json_object_put(last);
		json_object_put(TAKE(have));
	}
	if (!e)
		*ret = TAKE(have);
	json_object_put(have);
	return e;
}

/* ---- waiting ---- */

static struct err *wait_for(const struct subject *s, int64_t deadline, struct ready_wish wish,
			    struct json_object **object)
{
	struct json_object *last = NULL;
	struct err *e;

	wish.timeout_ms = deadline - clock_ms();
	if (wish.timeout_ms < 1)
		wish.timeout_ms = 1;
	e = ready_wait(s->c, s->kind, s->ns, json_str(*object, "metadata.name"), *object, &wish,
		       &last);
	if (last) {
		json_object_put(*object);
		*object = last;
	}
	return e;
}

struct err *subject_wait(const struct subject *s, int64_t deadline, const struct subject_wish *wish,
			 struct json_object **object)
{
	struct err *e = NULL;

	if (wish->ready)
		e = wait_for(s, deadline, (struct ready_wish){ .rollout = true }, object);
	if (!e && !json_empty(wish->fields))
		e = wait_for(s, deadline, (struct ready_wish){ .fields = wish->fields }, object);
	for (size_t i = 0; i < json_len(wish->conditions) && !e; i++) {
		struct json_object *one = json_nth(wish->conditions, i);

		if (json_str(one, "type"))
			e = wait_for(s, deadline,
				     (struct ready_wish){ .condition = json_str(one, "type"),
							  .status = json_str(one, "status") },
				     object);
	}
	return e;
}

/* ---- reading and removing ---- */

/*
 * A kind that discovery does not tell of is gone for sure if nothing serves its API, or what does
 * is well.
 */
static struct err *confirm_gone(struct cluster *c, struct json_object *want, struct err *e)
{
	const char *version = json_str(want, "apiVersion");
	const char *slash = version ? strchr(version, '/') : NULL;
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON service = NULL;
	struct err *asked;

	if (!slash)
		return e;
	AUTO_STR group = xstrndup(version, (size_t)(slash - version));
	buf_adds(&path, "/apis/apiregistration.k8s.io/v1/apiservices/");
	buf_addurl(&path, slash + 1);
	buf_adds(&path, ".");
	buf_addurl(&path, group);
	const struct kube_request req = { .method = "GET", .path = path.s };
	asked = cluster_call(c, &req, &service);
	if (asked && asked->kind == ERR_NOT_FOUND) {
		err_free(asked);
		err_free(e);
		return NULL;
	}
	err_free(asked);
	for (size_t i = 0; i < json_len(json_at(service, "status.conditions")); i++) {
		struct json_object *one = json_nth(json_at(service, "status.conditions"), i);

		if (json_is_str(json_at(one, "type"), "Available") &&
		    json_is_str(json_at(one, "status"), "True")) {
			err_free(e);
			return NULL;
		}
	}
	return e;
}

struct err *subject_read(const char *cluster, struct json_object *want, struct json_object **ret)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	struct cluster *c = NULL;
	struct err *e = clusters_want(cluster, &c);

	if (e)
		return e;
	e = open_any(&s, c, want);
	if (e && e->kind == ERR_NOT_FOUND) {
		*ret = NULL;
		return confirm_gone(c, want, e);
	}
	if (!e && !s.name)
		e = err_new(ERR_USAGE, "the object has no name");
	if (e)
		return e;
	subject_seen(&s);
	return live_get(c, s.kind, s.ns, s.name, ret);
}

/* Its kind may go while it is being deleted, and then there is nothing left to be watched. Takes e. */
static struct err *look_again(const struct subject *s, struct err *e)
{
	AUTO_JSON have = NULL;
	AUTO_ERR asked = object_get(s->c, s->kind, s->ns, s->name, &have);

	if (asked || have)
		return e;
	err_free(e);
	return NULL;
}

struct err *subject_remove(const char *cluster, struct json_object *want,
			   struct json_object *delete_options, int64_t timeout_ms, bool wait)
{
	const struct ready_wish gone = { .gone = true, .timeout_ms = timeout_ms };
	AUTO_SUBJECT s = SUBJECT_INIT;
	struct cluster *c = NULL;
	struct err *e = clusters_want(cluster, &c);

	if (e)
		return e;
	e = open_any(&s, c, want);
	if (e && e->kind == ERR_NOT_FOUND)
		return confirm_gone(c, want, e);
	if (e)
		return e;
	struct object_op op = { .cluster = c,
				.want = s.want,
				.absent = true,
				.delete_options = delete_options,
				.read = true,
				.wait = wait ? &gone : NULL };
	if (s.name)
		e = live_lately(c, s.kind, s.ns, s.name, &op.before);
	if (e)
		return e;
	if (s.name)
		live_drop(c, s.kind, s.ns, s.name);
	objects_apply(&op, 1, 1, &e);
	object_op_release(&op);
	return e && e->kind == ERR_NOT_FOUND ? look_again(&s, e) : e;
}

/* ---- comparing ---- */

static size_t group_len(const char *version)
{
	const char *slash = strchr(version, '/');

	return slash ? (size_t)(slash - version) : 0;
}

static bool same_text(struct json_object *x, struct json_object *y, const char *path,
		      const char *fallback)
{
	const char *a = json_str(x, path), *b = json_str(y, path);

	return strcmp(a ? a : fallback, b ? b : fallback) == 0;
}

bool same_object(struct json_object *x, struct json_object *y)
{
	const char *a = json_str(x, "apiVersion"), *b = json_str(y, "apiVersion");

	return a && b && group_len(a) == group_len(b) && strncmp(a, b, group_len(a)) == 0 &&
	       same_text(x, y, "kind", "") && same_text(x, y, "metadata.name", "") &&
	       (json_str(x, "metadata.name") || same_text(x, y, "metadata.generateName", "")) &&
	       same_text(x, y, "metadata.namespace", "default");
}

bool has_all(struct json_object *have, struct json_object *want)
{
	return merge_holds(have, want, group_builtin(json_str(want, "apiVersion")));
}

bool cannot_predict(const struct err *e)
{
	/*
	 * Its namespace or kind is still to be made, or anew; a webhook has effects that it cannot do without; the
	 * port or address may be of a Service that this run removes.
	 */
	return e->kind == ERR_NOT_FOUND || strstr(e->text, "does not support dry run") ||
	       strstr(e->text, "because it is being terminated") ||
	       strstr(e->text, "is already allocated");
}

char *may_pass(const struct err *e)
{
	/* What uses the quota may be removed, what serves the webhook may be made or started. */
	if (!(e->status == 403 && strstr(e->text, "exceeded quota")) &&
	    !strstr(e->text, "failed calling webhook"))
		return NULL;
	return xasprintf("%s; unless this run changes that first, applying it will fail", e->text);
}

bool is_immutable(const struct err *e)
{
	/* API types have words of their own for it. */
	static const char *const words[] = { "field is immutable", "may not be changed",
					     "updates to statefulset spec for fields other than",
					     "is immutable after creation" };

	/* Somebody's denial, whatever it says, is no reason to delete what is there; a policy's is a 422, too. */
	if (e->status != 422 || strstr(e->text, "denied the request") ||
	    strstr(e->text, "denied request"))
		return false;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(e->text, words[i]))
			return true;
	return false;
}

/* ---- paths ---- */

char *path_step(const char **path)
{
	const char *s = *path;
	size_t len;
	char *step;

	s += strspn(s, ".");
	if (!*s)
		return NULL;
	if (*s != '[') {
		len = strcspn(s, ".[");
		*path = s + len;
		return xstrndup(s, len);
	}
	s++;
	if (*s == '"' || *s == '\'') {
		const char *end = strchr(s + 1, *s);

		len = end ? (size_t)(end - s - 1) : strlen(s + 1);
		step = xstrndup(s + 1, len);
		s += len + (end ? 2 : 1);
	} else {
		len = strcspn(s, "]");
		step = xstrndup(s, len);
		s += len;
	}
	*path = *s == ']' ? s + 1 : s;
	return step;
}
