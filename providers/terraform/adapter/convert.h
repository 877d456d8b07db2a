#ifndef ADAPTER_CONVERT_H
#define ADAPTER_CONVERT_H

#include "kind.h"

/*
 * Values between Terraform's names and the engine's: {"admin_state_up": true} and
 * {"is_admin_state_up": true}. All results are new; nothing is sent.
 */

/* Rows with an attribute, of `values`; null and unknown ones are left out. */
struct json_object *rows_want(const struct row *rows, struct json_object *values);
/* One row's value as the engine wants it. */
struct json_object *row_want(const struct row *row, struct json_object *v);
/* Whether nothing can be wanted of it yet: of a block, the service may have to say parts of it. */
bool row_unknown(const struct row *row, struct json_object *v);
/* What takes the value of a row away again: "", [], {} or null. */
struct json_object *row_clear(const struct row *row);
/* One row's value out of an object of the engine's. */
struct json_object *row_shown(const struct row *row, struct json_object *have);
/* A value as a type has it: "4" -> 4, objects with all their attributes. */
struct json_object *conform(struct json_object *type, struct json_object *v);

/* Whether the elements of a row have no order, and so no place of their own. */
bool row_is_set(const struct row *row);
/* Whether two values of a row mean the same; null, "" and [] do. Unknown ones never do. */
bool row_same(const struct row *row, struct json_object *x, struct json_object *y);

/* `planned` with what was unknown in it taken from what there is. */
struct json_object *row_fill(const struct row *row, struct json_object *planned,
			     struct json_object *actual);

/* The same of any value, place by place: what is known stays, and nothing is added to it. */
struct json_object *value_fill(struct json_object *planned, struct json_object *actual);

/* A state of before: blocks it does not have are empty lists, not null. Changes `values`. */
void rows_complete(const struct row *rows, struct json_object *values);

/* The name of the row that an option or attribute of the engine is; itself if there is none. */
const char *row_for(const struct row *rows, const char *option);

#endif
