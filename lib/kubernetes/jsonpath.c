/*
 * JSONPath, read and carried out in one go: each step makes of the values selected so far the next
 * ones. Where nothing is selected any more the rest is still read, so that what is wrong with a path
 * does not depend on the object.
 */
#include <string.h>

#include "kubernetes/ready.h"

enum {
	LONGEST_PATH = 1024,
	MOST_WORK = 200000, /* values looked at: "..*" three times is cubic */
	DEEPEST = 16,       /* brackets in conditions */
};

/* Borrowed from the object, or from who made the literal. */
struct values {
	struct json_object **v;
	size_t n, cap;
};

struct walk {
	const char *s, *at;
	struct json_object *root;
	unsigned left;
	unsigned depth;
	struct err *e;
};

#define AUTO_VALUES CLEANUP(values_release) struct values

static void values_release(struct values *x)
{
	free(x->v);
	*x = (struct values){ 0 };
}

static void fail(struct walk *w, const char *what)
{
	if (!w->e)
		w->e = err_new(ERR_USAGE, "JSONPath '%s', character %zu: %s", w->s,
			       (size_t)(w->at - w->s) + 1, what);
}

static void add(struct walk *w, struct values *x, struct json_object *v)
{
	if (!w->left) {
		if (!w->e)
			w->e = err_new(ERR_USAGE, "JSONPath '%s': it selects too much", w->s);
		return;
	}
	w->left--;
	if (x->n == x->cap) {
		x->cap = 2 * x->cap + 4;
		x->v = xrealloc(x->v, x->cap, sizeof(struct json_object *));
	}
	x->v[x->n++] = v;
}

static void blanks(struct walk *w)
{
	w->at += strspn(w->at, " \t\r\n");
}

static bool take(struct walk *w, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(w->at, word, len) != 0)
		return false;
	w->at += len;
	return true;
}

static void want(struct walk *w, const char *word)
{
	blanks(w);
	if (!take(w, word)) {
		AUTO_STR what = xasprintf("'%s' is missing", word);

		fail(w, what);
	}
}

/* ---- what one step selects ---- */

static void by_key(struct walk *w, const struct values *in, const char *key, struct values *out)
{
	for (size_t i = 0; i < in->n; i++) {
		struct json_object *v;

		if (json_object_is_type(in->v[i], json_type_object) &&
		    json_object_object_get_ex(in->v[i], key, &v))
			add(w, out, v);
	}
}

static void children(struct walk *w, struct json_object *v, struct values *out)
{
	for (size_t i = 0; i < json_len(v) && !w->e; i++)
		add(w, out, json_nth(v, i));
	if (!json_object_is_type(v, json_type_object))
		return;
	json_object_object_foreach(v, key, child)
		if (key && !w->e)
			add(w, out, child);
}

static void all_children(struct walk *w, const struct values *in, struct values *out)
{
	for (size_t i = 0; i < in->n; i++)
		children(w, in->v[i], out);
}

/* `in` and all below it, those above first. */
static void below(struct walk *w, const struct values *in, struct values *out)
{
	for (size_t i = 0; i < in->n && !w->e; i++) {
		AUTO_VALUES next = { 0 };

		add(w, out, in->v[i]);
		children(w, in->v[i], &next);
		below(w, &next, out);
	}
}

/* [from:to:step]; without `range` the one at `from`. */
struct slice {
	bool range, has_from, has_to;
	long from, to, step;
};

static void by_index(struct walk *w, const struct values *in, const struct slice *s,
		     struct values *out)
{
	for (size_t i = 0; i < in->n; i++) {
		const long n = (long)json_len(in->v[i]);
		long from = s->has_from ? s->from : 0, to = s->has_to ? s->to : n;

		from = from < 0 ? from + n : from;
		to = !s->range ? from + 1 : to < 0 ? to + n : to < n ? to : n;
		if (s->range && from < 0)
			from = 0;
		for (long at = from; at >= 0 && at < to && at < n && !w->e; at += s->step)
			add(w, out, json_nth(in->v[i], (size_t)at));
	}
}

/* ---- words of a path ---- */

static char *quoted(struct walk *w)
{
	AUTO_BUF text = BUF_INIT;
	const char quote = *w->at++;

	for (; *w->at && *w->at != quote; w->at++) {
		if (*w->at == '\\' && w->at[1])
			w->at++;
		(void)buf_add(&text, w->at, 1);
	}
	if (*w->at)
		w->at++;
	else
		fail(w, "the quote does not end");
	return buf_take(&text);
}

/* A name as it is in ".name"; a backslash keeps what ends names else. */
static char *bare(struct walk *w)
{
	AUTO_BUF text = BUF_INIT;

	while (*w->at && !strchr(" \t\r\n.[](){}=!<>&|,'\"$@*", *w->at)) {
		if (*w->at == '\\' && w->at[1])
			w->at++;
		(void)buf_add(&text, w->at++, 1);
	}
	if (!text.len)
		fail(w, "a name is missing");
	return buf_take(&text);
}

static bool number(struct walk *w, long *ret)
{
	char *end;
	const size_t sign = *w->at == '-';
	const size_t digits = strspn(w->at + sign, "0123456789");

	if (!digits)
		return false;
	if (digits > 9)
		fail(w, "the number is too large");
	*ret = digits > 9 ? 0 : strtol(w->at, &end, 10);
	w->at += sign + digits;
	return true;
}

static void steps(struct walk *w, struct values *x);

/* ---- conditions: [?(@.type=="Ready")] ---- */

/* One side of a comparison: a path's values, or a literal. */
struct side {
	struct values x;
	struct json_object *literal; /* owned */
	bool is_path;
};

#define AUTO_SIDE CLEANUP(side_release) struct side

static void side_release(struct side *s)
{
	values_release(&s->x);
	json_object_put(s->literal);
}

static struct json_object *literal(struct walk *w)
{
	const size_t len = strspn(w->at, "+-0123456789.eE");
	struct json_object *v = NULL;

	if (*w->at == '\'' || *w->at == '"') {
		AUTO_STR text = quoted(w);

		return json_object_new_string(text);
	}
	if (take(w, "true"))
		return json_object_new_boolean(true);
	if (take(w, "false"))
		return json_object_new_boolean(false);
	if (take(w, "null"))
		return NULL;
	AUTO_ERR e = len ? json_parse(w->at, len, &v) : NULL;
	if (!len || e)
		fail(w, "a path from '@', a number, true, false, null or a quoted text is missing");
	else
		w->at += len;
	return v;
}

static void operand(struct walk *w, const struct values *current, struct side *ret)
{
	blanks(w);
	ret->is_path = *w->at == '@' || *w->at == '$';
	if (!ret->is_path) {
		ret->literal = literal(w);
		add(w, &ret->x, ret->literal);
		return;
	}
	if (*w->at++ == '$')
		add(w, &ret->x, w->root);
	else if (current->n)
		add(w, &ret->x, current->v[0]);
	steps(w, &ret->x);
}

static bool is_number(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
}

/* -1, 0, 1; 2: they have no order, and differ. */
static int order(struct json_object *a, struct json_object *b)
{
	if (json_object_is_type(a, json_type_int) && json_object_is_type(b, json_type_int)) {
		const int64_t x = json_object_get_int64(a), y = json_object_get_int64(b);

		return (x > y) - (x < y);
	}
	if (is_number(a) && is_number(b)) {
		const double x = json_object_get_double(a), y = json_object_get_double(b);

		return (x > y) - (x < y);
	}
	if (json_object_is_type(a, json_type_string) && json_object_is_type(b, json_type_string)) {
		const int d = strcmp(json_object_get_string(a), json_object_get_string(b));

		return (d > 0) - (d < 0);
	}
	return json_object_equal(a, b) ? 0 : 2;
}

enum comparison { NO_COMPARISON, EQ, NE, LE, GE, LT, GT };

static bool holds(int d, enum comparison c)
{
	switch (c) {
	case EQ: return d == 0;
	case NE: return d != 0;
	case LE: return d == 0 || d == -1;
	case GE: return d == 0 || d == 1;
	case LT: return d == -1;
	case GT: return d == 1;
	case NO_COMPARISON: break;
	}
	return false;
}

static enum comparison comparison(struct walk *w)
{
	static const struct {
		const char *word;
		enum comparison c;
	} words[] = { { "==", EQ }, { "!=", NE }, { "<=", LE }, { ">=", GE },
		      { "<", LT },  { ">", GT },  { "=", EQ } };

	blanks(w);
	for (size_t i = 0; i < COUNT(words); i++)
		if (take(w, words[i].word))
			return words[i].c;
	return NO_COMPARISON;
}

static bool any_of(struct walk *w, const struct values *current);

static bool term(struct walk *w, const struct values *current)
{
	AUTO_SIDE left = { 0 };
	AUTO_SIDE right = { 0 };
	enum comparison c;
	bool yes = false;

	blanks(w);
	if (w->at[0] == '!' && w->at[1] != '=') {
		w->at++;
		if (++w->depth > DEEPEST)
			fail(w, "the condition is nested too deep");
		yes = !w->e && !term(w, current);
		w->depth--;
		return yes;
	}
	if (take(w, "(")) {
		yes = any_of(w, current);
		want(w, ")");
		return yes;
	}
	operand(w, current, &left);
	c = comparison(w);
	if (c == NO_COMPARISON) {
		if (!left.is_path)
			fail(w, "a comparison is missing");
		return left.x.n > 0;
	}
	operand(w, current, &right);
	for (size_t i = 0; i < left.x.n && !yes; i++)
		for (size_t j = 0; j < right.x.n && !yes && !w->e; j++) {
			if (w->left)
				w->left--;
			else
				fail(w, "it compares too much");
			yes = holds(order(left.x.v[i], right.x.v[j]), c);
		}
	return yes;
}

static bool all_of(struct walk *w, const struct values *current)
{
	bool yes = term(w, current);

	for (blanks(w); !w->e && take(w, "&&"); blanks(w))
		yes = term(w, current) && yes;
	return yes;
}

static bool any_of(struct walk *w, const struct values *current)
{
	bool yes;

	if (++w->depth > DEEPEST)
		fail(w, "the condition is nested too deep");
	yes = !w->e && all_of(w, current);
	for (blanks(w); !w->e && take(w, "||"); blanks(w))
		yes = all_of(w, current) || yes;
	w->depth--;
	return yes;
}

/* The condition is read once for each value, and once where there are none. */
static void by_condition(struct walk *w, const struct values *in, struct values *out)
{
	const char *begin = w->at;
	AUTO_VALUES all = { 0 };
	size_t i = 0;

	all_children(w, in, &all);
	do {
		struct values current = { .v = all.n ? &all.v[i] : NULL, .n = all.n > 0 };

		w->at = begin;
		if (any_of(w, &current) && current.n)
			add(w, out, current.v[0]);
	} while (++i < all.n && !w->e);
}

/* ---- steps ---- */

static void slice(struct walk *w, const struct values *x, struct values *out)
{
	struct slice s = { .step = 1 };

	s.has_from = number(w, &s.from);
	blanks(w);
	s.range = take(w, ":");
	if (s.range) {
		blanks(w);
		s.has_to = number(w, &s.to);
		blanks(w);
		if (take(w, ":") && (!number(w, &s.step) || s.step <= 0))
			fail(w, "a step of 1 or more is missing");
	} else if (!s.has_from) {
		fail(w, "an index, a slice, '*', '?' or a quoted name is missing");
	}
	if (!w->e)
		by_index(w, x, &s, out);
}

static void bracket(struct walk *w, const struct values *x, struct values *out)
{
	do {
		blanks(w);
		if (take(w, "?")) {
			by_condition(w, x, out);
		} else if (take(w, "*")) {
			all_children(w, x, out);
		} else if (*w->at == '\'' || *w->at == '"') {
			AUTO_STR key = quoted(w);

			by_key(w, x, key, out);
		} else {
			slice(w, x, out);
		}
		blanks(w);
	} while (!w->e && take(w, ","));
	want(w, "]");
}

static void named(struct walk *w, const struct values *x, struct values *out)
{
	if (take(w, "*")) {
		all_children(w, x, out);
		return;
	}
	AUTO_STR key = bare(w);
	by_key(w, x, key, out);
}

static void step(struct walk *w, struct values *x, bool first)
{
	AUTO_VALUES deep = { 0 };
	const struct values *in = x;
	struct values out = { 0 };

	if (take(w, "..")) {
		below(w, x, &deep);
		in = &deep;
		first = true;
	} else if (take(w, ".")) {
		first = true;
	}
	if (take(w, "["))
		bracket(w, in, &out);
	else if (first)
		named(w, in, &out);
	values_release(x);
	*x = out;
}

static void steps(struct walk *w, struct values *x)
{
	while (!w->e && (*w->at == '.' || *w->at == '['))
		step(w, x, false);
}

static void whole(struct walk *w, struct values *x)
{
	bool braces, rooted;

	blanks(w);
	braces = take(w, "{");
	blanks(w);
	rooted = take(w, "$") || take(w, "@");
	add(w, x, w->root);
	/* "", "$" and a lone dot are the object itself. */
	if (w->at[0] == '.' && (!w->at[1] || strchr("} ", w->at[1])))
		w->at++;
	else if (!rooted && *w->at && !strchr(".[}", *w->at))
		step(w, x, true);
	steps(w, x);
	if (braces)
		want(w, "}");
	blanks(w);
	if (*w->at)
		fail(w, "a path ends before");
}

struct err *jsonpath(struct json_object *object, const char *path, struct json_object **ret)
{
	struct walk w = { .s = path, .at = path, .root = object, .left = MOST_WORK };
	AUTO_VALUES x = { 0 };

	if (strlen(path) > LONGEST_PATH)
		return err_new(ERR_USAGE, "a JSONPath of more than %d characters", LONGEST_PATH);
	whole(&w, &x);
	if (w.e)
		return w.e;
	*ret = json_object_new_array();
	for (size_t i = 0; i < x.n; i++)
		json_object_array_add(*ret, json_object_get(x.v[i]));
	return NULL;
}
