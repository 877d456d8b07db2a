#ifndef CLUSTER_KUBECONFIG_H
#define CLUSTER_KUBECONFIG_H

#include "buf.h"

/* What a kubeconfig of one cluster and one user says. NULL: it does not. Texts are PEM, not base64. */
struct kubeconfig_parts {
	const char *cluster; /* name; NULL: kubernetes */
	const char *server;  /* https://10.0.0.1:6443 */
	const char *server_name;
	const char *ca;
	const char *user; /* name; NULL: somebody without credentials */
	const char *cert, *key;
	const char *token;
	const char *ns;
};

/* Appends it as YAML. With a key or a token it is secret: buf_wipe(). */
void kubeconfig_write(const struct kubeconfig_parts *k, struct buf *ret);

#endif
