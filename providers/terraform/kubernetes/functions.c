/* provider::kubernetes::manifest_decode() and its kin. */
#include <string.h>

#include "data.h"
#include "kubernetes/objects.h"
#include "protocol/value.h"
#include "subject.h"
#include "yaml.h"

static struct err *decode(struct json_object *args, struct json_object **ret, int *at)
{
	struct json_object *text = json_nth(args, 0);
	struct err *e = documents_parse(json_object_get_string(text),
					(size_t)json_object_get_string_len(text), "manifest", ret);

	if (e)
		*at = 0;
	return e;
}

static struct err *decode_multi(struct json_object *args, struct json_object **ret, int *at)
{
	return decode(args, ret, at);
}

static struct err *decode_one(struct json_object *args, struct json_object **ret, int *at)
{
	AUTO_JSON all = NULL;
	struct err *e = decode(args, &all, at);

	if (e)
		return e;
	*at = 0;
	if (json_len(all) != 1)
		return err_new(
			ERR_USAGE,
			"the text has %zu objects, not one: manifest_decode_multi() takes any "
			"number",
			json_len(all));
	*ret = json_object_get(json_nth(all, 0));
	return NULL;
}

static struct err *check_manifest(struct json_object *v)
{
	if (!json_object_is_type(v, json_type_object) || !json_str(v, "apiVersion") ||
	    !json_str(v, "kind"))
		return err_new(ERR_USAGE,
			       "a manifest has to be an object with apiVersion and kind");
	return NULL;
}

/* One object, or a list of them. */
static struct err *encode(struct json_object *args, struct json_object **ret, int *at)
{
	struct json_object *given = value_inner(json_nth(args, 0));
	const bool many = json_object_is_type(given, json_type_array);
	AUTO_BUF text = BUF_INIT;
	struct err *e = NULL;

	*at = 0;
	for (size_t i = 0; i < (many ? json_len(given) : 1) && !e; i++) {
		AUTO_JSON one = plain_object(many ? json_nth(given, i) : given);

		e = check_manifest(one);
		if (many)
			buf_adds(&text, "---\n");
		if (!e)
			yaml_write(one, &text);
	}
	if (!e)
		*ret = json_object_new_string_len(text.s, (int)text.len);
	return e;
}

const struct function kubernetes_functions[] = {
	{ .name = "manifest_decode",
	  .summary = "An object of a YAML text.",
	  .doc = "The one object in a YAML text, for `kubernetes_manifest`.",
	  .returns = "\"dynamic\"",
	  .parameters = { { "manifest", "\"string\"", "The text." } },
	  .call = decode_one,
	  .example = "locals {\n"
		     "  manifest = provider::kubernetes::manifest_decode(file(\"app.yaml\"))\n"
		     "}\n" },
	{ .name = "manifest_decode_multi",
	  .summary = "All objects of a YAML text.",
	  .doc = "The objects in a YAML text of any number of documents; lists are taken apart.",
	  .returns = "\"dynamic\"",
	  .parameters = { { "manifest", "\"string\"", "The text." } },
	  .call = decode_multi,
	  .example =
		  "locals {\n"
		  "  manifests = provider::kubernetes::manifest_decode_multi(file(\"app.yaml\"))\n"
		  "}\n" },
	{ .name = "manifest_encode",
	  .summary = "An object as YAML.",
	  .doc = "An object, or a list of objects, as a YAML text.",
	  .returns = "\"string\"",
	  .parameters = { { "manifest", "\"dynamic\"", "The object." } },
	  .call = encode,
	  .example = "output \"text\" {\n"
		     "  value = provider::kubernetes::manifest_encode({\n"
		     "    apiVersion = \"v1\"\n"
		     "    kind       = \"Namespace\"\n"
		     "    metadata   = { name = \"demo\" }\n"
		     "  })\n"
		     "}\n" },
	{ 0 },
};
