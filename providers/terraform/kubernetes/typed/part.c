#include <string.h>

#include "rows.h"

/*
 * metadata.managedFields[].fieldsV1: {"f:spec": {"f:replicas": {}, "f:containers":
 * {"k:{\"name\":\"web\"}": {...}}}}; "v:..." are members of a set, "." the thing itself.
 */
static struct json_object *part(struct json_object *v, struct json_object *fields);

static bool key_matches(struct json_object *element, const char *key)
{
	AUTO_JSON want = NULL;
	AUTO_ERR e = json_parse(key + 2, strlen(key + 2), &want);

	if (e)
		return false;
	if (key[0] == 'v')
		return json_object_equal(element, want);
	json_object_object_foreach(want, name, v) {
		if (!json_object_equal(json_object_object_get(element, name), v))
			return false;
	}
	return true;
}

static struct json_object *list_part(struct json_object *list, struct json_object *fields)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *one = json_nth(list, i), *owned = NULL;

		json_object_object_foreach(fields, key, sub) {
			if (!owned && (strncmp(key, "k:", 2) == 0 || strncmp(key, "v:", 2) == 0) &&
			    key_matches(one, key))
				owned = part(one, sub);
		}
		json_object_array_add(ret, owned);
	}
	return ret;
}

static struct json_object *part(struct json_object *v, struct json_object *fields)
{
	struct json_object *ret;

	if (!json_object_object_length(fields))
		return json_copy(v);
	if (json_object_is_type(v, json_type_array))
		return list_part(v, fields);
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	ret = json_object_new_object();
	json_object_object_foreach(fields, key, sub) {
		struct json_object *inner =
			strncmp(key, "f:", 2) == 0 ? json_object_object_get(v, key + 2) : NULL;

		if (inner)
			json_set(ret, key + 2, part(inner, sub));
	}
	return ret;
}

/* What identifies it nobody owns, and everybody gave. */
static struct json_object *with_name(struct json_object *ours, struct json_object *object)
{
	static const char *const names[] = { "name", "namespace" };
	struct json_object *metadata = json_at(ours, "metadata");

	if (!metadata) {
		metadata = json_object_new_object();
		json_set(ours, "metadata", metadata);
	}
	for (size_t i = 0; i < COUNT(names); i++)
		json_set(metadata, names[i],
			 json_copy(json_at(json_at(object, "metadata"), names[i])));
	return ours;
}

struct json_object *object_part(struct json_object *object, const char *manager)
{
	struct json_object *entries = json_at(object, "metadata.managedFields");

	for (size_t i = 0; i < json_len(entries); i++) {
		struct json_object *one = json_nth(entries, i);
		struct json_object *fields = json_at(one, "fieldsV1");

		if (json_is_str(json_at(one, "operation"), "Apply") &&
		    !json_str(one, "subresource") &&
		    json_is_str(json_at(one, "manager"), manager) &&
		    json_object_is_type(fields, json_type_object))
			return with_name(part(object, fields), object);
	}
	return NULL;
}
