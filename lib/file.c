#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 16 << 10 };

struct err *file_text(const char *path, size_t max, struct buf *ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char chunk[CHUNK];
	struct err *e = NULL;
	ssize_t n = 1;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: cannot open it: %s", path, strerrordesc_np(errno));
	ret->max = max;
	while (n && !e) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			e = err_new(ERR_USAGE, "%s: cannot read it: %s", path,
				    strerrordesc_np(errno));
		else if (!buf_add(ret, chunk, (size_t)n))
			e = err_new(ERR_USAGE, "%s: more than %zu KiB", path, max >> 10);
	}
	OPENSSL_cleanse(chunk, sizeof(chunk));
	(void)close(fd);
	return e;
}

char *path_expand(const char *path)
{
	const char *home = env_get("HOME");

	if (path && *path == '~' && (path[1] == '/' || !path[1]) && home)
		return xasprintf("%s%s", home, path + 1);
	return xstrdup(path);
}

const char *env_get(const char *name)
{
	const char *s = secure_getenv(name);

	return s && *s ? s : NULL;
}
