#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/engine.h"
#include "digest.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

/* How the cluster's API is reached from here, and who we are there. */

enum { REACH_MS = 1500, TUNNEL_MS = 30000 };

/* ---- through a control plane ---- */

/* The host's session keeps it open, and that stays as long as the run. */
struct tunnel {
	struct tunnel *next; /* of g->through: */
	char *node;
	struct ssh_forward *forward;
};

struct way {
	const char *host;
	int port;
	struct ssh_forward *forward;
};

static struct err *forward(struct ssh_session *s, void *arg)
{
	struct way *w = arg;

	return ssh_forward(s, w->host, w->port, &w->forward);
}

struct err *tunnel_open(struct engine *g, const char *node, const char *host, int port,
			struct tunnel **ret)
{
	struct way w = { .host = host, .port = port };
	struct err *e = engine_host(g, node, forward, &w, TUNNEL_MS);

	if (e)
		return err_wrap(e, "reaching port %d through it", port);
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->forward = w.forward;
	return NULL;
}

int tunnel_port(const struct tunnel *t)
{
	return ssh_forward_port(t->forward);
}

void tunnel_close(struct tunnel *t)
{
	if (!t)
		return;
	ssh_forward_close(t->forward);
	free(t->node);
	free(t);
}

void tunnels_close(struct engine *g)
{
	while (g->through) {
		struct tunnel *t = g->through;

		g->through = t->next;
		tunnel_close(t);
	}
}

static int kept_port(struct engine *g, const char *node)
{
	int port = 0;

	pthread_mutex_lock(&g->lock);
	for (const struct tunnel *t = g->through; t && !port; t = t->next)
		if (strcmp(t->node, node) == 0 && !ssh_forward_ended(t->forward))
			port = tunnel_port(t);
	pthread_mutex_unlock(&g->lock);
	return port;
}

/* The one to a node's API server is kept for whoever asks again, as often as that may be. */
static struct err *api_port_through(struct engine *g, const char *node, int far_port, int *ret)
{
	struct tunnel *t = NULL;
	struct err *e;

	*ret = kept_port(g, node);
	if (*ret)
		return NULL;
	e = tunnel_open(g, node, "127.0.0.1", far_port, &t);
	if (e)
		return e;
	t->node = xstrdup(node);
	*ret = tunnel_port(t);
	pthread_mutex_lock(&g->lock);
	t->next = g->through;
	g->through = t;
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

/* ---- the administrator's kubeconfig ---- */

static struct json_object *part_of(struct json_object *admin, const char *list, const char *part)
{
	struct json_object *one = json_nth(json_at(admin, list), 0);

	return json_at(one, part);
}

struct err *engine_admin(struct engine *g, const char *text)
{
	AUTO_JSON admin = NULL;
	struct err *e = yaml_parse(text, strlen(text), "/etc/kubernetes/admin.conf", &admin);

	if (e)
		return e;
	if (!json_str(part_of(admin, "clusters", "cluster"), "certificate-authority-data") ||
	    !json_str(part_of(admin, "users", "user"), "client-certificate-data")) {
		json_wipe(admin);
		return err_new(ERR_PROTOCOL, "/etc/kubernetes/admin.conf has no certificates");
	}
	pthread_mutex_lock(&g->lock);
	if (!g->admin)
		g->admin = TAKE(admin);
	pthread_mutex_unlock(&g->lock);
	json_wipe(admin);
	return NULL;
}

char *admin_ca(const char *text)
{
	AUTO_JSON admin = NULL;
	struct err *e = yaml_parse(text, strlen(text), "/etc/kubernetes/admin.conf", &admin);
	const char *ca =
		json_str(part_of(admin, "clusters", "cluster"), "certificate-authority-data");
	char *sum = ca ? digest_text("sha256", ca, strlen(ca)) : NULL;

	err_free(e);
	json_wipe(admin);
	return sum;
}

char *engine_ca(struct engine *g)
{
	AUTO_BUF pem = BUF_INIT;
	const char *data;

	pthread_mutex_lock(&g->lock);
	data = json_str(part_of(g->admin, "clusters", "cluster"), "certificate-authority-data");
	if (data)
		(void)base64_text(data, strlen(data), &pem);
	pthread_mutex_unlock(&g->lock);
	return pem.len ? buf_take(&pem) : NULL;
}

/* ---- the way there ---- */

/* Whether somebody takes a connection there, soon. */
static bool answers(const char *host, int port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	AUTO_STR service = xasprintf("%d", port);
	bool ok = false;

	if (getaddrinfo(host, service, &hints, &list))
		return false;
	for (const struct addrinfo *a = list; a && !ok; a = a->ai_next) {
		const int fd =
			socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		int fault = 0;
		socklen_t len = sizeof(fault);

		if (fd < 0)
			continue;
		(void)connect(fd, a->ai_addr, a->ai_addrlen);
		ok = poll(&p, 1, REACH_MS) == 1 &&
		     getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &len) == 0 && !fault;
		(void)close(fd);
	}
	freeaddrinfo(list);
	return ok;
}

/* With the lock held. "kubernetes" is a name in every API server's certificate. */
static struct err *connect_to(struct engine *g, const char *host, int port, struct cluster **ret)
{
	AUTO_JSON options = json_object_new_object();
	struct json_object *admin = json_copy(g->admin);
	struct json_object *cluster = part_of(admin, "clusters", "cluster");
	AUTO_STR server =
		xasprintf(strchr(host, ':') ? "https://[%s]:%d" : "https://%s:%d", host, port);
	struct err *e;

	json_sets(cluster, "server", server);
	json_sets(cluster, "tls-server-name", "kubernetes");
	json_set(options, "kubeconfig", admin);
	/* Nobody's proxy is on the way to the cluster's own machines. */
	json_sets(options, "no_proxy", "*");
	e = cluster_new(options, ret);
	json_wipe(options);
	return e;
}

static struct err *ask(struct cluster *c, int64_t ms)
{
	const struct kube_request req = { .method = "GET", .path = "/version", .deadline_ms = ms };
	AUTO_JSON answer = NULL;

	return cluster_call(c, &req, &answer);
}

struct err *engine_api_through(struct engine *g, const char *node, struct cluster **ret)
{
	struct err *e;
	int here;

	pthread_mutex_lock(&g->lock);
	const int port = cluster_api_port(g->d);
	pthread_mutex_unlock(&g->lock);
	e = api_port_through(g, node, port, &here);
	if (e)
		return e;
	pthread_mutex_lock(&g->lock);
	e = g->admin ? connect_to(g, "127.0.0.1", here, ret)
		     : err_new(ERR_NOT_FOUND, "no administrator's kubeconfig was read");
	pthread_mutex_unlock(&g->lock);
	return e;
}

/* The hosts under which control planes are reached, first the endpoint. */
static struct err *connect_directly(struct engine *g, struct cluster **ret)
{
	const char *endpoint = json_str(g->d, "endpoint.host");
	int port = (int)json_int(g->d, "endpoint.port", 6443);
	struct json_object *node;

	for (int i = endpoint ? -1 : 0;; i++) {
		const char *host = endpoint;
		struct cluster *c = NULL;
		struct err *e;

		if (i >= 0) {
			node = cluster_control_plane(g->d, (size_t)i);
			if (!node)
				return NULL;
			host = cluster_node_address(node);
			port = cluster_api_port(g->d);
		}
		if (!answers(host, port))
			continue;
		e = connect_to(g, host, port, &c);
		if (!e)
			e = ask(c, 10000);
		if (!e) {
			*ret = c;
			return NULL;
		}
		cluster_free(c);
		err_free(e);
	}
}

static struct err *connect_through(struct engine *g, struct cluster **ret)
{
	struct err *first = NULL;

	for (size_t i = 0;; i++) {
		struct json_object *node = cluster_control_plane(g->d, i);
		const char *name = json_str(node, "name");
		struct tunnel *t = NULL;
		struct cluster *c = NULL;
		struct err *e;

		if (!node)
			return first;
		if (json_at(json_at(json_at(g->observed, "nodes"), name), "error"))
			continue;
		e = tunnel_open(g, name, "127.0.0.1", cluster_api_port(g->d), &t);
		if (!e)
			e = connect_to(g, "127.0.0.1", tunnel_port(t), &c);
		if (!e)
			e = ask(c, 15000);
		if (!e) {
			err_free(first);
			tunnel_close(g->tunnel);
			g->tunnel = t;
			*ret = c;
			return NULL;
		}
		cluster_free(c);
		tunnel_close(t);
		if (first)
			err_free(e);
		else
			first = e;
	}
}

struct err *engine_connect(struct engine *g)
{
	struct cluster *c = NULL;
	struct err *e = NULL;

	pthread_mutex_lock(&g->lock);
	if (!g->api && !g->admin)
		e = err_new(ERR_NOT_FOUND, "no control plane has an administrator's kubeconfig");
	if (!g->api && !e)
		e = connect_directly(g, &c);
	if (!g->api && !e && !c)
		e = connect_through(g, &c);
	if (c)
		g->api = c;
	if (!g->api && !e)
		e = err_new(ERR_NETWORK, "no API server answers");
	pthread_mutex_unlock(&g->lock);
	return e;
}
