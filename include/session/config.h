#ifndef SESSION_CONFIG_H
#define SESSION_CONFIG_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * What is known of a cloud before anything is sent: options, OS_* variables, clouds.yaml and its
 * companions in one flat set of strings. Never changes after config_load(): read it from any thread.
 */
struct config {
	char *title;                /* "cloud 'demo' in /etc/openstack/clouds.yaml", for messages */
	struct json_object *config; /* by names of clouds.yaml; scalars are strings or booleans */
	char *auth_type;            /* "password", ...; "none" */
	char *region;               /* "": any */
	char *cacert, *cert, *key;  /* NULL: none */
	bool insecure;
	int64_t api_timeout_ms; /* 0: http.h's default */
	char *cache_dir;        /* NULL: no cache */
};

MUST_USE struct err *config_load(struct json_object *options, struct config **ret);
void config_free(struct config *c);
/* A string of the auth dict; NULL if it is not there or empty. Borrowed. */
const char *config_auth(const struct config *c, const char *key);
/*
 * "endpoint_override" of a service under any of its names ("volumev3_endpoint_override"); NULL if
 * none is there. `types` as in text.h. Borrowed.
 */
const char *config_service(const struct config *c, const char *types, const char *key);

/* ---- files.c ---- */

/*
 * The first readable one of clouds.yaml, .yml and .json in the places where openstacksdk looks; a
 * file that `first` names comes before them. *ret and *ret_path are NULL if there is none.
 */
MUST_USE struct err *config_find(const char *stem, const char *first, struct json_object **ret,
				 char **ret_path);
/* "clouds.yaml, .yml and .json in /home/a, ...", for the message that says what is not there. */
char *config_places(const char *stem, const char *first);
/* The OS_* variables that describe a cloud, by lower-case name without OS_; NULL: there are none. */
struct json_object *env_cloud(void);
/* Owned; NULL: no cache is wanted or there is no place for it. */
char *env_cache_dir(void);
/*
 * The path of what is one, or PEM text itself: that gets a file in memory, which this process alone
 * can open and which lives as long. Owned; NULL stays NULL.
 */
MUST_USE struct err *pem_path(const char *path_or_text, char **ret);
/* Overwrites every string in a value. For values that nobody else holds. */
void json_wipe(struct json_object *v);
/* Overwrites text that json-c made of a value, and keeps with it. */
void json_text_wipe(const char *s, size_t len);

/* ---- layer.c ---- */

/*
 * One source's settings in their present names: old names replaced, auth options moved into "auth",
 * numbers as strings, null and "" left out. `where` starts messages ("FILE: clouds.demo").
 */
MUST_USE struct err *layer_new(struct json_object *raw, const char *where,
			       struct json_object **ret);
/*
 * Lays `over` on `into`. What says the same thing in another way (user_id for username, system_scope
 * for project_name) is displaced too, so that the outer layer has the last word.
 */
void layer_add(struct json_object *into, struct json_object *over);
/* Fills in what clouds.yaml lets people leave out: domains given once, {region_name} in URLs. */
void layer_finish(struct json_object *config);
bool auth_key_secret(const char *key);

#endif
