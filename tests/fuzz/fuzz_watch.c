#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/waits.h"

/*
 * A watch's answer in pieces whose size the first byte says: what is made of it is the same as if it came
 * in one, and each object that is handed on is judged.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on(void *arg, const char *type, struct json_object *object)
{
	struct buf *log = arg;
	AUTO_STR why = NULL;
	const enum readiness r = object_readiness(object, NULL, &why);

	if (!why != (r == READY))
		abort();
	buf_addf(log, "%s %d %s\n", type, (int)r, why ? why : "");
	return true;
}

static void feed(const char *s, size_t len, size_t piece, struct buf *log)
{
	static const struct kube_kind kind = { .group = "", .version = "v1", .plural = "pods" };
	struct watch w = { .kind = &kind, .on = on, .arg = log };
	struct watch_stream stream = { .w = &w, .line = BUF_INIT };
	bool more = true;

	for (size_t at = 0; at < len && more; at += piece)
		more = watch_piece(&stream, s + at, len - at < piece ? len - at : piece);
	if (more == (stream.e || stream.expired || stream.ended))
		abort();
	buf_addf(log, "%d %d %s %s", more, stream.expired, w.from ? w.from : "",
		 stream.e ? stream.e->text : "");
	err_free(stream.e);
	buf_release(&stream.line);
	free(w.from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF whole = BUF_INIT;
	AUTO_BUF pieces = BUF_INIT;

	if (size < 2)
		return 0;
	feed((const char *)data + 1, size - 1, size, &whole);
	feed((const char *)data + 1, size - 1, (size_t)data[0] + 1, &pieces);
	if (strcmp(whole.s, pieces.s) != 0)
		abort();
	return 0;
}
