/* The engine on tables of its own: compare, plan, find, apply. */
#include "cloud.h"
#include "resource.h"
#include "script.h"
#include "unit.h"

/* ---- made-up resources ---- */

static struct err *set_labels(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/labels", op->id);
	AUTO_JSON body = json_wrap("labels", json_copy(value));

	op->stale = true;
	(void)a;
	return op_call(op, "PUT", tail, body, NULL);
}

static const struct attr shelf_attrs[] = {
	{ "name", STR, REQUIRED, "Name." },
	{ "id", STR, READONLY, "ID." },
	{ "project_id", STR, READONLY, "Project." },
	{ 0 },
};
static const struct resource shelf = {
	.name = "shelf",
	.doc = "A shelf.",
	.service = "test",
	.path = "/v1/shelves",
	.key = "shelf",
	.keys = "shelves",
	.update = "PUT",
	.attrs = shelf_attrs,
};

static const struct attr box_attrs[] = {
	{ "name", STR, REQUIRED, "Name." },
	{ "size", INT, 0, "Size." },
	{ "colour", STR, REPLACES, "Colour." },
	{ "note", STR, CREATE, "Sent once." },
	{ "zone", STR, FIXED, "Where." },
	{ "labels", SET, 0, "Labels.", .set = set_labels },
	{ "meta", MAP, MERGE, "Data." },
	{ "secret", STR, SECRET, "Secret." },
	{ "shelf_id", STR, 0, "Shelf.", .option = "shelf", .ref = &shelf },
	{ "id", STR, READONLY, "ID." },
	{ "status", STR, READONLY, "State." },
	{ "fault", MAP, READONLY | HIDDEN, "Fault." },
	{ 0 },
};
static const struct resource box = {
	.name = "box",
	.doc = "A box.",
	.service = "test",
	.path = "/v1/boxes",
	.key = "box",
	.keys = "boxes",
	.update = "PUT",
	.flags = POLL_DELETE,
	.attrs = box_attrs,
	.wait = { "status", "ACTIVE", "ERROR", .fault = "fault.message" },
};

/* Many at once, with nothing to wait for. */
static const struct attr coin_attrs[] = {
	{ "name", STR, REQUIRED, "Name." },
	{ "shelf_id", STR, IDENTITY, "Shelf.", .option = "shelf", .ref = &shelf },
	{ "size", INT, 0, "Size." },
	{ "labels", SET, 0, "Labels.", .set = set_labels },
	{ "id", STR, READONLY, "ID." },
	{ 0 },
};
static const struct resource coin = {
	.name = "coin",
	.doc = "A coin.",
	.service = "test",
	.path = "/v1/coins",
	.key = "coin",
	.keys = "coins",
	.update = "PUT",
	.flags = BULK,
	.attrs = coin_attrs,
};

/* Known by what it is, not by a name. */
static const struct attr rule_attrs[] = {
	{ "shelf_id", STR, REQUIRED | IDENTITY, "Shelf.", .option = "shelf", .ref = &shelf },
	{ "side", STR, IDENTITY, "Side." },
	{ "port", INT, IDENTITY, "Port." },
	{ "id", STR, READONLY, "ID." },
	{ 0 },
};
static const struct resource rule = {
	.name = "rule",
	.doc = "A rule.",
	.service = "test",
	.path = "/v1/rules",
	.key = "rule",
	.keys = "rules",
	.flags = BULK | NO_NAME | REPLACE_OK,
	.attrs = rule_attrs,
};

static struct err *labels_of(struct cloud *c, struct cloud_call *q, bool *done)
{
	(void)c;
	if (strcmp(q->sub, "labels") != 0 || !q->object)
		return NULL;
	*done = true;
	json_set(q->object, "labels", json_copy(json_at(q->body, "labels")));
	return NULL;
}

static const struct cloud_kind kinds[] = {
	{ "test", "/v1/shelves", "shelf", "shelves",
	  .fields = "{'project_id':'11111111111111111111111111111111'}" },
	{ "test", "/v1/boxes", "box", "boxes", KIND_SLOW_DELETE,
	  .fields =
		  "{'labels':[],'meta':{},'colour':'red','size':1,'zone':'z','secret':null,'shelf_id':null}",
	  .status = "status", .states = "BUILD BUILD ACTIVE", .refs = "shelf_id=/v1/shelves!",
	  .special = labels_of },
	{ "test", "/v1/coins", "coin", "coins", KIND_BULK,
	  .fields = "{'labels':[],'size':1,'shelf_id':null}", .refs = "shelf_id=/v1/shelves!",
	  .special = labels_of },
	{ "test", "/v1/rules", "rule", "rules", KIND_BULK,
	  .fields = "{'side':null,'port':null,'shelf_id':null}", .refs = "shelf_id=/v1/shelves!" },
	{ 0 },
};
static const char seed[] = "{'/v1/shelves':[{'id':'s1','name':'top'},{'id':'s2','name':'low'}]}";

/* ---- running ---- */

enum { MOST = 320, WIDTH = 8 };
enum how { CHECK = 1, NO_WAIT = 2, REPLACE = 4 };

/* Ops on one resource, their results, and how to get rid of them. */
struct run {
	struct op ops[MOST];
	struct outcome outs[MOST];
	struct err *errs[MOST];
	size_t n;
};

static void run_release(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		json_object_put(r->ops[i].want);
		outcome_release(&r->outs[i]);
		err_free(r->errs[i]);
	}
	memset(r, 0, sizeof(*r));
}

static void run_add(struct run *r, struct api *api, const struct resource *res, const char *state,
		    struct json_object *want, int how)
{
	r->ops[r->n] = (struct op){ .api = api,
				    .r = res,
				    .state = state,
				    .want = want,
				    .check = how & CHECK,
				    .wait = !(how & NO_WAIT),
				    .allow_replace = how & REPLACE,
				    .out = &r->outs[r->n] };
	r->n++;
}

static void run_all(struct run *r)
{
	resource_apply(r->ops, r->n, WIDTH, r->errs);
}

static struct run one;

/* Runs a single op; what came of it is in `one` until the next. The error is the caller's. */
static struct err *apply(struct api *api, const struct resource *res, const char *state,
			 const char *want, int how)
{
	run_release(&one);
	run_add(&one, api, res, state, unit_json(want), how);
	run_all(&one);
	return TAKE(one.errs[0]);
}

#define assert_action(want) ck_assert_str_eq(action_name(one.outs[0].plan.action), want)

/* Runs it, checks what is planned, and that check mode had said the same. */
static void makes(struct cloud *c, const struct resource *r, const char *state, const char *want,
		  const char *action)
{
	const bool changes = strcmp(action, "none") != 0;
	const int before = cloud_writes(c);
	AUTO_JSON planned = NULL;

	unit_ok(apply(cloud_api(c), r, state, want, CHECK | REPLACE));
	assert_action(action);
	ck_assert_int_eq(cloud_writes(c), before);
	ck_assert_int_eq(one.outs[0].changed, changes);
	planned = json_copy(one.outs[0].plan.changes);
	unit_ok(apply(cloud_api(c), r, state, want, REPLACE));
	assert_action(action);
	ck_assert_int_eq(one.outs[0].changed, changes);
	ck_assert(json_object_equal(planned, one.outs[0].plan.changes));
	if (!changes)
		ck_assert_int_eq(cloud_writes(c), before);
}

/* ---- attr ---- */

static const struct attr pair_attrs[] = {
	{ "ip", STR, 0, "IP." },
	{ "n", INT, 0, "N.", .wire = "number" },
	{ 0 },
};

static const struct {
	struct attr a;
	const char *want, *have;
	bool equal;
} equals[] = {
	{ { "a", STR }, "'x'", "'x'", true },
	{ { "a", STR }, "'x'", "'y'", false },
	{ { "a", STR }, "''", "null", true },
	{ { "a", STR }, "'10'", "10", true },
	{ { "a", STR }, "'x'", "null", false },
	{ { "a", BOOL }, "false", "null", false },
	{ { "a", BOOL }, "true", "true", true },
	{ { "a", INT }, "0", "null", false },
	{ { "a", INT }, "5", "5.0", true },
	{ { "a", FLOAT }, "1.5", "1.5", true },
	{ { "a", FLOAT }, "1.5", "'1.5'", true },
	{ { "a", SET }, "['a','b']", "['b','a']", true },
	{ { "a", SET }, "['a','a']", "['a','b']", false },
	{ { "a", SET }, "[]", "null", true },
	{ { "a", SET }, "[]", "['a']", false },
	{ { "a", SET }, "['a']", "null", false },
	{ { "a", LIST }, "['a','b']", "['b','a']", false },
	{ { "a", LIST }, "['a','b']", "['a','b']", true },
	{ { "a", MAP }, "{'a':1}", "{'a':1,'b':2}", false },
	{ { "a", MAP }, "{'a':1,'b':2}", "{'a':1}", false },
	{ { "a", MAP }, "{'a':1}", "{'a':'1'}", true },
	{ { "a", MAP }, "{'a.b':1}", "{'a':{'b':1}}", false },
	{ { "a", MAP, MERGE }, "{'a':1}", "{'a':1,'b':2}", true },
	{ { "a", MAP, MERGE }, "{'c':1}", "{'a':1}", false },
	{ { "a", MAP, MERGE }, "{'c':null}", "{'a':1}", true },
	{ { "a", MAP, MERGE }, "{'a':null}", "{'a':1}", false },
	{ { "a", RAW }, "[1,{'a':2}]", "[1,{'a':2}]", true },
	{ { "a", OBJ, .sub = pair_attrs }, "{'ip':'x'}", "{'ip':'x','n':1}", true },
	{ { "a", OBJ, .sub = pair_attrs }, "{'ip':'x','n':2}", "{'ip':'x','n':1}", false },
	{ { "a", LIST, .sub = pair_attrs }, "[{'ip':'x'}]", "[{'ip':'x','n':1}]", true },
	{ { "a", SET, .sub = pair_attrs },
	  "[{'ip':'y'},{'ip':'x'}]",
	  "[{'ip':'x'},{'ip':'y','n':3}]",
	  true },
	/* One that is looser must not take the only one that fits another. */
	{ { "a", SET, .sub = pair_attrs },
	  "[{'ip':'x'},{'ip':'x','n':1}]",
	  "[{'ip':'x','n':1},{'ip':'x','n':2}]",
	  true },
};

START_TEST(attr_equality)
{
	for (size_t i = 0; i < COUNT(equals); i++) {
		AUTO_JSON want = unit_json(equals[i].want);
		AUTO_JSON have = unit_json(equals[i].have);

		ck_assert_msg(attr_equal(&equals[i].a, want, have) == equals[i].equal, "%s %s %s",
			      equals[i].want, equals[i].equal ? "==" : "!=", equals[i].have);
	}
}
END_TEST

static struct json_object *shout(struct json_object *v)
{
	AUTO_STR s = json_text(v);

	for (char *p = s; *p; p++)
		*p = *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
	return json_object_new_string(s);
}

static struct json_object *sum(struct json_object *wire)
{
	return json_object_new_int64(json_int(wire, "x", 0) + json_int(wire, "y", 0));
}

static const struct attr wired[] = {
	{ "name", STR, 0, "." },
	{ "external", BOOL, 0, ".", .wire = "router:external" },
	{ "image_id", STR, 0, ".", .wire = "imageRef", .read = "image.id" },
	{ "loud", STR, 0, ".", .encode = shout },
	{ "total", INT, READONLY, ".", .decode = sum },
	{ "pairs", LIST, 0, ".", .sub = pair_attrs },
	{ "pair", OBJ, 0, ".", .sub = pair_attrs },
	{ "labels", SET, 0, ".", .set = set_labels },
	{ "deep", BOOL, 0, ".", .wire = "options.deep" },
	{ "deeper", BOOL, 0, ".", .wire = "options.more.deeper" },
	{ "keep", BOOL, OPTION, "." },
	{ 0 },
};

START_TEST(attr_wire_forms)
{
	AUTO_JSON wire =
		unit_json("{'name':'n','router:external':true,'image':{'id':'i'},'x':1,'y':2,"
			  "'loud':'A','pairs':[{'ip':'a','number':1}],'pair':null,'more':1,"
			  "'options':{'deep':true}}");
	AUTO_JSON have = attrs_decode(wired, wire);
	AUTO_JSON want =
		unit_json("{'name':'n','external':false,'image_id':'i','loud':'abc','total':9,"
			  "'pairs':[{'ip':'a','n':1}],'pair':{'n':2},'labels':['a'],'keep':true,"
			  "'deep':false,'deeper':true}");
	AUTO_JSON changes = unit_json("{'external':{},'labels':{},'deeper':{}}");
	AUTO_JSON body = attrs_encode(wired, want, NULL);
	AUTO_JSON some = attrs_encode(wired, want, changes);

	unit_same(
		have,
		"{'name':'n','external':true,'image_id':'i','loud':'A','total':3,"
		"'pairs':[{'ip':'a','n':1}],'pair':null,'labels':null,'deep':true,'deeper':null}");
	unit_same(body, "{'name':'n','router:external':false,'imageRef':'i','loud':'ABC',"
			"'pairs':[{'ip':'a','number':1}],'pair':{'number':2},"
			"'options':{'deep':false,'more':{'deeper':true}}}");
	unit_same(some, "{'router:external':false,'options':{'more':{'deeper':true}}}");
}
END_TEST

START_TEST(attr_shown)
{
	AUTO_JSON o = unit_json("{'name':'n','secret':'x','fault':{'message':'m'},'own':1}");
	AUTO_JSON shown = attrs_public(box_attrs, o);
	AUTO_JSON null = attrs_public(box_attrs, NULL);
	AUTO_JSON none = unit_json("{'secret':null}");
	AUTO_JSON still_none = attrs_public(box_attrs, none);

	ck_assert(!json_has(shown, "fault"));
	ck_assert(!strstr(json_object_to_json_string(shown), "\"x\""));
	ck_assert_int_eq(json_int(shown, "own", 0), 1);
	ck_assert_ptr_null(null);
	unit_same(still_none, "{'secret':null}");
}
END_TEST

/* ---- plan ---- */

static const struct {
	const char *state, *want, *have, *action, *changes, *replaces;
} plans[] = {
	{ "present", "{'name':'a'}", "null", "created", "{'name':{'before':null,'after':'a'}}",
	  "[]" },
	{ "absent", "{'name':'a'}", "{'name':'a'}", "deleted", "{}", "[]" },
	{ "absent", "{'name':'a'}", "null", "none", "{}", "[]" },
	{ "present", "{'name':'a'}", "{'name':'a','size':3}", "none", "{}", "[]" },
	{ "present", "{'name':'a','size':4}", "{'name':'a','size':3}", "updated",
	  "{'size':{'before':3,'after':4}}", "[]" },
	{ "present", "{'name':'a','note':'x'}", "{'name':'a'}", "none", "{}", "[]" },
	{ "present", "{'colour':'red'}", "{'colour':'blue'}", "replaced",
	  "{'colour':{'before':'blue','after':'red'}}", "['colour']" },
	{ "present", "{'zone':'x','size':1}", "{'zone':'y','size':2}", "replaced",
	  "{'size':{'before':2,'after':1},'zone':{'before':'y','after':'x'}}", "['zone']" },
	{ "present", "{'secret':'new'}", "{'secret':'old'}", "updated",
	  "{'secret':{'before':'(hidden)','after':'(hidden)'}}", "[]" },
	{ "present", "{'secret':'new'}", "{'secret':null}", "updated",
	  "{'secret':{'before':null,'after':'(hidden)'}}", "[]" },
	{ "present", "{'meta':{'b':'2'}}", "{'meta':{'a':'1'}}", "updated",
	  "{'meta':{'before':{'a':'1'},'after':{'a':'1','b':'2'}}}", "[]" },
	{ "present", "{'id':'x','status':'y'}", "{'id':'z'}", "none", "{}", "[]" },
};

START_TEST(plan_pure)
{
	for (size_t i = 0; i < COUNT(plans); i++) {
		AUTO_JSON want = unit_json(plans[i].want);
		AUTO_JSON have = unit_json(plans[i].have);
		struct plan p = { 0 };

		plan_make(&box, plans[i].state, want, have, &p);
		ck_assert_str_eq(action_name(p.action), plans[i].action);
		unit_same(p.changes, plans[i].changes);
		unit_same(p.replaces, plans[i].replaces);
		plan_release(&p);
		unit_same(want, plans[i].want);
		unit_same(have, plans[i].have);
	}
}
END_TEST

START_TEST(plan_without_update)
{
	AUTO_JSON want = unit_json("{'port':2}");
	AUTO_JSON have = unit_json("{'port':1}");
	struct plan p = { 0 };

	plan_make(&rule, "present", want, have, &p);
	ck_assert_str_eq(action_name(p.action), "replaced");
	plan_release(&p);
}
END_TEST

/* ---- find ---- */

static struct script *scripted(const char *text)
{
	AUTO_STR s = xstrdup(text);

	for (char *p = s; *p; p++)
		if (*p == '\'')
			*p = '"';
	return script_new(s, strlen(s));
}

/* Ends the script; all of it must have been played. */
static void played(struct script *s)
{
	const char *problem = script_problem(s);

	ck_assert_msg(!problem, "%s", problem);
	script_free(s);
}

static const char *const pagings[] = {
	"> GET test /v1/shelves?name=a\n"
	"< 200 {'shelves':[{'id':'1','name':'a'}],'shelves_links':[{'rel':'previous','href':'x'},"
	"{'rel':'next','href':'http://h/p2'}]}\n"
	"> GET test http://h/p2\n< 200 {'shelves':[{'id':'2','name':'a'}]}\n",
	"> GET test /v1/shelves?name=a\n"
	"< 200 {'shelves':[{'id':'1'}],'links':{'self':'s','previous':null,'next':'http://h/p2'}}\n"
	"> GET test http://h/p2\n< 200 {'shelves':[{'id':'2'}],'links':{'next':null}}\n",
	"> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1'}],'next':'/v1/shelves?marker=1'}\n"
	"> GET test /v1/shelves?marker=1\n< 200 {'shelves':[{'id':'2'}],'first':'/v1/shelves'}\n",
	/* An empty page is the last, whatever it says. */
	"> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1'},{'id':'2'}],'next':'/n'}\n"
	"> GET test /n\n< 200 {'shelves':[],'next':'/m'}\n",
};

START_TEST(list_all_pages)
{
	for (size_t i = 0; i < COUNT(pagings); i++) {
		struct script *s = scripted(pagings[i]);
		AUTO_JSON list = NULL;

		unit_ok(resource_list(script_api(s), &shelf, NULL, "name=a", &list));
		ck_assert_uint_eq(json_len(list), 2);
		ck_assert_str_eq(json_str(json_nth(list, 1), "id"), "2");
		played(s);
	}
}
END_TEST

static const struct {
	const char *script, *words;
	enum err_kind kind;
} bad_lists[] = {
	{ "> GET test /v1/shelves\n< 200 {'shelves':[{'id':'1'}],'next':'/v1/shelves'}\n",
	  "the next page is the same page", ERR_PROTOCOL },
	{ "> GET test /v1/shelves\n< 200 {'other':[]}\n",
	  "GET test /v1/shelves: the answer has no list 'shelves'", ERR_PROTOCOL },
	{ "> GET test /v1/shelves\n< 200 {'shelves':{}}\n", "no list", ERR_PROTOCOL },
	{ "> GET test /v1/shelves\n< 200\n", "no list", ERR_PROTOCOL },
	{ "> GET test /v1/shelves\n< 503 busy\n", "GET test /v1/shelves: 503 busy", ERR_REMOTE },
	{ "> GET test /v1/shelves\n< 200 {'shelves':[{'id':'1'}],'next':'/n'}\n"
	  "> GET test /n\n< 404 gone\n",
	  "GET test /n: 404 gone", ERR_NOT_FOUND },
};

START_TEST(list_failures)
{
	for (size_t i = 0; i < COUNT(bad_lists); i++) {
		struct script *s = scripted(bad_lists[i].script);
		struct json_object *list = NULL;

		unit_fails(resource_list(script_api(s), &shelf, NULL, "", &list), bad_lists[i].kind,
			   bad_lists[i].words);
		ck_assert_ptr_null(list);
		played(s);
	}
}
END_TEST

#define UUID "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define MINE "'project_id':'11111111111111111111111111111111'"

static const struct {
	const char *name, *script, *id, *words;
} finds[] = {
	{ "a b&c", "> GET test /v1/shelves?name=a%20b%26c\n< 200 {'shelves':[]}\n", NULL, NULL },
	{ "a",
	  "> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1','name':'a'},{'id':'2','name':'ab'}]}\n",
	  "1", NULL },
	{ UUID, "> GET test /v1/shelves/" UUID "\n< 200 {'shelf':{'id':'1'}}\n", "1", NULL },
	{ UUID,
	  "> GET test /v1/shelves/" UUID "\n< 404 no\n> GET test /v1/shelves?name=" UUID
	  "\n< 200 {'shelves':[]}\n",
	  NULL, NULL },
	{ UUID, "> GET test /v1/shelves/" UUID "\n< 403 no\n", NULL, "403 no" },
	{ UUID, "> GET test /v1/shelves/" UUID "\n< 500 no\n", NULL, "500 no" },
	{ UUID, "> GET test /v1/shelves/" UUID "\n< 200 {}\n", NULL, "the answer has no 'shelf'" },
	{ "a", "> GET test /v1/shelves?name=a\n< 404 no\n", NULL, "404 no" },
	{ "a",
	  "> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1','name':'a'},{'id':'2','name':'a'}]}\n",
	  NULL, "2 shelves are named 'a' (1, 2): give the ID instead" },
	{ "a",
	  "> GET test /v1/shelves?name=a\n"
	  "< 200 {'shelves':[{'id':'1','name':'a'},{'id':'2','name':'a'," MINE "}]}\n",
	  "2", NULL },
	{ "a",
	  "> GET test /v1/shelves?name=a\n"
	  "< 200 {'shelves':[{'id':'1','name':'a'," MINE "},{'id':'2','name':'a'," MINE "}]}\n",
	  NULL, "2 shelves are named 'a'" },
};

START_TEST(find_by_name_or_id)
{
	for (size_t i = 0; i < COUNT(finds); i++) {
		struct script *s = scripted(finds[i].script);
		AUTO_JSON found = NULL;
		AUTO_ERR e = resource_find(script_api(s), &shelf, finds[i].name, NULL, &found);

		ck_assert_msg(!e == !finds[i].words, "%zu: %s", i, e ? e->text : "no error");
		if (e)
			ck_assert_msg(strstr(e->text, finds[i].words), "%s", e->text);
		if (finds[i].id)
			ck_assert_str_eq(json_str(found, "id"), finds[i].id);
		else
			ck_assert_ptr_null(found);
		played(s);
	}
}
END_TEST

static const struct {
	unsigned flags;
	const char *name, *script, *id;
} odd_finds[] = {
	{ NAME_REGEX, "a.b",
	  "> GET test /v1/shelves?name=%5Ea.b%24\n< 200 {'shelves':[{'id':'1','name':'a.b'}]}\n",
	  "1" },
	{ ID_IS_NAME, "a/b", "> GET test /v1/shelves/a%2Fb\n< 404 no\n", NULL },
	{ ID_IS_NAME, "a", "> GET test /v1/shelves/a\n< 200 {'shelf':{'id':'7'}}\n", "7" },
	{ LIST_ONLY, "3",
	  "> GET test /v1/shelves\n"
	  "< 200 {'shelves':[{'id':'1','name':'3'},{'id':'3','name':'x'}]}\n",
	  "3" },
	{ GET_TO_READ, "a",
	  "> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1','name':'a'}]}\n"
	  "> GET test /v1/shelves/1\n< 200 {'shelf':{'id':'1','name':'a'}}\n",
	  "1" },
	{ GET_TO_READ, "a",
	  "> GET test /v1/shelves?name=a\n< 200 {'shelves':[{'id':'1','name':'a'}]}\n"
	  "> GET test /v1/shelves/1\n< 404 just gone\n",
	  NULL },
	{ ANY_ID, "default",
	  "> GET test /v1/shelves?name=default\n< 200 {'shelves':[]}\n"
	  "> GET test /v1/shelves/default\n< 200 {'shelf':{'id':'default'}}\n",
	  "default" },
};

START_TEST(find_odd_ones)
{
	for (size_t i = 0; i < COUNT(odd_finds); i++) {
		struct script *s = scripted(odd_finds[i].script);
		struct resource r = shelf;
		AUTO_JSON found = NULL;

		r.flags = odd_finds[i].flags;
		unit_ok(resource_find(script_api(s), &r, odd_finds[i].name, "", &found));
		if (odd_finds[i].id)
			ck_assert_str_eq(json_str(found, "id"), odd_finds[i].id);
		else
			ck_assert_ptr_null(found);
		played(s);
	}
}
END_TEST

START_TEST(find_nothing_without_a_name)
{
	/* What has no name in the cloud is not what somebody without a name meant. */
	struct script *s =
		scripted("> POST test /v1/shelves {'shelf':{}}\n< 201 {'shelf':{'id':'9'}}\n");
	struct script *t = scripted(
		"> POST test /v1/shelves {'shelf':{'name':''}}\n< 201 {'shelf':{'id':'8'}}\n");

	unit_ok(apply(script_api(s), &shelf, "present", "{}", 0));
	assert_action("created");
	played(s);
	unit_ok(apply(script_api(t), &shelf, "present", "{'name':''}", 0));
	assert_action("created");
	played(t);
}
END_TEST

/* ---- references ---- */

START_TEST(refs_once_a_run)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct run *r = xcalloc(1, sizeof(*r));
	size_t looks = 0;

	for (int i = 0; i < 50; i++) {
		AUTO_STR want = xasprintf("{'name':'b%d','shelf_id':'top'}", i);

		run_add(r, cloud_api(c), &box, "present", unit_json(want), NO_WAIT);
	}
	run_all(r);
	for (size_t i = 0; i < r->n; i++) {
		unit_ok(TAKE(r->errs[i]));
		ck_assert_str_eq(json_str(r->outs[i].after, "shelf_id"), "s1");
	}
	AUTO_STR log = cloud_log(c);
	for (const char *s = log; (s = strstr(s, "/v1/shelves")); s++)
		looks++;
	ck_assert_uint_eq(looks, 1);
	run_release(r);
	free(r);
	cloud_free(c);
}
END_TEST

START_TEST(refs_failures)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct err *e =
		apply(cloud_api(c), &box, "present", "{'name':'b','shelf_id':'nowhere'}", 0);

	ck_assert_str_eq(e->at, "shelf");
	unit_fails(e, ERR_NOT_FOUND, "shelf: no shelf is named 'nowhere'");
	ck_assert_int_eq(cloud_writes(c), 0);
	/* In check mode an earlier task would have made it. */
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'b','shelf_id':'nowhere'}", CHECK));
	assert_action("created");
	ck_assert_uint_eq(json_len(one.outs[0].warnings), 1);
	/* A failed look is not remembered as "not there". */
	cloud_fail_at(c, cloud_calls(c) + 1, CLOUD_REFUSED);
	unit_fails(apply(cloud_api(c), &box, "present", "{'name':'b','shelf_id':'top'}", 0),
		   ERR_REMOTE, "shelf:");
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'b','shelf_id':'top'}", 0));
	cloud_free(c);
}
END_TEST

START_TEST(absent_with_what_it_belongs_to)
{
	struct cloud *c = cloud_new(kinds, seed);

	makes(c, &rule, "absent", "{'shelf_id':'nowhere','port':1}", "none");
	makes(c, &coin, "absent", "{'name':'x','shelf_id':'nowhere'}", "none");
	/* What does not say which one is meant is not even looked for. */
	makes(c, &box, "absent", "{'name':'x','shelf_id':'nowhere'}", "none");
	cloud_free(c);
}
END_TEST

START_TEST(refs_within_a_domain)
{
	static const struct attr pile_attrs[] = {
		{ "name", STR, REQUIRED, "Name." },
		{ "shelf_id", STR, IDENTITY, "Shelf.", .ref = &shelf },
		{ "coin_id", STR, IDENTITY, "Coin.", .ref = &coin, .within = "shelf_id" },
		{ "id", STR, READONLY, "ID." },
		{ 0 },
	};
	static const struct resource pile = { .name = "pile",
					      .service = "test",
					      .path = "/v1/piles",
					      .key = "pile",
					      .keys = "piles",
					      .attrs = pile_attrs };
	static const char *const want = "{'name':'p','shelf_id':'top','coin_id':'one'}";
	static const char found[] =
		"> GET test /v1/shelves?name=top\n< 200 {'shelves':[{'id':'s','name':'top'}]}\n"
		"> GET test /v1/coins?name=one&domain_id=s\n"
		"< 200 {'coins':[{'id':'c','name':'one'}]}\n"
		"> GET test /v1/piles?name=p&shelf_id=s&coin_id=c\n< 200 {'piles':[]}\n";
	/* Without its shelf there is no coin, and no pile of it: not even check mode looks. */
	static const char gone[] = "> GET test /v1/shelves?name=top\n< 200 {'shelves':[]}\n";
	struct script *s = scripted(found);

	unit_ok(apply(script_api(s), &pile, "absent", want, 0));
	assert_action("none");
	played(s);
	s = scripted(gone);
	unit_ok(apply(script_api(s), &pile, "present", want, CHECK));
	assert_action("created");
	played(s);
	s = scripted(gone);
	unit_ok(apply(script_api(s), &pile, "absent", want, 0));
	assert_action("none");
	played(s);
}
END_TEST

/* ---- apply ---- */

START_TEST(whole_life)
{
	struct cloud *c = cloud_new(kinds, seed);

	makes(c, &box, "present",
	      "{'name':'a','size':2,'labels':['x','y'],'note':'n','shelf_id':'low'}", "created");
	ck_assert_str_eq(json_str(one.outs[0].after, "status"), "ACTIVE");
	ck_assert_str_eq(one.outs[0].id, json_str(one.outs[0].after, "id"));
	ck_assert_uint_eq(json_len(json_at(one.outs[0].after, "labels")), 2);
	ck_assert_ptr_null(one.outs[0].before);
	makes(c, &box, "present", "{'name':'a','size':2,'labels':['y','x'],'note':'m'}", "none");
	makes(c, &box, "present", "{'name':'a','labels':['x'],'size':null}", "updated");
	ck_assert_uint_eq(json_len(json_at(one.outs[0].after, "labels")), 1);
	ck_assert_uint_eq(json_len(json_at(one.outs[0].before, "labels")), 2);
	makes(c, &box, "present", "{'name':'a','meta':{'k':'v'},'size':7}", "updated");
	ck_assert_int_eq(json_int(one.outs[0].after, "size", 0), 7);
	makes(c, &box, "present", "{'name':'a','labels':[]}", "updated");
	makes(c, &box, "present", "{'name':'a','labels':[]}", "none");
	makes(c, &box, "present", "{'name':'a','colour':'blue','size':7}", "replaced");
	ck_assert_uint_eq(cloud_count(c, "/v1/boxes"), 1);
	ck_assert_str_eq(json_str(one.outs[0].after, "status"), "ACTIVE");
	ck_assert_str_ne(json_str(one.outs[0].before, "id"), one.outs[0].id);
	makes(c, &box, "absent", "{'name':'a'}", "deleted");
	ck_assert_ptr_null(one.outs[0].after);
	ck_assert_ptr_nonnull(one.outs[0].id);
	makes(c, &box, "absent", "{'name':'a'}", "none");
	ck_assert_uint_eq(cloud_count(c, "/v1/boxes"), 0);
	cloud_free(c);
}
END_TEST

START_TEST(refuses_to_replace)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct err *e;
	int writes;

	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a'}", 0));
	writes = cloud_writes(c);
	for (int how = 0; how <= CHECK; how++) {
		e = apply(cloud_api(c), &box, "present", "{'name':'a','colour':'blue','size':9}",
			  how);
		ck_assert_ptr_nonnull(e);
		ck_assert_str_eq(e->at, "colour");
		unit_fails(e, ERR_CONFLICT,
			   "colour (is red, wanted blue) can only be changed by deleting");
		ck_assert(!one.outs[0].changed);
		ck_assert_ptr_nonnull(one.outs[0].id);
		unit_fails(apply(cloud_api(c), &box, "present", "{'name':'a','zone':'y'}",
				 how | REPLACE),
			   ERR_CONFLICT, "zone (is z, wanted y) cannot be changed after creation");
	}
	ck_assert_int_eq(cloud_writes(c), writes);
	cloud_free(c);
}
END_TEST

static const struct {
	const char *states, *words;
	enum err_kind kind;
	int how;
} waits[] = {
	{ "BUILD ACTIVE", NULL, ERR_USAGE, 0 },
	{ "BUILD BUILD ERROR",
	  "waiting: box 00000001-0000-4000-8000-000000000001 went to ERROR: no host", ERR_REMOTE,
	  0 },
	{ "BUILD", "is still BUILD after ", ERR_TIMEOUT, 0 },
	{ "BUILD WHAT", "is still WHAT after ", ERR_TIMEOUT, 0 },
	{ "BUILD", NULL, ERR_USAGE, NO_WAIT },
	{ "BUILD ERROR", NULL, ERR_USAGE, NO_WAIT },
};

START_TEST(waits_end)
{
	for (size_t i = 0; i < COUNT(waits); i++) {
		struct cloud_kind some[] = { kinds[0], kinds[1], { 0 } };
		struct cloud *c;
		struct err *e;

		some[1].states = waits[i].states;
		some[1].fields = "{'fault':{'message':'no host'}}";
		c = cloud_new(some, seed);
		const int64_t began = cloud_api(c)->now_ms(cloud_api(c));
		e = apply(cloud_api(c), &box, "present", "{'name':'a'}", waits[i].how);
		if (waits[i].words)
			unit_fails(e, waits[i].kind, waits[i].words);
		else
			unit_ok(e);
		/* The ID is known whatever came of it, and the end is near the deadline. */
		ck_assert_str_eq(one.outs[0].id, "00000001-0000-4000-8000-000000000001");
		ck_assert(one.outs[0].changed);
		ck_assert_ptr_nonnull(one.outs[0].after);
		ck_assert_int_le(cloud_api(c)->now_ms(cloud_api(c)) - began, 181000);
		cloud_free(c);
	}
}
END_TEST

START_TEST(waits_for_what_a_killed_run_left)
{
	struct cloud *c = cloud_new(kinds, seed);

	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','size':5}", NO_WAIT));
	ck_assert_str_eq(json_str(one.outs[0].after, "status"), "BUILD");
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','size':5}", 0));
	assert_action("none");
	ck_assert(!one.outs[0].changed);
	ck_assert_str_eq(json_str(one.outs[0].after, "status"), "ACTIVE");
	cloud_free(c);
}
END_TEST

/* Things that come true while the object is being built are no difference. */
START_TEST(plans_after_settling)
{
	struct script *s = scripted(
		"> GET test /v1/boxes?name=a\n< 200 {'boxes':[{'id':'1','name':'a','status':'BUILD','size':null}]}\n"
		"> GET test /v1/boxes/1\n< 200 {'box':{'id':'1','name':'a','status':'ACTIVE','size':5}}\n");

	unit_ok(apply(script_api(s), &box, "present", "{'name':'a','size':5}", 0));
	assert_action("none");
	ck_assert(!one.outs[0].changed);
	played(s);
}
END_TEST

START_TEST(deletes_what_has_failed)
{
	struct script *s = scripted(
		"> GET test /v1/boxes?name=a\n< 200 {'boxes':[{'id':'1','name':'a','status':'ERROR'}]}\n"
		"> DELETE test /v1/boxes/1\n< 204\n"
		"> GET test /v1/boxes/1\n< 200 {'box':{'id':'1','status':'ERROR'}}\n"
		"> GET test /v1/boxes/1\n< 404 gone\n");
	struct script *t = scripted(
		"> GET test /v1/boxes?name=a\n< 200 {'boxes':[{'id':'1','name':'a','status':'ACTIVE'}]}\n"
		"> DELETE test /v1/boxes/1\n< 204\n"
		"> GET test /v1/boxes/1\n< 200 {'box':{'id':'1','status':'ERROR'}}\n");

	unit_ok(apply(script_api(s), &box, "absent", "{'name':'a'}", 0));
	played(s);
	unit_fails(apply(script_api(t), &box, "absent", "{'name':'a'}", 0), ERR_REMOTE,
		   "deleting: waiting: box 1 went to ERROR");
	played(t);
}
END_TEST

static struct err *tidy(struct op *op)
{
	return op_call(op, "PUT", "/x/tidy", NULL, NULL);
}

START_TEST(gone_is_a_404_of_its_own)
{
	struct resource r = box;
	struct script *s =
		scripted("> GET test /v1/boxes?name=a\n< 200 {'boxes':[{'id':'1','name':'a'}]}\n"
			 "> DELETE test /v1/boxes/1\n< 404 gone\n");
	struct script *t =
		scripted("> GET test /v1/boxes?name=a\n< 200 {'boxes':[{'id':'1','name':'a'}]}\n"
			 "> PUT test /v1/boxes/x/tidy\n< 404 no such thing\n");

	unit_ok(apply(script_api(s), &box, "absent", "{'name':'a'}", 0));
	ck_assert(!one.outs[0].changed);
	played(s);
	/* What is done before is another matter. */
	r.before_delete = tidy;
	unit_fails(apply(script_api(t), &r, "absent", "{'name':'a'}", 0), ERR_NOT_FOUND,
		   "no such thing");
	played(t);
}
END_TEST

START_TEST(replacing_waits_until_the_old_one_is_gone)
{
	struct cloud *c = cloud_new(kinds, seed);
	AUTO_STR log = NULL;

	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a'}", 0));
	cloud_log_clear(c);
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','colour':'blue'}",
		      REPLACE | NO_WAIT));
	log = cloud_log(c);
	ck_assert_uint_eq(cloud_count(c, "/v1/boxes"), 1);
	ck_assert_msg(strstr(log, "DELETE"), "%s", log);
	cloud_free(c);
}
END_TEST

/* ---- lost answers ---- */

START_TEST(adopts_what_was_made)
{
	struct cloud *c = cloud_new(kinds, seed);

	cloud_fail_at(c, 2, CLOUD_LOST);
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','labels':['x']}", 0));
	ck_assert_str_eq(cloud_failed(c), "POST test /v1/boxes");
	assert_action("created");
	ck_assert_uint_eq(cloud_count(c, "/v1/boxes"), 1);
	ck_assert(one.outs[0].changed);
	ck_assert_str_eq(json_str(one.outs[0].after, "status"), "ACTIVE");
	makes(c, &box, "present", "{'name':'a','labels':['x']}", "none");
	cloud_free(c);
}
END_TEST

START_TEST(tells_what_was_lost)
{
	struct script *s = scripted("> GET test /v1/boxes?name=a\n< 200 {'boxes':[]}\n"
				    "> POST test /v1/boxes {'box':{'name':'a'}}\n< lost\n"
				    "> GET test /v1/boxes?name=a\n< 200 {'boxes':[]}\n");
	struct script *t = scripted("> GET test /v1/boxes?name=a\n< 200 {'boxes':[]}\n"
				    "> POST test /v1/boxes {'box':{'name':'a'}}\n< lost\n"
				    "> GET test /v1/boxes?name=a\n< 500 oops\n");

	unit_fails(apply(script_api(s), &box, "present", "{'name':'a'}", 0), ERR_NETWORK,
		   "creating: POST test /v1/boxes: the connection was lost");
	ck_assert_ptr_null(one.outs[0].id);
	played(s);
	unit_fails(apply(script_api(t), &box, "present", "{'name':'a'}", 0), ERR_NETWORK,
		   "POST test /v1/boxes");
	played(t);
}
END_TEST

START_TEST(answers_without_an_id)
{
	static const char *const answers[] = {
		"", " {}", " {'box':null}", " {'box':{}}", " {'box':{'id':null}}", " []"
	};

	for (size_t i = 0; i < COUNT(answers); i++) {
		AUTO_STR text = xasprintf("> GET test /v1/boxes?name=a\n< 200 {'boxes':[]}\n"
					  "> POST test /v1/boxes {'box':{'name':'a'}}\n< 201%s\n",
					  answers[i]);
		struct script *s = scripted(text);

		unit_fails(apply(script_api(s), &box, "present", "{'name':'a'}", 0), ERR_PROTOCOL,
			   "the answer to the creation has no ID");
		played(s);
	}
}
END_TEST

static struct err *own_create(struct op *op)
{
	AUTO_JSON body = unit_json("{'box':{'name':'a','size':3}}");
	AUTO_JSON answer = NULL;
	struct err *e = op_call(op, "POST", "", body, &answer);

	if (!e)
		op_created(op, json_str(answer, "box.id"));
	return e;
}

START_TEST(adopts_for_hooks)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct resource r = box;

	r.create = own_create;
	cloud_fail_at(c, 2, CLOUD_LOST);
	unit_ok(apply(cloud_api(c), &r, "present", "{'name':'a'}", 0));
	ck_assert_ptr_nonnull(one.outs[0].id);
	ck_assert_uint_eq(cloud_count(c, "/v1/boxes"), 1);
	cloud_free(c);
}
END_TEST

/* ---- check mode ---- */

static struct err *writes_always(struct op *op)
{
	return op_call(op, "POST", "/x", NULL, NULL);
}

START_TEST(check_mode_refuses_writes)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct resource r = box;

	r.expand = writes_always;
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a'}", 0));
	cloud_log_clear(c);
	unit_fails(apply(cloud_api(c), &r, "present", "{'name':'a'}", CHECK), ERR_PROTOCOL,
		   "in check mode");
	ck_assert_int_eq(cloud_writes(c), 0);
	cloud_free(c);
}
END_TEST

START_TEST(check_mode_predicts)
{
	struct cloud *c = cloud_new(kinds, seed);

	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','size':3,'meta':{'a':'1'}}", 0));
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'a','size':4,'meta':{'b':'2'}}",
		      CHECK));
	ck_assert_int_eq(json_int(one.outs[0].after, "size", 0), 4);
	unit_same(json_at(one.outs[0].after, "meta"), "{'a':'1','b':'2'}");
	ck_assert_int_eq(json_int(one.outs[0].before, "size", 0), 3);
	ck_assert_str_eq(json_str(one.outs[0].after, "id"), one.outs[0].id);
	unit_ok(apply(cloud_api(c), &box, "absent", "{'name':'a'}", CHECK));
	ck_assert_ptr_null(one.outs[0].after);
	unit_ok(apply(cloud_api(c), &box, "present", "{'name':'b','shelf_id':'top'}", CHECK));
	ck_assert_str_eq(json_str(one.outs[0].after, "shelf_id"), "s1");
	ck_assert(json_has(one.outs[0].after, "status"));
	ck_assert_ptr_null(one.outs[0].id);
	cloud_free(c);
}
END_TEST

/* ---- many ---- */

static struct run *coins(struct cloud *c, int n, const char *more, int how)
{
	struct run *r = xcalloc(1, sizeof(*r));

	for (int i = 0; i < n; i++) {
		AUTO_STR want = xasprintf("{'name':'c%d'%s}", i, more);

		run_add(r, cloud_api(c), &coin, "present", unit_json(want), how);
	}
	run_all(r);
	return r;
}

static void all_are(struct run *r, const char *action, bool changed)
{
	for (size_t i = 0; i < r->n; i++) {
		unit_ok(TAKE(r->errs[i]));
		ck_assert_str_eq(action_name(r->outs[i].plan.action), action);
		ck_assert_int_eq(r->outs[i].changed, changed);
		ck_assert_str_eq(json_str(r->outs[i].after, "name"),
				 json_str(r->ops[i].want, "name"));
		if (!r->ops[i].check)
			ck_assert_str_eq(json_str(r->outs[i].after, "id"), r->outs[i].id);
	}
	run_release(r);
	free(r);
}

START_TEST(many_with_few_requests)
{
	struct cloud *c = cloud_new(kinds, seed);

	all_are(coins(c, 300, ",'shelf_id':'top'", CHECK), "created", true);
	ck_assert_int_eq(cloud_writes(c), 0);
	cloud_log_clear(c);
	all_are(coins(c, 300, ",'shelf_id':'top'", 0), "created", true);
	ck_assert_uint_eq(cloud_count(c, "/v1/coins"), 300);
	ck_assert_int_eq(cloud_writes(c), 2);
	ck_assert_int_le(cloud_calls(c), 5);
	cloud_log_clear(c);
	cloud_page_size(c, 70);
	all_are(coins(c, 300, ",'shelf_id':'top','size':1", 0), "none", false);
	ck_assert_int_eq(cloud_writes(c), 0);
	ck_assert_int_le(cloud_calls(c), 10);
	cloud_free(c);
}
END_TEST

START_TEST(many_with_calls_of_their_own)
{
	struct cloud *c = cloud_new(kinds, seed);

	all_are(coins(c, 20, ",'labels':['x']", 0), "created", true);
	all_are(coins(c, 20, ",'labels':['x']", 0), "none", false);
	all_are(coins(c, 20, ",'labels':[]", 0), "updated", true);
	cloud_free(c);
}
END_TEST

START_TEST(bulk_falls_back)
{
	static const enum cloud_failure hows[] = { CLOUD_REFUSED, CLOUD_UNREACHABLE, CLOUD_LOST };

	for (size_t i = 0; i < COUNT(hows); i++) {
		struct cloud *c = cloud_new(kinds, seed);

		cloud_fail_at(c, 2, hows[i]);
		all_are(coins(c, 20, "", 0), "created", true);
		ck_assert_str_eq(cloud_failed(c), "POST test /v1/coins");
		ck_assert_uint_eq(cloud_count(c, "/v1/coins"), 20);
		cloud_free(c);
	}
}
END_TEST

START_TEST(bulk_with_a_bad_one)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct run *r = xcalloc(1, sizeof(*r));

	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a'}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'b','shelf_id':'" UUID "'}"),
		0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'c','shelf_id':'nowhere'}"),
		0);
	run_add(r, cloud_api(c), &coin, "absent", unit_json("{'name':'d'}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'e'}"), 0);
	run_all(r);
	unit_ok(r->errs[0]);
	unit_fails(TAKE(r->errs[1]), ERR_NOT_FOUND, "creating: POST test /v1/coins: 404");
	unit_fails(TAKE(r->errs[2]), ERR_NOT_FOUND, "no shelf is named 'nowhere'");
	unit_ok(r->errs[3]);
	unit_ok(r->errs[4]);
	ck_assert_uint_eq(cloud_count(c, "/v1/coins"), 2);
	ck_assert(!r->outs[1].changed);
	run_release(r);
	free(r);
	cloud_free(c);
}
END_TEST

static const char *const odd_bulks[] = {
	"< 201 {'coins':[{'id':'1','name':'a'}]}\n",
	"< 201 {'coins':[{'id':'1','name':'a'},{'name':'b'}]}\n",
	"< 201 {'coins':[{},{}]}\n",
	"< 201 {}\n",
	"< 201\n",
};

START_TEST(bulk_with_an_odd_answer)
{
	for (size_t i = 0; i < COUNT(odd_bulks); i++) {
		AUTO_STR text = xasprintf(
			"> GET test /v1/coins?name=a&name=b\n< 200 {'coins':[]}\n"
			"> POST test /v1/coins {'coins':[{'name':'a'},{'name':'b'}]}\n%s"
			"* GET test /v1/coins?name=a\n< 200 {'coins':[{'id':'1','name':'a'}]}\n"
			"* GET test /v1/coins?name=b\n< 200 {'coins':[{'id':'2','name':'b'}]}\n",
			odd_bulks[i]);
		struct script *s = scripted(text);
		struct run *r = xcalloc(1, sizeof(*r));

		run_add(r, script_api(s), &coin, "present", unit_json("{'name':'a'}"), 0);
		run_add(r, script_api(s), &coin, "present", unit_json("{'name':'b'}"), 0);
		run_all(r);
		ck_assert_msg(!script_problem(s), "%zu: %s", i, script_problem(s));
		unit_ok(TAKE(r->errs[0]));
		unit_ok(TAKE(r->errs[1]));
		ck_assert_str_eq(r->outs[0].id, "1");
		ck_assert_str_eq(r->outs[1].id, "2");
		run_release(r);
		free(r);
		played(s);
	}
}
END_TEST

START_TEST(twins)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct run *r = xcalloc(1, sizeof(*r));

	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a'}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a','size':3}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a','shelf_id':'top'}"), 0);
	run_all(r);
	unit_ok(r->errs[0]);
	unit_fails(TAKE(r->errs[1]), ERR_USAGE, "item 0 means the same object");
	unit_ok(r->errs[2]);
	run_release(r);
	/* Neither name nor anything else says that these are one. */
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'size':1}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'size':1}"), 0);
	run_all(r);
	unit_ok(r->errs[0]);
	unit_ok(r->errs[1]);
	ck_assert_uint_eq(cloud_count(c, "/v1/coins"), 4);
	run_release(r);
	free(r);
	cloud_free(c);
}
END_TEST

START_TEST(twins_by_name_and_id)
{
	struct cloud *c = cloud_new(kinds, "{'/v1/coins':[{'id':'" UUID "','name':'a'}]}");
	struct run *r = xcalloc(1, sizeof(*r));

	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a','size':2}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'" UUID "','size':3}"), 0);
	run_all(r);
	unit_ok(r->errs[0]);
	unit_fails(TAKE(r->errs[1]), ERR_USAGE, "item 0 means the same object");
	ck_assert_int_eq(cloud_writes(c), 1);
	run_release(r);
	free(r);
	cloud_free(c);
}
END_TEST

START_TEST(nameless_ones_by_identity)
{
	struct cloud *c = cloud_new(kinds, seed);
	struct run *r = xcalloc(1, sizeof(*r));

	makes(c, &rule, "present", "{'shelf_id':'top','port':1}", "created");
	makes(c, &rule, "present", "{'shelf_id':'top','port':1}", "none");
	makes(c, &rule, "present", "{'shelf_id':'top','port':1,'side':'left'}", "created");
	makes(c, &rule, "present", "{'shelf_id':'top'}", "created");
	makes(c, &rule, "present", "{'shelf_id':'top','port':1}", "none");
	for (int i = 0; i < 10; i++) {
		AUTO_STR want = xasprintf("{'shelf_id':'%s','port':%d}", i % 2 ? "top" : "low", i);

		run_add(r, cloud_api(c), &rule, "present", unit_json(want), 0);
	}
	run_all(r);
	for (size_t i = 0; i < r->n; i++)
		unit_ok(TAKE(r->errs[i]));
	ck_assert_uint_eq(cloud_count(c, "/v1/rules"), 12);
	run_release(r);
	free(r);
	makes(c, &rule, "absent", "{'shelf_id':'top'}", "deleted");
	makes(c, &rule, "absent", "{'shelf_id':'top'}", "none");
	ck_assert_uint_eq(cloud_count(c, "/v1/rules"), 11);
	cloud_free(c);
}
END_TEST

START_TEST(one_that_is_ambiguous_stops_no_other)
{
	struct cloud *c =
		cloud_new(kinds, "{'/v1/coins':[{'id':'1','name':'a'},{'id':'2','name':'a'},"
				 "{'id':'3','name':'b','size':2}]}");
	struct run *r = xcalloc(1, sizeof(*r));

	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'a','size':5}"), 0);
	run_add(r, cloud_api(c), &coin, "present", unit_json("{'name':'b','size':5}"), 0);
	run_add(r, cloud_api(c), &coin, "absent", unit_json("{'name':'b2'}"), 0);
	run_all(r);
	unit_fails(TAKE(r->errs[0]), ERR_CONFLICT, "2 coins are named 'a' (1, 2)");
	unit_ok(r->errs[1]);
	unit_ok(r->errs[2]);
	ck_assert_str_eq(r->outs[1].id, "3");
	run_release(r);
	free(r);
	cloud_free(c);
}
END_TEST

/* ---- words ---- */

static struct err *create_then_wait(struct op *op)
{
	op_warn(op, "%s", "one");
	op_warn(op, "%s", "two");
	return op_action(op, "do-it", json_object_new_int(1));
}

START_TEST(hooks_and_errors)
{
	struct script *s = scripted(
		"> GET test /v1/boxes?name=a\n< 200 {'boxes':[]}\n"
		"> POST test /v1/boxes {'box':{'name':'a'}}\n< 201 {'box':{'id':'x/y','status':'ACTIVE'}}\n"
		"> GET test /v1/boxes/x%2Fy\n< 200 {'box':{'id':'x/y','status':'ACTIVE'}}\n"
		"> POST test /v1/boxes/x%2Fy/action {'do-it':1}\n< 409 Cannot do it now\n");
	struct resource r = box;

	r.created = create_then_wait;
	unit_fails(apply(script_api(s), &r, "present", "{'name':'a'}", 0), ERR_CONFLICT,
		   "creating: do-it: POST test /v1/boxes/x%2Fy/action: 409 Cannot do it now");
	unit_same(one.outs[0].warnings, "['one','two']");
	ck_assert_str_eq(one.outs[0].id, "x/y");
	ck_assert_str_eq(json_str(one.outs[0].after, "id"), "x/y");
	script_free(s);
}
END_TEST

START_TEST(last_release)
{
	run_release(&one);
}
END_TEST

UNIT_MAIN("engine", attr_equality, attr_wire_forms, attr_shown, plan_pure, plan_without_update,
	  list_all_pages, list_failures, find_by_name_or_id, find_odd_ones,
	  find_nothing_without_a_name, refs_once_a_run, refs_failures,
	  absent_with_what_it_belongs_to, refs_within_a_domain, whole_life, refuses_to_replace,
	  waits_end, waits_for_what_a_killed_run_left, plans_after_settling,
	  deletes_what_has_failed, gone_is_a_404_of_its_own,
	  replacing_waits_until_the_old_one_is_gone, adopts_what_was_made, tells_what_was_lost,
	  answers_without_an_id, adopts_for_hooks, check_mode_refuses_writes, check_mode_predicts,
	  many_with_few_requests, many_with_calls_of_their_own, bulk_falls_back,
	  bulk_with_a_bad_one, bulk_with_an_odd_answer, twins, twins_by_name_and_id,
	  nameless_ones_by_identity, one_that_is_ambiguous_stops_no_other, hooks_and_errors,
	  last_release)
