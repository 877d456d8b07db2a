#ifndef VALUE_H
#define VALUE_H

#include "json.h"

/*
 * Terraform's values as JSON objects:
 *   null            NULL
 *   bool, string    the same; a string may hold NUL bytes, so take its length
 *   number          an int64; a double where it arrived as one; else a double that keeps its decimal
 *                   digits as text (what json-c makes of "0.1" too), sent back digit by digit
 *   list set tuple  an array; sets in the order in which they came: it means nothing
 *   map object      an object; one of an object type has all of the type's attributes
 *   unknown         an object of one key that no Terraform string can be, see value_unknown()
 *   dynamic         if neither null nor wholly unknown: a pair of type and value, see value_dynamic()
 * As JSON they belong to one thread at a time.
 *
 * A type is Terraform's own JSON for it, parsed: "string", "number", "bool", "dynamic",
 * ["list", T], ["set", T], ["map", T], ["object", {name: T}], ["tuple", [T]].
 *
 * Errors name the place within the value ("network[0].uuid: ..."), never the value.
 */
enum {
	VALUE_BYTES = 64 << 20,
	VALUE_DEPTH = 100,
	VALUE_COUNT = 1 << 20,    /* values within a value */
	VALUE_NUMBER_BYTES = 4096 /* decimal digits of one number, and the like */
};

/* New; known at apply. */
struct json_object *value_unknown(void);
bool value_is_unknown(struct json_object *v);
/* It or anything in it. */
bool value_has_unknown(struct json_object *v);

/*
 * A value for a place whose type is "dynamic"; takes both. A plain value is taken for one there too:
 * its type is then what the value shows (an array is a tuple, an object an object).
 */
struct json_object *value_dynamic(struct json_object *type, struct json_object *v);
/* Borrowed: the value of such a pair; anything else is itself. */
struct json_object *value_inner(struct json_object *v);

/* ERR_PROTOCOL if it is none. */
MUST_USE struct err *value_check_type(struct json_object *type);

/* Reads one value from msgpack. ERR_PROTOCOL if it does not fit the type or exceeds a cap. */
MUST_USE struct err *value_decode(const uint8_t *msgpack, size_t len, struct json_object *type,
				  struct json_object **ret);
/*
 * Reads the attributes of a state file: JSON, by a type that may be newer. Attributes the type does not
 * have are dropped, missing ones are null (blocks too, which Terraform wants as empty lists).
 */
MUST_USE struct err *value_from_state(const char *json, size_t len, struct json_object *type,
				      struct json_object **ret);
/*
 * Appends msgpack. Missing attributes are sent as null. What the type does not have is our mistake:
 * an error, with nothing appended.
 */
MUST_USE struct err *value_encode(struct json_object *v, struct json_object *type, struct buf *out);

/*
 * Exactly equal: numbers by their decimal value (1 is 1.0, 0.1 is 1e-1), lists in their order; sets
 * are not known as such here. An unknown equals an unknown of the same refinement.
 */
bool value_equal(struct json_object *a, struct json_object *b);

#endif
