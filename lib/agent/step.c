#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "clock.h"

struct err *step_change(struct step *s, bool *go)
{
	struct err *e = NULL;

	*go = !s->agent->check;
	if (*go && (s->kind->flags & KIND_ROOT) && geteuid() != 0)
		return err_new(ERR_AUTH, "a step of kind '%s' needs root", s->kind->name);
	if (s->changed)
		return NULL;
	if (*go)
		e = owed_add(s->agent, s);
	if (!e)
		s->changed = true;
	return e;
}

/* Length of the UTF-8 character that s begins with; 0: it is none (RFC 3629). */
static size_t utf8(const unsigned char *s, size_t n)
{
	static const unsigned char least[] = { 0x00, 0xc2, 0xe0, 0xf0 };
	const size_t len = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;

	if (len > n || *s < least[len - 1] || *s > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

bool step_is_text(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		const size_t len = s[i] ? utf8((const unsigned char *)s + i, n - i) : 0;

		if (!len)
			return false;
		i += len;
	}
	return true;
}

struct json_object *step_text(const char *s, size_t n)
{
	AUTO_BUF b = BUF_INIT;

	for (size_t i = 0; i < n;) {
		const size_t len = s[i] ? utf8((const unsigned char *)s + i, n - i) : 0;

		(void)buf_add(&b, len ? s + i : "?", len ? len : 1);
		i += len ? len : 1;
	}
	return json_object_new_string_len(b.s, (int)b.len);
}

void step_say(struct step *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR text = xvasprintf(fmt, ap);
	va_end(ap);
	json_set(s->line, "msg", step_text(text, strlen(text)));
}

struct err *agent_errno(const char *fmt, ...)
{
	const int why = errno;
	const bool denied = (why == EACCES || why == EPERM) && geteuid() != 0;
	va_list ap;

	va_start(ap, fmt);
	AUTO_STR doing = xvasprintf(fmt, ap);
	va_end(ap);
	return err_new(denied                            ? ERR_AUTH
		       : why == ENOENT || why == ENOTDIR ? ERR_NOT_FOUND
							 : ERR_REMOTE,
		       "%s: %s%s", doing, strerrordesc_np(why), denied ? " (this needs root)" : "");
}

int64_t agent_left_ms(const struct agent *a, int64_t most)
{
	const int64_t left = a->deadline - clock_ms();

	if (left <= 0)
		return 0;
	return most && most < left ? most : left;
}

/* That nobody listens any more shows at the output: without a terminal sshd sends no signal. */
static bool look(struct agent *a, int wait_ms)
{
	struct pollfd p[] = { { .fd = a->signals, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	if (poll(p, COUNT(p), wait_ms) > 0)
		a->stopped = a->stopped || (p[0].revents & POLLIN) ||
			     (p[1].revents & (POLLERR | POLLHUP | POLLNVAL));
	return a->stopped;
}

bool agent_is_stopped(struct agent *a)
{
	return a->stopped || look(a, 0);
}

struct err *agent_pause(struct agent *a, int64_t ms)
{
	const int64_t wait = agent_left_ms(a, ms);

	if (look(a, (int)wait))
		return err_new(ERR_TIMEOUT, "it was told to end");
	return wait < ms ? err_new(ERR_TIMEOUT, "the plan's time is over") : NULL;
}
