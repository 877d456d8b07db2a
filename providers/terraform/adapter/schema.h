#ifndef ADAPTER_SCHEMA_H
#define ADAPTER_SCHEMA_H

#include "kind.h"
#include "protocol/message.h"

/* The answers that tell what the provider offers, out of the tables. */
void schema_answer(struct arena *mem, Tf__GetProviderSchema__Response *out);
void schema_metadata(struct arena *mem, Tf__GetMetadata__Response *out);
void schema_functions(struct arena *mem, Tf__GetFunctions__Response *out);
void schema_identities(struct arena *mem, Tf__GetResourceIdentitySchemas__Response *out);

/* The type of an object's identity: its ID, and where it is. */
struct json_object *identity_type(void);

#endif
