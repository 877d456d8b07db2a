#ifndef SSH_SSH_H
#define SSH_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

/*
 * SSH to many hosts at once: one process, one thread (that of ssh_run_all()), an event loop, and for
 * each host a coroutine in which its task runs as straight code. libssh2 speaks the protocol (RFC 4253,
 * 4252, 4254), never blocking.
 *
 * Promises:
 * - Thousands of sessions; a session that is up takes less than 100 KiB of memory. As many are open at
 *   once as the limit of open files allows; the others wait.
 * - Every call ends: at the deadline of its host (from when that is first connected to) or of the run at
 *   the latest, within a second after clock_cut(). An attempt to connect has a deadline of its own.
 * - The host key is checked before anything but the key exchange is sent, by the target's callback.
 *   There is no way around it: a target without one is ERR_USAGE.
 * - A bounded number of hosts is being connected to at once. For each server (host and port) that bound
 *   begins at 2, grows with each success, and is halved when the server hangs up before the key
 *   exchange is over, which is what MaxStartups (sshd_config(5)) looks like: that host is tried again
 *   after 0.05 to 4 s with jitter, until its deadline, or 60 s after the last success on that server.
 *   What may well be a wrong setting (nobody listens, no route, an unknown name) is tried 4 times, about
 *   2 s; `booting` repeats all of that until the deadline. After the key exchange nothing is repeated.
 * - A peer that says nothing for 15 s while we wait is asked for a sign of life; after 45 s of silence
 *   it is gone: ERR_NETWORK. A command may be silent as long as its sshd is not.
 * - Targets behind the same bastion share its session (more of them, up to 8, if one is held up by a
 *   host that does not answer), if they would come in by the same keys and trust it alike. Bastions may be behind
 *   bastions, 16 in all.
 * - Keys are tried in their order, then the agent's, then password and keyboard-interactive.
 * - Secrets come in memory, and are in no error and on no command line.
 * - Of key exchanges ecdh-sha2-nistp256 is asked for first, as it costs sshd least; the rest in libssh2's order.
 *
 * libssh2 1.10 (Debian 12) knows the host keys ssh-ed25519, ecdsa-sha2-* and ssh-rsa with SHA-1 alone: a
 * server that has nothing but an RSA key and refuses SHA-1 (OpenSSH 8.8) cannot be reached before libssh2 1.11, and
 * the error says so. Neither does it know certificates. A user's RSA key is signed with SHA-2 for OpenSSH
 * since 7.2; for other servers with SHA-1, until libssh2 1.11 is there.
 */
struct ssh_run;
struct ssh_session;
struct ssh_job;
struct ssh_key; /* ssh/key.h */

/* The host keys that can be asked for, those of them that libssh2 knows. */
#define SSH_HOST_KEYS                                          \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384," \
	"ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa"

struct ssh_host_key {
	const char *type; /* "ssh-ed25519" */
	const unsigned char *blob;
	size_t len;
	/* To be set if it is taken although another one is known: no password goes there then, nor sudo's. */
	bool *doubted;
};

struct ssh_target {
	const char *name;                  /* in errors; NULL: host */
	const char *host;                  /* name or address */
	int port;                          /* 0: 22 */
	int family;                        /* AF_INET, AF_INET6; 0: either */
	const char *user;                  /* needed */
	const struct ssh_key *const *keys; /* shared by any number of targets */
	size_t nkeys;
	const char *agent;    /* path of the agent's socket; NULL: none */
	bool identities_only; /* of the agent's keys none but those of `keys` */
	const char *password; /* for password and keyboard-interactive; NULL: none */
	/* For sudo; NULL: it must not ask for one. */
	const char *sudo_password;
	const struct ssh_target *jump; /* the bastion just before it, which may have one itself */
	/*
	 * NULL: it is the one. The error is the host's, with its name put before; but ERR_CONFLICT, that it cannot be
	 * told at present, is asked again until the attempt's deadline. Must not block.
	 */
	struct err *(*check)(void *arg, const struct ssh_target *t, const struct ssh_host_key *key);
	void *check_arg;
	/* Whether two args of it come to the same, whatever the key is; NULL: no two do. */
	bool (*check_same)(const void *a, const void *b);
	/* To ask for, best first, by commas: those whose keys are known. NULL: SSH_HOST_KEYS. */
	const char *host_key_algorithms;
	bool booting;        /* that it does not answer yet is no error */
	int64_t deadline_ms; /* for all that is done there; 0: the run's host_ms */
};

struct ssh_options {
	int connecting;     /* hosts at once; 0: 64 */
	int sessions;       /* open at once; 0: what the limit of open files allows */
	int64_t host_ms;    /* 0: 10 minutes */
	int64_t run_ms;     /* 0: none */
	int64_t connect_ms; /* for one attempt: name, TCP, key exchange, authentication; 0: 20 s */
	int64_t keepalive_ms; /* silence before a sign of life is asked for; 0: 15 s */
};

struct ssh_run *ssh_run_new(const struct ssh_options *o); /* NULL: all as by default */
/* NULL is fine. */
void ssh_run_free(struct ssh_run *run);
/*
 * `task` is called once the host is connected and authenticated; its error is the host's. It may use
 * 24 KiB of stack, and must not block: what it waits for is the business of the calls below. A task may
 * add hosts. Target and arg live until ssh_run_all() has returned. The result is the run's.
 */
struct ssh_job *ssh_run_add(struct ssh_run *run, const struct ssh_target *target,
			    struct err *(*task)(struct ssh_session *s, void *arg), void *arg);
/* Returns when all have ended. May be called again after more were added. */
void ssh_run_all(struct ssh_run *run);
/* What became of it: "host 'web1': connecting to 10.0.0.5 port 22: ..."; NULL: all went well. Borrowed. */
const struct err *ssh_job_err(const struct ssh_job *j);
/* How often it was connected to: 1, and one more for each repeat. */
int ssh_job_tries(const struct ssh_job *j);

/* ---- for tasks ---- */

/* Lets the others run for so long, while the session is kept alive. */
MUST_USE struct err *ssh_pause(struct ssh_session *s, int64_t ms);
/* clock_ms() of the host's deadline. */
int64_t ssh_deadline(const struct ssh_session *s);

/*
 * A port on 127.0.0.1 here whose connections (64 at once) go to host:port as that is seen from there
 * (direct-tcpip, RFC 4254, 7.2), for as long as the task runs: whatever this session does meanwhile, and for any
 * thread, but not for a task, which must not block. They go by a session of their own to the same host, shared by
 * all forwards there, connected when the first one comes: it counts as one more connection to it. An
 * end is handed on each way; a connection that the other side does not take is reset. Each has host_ms to be
 * connected in, from when it comes, whenever the session's own deadline is.
 * Any user of this machine can connect to it: what is reached by it has to ask who is there.
 */
struct ssh_forward;
MUST_USE struct err *ssh_forward(struct ssh_session *s, const char *host, int port,
				 struct ssh_forward **ret);
int ssh_forward_port(const struct ssh_forward *f);
/* Why a connection came to nothing, last; owned; NULL: none did. From any thread. */
char *ssh_forward_fault(struct ssh_forward *f);
/* It takes no more connections, and none is left. From any thread. */
bool ssh_forward_ended(struct ssh_forward *f);
/* Due once for each, before or after the task's end; ends its connections. From any thread. NULL is fine. */
void ssh_forward_close(struct ssh_forward *f);

enum { SSH_OUT_MAX = 16 << 20 };

struct ssh_exec {
	const char *command; /* for the user's shell there; see ssh_quote() */
	const char *title;   /* what errors call it; NULL: the command */
	const char *in;      /* NULL: none */
	size_t in_len;
	/* More of it, after `in`: up to n bytes; 0: the end; -1: *e is set. NULL: no more. */
	ssize_t (*more)(void *arg, char *s, size_t n, struct err **e);
	/* Gets what comes on standard output in place of ssh_result.out, without a cap. */
	struct err *(*out)(void *arg, const char *s, size_t n);
	void *arg;
	bool sudo;           /* as root, by sudo(8) */
	size_t out_max;      /* of each output; 0: 16 MiB. What is over it is counted and dropped */
	int64_t deadline_ms; /* 0: the host's */
};

struct ssh_result {
	struct buf out, err;
	uint64_t out_left, err_left; /* bytes that were dropped */
	int status;                  /* exit status; -1: it was ended by a signal */
	char *signal;                /* "KILL"; NULL: none */
};
#define SSH_RESULT_INIT                          \
	{                                        \
		.out = BUF_INIT, .err = BUF_INIT \
	}
void ssh_result_release(struct ssh_result *r);
/*
 * Runs it. A status other than 0 is no error. sudo that refuses is ERR_AUTH, before the command has
 * begun. At the deadline ERR_TIMEOUT, `ambiguous`: the command may go on there; the session is then
 * of no more use. *ret must be initialised; on failure it has what came until then.
 */
MUST_USE struct err *ssh_exec(struct ssh_session *s, const struct ssh_exec *x,
			      struct ssh_result *ret);
/* As one word for a POSIX shell; owned. */
char *ssh_quote(const char *s);

/*
 * A file that is to be there. Its content goes to NAME.tmp-RANDOM beside it (mode 0600), which is
 * renamed when its checksum was read back and it has its mode and owner: nobody sees half of it, and what
 * fails leaves the old one. The folder must exist; a symbolic link is replaced.
 *
 * What is there already is known by SHA-256, mode and owner. Size and time would save the host a read,
 * but say nothing of a file that was restored, patched in place, or written by somebody else in the
 * same second. All files are looked at by one command, and finished by another, which also renames: over
 * SFTP that would be three round trips for each (rename(2) as it should be needs OpenSSH's
 * posix-rename there, too). Both need a POSIX shell, stat, sha256sum and mv -T there: coreutils or busybox.
 */
struct ssh_file {
	const char *path;    /* there; absolute, or from the user's home */
	const char *from;    /* a file here; or NULL: */
	const char *content; /* these bytes */
	size_t len;
	const char *sha256; /* in hexadecimal; NULL: computed: give it where many get the same */
	int mode;           /* 0: 0644 */
	const char *
		owner; /* "user", "user:group", ":group"; NULL: whoever writes it, and nobody compares */
	bool changed; /* set by ssh_upload(): it was not there like this */
};
/* Whether `have`, "root:adm", is what such an owner asks for: "root" is root:any, ":adm" any:adm. */
bool ssh_owner_is(const char *want, const char *have);
enum ssh_upload {
	SSH_SUDO = 1 << 0,  /* as root: over a command's input, since SFTP has no sudo */
	SSH_CHECK = 1 << 1, /* say what is `changed`, and change nothing */
};
MUST_USE struct err *ssh_upload(struct ssh_session *s, struct ssh_file *files, size_t n,
				unsigned flags);
/*
 * To a file here, by way of a temporary one beside it, with mode 0600. `max` is the most that is taken;
 * 0: no limit. ERR_NOT_FOUND if it is not there.
 */
MUST_USE struct err *ssh_download(struct ssh_session *s, const char *path, const char *to,
				  uint64_t max, unsigned flags);

#endif
