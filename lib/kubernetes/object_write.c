#include <string.h>

#include "clock.h"
#include "kubernetes/applying.h"
#include "kubernetes/compare.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

enum {
	TRIES = 8,       /* against who writes the same object at the same time */
	GONE_MS = 60000, /* how long what is being deleted is waited for */
};

/* ---- is it another one ---- */

bool kind_has_status(const struct kube_kind *k)
{
	for (size_t i = 0; k && i < json_len(k->subresources); i++)
		if (json_is_str(json_nth(k->subresources, i), "status"))
			return true;
	return false;
}

/* Without a subresource it is a field like others. */
static bool status_same(const struct work *w, struct json_object *x, struct json_object *y)
{
	return kind_has_status(w->op->kind) ||
	       json_object_equal(json_at(x, "status"), json_at(y, "status"));
}

bool work_same(const struct work *w, struct json_object *x, struct json_object *y)
{
	AUTO_JSON a = document_shown(x, true);
	AUTO_JSON b = document_shown(y, true);

	return status_same(w, x, y) && json_object_equal(a, b);
}

/* ---- one request ---- */

static bool by_server(const struct object_op *op)
{
	return op->way == WAY_SERVER_APPLY;
}

static const char *manager(const struct object_op *op)
{
	return op->field_manager ? op->field_manager : "treenail";
}

static char *written_path(const struct work *w, const char *name)
{
	const struct object_op *op = w->op;
	AUTO_STR path = kind_path(op->kind, w->ns, name, NULL);
	AUTO_BUF b = BUF_INIT;

	buf_addf(&b, "%s?fieldManager=", path);
	buf_addurl(&b, manager(op));
	buf_addf(&b, "&fieldValidation=%s", op->lenient ? "Warn" : "Strict");
	if (by_server(op) && op->force_conflicts)
		buf_adds(&b, "&force=true");
	if (op->check)
		buf_adds(&b, "&dryRun=All");
	return buf_take(&b);
}

/* Whether the user says which version of the object is meant: then another one is not. */
static bool is_pinned(const struct work *w)
{
	return json_has(json_at(w->want, "metadata"), "resourceVersion");
}

static struct err *patch_send(const struct work *w, struct json_object *body, const char *type,
			      struct json_object **ret)
{
	AUTO_STR path = written_path(w, w->name);

	return cluster_call(
		w->op->cluster,
		&(struct kube_request){
			.method = "PATCH", .path = path, .body = body, .content_type = type },
		ret);
}

/* ---- what is not there ---- */

static void name_need(struct work *w)
{
	const char *stem = json_str(w->want, "metadata.generateName");

	if (w->name)
		return;
	w->generated = true;
	w->name = name_generate(stem ? stem : "");
	json_sets(json_at(w->want, "metadata"), "name", w->name);
}

static struct err *create(struct work *w, struct json_object *body, struct json_object **ret)
{
	AUTO_STR path = NULL;

	name_need(w);
	path = written_path(w, NULL);
	w->op->method = w->op->way == WAY_CLIENT_APPLY ? "apply" : "create";
	return cluster_call(w->op->cluster,
			    &(struct kube_request){ .method = "POST",
						    .path = path,
						    .body = body ? body : w->want,
						    .named = !w->generated },
			    ret);
}

/* ---- ways; *ret NULL: there is nothing to do ---- */

static struct err *way_server_apply(struct work *w, struct json_object *have,
				    struct json_object **ret)
{
	struct err *e;

	if (have && owned_same(have, w->want, manager(w->op)))
		return NULL;
	name_need(w);
	w->op->method = "apply";
	e = patch_send(w, w->want, "application/apply-patch+yaml", ret);
	/* The server calls it its own failure that the fields are none of the kind's. */
	if (e && e->status == 500 && strstr(e->text, "typed patch object"))
		e->kind = ERR_USAGE;
	if (e && e->status == 409 && strstr(e->text, "Apply failed with") &&
	    !w->op->force_conflicts) {
		const char *words = w->op->force_words;
		AUTO_STR said = e->text;

		e->text = xasprintf("%s; leave these fields out, or take them over with %s", said,
				    words ? words : "force_conflicts");
	}
	return e;
}

static const char *merge_content(const char *name)
{
	if (strcmp(name, "strategic-merge") == 0)
		return "application/strategic-merge-patch+json";
	return strcmp(name, "merge") == 0 ? "application/merge-patch+json" : NULL;
}

static struct err *way_merge(struct work *w, struct json_object *have, struct json_object **ret)
{
	static const char *const usual[] = { "strategic-merge", "merge" };
	const bool builtin = group_builtin(json_str(w->want, "apiVersion"));
	const size_t n = w->op->merge_types ? json_len(w->op->merge_types) : COUNT(usual);
	struct err *e = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *name = w->op->merge_types
					   ? json_object_get_string(json_nth(w->op->merge_types, i))
					   : usual[i];
		const char *type = merge_content(name);
		const bool strategic = name && *name == 's';

		if (!type)
			return err_new(ERR_USAGE, "there is no way to merge called '%s'", name);
		/* Of a custom resource the server knows no merge keys. */
		if (strategic && !builtin && i + 1 < n)
			continue;
		if (merge_holds(have, w->want, strategic))
			return NULL;
		w->op->method = "patch";
		json_object_put(w->named);
		w->named = json_object_get(w->want);
		err_free(e);
		e = patch_send(w, w->want, type, ret);
		if (!e || e->status != 415)
			break;
	}
	return e;
}

/* What a definition says of the very object, the server is to judge. */
static bool is_replaced(const struct work *w, struct json_object *have)
{
	static const char *const very[] = { "uid", "resourceVersion" };
	AUTO_JSON a = document_shown(have, true);
	AUTO_JSON b = document_shown(w->want, true);

	for (size_t i = 0; i < COUNT(very); i++) {
		struct json_object *v = json_at(json_at(w->want, "metadata"), very[i]);

		if (v && !json_object_equal(v, json_at(json_at(have, "metadata"), very[i])))
			return false;
	}
	return status_same(w, have, w->want) && replace_same(a, b);
}

static struct err *way_replace(struct work *w, struct json_object *have, struct json_object **ret)
{
	AUTO_JSON body = NULL;
	AUTO_STR path = NULL;

	if (is_replaced(w, have))
		return NULL;
	body = json_copy(w->want);
	if (!is_pinned(w))
		json_sets(json_at(body, "metadata"), "resourceVersion",
			  json_str(have, "metadata.resourceVersion"));
	path = written_path(w, w->name);
	w->op->method = "update";
	return cluster_call(w->op->cluster,
			    &(struct kube_request){ .method = "PUT", .path = path, .body = body },
			    ret);
}

/* What was applied last; kubectl writes its annotation down as an empty one. */
static struct json_object *last_applied(struct json_object *have)
{
	const char *text = json_str(json_at(have, "metadata.annotations"), LAST_APPLIED);
	struct json_object *last = NULL;

	if (text)
		err_free(json_parse(text, strlen(text), &last));
	if (json_empty(json_at(last, "metadata.annotations")) && json_at(last, "metadata"))
		json_object_object_del(json_at(last, "metadata"), "annotations");
	return last;
}

/* What is wanted, and in it what is wanted; the text that is there stays if it says the same. */
static struct json_object *annotated(const struct work *w, struct json_object *have,
				     struct json_object *last)
{
	struct json_object *want = json_copy(w->want);
	struct json_object *meta = json_at(want, "metadata");
	const char *there = json_str(json_at(have, "metadata.annotations"), LAST_APPLIED);
	AUTO_STR text = NULL;

	if (json_empty(json_at(meta, "annotations")))
		json_object_object_del(meta, "annotations");
	else
		json_object_object_del(json_at(meta, "annotations"), LAST_APPLIED);
	if (last && json_object_equal(last, want))
		text = xstrdup(there);
	else
		text = xasprintf("%s\n", json_object_to_json_string_ext(
						 want, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!json_at(meta, "annotations"))
		json_set(meta, "annotations", json_object_new_object());
	json_sets(json_at(meta, "annotations"), LAST_APPLIED, text);
	return want;
}

static struct err *way_client_apply(struct work *w, struct json_object *have,
				    struct json_object **ret)
{
	AUTO_JSON last = last_applied(have);
	AUTO_JSON want = NULL;
	AUTO_JSON patch = NULL;

	if (!have)
		name_need(w);
	want = annotated(w, have, last);
	if (!have)
		return create(w, want, ret);
	patch = merge_patch(last, want, have);
	if (!patch)
		return NULL;
	json_object_put(w->named);
	w->named = json_copy(patch);
	/* Lists are sent whole, so what others did to them since must not get lost. */
	if (!json_at(patch, "metadata"))
		json_set(patch, "metadata", json_object_new_object());
	if (!is_pinned(w))
		json_sets(json_at(patch, "metadata"), "resourceVersion",
			  json_str(have, "metadata.resourceVersion"));
	w->op->method = "apply";
	return patch_send(w, patch, "application/merge-patch+json", ret);
}

/* Of a patch that was refused, the first step that does not fit what is there. Takes e. */
static struct err *step_blame(const struct work *w, struct json_object *have, struct err *e)
{
	AUTO_JSON begun = json_object_new_array();

	for (size_t i = 0; i < json_len(w->op->patch); i++) {
		struct json_object *step = json_nth(w->op->patch, i);
		AUTO_JSON made = NULL;

		json_object_array_add(begun, json_object_get(step));
		made = merge_applied(have, begun);
		if (!made)
			return err_wrap(e, "patch[%zu] (%s %s) does not fit the object", i,
					json_str(step, "op") ? json_str(step, "op") : "no op",
					json_str(step, "path") ? json_str(step, "path")
							       : "without a path");
	}
	return e;
}

static struct err *way_json_patch(struct work *w, struct json_object *have,
				  struct json_object *goal, struct json_object **ret)
{
	AUTO_JSON patch = json_copy(w->op->patch);
	struct json_object *step = json_object_new_object();
	struct err *e;

	if (work_same(w, have, goal) && goal) {
		json_object_put(step);
		return NULL;
	}
	/* Sent again after a lost answer it would be done twice: so it is of this version alone. */
	json_sets(step, "op", "replace");
	json_sets(step, "path", "/metadata/resourceVersion");
	json_sets(step, "value", json_str(have, "metadata.resourceVersion"));
	json_object_array_add(patch, step);
	w->op->method = "patch";
	e = patch_send(w, patch, "application/json-patch+json", ret);
	return e && e->kind == ERR_USAGE && !goal ? step_blame(w, have, e) : e;
}

/* ---- one attempt after the other ---- */

static struct err *missing(void)
{
	return err_new(ERR_NOT_FOUND, "it is not there, so there is nothing to patch");
}

/* `goal`: of a JSON patch, what it would make of the object that was there at first. */
static struct err *attempt(struct work *w, struct json_object *have, struct json_object *goal,
			   struct json_object **ret)
{
	switch (w->op->way) {
	case WAY_SERVER_APPLY: return way_server_apply(w, have, ret);
	case WAY_CLIENT_APPLY: return way_client_apply(w, have, ret);
	case WAY_JSON_PATCH: return have ? way_json_patch(w, have, goal, ret) : missing();
	case WAY_MERGE: return have ? way_merge(w, have, ret) : create(w, NULL, ret);
	case WAY_PATCH: return have ? way_merge(w, have, ret) : NULL;
	case WAY_REPLACE: return have ? way_replace(w, have, ret) : create(w, NULL, ret);
	}
	return NULL;
}

/*
 * Whether to look again and go on from there: someone else was faster, or the answer is lost. What
 * is asked of one version of the object (pinned) is not asked of another.
 */
static bool is_stale(const struct work *w, const struct err *e, int tries)
{
	if (e->ambiguous)
		return tries == 1;
	return e->status == 409 && tries < TRIES && !is_pinned(w) &&
	       !strstr(e->text, "Apply failed with");
}

/* What was made by a try whose answer was lost is found as if it had been there all along. */
static bool is_done(const struct work *w, struct json_object *have, struct json_object *goal)
{
	return have && goal && w->op->way == WAY_JSON_PATCH && work_same(w, have, goal);
}

static struct json_object *goal_of(const struct work *w, struct json_object *have)
{
	return have && w->op->way == WAY_JSON_PATCH ? merge_applied(have, w->op->patch) : NULL;
}

/*
 * Reads it again after e, which is of no interest then. A generated name that is taken is someone else's:
 * such a POST is never repeated by itself.
 */
static struct err *look_again(struct work *w, struct err *e, struct json_object **have)
{
	struct json_object *now = NULL;
	struct err *unread = NULL;

	if (w->generated && !e->ambiguous)
		free(TAKE(w->name));
	else
		unread = object_get(w->op->cluster, w->op->kind, w->ns, w->name, &now);
	if (unread) {
		err_free(unread);
		return e;
	}
	err_free(e);
	json_object_put(*have);
	*have = now;
	return NULL;
}

/* *have: goes along with what is read. */
static struct err *converge(struct work *w, struct json_object **have, struct json_object **ret)
{
	AUTO_JSON goal = goal_of(w, *have);

	for (int tries = 1;; tries++) {
		struct err *e = attempt(w, *have, goal, ret);

		if (e && w->name && is_stale(w, e, tries))
			e = look_again(w, e, have);
		else
			return e;
		if (e || is_done(w, *have, goal))
			return e;
		json_object_put(goal);
		goal = goal_of(w, *have);
		if (tries > 1)
			clock_sleep_ms(10 << tries);
	}
}

/* ---- told from what is wanted ---- */

static const char *method_of(const struct object_op *op, bool creates)
{
	if (op->absent)
		return "delete";
	if (op->way == WAY_SERVER_APPLY || op->way == WAY_CLIENT_APPLY)
		return "apply";
	return creates ? "create" : (op->way == WAY_REPLACE ? "update" : "patch");
}

/* `base`: what there will be when its turn comes; NULL: nothing. */
static void foretell(struct work *w, struct json_object *base)
{
	struct object_op *op = w->op;

	if (!op->before)
		op->before = json_copy(base);
	if (!base && op->way == WAY_CLIENT_APPLY)
		op->after = annotated(w, NULL, NULL);
	else if (op->way == WAY_JSON_PATCH)
		op->after = goal_of(w, base);
	else if (!op->absent && (base || op->way != WAY_PATCH))
		op->after = base && op->way != WAY_REPLACE ? merge_applied(base, w->want)
							   : json_copy(w->want);
	op->changed = !work_same(w, op->before, op->after);
	if (op->changed)
		op->method = method_of(op, !base);
}

/* ---- what is on its way out ---- */

static bool is_leaving(const struct work *w, struct json_object *have)
{
	const bool holds_on = json_has(json_at(w->want, "metadata"), "finalizers");

	/* To take its finalizers away is what lets it go. */
	return json_at(have, "metadata.deletionTimestamp") && w->op->way != WAY_PATCH &&
	       w->op->way != WAY_JSON_PATCH && !holds_on;
}

static struct err *leaving_wait(struct work *w, struct json_object **have)
{
	const struct ready_wish gone = {
		.gone = true,
		.timeout_ms = w->op->wait && w->op->wait->timeout_ms > GONE_MS
				      ? w->op->wait->timeout_ms
				      : GONE_MS,
	};
	struct json_object *last = NULL;
	struct err *e =
		ready_wait(w->op->cluster, w->op->kind, w->ns, w->name, *have, &gone, &last);

	json_object_put(last);
	if (e)
		return err_wrap(e,
				"it is being deleted, and can be made anew only when it is gone");
	json_object_put(*have);
	*have = NULL;
	return NULL;
}

/* ---- deletion ---- */

/*
 * This very object: another one that took its name since a lost answer is not meant. The server reads
 * options in the query only where there is no body, so the dry run stands in here.
 */
static struct json_object *delete_body(const struct work *w)
{
	struct json_object *body =
		w->op->delete_options ? json_copy(w->op->delete_options) : json_object_new_object();
	const char *uid = json_str(w->op->before, "metadata.uid");

	json_sets(body, "apiVersion", "v1");
	json_sets(body, "kind", "DeleteOptions");
	if (!json_at(body, "preconditions") && uid)
		json_set(body, "preconditions", json_wrap("uid", json_object_new_string(uid)));
	if (w->op->check) {
		struct json_object *stages = json_object_new_array();

		json_object_array_add(stages, json_object_new_string("All"));
		json_set(body, "dryRun", stages);
	}
	return body;
}

/*
 * What the answer says of the end: that the object is gone (a Status, or the object as it was last), or that it
 * stays until its finalizers or its pods' grace are over. It may say neither: then it has to be looked.
 */
static void delete_answer(struct work *w, struct json_object *answer)
{
	struct json_object *meta = json_at(answer, "metadata");

	if (json_is_str(json_at(answer, "kind"), "Status"))
		w->gone = json_is_str(json_at(answer, "status"), "Success");
	else if (!json_at(meta, "deletionTimestamp"))
		w->gone = json_str(meta, "uid");
	else if (json_int(meta, "deletionGracePeriodSeconds", 0) > 0 ||
		 json_len(json_at(meta, "finalizers")) ||
		 json_len(json_at(answer, "spec.finalizers")))
		w->leaving = json_object_get(answer);
}

static struct err *remove_object(struct work *w)
{
	struct object_op *op = w->op;
	AUTO_JSON body = NULL;
	AUTO_JSON answer = NULL;
	AUTO_STR path = NULL;
	AUTO_STR whole = NULL;
	struct err *e;

	if (!op->before ||
	    (json_at(op->before, "metadata.deletionTimestamp") && json_empty(op->delete_options)))
		return NULL;
	body = delete_body(w);
	path = kind_path(op->kind, w->ns, w->name, NULL);
	/* The body counts; the query is for whoever reads logs and audits. */
	whole = xasprintf("%s%s", path, op->check ? "?dryRun=All" : "");
	e = cluster_call(op->cluster,
			 &(struct kube_request){ .method = "DELETE", .path = whole, .body = body },
			 &answer);
	if (!e)
		delete_answer(w, answer);
	if (e && (e->kind == ERR_NOT_FOUND ||
		  (e->status == 409 && strstr(e->text, "UID in precondition") &&
		   !json_has(op->delete_options, "preconditions")))) {
		err_free(e);
		e = NULL;
		w->gone = true;
	}
	/* One whose answer was lost may have arrived: it is rather told once too often. */
	if (!e || (e->ambiguous && !op->check)) {
		op->method = "delete";
		op->changed = true;
	}
	return e;
}

/* Whether what `named` names is in both the same; lists are as a whole. */
static bool named_same(struct json_object *named, struct json_object *x, struct json_object *y)
{
	if (!json_object_is_type(named, json_type_object) ||
	    !json_object_is_type(x, json_type_object) || !json_object_is_type(y, json_type_object))
		return json_object_equal(x, y);
	json_object_object_foreach(named, key, v) {
		struct json_object *a = NULL, *b = NULL;

		/* A directive of a strategic merge names what is not below it. */
		if (*key == '$')
			return json_object_equal(x, y);
		(void)json_object_object_get_ex(x, key, &a);
		(void)json_object_object_get_ex(y, key, &b);
		if (!named_same(v, a, b))
			return false;
	}
	return true;
}

/* A patch that left all it names as it was: what changed meanwhile somebody else did. */
static bool others_did(const struct work *w)
{
	return w->named && w->op->before && !w->anew &&
	       named_same(w->named, w->op->before, w->op->after);
}

/* In check mode: its namespace is not there, as one that an earlier task is to make. */
static bool homeless(const struct work *w, const struct err *e)
{
	if (!e || !w->op->check || e->status != 404 || w->op->before || !w->ns)
		return false;
	AUTO_STR words = xasprintf("namespaces \"%s\" not found", w->ns);

	return strstr(e->text, words);
}

struct err *work_do(struct work *w)
{
	struct object_op *op = w->op;
	AUTO_JSON have = NULL;
	struct err *e = NULL;

	if (w->foretold)
		foretell(w, w->prior ? w->prior->op->after : NULL);
	if (w->foretold)
		return NULL;
	if (op->absent)
		return remove_object(w);
	have = json_object_get(op->before);
	w->anew = is_leaving(w, have);
	if (w->anew && op->check) {
		foretell(w, NULL);
		return NULL;
	}
	if (w->anew)
		e = leaving_wait(w, &have);
	if (!e)
		e = converge(w, &have, &op->after);
	if (homeless(w, e)) {
		err_free(e);
		op->assumed = true;
		foretell(w, NULL);
		return NULL;
	}
	/* What an attempt whose answer was lost has done is seen in what was read. */
	if (!e && !op->after)
		op->after = TAKE(have);
	op->changed = !e && !work_same(w, op->before, op->after) && !others_did(w) &&
		      (op->check || !op->before ||
		       !json_object_equal(json_at(op->before, "metadata.resourceVersion"),
					  json_at(op->after, "metadata.resourceVersion")));
	json_object_put(TAKE(w->named));
	if (!op->changed)
		op->method = NULL;
	else if (!op->method)
		op->method = "patch";
	return e;
}
