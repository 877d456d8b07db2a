#ifndef SESSION_CACHE_H
#define SESSION_CACHE_H

#include <json-c/json.h>
#include <stdint.h>

#include "err.h"

/*
 * One file that processes share, for one login. Nothing in here fails: what cannot be read is a miss,
 * what cannot be written is not there the next time. Any thread may use it.
 *
 * The file is DIR/SHA-256(identity): "TNC1", 16 bytes of salt, 12 of nonce, the value as JSON under
 * AES-256-GCM, 16 of tag. The key is HKDF-SHA256 of secret, salt and identity; the first two are what
 * a reader must know, so that a folder that leaks tells nothing without the credentials.
 */
struct cache;

/* NULL if `dir` is NULL, no safe folder, or there is no secret to encrypt with. */
struct cache *cache_open(const char *dir, const char *identity, const char *secret);
void cache_free(struct cache *c);
/* NULL: a miss. The caller owns it. */
struct json_object *cache_read(const struct cache *c);
void cache_write(const struct cache *c, struct json_object *v);
/* Waits its turn among processes for limit_ms at most. -1: go on without. */
int cache_lock(const struct cache *c, int64_t limit_ms);
void cache_unlock(int lock);

#endif
