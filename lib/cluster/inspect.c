#include "cluster/inspect.h"

#include <string.h>

#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "cluster/health.h"

/* Questions to a declared cluster. */

enum { ETCD_MS = 10000, BACKUP_S = 600 };

/* Rows of all nodes' reports, each with its node; with the lock held; owned. */
struct json_object *observed_certificates(struct json_object *observed)
{
	struct json_object *nodes = json_at(observed, "nodes"), *rows = json_object_new_array();

	if (!nodes)
		return rows;
	json_object_object_foreach(nodes, name, o) {
		struct json_object *list = json_at(o, "certificates.certificates");

		for (size_t i = 0; i < json_len(list); i++) {
			struct json_object *row = json_copy(json_nth(list, i));

			json_sets(row, "node", name);
			json_object_array_add(rows, row);
		}
	}
	return rows;
}

static struct err *ask_etcd(struct engine *g, struct json_object **ret)
{
	struct etcd_ways w;
	struct err *e = etcd_ways_open(g, &w);

	if (!e)
		e = etcd_health(w.all, w.n, ETCD_MS, ret);
	etcd_ways_close(&w);
	return e;
}

static struct err *ask_health(struct engine *g, struct json_object **ret)
{
	AUTO_JSON certificates = observed_certificates(g->observed);
	AUTO_JSON etcd = NULL;
	struct health_facts f = { .certificates = certificates };
	struct err *e = engine_connect(g), *no;

	if (e)
		return e;
	/* The API may well answer to us where etcd does not. */
	no = ask_etcd(g, &etcd);
	f.etcd = etcd;
	e = cluster_health(g->api, &f, ret);
	if (!e && no)
		json_object_array_add(json_at(*ret, "warnings"), json_object_new_string(no->text));
	err_free(no);
	return e;
}

/* What is served is looked at for whoever asks, not by each run: it takes a further connection to each node. */
static void look_at_served(struct engine *g)
{
	struct json_object *nodes = json_at(g->observed, "nodes");

	json_object_object_foreach(nodes, name, o) {
		struct json_object *report = NULL;
		AUTO_ERR e = json_truth(o, "kubelet_conf", false) ? engine_served(g, name, &report)
								  : NULL;

		if (report)
			json_set(o, "certificates", report);
	}
}

static void tell_plan(struct engine *g, struct json_object *o)
{
	const struct plan_input in = { .declaration = g->d,
				       .observed = g->observed,
				       .journal = g->state,
				       .wish = &g->o->wish };
	struct json_object *plan = NULL;
	AUTO_ERR e = cluster_plan_make(&in, &plan);

	json_set(o, "plan", plan);
	json_sets(o, "plan_error", e ? e->text : NULL);
}

static struct err *inspect(struct engine *g, struct json_object **ret)
{
	AUTO_JSON o = json_object_new_object();
	struct json_object *health = NULL;
	struct err *e = engine_observe(g);

	if (!e)
		look_at_served(g);
	if (!e && g->admin)
		e = ask_health(g, &health);
	if (e)
		return e;
	json_set(o, "exists", json_object_new_boolean(g->admin ? 1 : 0));
	json_set(o, "health", health);
	json_set(o, "nodes", json_copy(json_at(g->observed, "nodes")));
	tell_plan(g, o);
	*ret = TAKE(o);
	return NULL;
}

/* Opens the engine to look alone. */
static struct err *look(struct json_object *given, const struct cluster_options_run *o,
			struct cluster_options_run *mine, struct engine *g)
{
	*mine = *o;
	mine->check = true;
	return engine_open(g, given, mine, NULL);
}

struct err *cluster_inspect(struct json_object *given, const struct cluster_options_run *o,
			    struct json_object **ret)
{
	struct cluster_options_run mine;
	struct engine g;
	struct err *e = look(given, o, &mine, &g);

	if (!e)
		e = inspect(&g, ret);
	engine_close(&g);
	return e;
}

/* ---- a snapshot ---- */

/* An endpoint's label is the member's name, or (elsewhere) one of the addresses it tells clients. */
static bool is_of(struct json_object *member, const char *endpoint)
{
	AUTO_JSON label = json_object_new_string(endpoint);

	return json_is_str(json_at(member, "name"), endpoint) ||
	       json_list_has(json_at(member, "client_urls"), label);
}

/* The endpoint of the first healthy member, else of the first that answers. */
static struct etcd *best_member(const struct etcd_ways *w, struct json_object *health,
				const char **ret_name)
{
	struct json_object *members = json_at(health, "members");

	for (int any = 0; any < 2; any++)
		for (size_t i = 0; i < json_len(members); i++) {
			struct json_object *m = json_nth(members, i);

			if (!json_truth(m, "healthy", false) && !(any && json_str(m, "version")))
				continue;
			for (size_t k = 0; k < w->n; k++)
				if (is_of(m, etcd_label(w->all[k]))) {
					*ret_name = json_str(m, "name");
					return w->all[k];
				}
		}
	return NULL;
}

static struct err *save_from(const struct etcd_ways *w, const struct cluster_backup *b,
			     struct json_object **ret)
{
	const int64_t ms = 1000 * (int64_t)(b->timeout_s > 0 ? b->timeout_s : BACKUP_S);
	AUTO_JSON health = NULL;
	const char *name = NULL;
	struct etcd *x;
	struct err *e = etcd_health(w->all, w->n, ETCD_MS, &health);

	if (e)
		return e;
	x = best_member(w, health, &name);
	if (!x)
		return err_new(ERR_NETWORK, "no member of etcd gives its data");
	e = etcd_snapshot(x, b->path, b->max, ms, ret);
	if (e)
		return e;
	json_sets(*ret, "member", name);
	json_sets(*ret, "warning",
		  json_truth(health, "quorum", false)
			  ? ""
			  : json_object_get_string(json_nth(json_at(health, "problems"), 0)));
	return NULL;
}

static struct err *save(struct engine *g, const struct cluster_backup *b, struct json_object **ret)
{
	struct etcd_ways w;
	struct err *e;

	/* Without the API, which may be silent for want of an etcd. */
	engine_observe_nodes(g);
	e = etcd_ways_open(g, &w);
	if (!e)
		e = save_from(&w, b, ret);
	etcd_ways_close(&w);
	return e;
}

struct err *cluster_save(struct json_object *given, const struct cluster_options_run *o,
			 const struct cluster_backup *b, struct json_object **ret)
{
	AUTO_JSON none = json_object_new_array();
	struct cluster_options_run mine;
	struct engine g;
	struct err *e = look(given, o, &mine, &g);

	/* Control planes are looked at in any case. */
	mine.wish.only = none;
	if (!e)
		e = save(&g, b, ret);
	engine_close(&g);
	return e;
}
