#ifndef RANDOM_H
#define RANDOM_H

#include "err.h"

/* 16 hexadecimal digits that nobody can guess, for marks and names; owned. ERR_USAGE: the machine has none. */
MUST_USE struct err *random_mark(char **ret);

#endif
