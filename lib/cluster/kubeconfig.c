#include "cluster/kubeconfig.h"

#include <string.h>

#include "json.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

/* A context without a user is refused by client-go, one whose user has no credentials is not. */
#define NOBODY "nobody"

static void set(struct json_object *o, const char *key, const char *s)
{
	if (s)
		json_sets(o, key, s);
}

static void set_coded(struct json_object *o, const char *key, const char *s)
{
	char *coded = s ? base64_of(s, strlen(s)) : NULL;

	set(o, key, coded);
	wipe_free(coded);
}

/* [{"name": name, KEY: inner}], as all lists of a kubeconfig are. */
static struct json_object *named(const char *name, const char *key, struct json_object *inner)
{
	struct json_object *one = json_object_new_object(), *list = json_object_new_array();

	json_sets(one, "name", name);
	json_set(one, key, inner);
	(void)json_object_array_add(list, one);
	return list;
}

static struct json_object *cluster_of(const struct kubeconfig_parts *k)
{
	struct json_object *o = json_object_new_object();

	set_coded(o, "certificate-authority-data", k->ca);
	set(o, "server", k->server);
	set(o, "tls-server-name", k->server_name);
	return o;
}

static struct json_object *user_of(const struct kubeconfig_parts *k)
{
	struct json_object *o = json_object_new_object();

	set_coded(o, "client-certificate-data", k->cert);
	set_coded(o, "client-key-data", k->key);
	set(o, "token", k->token);
	return o;
}

static struct json_object *context_of(const struct kubeconfig_parts *k, const char *cluster)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "cluster", cluster);
	json_sets(o, "user", k->user ? k->user : NOBODY);
	set(o, "namespace", k->ns);
	return o;
}

void kubeconfig_write(const struct kubeconfig_parts *k, struct buf *ret)
{
	const char *cluster = k->cluster ? k->cluster : "kubernetes";
	AUTO_STR context = k->user ? xasprintf("%s@%s", k->user, cluster) : xstrdup(cluster);
	AUTO_JSON o = json_object_new_object();

	json_sets(o, "apiVersion", "v1");
	json_sets(o, "kind", "Config");
	json_set(o, "clusters", named(cluster, "cluster", cluster_of(k)));
	json_set(o, "users", named(k->user ? k->user : NOBODY, "user", user_of(k)));
	json_set(o, "contexts", named(context, "context", context_of(k, cluster)));
	json_sets(o, "current-context", context);
	yaml_write(o, ret);
	json_wipe(o);
}
