#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An HTTP/1.1 server that misbehaves as told, on 127.0.0.1. Each request takes the next step of the
 * script, whichever connection it comes by; after the last one every request is echoed. It
 * remembers all requests.
 */
enum faulty_act {
	FAULTY_ANSWER, /* status, headers and body of the step */
	FAULTY_ECHO,   /* 200, body "METHOD target\n" and the request's body */
	FAULTY_CLOSE,  /* closes without a word */
	FAULTY_RESET,  /* the same with a TCP reset */
	FAULTY_HANG,   /* says nothing until the client goes */
	FAULTY_CUT_HEAD,
	FAULTY_CUT_BODY,  /* Content-Length promises 10 bytes more */
	FAULTY_CUT_CHUNK, /* chunked, without the end */
	FAULTY_GARBAGE,   /* no HTTP at all */
	FAULTY_RAW,       /* the body of the step instead of an answer, then closes */
	FAULTY_BIG_LINE,  /* a header of `size` bytes */
	FAULTY_MANY,      /* `size` headers */
	FAULTY_BIG_BODY,  /* a body of `size` bytes */
};

struct faulty_step {
	enum faulty_act act;
	int status;          /* 0: 200 */
	const char *headers; /* more lines, each with \r\n */
	const char *body;
	size_t len; /* of body; 0: strlen */
	size_t size;
	int delay_ms;
	bool early; /* does not read the request's body */
	bool close; /* closes after a whole answer without having said so */
	const char *
		target; /* the step is for requests of this one alone, whatever their turn; NULL: any */
};

struct faulty_options {
	int port;              /* 0: any */
	const char *cert;      /* chain and key, PEM; NULL: no TLS */
	const char *client_ca; /* asks clients for a certificate of this CA */
	bool http2;            /* with TLS only: every request is echoed, the script is not used */
	const char *greeting;  /* sent at once, before anything is read; then closes */
	const struct faulty_step *steps;
	size_t n;
};

struct faulty_request {
	char *method, *target;
	char *headers; /* as received */
	char *body;
	size_t len;
	int connection; /* 1, 2, ... */
	int version;    /* 1 or 2 */
};

struct faulty;

struct faulty *faulty_start(const struct faulty_options *o);
void faulty_stop(struct faulty *f);
int faulty_port(const struct faulty *f);
size_t faulty_count(struct faulty *f);
int faulty_connections(struct faulty *f);
/* The i-th request; lives as long as the server. */
const struct faulty_request *faulty_seen(struct faulty *f, size_t i);
/* A port that nobody listens on. */
int faulty_free_port(void);

/*
 * Writes certificates into a directory: ca.pem; server.pem (127.0.0.1, localhost) and wrong.pem
 * (another host), client.pem and late.pem (as server.pem, but expired an hour ago), signed by it, each with its key;
 * other.pem, a CA that signed none.
 */
bool faulty_certs(const char *dir);

#endif
