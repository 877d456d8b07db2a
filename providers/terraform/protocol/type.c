#include <string.h>

#include "text.h"
#include "type.h"

static const struct {
	const char *name, *words;
} shapes[] = {
	[SHAPE_NONE] = { "", "nothing" },
	[SHAPE_STRING] = { "string", "a string" },
	[SHAPE_NUMBER] = { "number", "a number" },
	[SHAPE_BOOL] = { "bool", "a boolean" },
	[SHAPE_DYNAMIC] = { "dynamic", "a value with its type" },
	[SHAPE_LIST] = { "list", "a list" },
	[SHAPE_SET] = { "set", "a set" },
	[SHAPE_MAP] = { "map", "a map" },
	[SHAPE_TUPLE] = { "tuple", "a tuple" },
	[SHAPE_OBJECT] = { "object", "an object" },
};

const char *shape_words(enum shape shape)
{
	return shapes[shape].words;
}

enum shape type_shape(struct json_object *type)
{
	const bool plain = json_object_is_type(type, json_type_string);
	struct json_object *name = plain ? type : json_nth(type, 0);
	enum shape s = plain ? SHAPE_STRING : SHAPE_LIST;
	const enum shape last = plain ? SHAPE_DYNAMIC : SHAPE_OBJECT;

	while (s <= last && !json_is_str(name, shapes[s].name))
		s++;
	if (s > last ||
	    (s == SHAPE_TUPLE && !json_object_is_type(type_of(type), json_type_array)) ||
	    (s == SHAPE_OBJECT && !json_object_is_type(type_of(type), json_type_object)))
		return SHAPE_NONE;
	return s;
}

struct json_object *type_of(struct json_object *type)
{
	return json_nth(type, 1);
}

static struct err *check_attrs(struct json_object *types)
{
	struct err *e;

	json_object_object_foreach(types, name, type) {
		e = at_attr(value_check_type(type), name);
		if (e)
			return e;
	}
	return NULL;
}

struct err *value_check_type(struct json_object *type)
{
	struct json_object *of = type_of(type);
	struct err *e = NULL;

	switch (type_shape(type)) {
	case SHAPE_STRING:
	case SHAPE_NUMBER:
	case SHAPE_BOOL:
	case SHAPE_DYNAMIC: return NULL;
	case SHAPE_LIST:
	case SHAPE_SET:
	case SHAPE_MAP: return value_check_type(of);
	case SHAPE_TUPLE:
		for (size_t i = 0; i < json_len(of) && !e; i++)
			e = value_check_type(json_nth(of, i));
		return e;
	case SHAPE_OBJECT: return check_attrs(of);
	case SHAPE_NONE: break;
	}
	return err_new(ERR_PROTOCOL, "this is no type of Terraform's");
}

struct err *type_differs(enum shape shape, const char *got)
{
	return err_new(ERR_PROTOCOL, "%s is wanted, not %s", shape_words(shape), got);
}

/* Takes step. */
static struct err *at_step(struct err *e, char *step)
{
	AUTO_STR outer = step;
	AUTO_STR inner = NULL;

	if (!e)
		return NULL;
	inner = e->at;
	e->at = xasprintf("%s%s%s", outer, !inner || *inner == '[' ? "" : ".", inner ? inner : "");
	return e;
}

struct err *at_attr(struct err *e, const char *name)
{
	return e ? at_step(e, xstrdup(name)) : NULL;
}

struct err *at_key(struct err *e, const char *key)
{
	AUTO_BUF step = BUF_INIT;

	if (!e)
		return NULL;
	buf_adds(&step, "[\"");
	for (size_t left = text_cut(key, 100); left; left--, key++) {
		if (strchr("\"\\", *key))
			buf_adds(&step, "\\");
		(void)buf_add(&step, key, 1);
	}
	buf_adds(&step, "\"]");
	return at_step(e, buf_take(&step));
}

struct err *at_element(struct err *e, enum shape shape, size_t i)
{
	if (!e || shape != SHAPE_SET)
		return e ? at_step(e, xasprintf("[%zu]", i)) : NULL;
	free(e->at);
	e->at = NULL;
	return e;
}

struct err *at_told(struct err *e)
{
	return e && e->at ? err_wrap(e, "%s", e->at) : e;
}
