/* The data sources of the kubectl providers: YAML texts taken apart, and objects that are there. */
#include <ctype.h>
#include <glob.h>
#include <string.h>

#include "clusters.h"
#include "file.h"
#include "kubectl.h"
#include "kubernetes/kubeconfig.h"
#include "kubernetes/objects.h"
#include "subject.h"
#include "text.h"
#include "yaml.h"

enum { FILES_MAX = 10000 };

#define T_TEXTS "[\"list\",\"string\"]"
#define T_MAP   "[\"map\",\"string\"]"

/* ---- texts of several documents ---- */

/* "/apis/apps/v1/namespaces/web/deployments/app", by the plain plural that these providers' keys have. */
static char *key_of(struct json_object *object)
{
	const char *version = json_str(object, "apiVersion"), *kind = json_str(object, "kind");
	const char *ns = json_str(object, "metadata.namespace");
	const char *name = json_str(object, "metadata.name");
	AUTO_BUF key = BUF_INIT;

	buf_addf(&key, "/%s/%s", version && strchr(version, '/') ? "apis" : "api",
		 version ? version : "");
	if (ns && *ns)
		buf_addf(&key, "/namespaces/%s", ns);
	buf_adds(&key, "/");
	for (const char *s = kind ? kind : ""; *s; s++) {
		const char c = (char)tolower((unsigned char)*s);

		(void)buf_add(&key, &c, 1);
	}
	buf_addf(&key, "s/%s", name ? name : "");
	return buf_take(&key);
}

static bool is_separator(const char *line)
{
	return strncmp(line, "---", 3) == 0 && (!line[3] || strchr(" \t\r\n", line[3]));
}

struct documents {
	struct json_object *texts;   /* array */
	struct json_object *by_name; /* object */
};

/* One text of one document, or of nothing. */
static struct err *add_document(struct documents *d, const char *s, size_t len, const char *file)
{
	AUTO_JSON all = NULL;
	struct err *e = documents_parse(s, len, file, &all);

	if (e || !json_len(all))
		return e;
	json_object_array_add(d->texts, json_object_new_string_len(s, (int)len));
	for (size_t i = 0; i < json_len(all); i++) {
		AUTO_STR key = key_of(json_nth(all, i));

		json_set(d->by_name, key, json_object_new_string_len(s, (int)len));
	}
	return NULL;
}

static struct err *take_apart(struct documents *d, const char *text, const char *file)
{
	const char *begin = text, *line = text;
	struct err *e = NULL;

	while (*line && !e) {
		const char *next = strchr(line, '\n');

		next = next ? next + 1 : line + strlen(line);
		if (is_separator(line)) {
			e = add_document(d, begin, (size_t)(line - begin), file);
			begin = next;
		}
		line = next;
	}
	return e ? e : add_document(d, begin, (size_t)(line - begin), file);
}

static void show_documents(struct tf_op *t, struct documents *d, const char *what, const char *of)
{
	AUTO_STR id = xasprintf("%s:%s", what, of);

	json_set(t->state, "documents", d->texts);
	json_set(t->state, "manifests", d->by_name);
	json_sets(t->state, "id", id);
}

static struct err *open_file_documents(struct tf_op *t)
{
	struct documents d = { json_object_new_array(), json_object_new_object() };
	const char *content = json_str(t->config, "content");
	struct err *e = err_at(take_apart(&d, content, "content"), "content");
	AUTO_STR size = xasprintf("%zu", strlen(content));

	show_documents(t, &d, "content", size);
	return e;
}

static const struct tf_attr file_documents_rows[] = {
	{ "content", TF_REQUIRED, .doc = "YAML of any number of documents." },
	{ "documents", TF_COMPUTED, .doc = "The text of each.", .type = T_TEXTS },
	{ "manifests", TF_COMPUTED,
	  .doc = "The same by what they are: `/apis/apps/v1/namespaces/web/deployments/app`, with the kind "
		 "in lower case and an s as plural.",
	  .type = T_MAP },
	{ 0 },
};

const struct tf_kind kubectl_file_documents = {
	.name = "kubectl_file_documents",
	.what = TF_DATA,
	.doc = "A YAML text taken apart into its documents.",
	.attrs = file_documents_rows,
	.flags = TF_WHOLE_NAME,
	.open = open_file_documents,
	.example = "data \"kubectl_file_documents\" \"two\" {\n"
		   "  content = <<-YAML\n"
		   "    apiVersion: v1\n"
		   "    kind: Namespace\n"
		   "    metadata: {name: a}\n"
		   "    ---\n"
		   "    apiVersion: v1\n"
		   "    kind: Namespace\n"
		   "    metadata: {name: b}\n"
		   "  YAML\n"
		   "}\n",
};

/* ---- templates ---- */

/*
 * ${name} of vars; $${ and %%{ stand for themselves. The rest of Terraform's template language
 * is Terraform's to read: templatefile() does.
 */
static struct err *filled_in(const char *s, struct json_object *vars, const char *file,
			     struct buf *out)
{
	while (*s) {
		const size_t plain = strcspn(s, "$%");

		(void)buf_add(out, s, plain);
		s += plain;
		if (!*s)
			break;
		if (s[1] == s[0] && s[2] == '{') {
			(void)buf_add(out, s + 1, 2);
			s += 3;
			continue;
		}
		if (s[1] != '{') {
			(void)buf_add(out, s++, 1);
			continue;
		}
		const char *name = words_skip(s + 2);
		const size_t len =
			strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-");
		const char *end = words_skip(name + len);
		AUTO_STR key = xstrndup(name, len);

		if (*s == '%' || !len || *end != '}')
			return err_new(
				ERR_USAGE,
				"%s: only ${name} is filled in here, not %.20s: give the text of "
				"templatefile() to kubectl_file_documents",
				file, s);
		if (!json_has(vars, key))
			return err_new(ERR_USAGE, "%s: vars has no '%s'", file, key);
		AUTO_STR value = json_text(json_at(vars, key));
		buf_adds(out, value);
		s = end + 1;
	}
	return NULL;
}

static struct err *add_file(struct tf_op *t, struct documents *d, const char *path)
{
	AUTO_JSON vars = json_object_new_object();
	AUTO_BUF text = BUF_INIT;
	AUTO_BUF filled = BUF_INIT;
	const bool plain = json_truth(t->config, "disable_template", false);
	struct err *e = file_text(path, YAML_BYTES, &text);
	static const char *const maps[] = { "vars", "sensitive_vars" };

	for (size_t i = 0; i < COUNT(maps); i++) {
		if (!json_at(t->config, maps[i]))
			continue;
		json_object_object_foreach(json_at(t->config, maps[i]), key, v) {
			json_set(vars, key, json_copy(v));
		}
	}
	if (!e && !plain)
		e = filled_in(text.s, vars, path, &filled);
	if (!e)
		e = take_apart(d, plain ? text.s : filled.s, path);
	buf_wipe(&filled);
	return e;
}

/* Sorted; no file at all is an empty list. */
static struct err *files_of(const char *pattern, glob_t *ret)
{
	const int r = glob(pattern, GLOB_MARK, NULL, ret);

	if (r && r != GLOB_NOMATCH)
		return err_at(err_new(ERR_USAGE, "'%s' cannot be searched", pattern), "pattern");
	if (ret->gl_pathc > FILES_MAX)
		return err_at(
			err_new(ERR_USAGE, "'%s' matches more than %d files", pattern, FILES_MAX),
			"pattern");
	return NULL;
}

static bool is_folder(const char *path)
{
	return *path && path[strlen(path) - 1] == '/';
}

static struct err *open_path_documents(struct tf_op *t)
{
	struct documents d = { json_object_new_array(), json_object_new_object() };
	const char *pattern = json_str(t->config, "pattern");
	glob_t files = { 0 };
	struct err *e = files_of(pattern, &files);

	for (size_t i = 0; i < files.gl_pathc && !e; i++)
		if (!is_folder(files.gl_pathv[i]))
			e = err_at(add_file(t, &d, files.gl_pathv[i]), "pattern");
	globfree(&files);
	show_documents(t, &d, "pattern", pattern);
	return e;
}

static const struct tf_attr path_documents_rows[] = {
	{ "pattern", TF_REQUIRED, .doc = "Files, with wildcards: manifests/*.yaml." },
	{ "vars", .doc = "Texts for ${name} in the files; nothing else of templates is filled in.",
	  .type = T_MAP },
	{ "sensitive_vars", TF_SENSITIVE, .doc = "The same, not shown.", .type = T_MAP },
	{ "disable_template", .doc = "Whether the files are taken as they are.",
	  .type = "\"bool\"" },
	{ "documents", TF_COMPUTED, .doc = "The text of each document.", .type = T_TEXTS },
	{ "manifests", TF_COMPUTED, .doc = "The same by what they are.", .type = T_MAP },
	{ 0 },
};

const struct tf_kind kubectl_path_documents = {
	.name = "kubectl_path_documents",
	.what = TF_DATA,
	.doc = "YAML files taken apart into their documents.",
	.attrs = path_documents_rows,
	.flags = TF_WHOLE_NAME,
	.open = open_path_documents,
	.example = "data \"kubectl_path_documents\" \"all\" {\n"
		   "  pattern = \"${path.module}/*.yaml\"\n"
		   "}\n",
};

static struct err *open_filename_list(struct tf_op *t)
{
	struct json_object *matches = json_object_new_array(), *names = json_object_new_array();
	const char *pattern = json_str(t->config, "pattern");
	glob_t files = { 0 };
	struct err *e = files_of(pattern, &files);

	json_set(t->state, "matches", matches);
	json_set(t->state, "basenames", names);
	for (size_t i = 0; i < files.gl_pathc && !e; i++) {
		const char *path = files.gl_pathv[i], *slash = strrchr(path, '/');

		if (is_folder(path))
			continue;
		json_object_array_add(matches, json_object_new_string(path));
		json_object_array_add(names, json_object_new_string(slash ? slash + 1 : path));
	}
	globfree(&files);
	json_sets(t->state, "id", pattern);
	return e;
}

static const struct tf_attr filename_list_rows[] = {
	{ "pattern", TF_REQUIRED, .doc = "Files, with wildcards." },
	{ "matches", TF_COMPUTED, .doc = "Their paths, in order.", .type = T_TEXTS },
	{ "basenames", TF_COMPUTED, .doc = "Their names without folders.", .type = T_TEXTS },
	{ 0 },
};

const struct tf_kind kubectl_filename_list = {
	.name = "kubectl_filename_list",
	.what = TF_DATA,
	.doc = "Names of files that match a pattern.",
	.attrs = filename_list_rows,
	.flags = TF_WHOLE_NAME,
	.open = open_filename_list,
	.example = "data \"kubectl_filename_list\" \"all\" {\n"
		   "  pattern = \"${path.module}/*.yaml\"\n"
		   "}\n",
};

/* ---- an object that is there ---- */

static struct err *show_results(struct tf_op *t, struct json_object *object)
{
	struct json_object *results = json_object_new_object();

	json_set(t->state, "results", results);
	if (!json_at(t->config, "fields"))
		return NULL;
	json_object_object_foreach(json_at(t->config, "fields"), name, path) {
		AUTO_JSON found = NULL;
		struct err *e = jsonpath(object, json_object_get_string(path), &found);

		if (e)
			return err_at(err_wrap(e, "fields: %s", name), "fields");
		AUTO_STR text = json_len(found) ? json_text(json_nth(found, 0)) : xstrdup("");
		json_sets(results, name, text);
	}
	return NULL;
}

static struct err *open_manifest(struct tf_op *t)
{
	const char *ns = json_str(t->config, "namespace"), *name = json_str(t->config, "name");
	const struct kube_kind *k = NULL;
	struct cluster *c = NULL;
	AUTO_JSON object = NULL;
	AUTO_BUF text = BUF_INIT;
	struct err *e = clusters_want(json_str(t->config, "cluster"), &c);

	if (!e)
		e = kind_find(c, json_str(t->config, "api_version"), json_str(t->config, "kind"),
			      &k);
	if (e)
		return e;
	ns = !k->namespaced ? NULL : ns && *ns ? ns : "default";
	e = object_get(c, k, ns, name, &object);
	if (!e && !object)
		e = err_new(ERR_NOT_FOUND, "there is no %s %s%s%s", k->kind, ns ? ns : "",
			    ns ? "/" : "", name);
	if (e)
		return e;
	AUTO_STR path = kind_path(k, ns, name, NULL);
	yaml_write(object, &text);
	json_sets(t->state, "yaml", text.s);
	json_sets(t->state, "json",
		  json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
								 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_sets(t->state, "uid", json_str(object, "metadata.uid"));
	if (t->kind->what == TF_DATA)
		json_sets(t->state, "id", path);
	return show_results(t, object);
}

static const struct tf_attr manifest_rows[] = {
	{ "api_version", TF_REQUIRED, .doc = "API version, such as apps/v1." },
	{ "kind", TF_REQUIRED, .doc = "Kind, such as Deployment." },
	{ "name", TF_REQUIRED, .doc = "Name of the object." },
	{ "namespace", .doc = "Its namespace; default by default, if its kind has one." },
	{ "fields", .doc = "JSONPaths by name: what they select is in results.", .type = T_MAP },
	{ "results", TF_COMPUTED, .doc = "The first of what each of fields selects.",
	  .type = T_MAP },
	{ "yaml", TF_COMPUTED, .doc = "The object as YAML." },
	{ "json", TF_COMPUTED, .doc = "The object as JSON." },
	{ "uid", TF_COMPUTED, .doc = "Its UID." },
	{ 0 },
};

const struct tf_kind kubectl_manifest_data = {
	.name = "kubectl_manifest",
	.what = TF_DATA,
	.doc = "An object that is there already, as text.",
	.attrs = manifest_rows,
	.flags = TF_WHOLE_NAME,
	.open = open_manifest,
	.example = "data \"kubectl_manifest\" \"system\" {\n"
		   "  api_version = \"v1\"\n"
		   "  kind        = \"Namespace\"\n"
		   "  name        = \"kube-system\"\n"
		   "\n"
		   "  fields = {\n"
		   "    phase = \"{.status.phase}\"\n"
		   "  }\n"
		   "}\n",
};

const struct tf_kind kubectl_manifest_ephemeral = {
	.name = "kubectl_manifest",
	.what = TF_EPHEMERAL,
	.doc = "An object that is there already, kept in neither plan nor state.",
	.attrs = manifest_rows,
	.flags = TF_WHOLE_NAME,
	.open = open_manifest,
	.example = "ephemeral \"kubectl_manifest\" \"system\" {\n"
		   "  api_version = \"v1\"\n"
		   "  kind        = \"Namespace\"\n"
		   "  name        = \"kube-system\"\n"
		   "}\n",
};
