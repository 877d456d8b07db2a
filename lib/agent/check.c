#include "agent/check.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "text.h"

enum { PATH_BYTES = 4095, LIST_MAX = 10000, ENVIRONMENT_NAME = 256 };

static bool is_text(struct json_object *v)
{
	return json_object_is_type(v, json_type_string) &&
	       strlen(json_object_get_string(v)) == (size_t)json_object_get_string_len(v);
}

/* One way to write each path: what is looked at is what is used. */
static bool is_path(struct json_object *v)
{
	const char *s = is_text(v) ? json_object_get_string(v) : "";

	if (*s != '/' || strlen(s) > PATH_BYTES || strchr(s, '\n'))
		return false;
	while (*s == '/' && s[1]) {
		const size_t n = strcspn(++s, "/");

		if (!n || (n == 1 && *s == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
		if (*s && !s[1])
			return false;
	}
	return true;
}

static bool is_mode(struct json_object *v)
{
	const char *s = is_text(v) ? json_object_get_string(v) : "";
	const size_t n = strlen(s);

	return n >= 3 && n <= 5 && strspn(s, "01234567") == n && strtol(s, NULL, 8) <= 07777;
}

static bool is_sha256(struct json_object *v)
{
	const char *s = is_text(v) ? json_object_get_string(v) : "";

	return strlen(s) == SHA256_HEX - 1 && strspn(s, "0123456789abcdef") == strlen(s);
}

static bool is_bool(struct json_object *v)
{
	return json_object_is_type(v, json_type_boolean);
}

static bool is_int(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0 &&
	       json_object_get_int64(v) <= INT_MAX;
}

static bool is_number(struct json_object *v)
{
	return (json_object_is_type(v, json_type_double) ||
		json_object_is_type(v, json_type_int)) &&
	       isfinite(json_object_get_double(v)) && json_object_get_double(v) >= 0;
}

static bool is_list(struct json_object *v, bool (*is)(struct json_object *))
{
	const size_t n = json_len(v);

	for (size_t i = 0; i < n; i++)
		if (!is(json_nth(v, i)))
			return false;
	return n > 0 && n <= LIST_MAX;
}

static bool is_texts(struct json_object *v)
{
	return is_list(v, is_text);
}

static bool is_ints(struct json_object *v)
{
	return is_list(v, is_int);
}

static bool is_map(struct json_object *v)
{
	if (!json_object_is_type(v, json_type_object))
		return false;
	json_object_object_foreach(v, name, value) {
		if (!*name || strlen(name) > ENVIRONMENT_NAME || strpbrk(name, "=\n") ||
		    json_object_is_type(value, json_type_object) ||
		    json_object_is_type(value, json_type_array) ||
		    (json_object_is_type(value, json_type_string) && !is_text(value)))
			return false;
	}
	return true;
}

static bool is_any(struct json_object *v)
{
	(void)v;
	return true;
}

static const struct {
	bool (*is)(struct json_object *v);
	const char *words;
} types[] = {
	[FIELD_TEXT] = { is_text, "a string" },
	[FIELD_PATH] = { is_path, "an absolute path without '//', '.' and '..'" },
	[FIELD_MODE] = { is_mode, "a mode like \"0644\", a string" },
	[FIELD_SHA256] = { is_sha256, "a SHA-256 of 64 lower-case hexadecimal digits" },
	[FIELD_BOOL] = { is_bool, "true or false" },
	[FIELD_INT] = { is_int, "a whole number from 0" },
	[FIELD_NUMBER] = { is_number, "a number from 0" },
	[FIELD_TEXTS] = { is_texts, "a list of strings" },
	[FIELD_INTS] = { is_ints, "a list of whole numbers" },
	[FIELD_MAP] = { is_map, "a dictionary of plain values" },
	[FIELD_ANY] = { is_any, "anything" },
};

static const struct agent_field *find(const struct agent_field *const *tables, const char *name)
{
	for (; *tables; tables++)
		for (const struct agent_field *f = *tables; f->name; f++)
			if (strcmp(f->name, name) == 0)
				return f;
	return NULL;
}

static struct err *unknown(const struct agent_field *const *tables, const char *name)
{
	struct nearest near = { .s = name };

	for (; *tables; tables++)
		for (const struct agent_field *f = *tables; f->name; f++)
			nearest_try(&near, f->name);
	return near.best ? err_new(ERR_USAGE, "there is no field '%.100s': is '%s' meant?", name,
				   near.best)
			 : err_new(ERR_USAGE, "there is no field '%.100s'", name);
}

static struct err *check_value(const struct agent_field *f, struct json_object *v)
{
	if (!types[f->type].is(v))
		return err_new(ERR_USAGE, "'%s' has to be %s, not %s", f->name,
			       types[f->type].words, json_type_words(v));
	if (f->choices && !words_have(f->choices, json_object_get_string(v)))
		return err_new(ERR_USAGE, "'%s' is none of: %s", f->name, f->choices);
	return NULL;
}

static struct err *check_table(struct json_object *o, const struct agent_field *table)
{
	AUTO_BUF either = BUF_INIT;
	size_t given = 0;

	for (const struct agent_field *f = table; f->name; f++) {
		if ((f->flags & FIELD_NEEDED) && !json_has(o, f->name))
			return err_new(ERR_USAGE, "'%s' is missing", f->name);
		if (!(f->flags & FIELD_EITHER))
			continue;
		buf_addf(&either, "%s'%s'", either.len ? ", " : "", f->name);
		given += json_has(o, f->name);
	}
	if (either.len && given != 1)
		return err_new(ERR_USAGE, "of %s one has to be given, not %zu", either.s, given);
	return NULL;
}

struct err *fields_check(struct json_object *o, const struct agent_field *const *tables)
{
	struct err *e = NULL;

	json_object_object_foreach(o, name, v) {
		const struct agent_field *f = find(tables, name);

		e = f ? check_value(f, v) : unknown(tables, name);
		if (e)
			return e;
	}
	for (; *tables && !e; tables++)
		e = check_table(o, *tables);
	return e;
}
