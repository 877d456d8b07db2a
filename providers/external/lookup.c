#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "digest.h"
#include "lookup.h"
#include "session/session.h"
#include "text.h"

enum { DEADLINE_S = 900, DEADLINE_MOST_S = 86400, SHOWN = 10 };

static const struct attr name_option[] = {
	{ "name", STR, OPTION, "Name or ID of the object." },
	{ 0 },
};
static const struct attr no_options[] = { { 0 } };

static const struct attr common[] = {
	{ "resource", STR, OPTION | REQUIRED, "What to look up." },
	{ "id", STR, OPTION, "ID of the object." },
	{ "most_recent", BOOL, OPTION, "Whether of several the one that was made last is meant." },
	{ "deadline", INT, OPTION, "Seconds until all must be done; 900 if not given." },
	{ 0 },
};

/* ---- what can be looked up ---- */

static const struct info *info_of(const struct resource *r)
{
	return r->lookup ? r->lookup : r->info;
}

static bool is_called(const struct resource *r, const char *name)
{
	const struct info *info = info_of(r);

	return strcmp(r->name, name) == 0 || (r->key && strcmp(r->key, name) == 0) ||
	       (info->name && strcmp(info->name, name) == 0);
}

static struct err *resource_named(const char *name, const struct resource **ret)
{
	struct nearest near = { .s = name ? name : "" };

	for (const struct resource *const *r = resources; *r; r++) {
		if (!info_of(*r))
			continue;
		if (name && is_called(*r, name)) {
			*ret = *r;
			return NULL;
		}
		nearest_try(&near, (*r)->name);
		if ((*r)->key)
			nearest_try(&near, (*r)->key);
	}
	if (!name)
		return err_new(ERR_USAGE,
			       "the query has no 'resource': treenail-external --help lists them");
	if (near.best)
		return err_new(ERR_USAGE, "resource: there is no '%s': did you mean '%s'?", name,
			       near.best);
	return err_new(ERR_USAGE, "resource: there is no '%s': treenail-external --help lists them",
		       name);
}

void lookup_resources(FILE *out)
{
	for (const struct resource *const *r = resources; *r; r++)
		if (info_of(*r))
			(void)fprintf(out, "  %-22s %s\n", (*r)->name, info_of(*r)->doc);
}

/* ---- keys of a query ---- */

static const struct attr *row_called(const struct attr *rows, const char *key)
{
	for (const struct attr *a = rows; a && a->name; a++)
		if (strcmp(attr_option(a), key) == 0 || words_have(a->aliases, key))
			return a;
	return NULL;
}

/* Whether objects are shown with it. */
static bool is_shown(const struct attr *a)
{
	return !(a->flags & (OPTION | HIDDEN | SECRET));
}

static const struct attr *attribute(const struct resource *r, const char *key)
{
	for (const struct attr *a = r->attrs; a->name; a++)
		if (is_shown(a) && (strcmp(a->name, key) == 0 || strcmp(attr_option(a), key) == 0 ||
				    words_have(a->aliases, key)))
			return a;
	return NULL;
}

static const struct attr *minimum(const struct resource *r, const char *key)
{
	const struct attr *a = strncmp(key, "min_", 4) == 0 ? attribute(r, key + 4) : NULL;

	return a && (a->type == INT || a->type == FLOAT) ? a : NULL;
}

static bool has_name(const struct lookup *l)
{
	return !l->info->no_name;
}

static void try_rows(struct nearest *near, const struct attr *a, unsigned not_with)
{
	for (; a && a->name; a++)
		if (!(a->flags & not_with))
			nearest_try(near, attr_option(a));
}

static struct err *unknown_key(const struct lookup *l, const char *key)
{
	const bool bound = strncmp(key, "min_", 4) == 0;
	struct nearest near = { .s = bound ? key + 4 : key };
	const char *what = l->r->name;

	if (!l->info->list)
		try_rows(&near, l->r->attrs, OPTION | HIDDEN | SECRET);
	if (!bound) {
		try_rows(&near, common, 0);
		try_rows(&near, has_name(l) ? name_option : no_options, 0);
		try_rows(&near, l->info->params, SECRET);
		try_rows(&near, session_options, SECRET);
	}
	if (near.best)
		return err_at(err_new(ERR_USAGE,
				      "a query for '%s' has no key '%s': did you mean '%s%s'?",
				      what, key, bound ? "min_" : "", near.best),
			      key);
	return err_at(
		err_new(ERR_USAGE,
			"a query for '%s' has no key '%s': treenail-external --help %s lists them",
			what, key, what),
		key);
}

/* Lists and dictionaries come as JSON, from jsonencode(). */
static struct json_object *filter_value(const struct attr *a, const char *s)
{
	struct json_object *v = NULL;

	if (*s == '[' || *s == '{')
		err_free(json_parse(s, strlen(s), &v));
	if (v)
		return v;
	AUTO_JSON text = json_object_new_string(s);
	return attr_typed(a, text);
}

/* One key: an option of what lists, a bound, or a filter. */
static struct err *take_key(struct lookup *l, const char *key, const char *value,
			    struct json_object *given, struct json_object *filters)
{
	const struct attr *connection = row_called(session_options, key);
	const struct attr *a = attribute(l->r, key), *least = minimum(l->r, key);
	char *end;

	if (connection && connection->flags & SECRET)
		return err_at(
			err_new(ERR_USAGE,
				"%s: Terraform keeps queries in its state: put secrets into clouds.yaml "
				"or OS_* variables",
				key),
			key);
	if (!connection)
		json_sets(l->query, key, value);
	if (row_called(common, key))
		return NULL;
	if (connection || row_called(l->info->params, key) ||
	    (has_name(l) && row_called(name_option, key))) {
		json_sets(given, key, value);
		return NULL;
	}
	if (l->info->list)
		return unknown_key(l, key);
	if (a) {
		json_set(filters, a->name, filter_value(a, value));
		return NULL;
	}
	if (!least)
		return unknown_key(l, key);
	const double n = strtod(value, &end);
	if (!*value || *end)
		return err_at(err_new(ERR_USAGE, "%s: '%s' is no number", key, value), key);
	json_set(l->least, least->name, json_object_new_double(n));
	return NULL;
}

static struct err *take_common(struct lookup *l)
{
	const struct attr *const tables[] = { common, NULL };
	const struct rule *const rules[] = { NULL };
	const struct args_spec spec = { .module = "treenail-external",
					.tables = tables,
					.rules = rules };
	AUTO_JSON given = json_object_new_object();
	AUTO_JSON typed = NULL;
	struct err *e;

	for (const struct attr *a = common; a->name; a++)
		if (json_has(l->query, a->name))
			json_set(given, a->name, json_copy(json_at(l->query, a->name)));
	e = args_check(&spec, given, &typed);
	if (e)
		return e;
	l->id = json_str(l->query, "id");
	l->most_recent = json_truth(typed, "most_recent", false);
	l->deadline_s = (int)json_int(typed, "deadline", DEADLINE_S);
	if (l->deadline_s < 1 || l->deadline_s > DEADLINE_MOST_S)
		return err_at(err_new(ERR_USAGE, "deadline: from 1 to %d seconds", DEADLINE_MOST_S),
			      "deadline");
	if (l->most_recent && !attr_named(l->r->attrs, "created_at"))
		return err_at(err_new(ERR_USAGE,
				      "most_recent: the service does not tell when a %s was made",
				      l->r->name),
			      "most_recent");
	return NULL;
}

/* Filters beside those given as such; an ID is looked up by the name's option, which means both. */
static void add_filters(struct lookup *l, struct json_object *filters)
{
	struct json_object *told = json_at(l->want, "filters");

	if (l->id && has_name(l)) {
		if (json_has(l->want, "name"))
			json_set(filters, "name", json_copy(json_at(l->want, "name")));
		json_sets(l->want, "name", l->id);
	} else if (l->id) {
		json_sets(filters, "id", l->id);
	}
	if (told) {
		json_object_object_foreach(told, key, v)
			json_set(filters, key, json_copy(v));
	}
	if (json_object_object_length(filters))
		json_set(l->want, "filters", json_object_get(filters));
}

struct err *lookup_parse(struct json_object *query, struct lookup *ret)
{
	AUTO_JSON given = json_object_new_object();
	AUTO_JSON filters = json_object_new_object();
	struct err *e;

	*ret = (struct lookup){ .query = json_object_new_object(),
				.least = json_object_new_object() };
	if (!json_object_is_type(query, json_type_object))
		return err_new(ERR_USAGE, "the query is %s, no object", json_type_words(query));
	json_object_object_foreach(query, name, text)
		if (!json_object_is_type(text, json_type_string))
			return err_at(err_new(ERR_USAGE, "%s: %s, where Terraform gives strings",
					      name, json_type_words(text)),
				      name);
	e = resource_named(json_str(query, "resource"), &ret->r);
	if (e)
		return e;
	ret->info = info_of(ret->r);
	json_object_object_foreach(query, key, value) {
		e = take_key(ret, key, json_object_get_string(value), given, filters);
		if (e)
			return e;
	}
	const struct attr *const tables[] = { ret->info->params ? ret->info->params : no_options,
					      has_name(ret) ? name_option : no_options,
					      session_options, NULL };
	const struct rule *const rules[] = { ret->info->rules, NULL };
	const struct args_spec spec = { .module = ret->r->name, .tables = tables, .rules = rules };
	e = take_common(ret);
	if (!e)
		e = args_check(&spec, given, &ret->want);
	if (!e)
		add_filters(ret, filters);
	return e;
}

void lookup_release(struct lookup *l)
{
	json_object_put(l->query);
	json_object_put(l->want);
	json_object_put(l->least);
}

/* ---- which one ---- */

static bool fits(const struct lookup *l, struct json_object *object)
{
	AUTO_STR id = json_text(json_at(object, resource_key(l->r)));

	if (l->id && strcmp(id, l->id) != 0)
		return false;
	json_object_object_foreach(l->least, key, least) {
		struct json_object *v = json_at(object, key);

		if (!v || json_object_get_double(v) < json_object_get_double(least))
			return false;
	}
	return true;
}

/* Below 0: x comes before y. */
static int rank(const struct lookup *l, struct json_object *x, struct json_object *y)
{
	const char *made[] = { json_str(x, "created_at"), json_str(y, "created_at") };

	if (l->most_recent)
		return strcmp(made[1] ? made[1] : "", made[0] ? made[0] : "");
	WORDS_EACH(w, l->info->smallest) {
		AUTO_STR name = xstrndup(w, words_len(w));
		const int64_t m = json_int(x, name, 0), n = json_int(y, name, 0);

		if (m != n)
			return m < n ? -1 : 1;
	}
	return 0;
}

/* Those that nothing comes before. */
static struct json_object *foremost(const struct lookup *l, struct json_object *list)
{
	struct json_object *best = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i);
		const int order = json_len(best) ? rank(l, one, json_nth(best, 0)) : 0;

		if (order > 0)
			continue;
		if (order < 0) {
			json_object_put(best);
			best = json_object_new_array();
		}
		json_object_array_add(best, json_object_get(one));
	}
	return best;
}

/* " name 'web', status 'ACTIVE'"; "" if nothing was asked for. */
static char *asked(const struct lookup *l)
{
	AUTO_BUF text = BUF_INIT;

	json_object_object_foreach(l->query, key, v) {
		if (strcmp(key, "resource") != 0 && strcmp(key, "deadline") != 0)
			buf_addf(&text, "%s %s '%s'", text.len ? "," : "", key,
				 json_object_get_string(v));
	}
	return buf_take(&text);
}

static struct err *none(const struct lookup *l)
{
	AUTO_STR text = asked(l);

	return err_new(ERR_NOT_FOUND,
		       "no %s is there%s%s: make it first, or see that cloud, project and "
		       "region are the right ones",
		       l->r->name, *text ? " with" : "", text);
}

static struct err *several(const struct lookup *l, struct json_object *list)
{
	AUTO_STR text = asked(l);
	AUTO_BUF names = BUF_INIT;
	const bool dated = attr_named(l->r->attrs, "created_at");

	for (size_t i = 0; i < json_len(list) && i < SHOWN; i++) {
		struct json_object *one = json_nth(list, i);
		AUTO_STR id = json_text(json_at(one, resource_key(l->r)));
		const char *name = json_str(one, "name");

		buf_addf(&names, "%s%s%s%s%s", i ? ", " : "", id, name ? " (" : "",
			 name ? name : "", name ? ")" : "");
	}
	return err_new(ERR_CONFLICT, "%zu %s match%s: %s%s: give %s", json_len(list), l->r->keys,
		       text, names.s, json_len(list) > SHOWN ? ", ..." : "",
		       dated && !l->most_recent ? "the id, or most_recent" : "the id");
}

static struct err *pick(const struct lookup *l, struct json_object *all, struct json_object **ret)
{
	AUTO_JSON some = json_object_new_array();

	for (size_t i = 0; i < json_len(all); i++)
		if (fits(l, json_nth(all, i)))
			json_object_array_add(some, json_object_get(json_nth(all, i)));
	if (l->most_recent || (l->info->smallest && json_object_object_length(l->least))) {
		struct json_object *first = foremost(l, some);

		json_object_put(some);
		some = first;
	}
	if (json_len(some) != 1)
		return json_len(some) ? several(l, some) : none(l);
	*ret = json_object_get(json_nth(some, 0));
	return NULL;
}

/* ---- the answer ---- */

static int by_key(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int by_text(const void *x, const void *y)
{
	AUTO_STR s = json_text(*(struct json_object *const *)x);
	AUTO_STR t = json_text(*(struct json_object *const *)y);

	return strcmp(s, t);
}

/* Keys in order: the same object has the same text each time. Owned. */
static struct json_object *ordered(struct json_object *v)
{
	struct json_object *o;

	if (json_object_is_type(v, json_type_array)) {
		o = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(o, ordered(json_nth(v, i)));
		return o;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	const size_t n = (size_t)json_object_object_length(v);
	const char **keys = xcalloc(n + 1, sizeof(*keys));
	size_t i = 0;
	json_object_object_foreach(v, key, inner) {
		(void)inner;
		keys[i++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_key);
	o = json_object_new_object();
	for (i = 0; i < n; i++) {
		struct json_object *value = NULL;

		(void)json_object_object_get_ex(v, keys[i], &value);
		json_set(o, keys[i], ordered(value));
	}
	free(keys);
	return o;
}

static struct json_object *ordered_object(const struct resource *r, struct json_object *object)
{
	struct json_object *o = ordered(object);

	for (const struct attr *a = r->attrs; a->name; a++)
		if (a->type == SET && json_len(json_at(o, a->name)))
			json_object_array_sort(json_at(o, a->name), by_text);
	return o;
}

static struct json_object *flat(const struct lookup *l, struct json_object *object,
				struct json_object *warnings)
{
	struct json_object *map = json_object_new_object();
	AUTO_JSON o = ordered_object(l->r, object);
	AUTO_STR text = json_text(o);
	AUTO_STR sum = digest_text("sha256", text, strlen(text));
	AUTO_STR id = json_text(json_at(o, resource_key(l->r)));
	AUTO_BUF told = BUF_INIT;

	json_object_object_foreach(o, key, v) {
		AUTO_STR value = v ? json_text(v) : xstrdup("");

		json_sets(map, key, value);
	}
	for (size_t i = 0; i < json_len(warnings); i++)
		buf_addf(&told, "%s%s", i ? "\n" : "",
			 json_object_get_string(json_nth(warnings, i)));
	json_sets(map, "id", id);
	json_sets(map, "json", text);
	json_sets(map, "sha256", sum);
	json_sets(map, "warnings", told.s);
	return map;
}

/* Names of other objects in filters become their IDs. */
static struct err *resolve_filters(struct op *op)
{
	struct json_object *filters = json_at(op->want, "filters");
	struct err *e = NULL;

	for (const struct attr *a = op->r->attrs; a->name && !e; a++) {
		struct json_object *v = json_at(filters, a->name);
		AUTO_STR id = NULL;

		if (!a->ref || !json_object_is_type(v, json_type_string))
			continue;
		e = op_ref(op, a->ref, a->name, json_object_get_string(v), &id);
		if (!e)
			json_sets(filters, a->name, id);
	}
	return e;
}

struct err *lookup_run(const struct lookup *l, struct api *api, struct json_object **ret)
{
	struct outcome out = { 0 };
	AUTO_JSON want = json_copy(l->want);
	AUTO_JSON all = NULL;
	AUTO_JSON one = NULL;
	struct op op = {
		.api = api,
		.r = l->r,
		.state = "present",
		.want = want,
		.out = &out,
		.refs = refs_new(),
		.deadline = api->now_ms(api) + 1000L * l->deadline_s,
	};
	struct err *e = resolve_filters(&op);

	if (!e)
		e = info_run(&op, l->info, &all);
	if (!e)
		e = pick(l, all, &one);
	if (!e)
		*ret = flat(l, one, out.warnings);
	refs_free(op.refs);
	outcome_release(&out);
	return e;
}

/* ---- help ---- */

static void row(FILE *out, const char *name, const char *doc)
{
	(void)fprintf(out, "  %-28s %s\n", name, doc);
}

static void rows(FILE *out, const struct attr *a)
{
	for (; a && a->name; a++)
		if (!(a->flags & SECRET))
			row(out, attr_option(a), a->doc);
}

struct err *lookup_keys(const char *resource, FILE *out)
{
	const struct resource *r = NULL;
	struct err *e = resource_named(resource, &r);

	if (e || !r)
		return e;
	(void)fprintf(out, "%s: %s\n\nKeys of a query:\n", r->name, info_of(r)->doc);
	rows(out, common);
	if (!info_of(r)->no_name)
		rows(out, name_option);
	rows(out, info_of(r)->params);
	rows(out, session_options);
	if (info_of(r)->list)
		return NULL;
	(void)fputs("\nKeys of a query and of the result:\n", out);
	for (const struct attr *a = r->attrs; a->name; a++)
		if (is_shown(a))
			row(out, a->name, a->doc);
	return NULL;
}
