#ifndef ADAPTER_DOCS_H
#define ADAPTER_DOCS_H

#include "err.h"

/* The provider's documentation, as registries want it, into a folder; makes the folder. */
MUST_USE struct err *docs_write(const char *folder);

#endif
