#ifndef KUBERNETES_MANIFEST_H
#define KUBERNETES_MANIFEST_H

#include "terraform.h"

extern const struct tf_kind kubernetes_manifest;

/* An object without what only the server keeps: status, versions, managers. New. */
struct json_object *object_bare(struct json_object *object);
/* The same for people and states: values of Secrets are digests. New. */
struct json_object *object_told(struct json_object *object);

#endif
