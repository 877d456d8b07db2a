#include <string.h>

#include "cluster/kubeadm_config.h"
#include "text.h"

/* What kubeadm keeps of a cluster's options, and what is declared of them. */

/* It begins where there was none. Another file's keys would be lost, and what has begun is not ended: the plan refuses both. */
static const char ENCRYPTION[] = "encryption-provider-config";

static const struct part {
	const char *of, *path;
} parts[] = {
	{ "etcd", "etcd.local.extraArgs" },
	{ "kube-apiserver", "apiServer.extraArgs" },
	{ "kube-apiserver", "apiServer.extraVolumes" },
	{ "kube-controller-manager", "controllerManager.extraArgs" },
	{ "kube-scheduler", "scheduler.extraArgs" },
	{ "certificate", "apiServer.certSANs" },
};

/* What a cluster is made with, and keeps. */
static const struct part fixed[] = {
	{ "networks.pod_cidr", "networking.podSubnet" },
	{ "networks.service_cidr", "networking.serviceSubnet" },
	{ "networks.dns_domain", "networking.dnsDomain" },
	{ "endpoint", "controlPlaneEndpoint" },
	{ "certificates.key_type", "encryptionAlgorithm" },
	{ "kubeadm.image_repository", "imageRepository" },
};

/* Several of one name in their order. */
static void put(struct json_object *all, const char *name, const char *text)
{
	const char *had = json_str(all, name);
	AUTO_STR both = had ? xasprintf("%s\n%s", had, text) : xstrdup(text);

	json_sets(all, name, both);
}

/* kubeadm leaves out what is false. Owned. */
static struct json_object *said(struct json_object *o)
{
	struct json_object *kept = json_object_new_object();

	json_object_object_foreach(o, key, v)
		if (!json_object_is_type(v, json_type_boolean) || json_object_get_boolean(v))
			json_set(kept, key, json_copy(v));
	return kept;
}

/* {name: text, or what is said of it}, of a list of names, of {"name", "value"}, of {"name", ...}, or of a map. Owned. */
static struct json_object *named(struct json_object *v)
{
	struct json_object *all = json_object_new_object();

	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, value)
			put(all, key, json_object_get_string(value));
		return all;
	}
	for (size_t i = 0; i < json_len(v); i++) {
		struct json_object *one = json_nth(v, i);
		const char *name = json_str(one, "name"), *value = json_str(one, "value");

		if (name && value)
			put(all, name, value);
		else if (name)
			json_set(all, name, said(one));
		else if (json_object_is_type(one, json_type_string))
			put(all, json_object_get_string(one), "");
	}
	return all;
}

static void add(struct json_object *ret, const char *of, const char *name)
{
	AUTO_JSON word = json_object_new_string(name);
	struct json_object *list = NULL;

	if (!json_object_object_get_ex(ret, of, &list)) {
		list = json_object_new_array();
		json_set(ret, of, list);
	}
	if (!json_list_has(list, word))
		json_object_array_add(list, TAKE(word));
}

/* Those of x that y has not, or otherwise. */
static void compare(struct json_object *x, struct json_object *y, const char *of,
		    struct json_object *ret)
{
	json_object_object_foreach(x, name, v) {
		struct json_object *other = NULL;

		if (!json_object_object_get_ex(y, name, &other) || !json_object_equal(v, other))
			add(ret, of, name);
	}
}

struct err *kubeadm_differs(struct json_object *declaration, struct json_object *kept,
			    struct json_object **ret)
{
	AUTO_JSON want = NULL;
	struct err *e =
		kubeadm_cluster(&(struct kubeadm_input){ .declaration = declaration }, &want);

	if (e)
		return e;
	*ret = json_object_new_object();
	for (size_t i = 0; i < COUNT(parts); i++) {
		AUTO_JSON x = named(json_at(want, parts[i].path));
		AUTO_JSON y = named(json_at(kept, parts[i].path));

		if (json_has(y, ENCRYPTION)) {
			json_object_object_del(x, ENCRYPTION);
			json_object_object_del(y, ENCRYPTION);
		}
		compare(x, y, parts[i].of, *ret);
		compare(y, x, parts[i].of, *ret);
	}
	return NULL;
}

struct err *kubeadm_fixed(struct json_object *declaration, struct json_object *kept,
			  struct json_object **ret)
{
	AUTO_JSON want = NULL;
	struct err *e =
		kubeadm_cluster(&(struct kubeadm_input){ .declaration = declaration }, &want);

	if (e)
		return e;
	*ret = json_object_new_array();
	for (size_t i = 0; i < COUNT(fixed); i++) {
		const char *x = json_str(want, fixed[i].path), *y = json_str(kept, fixed[i].path);

		if (!x || !y || strcmp(x, y) == 0)
			continue;
		AUTO_STR line =
			xasprintf("%s: declared is %s, the cluster was made with %s and keeps it",
				  fixed[i].of, x, y);
		json_object_array_add(*ret, json_object_new_string(line));
	}
	if (json_at(kept, "etcd") &&
	    !json_at(want, "etcd.external") != !json_at(kept, "etcd.external"))
		json_object_array_add(
			*ret, json_object_new_string("etcd.kind: declared is another one than the "
						     "cluster was made with, and keeps"));
	return NULL;
}
