#ifndef YAML_JSON_H
#define YAML_JSON_H

/* libyaml's header has this one's name: lib/yaml.c asks for both. */
#ifdef YAML_WITH_LIBYAML
#include_next <yaml.h>
#endif
#include <json-c/json.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

/*
 * YAML 1.1 as JSON values, with plain scalars read as PyYAML's SafeLoader reads them (`yes` is true,
 * 0o17 a string, 017 is 15, 1:30 is 90), because that is what Ansible and openstacksdk read the same
 * files with. Where JSON knows no such value:
 *
 * - dates, .inf, .nan and !!binary stay the strings they were written as;
 * - keys become strings (`1: a` has the key "1", `yes: a` "true"); a list or a map is no key;
 * - an integer over 64 bits is a number that prints as it was written, and so are floats (2.10).
 *
 * Other than in PyYAML a key given twice is an error. Aliases are copies; what they expand to is
 * capped, and so are nesting and size. Errors are ERR_USAGE and start with FILE:LINE.
 */
enum {
	YAML_BYTES = 16 << 20,    /* of text */
	YAML_EXPANDED = 64 << 20, /* bytes of values, counted roughly, made by aliases and merges */
	YAML_DEPTH = 64,
	YAML_ANCHORS = 4096,
};

/* `file` is what errors call it. No document at all is JSON null, a second one an error. */
MUST_USE struct err *yaml_parse(const char *s, size_t len, const char *file,
				struct json_object **ret);
/* Any number of documents, as a list. */
MUST_USE struct err *yaml_parse_all(const char *s, size_t len, const char *file,
				    struct json_object **ret);

/*
 * Appends a value in blocks, keys in their order (lib/yaml_write.c). What yaml_parse() makes of it is the same value,
 * and other readers, of YAML 1.1 or 1.2, take no string in it for anything else.
 */
void yaml_write(struct json_object *v, struct buf *out);

#endif
