/* Parts of the Kubernetes provider that need no server. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "faulty.h"
#include "kubernetes/clusters.h"
#include "kubernetes/manifest.h"
#include "kubernetes/subject.h"
#include "protocol/value.h"
#include "sandbox.h"
#include "unit.h"
#include "yaml.h"

static void fine(struct err *e)
{
	ck_assert_msg(!e, "%s", e ? e->text : "");
}

static void says(struct err *e, const char *words)
{
	ck_assert_ptr_nonnull(e);
	ck_assert_msg(strstr(e->text, words) != NULL, "%s", e->text);
	err_free(e);
}

/* ---- YAML ---- */

static const char *const values[] = {
	"{\"a\":\"yes\",\"b\":\"1\",\"c\":1,\"d\":1.5,\"e\":true,\"f\":null,\"g\":\"\",\"h\":\"~\",\"i\":\"null\"}",
	"{\"a\":[],\"b\":{},\"c\":[[],[1,[2,3]],{\"x\":[{\"y\":\"z\"},4]}],\"d\":{\"e\":{\"f\":[null]}}}",
	"{\"text\":\"two\\nlines\\n\",\"colon\":\"a: b\",\"hash\":\"a #b\",\"dash\":\"- a\",\"quote\":\"'\\\"\",\"tab\":\"a\\tb\"}",
	"{\"1\":\"number as key\",\"yes\":\"truth as key\",\"a b\":\"\\u00e4\\u20ac\",\"0x10\":\"0o17\",\"12:30\":\"2020-01-01\"}",
	"{\"ends \":\" begins\",\"{\":\"}\",\"*\":\"&\",\"!x\":\"%y\",\"@\":\"`\",\"|\":\">\",\"?\":\"!!str\",\"=\":\"<<\"}",
	"{\"del\":\"a\\u007fb\",\"c1\":\"a\\u0085b\\u009f\",\"lines\":\"a\\u2028b\\u2029\",\"bom\":\"\\ufeffa\",\"none\":\"\\uffff\"}",
	"{\"y\":\"n\",\"Off\":\"NO\",\"a\":\"web:1\",\"b\":\"(x, y)\",\"c\":\"a:\",\"d\":\"a: b\",\"e\":\"a b \",\"f\":\"https://x:1/y\"}",
	"[{\"a\":1},{\"b\":[1,2]}]",
	"\"only text\"",
};

static void read_back(const char *value)
{
	AUTO_JSON want = NULL;
	AUTO_JSON have = NULL;
	AUTO_BUF text = BUF_INIT;

	fine(json_parse(value, strlen(value), &want));
	yaml_write(want, &text);
	fine(yaml_parse(text.s, text.len, text.s, &have));
	ck_assert_msg(value_equal(want, have), "%s", text.s);
}

START_TEST(test_yaml_is_read_back)
{
	for (size_t i = 0; i < COUNT(values); i++)
		read_back(values[i]);
}
END_TEST

/* What readers of YAML 1.2, or of Go, may take for something else stands in quotes; what none does is bare. */
START_TEST(test_yaml_of_others)
{
	AUTO_JSON v =
		unit_json("{'octal':'0o17','y':'On','text':'two words','image':'web:1',"
			  "'time':'12:30:45','date':'2020-01-01','list':[{'a':'b','c':['d']}]}");
	AUTO_BUF text = BUF_INIT;

	yaml_write(v, &text);
	ck_assert_str_eq(text.s, "octal: \"0o17\"\n\"y\": \"On\"\ntext: two words\nimage: web:1\n"
				 "time: \"12:30:45\"\ndate: \"2020-01-01\"\nlist:\n- a: b\n  c:\n"
				 "  - d\n");
}
END_TEST

/* ---- paths ---- */

static const struct {
	const char *path, *steps;
} paths[] = {
	{ "metadata.labels", "metadata|labels" },
	{ "spec.containers[0].env", "spec|containers|0|env" },
	{ "metadata.annotations[\"a.b/c\"]", "metadata|annotations|a.b/c" },
	{ "a['b]'].c", "a|b]|c" },
	{ ".a..b", "a|b" },
	{ "a[", "a|" },
	{ "a[\"b", "a|b" },
	{ "", "" },
};

static void take_steps(const char *s, const char *steps)
{
	AUTO_BUF all = BUF_INIT;
	bool first = true;

	for (char *step = path_step(&s); step; step = path_step(&s)) {
		buf_addf(&all, "%s%s", first ? "" : "|", step);
		first = false;
		free(step);
	}
	ck_assert_str_eq(all.s, steps);
}

START_TEST(test_path)
{
	for (size_t i = 0; i < COUNT(paths); i++)
		take_steps(paths[i].path, paths[i].steps);
}
END_TEST

/* ---- objects ---- */

START_TEST(test_told)
{
	AUTO_JSON secret =
		unit_json("{'apiVersion':'v1','kind':'Secret','data':{'a':'d29yZA=='},"
			  "'metadata':{'name':'s','namespace':'n','uid':'u',"
			  "'resourceVersion':'1','managedFields':[],'annotations':{"
			  "'kubectl.kubernetes.io/last-applied-configuration':'plain-word'}},"
			  "'status':{}}");
	AUTO_JSON other = json_copy(secret);
	AUTO_JSON told = object_told(secret);
	AUTO_JSON bare = object_bare(secret);

	ck_assert_ptr_null(json_at(told, "status"));
	ck_assert_ptr_null(json_at(told, "metadata.resourceVersion"));
	ck_assert_ptr_null(json_at(told, "metadata.managedFields"));
	ck_assert_str_eq(json_str(told, "metadata.uid"), "u");
	ck_assert_int_eq(strncmp(json_str(told, "data.a"), "sha256:", 7), 0);
	ck_assert_str_eq(json_str(bare, "data.a"), "d29yZA==");
	ck_assert_ptr_null(strstr(json_object_to_json_string(told), "plain-word"));
	/* Drift shows; the same in another Secret is no hint. */
	json_sets(json_at(other, "data"), "a", "eA==");
	AUTO_JSON changed = object_told(other);
	ck_assert_str_ne(json_str(told, "data.a"), json_str(changed, "data.a"));
	json_sets(json_at(other, "data"), "a", "d29yZA==");
	json_sets(json_at(other, "metadata"), "name", "t");
	AUTO_JSON elsewhere = object_told(other);
	ck_assert_str_ne(json_str(told, "data.a"), json_str(elsewhere, "data.a"));
}
END_TEST

START_TEST(test_same_object)
{
	AUTO_JSON a = unit_json("{'apiVersion':'apps/v1','kind':'D','metadata':{'name':'n'}}");
	AUTO_JSON b = unit_json("{'apiVersion':'apps/v2','kind':'D',"
				"'metadata':{'name':'n','namespace':'default'}}");

	ck_assert(same_object(a, b));
	json_sets(b, "apiVersion", "appsx/v1");
	ck_assert(!same_object(a, b));
	json_sets(b, "apiVersion", "v1");
	ck_assert(!same_object(a, b));
	json_sets(b, "apiVersion", "apps/v1");
	json_sets(json_at(b, "metadata"), "namespace", "x");
	ck_assert(!same_object(a, b));
}
END_TEST

static const struct {
	int status;
	const char *text;
	bool immutable;
} refusals[] = {
	{ 422, "spec.selector: Invalid value: field is immutable", true },
	{ 422, "spec: Forbidden: updates to statefulset spec for fields other than 'replicas'",
	  true },
	{ 422, "spec.replicas: Invalid value: -1", false },
	{ 403, "admission webhook \"a.b\" denied the request: field is immutable", false },
	{ 422, "admission webhook \"a.b\" denied the request: field is immutable", false },
	{ 422, "ValidatingAdmissionPolicy 'a' with binding 'b' denied request: may not be changed",
	  false },
	{ 0, "field is immutable", false },
};

/* What is called immutable is deleted and made anew. */
START_TEST(test_immutable)
{
	for (size_t i = 0; i < COUNT(refusals); i++) {
		AUTO_ERR e = err_new(ERR_REMOTE, "%s", refusals[i].text);

		e->status = refusals[i].status;
		ck_assert_msg(is_immutable(e) == refusals[i].immutable, "%d %s", e->status,
			      e->text);
	}
}
END_TEST

START_TEST(test_plain)
{
	struct json_object *typed = value_dynamic(unit_json("['object',{'a':'dynamic'}]"),
						  unit_json("{'a':null,'b':[1,null,{'c':null}]}"));
	AUTO_JSON plain = plain_object(typed);
	AUTO_JSON want = unit_json("{'b':[1,{}]}");

	ck_assert(value_equal(plain, want));
	json_object_put(typed);
}
END_TEST

/* ---- clusters ---- */

static struct err *get(const char *name, struct cluster **ret, char **why)
{
	*why = NULL;
	return clusters_get(name, ret, why);
}

static void configure(struct json_object *block)
{
	clusters_backend.renew();
	fine(clusters_backend.configure(block));
}

START_TEST(test_unknown_cluster)
{
	AUTO_JSON block = json_object_new_object();
	struct json_object *clusters = json_object_new_object();
	struct cluster *c = NULL;
	char *why;

	json_set(block, "host", value_unknown());
	json_set(clusters, "east", json_wrap("token", value_unknown()));
	json_set(clusters, "west", unit_json("{'host':'127.0.0.1:1'}"));
	json_set(clusters, "wrong", unit_json("{'hots':'127.0.0.1:1'}"));
	json_set(block, "clusters", clusters);
	configure(block);
	fine(get(NULL, &c, &why));
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(why, "host"));
	free(why);
	fine(get("east", &c, &why));
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(why, "token"));
	free(why);
	fine(get("west", &c, &why));
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(cluster_server(c), "https://127.0.0.1:1");
	says(get("wrong", &c, &why), "hots");
	says(clusters_want("east", &c), "(token); if it is this run that makes it");
	says(clusters_want(NULL, &c), "depends_on = [what makes the cluster]");
}
END_TEST

START_TEST(test_no_cluster)
{
	AUTO_JSON block = json_object_new_object();
	struct cluster *c = NULL;
	char *why;

	configure(block);
	says(get(NULL, &c, &why), "names no cluster");
	says(get("nowhere", &c, &why), "nowhere");
	json_sets(block, "config_path", "/nowhere/kubeconfig");
	configure(block);
	fine(get(NULL, &c, &why));
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(strstr(why, "/nowhere/kubeconfig"));
	free(why);
	clusters_backend.end();
}
END_TEST

/* It may be this run that makes it, but not where the state has what is there. */
START_TEST(test_no_file)
{
	AUTO_JSON block = unit_json("{'config_path':'/nowhere/kubeconfig','clusters':"
				    "{'other':{'config_path':'/nowhere/else'}}}");
	AUTO_JSON prior = unit_json("{'cluster':'other'}");
	struct outcome out = { 0 };
	struct op op = { .out = &out };
	struct tf_op t = { .op = &op };
	struct cluster *c = NULL;

	configure(block);
	fine(clusters_ask(&t, NULL, &c));
	ck_assert_ptr_null(c);
	ck_assert_ptr_nonnull(
		strstr(json_object_to_json_string_ext(out.warnings, JSON_C_TO_STRING_NOSLASHESCAPE),
		       "/nowhere/kubeconfig"));
	t.prior = prior;
	says(clusters_ask(&t, "other", &c), "/nowhere/else");
	fine(clusters_ask(&t, NULL, &c)); /* it moves */
	json_object_put(out.warnings);
	json_set(block, "config_path", value_unknown());
	configure(block);
	t.prior = json_object_new_object();
	out.warnings = NULL;
	fine(clusters_ask(&t, NULL, &c));
	ck_assert_ptr_null(c);
	ck_assert_ptr_null(out.warnings);
	json_object_put(t.prior);
	clusters_backend.end();
}
END_TEST

static const char two_contexts[] =
	"{clusters: [{name: one, cluster: {server: 'https://127.0.0.1:1'}},"
	" {name: two, cluster: {server: 'https://127.0.0.1:2'}}],"
	" users: [{name: first, user: {token: token-of-first}}, {name: second, user: {token: token-of-second}}],"
	" contexts: [{name: one, context: {cluster: one, user: first}},"
	" {name: two, context: {cluster: two, user: second}}]}";

static bool knows_secret(struct cluster *c, const char *secret)
{
	const char *const *s = cluster_secrets(c);

	while (*s && strcmp(*s, secret) != 0)
		s++;
	return *s;
}

/* What the block says of its own cluster is nothing of another one. */
START_TEST(test_context_by_name)
{
	char file[] = "/tmp/t_manifest.XXXXXX";
	const int fd = mkstemp(file);
	AUTO_JSON block = unit_json(
		"{'host':'https://127.0.0.1:3','token':'token-of-block','config_context':'one',"
		"'config_context_cluster':'one','config_context_auth_info':'first',"
		"'proxy_url':'http://127.0.0.1:4','expect_cluster_uid':'x'}");
	struct cluster *c = NULL;
	char *why;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, two_contexts, strlen(two_contexts)),
			 (ssize_t)strlen(two_contexts));
	(void)close(fd);
	json_sets(block, "config_path", file);
	configure(block);
	fine(get("two", &c, &why));
	ck_assert_str_eq(cluster_server(c), "https://127.0.0.1:2");
	ck_assert(knows_secret(c, "token-of-second"));
	ck_assert(!knows_secret(c, "token-of-block"));
	/* Nor does it matter that it is not known. */
	json_set(block, "token", value_unknown());
	configure(block);
	fine(get("two", &c, &why));
	ck_assert_ptr_nonnull(c);
	(void)unlink(file);
	clusters_backend.end();
}
END_TEST

/* ---- texts ---- */

static const struct {
	const char *object, *text;
} bare[] = {
	{ "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'labels':{'a':1,'b':'x'}},"
	  "'data':{'port':8080,'ratio':1.5,'on':true,'none':null}}",
	  "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'labels':{'a':'1','b':'x'}},"
	  "'data':{'port':'8080','ratio':'1.5','on':'true','none':null}}" },
	{ "{'apiVersion':'v1','kind':'Secret','stringData':{'a':1},'data':{'b':false}}",
	  "{'apiVersion':'v1','kind':'Secret','stringData':{'a':'1'},'data':{'b':'false'}}" },
	{ "{'apiVersion':'apps/v1','kind':'Deployment','spec':{'replicas':2,'selector':{"
	  "'matchLabels':{'v':1},'matchExpressions':[{'key':'k','values':[1,'a']}]},"
	  "'template':{'metadata':{'annotations':{'n':true}},'spec':{'nodeSelector':{'gpu':true},"
	  "'hostNetwork':true,'containers':[{'args':['--port',80],'ports':[{'containerPort':80}],"
	  "'env':[{'name':'P','value':80}],'resources':{'limits':{'cpu':1}}}]}}}}",
	  "{'apiVersion':'apps/v1','kind':'Deployment','spec':{'replicas':2,'selector':{"
	  "'matchLabels':{'v':'1'},'matchExpressions':[{'key':'k','values':['1','a']}]},"
	  "'template':{'metadata':{'annotations':{'n':'true'}},'spec':{'nodeSelector':{'gpu':'true'},"
	  "'hostNetwork':true,'containers':[{'args':['--port','80'],'ports':[{'containerPort':80}],"
	  "'env':[{'name':'P','value':'80'}],'resources':{'limits':{'cpu':1}}}]}}}}" },
	/* What a CRD has in there is its own affair. */
	{ "{'apiVersion':'example.com/v1','kind':'ConfigMap','metadata':{'annotations':{'a':1}},"
	  "'data':{'a':1},'spec':{'selector':{'a':1},'metadata':{'labels':{'a':1}}}}",
	  "{'apiVersion':'example.com/v1','kind':'ConfigMap','metadata':{'annotations':{'a':'1'}},"
	  "'data':{'a':1},'spec':{'selector':{'a':1},'metadata':{'labels':{'a':1}}}}" },
	{ "{'apiVersion':'apiextensions.k8s.io/v1','kind':'CustomResourceDefinition',"
	  "'metadata':{'labels':{'a':1}},'spec':{'versions':[{'schema':{'openAPIV3Schema':{"
	  "'properties':{'nodeSelector':{'nullable':true,'maxProperties':3},"
	  "'matchLabels':{'x-kubernetes-preserve-unknown-fields':true}}}}}]}}",
	  "{'apiVersion':'apiextensions.k8s.io/v1','kind':'CustomResourceDefinition',"
	  "'metadata':{'labels':{'a':'1'}},'spec':{'versions':[{'schema':{'openAPIV3Schema':{"
	  "'properties':{'nodeSelector':{'nullable':true,'maxProperties':3},"
	  "'matchLabels':{'x-kubernetes-preserve-unknown-fields':true}}}}}]}}" },
};

START_TEST(test_numbers_become_texts)
{
	for (size_t i = 0; i < COUNT(bare); i++) {
		AUTO_JSON object = unit_json(bare[i].object);

		object_to_text(object);
		unit_same(object, bare[i].text);
	}
}
END_TEST

START_TEST(test_generated_names)
{
	static const char long_stem[] =
		"a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-a23456789-";
	AUTO_STR one = name_generate("web-");
	AUTO_STR two = name_generate("web-");
	AUTO_STR cut = name_generate(long_stem);
	AUTO_JSON x = unit_json(
		"{'apiVersion':'v1','kind':'ConfigMap','metadata':{'generateName':'web-'}}");
	AUTO_JSON y = json_copy(x);

	ck_assert_int_eq(strncmp(one, "web-", 4), 0);
	ck_assert_uint_eq(strlen(one), 9);
	ck_assert_str_ne(one, two);
	ck_assert_uint_eq(strlen(cut), 63);
	ck_assert_int_eq(strncmp(cut, long_stem, 58), 0);
	ck_assert(same_object(x, y));
	json_sets(json_at(y, "metadata"), "generateName", "other-");
	ck_assert(!same_object(x, y));
}
END_TEST

/* ---- against a server that says what the test wants ---- */

static struct faulty *server;
static char *bodies[16]; /* of steps */
static size_t n_bodies;

#define KINDS_CORE                                                                          \
	"{'kind':'APIGroupDiscoveryList','items':[{'metadata':{'name':''},'versions':[{"    \
	"'version':'v1','resources':[{'resource':'configmaps','responseKind':{'kind':"      \
	"'ConfigMap'},'scope':'Namespaced','singularResource':'configmap','verbs':['get']," \
	"'subresources':[]}]}]}]}"
#define KINDS_GROUPS                                                                          \
	"{'kind':'APIGroupDiscoveryList','items':[{'metadata':{'name':'apps'},'versions':[{"  \
	"'version':'v1','resources':[{'resource':'deployments','responseKind':{'kind':"       \
	"'Deployment'},'scope':'Namespaced','singularResource':'deployment','verbs':['get']," \
	"'subresources':[]}]}]}]}"
#define JSON "Content-Type: application/json\r\n"

static const char *body_of(const char *s)
{
	AUTO_JSON v = unit_json(s);

	ck_assert_uint_lt(n_bodies, COUNT(bodies));
	bodies[n_bodies] = xasprintf("%s\n", json_object_to_json_string(v));
	return bodies[n_bodies++];
}

#define ANSWER(path, said)                                               \
	{                                                                \
		.headers = JSON, .body = body_of(said), .target = (path) \
	}

static void serve(const struct faulty_step *steps, size_t n)
{
	AUTO_JSON block = json_object_new_object();

	server = faulty_start(&(struct faulty_options){ .steps = steps, .n = n });
	ck_assert_ptr_nonnull(server);
	AUTO_STR host = xasprintf("http://127.0.0.1:%d", faulty_port(server));
	json_sets(block, "host", host);
	configure(block);
}
#define SERVE(...)                                                                         \
	const struct faulty_step steps[] = { ANSWER("/api", KINDS_CORE),                   \
					     ANSWER("/apis", KINDS_GROUPS), __VA_ARGS__ }; \
	serve(steps, COUNT(steps))

static void stop(void)
{
	clusters_backend.end();
	faulty_stop(TAKE(server));
	while (n_bodies)
		free(bodies[--n_bodies]);
}

/* Requests for anything but kinds. */
static size_t asked(char **ret_all)
{
	AUTO_BUF all = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < faulty_count(server); i++) {
		const struct faulty_request *r = faulty_seen(server, i);

		if (strcmp(r->target, "/api") != 0 && strcmp(r->target, "/apis") != 0) {
			buf_addf(&all, "%s %s\n", r->method, r->target);
			n++;
		}
	}
	*ret_all = buf_take(&all);
	return n;
}

#define MAP_PATH "/api/v1/namespaces/n/configmaps/m"
#define MAP(more)                                                                       \
	"{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'m','namespace':'n'," \
	"'uid':'u','resourceVersion':'7'" more "}}"

static void removed(const char *answer, size_t requests, const char *words)
{
	AUTO_JSON want = unit_json(
		"{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'m','namespace':'n'}}");
	AUTO_STR all = NULL;

	sandbox_enter();
	SERVE(ANSWER(MAP_PATH, MAP("")), ANSWER(MAP_PATH, answer),
	      ANSWER(NULL, "{'type':'DELETED','object':" MAP(",'deletionTimestamp':'x'") "}"));
	fine(subject_remove(NULL, want, NULL, 20000, true));
	ck_assert_msg(asked(&all) == requests && strstr(all, words), "%s", all);
	stop();
	sandbox_leave();
}

/* Nothing is asked once more that the answer to the deletion has said. */
START_TEST(test_removal_asks_no_more_than_needed)
{
	removed("{'kind':'Status','status':'Success','details':{'uid':'u'}}", 2, "DELETE");
	removed(MAP(""), 2, "DELETE");
	removed(MAP(",'deletionTimestamp':'x','deletionGracePeriodSeconds':0,'finalizers':['a/b']"),
		3, "watch=true");
	removed(MAP(",'deletionTimestamp':'x','deletionGracePeriodSeconds':30"), 3,
		"resourceVersion=7&fieldSelector=metadata.name%3Dm");
}
END_TEST

/* A plan of a creation. */
static struct err *plan_map(const char *more, struct json_object **ret,
			    struct json_object **warnings)
{
	static const struct tf_calls none = { 0 };
	AUTO_STR manifest =
		xasprintf("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'m',"
			  "'namespace':'n'}%s}",
			  more);
	struct outcome out = { 0 };
	struct op op = { .out = &out };
	struct tf_op t = { .kind = &kubernetes_manifest,
			   .calls = &none,
			   .op = &op,
			   .planned = json_wrap("manifest", unit_json(manifest)),
			   .replace = json_object_new_array() };
	struct err *e = kubernetes_manifest.worker->plan(&t);

	if (warnings)
		*warnings = out.warnings;
	else
		json_object_put(out.warnings);
	json_object_put(t.replace);
	*ret = t.planned;
	return e;
}

/* What is there is refused by the plan, unless the state has it, and this run removes it first. */
START_TEST(test_what_is_there)
{
	AUTO_JSON refused = NULL;
	AUTO_JSON planned = NULL;
	AUTO_JSON want = unit_json(MAP(""));
	struct subject s = SUBJECT_INIT;
	struct cluster *c = NULL;
	char *why;

	sandbox_enter();
	SERVE(ANSWER(MAP_PATH, MAP("")), ANSWER(MAP_PATH, MAP("")), ANSWER(NULL, MAP("")));
	says(plan_map("", &refused, NULL),
	     "`terraform import ADDRESS 'apiVersion=v1,kind=ConfigMap,namespace=n,name=m'`");
	fine(get(NULL, &c, &why));
	fine(subject_open(&s, c, want));
	subject_seen(&s);
	fine(plan_map(",'data':{'a':1}", &planned, NULL));
	ck_assert(value_is_unknown(json_at(planned, "object")));
	ck_assert_ptr_nonnull(
		strstr(faulty_seen(server, faulty_count(server) - 1)->body, "\"a\":\"1\""));
	subject_release(&s);
	stop();
	sandbox_leave();
}
END_TEST

/* This run may remove what uses the quota: it is planned from the configuration, and people are told. */
START_TEST(test_quota_is_used_up)
{
	static const char full[] = "{'kind':'Status','reason':'Forbidden','message':"
				   "'configmaps m is forbidden: exceeded quota: q'}";
	AUTO_JSON planned = NULL;
	AUTO_JSON warnings = NULL;

	sandbox_enter();
	SERVE({ .headers = JSON, .status = 404, .body = "{}\n", .target = MAP_PATH },
	      { .headers = JSON, .status = 403, .body = body_of(full) });
	fine(plan_map("", &planned, &warnings));
	ck_assert(value_is_unknown(json_at(planned, "object")));
	ck_assert_uint_eq(json_len(warnings), 1);
	ck_assert_ptr_nonnull(strstr(json_object_get_string(json_nth(warnings, 0)),
				     "exceeded quota: q; unless this run changes that first"));
	stop();
	sandbox_leave();
}
END_TEST

static struct err *open_kind(struct cluster *c, const char *version, const char *kind)
{
	AUTO_SUBJECT s = SUBJECT_INIT;
	AUTO_JSON want = json_wrap("metadata", json_wrap("name", json_object_new_string("a")));

	json_sets(want, "apiVersion", version);
	json_sets(want, "kind", kind);
	return subject_await(&s, c, want, clock_ms() + 300, true);
}

/* A kind that no CRD can bring is not waited for. */
START_TEST(test_mistaken_kinds)
{
	struct cluster *c = NULL;
	struct err *e;
	char *why;

	sandbox_enter();
	SERVE(ANSWER("/api", KINDS_CORE), ANSWER("/apis", KINDS_GROUPS));
	fine(get(NULL, &c, &why));
	e = open_kind(c, "apps/v1", "Deploymint");
	ck_assert_int_eq(e->kind, ERR_USAGE);
	says(e, "Deployment of apps/v1");
	stop();
	sandbox_leave();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_yaml_is_read_back,
		test_yaml_of_others,
		test_path,
		test_told,
		test_same_object,
		test_plain,
		test_unknown_cluster,
		test_no_cluster,
		test_no_file,
		test_immutable,
		test_context_by_name,
		test_numbers_become_texts,
		test_generated_names,
		test_removal_asks_no_more_than_needed,
		test_mistaken_kinds,
		test_what_is_there,
		test_quota_is_used_up,
	};

	(void)unsetenv("KUBE_CONFIG_PATH");
	(void)unsetenv("KUBE_CONFIG_PATHS");
	(void)unsetenv("KUBE_HOST");
	return unit_run("manifest", tests, COUNT(tests), NULL, NULL);
}
