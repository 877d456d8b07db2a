#include <string.h>

#include "agent/packages.h"

static const struct agent_field fields[] = {
	{ "packages", FIELD_MAP, FIELD_NEEDED },
	{ "hold", FIELD_BOOL },
	{ "allow_downgrade", FIELD_BOOL },
	{ "env", FIELD_MAP },
	{ 0 },
};

struct work {
	struct step *step;
	const struct package_manager *manager;
	struct json_object *have;              /* what is installed */
	struct json_object *install, *removed; /* what is to be done */
	struct json_object *before, *after;    /* {name: version}, of those that change */
};

static bool is_name(const char *s)
{
	return *s &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.:-") ==
		       strlen(s) &&
	       *s != '-';
}

static struct err *check(struct json_object *args)
{
	json_object_object_foreach(json_at(args, "packages"), name, v) {
		const char *version =
			json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

		if (!is_name(name))
			return err_new(ERR_USAGE, "'%s' is no package's name", name);
		if ((v && !version && !json_object_is_type(v, json_type_boolean)) ||
		    (version && (!*version || strpbrk(version, " =\t"))) ||
		    (json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v)))
			return err_new(ERR_USAGE,
				       "'%s': a version, null (any) or false (gone) is wanted",
				       name);
	}
	return NULL;
}

static struct err *may_go_down(struct work *w, const char *name, const char *from, const char *to)
{
	int order = 0;
	struct err *e = w->manager->compare(w->step->agent, to, from, &order);

	if (e || order >= 0 || json_truth(w->step->args, "allow_downgrade", false))
		return e;
	return err_new(
		ERR_CONFLICT,
		"%s %s is installed, and %s is older: allow_downgrade says that this is meant",
		name, from, to);
}

/* What is not there yet, {name: version or null}, and what has to go. */
static struct json_object *sort_out(struct work *w)
{
	struct json_object *wanted = json_object_new_object();

	json_object_object_foreach(json_at(w->step->args, "packages"), name, v) {
		const char *have = json_str(json_object_object_get(w->have, name), "version");
		const char *version =
			json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

		if (json_object_is_type(v, json_type_boolean)) {
			if (!have)
				continue;
			json_object_array_add(w->removed, json_object_new_string(name));
			json_sets(w->before, name, have);
			json_sets(w->after, name, NULL);
		} else if (!have || (version && !package_version_is(have, version))) {
			json_sets(wanted, name, version);
		}
	}
	return wanted;
}

/* In check mode a step before this one may be what brings its source. */
static struct err *find(struct work *w, struct json_object *wanted, struct json_object **ret)
{
	struct err *e;

	if (json_object_object_length(wanted) == 0)
		return NULL;
	e = w->manager->find(w->step, wanted, ret);
	if (!e || e->kind != ERR_NOT_FOUND || !w->step->agent->check)
		return e;
	err_free(e);
	*ret = json_copy(wanted);
	return NULL;
}

static struct err *make_plan(struct work *w)
{
	AUTO_JSON wanted = sort_out(w);
	AUTO_JSON exact = NULL;
	struct err *e = find(w, wanted, &exact);

	if (e || !exact)
		return e;
	json_object_object_foreach(exact, name, v) {
		const char *have = json_str(json_object_object_get(w->have, name), "version");
		const char *version = v ? json_object_get_string(v) : "any";
		AUTO_STR spec = xasprintf("%s=%s", name, version);

		e = have ? may_go_down(w, name, have, version) : NULL;
		if (e)
			return e;
		json_object_array_add(w->install, json_object_new_string(spec));
		json_sets(w->before, name, have);
		json_sets(w->after, name, version);
	}
	return NULL;
}

static struct err *change(struct work *w)
{
	struct err *e;
	bool go;

	if (!json_len(w->install) && !json_len(w->removed))
		return NULL;
	json_set(w->step->line, "before", json_object_get(w->before));
	json_set(w->step->line, "after", json_object_get(w->after));
	e = step_change(w->step, &go);
	return e || !go ? e : w->manager->change(w->step, w->install, w->removed);
}

/* Those of the plan that are there and not held as it says. */
static struct err *hold(struct work *w)
{
	const bool want = json_truth(w->step->args, "hold", false);
	AUTO_JSON names = json_object_new_array();
	struct err *e;
	bool go;

	if (!json_has(w->step->args, "hold"))
		return NULL;
	json_object_object_foreach(json_at(w->step->args, "packages"), name, v) {
		struct json_object *have = json_at(w->have, name);

		if (!json_object_is_type(v, json_type_boolean) &&
		    json_truth(have, "hold", false) != want)
			json_object_array_add(names, json_object_new_string(name));
	}
	if (!json_len(names))
		return NULL;
	e = step_change(w->step, &go);
	return e || !go ? e : w->manager->hold(w->step, names, want);
}

static struct err *make_so(struct work *w)
{
	struct err *e = w->manager->mend(w->step);

	if (!e)
		e = w->manager->installed(w->step->agent, &w->have);
	if (!e)
		e = make_plan(w);
	if (!e)
		e = change(w);
	if (!e && json_len(w->install) && !w->step->agent->check) {
		json_object_put(w->have);
		w->have = NULL;
		e = w->manager->installed(w->step->agent, &w->have);
	}
	return e ? e : hold(w);
}

static struct err *run(struct step *s)
{
	struct work w = { .step = s, .manager = package_manager() };
	struct err *e;

	if (!w.manager)
		return err_new(ERR_USAGE,
			       "no package manager that is known here: there is no apt-get");
	w.install = json_object_new_array();
	w.removed = json_object_new_array();
	w.before = json_object_new_object();
	w.after = json_object_new_object();
	e = make_so(&w);
	json_object_put(w.have);
	json_object_put(w.install);
	json_object_put(w.removed);
	json_object_put(w.before);
	json_object_put(w.after);
	return e;
}

const struct agent_kind agent_package = {
	.name = "package",
	.flags = KIND_ROOT | KIND_SPEAKS,
	.fields = fields,
	.check = check,
	.run = run,
};
