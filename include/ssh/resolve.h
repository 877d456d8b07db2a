#ifndef SSH_RESOLVE_H
#define SSH_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "ssh/loop.h"

/*
 * Names to addresses. getaddrinfo(3) blocks, so up to 8 threads ask, and poke the loop; numbers need
 * none. Threads are begun when there is a name to look up.
 */
struct resolver;
struct resolver *resolver_new(struct loop *l);
/* Waits for lookups that nobody wants any more: as long as resolv.conf(5) lets them last. NULL is fine. */
void resolver_free(struct resolver *r);
/*
 * For freeaddrinfo(); ports are 0. NULL: *why says what is wrong, as gai_strerror() has it; *why NULL: it
 * took longer than `until`. family: AF_UNSPEC, AF_INET, AF_INET6.
 */
struct addrinfo *resolve(struct resolver *r, struct task *t, const char *host, int family,
			 int64_t until, const char **why);

#endif
