#ifndef PLUGIN_CLIENT_H
#define PLUGIN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

/*
 * What Terraform is to a provider, without Terraform: starts the program as a plugin, reads its
 * handshake, connects, calls. One thread; what arrives is looked at while one waits.
 */
struct client;

struct client_options {
	const char *program;     /* NULL: this very program */
	const char *const *args; /* after the program's name; ended by NULL; may be NULL */
	/* Changes to this process's environment: "NAME=value", "NAME" removes it; ended by NULL. */
	const char *const *env;
	const char *service; /* NULL: "tfplugin6.Provider" */
	bool plain;          /* as with TF_DISABLE_PLUGIN_TLS */
};

enum client_identity { CLIENT_OWN, CLIENT_NONE, CLIENT_OTHER };

/* ---- the process ---- */

/* Started, and its first line read; "" if it ended without one. */
struct client *client_spawn(const struct client_options *o);
/* client_spawn() and client_connect(). */
MUST_USE struct err *client_start(const struct client_options *o, struct client **ret);
/* To a socket that somebody else's process serves, in plain HTTP/2. */
MUST_USE struct err *client_attach(const char *path, struct client **ret);
/* Kills what is left of the process. */
void client_free(struct client *c);
const char *client_line(const struct client *c);
/* Reads the next one. false: there is none. */
bool client_next_line(struct client *c);
/* Field n of the handshake's line, from 0. Owned. */
char *client_field(const struct client *c, int n);
pid_t client_pid(const struct client *c);
/* What it wrote to standard error until now. Owned. */
char *client_errors(const struct client *c);
/* The exit status, 128 + signal, or -1 if it still runs after ms. */
int client_exit(struct client *c, int64_t ms);

/* ---- the connection ---- */

MUST_USE struct err *client_connect(struct client *c, enum client_identity identity);
void client_disconnect(struct client *c);
/* Bytes past HTTP/2. false: they cannot be sent any more. */
bool client_raw(struct client *c, const void *bytes, size_t len);
/* Waits for the server to end the connection. */
bool client_is_cut(struct client *c, int64_t ms);

/* ---- calls ---- */

/* The reply to a call of the service; an error says the gRPC status and its words. */
MUST_USE struct err *client_call(struct client *c, const char *method, const void *body, size_t len,
				 struct buf *ret);
/* The same, in two steps: many may be under way. */
int32_t client_begin(struct client *c, const char *method, const void *body, size_t len);
MUST_USE struct err *client_finish(struct client *c, int32_t stream, int64_t ms, struct buf *ret);

struct client_request {
	const char *method;       /* NULL: POST */
	const char *path;         /* with the service */
	const char *content_type; /* NULL: gRPC's */
	const void *frames;       /* messages with their prefixes */
	size_t len;
	bool open; /* does not end */
};

/* Whatever was sent, what came back. */
struct client_answer {
	int http;    /* 0: no headers */
	int status;  /* of gRPC; -1: none */
	char *words; /* decoded; NULL: none */
	struct buf body;
	bool closed, reset;
};

int32_t client_send(struct client *c, const struct client_request *r);
/* Borrowed. The stream may still be open after ms; then `closed` is not set. */
const struct client_answer *client_wait(struct client *c, int32_t stream, int64_t ms);
/* For answers that never close: until there are headers. */
const struct client_answer *client_wait_headers(struct client *c, int32_t stream, int64_t ms);
void client_reset(struct client *c, int32_t stream);

#endif
