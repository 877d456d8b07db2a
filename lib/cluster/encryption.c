#include "cluster/encryption.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "session/config.h"
#include "text.h"
#include "yaml.h"

enum { KEY_BYTES = 32 }; /* AES-256, XSalsa20 */

static const char providers[] = "secretbox aescbc aesgcm";

/* Values with keys in them. */
#define AUTO_SECRET CLEANUP(auto_secret) struct json_object *

static void auto_secret(struct json_object **p)
{
	json_wipe(*p);
	json_object_put(*p);
}

/* {PROVIDER: {"keys": [key]}}; takes the key. */
static struct json_object *entry(const char *provider, struct json_object *key)
{
	struct json_object *keys = json_object_new_array();

	json_object_array_add(keys, key);
	return json_wrap(provider, json_wrap("keys", keys));
}

struct err *encryption_key(const char *provider, const char *name, struct json_object **ret)
{
	unsigned char bytes[KEY_BYTES];
	struct json_object *key;
	char *secret;

	if (!words_have(providers, provider) || !*name)
		return err_new(ERR_USAGE,
			       "encryption wants a provider (secretbox, aescbc or aesgcm; not "
			       "'%s') and a key's name",
			       provider);
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return err_new(ERR_PROTOCOL, "making a key: no random numbers are to be had");
	secret = base64_of((const char *)bytes, sizeof(bytes));
	key = json_object_new_object();
	json_sets(key, "name", name);
	json_sets(key, "secret", secret);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	wipe_free(secret);
	*ret = entry(provider, key);
	return NULL;
}

/* "secretbox:key1" of an entry with one key; owned; NULL: it has none. */
static char *name_of(struct json_object *one)
{
	WORDS_EACH(w, providers) {
		AUTO_STR provider = xstrndup(w, words_len(w));
		const char *name =
			json_str(json_nth(json_at(json_at(one, provider), "keys"), 0), "name");

		if (name)
			return xasprintf("%s:%s", provider, name);
	}
	return NULL;
}

/* Entries of one key each, in their order, and without what is not encrypted. */
static struct err *add_entries(struct json_object *given, struct json_object *entries)
{
	json_object_object_foreach(given, provider, v) {
		struct json_object *keys = json_at(v, "keys");

		if (strcmp(provider, "identity") == 0)
			continue;
		if (!words_have(providers, provider) || !json_len(keys))
			return err_new(ERR_PROTOCOL, "its provider '%s' is none of ours", provider);
		for (size_t i = 0; i < json_len(keys); i++)
			json_object_array_add(entries,
					      entry(provider, json_copy(json_nth(keys, i))));
	}
	return NULL;
}

struct content {
	struct json_object *entries, *resources; /* secret; not secret */
	bool plain;                              /* what is written is not encrypted */
};

static void content_release(struct content *c)
{
	json_wipe(c->entries);
	json_object_put(c->entries);
	json_object_put(c->resources);
}

#define AUTO_CONTENT CLEANUP(content_release) struct content

/* What YAML has to say of it may be a key. */
static struct err *parse(const char *text, struct content *ret)
{
	AUTO_SECRET v = NULL;
	struct err *e = yaml_parse(text, strlen(text), "encryption", &v);
	struct json_object *groups = json_at(v, "resources");
	struct json_object *list = json_at(json_nth(groups, 0), "providers");

	*ret = (struct content){ .entries = json_object_new_array(),
				 .resources = json_copy(json_at(json_nth(groups, 0), "resources")),
				 .plain = json_has(json_nth(list, 0), "identity") };
	err_free(e);
	e = json_len(groups) == 1 && json_len(list) && json_len(ret->resources)
		    ? NULL
		    : err_new(ERR_PROTOCOL, "it is not of one group of resources and their keys");
	for (size_t i = 0; i < json_len(list) && !e; i++)
		e = add_entries(json_nth(list, i), ret->entries);
	return err_wrap(e, "EncryptionConfiguration");
}

struct err *encryption_shown(const char *text, struct json_object **ret)
{
	AUTO_CONTENT c = { NULL };
	struct json_object *keys;
	struct err *e = text ? parse(text, &c)
			     : err_new(ERR_PROTOCOL, "EncryptionConfiguration: it is no text");

	if (e)
		return e;
	keys = json_object_new_array();
	if (c.plain)
		json_object_array_add(keys, json_object_new_string("identity"));
	for (size_t i = 0; i < json_len(c.entries); i++) {
		AUTO_STR name = name_of(json_nth(c.entries, i));

		json_object_array_add(keys, json_object_new_string(name ? name : ""));
	}
	*ret = json_wrap("keys", keys);
	json_set(*ret, "resources", TAKE(c.resources));
	return NULL;
}

static struct json_object *find(struct json_object *entries, const char *key)
{
	for (size_t i = 0; i < json_len(entries); i++) {
		AUTO_STR name = name_of(json_nth(entries, i));

		if (name && strcmp(name, key) == 0)
			return json_nth(entries, i);
	}
	return NULL;
}

struct json_object *encryption_find(const char *text, const char *key)
{
	AUTO_CONTENT c = { NULL };
	AUTO_ERR e = parse(text, &c);

	return e ? NULL : json_copy(find(c.entries, key));
}

/* ---- with a key ---- */

/*
 * While all is written anew by the only key that there is, the text says so: by the same key under a name that nobody can declare.
 */
static void add_mark(struct json_object *entries, struct json_object *key)
{
	json_object_object_foreach(key, provider, v) {
		struct json_object *same = json_copy(json_nth(json_at(v, "keys"), 0));

		json_sets(same, "name", ".unwritten");
		json_object_array_add(entries, entry(provider, same));
	}
}

/* `more`: what was not encrypted before is to be. */
static struct json_object *entries_with(const struct content *before, struct json_object *key,
					enum encryption_stage stage, bool more)
{
	struct json_object *all = json_object_new_array(), *list = before->entries;
	AUTO_STR name = name_of(key);
	const bool plain = before->plain && stage == ENCRYPTION_SECOND, has = find(list, name),
		   first = stage != ENCRYPTION_SECOND || (!plain && !json_len(list));

	if (plain)
		json_object_array_add(all, json_wrap("identity", json_object_new_object()));
	if (first || (plain && !has))
		json_object_array_add(all, json_copy(key));
	for (size_t i = 0; i < json_len(list) && stage != ENCRYPTION_ONLY; i++) {
		struct json_object *one = json_nth(list, i);
		AUTO_STR its = name_of(one);

		if (first && its && strcmp(its, name) == 0)
			continue;
		json_object_array_add(all, json_copy(one));
		if (!first && !plain && !has && i == 0)
			json_object_array_add(all, json_copy(key));
	}
	if (stage == ENCRYPTION_FIRST && more && json_len(all) == 1)
		add_mark(all, key);
	if (!plain)
		json_object_array_add(all, json_wrap("identity", json_object_new_object()));
	return all;
}

/* What is not encrypted any more must stay readable. */
static struct json_object *joined(struct json_object *before, struct json_object *more)
{
	struct json_object *all = before ? json_copy(before) : json_object_new_array();

	for (size_t i = 0; i < json_len(more); i++)
		if (!json_list_has(all, json_nth(more, i)))
			json_object_array_add(all, json_copy(json_nth(more, i)));
	return all;
}

struct err *encryption_with(const char *text, struct json_object *key,
			    struct json_object *resources, enum encryption_stage stage,
			    struct buf *ret)
{
	AUTO_CONTENT before = { .plain = !text };
	AUTO_SECRET config = json_object_new_object();
	struct json_object *group = json_object_new_object(), *groups = json_object_new_array();
	struct err *e = text ? parse(text, &before) : NULL;
	bool more = text && before.plain;

	json_sets(config, "apiVersion", "apiserver.config.k8s.io/v1");
	json_sets(config, "kind", "EncryptionConfiguration");
	json_object_array_add(groups, group);
	json_set(config, "resources", groups);
	if (e)
		return e;
	json_set(group, "resources",
		 joined(before.resources, text && stage == ENCRYPTION_SECOND ? NULL : resources));
	for (size_t i = 0; text && i < json_len(resources) && !more; i++)
		more = !json_list_has(before.resources, json_nth(resources, i));
	json_set(group, "providers", entries_with(&before, key, stage, more));
	yaml_write(config, ret);
	return NULL;
}
