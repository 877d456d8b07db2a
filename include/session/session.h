#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <json-c/json.h>

#include "api.h"
#include "err.h"
#include "resource.h"

/*
 * A session with one cloud: configuration, login, catalogue, versions, and the caches that processes
 * share. Nothing is sent before the first call needs it; only the configuration is read at once.
 *
 * `options` are the connection options of a module, by the names openstack.cloud gives them: cloud
 * (a name, or a dictionary with a whole configuration, any key of clouds.yaml included), auth,
 * auth_type, region_name, interface, validate_certs, ca_cert, client_cert, client_key (paths, or PEM
 * text itself), api_timeout; and SERVICE_endpoint_override, which modules have only in clouds.yaml.
 * Null and "" count as absent, others are passed over.
 *
 * Precedence as in openstacksdk, outermost first: options; the values of the region; the cloud; its
 * vendor profile (clouds-public.yaml). The cloud is the one that is named by option or OS_CLOUD, in
 * clouds.yaml with secure.yaml over it; where none is named it is made of the OS_* variables, and
 * where there are none it is the only one in the file. A named cloud's OS_* variables are not looked
 * at. Unlike there, an outer layer has the last word even where it says a thing in another way
 * (project_id over project_name, system_scope over a project, validate_certs over insecure), broken
 * files and unknown profiles are errors, and auth_type is seen from the credentials where it is not
 * given. Errors name file and key.
 *
 * Token, catalogue and versions are cached in
 * ${TREENAIL_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/treenail}, mode 0700, one file of mode 0600 for
 * each login, named by a digest of everything that identifies it but its secret; encrypted with a key
 * derived from the credentials, so that nothing is in there in clear; locked while one process logs
 * in and the others wait; not used when under a minute of life is left (a fifth, of short lives).
 * TREENAIL_CACHE=off turns it off. A cache that cannot be read or written costs a login, never a
 * failure.
 */
struct session; /* its first member is the struct api */

/* The connection options, as every module has them. */
extern const struct attr session_options[];

MUST_USE struct err *session_new(struct json_object *options, struct session **ret);
void session_free(struct session *s);
struct api *session_api(struct session *s);
/* The region it works in; "": any. Borrowed. */
const char *session_region(const struct session *s);
/* Whether two were configured the same, however that was said. */
bool session_alike(const struct session *a, const struct session *b);

/*
 * The token, and user, project, roles and so on as Keystone answered, without the catalogue. They log
 * in when needed. Borrowed, valid as long as the session; only to be read.
 */
MUST_USE struct err *session_token(struct session *s, const char **ret);
MUST_USE struct err *session_access(struct session *s, struct json_object **ret);
/*
 * Values no output may hold: passwords, secrets, all tokens so far. NULL-terminated, borrowed, valid as
 * long as the session; a later login makes a longer list.
 */
const char *const *session_secrets(struct session *s);

#endif
