#include "essence.h"
#include "unit.h"

struct json_object *read_json(const char *path)
{
	AUTO_BUF text = BUF_INIT;
	struct json_object *v = NULL;
	char part[4096];
	FILE *f = fopen(path, "re");
	size_t n;

	ck_assert_msg(f, "%s", path);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		(void)buf_add(&text, part, n);
	(void)fclose(f);
	AUTO_ERR e = json_parse(text.s, text.len, &v);
	ck_assert_msg(!e, "%s: %s", path, e ? e->text : "");
	return v;
}

static int by_text(const void *a, const void *b)
{
	const struct json_object *const *x = a, *const *y = b;

	return strcmp(json_object_get_string((struct json_object *)(uintptr_t)*x),
		      json_object_get_string((struct json_object *)(uintptr_t)*y));
}

static void mask(struct buf *out, const char *s)
{
	const char *hit = strstr(s, "-0000-4000-8000-");

	for (; hit; hit = strstr(s, "-0000-4000-8000-")) {
		(void)buf_add(out, s, (size_t)(hit - s) - 8);
		buf_adds(out, "ID");
		s = hit + 28;
	}
	buf_adds(out, s);
}

struct json_object *essence(struct cloud *c)
{
	static const char *const chance[] = { "id",
					      "_id",
					      "created",
					      "created_at",
					      "mac_address",
					      "fixed_ips",
					      "fixed_ip_address",
					      "floating_ip_address",
					      "external_gateway_info" };
	AUTO_JSON all = cloud_contents(c);
	struct json_object *out = json_object_new_object();

	json_object_object_foreach(all, path, objects) {
		struct json_object *list = json_object_new_array();

		json_object_object_foreach(objects, id, o) {
			AUTO_JSON copy = json_copy(o);
			AUTO_BUF text = BUF_INIT;

			(void)id;
			for (size_t i = 0; i < COUNT(chance); i++)
				json_object_object_del(copy, chance[i]);
			mask(&text, json_object_to_json_string_ext(copy, JSON_C_TO_STRING_PLAIN));
			json_object_array_add(list, json_object_new_string(text.s));
		}
		json_object_array_sort(list, by_text);
		if (json_len(list))
			json_set(out, path, list);
		else
			json_object_put(list);
	}
	return out;
}

void print_missing(const char *what, struct json_object *from, struct json_object *in)
{
	json_object_object_foreach(from, path, list) {
		struct json_object *other = NULL;

		(void)json_object_object_get_ex(in, path, &other);
		for (size_t i = 0; i < json_len(list); i++)
			if (!json_list_has(other, json_nth(list, i)))
				(void)printf("it %s %s\n", what,
					     json_object_get_string(json_nth(list, i)));
	}
}
