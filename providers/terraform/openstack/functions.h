#ifndef OPENSTACK_FUNCTIONS_H
#define OPENSTACK_FUNCTIONS_H

#include "adapter/function.h"

/* provider::openstack::NAME(); ends with an empty name. */
extern const struct function openstack_functions[];

#endif
