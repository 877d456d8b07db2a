#include <curl/curl.h>
#include <string.h>

#include "cluster/engine.h"
#include "cluster/etcd.h"
#include "session/config.h"

/* The cluster's etcd, from here: through its control planes; its own as kubeadm's own probe of its health. */

enum { READ_S = 60, ETCD_PORT = 2379, NAMES = 64 };

static const struct {
	const char *id, *path;
} files[] = {
	{ "etcd-ca", PKI_FOLDER "/etcd/ca.crt" },
	{ "etcd-cert", PKI_FOLDER "/etcd/healthcheck-client.crt" },
	{ "etcd-key", PKI_FOLDER "/etcd/healthcheck-client.key" },
};
enum { FILES = COUNT(files) };

static struct err *read_files(struct engine *g, const char *node, char *ret[FILES])
{
	AUTO_JSON steps = steps_new();
	struct node_job j = { .node = node, .steps = steps, .check = true, .timeout_s = READ_S };
	struct err *e;

	for (size_t i = 0; i < FILES; i++)
		steps_add(steps, step_read(files[i].id, files[i].path));
	e = engine_node(g, &j);
	for (size_t i = 0; i < FILES && !e; i++) {
		const char *text = json_str(report_step(j.report, files[i].id), "after.content");

		ret[i] = xstrdup(text);
		if (!text)
			e = err_new(ERR_NOT_FOUND, "node %s has no %s", node, files[i].path);
	}
	json_wipe(j.report);
	json_object_put(j.report);
	return e;
}

/* Names of control planes that were reached and have a cluster; owned. */
static size_t reached(struct engine *g, char *names[NAMES])
{
	size_t n = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; n < NAMES; i++) {
		struct json_object *node = cluster_control_plane(g->d, i), *o = NULL;

		if (!node)
			break;
		json_object_object_get_ex(json_at(g->observed, "nodes"), json_str(node, "name"),
					  &o);
		if (o && !json_at(o, "error") && json_truth(o, "kubelet_conf", false))
			names[n++] = xstrdup(json_str(node, "name"));
	}
	pthread_mutex_unlock(&g->lock);
	return n;
}

/* 127.0.0.1 and localhost are in all of kubeadm's certificates for etcd. */
static struct err *open_one(struct engine *g, const char *node, char *const text[FILES],
			    struct etcd_ways *w)
{
	struct tunnel *t = NULL;
	struct err *e = tunnel_open(g, node, "127.0.0.1", ETCD_PORT, &t);

	if (e)
		return e;
	AUTO_STR url = xasprintf("https://127.0.0.1:%d", tunnel_port(t));
	e = etcd_new(
		&(struct etcd_access){
			.name = node, .url = url, .ca = text[0], .cert = text[1], .key = text[2] },
		&w->all[w->n]);
	if (e) {
		tunnel_close(t);
		return e;
	}
	w->tunnels[w->n++] = t;
	return NULL;
}

static struct err *open_stacked(struct engine *g, char *const names[], size_t n,
				struct etcd_ways *ret)
{
	char *text[FILES] = { NULL };
	struct err *e = err_new(ERR_NOT_FOUND, "no control plane is reached");

	for (size_t i = 0; i < n && e; i++) {
		err_free(e);
		for (size_t k = 0; k < FILES; k++)
			wipe_free(TAKE(text[k]));
		e = read_files(g, names[i], text);
	}
	/* One that is not reached is told by etcd_health(), by its name. */
	for (size_t i = 0; i < n && !e; i++)
		e = open_one(g, names[i], text, ret);
	for (size_t k = 0; k < FILES; k++)
		wipe_free(text[k]);
	return e;
}

/* ---- elsewhere ---- */

static struct err *place_of(const char *url, char **ret_host, int *ret_port)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;
	const bool ok = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
			!curl_url_get(u, CURLUPART_HOST, &host, 0) &&
			!curl_url_get(u, CURLUPART_PORT, &port, 0);

	if (ok) {
		const size_t len = strlen(host);

		*ret_host = *host == '[' && len > 2 ? xstrndup(host + 1, len - 2) : xstrdup(host);
		*ret_port = (int)strtol(port, NULL, 10);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return ok ? NULL
		  : err_at(err_new(ERR_USAGE, "'%s' is no address with a port", url), "etcd");
}

/* As an API server there sees it. */
static struct err *open_endpoint(struct engine *g, const char *node, const char *endpoint,
				 const struct buf text[FILES], struct etcd_ways *w)
{
	struct tunnel *t = NULL;
	AUTO_STR host = NULL;
	int port = 0;
	struct err *e = place_of(endpoint, &host, &port);

	if (!e)
		e = tunnel_open(g, node, host, port, &t);
	if (e)
		return e;
	AUTO_STR url = xasprintf("https://127.0.0.1:%d", tunnel_port(t));
	e = etcd_new(&(struct etcd_access){ .name = endpoint,
					    .url = url,
					    .server_name = host,
					    .ca = text[0].s,
					    .cert = text[1].s,
					    .key = text[2].s },
		     &w->all[w->n]);
	if (e) {
		tunnel_close(t);
		return e;
	}
	w->tunnels[w->n++] = t;
	return NULL;
}

static struct err *open_external(struct engine *g, const char *node, struct json_object *etcd,
				 struct etcd_ways *ret)
{
	static const char *const given[FILES] = { "ca_file", "cert_file", "key_file" };
	struct json_object *endpoints = json_at(etcd, "endpoints");
	struct buf text[FILES] = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct err *e = node ? NULL : err_new(ERR_NOT_FOUND, "no control plane is reached");

	for (size_t k = 0; k < FILES && !e; k++) {
		AUTO_STR what = xasprintf("etcd.%s", given[k]);

		e = declared_text(what, json_str(etcd, given[k]), &text[k]);
	}
	for (size_t i = 0; i < json_len(endpoints) && !e; i++)
		e = open_endpoint(g, node, json_object_get_string(json_nth(endpoints, i)), text,
				  ret);
	for (size_t k = 0; k < FILES; k++)
		buf_wipe(&text[k]);
	return e;
}

struct err *etcd_ways_open(struct engine *g, struct etcd_ways *ret)
{
	char *names[NAMES];
	const size_t n = reached(g, names);
	AUTO_JSON etcd = NULL;
	struct err *e;

	pthread_mutex_lock(&g->lock);
	etcd = json_copy(json_at(g->d, "etcd"));
	pthread_mutex_unlock(&g->lock);
	const size_t most = n + json_len(json_at(etcd, "endpoints")) + 1;
	*ret = (struct etcd_ways){ .all = xcalloc(most, sizeof(*ret->all)),
				   .tunnels = xcalloc(most, sizeof(*ret->tunnels)) };
	e = json_is_str(json_at(etcd, "kind"), "external")
		    ? open_external(g, n ? names[0] : NULL, etcd, ret)
		    : open_stacked(g, names, n, ret);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return err_wrap(e, "etcd");
}

void etcd_ways_close(struct etcd_ways *w)
{
	for (size_t i = 0; i < w->n; i++) {
		etcd_free(w->all[i]);
		tunnel_close(w->tunnels[i]);
	}
	free(w->all);
	free(w->tunnels);
	*w = (struct etcd_ways){ .n = 0 };
}
