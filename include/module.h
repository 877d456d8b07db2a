#ifndef MODULE_H
#define MODULE_H

#include "system.h"

/*
 * What the surfaces that run tasks see of the tables: modules. A resource is one (network), its info
 * is another (networks_info). Their options are the connection's, the engine's where the system has them, and
 * the table's own.
 */
struct module {
	const struct system *system;
	const struct resource *r;
	const struct info *info; /* NULL: the module that changes */
};

struct module_tables {
	const struct attr *attrs[5]; /* NULL-terminated; the table's own come first */
	const struct rule *rules[2];
	struct attr common[8]; /* room for the engine's options */
};

MUST_USE struct err *module_named(const struct system *s, const char *name, struct module *ret);
const char *module_name(const struct module *m);
const char *module_doc(const struct module *m);
/* `ret` must not be moved afterwards: attrs points into it. */
void module_tables(const struct module *m, struct module_tables *ret);
/* Key of the object or list in the result; NULL if there is none. */
const char *module_returns(const struct module *m);
/* Calls fn for every module there is, by name. */
void module_each(const struct system *s, void (*fn)(const struct module *m, void *arg), void *arg);

#endif
