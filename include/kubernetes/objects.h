#ifndef KUBERNETES_OBJECTS_H
#define KUBERNETES_OBJECTS_H

#include "kubernetes/kinds.h"
#include "kubernetes/ready.h"

/*
 * Makes objects of any kind match what is wanted: one, or many in dependency order.
 *
 * Promises:
 * - Read before written: objects of one kind and namespace by one LIST (500 a page), as long as the
 *   pages to come are fewer than the objects still to be found, else (and if they are fewer than 4)
 *   by a GET each. One that is as wanted already is not sent again; what that means for each way
 *   is below.
 * - check: the same requests with dryRun=All where the server can tell, and none without; changed,
 *   before and after are what the real run will make. What only the same run would make (an object whose
 *   namespace or CRD is in the list, the second mention of an object, one that is still being
 *   deleted) is told from what is wanted alone, without the server's defaults.
 * - changed is true only if the object is another one after: its resourceVersion and its content,
 *   without what the server alone keeps (document_shown()). That a field changed its manager is none.
 * - Order: Namespaces and CRDs (then waiting until these are Established and served); what policies,
 *   access and configuration are made of; the rest side by side; webhook configurations and APIServices last.
 *   Then deletions, the other way round. What waits is waited for before the next of these steps. The same
 *   object more than once is done in the order given.
 * - An error of one keeps none of the others from being done, but for what it needs: its namespace, its kind.
 *   After a failed wait `changed` and `after` tell what was done. Errors begin with document_title().
 * - The server is asked to refuse unknown and double fields (fieldValidation=Strict) unless `lenient`.
 * - A refusal because someone else wrote meanwhile (409) is no error: the object is read and done again, up to 8
 *   times, unless `want` has a resourceVersion; nor is a lost answer: what is there is read, and gone on from.
 *   A deletion is of the object that was read (its uid), never of one that took its name since.
 * - generateName: the name is made here, by the server's rule, so that a create whose answer
 *   was lost is found by it. A run that was killed knows its name no more: the next one makes another object, as
 *   each run with a generateName does.
 * - An object that is still being deleted is waited for (60 s, or as long as `wait` says) and made anew;
 *   but where `want` has metadata.finalizers, or the way is a patch, it is changed as it is.
 * - stringData of a Secret is sent as data, so that what is left out the next time goes; `status` is not sent
 *   where it is a subresource; a namespaced object without a namespace is in that of the context, or "default".
 * - Deleting what is of an unknown kind: nothing is there (kind NULL), unless the API group is one of the
 *   server's own: then it is a mistake.
 */
enum object_way {
	/*
	 * kubernetes.core's default: POST, or a patch of what differs (strategic where the
	 * server has the kind built in, else merge). As wanted: all that is wanted is there.
	 */
	WAY_MERGE,
	/* Server-side apply. As wanted: we own just the fields wanted, with their values. */
	WAY_SERVER_APPLY,
	/* With the annotation kubectl.kubernetes.io/last-applied-configuration: what it had and we have not is taken away. */
	WAY_CLIENT_APPLY,
	/* PUT (kubernetes.core: force). */
	WAY_REPLACE,
	/* As WAY_MERGE, but an object that is not there is left alone (state: patched). */
	WAY_PATCH,
	WAY_JSON_PATCH, /* op.patch, RFC 6902, of an object that must be there */
};

struct object_op {
	/* In. */
	struct cluster *cluster;
	struct json_object *want; /* the object; of a deletion, what identifies it; borrowed */
	bool absent;
	enum object_way way;
	struct json_object *
		merge_types; /* WAY_MERGE: "strategic-merge", "merge", tried in this order; NULL: see there */
	struct json_object *patch;
	const char *field_manager; /* NULL: "treenail" */
	bool force_conflicts;
	const char *force_words; /* how the user writes that, for errors; NULL: "force_conflicts" */
	bool lenient;            /* unknown fields are warnings */
	bool append_hash; /* ConfigMap, Secret: the name ends with a digest of the content, as kubectl makes it */
	bool check;
	bool read; /* `before` is given, owned, as it was just read: it is not read first */
	struct json_object *delete_options;
	const struct ready_wish *wait; /* NULL: do not wait */

	/* Out. */
	const struct kube_kind *kind;       /* NULL: unknown */
	struct json_object *before, *after; /* NULL: absent; owned */
	struct json_object *made; /* as it was before it was waited for; NULL: as after; owned */
	bool changed;
	bool assumed;        /* check: its namespace is not there, and was taken as made by then */
	const char *method;  /* "create", "patch", "apply", "update", "delete"; NULL: none */
	int64_t duration_ms; /* of the wait */
};

/* Each op has its own result in errs[i] (NULL: success). `width` requests at a time; 0: 16. */
void objects_apply(struct object_op *ops, size_t n, int width, struct err **errs);
/* What they own. */
void object_op_release(struct object_op *op);

/* ---- reading ---- */

struct object_query {
	const char *api_version, *kind, *name, *ns;
	const char *labels, *fields; /* selectors, as the server wants them */
	bool metadata_only;
};
/*
 * All that match, page by page; `each` takes every object, and returns an error to end it. An unknown kind,
 * and a named object that is not there, are no objects.
 */
MUST_USE struct err *objects_each(struct cluster *c, const struct object_query *q,
				  struct err *(*each)(void *arg, struct json_object *object),
				  void *arg);
MUST_USE struct err *objects_list(struct cluster *c, const struct object_query *q,
				  struct json_object **ret);
/* *ret NULL: not there. */
MUST_USE struct err *object_get(struct cluster *c, const struct kube_kind *k, const char *ns,
				const char *name, struct json_object **ret);

/* ---- objects as documents (lib/kubernetes/document.c): pure ---- */

/* Text of YAML or JSON, any number of documents; Lists and nulls taken apart; `file` for errors. */
MUST_USE struct err *documents_parse(const char *s, size_t len, const char *file,
				     struct json_object **ret);
/* Refuses what names an object and is no text: YAML's 123, or no, in place of a name. */
MUST_USE struct err *document_check(struct json_object *object);
/*
 * The name that the server would make of generateName, by its rule: made here it is known when the answer is
 * lost, and asking again makes no second object. Owned.
 */
char *name_generate(const char *stem);
/* "Deployment a/b"; owned. */
char *document_title(struct json_object *object);
/* `object` without hidden fields ("metadata.managedFields", "spec.containers[0].env"); owned. */
struct json_object *document_without(struct json_object *object, struct json_object *hidden);
/*
 * The object for diffs: what the server alone keeps (managedFields, resourceVersion, uid, status, ...) left out,
 * values of Secrets masked unless `plain`. Owned.
 */
struct json_object *document_shown(struct json_object *object, bool plain);
/* The same of both sides of a diff: of a masked value that is another one after, both say so. Either may be NULL. */
void document_shown_both(struct json_object *before, struct json_object *after, bool plain,
			 struct json_object **ret_before, struct json_object **ret_after);
/* The annotation of kubectl's apply, which repeats all of a Secret, is masked where there is one. */
void document_applied_mask(struct json_object *object);
/* kubectl's digest of a ConfigMap's or Secret's content, 10 characters; owned. */
char *document_hash(struct json_object *object);

/* ---- comparing (lib/kubernetes/{owned,merge,replace}.c): pure ---- */

/* Whether applying `want` as `manager` would alter nothing of `have`. */
bool owned_same(struct json_object *have, struct json_object *want, const char *manager);
/* Paths we own at present: ["spec.replicas", "spec.template...[name=web].image"]; owned. */
struct json_object *owned_paths(struct json_object *have, const char *manager);
/* Whether a PUT of `want` would alter nothing of `have`; both without what the server alone keeps. */
bool replace_same(struct json_object *have, struct json_object *want);
/* Whether all of `want` is in `have`: maps by key, lists of objects by their merge key where strategic, else as a whole. */
bool merge_holds(struct json_object *have, struct json_object *want, bool strategic);
/* RFC 7396 patch that makes `want` of `have`, keeping what neither `last` nor `want` has; NULL: nothing to do. Owned. */
struct json_object *merge_patch(struct json_object *last, struct json_object *want,
				struct json_object *have);
/*
 * RFC 7396, or of a list RFC 6902, done here (Terraform's plans without a server); owned. NULL: a JSON
 * patch that does not apply.
 */
struct json_object *merge_applied(struct json_object *have, struct json_object *patch);

#endif
