#include <stdlib.h>
#include <string.h>

#include "agent/child.h"
#include "agent/facts.h"
#include "clock.h"

/* systemctl's name, and ours. */
static const char *const names[][2] = {
	{ "LoadState", "load" },        { "ActiveState", "active" },      { "SubState", "sub" },
	{ "UnitFileState", "enabled" }, { "NeedDaemonReload", "reload" },
};

static const char SINCE[] = "ActiveEnterTimestampMonotonic=";

static void take_line(struct json_object *o, const char *line, size_t n)
{
	const long long since_us = strncmp(line, SINCE, strlen(SINCE)) == 0
					   ? strtoll(line + strlen(SINCE), NULL, 10)
					   : 0;

	if (since_us > 0)
		json_set(o, "since_s",
			 json_object_new_int64(clock_ms() / 1000 - since_us / 1000000));
	for (size_t i = 0; i < COUNT(names); i++) {
		const size_t len = strlen(names[i][0]);

		if (n > len && strncmp(line, names[i][0], len) == 0 && line[len] == '=')
			json_set(o, names[i][1], step_text(line + len + 1, n - len - 1));
	}
}

/* Units are separated by an empty line, in the order they were asked for. */
static void take_all(struct json_object *units, const char *text, struct json_object *all)
{
	for (size_t i = 0; i < json_len(units); i++) {
		struct json_object *o = json_object_new_object();

		json_set(all, json_object_get_string(json_nth(units, i)), o);
		while (*text && *text != '\n') {
			const size_t n = strcspn(text, "\n");

			take_line(o, text, n);
			text += n + (text[n] == '\n');
		}
		if (!json_is_str(json_at(o, "active"), "active"))
			json_object_object_del(o, "since_s"); /* systemd keeps it */
		text += *text == '\n';
	}
}

struct err *units_ask(struct agent *a, struct json_object *units, struct json_object **ret)
{
	static const char *const always[] = {
		"systemctl", "show", "-p",
		"LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic",
		"--"
	};
	const char **argv = xcalloc(COUNT(always) + json_len(units) + 1, sizeof(*argv));
	AUTO_STR text = NULL;
	struct err *e;

	memcpy(argv, always, sizeof(always));
	for (size_t i = 0; i < json_len(units); i++)
		argv[COUNT(always) + i] = json_object_get_string(json_nth(units, i));
	e = child_get(a, argv, &text);
	free(argv);
	if (e)
		return e;
	*ret = json_object_new_object();
	take_all(units, text, *ret);
	return NULL;
}
