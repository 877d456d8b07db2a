/* YAML: scalars as PyYAML's SafeLoader reads them, structure, caps, errors. */
#include "unit.h"
#include "yaml.h"

/* The values were printed by PyYAML 6.0.3; where JSON has no such value, see yaml.h. */
static const struct {
	const char *yaml, *json;
} scalars[] = {
	{ "", "null" },
	{ "~", "null" },
	{ "Null", "null" },
	{ "nULL", "'nULL'" },
	{ "yes", "true" },
	{ "On", "true" },
	{ "TRUE", "true" },
	{ "no", "false" },
	{ "OFF", "false" },
	{ "y", "'y'" },
	{ "oN", "'oN'" },
	{ "'yes'", "'yes'" },
	{ "\"1\"", "'1'" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "+12", "12" },
	{ "1_000", "1000" },
	{ "_1", "'_1'" },
	{ "017", "15" },
	{ "-017", "-15" },
	{ "08", "'08'" },
	{ "0o17", "'0o17'" },
	{ "0x1F", "31" },
	{ "0xg", "'0xg'" },
	{ "0b101", "5" },
	{ "-0b11", "-3" },
	{ "0b2", "'0b2'" },
	{ "1:30", "90" },
	{ "-1:30", "-90" },
	{ "190:20:30", "685230" },
	{ "1:60", "'1:60'" },
	{ "01:30", "'01:30'" },
	{ "1:30.5", "90.5" },
	{ "1.5", "1.5" },
	{ "1.", "1.0" },
	{ ".5", "0.5" },
	{ "-.5", "'-.5'" },
	{ "1.5e+3", "1500.0" },
	{ "1.5e3", "'1.5e3'" },
	{ "1e3", "'1e3'" },
	{ "1.2.3", "'1.2.3'" },
	{ ".inf", "'.inf'" },
	{ ".NaN", "'.NaN'" },
	{ "2024-01-31", "'2024-01-31'" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "18446744073709551615", "18446744073709551615" },
	{ "10.0.0.1", "'10.0.0.1'" },
	{ "!!str 12", "'12'" },
	{ "!!int '12'", "12" },
	{ "!!float 3", "3" },
	{ "!!bool 'yes'", "true" },
	{ "!!null x", "null" },
	{ "! 12", "'12'" },
	{ "!!binary aGk=", "'aGk='" },
	{ "|\n  a\n  b\n", "'a\\nb\\n'" },
	{ ">-\n  a\n  b\n", "'a b'" },
	{ "[1, two, {three: 3.0}]", "[1, 'two', {'three': 3.0}]" },
	{ "{1: a, yes: b, 0x10: c, ~: d, 1.5: e}",
	  "{'1': 'a', 'true': 'b', '16': 'c', 'null': 'd', '1.5': 'e'}" },
	{ "a: &x {b: 1}\nc: *x\n", "{'a': {'b': 1}, 'c': {'b': 1}}" },
	{ "a: &x k\n*x : 1\n", "{'a': 'k', 'k': 1}" },
	{ "- &x {a: 1, b: 2}\n- <<: *x\n  b: 3\n", "[{'a': 1, 'b': 2}, {'b': 3, 'a': 1}]" },
	{ "- &x {a: 1}\n- &y {a: 2, b: 2}\n- <<: [*x, *y]\n  c: 3\n",
	  "[{'a': 1}, {'a': 2, 'b': 2}, {'c': 3, 'a': 1, 'b': 2}]" },
	{ "'<<': 1", "{'<<': 1}" },
	{ "--- # only one\na: 1\n...\n", "{'a': 1}" },
	{ "!!set {a, b}", "{'a': null, 'b': null}" },
};

START_TEST(scalar)
{
	AUTO_JSON v = NULL;

	unit_ok(yaml_parse(scalars[_i].yaml, strlen(scalars[_i].yaml), "f", &v));
	unit_same(v, scalars[_i].json);
}
END_TEST

static const struct {
	const char *yaml, *error;
} wrong[] = {
	{ "a: 1\nb: 2\na: 3\n", "f:3: key 'a' is given twice" },
	{ "a: *z\n", "f:1: alias '*z' has no anchor" },
	{ "a: &a [*a]\n", "f:1: alias '*a' has no anchor" },
	{ "x:\n  a: [1\nb: 2\n", "f:3: no YAML: did not find expected ',' or ']', while parsing a "
				 "flow sequence that starts in line 2" },
	{ "a: b: c\n", "f:1: no YAML: mapping values are not allowed" },
	{ "\ta: 1\n", "f:1: no YAML: " },
	{ "a: !vault x\n", "f:1: unknown tag '!vault'" },
	{ "a: !!python/object:os.system {}\n", "f:1: unknown tag" },
	{ "? [1]\n: 2\n", "f:1: a list or a map cannot be a key" },
	{ "a: &l [1]\n*l : 2\n", "f:2: a list or a map cannot be a key" },
	{ "\"a\\0\": 1\n", "f:1: a key with a NUL" },
	{ "a: !!int x\n", "f:1: 'x' is no value of its tag" },
	{ "a:\n  <<: 1\n", "f:2: << takes a map or a list of maps, not an integer" },
	{ "a:\n  <<: [1]\n", "f:2: << takes a map or a list of maps" },
	{ "a: 1\n---\nb: 1\n", "f: more than one YAML document" },
	{ "a: \xff\n", "f:1: no YAML: " },
	{ "%YAML 3.0\n---\na\n", "f:1: no YAML: " },
};

START_TEST(error)
{
	AUTO_JSON v = NULL;

	unit_fails(yaml_parse(wrong[_i].yaml, strlen(wrong[_i].yaml), "f", &v), ERR_USAGE,
		   wrong[_i].error);
	ck_assert_ptr_null(v);
}
END_TEST

START_TEST(documents)
{
	const char *s = "a: &x 1\n---\n- b\n---\n";
	const char *other = "a: &x 1\n---\nb: *x\n";
	AUTO_JSON v = NULL;

	unit_ok(yaml_parse_all(s, strlen(s), "f", &v));
	unit_same(v, "[{'a': 1}, ['b'], null]");
	unit_fails(yaml_parse_all(other, strlen(other), "f", &v), ERR_USAGE, "f:3: alias");
	json_object_put(TAKE(v));
	unit_ok(yaml_parse_all("", 0, "f", &v));
	unit_same(v, "[]");
}
END_TEST

/* What it prints as is what was written: 2.10 is no 2.1. */
START_TEST(numbers_keep_their_text)
{
	const char *s = "[2.10, 100000000000000000000, 1_0.50]";
	AUTO_JSON v = NULL;

	unit_ok(yaml_parse(s, strlen(s), "f", &v));
	ck_assert_str_eq(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN),
			 "[2.10,100000000000000000000,10.50]");
}
END_TEST

/* Nine of the level below at each of twenty levels: 9^20 nodes in 700 bytes. */
START_TEST(bomb)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_JSON v = NULL;

	buf_adds(&b, "a: &a [x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c < 'u'; c++) {
		buf_addf(&b, "%c: &%c [", c, c);
		for (int i = 0; i < 9; i++)
			buf_addf(&b, "%s*%c", i ? "," : "", c - 1);
		buf_adds(&b, "]\n");
	}
	unit_fails(yaml_parse(b.s, b.len, "f", &v), ERR_USAGE,
		   "aliases expand to more than 64 MiB");
}
END_TEST

START_TEST(caps)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_JSON v = NULL;
	AUTO_STR big = xcalloc(YAML_BYTES + 2, 1);

	for (int i = 0; i < YAML_DEPTH + 1; i++)
		buf_adds(&b, "[");
	unit_fails(yaml_parse(b.s, b.len, "f", &v), ERR_USAGE, "f:1: nested deeper than 64");
	memset(big, ' ', YAML_BYTES + 1);
	unit_fails(yaml_parse(big, YAML_BYTES + 1, "f", &v), ERR_USAGE, "f: more than 16 MiB");
	buf_release(&b);
	for (int i = 0; i <= YAML_ANCHORS; i++)
		buf_addf(&b, "- &a%d x\n", i);
	unit_fails(yaml_parse(b.s, b.len, "f", &v), ERR_USAGE, "f:4097: more than 4096 anchors");
}
END_TEST

/* An alias is a copy: what one place changes, the other does not see. */
START_TEST(aliases_are_copies)
{
	const char *s = "a: &x {k: 1}\nb: *x\nc: {<<: *x}\n";
	AUTO_JSON v = NULL;

	unit_ok(yaml_parse(s, strlen(s), "f", &v));
	json_set(json_at(v, "b"), "k", json_object_new_int(2));
	unit_same(v, "{'a': {'k': 1}, 'b': {'k': 2}, 'c': {'k': 1}}");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("yaml");
	TCase *t = tcase_create("yaml");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, scalar, 0, COUNT(scalars));
	tcase_add_loop_test(t, error, 0, COUNT(wrong));
	tcase_add_test(t, documents);
	tcase_add_test(t, numbers_keep_their_text);
	tcase_add_test(t, bomb);
	tcase_add_test(t, caps);
	tcase_add_test(t, aliases_are_copies);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
