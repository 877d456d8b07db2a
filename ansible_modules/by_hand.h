#ifndef BY_HAND_H
#define BY_HAND_H

#include <stdbool.h>

#include "system.h"

/*
 * What the program says to people who start it themselves:
 *   --list          names of all modules, one a line
 *   --table         the same as a Markdown table
 *   --doc NAME      documentation as ansible-doc reads it
 *   --markdown NAME documentation as a page
 *   --version, --help
 * True if argv was such a request; *ret is the exit code then.
 */
bool by_hand(const struct system *s, int argc, char **argv, int *ret);

#endif
