#ifndef SSH_SESSION_H
#define SSH_SESSION_H

#include <libssh2.h>

#include "ssh/loop.h"
#include "ssh/ssh.h"

/*
 * What the files of lib/ssh/ share; users have ssh/ssh.h. All of it is for the thread of the loop.
 *
 * libssh2 says LIBSSH2_ERROR_EAGAIN where it would block. A packet that is half sent then has to be
 * finished by the same call before any other, so all calls look like this:
 *	do
 *		rc = libssh2_...();
 *	while (session_again(s, rc));
 *	if (rc < 0)
 *		return session_fault(s, "doing this");
 */
struct ssh_session {
	struct ssh_run *run;
	struct task *task;
	const struct ssh_target *target;
	LIBSSH2_SESSION *ssh; /* NULL: there is none now */
	int fd;               /* -1: it goes through `link` */
	struct link *link;    /* jump.h */
	int64_t deadline;     /* the host's */
	int64_t until;        /* that of what is being done now */
	int64_t heard_ms, asked_ms;
	int lost;       /* errno of the transport; ECONNRESET: it was closed */
	char *said;     /* the server's last words; NULL: none */
	bool deaf;      /* nobody reads at present: waits are not for what comes */
	bool drained;   /* nothing to be read since epoll was asked last */
	bool exchanged; /* our keys: what follows is encrypted */
	bool key_checked;
	bool doubted; /* the key is not the one that is known: no password goes there */
	bool shaken;  /* the key exchange is over */
	bool authenticated;
	bool answered;                /* the password, to a question of keyboard-interactive */
	bool gone;                    /* nothing can be sent any more */
	struct err *fault;            /* why; it ends all calls */
	char *at;                     /* "10.0.0.5 port 22": what was last connected to */
	struct sftp *sftp;            /* sftp.h; NULL: not yet */
	struct ssh_forward *forwards; /* forward.c */
};

/* Whether it may help to connect again. */
enum again {
	AGAIN_NEVER,
	AGAIN_BUSY,    /* the server hung up before the key exchange was over */
	AGAIN_ABSENT,  /* nobody there: a few times, unless the host is booting */
	AGAIN_BOOTING, /* no answer at all: if the host is booting */
};
/* One attempt, until s->until; *again is set on failure. session_close() is due either way. */
MUST_USE struct err *session_connect(struct ssh_session *s, enum again *again);
/* Says goodbye, if that can be done at once, and frees what session_connect() made. */
void session_close(struct ssh_session *s);
/* rc was EAGAIN and has been waited for: call again. False: rc is what came of it, or s->fault is set. */
bool session_again(struct ssh_session *s, ssize_t rc);
/*
 * For those who look at several things in turn: the same, but only for what has to be repeated before
 * anything else; whoever has found nothing to do calls session_wait(), which is false with s->fault.
 */
bool session_half_sent(struct ssh_session *s, ssize_t rc);
bool session_wait(struct ssh_session *s);
/* The error of the call that failed last. */
MUST_USE struct err *session_fault(struct ssh_session *s, const char *doing);
const char *session_name(const struct ssh_session *s);
int session_port(const struct ssh_target *t);
/* What a peer says, for an error: one line of plain ASCII, what is none as '?'. Owned. */
char *session_words(const char *s, size_t len);

/* auth.c */
MUST_USE struct err *session_authenticate(struct ssh_session *s);

/* forward.c: they end, all of them, within the loop's next rounds. */
void session_end_forwards(struct ssh_session *s);

/* exec.c: ends a channel, whatever its state. */
void session_end_channel(struct ssh_session *s, LIBSSH2_CHANNEL *c);
/* "running 'COMMAND': ", of its first line what fits. Passes NULL through. */
MUST_USE struct err *session_wrap(struct err *e, const char *command);
/* A new channel for a session (RFC 4254, 6.1). */
MUST_USE struct err *session_channel(struct ssh_session *s, LIBSSH2_CHANNEL **ret);

#endif
