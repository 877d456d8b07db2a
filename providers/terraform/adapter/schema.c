#include <string.h>

#include "function.h"
#include "protocol/value.h"
#include "schema.h"

/* A message of a type, in the arena. */
#define NEW(mem, type, INIT)                            \
	({                                              \
		type *m_ = arena_new(mem, sizeof(*m_)); \
		*m_ = (type)INIT;                       \
		m_;                                     \
	})

static ProtobufCBinaryData type_bytes(struct arena *mem, struct json_object *type)
{
	const char *text = json_object_to_json_string_ext(type, JSON_C_TO_STRING_PLAIN);

	return arena_bytes(mem, text, strlen(text));
}

static Tf__Schema__Attribute *attribute(struct arena *mem, const struct row *row)
{
	Tf__Schema__Attribute *a = NEW(mem, Tf__Schema__Attribute, TF__SCHEMA__ATTRIBUTE__INIT);
	AUTO_JSON type = json_copy(row->type); /* making text of it changes it */

	a->name = arena_str(mem, row->name);
	a->type = type_bytes(mem, type);
	a->description = arena_str(mem, row->doc);
	a->required = row->flags & TF_REQUIRED;
	a->optional = (row->flags & TF_OPTIONAL) != 0;
	a->computed = (row->flags & TF_COMPUTED) != 0;
	a->sensitive = (row->flags & TF_SENSITIVE) != 0;
	a->write_only = row->write_only;
	a->deprecated = (row->flags & TF_DEPRECATED) != 0;
	return a;
}

static Tf__Schema__Block *block(struct arena *mem, const struct row *rows, const char *doc);

static Tf__Schema__NestedBlock *nested(struct arena *mem, const struct row *row)
{
	Tf__Schema__NestedBlock *b =
		NEW(mem, Tf__Schema__NestedBlock, TF__SCHEMA__NESTED_BLOCK__INIT);

	b->type_name = arena_str(mem, row->name);
	b->block = block(mem, row->sub, row->doc);
	b->nesting = row->single           ? TF__SCHEMA__NESTED_BLOCK__NESTING__SINGLE
		     : row->flags & TF_SET ? TF__SCHEMA__NESTED_BLOCK__NESTING__SET
					   : TF__SCHEMA__NESTED_BLOCK__NESTING__LIST;
	if (!row->single) {
		b->min_items = row->flags & TF_REQUIRED ? 1 : 0;
		b->max_items = row->flags & TF_UNIQUE ? 1 : 0;
	}
	return b;
}

static Tf__Schema__Block *block(struct arena *mem, const struct row *rows, const char *doc)
{
	Tf__Schema__Block *b = NEW(mem, Tf__Schema__Block, TF__SCHEMA__BLOCK__INIT);

	b->description = arena_str(mem, doc);
	for (const struct row *row = rows; row && row->name; row++) {
		if (row->flags & TF_BLOCK)
			b->block_types = arena_append(mem, b->block_types, &b->n_block_types,
						      nested(mem, row));
		else
			b->attributes = arena_append(mem, b->attributes, &b->n_attributes,
						     attribute(mem, row));
	}
	return b;
}

static Tf__SchemaEntry *schema_entry(struct arena *mem, const struct kind *k)
{
	Tf__SchemaEntry *entry = NEW(mem, Tf__SchemaEntry, TF__SCHEMA_ENTRY__INIT);

	entry->key = arena_str(mem, k->type_name);
	entry->value = NEW(mem, Tf__Schema, TF__SCHEMA__INIT);
	entry->value->version = k->k->version;
	entry->value->block = block(mem, k->rows, k->k->doc);
	entry->value->block->deprecated = k->k->flags & TF_OLD_NAME;
	return entry;
}

static Tf__ServerCapabilities *capabilities(struct arena *mem)
{
	Tf__ServerCapabilities *c = NEW(mem, Tf__ServerCapabilities, TF__SERVER_CAPABILITIES__INIT);

	c->plan_destroy = true;
	c->get_provider_schema_optional = true;
	c->move_resource_state = true;
	return c;
}

static ProtobufCBinaryData text_bytes(struct arena *mem, const char *s)
{
	return arena_bytes(mem, s, strlen(s));
}

static Tf__FunctionEntry *function_entry(struct arena *mem, const struct function *f)
{
	Tf__FunctionEntry *entry = NEW(mem, Tf__FunctionEntry, TF__FUNCTION_ENTRY__INIT);
	Tf__Function *made = NEW(mem, Tf__Function, TF__FUNCTION__INIT);

	for (const struct parameter *p = f->parameters;
	     p < f->parameters + PARAMETERS_MOST && p->name; p++) {
		Tf__Function__Parameter *made_p =
			NEW(mem, Tf__Function__Parameter, TF__FUNCTION__PARAMETER__INIT);

		made_p->name = arena_str(mem, p->name);
		made_p->type = text_bytes(mem, p->type);
		made_p->description = arena_str(mem, p->doc);
		made->parameters = arena_append(mem, made->parameters, &made->n_parameters, made_p);
	}
	made->return_ = NEW(mem, Tf__Function__Return, TF__FUNCTION__RETURN__INIT);
	made->return_->type = text_bytes(mem, f->returns);
	made->summary = arena_str(mem, f->summary);
	made->description = arena_str(mem, f->doc);
	entry->key = arena_str(mem, f->name);
	entry->value = made;
	return entry;
}

void schema_answer(struct arena *mem, Tf__GetProviderSchema__Response *out)
{
	size_t n;
	const struct kind *const *all = kinds(&n);

	out->provider = NEW(mem, Tf__Schema, TF__SCHEMA__INIT);
	out->provider->block = block(mem, kind_provider()->rows, provider.doc);
	out->server_capabilities = capabilities(mem);
	for (size_t i = 0; i < n; i++) {
		Tf__SchemaEntry *entry = schema_entry(mem, all[i]);

		switch (all[i]->k->what) {
		case TF_RESOURCE:
			out->resource_schemas = arena_append(mem, out->resource_schemas,
							     &out->n_resource_schemas, entry);
			break;
		case TF_DATA:
			out->data_source_schemas = arena_append(mem, out->data_source_schemas,
								&out->n_data_source_schemas, entry);
			break;
		case TF_EPHEMERAL:
			out->ephemeral_resource_schemas =
				arena_append(mem, out->ephemeral_resource_schemas,
					     &out->n_ephemeral_resource_schemas, entry);
			break;
		}
	}
	for (const struct function *f = provider.functions; f && f->name; f++)
		out->functions = arena_append(mem, out->functions, &out->n_functions,
					      function_entry(mem, f));
}

void schema_metadata(struct arena *mem, Tf__GetMetadata__Response *out)
{
	size_t n;
	const struct kind *const *all = kinds(&n);

	out->server_capabilities = capabilities(mem);
	for (size_t i = 0; i < n; i++) {
		Tf__GetMetadata__TypeName *name =
			NEW(mem, Tf__GetMetadata__TypeName, TF__GET_METADATA__TYPE_NAME__INIT);

		name->type_name = arena_str(mem, all[i]->type_name);
		switch (all[i]->k->what) {
		case TF_RESOURCE:
			out->resources = arena_append(mem, out->resources, &out->n_resources, name);
			break;
		case TF_DATA:
			out->data_sources =
				arena_append(mem, out->data_sources, &out->n_data_sources, name);
			break;
		case TF_EPHEMERAL:
			out->ephemeral_resources = arena_append(mem, out->ephemeral_resources,
								&out->n_ephemeral_resources, name);
			break;
		}
	}
	for (const struct function *f = provider.functions; f && f->name; f++) {
		Tf__GetMetadata__FunctionName *name = NEW(mem, Tf__GetMetadata__FunctionName,
							  TF__GET_METADATA__FUNCTION_NAME__INIT);

		name->name = arena_str(mem, f->name);
		out->functions = arena_append(mem, out->functions, &out->n_functions, name);
	}
}

void schema_functions(struct arena *mem, Tf__GetFunctions__Response *out)
{
	for (const struct function *f = provider.functions; f && f->name; f++)
		out->functions = arena_append(mem, out->functions, &out->n_functions,
					      function_entry(mem, f));
}

/* ---- identities ---- */

struct identity_row {
	const char *name, *doc;
	bool required;
};
static const struct identity_row identity_rows[] = {
	{ "id", "What identifies it.", true },
	{ "region", "Region it is in.", false },
	{ "cloud", "Cloud it is in, if not the provider's.", false },
};

static size_t identity_len(void)
{
	if (provider.targets)
		return COUNT(identity_rows);
	return provider.backend && provider.backend->rows[0].name ? 2 : 1;
}

static struct identity_row identity_row(size_t i)
{
	if (i && provider.backend)
		return (struct identity_row){ provider.backend->rows[0].name,
					      provider.backend->rows[0].doc, false };
	return identity_rows[i];
}

struct json_object *identity_type(void)
{
	struct json_object *fields = json_object_new_object(), *type = json_object_new_array();

	for (size_t i = 0; i < identity_len(); i++)
		json_sets(fields, identity_row(i).name, "string");
	json_object_array_add(type, json_object_new_string("object"));
	json_object_array_add(type, fields);
	return type;
}

static Tf__ResourceIdentitySchema *identity(struct arena *mem)
{
	Tf__ResourceIdentitySchema *s =
		NEW(mem, Tf__ResourceIdentitySchema, TF__RESOURCE_IDENTITY_SCHEMA__INIT);

	for (size_t i = 0; i < identity_len(); i++) {
		const struct identity_row row = identity_row(i);
		Tf__ResourceIdentitySchema__Attribute *a =
			NEW(mem, Tf__ResourceIdentitySchema__Attribute,
			    TF__RESOURCE_IDENTITY_SCHEMA__ATTRIBUTE__INIT);

		a->name = arena_str(mem, row.name);
		a->type = text_bytes(mem, "\"string\"");
		a->description = arena_str(mem, row.doc);
		a->required_for_import = row.required;
		a->optional_for_import = !row.required;
		s->identity_attributes =
			arena_append(mem, s->identity_attributes, &s->n_identity_attributes, a);
	}
	return s;
}

void schema_identities(struct arena *mem, Tf__GetResourceIdentitySchemas__Response *out)
{
	size_t n;
	const struct kind *const *all = kinds(&n);

	for (size_t i = 0; i < n; i++) {
		Tf__IdentitySchemaEntry *entry =
			NEW(mem, Tf__IdentitySchemaEntry, TF__IDENTITY_SCHEMA_ENTRY__INIT);

		if (all[i]->k->what != TF_RESOURCE || all[i]->k->flags & TF_NO_ID)
			continue;
		entry->key = arena_str(mem, all[i]->type_name);
		entry->value = identity(mem);
		out->identity_schemas =
			arena_append(mem, out->identity_schemas, &out->n_identity_schemas, entry);
	}
}
