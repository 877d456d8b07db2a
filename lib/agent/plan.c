#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/check.h"
#include "agent/files.h"
#include "clock.h"
#include "text.h"

enum { DEADLINE_S = 3600 };

static const struct agent_field plan_fields[] = {
	{ "steps", FIELD_ANY, FIELD_NEEDED },
	{ "check", FIELD_BOOL },
	{ "diff", FIELD_BOOL },
	{ "now", FIELD_NUMBER },
	{ "deadline_s", FIELD_INT },
	{ "earlier", FIELD_MAP },
	{ "boot_id", FIELD_TEXT },
	{ "by", FIELD_TEXT },
	{ 0 },
};

/* What steps of all kinds may have. */
static const struct agent_field step_fields[] = {
	{ "do", FIELD_TEXT, FIELD_NEEDED }, { "id", FIELD_TEXT },     { "name", FIELD_TEXT },
	{ "if_changed", FIELD_TEXTS },      { "secret", FIELD_BOOL }, { 0 },
};

/* ---- is it a plan? ---- */

static const struct agent_kind *find_kind(const char *name)
{
	for (const struct agent_kind *const *k = agent_kinds; *k; k++)
		if (strcmp((*k)->name, name) == 0)
			return *k;
	return NULL;
}

static struct err *unknown_kind(const char *name)
{
	struct nearest near = { .s = name };

	for (const struct agent_kind *const *k = agent_kinds; *k; k++)
		nearest_try(&near, (*k)->name);
	return near.best ? err_new(ERR_USAGE, "no step is called '%.100s': is '%s' meant?", name,
				   near.best)
			 : err_new(ERR_USAGE, "no step is called '%.100s'", name);
}

/* Of the steps before this one, or of what was run before this plan. */
static bool known(const struct agent *a, struct json_object *ids, const char *id)
{
	return json_has(ids, id) || json_has(json_at(a->plan, "earlier"), id);
}

static struct err *check_ids(const struct agent *a, const struct step *s, struct json_object *ids)
{
	struct json_object *list = json_at(s->args, "if_changed");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *id = json_object_get_string(json_nth(list, i));

		if (!known(a, ids, id))
			return err_new(ERR_USAGE, "'if_changed': no step before it is '%.100s'",
				       id);
	}
	if (s->id && known(a, ids, s->id))
		return err_new(ERR_USAGE, "there is another '%.100s'", s->id);
	if (s->id)
		json_set(ids, s->id, json_object_new_boolean(true));
	return NULL;
}

static struct err *take_step(struct agent *a, struct step *s, struct json_object *ids)
{
	const char *name = json_str(s->args, "do");
	struct err *e;

	if (!json_object_is_type(s->args, json_type_object))
		return err_new(ERR_USAGE, "it is no dictionary");
	if (!name)
		return err_new(ERR_USAGE, "'do' is missing");
	s->kind = find_kind(name);
	if (!s->kind)
		return unknown_kind(name);
	e = fields_check(s->args,
			 (const struct agent_field *const[]){ s->kind->fields, step_fields, NULL });
	if (!e && s->kind->check)
		e = s->kind->check(s->args);
	if (e)
		return e;
	s->id = json_str(s->args, "id");
	s->secret = json_truth(s->args, "secret", false);
	return check_ids(a, s, ids);
}

static struct err *name_step(struct err *e, const struct step *s)
{
	const char *id = json_str(s->args, "id"), *name = json_str(s->args, "do");

	return err_wrap(e, "step %zu%s%.100s%s (%.50s)", s->index + 1, id ? " '" : "", id ? id : "",
			id ? "'" : "", name ? name : "?");
}

static struct err *take_steps(struct agent *a)
{
	struct json_object *list = json_at(a->plan, "steps");
	AUTO_JSON ids = json_object_new_object();
	struct err *e = NULL;

	if (!json_object_is_type(list, json_type_array) || json_len(list) > AGENT_STEPS_MAX)
		return err_new(ERR_USAGE, "'steps' has to be a list of at most %d steps",
			       AGENT_STEPS_MAX);
	a->nsteps = json_len(list);
	a->steps = xcalloc(a->nsteps, sizeof(*a->steps));
	for (size_t i = 0; i < a->nsteps && !e; i++) {
		struct step *s = a->steps + i;

		*s = (struct step){ .agent = a, .args = json_nth(list, i), .index = i };
		e = name_step(take_step(a, s, ids), s);
	}
	return e;
}

struct err *agent_take(struct agent *a, struct json_object *plan)
{
	const int64_t fallback = DEADLINE_S;
	struct timespec now;
	struct err *e;

	a->plan = plan;
	if (!json_object_is_type(plan, json_type_object))
		return err_new(ERR_USAGE, "the plan is no dictionary");
	e = fields_check(plan, (const struct agent_field *const[]){ plan_fields, NULL });
	if (e)
		return err_wrap(e, "the plan");
	a->check = json_truth(plan, "check", false);
	a->diff = json_truth(plan, "diff", false);
	a->now = json_object_get_double(json_at(plan, "now"));
	(void)clock_gettime(CLOCK_REALTIME, &now);
	a->read_at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	a->deadline = clock_ms() + 1000 * json_int(plan, "deadline_s", fallback);
	return take_steps(a);
}

/* ---- its work ---- */

static bool only_reads(const struct agent *a)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (!(a->steps[i].kind->flags & KIND_READS) &&
		    !json_truth(a->steps[i].args, "query", false))
			return false;
	return true;
}

static bool changed_before(const struct agent *a, const char *id)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (a->steps[i].id && strcmp(a->steps[i].id, id) == 0)
			return a->steps[i].changed;
	return json_truth(json_at(a->plan, "earlier"), id, false);
}

static bool is_due(struct agent *a, const struct step *s)
{
	struct json_object *list = json_at(s->args, "if_changed");

	for (size_t i = 0; i < json_len(list); i++)
		if (changed_before(a, json_object_get_string(json_nth(list, i))))
			return true;
	return !list || owed_has(a, s);
}

static void drop_content(struct json_object *line)
{
	static const char *const content[] = { "before", "after", "facts", "out", "err", "msg" };

	for (size_t i = 0; i < COUNT(content); i++)
		json_object_object_del(line, content[i]);
}

/* What a tool said may hold what the step was not to tell. */
static void put_error(struct step *s, const struct err *e)
{
	json_sets(s->line, "kind", err_kind_name(e->kind));
	if (s->secret && (s->kind->flags & KIND_SPEAKS))
		json_sets(s->line, "msg", "it failed; why is not told, as the step is secret");
	else
		json_set(s->line, "msg", step_text(e->text, strlen(e->text)));
}

static void run_step(struct agent *a, struct step *s)
{
	const int64_t begun = clock_ms();
	struct err *e = NULL;

	json_sets(s->line, "id", s->id);
	json_sets(s->line, "do", s->kind->name);
	if (!is_due(a, s))
		json_sets(s->line, "skipped", "nothing it depends on has changed");
	else if (agent_is_stopped(a))
		e = err_new(ERR_TIMEOUT, "the agent was told to end");
	else if (!agent_left_ms(a, 0))
		e = err_new(ERR_TIMEOUT, "the plan's time is over");
	else
		e = s->kind->run(s);
	if (!e && !a->check)
		e = owed_done(a, s);
	if (s->secret)
		drop_content(s->line);
	if (e)
		put_error(s, e);
	json_set(s->line, "ok", json_object_new_boolean(!e));
	json_set(s->line, "changed", json_object_new_boolean(s->changed));
	json_set(s->line, "ms", json_object_new_int64(clock_ms() - begun));
	a->changed = a->changed || s->changed;
	err_free(e);
}

static bool tell_step(struct agent *a, struct step *s,
		      bool (*tell)(struct agent *a, struct json_object *line))
{
	const bool told = tell(a, s->line);

	json_object_put(s->line);
	s->line = NULL;
	a->stopped = a->stopped || !told;
	return told;
}

static struct json_object *last_line(const struct agent *a, bool ok)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "done", json_object_new_boolean(true));
	json_set(o, "ok", json_object_new_boolean(ok));
	json_set(o, "changed", json_object_new_boolean(a->changed));
	return o;
}

static struct json_object *failed_line(const struct agent *a, const struct step *s)
{
	struct json_object *o = last_line(a, false);
	AUTO_STR number = xasprintf("#%zu", s->index + 1);

	json_sets(o, "failed_id", s->id ? s->id : number);
	return o;
}

struct json_object *agent_refusal(struct err *e)
{
	struct json_object *o = json_object_new_object();

	json_set(o, "done", json_object_new_boolean(true));
	json_set(o, "ok", json_object_new_boolean(false));
	json_set(o, "changed", json_object_new_boolean(false));
	json_set(o, "refused", step_text(e->text, strlen(e->text)));
	json_sets(o, "kind", err_kind_name(e->kind));
	err_free(e);
	return o;
}

/* NULL: it may begin. Owned. */
static struct json_object *not_now(struct agent *a)
{
	const char *boot = json_str(a->plan, "boot_id");
	struct json_object *line, *lacking;
	struct err *e;

	AUTO_STR now = file_line("/proc/sys/kernel/random/boot_id");
	if (boot && strcmp(boot, now) == 0)
		return agent_refusal(err_new(ERR_CONFLICT, "it has not been restarted yet"));
	if (!a->check && !only_reads(a)) {
		e = agent_lock(a);
		if (e)
			return agent_refusal(e);
	}
	owed_load(a);
	lacking = a->check ? NULL : blobs_lacking(a);
	if (!lacking)
		return NULL;
	line = last_line(a, false);
	json_set(line, "lacking", lacking);
	return line;
}

static struct json_object *run_steps(struct agent *a,
				     bool (*tell)(struct agent *a, struct json_object *line))
{
	struct json_object *last;

	for (size_t i = 0; i < a->nsteps; i++) {
		struct step *s = a->steps + i;
		bool ok;

		s->line = json_object_new_object();
		run_step(a, s);
		ok = json_truth(s->line, "ok", false);
		(void)tell_step(a, s, tell);
		if (!ok)
			return failed_line(a, s);
		if (a->rebooting) {
			last = last_line(a, true);
			json_sets(last, "rebooting", a->rebooting);
			return last;
		}
	}
	if (a->lock >= 0)
		blobs_sweep(a);
	return last_line(a, true);
}

bool agent_work(struct agent *a, bool (*tell)(struct agent *a, struct json_object *line))
{
	AUTO_JSON last = not_now(a);

	if (!last)
		last = run_steps(a, tell);
	(void)tell(a, last);
	return json_truth(last, "ok", false);
}

void agent_release(struct agent *a)
{
	for (size_t i = 0; i < a->nsteps; i++)
		json_object_put(a->steps[i].line);
	free(a->steps);
	free(a->folder);
	free(a->rebooting);
	json_object_put(a->plan);
	json_object_put(a->owed);
	json_object_put(a->images);
	if (a->lock >= 0)
		(void)close(a->lock);
}
