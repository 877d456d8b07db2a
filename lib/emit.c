#include <string.h>

#include "args.h"
#include "emit.h"
#include "text.h"

static const char *type_name(enum attr_type t)
{
	static const char *const names[] = { "str",  "bool", "int",  "float", "list",
					     "list", "dict", "dict", "raw" };

	return names[t];
}

static bool is_list(const struct attr *a)
{
	return a->type == LIST || a->type == SET;
}

static const char *elements(const struct attr *a)
{
	return a->sub ? "dict" : type_name(a->elem);
}

/* A YAML double-quoted scalar: JSON's escapes are a subset of YAML's. */
static void quoted(FILE *out, const char *s)
{
	AUTO_JSON text = json_object_new_string(s);

	(void)fputs(json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE), out);
}

static void word_list(FILE *out, const char *words)
{
	(void)fputs("[", out);
	WORDS_EACH(w, words)
		(void)fprintf(out, "%s\"%.*s\"", w == words_skip(words) ? "" : ", ",
			      (int)words_len(w), w);
	(void)fputs("]\n", out);
}

static void option(FILE *out, const struct attr *a, int indent)
{
	const int in = indent + 2;

	(void)fprintf(out, "%*s%s:\n", indent, "", attr_option(a));
	(void)fprintf(out, "%*sdescription: [", in, "");
	quoted(out, a->doc);
	if (a->flags & (REPLACES | FIXED) && !(a->flags & CREATE))
		(void)fputs(a->flags & FIXED ? ", \"Cannot be changed after creation.\""
					     : ", \"Changing it needs a new object.\"",
			    out);
	if (a->ref)
		(void)fputs(", \"A name is looked up; an ID is used as it is.\"", out);
	if (a->states)
		(void)fprintf(out, ", \"Required for O(state=%s).\"", a->states);
	(void)fprintf(out, "]\n%*stype: %s\n", in, "", type_name(a->type));
	if (is_list(a))
		(void)fprintf(out, "%*selements: %s\n", in, "", elements(a));
	if (a->flags & REQUIRED)
		(void)fprintf(out, "%*srequired: true\n", in, "");
	if (a->value)
		(void)fprintf(out, "%*sdefault: %s\n", in, "", a->value);
	if (a->choices) {
		(void)fprintf(out, "%*schoices: ", in, "");
		word_list(out, a->choices);
	}
	if (a->aliases) {
		(void)fprintf(out, "%*saliases: ", in, "");
		word_list(out, a->aliases);
	}
	if (!a->sub)
		return;
	(void)fprintf(out, "%*ssuboptions:\n", in, "");
	for (const struct attr *sub = a->sub; sub->name; sub++)
		if (attr_is_option(sub))
			option(out, sub, in + 2);
}

static bool is_returned(const struct attr *a)
{
	return !(a->flags & (OPTION | HIDDEN));
}

static void returned(FILE *out, const struct attr *a, int indent, const char *when)
{
	(void)fprintf(out, "%*s%s:\n%*sdescription: [", indent, "", a->name, indent + 2, "");
	quoted(out, a->doc);
	(void)fprintf(out, "]\n%*stype: %s\n", indent + 2, "", type_name(a->type));
	if (when)
		(void)fprintf(out, "%*sreturned: %s\n", indent + 2, "", when);
	if (is_list(a))
		(void)fprintf(out, "%*selements: %s\n", indent + 2, "", elements(a));
	if (a->type != OBJ || !a->sub)
		return;
	(void)fprintf(out, "%*scontains:\n", indent + 2, "");
	for (const struct attr *sub = a->sub; sub->name; sub++)
		if (is_returned(sub))
			returned(out, sub, indent + 4, NULL);
}

static void returns(FILE *out, const struct module *m)
{
	const char *key = module_returns(m);

	(void)fputs("RETURN:\n", out);
	if (!m->info && m->r->returned)
		for (const struct attr *a = m->r->returned; a->name; a++)
			returned(out, a, 2, "success");
	if (key) {
		(void)fprintf(
			out,
			"  %s:\n    description: [\"%s\"]\n    type: %s\n    returned: %s\n%s    contains:\n",
			key, m->info ? "The objects that match." : "The object as it is now.",
			m->info ? "list" : "dict", m->info ? "success" : "when the object exists",
			m->info ? "    elements: dict\n" : "");
		for (const struct attr *a = attrs_shown(m->r); a->name; a++)
			if (is_returned(a))
				returned(out, a, 6, NULL);
	}
	if (m->info)
		return;
	if (key)
		(void)fputs(
			"  id:\n    description: [\"ID of the object, also when the task failed after it was made.\"]\n"
			"    type: str\n    returned: when known\n",
			out);
	if (m->system->common)
		(void)fputs(
			"  results:\n    description: [\"With O(items): the result of each, in their order.\"]\n"
			"    type: list\n    elements: dict\n    returned: with O(items)\n",
			out);
	(void)fputs("  error:\n    description: [\"Kind, HTTP status and option at fault.\"]\n"
		    "    type: dict\n    returned: failure\n",
		    out);
}

static void example(FILE *out, const char *text)
{
	(void)fputs("EXAMPLES: |\n", out);
	for (const char *s = text; s && *s;) {
		const size_t n = strcspn(s, "\n");

		(void)fprintf(out, "%s%.*s\n", n ? "  " : "", (int)n, s);
		s += n + (s[n] == '\n');
	}
}

static const char *module_example(const struct module *m)
{
	return m->info ? m->info->example : m->r->example;
}

void emit_ansible(const struct module *m, FILE *out)
{
	struct module_tables tables;

	module_tables(m, &tables);
	(void)fprintf(out,
		      "---\nDOCUMENTATION:\n  module: %s\n  version_added: \"%s\"\n"
		      "  author: [\"Treenail developers\"]\n  short_description: ",
		      module_name(m), VERSION);
	quoted(out, module_doc(m));
	(void)fputs("\n  description:\n    - ", out);
	quoted(out, module_doc(m));
	(void)fputs(
		"\n    - \"A native program: needs no Python libraries, keeps one login for all tasks.\"\n",
		out);
	if (!m->info)
		(void)fputs(
			"    - \"Supports check mode and diff: what they show is what the real run does, unless the service refuses it.\"\n",
			out);
	(void)fputs("  options:\n", out);
	for (const struct attr *const *t = tables.attrs; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (attr_is_option(a))
				option(out, a, 4);
	example(out, module_example(m));
	returns(out, m);
}

void emit_row(const struct module *m, FILE *out)
{
	(void)fprintf(out, "| `%s` | %s |\n", module_name(m), module_doc(m));
}

static void md_option(FILE *out, const struct attr *a, const char *prefix)
{
	AUTO_STR name = xasprintf("%s%s", prefix, attr_option(a));

	(void)fprintf(out, "| `%s` | %s%s%s | %s%s%s%s |\n", name, type_name(a->type),
		      is_list(a) ? " of " : "", is_list(a) ? elements(a) : "",
		      a->flags & REQUIRED ? "**Required.** " : "", a->doc,
		      a->value ? " Default: " : "", a->value ? a->value : "");
	if (!a->sub)
		return;
	AUTO_STR inner = xasprintf("%s.", name);
	for (const struct attr *sub = a->sub; sub->name; sub++)
		if (attr_is_option(sub))
			md_option(out, sub, inner);
}

void emit_markdown(const struct module *m, FILE *out)
{
	struct module_tables tables;
	const char *key = module_returns(m);

	module_tables(m, &tables);
	(void)fprintf(out,
		      "# %s.%s\n\n%s\n\n## Options\n\n| option | type | meaning |\n|---|---|---|\n",
		      m->system->collection, module_name(m), module_doc(m));
	for (const struct attr *const *t = tables.attrs; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (attr_is_option(a))
				md_option(out, a, "");
	if (module_example(m))
		(void)fprintf(out, "\n## Example\n\n```yaml\n%s```\n", module_example(m));
	if (!key)
		return;
	(void)fprintf(out,
		      "\n## Returns\n\nUnder `%s`:\n\n| key | type | meaning |\n|---|---|---|\n",
		      key);
	for (const struct attr *a = attrs_shown(m->r); a->name; a++)
		if (is_returned(a))
			(void)fprintf(out, "| `%s` | %s | %s |\n", a->name, type_name(a->type),
				      a->doc);
}
