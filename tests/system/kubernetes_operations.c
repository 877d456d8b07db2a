/*
 * What lib/kubernetes and lib/cluster do on a running cluster, for tests/system/kubernetes_operations.py: one request, {"do": "drain", ...},
 * as JSON on standard input; {"error": text or null, "kind", "result": ...} on standard output.
 */
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "cluster/etcd.h"
#include "cluster/health.h"
#include "cluster/inspect.h"
#include "json.h"
#include "kubernetes/drain.h"
#include "kubernetes/preflight.h"

enum { ETCDS = 16, REQUEST_BYTES = 1 << 20, PIECE = 4096 };

struct job {
	struct json_object *q, *result;
	struct cluster *c;
	struct etcd *etcds[ETCDS];
	size_t n_etcds;
};

static void before_after(struct job *r, struct json_object *before, struct json_object *after)
{
	r->result = json_object_new_object();
	json_set(r->result, "changed", json_object_new_boolean(after ? 1 : 0));
	json_set(r->result, "node", json_copy(after ? after : before));
	json_object_put(before);
	json_object_put(after);
}

static struct err *cordon(struct job *r)
{
	struct json_object *before = NULL, *after = NULL;
	struct err *e = node_cordon(r->c, json_str(r->q, "node"), json_truth(r->q, "on", true),
				    false, &before, &after);

	before_after(r, before, after);
	return e;
}

static struct err *hold(struct job *r)
{
	return node_hold(r->c, json_str(r->q, "node"));
}

static struct err *give_back(struct job *r)
{
	return node_give_back(r->c, json_str(r->q, "node"));
}

static struct err *drain(struct job *r)
{
	struct drain d = { .cluster = r->c,
			   .node = json_str(r->q, "node"),
			   .labels = json_str(r->q, "labels"),
			   .force = json_truth(r->q, "force", false),
			   .ignore_daemonsets = true,
			   .delete_emptydir = json_truth(r->q, "delete_emptydir_data", false),
			   .grace_s = json_int(r->q, "grace_s", -1),
			   .limit_ms = json_int(r->q, "limit_ms", 60000),
			   .until_gone = json_truth(r->q, "until_gone", true),
			   .check = json_truth(r->q, "check", false) };
	struct err *e = node_drain(&d);

	r->result = json_wrap("pods", json_copy(d.pods));
	json_set(r->result, "changed", json_object_new_boolean(d.changed));
	json_set(r->result, "warnings", json_copy(d.warnings));
	drain_release(&d);
	return e;
}

static struct err *mark(struct job *r)
{
	struct json_object *before = NULL, *after = NULL;
	struct err *e = node_mark(r->c, json_str(r->q, "node"), json_at(r->q, "labels"),
				  json_at(r->q, "taints"), json_truth(r->q, "check", false),
				  &before, &after);

	before_after(r, before, after);
	return e;
}

static struct err *restore(struct job *r)
{
	struct json_object *before = NULL, *after = NULL;
	struct err *e = node_restore(r->c, json_str(r->q, "node"), json_at(r->q, "marks"), false,
				     &before, &after);

	before_after(r, before, after);
	return e;
}

static struct err *marks_of(struct job *r)
{
	r->result = node_marks(json_at(r->q, "object"));
	return NULL;
}

static struct err *wait_ready(struct job *r)
{
	const struct node_wish wish = { .version = json_str(r->q, "version"),
					.before = json_at(r->q, "before"),
					.reboot = json_truth(r->q, "reboot", false),
					.timeout_ms = json_int(r->q, "timeout_ms", 60000) };

	return node_wait_ready(r->c, json_str(r->q, "node"), &wish, &r->result);
}

static struct err *forget(struct job *r)
{
	bool changed = false;
	struct err *e = node_forget(r->c, json_str(r->q, "node"), false, &changed);

	r->result = json_object_new_boolean(changed);
	return e;
}

static struct err *find(struct job *r)
{
	const struct preflight p = { .servers = &r->c,
				     .n_servers = 1,
				     .target = json_str(r->q, "target"),
				     .drain = json_at(r->q, "drain"),
				     .facts = json_at(r->q, "facts") };

	return preflight(&p, &r->result);
}

static struct err *health(struct job *r)
{
	return cluster_health(r->c, NULL, &r->result);
}

static void say(void *arg, const char *line)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", line);
}

static struct cluster_options_run options_of(struct job *r)
{
	return (struct cluster_options_run){ .check = json_truth(r->q, "check", false),
					     .wish = { .prune = json_truth(r->q, "prune", false),
						       .remove = json_at(r->q, "remove") },
					     .said = say };
}

static struct err *tell_outcome(struct job *r, struct err *e, struct cluster_outcome *o)
{
	r->result = json_object_new_object();
	json_set(r->result, "plan", json_copy(o->plan));
	json_set(r->result, "observed", json_copy(o->observed));
	json_set(r->result, "warnings", json_copy(o->warnings));
	json_set(r->result, "changed", json_object_new_boolean(o->changed));
	json_set(r->result, "connections", json_object_new_int64((int64_t)o->connections));
	cluster_outcome_release(o);
	return e;
}

static struct err *make(struct job *r)
{
	const struct cluster_options_run o = options_of(r);
	struct cluster_outcome out = { 0 };

	return tell_outcome(r, cluster_make(json_at(r->q, "declaration"), &o, &out), &out);
}

static struct err *reset(struct job *r)
{
	const struct cluster_options_run o = options_of(r);
	struct cluster_outcome out = { 0 };

	return tell_outcome(r, cluster_reset(json_at(r->q, "declaration"), &o, &out), &out);
}

static struct err *inspect(struct job *r)
{
	const struct cluster_options_run o = options_of(r);

	return cluster_inspect(json_at(r->q, "declaration"), &o, &r->result);
}

static struct err *save(struct job *r)
{
	const struct cluster_options_run o = options_of(r);
	const struct cluster_backup b = { .path = json_str(r->q, "path") };

	return cluster_save(json_at(r->q, "declaration"), &o, &b, &r->result);
}

static struct err *etcd_ask(struct job *r)
{
	return etcd_health(r->etcds, r->n_etcds, json_int(r->q, "timeout_ms", 0), &r->result);
}

static struct err *etcd_list(struct job *r)
{
	return etcd_members(r->etcds[0], &r->result);
}

static struct err *etcd_take(struct job *r)
{
	bool changed = false;
	struct err *e = etcd_remove(r->etcds, r->n_etcds, json_str(r->q, "member"),
				    json_truth(r->q, "check", false), &changed);

	r->result = json_object_new_boolean(changed);
	return e;
}

static struct err *etcd_save(struct job *r)
{
	return etcd_snapshot(r->etcds[0], json_str(r->q, "path"), json_int(r->q, "max", 0),
			     json_int(r->q, "timeout_ms", 0), &r->result);
}

static struct err *etcd_look(struct job *r)
{
	return etcd_snapshot_check(json_str(r->q, "path"), &r->result);
}

static const struct {
	const char *name;
	struct err *(*run)(struct job *r);
} rows[] = {
	{ "cordon", cordon },
	{ "hold", hold },
	{ "give_back", give_back },
	{ "drain", drain },
	{ "mark", mark },
	{ "marks_of", marks_of },
	{ "restore", restore },
	{ "wait_ready", wait_ready },
	{ "forget", forget },
	{ "preflight", find },
	{ "make", make },
	{ "reset", reset },
	{ "inspect", inspect },
	{ "save", save },
	{ "health", health },
	{ "etcd_health", etcd_ask },
	{ "etcd_members", etcd_list },
	{ "etcd_remove", etcd_take },
	{ "etcd_snapshot", etcd_save },
	{ "etcd_check", etcd_look },
};

static struct err *open_etcds(struct job *r)
{
	struct json_object *list = json_at(r->q, "etcd");
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && i < ETCDS && !e; i++) {
		struct json_object *o = json_nth(list, i);

		e = etcd_new(&(struct etcd_access){ .name = json_str(o, "name"),
						    .url = json_str(o, "url"),
						    .server_name = json_str(o, "server_name"),
						    .ca = json_str(o, "ca"),
						    .cert = json_str(o, "cert"),
						    .key = json_str(o, "key") },
			     &r->etcds[i]);
		r->n_etcds += !e;
	}
	return e;
}

static struct err *run(struct job *r)
{
	struct json_object *options = json_at(r->q, "cluster");
	struct err *e = options ? cluster_new(options, &r->c) : NULL;

	if (!e)
		e = open_etcds(r);
	for (size_t i = 0; i < COUNT(rows) && !e; i++)
		if (json_is_str(json_at(r->q, "do"), rows[i].name))
			return rows[i].run(r);
	return e ? e : err_new(ERR_USAGE, "what is to be done?");
}

static struct err *read_request(struct json_object **ret)
{
	AUTO_BUF b = BUF_INIT;
	char piece[PIECE];
	size_t n;

	b.max = REQUEST_BYTES;
	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		if (!buf_add(&b, piece, n))
			return err_new(ERR_USAGE, "the request is too large");
	return json_parse(b.s, b.len, ret);
}

int main(void)
{
	AUTO_JSON out = json_object_new_object();
	struct job r = { 0 };
	AUTO_ERR e = read_request(&r.q);

	if (!e)
		e = run(&r);
	json_sets(out, "error", e ? e->text : NULL);
	json_sets(out, "kind", e ? err_kind_name(e->kind) : NULL);
	json_set(out, "result", r.result);
	(void)puts(json_object_to_json_string_ext(out, JSON_C_TO_STRING_PLAIN));
	for (size_t i = 0; i < r.n_etcds; i++)
		etcd_free(r.etcds[i]);
	cluster_free(r.c);
	json_object_put(r.q);
	return 0;
}
