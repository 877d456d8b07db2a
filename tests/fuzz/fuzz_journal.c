/* Any bytes as a journal: what is taken can be written down again and means the same; what is torn is cut off. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_state(struct json_object *records, const char *text)
{
	AUTO_JSON state = journal_state(records);
	AUTO_JSON again = NULL;
	AUTO_JSON same = NULL;
	AUTO_BUF lines = BUF_INIT;
	size_t whole = 0;

	for (size_t i = 0; i < json_len(records); i++)
		buf_addf(&lines, "%s\n",
			 json_object_to_json_string_ext(json_nth(records, i),
							JSON_C_TO_STRING_PLAIN));
	AUTO_ERR e = journal_parse(lines.s, lines.len, &again, &whole);
	if (e || whole != lines.len)
		abort();
	same = journal_state(again);
	if (!json_object_equal(state, same))
		abort();
	(void)journal_open_action(state, text, text);
	(void)journal_open_action(state, NULL, "init");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	AUTO_STR text = xstrndup((const char *)data, len);
	AUTO_JSON records = NULL;
	size_t whole = 0;
	AUTO_ERR e = journal_parse((const char *)data, len, &records, &whole);

	if (e)
		return 0;
	if (whole > len || (whole && data[whole - 1] != '\n') ||
	    memchr(data + whole, '\n', len - whole))
		abort();
	check_state(records, text);
	return 0;
}
