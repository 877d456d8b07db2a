#ifndef TYPED_H
#define TYPED_H

#include "kubernetes/cluster.h"
#include "terraform.h"

/*
 * Kinds of Kubernetes objects with a schema of their own (kubernetes_deployment_v1): their tables, and
 * what Terraform's values are as objects of the API and back. The tables are in typed/, one file for
 * each group of kinds; typed/pod.c has what all that run pods share.
 *
 * A row is a struct tf_attr. Its type is .type (NULL: a string). Its name in the API is the row's in
 * camelCase, or .attr; "": not in the API. A block with TF_UNIQUE is an object there, another one a
 * list. What is given is sent, and of what is not given nothing: the server's own defaults and what
 * other managers set is no difference. A row with .value is planned as that where it is not given,
 * which is what the server makes of it, or .sent sends; a computed one stays as it is.
 */
enum typed_flags {
	TYPED_INT = 1 << 20,           /* a number in the API, text here */
	TYPED_INT_OR_STRING = 1 << 21, /* "80" is a number there, "50%" and "http" are text */
	TYPED_OCTAL = 1 << 22,         /* "0644" here */
	TYPED_QUANTITY = 1 << 23,      /* "0.5" is "500m"; of a map: its values */
	TYPED_BASE64 = 1 << 24,        /* a map of texts, which the API has in base64 */
	TYPED_BINARY = 1 << 25,        /* a map in base64, beside a TYPED_BASE64 one */
	TYPED_KEY = 1 << 26,           /* tells elements of its list apart, wherever they are */
	TYPED_MANY = 1 << 27,          /* a TF_UNIQUE block that is a list of one in the API */
	TYPED_FOLLOWS = 1 << 28,       /* computed; unknown again with any change of the object */
	TYPED_REVISION = 1 << 30,      /* not in the API, but its change is one of the object */
	TYPED_BIRTH = 1 << 29, /* only creation knows it: of an imported object it is null */
};

enum typed_wait {
	WAIT_NONE,
	WAIT_READY,
	WAIT_ROLLOUT,
	WAIT_FIELD,
	WAIT_ACCOUNT, /* for the service account of a new namespace */
};

struct typed_kind {
	struct tf_kind tf; /* first: a struct tf_kind of typed_kinds is one of these */
	const char *api_version, *kind;
	bool namespaced;
	/* How to wait for it, and the row that says whether. */
	enum typed_wait wait;
	const char *wait_row;
	const char *field, *matches; /* WAIT_FIELD: JSONPath, regular expression */
	const char *only;            /* to be waited for only if this row... */
	const char *only_value;      /* ... has this value */
	bool wait_on_update;
	bool foreground; /* deleted only once all that belongs to it is */
	/* May be NULL: what the rows cannot say. */
	void (*sent)(struct json_object *manifest, struct json_object *config);
};

/* All of them: resources and data sources; NULL-terminated. */
extern const struct tf_kind *const typed_kinds[];

static inline const struct typed_kind *typed_kind(const struct tf_kind *k)
{
	return (const struct typed_kind *)k;
}

/*
 * ---- pure ----
 *
 * `given` is which computed rows the configuration had when it was last applied: planned as unknown
 * when they are given no more. It is kept in Terraform's private data, as it is; NULL: not known.
 *
 * Objects of values by Terraform's names have all of the kind's rows; "id" and what the adapter adds
 * (timeouts, cluster) are handed through from config, and from prior what is not in it.
 */

/* *planned new; paths of what makes it a new object are added to `replace`. prior NULL: creation. */
MUST_USE struct err *typed_plan(const struct typed_kind *k, struct json_object *config,
				struct json_object *prior, struct json_object *given,
				struct json_object **planned, struct json_object *replace);
/* What is to be sent; unknown values are left out. `have`: what is there; NULL: nothing. New. */
struct json_object *typed_manifest(const struct typed_kind *k, struct json_object *config,
				   struct json_object *prior, struct json_object *have);
struct json_object *typed_given(const struct typed_kind *k, struct json_object *config);
/* After an apply: what was planned, and from the object what was unknown. New. */
struct json_object *typed_made(const struct typed_kind *k, struct json_object *planned,
			       struct json_object *object);

enum typed_prior {
	PRIOR_OURS,
	PRIOR_FOREIGN,  /* of the provider that we replace: "", 0 and false may stand for null */
	PRIOR_IMPORTED, /* nothing but an ID */
};
/* After a reading. `manager`: whose fields count as given where prior does not tell. New. */
struct json_object *typed_shown(const struct typed_kind *k, struct json_object *prior,
				enum typed_prior origin, const char *manager,
				struct json_object *object);
/* A data source's state: all that the object has. New. */
struct json_object *typed_data(const struct typed_kind *k, struct json_object *config,
			       struct json_object *object);
/* Whether the object itself would be another one than `prior` (NULL: none) was. */
bool typed_changes(const struct typed_kind *k, struct json_object *planned,
		   struct json_object *prior);
/* Path of the row that a message of the server is about: "spec[0].port[1].name". NULL: none. Owned. */
char *typed_at(const struct typed_kind *k, const char *message);
/* "ns/name" taken apart; *ns NULL for what has no namespace. Owned. */
MUST_USE struct err *typed_place(const struct typed_kind *k, const char *id, char **ns,
				 char **name);

/* ---- with a cluster (typed/work.c) ---- */

struct typed_op {
	const struct typed_kind *kind;
	struct cluster *cluster;
	struct json_object *config, *prior, *planned; /* borrowed; as in struct tf_op */
	enum typed_prior origin;
	int64_t deadline_ms;       /* of all of it, from now */
	struct json_object *state; /* out; owned; NULL: gone */
	struct json_object *given; /* out; owned; NULL: as before */
	char *warning;             /* out; owned; NULL: none */
};
/*
 * What of the plan the server would refuse: the same apply as a dry run, one request (two where others
 * own what changes). `warning` says whose fields would be taken over, or that a new object is there
 * already. What cannot be asked yet, for lack of a namespace or of leave to try, is no error.
 */
MUST_USE struct err *typed_try(struct typed_op *op);
/* Creation (no prior) and update. After an error, `state` is what there is already, if anything. */
MUST_USE struct err *typed_apply(struct typed_op *op);
/* Resources and data sources. */
MUST_USE struct err *typed_read(struct typed_op *op);
MUST_USE struct err *typed_delete(struct typed_op *op);
/* `state` of nothing but an ID. */
MUST_USE struct err *typed_import(struct typed_op *op, const char *id);

#endif
