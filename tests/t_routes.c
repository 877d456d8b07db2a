/* Routes of a router whose Neutron can only be told all of them at once, while others change them too. */
#include "cloud.h"
#include "openstack/routes.h"
#include "unit.h"

#define ROUTERS "/v2.0/routers"

/* The cloud behind it, but for what that Neutron does in another way. */
static struct cloud *cloud;
static bool versioned;   /* knows revisions, and If-Match */
static int others;       /* changes that others make, each between a read and the write after it */
static int64_t revision; /* of the router */

static struct json_object *router(void)
{
	AUTO_JSON all = cloud_contents(cloud);

	json_object_object_foreach(json_at(all, ROUTERS), id, o) {
		(void)id;
		return json_object_get(o);
	}
	ck_abort_msg("there is no router");
	return NULL;
}

static struct err *write_routes(const struct request *req, struct json_object **ret)
{
	revision++;
	return cloud_api(cloud)->call(cloud_api(cloud), req, ret);
}

/* Somebody else's route, with the router's own as they are. */
static void meddle(const char *path)
{
	AUTO_JSON now = router();
	AUTO_STR destination = xasprintf("192.168.%d.0/24", others);
	struct json_object *routes = json_copy(json_at(now, "routes"));
	struct json_object *one = json_object_new_object();
	AUTO_JSON body = json_wrap("router", json_wrap("routes", routes));

	others--;
	json_sets(one, "destination", destination);
	json_sets(one, "nexthop", "10.1.0.250");
	json_object_array_add(routes, one);
	unit_ok(write_routes(
		&(struct request){
			.method = "PUT", .service = "network", .path = path, .body = body },
		NULL));
}

static struct err *old_call(struct api *api, const struct request *req, struct json_object **ret)
{
	struct err *e;

	(void)api;
	if (strstr(req->path, "extraroutes"))
		return cloud_fault(404, "The resource could not be found.");
	if (strcmp(req->method, "GET") == 0) {
		e = cloud_api(cloud)->call(cloud_api(cloud), req, ret);
		if (!e && versioned)
			json_set(json_at(*ret, "router"), "revision_number",
				 json_object_new_int64(revision));
		else if (!e)
			json_object_object_del(json_at(*ret, "router"), "revision_number");
		return e;
	}
	ck_assert(!req->if_match == !versioned);
	if (others)
		meddle(req->path);
	AUTO_STR match = xasprintf("revision_number=%lld", (long long)revision);
	if (versioned && strcmp(req->if_match, match) != 0)
		return cloud_fault(412, "Constrained to %s, but current is %s.", req->if_match,
				   match);
	return write_routes(req, ret);
}

static void old_sleep(struct api *api, int64_t ms)
{
	(void)api;
	cloud_pass_ms(cloud, ms);
}

static struct api old = { .call = old_call, .sleep_ms = old_sleep };
static struct outcome out;
static struct op op = { .api = &old, .out = &out };

static char *fresh(bool knows_revisions)
{
	AUTO_JSON body = json_wrap("router", json_wrap("name", json_object_new_string("r")));
	AUTO_JSON answer = NULL;

	cloud = cloud_new(openstack_kinds, openstack_seed);
	versioned = knows_revisions;
	revision = 7;
	unit_ok(cloud_api(cloud)->call(
		cloud_api(cloud),
		&(struct request){
			.method = "POST", .service = "network", .path = ROUTERS, .body = body },
		&answer));
	cloud_log_clear(cloud);
	return xstrdup(json_str(answer, "router.id"));
}

static struct json_object *route(const char *destination)
{
	struct json_object *list = json_object_new_array();
	struct json_object *one = json_object_new_object();

	json_sets(one, "destination", destination);
	json_sets(one, "nexthop", "10.1.0.9");
	json_object_array_add(list, one);
	return list;
}

static void has_routes(const char *destinations)
{
	AUTO_JSON now = router();
	AUTO_BUF text = BUF_INIT;

	for (size_t i = 0; i < json_len(json_at(now, "routes")); i++)
		buf_addf(&text, "%s%s", i ? " " : "",
			 json_str(json_nth(json_at(now, "routes"), i), "destination"));
	ck_assert_str_eq(text.s, destinations);
}

static void one_by_one_of(bool knows_revisions)
{
	AUTO_STR id = fresh(knows_revisions);
	AUTO_JSON a = route("10.8.0.0/16");
	AUTO_JSON b = route("10.9.0.0/16");

	unit_ok(routes_add(&op, id, a));
	unit_ok(routes_add(&op, id, b));
	has_routes("10.8.0.0/16 10.9.0.0/16");
	cloud_log_clear(cloud);
	unit_ok(routes_add(&op, id, b));
	ck_assert_int_eq(cloud_writes(cloud), 0);
	unit_ok(routes_remove(&op, id, a));
	has_routes("10.9.0.0/16");
	cloud_log_clear(cloud);
	unit_ok(routes_remove(&op, id, a));
	ck_assert_int_eq(cloud_writes(cloud), 0);
	cloud_free(cloud);
}

START_TEST(one_by_one)
{
	one_by_one_of(true);
	one_by_one_of(false);
}
END_TEST

/* What others write in between is neither lost nor undone. */
START_TEST(side_by_side)
{
	AUTO_STR id = fresh(true);
	AUTO_JSON a = route("10.8.0.0/16");

	others = 3;
	unit_ok(routes_add(&op, id, a));
	has_routes("192.168.3.0/24 192.168.2.0/24 192.168.1.0/24 10.8.0.0/16");
	others = 1;
	unit_ok(routes_remove(&op, id, a));
	has_routes("192.168.3.0/24 192.168.2.0/24 192.168.1.0/24 192.168.1.0/24");
	cloud_free(cloud);
}
END_TEST

START_TEST(gives_up)
{
	AUTO_STR id = fresh(true);
	AUTO_JSON a = route("10.8.0.0/16");
	AUTO_STR none = xstrdup("00000000-0000-4000-8000-000000000000");

	others = 1000;
	unit_fails(routes_add(&op, id, a), ERR_REMOTE, "adding routes: ");
	ck_assert_int_gt(others, 900);
	others = 0;
	unit_fails(routes_remove(&op, none, a), ERR_NOT_FOUND, "removing routes: ");
	cloud_free(cloud);
}
END_TEST

UNIT_MAIN("routes", one_by_one, side_by_side, gives_up)
