#include "pattern.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "buf.h"

/* Bytes for which a class stands, for use in brackets; NULL: no class. */
static const char *class_of(char letter)
{
	switch (tolower((unsigned char)letter)) {
	case 'd': return "0-9";
	case 'w': return "0-9A-Za-z_";
	case 's': return "\t\n\f\r ";
	default: return NULL;
	}
}

static struct err *not_here(const char *what, size_t len, const char *why)
{
	return err_new(ERR_USAGE, "'%.*s' %s", (int)len, what, why);
}

/* An escape outside of brackets; *s is behind it then. */
static struct err *escape(const char **s, struct buf *out)
{
	const char c = (*s)[1];
	const char *class = class_of(c);

	if (!c)
		return not_here(*s, 1, "escapes nothing");
	if (class)
		buf_addf(out, "[%s%s]", isupper((unsigned char)c) ? "^" : "", class);
	else if (c == 'b' || c == 'B')
		buf_addf(out, "\\%c", c);
	else if (isalnum((unsigned char)c))
		return not_here(*s, 2, "is not known here");
	else /* POSIX leaves open what other escapes mean, and the C library has found uses for them */
		buf_addf(out, "%s%c", strchr(".[]\\()*+?{}|^$", c) ? "\\" : "", c);
	*s += 2;
	return NULL;
}

/* One of the things within brackets. There POSIX has no escapes, but a name for each byte: "[.-.]". */
static struct err *member(const char **s, struct buf *out)
{
	const char *end = strncmp(*s, "[:", 2) == 0 ? strstr(*s, ":]") : NULL;
	const char *class = **s == '\\' ? class_of((*s)[1]) : NULL;

	if (end) {
		(void)buf_add(out, *s, (size_t)(end + 2 - *s));
		*s = end + 2;
	} else if (class && islower((unsigned char)(*s)[1])) {
		buf_adds(out, class);
		*s += 2;
	} else if (**s == '\\' && (!(*s)[1] || isalnum((unsigned char)(*s)[1]))) {
		return not_here(*s, 2, "is not known here, in brackets");
	} else if (**s == '\\' || **s == '[') {
		*s += **s == '\\';
		buf_addf(out, "[.%c.]", *(*s)++);
	} else {
		(void)buf_add(out, (*s)++, 1);
	}
	return NULL;
}

static struct err *brackets(const char **s, struct buf *out)
{
	size_t first = 1 + ((*s)[1] == '^');
	struct err *e = NULL;

	first += (*s)[first] == ']';
	(void)buf_add(out, *s, first);
	*s += first;
	while (**s && **s != ']' && !e)
		e = member(s, out);
	if (!e && !**s)
		return err_new(ERR_USAGE, "a ']' is missing");
	if (!e)
		(void)buf_add(out, (*s)++, 1);
	return e;
}

/* *s is behind it then. `repeated`: whether what stands before it is *, +, ? or {...}. */
static struct err *token(const char **s, bool *repeated, struct buf *out)
{
	const bool lazy = *repeated && **s == '?';

	*repeated = !lazy && strchr("*+?}", **s);
	if (**s == '\\')
		return escape(s, out);
	if (**s == '[')
		return brackets(s, out);
	if (strncmp(*s, "(?", 2) == 0 && (*s)[2] != ':')
		return not_here(*s, strcspn(*s, ":)") + 1, "is not known here");
	if (!lazy) /* it changes how much matches, not whether */
		(void)buf_add(out, *s, 1);
	*s += **s == '(' && (*s)[1] == '?' ? strlen("(?:") : 1;
	return NULL;
}

static struct err *translate(const char *s, struct buf *out)
{
	bool repeated = false;
	struct err *e = NULL;

	while (*s && !e)
		e = token(&s, &repeated, out);
	return e;
}

struct err *pattern_matches(const char *pattern, const char *text, bool *ret)
{
	static const char any_case[] = "(?i)";
	const bool icase = strncmp(pattern, any_case, strlen(any_case)) == 0;
	AUTO_BUF posix = BUF_INIT;
	struct err *e = translate(pattern + (icase ? strlen(any_case) : 0), &posix);
	regex_t re;

	if (e)
		return err_wrap(e, "the regular expression '%s'", pattern);
	if (regcomp(&re, posix.s, REG_EXTENDED | REG_NOSUB | (icase ? REG_ICASE : 0)) != 0)
		return err_new(ERR_USAGE, "'%s' is no regular expression", pattern);
	*ret = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return NULL;
}
