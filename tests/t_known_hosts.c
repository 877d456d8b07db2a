/* known_hosts: verdicts, certificates, keys that are handed over, lines that are added; ssh-keygen and ssh are the measure. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "dice.h"
#include "file.h"
#include "oracle.h"
#include "sandbox.h"
#include "ssh/host_certificate.h"
#include "ssh/known_hosts.h"
#include "ssh/ssh.h"
#include "text.h"
#include "unit.h"

enum { NOW = 1800000000, WRITERS = 6, NAMES = 12 };

/* ---- keys out of nothing: only whether they are the same matters here ---- */

struct key {
	char bytes[51];
	size_t len;
	char text[128]; /* "ssh-ed25519 AAAA..." */
};

static struct key key_of(const char *type, char c)
{
	struct key k = { .len = 4 + strlen(type) + 4 + 28 };
	char *s = k.bytes;

	*(s + 3) = (char)strlen(type);
	memcpy(s + 4, type, strlen(type));
	s[4 + strlen(type) + 3] = 28;
	memset(s + 8 + strlen(type), c, 28);
	AUTO_STR coded = base64_of(k.bytes, k.len);
	(void)snprintf(k.text, sizeof(k.text), "%s %s", type, coded);
	return k;
}

static const char ED[] = "ssh-ed25519", RSA[] = "ssh-rsa", EC[] = "ecdsa-sha2-nistp256";

/* %E, %F: two keys of ed25519; %R one of RSA; %C: one of ECDSA. Owned. */
static char *filled(const char *text)
{
	const struct key e = key_of(ED, 'e'), f = key_of(ED, 'f'), r = key_of(RSA, 'r'),
			 c = key_of(EC, 'c');
	AUTO_BUF b = BUF_INIT;

	for (const char *s = text; *s; s++) {
		if (*s == '%' && s[1])
			buf_adds(&b, *++s == 'E' ? e.text
				     : *s == 'F' ? f.text
				     : *s == 'R' ? r.text
						 : c.text);
		else
			(void)buf_add(&b, s, 1);
	}
	return buf_take(&b);
}

static char *in_sandbox(const char *name)
{
	return xasprintf("%s/%s", sandbox_path(), name);
}

static struct known_hosts *open_files(const char *first, const char *second)
{
	AUTO_STR one = in_sandbox(first);
	AUTO_STR two = in_sandbox(second);
	char *user[] = { one, NULL };
	char *global[] = { two, NULL };
	struct known_hosts *k = NULL;

	unit_ok(known_hosts_open(user, global, &k));
	return k;
}

static struct known_hosts *of_text(const char *text)
{
	AUTO_STR all = filled(text);

	sandbox_write("known", all);
	return open_files("known", "none");
}

/* ---- verdicts ---- */

#define E64 "AAAAC3NzaC1lZDI1NTE5AAAA"

static const struct {
	const char *text, *host;
	int port;
	char key; /* of those of filled() */
	enum known_verdict verdict;
	size_t line;
} verdicts[] = {
	{ "", "web", 22, 'E', KNOWN_UNKNOWN, 0 },
	{ "web %E", "web", 22, 'E', KNOWN_OK, 1 },
	{ "web %E\n", "WEB", 0, 'E', KNOWN_OK, 1 },
	{ "\n# web %F\n \t\nweb %E comment\r\n", "web", 22, 'E', KNOWN_OK, 4 },
	{ "web %F\n", "web", 22, 'E', KNOWN_CHANGED, 1 },
	{ "web %F\nweb %E\n", "web", 22, 'E', KNOWN_OK, 2 },
	{ "web %R\nweb %F\n", "web", 22, 'E', KNOWN_CHANGED, 2 },
	{ "web %R\n", "web", 22, 'E', KNOWN_CHANGED, 1 },
	{ "other %E\n", "web", 22, 'E', KNOWN_UNKNOWN, 0 },
	{ "db,web,10.0.0.1 %E\n", "10.0.0.1", 22, 'E', KNOWN_OK, 1 },
	{ "*.example.com,!bad.example.com %E\n", "a.example.com", 22, 'E', KNOWN_OK, 1 },
	{ "*.example.com,!bad.example.com %E\n", "bad.example.com", 22, 'E', KNOWN_UNKNOWN, 0 },
	{ "w?b %E\n", "web", 22, 'E', KNOWN_OK, 1 },
	{ "[web]:2222 %E\n", "web", 2222, 'E', KNOWN_OK, 1 },
	{ "[web]:2222 %E\n", "web", 22, 'E', KNOWN_UNKNOWN, 0 },
	{ "[web]:22 %E\n", "web", 22, 'E', KNOWN_UNKNOWN, 0 },
	{ "web %E\n", "web", 2222, 'E', KNOWN_OK, 1 },
	{ "web %F\n", "web", 2222, 'E', KNOWN_UNKNOWN, 0 },
	{ "web %E\n[web]:2222 %F\n", "web", 2222, 'E', KNOWN_CHANGED, 2 },
	{ "[*]:2222 %E\n", "web", 2222, 'E', KNOWN_OK, 1 },
	{ "web %E\n@revoked * %E\n", "web", 22, 'E', KNOWN_REVOKED, 2 },
	{ "web %E\n@revoked other %E\n", "web", 22, 'E', KNOWN_OK, 1 },
	{ "@revoked * %E\n", "web", 22, 'F', KNOWN_UNKNOWN, 0 },
	{ "@revoked web %E\n", "web", 2222, 'E', KNOWN_REVOKED, 1 },
	{ "@nonsense web %E\nweb 1024 35 123\nweb\nweb ssh-ed25519\n|1|x|y %E\n|\n||\n|1|\n|1||\nweb %E\n",
	  "web", 22, 'E', KNOWN_OK, 10 },
	{ "web ssh-rsa " E64 "\nweb %E\n", "web", 22, 'E', KNOWN_OK, 2 },
};

static struct key key_named(char c)
{
	return c == 'R'   ? key_of(RSA, 'r')
	       : c == 'C' ? key_of(EC, 'c')
			  : key_of(ED, c == 'E' ? 'e' : 'f');
}

START_TEST(verdict)
{
	struct known_hosts *k = of_text(verdicts[_i].text);
	const struct known_name name = { verdicts[_i].host, verdicts[_i].port };
	const struct key key = key_named(verdicts[_i].key);
	struct known_answer a = { 0 };

	unit_ok(known_hosts_check(k, &name, key.bytes, key.len, NOW, &a));
	ck_assert_int_eq(a.verdict, verdicts[_i].verdict);
	ck_assert_uint_eq(a.line, verdicts[_i].line);
	ck_assert_int_eq(!a.file, !a.line);
	ck_assert_int_eq(!a.known, a.verdict != KNOWN_CHANGED);
	ck_assert_ptr_null(a.why);
	known_answer_release(&a);
	known_hosts_free(k);
}
END_TEST

START_TEST(several_files)
{
	AUTO_STR one = filled("web %F\n");
	AUTO_STR two = filled("\nweb %E\n");
	const struct known_name web = { "web", 22 };
	const struct key e = key_named('E'), r = key_named('R');
	struct known_answer a = { 0 };
	struct known_hosts *k;

	sandbox_write("one", one);
	sandbox_write("two", two);
	k = open_files("one", "two");
	unit_ok(known_hosts_check(k, &web, e.bytes, e.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_OK);
	ck_assert_ptr_nonnull(strstr(a.file, "/two"));
	ck_assert_uint_eq(a.line, 2);
	known_answer_release(&a);
	unit_ok(known_hosts_check(k, &web, r.bytes, r.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_CHANGED);
	ck_assert_ptr_nonnull(strstr(a.file, "/one"));
	known_answer_release(&a);
	known_hosts_free(k);
}
END_TEST

static struct err *verify(struct known_hosts *k, const char *host, int port, char key,
			  enum ssh_strict strict)
{
	const struct known_name name = { host, port };
	const struct known_policy p = { .strict = strict, .now_s = NOW };
	const struct key offered = key_named(key);

	bool changed = false;

	return known_hosts_verify(k, &name, offered.bytes, offered.len, &p, &changed);
}

/* As after a crash: the rest of that line is nothing, and the others are what they are. */
START_TEST(nuls)
{
	AUTO_STR good = filled("\nweb %E\n");
	AUTO_STR hidden = filled("x\rdb %E\n");
	AUTO_STR path = in_sandbox("known");
	FILE *f = fopen(path, "w");
	struct known_hosts *k;

	*strchr(hidden, '\r') = '\0';
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite("\0\0\0", 1, 3, f), 3);
	ck_assert_uint_eq(fwrite(good, 1, strlen(good), f), strlen(good));
	ck_assert_uint_eq(fwrite(hidden, 1, 2 + strlen(hidden + 2), f), 2 + strlen(hidden + 2));
	ck_assert_int_eq(fclose(f), 0);
	k = open_files("known", "none");
	unit_ok(verify(k, "web", 22, 'E', SSH_STRICT));
	unit_fails(verify(k, "db", 22, 'E', SSH_STRICT), ERR_AUTH, "is not known");
	known_hosts_free(k);
}
END_TEST

START_TEST(too_much)
{
	AUTO_STR path = in_sandbox("known");
	char *user[] = { path, NULL };
	struct known_hosts *k = NULL;

	sandbox_write("known", "");
	ck_assert_int_eq(truncate(path, (16 << 20) + 1), 0);
	unit_fails(known_hosts_open(user, user + 1, &k), ERR_USAGE,
		   "known: all files together have");
}
END_TEST

START_TEST(changed_is_told)
{
	struct known_hosts *k = of_text("web %F\nweb %C\n");
	const struct known_policy all = { .strict = SSH_ACCEPT_ALL, .now_s = NOW };
	static const struct {
		const char *host;
		char key;
		bool changed;
	} cases[] = {
		{ "web", 'E', true },
		{ "web", 'F', false },
		{ "new", 'E', false },
		{ "web", 'R', true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct known_name name = { cases[i].host, 22 };
		const struct key key = key_named(cases[i].key);
		bool changed = !cases[i].changed;

		unit_ok(known_hosts_verify(k, &name, key.bytes, key.len, &all, &changed));
		ck_assert_int_eq(changed, cases[i].changed);
	}
	known_hosts_free(k);
}
END_TEST

START_TEST(messages)
{
	struct known_hosts *k = of_text("web %F\n@revoked * %R\nbroken\n[db]:24 %F\n");
	const struct key e = key_named('E');
	AUTO_STR print = ssh_fingerprint(e.bytes, e.len);
	AUTO_STR where = in_sandbox("known");
	AUTO_STR mend = xasprintf("ssh-keygen -f '%s' -R '[db]:24'", where);
	AUTO_STR line = xasprintf("%s:1 has ssh-ed25519 SHA256:", where);

	unit_fails(verify(k, "web", 22, 'E', SSH_STRICT), ERR_AUTH,
		   "host 'web': its host key has changed");
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_AUTH, print);
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_AUTH, line);
	unit_fails(verify(k, "db", 24, 'E', SSH_STRICT), ERR_AUTH, mend);
	unit_fails(verify(k, "web", 22, 'R', SSH_ACCEPT_ALL), ERR_AUTH, "is revoked by");
	unit_fails(verify(k, "other", 22, 'E', SSH_STRICT), ERR_AUTH, "accept-new");
	unit_fails(verify(k, "other", 22, 'E', SSH_STRICT), ERR_AUTH, "known:3 cannot be read");
	unit_fails(known_hosts_verify(k, &(struct known_name){ "web", 22 }, "no key", 6,
				      &(struct known_policy){ 0 }, &(bool){ false }),
		   ERR_PROTOCOL, "what is no key");
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_ALL));
	unit_ok(verify(k, "web", 22, 'F', SSH_STRICT));
	known_hosts_free(k);
	k = of_text("@revoked * ssh-ed25519 AAAA\n");
	unit_fails(verify(k, "web", 22, 'E', SSH_STRICT), ERR_USAGE,
		   "known:1: the key that is revoked");
	known_hosts_free(k);
	k = of_text("@cert-authority * %E\n");
	unit_fails(verify(k, "web", 22, 'E', SSH_STRICT), ERR_AUTH,
		   "the host's own key has to be known, too");
	known_hosts_free(k);
}
END_TEST

/* ---- handed over ---- */

static const struct {
	const char *text;
	const char *words; /* of the error; NULL: the key E is taken for web, F is not */
} given[] = {
	{ "%E", NULL },
	{ "  %E root@web\r\n\r\n", NULL },
	{ "# keys\n%R\n%E\n", NULL },
	{ "web %E", NULL },
	{ "other %F\nweb %E\n", NULL },
	{ "@revoked * %F\nweb %E\n", NULL },
	{ "[    9.1] boot\n-----BEGIN SSH HOST KEY KEYS-----\n%F\n-----END SSH HOST KEY KEYS-----\r\n"
	  "and again\n-----BEGIN SSH HOST KEY KEYS-----\r\n%R root@web\r\n%E root@web\r\n"
	  "-----END SSH HOST KEY KEYS-----\r\nlogin: ",
	  NULL },
	{ "x\n-----BEGIN SSH HOST KEY KEYS-----\n%E\n<14>Jan 1 ec2: -----END SSH HOST KEY KEYS-----\n",
	  NULL },
	{ "", "there is none" },
	{ "# nothing\n", "there is none" },
	{ "-----BEGIN SSH HOST KEY KEYS-----\n-----END SSH HOST KEY KEYS-----\n", "there is none" },
	{ "%E\nlogin: \n", "line 2 is no host key" },
	{ "ssh-ed25519 " E64, "line 1 is no host key" },
	{ "ssh-ed25519", "line 1 is no host key" },
	{ "256 SHA256:abc root@web (ED25519)", "line 1 is no host key" },
};

START_TEST(handed_over)
{
	AUTO_STR text = filled(given[_i].text);
	struct known_hosts *k = NULL;
	struct err *e = known_hosts_given(text, strlen(text), &k);

	if (given[_i].words) {
		unit_fails(e, ERR_USAGE, given[_i].words);
		return;
	}
	unit_ok(e);
	unit_ok(verify(k, "web", 2222, 'E', SSH_STRICT));
	for (enum ssh_strict s = SSH_STRICT; s <= SSH_ACCEPT_ALL; s++) {
		AUTO_ERR not_that = verify(k, "web", 22, 'F', s);

		ck_assert_ptr_nonnull(not_that);
		ck_assert_int_eq(not_that->kind, ERR_AUTH);
	}
	known_hosts_free(k);
}
END_TEST

START_TEST(handed_over_for_others)
{
	AUTO_STR text = filled("other %E\n");
	struct known_hosts *k = NULL;

	unit_ok(known_hosts_given(text, strlen(text), &k));
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_AUTH,
		   "none of those that were given");
	known_hosts_free(k);
	unit_fails(known_hosts_given("a\0b", 3, &k), ERR_USAGE, "no text");
}
END_TEST

/* ---- adding ---- */

static char *content(const char *name)
{
	AUTO_STR path = in_sandbox(name);
	AUTO_BUF b = BUF_INIT;

	unit_ok(file_text(path, 1 << 20, &b));
	return buf_take(&b);
}

static unsigned mode_of(const char *name)
{
	AUTO_STR path = in_sandbox(name);
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 0777;
}

START_TEST(accepted)
{
	struct known_hosts *k = open_files("new/known", "none");
	AUTO_STR want = filled("web %E\n[db]:24 %F\n");
	AUTO_STR nothing = in_sandbox("new");

	(void)umask(0);
	unit_fails(verify(k, "web", 22, 'E', SSH_STRICT), ERR_AUTH, "is not known");
	ck_assert_int_ne(access(nothing, F_OK), 0);
	unit_ok(verify(k, "Web", 22, 'E', SSH_ACCEPT_NEW));
	unit_ok(verify(k, "db", 24, 'F', SSH_ACCEPT_ALL));
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW)); /* known by now */
	unit_ok(verify(k, "web", 22, 'E', SSH_STRICT));
	unit_fails(verify(k, "web", 22, 'F', SSH_ACCEPT_NEW), ERR_AUTH, "has changed");
	AUTO_STR got = content("new/known");
	ck_assert_str_eq(got, want);
	ck_assert_uint_eq(mode_of("new"), 0700);
	ck_assert_uint_eq(mode_of("new/known"), 0600);
	known_hosts_free(k);
}
END_TEST

START_TEST(accepted_behind_half_a_line)
{
	struct known_hosts *k = of_text("# one\nweb %E");
	AUTO_STR want = filled("# one\nweb %E\ndb %F\n");

	unit_ok(verify(k, "web", 22, 'E', SSH_STRICT));
	unit_ok(verify(k, "db", 22, 'F', SSH_ACCEPT_NEW));
	AUTO_STR got = content("known");
	ck_assert_str_eq(got, want);
	unit_fails(verify(k, "db", 22, 'E', SSH_ACCEPT_NEW), ERR_AUTH, "known:3 has");
	known_hosts_free(k);
}
END_TEST

/* What others do to the file after we have read it. */
START_TEST(accepted_meanwhile)
{
	struct known_hosts *k = of_text("gone %E\n");
	AUTO_STR more = filled("gone %E\nweb %E\ndb %E\n");
	AUTO_STR anew = filled("x %E\n");
	AUTO_STR path = in_sandbox("known");
	AUTO_STR beside = in_sandbox("beside");
	FILE *f = fopen(path, "a");
	AUTO_STR tail = filled("web %E\ndb %E\n");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(tail, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW));
	unit_fails(verify(k, "db", 22, 'F', SSH_ACCEPT_NEW), ERR_AUTH, "known:3 has");
	AUTO_STR got = content("known");
	ck_assert_str_eq(got, more);
	sandbox_write("beside", anew);
	ck_assert_int_eq(rename(beside, path), 0);
	unit_ok(verify(k, "late", 22, 'F', SSH_ACCEPT_NEW));
	unit_fails(verify(k, "gone", 22, 'F', SSH_STRICT), ERR_AUTH, "is not known");
	unit_fails(verify(k, "x", 22, 'F', SSH_STRICT), ERR_AUTH, "known:1 has");
	known_hosts_free(k);
}
END_TEST

static void write_all(bool hash)
{
	struct known_hosts *k = open_files("known", "none");
	const struct known_policy p = { .strict = SSH_ACCEPT_NEW, .hash = hash, .now_s = NOW };
	const struct key key = key_named('E');

	for (int i = 0; i < NAMES; i++) {
		AUTO_STR host = xasprintf("host%d", i);
		const struct known_name name = { host, 22 };
		struct err *e;
		bool changed;

		/* As whoever connects does it. */
		for (;;) {
			e = known_hosts_verify(k, &name, key.bytes, key.len, &p, &changed);
			if (!e || e->kind != ERR_CONFLICT)
				break;
			err_free(e);
			clock_sleep_ms(1);
		}
		if (e)
			_exit(1);
	}
	known_hosts_free(k);
	_exit(0);
}

/* Processes that accept the same hosts at once: each has one line in the end. */
START_TEST(accepted_at_once)
{
	size_t lines = 0;

	for (int i = 0; i < WRITERS; i++) {
		const pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (!pid)
			write_all(_i);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status = -1;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	AUTO_STR got = content("known");
	for (const char *s = strchr(got, '\n'); s; s = strchr(s + 1, '\n'))
		lines++;
	ck_assert_uint_eq(lines, NAMES);
	ck_assert_int_eq(_i, *got == '|');
}
END_TEST

/* Whoever connects has others to serve meanwhile. */
START_TEST(accepted_while_locked)
{
	struct known_hosts *k = of_text("");
	AUTO_STR path = in_sandbox("known");
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_CONFLICT, "has locked it");
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_ALL));
	(void)close(fd);
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW));
	unit_ok(verify(k, "web", 22, 'E', SSH_STRICT));
	known_hosts_free(k);
}
END_TEST

START_TEST(accepted_nowhere)
{
	char *none[] = { NULL };
	char *full[] = { (char[]){ "/dev/full" }, NULL };
	char *null[] = { (char[]){ "/dev/null" }, NULL };
	char *deep[] = { (char[]){ "/dev/null/x/known" }, NULL };
	struct known_hosts *k = NULL;

	unit_ok(known_hosts_open(none, none, &k));
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_AUTH,
		   "no file of UserKnownHostsFile");
	known_hosts_free(k);
	unit_ok(known_hosts_open(full, none, &k));
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_USAGE, "/dev/full: cannot write");
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_ALL));
	known_hosts_free(k);
	unit_ok(known_hosts_open(null, none, &k));
	unit_ok(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW));
	unit_fails(verify(k, "a*,b", 22, 'E', SSH_ACCEPT_NEW), ERR_USAGE, "is no name for a line");
	known_hosts_free(k);
	unit_ok(known_hosts_open(deep, none, &k));
	unit_fails(verify(k, "web", 22, 'E', SSH_ACCEPT_NEW), ERR_USAGE, "cannot");
	known_hosts_free(k);
}
END_TEST

/* ---- the order of algorithms ---- */

#define CERT "-cert-v01@openssh.com"

static const struct {
	const char *text;
	int port;
	const char *algorithms, *want;
} orders[] = {
	{ "", 22, "a,b", "a,b" },
	{ "web %E\n", 22, "ssh-ed25519,rsa-sha2-512", "ssh-ed25519,rsa-sha2-512" },
	{ "web %R\n", 22, "ssh-ed25519,rsa-sha2-512,rsa-sha2-256,ssh-rsa,ecdsa-sha2-nistp256",
	  "rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-ed25519,ecdsa-sha2-nistp256" },
	{ "web %R\n", 22, SSH_HOST_KEYS,
	  "rsa-sha2-512,rsa-sha2-256,ssh-rsa,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
	  "ecdsa-sha2-nistp521" },
	{ "web %R\nweb %C\n", 22, "ssh-ed25519,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,ssh-rsa",
	  "ecdsa-sha2-nistp256,ssh-rsa,ssh-ed25519,ecdsa-sha2-nistp384" },
	{ "other %R\n@revoked web %R\n", 22, "ssh-ed25519,ssh-rsa", "ssh-ed25519,ssh-rsa" },
	{ "@cert-authority * %R\n", 22, "ssh-ed25519,ssh-rsa" CERT ",ssh-rsa",
	  "ssh-rsa" CERT ",ssh-ed25519,ssh-rsa" },
	{ "web %R\n", 22, "ssh-ed25519" CERT ",rsa-sha2-512" CERT ",ssh-rsa",
	  "rsa-sha2-512" CERT ",ssh-rsa,ssh-ed25519" CERT },
	{ "web %R\n", 2222, "ssh-ed25519,ssh-rsa", "ssh-rsa,ssh-ed25519" },
	{ "[web]:2222 %E\nweb %R\n", 2222, "ssh-rsa,ssh-ed25519", "ssh-ed25519,ssh-rsa" },
	{ "web %R\n", 22, "ssh-rsa", "ssh-rsa" },
	{ "web %R\n", 22, "", "" },
};

START_TEST(order)
{
	struct known_hosts *k = of_text(orders[_i].text);
	const struct known_name name = { "web", orders[_i].port };
	AUTO_STR got = known_hosts_algorithms(k, &name, orders[_i].algorithms);

	ck_assert_str_eq(got, orders[_i].want);
	known_hosts_free(k);
}
END_TEST

/* ---- what ssh-keygen makes and finds ---- */

static bool have(const char *program)
{
	AUTO_BUF b = BUF_INIT;
	const char *const argv[] = { program, "-?", NULL };

	if (oracle_run(argv, &b) != 127)
		return true;
	printf("LEFT OUT: there is no %s to compare with; apt-get install openssh-client "
	       "openssh-server\n",
	       program);
	return false;
}

static void make_key(const char *path, const char *type, const char *bits)
{
	AUTO_STR text = NULL;

	if (bits)
		text = ORACLE("ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-f", path);
	else
		text = ORACLE("ssh-keygen", "-q", "-t", type, "-N", "", "-f", path);
}

/* The blob of NAME.pub. */
static void read_key(const char *name, struct buf *ret)
{
	AUTO_STR path = xasprintf("%s.pub", name);
	AUTO_STR text = content(path);
	const char *s = strchr(text, ' ') + 1;

	ck_assert(base64_text(s, strcspn(s, " \n"), ret));
}

static const struct {
	const char *name, *type, *bits;
} made[] = {
	{ "rsa", "rsa", "2048" },    { "ed", "ed25519", NULL },   { "ec256", "ecdsa", "256" },
	{ "ec384", "ecdsa", "384" }, { "ec521", "ecdsa", "521" },
};

START_TEST(fingerprints)
{
	AUTO_STR path = in_sandbox("key");
	AUTO_BUF key = BUF_INIT;

	if (!have("ssh-keygen"))
		return;
	make_key(path, made[_i].type, made[_i].bits);
	AUTO_STR line = ORACLE("ssh-keygen", "-l", "-f", path);
	read_key("key", &key);
	AUTO_STR print = ssh_fingerprint(key.s, key.len);
	ck_assert_msg(strstr(line, print), "%s is not in %s", print, line);
}
END_TEST

START_TEST(hashed_by_both)
{
	struct known_hosts *k = of_text("web,db %E\n[web]:2222 %F\n*.x %R\n");
	AUTO_STR path = in_sandbox("known");
	const struct known_name name = { "new", 2200 };
	const struct known_policy p = { .strict = SSH_ACCEPT_NEW, .hash = true, .now_s = NOW };
	const struct key c = key_named('C');

	known_hosts_free(k);
	if (!have("ssh-keygen"))
		return;
	AUTO_STR said = ORACLE("ssh-keygen", "-H", "-f", path);
	k = open_files("known", "none");
	unit_ok(verify(k, "web", 22, 'E', SSH_STRICT));
	unit_ok(verify(k, "db", 22, 'E', SSH_STRICT));
	unit_ok(verify(k, "web", 2222, 'F', SSH_STRICT));
	unit_ok(verify(k, "a.x", 22, 'R', SSH_STRICT));
	unit_fails(verify(k, "web", 22, 'F', SSH_STRICT), ERR_AUTH, "has changed");
	unit_fails(verify(k, "other", 22, 'E', SSH_STRICT), ERR_AUTH, "is not known");
	unit_ok(known_hosts_verify(k, &name, c.bytes, c.len, &p, &(bool){ false }));
	known_hosts_free(k);
	AUTO_STR found = ORACLE("ssh-keygen", "-F", "[new]:2200", "-f", path);
	ck_assert_msg(strstr(found, "|1|") && strstr(found, EC), "%s", found);
	AUTO_STR text = content("known");
	ck_assert_ptr_null(strstr(text, "new"));
	AUTO_STR removed = ORACLE("ssh-keygen", "-R", "[new]:2200", "-f", path);
	k = open_files("known", "none");
	unit_fails(verify(k, "new", 2200, 'C', SSH_STRICT), ERR_AUTH, "is not known");
	known_hosts_free(k);
}
END_TEST

/* ---- certificates ---- */

/* Signs key.pub with ca; what there is in `more` is said to ssh-keygen, too. */
static void sign(const char *const *more)
{
	AUTO_STR ca = in_sandbox("ca");
	AUTO_STR pub = in_sandbox("key.pub");
	const char *argv[24] = { "ssh-keygen", "-q", "-I", "id", "-s", ca };
	size_t n = 6;
	AUTO_BUF b = BUF_INIT;

	while (*more)
		argv[n++] = *more++;
	argv[n] = pub;
	ck_assert_int_eq(oracle_run(argv, &b), 0);
}

static void keys_for_signing(size_t ca, size_t key)
{
	AUTO_STR ca_path = in_sandbox("ca");
	AUTO_STR path = in_sandbox("key");

	make_key(ca_path, made[ca].type, made[ca].bits);
	make_key(path, made[key].type, made[key].bits);
}

static struct err *check_certificate(const char *host, int64_t now_s, long flip)
{
	AUTO_BUF blob = BUF_INIT;
	struct host_certificate c = { 0 };
	struct err *e;

	read_key("key-cert", &blob);
	if (flip)
		blob.s[flip > 0 ? flip : (long)blob.len + flip] ^= 1;
	e = certificate_parse((struct blob){ (unsigned char *)blob.s, blob.len }, &c);
	if (!e && !flip) {
		AUTO_BUF plain = BUF_INIT;

		read_key("key", &plain);
		ck_assert_mem_eq(c.key.s, plain.s, plain.len);
		ck_assert_uint_eq(c.key.len, plain.len);
	}
	if (!e) {
		e = certificate_check(&c, host, now_s);
		certificate_release(&c);
	}
	return e;
}

#define SIGN(...) sign((const char *const[]){ __VA_ARGS__, NULL })

/* Each kind of CA; a bit that is not as it was, anywhere, ends it. */
START_TEST(signed_by)
{
	AUTO_BUF blob = BUF_INIT;

	if (!have("ssh-keygen"))
		return;
	keys_for_signing((size_t)_i, ((size_t)_i + 1) % COUNT(made));
	SIGN("-h", "-n", "web,10.0.0.1", "-V", "20200101000000:20400101000000");
	unit_ok(check_certificate("web", NOW, 0));
	unit_ok(check_certificate("10.0.0.1", NOW, 0));
	unit_fails(check_certificate("we", NOW, 0), ERR_AUTH,
		   "it is for web, 10.0.0.1, not for we");
	unit_fails(check_certificate("web", 1500000000, 0), ERR_AUTH, "it is valid from 20");
	unit_fails(check_certificate("web", 2300000000, 0), ERR_AUTH, "it ended at 20");
	unit_fails(check_certificate("web", NOW, -1), ERR_AUTH, "its signature is wrong");
	unit_fails(check_certificate("web", NOW, 50), ERR_AUTH,
		   "its signature is wrong"); /* nonce */
	read_key("key-cert", &blob);
	for (long i = 1; i < (long)blob.len; i += 7) {
		AUTO_ERR e = check_certificate("web", NOW, i);

		ck_assert_msg(e, "byte %ld", i);
	}
}
END_TEST

/* rsa-sha2-256 and rsa-sha2-512; SHA-1 is not taken, not even if the signature is right. */
START_TEST(signed_by_rsa)
{
	static const char *const algorithms[] = { "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa" };
	AUTO_ERR e = NULL;

	if (!have("ssh-keygen"))
		return;
	keys_for_signing(0, 1);
	SIGN("-t", algorithms[_i], "-h", "-n", "web");
	e = check_certificate("web", NOW, 0);
	ck_assert_int_eq(!e, _i < 2);
	if (e)
		ck_assert_ptr_nonnull(strstr(e->text, "of a kind that is not taken"));
}
END_TEST

START_TEST(certificates)
{
	AUTO_STR pub = NULL;
	AUTO_STR ca = NULL;
	AUTO_BUF blob = BUF_INIT;
	struct known_answer a = { 0 };
	struct known_hosts *k;
	const struct known_name web = { "Web", 2222 }, db = { "db", 22 };

	if (!have("ssh-keygen"))
		return;
	keys_for_signing(1, 1);
	SIGN("-h", "-n", "web", "-V", "20200101000000:20400101000000");
	pub = content("key.pub");
	ca = content("ca.pub");
	read_key("key-cert", &blob);
	AUTO_STR text = xasprintf("@cert-authority [web]:2222,db %s", ca);
	sandbox_write("known", text);
	k = open_files("known", "none");
	unit_ok(known_hosts_check(k, &web, blob.s, blob.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_OK);
	ck_assert_ptr_null(a.why);
	known_answer_release(&a);
	unit_ok(known_hosts_check(k, &db, blob.s, blob.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_UNKNOWN);
	ck_assert_str_eq(a.why, "it is for web, not for db");
	known_answer_release(&a);
	known_hosts_free(k);

	AUTO_STR plain = xasprintf("db %s@cert-authority * %s", pub, ca);
	sandbox_write("known", plain);
	k = open_files("known", "none"); /* the key in it is known all the same */
	unit_ok(known_hosts_check(k, &db, blob.s, blob.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_OK);
	ck_assert_uint_eq(a.line, 1);
	known_answer_release(&a);
	known_hosts_free(k);

	AUTO_STR revoked = xasprintf("@cert-authority * %s@revoked * %s", ca, ca);
	sandbox_write("known", revoked);
	k = open_files("known", "none");
	unit_ok(known_hosts_check(k, &web, blob.s, blob.len, NOW, &a));
	ck_assert_int_eq(a.verdict, KNOWN_REVOKED);
	known_answer_release(&a);
	known_hosts_free(k);
}
END_TEST

START_TEST(odd_certificates)
{
	AUTO_BUF blob = BUF_INIT;
	struct host_certificate c = { 0 };

	if (!have("ssh-keygen"))
		return;
	keys_for_signing(1, 1);
	SIGN("-n", "web");
	unit_fails(check_certificate("web", NOW, 0), ERR_AUTH, "it is not for hosts");
	SIGN("-h", "-n", "web", "-O", "critical:x@example.com=y");
	unit_fails(check_certificate("web", NOW, 0), ERR_AUTH, "critical options");
	SIGN("-h", "-n", "w*");
	unit_fails(check_certificate("web", NOW, 0), ERR_AUTH, "it is for w*, not for web");
	SIGN("-h"); /* no name: all, as PROTOCOL.certkeys has it */
	unit_ok(check_certificate("web", NOW, 0));
	read_key("key-cert", &blob);
	for (size_t n = 0; n < blob.len; n++)
		unit_fails(certificate_parse((struct blob){ (unsigned char *)blob.s, n }, &c),
			   ERR_PROTOCOL, "is not whole");
	(void)buf_add(&blob, "", 1);
	unit_fails(certificate_parse((struct blob){ (unsigned char *)blob.s, blob.len }, &c),
		   ERR_PROTOCOL, "is not whole");
}
END_TEST

/* ---- what ssh itself says of a host: a server of its own behind a pipe, which lets nobody in ---- */

enum { FILES_BY_CHANCE = 60 };

static void write_server(const char *names)
{
	const char *const dir = sandbox_path();
	AUTO_STR config = xasprintf("HostKey %s/key\nHostCertificate %s/key-cert.pub\nUsePAM no\n"
				    "PasswordAuthentication no\nPidFile none\n",
				    dir, dir);

	sandbox_write("sshd_config", config);
	SIGN("-h", "-n", names);
}

/* 1: the key was taken, and then the user was not; 0: it was refused; -1: neither came about. */
static int ask_ssh(int port, bool certificate)
{
	const char *const dir = sandbox_path();
	AUTO_STR command = xasprintf(
		"exec ssh -F none -p %d -o ProxyCommand='/usr/sbin/sshd -i -f %s/sshd_config' "
		"-o UserKnownHostsFile=%s/known -o GlobalKnownHostsFile=none -o BatchMode=yes "
		"-o StrictHostKeyChecking=yes -o IdentityAgent=none -o IdentityFile=none "
		"-o HostKeyAlgorithms=ssh-ed25519%s web true 2>&1",
		port, dir, dir, certificate ? CERT : "");
	const char *const argv[] = { "sh", "-c", command, NULL };
	AUTO_BUF b = BUF_INIT;

	(void)oracle_run(argv, &b);
	if (strstr(b.s, "Permission denied"))
		return 1;
	return strstr(b.s, "Host key verification failed") ? 0 : -1;
}

static bool have_server(void)
{
	AUTO_STR pub = content("key.pub");
	AUTO_STR right = xasprintf("web %s", pub);

	write_server("web");
	sandbox_write("known", right);
	if (ask_ssh(22, false) == 1)
		return true;
	(void)fputs("LEFT OUT: verdicts beside those of ssh: no /usr/sbin/sshd can be run here; "
		    "apt-get install openssh-server, and be root\n",
		    stdout);
	return false;
}

static void write_known(struct dice *d)
{
	static const char *const markers[] = {
		"", "", "", "@cert-authority ", "@cert-authority ", "@revoked "
	};
	static const char *const hosts[] = { "web",    "*",      "[web]:2222", "db",
					     "!web,*", "[w*]:*", "x,WEB",      "[web]:22" };
	static const char *const keys[] = { "key.pub", "ca.pub", "other.pub" };
	AUTO_BUF b = BUF_INIT;

	for (size_t n = 1 + roll(d, 3); n; n--) {
		AUTO_STR key = content(one_of(d, keys));

		buf_addf(&b, "%s%s ", one_of(d, markers), one_of(d, hosts));
		buf_adds(&b, key);
	}
	sandbox_write("known", b.s);
}

/* One file, one offer: ssh's verdict, which has to be ours. */
static int same_verdict(struct dice *d)
{
	const struct known_name name = { "web", roll(d, 3) ? 22 : 2222 };
	const bool certificate = roll(d, 2);
	struct known_answer a = { 0 };
	AUTO_BUF key = BUF_INIT;
	struct known_hosts *k;
	int theirs;

	write_known(d);
	write_server(roll(d, 4) ? "db,web" : "db,*");
	read_key(certificate ? "key-cert" : "key", &key);
	k = open_files("known", "none");
	unit_ok(known_hosts_check(k, &name, key.s, key.len, (int64_t)time(NULL), &a));
	theirs = ask_ssh(name.port, certificate);
	AUTO_STR text = content("known");
	ck_assert_msg(theirs == (a.verdict == KNOWN_OK), "%s\nport %d%s: ssh says %d", text,
		      name.port, certificate ? ", certificate" : "", theirs);
	known_answer_release(&a);
	known_hosts_free(k);
	return theirs;
}

START_TEST(verdicts_of_ssh)
{
	AUTO_STR other = in_sandbox("other");
	size_t taken = 0;

	if (!have("ssh-keygen") || !have("ssh"))
		return;
	keys_for_signing(1, 1);
	make_key(other, "ed25519", NULL);
	if (!have_server())
		return;
	for (size_t i = 0; i < FILES_BY_CHANCE; i++) {
		struct dice d = { i };

		taken += same_verdict(&d) > 0;
	}
	/* Both have to come about, or little is compared. */
	ck_assert_uint_gt(taken, FILES_BY_CHANCE / 8);
	ck_assert_uint_lt(taken, FILES_BY_CHANCE - FILES_BY_CHANCE / 8);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("known_hosts");
	TCase *t = tcase_create("known_hosts");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 900);
	tcase_add_checked_fixture(t, sandbox_enter, sandbox_leave);
	tcase_add_loop_test(t, verdict, 0, COUNT(verdicts));
	tcase_add_test(t, several_files);
	tcase_add_test(t, changed_is_told);
	tcase_add_test(t, messages);
	tcase_add_test(t, nuls);
	tcase_add_test(t, too_much);
	tcase_add_loop_test(t, handed_over, 0, COUNT(given));
	tcase_add_test(t, handed_over_for_others);
	tcase_add_test(t, accepted);
	tcase_add_test(t, accepted_behind_half_a_line);
	tcase_add_test(t, accepted_meanwhile);
	tcase_add_loop_test(t, accepted_at_once, 0, 2);
	tcase_add_test(t, accepted_while_locked);
	tcase_add_test(t, accepted_nowhere);
	tcase_add_loop_test(t, order, 0, COUNT(orders));
	tcase_add_loop_test(t, fingerprints, 0, COUNT(made));
	tcase_add_test(t, hashed_by_both);
	tcase_add_loop_test(t, signed_by, 0, COUNT(made));
	tcase_add_loop_test(t, signed_by_rsa, 0, 3);
	tcase_add_test(t, certificates);
	tcase_add_test(t, odd_certificates);
	tcase_add_test(t, verdicts_of_ssh);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
