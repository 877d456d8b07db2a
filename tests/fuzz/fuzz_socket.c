/* What a server sends on a WebSocket, in pieces whose length the input chooses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 12 };

static struct err *seen(void *arg, enum frame type, const char *s, size_t n)
{
	(void)arg;
	if (memchr(s, 0xff, n) == s + n) /* all of it can be read */
		abort();
	if (n > (type >= FRAME_CLOSE ? CONTROL_MAX : MOST) || type == FRAME_MORE ||
	    type > FRAME_PONG)
		abort();
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames f;
	struct err *e = NULL;
	size_t step = size ? 1 + data[0] : 1;

	frames_init(&f, seen, NULL);
	f.max = MOST;
	for (size_t at = 1; at < size && !e; at += step)
		e = frames_read(&f, (const char *)data + at, size - at < step ? size - at : step);
	err_free(e);
	frames_release(&f);
	return 0;
}
