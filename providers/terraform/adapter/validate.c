#include <stdio.h>
#include <string.h>

#include "convert.h"
#include "text.h"
#include "validate.h"
#include "work.h"

static const char WRONG[] = "Wrong configuration";

static void validate_rows(const struct row *rows, struct json_object *values, const char *prefix,
			  struct diags *d);

static const char *choices_of(const struct row *row)
{
	if (row->t && row->t->choices)
		return row->t->choices;
	return row->a ? row->a->choices : NULL;
}

static void validate_value(const struct row *row, struct json_object *v, const char *path,
			   struct diags *d)
{
	const char *choices = choices_of(row);
	AUTO_STR text = json_text(v);

	if (choices && *text && !words_have(choices, text))
		diags_add(d, DIAG_ERROR, path, WRONG, "%s has to be one of: %s; it is '%s'.",
			  row->name, choices, text);
}

static void validate_timeouts(struct json_object *given, struct diags *d)
{
	json_object_object_foreach(given, name, v) {
		const char *text = value_is_unknown(v) ? NULL : json_object_get_string(v);
		AUTO_STR path = xasprintf("timeouts.%s", name);
		int64_t ms;

		if (text && !duration_ms(text, &ms))
			diags_add(d, DIAG_ERROR, path, WRONG,
				  "%s has to be a duration such as 10m or 1h30m; it is '%s'.", name,
				  text);
	}
}

static void validate_row(const struct row *row, struct json_object *v, const char *path,
			 struct diags *d)
{
	const bool set = row->flags & TF_SET;

	/* Terraform takes null for given, as what -generate-config-out writes in place of secrets. */
	if (!v && row->flags & TF_REQUIRED && !(row->flags & TF_BLOCK))
		diags_add(d, DIAG_ERROR, path, WRONG, "%s is needed, and null.", path);
	if (value_is_unknown(v) || !v || row->write_only)
		return;
	if (row->single) {
		if (row->t)
			validate_rows(row->sub, v, path, d);
		else
			validate_timeouts(v, d);
		return;
	}
	if (!row->sub) {
		if (!json_object_is_type(v, json_type_array) &&
		    !json_object_is_type(v, json_type_object))
			validate_value(row, v, path, d);
		return;
	}
	for (size_t i = 0; i < json_len(v); i++) {
		/* Elements of a set have no place of their own. */
		AUTO_STR place = set ? xstrdup(path) : xasprintf("%s[%zu]", path, i);

		if (!value_is_unknown(json_nth(v, i)))
			validate_rows(row->sub, json_nth(v, i), place, d);
	}
}

static void validate_rows(const struct row *rows, struct json_object *values, const char *prefix,
			  struct diags *d)
{
	for (const struct row *row = rows; row->name; row++) {
		AUTO_STR path =
			*prefix ? xasprintf("%s.%s", prefix, row->name) : xstrdup(row->name);

		validate_row(row, json_at(values, row->name), path, d);
	}
}

/* ---- relations ---- */

static bool given(struct json_object *config, const char *name)
{
	return !json_empty(json_at(config, name));
}

/* "row=value", or "row": is given. What is not known yet may turn out to be null. */
static bool holds(struct json_object *config, const char *when)
{
	const char *equals = when ? strchr(when, '=') : NULL;

	if (!when)
		return true;
	AUTO_STR name = xstrndup(when, strcspn(when, "="));
	struct json_object *v = json_at(config, name);
	if (value_is_unknown(v) || !equals)
		return !value_is_unknown(v) && !json_empty(v);
	AUTO_STR text = json_text(v);
	return strcmp(text, equals + 1) == 0;
}

struct tally {
	size_t known, unknown, all;
	char first[64]; /* the first that is given */
};

static struct tally count(struct json_object *config, const char *names)
{
	struct tally t = { 0 };

	WORDS_EACH(w, names) {
		AUTO_STR name = xstrndup(w, words_len(w));
		struct json_object *v = json_at(config, name);

		t.all++;
		if (value_has_unknown(v))
			t.unknown++;
		else if (!json_empty(v) && !t.known++)
			(void)snprintf(t.first, sizeof(t.first), "%s", name);
	}
	return t;
}

/* "a, b, c" */
static char *enumerate(const char *names)
{
	AUTO_BUF text = BUF_INIT;

	WORDS_EACH(w, names) {
		buf_addf(&text, "%s%.*s", text.len ? ", " : "", (int)words_len(w), w);
	}
	return buf_take(&text);
}

static void validate_rule(const struct rule *rule, struct json_object *config, struct diags *d)
{
	const struct tally t = count(config, rule->options);
	AUTO_STR names = enumerate(rule->options);
	const char *at = t.known ? t.first : NULL;
	const size_t possible = t.known + t.unknown;

	switch (rule->kind) {
	case EXCLUSIVE:
		if (t.known > 1)
			diags_add(d, DIAG_ERROR, at, WRONG, "Only one of these can be given: %s.",
				  names);
		break;
	case TOGETHER:
		if (t.known && possible < t.all)
			diags_add(d, DIAG_ERROR, at, WRONG, "These have to be given together: %s.",
				  names);
		break;
	case ONE_OF:
		if (!possible)
			diags_add(d, DIAG_ERROR, at, WRONG, "One of these has to be given: %s.",
				  names);
		break;
	case NEEDS_ALL:
		if (holds(config, rule->when) && possible < t.all)
			diags_add(d, DIAG_ERROR, at, WRONG, "With %s, all of these are needed: %s.",
				  rule->when, names);
		break;
	case NEEDS_ONE:
		if (holds(config, rule->when) && !possible)
			diags_add(d, DIAG_ERROR, at, WRONG, "With %s, one of these is needed: %s.",
				  rule->when, names);
		break;
	}
}

static void validate_secrets(const struct kind *k, struct json_object *config, struct diags *d)
{
	for (const struct row *row = k->rows; row->name; row++)
		if (row->secret && row->write_only && given(config, row->name) &&
		    given(config, row->secret->name))
			diags_add(d, DIAG_ERROR, row->name, WRONG,
				  "Only one of these can be given: %s, %s.", row->secret->name,
				  row->name);
}

void validate(const struct kind *k, struct json_object *config, struct diags *d)
{
	validate_rows(k->rows, config, "", d);
	for (const struct rule *rule = k->k ? k->k->rules : NULL; rule && rule->kind; rule++)
		validate_rule(rule, config, d);
	validate_secrets(k, config, d);
}
