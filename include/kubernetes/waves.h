#ifndef KUBERNETES_WAVES_H
#define KUBERNETES_WAVES_H

#include "err.h"

#include <stddef.h>

/*
 * Work that goes over nodes in turn (an upgrade, a reboot): which may begin now, so that at no instant more than
 * so many of a group are out of service. Pure: the caller does the work, and asks again whenever something has
 * changed.
 *
 * A node is out of service while it is worked on, and while it is not ready, whoever is to blame; so where others fall
 * meanwhile, none is begun until they are back. One that is not ready and is still to do is begun first: it makes
 * nothing worse. After a failure none is begun any more, those under way end.
 */
enum wave_state { WAVE_TODO, WAVE_BUSY, WAVE_DONE, WAVE_FAILED };

struct wave_node {
	const char *name;
	bool ready; /* as it is seen now */
	enum wave_state state;
};

/* "1", "25%" (rounded down, at least 1) or NULL (1) of n nodes. ERR_USAGE: it is neither, or 0. */
MUST_USE struct err *waves_limit(const char *text, size_t n, size_t *ret);
/* Indexes of those that may begin now, into ret (room for n); the number of them. */
size_t waves_next(const struct wave_node *nodes, size_t n, size_t limit, size_t *ret);
/*
 * All are done: NULL and *ret_done. Some still go on, or may begin: NULL. None does, nor may: ERR_CONFLICT that
 * names the failed, or those that are not ready though nobody works on them; the latter may come back.
 */
MUST_USE struct err *waves_state(const struct wave_node *nodes, size_t n, size_t limit,
				 bool *ret_done);

#endif
