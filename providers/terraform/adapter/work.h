#ifndef ADAPTER_WORK_H
#define ADAPTER_WORK_H

#include "journal.h"
#include "kind.h"

/*
 * One object's work: what Terraform planned, done by the engine, told in Terraform's names.
 *
 *   AUTO_WORK w = WORK_INIT;
 *   e = work_open(&w, kind, config, prior, planned);
 *   if (!e) e = work_create(&w);
 *   ... w.t.state: what is there, also after an error if something is; NULL: nothing ...
 *
 * config, prior and planned are borrowed until the work is released.
 */
struct work {
	const struct kind *k;
	struct tf_op t;
	struct op op;
	struct outcome out;
	struct journal_entry entry;
	struct keeper keeper;
	const char *region; /* of the target; borrowed */
	char *id;
};
#define WORK_INIT          \
	{                  \
		.k = NULL, \
	}
#define AUTO_WORK CLEANUP(work_release) struct work

void work_release(struct work *w);
/* Finds the target; sends nothing. */
MUST_USE struct err *work_open(struct work *w, const struct kind *k, struct json_object *config,
			       struct json_object *prior, struct json_object *planned);
/* For a plan that a worker refines: lends t what it may set. */
void work_plan(struct work *w, const struct kind *k, struct tf_op *t);
MUST_USE struct err *work_create(struct work *w);
MUST_USE struct err *work_update(struct work *w);
MUST_USE struct err *work_delete(struct work *w);
/*
 * As it is now; t.state is NULL if it is gone. ours: this adapter wrote the state that is there.
 * imported: it did so in work_import(), and there is little more in it than an ID.
 */
MUST_USE struct err *work_read(struct work *w, bool ours, bool imported);
/* The kind's own form of an ID (tf_kind.id), out of t.state; owned. */
char *work_id_text(const struct work *w);
/* Makes t.state what the types of its rows say. */
void work_conform(struct work *w);
/* Data sources and ephemeral resources. */
MUST_USE struct err *work_lookup(struct work *w);
/* The state of an object of which there is nothing but an ID. */
MUST_USE struct err *work_import(struct work *w, const char *id);

/* "1h30m", "90s", "5m30s": Go's durations, as far as people write them here. */
bool duration_ms(const char *s, int64_t *ret);

#endif
