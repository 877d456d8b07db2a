#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "convert.h"
#include "digest.h"
#include "docs.h"
#include "function.h"
#include "http.h"
#include "journal.h"
#include "kind.h"
#include "plan.h"
#include "protocol/message.h"
#include "protocol/value.h"
#include "refresh.h"
#include "rpc.h"
#include "schema.h"
#include "server/log.h"
#include "server/server.h"
#include "targets.h"
#include "text.h"
#include "validate.h"
#include "work.h"

/* Says that the state is of this adapter's making; the peer's provider reads JSON there too. */
static const char OURS[] = "{\"treenail\":\"1\"}";
/* It has only what an import knows. */
static const char IMPORTED[] = "{\"treenail\":\"import\"}";

/* ---- what all handlers need ---- */

struct reply {
	struct arena *mem;
	struct diags diags;
};

/* With what a worker keeps beside the state, if anything. */
static ProtobufCBinaryData mark(struct reply *r, const char *text, struct json_object *kept)
{
	AUTO_BUF all = BUF_INIT;

	(void)buf_add(&all, text, strlen(text) - 1);
	if (kept)
		buf_addf(&all, ",\"kept\":%s",
			 json_object_to_json_string_ext(kept, JSON_C_TO_STRING_PLAIN));
	buf_adds(&all, "}");
	return arena_bytes(r->mem, all.s, all.len);
}

static bool is_marked(const ProtobufCBinaryData *private, const char *text)
{
	const size_t len = strlen(text) - 1;

	return private->len > len && memcmp(private->data, text, len) == 0 &&
	       strchr(",}", ((const char *)private->data)[len]);
}

static struct json_object *kept_in(const ProtobufCBinaryData *private)
{
	AUTO_JSON all = NULL;

	if (is_marked(private, OURS) || is_marked(private, IMPORTED))
		err_free(json_parse((const char *)private->data, private->len, &all));
	return json_copy(json_at(all, "kept"));
}

static const char *label(struct json_object *values)
{
	const char *name = json_str(values, "name");

	return name && *name ? name : json_str(values, "id");
}

/*
 * By Terraform's names: "network[0].uuid" of "nics[0].uuid". NULL: it is in no row. Elements of a set have
 * no place of their own.
 */
static char *place_of(const struct row *rows, const char *at)
{
	const size_t len = strcspn(at, ".[");
	AUTO_STR option = xstrndup(at, len);
	const struct row *row = row_named(rows, row_for(rows, option));

	if (!row)
		return NULL;
	return xasprintf("%s%s", row->name, row_is_set(row) ? "" : at + len);
}

/* "creating openstack_networking_network_v2 'a'", the reason below. Takes e. */
static void fail(struct reply *r, const struct kind *k, const char *doing,
		 struct json_object *values, struct err *e)
{
	if (!e)
		return;
	const char *name = label(values);
	AUTO_STR summary = xasprintf("%s %s%s%s%s", doing, k ? k->type_name : provider.name,
				     name ? " '" : "", name ? name : "", name ? "'" : "");

	e->text = provider.backend ? provider.backend->mask(e->text) : targets_mask(e->text);
	if (e->at && k) {
		AUTO_STR at = TAKE(e->at);

		e->at = place_of(k->rows, at);
	}
	log_write(LOG_DEBUG, summary, "error", e->text, NULL);
	diags_err(&r->diags, summary, e);
}

/* Terraform shows but the first of several warnings of one title. */
static void warn(struct reply *r, struct work *w)
{
	const size_t n = json_len(w->out.warnings);

	for (size_t i = 0; i < n; i++) {
		AUTO_STR title = n > 1 ? xasprintf("%s (%zu of %zu)", w->k->type_name, i + 1, n)
				       : xstrdup(w->k->type_name);

		diags_add(&r->diags, DIAG_WARNING, NULL, title, "%s",
			  json_object_get_string(json_nth(w->out.warnings, i)));
	}
}

static const struct kind *kind_of(struct reply *r, const char *type_name, enum tf_what what)
{
	const struct kind *k = kind_named(type_name, what);

	if (!k)
		diags_add(&r->diags, DIAG_ERROR, NULL, "Unknown type",
			  "This version of the provider has no %s.", type_name);
	return k;
}

static struct json_object *value_of(struct reply *r, const struct kind *k,
				    const Tf__DynamicValue *from)
{
	struct json_object *v = NULL;

	fail(r, NULL, "reading what was sent to", NULL, message_value(from, k->type, &v));
	return v;
}

static Tf__DynamicValue *sent(struct reply *r, const struct kind *k, struct json_object *v)
{
	Tf__DynamicValue *to = NULL;

	fail(r, k, "telling of", NULL, message_dynamic(r->mem, v, k->type, &to));
	return to;
}

static Tf__ResourceIdentityData *identity_of(struct reply *r, struct json_object *state)
{
	Tf__ResourceIdentityData *data = arena_new(r->mem, sizeof(*data));
	AUTO_JSON type = identity_type();
	AUTO_JSON id = conform(type, state);
	struct err *e;

	*data = (Tf__ResourceIdentityData)TF__RESOURCE_IDENTITY_DATA__INIT;
	if (!json_str(state, "id") || value_has_unknown(id))
		return NULL; /* a kind without IDs has no identity either */
	e = message_dynamic(r->mem, id, type, &data->identity_data);
	err_free(e);
	return e ? NULL : data;
}

#define DIAGNOSE(out, r) ((out)->diagnostics = (r).diags.list, (out)->n_diagnostics = (r).diags.n)

/* ---- the provider ---- */

static void get_schema(struct reply *r, const void *in, Tf__GetProviderSchema__Response *out)
{
	(void)in;
	schema_answer(r->mem, out);
}

static void get_metadata(struct reply *r, const void *in, Tf__GetMetadata__Response *out)
{
	(void)in;
	schema_metadata(r->mem, out);
}

static void get_functions(struct reply *r, const void *in, Tf__GetFunctions__Response *out)
{
	(void)in;
	schema_functions(r->mem, out);
}

static void get_identities(struct reply *r, const void *in,
			   Tf__GetResourceIdentitySchemas__Response *out)
{
	(void)in;
	schema_identities(r->mem, out);
}

static void validate_provider(struct reply *r, const Tf__ValidateProviderConfig__Request *in,
			      Tf__ValidateProviderConfig__Response *out)
{
	AUTO_JSON config = value_of(r, kind_provider(), in->config);

	validate(kind_provider(), config, &r->diags);
	DIAGNOSE(out, *r);
}

/*
 * The name it was started by, without the version: what is one program under two names serves two providers, whose
 * blocks may be alike.
 */
static char started_as[64];

/* Of `clusters`, say: their names tell one alias from another, and stay when their tokens do not. */
static struct json_object *names_in(struct json_object *secret)
{
	struct json_object *names = json_object_new_array(), *v = value_inner(secret);

	if (!json_object_is_type(v, json_type_object) || value_is_unknown(v))
		return names;
	json_object_object_foreach(v, name, one) {
		(void)one;
		json_object_array_add(names, json_object_new_string(name));
	}
	return names;
}

char *provider_block_digest(const char *program, const struct tf_attr *rows,
			    struct json_object *config)
{
	AUTO_JSON shown = json_copy(config);

	for (const struct tf_attr *row = rows; row->name; row++)
		if (row->flags & TF_SENSITIVE)
			json_set(shown, row->name, names_in(json_at(config, row->name)));
	AUTO_STR text = xasprintf("%s %s", program,
				  json_object_to_json_string_ext(shown, JSON_C_TO_STRING_PLAIN));
	AUTO_STR digest = digest_text("sha256", text, strlen(text));

	return xstrndup(digest, 12);
}

/* A cloud that is misspelled is told before anything is planned; nothing is sent for it. */
static struct err *look_at_target(struct json_object *config)
{
	struct api *api = NULL;
	const char *region = NULL;
	const bool given = json_str(config, "cloud") || json_str(config, "auth_url");

	if (!given || value_has_unknown(config))
		return NULL;
	return target_get(NULL, NULL, &api, &region);
}

static void configure(struct reply *r, const Tf__ConfigureProvider__Request *in,
		      Tf__ConfigureProvider__Response *out)
{
	AUTO_JSON config = value_of(r, kind_provider(), in->config);
	AUTO_STR digest = diags_failed(&r->diags)
				  ? NULL
				  : provider_block_digest(started_as, provider.config, config);

	journal_for(digest);
	if (!diags_failed(&r->diags) && provider.backend)
		fail(r, NULL, "configuring", NULL, provider.backend->configure(config));
	if (!diags_failed(&r->diags) && provider.targets) {
		struct err *e = targets_configure(config);

		fail(r, NULL, "configuring", NULL, e ? e : look_at_target(config));
	}
	DIAGNOSE(out, *r);
}

/* Whoever interrupts Terraform once may do it twice, and then it saves nothing of what it is told. */
static atomic_bool is_stopped;

static void stop(struct reply *r, const void *in, Tf__StopProvider__Response *out)
{
	(void)r;
	(void)in;
	(void)out;
	atomic_store(&is_stopped, true);
	clock_cut();
}

/* ---- resources ---- */

static void validate_config(struct reply *r, const char *type_name, enum tf_what what,
			    const Tf__DynamicValue *sent_config)
{
	const struct kind *k = kind_of(r, type_name, what);
	AUTO_JSON config = k ? value_of(r, k, sent_config) : NULL;

	if (!diags_failed(&r->diags))
		validate(k, config, &r->diags);
	if (!diags_failed(&r->diags) && k->k->worker && k->k->worker->validate) {
		struct tf_op t = {
			.kind = k->k, .whole = k, .calls = &hook_calls, .config = config
		};

		fail(r, k, "checking", config, k->k->worker->validate(&t));
	}
}

static void validate_resource(struct reply *r, const Tf__ValidateResourceConfig__Request *in,
			      Tf__ValidateResourceConfig__Response *out)
{
	validate_config(r, in->type_name, TF_RESOURCE, in->config);
	DIAGNOSE(out, *r);
}

static void upgrade(struct reply *r, const Tf__UpgradeResourceState__Request *in,
		    Tf__UpgradeResourceState__Response *out)
{
	const struct kind *k = kind_of(r, in->type_name, TF_RESOURCE);
	AUTO_JSON state = NULL;

	if (k)
		fail(r, k, "reading the state of", NULL,
		     message_state(in->raw_state, k->type, &state));
	if (state)
		rows_complete(k->rows, state);
	if (json_str(state, "id") && k->r)
		journal_seen(k->r->name, json_str(state, "id"));
	if (!diags_failed(&r->diags))
		out->upgraded_state = sent(r, k, state);
	DIAGNOSE(out, *r);
}

static void upgrade_identity(struct reply *r, const Tf__UpgradeResourceIdentity__Request *in,
			     Tf__UpgradeResourceIdentity__Response *out)
{
	AUTO_JSON type = identity_type();
	AUTO_JSON id = NULL;
	struct err *e = message_state(in->raw_identity, type, &id);

	if (!e) {
		out->upgraded_identity = arena_new(r->mem, sizeof(*out->upgraded_identity));
		*out->upgraded_identity =
			(Tf__ResourceIdentityData)TF__RESOURCE_IDENTITY_DATA__INIT;
		e = message_dynamic(r->mem, id, type, &out->upgraded_identity->identity_data);
	}
	fail(r, NULL, "reading an identity of", NULL, e);
	DIAGNOSE(out, *r);
}

static void read_resource(struct reply *r, const Tf__ReadResource__Request *in,
			  Tf__ReadResource__Response *out)
{
	const struct kind *k = kind_of(r, in->type_name, TF_RESOURCE);
	AUTO_JSON prior = k ? value_of(r, k, in->current_state) : NULL;
	AUTO_WORK w = WORK_INIT;
	struct err *e = NULL;

	if (!diags_failed(&r->diags)) {
		e = work_open(&w, k, NULL, prior, NULL);
		w.t.kept = kept_in(&in->private_);
		if (!e)
			e = work_read(&w, is_marked(&in->private_, OURS),
				      is_marked(&in->private_, IMPORTED));
		out->new_state = sent(r, k, e ? prior : w.t.state);
		out->private_ = e ? in->private_ : mark(r, OURS, w.t.kept);
		out->new_identity = w.t.state ? identity_of(r, w.t.state) : NULL;
		warn(r, &w);
		fail(r, k, "reading", prior, e);
	}
	DIAGNOSE(out, *r);
}

static void plan_replaces(struct reply *r, struct json_object *paths,
			  Tf__PlanResourceChange__Response *out)
{
	for (size_t i = 0; i < json_len(paths); i++) {
		Tf__AttributePath *path =
			message_path(r->mem, json_object_get_string(json_nth(paths, i)));

		out->requires_replace =
			arena_append(r->mem, out->requires_replace, &out->n_requires_replace, path);
	}
}

/* The same of a cloud that an object names. */
static struct err *look_at_cloud(struct json_object *config)
{
	const char *cloud = provider.targets ? json_str(config, "cloud") : NULL;
	struct api *api = NULL;
	const char *region = NULL;

	return cloud && *cloud
		       ? err_at(target_get(cloud, json_str(config, "region"), &api, &region),
				"cloud")
		       : NULL;
}

static void plan(struct reply *r, const Tf__PlanResourceChange__Request *in,
		 Tf__PlanResourceChange__Response *out)
{
	const struct kind *k = kind_of(r, in->type_name, TF_RESOURCE);
	AUTO_JSON prior = k ? value_of(r, k, in->prior_state) : NULL;
	AUTO_JSON config = k ? value_of(r, k, in->config) : NULL;
	AUTO_JSON planned = NULL;
	AUTO_JSON replaces = NULL;
	AUTO_WORK w = WORK_INIT;

	if (!diags_failed(&r->diags) && config) { /* what is to go has none */
		struct tf_op t = { .kind = k->k,
				   .whole = k,
				   .calls = &hook_calls,
				   .r = k->r,
				   .config = config,
				   .prior = prior };

		if (k->k->worker)
			work_plan(&w, k, &t);
		t.kept = kept_in(&in->prior_private);

		if (!prior)
			journal_hand_on(true);
		fail(r, k, "planning", config, kind_plan(k, &t));
		fail(r, k, "planning", config, look_at_cloud(config));
		planned = t.planned;
		replaces = t.replace;
		w.t.kept = t.kept;
		warn(r, &w);
	}
	if (!diags_failed(&r->diags)) {
		out->planned_state = sent(r, k, planned);
		plan_replaces(r, replaces, out);
		out->planned_private = mark(r, OURS, w.t.kept);
	}
	DIAGNOSE(out, *r);
}

static struct err *apply_one(struct work *w)
{
	if (!w->t.prior)
		return work_create(w);
	return w->t.planned ? work_update(w) : work_delete(w);
}

/* No value may be left unknown in a state, whatever came of the work. */
static void settle(struct json_object *state)
{
	json_object_object_foreach(state, key, v) {
		if (value_has_unknown(v))
			json_set(state, key, NULL);
	}
}

static void apply(struct reply *r, const Tf__ApplyResourceChange__Request *in,
		  Tf__ApplyResourceChange__Response *out)
{
	const struct kind *k = kind_of(r, in->type_name, TF_RESOURCE);
	AUTO_JSON prior = k ? value_of(r, k, in->prior_state) : NULL;
	AUTO_JSON planned = k ? value_of(r, k, in->planned_state) : NULL;
	AUTO_JSON config = k ? value_of(r, k, in->config) : NULL;
	AUTO_WORK w = WORK_INIT;

	if (!diags_failed(&r->diags)) {
		const char *doing = !prior ? "creating" : planned ? "updating" : "deleting";
		struct err *e = work_open(&w, k, config, prior, planned);

		journal_hand_on(false);
		w.t.kept = kept_in(&in->planned_private);
		if (!e)
			e = apply_one(&w);
		if (w.t.state)
			settle(w.t.state);
		out->new_state = sent(r, k, e && prior ? prior : w.t.state);
		out->private_ = e && prior ? in->planned_private : mark(r, OURS, w.t.kept);
		out->new_identity = w.t.state ? identity_of(r, w.t.state) : NULL;
		warn(r, &w);
		fail(r, k, doing, planned ? planned : prior, e);
	}
	DIAGNOSE(out, *r);
}

/* The rows in which a resource says where it is; NULL past the last. */
static const char *target_row(size_t i)
{
	static const char *const clouds[] = { "cloud", "region", NULL };

	if (provider.targets)
		return clouds[i];
	return provider.backend ? provider.backend->rows[i].name : NULL;
}

/*
 * "cloud:NAME/region:NAME/ID", each or both left out: where an import block has no identity yet, there
 * is no other place to say it. No kind's ID begins like that: a key pair's has a user's ID before its
 * colon, and no slash. Returns the ID.
 */
static const char *take_target(const char *id, struct json_object *target)
{
	for (size_t i = 0; target_row(i); i++) {
		const char *row = target_row(i);
		const size_t start = strlen(row) + 1, len = strcspn(id, "/");

		if (len <= start || !id[len] || strncmp(id, row, start - 1) != 0 ||
		    id[start - 1] != ':')
			continue;
		AUTO_STR name = xstrndup(id + start, len - start);
		json_sets(target, row, name);
		id += len + 1;
	}
	return id;
}

/* Where the refresh that comes next is to look; the region may be in the ID, too. */
static void set_target(struct json_object *state, struct json_object *target)
{
	for (size_t i = 0; target_row(i); i++)
		if (json_str(target, target_row(i)) && !json_str(state, target_row(i)))
			json_sets(state, target_row(i), json_str(target, target_row(i)));
}

static void import(struct reply *r, const Tf__ImportResourceState__Request *in,
		   Tf__ImportResourceState__Response *out)
{
	const struct kind *k = kind_of(r, in->type_name, TF_RESOURCE);
	AUTO_JSON type = identity_type();
	AUTO_JSON target = json_object_new_object();
	AUTO_JSON identity = NULL;
	AUTO_WORK w = WORK_INIT;
	Tf__ImportResourceState__Imported *one = arena_new(r->mem, sizeof(*one));
	struct err *e =
		in->identity ? message_value(in->identity->identity_data, type, &identity) : NULL;
	struct json_object *where = identity ? identity : target;
	const char *id = identity ? json_str(identity, "id") : in->id;

	*one = (Tf__ImportResourceState__Imported)TF__IMPORT_RESOURCE_STATE__IMPORTED__INIT;
	if (!identity)
		id = take_target(in->id, target);
	if (k && !e)
		e = work_open(&w, k, where, NULL, NULL);
	if (k && !e)
		e = work_import(&w, id ? id : "");
	if (k)
		fail(r, k, "importing", NULL, e);
	else
		err_free(e);
	if (!diags_failed(&r->diags)) {
		set_target(w.t.state, where);
		one->type_name = arena_str(r->mem, k->type_name);
		one->state = sent(r, k, w.t.state);
		one->private_ = mark(r, IMPORTED, w.t.kept);
		one->identity = identity_of(r, w.t.state);
		out->imported_resources = arena_append(r->mem, out->imported_resources,
						       &out->n_imported_resources, one);
	}
	DIAGNOSE(out, *r);
}

/* From the provider this one replaces, or from this one under another address. */
static void move(struct reply *r, const Tf__MoveResourceState__Request *in,
		 Tf__MoveResourceState__Response *out)
{
	const struct kind *k = kind_of(r, in->target_type_name, TF_RESOURCE);
	AUTO_JSON state = NULL;

	if (k && strcmp(in->source_type_name, in->target_type_name) != 0)
		diags_add(&r->diags, DIAG_ERROR, NULL, "Cannot move",
			  "A %s of %s cannot become a %s: import it instead.", in->source_type_name,
			  in->source_provider_address, in->target_type_name);
	else if (k)
		fail(r, k, "moving the state of", NULL,
		     message_state(in->source_state, k->type, &state));
	if (state)
		rows_complete(k->rows, state);
	if (!diags_failed(&r->diags)) {
		out->target_state = sent(r, k, state);
		out->target_private = in->source_private;
	}
	DIAGNOSE(out, *r);
}

/* ---- data sources, ephemeral resources, functions ---- */

static void validate_data(struct reply *r, const Tf__ValidateDataResourceConfig__Request *in,
			  Tf__ValidateDataResourceConfig__Response *out)
{
	validate_config(r, in->type_name, TF_DATA, in->config);
	DIAGNOSE(out, *r);
}

/* What a data source or an ephemeral resource tells; NULL after an error. */
static Tf__DynamicValue *look_up(struct reply *r, const char *type_name, enum tf_what what,
				 const char *doing, const Tf__DynamicValue *sent_config)
{
	const struct kind *k = kind_of(r, type_name, what);
	AUTO_JSON config = k ? value_of(r, k, sent_config) : NULL;
	AUTO_WORK w = WORK_INIT;
	struct err *e;

	if (diags_failed(&r->diags))
		return NULL;
	e = work_open(&w, k, config, NULL, NULL);
	if (!e)
		e = work_lookup(&w);
	fail(r, k, doing, config, e);
	warn(r, &w);
	return diags_failed(&r->diags) ? NULL : sent(r, k, w.t.state);
}

static void read_data(struct reply *r, const Tf__ReadDataSource__Request *in,
		      Tf__ReadDataSource__Response *out)
{
	out->state = look_up(r, in->type_name, TF_DATA, "reading", in->config);
	DIAGNOSE(out, *r);
}

static void validate_ephemeral(struct reply *r,
			       const Tf__ValidateEphemeralResourceConfig__Request *in,
			       Tf__ValidateEphemeralResourceConfig__Response *out)
{
	validate_config(r, in->type_name, TF_EPHEMERAL, in->config);
	DIAGNOSE(out, *r);
}

static void open_ephemeral(struct reply *r, const Tf__OpenEphemeralResource__Request *in,
			   Tf__OpenEphemeralResource__Response *out)
{
	out->result = look_up(r, in->type_name, TF_EPHEMERAL, "opening", in->config);
	DIAGNOSE(out, *r);
}

/* What is opened here is a copy: nothing runs out while it is held, nothing is to be given back. */
static void renew_ephemeral(struct reply *r, const Tf__RenewEphemeralResource__Request *in,
			    Tf__RenewEphemeralResource__Response *out)
{
	(void)r;
	out->private_ = in->private_;
}

static void close_ephemeral(struct reply *r, const Tf__CloseEphemeralResource__Request *in,
			    Tf__CloseEphemeralResource__Response *out)
{
	(void)r;
	(void)in;
	(void)out;
}

static const struct function *function_named(const char *name)
{
	const struct function *f = provider.functions;

	while (f && f->name && strcmp(f->name, name) != 0)
		f++;
	return f && f->name ? f : NULL;
}

static struct err *read_arguments(const struct function *f, const Tf__CallFunction__Request *in,
				  struct json_object *args)
{
	struct err *e = NULL;

	for (size_t i = 0; i < in->n_arguments && i < PARAMETERS_MOST && !e; i++) {
		const char *text = f->parameters[i].type;
		AUTO_JSON type = NULL;
		struct json_object *v = NULL;

		e = text ? json_parse(text, strlen(text), &type)
			 : err_new(ERR_USAGE, "%s takes no so many arguments", f->name);
		if (!e)
			e = message_value(in->arguments[i], type, &v);
		if (!e)
			json_object_array_add(args, v);
	}
	return e;
}

static void call_function(struct reply *r, const Tf__CallFunction__Request *in,
			  Tf__CallFunction__Response *out)
{
	const struct function *f = function_named(in->name);
	AUTO_JSON args = json_object_new_array();
	AUTO_JSON type = NULL;
	AUTO_JSON result = NULL;
	int at = -1;
	struct err *e = f ? read_arguments(f, in, args)
			  : err_new(ERR_USAGE, "this provider has no function '%s'", in->name);

	if (!e)
		e = f->call(args, &result, &at);
	if (!e)
		e = json_parse(f->returns, strlen(f->returns), &type);
	if (!e)
		e = message_dynamic(r->mem, result, type, &out->result);
	if (!e)
		return;
	out->error = arena_new(r->mem, sizeof(*out->error));
	*out->error = (Tf__FunctionError)TF__FUNCTION_ERROR__INIT;
	out->error->text = arena_str(r->mem, e->text);
	if (at >= 0) {
		out->error->argument_case = TF__FUNCTION_ERROR__ARGUMENT_FUNCTION_ARGUMENT;
		out->error->function_argument = at;
	}
	err_free(e);
}

/* ---- dispatch ---- */

#define METHOD(name, function)                                                                   \
	{                                                                                        \
		name, (void (*)(struct reply *, const void *, void *))(void (*)(void))(function) \
	}

static const struct method {
	const char *name;
	void (*answer)(struct reply *r, const void *in, void *out);
} methods[] = {
	METHOD("GetProviderSchema", get_schema),
	METHOD("GetMetadata", get_metadata),
	METHOD("GetFunctions", get_functions),
	METHOD("GetResourceIdentitySchemas", get_identities),
	METHOD("ValidateProviderConfig", validate_provider),
	METHOD("ConfigureProvider", configure),
	METHOD("StopProvider", stop),
	METHOD("ValidateResourceConfig", validate_resource),
	METHOD("UpgradeResourceState", upgrade),
	METHOD("UpgradeResourceIdentity", upgrade_identity),
	METHOD("ReadResource", read_resource),
	METHOD("PlanResourceChange", plan),
	METHOD("ApplyResourceChange", apply),
	METHOD("ImportResourceState", import),
	METHOD("MoveResourceState", move),
	METHOD("ValidateDataResourceConfig", validate_data),
	METHOD("ReadDataSource", read_data),
	METHOD("ValidateEphemeralResourceConfig", validate_ephemeral),
	METHOD("OpenEphemeralResource", open_ephemeral),
	METHOD("RenewEphemeralResource", renew_ephemeral),
	METHOD("CloseEphemeralResource", close_ephemeral),
	METHOD("CallFunction", call_function),
};

bool provider_answer(const char *name, const uint8_t *body, size_t len, struct buf *reply)
{
	const struct method *m = methods;
	struct call c;
	struct err *e;

	while (m < methods + COUNT(methods) && strcmp(m->name, name) != 0)
		m++;
	if (m == methods + COUNT(methods))
		return false;
	e = call_open(name, body, len, &c);
	if (!e) {
		struct reply r = { .mem = &c.mem, .diags = { .mem = &c.mem } };

		m->answer(&r, c.in, c.out);
	}
	call_close(&c, e ? NULL : reply);
	if (e)
		log_write(LOG_ERROR, "a call could not be read", "method", name, "error", e->text,
			  NULL);
	const bool ok = !e;
	err_free(e);
	return ok;
}

static bool answer(void *arg, const char *name, const uint8_t *body, size_t len, struct buf *reply)
{
	(void)arg;
	return provider_answer(name, body, len, reply);
}

/* What waits for nothing is answered where it arrives: handing it to a thread costs more than doing it. */
static bool urgent(const char *name)
{
	static const char names[] = "StopProvider ValidateResourceConfig "
				    "PlanResourceChange ValidateDataResourceConfig";

	/* A backend may be asked what will come of a plan. */
	return words_have(names, name) &&
	       !(provider.backend && strcmp(name, "PlanResourceChange") == 0);
}

static void began(void *arg)
{
	(void)arg;
	atomic_store(&is_stopped, false);
	targets_renew();
	if (provider.backend)
		provider.backend->renew();
}

static void ended(void *arg, bool asked)
{
	(void)arg;
	journal_end(asked && !atomic_load(&is_stopped));
	refresh_end();
	if (provider.backend)
		provider.backend->end();
}

static int write_docs(const char *folder)
{
	AUTO_ERR e = docs_write(folder);

	if (e)
		(void)fprintf(stderr, "terraform-provider-%s: %s\n", provider.name, e->text);
	return e ? 1 : 0;
}

/* Whoever wants to see what a provider does looks for it where Terraform shows it. */
static void trace(const char *line)
{
	log_write(LOG_DEBUG, line, NULL);
}

static void set_program(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	(void)snprintf(started_as, sizeof(started_as), "%.*s", (int)strcspn(name, "_"), name);
}

int provider_main(int argc, char **argv)
{
	const struct plugin plugin = {
		.name = provider.name,
		.address = provider.address,
		.service = "tfplugin6.Provider",
		.protocol = 6,
		.answer = answer,
		.urgent = urgent,
		.began = began,
		.ended = ended,
	};

	if (argc == 3 && strcmp(argv[1], "-docs") == 0)
		return write_docs(argv[2]);
	set_program(argc ? argv[0] : "");
	http_trace_to(trace);
	return plugin_main(&plugin, argc, argv);
}
