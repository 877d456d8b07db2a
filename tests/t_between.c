/* What stands between two objects, for those who keep IDs: each creation is one more, and only theirs goes. */
#include "cloud.h"
#include "resource.h"
#include "unit.h"

extern const struct resource os_floating_ip_association, os_network, os_router_interface,
	os_server_interface;

static struct cloud *cloud;
static char *mine; /* ID of what is somebody's already */

static bool claim(const struct keeper *k, struct op *op, const char *id)
{
	(void)k;
	(void)op;
	return !mine || strcmp(mine, id) != 0;
}

static const struct keeper keeper = { .claim = claim };
static enum action done;

/* Returns the ID, or NULL if it did not work out. */
static char *apply(const struct resource *r, const char *state, const char *id, const char *want)
{
	struct outcome out = { 0 };
	struct op op = { .api = cloud_api(cloud),
			 .r = r,
			 .state = state,
			 .want = unit_json(want),
			 .id = id,
			 .wait = true,
			 .keeper = &keeper,
			 .out = &out };
	struct err *e = NULL;
	char *ret;

	resource_apply(&op, 1, 1, &e);
	if (e)
		(void)printf("%s\n", e->text);
	done = out.plan.action;
	ret = e ? NULL : xstrdup(out.id);
	err_free(e);
	json_object_put(op.want);
	outcome_release(&out);
	return ret;
}

static char *made(const struct resource *r, const char *want)
{
	char *id = apply(r, "present", NULL, want);

	ck_assert_msg(id, "%s", r->name);
	return id;
}

/* What is there before; returns its ID. */
static char *given(const char *service, const char *path, const char *text)
{
	AUTO_JSON body = unit_json(text);
	AUTO_JSON answer = NULL;

	unit_ok(cloud_api(cloud)->call(
		cloud_api(cloud),
		&(struct request){
			.method = "POST", .service = service, .path = path, .body = body },
		&answer));
	json_object_object_foreach(answer, key, one) {
		(void)key;
		return xstrdup(json_str(one, "id"));
	}
	ck_abort_msg("the answer is empty");
	return NULL;
}

static char *network, *subnet;

static void fresh(void)
{
	cloud = cloud_new(openstack_kinds, openstack_seed);
	network = given("network", "/v2.0/networks", "{'network': {'name': 'n'}}");
	AUTO_STR text =
		xasprintf("{'subnet': {'network_id': '%s', 'cidr': '10.1.0.0/24'}}", network);
	subnet = given("network", "/v2.0/subnets", text);
}

static void over(void)
{
	free(network);
	free(subnet);
	free(mine);
	mine = NULL;
	cloud_free(cloud);
}

START_TEST(one_network_twice)
{
	fresh();
	AUTO_STR server =
		given("compute", "/servers", "{'server': {'name': 's', 'flavorRef': '1'}}");
	AUTO_STR want = xasprintf("{'server_id': '%s', 'net_id': '%s'}", server, network);
	mine = made(&os_server_interface, want);
	AUTO_STR second = made(&os_server_interface, want);
	ck_assert_str_ne(mine, second);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/ports"), 2);
	AUTO_STR away = apply(&os_server_interface, "absent", second, want);
	ck_assert_int_eq(done, DELETED);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/ports"), 1);
	/* The answer is lost: of two that fit, the one that is nobody's is ours. */
	cloud_log_clear(cloud);
	cloud_fail_at(cloud, 1, CLOUD_LOST);
	AUTO_STR third = made(&os_server_interface, want);
	ck_assert_str_ne(mine, third);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/ports"), 2);
	over();
}
END_TEST

START_TEST(interface_of_a_router)
{
	fresh();
	AUTO_STR router = given("network", "/v2.0/routers", "{'router': {'name': 'r'}}");
	AUTO_STR want = xasprintf("{'router_id': '%s', 'subnet_id': '%s'}", router, subnet);
	cloud_fail_at(cloud, cloud_calls(cloud) + 1, CLOUD_LOST);
	AUTO_STR id = made(&os_router_interface, want);
	ck_assert_int_eq(done, CREATED);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/ports"), 1);
	AUTO_STR again = apply(&os_router_interface, "present", id, want);
	ck_assert_int_eq(done, NONE);
	AUTO_STR away = apply(&os_router_interface, "absent", id, "{}");
	ck_assert_int_eq(done, DELETED);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/ports"), 0);
	over();
}
END_TEST

START_TEST(address_of_a_port)
{
	fresh();
	AUTO_STR port = xasprintf("{'port': {'network_id': '%s'}}", network);
	AUTO_STR p = given("network", "/v2.0/ports", port);
	AUTO_STR q = given("network", "/v2.0/ports", port);
	AUTO_STR taken = xasprintf("{'floatingip': {'floating_network_id': "
				   "'ee000000-0000-4000-8000-000000000001', 'port_id': '%s'}}",
				   p);
	AUTO_STR address = given("network", "/v2.0/floatingips", taken);
	AUTO_STR to_p = xasprintf("{'floating_ip_address': '%s', 'port_id': '%s'}", address, p);
	AUTO_STR to_q = xasprintf("{'floating_ip_address': '%s', 'port_id': '%s'}", address, q);
	AUTO_STR moved = made(&os_floating_ip_association, to_q);
	ck_assert_int_eq(done, CREATED);
	ck_assert_str_eq(moved, address);
	/* It leads elsewhere by now: that is not ours to end. */
	AUTO_STR other = apply(&os_floating_ip_association, "absent", address, to_p);
	ck_assert_int_eq(done, NONE);
	AUTO_STR back = apply(&os_floating_ip_association, "present", address, to_p);
	ck_assert_int_eq(done, UPDATED);
	AUTO_STR away = apply(&os_floating_ip_association, "absent", address, to_p);
	ck_assert_int_eq(done, DELETED);
	ck_assert_uint_eq(cloud_count(cloud, "/v2.0/floatingips"), 1);
	over();
}
END_TEST

START_TEST(one_that_is_gone)
{
	fresh();
	const int before = cloud_writes(cloud);
	AUTO_STR id = apply(&os_network, "present", "a0000000-0000-4000-8000-000000000009",
			    "{'mtu': 1400}");
	ck_assert_ptr_null(id);
	ck_assert_int_eq(cloud_writes(cloud), before);
	over();
}
END_TEST

UNIT_MAIN("between", one_network_twice, interface_of_a_router, address_of_a_port, one_that_is_gone)
