#ifndef KUBERNETES_TASKS_H
#define KUBERNETES_TASKS_H

#include "kubernetes/objects.h"
#include "rows.h"

/* What the modules of Kubernetes share: their options read, their results told. */

/* Adds a key to the result. Takes v. */
void put(struct op *op, const char *key, struct json_object *v);
/* Array of texts as one selector, "a=b,c"; NULL if there are none. Owned. */
char *selector_of(struct json_object *list);
/* Whether labels fit all of an array of label selectors. */
MUST_USE struct err *selector_fits(struct json_object *list, struct json_object *labels, bool *ret);
/* The options wait, wait_timeout, wait_condition and state; false: do not wait. */
bool wish_of(struct op *op, struct ready_wish *ret);
/*
 * The objects that resource_definition or src says, or else the options kind, name and so on alone; what a
 * definition leaves out is filled in from those. Array; owned.
 */
MUST_USE struct err *definitions_of(struct op *op, struct json_object **ret);
/* {before, after, headers}: what is in the way masked or left out as options say. Either may be NULL. Owned. */
struct json_object *diff_of(struct op *op, struct json_object *before, struct json_object *after);
/* Without the option hidden_fields' fields; owned. NULL: {}. */
struct json_object *shown(struct op *op, struct json_object *object);
/* The namespace an option or the context names; "default" else. Borrowed. */
const char *namespace_of(struct op *op);

/* PATCH of one object or its subresource `sub` (NULL: none); in check mode a dry run. `type`: "merge". */
MUST_USE struct err *object_patch(struct op *op, const struct kube_kind *k,
				  struct json_object *object, const char *sub, const char *type,
				  struct json_object *body, struct json_object **ret);
/* One that is there, by the options api_version, kind, name and namespace or others; ERR_NOT_FOUND. */
MUST_USE struct err *object_there(struct op *op, const struct kube_kind *k, const char *ns,
				  const char *name, struct json_object **ret);

/* Several objects, and what comes of them. */
struct lot {
	struct op *op;
	struct object_op *ops;
	struct err **errs;
	size_t n;
	struct ready_wish wish;
	bool waits;
	/*
	 * NULL: each is told by itself. Else an array in their order: null for one that is, and a number for so
	 * many that are told as one, as the peer does with all that label_selectors find; borrowed.
	 */
	struct json_object *groups;
};
/* One for each of `definitions`, which must live as long; set their rest before lot_run(). */
void lot_init(struct lot *w, struct op *op, struct json_object *definitions);
void lot_run(struct lot *w);
/* {changed, result, method, duration, diff, error} of one, in the peer's words. Owned. */
struct json_object *lot_told(struct lot *w, size_t i);
/* All into op->out. The error of one is it; of many, all are named. */
MUST_USE struct err *lot_tell(struct lot *w);
void lot_release(struct lot *w);

#endif
