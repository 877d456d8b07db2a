/* A session with an API server: credentials, errors, streams, what kinds there are. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "faulty.h"
#include "file.h"
#include "kubernetes/cluster.h"
#include "kubernetes/connect.h"
#include "kubernetes/credentials.h"
#include "kubernetes/fault.h"
#include "kubernetes/kinds.h"
#include "kubernetes/objects.h"
#include "pool.h"
#include "sandbox.h"
#include "text.h"
#include "unit.h"

/* ---- the clock: pauses take no time; in a hurry every look at it is ten seconds later ---- */

static atomic_llong skipped;
static atomic_bool hurry;

int64_t clock_ms(void)
{
	struct timespec now;

	if (hurry)
		atomic_fetch_add(&skipped, 10000);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + atomic_load(&skipped);
}

void clock_sleep_ms(int64_t ms)
{
	const struct timespec t = { .tv_nsec = (ms > 20 ? 1 : ms) * 1000000 };

	(void)nanosleep(&t, NULL);
	if (ms > 20)
		atomic_fetch_add(&skipped, ms);
}

/* ---- fixture ---- */

static struct faulty *server;
static struct cluster *cluster;

static void set_up(void)
{
	sandbox_enter();
	hurry = false;
}

static void stop(void)
{
	cluster_free(TAKE(cluster));
	if (server)
		faulty_stop(TAKE(server));
}

static void tear_down(void)
{
	stop();
	sandbox_leave();
}

static void serve(const struct faulty_step *steps, size_t n)
{
	server = faulty_start(&(struct faulty_options){ .steps = steps, .n = n });
	ck_assert_ptr_nonnull(server);
}
#define SERVE(...)                                                   \
	do {                                                         \
		const struct faulty_step steps_[] = { __VA_ARGS__ }; \
		serve(steps_, COUNT(steps_));                        \
	} while (0)

static struct err *open_with(const char *scheme, const char *options)
{
	AUTO_JSON o = unit_json(options);
	AUTO_STR host = xasprintf("%s://127.0.0.1:%d", scheme, faulty_port(server));

	if (!json_has(o, "kubeconfig"))
		json_sets(o, "host", host);
	return cluster_new(o, &cluster);
}

/* A kubeconfig of this user for the server, over plain HTTP. */
static void open_user(const char *user)
{
	AUTO_STR text = xasprintf("clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d', "
				  "extensions: [{name: client.authentication.k8s.io/exec, "
				  "extension: {audience: us}}]}}]\n"
				  "users: [{name: u, user: %s}]\n"
				  "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
				  "current-context: x\n",
				  faulty_port(server), user);

	sandbox_write("k", text);
	unit_ok(open_with("http", "{'kubeconfig':'k'}"));
}

static struct err *get(const char *path, struct json_object **ret)
{
	return cluster_call(cluster, &(struct kube_request){ .method = "GET", .path = path }, ret);
}

static bool sent(size_t i, const char *line)
{
	ck_assert_uint_lt(i, faulty_count(server));
	return strcasestr(faulty_seen(server, i)->headers, line) != NULL;
}

#define JSON "Content-Type: application/json\r\n"

/* ---- errors of the server ---- */

static const struct {
	int status;
	const char *body, *want;
	enum err_kind kind;
} faults[] = {
	{ 404,
	  "{'kind':'Status','status':'Failure','message':'pods \\'a\\' not found','reason':'NotFound',"
	  "'details':{'name':'a','kind':'pods'},'code':404}",
	  "404 NotFound: pods ''a'' not found", ERR_NOT_FOUND },
	{ 422,
	  "{'kind':'Status','message':'x is invalid','reason':'Invalid','details':{'causes':["
	  "{'reason':'FieldValueInvalid','message':'Invalid value: -1','field':'spec.replicas'},"
	  "{'reason':'FieldValueRequired','message':'Required value','field':'spec.selector'}]}}",
	  "422 Invalid: x is invalid; spec.replicas: Invalid value: -1; spec.selector: Required value",
	  ERR_USAGE },
	{ 422,
	  "{'kind':'Status','message':'x is invalid: spec.a: Invalid value: -1','reason':'Invalid',"
	  "'details':{'causes':[{'message':'Invalid value: -1','field':'spec.a'}]}}",
	  "422 Invalid: x is invalid: spec.a: Invalid value: -1", ERR_USAGE },
	{ 409,
	  "{'kind':'Status','message':'Apply failed with 1 conflict: conflict with "
	  "<kubectl>: .data.a','reason':'Conflict','details':{'causes':[{'reason':'FieldManagerConflict',"
	  "'message':'conflict with <kubectl>','field':'.data.a'}]}}",
	  "409 Conflict: Apply failed with 1 conflict: conflict with <kubectl>: .data.a",
	  ERR_CONFLICT },
	{ 409,
	  "{'kind':'Status','message':'Apply failed with 2 conflicts: conflicts with <a>: .data.a, .data.b',"
	  "'reason':'Conflict','details':{'causes':[{'reason':'FieldManagerConflict',"
	  "'message':'conflict with <a>','field':'.data.a'},{'reason':'FieldManagerConflict',"
	  "'message':'conflict with <a>','field':'.data.b'}]}}",
	  "409 Conflict: Apply failed with 2 conflicts: conflicts with <a>: .data.a, .data.b",
	  ERR_CONFLICT },
	{ 403, "{'kind':'Status','reason':'Forbidden','message':'no'}", "403 Forbidden: no",
	  ERR_AUTH },
	{ 410, "{'kind':'Status','reason':'Expired','message':'too old'}", "410 Expired: too old",
	  ERR_REMOTE },
	{ 429, "Too many requests, please try again later.\n",
	  "429 Too many requests, please try again later.", ERR_REMOTE },
	{ 400, "{'kind':'Status'}", "400 ", ERR_USAGE },
	{ 502, "<html><body><h1>Bad Gateway</h1>nginx</body></html>", "502 nginx", ERR_REMOTE },
	{ 500, "{'kind':'Status','message':7}", "500 ", ERR_REMOTE },
	{ 500,
	  "{'kind':'Status','message':'failed to create typed patch object: .data.a: expected string, "
	  "got &value.valueUnstructured{Value:4711}\\n.b: expected string, got &value.valueUnstructured"
	  "{Value:map[string]interface {}{\\\'x}\\\':\\\'{\\\'}}, .c'}",
	  "500 failed to create typed patch object: .data.a: expected string, got a number\n"
	  ".b: expected string, got a map, .c; what is to be text goes into quotes",
	  ERR_REMOTE },
};

START_TEST(faults_have_all_the_server_says)
{
	AUTO_STR body = xstrdup(faults[_i].body);
	char *none[] = { NULL };
	struct err *e;

	/* \' stays '. */
	for (char *p = body; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	for (char *p = strstr(body, "\\\""); p; p = strstr(p, "\\\""))
		p[0] = p[1] = '\'';
	e = kube_fault(&(struct http_answer){ faults[_i].status, body, strlen(body), none });
	ck_assert_int_eq(strncmp(e->text, faults[_i].want, strlen(faults[_i].want)), 0);
	ck_assert_msg(strlen(faults[_i].want) < 5 || strcmp(e->text, faults[_i].want) == 0,
		      "'%s', not '%s'", e->text, faults[_i].want);
	ck_assert_int_eq(e->kind, faults[_i].kind);
	ck_assert_int_eq(e->status, faults[_i].status);
	err_free(e);
}
END_TEST

START_TEST(calls)
{
	AUTO_JSON body = unit_json("{'a':1}");
	AUTO_JSON got = NULL;

	SERVE({ .headers = JSON, .body = "{\"b\": 2}" }, { .status = 404, .body = "no such page" },
	      { .headers = JSON, .body = "{\"b\": " });
	unit_ok(open_with("http", "{'api_key':'canary'}"));
	unit_ok(cluster_call(
		cluster,
		&(struct kube_request){ .method = "PATCH",
					.path = "/api/v1/x?a=b",
					.body = body,
					.content_type = "application/merge-patch+json" },
		&got));
	unit_same(got, "{'b':2}");
	ck_assert_str_eq(faulty_seen(server, 0)->target, "/api/v1/x?a=b");
	ck_assert_str_eq(faulty_seen(server, 0)->body, "{\"a\":1}");
	ck_assert(sent(0, "Content-Type: application/merge-patch+json\r\n"));
	ck_assert(sent(0, "Authorization: Bearer canary\r\n"));
	ck_assert(sent(0, "Accept: application/json\r\n"));
	unit_fails(get("/y?token=canary", NULL), ERR_NOT_FOUND, "GET /y: 404 no such page");
	unit_fails(get("/z", &got), ERR_PROTOCOL, "GET /z: status 200, but the answer is no JSON");
}
END_TEST

START_TEST(secrets_are_not_quoted)
{
	SERVE({ .status = 400, .body = "what is 'canary'?" }, { .status = 400, .body = "canary" });
	unit_ok(open_with("http", "{'api_key':'canary'}"));
	unit_fails(get("/", NULL), ERR_USAGE, "what is '***'?");
	ck_assert_str_eq(cluster_secrets(cluster)[0], "canary");
	ck_assert_ptr_null(cluster_secrets(cluster)[1]);
}
END_TEST

START_TEST(warnings)
{
	AUTO_JSON all = NULL;

	SERVE({ .headers =
			JSON "Warning: 299 - \"one \\\"two\\\"\"\r\nWarning: 299 - \"three\"\r\n",
		.body = "{}" },
	      { .headers = JSON "Warning: 299 - \"three\"\r\nWarning: 199 - \"other\"\r\n",
		.body = "{}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(get("/", NULL));
	unit_ok(get("/", NULL));
	all = cluster_warnings(cluster);
	ck_assert_uint_eq(json_len(all), 2);
	ck_assert_str_eq(json_object_get_string(json_nth(all, 0)), "one \"two\"");
	ck_assert_str_eq(json_object_get_string(json_nth(all, 1)), "three");
}
END_TEST

START_TEST(too_many_requests_is_repeated)
{
	SERVE({ .status = 429, .headers = "Retry-After: 2\r\n", .body = "Too many requests" },
	      { .status = 429, .headers = "Retry-After: 1\r\n", .body = "Too many requests" },
	      { .headers = JSON, .body = "{}" },
	      { .status = 429, .headers = "Retry-After: 100\r\n", .body = "Too many requests" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	const int64_t before = clock_ms();
	unit_ok(get("/", NULL));
	ck_assert_int_ge(clock_ms() - before, 3000);
	unit_fails(get("/", NULL), ERR_REMOTE,
		   "429 Too many requests; the server asks to wait: 100 s");
}
END_TEST

START_TEST(a_server_that_never_answers)
{
	struct err *e;

	SERVE({ .act = FAULTY_HANG });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	e = cluster_call(
		cluster,
		&(struct kube_request){ .method = "GET", .path = "/slow", .deadline_ms = 300 },
		NULL);
	unit_fails(e, ERR_TIMEOUT, "no answer within 0.3 s");
}
END_TEST

START_TEST(only_what_is_named_is_made_again)
{
	const struct kube_request named = { .method = "POST", .path = "/a", .named = true };
	const struct kube_request other = { .method = "POST", .path = "/b" };
	struct err *e;

	SERVE({ .act = FAULTY_CLOSE }, { .status = 409, .body = "there" }, { .act = FAULTY_CLOSE });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	e = cluster_call(cluster, &named, NULL);
	ck_assert(e && e->ambiguous); /* it may be the first one's */
	unit_fails(e, ERR_CONFLICT, "409");
	e = cluster_call(cluster, &other, NULL);
	ck_assert(e && e->ambiguous);
	unit_fails(e, ERR_NETWORK, "closed before the answer");
	ck_assert_uint_eq(faulty_count(server), 3);
}
END_TEST

/* A server that is started again is away for a while: that is no wrong port. */
START_TEST(a_restart_is_waited_for)
{
	const struct faulty_step fine = { .headers = JSON, .body = "{}" };
	struct err *e;
	int port;

	serve(&fine, 1);
	port = faulty_port(server);
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(get("/", NULL));
	faulty_stop(TAKE(server));
	e = get("/", NULL);
	ck_assert(e && strstr(e->text, " tries") && !strstr(e->text, "(5 tries"));
	unit_fails(e, ERR_NETWORK, "could not connect");
	server = faulty_start(&(struct faulty_options){ .port = port });
	ck_assert_ptr_nonnull(server);
	unit_ok(get("/", NULL));
}
END_TEST

/* ---- who we are ---- */

START_TEST(impersonation)
{
	SERVE({ .headers = JSON, .body = "{}" });
	open_user(
		"{username: ada, password: 'p:w', act-as: x, act-as-uid: u1, act-as-groups: [a, b], "
		"act-as-user-extra: {'example.org/s c': [v, w]}}");
	unit_ok(get("/", NULL));
	ck_assert(sent(0, "Authorization: Basic YWRhOnA6dw==\r\n"));
	ck_assert(sent(0, "Impersonate-User: x\r\n"));
	ck_assert(sent(0, "Impersonate-Uid: u1\r\n"));
	ck_assert(sent(0, "Impersonate-Group: a\r\n"));
	ck_assert(sent(0, "Impersonate-Group: b\r\n"));
	ck_assert(sent(0, "Impersonate-Extra-example.org%2Fs%20c: v\r\n"));
	ck_assert(sent(0, "Impersonate-Extra-example.org%2Fs%20c: w\r\n"));
}
END_TEST

START_TEST(a_token_file_is_read_again)
{
	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = "{}" },
	      { .status = 401, .body = "old" }, { .headers = JSON, .body = "{}" },
	      { .status = 401, .body = "canary-4" });
	sandbox_write("tok", "canary-1\n");
	open_user("{tokenFile: tok, token: unused}");
	unit_ok(get("/", NULL));
	ck_assert(sent(0, "Bearer canary-1\r\n"));
	sandbox_write("tok", "canary-2\n");
	clock_sleep_ms(61000);
	unit_ok(get("/", NULL));
	ck_assert(sent(1, "Bearer canary-2\r\n"));
	sandbox_write("tok", "canary-3\n");
	unit_ok(get("/", NULL)); /* at once where it was refused */
	ck_assert(sent(2, "Bearer canary-2\r\n"));
	ck_assert(sent(3, "Bearer canary-3\r\n"));
	unit_fails(get("/", NULL), ERR_AUTH, "asked as user 'u' (tok)");
	ck_assert_uint_eq(faulty_count(server), 5); /* the same again would not help */
	sandbox_write("tok", " \n");
	clock_sleep_ms(61000);
	unit_fails(get("/", NULL), ERR_USAGE, "user 'u': tok: it is empty");
	clock_sleep_ms(61000);
	sandbox_write("tok", "a\nb\n");
	unit_fails(get("/", NULL), ERR_USAGE, "what no token can hold");
}
END_TEST

/* ---- exec plugins ---- */

/* A plugin of this text, beside the kubeconfig; it may count(). */
static void plugin_write(const char *text)
{
	AUTO_STR all = xasprintf("#!/bin/sh\necho run >>'%s/runs'\n%s\n", sandbox_path(), text);

	sandbox_write("p.sh", all);
	ck_assert_int_eq(chmod("p.sh", 0700), 0);
}

static size_t runs(void)
{
	AUTO_BUF b = BUF_INIT;

	err_free(file_text("runs", 10000, &b));
	return b.len / 4;
}

#define EXEC(more) "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./p.sh" more "}}"
#define GRANT(status)                                                                                \
	"echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1\", " \
	"\"status\": {" status "}}'"

START_TEST(a_plugin_is_asked)
{
	AUTO_JSON info = NULL;
	AUTO_BUF b = BUF_INIT;

	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = "{}" });
	plugin_write("printf %s \"$KUBERNETES_EXEC_INFO\" >info; echo \"$1-$2-$A\" >said; "
		     "echo noise >&2; read x && exit 9\n" GRANT("\"token\": \"canary\""));
	open_user(EXEC(
		", args: [one, two], env: [{name: A, value: three}], provideClusterInfo: true"));
	ck_assert_uint_eq(runs(), 0);
	unit_ok(get("/", NULL));
	unit_ok(get("/", NULL));
	ck_assert(sent(1, "Authorization: Bearer canary\r\n"));
	ck_assert_uint_eq(runs(), 1);
	unit_ok(file_text("said", 100, &b));
	ck_assert_str_eq(b.s, "one-two-three\n");
	buf_release(&b);
	unit_ok(file_text("info", 10000, &b));
	unit_ok(json_parse(b.s, b.len, &info));
	ck_assert_str_eq(json_str(info, "apiVersion"), "client.authentication.k8s.io/v1");
	unit_same(json_at(info, "spec.cluster.config"), "{'audience':'us'}");
	unit_same(json_at(info, "spec.interactive"), "false");
	ck_assert_ptr_nonnull(strstr(json_str(info, "spec.cluster.server"), "http://127.0.0.1:"));
	ck_assert_str_eq(cluster_secrets(cluster)[0], "canary");
}
END_TEST

START_TEST(a_grant_is_kept_until_it_ends)
{
	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = "{}" },
	      { .status = 401, .body = "no" }, { .headers = JSON, .body = "{}" },
	      { .headers = JSON, .body = "{}" });
	plugin_write(
		GRANT("\"token\": \"t'$(wc -l <runs)'\", \"expirationTimestamp\": \"'$(date -u -d "
		      "'+1 hour' +%FT%TZ)'\""));
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	cluster_free(TAKE(cluster));
	open_user(EXEC("")); /* another process */
	unit_ok(get("/", NULL));
	ck_assert_uint_eq(runs(), 1);
	ck_assert(sent(1, "Bearer t1\r\n"));
	unit_ok(get("/", NULL)); /* again on 401 */
	ck_assert_uint_eq(runs(), 2);
	ck_assert(sent(3, "Bearer t2\r\n"));
	clock_sleep_ms(3600 * 1000);
	/* The wall clock has not moved, so what is cached is as good as before. */
	unit_ok(get("/", NULL));
	ck_assert_uint_eq(runs(), 2);
}
END_TEST

/* Plugins look at the environment, and a name may stand for another program. */
START_TEST(a_grant_is_of_its_environment_and_plugin)
{
	const struct faulty_step fine = { .headers = JSON, .body = "{}" };
	const struct faulty_step steps[] = { fine, fine, fine, fine };

	serve(steps, COUNT(steps));
	plugin_write(GRANT("\"token\": \"'$WHO'\", \"expirationTimestamp\": \"'$(date -u -d "
			   "'+1 hour' +%FT%TZ)'\""));
	sandbox_env("WHO=ada");
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	cluster_free(TAKE(cluster));
	sandbox_env("WHO=bob");
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	ck_assert(sent(1, "Bearer bob\r\n"));
	cluster_free(TAKE(cluster));
	/* What is another one in each task says nothing of who we are. */
	sandbox_env("SHLVL=9");
	sandbox_env("ANSIBLE_TASK=2");
	sandbox_env("PLUGIN_CLIENT_CERT=x");
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	ck_assert(sent(2, "Bearer bob\r\n"));
	ck_assert_uint_eq(runs(), 2);
	cluster_free(TAKE(cluster));
	ck_assert_int_eq(rename("p.sh", "real.sh"), 0);
	ck_assert_int_eq(symlink("real.sh", "p.sh"), 0);
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	ck_assert_uint_eq(runs(), 3);
}
END_TEST

START_TEST(without_an_end_it_is_kept_by_the_process)
{
	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = "{}" },
	      { .headers = JSON, .body = "{}" }, { .status = 401, .body = "no" },
	      { .status = 401, .body = "no" });
	plugin_write(GRANT("\"token\": \"canary\""));
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	unit_ok(get("/", NULL));
	ck_assert_uint_eq(runs(), 1);
	cluster_free(TAKE(cluster));
	open_user(EXEC(""));
	unit_ok(get("/", NULL));
	ck_assert_uint_eq(runs(), 2);
	/* It was asked for a moment ago: no use to ask again, and for each of many calls. */
	unit_fails(get("/", NULL), ERR_AUTH, "asked as user 'u' (exec plugin './p.sh')");
	ck_assert_uint_eq(runs(), 2);
	clock_sleep_ms(10000);
	unit_fails(get("/", NULL), ERR_AUTH, "401");
	ck_assert_uint_eq(runs(), 3);
}
END_TEST

static const struct {
	const char *plugin, *words;
	enum err_kind kind;
} plugins[] = {
	{ "echo 'log in' >&2; echo first >&2; exit 3", "it ended with exit code 3: log in first",
	  ERR_AUTH },
	{ "kill -9 $$", "it was ended by signal 9", ERR_AUTH },
	{ "echo canary", "what it prints is no JSON", ERR_PROTOCOL },
	{ ":", "it prints nothing", ERR_PROTOCOL },
	{ "echo '{\"kind\": \"Pod\"}'", "no ExecCredential", ERR_PROTOCOL },
	{ "echo '{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1beta1\"}'",
	  "it answers with apiVersion 'client.authentication.k8s.io/v1beta1'", ERR_PROTOCOL },
	{ GRANT(""), "neither a token nor a client certificate", ERR_PROTOCOL },
	{ GRANT("\"clientCertificateData\": \"canary\""),
	  "a client certificate or a key, not with both", ERR_PROTOCOL },
	{ GRANT("\"token\": \"canary\", \"expirationTimestamp\": \"soon\""), "is no time",
	  ERR_PROTOCOL },
	{ GRANT("\"token\": \"canary\", \"expirationTimestamp\": \"2020-01-01T00:00:00Z\""),
	  "had expired before it came", ERR_AUTH },
	{ GRANT("\"token\": \"canary\\r\\nX-Evil: 1\""), "what no token can hold", ERR_USAGE },
	{ "head -c 2000000 /dev/zero | tr '\\0' x", "it prints more than 1024 KiB", ERR_PROTOCOL },
};

START_TEST(plugins_fail)
{
	struct err *e;

	SERVE({ .headers = JSON, .body = "{}" });
	plugin_write(plugins[_i].plugin);
	open_user(EXEC(""));
	e = get("/", NULL);
	ck_assert_ptr_nonnull(e);
	ck_assert(strstr(e->text, "context 'x' of k: user 'u': exec plugin './p.sh'") ||
		  strstr(e->text, "user 'u': what was") || strstr(e->text, "user 'u': the token"));
	ck_assert(!strstr(e->text, "canary"));
	unit_fails(e, plugins[_i].kind, plugins[_i].words);
	ck_assert_uint_eq(faulty_count(server), 0);
	unit_fails(get("/", NULL), plugins[_i].kind, plugins[_i].words);
	ck_assert_uint_eq(runs(), 1); /* not for each of a thousand objects */
}
END_TEST

START_TEST(a_plugin_that_hangs)
{
	SERVE({ .headers = JSON, .body = "{}" });
	/* Those it started go with it. */
	plugin_write("echo waiting >&2; (sleep 300; echo late >late) & sleep 300");
	open_user(EXEC(""));
	hurry = true;
	unit_fails(get("/", NULL), ERR_TIMEOUT, "it did not end within 60 s");
	hurry = false;
}
END_TEST

START_TEST(a_plugin_that_leaves_something_behind)
{
	SERVE({ .headers = JSON, .body = "{}" });
	plugin_write("sleep 60 & " GRANT("\"token\": \"canary\""));
	open_user(EXEC(""));
	const int64_t before = clock_ms();
	unit_ok(get("/", NULL));
	ck_assert_int_lt(clock_ms() - before, 30000);
}
END_TEST

static const struct {
	const char *user, *words;
} execs[] = {
	{ "{exec: {command: x}}", "user 'u': exec: it has no apiVersion" },
	{ "{exec: {apiVersion: client.authentication.k8s.io/v1}}", "exec: it has no command" },
	{ "{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}",
	  "apiVersion 'client.authentication.k8s.io/v1alpha1' is none that is known" },
	{ "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}",
	  "there is no terminal here" },
	{ "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, args: [1]}}",
	  "args must be a list of texts" },
	{ "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{name: A}]}}",
	  "env must be a list of {name, value}" },
};

START_TEST(plugins_are_checked_at_once)
{
	AUTO_STR text = xasprintf("clusters: [{name: c, cluster: {server: 'http://x'}}]\n"
				  "users: [{name: u, user: %s}]\n"
				  "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
				  "current-context: x\n",
				  execs[_i].user);
	AUTO_JSON o = unit_json("{'kubeconfig':'k'}");

	sandbox_write("k", text);
	unit_fails(cluster_new(o, &cluster), ERR_USAGE, execs[_i].words);
}
END_TEST

START_TEST(a_plugin_that_is_not_there)
{
	SERVE({ .headers = JSON, .body = "{}" });
	open_user(
		"{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-plugin, "
		"installHint: get it there}}");
	unit_fails(
		get("/", NULL), ERR_USAGE,
		"exec plugin 'no-such-plugin': it cannot be run: No such file or directory; get it "
		"there");
}
END_TEST

static void ask_one(void *arg, size_t i)
{
	(void)i;
	((struct err **)arg)[i] = get("/", NULL);
}

START_TEST(many_threads_ask_one_plugin)
{
	struct err *errs[16] = { 0 };

	SERVE({ .act = FAULTY_ECHO });
	plugin_write("sleep 0.2\n" GRANT("\"token\": \"canary\""));
	open_user(EXEC(""));
	pool_run(COUNT(errs), COUNT(errs), ask_one, errs);
	for (size_t i = 0; i < COUNT(errs); i++)
		unit_ok(errs[i]);
	ck_assert_uint_eq(runs(), 1);
}
END_TEST

/* ---- OpenID Connect ---- */

/* {"exp": s}, unsigned. */
static char *jwt(int64_t s)
{
	AUTO_STR claims = xasprintf("{\"exp\": %lld}", (long long)s);
	AUTO_STR coded = base64_of(claims, strlen(claims));

	coded[strcspn(coded, "=")] = '\0';
	return xasprintf("e30.%s.c2ln", coded);
}

START_TEST(a_jwt_tells_its_end)
{
	AUTO_STR token = jwt(1234567890);

	ck_assert_int_eq(jwt_until_s(token), 1234567890);
	ck_assert_int_eq(jwt_until_s("abc"), 0);
	ck_assert_int_eq(jwt_until_s("a.b"), 0);
	ck_assert_int_eq(jwt_until_s("a.!.c"), 0);
	ck_assert_int_eq(jwt_until_s("a.e30.c"), 0);
}
END_TEST

static void open_oidc(const char *id_token, const char *refresh)
{
	AUTO_STR user = xasprintf(
		"{auth-provider: {name: oidc, config: {idp-issuer-url: "
		"'http://127.0.0.1:%d/idp/', client-id: me, client-secret: hush-hush"
		"%s%s%s%s}}}",
		faulty_port(server), id_token ? ", id-token: " : "", id_token ? id_token : "",
		refresh ? ", refresh-token: " : "", refresh ? refresh : "");

	open_user(user);
}

START_TEST(oidc_as_long_as_it_lasts)
{
	AUTO_STR token = jwt((int64_t)time(NULL) + 600);
	AUTO_STR line = xasprintf("Bearer %s\r\n", token);

	SERVE({ .headers = JSON, .body = "{}" });
	open_oidc(token, "canary-r");
	unit_ok(get("/", NULL));
	ck_assert(sent(0, line));
}
END_TEST

START_TEST(oidc_is_refreshed)
{
	AUTO_STR old = jwt((int64_t)time(NULL) - 600);
	AUTO_STR new = jwt((int64_t)time(NULL) + 600);
	AUTO_STR answer = xasprintf(
		"{\"id_token\": \"%s\", \"refresh_token\": \"canary-2\", \"expires_in\": 600}",
		new);
	AUTO_STR line = xasprintf("Bearer %s\r\n", new);
	AUTO_STR about = NULL;
	const int port = faulty_free_port();

	about = xasprintf("{\"token_endpoint\": \"http://127.0.0.1:%d/token\"}", port);
	const struct faulty_step steps[] = {
		{ .target = "/idp/.well-known/openid-configuration",
		  .headers = JSON,
		  .body = about },
		{ .target = "/token", .headers = JSON, .body = answer },
		{ .target = "/a", .headers = JSON, .body = "{}" },
		{ .target = "/b", .headers = JSON, .body = "{}" },
	};
	server = faulty_start(
		&(struct faulty_options){ .port = port, .steps = steps, .n = COUNT(steps) });
	ck_assert_ptr_nonnull(server);
	open_oidc(old, "canary-1");
	unit_ok(get("/a", NULL));
	ck_assert_str_eq(faulty_seen(server, 1)->body,
			 "grant_type=refresh_token&refresh_token=canary-1&client_id=me&"
			 "client_secret=hush-hush");
	ck_assert(sent(2, line));
	cluster_free(TAKE(cluster));
	open_oidc(old, "canary-1"); /* another process: from the cache */
	unit_ok(get("/b", NULL));
	ck_assert(sent(3, line));
	ck_assert_uint_eq(faulty_count(server), 4);
}
END_TEST

START_TEST(oidc_fails)
{
	AUTO_STR old = jwt(1000000000);
	struct err *e;

	SERVE({ .status = 500, .body = "canary-r is bad" },
	      { .status = 500, .body = "canary-r is bad" });
	open_oidc(old, NULL);
	unit_fails(
		get("/", NULL), ERR_AUTH,
		"the id-token expired on 2001-09-09 01:46:40 UTC, and there is no refresh-token");
	cluster_free(TAKE(cluster));
	open_oidc(NULL, "canary-r");
	e = get("/", NULL);
	ck_assert(e && !strstr(e->text, "canary"));
	unit_fails(e, ERR_AUTH, "auth-provider: ");
}
END_TEST

/* ---- TLS ---- */

static void serve_tls(const char *cert, const char *client_ca)
{
	const struct faulty_step fine = { .headers = JSON, .body = "{}" };

	ck_assert(faulty_certs("."));
	server = faulty_start(&(struct faulty_options){
		.cert = cert, .client_ca = client_ca, .steps = &fine, .n = 1 });
	ck_assert_ptr_nonnull(server);
}

START_TEST(tls_with_a_client_certificate)
{
	serve_tls("server.pem", "ca.pem");
	unit_ok(open_with("https", "{'ca_cert':'ca.pem','client_cert':'client.pem',"
				   "'client_key':'client.pem'}"));
	unit_ok(get("/", NULL));
}
END_TEST

START_TEST(tls_as_pem_text)
{
	AUTO_JSON o = json_object_new_object();
	AUTO_STR host = NULL;
	static const char *const names[] = { "ca_cert", "client_cert", "client_key" };
	static const char *const files[] = { "ca.pem", "client.pem", "client.pem" };

	serve_tls("server.pem", "ca.pem");
	host = xasprintf("https://127.0.0.1:%d", faulty_port(server));
	json_sets(o, "host", host);
	for (size_t i = 0; i < COUNT(names); i++) {
		AUTO_BUF b = BUF_INIT;

		unit_ok(file_text(files[i], 10000, &b));
		json_sets(o, names[i], b.s);
	}
	unit_ok(cluster_new(o, &cluster));
	unit_ok(get("/", NULL));
}
END_TEST

static const struct {
	const char *cert, *client_ca, *options, *words;
} tls[] = {
	{ "late.pem", NULL, "{'ca_cert':'ca.pem','api_key':'t'}",
	  "certificate has expired ('late', issued by 'test CA', which expired on 20" },
	{ "server.pem", NULL, "{'ca_cert':'other.pem','api_key':'t'}",
	  "('server', issued by 'test CA'); give the CA (ca_cert" },
	{ "wrong.pem", NULL, "{'ca_cert':'ca.pem','api_key':'t'}", "the certificate was refused" },
	{ "server.pem", "ca.pem",
	  "{'ca_cert':'ca.pem','client_cert':'late.pem','client_key':'late.pem'}",
	  "client certificate 'late', which expired on 20" },
	{ "server.pem", "ca.pem", "{'ca_cert':'ca.pem','api_key':'t'}",
	  "the service refused the TLS connection" },
	{ "server.pem", NULL, "{'ca_cert':'nowhere.pem','api_key':'t'}", "nowhere.pem" },
};

START_TEST(tls_is_verified)
{
	struct err *e;

	serve_tls(tls[_i].cert, tls[_i].client_ca);
	e = open_with("https", tls[_i].options);
	if (!e)
		e = get("/", NULL);
	ck_assert_ptr_nonnull(e);
	ck_assert_msg(strstr(e->text, tls[_i].words), "'%s' lacks '%s'", e->text, tls[_i].words);
	err_free(e);
}
END_TEST

START_TEST(tls_goes_without_only_when_told)
{
	serve_tls("late.pem", NULL);
	unit_ok(open_with("https", "{'ca_cert':'other.pem','api_key':'t','validate_certs':false}"));
	unit_ok(get("/", NULL));
}
END_TEST

START_TEST(tls_by_another_name)
{
	AUTO_STR text = NULL;
	AUTO_STR host = NULL;

	serve_tls("wrong.pem", NULL);
	text = xasprintf("clusters: [{name: c, cluster: {server: 'https://127.0.0.1:%d', "
			 "tls-server-name: elsewhere.invalid, certificate-authority: ca.pem}}]\n"
			 "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n",
			 faulty_port(server));
	sandbox_write("k", text);
	unit_ok(open_with("https", "{'kubeconfig':'k'}"));
	unit_ok(get("/a?b=c", NULL));
	host = xasprintf("\r\nHost: 127.0.0.1:%d\r\n", faulty_port(server));
	ck_assert(sent(0, host));
	ck_assert_str_eq(faulty_seen(server, 0)->target, "/a?b=c");
}
END_TEST

/* ---- proxies ---- */

START_TEST(through_a_proxy)
{
	SERVE({ .headers = JSON, .body = "{}" });
	AUTO_JSON o = unit_json("{'host':'http://cluster.invalid:8080','api_key':'t',"
				"'no_proxy':'other.invalid',"
				"'proxy_headers':{'proxy_basic_auth':'a:b','user_agent':'me'}}");
	AUTO_STR proxy = xasprintf("http://127.0.0.1:%d", faulty_port(server));
	json_sets(o, "proxy", proxy);
	unit_ok(cluster_new(o, &cluster));
	unit_ok(get("/a", NULL));
	ck_assert_str_eq(faulty_seen(server, 0)->target, "http://cluster.invalid:8080/a");
	ck_assert(sent(0, "Authorization: Bearer t\r\n"));
}
END_TEST

START_TEST(a_tunnel_gets_its_headers_and_no_token)
{
	const struct faulty_step no = { .status = 403, .body = "no" };
	const struct faulty_step steps[] = { no, no, no, no, no };

	serve(steps, COUNT(steps));
	AUTO_JSON o = unit_json("{'host':'https://cluster.invalid','api_key':'canary',"
				"'no_proxy':'other.invalid',"
				"'proxy_headers':{'proxy_basic_auth':'a:b','user_agent':'me'}}");
	AUTO_STR proxy = xasprintf("http://127.0.0.1:%d", faulty_port(server));
	json_sets(o, "proxy", proxy);
	unit_ok(cluster_new(o, &cluster));
	unit_fails(get("/a", NULL), ERR_NETWORK, "403");
	ck_assert_str_eq(faulty_seen(server, 0)->method, "CONNECT");
	ck_assert(sent(0, "Proxy-Authorization: Basic YTpi\r\n"));
	ck_assert(sent(0, "User-Agent: me\r\n"));
	ck_assert(!sent(0, "canary"));
}
END_TEST

START_TEST(the_environments_proxy_is_not_for_this_machine)
{
	sandbox_env("http_proxy=http://127.0.0.1:1");
	sandbox_env("no_proxy=x.invalid");
	SERVE({ .headers = JSON, .body = "{}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(get("/", NULL));
}
END_TEST

/* ---- streams ---- */

struct reader {
	struct buf got;
	size_t most; /* enough after so many bytes; 0: never */
	size_t pieces;
	int slow_ms;
	bool asks; /* makes a call of its own the first time */
	struct err *e;
};

static bool take(void *arg, const char *s, size_t n)
{
	struct reader *r = arg;
	const struct timespec pause = { .tv_nsec = r->slow_ms * 1000000L };

	if (r->slow_ms)
		(void)nanosleep(&pause, NULL);
	if (r->asks && !r->pieces)
		r->e = get("/other", NULL);
	r->pieces++;
	(void)buf_add(&r->got, s, n);
	return !r->most || r->got.len < r->most;
}

static struct err *stream(struct reader *r, const char *path, int64_t deadline_ms)
{
	r->got = (struct buf)BUF_INIT;
	return cluster_stream(
		cluster,
		&(struct kube_request){ .method = "GET", .path = path, .deadline_ms = deadline_ms },
		take, r);
}

START_TEST(a_stream)
{
	struct reader r = { .asks = true };

	SERVE({ .target = "/watch", .body = "one\ntwo\n" },
	      { .target = "/other", .headers = JSON, .body = "{}" },
	      { .target = "/gone",
		.status = 410,
		.body = "{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"old\"}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(stream(&r, "/watch", 0));
	unit_ok(r.e);
	ck_assert_str_eq(r.got.s, "one\ntwo\n");
	buf_release(&r.got);
	unit_fails(stream(&r, "/gone", 0), ERR_REMOTE, "410 Expired: old");
	ck_assert_uint_eq(r.got.len, 0);
}
END_TEST

START_TEST(a_stream_that_is_ended)
{
	struct reader r = { .most = 1 };

	SERVE({ .act = FAULTY_BIG_BODY, .size = 32 << 20 }, { .headers = JSON, .body = "{}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(stream(&r, "/", 0));
	ck_assert_uint_eq(r.pieces, 1);
	ck_assert_uint_lt(r.got.len, 32 << 20);
	buf_release(&r.got);
	unit_ok(get("/", NULL));
}
END_TEST

/* What it cannot take yet waits at the server, and is not gathered here. */
START_TEST(a_slow_reader)
{
	struct reader r = { .slow_ms = 3 };

	SERVE({ .act = FAULTY_BIG_BODY, .size = 96 << 20 });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(stream(&r, "/", 0));
	ck_assert_uint_eq(r.got.len, 96 << 20);
	ck_assert_uint_gt(r.pieces, 8);
	buf_release(&r.got);
}
END_TEST

START_TEST(a_stream_ends_at_its_deadline)
{
	struct reader r = { 0 };

	SERVE({ .act = FAULTY_CUT_BODY, .body = "a" }, { .act = FAULTY_HANG });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_fails(stream(&r, "/", 300), ERR_NETWORK, "cut");
	ck_assert_str_eq(r.got.s, "a"); /* and not twice */
	buf_release(&r.got);
	unit_fails(stream(&r, "/", 300), ERR_TIMEOUT, "no answer within 0.3 s");
	buf_release(&r.got);
}
END_TEST

START_TEST(text_has_a_cap)
{
	const struct kube_request req = { .method = "GET", .path = "/log" };
	AUTO_STR text = NULL;
	size_t len = 0;

	SERVE({ .body = "a log\n" }, { .act = FAULTY_BIG_BODY, .size = 4096 });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(cluster_text(cluster, &req, 2048, &text, &len));
	ck_assert_str_eq(text, "a log\n");
	ck_assert_uint_eq(len, 6);
	unit_fails(cluster_text(cluster, &req, 2048, &text, &len), ERR_PROTOCOL,
		   "GET /log: the answer is over 2 KiB");
}
END_TEST

/* ---- faults and identity ---- */

struct counter {
	struct cluster_fault fault;
	int before, after;
	int fail_before, fail_after;
};

static struct err *count_before(struct cluster_fault *f, const struct kube_request *req)
{
	struct counter *c = (struct counter *)f;

	return ++c->before == c->fail_before ? err_new(ERR_NETWORK, "injected %s", req->path)
					     : NULL;
}

static struct err *count_after(struct cluster_fault *f, const struct kube_request *req)
{
	struct counter *c = (struct counter *)f;

	return ++c->after == c->fail_after ? err_new(ERR_NETWORK, "lost %s", req->path) : NULL;
}

START_TEST(calls_can_be_made_to_fail)
{
	struct counter c = { .fault = { count_before, count_after },
			     .fail_before = 2,
			     .fail_after = 2 };

	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = "{}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	cluster_set_fault(cluster, &c.fault);
	unit_ok(get("/1", NULL));
	unit_fails(get("/2", NULL), ERR_NETWORK, "GET /2: injected /2");
	unit_fails(get("/3", NULL), ERR_NETWORK, "GET /3: lost /3");
	ck_assert_int_eq(c.before, 3);
	ck_assert_uint_eq(faulty_count(server), 2);
}
END_TEST

START_TEST(another_cluster_is_not_written_to)
{
	static const char ns[] = "{\"metadata\": {\"uid\": \"u-1\"}}";
	const struct kube_request post = { .method = "POST", .path = "/p" };

	SERVE({ .headers = JSON, .body = "{}" }, { .headers = JSON, .body = ns });
	unit_ok(open_with("http", "{'api_key':'t','expect_cluster_uid':'u-2'}"));
	unit_ok(get("/", NULL));
	unit_fails(cluster_call(cluster, &post, NULL), ERR_USAGE,
		   "is another cluster: the uid of its namespace kube-system is 'u-1', not 'u-2'");
	ck_assert_uint_eq(faulty_count(server), 2);
	stop();
	SERVE({ .headers = JSON, .body = ns }, { .headers = JSON, .body = "{}" },
	      { .headers = JSON, .body = "{}" });
	unit_ok(open_with("http", "{'api_key':'t','expect_cluster_uid':'u-1'}"));
	unit_ok(cluster_call(cluster, &post, NULL));
	unit_ok(cluster_call(cluster, &post, NULL));
	ck_assert_uint_eq(faulty_count(server), 3);
	ck_assert_str_eq(faulty_seen(server, 0)->target, "/api/v1/namespaces/kube-system");
}
END_TEST

/* Nor is anything run in it: a WebSocket begins with a GET. */
START_TEST(another_cluster_is_not_connected_to)
{
	CURL *easy = NULL;
	char *who = NULL;

	SERVE({ .headers = JSON, .body = "{\"metadata\": {\"uid\": \"u-1\"}}" });
	unit_ok(open_with("http", "{'api_key':'t','expect_cluster_uid':'u-2'}"));
	unit_fails(cluster_connect(cluster, false, clock_ms() + 10000, &easy, &who), ERR_USAGE,
		   "is another cluster");
	ck_assert_ptr_null(easy);
	ck_assert_ptr_null(who);
}
END_TEST

/* ---- which kinds there are ---- */

#define AGGREGATED(items)                                                                                      \
	"{\"kind\": \"APIGroupDiscoveryList\", \"apiVersion\": \"apidiscovery.k8s.io/v2\", \"items\": [" items \
	"]}"
#define RESOURCE(name, kind, scope, more)                                           \
	"{\"resource\": \"" name "\", \"responseKind\": {\"kind\": \"" kind "\"}, " \
	"\"scope\": \"" scope "\", \"singularResource\": \"\", \"verbs\": [\"get\"]" more "}"
#define GROUP(name, versions) \
	"{\"metadata\": {\"name\": \"" name "\"}, \"versions\": [" versions "]}"
#define VERSION_OF(name, resources) \
	"{\"version\": \"" name "\", \"resources\": [" resources "], \"freshness\": \"Current\"}"

static const char core[] = AGGREGATED(GROUP(
	"",
	VERSION_OF(
		"v1",
		RESOURCE("configmaps", "ConfigMap", "Namespaced", ", \"shortNames\": [\"cm\"]") "," RESOURCE(
			"events", "Event", "Namespaced",
			"") "," RESOURCE("namespaces", "Namespace", "Cluster",
					 ", \"subresources\": [{\"subresource\": \"status\"}]"))));
static const char groups[] = AGGREGATED(
	GROUP("events.k8s.io", VERSION_OF("v1", RESOURCE("events", "Event", "Namespaced", ""))) "," GROUP(
		"example.org",
		VERSION_OF("v2", RESOURCE("widgets", "Widget", "Namespaced", "")) "," VERSION_OF(
			"v1",
			RESOURCE("widgets", "Widget", "Cluster", "") "," RESOURCE(
				"deployments", "Deployment", "Cluster",
				""))) "," GROUP("apps",
						VERSION_OF(
							"v1",
							RESOURCE(
								"deployments",
								"Deployment",
								"Namespaced",
								", \"shortNames\": [\"deploy\"]"))));
static const char more_groups[] = AGGREGATED(
	GROUP("example.org", VERSION_OF("v1", RESOURCE("gadgets", "Gadget", "Namespaced", ""))));

#define ETAG(s) JSON "ETag: \"" s "\"\r\n"

static void serve_kinds(void)
{
	SERVE({ .target = "/api", .headers = ETAG("c1"), .body = core },
	      { .target = "/apis", .headers = ETAG("g1"), .body = groups },
	      { .target = "/api", .status = 304, .headers = ETAG("c1") },
	      { .target = "/apis", .headers = ETAG("g2"), .body = more_groups },
	      { .target = "/api", .status = 304, .headers = ETAG("c1") },
	      { .target = "/apis", .status = 304, .headers = ETAG("g2") },
	      { .target = "/apis/apiregistration.k8s.io/v1/apiservices",
		.headers = JSON,
		.body = "{\"items\": [{\"metadata\": {\"name\": \"v1.down.io\"}, \"spec\": {\"group\": "
			"\"down.io\"}, \"status\": {\"conditions\": [{\"type\": \"Available\", "
			"\"status\": \"False\", \"message\": \"no endpoints\"}]}}]}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
}

static const struct {
	const char *version, *kind, *want, *path;
} finds[] = {
	{ NULL, "ConfigMap", "v1", "/api/v1/namespaces/n/configmaps/a" },
	{ "v1", "configmaps", "v1", "/api/v1/namespaces/n/configmaps/a" },
	{ "", "cm", "v1", "/api/v1/namespaces/n/configmaps/a" },
	{ "v1", "configmap", "v1", "/api/v1/namespaces/n/configmaps/a" },
	{ "v1", "Namespace", "v1", "/api/v1/namespaces/a" },
	{ NULL, "Event", "v1", "/api/v1/namespaces/n/events/a" },
	{ "events.k8s.io", "Event", "events.k8s.io/v1",
	  "/apis/events.k8s.io/v1/namespaces/n/events/a" },
	{ NULL, "Deployment", "apps/v1", "/apis/apps/v1/namespaces/n/deployments/a" },
	{ NULL, "deploy", "apps/v1", "/apis/apps/v1/namespaces/n/deployments/a" },
	{ "example.org/v1", "Deployment", "example.org/v1", "/apis/example.org/v1/deployments/a" },
	{ "example.org", "Widget", "example.org/v2",
	  "/apis/example.org/v2/namespaces/n/widgets/a" },
	{ "example.org/v1", "Widget", "example.org/v1", "/apis/example.org/v1/widgets/a" },
};

START_TEST(kinds_are_found)
{
	const struct kube_kind *k = NULL;

	serve_kinds();
	unit_ok(kind_find(cluster, finds[_i].version, finds[_i].kind, &k));
	AUTO_STR version = kind_api_version(k);
	AUTO_STR path = kind_path(k, "n", "a", NULL);
	ck_assert_str_eq(version, finds[_i].want);
	ck_assert_str_eq(path, finds[_i].path);
	ck_assert_uint_eq(faulty_count(server), 2);
}
END_TEST

START_TEST(paths_are_escaped)
{
	const struct kube_kind pods = {
		.group = "", .version = "v1", .plural = "pods", .namespaced = true
	};
	AUTO_STR one = kind_path(&pods, "n", "a/b c", "log");
	AUTO_STR all = kind_path(&pods, NULL, NULL, NULL);

	ck_assert_str_eq(one, "/api/v1/namespaces/n/pods/a%2Fb%20c/log");
	ck_assert_str_eq(all, "/api/v1/pods");
}
END_TEST

START_TEST(kinds_are_asked_for_once)
{
	const struct kube_kind *k = NULL, *old = NULL;

	serve_kinds();
	unit_ok(kind_find(cluster, NULL, "Namespace", &old));
	ck_assert(json_is_str(json_nth(old->subresources, 0), "status"));
	cluster_free(TAKE(cluster));
	unit_ok(open_with("http", "{'api_key':'t'}")); /* another process */
	unit_ok(kind_find(cluster, NULL, "Namespace", &old));
	ck_assert_uint_eq(faulty_count(server), 2);
	/* What is unknown is asked for again, by ETag, and what was found stays. */
	unit_ok(kind_find(cluster, NULL, "Gadget", &k));
	ck_assert_uint_eq(faulty_count(server), 4);
	ck_assert(sent(2, "If-None-Match: \"") && sent(3, "If-None-Match: \""));
	ck_assert_str_eq(old->kind, "Namespace");
	unit_fails(kind_find(cluster, NULL, "ConfigMop", &k), ERR_NOT_FOUND,
		   "knows no kind 'ConfigMop'; is ConfigMap of v1 meant?");
	ck_assert_uint_eq(faulty_count(server), 6);
}
END_TEST

START_TEST(kinds_are_forgotten)
{
	const struct kube_kind *k = NULL;

	serve_kinds();
	unit_ok(kind_find(cluster, NULL, "Namespace", &k));
	kinds_forget(cluster);
	unit_ok(kind_find(cluster, NULL, "Gadget", &k));
	ck_assert_uint_eq(faulty_count(server), 4);
	unit_ok(kind_find(cluster, NULL, "Namespace", &k));
	ck_assert_uint_eq(faulty_count(server), 4);
}
END_TEST

#define NO_PATH \
	.status = 404, .headers = "Content-Type: text/plain\r\n", .body = "404 page not found\n"
#define NOT_THERE \
	.status = 404, .headers = JSON, .body = "{\"kind\": \"Status\", \"reason\": \"NotFound\"}"
#define SAME_CORE                                                      \
	{                                                              \
		.target = "/api", .status = 304, .headers = ETAG("c1") \
	}
#define FIRST_TIME                                                       \
	{ .target = "/api", .headers = ETAG("c1"), .body = core },       \
	{                                                                \
		.target = "/apis", .headers = ETAG("g1"), .body = groups \
	}

/* Somebody else removed its CRD: what we know of it is no older than ten minutes, but wrong. */
START_TEST(a_kind_that_has_gone)
{
	const struct object_query q = { .api_version = "example.org/v1",
					.kind = "Widget",
					.name = "a" };
	const struct kube_kind *k = NULL;
	AUTO_JSON list = NULL;

	SERVE(FIRST_TIME, { .target = "/apis/example.org/v1/widgets/a", NOT_THERE },
	      { .target = "/apis/example.org/v1/widgets/a", NO_PATH }, SAME_CORE,
	      { .target = "/apis", .headers = ETAG("g2"), .body = more_groups }, SAME_CORE,
	      { .target = "/apis", .status = 304, .headers = ETAG("g2") }, SAME_CORE,
	      { .target = "/apis", .status = 304, .headers = ETAG("g2") });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(objects_list(cluster, &q, &list));
	ck_assert_uint_eq(faulty_count(server), 3); /* that is an object that is not there */
	json_object_put(TAKE(list));
	unit_ok(objects_list(cluster, &q, &list));
	ck_assert_uint_eq(json_len(list), 0);
	unit_fails(kind_find(cluster, "example.org/v1", "Widget", &k), ERR_NOT_FOUND,
		   "knows no kind 'Widget'");
}
END_TEST

START_TEST(a_kind_that_is_another_now)
{
	static const char now[] = AGGREGATED(GROUP(
		"example.org", VERSION_OF("v1", RESOURCE("widgets", "Widget", "Namespaced", ""))));
	static const char path[] = "/apis/example.org/v1/namespaces/n/widgets";
	AUTO_JSON want = unit_json("{'apiVersion':'example.org/v1','kind':'Widget',"
				   "'metadata':{'name':'a','namespace':'n'}}");
	struct object_op op = { .want = want };
	struct err *e = NULL;

	SERVE(FIRST_TIME, { .target = "/apis/example.org/v1/widgets/a", NO_PATH }, SAME_CORE,
	      { .target = "/apis", .headers = ETAG("g2"), .body = now }, { NOT_THERE },
	      { .status = 201, .headers = JSON, .body = "{\"metadata\": {\"name\": \"a\"}}" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	op.cluster = cluster;
	objects_apply(&op, 1, 1, &e);
	unit_ok(e);
	ck_assert(op.changed && op.kind->namespaced);
	ck_assert_uint_eq(faulty_count(server), 7);
	ck_assert_str_eq(faulty_seen(server, 6)->method, "POST");
	ck_assert_int_eq(strncmp(faulty_seen(server, 6)->target, path, strlen(path)), 0);
	object_op_release(&op);
}
END_TEST

START_TEST(kinds_without_a_cache)
{
	const struct kube_kind *k = NULL;

	sandbox_env("TREENAIL_CACHE=off");
	serve_kinds();
	unit_ok(kind_find(cluster, NULL, "Namespace", &k));
	cluster_free(TAKE(cluster));
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(kind_find(cluster, NULL, "Gadget", &k));
	ck_assert_uint_eq(faulty_count(server), 4);
	ck_assert(!sent(2, "If-None-Match") && !sent(3, "If-None-Match"));
}
END_TEST

START_TEST(a_group_that_is_down)
{
	const struct kube_kind *k = NULL;

	serve_kinds();
	unit_fails(kind_find(cluster, "down.io/v1", "Thing", &k), ERR_REMOTE,
		   "the API server behind down.io is not available: APIService 'v1.down.io': no "
		   "endpoints");
}
END_TEST

START_TEST(kinds_of_an_old_server)
{
	const struct kube_kind *k = NULL;
	AUTO_JSON all = NULL;

	SERVE({ .target = "/api",
		.headers = JSON,
		.body = "{\"kind\": \"APIVersions\", \"versions\": [\"v1\"]}" },
	      { .target = "/apis",
		.headers = JSON,
		.body = "{\"kind\": \"APIGroupList\", \"groups\": [{\"name\": \"batch\", \"versions\": "
			"[{\"version\": \"v1beta1\"}, {\"version\": \"v1\"}], \"preferredVersion\": "
			"{\"version\": \"v1\"}}, {\"name\": \"down.io\", \"versions\": [{\"version\": "
			"\"v1\"}]}]}" },
	      { .target = "/api/v1",
		.headers = JSON,
		.body = "{\"resources\": [{\"name\": \"pods\", \"kind\": \"Pod\", \"singularName\": "
			"\"pod\", \"namespaced\": true, \"verbs\": [\"get\"], \"shortNames\": [\"po\"]}, "
			"{\"name\": \"pods/log\", \"kind\": \"Pod\", \"namespaced\": true}]}" },
	      { .target = "/apis/batch/v1",
		.headers = JSON,
		.body = "{\"resources\": [{\"name\": \"jobs\", \"kind\": \"Job\", \"namespaced\": true}]}" },
	      { .target = "/apis/batch/v1beta1",
		.headers = JSON,
		.body = "{\"resources\": [{\"name\": \"jobs\", \"kind\": \"Job\", \"namespaced\": true}]}" },
	      { .target = "/apis/down.io/v1", .status = 404, .body = "gone" });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_ok(kind_find(cluster, NULL, "po", &k));
	ck_assert_str_eq(k->kind, "Pod");
	unit_same(k->subresources, "['log']");
	unit_ok(kind_find(cluster, NULL, "Job", &k));
	ck_assert_str_eq(k->version, "v1");
	unit_ok(kinds_all(cluster, &all));
	unit_same(json_object_object_get(all, "batch/v1beta1"),
		  "{'Job':{'name':'jobs','singular_name':'','namespaced':true,'preferred':false,"
		  "'short_names':[],'categories':[]}}");
	ck_assert_uint_eq(faulty_count(server), 6);
}
END_TEST

static const char *const rubbish[] = {
	"{}",
	"[]",
	"7",
	AGGREGATED(""),
	AGGREGATED("7, {\"versions\": [7, {\"version\": 1}]}"),
	"{\"kind\": \"APIGroupDiscoveryList\", \"items\": 7}",
};

START_TEST(kinds_that_make_no_sense)
{
	const struct kube_kind *k = NULL;

	SERVE({ .headers = JSON, .body = rubbish[_i] }, { .headers = JSON, .body = rubbish[_i] });
	unit_ok(open_with("http", "{'api_key':'t'}"));
	unit_fails(kind_find(cluster, NULL, "Pod", &k), ERR_PROTOCOL,
		   "is this a Kubernetes API server?");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		calls,
		secrets_are_not_quoted,
		warnings,
		too_many_requests_is_repeated,
		a_server_that_never_answers,
		only_what_is_named_is_made_again,
		a_restart_is_waited_for,
		impersonation,
		a_token_file_is_read_again,
		a_plugin_is_asked,
		a_grant_is_kept_until_it_ends,
		a_grant_is_of_its_environment_and_plugin,
		without_an_end_it_is_kept_by_the_process,
		a_plugin_that_hangs,
		a_plugin_that_leaves_something_behind,
		a_plugin_that_is_not_there,
		many_threads_ask_one_plugin,
		a_jwt_tells_its_end,
		oidc_as_long_as_it_lasts,
		oidc_is_refreshed,
		oidc_fails,
		tls_with_a_client_certificate,
		tls_as_pem_text,
		tls_goes_without_only_when_told,
		tls_by_another_name,
		through_a_proxy,
		a_tunnel_gets_its_headers_and_no_token,
		the_environments_proxy_is_not_for_this_machine,
		a_stream,
		a_stream_that_is_ended,
		a_slow_reader,
		a_stream_ends_at_its_deadline,
		text_has_a_cap,
		calls_can_be_made_to_fail,
		another_cluster_is_not_written_to,
		another_cluster_is_not_connected_to,
		paths_are_escaped,
		kinds_are_asked_for_once,
		kinds_are_forgotten,
		a_kind_that_has_gone,
		a_kind_that_is_another_now,
		kinds_without_a_cache,
		a_group_that_is_down,
		kinds_of_an_old_server,
	};
	Suite *s = suite_create("cluster");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("cluster");
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	for (size_t i = 0; i < COUNT(tests); i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, faults_have_all_the_server_says, 0, COUNT(faults));
	tcase_add_loop_test(t, plugins_fail, 0, COUNT(plugins));
	tcase_add_loop_test(t, plugins_are_checked_at_once, 0, COUNT(execs));
	tcase_add_loop_test(t, tls_is_verified, 0, COUNT(tls));
	tcase_add_loop_test(t, kinds_are_found, 0, COUNT(finds));
	tcase_add_loop_test(t, kinds_that_make_no_sense, 0, COUNT(rubbish));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
