#ifndef ADAPTER_RPC_H
#define ADAPTER_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "terraform.h"

/*
 * main() of a provider: the calls of Terraform's protocol, answered for what `provider` (kind.h)
 * declares. With -docs FOLDER it writes the documentation there instead.
 */
int provider_main(int argc, char **argv);
/* One call, from any thread: see struct plugin (server/server.h). false: there is no such method. */
bool provider_answer(const char *method, const uint8_t *body, size_t len, struct buf *reply);
/*
 * What the journals of one provider block are told from another's by: the program's name and what was written, of
 * secrets nothing but the names in them. New.
 */
char *provider_block_digest(const char *program, const struct tf_attr *rows,
			    struct json_object *config);

#endif
