/* Archives, and files taken out of them: what GNU tar makes of ours, and we of hostile ones. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kubernetes/tree.h"
#include "unit.h"

static char dir[32];

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void write_file(const char *name, const char *text, unsigned mode)
{
	AUTO_STR path = in_dir(name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(close(fd), 0);
}

static char *read_file(const char *name)
{
	AUTO_STR path = in_dir(name);
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(4096, 1);

	if (fd < 0 || read(fd, text, 4095) < 0)
		strncpy(text, "(none)", 7);
	if (fd >= 0)
		(void)close(fd);
	return text;
}

#define holds(name, text)                        \
	do {                                     \
		AUTO_STR got_ = read_file(name); \
		ck_assert_str_eq(got_, text);    \
	} while (0)

static void set_up(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/t_tar.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_below(int at, const char *name)
{
	const int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *all = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *d = all ? readdir(all) : NULL; d; d = readdir(all))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			remove_below(dirfd(all), d->d_name);
	if (all)
		(void)closedir(all);
	(void)unlinkat(at, name, all ? AT_REMOVEDIR : 0);
}

static void tear_down(void)
{
	remove_below(AT_FDCWD, dir);
}

/* Takes an archive out to dir/TO, in pieces of `step` bytes. */
static struct err *unpack_step(const struct buf *b, const char *to, size_t step,
			       struct tree_unpack *u)
{
	AUTO_STR target = in_dir(to);
	struct tar_reader r;
	struct err *e = tree_unpack_init(u, target, "top", false);

	tar_reader_init(&r);
	r.entry = tree_unpack_entry;
	r.data = tree_unpack_data;
	r.done = tree_unpack_done;
	r.arg = u;
	for (size_t at = 0; at < b->len && !e; at += step)
		e = tar_read(&r, b->s + at, b->len - at < step ? b->len - at : step);
	if (!e)
		e = tar_read_end(&r);
	tar_reader_release(&r);
	return e;
}

static struct err *unpack(const struct buf *b, const char *to)
{
	struct tree_unpack u;
	struct err *e = unpack_step(b, to, 1000, &u);

	tree_unpack_release(&u);
	return e;
}

static void pack(const char *from, struct buf *b)
{
	AUTO_STR path = in_dir(from);
	struct tree_pack *p = NULL;
	struct err *e = NULL;
	uint64_t size = 0;
	char part[700];
	ssize_t n;

	unit_ok(tree_pack_size(path, "top", false, &size));
	unit_ok(tree_pack_new(path, "top", false, &p));
	while ((n = tree_pack_read(p, part, sizeof(part), &e)) > 0)
		(void)buf_add(b, part, (size_t)n);
	unit_ok(e);
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(b->len, size);
	tree_pack_free(p);
}

static void add(struct buf *b, char type, const char *name, const char *link, const char *content)
{
	const struct tar_entry e = {
		.type = type, .name = name, .link = link, .mode = 0640, .size = strlen(content)
	};

	tar_head(b, &e);
	buf_adds(b, content);
	for (size_t n = tar_padding(e.size); n; n--)
		(void)buf_add(b, "", 1);
}

static void make_tree(void)
{
	static const char *const folders[] = { "a", "a/b", NULL };
	AUTO_STR deep = xcalloc(301, 1);

	for (size_t i = 0; folders[i]; i++) {
		AUTO_STR path = in_dir(folders[i]);

		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	memset(deep, 'n', 200);
	AUTO_STR name = xasprintf("a/b/%s", deep);
	write_file("a/one", "1", 0600);
	write_file("a/b/two", "22", 0755);
	write_file("a/empty", "", 0644);
	write_file(name, "long", 0644);
}

START_TEST(there_and_back)
{
	AUTO_BUF b = BUF_INIT;
	struct tree_unpack u;
	struct stat st;
	AUTO_STR link = in_dir("a/link");
	AUTO_STR two = in_dir("c/d/b/two");

	make_tree();
	ck_assert_int_eq(symlink("/etc/passwd", link), 0);
	pack("a", &b);
	for (size_t step = 1; step < 2000; step += 499) {
		unit_ok(unpack_step(&b, "c/d", step, &u));
		ck_assert_int_eq(u.changed, step == 1); /* the second time all is there */
		ck_assert_uint_eq(u.files, 4);
		ck_assert_uint_eq(u.skipped, 1);
		ck_assert_str_eq(u.first_skipped, "top/link");
		tree_unpack_release(&u);
	}
	holds("c/d/one", "1");
	holds("c/d/b/two", "22");
	holds("c/d/empty", "");
	holds("c/d/link", "(none)");
	ck_assert_int_eq(stat(two, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0755);
	write_file("c/d/one", "x", 0600);
	unit_ok(unpack_step(&b, "c/d", 512, &u));
	ck_assert(u.changed);
	tree_unpack_release(&u);
	holds("c/d/one", "1");
}
END_TEST

/* Nothing outside of the target is touched, whatever an archive says. */
static const struct {
	char type;
	const char *name, *link, *words;
} hostile[] = {
	{ TAR_FILE, "/tmp/x", "", "which was not asked for" },
	{ TAR_FILE, "other", "", "which was not asked for" },
	{ TAR_FILE, "topper", "", "which was not asked for" },
	{ TAR_FILE, "", "", "which was not asked for" },
	{ TAR_FILE, "top/../x", "", "leads out of it" },
	{ TAR_FILE, "top/a/../../x", "", "leads out of it" },
	{ TAR_FILE, "top/..", "", "leads out of it" },
	{ TAR_DIR, "top/../y", "", "leads out of it" },
	{ TAR_HARD_LINK, "top/h", "/etc/passwd", "which was not asked for" },
	{ TAR_HARD_LINK, "top/h", "top/../secret", "leads out of it" },
	{ TAR_HARD_LINK, "top/h", "top/none", "cannot link" },
};

START_TEST(stays_inside)
{
	AUTO_BUF b = BUF_INIT;

	write_file("secret", "s", 0600);
	add(&b, hostile[_i].type, hostile[_i].name, hostile[_i].link, "");
	tar_end(&b);
	struct err *e = unpack(&b, "t");
	ck_assert_msg(e && strstr(e->text, hostile[_i].words), "'%s' lacks '%s'",
		      e ? e->text : "no error", hostile[_i].words);
	err_free(e);
	holds("secret", "s");
	holds("x", "(none)");
}
END_TEST

/* Neither links of the archive nor those that are there lead anywhere. */
START_TEST(follows_no_links)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_STR out = in_dir("out");
	AUTO_STR t = in_dir("t");
	AUTO_STR trap = in_dir("t/trap");
	AUTO_STR file = in_dir("t/file");
	AUTO_STR secret = in_dir("out/secret");

	ck_assert_int_eq(mkdir(out, 0755), 0);
	ck_assert_int_eq(mkdir(t, 0755), 0);
	write_file("out/secret", "s", 0600);
	ck_assert_int_eq(symlink(out, trap), 0);
	ck_assert_int_eq(symlink(secret, file), 0);
	add(&b, TAR_FILE, "top/file", "", "new");
	add(&b, TAR_FILE, "top/trap/secret", "", "new");
	tar_end(&b);
	unit_fails(unpack(&b, "t"), ERR_USAGE, "cannot write into");
	holds("out/secret", "s");
	holds("t/file", "new"); /* in the link's place */
	b.len = 0;
	add(&b, TAR_SYMLINK, "top/away", out, "");
	add(&b, TAR_FILE, "top/away/secret", "", "new");
	tar_end(&b);
	unit_ok(unpack(&b, "t"));
	holds("out/secret", "s");
	holds("t/away/secret", "new");
}
END_TEST

START_TEST(hard_links)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_STR x = in_dir("t/x");
	AUTO_STR y = in_dir("t/d/y");
	struct stat s, t;

	add(&b, TAR_FILE, "./top/x", "", "content");
	add(&b, TAR_HARD_LINK, "./top/d/y", "./top/x", "");
	tar_end(&b);
	unit_ok(unpack(&b, "t"));
	holds("t/d/y", "content");
	ck_assert_int_eq(stat(x, &s) | stat(y, &t), 0);
	ck_assert_uint_eq(s.st_ino, t.st_ino);
}
END_TEST

static void add_pax(struct buf *b, const char *records)
{
	add(b, 'x', "pax", "", records);
}

START_TEST(pax)
{
	AUTO_BUF b = BUF_INIT;

	add_pax(&b, "16 path=top/new\n12 size=003\n12 mtime=1.\n");
	add(&b, TAR_FILE, "old", "", "abc");
	tar_end(&b);
	unit_ok(unpack(&b, "t"));
	holds("t/new", "abc");
}
END_TEST

static const struct {
	const char *records, *words;
} odd_pax[] = {
	{ "22 GNU.sparse.major=1\n", "a sparse file" },
	{ "99 path=top/new\n", "a pax head" },
	{ "3 x\n", "a pax head" },
	{ "0 path=x\n", "a pax head" },
	{ "path=x\n", "a pax head" },
	{ "-1 path=x\n", "a pax head" },
	{ "9 pathxx\n", "a pax head" },
	{ "15 path=top/new", "a pax head" },
	{ "11 size=-1\n", "a number that is none" },
	{ "11 size=1x\n", "a number that is none" },
};

START_TEST(pax_refused)
{
	AUTO_BUF b = BUF_INIT;

	add_pax(&b, odd_pax[_i].records);
	add(&b, TAR_FILE, "top", "", "abc");
	tar_end(&b);
	unit_fails(unpack(&b, "t"), ERR_PROTOCOL, odd_pax[_i].words);
}
END_TEST

START_TEST(damaged)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_BUF cut = BUF_INIT;

	add(&b, TAR_FILE, "top", "", "abc");
	tar_end(&b);
	for (size_t n = 0; n <= 1024; n++) {
		cut.len = 0;
		(void)buf_add(&cut, b.s, n);
		unit_fails(unpack(&cut, "t"), ERR_PROTOCOL, "it is cut");
	}
	b.s[0] = 'T';
	unit_fails(unpack(&b, "t"), ERR_PROTOCOL, "a wrong checksum");
	b.len = 0;
	add(&b, 'S', "top", "", "");
	unit_fails(unpack(&b, "t"), ERR_PROTOCOL, "a sparse file");
}
END_TEST

/* A file that is not whole never has its name. */
START_TEST(whole_or_not)
{
	AUTO_BUF b = BUF_INIT;

	write_file("t", "old", 0600);
	add(&b, TAR_FILE, "top", "", "new content");
	b.len = 512 + 5;
	unit_fails(unpack(&b, "t"), ERR_PROTOCOL, "it is cut");
	holds("t", "old");
	DIR *all = opendir(dir);
	int n = 0;
	while (readdir(all))
		n++;
	(void)closedir(all);
	ck_assert_int_eq(n, 3); /* ".", "..", "t" */
}
END_TEST

START_TEST(big_numbers)
{
	const struct tar_entry big = {
		.type = TAR_FILE, .name = "top", .link = "", .size = 20ULL << 30, .uid = 3000000000U
	};
	AUTO_BUF b = BUF_INIT;

	tar_head(&b, &big);
	ck_assert_uint_eq(b.len, TAR_BLOCK);
	ck_assert_int_eq((unsigned char)b.s[124], 0x80); /* base 256 */
	ck_assert_int_eq((unsigned char)b.s[124 + 7], 5);
	ck_assert_int_eq((unsigned char)b.s[108], 0x80);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tar");
	TCase *t = tcase_create("tar");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, there_and_back);
	tcase_add_loop_test(t, stays_inside, 0, COUNT(hostile));
	tcase_add_test(t, follows_no_links);
	tcase_add_test(t, hard_links);
	tcase_add_test(t, pax);
	tcase_add_loop_test(t, pax_refused, 0, COUNT(odd_pax));
	tcase_add_test(t, damaged);
	tcase_add_test(t, whole_or_not);
	tcase_add_test(t, big_numbers);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
