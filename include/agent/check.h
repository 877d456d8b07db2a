#ifndef AGENT_CHECK_H
#define AGENT_CHECK_H

#include "agent/agent.h"

/*
 * An object's members against tables of fields (NULL-terminated, the later ones for the fields that all
 * have): unknown ones, missing ones, wrong types. Pure. ERR_USAGE, which names the field.
 */
MUST_USE struct err *fields_check(struct json_object *o, const struct agent_field *const *tables);

#endif
