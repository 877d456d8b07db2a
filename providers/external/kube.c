#include "kube.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "cluster/health.h"
#include "digest.h"
#include "kubernetes/objects.h"

enum { DEADLINE_S = 900, DEADLINE_MOST_S = 86400, READYZ_BYTES = 1 << 16, SHOWN = 10 };

static const char CLUSTER[] = "Cluster", PATH[] = "path.", NOT_SHOWN[] = "(hidden)";

static const struct attr keys[] = {
	{ "kind", STR, OPTION | REQUIRED,
	  "What to look up; Cluster: its version and whether it is ready." },
	{ "api_version", STR, OPTION, "API version of the kind, where several groups have it." },
	{ "namespace", STR, OPTION, "Namespace; without it and a name: all." },
	{ "name", STR, OPTION, "Name of the object." },
	{ "label_selector", STR, OPTION, "Only objects whose labels fit: app=web." },
	{ "field_selector", STR, OPTION, "Only objects whose fields fit: status.phase=Running." },
	{ "health", BOOL, OPTION,
	  "Of a Cluster: whether its nodes, control plane and certificate are looked at, too.",
	  .value = "false" },
	{ "list", BOOL, OPTION, "Whether any number is looked for; else it must be exactly one.",
	  .value = "false" },
	{ "secret_file", STR, OPTION,
	  "File, mode 0600, that gets what a Secret holds, as JSON; the result never shows it." },
	{ "deadline", INT, OPTION, "Seconds until all must be done.", .value = "900" },
	{ 0 },
};

bool kube_is_meant(struct json_object *query)
{
	return json_has(query, "kind");
}

/* ---- the query ---- */

static struct err *refuse_secrets(struct json_object *query)
{
	json_object_object_foreach(query, key, v)
		for (const struct attr *a = cluster_options; v && a->name; a++)
			if (a->flags & SECRET && strcmp(a->name, key) == 0)
				return err_at(
					err_new(ERR_USAGE,
						"%s: Terraform keeps queries in its state: put "
						"secrets into a kubeconfig file or K8S_AUTH_* "
						"variables",
						key),
					key);
	return NULL;
}

/* Those that are misspelled are told before anything is sent. */
static struct err *try_paths(struct json_object *paths)
{
	AUTO_JSON nothing = json_object_new_object();

	json_object_object_foreach(paths, key, path) {
		AUTO_JSON found = NULL;
		struct err *e = jsonpath(nothing, json_object_get_string(path), &found);

		if (e)
			return err_wrap(e, "%s%s", PATH, key);
	}
	return NULL;
}

static bool is_about_cluster(struct json_object *want)
{
	return json_is_str(json_at(want, "kind"), CLUSTER) && !json_has(want, "api_version");
}

static struct err *secret_file_check(struct json_object *want)
{
	if (!json_has(want, "secret_file"))
		return NULL;
	if (is_about_cluster(want))
		return err_at(err_new(ERR_USAGE, "secret_file: a cluster is no Secret"),
			      "secret_file");
	if (json_truth(want, "list", false))
		return err_at(err_new(ERR_USAGE, "secret_file: it gets one Secret: give the name, "
						 "and no list"),
			      "secret_file");
	return NULL;
}

struct err *kube_parse(struct json_object *query, struct kube_lookup *ret)
{
	const struct attr *const tables[] = { keys, cluster_options, NULL };
	const struct rule *const rules[] = { NULL };
	const struct args_spec spec = { .module = "treenail-external",
					.tables = tables,
					.rules = rules };
	AUTO_JSON given = json_object_new_object();
	struct err *e = refuse_secrets(query);

	json_object_object_foreach(query, name, text)
		if (!e && !json_object_is_type(text, json_type_string))
			e = err_at(err_new(ERR_USAGE, "%s: %s, where Terraform gives strings", name,
					   json_type_words(text)),
				   name);
	*ret = (struct kube_lookup){ .paths = json_object_new_object() };
	json_object_object_foreach(query, key, v)
		json_set(strncmp(key, PATH, strlen(PATH)) == 0 ? ret->paths : given,
			 strncmp(key, PATH, strlen(PATH)) == 0 ? key + strlen(PATH) : key,
			 json_copy(v));
	if (!e)
		e = args_check(&spec, given, &ret->want);
	if (!e && json_truth(ret->want, "health", false) && !is_about_cluster(ret->want))
		e = err_at(err_new(ERR_USAGE, "health: only a Cluster has it"), "health");
	if (!e)
		e = secret_file_check(ret->want);
	if (!e)
		e = try_paths(ret->paths);
	if (e)
		return e;
	ret->deadline_s = (int)json_int(ret->want, "deadline", DEADLINE_S);
	if (ret->deadline_s < 1 || ret->deadline_s > DEADLINE_MOST_S)
		return err_at(err_new(ERR_USAGE, "deadline: from 1 to %d seconds", DEADLINE_MOST_S),
			      "deadline");
	return NULL;
}

void kube_release(struct kube_lookup *l)
{
	json_object_put(l->want);
	json_object_put(l->paths);
}

void kube_keys(FILE *out)
{
	for (const struct attr *a = keys; a->name; a++)
		(void)fprintf(out, "  %-20s %s\n", a->name, a->doc);
	(void)fprintf(out, "  %-20s %s\n", "path.KEY", "JSONPath of what the result has as KEY.");
	for (const struct attr *a = cluster_options; a->name; a++)
		if (!(a->flags & SECRET))
			(void)fprintf(out, "  %-20s %s\n", a->name, a->doc);
}

/* ---- the answer ---- */

static char *text_of(struct json_object *v)
{
	return v ? json_text(v) : xstrdup("");
}

/* Dictionaries become dotted names, all else is text. */
static void flatten(struct json_object *map, const char *prefix, struct json_object *v)
{
	if (json_object_is_type(v, json_type_object)) {
		json_object_object_foreach(v, key, inner) {
			AUTO_STR name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);

			flatten(map, name, inner);
		}
		return;
	}
	AUTO_STR text = text_of(v);
	json_sets(map, prefix, text);
}

static struct err *tell_paths(const struct kube_lookup *l, struct json_object *v,
			      struct json_object *map)
{
	json_object_object_foreach(l->paths, key, path) {
		AUTO_JSON found = NULL;
		struct err *e = jsonpath(v, json_object_get_string(path), &found);

		if (e)
			return err_wrap(e, "%s%s", PATH, key);
		AUTO_STR text = text_of(json_len(found) == 1 ? json_nth(found, 0)
					: json_len(found)    ? found
							     : NULL);
		json_sets(map, key, text);
	}
	return NULL;
}

static void tell_whole(struct json_object *v, struct json_object *map)
{
	AUTO_STR text = json_text(v);
	AUTO_STR sum = digest_text("sha256", text, strlen(text));

	json_sets(map, "json", text);
	json_sets(map, "sha256", sum);
}

static void tell_readiness(struct json_object *object, struct json_object *map)
{
	static const char *const words[] = {
		[NOT_READY] = "false", [READY] = "true", [FAILED] = "failed"
	};
	AUTO_STR why = NULL;
	const enum readiness r = object_readiness(object, &(struct ready_wish){ 0 }, &why);

	json_sets(map, "ready", words[r]);
	json_sets(map, "why", r == READY || !why ? "" : why);
}

static void hide(struct json_object *object)
{
	struct json_object *data = json_at(object, "data");
	struct json_object *notes = json_at(object, "metadata.annotations");

	if (!json_is_str(json_at(object, "kind"), "Secret"))
		return;
	/* kubectl apply keeps all that it was given in there. */
	if (notes)
		json_object_object_del(notes, "kubectl.kubernetes.io/last-applied-configuration");
	if (!json_object_is_type(data, json_type_object))
		return;
	json_object_object_foreach(data, key, v) {
		(void)v;
		json_sets(data, key, NOT_SHOWN);
	}
}

/* ---- secrets ---- */

/* How many bytes the character takes that s begins with (RFC 3629); 0: it is none. */
static size_t char_len(const unsigned char *s)
{
	const size_t n = *s < 0x80   ? 1
			 : *s < 0xc2 ? 0
			 : *s < 0xe0 ? 2
			 : *s < 0xf0 ? 3
			 : *s < 0xf5 ? 4
				     : 0;

	/* Longer than need be, halves of pairs, and beyond Unicode's end. */
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static bool is_text(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	if (strlen(s) != len)
		return false;
	while (*p) {
		n = char_len(p);
		if (!n)
			return false;
		p += n;
	}
	return true;
}

/* What is no text stays in base64. */
static char *decoded(const char *s)
{
	const size_t len = strlen(s);
	char *out = xcalloc(1, len + 1);
	size_t pad = 0;

	if (len % 4 ||
	    EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)s, (int)len) < 0) {
		free(out);
		return xstrdup(s);
	}
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=')
		pad++;
	const size_t n = len / 4 * 3 - pad;
	out[n] = '\0';
	if (is_text(out, n))
		return out;
	wipe_free(out);
	return xstrdup(s);
}

/* What a Secret holds, as text where it is text; owned. */
static struct json_object *plain_of(struct json_object *secret)
{
	struct json_object *data = json_at(secret, "data"), *plain = json_object_new_object();

	if (!json_object_is_type(data, json_type_object))
		return plain;
	json_object_object_foreach(data, key, v) {
		char *text = decoded(v ? json_object_get_string(v) : "");

		json_sets(plain, key, text);
		wipe_free(text);
	}
	return plain;
}

/* At once or not at all, and readable by nobody else from its first byte on. */
static struct err *write_secret(const char *path, struct json_object *secret)
{
	AUTO_STR next = xasprintf("%s.XXXXXX", path);
	AUTO_JSON plain = plain_of(secret);
	const int fd = mkostemp(next, O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok = f && fputs(json_object_to_json_string_ext(plain, JSON_C_TO_STRING_PLAIN), f) >= 0;

	ok = f && fclose(f) == 0 && ok && rename(next, path) == 0;
	if (ok)
		return NULL;
	struct err *e = err_new(ERR_USAGE, "secret_file: %s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)unlink(next);
	return err_at(e, "secret_file");
}

/* ---- what is asked for ---- */

static struct err *about_cluster(struct cluster *c, struct json_object *map)
{
	AUTO_JSON version = NULL;
	AUTO_STR told = NULL;
	size_t len = 0;
	struct err *e = cluster_version(c, &version);

	if (e)
		return e;
	e = cluster_text(c, &(struct kube_request){ .method = "GET", .path = "/readyz" },
			 READYZ_BYTES, &told, &len);
	flatten(map, "", version);
	tell_whole(version, map);
	json_sets(map, "server", cluster_server(c));
	json_sets(map, "ready", e ? "false" : "true");
	json_sets(map, "why", e ? e->text : "");
	err_free(e);
	return NULL;
}

static void tell_sentences(struct json_object *map, const char *key, struct json_object *list)
{
	AUTO_BUF told = BUF_INIT;

	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(&told, "%s%s", i ? "\n" : "", json_object_get_string(json_nth(list, i)));
	json_sets(map, key, told.s);
}

/* What a condition in Terraform asks for; all of it is in json. */
static struct err *about_health(const struct kube_lookup *l, struct cluster *c,
				struct json_object *map)
{
	static const char *const keys_told[] = { "healthy",
						 "version",
						 "server",
						 "nodes_ready",
						 "nodes_total",
						 "versions",
						 "api_certificate_days_left" };
	AUTO_JSON health = NULL;
	struct err *e = cluster_health(c, NULL, &health);

	if (e)
		return e;
	for (size_t i = 0; i < COUNT(keys_told); i++) {
		AUTO_STR text = text_of(json_at(health, keys_told[i]));

		json_sets(map, keys_told[i], text);
	}
	tell_sentences(map, "problems", json_at(health, "problems"));
	tell_sentences(map, "cautions", json_at(health, "warnings"));
	tell_whole(health, map);
	return tell_paths(l, health, map);
}

static struct err *about_list(const struct kube_lookup *l, struct json_object *list,
			      struct json_object *map)
{
	AUTO_JSON names = json_object_new_array();
	AUTO_JSON whole = json_wrap("items", json_object_get(list));
	AUTO_STR count = xasprintf("%zu", json_len(list));

	for (size_t i = 0; i < json_len(list); i++) {
		hide(json_nth(list, i));
		json_object_array_add(names,
				      json_copy(json_at(json_nth(list, i), "metadata.name")));
	}
	AUTO_STR text = json_text(names);
	json_sets(map, "count", count);
	json_sets(map, "names", text);
	tell_whole(list, map);
	return tell_paths(l, whole, map);
}

static struct err *about_one(const struct kube_lookup *l, struct json_object *list,
			     struct json_object *map)
{
	const char *kind = json_str(l->want, "kind"), *file = json_str(l->want, "secret_file");
	struct json_object *one = json_nth(list, 0);
	AUTO_BUF names = BUF_INIT;
	struct err *e = NULL;

	if (!one)
		return err_new(ERR_NOT_FOUND,
			       "no %s is there like that: make it first, or see that cluster and "
			       "namespace are the right ones",
			       kind);
	for (size_t i = 0; i < json_len(list) && i < SHOWN; i++) {
		AUTO_STR title = document_title(json_nth(list, i));

		buf_addf(&names, "%s%s", i ? ", " : "", title);
	}
	if (json_len(list) > 1)
		return err_new(ERR_CONFLICT, "%zu match: %s%s: give the name, or list",
			       json_len(list), names.s, json_len(list) > SHOWN ? ", ..." : "");
	if (file)
		e = write_secret(file, one);
	if (e)
		return e;
	hide(one);
	if (json_at(one, "metadata"))
		json_object_object_del(json_at(one, "metadata"), "managedFields");
	if (!json_object_object_length(l->paths))
		flatten(map, "", one);
	tell_readiness(one, map);
	tell_whole(one, map);
	return tell_paths(l, one, map);
}

static struct err *about_objects(const struct kube_lookup *l, struct cluster *c,
				 struct json_object *map)
{
	const char *ns = json_str(l->want, "namespace");
	const struct kube_kind *kind = NULL;
	struct object_query q = { .name = json_str(l->want, "name"),
				  .labels = json_str(l->want, "label_selector"),
				  .fields = json_str(l->want, "field_selector") };
	AUTO_JSON list = NULL;
	struct err *e =
		kind_find(c, json_str(l->want, "api_version"), json_str(l->want, "kind"), &kind);

	if (!e && json_has(l->want, "secret_file") &&
	    (*kind->group || strcmp(kind->kind, "Secret") != 0))
		e = err_at(err_new(ERR_USAGE, "secret_file: %s is no Secret", kind->kind),
			   "secret_file");
	if (e)
		return e;
	AUTO_STR version = kind_api_version(kind);
	q.api_version = version;
	q.kind = kind->kind;
	if (!ns && q.name)
		ns = cluster_namespace(c) ? cluster_namespace(c) : "default";
	q.ns = kind->namespaced ? ns : NULL;
	e = objects_list(c, &q, &list);
	if (e)
		return e;
	return json_truth(l->want, "list", false) ? about_list(l, list, map)
						  : about_one(l, list, map);
}

static void tell_warnings(struct cluster *c, struct json_object *map)
{
	AUTO_JSON warnings = cluster_warnings(c);

	tell_sentences(map, "warnings", warnings);
}

struct err *kube_run(const struct kube_lookup *l, struct json_object **ret)
{
	AUTO_JSON map = json_object_new_object();
	struct cluster *c = NULL;
	struct err *e = cluster_new(l->want, &c);

	if (!e && is_about_cluster(l->want) && json_truth(l->want, "health", false))
		e = about_health(l, c, map);
	else if (!e && is_about_cluster(l->want))
		e = about_cluster(c, map);
	else if (!e)
		e = about_objects(l, c, map);
	if (!e) {
		tell_warnings(c, map);
		*ret = TAKE(map);
	}
	cluster_free(c);
	return e;
}
