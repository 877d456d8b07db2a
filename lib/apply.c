/* Making objects match: what is planned is done here, waited for, and recorded. */
#include <stdarg.h>
#include <string.h>

#include "clock.h"
#include "find.h"
#include "pool.h"
#include "resource.h"
#include "text.h"

enum {
	BULK_MOST = 200,
	POLL_FIRST_MS = 500,
	POLL_MOST_MS = 5000,
	LATE_POLL_MS = 500,
	DEFAULT_WAIT_S = 180,
	PATIENCE_MS = 60000, /* with what is in use */
};

/* ---- for hooks ---- */

void op_warn(struct op *op, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	if (!op->out->warnings)
		op->out->warnings = json_object_new_array();
	json_object_array_add(op->out->warnings, json_object_new_string(text));
}

char *op_path(struct op *op)
{
	AUTO_BUF path = BUF_INIT;

	for (const char *s = op->r->path; *s;) {
		const size_t plain = strcspn(s, "{");

		(void)buf_add(&path, s, plain);
		s += plain;
		if (*s == '{') {
			const size_t len = strcspn(++s, "}");
			AUTO_STR name = xstrndup(s, len);
			AUTO_STR text = json_text(json_at(op->want, name));

			buf_addurl(&path, text);
			s += len + 1;
		}
	}
	return buf_take(&path);
}

struct err *op_request(struct op *op, const struct request *req, struct json_object **ret)
{
	const bool writes = strcmp(req->method, "GET") != 0;
	struct err *e;

	if (op->check && writes)
		return err_new(ERR_PROTOCOL, "%s %s in check mode: a bug in Treenail", req->method,
			       req->path);
	e = op->api->call(op->api, req, ret);
	if (!e && writes)
		op->out->changed = true;
	return e;
}

struct err *op_call(struct op *op, const char *method, const char *tail, struct json_object *body,
		    struct json_object **ret)
{
	AUTO_STR collection = op_path(op);
	AUTO_STR path = xasprintf("%s%s", collection, tail);
	const bool patch = op->r->update && strcmp(op->r->update, "JSONPATCH") == 0;
	struct request req = {
		.method = method,
		.service = op->r->service,
		.path = path,
		.body = body,
		.microversion = op->r->microversion,
		.content_type = patch && strcmp(method, "PATCH") == 0
					? "application/openstack-images-v2.1-json-patch"
					: NULL,
		.secret = true,
	};

	return op_request(op, &req, ret);
}

static char *id_tail(const char *id)
{
	AUTO_BUF tail = BUF_INIT;

	buf_adds(&tail, "/");
	buf_addurl(&tail, id);
	return buf_take(&tail);
}

struct err *op_action(struct op *op, const char *action, struct json_object *arg)
{
	AUTO_STR id = id_tail(op->id);
	AUTO_STR tail = xasprintf("%s/action", id);
	AUTO_JSON body = json_wrap(action, arg);

	return err_wrap(op_call(op, "POST", tail, body, NULL), "%s", action);
}

void op_created(struct op *op, const char *id)
{
	if (op->out->id != id) {
		free(op->out->id);
		op->out->id = xstrdup(id);
	}
	op->id = op->out->id;
	op->out->changed = true;
	if (op->keeper && op->keeper->born)
		op->keeper->born(op->keeper, op, id);
}

static void set_have(struct op *op, struct json_object *have)
{
	for (const struct attr *a = op->r->attrs; have && a->name; a++)
		if (a->flags & ONCE && json_at(op->have, a->name) && !json_at(have, a->name))
			json_set(have, a->name, json_copy(json_at(op->have, a->name)));
	json_object_put(op->have);
	op->have = have;
	op->stale = false;
}

/* The raw object as well, for what is not among the attributes (Nova's fault). */
static struct err *read_object(struct op *op, struct json_object **ret)
{
	AUTO_STR tail = id_tail(op->id);
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "GET", tail, NULL, &answer);
	struct json_object *one;

	if (e)
		return e;
	one = op->r->key ? json_at(answer, op->r->key) : answer;
	if (!json_object_is_type(one, json_type_object))
		return err_new(ERR_PROTOCOL, "the answer has no '%s'",
			       op->r->key ? op->r->key : "object");
	*ret = json_object_get(one);
	return NULL;
}

static struct err *reread(struct op *op)
{
	AUTO_JSON wire = NULL;
	struct err *e = read_object(op, &wire);

	if (!e)
		set_have(op, attrs_decode(op->r->attrs, wire));
	return e;
}

struct err *op_reload(struct op *op)
{
	struct err *e = reread(op);

	return !e && op->r->expand ? op->r->expand(op) : e;
}

/* What a state means for a wait: ended well, ended badly, or go on (NULL with *ret false). */
static struct err *judge(struct op *op, struct json_object *wire, const char *now,
			 const char *ready, const char *failed, bool *ret)
{
	const struct resource *r = op->r;

	*ret = ready && words_have(ready, now);
	if (*ret || !words_have(failed, now))
		return NULL;
	AUTO_STR fault = r->wait.fault ? json_text(json_at(wire, r->wait.fault)) : NULL;
	const bool told = fault && strcmp(fault, "null") != 0;
	return err_new(ERR_REMOTE, "%s %s went to %s%s%s", r->key ? r->key : r->name, op->id, now,
		       told ? ": " : "", told ? fault : "");
}

static struct err *still(struct op *op, const char *state, int64_t began)
{
	const int64_t now = op->api->now_ms(op->api);

	return err_new(ERR_TIMEOUT,
		       "%s %s is still %s after %d s: raise 'timeout', or look at the service",
		       op->r->key ? op->r->key : op->r->name, op->id, state,
		       (int)((now - began) / 1000));
}

struct err *op_wait_on(struct op *op, const char *attr, const char *ready, const char *failed)
{
	const int64_t began = op->api->now_ms(op->api);
	AUTO_STR first = attr ? json_text(json_at(op->have, attr)) : NULL;

	/* What has failed already may well be deleted. */
	if (!ready && first && words_have(failed, first))
		failed = NULL;
	for (int64_t pause = POLL_FIRST_MS;; pause += pause / 2) {
		AUTO_JSON wire = NULL;
		AUTO_STR state = NULL;
		struct err *e = read_object(op, &wire);
		bool done = false;

		if (e && e->kind == ERR_NOT_FOUND && !ready) {
			err_free(e);
			set_have(op, NULL);
			return NULL;
		}
		if (e)
			return err_wrap(e, "waiting");
		set_have(op, attrs_decode(op->r->attrs, wire));
		state = json_text(json_at(op->have, attr ? attr : "id"));
		if (attr)
			e = judge(op, wire, state, ready, failed, &done);
		if (e || done)
			return err_wrap(e, "waiting");
		const int64_t left = op->deadline - op->api->now_ms(op->api);
		if (left <= 0)
			return still(op, state, began);
		if (clock_is_cut())
			return err_new(ERR_TIMEOUT, "told to stop while %s %s is %s",
				       op->r->key ? op->r->key : op->r->name, op->id, state);
		if (pause > POLL_MOST_MS)
			pause = POLL_MOST_MS;
		op->api->sleep_ms(op->api, pause < left ? pause : left);
	}
}

struct err *op_wait(struct op *op, const char *ready)
{
	return op_wait_on(op, op->r->wait.attr, ready, op->r->wait.failed);
}

/* ---- creation ---- */

static bool waits(struct op *op)
{
	return op->r->wait.attr && op->wait;
}

/* The object of a creation's answer: its ID is kept before anything else is done. */
static struct err *take_created(struct op *op, struct json_object *wire)
{
	AUTO_JSON have = json_object_is_type(wire, json_type_object)
				 ? attrs_decode(op->r->attrs, wire)
				 : NULL;
	const char *id = json_str(have, resource_key(op->r));

	if (!id || !*id)
		return err_new(ERR_PROTOCOL, "the answer to the creation has no ID");
	op_created(op, id);
	set_have(op, TAKE(have));
	return NULL;
}

static struct err *refind(struct op *op)
{
	struct json_object *before = TAKE(op->have);

	op->sought = false; /* what that list told is out of date */
	struct err *e = op->keeper && !resource_is_sought(op->r) ? find_lost(op)
			: op->r->find                            ? op->r->find(op)
								 : resource_find_ops(op, 1);

	json_object_put(before);
	return e;
}

/*
 * The answer to a POST was lost: it may have been carried out. Nothing of this name was there
 * before, so what is there now is ours.
 */
static struct err *adopt(struct op *op, struct err *lost)
{
	struct err *e = refind(op);

	if (e || !json_str(op->have, resource_key(op->r))) {
		err_free(e);
		return lost;
	}
	err_free(lost);
	op_created(op, json_str(op->have, resource_key(op->r)));
	return NULL;
}

static struct json_object *creation(struct op *op)
{
	struct json_object *body = attrs_encode(op->r->attrs, op->want, NULL);

	if (!op->specs)
		return body;
	json_object_object_foreach(op->specs, key, v) {
		json_set(body, key, json_copy(v));
	}
	return body;
}

struct err *op_post(struct op *op)
{
	struct json_object *inner = creation(op);
	AUTO_JSON body = op->r->key ? json_wrap(op->r->key, inner) : inner;
	AUTO_JSON answer = NULL;
	struct err *e = op->r->body ? op->r->body(op, body) : NULL;

	if (e)
		return e;
	e = op_call(op, "POST", "", body, &answer);
	if (e && e->ambiguous)
		return adopt(op, e);
	if (e)
		return e;
	return take_created(op, op->r->key ? json_at(answer, op->r->key) : answer);
}

/* Attributes that have calls of their own; with `changes`, only those in there. */
static struct err *set_others(struct op *op, struct json_object *changes)
{
	struct err *e = NULL;

	for (const struct attr *a = op->r->attrs; a->name && !e; a++) {
		struct json_object *v = json_at(op->want, a->name);

		if (!a->set || !json_has(op->want, a->name))
			continue;
		if (changes ? !json_has(changes, a->name)
			    : attr_equal(a, v, json_at(op->have, a->name)))
			continue;
		e = err_at(err_wrap(a->set(op, a, v), "%s", attr_option(a)), attr_option(a));
	}
	return e;
}

/* All that follows once the object exists. */
static struct err *finish_creation(struct op *op)
{
	struct err *e = NULL;

	if (waits(op))
		e = op_wait(op, op->r->wait.ready);
	else if (op->r->flags & ACCEPTED)
		e = reread(op);
	if (!e && op->r->expand)
		e = op->r->expand(op);
	if (!e)
		e = set_others(op, NULL);
	if (!e && op->r->created)
		e = op->r->created(op);
	if (!e && op->stale)
		e = op_reload(op);
	return e;
}

/* Who was told to stop begins nothing more. What a killed run asked for may be there all the same. */
static struct err *op_stopped(struct op *op)
{
	struct err *e = NULL;

	if (clock_is_cut()) {
		e = err_new(ERR_TIMEOUT, "told to stop before it was asked for");
		e->ambiguous = op->keeper && op->keeper->lost;
	}
	return e;
}

/* What a killed run made. Until that is known for sure, an error leaves open whether it was made. */
static struct err *find_late(struct op *op)
{
	const int64_t until = op->api->now_ms(op->api) + op->keeper->late_ms;
	struct err *e = find_lost(op);

	while (!e && !op->have && op->api->now_ms(op->api) < until) {
		if (clock_is_cut())
			e = err_new(ERR_TIMEOUT,
				    "told to stop while looking for what a killed run asked for");
		op->api->sleep_ms(op->api, LATE_POLL_MS);
		if (!e)
			e = find_lost(op);
	}
	if (e)
		e->ambiguous = true;
	return e;
}

/* What a killed run made is taken for what was to be made. */
static struct err *make(struct op *op)
{
	struct err *e = NULL;

	if (op->keeper && op->keeper->lost && !resource_is_sought(op->r))
		e = find_late(op);
	if (e)
		return e;
	if (op->have) {
		op_created(op, json_str(op->have, resource_key(op->r)));
		return op->r->settle ? op->r->settle(op) : NULL;
	}
	e = op_stopped(op);
	if (!e && op->keeper && !resource_is_sought(op->r))
		e = find_before(op);
	if (e)
		return e;
	return op->r->create ? op->r->create(op) : op_post(op);
}

static struct err *create(struct op *op)
{
	struct err *e = make(op);

	if (e && e->ambiguous && op->r->create && !op->id)
		e = adopt(op, e);
	if (!e)
		e = finish_creation(op);
	return err_wrap(e, "creating");
}

/* ---- update, deletion ---- */

static struct json_object *json_patch(struct json_object *body)
{
	struct json_object *patch = json_object_new_array();

	json_object_object_foreach(body, key, v) {
		struct json_object *step = json_object_new_object();
		AUTO_BUF path = BUF_INIT;

		for (const char *s = key; *s; s++)
			buf_addf(&path, "%.*s%s", *s != '~' && *s != '/', s,
				 *s == '~'   ? "~0"
				 : *s == '/' ? "~1"
					     : "");
		AUTO_STR pointer = xasprintf("/%s", path.s);
		/* RFC 6902 4.1: of what exists, add replaces it. */
		json_sets(step, "op", v ? "add" : "remove");
		json_sets(step, "path", pointer);
		if (v)
			json_set(step, "value", json_copy(v));
		json_object_array_add(patch, step);
	}
	return patch;
}

struct err *op_update(struct op *op, struct json_object *changes)
{
	AUTO_JSON inner = attrs_encode(op->r->attrs, op->want, changes);
	const bool patch = strcmp(op->r->update, "JSONPATCH") == 0;
	AUTO_JSON body = NULL;
	AUTO_STR tail = id_tail(op->id);
	AUTO_JSON answer = NULL;
	struct json_object *one;
	struct err *e;

	if (!json_object_object_length(inner))
		return NULL;
	if (patch)
		body = json_patch(inner);
	else
		body = op->r->key ? json_wrap(op->r->key, json_object_get(inner))
				  : json_object_get(inner);
	e = op_call(op, patch ? "PATCH" : op->r->update, tail, body, &answer);
	if (e)
		return e;
	one = op->r->key ? json_at(answer, op->r->key) : answer;
	if (!json_object_is_type(one, json_type_object) || op->r->flags & GET_TO_READ) {
		op->stale = true;
		return NULL;
	}
	set_have(op, attrs_decode(op->r->attrs, one));
	return op->r->expand ? op->r->expand(op) : NULL;
}

static struct err *update(struct op *op)
{
	struct json_object *changes = op->out->plan.changes;
	struct err *e = op_update(op, changes);

	if (!e)
		e = set_others(op, changes);
	if (!e && op->r->update_hook)
		e = op->r->update_hook(op);
	return err_wrap(e, "updating");
}

static struct err *remove_object(struct op *op)
{
	AUTO_STR tail = id_tail(op->id);

	return op->r->remove ? op->r->remove(op) : op_call(op, "DELETE", tail, NULL, NULL);
}

/* Some services refuse to delete what is not made yet, as a run that was cut short leaves it. */
static struct err *remove_once_made(struct op *op, struct err *refused)
{
	AUTO_ERR e = reread(op);
	const char *now = json_str(op->have, op->r->wait.attr);

	if (e || !now || words_have(op->r->wait.ready, now) || words_have(op->r->wait.failed, now))
		return refused;
	err_free(refused);
	e = op_wait(op, op->r->wait.ready); /* one that fails can go as well */
	return remove_object(op);
}

/* Terraform deletes side by side: what still uses this may be on its way out. */
static struct err *remove_once_free(struct op *op, struct err *e)
{
	const int64_t until = op->api->now_ms(op->api) + PATIENCE_MS;

	while (e && e->status == 409 && !clock_is_cut()) {
		const int64_t now = op->api->now_ms(op->api);

		if (now >= until || now >= op->deadline)
			break;
		err_free(e);
		op->api->sleep_ms(op->api, POLL_FIRST_MS);
		e = remove_object(op);
	}
	return e;
}

static struct err *destroy(struct op *op, bool wait)
{
	struct err *e = op->r->before_delete ? op->r->before_delete(op) : NULL;

	if (e)
		return err_wrap(e, "deleting");
	e = remove_object(op);
	if (e && (e->status == 400 || e->status == 409) && op->r->wait.attr && wait)
		e = remove_once_made(op, e);
	else if (e && op->keeper && !op->r->remove)
		e = remove_once_free(op, e);
	if (e && e->kind == ERR_NOT_FOUND && e->status == 404) {
		err_free(e);
		e = NULL;
	} else if (!e && op->r->flags & POLL_DELETE && wait) {
		e = op_wait(op, NULL);
	}
	if (!e)
		set_have(op, NULL);
	return err_wrap(e, "deleting");
}

static struct err *replace(struct op *op)
{
	struct err *e = destroy(op, true); /* two of a name are one too many */

	if (e)
		return e;
	free(op->out->id);
	op->out->id = NULL;
	op->id = NULL;
	return create(op);
}

/* ---- one op's way through ---- */

static struct err *refuse_replace(struct op *op)
{
	const struct plan *p = &op->out->plan;
	AUTO_BUF names = BUF_INIT;
	bool fixed = false;

	for (size_t i = 0; i < json_len(p->replaces); i++) {
		const char *name = json_object_get_string(json_nth(p->replaces, i));
		const struct attr *a = attr_named(op->r->attrs, name);
		AUTO_STR before = json_text(json_at(json_at(p->changes, name), "before"));
		AUTO_STR after = json_text(json_at(json_at(p->changes, name), "after"));

		fixed = fixed || a->flags & FIXED;
		buf_addf(&names, "%s%s (is %s, wanted %s)", i ? ", " : "", attr_option(a), before,
			 after);
	}
	const char *name = json_object_get_string(json_nth(p->replaces, 0));
	const char *option = attr_option(attr_named(op->r->attrs, name));
	if (fixed)
		return err_at(err_new(ERR_CONFLICT, "%s cannot be changed after creation", names.s),
			      option);
	if (op->allow_replace || op->r->flags & REPLACE_OK)
		return NULL;
	return err_at(err_new(ERR_CONFLICT,
			      "%s can only be changed by deleting the object and making it anew: "
			      "give allow_replace: true if that is meant",
			      names.s),
		      option);
}

/* What check mode says will be there. */
static struct json_object *predict(struct op *op)
{
	struct json_object *after;

	if (op->out->plan.action == DELETED)
		return NULL;
	if (op->have && op->out->plan.action != REPLACED) {
		after = json_copy(op->have);
	} else {
		AUTO_JSON nothing = json_object_new_object();

		after = attrs_decode(op->r->attrs, nothing);
	}
	for (const struct attr *a = op->r->attrs; a->name; a++) {
		struct json_object *v = json_at(op->want, a->name);

		if (!v || a->flags & (READONLY | OPTION) ||
		    (op->out->plan.action == UPDATED && !json_has(op->out->plan.changes, a->name)))
			continue;
		json_set(after, a->name, attr_after(a, json_at(after, a->name), v));
	}
	return after;
}

static struct err *prepare(struct op *op)
{
	struct err *e = op->r->prepare ? op->r->prepare(op) : NULL;

	if (!op->deadline && op->api)
		op->deadline = op->api->now_ms(op->api) + 1000L * DEFAULT_WAIT_S;
	return e;
}

/* An object that a killed run left half-made is waited for like a new one. */
static struct err *settle(struct op *op)
{
	struct err *e = op->r->settle ? op->r->settle(op) : NULL;

	if (e || !waits(op))
		return e;
	const char *now = json_str(op->have, op->r->wait.attr);
	if (!now || strncmp(now, "BUILD", 5) != 0 || words_have(op->r->wait.ready, now))
		return NULL;
	return op_wait(op, op->r->wait.ready);
}

/* All there is to know about what was found, before the plan is made: it may be half-made. */
static struct err *look_closer(struct op *op)
{
	AUTO_JSON found = json_object_get(op->have);
	const bool enough = op->keeper && strcmp(op->state, "absent") == 0;
	struct err *e = op->r->expand && !enough ? op->r->expand(op) : NULL;

	json_object_put(op->out->before);
	op->out->before = json_copy(op->have);
	if (e || op->check || strcmp(op->state, "absent") == 0)
		return e;
	json_object_put(found);
	found = json_object_get(op->have);
	e = settle(op);
	if (!e && op->stale)
		return op_reload(op);
	return !e && op->have && op->have != found && op->r->expand ? op->r->expand(op) : e;
}

/* The object is known from here on; one that was given by its ID keeps its name. */
static struct err *take_found(struct op *op)
{
	const char *id = json_str(op->have, resource_key(op->r));
	const char *name = json_str(op->want, "name");

	if (!id || !*id)
		return err_new(ERR_PROTOCOL, "what the service found has no '%s'",
			       resource_key(op->r));
	if (name && strcmp(name, id) == 0 && json_str(op->have, "name"))
		json_set(op->want, "name", json_copy(json_at(op->have, "name")));
	free(op->out->id);
	op->out->id = xstrdup(id);
	op->id = op->out->id;
	return NULL;
}

static struct err *make_plan(struct op *op)
{
	struct outcome *out = op->out;
	struct err *e = NULL;

	/* What is made instead would be made of no more than what was to be changed. */
	if (!op->have && op->keeper && op->id && strcmp(op->state, "absent") != 0)
		e = err_new(ERR_NOT_FOUND, "it is gone: the next run makes it anew");
	if (op->have)
		e = take_found(op);
	if (op->have && !e)
		e = look_closer(op);
	if (e)
		return e;
	plan_make(op->r, op->state, op->want, op->have, &out->plan);
	if (out->plan.action == REPLACED)
		e = refuse_replace(op);
	if (op->check) {
		out->changed = !e && out->plan.action != NONE;
		out->after = predict(op);
	}
	return e;
}

static struct err *act(struct op *op)
{
	struct err *e = NULL;

	switch (op->out->plan.action) {
	case NONE: break;
	case CREATED: e = create(op); break;
	case UPDATED: e = update(op); break;
	case REPLACED: e = replace(op); break;
	case DELETED: e = destroy(op, op->wait); break;
	}
	if (!e && op->stale && op->have)
		e = op_reload(op);
	return e;
}

/* ---- many ---- */

struct batch {
	struct op *ops;
	struct err **errs;
	struct err *(*step)(struct op *op);
};

static void run_step(void *arg, size_t i)
{
	struct batch *b = arg;

	struct op *op = &b->ops[i];

	/* Items that had to queue for a worker have waited for nothing yet. */
	if (op->timeout_ms && op->api)
		op->deadline = op->api->now_ms(op->api) + op->timeout_ms;
	if (!b->errs[i])
		b->errs[i] = b->step(op);
}

static void all(struct batch *b, size_t n, int width, struct err *(*step)(struct op *op))
{
	b->step = step;
	pool_run(n, width, run_step, b);
}

static struct err *find_one(struct op *op)
{
	if (op->gone || (op->keeper && op->have))
		return NULL;
	if (op->keeper && !resource_is_sought(op->r))
		return op->id ? resource_try_get(op->api, op->r, op->id, &op->have) : NULL;
	return op->r->find ? op->r->find(op) : resource_find_ops(op, 1);
}

/* One LIST for all that have come this far; where that fails, each by itself. */
static bool find_all(struct batch *b, size_t n, int width)
{
	struct op *some = xcalloc(n, sizeof(*some));
	size_t *index = xcalloc(n, sizeof(*index));
	size_t m = 0;
	struct err *e;

	for (size_t i = 0; i < n; i++) {
		if (b->errs[i] || b->ops[i].gone)
			continue;
		some[m] = b->ops[i];
		index[m++] = i;
	}
	e = m ? resource_find_ops(some, m) : NULL;
	for (size_t i = 0; i < m; i++) {
		if (e)
			json_object_put(some[i].have);
		else
			b->ops[index[i]].have = some[i].have;
		b->ops[index[i]].sought = !e;
	}
	const bool ok = !e;
	if (e)
		all(b, n, width, find_one);
	err_free(e);
	free(some);
	free(index);
	return ok;
}

/* What says which object an item means; NULL: nothing does, each makes one of its own. Owned. */
static struct json_object *identity(const struct op *op)
{
	struct json_object *key = json_object_new_array();
	bool known = !json_empty(json_at(op->want, "name"));

	json_object_array_add(key, json_copy(json_at(op->want, "name")));
	for (const struct attr *a = op->r->attrs; a->name; a++) {
		if (!(a->flags & (IDENTITY | REQUIRED)))
			continue;
		known = known || (op->r->flags & NO_NAME && json_has(op->want, a->name));
		json_object_array_add(key, json_copy(json_at(op->want, a->name)));
	}
	if (known)
		return key;
	json_object_put(key);
	return NULL;
}

/* Two items that mean one object would race each other, or make it twice. Takes key. */
static void refuse_twin(struct batch *b, size_t i, struct json_object *seen,
			struct json_object *key)
{
	AUTO_JSON owned = key;
	const char *text = json_object_to_json_string(owned);

	if (!key)
		return;
	if (json_has(seen, text))
		b->errs[i] = err_new(ERR_USAGE, "item %d means the same object",
				     (int)json_int(seen, text, 0));
	else
		json_set(seen, text, json_object_new_int((int)i));
}

static void refuse_twins(struct batch *b, size_t n)
{
	AUTO_JSON seen = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		if (!b->errs[i])
			refuse_twin(b, i, seen, identity(&b->ops[i]));
}

/* One may have said the name, another the ID. */
static void refuse_found_twins(struct batch *b, size_t n)
{
	AUTO_JSON seen = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		if (!b->errs[i] && b->ops[i].have)
			refuse_twin(b, i, seen,
				    json_copy(json_at(b->ops[i].have, resource_key(b->ops[i].r))));
}

/*
 * One POST for ops[index[0..n)]; they are created, or none is (the caller does them singly then).
 * *refused: none is for certain.
 */
static bool bulk_post(struct op *ops, const size_t *index, size_t n, bool *refused)
{
	struct op *first = &ops[index[0]];
	struct json_object *bodies = json_object_new_array();
	AUTO_JSON body = json_wrap(first->r->keys, bodies);
	AUTO_JSON answer = NULL;
	struct json_object *made;
	struct err *e;

	for (size_t i = 0; i < n; i++)
		json_object_array_add(bodies, creation(&ops[index[i]]));
	e = op_call(first, "POST", "", body, &answer);
	made = json_at(answer, first->r->keys);
	bool ok = !e && json_len(made) == n;
	*refused = e && !e->ambiguous;
	for (size_t i = 0; i < n && ok; i++) {
		e = take_created(&ops[index[i]], json_nth(made, i));
		ok = !e;
	}
	err_free(e);
	return ok;
}

static struct err *finish_bulk(struct op *op)
{
	return err_wrap(finish_creation(op), "creating");
}

/* After a bulk POST of unknown fate each op looks again for what may be there now. */
static struct err *create_unless_there(struct op *op)
{
	struct err *e = refind(op);

	if (e)
		return e;
	if (!json_str(op->have, resource_key(op->r)))
		return create(op);
	op_created(op, json_str(op->have, resource_key(op->r)));
	return finish_bulk(op);
}

static void bulk_some(struct batch *b, const size_t *index, size_t n, int width)
{
	bool refused = false;
	const bool ok = bulk_post(b->ops, index, n, &refused);
	struct op *ops = xcalloc(n, sizeof(*ops));
	struct err **errs = xcalloc(n, sizeof(void *));
	struct batch sub = { .ops = ops, .errs = errs };

	for (size_t i = 0; i < n; i++)
		ops[i] = b->ops[index[i]];
	/* Finding what has no name costs more than it can tell: Neutron makes all, or none. */
	refused = refused && b->ops->keeper;
	/* One after the other: Neutron makes twins of rules that it gets at the same moment. */
	all(&sub, n, refused ? 1 : width,
	    ok        ? finish_bulk
	    : refused ? create
		      : create_unless_there);
	for (size_t i = 0; i < n; i++) {
		b->ops[index[i]] = ops[i];
		b->errs[index[i]] = errs[i];
	}
	free(ops);
	free(errs);
}

/* Whether two objects may be in one POST. */
static bool bulk_fits(const struct op *x, const struct op *y)
{
	const char *by = x->r->bulk_by;

	if ((x->keeper && x->keeper->lost) || (y->keeper && y->keeper->lost))
		return false;
	return !by || json_object_equal(json_at(x->want, by), json_at(y->want, by));
}

static void bulk_create(struct batch *b, size_t n, int width)
{
	size_t *index = xcalloc(n, sizeof(*index));
	AUTO_STR seen = xcalloc(n + 1, 1);

	for (size_t first = 0; first < n; first++) {
		size_t m = 0;

		for (size_t i = first; i < n && m < BULK_MOST; i++) {
			if (seen[i] || b->errs[i] || b->ops[i].out->plan.action != CREATED ||
			    !bulk_fits(&b->ops[first], &b->ops[i]))
				continue;
			seen[i] = 1;
			index[m++] = i;
		}
		if (m > 1)
			bulk_some(b, index, m, width);
	}
	free(index);
}

static struct err *act_unless_made(struct op *op)
{
	return op->out->plan.action == CREATED && op->out->id ? NULL : act(op);
}

static void record(struct op *op)
{
	if (!op->check && !op->r->run)
		op->out->after = json_copy(op->have);
	json_object_put(op->have);
	op->have = NULL;
}

static struct err *run_alone(struct op *op)
{
	struct err *e = prepare(op);

	if (!e)
		e = op_resolve(op);
	return e ? e : op->r->run(op);
}

void resource_apply(struct op *ops, size_t n, int width, struct err **errs)
{
	struct batch b = { .ops = ops, .errs = errs };
	const struct resource *r = ops->r;
	struct refs *refs = refs_new();
	const bool many = n > 1 && !ops->keeper &&
			  (r->flags & NAME_REGEX || (r->flags & (BULK | LIST_MANY) && !r->find));

	for (size_t i = 0; i < n; i++)
		if (!ops[i].refs)
			ops[i].refs = refs;
	if (r->run) {
		all(&b, n, width, run_alone);
	} else {
		all(&b, n, width, prepare);
		refs_prefetch(ops, errs, n);
		all(&b, n, width, op_resolve);
		if (!ops->keeper)
			refuse_twins(&b, n);
		if (!many || (find_all(&b, n, width) && r->find))
			all(&b, n, width, find_one);
		refuse_found_twins(&b, n);
		all(&b, n, width, make_plan);
		if (!ops->check) {
			if (n > 1 && r->flags & BULK && (many || ops->keeper) && !r->create &&
			    !r->body && !clock_is_cut())
				bulk_create(&b, n, width);
			all(&b, n, width, act_unless_made);
		}
	}
	for (size_t i = 0; i < n; i++) {
		record(&ops[i]);
		if (ops[i].refs == refs)
			ops[i].refs = NULL;
	}
	refs_free(refs);
}

void outcome_release(struct outcome *o)
{
	plan_release(&o->plan);
	json_object_put(o->before);
	json_object_put(o->after);
	json_object_put(o->extra);
	json_object_put(o->warnings);
	free(o->id);
	*o = (struct outcome){ 0 };
}
