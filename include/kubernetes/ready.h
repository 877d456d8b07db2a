#ifndef KUBERNETES_READY_H
#define KUBERNETES_READY_H

#include "kubernetes/kinds.h"

/*
 * When an object is ready, by kind, and waiting for it: by watch, never by polling.
 *
 * Ready: Deployment, StatefulSet, DaemonSet, ReplicaSet: the status is of this generation and
 * all replicas are updated and available (OnDelete: available); Pod: Ready, or Succeeded; Job: complete; PersistentVolumeClaim:
 * Bound (or WaitForFirstConsumer); Service of type LoadBalancer: has an address;
 * CustomResourceDefinition: Established; APIService: Available; Namespace: Active; Node: Ready;
 * HorizontalPodAutoscaler, PodDisruptionBudget: their status is of this generation; others: condition
 * Ready or Available if they have one, else at once. Nothing is ready that is being deleted, or whose status
 * is of an earlier generation.
 *
 * Failed, which ends a wait at once: Pod Failed; Job Failed; Deployment whose Progressing is False
 * (ProgressDeadlineExceeded), or whose pods are refused by a quota, a policy or a webhook and no old ones are
 * left that make room (told for 1.5 s); CRD NamesAccepted False; PersistentVolumeClaim Lost; of other kinds,
 * condition Stalled. What is wished for by condition or fields comes before failures: waiting for
 * condition Failed is possible. Images that cannot be pulled and containers that crash may recover: they
 * are named at the end, and end nothing.
 */
struct ready_wish {
	bool gone;                   /* until it is not there any more */
	const char *condition;       /* "Progressing"; NULL: see above */
	const char *status, *reason; /* of the condition; NULL: "True", any */
	struct json_object
		*fields; /* {JSONPath: regular expression, or "*"}, all of them; NULL: none */
	struct json_object *
		unlike; /* {JSONPath: text}: each is to be there, and not this any more; NULL: none */
	bool rollout;   /* of workloads: as kubectl rollout status */
	int64_t timeout_ms; /* from the beginning of the wait */
};

enum readiness { NOT_READY, READY, FAILED };
/* Pure. *why: what is awaited, or failed, in words ("2 of 3 replicas are available"); owned; may be NULL. */
enum readiness object_readiness(struct json_object *object, const struct ready_wish *wish,
				char **why);

/*
 * Waits until the object (kind, ns, name) is as wished. `object` is what is known of it (its
 * resourceVersion is where the watch begins; NULL: it is read). *last is what was seen last, also after an error; owned; NULL: gone.
 *
 * The watch asks for bookmarks, goes on where it ended when the server or a proxy ends it, and after
 * 410 reads anew. At the deadline (ERR_TIMEOUT), or at a failure (ERR_REMOTE), the error names what
 * blocks: finalizers and who sets them, the namespace's leftovers, an APIService that is down, why pods are not
 * scheduled, images that cannot be pulled, containers that crash with their last words, volumes that do not bind, admission that
 * refuses pods (ReplicaSet events), and the newest warning events.
 * Many at once: ready_wait_many(): one watch for all of one kind and namespace.
 */
MUST_USE struct err *ready_wait(struct cluster *c, const struct kube_kind *k, const char *ns,
				const char *name, struct json_object *object,
				const struct ready_wish *wish, struct json_object **last);
struct ready_item {
	const struct kube_kind *kind;
	const char *ns, *name;
	struct json_object *object; /* known; borrowed; may be NULL */
	const struct ready_wish *wish;
	struct json_object *last; /* out; owned */
	int64_t duration_ms;      /* out */
	struct err *e;            /* out; owned */
};
void ready_wait_many(struct cluster *c, struct ready_item *items, size_t n);
/* What keeps it from being ready, in words, by asking the server; owned; NULL: nothing known. */
char *ready_blocked_by(struct cluster *c, const struct kube_kind *k, struct json_object *object);

/* ---- watch (lib/kubernetes/watch.c) ---- */

/*
 * Calls on(arg, type, object) for each event of a collection or object from resource version `from`,
 * until it returns false (no error) or the deadline passes (ERR_TIMEOUT). Types: "ADDED", "MODIFIED", "DELETED", "RESET" (410: read again from
 * the beginning; object is NULL and *from must be set anew by the callee). From NULL: what is there comes
 * first, as ADDED. A server that is away or busy is waited for. Where we may not watch (403), RESET
 * comes every few seconds instead.
 *
 * on() is called by watch_run()'s own thread; what it asks the server meanwhile keeps events waiting.
 */
struct watch {
	struct cluster *c;
	const struct kube_kind *kind;
	const char *ns, *name; /* NULL: all */
	const char *labels;
	char *from;       /* owned by the caller; goes along */
	int64_t deadline; /* clock_ms() */
	bool forbidden;   /* it has turned out that we may not watch */
	bool (*on)(void *arg, const char *type, struct json_object *object);
	void *arg;
};
MUST_USE struct err *watch_run(struct watch *w);

/* ---- JSONPath (lib/kubernetes/jsonpath.c) ---- */

/*
 * kubectl's JSONPath, as far as it selects: .a.b, ['a'], [0], [-1], [1:3], [*], .., [?(@.a=="b")],
 * with or without braces and a leading dot or $. A path that is wrong is ERR_USAGE with its place.
 */
MUST_USE struct err *jsonpath(struct json_object *object, const char *path,
			      struct json_object **ret); /* array of what is selected; owned */

#endif
