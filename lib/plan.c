#include <string.h>

#include "resource.h"

const char *action_name(enum action a)
{
	static const char *const names[] = { "none", "created", "updated", "replaced", "deleted" };

	return names[a];
}

void plan_release(struct plan *p)
{
	json_object_put(p->changes);
	json_object_put(p->replaces);
	p->changes = p->replaces = NULL;
}

static struct json_object *shown(const struct attr *a, struct json_object *v)
{
	if (!(a->flags & SECRET) || !v)
		return json_copy(v);
	return json_object_new_string("(hidden)");
}

static void note(struct plan *p, const struct attr *a, struct json_object *before,
		 struct json_object *after)
{
	struct json_object *o = json_object_new_object();

	AUTO_JSON then = attr_after(a, before, after);

	json_set(o, "before", shown(a, before));
	json_set(o, "after", shown(a, then));
	json_set(p->changes, a->name, o);
}

static bool differs(const struct attr *a, struct json_object *want, struct json_object *have)
{
	if (!json_has(want, a->name) || a->flags & (READONLY | OPTION | CREATE))
		return false;
	return !attr_equal(a, json_at(want, a->name), json_at(have, a->name));
}

void plan_make(const struct resource *r, const char *state, struct json_object *want,
	       struct json_object *have, struct plan *ret)
{
	ret->action = NONE;
	ret->changes = json_object_new_object();
	ret->replaces = json_object_new_array();

	if (strcmp(state, "absent") == 0) {
		ret->action = have ? DELETED : NONE;
		return;
	}
	if (!have)
		ret->action = CREATED;
	for (const struct attr *a = r->attrs; a->name; a++) {
		struct json_object *v = json_at(want, a->name);

		if (!have && v && !(a->flags & (READONLY | OPTION))) {
			note(ret, a, NULL, v);
		} else if (have && differs(a, want, have)) {
			note(ret, a, json_at(have, a->name), v);
			if (a->flags & (REPLACES | FIXED) || (!r->update && !a->set))
				json_object_array_add(ret->replaces,
						      json_object_new_string(a->name));
			if (ret->action == NONE)
				ret->action = UPDATED;
		}
	}
	if (json_len(ret->replaces))
		ret->action = REPLACED;
}
