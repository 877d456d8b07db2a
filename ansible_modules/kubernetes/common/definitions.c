#include <string.h>

#include "file.h"
#include "http.h"
#include "kubernetes/kubeconfig.h"
#include "session/config.h"
#include "tasks.h"

enum { SRC_BYTES = 64 << 20 };

static struct err *read_file(const char *src, struct buf *ret)
{
	AUTO_STR path = path_expand(src);

	return err_at(err_wrap(file_text(path, SRC_BYTES, ret), "src"), "src");
}

static struct err *fetch(const char *url, struct buf *ret)
{
	struct http *h = NULL;
	struct http_answer a = { 0 };
	struct err *e = http_new(&(struct http_options){ 0 }, &h);

	if (!e)
		e = http_call(h, &(struct http_request){ .method = "GET", .url = url }, &a);
	if (!e && a.status != 200)
		e = err_new(ERR_NOT_FOUND, "%s: %d", url, a.status);
	if (!e)
		(void)buf_add(ret, a.body, a.len);
	http_answer_release(&a);
	http_free(h);
	return err_at(err_wrap(e, "src"), "src");
}

static struct err *read_src(const char *src, struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	const bool remote = strncmp(src, "http://", 7) == 0 || strncmp(src, "https://", 8) == 0;
	struct err *e = remote ? fetch(src, &text) : read_file(src, &text);

	return e ? e : err_at(documents_parse(text.s, text.len, src, ret), "src");
}

/* Whatever it was given as, it is read as one text would be: Lists and lists in it are taken apart. */
static struct err *read_given(struct json_object *given, struct json_object **ret)
{
	static const char option[] = "resource_definition";
	const bool is_text = json_object_is_type(given, json_type_string);
	AUTO_JSON all = json_object_new_array();
	struct err *e = NULL;

	if (is_text || json_object_is_type(given, json_type_object)) {
		AUTO_STR s = json_text(given);

		return err_at(documents_parse(s, strlen(s), option, ret), option);
	}
	if (!json_object_is_type(given, json_type_array))
		return err_at(err_new(ERR_USAGE, "%s is %s: it takes text, a dictionary or a list",
				      option, json_type_words(given)),
			      option);
	for (size_t i = 0; i < json_len(given) && !e; i++) {
		AUTO_STR s = json_nth(given, i) ? json_text(json_nth(given, i)) : xstrdup("");
		AUTO_STR where = xasprintf("%s[%zu]", option, i);
		AUTO_JSON some = NULL;

		e = documents_parse(s, strlen(s), where, &some);
		for (size_t k = 0; k < json_len(some); k++)
			json_object_array_add(all, json_object_get(json_nth(some, k)));
	}
	if (!e)
		*ret = TAKE(all);
	return err_at(e, option);
}

static void fill(struct json_object *o, const char *key, const char *value)
{
	if (value && !json_at(o, key))
		json_sets(o, key, value);
}

static void complete(struct op *op, struct json_object *o)
{
	struct json_object *meta = json_at(o, "metadata");

	fill(o, "apiVersion", json_str(op->want, "api_version"));
	fill(o, "kind", json_str(op->want, "kind"));
	if (!json_object_is_type(meta, json_type_object)) {
		meta = json_object_new_object();
		json_set(o, "metadata", meta);
	}
	if (!json_str(meta, "name") && !json_str(meta, "generateName")) {
		fill(meta, "name", json_str(op->want, "name"));
		if (!json_str(meta, "name"))
			fill(meta, "generateName", json_str(op->want, "generate_name"));
	}
	fill(meta, "namespace", json_str(op->want, "namespace"));
}

struct err *definitions_of(struct op *op, struct json_object **ret)
{
	struct json_object *given = json_at(op->want, "resource_definition");
	const char *src = json_str(op->want, "src");
	AUTO_JSON list = NULL;
	struct err *e = NULL;

	if (given) {
		e = read_given(given, &list);
	} else if (src) {
		e = read_src(src, &list);
	} else {
		list = json_object_new_array();
		json_object_array_add(list, json_object_new_object());
	}
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		complete(op, json_nth(list, i));
		if (!json_str(json_nth(list, i), "kind"))
			e = err_at(err_new(ERR_USAGE,
					   "definition %zu names no kind, nor does the option kind",
					   i + 1),
				   "kind");
	}
	if (!e)
		*ret = TAKE(list);
	return e;
}
