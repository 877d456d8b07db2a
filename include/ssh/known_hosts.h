#ifndef SSH_KNOWN_HOSTS_H
#define SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ssh/config.h"

/*
 * Whose host key is whose: files of known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) with plain and
 * hashed names, [name]:port, patterns, @cert-authority and @revoked, or keys that are handed over as text. The verdicts
 * are OpenSSH's: a host that is known by any key is not known by another one, of whatever kind; what is not known as
 * [name]:port may be known as name; a certificate that is not taken counts as the key in it.
 *
 * A key is given as its blob (RFC 4253, 6.6; PROTOCOL.certkeys for certificates). For one thread.
 *
 * Caps: all files together 16 MiB, a key 16 KiB, a line's names 8 KiB. In files lines that cannot be read
 * are passed over, as with OpenSSH, but an unreadable @revoked that is about the host is an error.
 */
struct known_hosts;

/*
 * Lists of paths end with NULL; files that are not there have nothing in them. The first of `user` is
 * the one that accept-new writes to.
 */
MUST_USE struct err *known_hosts_open(char *const *user, char *const *global,
				      struct known_hosts **ret);
/*
 * Keys as text, in place of files: lines of known_hosts, or of a public key ("ssh-ed25519 AAAA..."), which
 * is then that of any host asked about; or a console's output with what cloud-init prints, of which the last
 * part between "-----BEGIN SSH HOST KEY KEYS-----" and its end is taken. A line that is none of these
 * is ERR_USAGE, and so is a text without any key.
 */
MUST_USE struct err *known_hosts_given(const char *text, size_t len, struct known_hosts **ret);
void known_hosts_free(struct known_hosts *k);

/* As connected to; of a HostKeyAlias the port is 0. */
struct known_name {
	const char *host;
	int port; /* 0, 22: only the name counts */
};

enum known_verdict {
	KNOWN_OK,
	KNOWN_UNKNOWN,
	KNOWN_CHANGED, /* the host has other keys */
	KNOWN_REVOKED,
};

struct known_answer {
	enum known_verdict verdict;
	const char *file; /* where that is said; borrowed; NULL for KNOWN_UNKNOWN */
	size_t line;
	char *offered; /* "ssh-ed25519 SHA256:..." */
	char *known;   /* of KNOWN_CHANGED, the key there */
	char *why;     /* of a certificate that was not taken, or was missed; NULL: neither */
};

/* now_s: seconds since 1970, for certificates. ERR_PROTOCOL: what was offered is no key. */
MUST_USE struct err *known_hosts_check(const struct known_hosts *k, const struct known_name *name,
				       const void *key, size_t len, int64_t now_s,
				       struct known_answer *ret);
void known_answer_release(struct known_answer *a);

struct known_policy {
	enum ssh_strict strict;
	bool hash; /* names that are added are hashed */
	int64_t now_s;
};
/*
 * NULL: the key may be trusted. Else ERR_AUTH, with what was offered, what is known and where, and what to do.
 * A key that is not known is added to the user's first file if the policy accepts it: one line, by a single
 * write at the end, under a lock, after a look at what others have added meanwhile, so that
 * processes which do the same at once make no line twice. File and folder are made (0600, 0700).
 * Where no file is named, what is not known is refused; where it cannot be written to, that is an error, but
 * for SSH_ACCEPT_ALL. Never waits: ERR_CONFLICT, that another process has the lock, goes by.
 * *ret_changed: the policy took a key although another one is known.
 */
MUST_USE struct err *known_hosts_verify(struct known_hosts *k, const struct known_name *name,
					const void *key, size_t len,
					const struct known_policy *policy, bool *ret_changed);

/*
 * Of these algorithms (a list with commas) first those for which the host's key is known, so that
 * it offers that one; unchanged if the first of them is. Owned.
 */
char *known_hosts_algorithms(const struct known_hosts *k, const struct known_name *name,
			     const char *algorithms);

/* "SHA256:...", as OpenSSH prints it; owned. */
char *ssh_fingerprint(const void *key, size_t len);

#endif
