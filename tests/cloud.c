#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cloud.h"
#include "text.h"

#define URL     "http://cloud.test/"
#define PROJECT "11111111111111111111111111111111"
#define USER    "22222222222222222222222222222222"

enum { DELETE_LOOKS = 2 };

struct cloud {
	struct api api; /* first */
	pthread_mutex_t lock;
	const struct cloud_kind *kinds;
	struct json_object *store;
	struct buf log;
	char *failed;
	int calls, writes, fail_at, made, mangle_at, mangle;
	enum cloud_failure how;
	size_t page;
	int64_t now_ms;
};

/* ---- answers ---- */

struct err *cloud_fault(int status, const char *fmt, ...)
{
	enum err_kind kind = ERR_REMOTE;
	va_list ap;
	struct err *e;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	if (status == 404)
		kind = ERR_NOT_FOUND;
	else if (status == 409)
		kind = ERR_CONFLICT;
	else if (status == 401 || status == 403)
		kind = ERR_AUTH;
	else if (status == 400 || status == 413 || status == 422)
		kind = ERR_USAGE;
	e = err_new(kind, "%d %s", status, text);
	e->status = status;
	return e;
}

/* What begins with "_" is the cloud's own business. */
static struct json_object *shown(struct cloud *c, const struct cloud_kind *k,
				 struct json_object *object)
{
	struct json_object *copy = json_object_new_object();

	json_object_object_foreach(object, key, v)
		if (*key != '_')
			json_set(copy, key, json_copy(v));
	if (k->shown)
		k->shown(c, object, copy);
	return copy;
}

struct json_object *cloud_answer(struct cloud *c, const struct cloud_kind *k,
				 struct json_object *object)
{
	struct json_object *copy = shown(c, k, object);

	return k->key ? json_wrap(k->key, copy) : copy;
}

/* ---- the store ---- */

static const struct cloud_kind *kind_at(struct cloud *c, const char *path)
{
	for (const struct cloud_kind *k = c->kinds; k->path; k++)
		if (strcmp(k->path, path) == 0)
			return k;
	abort(); /* the test is wrong */
}

struct json_object *cloud_at(struct cloud *c, const char *path)
{
	struct json_object *at = NULL;

	if (!json_object_object_get_ex(c->store, path, &at)) {
		at = json_object_new_object();
		json_set(c->store, path, at);
	}
	return at;
}

struct json_object *cloud_one(struct cloud *c, const char *path, const char *id)
{
	struct json_object *one = NULL;

	(void)json_object_object_get_ex(cloud_at(c, path), id, &one);
	return one;
}

char *cloud_id(struct cloud *c)
{
	c->made++;
	return xasprintf("%08x-0000-4000-8000-%012x", c->made, c->made);
}

void cloud_go(struct cloud *c, struct json_object *object, const char *states)
{
	const struct cloud_kind *k = kind_at(c, json_str(object, "_kind"));
	const char *first = words_skip(states);
	AUTO_STR now = xstrndup(first, words_len(first));

	json_sets(object, k->status, now);
	json_sets(object, "_left", words_skip(first + words_len(first)));
}

/* Looking at an object lets its time pass. */
void cloud_look(struct cloud *c, struct json_object *object)
{
	const struct cloud_kind *k = kind_at(c, json_str(object, "_kind"));
	AUTO_STR left = xstrdup(json_str(object, "_left"));

	if (k->status && left && *left)
		cloud_go(c, object, left);
}

static struct err *check_refs(struct cloud *c, const struct cloud_kind *k, struct json_object *body)
{
	WORDS_EACH(w, k->refs) {
		AUTO_STR ref = xstrndup(w, words_len(w));
		char *path = strchr(ref, '=');
		const char *id;

		*path++ = '\0';
		path[strcspn(path, "!")] = '\0';
		id = json_str(body, ref);
		if (id && *id && !cloud_one(c, path, id))
			return cloud_fault(404, "%s %s could not be found.", ref, id);
	}
	return NULL;
}

/* 409 if another object holds on to this one. */
static struct err *check_held(struct cloud *c, const char *path, const char *id)
{
	for (const struct cloud_kind *k = c->kinds; k->path; k++) {
		WORDS_EACH(w, k->refs) {
			AUTO_STR ref = xstrndup(w, words_len(w));
			char *to = strchr(ref, '=');

			*to++ = '\0';
			if (strncmp(to, path, strlen(path)) != 0 ||
			    strcmp(to + strlen(path), "!") != 0)
				continue;
			json_object_object_foreach(cloud_at(c, k->path), other, o) {
				(void)other;
				if (json_is_str(json_at(o, ref), id) && !json_has(o, "_owned"))
					return cloud_fault(409, "%s is in use by %s %s.", id,
							   k->path, other);
			}
		}
	}
	return NULL;
}

static struct err *check_unique(struct cloud *c, const struct cloud_kind *k, const char *name)
{
	if (!(k->flags & KIND_UNIQUE) || !name)
		return NULL;
	json_object_object_foreach(cloud_at(c, k->path), id, o) {
		(void)id;
		if (json_is_str(json_at(o, "name"), name))
			return cloud_fault(409, "One named %s already exists.", name);
	}
	return NULL;
}

static struct json_object *from_fields(const struct cloud_kind *k)
{
	AUTO_STR text = xstrdup(k->fields ? k->fields : "{}");
	struct json_object *o;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	o = json_tokener_parse(text);
	if (!o)
		abort(); /* the table is wrong */
	return o;
}

/* By this one, what a killed run made is told from what was there before. */
static void set_now(struct json_object *object, const char *key)
{
	const time_t now = time(NULL);
	struct tm tm;
	char text[32];

	if (!json_has(object, key))
		return;
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_sets(object, key, text);
}

struct err *cloud_make(struct cloud *c, const char *path, struct json_object *body,
		       struct json_object **ret)
{
	const struct cloud_kind *k = kind_at(c, path);
	AUTO_JSON given = body;
	AUTO_JSON object = from_fields(k);
	AUTO_STR id = NULL;
	struct err *e = check_refs(c, k, given);

	if (!e)
		e = check_unique(c, k, json_str(given, "name"));
	if (e)
		return e;
	set_now(object, "created_at");
	set_now(object, "created");
	json_object_object_foreach(given, key, v)
		json_set(object, key, json_copy(v));
	if (k->flags & KIND_ID_IS_NAME)
		id = xstrdup(json_str(object, "name"));
	else if (k->flags & KIND_EXACT_ID && json_str(object, "id"))
		id = xstrdup(json_str(object, "id"));
	else
		id = cloud_id(c);
	if (!(k->flags & KIND_ID_IS_NAME))
		json_sets(object, "id", id);
	json_sets(object, "_id", id);
	json_sets(object, "_kind", k->path);
	if (k->states)
		cloud_go(c, object, k->states);
	if (k->born)
		e = k->born(c, object);
	if (e)
		return e;
	json_set(cloud_at(c, path), id, json_object_get(object));
	if (ret)
		*ret = object;
	return NULL;
}

void cloud_drop(struct cloud *c, const char *path, const char *id)
{
	const struct cloud_kind *k = kind_at(c, path);
	AUTO_JSON object = json_object_get(cloud_one(c, path, id));

	if (!object)
		return;
	json_object_object_del(cloud_at(c, path), id);
	if (k->gone)
		k->gone(c, object);
}

/* Those on their way out come nearer to it with each look at them. */
static void fade(struct cloud *c, const char *path, struct json_object *object)
{
	const int64_t looks = json_int(object, "_looks", 0);

	if (!json_has(object, "_looks"))
		return;
	if (looks > 0) {
		json_set(object, "_looks", json_object_new_int64(looks - 1));
		return;
	}
	AUTO_STR id = xstrdup(json_str(object, "_id"));
	cloud_drop(c, path, id);
}

/* ---- lists ---- */

static bool same_text(struct json_object *v, const char *s)
{
	AUTO_STR text = json_text(v);

	return strcasecmp(text, s) == 0;
}

static struct err *name_op(struct json_object *value, struct json_object **ret)
{
	const char *s = json_object_get_string(value);
	const char *colon = strchr(s, ':');

	*ret = NULL;
	if (!colon)
		*ret = json_object_get(value);
	else if (strncmp(s, "eq:", 3) == 0)
		*ret = json_object_new_string(s + 3);
	else
		return cloud_fault(400, "Unable to filter using the operator '%.*s'.",
				   (int)(colon - s), s);
	return NULL;
}

static bool name_regex(struct json_object *name, const char *pattern)
{
	regex_t re;
	bool hit;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	hit = name && regexec(&re, json_object_get_string(name), 0, NULL, 0) == 0;
	regfree(&re);
	return hit;
}

/* Neutron's "fixed_ips=subnet_id=X&fixed_ips=ip_address=Y": one element that has both. */
static bool has_element(struct json_object *list, struct json_object *values)
{
	for (size_t i = 0; i < json_len(list); i++) {
		bool fit = true;

		for (size_t k = 0; k < json_len(values) && fit; k++) {
			const char *pair = json_object_get_string(json_nth(values, k));
			AUTO_STR key = xstrndup(pair, strcspn(pair, "="));

			fit = json_is_str(json_at(json_nth(list, i), key),
					  pair + strlen(key) + (pair[strlen(key)] == '='));
		}
		if (fit)
			return true;
	}
	return false;
}

static struct err *matches(const struct cloud_kind *k, struct json_object *object, const char *key,
			   struct json_object *values, bool *ret)
{
	struct json_object *have = json_at(object, key);

	*ret = strcmp(key, "fixed_ips") == 0 && has_element(have, values);
	for (size_t i = 0; i < json_len(values) && !*ret; i++) {
		AUTO_JSON v = json_object_get(json_nth(values, i));

		if (strcmp(key, "name") == 0 && k->flags & KIND_OPS) {
			struct json_object *plain;
			struct err *e = name_op(v, &plain);

			if (e)
				return e;
			json_object_put(v);
			v = plain;
		}
		if (strcmp(key, "name") == 0 && k->flags & KIND_REGEX)
			*ret = name_regex(have, json_object_get_string(v));
		else if (json_object_is_type(have, json_type_array))
			*ret = json_list_has(have, v);
		else
			*ret = same_text(have, json_object_get_string(v)) ||
			       (!have && !*json_object_get_string(v));
	}
	return NULL;
}

static bool is_paging(const char *key)
{
	return words_have("limit marker sort_key sort_dir page_reverse fields sort", key);
}

static struct err *check_filter(struct cloud *c, const struct cloud_kind *k, const char *key)
{
	AUTO_JSON fields = from_fields(k);

	if (is_paging(key) || k->flags & KIND_LAX || words_have(k->filters, key) ||
	    words_have("id name", key) || json_has(fields, key))
		return NULL;
	(void)c;
	return cloud_fault(400, "Filter '%s' is not known to %s.", key, k->path);
}

static struct err *fits(struct cloud *c, struct cloud_call *q, struct json_object *object,
			bool *ret)
{
	*ret = true;
	json_object_object_foreach(q->query, key, values) {
		struct err *e = check_filter(c, q->kind, key);

		if (e)
			return e;
		if (is_paging(key) || (!json_has(object, key) && words_have(q->kind->filters, key)))
			continue;
		if (q->kind->flags & KIND_LAX && !json_has(object, key))
			continue;
		e = matches(q->kind, object, key, values, ret);
		if (e || !*ret)
			return e;
	}
	return NULL;
}

/* The link to the next page, as the service writes it. */
static void add_link(struct json_object *answer, struct cloud_call *q, const char *last)
{
	AUTO_BUF query = BUF_INIT;
	const struct cloud_kind *k = q->kind;

	json_object_object_foreach(q->query, key, values) {
		for (size_t i = 0; i < json_len(values) && strcmp(key, "marker") != 0; i++) {
			buf_addf(&query, "%s=", key);
			buf_addurl(&query, json_object_get_string(json_nth(values, i)));
			buf_adds(&query, "&");
		}
	}
	AUTO_STR path =
		xasprintf("%s%s%s?%smarker=%s", k->path, *q->id ? "/" : "", q->id, query.s, last);
	AUTO_STR url = xasprintf(URL "%s%s", k->service, path);
	if (strcmp(k->service, "image") == 0) {
		json_sets(answer, "next", path);
	} else if (strcmp(k->service, "identity") == 0) {
		json_set(answer, "links", json_wrap("next", json_object_new_string(url)));
	} else {
		AUTO_STR name = xasprintf("%s_links", k->keys);
		struct json_object *links = json_object_new_array();
		struct json_object *link = json_object_new_object();

		json_sets(link, "rel", "next");
		json_sets(link, "href", url);
		json_object_array_add(links, link);
		json_set(answer, name, links);
	}
}

static struct json_object *listed(struct cloud *c, struct cloud_call *q, struct json_object *object)
{
	const struct cloud_kind *k = q->kind;
	struct json_object *one;

	if (k->flags & KIND_WRAPPED)
		return cloud_answer(c, k, object);
	if (!(k->flags & KIND_BRIEF) || strcmp(q->id, "detail") == 0)
		return shown(c, k, object);
	one = json_object_new_object();
	json_object_object_foreach(object, key, v)
		if (words_have("id name", key) || words_have(k->brief, key))
			json_set(one, key, json_copy(v));
	return one;
}

static struct err *list(struct cloud *c, struct cloud_call *q)
{
	const struct cloud_kind *k = q->kind;
	AUTO_JSON all = json_copy(cloud_at(c, k->path));
	const char *marker = json_object_get_string(json_nth(json_at(q->query, "marker"), 0));
	struct json_object *page = json_object_new_array();
	const char *last = NULL;

	q->answer = json_wrap(k->keys, page);
	json_object_object_foreach(q->query, key, v) {
		struct err *e = check_filter(c, k, key);

		(void)v;
		if (e)
			return e;
	}
	json_object_object_foreach(all, id, o) {
		bool fit = !marker;
		struct err *e;

		if (marker && strcmp(marker, id) == 0)
			marker = NULL;
		if (!fit)
			continue;
		e = fits(c, q, o, &fit);
		if (e)
			return e;
		if (!fit)
			continue;
		if (c->page && json_len(page) == c->page) {
			add_link(q->answer, q, last);
			break;
		}
		json_object_array_add(page, listed(c, q, o));
		fade(c, k->path, cloud_one(c, k->path, id));
		last = id;
	}
	return NULL;
}

/* ---- one object ---- */

static struct err *create_many(struct cloud *c, struct cloud_call *q, struct json_object *bodies)
{
	struct json_object *made = json_object_new_array();
	AUTO_JSON before = json_copy(c->store);

	q->answer = json_wrap(q->kind->keys, made);
	for (size_t i = 0; i < json_len(bodies); i++) {
		struct json_object *one = NULL;
		struct err *e = cloud_make(c, q->kind->path, json_copy(json_nth(bodies, i)), &one);

		if (e) { /* all or none */
			json_object_put(c->store);
			c->store = TAKE(before);
			return e;
		}
		json_object_array_add(made, shown(c, q->kind, one));
	}
	return NULL;
}

static struct err *create(struct cloud *c, struct cloud_call *q)
{
	const struct cloud_kind *k = q->kind;
	struct json_object *inner = k->key ? json_at(q->body, k->key) : q->body, *one = NULL;
	struct err *e;

	if (k->flags & KIND_BULK && json_object_is_type(json_at(q->body, k->keys), json_type_array))
		return create_many(c, q, json_at(q->body, k->keys));
	if (!json_object_is_type(inner, json_type_object))
		return cloud_fault(400, "The body has no '%s'.", k->key ? k->key : "object");
	e = cloud_make(c, k->path, json_copy(inner), &one);
	if (!e)
		q->answer = cloud_answer(c, k, one);
	return e;
}

static struct err *json_patch(struct json_object *object, struct json_object *steps)
{
	for (size_t i = 0; i < json_len(steps); i++) {
		struct json_object *step = json_nth(steps, i);
		const char *op = json_str(step, "op"), *path = json_str(step, "path");

		if (!op || !path || *path != '/' || !words_have("add replace remove", op))
			return cloud_fault(400, "Invalid JSON patch.");
		if (strcmp(op, "remove") == 0) {
			if (!json_has(object, path + 1))
				return cloud_fault(409, "There is no %s.", path);
			json_object_object_del(object, path + 1);
		} else {
			if (strcmp(op, "replace") == 0 && !json_has(object, path + 1))
				return cloud_fault(409, "There is no %s.", path);
			json_set(object, path + 1, json_copy(json_at(step, "value")));
		}
	}
	return NULL;
}

static struct err *change(struct cloud *c, struct cloud_call *q)
{
	const struct cloud_kind *k = q->kind;
	struct json_object *inner = k->key ? json_at(q->body, k->key) : q->body;
	struct err *e = NULL;

	if (json_object_is_type(inner, json_type_array))
		e = json_patch(q->object, inner);
	else if (!json_object_is_type(inner, json_type_object))
		e = cloud_fault(400, "The body has no '%s'.", k->key ? k->key : "object");
	else
		e = check_refs(c, k, inner);
	if (e)
		return e;
	if (json_object_is_type(inner, json_type_object)) {
		json_object_object_foreach(inner, key, v)
			json_set(q->object, key, json_copy(v));
	}
	if (k->changed)
		e = k->changed(c, q->object, inner);
	if (!e)
		q->answer = cloud_answer(c, k, q->object);
	return e;
}

static struct err *delete_one(struct cloud *c, struct cloud_call *q)
{
	const struct cloud_kind *k = q->kind;
	struct err *e = k->may_go ? k->may_go(c, q->object) : NULL;

	if (!e)
		e = check_held(c, k->path, q->id);
	if (e)
		return e;
	if (!(k->flags & KIND_SLOW_DELETE))
		cloud_drop(c, k->path, q->id);
	else if (!json_has(q->object, "_looks"))
		json_set(q->object, "_looks", json_object_new_int(DELETE_LOOKS));
	return NULL;
}

static struct err *ordinary(struct cloud *c, struct cloud_call *q)
{
	const bool whole = strcmp(q->id, "detail") == 0 && !*q->sub;

	if (*q->sub)
		return cloud_fault(404, "There is no %s/ID/%s.", q->kind->path, q->sub);
	if ((!*q->id || whole) && strcmp(q->method, "GET") == 0)
		return list(c, q);
	if (!*q->id)
		return strcmp(q->method, "POST") == 0 ? create(c, q)
						      : cloud_fault(405, "%s", q->method);
	if (!q->object)
		return cloud_fault(404, "%s could not be found.", q->id);
	if (strcmp(q->method, "GET") == 0) {
		cloud_look(c, q->object);
		q->answer = cloud_answer(c, q->kind, q->object);
		fade(c, q->kind->path, q->object);
		return NULL;
	}
	if (strcmp(q->method, "DELETE") == 0)
		return delete_one(c, q);
	if (words_have("PUT PATCH", q->method))
		return change(c, q);
	return cloud_fault(405, "%s", q->method);
}

/* ---- requests ---- */

static char *unescape(const char *s, size_t len)
{
	AUTO_BUF out = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		char hex[3] = "", ch = s[i] == '+' ? ' ' : s[i];

		if (s[i] == '%' && i + 2 < len) {
			memcpy(hex, s + i + 1, 2);
			ch = (char)strtol(hex, NULL, 16);
			i += 2;
		}
		(void)buf_add(&out, &ch, 1);
	}
	return buf_take(&out);
}

static struct json_object *parse_query(const char *s)
{
	struct json_object *query = json_object_new_object();

	for (s = s && *s ? s + 1 : ""; *s;) {
		const size_t len = strcspn(s, "&"), name = strcspn(s, "=&");
		AUTO_STR key = unescape(s, name);
		AUTO_STR value = unescape(s + name + (name < len), len - name - (name < len));
		struct json_object *values = NULL;

		if (!json_object_object_get_ex(query, key, &values)) {
			values = json_object_new_array();
			json_set(query, key, values);
		}
		json_object_array_add(values, json_object_new_string(value));
		s += len + (s[len] == '&');
	}
	return query;
}

/* The kind with the longest path that fits, and what comes after it. */
static const struct cloud_kind *kind_for(struct cloud *c, const char *service, const char *path,
					 size_t len)
{
	const struct cloud_kind *best = NULL;

	for (const struct cloud_kind *k = c->kinds; k->path; k++) {
		const size_t n = strlen(k->path);

		if (strcmp(k->service, service) != 0 || n > len || strncmp(k->path, path, n) != 0 ||
		    (n < len && path[n] != '/'))
			continue;
		if (!best || n > strlen(best->path))
			best = k;
	}
	return best;
}

static bool has_service(struct cloud *c, const char *service)
{
	for (const struct cloud_kind *k = c->kinds; k->path; k++)
		if (strcmp(k->service, service) == 0)
			return true;
	return false;
}

static struct err *serve(struct cloud *c, const struct request *req, const char *service,
			 const char *path, struct json_object **ret)
{
	const size_t len = strcspn(path, "?");
	struct cloud_call q = { .method = req->method,
				.upload_size = req->upload_size,
				.upload_fd = req->upload_fd,
				.content_type = req->content_type };
	const char *rest;
	bool done = false;
	struct err *e = NULL;

	q.kind = kind_for(c, service, path, len);
	if (!q.kind && !has_service(c, service)) /* what a session says of its catalogue */
		return err_new(ERR_REMOTE, "the cloud offers no '%s' service", service);
	if (!q.kind)
		return cloud_fault(404, "The resource could not be found.");
	rest = path + strlen(q.kind->path);
	rest += *rest == '/';
	AUTO_STR id = unescape(rest, strcspn(rest, "/?"));
	rest += strcspn(rest, "/?");
	rest += *rest == '/';
	AUTO_STR sub = unescape(rest, strcspn(rest, "?"));
	AUTO_JSON query = parse_query(path[len] ? path + len : NULL);
	AUTO_JSON body = json_copy(req->body);
	q.id = id;
	q.sub = sub;
	q.query = query;
	q.body = body;
	/* It may be dropped on the way. */
	AUTO_JSON object = json_object_get(*id ? cloud_one(c, q.kind->path, id) : NULL);
	q.object = object;
	if (q.kind->special)
		e = q.kind->special(c, &q, &done);
	if (!e && !done)
		e = ordinary(c, &q);
	if (e || !ret)
		json_object_put(q.answer);
	else
		*ret = q.answer;
	return e;
}

static struct err *injected(enum cloud_failure how)
{
	struct err *e;

	if (how == CLOUD_REFUSED)
		return cloud_fault(500,
				   "The server has either erred or is incapable of performing the "
				   "requested operation.");
	e = err_new(ERR_NETWORK,
		    how >= CLOUD_LOST ? "the connection was lost" : "connection refused");
	e->ambiguous = how >= CLOUD_LOST;
	return e;
}

/* ---- nonsense ---- */

static struct json_object *nonsense(struct json_object *v, const char *key, int how)
{
	const bool scalar = !json_object_is_type(v, json_type_object) &&
			    !json_object_is_type(v, json_type_array);
	struct json_object *o;

	if (how == 4 && strcmp(key, "id") == 0)
		return NULL;
	if (how == 5 && scalar)
		return NULL;
	if (how == 6 && scalar)
		return json_object_new_int(7);
	if (how == 7 && json_object_is_type(v, json_type_array))
		return json_object_new_object();
	if (how == 8 && scalar)
		return json_object_new_array();
	if (how == 9 && json_object_is_type(v, json_type_object) && *key)
		return json_object_new_string("x");
	if (json_object_is_type(v, json_type_array)) {
		o = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(o, nonsense(json_nth(v, i), key, how));
		return o;
	}
	if (scalar)
		return json_copy(v);
	o = json_object_new_object();
	json_object_object_foreach(v, k, inner)
		json_set(o, k, nonsense(inner, k, how));
	return o;
}

/* Takes answer. */
static struct json_object *mangled(struct json_object *answer, int how)
{
	static const char *const whole[] = { "null", "{}", "[]", "\"x\"" };
	AUTO_JSON owned = answer;

	return how < (int)COUNT(whole) ? json_tokener_parse(whole[how]) : nonsense(owned, "", how);
}

static struct err *serve_or_fail(struct cloud *c, const struct request *req,
				 struct json_object **ret)
{
	const bool fails = ++c->calls == c->fail_at;
	const bool dead = c->how == CLOUD_DEAD && c->fail_at && c->calls > c->fail_at;
	const char *service = req->service, *path = req->path;
	AUTO_STR other = NULL;
	struct err *e = NULL;

	c->now_ms++;
	if (strncmp(path, URL, strlen(URL)) == 0) { /* a link of ours: <URL><service><path> */
		other = xstrndup(path + strlen(URL), strcspn(path + strlen(URL), "/"));
		service = other;
		path += strlen(URL) + strlen(other);
	}
	c->writes += strcmp(req->method, "GET") != 0;
	buf_addf(&c->log, "%s %s %s %s\n", req->method, service, path,
		 req->body ? json_object_to_json_string_ext(req->body,
							    JSON_C_TO_STRING_PLAIN |
								    JSON_C_TO_STRING_NOSLASHESCAPE)
			   : "");
	if (fails)
		c->failed = xasprintf("%s %s %.*s", req->method, service, (int)strcspn(path, "?"),
				      path);
	if (dead)
		return injected(CLOUD_UNREACHABLE);
	if (!fails || c->how >= CLOUD_LOST) {
		struct json_object *answer = NULL;

		e = serve(c, req, service, path, ret ? &answer : NULL);
		if (fails) {
			err_free(e);
			json_object_put(answer);
		} else if (!e && ret) {
			*ret = c->calls == c->mangle_at ? mangled(answer, c->mangle) : answer;
		}
	}
	return fails ? injected(c->how) : e;
}

static struct err *api_call(struct api *api, const struct request *req, struct json_object **ret)
{
	struct cloud *c = (struct cloud *)api;
	struct err *e;

	(void)pthread_mutex_lock(&c->lock);
	e = request_failed(req, serve_or_fail(c, req, ret));
	(void)pthread_mutex_unlock(&c->lock);
	return e;
}

static struct err *api_project(struct api *api, const char **ret)
{
	(void)api;
	*ret = PROJECT;
	return NULL;
}

static struct err *api_user(struct api *api, const char **ret)
{
	(void)api;
	*ret = USER;
	return NULL;
}

static struct json_object *api_settings(struct api *api)
{
	(void)api;
	return json_wrap("auth", json_wrap("auth_url", json_object_new_string(URL)));
}

static struct err *api_token(struct api *api, const char **ret)
{
	(void)api;
	*ret = "token-of-the-test";
	return NULL;
}

static struct err *api_offers(struct api *api, const char *service, const char *microversion,
			      bool *ret)
{
	(void)api;
	(void)service;
	(void)microversion;
	*ret = true;
	return NULL;
}

void cloud_pass_ms(struct cloud *c, int64_t ms)
{
	(void)pthread_mutex_lock(&c->lock);
	c->now_ms += ms;
	(void)pthread_mutex_unlock(&c->lock);
}

static void api_sleep(struct api *api, int64_t ms)
{
	cloud_pass_ms((struct cloud *)api, ms);
}

static int64_t api_now(struct api *api)
{
	struct cloud *c = (struct cloud *)api;
	int64_t now;

	(void)pthread_mutex_lock(&c->lock);
	now = c->now_ms;
	(void)pthread_mutex_unlock(&c->lock);
	return now;
}

/* ---- life ---- */

static void plant(struct cloud *c, const char *seed)
{
	AUTO_STR text = xstrdup(seed ? seed : "{}");
	AUTO_JSON all = NULL;

	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	all = json_tokener_parse(text);
	if (!all)
		abort(); /* the test is wrong */
	json_object_object_foreach(all, path, list) {
		for (size_t i = 0; i < json_len(list); i++) {
			struct json_object *one = json_nth(list, i), *o;
			const struct cloud_kind *k = kind_at(c, path);

			o = from_fields(k);
			json_object_object_foreach(one, key, v)
				json_set(o, key, json_copy(v));
			json_sets(o, "_kind", path);
			json_sets(o, "_id",
				  json_str(o, k->flags & KIND_ID_IS_NAME ? "name" : "id"));
			json_set(cloud_at(c, path), json_str(o, "_id"), o);
		}
	}
}

struct cloud *cloud_new(const struct cloud_kind *kinds, const char *seed)
{
	struct cloud *c = xcalloc(1, sizeof(*c));

	c->api = (struct api){ api_call,  api_project, api_user,  api_settings,
			       api_token, api_offers,  api_sleep, api_now };
	(void)pthread_mutex_init(&c->lock, NULL);
	c->kinds = kinds;
	c->store = json_object_new_object();
	c->log = (struct buf)BUF_INIT;
	c->now_ms = 1000;
	plant(c, seed);
	return c;
}

void cloud_free(struct cloud *c)
{
	json_object_put(c->store);
	buf_release(&c->log);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->failed);
	free(c);
}

struct api *cloud_api(struct cloud *c)
{
	return &c->api;
}

void cloud_fail_at(struct cloud *c, int call, enum cloud_failure how)
{
	c->fail_at = call;
	c->how = how;
	free(c->failed);
	c->failed = NULL;
}

void cloud_mangle_at(struct cloud *c, int call, int how)
{
	c->mangle_at = call;
	c->mangle = how;
}

void cloud_revive(struct cloud *c)
{
	c->fail_at = 0;
}

const char *cloud_failed(struct cloud *c)
{
	return c->failed;
}

int cloud_calls(struct cloud *c)
{
	return c->calls;
}

int cloud_writes(struct cloud *c)
{
	return c->writes;
}

char *cloud_log(struct cloud *c)
{
	return xstrdup(c->log.s);
}

void cloud_log_clear(struct cloud *c)
{
	buf_wipe(&c->log);
	c->calls = c->writes = 0;
}

void cloud_page_size(struct cloud *c, size_t n)
{
	c->page = n;
}

struct json_object *cloud_contents(struct cloud *c)
{
	return json_copy(c->store);
}

size_t cloud_count(struct cloud *c, const char *path)
{
	return (size_t)json_object_object_length(cloud_at(c, path));
}

char *cloud_unsettled(struct cloud *c)
{
	json_object_object_foreach(c->store, path, all) {
		json_object_object_foreach(all, id, o)
			if (!json_empty(json_at(o, "_left")))
				return xasprintf("%s/%s", path, id);
	}
	return NULL;
}
