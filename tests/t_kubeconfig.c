/* Where a cluster and its user come from: options, variables, kubeconfig files, merged. */
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "kubernetes/kubeconfig.h"
#include "sandbox.h"
#include "text.h"
#include "unit.h"

/* One of each: a file as people have it. */
static const char both[] =
	"apiVersion: v1\n"
	"kind: Config\n"
	"clusters:\n"
	"- name: one\n"
	"  cluster: {server: 'https://one:6443/', certificate-authority: pki/ca.pem}\n"
	"- name: two\n"
	"  cluster:\n"
	"    server: https://two/k8s/clusters/c-1\n"
	"    tls-server-name: inner\n"
	"    proxy-url: socks5://proxy:1080\n"
	"    insecure-skip-tls-verify: true\n"
	"users:\n"
	"- name: anna\n"
	"  user: {client-certificate: pki/anna.pem, client-key: /keys/anna.pem}\n"
	"- name: ben\n"
	"  user:\n"
	"    token: canary-token\n"
	"    act-as: carla\n"
	"    act-as-uid: u-1\n"
	"    act-as-groups: [g1, g2]\n"
	"    act-as-user-extra: {scopes: [view]}\n"
	"- name: dora\n"
	"  user: {username: dora, password: canary-pass}\n"
	"contexts:\n"
	"- name: a\n"
	"  context: {cluster: one, user: anna, namespace: team}\n"
	"- name: b\n"
	"  context: {cluster: two, user: ben}\n"
	"- name: nobody\n"
	"  context: {cluster: one}\n"
	"- name: lost\n"
	"  context: {cluster: gone, user: anna}\n"
	"- name: wrong-user\n"
	"  context: {cluster: one, user: annna}\n"
	"- name: empty\n"
	"  context: {}\n"
	"current-context: a\n";

static struct kubeconfig *loaded(const char *options)
{
	AUTO_JSON o = unit_json(options);
	struct kubeconfig *k = NULL;

	unit_ok(kubeconfig_load(o, &k));
	return k;
}

static struct err *failing(const char *options)
{
	AUTO_JSON o = unit_json(options);
	struct kubeconfig *k = NULL;
	struct err *e = kubeconfig_load(o, &k);

	if (!e)
		kubeconfig_free(k);
	return e;
}

/* ---- which file, which context ---- */

START_TEST(a_whole_context)
{
	AUTO_STR ca = xasprintf("%s/conf/pki/ca.pem", sandbox_path());
	AUTO_STR cert = xasprintf("%s/conf/pki/anna.pem", sandbox_path());
	struct kubeconfig *k;

	sandbox_write("conf/k", both);
	sandbox_write(".kube/config", "clusters: []\n");
	AUTO_STR env = xasprintf("KUBECONFIG=%s/conf/k", sandbox_path());
	sandbox_env(env);
	k = loaded("{}");
	ck_assert_str_eq(k->server, "https://one:6443");
	ck_assert_str_eq(k->ca, ca);
	ck_assert_str_eq(k->cert, cert);
	ck_assert_str_eq(k->key, "/keys/anna.pem");
	ck_assert_str_eq(k->ns, "team");
	ck_assert_str_eq(k->user, "user 'anna'");
	ck_assert(strstr(k->title, "context 'a' of /"));
	ck_assert_ptr_null(k->token);
	ck_assert(!k->insecure);
	kubeconfig_free(k);

	k = loaded("{'context':'b'}");
	ck_assert_str_eq(k->server, "https://two/k8s/clusters/c-1");
	ck_assert_str_eq(k->server_name, "inner");
	ck_assert_str_eq(k->proxy, "socks5://proxy:1080");
	ck_assert(k->insecure);
	ck_assert_ptr_null(k->ca);
	ck_assert_ptr_null(k->ns);
	ck_assert_str_eq(k->token, "canary-token");
	ck_assert_str_eq(k->as_user, "carla");
	ck_assert_str_eq(k->as_uid, "u-1");
	unit_same(k->as_groups, "['g1','g2']");
	unit_same(k->as_extra, "{'scopes':['view']}");
	kubeconfig_free(k);

	k = loaded("{'context':'nobody'}");
	ck_assert_ptr_null(k->user);
	ck_assert_ptr_null(k->cert);
	kubeconfig_free(k);
}
END_TEST

START_TEST(where_it_is_looked_for)
{
	struct kubeconfig *k;

	sandbox_write(".kube/config", both);
	sandbox_write("env", "clusters: [{name: c, cluster: {server: 'https://env'}}]\n"
			     "contexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n");
	sandbox_write("auth", "clusters: [{name: c, cluster: {server: 'https://auth'}}]\n"
			      "contexts: [{name: c, context: {cluster: c}}]\ncurrent-context: c\n");
	sandbox_write("option", "{\"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": "
				"\"https://option\"}}],\n\t\"contexts\": [{\"name\": \"c\", "
				"\"context\": {\"cluster\": \"c\"}}], \"current-context\": \"c\"}");
	k = loaded("{}");
	ck_assert_str_eq(k->server, "https://one:6443");
	kubeconfig_free(k);
	sandbox_env("KUBECONFIG=env");
	k = loaded("{'kubeconfig':null,'context':''}");
	ck_assert_str_eq(k->server, "https://env");
	kubeconfig_free(k);
	sandbox_env("K8S_AUTH_KUBECONFIG=auth");
	k = loaded("{}");
	ck_assert_str_eq(k->server, "https://auth");
	kubeconfig_free(k);
	k = loaded("{'kubeconfig':'option'}");
	ck_assert_str_eq(k->server, "https://option");
	kubeconfig_free(k);
	k = loaded("{'kubeconfig':'~/.kube/config'}");
	ck_assert_str_eq(k->server, "https://one:6443");
	kubeconfig_free(k);
}
END_TEST

START_TEST(nothing_is_an_error)
{
	struct err *e = failing("{}");

	ck_assert_int_eq(e->kind, ERR_USAGE);
	ck_assert(strstr(e->text, ".kube/config"));
	ck_assert(strstr(e->text, "in-cluster"));
	err_free(e);
	unit_fails(failing("{'context':'x'}"), ERR_USAGE, "no cluster is named");
	unit_fails(failing("{'context':'in-cluster'}"), ERR_USAGE, "this runs in no pod");
	/* Never by the way. */
	sandbox_env("KUBERNETES_SERVICE_HOST=10.0.0.1");
	sandbox_env("KUBERNETES_SERVICE_PORT=443");
	unit_fails(failing("{}"), ERR_USAGE, "no cluster is named");
	unit_fails(failing("{'kubeconfig':'not/there'}"), ERR_USAGE,
		   "kubeconfig: not/there: there is no such file");
	sandbox_env("KUBECONFIG=x:y");
	unit_fails(failing("{}"), ERR_USAGE, "KUBECONFIG: x:y: there is no such file");
}
END_TEST

START_TEST(merged_as_kubectl_does)
{
	AUTO_JSON merged = NULL;
	struct kubeconfig *k;

	sandbox_write("d1/k", "clusters: [{name: c, cluster: {server: 'https://first'}}]\n"
			      "users: [{name: u, user: {tokenFile: tok}}]\n"
			      "current-context: ''\n");
	sandbox_write("d2/k", "clusters: [{name: c, cluster: {server: 'https://second', "
			      "tls-server-name: no}}, {name: d, cluster: {server: 'https://d'}}]\n"
			      "users: [{name: u, user: {token: x}}]\n"
			      "contexts: [{name: x, context: {cluster: c, user: u}}, "
			      "{name: y, context: {cluster: d}}]\n"
			      "current-context: x\n");
	sandbox_write("d3/k", "current-context: y\n");
	unit_ok(kubeconfig_merge("d1/k::missing:d2/k:d3/k", &merged));
	ck_assert_int_eq(json_object_object_length(json_object_object_get(merged, "clusters")), 2);
	/* Of an entry that the first file has, nothing of the second counts. */
	unit_same(json_at(merged, "clusters.c"),
		  "{'value':{'server':'https://first'},'file':'d1/k'}");
	ck_assert_str_eq(json_str(merged, "current-context.value"), "x");
	k = loaded("{'kubeconfig':'d1/k:missing:d2/k:d3/k'}");
	ck_assert_str_eq(k->server, "https://first");
	ck_assert_ptr_null(k->server_name);
	ck_assert_str_eq(k->token_file, "d1/tok");
	ck_assert_ptr_null(k->token);
	kubeconfig_free(k);
}
END_TEST

/* A large one is kept as it was parsed, as long as it is the same. */
START_TEST(a_large_file)
{
	AUTO_BUF b = BUF_INIT;
	struct kubeconfig *k;

	buf_adds(&b, both);
	while (b.len < 100000)
		buf_adds(&b, "# nothing to be seen here\n");
	sandbox_write("k", b.s);
	for (int i = 0; i < 2; i++) {
		k = loaded("{'kubeconfig':'k','context':'b'}");
		ck_assert_str_eq(k->token, "canary-token");
		kubeconfig_free(k);
	}
	memcpy(strstr(b.s, "canary-token"), "canary-taken", 12);
	sandbox_write("k", b.s);
	k = loaded("{'kubeconfig':'k','context':'b'}");
	ck_assert_str_eq(k->token, "canary-taken");
	kubeconfig_free(k);
	unit_fails(failing("{'kubeconfig':'k','context':'c'}"), ERR_USAGE, "no context 'c'");
}
END_TEST

START_TEST(a_dictionary)
{
	struct kubeconfig *k =
		loaded("{'kubeconfig':{'clusters':[{'name':'c','cluster':{'server':'https://c'}}],"
		       "'users':[{'name':'u','user':{'token':'t'}}],"
		       "'contexts':[{'name':'x','context':{'cluster':'c','user':'u'}}],"
		       "'current-context':'x'}}");

	ck_assert_str_eq(k->server, "https://c");
	ck_assert_str_eq(k->token, "t");
	kubeconfig_free(k);
	unit_fails(failing("{'kubeconfig':['a']}"), ERR_USAGE, "a path or a dictionary");
}
END_TEST

/* ---- options over files ---- */

static const struct {
	const char *env, *options; /* of context a */
	const char *server, *ca, *cert, *token, *username;
	bool insecure;
} overs[] = {
	{ NULL, "{'host':'https://other/'}", "https://other", "pki/ca.pem", "pki/anna.pem" },
	{ NULL, "{'host':'other:8443'}", "https://other:8443", "pki/ca.pem", "pki/anna.pem" },
	{ NULL, "{'api_key':'t'}", "https://one:6443", "pki/ca.pem", NULL, "t" },
	{ "K8S_AUTH_API_KEY=t", "{}", "https://one:6443", "pki/ca.pem", NULL, "t" },
	{ "K8S_AUTH_API_KEY=t", "{'api_key':'o'}", "https://one:6443", "pki/ca.pem", NULL, "o" },
	{ NULL, "{'username':'x','password':'y'}", "https://one:6443", "pki/ca.pem", NULL, NULL,
	  "x" },
	{ NULL, "{'validate_certs':false}", "https://one:6443", NULL, "pki/anna.pem", NULL, NULL,
	  true },
	{ "K8S_AUTH_VERIFY_SSL=no", "{}", "https://one:6443", NULL, "pki/anna.pem", NULL, NULL,
	  true },
	{ "K8S_AUTH_VALIDATE_CERTS=0", "{'validate_certs':true}", "https://one:6443", "pki/ca.pem",
	  "pki/anna.pem" },
	{ NULL, "{'ca_cert':'/x/ca'}", "https://one:6443", "/x/ca", "pki/anna.pem" },
	{ "K8S_AUTH_SSL_CA_CERT=/x/ca", "{}", "https://one:6443", "/x/ca", "pki/anna.pem" },
	{ NULL, "{'client_cert':'/x/c','client_key':'/x/k'}", "https://one:6443", "pki/ca.pem",
	  "/x/c" },
	{ NULL, "{'cert_file':'/x/c','key_file':'/x/k'}", "https://one:6443", "pki/ca.pem",
	  "/x/c" },
};

static void same_end(const char *got, const char *want)
{
	ck_assert_msg(!got == !want, "'%s', not '%s'", got ? got : "(none)",
		      want ? want : "(none)");
	if (want && *want != '/')
		ck_assert_msg(strlen(got) > strlen(want) &&
				      strcmp(got + strlen(got) - strlen(want), want) == 0,
			      "'%s' does not end in '%s'", got, want);
	else if (want)
		ck_assert_str_eq(got, want);
}

START_TEST(options_come_first)
{
	struct kubeconfig *k;

	sandbox_write(".kube/config", both);
	if (overs[_i].env)
		sandbox_env(overs[_i].env);
	k = loaded(overs[_i].options);
	ck_assert_str_eq(k->server, overs[_i].server);
	same_end(k->ca, overs[_i].ca);
	same_end(k->cert, overs[_i].cert);
	ck_assert_pstr_eq(k->token, overs[_i].token);
	ck_assert_pstr_eq(k->username, overs[_i].username);
	ck_assert(k->insecure == overs[_i].insecure);
	kubeconfig_free(k);
}
END_TEST

START_TEST(host_and_credentials_need_no_file)
{
	struct kubeconfig *k;

	sandbox_write(".kube/config", "this: is: none\n");
	k = loaded("{'host':'https://h','api_key':'t'}");
	ck_assert_str_eq(k->title, "host https://h");
	ck_assert_str_eq(k->token, "t");
	kubeconfig_free(k);
	unit_fails(failing("{'host':'https://h'}"), ERR_USAGE, "config:1");
	ck_assert_int_eq(unlink(".kube/config"), 0);
	k = loaded("{'host':'https://h'}"); /* nobody in particular */
	ck_assert_ptr_null(k->token);
	kubeconfig_free(k);
}
END_TEST

START_TEST(what_else_variables_say)
{
	struct kubeconfig *k;

	sandbox_write(".kube/config", both);
	sandbox_env("K8S_AUTH_CONTEXT=b");
	sandbox_env("K8S_AUTH_PROXY=http://p:3128");
	sandbox_env("K8S_AUTH_NO_PROXY=a,b");
	sandbox_env("K8S_AUTH_PROXY_HEADERS_PROXY_BASIC_AUTH=user:pass");
	sandbox_env("K8S_AUTH_PROXY_HEADERS_USER_AGENT=me");
	sandbox_env("K8S_AUTH_IMPERSONATE_USER=x");
	sandbox_env("K8S_AUTH_IMPERSONATE_GROUPS=g,,h");
	k = loaded("{'expect_cluster_uid':'u'}");
	ck_assert_str_eq(k->server, "https://two/k8s/clusters/c-1");
	ck_assert_str_eq(k->proxy, "http://p:3128");
	ck_assert_str_eq(k->no_proxy, "a,b");
	ck_assert_str_eq(k->proxy_headers[0], "Proxy-Authorization: Basic dXNlcjpwYXNz");
	ck_assert_str_eq(k->proxy_headers[1], "User-Agent: me");
	ck_assert_ptr_null(k->proxy_headers[2]);
	ck_assert_str_eq(k->as_user, "x");
	unit_same(k->as_groups, "['g','h']");
	ck_assert_str_eq(k->expect_uid, "u");
	kubeconfig_free(k);
}
END_TEST

/* ---- what is wrong ---- */

static const struct {
	const char *options, *words;
} refusals[] = {
	{ "{'context':'c'}", "there is no context 'c'" },
	{ "{'context':'nobodi'}", "is 'nobody' meant?" },
	{ "{'context':'lost'}", "context 'lost': there is no cluster 'gone'" },
	{ "{'context':'wrong-user'}", "there is no user 'annna'; is 'anna' meant?" },
	{ "{'context':'empty'}", "it names no cluster" },
	{ "{'persist_config':true}", "persist_config" },
	{ "{'validate_certs':'perhaps'}", "validate_certs must be true or false" },
	{ "{'api_key':'t','username':'u'}", "a token as well as a user name" },
	{ "{'password':'canary-pass'}", "a password, but no user name" },
	{ "{'impersonate_groups':['g']}", "no user to act as" },
	{ "{'impersonate_groups':[1]}", "impersonate_groups must be a list of texts" },
	{ "{'proxy_headers':'x'}", "proxy_headers must be a dictionary" },
	{ "{'host':'ftp://x'}", "https://" },
	{ "{'ca_cert':'no\\npem'}", "ca_cert" },
};

START_TEST(options_are_checked)
{
	struct err *e;

	sandbox_write(".kube/config", both);
	e = failing(refusals[_i].options);
	ck_assert_ptr_nonnull(e);
	ck_assert(!strstr(e->text, "canary"));
	unit_fails(e, ERR_USAGE, refusals[_i].words);
}
END_TEST

#define CLUSTER  "clusters: [{name: c, cluster: {server: 'https://c'}}]\n"
#define CONTEXTS "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"

static const struct {
	const char *text, *words;
} files[] = {
	{ "a: [\n", "k:" },
	{ "\tclusters: []\n", "k:1" },
	{ "- a\n", "k: must be a dictionary, not a list" },
	{ "kind: Pod\n", "k: this is a Pod" },
	{ "clusters: {}\n", "k: clusters must be a list, not a dictionary" },
	{ "clusters: [a]\n", "k: clusters[0]: must be a dictionary with name and cluster" },
	{ "users: [{user: {}}]\n", "k: users[0]: must be a dictionary with name and user" },
	{ "users: [{name: u, user: x}]\n", "k: users[0]: 'u': user must be a dictionary" },
	{ "users: [{name: u, user: {}}, {name: u, user: {}}]\n", "'u' is there twice" },
	{ "current-context: [x]\n", "k: current-context must be text" },
	{ "", "k: it has no current-context, and none is given" },
	{ CONTEXTS, "there is no cluster 'c'" },
	{ "clusters: [{name: c}]\n"
	  "users: [{name: u}]\n" CONTEXTS,
	  "context 'x' of k: it has no server" },
	{ "clusters: [{name: c, cluster: {server: 1}}]\n" CONTEXTS,
	  "k: cluster 'c': server must be text, not an integer: put it in quotes" },
	{ "clusters: [{name: c, cluster: {server: 'https://c', insecure-skip-tls-verify: 1}}]\n" CONTEXTS,
	  "insecure-skip-tls-verify must be true or false" },
	{ "clusters: [{name: c, cluster: {server: 'https://c', insecure-skip-tls-verify: true, "
	  "certificate-authority: x}}]\n" CONTEXTS,
	  "insecure-skip-tls-verify as well as a CA" },
	{ "clusters: [{name: c, cluster: {server: 'https://c', certificate-authority-data: '%%'}}]\n" CONTEXTS,
	  "certificate-authority-data: this is no base64" },
	{ "clusters: [{name: c, cluster: {server: 'https://c', certificate-authority-data: aGFsbG8=}}]\n" CONTEXTS,
	  "certificate-authority-data: what it is base64 of is no PEM text" },
	{ CLUSTER "users: [{name: u, user: {token: 12345678}}]\n" CONTEXTS,
	  "k: user 'u': token must be text, not an integer: put it in quotes" },
	{ CLUSTER "users: [{name: u, user: {token: canary, username: b}}]\n" CONTEXTS,
	  "user 'u': a token as well as a user name" },
	{ CLUSTER "users: [{name: u, user: {client-key: k}}]\n" CONTEXTS,
	  "user 'u': a client key, but no client certificate" },
	{ CLUSTER "users: [{name: u, user: {exec: x}}]\n" CONTEXTS, "exec must be a dictionary" },
	{ CLUSTER "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n" CONTEXTS,
	  "auth-provider 'gcp' is none that is known" },
	{ CLUSTER "users: [{name: u, user: {auth-provider: {name: oidc}}}]\n" CONTEXTS,
	  "auth-provider has no config" },
	{ CLUSTER "users: [{name: u, user: {act-as-groups: [g]}}]\n" CONTEXTS,
	  "no user to act as" },
	{ CLUSTER "users: [{name: u, user: {act-as: x, act-as-user-extra: {k: v}}}]\n" CONTEXTS,
	  "act-as-user-extra must be a list of texts" },
};

START_TEST(files_are_checked)
{
	struct err *e;

	sandbox_write("k", files[_i].text);
	e = failing("{'kubeconfig':'k'}");
	ck_assert_ptr_nonnull(e);
	ck_assert(!strstr(e->text, "canary"));
	unit_fails(e, ERR_USAGE, files[_i].words);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
	ck_assert_int_eq(mkdir("folder", 0700), 0);
	unit_fails(failing("{'kubeconfig':'folder'}"), ERR_USAGE, "folder: cannot read it");
}
END_TEST

/* ---- data ---- */

START_TEST(data_never_becomes_a_file)
{
	static const char pem[] = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
	AUTO_STR coded = base64_of(pem, strlen(pem));
	AUTO_STR text = xasprintf("clusters: [{name: c, cluster: {server: 'https://c', "
				  "certificate-authority: nowhere, "
				  "certificate-authority-data: %s}}]\n"
				  "users: [{name: u, user: {client-certificate-data: %s, "
				  "client-key-data: %s}}]\n" CONTEXTS,
				  coded, coded, coded);
	struct kubeconfig *k;
	AUTO_BUF b = BUF_INIT;

	sandbox_write("k", text);
	k = loaded("{'kubeconfig':'k'}");
	ck_assert(strncmp(k->ca, "/proc/self/fd/", 14) == 0);
	ck_assert(strncmp(k->key, "/proc/self/fd/", 14) == 0);
	unit_ok(file_text(k->ca, 1000, &b));
	ck_assert_str_eq(b.s, pem);
	kubeconfig_free(k);
}
END_TEST

START_TEST(names_of_programs_are_left_out)
{
#define UNNAMED(user)                                                                            \
	"{'kubeconfig':{'current-context':'" KUBECONFIG_UNNAMED                                  \
	"','clusters':[{'name':'" KUBECONFIG_UNNAMED "','cluster':{'server':'https://c'}}],"     \
	"'users':[{'name':'" KUBECONFIG_UNNAMED "','user':" user "}],"                           \
	"'contexts':[{'name':'" KUBECONFIG_UNNAMED "','context':{'cluster':'" KUBECONFIG_UNNAMED \
	"','user':'" KUBECONFIG_UNNAMED "'}}]}}"
	AUTO_JSON bad = unit_json(UNNAMED("{'client-certificate-data':'!'}"));
	struct kubeconfig *k = loaded(UNNAMED("{'token':'t'}"));
	struct err *e;

	ck_assert_str_eq(k->title, "host https://c");
	ck_assert_str_eq(k->user, "the credentials");
	kubeconfig_free(k);
	e = kubeconfig_load(bad, &k);
	ck_assert_ptr_null(strstr(e->text, KUBECONFIG_UNNAMED));
	unit_fails(e, ERR_USAGE, "client-certificate-data: this is no base64");
}
END_TEST

static const struct {
	const char *text, *plain; /* NULL: none */
} codes[] = {
	{ "", "" },          { "YQ==", "a" },   { "YQ", "a" },     { "YW\nI=\r\n", "ab" },
	{ " YWJj ", "abc" }, { "Pz8_", "???" }, { "Pz8/", "???" }, { "Pj4-", ">>>" },
	{ "Y", NULL },       { "Y!Jj", NULL },  { "YWJj%", NULL },
};

START_TEST(base64)
{
	AUTO_BUF b = BUF_INIT;
	const bool ok = base64_text(codes[_i].text, strlen(codes[_i].text), &b);

	ck_assert_msg(ok == !!codes[_i].plain, "'%s'", codes[_i].text);
	if (ok)
		ck_assert_str_eq(b.s, codes[_i].plain);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kubeconfig");
	SRunner *r = srunner_create(s);
	TCase *t = tcase_create("kubeconfig");
	int failed;

	tcase_add_checked_fixture(t, sandbox_enter, sandbox_leave);
	tcase_add_test(t, a_whole_context);
	tcase_add_test(t, where_it_is_looked_for);
	tcase_add_test(t, nothing_is_an_error);
	tcase_add_test(t, merged_as_kubectl_does);
	tcase_add_test(t, names_of_programs_are_left_out);
	tcase_add_test(t, a_large_file);
	tcase_add_test(t, a_dictionary);
	tcase_add_loop_test(t, options_come_first, 0, COUNT(overs));
	tcase_add_test(t, host_and_credentials_need_no_file);
	tcase_add_test(t, what_else_variables_say);
	tcase_add_loop_test(t, options_are_checked, 0, COUNT(refusals));
	tcase_add_loop_test(t, files_are_checked, 0, COUNT(files));
	tcase_add_test(t, a_file_that_cannot_be_read);
	tcase_add_test(t, data_never_becomes_a_file);
	tcase_add_loop_test(t, base64, 0, COUNT(codes));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
