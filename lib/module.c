#include <string.h>

#include "module.h"
#include "text.h"

static const struct rule no_rules[] = { { 0 } };
static const struct attr no_attrs[] = { { 0 } };

const char *module_name(const struct module *m)
{
	return m->info ? m->info->name : m->r->name;
}

const char *module_doc(const struct module *m)
{
	return m->info ? m->info->doc : m->r->doc;
}

const char *module_returns(const struct module *m)
{
	if (m->info)
		return m->info->returns;
	if (m->r->run)
		return NULL;
	return m->r->returns ? m->r->returns : m->r->key;
}

void module_each(const struct system *s, void (*fn)(const struct module *m, void *arg), void *arg)
{
	for (const struct resource *const *r = s->resources; *r; r++) {
		if ((*r)->name)
			fn(&(struct module){ s, *r, NULL }, arg);
		if ((*r)->info)
			fn(&(struct module){ s, *r, (*r)->info }, arg);
	}
}

struct search {
	const char *name;
	struct module found;
	struct nearest near;
};

static void try(const struct module *m, void *arg)
{
	struct search *s = arg;

	if (strcmp(module_name(m), s->name) == 0)
		s->found = *m;
	nearest_try(&s->near, module_name(m));
}

struct err *module_named(const struct system *sys, const char *name, struct module *ret)
{
	struct search s = { .name = name, .near = { .s = name } };

	module_each(sys, try, &s);
	if (s.found.r) {
		*ret = s.found;
		return NULL;
	}
	if (s.near.best)
		return err_new(ERR_USAGE, "there is no module '%s': did you mean '%s'?", name,
			       s.near.best);
	return err_new(ERR_USAGE, "there is no module '%s'", name);
}

static const struct attr wait_options[] = {
	{ "wait", BOOL, OPTION, "Whether to wait until the object is ready, or gone.",
	  .value = "true" },
	{ "timeout", INT, OPTION, "Seconds that all waits may take together.", .value = "180" },
};

static void info_options(const struct info *info, struct attr *row)
{
	if (!info->no_name)
		*row++ = (struct attr){ "name", STR, OPTION, "Name or ID of the one to tell about.",
					.aliases = info->name_aliases };
	if (!info->no_filters)
		*row++ = (struct attr){
			"filters", MAP, OPTION,
			"Attributes that must have these values; sent to the service where it can filter."
		};
}

static void change_options(const struct resource *r, struct attr *row)
{
	if (!r->run && !attr_named(r->attrs, "state"))
		*row++ = (struct attr){ "state",
					STR,
					OPTION,
					"What is to be true.",
					.value = "\"present\"",
					.choices = r->states ? r->states : "present absent" };
	*row++ = (struct attr){
		"items", LIST, OPTION,
		"Work on all of these, side by side: dictionaries of this module's options, "
		"to which the other options given are defaults. One result for each.",
		.elem = MAP
	};
	if (!r->run && !(r->flags & REPLACE_OK))
		*row++ = (struct attr){
			"allow_replace", BOOL, OPTION,
			"Whether the object may be deleted and made anew for a change that needs it.",
			.value = "false"
		};
}

void module_tables(const struct module *m, struct module_tables *ret)
{
	const struct attr *own = m->info ? m->info->params : m->r->attrs;
	const struct rule *rules = m->info ? m->info->rules : m->r->rules;
	struct attr *row = ret->common;

	memset(ret, 0, sizeof(*ret));
	ret->attrs[0] = own ? own : no_attrs;
	ret->attrs[1] = ret->common;
	ret->attrs[2] = m->r->flags & UNCONNECTED ? no_attrs : m->system->connection;
	ret->rules[0] = rules ? rules : no_rules;
	if (!m->system->common)
		return;
	for (size_t i = 0; i < COUNT(wait_options); i++)
		*row++ = wait_options[i];
	if (m->info)
		info_options(m->info, row);
	else
		change_options(m->r, row);
}
