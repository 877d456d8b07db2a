#ifndef ORACLE_H
#define ORACLE_H

#include "buf.h"

/*
 * Runs a program, standard input empty, its errors thrown away, and adds what it prints. Its exit code; 127: it is not
 * there, 128: a signal ended it. Ends the test if nothing can be run at all.
 */
int oracle_run(const char *const *argv, struct buf *ret);
/* The same where it must succeed; what it printed, owned. */
char *oracle_print(const char *const *argv);

#define ORACLE(...) oracle_print((const char *const[]){ __VA_ARGS__, NULL })

#endif
