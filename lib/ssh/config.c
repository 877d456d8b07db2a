/* What the lines of ssh_config(5) mean for one host. */
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "buf.h"
#include "ssh/config_lines.h"
#include "text.h"

enum {
	PATHS_MAX = 100, /* as with OpenSSH */
	DEPTH_MAX = 17,
	NAME_MAX_BYTES = 1024,
	DEFAULT_PORT = 22,
	DEFAULT_ALIVE_COUNT = 3,
};

/* What has been found so far; lines are borrowed. */
struct settings {
	const struct line *first[IDS];
	const struct line *identities[PATHS_MAX], *certificates[PATHS_MAX];
	size_t nidentities, ncertificates;
	struct buf ignored;
};

struct scope {
	bool active;
	bool never; /* it is in what is not in force: nothing in it can be */
};

struct pass {
	const struct ssh_self *self;
	const char *alias;
	const char *host; /* what Host looks at: the alias, or at the end the real name */
	bool final, wants_final;
	struct settings *to;
	struct scope scopes[DEPTH_MAX + 1];
	size_t depth;
};

static const char *value(const struct settings *s, enum id id)
{
	return s->first[id] ? s->first[id]->words[0] : NULL;
}

static struct err *add_up(const struct line **list, size_t *n, const struct line *l)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(list[i]->words[0], l->words[0]) == 0)
			return NULL;
	if (*n == PATHS_MAX)
		return line_bad(l, "more than %d of them", PATHS_MAX);
	list[(*n)++] = l;
	return NULL;
}

static struct err *take(struct settings *to, const struct row *r, const struct line *l)
{
	if (r->id == IDENTITY_FILE)
		return add_up(to->identities, &to->nidentities, l);
	if (r->id == CERTIFICATE_FILE)
		return add_up(to->certificates, &to->ncertificates, l);
	if (r->shape == SECONDS && strcmp(l->words[0], "none") == 0)
		return NULL; /* as with OpenSSH: a later line can say more */
	if (!to->first[r->id])
		to->first[r->id] = l;
	return NULL;
}

static void tell(struct settings *to, const struct line *l)
{
	if (to->ignored.len > NAME_MAX_BYTES || strstr(to->ignored.s, l->keyword))
		return;
	buf_addf(&to->ignored, "%s%s", to->ignored.len ? ", " : "", l->keyword);
	if (*l->file)
		buf_addf(&to->ignored, " (%s:%zu)", l->file, l->number);
}

static struct err *option(struct pass *p, const struct line *l, bool active)
{
	const char *ignored = value(p->to, IGNORE_UNKNOWN);

	if (l->kind == LINE_UNKNOWN) {
		AUTO_STR keyword = text_lower(l->keyword);

		return ignored && ssh_match_list(keyword, ignored, true) == 1
			       ? NULL
			       : line_unknown(l, keyword);
	}
	if (active && l->told)
		tell(p->to, l);
	return active && l->row ? take(p->to, l->row, l) : NULL;
}

/* ---- Host and Match ---- */

static struct err *host_section(struct pass *p, const struct line *l, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < l->nwords; i++) {
		const char *s = l->words[i];
		const bool negated = *s == '!';

		if (!*s)
			return line_bad(l, "a pattern is empty");
		if (!ssh_match(p->host, s + negated))
			continue;
		*ret = !negated;
		if (negated)
			break;
	}
	return NULL;
}

/* The name that Match host looks at; owned. */
static struct err *match_host(const struct pass *p, char **ret)
{
	const char *name = value(p->to, HOST_NAME);
	const struct ssh_tokens t = { .self = p->self, .host = p->alias };
	AUTO_STR host = NULL;
	struct err *e = NULL;

	if (p->final || !name)
		host = xstrdup(p->host);
	else
		e = line_wrap(ssh_expand(&t, "h", name, &host), p->to->first[HOST_NAME]);
	if (!e)
		*ret = text_lower(host);
	return e;
}

static bool in_list(const char *s, const char *patterns)
{
	return ssh_match_list(s, patterns, false) == 1;
}

static struct err *criterion(struct pass *p, const char *name, const char *arg, bool *ret)
{
	const char *user = value(p->to, USER), *tag = value(p->to, TAG);
	AUTO_STR host = NULL;
	struct err *e = NULL;

	if (strcasecmp(name, "host") == 0) {
		e = match_host(p, &host);
		if (!e)
			*ret = ssh_match_list(host, arg, true) == 1;
	} else if (strcasecmp(name, "originalhost") == 0) {
		host = text_lower(p->alias);
		*ret = ssh_match_list(host, arg, true) == 1;
	} else if (strcasecmp(name, "user") == 0) {
		*ret = in_list(user ? user : p->self->user, arg);
	} else if (strcasecmp(name, "localuser") == 0) {
		*ret = in_list(p->self->user, arg);
	} else if (strcasecmp(name, "tagged") == 0) {
		*ret = in_list(tag ? tag : "", arg);
	} else if (strcasecmp(name, "sessiontype") == 0) {
		*ret = in_list("exec", arg);
	} else {
		e = err_new(
			ERR_USAGE,
			"'%s' is no criterion that is known here: what is are host, originalhost, "
			"user, localuser, tagged, sessiontype, all, final and canonical",
			name);
	}
	return e;
}

/* What OpenSSH can tell and we cannot. Where it makes no difference it is no error. */
static struct err *untold(const struct pass *p, const char *name, bool possible)
{
	if (!possible || p->scopes[p->depth].never)
		return NULL;
	if (strcasecmp(name, "exec") == 0)
		return err_new(ERR_USAGE, "exec: no command is run: say host, user or the like, or "
					  "give another file");
	return err_new(ERR_USAGE,
		       "%s: this cannot be told here: say host, user or the like, or give "
		       "another file",
		       name);
}

/* One criterion, at word *i, which may begin with a "!" that is not looked at. */
static struct err *match_one(struct pass *p, const struct line *l, bool possible, size_t *i,
			     bool *ret)
{
	AUTO_STR name = xstrdup(l->words[*i] + (*l->words[*i] == '!'));
	char *equals = strchr(name, '=');
	const bool final = text_has("final canonical", name);
	const char *arg;

	(*i)++;
	if (final) {
		p->wants_final |= strcasecmp(name, "final") == 0;
		*ret = p->final;
		return NULL;
	}
	if (equals)
		*equals = '\0';
	arg = equals ? equals + 1 : l->words[*i] ? l->words[(*i)++] : "";
	if (!*arg)
		return err_new(ERR_USAGE, "'%s' wants a value", name);
	*ret = false;
	if (text_has("exec localnetwork command version", name))
		return untold(p, name, possible);
	return criterion(p, name, arg, ret);
}

static struct err *match_section(struct pass *p, const struct line *l, bool *ret)
{
	bool all = true;
	size_t i = 0;

	for (size_t n = 0; l->words[i]; n++) {
		const bool negated = *l->words[i] == '!';
		const bool is_all = strcasecmp(l->words[i] + negated, "all") == 0;
		bool yes = true;
		struct err *e = NULL;

		if (is_all && (n > 1 || l->words[i + 1]))
			e = err_new(ERR_USAGE, "'all' must be alone");
		else if (is_all)
			i++;
		else
			e = match_one(p, l, all, &i, &yes);
		if (e)
			return line_wrap(e, l);
		all &= yes != negated;
	}
	*ret = all;
	return NULL;
}

/* ---- all lines ---- */

static struct err *section(struct pass *p, const struct line *l)
{
	struct scope *at = &p->scopes[p->depth];
	bool yes = false;
	struct err *e = l->kind == LINE_HOST ? host_section(p, l, &yes) : match_section(p, l, &yes);

	at->active = yes && !at->never;
	return e;
}

static struct err *one_line(struct pass *p, const struct line *l)
{
	struct scope *at = &p->scopes[p->depth];

	switch (l->kind) {
	case LINE_TOP: *at = (struct scope){ .active = true }; break;
	case LINE_ENTER:
		p->scopes[++p->depth] = (struct scope){ at->active, at->never || !at->active };
		break;
	case LINE_LEAVE: p->depth--; break;
	case LINE_HOST:
	case LINE_MATCH: return section(p, l);
	case LINE_OPTION:
	case LINE_IGNORED:
	case LINE_UNKNOWN: return option(p, l, at->active);
	case LINE_INCLUDE: break;
	}
	return NULL;
}

static struct err *all_lines(struct pass *p, const struct ssh_config *c)
{
	struct err *e = NULL;

	p->depth = 0;
	for (size_t i = 0; i < c->n && !e; i++)
		e = one_line(p, &c->lines[i]);
	return e;
}

/* ---- a host out of the settings ---- */

static bool is_yes(const struct settings *s, enum id id)
{
	const char *v = value(s, id);

	return v && text_has("yes true", v);
}

static int in_seconds(const struct settings *s, enum id id, int otherwise)
{
	const char *v = value(s, id);
	long n = 0;

	return v && text_seconds(v, &n) ? (int)n : otherwise;
}

static int in_numbers(const struct settings *s, enum id id, int otherwise)
{
	const char *v = value(s, id);
	long n = 0;

	return v && text_number(v, INT_MAX, &n) ? (int)n : otherwise;
}

static int family(const struct settings *s)
{
	const char *v = value(s, ADDRESS_FAMILY);

	if (!v || strcasecmp(v, "any") == 0)
		return AF_UNSPEC;
	return strcasecmp(v, "inet") == 0 ? AF_INET : AF_INET6;
}

static enum ssh_strict strict(const struct settings *s)
{
	const char *v = value(s, STRICT);

	if (v && strcasecmp(v, "accept-new") == 0)
		return SSH_ACCEPT_NEW;
	return v && text_has("no false off", v) ? SSH_ACCEPT_ALL : SSH_STRICT;
}

/* Names in lower case, addresses as everybody writes them; owned. */
static char *canonical(const char *host)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	char address[NAME_MAX_BYTES];
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &found);

	if (rc == 0)
		rc = getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof(address), NULL,
				 0, NI_NUMERICHOST);
	if (found)
		freeaddrinfo(found);
	return text_lower(rc == 0 ? address : host);
}

static bool is_name(const char *s)
{
	const size_t len = strlen(s);

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127)
			return false;
	return len && len <= NAME_MAX_BYTES;
}

static struct err *real_name(const struct pass *p, char **ret)
{
	const char *name = value(p->to, HOST_NAME);
	const struct ssh_tokens t = { .self = p->self, .host = p->alias };
	AUTO_STR host = NULL;
	struct err *e = NULL;

	if (name)
		e = line_wrap(ssh_expand(&t, "h", name, &host), p->to->first[HOST_NAME]);
	else
		host = xstrdup(p->alias);
	if (!e && !is_name(host))
		e = line_bad(p->to->first[HOST_NAME], "'%s' is no name of a host", name);
	if (!e)
		*ret = canonical(host);
	return e;
}

static struct err *refused(const struct settings *s)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct line *l = s->first[option_rows[i].id];

		/* Of the two that have one place the line tells which it is. */
		if (!option_rows[i].advice || !l ||
		    strcasecmp(l->keyword, option_rows[i].name) != 0)
			continue;
		if (l->nwords > 1 || !text_has(option_rows[i].words, l->words[0]))
			return line_bad(l, "%s", option_rows[i].advice);
	}
	return NULL;
}

static struct err *ways_in(const struct settings *s)
{
	AUTO_STR list = xstrdup(value(s, PREFERRED));
	char *rest = list;

	while (rest)
		if (words_have("publickey password keyboard-interactive", strsep(&rest, ",")))
			return NULL;
	return list ? line_bad(s->first[PREFERRED],
			       "none of these can be done: add publickey, password or "
			       "keyboard-interactive")
		    : NULL;
}

struct making {
	const struct settings *from;
	const struct ssh_tokens *tokens;
	struct ssh_host *to;
};

static char **new_list(size_t n)
{
	return xcalloc(n + 1, sizeof(char *));
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static struct err *paths(const struct making *m, const struct line *const *lines, size_t n,
			 char ***ret)
{
	struct err *e = NULL;
	size_t used = 0;

	*ret = new_list(n);
	for (size_t i = 0; i < n && !e; i++) {
		const char *s = lines[i]->words[0];

		if (!text_is_none(s))
			e = line_wrap(ssh_expand_path(m->tokens, s, &(*ret)[used++]), lines[i]);
	}
	return e;
}

static struct err *make_identities(const struct making *m)
{
	static const char *const usual[] = { "id_rsa", "id_ecdsa", "id_ed25519" };
	struct ssh_host *h = m->to;

	h->identities_given = m->from->nidentities;
	if (h->identities_given)
		return paths(m, m->from->identities, m->from->nidentities, &h->identities);
	h->identities = new_list(COUNT(usual));
	for (size_t i = 0; i < COUNT(usual); i++)
		h->identities[i] = xasprintf("%s/.ssh/%s", m->tokens->self->home, usual[i]);
	return NULL;
}

static struct err *make_known_hosts(const struct making *m)
{
	const struct line *user = m->from->first[USER_KNOWN_HOSTS];
	const struct line *global = m->from->first[GLOBAL_KNOWN_HOSTS];
	const char *home = m->tokens->self->home;
	struct err *e = NULL;
	char **to;

	to = m->to->user_known_hosts = new_list(user ? user->nwords : 2);
	for (size_t i = 0; !user && i < 2; i++)
		*to++ = xasprintf("%s/.ssh/known_hosts%s", home, i ? "2" : "");
	for (size_t i = 0; user && i < user->nwords && !e; i++)
		if (!text_is_none(user->words[i]))
			e = line_wrap(ssh_expand_path(m->tokens, user->words[i], to++), user);
	to = m->to->global_known_hosts = new_list(global ? global->nwords : 2);
	for (size_t i = 0; !global && i < 2; i++)
		*to++ = xasprintf("/etc/ssh/ssh_known_hosts%s", i ? "2" : "");
	for (size_t i = 0; global && i < global->nwords; i++)
		if (!text_is_none(global->words[i]))
			*to++ = xstrdup(global->words[i]);
	return e;
}

static struct err *make_agent(const struct making *m)
{
	const struct ssh_self *self = m->tokens->self;
	const char *s = value(m->from, IDENTITY_AGENT);
	const char *variable = "SSH_AUTH_SOCK";

	if (s && text_is_none(s))
		return NULL;
	if (s && *s == '$' && s[1] != '{')
		variable = s + 1;
	else if (s && strcmp(s, variable) != 0)
		return line_wrap(ssh_expand_path(m->tokens, s, &m->to->agent),
				 m->from->first[IDENTITY_AGENT]);
	m->to->agent = xstrdup(self->env ? self->env(variable) : NULL);
	return NULL;
}

static struct err *expand_jump(const struct making *m, struct ssh_jump *j)
{
	AUTO_STR host = j->host;
	AUTO_STR user = j->user;
	struct err *e;

	*j = (struct ssh_jump){ .port = j->port };
	e = ssh_expand(m->tokens, "hnpr", host, &j->host);
	if (!e && user)
		e = ssh_expand(m->tokens, "hnpr", user, &j->user);
	if (!e && !is_name(j->host))
		e = err_new(ERR_USAGE, "'%s' is no name of a host", host);
	return e;
}

static struct err *make_jumps(const struct making *m)
{
	const struct line *l = m->from->first[PROXY];
	AUTO_STR list = l ? xstrdup(l->words[0]) : NULL;
	char *rest = list;
	struct err *e = NULL;

	if (!l || text_is_none(list))
		return NULL;
	m->to->jumps = xcalloc(JUMPS_MAX, sizeof(*m->to->jumps));
	while (rest && !e) {
		struct ssh_jump *j = &m->to->jumps[m->to->njumps++];

		(void)jump_parse(strsep(&rest, ","), j); /* was checked when it was read */
		e = expand_jump(m, j);
	}
	return line_wrap(e, l);
}

static void make_plain(const struct settings *s, struct ssh_host *h)
{
	h->family = family(s);
	h->identities_only = is_yes(s, IDENTITIES_ONLY);
	h->strict = strict(s);
	h->hash_known_hosts = is_yes(s, HASH_KNOWN_HOSTS);
	h->host_key_algorithms = xstrdup(value(s, HOST_KEY_ALGORITHMS));
	h->connect_timeout_s = in_seconds(s, CONNECT_TIMEOUT, -1);
	h->alive_interval_s = in_seconds(s, ALIVE_INTERVAL, 0);
	h->alive_count = in_numbers(s, ALIVE_COUNT, DEFAULT_ALIVE_COUNT);
	h->ignored = xstrdup(s->ignored.s);
}

static struct err *make_host(const struct pass *p, const char *host_name, struct ssh_host **ret)
{
	const struct settings *s = p->to;
	struct ssh_host *h = xcalloc(1, sizeof(*h));
	struct err *e = refused(s);

	h->alias = xstrdup(p->alias);
	h->host_name = xstrdup(host_name);
	h->port = in_numbers(s, PORT_NUMBER, DEFAULT_PORT);
	h->user = xstrdup(value(s, USER) ? value(s, USER) : p->self->user);
	h->host_key_alias = xstrdup(value(s, HOST_KEY_ALIAS));
	make_plain(s, h);

	const struct ssh_tokens t = {
		.self = p->self,
		.alias = p->alias,
		.host = h->host_name,
		.user = h->user,
		.key_alias = h->host_key_alias ? h->host_key_alias : p->alias,
		.port = h->port,
	};
	const struct making m = { s, &t, h };
	if (!e)
		e = ways_in(s);
	if (!e)
		e = make_identities(&m);
	if (!e)
		e = paths(&m, s->certificates, s->ncertificates, &h->certificates);
	if (!e)
		e = make_known_hosts(&m);
	if (!e)
		e = make_agent(&m);
	if (!e)
		e = make_jumps(&m);
	if (!e)
		*ret = TAKE(h);
	ssh_host_free(h);
	return e;
}

/* ---- all together ---- */

/* The words of options that are given are those that they were given with: they cannot be changed. */
static struct err *given(struct pass *p, const struct ssh_option *over, size_t n,
			 struct line *lines)
{
	struct err *e = NULL;

	for (size_t i = 0; i < n && !e; i++) {
		struct line *l = &lines[i];

		*l = (struct line){ .file = "", .keyword = xstrdup(over[i].name), .nwords = 1 };
		l->words = new_list(1);
		l->words[0] = xstrdup(over[i].value);
		e = line_understand(l);
		if (!e &&
		    (l->kind == LINE_HOST || l->kind == LINE_MATCH || l->kind == LINE_INCLUDE))
			e = line_bad(l, "this can only be in a file");
		if (!e)
			e = option(p, l, true);
	}
	return e;
}

static void free_given(struct line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(lines[i].keyword);
		free_list(lines[i].words);
	}
	free(lines);
}

static struct err *passes(struct pass *p, const struct ssh_config *c, char **ret_name)
{
	struct err *e = all_lines(p, c);
	AUTO_STR name = NULL;

	if (!e)
		e = real_name(p, &name);
	if (!e && p->wants_final) {
		p->host = name;
		p->final = true;
		e = all_lines(p, c);
	}
	p->host = p->alias;
	if (!e)
		*ret_name = TAKE(name);
	return e;
}

struct err *ssh_config_host(const struct ssh_config *c, const char *alias,
			    const struct ssh_option *over, size_t n, struct ssh_host **ret)
{
	struct settings *s;
	struct pass p = { .self = &c->self, .alias = alias, .host = alias };
	AUTO_STR name = NULL;
	struct line *lines;
	struct err *e;

	if (!is_name(alias))
		return err_new(ERR_USAGE, "'%.64s' is no name of a host", alias);
	s = xcalloc(1, sizeof(*s));
	s->ignored = (struct buf)BUF_INIT;
	p.to = s;
	lines = xcalloc(n, sizeof(*lines));
	e = given(&p, over, n, lines);
	if (!e)
		e = passes(&p, c, &name);
	if (!e)
		e = make_host(&p, name, ret);
	free_given(lines, n);
	buf_release(&s->ignored);
	free(s);
	return err_wrap(e, "host '%s'", alias);
}

void ssh_host_free(struct ssh_host *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->njumps; i++)
		jump_release(&h->jumps[i]);
	free(h->jumps);
	free_list(h->identities);
	free_list(h->certificates);
	free_list(h->user_known_hosts);
	free_list(h->global_known_hosts);
	free(h->alias);
	free(h->host_name);
	free(h->user);
	free(h->host_key_alias);
	free(h->agent);
	free(h->host_key_algorithms);
	free(h->ignored);
	free(h);
}

/* ---- the way ---- */

struct step {
	const struct ssh_host *host;
	const struct step *before; /* that which is reached by this one */
};

static bool is_same(const struct ssh_host *a, const struct ssh_host *b)
{
	return strcmp(a->host_name, b->host_name) == 0 && a->port == b->port &&
	       strcmp(a->user, b->user) == 0;
}

static struct err *check_step(const struct step *s)
{
	size_t n = 0;

	for (const struct step *b = s->before; b; b = b->before, n++)
		if (is_same(b->host, s->host))
			return err_new(ERR_USAGE,
				       "host '%s': the way to it leads over itself: say ProxyJump "
				       "none for it, before the line that has the jump",
				       s->host->alias);
	return n <= JUMPS_MAX
		       ? NULL
		       : err_new(ERR_USAGE, "host '%s': more than %d jumps one after another",
				 s->host->alias, JUMPS_MAX);
}

static struct err *add_way(const struct ssh_config *c, struct ssh_host *h,
			   const struct step *before, struct ssh_way *w);

static struct err *add_jump(const struct ssh_config *c, const struct ssh_jump *j, bool first,
			    const struct step *before, struct ssh_way *w)
{
	char port[16];
	struct ssh_option over[3];
	struct ssh_host *h = NULL;
	struct err *e;
	size_t n = 0;

	(void)snprintf(port, sizeof(port), "%d", j->port);
	if (j->user)
		over[n++] = (struct ssh_option){ "User", j->user };
	if (j->port)
		over[n++] = (struct ssh_option){ "Port", port };
	if (!first)
		over[n++] = (struct ssh_option){ "ProxyJump", "none" };
	e = ssh_config_host(c, j->host, over, n, &h);
	return h ? add_way(c, h, before, w) : e;
}

/* Takes h, whatever comes of it. */
static struct err *add_way(const struct ssh_config *c, struct ssh_host *h,
			   const struct step *before, struct ssh_way *w)
{
	const struct step s = { h, before };
	struct err *e = check_step(&s);

	for (size_t i = 0; i < h->njumps && !e; i++)
		e = err_wrap(add_jump(c, &h->jumps[i], i == 0, &s, w), "ProxyJump of '%s'",
			     h->alias);
	if (!e && w->n > JUMPS_MAX)
		e = err_new(ERR_USAGE, "host '%s': more than %d jumps", h->alias, JUMPS_MAX);
	if (e) {
		ssh_host_free(h);
		return e;
	}
	w->hosts = xrealloc(w->hosts, w->n + 1, sizeof(struct ssh_host *));
	w->hosts[w->n++] = h;
	return NULL;
}

struct err *ssh_config_way(const struct ssh_config *c, const char *alias,
			   const struct ssh_option *over, size_t n, struct ssh_way *ret)
{
	struct ssh_way w = { 0 };
	struct ssh_host *h = NULL;
	struct err *e = ssh_config_host(c, alias, over, n, &h);

	if (h)
		e = add_way(c, h, NULL, &w);
	if (e)
		ssh_way_release(&w);
	else
		*ret = w;
	return e;
}

void ssh_way_release(struct ssh_way *w)
{
	for (size_t i = 0; i < w->n; i++)
		ssh_host_free(w->hosts[i]);
	free(w->hosts);
	*w = (struct ssh_way){ 0 };
}
