#ifndef KUBERNETES_SOCKET_H
#define KUBERNETES_SOCKET_H

#include "kubernetes/cluster.h"

/*
 * A WebSocket (RFC 6455) to the API server: exec, attach, port-forward. Negotiates
 * v5.channel.k8s.io, else v4; sends pings; caps messages at 16 MiB; every step ends at the deadline.
 * Verified TLS and credentials as in cluster_call(). For one thread.
 */
struct socket;
MUST_USE struct err *socket_open(struct cluster *c, const char *path, int64_t deadline,
				 struct socket **ret);
/* Says goodbye, if there is still anybody to hear it; waits for nothing. */
void socket_free(struct socket *s);
bool socket_can_close_stdin(const struct socket *s); /* v5 */

enum {
	CHANNEL_STDIN,
	CHANNEL_STDOUT,
	CHANNEL_STDERR,
	CHANNEL_ERROR,
	CHANNEL_RESIZE,
	CHANNEL_CLOSE = 255
};

/* Puts a message into the queue, whatever its length; it is sent by socket_step(). */
MUST_USE struct err *socket_send(struct socket *s, int channel, const char *data, size_t n);

struct socket_user {
	/* What came on a channel. An error ends the step with it. */
	struct err *(*got)(void *arg, int channel, const char *data, size_t n);
	/* The queue is empty: time to send more. NULL: there is no more. */
	struct err *(*more)(void *arg);
	void *arg;
};
/*
 * Sends and receives until something has happened, or clock_ms() is `until`. *over: the server has ended
 * the connection; all it sent before has been handed on. ERR_TIMEOUT at the deadline;
 * ERR_NETWORK if the server does not answer pings for a minute.
 */
MUST_USE struct err *socket_step(struct socket *s, const struct socket_user *user, int64_t until,
				 bool *over);
/* Why the server ended it, as far as it said so; "" : it said nothing. Borrowed. */
const char *socket_last_words(const struct socket *s);

/* The answer that proves that a server understood the key (RFC 6455, 1.3); owned. */
char *socket_accept(const char *key);

/*
 * A command in a container. `in` is read until it ends (NULL: no standard input); out and err are
 * handed what it writes, as it comes. *code: its exit code, from the Status on the error channel.
 * An end without a Status is ERR_NETWORK. What fails once the command may have begun is `ambiguous`.
 */
struct exec {
	struct cluster *cluster;
	const char *ns, *pod, *container; /* container NULL: the default one */
	const char *const *argv;
	int64_t deadline; /* clock_ms() */
	/*
	 * The command knows by itself where its input ends. Only with v5 the server can tell others: with v4 they
	 * are ERR_USAGE.
	 */
	bool bounded;
	/* Up to n bytes; 0: the end; -1: *e is set. */
	ssize_t (*in)(void *arg, char *s, size_t n, struct err **e);
	struct err *(*out)(void *arg, const char *s, size_t n);
	struct err *(*err)(void *arg, const char *s, size_t n);
	void *arg;
};
MUST_USE struct err *exec_run(const struct exec *x, int *code);
/* The default container, for several commands in one; owned. */
MUST_USE struct err *exec_container(const struct exec *x, char **ret);
/* A command line as an array of words: quotes and backslashes as a POSIX shell has them, nothing else. Owned. */
MUST_USE struct err *command_words(const char *s, struct json_object **ret);
/*
 * The container that is meant where none is named: the annotation's, or the first, as for kubectl.
 * Borrowed; NULL: it has none.
 */
const char *pod_container(struct json_object *pod);
/*
 * Why nothing can be had of a container, in words: there is none of that name, it waits, it has ended, its pod is
 * on no node. Owned; NULL: it runs.
 */
char *pod_trouble(struct json_object *pod, const char *container);
/* Takes an error of a container, and adds what pod_trouble() says, unless it has said that itself. */
MUST_USE struct err *pod_explain(struct json_object *pod, const char *container, struct err *e);

#endif
