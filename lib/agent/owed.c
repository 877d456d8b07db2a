#include <string.h>

#include "agent/files.h"

/*
 * A step with if_changed has to run once a step before it has changed something, in this run or, if this
 * one is killed in between, in the next: what is owed is on the disk before the change. A step is known by
 * what it does, not by its place in a plan.
 */
enum { OWED_MAX = 4096, OWED_BYTES = 1 << 20 };

static const char *const names[] = { "id", "name", "if_changed", "secret" }; /* not what it does */

static char *owed_path(const struct agent *a)
{
	return xasprintf("%s/owed", a->folder);
}

static void key_of(const struct step *s, char ret[SHA256_HEX])
{
	AUTO_JSON what = json_object_new_object();
	const char *text;

	json_object_object_foreach(s->args, name, v) {
		bool does = true;

		for (size_t i = 0; i < COUNT(names); i++)
			does = does && strcmp(names[i], name) != 0;
		if (does)
			json_set(what, name, json_object_get(v));
	}
	text = json_object_to_json_string_ext(what, JSON_C_TO_STRING_PLAIN);
	sha256_text(text, strlen(text), ret);
}

void owed_load(struct agent *a)
{
	AUTO_STR path = owed_path(a);
	AUTO_BUF text = BUF_INIT;
	struct json_object *v = NULL;
	struct err *e = file_read(path, OWED_BYTES, &text);

	if (!e)
		e = json_parse(text.s, text.len, &v);
	err_free(e); /* what cannot be read is none */
	if (!json_object_is_type(v, json_type_object)) {
		json_object_put(v);
		v = json_object_new_object();
	}
	json_object_put(a->owed);
	a->owed = v;
}

static struct err *save(struct agent *a)
{
	const struct want w = { 0600, (uid_t)-1, (gid_t)-1 };
	AUTO_STR path = owed_path(a);
	const char *text = json_object_to_json_string_ext(a->owed, JSON_C_TO_STRING_PLAIN);

	return file_put(path, text, strlen(text), -1, &w, NULL);
}

bool owed_has(struct agent *a, const struct step *s)
{
	char key[SHA256_HEX];

	key_of(s, key);
	return json_has(a->owed, key);
}

static bool depends(const struct step *s, const char *id)
{
	AUTO_JSON v = json_object_new_string(id);

	return json_list_has(json_at(s->args, "if_changed"), v);
}

struct err *owed_add(struct agent *a, const struct step *because)
{
	bool more = false;

	for (size_t i = because->index + 1; because->id && i < a->nsteps; i++) {
		char key[SHA256_HEX];

		if (!depends(a->steps + i, because->id))
			continue;
		key_of(a->steps + i, key);
		more = more || !json_has(a->owed, key);
		json_set(a->owed, key, json_object_new_boolean(true));
	}
	if (more && json_object_object_length(a->owed) > OWED_MAX)
		return err_new(ERR_CONFLICT,
			       "'%s/owed' has more than %d steps: plans that nobody ended",
			       a->folder, OWED_MAX);
	return more ? save(a) : NULL;
}

struct err *owed_done(struct agent *a, const struct step *s)
{
	char key[SHA256_HEX];

	key_of(s, key);
	if (!json_has(a->owed, key))
		return NULL;
	json_object_object_del(a->owed, key);
	return save(a);
}
