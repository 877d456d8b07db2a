#include "hosts.h"

#include <string.h>

#include "adapter/block.h"
#include "args.h"
#include "protocol/value.h"
#include "session/config.h"
#include "ssh/pool.h"
#include "ssh/session.h"
#include "text.h"

const struct tf_attr hosts_config[] = {
	{ "private_key", TF_SENSITIVE,
	  .doc = "The private key to log in with, as text. Nothing of this block is in a state." },
	{ "passphrase", TF_SENSITIVE, .doc = "Passphrase of all keys." },
	{ "password", TF_SENSITIVE, .doc = "Password to log in with." },
	{ "sudo_password", TF_SENSITIVE, .doc = "Password that sudo asks for." },
	{ "connecting",
	  .doc = "How many hosts are being connected to at once; 64 by default. A single sshd that takes "
		 "fewer (MaxStartups) is found out by itself.",
	  .type = "\"number\"" },
	{ 0 },
};

const char hosts_no_options[] = "name address timeout";

enum { WORDS_MAX = 1 << 16, SAID = 300 };

/* One host, by its own options. */
struct known {
	char *key;
	const struct ssh_entry *entry;
	struct known *next;
};

static struct ssh_hosts *set; /* of the block; NULL: nobody has needed it yet */
static struct ssh_pool *pool;
static struct known *all;

/* ---- the provider block ---- */

/* With the lock held. Those who work have ended. */
static void forget(void)
{
	ssh_pool_free(TAKE(pool));
	ssh_hosts_free(TAKE(set));
	while (all) {
		struct known *k = all;

		all = k->next;
		free(k->key);
		free(k);
	}
}

static struct block block = BLOCK_OF(forget);

static void renew(void)
{
	block_renew(&block);
}

struct json_object *hosts_plain(struct json_object *v)
{
	struct json_object *ret;

	v = value_inner(v);
	if (json_object_is_type(v, json_type_array)) {
		ret = json_object_new_array();
		for (size_t i = 0; i < json_len(v); i++)
			json_object_array_add(ret, hosts_plain(json_nth(v, i)));
		return ret;
	}
	if (!json_object_is_type(v, json_type_object))
		return json_copy(v);
	ret = json_object_new_object();
	json_object_object_foreach(v, key, one) {
		if (one && !value_is_unknown(one))
			json_set(ret, key, hosts_plain(one));
	}
	return ret;
}

/* The block's options of hosts. */
static struct json_object *defaults_of(struct json_object *config)
{
	struct json_object *ret = hosts_plain(config);

	for (const struct tf_attr *row = hosts_config; row->name; row++)
		json_object_object_del(ret, row->name);
	return ret;
}

static struct ssh_secrets secrets_of(struct json_object *config)
{
	return (struct ssh_secrets){ .private_key = json_str(config, "private_key"),
				     .passphrase = json_str(config, "passphrase"),
				     .password = json_str(config, "password"),
				     .sudo_password = json_str(config, "sudo_password") };
}

/* With the lock held. What is wrong with the block is told before anything is done. */
static struct err *open_set(void)
{
	AUTO_JSON defaults = defaults_of(block.config);
	const struct ssh_secrets secrets = secrets_of(block.config);

	return set ? NULL : err_wrap(ssh_hosts_new(defaults, &secrets, &set), "the provider block");
}

/* What can be said without a look at files: one of them may be made in the same run. */
static struct err *check(struct json_object *options)
{
	static const struct attr *const tables[] = { ssh_host_options, NULL };
	static const struct rule *const rules[] = { NULL };
	const struct args_spec spec = { .module = "host", .tables = tables, .rules = rules };
	AUTO_JSON checked = NULL;

	return args_check(&spec, options, &checked);
}

struct err *hosts_check(struct json_object *host)
{
	AUTO_JSON options = hosts_plain(host);
	struct err *e = NULL;

	if (json_object_is_type(options, json_type_object) && !value_is_unknown(options))
		e = check(options);
	else if (options && !json_object_is_type(options, json_type_string) &&
		 !value_is_unknown(options))
		e = err_new(ERR_USAGE, "a host is an address, or an object; this is %s",
			    json_type_words(options));
	return err_at(e, "host");
}

static struct err *configure(struct json_object *config)
{
	AUTO_JSON defaults = defaults_of(config);
	struct err *e = check(defaults);

	if (e)
		return err_wrap(e, "the provider block");
	return block_configure(&block, config);
}

bool hosts_known(char **why)
{
	block_lock(&block);
	*why = block_unknown(&block);
	block_unlock(&block);
	return !*why;
}

struct err *hosts_login(struct login *ret)
{
	struct err *e = NULL;

	block_lock(&block);
	AUTO_STR why = block_unknown(&block);
	if (why) {
		e = err_new(ERR_USAGE, "%s", why);
	} else {
		*ret = (struct login){ .block = json_copy(block.config),
				       .defaults = defaults_of(block.config) };
		ret->secrets = secrets_of(ret->block);
	}
	block_unlock(&block);
	return e;
}

void login_release(struct login *l)
{
	json_wipe(l->block);
	json_object_put(l->block);
	json_object_put(l->defaults);
}

/* ---- hosts ---- */

/* With the lock held. */
static struct err *add(struct json_object *host, const char *key, struct known **ret)
{
	struct known *k;
	const struct ssh_entry *entry = NULL;
	struct err *e = open_set();

	if (!e)
		e = err_at(ssh_hosts_add(set, host, &entry), "host");
	if (e)
		return e;
	k = xcalloc(1, sizeof(*k));
	*k = (struct known){ .key = xstrdup(key), .entry = entry, .next = all };
	all = k;
	*ret = k;
	return NULL;
}

/* A host, by what was written of it; connects to nothing. */
static struct err *find(struct json_object *host, struct known **ret)
{
	AUTO_JSON own = hosts_plain(host);
	const char *key = json_object_to_json_string_ext(own, JSON_C_TO_STRING_PLAIN);
	struct known *k;
	struct err *e = NULL;

	if (value_has_unknown(host))
		return err_at(err_new(ERR_USAGE, "the host is not known before something else is "
						 "applied"),
			      "host");
	block_lock(&block);
	k = all;
	while (k && strcmp(k->key, key) != 0)
		k = k->next;
	AUTO_STR why = block_unknown(&block);
	if (why)
		e = err_new(ERR_USAGE, "%s", why);
	else if (!k)
		e = add(own, key, &k);
	block_unlock(&block);
	*ret = k;
	return e;
}

static struct ssh_pool *open_pool(void)
{
	block_lock(&block);
	if (!pool) {
		struct ssh_pool_options o = { 0 };

		ssh_hosts_pace(set, &o.ssh);
		o.ssh.connecting = (int)json_int(block.config, "connecting", 0);
		pool = ssh_pool_new(&o);
	}
	block_unlock(&block);
	return pool;
}

struct err *hosts_do(struct tf_op *t, struct json_object *host,
		     struct err *(*task)(struct ssh_session *s, void *arg), void *arg)
{
	struct known *k = NULL;
	struct err *e = find(host, &k);

	if (e || !k)
		return e;
	const struct ssh_work w = { .host = k->key,
				    .target = &k->entry->target,
				    .task = task,
				    .arg = arg,
				    .ms = t->op->timeout_ms };
	return ssh_pool_do(open_pool(), &w);
}

struct err *hosts_sudo(struct json_object *host, struct json_object *as_given, bool *ret)
{
	struct known *k = NULL;
	struct err *e = NULL;

	if (as_given) {
		*ret = json_object_get_boolean(as_given);
		return NULL;
	}
	e = find(host, &k);
	if (!e && k)
		*ret = k->entry->sudo;
	return e;
}

/* ---- commands ---- */

struct command {
	struct ssh_exec x;
	struct ssh_result *r;
};

static struct err *run(struct ssh_session *s, void *arg)
{
	const struct command *c = arg;

	return ssh_exec(s, &c->x, c->r);
}

struct err *hosts_run(struct tf_op *t, struct json_object *values, const struct ssh_exec *x,
		      struct ssh_result *ret)
{
	struct command c = { .x = *x, .r = ret };
	struct json_object *host = json_at(values, "host");
	struct err *e = hosts_sudo(host, json_at(values, "sudo"), &c.x.sudo);

	return e ? e : hosts_do(t, host, run, &c);
}

struct err *hosts_script(struct tf_op *t, struct json_object *values, const char *text,
			 struct ssh_result *ret)
{
	const struct ssh_exec x = { .command = "LC_ALL=C exec /bin/sh -s",
				    .in = text,
				    .in_len = strlen(text),
				    .out_max = WORDS_MAX };

	return hosts_run(t, values, &x, ret);
}

struct err *hosts_failed(const struct ssh_result *r)
{
	const struct buf *said = r->err.len ? &r->err : &r->out;
	const size_t from = said->len > SAID ? said->len - SAID : 0;
	AUTO_STR words = session_words(said->s + from, said->len - from);
	const char *open = *words ? ", saying '" : "", *close = *words ? "'" : "";

	if (r->signal)
		return err_new(ERR_REMOTE, "it was ended by signal %s%s%s%s", r->signal, open,
			       words, close);
	return err_new(ERR_REMOTE, "it ended with status %d%s%s%s", r->status, open, words, close);
}

/* ---- which host it is ---- */

char *hosts_identity(const struct tf_op *t, struct json_object *host)
{
	AUTO_JSON parsed = NULL;
	struct json_object *address, *port;

	host = value_inner(host);
	if (json_object_is_type(host, json_type_string)) {
		err_free(ssh_host_parse(json_object_get_string(host), &parsed));
		host = parsed;
	}
	address = json_at(host, json_empty(json_at(host, "address")) ? "name" : "address");
	port = json_at(host, "port");
	if (value_is_unknown(host) || tf_has_unknown(t, address) || tf_has_unknown(t, port))
		return NULL;
	AUTO_STR name = json_text(address);
	AUTO_STR number = json_text(port);
	return port ? xasprintf("%s:%s", name, number) : xstrdup(name);
}

void hosts_plan(struct tf_op *t)
{
	AUTO_STR is = hosts_identity(t, json_at(t->planned, "host"));
	AUTO_STR was = t->prior ? hosts_identity(t, json_at(t->prior, "host")) : NULL;

	if (t->prior && (!is || !was || strcmp(is, was) != 0))
		tf_replace(t, "host");
}

struct err *hosts_import(struct tf_op *t, const char *id)
{
	const char *colon = strstr(id, ":/");
	AUTO_JSON host = NULL;
	struct err *e;

	if (!colon || colon == id)
		return err_new(ERR_USAGE,
			       "'%s' is no such ID: it has to look like "
			       "[user@]host[:port]:/path",
			       id);
	AUTO_STR name = xstrndup(id, (size_t)(colon - id));
	e = ssh_host_parse(name, &host);
	if (e)
		return e;
	json_sets(t->state, "host", name);
	json_sets(t->state, "path", colon + 1);
	return NULL;
}

/* ---- the end ---- */

static void mask_one(char *text, const char *secret)
{
	const size_t len = secret ? strlen(secret) : 0;

	for (char *s = len >= 4 ? strstr(text, secret) : NULL; s; s = strstr(s, secret)) {
		memset(s, '*', len);
		s += len;
	}
}

static char *mask(char *text)
{
	block_lock(&block);
	for (const char *const *secret = set ? ssh_hosts_secrets(set) : NULL; secret && *secret;
	     secret++)
		mask_one(text, *secret);
	for (const struct tf_attr *row = hosts_config; row->name; row++)
		if (row->flags & TF_SENSITIVE)
			mask_one(text, json_str(block.config, row->name));
	block_unlock(&block);
	return text;
}

static void end(void)
{
	renew();
}

const struct backend hosts_backend = {
	.configure = configure,
	.renew = renew,
	.end = end,
	.mask = mask,
};
