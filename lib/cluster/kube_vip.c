#include <string.h>

#include "cluster/engine.h"
#include "cluster/kubeadm_config.h"
#include "cluster/steps.h"
#include "kubernetes/preflight.h"
#include "yaml.h"

/*
 * kube-vip as a static pod of each control plane: it holds the endpoint's address on one of them, which it
 * announces by ARP, or NDP.
 */

#define IMAGE    "ghcr.io/kube-vip/kube-vip:v1.0.2"
#define MANIFEST "/etc/kubernetes/manifests/kube-vip.yaml"
#define HOSTS    "/etc/kubernetes/kube-vip.hosts"
#define ADMIN    "/etc/kubernetes/admin.conf"

enum { ADDRESS_S = 60, SUPER_ADMIN_SINCE = 29 };

static struct json_object *pair(const char *name, const char *value)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "name", name);
	json_sets(o, "value", value);
	return o;
}

static struct json_object *one(struct json_object *v)
{
	struct json_object *list = json_object_new_array();

	(void)json_object_array_add(list, v);
	return list;
}

static struct json_object *environment(const struct job *j)
{
	const char *host = json_str(j->declaration, "endpoint.host");
	const char *interface = json_str(j->declaration, "endpoint.interface");
	const char *bits = host && strchr(host, ':') ? "128" : "32";
	AUTO_STR port = xasprintf("%d", (int)json_int(j->declaration, "endpoint.port", 6443));
	/* vip_cidr is what vip_subnet was called before 0.9. */
	const char *const all[][2] = {
		{ "vip_arp", "true" },
		{ "port", port },
		{ "vip_interface", interface },
		{ "vip_subnet", bits },
		{ "vip_cidr", bits },
		{ "cp_enable", "true" },
		{ "cp_namespace", "kube-system" },
		{ "vip_leaderelection", "true" },
		{ "vip_leasename", "plndr-cp-lock" },
		{ "vip_leaseduration", "5" },
		{ "vip_renewdeadline", "3" },
		{ "vip_retryperiod", "1" },
		{ "address", host },
	};
	struct json_object *list = json_object_new_array(), *field, *name;

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i][1])
			(void)json_object_array_add(list, pair(all[i][0], all[i][1]));
	field = json_wrap("fieldRef",
			  json_wrap("fieldPath", json_object_new_string("spec.nodeName")));
	name = json_object_new_object();
	json_sets(name, "name", "vip_nodename");
	json_set(name, "valueFrom", field);
	(void)json_object_array_add(list, name);
	return list;
}

static struct json_object *mount(const char *name, const char *path)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "name", name);
	json_sets(o, "mountPath", path);
	json_set(o, "readOnly", json_object_new_boolean(true));
	return o;
}

static struct json_object *volume(const char *name, const char *path)
{
	struct json_object *o = json_object_new_object(), *file = json_object_new_object();

	json_sets(file, "path", path);
	json_sets(file, "type", "File");
	json_sets(o, "name", name);
	json_set(o, "hostPath", file);
	return o;
}

static struct json_object *security(void)
{
	struct json_object *o = json_object_new_object();
	struct json_object *caps = one(json_object_new_string("NET_ADMIN"));

	(void)json_object_array_add(caps, json_object_new_string("NET_RAW"));
	json_set(o, "add", caps);
	json_set(o, "drop", one(json_object_new_string("ALL")));
	return json_wrap("capabilities", o);
}

static struct json_object *container(const struct job *j)
{
	const char *image = json_str(j->declaration, "endpoint.image");
	struct json_object *o = json_object_new_object();
	struct json_object *mounts = one(mount("kubeconfig", ADMIN));

	(void)json_object_array_add(mounts, mount("hosts", "/etc/hosts"));
	json_sets(o, "name", "kube-vip");
	json_sets(o, "image", image ? image : IMAGE);
	json_sets(o, "imagePullPolicy", "IfNotPresent");
	json_set(o, "args", one(json_object_new_string("manager")));
	json_set(o, "env", environment(j));
	json_set(o, "securityContext", security());
	json_set(o, "volumeMounts", mounts);
	return o;
}

/*
 * Until kubeadm init has bound the administrators' group, only super-admin.conf may do anything, since
 * there is one. And it asks for the API server as "kubernetes", which is this host: by a hosts file of its own, as static
 * pods have lost hostAliases in some releases.
 */
static struct json_object *manifest(const struct job *j)
{
	struct kube_version v = { 0 };
	const bool known = kube_version_of(json_str(j->declaration, "version"), &v);
	const bool apart = known && v.minor >= SUPER_ADMIN_SINCE && j->in->phase == NODE_INIT;
	const char *config = apart ? "/etc/kubernetes/super-admin.conf" : ADMIN;
	struct json_object *o = json_object_new_object(), *spec = json_object_new_object();
	struct json_object *meta = json_object_new_object();
	struct json_object *volumes = one(volume("kubeconfig", config));

	(void)json_object_array_add(volumes, volume("hosts", HOSTS));
	json_sets(meta, "name", "kube-vip");
	json_sets(meta, "namespace", "kube-system");
	json_set(spec, "containers", one(container(j)));
	json_set(spec, "hostNetwork", json_object_new_boolean(true));
	json_sets(spec, "priorityClassName", "system-node-critical");
	json_set(spec, "volumes", volumes);
	json_sets(o, "apiVersion", "v1");
	json_sets(o, "kind", "Pod");
	json_set(o, "metadata", meta);
	json_set(o, "spec", spec);
	return o;
}

/* kubeadm join wants the folder of manifests empty. */
struct err *kube_vip_steps(struct job *j)
{
	const bool wanted = json_is_str(json_at(j->declaration, "endpoint.kind"), "kube_vip");
	AUTO_JSON o = NULL;
	AUTO_BUF text = BUF_INIT;

	if (!j->control_plane || j->in->phase == NODE_JOIN)
		return NULL;
	if (!wanted) {
		(void)step_path(j, "kube-vip", "absent", MANIFEST);
		(void)step_path(j, "kube-vip-hosts", "absent", HOSTS);
		return NULL;
	}
	o = manifest(j);
	yaml_write(o, &text);
	(void)step_file(j, "kube-vip-hosts", HOSTS, "0644",
			"127.0.0.1 localhost kubernetes\n::1 localhost\n");
	(void)step_file(j, "kube-vip", MANIFEST, "0600", text.s);
	return NULL;
}

/* kubeadm reset kills it, and what is killed keeps its address: others would go on to come here. */
struct json_object *kube_vip_gone(struct json_object *declaration)
{
	struct json_object *steps = steps_new(), *s;

	if (!json_is_str(json_at(declaration, "endpoint.kind"), "kube_vip"))
		return steps;
	s = step_command("kube-vip", "sh -c", ADDRESS_S);
	step_argv(s, "ip -o address show to \"$1\" | while read -r _ dev _ address _; do "
		     "ip address del \"$address\" dev \"$dev\" || exit; done");
	step_argv(s, "-");
	step_argv(s, json_str(declaration, "endpoint.host"));
	steps_add(steps, s);
	steps_add(steps, step_absent(HOSTS));
	return steps;
}
