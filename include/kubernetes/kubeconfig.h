#ifndef KUBERNETES_KUBECONFIG_H
#define KUBERNETES_KUBECONFIG_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

/*
 * What is known of a cluster and of who we are there before anything is sent: options, K8S_AUTH_*
 * variables and kubeconfig files in one flat struct (cluster.h tells how they go together). Never
 * changes after kubeconfig_load(): read it from any thread. NULL: not given.
 */
struct kubeconfig {
	char *title;  /* "context 'lab' of /home/a/.kube/config", for messages */
	char *user;   /* "user 'admin'", likewise */
	char *folder; /* what relative commands of exec plugins are relative to */
	char *server; /* without a slash at its end */
	char *ns;

	char *ca; /* path */
	char *server_name;
	bool insecure;
	char *proxy; /* "": none, whatever the environment says */
	char *no_proxy;
	char **proxy_headers; /* NULL-terminated */

	char *cert, *key; /* paths */
	char *token, *token_file, *username, *password;
	struct json_object *exec, *oidc; /* as in the file */
	struct json_object *exec_config; /* what the cluster has for its plugin */
	char *as_user, *as_uid;
	struct json_object *as_groups, *as_extra;

	char *expect_uid;
};

MUST_USE struct err *kubeconfig_load(struct json_object *options, struct kubeconfig **ret);
void kubeconfig_free(struct kubeconfig *k);

/* The merged files alone, with no cluster chosen: {"clusters": {name: {...}}, "users", "contexts", "current-context"}. */
MUST_USE struct err *kubeconfig_merge(const char *paths, struct json_object **ret);

/* The name of entries that a program made of other settings: errors leave it out. */
#define KUBECONFIG_UNNAMED "(unnamed)"

#endif
