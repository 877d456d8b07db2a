#ifndef ADAPTER_PATTERN_H
#define ADAPTER_PATTERN_H

#include <stdbool.h>

#include "err.h"

/*
 * Regular expressions as Terraform's users write them (RE2), looked for anywhere in a text. All of POSIX's
 * extended ones, and \d \w \s \D \W \S \b \B, escaped punctuation (in brackets too), (?:...), lazy
 * repetition, and (?i) as the first thing. What else RE2 has is refused, in words.
 */
MUST_USE struct err *pattern_matches(const char *pattern, const char *text, bool *ret);

#endif
