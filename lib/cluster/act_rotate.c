#include <string.h>

#include "cluster/encryption.h"
#include "cluster/engine.h"
#include "cluster/static_pods.h"
#include "kubernetes/objects.h"
#include "pool.h"
#include "session/config.h"

/*
 * Another key encrypts what is in etcd, or the first one. Each stage is done on all control planes before the next begins, and
 * its files say how far it has come: a run that was killed is begun again from the first stage, which changes nothing where it is
 * done.
 */

enum { LOOK_S = 30, RESTART_S = 180, WIDTH = 16 };

struct server {
	char *node, *text; /* text: of its EncryptionConfiguration; secret */
};

struct rotation {
	struct doing *d;
	struct server *servers;
	size_t n;
	struct json_object *key; /* secret */
	struct json_object *resources;
};

static void rotation_release(struct rotation *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->servers[i].node);
		wipe_free(r->servers[i].text);
	}
	free(r->servers);
	json_wipe(r->key);
	json_object_put(r->key);
	json_object_put(r->resources);
}

/* ---- what there is ---- */

/* text NULL: it has none. */
static struct err *read_text(struct engine *g, struct server *s)
{
	AUTO_JSON steps = steps_new();
	struct node_job j = { .node = s->node, .steps = steps, .check = true, .timeout_s = LOOK_S };
	struct json_object *file;
	const char *text;
	struct err *e;

	steps_add(steps, step_read("encryption", PKI_ENCRYPTION));
	e = engine_node(g, &j);
	file = json_at(report_step(j.report, "encryption"), "after");
	text = json_str(file, "content");
	if (file && !text && !e)
		e = err_new(ERR_PROTOCOL, PKI_ENCRYPTION " of node %s is no text", s->node);
	s->text = text ? xstrdup(text) : NULL;
	json_wipe(j.report);
	json_object_put(j.report);
	return e;
}

/* The key of a run that was killed, where one of them has it, or a new one. */
static struct err *choose_key(struct rotation *r)
{
	AUTO_STR provider = NULL;
	AUTO_STR name = NULL;

	pthread_mutex_lock(&r->d->g->lock);
	provider = xstrdup(json_str(r->d->g->d, "encryption.provider"));
	name = xstrdup(json_str(r->d->g->d, "encryption.key"));
	r->resources = json_copy(json_at(r->d->g->d, "encryption.resources"));
	pthread_mutex_unlock(&r->d->g->lock);
	AUTO_STR id = xasprintf("%s:%s", provider, name);
	for (size_t i = 0; i < r->n && !r->key; i++)
		r->key = r->servers[i].text ? encryption_find(r->servers[i].text, id) : NULL;
	return r->key ? NULL : encryption_key(provider, name, &r->key);
}

static struct err *look(struct rotation *r, struct json_object *nodes)
{
	struct err *e = NULL;

	r->servers = xcalloc(json_len(nodes) + 1, sizeof(*r->servers));
	for (; r->n < json_len(nodes) && !e; r->n++) {
		struct server *s = &r->servers[r->n];

		s->node = xstrdup(json_object_get_string(json_nth(nodes, r->n)));
		e = read_text(r->d->g, s);
	}
	return e ? e : choose_key(r);
}

static struct err *check_texts(const struct rotation *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (!r->servers[i].text)
			return err_new(ERR_NOT_FOUND, "node %s has no " PKI_ENCRYPTION,
				       r->servers[i].node);
	return NULL;
}

/* Control planes of the cluster; owned. */
static struct json_object *members(struct engine *g)
{
	struct json_object *all = json_object_new_array(), *node;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; (node = cluster_control_plane(g->d, i)); i++) {
		struct json_object *o = NULL;

		json_object_object_get_ex(json_at(g->observed, "nodes"), json_str(node, "name"),
					  &o);
		if (json_truth(o, "kubelet_conf", false))
			json_object_array_add(all, json_copy(json_at(node, "name")));
	}
	pthread_mutex_unlock(&g->lock);
	return all;
}

struct err *engine_encryption_begin(struct doing *d, struct buf *ret)
{
	struct rotation r = { .d = d };
	AUTO_JSON nodes = members(d->g);
	struct err *e = look(&r, nodes);

	if (!e)
		e = encryption_with(NULL, r.key, r.resources, ENCRYPTION_SECOND, ret);
	rotation_release(&r);
	return e;
}

/* ---- the servers ---- */

static void add_owed(struct json_object *steps, struct json_object *step)
{
	struct json_object *because = json_object_new_array();

	json_object_array_add(because, json_object_new_string("encryption"));
	json_set(step, "if_changed", because);
	steps_add(steps, step);
}

/*
 * A run that was killed before the restart owes it, whatever is in the file. The kubelet is begun anew because it lets a program
 * that ends often wait longer each time.
 */
static struct json_object *steps_of(const char *text)
{
	struct json_object *steps = steps_new(), *s = step_command("restart", "", RESTART_S);
	AUTO_STR name = static_pods_name("kube-apiserver");

	steps_add(steps, step_secret_file("encryption", PKI_ENCRYPTION, text));
	add_owed(steps, step_command("kubelet", "systemctl restart kubelet", LOOK_S));
	json_set(s, "argv", static_pods_argv("restart"));
	step_argv(s, name);
	add_owed(steps, s);
	return steps;
}

static struct err *set_text(struct rotation *r, struct server *s, enum encryption_stage stage)
{
	static const char *const words[] = { "it is known", "it encrypts", "it is the only one" };
	struct engine *g = r->d->g;
	AUTO_JSON why = json_wrap("why", json_object_new_string(words[stage]));
	struct json_object *steps;
	AUTO_BUF text = BUF_INIT;
	struct err *e = encryption_with(s->text, r->key, r->resources, stage, &text);

	if (!e)
		e = journal_write(g->journal, "begun", "rotate", s->node, why);
	if (e) {
		buf_wipe(&text);
		return e;
	}
	steps = steps_of(text.s);
	struct node_job j = { .node = s->node, .steps = steps, .timeout_s = RESTART_S + LOOK_S };
	e = engine_node(g, &j);
	json_object_put(j.report);
	json_wipe(steps);
	json_object_put(steps);
	wipe_free(s->text);
	s->text = xstrdup(text.s);
	buf_wipe(&text);
	if (!e)
		e = engine_wait_api(g, s->node);
	return e ? e : journal_write(g->journal, "ended", "rotate", s->node, NULL);
}

static struct err *set_all(struct rotation *r, enum encryption_stage stage)
{
	struct err *e = NULL;

	for (size_t i = 0; i < r->n && !e; i++)
		e = set_text(r, &r->servers[i], stage);
	return e;
}

/* ---- what they keep ---- */

struct rewriting {
	struct cluster *c;
	const struct kube_kind *kind;
	struct json_object *list;
	struct err **errs;
};

/* What is written is encrypted by the first key, also where nothing else changes. */
static void rewrite_one(void *arg, size_t i)
{
	struct rewriting *w = arg;
	struct json_object *o = json_nth(w->list, i);
	AUTO_STR path = kind_path(w->kind, json_str(o, "metadata.namespace"),
				  json_str(o, "metadata.name"), NULL);
	const struct kube_request req = { .method = "PUT", .path = path, .body = o };
	AUTO_JSON answer = NULL;
	struct err *e = cluster_call(w->c, &req, &answer);

	json_wipe(answer);
	/* Somebody else has written it meanwhile, or it is gone: both are as good. */
	if (e && (e->status == 409 || e->status == 404))
		err_free(TAKE(e));
	w->errs[i] = e;
}

static struct err *rewrite_list(struct rewriting *w, const char *resource)
{
	const size_t n = json_len(w->list);
	struct err *first = NULL;

	w->errs = xcalloc(n + 1, sizeof(struct err *));
	pool_run(n, WIDTH, rewrite_one, w);
	for (size_t i = 0; i < n; i++) {
		if (first)
			err_free(w->errs[i]);
		else
			first = w->errs[i];
	}
	free(w->errs);
	return err_wrap(first, "writing all %s anew", resource);
}

/* "deployments.apps" */
static struct err *rewrite(struct engine *g, const char *resource)
{
	const char *dot = strchr(resource, '.');
	AUTO_STR plural = xstrndup(resource, strcspn(resource, "."));
	struct rewriting w = { .c = g->api };
	struct err *e = kind_find(g->api, dot ? dot + 1 : "v1", plural, &w.kind);

	if (e)
		return err_wrap(e, "encryption.resources");
	AUTO_STR version = kind_api_version(w.kind);
	e = objects_list(g->api,
			 &(struct object_query){ .api_version = version, .kind = w.kind->kind },
			 &w.list);
	if (!e)
		e = rewrite_list(&w, resource);
	json_wipe(w.list);
	json_object_put(w.list);
	return e;
}

static struct err *rewrite_all(struct rotation *r)
{
	AUTO_JSON shown = NULL;
	struct err *e = encryption_shown(r->servers[0].text, &shown);
	struct json_object *list = json_at(shown, "resources");

	if (!e)
		e = engine_connect(r->d->g);
	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = rewrite(r->d->g, json_object_get_string(json_nth(list, i)));
	return e;
}

struct err *do_rotate(struct doing *d)
{
	struct rotation r = { .d = d };
	struct err *e = look(&r, json_at(d->a, "servers"));

	if (!e)
		e = check_texts(&r);
	if (!e)
		e = set_all(&r, ENCRYPTION_SECOND);
	if (!e)
		e = set_all(&r, ENCRYPTION_FIRST);
	if (!e)
		e = rewrite_all(&r);
	if (!e)
		e = set_all(&r, ENCRYPTION_ONLY);
	rotation_release(&r);
	return e;
}
