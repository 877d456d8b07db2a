#include <string.h>

#include "agent/child.h"
#include "agent/facts.h"
#include "text.h"

static const struct agent_field fields[] = {
	{ "unit", FIELD_TEXT, FIELD_NEEDED },
	{ "enabled", FIELD_BOOL },
	{ "state", FIELD_TEXT, .choices = "started stopped restarted reloaded" },
	{ 0 },
};

/* What systemd says of the unit; owned. */
static struct err *ask(struct step *s, struct json_object **ret)
{
	AUTO_JSON units = json_object_new_array();
	AUTO_JSON all = NULL;
	const char *unit = json_str(s->args, "unit");
	struct err *e;

	json_object_array_add(units, json_object_new_string(unit));
	e = units_ask(s->agent, units, &all);
	if (e)
		return e;
	*ret = json_object_get(json_object_object_get(all, unit));
	json_object_object_del(*ret,
			       "since_s"); /* no part of its state: it would differ each time */
	return NULL;
}

static bool is(struct json_object *o, const char *name, const char *words)
{
	const char *value = json_str(o, name);

	return value && words_have(words, value);
}

/* The last lines of the unit say why; systemctl's own words do not. */
static struct err *do_it(struct step *s, const char *verb)
{
	const char *unit = json_str(s->args, "unit");
	struct err *e;
	bool go;

	e = step_change(s, &go);
	if (e || !go)
		return e;
	e = CHILD_GET(s->agent, NULL, "systemctl", verb, "--", unit);
	if (e && words_have("start stop restart reload-or-restart", verb)) {
		AUTO_STR lines = journal_tail(s->agent, unit);

		json_set(s->line, "err", step_text(lines, strlen(lines)));
	}
	return e;
}

static struct err *reload_files(struct step *s)
{
	struct err *e;
	bool go;

	e = step_change(s, &go);
	return e || !go ? e : CHILD_GET(s->agent, NULL, "systemctl", "daemon-reload");
}

static const char *verb_for(const char *state, struct json_object *now)
{
	if (strcmp(state, "started") == 0)
		return is(now, "active", "active activating reloading") ? NULL : "start";
	if (strcmp(state, "stopped") == 0)
		return is(now, "active", "inactive failed") ? NULL : "stop";
	if (strcmp(state, "reloaded") == 0 && is(now, "active", "active reloading"))
		return "reload-or-restart";
	return "restart";
}

/* A static or generated unit is not to be enabled, and a masked one is somebody's will. */
static const char *enabling(struct step *s, struct json_object *now)
{
	const bool want = json_truth(s->args, "enabled", false);

	if (!json_has(s->args, "enabled"))
		return NULL;
	if (want)
		return is(now, "enabled", "enabled static alias indirect generated") ? NULL
										     : "enable";
	return is(now, "enabled", "enabled enabled-runtime") ? "disable" : NULL;
}

static struct err *make_so(struct step *s, struct json_object *now)
{
	const char *state = json_str(s->args, "state"), *enable = enabling(s, now);
	const char *verb = state ? verb_for(state, now) : NULL;
	struct err *e = NULL;

	if (is(now, "reload", "yes"))
		e = reload_files(s);
	if (!e && enable)
		e = do_it(s, enable);
	if (!e && verb)
		e = do_it(s, verb);
	return e;
}

/* In check mode a step before this one may be what brings the unit; one that is to be off may be missing. */
static struct err *missing(struct step *s, const char *state)
{
	const char *want = json_str(s->args, "state");
	const bool off =
		!json_truth(s->args, "enabled", false) && (!want || strcmp(want, "stopped") == 0);
	bool go;

	if (off || s->agent->check)
		return off ? NULL : step_change(s, &go);
	return err_new(ERR_NOT_FOUND, "systemd has no unit '%s' (%s)", json_str(s->args, "unit"),
		       state ? state : "unknown");
}

static struct err *run(struct step *s)
{
	AUTO_JSON now = NULL;
	AUTO_JSON then = NULL;
	struct err *e = ask(s, &now);

	if (e)
		return e;
	if (is(now, "load", "masked"))
		return err_new(ERR_CONFLICT,
			       "unit '%s' is masked: `systemctl unmask` it, if it is to run",
			       json_str(s->args, "unit"));
	if (!is(now, "load", "loaded"))
		return missing(s, json_str(now, "load"));
	json_set(s->line, "before", json_object_get(now));
	e = make_so(s, now);
	if (!e && s->changed && !s->agent->check) {
		e = ask(s, &then);
		if (!e)
			json_set(s->line, "after", json_object_get(then));
	}
	return e;
}

const struct agent_kind agent_service = {
	.name = "service",
	.flags = KIND_ROOT,
	.fields = fields,
	.run = run,
};
