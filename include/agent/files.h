#ifndef AGENT_FILES_H
#define AGENT_FILES_H

#include <sys/stat.h>

#include "agent/agent.h"

/* Files on the node: how they are found, and how they are put in place. */

/* What a path leads to; a symbolic link is not followed. */
struct found {
	bool there;
	struct stat st;
	char sha256[SHA256_HEX]; /* of a plain file, if asked for; else "" */
};
MUST_USE struct err *file_find(const char *path, bool sum, struct found *ret);

/* Mode and owner as a step wants them; what it does not say is -1. */
struct want {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};
#define WANT_ANY ((mode_t)-1)
/* Of the step's "mode" and "owner". */
MUST_USE struct err *want_of(const struct step *s, struct want *ret);
bool want_is_met(const struct want *w, const struct stat *st);
/* Makes it so. */
MUST_USE struct err *want_meet(const struct want *w, const char *path, const struct stat *st);

/*
 * Content from memory, or from a descriptor's beginning to its end if s is NULL. Written beside the path
 * under a name that begins with a dot, so that nobody takes it for one of the folder's files, synced,
 * given mode and owner, and renamed. What `w` does not say is as it is (`old`), or 0644 and our own.
 */
MUST_USE struct err *file_put(const char *path, const char *s, size_t n, int fd,
			      const struct want *w, const struct found *old);
/* ERR_CONFLICT for what is neither a plain file nor a link. */
MUST_USE struct err *file_may_be_put(const char *path, const struct found *old);
/* Up to `max` bytes; ERR_NOT_FOUND if it is not there, ERR_USAGE if it is larger. */
MUST_USE struct err *file_read(const char *path, size_t max, struct buf *ret);
/* The whole of a small file of the kernel's or the system's without the newline at its end; "" if it cannot be had. Owned. */
char *file_line(const char *path);
/* A word of one of the kernel's tables, in place: a blank in it is written \040. */
void words_decode(char *s);
bool file_is(const char *path, const char *s, size_t n);

/* {"mode", "owner", "sha256", "content"}; NULL: it is not there. */
struct json_object *file_shown(const struct step *s, const char *path, const struct found *f);
/* What it is going to be, with `s` as content if that is not NULL. */
struct json_object *file_promised(const struct step *s, const struct want *w,
				  const struct found *old, const char *sha256, const char *text,
				  size_t n);

/*
 * The whole file `path` has this text: what file_put() is for, with report. For steps that also write a
 * file. *changed, if not NULL, is set when it was, or would be.
 */
MUST_USE struct err *step_write(struct step *s, const char *path, const char *text, size_t n,
				const struct want *w);

/* ---- users.c: /etc/passwd and /etc/group, read without the libraries of NSS ---- */

/* "user", "user:group", ":group"; -1 for what is not said. */
MUST_USE struct err *owner_parse(const char *text, uid_t *uid, gid_t *gid);
char *owner_text(uid_t uid, gid_t gid); /* "root:adm"; numbers for what has no name; owned */

#endif
