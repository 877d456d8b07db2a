#ifndef SCRIPT_H
#define SCRIPT_H

#include "api.h"
#include "json.h"

/*
 * An api that plays a part: each request must be the next one of the script, and gets the answer
 * that stands there. Lines:
 *
 *   > METHOD SERVICE PATH [BODY]   the request that is expected; its body as JSON
 *   * METHOD SERVICE PATH [BODY]   the same, but those that follow each other may come in any order
 *   < STATUS [JSON or text]        the answer: below 400 the body, else the service's message
 *   < lost | < refused             a connection lost (it may have been carried out), or not made
 *
 * A line that begins with a blank goes on with the one before. # begins a comment line.
 */
struct script;

struct script *script_new(const char *text, size_t len);
void script_free(struct script *s);
struct api *script_api(struct script *s);
/* What went wrong first, also requests that never came; NULL: nothing. Owned by the script. */
const char *script_problem(struct script *s);

/* True for a line of a script: '>', '*' or '<'. */
bool script_line(const char *line);

#endif
