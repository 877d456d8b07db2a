#ifndef SSH_CONFIG_H
#define SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/*
 * What ssh_config(5) says about a host, read as OpenSSH reads it: the user's file, then the system's
 * (or one that is named), Host, Match (host, originalhost, user, localuser, tagged, sessiontype, all,
 * final, canonical), Include, quotes, "=", ~ and tokens; the first value wins, IdentityFile and
 * CertificateFile add up. "Match final" reads all of it a second time, with the host's real name.
 *
 * Nothing is run, nobody is asked and no name is looked up. So these are errors, if they are in
 * force for the host asked about: ProxyCommand, KnownHostsCommand, Match exec (and localnetwork,
 * command, version), CanonicalizeHostname, RevokedHostKeys, BindAddress, BindInterface,
 * RefuseConnection, and PreferredAuthentications with none of publickey, password and
 * keyboard-interactive. So are, in force or not, as with OpenSSH: what is wrong in itself, and options
 * that are none (unless IgnoreUnknown names them). An error is ERR_USAGE, and names file, line and
 * option.
 *
 * Differences from OpenSSH: ${VARIABLE} without a value is an error, and so are tokens in Include, and
 * %C (its meaning depends on the version); StrictHostKeyChecking ask is yes; a port is a number, not
 * a service's name; the names in HostKeyAlgorithms need not be known (see ssh_algorithms()).
 *
 * Caps: a file 1 MiB, all 8 MiB and 1024 files, Include 16 deep, 100 identities and certificates,
 * 32 files of known hosts, 16 jumps.
 */
struct ssh_config;

/* Who asks; what ~ and tokens stand for. */
struct ssh_self {
	const char *user, *home; /* of the local user */
	unsigned uid;
	const char *host;                     /* this machine's whole name */
	const char *(*env)(const char *name); /* a variable's value; NULL: it has none */
};

struct ssh_document {
	const char *name; /* for messages: the path */
	const char *text;
	size_t len;
	bool system; /* in its Include there is no ~, and relative is relative to the system's folder */
};

/* The files that an Include means: `path` is absolute and may be a pattern. Calls `add` for each. */
struct ssh_includer {
	struct err *(*each)(void *arg, const char *path, void *to,
			    struct err *(*add)(void *to, const char *name, const char *text,
					       size_t len));
	void *arg;
};

/*
 * path NULL: ~/.ssh/config and /etc/ssh/ssh_config, as far as they are there (what others can write
 * to is an error); "none": no file; else that file alone, which has to be there. `self` NULL: the one who runs this.
 */
MUST_USE struct err *ssh_config_read(const char *path, const struct ssh_self *self,
				     struct ssh_config **ret);
/* The same from texts, in their order; `includer` NULL: Include is an error. */
MUST_USE struct err *ssh_config_parse(const struct ssh_document *docs, size_t n,
				      const struct ssh_includer *includer,
				      const struct ssh_self *self, struct ssh_config **ret);
void ssh_config_free(struct ssh_config *c);

/* An option that comes before all files, as one given with ssh -o: the value is one word, as it is. */
struct ssh_option {
	const char *name, *value;
};

enum ssh_strict {
	SSH_STRICT,     /* yes, ask: what is not known is refused */
	SSH_ACCEPT_NEW, /* what is not known is taken, and remembered */
	SSH_ACCEPT_ALL, /* no, off: what has changed is taken, too */
};

struct ssh_jump {
	char *user, *host; /* user NULL: as the configuration has it for that host */
	int port;          /* 0: likewise */
};

/* NULL and -1: not given, where nothing else is said. Lists end with NULL. */
struct ssh_host {
	char *alias;     /* as asked for */
	char *host_name; /* to connect to; in lower case */
	int port;        /* 22 */
	char *user;      /* the local one */
	int family;      /* AF_UNSPEC, AF_INET, AF_INET6 */
	char *host_key_alias;

	char **identities; /* paths; without any IdentityFile the usual ones, of which none need be there */
	bool identities_given;
	bool identities_only; /* of an agent's keys those of the identities alone */
	char **certificates;
	char *agent; /* socket, of SSH_AUTH_SOCK if nothing else is said; NULL: none is to be asked */

	struct ssh_jump *jumps; /* the first is the one we connect to */
	size_t njumps;

	char **user_known_hosts, **global_known_hosts; /* paths */
	enum ssh_strict strict;
	bool hash_known_hosts;
	char *host_key_algorithms; /* with its +, - or ^: see ssh_algorithms() */

	int connect_timeout_s;
	int alive_interval_s; /* 0: none */
	int alive_count;      /* 3 */

	/* Options in force that may matter and are not followed: "Ciphers (/home/a/.ssh/config:3), ..."; "" */
	char *ignored;
};

/* `over`: n options that win over all files. */
MUST_USE struct err *ssh_config_host(const struct ssh_config *c, const char *alias,
				     const struct ssh_option *over, size_t n,
				     struct ssh_host **ret);
void ssh_host_free(struct ssh_host *h);

/*
 * The way to a host: the jumps, each with what the configuration says about it, and the host itself
 * at the end. As with OpenSSH the first jump's own ProxyJump is followed, that of the others is not.
 * `over` is for the host alone. ERR_USAGE for a way that comes back to itself or has more than 16 jumps.
 */
struct ssh_way {
	struct ssh_host **hosts;
	size_t n;
};
MUST_USE struct err *ssh_config_way(const struct ssh_config *c, const char *alias,
				    const struct ssh_option *over, size_t n, struct ssh_way *ret);
void ssh_way_release(struct ssh_way *w);

/*
 * The algorithms an option asks for ("a,b"; "+a": after the usual ones; "^a": before them; "-a": all
 * of them but that), patterns in it or none. `usual` is what is done without an option, `all` what can be
 * done ("a,b,c"); what cannot is left out; "": nothing is left. `option` may be NULL. Owned.
 */
char *ssh_algorithms(const char *option, const char *usual, const char *all);

/* Patterns of ssh_config(5): * and ?, and in lists (with commas) ! for what is not meant. */
bool ssh_match(const char *s, const char *pattern);
/* 1: it matches; -1: a pattern with ! matches; 0: none does. `lower`: patterns in lower case. */
int ssh_match_list(const char *s, const char *patterns, bool lower);

/* ---- for lib/ssh/config.c: tokens.c ---- */

struct ssh_tokens {
	const struct ssh_self *self;
	const char *alias, *host, *user, *key_alias;
	int port;
};
/* %-tokens: of those that there are the ones of `allowed`; "%%" always. Owned. */
MUST_USE struct err *ssh_expand(const struct ssh_tokens *t, const char *allowed, const char *s,
				char **ret);
/* A path: ~, then ${VARIABLE} and all tokens. */
MUST_USE struct err *ssh_expand_path(const struct ssh_tokens *t, const char *s, char **ret);
MUST_USE struct err *ssh_expand_home(const struct ssh_self *self, const char *s, char **ret);

#endif
