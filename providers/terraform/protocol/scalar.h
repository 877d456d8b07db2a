#ifndef SCALAR_H
#define SCALAR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

/* Numbers as decimal digits, and strings as UTF-8: what value.h is made of. */

/* A number as JSON spells it, of at most VALUE_NUMBER_BYTES and with an exponent within +-999999. */
bool number_is(const char *s, size_t len);
/* New: an int64 if it is an integer that fits, else a double that keeps the text. number_is() holds. */
struct json_object *number_new(const char *s, size_t len);
/* The digits that a double keeps; NULL: it is all there is. Borrowed. */
const char *number_kept(struct json_object *v);
/* By decimal value. A double counts as the shortest text that is read as it. */
bool number_equal(struct json_object *a, struct json_object *b);

/* Length of the beginning of s that is UTF-8. */
size_t utf8_span(const char *s, size_t len);

#endif
