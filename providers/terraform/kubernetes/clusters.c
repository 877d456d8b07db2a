#include "clusters.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/block.h"
#include "file.h"
#include "kubernetes/kubeconfig.h"
#include "live.h"
#include "protocol/value.h"
#include "session/config.h"
#include "text.h"

static const struct tf_attr exec_rows[] = {
	{ "api_version", TF_REQUIRED,
	  .doc = "Version of the plugin's protocol, such as "
		 "client.authentication.k8s.io/v1." },
	{ "command", TF_REQUIRED, .doc = "The program." },
	{ "args", .doc = "Its arguments.", .type = "[\"list\",\"string\"]" },
	{ "env", .doc = "Added to its environment.", .type = "[\"map\",\"string\"]" },
	{ 0 },
};

static const struct tf_attr experiments_rows[] = {
	{ "manifest_resource", TF_DEPRECATED, .doc = "Accepted for the sake of existing files.",
	  .type = "\"bool\"" },
	{ 0 },
};

#define STRINGS "[\"list\",\"string\"]"

const struct tf_attr clusters_config[] = {
	{ "host", .doc = "URL of the API server; KUBE_HOST by default." },
	{ "username", .doc = "User, for servers that take passwords; KUBE_USER by default." },
	{ "password", TF_SENSITIVE, .doc = "The user's password; KUBE_PASSWORD by default." },
	{ "token", TF_SENSITIVE, .doc = "Bearer token; KUBE_TOKEN by default." },
	{ "insecure",
	  .doc = "Whether the server's certificate is trusted unseen, only if you must; "
		 "KUBE_INSECURE by default.",
	  .type = "\"bool\"" },
	{ "tls_server_name",
	  .doc = "Name that the server's certificate has to have, if it is not the host's; "
		 "KUBE_TLS_SERVER_NAME by default." },
	{ "client_certificate",
	  .doc = "Client certificate, as PEM; KUBE_CLIENT_CERT_DATA by default." },
	{ "client_key", TF_SENSITIVE, .doc = "Its key, as PEM; KUBE_CLIENT_KEY_DATA by default." },
	{ "cluster_ca_certificate",
	  .doc = "CA certificates of the server, as PEM; KUBE_CLUSTER_CA_CERT_DATA by default." },
	{ "config_path", .doc = "A kubeconfig file; KUBE_CONFIG_PATH by default." },
	{ "config_paths",
	  .doc = "Several of them, merged as kubectl merges them; KUBE_CONFIG_PATHS by default.",
	  .type = STRINGS },
	{ "config_context",
	  .doc = "Context of the kubeconfig; KUBE_CTX by default, else its current-context." },
	{ "config_context_auth_info",
	  .doc = "User of the kubeconfig, in place of the context's; KUBE_CTX_AUTH_INFO by default." },
	{ "config_context_cluster",
	  .doc = "Cluster of the kubeconfig, in place of the context's; KUBE_CTX_CLUSTER by default." },
	{ "proxy_url", .doc = "Proxy to the server; KUBE_PROXY_URL by default." },
	{ "exec", TF_BLOCK | TF_UNIQUE, .doc = "A program that tells credentials.",
	  .sub = exec_rows },
	{ "clusters", TF_SENSITIVE,
	  .doc = "Further clusters, for the argument `cluster` of resources: objects by name, with "
		 "arguments as of this block. Those that are not known yet do not keep the others "
		 "from being planned.",
	  .type = "\"dynamic\"" },
	{ "expect_cluster_uid",
	  .doc = "UID of the namespace kube-system: another cluster is not written to." },
	{ "ignore_annotations",
	  .doc = "Accepted for the sake of existing files: annotations that others set are never a "
		 "difference.",
	  .type = STRINGS },
	{ "ignore_labels", .doc = "The same of labels.", .type = STRINGS },
	{ "experiments", TF_BLOCK | TF_UNIQUE, .doc = "Accepted for the sake of existing files.",
	  .sub = experiments_rows },
	{ "load_config_file",
	  .doc = "Whether a kubeconfig is read; where nothing names one, KUBECONFIG or "
		 "~/.kube/config. KUBE_LOAD_CONFIG_FILE by default, else only under the name kubectl.",
	  .type = "\"bool\"" },
	{ "apply_retry_count",
	  .doc = "Accepted for the sake of existing files: what may be repeated is repeated.",
	  .type = "\"number\"" },
	{ "lazy_load",
	  .doc = "Accepted for the sake of existing files: nothing is loaded before it is needed.",
	  .type = "\"bool\"" },
	{ 0 },
};

/* The same for the clusters of `clusters`, without the variables. */
static const struct {
	const char *name, *env;
} arguments[] = {
	{ "host", "KUBE_HOST" },
	{ "username", "KUBE_USER" },
	{ "password", "KUBE_PASSWORD" },
	{ "token", "KUBE_TOKEN" },
	{ "insecure", "KUBE_INSECURE" },
	{ "tls_server_name", "KUBE_TLS_SERVER_NAME" },
	{ "client_certificate", "KUBE_CLIENT_CERT_DATA" },
	{ "client_key", "KUBE_CLIENT_KEY_DATA" },
	{ "cluster_ca_certificate", "KUBE_CLUSTER_CA_CERT_DATA" },
	{ "config_path", "KUBE_CONFIG_PATH" },
	{ "config_paths", "KUBE_CONFIG_PATHS" },
	{ "config_context", "KUBE_CTX" },
	{ "config_context_auth_info", "KUBE_CTX_AUTH_INFO" },
	{ "config_context_cluster", "KUBE_CTX_CLUSTER" },
	{ "proxy_url", "KUBE_PROXY_URL" },
	{ "exec", NULL },
	{ "expect_cluster_uid", NULL },
	{ "load_config_file", "KUBE_LOAD_CONFIG_FILE" },
};

/* ---- one cluster's arguments as options of cluster_new() ---- */

static bool is_true(struct json_object *v)
{
	AUTO_STR text = json_text(v);

	return words_have("true 1 yes on", text);
}

static bool default_config;

void clusters_default_config(bool yes)
{
	default_config = yes;
}

static bool loads_file(struct json_object *args)
{
	struct json_object *v = json_at(args, "load_config_file");

	return v ? is_true(v) : default_config;
}

/* "a:b" of the files that are named, "~" as the home directory; NULL: none. Owned. */
static char *config_files(struct json_object *args)
{
	struct json_object *paths = json_at(args, "config_paths"),
			   *path = json_at(args, "config_path");
	struct json_object *off = json_at(args, "load_config_file");
	AUTO_BUF text = BUF_INIT;
	const char *home = env_get("HOME");

	if (off && !is_true(off))
		return NULL;
	if (json_object_is_type(paths, json_type_string)) /* a variable */
		buf_adds(&text, json_object_get_string(paths));
	for (size_t i = 0; i < (json_len(paths) ? json_len(paths) : 1); i++) {
		struct json_object *one = json_len(paths) ? json_nth(paths, i) : path;
		const char *s = json_object_get_string(one);

		if (!one || !*s)
			continue;
		buf_addf(&text, "%s%s%s", text.len ? ":" : "",
			 strncmp(s, "~/", 2) == 0 && home ? home : "",
			 strncmp(s, "~/", 2) == 0 && home ? s + 1 : s);
	}
	if (!text.len && loads_file(args) && env_get("KUBECONFIG"))
		buf_adds(&text, env_get("KUBECONFIG"));
	else if (!text.len && loads_file(args) && home)
		buf_addf(&text, "%s/.kube/config", home);
	return text.len ? buf_take(&text) : NULL;
}

static void set_text(struct json_object *to, const char *key, struct json_object *args,
		     const char *name)
{
	if (!json_empty(json_at(args, name)))
		json_set(to, key, json_copy(json_at(args, name)));
}

static void set_data(struct json_object *to, const char *key, struct json_object *args,
		     const char *name)
{
	const char *pem = json_str(args, name);

	if (pem && *pem) {
		char *data = base64_of(pem, strlen(pem));

		json_sets(to, key, data);
		wipe_free(data);
	}
}

/* "10.0.0.1:6443" is meant to be spoken to with TLS. */
static void set_server(struct json_object *to, const char *key, struct json_object *args)
{
	const char *host = json_str(args, "host");
	AUTO_STR url = host && *host
			       ? xasprintf("%s%s", strstr(host, "://") ? "" : "https://", host)
			       : NULL;

	if (url)
		json_sets(to, key, url);
}

static void set_exec(struct json_object *user, struct json_object *args)
{
	struct json_object *exec = json_at(args, "exec");
	struct json_object *to, *env;

	/* A block is a list of one; in `clusters` it may be the object. */
	exec = json_len(exec) ? json_nth(exec, 0) : exec;
	if (json_empty(exec))
		return;
	to = json_object_new_object();
	env = json_object_new_array();
	set_text(to, "apiVersion", exec, "api_version");
	set_text(to, "command", exec, "command");
	set_text(to, "args", exec, "args");
	if (json_object_is_type(json_at(exec, "env"), json_type_object)) {
		json_object_object_foreach(json_at(exec, "env"), name, v) {
			struct json_object *one = json_object_new_object();

			json_sets(one, "name", name);
			json_set(one, "value", json_copy(v));
			json_object_array_add(env, one);
		}
	}
	json_set(to, "env", env);
	json_sets(to, "interactiveMode", "Never");
	json_set(user, "exec", to);
}

static void set_cluster(struct json_object *cluster, struct json_object *args)
{
	set_server(cluster, "server", args);
	set_data(cluster, "certificate-authority-data", args, "cluster_ca_certificate");
	if (json_has(cluster, "certificate-authority-data"))
		json_object_object_del(cluster, "certificate-authority");
	set_text(cluster, "tls-server-name", args, "tls_server_name");
	set_text(cluster, "proxy-url", args, "proxy_url");
	if (json_at(args, "insecure"))
		json_set(cluster, "insecure-skip-tls-verify",
			 json_object_new_boolean(is_true(json_at(args, "insecure"))));
}

static void set_user(struct json_object *user, struct json_object *args)
{
	set_text(user, "token", args, "token");
	set_text(user, "username", args, "username");
	set_text(user, "password", args, "password");
	set_data(user, "client-certificate-data", args, "client_certificate");
	set_data(user, "client-key-data", args, "client_key");
	set_exec(user, args);
}

static struct json_object *list_of(const char *key, struct json_object *what)
{
	struct json_object *list = json_object_new_array(), *one = json_object_new_object();

	json_sets(one, "name", KUBECONFIG_UNNAMED);
	json_set(one, key, what);
	json_object_array_add(list, one);
	return list;
}

/* A configuration of one context, which takes all three. */
static struct json_object *config_of(struct json_object *cluster, struct json_object *user,
				     const char *ns)
{
	struct json_object *config = json_object_new_object(), *context = json_object_new_object();

	json_sets(context, "cluster", KUBECONFIG_UNNAMED);
	json_sets(context, "user", KUBECONFIG_UNNAMED);
	if (ns)
		json_sets(context, "namespace", ns);
	json_sets(config, "apiVersion", "v1");
	json_sets(config, "kind", "Config");
	json_sets(config, "current-context", KUBECONFIG_UNNAMED);
	json_set(config, "clusters", list_of("cluster", cluster));
	json_set(config, "users", list_of("user", user));
	json_set(config, "contexts", list_of("context", context));
	return config;
}

/* Paths in a file are relative to it. */
static void make_absolute(struct json_object *entry, const char *file)
{
	static const char *const keys[] = { "certificate-authority", "client-certificate",
					    "client-key", "tokenFile" };
	const char *slash = file ? strrchr(file, '/') : NULL;

	for (size_t i = 0; i < COUNT(keys); i++) {
		const char *s = json_str(entry, keys[i]);

		if (!s || *s == '/' || !slash)
			continue;
		AUTO_STR path = xasprintf("%.*s%s", (int)(slash - file + 1), file, s);
		json_sets(entry, keys[i], path);
	}
}

/* An entry of the merged files; no name is an empty one. */
static struct err *entry_of(struct json_object *merged, const char *list, const char *name,
			    struct json_object **ret)
{
	struct json_object *found = NULL;

	if (name && !json_object_object_get_ex(json_at(merged, list), name, &found))
		return err_new(ERR_USAGE, "the kubeconfig has no '%s' among its %s", name, list);
	*ret = found ? json_copy(json_at(found, "value")) : json_object_new_object();
	make_absolute(*ret, json_str(found, "file"));
	return NULL;
}

/* What of the files holds, and what of the block in its place. */
static struct err *mixed(struct json_object *args, const char *files, struct json_object **ret)
{
	AUTO_JSON merged = NULL;
	AUTO_JSON context = NULL;
	AUTO_JSON cluster = NULL;
	AUTO_JSON user = NULL;
	const char *name = json_str(args, "config_context");
	const char *of_cluster = json_str(args, "config_context_cluster");
	const char *of_user = json_str(args, "config_context_auth_info");
	struct err *e = kubeconfig_merge(files, &merged);

	if (!e)
		e = entry_of(merged, "contexts",
			     name && *name ? name : json_str(merged, "current-context"), &context);
	if (!e)
		e = entry_of(merged, "clusters",
			     of_cluster ? of_cluster : json_str(context, "cluster"), &cluster);
	if (!e)
		e = entry_of(merged, "users", of_user ? of_user : json_str(context, "user"), &user);
	if (e)
		return e;
	set_cluster(cluster, args);
	set_user(user, args);
	*ret = config_of(TAKE(cluster), TAKE(user), json_str(context, "namespace"));
	return NULL;
}

/* Whether what is given can only be said within a configuration. */
static bool is_mixed(struct json_object *args)
{
	return !json_empty(json_at(args, "cluster_ca_certificate")) ||
	       !json_empty(json_at(args, "client_certificate")) ||
	       !json_empty(json_at(args, "client_key")) || !json_empty(json_at(args, "exec")) ||
	       !json_empty(json_at(args, "tls_server_name")) ||
	       !json_empty(json_at(args, "config_context_cluster")) ||
	       !json_empty(json_at(args, "config_context_auth_info"));
}

static void set_options(struct json_object *options, struct json_object *args)
{
	set_server(options, "host", args);
	set_text(options, "api_key", args, "token");
	set_text(options, "username", args, "username");
	set_text(options, "password", args, "password");
	set_text(options, "proxy", args, "proxy_url");
	set_text(options, "context", args, "config_context");
	if (json_at(args, "insecure"))
		json_set(options, "validate_certs",
			 json_object_new_boolean(!is_true(json_at(args, "insecure"))));
}

/* *why: the kubeconfig is not there yet, maybe because this very run is to write it. */
static struct err *options_of(struct json_object *args, struct json_object **ret, char **why)
{
	AUTO_STR files = config_files(args);
	AUTO_JSON options = json_object_new_object();
	struct json_object *config = NULL;
	struct err *e = NULL;

	if (files && !strchr(files, ':') && access(files, F_OK) != 0) {
		*why = xasprintf("the kubeconfig %s is not there", files);
		return NULL;
	}
	if (files && is_mixed(args)) {
		e = mixed(args, files, &config);
	} else if (files) {
		json_sets(options, "kubeconfig", files);
		set_options(options, args);
	} else if (json_empty(json_at(args, "host"))) {
		e = err_new(ERR_USAGE, "it names no cluster: give host, or config_path%s",
			    default_config ? "" : " (~/.kube/config is not taken by itself)");
	} else {
		struct json_object *cluster = json_object_new_object();
		struct json_object *user = json_object_new_object();

		set_cluster(cluster, args);
		set_user(user, args);
		config = config_of(cluster, user, NULL);
	}
	if (e)
		return e;
	if (config)
		json_set(options, "kubeconfig", config);
	set_text(options, "expect_cluster_uid", args, "expect_cluster_uid");
	*ret = TAKE(options);
	return NULL;
}

/* ---- sessions ---- */

struct session {
	char *name;
	struct cluster *cluster;
	bool is_old; /* of another block: only calls that are under way have it */
	struct session *next;
};

static struct session *sessions;

static void forget(void)
{
	for (struct session *s = sessions; s; s = s->next)
		s->is_old = true;
}

static struct block block = BLOCK_OF(forget);

static void renew(void)
{
	block_renew(&block);
}

static struct err *configure(struct json_object *config)
{
	return block_configure(&block, config);
}

/* What names the files. The rest of the block says where its own cluster is, and who we are there. */
static const char of_files[] = "config_path config_paths load_config_file";

/* The block's own arguments, or only those of `names`, with what variables say of those that are not given. */
static struct json_object *own_arguments(const char *names)
{
	struct json_object *args = json_object_new_object();

	for (size_t i = 0; i < COUNT(arguments); i++) {
		if (names && !words_have(names, arguments[i].name))
			continue;
		struct json_object *v = json_at(block.config, arguments[i].name);
		const char *env = arguments[i].env ? env_get(arguments[i].env) : NULL;

		if (!json_empty(v))
			json_set(args, arguments[i].name, json_copy(v));
		else if (env)
			json_sets(args, arguments[i].name, env);
	}
	return args;
}

static struct err *check_names(struct json_object *args, const char *name)
{
	if (!json_object_is_type(args, json_type_object))
		return err_new(ERR_USAGE, "clusters: '%s' has to be an object, not %s", name,
			       json_type_words(args));
	json_object_object_foreach(args, key, v) {
		size_t i = 0;

		(void)v;
		while (i < COUNT(arguments) && strcmp(arguments[i].name, key) != 0)
			i++;
		if (i == COUNT(arguments))
			return err_new(ERR_USAGE, "clusters: '%s' has no argument '%s'", name, key);
	}
	return NULL;
}

static bool names_context(struct json_object *args, const char *name)
{
	AUTO_STR files = config_files(args);

	return files && name;
}

static struct err *no_such(struct json_object *clusters, const char *name)
{
	struct nearest n = { .s = name };

	if (json_object_is_type(clusters, json_type_object)) {
		json_object_object_foreach(clusters, key, v) {
			(void)v;
			nearest_try(&n, key);
		}
	}
	return err_new(ERR_USAGE,
		       "the provider block has neither an entry '%s' in clusters nor a kubeconfig "
		       "that might have it as a context%s%s%s",
		       name, n.best ? "; was '" : "", n.best ? n.best : "",
		       n.best ? "' meant?" : "");
}

/* New: the arguments of a cluster. A value of it may be unknown. */
static struct err *arguments_of(const char *name, struct json_object **ret)
{
	struct json_object *clusters = value_inner(json_at(block.config, "clusters"));
	struct json_object *one = NULL;
	AUTO_JSON args = NULL;
	struct err *e;

	if (!*name) {
		*ret = own_arguments(NULL);
		return NULL;
	}
	if (value_is_unknown(clusters)) {
		*ret = json_copy(clusters);
		return NULL;
	}
	if (json_object_is_type(clusters, json_type_object) &&
	    json_object_object_get_ex(clusters, name, &one)) {
		e = value_is_unknown(one) ? NULL : check_names(one, name);
		if (!e)
			*ret = json_copy(one);
		return e;
	}
	args = own_arguments(of_files);
	if (value_has_unknown(args)) {
		*ret = TAKE(args);
		return NULL;
	}
	if (!names_context(args, name))
		return no_such(clusters, name);
	json_sets(args, "config_context", name);
	*ret = TAKE(args);
	return NULL;
}

static char *unknown_names(struct json_object *args)
{
	AUTO_BUF names = BUF_INIT;

	json_object_object_foreach(args, key, v) {
		if (value_has_unknown(v) && !value_is_unknown(args))
			buf_addf(&names, "%s%s", names.len ? ", " : "", key);
	}
	return xasprintf("its configuration is not known before something else is applied%s%s%s",
			 names.len ? " (" : "", names.s, names.len ? ")" : "");
}

/* With the lock held. */
static struct err *begin(const char *name, struct session **ret, char **why, bool *absent)
{
	AUTO_JSON args = NULL;
	AUTO_JSON options = NULL;
	struct cluster *cluster = NULL;
	struct session *s;
	struct err *e = arguments_of(name, &args);

	if (!e && value_has_unknown(args)) {
		*why = unknown_names(args);
		return NULL;
	}
	if (!e)
		e = options_of(args, &options, why);
	*absent = *why;
	if (!e && options)
		e = cluster_new(options, &cluster);
	if (e || !cluster)
		return e;
	s = xcalloc(1, sizeof(*s));
	*s = (struct session){ .name = xstrdup(name), .cluster = cluster, .next = sessions };
	sessions = s;
	*ret = s;
	return NULL;
}

/* *absent: what *why says is that its kubeconfig is not there. */
static struct err *get(const char *name, struct cluster **ret, char **why, bool *absent)
{
	struct session *s;
	struct err *e = NULL;

	name = name ? name : "";
	block_lock(&block);
	s = sessions;
	while (s && (s->is_old || strcmp(s->name, name) != 0))
		s = s->next;
	if (!s)
		e = begin(name, &s, why, absent);
	block_unlock(&block);
	*ret = s ? s->cluster : NULL;
	return *name ? err_at(err_wrap(e, "cluster '%s'", name), "cluster")
		     : err_wrap(e, "the provider block");
}

struct err *clusters_get(const char *name, struct cluster **ret, char **why)
{
	bool absent = false;

	return get(name, ret, why, &absent);
}

struct err *clusters_ask(struct tf_op *t, const char *name, struct cluster **ret)
{
	AUTO_STR why = NULL;
	const char *was = json_str(t->prior, "cluster");
	bool absent = false;
	struct err *e = get(name, ret, &why, &absent);

	if (e || !absent)
		return e;
	if (t->prior && strcmp(was ? was : "", name ? name : "") == 0)
		return err_new(ERR_USAGE, "%s: what is in the state cannot be looked at", why);
	op_warn(t->op,
		"%s: planned from the configuration alone; if this run does not bring that "
		"file, applying will fail.",
		why);
	return NULL;
}

struct err *clusters_want(const char *name, struct cluster **ret)
{
	AUTO_STR why = NULL;
	struct err *e = clusters_get(name, ret, &why);

	/* Terraform reads data in the plan unless it waits for something: resources do not come here before apply. */
	if (!e && !*ret)
		e = err_new(ERR_USAGE,
			    "%s%s%s: %s; if it is this run that makes it, a data source has to "
			    "wait for that: give it depends_on = [what makes the cluster], and it "
			    "is read after that",
			    name && *name ? "cluster '" : "the provider's cluster",
			    name && *name ? name : "", name && *name ? "'" : "", why);
	return e;
}

static void mask_one(char *text, const char *secret)
{
	const size_t len = strlen(secret);

	for (char *s = len >= 4 ? strstr(text, secret) : NULL; s; s = strstr(s, secret)) {
		memset(s, '*', len);
		s += len;
	}
}

static char *mask(char *text)
{
	block_lock(&block);
	for (struct session *s = sessions; s; s = s->next)
		for (const char *const *secret = cluster_secrets(s->cluster); *secret; secret++)
			mask_one(text, *secret);
	block_unlock(&block);
	return text;
}

static void end(void)
{
	live_end();
	block_lock(&block);
	while (sessions) {
		struct session *s = sessions;

		sessions = s->next;
		cluster_free(s->cluster);
		free(s->name);
		free(s);
	}
	json_object_put(TAKE(block.config));
	block_unlock(&block);
}

const struct backend clusters_backend = {
	.rows = { { "cluster", TF_OPTIONAL | TF_NEW, .attr = "",
		    .doc = "Another cluster than the provider block's: an entry of its `clusters`, or a "
			   "context of its kubeconfig, just as the file has it.",
		    .type = "\"string\"" } },
	.configure = configure,
	.renew = renew,
	.end = end,
	.mask = mask,
};
