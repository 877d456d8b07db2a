#ifndef OPENSTACK_IMAGE_SOURCE_H
#define OPENSTACK_IMAGE_SOURCE_H

#include "resource.h"

/* Data of an image that is to be fetched by us, as Glance cannot reach it, or may not. */
struct image_source {
	const char *url;
	const char *user, *password; /* NULL: none */
	const char *cache;           /* folder; NULL: ~/.terraform/image_cache */
	bool unpack;                 /* gzip, bzip2, xz or zstd, as the data itself says */
};

/*
 * Fetches it into the cache, unless it is there from another time, and unpacks it there. *ret: the
 * file; owned. A file of the cache is whole: what is cut leaves none. Ends at op->deadline.
 */
MUST_USE struct err *image_fetch(struct op *op, const struct image_source *from, char **ret);

#endif
