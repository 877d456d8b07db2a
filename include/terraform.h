#ifndef TERRAFORM_H
#define TERRAFORM_H

#include "resource.h"

/*
 * How kinds of objects look in Terraform files: the names and types of terraform-provider-openstack
 * (or of whichever provider is replaced), row by row, beside the table of the kind itself. The
 * adapter (providers/terraform/adapter) makes schema, documentation, plan, apply, refresh and import
 * of it; the engine (resource.h) does the work.
 *
 * All kinds have, without rows: `id`; with `region` and `cloud` where the provider has targets:
 * `region` (computed, a change makes a new object) and `cloud` (another target than the provider
 * block's; a change makes a new object); a `timeouts` block where .minutes says so.
 *
 * Values are json-c objects: null is NULL, what is not known yet is value_unknown() (see
 * providers/terraform/protocol/value.h).
 */
enum tf_flags {
	/* Whether it may be given. None of these three means OPTIONAL. */
	TF_REQUIRED = 1 << 0,
	TF_OPTIONAL = 1 << 1,
	/* The service sets it where it is not given. */
	TF_COMPUTED = 1 << 2,
	TF_OC = TF_OPTIONAL | TF_COMPUTED,

	/* A change makes a new object. */
	TF_NEW = 1 << 3,
	/* Never shown; if it may be given, NAME_wo and NAME_wo_version are there too. */
	TF_SENSITIVE = 1 << 4,
	/* Only what was given is compared and kept; what else the service has is no difference. */
	TF_SUBSET = 1 << 5,
	/* Never read back: the state keeps what was given. */
	TF_KEPT = 1 << 6,
	/* A nested block: list, or set with TF_SET; .sub are its rows. */
	TF_BLOCK = 1 << 7,
	/* Of a block, or where .type does not say. */
	TF_SET = 1 << 8,
	/* Of a block: at most one. */
	TF_UNIQUE = 1 << 9,
	/* In data sources: compared here, not sent to the service. */
	TF_EXACT = 1 << 10,
	/* In data sources: this option picks the newest of several (most_recent). */
	TF_LAST = 1 << 11,
	/* In data sources: a regular expression (adapter/pattern.h) that .attr has to match. */
	TF_REGEX = 1 << 12,
	TF_DEPRECATED = 1 << 13,
	/* For readers: the plan hook sees which changes make a new object. */
	TF_RENEWS = 1 << 14,
	/* Kept in neither plan nor state. */
	TF_WRITE_ONLY = 1 << 15,
	/* Of a block, or a nested attribute: an object, not a list of one. */
	TF_SINGLE = 1 << 16,
	/*
	 * An attribute of objects, written `a = { ... }` or `a = [{ ... }]`, of which .options says what may be in them.
	 * Its type is dynamic, and whoever does the work checks it: an object's type would have all of its
	 * attributes written, and a nested one would pass over what is misspelled.
	 */
	TF_NESTED = 1 << 17,
};

struct tf_attr {
	const char *name;
	unsigned flags;
	/*
	 * Attribute (or option, alias, name on the wire) of the kind's own table that it is; NULL: the
	 * one of the same name. "": none: the hooks see to it.
	 */
	const char *attr;
	const char *doc; /* NULL: that of the attribute */

	/* Seldom needed; give them by name. */
	/* Terraform's type as JSON; NULL: what follows from the attribute. */
	const char *type;
	/* Default as JSON; makes it computed as well (the protocol wants that). */
	const char *value;
	/* Rows (blanks between, "*": any) whose change makes this computed one unknown again. */
	const char *follows;
	const char *choices; /* beyond those of the attribute */
	const struct tf_attr *sub;
	/* Of a nested one: what its objects hold. */
	const struct attr *options;
};

enum tf_what { TF_RESOURCE, TF_DATA, TF_EPHEMERAL };

enum tf_kind_flags {
	/* Refreshing runs the kind's expand() hook (more requests). */
	TF_EXPAND = 1 << 0,
	/* LIST does not tell all: refresh by GET. */
	TF_NO_LIST = 1 << 1,
	/* A data source of many: `ids` has all that match. */
	TF_PLURAL = 1 << 2,
	/* Creating it twice does no harm: nothing to find after a killed run. */
	TF_NO_ADOPT = 1 << 3,
	/* The name is whole: "kubectl_manifest". */
	TF_WHOLE_NAME = 1 << 4,
	/* No `id`: the provider that this one replaces has none, and so no identity. */
	TF_NO_ID = 1 << 5,
	/* There is a better name for it: Terraform says so where it is used. */
	TF_OLD_NAME = 1 << 6,
};

struct tf_op;
struct kind;

/*
 * Who does the work about a kind's objects where the engine (resource.h) does not. The adapter sees to
 * schema, types, documentation, what is planned of rows that nobody wrote, and that nothing
 * else than what was planned is told: of t->state only what was unknown in t->planned is taken.
 * t->op has deadline and timeout_ms, and takes op_warn(); nothing else of it is set.
 */
struct tf_worker {
	/* May be NULL. t->config, with values that are not known yet; sends nothing. */
	MUST_USE struct err *(*validate)(struct tf_op *t);
	/* Refines t->planned and t->replace; may ask, and must do without who cannot be asked yet. */
	MUST_USE struct err *(*plan)(struct tf_op *t);
	/* They set t->state, also after an error if something is there to be remembered. */
	MUST_USE struct err *(*create)(struct tf_op *t);
	MUST_USE struct err *(*update)(struct tf_op *t);
	MUST_USE struct err *(*remove)(struct tf_op *t);
	/* t->prior to t->state; NULL: gone. */
	MUST_USE struct err *(*read)(struct tf_op *t);
	/* What the reading that comes next needs, into t->state, which has all rows as null. */
	MUST_USE struct err *(*import)(struct tf_op *t, const char *id);
};

struct tf_kind {
	const char *name; /* without the provider: "networking_network_v2" */
	enum tf_what what;
	const struct resource *of; /* NULL: the resource that lists it */
	const char *doc;
	const struct tf_attr *attrs; /* ends with an empty row; NULL: none but .options */
	/* Further rows: all of this table, as they are. REPLACES makes a new object, READONLY is computed. */
	const struct attr *options;
	const struct rule *rules; /* by Terraform's names; NEEDS_* with `when` as in resource.h */
	unsigned flags;
	int version; /* of the state; 0 as the peer's */
	struct {
		/* Minutes by default; 0: no such timeout. That of reading may be given, and limits nothing. */
		int create, update, remove, read;
	} minutes;
	/*
	 * What identifies it: "{instance_id}/{volume_id}" of rows; NULL: the kind's own ID. An import
	 * takes the same text apart.
	 */
	const char *id;
	const char *import_doc; /* what an ID for import is, if not plainly the ID */
	const char *example;    /* HCL; the tests apply it */
	/* Data sources: path that lists the own ones, for those who may not list all. */
	const char *list_own;

	const struct tf_worker *worker; /* NULL: the engine */
	const void *more;               /* the worker's own */

	/* Hooks, in the order they run; each may be NULL; a worker has its own. */

	/* Refines t->planned; tf_replace() makes it a new object. Sends nothing: there may be no cloud. */
	MUST_USE struct err *(*plan)(struct tf_op *t);
	/* Creation and update: refines op->want, which has the rows that changed (creation: all). */
	MUST_USE struct err *(*prepare)(struct tf_op *t);
	/*
	 * Reading: sets op->have (NULL: gone) instead of a GET by op->id. Wants nothing but op->want, which
	 * has the rows of t->prior; of a data source, instead of a LIST, those of t->config.
	 */
	MUST_USE struct err *(*read)(struct tf_op *t);
	/*
	 * After any work: refines t->state, which has the rows as op->have has them. A reading may free
	 * it: NULL for what is as good as gone.
	 */
	MUST_USE struct err *(*show)(struct tf_op *t);
	/* Data sources: refines the query, then picks among what was found (takes and gives the list). */
	MUST_USE struct err *(*query)(struct tf_op *t, struct buf *query);
	MUST_USE struct err *(*select)(struct tf_op *t, struct json_object **list);
	/* Data and ephemeral resources that are no lookup: all by itself, into t->state. */
	MUST_USE struct err *(*open)(struct tf_op *t);
};

/* One call about one object, for the hooks. Objects are by Terraform's names. */
struct tf_op {
	const struct kind *whole; /* the adapter's own */
	const struct tf_calls *calls;
	const struct tf_kind *kind;
	const struct resource *r;
	struct op *op;               /* the engine's: api, want, have, id */
	struct json_object *config;  /* as written, write-only values too; NULL when reading */
	struct json_object *prior;   /* NULL: creation */
	struct json_object *planned; /* NULL: destruction */
	struct json_object *state;   /* result */
	struct json_object *replace; /* paths that make it a new object (array of strings) */
	struct json_object *kept; /* a worker's own, beside the state: from call to call; owned */
	bool importing;           /* there is nothing but the ID yet */
	bool foreign;             /* reading: the provider that this one replaces wrote prior */
};

/* For hooks. They go through t: the tables are also in programs that have no adapter. */
struct tf_calls {
	bool (*changed)(const struct tf_op *t, const char *name);
	struct json_object *(*unknown)(void);
	bool (*has_unknown)(struct json_object *v);
};

/* Whether a row's value is another one than before (true of all rows that are not null at creation). */
static inline bool tf_changed(const struct tf_op *t, const char *name)
{
	return t->calls->changed(t, name);
}

/* A change at this path ("network[0].uuid") makes a new object. */
static inline void tf_replace(struct tf_op *t, const char *path)
{
	json_object_array_add(t->replace, json_object_new_string(path));
}

/* The row stays what it was: another spelling is no change. From or to nothing it changes in place. */
static inline void tf_keep(struct tf_op *t, const char *name)
{
	for (size_t i = json_len(t->replace); i-- > 0;)
		if (json_is_str(json_nth(t->replace, i), name))
			(void)json_object_array_del_idx(t->replace, i, 1);
	if (json_at(t->planned, name) && json_at(t->prior, name))
		json_set(t->planned, name, json_copy(json_at(t->prior, name)));
}

/* A value that will be known once the work is done; new. */
static inline struct json_object *tf_unknown(const struct tf_op *t)
{
	return t->calls->unknown();
}

/* It or anything in it is unknown yet. */
static inline bool tf_has_unknown(const struct tf_op *t, struct json_object *v)
{
	return t->calls->has_unknown(v);
}

#endif
