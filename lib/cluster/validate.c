#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>

#include "args.h"
#include "cluster/cluster.h"
#include "cluster/kubeadm_config.h"
#include "cluster/syntax.h"
#include "file.h"
#include "kubernetes/preflight.h"
#include "kubernetes/waves.h"
#include "text.h"

enum { NODES_MOST = 5000, MINOR_LEAST = 28, TEXT_BYTES = 4 << 20 };

static const char TAINT_OF_CONTROL_PLANES[] = "node-role.kubernetes.io/control-plane:NoSchedule";

/* ---- reading a declaration ---- */

struct json_object *cluster_node(struct json_object *declaration, const char *name)
{
	struct json_object *nodes = json_at(declaration, "nodes");

	for (size_t i = 0; i < json_len(nodes) && name; i++)
		if (json_is_str(json_at(json_nth(nodes, i), "name"), name))
			return json_nth(nodes, i);
	return NULL;
}

bool cluster_is_control_plane(struct json_object *node)
{
	return json_is_str(json_at(node, "role"), "control_plane");
}

struct json_object *cluster_control_plane(struct json_object *declaration, size_t i)
{
	struct json_object *nodes = json_at(declaration, "nodes");

	for (size_t k = 0; k < json_len(nodes); k++)
		if (cluster_is_control_plane(json_nth(nodes, k)) && i-- == 0)
			return json_nth(nodes, k);
	return NULL;
}

const char *cluster_node_address(struct json_object *node)
{
	const char *ip = json_str(node, "node_ip"), *host = json_str(node, "host.address");

	return ip ? ip : host ? host : json_str(node, "name");
}

int cluster_api_port(struct json_object *declaration)
{
	return (int)json_int(declaration, "endpoint.bind_port",
			     json_int(declaration, "endpoint.port", 6443));
}

char *cluster_endpoint(struct json_object *declaration)
{
	const char *host = json_str(declaration, "endpoint.host");

	if (!host)
		host = cluster_node_address(cluster_control_plane(declaration, 0));
	return xasprintf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host,
			 (int)json_int(declaration, "endpoint.port", 6443));
}

struct err *declared_text(const char *what, const char *text_or_path, struct buf *ret)
{
	if (!strchr(text_or_path, '\n'))
		return file_text(text_or_path, TEXT_BYTES, ret);
	if (strlen(text_or_path) > TEXT_BYTES)
		return err_new(ERR_USAGE, "%s: more than %d bytes", what, TEXT_BYTES);
	buf_adds(ret, text_or_path);
	return NULL;
}

/* ---- single values ---- */

/* The option's full name goes before, and is what the user should look at. */
static struct err *at(struct err *e, const char *fmt, ...) PRINTF(2, 3) MUST_USE;
static struct err *at(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return NULL;
	va_start(ap, fmt);
	AUTO_STR where = xvasprintf(fmt, ap);
	va_end(ap);
	return err_at(err_wrap(e, "%s", where), where);
}

static struct err *check_port(struct json_object *d, const char *path)
{
	const int64_t n = json_int(d, path, 0);

	if (n >= 1 && n <= 65535)
		return NULL;
	return at(err_new(ERR_USAGE, "%lld is no port", (long long)n), "%s", path);
}

static struct err *check_least(struct json_object *d, const char *path, int64_t least)
{
	const int64_t n = json_int(d, path, 0);

	return n >= least ? NULL
			  : at(err_new(ERR_USAGE, "%lld is less than %lld", (long long)n,
				       (long long)least),
			       "%s", path);
}

/* kubeadm's numbers and booleans are command line options: text. */
static struct err *check_scalars(struct json_object *map, const char *where)
{
	if (!map)
		return NULL;
	json_object_object_foreach(map, key, v) {
		if (*key == '-')
			return at(err_new(ERR_USAGE, "'%s' is to be written without dashes", key),
				  "%s", where);
		if (!v || json_object_is_type(v, json_type_object) ||
		    json_object_is_type(v, json_type_array))
			return at(err_new(ERR_USAGE, "'%s' is %s, not text or a number", key,
					  json_type_words(v)),
				  "%s", where);
	}
	return NULL;
}

static struct err *check_labels(struct json_object *map, const char *where)
{
	struct err *e = NULL;

	if (!map)
		return NULL;
	json_object_object_foreach(map, key, v) {
		AUTO_STR text = json_text(v);

		if (!e)
			e = at(label_check(key, v ? text : ""), "%s", where);
	}
	return e;
}

static struct err *check_taints(struct json_object *list, const char *where)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = at(taint_check(json_object_get_string(json_nth(list, i))), "%s[%zu]", where, i);
	return e;
}

/* ---- networks ---- */

struct networks {
	struct {
		const char *option;
		struct cidr cidr;
	} all[8];
	size_t n;
};

static struct err *add_networks(struct json_object *d, const char *option, struct networks *all)
{
	AUTO_STR list = xstrdup(json_str(d, option));
	struct err *e = NULL;
	char *rest = list, *one;
	size_t n = 0;

	while (!e && (one = strsep(&rest, ","))) {
		if (++n > 2)
			return at(err_new(ERR_USAGE, "more than one network for each family"), "%s",
				  option);
		all->all[all->n].option = option;
		e = at(cidr_parse(one, &all->all[all->n].cidr), "%s", option);
		all->n++;
	}
	return e;
}

static struct err *check_networks(struct json_object *d, struct networks *all)
{
	struct err *e = add_networks(d, "networks.pod_cidr", all);

	if (!e)
		e = add_networks(d, "networks.service_cidr", all);
	for (size_t i = 0; i < all->n && !e; i++)
		for (size_t k = 0; k < i && !e; k++)
			if (cidr_overlap(&all->all[i].cidr, &all->all[k].cidr))
				e = at(err_new(ERR_USAGE, "'%s' overlaps with %s",
					       json_str(d, all->all[i].option), all->all[k].option),
				       "%s", all->all[i].option);
	return e ? e : at(domain_check(json_str(d, "networks.dns_domain")), "networks.dns_domain");
}

/* What is an address must lie outside of the cluster's own networks. */
static struct err *check_address(const struct networks *all, const char *s, const char *where)
{
	for (size_t i = 0; s && i < all->n; i++)
		if (cidr_has(&all->all[i].cidr, s))
			return at(err_new(ERR_USAGE, "'%s' is within %s", s, all->all[i].option),
				  "%s", where);
	return NULL;
}

/* ---- nodes ---- */

static struct json_object *group_named(struct json_object *d, const char *name)
{
	struct json_object *groups = json_at(d, "groups");

	for (size_t i = 0; i < json_len(groups); i++)
		if (json_is_str(json_at(json_nth(groups, i), "name"), name))
			return json_nth(groups, i);
	return NULL;
}

static struct err *check_groups(struct json_object *groups)
{
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(groups) && !e; i++) {
		struct json_object *g = json_nth(groups, i);
		AUTO_STR where = xasprintf("groups[%zu]", i);
		AUTO_STR labels = xasprintf("%s.labels", where);
		AUTO_STR taints = xasprintf("%s.taints", where);
		AUTO_STR args = xasprintf("%s.kubelet_args", where);
		size_t limit;

		for (size_t k = 0; k < i && !e; k++)
			if (json_is_str(json_at(json_nth(groups, k), "name"), json_str(g, "name")))
				e = at(err_new(ERR_USAGE, "'%s' is there twice",
					       json_str(g, "name")),
				       "%s.name", where);
		if (!e)
			e = at(waves_limit(json_str(g, "max_unavailable"), 100, &limit),
			       "%s.max_unavailable", where);
		if (!e)
			e = check_labels(json_at(g, "labels"), labels);
		if (!e)
			e = check_taints(json_at(g, "taints"), taints);
		if (!e)
			e = check_scalars(json_at(g, "kubelet_args"), args);
	}
	return e;
}

static struct err *check_unique(struct json_object *seen, const char *key, size_t i,
				const char *where)
{
	struct json_object *other = NULL;

	if (json_object_object_get_ex(seen, key, &other))
		return at(err_new(ERR_USAGE, "'%s' is that of nodes[%lld] already", key,
				  (long long)json_object_get_int64(other)),
			  "%s", where);
	json_set(seen, key, json_object_new_int64((int64_t)i));
	return NULL;
}

static struct err *check_host(struct json_object *node, size_t i, struct json_object *hosts)
{
	AUTO_STR where = xasprintf("nodes[%zu].host", i);
	const char *host = json_str(node, "host.address");

	if (!host)
		return NULL;
	AUTO_STR key = xasprintf("%s port %d", host, (int)json_int(node, "host.port", 22));
	return check_unique(hosts, key, i, where);
}

static struct err *check_node(const struct networks *all, struct json_object *node, size_t i,
			      struct json_object *names)
{
	AUTO_STR where = xasprintf("nodes[%zu].name", i);
	AUTO_STR labels = xasprintf("nodes[%zu].labels", i);
	AUTO_STR taints = xasprintf("nodes[%zu].taints", i);
	AUTO_STR args = xasprintf("nodes[%zu].kubelet_args", i);
	AUTO_STR ip = xasprintf("nodes[%zu].node_ip", i);
	const char *name = json_str(node, "name"), *address = json_str(node, "node_ip");
	struct err *e = at(domain_check(name), "%s", where);

	if (!e)
		e = check_unique(names, name, i, where);
	if (!e)
		e = check_labels(json_at(node, "labels"), labels);
	if (!e)
		e = check_taints(json_at(node, "taints"), taints);
	if (!e)
		e = check_scalars(json_at(node, "kubelet_args"), args);
	if (!e && address && !is_address(address))
		e = at(err_new(ERR_USAGE, "'%s' is no address", address), "%s", ip);
	return e ? e : check_address(all, address, ip);
}

static struct err *check_nodes(struct json_object *d, const struct networks *all)
{
	struct json_object *nodes = json_at(d, "nodes");
	AUTO_JSON names = json_object_new_object();
	AUTO_JSON hosts = json_object_new_object();
	struct err *e = NULL;

	if (json_len(nodes) > NODES_MOST)
		return at(err_new(ERR_USAGE, "more than %d", NODES_MOST), "nodes");
	for (size_t i = 0; i < json_len(nodes) && !e; i++) {
		e = check_node(all, json_nth(nodes, i), i, names);
		if (!e)
			e = check_host(json_nth(nodes, i), i, hosts);
	}
	if (!e && !cluster_control_plane(d, 0))
		e = at(err_new(ERR_USAGE, "none has role control_plane"), "nodes");
	return e;
}

/* ---- the rest ---- */

/* It is to be nobody's else: who leaves gives it up. */
static struct err *check_vip(struct json_object *d, const char *host)
{
	struct json_object *nodes = json_at(d, "nodes");

	if (!host || !is_address(host))
		return at(err_new(ERR_USAGE, "kube-vip needs the address that it is to hold"),
			  "endpoint.host");
	for (size_t i = 0; i < json_len(nodes); i++) {
		struct json_object *node = json_nth(nodes, i);

		if (json_is_str(json_at(node, "node_ip"), host) ||
		    json_is_str(json_at(node, "host.address"), host))
			return at(err_new(ERR_USAGE,
					  "'%s' is that of nodes[%zu]: kube-vip needs one of its "
					  "own",
					  host, i),
				  "endpoint.host");
	}
	return NULL;
}

static struct err *check_endpoint(struct json_object *d, const struct networks *all)
{
	const char *host = json_str(d, "endpoint.host");
	const bool vip = json_is_str(json_at(d, "endpoint.kind"), "kube_vip");
	struct err *e = check_port(d, "endpoint.port");

	if (!e && json_at(d, "endpoint.bind_port"))
		e = check_port(d, "endpoint.bind_port");
	if (!e && (!host || vip) && cluster_api_port(d) != json_int(d, "endpoint.port", 0))
		e = at(err_new(ERR_USAGE, "without a load balancer it is that of endpoint.port"),
		       "endpoint.bind_port");
	if (!e && host && !is_address(host))
		e = at(domain_check(host), "endpoint.host");
	if (!e)
		e = check_address(all, host, "endpoint.host");
	if (!e && vip)
		e = check_vip(d, host);
	if (!e && !host && cluster_control_plane(d, 1))
		e = at(err_new(ERR_USAGE,
			       "several control planes need an address that leads to all "
			       "of them"),
		       "endpoint.host");
	return e;
}

/* "*.apps" names no kind that could be encrypted anew. */
static struct err *check_encryption(struct json_object *d)
{
	struct json_object *kinds = json_at(d, "encryption.resources");
	struct err *e = at(label_name_check(json_str(d, "encryption.key")), "encryption.key");

	for (size_t i = 0; i < json_len(kinds) && !e; i++) {
		const char *name = json_object_get_string(json_nth(kinds, i));

		e = at(domain_check(name ? name : ""), "encryption.resources[%zu]", i);
	}
	if (!e && !json_len(kinds) && !json_is_str(json_at(d, "encryption.provider"), "none"))
		e = at(err_new(ERR_USAGE, "nothing would be encrypted"), "encryption.resources");
	return e;
}

static struct err *check_etcd(struct json_object *d)
{
	static const char needs[] = "endpoints ca_file cert_file key_file";
	const bool external = json_is_str(json_at(d, "etcd.kind"), "external");

	WORDS_EACH(w, needs) {
		AUTO_STR path = xasprintf("etcd.%.*s", (int)words_len(w), w);
		const bool given = json_at(d, path);

		if (external && !given)
			return at(err_new(ERR_USAGE, "needed where etcd.kind is external"), "%s",
				  path);
		if (!external && given)
			return at(err_new(ERR_USAGE, "only of use where etcd.kind is external"),
				  "%s", path);
	}
	return check_scalars(json_at(d, "etcd.args"), "etcd.args");
}

/* kubeadm passes over files that it does not know: a wrong name would be no patch, in silence. */
static struct err *check_patches(struct json_object *patches)
{
	static const char targets[] = "kube-apiserver kube-controller-manager kube-scheduler etcd "
				      "kubeletconfiguration corednsdeployment";

	if (!patches)
		return NULL;
	json_object_object_foreach(patches, key, v) {
		bool known = false;
		const char *dot = strrchr(key, '.');

		WORDS_EACH(w, targets)
			known |= strncmp(key, w, words_len(w)) == 0;
		if (!known || strchr(key, '/') || !dot || !words_have("yaml json", dot + 1))
			return at(err_new(ERR_USAGE,
					  "'%s' is no name of a patch: one of %s, then +strategic, "
					  "+merge or +json if need be, and .yaml or .json",
					  key, targets),
				  "kubeadm.patches");
		if (!json_object_is_type(v, json_type_string))
			return at(
				err_new(ERR_USAGE, "'%s' is %s, not text", key, json_type_words(v)),
				"kubeadm.patches");
	}
	return NULL;
}

/* Of any depth, so the table cannot say it. */
static struct err *check_objects(struct json_object *d)
{
	static const char all[] = "kubeadm.kubelet kubeadm.kube_proxy runtime_config";

	WORDS_EACH(w, all) {
		AUTO_STR path = xstrndup(w, words_len(w));
		struct json_object *v = json_at(d, path);

		if (v && !json_object_is_type(v, json_type_object))
			return at(err_new(ERR_USAGE, "is %s, not a dictionary", json_type_words(v)),
				  "%s", path);
	}
	return NULL;
}

static struct err *check_kubeadm(struct json_object *d)
{
	static const char maps[] = "api_server_args controller_manager_args scheduler_args";
	struct err *e = check_objects(d);

	if (!e)
		e = check_patches(json_at(d, "kubeadm.patches"));

	WORDS_EACH(w, maps) {
		AUTO_STR path = xasprintf("kubeadm.%.*s", (int)words_len(w), w);

		if (!e)
			e = check_scalars(json_at(d, path), path);
	}
	return e;
}

static struct err *check_images(struct json_object *d)
{
	struct json_object *images = json_at(d, "images");

	for (size_t i = 0; i < json_len(images); i++) {
		struct json_object *image = json_nth(images, i);

		if (!json_at(image, "archive") == !json_at(image, "path"))
			return at(err_new(ERR_USAGE, "give either archive or path"), "images[%zu]",
				  i);
	}
	return NULL;
}

static struct err *check_certificates(struct json_object *d)
{
	struct err *e = check_least(d, "certificates.days", 1);

	if (!e)
		e = check_least(d, "certificates.renew_days", 0);
	if (!e && json_int(d, "certificates.ca_days", 0) < json_int(d, "certificates.days", 0))
		e = at(err_new(ERR_USAGE, "less than certificates.days"), "certificates.ca_days");
	if (!e && json_int(d, "certificates.renew_days", 0) >= json_int(d, "certificates.days", 0))
		e = at(err_new(ERR_USAGE, "not less than certificates.days: they would be renewed "
					  "on each run"),
		       "certificates.renew_days");
	return e;
}

static struct err *check_version(struct json_object *d)
{
	const char *s = json_str(d, "version"), *number = s + (*s == 'v');
	const char *dot = strchr(number, '.');
	struct kube_version v = { 0 };
	struct err *e = NULL;

	if (!kube_version_of(s, &v) || number[strspn(number, "0123456789.")] || !dot ||
	    !strchr(dot + 1, '.'))
		e = err_new(ERR_USAGE, "'%s' is no version: major.minor.patch, as 1.33.2", s);
	else if (v.major != 1 || v.minor < MINOR_LEAST)
		e = err_new(ERR_USAGE, "%d.%d: versions since 1.%d can be made", v.major, v.minor,
			    MINOR_LEAST);
	return at(e, "version");
}

static struct err *check_all(struct json_object *d)
{
	struct networks all = { .n = 0 };
	struct err *e = at(label_name_check(json_str(d, "name")), "name");

	if (!e)
		e = check_version(d);
	if (!e)
		e = check_networks(d, &all);
	if (!e)
		e = check_groups(json_at(d, "groups"));
	if (!e)
		e = check_nodes(d, &all);
	if (!e)
		e = check_endpoint(d, &all);
	if (!e)
		e = check_etcd(d);
	if (!e)
		e = check_encryption(d);
	if (!e)
		e = check_kubeadm(d);
	if (!e)
		e = check_images(d);
	if (!e)
		e = check_certificates(d);
	if (!e && json_at(d, "drain.timeout_s"))
		e = check_least(d, "drain.timeout_s", 1);
	if (!e && json_at(d, "drain.grace_s"))
		e = check_least(d, "drain.grace_s", 0);
	if (!e && json_object_get_double(json_at(d, "time.max_offset_s")) < 0)
		e = at(err_new(ERR_USAGE, "less than 0"), "time.max_offset_s");
	if (!e)
		e = check_least(d, "space.free_mb", 0);
	return e;
}

/* ---- what a declaration has when it is whole ---- */

/* An absent part has its defaults too. */
static struct json_object *with_parts(struct json_object *given)
{
	struct json_object *all = json_copy(given);

	for (const struct attr *a = cluster_attrs; a->name; a++)
		if (a->type == OBJ && !json_at(all, a->name))
			json_set(all, a->name, json_object_new_object());
	return all;
}

static void add_lacking(struct json_object *to, struct json_object *from)
{
	if (!from)
		return;
	json_object_object_foreach(from, key, v)
		if (!json_has(to, key))
			json_set(to, key, json_copy(v));
}

static struct json_object *map_of(struct json_object *o, const char *key)
{
	if (!json_at(o, key))
		json_set(o, key, json_object_new_object());
	return json_at(o, key);
}

static struct json_object *group_for(struct json_object *d, const char *name)
{
	struct json_object *g = group_named(d, name);

	if (g)
		return g;
	g = json_object_new_object();
	json_sets(g, "name", name);
	json_sets(g, "max_unavailable", "1");
	json_object_array_add(json_at(d, "groups"), g);
	return g;
}

static void complete_node(struct json_object *d, struct json_object *node)
{
	struct json_object *host = map_of(node, "host"), *group;

	if (!json_str(node, "group"))
		json_sets(node, "group", json_str(node, "role"));
	group = group_for(d, json_str(node, "group"));
	add_lacking(map_of(node, "labels"), json_at(group, "labels"));
	add_lacking(map_of(node, "kubelet_args"), json_at(group, "kubelet_args"));
	if (!json_at(node, "taints") && json_at(group, "taints"))
		json_set(node, "taints", json_copy(json_at(group, "taints")));
	if (!json_at(node, "taints")) {
		json_set(node, "taints", json_object_new_array());
		if (cluster_is_control_plane(node))
			json_object_array_add(json_at(node, "taints"),
					      json_object_new_string(TAINT_OF_CONTROL_PLANES));
	}
	json_set(host, "name", json_copy(json_at(node, "name")));
	add_lacking(host, json_at(d, "ssh"));
}

static void complete(struct json_object *d)
{
	struct json_object *nodes = json_at(d, "nodes");
	const char *version = json_str(d, "version");

	if (*version == 'v') {
		AUTO_STR plain = xstrdup(version + 1);

		json_sets(d, "version", plain);
	}
	if (!json_at(d, "groups"))
		json_set(d, "groups", json_object_new_array());
	for (size_t i = 0; i < json_len(nodes); i++)
		complete_node(d, json_nth(nodes, i));
}

static void warn(struct json_object *warnings, const char *s)
{
	json_object_array_add(warnings, json_object_new_string(s));
}

static struct json_object *warnings_of(struct json_object *d)
{
	struct json_object *list = json_object_new_array();
	size_t n = 0;

	while (cluster_control_plane(d, n))
		n++;
	if (n % 2 == 0 && json_is_str(json_at(d, "etcd.kind"), "stacked")) {
		AUTO_STR s = xasprintf("%zu control planes survive the loss of no more members of "
				       "etcd than %zu: use an odd number",
				       n, n - 1);

		warn(list, s);
	}
	return list;
}

struct err *cluster_declaration(struct json_object *given, struct json_object **ret,
				struct json_object **ret_warnings)
{
	const struct attr *const tables[] = { cluster_attrs, NULL };
	const struct rule *const rules[] = { NULL };
	const struct args_spec spec = { .module = "cluster", .tables = tables, .rules = rules };
	AUTO_JSON parts = with_parts(given);
	AUTO_JSON d = NULL;
	struct err *e = args_check(&spec, parts, &d);

	if (!e)
		e = check_all(d);
	if (e)
		return e;
	complete(d);
	e = kubeadm_check(d);
	if (e)
		return e;
	if (ret_warnings)
		*ret_warnings = warnings_of(d);
	*ret = TAKE(d);
	return NULL;
}
