#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lists of words in one string, separated by blanks: what the tables use for choices and aliases.
 *   WORDS_EACH(w, "a b c") printf("%.*s", (int)words_len(w), w);
 */
#define WORDS_EACH(w, words) \
	for (const char *w = words_skip(words); w && *w; w = words_skip(w + words_len(w)))

const char *words_skip(const char *s);
size_t words_len(const char *s);
bool words_have(const char *words, const char *word);

/* Length of the beginning of `s` that has at most `most` bytes and no half of a UTF-8 character. */
size_t text_cut(const char *s, size_t most);

/*
 * "2024-01-31T12:00:00.5Z" or with "+02:00" at its end (RFC 3339), or with no zone, which is UTC: seconds since 1970.
 * 0: it is none. NULL is none.
 */
int64_t text_time(const char *s);

char *base64_of(const char *s, size_t len); /* owned */
/* Undoes it, white space in it or none; also the variant for URLs. False: it is none. */
struct buf;
bool base64_text(const char *s, size_t len, struct buf *ret);

/* The candidate that is nearest to `s`, if near enough to be what was meant; else NULL. */
struct nearest {
	const char *s, *best;
	size_t distance;
};
void nearest_try(struct nearest *n, const char *candidate);

#endif
