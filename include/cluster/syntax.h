#ifndef CLUSTER_SYNTAX_H
#define CLUSTER_SYNTAX_H

#include <stdbool.h>

#include "err.h"
#include "json.h"

/* What single values of a declaration must look like. Pure; errors (ERR_USAGE) say what is wrong with them. */

/* RFC 1123: a label of at most 63, a name of labels of at most 253 lower-case characters. */
MUST_USE struct err *label_name_check(const char *s);
MUST_USE struct err *domain_check(const char *s);
/* Kubernetes' labels: [prefix/]name and value. */
MUST_USE struct err *label_check(const char *key, const char *value);
/* "key[=value]:NoSchedule|PreferNoSchedule|NoExecute" */
MUST_USE struct err *taint_check(const char *s);
/* ["a=b:NoExecute"], checked, as Kubernetes has them: [{"key": "a", "value": "b", "effect": "NoExecute"}]; owned. */
struct json_object *taints_parse(struct json_object *list);

/* IPv4 or IPv6. */
bool is_address(const char *s);
struct cidr {
	int family, bits;
	unsigned char address[16];
};
/* Host bits that are set are an error. */
MUST_USE struct err *cidr_parse(const char *s, struct cidr *ret);
bool cidr_overlap(const struct cidr *a, const struct cidr *b);
bool cidr_has(const struct cidr *c, const char *address);

#endif
