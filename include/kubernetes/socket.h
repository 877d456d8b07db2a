#ifndef KUBERNETES_SOCKET_H
#define KUBERNETES_SOCKET_H

#include "kubernetes/cluster.h"

/*
 * A WebSocket (RFC 6455) to the API server: exec, attach, port-forward. Negotiates
 * v5.channel.k8s.io, else v4; sends pings; caps frames at 16 MiB; every read ends at the deadline.
 * Verified TLS and credentials as in cluster_call(). For one thread.
 */
struct socket;
MUST_USE struct err *socket_open(struct cluster *c, const char *path, int64_t deadline,
				 struct socket **ret);
void socket_free(struct socket *s);
bool socket_can_close_stdin(const struct socket *s); /* v5 */

enum { CHANNEL_STDIN, CHANNEL_STDOUT, CHANNEL_STDERR, CHANNEL_ERROR, CHANNEL_RESIZE };

/*
 * A command in a container. `in` is read until it ends (NULL: no standard input); out and err are
 * handed what it writes, as it comes. *code: its exit code, from the Status on the error channel.
 * An end without a Status is ERR_NETWORK.
 */
struct exec {
	struct cluster *cluster;
	const char *ns, *pod, *container; /* container NULL: the default one */
	const char *const *argv;
	int64_t deadline; /* clock_ms() */
	/* Up to n bytes; 0: the end; -1: *e is set. */
	ssize_t (*in)(void *arg, char *s, size_t n, struct err **e);
	struct err *(*out)(void *arg, const char *s, size_t n);
	struct err *(*err)(void *arg, const char *s, size_t n);
	void *arg;
};
MUST_USE struct err *exec_run(const struct exec *x, int *code);

#endif
