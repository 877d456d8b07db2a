#include "agent/facts.h"

#include <string.h>

#include "common/fleet.h"
#include "node/node.h"
#include "text.h"

/* Lists that a fact of the same name needs, or is narrowed by. */
static const char *const lists[] = { "packages", "services", "files", "certificates" };

static struct err *task(struct ssh_session *s, struct fleet_host *h)
{
	const struct node_plan plan = { .steps = h->arg, .check = true, .sudo = h->entry->sudo };
	AUTO_JSON report = NULL;
	struct err *e = node_run(s, &plan, &report);
	struct json_object *step = json_nth(json_at(report, "steps"), 0);

	if (!e)
		json_set(h->told, "facts", json_copy(json_at(step, "facts")));
	return e;
}

static struct err *check_name(const char *name)
{
	struct nearest near = { .s = name };
	AUTO_BUF all = BUF_INIT;

	for (const struct fact *f = facts; f->name; f++) {
		if (strcmp(f->name, name) == 0)
			return NULL;
		nearest_try(&near, f->name);
		buf_addf(&all, "%s%s", all.len ? ", " : "", f->name);
	}
	return err_at(err_new(ERR_USAGE, "there is no fact '%.*s'%s%s%s; there are: %s",
			      (int)text_cut(name, 64), name, near.best ? ": did you mean '" : "",
			      near.best ? near.best : "", near.best ? "'?" : "", all.s),
		      "names");
}

/* Whether `names` has it; what has a list of its own is asked for by giving that. */
static bool is_asked(struct json_object *names, const char *name)
{
	for (size_t i = 0; i < json_len(names); i++)
		if (json_is_str(json_nth(names, i), name))
			return true;
	return false;
}

/* Nothing said: all that needs no list. */
static struct json_object *all_names(void)
{
	struct json_object *names = json_object_new_array();

	for (const struct fact *f = facts; f->name; f++)
		if (!f->needs && strcmp(f->name, "packages") != 0)
			json_object_array_add(names, json_object_new_string(f->name));
	return names;
}

static struct err *check_names(struct json_object *names, struct json_object *step)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(names) && !e; i++)
		e = check_name(json_object_get_string(json_nth(names, i)));
	for (const struct fact *f = facts; f->name && !e; f++)
		if (f->needs && is_asked(names, f->name) && !json_has(step, f->needs))
			e = err_at(err_new(ERR_USAGE, "the fact %s wants to know which: give %s",
					   f->name, f->needs),
				   f->needs);
	return e;
}

/* The plan: one step. */
static struct err *read_step(struct op *op, struct json_object **ret)
{
	AUTO_JSON step = json_object_new_object();
	AUTO_JSON names = json_copy(json_at(op->want, "names"));
	bool listed = false;
	struct err *e;

	for (size_t i = 0; i < COUNT(lists); i++)
		listed = listed || json_has(op->want, lists[i]);
	if (!names)
		names = listed ? json_object_new_array() : all_names();
	json_sets(step, "id", "facts");
	json_sets(step, "do", "facts");
	for (size_t i = 0; i < COUNT(lists); i++) {
		if (!json_has(op->want, lists[i]))
			continue;
		json_set(step, lists[i], json_copy(json_at(op->want, lists[i])));
		if (!is_asked(names, lists[i]))
			json_object_array_add(names, json_object_new_string(lists[i]));
	}
	e = check_names(names, step);
	if (e)
		return e;
	if (!json_len(names))
		return err_at(err_new(ERR_USAGE, "names is empty"), "names");
	json_set(step, "names", TAKE(names));
	*ret = json_object_new_array();
	json_object_array_add(*ret, TAKE(step));
	return NULL;
}

static struct err *run(struct op *op)
{
	AUTO_JSON steps = NULL;
	struct err *e = read_step(op, &steps);

	if (!e) {
		struct fleet *f = fleet_new(op, steps);

		fleet_connect(f, task);
		e = fleet_end(f);
	}
	return e;
}

static const struct attr attrs[] = {
	ROWS_FLEET,
	{ "names", LIST, OPTION,
	  "What to find out: os, kernel, arch, hostname, machine_id, boot_id, cpu, memory, mounts, "
	  "interfaces, packages, held, services, files, certificates, clock, cgroup, swap, user. Else all "
	  "of these but packages, services, files and certificates, which are asked for by the options of "
	  "their names." },
	{ "packages", LIST, OPTION, "The versions of these packages; null: not installed." },
	{ "services", LIST, OPTION, "The states of these systemd units." },
	{ "files", LIST, OPTION,
	  "Mode, owner, size and checksum of these files, or patterns of them." },
	{ "certificates", LIST, OPTION,
	  "The certificates in these files, or patterns of them; of a kubeconfig its user's." },
	{ 0 },
};

static const struct attr result_rows[] = {
	ROWS_RESULT,
	{ "facts", MAP, READONLY, "What was found out, by name." },
	{ 0 },
};

static const struct attr returned[] = { ROWS_RETURNED(result_rows), { 0 } };

const struct resource host_facts = {
	.name = "facts",
	.doc = "Finds out about any number of hosts at once, by SSH from here: what is asked for, and nothing "
	       "else. A small program is brought there the first time, and kept.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example =
		"- name: Which of them have too little memory\n"
		"  treenail.host.facts:\n"
		"    hosts: \"{{ groups['web'] }}\"\n"
		"    names: [memory, os]\n"
		"  register: found\n"
		"- ansible.builtin.debug:\n"
		"    msg: \"{{ found.results | selectattr('facts.memory.total_mb', 'lt', 2000) | "
		"map(attribute='host') }}\"\n",
};
