#include "data.h"

#include <string.h>

#include "clusters.h"
#include "kubernetes/objects.h"
#include "protocol/value.h"
#include "subject.h"

static struct err *cluster_of(const struct tf_op *t, struct cluster **ret)
{
	return clusters_want(json_str(t->config, "cluster"), ret);
}

static const char *given(struct json_object *values, const char *path)
{
	const char *s = json_str(values, path);

	return s && *s ? s : NULL;
}

/* ---- resource ---- */

static const struct tf_attr place_rows[] = {
	{ "name", TF_REQUIRED, .doc = "Name of the object." },
	{ "namespace", .doc = "Its namespace; default by default, if its kind has one." },
	{ 0 },
};

static const struct tf_attr resource_rows[] = {
	{ "api_version", TF_REQUIRED, .doc = "API version, such as apps/v1." },
	{ "kind", TF_REQUIRED, .doc = "Kind, such as Deployment." },
	{ "metadata", TF_REQUIRED | TF_BLOCK | TF_UNIQUE, .doc = "Which one it is.",
	  .sub = place_rows },
	{ "object", TF_OC, .doc = "The object as the server has it, without managers of fields.",
	  .type = "\"dynamic\"" },
	{ 0 },
};

static struct json_object *without_managers(struct json_object *object)
{
	AUTO_JSON hidden = json_object_new_array();

	json_object_array_add(hidden, json_object_new_string("metadata.managedFields"));
	return document_without(object, hidden);
}

static struct err *open_resource(struct tf_op *t)
{
	struct json_object *meta = json_nth(json_at(t->config, "metadata"), 0);
	const char *ns = given(meta, "namespace"), *name = json_str(meta, "name");
	const struct kube_kind *k = NULL;
	struct cluster *c = NULL;
	AUTO_JSON object = NULL;
	struct err *e = cluster_of(t, &c);

	if (!e)
		e = kind_find(c, json_str(t->config, "api_version"), json_str(t->config, "kind"),
			      &k);
	if (!e)
		e = object_get(c, k, !k->namespaced ? NULL : ns ? ns : "default", name, &object);
	if (!e && !object)
		e = err_new(ERR_NOT_FOUND, "there is no %s %s%s%s", k->kind,
			    k->namespaced ? (ns ? ns : "default") : "", k->namespaced ? "/" : "",
			    name);
	if (!e)
		json_set(t->state, "object", without_managers(object));
	return e;
}

const struct tf_kind kubernetes_resource = {
	.name = "resource",
	.what = TF_DATA,
	.doc = "Any object that is there already.",
	.attrs = resource_rows,
	.flags = TF_NO_ID,
	.version = 1,
	.open = open_resource,
	.example = "data \"kubernetes_resource\" \"dns\" {\n"
		   "  api_version = \"v1\"\n"
		   "  kind        = \"Namespace\"\n"
		   "\n"
		   "  metadata {\n"
		   "    name = \"kube-system\"\n"
		   "  }\n"
		   "}\n",
};

/* ---- resources ---- */

static const struct tf_attr resources_rows[] = {
	{ "api_version", TF_REQUIRED, .doc = "API version, such as apps/v1." },
	{ "kind", TF_REQUIRED, .doc = "Kind, such as Deployment." },
	{ "namespace", .doc = "Namespace to look in; all of them by default." },
	{ "label_selector", .doc = "Labels that they have to have, as kubectl takes them." },
	{ "field_selector", .doc = "Fields that they have to have, as kubectl takes them." },
	{ "limit", .doc = "At most so many; 0 for all.", .type = "\"number\"" },
	{ "objects", TF_OC, .doc = "The objects, without managers of fields.",
	  .type = "\"dynamic\"" },
	{ 0 },
};

struct gathering {
	struct json_object *objects;
	int64_t limit; /* 0: none */
	bool full;
};

static struct err *gather(void *arg, struct json_object *object)
{
	struct gathering *g = arg;

	json_object_array_add(g->objects, without_managers(object));
	g->full = g->limit && (int64_t)json_len(g->objects) >= g->limit;
	return g->full ? err_new(ERR_USAGE, "enough") : NULL;
}

static struct err *open_resources(struct tf_op *t)
{
	const struct object_query q = { .api_version = json_str(t->config, "api_version"),
					.kind = json_str(t->config, "kind"),
					.ns = given(t->config, "namespace"),
					.labels = given(t->config, "label_selector"),
					.fields = given(t->config, "field_selector") };
	struct gathering g = { .limit = json_int(t->config, "limit", 0) };
	const struct kube_kind *k = NULL;
	struct cluster *c = NULL;
	struct err *e = cluster_of(t, &c);

	if (!e)
		e = kind_find(c, q.api_version, q.kind, &k);
	if (e)
		return e;
	g.objects = json_object_new_array();
	e = objects_each(c, &q, gather, &g);
	if (e && g.full) {
		err_free(e);
		e = NULL;
	}
	json_set(t->state, "objects", g.objects);
	return e;
}

const struct tf_kind kubernetes_resources = {
	.name = "resources",
	.what = TF_DATA,
	.doc = "All objects of a kind, or those that a selector picks.",
	.attrs = resources_rows,
	.flags = TF_NO_ID,
	.version = 1,
	.open = open_resources,
	.example = "data \"kubernetes_resources\" \"nodes\" {\n"
		   "  api_version    = \"v1\"\n"
		   "  kind           = \"Node\"\n"
		   "  field_selector = \"spec.unschedulable!=true\"\n"
		   "}\n",
};

/* ---- server_version ---- */

static const struct {
	const char *row, *field;
} version_fields[] = {
	{ "build_date", "buildDate" },
	{ "compiler", "compiler" },
	{ "git_commit", "gitCommit" },
	{ "git_tree_state", "gitTreeState" },
	{ "git_version", "gitVersion" },
	{ "go_version", "goVersion" },
	{ "major", "major" },
	{ "minor", "minor" },
	{ "platform", "platform" },
};

/* Kinds differ in which of them they have. */
static void show_row(struct tf_op *t, const char *name, const char *s)
{
	for (const struct tf_attr *row = t->kind->attrs; row->name; row++)
		if (strcmp(row->name, name) == 0)
			json_sets(t->state, name, s);
}

/* "v1.33.13+abc" is version 1.33.13, whose patch is 13. */
static void show_numbers(struct tf_op *t, const char *git_version)
{
	const char *s = git_version + (*git_version == 'v');
	AUTO_STR version = xstrndup(s, strcspn(s, "+-"));
	const char *patch = strrchr(version, '.');

	show_row(t, "version", version);
	show_row(t, "patch", patch ? patch + 1 : "");
}

struct err *server_version_show(struct tf_op *t)
{
	AUTO_JSON version = NULL;
	struct cluster *c = NULL;
	const char *name = json_str(t->config ? t->config : t->prior, "cluster");
	struct err *e = clusters_want(name, &c);

	if (!e)
		e = cluster_version(c, &version);
	if (e)
		return e;
	for (size_t i = 0; i < COUNT(version_fields); i++)
		show_row(t, version_fields[i].row, json_str(version, version_fields[i].field));
	if (json_str(version, "gitVersion"))
		show_numbers(t, json_str(version, "gitVersion"));
	json_sets(t->state, "id", json_str(version, "gitVersion"));
	return NULL;
}

static const struct tf_attr version_rows[] = {
	{ "version", TF_COMPUTED, .doc = "The version in numbers, such as 1.33.13." },
	{ "build_date", TF_COMPUTED, .doc = "When the server was built." },
	{ "compiler", TF_COMPUTED, .doc = "What it was built with." },
	{ "git_commit", TF_COMPUTED, .doc = "Commit it was built of." },
	{ "git_tree_state", TF_COMPUTED, .doc = "Whether there was more than that commit." },
	{ "git_version", TF_COMPUTED, .doc = "The whole version." },
	{ "go_version", TF_COMPUTED, .doc = "Version of Go." },
	{ "major", TF_COMPUTED, .doc = "Major version." },
	{ "minor", TF_COMPUTED, .doc = "Minor version." },
	{ "platform", TF_COMPUTED, .doc = "System and processor it runs on." },
	{ 0 },
};

const struct tf_kind kubernetes_server_version = {
	.name = "server_version",
	.what = TF_DATA,
	.doc = "Version of the API server.",
	.attrs = version_rows,
	.open = server_version_show,
	.example = "data \"kubernetes_server_version\" \"this\" {\n}\n"
		   "\n"
		   "output \"version\" {\n"
		   "  value = data.kubernetes_server_version.this.version\n"
		   "}\n",
};

/* ---- all_namespaces, nodes ---- */

static const struct tf_attr namespaces_rows[] = {
	{ "namespaces", TF_COMPUTED, .doc = "Names of all namespaces.",
	  .type = "[\"list\",\"string\"]" },
	{ 0 },
};

static struct err *open_namespaces(struct tf_op *t)
{
	const struct object_query q = { .api_version = "v1",
					.kind = "Namespace",
					.metadata_only = true };
	struct json_object *names = json_object_new_array();
	AUTO_JSON all = NULL;
	struct cluster *c = NULL;
	struct err *e = cluster_of(t, &c);

	json_set(t->state, "namespaces", names);
	if (!e)
		e = objects_list(c, &q, &all);
	for (size_t i = 0; i < json_len(all); i++)
		json_object_array_add(names, json_copy(json_at(json_nth(all, i), "metadata.name")));
	json_sets(t->state, "id", c ? cluster_server(c) : NULL);
	return e;
}

const struct tf_kind kubernetes_all_namespaces = {
	.name = "all_namespaces",
	.what = TF_DATA,
	.doc = "Names of all namespaces.",
	.attrs = namespaces_rows,
	.open = open_namespaces,
	.example = "data \"kubernetes_all_namespaces\" \"all\" {\n}\n",
};

#define T_MAP   "[\"map\",\"string\"]"
#define T_TEXTS "[\"list\",\"string\"]"

static const char nodes_type[] = "[\"list\",[\"object\",{"
				 "\"metadata\":[\"list\",[\"object\",{"
				 "\"annotations\":[\"map\",\"string\"],"
				 "\"generation\":\"number\","
				 "\"labels\":[\"map\",\"string\"],"
				 "\"name\":\"string\","
				 "\"resource_version\":\"string\","
				 "\"uid\":\"string\""
				 "}]],"
				 "\"spec\":[\"list\",[\"object\",{"
				 "\"pod_cidr\":\"string\","
				 "\"pod_cidrs\":[\"list\",\"string\"],"
				 "\"provider_id\":\"string\","
				 "\"taints\":[\"list\",[\"object\",{"
				 "\"effect\":\"string\","
				 "\"key\":\"string\","
				 "\"value\":\"string\""
				 "}]],"
				 "\"unschedulable\":\"bool\""
				 "}]],"
				 "\"status\":[\"list\",[\"object\",{"
				 "\"addresses\":[\"list\",[\"object\",{"
				 "\"address\":\"string\","
				 "\"type\":\"string\""
				 "}]],"
				 "\"allocatable\":[\"map\",\"string\"],"
				 "\"capacity\":[\"map\",\"string\"],"
				 "\"conditions\":[\"list\",[\"object\",{"
				 "\"last_heartbeat_time\":\"string\","
				 "\"last_transition_time\":\"string\","
				 "\"message\":\"string\","
				 "\"reason\":\"string\","
				 "\"status\":\"string\","
				 "\"type\":\"string\""
				 "}]],"
				 "\"node_info\":[\"list\",[\"object\",{"
				 "\"architecture\":\"string\","
				 "\"boot_id\":\"string\","
				 "\"container_runtime_version\":\"string\","
				 "\"kernel_version\":\"string\","
				 "\"kube_proxy_version\":\"string\","
				 "\"kubelet_version\":\"string\","
				 "\"machine_id\":\"string\","
				 "\"operating_system\":\"string\","
				 "\"os_image\":\"string\","
				 "\"system_uuid\":\"string\""
				 "}]]"
				 "}]]"
				 "}]]";

static const struct tf_attr selector_rows[] = {
	{ "labels", TF_REQUIRED, .doc = "Labels that a node has to have.", .type = T_MAP },
	{ 0 },
};

static const struct tf_attr nodes_rows[] = {
	{ "metadata", TF_BLOCK | TF_UNIQUE, .doc = "Which nodes; all by default.",
	  .sub = selector_rows },
	{ "nodes", TF_COMPUTED, .doc = "The nodes.", .type = nodes_type },
	{ 0 },
};

/* "bootID" is boot_id in Terraform. */
static char *snake(const char *name)
{
	AUTO_BUF text = BUF_INIT;

	for (const char *s = name; *s; s++) {
		const bool upper = *s >= 'A' && *s <= 'Z';
		const bool after_upper = s > name && s[-1] >= 'A' && s[-1] <= 'Z';
		const char c = (char)(upper ? *s - 'A' + 'a' : *s);

		if (upper && s > name && !after_upper)
			buf_adds(&text, "_");
		(void)buf_add(&text, &c, 1);
	}
	return buf_take(&text);
}

/* Whether an object of the API is a list of one in Terraform, as the peer has it. */
static bool is_boxed(const char *name)
{
	return strcmp(name, "node_info") == 0;
}

static struct json_object *boxed(struct json_object *v)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(list, v);
	return list;
}

static struct json_object *renamed(struct json_object *v)
{
	struct json_object *ret;

	if (json_object_is_type(v, json_type_array)) {
		ret = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(ret, renamed(json_nth(v, i)));
		return ret;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	ret = json_object_new_object();
	json_object_object_foreach(v, key, one) {
		AUTO_STR name = snake(key);
		const bool map = strcmp(name, "labels") == 0 || strcmp(name, "annotations") == 0 ||
				 strcmp(name, "capacity") == 0 || strcmp(name, "allocatable") == 0;
		struct json_object *value = map ? json_copy(one) : renamed(one);

		json_set(ret, name, is_boxed(name) ? boxed(value) : value);
	}
	return ret;
}

static struct err *take_node(void *arg, struct json_object *node)
{
	static const char *const parts[] = { "metadata", "spec", "status" };
	struct json_object *to = json_object_new_object();

	for (size_t i = 0; i < COUNT(parts); i++)
		json_set(to, parts[i], boxed(renamed(json_at(node, parts[i]))));
	json_object_array_add(arg, to);
	return NULL;
}

static struct err *open_nodes(struct tf_op *t)
{
	struct json_object *nodes = json_object_new_array();
	struct json_object *wanted = json_nth(json_at(t->config, "metadata"), 0);
	AUTO_BUF labels = BUF_INIT;
	struct object_query q = { .api_version = "v1", .kind = "Node" };
	struct cluster *c = NULL;
	struct err *e = cluster_of(t, &c);

	json_set(t->state, "nodes", nodes);
	if (wanted) {
		json_object_object_foreach(json_at(wanted, "labels"), key, v) {
			buf_addf(&labels, "%s%s=%s", labels.len ? "," : "", key,
				 json_object_get_string(v));
		}
	}
	q.labels = labels.len ? labels.s : NULL;
	if (!e)
		e = objects_each(c, &q, take_node, nodes);
	json_sets(t->state, "id", c ? cluster_server(c) : NULL);
	return e;
}

const struct tf_kind kubernetes_nodes = {
	.name = "nodes",
	.what = TF_DATA,
	.doc = "The nodes, or those that have certain labels.",
	.attrs = nodes_rows,
	.open = open_nodes,
	.example = "data \"kubernetes_nodes\" \"all\" {\n}\n",
};

/* ---- token_request ---- */

static const struct tf_attr bound_rows[] = {
	{ "api_version", .doc = "API version of the object." },
	{ "kind", .doc = "Pod or Secret." },
	{ "name", .doc = "Its name." },
	{ "uid", .doc = "Its UID." },
	{ 0 },
};

static const struct tf_attr request_rows[] = {
	{ "audiences", TF_OC, .doc = "Whom the token is for; the API server by default.",
	  .type = T_TEXTS },
	{ "expiration_seconds", TF_OC, .doc = "How long it is to be valid.", .type = "\"number\"" },
	{ "bound_object_ref", TF_BLOCK | TF_SINGLE, .doc = "An object with which the token ends.",
	  .sub = bound_rows },
	{ 0 },
};

static const struct tf_attr account_rows[] = {
	{ "name", TF_REQUIRED, .doc = "Name of the service account." },
	{ "namespace", TF_REQUIRED, .doc = "Its namespace." },
	{ 0 },
};

static const struct tf_attr token_rows[] = {
	{ "metadata", TF_BLOCK | TF_SINGLE, .doc = "Whose token it is.", .sub = account_rows },
	{ "spec", TF_BLOCK | TF_SINGLE, .doc = "What token it is to be.", .sub = request_rows },
	{ "token", TF_OC | TF_SENSITIVE, .doc = "The token." },
	{ "expiration_timestamp", TF_OC, .doc = "When it ends." },
	{ 0 },
};

static struct json_object *token_spec(struct json_object *from)
{
	struct json_object *spec = json_object_new_object();
	struct json_object *ref = json_at(from, "bound_object_ref");

	json_set(spec, "audiences",
		 json_len(json_at(from, "audiences")) ? json_copy(json_at(from, "audiences"))
						      : json_object_new_array());
	if (json_at(from, "expiration_seconds"))
		json_set(spec, "expirationSeconds", json_copy(json_at(from, "expiration_seconds")));
	if (ref) {
		AUTO_JSON all = json_object_new_object();

		json_set(all, "apiVersion", json_copy(json_at(ref, "api_version")));
		json_set(all, "kind", json_copy(json_at(ref, "kind")));
		json_set(all, "name", json_copy(json_at(ref, "name")));
		json_set(all, "uid", json_copy(json_at(ref, "uid")));
		json_set(spec, "boundObjectRef", plain_object(all));
	}
	return spec;
}

/* What the server made of the wish. */
static void show_token(struct tf_op *t, struct json_object *answer)
{
	struct json_object *spec = json_at(t->state, "spec");

	json_set(t->state, "token", json_copy(json_at(answer, "status.token")));
	json_set(t->state, "expiration_timestamp",
		 json_copy(json_at(answer, "status.expirationTimestamp")));
	if (!spec)
		return;
	if (!json_at(spec, "audiences"))
		json_set(spec, "audiences", json_copy(json_at(answer, "spec.audiences")));
	if (!json_at(spec, "expiration_seconds"))
		json_set(spec, "expiration_seconds",
			 json_copy(json_at(answer, "spec.expirationSeconds")));
}

static struct err *open_token(struct tf_op *t)
{
	struct json_object *meta = json_at(t->config, "metadata");
	const char *ns = json_str(meta, "namespace"), *name = json_str(meta, "name");
	const struct kube_kind *k = NULL;
	struct cluster *c = NULL;
	AUTO_JSON body = json_object_new_object();
	AUTO_JSON answer = NULL;
	struct err *e;

	if (!ns || !name)
		return err_at(err_new(ERR_USAGE, "metadata has to name a service account"),
			      "metadata");
	e = cluster_of(t, &c);
	if (!e)
		e = kind_find(c, "v1", "ServiceAccount", &k);
	if (e)
		return e;
	AUTO_STR path = kind_path(k, ns, name, "token");
	json_sets(body, "apiVersion", "authentication.k8s.io/v1");
	json_sets(body, "kind", "TokenRequest");
	json_set(body, "spec", token_spec(json_at(t->config, "spec")));
	const struct kube_request req = { .method = "POST", .path = path, .body = body };
	e = cluster_call(c, &req, &answer);
	if (!e)
		show_token(t, answer);
	return e;
}

const struct tf_kind kubernetes_token_request = {
	.name = "token_request_v1",
	.what = TF_EPHEMERAL,
	.doc = "A token of a service account, kept in neither plan nor state.",
	.attrs = token_rows,
	.open = open_token,
	.example = "ephemeral \"kubernetes_token_request_v1\" \"default\" {\n"
		   "  metadata {\n"
		   "    name      = \"default\"\n"
		   "    namespace = \"default\"\n"
		   "  }\n"
		   "\n"
		   "  spec {\n"
		   "    expiration_seconds = 600\n"
		   "  }\n"
		   "}\n",
};
