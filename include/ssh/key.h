#ifndef SSH_KEY_H
#define SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

/*
 * A user's key: ed25519, ecdsa (nistp256, 384, 521) or rsa, in OpenSSH's own format (PROTOCOL.key) or
 * as PEM (PKCS#1, SEC 1, PKCS#8), encrypted or not; or a public key alone (a .pub file), whose private
 * half an agent has. Read once and used by any number of sessions: to decrypt one takes a tenth of
 * a second, and libssh2 would do so for each. The private half is wiped when it is freed.
 */
struct ssh_key;

/*
 * `passphrase` is asked for nothing but an encrypted key; NULL: none. ERR_AUTH if it is needed or
 * wrong; ERR_NOT_FOUND if there is no such file.
 */
MUST_USE struct err *ssh_key_load(const char *path, const char *passphrase, struct ssh_key **ret);
/* The same from memory; `name` is for messages. */
MUST_USE struct err *ssh_key_parse(const char *name, const char *s, size_t len,
				   const char *passphrase, struct ssh_key **ret);
/* NULL is fine. */
void ssh_key_free(struct ssh_key *k);

const char *ssh_key_name(const struct ssh_key *k); /* its file */
const char *ssh_key_type(const struct ssh_key *k); /* "ssh-ed25519", ... */
/* The public half as it is sent (RFC 4253, 6.6); max 16 KiB. */
const struct buf *ssh_key_blob(const struct ssh_key *k);
bool ssh_key_can_sign(const struct ssh_key *k);
/*
 * Appends the inner signature: what follows the algorithm's name in RFC 4253, 6.6. `algorithm` is that
 * name: for rsa "rsa-sha2-512" (RFC 8332), "rsa-sha2-256" or "ssh-rsa". False if it cannot.
 */
bool ssh_key_sign(const struct ssh_key *k, const char *algorithm, const void *data, size_t len,
		  struct buf *ret);

#endif
