#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "text.h"

/* Terraform reads lines of 64 KiB and shows the rest of a longer one as a line of its own. */
enum { VALUE_BYTES = 8 << 10 };

static const char *const names[] = { "trace", "debug", "info", "warn", "error", "off" };
static enum log_level lowest = LOG_WARN;
static char module[64] = "provider";

void log_open(const char *name)
{
	const char *level = secure_getenv("TF_LOG_PROVIDER");

	(void)snprintf(module, sizeof(module), "provider.%s", name);
	if (!level || !*level)
		level = secure_getenv("TF_LOG");
	for (size_t i = 0; level && i < COUNT(names); i++)
		if (strcasecmp(level, names[i]) == 0)
			lowest = (enum log_level)i;
	if (level && strcasecmp(level, "json") == 0)
		lowest = LOG_TRACE;
}

static void put(struct json_object *line, const char *key, const char *s)
{
	json_set(line, key, json_object_new_string_len(s, (int)text_cut(s, VALUE_BYTES)));
}

static void put_time(struct json_object *line)
{
	struct timespec now;
	struct tm tm;
	char day[32];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &tm));
	AUTO_STR whole = xasprintf("%s.%06ldZ", day, now.tv_nsec / 1000);
	put(line, "@timestamp", whole);
}

void log_write(enum log_level level, const char *message, ...)
{
	AUTO_BUF text = BUF_INIT;
	AUTO_JSON line = NULL;
	const char *key;
	va_list ap;

	if (level < lowest)
		return;
	line = json_object_new_object();
	put(line, "@level", names[level]);
	put(line, "@message", message);
	put(line, "@module", module);
	put_time(line);
	va_start(ap, message);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): version 14, in its second file */
	for (key = va_arg(ap, const char *); key; key = va_arg(ap, const char *)) {
		const char *value = va_arg(ap, const char *);

		if (value)
			put(line, key, value);
	}
	va_end(ap);
	buf_adds(&text, json_object_to_json_string_ext(
				line, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	buf_adds(&text, "\n");
	/* One write: lines of several threads stay whole. Where it fails nobody is left to be told. */
	if (write(STDERR_FILENO, text.s, text.len) < 0)
		return;
}
