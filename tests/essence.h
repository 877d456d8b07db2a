#ifndef ESSENCE_H
#define ESSENCE_H

#include "cloud.h"

/* What torture tests have in common. */

/* A file's JSON; ends the test if there is none. */
struct json_object *read_json(const char *path);
/* What a cloud has, told without what chance decides: {path: [text of each object, sorted]}. */
struct json_object *essence(struct cloud *c);
/* Prints what of `from` is not in `in`. */
void print_missing(const char *what, struct json_object *from, struct json_object *in);

#endif
