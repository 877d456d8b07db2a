/* Options as users write them -> typed values, and what is said when they are wrong. */
#include "args.h"
#include "text.h"
#include "unit.h"

static const struct attr address[] = {
	{ "ip", STR, REQUIRED, "An address." },
	{ "port", INT, 0, "A port.", .value = "80" },
	{ "kind", STR, 0, "A kind.", .choices = "a b" },
	{ 0 },
};
static const struct attr attrs[] = {
	{ "name", STR, REQUIRED, "A name.", .aliases = "title label" },
	{ "flag", BOOL, 0, "A flag." },
	{ "count", INT, 0, "A count." },
	{ "ratio", FLOAT, 0, "A ratio." },
	{ "words", LIST, 0, "Words." },
	{ "numbers", SET, 0, "Numbers.", .elem = INT },
	{ "colours", LIST, 0, "Colours.", .choices = "red green" },
	{ "map", MAP, 0, "A map." },
	{ "one", OBJ, 0, "An address.", .sub = address },
	{ "many", LIST, 0, "Addresses.", .sub = address },
	{ "dicts", LIST, 0, "Maps.", .elem = MAP },
	{ "any", RAW, 0, "Anything." },
	{ "level", STR, 0, "A level.", .choices = "low high", .value = "\"low\"" },
	{ "size", INT, 0, "A size.", .choices = "1 2" },
	{ "secret", INT, SECRET, "A secret." },
	{ "id", STR, READONLY, "The ID." },
	{ "shown_as", STR, 0, "Called otherwise.", .option = "called" },
	{ "zone", STR, 0, "A zone.", .states = "present" },
	{ "hooked", STR, INTERNAL, "No option." },
	{ "guess", BOOL, ASSUMED, "Not said, not sent.", .value = "true" },
	{ 0 },
};
static const struct attr common[] = {
	{ "state", STR, OPTION, "A state.", .value = "\"present\"", .choices = "present absent" },
	{ 0 },
};
static const struct attr *const tables[] = { attrs, common, NULL };

static struct err *check_with(const struct rule *rules, bool partial, const char *given,
			      struct json_object **ret)
{
	static const struct rule none[] = { { 0 } };
	const struct rule *const sets[] = { rules ? rules : none, NULL };
	const struct args_spec spec = { "m", tables, sets, partial };
	AUTO_JSON g = unit_json(given);

	return args_check(&spec, g, ret);
}

/* What is given besides what must be, and what comes out of it besides the defaults. */
static struct err *check(const char *given, struct json_object **ret)
{
	AUTO_STR all = xasprintf("{'name':'n','state':'absent'%s%s}", *given ? "," : "", given);
	struct err *e = check_with(NULL, false, all, ret);

	if (!e) {
		json_object_object_del(*ret, "name");
		json_object_object_del(*ret, "state");
		if (json_is_str(json_at(*ret, "level"), "low"))
			json_object_object_del(*ret, "level");
	}
	return e;
}

static const char *const good[][2] = {
	{ "", "{}" },
	{ "'flag':'yes'", "{'flag':true}" },
	{ "'flag':'On'", "{'flag':true}" },
	{ "'flag':1", "{'flag':true}" },
	{ "'flag':'1'", "{'flag':true}" },
	{ "'flag':' true '", "{'flag':true}" },
	{ "'flag':'N'", "{'flag':false}" },
	{ "'flag':0", "{'flag':false}" },
	{ "'flag':0.0", "{'flag':false}" },
	{ "'flag':null", "{}" },
	{ "'count':'42'", "{'count':42}" },
	{ "'count':' 42 '", "{'count':42}" },
	{ "'count':-1", "{'count':-1}" },
	{ "'count':7.0", "{'count':7}" },
	{ "'count':0", "{'count':0}" },
	{ "'ratio':'1.5'", "{'ratio':1.5}" },
	{ "'ratio':2", "{'ratio':2}" },
	{ "'words':'a,b'", "{'words':['a','b']}" },
	{ "'words':''", "{'words':['']}" },
	{ "'words':[]", "{'words':[]}" },
	{ "'words':7", "{'words':['7']}" },
	{ "'words':[1,true,'x']", "{'words':['1','True','x']}" },
	{ "'numbers':'1,2'", "{'numbers':[1,2]}" },
	{ "'numbers':['1',2]", "{'numbers':[1,2]}" },
	{ "'colours':['red']", "{'colours':['red']}" },
	{ "'map':{'a':1}", "{'map':{'a':1}}" },
	{ "'map':'a=1 b=c'", "{'map':{'a':'1','b':'c'}}" },
	{ "'map':'a=1, b=c'", "{'map':{'a':'1','b':'c'}}" },
	{ "'map':{}", "{'map':{}}" },
	{ "'one':{'ip':'::'}", "{'one':{'ip':'::','port':80}}" },
	{ "'one':'ip=x port=1'", "{'one':{'ip':'x','port':1}}" },
	{ "'one':{'ip':'x','port':null}", "{'one':{'ip':'x','port':80}}" },
	{ "'many':[{'ip':'x'},{'ip':'y','kind':'b'}]",
	  "{'many':[{'ip':'x','port':80},{'ip':'y','port':80,'kind':'b'}]}" },
	{ "'dicts':[{'a':{'b':1}}]", "{'dicts':[{'a':{'b':1}}]}" },
	{ "'any':[1,{'x':null}]", "{'any':[1,{'x':null}]}" },
	{ "'any':false", "{'any':false}" },
	{ "'level':'high'", "{'level':'high'}" },
	{ "'size':'2'", "{'size':2}" },
	{ "'called':'x'", "{'shown_as':'x'}" },
	{ "'guess':false", "{'guess':false}" },
	{ "'_ansible_check_mode':true", "{}" },
};

START_TEST(converts)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		AUTO_JSON got = NULL;

		unit_ok(check(good[i][0], &got));
		unit_same(got, good[i][1]);
	}
}
END_TEST

static const char *const bad[][2] = {
	{ "'flag':'maybe'",
	  "argument 'flag' is of type str and we were unable to convert to bool" },
	{ "'flag':''", "'flag'" },
	{ "'flag':2", "'flag'" },
	{ "'flag':[]", "'flag' is of type list" },
	{ "'flag':{}", "'flag' is of type dict" },
	{ "'count':'x'", "'count' is of type str and we were unable to convert to int" },
	{ "'count':''", "'count'" },
	{ "'count':'  '", "'count'" },
	{ "'count':1.5", "'count' is of type float" },
	{ "'count':1e300", "'count'" },
	{ "'count':'99999999999999999999'", "'count'" },
	{ "'count':'0x10'", "'count'" },
	{ "'count':[]", "'count'" },
	{ "'ratio':'x'", "'ratio'" },
	{ "'ratio':'nan'", "'ratio'" },
	{ "'ratio':'inf'", "'ratio'" },
	{ "'ratio':''", "'ratio'" },
	{ "'ratio':' '", "'ratio'" },
	{ "'ratio':true", "'ratio'" },
	{ "'words':{}", "'words' is of type dict" },
	{ "'words':true", "'words' is of type bool" },
	{ "'words':[null]", "words[0]" },
	{ "'numbers':['1','x']", "numbers[1]" },
	{ "'colours':['red','blue']", "value of colours[1] must be one of: red, green, got: blue" },
	{ "'map':'x'", "'map'" },
	{ "'map':[]", "'map'" },
	{ "'map':'{'", "'map'" },
	{ "'map':'{}{}'", "'map'" },
	{ "'one':{}", "missing required arguments: ip found in one" },
	{ "'one':{'ip':null}", "missing required arguments: ip found in one" },
	{ "'one':{'ip':'x','prot':1}",
	  "Unsupported parameters for one: prot. Did you mean 'port'?" },
	{ "'one':{'ip':'x','port':'y'}", "'one.port'" },
	{ "'many':[{'ip':'x'},{}]", "ip found in many[1]" },
	{ "'many':['x']", "many[0]" },
	{ "'many':[{'ip':'x','kind':'c'}]", "value of many[0].kind must be one of: a, b, got: c" },
	{ "'dicts':[1]", "dicts[0]" },
	{ "'level':'mid'", "value of level must be one of: low, high, got: mid" },
	{ "'level':''", "value of level" },
	{ "'size':3", "value of size must be one of: 1, 2, got: 3" },
	{ "'id':'x'", "Unsupported parameters for (m) module: id." },
	{ "'hooked':'x'", "Unsupported parameters for (m) module: hooked." },
	{ "'shown_as':'x'", "Unsupported parameters for (m) module: shown_as." },
	{ "'wrods':'a'",
	  "Did you mean 'words'? Supported parameters include: name (title, label), flag," },
};

START_TEST(refuses)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		AUTO_JSON got = NULL;
		struct err *e = check(bad[i][0], &got);

		ck_assert_msg(e, "taken: %s", bad[i][0]);
		ck_assert_ptr_nonnull(e->at);
		unit_fails(e, ERR_USAGE, bad[i][1]);
	}
}
END_TEST

START_TEST(hides_secrets)
{
	AUTO_JSON got = NULL;
	struct err *e = check("'secret':'hunter2'", &got);

	ck_assert_ptr_nonnull(e);
	ck_assert_ptr_null(strstr(e->text, "hunter2"));
	unit_fails(e, ERR_USAGE, "'secret'");
}
END_TEST

static bool is_utf8(const char *s)
{
	AUTO_JSON v = json_object_new_string(s);
	const char *text = json_object_to_json_string(v);
	struct json_object *again = NULL;
	AUTO_ERR e = json_parse(text, strlen(text), &again);

	json_object_put(again);
	return !e;
}

START_TEST(cuts_long_values_between_characters)
{
	for (int pad = 0; pad < 4; pad++) {
		AUTO_BUF text = BUF_INIT;
		AUTO_JSON got = NULL;
		struct err *e;

		buf_addf(&text, "'%.*scount':'", pad % 2, "x");
		for (int i = 0; i < pad; i++)
			buf_adds(&text, "-");
		for (int i = 0; i < 300; i++)
			buf_adds(&text, "\xe2\x82\xac");
		buf_adds(&text, "'");
		e = check(text.s, &got);
		ck_assert_ptr_nonnull(e);
		ck_assert_uint_lt(strlen(e->text), 1000);
		ck_assert_msg(is_utf8(e->text), "%s", e->text);
		err_free(e);
		buf_wipe(&text);
		buf_addf(&text, "'%.*s", pad, "xxxx");
		for (int i = 0; i < 300; i++)
			buf_adds(&text, "\xe2\x82\xac");
		buf_adds(&text, "':1");
		e = check(text.s, &got);
		ck_assert_ptr_nonnull(e);
		ck_assert_msg(is_utf8(e->text), "%s", e->text);
		err_free(e);
	}
}
END_TEST

START_TEST(names_and_aliases)
{
	AUTO_JSON got = NULL;

	unit_ok(check_with(NULL, false, "{'label':'x','state':'absent'}", &got));
	ck_assert_str_eq(json_str(got, "name"), "x");
	json_object_put(TAKE(got));
	/* The name itself wins, unless it says nothing. */
	unit_ok(check_with(NULL, false, "{'label':'x','name':'y','state':'absent'}", &got));
	ck_assert_str_eq(json_str(got, "name"), "y");
	json_object_put(TAKE(got));
	unit_ok(check_with(NULL, false, "{'label':'x','name':null,'state':'absent'}", &got));
	ck_assert_str_eq(json_str(got, "name"), "x");
	ck_assert(!json_has(got, "zone"));
}
END_TEST

START_TEST(required)
{
	AUTO_JSON got = NULL;

	unit_fails(check_with(NULL, false, "{'state':'absent'}", &got), ERR_USAGE,
		   "missing required arguments: name");
	unit_fails(check_with(NULL, false, "{'name':null}", &got), ERR_USAGE,
		   "missing required arguments: name");
	unit_fails(check_with(NULL, false, "{'name':'x'}", &got), ERR_USAGE,
		   "state is present but all of the following are missing: zone");
	unit_fails(check_with(NULL, false, "[]", &got), ERR_USAGE, "a list");
	unit_fails(check_with(NULL, false, "null", &got), ERR_USAGE, "null");
	ck_assert_ptr_null(got);
	unit_ok(check_with(NULL, true, "{'count':'3'}", &got));
	ck_assert_int_eq(json_int(got, "count", 0), 3);
}
END_TEST

START_TEST(shares_nothing_with_what_was_given)
{
	/* Items of one task take their defaults from one object, and then go to threads. */
	static const struct rule none[] = { { 0 } };
	const struct rule *const sets[] = { none, NULL };
	const struct args_spec spec = { "m", tables, sets, false };
	AUTO_JSON given =
		unit_json("{'name':'n','state':'absent','numbers':[1,2],'dicts':[{'a':1}],"
			  "'any':[{}],'map':{'x':{}},'ratio':2.5,'many':[{'ip':'x'}]}");
	AUTO_JSON got = NULL;

	unit_ok(args_check(&spec, given, &got));
	ck_assert_ptr_ne(json_nth(json_at(got, "numbers"), 0),
			 json_nth(json_at(given, "numbers"), 0));
	ck_assert_ptr_ne(json_nth(json_at(got, "dicts"), 0), json_nth(json_at(given, "dicts"), 0));
	ck_assert_ptr_ne(json_at(got, "any"), json_at(given, "any"));
	ck_assert_ptr_ne(json_at(got, "map.x"), json_at(given, "map.x"));
	ck_assert_ptr_ne(json_at(got, "ratio"), json_at(given, "ratio"));
}
END_TEST

static const struct {
	struct rule rule;
	const char *given, *words;
} rules[] = {
	{ { EXCLUSIVE, "flag count" }, "{'flag':true}", NULL },
	{ { EXCLUSIVE, "flag count" }, "{'flag':true,'count':null}", NULL },
	{ { EXCLUSIVE, "flag count" },
	  "{'flag':false,'count':1}",
	  "mutually exclusive: flag|count" },
	{ { EXCLUSIVE, "flag level" }, "{'flag':true}", NULL }, /* a default is nothing given */
	{ { EXCLUSIVE, "name flag" },
	  "{'label':'a','flag':true}",
	  "mutually exclusive: name|flag" },
	{ { TOGETHER, "flag count" }, "{}", NULL },
	{ { TOGETHER, "flag count" }, "{'flag':true,'count':1}", NULL },
	{ { TOGETHER, "flag count" }, "{'flag':true}", "required together: flag" },
	{ { ONE_OF, "flag count" }, "{'count':0}", NULL },
	{ { ONE_OF, "flag count" }, "{}", "one of the following is required: flag, count" },
	{ { NEEDS_ALL, "flag count", "state=absent" },
	  "{}",
	  "state is absent but all of the following are missing: flag, count" },
	{ { NEEDS_ALL, "flag count", "state=absent" }, "{'flag':true}", "missing: count" },
	{ { NEEDS_ALL, "flag count", "state=present" }, "{}", NULL },
	{ { NEEDS_ALL, "flag", "count" },
	  "{'count':1}",
	  "count is given but all of the following" },
	{ { NEEDS_ALL, "flag", "count" }, "{}", NULL },
	{ { NEEDS_ALL, "flag", "called=x" }, "{'called':'x'}", "called is x but all" },
	{ { NEEDS_ALL, "flag", "called=x" }, "{'called':'y'}", NULL },
	{ { NEEDS_ALL, "flag", "called=x" }, "{}", NULL },
	{ { NEEDS_ONE, "flag count", "state=absent" }, "{'count':1}", NULL },
	{ { NEEDS_ONE, "flag count", "state=absent" },
	  "{}",
	  "any of the following are missing: flag, count" },
};

START_TEST(relations)
{
	for (size_t i = 0; i < COUNT(rules); i++) {
		const struct rule set[] = { rules[i].rule, { 0 } };
		AUTO_STR given =
			xasprintf("{'name':'n','state':'absent'%s%s",
				  strlen(rules[i].given) > 2 ? "," : "", rules[i].given + 1);
		AUTO_JSON got = NULL;
		struct err *e;

		if (strstr(given, "label"))
			memcpy(strstr(given, "name"), "zone", 4);
		e = check_with(set, false, given, &got);
		if (rules[i].words)
			unit_fails(e, ERR_USAGE, rules[i].words);
		else
			unit_ok(e);
	}
}
END_TEST

START_TEST(partial_has_no_rules)
{
	static const struct rule set[] = { { ONE_OF, "flag count" }, { 0 } };
	AUTO_JSON got = NULL;

	unit_ok(check_with(set, true, "{}", &got));
}
END_TEST

UNIT_MAIN("args", converts, refuses, hides_secrets, cuts_long_values_between_characters,
	  names_and_aliases, required, shares_nothing_with_what_was_given, relations,
	  partial_has_no_rules)
