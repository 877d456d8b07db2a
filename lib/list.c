/* Lists of a service, page by page, and single objects by their path. */
#include <string.h>

#include "find.h"

enum { MAX_PAGES = 10000 };

const char *resource_key(const struct resource *r)
{
	return r->identifier ? r->identifier : "id";
}

/* Nova, Neutron and Cinder say "servers_links", Keystone "links.next", Glance "next". */
static const char *next_link(struct json_object *answer, const char *keys)
{
	AUTO_STR name = xasprintf("%s_links", keys);
	struct json_object *links = json_at(answer, name);

	for (size_t i = 0; i < json_len(links); i++)
		if (json_is_str(json_at(json_nth(links, i), "rel"), "next"))
			return json_str(json_nth(links, i), "href");
	if (json_str(answer, "links.next"))
		return json_str(answer, "links.next");
	return json_str(answer, "next");
}

struct err *list_pages(struct api *api, const struct request *first, const char *keys,
		       struct json_object **ret)
{
	AUTO_JSON all = json_object_new_array();
	AUTO_STR path = xstrdup(first->path);

	for (int page = 0; path; page++) {
		struct request req = *first;
		AUTO_JSON answer = NULL;
		struct json_object *list;
		struct err *e;

		if (page == MAX_PAGES)
			return err_new(ERR_PROTOCOL, "GET %s: more than %d pages", path, MAX_PAGES);
		req.method = "GET";
		req.path = path;
		e = api->call(api, &req, &answer);
		if (e)
			return e;
		list = json_at(answer, keys);
		if (!json_object_is_type(list, json_type_array))
			return err_new(ERR_PROTOCOL, "GET %s %s: the answer has no list '%s'",
				       first->service, path, keys);
		for (size_t i = 0; i < json_len(list); i++)
			json_object_array_add(all, json_object_get(json_nth(list, i)));
		AUTO_STR old = path;
		path = json_len(list) ? xstrdup(next_link(answer, keys)) : NULL;
		if (path && strcmp(path, old) == 0)
			return err_new(ERR_PROTOCOL, "GET %s: the next page is the same page",
				       path);
	}
	*ret = TAKE(all);
	return NULL;
}

/* The object as attributes; what has no ID can be neither changed nor referred to. */
static struct err *decode(const struct resource *r, struct json_object *wire, const char *path,
			  struct json_object **ret)
{
	AUTO_JSON o = NULL;

	if (!json_object_is_type(wire, json_type_object))
		return err_new(ERR_PROTOCOL, "GET %s %s: where an object should be is %s",
			       r->service, path, json_type_words(wire));
	o = attrs_decode(r->attrs, wire);
	if (attr_named(r->attrs, resource_key(r)) && !json_str(o, resource_key(r)))
		return err_new(ERR_PROTOCOL, "GET %s %s: what was found has no '%s'", r->service,
			       path, resource_key(r));
	*ret = TAKE(o);
	return NULL;
}

struct err *resource_list(struct api *api, const struct resource *r, const char *path,
			  const char *query, struct json_object **ret)
{
	AUTO_BUF full = BUF_INIT;
	AUTO_JSON wire = NULL;
	AUTO_JSON all = json_object_new_array();
	struct request req = { .service = r->service, .microversion = r->microversion };
	struct err *e;

	buf_adds(&full, path ? path : r->list ? r->list : r->path);
	if (r->list_query)
		buf_addf(&full, "?%s", r->list_query);
	if (query && *query)
		buf_addf(&full, "%c%s", strchr(full.s, '?') ? '&' : '?', query);
	req.path = full.s;
	e = list_pages(api, &req, r->keys, &wire);
	for (size_t i = 0; i < json_len(wire) && !e; i++) {
		struct json_object *one = json_nth(wire, i), *o = NULL;

		/* Nova wraps each key pair of a list once more. */
		if (r->key && json_object_is_type(json_at(one, r->key), json_type_object) &&
		    json_object_object_length(one) == 1)
			one = json_at(one, r->key);
		e = decode(r, one, full.s, &o);
		if (!e)
			json_object_array_add(all, o);
	}
	if (!e)
		*ret = TAKE(all);
	return e;
}

struct err *resource_get_path(struct api *api, const struct resource *r, const char *path,
			      struct json_object **ret)
{
	AUTO_JSON answer = NULL;
	struct request req = { .method = "GET",
			       .service = r->service,
			       .path = path,
			       .microversion = r->microversion };
	struct err *e = api->call(api, &req, &answer);
	struct json_object *one;

	if (e)
		return e;
	one = r->key ? json_at(answer, r->key) : answer;
	if (!json_object_is_type(one, json_type_object))
		return err_new(ERR_PROTOCOL, "GET %s %s: the answer has no '%s'", r->service, path,
			       r->key ? r->key : "object");
	return decode(r, one, path, ret);
}

struct err *resource_get(struct api *api, const struct resource *r, const char *id,
			 struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;

	buf_addf(&path, "%s/", r->path);
	buf_addurl(&path, id);
	return resource_get_path(api, r, path.s, ret);
}

void query_text(struct buf *query, const char *name, const char *value)
{
	if (query->len)
		buf_adds(query, "&");
	buf_addurl(query, name);
	buf_adds(query, "=");
	buf_addurl(query, value);
}

void query_param(struct buf *query, const char *name, struct json_object *v)
{
	AUTO_STR text = json_text(v);

	query_text(query, name, text);
}
