#ifndef GRPC_H
#define GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * The server's side of gRPC on one connection: bytes in, whole requests out; answers in, bytes out.
 * No socket, no thread. Every call has one message each way, but for the paths that are held open.
 */
enum grpc_status {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
};

struct grpc;

struct grpc_options {
	/*
	 * A request is whole. It may be answered at once or whenever; `body` is to be taken (buf_take)
	 * by who needs it longer.
	 */
	void (*request)(void *arg, int32_t stream, const char *path, struct buf *body);
	void *arg;
	const char *const
		*held;      /* paths of streams that stay open and say nothing; ended by NULL */
	size_t message_max; /* bytes, both ways */
};

struct grpc *grpc_new(const struct grpc_options *o);
void grpc_free(struct grpc *g);
/* false: this is no HTTP/2; the connection is beyond help. */
bool grpc_receive(struct grpc *g, const uint8_t *data, size_t len);
/* Adds what is to be sent, up to some `enough` bytes. false as above. */
bool grpc_send(struct grpc *g, struct buf *out, size_t enough);
/* Whether there is something to send. */
bool grpc_has_output(const struct grpc *g);
/* The connection ended itself: nothing will be read or sent any more. */
bool grpc_is_over(const struct grpc *g);
/*
 * Answers a request; takes the reply's contents. A stream that is gone by now is no error. `words`
 * are for people, of any status but GRPC_OK.
 */
void grpc_answer(struct grpc *g, int32_t id, struct buf *reply);
void grpc_refuse(struct grpc *g, int32_t id, enum grpc_status status, const char *words);

#endif
