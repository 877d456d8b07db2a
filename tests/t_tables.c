/* The tables are data, and tested like data: every row of every resource there is. */
#include <ctype.h>

#include "args.h"
#include "emit.h"
#include "module.h"
#include "session/session.h"
#include "text.h"
#include "unit.h"
#include "yaml.h"

static const char *where = ""; /* what is looked at, for messages */
static bool plain; /* its rows are options alone, no attributes of objects of the engine */
static int bad;

/* All that is wrong is told at once. */
static void flaw(bool wrong, const char *what, const char *detail)
{
	if (!wrong)
		return;
	(void)printf("%s: %s: %s\n", where, what, detail ? detail : "");
	bad++;
}

static void no_flaws(void)
{
	ck_assert_msg(!bad, "%d flaws", bad);
}

static bool is_sentence(const char *doc)
{
	const size_t len = doc ? strlen(doc) : 0;

	return len > 2 && doc[len - 1] == '.' && !strstr(doc, "  ") && doc[0] != ' ';
}

static bool is_word(const char *s)
{
	return s && *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
}

/* Of what lies in an option, the names may be those that an API or a file has. */
static bool is_name(const char *s, bool nested)
{
	return is_word(s) || (plain && nested && isalpha((unsigned char)*s) && !strpbrk(s, " ._"));
}

/* ---- rows ---- */

static bool of_type(enum attr_type t, struct json_object *v)
{
	switch (t) {
	case STR: return json_object_is_type(v, json_type_string);
	case BOOL: return json_object_is_type(v, json_type_boolean);
	case INT: return json_object_is_type(v, json_type_int);
	case FLOAT:
		return json_object_is_type(v, json_type_int) ||
		       json_object_is_type(v, json_type_double);
	case LIST:
	case SET: return json_object_is_type(v, json_type_array);
	case MAP:
	case OBJ: return json_object_is_type(v, json_type_object);
	case RAW: return true;
	}
	return false;
}

/* Whether the arguments' rules take a value as it is written in a table. */
static bool taken(const struct attr *a, struct json_object *v)
{
	const struct attr row[] = { *a, { 0 } };
	struct attr table[2];
	const struct attr *const tables[] = { table, NULL };
	const struct rule *const rules[] = { NULL };
	const struct args_spec spec = { "m", tables, rules, true };
	AUTO_JSON given = NULL;
	AUTO_JSON got = NULL;

	memcpy(table, row, sizeof(row));
	table[0].option = NULL;
	table[0].value = NULL;
	given = json_wrap(a->name, json_copy(v));
	AUTO_ERR e = args_check(&spec, given, &got);
	return !e;
}

static void lint_value(const struct attr *a)
{
	struct json_object *v = NULL;
	struct err *e;

	if (!a->value)
		return;
	e = json_parse(a->value, strlen(a->value), &v);
	flaw(e != NULL, "the default is no JSON", a->name);
	flaw(!e && !of_type(a->type, v), "the default is of another type", a->name);
	flaw(!e && !taken(a, v), "the default is not among the choices", a->name);
	flaw(a->flags & REQUIRED, "required, and has a default", a->name);
	err_free(e);
	json_object_put(v);
}

static void lint_choices(const struct attr *a)
{
	const enum attr_type t = a->type == LIST || a->type == SET ? a->elem : a->type;

	flaw(a->choices && t != STR && t != INT && t != BOOL && t != FLOAT, "choices of this type",
	     a->name);
	WORDS_EACH(w, a->choices) {
		AUTO_STR word = xstrndup(w, words_len(w));
		AUTO_JSON v = json_object_new_string(word);
		AUTO_JSON list = json_object_new_array();

		json_object_array_add(list, json_copy(v));
		flaw(!taken(a, a->type == LIST || a->type == SET ? list : v),
		     "a choice of another type", word);
	}
}

static void lint_flags(const struct attr *a)
{
	const unsigned f = a->flags;

	flaw(f & REQUIRED && f & (READONLY | INTERNAL), "required, but no option", a->name);
	flaw(f & READONLY && f & (REPLACES | CREATE | OPTION | FIXED | INTERNAL | MERGE),
	     "read-only, yet it says how to change", a->name);
	flaw(f & READONLY && (a->set || a->encode || a->value || a->aliases || a->option ||
			      a->choices || a->states),
	     "read-only, yet written", a->name);
	flaw(f & OPTION && f & (REPLACES | CREATE | HIDDEN | FIXED | MERGE | INLINE | INTERNAL),
	     "no part of the object, yet compared", a->name);
	flaw(f & OPTION && (a->wire || a->read || a->decode || a->set) && !(f & FILTER),
	     "no part of the object, yet sent", a->name);
	flaw((f & (REPLACES | CREATE | FIXED)) & ((f & (REPLACES | CREATE | FIXED)) - 1),
	     "one of REPLACES, CREATE and FIXED only", a->name);
	flaw(f & (CREATE | REPLACES | FIXED) && a->set,
	     "changed by its own call, yet never changed", a->name);
	flaw(f & MERGE && a->type != MAP, "MERGE of what is no map", a->name);
	flaw(f & INLINE && a->type != MAP, "INLINE of what is no map", a->name);
	flaw(f & BORN && !a->set, "BORN without .set", a->name);
	flaw(f & ASSUMED && !a->value, "ASSUMED without a value", a->name);
}

static void lint_row(const struct attr *a, bool nested);

static void lint_sub(const struct attr *a)
{
	flaw(a->type == OBJ && !a->sub, "an OBJ without .sub", a->name);
	flaw(a->sub && a->type != OBJ && a->type != LIST && a->type != SET, ".sub of this type",
	     a->name);
	flaw(a->sub && a->ref, "both .sub and .ref", a->name);
	flaw(a->ref && !a->ref->path, "a reference to what has no path", a->name);
	flaw(a->ref && a->type != STR && !((a->type == LIST || a->type == SET) && a->elem == STR) &&
		     a->type != RAW,
	     "a reference that is no string", a->name);
	for (const struct attr *s = a->sub; s && s->name; s++) {
		lint_row(s, true);
		flaw(attr_named(a->sub, s->name) != s, "twice in .sub", s->name);
	}
}

static void lint_row(const struct attr *a, bool nested)
{
	flaw(!is_name(a->name, nested), "a name of other letters", a->name);
	flaw(a->option && !is_word(a->option), "an option of other letters", a->option);
	flaw(a->option && strcmp(a->option, a->name) == 0, "the option's name is the name",
	     a->name);
	flaw(a->wire && strcmp(a->wire, a->name) == 0, "the wire's name is the name", a->name);
	flaw(!is_sentence(a->doc), "no sentence that ends with a dot", a->name);
	flaw(nested && (a->read || a->decode || a->set ||
			a->flags & ((plain ? 0 : SECRET) | HIDDEN | IDENTITY | MERGE)),
	     "not for rows of .sub", a->name);
	WORDS_EACH(w, a->aliases) {
		AUTO_STR word = xstrndup(w, words_len(w));

		flaw(!is_word(word), "an alias of other letters", word);
	}
	lint_value(a);
	lint_choices(a);
	if (!nested)
		lint_flags(a);
	lint_sub(a);
}

/* ---- modules ---- */

static void claim(struct json_object *seen, const char *word, size_t len)
{
	AUTO_STR name = xstrndup(word, len);

	flaw(json_has(seen, name), "two options of one name", name);
	json_set(seen, name, NULL);
}

static void lint_options(const struct attr *const *tables)
{
	AUTO_JSON seen = json_object_new_object();

	for (; *tables; tables++) {
		for (const struct attr *a = *tables; a->name; a++) {
			if (!attr_is_option(a))
				continue;
			claim(seen, attr_option(a), strlen(attr_option(a)));
			WORDS_EACH(w, a->aliases)
				claim(seen, w, words_len(w));
		}
	}
}

static const struct attr *option_named(const struct attr *const *tables, const char *name)
{
	for (; *tables; tables++)
		for (const struct attr *a = *tables; a->name; a++)
			if (attr_is_option(a) &&
			    (strcmp(attr_option(a), name) == 0 || words_have(a->aliases, name)))
				return a;
	return NULL;
}

static void lint_rules(const struct attr *const *tables, const struct rule *rules)
{
	for (; rules->kind; rules++) {
		const char *equals = rules->when ? strchr(rules->when, '=') : NULL;
		size_t n = 0;

		WORDS_EACH(w, rules->options) {
			AUTO_STR name = xstrndup(w, words_len(w));

			flaw(!option_named(tables, name), "a rule about an option there is not",
			     name);
			n++;
		}
		flaw(n < 2 && (rules->kind == EXCLUSIVE || rules->kind == TOGETHER),
		     "a rule about one option", rules->options);
		flaw(!!rules->when != (rules->kind == NEEDS_ALL || rules->kind == NEEDS_ONE),
		     "`when` is for NEEDS only", rules->options);
		if (!rules->when)
			continue;
		AUTO_STR name = xstrndup(rules->when, equals ? (size_t)(equals - rules->when)
							     : strlen(rules->when));
		const struct attr *a = option_named(tables, name);
		flaw(!a, "a rule for an option there is not", name);
		flaw(a && equals && a->choices && !words_have(a->choices, equals + 1),
		     "a rule for a value it cannot have", rules->when);
	}
}

/* The arguments of each task that calls the module, or none does. */
static int lint_tasks(const struct module *m, struct json_object *tasks)
{
	AUTO_STR full = xasprintf("%s.%s", m->system->collection, module_name(m));
	struct module_tables t;
	int calls = 0;

	module_tables(m, &t);
	for (size_t i = 0; i < json_len(tasks); i++) {
		struct json_object *args = NULL;
		struct args_spec spec = { full, t.attrs, t.rules, false };
		AUTO_JSON got = NULL;
		AUTO_JSON bare = NULL;
		struct err *e;

		if (!json_object_object_get_ex(json_nth(tasks, i), full, &args))
			continue;
		calls++;
		bare = args ? json_copy(args) : json_object_new_object();
		spec.partial = json_has(bare, "items");
		e = args_check(&spec, bare, &got);
		flaw(e != NULL, "the example's arguments", e ? e->text : "");
		err_free(e);
	}
	return calls;
}

static void lint_example(const struct module *m)
{
	const char *text = m->info ? m->info->example : m->r->example;
	struct json_object *tasks = NULL;
	struct err *e;

	flaw(!text, "no example", NULL);
	if (!text)
		return;
	e = yaml_parse(text, strlen(text), "example", &tasks);
	flaw(e != NULL, "the example is no YAML", e ? e->text : "");
	flaw(!e && !json_object_is_type(tasks, json_type_array), "the example is no list of tasks",
	     NULL);
	flaw(!e && !lint_tasks(m, tasks), "the example does not call the module", NULL);
	err_free(e);
	json_object_put(tasks);
}

/* Nothing is told twice: a key that is there two times is refused. */
static void lint_emitted(const struct module *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	AUTO_JSON doc = NULL;

	emit_ansible(m, out);
	ck_assert_int_eq(fclose(out), 0);
	struct err *e = yaml_parse(text, n, "documentation", &doc);
	flaw(e, "documentation that is no YAML", e ? e->text : NULL);
	flaw(!e && !json_at(doc, "DOCUMENTATION.options"), "documentation without options", text);
	err_free(e);
	free(text);
}

static void lint_module(const struct module *m, void *arg)
{
	struct json_object *names = arg;
	struct module_tables t;

	where = module_name(m);
	plain = !m->system->common;
	flaw(!is_word(where), "a module's name of other letters", where);
	flaw(json_has(names, where), "two modules of one name", where);
	json_set(names, where, NULL);
	flaw(!is_sentence(module_doc(m)), "no sentence that ends with a dot", module_doc(m));
	module_tables(m, &t);
	for (const struct attr *const *table = t.attrs; *table; table++)
		for (const struct attr *a = *table; a->name; a++)
			lint_row(a, false);
	lint_options(t.attrs);
	lint_rules(t.attrs, t.rules[0]);
	lint_example(m);
	lint_emitted(m);
	flaw(m->info && !is_word(m->info->returns), "an info returns a list of some name",
	     m->info ? m->info->returns : "");
	flaw(!m->info && !m->r->run && !is_word(module_returns(m)),
	     "a module returns its object by some name", where);
}

static const struct system *const systems[] = { &openstack_system, &kubernetes_system };

START_TEST(modules)
{
	for (size_t i = 0; i < COUNT(systems); i++) {
		AUTO_JSON names = json_object_new_object();
		int n = 0;

		module_each(systems[i], lint_module, names);
		n = json_object_object_length(names);
		ck_assert_int_gt(n, 0);
		(void)printf("%d modules of %s\n", n, systems[i]->name);
	}
	no_flaws();
}
END_TEST

/* ---- resources ---- */

static void lint_path(const struct resource *r)
{
	for (const char *s = strchr(r->path, '{'); s; s = strchr(s + 1, '{')) {
		AUTO_STR name = xstrndup(s + 1, strcspn(s + 1, "}"));

		flaw(!attr_named(r->attrs, name), "the path has an attribute there is not", name);
		flaw(!r->find && !r->create,
		     "a path with an attribute, but only hooks can find such", name);
	}
	flaw(*r->path != '/', "a path without / in front", r->path);
	flaw(r->path[strlen(r->path) - 1] == '/', "a path with / at its end", r->path);
}

static void lint_wait(const struct resource *r)
{
	if (!r->wait.attr) {
		flaw(r->wait.ready || r->wait.failed || r->wait.fault, "waits for no attribute",
		     NULL);
		return;
	}
	flaw(!attr_named(r->attrs, r->wait.attr), "waits for an attribute there is not",
	     r->wait.attr);
	flaw(!r->wait.ready, "no state is ready", NULL);
	WORDS_EACH(w, r->wait.ready) {
		AUTO_STR state = xstrndup(w, words_len(w));

		flaw(words_have(r->wait.failed, state), "both ready and failed", state);
	}
}

static bool has_identity(const struct attr *a)
{
	for (; a->name; a++)
		if (a->flags & IDENTITY)
			return true;
	return false;
}

static void lint_object(const struct resource *r)
{
	const struct attr *name = attr_named(r->attrs, "name");
	const char *id = r->identifier ? r->identifier : "id";

	lint_path(r);
	lint_wait(r);
	flaw(!r->keys && !(r->flags & ID_IS_NAME) && !r->find, "no envelope of lists", NULL);
	flaw(!attr_named(r->attrs, id) && !r->find, "no attribute is the ID", id);
	flaw(r->update && !words_have("PUT PATCH JSONPATCH POST", r->update), "changed by",
	     r->update);
	flaw(r->flags & BULK && r->flags & LIST_MANY, "BULK is LIST_MANY, and more", NULL);
	flaw(!(r->flags & NO_NAME) && r->name && !name, "has no name, but not NO_NAME", NULL);
	flaw(r->flags & NO_NAME && !r->find && !has_identity(r->attrs), "no name and no identity",
	     NULL);
	flaw(r->flags & NO_NAME && name && !(name->flags & READONLY) && !r->find,
	     "NO_NAME, but a name", NULL);
	for (const struct attr *a = r->attrs; a->name; a++) {
		flaw(attr_named(r->attrs, a->name) != a, "two attributes of one name", a->name);
		WORDS_EACH(w, a->states) {
			AUTO_STR state = xstrndup(w, words_len(w));

			flaw(!words_have(r->states ? r->states : "present absent", state),
			     "required for a state there is not", state);
		}
	}
}

START_TEST(objects)
{
	bad = 0;
	for (const struct resource *const *p = resources; *p; p++) {
		const struct resource *r = *p;

		where = r->name ? r->name : r->info ? r->info->name : "?";
		flaw(!r->name && !r->info, "neither module nor info", NULL);
		flaw(!r->attrs, "no attributes", NULL);
		if (r->run) {
			flaw(r->find || r->create || r->settle, "`run` does everything", NULL);
		} else if (r->path && r->attrs) {
			flaw(!r->service, "no service", NULL);
			lint_object(r);
		} else {
			flaw(true, "no path", NULL);
		}
		for (const struct attr *a = r->returned; a && a->name; a++)
			lint_row(a, false);
	}
	no_flaws();
}
END_TEST

UNIT_MAIN("tables", modules, objects)
