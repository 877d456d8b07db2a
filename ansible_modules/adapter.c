/*
 * The Ansible adapter: one program that is all modules of a collection.
 *
 * Arguments come as JSON in the file named last on the command line (a binary module's; or a text
 * stub's, whose first line begins with "#!"), or on standard input where no file is named. The module
 * is `_ansible_module_name` there, else the name the program was started by. One JSON object on
 * standard output is the result. The exit code says nothing: Ansible looks at "failed".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapter.h"
#include "by_hand.h"
#include "result.h"
#include "task.h"

enum { ARGS_BYTES = 16 << 20 };

static struct err *read_all(int fd, const char *what, struct buf *ret)
{
	char part[16384];
	ssize_t n;

	ret->max = ARGS_BYTES;
	while ((n = read(fd, part, sizeof(part))) > 0)
		if (!buf_add(ret, part, (size_t)n))
			return err_new(ERR_USAGE, "%s: more than %d bytes", what, ARGS_BYTES);
	return n < 0 ? err_new(ERR_USAGE, "%s: %s", what, strerror(errno)) : NULL;
}

static struct err *read_args(const char *file, struct json_object **ret)
{
	AUTO_BUF text = BUF_INIT;
	const char *what = file ? file : "standard input";
	const int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	const char *json;
	struct err *e;

	if (fd < 0)
		return err_new(ERR_USAGE, "%s: %s", what, strerror(errno));
	e = read_all(fd, what, &text);
	if (file)
		(void)close(fd);
	json = text.s;
	if (!e && strncmp(json, "#!", 2) == 0)
		json += strcspn(json, "\n");
	if (!e)
		e = err_wrap(json_parse(json, text.len - (size_t)(json - text.s), ret),
			     "the module's arguments (%s)", what);
	buf_wipe(&text);
	if (!e && !json_object_is_type(*ret, json_type_object))
		e = err_new(ERR_USAGE, "the module's arguments are %s, no dictionary",
			    json_type_words(*ret));
	if (e)
		e->kind = ERR_USAGE;
	return e;
}

/* The result on standard output: a list that comes piece by piece, then all the rest. */
struct printer {
	struct sink sink;
	bool begun;
};

static const char *text(struct json_object *v)
{
	return json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN |
							 JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void print_element(struct sink *sink, const char *key, struct json_object *element)
{
	struct printer *p = (struct printer *)sink;

	if (p->begun)
		(void)fputs(",", stdout);
	else
		(void)printf("{\"%s\":[", key);
	p->begun = true;
	(void)fputs(text(element), stdout);
}

static void print_rest(const struct printer *p, struct json_object *result)
{
	if (p->begun)
		(void)printf("],%s\n", text(result) + 1);
	else
		(void)puts(text(result));
}

int adapter_main(const struct system *s, int argc, char **argv)
{
	struct printer printer = { { print_element }, false };
	AUTO_JSON given = NULL;
	AUTO_JSON result = NULL;
	struct err *e;
	int code = 0;

	if (by_hand(s, argc, argv, &code))
		return code;
	e = read_args(argc > 1 ? argv[argc - 1] : NULL, &given);
	if (e) {
		result = json_object_new_object();
		result_error(result, e);
	} else {
		result = task_run(s, given, argv[0], &printer.sink);
	}
	print_rest(&printer, result);
	return 0;
}
