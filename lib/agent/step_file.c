#include <string.h>
#include <unistd.h>

#include "agent/files.h"
#include "text.h"

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "content", FIELD_TEXT, FIELD_EITHER },
	{ "base64", FIELD_TEXT, FIELD_EITHER },
	{ "blob", FIELD_SHA256, FIELD_EITHER },
	{ "mode", FIELD_MODE },
	{ "owner", FIELD_TEXT },
	{ 0 },
};

static struct err *check(struct json_object *args)
{
	const char *coded = json_str(args, "base64");
	AUTO_BUF text = BUF_INIT;
	const bool ok = !coded || base64_text(coded, strlen(coded), &text);

	buf_wipe(&text);
	return ok ? NULL : err_new(ERR_USAGE, "'base64' is none");
}

static bool wants_blob(struct step *s)
{
	struct found f = { 0 };
	AUTO_ERR e = file_find(json_str(s->args, "path"), true, &f);

	return e || strcmp(f.sha256, json_str(s->args, "blob")) != 0;
}

static struct err *put_blob(struct step *s, const struct want *w, const struct found *old)
{
	const char *path = json_str(s->args, "path");
	struct err *e;
	int fd;

	e = blob_open(s->agent, json_str(s->args, "blob"), &fd);
	if (e)
		return e;
	e = file_put(path, NULL, 0, fd, w, old);
	(void)close(fd);
	return e;
}

static struct err *write_blob(struct step *s, const struct want *w)
{
	const char *path = json_str(s->args, "path"), *blob = json_str(s->args, "blob");
	struct found old = { 0 };
	struct err *e = file_find(path, true, &old);
	bool same, go;

	if (e)
		return e;
	e = file_may_be_put(path, &old);
	if (e)
		return e;
	same = strcmp(blob, old.sha256) == 0;
	if (same && want_is_met(w, &old.st))
		return NULL;
	json_set(s->line, "before", file_shown(s, path, &old));
	json_set(s->line, "after", file_promised(s, w, &old, blob, NULL, 0));
	e = step_change(s, &go);
	if (e || !go)
		return e;
	return same ? want_meet(w, path, &old.st) : put_blob(s, w, &old);
}

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path"), *coded = json_str(s->args, "base64");
	struct json_object *content = json_at(s->args, "content");
	AUTO_BUF text = BUF_INIT;
	struct want w = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	struct err *e = want_of(s, &w);

	if (e)
		return e;
	if (json_has(s->args, "blob"))
		return write_blob(s, &w);
	if (!coded)
		return step_write(s, path, json_object_get_string(content),
				  (size_t)json_object_get_string_len(content), &w);
	(void)base64_text(coded, strlen(coded), &text);
	e = step_write(s, path, text.s, text.len, &w);
	buf_wipe(&text);
	return e;
}

const struct agent_kind agent_file = {
	.name = "file",
	.fields = fields,
	.check = check,
	.run = run,
	.wants_blob = wants_blob,
};
