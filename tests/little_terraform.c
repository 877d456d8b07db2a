#include <check.h>
#include <string.h>

#include "adapter/convert.h"
#include "adapter/kind.h"
#include "adapter/rpc.h"
#include "little_terraform.h"
#include "protocol/message.h"

/* One walk: refresh and plan, or apply. */
struct walk {
	struct little_terraform *t;
	struct arena mem;
	struct json_object *root, *state; /* as refreshed */
	struct json_object *values;       /* {address: what others may refer to} */
	struct json_object *plans;        /* {address: {"action", "prior", "planned", "private"}} */
	const char *address;              /* that is worked on */
	bool over;                        /* there was an error, or nobody answers */
};

static void wrong(struct walk *w, const char *what, struct json_object *value)
{
	w->t->wrong(w->address, what, value);
}

/* ---- calls ---- */

void *terraform_call(struct arena *mem, const char *method, const void *in)
{
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(&tf__provider__descriptor, method);
	const size_t len = protobuf_c_message_get_packed_size(in);
	uint8_t *body = arena_new(mem, len + 1);
	AUTO_BUF reply = BUF_INIT;
	void *out;

	(void)protobuf_c_message_pack(in, body);
	ck_assert_msg(provider_answer(method, body, len, &reply), "%s is not answered", method);
	out = protobuf_c_message_unpack(m->output, arena_alloc(mem), reply.len,
					(const uint8_t *)reply.s);
	ck_assert_msg(out, "%s: its answer makes no sense", method);
	return out;
}

static bool is_dead(struct walk *w)
{
	return w->t->dead && w->t->dead();
}

/* What was told; false: the answer is of no use. */
static bool heard(struct walk *w, size_t n, Tf__Diagnostic *const *diags)
{
	AUTO_BUF text = BUF_INIT;

	if (is_dead(w)) {
		buf_adds(&text, "the provider was killed");
		n = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (!*diags[i]->summary || !*diags[i]->detail)
			wrong(w, "a diagnostic says nothing", NULL);
		if (diags[i]->severity == TF__DIAGNOSTIC__SEVERITY__ERROR)
			buf_addf(&text, "%s%s: %s", text.len ? "\n" : "", diags[i]->summary,
				 diags[i]->detail);
	}
	if (!text.len)
		return true;
	free(w->t->error);
	w->t->error = buf_take(&text);
	w->over = true;
	return false;
}

#define HEARD(w, answer) heard(w, (answer)->n_diagnostics, (answer)->diagnostics)

static Tf__DynamicValue *sent(struct walk *w, const struct kind *k, struct json_object *v)
{
	Tf__DynamicValue *to = NULL;
	AUTO_ERR e = message_dynamic(&w->mem, v, k->type, &to);

	if (e)
		wrong(w, e->text, v);
	return to;
}

/* New. */
static struct json_object *got(struct walk *w, const struct kind *k, const Tf__DynamicValue *from)
{
	struct json_object *v = NULL;
	AUTO_ERR e = message_value(from, k->type, &v);

	if (e)
		wrong(w, e->text, NULL);
	return v;
}

static ProtobufCBinaryData private_of(struct walk *w, struct json_object *from)
{
	const char *s = json_str(from, "private");

	return arena_bytes(&w->mem, s, s ? strlen(s) : 0);
}

static void set_private(struct json_object *to, const ProtobufCBinaryData *private)
{
	json_set(to, "private",
		 json_object_new_string_len((const char *)private->data, (int)private->len));
}

static const struct kind *kind_of(struct walk *w, struct json_object *block)
{
	const bool data = json_truth(block, "data", false);
	const struct kind *k = kind_named(json_str(block, "type"), data ? TF_DATA : TF_RESOURCE);

	if (!k)
		wrong(w, "there is no such type", block);
	return k;
}

/* ---- values ---- */

/* With sets in one order. */
static struct json_object *canonical(struct json_object *type, struct json_object *v);

static int by_text(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;

	return strcmp(json_object_to_json_string(*x), json_object_to_json_string(*y));
}

static bool is_shape(struct json_object *type, const char *word)
{
	return json_is_str(json_nth(type, 0), word);
}

static struct json_object *canonical_list(struct json_object *type, struct json_object *v)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < json_len(v); i++)
		json_object_array_add(list, canonical(json_nth(type, 1), json_nth(v, i)));
	if (is_shape(type, "set"))
		json_object_array_sort(list, by_text);
	return list;
}

static struct json_object *canonical(struct json_object *type, struct json_object *v)
{
	struct json_object *o;

	if (!v || value_is_unknown(v))
		return json_copy(v);
	if (is_shape(type, "list") || is_shape(type, "set"))
		return canonical_list(type, v);
	if (json_is_str(type, "dynamic")) /* a root says no types */
		return json_copy(value_inner(v));
	if (!is_shape(type, "object"))
		return json_copy(v);
	o = json_object_new_object();
	json_object_object_foreach(json_nth(type, 1), key, inner) {
		json_set(o, key, canonical(inner, json_at(v, key)));
	}
	return o;
}

static bool same(struct json_object *type, struct json_object *x, struct json_object *y)
{
	AUTO_JSON a = canonical(type, x);
	AUTO_JSON b = canonical(type, y);

	return value_equal(a, b);
}

/* Borrowed: a value at "address.attribute[.step...]"; NULL and *ret false if it is not known. */
static struct json_object *referred(struct walk *w, const char *path, bool *known)
{
	const size_t len = strcspn(path, ".");
	AUTO_STR address = xstrndup(path, len);
	struct json_object *v = json_at(w->values, address);
	AUTO_STR rest = xstrdup(path + len);
	char *save = NULL;

	*known = v && !value_is_unknown(v);
	for (char *s = strtok_r(rest, ".", &save); s && *known; s = strtok_r(NULL, ".", &save)) {
		v = json_object_is_type(v, json_type_array) ? json_nth(v, strtoul(s, NULL, 10))
							    : json_at(v, s);
		*known = !value_is_unknown(v);
	}
	return *known ? v : NULL;
}

/* What is written, with what it refers to. */
static struct json_object *evaluate(struct walk *w, struct json_object *v)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
	struct json_object *ret;
	bool known;

	if (strncmp(s, "${", 2) == 0) {
		AUTO_STR path = xstrndup(s + 2, strlen(s) - 3);

		ret = json_copy(referred(w, path, &known));
		return known ? ret : value_unknown();
	}
	if (json_object_is_type(v, json_type_array)) {
		ret = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(ret, evaluate(w, json_nth(v, i)));
		return ret;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	ret = json_object_new_object();
	json_object_object_foreach(v, key, inner) {
		json_set(ret, key, evaluate(w, inner));
	}
	return ret;
}

static void note_needs(struct json_object *v, struct json_object *needs)
{
	const char *s = json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";

	if (strncmp(s, "${", 2) == 0)
		json_object_array_add(needs,
				      json_object_new_string_len(s + 2, (int)strcspn(s + 2, ".")));
	for (size_t i = 0; i < json_len(v); i++)
		note_needs(json_nth(v, i), needs);
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, inner) {
			(void)key;
			note_needs(inner, needs);
		}
	}
}

/* The test's own mistakes. */
static void check_names(struct walk *w, const struct row *rows, struct json_object *config)
{
	json_object_object_foreach(config, key, v) {
		const struct row *row = row_named(rows, key);

		if (!row || !(row->flags & (TF_REQUIRED | TF_OPTIONAL | TF_BLOCK)))
			wrong(w, "there is no such argument", config);
		if (row && row->single)
			check_names(w, row->sub, v);
		for (size_t i = 0; row && row->sub && i < json_len(v); i++)
			check_names(w, row->sub, json_nth(v, i));
	}
	for (const struct row *row = rows; row->name; row++)
		if (row->flags & TF_REQUIRED && !json_has(config, row->name))
			wrong(w, "an argument is missing", config);
}

static struct json_object *config_of(struct walk *w, const struct kind *k,
				     struct json_object *block)
{
	AUTO_JSON written = evaluate(w, json_at(block, "config"));
	struct json_object *config = conform(k->type, written);

	check_names(w, k->rows, written);
	rows_complete(k->rows, config);
	return config;
}

static struct json_object *proposed(const struct kind *k, struct json_object *config,
				    struct json_object *prior)
{
	struct json_object *ret = json_copy(config);

	for (const struct row *row = k->rows; row->name; row++)
		if (row->flags & TF_COMPUTED && !(row->flags & TF_BLOCK) &&
		    !json_at(config, row->name))
			json_set(ret, row->name, json_copy(json_at(prior, row->name)));
	return ret;
}

/* ---- the core's rules ---- */

static const char *first_incompatible(const struct row *rows, struct json_object *planned,
				      struct json_object *actual);

static bool element_fits(const struct row *row, struct json_object *planned,
			 struct json_object *actual, size_t i)
{
	if (!(row->flags & TF_SET))
		return !first_incompatible(row->sub, planned, json_nth(actual, i));
	for (size_t k = 0; k < json_len(actual); k++)
		if (!first_incompatible(row->sub, planned, json_nth(actual, k)))
			return true;
	return false;
}

static bool block_fits(const struct row *row, struct json_object *planned,
		       struct json_object *actual)
{
	if (row->single)
		return !planned == !actual &&
		       (!planned || !first_incompatible(row->sub, planned, actual));
	if (json_len(planned) != json_len(actual))
		return false;
	for (size_t i = 0; i < json_len(planned); i++)
		if (!element_fits(row, json_nth(planned, i), actual, i))
			return false;
	return true;
}

static bool value_fits(struct json_object *type, struct json_object *planned,
		       struct json_object *actual)
{
	struct json_object *inner = json_nth(type, 1);

	if (value_is_unknown(planned))
		return true;
	if (!value_has_unknown(planned))
		return same(type, planned, actual);
	if (is_shape(type, "set"))
		return actual != NULL;
	if (json_object_is_type(planned, json_type_array)) {
		for (size_t i = 0; i < json_len(planned); i++)
			if (!value_fits(inner, json_nth(planned, i), json_nth(actual, i)))
				return false;
		return json_len(planned) == json_len(actual);
	}
	json_object_object_foreach(planned, key, v) {
		if (!value_fits(is_shape(type, "object") ? json_at(inner, key) : inner, v,
				json_at(actual, key)))
			return false;
	}
	return true;
}

/* The row in which what was known has become something else; NULL: none. */
static const char *first_incompatible(const struct row *rows, struct json_object *planned,
				      struct json_object *actual)
{
	for (const struct row *row = rows; row->name; row++) {
		struct json_object *x = json_at(planned, row->name),
				   *y = json_at(actual, row->name);

		if (row->flags & TF_BLOCK ? !block_fits(row, x, y) : !value_fits(row->type, x, y))
			return row->name;
	}
	return NULL;
}

static const char *first_unplanned(const struct row *rows, struct json_object *config,
				   struct json_object *prior, struct json_object *planned);

static bool element_planned(const struct row *row, struct json_object *config,
			    struct json_object *prior, struct json_object *planned, size_t i)
{
	struct json_object *one = json_nth(planned, i);

	if (value_is_unknown(one))
		return false;
	if (!(row->flags & TF_SET))
		return !first_unplanned(row->sub, json_nth(config, i), json_nth(prior, i), one);
	for (size_t c = 0; c < json_len(config); c++)
		for (size_t p = 0; p <= json_len(prior); p++)
			if (!first_unplanned(row->sub, json_nth(config, c), json_nth(prior, p),
					     one))
				return true;
	return false;
}

static bool block_planned(const struct row *row, struct json_object *config,
			  struct json_object *prior, struct json_object *planned)
{
	if (row->single)
		return !config == !planned &&
		       (!config || !first_unplanned(row->sub, config, prior, planned));
	if (json_len(config) != json_len(planned) || !planned)
		return false;
	for (size_t i = 0; i < json_len(planned); i++)
		if (!element_planned(row, config, prior, planned, i))
			return false;
	return true;
}

static bool value_planned(const struct row *row, struct json_object *config,
			  struct json_object *prior, struct json_object *planned)
{
	if (row->write_only)
		return !planned;
	if (same(row->type, planned, config))
		return true;
	if (prior && config && same(row->type, planned, prior))
		return true;
	return !config && row->flags & TF_COMPUTED;
}

/* The row that is planned as nothing allows; NULL: none. */
static const char *first_unplanned(const struct row *rows, struct json_object *config,
				   struct json_object *prior, struct json_object *planned)
{
	for (const struct row *row = rows; row->name; row++) {
		struct json_object *c = json_at(config, row->name);
		struct json_object *p = json_at(prior, row->name);
		struct json_object *v = json_at(planned, row->name);

		if (row->flags & TF_BLOCK ? !block_planned(row, c, p, v)
					  : !value_planned(row, c, p, v))
			return row->name;
	}
	return NULL;
}

/* Of a state, whoever tells it. */
static void check_state(struct walk *w, const struct kind *k, struct json_object *state)
{
	if (value_has_unknown(state))
		wrong(w, "a state with something unknown in it", state);
	for (const struct row *row = k->rows; row->name; row++) {
		if (row->write_only && json_at(state, row->name))
			wrong(w, "a write-only value in the state", state);
		if (row->flags & TF_BLOCK && !row->single &&
		    !json_object_is_type(json_at(state, row->name), json_type_array))
			wrong(w, "a block that is null", state);
	}
}

/* Borrowed: the value that a path of the provider's is about. */
static struct json_object *at_path(const Tf__AttributePath *path, struct json_object *v)
{
	for (size_t i = 0; i < path->n_steps; i++) {
		const Tf__AttributePath__Step *step = path->steps[i];

		if (value_is_unknown(v))
			return v;
		if (step->selector_case == TF__ATTRIBUTE_PATH__STEP__SELECTOR_ATTRIBUTE_NAME)
			v = json_at(v, step->attribute_name);
		else
			v = json_nth(v, (size_t)step->element_key_int);
	}
	return v;
}

static bool replaces(struct walk *w, const struct kind *k,
		     const Tf__PlanResourceChange__Response *plan, struct json_object *prior,
		     struct json_object *planned)
{
	bool any = false;

	for (size_t i = 0; i < plan->n_requires_replace; i++) {
		const Tf__AttributePath *path = plan->requires_replace[i];

		if (!path->n_steps || !row_named(k->rows, path->steps[0]->attribute_name))
			wrong(w, "replaced because of what is no attribute", planned);
		any = any || !value_equal(at_path(path, prior), at_path(path, planned));
	}
	return any;
}

/* ---- refresh ---- */

/* What a state file has of a dynamic value. */
static struct json_object *with_type(struct json_object *pair)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_foreach(pair, key, v) {
		json_set(ret, v == value_inner(pair) ? "value" : "type", json_copy(v));
		(void)key;
	}
	return ret;
}

static struct json_object *as_filed(const struct kind *k, struct json_object *values)
{
	struct json_object *ret = json_copy(values);

	for (const struct row *row = k->rows; row->name; row++) {
		struct json_object *v = json_at(values, row->name);

		if (json_is_str(row->type, "dynamic") && v && value_inner(v) != v)
			json_set(ret, row->name, with_type(v));
	}
	return ret;
}

static struct json_object *upgraded(struct walk *w, const struct kind *k,
				    struct json_object *values)
{
	Tf__UpgradeResourceState__Request in = TF__UPGRADE_RESOURCE_STATE__REQUEST__INIT;
	Tf__RawState raw = TF__RAW_STATE__INIT;
	const Tf__UpgradeResourceState__Response *out;
	AUTO_JSON filed = as_filed(k, values);
	const char *text = json_object_to_json_string_ext(filed, JSON_C_TO_STRING_PLAIN);
	struct json_object *state;

	in.type_name = k->type_name;
	in.version = k->k->version;
	in.raw_state = &raw;
	raw.json = arena_bytes(&w->mem, text, strlen(text));
	out = terraform_call(&w->mem, "UpgradeResourceState", &in);
	if (!HEARD(w, out))
		return NULL;
	state = got(w, k, out->upgraded_state);
	if (!same(k->type, state, values))
		wrong(w, "a state of this very version is changed by upgrading it", state);
	return state;
}

/* *ret is new; NULL: gone. */
static bool read_object(struct walk *w, const struct kind *k, struct json_object *values,
			struct json_object *entry, struct json_object **ret)
{
	Tf__ReadResource__Request in = TF__READ_RESOURCE__REQUEST__INIT;
	const Tf__ReadResource__Response *out;

	in.type_name = k->type_name;
	in.current_state = sent(w, k, values);
	in.private_ = private_of(w, entry);
	out = terraform_call(&w->mem, "ReadResource", &in);
	if (!HEARD(w, out))
		return false;
	*ret = got(w, k, out->new_state);
	if (*ret)
		check_state(w, k, *ret);
	set_private(entry, &out->private_);
	return true;
}

static void refresh(struct walk *w)
{
	AUTO_JSON before = w->state;

	w->state = json_object_new_object();
	json_object_object_foreach(before, address, entry) {
		const struct kind *k = kind_of(w, entry);
		AUTO_JSON values = NULL;
		struct json_object *now = NULL;

		w->address = address;
		values = w->over ? NULL : upgraded(w, k, json_at(entry, "values"));
		if (!w->over && !read_object(w, k, values, entry, &now))
			return;
		if (!now)
			continue;
		json_set(entry, "values", now);
		json_set(w->state, address, json_object_get(entry));
	}
}

/* ---- plan ---- */

static void validate(struct walk *w, const struct kind *k, struct json_object *config)
{
	Tf__ValidateResourceConfig__Request in = TF__VALIDATE_RESOURCE_CONFIG__REQUEST__INIT;
	const Tf__ValidateResourceConfig__Response *out;

	in.type_name = k->type_name;
	in.config = sent(w, k, config);
	out = terraform_call(&w->mem, "ValidateResourceConfig", &in);
	(void)HEARD(w, out);
}

/* *ret is new. */
static const Tf__PlanResourceChange__Response *
ask_plan(struct walk *w, const struct kind *k, struct json_object *config,
	 struct json_object *prior, struct json_object *entry, struct json_object **ret)
{
	Tf__PlanResourceChange__Request in = TF__PLAN_RESOURCE_CHANGE__REQUEST__INIT;
	AUTO_JSON new_state = config ? proposed(k, config, prior) : NULL;
	const Tf__PlanResourceChange__Response *out;
	const char *row;

	in.type_name = k->type_name;
	in.prior_state = sent(w, k, prior);
	in.proposed_new_state = sent(w, k, new_state);
	in.config = sent(w, k, config);
	in.prior_private = private_of(w, prior ? entry : NULL);
	out = terraform_call(&w->mem, "PlanResourceChange", &in);
	*ret = NULL;
	if (!HEARD(w, out))
		return out;
	*ret = got(w, k, out->planned_state);
	if (!config && *ret)
		wrong(w, "a deletion is planned as something else", *ret);
	row = config ? first_unplanned(k->rows, config, prior, *ret) : NULL;
	if (row) {
		AUTO_STR what = xasprintf("%s: planned as neither written nor before", row);

		wrong(w, what, *ret);
	}
	return out;
}

/* Takes prior and planned. */
static void set_plan(struct walk *w, const char *action, struct json_object *prior,
		     struct json_object *planned, const Tf__PlanResourceChange__Response *out)
{
	struct json_object *plan = json_object_new_object();

	json_sets(plan, "action", action);
	json_set(plan, "prior", prior);
	json_set(plan, "planned", planned);
	set_private(plan, &out->planned_private);
	json_set(w->plans, w->address, plan);
	if (strcmp(action, "none") != 0)
		json_sets(w->t->actions, w->address, action);
}

static void plan_resource(struct walk *w, struct json_object *block)
{
	const struct kind *k = kind_of(w, block);
	struct json_object *entry = json_at(w->state, w->address);
	struct json_object *prior = json_at(entry, "values");
	const bool tainted = json_truth(entry, "tainted", false);
	AUTO_JSON config = config_of(w, k, block);
	struct json_object *planned = NULL;
	const Tf__PlanResourceChange__Response *out;
	const char *action = prior ? "update" : "create";

	validate(w, k, config);
	if (w->over)
		return;
	out = ask_plan(w, k, config, tainted ? NULL : prior, entry, &planned);
	if (w->over)
		return;
	if (prior && (tainted || replaces(w, k, out, prior, planned))) {
		action = "replace";
		json_object_put(planned);
		out = ask_plan(w, k, config, NULL, NULL, &planned);
	} else if (prior && same(k->type, prior, planned)) {
		action = "none";
	}
	if (w->over)
		return;
	json_set(w->values, w->address, json_copy(planned));
	set_plan(w, action, json_copy(prior), planned, out);
}

static void read_data(struct walk *w, struct json_object *block, struct json_object *config)
{
	Tf__ReadDataSource__Request in = TF__READ_DATA_SOURCE__REQUEST__INIT;
	const Tf__ReadDataSource__Response *out;
	const struct kind *k = kind_of(w, block);
	struct json_object *state;

	in.type_name = k->type_name;
	in.config = sent(w, k, config);
	out = terraform_call(&w->mem, "ReadDataSource", &in);
	if (!HEARD(w, out))
		return;
	state = got(w, k, out->state);
	if (!state || value_has_unknown(state))
		wrong(w, "a data source that is not known once it is read", state);
	json_set(w->values, w->address, state);
}

/* Read as soon as all it needs is known and has nothing before it. */
static void plan_data(struct walk *w, struct json_object *block)
{
	AUTO_JSON config = config_of(w, kind_of(w, block), block);
	AUTO_JSON needs = json_object_new_array();

	note_needs(json_at(block, "config"), needs);
	note_needs(json_at(block, "after"), needs);
	for (size_t i = 0; i < json_len(needs); i++)
		if (json_has(w->t->actions, json_object_get_string(json_nth(needs, i))))
			return;
	if (!value_has_unknown(config))
		read_data(w, block, config);
}

static void plan_deletions(struct walk *w)
{
	json_object_object_foreach(w->state, address, entry) {
		const struct kind *k = kind_of(w, entry);
		const Tf__PlanResourceChange__Response *out;
		struct json_object *planned = NULL;

		if (w->over)
			return;
		w->address = address;
		if (json_has(w->root, address))
			continue;
		out = ask_plan(w, k, NULL, json_at(entry, "values"), entry, &planned);
		if (!w->over)
			set_plan(w, "delete", json_copy(json_at(entry, "values")), planned, out);
	}
}

static void plan_root(struct walk *w)
{
	json_object_object_foreach(w->root, address, block) {
		if (w->over)
			return;
		w->address = address;
		if (json_truth(block, "data", false))
			plan_data(w, block);
		else
			plan_resource(w, block);
	}
	plan_deletions(w);
}

/* ---- apply ---- */

/* *ret is new: what is there, also after an error. */
static bool ask_apply(struct walk *w, const struct kind *k, struct json_object *config,
		      struct json_object *prior, struct json_object *planned,
		      const ProtobufCBinaryData *private, struct json_object **ret,
		      struct json_object *entry)
{
	Tf__ApplyResourceChange__Request in = TF__APPLY_RESOURCE_CHANGE__REQUEST__INIT;
	const Tf__ApplyResourceChange__Response *out;

	in.type_name = k->type_name;
	in.prior_state = sent(w, k, prior);
	in.planned_state = sent(w, k, planned);
	in.config = sent(w, k, config);
	in.planned_private = *private;
	out = terraform_call(&w->mem, "ApplyResourceChange", &in);
	if (!HEARD(w, out) && is_dead(w)) {
		*ret = json_copy(prior);
		return false;
	}
	*ret = got(w, k, out->new_state);
	if (*ret)
		check_state(w, k, *ret);
	set_private(entry, &out->private_);
	return !w->over;
}

static void destroy(struct walk *w, const char *address)
{
	static const ProtobufCBinaryData none;
	struct json_object *entry = json_at(w->state, address);
	const struct kind *k = kind_of(w, entry);
	AUTO_JSON prior = upgraded(w, k, json_at(entry, "values"));
	struct json_object *left = NULL;

	w->address = address;
	if (w->over)
		return;
	if (ask_apply(w, k, NULL, prior, NULL, &none, &left, entry) && left)
		wrong(w, "something is left of what was deleted", left);
	if (w->over && !left)
		wrong(w, "deletion failed, but nothing is left", NULL);
	if (left)
		json_set(entry, "values", left);
	else
		json_object_object_del(w->state, address);
}

static bool goes(struct walk *w, const char *address)
{
	const char *action = json_str(json_at(w->plans, address), "action");

	return action && (strcmp(action, "delete") == 0 || strcmp(action, "replace") == 0) &&
	       json_has(w->state, address) &&
	       !json_truth(json_at(w->plans, address), "done", false);
}

static bool is_needed(struct walk *w, const char *address)
{
	AUTO_JSON name = json_object_new_string(address);

	json_object_object_foreach(w->state, other, entry) {
		if (goes(w, other) && json_list_has(json_at(entry, "needs"), name))
			return true;
	}
	return false;
}

/* What nobody needs that goes as well; NULL: nothing is left to go. Owned. */
static char *next_to_go(struct walk *w)
{
	json_object_object_foreach(w->state, address, entry) {
		(void)entry;
		if (goes(w, address) && !is_needed(w, address))
			return xstrdup(address);
	}
	return NULL;
}

static void destroy_all(struct walk *w)
{
	AUTO_STR address = next_to_go(w);

	while (address && !w->over) {
		destroy(w, address);
		json_set(json_at(w->plans, address), "done", json_object_new_boolean(true));
		free(address);
		address = next_to_go(w);
	}
}

static void check_made(struct walk *w, const struct kind *k, struct json_object *planned,
		       struct json_object *made)
{
	const char *row = first_incompatible(k->rows, planned, made);

	if (!made)
		wrong(w, "nothing is there after it was made", planned);
	if (row) {
		AUTO_STR what = xasprintf("%s: is not what was planned", row);

		wrong(w, what, made);
	}
}

/* Takes values. */
static void keep(struct walk *w, struct json_object *block, struct json_object *entry,
		 struct json_object *values)
{
	struct json_object *needs = json_object_new_array();

	note_needs(json_at(block, "config"), needs);
	json_sets(entry, "type", json_str(block, "type"));
	json_set(entry, "needs", needs);
	json_set(entry, "values", values);
	json_set(w->values, w->address, json_copy(values));
	json_set(w->state, w->address, json_object_get(entry));
}

static void make(struct walk *w, struct json_object *block, struct json_object *plan)
{
	const struct kind *k = kind_of(w, block);
	struct json_object *entry = json_at(w->state, w->address);
	AUTO_JSON prior = entry ? upgraded(w, k, json_at(entry, "values")) : NULL;
	AUTO_JSON config = config_of(w, k, block);
	AUTO_JSON now = entry ? json_object_get(entry) : json_object_new_object();
	AUTO_JSON planned = NULL;
	const Tf__PlanResourceChange__Response *out;
	struct json_object *made = NULL;

	if (!w->over)
		validate(w, k, config);
	if (w->over)
		return;
	if (value_has_unknown(config))
		wrong(w, "something is still unknown when it is applied", config);
	out = ask_plan(w, k, config, prior, entry, &planned);
	if (w->over)
		return;
	if (first_incompatible(k->rows, json_at(plan, "planned"), planned))
		wrong(w, "planned as something else the second time", planned);
	if (prior && same(k->type, prior, planned)) {
		json_set(w->values, w->address, json_copy(prior));
		return;
	}
	if (ask_apply(w, k, config, prior, planned, &out->planned_private, &made, now))
		check_made(w, k, planned, made);
	else if (!prior && made)
		json_set(now, "tainted", json_object_new_boolean(true));
	if (made)
		keep(w, block, now, made);
	else if (prior)
		wrong(w, "an update failed, and nothing is left", NULL);
}

static void apply_root(struct walk *w)
{
	json_object_object_foreach(w->root, address, block) {
		struct json_object *plan = json_at(w->plans, address);

		if (w->over)
			return;
		w->address = address;
		if (json_truth(block, "data", false)) {
			AUTO_JSON config = config_of(w, kind_of(w, block), block);

			if (!json_at(w->values, address))
				read_data(w, block, config);
		} else if (strcmp(json_str(plan, "action"), "none") != 0) {
			make(w, block, plan);
		}
	}
}

/* ---- all of it ---- */

static void end_walk(struct walk *w)
{
	if (w->t->ended)
		w->t->ended(!is_dead(w));
	arena_release(&w->mem);
}

/* What is known before anything is done: objects that stay as they are, and data. */
static struct json_object *known_values(struct walk *plan)
{
	struct json_object *values = json_object_new_object();

	json_object_object_foreach(plan->values, address, v) {
		if (!json_has(plan->t->actions, address))
			json_set(values, address, json_copy(v));
	}
	return values;
}

static void walk_release(struct walk *w)
{
	json_object_put(w->state);
	json_object_put(w->values);
	json_object_put(w->plans);
}

void terraform_apply(struct little_terraform *t, struct json_object *root)
{
	struct walk plan = { .t = t,
			     .mem = ARENA_INIT,
			     .root = root,
			     .state = t->state ? json_copy(t->state) : json_object_new_object(),
			     .values = json_object_new_object(),
			     .plans = json_object_new_object() };

	free(TAKE(t->error));
	json_object_put(t->actions);
	t->actions = json_object_new_object();
	refresh(&plan);
	if (!plan.over)
		plan_root(&plan);
	end_walk(&plan);
	if (!plan.over) {
		struct walk apply = { .t = t,
				      .mem = ARENA_INIT,
				      .root = root,
				      .state = json_object_get(plan.state),
				      .values = known_values(&plan),
				      .plans = json_object_get(plan.plans) };

		destroy_all(&apply);
		if (!apply.over)
			apply_root(&apply);
		end_walk(&apply);
		json_object_put(t->state);
		t->state = json_object_get(apply.state);
		walk_release(&apply);
	}
	walk_release(&plan);
}

/* ---- import ---- */

static const char *imported_id(struct json_object *special, struct json_object *entry)
{
	const char *id = json_str(special, "id");

	return id ? id : json_str(json_at(entry, "values"), "id");
}

/* New: what the provider knows of an object by its ID. */
static struct json_object *ask_import(struct walk *w, const struct kind *k, const char *id,
				      struct json_object *entry)
{
	Tf__ImportResourceState__Request in = TF__IMPORT_RESOURCE_STATE__REQUEST__INIT;
	const Tf__ImportResourceState__Response *out;
	AUTO_JSON blank = NULL;
	struct json_object *values = NULL;

	in.type_name = k->type_name;
	in.id = arena_str(&w->mem, id);
	out = terraform_call(&w->mem, "ImportResourceState", &in);
	if (!HEARD(w, out) || out->n_imported_resources != 1)
		wrong(w, w->t->error ? w->t->error : "not one object is imported", NULL);
	blank = got(w, k, out->imported_resources[0]->state);
	check_state(w, k, blank);
	set_private(entry, &out->imported_resources[0]->private_);
	if (!read_object(w, k, blank, entry, &values) || !values)
		wrong(w, w->t->error ? w->t->error : "what was imported is not there", blank);
	return values;
}

static void import_one(struct walk *w, struct json_object *block, struct json_object *special)
{
	const struct kind *k = kind_of(w, block);
	struct json_object *ignore = json_at(special, "ignore");
	AUTO_JSON entry = json_object_new_object();
	AUTO_JSON config = config_of(w, k, block);
	AUTO_JSON prior =
		ask_import(w, k, imported_id(special, json_at(w->state, w->address)), entry);
	struct json_object *planned = NULL;

	/* As `lifecycle { ignore_changes }` does; nor can timeouts and versions of secrets be known. */
	for (const struct row *row = k->rows; row->name; row++) {
		AUTO_JSON name = json_object_new_string(row->name);

		if (row->single || (row->secret && !row->write_only) || json_list_has(ignore, name))
			json_set(config, row->name, json_copy(json_at(prior, row->name)));
	}
	(void)ask_plan(w, k, config, prior, entry, &planned);
	if (w->over)
		wrong(w, w->t->error, prior);
	for (const struct row *row = k->rows; row->name; row++) {
		AUTO_STR what = xasprintf("%s: changes after import", row->name);

		if (!same(row->type, json_at(prior, row->name), json_at(planned, row->name)))
			wrong(w, what, prior);
	}
	json_object_put(planned);
}

void terraform_import(struct little_terraform *t, struct json_object *root,
		      struct json_object *special)
{
	struct walk w = { .t = t,
			  .mem = ARENA_INIT,
			  .state = json_copy(t->state),
			  .values = json_object_new_object() };

	json_object_object_foreach(t->state, address, entry) {
		json_set(w.values, address, json_copy(json_at(entry, "values")));
	}
	json_object_object_foreach(root, address2, block) {
		w.address = address2;
		if (json_truth(block, "data", false)) {
			AUTO_JSON config = config_of(&w, kind_of(&w, block), block);

			read_data(&w, block, config);
		} else if (!json_truth(json_at(special, address2), "no", false)) {
			import_one(&w, block, json_at(special, address2));
		}
	}
	end_walk(&w);
	walk_release(&w);
}

void terraform_release(struct little_terraform *t)
{
	json_object_put(t->state);
	json_object_put(t->actions);
	free(t->error);
	t->state = t->actions = NULL;
	t->error = NULL;
}
