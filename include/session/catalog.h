#ifndef SESSION_CATALOG_H
#define SESSION_CATALOG_H

#include <json-c/json.h>
#include <stdbool.h>

#include "err.h"
#include "session/auth.h"
#include "session/config.h"

/* What is to be known of a kind of service beyond the catalogue. */
struct service {
	const char
		*types; /* the official one first, then its former names, in order of preference */
	const char *major; /* its paths need an endpoint of this version ("2"); NULL: any will do */
	bool project;      /* the project's ID belongs behind the version */
	const char *header_type; /* in OpenStack-API-Version */
	const char *old_header;  /* from before that; NULL: none */
};

/* Always an answer: one nobody knows is its own type. `room` holds what is made up then. */
const struct service *service_find(const char *type, struct service *room);

/*
 * The endpoint's URL, without a slash at its end: configured (an override, the one endpoint of
 * auth_type none), else from the catalogue. Its errors name what the catalogue has.
 */
MUST_USE struct err *catalog_url(const struct config *c, const struct login *l,
				 const struct service *service, const char *type, char **ret);

/* ---- URLs ---- */

/* "v2", "v2.1": one segment of a path, ended by '/', '?', '#' or the end. 0: it is none. */
size_t version_segment(const char *s);
/* http://h/compute/v2.1/p -> http://h/compute; without version: a copy. Owned. */
char *url_unversioned(const char *url);
/* http://h/compute/v2.1/p -> http://h/compute/v2.1; NULL: there is no version. Owned. */
char *url_versioned(const char *url);
/*
 * A path below an endpoint: /v2.0/networks below http://h:9696 and http://h:9696/v2.0 is the same.
 * A whole URL (a next-page link) stays as it is, but never leads to another place than the
 * endpoint's: services behind a proxy publish links to themselves. Owned.
 */
char *url_join(const char *endpoint, const char *path);

/* ---- versions ---- */

struct version {
	char *url;       /* of the document */
	char *base;      /* where that version is */
	char *min, *max; /* microversions; "" if it has none */
};

/* Picks the version from a discovery document; `major` may be NULL. ERR_PROTOCOL if it has none. */
MUST_USE struct err *version_parse(struct json_object *doc, const char *url, const char *major,
				   struct version *ret);
void version_release(struct version *v);
/* Of "2.1" and "2.96"; < 0, 0, > 0. What is no microversion counts as 0.0. */
int microversion_compare(const char *a, const char *b);

#endif
