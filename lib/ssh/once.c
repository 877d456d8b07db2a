#include "ssh/once.h"

#include <stdint.h>
#include <string.h>

#include "digest.h"
#include "file.h"
#include "json.h"

enum { SECRET_MAX = 4 << 10 };

/* One thing, under the name of what it was read from. */
struct item {
	void *value;
	void (*free)(void *value);
};

struct ssh_once {
	struct json_object *index; /* {name: number of its item} */
	struct item *items;
	size_t n;
	const char **secrets; /* ends with NULL */
	size_t nsecrets;
};

struct ssh_once *ssh_once_new(void)
{
	struct ssh_once *o = xcalloc(1, sizeof(*o));

	o->index = json_object_new_object();
	o->secrets = xcalloc(1, sizeof(*o->secrets));
	return o;
}

void ssh_once_free(struct ssh_once *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->n; i++)
		o->items[i].free(o->items[i].value);
	free(o->items);
	free(o->secrets);
	json_object_put(o->index);
	free(o);
}

static void *kept(const struct ssh_once *o, const char *name)
{
	struct json_object *at = NULL;

	if (!json_object_object_get_ex(o->index, name, &at))
		return NULL;
	return o->items[json_object_get_int64(at)].value;
}

static void keep(struct ssh_once *o, const char *name, void *value, void (*release)(void *value))
{
	json_object_object_add(o->index, name, json_object_new_int64((int64_t)o->n));
	o->items = xrealloc(o->items, o->n + 1, sizeof(*o->items));
	o->items[o->n++] = (struct item){ value, release };
}

/* ---- configurations ---- */

static void free_config(void *value)
{
	ssh_config_free(value);
}

struct err *once_config(struct ssh_once *o, const char *path, const struct ssh_config **ret)
{
	AUTO_STR name = xasprintf("config %s", path ? path : "");
	struct ssh_config *c = kept(o, name);
	struct err *e = c ? NULL : ssh_config_read(path, NULL, &c);

	if (e)
		return e;
	if (!kept(o, name))
		keep(o, name, c, free_config);
	*ret = c;
	return NULL;
}

/* ---- known hosts ---- */

static void free_known(void *value)
{
	known_hosts_free(value);
}

static char *known_name_of(const struct ssh_host *host, const char *given)
{
	AUTO_BUF b = BUF_INIT;

	if (given)
		return xasprintf("known %s", given);
	buf_adds(&b, "known files");
	for (char **p = host->user_known_hosts; p && *p; p++)
		buf_addf(&b, "\n%s", *p);
	buf_adds(&b, "\n/");
	for (char **p = host->global_known_hosts; p && *p; p++)
		buf_addf(&b, "\n%s", *p);
	return buf_take(&b);
}

struct err *once_known_hosts(struct ssh_once *o, const struct ssh_host *host, const char *given,
			     struct known_hosts **ret)
{
	AUTO_STR name = known_name_of(host, given);
	struct known_hosts *k = kept(o, name);
	struct err *e = NULL;

	if (k) {
		*ret = k;
		return NULL;
	}
	e = given ? known_hosts_given(given, strlen(given), &k)
		  : known_hosts_open(host->user_known_hosts, host->global_known_hosts, &k);
	if (e)
		return e;
	keep(o, name, k, free_known);
	*ret = k;
	return NULL;
}

/* ---- keys ---- */

static void free_key(void *value)
{
	ssh_key_free(value);
}

struct err *once_key(struct ssh_once *o, const char *path, const char *passphrase,
		     const struct ssh_key **ret)
{
	AUTO_STR digest = passphrase ? digest_text("sha256", passphrase, strlen(passphrase)) : NULL;
	AUTO_STR name = xasprintf("key %s %s", digest ? digest : "", path);
	struct ssh_key *k = kept(o, name);
	struct err *e = k ? NULL : ssh_key_load(path, passphrase, &k);

	if (e)
		return e;
	if (!kept(o, name))
		keep(o, name, k, free_key);
	*ret = k;
	return NULL;
}

/* ---- secrets ---- */

static void free_secret(void *value)
{
	wipe_free(value);
}

static const char *keep_secret(struct ssh_once *o, const char *name, const char *secret)
{
	char *s = xstrdup(secret);

	keep(o, name, s, free_secret);
	o->secrets = xrealloc(o->secrets, o->nsecrets + 2, sizeof(*o->secrets));
	o->secrets[o->nsecrets++] = s;
	o->secrets[o->nsecrets] = NULL;
	return s;
}

/* One line that says something: a file of several is some other file. */
static struct err *read_line(const char *path, struct buf *b)
{
	AUTO_STR whole = path_expand(path);
	struct err *e = file_text(whole, SECRET_MAX, b);

	if (e)
		return e;
	while (b->len && strchr("\r\n", b->s[b->len - 1]))
		b->s[--b->len] = '\0';
	if (!b->len)
		return err_new(ERR_USAGE, "%s: it is empty", whole);
	if (strlen(b->s) != b->len || strpbrk(b->s, "\r\n"))
		return err_new(ERR_USAGE, "%s: it has to be one line of text", whole);
	return NULL;
}

struct err *once_secret_file(struct ssh_once *o, const char *path, const char **ret)
{
	AUTO_STR name = xasprintf("secret of file %s", path);
	const char *s = kept(o, name);
	AUTO_BUF b = BUF_INIT;
	struct err *e = s ? NULL : read_line(path, &b);

	if (!e)
		*ret = s ? s : keep_secret(o, name, b.s);
	buf_wipe(&b);
	return e;
}

struct err *once_secret_env(struct ssh_once *o, const char *variable, const char **ret)
{
	AUTO_STR name = xasprintf("secret of variable %s", variable);
	const char *s = kept(o, name);
	const char *value = s ? s : env_get(variable);

	if (!value)
		return err_new(ERR_USAGE, "the variable '%s' of the environment is not set",
			       variable);
	*ret = s ? s : keep_secret(o, name, value);
	return NULL;
}

const char *once_secret(struct ssh_once *o, const char *secret)
{
	AUTO_STR name = xasprintf("secret %zu", o->n);

	return secret ? keep_secret(o, name, secret) : NULL;
}

const char *const *once_secrets(const struct ssh_once *o)
{
	return o->secrets;
}
