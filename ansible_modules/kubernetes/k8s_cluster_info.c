#include "common/tasks.h"

static struct json_object *connection(struct op *op)
{
	static const struct {
		const char *key, *option;
	} rows[] = { { "cert_file", "client_cert" },
		     { "username", "username" },
		     { "ssl_ca_cert", "ca_cert" },
		     { "proxy", "proxy" } };
	struct json_object *o = json_object_new_object();

	json_sets(o, "host", cluster_server(op->cluster));
	for (size_t i = 0; i < COUNT(rows); i++)
		json_sets(o, rows[i].key, json_str(op->want, rows[i].option));
	json_sets(o, "password", NULL);
	json_set(o, "verify_ssl",
		 json_object_new_boolean(json_truth(op->want, "validate_certs", true)));
	return o;
}

static struct err *run(struct op *op)
{
	AUTO_JSON version = NULL;
	AUTO_JSON apis = NULL;
	AUTO_JSON told = json_object_new_object();
	struct err *e;

	if (json_truth(op->want, "invalidate_cache", true))
		kinds_forget(op->cluster);
	e = cluster_version(op->cluster, &version);
	if (!e)
		e = kinds_all(op->cluster, &apis);
	if (e)
		return e;
	json_sets(told, "client", VERSION);
	json_set(told, "server", json_wrap("kubernetes", TAKE(version)));
	put(op, "version", TAKE(told));
	put(op, "apis", TAKE(apis));
	put(op, "connection", connection(op));
	return NULL;
}

static const struct attr attrs[] = {
	{ "invalidate_cache", BOOL, OPTION,
	  "Whether the cluster is asked anew which kinds it has; what has not changed is not sent again.",
	  .value = "true" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "connection", MAP, READONLY, "The server, and who we are there." },
	{ "version", MAP, READONLY, "Ours as client, and that of the server." },
	{ "apis", MAP, READONLY, "By API version and kind: what the cluster has." },
	{ 0 },
};

const struct resource kube_k8s_cluster_info = {
	.name = "k8s_cluster_info",
	.doc = "Tells a cluster's version, which kinds it has, and where it is.",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- name: What the cluster is\n"
		   "  treenail.kubernetes.k8s_cluster_info:\n"
		   "    context: demo\n",
};
