#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/tasks.h"
#include "file.h"
#include "kubernetes/kubeconfig.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

static const char MASK[] = "********";

/* ---- files ---- */

static struct err *read_config(const char *path, struct json_object **ret, bool *ret_there)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e;

	*ret_there = access(path, F_OK) == 0 || errno != ENOENT;
	if (!*ret_there)
		return NULL;
	e = file_text(path, YAML_BYTES, &text);
	if (!e)
		e = yaml_parse(text.s, text.len, path, ret);
	buf_wipe(&text);
	if (!e && *ret && !json_object_is_type(*ret, json_type_object))
		e = err_new(ERR_USAGE, "%s is %s, no kubeconfig", path, json_type_words(*ret));
	return e;
}

static struct err *write_all(int fd, const char *s, size_t len)
{
	while (len) {
		const ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_new(ERR_USAGE, "%s", strerror(errno));
		s += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0 ? NULL : err_new(ERR_USAGE, "%s", strerror(errno));
}

/* At once or not at all, and readable by nobody else from its first byte on. */
static struct err *write_config(const char *name, struct json_object *config)
{
	AUTO_STR real = realpath(name, NULL); /* a link stays one */
	const char *path = real ? real : name;
	AUTO_STR next = xasprintf("%s.XXXXXX", path);
	AUTO_BUF text = BUF_INIT;
	struct stat old;
	const bool there = stat(path, &old) == 0;
	const int fd = mkostemp(next, O_CLOEXEC);
	struct err *e;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
	yaml_write(config, &text);
	e = write_all(fd, text.s, text.len);
	if (!e && there && fchmod(fd, old.st_mode & 0700) != 0)
		e = err_new(ERR_USAGE, "%s", strerror(errno));
	(void)close(fd);
	if (!e && rename(next, path) != 0)
		e = err_new(ERR_USAGE, "%s", strerror(errno));
	if (e)
		(void)unlink(next);
	buf_wipe(&text);
	return err_wrap(e, "writing %s", path);
}

/* What check mode can know of writing. */
static struct err *check_folder(const char *path)
{
	AUTO_STR copy = xstrdup(path);

	return access(dirname(copy), W_OK) == 0
		       ? NULL
		       : err_new(ERR_USAGE, "%s: %s", path, strerror(errno));
}

/* ---- what is to stand there ---- */

static struct json_object *named(struct json_object *list, const char *name, size_t *ret)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"), name)) {
			*ret = i;
			return json_nth(list, i);
		}
	return NULL;
}

static struct json_object *entry(const char *name, const char *inner, struct json_object *body)
{
	struct json_object *o = json_object_new_object();

	json_sets(o, "name", name);
	json_set(o, inner, body ? json_copy(body) : json_object_new_object());
	return o;
}

/* One of clusters, users or contexts as its `behavior` says. */
static void settle(struct json_object *list, struct json_object *given, const char *inner)
{
	const char *name = json_str(given, "name"), *how = json_str(given, "behavior");
	struct json_object *body = json_at(given, inner);
	size_t at = 0;
	struct json_object *have = named(list, name, &at);

	if (strcmp(how, "remove") == 0) {
		if (have)
			(void)json_object_array_del_idx(list, at, 1);
	} else if (!have) {
		json_object_array_add(list, entry(name, inner, body));
	} else if (strcmp(how, "replace") == 0) {
		(void)json_object_array_put_idx(list, at, entry(name, inner, body));
	} else if (strcmp(how, "merge") == 0 && body) {
		if (!json_object_is_type(json_at(have, inner), json_type_object))
			json_set(have, inner, json_object_new_object());
		json_object_object_foreach(body, key, v)
			json_set(json_at(have, inner), key, json_copy(v));
	}
}

static struct err *settle_all(struct json_object *config, struct json_object *want,
			      const char *path)
{
	static const struct {
		const char *list, *inner;
	} rows[] = { { "clusters", "cluster" }, { "users", "user" }, { "contexts", "context" } };

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_object *given = json_at(want, rows[i].list);
		struct json_object *list = json_at(config, rows[i].list);

		if (list && !json_object_is_type(list, json_type_array))
			return err_new(ERR_USAGE, "%s: %s is %s, no list", path, rows[i].list,
				       json_type_words(list));
		if (!list) {
			list = json_object_new_array();
			json_set(config, rows[i].list, list);
		}
		for (size_t k = 0; k < json_len(given); k++)
			settle(list, json_nth(given, k), rows[i].inner);
	}
	return NULL;
}

static void begin(struct json_object *config)
{
	static const char *const rows[][2] = { { "apiVersion", "v1" }, { "kind", "Config" } };

	for (size_t i = 0; i < COUNT(rows); i++)
		if (!json_str(config, rows[i][0]))
			json_sets(config, rows[i][0], rows[i][1]);
	if (!json_object_is_type(json_at(config, "preferences"), json_type_object))
		json_set(config, "preferences", json_object_new_object());
}

static void choose(struct op *op, struct json_object *config)
{
	const char *current = json_str(op->want, "current_context");
	size_t at;

	if (current)
		json_sets(config, "current-context", current);
	current = json_str(config, "current-context");
	if (current && *current && !named(json_at(config, "contexts"), current, &at))
		op_warn(op, "current-context is '%s', and there is no context of that name",
			current);
}

static struct json_object *masked(struct json_object *v);

/* What a program that makes credentials finds in its environment: names stay. Owned. */
static struct json_object *masked_env(struct json_object *env)
{
	struct json_object *o = masked(env);

	for (size_t i = 0; i < json_len(o); i++)
		if (json_has(json_nth(o, i), "value"))
			json_sets(json_nth(o, i), "value", MASK);
	return o;
}

/* Tokens, passwords and keys. Owned. */
static struct json_object *masked(struct json_object *v)
{
	static const char secret[] = "token password client-key-data id-token refresh-token "
				     "client-secret access-token";
	struct json_object *o;

	if (json_object_is_type(v, json_type_array)) {
		o = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(o, masked(json_nth(v, i)));
		return o;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	o = json_object_new_object();
	json_object_object_foreach(v, key, inner)
		json_set(o, key,
			 inner && words_have(secret, key) ? json_object_new_string(MASK)
			 : strcmp(key, "env") == 0        ? masked_env(inner)
							  : masked(inner));
	return o;
}

static void tell(struct op *op, const char *dest, struct json_object *before,
		 struct json_object *after)
{
	const bool plain = json_truth(op->want, "show_secrets", false);

	put(op, "dest", json_object_new_string(dest));
	put(op, "kubeconfig", plain ? json_copy(after) : masked(after));
	if (!op->diff)
		return;
	struct json_object *d = json_object_new_object();
	json_sets(d, "before_header", dest);
	json_sets(d, "after_header", dest);
	json_set(d, "before", before ? masked(before) : json_object_new_object());
	json_set(d, "after", masked(after));
	put(op, "diff", d);
}

static struct err *run(struct op *op)
{
	AUTO_STR path = path_expand(json_str(op->want, "path"));
	AUTO_STR dest = json_str(op->want, "dest") ? path_expand(json_str(op->want, "dest"))
						   : xstrdup(path);
	struct json_object *preferences = json_at(op->want, "preferences");
	AUTO_JSON config = NULL;
	AUTO_JSON old = NULL;
	bool there = false;
	struct err *e = read_config(path, &config, &there);

	if (!e)
		e = read_config(dest, &old, &there);
	if (e)
		return e;
	if (!config)
		config = json_object_new_object();
	begin(config);
	json_object_object_foreach(preferences, key, v)
		json_set(json_at(config, "preferences"), key, json_copy(v));
	e = settle_all(config, op->want, path);
	if (e)
		return e;
	choose(op, config);
	op->out->changed = !there || !json_object_equal(old, config);
	if (op->out->changed)
		e = op->check ? check_folder(dest) : write_config(dest, config);
	tell(op, dest, old, config);
	return e;
}

#define ROW_BEHAVIOR                                                                              \
	{                                                                                         \
		"behavior", STR, OPTION,                                                          \
			"What becomes of an entry of this name that is there: merge (given keys " \
			"are set), replace, keep it as it is, or remove it.",                     \
			.value = "\"merge\"", .choices = "merge replace keep remove"              \
	}
#define ROW_ENTRY                                                    \
	{                                                            \
		"name", STR, OPTION | REQUIRED, "Name of the entry." \
	}

static const struct attr cluster_keys[] = {
	{ "server", STR, OPTION | REQUIRED, "Address of the API server." },
	{ "certificate-authority", STR, OPTION, "File of the CA certificates." },
	{ "certificate-authority-data", STR, OPTION, "The CA certificates, in base64." },
	{ "insecure-skip-tls-verify", BOOL, OPTION, "Whether its certificate is not verified." },
	{ "proxy-url", STR, OPTION, "Proxy on the way there." },
	{ "tls-server-name", STR, OPTION, "Name that its certificate is to have." },
	{ 0 },
};
static const struct attr user_keys[] = {
	{ "client-certificate", STR, OPTION, "File of the client certificate." },
	{ "client-certificate-data", STR, OPTION, "The client certificate, in base64." },
	{ "client-key", STR, OPTION, "File of its key." },
	{ "client-key-data", STR, OPTION | SECRET, "Its key, in base64." },
	{ "token", STR, OPTION | SECRET, "Bearer token." },
	{ "username", STR, OPTION, "User, for basic authentication." },
	{ "password", STR, OPTION | SECRET, "Password of the user." },
	{ "auth-provider", MAP, OPTION | SECRET, "An authentication provider." },
	{ "exec", MAP, OPTION | SECRET, "A program that makes credentials." },
	{ 0 },
};
static const struct attr context_keys[] = {
	{ "cluster", STR, OPTION | REQUIRED, "Name of the cluster." },
	{ "user", STR, OPTION | REQUIRED, "Name of the user." },
	{ "namespace", STR, OPTION, "Namespace where none is named." },
	{ 0 },
};
static const struct attr cluster_rows[] = {
	ROW_ENTRY,
	{ "cluster", OBJ, OPTION, "What is known of the cluster.", .sub = cluster_keys },
	ROW_BEHAVIOR,
	{ 0 },
};
static const struct attr user_rows[] = {
	ROW_ENTRY,
	{ "user", OBJ, OPTION, "How the user is known.", .sub = user_keys },
	ROW_BEHAVIOR,
	{ 0 },
};
static const struct attr context_rows[] = {
	ROW_ENTRY,
	{ "context", OBJ, OPTION, "Which cluster, as whom.", .sub = context_keys },
	ROW_BEHAVIOR,
	{ 0 },
};

static const struct attr attrs[] = {
	{ "path", STR, OPTION | REQUIRED, "The file; it is made where it is not there." },
	{ "dest", STR, OPTION, "File to write, in place of path, which is only read then." },
	{ "clusters", LIST, OPTION, "Entries of clusters.", .sub = cluster_rows, .value = "[]" },
	{ "users", LIST, OPTION, "Entries of users.", .sub = user_rows, .value = "[]" },
	{ "contexts", LIST, OPTION, "Entries of contexts.", .sub = context_rows, .value = "[]" },
	{ "current_context", STR, OPTION, "Context to be the current one." },
	{ "preferences", MAP, OPTION, "Preferences to be set.", .value = "{}" },
	{ "show_secrets", BOOL, OPTION, "Whether the result shows tokens, passwords and keys.",
	  .value = "false" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "dest", STR, READONLY, "The file." },
	{ "kubeconfig", MAP, READONLY, "What stands in it; secrets are masked." },
	{ 0 },
};

const struct resource kube_kubeconfig = {
	.name = "kubeconfig",
	.doc = "Entries of a kubeconfig file.",
	.flags = UNCONNECTED,
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example =
		"- name: One more cluster\n"
		"  treenail.kubernetes.kubeconfig:\n"
		"    path: ~/.kube/config\n"
		"    clusters: [{name: demo, cluster: {server: https://demo.example:6443}}]\n"
		"    users: [{name: demo, user: {client-certificate: demo.pem, client-key: demo.key}}]\n"
		"    contexts: [{name: demo, context: {cluster: demo, user: demo}}]\n"
		"    current_context: demo\n",
};
