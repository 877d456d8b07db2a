#ifndef SSH_HOST_CERTIFICATE_H
#define SSH_HOST_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Bytes of somebody else's. */
struct blob {
	const unsigned char *s;
	size_t len;
};

/* Takes a string with its length (RFC 4251, 5) from the beginning; false: there is none, or not all of it. */
bool blob_string(struct blob *from, struct blob *ret);
bool blob_is(struct blob b, const char *text);
bool blob_equal(struct blob a, struct blob b);

/*
 * A certificate of OpenSSH (PROTOCOL.certkeys) for a host key: ed25519, ecdsa or rsa, signed by one of these.
 * Borrows from the blob it was made of, but for `key`.
 */
struct host_certificate {
	struct buf key;    /* the key that is certified, as a blob of its own */
	struct blob ca;    /* the key that signed it, as a blob */
	uint32_t kind;     /* 2: of a host */
	struct blob names; /* strings; none: for all names */
	uint64_t after_s, before_s;
	struct blob critical;
	struct blob body, signature;
};

/* By the type's name. */
bool certificate_is_one(struct blob key);
/* ERR_PROTOCOL: it is cut, or something is left over. */
MUST_USE struct err *certificate_parse(struct blob key, struct host_certificate *ret);
void certificate_release(struct host_certificate *c);
/*
 * Whether the host of this name may use it now: kind, names, validity, critical options (none is known), signature (of RSA
 * only with SHA-2). Whether the CA is to be trusted is the caller's. ERR_AUTH with the reason.
 */
MUST_USE struct err *certificate_check(const struct host_certificate *c, const char *host,
				       int64_t now_s);

#endif
