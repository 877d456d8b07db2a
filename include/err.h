#ifndef ERR_H
#define ERR_H

#include <stdbool.h>

/*
 * One error type. A function that can fail returns `struct err *`: NULL is success, anything else
 * belongs to the caller, who returns it (usually through err_wrap()) or ends it with err_free().
 * Outputs of a failed function are untouched unless its header says otherwise.
 *
 * Each layer puts the one thing it knows in front, outermost first:
 *   network 'a': creating: POST network /v2.0/networks: 409 Quota exceeded (request req-...)
 */
#define ERR_KINDS(X)                                                  \
	X(ERR_USAGE, "usage", "the caller's arguments are wrong")     \
	X(ERR_AUTH, "auth", "the credentials were refused")           \
	X(ERR_NOT_FOUND, "not-found", "the object does not exist")    \
	X(ERR_CONFLICT, "conflict", "the object is in another state") \
	X(ERR_TIMEOUT, "timeout", "it did not happen in time")        \
	X(ERR_NETWORK, "network", "the peer could not be reached")    \
	X(ERR_REMOTE, "remote", "the peer answered with a failure")   \
	X(ERR_PROTOCOL, "protocol", "the peer's answer makes no sense")

enum err_kind {
#define X(id, name, doc) id,
	ERR_KINDS(X)
#undef X
};

struct err {
	enum err_kind kind;
	int status;     /* HTTP status; 0: none */
	bool ambiguous; /* the request may have been carried out all the same (lost answer, 502, 504) */
	char *at;       /* attribute the user should look at; may be NULL */
	char *text;
};

#define MUST_USE     __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

MUST_USE PRINTF(2, 3) struct err *err_new(enum err_kind kind, const char *fmt, ...);
/* Puts "fmt: " before the text. Passes NULL through, so that calls can be chained. */
MUST_USE PRINTF(2, 3) struct err *err_wrap(struct err *e, const char *fmt, ...);
/* Names the attribute at fault, unless an inner layer has. Passes NULL through. */
MUST_USE struct err *err_at(struct err *e, const char *attr);
void err_free(struct err *e);
const char *err_kind_name(enum err_kind kind);

#endif
