#include "openstack/routes.h"
#include "openstack/shared.h"

enum { TRIES = 20, PAUSE_MS = 100 };

static struct json_object *changed(struct json_object *have, struct json_object *routes, bool add)
{
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_len(have); i++)
		if (!json_list_has(routes, json_nth(have, i)))
			json_object_array_add(all, json_copy(json_nth(have, i)));
	for (size_t i = 0; i < json_len(routes) && add; i++)
		json_object_array_add(all, json_copy(json_nth(routes, i)));
	return all;
}

/* The whole list anew, if it still is the one that was read. */
static struct err *replace_once(struct op *op, const char *path, struct json_object *routes,
				bool add)
{
	AUTO_JSON answer = NULL;
	AUTO_JSON body = json_object_new_object();
	struct err *e = other_call(op, "network", "GET", path, NULL, &answer);
	struct json_object *router = json_at(answer, "router");
	struct json_object *all;

	if (e)
		return e;
	all = changed(json_at(router, "routes"), routes, add);
	json_set(body, "router", json_wrap("routes", all));
	if (json_len(all) == json_len(json_at(router, "routes")))
		return NULL;
	AUTO_STR match = json_at(router, "revision_number")
				 ? xasprintf("revision_number=%lld",
					     (long long)json_int(router, "revision_number", 0))
				 : NULL;
	return op_request(op,
			  &(struct request){ .method = "PUT",
					     .service = "network",
					     .path = path,
					     .body = body,
					     .if_match = match },
			  NULL);
}

static struct err *replace(struct op *op, const char *path, struct json_object *routes, bool add)
{
	for (int i = 1;; i++) {
		struct err *e = replace_once(op, path, routes, add);

		if (!e || e->status != 412 || i == TRIES)
			return e;
		err_free(e);
		op->api->sleep_ms(op->api, PAUSE_MS * i);
	}
}

static struct err *change(struct op *op, const char *router, struct json_object *routes, bool add)
{
	AUTO_STR path = xasprintf("/v2.0/routers/%s", router);
	AUTO_STR call = xasprintf("%s/%s", path, add ? "add_extraroutes" : "remove_extraroutes");
	AUTO_JSON body = json_wrap("router", json_wrap("routes", json_copy(routes)));
	struct err *e = other_call(op, "network", "PUT", call, body, NULL);

	/* Before Ussuri there is no such call; or there is no such router. */
	if (!e || e->status != 404)
		return e;
	err_free(e);
	return replace(op, path, routes, add);
}

struct err *routes_add(struct op *op, const char *router, struct json_object *routes)
{
	return err_wrap(change(op, router, routes, true), "adding routes");
}

struct err *routes_remove(struct op *op, const char *router, struct json_object *routes)
{
	return err_wrap(change(op, router, routes, false), "removing routes");
}
