#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "err.h"

/*
 * HTTP for many threads: all calls share one curl multi handle (connections are reused, HTTP/2
 * streams share one), http_call() blocks its caller until the answer is whole. There is no thread of
 * its own: of the callers that wait one drives the transfers of all, and hands that on when its own
 * is done. Nothing is set up before the first call.
 *
 * Promises:
 * - Repeats 429 and 503 always; 502, 504 and lost connections for GET, HEAD, PUT, DELETE and PATCH,
 *   for POST only if it cannot have reached the service (no connection was made). Pauses grow from
 *   0.25 s to 8 s with full jitter; Retry-After (seconds or date) is honoured. A pause that would
 *   outlast the deadline is not begun: the last answer or error is the result.
 *   What may well be a wrong setting (a host name that does not resolve, a port where nobody listens, a
 *   TLS handshake that fails) is tried 5 times, about 2 s; a refused certificate once.
 * - Every call ends: at its deadline at the latest, and says so.
 * - Answers over the cap (64 MiB body, 16 KiB header line, 256 headers), cut short or not decodable
 *   are errors, never half a body.
 * - Redirects are followed for GET only, at most 5, and never take secret headers to another host.
 * - TLS peers are verified (http_options says how), TLS 1.2 at least.
 * - With TREENAIL_LOG=debug each attempt is traced to stderr (or to the file TREENAIL_LOG_FILE, mode
 *   0600): method, URL, status, time, bytes, request id; bodies never, secret headers never, URL
 *   query values of keys in the list of secret names ("token", "password", ...) as "***". The same
 *   goes to whom http_trace_to() names.
 */
struct http;

struct http_options {
	const char *cacert;      /* file or directory; NULL: the system's */
	const char *client_cert; /* PEM; NULL: none */
	const char *client_key;  /* NULL: in client_cert */
	bool insecure;           /* only when the user said validate_certs: false */
	const char *user_agent;  /* NULL: treenail/VERSION */
	int max_connections;     /* per host; 0: 16 */
	/* The name in the service's certificate, which is asked for in TLS; NULL: the URL's host. */
	const char *server_name;
	const char *proxy;    /* URL; "": none, NULL: as the environment says */
	const char *no_proxy; /* hosts, as in the variable; NULL: as the environment says */
	const char *const *proxy_headers; /* for a proxy alone; NULL-terminated; may be NULL */
	int lane;                         /* what has another number shares no connection */
};

struct http_request {
	const char *method; /* "GET" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *secret_header;  /* one more header, never traced: "X-Auth-Token: ..." */
	const char *body;           /* NULL: none */
	size_t body_len;
	int upload_fd; /* streamed from its current offset when upload_size >= 0 and body is NULL */
	int64_t upload_size; /* 0 with upload_fd 0: none */
	/*
	 * Where the body of a 200 goes, from the file's beginning, in place of http_answer.body; without
	 * a cap. Each attempt begins anew. 0: nowhere.
	 */
	int save_fd;
	bool secret_body;    /* reserved for traces: nothing of the body ever appears in errors */
	int64_t deadline_ms; /* for all attempts together, from now; 0: 60 s */
	bool once;           /* no repeats at all */
	bool busy;           /* 429 is no reason to repeat: it may say more than that */
	bool twice;          /* a POST that is repeated as PUT is: done twice it is done once */
	/* The service was there before: that nobody listens is no wrong setting, and is repeated on. */
	bool known;
	bool plain; /* the answer is not to be compressed */
	/*
	 * Gets the body of a 200 as it arrives, in the caller's thread, which may make other calls
	 * meanwhile; false ends the call, which is no error. What was begun is not repeated.
	 */
	bool (*stream)(void *arg, const char *s, size_t n);
	void *stream_arg;
	/* Called now and then during an upload, from any thread that is inside http_call(); must not
	 * call http itself. After a repeat it starts from 0 again. */
	void (*progress)(void *arg, int64_t sent, int64_t size);
	void *progress_arg;
};

struct http_answer {
	int status;
	char *body; /* never NULL after success, terminated */
	size_t len;
	char **headers; /* "name: value", names in lower case; NULL-terminated */
	bool ambiguous; /* an attempt before may have been carried out */
};

MUST_USE struct err *http_new(const struct http_options *options, struct http **ret);
/*
 * The same, but all who ask with the same options get the same one: its connections and its CA
 * certificates are there once, however many clouds a process works on.
 */
MUST_USE struct err *http_shared(const struct http_options *options, struct http **ret);
/* No call may be under way (of a shared one: by its last holder). */
void http_free(struct http *h);
/*
 * Success is any whole HTTP answer that needs no (further) repeat: the caller looks at the status.
 * Errors (no answer): ERR_NETWORK, ERR_TIMEOUT, ERR_PROTOCOL, with `ambiguous` set if the service may
 * have carried the request out; ERR_USAGE for a URL, file or certificate that cannot be used. Their
 * text names method and URL without its query.
 */
MUST_USE struct err *http_call(struct http *h, const struct http_request *req,
			       struct http_answer *ret);
void http_answer_release(struct http_answer *a);
/*
 * Each attempt is told to `sink`, too, in a line without its end; from any thread that is inside http_call().
 * Before the first call; NULL: no more.
 */
void http_trace_to(void (*sink)(const char *line));
/* Value of a header (name in lower case), or NULL. */
const char *http_header(const struct http_answer *a, const char *name);
/* Attempts sent so far by this process (all handles), for tests and benches. */
unsigned long http_attempts(void);

#endif
