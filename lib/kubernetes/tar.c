#include <string.h>

#include "kubernetes/tar.h"

/* The fields of a head. */
enum {
	NAME = 0,
	NAME_LEN = 100,
	MODE = 100,
	UID = 108,
	GID = 116,
	ID_LEN = 8,
	SIZE = 124,
	MTIME = 136,
	NUMBER_LEN = 12,
	CHECKSUM = 148,
	TYPE = 156,
	LINK = 157,
	MAGIC = 257,
	PREFIX = 345,
	PREFIX_LEN = 155,
};

enum {
	LONG_NAME = 'L',
	LONG_LINK = 'K',
	PAX = 'x',
	PAX_ALL = 'g',
	SPARSE = 'S',
	PAX_MAX = 1 << 20
};

static struct err *wrong(const char *what)
{
	return err_new(ERR_PROTOCOL, "the archive makes no sense: %s", what);
}

/* ---- writing ---- */

/* Octal with a NUL at its end, or, where that is too short, base 256. */
static void put_number(char *field, size_t len, uint64_t v)
{
	const bool fits = v >> 3 * (len - 1) == 0;

	for (size_t i = 0; i < len - fits; i++) {
		field[len - fits - 1 - i] = (char)(fits ? '0' + (int)(v & 7) : (int)(v & 0xff));
		v >>= fits ? 3 : 8;
	}
	if (!fits)
		field[0] = (char)0x80;
}

static unsigned sum_of(const char *block)
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + ID_LEN ? ' ' : (unsigned char)block[i];
	return sum;
}

static void put_block(struct buf *out, const struct tar_entry *e)
{
	char b[TAR_BLOCK] = { 0 };

	memcpy(b + NAME, e->name, strnlen(e->name, NAME_LEN));
	put_number(b + MODE, ID_LEN, e->mode);
	put_number(b + UID, ID_LEN, e->uid);
	put_number(b + GID, ID_LEN, e->gid);
	put_number(b + SIZE, NUMBER_LEN, e->size);
	put_number(b + MTIME, NUMBER_LEN, e->mtime_s > 0 ? (uint64_t)e->mtime_s : 0);
	b[TYPE] = e->type;
	memcpy(b + LINK, e->link, strnlen(e->link, NAME_LEN));
	memcpy(b + MAGIC, "ustar  ", 8);
	put_number(b + CHECKSUM, ID_LEN - 1, sum_of(b));
	b[CHECKSUM + ID_LEN - 1] = ' ';
	(void)buf_add(out, b, sizeof(b));
}

static void put_zeros(struct buf *out, size_t n)
{
	static const char zeros[TAR_BLOCK];

	(void)buf_add(out, zeros, n);
}

size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}

static void put_long(struct buf *out, char type, const char *s)
{
	const struct tar_entry e = {
		.type = type, .name = "././@LongLink", .link = "", .size = strlen(s) + 1
	};

	if (strlen(s) < NAME_LEN)
		return;
	put_block(out, &e);
	(void)buf_add(out, s, (size_t)e.size);
	put_zeros(out, tar_padding(e.size));
}

void tar_head(struct buf *out, const struct tar_entry *entry)
{
	put_long(out, LONG_LINK, entry->link);
	put_long(out, LONG_NAME, entry->name);
	put_block(out, entry);
}

void tar_end(struct buf *out)
{
	put_zeros(out, TAR_BLOCK);
	put_zeros(out, TAR_BLOCK);
}

/* ---- reading ---- */

static bool get_number(const char *field, size_t len, uint64_t *ret)
{
	const unsigned char *s = (const unsigned char *)field;
	uint64_t v = 0;
	size_t i = 0;

	if (*s == 0x80) {
		for (i = 1; i < len; i++) {
			if (v >> 55)
				return false;
			v = v << 8 | s[i];
		}
		*ret = v;
		return true;
	}
	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] <= '7'; i++)
		v = v << 3 | (s[i] - '0');
	*ret = v;
	return i == len || !s[i] || s[i] == ' ';
}

/* A name in the head; POSIX's prefix goes before it. */
static void get_name(const struct tar_reader *r, struct buf *name)
{
	const char *prefix = r->block + PREFIX;

	if (memcmp(r->block + MAGIC, "ustar\0", 6) == 0 && *prefix)
		buf_addf(name, "%.*s/", (int)strnlen(prefix, PREFIX_LEN), prefix);
	(void)buf_add(name, r->block + NAME, strnlen(r->block + NAME, NAME_LEN));
}

static bool is_extra(char type)
{
	return type == LONG_NAME || type == LONG_LINK || type == PAX || type == PAX_ALL;
}

static struct err *tell_entry(struct tar_reader *r, struct tar_entry *e)
{
	if (!r->name.len)
		get_name(r, &r->name);
	if (!r->link.len)
		(void)buf_add(&r->link, r->block + LINK, strnlen(r->block + LINK, NAME_LEN));
	if (r->size >= 0)
		r->left = e->size = (uint64_t)r->size;
	/* What is no content may have a size all the same (a folder's). */
	if (e->type != TAR_FILE && e->type != '7')
		r->left = e->size = 0;
	e->name = r->name.s;
	e->link = r->link.s;
	return r->entry(r->arg, e);
}

static struct err *begin(struct tar_reader *r)
{
	struct tar_entry e = { .type = (char)(r->block[TYPE] ? r->block[TYPE] : TAR_FILE) };
	uint64_t mode, sum, mtime;

	if (!get_number(r->block + CHECKSUM, ID_LEN, &sum) || sum != sum_of(r->block))
		return wrong("a wrong checksum");
	if (!get_number(r->block + MODE, ID_LEN, &mode) ||
	    !get_number(r->block + UID, ID_LEN, &e.uid) ||
	    !get_number(r->block + GID, ID_LEN, &e.gid) ||
	    !get_number(r->block + SIZE, NUMBER_LEN, &e.size) || e.size > INT64_MAX)
		return wrong("a number that is none");
	if (!get_number(r->block + MTIME, NUMBER_LEN, &mtime) || mtime > INT64_MAX)
		mtime = 0; /* before 1970 */
	e.mode = (unsigned)mode & 07777;
	e.mtime_s = (int64_t)mtime;
	r->left = e.size;
	r->type = e.type;
	if (e.type == SPARSE)
		return wrong("a sparse file; have the container's tar not look for holes");
	if (!is_extra(e.type))
		return tell_entry(r, &e);
	return r->left <= PAX_MAX ? NULL : wrong("a head that is too long");
}

static struct err *set_name(struct buf *to, const char *s, size_t n)
{
	to->len = 0;
	if (n > TAR_NAME_MAX || memchr(s, '\0', n))
		return wrong("a name that is too long or holds a NUL");
	(void)buf_add(to, s, n);
	return NULL;
}

static struct err *take_record(struct tar_reader *r, const char *key, const char *value, size_t n)
{
	const size_t len = (size_t)(value - key) - 1;
	char *end = NULL;

	if (len >= 10 && memcmp(key, "GNU.sparse", 10) == 0)
		return wrong("a sparse file; have the container's tar not look for holes");
	if (len == 4 && memcmp(key, "path", 4) == 0)
		return set_name(&r->name, value, n);
	if (len == 8 && memcmp(key, "linkpath", 8) == 0)
		return set_name(&r->link, value, n);
	if (len != 4 || memcmp(key, "size", 4) != 0)
		return NULL;
	r->size = strtoll(value, &end, 10);
	return r->size < 0 || end != value + n || !n ? wrong("a number that is none") : NULL;
}

/* "27 path=a/b\n": the number counts the whole record. */
static struct err *take_pax(struct tar_reader *r)
{
	const char *s = r->extra.s, *stop = s + r->extra.len;
	struct err *e = NULL;

	while (s < stop && !e) {
		char *key = NULL;
		const unsigned long n = strtoul(s, &key, 10);
		const char *value;

		if (key == s || *key != ' ' || n <= (size_t)(key - s) + 1 ||
		    n > (size_t)(stop - s) || s[n - 1] != '\n')
			return wrong("a pax head");
		key++;
		value = memchr(key, '=', n - (size_t)(key - s));
		if (!value)
			return wrong("a pax head");
		value++;
		e = take_record(r, key, value, n - 1 - (size_t)(value - s));
		s += n;
	}
	return e;
}

static struct err *finish_extra(struct tar_reader *r)
{
	struct err *e = NULL;

	if (r->type == PAX)
		e = take_pax(r);
	else if (r->type == LONG_NAME || r->type == LONG_LINK)
		e = set_name(r->type == LONG_NAME ? &r->name : &r->link, r->extra.s,
			     strnlen(r->extra.s, r->extra.len));
	r->extra.len = 0;
	return e;
}

static struct err *finish(struct tar_reader *r)
{
	if (is_extra(r->type))
		return finish_extra(r);
	r->name.len = r->link.len = 0;
	r->size = -1;
	return r->done(r->arg);
}

static bool is_empty(const char *block)
{
	return !*block && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static struct err *take_block(struct tar_reader *r)
{
	struct err *e;

	r->have = 0;
	if (is_empty(r->block)) {
		r->empty++;
		return NULL;
	}
	r->empty = 0;
	e = begin(r);
	r->padding = tar_padding(r->left);
	return e || r->left ? e : finish(r);
}

static struct err *take_content(struct tar_reader *r, const char *s, size_t n)
{
	struct err *e = NULL;

	if (is_extra(r->type))
		(void)buf_add(&r->extra, s, n);
	else
		e = r->data(r->arg, s, n);
	r->left -= n;
	return e || r->left ? e : finish(r);
}

struct err *tar_read(struct tar_reader *r, const char *s, size_t n)
{
	struct err *e = NULL;

	while (n && !e && r->empty < 2) {
		size_t some = r->left      ? (r->left < n ? (size_t)r->left : n)
			      : r->padding ? r->padding
					   : TAR_BLOCK - r->have;

		if (some > n)
			some = n;
		if (r->left) {
			e = take_content(r, s, some);
		} else if (r->padding) {
			r->padding -= some;
		} else {
			memcpy(r->block + r->have, s, some);
			r->have += some;
			if (r->have == TAR_BLOCK)
				e = take_block(r);
		}
		s += some;
		n -= some;
	}
	return e;
}

struct err *tar_read_end(const struct tar_reader *r)
{
	return r->left || r->padding || r->have || !r->empty ? wrong("it is cut") : NULL;
}

void tar_reader_init(struct tar_reader *r)
{
	*r = (struct tar_reader){
		.extra = BUF_INIT, .name = BUF_INIT, .link = BUF_INIT, .size = -1
	};
}

void tar_reader_release(struct tar_reader *r)
{
	buf_release(&r->extra);
	buf_release(&r->name);
	buf_release(&r->link);
}
