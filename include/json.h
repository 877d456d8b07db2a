#ifndef JSON_H
#define JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "mem.h"

/*
 * json-c objects are the only value type. Reads borrow, writes take ownership (as json-c does);
 * sharing within a thread is spelled json_object_get(). Reference counts are not atomic in json-c:
 * an object belongs to one thread at a time, what crosses threads is a json_copy().
 *
 * null, absent and "" are three things. A JSON null is a NULL pointer in json-c; whether a key is
 * there at all is json_has().
 */
#define AUTO_JSON CLEANUP(auto_json) struct json_object *

static inline void auto_json(struct json_object **p)
{
	json_object_put(*p);
}

enum { JSON_DEPTH = 64, JSON_BYTES = 64 << 20 };

/* Parses exactly one value; trailing text, depth over 64 and invalid UTF-8 are errors. */
MUST_USE struct err *json_parse(const char *s, size_t len, struct json_object **ret);
/* Borrowed value at a dotted path ("image.id"); NULL if a step is missing. A key with dots wins. */
struct json_object *json_at(struct json_object *obj, const char *path);
bool json_has(struct json_object *obj, const char *key);
/* The string at a path; NULL if it is not there or no string. Borrowed. */
const char *json_str(struct json_object *obj, const char *path);
int64_t json_int(struct json_object *obj, const char *path, int64_t fallback);
bool json_truth(struct json_object *obj, const char *path, bool fallback);
/* Text of a scalar for people and URLs: the string itself, 1.5, true, null. Owned. */
char *json_text(struct json_object *v);
/* NULL stays NULL. */
struct json_object *json_copy(struct json_object *v);
/* {key: inner}; takes inner. */
struct json_object *json_wrap(const char *key, struct json_object *inner);
/* Takes v. */
void json_set(struct json_object *obj, const char *key, struct json_object *v);
void json_sets(struct json_object *obj, const char *key, const char *s); /* NULL: JSON null */
/* The same with less to pay, for a key that is not there yet and lives as long as the object: a table's. */
void json_put(struct json_object *obj, const char *key, struct json_object *v);
/* Number of elements; 0 for NULL and for what is no array. */
size_t json_len(struct json_object *list);
/* NULL past the end, and of what is no array. */
struct json_object *json_nth(struct json_object *list, size_t i);
bool json_list_has(struct json_object *list, struct json_object *item);
bool json_is_str(struct json_object *v, const char *s);
/* True of NULL, "", [], {}: what a person would call empty. */
bool json_empty(struct json_object *v);
const char *json_type_words(struct json_object *v); /* "a string", "a list", ... */

#endif
