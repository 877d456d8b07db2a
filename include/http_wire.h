#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "http_answer.h"

/*
 * One attempt on the wire: lib/http.c carries it out, lib/http_retry.c decides what comes next. It
 * lives on its caller's stack.
 */
struct http_try {
	const struct http_request *req;
	const char *url;
	bool foreign; /* a redirect led to another host: neither secrets nor client certificate */
	int64_t until_ms;

	/* What became of it; `answer` is filled if ok. */
	bool ok;
	bool sent;    /* the request, or a part of it, may have reached the service */
	bool expired; /* until_ms came first */
	CURLcode code;
	int os_error;      /* errno of a connection that failed; 0: unknown */
	const char *fault; /* what we found wrong ourselves; NULL: see code */
	bool our_fault;    /* `fault` is about the request, not about the answer */
	struct http_answer answer;
	char *location; /* where the answer redirects to, absolute; NULL: nowhere */
	char error[CURL_ERROR_SIZE];

	/* lib/http.c's own. */
	struct http_try *next;
	pthread_cond_t woken;
	bool done;
	bool unset;      /* an option could not be set */
	bool bundle;     /* the system's CAs from its bundle, not its directory */
	bool unverified; /* the certificate's issuer is unknown or the like */
	CURL *easy;
	struct curl_slist *headers;
	struct http_parse parse;
	int64_t upload_from, upload_at, told_ms;
};

/* Blocks until the attempt is over; http_try_release() frees what it left. */
void http_try_run(struct http *h, struct http_try *t);
void http_try_release(struct http_try *t);

/* True if both URLs have scheme, host and port in common. */
bool http_same_origin(const char *a, const char *b);
/* True if a header or query key of this name (len bytes) is one whose value is not to be shown. */
bool http_secret_name(const char *name, size_t len);
/* For errors: without user, password, query and fragment. Owned. */
char *http_url_plain(const char *url);
/* For traces: with the query, values of secret keys as "***". Owned. */
char *http_url_masked(const char *url);
/* TREENAIL_LOG: *ret is the descriptor traces go to, -1 for none. */
MUST_USE struct err *http_trace_open(int *ret);
/* fd: -1 for none. */
void http_trace(int fd, const struct http_try *t, int64_t ms);

#endif
