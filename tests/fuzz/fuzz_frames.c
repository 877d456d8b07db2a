#include <string.h>

#include "grpc.h"

/*
 * What a client sends on its connection, from the first byte on. With the first byte of the input
 * odd, the client's preface and SETTINGS are put before it. Requests are answered at once, or when
 * the next one comes, when the first stream may be gone.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1 << 16, ENOUGH = 4096 };

struct seen {
	struct grpc *grpc;
	int32_t late;
};

static void request(void *arg, int32_t stream, const char *path, struct buf *body)
{
	struct seen *seen = arg;
	AUTO_BUF reply = BUF_INIT;

	if (body->len > MESSAGE_MAX || strlen(body->s) > body->len)
		__builtin_trap();
	(void)buf_add(&reply, body->s, body->len);
	if (strstr(path, "Late"))
		seen->late = stream;
	else if (strstr(path, "Echo"))
		grpc_answer(seen->grpc, stream, &reply);
	else
		grpc_refuse(seen->grpc, stream, GRPC_UNIMPLEMENTED, path);
	if (seen->late && seen->late != stream) {
		reply.len = 0;
		grpc_answer(seen->grpc, seen->late, &reply);
		seen->late = 0;
	}
}

static bool feed(struct grpc *g, const uint8_t *data, size_t len)
{
	AUTO_BUF out = BUF_INIT;

	return grpc_receive(g, data, len) && grpc_send(g, &out, ENOUGH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
	static const char *const held[] = { "/hold", NULL };
	struct seen seen = { 0 };
	bool ok = true;

	if (!size)
		return 0;
	seen.grpc = grpc_new(&(struct grpc_options){
		.request = request, .arg = &seen, .held = held, .message_max = MESSAGE_MAX });
	if (data[0] & 1)
		ok = feed(seen.grpc, (const uint8_t *)preface, sizeof(preface));
	/* In pieces, of a length that the input chooses too. */
	for (size_t at = 1; ok && at < size;) {
		const size_t piece = 1U + (data[0] >> 1) * 8U;
		const size_t n = size - at < piece ? size - at : piece;

		ok = feed(seen.grpc, data + at, n);
		at += n;
	}
	grpc_free(seen.grpc);
	return 0;
}
