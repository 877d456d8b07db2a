#include <string.h>

#include "args.h"
#include "result.h"
#include "text.h"

/* Shorter secrets are masked only where they are a whole value: "lab" is part of many words. */
enum { SHORTEST_SECRET = 6 };

static void add_error(struct json_object *result, const struct err *e)
{
	struct json_object *o = json_object_new_object();

	json_set(result, "failed", json_object_new_boolean(true));
	json_sets(result, "msg", e->text);
	json_sets(o, "kind", err_kind_name(e->kind));
	if (e->status)
		json_set(o, "status", json_object_new_int(e->status));
	if (e->at)
		json_sets(o, "option", e->at);
	json_set(result, "error", o);
}

void result_error(struct json_object *result, struct err *e)
{
	if (e)
		add_error(result, e);
	err_free(e);
}

void result_warnings(struct json_object *result, struct json_object *warnings)
{
	struct json_object *all = json_at(result, "warnings");

	for (size_t i = 0; i < json_len(warnings); i++) {
		if (!all) {
			all = json_object_new_array();
			json_set(result, "warnings", all);
		}
		if (!json_list_has(all, json_nth(warnings, i)))
			json_object_array_add(all, json_object_get(json_nth(warnings, i)));
	}
}

/* "network 'a'"; for what has no name, its ID. */
static char *title(const struct op *op)
{
	const char *name = json_str(op->want, "name");

	if (!name)
		name = op->out->id;
	return name ? xasprintf("%s '%s'", op->r->name, name) : xstrdup(op->r->name);
}

/* Of a deletion, all that was there; otherwise what changes. */
static struct json_object *diff_side(const struct op *op, const char *side)
{
	const struct plan *p = &op->out->plan;
	struct json_object *o = json_object_new_object();
	const bool before = strcmp(side, "before") == 0;

	if (p->action == DELETED) {
		json_object_put(o);
		return before ? attrs_public(attrs_shown(op->r), op->out->before)
			      : json_object_new_object();
	}
	if ((p->action == CREATED && before) || !p->changes)
		return o;
	json_object_object_foreach(p->changes, key, v)
		json_set(o, key, json_copy(json_at(v, side)));
	return o;
}

static struct json_object *diff_of(const struct op *op)
{
	struct json_object *d = json_object_new_object();
	AUTO_STR name = title(op);

	json_sets(d, "before_header", name);
	json_sets(d, "after_header", name);
	json_set(d, "before", diff_side(op, "before"));
	json_set(d, "after", diff_side(op, "after"));
	return d;
}

static void add_outcome(struct json_object *result, const struct op *op, const struct err *e)
{
	const struct module m = { .r = op->r };
	const char *key = module_returns(&m);

	json_set(result, "changed", json_object_new_boolean(op->out->changed));
	if (op->out->id)
		json_sets(result, "id", op->out->id);
	if (key && op->out->after)
		json_set(result, key, attrs_public(attrs_shown(op->r), op->out->after));
	if (op->out->extra) {
		json_object_object_foreach(op->out->extra, k, v)
			json_set(result, k, op->api ? json_copy(v) : json_object_get(v));
	}
	if (!e)
		return;
	AUTO_STR name = title(op);
	add_error(result, e);
	/* Arguments at fault need no object in front of them; of other systems errors name their own. */
	if (op->api && (e->kind != ERR_USAGE || e->status)) {
		AUTO_STR text = xasprintf("%s: %s", name, e->text);

		json_sets(result, "msg", text);
	}
}

void result_one(struct json_object *result, const struct op *op, const struct err *e, bool diff)
{
	add_outcome(result, op, e);
	/* Of other systems, whoever did it has told it in extra. */
	if (diff && op->api)
		json_set(result, "diff", diff_of(op));
	result_warnings(result, op->out->warnings);
}

void result_many(struct json_object *result, const struct op *ops, struct err *const *errs,
		 size_t n, bool diff)
{
	struct json_object *list = json_object_new_array();
	struct json_object *diffs = json_object_new_array();
	AUTO_BUF failures = BUF_INIT;
	size_t failed = 0;
	bool changed = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_new_object();

		add_outcome(one, &ops[i], errs[i]);
		changed = changed || ops[i].out->changed;
		if (errs[i] && failed++ < 3)
			buf_addf(&failures, "; item %zu: %s", i, json_str(one, "msg"));
		json_set(one, "failed", json_object_new_boolean(errs[i] ? 1 : 0));
		json_set(one, "item", json_object_new_int64((int64_t)i));
		json_object_array_add(list, one);
		json_object_array_add(diffs, diff_of(&ops[i]));
		result_warnings(result, ops[i].out->warnings);
	}
	json_set(result, "changed", json_object_new_boolean(changed));
	json_set(result, "results", list);
	if (diff)
		json_set(result, "diff", diffs);
	else
		json_object_put(diffs);
	if (!failed)
		return;
	AUTO_STR msg = xasprintf("%zu of %zu items failed%s%s", failed, n, failures.s,
				 failed > 3 ? "; ..." : "");
	json_set(result, "failed", json_object_new_boolean(true));
	json_sets(result, "msg", msg);
}

/* ---- secrets ---- */

static const struct attr *option_row(const struct attr *const *tables, const char *key)
{
	for (const struct attr *const *t = tables; *t; t++)
		for (const struct attr *a = *t; a->name; a++)
			if (attr_is_option(a) &&
			    (strcmp(attr_option(a), key) == 0 || words_have(a->aliases, key)))
				return a;
	return NULL;
}

static bool option_secret(const struct attr *const *tables, const char *key)
{
	const struct attr *a = option_row(tables, key);

	return a && a->flags & SECRET;
}

static struct json_object *mask_secrets(const struct attr *const *tables,
					struct json_object *given);

/* By its name: of an option that there is not, or a variable of the environment. */
static bool sounds_secret(const char *key)
{
	static const char *const words[] = { "pass",        "secret",  "token", "credential",
					     "private_key", "api_key", "apikey" };
	const size_t len = strlen(key);

	if ((len > 5 && strcasecmp(key + len - 5, "_file") == 0) ||
	    (len > 4 && strcasecmp(key + len - 4, "_env") == 0))
		return false;
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

/* What would stand in clouds.yaml or a kubeconfig, passwords, tokens and keys and all. */
static bool is_file_with_secrets(const char *key, struct json_object *v)
{
	return json_object_is_type(v, json_type_object) &&
	       (strcmp(key, "cloud") == 0 || strcmp(key, "kubeconfig") == 0);
}

/* Objects of Kubernetes, as text or values. */
static bool has_secret(const struct attr *row, struct json_object *v)
{
	if (!row || !(row->flags & OBJECTS))
		return false;
	const char *text = json_object_to_json_string(v);

	return strstr(text, "Secret") || strstr(text, "stringData");
}

/* An item may be text of the form k=v: who knows what is in there. */
static struct json_object *mask_items(const struct attr *const *tables, struct json_object *items)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(items); i++)
		json_object_array_add(list,
				      json_object_is_type(json_nth(items, i), json_type_object)
					      ? mask_secrets(tables, json_nth(items, i))
					      : json_object_new_string(attr_mask));
	return list;
}

/* A dictionary with rows of its own, or a list of such. Of RAW, texts are no dictionaries in disguise. */
static struct json_object *mask_within(const struct attr *row, struct json_object *v)
{
	const struct attr *const tables[] = { row->sub, NULL };
	struct json_object *list;

	if (json_object_is_type(v, json_type_object))
		return mask_secrets(tables, v);
	if (!json_object_is_type(v, json_type_array))
		return row->type == RAW ? json_copy(v) : json_object_new_string(attr_mask);
	list = json_object_new_array();
	for (size_t i = 0; i < json_len(v); i++)
		json_object_array_add(list, mask_within(row, json_nth(v, i)));
	return list;
}

static struct json_object *mask_secrets(const struct attr *const *tables, struct json_object *given)
{
	struct json_object *o = json_object_new_object();

	json_object_object_foreach(given, key, v) {
		const struct attr *row = option_row(tables, key);
		const bool items = strcmp(key, "items") == 0;

		if (strncmp(key, "_ansible_", 9) == 0)
			continue;
		if (items && json_object_is_type(v, json_type_array))
			json_set(o, key, mask_items(tables, v));
		else if (v && (option_secret(tables, key) || is_file_with_secrets(key, v) ||
			       (items && json_object_is_type(v, json_type_string)) ||
			       has_secret(row, v) || (!row && !items && sounds_secret(key))))
			json_sets(o, key, attr_mask);
		else if (v && row && row->sub)
			json_set(o, key, mask_within(row, v));
		else
			json_set(o, key, json_copy(v));
	}
	return o;
}

void result_invocation(struct json_object *result, const struct module *m,
		       struct json_object *given)
{
	struct module_tables tables;
	const bool wanted = json_has(given, "_ansible_inject_invocation")
				    ? json_truth(given, "_ansible_inject_invocation", false)
				    : json_int(given, "_ansible_verbosity", 0) > 2;

	if (!wanted)
		return;
	module_tables(m, &tables);
	json_set(result, "invocation", json_wrap("module_args", mask_secrets(tables.attrs, given)));
}

void result_no_log(struct json_object *result, struct json_object *given)
{
	struct json_object *results = json_at(result, "results");
	struct json_object *error = json_at(result, "error");

	if (!json_truth(given, "_ansible_no_log", false))
		return;
	if (error)
		json_sets(error, "text", json_str(result, "msg"));
	if (json_truth(result, "failed", false))
		json_sets(result, "msg", "failed; why is hidden, as no_log was set");
	for (size_t i = 0; i < json_len(results); i++)
		if (json_object_is_type(json_nth(results, i), json_type_object))
			json_set(json_nth(results, i), "_ansible_no_log",
				 json_object_new_boolean(true));
}

static char *mask_text(const char *text, const char *secret)
{
	AUTO_BUF out = BUF_INIT;
	const size_t len = strlen(secret);

	if (strcmp(text, secret) == 0)
		return xstrdup(attr_mask);
	if (len < SHORTEST_SECRET)
		return xstrdup(text);
	for (const char *hit; (hit = strstr(text, secret)); text = hit + len) {
		(void)buf_add(&out, text, (size_t)(hit - text));
		buf_adds(&out, "********");
	}
	buf_adds(&out, text);
	return buf_take(&out);
}

static void scrub(struct json_object *v, const char *const *secrets)
{
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, inner) {
			(void)key;
			scrub(inner, secrets);
		}
	} else if (json_object_is_type(v, json_type_array)) {
		for (size_t i = 0; i < json_len(v); i++)
			scrub(json_nth(v, i), secrets);
	} else if (json_object_is_type(v, json_type_string)) {
		for (const char *const *s = secrets; *s; s++) {
			if (!**s || !strstr(json_object_get_string(v), *s))
				continue;
			AUTO_STR masked = mask_text(json_object_get_string(v), *s);
			(void)json_object_set_string(v, masked);
		}
	}
}

/* Of a dictionary, which is secret as a whole, what is so by its name. */
static void scrub_named(struct json_object *result, struct json_object *map)
{
	json_object_object_foreach(map, key, v)
		if (json_object_is_type(v, json_type_string) && sounds_secret(key))
			scrub(result, (const char *const[]){ json_object_get_string(v), NULL });
}

/* What options say that are secret, wherever it is repeated: a service may quote what it was sent. */
static void scrub_options(struct json_object *result, const struct attr *const *tables,
			  struct json_object *given)
{
	if (!json_object_is_type(given, json_type_object))
		return;
	json_object_object_foreach(given, key, v) {
		const struct attr *row = option_row(tables, key);
		const struct attr *const inner[] = { row ? row->sub : NULL, NULL };
		const bool items = strcmp(key, "items") == 0;
		const char *s =
			json_object_is_type(v, json_type_string) ? json_object_get_string(v) : NULL;

		if (s && *s && row && row->flags & SECRET)
			scrub(result, (const char *const[]){ s, NULL });
		if (json_object_is_type(v, json_type_object) && row && row->flags & SECRET)
			scrub_named(result, v);
		if (!items && !*inner)
			continue;
		if (!items)
			scrub_options(result, inner, v);
		for (size_t i = 0; i < json_len(v); i++)
			scrub_options(result, items ? tables : inner, json_nth(v, i));
	}
}

void result_scrub(struct json_object *result, const struct module *m, struct json_object *given,
		  const char *const *secrets)
{
	struct json_object *const auths[] = { json_at(given, "auth"),
					      json_at(given, "cloud.auth") };
	/* What the module `auth` returns is the secret it was asked for. */
	AUTO_JSON token = json_object_get(json_at(result, "auth_token"));
	struct module_tables tables;

	if (token)
		json_object_object_del(result, "auth_token");
	if (secrets)
		scrub(result, secrets);
	WORDS_EACH(w, secrets ? "" : "password token passcode application_credential_secret") {
		AUTO_STR key = xstrndup(w, words_len(w));

		for (size_t i = 0; i < COUNT(auths); i++)
			if (json_str(auths[i], key))
				scrub(result,
				      (const char *const[]){ json_str(auths[i], key), NULL });
	}
	if (m->r) {
		module_tables(m, &tables);
		scrub_options(result, tables.attrs, given);
	}
	if (token)
		json_set(result, "auth_token", TAKE(token));
}
