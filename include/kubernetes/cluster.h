#ifndef KUBERNETES_CLUSTER_H
#define KUBERNETES_CLUSTER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "resource.h"

/*
 * One Kubernetes API server, and who we are there. Nothing is sent, no plugin run and no token file
 * read before the first call needs it; the configuration is read and checked at once.
 *
 * `options` are the connection options of a module, by the names kubernetes.core gives them
 * (cluster_options). Null and "" count as absent. Precedence: option; K8S_AUTH_NAME; kubeconfig
 * (option kubeconfig: a path, several with ':' between, or the configuration itself as a dictionary;
 * else K8S_AUTH_KUBECONFIG; else KUBECONFIG; else ~/.kube/config). Several files are merged as
 * kubectl merges them: the first that has a name, or current-context, wins; paths in a file are
 * relative to it. With host and credentials no file is read. A file named that is not there, a context
 * that no file has, and a configuration that names no server are errors that say where was looked;
 * the pod's own cluster is meant only by context "in-cluster", never by default.
 *
 * Who we are: client certificate (file or data), token, token file (read again when its text may
 * have changed, at most once a minute), user and password, exec plugin (client.authentication.k8s.io
 * v1 and v1beta1; its answer is kept until it expires, and asked for again once on 401), auth-provider
 * oidc (refreshed with its refresh token; the file is not changed). Errors name file, user and key,
 * and of an expired certificate its date.
 */
struct cluster;

extern const struct attr cluster_options[];

MUST_USE struct err *cluster_new(struct json_object *options, struct cluster **ret);
void cluster_free(struct cluster *c);
/* "https://127.0.0.1:6443", without what is secret in it. */
const char *cluster_server(const struct cluster *c);
/* The namespace of the context; NULL: it names none. */
const char *cluster_namespace(const struct cluster *c);
/* What no output may hold: NULL-terminated, borrowed; a later call may make a longer list. */
const char *const *cluster_secrets(struct cluster *c);

struct kube_request {
	const char *method; /* "GET" */
	const char *path;   /* with query, escaped: "/api/v1/namespaces/a/configmaps?limit=500" */
	struct json_object *body;
	const char *content_type; /* NULL: application/json */
	const char *accept;       /* NULL: application/json */
	/* Of all attempts, from now; 0: 60 s, or 180 s where a server that was there is started again. */
	int64_t deadline_ms;
	/* A POST that may be sent again after a lost answer: what it makes has a name, so twice is 409. */
	bool named;
	bool busy; /* 429 is an error at once: it is not the server that is busy */
};

/*
 * http.h's promises hold; 429 is repeated too where it is plain text. On 401 the credentials are made
 * anew once. Statuses >= 400 are errors with all the server says: message, reason, each of
 * details.causes with its field, and what a webhook or quota adds; kinds as in api.h. Where
 * the session has expect_cluster_uid, the first request that writes checks it before (the
 * uid of namespace kube-system) and refuses another cluster. Warnings of the server (header Warning)
 * are collected: cluster_warnings(). Any thread.
 */
MUST_USE struct err *cluster_call(struct cluster *c, const struct kube_request *req,
				  struct json_object **ret);
/* The same, of what is no JSON: logs. *ret is owned and terminated. `max`: bytes; more is an error. */
MUST_USE struct err *cluster_text(struct cluster *c, const struct kube_request *req, size_t max,
				  char **ret, size_t *ret_len);
/*
 * The same, piece by piece as it comes (watches): what(arg, bytes, n) returns false to end it, which is
 * no error; nor is an end by the server. deadline_ms holds for the whole, and its passing is
 * ERR_TIMEOUT.
 */
MUST_USE struct err *cluster_stream(struct cluster *c, const struct kube_request *req,
				    bool (*what)(void *arg, const char *s, size_t n), void *arg);
/* Array of distinct texts the server warned with so far; owned by the caller. */
struct json_object *cluster_warnings(struct cluster *c);

/*
 * The one setting of each call (tests): called before it is sent with its number, from 1; an error
 * is its result. After `after` returns an error the answer that came is lost.
 */
struct cluster_fault {
	struct err *(*before)(struct cluster_fault *f, const struct kube_request *req);
	struct err *(*after)(struct cluster_fault *f, const struct kube_request *req);
};
void cluster_set_fault(struct cluster *c, struct cluster_fault *f);

#endif
