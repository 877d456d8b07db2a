#include <string.h>
#include <time.h>

#include "clock.h"
#include "json.h"
#include "session/auth.h"
#include "session/catalog.h"
#include "session/fault.h"
#include "text.h"

enum { TRIES = 3, PAUSE_MS = 500 };
enum { ENDPOINTS_MAX = 20000, MARGIN_S = 60, LIFE_MAX_S = 90 * 86400 };

void login_free(struct login *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		free(l->endpoints[i].type);
		free(l->endpoints[i].name);
		free(l->endpoints[i].region);
		free(l->endpoints[i].interface);
		free(l->endpoints[i].url);
	}
	for (size_t i = 0; l->secrets && l->secrets[i]; i++)
		wipe_free(l->secrets[i]);
	free(l->secrets);
	free(l->endpoints);
	wipe_free(l->token);
	wipe_free(l->header);
	json_object_put(l->access);
	free(l->project);
	free(l->user);
	free(l);
}

/* Once token, access, obtained_s and life_s are there. */
static void login_finish(struct login *l, int64_t age_s)
{
	const char *project = json_str(l->access, "project.id");
	const char *user = json_str(l->access, "user.id");
	const int64_t margin = l->life_s / 5 < MARGIN_S ? l->life_s / 5 : MARGIN_S;

	l->project = xstrdup(project ? project : "");
	l->user = xstrdup(user ? user : "");
	if (l->token)
		l->header = xasprintf("X-Auth-Token: %s", l->token);
	l->renew_ms = l->dead_ms = INT64_MAX;
	if (l->life_s > 0) {
		l->dead_ms = clock_ms() + (l->life_s - age_s) * 1000;
		l->renew_ms = l->dead_ms - margin * 1000;
	}
}

/* Takes one endpoint's five strings. False, and nothing taken, if there is no URL or no room. */
static bool endpoint_add(struct login *l, const char *const field[5])
{
	struct endpoint *e;

	if (!field[0] || !field[4] || l->n == ENDPOINTS_MAX)
		return false;
	l->endpoints = xrealloc(l->endpoints, l->n + 1, sizeof(*l->endpoints));
	e = &l->endpoints[l->n++];
	*e = (struct endpoint){ .type = xstrdup(field[0]),
				.name = xstrdup(field[1] ? field[1] : ""),
				.region = xstrdup(field[2] ? field[2] : ""),
				.interface = xstrdup(field[3] ? field[3] : ""),
				.url = xstrdup(field[4]) };
	return true;
}

static void catalog_read(struct login *l, struct json_object *catalog)
{
	for (size_t i = 0; i < json_len(catalog); i++) {
		struct json_object *service = json_nth(catalog, i);
		struct json_object *list = json_at(service, "endpoints");

		for (size_t j = 0; j < json_len(list); j++) {
			struct json_object *e = json_nth(list, j);
			const char *region = json_str(e, "region_id");

			(void)endpoint_add(l, (const char *const[]){
						      json_str(service, "type"),
						      json_str(service, "name"),
						      region ? region : json_str(e, "region"),
						      json_str(e, "interface"),
						      json_str(e, "url"),
					      });
		}
	}
}

/* The life Keystone gives a token, by Keystone's own clock: ours may differ. */
static int64_t life_of(struct json_object *token)
{
	const int64_t issued = text_time(json_str(token, "issued_at"));
	const int64_t expires = text_time(json_str(token, "expires_at"));

	if (!issued || !expires || expires <= issued || expires - issued > LIFE_MAX_S)
		return 0;
	return expires - issued;
}

struct err *login_new(const struct http_answer *a, int64_t now_s, struct login **ret)
{
	const char *id = http_header(a, "x-subject-token");
	AUTO_JSON body = NULL;
	struct json_object *token;
	struct login *l;
	struct err *e = json_parse(a->body, a->len, &body);

	if (e)
		return e;
	token = json_at(body, "token");
	if (!json_object_is_type(token, json_type_object) || !id || !*id)
		return err_new(ERR_PROTOCOL, "no token in the answer: is this Keystone?");
	l = xcalloc(1, sizeof(*l));
	l->token = xstrdup(id);
	l->obtained_s = now_s;
	l->life_s = life_of(token);
	catalog_read(l, json_at(token, "catalog"));
	json_object_object_del(token, "catalog");
	l->access = json_object_get(token);
	login_finish(l, 0);
	*ret = l;
	return NULL;
}

struct login *login_static(const struct config *c)
{
	struct login *l = xcalloc(1, sizeof(*l));
	const char *project = config_auth(c, "project_id");

	if (strcmp(c->auth_type, "none") != 0)
		l->token = xstrdup(config_auth(c, "token"));
	l->access = json_object_new_object();
	if (project)
		json_set(l->access, "project", json_wrap("id", json_object_new_string(project)));
	login_finish(l, 0);
	return l;
}

/* ---- asking Keystone ---- */

static struct err *post(const struct config *c, struct http *http, const char *url,
			const char *body, struct http_answer *ret)
{
	static const char *const headers[] = { "Content-Type: application/json",
					       "Accept: application/json", NULL };

	return http_call(http,
			 &(struct http_request){ .method = "POST",
						 .url = url,
						 .headers = headers,
						 .body = body,
						 .body_len = strlen(body),
						 .secret_body = true,
						 .deadline_ms = c->api_timeout_ms },
			 ret);
}

/* A login changes nothing: unlike other POSTs it may be sent again after a lost answer. */
static struct err *post_tried(const struct config *c, struct http *http, const char *url,
			      const char *body, struct http_answer *ret)
{
	for (int i = 1;; i++) {
		struct err *e = post(c, http, url, body, ret);
		const bool again = e ? e->ambiguous && e->kind == ERR_NETWORK
				     : ret->status == 502 || ret->status == 504;

		if (!again || i == TRIES)
			return e;
		if (!e)
			http_answer_release(ret);
		err_free(e);
		clock_sleep_ms(PAUSE_MS << i);
	}
}

/* Where Keystone says its v3 is; for an auth_url that has it in an unusual place. */
static struct err *identity_discover(const struct config *c, struct http *http, char **ret)
{
	static const char *const headers[] = { "Accept: application/json", NULL };
	const char *auth_url = config_auth(c, "auth_url");
	const struct http_request req = { .method = "GET",
					  .url = auth_url,
					  .headers = headers,
					  .deadline_ms = c->api_timeout_ms };
	struct http_answer a = { 0 };
	struct version v = { 0 };
	AUTO_JSON doc = NULL;
	struct err *e = http_call(http, &req, &a);

	if (e)
		return e;
	e = a.status == 200 || a.status == 300 ? json_parse(a.body, a.len, &doc) : fault_new(&a);
	if (!e)
		e = version_parse(doc, auth_url, "3", &v);
	if (!e)
		*ret = TAKE(v.base);
	version_release(&v);
	http_answer_release(&a);
	return e;
}

/* Keystone wants more than one factor, and says which. */
static struct err *receipt(const struct http_answer *a, struct err *e)
{
	AUTO_JSON body = NULL;
	struct json_object *wanted;

	if (!http_header(a, "openstack-auth-receipt"))
		return e;
	err_free(json_parse(a->body, a->len, &body));
	wanted = json_at(body, "required_auth_methods");
	if (!wanted)
		return e;
	AUTO_STR methods = json_text(wanted);
	err_free(e);
	e = err_new(ERR_AUTH,
		    "401 more factors are required, one of these sets: %s (auth_type "
		    "v3multifactor with auth_methods)",
		    methods);
	e->status = 401;
	return e;
}

static struct err *login_answer(const struct http_answer *a, const char *url, struct login **ret)
{
	struct err *e;

	if (a->status == 200 || a->status == 201)
		e = login_new(a, (int64_t)time(NULL), ret);
	else
		e = receipt(a, fault_new(a));
	return err_wrap(e, "POST %s", url);
}

static struct err *login_at(const struct config *c, struct http *http, const char *base,
			    const char *body, struct login **ret)
{
	AUTO_STR url = xasprintf("%s/auth/tokens", base);
	struct http_answer a = { 0 };
	struct err *e = post_tried(c, http, url, body, &a);

	if (!e)
		e = login_answer(&a, url, ret);
	http_answer_release(&a);
	return e;
}

static struct err *login_send(const struct config *c, struct http *http, const char *body,
			      struct login **ret)
{
	AUTO_STR base = auth_base(c);
	AUTO_STR found = NULL;
	struct err *e = login_at(c, http, base, body, ret);

	if (e && e->status == 404) {
		AUTO_ERR ignored = identity_discover(c, http, &found);

		if (!ignored && found && strcmp(found, base) != 0) {
			err_free(e);
			e = login_at(c, http, found, body, ret);
		}
	}
	/* A 404 is about the login's URL, never about an object that somebody looks for. */
	if (e && (e->kind == ERR_NOT_FOUND || e->kind == ERR_CONFLICT))
		e->kind = ERR_REMOTE;
	return e;
}

struct err *login_ask(const struct config *c, struct http *http, const char *const *secrets,
		      struct login **ret)
{
	AUTO_STR who = auth_who(c);
	struct json_object *request = NULL;
	const char *body;
	struct err *e = auth_request(c, &request);

	if (e)
		return e;
	body = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);
	e = login_send(c, http, body, ret);
	json_text_wipe(body, strlen(body));
	json_wipe(request);
	json_object_put(request);
	fault_scrub(e, secrets);
	return err_wrap(e, "logging in with %s (%s)", who, c->title);
}

/* ---- the cached form ---- */

struct json_object *login_to_json(const struct login *l)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_set(o, "v", json_object_new_int(1));
	json_sets(o, "token", l->token);
	json_set(o, "obtained", json_object_new_int64(l->obtained_s));
	json_set(o, "life", json_object_new_int64(l->life_s));
	json_set(o, "access", json_copy(l->access));
	for (size_t i = 0; i < l->n; i++) {
		const struct endpoint *e = &l->endpoints[i];
		const char *const field[] = { e->type, e->name, e->region, e->interface, e->url };
		struct json_object *row = json_object_new_array();

		for (size_t j = 0; j < COUNT(field); j++)
			json_object_array_add(row, json_object_new_string(field[j]));
		json_object_array_add(list, row);
	}
	json_set(o, "endpoints", list);
	return o;
}

static const char *text_at(struct json_object *list, size_t i)
{
	struct json_object *v = json_nth(list, i);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;
}

struct login *login_from_json(struct json_object *v, int64_t now_s)
{
	struct json_object *list = json_at(v, "endpoints");
	const int64_t life = json_int(v, "life", 0);
	const int64_t obtained = json_int(v, "obtained", 0);
	const int64_t age = now_s - obtained;
	struct login *l;

	if (json_int(v, "v", 0) != 1 || !json_str(v, "token") || life <= 0 || life > LIFE_MAX_S)
		return NULL;
	/* From the future: the clock was put back, and the token's age cannot be known. */
	if (obtained <= 0 || age < 0 || age >= life)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	l->token = xstrdup(json_str(v, "token"));
	l->obtained_s = obtained;
	l->life_s = life;
	l->access = json_copy(json_at(v, "access"));
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *row = json_nth(list, i);

		(void)endpoint_add(l, (const char *const[]){ text_at(row, 0), text_at(row, 1),
							     text_at(row, 2), text_at(row, 3),
							     text_at(row, 4) });
	}
	login_finish(l, age);
	if (l->renew_ms > clock_ms())
		return l;
	login_free(l);
	return NULL;
}
