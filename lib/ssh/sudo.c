#include <string.h>

#include "mem.h"
#include "random.h"
#include "ssh/sudo.h"

enum { WORDS_MAX = 4096 }; /* of sudo's own that are kept */

struct sudo {
	const char *user, *password; /* the target's */
	bool withheld;               /* there is one, and it is not for this host */
	char *prompt, *begun_mark;
	char *answer;     /* the password and a line's end */
	struct buf words; /* what sudo says */
	bool asked, begun;
};

struct err *sudo_new(const struct ssh_session *s, const char *command, char **line,
		     struct sudo **ret)
{
	struct sudo *u;
	AUTO_STR mark = NULL;
	struct err *e = random_mark(&mark);

	if (e)
		return e;
	u = xcalloc(1, sizeof(*u));
	u->user = s->target->user;
	u->withheld = s->doubted && s->target->sudo_password;
	u->password = s->doubted ? NULL : s->target->sudo_password;
	u->words = (struct buf){ .s = buf_empty, .max = WORDS_MAX };
	u->prompt = xasprintf("[sudo %s]", mark);
	u->begun_mark = xasprintf("[runs %s]", mark);
	if (u->password)
		u->answer = xasprintf("%s\n", u->password);
	AUTO_STR script = xasprintf("printf '%s' >&2\n%s", u->begun_mark, command);
	AUTO_STR quoted = ssh_quote(script);
	*line = u->password ? xasprintf("sudo -S -p '%s' -- /bin/sh -c %s", u->prompt, quoted)
			    : xasprintf("sudo -n -- /bin/sh -c %s", quoted);
	*ret = u;
	return NULL;
}

void sudo_free(struct sudo *u)
{
	if (!u)
		return;
	wipe_free(u->answer);
	free(u->prompt);
	free(u->begun_mark);
	buf_release(&u->words);
	free(u);
}

bool sudo_begun(const struct sudo *u)
{
	return u->begun;
}

static struct err *wrong_password(const struct sudo *u)
{
	return err_new(ERR_AUTH, "sudo refuses the password of '%s'", u->user);
}

/* Its prompt is taken out of its words. */
static bool prompted(struct sudo *u)
{
	char *at = strstr(u->words.s, u->prompt);
	const size_t n = strlen(u->prompt);

	if (!at)
		return false;
	u->words.len -= n;
	memmove(at, at + n, u->words.len - (size_t)(at - u->words.s) + 1);
	return true;
}

struct err *sudo_hear(struct sudo *u, const char *s, size_t n, struct buf *rest, const char **say)
{
	AUTO_BUF heard = BUF_INIT;
	const char *mark;

	*say = NULL;
	if (u->begun) {
		(void)buf_add(rest, s, n);
		return NULL;
	}
	(void)buf_add(&heard, u->words.s, u->words.len);
	(void)buf_add(&heard, s, n);
	mark = memmem(heard.s, heard.len, u->begun_mark, strlen(u->begun_mark));
	if (mark) {
		u->begun = true;
		mark += strlen(u->begun_mark);
		(void)buf_add(rest, mark, (size_t)(heard.s + heard.len - mark));
		return NULL;
	}
	/* The end is what is looked at next time: of a flood it is kept. */
	u->words.len = 0;
	if (heard.len > WORDS_MAX)
		(void)buf_add(&u->words, heard.s + heard.len - WORDS_MAX, WORDS_MAX);
	else
		(void)buf_add(&u->words, heard.s, heard.len);
	if (!u->password || !prompted(u))
		return NULL;
	if (u->asked)
		return wrong_password(u);
	u->asked = true;
	*say = u->answer;
	return NULL;
}

struct err *sudo_refused(const struct sudo *u)
{
	AUTO_STR words = session_words(u->words.s, u->words.len);

	if (u->withheld && strstr(words, "password is required"))
		return err_new(ERR_AUTH,
			       "sudo wants the password of '%s', and a host whose key is not the "
			       "known one does not get it: mend its line in the known hosts",
			       u->user);
	if (!u->password && strstr(words, "password is required"))
		return err_new(ERR_AUTH,
			       "sudo wants a password of '%s': give it by sudo_password_file",
			       u->user);
	/* sshd lets in whoever has a key, and PAM then lets nothing but a change of the password be run. */
	if (strstr(words, "password has expired"))
		return err_new(
			ERR_AUTH,
			"the host runs nothing for '%s' until its password is changed there: %s",
			u->user, words);
	return err_new(ERR_AUTH, "sudo does not run it for '%s': %s", u->user,
		       *words ? words : "it ended without a word");
}
