#include "session/session.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "json.h"
#include "session/auth.h"
#include "session/cache.h"
#include "session/catalog.h"
#include "session/config.h"
#include "session/fault.h"
#include "text.h"

enum {
	LOGINS = 3,          /* for one request whose tokens are refused */
	REVOKED_MS = 1000,   /* Keystone's own unit of time */
	REFUSED_MS = 10000,  /* how long a failed login is not tried again: it may lock accounts */
	TURN_MS = 60000,     /* how long to wait for another process's login */
	NOTE_TURN_MS = 1000, /* ... to add a version to the cache */
	HEADERS = 8,
};

struct known {
	struct version version;
	struct known *next;
};

/*
 * Logins and versions never change and live as long as the session, so that what was borrowed stays
 * valid; `lock` guards only the pointers to the newest.
 */
struct session {
	struct api api;
	struct config *cloud;
	struct http *http;
	struct cache *cache; /* NULL: none */
	char **secrets;      /* of the configuration */

	pthread_mutex_t lock;
	pthread_cond_t done; /* a login ended */
	bool busy;           /* one thread logs in, for all */
	unsigned long attempts;
	struct err *refused; /* how the last login failed; NULL: it did not */
	int64_t refused_until_ms;
	struct login *login;
	struct known *versions;

	pthread_mutex_t discovery; /* one thread asks for versions */
};

/* ---- secrets ---- */

static void list_add(char ***list, const char *s)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, n + 2, sizeof(**list));
	(*list)[n] = xstrdup(s);
	(*list)[n + 1] = NULL;
}

static void list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		wipe_free(list[i]);
	free(list);
}

static char **config_secrets(const struct config *c)
{
	char **list = xcalloc(1, sizeof(*list));

	json_object_object_foreach(json_at(c->config, "auth"), key, v) {
		if (auth_key_secret(key) && json_object_is_type(v, json_type_string))
			list_add(&list, json_object_get_string(v));
	}
	return list;
}

/* Those of before and this login's token. */
static void login_secrets(const struct session *s, struct login *l)
{
	char *const *old = l->older ? l->older->secrets : s->secrets;

	for (size_t i = 0; old[i]; i++)
		list_add(&l->secrets, old[i]);
	if (l->token)
		list_add(&l->secrets, l->token);
	else if (!l->secrets)
		l->secrets = xcalloc(1, sizeof(*l->secrets));
}

const char *const *session_secrets(struct session *s)
{
	char **list;

	(void)pthread_mutex_lock(&s->lock);
	list = s->login ? s->login->secrets : s->secrets;
	(void)pthread_mutex_unlock(&s->lock);
	return (const char *const *)list;
}

/* ---- the shared cache ---- */

static const struct version *version_keep(struct session *s, const struct version *v)
{
	struct known *k = xcalloc(1, sizeof(*k));

	k->version = *v;
	(void)pthread_mutex_lock(&s->lock);
	k->next = s->versions;
	s->versions = k;
	(void)pthread_mutex_unlock(&s->lock);
	return &k->version;
}

static const struct version *version_known(struct session *s, const char *url)
{
	const struct known *k;

	(void)pthread_mutex_lock(&s->lock);
	k = s->versions;
	while (k && strcmp(k->version.url, url) != 0)
		k = k->next;
	(void)pthread_mutex_unlock(&s->lock);
	return k ? &k->version : NULL;
}

static const char *text_at(struct json_object *list, size_t i)
{
	struct json_object *v = json_nth(list, i);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

static void versions_load(struct session *s, struct json_object *cached)
{
	struct json_object *list = json_at(cached, "versions");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *row = json_nth(list, i);
		const char *url = text_at(row, 0), *base = text_at(row, 1);
		const char *min = text_at(row, 2), *max = text_at(row, 3);

		if (!url || !base || !min || !max || version_known(s, url))
			continue;
		(void)version_keep(s, &(struct version){ .url = xstrdup(url),
							 .base = xstrdup(base),
							 .min = xstrdup(min),
							 .max = xstrdup(max) });
	}
}

static struct json_object *versions_json(struct session *s)
{
	struct json_object *list = json_object_new_array();
	const struct known *k;

	(void)pthread_mutex_lock(&s->lock);
	k = s->versions;
	(void)pthread_mutex_unlock(&s->lock);
	for (; k; k = k->next) {
		const char *const field[] = { k->version.url, k->version.base, k->version.min,
					      k->version.max };
		struct json_object *row = json_object_new_array();

		for (size_t i = 0; i < COUNT(field); i++)
			json_object_array_add(row, json_object_new_string(field[i]));
		json_object_array_add(list, row);
	}
	return list;
}

/* NULL: a miss, or the very token that was refused. */
static struct login *cached(struct session *s, const struct login *stale)
{
	struct json_object *v = s->cache ? cache_read(s->cache) : NULL;
	struct login *l = v ? login_from_json(v, (int64_t)time(NULL)) : NULL;

	if (v)
		versions_load(s, v);
	json_wipe(v);
	json_object_put(v);
	if (!l || !stale || !stale->token || strcmp(l->token, stale->token) != 0)
		return l;
	login_free(l);
	return NULL;
}

static void cache_store(struct session *s, const struct login *l)
{
	struct json_object *v;

	if (!s->cache || !l->life_s)
		return;
	v = login_to_json(l);
	json_set(v, "versions", versions_json(s));
	cache_write(s->cache, v);
	json_wipe(v);
	json_object_put(v);
}

/* The versions learnt since; the login in the file may be another process's newer one. */
static void cache_note(struct session *s)
{
	struct json_object *v;
	int lock;

	if (!s->cache)
		return;
	lock = cache_lock(s->cache, NOTE_TURN_MS);
	v = lock >= 0 ? cache_read(s->cache) : NULL;
	if (v) {
		versions_load(s, v);
		json_set(v, "versions", versions_json(s));
		cache_write(s->cache, v);
		json_wipe(v);
		json_object_put(v);
	}
	cache_unlock(lock);
}

/* From the cache, or one login for all processes that wait here. */
static struct err *login_get(struct session *s, const struct login *stale, struct login **ret)
{
	struct err *e = NULL;
	int lock;

	if (!auth_asks(s->cloud)) {
		*ret = login_static(s->cloud);
		return NULL;
	}
	*ret = cached(s, stale);
	if (*ret)
		return NULL;
	lock = s->cache ? cache_lock(s->cache, TURN_MS) : -1;
	if (lock >= 0)
		*ret = cached(s, stale);
	if (!*ret)
		e = login_ask(s->cloud, s->http, (const char *const *)s->secrets, ret);
	if (!e && *ret)
		cache_store(s, *ret);
	cache_unlock(lock);
	return e;
}

/* ---- one login for all threads ---- */

static struct err *err_copy(const struct err *e)
{
	struct err *copy = err_new(e->kind, "%s", e->text);

	copy->status = e->status;
	return e->at ? err_at(copy, e->at) : copy;
}

/* What to do without asking. Under the lock. True: *ret or *ret_e is the answer. */
static bool login_ready(const struct session *s, const struct login *stale, struct login **ret,
			struct err **ret_e)
{
	*ret = NULL;
	*ret_e = NULL;
	if (s->login && s->login != stale && clock_ms() < s->login->renew_ms) {
		*ret = s->login;
		return true;
	}
	if (!s->refused || clock_ms() >= s->refused_until_ms)
		return false;
	/* No login for now, but what we have may still do. */
	if (s->login && s->login != stale && clock_ms() < s->login->dead_ms)
		*ret = s->login;
	else
		*ret_e = err_copy(s->refused);
	return true;
}

/* Under the lock, after the attempt. */
static void login_settle(struct session *s, struct login *l, struct err *e)
{
	err_free(s->refused);
	s->refused = e;
	s->refused_until_ms = clock_ms();
	if (e && (e->kind == ERR_AUTH || s->login))
		s->refused_until_ms += REFUSED_MS;
	if (l) {
		l->older = s->login;
		login_secrets(s, l);
		s->login = l;
	}
	s->busy = false;
	s->attempts++;
	(void)pthread_cond_broadcast(&s->done);
}

/* A login other than `stale` (which was refused), with life left. */
static struct err *login_need(struct session *s, const struct login *stale, struct login **ret)
{
	struct login *l = NULL;
	struct err *e = NULL;

	(void)pthread_mutex_lock(&s->lock);
	while (!login_ready(s, stale, &l, &e)) {
		const unsigned long seen = s->attempts;

		if (!s->busy) {
			s->busy = true;
			(void)pthread_mutex_unlock(&s->lock);
			e = login_get(s, stale, &l);
			(void)pthread_mutex_lock(&s->lock);
			login_settle(s, l, e);
		} else {
			while (s->busy && s->attempts == seen)
				(void)pthread_cond_wait(&s->done, &s->lock);
		}
		/* The attempt we waited for is the answer, whatever it is: not one login each. */
		l = s->login && s->login != stale && clock_ms() < s->login->dead_ms ? s->login
										    : NULL;
		e = l || !s->refused ? NULL : err_copy(s->refused);
		if (l || e)
			break;
	}
	(void)pthread_mutex_unlock(&s->lock);
	if (!e)
		*ret = l;
	return e;
}

/* ---- services and their versions ---- */

struct target {
	const struct service *service;
	struct service room;
	char *endpoint;
};

static void target_release(struct target *t)
{
	free(t->endpoint);
}
#define AUTO_TARGET CLEANUP(target_release) struct target

static struct err *document_get(const struct session *s, const struct login *l, const char *url,
				const struct target *t, struct version *ret)
{
	static const char *const headers[] = { "Accept: application/json", NULL };
	struct http_answer a = { 0 };
	AUTO_JSON doc = NULL;
	struct err *e = http_call(s->http,
				  &(struct http_request){ .method = "GET",
							  .url = url,
							  .headers = headers,
							  .secret_header = l->header,
							  .deadline_ms = s->cloud->api_timeout_ms },
				  &a);

	if (e)
		return e;
	if (a.status == 200 || a.status == 300)
		e = json_parse(a.body, a.len, &doc);
	else
		e = err_wrap(fault_new(&a), "GET %s", url);
	if (!e) {
		AUTO_STR base = xstrndup(url, strlen(url) - 1);
		e = version_parse(doc, base, t->service->major, ret);
	}
	if (e && e->kind == ERR_NOT_FOUND)
		e->kind = ERR_REMOTE; /* no object is missing */
	http_answer_release(&a);
	return e;
}

/* The document below the version first: proxies often publish nothing else. */
static struct err *document_find(const struct session *s, const struct login *l,
				 const struct target *t, const char *url, struct version *ret)
{
	AUTO_STR bare = url_unversioned(t->endpoint);
	AUTO_STR root = xasprintf("%s/", bare);
	struct err *e = document_get(s, l, url, t, ret);

	if (!e || e->status == 401 || e->kind == ERR_NETWORK || e->kind == ERR_TIMEOUT ||
	    strcmp(url, root) == 0)
		return e;
	AUTO_ERR second = document_get(s, l, root, t, ret);
	if (second)
		return e;
	err_free(e);
	return NULL;
}

static struct err *version_find(struct session *s, const struct login *l, const struct target *t,
				const struct version **ret)
{
	AUTO_STR versioned = url_versioned(t->endpoint);
	AUTO_STR url = xasprintf("%s/", versioned ? versioned : t->endpoint);
	struct version v = { 0 };
	struct err *e = NULL;

	*ret = version_known(s, url);
	if (*ret)
		return NULL;
	(void)pthread_mutex_lock(&s->discovery);
	*ret = version_known(s, url);
	if (!*ret) {
		e = document_find(s, l, t, url, &v);
		if (!e) {
			free(v.url);
			v.url = TAKE(url);
			*ret = version_keep(s, &v);
			cache_note(s);
		}
	}
	(void)pthread_mutex_unlock(&s->discovery);
	return err_wrap(e, "versions of the %.*s service", (int)words_len(t->service->types),
			t->service->types);
}

/* Where a service is; `path` tells whether it needs a version there. */
static struct err *target_find(struct session *s, const struct login *l, const char *type,
			       const char *path, struct target *ret)
{
	const struct version *v = NULL;
	struct err *e;

	ret->service = service_find(type, &ret->room);
	e = catalog_url(s->cloud, l, ret->service, type, &ret->endpoint);
	if (e || !ret->service->major || strncmp(path, "http", 4) == 0)
		return e;
	AUTO_STR versioned = url_versioned(ret->endpoint);
	if (versioned)
		return NULL;
	e = version_find(s, l, ret, &v);
	if (e)
		return e;
	free(ret->endpoint);
	ret->endpoint = ret->service->project && *l->project
				? xasprintf("%s/%s", v->base, l->project)
				: xstrdup(v->base);
	return NULL;
}

/* *ret: the one to ask for; NULL: none. */
static struct err *microversion(struct session *s, const struct login *l, const struct target *t,
				const char *highest, char **ret)
{
	const struct version *v = NULL;
	struct err *e;

	*ret = NULL;
	if (!highest) {
		*ret = xstrdup(config_service(s->cloud, t->service->types, "default_microversion"));
		return NULL;
	}
	e = version_find(s, l, t, &v);
	if (e || !*v->max)
		return e;
	if (microversion_compare(highest, v->min) < 0)
		return err_new(ERR_REMOTE,
			       "the %s service speaks microversions %s to %s, and this program up "
			       "to %s",
			       t->service->header_type, v->min, v->max, highest);
	*ret = xstrdup(microversion_compare(highest, v->max) < 0 ? highest : v->max);
	return NULL;
}

/* ---- requests ---- */

static void headers_free(char *list[HEADERS])
{
	for (size_t i = 0; i < HEADERS; i++)
		wipe_free(list[i]);
}

static void headers_make(const struct request *req, const struct login *l, const struct target *t,
			 const char *version, char *list[HEADERS])
{
	size_t n = 0;

	list[n++] = xstrdup("Accept: application/json");
	if (req->content_type || req->body || req->upload_size > 0)
		list[n++] = xasprintf("Content-Type: %s", req->content_type ? req->content_type
							  : req->body       ? "application/json"
								      : "application/octet-stream");
	if (req->if_match)
		list[n++] = xasprintf("If-Match: %s", req->if_match);
	if (req->about_token && l->token)
		list[n++] = xasprintf("X-Subject-Token: %s", l->token);
	if (!version)
		return;
	list[n++] = xasprintf("OpenStack-API-Version: %s %s", t->service->header_type, version);
	if (t->service->old_header)
		list[n++] = xasprintf("%s: %s", t->service->old_header, version);
}

/* Values of keys that sound like secrets: for the errors of services that quote them. */
static void secrets_collect(struct json_object *v, bool secret, char ***list)
{
	static const char sounds[] = "pass secret token private user_data payload key blob";

	if (secret && json_object_is_type(v, json_type_string))
		list_add(list, json_object_get_string(v));
	for (size_t i = 0; i < json_len(v); i++)
		secrets_collect(json_nth(v, i), secret, list);
	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach(v, key, inner) {
		bool hit = secret;

		WORDS_EACH(w, sounds) {
			AUTO_STR word = xstrndup(w, words_len(w));
			hit = hit || strcasestr(key, word);
		}
		secrets_collect(inner, hit, list);
	}
}

static struct err *fault(struct session *s, const struct request *req, const struct http_answer *a)
{
	struct err *e = fault_new(a);
	char **list = NULL;

	if (a->status == 401) {
		AUTO_STR who = auth_who(s->cloud);
		AUTO_STR inner = e->text;

		e->text = xasprintf("%s; logged in with %s at %s (%s)", inner, who,
				    config_auth(s->cloud, "auth_url")
					    ? config_auth(s->cloud, "auth_url")
					    : s->cloud->auth_type,
				    s->cloud->title);
	}
	if (req->secret)
		secrets_collect(req->body, false, &list);
	fault_scrub(e, (const char *const *)list);
	fault_scrub(e, session_secrets(s));
	list_free(list);
	return e;
}

static bool json_type_said(const struct http_answer *a)
{
	const char *type = http_header(a, "content-type");
	const size_t len = type ? strcspn(type, "; ") : 0;

	return (len == 16 && strncasecmp(type, "application/json", len) == 0) ||
	       (len > 5 && strncasecmp(type + len - 5, "+json", 5) == 0);
}

static struct err *decode(const struct request *req, const struct http_answer *a,
			  struct json_object **ret)
{
	struct err *e;

	*ret = NULL;
	if (a->len == 0)
		return NULL;
	if (!json_type_said(a)) {
		*ret = json_object_new_string_len(a->body, (int)a->len);
		return NULL;
	}
	e = json_parse(a->body, a->len, ret);
	if (e) { /* it was carried out, whatever the answer looks like */
		e->status = a->status;
		e->ambiguous = strcmp(req->method, "GET") != 0;
	}
	return e;
}

static struct err *send_to(struct session *s, const struct login *l, const struct target *t,
			   const struct request *req, struct http_answer *ret)
{
	AUTO_STR url = url_join(t->endpoint, req->path);
	AUTO_STR version = NULL;
	char *headers[HEADERS] = { 0 };
	size_t len = 0;
	const char *body = NULL;
	struct err *e = microversion(s, l, t, req->microversion, &version);

	if (e)
		return e;
	headers_make(req, l, t, version, headers);
	if (req->body)
		body = json_object_to_json_string_length(
			req->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	e = http_call(s->http,
		      &(struct http_request){
			      .method = req->method,
			      .url = url,
			      .headers = (const char *const *)headers,
			      .secret_header = l->header,
			      .body = body,
			      .body_len = len,
			      .upload_fd = req->upload_size > 0 ? req->upload_fd : 0,
			      .upload_size = req->upload_size > 0 ? req->upload_size : 0,
			      .secret_body = req->secret,
			      .deadline_ms = req->deadline_ms ? req->deadline_ms
							      : s->cloud->api_timeout_ms,
			      .progress = req->progress,
			      .progress_arg = req->progress_arg,
		      },
		      ret);
	if (body && req->secret)
		json_text_wipe(body, len);
	headers_free(headers);
	return e;
}

static struct err *attempt(struct session *s, const struct login *l, const struct request *req,
			   struct json_object **ret)
{
	AUTO_TARGET t = { 0 };
	struct http_answer a = { 0 };
	struct err *e = target_find(s, l, req->service, req->path, &t);

	if (!e)
		e = send_to(s, l, &t, req, &a);
	if (e)
		return e;
	if (a.status >= 301)
		e = fault(s, req, &a);
	else if (ret)
		e = decode(req, &a, ret);
	http_answer_release(&a);
	return e;
}

/* Back to where the upload began; false: what was sent is gone (a pipe). */
static bool rewind_upload(const struct request *req, off_t start)
{
	return req->upload_size <= 0 ||
	       (start >= 0 && lseek(req->upload_fd, start, SEEK_SET) == start);
}

/* Keystone's word for the token of a user who is no more is 404. */
static bool token_refused(const struct request *req, const struct err *e)
{
	return e->status == 401 || (req->about_token && e->status == 404);
}

/*
 * After the refusal of the login *l, the nth of a request: another. When a password or a role changes,
 * Keystone takes back all tokens of that second, those made after the change, too.
 */
static struct err *login_again(struct session *s, int nth, struct login **l)
{
	if (nth > 1)
		clock_sleep_ms(REVOKED_MS);
	return err_wrap(login_need(s, *l, l), "the token was refused, and so is a new login");
}

static struct err *carry(struct session *s, const struct request *req, struct json_object **ret)
{
	const off_t start = req->upload_size > 0 ? lseek(req->upload_fd, 0, SEEK_CUR) : -1;
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	for (int nth = 1; !e; nth++) {
		e = attempt(s, l, req, ret);
		if (!e || !token_refused(req, e) || nth == LOGINS || !auth_asks(s->cloud) ||
		    !rewind_upload(req, start))
			break;
		err_free(e);
		e = login_again(s, nth, &l);
	}
	return e;
}

static struct err *call(struct api *api, const struct request *req, struct json_object **ret)
{
	return request_failed(req, carry((struct session *)api, req, ret));
}

static struct err *project(struct api *api, const char **ret)
{
	struct session *s = (struct session *)api;
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	if (!e)
		*ret = l->project;
	return e;
}

static struct err *user(struct api *api, const char **ret)
{
	struct session *s = (struct session *)api;
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	if (!e)
		*ret = l->user;
	return e;
}

static struct json_object *settings(struct api *api)
{
	const struct config *c = ((struct session *)api)->cloud;
	struct json_object *o = json_object_new_object(), *auth = json_object_new_object();

	json_object_object_foreach(c->config, key, v) {
		if (!auth_key_secret(key))
			json_set(o, key, json_copy(v));
	}
	json_sets(auth, "auth_url", config_auth(c, "auth_url"));
	json_set(o, "auth", auth);
	return o;
}

static struct err *offers_with(struct session *s, const struct login *l, const char *type,
			       const char *wanted, bool *ret)
{
	AUTO_TARGET t = { 0 };
	const struct version *v = NULL;
	struct err *e = target_find(s, l, type, "", &t);

	if (!e)
		e = version_find(s, l, &t, &v);
	if (!e)
		*ret = *v->max && microversion_compare(wanted, v->min) >= 0 &&
		       microversion_compare(wanted, v->max) <= 0;
	return e;
}

static struct err *offers(struct api *api, const char *service, const char *wanted, bool *ret)
{
	struct session *s = (struct session *)api;
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	for (int nth = 1; !e; nth++) {
		e = offers_with(s, l, service, wanted, ret);
		if (!e || e->status != 401 || nth == LOGINS || !auth_asks(s->cloud))
			break;
		err_free(e);
		e = login_again(s, nth, &l);
	}
	return e;
}

static void sleep_ms(struct api *api, int64_t ms)
{
	(void)api;
	clock_sleep_ms(ms);
}

static int64_t now_ms(struct api *api)
{
	(void)api;
	return clock_ms();
}

/* ---- the session ---- */

static struct cache *cache_for(const struct config *c)
{
	AUTO_STR identity = NULL;
	AUTO_BUF secret = BUF_INIT;
	struct cache *cache;

	if (!c->cache_dir || !auth_asks(c))
		return NULL;
	identity = auth_identity(c);
	auth_secret(c, &secret);
	cache = cache_open(c->cache_dir, identity, secret.s);
	buf_wipe(&secret);
	return cache;
}

static struct err *token(struct api *api, const char **ret)
{
	return session_token((struct session *)api, ret);
}

struct err *session_new(struct json_object *options, struct session **ret)
{
	struct config *c = NULL;
	struct http *http = NULL;
	struct session *s;
	struct err *e = config_load(options, &c);

	if (!e)
		e = auth_check(c);
	if (!e)
		e = http_shared(&(struct http_options){ .cacert = c->cacert,
							.client_cert = c->cert,
							.client_key = c->key,
							.insecure = c->insecure },
				&http);
	if (e) {
		config_free(c);
		return e;
	}
	s = xcalloc(1, sizeof(*s));
	s->api = (struct api){ .call = call,
			       .project = project,
			       .user = user,
			       .settings = settings,
			       .token = token,
			       .offers = offers,
			       .sleep_ms = sleep_ms,
			       .now_ms = now_ms };
	s->cloud = c;
	s->http = http;
	s->secrets = config_secrets(c);
	s->cache = cache_for(c);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->done, NULL);
	(void)pthread_mutex_init(&s->discovery, NULL);
	*ret = s;
	return NULL;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	http_free(s->http);
	while (s->login) {
		struct login *older = s->login->older;

		login_free(s->login);
		s->login = older;
	}
	while (s->versions) {
		struct known *next = s->versions->next;

		version_release(&s->versions->version);
		free(s->versions);
		s->versions = next;
	}
	cache_free(s->cache);
	config_free(s->cloud);
	err_free(s->refused);
	list_free(s->secrets);
	(void)pthread_mutex_destroy(&s->lock);
	(void)pthread_cond_destroy(&s->done);
	(void)pthread_mutex_destroy(&s->discovery);
	free(s);
}

const char *session_region(const struct session *s)
{
	return s->cloud->region;
}

bool session_alike(const struct session *a, const struct session *b)
{
	return json_object_equal(a->cloud->config, b->cloud->config) != 0;
}

struct api *session_api(struct session *s)
{
	return &s->api;
}

struct err *session_token(struct session *s, const char **ret)
{
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	if (!e)
		*ret = l->token ? l->token : "";
	return e;
}

struct err *session_access(struct session *s, struct json_object **ret)
{
	struct login *l = NULL;
	struct err *e = login_need(s, NULL, &l);

	if (!e && l)
		*ret = l->access;
	return e;
}
