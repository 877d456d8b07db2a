#ifndef AGENT_PACKAGES_H
#define AGENT_PACKAGES_H

#include "agent/agent.h"

/*
 * What a package manager has to be able to do. packages.c lists those there are, and takes the first that
 * the node has.
 */
struct package_manager {
	const char *name;
	const char *program; /* on PATH, if the node has it */
	/* All that are installed: {name: {"version", "hold": bool}}; owned. */
	struct err *(*installed)(struct agent *a, struct json_object **ret);
	/*
	 * The exact versions, {name: version}, that are meant by {name: version} ("1.33.1", "1.33.1-1.1"; null:
	 * the newest); *ret is owned. ERR_NOT_FOUND lists those there are.
	 */
	struct err *(*find)(struct step *s, struct json_object *wanted, struct json_object **ret);
	/* a < b: negative. */
	struct err *(*compare)(struct agent *a, const char *x, const char *y, int *ret);
	/* All at once: ["name=version", ...], ["name", ...]; both may be empty. */
	struct err *(*change)(struct step *s, struct json_object *install,
			      struct json_object *removed);
	struct err *(*hold)(struct step *s, struct json_object *names, bool hold);
	/* Ends what a killed run has left half done. */
	struct err *(*mend)(struct step *s);
};
extern const struct package_manager package_apt;

/* "1.33.1" is also 1.33.1-1.1: what follows a '-' is the package's own number. Or a pattern: "1.33.*". */
bool package_version_is(const char *have, const char *want);
/* NULL: none that is known. */
const struct package_manager *package_manager(void);

#endif
