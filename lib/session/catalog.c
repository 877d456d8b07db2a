#include "session/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

/* Names by os-service-types, which openstacksdk uses. */
static const struct service services[] = {
	{ "compute", "2", false, "compute", "X-OpenStack-Nova-API-Version" },
	{ "block-storage volumev3 volumev2 volume block-store", "3", true, "volume", NULL },
	{ "shared-file-system sharev2 share", "2", false, "shared-file-system",
	  "X-OpenStack-Manila-API-Version" },
	{ "baremetal bare-metal", NULL, false, "baremetal", "X-OpenStack-Ironic-API-Version" },
	{ "container-infrastructure-management container-infrastructure container-infra", NULL,
	  false, "container-infra", NULL },
	{ "alarm alarming", NULL, false, "alarm", NULL },
	{ "application-container container", NULL, false, "container", NULL },
	{ "clustering resource-cluster cluster", NULL, false, "clustering", NULL },
	{ "event events", NULL, false, "event", NULL },
	{ "instance-ha ha", NULL, false, "instance-ha", NULL },
	{ "message messaging", NULL, false, "message", NULL },
	{ "meter metering telemetry", NULL, false, "meter", NULL },
	{ "resource-optimization infra-optim", NULL, false, "infra-optim", NULL },
	{ "root-cause-analysis rca", NULL, false, "rca", NULL },
	{ "workflow workflowv2", NULL, false, "workflow", NULL },
};

const struct service *service_find(const char *type, struct service *room)
{
	for (size_t i = 0; i < COUNT(services); i++)
		if (words_have(services[i].types, type))
			return &services[i];
	*room = (struct service){ .types = type, .header_type = type };
	return room;
}

/* ---- URLs ---- */

size_t version_segment(const char *s)
{
	const char *digits = "0123456789";
	size_t n = *s == 'v' ? strspn(s + 1, digits) : 0;

	if (!n)
		return 0;
	n++;
	if (s[n] == '.' && strspn(s + n + 1, digits))
		n += 1 + strspn(s + n + 1, digits);
	return s[n] && !strchr("/?#", s[n]) ? 0 : n;
}

/* Behind scheme, host and port. */
static const char *url_path(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? host + 3 + strcspn(host + 3, "/?#") : url;
}

/* The '/' before the first version in a URL's path; NULL: there is none. */
static const char *url_version(const char *url)
{
	for (const char *p = url_path(url); *p == '/'; p += 1 + strcspn(p + 1, "/"))
		if (version_segment(p + 1))
			return p;
	return NULL;
}

char *url_unversioned(const char *url)
{
	const char *p = url_version(url);

	return p ? xstrndup(url, (size_t)(p - url)) : xstrdup(url);
}

char *url_versioned(const char *url)
{
	const char *p = url_version(url);

	return p ? xstrndup(url, (size_t)(p + 1 - url) + version_segment(p + 1)) : NULL;
}

/* A link the service made, moved to where we reach the service. */
static char *url_move(const char *endpoint, const char *link)
{
	const char *path = url_path(link);
	const size_t host = (size_t)(url_path(endpoint) - endpoint);
	AUTO_STR bare = url_unversioned(endpoint);
	const char *prefix = url_path(bare);
	const size_t len = strlen(prefix);

	if ((size_t)(path - link) == host && strncmp(link, endpoint, host) == 0)
		return xstrdup(link);
	/* A proxy's prefix (/compute/v2.1) is unknown to the service (/v2.1). */
	if (strncmp(path, prefix, len) == 0)
		prefix = "";
	return xasprintf("%.*s%s%s", (int)host, endpoint, prefix, path);
}

char *url_join(const char *endpoint, const char *path)
{
	const char *last = strrchr(endpoint, '/');

	if (strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0)
		return url_move(endpoint, path);
	if (*path == '/' && version_segment(path + 1) && last && version_segment(last + 1))
		return xasprintf("%.*s%s", (int)(last - endpoint), endpoint, path);
	return xasprintf("%s%s%s", endpoint, *path == '/' || !*path ? "" : "/", path);
}

/* ---- endpoints ---- */

/* "publicURL" is a name from Keystone v2's time. */
static bool interface_is(const char *interface, const char *wanted, size_t len)
{
	if (len > 3 && strncmp(wanted + len - 3, "URL", 3) == 0)
		len -= 3;
	return strlen(interface) == len && strncmp(interface, wanted, len) == 0;
}

/* The wanted interfaces as words, the preferred one first. Owned. */
static char *interfaces(const struct config *c, const struct service *s)
{
	struct json_object *list = json_at(c->config, "interface");
	const char *own = config_service(c, s->types, "interface");
	AUTO_BUF b = BUF_INIT;

	if (own)
		return xstrdup(own);
	if (json_object_is_type(list, json_type_string))
		return xstrdup(json_object_get_string(list));
	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_is_type(json_nth(list, i), json_type_string))
			buf_addf(&b, "%s ", json_object_get_string(json_nth(list, i)));
	return buf_take(&b);
}

struct wish {
	const char *types, *region, *interfaces, *name;
};

static const struct endpoint *endpoint_pick(const struct login *l, const struct wish *w,
					    const char *type, const char *interface)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct endpoint *e = &l->endpoints[i];

		if (strlen(e->type) != words_len(type) ||
		    strncmp(e->type, type, words_len(type)) != 0 ||
		    (*w->region && strcmp(e->region, w->region) != 0) ||
		    (w->name && *e->name && strcmp(e->name, w->name) != 0))
			continue;
		if (interface_is(e->interface, interface, words_len(interface)))
			return e;
	}
	return NULL;
}

static const struct endpoint *endpoint_find(const struct login *l, const struct wish *w)
{
	WORDS_EACH(type, w->types) {
		WORDS_EACH(interface, w->interfaces) {
			const struct endpoint *e = endpoint_pick(l, w, type, interface);

			if (e)
				return e;
		}
	}
	return NULL;
}

static void once(struct json_object *set, const char *s)
{
	if (*s && !json_has(set, s))
		json_set(set, s, NULL);
}

static void names_add(struct buf *b, struct json_object *set)
{
	const size_t start = b->len;

	json_object_object_foreach(set, key, v) {
		(void)v;
		buf_addf(b, "%s%s", b->len > start ? ", " : "", key);
	}
}

/* What the catalogue has instead: the service elsewhere, or the other services. */
static struct err *endpoint_missing(const struct config *c, const struct login *l,
				    const struct wish *w, const char *type)
{
	AUTO_JSON places = json_object_new_object();
	AUTO_JSON types = json_object_new_object();
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < l->n; i++) {
		AUTO_STR place =
			xasprintf("%s (%s)", l->endpoints[i].region, l->endpoints[i].interface);

		once(types, l->endpoints[i].type);
		if (words_have(w->types, l->endpoints[i].type))
			once(places, place);
	}
	buf_addf(&b, "the catalogue of %s has no '%s' service", c->title, type);
	if (*w->region)
		buf_addf(&b, " in region '%s'", w->region);
	buf_addf(&b, " with interface '%s'", w->interfaces);
	if (json_object_object_length(places)) {
		buf_adds(&b, "; it is in ");
		names_add(&b, places);
		return err_at(err_new(ERR_USAGE, "%s", b.s), "region_name");
	}
	buf_adds(&b, json_object_object_length(types) ? "; it has "
						      : "; it is empty: is the login "
							"scoped to a project?");
	names_add(&b, types);
	return err_new(ERR_REMOTE, "%s", b.s);
}

/* %(project_id)s and %(tenant_id)s, as overrides may have them. */
static char *override_expand(const char *url, const struct login *l)
{
	static const char *const names[] = { "%(project_id)s", "%(tenant_id)s", "%(user_id)s" };
	AUTO_BUF b = BUF_INIT;

	while (*url) {
		size_t i = 0;

		while (i < COUNT(names) && strncmp(url, names[i], strlen(names[i])) != 0)
			i++;
		if (i < COUNT(names)) {
			buf_adds(&b, i == 2 ? l->user : l->project);
			url += strlen(names[i]);
		} else {
			(void)buf_add(&b, url++, 1);
		}
	}
	return buf_take(&b);
}

static char *configured_url(const struct config *c, const struct login *l,
			    const struct service *service)
{
	const char *url = config_service(c, service->types, "endpoint_override");

	if (!url)
		url = config_service(c, service->types, "endpoint");
	if (!url && !auth_asks(c))
		url = config_auth(c, "endpoint");
	/* A token without scope has no catalogue, but Keystone answers it. */
	if (!url && !l->n && auth_asks(c) && strcmp(service->types, "identity") == 0)
		return auth_base(c);
	return url ? override_expand(url, l) : NULL;
}

struct err *catalog_url(const struct config *c, const struct login *l,
			const struct service *service, const char *type, char **ret)
{
	const char *region = config_service(c, service->types, "region_name");
	const char *own_type = config_service(c, service->types, "service_type");
	AUTO_STR wanted = interfaces(c, service);
	const struct wish w = { .types = own_type ? own_type : service->types,
				.region = region ? region : c->region,
				.interfaces = wanted,
				.name = config_service(c, service->types, "service_name") };
	const struct endpoint *e;
	char *url = configured_url(c, l, service);

	if (!url) {
		e = endpoint_find(l, &w);
		if (!e)
			return endpoint_missing(c, l, &w, type);
		url = xstrdup(e->url);
	}
	for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
		url[len - 1] = '\0';
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
		AUTO_STR bad = url;

		return err_new(ERR_REMOTE, "the endpoint of '%s' is no http URL: '%s'", type, bad);
	}
	*ret = url;
	return NULL;
}

/* ---- versions ---- */

static unsigned long number(const char **s)
{
	char *end;
	const unsigned long n = strtoul(*s, &end, 10);

	*s = end;
	return n;
}

int microversion_compare(const char *a, const char *b)
{
	for (int i = 0; i < 2; i++) {
		const unsigned long x = number(&a);
		const unsigned long y = number(&b);

		if (x != y)
			return x < y ? -1 : 1;
		a += *a == '.';
		b += *b == '.';
	}
	return 0;
}

void version_release(struct version *v)
{
	free(v->url);
	free(v->base);
	free(v->min);
	free(v->max);
	*v = (struct version){ 0 };
}

static const char *link_self(struct json_object *entry)
{
	struct json_object *links = json_at(entry, "links");

	for (size_t i = 0; i < json_len(links); i++)
		if (json_is_str(json_at(json_nth(links, i), "rel"), "self"))
			return json_str(json_nth(links, i), "href");
	return NULL;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static const char *max_of(struct json_object *entry)
{
	const char *s = json_str(entry, "max_version");

	return or_empty(s ? s : json_str(entry, "version"));
}

static bool major_is(struct json_object *entry, const char *major)
{
	const char *id = or_empty(json_str(entry, "id"));
	const size_t len = major ? strlen(major) : 0;

	id += *id == 'v';
	return !major || (strncmp(id, major, len) == 0 && (!id[len] || id[len] == '.'));
}

/* Nova lists v2.0, which has no microversions, beside v2.1, which has. */
static bool better(struct json_object *entry, struct json_object *than)
{
	if (!than)
		return true;
	if (!*max_of(entry) != !*max_of(than))
		return *max_of(entry) != '\0';
	return microversion_compare(or_empty(json_str(entry, "id")) + 1,
				    or_empty(json_str(than, "id")) + 1) > 0;
}

/* {"version": {}}, {"versions": [{}]}, Keystone's {"versions": {"values": [{}]}}. */
static struct json_object *entry_pick(struct json_object *doc, const char *major)
{
	struct json_object *one = json_at(doc, "version");
	struct json_object *list = json_at(doc, "versions");
	struct json_object *best = NULL;

	if (json_object_is_type(one, json_type_object))
		return major_is(one, major) ? one : NULL;
	if (json_object_is_type(list, json_type_object))
		list = json_at(list, "values");
	for (size_t i = 0; i < json_len(list); i++)
		if (json_object_is_type(json_nth(list, i), json_type_object) &&
		    major_is(json_nth(list, i), major) && better(json_nth(list, i), best))
			best = json_nth(list, i);
	return best;
}

struct err *version_parse(struct json_object *doc, const char *url, const char *major,
			  struct version *ret)
{
	struct json_object *entry = entry_pick(doc, major);
	const char *self = entry ? link_self(entry) : NULL;
	AUTO_STR guess = NULL;

	if (!entry)
		return err_new(ERR_PROTOCOL, "%s: no version%s%s in the list of versions", url,
			       major ? " " : "", major ? major : "");
	if (!self) {
		guess = xasprintf("%s/%s", url, or_empty(json_str(entry, "id")));
		self = guess;
	}
	*ret = (struct version){ .url = xstrdup(url),
				 .base = url_join(url, self),
				 .min = xstrdup(or_empty(json_str(entry, "min_version"))),
				 .max = xstrdup(max_of(entry)) };
	for (size_t len = strlen(ret->base); len && ret->base[len - 1] == '/'; len--)
		ret->base[len - 1] = '\0';
	return NULL;
}
