#ifndef OUTPUT_H
#define OUTPUT_H

#include "buf.h"
#include "json.h"

/* What programs elsewhere wrote, on its way into a result. */

/* As text: what is no UTF-8, and NUL, becomes U+FFFD. Owned. */
struct json_object *output_text(const char *s, size_t n);
/* Array of its lines; what follows the last line end is one, even if it is empty. Owned. */
struct json_object *output_lines(const char *s, size_t n);

#endif
