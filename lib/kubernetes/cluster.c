#include "kubernetes/cluster.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "http_wire.h"
#include "json.h"
#include "kubernetes/connect.h"
#include "kubernetes/credentials.h"
#include "kubernetes/discovery.h"
#include "kubernetes/fault.h"
#include "kubernetes/kubeconfig.h"
#include "session/config.h"
#include "session/fault.h"

enum {
	LANES = 4,       /* connections: one alone does not fill the server */
	LANE_CALLS = 8,  /* calls under way before another lane is opened */
	CONNECTIONS = 4, /* of one lane, where there is no HTTP/2 */
	AWAY = 3, /* deadlines for a server that was there and has gone: it takes a minute to shut down */
	WARNINGS = 100,
	HEADERS = 5,
	FILES = 16384,
};

/* The connections of one client certificate. Lives as long as the cluster. */
struct wire {
	char *cert, *key;
	struct http *lanes[LANES]; /* opened one after the other */
	unsigned busy[LANES];
	struct wire *older;
};

struct cluster {
	struct kubeconfig *config;
	struct credentials *credentials;
	struct cluster_fault *fault;
	char *server;        /* to be shown */
	char **acting;       /* headers of impersonation; NULL-terminated */
	bool near;           /* on this machine */
	atomic_bool reached; /* it has answered */

	pthread_mutex_t lock;
	struct wire *wires;
	struct json_object *warnings;

	pthread_mutex_t identity; /* one thread asks who the cluster is */
	bool known;

	struct discovery *discovery;
};

/* ---- connections ---- */

static bool same(const char *x, const char *y)
{
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* The lock is held. */
static struct wire *wire_of(struct cluster *c, const struct credential *who)
{
	struct wire *w = c->wires;

	while (w && !(same(w->cert, who->cert) && same(w->key, who->key)))
		w = w->older;
	if (w)
		return w;
	w = xcalloc(1, sizeof(*w));
	w->cert = xstrdup(who->cert);
	w->key = xstrdup(who->key);
	w->older = c->wires;
	c->wires = w;
	return w;
}

static struct err *lane_open(const struct cluster *c, struct wire *w, int lane)
{
	const struct kubeconfig *k = c->config;

	return http_shared(
		&(struct http_options){
			.cacert = k->ca,
			.client_cert = w->cert,
			.client_key = w->key,
			.insecure = k->insecure,
			.max_connections = CONNECTIONS,
			.server_name = k->server_name,
			/* As in Go, the environment's proxy is not for this machine. */
			.proxy = k->proxy  ? k->proxy
				 : c->near ? ""
					   : NULL,
			.no_proxy = k->no_proxy,
			.proxy_headers = (const char *const *)k->proxy_headers,
			.lane = lane,
		},
		&w->lanes[lane]);
}

/* The emptiest lane, or a new one if all are well filled. */
static struct err *lane_take(struct cluster *c, const struct credential *who, struct wire **ret,
			     int *ret_lane)
{
	struct err *e = NULL;
	struct wire *w;
	int best = 0;

	(void)pthread_mutex_lock(&c->lock);
	w = wire_of(c, who);
	for (int i = 1; i < LANES && w->busy[best] >= LANE_CALLS; i++)
		if (w->busy[i] < w->busy[best])
			best = i;
	if (!w->lanes[best])
		e = lane_open(c, w, best);
	if (!e)
		w->busy[best]++;
	(void)pthread_mutex_unlock(&c->lock);
	*ret = w;
	*ret_lane = best;
	return e;
}

static void lane_give(struct cluster *c, struct wire *w, int lane)
{
	(void)pthread_mutex_lock(&c->lock);
	w->busy[lane]--;
	(void)pthread_mutex_unlock(&c->lock);
}

static void wires_free(struct wire *w)
{
	while (w) {
		struct wire *older = w->older;

		for (int i = 0; i < LANES; i++)
			http_free(w->lanes[i]);
		free(w->cert);
		free(w->key);
		free(w);
		w = older;
	}
}

/* ---- warnings ---- */

static void warning_keep(struct cluster *c, const char *text)
{
	struct json_object *s = json_object_new_string(text);

	(void)pthread_mutex_lock(&c->lock);
	if (json_len(c->warnings) < WARNINGS && !json_list_has(c->warnings, s))
		json_object_array_add(c->warnings, json_object_get(s));
	(void)pthread_mutex_unlock(&c->lock);
	json_object_put(s);
}

static void warnings_collect(struct cluster *c, const struct http_answer *a)
{
	for (char **line = a->headers; line && *line; line++) {
		AUTO_STR text =
			strncmp(*line, "warning: ", 9) == 0 ? kube_warning(*line + 9) : NULL;

		if (text)
			warning_keep(c, text);
	}
}

struct json_object *cluster_warnings(struct cluster *c)
{
	struct json_object *copy;

	(void)pthread_mutex_lock(&c->lock);
	copy = json_copy(c->warnings);
	(void)pthread_mutex_unlock(&c->lock);
	return copy;
}

/* ---- errors ---- */

static struct err *asked(const struct kube_request *req, struct err *e)
{
	return err_wrap(e, "%s %.*s", req->method, (int)strcspn(req->path, "?"), req->path);
}

static struct err *refusal(struct cluster *c, const struct credential *who,
			   const struct http_answer *a)
{
	struct err *e = kube_fault(a);

	if (a->status == 401) {
		AUTO_STR whom = credentials_who(c->credentials, who);
		AUTO_STR said = e->text;

		e->text = xasprintf("%s; asked as %s at %s (%s)", said, whom, c->server,
				    c->config->title);
	}
	fault_scrub(e, credentials_secrets(c->credentials));
	return e;
}

/* A server that wants client certificates ends the handshake without saying why. */
static struct err *unreached(struct cluster *c, const struct credential *who, struct err *e)
{
	if (e->kind == ERR_NETWORK && who->cert && strstr(e->text, "refused the TLS connection")) {
		AUTO_STR whom = credentials_who(c->credentials, who);
		AUTO_STR said = e->text;

		e->text = xasprintf("%s; asked as %s", said, whom);
	}
	fault_scrub(e, credentials_secrets(c->credentials));
	return err_wrap(e, "%s", c->config->title);
}

/* ---- one request ---- */

/* Whether to go on waiting for it, where the caller set no deadline and nothing can be done twice. */
static bool is_away(const struct cluster *c, const struct http_request *req, const struct err *e)
{
	return c->reached && e->kind == ERR_NETWORK && !req->deadline_ms && !req->stream &&
	       (!e->ambiguous || req->twice || strcmp(req->method, "POST") != 0) &&
	       strstr(e->text, "could not connect") && !clock_is_cut();
}

static struct err *send_as(struct cluster *c, const struct credential *who,
			   const struct http_request *req, struct http_answer *ret)
{
	struct wire *w;
	int lane;
	struct err *e = lane_take(c, who, &w, &lane);

	if (e)
		return e;
	e = http_call(w->lanes[lane], req, ret);
	for (int i = 1; e && i < AWAY && is_away(c, req, e); i++) {
		err_free(e);
		e = http_call(w->lanes[lane], req, ret);
	}
	lane_give(c, w, lane);
	if (e)
		return unreached(c, who, e);
	c->reached = true;
	warnings_collect(c, ret);
	return NULL;
}

/* Once more with other credentials after a 401. */
static struct err *send_twice(struct cluster *c, struct http_request *req, struct http_answer *ret,
			      const struct credential **ret_who)
{
	const struct credential *who, *second;
	struct err *e = credentials_need(c->credentials, NULL, &who);

	if (e)
		return e;
	*ret_who = who;
	req->secret_header = who->header;
	req->known = c->reached;
	e = send_as(c, who, req, ret);
	if (e || ret->status != 401)
		return e;
	e = credentials_need(c->credentials, who, &second);
	if (e || second == who) {
		if (e)
			http_answer_release(ret);
		return e;
	}
	http_answer_release(ret);
	*ret_who = second;
	req->secret_header = second->header;
	return send_as(c, second, req, ret);
}

static char **headers_make(const struct cluster *c, const struct kube_request *req,
			   const char *extra)
{
	size_t n = 0, i = 0;
	char **list;

	while (c->acting[n])
		n++;
	list = xcalloc(n + HEADERS, sizeof(*list));
	list[i++] = xasprintf("Accept: %s", req->accept ? req->accept : "application/json");
	if (req->body)
		list[i++] = xasprintf("Content-Type: %s",
				      req->content_type ? req->content_type : "application/json");
	if (extra)
		list[i++] = xstrdup(extra);
	for (n = 0; c->acting[n]; n++)
		list[i++] = xstrdup(c->acting[n]);
	return list;
}

static void lines_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static struct err *identity_check(struct cluster *c);

/*
 * Any answer below 300 or 304, of which the caller frees what is in it. `extra`: one more header, or
 * NULL; `http`: what is special.
 */
static struct err *carry(struct cluster *c, const struct kube_request *req, const char *extra,
			 struct http_request http, struct http_answer *ret)
{
	AUTO_STR url = xasprintf("%s%s", c->config->server, req->path);
	const struct credential *who = NULL;
	struct err *e = c->fault && c->fault->before ? c->fault->before(c->fault, req) : NULL;
	char **headers;

	if (e)
		return asked(req, e);
	if (strcmp(req->method, "GET") != 0)
		e = identity_check(c);
	if (e)
		return e;
	headers = headers_make(c, req, extra);
	http.method = req->method;
	http.url = url;
	http.headers = (const char *const *)headers;
	http.deadline_ms = req->deadline_ms;
	http.twice = req->named;
	http.busy = req->busy;
	http.plain = c->near;
	if (req->body)
		http.body = json_object_to_json_string_length(
			req->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE,
			&http.body_len);
	e = send_twice(c, &http, ret, &who);
	lines_free(headers);
	if (!e && ret->status == 404 && *ret->body != '{')
		discovery_doubt(c->discovery);
	if (!e && ret->status >= 300 && ret->status != 304) {
		e = asked(req, refusal(c, who, ret));
		http_answer_release(ret);
	}
	if (!e && c->fault && c->fault->after) {
		e = asked(req, c->fault->after(c->fault, req));
		if (e)
			http_answer_release(ret);
	}
	return e;
}

/* ---- who the cluster is ---- */

static struct err *identity_ask(struct cluster *c)
{
	const char *want = c->config->expect_uid;
	AUTO_JSON ns = NULL;
	struct err *e = cluster_call(
		c,
		&(struct kube_request){ .method = "GET", .path = "/api/v1/namespaces/kube-system" },
		&ns);
	const char *uid = json_str(ns, "metadata.uid");

	if (!e && (!uid || strcmp(uid, want) != 0))
		e = err_new(ERR_USAGE,
			    "%s is another cluster: the uid of its namespace kube-system is '%s', "
			    "not '%s'; nothing was written",
			    c->server, uid ? uid : "", want);
	return err_at(err_wrap(e, "expect_cluster_uid"), "expect_cluster_uid");
}

/* Before the first request that writes. */
static struct err *identity_check(struct cluster *c)
{
	struct err *e = NULL;

	if (!c->config->expect_uid)
		return NULL;
	(void)pthread_mutex_lock(&c->identity);
	if (!c->known)
		e = identity_ask(c);
	c->known = !e;
	(void)pthread_mutex_unlock(&c->identity);
	return e;
}

/* ---- calls ---- */

static struct err *decode(const struct kube_request *req, const struct http_answer *a,
			  struct json_object **ret)
{
	struct err *e;

	if (!a->len) {
		*ret = NULL;
		return NULL;
	}
	e = json_parse(a->body, a->len, ret);
	if (!e)
		return NULL;
	/* It was carried out, whatever the answer looks like. */
	e->status = a->status;
	e->ambiguous = strcmp(req->method, "GET") != 0;
	return asked(req, err_wrap(e, "status %d, but the answer is no JSON", a->status));
}

struct err *cluster_call(struct cluster *c, const struct kube_request *req,
			 struct json_object **ret)
{
	struct http_answer a = { 0 };
	struct err *e = carry(c, req, NULL, (struct http_request){ 0 }, &a);

	if (!e && ret)
		e = decode(req, &a, ret);
	http_answer_release(&a);
	return e;
}

struct err *cluster_fetch(struct cluster *c, const struct kube_request *req, const char *etag,
			  struct json_object **ret, char **ret_etag)
{
	AUTO_STR match = etag ? xasprintf("If-None-Match: %s", etag) : NULL;
	struct http_answer a = { 0 };
	struct err *e = carry(c, req, match, (struct http_request){ 0 }, &a);

	if (!e && a.status == 304)
		*ret = NULL;
	else if (!e)
		e = decode(req, &a, ret);
	if (!e)
		*ret_etag = xstrdup(http_header(&a, "etag"));
	http_answer_release(&a);
	return e;
}

struct err *cluster_stream(struct cluster *c, const struct kube_request *req,
			   bool (*what)(void *arg, const char *s, size_t n), void *arg)
{
	struct http_answer a = { 0 };
	struct err *e =
		carry(c, req, NULL, (struct http_request){ .stream = what, .stream_arg = arg }, &a);

	http_answer_release(&a);
	return e;
}

struct text {
	struct buf buf;
	bool over; /* there was more than fits */
};

static bool collect(void *arg, const char *s, size_t n)
{
	struct text *t = arg;

	t->over = !buf_add(&t->buf, s, n);
	return !t->over;
}

struct err *cluster_text(struct cluster *c, const struct kube_request *req, size_t max, char **ret,
			 size_t *ret_len)
{
	struct text t = { .buf = { .s = buf_empty, .max = max } };
	struct err *e = cluster_stream(c, req, collect, &t);

	if (!e && t.over)
		e = asked(req, err_new(ERR_PROTOCOL, "the answer is over %zu KiB", max >> 10));
	if (!e) {
		*ret_len = t.buf.len;
		*ret = buf_take(&t.buf);
	}
	buf_release(&t.buf);
	return e;
}

/* ---- connections that become something else ---- */

struct err *cluster_connect(struct cluster *c, bool renew, int64_t deadline, CURL **ret_easy,
			    char **ret_who)
{
	const struct credential *who = NULL;
	struct wire *w;
	AUTO_BUF lines = BUF_INIT;
	int lane;
	/* What is run in a pod changes it, though the request is a GET. */
	struct err *e = identity_check(c);

	if (!e)
		e = credentials_need(c->credentials, NULL, &who);
	if (!e && renew)
		e = credentials_need(c->credentials, who, &who);
	if (!e)
		e = lane_take(c, who, &w, &lane);
	if (e)
		return e;
	e = http_connect(w->lanes[lane], c->config->server, deadline - clock_ms(), ret_easy);
	lane_give(c, w, lane);
	if (e)
		return unreached(c, who, e);
	c->reached = true;
	if (who->header)
		buf_addf(&lines, "%s\r\n", who->header);
	for (char **line = c->acting; *line; line++)
		buf_addf(&lines, "%s\r\n", *line);
	*ret_who = buf_take(&lines);
	return NULL;
}

struct err *cluster_refusal(struct cluster *c, const struct kube_request *req,
			    const struct http_answer *a)
{
	const struct credential *who = NULL;
	struct err *e = credentials_need(c->credentials, NULL, &who);

	err_free(e);
	return asked(req, refusal(c, who, a));
}

/* ---- the cluster ---- */

static void line_add(char ***list, size_t *n, char *line)
{
	*list = xrealloc(*list, *n + 2, sizeof(**list));
	(*list)[(*n)++] = line;
	(*list)[*n] = NULL;
}

/* Header names have few characters, so keys are escaped; and so is the server's reading of them. */
static void extra_add(char ***list, size_t *n, const char *key, struct json_object *values)
{
	AUTO_BUF name = BUF_INIT;

	buf_addurl(&name, key);
	for (size_t i = 0; i < json_len(values); i++)
		line_add(list, n,
			 xasprintf("Impersonate-Extra-%s: %s", name.s,
				   json_object_get_string(json_nth(values, i))));
}

static char **acting_make(const struct kubeconfig *k)
{
	char **list = xcalloc(1, sizeof(*list));
	size_t n = 0;

	if (k->as_user)
		line_add(&list, &n, xasprintf("Impersonate-User: %s", k->as_user));
	if (k->as_uid)
		line_add(&list, &n, xasprintf("Impersonate-Uid: %s", k->as_uid));
	for (size_t i = 0; i < json_len(k->as_groups); i++)
		line_add(&list, &n,
			 xasprintf("Impersonate-Group: %s",
				   json_object_get_string(json_nth(k->as_groups, i))));
	if (k->as_extra) {
		json_object_object_foreach(k->as_extra, key, values)
			extra_add(&list, &n, key, values);
	}
	return list;
}

/* Whether a URL's host is this machine. */
static bool is_near(const char *server)
{
	const char *host = strstr(server, "://");
	AUTO_STR name = NULL;
	struct in_addr a;

	host = host ? host + 3 : server;
	if (strncmp(host, "[::1]", 5) == 0)
		return true;
	name = xstrndup(host, strcspn(host, ":/?"));
	return strcmp(name, "localhost") == 0 ||
	       (inet_pton(AF_INET, name, &a) == 1 && ntohl(a.s_addr) >> 24 == 127);
}

static char *server_shown(const char *url)
{
	char *s = http_url_plain(url);
	const size_t len = strlen(s);

	if (len && s[len - 1] == '/')
		s[len - 1] = '\0';
	return s;
}

/* Each of many clusters takes some files: PEM text in memory, connections. */
static void files_allow(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES)
		return;
	limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

struct err *cluster_new(struct json_object *options, struct cluster **ret)
{
	struct kubeconfig *k = NULL;
	struct credentials *credentials = NULL;
	struct cluster *c;
	struct err *e;

	files_allow();
	e = kubeconfig_load(options, &k);
	if (!e)
		e = credentials_new(k, &credentials);
	if (e) {
		kubeconfig_free(k);
		return e;
	}
	c = xcalloc(1, sizeof(*c));
	c->config = k;
	c->credentials = credentials;
	c->server = server_shown(k->server);
	c->acting = acting_make(k);
	c->near = is_near(k->server);
	c->warnings = json_object_new_array();
	c->discovery = discovery_new();
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_mutex_init(&c->identity, NULL);
	*ret = c;
	return NULL;
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	wires_free(c->wires);
	discovery_free(c->discovery);
	credentials_free(c->credentials);
	kubeconfig_free(c->config);
	lines_free(c->acting);
	json_object_put(c->warnings);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_mutex_destroy(&c->identity);
	free(c->server);
	free(c);
}

const char *cluster_server(const struct cluster *c)
{
	return c->server;
}

const char *cluster_namespace(const struct cluster *c)
{
	return c->config->ns;
}

const char *const *cluster_secrets(struct cluster *c)
{
	return credentials_secrets(c->credentials);
}

void cluster_set_fault(struct cluster *c, struct cluster_fault *f)
{
	c->fault = f;
}

struct discovery *cluster_discovery(struct cluster *c)
{
	return c->discovery;
}

char *cluster_identity(const struct cluster *c)
{
	return credentials_identity(c->config);
}

const struct attr cluster_options[] = {
	{ "kubeconfig", RAW, OPTION,
	  "File with clusters and users (several with ':' between), or what would stand in it." },
	{ "context", STR, OPTION,
	  "Context of the kubeconfig; in-cluster: the cluster of the pod this runs in." },
	{ "host", STR, OPTION, "URL of the API server." },
	{ "api_key", STR, OPTION | SECRET, "Token to authenticate with." },
	{ "username", STR, OPTION, "User to authenticate as, with a password." },
	{ "password", STR, OPTION | SECRET, "Password of username." },
	{ "client_cert", STR, OPTION, "File of the client certificate, or its PEM text.",
	  .aliases = "cert_file" },
	{ "client_key", STR, OPTION | SECRET,
	  "File of the client certificate's key, or its PEM text.", .aliases = "key_file" },
	{ "ca_cert", STR, OPTION, "File of the CA certificates to verify with, or their PEM text.",
	  .aliases = "ssl_ca_cert" },
	{ "validate_certs", BOOL, OPTION,
	  "Whether the server's certificate is verified; false only if you must.",
	  .aliases = "verify_ssl" },
	{ "proxy", STR, OPTION, "URL of an HTTP or SOCKS proxy on the way to the server." },
	{ "no_proxy", STR, OPTION, "Hosts that are not asked by the proxy, with commas between." },
	{ "proxy_headers", MAP, OPTION | SECRET,
	  "Headers for the proxy: proxy_basic_auth, basic_auth (user:password) and user_agent." },
	{ "persist_config", BOOL, OPTION,
	  "Accepted if false: kubeconfig files are never written, refreshed tokens are cached." },
	{ "impersonate_user", STR, OPTION, "User to act as." },
	{ "impersonate_groups", LIST, OPTION, "Groups to act as." },
	{ "expect_cluster_uid", STR, OPTION,
	  "Uid of the cluster's namespace kube-system; nothing is written to another cluster." },
	{ 0 },
};
