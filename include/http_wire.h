#ifndef HTTP_WIRE_H
#define HTTP_WIRE_H

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
	struct curl_slist *proxy_headers, *connect_to;
	int64_t upload_from, upload_at, told_ms;
	struct http *http;
	char *named_url;   /* with another host, see http_options.server_name */
	struct buf piece;  /* streamed, and not handed on yet; under the lock */
	bool streamed;     /* something was */
	bool handing;      /* its reader is at work, and drives nothing meanwhile */
	bool full;         /* libcurl was told to wait; under the lock */
	atomic_bool again; /* ... and may go on */
	atomic_bool cut;   /* the caller has enough */
	char refused[256]; /* which certificate was */
};

/* Blocks until the attempt is over; http_try_release() frees what it left. */
void http_try_run(struct http *h, struct http_try *t);
void http_try_release(struct http_try *t);
/* The same, up to a connection on which nothing has been said; NULL: see t. */
CURL *http_try_connect(struct http *h, struct http_try *t);

/*
 * A connection of its own to the URL's host, with the handle's TLS settings, for what is no HTTP after
 * its first answer: curl_easy_send(), _recv() (inside sigpipe_hold()), and curl_easy_cleanup() at the end.
 * Promises and errors as http_call()'s, as far as there is no answer.
 */
MUST_USE struct err *http_connect(struct http *h, const char *url, int64_t deadline_ms, CURL **ret);

/*
 * OpenSSL writes to sockets without MSG_NOSIGNAL. With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE
 * alone, and changing the process's handler is not a library's business: hold it off this thread.
 */
struct sigpipe {
	sigset_t before;
	bool pending;
};
void sigpipe_hold(struct sigpipe *s);
void sigpipe_restore(struct sigpipe *s);

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
