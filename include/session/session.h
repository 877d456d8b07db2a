#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <json-c/json.h>

#include "api.h"
#include "err.h"
#include "resource.h"

/*
 * A session with one cloud: configuration, login, catalogue, versions, and the caches that processes
 * share. Nothing is read or sent before the first call needs it, but for the configuration.
 *
 * `options` are the connection options of a module, by the names openstack.cloud gives them: cloud
 * (a name, or a dict with a whole configuration), auth (dict), auth_type, region_name, interface,
 * validate_certs, ca_cert, client_cert, client_key, api_timeout, timeout. Absent ones are absent.
 *
 * Precedence as in openstacksdk: options over OS_* variables where no cloud is named (a named
 * cloud's file wins over them), over secure.yaml, over clouds.yaml, over the vendor profile in
 * clouds-public.yaml. Errors name file and key.
 *
 * Token and catalogue are cached in ${TREENAIL_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/treenail}, mode
 * 0700, one file of mode 0600 for each login, named by a digest of everything that identifies it
 * (never by a secret); encrypted with a key derived from the credentials, so that nothing is in
 * there in clear; locked while one process logs in and the others wait; thrown away when under
 * a minute of life is left. TREENAIL_CACHE=off turns it off. A cache that cannot be read or written
 * costs a login, never a failure.
 */
/* The connection options, as every module has them. */
extern const struct attr session_options[];

struct session; /* its first member is the struct api */

MUST_USE struct err *session_new(struct json_object *options, struct session **ret);
void session_free(struct session *s);
struct api *session_api(struct session *s);

/* Token, user, project and roles as Keystone answered; logs in when needed. Borrowed. */
MUST_USE struct err *session_token(struct session *s, const char **ret);
MUST_USE struct err *session_access(struct session *s, struct json_object **ret);
/* Values no output may hold: passwords, secrets, the token. NULL-terminated, borrowed, may change. */
const char *const *session_secrets(struct session *s);

#endif
