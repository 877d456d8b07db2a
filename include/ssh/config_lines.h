#ifndef SSH_CONFIG_LINES_H
#define SSH_CONFIG_LINES_H

#include "ssh/config.h"

/*
 * What config.c, config_lines.c and options.c of lib/ssh share: files as lines of words, those of Include in
 * the place of theirs, between an ENTER and a LEAVE; and the table of options.
 */
enum line_kind {
	LINE_OPTION,
	LINE_IGNORED, /* an option that we do not have */
	LINE_UNKNOWN, /* unless IgnoreUnknown names it this is an error */
	LINE_HOST,
	LINE_MATCH,
	LINE_INCLUDE,
	LINE_TOP,   /* a file begins that nobody included */
	LINE_ENTER, /* one does that somebody did */
	LINE_LEAVE,
};

struct line {
	enum line_kind kind;
	bool told;             /* not followed, and that may matter */
	const struct row *row; /* of an option that we have */
	const char *file;      /* the configuration's; "": an option that comes before all files */
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

/* ---- options.c ---- */

enum shape {
	TEXT,
	FLAG,
	COUNT_OF, /* a number, from 0 */
	PORT,
	SECONDS, /* with units: 1h30m */
	CHOICE,
	FILES, /* some paths in one line */
	EACH,  /* adds up */
	JUMP,
	ANYTHING,
};

enum id {
	ADDRESS_FAMILY,
	BIND_ADDRESS,
	BIND_INTERFACE,
	CANONICALIZE,
	CERTIFICATE_FILE,
	CONNECT_TIMEOUT,
	GLOBAL_KNOWN_HOSTS,
	HASH_KNOWN_HOSTS,
	HOST_KEY_ALGORITHMS,
	HOST_KEY_ALIAS,
	HOST_NAME,
	IDENTITIES_ONLY,
	IDENTITY_AGENT,
	IDENTITY_FILE,
	IGNORE_UNKNOWN,
	KNOWN_HOSTS_COMMAND,
	PORT_NUMBER,
	PREFERRED,
	PROXY, /* ProxyJump and ProxyCommand: the first of both */
	REFUSE,
	REVOKED,
	ALIVE_COUNT,
	ALIVE_INTERVAL,
	STRICT,
	TAG,
	USER,
	USER_KNOWN_HOSTS,
	IDS,
};

struct row {
	const char *name;
	enum id id;
	enum shape shape;
	const char *words; /* of a choice, in lower case; of a refused one: those that do no harm */
	const char *advice; /* it is refused: what to do */
};

enum { JUMPS_MAX = 16 };

extern const struct row option_rows[];
extern const size_t option_count;

/* By its keyword; the value of an option that we have has to be one, whether the line is in force or not. */
MUST_USE struct err *line_understand(struct line *l);
/* The error of a LINE_UNKNOWN: with the nearest name there is. */
MUST_USE struct err *line_unknown(const struct line *l, const char *keyword);

/* [user@]host[:port] or ssh://[user@]host[:port]; false: it is neither. */
bool jump_parse(const char *s, struct ssh_jump *ret);
void jump_release(struct ssh_jump *j);

char *text_lower(const char *s); /* owned */
bool text_number(const char *s, long max, long *ret);
bool text_seconds(const char *s, long *ret);
/* Whether a list of words in lower case has the value, however that is written. */
bool text_has(const char *words, const char *value);
bool text_is_none(const char *s);

#endif
