#ifndef SSH_ONCE_H
#define SSH_ONCE_H

#include "err.h"
#include "ssh/config.h"
#include "ssh/key.h"
#include "ssh/known_hosts.h"

/*
 * What lib/ssh/hosts.c reads once, however many hosts want it: what is returned is borrowed, and lives as long as
 * the struct. For one thread.
 */
struct ssh_once;

struct ssh_once *ssh_once_new(void);
/* NULL is fine. */
void ssh_once_free(struct ssh_once *o);

/* path NULL: the usual files. */
MUST_USE struct err *once_config(struct ssh_once *o, const char *path,
				 const struct ssh_config **ret);
/* The files of a host, or, if `given` is not NULL, the keys in that text. */
MUST_USE struct err *once_known_hosts(struct ssh_once *o, const struct ssh_host *host,
				      const char *given, struct known_hosts **ret);
/* As ssh_key_load(). */
MUST_USE struct err *once_key(struct ssh_once *o, const char *path, const char *passphrase,
			      const struct ssh_key **ret);
/* A file's text without the line's end at its end (at most 4 KiB of one line), or a variable's. */
MUST_USE struct err *once_secret_file(struct ssh_once *o, const char *path, const char **ret);
MUST_USE struct err *once_secret_env(struct ssh_once *o, const char *variable, const char **ret);
/* One that is in memory already; copied. NULL stays NULL. */
const char *once_secret(struct ssh_once *o, const char *secret);
/* All of these three; ends with NULL. */
const char *const *once_secrets(const struct ssh_once *o);

#endif
