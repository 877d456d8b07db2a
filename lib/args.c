#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "args.h"
#include "text.h"

enum { NAME_MOST = 64, VALUE_MOST = 200 };

static const char BLANKS[] = " \t\r\n";

bool attr_is_option(const struct attr *a)
{
	return !(a->flags & (READONLY | INTERNAL));
}

static struct err *check_object(const struct attr *attrs, struct json_object *given,
				const char *where, struct json_object **ret);

/* ---- types ---- */

static const char *type_name(enum attr_type t)
{
	switch (t) {
	case STR: return "str";
	case BOOL: return "bool";
	case INT: return "int";
	case FLOAT: return "float";
	case LIST:
	case SET: return "list";
	case MAP:
	case OBJ: return "dict";
	case RAW: return "raw";
	}
	return "raw";
}

static const char *python_name(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_null: return "NoneType";
	case json_type_boolean: return "bool";
	case json_type_double: return "float";
	case json_type_int: return "int";
	case json_type_object: return "dict";
	case json_type_array: return "list";
	case json_type_string: return "str";
	}
	return "str";
}

static struct err *mismatch(const char *name, struct json_object *v, enum attr_type t, bool secret)
{
	AUTO_STR text = secret ? xstrdup("the value") : json_text(v);

	return err_at(err_new(ERR_USAGE,
			      "argument '%s' is of type %s and we were unable to convert to %s: "
			      "%.*s cannot be converted to %s %s",
			      name, python_name(v), type_name(t), (int)text_cut(text, VALUE_MOST),
			      text, t == INT ? "an" : "a", type_name(t)),
		      name);
}

static struct json_object *to_str(struct json_object *v)
{
	if (json_object_is_type(v, json_type_boolean))
		return json_object_new_string(json_object_get_boolean(v) ? "True" : "False");
	AUTO_STR text = json_text(v);
	return json_object_new_string(text);
}

/* Without the blanks at both ends; `s` is cut. */
static char *trim(char *s)
{
	char *from = s + strspn(s, BLANKS), *end = from + strlen(from);

	while (end > from && strchr(BLANKS, end[-1]))
		*--end = '\0';
	return from;
}

static struct json_object *to_bool(struct json_object *v)
{
	static const char yes[] = "y yes on 1 true t 1.0", no[] = "n no off 0 false f 0.0";
	AUTO_STR text = json_text(v);
	const char *word = trim(text);

	for (char *s = text; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	if (words_have(yes, word))
		return json_object_new_boolean(true);
	return words_have(no, word) ? json_object_new_boolean(false) : NULL;
}

static struct json_object *to_int(struct json_object *v)
{
	char *end;
	int64_t n;

	if (json_object_is_type(v, json_type_int))
		return json_object_get(v);
	if (json_object_is_type(v, json_type_double)) {
		const double d = json_object_get_double(v);

		/* Where the double has digits to spare, as it is of no use to anyone beyond. */
		return fabs(d) < 9e15 && (double)(int64_t)d == d ? json_object_new_int64((int64_t)d)
								 : NULL;
	}
	if (!json_object_is_type(v, json_type_string))
		return NULL;
	AUTO_STR text = xstrdup(json_object_get_string(v));
	const char *word = trim(text);
	errno = 0;
	n = strtoll(word, &end, 10);
	return errno || *end || end == word ? NULL : json_object_new_int64(n);
}

static struct json_object *to_float(struct json_object *v)
{
	char *end;
	double d;

	if (json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int))
		return json_object_get(v);
	if (!json_object_is_type(v, json_type_string))
		return NULL;
	AUTO_STR text = xstrdup(json_object_get_string(v));
	const char *word = trim(text);
	d = strtod(word, &end);
	return *end || end == word || !isfinite(d) ? NULL : json_object_new_double(d);
}

static struct json_object *to_list(struct json_object *v)
{
	struct json_object *list;

	if (json_object_is_type(v, json_type_array))
		return json_object_get(v);
	if (json_object_is_type(v, json_type_object) || json_object_is_type(v, json_type_boolean))
		return NULL;
	AUTO_STR text = json_text(v);
	list = json_object_new_array();
	for (const char *s = text;; s++) {
		const size_t n = strcspn(s, ",");

		json_object_array_add(list, json_object_new_string_len(s, (int)n));
		s += n;
		if (!*s)
			break;
	}
	return list;
}

/* k=v, separated by commas or blanks; values may be quoted. */
static struct json_object *parse_pairs(const char *s)
{
	struct json_object *o = json_object_new_object();

	for (s += strspn(s, ", "); *s; s += strspn(s, ", ")) {
		const size_t n = strcspn(s, "=, ");
		AUTO_STR key = xstrndup(s, n);

		if (!n || s[n] != '=') {
			json_object_put(o);
			return NULL;
		}
		s += n + 1;
		const bool quoted = *s == '"' || *s == '\'';
		const char stop[2] = { *s, '\0' };
		s += quoted;
		const size_t len = strcspn(s, quoted ? stop : ", ");
		json_set(o, key, json_object_new_string_len(s, (int)len));
		s += len;
		if (quoted && *s)
			s++;
	}
	return o;
}

static struct json_object *to_dict(struct json_object *v)
{
	struct json_object *o = NULL;
	const char *s;

	if (json_object_is_type(v, json_type_object))
		return json_object_get(v);
	if (!json_object_is_type(v, json_type_string))
		return NULL;
	s = json_object_get_string(v);
	if (*s != '{')
		return strchr(s, '=') ? parse_pairs(s) : NULL;
	err_free(json_parse(s, strlen(s), &o));
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		return NULL;
	}
	return o;
}

static struct json_object *convert(enum attr_type t, struct json_object *v)
{
	switch (t) {
	case STR: return to_str(v);
	case BOOL: return to_bool(v);
	case INT: return to_int(v);
	case FLOAT: return to_float(v);
	case LIST:
	case SET: return to_list(v);
	case MAP:
	case OBJ: return to_dict(v);
	case RAW: return json_object_get(v);
	}
	return NULL;
}

static struct err *check_choice(const struct attr *a, struct json_object *v, const char *name)
{
	AUTO_BUF all = BUF_INIT;
	AUTO_STR text = json_text(v);

	if (!a->choices || words_have(a->choices, text))
		return NULL;
	WORDS_EACH(w, a->choices)
		buf_addf(&all, "%s%.*s", all.len ? ", " : "", (int)words_len(w), w);
	return err_at(err_new(ERR_USAGE, "value of %s must be one of: %s, got: %.*s", name, all.s,
			      (int)text_cut(text, VALUE_MOST), text),
		      name);
}

static struct err *check_elements(const struct attr *a, struct json_object *list, const char *name,
				  struct json_object **ret)
{
	AUTO_JSON out = json_object_new_array();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct json_object *v = json_nth(list, i), *one = NULL;
		AUTO_STR where = xasprintf("%s[%zu]", name, i);

		if (a->sub) {
			AUTO_JSON dict = to_dict(v);

			e = dict ? check_object(a->sub, dict, where, &one)
				 : mismatch(where, v, OBJ, a->flags & SECRET);
		} else {
			AUTO_JSON typed = v ? convert(a->elem, v) : NULL;

			e = typed ? check_choice(a, typed, where)
				  : mismatch(where, v, a->elem, a->flags & SECRET);
			one = e ? NULL : json_copy(typed);
		}
		if (!e)
			json_object_array_add(out, one);
	}
	if (!e)
		*ret = TAKE(out);
	return e;
}

static struct err *check_value(const struct attr *a, struct json_object *v, const char *name,
			       struct json_object **ret)
{
	AUTO_JSON typed = convert(a->type, v);
	struct err *e;

	if (!typed)
		return mismatch(name, v, a->type, a->flags & SECRET);
	if (a->type == LIST || a->type == SET)
		return check_elements(a, typed, name, ret);
	if (a->type == OBJ)
		return check_object(a->sub, typed, name, ret);
	e = check_choice(a, typed, name);
	if (!e)
		*ret = json_copy(typed);
	return e;
}

/* ---- names ---- */

static bool is_called(const struct attr *a, const char *name)
{
	return attr_is_option(a) &&
	       (strcmp(attr_option(a), name) == 0 || words_have(a->aliases, name));
}

static struct json_object *given_value(const struct attr *a, struct json_object *given)
{
	struct json_object *v = json_at(given, attr_option(a));

	if (v || !json_object_is_type(given, json_type_object))
		return v;
	json_object_object_foreach(given, key, x)
		if (x && words_have(a->aliases, key))
			return x;
	return NULL;
}

static void offer_names(const struct attr *attrs, struct nearest *near, struct buf *all)
{
	for (const struct attr *a = attrs; a->name; a++) {
		if (!attr_is_option(a))
			continue;
		nearest_try(near, attr_option(a));
		buf_addf(all, "%s%s", all->len ? ", " : "", attr_option(a));
		if (a->aliases) {
			buf_adds(all, " (");
			WORDS_EACH(w, a->aliases)
				buf_addf(all, "%s%.*s", w == a->aliases ? "" : ", ",
					 (int)words_len(w), w);
			buf_adds(all, ")");
		}
	}
}

static struct err *unknown(const char *where, const struct attr *const *tables, const char *key)
{
	AUTO_BUF all = BUF_INIT;
	AUTO_BUF hint = BUF_INIT;
	struct nearest near = { .s = key };

	for (; *tables; tables++)
		offer_names(*tables, &near, &all);
	if (near.best)
		buf_addf(&hint, "Did you mean '%s'? ", near.best);
	return err_at(
		err_new(ERR_USAGE,
			"Unsupported parameters for %s: %.*s. %sSupported parameters include: %s.",
			where, (int)text_cut(key, NAME_MOST), key, hint.s, all.s),
		key);
}

static struct err *check_names(const char *where, const struct attr *const *tables,
			       struct json_object *given)
{
	json_object_object_foreach(given, key, v) {
		bool known = strncmp(key, "_ansible_", 9) == 0;

		(void)v;
		for (const struct attr *const *t = tables; *t && !known; t++)
			for (const struct attr *a = *t; a->name && !known; a++)
				known = is_called(a, key);
		if (!known)
			return unknown(where, tables, key);
	}
	return NULL;
}

static struct err *check_table(const struct attr *attrs, struct json_object *given,
			       const char *where, struct json_object *want)
{
	struct err *e = NULL;

	for (const struct attr *a = attrs; a->name && !e; a++) {
		struct json_object *v = attr_is_option(a) ? given_value(a, given) : NULL;
		struct json_object *typed = NULL;
		AUTO_STR name = xasprintf("%s%s%s", where, *where ? "." : "", attr_option(a));

		if (v)
			e = check_value(a, v, name, &typed);
		else if (a->value && attr_is_option(a) && !(a->flags & ASSUMED))
			typed = json_tokener_parse(a->value);
		if (!e && (v || typed))
			json_set(want, a->name, typed);
	}
	return e;
}

static void missing(const struct attr *attrs, struct json_object *want, struct buf *names)
{
	for (const struct attr *a = attrs; a->name; a++)
		if (a->flags & REQUIRED && !json_has(want, a->name))
			buf_addf(names, "%s%s", names->len ? ", " : "", attr_option(a));
}

/* What comes of a template that found nothing: no object may be called that. */
static struct err *check_blank(const struct attr *attrs, struct json_object *want)
{
	for (const struct attr *a = attrs; a->name; a++)
		if (a->flags & REQUIRED && json_is_str(json_at(want, a->name), ""))
			return err_at(err_new(ERR_USAGE, "argument '%s' is empty", attr_option(a)),
				      attr_option(a));
	return NULL;
}

static struct err *check_object(const struct attr *attrs, struct json_object *given,
				const char *where, struct json_object **ret)
{
	const struct attr *const tables[] = { attrs, NULL };
	AUTO_JSON want = json_object_new_object();
	AUTO_BUF names = BUF_INIT;
	struct err *e = check_names(where, tables, given);

	if (!e)
		e = check_table(attrs, given, where, want);
	if (e)
		return e;
	missing(attrs, want, &names);
	if (names.len)
		return err_at(err_new(ERR_USAGE, "missing required arguments: %s found in %s",
				      names.s, where),
			      where);
	*ret = TAKE(want);
	return NULL;
}

/* ---- relations ---- */

static struct json_object *option_value(const struct args_spec *spec, struct json_object *want,
					const char *option)
{
	for (const struct attr *const *t = spec->tables; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (is_called(a, option))
				return json_at(want, a->name);
	return NULL;
}

static bool holds(const struct args_spec *spec, struct json_object *want, const char *when)
{
	const char *equals = strchr(when, '=');
	AUTO_STR name = xstrndup(when, equals ? (size_t)(equals - when) : strlen(when));
	struct json_object *v = option_value(spec, want, name);

	if (!equals || !v)
		return v;
	AUTO_STR text = json_text(v);
	return strcmp(text, equals + 1) == 0;
}

/* Defaults make no option given: what excludes another is what the user wrote. */
static struct json_object *option_given(const struct args_spec *spec, struct json_object *given,
					const char *option)
{
	for (const struct attr *const *t = spec->tables; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (is_called(a, option))
				return given_value(a, given);
	return NULL;
}

struct tally {
	struct buf given, absent;
	size_t n_given, n_absent;
};

static void count_options(const struct args_spec *spec, const struct rule *rule,
			  struct json_object *args, struct json_object *want, struct tally *ret)
{
	WORDS_EACH(w, rule->options) {
		AUTO_STR name = xstrndup(w, words_len(w));
		const bool there = rule->kind == EXCLUSIVE ? option_given(spec, args, name)
							   : option_value(spec, want, name);

		ret->n_given += there;
		ret->n_absent += !there;
		if (there)
			buf_addf(&ret->given, "%s%s", ret->given.len ? "|" : "", name);
		else
			buf_addf(&ret->absent, "%s%s", ret->absent.len ? ", " : "", name);
	}
}

/* "state is present but all of the following are missing: cidr" */
static struct err *lacking(const struct rule *rule, const char *how_many, const struct tally *t)
{
	const char *when = rule->when ? rule->when : "";
	const size_t n = strcspn(when, "=");

	return err_new(ERR_USAGE, "%.*s is %s but %s of the following are missing: %s", (int)n,
		       when, when[n] ? when + n + 1 : "given", how_many, t->absent.s);
}

static struct err *judge(const struct rule *rule, const struct tally *t)
{
	switch (rule->kind) {
	case EXCLUSIVE:
		if (t->n_given > 1)
			return err_new(ERR_USAGE, "parameters are mutually exclusive: %s",
				       t->given.s);
		break;
	case TOGETHER:
		if (t->n_given && t->n_absent)
			return err_new(ERR_USAGE, "parameters are required together: %s",
				       rule->options);
		break;
	case ONE_OF:
		if (!t->n_given)
			return err_new(ERR_USAGE, "one of the following is required: %s",
				       t->absent.s);
		break;
	case NEEDS_ALL:
		if (t->n_absent)
			return lacking(rule, "all", t);
		break;
	case NEEDS_ONE:
		if (!t->n_given)
			return lacking(rule, "any", t);
		break;
	}
	return NULL;
}

static struct err *check_rule(const struct args_spec *spec, const struct rule *rule,
			      struct json_object *args, struct json_object *want)
{
	struct tally t = { .given = BUF_INIT, .absent = BUF_INIT };
	struct err *e = NULL;

	if (!rule->when || holds(spec, want, rule->when)) {
		count_options(spec, rule, args, want, &t);
		e = judge(rule, &t);
	}
	buf_release(&t.given);
	buf_release(&t.absent);
	return e;
}

/* Attributes that some states need and others do not. */
static struct err *check_states(const struct args_spec *spec, struct json_object *want)
{
	const char *state = json_str(want, "state");
	AUTO_BUF names = BUF_INIT;

	if (!state)
		return NULL;
	for (const struct attr *const *t = spec->tables; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (words_have(a->states, state) && !json_has(want, a->name))
				buf_addf(&names, "%s%s", names.len ? ", " : "", attr_option(a));
	if (!names.len)
		return NULL;
	return err_new(ERR_USAGE, "state is %s but all of the following are missing: %s", state,
		       names.s);
}

struct err *args_check(const struct args_spec *spec, struct json_object *given,
		       struct json_object **ret)
{
	AUTO_JSON want = json_object_new_object();
	AUTO_BUF names = BUF_INIT;
	AUTO_STR where = xasprintf("(%s) module", spec->module);
	struct err *e;

	if (!json_object_is_type(given, json_type_object))
		return err_new(ERR_USAGE, "the arguments are %s, no dictionary",
			       json_type_words(given));
	e = check_names(where, spec->tables, given);
	for (const struct attr *const *t = spec->tables; *t && !e; t++) {
		e = check_table(*t, given, "", want);
		if (!e)
			e = check_blank(*t, want);
		if (!spec->partial)
			missing(*t, want, &names);
	}
	if (!e && names.len)
		e = err_new(ERR_USAGE, "missing required arguments: %s", names.s);
	for (const struct rule *const *set = spec->rules; *set && !e && !spec->partial; set++)
		for (const struct rule *rule = *set; rule->kind && !e; rule++)
			e = check_rule(spec, rule, given, want);
	if (!e && !spec->partial)
		e = check_states(spec, want);
	if (!e)
		*ret = TAKE(want);
	return e;
}
