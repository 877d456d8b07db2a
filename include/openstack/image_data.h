#ifndef OPENSTACK_IMAGE_DATA_H
#define OPENSTACK_IMAGE_DATA_H

#include "resource.h"

/* How data gets into an image that has none: from a file, or fetched by Glance itself. */

/* Whether op->want names such a source. */
bool image_has_source(struct op *op);
/* Before anything is sent: the file is there, and is the one that `checksum` means. */
MUST_USE struct err *image_check_file(struct op *op);
/*
 * Finishes an image in any state before "active", whoever began it, and verifies what Glance stored.
 * Reads op->have. With op->wait unset it does not wait for what Glance does by itself.
 */
MUST_USE struct err *image_fill(struct op *op);

#endif
