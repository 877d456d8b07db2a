#include <string.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/files.h"

static const struct agent_field fields[] = {
	{ "blob", FIELD_SHA256, FIELD_EITHER },
	{ "path", FIELD_PATH, FIELD_EITHER },
	{ "names", FIELD_TEXTS, FIELD_NEEDED },
	{ "runtime", FIELD_TEXT, .choices = "containerd docker" },
	{ "namespace", FIELD_TEXT },
	{ 0 },
};

static bool by_docker(const struct step *s)
{
	const char *runtime = json_str(s->args, "runtime");

	return runtime && strcmp(runtime, "docker") == 0;
}

static const char *space_of(const struct step *s)
{
	const char *name = json_str(s->args, "namespace");

	return name ? name : "k8s.io";
}

/* Names as lines. */
static struct err *list(struct step *s, char **ret)
{
	if (by_docker(s))
		return CHILD_GET(s->agent, ret, "docker", "images", "--format",
				 "{{.Repository}}:{{.Tag}}");
	return CHILD_GET(s->agent, ret, "ctr", "-n", space_of(s), "images", "ls", "-q");
}

/* Asked once for all steps, until one of them has brought something. */
static struct err *known(struct step *s, const char **ret)
{
	const char *key = by_docker(s) ? "docker" : space_of(s);
	AUTO_STR text = NULL;
	struct err *e;

	if (!s->agent->images)
		s->agent->images = json_object_new_object();
	if (!json_has(s->agent->images, key)) {
		e = list(s, &text);
		if (e)
			return e;
		json_sets(s->agent->images, key, text);
	}
	*ret = json_object_get_string(json_at(s->agent->images, key));
	return NULL;
}

/* docker says "busybox:1" for what containerd calls "docker.io/library/busybox:1". */
static const char *short_name(const char *s)
{
	static const char *const drop[] = { "docker.io/", "library/" };

	for (size_t i = 0; i < COUNT(drop); i++)
		if (strncmp(s, drop[i], strlen(drop[i])) == 0)
			s += strlen(drop[i]);
	return s;
}

static bool has(const char *lines, const char *name)
{
	const char *want = short_name(name);

	for (const char *line = lines; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const char *at = short_name(line);

		if (strncmp(at, want, strlen(want)) == 0 &&
		    (at[strlen(want)] == '\n' || !at[strlen(want)]))
			return true;
	}
	return false;
}

/* Names that are not there, by blanks; owned; "": none. */
static struct err *lacking(struct step *s, char **ret)
{
	struct json_object *names = json_at(s->args, "names");
	AUTO_BUF b = BUF_INIT;
	const char *lines = "";
	struct err *e = known(s, &lines);

	if (e)
		return e;
	for (size_t i = 0; i < json_len(names); i++) {
		const char *name = json_object_get_string(json_nth(names, i));

		if (!has(lines, name))
			buf_addf(&b, "%s%s", b.len ? " " : "", name);
	}
	*ret = buf_take(&b);
	return NULL;
}

/* A runtime that does not answer yet may be what a step before this one brings. */
static bool wants_blob(struct step *s)
{
	AUTO_STR names = NULL;
	AUTO_ERR e = lacking(s, &names);

	return e || *names;
}

static struct err *import_from(struct step *s, const char *file)
{
	json_object_put(s->agent->images);
	s->agent->images = NULL;
	if (by_docker(s))
		return CHILD_GET(s->agent, NULL, "docker", "load", "-q", "-i", file);
	return CHILD_GET(s->agent, NULL, "ctr", "-n", space_of(s), "images", "import", file);
}

static struct err *import(struct step *s)
{
	const char *path = json_str(s->args, "path"), *blob = json_str(s->args, "blob");
	AUTO_STR own = blob ? blob_path(s->agent, blob) : NULL;
	AUTO_STR names = NULL;
	struct err *e = NULL;
	int fd = -1;

	if (blob)
		e = blob_open(s->agent, blob, &fd);
	if (e)
		return e;
	if (blob)
		(void)close(fd);
	e = import_from(s, blob ? own : path);
	if (!e)
		e = lacking(s, &names);
	if (!e && *names)
		e = err_new(ERR_CONFLICT, "the archive does not have all of them: %s lacks", names);
	return e;
}

static struct err *run(struct step *s)
{
	AUTO_STR names = NULL;
	struct err *e = lacking(s, &names);
	bool go;

	if (e && s->agent->check) {
		err_free(e);
		return step_change(s, &go);
	}
	if (e || !*names)
		return e;
	step_say(s, "to be imported: %s", names);
	e = step_change(s, &go);
	return e || !go ? e : import(s);
}

const struct agent_kind agent_image = {
	.name = "image",
	.flags = KIND_ROOT,
	.fields = fields,
	.run = run,
	.wants_blob = wants_blob,
};
