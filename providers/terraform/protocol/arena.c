#include <openssl/crypto.h>
#include <stdalign.h>
#include <string.h>

#include "arena.h"

enum { CHUNK_BYTES = 4096 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

void arena_release(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->next;
		OPENSSL_cleanse(c->data, c->used);
		free(c);
	}
	a->bytes = 0;
}

void *arena_new(struct arena *a, size_t size)
{
	const size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	struct arena_chunk *c = a->chunks;

	if (!c || need > c->size - c->used) {
		const size_t room = need > CHUNK_BYTES ? need : CHUNK_BYTES;

		c = xcalloc(1, sizeof(*c) + room);
		c->size = room;
		c->next = a->chunks;
		a->chunks = c;
		a->bytes += room;
	}
	c->used += need;
	return c->data + c->used - need;
}

char *arena_str(struct arena *a, const char *s)
{
	const size_t size = strlen(s) + 1;

	return memcpy(arena_new(a, size), s, size);
}

ProtobufCBinaryData arena_bytes(struct arena *a, const void *s, size_t len)
{
	ProtobufCBinaryData d = { 0 };

	if (len) {
		d.len = len;
		d.data = memcpy(arena_new(a, len), s, len);
	}
	return d;
}

static void *unpack_alloc(void *arg, size_t size)
{
	struct arena *a = arg;

	if (a->bytes > ARENA_UNPACK_BYTES || size > ARENA_UNPACK_BYTES - a->bytes)
		return NULL;
	return arena_new(a, size);
}

static void unpack_free(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

ProtobufCAllocator *arena_alloc(struct arena *a)
{
	a->alloc = (ProtobufCAllocator){ unpack_alloc, unpack_free, a };
	return &a->alloc;
}

void *arena_append(struct arena *a, void *list, size_t *n, void *item)
{
	void **items = list;

	/* The list was full at each power of two. */
	if (!(*n & (*n - 1))) {
		items = arena_new(a, (*n ? *n * 2 : 1) * sizeof(*items));
		if (*n)
			memcpy(items, list, *n * sizeof(*items));
	}
	items[(*n)++] = item;
	return items;
}
