#include "cluster/node_steps.h"

#include <string.h>

#include "cluster/cluster.h"
#include "cluster/kubeadm_config.h"
#include "cluster/static_pods.h"
#include "cluster/steps.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { RESTART_S = 180, CONTROL_CHARACTERS = 0x20 };

/* ---- making steps ---- */

struct json_object *step_add(struct job *j, const char *id, const char *what)
{
	struct json_object *s = json_object_new_object();

	json_sets(s, "id", id);
	json_sets(s, "do", what);
	(void)json_object_array_add(j->steps, s);
	return s;
}

struct json_object *step_path(struct job *j, const char *id, const char *what, const char *path)
{
	struct json_object *s = step_add(j, id, what);

	json_sets(s, "path", path);
	return s;
}

/* Once for each. */
static void folder_step(struct job *j, const char *path)
{
	AUTO_STR folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct json_object *s;

	if (strcmp(folder, "/etc") == 0)
		return;
	for (size_t i = 0; i < json_len(j->steps); i++)
		if (json_is_str(json_at(json_nth(j->steps, i), "do"), "folder") &&
		    json_is_str(json_at(json_nth(j->steps, i), "path"), folder))
			return;
	s = json_object_new_object();
	json_sets(s, "do", "folder");
	json_sets(s, "path", folder);
	(void)json_object_array_add(j->steps, s);
}

struct json_object *step_file(struct job *j, const char *id, const char *path, const char *mode,
			      const char *content)
{
	struct json_object *s;

	folder_step(j, path);
	s = step_path(j, id, "file", path);
	json_sets(s, "content", content);
	json_sets(s, "mode", mode);
	json_sets(s, "owner", "root:root");
	return s;
}

void step_service(struct job *j, const char *unit, const char *state)
{
	AUTO_STR id = xstrndup(unit, strcspn(unit, "."));
	struct json_object *s = step_add(j, id, "service");

	json_sets(s, "unit", unit);
	json_set(s, "enabled", json_object_new_boolean(true));
	if (state)
		json_sets(s, "state", state);
}

void step_restart(struct job *j, const char *unit, const char *causes)
{
	struct json_object *ids = json_object_new_array(), *s;
	AUTO_STR id = xasprintf("%.*s-restart", (int)strcspn(unit, "."), unit);

	WORDS_EACH(w, causes)
		(void)json_object_array_add(ids, json_object_new_string_len(w, (int)words_len(w)));
	s = step_add(j, id, "service");
	json_sets(s, "unit", unit);
	json_sets(s, "state", "restarted");
	json_set(s, "if_changed", ids);
}

static struct json_object *words_list(const char *words)
{
	struct json_object *list = json_object_new_array();

	WORDS_EACH(w, words)
		(void)json_object_array_add(list, json_object_new_string_len(w, (int)words_len(w)));
	return list;
}

/* ---- the system ---- */

static struct err *clock_steps(struct job *j)
{
	struct json_object *most = json_at(j->declaration, "time.max_offset_s");

	if (most && json_object_get_double(most) > 0)
		json_set(step_add(j, "clock", "time"), "max_offset_s", json_copy(most));
	return NULL;
}

struct json_object *cluster_space(struct json_object *declaration, struct json_object *node)
{
	const int64_t need = json_int(declaration, "space.free_mb", 0);
	const bool docker = json_is_str(json_at(declaration, "runtime"), "docker");
	const bool etcd = cluster_is_control_plane(node) &&
			  !json_is_str(json_at(declaration, "etcd.kind"), "external");
	const char *const paths[] = { "/var/lib/kubelet",
				      docker ? "/var/lib/docker" : "/var/lib/containerd",
				      etcd ? "/var/lib/etcd" : NULL };
	struct json_object *list = json_object_new_array(), *one;

	for (size_t i = 0; need > 0 && i < COUNT(paths) && paths[i]; i++) {
		one = json_object_new_object();
		json_sets(one, "path", paths[i]);
		json_set(one, "need_mb", json_object_new_int64(need));
		(void)json_object_array_add(list, one);
	}
	return list;
}

/* A member may use up what it has. */
static struct err *space_steps(struct job *j)
{
	AUTO_JSON list = cluster_space(j->declaration, j->node);

	for (size_t i = 0; j->in->phase != NODE_MEMBER && i < json_len(list); i++) {
		const char *path = json_str(json_nth(list, i), "path");
		AUTO_STR id = xasprintf("space-%s", strrchr(path, '/') + 1);

		json_set(step_path(j, id, "space", path), "free_mb",
			 json_copy(json_at(json_nth(list, i), "need_mb")));
	}
	return NULL;
}

static struct err *kernel_steps(struct job *j)
{
	static const char *const settings[] = {
		"net.bridge.bridge-nf-call-iptables",
		"net.bridge.bridge-nf-call-ip6tables",
		"net.ipv4.ip_forward",
	};
	const char *pods = json_str(j->declaration, "networks.pod_cidr");
	struct json_object *values = json_object_new_object();

	(void)step_add(j, "swap", "swap");
	json_set(step_add(j, "modules", "kernel_module"), "modules",
		 words_list("overlay br_netfilter"));
	for (size_t i = 0; i < COUNT(settings); i++)
		json_sets(values, settings[i], "1");
	if (pods && strchr(pods, ':'))
		json_sets(values, "net.ipv6.conf.all.forwarding", "1");
	json_set(step_add(j, "sysctl", "sysctl"), "values", values);
	return NULL;
}

/* ---- proxies ---- */

#define PROXY_FILE "/etc/treenail/proxy.env"

static void comma(struct buf *b, const char *s)
{
	if (s && *s)
		buf_addf(b, "%s%s", b->len ? "," : "", s);
}

/* What is reached directly: all of the cluster's own. */
static void direct(struct json_object *declaration, struct buf *b)
{
	struct json_object *given = json_at(declaration, "proxy.no_proxy");
	struct json_object *nodes = json_at(declaration, "nodes");
	AUTO_STR domain = xasprintf(".%s", json_str(declaration, "networks.dns_domain"));

	for (size_t i = 0; i < json_len(given); i++)
		comma(b, json_object_get_string(json_nth(given, i)));
	comma(b, "localhost,127.0.0.1,::1,.svc");
	comma(b, domain);
	comma(b, json_str(declaration, "networks.pod_cidr"));
	comma(b, json_str(declaration, "networks.service_cidr"));
	comma(b, json_str(declaration, "endpoint.host"));
	for (size_t i = 0; i < json_len(nodes); i++)
		comma(b, cluster_node_address(json_nth(nodes, i)));
}

struct json_object *cluster_proxy_env(struct json_object *declaration)
{
	const char *http = json_str(declaration, "proxy.http");
	const char *https = json_str(declaration, "proxy.https");
	struct json_object *env;
	AUTO_BUF no = BUF_INIT;

	if (!http && !https)
		return NULL;
	env = json_object_new_object();
	if (http)
		json_sets(env, "HTTP_PROXY", http);
	if (https)
		json_sets(env, "HTTPS_PROXY", https);
	direct(declaration, &no);
	json_sets(env, "NO_PROXY", no.s);
	return env;
}

/* What an EnvironmentFile would read otherwise than it was meant, or not as one value. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= CONTROL_CHARACTERS || strchr("\"'\\#", *s))
			return false;
	return true;
}

/* As a file of its own, for root alone: units' settings are shown to everyone. */
static struct err *proxy_steps(struct job *j)
{
	AUTO_JSON env = cluster_proxy_env(j->declaration);
	AUTO_STR drop_in = xasprintf("/etc/systemd/system/%s.service.d/treenail-proxy.conf",
				     j->docker ? "docker" : "containerd");
	AUTO_BUF lines = BUF_INIT;
	struct err *e = NULL;

	if (!env) {
		(void)step_path(j, "proxy", "absent", PROXY_FILE);
		(void)step_path(j, "proxy-unit", "absent", drop_in);
		return NULL;
	}
	json_object_object_foreach(env, key, v) {
		if (!e && !is_plain(json_object_get_string(v)))
			e = err_at(err_new(ERR_USAGE,
					   "proxy: %s has a blank, a quote, # or \\: write it "
					   "percent-encoded",
					   key),
				   "proxy");
		buf_addf(&lines, "%s=%s\n", key, json_object_get_string(v));
	}
	if (!e) {
		json_set(step_file(j, "proxy", PROXY_FILE, "0600", lines.s), "secret",
			 json_object_new_boolean(true));
		(void)step_file(j, "proxy-unit", drop_in, "0644",
				"[Service]\nEnvironmentFile=" PROXY_FILE "\n");
	}
	buf_wipe(&lines);
	json_wipe(env);
	return e;
}

/* ---- packages ---- */

static struct err *apt_steps(struct job *j)
{
	struct json_object *lines = json_at(j->declaration, "packages.repository");
	const char *key = json_str(j->declaration, "packages.key");
	AUTO_BUF text = BUF_INIT;
	struct err *e = NULL;

	if (!json_truth(j->declaration, "packages.manage", true))
		return NULL;
	if (key) {
		e = declared_text("packages.key", key, &text);
		if (!e)
			(void)step_file(j, "apt-key", "/etc/apt/keyrings/kubernetes.asc", "0644",
					text.s);
	}
	buf_release(&text);
	for (size_t i = 0; !e && i < json_len(lines); i++)
		buf_addf(&text, "%s\n", json_object_get_string(json_nth(lines, i)));
	if (text.len)
		(void)step_file(j, "apt-sources", "/etc/apt/sources.list.d/kubernetes.list", "0644",
				text.s);
	return e;
}

/* "name" or "name=version". */
static void want_packages(struct json_object *all, struct json_object *names)
{
	for (size_t i = 0; i < json_len(names); i++) {
		const char *s = json_object_get_string(json_nth(names, i));
		const char *version = strchr(s, '=');
		AUTO_STR name = xstrndup(s, strcspn(s, "="));

		json_sets(all, name, version ? version + 1 : NULL);
	}
}

/* The revision may be any: then the version alone is said. */
static void want_version(struct job *j, struct json_object *all, const char *name,
			 const char *version)
{
	const char *revision = json_str(j->declaration, "packages.revision");
	const bool any = !revision || strcmp(revision, "*") == 0;
	AUTO_STR text = xasprintf("%s%s%s", version, any ? "" : "-", any ? "" : revision);

	json_sets(all, name, text);
}

/* Takes the packages. */
static struct json_object *package_step(struct job *j, const char *id, struct json_object *all)
{
	AUTO_JSON env = cluster_proxy_env(j->declaration);
	struct json_object *s = step_add(j, id, "package"), *lower;

	json_set(s, "packages", all);
	if (j->in->phase != NODE_MEMBER) /* what another cluster left there may be newer */
		json_set(s, "allow_downgrade", json_object_new_boolean(true));
	if (env) {
		lower = json_object_new_object();
		json_sets(lower, "http_proxy", json_str(env, "HTTP_PROXY"));
		json_sets(lower, "https_proxy", json_str(env, "HTTPS_PROXY"));
		json_sets(lower, "no_proxy", json_str(env, "NO_PROXY"));
		if (!json_str(env, "HTTP_PROXY"))
			json_object_object_del(lower, "http_proxy");
		if (!json_str(env, "HTTPS_PROXY"))
			json_object_object_del(lower, "https_proxy");
		json_set(s, "env", lower);
		json_set(s, "secret", json_object_new_boolean(true));
		json_wipe(env);
	}
	return s;
}

/* All in one step, which is one run of apt; then those of Kubernetes are held. */
static struct err *package_steps(struct job *j)
{
	struct json_object *runtime = json_at(j->declaration, "packages.runtime");
	AUTO_JSON usual = words_list(j->docker ? "docker.io cri-dockerd" : "containerd");
	const char *version = json_str(j->declaration, "version");
	const char *kubelet = j->in->kubelet ? j->in->kubelet : version;
	const char *kubeadm = j->in->kubeadm ? j->in->kubeadm : version;
	struct json_object *all, *own;

	if (!json_truth(j->declaration, "packages.manage", true))
		return NULL;
	own = json_object_new_object();
	want_version(j, own, "kubelet", kubelet);
	want_version(j, own, "kubeadm", kubeadm);
	want_version(j, own, "kubectl", kubelet);
	all = json_object_new_object();
	want_packages(all, json_len(runtime) ? runtime : usual);
	want_packages(all, json_at(j->declaration, "packages.extra"));
	json_object_object_foreach(own, name, v)
		json_set(all, name, json_copy(v));
	(void)package_step(j, "packages", all);
	json_set(package_step(j, "packages-hold", own), "hold",
		 json_object_new_boolean(json_truth(j->declaration, "packages.hold", true)));
	return NULL;
}

/* ---- images ---- */

static struct err *image_steps(struct job *j)
{
	struct json_object *images = json_at(j->declaration, "images");
	const char *role = json_str(j->node, "role");

	for (size_t i = 0; i < json_len(images); i++) {
		struct json_object *image = json_nth(images, i), *s, *sha256 = NULL;
		AUTO_JSON own = json_object_new_string(role ? role : "worker");
		AUTO_STR id = xasprintf("image-%zu", i);

		if (json_at(image, "archive"))
			(void)json_object_object_get_ex(j->in->archives, json_str(image, "archive"),
							&sha256);
		if ((!sha256 && !json_at(image, "path")) ||
		    !json_list_has(json_at(image, "roles"), own))
			continue;
		s = step_add(j, id, "image");
		if (sha256)
			json_set(s, "blob", json_copy(sha256));
		else
			json_set(s, "path", json_copy(json_at(image, "path")));
		json_set(s, "names", json_copy(json_at(image, "names")));
		json_sets(s, "runtime", j->docker ? "docker" : "containerd");
	}
	return NULL;
}

/* ---- kubeadm's patches ---- */

#define OWN_PATCH "kubeletconfiguration0+merge.yaml"

static bool is_file_name(const char *s)
{
	static const char fine[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+_-";

	return *s && *s != '.' && *s != '-' && s[strspn(s, fine)] == '\0';
}

/* What is there beside them would be applied, too. */
static void sweep_patches(struct job *j, struct json_object *patches)
{
	struct json_object *argv = words_list("find " KUBEADM_PATCHES " -type f"), *s;
	struct json_object *unless = words_list("sh -c");
	AUTO_BUF rest = BUF_INIT;
	AUTO_STR test = NULL;

	buf_adds(&rest, "! -name " OWN_PATCH);
	if (patches) {
		json_object_object_foreach(patches, name, text) {
			(void)text;
			buf_addf(&rest, " ! -name %s", name);
		}
	}
	WORDS_EACH(w, rest.s)
		(void)json_object_array_add(argv, json_object_new_string_len(w, (int)words_len(w)));
	(void)json_object_array_add(argv, json_object_new_string("-delete"));
	test = xasprintf("test -z \"$(find " KUBEADM_PATCHES " -type f %s)\"", rest.s);
	(void)json_object_array_add(unless, json_object_new_string(test));
	s = step_add(j, "patches-sweep", "command");
	json_set(s, "argv", argv);
	json_set(s, "unless", unless);
}

/* The node's own says which driver of cgroups it has, which need not be that of the others. */
static struct err *patch_steps(struct job *j)
{
	struct json_object *patches = json_at(j->declaration, "kubeadm.patches");
	AUTO_STR own = xasprintf("cgroupDriver: %s\n", j->driver);

	(void)step_file(j, "patch-own", KUBEADM_PATCHES "/" OWN_PATCH, "0644", own);
	if (json_object_is_type(patches, json_type_object)) {
		json_object_object_foreach(patches, name, text) {
			AUTO_STR path = xasprintf("%s/%s", KUBEADM_PATCHES, name);
			AUTO_STR id = xasprintf("patch-%s", name);
			AUTO_BUF yaml = BUF_INIT;

			if (!is_file_name(name) || strcmp(name, OWN_PATCH) == 0)
				return err_at(err_new(ERR_USAGE,
						      "kubeadm.patches: '%s' is no name for a "
						      "patch: kube-apiserver0+merge.yaml is one",
						      name),
					      "kubeadm");
			if (json_object_is_type(text, json_type_string))
				buf_adds(&yaml, json_object_get_string(text));
			else
				yaml_write(text, &yaml);
			(void)step_file(j, id, path, "0644", yaml.s);
		}
	}
	sweep_patches(j, json_object_is_type(patches, json_type_object) ? patches : NULL);
	return NULL;
}

/* ---- the control plane's files ---- */

/* The API server reads its policy once. */
static void audit_restart(struct job *j)
{
	struct json_object *s = step_add(j, "audit-restart", "command");
	struct json_object *argv = static_pods_argv("restart");
	AUTO_STR name = static_pods_name("kube-apiserver");

	(void)json_object_array_add(argv, json_object_new_string(name));
	json_set(s, "argv", argv);
	json_set(s, "if_changed", words_list("audit-policy"));
	json_set(s, "timeout_s", json_object_new_int(RESTART_S));
}

static struct err *audit_steps(struct job *j)
{
	const char *policy = json_str(j->declaration, "audit_policy");
	AUTO_BUF text = BUF_INIT;
	struct err *e;

	if (!j->control_plane || !policy)
		return NULL;
	e = declared_text("audit_policy", policy, &text);
	if (e)
		return e;
	(void)step_file(j, "audit-policy", KUBEADM_AUDIT_POLICY, "0600", text.s);
	json_sets(step_path(j, "audit-folder", "folder", KUBEADM_AUDIT_FOLDER), "mode", "0700");
	if (j->in->phase == NODE_MEMBER)
		audit_restart(j);
	return NULL;
}

/* ---- kubelet ---- */

/* systemd splits the line at blanks, whatever is quoted. */
static struct err *kubelet_line(struct job *j, struct buf *line)
{
	struct json_object *args = json_at(j->node, "kubelet_args");
	const char *address = json_str(j->node, "node_ip"), *between = "";

	buf_adds(line, "KUBELET_EXTRA_ARGS=");
	if (address) {
		buf_addf(line, "--node-ip=%s", address);
		between = " ";
	}
	if (!json_object_is_type(args, json_type_object))
		return NULL;
	json_object_object_foreach(args, name, v) {
		AUTO_STR value = json_text(v);

		if (!is_plain(name) || !is_plain(value) || strchr(value, '$'))
			return err_at(err_new(ERR_USAGE,
					      "node '%s': kubelet_args.%s: a blank, a quote, #, $ "
					      "or \\ cannot be handed on",
					      json_str(j->node, "name"), name),
				      "kubelet_args");
		buf_addf(line, "%s--%s=%s", between, name, value);
		between = " ";
	}
	return NULL;
}

/* kubeadm starts it; before, it has no configuration and would end again and again. */
static struct err *kubelet_steps(struct job *j)
{
	AUTO_BUF line = BUF_INIT;
	struct err *e = kubelet_line(j, &line);

	if (e)
		return e;
	buf_adds(&line, "\n");
	(void)step_file(j, "kubelet-args", "/etc/default/kubelet", "0644", line.s);
	step_service(j, "kubelet", j->in->phase == NODE_MEMBER ? "started" : NULL);
	if (j->in->phase == NODE_MEMBER)
		step_restart(j, "kubelet", "kubelet-args");
	return NULL;
}

/* ---- all ---- */

typedef struct err *part_fn(struct job *j);

static part_fn *const parts[] = {
	clock_steps,   space_steps, kernel_steps, proxy_steps, apt_steps,     package_steps,
	runtime_steps, image_steps, patch_steps,  audit_steps, kubelet_steps, kube_vip_steps,
};

static void job_begin(struct job *j, const struct node_input *in)
{
	const char *given = json_str(in->declaration, "kubeadm.kubelet.cgroupDriver");
	const char *containerd = json_str(in->facts, "containerd");

	*j = (struct job){ .in = in,
			   .declaration = in->declaration,
			   .node = in->node,
			   .steps = json_object_new_array() };
	j->control_plane = cluster_is_control_plane(in->node);
	j->docker = json_is_str(json_at(in->declaration, "runtime"), "docker");
	j->driver = given ? given : json_int(in->facts, "cgroup", 2) == 1 ? "cgroupfs" : "systemd";
	/* A Debian version: it may have an epoch. */
	if (containerd && strchr(containerd, ':'))
		containerd = strchr(containerd, ':') + 1;
	j->containerd = containerd ? (int)strtol(containerd, NULL, 10) : 0;
}

struct err *cluster_node_steps(const struct node_input *in, struct json_object **ret)
{
	struct job j;
	struct err *e = NULL;

	job_begin(&j, in);
	for (size_t i = 0; !e && i < COUNT(parts); i++)
		e = parts[i](&j);
	if (e) {
		json_wipe(j.steps);
		json_object_put(j.steps);
		return e;
	}
	*ret = j.steps;
	return NULL;
}
