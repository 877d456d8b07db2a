#include <string.h>

#include "agent/facts.h"
#include "text.h"

static const struct agent_field fields[] = {
	{ "names", FIELD_TEXTS, FIELD_NEEDED },
	{ "packages", FIELD_TEXTS },
	{ "services", FIELD_TEXTS },
	{ "files", FIELD_TEXTS },
	{ "certificates", FIELD_TEXTS },
	{ 0 },
};

static const struct fact *find(const char *name)
{
	for (const struct fact *f = facts; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static struct err *unknown(const char *name)
{
	struct nearest near = { .s = name };

	for (const struct fact *f = facts; f->name; f++)
		nearest_try(&near, f->name);
	return near.best ? err_new(ERR_USAGE, "no fact is called '%.100s': is '%s' meant?", name,
				   near.best)
			 : err_new(ERR_USAGE, "no fact is called '%.100s'", name);
}

static struct err *check(struct json_object *args)
{
	struct json_object *names = json_at(args, "names");

	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_nth(names, i));
		const struct fact *f = find(name);

		if (!f)
			return unknown(name);
		if (f->needs && !json_has(args, f->needs))
			return err_new(ERR_USAGE, "fact '%s' needs '%s': of which", name, f->needs);
	}
	return NULL;
}

static struct err *run(struct step *s)
{
	struct json_object *names = json_at(s->args, "names");
	struct json_object *all = json_object_new_object();

	json_set(s->line, "facts", all);
	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_nth(names, i));
		const struct fact *f = find(name);
		struct json_object *v = NULL;
		struct err *e = f ? f->find(s, &v) : unknown(name);

		if (e)
			return err_wrap(e, "fact '%s'", name);
		json_set(all, name, v);
	}
	return NULL;
}

const struct agent_kind agent_facts = {
	.name = "facts",
	.flags = KIND_READS,
	.fields = fields,
	.check = check,
	.run = run,
};
