#ifndef FIND_H
#define FIND_H

#include "resource.h"

/*
 * What list.c, find.c, refs.c and info.c share. The engine's own: adapters and resources use
 * resource.h.
 */
enum { MAX_QUERY = 6000 }; /* bytes of a query that any server takes */

/* UUIDs, with or without their dashes, are taken for IDs. */
bool name_is_id(const char *s);

/* query_text() of a value's text. */
void query_param(struct buf *query, const char *name, struct json_object *v);
/* Appends the filter for a name, in the service's own way. */
void query_name(struct buf *query, const struct resource *r, const char *name);
/* A name as a regular expression. */
void query_literal(struct buf *re, const char *name);

MUST_USE struct err *resource_get_path(struct api *api, const struct resource *r, const char *path,
				       struct json_object **ret);
/* As resource_find(); of several of a name, the one of the project is meant. */
MUST_USE struct err *find_in_project(struct api *api, const struct resource *r,
				     const char *name_or_id, const char *scope, const char *project,
				     struct json_object **ret);
/* The one meant of those that have a name; an error if that cannot be told. */
MUST_USE struct err *find_choose(struct api *api, const struct resource *r,
				 struct json_object *list, const char *name, const char *project,
				 struct json_object **ret);

/*
 * Sets op->have to what an attempt to make the op's object has left, if anything: of the same name, as
 * wanted in all that a creation says, not older than the attempt, and not claimed by anybody.
 */
MUST_USE struct err *find_lost(struct op *op);
/* Before the first attempt: tells op->keeper who has the name, where that will be all there is to tell by. */
MUST_USE struct err *find_before(struct op *op);

/* The value of an attribute that refers to another object, as an ID. */
MUST_USE struct err *ref_resolve(struct op *op, const struct attr *a, struct json_object *v,
				 struct json_object **ret);
/* The project that names are looked up in: that of the object itself; NULL: any. Borrowed. */
const char *ref_project(struct op *op);
/* True of the error that says that nothing has a name. */
bool ref_missing(const struct err *e);

#endif
