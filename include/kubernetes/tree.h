#ifndef KUBERNETES_TREE_H
#define KUBERNETES_TREE_H

#include <sys/types.h>

#include "kubernetes/tar.h"

/* Files and folders of this machine, packed into an archive and taken out of one. */

struct tree_pack;
/*
 * `path`, file or folder, as `name` in the archive; links within are packed as links. `plain`: as root's, with
 * mode 0644 or 0755. What is neither file, folder nor link is an error.
 */
MUST_USE struct err *tree_pack_new(const char *path, const char *name, bool plain,
				   struct tree_pack **ret);
void tree_pack_free(struct tree_pack *p);
/* Up to n bytes of the archive; 0: its end; -1: *e is set. */
ssize_t tree_pack_read(struct tree_pack *p, char *s, size_t n, struct err **e);
/* How long an archive will be, unless the files are altered meanwhile. */
MUST_USE struct err *tree_pack_size(const char *path, const char *name, bool plain, uint64_t *ret);

/*
 * Takes what is below `top` in an archive out to `target`: "top/a" becomes TARGET/a. The folder in which
 * target lies is made.
 *
 * Nothing is written elsewhere, whatever the archive says: a name outside of `top` or with ".." in it is an
 * error, and no link is followed, whether the archive made it or it was there. A file is written beside its
 * place and put there when it is whole; one that is there with the same content and mode is left alone. Links to
 * names, devices and the like are left out, and counted; hard links are made, within the target.
 */
struct tree_unpack {
	bool changed;
	size_t skipped;
	char *first_skipped;
	size_t files; /* that were in it */

	/* Its own. */
	char *top, *leaf;
	int root; /* the folder in which target lies */
	bool plain;
	int folder, fd; /* of the file at hand; -1: none */
	char *name, *temporary;
	unsigned mode;
};

/* `plain`: modes as the umask says, else those of the archive, without set-user-ID and the like. */
MUST_USE struct err *tree_unpack_init(struct tree_unpack *u, const char *target, const char *top,
				      bool plain);
void tree_unpack_release(struct tree_unpack *u);
/* For tar_reader: arg is the struct tree_unpack. */
MUST_USE struct err *tree_unpack_entry(void *arg, const struct tar_entry *entry);
MUST_USE struct err *tree_unpack_data(void *arg, const char *s, size_t n);
MUST_USE struct err *tree_unpack_done(void *arg);

#endif
