#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/files.h"

enum { LIST_MAX = 4 << 20 };

static const char FILE_DEFAULT[] = "/etc/modules-load.d/treenail.conf";

static const struct agent_field fields[] = {
	{ "modules", FIELD_TEXTS, FIELD_NEEDED },
	{ "file", FIELD_PATH },
	{ 0 },
};

/* The kernel says '_' where the name of the file may have '-'. */
static char *kernel_name(const char *name)
{
	char *s = xstrdup(name);

	for (char *at = s; *at; at++)
		if (*at == '-')
			*at = '_';
	return s;
}

static char *read_list(const char *path)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_read(path, LIST_MAX, &text);

	return e ? xstrdup("") : buf_take(&text);
}

static char *read_builtin(void)
{
	struct utsname u;

	if (uname(&u) != 0)
		return xstrdup("");
	AUTO_STR path = xasprintf("/lib/modules/%s/modules.builtin", u.release);
	AUTO_STR list = read_list(path);
	return kernel_name(list);
}

/* /proc/modules: "overlay 151552 0 - Live 0x0". */
static bool is_loaded(const char *loaded, const char *name)
{
	const size_t n = strlen(name);

	for (const char *line = loaded; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			return true;
	return false;
}

/* Built in: modules.builtin has "kernel/fs/overlayfs/overlay.ko"; with parameters there is a folder. */
static bool is_there(const char *loaded, const char *builtin, const char *name)
{
	AUTO_STR file = xasprintf("/%s.ko\n", name);
	AUTO_STR folder = xasprintf("/sys/module/%s", name);

	return is_loaded(loaded, name) || strstr(builtin, file) || access(folder, F_OK) == 0;
}

static struct err *load(struct step *s, const char *name)
{
	struct err *e;
	bool go;

	e = step_change(s, &go);
	if (e || !go)
		return e;
	return err_wrap(CHILD_GET(s->agent, NULL, "modprobe", "--", name), "module '%s'", name);
}

static struct err *load_all(struct step *s)
{
	struct json_object *list = json_at(s->args, "modules");
	AUTO_STR loaded = read_list("/proc/modules");
	AUTO_STR builtin = read_builtin();
	struct err *e = NULL;

	for (size_t i = 0; i < json_len(list) && !e; i++) {
		const char *name = json_object_get_string(json_nth(list, i));
		AUTO_STR plain = kernel_name(name);

		if (!is_there(loaded, builtin, plain))
			e = load(s, name);
	}
	return e;
}

static bool is_name(const char *s)
{
	return *s && *s != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       strlen(s);
}

static struct err *check(struct json_object *args)
{
	struct json_object *list = json_at(args, "modules");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_object_get_string(json_nth(list, i));

		if (!is_name(name))
			return err_new(ERR_USAGE, "'%.100s' is no module's name", name);
	}
	return NULL;
}

static struct err *run(struct step *s)
{
	const struct want any = { WANT_ANY, (uid_t)-1, (gid_t)-1 };
	const char *file = json_str(s->args, "file");
	struct json_object *list = json_at(s->args, "modules");
	AUTO_BUF text = BUF_INIT;
	struct err *e = load_all(s);

	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(&text, "%s\n", json_object_get_string(json_nth(list, i)));
	return e ? e : step_write(s, file ? file : FILE_DEFAULT, text.s, text.len, &any);
}

const struct agent_kind agent_kernel_module = {
	.name = "kernel_module",
	.flags = KIND_ROOT,
	.fields = fields,
	.check = check,
	.run = run,
};
