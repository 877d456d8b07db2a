#include "kubernetes/kubeconfig.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "json.h"
#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { FILE_MAX = YAML_BYTES, TOLD = 8, KEPT = 4, LARGE = 64 << 10 };

#define POD_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

/* ---- files and texts ---- */

static const char *nonempty(const char *s)
{
	return s && *s ? s : NULL;
}

static void put(char **at, char *s)
{
	wipe_free(*at);
	*at = s;
}

/* A path in a file is relative to it. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = file ? strrchr(file, '/') : NULL;

	if (*path == '/' || !slash)
		return path_expand(path);
	return xasprintf("%.*s/%s", (int)(slash - file), file, path);
}

static struct err *text_wanted(struct json_object *o, const char *key, const char **ret)
{
	struct json_object *v = json_object_object_get(o, key);

	*ret = NULL;
	if (v && !json_object_is_type(v, json_type_string))
		return err_new(ERR_USAGE, "%s must be text, not %s: put it in quotes", key,
			       json_type_words(v));
	if (v)
		*ret = nonempty(json_object_get_string(v));
	return NULL;
}

/* ---- merging ---- */

static const struct {
	const char *list, *item;
} kinds[] = { { "clusters", "cluster" }, { "users", "user" }, { "contexts", "context" } };

/* {"file": ..., "value": ...}; shares v. */
static struct json_object *from_file(const char *file, struct json_object *v)
{
	struct json_object *o = json_wrap("value", json_object_get(v));

	json_sets(o, "file", file);
	return o;
}

static struct err *item_merge(struct json_object *into, struct json_object *seen,
			      struct json_object *item, const char *key, const char *file)
{
	struct json_object *value = json_object_object_get(item, key);
	const char *name = json_str(item, "name");

	if (!name)
		return err_new(ERR_USAGE, "must be a dictionary with name and %s", key);
	if (value && !json_object_is_type(value, json_type_object))
		return err_new(ERR_USAGE, "'%s': %s must be a dictionary, not %s", name, key,
			       json_type_words(value));
	if (json_has(seen, name))
		return err_new(ERR_USAGE, "'%s' is there twice", name);
	json_set(seen, name, NULL);
	if (!json_has(into, name))
		json_set(into, name, from_file(file, value));
	return NULL;
}

static struct err *list_merge(struct json_object *into, struct json_object *root, size_t kind,
			      const char *file)
{
	struct json_object *list = json_object_object_get(root, kinds[kind].list);
	AUTO_JSON seen = json_object_new_object();
	struct err *e = NULL;

	if (list && !json_object_is_type(list, json_type_array))
		return err_new(ERR_USAGE, "%s: %s must be a list, not %s", file, kinds[kind].list,
			       json_type_words(list));
	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = err_wrap(item_merge(json_object_object_get(into, kinds[kind].list), seen,
					json_nth(list, i), kinds[kind].item, file),
			     "%s: %s[%zu]", file, kinds[kind].list, i);
	return e;
}

static struct json_object *merged_new(void)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < COUNT(kinds); i++)
		json_set(o, kinds[i].list, json_object_new_object());
	return o;
}

static struct err *root_merge(struct json_object *into, struct json_object *root, const char *file)
{
	const char *kind = json_str(root, "kind"), *current;
	struct err *e;

	if (!root) /* an empty file is one without entries */
		return NULL;
	if (!json_object_is_type(root, json_type_object))
		return err_new(ERR_USAGE, "%s: must be a dictionary, not %s", file,
			       json_type_words(root));
	if (kind && *kind && strcmp(kind, "Config") != 0)
		return err_new(ERR_USAGE, "%s: this is a %s, no kubeconfig (kind: Config)", file,
			       kind);
	e = err_wrap(text_wanted(root, "current-context", &current), "%s", file);
	for (size_t i = 0; i < COUNT(kinds) && !e; i++)
		e = list_merge(into, root, i, file);
	if (!e && current && !json_has(into, "current-context"))
		json_set(into, "current-context",
			 from_file(file, json_object_object_get(root, "current-context")));
	return e;
}

static struct err *file_merge(struct json_object *into, const char *path)
{
	AUTO_JSON root = NULL;
	AUTO_BUF b = BUF_INIT;
	struct err *e = file_text(path, FILE_MAX, &b);

	if (!e && b.s[strspn(b.s, " \t\r\n")] == '{')
		err_free(json_parse(b.s, b.len, &root));
	if (!e && !root)
		e = yaml_parse(b.s, b.len, path, &root);
	buf_wipe(&b);
	return e ? e : root_merge(into, root, path);
}

/* As kubectl: of several some may be missing, but not all. */
struct err *kubeconfig_merge(const char *paths, struct json_object **ret)
{
	AUTO_JSON into = merged_new();
	const char *p = paths;
	bool found = false;
	struct err *e = NULL;

	while (*p && !e) {
		const size_t len = strcspn(p, ":");
		AUTO_STR given = xstrndup(p, len);
		AUTO_STR path = path_expand(given);

		p += len + (p[len] == ':');
		if (!len || access(path, F_OK) != 0)
			continue;
		found = true;
		e = file_merge(into, path);
	}
	if (!e && !found)
		e = err_new(ERR_NOT_FOUND, "%s: there is no such file", paths);
	if (!e)
		*ret = TAKE(into);
	return e;
}

/* ---- large files ---- */

/*
 * A process that works on many clusters reads the file that has them all for each: what was merged
 * is kept until one of the files is another one. Small ones are not worth it.
 */
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char *key;
	struct json_object *merged;
} kept[KEPT];

/* What tells the present files from others; owned. *ret_size: of all of them. */
static char *files_key(const char *paths, int64_t *ret_size)
{
	AUTO_BUF b = BUF_INIT;
	struct stat st;

	*ret_size = 0;
	buf_adds(&b, paths);
	while (*paths) {
		const size_t len = strcspn(paths, ":");
		AUTO_STR given = xstrndup(paths, len);
		AUTO_STR path = path_expand(given);

		paths += len + (paths[len] == ':');
		if (!len || stat(path, &st) < 0)
			continue;
		*ret_size += st.st_size;
		buf_addf(&b, " %llu-%llu-%lld-%lld.%ld", (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino, (long long)st.st_size,
			 (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
	return buf_take(&b);
}

/* `reading` is held as long as *ret is looked at: it may be another thread's, too. Owned all the same. */
static struct err *merge_once(const char *paths, struct json_object **ret)
{
	static size_t next;
	int64_t size;
	AUTO_STR key = files_key(paths, &size);
	struct err *e;

	for (size_t i = 0; i < KEPT; i++)
		if (kept[i].key && strcmp(kept[i].key, key) == 0) {
			*ret = json_object_get(kept[i].merged);
			return NULL;
		}
	e = kubeconfig_merge(paths, ret);
	if (e || size < LARGE)
		return e;
	free(kept[next].key);
	json_object_put(kept[next].merged);
	kept[next].key = TAKE(key);
	kept[next].merged = json_object_get(*ret);
	next = (next + 1) % KEPT;
	return NULL;
}

/* ---- the parts that were chosen ---- */

enum part_type { TEXT, PATH, PEM };

struct part {
	const char *key;
	enum part_type type;
	size_t at;
};

#define PART(key, type, field)                                \
	{                                                     \
		key, type, offsetof(struct kubeconfig, field) \
	}
/* What stands later wins: data is preferred to a file. */
static const struct part cluster_parts[] = {
	PART("server", TEXT, server),
	PART("tls-server-name", TEXT, server_name),
	PART("proxy-url", TEXT, proxy),
	PART("certificate-authority", PATH, ca),
	PART("certificate-authority-data", PEM, ca),
};
static const struct part user_parts[] = {
	PART("client-certificate", PATH, cert),
	PART("client-certificate-data", PEM, cert),
	PART("client-key", PATH, key),
	PART("client-key-data", PEM, key),
	PART("token", TEXT, token),
	PART("tokenFile", PATH, token_file),
	PART("username", TEXT, username),
	PART("password", TEXT, password),
	PART("act-as", TEXT, as_user),
	PART("act-as-uid", TEXT, as_uid),
};

/* PEM text in base64: it never becomes a file. */
static struct err *pem_of(const char *s, char **ret)
{
	AUTO_BUF b = BUF_INIT;
	struct err *e = NULL;

	if (!base64_text(s, strlen(s), &b))
		e = err_new(ERR_USAGE, "this is no base64");
	else if (!strstr(b.s, "-----BEGIN ") || strlen(b.s) != b.len)
		e = err_new(ERR_USAGE, "what it is base64 of is no PEM text (-----BEGIN ...)");
	if (!e && !strchr(b.s, '\n'))
		buf_adds(&b, "\n");
	if (!e)
		e = pem_path(b.s, ret);
	buf_wipe(&b);
	return e;
}

static struct err *part_take(struct kubeconfig *k, const struct part *p, struct json_object *v,
			     const char *file)
{
	char **at = (char **)(void *)((char *)k + p->at);
	const char *s;
	char *made = NULL;
	struct err *e = text_wanted(v, p->key, &s);

	if (e || !s)
		return e;
	if (p->type == PEM)
		e = err_wrap(pem_of(s, &made), "%s", p->key);
	else
		made = p->type == PATH ? path_beside(file, s) : xstrdup(s);
	if (!e)
		put(at, made);
	return e;
}

static struct err *parts_take(struct kubeconfig *k, const struct part *parts, size_t n,
			      struct json_object *v, const char *file)
{
	struct err *e = NULL;

	for (size_t i = 0; i < n && !e; i++)
		e = part_take(k, &parts[i], v, file);
	return e;
}

/* The cluster's message to exec plugins: an extension of this name. */
static struct json_object *plugin_config(struct json_object *cluster)
{
	struct json_object *list = json_object_object_get(cluster, "extensions");

	for (size_t i = 0; i < json_len(list); i++)
		if (json_is_str(json_at(json_nth(list, i), "name"),
				"client.authentication.k8s.io/exec"))
			return json_object_object_get(json_nth(list, i), "extension");
	return NULL;
}

static struct err *cluster_take(struct kubeconfig *k, struct json_object *v, const char *file)
{
	struct json_object *insecure = json_object_object_get(v, "insecure-skip-tls-verify");
	struct err *e = parts_take(k, cluster_parts, COUNT(cluster_parts), v, file);

	if (e)
		return e;
	if (insecure && !json_object_is_type(insecure, json_type_boolean))
		return err_new(ERR_USAGE, "insecure-skip-tls-verify must be true or false, not %s",
			       json_type_words(insecure));
	k->insecure = json_object_get_boolean(insecure);
	if (k->insecure && k->ca)
		return err_new(ERR_USAGE, "it has insecure-skip-tls-verify as well as a CA: "
					  "leave one of them out");
	k->exec_config = json_copy(plugin_config(v));
	return NULL;
}

static struct err *texts_wanted(struct json_object *v, const char *key)
{
	bool fine = json_object_is_type(v, json_type_array);

	for (size_t i = 0; i < json_len(v); i++)
		fine &= json_object_is_type(json_nth(v, i), json_type_string);
	return fine ? NULL : err_new(ERR_USAGE, "%s must be a list of texts", key);
}

static struct err *extra_check(struct json_object *v)
{
	struct err *e = NULL;

	if (!json_object_is_type(v, json_type_object))
		return err_new(ERR_USAGE, "act-as-user-extra must be a dictionary, not %s",
			       json_type_words(v));
	json_object_object_foreach(v, key, list) {
		(void)key;
		if (!e)
			e = texts_wanted(list, "each of act-as-user-extra");
	}
	return e;
}

static struct err *impersonation_take(struct kubeconfig *k, struct json_object *v)
{
	struct json_object *groups = json_object_object_get(v, "act-as-groups");
	struct json_object *extra = json_object_object_get(v, "act-as-user-extra");
	struct err *e = groups ? texts_wanted(groups, "act-as-groups") : NULL;

	if (!e && extra)
		e = extra_check(extra);
	if (e)
		return e;
	k->as_groups = json_copy(groups);
	k->as_extra = json_copy(extra);
	return NULL;
}

/* gcp and azure were taken out of kubectl 1.26. */
static struct err *provider_take(struct kubeconfig *k, struct json_object *v)
{
	struct json_object *p = json_object_object_get(v, "auth-provider");
	const char *name = json_str(p, "name");

	if (!p)
		return NULL;
	if (!name || strcmp(name, "oidc") != 0)
		return err_new(
			ERR_USAGE,
			"auth-provider '%s' is none that is known (oidc): use an exec plugin",
			name ? name : "");
	if (!json_object_is_type(json_object_object_get(p, "config"), json_type_object))
		return err_new(ERR_USAGE, "auth-provider has no config");
	k->oidc = json_copy(json_object_object_get(p, "config"));
	return NULL;
}

static struct err *user_take(struct kubeconfig *k, struct json_object *v, const char *file)
{
	struct json_object *exec = json_object_object_get(v, "exec");
	struct err *e = parts_take(k, user_parts, COUNT(user_parts), v, file);

	if (!e)
		e = impersonation_take(k, v);
	if (!e)
		e = provider_take(k, v);
	if (!e && exec && !json_object_is_type(exec, json_type_object))
		e = err_new(ERR_USAGE, "exec must be a dictionary, not %s", json_type_words(exec));
	if (e)
		return e;
	k->exec = json_copy(exec);
	k->folder = file && strrchr(file, '/') ? xstrndup(file, (size_t)(strrchr(file, '/') - file))
					       : xstrdup(".");
	return NULL;
}

/* ---- choosing ---- */

/* "a, b, c" of the names there are; owned. */
static char *names_of(struct json_object *all)
{
	AUTO_BUF b = BUF_INIT;
	int n = 0;

	json_object_object_foreach(all, name, v) {
		(void)v;
		if (n < TOLD)
			buf_addf(&b, "%s'%s'", n ? ", " : "", name);
		n++;
	}
	if (n > TOLD)
		buf_addf(&b, " and %d more", n - TOLD);
	return n ? buf_take(&b) : xstrdup("none");
}

static struct err *entry_missing(struct json_object *all, const char *what, const char *name)
{
	struct nearest near = { .s = name };
	AUTO_STR names = names_of(all);

	json_object_object_foreach(all, key, v) {
		(void)v;
		nearest_try(&near, key);
	}
	if (near.best)
		return err_new(ERR_USAGE, "there is no %s '%s'; is '%s' meant?", what, name,
			       near.best);
	return err_new(ERR_USAGE, "there is no %s '%s'; there are: %s", what, name, names);
}

/* NULL with no error: `name` is none. *ret_file may be NULL. */
static struct err *entry_find(struct json_object *merged, size_t kind, const char *name,
			      struct json_object **ret, const char **ret_file)
{
	struct json_object *all = json_object_object_get(merged, kinds[kind].list);
	struct json_object *entry = NULL;

	*ret = NULL;
	if (!name)
		return NULL;
	if (!json_object_object_get_ex(all, name, &entry))
		return entry_missing(all, kinds[kind].item, name);
	*ret = json_object_object_get(entry, "value");
	*ret_file = json_str(entry, "file");
	return NULL;
}

static bool is_unnamed(const char *name)
{
	return strcmp(name, KUBECONFIG_UNNAMED) == 0;
}

/* Takes e, and says of which entry it is. */
static struct err *entry_wrap(struct err *e, const char *file, const char *item, const char *name)
{
	return is_unnamed(name) ? e : err_wrap(e, "%s: %s '%s'", file, item, name);
}

static struct err *cluster_choose(struct kubeconfig *k, struct json_object *merged,
				  const char *name)
{
	struct json_object *v;
	const char *file = NULL;
	struct err *e = entry_find(merged, 0, name, &v, &file);

	if (e || !v)
		return e;
	return entry_wrap(cluster_take(k, v, file), file, "cluster", name);
}

static struct err *user_choose(struct kubeconfig *k, struct json_object *merged, const char *name)
{
	struct json_object *v;
	const char *file = NULL;
	struct err *e = entry_find(merged, 1, name, &v, &file);

	if (e || !v)
		return e;
	k->user = is_unnamed(name) ? xstrdup("the credentials") : xasprintf("user '%s'", name);
	return entry_wrap(user_take(k, v, file), file, "user", name);
}

/* `where`: the files, for messages. */
static struct err *context_choose(struct kubeconfig *k, struct json_object *merged,
				  const char *context, const char *where)
{
	const char *name = context ? context : json_str(merged, "current-context.value");
	const char *file = NULL, *cluster, *user, *ns;
	struct json_object *v;
	struct err *e;

	if (!name) {
		AUTO_STR names = names_of(json_object_object_get(merged, "contexts"));

		return err_at(err_new(ERR_USAGE,
				      "%s: it has no current-context, and none is given; there "
				      "are: %s",
				      where, names),
			      "context");
	}
	e = entry_find(merged, 2, name, &v, &file);
	if (e)
		return err_at(err_wrap(e, "%s", where), "context");
	put(&k->title, is_unnamed(name) ? NULL : xasprintf("context '%s' of %s", name, file));
	e = text_wanted(v, "cluster", &cluster);
	if (!e)
		e = text_wanted(v, "user", &user);
	if (!e)
		e = text_wanted(v, "namespace", &ns);
	if (!e && !cluster)
		e = err_new(ERR_USAGE, "it names no cluster");
	if (e)
		return entry_wrap(e, file, "context", name);
	k->ns = xstrdup(ns);
	e = cluster_choose(k, merged, cluster);
	if (!e)
		e = user_choose(k, merged, user);
	return is_unnamed(name) ? e : err_wrap(e, "context '%s'", name);
}

/* ---- options and variables ---- */

static const struct {
	const char *names; /* the option first, then what else K8S_AUTH_* and options may call it */
} settings[] = {
	{ "kubeconfig" },
	{ "context" },
	{ "host" },
	{ "api_key" },
	{ "username" },
	{ "password" },
	{ "validate_certs verify_ssl" },
	{ "ca_cert ssl_ca_cert" },
	{ "client_cert cert_file" },
	{ "client_key key_file" },
	{ "proxy" },
	{ "no_proxy" },
	{ "proxy_headers" },
	{ "persist_config" },
	{ "impersonate_user" },
	{ "impersonate_groups" },
	{ "expect_cluster_uid" },
};
static const char header_names[] = "proxy_basic_auth basic_auth user_agent";

static const char *env_auth(const char *name, size_t len)
{
	AUTO_STR env = xasprintf("K8S_AUTH_%.*s", (int)len, name);

	for (char *p = env; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	return env_get(env);
}

static struct json_object *env_headers(void)
{
	struct json_object *o = NULL;

	WORDS_EACH(w, header_names) {
		AUTO_STR name = xasprintf("proxy_headers_%.*s", (int)words_len(w), w);
		const char *s = env_auth(name, strlen(name));
		AUTO_STR key = xstrndup(w, words_len(w));

		if (!s)
			continue;
		if (!o)
			o = json_object_new_object();
		json_sets(o, key, s);
	}
	return o;
}

static struct json_object *setting(struct json_object *options, const char *names)
{
	const char *s;

	WORDS_EACH(w, names) {
		AUTO_STR name = xstrndup(w, words_len(w));
		struct json_object *v = json_object_object_get(options, name);

		if (!json_empty(v))
			return json_copy(v);
	}
	if (words_have(names, "proxy_headers"))
		return env_headers();
	WORDS_EACH(w, names) {
		s = env_auth(w, words_len(w));
		if (s)
			return json_object_new_string(s);
	}
	return NULL;
}

/* Under the options' names: what is given by option or variable. */
static struct json_object *settings_all(struct json_object *options)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; i < COUNT(settings); i++) {
		AUTO_STR name = xstrndup(settings[i].names, words_len(settings[i].names));
		struct json_object *v = setting(options, settings[i].names);

		if (v)
			json_set(o, name, v);
	}
	return o;
}

static struct err *truth_wanted(struct json_object *o, const char *key, bool *ret)
{
	struct json_object *v = json_object_object_get(o, key);
	AUTO_STR s = v ? json_text(v) : NULL;

	if (!s)
		return NULL;
	for (char *p = s; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	*ret = words_have("true yes on 1 y t", s);
	if (*ret || words_have("false no off 0 n f", s))
		return NULL;
	return err_at(err_new(ERR_USAGE, "%s must be true or false, not '%s'", key, s), key);
}

static struct err *pem_setting(struct json_object *o, const char *key, char **at)
{
	const char *s = json_str(o, key);
	char *path = NULL;
	struct err *e;

	if (!s)
		return NULL;
	e = err_at(err_wrap(pem_path(s, &path), "%s", key), key);
	if (!e)
		put(at, path);
	return e;
}

static void text_setting(struct json_object *o, const char *key, char **at)
{
	struct json_object *v = json_object_object_get(o, key);

	if (v)
		put(at, json_text(v));
}

static bool gives_credentials(struct json_object *o)
{
	return json_has(o, "api_key") || json_has(o, "username") ||
	       (json_has(o, "client_cert") && json_has(o, "client_key"));
}

/* Credentials that are given stand for all that a file has. */
static void credentials_forget(struct kubeconfig *k)
{
	char **const all[] = { &k->token,    &k->token_file, &k->username,
			       &k->password, &k->cert,       &k->key };

	for (size_t i = 0; i < COUNT(all); i++)
		put(all[i], NULL);
	json_object_put(TAKE(k->exec));
	json_object_put(TAKE(k->oidc));
	put(&k->user, NULL);
}

static struct err *credentials_set(struct kubeconfig *k, struct json_object *o)
{
	struct err *e;

	if (gives_credentials(o))
		credentials_forget(k);
	text_setting(o, "api_key", &k->token);
	text_setting(o, "username", &k->username);
	text_setting(o, "password", &k->password);
	if (json_has(o, "username"))
		k->user = xasprintf("user '%s'", k->username);
	e = pem_setting(o, "client_cert", &k->cert);
	return e ? e : pem_setting(o, "client_key", &k->key);
}

static struct err *groups_set(struct kubeconfig *k, struct json_object *o)
{
	struct json_object *v = json_object_object_get(o, "impersonate_groups"), *list;

	if (!v)
		return NULL;
	if (json_object_is_type(v, json_type_string)) {
		list = json_object_new_array();
		for (const char *p = json_object_get_string(v); *p;) {
			const size_t len = strcspn(p, ",");

			if (len)
				json_object_array_add(list,
						      json_object_new_string_len(p, (int)len));
			p += len + (p[len] == ',');
		}
	} else {
		list = json_copy(v);
	}
	json_object_put(k->as_groups);
	k->as_groups = list;
	return err_at(texts_wanted(list, "impersonate_groups"), "impersonate_groups");
}

static void header_add(struct kubeconfig *k, char *line)
{
	size_t n = 0;

	while (k->proxy_headers && k->proxy_headers[n])
		n++;
	k->proxy_headers = xrealloc(k->proxy_headers, n + 2, sizeof(char *));
	k->proxy_headers[n] = line;
	k->proxy_headers[n + 1] = NULL;
}

static struct err *headers_set(struct kubeconfig *k, struct json_object *o)
{
	static const struct {
		const char *key, *header;
		bool basic;
	} rows[] = { { "proxy_basic_auth", "Proxy-Authorization", true },
		     { "basic_auth", "Authorization", true },
		     { "user_agent", "User-Agent", false } };
	struct json_object *v = json_object_object_get(o, "proxy_headers");

	if (v && !json_object_is_type(v, json_type_object))
		return err_at(err_new(ERR_USAGE, "proxy_headers must be a dictionary, not %s",
				      json_type_words(v)),
			      "proxy_headers");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *s = json_str(v, rows[i].key);
		AUTO_STR coded = s && rows[i].basic ? base64_of(s, strlen(s)) : NULL;

		if (s && *s)
			header_add(k, xasprintf("%s: %s%s", rows[i].header, coded ? "Basic " : "",
						coded ? coded : s));
	}
	return NULL;
}

/* What options and variables say, over what the file said. */
static struct err *settings_set(struct kubeconfig *k, struct json_object *o)
{
	bool verify = !k->insecure;
	struct err *e = truth_wanted(o, "validate_certs", &verify);

	if (e)
		return e;
	k->insecure = !verify;
	text_setting(o, "host", &k->server);
	text_setting(o, "proxy", &k->proxy);
	text_setting(o, "no_proxy", &k->no_proxy);
	text_setting(o, "impersonate_user", &k->as_user);
	text_setting(o, "expect_cluster_uid", &k->expect_uid);
	e = pem_setting(o, "ca_cert", &k->ca);
	if (!e)
		e = credentials_set(k, o);
	if (!e)
		e = groups_set(k, o);
	return e ? e : headers_set(k, o);
}

/* ---- the sources ---- */

static struct err *pod_load(struct kubeconfig *k)
{
	const char *host = env_get("KUBERNETES_SERVICE_HOST");
	const char *port = env_get("KUBERNETES_SERVICE_PORT");
	AUTO_BUF ns = BUF_INIT;

	if (!host || !port || access(POD_FOLDER "/token", R_OK) != 0)
		return err_at(err_new(ERR_USAGE,
				      "context 'in-cluster': this runs in no pod with a service "
				      "account (KUBERNETES_SERVICE_HOST, " POD_FOLDER "/token)"),
			      "context");
	k->server = xasprintf(strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
	k->token_file = xstrdup(POD_FOLDER "/token");
	k->ca = xstrdup(POD_FOLDER "/ca.crt");
	k->title = xstrdup("the cluster of this pod");
	k->user = xstrdup("the pod's service account");
	err_free(file_text(POD_FOLDER "/namespace", 253, &ns));
	if (ns.len)
		k->ns = buf_take(&ns);
	return NULL;
}

static struct err *dict_load(struct kubeconfig *k, struct json_object *dict, const char *context)
{
	AUTO_JSON merged = merged_new();
	struct err *e = root_merge(merged, dict, "kubeconfig");

	return e ? e : context_choose(k, merged, context, "kubeconfig");
}

/* Where a configuration was looked for. */
static const char *paths_source(struct json_object *o)
{
	return json_has(o, "kubeconfig") ? "kubeconfig"
	       : env_get("KUBECONFIG")   ? "KUBECONFIG"
					 : NULL;
}

/* None of the files is there. Takes e. `fine`: nothing depends on them. */
static struct err *files_missing(struct err *e, const char *paths, const char *source, bool fine)
{
	e->kind = ERR_USAGE;
	if (source)
		return err_at(err_wrap(e, "%s", source), "kubeconfig");
	err_free(e);
	if (fine)
		return NULL;
	return err_at(
		err_new(ERR_USAGE,
			"no cluster is named: give kubeconfig, or host; there is no "
			"K8S_AUTH_KUBECONFIG, no KUBECONFIG and no %s (the cluster of the pod "
			"this may run in is meant only by context: in-cluster)",
			paths),
		"kubeconfig");
}

static struct err *files_load(struct kubeconfig *k, struct json_object *o, const char *context)
{
	const char *source = paths_source(o);
	AUTO_STR paths = json_has(o, "kubeconfig")
				 ? json_text(json_object_object_get(o, "kubeconfig"))
			 : source ? xstrdup(env_get("KUBECONFIG"))
				  : path_expand("~/.kube/config");
	struct json_object *merged = NULL;
	struct err *e;

	(void)pthread_mutex_lock(&reading);
	e = merge_once(paths, &merged);
	/* A file that chooses nothing is no hindrance to one who says where to. */
	if (!e && (context || json_has(merged, "current-context") || !json_has(o, "host")))
		e = context_choose(k, merged, context, paths);
	json_object_put(merged);
	(void)pthread_mutex_unlock(&reading);
	if (!e || e->kind != ERR_NOT_FOUND)
		return e;
	return files_missing(e, paths, source, !source && !context && json_has(o, "host"));
}

static struct err *source_load(struct kubeconfig *k, struct json_object *o)
{
	struct json_object *dict = json_object_object_get(o, "kubeconfig");
	const char *context = json_str(o, "context");

	if (context && strcmp(context, "in-cluster") == 0)
		return pod_load(k);
	if (json_object_is_type(dict, json_type_object))
		return dict_load(k, dict, context);
	if (dict && !json_object_is_type(dict, json_type_string))
		return err_at(err_new(ERR_USAGE,
				      "kubeconfig must be a path or a dictionary, not %s",
				      json_type_words(dict)),
			      "kubeconfig");
	if (json_has(o, "host") && gives_credentials(o) && !dict && !context)
		return NULL;
	return files_load(k, o, context);
}

/* ---- checking ---- */

static struct err *server_check(struct kubeconfig *k)
{
	size_t len;

	if (!k->server)
		return err_new(ERR_USAGE, "%s: it has no server", k->title);
	if (!strstr(k->server, "://"))
		put(&k->server, xasprintf("https://%s", k->server));
	if (strncasecmp(k->server, "https://", 8) != 0 && strncasecmp(k->server, "http://", 7) != 0)
		return err_new(ERR_USAGE, "%s: the server must be an https:// or http:// URL",
			       k->title);
	for (len = strlen(k->server); len && k->server[len - 1] == '/'; len--)
		k->server[len - 1] = '\0';
	return NULL;
}

static struct err *user_check(const struct kubeconfig *k)
{
	const char *who = k->user ? k->user : "the credentials";

	if ((k->token || k->token_file) && k->username)
		return err_new(ERR_USAGE, "%s: a token as well as a user name: leave one out", who);
	if (k->password && !k->username)
		return err_new(ERR_USAGE, "%s: a password, but no user name", who);
	if (k->exec && k->oidc)
		return err_new(ERR_USAGE, "%s: exec as well as auth-provider: leave one out", who);
	if (k->key && !k->cert)
		return err_new(ERR_USAGE, "%s: a client key, but no client certificate", who);
	if ((k->as_uid || json_len(k->as_groups) || k->as_extra) && !k->as_user)
		return err_at(
			err_new(ERR_USAGE, "%s: groups to act as, but no user to act as", who),
			"impersonate_user");
	return NULL;
}

static struct err *load(struct kubeconfig *k, struct json_object *o)
{
	bool persist = false;
	struct err *e = truth_wanted(o, "persist_config", &persist);

	if (!e && persist)
		e = err_at(err_new(ERR_USAGE, "persist_config: kubeconfig files are never written; "
					      "refreshed tokens are kept in the cache folder"),
			   "persist_config");
	if (!e)
		e = source_load(k, o);
	if (!e)
		e = settings_set(k, o);
	if (e)
		return e;
	if (!k->title)
		k->title = xasprintf("host %s", k->server ? k->server : "");
	if (k->insecure)
		put(&k->ca, NULL);
	e = server_check(k);
	return e ? e : user_check(k);
}

struct err *kubeconfig_load(struct json_object *options, struct kubeconfig **ret)
{
	AUTO_JSON o = settings_all(options);
	struct kubeconfig *k = xcalloc(1, sizeof(*k));
	struct err *e = load(k, o);

	json_wipe(o);
	if (e)
		kubeconfig_free(k);
	else
		*ret = k;
	return e;
}

void kubeconfig_free(struct kubeconfig *k)
{
	if (!k)
		return;
	char *const all[] = { k->title,   k->user,     k->folder,    k->server,      k->ns,
			      k->ca,      k->proxy,    k->cert,      k->server_name, k->no_proxy,
			      k->key,     k->token,    k->as_uid,    k->token_file,  k->username,
			      k->as_user, k->password, k->expect_uid };
	for (size_t i = 0; i < COUNT(all); i++)
		wipe_free(all[i]);
	for (size_t i = 0; k->proxy_headers && k->proxy_headers[i]; i++)
		wipe_free(k->proxy_headers[i]);
	free(k->proxy_headers);
	json_wipe(k->exec);
	json_wipe(k->oidc);
	json_object_put(k->exec);
	json_object_put(k->oidc);
	json_object_put(k->exec_config);
	json_object_put(k->as_groups);
	json_object_put(k->as_extra);
	free(k);
}
