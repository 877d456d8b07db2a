#include "endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0) {
		const int e = errno;

		if (fd >= 0)
			(void)close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static bool open_in(const char *dir, struct endpoint *ret)
{
	struct endpoint e = { .dir = xasprintf("%s/plugin-XXXXXX", dir) };

	if (strlen(e.dir) + strlen("/s") >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		errno = ENAMETOOLONG;
	} else if (mkdtemp(e.dir)) {
		e.path = xasprintf("%s/s", e.dir);
		e.fd = listen_on(e.path);
		if (e.fd >= 0) {
			*ret = e;
			return true;
		}
		(void)rmdir(e.dir);
	}
	free(e.path);
	free(e.dir);
	return false;
}

struct err *endpoint_open(const char *const *dirs, size_t n, struct endpoint *ret)
{
	AUTO_BUF tried = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (!dirs[i] || !*dirs[i])
			continue;
		if (open_in(dirs[i], ret))
			return NULL;
		buf_addf(&tried, "%s%s: %s", tried.len ? "; " : "", dirs[i], strerror(errno));
	}
	return err_new(ERR_USAGE, "no directory takes a socket (%s): set TMPDIR to one that does",
		       tried.s);
}

void endpoint_unlink(struct endpoint *e)
{
	if (e->path && unlink(e->path) == 0)
		(void)rmdir(e->dir);
	free(e->path);
	free(e->dir);
	e->path = e->dir = NULL;
}

void endpoint_close(struct endpoint *e)
{
	endpoint_unlink(e);
	if (e->fd >= 0)
		(void)close(e->fd);
	e->fd = -1;
}
