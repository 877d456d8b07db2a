#ifndef KUBERNETES_COMPARE_H
#define KUBERNETES_COMPARE_H

#include <json-c/json.h>
#include <stdbool.h>

/*
 * What values of the built-in kinds mean, where that is not what they look like (lib/kubernetes/compare.c).
 * For lib/kubernetes/{owned,merge,objects}.c. All pure.
 */

/* Where a value is: the keys to it, innermost first. Items of a list have the list's place. */
struct place {
	const struct place *up; /* NULL: of the object itself, whose key is "" */
	const char *key;
	bool builtin; /* of a built-in kind: what is said here holds */
};

/* Whether the API group (of "apps/v1") is the server's own, so that its Go types are known. */
bool group_builtin(const char *api_version);
/* "name": the key by which a strategic merge tells items apart; "": a set of scalars; NULL: a list in one piece. */
const char *place_merge_key(const struct place *p);
/* Equal, or the same quantity in another spelling ("1000m", "1"). */
bool value_same(struct json_object *have, struct json_object *want, const struct place *p);
/* Whether the server, given no `key`, would set it to v, within what is owned in one piece. */
bool value_default(const char *key, struct json_object *v, const struct place *p);
/* Whether `want`, put in place of `have`, would become the same: the server adds the rest anew (replace.c). */
bool replaced_same(struct json_object *have, struct json_object *want, const struct place *p);

#endif
