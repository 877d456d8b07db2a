#ifndef SSH_CONFIG_LINES_H
#define SSH_CONFIG_LINES_H

#include "ssh/config.h"

/*
 * What lib/ssh/config.c and config_lines.c share: files as lines of words, those of Include in the place of
 * theirs, between an ENTER and a LEAVE. What a line means is not known here.
 */
enum line_kind {
	LINE,
	LINE_TOP,   /* a file begins that nobody included */
	LINE_ENTER, /* one does that somebody did */
	LINE_LEAVE,
};

struct line {
	enum line_kind kind;
	const char *file; /* the configuration's; "": an option that comes before all files */
	size_t number;
	char *keyword; /* as written */
	char **words;  /* NULL-terminated, at least one */
	size_t nwords;
};

struct ssh_config {
	struct line *lines;
	size_t n, cap;
	char **files;
	size_t nfiles;
	size_t bytes;
	struct ssh_self self; /* owns its texts */
};

/* Puts "file:number: keyword: " before. Passes NULL through. */
MUST_USE struct err *line_wrap(struct err *e, const struct line *l);
MUST_USE PRINTF(2, 3) struct err *line_bad(const struct line *l, const char *fmt, ...);

#endif
