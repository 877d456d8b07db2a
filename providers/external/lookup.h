#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdio.h>

#include "resource.h"

/*
 * One object of any declared resource, for Terraform's data source `external`: a query of strings in,
 * a flat map of strings out. Which keys a query may have follows from the resource's table.
 *
 *   resource      what to look up: a module's name (network) or its info module's (networks_info)
 *   name, id      which one; a name may be an ID, too
 *   ATTRIBUTE     must have this value; the service filters where it can. What refers to another
 *                 object takes its name or ID
 *   min_ATTRIBUTE must be this number at least; of flavors the smallest that fits is taken
 *   most_recent   "true": of several, the one that was made last
 *   deadline      seconds until all must be done; 900
 * and the info module's own options, and those of the connection that are no secrets.
 */
struct lookup {
	const struct resource *r;
	const struct info *info;
	struct json_object *query; /* as given, less what concerns the connection */
	struct json_object *want;  /* typed options, those of the connection too */
	struct json_object *least; /* {attribute: number} */
	const char *id;            /* borrowed from query */
	bool most_recent;
	int deadline_s;
};

/* Nothing is sent. */
MUST_USE struct err *lookup_parse(struct json_object *query, struct lookup *ret);
/*
 * The map. Text is itself, numbers and booleans are as in JSON, null is "", all else is JSON. Beside
 * the attributes there are `json`, the whole object in one string with its keys in order, `sha256` of
 * that, and `warnings`.
 */
MUST_USE struct err *lookup_run(const struct lookup *l, struct api *api, struct json_object **ret);
void lookup_release(struct lookup *l);

/* The resources there are; or, of one, the keys of queries and results. */
void lookup_resources(FILE *out);
MUST_USE struct err *lookup_keys(const char *resource, FILE *out);

#endif
