#ifndef KUBERNETES_SUBJECT_H
#define KUBERNETES_SUBJECT_H

#include "adapter/journal.h"
#include "kubernetes/objects.h"
#include "terraform.h"

/*
 * The object that a call is about: where it is and what is wanted of it. What manifest.c and kubectl.c
 * have in common.
 */
struct subject {
	struct cluster *c;
	const struct kube_kind *kind;
	struct json_object *want; /* with its namespace */
	const char *ns, *name;    /* of want; ns NULL: of none */
};
#define SUBJECT_INIT       \
	{                  \
		.c = NULL, \
	}
#define AUTO_SUBJECT CLEANUP(subject_release) struct subject

/*
 * ERR_NOT_FOUND: the cluster has no such kind yet; one of a group of the server's own, which no CRD can bring, is
 * ERR_USAGE. `want` is taken a copy of, without nulls and types.
 */
MUST_USE struct err *subject_open(struct subject *s, struct cluster *c, struct json_object *want);
/*
 * The same, waiting for a kind that another object of this very run may bring: to the deadline where
 * `patient`, else for a minute.
 */
MUST_USE struct err *subject_await(struct subject *s, struct cluster *c, struct json_object *want,
				   int64_t deadline, bool patient);
void subject_release(struct subject *s);
/* What `terraform import` takes for one whose kind's own ID is `id`; cluster NULL or "": the block's. */
char *subject_import_id(const char *cluster, const char *id);
/* Of a plan: e is subject_open()'s ERR_NOT_FOUND. */
void warn_to_come(struct tf_op *t, const struct err *e);
/*
 * What is there before it is made, or changed: NULL if nothing is. One that is on its way out is waited for until it is
 * gone, or what is made would go with it.
 */
MUST_USE struct err *subject_before(const struct subject *s, int64_t deadline,
				    struct json_object **ret);

/* What has to be so before what was written counts as done. */
struct subject_wish {
	bool ready;                     /* rolled out, Established, ... */
	struct json_object *fields;     /* {JSONPath: regular expression}, or NULL */
	struct json_object *conditions; /* array of {type, status}, or NULL */
};
/* *object: what is known of it, and then what was seen last. */
MUST_USE struct err *subject_wait(const struct subject *s, int64_t deadline,
				  const struct subject_wish *wish, struct json_object **object);

/*
 * Creation (adoption.c). Applying takes over what is there. So one that is there is refused, with the ID to
 * import it by, unless the journal knows that a run of this root was killed while it made it, and `manager`
 * has applied it, where `want` has anything that the server would say so of. The journal is told before anything is
 * sent; what has no name yet is not in it.
 *
 *   struct journal_entry entry = { 0 };
 *   e = subject_may_adopt(&s, have, manager, import_id, &entry);
 *   ... if (!e) send ...
 *   subject_created(&entry, whether it is there, e);
 */
MUST_USE struct err *subject_may_adopt(const struct subject *s, struct json_object *have,
				       const char *manager, const char *import_id,
				       struct journal_entry *entry);
/* What came of it, also of a refusal. Releases the entry. */
void subject_created(struct journal_entry *entry, bool made, const struct err *e);
/* The error that one is refused with. */
MUST_USE struct err *subject_stranger(const struct subject *s, const char *import_id);
/* Terraform's state has it: to be said of all that is read. Holds for this process. */
void subject_seen(const struct subject *s);
/* One that is there is no stranger: it was seen, or a run that was killed was making it. */
bool subject_is_known(const struct subject *s);

/* *ret NULL: gone, or its kind is; an API that is only down is an error. */
MUST_USE struct err *subject_read(const char *cluster, struct json_object *want,
				  struct json_object **ret);
/* Until it is gone. That its kind is gone will do. */
MUST_USE struct err *subject_remove(const char *cluster, struct json_object *want,
				    struct json_object *delete_options, int64_t timeout_ms,
				    bool wait);

/* Terraform's value as an object of the API: without types and nulls. New. */
struct json_object *plain_object(struct json_object *v);
/*
 * Numbers and truths become texts where the API has nothing but texts for sure: data of ConfigMaps and Secrets,
 * labels and annotations; of built-in kinds also selectors, arguments and variables of containers, parameters.
 */
void object_to_text(struct json_object *object);
/* Group, kind, namespace and name are the same; or the beginning of a name that is generated. */
bool same_object(struct json_object *x, struct json_object *y);
/* Whether all of `want` is in `have`, whatever else there is. */
bool has_all(struct json_object *have, struct json_object *want);
/* What of the error says that the plan has to do without the server's dry run. */
bool cannot_predict(const struct err *e);
/* What to warn of if it is a refusal that this very run may do away with before it comes to the object; else NULL. */
char *may_pass(const struct err *e);
/* The server refuses to change what is there. */
bool is_immutable(const struct err *e);

/*
 * The steps of a path such as spec.containers[0].env or metadata.annotations["a.b/c"], one after the
 * other: *path moves on. NULL at the end; owned.
 */
char *path_step(const char **path);

#endif
