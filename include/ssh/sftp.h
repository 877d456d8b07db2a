#ifndef SSH_SFTP_H
#define SSH_SFTP_H

#include <sys/types.h>

#include "ssh/session.h"

/*
 * SFTP, version 3 (draft-ietf-secsh-filexfer-02), over one channel of a session, which is opened when
 * it is needed first. 64 requests of 32 KiB are in flight. libssh2 has one too, but its answers are
 * words without numbers, and what it holds back is not bounded. Answers over 256 KiB end it.
 */
struct sftp;
/* NULL is fine. Its channel ends with the session. */
void sftp_free(struct sftp *f);

/* Up to n bytes; 0: the end; -1: *e is set. */
typedef ssize_t sftp_source(void *arg, char *s, size_t n, struct err **e);
/* At that offset; they come in any order. */
typedef struct err *sftp_sink(void *arg, const char *s, size_t n, uint64_t offset);

/* A new file with mode 0600; an error if it is there already. `size` is what is to be expected. */
MUST_USE struct err *sftp_put(struct ssh_session *s, const char *path, uint64_t size,
			      sftp_source *source, void *arg);
/* ERR_NOT_FOUND if it is not there. */
MUST_USE struct err *sftp_get(struct ssh_session *s, const char *path, sftp_sink *sink, void *arg);
/* That it is not there is fine; so is anything else. */
void sftp_remove(struct ssh_session *s, const char *path);

/* For tests and fuzzers: the error of a SSH_FXP_STATUS's rest; NULL: it is SSH_FX_OK. */
MUST_USE struct err *sftp_status(const char *s, size_t len);

#endif
