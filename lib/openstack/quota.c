#include <string.h>

#include "openstack/shared.h"
#include "pool.h"
#include "resource.h"
#include "terraform.h"

extern const struct resource os_project;

enum { SERVICES = 4 };

/* The services that have quotas of projects; `name` is where `read` begins in the table below. */
static const struct service {
	const char *name, *type;
	const char *path, *initial; /* the project's quotas, and those it has at first */
	const char *usage;          /* with what is used of them; NULL: not told */
	const char *key, *microversion;
} services[SERVICES] = {
	/* 2.57 took the quotas of injected files away. */
	{ "compute", "compute", "/os-quota-sets/%s", "/os-quota-sets/%s/defaults",
	  "/os-quota-sets/%s/detail", "quota_set", "2.56" },
	{ "network", "network", "/v2.0/quotas/%s", "/v2.0/quotas/%s/default",
	  "/v2.0/quotas/%s/details.json", "quota" },
	{ "volume", "block-storage", "/os-quota-sets/%s", "/os-quota-sets/%s/defaults",
	  "/os-quota-sets/%s?usage=true", "quota_set" },
	{ "load_balancer", "load-balancer", "/v2/lbaas/quotas/%s", "/v2/lbaas/quotas/defaults",
	  NULL, "quota" },
};

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | CREATE | IDENTITY, "Name or ID of the project.",
	  .ref = &os_project },
	{ "state", STR, OPTION, "Whether these quotas hold, or those that a project has at first.",
	  .value = "\"present\"", .choices = "present absent" },

	{ "cores", INT, 0, "Most processors of all servers together.", .read = "compute.cores" },
	{ "fixed_ips", INT, 0, "Most fixed addresses, where the cloud counts them.",
	  .read = "compute.fixed_ips" },
	{ "injected_file_content_bytes", INT, 0, "Most bytes in a file put into a server.",
	  .aliases = "injected_file_size", .read = "compute.injected_file_content_bytes" },
	{ "injected_file_path_bytes", INT, 0, "Most bytes in the path of such a file.",
	  .aliases = "injected_path_size", .read = "compute.injected_file_path_bytes" },
	{ "injected_files", INT, 0, "Most files put into a server.",
	  .read = "compute.injected_files" },
	{ "instances", INT, 0, "Most servers.", .read = "compute.instances" },
	{ "key_pairs", INT, 0, "Most key pairs of one user.", .read = "compute.key_pairs" },
	{ "metadata_items", INT, 0, "Most metadata of one server.",
	  .read = "compute.metadata_items" },
	{ "ram", INT, 0, "Most memory of all servers together, in MiB.", .read = "compute.ram" },
	{ "server_group_members", INT, 0, "Most servers in one server group.",
	  .read = "compute.server_group_members" },
	{ "server_groups", INT, 0, "Most server groups.", .read = "compute.server_groups" },

	{ "floating_ips", INT, 0, "Most floating IPs.", .wire = "floatingip",
	  .read = "network.floatingip",
	  .aliases = "floatingip compute_floating_ips network_floating_ips" },
	{ "networks", INT, 0, "Most networks.", .wire = "network", .read = "network.network",
	  .aliases = "network" },
	{ "ports", INT, 0, "Most ports.", .wire = "port", .read = "network.port",
	  .aliases = "port" },
	{ "rbac_policies", INT, 0, "Most rules of sharing.", .wire = "rbac_policy",
	  .read = "network.rbac_policy", .aliases = "rbac_policy" },
	{ "routers", INT, 0, "Most routers.", .wire = "router", .read = "network.router",
	  .aliases = "router" },
	{ "security_group_rules", INT, 0, "Most rules of all security groups together.",
	  .wire = "security_group_rule", .read = "network.security_group_rule",
	  .aliases = "security_group_rule" },
	{ "security_groups", INT, 0, "Most security groups.", .wire = "security_group",
	  .read = "network.security_group", .aliases = "security_group" },
	{ "subnet_pools", INT, 0, "Most subnet pools.", .wire = "subnetpool",
	  .read = "network.subnetpool", .aliases = "subnetpool" },
	{ "subnets", INT, 0, "Most subnets.", .wire = "subnet", .read = "network.subnet",
	  .aliases = "subnet" },

	{ "backup_gigabytes", INT, 0, "Most GiB in backups.", .read = "volume.backup_gigabytes" },
	{ "backups", INT, 0, "Most backups.", .read = "volume.backups" },
	{ "gigabytes", INT, 0, "Most GiB in volumes and snapshots.", .read = "volume.gigabytes" },
	{ "groups", INT, 0, "Most groups of volumes.", .read = "volume.groups" },
	{ "per_volume_gigabytes", INT, 0, "Most GiB in one volume.",
	  .read = "volume.per_volume_gigabytes" },
	{ "snapshots", INT, 0, "Most snapshots.", .read = "volume.snapshots" },
	{ "volumes", INT, 0, "Most volumes.", .read = "volume.volumes" },

	{ "health_monitors", INT, 0, "Most health monitors.", .wire = "health_monitor",
	  .read = "load_balancer.health_monitor" },
	{ "l7_policies", INT, 0, "Most policies of forwarding.", .wire = "l7policy",
	  .read = "load_balancer.l7policy" },
	{ "l7_rules", INT, 0, "Most rules of such policies.", .wire = "l7rule",
	  .read = "load_balancer.l7rule" },
	{ "listeners", INT, 0, "Most listeners.", .wire = "listener",
	  .read = "load_balancer.listener" },
	{ "load_balancers", INT, 0, "Most load balancers.", .wire = "load_balancer",
	  .read = "load_balancer.load_balancer", .aliases = "loadbalancer" },
	{ "members", INT, 0, "Most members of pools.", .wire = "member",
	  .read = "load_balancer.member" },
	{ "pools", INT, 0, "Most pools.", .wire = "pool", .read = "load_balancer.pool",
	  .aliases = "pool" },
	{ 0 },
};

static bool is_of(const struct attr *a, const struct service *s)
{
	const size_t len = strlen(s->name);

	return a->read && strncmp(a->read, s->name, len) == 0 && a->read[len] == '.';
}

/* ---- reading ---- */

/* One service's quotas; NULL where the cloud has no such service. */
struct reading {
	struct op *op;
	const char *project;
	bool initial, usage, wanted[SERVICES];
	struct json_object *raw[SERVICES];
	struct err *errs[SERVICES];
};

static struct err *service_call(struct op *op, const struct service *s, const char *method,
				const char *path, struct json_object *body,
				struct json_object **ret)
{
	const struct request req = { .method = method,
				     .service = s->type,
				     .path = path,
				     .body = body,
				     .microversion = s->microversion };
	AUTO_JSON answer = NULL;
	struct err *e = op_request(op, &req, &answer);

	if (!e && ret && !json_object_is_type(json_at(answer, s->key), json_type_object))
		return err_new(ERR_PROTOCOL, "%s %s %s: the answer has no '%s'", method, s->type,
			       path, s->key);
	if (!e && ret)
		*ret = json_copy(json_at(answer, s->key));
	return e;
}

static char *service_path(const char *pattern, const char *project)
{
	AUTO_BUF path = BUF_INIT;
	const char *hole = strstr(pattern, "%s");

	if (!hole)
		return xstrdup(pattern);
	(void)buf_add(&path, pattern, (size_t)(hole - pattern));
	buf_addurl(&path, project);
	buf_adds(&path, hole + 2);
	return buf_take(&path);
}

static void read_one(void *arg, size_t i)
{
	struct reading *r = arg;
	const struct service *s = &services[i];
	AUTO_STR path = service_path(r->initial             ? s->initial
				     : r->usage && s->usage ? s->usage
							    : s->path,
				     r->project);

	if (r->wanted[i])
		r->errs[i] = service_call(r->op, s, "GET", path, NULL, &r->raw[i]);
	(void)not_in_catalogue(&r->errs[i]);
}

/* {"compute": {...}, "network": {...}, ...} as the services tell it; all are asked at once. */
static struct err *read_all(struct reading *r, struct json_object **ret)
{
	struct json_object *raw = json_object_new_object();
	struct err *e = NULL;

	pool_run(SERVICES, SERVICES, read_one, r);
	for (size_t i = 0; i < SERVICES; i++) {
		if (r->raw[i])
			json_set(raw, services[i].name, r->raw[i]);
		if (!e)
			e = r->errs[i];
		else
			err_free(r->errs[i]);
	}
	if (e)
		json_object_put(raw);
	else
		*ret = raw;
	return e;
}

/* ---- wanting ---- */

/* What nothing can be set on is an error before anything is changed. */
static struct err *check_wanted(struct op *op, struct json_object *raw)
{
	for (const struct attr *a = attrs; a->name; a++) {
		if (!a->read || !json_at(op->want, a->name) || json_at(raw, a->read))
			continue;
		const size_t len = strcspn(a->read, ".");
		AUTO_STR service = xstrndup(a->read, len);
		return err_at(err_new(ERR_USAGE,
				      json_has(raw, service)
					      ? "%s: the %s service of this cloud has no such quota"
					      : "%s: this cloud has no %s service",
				      a->name, service),
			      a->name);
	}
	return NULL;
}

/* What state absent comes to: the quotas a project has at first, of the services that can tell. */
static struct err *want_initial(struct op *op, const char *project, struct json_object *raw,
				struct json_object **ret)
{
	struct reading r = { .op = op, .project = project, .initial = true };
	AUTO_JSON initial = NULL;
	struct json_object *want;
	struct err *e;

	for (size_t i = 0; i < SERVICES; i++)
		r.wanted[i] = json_has(raw, services[i].name);
	e = read_all(&r, &initial);
	if (e)
		return e;
	want = json_object_new_object();
	for (const struct attr *a = attrs; a->name; a++)
		if (a->read && json_at(initial, a->read))
			json_set(want, a->name, json_copy(json_at(initial, a->read)));
	*ret = want;
	return NULL;
}

/* ---- changing ---- */

static struct json_object *changed_values(struct op *op, const struct service *s,
					  struct json_object *want)
{
	struct json_object *body = json_object_new_object();

	for (const struct attr *a = attrs; a->name; a++)
		if (is_of(a, s) && json_has(op->out->plan.changes, a->name))
			json_set(body, attr_wire(a), json_copy(json_at(want, a->name)));
	return body;
}

/* Takes the quotas away, and reads those that hold now. */
static struct err *reset(struct op *op, const struct service *s, const char *path,
			 struct json_object **ret)
{
	struct err *e = service_call(op, s, "DELETE", path, NULL, NULL);

	return e ? e : service_call(op, s, "GET", path, NULL, ret);
}

static struct err *change(struct op *op, const char *project, struct json_object *want,
			  struct json_object *raw)
{
	const bool absent = strcmp(op->state, "absent") == 0;
	struct err *e = NULL;

	for (size_t i = 0; i < SERVICES && !e; i++) {
		const struct service *s = &services[i];
		AUTO_STR path = service_path(s->path, project);
		AUTO_JSON inner = changed_values(op, s, want);
		AUTO_JSON body = json_wrap(s->key, json_object_get(inner));
		AUTO_JSON fresh = NULL;

		if (!json_object_object_length(inner))
			continue;
		e = absent ? reset(op, s, path, &fresh)
			   : service_call(op, s, "PUT", path, body, &fresh);
		if (!json_object_is_type(fresh, json_type_object))
			continue;
		json_object_object_foreach(fresh, key, v)
			json_set(json_at(raw, s->name), key, json_copy(v));
	}
	return e;
}

/* ---- the result ---- */

static bool is_claimed(const struct service *s, const char *key)
{
	for (const struct attr *a = attrs; a->name; a++)
		if (is_of(a, s) && strcmp(attr_wire(a), key) == 0)
			return true;
	return false;
}

/* By service, under our names; quotas of types and extensions under the service's. */
static struct json_object *grouped(const char *project, struct json_object *raw)
{
	struct json_object *quotas = json_object_new_object();

	json_object_object_foreach(raw, name, told) {
		const struct service *s = services;
		struct json_object *one = json_object_new_object();

		while (strcmp(s->name, name) != 0)
			s++;
		for (const struct attr *a = attrs; a->name; a++)
			if (is_of(a, s))
				json_set(one, a->name, json_copy(json_at(raw, a->read)));
		json_object_object_foreach(told, key, v) {
			if (!is_claimed(s, key))
				json_set(one, key, json_copy(v));
		}
		json_sets(one, "id", project);
		json_sets(one, "name", NULL);
		json_set(quotas, name, one);
	}
	return quotas;
}

static struct err *run(struct op *op)
{
	const char *project = json_str(op->want, "name");
	struct reading r = { .op = op, .project = project, .wanted = { true, true, true, true } };
	AUTO_JSON raw = NULL;
	AUTO_JSON have = NULL;
	AUTO_JSON want = NULL;
	/* In check mode the project may be one that an earlier task would have made. */
	const bool assumed = op->check && json_len(op->out->warnings);
	struct err *e = NULL;

	if (op->gone)
		return NULL;
	if (assumed)
		raw = json_object_new_object();
	else
		e = read_all(&r, &raw);

	if (!e && !assumed)
		e = check_wanted(op, raw);
	if (!e && strcmp(op->state, "absent") == 0)
		e = want_initial(op, project, raw, &want);
	if (e)
		return e;
	if (!want)
		want = json_object_get(op->want);
	have = attrs_decode(attrs, raw);
	op->out->id = xstrdup(project);
	plan_make(op->r, "present", want, have, &op->out->plan);
	if (op->out->plan.action == UPDATED && op->check)
		op->out->changed = true;
	else if (op->out->plan.action == UPDATED)
		e = change(op, project, want, raw);
	op->out->extra = json_wrap("quotas", grouped(project, raw));
	return e;
}

static const struct attr by_service[] = {
	{ "compute", MAP, READONLY, "Quotas of servers and what belongs to them." },
	{ "load_balancer", MAP, READONLY, "Quotas of load balancers, where the cloud has them." },
	{ "network", MAP, READONLY, "Quotas of networks and what belongs to them." },
	{ "volume", MAP, READONLY, "Quotas of volumes and what belongs to them." },
	{ 0 },
};

static const struct attr returned[] = {
	{ "quotas", OBJ, READONLY, "Quotas by service, under the names of the options.",
	  .sub = by_service },
	{ 0 },
};

/* ---- what is left ---- */

/* Nova and Cinder say in_use, Neutron says used; what is reserved is as good as used. */
static void add_usage(struct json_object *o, const char *name, struct json_object *told)
{
	const int64_t used =
		json_int(told, "in_use", json_int(told, "used", 0)) + json_int(told, "reserved", 0);
	const int64_t limit = json_int(told, "limit", -1);
	AUTO_STR key_used = xasprintf("%s_used", name);
	AUTO_STR key_left = xasprintf("%s_left", name);

	if (!json_object_is_type(told, json_type_object)) {
		json_set(o, name, json_copy(told));
		return;
	}
	json_set(o, name, json_object_new_int64(limit));
	json_set(o, key_used, json_object_new_int64(used));
	json_set(o, key_left,
		 json_object_new_int64(limit < 0      ? -1
				       : limit > used ? limit - used
						      : 0));
}

static struct err *list_usage(struct op *op, struct json_object **ret)
{
	const char *name = json_str(op->want, "name");
	AUTO_STR project = NULL;
	AUTO_JSON raw = NULL;
	const char *own = "";
	struct json_object *o;
	struct err *e = name ? op_ref(op, &os_project, "name", name, &project)
			     : op->api->project(op->api, &own);
	struct reading r = { .op = op,
			     .project = name ? project : own,
			     .usage = true,
			     .wanted = { true, true, true, true } };

	if (!e && !name && !*own)
		e = err_new(ERR_NOT_FOUND, "the login is not for a project: give one by 'name'");
	if (!e)
		e = read_all(&r, &raw);
	if (e)
		return e;
	o = json_object_new_object();
	for (const struct attr *a = attrs; a->name; a++)
		if (a->read && json_at(raw, a->read))
			add_usage(o, a->name, json_at(raw, a->read));
	json_sets(o, "id", r.project);
	*ret = json_object_new_array();
	json_object_array_add(*ret, o);
	return NULL;
}

static const struct attr lookup_params[] = {
	{ "name", STR, OPTION, "Project, by name or ID; the login's own if not given." },
	{ 0 },
};

static const struct info lookup = {
	.doc = "The quotas of a project, as X, with X_used and X_left; -1: no limit.",
	.params = lookup_params,
	.no_name = true,
	.no_filters = true,
	.list = list_usage,
};

/* ---- in Terraform files: each service's quotas by themselves ---- */

#define NETWORK_QUOTAS(X)                                              \
	X("floatingip", "Most floating IPs.")                          \
	X("network", "Most networks.")                                 \
	X("port", "Most ports.")                                       \
	X("rbac_policy", "Most rules of sharing.")                     \
	X("router", "Most routers.")                                   \
	X("security_group", "Most security groups.")                   \
	X("security_group_rule", "Most rules of all security groups.") \
	X("subnet", "Most subnets.")                                   \
	X("subnetpool", "Most subnet pools.")

/* As up to microversion 2.35, which has those of nova-network still: nothing heeds them any more. */
#define COMPUTE_QUOTAS(X)                                                            \
	X("cores", "Most processors of all servers together.")                       \
	X("fixed_ips", "Most fixed addresses of nova-network.")                      \
	X("floating_ips", "Most floating IPs of nova-network.")                      \
	X("injected_file_content_bytes", "Most bytes in a file put into a server.")  \
	X("injected_file_path_bytes", "Most bytes in the path of such a file.")      \
	X("injected_files", "Most files put into a server.")                         \
	X("instances", "Most servers.")                                              \
	X("key_pairs", "Most key pairs of one user.")                                \
	X("metadata_items", "Most metadata of one server.")                          \
	X("ram", "Most memory of all servers together, in MiB.")                     \
	X("security_group_rules", "Most rules of a security group of nova-network.") \
	X("security_groups", "Most security groups of nova-network.")                \
	X("server_group_members", "Most servers in one server group.")               \
	X("server_groups", "Most server groups.")

#define VOLUME_QUOTAS(X)                                     \
	X("backup_gigabytes", "Most GiB in backups.")        \
	X("backups", "Most backups.")                        \
	X("gigabytes", "Most GiB in volumes and snapshots.") \
	X("groups", "Most groups of volumes.")               \
	X("per_volume_gigabytes", "Most GiB in one volume.") \
	X("snapshots", "Most snapshots.")                    \
	X("volumes", "Most volumes.")

#define QUOTA_ATTR(name, doc) { name, INT, 0, doc },
#define QUOTA_ROW(name, doc)  { name, TF_OC },
#define QUOTA_DATA(name, doc) { name, TF_COMPUTED },
#define PROJECT_ATTR                                                                        \
	{                                                                                   \
		"project_id", STR, REQUIRED | FIXED, "ID of the project that may have it.", \
			.wire = "id"                                                        \
	}

static const struct attr network_attrs[] = { PROJECT_ATTR, NETWORK_QUOTAS(QUOTA_ATTR){ 0 } };
static const struct attr compute_attrs[] = { PROJECT_ATTR, COMPUTE_QUOTAS(QUOTA_ATTR){ 0 } };
static const struct attr volume_attrs[] = {
	PROJECT_ATTR,
	VOLUME_QUOTAS(QUOTA_ATTR){
		"volume_type_quota", MAP, INLINE | MERGE,
		"Quotas of volume types: volumes_TYPE, gigabytes_TYPE and snapshots_TYPE." },
	{ 0 },
};

static struct err *get_quotas(struct op *op, const char *tail, struct json_object **ret)
{
	AUTO_BUF path = BUF_INIT;
	AUTO_JSON answer = NULL;
	struct err *e;

	buf_adds(&path, "/");
	buf_addurl(&path, json_str(op->want, "project_id"));
	buf_adds(&path, tail);
	e = op_call(op, "GET", path.s, NULL, &answer);
	if (!e && !json_object_is_type(json_at(answer, op->r->key), json_type_object))
		return err_new(ERR_PROTOCOL, "GET %s%s: the answer has no '%s'", op->r->path,
			       path.s, op->r->key);
	if (!e)
		*ret = attrs_decode(op->r->attrs, json_at(answer, op->r->key));
	return e;
}

/* Cinder takes whole numbers only, and what is not wanted any more cannot be taken back singly. */
static struct err *tidy_types(struct op *op)
{
	static const struct attr number = { "", INT, 0, "" };
	struct json_object *types = json_at(op->want, "volume_type_quota");
	AUTO_JSON tidy = json_object_new_object();
	AUTO_JSON initial = NULL;

	if (json_empty(types))
		return NULL;
	json_object_object_foreach(types, key, v) {
		struct err *e = v || initial ? NULL : get_quotas(op, "/defaults", &initial);

		if (e)
			return e;
		if (!v)
			v = json_at(json_at(initial, "volume_type_quota"), key);
		if (v)
			json_set(tidy, key, attr_typed(&number, v));
	}
	json_set(op->want, "volume_type_quota", TAKE(tidy));
	return NULL;
}

/* Every project has quotas. Nova says 400 where there is no such project, the others do not look. */
static struct err *find_quotas(struct op *op)
{
	struct err *e = get_quotas(op, "", &op->have);

	if (e && (e->status == 400 || e->status == 404)) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	json_set(op->have, "project_id", json_copy(json_at(op->want, "project_id")));
	return tidy_types(op);
}

static struct err *no_project(struct op *op)
{
	return err_at(err_new(ERR_NOT_FOUND, "there is no project %s to set quotas of",
			      json_str(op->want, "project_id")),
		      "project_id");
}

static struct err *look_up(struct tf_op *t)
{
	return find_quotas(t->op);
}

#define QUOTA_RESOURCE                                                                      \
	.doc = "Quotas of a project.", .update = "PUT", .flags = NO_NAME, .keys = "quotas", \
	.identifier = "project_id", .find = find_quotas, .create = no_project

static const struct resource network_quotas = {
	QUOTA_RESOURCE,         .name = "network_quotas", .service = "network",
	.path = "/v2.0/quotas", .key = "quota",           .attrs = network_attrs,
};

static const struct resource compute_quotas = {
	QUOTA_RESOURCE,           .name = "compute_quotas", .service = "compute",
	.path = "/os-quota-sets", .key = "quota_set",       .microversion = "2.35",
	.attrs = compute_attrs,
};

static const struct resource volume_quotas = {
	QUOTA_RESOURCE,           .name = "volume_quotas", .service = "block-storage",
	.path = "/os-quota-sets", .key = "quota_set",      .attrs = volume_attrs,
};

static const struct tf_attr network_rows[] = {
	{ "project_id", TF_REQUIRED },
	NETWORK_QUOTAS(QUOTA_ROW){ 0 },
};
static const struct tf_attr compute_rows[] = {
	{ "project_id", TF_REQUIRED },
	COMPUTE_QUOTAS(QUOTA_ROW){ 0 },
};
static const struct tf_attr volume_rows[] = {
	{ "project_id", TF_REQUIRED },
	VOLUME_QUOTAS(QUOTA_ROW){ "volume_type_quota", TF_SUBSET },
	{ 0 },
};
static const struct tf_attr network_data[] = {
	{ "project_id", TF_REQUIRED },
	NETWORK_QUOTAS(QUOTA_DATA){ 0 },
};
static const struct tf_attr compute_data[] = {
	{ "project_id", TF_REQUIRED },
	COMPUTE_QUOTAS(QUOTA_DATA){ 0 },
};
static const struct tf_attr volume_data[] = {
	{ "project_id", TF_REQUIRED },
	VOLUME_QUOTAS(QUOTA_DATA){ "volume_type_quota", TF_COMPUTED },
	{ 0 },
};

#define QUOTA_KIND                                           \
	.flags = TF_NO_ADOPT, .id = "{project_id}/{region}", \
	.minutes = { .create = 10, .update = 10, .remove = 10 }
#define QUOTA_LOOKUP .what = TF_DATA, .read = look_up, .id = "{project_id}/{region}"
#define EXAMPLE_MINE(type)                                                     \
	"data \"openstack_identity_auth_scope_v3\" \"me\" {\n"                 \
	"  name = \"me\"\n"                                                    \
	"}\n"                                                                  \
	"\n"                                                                   \
	"data \"openstack_" type "\" \"mine\" {\n"                             \
	"  project_id = data.openstack_identity_auth_scope_v3.me.project_id\n" \
	"}\n"
/* Quotas are for admins to set. */
#define EXAMPLE_PROJECT                                           \
	"resource \"openstack_identity_project_v3\" \"team\" {\n" \
	"  cloud = \"admin\"\n"                                   \
	"  name  = \"team\"\n"                                    \
	"}\n"                                                     \
	"\n"

static const struct tf_kind networking_quota_v2 = {
	QUOTA_KIND,
	.name = "networking_quota_v2",
	.of = &network_quotas,
	.doc = "How many networks and what belongs to them a project may have; "
	       "destroyed, those hold that projects have at first.",
	.attrs = network_rows,
	.example = EXAMPLE_PROJECT "resource \"openstack_networking_quota_v2\" \"team\" {\n"
				   "  cloud      = \"admin\"\n"
				   "  project_id = openstack_identity_project_v3.team.id\n"
				   "  network    = 10\n"
				   "  port       = 200\n"
				   "}\n",
};

static const struct tf_kind compute_quotaset_v2 = {
	QUOTA_KIND,
	.name = "compute_quotaset_v2",
	.of = &compute_quotas,
	.doc = "How many servers and what belongs to them a project may have; "
	       "destroyed, those quotas hold that projects have at first.",
	.attrs = compute_rows,
	.example = EXAMPLE_PROJECT "resource \"openstack_compute_quotaset_v2\" \"team\" {\n"
				   "  cloud      = \"admin\"\n"
				   "  project_id = openstack_identity_project_v3.team.id\n"
				   "  instances  = 20\n"
				   "  cores      = 80\n"
				   "}\n",
};

static const struct tf_kind blockstorage_quotaset_v3 = {
	QUOTA_KIND,
	.name = "blockstorage_quotaset_v3",
	.of = &volume_quotas,
	.doc = "How many volumes and what belongs to them a project may have; "
	       "destroyed, those quotas hold that projects have at first.",
	.attrs = volume_rows,
	.example = EXAMPLE_PROJECT "resource \"openstack_blockstorage_quotaset_v3\" \"team\" {\n"
				   "  cloud      = \"admin\"\n"
				   "  project_id = openstack_identity_project_v3.team.id\n"
				   "  volumes    = 30\n"
				   "  gigabytes  = 500\n"
				   "}\n",
};

static const struct tf_kind data_quota_v2 = {
	QUOTA_LOOKUP,          .name = "networking_quota_v2",
	.of = &network_quotas, .doc = "Quotas of networks and what belongs to them.",
	.attrs = network_data, .example = EXAMPLE_MINE("networking_quota_v2"),
};

static const struct tf_kind data_compute_quotaset_v2 = {
	QUOTA_LOOKUP,          .name = "compute_quotaset_v2",
	.of = &compute_quotas, .doc = "Quotas of servers and what belongs to them.",
	.attrs = compute_data, .example = EXAMPLE_MINE("compute_quotaset_v2"),
};

static const struct tf_kind data_volume_quotaset_v3 = {
	QUOTA_LOOKUP,         .name = "blockstorage_quotaset_v3",
	.of = &volume_quotas, .doc = "Quotas of volumes and what belongs to them.",
	.attrs = volume_data, .example = EXAMPLE_MINE("blockstorage_quotaset_v3"),
};

static const struct tf_kind *const terraform[] = {
	&networking_quota_v2,
	&compute_quotaset_v2,
	&blockstorage_quotaset_v3,
	&data_quota_v2,
	&data_compute_quotaset_v2,
	&data_volume_quotaset_v3,
	NULL,
};

const struct resource os_quota = {
	.name = "quota",
	.doc = "Manage how much of everything a project may have.",
	.service = "compute",
	.update = "PUT",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.lookup = &lookup,
	.terraform = terraform,
	.example = "- name: Quotas of a project\n"
		   "  treenail.openstack.quota:\n"
		   "    cloud: admin\n"
		   "    name: demo\n"
		   "    instances: 20\n"
		   "    ports: 60\n",
};
