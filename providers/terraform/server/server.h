#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * A program that Terraform starts as a plugin: handshake, TLS, gRPC over HTTP/2, threads, and the
 * end. It knows no message of Terraform's; what a call means is for `answer`.
 *
 * Terraform starts one process per walk and makes one connection; the process ends with it, or at
 * the Shutdown call. Calls that are under way are cut short then (clock_cut()) and have some seconds. The
 * handler of StopProvider, by which a user interrupts Terraform, does the same.
 */
enum {
	PLUGIN_MESSAGE_MAX = 64 << 20 /* bytes of a request or reply; more is refused with words */
};

struct plugin {
	const char *name; /* "openstack" */
	const char
		*address; /* "registry/namespace/openstack": as a configuration's source names it */
	const char *service; /* "tfplugin6.Provider" */
	int protocol;        /* 6 */
	/*
	 * Answers a call: method is the path's last part, the reply is what is added to `reply` (some
	 * message, maybe an empty one). Runs on any of many threads. false: there is no such method.
	 */
	bool (*answer)(void *arg, const char *method, const uint8_t *body, size_t len,
		       struct buf *reply);
	/*
	 * Whether a method is answered in the thread of the connection, before all that wait for a
	 * thread. Such a method must not wait for anything. May be NULL.
	 */
	bool (*urgent)(const char *method);
	/*
	 * A client has come where there was none: the first, or by hand another Terraform. Calls of
	 * one that left may still be under way. In the thread of the connections. May be NULL.
	 */
	void (*began)(void *arg);
	/*
	 * The process is about to end, and no call is under way; not called if one outlives its time.
	 * asked: it was told to, and did not lose its client; by hand it always was. May be NULL.
	 */
	void (*ended)(void *arg, bool asked);
	void *arg;
};

/*
 * main() of a provider, with what main() got; returns the exit status. With -debug it serves by hand:
 * prints what to set for Terraform to find it, and any number of connections until SIGINT or SIGTERM.
 */
int plugin_main(const struct plugin *p, int argc, char **argv);

/*
 * How often the terminal interrupted us and Terraform. That is no reason to end what changes
 * something, for Terraform says so then (StopProvider); but while `apply` plans, it does not.
 */
int plugin_interrupts(void);

#endif
