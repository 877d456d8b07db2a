#ifndef KUBERNETES_CONNECT_H
#define KUBERNETES_CONNECT_H

#include <curl/curl.h>

#include "http.h"
#include "kubernetes/cluster.h"

/*
 * For what is no HTTP call (socket.h): a connection of its own to the API server, verified and through
 * the proxy as all others, on which nothing has been said. *ret_who: the header lines of who we are, each with
 * its line end; to be wiped. expect_cluster_uid is checked before. `renew`: the server refused those of the last time.
 */
MUST_USE struct err *cluster_connect(struct cluster *c, bool renew, int64_t deadline,
				     CURL **ret_easy, char **ret_who);
/* The error that cluster_call() makes of an answer of status >= 400. */
MUST_USE struct err *cluster_refusal(struct cluster *c, const struct kube_request *req,
				     const struct http_answer *a);

#endif
