#ifndef KUBERNETES_YAML_TEXT_H
#define KUBERNETES_YAML_TEXT_H

#include <json-c/json.h>

#include "buf.h"

/* Appends a value as YAML, in blocks, keys in their order. What yaml_parse() makes of it is the same value. */
void yaml_text(struct json_object *v, struct buf *out);

#endif
