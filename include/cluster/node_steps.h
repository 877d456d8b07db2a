#ifndef CLUSTER_NODE_STEPS_H
#define CLUSTER_NODE_STEPS_H

#include "buf.h"
#include "err.h"
#include "json.h"

/*
 * What is to be true on one node beside what kubeadm makes, as steps of an agent's plan. A pure function, but that
 * it reads the files here that the declaration names (its audit policy, the repository's key, mirrors' CAs).
 *
 * Steps have ids: clock space-* swap modules sysctl proxy* apt-* packages* containerd* docker* crictl mirror-* image-* patch*
 * audit-policy audit-folder kubelet* kube-vip*. Whoever must know whether something changed
 * (a changed audit policy wants the API server restarted) looks for them in the report.
 */
enum node_phase {
	NODE_INIT,   /* before kubeadm init on it */
	NODE_JOIN,   /* before kubeadm join on it */
	NODE_MEMBER, /* it belongs to the cluster */
};

struct node_input {
	struct json_object *declaration, *node;
	enum node_phase phase;
	/* Version of kubelet and kubectl, and of kubeadm; NULL: the declaration's. During an upgrade they differ. */
	const char *kubelet, *kubeadm;
	/*
	 * What is known of the host: {"cgroup": 1 or 2, "containerd": "1.7.24"}. Without cgroup: 2; without
	 * containerd: a configuration that 1.x and 2.x read.
	 */
	struct json_object *facts;
	/* {archive: SHA-256 of the file here} of the declaration's images; those without are left out. */
	struct json_object *archives;
};

/* *ret: a list, owned. Steps with "secret" hold passwords (proxies'): json_wipe() it. */
MUST_USE struct err *cluster_node_steps(const struct node_input *in, struct json_object **ret);

/*
 * {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} of the declaration, with the cluster's own networks, nodes and endpoint among those
 * reached directly: for kubeadm, which hands them on to the control plane. NULL: there is no proxy. Owned, secret.
 */
struct json_object *cluster_proxy_env(struct json_object *declaration);

/* Steps after kubeadm reset that take what is left of kube-vip off a host, its address among them; owned. */
struct json_object *kube_vip_gone(struct json_object *declaration);

/*
 * What must be free on a node before it becomes a member or is upgraded: [{"path": "/var/lib/etcd", "need_mb": 2048}], of the
 * file systems of images, pods and a stacked etcd; empty if nothing must. Owned.
 */
struct json_object *cluster_space(struct json_object *declaration, struct json_object *node);

/* {"plugins": {"a.b": {"x": [1]}}} -> TOML; what JSON knows and TOML does not (null) is left out. */
void toml_write(struct json_object *v, struct buf *out);

#endif
