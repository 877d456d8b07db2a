#include "session/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "json.h"
#include "session/config.h"

enum {
	SALT = 16,
	NONCE = 12,
	TAG = 16,
	KEY = 32,
	MAGIC = 4,
	HEAD = MAGIC + SALT + NONCE,
	FILE_MAX = 2 << 20,
	OLD_S = 7 * 86400, /* no token lives that long */
	TURN_MS = 10,
};
static const unsigned char magic[MAGIC] = { 'T', 'N', 'C', '1' };

struct cache {
	int dir;
	char name[2 * SHA256_DIGEST_LENGTH + 1];
	unsigned char id[SHA256_DIGEST_LENGTH];
	char *secret;
};

/* ---- the folder ---- */

/* mkdir -p; what goes wrong shows when the folder is opened. */
static void folder_make(const char *dir)
{
	AUTO_STR path = xstrdup(dir);

	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	(void)mkdir(path, 0700);
}

/* Ours, and nobody else writes into it. */
static int folder_open(const char *dir)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int fd = open(dir, flags);
	struct stat st;

	if (fd < 0 && errno == ENOENT) {
		folder_make(dir);
		fd = open(dir, flags);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	(void)close(fd);
	return -1;
}

struct cache *cache_open(const char *dir, const char *identity, const char *secret)
{
	struct cache *c;
	int fd;

	if (!dir || !*secret)
		return NULL;
	fd = folder_open(dir);
	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->dir = fd;
	c->secret = xstrdup(secret);
	(void)SHA256((const unsigned char *)identity, strlen(identity), c->id);
	for (size_t i = 0; i < sizeof(c->id); i++)
		(void)snprintf(c->name + 2 * i, 3, "%02x", c->id[i]);
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	(void)close(c->dir);
	wipe_free(c->secret);
	free(c);
}

/* ---- encryption ---- */

/* HKDF (RFC 5869) for one block of output. */
static bool key_derive(const struct cache *c, const unsigned char salt[SALT],
		       unsigned char key[KEY])
{
	unsigned char prk[KEY], info[SHA256_DIGEST_LENGTH + 1];
	bool ok;

	memcpy(info, c->id, sizeof(c->id));
	info[sizeof(c->id)] = 1;
	ok = HMAC(EVP_sha256(), salt, SALT, (const unsigned char *)c->secret, strlen(c->secret),
		  prk, NULL) &&
	     HMAC(EVP_sha256(), prk, sizeof(prk), info, sizeof(info), key, NULL);
	OPENSSL_cleanse(prk, sizeof(prk));
	return ok;
}

/* file: HEAD, then len bytes, then TAG. `in` and `out` may be the same. */
static bool gcm(const struct cache *c, bool seal, unsigned char *file, const unsigned char *in,
		unsigned char *out, size_t len)
{
	const unsigned char *salt = file + MAGIC, *nonce = salt + SALT;
	unsigned char *tag = file + HEAD + len;
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	unsigned char key[KEY];
	int n;
	bool ok = x && key_derive(c, salt, key) &&
		  EVP_CipherInit_ex(x, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
		  EVP_CipherUpdate(x, NULL, &n, c->id, sizeof(c->id)) == 1;

	OPENSSL_cleanse(key, sizeof(key));
	if (ok && !seal)
		ok = EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1;
	ok = ok && EVP_CipherUpdate(x, out, &n, in, (int)len) == 1 &&
	     EVP_CipherFinal_ex(x, out + n, &n) == 1;
	if (ok && seal)
		ok = EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
	EVP_CIPHER_CTX_free(x);
	return ok;
}

/* ---- reading ---- */

/* The whole file, if nobody but us could have put it there. *ret_len: its size. */
static unsigned char *file_load(const struct cache *c, size_t *ret_len)
{
	const int fd = openat(c->dir, c->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	unsigned char *file = NULL;
	struct stat st;
	size_t done = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    !(st.st_mode & 077) && st.st_size > HEAD + TAG && st.st_size <= FILE_MAX) {
		*ret_len = (size_t)st.st_size;
		file = xcalloc(*ret_len, 1);
		while (done < *ret_len) {
			const ssize_t n = read(fd, file + done, *ret_len - done);

			if (n <= 0 && !(n < 0 && errno == EINTR))
				break;
			done += n > 0 ? (size_t)n : 0;
		}
	}
	(void)close(fd);
	if (file && done == *ret_len)
		return file;
	free(file);
	return NULL;
}

struct json_object *cache_read(const struct cache *c)
{
	struct json_object *v = NULL;
	size_t size = 0, len;
	unsigned char *file = file_load(c, &size);

	if (!file)
		return NULL;
	len = size - HEAD - TAG;
	if (memcmp(file, magic, MAGIC) == 0 && gcm(c, false, file, file + HEAD, file + HEAD, len))
		err_free(json_parse((char *)file + HEAD, len, &v));
	OPENSSL_cleanse(file, size);
	free(file);
	return v;
}

/* ---- writing ---- */

/* Files of logins long gone, and what was left behind by a killed process. */
static void old_remove(const struct cache *c)
{
	const int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const time_t now = time(NULL);
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	for (e = readdir(d); e; e = readdir(d)) {
		struct stat st;

		if (strspn(e->d_name, "0123456789abcdef") != 2 * sizeof(c->id))
			continue;
		if (fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_mtime < now - OLD_S)
			(void)unlinkat(c->dir, e->d_name, 0);
	}
	(void)closedir(d);
}

static bool write_all(int fd, const unsigned char *s, size_t len)
{
	struct rlimit limit;

	/* Over the limit a write is a signal that ends the process. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    len > limit.rlim_cur)
		return false;
	while (len) {
		const ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

/* Readers see the old file or the new one. No fsync: a file lost in a crash is a miss. */
static bool file_replace(const struct cache *c, const unsigned char *file, size_t size)
{
	unsigned char r[8];
	bool ok;
	int fd;

	if (RAND_bytes(r, sizeof(r)) != 1)
		return false;
	AUTO_STR temp = xasprintf("%s.%02x%02x%02x%02x%02x%02x%02x%02x", c->name, r[0], r[1], r[2],
				  r[3], r[4], r[5], r[6], r[7]);
	fd = openat(c->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	ok = write_all(fd, file, size);
	ok = close(fd) == 0 && ok && renameat(c->dir, temp, c->dir, c->name) == 0;
	if (!ok)
		(void)unlinkat(c->dir, temp, 0);
	return ok;
}

void cache_write(const struct cache *c, struct json_object *v)
{
	size_t len = 0;
	const char *s = json_object_to_json_string_length(
		v, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	const size_t size = HEAD + len + TAG;
	unsigned char *file;

	if (size > FILE_MAX)
		return;
	file = xcalloc(size, 1);
	memcpy(file, magic, MAGIC);
	/* What could not be replaced is out of date: away with it. */
	if (RAND_bytes(file + MAGIC, SALT + NONCE) != 1 ||
	    !gcm(c, true, file, (const unsigned char *)s, file + HEAD, len) ||
	    !file_replace(c, file, size))
		(void)unlinkat(c->dir, c->name, 0);
	json_text_wipe(s, len);
	free(file);
	old_remove(c);
}

/* ---- taking turns ---- */

int cache_lock(const struct cache *c, int64_t limit_ms)
{
	const int64_t end = clock_ms() + limit_ms;
	AUTO_STR name = xasprintf("%s.lock", c->name);
	const int fd = openat(c->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || clock_ms() >= end) {
			(void)close(fd);
			return -1;
		}
		clock_sleep_ms(TURN_MS);
	}
	(void)futimens(fd, NULL); /* keeps old_remove() away */
	return fd;
}

void cache_unlock(int lock)
{
	if (lock >= 0)
		(void)close(lock);
}
