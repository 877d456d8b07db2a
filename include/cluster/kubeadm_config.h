#ifndef CLUSTER_KUBEADM_CONFIG_H
#define CLUSTER_KUBEADM_CONFIG_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"
#include "json.h"

/*
 * What kubeadm is told, as YAML for --config: API kubeadm.k8s.io/v1beta4, of versions before 1.31 v1beta3. Pure
 * functions of a declaration (cluster/cluster.h, with its defaults) and one of its nodes.
 * Source: the types of kubeadm's v1beta3 and v1beta4; kubeadm itself reads them in the tests.
 *
 * Not in them: labels and, but for a node's registration, taints, which are the API's matter; kubelet_args and
 * node_ip, which node_steps.h writes into /etc/default/kubelet, so that they can be changed later. The API servers listen
 * on the endpoint's port.
 */
struct kubeadm_input {
	struct json_object *declaration, *node;
	const char *version; /* NULL: the declaration's */
	const char *token;   /* of bootstrap: init makes it known, join uses it */
	int token_s;         /* how long it lives; 0: 2 hours */
	/* Where the discovery file is on the node (kubeadm_discovery()); NULL: KUBEADM_DISCOVERY. */
	const char *discovery;
	/*
	 * What was begun is done again: kubeadm's checks that nothing is there yet, of files, folders and ports, are
	 * warnings, as those of the declaration are.
	 */
	bool resume;
};

/* In memory there, for root alone: they hold the token. To be removed after use. */
#define KUBEADM_FOLDER    "/run/treenail/kubeadm"
#define KUBEADM_CONFIG    KUBEADM_FOLDER "/config.yaml"
#define KUBEADM_DISCOVERY KUBEADM_FOLDER "/discovery.conf"
/* Written by node_steps.h: the declaration's patches, and the node's own. */
#define KUBEADM_PATCHES      "/etc/kubernetes/patches"
#define KUBEADM_AUDIT_POLICY "/etc/kubernetes/audit-policy.yaml"
#define KUBEADM_AUDIT_FOLDER "/var/log/kubernetes/audit"

/* InitConfiguration, ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration. Secret. */
MUST_USE struct err *kubeadm_init_config(const struct kubeadm_input *in, struct buf *ret);
/* The same without a token, for single phases of init on a control plane there is. */
MUST_USE struct err *kubeadm_local_config(const struct kubeadm_input *in, struct buf *ret);
/* JoinConfiguration; of a control plane whose shared files (cluster/pki.h) are there already. Secret. */
MUST_USE struct err *kubeadm_join_config(const struct kubeadm_input *in, struct buf *ret);
/* The last three documents of init, without secrets: for kubeadm init phase upload-config. */
MUST_USE struct err *kubeadm_cluster_config(const struct kubeadm_input *in, struct buf *ret);
/* ClusterConfiguration alone; owned. */
MUST_USE struct err *kubeadm_cluster(const struct kubeadm_input *in, struct json_object **ret);
/* UpgradeConfiguration, for kubeadm upgrade apply and node since 1.31; before, ERR_USAGE: there are only options. */
MUST_USE struct err *kubeadm_upgrade_config(const struct kubeadm_input *in, struct buf *ret);
/* ResetConfiguration since 1.31; before, ERR_USAGE likewise. */
MUST_USE struct err *kubeadm_reset_config(const struct kubeadm_input *in, struct buf *ret);
/* A kubeconfig with CA and address alone: who joins knows whom to trust before it says anything. No secret. */
MUST_USE struct err *kubeadm_discovery(const struct kubeadm_input *in, const char *ca_pem,
				       struct buf *ret);

/*
 * ERR_USAGE names options (kubeadm.api_server_args.x, certificates.key_type) that kubeadm of this version cannot be told:
 * v1beta3 knows neither lifetimes nor other keys than RSA-2048 and ECDSA-P256, and no option given twice; ECDSA-P384 is
 * known since 1.34. The functions above find the same.
 */
MUST_USE struct err *kubeadm_check(struct json_object *declaration);

/*
 * What of a declaration is other than in the ClusterConfiguration that kubeadm keeps: {"kube-apiserver": [name of an option or
 * volume, ...], "certificate": [name that its certificate is for, ...]}, with etcd, kube-controller-manager and kube-scheduler;
 * {}: nothing. Of encryption at rest only that it begins: what has begun is not looked at. Owned. (options.c)
 */
MUST_USE struct err *kubeadm_differs(struct json_object *declaration, struct json_object *kept,
				     struct json_object **ret);

/* Sentences about what is declared otherwise than a cluster was made with, and cannot be changed. Owned. (options.c) */
MUST_USE struct err *kubeadm_fixed(struct json_object *declaration, struct json_object *kept,
				   struct json_object **ret);

/* "unix:///run/containerd/containerd.sock": the socket of the declaration's runtime. */
const char *kubeadm_cri_socket(struct json_object *declaration);
/* registry.k8s.io/pause:3.10, what kubeadm of a version (NULL: the declaration's) wants, from its image repository. Owned. */
char *kubeadm_pause_image(struct json_object *declaration, const char *version);

#endif
