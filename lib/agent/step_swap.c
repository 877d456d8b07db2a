#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "agent/files.h"

enum { TABLE_MAX = 1 << 20 };

static const char FSTAB[] = "/etc/fstab", SWAPS[] = "/proc/swaps";

static const struct agent_field fields[] = { { 0 } };

static bool is_swap(const char *line, size_t n)
{
	const char *const end = line + n;

	line += strspn(line, " \t");
	if (line >= end || *line == '#')
		return false;
	for (int i = 0; i < 2; i++) {
		line += strcspn(line, " \t\n");
		line += strspn(line, " \t");
	}
	return line + 4 <= end && strncmp(line, "swap", 4) == 0 && strchr(" \t\n", line[4]);
}

/* The lines stay, for whoever wants it back. */
static struct err *comment_out(struct step *s)
{
	const struct want any = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	AUTO_BUF old = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	struct err *e = file_read(FSTAB, TABLE_MAX, &old);

	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	if (e)
		return e;
	for (const char *line = old.s; *line;) {
		const size_t n = strcspn(line, "\n") + 1;
		const size_t len = line[n - 1] ? n : n - 1;

		if (is_swap(line, len))
			buf_adds(&text, "# ");
		(void)buf_add(&text, line, len);
		line += len;
	}
	return text.len == old.len ? NULL : step_write(s, FSTAB, text.s, text.len, &any);
}

static struct err *turn_off(struct step *s, const char *line)
{
	AUTO_STR path = xstrndup(line, strcspn(line, " \t\n"));
	struct err *e;
	bool go;

	words_decode(path);
	e = step_change(s, &go);
	if (!e && go && swapoff(path) != 0)
		e = agent_errno("turning swap off on '%s'", path);
	return e;
}

static struct err *run(struct step *s)
{
	AUTO_BUF swaps = BUF_INIT;
	struct err *e = comment_out(s);
	const char *line;

	if (!e)
		e = file_read(SWAPS, TABLE_MAX, &swaps);
	if (e && e->kind == ERR_NOT_FOUND) { /* a kernel without */
		err_free(e);
		return NULL;
	}
	line = strchr(swaps.s, '\n');
	for (; !e && line && line[1]; line = strchr(line + 1, '\n'))
		e = turn_off(s, line + 1);
	return e;
}

const struct agent_kind agent_swap = {
	.name = "swap",
	.flags = KIND_ROOT,
	.fields = fields,
	.run = run,
};
