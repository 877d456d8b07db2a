#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/facts.h"
#include "agent/files.h"

enum { TABLE_MAX = 16 << 20, MIB = 1 << 20, KIB_A_MIB = 1024 };

/* ---- os ---- */

/* A value in quotes, or without; what is escaped in it is rare, and left. */
static struct json_object *unquoted(const char *s, size_t n)
{
	if (n >= 2 && strchr("\"'", s[0]) && s[n - 1] == s[0]) {
		s++;
		n -= 2;
	}
	return step_text(s, n);
}

struct err *fact_os(struct step *s, struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	struct json_object *o;
	struct err *e = file_read("/etc/os-release", TABLE_MAX, &text);

	(void)s;
	if (e)
		return e;
	o = json_object_new_object();
	for (const char *line = text.s; *line;) {
		const size_t n = strcspn(line, "\n"), name = strcspn(line, "=\n");
		AUTO_STR key = xstrndup(line, name);

		for (char *at = key; *at; at++)
			if (*at >= 'A' && *at <= 'Z')
				*at = (char)(*at - 'A' + 'a');
		if (name < n && *key != '#')
			json_set(o, key, unquoted(line + name + 1, n - name - 1));
		line += n + (line[n] == '\n');
	}
	*ret = o;
	return NULL;
}

/* ---- memory and processors ---- */

/* The number after a label that begins a line; -1: it is not there. */
static int64_t number_of(const char *text, const char *label)
{
	const size_t n = strlen(label);

	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, label, n) == 0)
			return strtoll(line + n, NULL, 10);
	return -1;
}

struct err *fact_memory(struct step *s, struct json_object **ret)
{
	AUTO_STR text = file_line("/proc/meminfo");
	struct json_object *o = json_object_new_object();

	(void)s;
	json_set(o, "total_mb", json_object_new_int64(number_of(text, "MemTotal:") / KIB_A_MIB));
	json_set(o, "available_mb",
		 json_object_new_int64(number_of(text, "MemAvailable:") / KIB_A_MIB));
	*ret = o;
	return NULL;
}

struct err *fact_cpu(struct step *s, struct json_object **ret)
{
	static const char label[] = "model name\t: ";
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_read("/proc/cpuinfo", TABLE_MAX, &text);
	const char *model = e ? NULL : strstr(text.s, label);
	struct json_object *o = json_object_new_object();

	(void)s;
	json_set(o, "count", json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
	model = model ? model + strlen(label) : NULL;
	json_set(o, "model", model ? step_text(model, strcspn(model, "\n")) : NULL);
	*ret = o;
	return NULL;
}

/* ---- tables of the kernel's ---- */

/* The words of a line, at most `most`; a blank in one is written \040. */
static int words_of(const char *line, char **words, int most)
{
	int n = 0;

	while (n < most) {
		size_t len;

		line += strspn(line, " \t");
		len = strcspn(line, " \t\n");
		if (!len)
			break;
		words[n] = xstrndup(line, len);
		words_decode(words[n++]);
		line += len;
	}
	return n;
}

static void add_size(struct json_object *o, const char *type, const char *path)
{
	struct statvfs v;

	/* A server that is gone would hold us up. */
	if (strncmp(type, "nfs", 3) == 0 || strncmp(type, "fuse", 4) == 0 ||
	    strcmp(type, "cifs") == 0 || statvfs(path, &v) != 0)
		return;
	json_set(o, "size_mb", json_object_new_int64((int64_t)(v.f_blocks * v.f_frsize / MIB)));
	json_set(o, "free_mb", json_object_new_int64((int64_t)(v.f_bavail * v.f_frsize / MIB)));
}

static void take_mount(struct json_object *list, char **words)
{
	struct json_object *o;

	if (*words[0] != '/' && strcmp(words[1], "/") != 0 && !strchr(words[0], ':'))
		return;
	o = json_object_new_object();
	json_set(o, "device", step_text(words[0], strlen(words[0])));
	json_set(o, "path", step_text(words[1], strlen(words[1])));
	json_set(o, "type", step_text(words[2], strlen(words[2])));
	json_set(o, "options", step_text(words[3], strlen(words[3])));
	add_size(o, words[2], words[1]);
	json_object_array_add(list, o);
}

static void take_swap(struct json_object *list, char **words)
{
	struct json_object *o;

	if (*words[0] != '/')
		return;
	o = json_object_new_object();
	json_set(o, "device", step_text(words[0], strlen(words[0])));
	json_set(o, "size_mb", json_object_new_int64(strtoll(words[2], NULL, 10) / KIB_A_MIB));
	json_object_array_add(list, o);
}

/* Calls take() for each line of four words. */
static struct err *table(const char *path, void (*take)(struct json_object *list, char **words),
			 struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	struct err *e = file_read(path, TABLE_MAX, &text);

	if (e)
		return e;
	*ret = json_object_new_array();
	for (const char *line = text.s; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char *words[4] = { 0 };

		if (words_of(line, words, COUNT(words)) == COUNT(words))
			take(*ret, words);
		for (size_t i = 0; i < COUNT(words); i++)
			free(words[i]);
	}
	return NULL;
}

struct err *fact_mounts(struct step *s, struct json_object **ret)
{
	(void)s;
	return table("/proc/self/mounts", take_mount, ret);
}

struct err *fact_swap(struct step *s, struct json_object **ret)
{
	struct err *e = table("/proc/swaps", take_swap, ret);

	(void)s;
	if (e && e->kind == ERR_NOT_FOUND) { /* a kernel without */
		err_free(e);
		*ret = json_object_new_array();
		return NULL;
	}
	return e;
}
