#include <string.h>

#include "agent/files.h"

enum { FILE_MAX = 16 << 20 };

static const struct agent_field fields[] = {
	{ "path", FIELD_PATH, FIELD_NEEDED },
	{ "marker", FIELD_TEXT, FIELD_NEEDED },
	{ "content", FIELD_TEXT, FIELD_NEEDED },
	{ "comment", FIELD_TEXT },
	{ 0 },
};

/* The line that is `want`, from `s` on; NULL: there is none. */
static const char *find_line(const char *s, const char *want)
{
	const size_t n = strlen(want);

	for (; s && *s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
		if (strncmp(s, want, n) == 0 && (s[n] == '\n' || !s[n]))
			return s;
	return NULL;
}

static void add_lines(struct buf *b, const char *s, size_t n)
{
	(void)buf_add(b, s, n);
	if (n && s[n - 1] != '\n')
		buf_adds(b, "\n");
}

/* The old text with the block in its place, or at the end. */
static struct err *replace(const char *old, const char *begin, const char *end, const char *content,
			   struct buf *ret)
{
	const char *from = find_line(old, begin);
	const char *to = from ? find_line(from, end) : NULL;
	const size_t head = from ? (size_t)(from - old) : strlen(old);

	if (from && !to)
		return err_new(ERR_CONFLICT, "it has '%s', but no '%s' after it: mend it by hand",
			       begin, end);
	add_lines(ret, old, head);
	if (*content) {
		buf_addf(ret, "%s\n", begin);
		add_lines(ret, content, strlen(content));
		buf_addf(ret, "%s\n", end);
	}
	if (to)
		buf_adds(ret, to + strlen(end) + (to[strlen(end)] == '\n'));
	return NULL;
}

static struct err *check(struct json_object *args)
{
	const char *marker = json_str(args, "marker"), *comment = json_str(args, "comment");

	if (!*marker || strchr(marker, '\n') || (comment && strchr(comment, '\n')))
		return err_new(ERR_USAGE, "'marker' and 'comment' are parts of one line");
	return NULL;
}

static struct err *run(struct step *s)
{
	const char *path = json_str(s->args, "path"), *marker = json_str(s->args, "marker");
	const char *comment = json_str(s->args, "comment");
	const char *content = json_str(s->args, "content");
	const struct want any = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	AUTO_BUF old = BUF_INIT;
	AUTO_BUF text = BUF_INIT;
	struct err *e = file_read(path, FILE_MAX, &old);

	if (e && e->kind == ERR_NOT_FOUND) {
		err_free(e);
		if (!*content)
			return NULL;
		e = NULL;
	}
	if (!e && strlen(old.s) != old.len)
		e = err_new(ERR_CONFLICT, "it is no text: it has a NUL byte");
	AUTO_STR begin = xasprintf("%s BEGIN %s", comment ? comment : "#", marker);
	AUTO_STR end = xasprintf("%s END %s", comment ? comment : "#", marker);
	if (!e)
		e = replace(old.s, begin, end, content, &text);
	return e ? err_wrap(e, "'%s'", path) : step_write(s, path, text.s, text.len, &any);
}

const struct agent_kind agent_block = {
	.name = "block",
	.fields = fields,
	.check = check,
	.run = run,
};
