/* What is on a node (taints, labels), and its life. */
#include "kubernetes/drain.h"

#include <stdarg.h>
#include <string.h>

#include "kubernetes/nodes.h"
#include "kubernetes/objects.h"
#include "text.h"

enum { TRIES = 5, FORGET_MS = 60000 };

static const char OURS[] = "treenail/marks", HELD[] = "treenail/held";

/* ---- taints ---- */

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

struct json_object *taints_after(struct json_object *have, struct json_object *given, bool absent,
				 bool replace)
{
	struct json_object *all = json_object_new_array();

	if (absent || !replace)
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

static bool same_taints(struct json_object *have, struct json_object *taints)
{
	return have ? json_object_equal(have, taints) : !json_len(taints);
}

/* Patch of a node to have just these; with the version that was looked at. Owned. */
static struct json_object *taints_patch(struct json_object *node, struct json_object *taints)
{
	struct json_object *patch = json_wrap("spec", json_wrap("taints", json_object_get(taints)));

	json_set(patch, "metadata",
		 json_wrap("resourceVersion",
			   json_object_get(json_at(node, "metadata.resourceVersion"))));
	return patch;
}

/* ---- changing one that others change, too ---- */

/* The patch that makes a node so, NULL: nothing is to be done; pure; owned. */
struct change {
	struct json_object *(*patch)(const struct change *x, struct json_object *node);
	struct json_object *given, *taints;
	bool absent, replace;
};

static struct err *change_once(struct cluster *c, const char *name, const struct change *x,
			       bool check, struct json_object **before, struct json_object **after)
{
	const struct kube_kind *kind = NULL;
	struct err *e = node_read(c, name, &kind, before);

	if (e)
		return e;
	AUTO_JSON patch = x->patch(x, *before);
	return patch ? node_patch(c, kind, name, patch, check, after) : NULL;
}

/* The version goes along: another's change that came between is a conflict, and all is looked at again. */
static struct err *change(struct cluster *c, const char *name, const struct change *x, bool check,
			  struct json_object **before, struct json_object **after)
{
	struct err *e = NULL;

	*before = *after = NULL;
	for (int i = 0; i < TRIES; i++) {
		json_object_put(TAKE(*before));
		err_free(e);
		e = change_once(c, name, x, check, before, after);
		if (!e || e->kind != ERR_CONFLICT)
			break;
	}
	return e;
}

static struct json_object *patch_of_taints(const struct change *x, struct json_object *node)
{
	struct json_object *have = json_at(node, "spec.taints");
	AUTO_JSON taints = taints_after(have, x->given, x->absent, x->replace);

	return same_taints(have, taints) ? NULL : taints_patch(node, taints);
}

struct err *node_taint(struct cluster *c, const char *name, struct json_object *given,
		       enum taint_how how, bool check, struct json_object **before,
		       struct json_object **after)
{
	const struct change x = { .patch = patch_of_taints,
				  .given = given,
				  .absent = how == TAINT_REMOVE,
				  .replace = how == TAINT_ONLY };

	return change(c, name, &x, check, before, after);
}

/* ---- out for a while ---- */

bool node_is_held(struct json_object *node)
{
	return json_has(json_at(node, "metadata.annotations"), HELD);
}

/* Owned. */
static struct json_object *holding(struct json_object *node, const char *held, bool unschedulable)
{
	struct json_object *patch = json_object_new_object(), *meta = json_object_new_object();
	struct json_object *notes = json_object_new_object();

	json_sets(notes, HELD, held);
	json_set(meta, "annotations", notes);
	json_set(meta, "resourceVersion",
		 json_object_get(json_at(node, "metadata.resourceVersion")));
	json_set(patch, "metadata", meta);
	json_set(patch, "spec",
		 json_wrap("unschedulable", unschedulable ? json_object_new_boolean(true) : NULL));
	return patch;
}

static struct json_object *patch_of_hold(const struct change *x, struct json_object *node)
{
	(void)x;
	return json_truth(node, "spec.unschedulable", false) ? NULL : holding(node, "true", true);
}

static struct json_object *patch_of_release(const struct change *x, struct json_object *node)
{
	(void)x;
	return node_is_held(node) ? holding(node, NULL, false) : NULL;
}

static struct err *change_untold(struct cluster *c, const char *name, const struct change *x)
{
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;

	return change(c, name, x, false, &before, &after);
}

struct err *node_hold(struct cluster *c, const char *name)
{
	return change_untold(c, name, &(struct change){ .patch = patch_of_hold });
}

struct err *node_give_back(struct cluster *c, const char *name)
{
	return change_untold(c, name, &(struct change){ .patch = patch_of_release });
}

/* ---- marks ---- */

/* "key[=value]:Effect" as {key, value, effect}; owned. */
static struct json_object *taint_of(struct json_object *given)
{
	struct json_object *taint;
	const char *s, *colon;
	size_t key, len;

	if (!json_object_is_type(given, json_type_string))
		return json_copy(given);
	s = json_object_get_string(given);
	colon = strrchr(s, ':');
	len = colon ? (size_t)(colon - s) : strlen(s);
	key = strcspn(s, "=");
	key = key < len ? key : len;
	taint = json_object_new_object();
	json_set(taint, "key", json_object_new_string_len(s, (int)key));
	if (key < len)
		json_set(taint, "value",
			 json_object_new_string_len(s + key + 1, (int)(len - key - 1)));
	if (colon)
		json_sets(taint, "effect", colon + 1);
	return taint;
}

static struct json_object *taints_of(struct json_object *list)
{
	struct json_object *taints = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(taints, taint_of(json_nth(list, i)));
	return taints;
}

/* "key:Effect", which is what a taint is called by. */
static struct json_object *taint_id(struct json_object *taint)
{
	const char *effect = json_str(taint, "effect");
	AUTO_STR id = xasprintf("%s%s%s", json_str(taint, "key"), effect ? ":" : "",
				effect ? effect : "");

	return json_object_new_string(id);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_object_get_string(*(struct json_object *const *)a),
		      json_object_get_string(*(struct json_object *const *)b));
}

/* Text of the annotation for these marks; NULL: there are none. Owned. */
static char *ours_text(struct json_object *labels, struct json_object *taints)
{
	AUTO_JSON ours = json_object_new_object();
	struct json_object *keys = json_object_new_array(), *ids = json_object_new_array();

	if (labels) {
		json_object_object_foreach(labels, key, value) {
			(void)value;
			json_object_array_add(keys, json_object_new_string(key));
		}
	}
	for (size_t i = 0; i < json_len(taints); i++)
		json_object_array_add(ids, taint_id(json_nth(taints, i)));
	json_object_array_sort(keys, by_text);
	json_object_array_sort(ids, by_text);
	json_set(ours, "labels", keys);
	json_set(ours, "taints", ids);
	if (!json_len(keys) && !json_len(ids))
		return NULL;
	return xstrdup(json_object_to_json_string_ext(
		ours, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static const char *ours_now(struct json_object *node)
{
	return json_str(json_at(node, "metadata.annotations"), OURS);
}

/* What was ours; people can write into annotations, so anything may be in there. Owned. */
static struct json_object *ours_of(struct json_object *node)
{
	const char *text = ours_now(node);
	struct json_object *ours = NULL;

	if (text)
		err_free(json_parse(text, strlen(text), &ours));
	return ours;
}

/* Labels to be set, and (null) taken away. Owned. */
static struct json_object *labels_patch(struct json_object *node, struct json_object *labels,
					struct json_object *ours)
{
	struct json_object *have = json_at(node, "metadata.labels"), *patch;

	patch = json_object_new_object();
	for (size_t i = 0; i < json_len(ours); i++) {
		const char *key = json_object_get_string(json_nth(ours, i));

		if (key && json_has(have, key) && !json_has(labels, key))
			json_set(patch, key, NULL);
	}
	if (labels) {
		json_object_object_foreach(labels, key, value)
			if (!json_object_equal(value, json_object_object_get(have, key)))
				json_set(patch, key, json_object_get(value));
	}
	return patch;
}

/* Ours that are not wanted any more are taken out, then those wanted added. Owned. */
static struct json_object *taints_marked(struct json_object *have, struct json_object *wanted,
					 struct json_object *ours)
{
	AUTO_JSON old = taints_of(ours);
	AUTO_JSON gone = json_object_new_array();
	AUTO_JSON rest = NULL;

	for (size_t i = 0; i < json_len(old); i++)
		if (json_str(json_nth(old, i), "key") &&
		    !any_meant(wanted, json_nth(old, i), false))
			json_object_array_add(gone, json_object_get(json_nth(old, i)));
	rest = taints_after(have, gone, true, false);
	return taints_after(rest, wanted, false, false);
}

struct json_object *marks_patch(struct json_object *node, struct json_object *labels,
				struct json_object *taints)
{
	struct json_object *have = json_at(node, "spec.taints");
	const char *now = ours_now(node);
	AUTO_JSON ours = ours_of(node);
	AUTO_JSON wanted = taints_of(taints);
	AUTO_JSON after = taints_marked(have, wanted, json_at(ours, "taints"));
	AUTO_JSON marks = labels_patch(node, labels, json_at(ours, "labels"));
	AUTO_STR text = ours_text(labels, wanted);
	struct json_object *patch, *meta;
	const bool told = text && now ? strcmp(text, now) == 0 : !text && !now;
	const bool tainted = same_taints(have, after);

	if (told && tainted && !json_object_object_length(marks))
		return NULL;
	patch = taints_patch(node, after);
	meta = json_at(patch, "metadata");
	if (tainted)
		json_object_object_del(patch, "spec");
	if (json_object_object_length(marks))
		json_set(meta, "labels", TAKE(marks));
	if (!told) {
		struct json_object *notes = json_object_new_object();

		json_sets(notes, OURS, text);
		json_set(meta, "annotations", notes);
	}
	return patch;
}

static PRINTF(2, 3) void say(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	buf_addf(b, "%s%s", b->len ? ", " : "", text);
}

static void say_taints(struct buf *b, struct json_object *have, struct json_object *after)
{
	for (size_t i = 0; i < json_len(have); i++) {
		AUTO_JSON id = taint_id(json_nth(have, i));

		if (!any_meant(after, json_nth(have, i), false))
			say(b, "taint %s removed", json_object_get_string(id));
	}
	for (size_t i = 0; i < json_len(after); i++) {
		AUTO_JSON id = taint_id(json_nth(after, i));
		const char *value = json_str(json_nth(after, i), "value");

		if (!same_as(json_nth(after, i), have))
			say(b, "taint %s%s%s%s", json_object_get_string(id), value ? " (" : "",
			    value ? value : "", value ? ")" : "");
	}
}

static void say_labels(struct buf *b, struct json_object *have, struct json_object *labels)
{
	json_object_object_foreach(labels, key, value) {
		const char *was = json_object_get_string(json_object_object_get(have, key));

		if (!value)
			say(b, "label %s removed (was %s)", key, was ? was : "");
		else
			say(b, "label %s=%s%s%s%s", key, json_object_get_string(value),
			    was ? " (was " : "", was ? was : "", was ? ")" : "");
	}
}

char *marks_words(struct json_object *node, struct json_object *patch)
{
	struct json_object *labels = json_at(patch, "metadata.labels");
	AUTO_BUF b = BUF_INIT;

	if (labels)
		say_labels(&b, json_at(node, "metadata.labels"), labels);
	if (json_at(patch, "spec.taints"))
		say_taints(&b, json_at(node, "spec.taints"), json_at(patch, "spec.taints"));
	if (patch && !b.len)
		say(&b, "its marks become ours");
	return buf_take(&b);
}

static struct json_object *patch_of_marks(const struct change *x, struct json_object *node)
{
	return marks_patch(node, x->given, x->taints);
}

struct err *node_mark(struct cluster *c, const char *name, struct json_object *labels,
		      struct json_object *taints, bool check, struct json_object **before,
		      struct json_object **after)
{
	const struct change x = { .patch = patch_of_marks, .given = labels, .taints = taints };

	return change(c, name, &x, check, before, after);
}

/* ---- a node that is replaced ---- */

/* Kubelets, kubeadm and controllers put these there; those that end with a slash are all below it. */
static bool by_itself(const char *key)
{
	static const char *const names[] = {
		"beta.kubernetes.io/",
		"failure-domain.beta.kubernetes.io/",
		"kubernetes.io/arch",
		"kubernetes.io/hostname",
		"kubernetes.io/os",
		"node-role.kubernetes.io/control-plane",
		"node-role.kubernetes.io/master",
		"node.cloudprovider.kubernetes.io/",
		"node.kubernetes.io/",
		"topology.kubernetes.io/",
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		const size_t len = strlen(names[i]);
		const bool all = names[i][len - 1] == '/';

		if (strncmp(key, names[i], len) == 0 && (all || !key[len]))
			return true;
	}
	return false;
}

struct json_object *node_marks(struct json_object *node)
{
	struct json_object *have = json_at(node, "metadata.labels");
	struct json_object *list = json_at(node, "spec.taints");
	struct json_object *marks = json_object_new_object();
	struct json_object *labels = json_object_new_object();
	struct json_object *taints = json_object_new_array();

	if (have) {
		json_object_object_foreach(have, key, value)
			if (!by_itself(key))
				json_set(labels, key, json_copy(value));
	}
	for (size_t i = 0; i < json_len(list); i++) {
		const char *key = json_str(json_nth(list, i), "key");
		struct json_object *taint;

		if (!key || by_itself(key))
			continue;
		taint = json_copy(json_nth(list, i));
		json_object_object_del(taint, "timeAdded");
		json_object_array_add(taints, taint);
	}
	json_set(marks, "labels", labels);
	json_set(marks, "taints", taints);
	json_set(marks, "unschedulable",
		 json_object_new_boolean(json_truth(node, "spec.unschedulable", false)));
	return marks;
}

static struct json_object *lacking_labels(struct json_object *have, struct json_object *labels)
{
	struct json_object *lacking = json_object_new_object();

	if (labels) {
		json_object_object_foreach(labels, key, value)
			if (!json_has(have, key))
				json_set(lacking, key, json_copy(value));
	}
	return lacking;
}

static struct json_object *lacking_taints(struct json_object *have, struct json_object *taints)
{
	struct json_object *lacking = json_object_new_array();

	for (size_t i = 0; i < json_len(taints); i++)
		if (!any_meant(have, json_nth(taints, i), false))
			json_object_array_add(lacking, json_copy(json_nth(taints, i)));
	return lacking;
}

static struct json_object *patch_of_restore(const struct change *x, struct json_object *node)
{
	struct json_object *have = json_at(node, "spec.taints");
	AUTO_JSON labels =
		lacking_labels(json_at(node, "metadata.labels"), json_at(x->given, "labels"));
	AUTO_JSON added = lacking_taints(have, json_at(x->given, "taints"));
	AUTO_JSON taints = taints_after(have, added, false, false);
	const bool labelled = !json_object_object_length(labels);
	const bool cordoned = json_truth(node, "spec.unschedulable", false) ||
			      !json_truth(x->given, "unschedulable", false);
	struct json_object *patch;

	if (labelled && !json_len(added) && cordoned)
		return NULL;
	patch = taints_patch(node, taints);
	if (!json_len(added))
		json_object_object_del(json_at(patch, "spec"), "taints");
	if (!labelled)
		json_set(json_at(patch, "metadata"), "labels", TAKE(labels));
	if (!cordoned)
		json_set(json_at(patch, "spec"), "unschedulable", json_object_new_boolean(true));
	return patch;
}

struct err *node_restore(struct cluster *c, const char *name, struct json_object *marks, bool check,
			 struct json_object **before, struct json_object **after)
{
	const struct change x = { .patch = patch_of_restore, .given = marks };

	return change(c, name, &x, check, before, after);
}

/* ---- its life ---- */

static const char BEAT[] = "{.status.conditions[?(@.type==\"Ready\")].lastHeartbeatTime}";
static const char BOOT[] = "{.status.nodeInfo.bootID}",
		  VERSION_AT[] = "{.status.nodeInfo.kubeletVersion}";

/* A regular expression for just this version. */
static char *version_pattern(const char *version)
{
	AUTO_BUF b = BUF_INIT;

	buf_adds(&b, "^v");
	for (const char *p = version + (*version == 'v'); *p; p++)
		buf_addf(&b, "%s%c", strchr(".+", *p) ? "\\" : "", *p);
	buf_adds(&b, "$");
	return buf_take(&b);
}

/* {path: what is at it now}; NULL: nothing is. Owned. */
static struct json_object *as_it_was(struct json_object *before, const char *path)
{
	AUTO_JSON found = NULL;

	if (!before)
		return NULL;
	err_free(jsonpath(before, path, &found));
	return json_len(found) ? json_wrap(path, json_copy(json_nth(found, 0))) : NULL;
}

struct err *node_wait_ready(struct cluster *c, const char *name, const struct node_wish *wish,
			    struct json_object **ret)
{
	AUTO_STR pattern = wish->version ? version_pattern(wish->version) : NULL;
	AUTO_JSON fields = pattern ? json_wrap(VERSION_AT, json_object_new_string(pattern)) : NULL;
	AUTO_JSON unlike = as_it_was(wish->before, wish->reboot ? BOOT : BEAT);
	const struct kube_kind *kind = NULL;
	struct err *e = kind_find(c, "v1", "Node", &kind);

	*ret = NULL;
	if (e)
		return e;
	return ready_wait(c, kind, NULL, name, NULL,
			  &(struct ready_wish){ .condition = "Ready",
						.fields = fields,
						.unlike = unlike,
						.timeout_ms = wish->timeout_ms },
			  ret);
}

struct err *node_forget(struct cluster *c, const char *name, bool check, bool *ret_changed)
{
	const struct ready_wish gone = { .gone = true, .timeout_ms = FORGET_MS };
	AUTO_JSON want = json_wrap("metadata", json_wrap("name", json_object_new_string(name)));
	struct object_op op = {
		.cluster = c, .want = want, .absent = true, .check = check, .wait = &gone
	};
	struct err *e = NULL;

	json_sets(want, "apiVersion", "v1");
	json_sets(want, "kind", "Node");
	objects_apply(&op, 1, 1, &e);
	*ret_changed = op.changed;
	object_op_release(&op);
	return e;
}
