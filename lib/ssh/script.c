#include "ssh/script.h"

#include <ctype.h>
#include <string.h>

#include "random.h"
#include "ssh/session.h"
#include "text.h"

enum { NOISE_MAX = 64 << 10, TITLE = 80, WORDS_MAX = 240 };

void ssh_script_result_release(struct ssh_script_result *r)
{
	ssh_result_release(&r->r);
	*r = (struct ssh_script_result)SSH_SCRIPT_RESULT_INIT;
}

bool ssh_script_is_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/*
 * Reads a script up to the mark, byte by byte as `read` must, so that the rest is the command's. In one line
 * of plain ASCII: the user's shell need not be a POSIX one.
 */
static char *launcher(const char *mark)
{
	AUTO_STR script = xasprintf(
		"treenail_n=$(printf '\\nx'); treenail_t=; "
		"while IFS= read -r treenail_l && [ \"$treenail_l\" != %s ]; do "
		"treenail_t=$treenail_t$treenail_l${treenail_n%%x}; done; eval \"$treenail_t\"",
		mark);
	AUTO_STR quoted = ssh_quote(script);

	return xasprintf("/bin/sh -c %s", quoted);
}

/* ---- the script ---- */

static void add_quoted(struct buf *b, const char *s)
{
	AUTO_STR quoted = ssh_quote(s);

	buf_adds(b, quoted);
}

/* "if CONDITION; then say WORD and end": the condition's path or command quoted wherever it has %. */
static void add_condition(struct buf *b, const char *mark, const char *word, const char *condition,
			  const char *value)
{
	if (!value)
		return;
	buf_adds(b, "if ");
	for (const char *s = condition; *s; s++)
		if (*s == '%')
			add_quoted(b, value);
		else
			(void)buf_add(b, s, 1);
	buf_addf(b, "; then printf '%%s\\n' '%s %s'; exit 0; fi\n", mark, word);
}

static struct err *add_env(struct buf *b, const char *const *env)
{
	for (; env && *env; env += 2) {
		if (!ssh_script_is_name(*env))
			return err_at(err_new(ERR_USAGE,
					      "'%.*s' cannot be the name of a variable: letters, "
					      "digits and _ make one",
					      (int)text_cut(*env, TITLE), *env),
				      "env");
		buf_addf(b, "%s=", *env);
		add_quoted(b, env[1]);
		buf_addf(b, "; export %s\n", *env);
	}
	return NULL;
}

static void add_run(struct buf *b, const struct ssh_script *x)
{
	if (x->command) {
		buf_adds(b, "eval ");
		add_quoted(b, x->command);
	} else {
		buf_adds(b, "exec");
		for (const char *const *a = x->argv; *a; a++) {
			buf_adds(b, " ");
			add_quoted(b, *a);
		}
	}
	buf_adds(b, "\n");
}

static struct err *write_script(struct buf *b, const struct ssh_script *x, const char *mark)
{
	struct err *e;

	buf_adds(b, "unset treenail_n treenail_t treenail_l\n");
	if (x->chdir) {
		buf_adds(b, "cd -- ");
		add_quoted(b, x->chdir);
		buf_addf(b, " || { printf '%%s\\n' '%s chdir'; exit 0; }\n", mark);
	}
	e = add_env(b, x->env);
	if (e)
		return e;
	add_condition(b, mark, "creates", "[ -e % ] || [ -L % ]", x->creates);
	add_condition(b, mark, "removes", "! [ -e % ] && ! [ -L % ]", x->removes);
	if (!x->check)
		add_condition(b, mark, "unless", "( eval % ) </dev/null >/dev/null 2>&1",
			      x->unless);
	buf_addf(b, "printf '%%s\\n' '%s run'\n", mark);
	if (!x->check)
		add_run(b, x);
	buf_addf(b, "%s\n", mark);
	return NULL;
}

/* ---- what came of it ---- */

/* What is before our own line is of the user's shell; *word is behind the mark. False: there is no such line. */
static bool take_mark(struct buf *out, const char *mark, char *word, size_t max)
{
	char *at = memmem(out->s, out->len, mark, strlen(mark));
	char *line, *end;

	if (!at)
		return false;
	line = at + strlen(mark) + 1;
	end = memchr(at, '\n', out->len - (size_t)(at - out->s));
	if (!end || line > end || (size_t)(end - line) >= max)
		return false;
	memcpy(word, line, (size_t)(end - line));
	word[end - line] = '\0';
	end++;
	out->len -= (size_t)(end - out->s);
	memmove(out->s, end, out->len);
	out->s[out->len] = '\0';
	return true;
}

/* One line: its last words, where it tells why. */
static char *last_words(const struct buf *b)
{
	size_t end = b->len, from;

	while (end && strchr("\r\n ", b->s[end - 1]))
		end--;
	for (from = end; from && end - from < WORDS_MAX && b->s[from - 1] != '\n'; from--)
		;
	return session_words(b->s + from, end - from);
}

static struct err *not_begun(const struct ssh_script_result *r)
{
	AUTO_STR words = last_words(r->r.err.len ? &r->r.err : &r->r.out);

	return err_new(ERR_REMOTE, "it could not begin: the user's shell ended with status %d%s%s",
		       r->r.status, *words ? ": " : " and said nothing", words);
}

static struct err *judge(const struct ssh_script *x, const char *mark,
			 struct ssh_script_result *ret)
{
	static const char *const reasons[] = { "creates", "removes", "unless" };
	char word[16];

	if (!take_mark(&ret->r.out, mark, word, sizeof(word)))
		return not_begun(ret);
	if (strcmp(word, "chdir") == 0) {
		AUTO_STR words = last_words(&ret->r.err);

		return err_at(err_new(ERR_NOT_FOUND, "chdir to '%s': %s", x->chdir, words),
			      "chdir");
	}
	ret->ran = strcmp(word, "run") == 0;
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (strcmp(word, reasons[i]) == 0)
			ret->skipped = reasons[i];
	return NULL;
}

static void cap(struct buf *b, size_t max, uint64_t *left)
{
	if (b->len <= max)
		return;
	*left += b->len - max;
	b->len = max;
	b->s[max] = '\0';
}

struct err *ssh_script(struct ssh_session *s, const struct ssh_script *x,
		       struct ssh_script_result *ret)
{
	const size_t out_max = x->out_max ? x->out_max : SSH_OUT_MAX;
	const char *title = x->command ? x->command : x->argv[0];
	AUTO_STR mark = NULL;
	AUTO_STR line = NULL;
	AUTO_BUF script = BUF_INIT;
	struct err *e = random_mark(&mark);

	if (e)
		return session_wrap(e, title);
	line = launcher(mark);
	e = write_script(&script, x, mark);
	if (!e && x->in)
		(void)buf_add(&script, x->in, x->in_len);
	if (!e)
		e = ssh_exec(s,
			     &(struct ssh_exec){ .command = line,
						 .title = title,
						 .in = script.s,
						 .in_len = script.len,
						 .sudo = x->sudo,
						 .out_max = out_max + NOISE_MAX,
						 .deadline_ms = x->deadline_ms },
			     &ret->r);
	buf_wipe(&script);
	if (e)
		return e;
	e = judge(x, mark, ret);
	cap(&ret->r.out, out_max, &ret->r.out_left);
	cap(&ret->r.err, out_max, &ret->r.err_left);
	return session_wrap(e, title);
}
