#ifndef ADAPTER_RPC_H
#define ADAPTER_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * main() of a provider: the calls of Terraform's protocol, answered for what `provider` (kind.h)
 * declares. With -docs FOLDER it writes the documentation there instead.
 */
int provider_main(int argc, char **argv);
/* One call, from any thread: see struct plugin (server/server.h). false: there is no such method. */
bool provider_answer(const char *method, const uint8_t *body, size_t len, struct buf *reply);

#endif
