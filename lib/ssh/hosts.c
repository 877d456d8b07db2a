#include "ssh/hosts.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "args.h"
#include "ssh/config_lines.h"
#include "ssh/once.h"
#include "text.h"

enum { HOSTS_MAX = 100000, OVER_MAX = 32, SECONDS_MAX = 30 * 24 * 3600, HOST_TEXT = 300 };

/* ---- the options: .wire is the one of ssh_config that they take the place of ---- */

#define HOST_ROWS                                                                                         \
	{ "name", STR, OPTION,                                                                            \
	  "What the host is called in results and errors; else its address." },                           \
		{ "address", STR, OPTION,                                                                 \
		  "Name or address to connect to, or an alias of ssh_config; else the name.",             \
		  .aliases = "host hostname ansible_host" },                                              \
		{ "port",         INT,                                                                    \
		  OPTION,         "Port of its sshd; else that of ssh_config, or 22.",                    \
		  .wire = "Port", .aliases = "ansible_port" },                                            \
		{ "user",         STR,                                                                    \
		  OPTION,         "User to log in as; else that of ssh_config, or the local one.",        \
		  .wire = "User", .aliases = "ansible_user remote_user" },                                \
		{ "private_key_file",                                                                     \
		  LIST,                                                                                   \
		  OPTION,                                                                                 \
		  "Files of private keys, tried in this order; else those of ssh_config, or the usual "   \
		  "ones in ~/.ssh.",                                                                      \
		  .wire = "IdentityFile",                                                                 \
		  .aliases = "private_key_files ansible_ssh_private_key_file" },                          \
		{ "passphrase_file", STR, OPTION,                                                         \
		  "File whose one line is the passphrase of the keys." },                                 \
		{ "passphrase_env", STR, OPTION,                                                          \
		  "Variable of the environment that has the passphrase of the keys." },                   \
		{ "identities_only", BOOL, OPTION,                                                        \
		  "Whether of the agent's keys only those of the files are tried.",                       \
		  .wire = "IdentitiesOnly" },                                                             \
		{ "identity_agent", STR, OPTION,                                                          \
		  "Socket of the agent to ask; none: no agent. Else SSH_AUTH_SOCK names it.",             \
		  .wire = "IdentityAgent" },                                                              \
		{ "password_file", STR, OPTION, "File whose one line is the user's password." },          \
		{ "password_env", STR, OPTION,                                                            \
		  "Variable of the environment that has the user's password." },                          \
		{ "host_key_checking", STR, OPTION,                                                       \
		  "yes: a host whose key is not known is refused, the default; accept-new: its key is "   \
		  "taken and added to the known hosts; no: whatever key it shows is taken.",              \
		  .wire = "StrictHostKeyChecking" },                                                      \
		{ "known_hosts_file", STR, OPTION,                                                        \
		  "File of known hosts, in place of ~/.ssh/known_hosts.",                                 \
		  .wire = "UserKnownHostsFile" },                                                         \
		{ "known_hosts", STR, OPTION,                                                             \
		  "The host keys themselves, in place of files: lines of known_hosts or of public keys, " \
		  "or a cloud console's output with what cloud-init prints of them." },                   \
		{ "ssh_config", STR, OPTION,                                                              \
		  "File to read in place of ~/.ssh/config and /etc/ssh/ssh_config; none: no file." },     \
	{                                                                                                 \
		"connect_timeout", INT, OPTION,                                                           \
			"Seconds that one attempt to connect may take; else those of ssh_config, or 20.", \
			.wire = "ConnectTimeout"                                                          \
	}

static const struct attr bastion_rows[] = { HOST_ROWS, { 0 } };

const struct attr ssh_host_options[] = {
	HOST_ROWS,
	{ "jump", STR, OPTION,
	  "Bastions on the way, [user@]host[:port], separated by commas, the first one first; none: "
	  "no bastion, whatever ssh_config says.",
	  .aliases = "proxy_jump" },
	{ "bastions", LIST, OPTION, "The same with options of their own.", .sub = bastion_rows },
	{ "sudo", BOOL, OPTION, "Whether what is done there is done as root, by sudo.",
	  .aliases = "become ansible_become" },
	{ "sudo_password_file", STR, OPTION, "File whose one line is the password sudo asks for.",
	  .aliases = "become_password_file" },
	{ "sudo_password_env", STR, OPTION,
	  "Variable of the environment that has the password sudo asks for." },
	{ "timeout", INT, OPTION,
	  "Seconds that all that is done on the host may take, the connection included; else 600." },
	{ "booting", BOOL, OPTION,
	  "Whether the host may still be on its way up: that it does not answer yet is no error, until "
	  "the timeout." },
	{ 0 },
};

/* Of these the host's own take the place of all the defaults'. */
static const struct rule host_rules[] = {
	{ EXCLUSIVE, "passphrase_file passphrase_env" },
	{ EXCLUSIVE, "password_file password_env" },
	{ EXCLUSIVE, "sudo_password_file sudo_password_env" },
	{ EXCLUSIVE, "known_hosts_file known_hosts" },
	{ EXCLUSIVE, "jump bastions" },
	{ 0 },
};

/* What bastions take over: keys may be shown to anybody, passwords to none but who is meant. */
static const char for_bastions[] =
	"private_key_file passphrase_file passphrase_env identities_only identity_agent "
	"host_key_checking known_hosts_file ssh_config connect_timeout booting";

/* Plain secrets: where such a one has to be. */
static const struct {
	const char *names, *instead;
} refused[] = {
	{ "password ssh_password ansible_password ansible_ssh_pass ansible_ssh_password",
	  "password" },
	{ "sudo_password become_password become_pass ansible_become_password ansible_become_pass",
	  "sudo_password" },
	{ "passphrase private_key_passphrase ansible_private_key_passphrase "
	  "ansible_ssh_private_key_passphrase",
	  "passphrase" },
};

/* One host or bastion on the way. */
struct node {
	struct node *next;
	struct ssh_entry entry;
	struct ssh_hosts *set;
	const struct ssh_key **keys;
	struct known_hosts *known;
	struct known_name known_name;
	struct known_policy policy;
	/* What the entry's pointers point to. */
	struct ssh_host *host;
	char *name, *algorithms;
};

struct ssh_hosts {
	pthread_mutex_t lock; /* of `once`, which the targets' checks use */
	struct ssh_once *once;
	struct json_object *defaults;
	struct ssh_secrets secrets;
	struct ssh_key *key; /* of secrets.private_key */
	struct node *nodes;  /* all, bastions included */
	struct ssh_entry **entries;
	size_t n;
	struct json_object *warnings;
	int connect_s, alive_s; /* 0: nobody says */
};

/* ---- options ---- */

static struct err *refuse_secrets(struct json_object *given)
{
	json_object_object_foreach(given, key, v)
		for (size_t i = 0; v && i < COUNT(refused); i++)
			if (words_have(refused[i].names, key))
				return err_at(
					err_new(ERR_USAGE,
						"%s is not taken as it is, where logs and states "
						"could show it: put it into a file and give "
						"%s_file, or into a variable of the environment "
						"and give %s_env",
						key, refused[i].instead, refused[i].instead),
					key);
	return NULL;
}

static struct err *check_options(struct json_object *given, struct json_object **ret)
{
	const struct attr *const tables[] = { ssh_host_options, NULL };
	const struct rule *const rules[] = { host_rules, NULL };
	const struct args_spec spec = { .module = "host", .tables = tables, .rules = rules };
	struct json_object *bastions = json_at(given, "bastions");
	struct err *e = refuse_secrets(given);

	for (size_t i = 0; i < json_len(bastions) && !e; i++)
		if (json_object_is_type(json_nth(bastions, i), json_type_object))
			e = err_wrap(refuse_secrets(json_nth(bastions, i)), "bastions[%zu]", i);
	return e ? e : args_check(&spec, given, ret);
}

/* Whether `to` has the option, or one that it excludes. */
static bool has_said(struct json_object *to, const char *option)
{
	if (json_has(to, option))
		return true;
	for (const struct rule *r = host_rules; r->kind; r++)
		if (words_have(r->options, option))
			WORDS_EACH(w, r->options) {
				AUTO_STR other = xstrndup(w, words_len(w));

				if (json_has(to, other))
					return true;
			}
	return false;
}

/* Adds what `to` does not say itself; `only`: of these options; NULL: of all. */
static void inherit(struct json_object *to, struct json_object *from, const char *only)
{
	AUTO_JSON before = json_copy(to);

	if (!from)
		return;
	json_object_object_foreach(from, key, v)
		if ((!only || words_have(only, key)) && !has_said(before, key))
			json_set(to, key, json_copy(v));
}

struct err *ssh_host_parse(const char *s, struct json_object **ret)
{
	const char *colon = strchr(s, ':');
	struct ssh_jump j = { 0 };

	/* An address of IPv6 as it is. */
	if (colon && *s != '[' && strchr(colon + 1, ':') && !strstr(s, "//") && !strchr(s, '@')) {
		*ret = json_wrap("address", json_object_new_string(s));
		return NULL;
	}
	if (strlen(s) > HOST_TEXT || !jump_parse(s, &j))
		return err_new(ERR_USAGE, "'%.*s' is not [user@]host[:port]", (int)text_cut(s, 80),
			       s);
	*ret = json_wrap("address", json_object_new_string(j.host));
	if (j.user)
		json_sets(*ret, "user", j.user);
	if (j.port)
		json_set(*ret, "port", json_object_new_int(j.port));
	free(j.user);
	free(j.host);
	return NULL;
}

/* A host as it was given -> its own options, checked; owned. */
static struct err *own_options(struct json_object *host, struct json_object **ret)
{
	AUTO_JSON parsed = NULL;
	struct err *e = NULL;

	if (json_object_is_type(host, json_type_string))
		e = ssh_host_parse(json_object_get_string(host), &parsed);
	else if (json_object_is_type(host, json_type_object))
		parsed = json_object_get(host);
	else
		e = err_new(ERR_USAGE,
			    "a host is a string or a dictionary with its options, and this is %s",
			    json_type_words(host));
	return e ? e : check_options(parsed, ret);
}

/* ---- secrets and keys ---- */

/* A secret by its options NAME_file and NAME_env; `given`: where neither is there. */
static struct err *secret_of(struct ssh_once *o, struct json_object *options, const char *name,
			     const char *given, const char **ret)
{
	AUTO_STR file = xasprintf("%s_file", name);
	AUTO_STR env = xasprintf("%s_env", name);

	*ret = given;
	if (json_str(options, file))
		return err_at(
			err_wrap(once_secret_file(o, json_str(options, file), ret), "%s", file),
			file);
	if (json_str(options, env))
		return err_at(err_wrap(once_secret_env(o, json_str(options, env), ret), "%s", env),
			      env);
	return NULL;
}

static void warn(struct ssh_hosts *h, char *words)
{
	struct json_object *s = json_object_new_string(words);

	if (json_list_has(h->warnings, s))
		json_object_put(s);
	else
		json_object_array_add(h->warnings, s);
	free(words);
}

/* Whether it was named by an option, not by ssh_config or habit. */
static bool is_wanted(struct json_object *options, const struct ssh_host *host, const char *path)
{
	const size_t n = json_len(json_at(options, "private_key_file"));

	for (size_t i = 0; i < n && host->identities[i]; i++)
		if (strcmp(host->identities[i], path) == 0)
			return true;
	return false;
}

/* An encrypted key: the agent may have its private half, and has to be told which one is meant. */
static struct err *without_passphrase(struct ssh_hosts *h, const struct node *n, const char *path,
				      bool wanted, const struct ssh_key **ret)
{
	AUTO_STR pub = xasprintf("%s.pub", path);
	AUTO_ERR e = n->host->agent ? once_key(h->once, pub, NULL, ret) : NULL;

	if (n->host->agent && (!e || !n->host->identities_only))
		return NULL;
	if (!wanted) {
		warn(h, xasprintf("the key '%s' is left out: it is encrypted, and no passphrase is "
				  "given that fits (passphrase_file, passphrase_env)",
				  path));
		return NULL;
	}
	return err_at(err_new(ERR_USAGE,
			      "the key '%s' is encrypted: its passphrase is looked for in the file "
			      "that passphrase_file names and in the variable that passphrase_env "
			      "names, and neither is given; nor is there an agent (SSH_AUTH_SOCK, "
			      "identity_agent)%s",
			      path,
			      n->host->agent ? " that could be asked for it by its .pub" : ""),
		      "private_key_file");
}

static struct err *load_key(struct ssh_hosts *h, struct node *n, const char *path,
			    struct json_object *options, const char *passphrase)
{
	const bool wanted = is_wanted(options, n->host, path);
	const struct ssh_key *key = NULL;
	struct err *e = once_key(h->once, path, passphrase, &key);

	if (e && e->kind == ERR_AUTH && (!passphrase || !wanted)) {
		err_free(e);
		e = without_passphrase(h, n, path, wanted, &key);
	} else if (e && e->kind == ERR_NOT_FOUND && !wanted) {
		if (n->host->identities_given)
			warn(h, xasprintf("%s: ssh_config names it", e->text));
		err_free(TAKE(e));
	} else if (e && !wanted) {
		warn(h, xasprintf("left out: %s", e->text));
		err_free(TAKE(e));
	}
	if (key)
		n->keys[n->entry.target.nkeys++] = key;
	return err_at(e, e && e->at ? e->at : passphrase ? "passphrase" : "private_key_file");
}

static struct err *set_keys(struct ssh_hosts *h, struct node *n, struct json_object *options)
{
	const char *passphrase = NULL;
	struct err *e =
		secret_of(h->once, options, "passphrase", h->secrets.passphrase, &passphrase);
	size_t count = 0;

	while (n->host->identities[count])
		count++;
	n->keys = xcalloc(count + 1, sizeof(*n->keys));
	n->entry.target.keys = n->keys;
	if (h->key)
		n->keys[n->entry.target.nkeys++] = h->key;
	/* The usual files are for those who give nothing else. */
	for (size_t i = 0; i < count && !e && (!h->key || n->host->identities_given); i++)
		e = load_key(h, n, n->host->identities[i], options, passphrase);
	if (n->host->certificates && *n->host->certificates)
		warn(h, xasprintf("not used, as libssh2 knows none: the certificate '%s'",
				  *n->host->certificates));
	return e;
}

/* ---- host keys ---- */

static struct err *check_host_key(void *arg, const struct ssh_target *t,
				  const struct ssh_host_key *key)
{
	struct node *n = arg;
	struct known_policy policy = n->policy;
	struct err *e;

	(void)t;
	policy.now_s = time(NULL);
	(void)pthread_mutex_lock(&n->set->lock);
	e = known_hosts_verify(n->known, &n->known_name, key->blob, key->len, &policy,
			       key->doubted);
	(void)pthread_mutex_unlock(&n->set->lock);
	return e;
}

/* Files are read once: the same ones are the same struct. */
static bool same_check(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->set == y->set && x->known == y->known && x->policy.strict == y->policy.strict &&
	       x->policy.hash == y->policy.hash && x->known_name.port == y->known_name.port &&
	       strcmp(x->known_name.host, y->known_name.host) == 0;
}

static struct err *set_host_keys(struct ssh_hosts *h, struct node *n, struct json_object *options)
{
	const char *given = json_str(options, "known_hosts");
	struct ssh_target *t = &n->entry.target;
	struct err *e = once_known_hosts(h->once, n->host, given, &n->known);

	if (e)
		return given ? err_at(err_wrap(e, "known_hosts"), "known_hosts") : e;
	n->known_name = (struct known_name){ n->host->host_name, n->host->port };
	if (n->host->host_key_alias)
		n->known_name = (struct known_name){ n->host->host_key_alias, 0 };
	n->policy = (struct known_policy){ .strict = n->host->strict,
					   .hash = n->host->hash_known_hosts };
	AUTO_STR wanted =
		ssh_algorithms(n->host->host_key_algorithms, SSH_HOST_KEYS, SSH_HOST_KEYS);
	if (!*wanted)
		return err_new(ERR_USAGE,
			       "HostKeyAlgorithms '%s' of ssh_config has none of those that can be "
			       "used: %s",
			       n->host->host_key_algorithms, SSH_HOST_KEYS);
	n->algorithms = known_hosts_algorithms(n->known, &n->known_name, wanted);
	t->host_key_algorithms = n->algorithms;
	t->check = check_host_key;
	t->check_arg = n;
	t->check_same = same_check;
	return NULL;
}

/* ---- one host ---- */

static void pace(struct ssh_hosts *h, const struct ssh_host *host)
{
	const int alive = host->alive_interval_s;

	if (host->connect_timeout_s > h->connect_s)
		h->connect_s = host->connect_timeout_s;
	if (alive > 0 && (!h->alive_s || alive < h->alive_s))
		h->alive_s = alive;
}

static struct err *in_range(struct json_object *options, const char *name, int64_t most)
{
	const int64_t n = json_int(options, name, 1);

	if (n >= 1 && n <= most)
		return NULL;
	return err_at(err_new(ERR_USAGE, "%s is a number from 1 to %lld, and this is %lld", name,
			      (long long)most, (long long)n),
		      name);
}

/*
 * A node from what ssh_config says of it (taken), reached through `jump`. A bastion that ssh_config names has no
 * options.
 */
static struct err *add_node(struct ssh_hosts *h, struct ssh_host **host,
			    struct json_object *options, const struct node *jump, struct node **ret)
{
	struct node *n = xcalloc(1, sizeof(*n));
	struct ssh_target *t = &n->entry.target;
	const char *name = json_str(options, "name");
	struct err *e;

	n->next = h->nodes;
	h->nodes = n;
	n->set = h;
	n->host = TAKE(*host);
	n->name = xstrdup(name ? name : n->host->alias);
	n->entry.name = t->name = n->name;
	t->host = n->host->host_name;
	t->port = n->host->port;
	t->family = n->host->family;
	t->user = n->host->user;
	t->agent = n->host->agent;
	t->identities_only = n->host->identities_only;
	t->jump = jump ? &jump->entry.target : NULL;
	pace(h, n->host);
	if (n->host->ignored && *n->host->ignored)
		warn(h, xasprintf("ssh_config: not followed: %s", n->host->ignored));
	e = set_keys(h, n, options);
	if (!e)
		e = set_host_keys(h, n, options);
	*ret = n;
	return e;
}

/* "yes", "True", ... -> as ssh_config has it; NULL: none of them. */
static const char *strictness(const char *s)
{
	static const struct {
		const char *words, *means;
	} all[] = {
		{ "yes true True strict ask", "yes" },
		{ "accept-new accept_new", "accept-new" },
		{ "no false False off", "no" },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (words_have(all[i].words, s))
			return all[i].means;
	return NULL;
}

struct over {
	struct ssh_option options[OVER_MAX];
	char *texts[OVER_MAX];
	size_t n;
};

static void over_release(struct over *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->texts[i]);
}

static struct err *put_over(struct over *o, const char *name, const char *value)
{
	if (o->n == OVER_MAX)
		return err_new(ERR_USAGE, "%s: too many of them", name);
	o->texts[o->n] = xstrdup(value);
	o->options[o->n] = (struct ssh_option){ name, o->texts[o->n] };
	o->n++;
	return NULL;
}

static struct err *put_row(struct over *o, const struct attr *a, struct json_object *v)
{
	struct err *e = NULL;

	if (a->type == LIST) {
		for (size_t i = 0; i < json_len(v) && !e; i++)
			e = put_over(o, a->wire, json_object_get_string(json_nth(v, i)));
		return err_at(e, a->name);
	}
	AUTO_STR text =
		a->type == BOOL ? xstrdup(json_object_get_boolean(v) ? "yes" : "no") : json_text(v);
	const char *value = text;
	if (strcmp(a->name, "host_key_checking") == 0) {
		value = strictness(text);
		if (!value)
			return err_at(
				err_new(ERR_USAGE,
					"host_key_checking is yes, accept-new or no, and not '%s'",
					text),
				a->name);
	}
	if (!*value)
		return err_at(err_new(ERR_USAGE, "%s is empty", a->name), a->name);
	return err_at(put_over(o, a->wire, value), a->name);
}

/* What ssh_config and the options say of a host, and of the way to it. */
static struct err *find_way(struct ssh_hosts *h, struct json_object *options, bool direct,
			    struct ssh_way *ret)
{
	const char *path = json_str(options, "ssh_config");
	const char *alias = json_str(options, "address");
	const struct ssh_config *config = NULL;
	struct over over = { .n = 0 };
	struct err *e = NULL;

	if (!alias)
		alias = json_str(options, "name");
	if (!alias || !*alias)
		return err_at(err_new(ERR_USAGE, "it has neither address nor name"), "address");
	e = in_range(options, "port", 65535);
	if (!e)
		e = in_range(options, "connect_timeout", SECONDS_MAX);
	for (const struct attr *a = ssh_host_options; a->name && !e; a++)
		if (a->wire && json_has(options, a->name))
			e = put_row(&over, a, json_at(options, a->name));
	if (!e && direct)
		e = put_over(&over, "ProxyJump", "none");
	if (!e)
		e = err_at(once_config(h->once, path, &config), "ssh_config");
	if (!e)
		e = ssh_config_way(config, alias, over.options, over.n, ret);
	over_release(&over);
	return e;
}

static struct err *add_way(struct ssh_hosts *h, struct json_object *options, bool direct,
			   const struct node *jump, struct node **ret)
{
	struct ssh_way way = { 0 };
	struct err *e = find_way(h, options, direct, &way);
	struct node *n = NULL;

	for (size_t i = 0; i + 1 < way.n && !e; i++) {
		e = add_node(h, &way.hosts[i], NULL, jump, &n);
		e = err_wrap(e, "bastion '%s'", n->name);
		jump = n;
	}
	if (!e)
		e = add_node(h, &way.hosts[way.n - 1], options, jump, ret);
	ssh_way_release(&way);
	return e;
}

/* ---- bastions ---- */

/* `jump` as `bastions` would have it; "none": an empty list. Owned. */
static struct err *parse_jump(const char *s, struct json_object **ret)
{
	AUTO_JSON list = json_object_new_array();
	AUTO_STR text = xstrdup(s);
	char *rest = strcmp(s, "none") == 0 ? NULL : text;
	struct err *e = NULL;

	while (rest && !e) {
		struct json_object *one = NULL;

		e = ssh_host_parse(strsep(&rest, ","), &one);
		if (one)
			json_object_array_add(list, one);
	}
	if (!e)
		*ret = TAKE(list);
	return err_at(err_wrap(e, "jump"), "jump");
}

/* `own`: what the host says itself; `all`: with the defaults. *ret stays NULL where no bastion is named. */
static struct err *add_bastions(struct ssh_hosts *h, struct json_object *own,
				struct json_object *all, struct node **ret)
{
	const char *jump = json_str(all, "jump");
	AUTO_JSON list = jump ? NULL : json_object_get(json_at(all, "bastions"));
	struct err *e = jump ? parse_jump(jump, &list) : NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		AUTO_JSON options = json_copy(json_nth(list, i));

		inherit(options, own, for_bastions);
		inherit(options, h->defaults, for_bastions);
		inherit(options, h->defaults, "known_hosts");
		e = err_at(err_wrap(add_way(h, options, i > 0, *ret, ret), "bastion %zu", i + 1),
			   jump ? "jump" : "bastions");
		if (!e)
			(*ret)->entry.target.booting = json_truth(options, "booting", false);
	}
	return e;
}

/* ---- the set ---- */

static struct err *finish(struct ssh_hosts *h, struct json_object *options, struct node *n)
{
	struct ssh_target *t = &n->entry.target;
	struct err *e = in_range(options, "timeout", SECONDS_MAX);

	if (!e)
		e = secret_of(h->once, options, "password", h->secrets.password, &t->password);
	if (!e)
		e = secret_of(h->once, options, "sudo_password", h->secrets.sudo_password,
			      &t->sudo_password);
	t->deadline_ms = 1000 * json_int(options, "timeout", 0);
	t->booting = json_truth(options, "booting", false);
	n->entry.sudo = json_truth(options, "sudo", false);
	return e;
}

static struct err *add_host(struct ssh_hosts *h, struct json_object *host, struct node **ret)
{
	AUTO_JSON own = NULL;
	AUTO_JSON all = NULL;
	struct node *jump = NULL;
	struct err *e = own_options(host, &own);

	if (e)
		return e;
	all = json_copy(own);
	inherit(all, h->defaults, NULL);
	e = add_bastions(h, own, all, &jump);
	if (!e)
		e = add_way(h, all, json_has(all, "jump") || json_has(all, "bastions"), jump, ret);
	return e ? e : finish(h, all, *ret);
}

/* "host 'web1'", as far as that can be told of what may be no host at all. */
static struct err *name_host(struct err *e, struct json_object *host)
{
	const char *name = json_str(host, "name");

	if (!name)
		name = json_str(host, "address");
	if (!name && json_object_is_type(host, json_type_string))
		name = json_object_get_string(host);
	return name ? err_wrap(e, "host '%.*s'", (int)text_cut(name, HOST_TEXT), name) : e;
}

struct err *ssh_hosts_add(struct ssh_hosts *h, struct json_object *host,
			  const struct ssh_entry **ret)
{
	struct node *n = NULL;
	struct err *e;

	(void)pthread_mutex_lock(&h->lock);
	e = h->n < HOSTS_MAX ? add_host(h, host, &n)
			     : err_new(ERR_USAGE, "there are more than %d hosts", HOSTS_MAX);
	if (!e) {
		h->entries = xrealloc(h->entries, h->n + 1, sizeof(*h->entries));
		h->entries[h->n++] = &n->entry;
	}
	(void)pthread_mutex_unlock(&h->lock);
	if (e)
		e->kind = ERR_USAGE;
	else
		*ret = &n->entry;
	return name_host(e, host);
}

static struct err *read_defaults(struct ssh_hosts *h, struct json_object *defaults,
				 const struct ssh_secrets *s)
{
	struct err *e = defaults ? check_options(defaults, &h->defaults) : NULL;

	if (e || !s)
		return e;
	h->secrets.passphrase = once_secret(h->once, s->passphrase);
	h->secrets.password = once_secret(h->once, s->password);
	h->secrets.sudo_password = once_secret(h->once, s->sudo_password);
	if (s->private_key)
		e = err_at(ssh_key_parse("private_key", s->private_key, strlen(s->private_key),
					 h->secrets.passphrase, &h->key),
			   "private_key");
	return e;
}

struct err *ssh_hosts_new(struct json_object *defaults, const struct ssh_secrets *secrets,
			  struct ssh_hosts **ret)
{
	struct ssh_hosts *h = xcalloc(1, sizeof(*h));
	struct err *e;

	(void)pthread_mutex_init(&h->lock, NULL);
	h->once = ssh_once_new();
	h->warnings = json_object_new_array();
	e = read_defaults(h, defaults, secrets);
	if (!e) {
		*ret = h;
		return NULL;
	}
	ssh_hosts_free(h);
	e->kind = ERR_USAGE;
	return e;
}

static struct err *add_all(struct ssh_hosts *h, struct json_object *list, const char *what)
{
	AUTO_JSON names = json_object_new_object();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		const struct ssh_entry *entry = NULL;

		e = ssh_hosts_add(h, json_nth(list, i), &entry);
		if (entry && json_has(names, entry->name))
			e = err_new(ERR_USAGE,
				    "host '%s': it is there twice: give each a name of its own",
				    entry->name);
		else if (entry)
			json_set(names, entry->name, NULL);
		e = err_at(err_wrap(e, "%s[%zu]", what, i), what);
	}
	return e;
}

struct err *ssh_hosts_open(struct json_object *list, const char *what, struct json_object *defaults,
			   const struct ssh_secrets *secrets, struct ssh_hosts **ret)
{
	struct ssh_hosts *h = NULL;
	struct err *e;

	if (!json_object_is_type(list, json_type_array))
		return err_at(err_new(ERR_USAGE, "%s is a list of hosts, and this is %s", what,
				      json_type_words(list)),
			      what);
	e = ssh_hosts_new(defaults, secrets, &h);
	if (!e)
		e = add_all(h, list, what);
	if (e)
		ssh_hosts_free(h);
	else
		*ret = h;
	return e;
}

static void node_free(struct node *n)
{
	ssh_host_free(n->host);
	free(n->keys);
	free(n->name);
	free(n->algorithms);
	free(n);
}

void ssh_hosts_free(struct ssh_hosts *h)
{
	if (!h)
		return;
	while (h->nodes) {
		struct node *n = h->nodes;

		h->nodes = n->next;
		node_free(n);
	}
	ssh_once_free(h->once);
	ssh_key_free(h->key);
	json_object_put(h->defaults);
	json_object_put(h->warnings);
	free(h->entries);
	(void)pthread_mutex_destroy(&h->lock);
	free(h);
}

size_t ssh_hosts_count(const struct ssh_hosts *h)
{
	return h->n;
}

const struct ssh_entry *ssh_hosts_at(const struct ssh_hosts *h, size_t i)
{
	return h->entries[i];
}

void ssh_hosts_pace(const struct ssh_hosts *h, struct ssh_options *ret)
{
	if (h->connect_s)
		ret->connect_ms = 1000 * (int64_t)h->connect_s;
	if (h->alive_s)
		ret->keepalive_ms = 1000 * (int64_t)h->alive_s;
}

const char *const *ssh_hosts_secrets(const struct ssh_hosts *h)
{
	return once_secrets(h->once);
}

struct json_object *ssh_hosts_warnings(const struct ssh_hosts *h)
{
	return json_copy(h->warnings);
}
