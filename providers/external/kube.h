#ifndef KUBE_H
#define KUBE_H

#include <stdio.h>

#include "json.h"

/*
 * Objects of a Kubernetes cluster for Terraform's data source `external`: a query of strings in, a flat
 * map of strings out. It changes nothing.
 *
 *   kind            what to look up; "Cluster": its version and whether it is ready
 *   api_version, namespace, name, label_selector, field_selector   which ones
 *   list            "true": any number; else it must be exactly one
 *   path.KEY        JSONPath of what is told as KEY; without any, all of an object is told
 *   secret_file     file, mode 0600, that gets what a Secret holds; nothing else ever shows it
 *   deadline        seconds until all must be done; 900
 * and the options that connect (kubeconfig, context, ...), but for those that are secrets.
 *
 * Of one object: its fields by dotted names ("metadata.name"; lists are JSON), `ready` ("true",
 * "false", "failed") and `why` it is not; of a list: `count` and `names`. Always `json`, `sha256` of it, and
 * `warnings`.
 */
bool kube_is_meant(struct json_object *query);
struct kube_lookup {
	struct json_object *want;  /* typed options; owned */
	struct json_object *paths; /* {KEY: JSONPath}; owned */
	int deadline_s;
};
/* Nothing is sent. */
MUST_USE struct err *kube_parse(struct json_object *query, struct kube_lookup *ret);
MUST_USE struct err *kube_run(const struct kube_lookup *l, struct json_object **ret);
void kube_release(struct kube_lookup *l);
void kube_keys(FILE *out);

#endif
