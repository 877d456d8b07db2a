#ifndef CLUSTER_CERTIFICATES_H
#define CLUSTER_CERTIFICATES_H

#include <stdint.h>

#include "err.h"
#include "json.h"

/*
 * What certificates a node of a cluster has: those in its files, and those its programs show to who
 * connects, which differ where a program has not read what was renewed.
 *
 * A certificate, as JSON:
 * {"name": "apiserver",             row of the table in certificates.c: as kubeadm calls it
 *  "where": "file" or "served", "place": "/etc/kubernetes/pki/apiserver.crt" or "10.0.0.5:6443",
 *  "subject": "CN=kube-apiserver", "issuer": "CN=kubernetes", "serial": "1f..", "sha256": "...",
 *  "not_before", "not_after": "2026-01-31T10:00:00Z", "not_after_s": 1769853600, "ca": false}
 * Of several in one file the first is the one shown.
 */

/* All certificates of PEM text, in their order, without name, where and place; ERR_PROTOCOL: there is none. */
MUST_USE struct err *certificates_of_pem(const char *pem, struct json_object **ret);

/* ---- files ---- */

/*
 * A step of an agent's plan (a command that changes nothing) that prints what certificates_of_output()
 * reads. No private key leaves the node, also of files that have one beside the certificate.
 */
struct json_object *certificates_step(void);
/*
 * Its "out" -> {"certificates": [certificate...], "programs": {"kube-apiserver": started_s}}: also those within
 * kubeconfig files. What cannot be read is a certificate with "error" in place of its contents. Each has
 * "changed_s", when its file was written.
 */
MUST_USE struct err *certificates_of_output(const char *out, struct json_object **ret);

/* ---- as served ---- */

/*
 * Where one is served: rows for control planes and workers, as far as ports are. `host` is what to connect to from
 * the node itself: 127.0.0.1 for those that listen nowhere else.
 */
struct served_at {
	const char *name; /* of the certificate */
	int port;
	bool control_plane;  /* else every node has it */
	bool local;          /* listens on 127.0.0.1 alone */
	const char *restart; /* what must be restarted to read it anew: a static pod, or kubelet */
};
extern const struct served_at certificates_served[]; /* ends with a NULL name */

/*
 * The certificates that are shown to who begins a TLS connection, as PEM, the server's own first; nothing is verified,
 * and a server that wants to see a client's certificate is no hindrance. `host` and `port` are as
 * seen from here (a forwarded port), `name` is asked for by SNI (NULL: none) and in messages.
 * deadline_ms: clock_ms(). ERR_NETWORK, ERR_TIMEOUT, ERR_PROTOCOL.
 */
MUST_USE struct err *certificate_served(const char *host, int port, const char *name,
					int64_t deadline_ms, char **ret_pem);
/* The same on a connected socket, which is left open; `what` begins messages. */
MUST_USE struct err *certificate_served_fd(int fd, const char *what, const char *name,
					   int64_t deadline_ms, char **ret_pem);
/* What was served -> a certificate with "where" and "place". */
MUST_USE struct err *certificates_of_served(const char *name, const char *place, const char *pem,
					    struct json_object **ret);

/* ---- the report ---- */

struct certificates_input {
	struct json_object *files; /* of certificates_of_output(); NULL: not looked at */
	struct json_object *
		served; /* list; one that could not be had is {"name", "place", "error"}; NULL: likewise */
	int64_t now_s; /* wall clock */
	int warn_days; /* 0: 30 */
};

/*
 * Pure. {"certificates": [...], "worst": state, "days_left": fewest, "restart": ["kube-apiserver", ...]}; each
 * certificate has beside: "days_left" (full days; negative: since), "state" and "why" (a sentence, for people):
 *   expired   it has ended, or has not begun
 *   stale     the program shows another one than its file has, or was started before its file was renewed
 *   unknown   it could not be looked at
 *   ends_soon fewer than warn_days are left
 *   ok
 * in this order of badness. CAs are told of but are no reason to renew others. "restart": what is stale.
 */
struct json_object *certificates_report(const struct certificates_input *in);

#endif
