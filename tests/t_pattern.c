/* Regular expressions as Terraform's users write them. */
#include "adapter/pattern.h"
#include "unit.h"

static const struct {
	const char *pattern, *yes, *no;
} patterns[] = {
	{ "^web", "web-1", "a web" },
	{ "b", "abc", "ac" },
	{ "^\\d+$", "0189", "01a" },
	{ "^\\D+$", "a-b", "a1" },
	{ "^\\w+$", "a_B9", "a-b" },
	{ "^\\W$", "-", "_" },
	{ "a\\sb", "a\tb", "a_b" },
	{ "^\\S+$", "a-b", "a b" },
	{ "\\bweb\\b", "my web 1", "cobweb" },
	{ "^\\B", "-", "a" },
	{ "(?i)^WEB", "web", "wab" },
	{ "v1\\.2", "v1.2", "v1x2" },
	{ "^\\<a\\>$", "<a>", "a" },
	{ "^a\\-\\_\\/$", "a-_/", "a" },
	{ "^\\\\$", "\\", "/" },
	{ "^(?:a|b){2}$", "ab", "abc" },
	{ "^(a|b)c$", "bc", "c" },
	{ "^xa+?$", "xaa", "x" },
	{ "^xa{2}?y$", "xaay", "xy" },
	{ "^a\\+?$", "a+", "a++" },
	{ "^[\\d.]+$", "1.2", "1,2" },
	{ "^[^\\s\\d]+$", "a-b", "a1" },
	{ "^[a\\-c]+$", "a-c", "b" },
	{ "^[\\]]$", "]", "\\" },
	{ "^[\\^a]$", "^", "b" },
	{ "^[^\\]]$", "x", "]" },
	{ "^[]a]+$", "]a", "[" },
	{ "^[[a]+$", "[a", "." },
	{ "^[[.]$", ".", "a" },
	{ "^[\\\\]$", "\\", "a" },
	{ "^[[:digit:]_]+$", "1_", "a" },
	{ "", "anything", NULL },
};

START_TEST(known)
{
	for (size_t i = 0; i < COUNT(patterns); i++) {
		bool ret = false;

		unit_ok(pattern_matches(patterns[i].pattern, patterns[i].yes, &ret));
		ck_assert_msg(ret, "%s is not in %s", patterns[i].pattern, patterns[i].yes);
		if (!patterns[i].no)
			continue;
		unit_ok(pattern_matches(patterns[i].pattern, patterns[i].no, &ret));
		ck_assert_msg(!ret, "%s is in %s", patterns[i].pattern, patterns[i].no);
	}
}
END_TEST

static const struct {
	const char *pattern, *words;
} others[] = {
	{ "\\pL", "'\\p' is not known here" },
	{ "\\Aweb\\z", "'\\A' is not known here" },
	{ "(a)\\1", "'\\1' is not known here" },
	{ "(?s).", "'(?s)' is not known here" },
	{ "(?P<n>a)", "'(?P<n>a)' is not known here" },
	{ "a(?i)b", "'(?i)' is not known here" },
	{ "(?", "'(?' is not known here" },
	{ "[\\D]", "'\\D' is not known here, in brackets" },
	{ "[\\x41]", "'\\x' is not known here, in brackets" },
	{ "[a\\", "'\\' is not known here, in brackets" },
	{ "a\\", "'\\' escapes nothing" },
	{ "[a", "a ']' is missing" },
	{ "[", "a ']' is missing" },
	{ "[]", "a ']' is missing" },
	{ "[[:digit:]", "a ']' is missing" },
	{ "[[:none:]]", "is no regular expression" },
	{ "(a", "is no regular expression" },
	{ "a{2", "is no regular expression" },
};

START_TEST(unknown)
{
	for (size_t i = 0; i < COUNT(others); i++) {
		bool ret = true;
		AUTO_ERR e = pattern_matches(others[i].pattern, "a", &ret);

		ck_assert_msg(e && strstr(e->text, others[i].words) &&
				      strstr(e->text, others[i].pattern),
			      "%s: %s", others[i].pattern, e ? e->text : "no error");
	}
}
END_TEST

UNIT_MAIN("pattern", known, unknown)
