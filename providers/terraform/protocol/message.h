#ifndef MESSAGE_H
#define MESSAGE_H

#include "arena.h"
#include "tfplugin6.pb-c.h"
#include "value.h"

/*
 * Terraform's messages: structs that protoc-c made of tfplugin6.proto. Message A.B is Tf__A__B, with
 * TF__A__B__INIT; a repeated field x is `x` and `n_x`, strings are never NULL, a message that was not
 * sent is. All that a call reads and answers lives in its arena.
 */

/* One call. A handler casts `in` and fills `out` (both as the method's row in the .proto says). */
struct call {
	struct arena mem;
	const void *in;
	void *out; /* empty, not NULL */
};

/* Finds the method and reads its request. ERR_NOT_FOUND: no such method; ERR_PROTOCOL: no such message. */
MUST_USE struct err *call_open(const char *method, const uint8_t *body, size_t len,
			       struct call *ret);
/* Appends the answer to `reply` (NULL: drops it) and wipes the call. Also after call_open() failed. */
void call_close(struct call *c, struct buf *reply);

/* Reads a value; a missing one is null. */
MUST_USE struct err *message_value(const Tf__DynamicValue *from, struct json_object *type,
				   struct json_object **ret);
/* Makes a value ready to be sent. */
MUST_USE struct err *message_dynamic(struct arena *mem, struct json_object *v,
				     struct json_object *type, Tf__DynamicValue **ret);
/* Reads the attributes of a state file (see value_from_state()); ERR_PROTOCOL for those of before 0.12. */
MUST_USE struct err *message_state(const Tf__RawState *from, struct json_object *type,
				   struct json_object **ret);

/*
 * Where in a resource: `name`, `network[0].uuid`, `tags["a"]`. NULL for a text that is no such path,
 * which to Terraform means the whole block. Elements of a set have no path: end it at the set.
 */
Tf__AttributePath *message_path(struct arena *mem, const char *text);

/*
 * What the user is told. Put into an answer with
 *   out->diagnostics = d.list;
 *   out->n_diagnostics = d.n;
 */
struct diags {
	struct arena *mem;
	size_t n;
	Tf__Diagnostic **list;
};

enum severity { DIAG_ERROR = 1, DIAG_WARNING = 2 };

/* path may be NULL. The summary is a headline of a few words; the detail ends like a sentence. */
PRINTF(5, 6)
void diags_add(struct diags *d, enum severity severity, const char *path, const char *summary,
	       const char *fmt, ...);
/* An error, whose place is the attribute it names, if any. Ends e; NULL adds nothing. */
void diags_err(struct diags *d, const char *summary, struct err *e);
/* Whether an error is among them; warnings are none. */
bool diags_failed(const struct diags *d);

#endif
