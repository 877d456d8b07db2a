/* A snapshot of etcd, streamed into a file. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/etcd_call.h"
#include "digest.h"
#include "text.h"

enum {
	SUM = 32,
	BLOCK = 512, /* a database is so many of them; a sum behind it shows by the rest */
	MESSAGE_MAX = 4 << 20, /* a piece is 32 KiB (3.5) */
	PIECE = 64 << 10,
	SNAPSHOT_MS = 600000,
};
static const int64_t MOST = 16LL << 30;

/* ---- whether it is whole ---- */

static struct err *broken(const char *what)
{
	return err_new(ERR_PROTOCOL, "it is no whole snapshot: %s", what);
}

static bool digest_range(int fd, int64_t len, unsigned char ret[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char *piece = xcalloc(1, PIECE);
	bool fine = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	for (int64_t at = 0; fine && at < len;) {
		const int64_t left = len - at;
		const ssize_t n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, at);

		if (n < 0 && errno == EINTR)
			continue;
		fine = n > 0 && EVP_DigestUpdate(ctx, piece, (size_t)n) == 1;
		at += n;
	}
	fine = fine && EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	free(piece);
	return fine;
}

/* {"bytes", "sha256"}; owned. */
static struct err *check_fd(int fd, struct json_object **ret)
{
	unsigned char sum[EVP_MAX_MD_SIZE], told[SUM];
	AUTO_STR whole = NULL;
	struct json_object *o;
	struct stat st;
	struct err *e;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return broken("it is no file");
	if (st.st_size <= SUM || st.st_size % BLOCK != SUM)
		return broken("there is no SHA-256 at its end");
	if (!digest_range(fd, st.st_size - SUM, sum) ||
	    pread(fd, told, SUM, st.st_size - SUM) != SUM)
		return err_new(ERR_REMOTE, "it cannot be read: %s", strerror(errno));
	if (memcmp(sum, told, SUM) != 0)
		return broken("its content is not what the SHA-256 at its end says");
	e = digest_fd("sha256", fd, &whole);
	if (e)
		return e;
	o = json_object_new_object();
	json_set(o, "bytes", json_object_new_int64(st.st_size));
	json_sets(o, "sha256", whole);
	*ret = o;
	return NULL;
}

struct err *etcd_snapshot_check(const char *path, struct json_object **ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err *e;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
	e = check_fd(fd, ret);
	(void)close(fd);
	return err_wrap(e, "%s", path);
}

/* ---- what is in it ---- */

static struct err *find_text(int fd, const char *text, bool *ret)
{
	const size_t len = strlen(text);
	AUTO_STR piece = xcalloc(1, PIECE + len);
	size_t kept = 0;
	off_t at = 0;
	ssize_t n = 1;

	*ret = false;
	while (!*ret && n) {
		n = pread(fd, piece + kept, PIECE, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_USAGE, "it cannot be read: %s", strerror(errno));
		at += n;
		kept += (size_t)n;
		*ret = memmem(piece, kept, text, len);
		/* The text may go on in the next piece. */
		if (kept >= len) {
			memmove(piece, piece + kept - (len - 1), len - 1);
			kept = len - 1;
		}
	}
	return NULL;
}

struct err *etcd_snapshot_has(const char *path, const char *text, bool *ret)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err *e;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
	e = find_text(fd, text, ret);
	(void)close(fd);
	return err_wrap(e, "%s", path);
}

/* ---- as it comes ---- */

/* Messages, one a line: {"result": {"remaining_bytes", "blob"}}, or {"error": {"message"}}. */
struct incoming {
	int fd;
	int64_t bytes, max;
	struct buf line;
	struct err *e; /* what ended it */
};

static bool end(struct incoming *in, struct err *e)
{
	in->e = e;
	return false;
}

static bool keep(struct incoming *in, const char *s, size_t n)
{
	in->bytes += (int64_t)n;
	if (in->bytes > in->max)
		return end(in,
			   err_new(ERR_REMOTE, "it is larger than %lld bytes", (long long)in->max));
	while (n) {
		const ssize_t done = write(in->fd, s, n);

		if (done < 0 && errno != EINTR)
			return end(in,
				   err_new(ERR_USAGE, "it cannot be written: %s", strerror(errno)));
		s += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return true;
}

static bool on_message(struct incoming *in)
{
	AUTO_BUF blob = BUF_INIT;
	AUTO_JSON message = NULL;
	AUTO_ERR e = json_parse(in->line.s, in->line.len, &message);
	const char *coded = json_str(message, "result.blob");
	const char *said = json_str(message, "error.message");

	blob.max = MESSAGE_MAX;
	if (e || (!coded && !json_has(message, "result") && !json_has(message, "error")))
		return end(in, err_new(ERR_PROTOCOL, "a piece of it is no message of etcd's"));
	if (json_has(message, "error"))
		return end(in, err_new(ERR_REMOTE, "%.200s", said ? said : "it was broken off"));
	if (coded && !base64_text(coded, strlen(coded), &blob))
		return end(in, err_new(ERR_PROTOCOL, "a piece of it is not in base64"));
	return keep(in, blob.s, blob.len);
}

static bool on_piece(void *arg, const char *s, size_t n)
{
	struct incoming *in = arg;

	while (n) {
		const char *nl = memchr(s, '\n', n);
		const size_t len = nl ? (size_t)(nl - s) : n;

		if (!buf_add(&in->line, s, len))
			return end(in, err_new(ERR_PROTOCOL, "a piece of it is over %d MiB",
					       MESSAGE_MAX >> 20));
		if (nl && in->line.len && !on_message(in))
			return false;
		if (nl)
			in->line.len = 0;
		s += len + (nl ? 1 : 0);
		n -= len + (nl ? 1 : 0);
	}
	return true;
}

static struct err *fetch(struct etcd *x, int fd, int64_t max, int64_t timeout_ms)
{
	struct incoming in = { .fd = fd, .max = max, .line = BUF_INIT };
	struct err *e;

	in.line.max = MESSAGE_MAX;
	e = etcd_call(x,
		      &(struct etcd_request){ .path = "/v3/maintenance/snapshot",
					      .body = "{}",
					      .deadline_ms = timeout_ms,
					      .stream = on_piece,
					      .arg = &in },
		      NULL);
	/* The last may come without an end of line. */
	if (!e && !in.e && in.line.len)
		(void)on_message(&in);
	buf_release(&in.line);
	if (!in.e)
		return e;
	err_free(e);
	return TAKE(in.e);
}

/* What was written is on disk, and its name, too. */
static struct err *settle(int fd, const char *from, const char *to)
{
	AUTO_STR folder = xstrdup(to);
	char *slash = strrchr(folder, '/');
	int dir;

	if (slash)
		slash[slash == folder] = '\0';
	if (fsync(fd) < 0 || rename(from, to) < 0)
		return err_new(ERR_USAGE, "it cannot be kept: %s", strerror(errno));
	dir = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		(void)fsync(dir);
		(void)close(dir);
	}
	return NULL;
}

static struct err *fetch_into(struct etcd *x, int fd, const char *next, const char *path,
			      int64_t max, int64_t timeout_ms, struct json_object **ret)
{
	AUTO_JSON status = NULL;
	AUTO_JSON told = NULL;
	struct err *e = etcd_status(x, &status);

	if (!e)
		e = fetch(x, fd, max > 0 ? max : MOST, timeout_ms > 0 ? timeout_ms : SNAPSHOT_MS);
	if (!e)
		e = check_fd(fd, &told);
	if (!e)
		e = settle(fd, next, path);
	if (e)
		return e;
	json_sets(told, "path", path);
	json_set(told, "version", json_object_get(json_at(status, "version")));
	*ret = TAKE(told);
	return NULL;
}

struct err *etcd_snapshot(struct etcd *x, const char *path, int64_t max, int64_t timeout_ms,
			  struct json_object **ret)
{
	AUTO_STR next = xasprintf("%s.XXXXXX", path);
	const int fd = mkostemp(next, O_CLOEXEC); /* of mode 0600 */
	struct err *e;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
	e = fetch_into(x, fd, next, path, max, timeout_ms, ret);
	(void)close(fd);
	if (e)
		(void)unlink(next);
	return err_wrap(e, "snapshot of etcd '%s' into %s", etcd_label(x), path);
}
