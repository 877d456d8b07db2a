/* What the plan of a typed resource asks of the server, and what it makes of the answer. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faulty.h"
#include "kubernetes/clusters.h"
#include "kubernetes/subject.h"
#include "kubernetes/typed.h"
#include "protocol/value.h"
#include "sandbox.h"
#include "text.h"
#include "unit.h"

extern const struct tf_worker typed_worker;

/* ---- a server that says what the test wants ---- */

#define RESOURCE(names, kind)                                             \
	"{'resource':'" names "','responseKind':{'kind':'" kind           \
	"'},'scope':'Namespaced','singularResource':'x','verbs':['get']," \
	"'subresources':[]}"
#define CORE                                                                \
	"{'kind':'APIGroupDiscoveryList','items':[{'metadata':{'name':''}," \
	"'versions':[{'version':'v1','resources':[" RESOURCE("configmaps", "ConfigMap") "]}]}]}"
#define GROUPS                                                                               \
	"{'kind':'APIGroupDiscoveryList','items':[{'metadata':{'name':'networking.k8s.io'}," \
	"'versions':[{'version':'v1','resources':[" RESOURCE("networkpolicies",              \
							     "NetworkPolicy") "]}]}]}"

static struct faulty *server;
static char *bodies[8]; /* of its steps */

static char *json_of(const char *s)
{
	AUTO_JSON v = unit_json(s);

	return xasprintf("%s\n", json_object_to_json_string(v));
}

static void configure(int port)
{
	AUTO_JSON block = json_object_new_object();
	AUTO_STR host = xasprintf("http://127.0.0.1:%d", port);

	sandbox_enter();
	json_sets(block, "host", host);
	clusters_backend.renew();
	unit_ok(clusters_backend.configure(block));
}

struct said {
	int status; /* 0: 200 */
	const char *body;
};

/* Answers to what comes after the kinds. */
static void start(const struct said *said, size_t n)
{
	static const char type[] = "Content-Type: application/json\r\n";
	struct faulty_step steps[COUNT(bodies)] = { { .target = "/api" }, { .target = "/apis" } };

	ck_assert_uint_le(n + 2, COUNT(steps));
	bodies[0] = json_of(CORE);
	bodies[1] = json_of(GROUPS);
	for (size_t i = 0; i < n; i++) {
		bodies[i + 2] = json_of(said[i].body);
		steps[i + 2].status = said[i].status;
	}
	for (size_t i = 0; i < n + 2; i++) {
		steps[i].headers = type;
		steps[i].body = bodies[i];
	}
	server = faulty_start(&(struct faulty_options){ .steps = steps, .n = n + 2 });
	ck_assert_ptr_nonnull(server);
	configure(faulty_port(server));
}
#define START(...)                                           \
	do {                                                 \
		const struct said said_[] = { __VA_ARGS__ }; \
		start(said_, COUNT(said_));                  \
	} while (0)

static void stop(void)
{
	clusters_backend.end();
	if (server)
		faulty_stop(TAKE(server));
	for (size_t i = 0; i < COUNT(bodies); i++)
		free(TAKE(bodies[i]));
	sandbox_leave();
}

/* Requests for anything but kinds, a line each. */
static void check_asked(const char *const *words, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < faulty_count(server); i++) {
		const struct faulty_request *r = faulty_seen(server, i);
		AUTO_STR line = xasprintf("%s %s", r->method, r->target);

		if (strcmp(r->target, "/api") == 0 || strcmp(r->target, "/apis") == 0)
			continue;
		ck_assert_msg(found < n && strcmp(line, words[found]) == 0, "%zu: %s", found, line);
		found++;
	}
	ck_assert_uint_eq(found, n);
}
#define ASKED(...)                                            \
	do {                                                  \
		const char *const asked_[] = { __VA_ARGS__ }; \
		check_asked(asked_, COUNT(asked_));           \
	} while (0)

/* ---- the plan ---- */

static const struct typed_kind *typed_named(const char *name)
{
	size_t i = 0;

	while (strcmp(typed_kinds[i]->name, name) != 0)
		i++;
	return typed_kind(typed_kinds[i]);
}

static const struct typed_kind *config_map(void)
{
	return typed_named("config_map_v1");
}

#define PATCH "PATCH /api/v1/namespaces/n/configmaps/m?fieldManager=treenail&fieldValidation=Strict"
#define MAP(more)                                                                       \
	"{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'m','namespace':'n'," \
	"'uid':'u'" more "}}"
#define STATUS(code, reason, message)                                                   \
	{                                                                               \
		code, "{'kind':'Status','reason':'" reason "','message':'" message "'}" \
	}
#define CONFIG(more) "{'metadata':[{'name':'m','namespace':'n'}]" more "}"

struct planned {
	struct err *e;
	struct json_object *warnings;
};

/* What the state has after `config` was applied. */
static struct json_object *state_of(const char *config)
{
	AUTO_JSON values = unit_json(config);
	AUTO_JSON object = unit_json(MAP(",'resourceVersion':'7'"));
	AUTO_JSON planned = NULL;

	unit_ok(typed_plan(config_map(), values, NULL, NULL, &planned, NULL));
	return typed_made(config_map(), planned, object);
}

/* applied: the configuration of the run before; NULL: there was none. */
static struct planned plan(const char *config, const char *applied)
{
	static const struct tf_calls none = { 0 };
	AUTO_JSON values = unit_json(config);
	AUTO_JSON before = applied ? state_of(applied) : NULL;
	AUTO_JSON replace = json_object_new_array();
	struct outcome out = { 0 };
	struct op op = { .out = &out };
	struct tf_op t = { .kind = &config_map()->tf,
			   .calls = &none,
			   .op = &op,
			   .config = values,
			   .prior = before,
			   .replace = replace };
	struct err *e = typed_worker.plan(&t);

	json_object_put(t.planned);
	return (struct planned){ e, out.warnings };
}

/* words: of the error, or of the warning; NULL: there is none. */
static void check_plan(const char *config, const char *applied, const char *error,
		       const char *warning)
{
	struct planned p = plan(config, applied);
	AUTO_JSON warnings = p.warnings;
	AUTO_ERR e = p.e;

	ck_assert_msg(!e == !error && (!e || strstr(e->text, error)), "%s",
		      e ? e->text : "no error");
	ck_assert_msg(json_len(warnings) == (warning ? 1 : 0) &&
			      (!warning ||
			       strstr(json_object_get_string(json_nth(warnings, 0)), warning)),
		      "%s", json_object_to_json_string(warnings));
}

START_TEST(creation)
{
	START({ 201, MAP("") });
	check_plan(CONFIG(",'data':{'a':'b'}"), NULL, NULL, NULL);
	ASKED(PATCH "&force=true&dryRun=All");
	stop();
}
END_TEST

START_TEST(refusal)
{
	struct planned p;

	START(STATUS(422, "Invalid", "ConfigMap \\'m\\' is invalid: data[a b]: Invalid value: no"),
	      STATUS(404, "NotFound", "configmaps m not found"));
	p = plan(CONFIG(",'data':{'a b':'c'}"), NULL);
	AUTO_JSON warnings = p.warnings;
	AUTO_ERR e = p.e;
	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_nonnull(strstr(e->text, "data[a b]: Invalid value: no"));
	ck_assert_str_eq(e->at, "data");
	ASKED(PATCH "&force=true&dryRun=All", "GET /api/v1/namespaces/n/configmaps/m");
	stop();
}
END_TEST

START_TEST(there_already)
{
	START({ 200, MAP(",'resourceVersion':'7'") });
	check_plan(CONFIG(""), NULL, NULL, "import it with the ID 'n/m'");
	ASKED(PATCH "&force=true&dryRun=All");
	stop();
	/* The server thinks of what is there, which may be removed first. */
	START(STATUS(422, "Invalid", "ConfigMap m is invalid: x: Forbidden: updates are forbidden"),
	      { 200, MAP(",'resourceVersion':'7'") });
	check_plan(CONFIG(""), NULL, NULL, "import it with the ID 'n/m'");
	stop();
}
END_TEST

/* The ID says which cluster it is in, as import() wants it. */
START_TEST(there_in_another_cluster)
{
	AUTO_STR block = NULL;
	AUTO_JSON config = NULL;

	START({ 200, MAP(",'resourceVersion':'7'") });
	block = xasprintf("{'clusters':{'east':{'host':'http://127.0.0.1:%d'}}}",
			  faulty_port(server));
	config = unit_json(block);
	clusters_backend.renew();
	unit_ok(clusters_backend.configure(config));
	check_plan(CONFIG(",'cluster':'east'"), NULL, NULL,
		   "import it with the ID 'cluster:east/n/m'");
	stop();
}
END_TEST

/* It is going to be replaced. */
START_TEST(there_and_ours)
{
	struct subject s = { .ns = "n", .name = "m" };
	char *why = NULL;

	START({ 200, MAP(",'resourceVersion':'7'") });
	unit_ok(clusters_get(NULL, &s.c, &why));
	unit_ok(kind_find(s.c, "v1", "ConfigMap", &s.kind));
	subject_seen(&s);
	check_plan(CONFIG(""), NULL, NULL, NULL);
	check_asked(NULL, 0);
	stop();
}
END_TEST

START_TEST(update)
{
	static const char applied[] = CONFIG(",'data':{'a':'b'}");

	START({ 200, MAP(",'resourceVersion':'7'") });
	check_plan(applied, applied, NULL, NULL);
	check_asked(NULL, 0);
	check_plan(CONFIG(",'data':{'a':'c'}"), applied, NULL, NULL);
	ASKED(PATCH "&dryRun=All");
	stop();
}
END_TEST

/* Terraform plans once more what it is about to apply. */
START_TEST(while_applying)
{
	START({ 201, MAP("") });
	journal_hand_on(false);
	check_plan(CONFIG(""), NULL, NULL, NULL);
	check_asked(NULL, 0);
	journal_end(true);
	check_plan(CONFIG(""), NULL, NULL, NULL);
	ASKED(PATCH "&force=true&dryRun=All");
	stop();
}
END_TEST

START_TEST(owners)
{
	static const char applied[] = CONFIG(",'data':{'a':'b'}");

	START(STATUS(409, "Conflict",
		     "Apply failed with 1 conflict: conflict with them using v1: .data.a"),
	      { 200, MAP(",'resourceVersion':'7'") });
	check_plan(CONFIG(",'data':{'a':'c'}"), applied, NULL,
		   "ConfigMap n/m: applying takes fields over from other managers: conflict with "
		   "them using v1: .data.a");
	ASKED(PATCH "&dryRun=All", PATCH "&force=true&dryRun=All");
	stop();
}
END_TEST

START_TEST(not_to_be_asked)
{
	START(STATUS(404, "NotFound", "namespaces \\'n\\' not found"));
	check_plan(CONFIG(""), NULL, NULL, NULL);
	stop();
	START(STATUS(403, "Forbidden", "User x cannot patch resource configmaps"));
	check_plan(CONFIG(""), NULL, NULL, "ConfigMap n/m was not tried on the server");
	stop();
	START(STATUS(403, "Forbidden", "denied by policy"));
	check_plan(CONFIG(""), NULL, "denied by policy", NULL);
	stop();
}
END_TEST

/* This run may remove what uses the quota, or start what serves the webhook. */
START_TEST(may_be_otherwise_by_then)
{
	START(STATUS(403, "Forbidden",
		     "configmaps m is forbidden: exceeded quota: q, requested: 1"));
	check_plan(CONFIG(""), NULL, NULL, "exceeded quota: q, requested: 1; unless this run");
	stop();
	START(STATUS(400, "BadRequest", "failed calling webhook w: connection refused"));
	check_plan(CONFIG(""), NULL, NULL, "failed calling webhook w: connection refused; unless");
	stop();
}
END_TEST

START_TEST(nobody_there)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Ours, so that nobody else's server gets it, and nobody listens. */
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	configure(ntohs(at.sin_port));
	check_plan(CONFIG(""), NULL, NULL, "ConfigMap n/m was not tried on the server");
	stop();
	(void)close(fd);
}
END_TEST

/* ---- the work ---- */

#define POLICY_PATH "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies/m"
#define POLICY(fields, spec)                                                                  \
	"{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy','metadata':{'name':'m'," \
	"'namespace':'n','uid':'u','resourceVersion':'7','managedFields':[{'manager':"        \
	"'treenail','operation':'Apply','apiVersion':'networking.k8s.io/v1','fieldsType':"    \
	"'FieldsV1','fieldsV1':{'f:spec':{" fields "'f:policyTypes':{}}}}]},"                 \
	"'spec':{" spec "'policyTypes':['Ingress']}}"

#define POLICY_WITHOUT POLICY("'f:podSelector':{},", "")
#define POLICY_WITH    POLICY("'f:podSelector':{},", "'podSelector':{},")
#define POLICY_GET     "GET " POLICY_PATH
#define POLICY_PATCH   "PATCH " POLICY_PATH "?fieldManager=treenail&fieldValidation=Strict&force=true"

/* An update to a selector without labels, from the one in `was`. */
static struct err *empty_selector(const char *was, struct json_object **state)
{
	AUTO_JSON config =
		unit_json("{'metadata':[{'name':'m','namespace':'n','labels':{'x':'y'}}],"
			  "'spec':[{'policy_types':['Ingress'],'pod_selector':[{}]}]}");
	AUTO_STR before = xasprintf("{'id':'n/m','metadata':[{'name':'m','namespace':'n'}],"
				    "'spec':[{'policy_types':['Ingress'],'pod_selector':[%s]}]}",
				    was);
	AUTO_JSON prior = unit_json(before);
	AUTO_JSON planned = NULL;
	struct typed_op op = { .kind = typed_named("network_policy_v1"),
			       .config = config,
			       .prior = prior,
			       .deadline_ms = 5000 };
	char *why = NULL;
	struct err *e;

	unit_ok(typed_plan(op.kind, config, NULL, NULL, &planned, NULL));
	op.planned = planned;
	unit_ok(clusters_get(NULL, &op.cluster, &why));
	e = typed_apply(&op);
	json_object_put(op.given);
	*state = op.state;
	return e;
}

/* The server drops an empty map where there was a full one, until it is sent once more. */
START_TEST(empty_maps)
{
	static const char before[] = POLICY("'f:podSelector':{'f:matchLabels':{'f:a':{}}},",
					    "'podSelector':{'matchLabels':{'a':'b'}},");
	AUTO_JSON state = NULL;

	START({ 200, before }, { 200, POLICY_WITHOUT }, { 200, POLICY_WITH });
	unit_ok(empty_selector("{'match_labels':{'a':'b'}}", &state));
	ASKED(POLICY_GET, POLICY_PATCH, POLICY_PATCH);
	ck_assert_ptr_nonnull(state);
	stop();
}
END_TEST

/* What the server never keeps is not sent twice by each update. */
START_TEST(empty_as_before)
{
	AUTO_JSON state = NULL;

	START({ 200, POLICY_WITHOUT }, { 200, POLICY_WITHOUT });
	unit_ok(empty_selector("{}", &state));
	ASKED(POLICY_GET, POLICY_PATCH);
	stop();
}
END_TEST

/* The update is done, whatever became of what was sent after it. */
START_TEST(empty_and_refused)
{
	static const char before[] = POLICY("'f:podSelector':{'f:matchLabels':{'f:a':{}}},",
					    "'podSelector':{'matchLabels':{'a':'b'}},");
	AUTO_JSON state = NULL;
	struct err *e;

	START({ 200, before }, { 200, POLICY_WITHOUT }, STATUS(403, "Forbidden", "no more"));
	e = empty_selector("{'match_labels':{'a':'b'}}", &state);
	ck_assert_ptr_nonnull(e);
	err_free(e);
	ck_assert_ptr_nonnull(state);
	stop();
}
END_TEST

UNIT_MAIN("typed_work", creation, refusal, there_already, there_in_another_cluster, there_and_ours,
	  update, while_applying, owners, not_to_be_asked, may_be_otherwise_by_then, nobody_there,
	  empty_maps, empty_as_before, empty_and_refused)
