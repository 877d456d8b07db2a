#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"

enum { VALUE_MAX = 64 << 10 };

static const char FILE_DEFAULT[] = "/etc/sysctl.d/90-treenail.conf";

static const struct agent_field fields[] = {
	{ "values", FIELD_MAP, FIELD_NEEDED },
	{ "file", FIELD_PATH },
	{ 0 },
};

/* As sysctl(8): if the first separator is '/', a '.' is part of a name (eth0.100). */
static struct err *path_of(const char *key, char **ret)
{
	const size_t first = strcspn(key, "./");
	AUTO_STR path = xasprintf("/proc/sys/%s", key);

	if (key[first] == '.')
		for (char *at = path + strlen("/proc/sys/"); *at; at++)
			*at = (char)(*at == '.' ? '/' : *at == '/' ? '.' : *at);
	if (!first || strstr(path, "/../") || strstr(path, "//") || strpbrk(key, " \t\n=#"))
		return err_new(ERR_USAGE, "'%.100s' is no name of a sysctl", key);
	*ret = TAKE(path);
	return NULL;
}

/* Several numbers are separated by tabs there. */
static bool same(const char *a, const char *b)
{
	static const char blank[] = " \t\n";

	for (;;) {
		const size_t n = strcspn(a += strspn(a, blank), blank);
		const size_t m = strcspn(b += strspn(b, blank), blank);

		if (n != m || memcmp(a, b, n) != 0)
			return false;
		if (!n)
			return true;
		a += n;
		b += m;
	}
}

static struct err *put(const char *path, const char *value)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct err *e = NULL;

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		e = agent_errno("writing '%s' to '%s'", value, path);
	if (fd >= 0)
		(void)close(fd);
	return e;
}

static struct err *make_so(struct step *s, const char *key, const char *value)
{
	AUTO_STR path = NULL;
	AUTO_BUF now = BUF_INIT;
	struct err *e = path_of(key, &path);
	bool go;

	if (e || !path)
		return e;
	e = file_read(path, VALUE_MAX, &now);
	if (e && e->kind == ERR_NOT_FOUND && !s->agent->check)
		return err_wrap(e, "there is no '%s': is its kernel module loaded?", key);
	if (!e && same(now.s, value))
		return NULL;
	if (e && e->kind != ERR_NOT_FOUND)
		return e;
	err_free(e);
	e = step_change(s, &go);
	return e || !go ? e : put(path, value);
}

static struct err *check(struct json_object *args)
{
	json_object_object_foreach(json_at(args, "values"), key, v) {
		AUTO_STR value = json_text(v);
		AUTO_STR path = NULL;
		struct err *e = path_of(key, &path);

		if (!e && strchr(value, '\n'))
			e = err_new(ERR_USAGE, "'%s': its value is no single line", key);
		if (e)
			return e;
	}
	return NULL;
}

static struct err *run(struct step *s)
{
	const struct want any = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	const char *file = json_str(s->args, "file");
	AUTO_BUF text = BUF_INIT;
	struct err *e = NULL;

	json_object_object_foreach(json_at(s->args, "values"), key, v) {
		AUTO_STR value = json_text(v);

		e = make_so(s, key, value);
		if (e)
			return e;
		buf_addf(&text, "%s = %s\n", key, value);
	}
	return step_write(s, file ? file : FILE_DEFAULT, text.s, text.len, &any);
}

const struct agent_kind agent_sysctl = {
	.name = "sysctl",
	.flags = KIND_ROOT | KIND_SPEAKS,
	.fields = fields,
	.check = check,
	.run = run,
};
