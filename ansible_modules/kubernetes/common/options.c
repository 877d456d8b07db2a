#include <string.h>

#include "tasks.h"
#include "text.h"

enum { WAIT_MOST_S = 366 * 24 * 3600 };

const struct attr wait_condition_rows[] = {
	{ "type", STR, OPTION, "Type of the condition: Progressing." },
	{ "status", STR, OPTION, "What its status is to be.", .value = "\"True\"",
	  .choices = "True False Unknown" },
	{ "reason", STR, OPTION, "What its reason is to be." },
	{ 0 },
};

const struct attr result_rows[] = {
	{ "result", MAP, READONLY,
	  "The object as it is now; of several, the dictionary results: a list of changed, method and "
	  "result for each. Of what label_selectors find to be absent, a list of the objects." },
	{ "method", STR, READONLY, "What was done: create, update, replace, apply or delete." },
	{ "duration", INT, READONLY, "Seconds that were waited." },
	{ 0 },
};

void put(struct op *op, const char *key, struct json_object *v)
{
	if (!op->out->extra)
		op->out->extra = json_object_new_object();
	json_set(op->out->extra, key, v);
}

char *selector_of(struct json_object *list)
{
	AUTO_BUF all = BUF_INIT;

	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(&all, "%s%s", i ? "," : "", json_object_get_string(json_nth(list, i)));
	return all.len ? buf_take(&all) : NULL;
}

bool wish_of(struct op *op, struct ready_wish *ret)
{
	const int64_t s = json_int(op->want, "wait_timeout", 120);

	*ret = (struct ready_wish){
		.gone = strcmp(op->state, "absent") == 0,
		.condition = json_str(op->want, "wait_condition.type"),
		.status = json_str(op->want, "wait_condition.status"),
		.reason = json_str(op->want, "wait_condition.reason"),
		.timeout_ms = 1000 * (s < 0             ? 0
				      : s < WAIT_MOST_S ? s
							: WAIT_MOST_S),
	};
	return json_truth(op->want, "wait", false);
}

const char *namespace_of(struct op *op)
{
	const char *ns = json_str(op->want, "namespace");

	if (!ns)
		ns = cluster_namespace(op->cluster);
	return ns ? ns : "default";
}

struct json_object *shown(struct op *op, struct json_object *object)
{
	struct json_object *hidden = json_at(op->want, "hidden_fields");

	if (!object)
		return json_object_new_object();
	return json_len(hidden) ? document_without(object, hidden) : json_object_get(object);
}

struct json_object *diff_of(struct op *op, struct json_object *before, struct json_object *after)
{
	struct json_object *d = json_object_new_object();
	struct json_object *sides[2] = { NULL, NULL };
	AUTO_STR title = document_title(after ? after : before);
	AUTO_JSON old = before ? shown(op, before) : NULL;
	AUTO_JSON new = after ? shown(op, after) : NULL;

	document_shown_both(old, new, json_truth(op->want, "show_secrets", false), &sides[0],
			    &sides[1]);
	json_sets(d, "before_header", title);
	json_sets(d, "after_header", title);
	json_set(d, "before", sides[0] ? sides[0] : json_object_new_object());
	json_set(d, "after", sides[1] ? sides[1] : json_object_new_object());
	return d;
}

/* ---- label selectors, as the API server reads them ---- */

static const char BLANKS[] = " \t\n";

/* The word at *s, which ends at a blank or an operator; moves on. Owned. */
static char *word(const char **s)
{
	const char *from = *s + strspn(*s, BLANKS);
	const size_t n = strcspn(from, " \t\n,=!()");

	*s = from + n;
	*s += strspn(*s, BLANKS);
	return xstrndup(from, n);
}

static struct err *misspelled(const char *selector)
{
	return err_at(err_new(ERR_USAGE,
			      "label_selectors: '%s' is none: they are a=b, a!=b, a in (b, c), "
			      "a notin (b, c), a and !a",
			      selector),
		      "label_selectors");
}

/* "(b, c)" has `value`. */
static struct err *in_set(const char **s, const char *selector, const char *value, bool *ret)
{
	*ret = false;
	if (**s != '(')
		return misspelled(selector);
	do {
		(*s)++;
		AUTO_STR one = word(s);
		*ret = *ret || (value && strcmp(one, value) == 0);
	} while (**s == ',');
	if (**s != ')')
		return misspelled(selector);
	(*s)++;
	*s += strspn(*s, BLANKS);
	return NULL;
}

static struct err *compare(const char **s, const char *selector, const char *value, bool *ret)
{
	const bool differs = **s == '!';

	if (differs ? (*s)[1] != '=' : **s != '=')
		return misspelled(selector);
	*s += differs || (*s)[1] == '=' ? 2 : 1;
	AUTO_STR wanted = word(s);
	*ret = (value && strcmp(wanted, value) == 0) != differs;
	return NULL;
}

/* One requirement; *s is moved behind it. */
static struct err *requirement(const char **s, const char *selector, struct json_object *labels,
			       bool *ret)
{
	*s += strspn(*s, BLANKS);
	const bool absent = **s == '!';
	*s += absent;
	AUTO_STR key = word(s);
	struct json_object *v = NULL;
	(void)json_object_object_get_ex(labels, key, &v);
	const char *value = v ? json_object_get_string(v) : NULL;

	if (!*key)
		return misspelled(selector);
	if (absent || !**s || **s == ',') {
		*ret = !value == absent;
		return NULL;
	}
	if (**s == '=' || **s == '!')
		return compare(s, selector, value, ret);
	AUTO_STR verb = word(s);
	if (strcmp(verb, "in") != 0 && strcmp(verb, "notin") != 0)
		return misspelled(selector);
	struct err *e = in_set(s, selector, value, ret);
	if (!e && *verb == 'n')
		*ret = !*ret;
	return e;
}

struct err *selector_fits(struct json_object *list, struct json_object *labels, bool *ret)
{
	struct err *e = NULL;

	*ret = true;
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		const char *selector = json_object_get_string(json_nth(list, i));
		const char *s = selector;

		for (bool fits = true; !e; s++) {
			e = requirement(&s, selector, labels, &fits);
			*ret = *ret && fits;
			if (e || *s != ',')
				break;
		}
		if (!e && *s)
			e = misspelled(selector);
	}
	return e;
}
