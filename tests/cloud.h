#ifndef CLOUD_H
#define CLOUD_H

#include <stdbool.h>

#include "api.h"
#include "json.h"

/*
 * A cloud inside the test's own process, behind struct api: what it keeps is JSON, what it knows of
 * a kind of object is a row in a table. It filters, pages, refuses what does not fit, and takes its
 * time as the real services do. Its clock stands still but for sleeps and one millisecond a call.
 *
 * All functions may be called from many threads.
 */
struct cloud;
struct cloud_kind;

/* A request, taken apart, on its way through the cloud. */
struct cloud_call {
	const struct cloud_kind *kind;
	const char *method;
	char *id, *sub;             /* of "<path>/<id>/<sub>"; "" if not there */
	struct json_object *query;  /* {parameter: [values]} */
	struct json_object *body;   /* a copy; may be taken apart */
	struct json_object *object; /* the one with that ID, borrowed; NULL: none */
	struct json_object *answer; /* to be filled in; NULL: no body */
	int upload_fd;
	int64_t upload_size;
	const char *content_type;
};

enum cloud_kind_flags {
	KIND_BULK = 1 << 0,   /* POST takes lists */
	KIND_UNIQUE = 1 << 1, /* a second one of the same name is refused */
	KIND_ID_IS_NAME = 1 << 2,
	KIND_REGEX = 1 << 3, /* the filter `name` is a regular expression */
	KIND_SLOW_DELETE = 1 << 4,
	KIND_OPS = 1 << 5,     /* the filter `name` may begin with an operator (Glance) */
	KIND_WRAPPED = 1 << 6, /* each element of a list is in an envelope of its own (key pairs) */
	KIND_LAX = 1 << 7,     /* unknown filters are passed over, not refused */
	KIND_BRIEF = 1 << 8,   /* lists show id, name and `brief` only, unless of <path>/detail */
	KIND_EXACT_ID = 1 << 9, /* the ID comes with the creation, if one is given there */
};

struct cloud_kind {
	const char *service, *path;
	const char *key, *keys; /* key NULL: no envelope (Glance) */
	unsigned flags;
	const char *fields;  /* what a new object has beside what it was given; JSON with ' for " */
	const char *status;  /* field of its state */
	const char *states;  /* those it goes through; one further with each GET of it */
	const char *refs;    /* "field=/collection ...": must exist; with ! it cannot go first */
	const char *filters; /* query parameters beside its fields */
	const char *brief;
	/* Does all of a request that is out of the ordinary, and says so. */
	struct err *(*special)(struct cloud *c, struct cloud_call *q, bool *done);
	/* Completes a new object; `object` holds all the body said. */
	struct err *(*born)(struct cloud *c, struct json_object *object);
	/* After a PUT or PATCH. */
	struct err *(*changed)(struct cloud *c, struct json_object *object,
			       struct json_object *body);
	/* After the object is gone. */
	void (*gone)(struct cloud *c, struct json_object *object);
	/* Completes the copy that is answered with. */
	void (*shown)(struct cloud *c, struct json_object *object, struct json_object *copy);
	/* Before a DELETE. */
	struct err *(*may_go)(struct cloud *c, struct json_object *object);
};

/* `kinds` ends with a path of NULL; `seed`, {"/path": [objects]}, with ' for ". */
struct cloud *cloud_new(const struct cloud_kind *kinds, const char *seed);
void cloud_free(struct cloud *c);
struct api *cloud_api(struct cloud *c);

enum cloud_failure {
	CLOUD_REFUSED,     /* 500, and nothing was done */
	CLOUD_UNREACHABLE, /* no connection: nothing was done */
	CLOUD_LOST,        /* all was done, but nobody heard of it */
	CLOUD_DEAD, /* the same, and from then on nothing gets through: as if the run was killed */
};
/* Makes the call of this number (the first is 1) fail; 0: none. */
void cloud_fail_at(struct cloud *c, int call, enum cloud_failure how);
/*
 * Makes nonsense of the answer to the call of this number: nothing, other types, or the same
 * without what should be in it. `how` is below CLOUD_NONSENSE.
 */
enum { CLOUD_NONSENSE = 10 };
void cloud_mangle_at(struct cloud *c, int call, int how);
/* Lets calls through again; what cloud_failed() says stays. */
void cloud_revive(struct cloud *c);
/* "POST network /v2.0/networks" of the call that was made to fail; NULL: none was. */
const char *cloud_failed(struct cloud *c);

int cloud_calls(struct cloud *c);
int cloud_writes(struct cloud *c); /* all but GET */
/* All requests, one a line: "POST network /v2.0/networks {...}" */
char *cloud_log(struct cloud *c);
void cloud_log_clear(struct cloud *c);
void cloud_page_size(struct cloud *c, size_t n); /* 0: whole lists */
void cloud_pass_ms(struct cloud *c, int64_t ms);
/* A copy of what it keeps: {"/path": {id: object}}. */
struct json_object *cloud_contents(struct cloud *c);
size_t cloud_count(struct cloud *c, const char *path);
/* Path and ID of an object that is not in its last state; NULL: all are. */
char *cloud_unsettled(struct cloud *c);

/* ---- for the kinds' own functions; the cloud is locked then ---- */

struct err *cloud_fault(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct json_object *cloud_at(struct cloud *c, const char *path); /* {id: object} */
struct json_object *cloud_one(struct cloud *c, const char *path, const char *id);
/* Makes an object as a POST would; takes body. */
struct err *cloud_make(struct cloud *c, const char *path, struct json_object *body,
		       struct json_object **ret);
void cloud_drop(struct cloud *c, const char *path, const char *id);
/* Looking at an object lets its time pass. */
void cloud_look(struct cloud *c, struct json_object *object);
/* Sends an object through states anew: "RESIZE VERIFY_RESIZE". */
void cloud_go(struct cloud *c, struct json_object *object, const char *states);
/* The object as it is answered with, in its envelope. */
struct json_object *cloud_answer(struct cloud *c, const struct cloud_kind *k,
				 struct json_object *object);
char *cloud_id(struct cloud *c); /* a new UUID */

extern const struct cloud_kind openstack_kinds[]; /* tests/cloud_openstack.c */
extern const char openstack_seed[];

#endif
