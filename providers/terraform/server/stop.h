#ifndef STOP_H
#define STOP_H

#include <pthread.h>
#include <time.h>

#include "server.h"

/* What is behind plugin_stop(), for the other parts of the server. */

/* Ends a stop: with -debug the process outlives the Terraform that was interrupted. */
void stop_over(void);
/* Conditions and deadlines of the monotonic clock. */
void stop_cond_init(pthread_cond_t *ret);
struct timespec stop_in_ms(int64_t ms);

#endif
