#include <string.h>

#include "buf.h"
#include "ssh/config.h"

static int low(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Goes back to the last * only: what an earlier one could take, that one can, too. */
static bool match(const char *s, const char *pattern, const char *end, bool lower)
{
	const char *star = NULL, *from = NULL;

	while (*s) {
		if (pattern < end && *pattern == '*') {
			star = pattern++;
			from = s;
		} else if (pattern < end &&
			   (*pattern == '?' || (lower ? low(*pattern) : *pattern) == *s)) {
			pattern++;
			s++;
		} else if (star) {
			pattern = star + 1;
			s = ++from;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool ssh_match(const char *s, const char *pattern)
{
	return match(s, pattern, pattern + strlen(pattern), false);
}

int ssh_match_list(const char *s, const char *patterns, bool lower)
{
	int ret = 0;

	for (const char *p = patterns, *end = p; *end; p = end + 1) {
		const bool negated = *p == '!';

		end = p + strcspn(p, ",");
		if (!match(s, p + negated, end, lower))
			continue;
		if (negated)
			return -1;
		ret = 1;
	}
	return ret;
}

/* ---- lists of algorithms ---- */

/* Adds those of a list that match one of the patterns (or do not), and are not there yet. */
static void add(struct buf *to, const char *names, const char *patterns, bool matching)
{
	AUTO_STR list = xstrdup(names);
	char *rest = list;

	while (rest && *rest) {
		const char *one = strsep(&rest, ",");

		if ((ssh_match_list(one, patterns, false) == 1) == matching &&
		    ssh_match_list(one, to->s, false) != 1)
			buf_addf(to, "%s%s", to->len ? "," : "", one);
	}
}

/* In the order of the patterns. */
static void add_each(struct buf *to, const char *names, const char *patterns)
{
	AUTO_STR list = xstrdup(patterns);
	char *rest = list;

	while (rest && *rest)
		add(to, names, strsep(&rest, ","), true);
}

char *ssh_algorithms(const char *option, const char *usual, const char *all)
{
	const bool has_sign = option && *option && strchr("+-^", *option);
	const char sign = *(has_sign ? option : option ? "=" : "+");
	const char *patterns = option ? option + has_sign : "";
	AUTO_BUF b = BUF_INIT;

	if (sign == '+')
		add(&b, usual, "*", true);
	if (sign != '-')
		add_each(&b, all, patterns);
	if (sign == '-')
		add(&b, usual, patterns, false);
	else if (sign == '^')
		add(&b, usual, "*", true);
	return buf_take(&b);
}
