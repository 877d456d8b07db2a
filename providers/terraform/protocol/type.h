#ifndef TYPE_H
#define TYPE_H

#include "value.h"

/* A type as value.h's parts look at it. */
enum shape {
	SHAPE_NONE,
	SHAPE_STRING,
	SHAPE_NUMBER,
	SHAPE_BOOL,
	SHAPE_DYNAMIC,
	SHAPE_LIST,
	SHAPE_SET,
	SHAPE_MAP,
	SHAPE_TUPLE,
	SHAPE_OBJECT
};

enum shape type_shape(struct json_object *type);
/* What a compound type is of: a type, a list of types, or an object of them. Borrowed. */
struct json_object *type_of(struct json_object *type);
const char *shape_words(enum shape shape); /* "a string", ... */

/* Keys of the special values. No Terraform string is like them: they are not UTF-8. */
#define KEY_UNKNOWN "\xff"
#define KEY_TYPE    "\xfe"
#define KEY_VALUE   "value"

enum { EXT_REFINED = 12, REFINED_BYTES = 1024 };
/* Unknown with a refinement, which is kept as hexadecimal text. */
struct json_object *value_refined(const uint8_t *s, size_t len);

/*
 * An error's place, from the inside to the outside. Each puts one step in front; NULL stays NULL.
 * A set's elements cannot be named, so what was inside is dropped there.
 */
MUST_USE struct err *at_attr(struct err *e, const char *name);
MUST_USE struct err *at_key(struct err *e, const char *key);
MUST_USE struct err *at_element(struct err *e, enum shape shape, size_t i);
/* Puts the place into the text. */
MUST_USE struct err *at_told(struct err *e);

/* "a string is wanted, not a list" */
MUST_USE struct err *type_differs(enum shape shape, const char *got);

#endif
