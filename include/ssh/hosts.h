#ifndef SSH_HOSTS_H
#define SSH_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"
#include "resource.h"
#include "ssh/ssh.h"

/*
 * Hosts as people name them -> targets of the SSH engine: options, what ssh_config(5) says of them, their
 * keys, their known_hosts and their bastions, brought together.
 *
 * A host is a string ("web1", "ops@web1:2222", "[fd00::1]:22"), or an object with the options of
 * ssh_host_options[]. What it does not say is taken from the defaults (an object of the same options),
 * then from ssh_config (under its address, or its name where there is none), then as OpenSSH has it. known_hosts is
 * strict unless host_key_checking says otherwise.
 *
 * Bastions: of `jump` (a ProxyJump) or `bastions` (a list of hosts), the first is the one we connect to; else
 * those of ssh_config. They take the defaults, too, but no password: that goes to nobody but who is meant.
 *
 * Passwords and passphrases come from files or variables of the environment, by name: given as a
 * plain value (password, ansible_password, ...) they are refused, since logs and states could show them. A program that
 * has them in memory hands them over as struct ssh_secrets.
 *
 * Files (configurations, keys, known_hosts, passwords) are read once for all hosts. Nothing is connected to here,
 * and no name is looked up. Errors are ERR_USAGE, name host and option, and come before anything was done.
 */
extern const struct attr ssh_host_options[];

/* Instead of the defaults' files; NULL: not given. Copied, and wiped in the end. */
struct ssh_secrets {
	const char *private_key; /* its text; `passphrase` is its own, too */
	const char *passphrase;  /* of all keys */
	const char *password, *sudo_password;
};

struct ssh_entry {
	const char *name; /* the host's name, else its address */
	struct ssh_target target;
	bool sudo; /* the option of that name; false: not given */
};

struct ssh_hosts;
/* The defaults (NULL: none) are checked and read at once; `secrets` may be NULL. */
MUST_USE struct err *ssh_hosts_new(struct json_object *defaults, const struct ssh_secrets *secrets,
				   struct ssh_hosts **ret);
/*
 * One more host, which lives as long as they all. Errors leave the others as they are. May be called while a run is on, as
 * may the targets' checks of host keys: both are under one lock.
 */
MUST_USE struct err *ssh_hosts_add(struct ssh_hosts *h, struct json_object *host,
				   const struct ssh_entry **ret);
/*
 * All at once; `what` is the list's name in errors ("hosts"): "hosts[2] 'web3': ...". ERR_USAGE if two have the same
 * name, or there are more than 100,000.
 */
MUST_USE struct err *ssh_hosts_open(struct json_object *list, const char *what,
				    struct json_object *defaults, const struct ssh_secrets *secrets,
				    struct ssh_hosts **ret);
/* NULL is fine. Not before the run has ended. */
void ssh_hosts_free(struct ssh_hosts *h);

size_t ssh_hosts_count(const struct ssh_hosts *h);
const struct ssh_entry *ssh_hosts_at(const struct ssh_hosts *h, size_t i);
/* What the hosts have in common: the longest time to connect, the shortest keepalive. Sets nothing else. */
void ssh_hosts_pace(const struct ssh_hosts *h, struct ssh_options *ret);
/* Passwords and passphrases: what no output may hold. Ends with NULL; borrowed, until the next host is added. */
const char *const *ssh_hosts_secrets(const struct ssh_hosts *h);
/* Array of strings, each once: what is configured and not followed, keys that were left out. Owned. */
struct json_object *ssh_hosts_warnings(const struct ssh_hosts *h);

/* "user@host:port" and the like, as {"address", "user", "port"}; what is not there is left out. */
MUST_USE struct err *ssh_host_parse(const char *s, struct json_object **ret);

#endif
