#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "yaml.h"

/* A file somebody else wrote: it is read or refused, and what was read can be written as JSON. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON v = NULL;
	AUTO_JSON again = NULL;
	AUTO_ERR e = yaml_parse_all((const char *)data, size, "f", &v);
	const char *s;

	if (e) {
		if (e->kind != ERR_USAGE || strncmp(e->text, "f:", 2) != 0 || v)
			abort();
		return 0;
	}
	s = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
	AUTO_ERR second = json_parse(s, strlen(s), &again);
	/* The list of documents is one level more than either side allows. */
	if (second && !strstr(second->text, "deep"))
		abort();
	return 0;
}
