#define YAML_WITH_LIBYAML
#include "yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "json.h"
#include "mem.h"

#define TAG(name) "tag:yaml.org,2002:" name

/* What a value of the size of its text costs besides, when an alias repeats it. */
enum { NODE_COST = 64, NUMBER_MAX = 400 };

struct anchor {
	char *name;
	struct json_object *value;
	size_t cost;
};

struct loader {
	yaml_parser_t parser;
	const char *file;
	struct anchor *anchors;
	size_t n;
	size_t expanded;
};

static struct err *value_read(struct loader *l, yaml_event_t *ev, int depth,
			      struct json_object **ret);

PRINTF(3, 4)
static struct err *fail(const struct loader *l, yaml_mark_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	return err_new(ERR_USAGE, "%s:%zu: %s", l->file, at.line + 1, text);
}

static void event_release(yaml_event_t *ev)
{
	yaml_event_delete(ev);
}
#define AUTO_EVENT CLEANUP(event_release) yaml_event_t

static struct err *event_next(struct loader *l, yaml_event_t *ev)
{
	const yaml_parser_t *p = &l->parser;

	if (yaml_parser_parse(&l->parser, ev))
		return NULL;
	memset(ev, 0, sizeof(*ev));
	if (p->context)
		return fail(l, p->problem_mark, "no YAML: %s, %s that starts in line %zu",
			    p->problem ? p->problem : "syntax error", p->context,
			    p->context_mark.line + 1);
	return fail(l, p->problem_mark, "no YAML: %s", p->problem ? p->problem : "syntax error");
}

/* ---- plain scalars: the regular expressions of PyYAML's resolver, by hand ---- */

static bool one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

static bool null_read(const char *s)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

	return one_of(s, words);
}

static bool bool_read(const char *s, struct json_object **ret)
{
	static const char *const yes[] = { "yes",  "Yes", "YES", "true", "True",
					   "TRUE", "on",  "On",  "ON",   NULL };
	static const char *const no[] = { "no",    "No",  "NO",  "false", "False",
					  "FALSE", "off", "Off", "OFF",   NULL };

	if (!one_of(s, yes) && !one_of(s, no))
		return false;
	*ret = json_object_new_boolean(one_of(s, yes));
	return true;
}

static bool all_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

static const char *unsigned_part(const char *s)
{
	return *s == '-' || *s == '+' ? s + 1 : s;
}

/* The text without underscores. */
static char *squeeze(const char *s)
{
	char *plain = xcalloc(strlen(s) + 1, 1);
	size_t n = 0;

	for (; *s; s++)
		if (*s != '_')
			plain[n++] = *s;
	return plain;
}

/* Whether s is a number as JSON writes them, so that it may be kept as it is. */
static bool json_number(const char *s)
{
	const size_t sign = *s == '-';
	const size_t whole = strspn(s + sign, "0123456789");
	const char *rest = s + sign + whole;

	if (!whole || (whole > 1 && s[sign] == '0'))
		return false;
	if (*rest == '.') {
		const size_t part = strspn(rest + 1, "0123456789");

		if (!part)
			return false;
		rest += 1 + part;
	}
	if (*rest == 'e' || *rest == 'E')
		rest = unsigned_part(rest + 1) + strspn(unsigned_part(rest + 1), "0123456789");
	return !*rest;
}

static struct json_object *number_new(double d, const char *text)
{
	return json_number(text) ? json_object_new_double_s(d, text) : json_object_new_double(d);
}

/* digits in `base`; false if there are none, or it cannot be said in JSON. */
static bool integer_new(bool negative, const char *digits, int base, struct json_object **ret)
{
	unsigned long long v;

	if (!*digits)
		return false;
	errno = 0;
	v = strtoull(digits, NULL, base);
	if (errno == ERANGE || (negative && v > (unsigned long long)INT64_MAX + 1)) {
		AUTO_STR text = xasprintf("%s%s", negative ? "-" : "", digits);
		const double d = strtod(text, NULL);

		if (base != 10 || !isfinite(d))
			return false;
		*ret = number_new(d, text);
	} else if (negative) {
		*ret = json_object_new_int64((int64_t)(0 - v));
	} else {
		*ret = v > INT64_MAX ? json_object_new_uint64(v)
				     : json_object_new_int64((int64_t)v);
	}
	return true;
}

/* 1:30:00, base 60; the groups behind the first colon are checked: [0-5]?[0-9]. */
static bool sixty_groups(const char *s)
{
	for (; *s == ':'; s += strspn(s, "0123456789")) {
		const size_t n = strspn(++s, "0123456789");

		if (n < 1 || n > 2 || (n == 2 && *s > '5'))
			return false;
	}
	return !*s;
}

static double sixty_value(const char *s)
{
	double v = 0;

	while (*s) {
		v = v * 60 + strtod(s, NULL); /* stops at the colon */
		s += strcspn(s, ":");
		s += *s == ':';
	}
	return v;
}

static bool sixty_read(bool negative, const char *digits, struct json_object **ret)
{
	double v;

	if (!sixty_groups(digits + strspn(digits, "0123456789")))
		return false;
	v = sixty_value(digits);
	if (v >= 9e15) /* beyond what a double counts exactly */
		return false;
	*ret = json_object_new_int64((int64_t)(negative ? -v : v));
	return true;
}

static bool int_read(const char *s, struct json_object **ret)
{
	const char *p = unsigned_part(s);
	const bool negative = *s == '-';
	AUTO_STR digits = squeeze(p);

	if (strncmp(p, "0b", 2) == 0)
		return all_of(p + 2, "01_") && integer_new(negative, digits + 2, 2, ret);
	if (strncmp(p, "0x", 2) == 0)
		return all_of(p + 2, "0123456789abcdefABCDEF_") &&
		       integer_new(negative, digits + 2, 16, ret);
	if (*p == '0' && p[1])
		return all_of(p, "01234567_") && integer_new(negative, digits, 8, ret);
	if (!isdigit((unsigned char)*p))
		return false;
	if (all_of(p, "0123456789_"))
		return integer_new(negative, digits, 10, ret);
	p += strspn(p, "0123456789_");
	return *p == ':' && sixty_groups(p) && sixty_read(negative, digits, ret);
}

static bool exponent(const char *s)
{
	if (!*s)
		return true;
	return (*s == 'e' || *s == 'E') && (s[1] == '-' || s[1] == '+') &&
	       all_of(s + 2, "0123456789");
}

static bool float_read(const char *s, struct json_object **ret)
{
	const char *p = unsigned_part(s);
	const size_t whole = isdigit((unsigned char)*p) ? strspn(p, "0123456789_") : 0;
	const char *rest = p + whole;
	double v;

	if (!whole && (p != s || *p != '.' || !isdigit((unsigned char)p[1])))
		return false;
	if (whole && *rest == ':')
		rest += strcspn(rest, ".");
	if (*rest != '.')
		return false;
	AUTO_STR sixty = xstrndup(p + whole, (size_t)(rest - p) - whole);
	rest += 1 + strspn(rest + 1, "0123456789_");
	if (*sixty ? *rest || !sixty_groups(sixty) : !exponent(rest))
		return false;
	AUTO_STR text = squeeze(s);
	v = *sixty ? sixty_value(unsigned_part(text)) : strtod(unsigned_part(text), NULL);
	if (!isfinite(v))
		return false;
	v = *s == '-' ? -v : v;
	*ret = *sixty ? json_object_new_double(v) : number_new(v, text);
	return true;
}

/* ---- nodes ---- */

static struct err *scalar_read(const struct loader *l, const yaml_event_t *ev,
			       struct json_object **ret)
{
	const char *s = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	const size_t len = ev->data.scalar.length;
	const bool number = len < NUMBER_MAX && !memchr(s, '\0', len);
	bool done = false;

	if (!tag && ev->data.scalar.plain_implicit) {
		if (number && null_read(s))
			*ret = NULL;
		else if (!number ||
			 (!bool_read(s, ret) && !int_read(s, ret) && !float_read(s, ret)))
			*ret = json_object_new_string_len(s, (int)len);
		return NULL;
	}
	if (!tag || strcmp(tag, "!") == 0 || strcmp(tag, TAG("str")) == 0 ||
	    strcmp(tag, TAG("binary")) == 0 || strcmp(tag, TAG("timestamp")) == 0) {
		*ret = json_object_new_string_len(s, (int)len);
		return NULL;
	}
	if (strcmp(tag, TAG("null")) == 0) {
		*ret = NULL;
		return NULL;
	}
	if (strcmp(tag, TAG("bool")) == 0)
		done = number && bool_read(s, ret);
	else if (strcmp(tag, TAG("int")) == 0)
		done = number && int_read(s, ret);
	else if (strcmp(tag, TAG("float")) == 0)
		done = number && (float_read(s, ret) || int_read(s, ret));
	else
		return fail(l, ev->start_mark, "unknown tag '%.100s'", tag);
	return done ? NULL : fail(l, ev->start_mark, "'%.100s' is no value of its tag", s);
}

static size_t value_cost(struct json_object *v)
{
	size_t cost = NODE_COST;

	if (json_object_is_type(v, json_type_string))
		return cost + (size_t)json_object_get_string_len(v);
	for (size_t i = 0; i < json_len(v); i++)
		cost += value_cost(json_nth(v, i));
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, inner)
			cost += strlen(key) + value_cost(inner);
	}
	return cost;
}

static struct err *anchor_add(struct loader *l, const yaml_char_t *name, yaml_mark_t at,
			      struct json_object *v)
{
	size_t i = 0;

	if (!name)
		return NULL;
	while (i < l->n && strcmp(l->anchors[i].name, (const char *)name) != 0)
		i++;
	if (i == YAML_ANCHORS)
		return fail(l, at, "more than %d anchors", YAML_ANCHORS);
	if (i == l->n) {
		l->anchors = xrealloc(l->anchors, ++l->n, sizeof(*l->anchors));
		l->anchors[i] = (struct anchor){ .name = xstrdup((const char *)name) };
	}
	json_object_put(l->anchors[i].value);
	l->anchors[i].value = json_object_get(v);
	l->anchors[i].cost = value_cost(v);
	return NULL;
}

static struct err *alias_read(struct loader *l, const yaml_event_t *ev, struct json_object **ret)
{
	const char *name = (const char *)ev->data.alias.anchor;
	size_t i = 0;

	while (i < l->n && strcmp(l->anchors[i].name, name) != 0)
		i++;
	if (i == l->n)
		return fail(l, ev->start_mark, "alias '*%.100s' has no anchor before it", name);
	l->expanded += l->anchors[i].cost;
	if (l->expanded > YAML_EXPANDED)
		return fail(l, ev->start_mark, "aliases expand to more than %d MiB",
			    YAML_EXPANDED >> 20);
	*ret = json_copy(l->anchors[i].value);
	return NULL;
}

static struct err *list_read(struct loader *l, int depth, struct json_object **ret)
{
	AUTO_JSON list = json_object_new_array();

	for (;;) {
		AUTO_EVENT ev = { 0 };
		struct json_object *v = NULL;
		struct err *e = event_next(l, &ev);

		if (!e && ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (!e)
			e = value_read(l, &ev, depth + 1, &v);
		if (e)
			return e;
		json_object_array_add(list, v);
	}
	*ret = TAKE(list);
	return NULL;
}

/* The keys of `from` that are not there yet. */
static void merge_map(struct json_object *into, struct json_object *from)
{
	json_object_object_foreach(from, key, v) {
		if (!json_has(into, key))
			json_set(into, key, json_copy(v));
	}
}

static struct err *merge_add(const struct loader *l, yaml_mark_t at, struct json_object *merged,
			     struct json_object *v)
{
	if (json_object_is_type(v, json_type_object)) {
		merge_map(merged, v);
		return NULL;
	}
	for (size_t i = 0; i < json_len(v); i++) {
		if (!json_object_is_type(json_nth(v, i), json_type_object))
			return fail(l, at, "<< takes a map or a list of maps");
		merge_map(merged, json_nth(v, i));
	}
	return json_object_is_type(v, json_type_array)
		       ? NULL
		       : fail(l, at, "<< takes a map or a list of maps, not %s",
			      json_type_words(v));
}

/* NULL with *ret_merge: the merge key. */
static struct err *key_read(struct loader *l, yaml_event_t *ev, char **ret, bool *ret_merge)
{
	AUTO_JSON v = NULL;
	struct err *e;

	*ret_merge = ev->type == YAML_SCALAR_EVENT && !ev->data.scalar.tag &&
		     ev->data.scalar.plain_implicit &&
		     strcmp((const char *)ev->data.scalar.value, "<<") == 0;
	if (*ret_merge)
		return NULL;
	if (ev->type != YAML_SCALAR_EVENT && ev->type != YAML_ALIAS_EVENT)
		return fail(l, ev->start_mark, "a list or a map cannot be a key");
	e = value_read(l, ev, 0, &v);
	if (e)
		return e;
	if (json_object_is_type(v, json_type_object) || json_object_is_type(v, json_type_array))
		return fail(l, ev->start_mark, "a list or a map cannot be a key");
	if (json_object_is_type(v, json_type_string) &&
	    strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
		return fail(l, ev->start_mark, "a key with a NUL in it");
	*ret = json_text(v);
	return NULL;
}

static struct err *pair_read(struct loader *l, yaml_event_t *key, int depth,
			     struct json_object *map, struct json_object *merged)
{
	AUTO_EVENT ev = { 0 };
	AUTO_STR name = NULL;
	AUTO_JSON v = NULL;
	bool merge;
	struct err *e = key_read(l, key, &name, &merge);

	if (!e)
		e = event_next(l, &ev);
	if (!e)
		e = value_read(l, &ev, depth + 1, &v);
	if (e)
		return e;
	if (merge)
		return merge_add(l, key->start_mark, merged, v);
	if (json_has(map, name))
		return fail(l, key->start_mark, "key '%.100s' is given twice", name);
	json_set(map, name, TAKE(v));
	return NULL;
}

static struct err *map_read(struct loader *l, int depth, struct json_object **ret)
{
	AUTO_JSON map = json_object_new_object();
	AUTO_JSON merged = json_object_new_object();

	for (;;) {
		AUTO_EVENT ev = { 0 };
		struct err *e = event_next(l, &ev);

		if (!e && ev.type == YAML_MAPPING_END_EVENT)
			break;
		if (!e)
			e = pair_read(l, &ev, depth, map, merged);
		if (e)
			return e;
	}
	merge_map(map, merged);
	*ret = TAKE(map);
	return NULL;
}

static bool tag_is(const yaml_char_t *tag, const char *first, const char *second)
{
	return !tag || strcmp((const char *)tag, "!") == 0 ||
	       strcmp((const char *)tag, first) == 0 || strcmp((const char *)tag, second) == 0;
}

static struct err *node_read(struct loader *l, yaml_event_t *ev, int depth,
			     struct json_object **ret)
{
	const yaml_char_t *tag = NULL;
	bool known = true;

	if (ev->type == YAML_SEQUENCE_START_EVENT) {
		tag = ev->data.sequence_start.tag;
		known = tag_is(tag, TAG("seq"), TAG("omap"));
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		tag = ev->data.mapping_start.tag;
		known = tag_is(tag, TAG("map"), TAG("set"));
	}
	if (!known)
		return fail(l, ev->start_mark, "unknown tag '%.100s'", (const char *)tag);
	if (depth > YAML_DEPTH)
		return fail(l, ev->start_mark, "nested deeper than %d", YAML_DEPTH);
	if (ev->type == YAML_SCALAR_EVENT)
		return scalar_read(l, ev, ret);
	if (ev->type == YAML_SEQUENCE_START_EVENT)
		return list_read(l, depth, ret);
	return map_read(l, depth, ret);
}

static struct err *value_read(struct loader *l, yaml_event_t *ev, int depth,
			      struct json_object **ret)
{
	AUTO_JSON v = NULL;
	const yaml_char_t *anchor = NULL;
	struct err *e;

	if (ev->type == YAML_ALIAS_EVENT)
		return alias_read(l, ev, ret);
	if (ev->type == YAML_SCALAR_EVENT)
		anchor = ev->data.scalar.anchor;
	else if (ev->type == YAML_SEQUENCE_START_EVENT)
		anchor = ev->data.sequence_start.anchor;
	else if (ev->type == YAML_MAPPING_START_EVENT)
		anchor = ev->data.mapping_start.anchor;
	else
		return fail(l, ev->start_mark, "no YAML: a value is missing");
	e = node_read(l, ev, depth, &v);
	if (!e)
		e = anchor_add(l, anchor, ev->start_mark, v);
	if (e)
		return e;
	*ret = TAKE(v);
	return NULL;
}

static void anchors_clear(struct loader *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->anchors[i].name);
		json_object_put(l->anchors[i].value);
	}
	free(l->anchors);
	l->anchors = NULL;
	l->n = 0;
}

static struct err *documents_read(struct loader *l, struct json_object *list)
{
	for (;;) {
		AUTO_EVENT ev = { 0 };
		struct json_object *v = NULL;
		struct err *e = event_next(l, &ev);

		if (e || ev.type == YAML_STREAM_END_EVENT)
			return e;
		if (ev.type == YAML_DOCUMENT_START_EVENT || ev.type == YAML_STREAM_START_EVENT)
			continue;
		if (ev.type == YAML_DOCUMENT_END_EVENT) {
			anchors_clear(l);
			continue;
		}
		e = value_read(l, &ev, 1, &v);
		if (e)
			return e;
		json_object_array_add(list, v);
	}
}

struct err *yaml_parse_all(const char *s, size_t len, const char *file, struct json_object **ret)
{
	AUTO_JSON list = json_object_new_array();
	struct loader l = { .file = file };
	struct err *e;

	if (len > YAML_BYTES)
		return err_new(ERR_USAGE, "%s: more than %d MiB of YAML", file, YAML_BYTES >> 20);
	if (!yaml_parser_initialize(&l.parser))
		return err_new(ERR_USAGE, "%s: out of memory", file);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)s, len);
	e = documents_read(&l, list);
	anchors_clear(&l);
	yaml_parser_delete(&l.parser);
	if (!e)
		*ret = TAKE(list);
	return e;
}

struct err *yaml_parse(const char *s, size_t len, const char *file, struct json_object **ret)
{
	AUTO_JSON list = NULL;
	struct err *e = yaml_parse_all(s, len, file, &list);

	if (e)
		return e;
	if (json_len(list) > 1)
		return err_new(ERR_USAGE, "%s: more than one YAML document", file);
	*ret = json_object_get(json_nth(list, 0));
	return NULL;
}
