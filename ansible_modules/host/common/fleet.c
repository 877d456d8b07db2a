#include "fleet.h"

#include <stdarg.h>
#include <string.h>

#include "text.h"

enum { NAMED = 3, WORDS_MAX = 400 };

struct fleet {
	struct op *op;
	struct fleet_host *hosts;
	size_t n;
	struct err *(*task)(struct ssh_session *s, struct fleet_host *h);
	struct ssh_run *run; /* NULL: nobody was connected to */
};

struct fleet *fleet_new(struct op *op, void *arg)
{
	struct fleet *f = xcalloc(1, sizeof(*f));

	f->op = op;
	f->n = ssh_hosts_count(op->hosts);
	f->hosts = xcalloc(f->n + 1, sizeof(*f->hosts));
	for (size_t i = 0; i < f->n; i++) {
		struct fleet_host *h = &f->hosts[i];

		*h = (struct fleet_host){ .entry = ssh_hosts_at(op->hosts, i),
					  .told = json_object_new_object(),
					  .op = op,
					  .arg = arg,
					  .fleet = f };
		json_sets(h->told, "host", h->entry->name);
	}
	return f;
}

size_t fleet_count(const struct fleet *f)
{
	return f->n;
}

struct fleet_host *fleet_at(struct fleet *f, size_t i)
{
	return &f->hosts[i];
}

static struct err *run_task(struct ssh_session *s, void *arg)
{
	struct fleet_host *h = arg;

	h->reached = true;
	return h->fleet->task(s, h);
}

void fleet_connect(struct fleet *f,
		   struct err *(*task)(struct ssh_session *s, struct fleet_host *h))
{
	struct ssh_options o = { .sessions = (int)json_int(f->op->want, "forks", 0) };

	ssh_hosts_pace(f->op->hosts, &o);
	f->task = task;
	f->run = ssh_run_new(&o);
	for (size_t i = 0; i < f->n; i++)
		f->hosts[i].job =
			ssh_run_add(f->run, &f->hosts[i].entry->target, run_task, &f->hosts[i]);
	ssh_run_all(f->run);
}

struct err *fleet_failed(const char *fmt, ...)
{
	AUTO_STR text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	return err_new(ERR_REMOTE, "%s", text);
}

static void tell_error(struct fleet_host *h, const struct err *e)
{
	struct json_object *o = json_object_new_object();

	/* What may have been done, was not said not to have been. */
	h->changed = h->changed || e->ambiguous;
	json_sets(h->told, "msg", e->text);
	json_sets(o, "kind", err_kind_name(e->kind));
	if (e->at)
		json_sets(o, "option", e->at);
	json_set(h->told, "error", o);
}

static const struct err *error_of(const struct fleet_host *h)
{
	return h->job ? ssh_job_err(h->job) : NULL;
}

static void tell_host(struct fleet_host *h, struct json_object *results, struct json_object *diffs)
{
	const struct err *e = error_of(h);

	if (e)
		tell_error(h, e);
	json_set(h->told, "changed", json_object_new_boolean(h->changed));
	json_set(h->told, "failed", json_object_new_boolean(e ? 1 : 0));
	json_set(h->told, "unreachable", json_object_new_boolean(e && !h->reached));
	h->op->out->changed = h->op->out->changed || h->changed;
	json_object_array_add(results, TAKE(h->told));
	if (h->diff)
		json_object_array_add(diffs, TAKE(h->diff));
}

static struct err *judge(struct fleet *f)
{
	const int64_t most = json_int(f->op->want, "max_fail", 0);
	const struct err *first = NULL;
	AUTO_BUF words = BUF_INIT;
	size_t failed = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct err *e = error_of(&f->hosts[i]);

		if (!e)
			continue;
		first = first ? first : e;
		if (failed++ < NAMED)
			buf_addf(&words, "; %.*s", (int)text_cut(e->text, WORDS_MAX), e->text);
	}
	if (!first)
		return NULL;
	AUTO_STR text = xasprintf("%zu of %zu hosts failed%s%s", failed, f->n, words.s,
				  failed > NAMED ? "; ... (failed_hosts names all)" : "");
	if ((int64_t)failed > most)
		return err_new(first->kind, "%s", text);
	op_warn(f->op, "%s", text);
	return NULL;
}

struct err *fleet_end(struct fleet *f)
{
	struct json_object *extra = json_object_new_object();
	struct json_object *results = json_object_new_array();
	struct json_object *names = json_object_new_array();
	struct json_object *diffs = json_object_new_array();
	struct err *e;

	for (size_t i = 0; i < f->n; i++) {
		if (error_of(&f->hosts[i]))
			json_object_array_add(names,
					      json_object_new_string(f->hosts[i].entry->name));
		tell_host(&f->hosts[i], results, diffs);
	}
	/* Else Ansible looks for these in the results, and takes the controller for what is said of a host. */
	json_set(extra, "failed", json_object_new_boolean(false));
	json_set(extra, "unreachable", json_object_new_boolean(false));
	json_set(extra, "results", results);
	json_set(extra, "failed_hosts", names);
	if (f->op->diff)
		json_set(extra, "diff", json_object_get(diffs));
	json_object_put(diffs);
	f->op->out->extra = extra;
	e = judge(f);
	ssh_run_free(f->run);
	free(f->hosts);
	free(f);
	return e;
}
