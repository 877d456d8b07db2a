#ifndef CLUSTER_ETCD_CALL_H
#define CLUSTER_ETCD_CALL_H

#include "cluster/etcd.h"
#include "http.h"
#include "json.h"

/* What lib/cluster/{etcd,etcd_snapshot}.c have in common; nobody else's business. */

struct etcd_request {
	const char *path; /* "/v3/maintenance/status" */
	const char *body; /* NULL: GET */
	bool reads;       /* may be sent twice */
	bool once;
	int64_t deadline_ms; /* 0: 10 s */
	bool (*stream)(void *arg, const char *s, size_t n);
	void *arg;
};
/* ret NULL: the answer is not looked at. */
MUST_USE struct err *etcd_call(struct etcd *x, const struct etcd_request *req,
			       struct json_object **ret);

#endif
