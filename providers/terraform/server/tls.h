#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>

#include "buf.h"

/*
 * TLS between two processes that trust each other's certificate and nothing else: ours is made anew
 * for each process, the other's comes in the environment.
 */

/* A key on that curve ("P-256"), and a certificate for "localhost" signed by it. */
MUST_USE struct err *tls_identity(const char *curve, EVP_PKEY **ret_key, X509 **ret_cert);
/* For whom shows the certificate `peer` (PEM) and nobody else; ALPN h2. */
MUST_USE struct err *tls_server(const char *peer, EVP_PKEY *key, X509 *cert, SSL_CTX **ret);
/* DER in base64 without padding: a reader of Go's refuses the padding. */
MUST_USE struct err *tls_text(X509 *cert, struct buf *ret);
/* Why the last call of OpenSSL in this thread failed. Owned. */
char *tls_reason(void);

#endif
