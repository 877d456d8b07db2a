#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "cluster/engine.h"
#include "digest.h"
#include "session/config.h"
#include "text.h"

enum { NODE_S = 900 };

/* ---- a run's beginning and end ---- */

/* Of each archive once, however many nodes get it. */
static struct err *digest_archives(struct engine *g)
{
	struct json_object *images = json_at(g->d, "images");
	struct err *e = NULL;

	g->archives = json_object_new_object();
	for (size_t i = 0; i < json_len(images) && !e; i++) {
		const char *path = json_str(json_nth(images, i), "archive");
		const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		AUTO_STR sum = NULL;

		if (!path)
			continue;
		e = fd < 0 ? err_new(ERR_USAGE, "%s: %s", path, strerror(errno))
			   : digest_fd("sha256", fd, &sum);
		if (fd >= 0)
			(void)close(fd);
		if (!e)
			json_sets(g->archives, path, sum);
		else
			e = err_at(err_wrap(e, "images[%zu].archive", i), "images");
	}
	return e;
}

/* What only shows when steps are made of it is refused before any host is reached, too. */
static struct err *check_steps(struct engine *g)
{
	struct json_object *nodes = json_at(g->d, "nodes");
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(nodes) && !e; i++) {
		const struct node_input in = { .declaration = g->d,
					       .node = json_nth(nodes, i),
					       .archives = g->archives };
		struct json_object *steps = NULL;

		e = cluster_node_steps(&in, &steps);
		json_wipe(steps);
		json_object_put(steps);
	}
	return e;
}

static struct err *open_journal(struct engine *g)
{
	const char *given = json_str(g->d, "journal");
	AUTO_STR folder = given ? xstrdup(given) : journal_folder(json_str(g->d, "name"));
	AUTO_JSON records = NULL;
	struct err *e;

	if (!folder)
		return err_at(err_new(ERR_USAGE, "no home folder is known: give journal a folder"),
			      "journal");
	if (g->o->check) {
		e = journal_read(folder, &records);
		g->state = e ? NULL : journal_state(records);
		return e;
	}
	e = journal_open(folder, &g->journal);
	g->state = e ? NULL : journal_state_now(g->journal);
	return e;
}

static struct err *open_hosts(struct engine *g)
{
	struct json_object *nodes = json_at(g->d, "nodes");
	/* What was made through a session goes on as long as the run. */
	struct ssh_pool_options pool = { .idle_ms = -1, .sessions = 1 };
	AUTO_JSON list = json_object_new_array();
	struct err *e;

	for (size_t i = 0; i < json_len(nodes); i++)
		json_object_array_add(list, json_copy(json_at(json_nth(nodes, i), "host")));
	e = ssh_hosts_open(list, "nodes", NULL, g->o->secrets, &g->hosts);
	if (e)
		return e;
	ssh_hosts_pace(g->hosts, &pool.ssh);
	g->pool = ssh_pool_new(&pool);
	return NULL;
}

/* What the user's ssh configuration says and is not followed. */
static void add_warnings(struct engine *g, struct json_object *warnings)
{
	AUTO_JSON more = ssh_hosts_warnings(g->hosts);

	for (size_t i = 0; i < json_len(more); i++)
		json_object_array_add(warnings, json_object_get(json_nth(more, i)));
}

struct err *engine_open(struct engine *g, struct json_object *given,
			const struct cluster_options_run *o, struct json_object **ret_warnings)
{
	struct err *e;

	*g = (struct engine){ .o = o };
	pthread_mutex_init(&g->lock, NULL);
	e = cluster_declaration(given, &g->d, ret_warnings);
	if (!e)
		e = digest_archives(g);
	if (!e)
		e = check_steps(g);
	if (!e)
		e = open_hosts(g);
	if (!e && ret_warnings)
		add_warnings(g, *ret_warnings);
	return e ? e : open_journal(g);
}

void engine_close(struct engine *g)
{
	engine_tokens_revoke(g);
	cluster_free(g->api);
	tunnel_close(g->tunnel);
	tunnels_close(g);
	ssh_pool_free(g->pool);
	ssh_hosts_free(g->hosts);
	journal_close(g->journal);
	json_wipe(g->admin);
	json_object_put(g->admin);
	wipe_free(g->token);
	json_object_put(g->archives);
	json_object_put(g->observed);
	json_object_put(g->state);
	json_object_put(g->d);
	pthread_mutex_destroy(&g->lock);
}

void engine_say(struct engine *g, const char *fmt, ...)
{
	va_list ap;

	if (!g->o->said)
		return;
	va_start(ap, fmt);
	AUTO_STR line = xvasprintf(fmt, ap);
	va_end(ap);
	g->o->said(g->o->arg, line);
}

/* ---- work on a node ---- */

static const struct ssh_entry *entry_of(struct engine *g, const char *node)
{
	for (size_t i = 0; i < ssh_hosts_count(g->hosts); i++)
		if (strcmp(ssh_hosts_at(g->hosts, i)->name, node) == 0)
			return ssh_hosts_at(g->hosts, i);
	return NULL;
}

struct err *engine_host(struct engine *g, const char *node,
			struct err *(*task)(struct ssh_session *s, void *arg), void *arg,
			int64_t ms)
{
	const struct ssh_entry *entry = entry_of(g, node);

	if (!entry)
		return err_new(ERR_USAGE, "node %s: is not declared, so that its host is not known",
			       node);
	const struct ssh_work work = {
		.host = entry->name, .target = &entry->target, .task = task, .arg = arg, .ms = ms
	};
	return ssh_pool_do(g->pool, &work);
}

struct errand {
	struct node_plan plan;
	struct json_object **report;
};

static struct err *run_errand(struct ssh_session *s, void *arg)
{
	struct errand *x = arg;

	return node_run(s, &x->plan, x->report);
}

struct err *engine_node(struct engine *g, struct node_job *j)
{
	const int s = j->timeout_s ? j->timeout_s : g->o->node_s ? g->o->node_s : NODE_S;
	struct errand x = { .plan = { .steps = j->steps,
				      .check = j->check,
				      .sudo = true,
				      .deadline_s = s,
				      .blobs = j->blobs,
				      .nblobs = j->nblobs },
			    .report = &j->report };

	return engine_host(g, j->node, run_errand, &x, (int64_t)s * 1000);
}

struct json_object *report_step(struct json_object *report, const char *id)
{
	struct json_object *steps = json_at(report, "steps");

	for (size_t i = 0; i < json_len(steps); i++)
		if (json_is_str(json_at(json_nth(steps, i), "id"), id))
			return json_nth(steps, i);
	return NULL;
}

/* ---- steps ---- */

struct json_object *steps_new(void)
{
	return json_object_new_array();
}

void steps_add(struct json_object *steps, struct json_object *step)
{
	json_object_array_add(steps, step);
}

void steps_add_all(struct json_object *steps, struct json_object *more)
{
	for (size_t i = 0; i < json_len(more); i++)
		json_object_array_add(steps, json_object_get(json_nth(more, i)));
	json_object_put(more);
}

static struct json_object *step(const char *what, const char *id)
{
	struct json_object *s = json_object_new_object();

	if (id)
		json_sets(s, "id", id);
	json_sets(s, "do", what);
	return s;
}

struct json_object *step_folder(const char *path, const char *mode)
{
	struct json_object *s = step("folder", NULL);

	json_sets(s, "path", path);
	json_sets(s, "mode", mode);
	return s;
}

struct json_object *step_absent(const char *path)
{
	struct json_object *s = step("absent", NULL);

	json_sets(s, "path", path);
	json_set(s, "recursive", json_object_new_boolean(true));
	return s;
}

struct json_object *step_secret_file(const char *id, const char *path, const char *text)
{
	struct json_object *s = step("file", id);

	json_sets(s, "path", path);
	json_sets(s, "content", text);
	json_sets(s, "mode", "0600");
	json_set(s, "secret", json_object_new_boolean(true));
	return s;
}

struct json_object *step_read(const char *id, const char *path)
{
	struct json_object *s = step("read", id);

	json_sets(s, "path", path);
	return s;
}

struct json_object *step_command(const char *id, const char *argv, int timeout_s)
{
	struct json_object *s = step("command", id);

	json_set(s, "argv", json_object_new_array());
	WORDS_EACH(w, argv) {
		AUTO_STR word = xstrndup(w, words_len(w));

		step_argv(s, word);
	}
	json_set(s, "timeout_s", json_object_new_int(timeout_s));
	return s;
}

void step_argv(struct json_object *s, const char *word)
{
	json_object_array_add(json_at(s, "argv"), json_object_new_string(word));
}
