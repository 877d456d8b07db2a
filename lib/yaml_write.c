#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "text.h"
#include "yaml.h"

/* Whether no reader of any YAML takes it bare for anything but this text. */
static bool is_plain(const char *s, size_t len)
{
	static const char words[] = "true false yes no on off null y n";

	if (!len || strlen(s) != len || s[len - 1] == ' ' || s[len - 1] == ':' ||
	    !(isalpha((unsigned char)*s) || strchr("/_(", *s)) || strstr(s, ": "))
		return false;
	WORDS_EACH(w, words) {
		if (words_len(w) == len && strncasecmp(w, s, len) == 0)
			return false;
	}
	return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			 "_./@=+-:(), ") == len;
}

/* What YAML wants escaped though JSON does not: DEL, C1 controls, line and paragraph separators, the BOM. */
static size_t escaped(const unsigned char *s, struct buf *out)
{
	if (s[0] == 0x7f) {
		buf_adds(out, "\\u007f");
		return 1;
	}
	if (s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) {
		buf_addf(out, "\\u00%02x", s[1]);
		return 2;
	}
	if (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9)) {
		buf_adds(out, s[2] == 0xa8 ? "\\u2028" : "\\u2029");
		return 3;
	}
	if (s[0] == 0xef && ((s[1] == 0xbb && s[2] == 0xbf) || (s[1] == 0xbf && s[2] >= 0xbe))) {
		buf_adds(out, s[1] == 0xbb ? "\\ufeff" : s[2] == 0xbe ? "\\ufffe" : "\\uffff");
		return 3;
	}
	return 0;
}

static void put_string(struct json_object *v, struct buf *out)
{
	const char *s = json_object_get_string(v);
	const size_t len = (size_t)json_object_get_string_len(v);

	if (is_plain(s, len)) {
		(void)buf_add(out, s, len);
		return;
	}
	/* As JSON has it, which YAML reads too. */
	s = json_object_to_json_string_ext(v, JSON_C_TO_STRING_NOSLASHESCAPE);
	while (*s) {
		const size_t n = escaped((const unsigned char *)s, out);

		if (!n)
			(void)buf_add(out, s, 1);
		s += n ? n : 1;
	}
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

void yaml_write(struct json_object *v, struct buf *out)
{
	put(v, 0, false, out);
}
