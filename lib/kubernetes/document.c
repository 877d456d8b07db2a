#include <ctype.h>
#include <string.h>
#include <sys/random.h>

#include "digest.h"
#include "kubernetes/objects.h"
#include "yaml.h"

enum {
	HIDDEN_DEPTH = 64,
	GENERATED_STEM = 58, /* what the server leaves of a long generateName */
	GENERATED_TAIL = 5,
};

/* ---- text to objects ---- */

static bool is_list(struct json_object *o)
{
	const char *kind = json_str(o, "kind");
	const size_t len = kind ? strlen(kind) : 0;

	return len >= 4 && strcmp(kind + len - 4, "List") == 0 &&
	       json_object_is_type(json_at(o, "items"), json_type_array);
}

/* What the items of a ConfigMapList need not say. */
static void item_named_after(struct json_object *item, struct json_object *list)
{
	const char *kind = json_str(list, "kind");

	if (strcmp(kind, "List") == 0 || !json_object_is_type(item, json_type_object))
		return;
	if (!json_has(item, "kind")) {
		AUTO_STR name = xstrndup(kind, strlen(kind) - 4);
		json_sets(item, "kind", name);
	}
	if (!json_has(item, "apiVersion"))
		json_sets(item, "apiVersion", json_str(list, "apiVersion"));
}

struct err *document_check(struct json_object *object)
{
	static const char *const paths[] = { "apiVersion", "kind", "metadata.name",
					     "metadata.generateName", "metadata.namespace" };

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct json_object *v = json_at(object, paths[i]);
		AUTO_STR text = v ? json_text(v) : NULL;

		if (v && !json_object_is_type(v, json_type_string))
			return err_new(ERR_USAGE, "%s is %s, %s, and no text: put it into quotes",
				       paths[i], text, json_type_words(v));
	}
	return NULL;
}

char *name_generate(const char *stem)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char bytes[GENERATED_TAIL];
	char tail[GENERATED_TAIL + 1] = "";

	while (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		;
	for (size_t i = 0; i < GENERATED_TAIL; i++)
		tail[i] = letters[bytes[i] % (sizeof(letters) - 1)];
	return xasprintf("%.*s%s", GENERATED_STEM, stem, tail);
}

static struct err *flatten(struct json_object *v, const char *file, size_t nr, int depth,
			   struct json_object *ret)
{
	struct json_object *items = json_object_is_type(v, json_type_array) ? v : NULL;
	struct err *e = NULL;

	if (!v)
		return NULL;
	if (is_list(v))
		items = json_at(v, "items");
	if (!items && !json_object_is_type(v, json_type_object))
		return err_new(ERR_USAGE,
			       "%s: document %zu is %s, but a Kubernetes object is a dictionary",
			       file, nr, json_type_words(v));
	if (!items) {
		json_object_array_add(ret, json_object_get(v));
		return err_wrap(document_check(v), "%s: document %zu", file, nr);
	}
	if (depth > 8)
		return err_new(ERR_USAGE, "%s: document %zu has lists in lists in lists", file, nr);
	for (size_t i = 0; i < json_len(items) && !e; i++) {
		if (items != v)
			item_named_after(json_nth(items, i), v);
		e = flatten(json_nth(items, i), file, nr, depth + 1, ret);
	}
	return e;
}

/* JSON may be longer than YAML may. */
static struct err *values_read(const char *s, size_t len, const char *file,
			       struct json_object **ret)
{
	struct json_object *one = NULL;
	size_t at = 0;

	while (at < len && isspace((unsigned char)s[at]))
		at++;
	if (at < len && (s[at] == '{' || s[at] == '[')) {
		AUTO_ERR e = json_parse(s + at, len - at, &one);

		if (!e) {
			*ret = json_object_new_array();
			json_object_array_add(*ret, one);
			return NULL;
		}
		if (len > YAML_BYTES)
			return err_wrap(TAKE(e), "%s", file);
	}
	return yaml_parse_all(s, len, file, ret);
}

struct err *documents_parse(const char *s, size_t len, const char *file, struct json_object **ret)
{
	AUTO_JSON values = NULL;
	AUTO_JSON list = json_object_new_array();
	struct err *e = values_read(s, len, file, &values);

	for (size_t i = 0; i < json_len(values) && !e; i++)
		e = flatten(json_nth(values, i), file, i + 1, 0, list);
	if (!e)
		*ret = TAKE(list);
	return e;
}

/* ---- objects for people ---- */

char *document_title(struct json_object *object)
{
	const char *kind = json_str(object, "kind");
	const char *ns = json_str(object, "metadata.namespace");
	const char *name = json_str(object, "metadata.name");
	const char *stem = json_str(object, "metadata.generateName");

	return xasprintf("%s %s%s%s%s", kind ? kind : "object", ns ? ns : "", ns ? "/" : "",
			 name ? name : (stem ? stem : "without a name"), !name && stem ? "*" : "");
}

/* One step of "a.b[0]['c.d'][*]"; false: the path ends, or is none. */
static bool hidden_step(const char **path, char **ret)
{
	const char *p = *path;
	size_t n;

	if (*p == '.')
		p++;
	if (*p == '[') {
		const char quote = p[1] == '"' || p[1] == '\'' ? p[1] : '\0';
		const char *from = p + 1 + (quote != '\0');
		const char *to = strchr(from, quote ? quote : ']');

		if (!to || (quote && to[1] != ']'))
			return false;
		*ret = xstrndup(from, (size_t)(to - from));
		*path = to + 1 + (quote != '\0');
		return true;
	}
	n = strcspn(p, ".[");
	if (!n)
		return false;
	*ret = xstrndup(p, n);
	*path = p + n;
	return true;
}

static bool index_read(const char *s, size_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	*ret = strtoul(s, &end, 10);
	return !*end;
}

static void hide(struct json_object *v, const char *path, int depth)
{
	AUTO_STR step = NULL;
	size_t i = 0;

	if (depth > HIDDEN_DEPTH || !hidden_step(&path, &step))
		return;
	if (json_object_is_type(v, json_type_object)) {
		if (!*path)
			json_object_object_del(v, step);
		else if (json_has(v, step))
			hide(json_object_object_get(v, step), path, depth + 1);
	} else if (index_read(step, &i)) {
		if (i < json_len(v) && !*path)
			(void)json_object_array_del_idx(v, i, 1);
		else
			hide(json_nth(v, i), path, depth + 1);
	} else if (json_object_is_type(v, json_type_array)) {
		AUTO_STR rest =
			strcmp(step, "*") == 0 ? xstrdup(path) : xasprintf("['%s']%s", step, path);
		if (!*rest && json_len(v))
			(void)json_object_array_del_idx(v, 0, json_len(v));
		for (i = 0; i < json_len(v); i++)
			hide(json_nth(v, i), rest, depth + 1);
	}
}

struct json_object *document_without(struct json_object *object, struct json_object *hidden)
{
	struct json_object *copy = json_copy(object);

	for (size_t i = 0; i < json_len(hidden); i++)
		if (json_object_is_type(json_nth(hidden, i), json_type_string))
			hide(copy, json_object_get_string(json_nth(hidden, i)), 0);
	return copy;
}

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define MASK         "***"

void document_applied_mask(struct json_object *object)
{
	struct json_object *notes = json_at(object, "metadata.annotations");

	if (json_has(notes, LAST_APPLIED))
		json_sets(notes, LAST_APPLIED, MASK);
}

static bool is_secret(struct json_object *object)
{
	return json_is_str(json_at(object, "kind"), "Secret") &&
	       json_is_str(json_at(object, "apiVersion"), "v1");
}

static struct json_object *seen(struct json_object *object)
{
	static const char *const kept[] = { "managedFields",     "resourceVersion", "uid",
					    "creationTimestamp", "generation",      "selfLink" };
	struct json_object *copy = json_copy(object);
	struct json_object *meta = json_at(copy, "metadata");

	if (json_object_is_type(copy, json_type_object))
		json_object_object_del(copy, "status");
	for (size_t i = 0; i < COUNT(kept) && json_object_is_type(meta, json_type_object); i++)
		json_object_object_del(meta, kept[i]);
	return copy;
}

/* Each value of shown[field] as MASK, with `which` behind it where `other` has another one. */
static void secret_field_mask(struct json_object *shown, struct json_object *object,
			      struct json_object *other, const char *field, const char *which)
{
	struct json_object *values = json_at(object, field);
	struct json_object *others = json_at(other, field);

	if (!json_object_is_type(values, json_type_object))
		return;
	json_object_object_foreach(values, key, v) {
		AUTO_STR mask = xasprintf(MASK " (%s)", which);
		const bool moved = json_has(others, key) &&
				   !json_object_equal(json_object_object_get(others, key), v);

		json_sets(json_at(shown, field), key, moved ? mask : MASK);
	}
}

static struct json_object *shown_beside(struct json_object *object, struct json_object *other,
					bool plain, const char *which)
{
	struct json_object *copy = seen(object);

	if (plain || !is_secret(object))
		return copy;
	secret_field_mask(copy, object, other, "data", which);
	secret_field_mask(copy, object, other, "stringData", which);
	document_applied_mask(copy);
	return copy;
}

struct json_object *document_shown(struct json_object *object, bool plain)
{
	return shown_beside(object, NULL, plain, "");
}

void document_shown_both(struct json_object *before, struct json_object *after, bool plain,
			 struct json_object **ret_before, struct json_object **ret_after)
{
	*ret_before = shown_beside(before, after, plain, "before");
	*ret_after = shown_beside(after, before, plain, "after");
}

/* ---- the digest ---- */

static int by_name(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

/* As Go encodes strings: what HTML would stumble over, and two line ends, are escaped. */
static void go_string(struct buf *b, const char *s, size_t len)
{
	static const char named[] = "\b\f\n\r\t";
	static const char letters[] = "bfnrt";

	buf_adds(b, "\"");
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)s[i];
		const char *at = c ? strchr(named, c) : NULL;

		if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (at)
			buf_addf(b, "\\%c", letters[at - named]);
		else if (c < 0x20 || c == '<' || c == '>' || c == '&')
			buf_addf(b, "\\u%04x", c);
		else if (len - i >= 3 && c == 0xe2 && (unsigned char)s[i + 1] == 0x80 &&
			 ((unsigned char)s[i + 2] & 0xfe) == 0xa8) {
			buf_addf(b, "\\u202%d", (unsigned char)s[i + 2] & 0xf);
			i += 2;
		} else
			(void)buf_add(b, s + i, 1);
	}
	buf_adds(b, "\"");
}

static void go_scalar(struct buf *b, struct json_object *v)
{
	if (json_object_is_type(v, json_type_string)) {
		go_string(b, json_object_get_string(v), (size_t)json_object_get_string_len(v));
		return;
	}
	AUTO_STR text = json_text(v);
	buf_adds(b, text);
}

/* A map of scalars, sorted; null if there is none. */
static void go_map(struct buf *b, struct json_object *map)
{
	const size_t n = json_object_is_type(map, json_type_object)
				 ? (size_t)json_object_object_length(map)
				 : 0;
	const char **keys;
	size_t i = 0;

	if (!json_object_is_type(map, json_type_object)) {
		buf_adds(b, "null");
		return;
	}
	keys = xcalloc(n + 1, sizeof(*keys));
	json_object_object_foreach(map, key, v) {
		(void)v;
		keys[i++] = key;
	}
	qsort(keys, n, sizeof(*keys), by_name);
	buf_adds(b, "{");
	for (i = 0; i < n; i++) {
		buf_adds(b, i ? "," : "");
		go_string(b, keys[i], strlen(keys[i]));
		buf_adds(b, ":");
		go_scalar(b, json_object_object_get(map, keys[i]));
	}
	buf_adds(b, "}");
	free(keys);
}

char *document_hash(struct json_object *object)
{
	/* So that the hexadecimal digits never make a bad word, nor a number. */
	static const char from[] = "013ae", to[] = "ghkmt";
	struct json_object *binary = json_at(object, "binaryData");
	const char *name = json_str(object, "metadata.name");
	const char *type = json_str(object, "type");
	AUTO_BUF b = BUF_INIT;
	char *sum;

	buf_adds(&b, "{");
	if (!is_secret(object) && !json_empty(binary)) {
		buf_adds(&b, "\"binaryData\":");
		go_map(&b, binary);
		buf_adds(&b, ",");
	}
	buf_adds(&b, "\"data\":");
	go_map(&b, json_at(object, "data"));
	if (json_object_is_type(json_at(object, "immutable"), json_type_boolean))
		buf_addf(&b, ",\"immutable\":%s",
			 json_truth(object, "immutable", false) ? "true" : "false");
	buf_addf(&b, ",\"kind\":\"%s\",\"name\":", is_secret(object) ? "Secret" : "ConfigMap");
	go_string(&b, name ? name : "", name ? strlen(name) : 0);
	if (is_secret(object)) {
		buf_adds(&b, ",\"type\":");
		go_string(&b, type ? type : "", type ? strlen(type) : 0);
	}
	buf_adds(&b, "}");
	sum = digest_text("sha256", b.s, b.len);
	if (!sum)
		return NULL;
	buf_wipe(&b);
	sum[10] = '\0';
	for (char *p = sum; *p; p++)
		*p = strchr(from, *p) ? to[strchr(from, *p) - from] : *p;
	return sum;
}
