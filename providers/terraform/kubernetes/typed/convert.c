#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "protocol/value.h"
#include "rows.h"
#include "text.h"

/* ---- names ---- */

const char *row_api(const struct tf_attr *row, char space[static API_NAME_BYTES])
{
	size_t n = 0;

	if (row->attr)
		return row->attr;
	for (const char *s = row->name; *s && n < API_NAME_BYTES - 1; s++) {
		if (*s == '_' && s[1])
			space[n++] = (char)toupper((unsigned char)*++s);
		else
			space[n++] = *s;
	}
	space[n] = 0;
	return space;
}

bool row_is_local(const struct tf_attr *row)
{
	return row->attr && !*row->attr;
}

static bool has_type(const struct tf_attr *row, const char *type)
{
	return row->type && strcmp(row->type, type) == 0;
}

bool row_is_map(const struct tf_attr *row)
{
	return has_type(row, T_MAP);
}

struct json_object *row_default(const struct tf_attr *row)
{
	struct json_object *v = NULL;

	if (row->value)
		err_free(json_parse(row->value, strlen(row->value), &v));
	return v;
}

/* ---- to the API ---- */

static struct json_object *integer(const char *s, int base)
{
	char *end;
	const long long n = strtoll(s, &end, base);

	/* What is no number the server refuses better than we could. */
	return *s && !*end ? json_object_new_int64(n) : json_object_new_string(s);
}

static struct json_object *scalar_sent(const struct tf_attr *row, struct json_object *v)
{
	const char *s = json_object_get_string(v);

	if (!json_object_is_type(v, json_type_string))
		return json_copy(v);
	if (row->flags & (TYPED_INT | TYPED_INT_OR_STRING))
		return *s ? integer(s, 10) : NULL;
	if (row->flags & TYPED_OCTAL)
		return *s ? integer(s, 8) : NULL;
	return json_copy(v);
}

static struct json_object *map_sent(const struct tf_attr *row, struct json_object *map)
{
	struct json_object *ret = json_object_new_object();

	json_object_object_foreach(map, key, v) {
		if (!v || value_is_unknown(v))
			continue;
		if (!(row->flags & TYPED_BASE64)) {
			json_set(ret, key, json_copy(v));
			continue;
		}
		char *text =
			base64_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
		json_sets(ret, key, text);
		wipe_free(text);
	}
	return ret;
}

static struct json_object *list_sent(struct json_object *list)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < json_len(list); i++)
		if (json_nth(list, i) && !value_is_unknown(json_nth(list, i)))
			json_object_array_add(ret, json_copy(json_nth(list, i)));
	return ret;
}

/* Some mean something by being there; of metadata it would make what others put there ours. */
static struct json_object *object_sent(const struct tf_attr *row, struct json_object *values)
{
	struct json_object *ret = rows_sent(row->sub, values);

	if (json_object_object_length(ret) || strcmp(row->name, "metadata") != 0)
		return ret;
	json_object_put(ret);
	return NULL;
}

static struct json_object *block_sent(const struct tf_attr *row, struct json_object *blocks)
{
	struct json_object *ret;

	if (!json_len(blocks))
		return NULL;
	if (row->flags & TF_UNIQUE && !(row->flags & TYPED_MANY))
		return object_sent(row, json_nth(blocks, 0));
	ret = json_object_new_array();
	for (size_t i = 0; i < json_len(blocks); i++)
		json_object_array_add(ret, rows_sent(row->sub, json_nth(blocks, i)));
	return ret;
}

static struct json_object *row_sent(const struct tf_attr *row, struct json_object *v)
{
	if (!v || value_is_unknown(v) || row_is_local(row))
		return NULL;
	if (row->flags & TF_BLOCK)
		return block_sent(row, v);
	if (json_empty(v) && !json_object_is_type(v, json_type_string) &&
	    !(row->flags & TF_REQUIRED))
		return NULL;
	if (row_is_map(row))
		return map_sent(row, v);
	return json_object_is_type(v, json_type_array) ? list_sent(v) : scalar_sent(row, v);
}

/* Two rows may be one map of the API. */
static void merge_into(struct json_object *object, const char *key, struct json_object *v)
{
	struct json_object *there = json_at(object, key);

	if (!json_object_is_type(there, json_type_object)) {
		json_set(object, key, v);
		return;
	}
	json_object_object_foreach(v, name, one) {
		json_set(there, name, json_copy(one));
	}
	json_object_put(v);
}

struct json_object *rows_sent(const struct tf_attr *rows, struct json_object *values)
{
	struct json_object *ret = json_object_new_object();
	char space[API_NAME_BYTES];

	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v =
			row->flags & TF_WRITE_ONLY
				? NULL
				: row_sent(row, json_object_object_get(values, row->name));

		if (v)
			merge_into(ret, row_api(row, space), v);
	}
	return ret;
}

/* ---- from the API ---- */

struct json_object *row_in(const struct tf_attr *row, struct json_object *object)
{
	char space[API_NAME_BYTES];

	return json_object_is_type(object, json_type_object) && !row_is_local(row)
		       ? json_object_object_get(object, row_api(row, space))
		       : NULL;
}

size_t block_len(const struct tf_attr *row, struct json_object *object)
{
	struct json_object *v = row_in(row, object);

	if (!json_object_is_type(v, json_type_array))
		return json_object_is_type(v, json_type_object) ? 1 : 0;
	return row->flags & TF_UNIQUE && json_len(v) ? 1 : json_len(v);
}

struct json_object *block_nth(const struct tf_attr *row, struct json_object *object, size_t i)
{
	struct json_object *v = row_in(row, object);

	return json_object_is_type(v, json_type_array) ? json_nth(v, i) : v;
}

static struct json_object *text_of_number(const struct tf_attr *row, struct json_object *v)
{
	AUTO_STR text = NULL;

	if (!json_object_is_type(v, json_type_int))
		return json_object_is_type(v, json_type_string) ? json_copy(v) : NULL;
	text = xasprintf(row->flags & TYPED_OCTAL ? "%04" PRIo64 : "%" PRId64,
			 json_object_get_int64(v));
	return json_object_new_string(text);
}

/* UTF-8 without NUL; what is no text has to stay in base64, for Terraform has no other. */
static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		const unsigned char c = (unsigned char)s[i++];
		unsigned more = c < 0x80 ? 0 : c < 0xc2 ? 4 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

		if (!c || more == 4 || c > 0xf4 || more > len - i)
			return false;
		for (; more; more--)
			if (((unsigned char)s[i++] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static struct json_object *map_seen(const struct tf_attr *row, struct json_object *map)
{
	const bool coded = row->flags & (TYPED_BASE64 | TYPED_BINARY);
	struct json_object *ret = json_object_new_object();

	json_object_object_foreach(map, key, v) {
		struct buf text = BUF_INIT;
		const char *s = json_object_get_string(v);
		const bool plain =
			coded && s && base64_text(s, strlen(s), &text) && is_text(text.s, text.len);

		if (!coded)
			json_set(ret, key, json_copy(v));
		else if (plain && row->flags & TYPED_BASE64)
			json_set(ret, key, json_object_new_string_len(text.s, (int)text.len));
		else if (!plain && row->flags & TYPED_BINARY)
			json_set(ret, key, json_copy(v));
		buf_wipe(&text);
		buf_release(&text);
	}
	if (!coded || json_object_object_length(ret))
		return ret;
	json_object_put(ret);
	return NULL;
}

static struct json_object *list_seen(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_copy(list) : NULL;
}

/* Objects within an attribute are told whole. */
static struct json_object *objects_seen(const struct tf_attr *row, struct json_object *object)
{
	struct json_object *ret = json_object_new_array();

	for (size_t i = 0; i < block_len(row, object); i++)
		json_object_array_add(ret, rows_seen(row->sub, block_nth(row, object, i)));
	return ret;
}

struct json_object *row_seen(const struct tf_attr *row, struct json_object *object)
{
	struct json_object *v = row_in(row, object);

	if (row->sub)
		return objects_seen(row, object);
	if (!v)
		return NULL;
	if (row_is_map(row))
		return json_object_is_type(v, json_type_object) ? map_seen(row, v) : NULL;
	if (row->type && row->type[0] == '[')
		return list_seen(v);
	if (has_type(row, T_BOOL))
		return json_object_is_type(v, json_type_boolean) ? json_copy(v) : NULL;
	if (has_type(row, T_NUMBER))
		return json_object_is_type(v, json_type_int) ||
				       json_object_is_type(v, json_type_double)
			       ? json_copy(v)
			       : NULL;
	return text_of_number(row, v);
}

struct json_object *rows_seen(const struct tf_attr *rows, struct json_object *object)
{
	struct json_object *ret = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++)
		json_put(ret, row->name, row_seen(row, object));
	return ret;
}

/* ---- comparing ---- */

bool is_zero(struct json_object *v)
{
	if (json_object_is_type(v, json_type_boolean))
		return !json_object_get_boolean(v);
	if (json_object_is_type(v, json_type_int))
		return !json_object_get_int64(v);
	return json_empty(v);
}

/* False: no quantity of Kubernetes. */
static bool quantity(const char *s, long double *ret)
{
	static const struct {
		const char *suffix;
		long double factor;
	} units[] = { { "", 1 },         { "n", 1e-9L },    { "u", 1e-6L },    { "m", 1e-3L },
		      { "k", 1e3L },     { "M", 1e6L },     { "G", 1e9L },     { "T", 1e12L },
		      { "P", 1e15L },    { "E", 1e18L },    { "Ki", 0x1p10L }, { "Mi", 0x1p20L },
		      { "Gi", 0x1p30L }, { "Ti", 0x1p40L }, { "Pi", 0x1p50L }, { "Ei", 0x1p60L } };
	char *end;

	/* No "inf", "nan" or "0x10". */
	if (strspn(s, "+-.0123456789") == 0 || strpbrk(s, "xX"))
		return false;
	*ret = strtold(s, &end);
	for (size_t i = 0; i < COUNT(units); i++)
		if (strcmp(end, units[i].suffix) == 0) {
			*ret *= units[i].factor;
			return true;
		}
	return false;
}

bool quantity_equal(const char *x, const char *y)
{
	long double a, b;

	if (!quantity(x, &a) || !quantity(y, &b))
		return strcmp(x, y) == 0;
	/* Decimal fractions are not exact here; the least the API tells apart is far above this. */
	return fabsl(a - b) <= 1e-15L * (fabsl(a) + fabsl(b));
}

static bool quantities_equal(struct json_object *x, struct json_object *y)
{
	if (json_object_is_type(x, json_type_string) && json_object_is_type(y, json_type_string))
		return quantity_equal(json_object_get_string(x), json_object_get_string(y));
	if (!json_object_is_type(x, json_type_object) ||
	    !json_object_is_type(y, json_type_object) ||
	    json_object_object_length(x) != json_object_object_length(y))
		return false;
	json_object_object_foreach(x, key, v) {
		struct json_object *other = json_object_object_get(y, key);

		if (!v || !other || !quantities_equal(v, other))
			return false;
	}
	return true;
}

static bool is_set(const struct tf_attr *row)
{
	return row->flags & TF_SET ||
	       (row->type && strncmp(row->type, "[\"set\"", strlen("[\"set\"")) == 0);
}

static bool rows_equal(const struct tf_attr *rows, struct json_object *x, struct json_object *y)
{
	for (const struct tf_attr *row = rows; row->name; row++)
		if (!row_equal(row, json_object_object_get(x, row->name),
			       json_object_object_get(y, row->name)))
			return false;
	return true;
}

static bool element_equal(const struct tf_attr *row, struct json_object *x, struct json_object *y)
{
	return row->sub ? rows_equal(row->sub, x, y) : value_equal(x, y);
}

static bool elements_equal(const struct tf_attr *row, struct json_object *x, struct json_object *y)
{
	const size_t n = json_len(x);
	AUTO_STR taken = xcalloc(n + 1, 1);

	if (n != json_len(y))
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t k = is_set(row) ? 0 : i;
		const size_t end = is_set(row) ? n : i + 1;

		while (k < end && (taken[k] || !element_equal(row, json_nth(x, i), json_nth(y, k))))
			k++;
		if (k == end)
			return false;
		taken[k] = 1;
	}
	return true;
}

bool row_equal(const struct tf_attr *row, struct json_object *x, struct json_object *y)
{
	AUTO_JSON a = NULL;
	AUTO_JSON b = NULL;

	if (value_has_unknown(x) || value_has_unknown(y))
		return false;
	if (is_zero(x) && is_zero(y))
		return true;
	if (!x || !y)
		return false;
	if (row->sub || is_set(row))
		return elements_equal(row, x, y);
	if (row->flags & TYPED_QUANTITY)
		return quantities_equal(x, y);
	if (row_is_map(row))
		return value_equal(x, y);
	a = scalar_sent(row, x);
	b = scalar_sent(row, y);
	return value_equal(a, b);
}

/* ---- elements of lists ---- */

static bool key_equal(const struct tf_attr *key, struct json_object *x, struct json_object *y)
{
	AUTO_JSON none = row_default(key);

	return row_equal(key, x ? x : none, y ? y : none);
}

static bool has_key(const struct tf_attr *rows)
{
	for (; rows->name; rows++)
		if (rows->flags & TYPED_KEY)
			return true;
	return false;
}

static bool is_keyed_as(const struct tf_attr *rows, struct json_object *x, struct json_object *y)
{
	for (const struct tf_attr *row = rows; row->name; row++)
		if (row->flags & TYPED_KEY && !key_equal(row, json_object_object_get(x, row->name),
							 json_object_object_get(y, row->name)))
			return false;
	return true;
}

size_t element_find(const struct tf_attr *row, struct json_object *element, size_t i,
		    struct json_object *list)
{
	const size_t n = json_len(list);

	if (row->flags & TF_UNIQUE || !has_key(row->sub))
		return i < n ? i : n;
	for (size_t k = 0; k < n; k++)
		if (json_nth(list, k) && is_keyed_as(row->sub, element, json_nth(list, k)))
			return k;
	return n;
}
