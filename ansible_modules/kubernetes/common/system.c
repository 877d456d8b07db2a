#include "system.h"
#include "kubernetes/cluster.h"

extern const struct resource
	*const kubernetes_modules[]; /* build/obj/kubernetes_modules.c: NAME.c -> kube_NAME */

static const char *const *secrets(struct connection *c)
{
	return cluster_secrets(c->cluster);
}

static struct json_object *warnings(struct connection *c)
{
	return cluster_warnings(c->cluster);
}

static void disconnect(struct connection *c)
{
	cluster_free(c->cluster);
}

static struct err *connect_cluster(struct json_object *options, struct connection *ret)
{
	struct cluster *c = NULL;
	struct err *e = cluster_new(options, &c);

	if (!e)
		*ret = (struct connection){
			.cluster = c, .secrets = secrets, .warnings = warnings, .close = disconnect
		};
	return e;
}

const struct system kubernetes_system = {
	.name = "kubernetes",
	.collection = "treenail.kubernetes",
	.program = "treenail-kubernetes",
	.peer = "kubernetes.core",
	.connection = cluster_options,
	.resources = kubernetes_modules,
	.connect = connect_cluster,
};
