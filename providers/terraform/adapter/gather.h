#ifndef ADAPTER_GATHER_H
#define ADAPTER_GATHER_H

#include "resource.h"

/*
 * Does one op. Creations of a kind that the service takes many of at once (BULK) and that are asked for
 * side by side become one request: while one is under way the next ones gather. Each op has its own
 * outcome and error.
 */
MUST_USE struct err *gather_apply(struct op *op);

#endif
