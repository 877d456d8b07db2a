#ifndef ADAPTER_PLAN_H
#define ADAPTER_PLAN_H

#include "kind.h"

/*
 * What Terraform is told will happen: a pure function of kind, configuration and prior state.
 *
 * - What is written is planned as written, unless it means what is there already.
 * - What is not written: a default; else what it was; else, in a new object, unknown.
 * - A computed value stays what it was, unless the table says that it follows a row that changes.
 * - A row whose change makes a new object is named in t->replace.
 *
 * t->config and t->prior in, t->planned and t->replace out (owned by the caller).
 */
MUST_USE struct err *kind_plan(const struct kind *k, struct tf_op *t);

/* What hooks may call. */
extern const struct tf_calls hook_calls;

#endif
