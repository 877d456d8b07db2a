/* etcd by its JSON gateway: numbers of 64 bits are texts in it, and what is 0 is left out (proto3). */
#include "cluster/etcd.h"

#include <stdarg.h>
#include <string.h>

#include "cluster/etcd_call.h"
#include "pool.h"
#include "session/config.h"

enum { WIDTH = 16, CALL_MS = 10000, SHORT = 200, MEMBERS_MOST = 1000 };

struct etcd {
	char *name, *url;
	struct http *http;
};

struct err *etcd_new(const struct etcd_access *a, struct etcd **ret)
{
	AUTO_STR ca = NULL;
	AUTO_STR cert = NULL;
	AUTO_STR key = NULL;
	struct http *http = NULL;
	struct err *e = pem_path(a->ca, &ca);

	if (!e)
		e = pem_path(a->cert, &cert);
	if (!e)
		e = pem_path(a->key, &key);
	if (!e)
		e = http_new(
			&(struct http_options){ .cacert = ca,
						.client_cert = cert,
						.client_key = key,
						.server_name = a->server_name,
						.max_connections = 1,
						/* Members are neighbours, or a forwarded port. */
						.proxy = "" },
			&http);
	if (e)
		return err_wrap(e, "etcd '%s'", a->name ? a->name : a->url);
	*ret = xcalloc(1, sizeof(**ret));
	**ret = (struct etcd){ .name = xstrdup(a->name ? a->name : a->url),
			       .url = xstrdup(a->url),
			       .http = http };
	return NULL;
}

void etcd_free(struct etcd *x)
{
	if (!x)
		return;
	http_free(x->http);
	free(x->name);
	free(x->url);
	free(x);
}

/* ---- calls ---- */

static enum err_kind kind_of(int status)
{
	switch (status) {
	case 401:
	case 403: return ERR_AUTH;
	case 404: return ERR_NOT_FOUND;
	case 400:
	case 412: return ERR_CONFLICT;
	default: return ERR_REMOTE;
	}
}

static struct err *refusal(const struct http_answer *a)
{
	AUTO_JSON o = NULL;
	const char *said;
	struct err *e;

	err_free(json_parse(a->body, a->len, &o));
	said = json_str(o, "message");
	if (!said)
		said = json_str(o, "reason"); /* of /health */
	if (!said && a->status == 404)
		return err_new(ERR_PROTOCOL, "404: it has no JSON gateway (--enable-grpc-gateway)");
	/* To itself it comes with its server's certificate, unless it has another one for that. */
	e = err_new(kind_of(a->status), "%d %.*s%s", a->status, SHORT, said ? said : a->body,
		    said && strstr(said, "bad certificate")
			    ? " (its JSON gateway is a client of its own: the server's certificate "
			      "must be one for clients, too, or --client-cert-file name one)"
			    : "");
	e->status = a->status;
	return e;
}

struct err *etcd_call(struct etcd *x, const struct etcd_request *req, struct json_object **ret)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	AUTO_STR url = xasprintf("%s%s", x->url, req->path);
	struct http_answer a = { 0 };
	struct err *e =
		http_call(x->http,
			  &(struct http_request){ .method = req->body ? "POST" : "GET",
						  .url = url,
						  .headers = headers,
						  .body = req->body,
						  .body_len = req->body ? strlen(req->body) : 0,
						  .deadline_ms = req->deadline_ms ? req->deadline_ms
										  : CALL_MS,
						  .once = req->once,
						  .twice = req->reads,
						  .stream = req->stream,
						  .stream_arg = req->arg },
			  &a);

	if (!e && a.status >= 300)
		e = refusal(&a);
	else if (!e && ret)
		e = json_parse(a.body, a.len, ret);
	http_answer_release(&a);
	return err_wrap(e, "etcd '%s': %s", x->name, req->path);
}

const char *etcd_label(const struct etcd *x)
{
	return x->name;
}

/* An id in hexadecimal, as etcdctl shows it; "" for none. */
static void set_id(struct json_object *o, const char *key, struct json_object *from,
		   const char *path)
{
	AUTO_STR text = NULL;
	const char *given = json_str(from, path);

	text = given && strcmp(given, "0") != 0 ? xasprintf("%llx", strtoull(given, NULL, 10))
						: xstrdup("");
	json_sets(o, key, text);
}

static void set_number(struct json_object *o, const char *key, struct json_object *from,
		       const char *path)
{
	const char *given = json_str(from, path);

	json_set(o, key, json_object_new_int64(given ? strtoll(given, NULL, 10) : 0));
}

static void set_list(struct json_object *o, const char *key, struct json_object *from,
		     const char *path)
{
	struct json_object *list = json_at(from, path);

	json_set(o, key, list ? json_object_get(list) : json_object_new_array());
}

static struct json_object *member_of(struct json_object *m)
{
	struct json_object *o = json_object_new_object();
	const char *name = json_str(m, "name");

	set_id(o, "id", m, "ID");
	json_sets(o, "name", name ? name : "");
	set_list(o, "peer_urls", m, "peerURLs");
	set_list(o, "client_urls", m, "clientURLs");
	json_set(o, "learner", json_object_new_boolean(json_truth(m, "isLearner", false)));
	return o;
}

static struct err *read_call(struct etcd *x, const char *path, bool once, int64_t deadline_ms,
			     struct json_object **ret)
{
	return etcd_call(x,
			 &(struct etcd_request){ .path = path,
						 .body = "{}",
						 .reads = true,
						 .once = once,
						 .deadline_ms = deadline_ms },
			 ret);
}

static struct err *members(struct etcd *x, bool once, int64_t deadline_ms, struct json_object **ret)
{
	AUTO_JSON answer = NULL;
	struct json_object *list, *all;
	struct err *e = read_call(x, "/v3/cluster/member/list", once, deadline_ms, &answer);

	if (e)
		return e;
	list = json_at(answer, "members");
	if (!json_len(list) || json_len(list) > MEMBERS_MOST)
		return err_new(ERR_PROTOCOL, "etcd '%s': the list of members has %zu", x->name,
			       json_len(list));
	all = json_object_new_array();
	for (size_t i = 0; i < json_len(list); i++)
		json_object_array_add(all, member_of(json_nth(list, i)));
	*ret = all;
	return NULL;
}

struct err *etcd_members(struct etcd *x, struct json_object **ret)
{
	return members(x, false, 0, ret);
}

static struct err *status(struct etcd *x, bool once, int64_t deadline_ms, struct json_object **ret)
{
	AUTO_JSON answer = NULL;
	struct json_object *o;
	const char *version;
	struct err *e = read_call(x, "/v3/maintenance/status", once, deadline_ms, &answer);

	if (e)
		return e;
	o = json_object_new_object();
	version = json_str(answer, "version");
	set_id(o, "id", answer, "header.member_id");
	json_sets(o, "version", version ? version : "");
	set_id(o, "leader", answer, "leader");
	set_number(o, "raft_term", answer, "raftTerm");
	set_number(o, "raft_index", answer, "raftIndex");
	set_number(o, "db_size", answer, "dbSize");
	set_number(o, "db_used", answer, "dbSizeInUse");
	json_set(o, "learner", json_object_new_boolean(json_truth(answer, "isLearner", false)));
	set_list(o, "errors", answer, "errors");
	*ret = o;
	return NULL;
}

struct err *etcd_status(struct etcd *x, struct json_object **ret)
{
	return status(x, false, 0, ret);
}

/* ---- all of them ---- */

/* What one endpoint told. */
struct told {
	struct etcd *at;
	int64_t deadline_ms;
	struct json_object *status, *members, *alarms;
	bool quorum;   /* a read that needs one was answered */
	struct err *e; /* it does not answer, or has no quorum */
};

/* A read that a majority has to confirm; alarms are told by themselves. */
static struct err *confirm(struct told *t)
{
	AUTO_JSON answer = NULL;
	struct err *e =
		etcd_call(t->at,
			  &(struct etcd_request){ .path = "/health?exclude=NOSPACE&exclude=CORRUPT",
						  .once = true,
						  .deadline_ms = t->deadline_ms },
			  &answer);

	t->quorum = !e && json_is_str(json_at(answer, "health"), "true");
	if (!e && !t->quorum)
		e = err_new(ERR_REMOTE, "etcd '%s': it says that it is not healthy", t->at->name);
	return e;
}

static void ask(void *arg, size_t i)
{
	struct told *t = &((struct told *)arg)[i];
	AUTO_JSON answer = NULL;

	t->e = status(t->at, true, t->deadline_ms, &t->status);
	/* It answers nothing else (3.5). */
	if (!t->e && json_truth(t->status, "learner", false))
		t->e = err_new(ERR_CONFLICT, "it is a learner, and has no vote yet");
	if (!t->e)
		t->e = members(t->at, true, t->deadline_ms, &t->members);
	if (!t->e)
		t->e = confirm(t);
	if (t->e)
		return;
	err_free(etcd_call(t->at,
			   &(struct etcd_request){ .path = "/v3/maintenance/alarm",
						   .body = "{\"action\":\"GET\"}",
						   .once = true,
						   .deadline_ms = t->deadline_ms },
			   &answer));
	t->alarms = json_object_get(json_at(answer, "alarms"));
}

static struct told *ask_all(struct etcd *const *all, size_t n, int64_t timeout_ms)
{
	struct told *told = xcalloc(n + 1, sizeof(*told));

	for (size_t i = 0; i < n; i++)
		told[i] = (struct told){ .at = all[i],
					 .deadline_ms = timeout_ms ? timeout_ms : CALL_MS };
	pool_run(n, WIDTH, ask, told);
	return told;
}

static void told_free(struct told *told, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_object_put(told[i].status);
		json_object_put(told[i].members);
		json_object_put(told[i].alarms);
		err_free(told[i].e);
	}
	free(told);
}

/* The endpoint that is this member, by what it says itself, else by its name. */
static const struct told *told_of(const struct told *told, size_t n, struct json_object *member)
{
	const char *id = json_str(member, "id"), *name = json_str(member, "name");

	for (size_t i = 0; i < n; i++)
		if (told[i].status && json_is_str(json_at(told[i].status, "id"), id))
			return &told[i];
	for (size_t i = 0; i < n; i++)
		if (!told[i].status && *name && strcmp(told[i].at->name, name) == 0)
			return &told[i];
	return NULL;
}

/* Who knows best: one that has a quorum, else the first that answers at all. */
static const struct told *best(const struct told *told, size_t n)
{
	const struct told *found = NULL;

	for (size_t i = 0; i < n; i++)
		if (told[i].members && (!found || (told[i].quorum && !found->quorum)))
			found = &told[i];
	return found;
}

static const char *label(struct json_object *member)
{
	const char *name = json_str(member, "name");

	return *name ? name : json_str(member, "id");
}

static const char *why_not(struct json_object *member, const struct told *t)
{
	if (!*json_str(member, "name"))
		return "it has been added, but never started";
	if (!t)
		return "it was not asked";
	return t->e ? t->e->text : "";
}

static void member_tell(struct json_object *member, const struct told *t, const char *leader)
{
	static const char *const keys[] = { "version", "db_size", "db_used" };
	struct json_object *status = t ? t->status : NULL;

	json_set(member, "healthy", json_object_new_boolean(t && t->quorum));
	json_set(member, "leader",
		 json_object_new_boolean(*leader && json_is_str(json_at(member, "id"), leader)));
	for (size_t i = 0; i < COUNT(keys); i++)
		json_set(member, keys[i], json_object_get(json_at(status, keys[i])));
	json_sets(member, "why", why_not(member, t));
}

static PRINTF(2, 3) void problem(struct json_object *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	json_object_array_add(json_at(o, "problems"), json_object_new_string(text));
}

/* "c1; c2: connection refused": the healthy ones and what is wrong with the others; those that vote. */
static char *who_is_how(struct json_object *list, const char *but, size_t *ret_healthy,
			size_t *ret_all)
{
	AUTO_BUF b = BUF_INIT;

	*ret_healthy = *ret_all = 0;
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *m = json_nth(list, i);
		const bool healthy = json_truth(m, "healthy", false);

		if (json_truth(m, "learner", false) || (but && json_is_str(json_at(m, "id"), but)))
			continue;
		(*ret_all)++;
		*ret_healthy += healthy;
		buf_addf(&b, "%s%s%s%s", b.len ? "; " : "", label(m), healthy ? "" : ": ",
			 json_str(m, "why"));
	}
	return buf_take(&b);
}

static void tell_members(struct json_object *o)
{
	struct json_object *list = json_at(o, "members");

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *m = json_nth(list, i);

		if (json_truth(m, "leader", false))
			json_sets(o, "leader", label(m));
		if (!json_truth(m, "healthy", false) && json_truth(o, "quorum", false) &&
		    strcmp(json_str(m, "why"), "it was not asked") != 0)
			problem(o, "etcd member %s: %s", label(m), json_str(m, "why"));
	}
	if (json_truth(o, "quorum", false))
		return;
	size_t healthy, all;
	AUTO_STR who = who_is_how(list, NULL, &healthy, &all);
	problem(o,
		"etcd has no quorum: %zu of %zu members are needed, and there is none that has so "
		"many with it (%s)",
		all / 2 + 1, all, who);
}

/* {"member", "alarm"}; without a quorum nobody can be asked. */
static void tell_alarms(struct json_object *o, struct json_object *alarms)
{
	struct json_object *list = json_object_new_array(), *all = json_at(o, "members");

	json_set(o, "alarms", list);
	for (size_t i = 0; i < json_len(alarms); i++) {
		struct json_object *one = json_object_new_object();
		const char *what = json_str(json_nth(alarms, i), "alarm"), *who = "";

		set_id(one, "member", json_nth(alarms, i), "memberID");
		for (size_t j = 0; j < json_len(all); j++)
			if (json_object_equal(json_at(json_nth(all, j), "id"),
					      json_at(one, "member")))
				who = label(json_nth(all, j));
		json_sets(one, "alarm", what ? what : "");
		json_sets(one, "member", who);
		json_object_array_add(list, one);
		problem(o, "etcd member %s has raised the alarm %s%s", who, what ? what : "",
			what && strcmp(what, "NOSPACE") == 0
				? ": its database is full, nothing can be written until it is "
				  "compacted, defragmented, and the alarm disarmed"
				: "");
	}
}

/* Owned; NULL and *ret_e: none answers. */
static struct json_object *merge(struct told *told, size_t n, struct err **ret_e)
{
	const struct told *knows = best(told, n);
	struct json_object *o, *list;

	if (!knows) {
		*ret_e = n ? TAKE(told[0].e) : err_new(ERR_USAGE, "no member of etcd is given");
		return NULL;
	}
	o = json_object_new_object();
	list = json_copy(knows->members);
	json_set(o, "quorum", json_object_new_boolean(knows->quorum));
	json_sets(o, "leader", "");
	for (size_t i = 0; i < json_len(list); i++)
		member_tell(json_nth(list, i), told_of(told, n, json_nth(list, i)),
			    json_str(knows->status, "leader"));
	json_set(o, "members", list);
	json_set(o, "problems", json_object_new_array());
	tell_members(o);
	tell_alarms(o, knows->alarms);
	return o;
}

struct err *etcd_health(struct etcd *const *all, size_t n, int64_t timeout_ms,
			struct json_object **ret)
{
	struct told *told = ask_all(all, n, timeout_ms);
	struct err *e = NULL;
	struct json_object *o = merge(told, n, &e);

	told_free(told, n);
	if (o)
		*ret = o;
	return e;
}

/* ---- taking one out ---- */

static struct json_object *find(struct json_object *list, const char *member)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), member) ||
		    json_is_str(json_at(json_nth(list, i), "id"), member))
			return json_nth(list, i);
	return NULL;
}

/* Before anything is done. */
static struct err *may_go(struct json_object *o, struct json_object *member)
{
	struct json_object *list = json_at(o, "members");
	size_t healthy, rest;
	AUTO_STR who = who_is_how(list, json_str(member, "id"), &healthy, &rest);

	if (json_len(list) == 1)
		return err_new(ERR_CONFLICT, "it is the last member: without it nothing is left");
	if (!json_truth(o, "quorum", false))
		return err_new(ERR_CONFLICT, "%s",
			       json_object_get_string(json_nth(json_at(o, "problems"), 0)));
	if (!json_truth(member, "learner", false) && healthy < rest / 2 + 1)
		return err_new(
			ERR_CONFLICT,
			"it would leave %zu healthy of %zu members, where %zu are needed (%s)",
			healthy, rest, rest / 2 + 1, who);
	return NULL;
}

static bool is_gone(struct etcd *x, const char *id)
{
	AUTO_JSON list = NULL;
	AUTO_ERR e = members(x, false, 0, &list);

	return !e && !find(list, id);
}

static struct err *take_out(struct etcd *x, const char *id)
{
	AUTO_STR body = xasprintf("{\"ID\":\"%llu\"}", strtoull(id, NULL, 16));
	AUTO_JSON answer = NULL;
	struct err *e = etcd_call(
		x, &(struct etcd_request){ .path = "/v3/cluster/member/remove", .body = body },
		&answer);

	if (e && is_gone(x, id))
		err_free(TAKE(e));
	return e;
}

/* One that is healthy and stays. */
static struct etcd *other(const struct told *told, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (told[i].quorum && !json_is_str(json_at(told[i].status, "id"), id))
			return told[i].at;
	return NULL;
}

static struct err *remove_from(const struct told *told, size_t n, struct json_object *o,
			       struct json_object *member, bool check)
{
	const char *id = json_str(member, "id");
	struct etcd *x = other(told, n, id);
	struct err *e = may_go(o, member);

	if (e)
		return e;
	if (!x)
		return err_new(ERR_CONFLICT,
			       "none of the members that stay and are healthy is known here");
	return check ? NULL : take_out(x, id);
}

struct err *etcd_remove(struct etcd *const *all, size_t n, const char *member, bool check,
			bool *ret_changed)
{
	struct told *told = ask_all(all, n, 0);
	struct err *e = NULL;
	AUTO_JSON o = merge(told, n, &e);
	struct json_object *found = find(json_at(o, "members"), member);

	if (!e && found)
		e = remove_from(told, n, o, found, check);
	told_free(told, n);
	if (!e)
		*ret_changed = found;
	return err_wrap(e, "etcd member '%s' is not removed", member);
}
