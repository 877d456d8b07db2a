/* The look-up behind Terraform's `external`, over a cloud inside the test. */
#include "../providers/external/lookup.h"
#include "cloud.h"
#include "unit.h"

#define IMAGES                                                                                              \
	"{'id':'aa000000-0000-4000-8000-000000000001','name':'web','status':'active','os_distro':'debian'," \
	"'created_at':'2026-01-02T00:00:00Z','tags':['b','a']},"                                            \
	"{'id':'aa000000-0000-4000-8000-000000000002','name':'web','status':'active','shelf':'low',"        \
	"'created_at':'2026-03-02T00:00:00Z'},"                                                             \
	"{'id':'aa000000-0000-4000-8000-000000000003','name':'only','status':'active','min_ram':64}"

static const char seed[] =
	"{'/v2.0/networks':[{'id':'bb000000-0000-4000-8000-000000000001','name':'web','mtu':1400,'admin_state_up':false},"
	"{'id':'bb000000-0000-4000-8000-000000000002','name':'data','mtu':9000}],"
	"'/v2.0/subnets':[{'id':'bb000000-0000-4000-8000-000000000003','name':'web4',"
	"'network_id':'bb000000-0000-4000-8000-000000000001','cidr':'10.0.0.0/24','ip_version':4}],"
	"'/flavors':[{'id':'1','name':'tiny','ram':512,'vcpus':1,'disk':1},"
	"{'id':'2','name':'wide','ram':1024,'vcpus':4,'disk':10},"
	"{'id':'3','name':'small','ram':1024,'vcpus':1,'disk':20},"
	"{'id':'4','name':'large','ram':8192,'vcpus':4,'disk':40}],"
	"'/v2/images':[" IMAGES "]}";

/* The answer, or the error, to a query. */
static struct err *look_up(struct cloud *c, const char *query, struct json_object **ret)
{
	AUTO_JSON q = unit_json(query);
	struct lookup l;
	struct err *e = lookup_parse(q, &l);

	if (!e)
		e = lookup_run(&l, cloud_api(c), ret);
	lookup_release(&l);
	return e;
}

static const struct {
	const char *query, *key, *value;
} found[] = {
	{ "{'resource':'network','name':'web'}", "mtu", "1400" },
	{ "{'resource':'network','name':'web'}", "is_admin_state_up", "false" },
	{ "{'resource':'network','name':'web'}", "warnings", "" },
	{ "{'resource':'networks_info','name':'web'}", "name", "web" },
	{ "{'resource':'network','id':'bb000000-0000-4000-8000-000000000002'}", "name", "data" },
	{ "{'resource':'network','name':'bb000000-0000-4000-8000-000000000002'}", "name", "data" },
	{ "{'resource':'network','mtu':'9000'}", "name", "data" },
	{ "{'resource':'network','min_mtu':'8999'}", "name", "data" },
	{ "{'resource':'network','is_admin_state_up':'false'}", "name", "web" },
	{ "{'resource':'subnet','network':'web'}", "name", "web4" },
	{ "{'resource':'subnet','network_id':'web','cidr':'10.0.0.0/24'}", "id",
	  "bb000000-0000-4000-8000-000000000003" },
	{ "{'resource':'compute_flavor','min_ram':'600'}", "name", "small" },
	{ "{'resource':'flavor','min_ram':'600','min_vcpus':'2'}", "name", "wide" },
	{ "{'resource':'flavor','min_ram':'600','min_vcpus':'2','min_disk':'11'}", "name",
	  "large" },
	{ "{'resource':'flavor','name':'tiny'}", "vcpus", "1" },
	{ "{'resource':'image','name':'web','most_recent':'true'}", "id",
	  "aa000000-0000-4000-8000-000000000002" },
	{ "{'resource':'image','name':'web','os_distro':'debian'}", "tags", "[\"a\",\"b\"]" },
	{ "{'resource':'image','name':'web','properties':'{\\'shelf\\':\\'low\\'}'}", "created_at",
	  "2026-03-02T00:00:00Z" },
	{ "{'resource':'image','min_ram':'64'}", "name", "only" },
	{ "{'resource':'image','name':'only'}", "os_distro", "" },
};

START_TEST(finds)
{
	struct cloud *c = cloud_new(openstack_kinds, seed);

	for (size_t i = 0; i < COUNT(found); i++) {
		AUTO_JSON map = NULL;

		unit_ok(look_up(c, found[i].query, &map));
		const char *value = json_str(map, found[i].key);
		ck_assert_msg(value && strcmp(value, found[i].value) == 0,
			      "%s: %s is '%s', not '%s'", found[i].query, found[i].key,
			      value ? value : "(none)", found[i].value);
	}
	ck_assert_int_eq(cloud_writes(c), 0);
	cloud_free(c);
}
END_TEST

static const struct {
	const char *query, *words;
} refused[] = {
	{ "{}", "the query has no 'resource'" },
	{ "{'resource':'netwerk'}", "there is no 'netwerk': did you mean 'network'?" },
	{ "{'resource':'server_action'}", "there is no 'server_action'" },
	{ "{'resource':'network','nam':'x'}", "no key 'nam': did you mean 'name'?" },
	{ "{'resource':'network','min_mtus':'1'}", "did you mean 'min_mtu'?" },
	{ "{'resource':'network','qwertzuiop':'1'}", "--help network lists them" },
	{ "{'resource':'network','min_mtu':'big'}", "min_mtu: 'big' is no number" },
	{ "{'resource':'network','auth':'{}'}", "put secrets into clouds.yaml" },
	{ "{'resource':'network','deadline':'0'}", "deadline: from 1" },
	{ "{'resource':'network','deadline':'soon'}", "unable to convert to int" },
	{ "{'resource':'flavor','most_recent':'true'}", "does not tell when" },
	{ "{'resource':'network','name':1}", "name: an integer, where Terraform gives strings" },
	{ "{'resource':'network','name':null}", "name: null" },
	{ "[]", "the query is a list, no object" },
};

START_TEST(refuses)
{
	struct cloud *c = cloud_new(openstack_kinds, seed);

	for (size_t i = 0; i < COUNT(refused); i++) {
		AUTO_JSON map = NULL;

		unit_fails(look_up(c, refused[i].query, &map), ERR_USAGE, refused[i].words);
	}
	ck_assert_int_eq(cloud_calls(c), 0);
	cloud_free(c);
}
END_TEST

START_TEST(exactly_one)
{
	struct cloud *c = cloud_new(openstack_kinds, seed);
	AUTO_JSON map = NULL;

	unit_fails(look_up(c, "{'resource':'image','name':'web'}", &map), ERR_CONFLICT,
		   "2 images match name 'web': aa000000-0000-4000-8000-000000000001 (web), "
		   "aa000000-0000-4000-8000-000000000002 (web): give the id, or most_recent");
	unit_fails(look_up(c, "{'resource':'network','name':'gone','mtu':'1400'}", &map),
		   ERR_NOT_FOUND, "no network is there with name 'gone', mtu '1400'");
	unit_fails(look_up(c, "{'resource':'flavor','min_ram':'99999'}", &map), ERR_NOT_FOUND,
		   "no compute_flavor is there with min_ram '99999'");
	unit_fails(look_up(c, "{'resource':'subnet','network':'gone'}", &map), ERR_NOT_FOUND,
		   "no network is named 'gone'");
	ck_assert_ptr_null(map);
	cloud_free(c);
}
END_TEST

START_TEST(flat_map)
{
	struct cloud *c = cloud_new(openstack_kinds, seed);
	AUTO_JSON map = NULL;
	AUTO_JSON again = NULL;
	AUTO_JSON whole = NULL;

	unit_ok(look_up(c, "{'resource':'image','id':'aa000000-0000-4000-8000-000000000001'}",
			&map));
	unit_ok(look_up(c, "{'resource':'image','id':'aa000000-0000-4000-8000-000000000001'}",
			&again));
	ck_assert(json_object_equal(map, again));
	json_object_object_foreach(map, key, v)
		ck_assert_msg(json_object_is_type(v, json_type_string), "%s", key);
	unit_ok(json_parse(json_str(map, "json"), strlen(json_str(map, "json")), &whole));
	ck_assert_str_eq(json_str(whole, "name"), "web");
	ck_assert(json_has(whole, "min_disk"));
	ck_assert_uint_eq(strlen(json_str(map, "sha256")), 64);
	ck_assert_ptr_null(json_at(map, "self"));
	cloud_free(c);
}
END_TEST

/* What filters there are go to the service. */
START_TEST(few_requests)
{
	struct cloud *c = cloud_new(openstack_kinds, seed);
	AUTO_JSON map = NULL;

	unit_ok(look_up(c, "{'resource':'network','name':'web'}", &map));
	ck_assert_int_eq(cloud_calls(c), 1);
	AUTO_STR log = cloud_log(c);
	ck_assert_msg(strstr(log, "name=web"), "%s", log);
	cloud_free(c);
}
END_TEST

/* Every resource has a page of keys, and finds nothing or something in an empty query. */
START_TEST(every_resource)
{
	FILE *out = fopen("/dev/null", "w");

	ck_assert_ptr_nonnull(out);
	lookup_resources(out);
	for (const struct resource *const *r = resources; *r; r++)
		if ((*r)->info || (*r)->lookup)
			unit_ok(lookup_keys((*r)->name, out));
	unit_fails(lookup_keys("nothing", out), ERR_USAGE, "there is no 'nothing'");
	(void)fclose(out);
}
END_TEST

UNIT_MAIN("external", finds, refuses, exactly_one, flat_map, few_requests, every_resource)
