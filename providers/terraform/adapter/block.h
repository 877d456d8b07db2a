#ifndef ADAPTER_BLOCK_H
#define ADAPTER_BLOCK_H

#include <pthread.h>

#include "err.h"
#include "json.h"

/*
 * The provider block that a process works for, and the lock of all that is made of it (sessions, hosts). A process
 * serves one block: two of one Terraform are two processes, but for -debug.
 */
struct block {
	pthread_mutex_t lock;
	struct json_object *config; /* NULL: none since the first client came */
	void (*forget)(void);       /* what was made of the one before; called with the lock held */
};

#define BLOCK_OF(forget)                                  \
	{                                                 \
		PTHREAD_MUTEX_INITIALIZER, NULL, (forget) \
	}

void block_lock(struct block *b);
void block_unlock(struct block *b);
/*
 * By its rows' names. What is not known yet (during a plan) is no error, and may be known the next time. ERR_USAGE
 * if the one in force has other values.
 */
MUST_USE struct err *block_configure(struct block *b, struct json_object *config);
/* Another Terraform comes, with a block of its own. */
void block_renew(struct block *b);
/* Why nothing can be done by it yet, for people; NULL: it is known. Owned. With the lock held. */
char *block_unknown(struct block *b);

#endif
