#include "functions.h"

#include <ctype.h>
#include <string.h>

#include "adapter/kind.h"
#include "adapter/targets.h"
#include "digest.h"
#include "openstack/shared.h"
#include "text.h"

enum {
	USER_DATA_BYTES = 49149, /* what has 65535 bytes in base64, Nova's limit */
	LINE_BYTES = 998,        /* RFC 5322 */
	BASE64_COLUMNS = 76      /* RFC 2045 */
};

/* ---- user_data() ---- */

/* What cloud-init itself tells by the first line. */
static const struct {
	const char *begins, *type;
} types[] = {
	{ "#cloud-config-archive", "text/cloud-config-archive" },
	{ "#cloud-config", "text/cloud-config" },
	{ "#cloud-boothook", "text/cloud-boothook" },
	{ "#include-once", "text/x-include-once-url" },
	{ "#include", "text/x-include-url" },
	{ "#part-handler", "text/part-handler" },
	{ "## template: jinja", "text/jinja2" },
	{ "#!", "text/x-shellscript" },
};

static const char *type_of(struct json_object *part)
{
	const char *given = json_str(part, "content_type"), *content = json_str(part, "content");

	for (size_t i = 0; i < COUNT(types) && !given; i++)
		if (strncmp(content, types[i].begins, strlen(types[i].begins)) == 0)
			given = types[i].type;
	return given;
}

/* Nothing in a header may end it. */
static bool is_header(const char *s)
{
	for (; s && *s; s++)
		if (!isprint((unsigned char)*s) || *s == '"')
			return false;
	return true;
}

/* `what`: "part 1 of 3". */
static struct err *check_part(struct json_object *part, const char *what)
{
	static const char known[][13] = { "content", "content_type", "filename" };

	if (!part)
		return err_new(ERR_USAGE, "%s is null", what);
	json_object_object_foreach(part, key, v) {
		bool ok = v == NULL;

		for (size_t k = 0; k < COUNT(known); k++)
			ok = ok || strcmp(key, known[k]) == 0;
		if (!ok)
			return err_new(ERR_USAGE,
				       "%s: '%s' means nothing here: a part has content, "
				       "content_type and filename",
				       what, key);
	}
	if (!json_str(part, "content"))
		return err_new(ERR_USAGE, "%s has no content", what);
	if (strlen(json_str(part, "content")) !=
	    (size_t)json_object_get_string_len(json_at(part, "content")))
		return err_new(ERR_USAGE, "%s: its content has NUL bytes", what);
	if (!type_of(part))
		return err_new(ERR_USAGE,
			       "%s: its first line does not tell what it is (#cloud-config, #!, "
			       "...): give content_type",
			       what);
	if (!is_header(json_str(part, "content_type")) || !is_header(json_str(part, "filename")))
		return err_new(ERR_USAGE,
			       "%s: content_type and filename are plain ASCII without quotes",
			       what);
	return NULL;
}

/* Whether it can stand there as it is. */
static bool is_plain(const char *s)
{
	size_t column = 0;

	for (; *s; s++) {
		if ((unsigned char)*s > '~' || *s == '\r' || ++column > LINE_BYTES)
			return false;
		if (*s == '\n')
			column = 0;
	}
	return true;
}

static void add_base64(struct json_object *content, struct buf *out)
{
	AUTO_JSON text = encode_base64(content);
	const char *s = json_object_get_string(text);

	for (size_t left = strlen(s); left;) {
		const size_t n = left < BASE64_COLUMNS ? left : BASE64_COLUMNS;

		buf_addf(out, "%.*s\n", (int)n, s);
		s += n;
		left -= n;
	}
}

static void add_part(struct json_object *part, const char *boundary, struct buf *out)
{
	const char *content = json_str(part, "content"), *filename = json_str(part, "filename");
	const bool plain = is_plain(content);

	buf_addf(out,
		 "--%s\n"
		 "Content-Type: %s; charset=\"utf-8\"\n"
		 "Content-Transfer-Encoding: %s\n"
		 "MIME-Version: 1.0\n",
		 boundary, type_of(part), plain ? "7bit" : "base64");
	if (filename)
		buf_addf(out, "Content-Disposition: attachment; filename=\"%s\"\n", filename);
	buf_adds(out, "\n");
	if (plain)
		buf_addf(out, "%s\n", content);
	else
		add_base64(json_at(part, "content"), out);
}

/* The same parts have the same: no plan differs for it, and no part can have it by chance. */
static char *boundary_of(struct json_object *parts)
{
	AUTO_STR all = json_text(parts);
	AUTO_STR digest = digest_text("sha256", all, strlen(all));

	return xasprintf("part-%.32s", digest);
}

static struct err *user_data(struct json_object *args, struct json_object **ret, int *at)
{
	struct json_object *parts = json_nth(args, 0);
	const size_t n = json_len(parts);
	AUTO_STR boundary = boundary_of(parts);
	AUTO_BUF out = BUF_INIT;

	*at = 0;
	if (!n)
		return err_new(ERR_USAGE, "there is no part: user data has one at least");
	buf_addf(&out, "Content-Type: multipart/mixed; boundary=\"%s\"\nMIME-Version: 1.0\n\n",
		 boundary);
	for (size_t i = 0; i < n; i++) {
		AUTO_STR what = xasprintf("part %zu of %zu", i + 1, n);
		struct err *e = check_part(json_nth(parts, i), what);

		if (e)
			return e;
		add_part(json_nth(parts, i), boundary, &out);
	}
	buf_addf(&out, "--%s--\n", boundary);
	if (out.len > USER_DATA_BYTES)
		return err_new(ERR_USAGE,
			       "these parts make user data of %zu bytes, and Nova takes %d: let a "
			       "part fetch what is large (#include)",
			       out.len, USER_DATA_BYTES);
	*ret = json_object_new_string_len(out.s, (int)out.len);
	return NULL;
}

/* ---- clouds_yaml() ---- */

/* Arguments that have a place beside those that are strings. */
static const char FLAGS[] = "insecure system_scope";

/* Words that are true or false become that. */
static struct err *check_flags(struct json_object *block)
{
	WORDS_EACH(w, FLAGS) {
		AUTO_STR name = xstrndup(w, words_len(w));
		const char *given = json_str(block, name);

		if (given && !words_have("true false", given))
			return err_new(ERR_USAGE, "%s is true or false, not '%s'", name, given);
		if (given)
			json_set(block, name, json_object_new_boolean(strcmp(given, "true") == 0));
	}
	return NULL;
}

static struct err *check_arguments(struct json_object *block)
{
	json_object_object_foreach(block, key, v) {
		const struct row *row = row_named(kind_provider()->rows, key);
		AUTO_STR type = row ? json_text(row->type) : NULL;

		if (!row || strcmp(key, "cloud") == 0 ||
		    (strcmp(type, "string") != 0 && !words_have(FLAGS, key)))
			return err_new(
				ERR_USAGE,
				"'%s' has no place here: what has one are arguments of the "
				"provider block that are strings, but for cloud, and insecure "
				"and system_scope",
				key);
		if (v && strpbrk(json_object_get_string(v), "\n\r"))
			return err_new(ERR_USAGE, "%s has more than one line", key);
	}
	if (!json_str(block, "auth_url"))
		return err_new(ERR_USAGE, "auth_url is missing");
	return check_flags(block);
}

/* The session's options have Ansible's names here. */
static void rename_options(struct json_object *entry)
{
	static const char *const names[][2] = { { "ca_cert", "cacert" },
						{ "client_cert", "cert" },
						{ "client_key", "key" },
						{ "validate_certs", "verify" } };

	for (size_t i = 0; i < COUNT(names); i++) {
		if (!json_has(entry, names[i][0]))
			continue;
		json_set(entry, names[i][1], json_copy(json_at(entry, names[i][0])));
		json_object_object_del(entry, names[i][0]);
	}
}

static const char *auth_type(struct json_object *block)
{
	if (json_str(block, "application_credential_id") ||
	    json_str(block, "application_credential_name"))
		return "v3applicationcredential";
	return json_str(block, "token") ? "v3token" : "v3password";
}

/* Every string as JSON, which YAML reads as it is. */
static void add_yaml(struct json_object *values, int indent, struct buf *out)
{
	json_object_object_foreach(values, key, v) {
		if (json_object_is_type(v, json_type_object)) {
			buf_addf(out, "%*s%s:\n", indent, "", key);
			add_yaml(v, indent + 2, out);
		} else {
			buf_addf(out, "%*s%s: %s\n", indent, "", key,
				 json_object_to_json_string_ext(v, JSON_C_TO_STRING_NOSLASHESCAPE));
		}
	}
}

static struct err *clouds_yaml(struct json_object *args, struct json_object **ret, int *at)
{
	const char *name = json_object_get_string(json_nth(args, 0));
	AUTO_JSON block = json_copy(json_nth(args, 1));
	AUTO_JSON entry = NULL;
	AUTO_BUF out = BUF_INIT;
	struct err *e = NULL;

	*at = 0;
	if (!*name)
		return err_new(ERR_USAGE, "the cloud has no name: it is empty");
	if (!is_header(name))
		return err_new(ERR_USAGE, "a cloud's name is plain ASCII without quotes");
	*at = 1;
	e = check_arguments(block);
	if (!e)
		e = provider.session_options(block, "", "", &entry);
	if (e)
		return e;
	rename_options(entry);
	json_sets(entry, "auth_type", auth_type(block));
	buf_addf(&out, "clouds:\n  \"%s\":\n", name);
	add_yaml(entry, 4, &out);
	*ret = json_object_new_string_len(out.s, (int)out.len);
	buf_wipe(&out);
	return NULL;
}

/* ---- the table ---- */

const struct function openstack_functions[] = {
	{ .name = "user_data",
	  .summary = "User data of several parts for cloud-init.",
	  .doc = "Makes one MIME text of several parts, as cloud-init reads them: scripts, #cloud-config, "
		 "lists of URLs. The same parts always give the same text, so no instance is replaced "
		 "without a reason.",
	  .returns = "\"string\"",
	  .parameters = { { "parts", "[\"list\",[\"map\",\"string\"]]",
			    "The parts in their order. Each has `content`; `content_type`, if the first "
			    "line of the content does not tell it; and `filename`." } },
	  .example =
		  "locals {\n"
		  "  user_data = provider::openstack::user_data([\n"
		  "    { content = \"#cloud-config\\npackages: [nginx]\\n\" },\n"
		  "    { content = \"#!/bin/sh\\necho ready >/run/ready\\n\", filename = \"ready.sh\" },\n"
		  "  ])\n"
		  "}\n"
		  "\n"
		  "output \"user_data\" {\n"
		  "  value = local.user_data\n"
		  "}\n",
	  .call = user_data },
	{ .name = "clouds_yaml",
	  .summary = "A clouds.yaml with one cloud.",
	  .doc = "Writes what a provider block has as a clouds.yaml, for the programs that read one: the "
		 "command line, Ansible, a cluster's controllers. With a secret in it, the text is "
		 "sensitive.",
	  .returns = "\"string\"",
	  .parameters = { { "name", "\"string\"", "Name of the cloud." },
			  { "arguments", "[\"map\",\"string\"]",
			    "Arguments of the provider block that are strings, by their names there: "
			    "`auth_url`, `application_credential_id`, ...; and `insecure` and `system_scope`." } },
	  .example = "output \"clouds\" {\n"
		     "  value = provider::openstack::clouds_yaml(\"ci\", {\n"
		     "    auth_url            = \"https://cloud.example.com:5000/v3\"\n"
		     "    user_name           = \"ci\"\n"
		     "    tenant_name         = \"ci\"\n"
		     "    password            = \"from a vault\"\n"
		     "    user_domain_name    = \"Default\"\n"
		     "    project_domain_name = \"Default\"\n"
		     "  })\n"
		     "}\n",
	  .call = clouds_yaml },
	{ 0 },
};
