#include <pthread.h>
#include <string.h>

#include "cloud.h"
#include "script.h"

struct turn {
	char *request; /* "METHOD SERVICE PATH" */
	struct json_object *body;
	char *answer; /* "STATUS TEXT" */
	bool any_order, done;
};

struct script {
	struct api api; /* first */
	pthread_mutex_t lock;
	struct turn *turns;
	size_t n, next;
	char *problem;
	int64_t now_ms;
};

bool script_line(const char *line)
{
	return (*line == '>' || *line == '*' || *line == '<') && line[1] == ' ';
}

static void problem(struct script *s, char *text)
{
	if (s->problem)
		free(text);
	else
		s->problem = text;
}

/* ---- reading ---- */

/* Cuts a body, which begins at the first " {" or " [", off a request. */
static void add_request(struct script *s, const char *line)
{
	struct turn *t;
	const char *body = strstr(line, " {");

	if (!body)
		body = strstr(line, " [");
	s->turns = xrealloc(s->turns, s->n + 1, sizeof(*s->turns));
	t = &s->turns[s->n++];
	*t = (struct turn){ .any_order = *line == '*' };
	t->request = xstrndup(line + 2, body ? (size_t)(body - line) - 2 : strlen(line + 2));
	if (!body)
		return;
	AUTO_ERR e = json_parse(body, strlen(body), &t->body);
	if (e)
		problem(s, xasprintf("the script's '%s': %s", line, e->text));
}

static void add_line(struct script *s, const char *line)
{
	if (*line != '<')
		add_request(s, line);
	else if (s->n && !s->turns[s->n - 1].answer)
		s->turns[s->n - 1].answer = xstrdup(line + 2);
	else
		problem(s, xasprintf("the script's '%s' answers nothing", line));
}

struct script *script_new(const char *text, size_t len)
{
	struct script *s = xcalloc(1, sizeof(*s));
	AUTO_BUF line = BUF_INIT;

	(void)pthread_mutex_init(&s->lock, NULL);
	s->now_ms = 1000;
	for (const char *end = text + len; text < end;) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		const size_t n = (size_t)((stop ? stop : end) - text);

		if (*text != ' ' && *text != '\t' && line.len) {
			add_line(s, line.s);
			buf_wipe(&line);
		}
		if (script_line(text) || *text == ' ' || *text == '\t')
			(void)buf_add(&line, text, n);
		text += n + (stop ? 1 : 0);
	}
	if (line.len)
		add_line(s, line.s);
	return s;
}

void script_free(struct script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->turns[i].request);
		free(s->turns[i].answer);
		json_object_put(s->turns[i].body);
	}
	free(s->turns);
	free(s->problem);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

/* ---- playing ---- */

static bool is_turn(const struct turn *t, const char *request, struct json_object *body)
{
	return !t->done && strcmp(t->request, request) == 0 && json_object_equal(t->body, body);
}

static struct turn *turn_for(struct script *s, const char *request, struct json_object *body)
{
	while (s->next < s->n && s->turns[s->next].done)
		s->next++;
	for (size_t i = s->next; i < s->n; i++) {
		if (is_turn(&s->turns[i], request, body))
			return &s->turns[i];
		if (!s->turns[i].any_order)
			break;
	}
	return NULL;
}

static struct err *answer(struct script *s, const char *text, struct json_object **ret)
{
	const size_t len = strcspn(text, " ");
	const int status = (int)strtol(text, NULL, 10);
	const char *rest = text + len + (text[len] == ' ');
	struct json_object *v = NULL;
	struct err *e;

	if (strncmp(text, "lost", len) == 0 || strncmp(text, "refused", len) == 0) {
		e = err_new(ERR_NETWORK, "the connection was %s", text);
		e->ambiguous = *text == 'l';
		return e;
	}
	if (status >= 400) {
		e = cloud_fault(status, "%s", rest);
		e->ambiguous = status == 502 || status == 504;
		return e;
	}
	e = *rest ? json_parse(rest, strlen(rest), &v) : NULL;
	if (e)
		problem(s, xasprintf("the script's answer '%s': %s", text, e->text));
	err_free(e);
	if (ret)
		*ret = v;
	else
		json_object_put(v);
	return NULL;
}

static struct err *play(struct script *s, const struct request *req, struct json_object **ret)
{
	AUTO_STR request = xasprintf("%s %s %s", req->method, req->service, req->path);
	struct turn *t = turn_for(s, request, req->body);
	const char *body = req->body ? json_object_to_json_string_ext(
					       req->body, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE)
				     : "";

	s->now_ms++;
	if (!t) {
		problem(s,
			xasprintf("unexpected: %s %s\ninstead of: %s %s", request, body,
				  s->next < s->n ? s->turns[s->next].request : "nothing more",
				  s->next < s->n ? json_object_to_json_string_ext(
							   s->turns[s->next].body,
							   JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE)
						 : ""));
		return cloud_fault(500, "not in the script");
	}
	t->done = true;
	return answer(s, t->answer ? t->answer : "200", ret);
}

static struct err *api_call(struct api *api, const struct request *req, struct json_object **ret)
{
	struct script *s = (struct script *)api;
	struct err *e;

	(void)pthread_mutex_lock(&s->lock);
	e = request_failed(req, play(s, req, ret));
	(void)pthread_mutex_unlock(&s->lock);
	return e;
}

static struct err *api_project(struct api *api, const char **ret)
{
	(void)api;
	*ret = "11111111111111111111111111111111";
	return NULL;
}

static struct err *api_user(struct api *api, const char **ret)
{
	(void)api;
	*ret = "22222222222222222222222222222222";
	return NULL;
}

static struct json_object *api_settings(struct api *api)
{
	(void)api;
	return json_wrap("auth",
			 json_wrap("auth_url", json_object_new_string("http://cloud.test/")));
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

static void api_sleep(struct api *api, int64_t ms)
{
	struct script *s = (struct script *)api;

	(void)pthread_mutex_lock(&s->lock);
	s->now_ms += ms;
	(void)pthread_mutex_unlock(&s->lock);
}

static int64_t api_now(struct api *api)
{
	struct script *s = (struct script *)api;
	int64_t now;

	(void)pthread_mutex_lock(&s->lock);
	now = s->now_ms;
	(void)pthread_mutex_unlock(&s->lock);
	return now;
}

struct api *script_api(struct script *s)
{
	s->api = (struct api){ api_call,  api_project, api_user,  api_settings,
			       api_token, api_offers,  api_sleep, api_now };
	return &s->api;
}

const char *script_problem(struct script *s)
{
	for (size_t i = 0; i < s->n && !s->problem; i++)
		if (!s->turns[i].done)
			problem(s, xasprintf("never came: %s", s->turns[i].request));
	return s->problem;
}
