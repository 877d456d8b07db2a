#ifndef SSH_BCRYPT_H
#define SSH_BCRYPT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The key derivation of OpenSSH's encrypted private keys, bcrypt_pbkdf(3) of OpenBSD: PBKDF2 (RFC 8018)
 * with a variant of bcrypt in the place of HMAC. OpenSSL has none, and its Blowfish no access to the
 * key schedule.
 */
enum { BCRYPT_ROUNDS_MAX = 1024 }; /* some 8 s; ssh-keygen's own are 16 to 24 */

struct bcrypt_key {
	size_t len; /* wanted */
	unsigned char s[64];
};
/* False if a size or the rounds are none that can be meant. */
bool bcrypt_pbkdf(const char *pass, const unsigned char *salt, size_t salt_len, unsigned rounds,
		  struct bcrypt_key *ret);

#endif
