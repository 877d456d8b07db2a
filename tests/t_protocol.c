/* Terraform's messages and values: bytes recorded from real runs, round trips, caps, bad input. */
#include <math.h>

#include "message.h"
#include "scalar.h"
#include "unit.h"

#define RECORDED "tests/data/protocol/terraform-1.11.4.txt"

/* The type of the resource that was recorded, its attributes in the order in which Terraform sends. */
#define RECORDED_TYPE                                                                        \
	"['object',{'dyn':'dynamic','dyn2':'dynamic','id':'string','later':'string',"        \
	"'later_list':['list','string'],'later_num':'number','list':['list','string'],"      \
	"'map':['map','string'],'n_big':'number','n_dec':'number','n_half':'number',"        \
	"'n_huge':'number','n_int':'number','n_neg':'number','name':'string',"               \
	"'obj':['object',{'a':'string','b':['list','bool']}],'on':'bool',"                   \
	"'port':['list',['object',{'label':'string','number':'number'}]],'prefix':'string'," \
	"'set':['set','number'],'tup':['tuple',['string','number']]}]"

static void unhex(const char *hex, struct buf *out)
{
	char digits[3] = "", byte;

	for (; hex[0] && hex[1]; hex += 2) {
		if (*hex == ' ') {
			hex--;
			continue;
		}
		memcpy(digits, hex, 2);
		byte = (char)strtoul(digits, NULL, 16);
		(void)buf_add(out, &byte, 1);
	}
}

static char *hex_of(const char *s, size_t len)
{
	AUTO_BUF hex = BUF_INIT;

	for (size_t i = 0; i < len; i++)
		buf_addf(&hex, "%02x", (unsigned char)s[i]);
	return buf_take(&hex);
}

/* A value that JSON can show: ? and a refinement for unknowns, pairs of type and value. New. */
static struct json_object *shown(struct json_object *v)
{
	struct json_object *copy;

	if (value_is_unknown(v)) {
		AUTO_STR text = xasprintf("?%s", json_str(v, "\xff") ? json_str(v, "\xff") : "");
		return json_object_new_string(text);
	}
	if (json_object_is_type(v, json_type_array)) {
		copy = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(copy, shown(json_nth(v, i)));
		return copy;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	copy = json_object_new_object();
	json_object_object_foreach(v, key, inner)
		json_set(copy, *key == '\xfe' ? "type" : key, shown(inner));
	return copy;
}

/* As text: numbers digit by digit. ' stands for ". */
static void same(struct json_object *v, const char *want)
{
	AUTO_JSON seen = shown(v);
	AUTO_STR text = xstrdup(json_object_to_json_string_ext(
		seen, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

	for (char *p = text; *p; p++)
		if (*p == '"')
			*p = '\'';
	ck_assert_str_eq(text, want);
}

static struct err *decode(const char *hex, const char *type, struct json_object **ret)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_JSON t = unit_json(type);
	uint8_t *exact;
	struct err *e;

	unhex(hex, &b);
	exact = xcalloc(b.len + !b.len, 1); /* so that a sanitizer sees each byte too far */
	memcpy(exact, b.s, b.len);
	e = value_decode(exact, b.len, t, ret);
	free(exact);
	return e;
}

static char *encoded(struct json_object *v, const char *type)
{
	AUTO_BUF b = BUF_INIT;
	AUTO_JSON t = unit_json(type);

	unit_ok(value_encode(v, t, &b));
	return hex_of(b.s, b.len);
}

static const struct {
	const char *type, *hex, *text;
	const char *again; /* if it is sent otherwise than it came */
} values[] = {
	{ "'string'", "c0", "null" },
	{ "'string'", "a0", "''" },
	{ "'string'", "a3 61 00 62", "'a\\u0000b'" },
	{ "'string'", "d9 03 e29882", "'\xe2\x98\x82'", "a3e29882" },
	{ "'string'", "da 0001 61", "'a'", "a161" },
	{ "'string'", "db 00000001 61", "'a'", "a161" },
	{ "'bool'", "c2", "false" },
	{ "'bool'", "c3", "true" },
	{ "'number'", "00", "0" },
	{ "'number'", "7f", "127" },
	{ "'number'", "ff", "-1" },
	{ "'number'", "e0", "-32" },
	{ "'number'", "cc80", "128" },
	{ "'number'", "cdffff", "65535" },
	{ "'number'", "ceffffffff", "4294967295" },
	{ "'number'", "cf0000000100000000", "4294967296" },
	{ "'number'", "cf7fffffffffffffff", "9223372036854775807" },
	{ "'number'", "cfffffffffffffffff", "18446744073709551615",
	  "b43138343436373434303733373039353531363135" },
	{ "'number'", "d0df", "-33" },
	{ "'number'", "d080", "-128" },
	{ "'number'", "d18000", "-32768" },
	{ "'number'", "d280000000", "-2147483648" },
	{ "'number'", "d38000000000000000", "-9223372036854775808" },
	{ "'number'", "d30000000000000001", "1", "01" },
	{ "'number'", "cb3fe0000000000000", "0.5" },
	{ "'number'", "ca3f000000", "0.5", "cb3fe0000000000000" },
	{ "'number'", "a3302e31", "0.1" },
	{ "'number'", "a6302e31303030", "0.1000" },
	{ "'number'", "a53165343030", "1e400" },
	{ "'number'", "a135", "5", "05" },
	{ "'string'", "d40000", "'?'" },
	{ "'number'", "c7070c8201c2039200c3", "'?8201c2039200c3'" },
	/* Kinds of extensions that Terraform would not take back. */
	{ "'number'", "d5030000", "'?'", "d40000" },
	{ "'number'", "c70305aabbcc", "'?'", "d40000" },
	{ "['list','string']", "92a161c0", "['a',null]" },
	{ "['set','number']", "920102", "[1,2]" },
	{ "['set','number']", "dc00020102", "[1,2]", "920102" },
	{ "['tuple',['string','bool']]", "92a161c3", "['a',true]" },
	{ "['map','number']", "82a16101a16202", "{'a':1,'b':2}" },
	{ "['map','number']", "df00000001a16101", "{'a':1}", "81a16101" },
	{ "['map','number']", "81a3612e6201", "{'a.b':1}" },
	{ "['object',{}]", "80", "{}" },
	{ "['object',{'a':'string','b':['list','bool']},['b']]", "82a161a178a162c0",
	  "{'a':'x','b':null}" },
	{ "'dynamic'", "c0", "null" },
	{ "'dynamic'", "d40000", "'?'" },
	{ "'dynamic'", "92c40822737472696e6722a161", "{'type':'string','value':'a'}" },
	{ "'dynamic'", "92c40822737472696e6722c0", "{'type':'string','value':null}" },
	{ "'dynamic'", "92c40822737472696e6722d40000", "{'type':'string','value':'?'}" },
};

static void both_ways(size_t n)
{
	AUTO_JSON v = NULL;
	AUTO_STR want = xstrdup(values[n].again ? values[n].again : values[n].hex);
	char *end = want;

	for (char *p = want; *p; p++)
		if (*p != ' ')
			*end++ = *p;
	*end = '\0';
	unit_ok(decode(values[n].hex, values[n].type, &v));
	same(v, values[n].text);
	AUTO_STR again = encoded(v, values[n].type);
	ck_assert_str_eq(again, want);
	ck_assert(value_equal(v, v));
}

START_TEST(values_both_ways)
{
	for (size_t i = 0; i < COUNT(values); i++)
		both_ways(i);
}
END_TEST

static const struct {
	const char *type, *hex, *words;
} refused[] = {
	{ "'string'", "", "ends too early" },
	{ "'string'", "c1", "a string is wanted, not a byte that begins nothing" },
	{ "'string'", "01", "a string is wanted, not an integer" },
	{ "'string'", "c40161", "a string is wanted, not bytes" },
	{ "'string'", "a1ff", "no UTF-8" },
	{ "'string'", "a2c080", "no UTF-8" },     /* overlong */
	{ "'string'", "a3eda080", "no UTF-8" },   /* a surrogate */
	{ "'string'", "a4f4908080", "no UTF-8" }, /* past the last */
	{ "'string'", "a161a1", "1 bytes after the value" },
	{ "'string'", "dbffffffff61", "ends too early" },
	{ "'bool'", "a161", "a boolean is wanted, not a string" },
	{ "'number'", "c3", "a number is wanted, not a boolean" },
	{ "'number'", "a0", "a number that is none" },
	{ "'number'", "a161", "a number that is none" },
	{ "'number'", "a3302e", "ends too early" },
	{ "'number'", "a2302e", "a number that is none" },
	{ "'number'", "a23031", "a number that is none" },
	{ "'number'", "a33165", "ends too early" },
	{ "'number'", "a93165393939393939", "ends too early" },
	{ "'number'", "a9316539393939393939", "a number that is none" },
	{ "'number'", "a3496e66", "a number that is none" },
	{ "'number'", "cb7ff0000000000000", "not finite" },
	{ "'number'", "cb7ff8000000000000", "not finite" },
	{ "['list','string']", "ddffffffff", "ends too early" },
	{ "['list','string']", "81a161a161", "a list is wanted, not a map" },
	{ "['list','string']", "92a16101", "[1]: a string is wanted" },
	{ "['map','string']", "dfffffffff", "ends too early" },
	{ "['map','string']", "90", "a map is wanted, not a list" },
	{ "['map','string']", "8101a161", "a key that is no text" },
	{ "['map','string']", "81a16101", "[\"a\"]: a string is wanted" },
	{ "['map','string']", "81a2226101", "[\"\\\"a\"]: a string is wanted" },
	{ "['map','string']", "81a2610061", "a key that is no text" },
	{ "['map','string']", "81a1ff61", "a key that is no text" },
	{ "['tuple',['string']]", "92a161a161", "a tuple of 1 elements is wanted, not of 2" },
	{ "['object',{'a':'string'}]", "80", "an object of 1 attributes is wanted, not of 0" },
	{ "['object',{'a':'string'}]", "81a162c0", "b: there is no such attribute" },
	{ "['object',{'a':'string'}]", "82a161c0a161c0", "a: it is there twice" },
	{ "['object',{'p':['list',['object',{'n':'number'}]]}]", "81a1709181a16ec3",
	  "p[0].n: a number is wanted" },
	{ "['object',{'p':['set',['object',{'n':'number'}]]}]", "81a1709181a16ec3",
	  "p: a number is wanted" },
	{ "'dynamic'", "a161", "a value with its type is wanted, not a string" },
	{ "'dynamic'", "93c0c0c0", "a value with its type is wanted, not a list" },
	{ "'dynamic'", "92a822737472696e6722a161",
	  "a value with its type is wanted, not a string" },
	{ "'dynamic'", "92c4012200", "its type: no JSON" },
	{ "'dynamic'", "92c403226122c0", "no type of Terraform's" },
	{ "'dynamic'", "92c40822737472696e672201", "a string is wanted, not an integer" },
	{ "'strange'", "c3", "no type of Terraform's" },
	{ "['list']", "9101", "[0]: this is no type of Terraform's" },
	{ "['object',[]]", "80", "no type of Terraform's" },
	{ "7", "80", "no type of Terraform's" },
};

static void refuse(size_t n)
{
	struct json_object *v = NULL;

	unit_fails(decode(refused[n].hex, refused[n].type, &v), ERR_PROTOCOL, refused[n].words);
	ck_assert_ptr_null(v);
}

START_TEST(values_refused)
{
	for (size_t i = 0; i < COUNT(refused); i++)
		refuse(i);
}
END_TEST

/* n lists in one another, read or sent. */
static struct err *nested(size_t n, bool sent)
{
	AUTO_BUF bytes = BUF_INIT;
	AUTO_BUF out = BUF_INIT;
	AUTO_JSON type = json_object_new_string("string");
	AUTO_JSON v = json_object_new_string("");
	struct err *e;

	for (size_t i = 0; i < n; i++) {
		struct json_object *outer = json_object_new_array();
		struct json_object *list = json_object_new_array();

		json_object_array_add(outer, json_object_new_string("list"));
		json_object_array_add(outer, type);
		type = outer;
		json_object_array_add(list, v);
		v = list;
		(void)buf_add(&bytes, "\x91", 1);
	}
	(void)buf_add(&bytes, "\xa0", 1);
	if (sent) {
		e = value_encode(v, type, &out);
		ck_assert_uint_eq(out.len, e ? 0 : bytes.len);
		return e;
	}
	json_object_put(TAKE(v));
	return value_decode((const uint8_t *)bytes.s, bytes.len, type, &v);
}

START_TEST(caps)
{
	AUTO_BUF many = BUF_INIT;
	AUTO_JSON list = unit_json("['list','bool']");
	struct json_object *v = NULL;
	char head[5] = { '\xdd', 0, VALUE_COUNT >> 16, 0, 0 };
	AUTO_STR nothing = xcalloc(VALUE_COUNT, 1);

	for (int sent = 0; sent < 2; sent++) {
		unit_ok(nested(VALUE_DEPTH - 1, sent));
		unit_fails(nested(VALUE_DEPTH, sent), ERR_PROTOCOL, "nested deeper than 100");
	}

	/* The list is one of them. */
	memset(nothing, '\xc0', VALUE_COUNT);
	(void)buf_add(&many, head, 5);
	(void)buf_add(&many, nothing, VALUE_COUNT);
	unit_fails(value_decode((const uint8_t *)many.s, many.len, list, &v), ERR_PROTOCOL,
		   "more than 1048576 values");
	many.s[2]--;
	many.s[3] = many.s[4] = '\xff';
	unit_ok(value_decode((const uint8_t *)many.s, many.len - 1, list, &v));
	ck_assert_uint_eq(json_len(v), VALUE_COUNT - 1);
	json_object_put(v);

	/* Refused before a byte of it is looked at. */
	unit_fails(value_decode((const uint8_t *)"", VALUE_BYTES + 1, list, &v), ERR_PROTOCOL,
		   "more than 67108864");
	unit_fails(value_from_state("", VALUE_BYTES + 1, list, &v), ERR_PROTOCOL,
		   "more than 67108864");
}
END_TEST

/* ---- what real runs sent ---- */

struct line {
	char method[64];
	struct buf bytes;
};

static bool next_line(FILE *f, struct line *l)
{
	char *text = NULL;
	size_t cap = 0;
	const bool there = getline(&text, &cap, f) > 0;
	const char *blank = there ? strchr(text, ' ') : NULL;

	if (blank) {
		(void)snprintf(l->method, sizeof(l->method), "%.*s", (int)(blank - text), text);
		l->bytes = (struct buf)BUF_INIT;
		unhex(blank + 1, &l->bytes);
	}
	free(text);
	return blank;
}

/* The nth of a method's requests, as a call. */
static void recorded(const char *method, int nth, struct call *ret)
{
	FILE *f = fopen(RECORDED, "r");
	struct line l;

	ck_assert_ptr_nonnull(f);
	while (next_line(f, &l)) {
		if (strcmp(l.method, method) == 0 && nth-- == 0)
			unit_ok(call_open(method, (const uint8_t *)l.bytes.s, l.bytes.len, ret));
		buf_release(&l.bytes);
	}
	(void)fclose(f);
	ck_assert_msg(nth < 0, "%s was not recorded", method);
}

/* Each request is read, and written again as it was. */
START_TEST(requests_are_as_they_were)
{
	FILE *f = fopen(RECORDED, "r");
	struct line l;
	int n = 0;

	ck_assert_ptr_nonnull(f);
	for (; next_line(f, &l); n++) {
		struct call c;
		AUTO_BUF again = BUF_INIT;

		unit_ok(call_open(l.method, (const uint8_t *)l.bytes.s, l.bytes.len, &c));
		c.out = (void *)(uintptr_t)c.in;
		call_close(&c, &again);
		ck_assert_msg(again.len == l.bytes.len && !memcmp(again.s, l.bytes.s, again.len),
			      "%s", l.method);
		buf_release(&l.bytes);
	}
	(void)fclose(f);
	ck_assert_int_ge(n, 15);
}
END_TEST

/* A recorded value, sent again byte by byte; refused where it is cut off. */
static struct json_object *recorded_value(const Tf__DynamicValue *from)
{
	AUTO_JSON type = unit_json(RECORDED_TYPE);
	struct json_object *v = NULL;
	AUTO_BUF again = BUF_INIT;

	unit_ok(message_value(from, type, &v));
	unit_ok(value_encode(v, type, &again));
	ck_assert_uint_eq(again.len, from->msgpack.len);
	ck_assert_mem_eq(again.s, from->msgpack.data, again.len);
	for (size_t len = 0; len < from->msgpack.len; len++) {
		struct json_object *cut = NULL;
		uint8_t *exact = xcalloc(len + 1, 1);

		memcpy(exact, from->msgpack.data, len);
		AUTO_ERR e = value_decode(exact, len, type, &cut);
		ck_assert(e && e->kind == ERR_PROTOCOL && !cut);
		free(exact);
	}
	return v;
}

START_TEST(recorded_configuration)
{
	struct call c;
	const Tf__ValidateResourceConfig__Request *in;

	recorded("ValidateResourceConfig", 0, &c);
	in = c.in;
	ck_assert_str_eq(in->type_name, "rec_item");
	ck_assert_int_eq(in->client_capabilities->write_only_attributes_allowed, true);
	AUTO_JSON v = recorded_value(in->config);
	same(v, "{'dyn':{'type':['object',{'deep':['tuple',['number','dynamic',['object',{'s':"
		"'string'}]]]}],'value':{'deep':[1,null,{'s':'t'}]}},'dyn2':null,'id':null,"
		"'later':'?','later_list':['?'],'later_num':'?8101c2',"
		"'list':['\xc3\xa9','\xe6\x97\xa5\xe6\x9c\xac',''],'map':{'a.b':'w','k':'v'},"
		"'n_big':12345678901234567890123,'n_dec':0.1,'n_half':0.5,"
		"'n_huge':1000000000000000000000000000000,'n_int':5000000000,'n_neg':-129,"
		"'name':'?','obj':{'a':'x','b':[true,false]},'on':true,"
		"'port':[{'label':null,'number':80},{'label':'tls','number':443}],"
		"'prefix':'?8201c202a47072652d','set':[1,2.5,3],'tup':['x',1]}");
	ck_assert(value_has_unknown(v));
	call_close(&c, NULL);
}
END_TEST

START_TEST(recorded_plan)
{
	struct call c;
	const Tf__PlanResourceChange__Request *in;
	AUTO_JSON prior = NULL;

	recorded("PlanResourceChange", 0, &c);
	in = c.in;
	unit_ok(message_value(in->prior_state, NULL, &prior));
	ck_assert_ptr_null(prior);
	AUTO_JSON proposed = recorded_value(in->proposed_new_state);
	AUTO_JSON config = recorded_value(in->config);
	ck_assert(value_equal(proposed, config));
	same(json_at(proposed, "later_num"), "'?8201c2039200c3'");
	same(json_at(proposed, "later_list"), "['?8101c2']");
	call_close(&c, NULL);
}
END_TEST

/* What Terraform reads from a state file as JSON is what it sends as msgpack next. */
START_TEST(recorded_state)
{
	struct call up, read;
	AUTO_JSON type = unit_json(RECORDED_TYPE);
	AUTO_JSON upgraded = NULL;
	const Tf__UpgradeResourceState__Request *in;
	const Tf__ReadResource__Request *now;

	recorded("UpgradeResourceState", 0, &up);
	recorded("ReadResource", 0, &read);
	in = up.in;
	now = read.in;
	unit_ok(message_state(in->raw_state, type, &upgraded));
	AUTO_JSON current = recorded_value(now->current_state);
	ck_assert(value_equal(upgraded, current));
	ck_assert_uint_eq(now->private_.len, 4);
	ck_assert_mem_eq(now->private_.data, "priv", 4);
	same(json_at(upgraded, "n_big"), "12345678901234567890123");
	call_close(&up, NULL);
	call_close(&read, NULL);
}
END_TEST

START_TEST(recorded_function)
{
	struct call c;
	const Tf__CallFunction__Request *in;
	AUTO_JSON type = unit_json("'dynamic'");
	AUTO_JSON v = NULL;

	recorded("CallFunction", 1, &c);
	in = c.in;
	ck_assert_uint_eq(in->n_arguments, 1);
	unit_ok(message_value(in->arguments[0], type, &v));
	same(value_inner(v), "{'a':0.1,'b':[1,null],'c':12345678901234567890123}");
	call_close(&c, NULL);
}
END_TEST

/* ---- our side ---- */

START_TEST(unknowns)
{
	AUTO_JSON unknown = value_unknown();
	AUTO_JSON deep = unit_json("{'a':[1,{'b':null}]}");

	ck_assert(value_is_unknown(unknown) && value_has_unknown(unknown));
	ck_assert(!value_is_unknown(deep) && !value_has_unknown(deep));
	ck_assert(!value_is_unknown(NULL) && !value_has_unknown(NULL));
	json_set(json_nth(json_at(deep, "a"), 1), "b", json_object_get(unknown));
	ck_assert(!value_is_unknown(deep) && value_has_unknown(deep));
}
END_TEST

static const struct {
	const char *type, *value, *hex, *words;
} sent[] = {
	{ "['object',{'a':'string','b':'number'}]", "{'b':1}", "82a161c0a16201", NULL },
	{ "['object',{'a':'string'}]", "{'b':1}", NULL, "b: there is no such attribute" },
	{ "['object',{'a':['list',['object',{'s':'string'}]]}]", "{'a':[{},{'s':1}]}", NULL,
	  "a[1].s: a string is wanted, not an integer" },
	{ "'string'", "[]", NULL, "a string is wanted, not a list" },
	{ "'bool'", "'true'", NULL, "a boolean is wanted, not a string" },
	{ "'number'", "'1'", NULL, "a number is wanted, not a string" },
	{ "['list','bool']", "{}", NULL, "a list is wanted, not a dictionary" },
	{ "['map','bool']", "[]", NULL, "a map is wanted, not a list" },
	{ "['object',{}]", "[]", NULL, "an object is wanted, not a list" },
	{ "['tuple',['bool']]", "[]", NULL, "a tuple of 1 elements is wanted, not of 0" },
	{ "['tuple',['bool','number']]", "[true,1]", "92c301", NULL },
	{ "'odd'", "1", NULL, "no type of Terraform's" },
	{ "'number'", "0.5", "a3302e35", NULL },
	{ "'number'", "18446744073709551615", "b43138343436373434303733373039353531363135", NULL },
	/* What a plain value shows. */
	{ "'dynamic'", "'a'", "92c40822737472696e6722a161", NULL },
	{ "'dynamic'", "true", "92c40622626f6f6c22c3", NULL },
	{ "'dynamic'", "1", "92c408226e756d6265722201", NULL },
	{ "'dynamic'", "[]", "92c40c5b227475706c65222c5b5d5d90", NULL },
	{ "'dynamic'", "{'a':null}",
	  "92c41a5b226f626a656374222c7b2261223a2264796e616d6963227d5d81a161c0", NULL },
};

static void send(size_t n)
{
	AUTO_JSON v = unit_json(sent[n].value);
	AUTO_JSON type = unit_json(sent[n].type);
	AUTO_BUF out = BUF_INIT;

	if (sent[n].words) {
		unit_fails(value_encode(v, type, &out), ERR_PROTOCOL, sent[n].words);
		ck_assert_uint_eq(out.len, 0);
		return;
	}
	AUTO_STR hex = encoded(v, sent[n].type);
	ck_assert_str_eq(hex, sent[n].hex);
}

START_TEST(values_sent)
{
	for (size_t i = 0; i < COUNT(sent); i++)
		send(i);
}
END_TEST

START_TEST(numbers_that_are_none_are_not_sent)
{
	AUTO_JSON type = unit_json("'number'");
	AUTO_JSON nan = json_object_new_double((double)NAN);
	AUTO_JSON infinite = json_object_new_double((double)INFINITY);
	AUTO_BUF out = BUF_INIT;

	unit_fails(value_encode(nan, type, &out), ERR_PROTOCOL, "not finite");
	unit_fails(value_encode(infinite, type, &out), ERR_PROTOCOL, "not finite");
}
END_TEST

/* n bytes or elements, and how a string, a list and a map of them begin. */
static void length(size_t n, const char *const *heads)
{
	AUTO_STR text = xcalloc(n + 1, 1);
	AUTO_JSON list = json_object_new_array();
	AUTO_JSON map = json_object_new_object();

	memset(text, 'x', n);
	for (size_t i = 0; i < n; i++) {
		AUTO_STR key = xasprintf("%zu", i);

		json_object_array_add(list, json_object_new_boolean(true));
		json_set(map, key, json_object_new_int64((int64_t)i));
	}
	AUTO_JSON string = json_object_new_string(text);
	const struct {
		struct json_object *v;
		const char *type;
	} all[] = {
		{ string, "'string'" },
		{ list, "['list','bool']" },
		{ map, "['map','number']" },
	};
	for (size_t i = 0; i < COUNT(all); i++) {
		AUTO_STR hex = encoded(all[i].v, all[i].type);
		AUTO_JSON back = NULL;

		ck_assert_msg(strncmp(hex, heads[i], strlen(heads[i])) == 0, "%zu: %.10s not %s", n,
			      hex, heads[i]);
		unit_ok(decode(hex, all[i].type, &back));
		ck_assert(value_equal(back, all[i].v));
	}
}

/* On both sides of each form's limit. */
START_TEST(lengths)
{
	static const struct {
		size_t n;
		const char *heads[3];
	} all[] = {
		{ 0, { "a0", "90", "80" } },
		{ 15, { "af", "9f", "8f" } },
		{ 16, { "b0", "dc0010", "de0010" } },
		{ 31, { "bf", "dc001f", "de001f" } },
		{ 32, { "d920", "dc0020", "de0020" } },
		{ 255, { "d9ff", "dc00ff", "de00ff" } },
		{ 256, { "da0100", "dc0100", "de0100" } },
		{ 65535, { "daffff", "dcffff", "deffff" } },
		{ 65536, { "db00010000", "dd00010000", "df00010000" } },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		length(all[i].n, all[i].heads);
}
END_TEST

static const struct {
	const char *type, *state, *text, *words;
} states[] = {
	{ "['object',{'a':'string','new':['list','string']}]", "{'old':1,'a':'x'}",
	  "{'a':'x','new':null}", NULL },
	{ "'string'", "null", "null", NULL },
	{ "'number'", "12345678901234567890123", "12345678901234567890123", NULL },
	{ "'number'", "-12345678901234567890123", "-12345678901234567890123", NULL },
	{ "'number'", "-9223372036854775808", "-9223372036854775808", NULL },
	{ "'number'", "9223372036854775808", "9223372036854775808", NULL },
	{ "'number'", "0.12345678901234567890123", "0.12345678901234567890123", NULL },
	{ "'number'", "1.0e1", "1.0e1", NULL },
	{ "'number'", "1e400", "1e400", NULL },
	{ "['list','number']", "[1, 2.50,\n 12345678901234567890]", "[1,2.50,12345678901234567890]",
	  NULL },
	{ "['map','string']", "{'1234567890123456789012':'\\'1234567890123456789012\\\\'}",
	  "{'1234567890123456789012':'\\'1234567890123456789012\\\\'}", NULL },
	{ "['set','bool']", "[true]", "[true]", NULL },
	{ "['tuple',['bool','string']]", "[true,'a']", "[true,'a']", NULL },
	{ "'dynamic'", "{'value':{'a':1},'type':['object',{'a':'number'}]}",
	  "{'type':['object',{'a':'number'}],'value':{'a':1}}", NULL },
	{ "'dynamic'", "{'value':{'a':1}}", NULL, "a value with its type is wanted" },
	{ "'dynamic'", "{'value':1,'type':'odd'}", NULL, "no type of Terraform's" },
	{ "'dynamic'", "[1]", NULL, "a value with its type is wanted" },
	{ "['object',{'n':['list','number']}]", "{'n':[1,'2']}", NULL,
	  "n[1]: a number is wanted, not a string" },
	{ "['map','bool']", "{'a':1}", NULL, "[\"a\"]: a boolean is wanted, not an integer" },
	{ "['map','bool']", "[]", NULL, "a map is wanted, not a list" },
	{ "['object',{}]", "[]", NULL, "an object is wanted, not a list" },
	{ "['list','bool']", "{}", NULL, "a list is wanted, not a dictionary" },
	{ "['tuple',[]]", "[1]", NULL, "a tuple of 0 elements is wanted, not of 1" },
	{ "'number'", "1e99999999", NULL, "a number beyond measure" },
	{ "'number'", "--1", NULL, "no JSON" },
	{ "'string'", "{", NULL, "no JSON" },
	{ "'string'", "", NULL, "no JSON" },
	{ "'odd'", "1", NULL, "no type of Terraform's" },
};

static void from_state(size_t n)
{
	AUTO_JSON type = unit_json(states[n].type);
	AUTO_JSON v = NULL;
	AUTO_STR json = xstrdup(states[n].state);
	struct err *e;

	for (char *p = json; *p; p++)
		if (*p == '\'')
			*p = '"';
	e = value_from_state(json, strlen(json), type, &v);
	if (states[n].words) {
		unit_fails(e, ERR_PROTOCOL, states[n].words);
		ck_assert_ptr_null(v);
		return;
	}
	unit_ok(e);
	same(v, states[n].text);
}

START_TEST(values_from_states)
{
	for (size_t i = 0; i < COUNT(states); i++)
		from_state(i);
}
END_TEST

START_TEST(states_of_old)
{
	Tf__RawState__FlatmapEntry entry = TF__RAW_STATE__FLATMAP_ENTRY__INIT;
	Tf__RawState__FlatmapEntry *entries[] = { &entry };
	Tf__RawState old = TF__RAW_STATE__INIT;
	AUTO_JSON type = unit_json("'string'");
	struct json_object *v = NULL;

	unit_ok(message_state(&old, type, &v));
	ck_assert_ptr_null(v);
	old.flatmap = entries;
	old.n_flatmap = 1;
	unit_fails(message_state(&old, type, &v), ERR_PROTOCOL, "Terraform 0.11");
	unit_fails(value_from_state("1\0002", 3, type, &v), ERR_PROTOCOL, "NUL");
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal;
} pairs[] = {
	{ "1", "1", true },
	{ "1", "1.0", true },
	{ "0.1", "1e-1", true },
	{ "0.10", "0.1", true },
	{ "-0", "0.0", true },
	{ "100", "1e2", true },
	{ "12345678901234567890", "12345678901234567891.0", false },
	{ "1.00000000000000000001", "1", false },
	{ "-1", "1", false },
	{ "1e400", "1e401", false },
	{ "1", "'1'", false },
	{ "null", "''", false },
	{ "null", "null", true },
	{ "'a\\u0000b'", "'a\\u0000c'", false },
	{ "[1,2]", "[2,1]", false },
	{ "[1,2]", "[1]", false },
	{ "[]", "{}", false },
	{ "{'a':1,'b':2}", "{'b':2.0,'a':1}", true },
	{ "{'a':1}", "{'b':1}", false },
	{ "{'a':null}", "{}", false },
	{ "true", "false", false },
};

static void compare(size_t n)
{
	AUTO_JSON a = unit_json(pairs[n].a);
	AUTO_JSON b = unit_json(pairs[n].b);

	ck_assert_msg(value_equal(a, b) == pairs[n].equal, "%s %s", pairs[n].a, pairs[n].b);
	ck_assert(value_equal(b, a) == pairs[n].equal);
}

START_TEST(equality)
{
	for (size_t i = 0; i < COUNT(pairs); i++)
		compare(i);
}
END_TEST

START_TEST(equality_of_doubles)
{
	AUTO_JSON plain = json_object_new_double(0.1);
	AUTO_JSON text = unit_json("0.1");
	AUTO_JSON longer = unit_json("0.1000000000000000055");
	AUTO_JSON big = json_object_new_double(1e22);
	AUTO_JSON digits = unit_json("1.0e22");

	ck_assert(value_equal(plain, text));
	ck_assert(!value_equal(plain, longer));
	ck_assert(value_equal(big, digits));
}
END_TEST

START_TEST(calls)
{
	struct call c;

	unit_fails(call_open("NoSuch", NULL, 0, &c), ERR_NOT_FOUND, "NoSuch");
	call_close(&c, NULL);
	unit_fails(call_open("ReadResource", (const uint8_t *)"\x0a\x05", 2, &c), ERR_PROTOCOL,
		   "ReadResource: its request of 2 bytes makes no sense");
	call_close(&c, NULL);
	/* Fields of a newer Terraform are none of ours. */
	unit_ok(call_open("ReadResource", (const uint8_t *)"\x0a\x01x\xf2\x06\x02hi", 8, &c));
	ck_assert_str_eq(((const Tf__ReadResource__Request *)c.in)->type_name, "x");
	ck_assert_ptr_null(((const Tf__ReadResource__Request *)c.in)->current_state);
	call_close(&c, NULL);
	unit_ok(call_open("StopProvider", NULL, 0, &c));
	call_close(&c, NULL);
}
END_TEST

static const struct {
	const char *text, *hex;
} paths[] = {
	{ "name", "0a06 0a046e616d65" },
	{ "port[1].number", "0a06 0a04706f7274 0a02 1801 0a08 0a066e756d626572" },
	{ "list[0]", "0a06 0a046c697374 0a02 1800" }, /* 0 is sent */
	{ "tags[\"a.b\"]", "0a06 0a0474616773 0a05 1203612e62" },
	{ "t[\"a\\\"]\"]", "0a03 0a0174 0a05 1203 61225d" },
	{ "a.b", "0a03 0a0161 0a03 0a0162" },
	{ "a[0][\"b\"].c", "0a03 0a0161 0a02 1800 0a03 120162 0a03 0a0163" },
	{ "", NULL },
	{ "a.", NULL },
	{ ".a", NULL },
	{ "a..b", NULL },
	{ "a[", NULL },
	{ "a[]", NULL },
	{ "a[1", NULL },
	{ "a[x]", NULL },
	{ "a[\"", NULL },
	{ "a[\"b", NULL },
	{ "a[\"b\"", NULL },
	{ "a[0]b", NULL },
	{ "a[\"\\", NULL },
	{ "\xff", NULL },
};

static void path_of_text(size_t n)
{
	AUTO_ARENA mem = ARENA_INIT;
	Tf__AttributePath *path = message_path(&mem, paths[n].text);
	AUTO_BUF want = BUF_INIT;

	if (!paths[n].hex) {
		ck_assert_msg(!path, "%s", paths[n].text);
		return;
	}
	ck_assert_ptr_nonnull(path);
	unhex(paths[n].hex, &want);
	uint8_t *got = arena_new(&mem, tf__attribute_path__get_packed_size(path));
	const size_t len = tf__attribute_path__pack(path, got);
	ck_assert_uint_eq(len, want.len);
	ck_assert_mem_eq(got, want.s, len);
}

START_TEST(paths_of_text)
{
	for (size_t i = 0; i < COUNT(paths); i++)
		path_of_text(i);
}
END_TEST

/* An answer with all that answers have; the bytes follow from the numbers of the fields. */
START_TEST(answers)
{
	struct call c;
	AUTO_BUF reply = BUF_INIT;
	AUTO_JSON v = unit_json("true");
	AUTO_JSON type = unit_json("'bool'");
	Tf__PlanResourceChange__Response *out;
	struct diags d = { .mem = &c.mem };

	unit_ok(call_open("PlanResourceChange", NULL, 0, &c));
	out = c.out;
	unit_ok(message_dynamic(&c.mem, v, type, &out->planned_state));
	out->requires_replace = arena_append(&c.mem, out->requires_replace,
					     &out->n_requires_replace, message_path(&c.mem, "a"));
	out->planned_private = arena_bytes(&c.mem, "p", 1);
	diags_add(&d, DIAG_WARNING, NULL, "s", "%s", "d");
	ck_assert(!diags_failed(&d));
	diags_err(&d, "t", NULL);
	ck_assert_uint_eq(d.n, 1);
	diags_err(&d, "t", err_at(err_new(ERR_USAGE, "cut \xc3."), "a"));
	ck_assert(diags_failed(&d));
	out->diagnostics = d.list;
	out->n_diagnostics = d.n;
	call_close(&c, &reply);
	AUTO_STR hex = hex_of(reply.s, reply.len);
	ck_assert_str_eq(hex, "0a030a01c3"
			      "12050a030a0161"
			      "1a0170"
			      "22080802120173"
			      "1a0164"
			      "221408011201741a06637574203f2e22050a030a0161");
}
END_TEST

/* 0 is the first argument, and not the same as none. */
START_TEST(function_errors)
{
	struct call c;
	AUTO_BUF reply = BUF_INIT;
	Tf__CallFunction__Response *out;
	Tf__FunctionError error = TF__FUNCTION_ERROR__INIT;

	unit_ok(call_open("CallFunction", NULL, 0, &c));
	out = c.out;
	error.text = arena_str(&c.mem, "x");
	error.argument_case = TF__FUNCTION_ERROR__ARGUMENT_FUNCTION_ARGUMENT;
	out->error = &error;
	call_close(&c, &reply);
	AUTO_STR hex = hex_of(reply.s, reply.len);
	ck_assert_str_eq(hex, "12050a01781000");
}
END_TEST

START_TEST(arenas)
{
	AUTO_ARENA mem = ARENA_INIT;
	ProtobufCAllocator *alloc = arena_alloc(&mem);
	void **list = NULL;
	size_t n = 0;

	for (uintptr_t i = 0; i < 1000; i++) {
		char *p = arena_new(&mem, i);

		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		for (size_t k = 0; k < i; k++)
			ck_assert_int_eq(p[k], 0);
		memset(p, 'x', i);
		list = arena_append(&mem, list, &n, p);
	}
	ck_assert_uint_eq(n, 1000);
	for (size_t i = 1; i < n; i++)
		ck_assert_int_eq(((char *)list[i])[i - 1], 'x');
	ck_assert_ptr_nonnull(alloc->alloc(alloc->allocator_data, 1));
	ck_assert_ptr_null(alloc->alloc(alloc->allocator_data, ARENA_UNPACK_BYTES));
}
END_TEST

/* Every cut of every request is refused or read, and nothing else. */
START_TEST(requests_cut_off)
{
	FILE *f = fopen(RECORDED, "r");
	struct line l;

	ck_assert_ptr_nonnull(f);
	while (next_line(f, &l)) {
		for (size_t len = 0; len < l.bytes.len; len++) {
			struct call c;
			uint8_t *exact = xcalloc(len + !len, 1);

			memcpy(exact, l.bytes.s, len);
			AUTO_ERR e = call_open(l.method, exact, len, &c);
			if (e)
				ck_assert_int_eq(e->kind, ERR_PROTOCOL);
			else
				ck_assert_ptr_nonnull(c.out);
			call_close(&c, NULL);
			free(exact);
		}
		buf_release(&l.bytes);
	}
	(void)fclose(f);
}
END_TEST

UNIT_MAIN("protocol", values_both_ways, values_refused, caps, requests_are_as_they_were,
	  recorded_configuration, recorded_plan, recorded_state, recorded_function, unknowns,
	  values_sent, numbers_that_are_none_are_not_sent, lengths, values_from_states,
	  states_of_old, equality, equality_of_doubles, calls, paths_of_text, answers,
	  function_errors, arenas, requests_cut_off)
