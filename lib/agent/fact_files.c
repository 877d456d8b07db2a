#include <glob.h>
#include <string.h>

#include "agent/facts.h"
#include "agent/files.h"
#include "text.h"

enum { FILES_MAX = 4096, FILE_BYTES = 1 << 20 };

static const char BEGIN[] = "-----BEGIN CERTIFICATE-----", END[] = "-----END CERTIFICATE-----";
static const char EMBEDDED[] = "client-certificate-data:";

typedef struct err *each_fn(const char *path, struct json_object **ret);

/* Calls fn for what each pattern leads to; a path that leads nowhere is told as null. */
static struct err *each(struct json_object *patterns, each_fn *fn, struct json_object **ret)
{
	AUTO_JSON all = json_object_new_object();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(patterns) && !e; i++) {
		const char *pattern = json_object_get_string(json_nth(patterns, i));
		glob_t g = { 0 };

		(void)glob(pattern, GLOB_NOCHECK | GLOB_NOSORT, NULL, &g);
		if (g.gl_pathc > FILES_MAX)
			e = err_new(ERR_USAGE, "'%s' is more than %d files", pattern, FILES_MAX);
		for (size_t k = 0; k < g.gl_pathc && !e; k++) {
			struct json_object *v = NULL;

			e = fn(g.gl_pathv[k], &v);
			if (!e)
				json_set(all, g.gl_pathv[k], v);
		}
		globfree(&g);
	}
	if (!e)
		*ret = TAKE(all);
	return e;
}

static struct err *describe(const char *path, struct json_object **ret)
{
	struct found f = { 0 };
	struct json_object *o;
	struct err *e = file_find(path, true, &f);

	if (e || !f.there)
		return e;
	AUTO_STR mode = xasprintf("%04o", f.st.st_mode & 07777);
	AUTO_STR owner = owner_text(f.st.st_uid, f.st.st_gid);
	o = json_object_new_object();
	json_sets(o, "mode", mode);
	json_sets(o, "owner", owner);
	json_set(o, "size", json_object_new_int64((int64_t)f.st.st_size));
	json_sets(o, "sha256", *f.sha256 ? f.sha256 : NULL);
	*ret = o;
	return NULL;
}

struct err *fact_files(struct step *s, struct json_object **ret)
{
	return each(json_at(s->args, "files"), describe, ret);
}

/* Certificates alone: a file that has a key beside them does not give it away. */
static void add_pems(struct json_object *list, const char *text)
{
	const char *from, *to;

	for (; (from = strstr(text, BEGIN)) && (to = strstr(from, END)); text = to) {
		to += strlen(END);
		AUTO_STR pem = xasprintf("%.*s\n", (int)(to - from), from);
		json_object_array_add(list, step_text(pem, strlen(pem)));
	}
}

static void add_embedded(struct json_object *list, const char *text)
{
	while ((text = strstr(text, EMBEDDED))) {
		AUTO_BUF pem = BUF_INIT;
		size_t n;

		text += strlen(EMBEDDED);
		text += strspn(text, " \"'");
		n = strcspn(text, " \"'\r\n");
		if (base64_text(text, n, &pem))
			add_pems(list, pem.s);
	}
}

static struct err *certificates_of(const char *path, struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e = file_read(path, FILE_BYTES, &text);

	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	*ret = json_object_new_array();
	add_pems(*ret, text.s);
	add_embedded(*ret, text.s);
	buf_wipe(&text);
	return NULL;
}

struct err *fact_certificates(struct step *s, struct json_object **ret)
{
	return each(json_at(s->args, "certificates"), certificates_of, ret);
}
