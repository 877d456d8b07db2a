/* Creations and the journal (adapter/journal.h): what of what is there may be taken over. */
#include <string.h>
#include <time.h>

#include "adapter/journal.h"
#include "digest.h"
#include "subject.h"
#include "text.h"

enum { CLOCKS_DIFFER_S = 120 };

/* In the journal. */
static const char OF[] = "kubernetes";

/* What tells an object from all others before it has a UID. */
static char *key_of(const struct subject *s)
{
	AUTO_STR what = xasprintf("%s %s %s %s/%s", cluster_server(s->c), s->kind->group,
				  s->kind->kind, s->ns ? s->ns : "", s->name);

	return digest_text("sha256", what, strlen(what));
}

static int64_t born_at(struct json_object *object)
{
	const char *text = json_str(object, "metadata.creationTimestamp");
	struct tm tm = { 0 };

	return text && strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) ? (int64_t)timegm(&tm) : 0;
}

/* Of what has a name and nothing else, as many a namespace, the server (1.33) does not say who made it. */
static bool owns_nothing(struct json_object *want)
{
	json_object_object_foreach(want, key, value) {
		if (strcmp(key, "metadata") != 0 && !words_have("apiVersion kind", key))
			return false;
		(void)value;
	}
	json_object_object_foreach(json_at(want, "metadata"), name, v) {
		if (!words_have("name namespace", name))
			return false;
		(void)v;
	}
	return true;
}

/* Who was killed had seen that it was not there; what came much later somebody else made. */
static bool made_by_lost(const struct subject *s, const struct keeper *k, struct json_object *have,
			 const char *manager)
{
	AUTO_JSON ours = owned_paths(have, manager);

	return k->lost && k->others && !json_list_has(k->others, json_at(have, "metadata.uid")) &&
	       born_at(have) <= k->until_s + CLOCKS_DIFFER_S &&
	       (json_len(ours) || owns_nothing(s->want));
}

/* Where a killed run has looked, what it saw counts. */
static void note_others(const struct keeper *k, struct json_object *have)
{
	AUTO_JSON others = json_object_new_array();

	if (k->others)
		return;
	if (have)
		json_object_array_add(others, json_copy(json_at(have, "metadata.uid")));
	k->before(k, NULL, others);
}

struct err *subject_stranger(const struct subject *s, const char *import_id)
{
	return err_new(ERR_CONFLICT,
		       "%s %s%s%s is there already, and was not made here: to manage it here, "
		       "import it, by `terraform import ADDRESS '%s'` or by an import block with "
		       "that ID; if the state has it under another address, by a moved block",
		       s->kind->kind, s->ns ? s->ns : "", s->ns ? "/" : "", s->name, import_id);
}

struct err *subject_may_adopt(const struct subject *s, struct json_object *have,
			      const char *manager, const char *import_id,
			      struct journal_entry *entry)
{
	AUTO_STR key = s->name ? key_of(s) : NULL;
	bool ours;

	if (!key)
		return NULL;
	journal_begin(entry, OF, key);
	ours = !have || made_by_lost(s, &entry->keeper, have, manager);
	note_others(&entry->keeper, have);
	if (ours)
		return NULL;
	return subject_stranger(s, import_id);
}

void subject_created(struct journal_entry *entry, bool made, const struct err *e)
{
	if (!entry->key)
		return;
	if (made) {
		entry->keeper.born(&entry->keeper, NULL, entry->key);
		journal_met(OF, entry->key);
	} else if (e && e->ambiguous) {
		journal_doubt(entry);
	} else {
		journal_forget(entry);
	}
	journal_entry_release(entry);
}

void subject_seen(const struct subject *s)
{
	AUTO_STR key = key_of(s);

	journal_met(OF, key);
}

bool subject_is_known(const struct subject *s)
{
	AUTO_STR key = key_of(s);

	return journal_knows(OF, key);
}
