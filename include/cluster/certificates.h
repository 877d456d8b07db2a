#ifndef CLUSTER_CERTIFICATES_H
#define CLUSTER_CERTIFICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "json.h"

/*
 * What certificates a node of a cluster has: those in its files, and those its programs show to who
 * connects, which differ where a program has not read what was renewed.
 *
 * A certificate, as JSON:
 * {"name": "apiserver",             row of the tables in certificates.c: as kubeadm calls it
 *  "where": "file" or "served", "place": "/etc/kubernetes/pki/apiserver.crt" or "10.0.0.5:6443",
 *  "subject": "CN=kube-apiserver", "issuer": "CN=kubernetes", "serial": "1f..", "sha256": "...",
 *  "not_before", "not_after": "2026-01-31T10:00:00Z", "not_before_s", "not_after_s": 1769853600, "ca": false,
 *  "renewed_by": "kubeadm"}
 * renewed_by: kubeadm (certs renew), user (whoever runs an etcd elsewhere; certificates_of_user()), kubelet (by itself, as long as it runs), removal (of kubelet.crt and kubelet.key: at its next start
 * the kubelet makes new ones), restart (of the program, which has it in no file); not there: of CAs, and of what is served out of a file.
 * What could not be looked at has "error" in place of what follows "place". Of several in one place the first is meant.
 */

/* All certificates of PEM text, in their order, without name, where and place; ERR_PROTOCOL: there is none. */
MUST_USE struct err *certificates_of_pem(const char *pem, struct json_object **ret);

/* ---- files ---- */

/* What to ask for by an agent's fact "certificates" (agent/facts.h). Owned list. */
struct json_object *certificates_paths(void);
/* As a step. Owned. */
struct json_object *certificates_step(void);
/* The answer, {path: [PEM, ...] or null} -> certificates, also of kubeconfig files; files that are not there are left out. Owned. */
struct json_object *certificates_of_facts(struct json_object *facts);

/*
 * A step of an agent's plan (a query) that prints when kubeconfig files were written and since when the
 * programs run that read them once, at their start. Its "out" -> {PROGRAM: seconds since the epoch at which
 * it was started, PATH: ... at which it was written}. Lines that make no sense are passed over. Owned.
 */
struct json_object *certificates_times_step(void);
struct json_object *certificates_times(const char *out);

/* The client certificate for an etcd elsewhere is not kubeadm's. */
void certificates_of_user(struct json_object *files);
/* Whether another renews a certificate of a report than a run of ours. */
bool certificate_is_others(struct json_object *certificate);

/* ---- as served ---- */

/*
 * The certificates that are shown to who begins a TLS connection, as PEM, the server's own first; nothing is verified,
 * and a server that wants to see a client's certificate is no hindrance. `host` and `port` are as
 * seen from here (a forwarded port); `name` is asked for by SNI; NULL: none. deadline_ms: clock_ms(); the look-up of a name
 * is the system's and may take longer. ERR_NETWORK, ERR_TIMEOUT, ERR_PROTOCOL: it speaks no TLS.
 */
MUST_USE struct err *certificate_served(const char *host, int port, const char *name,
					int64_t deadline_ms, char **ret_pem);
/* The same on a connected socket, which is left open. */
MUST_USE struct err *certificate_served_fd(int fd, const char *name, int64_t deadline_ms,
					   char **ret_pem);

struct certificates_look {
	const char *address; /* of the node, as it is seen from itself */
	bool control_plane;
	bool external_etcd;
	int api_port;
	int64_t deadline_ms; /* of each; clock_ms() */
	/* How to get from here to a port there: a host and port here. NULL: directly. */
	struct err *(*way)(void *arg, const char *host, int port, const char **ret_host,
			   int *ret_port);
	void *arg;
};
/*
 * All that a node's programs serve: API server, etcd (clients and peers), kubelet, controller manager, scheduler. The last
 * two listen on 127.0.0.1 alone, with certificates of their own that are in no file. Owned list.
 */
struct json_object *certificates_served(const struct certificates_look *l);

/* ---- the report ---- */

struct certificates_input {
	struct json_object *files;  /* certificates_of_facts(); NULL: not looked at */
	struct json_object *served; /* certificates_served(); NULL: likewise */
	struct json_object *times;  /* certificates_times(); NULL: likewise */
	int64_t now_s;              /* wall clock */
	int warn_days;              /* 0: 30 */
};

/*
 * Pure. {"certificates": [...], "worst": state, "days_left": fewest but for CAs, "restart": ["kube-apiserver", ...]}; each
 * certificate has beside: "days_left" (whole days; negative: it ended so many ago), "stale", "state" and "why" (a sentence, for
 * people; "" if ok):
 *   expired   it has ended, or has not begun
 *   stale     the program shows another one than its file has, or was started before its file was renewed
 *   unknown   it could not be looked at: no days_left
 *   ends_soon fewer than warn_days are left
 *   ok
 * in this order of badness. "restart": programs with what is stale: static pods, or kubelet. Nothing at all: worst is unknown.
 */
struct json_object *certificates_report(const struct certificates_input *in);

#endif
