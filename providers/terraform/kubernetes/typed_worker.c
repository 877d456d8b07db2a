/* The typed resources (typed.h) as the adapter wants them. */
#include "adapter/journal.h"
#include "clock.h"
#include "clusters.h"
#include "protocol/value.h"
#include "typed.h"

extern const struct tf_worker typed_worker;

static struct typed_op op_of(const struct tf_op *t, struct cluster *c)
{
	return (struct typed_op){ .kind = typed_kind(t->kind),
				  .cluster = c,
				  .config = t->config,
				  .prior = t->prior,
				  .planned = t->planned,
				  .origin = t->importing ? PRIOR_IMPORTED
					    : t->foreign ? PRIOR_FOREIGN
							 : PRIOR_OURS,
				  .deadline_ms = t->op->timeout_ms };
}

static const char *cluster_name(const struct tf_op *t)
{
	const char *planned = json_str(t->planned, "cluster"),
		   *config = json_str(t->config, "cluster");

	return planned ? planned : config ? config : json_str(t->prior, "cluster");
}

static void take(struct tf_op *t, struct typed_op *op)
{
	t->state = op->state;
	if (op->given) {
		json_object_put(t->kept);
		t->kept = op->given;
	}
}

/*
 * What replaces it Terraform plans once more, as a creation. So it does with what it is about to apply, and that was
 * tried by the plan; only before the first apply of a process nothing tells the one from the other.
 */
static bool is_to_be_tried(const struct tf_op *t)
{
	return !journal_applies() && !json_len(t->replace) && !value_has_unknown(t->config) &&
	       typed_changes(typed_kind(t->kind), t->planned, t->prior);
}

static struct err *try_out(struct tf_op *t)
{
	struct cluster *c = NULL;
	struct err *e = clusters_ask(t, cluster_name(t), &c);

	if (e || !c)
		return e;
	struct typed_op op = op_of(t, c);
	e = typed_try(&op);
	if (op.warning)
		op_warn(t->op, "%s", op.warning);
	free(op.warning);
	return e;
}

static struct err *plan(struct tf_op *t)
{
	struct json_object *planned = NULL;
	struct err *e =
		typed_plan(typed_kind(t->kind), t->config, t->prior, t->kept, &planned, t->replace);

	if (e)
		return e;
	json_object_put(t->planned);
	t->planned = planned;
	return is_to_be_tried(t) ? try_out(t) : NULL;
}

/* Where there is nobody to ask, what was known before stays. */
static struct err *work(struct tf_op *t, struct err *(*step)(struct typed_op *op))
{
	struct cluster *c = NULL;
	struct err *e = clusters_want(cluster_name(t), &c);

	if (e)
		return e;
	struct typed_op op = op_of(t, c);
	e = step(&op);
	take(t, &op);
	return e;
}

static struct err *apply(struct tf_op *t)
{
	return work(t, typed_apply);
}

static struct err *delete_it(struct tf_op *t)
{
	return work(t, typed_delete);
}

static struct err *read_it(struct tf_op *t)
{
	struct cluster *c = NULL;
	struct err *e = t->prior ? clusters_ask(t, cluster_name(t), &c) : NULL;

	if (!e && !c && t->prior) {
		t->state = json_copy(t->prior);
		return NULL;
	}
	return e ? e : work(t, typed_read);
}

static struct err *import(struct tf_op *t, const char *id)
{
	struct typed_op op = { .kind = typed_kind(t->kind), .origin = PRIOR_IMPORTED };
	struct err *e = typed_import(&op, id);

	if (op.state) {
		json_object_put(t->state);
		t->state = op.state;
	}
	return e;
}

const struct tf_worker typed_worker = {
	.plan = plan,
	.create = apply,
	.update = apply,
	.remove = delete_it,
	.read = read_it,
	.import = import,
};
