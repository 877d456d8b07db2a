#ifndef ARENA_H
#define ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "mem.h"

/*
 * Memory that ends all at once: of one call's messages, which are trees of small pieces. Wiped before
 * it is given back, since configurations hold secrets. One thread's at a time.
 *
 *   AUTO_ARENA mem = ARENA_INIT;
 *   Tf__ReadResource__Request *req = tf__read_resource__request__unpack(arena_alloc(&mem), len, body);
 */
enum { ARENA_UNPACK_BYTES = 512 << 20 };

struct arena {
	struct arena_chunk *chunks;
	size_t bytes;
	ProtobufCAllocator alloc;
};

#define ARENA_INIT              \
	{                       \
		.chunks = NULL, \
	}
#define AUTO_ARENA CLEANUP(arena_release) struct arena

void arena_release(struct arena *a);
/* Zeroed, aligned for anything. */
void *arena_new(struct arena *a, size_t size);
char *arena_str(struct arena *a, const char *s);
/* A copy; .data is NULL if len is 0. */
ProtobufCBinaryData arena_bytes(struct arena *a, const void *s, size_t len);
/*
 * For the library's unpack functions, which fail when a message would take more than
 * ARENA_UNPACK_BYTES in memory. The arena must stay where it is from then on.
 */
ProtobufCAllocator *arena_alloc(struct arena *a);
/*
 * Appends to a list of pointers, as repeated messages are held:
 *   out->steps = arena_append(a, out->steps, &out->n_steps, step);
 */
void *arena_append(struct arena *a, void *list, size_t *n, void *item);

#endif
