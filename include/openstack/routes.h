#ifndef OPENSTACK_ROUTES_H
#define OPENSTACK_ROUTES_H

#include "resource.h"

/*
 * Static routes of a router: lists of {"destination", "nexthop"}. Several of one router may be
 * changed side by side, by whomever: Neutron adds and removes them one by one if it can, and is made to
 * refuse a list that somebody else has changed in between if it is too old for that.
 */

/* Routes that are there already are no error. */
MUST_USE struct err *routes_add(struct op *op, const char *router, struct json_object *routes);
/* Routes that are not there are no error. They are to be spelled as the router has them. */
MUST_USE struct err *routes_remove(struct op *op, const char *router, struct json_object *routes);

#endif
