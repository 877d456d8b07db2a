#ifndef ADAPTER_KIND_H
#define ADAPTER_KIND_H

#include "terraform.h"

/*
 * The declarations (terraform.h) made ready: each row with the attribute it stands for, its type and
 * its flags, and the rows that nobody has to write. Built when first asked for; read by any thread,
 * never changed.
 */
struct row {
	const char *name;
	unsigned flags;            /* of terraform.h, complete */
	const struct tf_attr *t;   /* NULL: nobody wrote it */
	const struct attr *a;      /* the engine's; NULL: none */
	struct json_object *type;  /* Terraform's, of a block too */
	struct json_object *value; /* default; NULL: none */
	const struct row *sub;     /* of a block, and of objects; ends with an empty name */
	const struct row *nested;  /* what is in the objects of a dynamic one, for readers */
	const struct row *secret;  /* NAME_wo and NAME_wo_version: the row they are the value of */
	bool single;               /* block: an object, not a list of them, as `timeouts` */
	bool write_only;
	const char *doc;
};

struct kind {
	const struct tf_kind *k;
	const struct resource *r; /* NULL: no kind of object of the engine */
	char *type_name;          /* "openstack_networking_network_v2" */
	const struct row *rows;   /* ends with an empty name */
	struct json_object *type; /* ["object", {...}] */
};

/* What the objects are in, where it is no cloud (targets.h). */
struct backend {
	/* On all kinds: which of several it is; a change makes a new object. */
	struct tf_attr rows[2]; /* may be empty */
	/* The provider block; values that are not known yet are no error before somebody needs them. */
	MUST_USE struct err *(*configure)(struct json_object *config);
	/* Another Terraform comes, with a block of its own. */
	void (*renew)(void);
	void (*end)(void);
	/* Text without the secrets of all sessions so far; owned. Takes text. */
	char *(*mask)(char *text);
};

/* What a provider offers beside the kinds of resources[]. */
struct provider {
	const char *name;                      /* "openstack": begins the names of all kinds */
	const char *address;                   /* as a configuration's `source` */
	const char *doc;                       /* for index.md */
	const char *example;                   /* HCL of the provider block */
	const struct resource *const *objects; /* NULL-terminated; NULL: none */
	const struct tf_kind *const *others;   /* NULL-terminated; NULL: none */
	const struct tf_kind *const *more;     /* the same */
	const struct tf_attr *config;          /* rows of the provider block */
	const struct attr *options;            /* NULL; or further ones, but for those named in: */
	const char *no_options;
	bool targets; /* `cloud` and `region` on each resource */
	/* The provider block as options of session_new(); owned. NULL: it has no clouds. */
	struct err *(*session_options)(struct json_object *config, const char *cloud,
				       const char *region, struct json_object **ret);
	const struct backend *backend;    /* NULL: clouds, or nothing */
	const struct function *functions; /* ends with an empty name; NULL: none */
};
extern const struct provider provider; /* each program has its own */

/* All kinds; *ret_n of them. */
const struct kind *const *kinds(size_t *ret_n);
/* NULL: there is none of that name. */
const struct kind *kind_named(const char *type_name, enum tf_what what);
/* The provider block. */
const struct kind *kind_provider(void);
const struct row *row_named(const struct row *rows, const char *name);

#endif
