#include "cluster/kubeadm_config.h"

#include <string.h>

#include "cluster/cluster.h"
#include "cluster/kubeconfig.h"
#include "cluster/pki.h"
#include "cluster/syntax.h"
#include "kubernetes/preflight.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { TOKEN_S = 7200, HOURS = 24, DAYS = 365, V4_SINCE = 31, P384_SINCE = 34 };

/* What is read of an input more than once. */
struct told {
	const struct kubeadm_input *in;
	struct json_object *declaration, *node;
	const char *version;
	int minor;
	bool v4; /* v1beta4 */
};

static struct err *told_of(const struct kubeadm_input *in, struct told *ret)
{
	const char *given = json_str(in->declaration, "version");
	struct kube_version v;

	*ret = (struct told){ .in = in,
			      .declaration = in->declaration,
			      .node = in->node,
			      .version = in->version ? in->version : given };
	if (!ret->version || !kube_version_of(ret->version, &v))
		return err_at(err_new(ERR_USAGE, "version: it is none of Kubernetes: 1.33.2 is"),
			      "version");
	ret->minor = v.minor;
	ret->v4 = v.minor >= V4_SINCE;
	return NULL;
}

/* ---- small parts ---- */

static void set(struct json_object *o, const char *key, const char *s)
{
	if (s)
		json_sets(o, key, s);
}

/* Lists and maps that say nothing are left out. */
static void set_some(struct json_object *o, const char *key, struct json_object *v)
{
	if (json_empty(v))
		json_object_put(v);
	else
		json_set(o, key, v);
}

static void add(struct json_object *list, const char *s)
{
	(void)json_object_array_add(list, json_object_new_string(s));
}

static void add_all(struct json_object *list, struct json_object *more)
{
	for (size_t i = 0; i < json_len(more); i++)
		(void)json_object_array_add(list, json_copy(json_nth(more, i)));
}

static void set_all(struct json_object *o, struct json_object *more)
{
	if (!json_object_is_type(more, json_type_object))
		return;
	json_object_object_foreach(more, key, v)
		json_set(o, key, json_copy(v));
}

static struct json_object *kind(const char *api, const char *name)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "apiVersion", api);
	json_sets(o, "kind", name);
	return o;
}

static struct json_object *of_kubeadm(const struct told *t, const char *name)
{
	return kind(t->v4 ? "kubeadm.k8s.io/v1beta4" : "kubeadm.k8s.io/v1beta3", name);
}

static char *hours(int64_t days)
{
	return xasprintf("%lldh0m0s", (long long)days * HOURS);
}

/* Takes the document. */
static void write_document(struct json_object *o, struct buf *ret)
{
	buf_adds(ret, "---\n");
	yaml_write(o, ret);
	json_wipe(o);
	json_object_put(o);
}

/* ---- options of programs ---- */

/* {"name": value or [values]} as kubeadm of this version takes it; `where` begins messages. */
static struct err *args_of(const struct told *t, struct json_object *given, const char *where,
			   struct json_object **ret)
{
	AUTO_JSON args = t->v4 ? json_object_new_array() : json_object_new_object();

	json_object_object_foreach(given, key, v) {
		struct json_object *many = json_object_is_type(v, json_type_array) ? v : NULL;
		const size_t n = many ? json_len(many) : 1;

		if (!t->v4 && n != 1)
			return err_at(
				err_new(ERR_USAGE,
					"%s.%s: before Kubernetes 1.31 an option has one value",
					where, key),
				where);
		for (size_t i = 0; i < n; i++) {
			AUTO_STR text = json_text(many ? json_nth(many, i) : v);
			struct json_object *one;

			if (!t->v4) {
				json_sets(args, key, text);
				continue;
			}
			one = json_object_new_object();
			json_sets(one, "name", key);
			json_sets(one, "value", text);
			(void)json_object_array_add(args, one);
		}
	}
	*ret = TAKE(args);
	return NULL;
}

/* {"extraArgs"}; `own` are ours, which the declaration's displace; taken. */
static struct err *program(const struct told *t, const char *path, struct json_object *own,
			   struct json_object **ret)
{
	AUTO_JSON all = own ? own : json_object_new_object();
	struct json_object *args = NULL;
	struct err *e;

	set_all(all, json_at(t->declaration, path));
	e = args_of(t, all, path, &args);
	if (e)
		return e;
	*ret = json_object_new_object();
	set_some(*ret, "extraArgs", args);
	return NULL;
}

/* ---- ClusterConfiguration ---- */

static bool is_encrypted(struct json_object *declaration)
{
	const char *provider = json_str(declaration, "encryption.provider");

	return provider && strcmp(provider, "none") != 0;
}

static void set_number(struct json_object *args, const char *name, struct json_object *declaration,
		       const char *path)
{
	if (json_at(declaration, path)) {
		AUTO_STR n = json_text(json_at(declaration, path));

		json_sets(args, name, n);
	}
}

/* The encryption's file is among the certificates, which kubeadm shows the API server anyhow. */
static struct json_object *api_server_args(struct json_object *declaration)
{
	struct json_object *args = json_object_new_object();

	if (is_encrypted(declaration))
		json_sets(args, "encryption-provider-config", PKI_ENCRYPTION);
	if (json_str(declaration, "audit_policy")) {
		json_sets(args, "audit-policy-file", KUBEADM_AUDIT_POLICY);
		json_sets(args, "audit-log-path", KUBEADM_AUDIT_FOLDER "/audit.log");
		set_number(args, "audit-log-maxage", declaration, "audit_log.max_age_days");
		set_number(args, "audit-log-maxbackup", declaration, "audit_log.max_backups");
		set_number(args, "audit-log-maxsize", declaration, "audit_log.max_size_mb");
	}
	return args;
}

static struct json_object *volume(const char *name, const char *path, const char *type, bool writes)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "name", name);
	json_sets(o, "hostPath", path);
	json_sets(o, "mountPath", path);
	json_sets(o, "pathType", type);
	json_set(o, "readOnly", json_object_new_boolean(!writes));
	return o;
}

/* The endpoint, so that its certificate names it, and what else is wanted. */
static struct json_object *names_of(struct json_object *declaration)
{
	struct json_object *names = json_object_new_array();
	const char *host = json_str(declaration, "endpoint.host");

	if (host)
		add(names, host);
	add_all(names, json_at(declaration, "certificates.alt_names"));
	return names;
}

static struct err *api_server(const struct told *t, struct json_object **ret)
{
	struct json_object *o = NULL, *volumes;
	struct err *e = program(t, "kubeadm.api_server_args", api_server_args(t->declaration), &o);

	if (e)
		return e;
	if (json_str(t->declaration, "audit_policy")) {
		volumes = json_object_new_array();
		(void)json_object_array_add(
			volumes, volume("audit-policy", KUBEADM_AUDIT_POLICY, "File", false));
		(void)json_object_array_add(volumes, volume("audit-log", KUBEADM_AUDIT_FOLDER,
							    "DirectoryOrCreate", true));
		json_set(o, "extraVolumes", volumes);
	}
	set_some(o, "certSANs", names_of(t->declaration));
	*ret = o;
	return NULL;
}

static bool is_external(struct json_object *declaration)
{
	return json_is_str(json_at(declaration, "etcd.kind"), "external");
}

static struct err *etcd(const struct told *t, struct json_object **ret)
{
	struct json_object *o = NULL;
	struct err *e;

	if (!is_external(t->declaration)) {
		e = program(t, "etcd.args", NULL, &o);
		if (!e)
			*ret = json_wrap("local", o);
		return e;
	}
	o = json_object_new_object();
	json_set(o, "endpoints", json_copy(json_at(t->declaration, "etcd.endpoints")));
	json_sets(o, "caFile", PKI_FOLDER "/etcd/ca.crt");
	json_sets(o, "certFile", PKI_FOLDER "/apiserver-etcd-client.crt");
	json_sets(o, "keyFile", PKI_FOLDER "/apiserver-etcd-client.key");
	*ret = json_wrap("external", o);
	return NULL;
}

static struct err *check(const struct told *t)
{
	static const char name[] = "certificates.key_type";
	const char *type = json_str(t->declaration, name);
	const int64_t days = json_int(t->declaration, "certificates.days", DAYS);

	if (type && strcmp(type, "ECDSA-P384") == 0 && t->minor < P384_SINCE)
		return err_at(err_new(ERR_USAGE, "%s: %s wants Kubernetes 1.34", name, type), name);
	if (t->v4)
		return NULL;
	if (type && !words_have("RSA-2048 ECDSA-P256", type))
		return err_at(err_new(ERR_USAGE, "%s: %s wants Kubernetes 1.31", name, type), name);
	if (days != DAYS)
		return err_at(err_new(ERR_USAGE,
				      "certificates.days: before Kubernetes 1.31 kubeadm's "
				      "certificates have %d days",
				      DAYS),
			      "certificates.days");
	return NULL;
}

static void set_certificates(const struct told *t, struct json_object *o)
{
	struct json_object *gates = json_object_new_object();
	const char *type = json_str(t->declaration, "certificates.key_type");
	AUTO_STR ca = hours(json_int(t->declaration, "certificates.ca_days", 10 * (int64_t)DAYS));
	AUTO_STR others = hours(json_int(t->declaration, "certificates.days", DAYS));

	set_all(gates, json_at(t->declaration, "kubeadm.feature_gates"));
	if (t->v4) {
		set(o, "encryptionAlgorithm", type);
		json_sets(o, "caCertificateValidityPeriod", ca);
		json_sets(o, "certificateValidityPeriod", others);
	} else if (type && strcmp(type, "ECDSA-P256") == 0) {
		json_set(gates, "PublicKeysECDSA", json_object_new_boolean(true));
	}
	set_some(o, "featureGates", gates);
}

static struct json_object *networking(struct json_object *declaration)
{
	struct json_object *o = json_object_new_object();

	set(o, "podSubnet", json_str(declaration, "networks.pod_cidr"));
	set(o, "serviceSubnet", json_str(declaration, "networks.service_cidr"));
	set(o, "dnsDomain", json_str(declaration, "networks.dns_domain"));
	return o;
}

static struct err *set_programs(const struct told *t, struct json_object *o)
{
	static const struct {
		const char *key, *path;
	} plain[] = {
		{ "controllerManager", "kubeadm.controller_manager_args" },
		{ "scheduler", "kubeadm.scheduler_args" },
	};
	struct json_object *part = NULL;
	struct err *e = api_server(t, &part);

	if (!e)
		set_some(o, "apiServer", part);
	for (size_t i = 0; !e && i < COUNT(plain); i++) {
		e = program(t, plain[i].path, NULL, &part);
		if (!e)
			set_some(o, plain[i].key, part);
	}
	if (!e)
		e = etcd(t, &part);
	if (!e)
		set_some(o, "etcd", part);
	return e;
}

static struct err *cluster(const struct told *t, struct json_object **ret)
{
	AUTO_JSON o = of_kubeadm(t, "ClusterConfiguration");
	AUTO_STR version = xasprintf("v%s", t->version);
	AUTO_STR endpoint = cluster_endpoint(t->declaration);
	struct err *e;

	set(o, "clusterName", json_str(t->declaration, "name"));
	json_sets(o, "kubernetesVersion", version);
	set(o, "controlPlaneEndpoint", endpoint);
	json_sets(o, "certificatesDir", PKI_FOLDER);
	set(o, "imageRepository", json_str(t->declaration, "kubeadm.image_repository"));
	json_set(o, "networking", networking(t->declaration));
	set_certificates(t, o);
	e = set_programs(t, o);
	if (!e)
		*ret = TAKE(o);
	return e;
}

/*
 * Images that came as archives are not to be had again: a kubelet that runs out of room would delete those that are not used
 * yet, and the pause image, which an older containerd does not protect.
 */
static struct json_object *kubelet(struct json_object *declaration)
{
	static const char most[] = "imageGCHighThresholdPercent";
	struct json_object *o = json_object_new_object();

	if (json_len(json_at(declaration, "images")))
		json_set(o, most, json_object_new_int(100));
	set_all(o, json_at(declaration, "kubeadm.kubelet"));
	return o;
}

/* What the components of all nodes are told, which kubeadm keeps in ConfigMaps. */
static void component(struct json_object *fields, const char *api, const char *name,
		      struct buf *ret)
{
	struct json_object *o = kind(api, name);

	set_all(o, fields);
	write_document(o, ret);
}

static struct err *shared(const struct told *t, struct buf *ret)
{
	AUTO_JSON own = kubelet(t->declaration);
	struct json_object *o = NULL;
	struct err *e = check(t);

	if (!e)
		e = cluster(t, &o);
	if (e)
		return e;
	write_document(o, ret);
	component(own, "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration", ret);
	component(json_at(t->declaration, "kubeadm.kube_proxy"), "kubeproxy.config.k8s.io/v1alpha1",
		  "KubeProxyConfiguration", ret);
	return NULL;
}

/* ---- of one node ---- */

/* Checks of kubeadm's that find what an earlier run of it has left; %d: the API's port. */
static const char init_again[] =
	"FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml "
	"FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml "
	"FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml "
	"FileAvailable--etc-kubernetes-manifests-etcd.yaml DirAvailable--var-lib-etcd Port-%d Port-10250 "
	"Port-10257 Port-10259 Port-2379 Port-2380";
static const char join_again[] =
	"DirAvailable--etc-kubernetes-manifests FileAvailable--etc-kubernetes-kubelet.conf "
	"FileAvailable--etc-kubernetes-bootstrap-kubelet.conf "
	"FileAvailable--etc-kubernetes-pki-ca.crt DirAvailable--var-lib-etcd Port-%d Port-10250 "
	"Port-10257 Port-10259 Port-2379 Port-2380";

static struct json_object *ignored(const struct told *t, const char *again)
{
	struct json_object *list = json_object_new_array();
	AUTO_JSON all = json_object_new_string("all");
	AUTO_BUF words = BUF_INIT;

	add_all(list, json_at(t->declaration, "kubeadm.ignore_preflight_errors"));
	if (t->in->resume && !json_list_has(list, all)) {
		const char *port = strstr(again, "%d");

		buf_addf(&words, "%.*s%d%s", (int)(port - again), again,
			 cluster_api_port(t->declaration), port + 2);
		WORDS_EACH(w, words.s) {
			AUTO_STR word = xstrndup(w, words_len(w));

			add(list, word);
		}
	}
	return list;
}

static struct json_object *registration(const struct told *t, const char *again)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "name", json_str(t->node, "name"));
	json_sets(o, "criSocket", kubeadm_cri_socket(t->declaration));
	json_set(o, "taints", taints_parse(json_at(t->node, "taints")));
	set(o, "imagePullPolicy", json_str(t->declaration, "kubeadm.image_pull_policy"));
	set_some(o, "ignorePreflightErrors", ignored(t, again));
	return o;
}

static struct json_object *local_endpoint(const struct told *t)
{
	struct json_object *o = json_object_new_object();
	const char *address = cluster_node_address(t->node);

	if (address && is_address(address))
		json_sets(o, "advertiseAddress", address);
	json_set(o, "bindPort", json_object_new_int(cluster_api_port(t->declaration)));
	return o;
}

static void set_patches(struct json_object *o)
{
	json_set(o, "patches", json_wrap("directory", json_object_new_string(KUBEADM_PATCHES)));
}

static struct json_object *bootstrap_tokens(const struct kubeadm_input *in)
{
	struct json_object *list = json_object_new_array(), *one = json_object_new_object();
	struct json_object *usages = json_object_new_array(), *groups = json_object_new_array();
	AUTO_STR ttl = xasprintf("%ds", in->token_s ? in->token_s : TOKEN_S);

	add(usages, "signing");
	add(usages, "authentication");
	add(groups, "system:bootstrappers:kubeadm:default-node-token");
	json_sets(one, "token", in->token);
	json_sets(one, "ttl", ttl);
	json_set(one, "usages", usages);
	json_set(one, "groups", groups);
	(void)json_object_array_add(list, one);
	return list;
}

static struct err *token_check(const struct kubeadm_input *in)
{
	return in->token && pki_token_is(in->token)
		       ? NULL
		       : err_new(ERR_USAGE, "a bootstrap token looks like abcdef.0123456789abcdef");
}

static struct err *init_config(const struct kubeadm_input *in, bool with_token, struct buf *ret)
{
	struct json_object *o;
	AUTO_BUF rest = BUF_INIT;
	struct told t;
	struct err *e = told_of(in, &t);

	if (!e)
		e = shared(&t, &rest);
	if (e)
		return e;
	o = of_kubeadm(&t, "InitConfiguration");
	if (with_token)
		json_set(o, "bootstrapTokens", bootstrap_tokens(in));
	json_set(o, "localAPIEndpoint", local_endpoint(&t));
	json_set(o, "nodeRegistration", registration(&t, init_again));
	set_some(o, "skipPhases", json_copy(json_at(in->declaration, "kubeadm.skip_phases")));
	set_patches(o);
	write_document(o, ret);
	buf_adds(ret, rest.s);
	return NULL;
}

struct err *kubeadm_init_config(const struct kubeadm_input *in, struct buf *ret)
{
	struct err *e = token_check(in);

	return e ? e : init_config(in, true, ret);
}

struct err *kubeadm_local_config(const struct kubeadm_input *in, struct buf *ret)
{
	return init_config(in, false, ret);
}

struct err *kubeadm_cluster(const struct kubeadm_input *in, struct json_object **ret)
{
	struct told t;
	struct err *e = told_of(in, &t);

	return e ? e : cluster(&t, ret);
}

struct err *kubeadm_cluster_config(const struct kubeadm_input *in, struct buf *ret)
{
	struct told t;
	struct err *e = told_of(in, &t);

	return e ? e : shared(&t, ret);
}

struct err *kubeadm_join_config(const struct kubeadm_input *in, struct buf *ret)
{
	struct json_object *o, *discovery, *file;
	struct told t;
	struct err *e = told_of(in, &t);

	if (!e)
		e = token_check(in);
	if (e)
		return e;
	file = json_wrap("kubeConfigPath",
			 json_object_new_string(in->discovery ? in->discovery : KUBEADM_DISCOVERY));
	discovery = json_wrap("file", file);
	json_sets(discovery, "tlsBootstrapToken", in->token);
	o = of_kubeadm(&t, "JoinConfiguration");
	json_set(o, "discovery", discovery);
	json_set(o, "nodeRegistration", registration(&t, join_again));
	if (cluster_is_control_plane(in->node))
		json_set(o, "controlPlane", json_wrap("localAPIEndpoint", local_endpoint(&t)));
	set_patches(o);
	write_document(o, ret);
	return NULL;
}

struct err *kubeadm_discovery(const struct kubeadm_input *in, const char *ca_pem, struct buf *ret)
{
	AUTO_STR endpoint = cluster_endpoint(in->declaration);
	AUTO_STR server = xasprintf("https://%s", endpoint ? endpoint : "");

	if (!endpoint)
		return err_at(err_new(ERR_USAGE, "endpoint.host: there is no endpoint"),
			      "endpoint.host");
	/* kubeadm takes no context without a user, though nothing has to be known of him. */
	kubeconfig_write(&(struct kubeconfig_parts){ .cluster = json_str(in->declaration, "name"),
						     .server = server,
						     .ca = ca_pem,
						     .user = "joining" },
			 ret);
	return NULL;
}

/* ---- other verbs ---- */

static struct err *since_v4(const struct kubeadm_input *in, const char *name, struct told *ret)
{
	struct err *e = told_of(in, ret);

	if (!e && !ret->v4)
		e = err_new(ERR_USAGE, "kubeadm of Kubernetes 1.%d knows no %s: it takes options",
			    ret->minor, name);
	return e;
}

/* An addon that init left out is not there to be upgraded, which kubeadm takes for a fault. */
static struct json_object *upgrade_ignores(struct json_object *declaration)
{
	static const char dns[] = "CoreDNSUnsupportedPlugins CoreDNSMigration";
	struct json_object *given = json_at(declaration, "kubeadm.ignore_preflight_errors");
	struct json_object *all = given ? json_copy(given) : json_object_new_array();
	AUTO_JSON addon = json_object_new_string("addon/coredns");

	if (!json_list_has(json_at(declaration, "kubeadm.skip_phases"), addon))
		return all;
	WORDS_EACH(w, dns)
		json_object_array_add(all, json_object_new_string_len(w, (int)words_len(w)));
	return all;
}

struct err *kubeadm_upgrade_config(const struct kubeadm_input *in, struct buf *ret)
{
	static const char *const verbs[] = { "apply", "node" };
	AUTO_STR version = NULL;
	struct json_object *o;
	struct told t;
	struct err *e = since_v4(in, "UpgradeConfiguration", &t);

	if (e)
		return e;
	version = xasprintf("v%s", json_str(in->declaration, "version"));
	o = of_kubeadm(&t, "UpgradeConfiguration");
	for (size_t i = 0; i < COUNT(verbs); i++) {
		struct json_object *verb = json_object_new_object();

		if (i == 0)
			json_sets(verb, "kubernetesVersion", version);
		json_set(verb, "certificateRenewal", json_object_new_boolean(true));
		json_set(verb, "etcdUpgrade",
			 json_object_new_boolean(!is_external(in->declaration)));
		set(verb, "imagePullPolicy",
		    json_str(in->declaration, "kubeadm.image_pull_policy"));
		set_some(verb, "ignorePreflightErrors", upgrade_ignores(in->declaration));
		set_patches(verb);
		json_set(o, verbs[i], verb);
	}
	write_document(o, ret);
	return NULL;
}

struct err *kubeadm_reset_config(const struct kubeadm_input *in, struct buf *ret)
{
	struct json_object *o;
	struct told t;
	struct err *e = since_v4(in, "ResetConfiguration", &t);

	if (e)
		return e;
	o = of_kubeadm(&t, "ResetConfiguration");
	json_sets(o, "criSocket", kubeadm_cri_socket(in->declaration));
	json_sets(o, "certificatesDir", PKI_FOLDER);
	json_set(o, "cleanupTmpDir", json_object_new_boolean(true));
	json_set(o, "force", json_object_new_boolean(true));
	write_document(o, ret);
	return NULL;
}

struct err *kubeadm_check(struct json_object *declaration)
{
	const struct kubeadm_input in = { .declaration = declaration };
	AUTO_BUF text = BUF_INIT;

	return kubeadm_cluster_config(&in, &text);
}

/* ---- the runtime ---- */

const char *kubeadm_cri_socket(struct json_object *declaration)
{
	return json_is_str(json_at(declaration, "runtime"), "docker")
		       ? "unix:///run/cri-dockerd.sock"
		       : "unix:///run/containerd/containerd.sock";
}

char *kubeadm_pause_image(struct json_object *declaration, const char *version)
{
	/* PauseVersion in kubeadm's constants, by the first minor that has it; newest first. */
	static const struct {
		int minor;
		const char *pause;
	} pauses[] = { { 36, "3.10.2" }, { 34, "3.10.1" }, { 31, "3.10" }, { 0, "3.9" } };
	const char *repository = json_str(declaration, "kubeadm.image_repository");
	const char *text = version ? version : json_str(declaration, "version");
	struct kube_version v = { 0 };
	size_t i = 0;

	if (text)
		(void)kube_version_of(text, &v);
	while (v.minor < pauses[i].minor)
		i++;
	return xasprintf("%s/pause:%s", repository ? repository : "registry.k8s.io",
			 pauses[i].pause);
}
