#include "ssh/known_hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ssh/host_certificate.h"
#include "text.h"

enum {
	ALL_MAX = 16 << 20,
	NAMES_MAX = 8 << 10,
	KEY_MAX = 16 << 10,
	CODED_MAX = KEY_MAX / 3 * 4,
	SHA1_BYTES = 20,
	SHA1_BLOCK = 64,
	CODED_SHA1 = 28,
	SSH_PORT = 22,
	REPLACED_MAX = 8,
};

enum marker { PLAIN, AUTHORITY, REVOKED };

/* A line. Its texts are those of the block of text that it came in. */
struct entry {
	size_t source, line;
	enum marker marker;
	const char *names; /* NULL: any */
	const char *type, *key;
	bool hashed;
	unsigned char salt[SHA1_BYTES], hash[SHA1_BYTES];
};

/* What a file was when it was read up to `size`. */
struct source {
	char *path;
	dev_t dev;
	ino_t ino;
	off_t size;
	size_t lines, bytes;
	size_t bad, first_bad; /* lines that cannot be read */
};

struct known_hosts {
	struct source *sources;
	size_t nsources;
	bool writable; /* the first is */
	bool given;
	struct entry *entries;
	size_t n, cap;
	char **texts;
	size_t ntexts, bytes;
	EVP_MD *sha1;
	EVP_MD_CTX *digest;
};

static struct blob blob_of(const struct buf *b)
{
	return (struct blob){ (const unsigned char *)b->s, b->len };
}

char *ssh_fingerprint(const void *key, size_t len)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	(void)EVP_Digest(key, len, sum, &n, EVP_sha256(), NULL);
	AUTO_STR coded = base64_of((const char *)sum, n);
	coded[strcspn(coded, "=")] = '\0';
	return xasprintf("SHA256:%s", coded);
}

/* "ssh-rsa SHA256:..."; owned. */
static char *describe(struct blob key)
{
	struct blob rest = key, type = { 0 };
	AUTO_STR print = ssh_fingerprint(key.s, key.len);

	(void)blob_string(&rest, &type);
	AUTO_STR name = xstrndup((const char *)type.s, type.len);
	return xasprintf("%s %s", name, print);
}

/* A type is plain text, or it is none. */
static bool is_key(struct blob key, const char *type)
{
	struct blob rest = key, name = { 0 }, part = { 0 };

	if (!blob_string(&rest, &name) || !name.len || name.len > 64 ||
	    !blob_string(&rest, &part) || !part.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.s[i] <= ' ' || name.s[i] > '~' || name.s[i] == ',')
			return false;
	return !type || blob_is(name, type);
}

static bool decode(const struct entry *e, struct buf *ret)
{
	return strlen(e->key) <= CODED_MAX && base64_text(e->key, strlen(e->key), ret) &&
	       is_key(blob_of(ret), e->type);
}

/* ---- lines ---- */

/* Cuts the next word off *s; "": there is none. */
static char *word(char **s)
{
	char *ret = *s + strspn(*s, " \t");

	*s = ret + strcspn(ret, " \t");
	if (**s)
		*(*s)++ = '\0';
	return ret;
}

static bool decode_hash(const char *s, size_t len, unsigned char ret[static SHA1_BYTES])
{
	AUTO_BUF b = BUF_INIT;

	if (len > CODED_SHA1 || !base64_text(s, len, &b) || b.len != SHA1_BYTES)
		return false;
	memcpy(ret, b.s, SHA1_BYTES);
	return true;
}

/* |1|salt|hash: the names are not to be read from a stolen file. */
static bool read_names(struct entry *e, const char *names)
{
	const char *salt, *bar;

	e->names = names;
	e->hashed = *names == '|';
	if (!e->hashed)
		return *names && strlen(names) <= NAMES_MAX;
	if (strncmp(names, "|1|", 3) != 0)
		return false;
	salt = names + 3;
	bar = strchr(salt, '|');
	return bar && decode_hash(salt, (size_t)(bar - salt), e->salt) &&
	       decode_hash(bar + 1, strlen(bar + 1), e->hash);
}

static bool read_key(struct entry *e, char *s)
{
	e->type = word(&s);
	e->key = word(&s);
	return *e->type && *e->key && *e->key != '#' && *e->type != '#';
}

static bool read_entry(struct entry *e, char *s)
{
	const char *first = word(&s);

	if (*first == '@') {
		if (strcmp(first, "@cert-authority") != 0 && strcmp(first, "@revoked") != 0)
			return false;
		e->marker = first[1] == 'c' ? AUTHORITY : REVOKED;
		first = word(&s);
	}
	return read_names(e, first) && read_key(e, s);
}

/* "ssh-ed25519 AAAA...", without a name. */
static bool is_bare_key(const char *s)
{
	AUTO_STR copy = xstrdup(s);
	AUTO_BUF key = BUF_INIT;
	struct entry e;

	return read_key(&e, copy) && decode(&e, &key);
}

static void add_entry(struct known_hosts *k, const struct entry *e)
{
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		k->entries = xrealloc(k->entries, k->cap, sizeof(*k->entries));
	}
	k->entries[k->n++] = *e;
}

/* What is handed over is meant to be a key, each line of it. */
static struct err *check_given(const struct entry *e, bool good)
{
	AUTO_BUF key = BUF_INIT;

	if (good && decode(e, &key))
		return NULL;
	return err_new(
		ERR_USAGE,
		"host keys: line %zu is no host key: write 'ssh-ed25519 AAAA...', or a line of "
		"known_hosts; of a console's output all between -----BEGIN SSH HOST KEY KEYS----- "
		"and its END",
		e->line);
}

static struct err *read_line(struct known_hosts *k, size_t source, char *s)
{
	struct source *from = &k->sources[source];
	struct entry e = { .source = source, .line = ++from->lines };
	struct err *fault = NULL;
	bool good;

	s += strspn(s, " \t");
	if (!*s || *s == '#')
		return NULL;
	good = k->given && is_bare_key(s) ? read_key(&e, s) : read_entry(&e, s);
	if (k->given)
		fault = check_given(&e, good);
	if (good)
		add_entry(k, &e);
	else if (!from->bad++)
		from->first_bad = e.line;
	return fault;
}

/* Takes the text, which has to end with NUL. */
static struct err *read_text(struct known_hosts *k, size_t source, char *text)
{
	struct err *e = NULL;

	k->texts = xrealloc(k->texts, k->ntexts + 1, sizeof(*k->texts));
	k->texts[k->ntexts++] = text;
	while (text && *text && !e) {
		char *line = strsep(&text, "\n");

		line[strcspn(line, "\r")] = '\0';
		e = read_line(k, source, line);
	}
	return e;
}

/* ---- files ---- */

static size_t add_source(struct known_hosts *k, const char *path)
{
	k->sources = xrealloc(k->sources, k->nsources + 1, sizeof(*k->sources));
	k->sources[k->nsources] = (struct source){ .path = xstrdup(path) };
	return k->nsources++;
}

/* Behind a NUL a line has nothing, as with OpenSSH: crashes leave some behind. */
static void hide_nuls(char *s, size_t n)
{
	for (char *nul = memchr(s, '\0', n); nul; nul = memchr(nul, '\0', (size_t)(s + n - nul)))
		*nul = '\r';
}

static struct err *read_all(const char *path, int fd, off_t from, size_t max, struct buf *ret)
{
	char chunk[4096]; /* this may run on the small stack of a coroutine */
	ssize_t n = 1;

	while (n) {
		n = pread(fd, chunk, sizeof(chunk), from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_USAGE, "%s: cannot read it: %s", path,
				       strerrordesc_np(errno));
		if ((size_t)n > max - ret->len)
			return err_new(ERR_USAGE, "%s: all files together have more than %d MiB",
				       path, ALL_MAX >> 20);
		hide_nuls(chunk, (size_t)n);
		(void)buf_add(ret, chunk, (size_t)n);
		from += n;
	}
	return NULL;
}

static void forget(struct known_hosts *k, size_t source)
{
	struct source *s = &k->sources[source];
	size_t kept = 0;

	for (size_t i = 0; i < k->n; i++)
		if (k->entries[i].source != source)
			k->entries[kept++] = k->entries[i];
	k->n = kept;
	k->bytes -= s->bytes;
	*s = (struct source){ .path = s->path };
}

/* A line that does not end yet is read again when more has come. */
static struct err *catch_up(struct known_hosts *k, size_t source, int fd)
{
	struct source *s = &k->sources[source];
	AUTO_BUF b = BUF_INIT;
	struct stat st;
	struct err *e;
	char *last;

	if (fstat(fd, &st) != 0)
		return err_new(ERR_USAGE, "%s: %s", s->path, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return NULL; /* /dev/null is the usual one */
	if (st.st_dev != s->dev || st.st_ino != s->ino || st.st_size < s->size)
		forget(k, source);
	e = read_all(s->path, fd, s->size, ALL_MAX - k->bytes, &b);
	if (e)
		return e;
	last = strrchr(b.s, '\n');
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	s->size += last ? last + 1 - b.s : 0;
	s->bytes += b.len;
	k->bytes += b.len;
	e = read_text(k, source, xstrdup(b.s));
	s->lines -= b.len && b.s[b.len - 1] != '\n';
	return e;
}

static struct err *read_file(struct known_hosts *k, const char *path)
{
	const size_t source = add_source(k, path);
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct err *e;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? NULL
			       : err_new(ERR_USAGE, "%s: cannot open it: %s", path,
					 strerrordesc_np(errno));
	e = catch_up(k, source, fd);
	(void)close(fd);
	return e;
}

static struct err *new_hosts(struct known_hosts **ret)
{
	struct known_hosts *k = xcalloc(1, sizeof(*k));

	k->sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	k->digest = EVP_MD_CTX_new();
	*ret = k;
	return k->sha1 && k->digest
		       ? NULL
		       : err_new(ERR_USAGE,
				 "known_hosts: OpenSSL has no SHA-1 here, which names are "
				 "hashed with");
}

struct err *known_hosts_open(char *const *user, char *const *global, struct known_hosts **ret)
{
	struct known_hosts *k = NULL;
	struct err *e = new_hosts(&k);

	k->writable = *user;
	for (; *user && !e; user++)
		e = read_file(k, *user);
	for (; *global && !e; global++)
		e = read_file(k, *global);
	if (!e)
		*ret = TAKE(k);
	known_hosts_free(k);
	return e;
}

void known_hosts_free(struct known_hosts *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->nsources; i++)
		free(k->sources[i].path);
	for (size_t i = 0; i < k->ntexts; i++)
		free(k->texts[i]);
	free(k->sources);
	free(k->texts);
	free(k->entries);
	EVP_MD_CTX_free(k->digest);
	EVP_MD_free(k->sha1);
	free(k);
}

/* ---- keys that are handed over ---- */

/* Of all that a console has shown since it was made, the last boot's keys. */
static char *last_block(const char *text)
{
	static const char begin[] = "-----BEGIN SSH HOST KEY KEYS-----";
	const char *at = NULL, *end;

	for (const char *s = strstr(text, begin); s; s = strstr(s + 1, begin))
		at = s + strlen(begin);
	if (!at)
		return xstrdup(text);
	end = strstr(at, "-----END SSH HOST KEY KEYS-----");
	/* Consoles put the time and the like before a line. */
	while (end && end > at && end[-1] != '\n')
		end--;
	return end ? xstrndup(at, (size_t)(end - at)) : xstrdup(at);
}

struct err *known_hosts_given(const char *text, size_t len, struct known_hosts **ret)
{
	struct known_hosts *k = NULL;
	struct err *e;

	if (len > ALL_MAX || memchr(text, '\0', len))
		return err_new(ERR_USAGE, "host keys: this is no text of at most %d MiB",
			       ALL_MAX >> 20);
	AUTO_STR all = xstrndup(text, len);
	e = new_hosts(&k);
	k->given = true;
	(void)add_source(k, "host keys");
	if (!e)
		e = read_text(k, 0, last_block(all));
	if (!e && !k->n)
		e = err_new(ERR_USAGE, "host keys: there is none in what was given");
	if (!e)
		*ret = TAKE(k);
	known_hosts_free(k);
	return e;
}

/* ---- looking up ---- */

static char *lowered(const char *s)
{
	char *ret = xstrdup(s);

	for (char *p = ret; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return ret;
}

static bool has_port(const struct known_name *name)
{
	return name->port && name->port != SSH_PORT;
}

/* As it stands in files; owned. */
static char *written(const struct known_name *name)
{
	AUTO_STR host = lowered(name->host);

	return has_port(name) ? xasprintf("[%s]:%d", host, name->port) : TAKE(host);
}

/* One half of HMAC (RFC 2104): the pad is the salt with `with`. */
static void hash_half(const struct known_hosts *k, const unsigned char *salt, unsigned char with,
		      const void *s, size_t len, unsigned char *ret)
{
	unsigned char pad[SHA1_BLOCK];
	unsigned n = 0;

	memset(pad, with, sizeof(pad));
	for (size_t i = 0; i < SHA1_BYTES; i++)
		pad[i] ^= salt[i];
	(void)EVP_DigestInit_ex2(k->digest, k->sha1, NULL);
	(void)EVP_DigestUpdate(k->digest, pad, sizeof(pad));
	(void)EVP_DigestUpdate(k->digest, s, len);
	(void)EVP_DigestFinal_ex(k->digest, ret, &n);
}

/* HMAC-SHA1, for each hashed line and each host: OpenSSL's own takes four times as long, most of it to get ready. */
static void hash_name(const struct known_hosts *k, const unsigned char *salt, const char *name,
		      unsigned char ret[static EVP_MAX_MD_SIZE])
{
	unsigned char inner[EVP_MAX_MD_SIZE];

	hash_half(k, salt, 0x36, name, strlen(name), inner);
	hash_half(k, salt, 0x5c, inner, SHA1_BYTES, ret);
}

static bool is_about(const struct known_hosts *k, const struct entry *e, const char *name)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (!e->names)
		return true;
	if (!e->hashed)
		return ssh_match_list(name, e->names, true) == 1;
	hash_name(k, e->salt, name, hash);
	return memcmp(hash, e->hash, SHA1_BYTES) == 0;
}

/* What is offered. */
struct offer {
	struct blob whole, key; /* the same, unless it is a certificate */
	struct host_certificate certificate;
	bool certified;
};

/* What there is about a name; the first of each, of other keys the first of the same type if there is one. */
struct found {
	const struct entry *same, *other, *authority, *revoked;
	const struct entry *any_authority;
	bool other_alike;
};

static void note_other(struct found *f, const struct entry *e, struct blob key)
{
	struct blob type;
	const bool alike = blob_string(&key, &type) && blob_is(type, e->type);

	if (!f->other || (alike && !f->other_alike)) {
		f->other = e;
		f->other_alike = alike;
	}
}

static void note(struct found *f, const struct entry *e, const struct offer *o, struct blob key)
{
	const bool signs = o->certified && blob_equal(key, o->certificate.ca);
	const bool same = blob_equal(key, o->key);

	if (e->marker == REVOKED && (same || signs) && !f->revoked)
		f->revoked = e;
	else if (e->marker == AUTHORITY && signs && !f->authority)
		f->authority = e;
	else if (e->marker == AUTHORITY && !f->any_authority)
		f->any_authority = e;
	else if (e->marker == PLAIN && same && !f->same)
		f->same = e;
	else if (e->marker == PLAIN && !same)
		note_other(f, e, o->key);
}

static struct err *find(const struct known_hosts *k, const char *name, const struct offer *o,
			struct found *f)
{
	*f = (struct found){ 0 };
	for (size_t i = 0; i < k->n; i++) {
		const struct entry *e = &k->entries[i];
		AUTO_BUF key = BUF_INIT;

		if (!is_about(k, e, name))
			continue;
		if (decode(e, &key))
			note(f, e, o, blob_of(&key));
		else if (e->marker == REVOKED)
			return err_new(ERR_USAGE,
				       "%s:%zu: the key that is revoked here cannot be read: mend "
				       "the line",
				       k->sources[e->source].path, e->line);
	}
	return NULL;
}

/* Whether there is a certificate that is taken; if not, *why, where one would do. */
static bool is_certified(const struct found *f, const struct offer *o,
			 const struct known_name *name, int64_t now_s, char **why)
{
	AUTO_STR host = lowered(name->host);
	struct err *e;

	free(TAKE(*why));
	if (!o->certified && f->any_authority)
		*why = xstrdup("a @cert-authority is known for it, but libssh2 cannot ask for one: "
			       "the host's own key has to be known, too");
	if (!o->certified)
		return false;
	e = f->authority ? certificate_check(&o->certificate, host, now_s)
			 : err_new(ERR_AUTH, "its CA is not known for this host");
	if (e)
		*why = xstrdup(e->text);
	err_free(e);
	return !*why;
}

static const struct entry *judge(const struct found *f, const struct offer *o,
				 const struct known_name *name, int64_t now_s,
				 struct known_answer *a)
{
	a->verdict = KNOWN_REVOKED;
	if (f->revoked)
		return f->revoked;
	a->verdict = KNOWN_OK;
	if (is_certified(f, o, name, now_s, &a->why))
		return f->authority;
	if (f->same)
		return f->same;
	a->verdict = f->other ? KNOWN_CHANGED : KNOWN_UNKNOWN;
	return f->other;
}

static struct err *decide(const struct known_hosts *k, const struct known_name *name,
			  const struct offer *o, int64_t now_s, struct known_answer *a)
{
	AUTO_STR text = written(name);
	const struct known_name bare = { name->host, 0 };
	const struct entry *by;
	AUTO_BUF key = BUF_INIT;
	struct found f;
	struct err *e = find(k, text, o, &f);

	if (e)
		return e;
	by = judge(&f, o, name, now_s, a);
	if (a->verdict == KNOWN_UNKNOWN && has_port(name)) {
		e = decide(k, &bare, o, now_s, a);
		if (e || a->verdict == KNOWN_OK || a->verdict == KNOWN_REVOKED)
			return e;
		free(TAKE(a->known));
		a->verdict = KNOWN_UNKNOWN;
		a->file = NULL;
		a->line = 0;
	}
	if (!by)
		return NULL;
	a->file = k->sources[by->source].path;
	a->line = by->line;
	if (a->verdict == KNOWN_CHANGED && decode(by, &key))
		a->known = describe(blob_of(&key));
	return NULL;
}

static struct err *make_offer(const void *key, size_t len, struct offer *ret)
{
	struct offer o = { .whole = { key, len }, .key = { key, len } };
	struct err *e = NULL;

	if (len > KEY_MAX || !is_key(o.whole, NULL))
		return err_new(ERR_PROTOCOL, "the host offered what is no key");
	o.certified = certificate_is_one(o.whole);
	if (o.certified)
		e = certificate_parse(o.whole, &o.certificate);
	if (o.certified && !e)
		o.key = blob_of(&o.certificate.key);
	if (!e)
		*ret = o;
	return e;
}

static void drop_offer(struct offer *o)
{
	if (o->certified)
		certificate_release(&o->certificate);
}

static struct err *answer(const struct known_hosts *k, const struct known_name *name,
			  const struct offer *o, int64_t now_s, struct known_answer *ret)
{
	struct known_answer a = { .offered = describe(o->key) };
	struct err *e = decide(k, name, o, now_s, &a);

	if (e)
		known_answer_release(&a);
	else
		*ret = a;
	return e;
}

struct err *known_hosts_check(const struct known_hosts *k, const struct known_name *name,
			      const void *key, size_t len, int64_t now_s, struct known_answer *ret)
{
	struct offer o = { .whole = { NULL, 0 } };
	struct err *e = make_offer(key, len, &o);

	if (e)
		return e;
	e = answer(k, name, &o, now_s, ret);
	drop_offer(&o);
	return e;
}

void known_answer_release(struct known_answer *a)
{
	free(a->offered);
	free(a->known);
	free(a->why);
	*a = (struct known_answer){ 0 };
}

/* ---- adding ---- */

static struct err *make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_STR folder = slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : NULL;

	if (!folder || mkdir(folder, 0700) == 0 || errno == EEXIST)
		return NULL;
	return err_new(ERR_USAGE, "%s: cannot make this folder: %s", folder,
		       strerrordesc_np(errno));
}

static struct err *lock(const char *path, int fd)
{
	/* A file system without locks: the write is one all the same. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR))
		return NULL;
	return err_new(ERR_CONFLICT, "%s: another process has locked it", path);
}

static bool is_still(const char *path, int fd)
{
	struct stat by_name, open_one;

	return stat(path, &by_name) == 0 && fstat(fd, &open_one) == 0 &&
	       by_name.st_ino == open_one.st_ino && by_name.st_dev == open_one.st_dev;
}

/* Whoever removes a line puts another file in the place of the one that we may have waited for. */
static struct err *open_locked(const char *path, int *ret)
{
	struct err *e = make_folder(path);

	for (int i = 0; i < REPLACED_MAX && !e; i++) {
		const int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

		if (fd < 0)
			return err_new(ERR_USAGE, "%s: cannot write to it: %s", path,
				       strerrordesc_np(errno));
		e = lock(path, fd);
		if (!e && is_still(path, fd)) {
			*ret = fd;
			return NULL;
		}
		(void)close(fd);
	}
	return e ? e : err_new(ERR_CONFLICT, "%s: it is replaced again and again", path);
}

static struct err *hashed(const struct known_hosts *k, const char *name, char **ret)
{
	unsigned char salt[SHA1_BYTES], hash[EVP_MAX_MD_SIZE];

	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return err_new(ERR_USAGE, "the machine has no random numbers");
	hash_name(k, salt, name, hash);
	AUTO_STR coded_salt = base64_of((const char *)salt, sizeof(salt));
	AUTO_STR coded_hash = base64_of((const char *)hash, SHA1_BYTES);
	*ret = xasprintf("|1|%s|%s", coded_salt, coded_hash);
	return NULL;
}

static struct err *write_line(const char *path, int fd, const char *name, struct blob key)
{
	AUTO_STR coded = base64_of((const char *)key.s, key.len);
	struct blob rest = key, type = { 0 };
	AUTO_BUF b = BUF_INIT;
	struct stat st;
	char last = '\n';
	ssize_t n;

	(void)blob_string(&rest, &type);
	if (fstat(fd, &st) != 0 || (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1))
		return err_new(ERR_USAGE, "%s: cannot read it: %s", path, strerrordesc_np(errno));
	buf_addf(&b, "%s%s %.*s %s\n", last == '\n' ? "" : "\n", name, (int)type.len,
		 (const char *)type.s, coded);
	n = write(fd, b.s, b.len);
	if (n == (ssize_t)b.len)
		return NULL;
	if (n < 0)
		return err_new(ERR_USAGE, "%s: cannot write to it: %s", path,
			       strerrordesc_np(errno));
	return err_new(ERR_USAGE, "%s: the disk is full%s", path,
		       ftruncate(fd, st.st_size) == 0 ? "" : ": its last line is half a line");
}

/* *ret as it is under the lock: somebody else may have been first, and with another key. */
static struct err *add(struct known_hosts *k, int fd, const struct known_name *name,
		       const struct offer *o, const struct known_policy *p,
		       struct known_answer *ret)
{
	const char *path = k->sources->path;
	AUTO_STR text = written(name);
	struct err *e = catch_up(k, 0, fd);

	if (!e) {
		known_answer_release(ret);
		e = answer(k, name, o, p->now_s, ret);
	}
	if (e || ret->verdict != KNOWN_UNKNOWN)
		return e;
	if (p->hash) {
		AUTO_STR plain = TAKE(text);

		e = hashed(k, plain, &text);
	}
	if (!e)
		e = write_line(path, fd, text, o->key);
	if (!e)
		e = catch_up(k, 0, fd);
	if (!e)
		ret->verdict = KNOWN_OK;
	return e;
}

static bool is_writable_name(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127 || strchr(",*?!|#@", *p))
			return false;
	return *s && strlen(s) <= NAMES_MAX;
}

static struct err *accept_new(struct known_hosts *k, const struct known_name *name,
			      const struct offer *o, const struct known_policy *p,
			      struct known_answer *ret)
{
	struct err *e;
	int fd = -1;

	if (!is_writable_name(name->host))
		return err_new(ERR_USAGE, "'%s' is no name for a line of known_hosts", name->host);
	e = open_locked(k->sources->path, &fd);
	if (!e)
		e = add(k, fd, name, o, p, ret);
	if (fd >= 0)
		(void)close(fd);
	return e;
}

/* Who accepts all has not asked for it to be remembered. */
static struct err *accept(struct known_hosts *k, const struct known_name *name,
			  const struct offer *o, const struct known_policy *p,
			  struct known_answer *ret)
{
	struct err *e = accept_new(k, name, o, p, ret);

	if (!e || p->strict != SSH_ACCEPT_ALL)
		return e;
	err_free(e);
	known_answer_release(ret);
	e = answer(k, name, o, p->now_s, ret);
	if (!e && ret->verdict == KNOWN_UNKNOWN)
		ret->verdict = KNOWN_OK;
	return e;
}

/* ---- for people ---- */

static struct err *revoked(const struct known_answer *a)
{
	return err_new(
		ERR_AUTH,
		"its host key %s is revoked by %s:%zu: it must not be trusted any more; make "
		"new host keys there",
		a->offered, a->file, a->line);
}

static struct err *changed(const struct known_hosts *k, const struct known_answer *a,
			   const char *name)
{
	if (k->given)
		return err_new(
			ERR_AUTH,
			"it offers the host key %s, but the one that was given (line %zu) is "
			"%s: somebody may be in between; if it was made anew, give its new key",
			a->offered, a->line, a->known);
	return err_new(
		ERR_AUTH,
		"its host key has changed: it offers %s, but %s:%zu has %s: somebody may be in "
		"between; if it was made anew, take that line out (ssh-keygen -f '%s' -R '%s') and give its new key",
		a->offered, a->file, a->line, a->known, a->file, name);
}

static void tell_unreadable(const struct known_hosts *k, struct buf *b)
{
	for (size_t i = 0; i < k->nsources; i++)
		if (k->sources[i].bad)
			buf_addf(b, "; %s:%zu%s cannot be read", k->sources[i].path,
				 k->sources[i].first_bad,
				 k->sources[i].bad > 1 ? " and other lines there" : "");
}

static struct err *unknown(const struct known_hosts *k, const struct known_answer *a,
			   const struct known_policy *p)
{
	AUTO_BUF b = BUF_INIT;

	buf_addf(&b, "its host key %s is not known", a->offered);
	if (k->given)
		buf_adds(&b, ": none of those that were given is about this host");
	else if (p->strict != SSH_STRICT)
		buf_adds(&b, ", and there is no file of UserKnownHostsFile to remember it in: name "
			     "one, or give the host's key");
	else
		buf_addf(
			&b,
			": compare it with what the host's console shows, and give it%s%s, or "
			"set host_key_checking to accept-new (StrictHostKeyChecking in ssh_config)",
			k->writable ? " or add it to " : "", k->writable ? k->sources->path : "");
	if (a->why)
		buf_addf(&b, "; as to its certificate: %s", a->why);
	tell_unreadable(k, &b);
	return err_new(ERR_AUTH, "%s", b.s);
}

static struct err *refuse(const struct known_hosts *k, const struct known_answer *a,
			  const char *name, const struct known_policy *p)
{
	if (a->verdict == KNOWN_REVOKED)
		return revoked(a);
	if (a->verdict == KNOWN_UNKNOWN)
		return unknown(k, a, p);
	/* Who hands a key over means that one, whatever else is accepted. */
	if (a->verdict == KNOWN_CHANGED && (p->strict != SSH_ACCEPT_ALL || k->given))
		return changed(k, a, name);
	return NULL;
}

struct err *known_hosts_verify(struct known_hosts *k, const struct known_name *name,
			       const void *key, size_t len, const struct known_policy *policy,
			       bool *ret_changed)
{
	AUTO_STR text = written(name);
	struct known_answer a = { 0 };
	struct offer o = { .whole = { NULL, 0 } };
	struct err *e = make_offer(key, len, &o);

	if (e)
		return err_wrap(e, "host '%s'", text);
	e = answer(k, name, &o, policy->now_s, &a);
	if (!e && a.verdict == KNOWN_UNKNOWN && policy->strict != SSH_STRICT && k->writable)
		e = accept(k, name, &o, policy, &a);
	if (!e)
		e = refuse(k, &a, text, policy);
	*ret_changed = !e && a.verdict == KNOWN_CHANGED;
	known_answer_release(&a);
	drop_offer(&o);
	return err_wrap(e, "host '%s'", text);
}

/* ---- the order of algorithms ---- */

/* The type of the key that an algorithm works with; owned. */
static char *key_type(const char *algorithm, bool *certificate)
{
	const char *cert = strstr(algorithm, "-cert-v01@openssh.com");
	AUTO_STR plain =
		cert ? xstrndup(algorithm, (size_t)(cert - algorithm)) : xstrdup(algorithm);

	*certificate = cert;
	if (strcmp(plain, "rsa-sha2-256") == 0 || strcmp(plain, "rsa-sha2-512") == 0)
		return xstrdup("ssh-rsa");
	/* Those of FIDO have their "@openssh.com" behind the "-cert-v01". */
	return cert && strncmp(plain, "sk-", 3) == 0 ? xasprintf("%s@openssh.com", plain)
						     : TAKE(plain);
}

struct kinds {
	struct buf types; /* "ssh-rsa,ssh-ed25519" */
	bool authority;
};

static void find_kinds(const struct known_hosts *k, const char *name, struct kinds *ret)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct entry *e = &k->entries[i];

		if (e->marker == REVOKED || !is_about(k, e, name))
			continue;
		if (e->marker == AUTHORITY)
			ret->authority = true;
		else
			buf_addf(&ret->types, "%s%s", ret->types.len ? "," : "", e->type);
	}
}

static bool is_known(const struct kinds *kinds, const char *algorithm, bool *plainly)
{
	bool certificate = false;
	AUTO_STR type = key_type(algorithm, &certificate);

	*plainly = ssh_match_list(type, kinds->types.s, false) == 1;
	return *plainly || (certificate && kinds->authority);
}

static void append(struct buf *b, const char *s)
{
	buf_addf(b, "%s%s", b->len && *s ? "," : "", s);
}

char *known_hosts_algorithms(const struct known_hosts *k, const struct known_name *name,
			     const char *algorithms)
{
	const struct known_name bare = { name->host, 0 };
	AUTO_STR list = xstrdup(algorithms);
	AUTO_STR text = written(name);
	AUTO_STR bare_text = written(&bare);
	struct kinds kinds = { .types = BUF_INIT };
	AUTO_BUF first = BUF_INIT;
	AUTO_BUF others = BUF_INIT;
	bool best = true, plainly = false;
	char *rest = list;

	find_kinds(k, text, &kinds);
	if (!kinds.types.len && !kinds.authority && has_port(name))
		find_kinds(k, bare_text, &kinds);
	for (; rest && *rest; best = false) {
		const char *one = strsep(&rest, ",");
		const bool known = is_known(&kinds, one, &plainly);

		if (best && plainly)
			break;
		append(known ? &first : &others, one);
	}
	buf_release(&kinds.types);
	if (best && plainly)
		return xstrdup(algorithms);
	append(&first, others.s);
	return buf_take(&first);
}
