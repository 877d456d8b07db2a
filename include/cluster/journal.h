#ifndef CLUSTER_JOURNAL_H
#define CLUSTER_JOURNAL_H

#include <stddef.h>

#include "err.h"
#include "json.h"

/*
 * What was begun on a cluster and what became of it, on the controller: FOLDER/journal (mode 0600, folder
 * 0700), only ever appended to (but see journal_records()), one JSON object a line, on disk (fsync) before what it announces is done. It
 * holds no secrets, and nothing that could not be found out again: who has lost it, or has another one, gets by with what
 * is seen on the nodes. It is what tells a kubeadm that was killed from one that somebody else is running.
 *
 *   {"at": "2026-01-31T10:00:00.000Z", "run": "1f3c...", "event": "begun", "action": "join", "node": "w1",
 *    "why": "not a member"}
 *   event   begun, ended, failed (with "error"): of an action on a node, or ("node" is left out) on the cluster; "marks", once
 *           said, are part of what is open until it has ended: labels and taints that are to be given back
 *           seen: "facts" of a node that the next run begins with
 *           gone: the node is none any more; what is known of it is forgotten
 */
struct journal;

enum { JOURNAL_BYTES = 64 << 20 };

/* ~/.local/state/treenail/clusters/NAME, or below XDG_STATE_HOME; owned; NULL: there is no home. */
char *journal_folder(const char *cluster);
/*
 * Opens it to be written, makes it if need be, and holds FOLDER/lock until it is closed. ERR_CONFLICT: another run holds
 * it; the error says which process on which host since when. A last line without its end (torn by a crash) is cut off;
 * any other line that is no record is ERR_PROTOCOL with its number.
 */
MUST_USE struct err *journal_open(const char *folder, struct journal **ret);
void journal_close(struct journal *j); /* NULL is fine */
/* Appends a record of `event`; `node` may be NULL; `more` (borrowed, may be NULL) is put into it. Any thread. */
MUST_USE struct err *journal_write(struct journal *j, const char *event, const char *action,
				   const char *node, struct json_object *more);

/* Reads it without a lock, for those who change nothing. One that is not there is empty. */
MUST_USE struct err *journal_read(const char *folder, struct json_object **ret_records);
/*
 * Records of its text; *ret_whole: bytes up to the end of the last whole line. Pure.
 */
MUST_USE struct err *journal_parse(const char *s, size_t len, struct json_object **ret_records,
				   size_t *ret_whole);
/*
 * What all of it comes to: {"open": {action: record}, "nodes": {NAME: {"open": {action: record}, "facts": {...}}}};
 * open: begun, and not ended; its last record is the begun one, or the failed one. Pure; owned.
 */
struct json_object *journal_state(struct json_object *records);
/* The same of what is in an open one. */
struct json_object *journal_state_now(struct journal *j);
/* The fewest records that come to a state; of these a journal of more than 1 MiB is made anew when it is opened. Pure; owned. */
struct json_object *journal_records(struct json_object *state);
/* The open record of an action on a node (NULL: on the cluster) in a state; borrowed; NULL: there is none. */
struct json_object *journal_open_action(struct json_object *state, const char *node,
					const char *action);

#endif
