/* When objects are ready (statuses as servers wrote them: tests/data/ready), JSONPath, and a watch's answer. */
#include <dirent.h>
#include <string.h>

#include "kubernetes/waits.h"
#include "unit.h"

/* ---- readiness ---- */

static struct json_object *read_case(const char *name)
{
	AUTO_STR path = xasprintf("tests/data/ready/%s", name);
	struct json_object *v = json_object_from_file(path);

	ck_assert_msg(v != NULL, "%s: %s", path, json_util_get_last_err());
	return v;
}

static const char *word_of(enum readiness r)
{
	return r == READY ? "ready" : r == FAILED ? "failed" : "not ready";
}

static void check_case(const char *name)
{
	AUTO_JSON c = read_case(name);
	AUTO_STR why = NULL;
	const char *words = json_str(c, "why");
	const struct ready_wish wish = { .gone = json_truth(c, "wish.gone", false),
					 .condition = json_str(c, "wish.condition"),
					 .status = json_str(c, "wish.status"),
					 .reason = json_str(c, "wish.reason"),
					 .fields = json_at(json_at(c, "wish"), "fields") };
	const enum readiness r = object_readiness(json_at(c, "object"), &wish, &why);

	ck_assert_msg(json_is_str(json_at(c, "is"), word_of(r)), "%s: %s: %s", name, word_of(r),
		      why ? why : "");
	ck_assert_msg(!why == (r == READY), "%s: words for what is ready, or none", name);
	ck_assert_msg(!words || (why && strstr(why, words)), "%s: '%s' lacks '%s'", name,
		      why ? why : "", words);
}

START_TEST(readiness_of_statuses)
{
	DIR *d = opendir("tests/data/ready");
	struct dirent *f;
	int n = 0;

	ck_assert_msg(d != NULL, "run in the project's folder");
	while ((f = readdir(d)))
		if (strstr(f->d_name, ".json")) {
			check_case(f->d_name);
			n++;
		}
	(void)closedir(d);
	ck_assert_int_ge(n, 60);
}
END_TEST

START_TEST(readiness_of_nothing)
{
	const struct ready_wish gone = { .gone = true };
	AUTO_STR why = NULL;

	ck_assert_int_eq(object_readiness(NULL, &gone, &why), READY);
	ck_assert_ptr_null(why);
	ck_assert_int_eq(object_readiness(NULL, NULL, &why), NOT_READY);
	ck_assert_str_eq(why, "it is not there");
}
END_TEST

START_TEST(wishes_are_checked)
{
	AUTO_JSON path = unit_json("{'a': '*', 'b[': 'x'}");
	AUTO_JSON pattern = unit_json("{'a.b': '[', 'c': 'x'}");
	AUTO_JSON good = unit_json("{'status.podIP': '*', 'status.n': 3}");
	AUTO_JSON object = unit_json("{'status': {'podIP': '10.0.0.1', 'n': 3}}");
	const struct ready_wish none = { 0 }, wish = { .fields = good };

	unit_ok(wish_check(&none));
	unit_ok(wish_check(&wish));
	ck_assert_int_eq(object_readiness(object, &wish, NULL), READY);
	unit_fails(wish_check(&(struct ready_wish){ .fields = path }), ERR_USAGE, "JSONPath 'b['");
	unit_fails(wish_check(&(struct ready_wish){ .fields = pattern }), ERR_USAGE,
		   "'a.b' is no regular expression");
}
END_TEST

/* ---- JSONPath ---- */

static const char *const document =
	"{'kind': 'List', 'a.b': 1, 'n': null,"
	" 'items': [{'name': 'x', 'port': 80, 'tags': ['p', 'q'], 'ok': true},"
	"           {'name': 'y', 'port': 443, 'tags': []},"
	"           {'name': 'it\\'s', 'port': 8.5, 'deep': {'name': 'z'}}],"
	" 'm': {'k': {'name': 'w'}, 'x/y': 2, 'two words': 3}}";

START_TEST(jsonpath_selects)
{
	static const struct {
		const char *path, *is;
	} cases[] = {
		{ "kind", "['List']" },
		{ ".kind", "['List']" },
		{ "$.kind", "['List']" },
		{ "{.kind}", "['List']" },
		{ " { .kind } ", "['List']" },
		{ "{$.m.k}", "[{'name': 'w'}]" },
		{ "$['m']['k'].name", "['w']" },
		{ "m[\"x/y\"]", "[2]" },
		{ ".m.x/y", "[2]" },
		{ ".m['two words']", "[3]" },
		{ ".a\\.b", "[1]" },
		{ "['a.b']", "[1]" },
		{ ".n", "[null]" },
		{ ".nothing", "[]" },
		{ ".nothing.more[0]['x'][*]..y", "[]" },
		{ ".items[0].name", "['x']" },
		{ ".items.[0].name", "['x']" },
		{ ".items[-1].port", "[8.5]" },
		{ ".items[7]", "[]" },
		{ ".items[-7]", "[]" },
		{ ".items[*].name", "['x', 'y', 'it\\'s']" },
		{ ".items.*.port", "[80, 443, 8.5]" },
		{ ".items[0:2].port", "[80, 443]" },
		{ ".items[1:].port", "[443, 8.5]" },
		{ ".items[:-1].port", "[80, 443]" },
		{ ".items[-2:].port", "[443, 8.5]" },
		{ ".items[::2].port", "[80, 8.5]" },
		{ ".items[0,2].port", "[80, 8.5]" },
		{ ".items[0]['name','port']", "['x', 80]" },
		{ ".m.k[*]", "['w']" },
		{ "..name", "['x', 'y', 'it\\'s', 'z', 'w']" },
		{ ".items..name", "['x', 'y', 'it\\'s', 'z']" },
		{ ".items[2]..*", "['it\\'s', 8.5, {'name': 'z'}, 'z']" },
		{ ".items[?(@.name==\"x\")].port", "[80]" },
		{ ".items[?(@.name=='x')].tags[1]", "['q']" },
		{ ".items[?(@.name == 'it\"s')].port", "[8.5]" },
		{ ".items[?(@.name!='x')].port", "[443, 8.5]" },
		{ ".items[?(@.port>80)].name", "['y']" },
		{ ".items[?(@.port>=80)].name", "['x', 'y']" },
		{ ".items[?(@.port<80)].name", "['it\\'s']" },
		{ ".items[?(80==@.port)].name", "['x']" },
		{ ".items[?(@.port<'a')].name", "[]" },
		{ ".items[?(@.ok)].name", "['x']" },
		{ ".items[?(!@.ok)].name", "['y', 'it\\'s']" },
		{ ".items[?(@.ok==true)].name", "['x']" },
		{ ".items[?(@.deep.name=='z')].port", "[8.5]" },
		{ ".items[?(@.tags[*]=='q')].name", "['x']" },
		{ ".items[?(@.port==80 || @.port==443)].name", "['x', 'y']" },
		{ ".items[?(@.ok && (@.port==443 || @.port==80))].name", "['x']" },
		{ ".items[?(@.name==$.items[1].name)].port", "[443]" },
		{ ".items[0].tags[?(@=='q')]", "['q']" },
		{ ".items[?@.port==80].name", "['x']" },
		{ ".m[?(@.name=='w')]", "[{'name': 'w'}]" },
	};
	AUTO_JSON o = unit_json(document);

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON got = NULL;
		AUTO_STR is = xstrdup(cases[i].is);

		unit_ok(jsonpath(o, cases[i].path, &got));
		unit_same(got, is);
	}
}
END_TEST

START_TEST(jsonpath_of_the_object)
{
	static const char *const paths[] = { "", "$", ".", "{}", "{.}", "{$}", "{@}", "@" };
	AUTO_JSON o = unit_json("{'a': 1}");

	for (size_t i = 0; i < COUNT(paths); i++) {
		AUTO_JSON got = NULL;

		unit_ok(jsonpath(o, paths[i], &got));
		unit_same(got, "[{'a': 1}]");
	}
}
END_TEST

START_TEST(jsonpath_refuses)
{
	static const struct {
		const char *path, *words;
	} cases[] = {
		{ ".a[", "character 4" },
		{ ".a[x]", "character 4: an index" },
		{ ".a['x]", "the quote does not end" },
		{ ".a[0", "']' is missing" },
		{ ".a]", "character 3: a path ends before" },
		{ "{.a", "'}' is missing" },
		{ ".a}", "a path ends before" },
		{ "{.a}{.b}", "a path ends before" },
		{ "{range .items[*]}", "character" },
		{ ".a..", "a name is missing" },
		{ ".a.", "a name is missing" },
		{ ".a b", "a path ends before" },
		{ ".a[?(@.x==)]", "a path from '@'" },
		{ ".a[?(@.x==1]", "')' is missing" },
		{ ".a[?(1)]", "a comparison is missing" },
		{ ".a[::0]", "a step of 1" },
		{ ".a[99999999999]", "too large" },
		{ ".a[?((((((((((((((((((@.b))))))))))))))))))]", "too deep" },
	};
	AUTO_JSON o = unit_json("{'a': 1}");

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_JSON got = NULL;

		unit_fails(jsonpath(o, cases[i].path, &got), ERR_USAGE, cases[i].words);
		/* The same without anything to select from. */
		unit_fails(jsonpath(NULL, cases[i].path, &got), ERR_USAGE, cases[i].words);
		ck_assert_ptr_null(got);
	}
}
END_TEST

START_TEST(jsonpath_ends)
{
	AUTO_JSON o = NULL;
	AUTO_JSON got = NULL;
	AUTO_STR longest = xcalloc(1100, 1);

	for (int i = 0; i < 50; i++)
		o = json_wrap("a", o);
	unit_fails(jsonpath(o, "$..*..*..*..*..*", &got), ERR_USAGE, "selects too much");
	memset(longest, 'a', 1099);
	unit_fails(jsonpath(o, longest, &got), ERR_USAGE, "more than 1024 characters");
	ck_assert_ptr_null(got);
}
END_TEST

/* ---- a watch's answer ---- */

static bool note(void *arg, const char *type, struct json_object *object)
{
	struct buf *log = arg;

	buf_addf(log, "%s %s\n", type, json_str(object, "metadata.name"));
	return strcmp(type, "DELETED") != 0;
}

static const struct kube_kind widget = {
	.group = "d", .version = "v1", .kind = "Widget", .plural = "widgets", .namespaced = true
};

#define EVENT(type, name, version)                                                \
	"{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\"," \
	"\"resourceVersion\":\"" version "\"}}}\n"

/* The whole answer in pieces of `size` bytes. */
static bool feed(struct watch_stream *s, const char *answer, size_t size)
{
	const size_t len = strlen(answer);

	for (size_t at = 0; at < len; at += size)
		if (!watch_piece(s, answer + at, len - at < size ? len - at : size))
			return false;
	return true;
}

START_TEST(watch_in_pieces)
{
	static const char *const answer = EVENT("ADDED", "a", "5") "\n" EVENT("MODIFIED", "b", "6")
		EVENT("BOOKMARK", "", "9") "{\"type\":\"ADDED\",\"object\":{\"metad";

	for (size_t size = 1; size < strlen(answer) + 1; size++) {
		AUTO_BUF log = BUF_INIT;
		struct watch w = { .kind = &widget, .on = note, .arg = &log };
		struct watch_stream s = { .w = &w, .line = BUF_INIT };

		ck_assert(feed(&s, answer, size));
		ck_assert_str_eq(log.s, "ADDED a\nMODIFIED b\n");
		ck_assert_str_eq(w.from, "9");
		ck_assert_uint_eq(s.events, 3);
		ck_assert_ptr_null(s.e);
		buf_release(&s.line);
		free(w.from);
	}
}
END_TEST

START_TEST(watch_ends)
{
	static const struct {
		const char *answer, *log, *from;
		bool ended, expired;
		const char *error;
	} cases[] = {
		{ EVENT("DELETED", "a", "7") EVENT("ADDED", "b", "8"), "DELETED a\n", "7", true },
		{ "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}}\n",
		  "", NULL, false, true },
		{ "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":500,\"message\":\"oh\"}}\n",
		  "", NULL, false, false, "500 oh" },
		{ "<html>\n", "", NULL, false, false, "no JSON" },
		{ "{\"type\":\"ADDED\"}\n", "", NULL, false, false, "no type or object" },
		{ "{\"type\":\"ADDED\",\"object\":{}}\n", "", NULL, false, false,
		  "no resourceVersion" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_BUF log = BUF_INIT;
		struct watch w = { .kind = &widget, .on = note, .arg = &log };
		struct watch_stream s = { .w = &w, .line = BUF_INIT };

		ck_assert(!feed(&s, cases[i].answer, 1000));
		ck_assert_str_eq(log.s, cases[i].log);
		ck_assert_int_eq(s.ended, cases[i].ended);
		ck_assert_int_eq(s.expired, cases[i].expired);
		ck_assert_int_eq(!s.e, !cases[i].error);
		if (s.e)
			unit_fails(s.e, s.e->kind, cases[i].error);
		ck_assert_int_eq(!w.from, !cases[i].from);
		buf_release(&s.line);
		free(w.from);
	}
}
END_TEST

START_TEST(watch_line_has_a_cap)
{
	struct watch w = { .kind = &widget };
	struct watch_stream s = { .w = &w, .line = BUF_INIT };
	AUTO_STR piece = xcalloc(1 << 20, 1);
	int n = 0;

	memset(piece, ' ', 1 << 20);
	while (n < 100 && watch_piece(&s, piece, 1 << 20))
		n++;
	ck_assert_int_eq(n, 16);
	unit_fails(s.e, ERR_PROTOCOL, "longer than 16 MiB");
	buf_release(&s.line);
}
END_TEST

UNIT_MAIN("ready", readiness_of_statuses, readiness_of_nothing, wishes_are_checked,
	  jsonpath_selects, jsonpath_of_the_object, jsonpath_refuses, jsonpath_ends,
	  watch_in_pieces, watch_ends, watch_line_has_a_cap)
