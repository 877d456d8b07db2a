#include "docs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "function.h"
#include "kind.h"
#include "text.h"

static void quoted(FILE *out, const char *s)
{
	AUTO_JSON text = json_object_new_string(s);

	(void)fputs(json_object_to_json_string_ext(text, JSON_C_TO_STRING_NOSLASHESCAPE), out);
}

static void front(FILE *out, const char *title, const char *group, const char *doc)
{
	(void)fputs("---\npage_title: ", out);
	quoted(out, title);
	(void)fputs("\nsubcategory: ", out);
	quoted(out, group);
	(void)fputs("\ndescription: ", out);
	quoted(out, doc);
	(void)fprintf(out, "\n---\n\n# %s\n\n%s\n\n", title, doc);
}

static void example(FILE *out, const char *hcl)
{
	if (hcl)
		(void)fprintf(out, "## Example Usage\n\n```terraform\n%s```\n\n", hcl);
}

/* ---- rows ---- */

/* "string", "list of strings", "map of lists of numbers"; an object's fields are told below it. */
static void type_words(FILE *out, struct json_object *type, bool many)
{
	const char *word = json_object_is_type(type, json_type_array)
				   ? json_object_get_string(json_nth(type, 0))
				   : json_object_get_string(type);
	const char *ending = many ? "s" : "";

	if (strcmp(word, "dynamic") == 0)
		(void)fputs("any type", out);
	else
		(void)fprintf(out, "%s%s", word, ending);
	if (words_have("list set map", word)) {
		(void)fputs(" of ", out);
		type_words(out, json_nth(type, 1), true);
	}
}

/* Names of what objects hold that have no rows. */
static void fields(FILE *out, struct json_object *type)
{
	const char *before = " with";

	while (json_object_is_type(type, json_type_array) &&
	       !json_is_str(json_nth(type, 0), "object"))
		type = json_nth(type, 1);
	if (!json_object_is_type(type, json_type_array))
		return;
	json_object_object_foreach(json_nth(type, 1), key, inner) {
		(void)inner;
		(void)fprintf(out, "%s `%s`", before, key);
		before = ",";
	}
}

static const char *choices_of(const struct row *row)
{
	if (row->t && row->t->choices)
		return row->t->choices;
	return row->a ? row->a->choices : NULL;
}

static void block_words(FILE *out, const struct row *row)
{
	if (row->single || row->flags & TF_UNIQUE)
		(void)fputs("block", out);
	else
		(void)fprintf(out, "%s of blocks", row->flags & TF_SET ? "set" : "list");
}

static void kind_of_row(FILE *out, const struct row *row, bool given)
{
	if (given)
		(void)fputs(row->flags & TF_REQUIRED ? "Required, " : "Optional, ", out);
	if (row->flags & TF_BLOCK)
		block_words(out, row);
	else if (row->nested)
		(void)fputs(row->flags & TF_SINGLE ? "object" : "list of objects", out);
	else
		type_words(out, row->type, false);
	if (!row->sub && !row->nested)
		fields(out, row->type);
	if (row->write_only)
		(void)fputs(", write-only", out);
	if (row->flags & TF_SENSITIVE)
		(void)fputs(", sensitive", out);
	if (row->flags & (TF_NEW | TF_RENEWS))
		(void)fputs(", forces a new object", out);
	if (row->flags & TF_DEPRECATED)
		(void)fputs(", deprecated", out);
}

/* `given`: as an argument; what is within an attribute is none, whatever it is elsewhere. */
static void one_row(FILE *out, const struct row *row, bool given)
{
	const char *choices = choices_of(row);

	(void)fprintf(out, "* `%s` - (", row->name);
	kind_of_row(out, row, given);
	(void)fprintf(out, ") %s", row->doc);
	if (choices) {
		(void)fputs(" One of", out);
		WORDS_EACH(w, choices)
			(void)fprintf(out, "%s `%.*s`", w == words_skip(choices) ? "" : ",",
				      (int)words_len(w), w);
		(void)fputc('.', out);
	}
	if (row->value && given) {
		AUTO_STR text = json_text(row->value);

		(void)fprintf(out, " `%s` by default.", text);
	} else if (given && (row->flags & TF_OC) == TF_OC) {
		(void)fputs(" Computed where it is not given.", out);
	}
	if (row->sub || row->nested)
		(void)fputs(" See below.", out);
	(void)fputc('\n', out);
}

static bool is_argument(const struct row *row)
{
	return row->flags & (TF_REQUIRED | TF_OPTIONAL);
}

/* `timeouts` has a section of its own. */
static bool is_told(const struct row *row)
{
	return !row->single || row->t;
}

/* Arguments, those that are required first. */
static void arguments(FILE *out, const struct row *rows)
{
	for (int round = 0; round < 2; round++)
		for (const struct row *row = rows; row->name; row++)
			if (is_argument(row) && is_told(row) &&
			    (round == 0) == ((row->flags & TF_REQUIRED) != 0))
				one_row(out, row, true);
}

static void attributes(FILE *out, const struct row *rows)
{
	for (const struct row *row = rows; row->name; row++)
		if (!is_argument(row))
			one_row(out, row, false);
}

static void all(FILE *out, const struct row *rows)
{
	for (const struct row *row = rows; row->name; row++)
		one_row(out, row, false);
}

static bool any(const struct row *rows, bool arguments)
{
	for (const struct row *row = rows; row->name; row++)
		if (is_argument(row) == arguments && is_told(row))
			return true;
	return false;
}

/* What blocks and objects hold: a section for each, outer ones first. */
static void inner(FILE *out, const struct row *rows, const char *prefix, bool given)
{
	for (const struct row *row = rows; row->name; row++) {
		AUTO_STR path = xasprintf("%s%s%s", prefix, *prefix ? "." : "", row->name);

		const struct row *held = row->sub ? row->sub : row->nested;

		if (!held || !is_told(row))
			continue;
		(void)fprintf(out, "\n### `%s`\n\n", path);
		if (given && is_argument(row)) {
			arguments(out, held);
			attributes(out, held);
		} else {
			all(out, held);
		}
		inner(out, held, path, given && is_argument(row));
	}
}

static void rules(FILE *out, const struct rule *rule)
{
	static const char *const words[] = {
		[EXCLUSIVE] = "At most one of these can be given",
		[TOGETHER] = "These are given together, or not at all",
		[ONE_OF] = "At least one of these has to be given",
		[NEEDS_ALL] = "all of these have to be given",
		[NEEDS_ONE] = "at least one of these has to be given",
	};

	if (rule && rule->kind)
		(void)fputc('\n', out);
	for (; rule && rule->kind; rule++) {
		if (rule->kind == ONE_OF && !strchr(rule->options, ' ')) {
			(void)fprintf(out, "* `%s` cannot be empty.\n", rule->options);
			continue;
		}
		if (rule->when)
			(void)fprintf(out, "* With `%s`, ", rule->when);
		(void)fprintf(out, "%s%s:", rule->when ? "" : "* ", words[rule->kind]);
		WORDS_EACH(w, rule->options)
			(void)fprintf(out, "%s `%.*s`", w == words_skip(rule->options) ? "" : ",",
				      (int)words_len(w), w);
		(void)fputs(".\n", out);
	}
}

/* How what is given picks what a data source finds; NULL: it does not. */
static const char *choice(const struct tf_kind *k, const struct row *rows)
{
	for (const struct row *row = rows; k->what == TF_DATA && !k->open && row->name; row++)
		if (row->a && row->flags & TF_OPTIONAL)
			return k->flags & TF_PLURAL
				       ? "Found is all that has what is given here."
				       : "The one that has all of what is given here is found; none, "
					 "or more than one, is an error.";
	return NULL;
}

static void reference(FILE *out, const struct row *rows, const struct rule *rule,
		      const char *choice)
{
	if (any(rows, true)) {
		(void)fputs("## Argument Reference\n\n", out);
		if (choice)
			(void)fprintf(out, "%s\n\n", choice);
		arguments(out, rows);
		rules(out, rule);
	}
	if (any(rows, false)) {
		(void)fputs("\n## Attributes Reference\n\n", out);
		attributes(out, rows);
	}
	inner(out, rows, "", true);
}

/* ---- pages ---- */

static void timeouts(FILE *out, const struct tf_kind *k)
{
	const struct {
		const char *name;
		int minutes;
	} all[] = { { "create", k->minutes.create },
		    { "update", k->minutes.update },
		    { "delete", k->minutes.remove } };

	if (!k->minutes.create && !k->minutes.update && !k->minutes.remove)
		return;
	(void)fputs("\n## Timeouts\n\nA block `timeouts` says how long things may take:\n\n", out);
	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].minutes)
			(void)fprintf(out, "* `%s` - `%dm` by default.\n", all[i].name,
				      all[i].minutes);
}

/* "{instance_id}/{volume_id}" -> "<instance_id>/<volume_id>" */
static void id_words(FILE *out, const char *id)
{
	for (; *id; id++)
		(void)fputc(*id == '{' ? '<' : *id == '}' ? '>' : *id, out);
}

static void import(FILE *out, const struct kind *k)
{
	const char *doc = k->k->import_doc;

	(void)fputs("\n## Import\n\n", out);
	if (doc)
		(void)fprintf(out, "%s\n\n", doc);
	(void)fprintf(out, "```shell\nterraform import %s.example ", k->type_name);
	id_words(out, k->k->id ? k->k->id : "<id>");
	(void)fputs("\n```\n", out);
	if (provider.targets)
		(void)fputs("\nOf another cloud or region than the provider's: "
			    "`cloud:<name>/<id>`, `region:<name>/<id>` or "
			    "`cloud:<name>/region:<name>/<id>`.\n",
			    out);
	if (provider.backend && provider.backend->rows[0].name)
		(void)fprintf(out, "\nOf another %s than the provider's: `%s:<name>/<id>`.\n",
			      provider.backend->rows[0].name, provider.backend->rows[0].name);
}

/* "block_storage" -> "Block storage": pages are listed under it. */
static char *group_of(const struct kind *k)
{
	char *group = xstrdup(k->r && k->r->service ? k->r->service : "");

	group[0] = (char)toupper((unsigned char)group[0]);
	for (char *s = group; *s; s++)
		if (*s == '_')
			*s = ' ';
	return group;
}

static void kind_page(FILE *out, const struct kind *k)
{
	static const char *const what[] = { [TF_RESOURCE] = "Resource",
					    [TF_DATA] = "Data Source",
					    [TF_EPHEMERAL] = "Ephemeral Resource" };
	AUTO_STR title = xasprintf("%s (%s)", k->type_name, what[k->k->what]);
	AUTO_STR group = group_of(k);

	front(out, title, group, k->k->doc);
	example(out, k->k->example);
	reference(out, k->rows, k->k->rules, choice(k->k, k->rows));
	if (k->k->what != TF_RESOURCE)
		return;
	timeouts(out, k->k);
	import(out, k);
}

static void index_page(FILE *out)
{
	AUTO_STR title = xasprintf("%s Provider", provider.name);

	front(out, title, "", provider.doc);
	example(out, provider.example);
	reference(out, kind_provider()->rows, NULL, NULL);
}

static void type_text(FILE *out, const char *json)
{
	AUTO_JSON type = NULL;

	err_free(json_parse(json, strlen(json), &type));
	type_words(out, type, false);
}

static const struct parameter *parameter_nth(const struct function *f, size_t i)
{
	return i < PARAMETERS_MOST && f->parameters[i].name ? &f->parameters[i] : NULL;
}

static void function_page(FILE *out, const struct function *f)
{
	const struct parameter *p;
	AUTO_STR title = xasprintf("%s (Function)", f->name);

	front(out, title, "", f->summary);
	(void)fprintf(out, "%s\n\n", f->doc);
	example(out, f->example);
	(void)fprintf(out, "## Signature\n\n```text\n%s(", f->name);
	for (size_t i = 0; (p = parameter_nth(f, i)); i++) {
		(void)fprintf(out, "%s%s ", i ? ", " : "", p->name);
		type_text(out, p->type);
	}
	(void)fputs(") ", out);
	type_text(out, f->returns);
	(void)fputs("\n```\n\n## Arguments\n\n", out);
	for (size_t i = 0; (p = parameter_nth(f, i)); i++) {
		(void)fprintf(out, "%zu. `%s` (", i + 1, p->name);
		type_text(out, p->type);
		(void)fprintf(out, ") %s\n", p->doc);
	}
}

/* ---- files ---- */

static struct err *make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return NULL;
	return err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
}

static struct err *open_page(const char *folder, const char *part, const char *name, FILE **ret)
{
	AUTO_STR dir = xasprintf("%s%s%s", folder, *part ? "/" : "", part);
	AUTO_STR path = xasprintf("%s/%s.md", dir, name);
	struct err *e = make_folder(dir);

	if (e)
		return e;
	*ret = fopen(path, "we");
	return *ret ? NULL : err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
}

static struct err *close_page(FILE *out)
{
	const bool failed = ferror(out);

	if (fclose(out) == 0 && !failed)
		return NULL;
	return err_new(ERR_USAGE, "a page could not be written: %s", strerror(errno));
}

static struct err *write_kind(const char *folder, const struct kind *k)
{
	static const char *const parts[] = { [TF_RESOURCE] = "resources",
					     [TF_DATA] = "data-sources",
					     [TF_EPHEMERAL] = "ephemeral-resources" };
	FILE *out;
	struct err *e = open_page(folder, parts[k->k->what], k->k->name, &out);

	if (e)
		return e;
	kind_page(out, k);
	return close_page(out);
}

static struct err *write_function(const char *folder, const struct function *f)
{
	FILE *out;
	struct err *e = open_page(folder, "functions", f->name, &out);

	if (e)
		return e;
	function_page(out, f);
	return close_page(out);
}

struct err *docs_write(const char *folder)
{
	size_t n;
	const struct kind *const *all = kinds(&n);
	FILE *out = NULL;
	struct err *e = open_page(folder, "", "index", &out);

	if (!e) {
		index_page(out);
		e = close_page(out);
	}
	for (size_t i = 0; i < n && !e; i++)
		e = write_kind(folder, all[i]);
	for (const struct function *f = provider.functions; f && f->name && !e; f++)
		e = write_function(folder, f);
	return e;
}
