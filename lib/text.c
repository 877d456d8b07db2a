#include <string.h>
#include <time.h>

#include "mem.h"
#include "text.h"

enum { LONGEST = 64 };

const char *words_skip(const char *s)
{
	return s ? s + strspn(s, " ") : NULL;
}

size_t words_len(const char *s)
{
	return strcspn(s, " ");
}

bool words_have(const char *words, const char *word)
{
	const size_t len = strlen(word);

	WORDS_EACH(s, words)
		if (words_len(s) == len && strncmp(s, word, len) == 0)
			return true;
	return false;
}

size_t text_cut(const char *s, size_t most)
{
	size_t len = strnlen(s, most + 1);

	if (len <= most)
		return len;
	for (len = most; len && ((unsigned char)s[len] & 0xC0) == 0x80; len--)
		;
	return len;
}

int64_t text_time(const char *s)
{
	struct tm tm = { 0 };
	const char *end = s ? strptime(s, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int hours, minutes;
	char sign;

	if (!end)
		return 0;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	if (!*end || strcmp(end, "Z") == 0)
		return (int64_t)timegm(&tm);
	sign = *end;
	if ((sign != '+' && sign != '-') || strlen(end) != 6 || end[3] != ':')
		return 0;
	hours = (end[1] - '0') * 10 + end[2] - '0';
	minutes = (end[4] - '0') * 10 + end[5] - '0';
	return (int64_t)timegm(&tm) - (sign == '-' ? -1 : 1) * (hours * 60 + minutes) * 60;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	const size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t d = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < d)
				d = row[j] + 1;
			if (row[j - 1] + 1 < d)
				d = row[j - 1] + 1;
			row[j] = d;
		}
	}
	return row[n];
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t d;

	if (strlen(n->s) > LONGEST || strlen(candidate) > LONGEST)
		return;
	d = distance(n->s, candidate);
	if (d > 1 + strlen(n->s) / 3 || (n->best && d >= n->distance))
		return;
	n->best = candidate;
	n->distance = d;
}
