#ifndef KUBERNETES_FAULT_H
#define KUBERNETES_FAULT_H

#include "err.h"
#include "http.h"

/*
 * An answer with a status from 300 on as an error: "409 Conflict: ...", with reason, message and what
 * the causes say beside that.
 */
MUST_USE struct err *kube_fault(const struct http_answer *a);
/* The text of a Warning header; NULL: it is none of the server's. Owned. */
char *kube_warning(const char *header);

#endif
