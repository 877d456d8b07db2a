#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "json.h"

/*
 * The program on a node that makes a plan's steps true (node/node.h has the plan and the report). It is
 * static: json-c and libc, nothing of the node's but the files it reads and the tools it is asked to use.
 *
 * A kind of step is a table of fields and a function, in a file of its own; kinds.c lists them. The
 * function looks first, and calls step_change() before the first thing it does: that is the one place
 * that knows of check mode, of root, and of what has to be remembered should it be killed.
 */
struct agent;
struct step;

enum {
	AGENT_TEXT_MAX = 64 << 10, /* of a file's content in a report */
	AGENT_WORDS_MAX = 4096,    /* of a tool's last words in an error */
	AGENT_STEPS_MAX = 10000,
	SHA256_HEX = 65, /* with the NUL */
};

enum field_type {
	FIELD_TEXT,
	FIELD_PATH, /* absolute, without ".." */
	FIELD_MODE,
	FIELD_SHA256,
	FIELD_BOOL,
	FIELD_INT,    /* from 0 */
	FIELD_NUMBER, /* from 0 */
	FIELD_TEXTS,  /* a list of them, not empty */
	FIELD_INTS,   /* a list of them, not empty */
	FIELD_MAP,    /* texts, numbers and what else is no list or map, by name */
	FIELD_ANY,
};

enum { FIELD_NEEDED = 1 << 0, FIELD_EITHER = 1 << 1 /* exactly one of those so marked */ };

struct agent_field {
	const char *name; /* NULL: the table's end */
	enum field_type type;
	unsigned flags;
	const char *choices; /* of a TEXT, separated by blanks */
};

enum {
	KIND_READS = 1 << 0, /* changes nothing: needs no lock */
	KIND_ROOT = 1 << 1,  /* what it changes only root can */
	KIND_SPEAKS =
		1 << 2, /* its errors may repeat what it was given: not told of a secret step */
};

struct agent_kind {
	const char *name;
	unsigned flags;
	const struct agent_field *fields;
	struct err *(*run)(struct step *s);
	/* What the table cannot say of its fields, before any step is run; ERR_USAGE. May be NULL. */
	struct err *(*check)(struct json_object *args);
	/* Whether run() will want the content of its "blob"; NULL: it has none. */
	bool (*wants_blob)(struct step *s);
};
extern const struct agent_kind *const agent_kinds[]; /* kinds.c; ends with NULL */

struct step {
	struct agent *agent;
	const struct agent_kind *kind;
	struct json_object *args; /* the step as in the plan */
	struct json_object *line; /* its report */
	const char *id;           /* NULL: none */
	size_t index;
	bool secret, changed;
};

struct agent {
	bool check, diff;
	bool changed;     /* some step did */
	double now;       /* the controller's clock when it sent the plan; 0: it did not say */
	double read_at;   /* ours when the plan was read */
	int64_t deadline; /* clock_ms() */
	struct json_object *plan; /* owned */
	struct step *steps;       /* owned */
	size_t nsteps;
	char *folder;               /* its own: blobs, what is owed; owned */
	int lock;                   /* -1: none */
	int signals;                /* a descriptor that is readable when it is to end; -1: none */
	bool stopped;               /* it was told to end, or nobody listens any more */
	char *rebooting;            /* the boot's ID, if a step restarts the machine; owned */
	struct json_object *owed;   /* owed.c; owned */
	struct json_object *images; /* of image steps: what is there, by runtime; owned */
	bool apt_updated;
};

/* ---- plan.c ---- */

/* Takes `plan`. The error of a plan that cannot be is ERR_USAGE. */
MUST_USE struct err *agent_take(struct agent *a, struct json_object *plan);
/*
 * Runs it; `tell` gets each line, which it does not own, and is false when nobody listens. The last line
 * tells how it ended: false if a step has failed, or none was begun.
 */
bool agent_work(struct agent *a, bool (*tell)(struct agent *a, struct json_object *line));
void agent_release(struct agent *a);
/* {"done": true, "ok": false, "refused": why}; ends the error. */
struct json_object *agent_refusal(struct err *e);

/* ---- step.c: for steps ---- */

/*
 * Something is about to be changed. *go is false in check mode: then it is only said. May be called again.
 */
MUST_USE struct err *step_change(struct step *s, bool *go);
/* As a value in a report: what is no UTF-8 is shown as '?'. */
struct json_object *step_text(const char *s, size_t n);
/* UTF-8 without NUL. */
bool step_is_text(const char *s, size_t n);
/* "msg" of its report. */
PRINTF(2, 3) void step_say(struct step *s, const char *fmt, ...);
/* "fmt: Permission denied (this needs root)", of errno. */
MUST_USE PRINTF(1, 2) struct err *agent_errno(const char *fmt, ...);
/* Milliseconds until the deadline, at most `most` if that is not 0; never less than 0. */
int64_t agent_left_ms(const struct agent *a, int64_t most);
/* ERR_TIMEOUT past the deadline or when it was told to end; else waits so long. */
MUST_USE struct err *agent_pause(struct agent *a, int64_t ms);
/* Whether it was told to end, or its output leads nowhere. Never waits. */
bool agent_is_stopped(struct agent *a);

/* ---- lock.c ---- */

/* One agent at a time; waits until the deadline, and names who has it. */
MUST_USE struct err *agent_lock(struct agent *a);

/* ---- owed.c: steps that have to run because of a change, whatever becomes of this run ---- */

void owed_load(struct agent *a);
bool owed_has(struct agent *a, const struct step *s);
/* On the disk when it returns. */
MUST_USE struct err *owed_add(struct agent *a, const struct step *because);
MUST_USE struct err *owed_done(struct agent *a, const struct step *s);

/* ---- blobs.c ---- */

/* [{"sha256", "have": bytes that came before}] of those that steps will want; owned; NULL: none lacks. */
struct json_object *blobs_lacking(struct agent *a);
/* Open for reading, its checksum checked. */
MUST_USE struct err *blob_open(struct agent *a, const char *sha256, int *ret);
char *blob_path(const struct agent *a, const char *sha256);
/* Removes what this plan has used up, and what nobody has asked for in a long time. */
void blobs_sweep(struct agent *a);

/* ---- sha256.c (FIPS 180-4) ---- */

void sha256_text(const char *s, size_t n, char ret[SHA256_HEX]);
/* From where its offset is to its end. False: errno. */
bool sha256_fd(int fd, char ret[SHA256_HEX]);

#endif
