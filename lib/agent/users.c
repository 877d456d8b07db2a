#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "agent/files.h"

enum { TABLE_MAX = 16 << 20 };

static const char PASSWD[] = "/etc/passwd", GROUP[] = "/etc/group";

/* Field n of a line, which ends at ':' or with the line. */
static const char *field(const char *line, int n, size_t *len)
{
	for (; n > 0; n--) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return NULL;
		line++;
	}
	*len = strcspn(line, ":\n");
	return line;
}

/* The line whose field `n` is `s`; in both files 0 is the name and 2 the number. */
static const char *line_with(const char *text, int n, const char *s)
{
	const char *line, *next;
	size_t len;

	for (line = text; line && *line; line = next ? next + 1 : NULL) {
		const char *at = field(line, n, &len);

		if (at && len == strlen(s) && strncmp(at, s, len) == 0)
			return line;
		next = strchr(line, '\n');
	}
	return NULL;
}

static bool number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (!isdigit((unsigned char)*s) || (*end && !strchr(":\n", *end)) || errno ||
	    v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static struct err *id_of(const char *path, const char *what, const char *name, uint32_t *ret)
{
	AUTO_BUF text = BUF_INIT;
	const char *line, *at = NULL;
	struct err *e;
	size_t len;

	if (number(name, ret))
		return NULL;
	e = file_read(path, TABLE_MAX, &text);
	if (e)
		return e;
	line = line_with(text.s, 0, name);
	if (line)
		at = field(line, 2, &len);
	if (!at || !number(at, ret))
		return err_new(ERR_NOT_FOUND, "no %s is called '%s' here", what, name);
	return NULL;
}

struct err *owner_parse(const char *text, uid_t *uid, gid_t *gid)
{
	const char *colon = strchr(text, ':');
	AUTO_STR user = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));
	uint32_t u = (uint32_t)-1, g = (uint32_t)-1;
	struct err *e = NULL;

	if (*user)
		e = id_of(PASSWD, "user", user, &u);
	if (!e && colon && colon[1])
		e = id_of(GROUP, "group", colon + 1, &g);
	if (e)
		return e;
	*uid = u;
	*gid = g;
	return NULL;
}

static char *name_of(const char *path, uint32_t id)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_STR s = xasprintf("%u", id);
	AUTO_ERR e = file_read(path, TABLE_MAX, &text);
	const char *line = e ? NULL : line_with(text.s, 2, s);

	return line ? xstrndup(line, strcspn(line, ":")) : TAKE(s);
}

char *owner_text(uid_t uid, gid_t gid)
{
	AUTO_STR user = name_of(PASSWD, uid);
	AUTO_STR group = name_of(GROUP, gid);

	return xasprintf("%s:%s", user, group);
}
