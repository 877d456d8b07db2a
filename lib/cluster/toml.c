#include <string.h>

#include "cluster/node_steps.h"

/* TOML 1.0 (toml.io/en/v1.0.0): basic strings have JSON's escapes, but for the slash's. */
static void put_string(struct json_object *v, struct buf *out)
{
	const char *s = json_object_to_json_string_ext(v, JSON_C_TO_STRING_NOSLASHESCAPE);

	for (; *s; s++)
		if (*s == 0x7f)
			buf_adds(out, "\\u007f");
		else
			(void)buf_add(out, s, 1);
}

static void put_key(const char *key, struct buf *out)
{
	static const char bare[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	AUTO_JSON text = NULL;

	if (*key && key[strspn(key, bare)] == '\0') {
		buf_adds(out, key);
		return;
	}
	text = json_object_new_string(key);
	put_string(text, out);
}

static void put_value(struct json_object *v, struct buf *out);

static void put_inline(struct json_object *o, struct buf *out)
{
	const char *between = " ";

	buf_adds(out, "{");
	json_object_object_foreach(o, key, v) {
		if (!v)
			continue;
		buf_adds(out, between);
		put_key(key, out);
		buf_adds(out, " = ");
		put_value(v, out);
		between = ", ";
	}
	buf_adds(out, " }");
}

static void put_value(struct json_object *v, struct buf *out)
{
	const char *between = "";

	if (json_object_is_type(v, json_type_array)) {
		buf_adds(out, "[");
		for (size_t i = 0; i < json_len(v); i++) {
			if (!json_nth(v, i))
				continue;
			buf_adds(out, between);
			put_value(json_nth(v, i), out);
			between = ", ";
		}
		buf_adds(out, "]");
	} else if (json_object_is_type(v, json_type_object)) {
		put_inline(v, out);
	} else if (json_object_is_type(v, json_type_string)) {
		put_string(v, out);
	} else {
		buf_adds(out, json_object_to_json_string(v));
	}
}

/* Values before tables: what follows a table's header belongs to it. */
static void put_table(struct json_object *o, const char *name, struct buf *out)
{
	json_object_object_foreach(o, key, v) {
		if (!v || json_object_is_type(v, json_type_object))
			continue;
		put_key(key, out);
		buf_adds(out, " = ");
		put_value(v, out);
		buf_adds(out, "\n");
	}
	json_object_object_foreach(o, inner, table) {
		AUTO_BUF path = BUF_INIT;

		if (!json_object_is_type(table, json_type_object))
			continue;
		buf_addf(&path, "%s%s", name, *name ? "." : "");
		put_key(inner, &path);
		buf_addf(out, "\n[%s]\n", path.s);
		put_table(table, path.s, out);
	}
}

void toml_write(struct json_object *v, struct buf *out)
{
	put_table(v, "", out);
}
