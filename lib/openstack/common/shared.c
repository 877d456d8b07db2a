#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "openstack/shared.h"
#include "text.h"

struct err *set_tags(struct op *op, const struct attr *a, struct json_object *value)
{
	AUTO_STR tail = xasprintf("/%s/tags", op->id);
	AUTO_JSON body = json_wrap("tags", json_object_get(value));
	struct err *e = op_call(op, "PUT", tail, body, NULL);

	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

static void clear_host_bits(unsigned char *addr, size_t len, unsigned prefix)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned keep = prefix >= 8 * (i + 1) ? 8
				      : prefix <= 8 * i     ? 0
							    : prefix - 8 * (unsigned)i;

		addr[i] = (unsigned char)(addr[i] & (0xff00u >> keep));
	}
}

char *address_text(const char *s)
{
	const char *slash = strchr(s, '/');
	AUTO_STR host = slash ? xstrndup(s, (size_t)(slash - s)) : xstrdup(s);
	const int family = strchr(host, ':') ? AF_INET6 : AF_INET;
	const unsigned long bits = family == AF_INET6 ? 128 : 32;
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	char *end = NULL;
	const unsigned long prefix = slash ? strtoul(slash + 1, &end, 10) : bits;

	if (inet_pton(family, host, addr) != 1 || prefix > bits || (slash && (*end || !slash[1])))
		return xstrdup(s);
	clear_host_bits(addr, bits / 8, (unsigned)prefix);
	(void)inet_ntop(family, addr, text, sizeof(text));
	return slash ? xasprintf("%s/%lu", text, prefix) : xstrdup(text);
}

void address_tidy(struct json_object *obj, const char *key)
{
	if (key && json_str(obj, key)) {
		AUTO_STR text = address_text(json_str(obj, key));

		json_sets(obj, key, text);
	}
	for (size_t i = 0; !key && i < json_len(obj); i++) {
		struct json_object *v = json_nth(obj, i);

		if (!json_object_is_type(v, json_type_string))
			continue;
		AUTO_STR text = address_text(json_object_get_string(v));
		(void)json_object_set_string(v, text);
	}
}

void lower_case(struct json_object *obj, const char *key)
{
	AUTO_STR text = xstrdup(json_str(obj, key));

	for (char *s = text; s && *s; s++)
		*s = (char)tolower((unsigned char)*s);
	if (text)
		json_sets(obj, key, text);
}

struct json_object *encode_base64(struct json_object *value)
{
	const char *s = json_object_get_string(value);
	char *text = base64_of(s, strlen(s));
	struct json_object *v = json_object_new_string(text);

	wipe_free(text);
	return v;
}

struct json_object *texts(struct json_object *map)
{
	struct json_object *o = json_object_new_object();

	json_object_object_foreach(map, key, v) {
		AUTO_STR text = json_text(v);

		if (json_object_is_type(v, json_type_boolean))
			json_sets(o, key, json_object_get_boolean(v) ? "True" : "False");
		else
			json_sets(o, key, text);
	}
	return o;
}

struct err *needs_microversion(struct op *op, const char *microversion, const char *option)
{
	bool offered = false;
	struct err *e = op->api->offers(op->api, op->r->service, microversion, &offered);

	if (e || offered)
		return e;
	return err_at(err_new(ERR_USAGE,
			      "%s needs microversion %s of the %s service, which this cloud does "
			      "not offer",
			      option, microversion, op->r->service),
		      option);
}

/* Only the catalogue fails with a refusal that no service has sent. */
bool not_in_catalogue(struct err **e)
{
	if (!*e || (*e)->status || ((*e)->kind != ERR_REMOTE && (*e)->kind != ERR_USAGE))
		return false;
	err_free(*e);
	*e = NULL;
	return true;
}

struct err *other_call(struct op *op, const char *service, const char *method, const char *path,
		       struct json_object *body, struct json_object **ret)
{
	return op_request(op,
			  &(struct request){ .method = method,
					     .service = service,
					     .path = path,
					     .body = body,
					     .secret = true },
			  ret);
}

struct err *needs_text(struct json_object *object, const char *what, const char *key)
{
	const char *s = json_str(object, key);

	return s && *s ? NULL
		       : err_new(ERR_PROTOCOL, "the service's answer has a %s without '%s'", what,
				 key);
}

struct err *no_such(struct api *api, const struct resource *r, const char *query, const char *name)
{
	struct nearest near = { .s = name };
	AUTO_JSON list = NULL;
	struct err *e = resource_list(api, r, NULL, query, &list);

	/* Without the list there is no advice. */
	err_free(e);
	for (size_t i = 0; i < json_len(list); i++)
		if (json_str(json_nth(list, i), "name"))
			nearest_try(&near, json_str(json_nth(list, i), "name"));
	return err_new(ERR_NOT_FOUND, "there is no %s '%s' here%s%s%s", r->key ? r->key : r->name,
		       name, near.best ? ": did you mean '" : "", near.best ? near.best : "",
		       near.best ? "'?" : "");
}
