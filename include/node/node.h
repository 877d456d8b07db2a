#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "json.h"
#include "ssh/ssh.h"

/*
 * What is to be true on a host, sent as one plan to a small program there (treenail-agent), which makes
 * true what is not and reports each step.
 *
 * - A host that has the agent costs one command, however many steps there are. One that lacks it, or has
 *   a damaged one, gets it first (its name has its checksum); so do files that the plan needs (`blobs`),
 *   which are sent only when the agent says that it will need them.
 * - Before anything is changed all steps are checked: an unknown step or field is ERR_USAGE.
 * - Steps run in order; the first that fails ends the plan. A second run changes nothing. A run that was
 *   killed anywhere is finished by the next: what a step still owes to `if_changed` is kept on the host.
 * - The plan travels by standard input. Reports of steps with "secret" have no content.
 * - One plan at a time changes a host: the others wait, until their deadline.
 * - A controller that goes away ends what its agent is doing there.
 *
 * Each step is an object with "do" and the fields of that kind (below), and any of
 *   id          unique; names the step in errors and in if_changed
 *   name        for people
 *   if_changed  [id, ...] of steps before it: run only if one of them changed something, now or in a run
 *               that did not get as far as this step
 *   secret      true: no content in reports and errors
 *
 * Kinds, with their fields; [..] may be left out. Paths are absolute. A mode is octal, in quotes ("0640");
 * an owner is "user", "user:group" or ":group", by name or number. Without them what is there stays as it
 * is, and what is new gets 0644 (folders 0755) and root.
 *   file           path, one of content|base64|blob, [mode], [owner]   replaced whole, by rename(2)
 *   folder         path, [mode], [owner]               with those above it
 *   absent         path, [recursive]                   never over the edge of a file system
 *   link           path, to
 *   block          path, marker, content, [comment "#"]  lines between two marked ones; "" takes them out
 *   package        packages {name: version|null (any)|false (gone)}, [hold], [allow_downgrade], [env]
 *                                                      "1.33.1" also means 1.33.1-REVISION; "1.33.*" is a pattern
 *   kernel_module  modules [..], [file "/etc/modules-load.d/treenail.conf"]
 *   sysctl         values {..}, [file "/etc/sysctl.d/90-treenail.conf"]
 *   swap                                               off, and commented out in /etc/fstab
 *   service        unit, [enabled], [state started|stopped|restarted|reloaded]
 *   image          one of blob|path, names [..], [runtime containerd|docker], [namespace "k8s.io"]
 *   time           max_offset_s, [synchronized]        fails if the clock is off, or not kept by NTP
 *   space          path, free_mb                       fails if there is less
 *   command        argv [..], [stdin], [env {..}], [chdir], [creates path], [unless argv], [timeout_s],
 *                  [out_max 65536 bytes], [status [0]], [query]   query: changes nothing, runs in check too
 *   ready          one of url ("http://127.0.0.1:10248/healthz": addresses only)|tcp "127.0.0.1:6443"|
 *                  socket path, [timeout_s 60], [units [..]]: whose last lines are told on failure
 *   read           path, [max 1 MiB]                   in "after": {"content"|"base64", ..} or null
 *   facts          names [..], [packages [..]], [services [..]], [files [..]], [certificates [..]]
 *                                                      in the report's "facts", by name; see agent/facts.h
 *   reboot                                             ends the plan; see node_rest()
 *
 * *report: {"ok", "changed", "failed_id", "steps": [...], "rebooting": boot ID}. A step's line is {"id", "do",
 * "ok", "changed", "ms"} and, if there is something to say, "msg", "skipped" (why), "before", "after"
 * (of files: {"mode", "owner", "sha256", "content" with diff}; null: not there), "out", "err", "status".
 */
struct node_blob {
	const char *sha256; /* in hexadecimal */
	const char *path;   /* of the file here */
};

struct node_plan {
	struct json_object *steps; /* borrowed */
	bool check;                /* change nothing, tell what would be */
	bool diff;                 /* contents in "before" and "after" */
	bool sudo;                 /* by sudo, unless the user is root */
	int deadline_s;            /* 0: what is left of the host's */
	const struct node_blob *blobs;
	size_t nblobs;
	const char
		*folder; /* there; NULL: /var/lib/treenail for root, .cache/treenail for others */
	/* A part of a plan: what changed in the parts before it, by id ({"id": true}). May be NULL. */
	struct json_object *earlier;
	const char *boot_id; /* refuses to go on in this boot (ERR_CONFLICT); NULL: any will do */
	/* Each step's line when it arrives; may be NULL. */
	void (*heard)(void *arg, struct json_object *line);
	void *arg;
};

/*
 * NULL: all steps are true. The error of a step that failed names it. *report is set as soon as the agent
 * has begun, on failure too, and owned by the caller.
 */
MUST_USE struct err *node_run(struct ssh_session *s, const struct node_plan *plan,
			      struct json_object **report);

/*
 * After a report with "rebooting": the steps that are still to be run, and in *earlier what has changed
 * until now; both owned by the caller. For a plan with that .earlier and the report's ID as .boot_id, to
 * a target that is `booting`.
 */
struct json_object *node_rest(const struct node_plan *plan, struct json_object *report,
			      struct json_object **earlier);

#endif
