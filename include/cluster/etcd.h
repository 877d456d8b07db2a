#ifndef CLUSTER_ETCD_H
#define CLUSTER_ETCD_H

#include <json-c/json.h>
#include <stdint.h>

#include "err.h"

/*
 * etcd 3.5 by its JSON gateway, on its client port, with a client certificate. One struct etcd is one
 * endpoint: one member, as reached from here. Nothing is sent before the first call. Any thread.
 */
struct etcd;

struct etcd_access {
	const char
		*name; /* of the member or its node: for errors and for matching; NULL: the URL */
	const char
		*url; /* "https://10.0.0.1:2379", or a forwarded port: "https://127.0.0.1:41000" */
	/* The name in its certificate where the URL's host is not: "localhost", "10.0.0.1"; NULL: the URL's host. */
	const char *server_name;
	const char *ca, *cert, *key; /* PEM text, which goes into no file, or paths; NULL: none */
};
MUST_USE struct err *etcd_new(const struct etcd_access *a, struct etcd **ret);
void etcd_free(struct etcd *x);
/* Its name, or the URL. Borrowed. */
const char *etcd_label(const struct etcd *x);

/*
 * Array of {"id": "8e9e05c52164694d" (hex, as etcdctl has it), "name" ("": it has not started yet), "peer_urls": [],
 * "client_urls": [], "learner": false}; owned. As this member knows them: answers without a quorum, too.
 */
MUST_USE struct err *etcd_members(struct etcd *x, struct json_object **ret);
/*
 * {"id", "version": "3.5.21", "leader": "id" or "", "raft_term", "raft_index", "db_size", "db_used" (bytes), "learner",
 * "errors": [texts]}; owned. Of this member, without a quorum, too.
 */
MUST_USE struct err *etcd_status(struct etcd *x, struct json_object **ret);

/*
 * All endpoints side by side: {"quorum": true, "leader": "c1", "members": [{"name", "id", "healthy": true, "learner", "leader",
 * "version", "db_size", "db_used", "peer_urls", "client_urls", "why": "" or what is wrong}], "alarms": [{"member", "alarm":
 * "NOSPACE"}], "problems": [sentences]}; owned.
 *
 * `healthy`: it answers and sees a leader. `why` of a member for which there is no endpoint is "was not asked". `quorum` is
 * proved by a linearizable read, not counted. Without a quorum it is no error but told: problems has "etcd has no quorum: 1 of 3 members
 * answers (c1), 2 are needed". The error (the first endpoint's) is that none answered.
 */
MUST_USE struct err *etcd_health(struct etcd *const *all, size_t n, int64_t timeout_ms,
				 struct json_object **ret);

/*
 * Takes the member of this name, or id, out. *ret_changed false: there is none. ERR_CONFLICT and nothing is done: it is the
 * last one, there is no quorum, or the healthy ones of the rest would be none ("removing c3 would leave 1 healthy of 2 members
 * (c1; c2: connection refused): 2 are needed"); members for which there is no endpoint count as not healthy. Asked is another
 * member than the one that goes. A lost answer is no error if the member is gone.
 */
MUST_USE struct err *etcd_remove(struct etcd *const *all, size_t n, const char *member, bool check,
				 bool *ret_changed);

/*
 * Snapshot of this member's data into a file of mode 0600, at once or not at all: written beside its place, its trailing SHA-256
 * verified, flushed to disk, renamed. Returns {"path", "bytes", "sha256" (of the file), "version"} owned. `max` (bytes; 0: 16 GiB): more is an
 * error. Nothing of it ever is in an error. A member of a cluster without a quorum gives one, too.
 */
MUST_USE struct err *etcd_snapshot(struct etcd *x, const char *path, int64_t max,
				   int64_t timeout_ms, struct json_object **ret);
/* Whether a file is a whole snapshot: its last 32 bytes are the SHA-256 of those before. ERR_PROTOCOL: it is not. */
MUST_USE struct err *etcd_snapshot_check(const char *path, struct json_object **ret);
/*
 * Whether a snapshot holds this text as part of a value. Every cluster keeps its CA's certificate in the config map kube-root-ca.crt of
 * each namespace, as the file of the API server has it: by that it is known again, unless config maps are encrypted.
 */
MUST_USE struct err *etcd_snapshot_has(const char *path, const char *text, bool *ret);

#endif
