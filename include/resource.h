#ifndef RESOURCE_H
#define RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "err.h"
#include "json.h"

/*
 * The declaration of a kind of object, and the engine that makes objects match what is wanted.
 *
 * A resource is a table of attributes. Adapters (Ansible, external, Terraform) turn what their users
 * write into a JSON object keyed by attr.name; the engine knows how that travels on the wire. What a
 * table cannot say is a hook, beside the table, in the resource's own file.
 */
struct resource;
struct attr;
struct op;
struct tf_kind;
struct cluster;
struct ssh_hosts;

enum attr_type { STR, BOOL, INT, FLOAT, LIST, SET, MAP, OBJ, RAW };

enum attr_flags {
	REQUIRED = 1 << 0, /* the user must give it, also for state absent */
	READONLY = 1 << 1, /* only the cloud sets it: returned, never an option */
	REPLACES = 1 << 2, /* changing it needs a new object */
	CREATE = 1 << 3,   /* sent at creation, never compared again */
	OPTION = 1 << 4,   /* tells the module something; no part of the object: a hook reads it */
	SECRET = 1 << 5,   /* never shown: no_log, sensitive */
	FILTER = 1 << 6,   /* the service filters lists by it, under its name on the wire */
	IDENTITY = 1 << 7, /* together with the name, says which object is meant; implies FILTER */
	MERGE = 1 << 8,    /* a MAP of which only the given keys are compared and changed */
	HIDDEN = 1 << 9,   /* compared, but not part of what is returned */
	FIXED = 1 << 10, /* like CREATE, but a difference is refused: nothing could make it true */
	INTERNAL = 1 << 11, /* no option: hooks put it into want; compared, changed and returned */
	/* A MAP whose keys stand among the others on the wire: all that no row claims. */
	INLINE = 1 << 12,
	BORN = 1 << 13, /* with .set: sent at creation too */
	/* .value tells what holds when nothing is said, but is not put into want. */
	ASSUMED = 1 << 14,
	/* Only the answer to the creation has it: kept when the object is read again. */
	ONCE = 1 << 15,
	/* An option that may hold objects of any kind: where it has a Secret, it is not repeated. */
	OBJECTS = 1 << 16,
};

/* A reference is one more row's job: name or ID in, ID on the wire. */
struct attr {
	/* In what is returned (the SDK's name), and as option unless .option is given. */
	const char *name;
	enum attr_type type;
	unsigned flags;
	const char *doc; /* one sentence for every surface's manual; ends with a dot */

	/* Seldom needed; give them by name. */
	const char *option;  /* the option's name, if another */
	const char *aliases; /* further option names, separated by blanks */
	const char *wire;    /* name in request bodies (dotted: nested) and queries, if another */
	const char *read;    /* dotted path in answers, if other than wire */
	const char *value;   /* default, as JSON text */
	const char *choices; /* separated by blanks */
	const char *states;  /* required for these states (blanks between): "present" */
	enum attr_type elem; /* of a LIST or SET without sub; STR by default */
	const struct attr *sub;     /* of an OBJ, or of the elements of a LIST or SET */
	const struct resource *ref; /* names or IDs of this resource */
	const char *within; /* attribute above it with the ID of the domain to look names up in */
	/* The value as the wire wants it; owned by the caller. */
	struct json_object *(*encode)(struct json_object *value);
	/* What an answer says, as value; gets the whole object and owns nothing. */
	struct json_object *(*decode)(struct json_object *wire);
	/* Changed by its own call after creation and update, instead of in their bodies. */
	MUST_USE struct err *(*set)(struct op *op, const struct attr *a, struct json_object *value);
};

/* Relations between options, checked before anything is sent. */
enum rule_kind {
	EXCLUSIVE = 1, /* at most one of them */
	TOGETHER,      /* all or none */
	ONE_OF,        /* at least one of them */
	NEEDS_ALL,     /* if `when` holds, all of them */
	NEEDS_ONE,     /* if `when` holds, at least one */
};
struct rule {
	enum rule_kind kind;
	const char *options; /* separated by blanks */
	const char *when;    /* "option=value", or "option": is given */
};

enum resource_flags {
	BULK = 1 << 0,       /* POST takes a list, LIST takes a repeated name (Neutron) */
	ID_IS_NAME = 1 << 1, /* found by GET of its name (key pairs) */
	NAME_REGEX = 1 << 2, /* the name filter is a regular expression (Nova servers) */
	NO_NAME = 1 << 3,    /* has no name: IDENTITY attributes say which object is meant */
	LIST_ONLY = 1 << 4, /* the service cannot filter by name: look through the list (flavors) */
	REPLACE_OK = 1 << 5,  /* replacing loses nothing, so allow_replace is not asked for */
	ACCEPTED = 1 << 6,    /* POST answers before the object is whole: read it after waiting */
	POLL_DELETE = 1 << 7, /* DELETE only begins the work: wait until it is gone */
	GET_TO_READ = 1 << 8, /* lists leave attributes out: a found object is read by its ID */
	ANY_ID = 1 << 9,      /* IDs may be any word ("default"): what is no name is tried as one */
	/* A name filter may begin with an operator: "eq:" before a name with ':'. */
	NAME_OPS = 1 << 10,
	LIST_MANY = 1 << 11,   /* as BULK, but POST takes one object only (Neutron's routers) */
	UNCONNECTED = 1 << 12, /* works on files: has no options that connect */
};

enum action { NONE, CREATED, UPDATED, REPLACED, DELETED };

/* What is to happen to an object. A pure function of table, wanted and found: plan_make(). */
struct plan {
	enum action action;
	/* {attribute: {"before": x, "after": y}}, SECRET ones masked. */
	struct json_object *changes;
	struct json_object *replaces; /* attributes that force a new object */
};

/* What happened to one object. */
struct outcome {
	struct plan plan;                   /* filled before anything is changed */
	bool changed;                       /* something was altered (check mode: would be) */
	char *id;                           /* set as soon as known, on failure too */
	struct json_object *before, *after; /* by attribute name; NULL: absent */
	struct json_object *extra;          /* further top-level keys of the result */
	struct json_object *warnings;       /* array of strings */
};

/*
 * Whoever keeps the IDs of objects himself (Terraform): an op with a keeper is about the object of
 * op->id (op->have, if that is given), or about a new one, whatever others of its name there are. Its
 * references are IDs, and nothing is looked up.
 */
struct keeper {
	/* Called as soon as an object exists, before anything is waited for. May be NULL. */
	void (*born)(const struct keeper *k, struct op *op, const char *id);
	/* False: this object belongs to somebody else. NULL: none does. */
	bool (*claim)(const struct keeper *k, struct op *op, const char *id);
	/* Wall clock (s) when creation was first tried; what is older is not ours. */
	int64_t since_s;
	int64_t until_s; /* nor is what was made later than this; 0: it may be made now */
	/* A run that was killed may have made it: look before making it again. `id`: what it got; may be NULL. */
	bool lost;
	const char *id;
	/*
	 * Of objects whose service tells no time of creation: called before the first attempt with the IDs
	 * of all that have the name. What is there later beside them may be ours. May be NULL.
	 */
	void (*before)(const struct keeper *k, struct op *op, struct json_object *ids);
	struct json_object *others; /* those IDs; NULL: nobody looked */
	/* For so long the service may yet be at what that run asked for: it is looked for until then. */
	int64_t late_ms;
	void *arg; /* of whoever keeps */
};

/*
 * Where the elements of a result's long list go one by one, so that not more than a page of it is held.
 * `element` is borrowed, and may be altered. All are of one list.
 */
struct sink {
	void (*add)(struct sink *s, const char *key, struct json_object *element);
};

/* One piece of work. Hooks get it and may read and change want (before the plan) and have. */
struct op {
	struct api *api;         /* NULL: of another system */
	struct cluster *cluster; /* of Kubernetes; NULL: of another system */
	struct ssh_hosts *hosts; /* that a task is about; NULL: of another system */
	const struct resource *r;
	const char *state;        /* "present", "absent", or one of the resource's own */
	struct json_object *want; /* by attribute name, as given; references become IDs */
	struct json_object *have; /* what the cloud has; NULL: nothing */
	const char *id;           /* of have, or of what was just created (borrowed from out) */
	bool check;               /* send nothing but reads */
	bool diff;                /* what changes is asked for: for hooks that tell it in extra */
	bool wait;                /* false: the user does not want to wait */
	bool allow_replace;
	bool stale;  /* set by hooks: have no longer shows what the cloud has, read it again */
	bool sought; /* have is what one list for all ops told: a find hook need not look again */
	bool gone;   /* what it belongs to is not there: nor can it be */
	const struct keeper *keeper; /* NULL: objects are found by their names */
	struct json_object *specs; /* goes into the body of the creation as it is; NULL: nothing */
	int64_t timeout_ms; /* of the waits in one step of the work, counted from when it begins */
	int64_t deadline;   /* of the waits, on api->now_ms; set from timeout_ms if that is given */
	struct refs *refs;  /* names looked up so far; NULL: those of all ops of a run */
	struct sink *sink;  /* NULL: what is listed goes into out->extra */
	struct outcome *out;
};

/* A module that only reads: networks_info. */
struct info {
	const char *name, *doc;    /* module */
	const char *returns;       /* key of the list in the result */
	const struct attr *params; /* options beside name and filters; .wire is the query parameter,
				      flags FILTER: the service filters, else compared here */
	const struct rule *rules;
	const char *name_aliases; /* further names of the option `name` */
	bool no_name, no_filters; /* has no such option */
	bool missing_is_empty;    /* a name in params that nothing has: an empty list, no error */
	const char *path;         /* list from here instead ("/servers/detail") */
	bool glob;                /* the name may be a pattern, as in "web*" */
	/* Adds query parameters, completes each object found, or picks among all of them (takes and gives the list). */
	MUST_USE struct err *(*query)(struct op *op, struct buf *query);
	MUST_USE struct err *(*complete)(struct op *op, struct json_object *object);
	MUST_USE struct err *(*select)(struct op *op, struct json_object **list);
	/* All that it tells about, decoded, instead of a LIST. */
	MUST_USE struct err *(*list)(struct op *op, struct json_object **ret);
	/* Numbers by which objects are ranked where only the smallest is asked for. */
	const char *smallest;
	const char *example;
};

struct resource {
	const char *name, *doc; /* the module */
	const char *service;    /* catalogue type */
	const char *path;       /* collection, below the endpoint; "{attr}" is replaced from want */
	const char *key, *keys; /* envelopes of one and of many; key NULL: none (Glance) */
	const char *returns;    /* key of the object in a result; NULL: as key */
	/* What is returned is an object of this resource; NULL: of its own. */
	const struct resource *shows;
	const char *list;         /* LIST path if another ("/servers/detail") */
	const char *list_query;   /* always added to lists: "is_public=None" */
	const char *microversion; /* highest one the table understands */
	const char *update;       /* "PUT", "PATCH", "JSONPATCH"; NULL: every change replaces */
	unsigned flags;
	const struct attr *attrs;
	const struct rule *rules;
	const char *states;     /* NULL: "present absent" */
	const char *identifier; /* attribute that is the ID; NULL: "id" */
	const char *bulk_by;    /* a bulk POST takes only objects that agree in this attribute */
	/*
	 * Whether `object` is the one that `want` means, where IDENTITY attributes have more than one
	 * spelling. Only those that are FILTER too are sent with the list then.
	 */
	bool (*meant)(struct json_object *want, struct json_object *object);
	struct {
		const char *attr, *ready, *failed; /* values separated by blanks */
		const char *fault; /* dotted path to the service's reason, on the wire */
	} wait;

	/* Hooks, in the order they run. Each may be NULL. */
	MUST_USE struct err *(*prepare)(struct op *op); /* options -> attributes; sends nothing */
	MUST_USE struct err *(*find)(struct op *op);    /* sets op->have, instead of by name */
	MUST_USE struct err *(*expand)(
		struct op *op); /* reads the rest of op->have; refines want */
	MUST_USE struct err *(*settle)(struct op *op); /* finishes what a killed run left */
	/* Completes the creation's POST; gets it with its envelope. */
	MUST_USE struct err *(*body)(struct op *op, struct json_object *body);
	MUST_USE struct err *(*create)(
		struct op *op); /* must op_created() as soon as there is an ID */
	MUST_USE struct err *(*update_hook)(struct op *op); /* after the generic update */
	MUST_USE struct err *(*created)(struct op *op);     /* after creation and wait */
	MUST_USE struct err *(*before_delete)(struct op *op);
	MUST_USE struct err *(*remove)(struct op *op); /* in place of DELETE <path>/<id> */
	/* Everything but checking arguments: for what is no object (server_action, auth). */
	MUST_USE struct err *(*run)(struct op *op);

	const struct attr *returned; /* what hooks put into out->extra, for the documentation */
	const struct info *info;
	const struct info *lookup; /* in its place for look-ups, where info is no module or NULL */
	const struct tf_kind *const
		*terraform;  /* how Terraform files see it (terraform.h); ends with NULL */
	const char *example; /* YAML of tasks; the tests run it */
};

/* ---- the tables (lib/attr.c) ---- */

/* The table of the object that a resource's results hold. */
const struct attr *attrs_shown(const struct resource *r);
const struct attr *attr_named(const struct attr *attrs, const char *name);
const char *attr_option(const struct attr *a); /* its name as option */
const char *attr_wire(const struct attr *a);
bool attr_equal(const struct attr *a, struct json_object *want, struct json_object *have);
/* The value as the row's type: "4" -> 4, "yes" -> true; what is no such thing is left. Owned. */
struct json_object *attr_typed(const struct attr *a, struct json_object *v);
/* What there is once `want` is done to `have`; owned. Of a MERGE map, null takes a key away. */
struct json_object *attr_after(const struct attr *a, struct json_object *have,
			       struct json_object *want);
/* An object as the service sent it, by attribute names. Everything returned is there, null if absent. */
struct json_object *attrs_decode(const struct attr *attrs, struct json_object *wire);
/* The attributes of `want` a request body takes; with `changes`, only those in there. */
struct json_object *attrs_encode(const struct attr *attrs, struct json_object *want,
				 struct json_object *changes);
/* What stands in place of a secret in results, in Ansible's own words. */
extern const char attr_mask[];
/* `object` without what must not be shown: HIDDEN left out, SECRET masked. */
struct json_object *attrs_public(const struct attr *attrs, struct json_object *object);

/* ---- plan (lib/plan.c): pure ---- */

void plan_make(const struct resource *r, const char *state, struct json_object *want,
	       struct json_object *have, struct plan *ret);
void plan_release(struct plan *p);
const char *action_name(enum action a);

/* ---- find (lib/find.c, list.c, refs.c, info.c) ---- */

struct refs;
struct refs *refs_new(void);
void refs_free(struct refs *refs);
/* The ID of the object that has this name or ID; ERR_NOT_FOUND if there is none. Looked up once a run. */
MUST_USE struct err *refs_id(struct op *op, const struct resource *r, const char *name_or_id,
			     char **ret);
/* True for the first op of a run that asks for `what`: two must not take the same thing. */
bool refs_claim(struct refs *refs, const char *what);
/* Looks up all names that ops without an error refer to: one LIST for each kind, where LIST can. */
void refs_prefetch(struct op *ops, struct err *const *errs, size_t n);
/* The same for the value of an option: in check mode, what is not there yet is assumed to be by then. */
MUST_USE struct err *op_ref(struct op *op, const struct resource *r, const char *option,
			    const char *name_or_id, char **ret);
/* Replaces names by IDs in all of op->want that refers to other objects. */
MUST_USE struct err *op_resolve(struct op *op);

/* The object, decoded; *ret NULL if there is none. `scope` adds query parameters; may be NULL. */
MUST_USE struct err *resource_find(struct api *api, const struct resource *r,
				   const char *name_or_id, const char *scope,
				   struct json_object **ret);
/*
 * Whether the kind's own find() is needed even where the ID is known: for what lies within another
 * object, or has no ID of its own.
 */
bool resource_is_sought(const struct resource *r);
/* Sets op->have of ops[0..n), with as few requests as the service allows. */
MUST_USE struct err *resource_find_ops(struct op *ops, size_t n);
/* All objects that match a query ("" or "a=b&c=d", escaped), all pages, decoded. */
MUST_USE struct err *resource_list(struct api *api, const struct resource *r, const char *path,
				   const char *query, struct json_object **ret);
/* The one meant of several that have a name: the only one, or the only one of the own project. */
MUST_USE struct err *resource_choose(struct api *api, const struct resource *r,
				     struct json_object *list, const char *name,
				     struct json_object **ret);
/* GET by ID, decoded; ERR_NOT_FOUND if it is gone. */
MUST_USE struct err *resource_get(struct api *api, const struct resource *r, const char *id,
				  struct json_object **ret);
/* The same, but a confirmed 404 is no error: *ret is NULL then. */
MUST_USE struct err *resource_try_get(struct api *api, const struct resource *r, const char *id,
				      struct json_object **ret);
/* The attribute that is the ID. */
const char *resource_key(const struct resource *r);
/* What an info module answers: op->want holds its options. */
MUST_USE struct err *info_run(struct op *op, const struct info *info, struct json_object **ret);
/* Appends "name=value", escaped, to a query; with '&' if it has something already. */
void query_text(struct buf *query, const char *name, const char *value);
/* All pages of any list: path with query, the envelope's key. Elements as the service sent them. */
MUST_USE struct err *list_pages(struct api *api, const struct request *first, const char *keys,
				struct json_object **ret);

/* ---- apply (lib/apply.c) ---- */

/*
 * Makes n objects match. Each op has its own result in errs[i] and out; one that fails does not
 * keep the others from being done. At most `width` at a time.
 */
void resource_apply(struct op *ops, size_t n, int width, struct err **errs);
void outcome_release(struct outcome *o);

/* For hooks. */
/* Any request of an op: refused in check mode if it writes, else remembered as a change. */
MUST_USE struct err *op_request(struct op *op, const struct request *req, struct json_object **ret);
/* To the resource's own path. */
MUST_USE struct err *op_call(struct op *op, const char *method, const char *tail,
			     struct json_object *body, struct json_object **ret);
/* POST {action: arg} to <path>/<id>/action. Takes arg. */
MUST_USE struct err *op_action(struct op *op, const char *action, struct json_object *arg);
/* What is done where there is no such hook: for hooks that seldom differ. */
MUST_USE struct err *op_post(struct op *op);
/* Sends the update for these changes ({attribute: ...}, as a plan has them); reads op->have. */
MUST_USE struct err *op_update(struct op *op, struct json_object *changes);
/* Remembers that an object exists from here on. */
void op_created(struct op *op, const char *id);
/* Polls until r->wait.attr has one of the values `ready` (NULL: until it is gone); sets op->have. */
MUST_USE struct err *op_wait(struct op *op, const char *ready);
/* The same on another attribute, which may be one that is decoded; `failed` may be NULL. */
MUST_USE struct err *op_wait_on(struct op *op, const char *attr, const char *ready,
				const char *failed);
/* Reads op->have again. */
MUST_USE struct err *op_reload(struct op *op);
PRINTF(2, 3) void op_warn(struct op *op, const char *fmt, ...);
/* The collection's path with "{attr}" filled in from op->want. */
char *op_path(struct op *op);

extern const struct resource
	*const resources[]; /* build/registry.c: lib/openstack/NAME.c -> os_NAME */

#endif
