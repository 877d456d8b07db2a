#include <pthread.h>
#include <string.h>

#include "kind.h"
#include "text.h"

static const struct tf_attr general_rows[] = {
	{ "id", TF_COMPUTED, .attr = "", .doc = "What identifies it.", .type = "\"string\"" },
	{ "region", TF_OC | TF_NEW, .attr = "", .doc = "Region; by default the provider's.",
	  .type = "\"string\"" },
	{ "cloud", TF_OPTIONAL | TF_NEW, .attr = "",
	  .doc = "Another cloud of clouds.yaml than the provider's.", .type = "\"string\"" },
	{ 0 },
};
enum { ROW_ID, ROW_REGION, ROW_CLOUD };

static const char *const timeout_names[] = { "create", "update", "delete", "read" };

/* ---- types ---- */

static struct json_object *type_of(const char *json)
{
	struct json_object *type = NULL;

	err_free(json_parse(json, strlen(json), &type));
	return type;
}

static struct json_object *type_pair(const char *word, struct json_object *inner)
{
	struct json_object *pair = json_object_new_array();

	json_object_array_add(pair, json_object_new_string(word));
	json_object_array_add(pair, inner);
	return pair;
}

static struct json_object *rows_type(const struct row *rows)
{
	struct json_object *fields = json_object_new_object();

	for (const struct row *row = rows; row->name; row++)
		json_set(fields, row->name, json_object_get(row->type)); /* never changed */
	return type_pair("object", fields);
}

static const char *scalar_type(enum attr_type t)
{
	switch (t) {
	case BOOL: return "\"bool\"";
	case INT:
	case FLOAT: return "\"number\"";
	case MAP: return "[\"map\",\"string\"]";
	case STR:
	case LIST:
	case SET:
	case OBJ:
	case RAW: break;
	}
	return "\"string\"";
}

static struct json_object *row_type(const struct row *row)
{
	const struct tf_attr *t = row->t;
	const bool as_attr = !(row->flags & TF_BLOCK) && row->a && row->a->type == SET;
	const char *list = row->flags & TF_SET || as_attr ? "set" : "list";

	if (row->flags & TF_NESTED)
		return type_of("\"dynamic\"");
	if (t->type)
		return type_of(t->type);
	if (row->sub && row->flags & TF_SINGLE)
		return rows_type(row->sub);
	if (row->sub)
		return type_pair(list, rows_type(row->sub));
	if (!row->a)
		return type_of("\"string\"");
	if (row->a->type == LIST || row->a->type == SET)
		return type_pair(list, type_of(scalar_type(row->a->elem)));
	return type_of(scalar_type(row->a->type));
}

/* ---- rows out of a table of attributes ---- */

static unsigned flags_of(const struct attr *a)
{
	unsigned flags = 0;

	flags |= a->flags & REQUIRED ? TF_REQUIRED : 0U;
	flags |= a->flags & READONLY ? TF_COMPUTED : 0U;
	flags |= a->flags & (REPLACES | FIXED) ? TF_NEW : 0U;
	flags |= a->sub ? TF_NESTED : 0U;
	flags |= a->type == OBJ ? TF_SINGLE : 0U;
	flags |= a->type == SET ? TF_SET : 0U;
	return flags;
}

/* A default is the business of who does the work: Terraform would show it as computed. */
static const char *doc_of(const struct attr *a)
{
	AUTO_JSON v = a->value ? type_of(a->value) : NULL;
	AUTO_STR text = json_text(v);

	return v ? xasprintf("%s `%s` by default.", a->doc, text) : a->doc;
}

static bool is_row(const struct attr *a, const char *but)
{
	return !(a->flags & INTERNAL) && !(but && words_have(but, a->name));
}

static const struct tf_attr *table_new(const struct attr *attrs, const char *but)
{
	struct tf_attr *table;
	size_t n = 0;

	while (attrs[n].name)
		n++;
	table = xcalloc(n + 1, sizeof(*table));
	n = 0;
	for (const struct attr *a = attrs; a->name; a++)
		if (is_row(a, but))
			table[n++] =
				(struct tf_attr){ .name = attr_option(a),
						  .flags = flags_of(a),
						  .attr = a->sub ? "" : a->name,
						  .doc = doc_of(a),
						  .type = a->type == RAW ? "\"dynamic\"" : NULL,
						  .options = a->sub };
	return table;
}

/* Once for each, never freed. With the lock held. */
static const struct tf_attr *table_of(const struct attr *attrs)
{
	static struct made {
		const struct attr *attrs;
		const struct tf_attr *table;
		struct made *next;
	} * all_made;
	struct made *m = all_made;

	while (m && m->attrs != attrs)
		m = m->next;
	if (!m) {
		m = xcalloc(1, sizeof(*m));
		*m = (struct made){ attrs, table_new(attrs, NULL), all_made };
		all_made = m;
	}
	return m->table;
}

/* ---- rows ---- */

/* By any of the names that an attribute goes by. */
static const struct attr *attr_known_as(const struct attr *attrs, const char *name)
{
	const struct attr *a = attr_named(attrs, name);

	for (size_t round = 0; (!a || !a->name) && round < 3; round++)
		for (a = attrs; a && a->name; a++)
			if (round == 0   ? a->option && strcmp(a->option, name) == 0
			    : round == 1 ? a->wire && strcmp(a->wire, name) == 0
					 : words_have(a->aliases, name))
				break;
	return a && a->name ? a : NULL;
}

static const struct row *rows_of(const struct tf_attr *table, const struct attr *attrs);

static unsigned row_flags(const struct row *row, const struct resource *r)
{
	unsigned flags = row->t->flags;

	if (!(flags & (TF_REQUIRED | TF_OC)))
		flags |= TF_OPTIONAL;
	if (row->t->value)
		flags |= TF_COMPUTED;
	if (row->a && r && flags & (TF_REQUIRED | TF_OPTIONAL) &&
	    (row->a->flags & (REPLACES | FIXED) ||
	     (!r->update && !row->a->set && !(row->a->flags & OPTION))))
		flags |= TF_NEW;
	if (row->a && row->a->flags & OPTION)
		flags |= TF_KEPT;
	if (row->a && row->a->flags & SECRET)
		flags |= TF_SENSITIVE;
	return flags;
}

static void row_init(struct row *row, const struct tf_attr *t, const struct attr *attrs,
		     const struct resource *r)
{
	row->t = t;
	row->name = t->name;
	row->a = t->attr && !*t->attr ? NULL : attr_known_as(attrs, t->attr ? t->attr : t->name);
	row->flags = row_flags(row, r);
	if (t->options)
		row->nested = rows_of(table_of(t->options), t->options);
	else if (t->sub)
		row->sub = rows_of(t->sub, row->a ? row->a->sub : NULL);
	row->type = row_type(row);
	row->value = t->value ? type_of(t->value) : NULL;
	row->doc = t->doc ? t->doc : row->a ? row->a->doc : "";
	row->write_only = row->flags & TF_WRITE_ONLY;
	row->single = row->flags & TF_SINGLE && !(row->flags & TF_NESTED);
}

static size_t table_len(const struct tf_attr *table)
{
	size_t n = 0;

	while (table && table[n].name)
		n++;
	return n;
}

/* With room for some more at the end. */
static struct row *rows_new(const struct tf_attr *table, const struct attr *attrs, size_t more)
{
	const size_t n = table_len(table);
	struct row *rows = xcalloc(n + more + 1, sizeof(*rows));

	for (size_t i = 0; i < n; i++)
		row_init(&rows[i], &table[i], attrs, NULL);
	return rows;
}

/* Many kinds have the same blocks within them, such as all that run pods. With the lock held. */
static const struct row *rows_of(const struct tf_attr *table, const struct attr *attrs)
{
	static struct made {
		const struct tf_attr *table;
		const struct attr *attrs;
		const struct row *rows;
		struct made *next;
	} * all_made;
	struct made *m = all_made;

	while (m && (m->table != table || m->attrs != attrs))
		m = m->next;
	if (!m) {
		const struct row *rows = rows_new(table, attrs, 0);

		m = xcalloc(1, sizeof(*m));
		*m = (struct made){ table, attrs, rows, all_made };
		all_made = m;
	}
	return m->rows;
}

static size_t add_general(struct row *rows, size_t n, size_t which)
{
	row_init(&rows[n], &general_rows[which], NULL, NULL);
	return n + 1;
}

static size_t add_timeouts(struct row *rows, size_t n, const struct tf_kind *k)
{
	const int minutes[] = { k->minutes.create, k->minutes.update, k->minutes.remove,
				k->minutes.read };
	struct row *sub = xcalloc(COUNT(minutes) + 1, sizeof(*sub));
	size_t m = 0;

	for (size_t i = 0; i < COUNT(minutes); i++) {
		if (!minutes[i])
			continue;
		sub[m].name = timeout_names[i];
		sub[m].flags = TF_OPTIONAL;
		sub[m].type = json_object_new_string("string");
		sub[m++].doc = "How long it may take, as in 10m.";
	}
	if (!m) {
		free(sub);
		return n;
	}
	rows[n].name = "timeouts";
	rows[n].flags = TF_BLOCK | TF_OPTIONAL | TF_KEPT;
	rows[n].sub = sub;
	rows[n].single = true;
	rows[n].type = rows_type(sub);
	rows[n].doc = "How long things may take.";
	return n + 1;
}

/* A secret that may be given has forms that leave nothing in plan and state. */
static size_t add_write_only(struct row *rows, size_t n, const struct row *secret)
{
	struct row *value = &rows[n], *version = &rows[n + 1];

	value->name = xasprintf("%s_wo", secret->name);
	value->flags = TF_OPTIONAL | TF_SENSITIVE | TF_KEPT;
	value->a = secret->a;
	value->type = json_copy(secret->type);
	value->secret = secret;
	value->write_only = true;
	value->doc = xasprintf("The same as %s, but kept in neither plan nor state.", secret->name);
	version->name = xasprintf("%s_wo_version", secret->name);
	version->flags = TF_OPTIONAL | TF_KEPT | (secret->flags & TF_NEW);
	version->type = json_object_new_string("number");
	version->secret = secret;
	version->doc = xasprintf("Change it to have a changed %s_wo take effect.", secret->name);
	return n + 2;
}

static bool has_write_only(const struct row *row, const struct tf_kind *k)
{
	return k->what == TF_RESOURCE && row->flags & TF_SENSITIVE && row->flags & TF_OPTIONAL &&
	       !k->worker;
}

/* What is only looked at is not made anew. */
static void never_new(struct row *rows)
{
	for (; rows->name; rows++)
		rows->flags &= ~(unsigned)TF_NEW;
}

static size_t add_options(struct row *rows, size_t n, const struct tf_attr *table,
			  const struct attr *options)
{
	for (; table->name; table++)
		row_init(&rows[n++], table, options, NULL);
	return n;
}

static struct row *kind_rows(const struct tf_kind *k, const struct resource *r)
{
	const struct tf_attr *more = k->options ? table_of(k->options) : NULL;
	const size_t declared = table_len(k->attrs);
	struct row *rows = xcalloc(3 * declared + table_len(more) + 5, sizeof(*rows));
	size_t n = declared;

	for (size_t i = 0; i < declared; i++)
		row_init(&rows[i], &k->attrs[i], r ? r->attrs : NULL,
			 k->what == TF_RESOURCE ? r : NULL);
	if (more)
		n = add_options(rows, n, more, k->options);
	if (!row_named(rows, "id") && k->what != TF_EPHEMERAL && !(k->flags & TF_NO_ID))
		n = add_general(rows, n, ROW_ID);
	if (provider.targets && !row_named(rows, "region"))
		n = add_general(rows, n, ROW_REGION);
	if (provider.targets)
		n = add_general(rows, n, ROW_CLOUD);
	if (provider.backend && provider.backend->rows[0].name)
		row_init(&rows[n++], &provider.backend->rows[0], NULL, NULL);
	if (k->what == TF_RESOURCE)
		n = add_timeouts(rows, n, k);
	for (size_t i = 0; i < declared; i++)
		if (has_write_only(&rows[i], k))
			n = add_write_only(rows, n, &rows[i]);
	if (k->what != TF_RESOURCE)
		never_new(rows);
	return rows;
}

const struct row *row_named(const struct row *rows, const char *name)
{
	for (const struct row *row = rows; row && row->name; row++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* ---- kinds ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kind *all;
static const struct kind **list;
static size_t count;

static struct kind kind_new(const struct tf_kind *k, const struct resource *r)
{
	const bool plain = strcmp(k->name, provider.name) == 0 || k->flags & TF_WHOLE_NAME;

	return (struct kind){ .k = k,
			      .r = k->of ? k->of : r,
			      .type_name = plain ? xstrdup(k->name)
						 : xasprintf("%s_%s", provider.name, k->name) };
}

static void add_kinds(const struct tf_kind *const *some, const struct resource *r)
{
	for (; some && *some; some++) {
		all = xrealloc(all, count + 1, sizeof(*all));
		all[count++] = kind_new(*some, r);
	}
}

static void build(void)
{
	for (const struct resource *const *r = provider.objects; r && *r; r++)
		add_kinds((*r)->terraform, *r);
	add_kinds(provider.others, NULL);
	add_kinds(provider.more, NULL);
	list = xcalloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = &all[i];
}

/* Most processes are asked about few kinds: the rows of the others are never made. */
static const struct kind *complete(struct kind *k)
{
	(void)pthread_mutex_lock(&lock);
	if (!k->rows) {
		k->rows = kind_rows(k->k, k->r);
		k->type = rows_type(k->rows);
	}
	(void)pthread_mutex_unlock(&lock);
	return k;
}

const struct kind *const *kinds(size_t *ret_n)
{
	(void)pthread_once(&once, build);
	for (size_t i = 0; i < count; i++)
		(void)complete(&all[i]);
	*ret_n = count;
	return list;
}

const struct kind *kind_named(const char *type_name, enum tf_what what)
{
	(void)pthread_once(&once, build);
	for (size_t i = 0; i < count; i++)
		if (all[i].k->what == what && strcmp(all[i].type_name, type_name) == 0)
			return complete(&all[i]);
	return NULL;
}

const struct kind *kind_provider(void)
{
	static struct kind block;

	(void)pthread_mutex_lock(&lock);
	if (!block.rows) {
		const struct tf_attr *more =
			provider.options ? table_new(provider.options, provider.no_options) : NULL;
		struct row *rows = rows_new(provider.config, NULL, table_len(more));

		if (more)
			(void)add_options(rows, table_len(provider.config), more, provider.options);
		block.rows = rows;
		block.type = rows_type(rows);
	}
	(void)pthread_mutex_unlock(&lock);
	return &block;
}
