#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/journal.h"
#include "file.h"
#include "unit.h"

/* What was begun is on disk before it is done; what a crash tears is cut off; one run at a time. */

static char folder[] = "/tmp/tn-journal-XXXXXX";

/* The next test finds none. */
static void forget(void)
{
	static const char *const names[] = { "journal", "lock" };

	for (size_t i = 0; i < COUNT(names); i++) {
		AUTO_STR path = xasprintf("%s/%s", folder, names[i]);
		(void)unlink(path);
	}
}

static void write_some(struct journal *j)
{
	AUTO_JSON why = json_object_new_object();
	AUTO_JSON facts = json_object_new_object();
	AUTO_JSON seen = json_object_new_object();

	json_sets(why, "why", "not a member");
	json_sets(facts, "cgroup", "2");
	json_set(seen, "facts", json_object_get(facts));
	unit_ok(journal_write(j, "begun", "init", "c1", NULL));
	unit_ok(journal_write(j, "ended", "init", "c1", NULL));
	unit_ok(journal_write(j, "begun", "cni", NULL, NULL));
	unit_ok(journal_write(j, "begun", "join", "w1", why));
	unit_ok(journal_write(j, "seen", NULL, "w1", seen));
	json_sets(why, "error", "no\nroute");
	unit_ok(journal_write(j, "failed", "join", "w1", why));
	unit_ok(journal_write(j, "begun", "join", "w2", NULL));
	unit_ok(journal_write(j, "gone", NULL, "w2", NULL));
}

START_TEST(remembers)
{
	struct journal *j = NULL;
	AUTO_JSON records = NULL;
	struct stat st;
	AUTO_STR path = xasprintf("%s/journal", folder);

	unit_ok(journal_open(folder, &j));
	write_some(j);
	journal_close(j);
	unit_ok(journal_read(folder, &records));
	AUTO_JSON state = journal_state(records);
	ck_assert_uint_eq(json_len(records), 8);
	ck_assert_ptr_null(journal_open_action(state, "c1", "init"));
	ck_assert_ptr_nonnull(journal_open_action(state, NULL, "cni"));
	ck_assert_str_eq(json_str(journal_open_action(state, "w1", "join"), "error"), "no\nroute");
	ck_assert_ptr_null(journal_open_action(state, "w2", "join"));
	ck_assert_ptr_null(journal_open_action(state, "none", "join"));
	ck_assert_str_eq(json_str(state, "nodes.w1.facts.cgroup"), "2");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	forget();
}
END_TEST

/* What is open keeps its marks, and what is forgotten stays so. */
START_TEST(later_records)
{
	AUTO_JSON records = unit_json(
		"[{'event':'begun','action':'join','node':'w1','marks':{'labels':{'a':'b'}}},"
		"{'event':'failed','action':'join','node':'w1','error':'-'},{'event':'begun','action':'join','node':'w1'},"
		"{'event':'begun','action':'remove','node':'w2'},{'event':'gone','action':'remove','node':'w2'},"
		"{'event':'ended','action':'remove','node':'w2'}]");
	AUTO_JSON state = journal_state(records);
	AUTO_JSON ended = unit_json(
		"[{'event':'begun','action':'join','node':'w1','marks':{'labels':{'a':'b'}}},"
		"{'event':'ended','action':'join','node':'w1'},{'event':'begun','action':'join','node':'w1'}]");
	AUTO_JSON after = journal_state(ended);

	ck_assert_str_eq(json_str(journal_open_action(state, "w1", "join"), "marks.labels.a"), "b");
	ck_assert_ptr_null(json_at(journal_open_action(after, "w1", "join"), "marks"));
	ck_assert_int_eq(json_object_object_length(json_at(state, "nodes")), 1);
}
END_TEST

/* A long journal is made anew of what it comes to. */
START_TEST(shortened)
{
	AUTO_STR path = xasprintf("%s/journal", folder);
	AUTO_JSON more = json_object_new_object();
	AUTO_STR words = xcalloc(1, 1501);
	AUTO_JSON before = NULL;
	AUTO_JSON after = NULL;
	struct journal *j = NULL;
	struct stat st;

	memset(words, 'x', 1500);
	json_sets(more, "why", words);
	unit_ok(journal_open(folder, &j));
	write_some(j);
	for (int i = 0; i < 400; i++) {
		unit_ok(journal_write(j, "begun", "configure", "w1", more));
		unit_ok(journal_write(j, "ended", "configure", "w1", more));
	}
	before = journal_state_now(j);
	journal_close(j);
	unit_ok(journal_open(folder, &j));
	unit_ok(journal_write(j, "begun", "mark", "w1", NULL));
	after = journal_state_now(j);
	journal_close(j);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 10000);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_ptr_nonnull(journal_open_action(after, "w1", "mark"));
	json_object_object_del(json_at(after, "nodes.w1.open"), "mark");
	json_object_object_del(json_at(before, "nodes"), "c1"); /* nothing is known of it */
	ck_assert_msg(json_object_equal(before, after), "%s\n%s",
		      json_object_to_json_string(before), json_object_to_json_string(after));
	forget();
}
END_TEST

/* Cut at every byte it says what its whole lines say, and can be written to again. */
START_TEST(torn)
{
	struct journal *j = NULL;
	AUTO_BUF all = BUF_INIT;
	AUTO_STR path = xasprintf("%s/journal", folder);

	unit_ok(journal_open(folder, &j));
	write_some(j);
	journal_close(j);
	unit_ok(file_text(path, JOURNAL_BYTES, &all));
	for (size_t cut = 0; cut <= all.len; cut += 1 + (cut > 400) * 13) {
		AUTO_JSON whole = NULL;
		AUTO_JSON again = NULL;
		size_t len = 0;
		const int fd = open(path, O_WRONLY | O_TRUNC);

		ck_assert_int_eq(write(fd, all.s, cut), (ssize_t)cut);
		close(fd);
		unit_ok(journal_parse(all.s, cut, &whole, &len));
		ck_assert(len <= cut && (!len || all.s[len - 1] == '\n'));
		unit_ok(journal_open(folder, &j));
		unit_ok(journal_write(j, "begun", "label", "w9", NULL));
		journal_close(j);
		unit_ok(journal_read(folder, &again));
		ck_assert_uint_eq(json_len(again), json_len(whole) + 1);
		AUTO_JSON state = journal_state(again);
		ck_assert_ptr_nonnull(journal_open_action(state, "w9", "label"));
	}
	forget();
}
END_TEST

START_TEST(rubbish)
{
	static const char *const bad[] = {
		"x\n",
		"{}\n",
		"[]\n",
		"{\"event\":\"begun\"}\n",
		"{\"event\":\"seen\"}\n",
		"{\"event\":\"other\",\"action\":\"a\"}\n",
		"\n",
		"{\"event\":\"begun\",\"action\":1}\n",
	};
	AUTO_JSON records = NULL;
	size_t whole;

	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_STR text = xasprintf("{\"event\":\"begun\",\"action\":\"a\"}\n%s", bad[i]);

		unit_fails(journal_parse(text, strlen(text), &records, &whole), ERR_PROTOCOL,
			   "line 2");
	}
}
END_TEST

START_TEST(one_at_a_time)
{
	struct journal *j = NULL, *other = NULL;
	AUTO_STR me = xasprintf("process %ld on ", (long)getpid());
	int status = 0;

	unit_ok(journal_open(folder, &j));
	unit_fails(journal_open(folder, &other), ERR_CONFLICT, me);
	journal_close(j);

	/* One that was killed holds nothing. */
	const pid_t pid = fork();
	if (pid == 0)
		_exit(journal_open(folder, &j) ? 1 : 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	unit_ok(journal_open(folder, &j));
	journal_close(j);
	forget();
}
END_TEST

/* Links are not followed, folders that cannot be made are told. */
START_TEST(odd_places)
{
	struct journal *j = NULL;
	struct stat st;
	AUTO_JSON records = NULL;
	AUTO_STR under = xasprintf("%s/journal", folder);
	AUTO_STR target = xasprintf("%s/nothing/here", under);

	ck_assert_int_eq(chmod(folder, 01777), 0);
	unit_fails(journal_open(folder, &j), ERR_USAGE, "others may write there");
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 01777);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	unit_ok(journal_open(folder, &j));
	journal_close(j);
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(unlink(under), 0);
	ck_assert_int_eq(symlink("/dev/full", under), 0);
	unit_fails(journal_open(folder, &j), ERR_USAGE, under);
	unit_ok(journal_read("/nonexistent/folder", &records));
	ck_assert_uint_eq(json_len(records), 0);
	ck_assert_int_eq(unlink(under), 0);
	const int fd = open(under, O_CREAT | O_WRONLY, 0600);
	close(fd);
	unit_fails(journal_open(target, &j), ERR_USAGE, under);
	forget();
}
END_TEST

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

UNIT_MAIN_IN("journal", set_up, tear_down, remembers, later_records, shortened, torn, rubbish,
	     one_at_a_time, odd_places)
