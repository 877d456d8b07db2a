#include <string.h>

#include "agent/files.h"
#include "text.h"

enum { READ_DEFAULT = 1 << 20, READ_MOST = 16 << 20 };

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "max", FIELD_INT },
	{ 0 },
};

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path");
	const int64_t asked = json_int(s->args, "max", READ_DEFAULT);
	const size_t max = (size_t)(asked < READ_MOST ? asked : READ_MOST);
	struct found f = { 0 };
	AUTO_BUF text = BUF_INIT;
	struct json_object *o;
	struct err *e = file_find(path, false, &f);

	if (e)
		return e;
	json_set(s->line, "after", NULL);
	if (!f.there)
		return NULL;
	e = file_read(path, max, &text);
	if (e)
		return e;
	o = json_object_new_object();
	json_set(s->line, "after", o);
	AUTO_STR owner = owner_text(f.st.st_uid, f.st.st_gid);
	AUTO_STR mode = xasprintf("%04o", f.st.st_mode & 07777);
	json_sets(o, "mode", mode);
	json_sets(o, "owner", owner);
	if (step_is_text(text.s, text.len)) {
		json_set(o, "content", json_object_new_string_len(text.s, (int)text.len));
	} else {
		AUTO_STR coded = base64_of(text.s, text.len);
		json_sets(o, "base64", coded);
	}
	return NULL;
}

const struct agent_kind agent_read = {
	.name = "read",
	.flags = KIND_READS,
	.fields = fields,
	.run = run,
};
