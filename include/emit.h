#ifndef EMIT_H
#define EMIT_H

#include <stdio.h>

#include "module.h"

/*
 * Documentation out of the tables: nothing of it is typed twice, nothing of it is committed.
 *
 * emit_ansible(): the sidecar that ansible-doc reads (DOCUMENTATION, EXAMPLES and RETURN in YAML).
 * emit_markdown(): a page for people. emit_row(): a line of the README's table of modules.
 */
void emit_ansible(const struct module *m, FILE *out);
void emit_markdown(const struct module *m, FILE *out);
void emit_row(const struct module *m, FILE *out);

#endif
