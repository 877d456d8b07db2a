#include <string.h>

#include "clock.h"
#include "cluster/engine.h"
#include "cluster/schedule.h"
#include "session/config.h"
#include "text.h"

/* Does what a plan says: all that can be done side by side, each action in the journal before it begins. */

static const struct kind {
	const char *name;
	struct err *(*run)(struct doing *d);
} kinds[] = {
	{ "prepare", do_prepare }, { "init", do_init },       { "network", do_network },
	{ "join", do_join },       { "ready", do_ready },     { "configure", do_configure },
	{ "mark", do_mark },       { "upgrade", do_upgrade }, { "renew", do_renew },
	{ "options", do_options }, { "remove", do_remove },   { "rotate", do_rotate },
	{ "stage", do_stage },     { "stop", do_stop },       { "restore", do_restore },
	{ "start", do_start },     { "verify", do_verify },
};

/* ---- one action ---- */

static struct err *run_kind(struct doing *d, const char *action)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].name, action) == 0)
			return kinds[i].run(d);
	return err_new(ERR_USAGE, "this version does not know how to do that");
}

static struct err *note(struct engine *g, const char *event, struct json_object *a,
			const struct err *failed)
{
	AUTO_JSON more = json_object_new_object();

	json_sets(more, "why", json_str(a, "why"));
	if (failed)
		json_sets(more, "error", failed->text);
	return journal_write(g->journal, event, json_str(a, "action"), json_str(a, "node"), more);
}

/* In the journal before it begins; one that failed stays open there, and one that was cut off as one that may go on. */
static struct err *run_action(void *arg, struct json_object *a)
{
	struct engine *g = arg;
	const int64_t begun = clock_ms();
	const char *id = json_str(a, "id");
	AUTO_STR words = action_words(a);
	AUTO_JSON declared = NULL;
	struct doing d = { .g = g, .a = a, .node = json_str(a, "node"), .how = json_str(a, "how") };
	struct err *e = note(g, "begun", a, NULL), *lost;

	if (e)
		return e;
	engine_say(g, "%s", words);
	pthread_mutex_lock(&g->lock);
	declared = json_copy(cluster_node(g->d, d.node));
	pthread_mutex_unlock(&g->lock);
	d.declared = declared;
	e = run_kind(&d, json_str(a, "action"));
	lost = e && clock_is_cut() ? NULL : note(g, e ? "failed" : "ended", a, e);
	if (e) {
		err_free(lost);
		engine_say(g, "%s failed: %s", id, e->text);
		return e;
	}
	engine_say(g, "%s done in %.1f s", id, (double)(clock_ms() - begun) / 1000);
	return lost;
}

/* ---- a run ---- */

static void add_warnings(struct cluster_outcome *ret, struct json_object *more)
{
	for (size_t i = 0; i < json_len(more); i++)
		json_object_array_add(ret->warnings, json_copy(json_nth(more, i)));
}

static bool has(struct json_object *names, const char *name)
{
	for (size_t i = 0; i < json_len(names); i++)
		if (json_is_str(json_nth(names, i), name))
			return true;
	return false;
}

/* Of nodes that nobody could look at, nothing is known: that all is as declared would be a guess. */
static struct err *unseen(const struct engine *g)
{
	const struct plan_wish *wish = &g->o->wish;
	struct json_object *nodes = json_at(g->observed, "nodes");
	const char *why = NULL;
	size_t n = 0;

	json_object_object_foreach(nodes, name, o) {
		if (!json_at(o, "error") || has(wish->remove, name) ||
		    (wish->only && !has(wish->only, name)))
			continue;
		n++;
		why = why ? why : json_str(o, "error");
	}
	return n ? err_new(ERR_NETWORK, "%zu of %d nodes could not be looked at%s: %s", n,
			   json_object_object_length(nodes), n > 1 ? ", first" : "", why)
		 : NULL;
}

static struct err *plan(struct engine *g, struct cluster_outcome *ret)
{
	const struct plan_input in = { .declaration = g->d,
				       .observed = g->observed,
				       .journal = g->state,
				       .wish = &g->o->wish };
	struct err *e = cluster_plan_make(&in, &ret->plan);

	if (e)
		return e;
	add_warnings(ret, json_at(ret->plan, "warnings"));
	return engine_preflight(g, ret->plan, ret->warnings);
}

struct err *engine_act(struct engine *g, struct cluster_outcome *ret)
{
	const struct schedule all = { run_action, g, g->o->width };
	struct json_object *actions = json_at(ret->plan, "actions");
	size_t begun = 0;
	struct err *e;

	if (!g->o->check) {
		e = schedule_run(&all, actions, &begun);
		ret->changed = begun > 0;
		return e;
	}
	ret->changed = json_len(actions) > 0;
	for (size_t i = 0; i < json_len(actions); i++)
		json_sets(json_nth(actions, i), "state", "planned");
	return NULL;
}

static struct err *make(struct engine *g, struct cluster_outcome *ret)
{
	struct err *e = cluster_files(g->d);

	if (!e)
		e = engine_observe(g);
	ret->observed = json_copy(g->observed);
	if (!e)
		e = plan(g, ret);
	if (!e)
		e = engine_act(g, ret);
	return e ? e : unseen(g);
}

struct err *engine_run(struct json_object *given, const struct cluster_options_run *o,
		       struct restore *restore,
		       struct err *(*work)(struct engine *g, struct cluster_outcome *ret),
		       struct cluster_outcome *ret)
{
	struct engine g;
	struct err *e = engine_open(&g, given, o, &ret->warnings);

	g.restore = restore;
	if (!ret->warnings)
		ret->warnings = json_object_new_array();
	if (!e) {
		e = work(&g, ret);
		ret->connections = ssh_pool_connections(g.pool);
	}
	engine_close(&g);
	return e;
}

struct err *cluster_make(struct json_object *given, const struct cluster_options_run *o,
			 struct cluster_outcome *ret)
{
	return engine_run(given, o, NULL, make, ret);
}

void cluster_outcome_release(struct cluster_outcome *o)
{
	json_object_put(o->plan);
	json_object_put(o->observed);
	json_object_put(o->warnings);
	*o = (struct cluster_outcome){ .changed = false };
}

struct err *cluster_kubeconfig(struct json_object *given, const struct cluster_options_run *o,
			       struct json_object **ret)
{
	struct cluster_options_run mine = *o;
	AUTO_JSON none = json_object_new_array();
	struct engine g;
	struct err *e;

	/* Looks, and at control planes alone. */
	mine.check = true;
	mine.wish.only = none;
	e = engine_open(&g, given, &mine, NULL);
	if (!e)
		e = engine_observe(&g);
	if (!e && !g.admin)
		e = err_new(ERR_NOT_FOUND, "no control plane has an administrator's kubeconfig");
	if (!e)
		*ret = TAKE(g.admin);
	engine_close(&g);
	return e;
}
