#ifndef API_H
#define API_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

/*
 * The seam between the resource engine and the world: whatever carries a request. The programs put
 * an OpenStack session behind it (lib/session/session.c), the tests an in-process cloud.
 *
 * call() promises, besides http.h's: adds token and microversion; on 401 logs in again and repeats, at
 * most twice, the second time a second later; turns statuses >= 400 into errors with the service's own
 * message, status and request id (ERR_AUTH 401/403, ERR_NOT_FOUND 404, ERR_CONFLICT 409, ERR_USAGE
 * 400/413/422, else ERR_REMOTE; `ambiguous` on 502/504 and lost connections), all of them with
 * request_failed(); may be called from many threads at once.
 */
struct request {
	const char *method; /* "GET" */
	/* Catalogue type: "compute", "network", "identity", "image", "block-storage". */
	const char *service;
	/*
	 * Below the endpoint, with query: "/v2.0/networks?name=a", escaped already. A path that
	 * starts with "http" is a whole URL (a next-page link).
	 */
	const char *path;
	struct json_object *body;
	const char *content_type; /* NULL: application/json */
	/* Highest one the caller understands ("2.96"), lowered to what is offered; NULL: none. */
	const char *microversion;
	const char *if_match; /* refused with 412 if the object is not this one; NULL: any */
	bool about_token;     /* sends the token as X-Subject-Token too: what is asked is of it */
	int upload_fd;        /* body is this file when upload_size > 0 */
	int64_t upload_size;
	bool secret;         /* the body holds secrets */
	int64_t deadline_ms; /* 0: the session's api_timeout */
	void (*progress)(void *arg, int64_t sent, int64_t size);
	void *progress_arg;
};

struct api {
	/* *ret: the decoded body, NULL when there was none. Caller owns it. `ret` may be NULL. */
	MUST_USE struct err *(*call)(struct api *api, const struct request *req,
				     struct json_object **ret);
	/* The project the token is for; "" if unscoped. Borrowed. Logs in when that has not been done. */
	MUST_USE struct err *(*project)(struct api *api, const char **ret);
	/* The user the token is of; "" if that cannot be known. Borrowed. Logs in when that has not been done. */
	MUST_USE struct err *(*user)(struct api *api, const char **ret);
	/*
	 * The settings of the cloud as clouds.yaml has them, less the credentials: of "auth", auth_url
	 * alone. Owned by the caller.
	 */
	struct json_object *(*settings)(struct api *api);
	/* The token in use, for those who ask for it by name. Borrowed. Logs in when that has not been done. */
	MUST_USE struct err *(*token)(struct api *api, const char **ret);
	/* True if the service offers this microversion. */
	MUST_USE struct err *(*offers)(struct api *api, const char *service,
				       const char *microversion, bool *ret);
	void (*sleep_ms)(struct api *api, int64_t ms);
	int64_t (*now_ms)(struct api *api);
};

/* Puts the request in front of an error: "GET network /v2.0/networks: ". Passes NULL through. */
MUST_USE struct err *request_failed(const struct request *req, struct err *e);

#endif
