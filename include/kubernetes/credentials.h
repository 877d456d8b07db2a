#ifndef KUBERNETES_CREDENTIALS_H
#define KUBERNETES_CREDENTIALS_H

#include <stdint.h>

#include "err.h"
#include "kubernetes/kubeconfig.h"

/*
 * Who we are at a cluster: made when it is first needed, made anew when it has expired or was
 * refused. Any thread; one makes it, the others wait.
 */
struct credentials;

/* Never changes once made, but for its end, and lives as long as its credentials. */
struct credential {
	char *header;     /* "Authorization: ..."; NULL: none */
	char *cert, *key; /* paths; NULL: none */
	int64_t dead_ms;  /* clock_ms(); INT64_MAX: never */
	int64_t asked_ms; /* when it was asked for just for us; 0: it was there before */
	struct credential *older;
};

/* What an exec plugin needs to be is checked at once. Borrows k. */
MUST_USE struct err *credentials_new(const struct kubeconfig *k, struct credentials **ret);
void credentials_free(struct credentials *c);
/* `refused`: the one that got a 401; NULL: none. Where nothing better can be made it is given again. */
MUST_USE struct err *credentials_need(struct credentials *c, const struct credential *refused,
				      const struct credential **ret);
/* NULL-terminated, borrowed; stays, but a later one may be longer. */
const char *const *credentials_secrets(struct credentials *c);
/*
 * "user 'admin' (client certificate 'admin', which expired on 2026-01-31 10:00:00 UTC)": for errors. Owned.
 */
char *credentials_who(const struct credentials *c, const struct credential *used);
/* Everything that tells these from other credentials, none of it secret; owned. */
char *credentials_identity(const struct kubeconfig *k);

/* ---- exec plugins (lib/kubernetes/plugin.c) ---- */

/* What a plugin or an identity provider answered. */
struct granted {
	char *token;      /* NULL: none */
	char *cert, *key; /* PEM text; NULL: none */
	char *refresh;    /* OIDC; NULL: none */
	int64_t until_s;  /* wall clock; 0: it does not say */
};
void granted_release(struct granted *g);

MUST_USE struct err *plugin_check(const struct kubeconfig *k);
/* What else its answer may depend on: which program it is, and the environment; a digest, owned. */
char *plugin_identity(const struct kubeconfig *k);
MUST_USE struct err *plugin_run(const struct kubeconfig *k, struct granted *ret);

/* ---- OpenID Connect (lib/kubernetes/oidc.c) ---- */

/* When a token ends by its own words (a JWT), wall clock; 0: it says nothing. */
int64_t jwt_until_s(const char *token);
/* `refresh`: the newest refresh token that is known. */
MUST_USE struct err *oidc_refresh(const struct kubeconfig *k, const char *refresh,
				  struct granted *ret);

#endif
