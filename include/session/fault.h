#ifndef SESSION_FAULT_H
#define SESSION_FAULT_H

#include "err.h"
#include "http.h"

/*
 * An answer with a status from 300 on as an error: "409 Quota exceeded (request req-...)". All that
 * the service said is in it, from whichever of OpenStack's error shapes, in one line.
 */
MUST_USE struct err *fault_new(const struct http_answer *a);
/* The service's words alone; "" if it said nothing. Owned. */
char *fault_text(const struct http_answer *a);
/* Puts *** for each of the strings, in place. For services that quote the request's secrets. */
void fault_scrub(struct err *e, const char *const *secrets);

#endif
