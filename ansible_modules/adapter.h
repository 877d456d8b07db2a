#ifndef ADAPTER_H
#define ADAPTER_H

#include "system.h"

/* The whole of a program that serves `s` to Ansible; adapter.c says how. Returns its exit code. */
int adapter_main(const struct system *s, int argc, char **argv);

#endif
