#ifndef OPENSTACK_ZONES_H
#define OPENSTACK_ZONES_H

#include "terraform.h"

/* Data sources that belong to no kind of object. */
extern const struct tf_kind compute_availability_zones_v2, blockstorage_availability_zones_v3;

#endif
