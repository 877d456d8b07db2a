#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "buf.h"
#include "http.h"

/*
 * An answer as it arrives: everything here comes from outside and is capped. Once `fault` is set
 * the answer is unusable; the text says why.
 */
struct http_parse {
	char **headers; /* n + 1 of them, the last NULL; NULL before the first */
	size_t n;
	size_t seen; /* lines, those of interim answers and trailers included */
	bool whole;  /* the head is; libcurl 7.88 takes one that was cut for an answer */
	struct buf body;
	const char *fault;
};

enum { HTTP_LINE_MAX = 16 << 10, HTTP_HEADERS_MAX = 256, HTTP_BODY_MAX = 64 << 20 };

void http_parse_init(struct http_parse *p);
void http_parse_release(struct http_parse *p);
/* One line of the head, with or without its line end. A status line begins anew. False: fault. */
bool http_parse_line(struct http_parse *p, const char *line, size_t len);
bool http_parse_body(struct http_parse *p, const char *data, size_t len);
/* Undoes gzip and hands the whole on; nothing is left in p. False: fault. */
bool http_parse_finish(struct http_parse *p, struct http_answer *ret);

/* How long the service asks to be left alone; 0 if it does not say. `now` stands in for its Date. */
int64_t http_retry_after_ms(const struct http_answer *a, time_t now);

#endif
