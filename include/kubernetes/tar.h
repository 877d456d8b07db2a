#ifndef KUBERNETES_TAR_H
#define KUBERNETES_TAR_H

#include <stdint.h>

#include "buf.h"
#include "err.h"

/*
 * Archives as GNU tar and busybox's write and read them: ustar heads, long names and links (L, K), numbers that
 * no longer fit in base 256, and of pax heads what alters an entry: path, linkpath, size. Pure.
 *
 * Refused as ERR_PROTOCOL: wrong checksums, names of more than 4 KiB or with a NUL, pax heads of more
 * than 1 MiB, sparse files (as what they say they are, they would be damaged), an archive that is cut.
 */
enum { TAR_BLOCK = 512, TAR_NAME_MAX = 4096 };
enum { TAR_FILE = '0', TAR_HARD_LINK, TAR_SYMLINK, TAR_DIR = '5' };

struct tar_entry {
	char type; /* one of the above; devices and the like have their own */
	unsigned mode;
	const char *name;
	const char *link; /* of links; "" else */
	uint64_t uid, gid, size;
	int64_t mtime_s;
};

/* Appends what is before the content. */
void tar_head(struct buf *out, const struct tar_entry *entry);
/* How many zero bytes follow a content. */
size_t tar_padding(uint64_t size);
/* Appends the archive's end. */
void tar_end(struct buf *out);

struct tar_reader {
	/* An error of any ends tar_read() with it. */
	struct err *(*entry)(void *arg, const struct tar_entry *entry);
	struct err *(*data)(void *arg, const char *s, size_t n);
	struct err *(*done)(void *arg); /* after the content of each */
	void *arg;

	/* Its own. */
	char block[TAR_BLOCK];
	size_t have;   /* of the block */
	uint64_t left; /* of the content */
	size_t padding;
	int empty;             /* blocks of zeros; after two nothing is read */
	char type;             /* of the entry whose content comes */
	struct buf extra;      /* content of an L, K, x */
	struct buf name, link; /* of the entry to come; empty: as its head says */
	int64_t size;          /* the same; -1 */
};

void tar_reader_init(struct tar_reader *r);
void tar_reader_release(struct tar_reader *r);
/* What arrived, in pieces of any length. After an error nothing more may be read. */
MUST_USE struct err *tar_read(struct tar_reader *r, const char *s, size_t n);
/* Whether it was whole. */
MUST_USE struct err *tar_read_end(const struct tar_reader *r);

#endif
