#ifndef SESSION_AUTH_H
#define SESSION_AUTH_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "http.h"
#include "session/config.h"

struct endpoint {
	char *type, *name, *region, *interface, *url;
};

/* What one login yielded. Never changes once made, but for `older`, which is set before it is shared. */
struct login {
	char *token;                /* NULL: auth_type none */
	char *header;               /* "X-Auth-Token: ..."; NULL likewise */
	struct json_object *access; /* as Keystone answered, less the catalogue */
	char *project, *user;       /* IDs; "" if there is none */
	struct endpoint *endpoints;
	size_t n;
	int64_t obtained_s;        /* wall clock of this machine; 0: not from Keystone */
	int64_t life_s;            /* from then; 0: unknown */
	int64_t renew_ms, dead_ms; /* clock_ms(); INT64_MAX: never */
	char **secrets;            /* for session_secrets() */
	struct login *older;
};

/* Whether there is a Keystone to ask at all (not with auth_type none and admin_token). */
bool auth_asks(const struct config *c);
/* ERR_USAGE if the credentials cannot do; names the missing option. */
MUST_USE struct err *auth_check(const struct config *c);
/* The body of POST /v3/auth/tokens. */
MUST_USE struct err *auth_request(const struct config *c, struct json_object **ret);
/* The Keystone v3 base for an auth_url given with or without version. Owned. */
char *auth_base(const struct config *c);
/* Everything that makes this login differ from others, without its secret; canonical. Owned. */
char *auth_identity(const struct config *c);
/* What the cache is encrypted with; empty if nothing in here is secret. For buf_wipe(). */
void auth_secret(const struct config *c, struct buf *ret);
/* "user 'demo' of domain 'Default', project 'demo'", for messages. Owned. */
char *auth_who(const struct config *c);

/* From Keystone's answer, at `now_s` of the wall clock. */
MUST_USE struct err *login_new(const struct http_answer *a, int64_t now_s, struct login **ret);
/* Asks Keystone; its errors name user and cloud, and have none of the secrets in them. */
MUST_USE struct err *login_ask(const struct config *c, struct http *http,
			       const char *const *secrets, struct login **ret);
/* Without Keystone: none and admin_token. */
struct login *login_static(const struct config *c);
/* The cached form and back; NULL if that is not a login or has too little life left. */
struct json_object *login_to_json(const struct login *l);
struct login *login_from_json(struct json_object *v, int64_t now_s);
/* This one only, not the older ones. */
void login_free(struct login *l);

#endif
