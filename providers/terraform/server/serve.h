#ifndef SERVE_H
#define SERVE_H

#include <openssl/ssl.h>

#include "server.h"

/* The thread of all connections: takes them, passes calls on to the workers and answers back. */
struct serve {
	const struct plugin *plugin;
	int listener;
	int wake_fd;  /* eventfd: written by the workers and by serve_end() */
	SSL_CTX *tls; /* NULL: plain HTTP/2 */
	bool many;    /* outlives its connections */
	/* In TLS the first client is the only one: once it is there, the socket's path has no use. */
	void (*connected)(void *arg);
	void *arg;
};

/*
 * Serves until Shutdown, the end of the last connection, serve_end(), or a minute without any client.
 * Sets the stop then, and gives the calls under way some seconds. false: one outlived them, so what
 * they use must stay; only _exit() is safe.
 */
bool serve(const struct serve *s);
/* In a signal's handler. */
void serve_end(int wake_fd);

#endif
