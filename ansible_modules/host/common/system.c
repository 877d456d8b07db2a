#include <string.h>

#include "ssh/hosts.h"
#include "system.h"

extern const struct resource
	*const host_modules[]; /* build/obj/host_modules.c: NAME.c -> host_NAME */

static const char *const *secrets(struct connection *c)
{
	return ssh_hosts_secrets(c->hosts);
}

static struct json_object *warnings(struct connection *c)
{
	return ssh_hosts_warnings(c->hosts);
}

static void disconnect(struct connection *c)
{
	ssh_hosts_free(c->hosts);
}

/* A list as it is, "a,b" as one; NULL: what it is cannot be one. Owned. */
static struct json_object *list_of(struct json_object *hosts)
{
	struct json_object *list = json_object_new_array();

	if (json_object_is_type(hosts, json_type_array)) {
		json_object_put(list);
		return json_object_get(hosts);
	}
	if (json_object_is_type(hosts, json_type_object)) {
		json_object_array_add(list, json_object_get(hosts));
		return list;
	}
	AUTO_STR text = json_text(hosts);
	char *rest = text;
	while (rest) {
		const char *one = strsep(&rest, ", \n");

		if (*one)
			json_object_array_add(list, json_object_new_string(one));
	}
	return list;
}

/* What holds for all hosts. */
static struct json_object *defaults_of(struct json_object *options)
{
	struct json_object *o = json_object_new_object();

	for (const struct attr *a = ssh_host_options; a->name; a++)
		if (json_has(options, a->name))
			json_set(o, a->name, json_copy(json_at(options, a->name)));
	return o;
}

static struct err *check_numbers(struct json_object *options)
{
	static const char *const names[] = { "forks", "max_fail" };

	for (size_t i = 0; i < COUNT(names); i++)
		if (json_int(options, names[i], 0) < 0 || json_int(options, names[i], 0) > 1000000)
			return err_at(
				err_new(ERR_USAGE, "%s is a number from 0 to 1000000", names[i]),
				names[i]);
	return NULL;
}

static struct err *connect_hosts(struct json_object *options, struct connection *ret)
{
	static const char *const own[] = { "address", "name" };
	struct json_object *given = json_at(options, "hosts");
	AUTO_JSON defaults = defaults_of(options);
	AUTO_JSON list = given ? list_of(given) : json_object_new_array();
	struct ssh_hosts *h = NULL;
	struct err *e = check_numbers(options);

	for (size_t i = 0; i < COUNT(own) && given && !e; i++)
		if (json_has(defaults, own[i]))
			e = err_at(err_new(ERR_USAGE,
					   "%s is that of one host: give it in hosts, or "
					   "without hosts",
					   own[i]),
				   own[i]);
	if (!given && !json_has(defaults, "address") && !json_has(defaults, "name") && !e)
		e = err_at(err_new(ERR_USAGE, "no host is named: give hosts, or address"), "hosts");
	if (!given)
		json_object_array_add(list, json_object_new_object());
	if (!e)
		e = ssh_hosts_open(list, "hosts", defaults, NULL, &h);
	if (!e)
		*ret = (struct connection){
			.hosts = h, .secrets = secrets, .warnings = warnings, .close = disconnect
		};
	return e;
}

const struct system host_system = {
	.name = "host",
	.collection = "treenail.host",
	.program = "treenail-host",
	.connection = ssh_host_options,
	.resources = host_modules,
	.connect = connect_hosts,
};
