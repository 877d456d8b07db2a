#include "yaml_text.h"

#include <string.h>

#include "json.h"
#include "yaml.h"

/* Plain where it is read as just that string again; else as JSON has it, which YAML reads too. */
static void put_string(struct json_object *v, struct buf *out)
{
	const char *s = json_object_get_string(v);
	const size_t len = (size_t)json_object_get_string_len(v);
	AUTO_JSON back = NULL;
	AUTO_STR entry = xasprintf("a: %s", s);
	struct err *e = strchr(s, '\n') || strlen(s) != len
				? NULL
				: yaml_parse(entry, strlen(entry), "", &back);
	struct json_object *same = json_at(back, "a");

	err_free(e);
	if (len && json_object_is_type(same, json_type_string) && json_is_str(same, s) &&
	    !strchr("-?:,[]{}#&*!|>'\"%@`", *s))
		(void)buf_add(out, s, len);
	else
		buf_adds(out, json_object_to_json_string_ext(v, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void put_key(const char *key, struct buf *out)
{
	AUTO_JSON text = json_object_new_string(key);

	put_string(text, out);
}

static void put(struct json_object *v, size_t depth, bool after_dash, struct buf *out);

static void indent(size_t depth, struct buf *out)
{
	while (depth--)
		buf_adds(out, "  ");
}

/* What follows a key: a scalar on its line, all else below it. */
static void put_value(struct json_object *v, size_t depth, struct buf *out)
{
	const bool list = json_object_is_type(v, json_type_array) && json_len(v);
	const bool map = json_object_is_type(v, json_type_object) && json_object_object_length(v);

	buf_adds(out, list || map ? ":\n" : ": ");
	put(v, list ? depth : depth + 1, false, out);
}

static void put_list(struct json_object *v, size_t depth, struct buf *out)
{
	for (size_t i = 0; i < json_len(v); i++) {
		indent(depth, out);
		buf_adds(out, "- ");
		put(json_nth(v, i), depth + 1, true, out);
	}
}

static void put_map(struct json_object *v, size_t depth, bool after_dash, struct buf *out)
{
	json_object_object_foreach(v, key, one) {
		indent(after_dash ? 0 : depth, out);
		after_dash = false;
		put_key(key, out);
		put_value(one, depth, out);
	}
}

static void put(struct json_object *v, size_t depth, bool after_dash, struct buf *out)
{
	if (json_object_is_type(v, json_type_object) && json_object_object_length(v)) {
		put_map(v, depth, after_dash, out);
		return;
	}
	if (json_len(v)) {
		if (after_dash)
			buf_adds(out, "\n");
		put_list(v, depth, out);
		return;
	}
	if (json_object_is_type(v, json_type_string))
		put_string(v, out);
	else
		buf_adds(out, json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
	buf_adds(out, "\n");
}

void yaml_text(struct json_object *v, struct buf *out)
{
	put(v, 0, false, out);
}
