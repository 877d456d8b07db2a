#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cluster/cluster.h"
#include "kubernetes/objects.h"

/* What is given as a path: alone, or of each element of a list. */
struct place {
	const char *option;
	const char *of_each; /* option is a list of objects that have this; "": of strings */
	enum { BYTES, TEXT, MANIFESTS } what;
};

static const struct place places[] = {
	{ "cni.manifests", "", MANIFESTS },
	{ "packages.key", NULL, TEXT },
	{ "audit_policy", NULL, TEXT },
	{ "registry_mirrors", "ca", TEXT },
	{ "images", "archive", BYTES },
	{ "etcd.ca_file", NULL, BYTES },
	{ "etcd.cert_file", NULL, BYTES },
	{ "etcd.key_file", NULL, BYTES },
	{ 0 },
};

static struct err *check_file(const struct place *p, const char *where, const char *given)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_JSON objects = NULL;
	struct err *e = NULL;

	if (!given)
		return NULL;
	if (p->what == BYTES) {
		if (access(given, R_OK) != 0)
			e = err_new(ERR_USAGE, "%s: %s", given, strerrordesc_np(errno));
	} else {
		e = declared_text(where, given, &text);
	}
	if (!e && p->what == MANIFESTS)
		e = documents_parse(text.s, text.len, where, &objects);
	if (!e)
		return NULL;
	e->kind = ERR_USAGE;
	return err_at(strncmp(e->text, where, strlen(where)) == 0 ? e : err_wrap(e, "%s", where),
		      where);
}

struct err *cluster_files(struct json_object *declaration)
{
	struct err *e = NULL;

	for (const struct place *p = places; p->option && !e; p++) {
		struct json_object *v = json_at(declaration, p->option);

		if (!p->of_each) {
			e = check_file(p, p->option, json_str(declaration, p->option));
			continue;
		}
		for (size_t i = 0; i < json_len(v) && !e; i++) {
			struct json_object *one = json_nth(v, i);
			AUTO_STR where = xasprintf("%s[%zu]%s%s", p->option, i,
						   *p->of_each ? "." : "", p->of_each);

			e = check_file(p, where,
				       *p->of_each ? json_str(one, p->of_each)
						   : json_object_get_string(one));
		}
	}
	return e;
}
