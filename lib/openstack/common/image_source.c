/* Images from the web, by way of a file. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "digest.h"
#include "http.h"
#include "openstack/image_source.h"
#include "openstack/shared.h"

enum { CHUNK = 256 << 10, MAGIC = 6, HTTP_OK = 200 };

/* ---- the cache ---- */

static struct err *make_folder(const char *path)
{
	AUTO_STR part = xstrdup(path);

	for (char *s = part + 1;; s++) {
		const char c = *s;

		if (c && c != '/')
			continue;
		*s = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_at(err_new(ERR_USAGE, "image_cache_path: %s: %s", part,
					      strerror(errno)),
				      "image_cache_path");
		if (!c)
			return NULL;
		*s = c;
	}
}

static struct err *cache_folder(const struct image_source *from, char **ret)
{
	const char *home = secure_getenv("HOME");
	AUTO_STR path = from->cache && *from->cache ? xstrdup(from->cache)
			: home                      ? xasprintf("%s/.terraform/image_cache", home)
						    : NULL;
	struct err *e;

	if (!path)
		return err_at(err_new(ERR_USAGE, "image_cache_path: nobody's home: give a folder"),
			      "image_cache_path");
	e = make_folder(path);
	if (!e)
		*ret = TAKE(path);
	return e;
}

/* A file that becomes `name` once it is whole. */
struct draft {
	const char *name;
	char *path;
	int fd;
};

static struct err *draft_open(struct draft *d, const char *name)
{
	AUTO_STR path = xasprintf("%s.XXXXXX", name);
	const int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", name, strerror(errno));
	*d = (struct draft){ .name = name, .path = TAKE(path), .fd = fd };
	return NULL;
}

static void draft_drop(struct draft *d)
{
	(void)close(d->fd);
	if (d->path)
		(void)unlink(d->path);
	free(d->path);
}

/* Takes e: an error leaves no file. */
static struct err *draft_end(struct draft *d, struct err *e)
{
	if (!e && d->path && rename(d->path, d->name) < 0)
		e = err_new(ERR_USAGE, "%s: %s", d->name, strerror(errno));
	if (e) {
		draft_drop(d);
		return e;
	}
	(void)close(d->fd);
	free(d->path);
	return NULL;
}

/* ---- fetching ---- */

static char *authorization(const struct image_source *from)
{
	AUTO_STR pair = xasprintf("%s:%s", from->user ? from->user : "",
				  from->password ? from->password : "");
	AUTO_JSON plain = json_object_new_string(pair);
	AUTO_JSON coded = encode_base64(plain);

	return from->user || from->password
		       ? xasprintf("Authorization: Basic %s", json_object_get_string(coded))
		       : NULL;
}

static struct err *download(struct op *op, const struct image_source *from, int fd)
{
	const struct http_options options = { 0 };
	AUTO_STR secret = authorization(from);
	struct http_answer answer = { 0 };
	struct http_request req = { .method = "GET",
				    .url = from->url,
				    .secret_header = secret,
				    .save_fd = fd,
				    .deadline_ms = op->deadline - op->api->now_ms(op->api) };
	struct http *http = NULL;
	struct err *e = http_shared(&options, &http);

	if (!e)
		e = http_call(http, &req, &answer);
	if (!e && answer.status != HTTP_OK)
		e = err_new(ERR_REMOTE, "the server answers %d", answer.status);
	http_answer_release(&answer);
	http_free(http);
	return err_at(err_wrap(e, "fetching the image"), "image_source_url");
}

/* ---- unpacking ---- */

static struct err *gunzip(int in, int out)
{
	const int copy = fcntl(in, F_DUPFD_CLOEXEC, 0);
	gzFile gz = copy < 0 ? NULL : gzdopen(copy, "rb");
	AUTO_STR chunk = xcalloc(CHUNK, 1);
	struct err *e = NULL;
	int n, end;

	if (!gz)
		return err_new(ERR_USAGE, "zlib does not start");
	while (!e && (n = gzread(gz, chunk, CHUNK)) != 0)
		if (n < 0 || write(out, chunk, (size_t)n) != n)
			e = err_new(ERR_USAGE, "unpacking: %s",
				    n < 0 ? gzerror(gz, &end) : strerror(errno));
	if (gzclose(gz) != Z_OK && !e)
		e = err_new(ERR_USAGE, "unpacking: the file is cut");
	return e;
}

/* The others' libraries would be loaded by every program, for what hardly anyone needs. */
static struct err *unpack_by(const char *program, int in, int out)
{
	char *const argv[] = { xstrdup(program), xstrdup("-dc"), NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid = 0;
	int status = 0, failed;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	failed = posix_spawnp(&pid, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(argv[0]);
	free(argv[1]);
	if (failed)
		return err_new(ERR_USAGE, "unpacking needs the program %s: %s", program,
			       strerror(failed));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return err_new(ERR_USAGE, "unpacking: %s failed: the file is damaged, or the disk is full",
		       program);
}

static struct err *unpack(int in, int out)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *program; /* NULL: gzip */
	} kinds[] = {
		{ "\x1f\x8b", 2, NULL },
		{ "BZh", 3, "bzip2" },
		{ "\xfd\x37zXZ", MAGIC, "xz" },
		{ "\x28\xb5\x2f\xfd", 4, "zstd" },
	};
	char magic[MAGIC] = { 0 };
	size_t i = 0;

	if (pread(in, magic, MAGIC, 0) < 0 || lseek(in, 0, SEEK_SET) < 0)
		return err_new(ERR_USAGE, "unpacking: %s", strerror(errno));
	while (i < COUNT(kinds) && memcmp(magic, kinds[i].magic, kinds[i].len) != 0)
		i++;
	if (i == COUNT(kinds))
		return err_at(err_new(ERR_USAGE, "decompress: what was fetched is packed with "
						 "neither gzip, bzip2, xz nor zstd"),
			      "decompress");
	return kinds[i].program ? unpack_by(kinds[i].program, in, out) : gunzip(in, out);
}

/* ---- all of it ---- */

static struct err *fetch_and_unpack(struct op *op, const struct image_source *from, int fd,
				    const char *file)
{
	struct draft packed = { .fd = -1 };
	struct err *e = draft_open(&packed, file);

	if (e)
		return e;
	e = download(op, from, packed.fd);
	if (!e)
		e = unpack(packed.fd, fd);
	draft_drop(&packed);
	return e;
}

struct err *image_fetch(struct op *op, const struct image_source *from, char **ret)
{
	AUTO_STR name = digest_text("sha256", from->url, strlen(from->url));
	AUTO_STR folder = NULL;
	struct draft d = { .fd = -1 };
	struct err *e = cache_folder(from, &folder);

	if (e)
		return e;
	AUTO_STR file = xasprintf("%s/%.32s%s.img", folder, name, from->unpack ? ".unpacked" : "");
	if (access(file, R_OK) != 0) {
		e = draft_open(&d, file);
		if (!e)
			e = draft_end(&d, from->unpack ? fetch_and_unpack(op, from, d.fd, file)
						       : download(op, from, d.fd));
	}
	if (!e)
		*ret = TAKE(file);
	return e;
}
