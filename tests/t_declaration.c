#include <check.h>
#include <string.h>

#include "cluster/cluster.h"
#include "cluster/syntax.h"
#include "unit.h"

/* What is wrong with a declaration is told by the option's name; what is right is made whole. */

#define NODES                                                                          \
	"'nodes':[{'name':'c1','host':{'address':'10.0.0.1'},'role':'control_plane'}," \
	"{'name':'w1','host':{'address':'10.0.0.2'},'group':'big'}]"
#define HEAD "'name':'a','version':'1.33.2'"

static const struct bad {
	const char *given, *at, *words;
} bad[] = {
	{ "{'version':'1.33.2'," NODES "}", NULL, "missing required arguments: name" },
	{ "{'name':'A b','version':'1.33.2'," NODES "}", "name", "is no name" },
	{ "{'name':'a','version':'1.33'," NODES "}", "version", "'1.33' is no version" },
	{ "{'name':'a','version':'1.33.2-rc1'," NODES "}", "version", "is no version" },
	{ "{'name':'a','version':'1.2.3.4'," NODES "}", "version", "is no version" },
	{ "{'name':'a','version':'1..3'," NODES "}", "version", "is no version" },
	{ "{'name':'a','version':'1.33.2+x1'," NODES "}", "version", "is no version" },
	{ "{'name':'a','version':'1.20.2'," NODES "}", "version", "since 1.28" },
	{ "{" HEAD ",'nodes':[]}", "nodes", "none has role control_plane" },
	{ "{" HEAD ",'nodes':[{'name':'w'}]}", "nodes", "none has role" },
	{ "{" HEAD ",'nodes':[{'name':'c','rle':'worker'}]}", "rle", "Did you mean 'role'" },
	{ "{" HEAD ",'nodse':[]}", "nodse", "Did you mean 'nodes'" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'master'}]}", "nodes[0].role", "must be one of" },
	{ "{" HEAD ",'nodes':[{'role':'worker'}]}", "nodes[0]", "missing required" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane'},{'name':'c'}]}", "nodes[1].name",
	  "'c' is that of nodes[0]" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','host':{'address':'h'}},"
	  "{'name':'d','host':{'address':'h'}}]}",
	  "nodes[1].host", "h port 22" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','taints':['a=b']}]}",
	  "nodes[0].taints[0]", "is no taint" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','taints':['a/=b:NoExecute']}]}",
	  "nodes[0].taints[0]", "no key" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','labels':{'a b':'c'}}]}",
	  "nodes[0].labels", "no key" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','labels':{'a':'-c'}}]}",
	  "nodes[0].labels", "a: '-c' is no value" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','kubelet_args':{'--v':'2'}}]}",
	  "nodes[0].kubelet_args", "without dashes" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','node_ip':'10.0.0'}]}",
	  "nodes[0].node_ip", "is no address" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane','node_ip':'10.244.3.1'}]}",
	  "nodes[0].node_ip", "within networks.pod_cidr" },
	{ "{" HEAD ",'nodes':[{'name':'c','role':'control_plane'},{'name':'d','role':"
	  "'control_plane'}]}",
	  "endpoint.host", "several control planes" },
	{ "{" HEAD "," NODES ",'endpoint':{'kind':'kube_vip','host':'api.x'}}", "endpoint.host",
	  "kube-vip" },
	{ "{" HEAD "," NODES ",'endpoint':{'kind':'kube_vip','host':'10.0.0.1'}}", "endpoint.host",
	  "'10.0.0.1' is that of nodes[0]" },
	{ "{" HEAD "," NODES ",'endpoint':{'port':443,'bind_port':6443}}", "endpoint.bind_port",
	  "without a load balancer" },
	{ "{" HEAD "," NODES ",'endpoint':{'port':0}}", "endpoint.port", "no port" },
	{ "{" HEAD "," NODES ",'networks':{'pod_cidr':'10.96.0.0/11'}}", "networks.service_cidr",
	  "overlaps with networks.pod_cidr" },
	{ "{" HEAD "," NODES ",'networks':{'pod_cidr':'10.1.2.3/16'}}", "networks.pod_cidr",
	  "within the network" },
	{ "{" HEAD "," NODES ",'networks':{'pod_cidr':'fd00::/8,10.0.0.0/33'}}",
	  "networks.pod_cidr", "'10.0.0.0/33' is no network" },
	{ "{" HEAD "," NODES ",'networks':{'dns_domain':'a..b'}}", "networks.dns_domain",
	  "is no name" },
	{ "{" HEAD "," NODES ",'groups':[{'name':'big','max_unavailable':'0'}]}",
	  "groups[0].max_unavailable", "'0'" },
	{ "{" HEAD "," NODES ",'groups':[{'name':'big'},{'name':'big'}]}", "groups[1].name",
	  "is there twice" },
	{ "{" HEAD "," NODES ",'etcd':{'kind':'external'}}", "etcd.endpoints", "needed" },
	{ "{" HEAD "," NODES ",'etcd':{'endpoints':['https://a']}}", "etcd.endpoints",
	  "only of use" },
	{ "{" HEAD "," NODES ",'certificates':{'days':0}}", "certificates.days", "less than 1" },
	{ "{" HEAD "," NODES ",'certificates':{'days':20}}", "certificates.renew_days",
	  "on each run" },
	{ "{" HEAD "," NODES ",'certificates':{'ca_days':20}}", "certificates.ca_days",
	  "less than certificates.days" },
	{ "{" HEAD "," NODES ",'kubeadm':{'patches':{'apiserver.yaml':'a'}}}", "kubeadm.patches",
	  "is no name of a patch" },
	{ "{" HEAD "," NODES ",'kubeadm':{'api_server_args':{'v':[1]}}}", "kubeadm.api_server_args",
	  "'v' is a list" },
	{ "{" HEAD "," NODES ",'time':{'max_offset_s':-1}}", "time.max_offset_s", "less than 0" },
	{ "{" HEAD "," NODES ",'space':{'free_mb':-1}}", "space.free_mb", "less than 0" },
};

START_TEST(refused)
{
	AUTO_JSON given = unit_json(bad[_i].given);
	AUTO_JSON d = NULL;
	AUTO_ERR e = cluster_declaration(given, &d, NULL);

	ck_assert_msg(e, "%s was taken", bad[_i].given);
	ck_assert_int_eq(e->kind, ERR_USAGE);
	ck_assert_msg(strstr(e->text, bad[_i].words), "%s", e->text);
	if (bad[_i].at)
		ck_assert_msg(e->at && strcmp(e->at, bad[_i].at) == 0, "%s: at %s", e->text, e->at);
}
END_TEST

START_TEST(made_whole)
{
	AUTO_JSON given = unit_json(
		"{'name':'a','version':'v1.33.2','ssh':{'user':'ops','port':2222}," NODES
		",'groups':[{'name':'big','labels':{'size':'big','a':'1'},'taints':['x:NoExecute'],"
		"'max_unavailable':'25%'}]}");
	AUTO_JSON before = json_copy(given);
	AUTO_JSON d = NULL;
	AUTO_JSON warnings = NULL;

	json_set(json_nth(json_at(given, "nodes"), 1), "labels", unit_json("{'a':'2'}"));
	json_set(json_nth(json_at(before, "nodes"), 1), "labels", unit_json("{'a':'2'}"));
	unit_ok(cluster_declaration(given, &d, &warnings));
	ck_assert_msg(json_object_equal(given, before), "what was given was altered");
	ck_assert_str_eq(json_str(d, "version"), "1.33.2");
	ck_assert_str_eq(json_str(d, "networks.pod_cidr"), "10.244.0.0/16");
	ck_assert_str_eq(json_str(d, "certificates.key_type"), "ECDSA-P256");
	unit_same(cluster_node(d, "w1"),
		  "{'name':'w1','host':{'address':'10.0.0.2','name':'w1','user':'ops','port':2222},"
		  "'role':'worker','group':'big','labels':{'a':'2','size':'big'},"
		  "'kubelet_args':{},'taints':['x:NoExecute']}");
	unit_same(json_at(cluster_node(d, "c1"), "taints"),
		  "['node-role.kubernetes.io/control-plane:NoSchedule']");
	ck_assert_str_eq(json_str(cluster_node(d, "c1"), "group"), "control_plane");
	ck_assert_uint_eq(json_len(json_at(d, "groups")), 2);
	ck_assert_ptr_null(cluster_node(d, "x"));
	ck_assert_str_eq(json_str(cluster_control_plane(d, 0), "name"), "c1");
	ck_assert_ptr_null(cluster_control_plane(d, 1));
	AUTO_STR endpoint = cluster_endpoint(d);
	ck_assert_str_eq(endpoint, "10.0.0.1:6443");
	ck_assert_uint_eq(json_len(warnings), 0);

	/* What was made of it is a declaration again, and the same one. */
	AUTO_JSON again = NULL;
	unit_ok(cluster_declaration(d, &again, NULL));
	ck_assert_msg(json_object_equal(d, again), "%s", json_object_to_json_string(again));
}
END_TEST

START_TEST(even_number_is_told)
{
	AUTO_JSON given = unit_json(
		"{" HEAD ",'endpoint':{'host':'api.example'},'cni':{'wait':false},'nodes':["
		"{'name':'a','role':'control_plane'},{'name':'b','role':'control_plane'}]}");
	AUTO_JSON d = NULL;
	AUTO_JSON warnings = NULL;

	unit_ok(cluster_declaration(given, &d, &warnings));
	ck_assert_uint_eq(json_len(warnings), 1);
	ck_assert_ptr_nonnull(strstr(json_object_get_string(json_nth(warnings, 0)), "odd number"));
}
END_TEST

static const struct lost {
	const char *given, *at, *words;
} lost[] = {
	{ "{'cni':{'manifests':['a: b\\n','/no/such.yaml']}}", "cni.manifests[1]",
	  "/no/such.yaml" },
	{ "{'cni':{'manifests':['a: [b\\n']}}", "cni.manifests[0]", "cni.manifests[0]" },
	{ "{'packages':{'key':'/no/such'}}", "packages.key", "/no/such" },
	{ "{'audit_policy':'/no/such'}", "audit_policy", "/no/such" },
	{ "{'registry_mirrors':[{'registry':'a'},{'ca':'/no/such'}]}", "registry_mirrors[1].ca",
	  "/no/such" },
	{ "{'images':[{'archive':'/no/such'}]}", "images[0].archive", "/no/such: No such file" },
	{ "{'etcd':{'key_file':'/no/such'}}", "etcd.key_file", "/no/such: No such file" },
};

START_TEST(files)
{
	AUTO_JSON d = unit_json(lost[_i].given);
	struct err *e = cluster_files(d);

	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(e->kind, ERR_USAGE);
	ck_assert_str_eq(e->at, lost[_i].at);
	ck_assert_msg(strncmp(e->text, lost[_i].at, strlen(lost[_i].at)) == 0, "%s", e->text);
	ck_assert_msg(strstr(e->text, lost[_i].words) != NULL, "%s", e->text);
	err_free(e);
}
END_TEST

static const struct overlap {
	const char *a, *b;
	bool same;
} overlaps[] = {
	{ "10.0.0.0/8", "10.1.0.0/16", true },      { "10.0.0.0/16", "10.1.0.0/16", false },
	{ "fd00::/8", "fd12:3400::/24", true },     { "fd00::/16", "fd01::/16", false },
	{ "10.96.0.0/12", "10.112.0.0/12", false }, { "0.0.0.0/1", "10.0.0.0/8", true },
	{ "10.0.0.0/8", "a00::/8", false },
};

START_TEST(networks)
{
	struct cidr a = { 0 }, b = { 0 };

	unit_ok(cidr_parse(overlaps[_i].a, &a));
	unit_ok(cidr_parse(overlaps[_i].b, &b));
	ck_assert(cidr_overlap(&a, &b) == overlaps[_i].same);
	ck_assert(cidr_overlap(&b, &a) == overlaps[_i].same);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("declaration");
	TCase *t = tcase_create("declaration");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(t, refused, 0, COUNT(bad));
	tcase_add_test(t, made_whole);
	tcase_add_test(t, even_number_is_told);
	tcase_add_loop_test(t, files, 0, COUNT(lost));
	tcase_add_loop_test(t, networks, 0, COUNT(overlaps));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
