#ifndef KUBERNETES_WAITS_H
#define KUBERNETES_WAITS_H

#include "kubernetes/ready.h"

/* What the files of lib/kubernetes that wait have in common; nobody else's business. */

/* A wish with a JSONPath or regular expression that is none: ERR_USAGE. */
MUST_USE struct err *wish_check(const struct ready_wish *wish);
/*
 * Of a failed Deployment or ReplicaSet: its pods were refused, which may be the old status still, or heal
 * at once. It counts when it has lasted for HEALING_MS.
 */
enum { HEALING_MS = 1500 };
bool readiness_heals(struct json_object *object);
/* The entry of status.conditions of that type; borrowed; NULL: none. */
struct json_object *condition_of(struct json_object *object, const char *type);
/* "Deployment a/b". Owned. */
char *waits_title(const struct kube_kind *k, const char *ns, const char *name);

/* "reason: message", or less, in one line that is not too long, without its full stop. Owned. */
char *because(struct json_object *condition);
/* watch_run(); *trouble (owned): what kept it from watching when the time was over; NULL: nothing. */
MUST_USE struct err *watch_run_told(struct watch *w, char **trouble);

/* A server that is away, or busy. */
bool watch_may_pass(const struct err *e);

/* ---- a watch's answer, piece by piece ---- */

struct watch_stream {
	struct watch *w;
	struct buf line; /* the last one, whose end is still to come */
	size_t events;   /* whole ones so far */
	bool ended;      /* by the callee */
	bool expired;    /* 410: what follows `from` is gone */
	struct err *e;   /* what the server said is wrong, or it says rubbish; owned */
};
enum { WATCH_LINE_BYTES = 16 << 20 };

/* For cluster_stream(). False: nothing more is wanted. */
bool watch_piece(void *stream, const char *s, size_t n);

#endif
