#ifndef ADAPTER_VALIDATE_H
#define ADAPTER_VALIDATE_H

#include "kind.h"
#include "protocol/message.h"

/*
 * What a configuration says, looked at before anything is done: choices, and the relations between
 * rows. What is not known yet passes. Each complaint names the place in the configuration.
 */
void validate(const struct kind *k, struct json_object *config, struct diags *d);

#endif
