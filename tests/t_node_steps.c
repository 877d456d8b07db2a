/* What a node gets before kubeadm, and what kubeadm is told: as data, and in the hands of the real kubeadm. */
#include "cluster/cluster.h"
#include "cluster/kubeadm_config.h"
#include "cluster/node_steps.h"
#include "cluster/pki.h"
#include "essence.h"
#include "kubeadm.h"
#include "oracle.h"
#include "sandbox.h"
#include "unit.h"
#include "yaml.h"

static const char token[] = "abcdef.0123456789abcdef";

static struct json_object *declared(struct json_object *given)
{
	struct json_object *d = NULL;

	unit_ok(cluster_declaration(given, &d, NULL));
	return d;
}

/* ---- steps: tests/data/cluster/node_steps.json ---- */

static enum node_phase phase_of(const char *s)
{
	return strcmp(s, "init") == 0   ? NODE_INIT
	       : strcmp(s, "join") == 0 ? NODE_JOIN
					: NODE_MEMBER;
}

static void show(struct json_object *steps)
{
	(void)fprintf(stderr, "%s\n",
		      json_object_to_json_string_ext(
			      steps, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

START_TEST(as_data)
{
	AUTO_JSON cases = read_json("tests/data/cluster/node_steps.json");

	ck_assert_int_ge(json_len(cases), 5);
	for (size_t i = 0; i < json_len(cases); i++) {
		struct json_object *c = json_nth(cases, i), *steps = NULL;
		const char *error = json_str(c, "error");
		AUTO_JSON d = declared(json_at(c, "given"));
		struct err *e;

		e = cluster_node_steps(
			&(struct node_input){ .declaration = d,
					      .node = cluster_node(d, json_str(c, "node")),
					      .phase = phase_of(json_str(c, "phase")),
					      .kubelet = json_str(c, "kubelet"),
					      .kubeadm = json_str(c, "kubeadm"),
					      .facts = json_at(c, "facts"),
					      .archives = json_at(c, "archives") },
			&steps);
		if (error) {
			unit_fails(e, ERR_USAGE, error);
			continue;
		}
		unit_ok(e);
		if (!json_object_equal(steps, json_at(c, "steps")))
			show(steps);
		ck_assert_msg(json_object_equal(steps, json_at(c, "steps")),
			      "case %zu, %s: the steps are others", i, json_str(c, "what"));
		json_object_put(steps);
	}
}
END_TEST

/* No plan may say one ID twice, or wait for one that is not before it. */
START_TEST(ids)
{
	AUTO_JSON cases = read_json("tests/data/cluster/node_steps.json");

	for (size_t i = 0; i < json_len(cases); i++) {
		struct json_object *steps = json_at(json_nth(cases, i), "steps");
		AUTO_JSON seen = json_object_new_object();

		for (size_t k = 0; k < json_len(steps); k++) {
			const char *id = json_str(json_nth(steps, k), "id");
			struct json_object *causes = json_at(json_nth(steps, k), "if_changed");
			size_t known = 0;

			ck_assert_msg(!id || !json_has(seen, id), "'%s' twice", id);
			for (size_t n = 0; n < json_len(causes); n++)
				known +=
					json_has(seen, json_object_get_string(json_nth(causes, n)));
			ck_assert_msg(!json_len(causes) || known, "'%s' waits for nothing", id);
			if (id)
				json_set(seen, id, NULL);
		}
	}
}
END_TEST

static struct json_object *step_of(struct json_object *steps, const char *id)
{
	for (size_t i = 0; i < json_len(steps); i++)
		if (json_is_str(json_at(json_nth(steps, i), "id"), id))
			return json_nth(steps, i);
	return NULL;
}

/* Before kubeadm there is no API server that could have read another one. */
START_TEST(audit_policy)
{
	AUTO_JSON given = unit_json(
		"{'name': 'k', 'version': '1.33.2', 'audit_policy': 'rules: []\n', 'nodes': [{'name': 'c1', "
		"'role': 'control_plane', 'host': {'address': '10.0.0.1'}}, {'name': 'w1', 'host': "
		"{'address': '10.0.0.2'}}], 'endpoint': {'host': '10.0.0.9'}}");
	AUTO_JSON d = declared(given);

	for (enum node_phase phase = NODE_INIT; phase <= NODE_MEMBER; phase++)
		for (const char *const *name = (const char *const[]){ "c1", "w1", NULL }; *name;
		     name++) {
			const struct node_input in = { .declaration = d,
						       .node = cluster_node(d, *name),
						       .phase = phase };
			AUTO_JSON steps = NULL;
			struct json_object *s;

			unit_ok(cluster_node_steps(&in, &steps));
			s = step_of(steps, "audit-restart");
			ck_assert_int_eq(s != NULL, phase == NODE_MEMBER && **name == 'c');
			ck_assert_int_eq(step_of(steps, "audit-policy") != NULL, **name == 'c');
			if (s)
				unit_same(json_at(s, "if_changed"), "['audit-policy']");
		}
}
END_TEST

/* ---- TOML ---- */

START_TEST(toml)
{
	AUTO_JSON v = unit_json(
		"{'version': 2, 'none': null, 'list': ['a', 1, {'x': true}], 'plugins': {'a.b': {'t': {'k': 'v'}, "
		"'quote': 'say \\\"x\\\"\\n', 'del': '\x7f', 'path': '/a/b'}, 'empty': {}}, 'last': 1.5}");
	AUTO_BUF b = BUF_INIT;

	toml_write(v, &b);
	ck_assert_str_eq(b.s, "version = 2\n"
			      "list = [\"a\", 1, { x = true }]\n"
			      "last = 1.5\n"
			      "\n[plugins]\n"
			      "\n[plugins.\"a.b\"]\n"
			      "quote = \"say \\\"x\\\"\\n\"\n"
			      "del = \"\\u007f\"\n"
			      "path = \"/a/b\"\n"
			      "\n[plugins.\"a.b\".t]\n"
			      "k = \"v\"\n"
			      "\n[plugins.empty]\n");
}
END_TEST

/* ---- what kubeadm is told ---- */

#define NODES                                                                                 \
	"'nodes': [{'name': 'c1', 'role': 'control_plane', 'host': {'address': '10.0.0.1'}, " \
	"'taints': ['a=b:NoExecute', 'c:NoSchedule']}, "                                      \
	"{'name': 'c2', 'role': 'control_plane', 'host': {'address': 'c2.example'}}, "        \
	"{'name': 'w1', 'host': {'address': '10.0.0.3'}, 'node_ip': 'fd00::3'}]"

#define AT ", 'endpoint': {'host': '10.0.0.9'}"

static const char *const declarations[] = {
	"{'name': 'small', 'version': '1.33.2', " NODES AT "}",
	"{'name': 'large', 'version': 'v1.33.13', " NODES ", "
	"'endpoint': {'host': 'api.example', 'port': 7443}, "
	"'networks': {'pod_cidr': '10.1.0.0/16,fd01::/48', 'service_cidr': '10.2.0.0/16,fd02::/112', 'dns_domain': 'k.example'}, "
	"'certificates': {'key_type': 'RSA-3072', 'days': 90, 'ca_days': 1000, 'alt_names': ['10.9.9.9', 'x.example']}, "
	"'kubeadm': {'api_server_args': {'v': 2, 'profiling': false}, "
	"'controller_manager_args': {'bind-address': '0.0.0.0'}, 'scheduler_args': {'v': '3'}, "
	"'kubelet': {'failCgroupV1': false, 'maxPods': 50}, 'kube_proxy': {'mode': 'nftables', 'conntrack': {'maxPerCore': 0}}, "
	"'skip_phases': ['addon/coredns'], 'ignore_preflight_errors': ['Swap'], 'image_repository': 'mirror.example/k8s', "
	"'image_pull_policy': 'Never', 'feature_gates': {'ControlPlaneKubeletLocalMode': true}, "
	"'patches': {'etcd0+merge.yaml': 'spec: {}\\n'}}, "
	"'etcd': {'args': {'quota-backend-bytes': '8589934592'}}, 'encryption': {'provider': 'secretbox'}, "
	"'audit_policy': 'apiVersion: audit.k8s.io/v1\\nkind: Policy\\nrules: []\\n', 'runtime': 'docker'}",
	"{'name': 'elsewhere', 'version': '1.32.1', " NODES AT ", 'etcd': {'kind': 'external', "
	"'endpoints': ['https://10.0.0.7:2379'], 'ca_file': '/x', 'cert_file': '/y', 'key_file': '/z'}}",
};

static struct json_object *documents(const char *text)
{
	struct json_object *all = NULL;

	unit_ok(yaml_parse_all(text, strlen(text), "kubeadm's", &all));
	return all;
}

/* The document of a kind; borrowed. */
static struct json_object *kind(struct json_object *all, const char *name)
{
	for (size_t i = 0; i < json_len(all); i++)
		if (json_is_str(json_at(json_nth(all, i), "kind"), name))
			return json_nth(all, i);
	ck_abort_msg("no %s", name);
}

static void validated(const char *program, const char *what, const char *text)
{
	const char *const argv[] = { program, "config", "validate", "--config", "k.yaml", NULL };
	AUTO_BUF out = BUF_INIT;

	sandbox_write("k.yaml", text);
	ck_assert_msg(oracle_run(argv, &out) == 0, "%s: kubeadm refuses this: %s", what, text);
}

/* Every document of every node, read by kubeadm, which refuses fields that it does not know. */
START_TEST(kubeadm_reads_it)
{
	AUTO_STR program = kubeadm_find("kubeadm's configuration, read by kubeadm");
	AUTO_STR discovery = NULL;

	sandbox_enter();
	discovery = xasprintf("%s/discovery.conf", sandbox_path());
	for (size_t i = 0; program && i < COUNT(declarations); i++) {
		AUTO_JSON given = unit_json(declarations[i]);
		AUTO_JSON d = declared(given);
		struct kubeadm_input in = {
			.declaration = d, .token = token, .discovery = discovery, .resume = i % 2
		};
		struct pki *p = NULL;
		AUTO_BUF text = BUF_INIT;

		unit_ok(pki_new(&(struct pki_options){ 0 }, &p));
		unit_ok(kubeadm_discovery(&in, pki_text(p, PKI_FOLDER "/ca.crt"), &text));
		sandbox_write("discovery.conf", text.s);
		pki_free(p);
		for (size_t n = 0; n < 3; n++) {
			in.node = json_nth(json_at(d, "nodes"), n);
			buf_release(&text);
			unit_ok(kubeadm_join_config(&in, &text));
			validated(program, "join", text.s);
		}
		in.node = cluster_control_plane(d, 0);
		buf_release(&text);
		unit_ok(kubeadm_init_config(&in, &text));
		validated(program, "init", text.s);
		buf_release(&text);
		unit_ok(kubeadm_cluster_config(&in, &text));
		validated(program, "cluster", text.s);
		buf_release(&text);
		unit_ok(kubeadm_upgrade_config(&in, &text));
		validated(program, "upgrade", text.s);
		buf_release(&text);
		unit_ok(kubeadm_reset_config(&in, &text));
		validated(program, "reset", text.s);
	}
	if (program) {
		const char *const argv[] = { program,    "config", "validate",
					     "--config", "k.yaml", NULL };
		AUTO_BUF out = BUF_INIT;

		/* It would say so. */
		sandbox_write("k.yaml", "apiVersion: kubeadm.k8s.io/v1beta4\n"
					"kind: ResetConfiguration\nnonsense: 1\n");
		ck_assert_int_ne(oracle_run(argv, &out), 0);
	}
	sandbox_leave();
}
END_TEST

START_TEST(init)
{
	AUTO_JSON given = unit_json(declarations[1]);
	AUTO_JSON d = declared(given);
	AUTO_JSON all = NULL;
	AUTO_BUF text = BUF_INIT;
	struct json_object *o;

	json_set(json_at(d, "kubeadm.api_server_args"), "service-account-issuer",
		 unit_json("['https://a', 'https://b']"));
	unit_ok(kubeadm_init_config(&(struct kubeadm_input){ .declaration = d,
							     .node = cluster_node(d, "c1"),
							     .token = token,
							     .token_s = 600 },
				    &text));
	all = documents(text.s);
	ck_assert_int_eq(json_len(all), 4);
	unit_same(
		kind(all, "InitConfiguration"),
		"{'apiVersion': 'kubeadm.k8s.io/v1beta4', 'kind': 'InitConfiguration', "
		"'bootstrapTokens': [{'token': 'abcdef.0123456789abcdef', 'ttl': '600s', "
		"'usages': ['signing', 'authentication'], "
		"'groups': ['system:bootstrappers:kubeadm:default-node-token']}], "
		"'localAPIEndpoint': {'advertiseAddress': '10.0.0.1', 'bindPort': 7443}, "
		"'nodeRegistration': {'name': 'c1', 'criSocket': 'unix:///run/cri-dockerd.sock', "
		"'taints': [{'key': 'a', 'value': 'b', 'effect': 'NoExecute'}, {'key': 'c', 'effect': 'NoSchedule'}], "
		"'imagePullPolicy': 'Never', 'ignorePreflightErrors': ['Swap']}, "
		"'skipPhases': ['addon/coredns'], 'patches': {'directory': '/etc/kubernetes/patches'}}");
	o = kind(all, "ClusterConfiguration");
	unit_same(
		json_at(o, "apiServer"),
		"{'extraArgs': [{'name': 'encryption-provider-config', 'value': '/etc/kubernetes/pki/encryption.yaml'}, "
		"{'name': 'audit-policy-file', 'value': '/etc/kubernetes/audit-policy.yaml'}, "
		"{'name': 'audit-log-path', 'value': '/var/log/kubernetes/audit/audit.log'}, "
		"{'name': 'audit-log-maxage', 'value': '30'}, {'name': 'audit-log-maxbackup', 'value': '10'}, "
		"{'name': 'audit-log-maxsize', 'value': '100'}, {'name': 'v', 'value': '2'}, "
		"{'name': 'profiling', 'value': 'false'}, {'name': 'service-account-issuer', 'value': 'https://a'}, "
		"{'name': 'service-account-issuer', 'value': 'https://b'}], "
		"'extraVolumes': [{'name': 'audit-policy', 'hostPath': '/etc/kubernetes/audit-policy.yaml', "
		"'mountPath': '/etc/kubernetes/audit-policy.yaml', 'pathType': 'File', 'readOnly': true}, "
		"{'name': 'audit-log', 'hostPath': '/var/log/kubernetes/audit', "
		"'mountPath': '/var/log/kubernetes/audit', 'pathType': 'DirectoryOrCreate', 'readOnly': false}], "
		"'certSANs': ['api.example', '10.9.9.9', 'x.example']}");
	ck_assert_str_eq(json_str(o, "kubernetesVersion"), "v1.33.13");
	ck_assert_str_eq(json_str(o, "controlPlaneEndpoint"), "api.example:7443");
	ck_assert_str_eq(json_str(o, "encryptionAlgorithm"), "RSA-3072");
	ck_assert_str_eq(json_str(o, "certificateValidityPeriod"), "2160h0m0s");
	ck_assert_str_eq(json_str(o, "caCertificateValidityPeriod"), "24000h0m0s");
	unit_same(json_at(o, "etcd"), "{'local': {'extraArgs': [{'name': 'quota-backend-bytes', "
				      "'value': '8589934592'}]}}");
	unit_same(kind(all, "KubeletConfiguration"),
		  "{'apiVersion': 'kubelet.config.k8s.io/v1beta1', 'kind': 'KubeletConfiguration', "
		  "'failCgroupV1': false, 'maxPods': 50}");
	unit_same(
		kind(all, "KubeProxyConfiguration"),
		"{'apiVersion': 'kubeproxy.config.k8s.io/v1alpha1', 'kind': 'KubeProxyConfiguration', "
		"'mode': 'nftables', 'conntrack': {'maxPerCore': 0}}");
}
END_TEST

/* What no later declaration changes is told. */
START_TEST(made_with)
{
	AUTO_JSON given = unit_json(declarations[1]);
	AUTO_JSON d = declared(given);
	AUTO_JSON kept = NULL;
	AUTO_JSON none = NULL;
	AUTO_JSON some = NULL;

	unit_ok(kubeadm_cluster(&(struct kubeadm_input){ .declaration = d }, &kept));
	unit_ok(kubeadm_fixed(d, kept, &none));
	unit_same(none, "[]");
	json_sets(json_at(kept, "networking"), "podSubnet", "10.9.0.0/16");
	json_set(kept, "etcd", unit_json("{'external': {}}"));
	unit_ok(kubeadm_fixed(d, kept, &some));
	unit_same(
		some,
		"['networks.pod_cidr: declared is 10.1.0.0/16,fd01::/48, the cluster was made with 10.9.0.0/16 "
		"and keeps it', 'etcd.kind: declared is another one than the cluster was made with, and keeps']");
}
END_TEST

/* What came as an archive cannot be pulled again. */
START_TEST(archives_are_kept)
{
	static const struct {
		const char *more, *want;
	} cases[] = {
		{ "", NULL },
		{ ", 'images': [{'path': '/a.tar', 'names': ['x/y:1']}]", "100" },
		{ ", 'images': [{'path': '/a.tar', 'names': ['x/y:1']}], "
		  "'kubeadm': {'kubelet': {'imageGCHighThresholdPercent': 90}}",
		  "90" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR text = xasprintf("{'name': 'small', 'version': '1.33.2', " NODES AT "%s}",
					  cases[i].more);
		AUTO_JSON given = unit_json(text);
		AUTO_JSON d = declared(given);
		AUTO_JSON all = NULL;
		AUTO_BUF yaml = BUF_INIT;
		const struct kubeadm_input in = { .declaration = d };
		struct json_object *most = NULL;

		unit_ok(kubeadm_cluster_config(&in, &yaml));
		all = documents(yaml.s);
		json_object_object_get_ex(kind(all, "KubeletConfiguration"),
					  "imageGCHighThresholdPercent", &most);
		ck_assert_pstr_eq(most ? json_object_get_string(most) : NULL, cases[i].want);
	}
}
END_TEST

START_TEST(join)
{
	AUTO_JSON given = unit_json(declarations[0]);
	AUTO_JSON d = declared(given);
	AUTO_JSON one = NULL;
	AUTO_JSON two = NULL;
	AUTO_BUF text = BUF_INIT;
	struct kubeadm_input in = { .declaration = d,
				    .node = cluster_node(d, "c2"),
				    .token = token };

	unit_ok(kubeadm_join_config(&in, &text));
	one = documents(text.s);
	/* Its address is a name, which kubeadm does not take: it looks for its own. */
	unit_same(
		json_nth(one, 0),
		"{'apiVersion': 'kubeadm.k8s.io/v1beta4', 'kind': 'JoinConfiguration', "
		"'discovery': {'file': {'kubeConfigPath': '/run/treenail/kubeadm/discovery.conf'}, "
		"'tlsBootstrapToken': 'abcdef.0123456789abcdef'}, "
		"'nodeRegistration': {'name': 'c2', 'criSocket': 'unix:///run/containerd/containerd.sock', "
		"'taints': [{'key': 'node-role.kubernetes.io/control-plane', 'effect': 'NoSchedule'}], "
		"'imagePullPolicy': 'IfNotPresent'}, "
		"'controlPlane': {'localAPIEndpoint': {'bindPort': 6443}}, "
		"'patches': {'directory': '/etc/kubernetes/patches'}}");
	in.node = cluster_node(d, "w1");
	in.resume = true;
	buf_release(&text);
	unit_ok(kubeadm_join_config(&in, &text));
	two = documents(text.s);
	ck_assert(!json_has(json_nth(two, 0), "controlPlane"));
	unit_same(json_at(json_nth(two, 0), "nodeRegistration.taints"), "[]");
	ck_assert_int_ge(
		json_len(json_at(json_nth(two, 0), "nodeRegistration.ignorePreflightErrors")), 5);
	in.token = "ABCDEF.0123456789abcdef";
	unit_fails(kubeadm_join_config(&in, &text), ERR_USAGE, "a bootstrap token looks like");
}
END_TEST

/* Before 1.31: no kubeadm of that age is here, so this stands as data. */
START_TEST(v1beta3)
{
	AUTO_JSON given = unit_json("{'name': 'old', 'version': '1.30.4', " NODES AT ", "
				    "'kubeadm': {'api_server_args': {'v': 2}}}");
	AUTO_JSON d = declared(given);
	AUTO_JSON all = NULL;
	AUTO_BUF text = BUF_INIT;
	struct kubeadm_input in = { .declaration = d,
				    .node = cluster_node(d, "c1"),
				    .token = token };
	struct json_object *o;

	unit_ok(kubeadm_init_config(&in, &text));
	all = documents(text.s);
	o = kind(all, "ClusterConfiguration");
	ck_assert_str_eq(json_str(o, "apiVersion"), "kubeadm.k8s.io/v1beta3");
	unit_same(json_at(o, "apiServer.extraArgs"), "{'v': '2'}");
	unit_same(json_at(o, "featureGates"), "{'PublicKeysECDSA': true}");
	ck_assert(!json_has(o, "encryptionAlgorithm"));
	ck_assert(!json_has(o, "certificateValidityPeriod"));
	unit_fails(kubeadm_upgrade_config(&in, &text), ERR_USAGE,
		   "kubeadm of Kubernetes 1.30 knows no UpgradeConfiguration");
	unit_fails(kubeadm_reset_config(&in, &text), ERR_USAGE, "knows no ResetConfiguration");
	json_set(json_at(d, "kubeadm.api_server_args"), "v", unit_json("['1', '2']"));
	unit_fails(kubeadm_check(d), ERR_USAGE,
		   "kubeadm.api_server_args.v: before Kubernetes 1.31 an option has one value");
}
END_TEST

START_TEST(cannot_be_told)
{
	static const struct {
		const char *given, *words;
	} cases[] = {
		{ "'version': '1.30.4', 'certificates': {'days': 90}",
		  "certificates.days: before Kubernetes 1.31" },
		{ "'version': '1.30.4', 'certificates': {'key_type': 'RSA-4096'}",
		  "certificates.key_type: RSA-4096 wants Kubernetes 1.31" },
		{ "'version': '1.33.4', 'certificates': {'key_type': 'ECDSA-P384'}",
		  "certificates.key_type: ECDSA-P384 wants Kubernetes 1.34" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR text = xasprintf("{'name': 'x', %s, " NODES AT "}", cases[i].given);
		AUTO_JSON given = unit_json(text);
		struct json_object *d = NULL;

		unit_fails(cluster_declaration(given, &d, NULL), ERR_USAGE, cases[i].words);
	}
}
END_TEST

static void check_differs(struct json_object *d, const char *kept, const char *want)
{
	AUTO_JSON have = unit_json(kept);
	AUTO_JSON told = NULL;

	unit_ok(kubeadm_differs(d, have, &told));
	unit_same(told, want);
}

/* As kubeadm itself has written it down, with what it adds. */
START_TEST(kept_options)
{
	static const char like[] =
		"{'kind': 'ClusterConfiguration', 'apiServer': {'extraArgs': [%s], 'certSANs': ['api.example', "
		"'10.9.9.9', 'x.example'], 'extraVolumes': [{'hostPath': "
		"'/etc/kubernetes/audit-policy.yaml', 'mountPath': '/etc/kubernetes/audit-policy.yaml', "
		"'name': 'audit-policy', 'pathType': 'File', 'readOnly': true}, {'hostPath': "
		"'/var/log/kubernetes/audit', 'mountPath': '/var/log/kubernetes/audit', 'name': 'audit-log', "
		"'pathType': 'DirectoryOrCreate'}]}, 'dns': {}, "
		"'scheduler': %s, 'etcd': {'local': {'dataDir': '/var/lib/etcd', 'extraArgs': [{'name': "
		"'quota-backend-bytes', 'value': '8589934592'}]}}, 'controllerManager': %s}";
	static const char args[] =
		"{'name': 'profiling', 'value': 'false'}, {'name': 'audit-policy-file', 'value': "
		"'/etc/kubernetes/audit-policy.yaml'}, {'name': 'audit-log-path', 'value': "
		"'/var/log/kubernetes/audit/audit.log'}, {'name': 'audit-log-maxage', 'value': '30'}, "
		"{'name': 'audit-log-maxbackup', 'value': '10'}, {'name': 'audit-log-maxsize', 'value': '100'}, "
		"{'name': 'v', 'value': '2'}, "
		"{'name': 'encryption-provider-config', 'value': '/somebody/elses'}"; /* stays */
	AUTO_JSON given = unit_json(declarations[1]);
	AUTO_JSON d = declared(given);
	AUTO_STR same = xasprintf(like, args, "{}", "{}");
	AUTO_STR other = xasprintf(
		like, args,
		"{'extraArgs': [{'name': 'v', 'value': '3'}, {'name': 'x', 'value': 'y'}]}", "{}");

	json_object_object_del(json_at(d, "kubeadm"), "controller_manager_args");
	json_object_object_del(json_at(d, "kubeadm"), "scheduler_args");
	check_differs(d, same, "{}");
	check_differs(d, other, "{'kube-scheduler': ['v', 'x']}");
	json_set(json_at(d, "kubeadm"), "scheduler_args", unit_json("{'v': 3, 'x': ['y', 'z']}"));
	check_differs(d, other, "{'kube-scheduler': ['x']}");
	json_sets(json_at(d, "kubeadm.api_server_args"), "v", "4");
	json_object_array_add(json_at(d, "certificates.alt_names"),
			      json_object_new_string("new.example"));
	json_object_object_del(json_at(d, "kubeadm"), "scheduler_args");
	check_differs(d, same, "{'kube-apiserver': ['v'], 'certificate': ['new.example']}");
	check_differs(
		d, "{}",
		"{'etcd': ['quota-backend-bytes'], 'kube-apiserver': ['encryption-provider-config', "
		"'audit-policy-file', 'audit-log-path', 'audit-log-maxage', 'audit-log-maxbackup', "
		"'audit-log-maxsize', 'v', 'profiling', 'audit-policy', 'audit-log'], "
		"'certificate': ['api.example', '10.9.9.9', 'x.example', 'new.example']}");
}
END_TEST

/* What `kubeadm config images list` says; the table goes further than the kubeadm that is here. */
START_TEST(pause_image)
{
	static const struct {
		const char *version, *image;
	} cases[] = {
		{ "1.30.1", "registry.k8s.io/pause:3.9" },
		{ "1.31.0", "registry.k8s.io/pause:3.10" },
		{ "1.33.13", "registry.k8s.io/pause:3.10" },
		{ "1.35.2", "registry.k8s.io/pause:3.10.1" },
		{ "1.36.0", "registry.k8s.io/pause:3.10.2" },
		{ "1.40.0", "registry.k8s.io/pause:3.10.2" },
	};
	AUTO_STR program = kubeadm_find("the pause image, told by kubeadm");
	AUTO_STR version = program ? ORACLE(program, "version", "-o", "short") : NULL;
	AUTO_STR images = NULL;

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON d = json_wrap("version", json_object_new_string(cases[i].version));
		AUTO_STR image = kubeadm_pause_image(d, NULL);

		ck_assert_str_eq(image, cases[i].image);
	}
	if (program) {
		version[strcspn(version, "\n")] = '\0';
		images = ORACLE(program, "config", "images", "list", "--kubernetes-version",
				version);
		AUTO_JSON d = json_wrap("version", json_object_new_string(version));
		AUTO_STR image = kubeadm_pause_image(d, NULL);

		ck_assert_msg(strstr(images, image), "%s is none of %s", image, images);
	}
}
END_TEST

UNIT_MAIN("node_steps", as_data, ids, audit_policy, toml, kubeadm_reads_it, init, made_with,
	  archives_are_kept, join, v1beta3, cannot_be_told, kept_options, pause_image)
