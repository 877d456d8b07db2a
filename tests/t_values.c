/* Values: memory, errors, buffers, text, JSON. */
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "pool.h"
#include "text.h"
#include "unit.h"

/* ---- mem, err ---- */

START_TEST(mem_strings)
{
	AUTO_STR a = xstrdup("abc");
	AUTO_STR b = xstrndup("abcdef", 2);
	AUTO_STR c = xasprintf("%d-%s", 7, "x");
	char *gone = xstrdup("secret");
	char *taken = TAKE(a);

	ck_assert_ptr_null(xstrdup(NULL));
	ck_assert_str_eq(taken, "abc");
	ck_assert_ptr_null(a);
	ck_assert_str_eq(b, "ab");
	ck_assert_str_eq(c, "7-x");
	wipe_free(gone);
	wipe_free(NULL);
	free(taken);
}
END_TEST

START_TEST(mem_arrays)
{
	int *p = xcalloc(0, sizeof(*p));

	ck_assert_ptr_nonnull(p);
	p = xrealloc(p, 3, sizeof(*p));
	p[2] = 1;
	free(p);
}
END_TEST

START_TEST(mem_gone_ends_the_process)
{
	const pid_t pid = fork();
	int status = 0;

	if (!pid) {
		volatile size_t most = (size_t)-1 / 2;

		(void)close(STDERR_FILENO);
		(void)xrealloc(NULL, most, 4);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 70);
}
END_TEST

START_TEST(err_chain)
{
	struct err *e = err_new(ERR_REMOTE, "%d %s", 409, "taken");

	e = err_at(err_at(err_wrap(e, "creating '%s'", "a"), "name"), "other");
	ck_assert_str_eq(e->text, "creating 'a': 409 taken");
	ck_assert_str_eq(e->at, "name");
	ck_assert_int_eq(e->kind, ERR_REMOTE);
	ck_assert_int_eq(e->status, 0);
	err_free(e);
	ck_assert_ptr_null(err_wrap(NULL, "nothing"));
	ck_assert_ptr_null(err_at(NULL, "nothing"));
	err_free(NULL);
}
END_TEST

START_TEST(err_kinds)
{
	ck_assert_str_eq(err_kind_name(ERR_USAGE), "usage");
	ck_assert_str_eq(err_kind_name(ERR_PROTOCOL), "protocol");
	ck_assert_str_eq(err_kind_name((enum err_kind)99), "unknown");
}
END_TEST

/* ---- buf ---- */

START_TEST(buf_grows)
{
	AUTO_BUF b = BUF_INIT;

	ck_assert_str_eq(b.s, "");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i % 10);
	ck_assert_uint_eq(b.len, 2000);
	ck_assert_uint_eq(strlen(b.s), 2000);
	buf_wipe(&b);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_str_eq(b.s, "");
	buf_adds(&b, "again");
	ck_assert_str_eq(b.s, "again");
}
END_TEST

START_TEST(buf_cap)
{
	AUTO_BUF b = { .s = buf_empty, .max = 4 };

	ck_assert(buf_add(&b, "abc", 3));
	ck_assert(!buf_add(&b, "de", 2));
	ck_assert_str_eq(b.s, "abc");
	ck_assert(!buf_add(&b, "", (size_t)-1));
	ck_assert(buf_add(&b, "d", 1));
	ck_assert(!buf_add(&b, "e", 1));
	ck_assert(buf_add(&b, "", 0));
	ck_assert_str_eq(b.s, "abcd");
}
END_TEST

START_TEST(buf_url)
{
	AUTO_BUF b = BUF_INIT;

	buf_addurl(&b, "aZ09-._~");
	ck_assert_str_eq(b.s, "aZ09-._~");
	buf_wipe(&b);
	buf_addurl(&b, "a b/c?d&e=f%\xc3\xa9\n");
	ck_assert_str_eq(b.s, "a%20b%2Fc%3Fd%26e%3Df%25%C3%A9%0A");
}
END_TEST

START_TEST(buf_hand_on)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_STR empty = buf_take(&b);

	ck_assert_str_eq(empty, "");
	buf_adds(&b, "x");
	AUTO_STR full = buf_take(&b);
	ck_assert_str_eq(full, "x");
	ck_assert_str_eq(b.s, "");
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

/* ---- text ---- */

START_TEST(text_words)
{
	AUTO_BUF b = BUF_INIT;
	int n = 0;

	WORDS_EACH(w, "  a bc   def ")
		buf_addf(&b, "[%.*s]", (int)words_len(w), w);
	ck_assert_str_eq(b.s, "[a][bc][def]");
	WORDS_EACH(w, NULL)
		n++;
	WORDS_EACH(w, "")
		n++;
	WORDS_EACH(w, "   ")
		n++;
	ck_assert_int_eq(n, 0);
	ck_assert(words_have("a bc", "bc"));
	ck_assert(words_have("a bc", "a"));
	ck_assert(!words_have("a bc", "b"));
	ck_assert(!words_have("a bc", "bcd"));
	ck_assert(!words_have("a bc", "a bc"));
	ck_assert(!words_have("a bc", ""));
	ck_assert(!words_have(NULL, "a"));
}
END_TEST

START_TEST(text_times)
{
	enum { NOON = 1706702400 };

	ck_assert_int_eq(text_time("2024-01-31T12:00:00Z"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T12:00:00.000123Z"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T12:00:00.5"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T12:00:00"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T14:30:00+02:30"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T10:00:00.0-02:00"), NOON);
	ck_assert_int_eq(text_time("2024-01-31T12:00:00+02"), 0);
	ck_assert_int_eq(text_time("2024-01-31T12:00:00 "), 0);
	ck_assert_int_eq(text_time("2024-01-31"), 0);
	ck_assert_int_eq(text_time("never"), 0);
	ck_assert_int_eq(text_time(NULL), 0);
}
END_TEST

START_TEST(text_nearest)
{
	char longest[200];
	struct nearest n = { .s = "netwrok" };

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	nearest_try(&n, "subnet");
	nearest_try(&n, "network");
	nearest_try(&n, "router");
	nearest_try(&n, longest);
	ck_assert_str_eq(n.best, "network");
	n = (struct nearest){ .s = "zzz" };
	nearest_try(&n, "network");
	ck_assert_ptr_null(n.best);
	n = (struct nearest){ .s = longest };
	nearest_try(&n, longest);
	ck_assert_ptr_null(n.best);
	n = (struct nearest){ .s = "" };
	nearest_try(&n, "");
	ck_assert_ptr_nonnull(n.best);
}
END_TEST

/* ---- JSON ---- */

static struct json_object *parse(const char *s)
{
	struct json_object *v = NULL;
	AUTO_ERR e = json_parse(s, strlen(s), &v);

	if (e)
		ck_abort_msg("%s: %s", s, e->text);
	return v;
}

START_TEST(json_good)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"null",
		"true",
		"1",
		"-0.5",
		"\"a\"",
		" {\"a\": [1, null]} \n",
		"\"\\u00e9\"",
		"{\"a\": {\"b\": {}}}",
		"12345678901234567890",
		"\"\xc3\xa9\"",
		"  7",
		"7  ",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		json_object_put(parse(good[i]));
}
END_TEST

START_TEST(json_bad)
{
	static const struct {
		const char *s;
		size_t len;
	} bad[] = {
		{ "", 0 },       { " ", 1 },     { "{", 1 },    { "{\"a\":", 5 },
		{ "\"a", 2 },    { "{} {}", 5 }, { "{}x", 3 },  { "1 2", 3 },
		{ "nul", 3 },    { "tru", 3 },   { "[1,]", 4 }, { "\"\xff\xfe\"", 4 },
		{ "{}\0{}", 5 }, { "1\0", 2 },   { "\0", 1 },   { "{\"a\":1}\0", 8 },
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_JSON other = json_object_new_object();
		struct json_object *v = other;
		struct err *e = json_parse(bad[i].s, bad[i].len, &v);

		ck_assert_msg(e, "%zu: %s", i, bad[i].s);
		ck_assert_int_eq(e->kind, ERR_PROTOCOL);
		ck_assert_ptr_eq(v, other);
		err_free(e);
	}
}
END_TEST

START_TEST(json_depth)
{
	char deep[2 * (JSON_DEPTH + 1) + 1] = "";
	struct json_object *v = NULL;
	struct err *e;

	for (int i = 0; i < JSON_DEPTH + 1; i++) {
		deep[i] = '[';
		deep[2 * (JSON_DEPTH + 1) - 1 - i] = ']';
	}
	e = json_parse(deep, strlen(deep), &v);
	ck_assert_ptr_nonnull(e);
	err_free(e);
	e = json_parse(deep, (size_t)JSON_BYTES + 1, &v);
	ck_assert_ptr_nonnull(e);
	err_free(e);
}
END_TEST

START_TEST(json_paths)
{
	AUTO_JSON o =
		parse("{\"a\":{\"b\":{\"c\":1},\"n\":null},\"a.b\":2,\"s\":\"x\",\"t\":true}");

	ck_assert_int_eq(json_int(o, "a.b", 0), 2); /* the key with the dot wins */
	ck_assert_int_eq(json_int(o, "a.b.c", 0), 1);
	ck_assert_int_eq(json_int(o, "a.x.c", 5), 5);
	ck_assert_ptr_null(json_at(o, "s.x"));
	ck_assert_ptr_null(json_at(NULL, "s"));
	ck_assert_str_eq(json_str(o, "s"), "x");
	ck_assert_ptr_null(json_str(o, "t"));
	ck_assert(json_truth(o, "t", false));
	ck_assert(json_truth(o, "s", true));
	ck_assert(json_has(json_at(o, "a"), "n"));
	ck_assert_ptr_null(json_at(o, "a.n"));
	ck_assert(!json_has(o, "n"));
	ck_assert(!json_has(NULL, "n"));
}
END_TEST

START_TEST(json_texts)
{
	static const char *const texts[][2] = {
		{ "\"a\\\"b\"", "a\"b" },
		{ "1.50", "1.50" },
		{ "true", "true" },
		{ "null", "null" },
		{ "[1,\"a/b\"]", "[1,\"a/b\"]" },
		{ "-7", "-7" },
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		AUTO_JSON v = parse(texts[i][0]);
		AUTO_STR s = json_text(v);

		ck_assert_str_eq(s, texts[i][1]);
	}
}
END_TEST

START_TEST(json_writes)
{
	AUTO_JSON o = json_wrap("k", json_object_new_int(1));
	AUTO_JSON copy = json_copy(o);

	json_sets(o, "s", "x");
	json_sets(o, "n", NULL);
	ck_assert(json_has(o, "n"));
	ck_assert(!json_has(copy, "s"));
	ck_assert_ptr_null(json_copy(NULL));
	json_set(o, "k", json_object_new_int(2));
	ck_assert_int_eq(json_int(copy, "k", 0), 1);
}
END_TEST

START_TEST(json_lists)
{
	AUTO_JSON l = parse("[1,\"a\",null,{\"x\":1}]");
	AUTO_JSON same = parse("{\"x\":1}");
	AUTO_JSON other = parse("{\"x\":2}");

	ck_assert_uint_eq(json_len(l), 4);
	ck_assert_uint_eq(json_len(NULL), 0);
	ck_assert_uint_eq(json_len(same), 0);
	ck_assert(json_is_str(json_nth(l, 1), "a"));
	ck_assert_ptr_null(json_nth(l, 9));
	ck_assert_ptr_null(json_nth(same, 0));
	ck_assert_ptr_null(json_nth(NULL, 0));
	ck_assert(json_list_has(l, same));
	ck_assert(!json_list_has(l, other));
	ck_assert(json_list_has(l, NULL));
}
END_TEST

START_TEST(json_emptiness)
{
	static const struct {
		const char *s, *words;
		bool empty;
	} values[] = {
		{ "null", "null", true },        { "\"\"", "a string", true },
		{ "[]", "a list", true },        { "{}", "a dictionary", true },
		{ "false", "a boolean", false }, { "0", "an integer", false },
		{ "0.0", "a float", false },     { "[null]", "a list", false },
	};

	for (size_t i = 0; i < COUNT(values); i++) {
		AUTO_JSON v = parse(values[i].s);

		ck_assert_int_eq(json_empty(v), values[i].empty);
		ck_assert_str_eq(json_type_words(v), values[i].words);
	}
}
END_TEST

/* ---- pool ---- */

enum { JOBS = 500 };

static void tick(void *arg, size_t i)
{
	int *count = arg;

	__atomic_add_fetch(&count[i], 1, __ATOMIC_RELAXED);
}

START_TEST(pool_each_once)
{
	static const int widths[] = { 1, 2, 8, 1000 };

	for (size_t w = 0; w < COUNT(widths); w++) {
		int count[JOBS] = { 0 };

		pool_run(JOBS, widths[w], tick, count);
		for (int i = 0; i < JOBS; i++)
			ck_assert_int_eq(count[i], 1);
	}
	pool_run(0, 8, tick, NULL);
}
END_TEST

UNIT_MAIN("values", mem_strings, mem_arrays, mem_gone_ends_the_process, err_chain, err_kinds,
	  buf_grows, buf_cap, buf_url, buf_hand_on, text_words, text_times, text_nearest, json_good,
	  json_bad, json_depth, json_paths, json_texts, json_writes, json_lists, json_emptiness,
	  pool_each_once)
