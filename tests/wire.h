#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A small OpenStack on 127.0.0.1, over HTTP: a Keystone whose tokens can be refused, and services
 * that answer by a table of routes. For tests of the session; tests/cloud.h has the resources.
 *
 * Every login gives another token ("token-1-sesame", ...). A route that is not there is 404.
 */
struct wire_route {
	const char *request; /* "GET /network/v2.0/networks", with query */
	int status;
	const char *headers; /* more lines, each with \r\n; NULL: JSON's Content-Type */
	const char *body;    /* %s is the server's URL */
	bool open;           /* needs no token */
};

struct wire_options {
	const struct wire_route *routes; /* ended by an empty one */
	int life_s;                      /* of tokens; 0: an hour */
	int login_status;                /* 0: 201 */
	const char *login_body;          /* of another status */
	int login_ms;                    /* how long a login takes */
	int other_ms;                    /* ... and anything else */
};

struct wire;

struct wire *wire_start(const struct wire_options *o);
void wire_stop(struct wire *w);
/* "http://127.0.0.1:1234". Borrowed. */
const char *wire_url(const struct wire *w);
int wire_logins(struct wire *w);
/* Requests that were no logins. */
int wire_requests(struct wire *w);
/* The last n-th of all (0: the last one): head and body as received. Owned. */
char *wire_last(struct wire *w, int n);
/* From now on only the tokens of later logins are good, but not those of the next `more`. */
void wire_revoke(struct wire *w, int more);
/* From now on none is. */
void wire_refuse(struct wire *w);
/* Logins fail with this status from now on; 0: they no longer do. */
void wire_login_status(struct wire *w, int status);

#endif
