#ifndef KUBERNETES_APPLYING_H
#define KUBERNETES_APPLYING_H

#include "kubernetes/objects.h"

/*
 * What objects_apply() is made of: objects.c orders, object_read.c looks what there is, object_write.c
 * does one. A work is used by one thread at a time.
 */
struct work {
	struct object_op *op;
	struct json_object *want;  /* as it is sent; owned */
	struct json_object *named; /* what a merge was to alter, while work_do() does it; owned */
	char *ns, *name;           /* NULL: none */
	bool generated;            /* the name, out of generateName */
	int rank, level;           /* its turn; works of the same object have different levels */
	struct work *prior;        /* the one of the level before */
	bool lacking;              /* its kind is to come with a CRD of the same list */
	bool foretold; /* check: its namespace, kind or object is only made by the same run */
	bool anew;     /* what was there is on its way out: it is made again when it is gone */
	bool gone;     /* the answer to its deletion said so */
	struct json_object *leaving; /* what that answer said is still there; owned */
	struct err *e;
};

/* Sets op->before of those that have a name, or e. */
void works_read(struct work *const *works, size_t n, int width);
/* Makes it so. */
MUST_USE struct err *work_do(struct work *w);
/* Whether status is a subresource, which no write of the object reaches. NULL: no. */
bool kind_has_status(const struct kube_kind *k);
/* Whether they are the same but for what the server keeps of any object. */
bool work_same(const struct work *w, struct json_object *x, struct json_object *y);

#endif
