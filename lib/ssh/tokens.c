#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "ssh/config.h"

enum {
	EXPANDED_MAX = 64 << 10,
	PASSWD_BYTES = 16 << 10,
};

/* NULL: there is no such token. */
static const char *token(const struct ssh_tokens *t, char c, char number[static 16])
{
	switch (c) {
	case '%': return "%";
	case 'h': return t->host;
	case 'n': return t->alias;
	case 'r': return t->user;
	case 'k': return t->key_alias;
	case 'u': return t->self->user;
	case 'd': return t->self->home;
	case 'l':
	case 'L': return t->self->host;
	case 'i': (void)snprintf(number, 16, "%u", t->self->uid); return number;
	case 'p': (void)snprintf(number, 16, "%d", t->port); return number;
	default: return NULL;
	}
}

static struct err *add_token(const struct ssh_tokens *t, const char *allowed, char c, struct buf *b)
{
	char number[16];
	const char *s = token(t, c, number);

	if (!c)
		return err_new(ERR_USAGE, "a single %% at the end: a %% itself is %%%%");
	if (!s || (c != '%' && !strchr(allowed, c)))
		return err_new(ERR_USAGE,
			       "%%%c stands for nothing here: what does is %%%% and any of %s",
			       c >= ' ' && c < 127 ? c : '?', allowed);
	return buf_add(b, s, c == 'L' ? strcspn(s, ".") : strlen(s))
		       ? NULL
		       : err_new(ERR_USAGE, "more than %d KiB", EXPANDED_MAX >> 10);
}

/* *s is behind "${". */
static struct err *add_variable(const struct ssh_tokens *t, const char **s, struct buf *b)
{
	const size_t len = strcspn(*s, "}");
	AUTO_STR name = xstrndup(*s, len);
	const char *v;

	if (!len || !(*s)[len])
		return err_new(ERR_USAGE, "${ without a name and a }");
	v = t->self->env ? t->self->env(name) : NULL;
	if (!v)
		return err_new(ERR_USAGE, "the variable %s is not set", name);
	*s += len + 1;
	return buf_add(b, v, strlen(v))
		       ? NULL
		       : err_new(ERR_USAGE, "more than %d KiB", EXPANDED_MAX >> 10);
}

static struct err *expand(const struct ssh_tokens *t, const char *allowed, bool variables,
			  const char *s, char **ret)
{
	struct buf b = { .s = buf_empty, .max = EXPANDED_MAX };
	struct err *e = NULL;

	while (*s && !e) {
		const size_t plain = strcspn(s, variables ? "%$" : "%");

		if (!buf_add(&b, s, plain))
			e = err_new(ERR_USAGE, "more than %d KiB", EXPANDED_MAX >> 10);
		s += plain;
		if (e || !*s)
			continue;
		if (*s == '%') {
			e = add_token(t, allowed, s[1], &b);
			s += s[1] ? 2 : 1;
		} else if (s[1] == '{') {
			s += 2;
			e = add_variable(t, &s, &b);
		} else {
			(void)buf_add(&b, s++, 1);
		}
	}
	if (!e)
		*ret = buf_take(&b);
	buf_release(&b);
	return e;
}

struct err *ssh_expand(const struct ssh_tokens *t, const char *allowed, const char *s, char **ret)
{
	return expand(t, allowed, false, s, ret);
}

struct err *ssh_expand_home(const struct ssh_self *self, const char *s, char **ret)
{
	const size_t len = strcspn(s, "/");
	const char *home = self->home;
	struct passwd pw, *found = NULL;

	if (*s != '~') {
		*ret = xstrdup(s);
		return NULL;
	}
	AUTO_STR name = xstrndup(s + 1, len - 1);
	AUTO_STR bytes = len > 1 ? xcalloc(PASSWD_BYTES, 1) : NULL;
	if (bytes) {
		(void)getpwnam_r(name, &pw, bytes, PASSWD_BYTES, &found);
		if (!found)
			return err_new(ERR_USAGE, "~%s: there is no user '%s' here", name, name);
		home = found->pw_dir;
	}
	*ret = xasprintf("%s%s", home, s + len);
	return NULL;
}

struct err *ssh_expand_path(const struct ssh_tokens *t, const char *s, char **ret)
{
	AUTO_STR path = NULL;
	struct err *e = ssh_expand_home(t->self, s, &path);

	return path ? expand(t, "dhikLlnpru", true, path, ret) : e;
}
