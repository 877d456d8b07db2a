/* Archives, in pieces whose length the input chooses; names are told as they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t left;

static struct err *entry(void *arg, const struct tar_entry *e)
{
	(void)arg;
	if (left || strlen(e->name) > TAR_NAME_MAX || strlen(e->link) > TAR_NAME_MAX ||
	    e->mode > 07777)
		abort();
	left = e->size;
	return NULL;
}

static struct err *content(void *arg, const char *s, size_t n)
{
	(void)arg;
	if (memchr(s, 0xff, n) == s + n) /* all of it can be read */
		abort();
	if (n > left)
		abort();
	left -= n;
	return NULL;
}

static struct err *done(void *arg)
{
	(void)arg;
	if (left)
		abort();
	return NULL;
}

/* A checksum is hard to guess: heads get the right one. */
static void mend(char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	for (size_t i = 0; i < 6; i++)
		block[148 + i] = (char)('0' + (sum >> 3 * (5 - i) & 7));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar_reader r;
	struct err *e = NULL;
	const size_t step = size ? 1 + data[0] : 1;
	AUTO_STR s = xcalloc(size + 1, 1);

	if (!size)
		return 0;
	memcpy(s, data + 1, size - 1);
	for (size_t at = 0; at + TAR_BLOCK <= size - 1; at += TAR_BLOCK)
		if (s[at])
			mend(s + at);
	left = 0;
	tar_reader_init(&r);
	r.entry = entry;
	r.data = content;
	r.done = done;
	for (size_t at = 0; at < size - 1 && !e; at += step)
		e = tar_read(&r, s + at, size - 1 - at < step ? size - 1 - at : step);
	err_free(e);
	err_free(tar_read_end(&r));
	tar_reader_release(&r);
	return 0;
}
