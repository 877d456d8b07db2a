#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "by_hand.h"
#include "emit.h"

static void list(const struct module *m, void *arg)
{
	(void)fprintf(arg, "%s\n", module_name(m));
}

static void row(const struct module *m, void *arg)
{
	emit_row(m, arg);
}

static int page(const struct system *s, const char *name,
		void (*emit)(const struct module *m, FILE *out))
{
	struct module m;
	AUTO_ERR e = module_named(s, name, &m);

	if (e) {
		(void)fprintf(stderr, "%s: %s\n", s->program, e->text);
		return 1;
	}
	emit(&m, stdout);
	return 0;
}

static int help(const struct system *s, FILE *out, int code)
{
	(void)fprintf(out,
		      "%s: the modules of the Ansible collection %s.\n"
		      "Ansible runs it with a file of arguments. By hand:\n"
		      "  %s --list | --table | --doc MODULE | --markdown MODULE | --version\n"
		      "  echo '{\"_ansible_module_name\":\"MODULE\",\"OPTION\":\"VALUE\"}' | %s\n",
		      s->program, s->collection, s->program, s->program);
	return code;
}

bool by_hand(const struct system *s, int argc, char **argv, int *ret)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 1 && isatty(STDIN_FILENO)) {
		*ret = help(s, stderr, 2);
	} else if (strcmp(verb, "--list") == 0) {
		module_each(s, list, stdout);
	} else if (strcmp(verb, "--table") == 0) {
		(void)puts("| module | what it does |\n|---|---|");
		module_each(s, row, stdout);
	} else if (strcmp(verb, "--doc") == 0 && argc == 3) {
		*ret = page(s, argv[2], emit_ansible);
	} else if (strcmp(verb, "--markdown") == 0 && argc == 3) {
		*ret = page(s, argv[2], emit_markdown);
	} else if (strcmp(verb, "--version") == 0) {
		(void)printf("%s %s\n", s->program, VERSION);
	} else if (strncmp(verb, "--", 2) == 0) {
		*ret = help(s, strcmp(verb, "--help") == 0 ? stdout : stderr,
			    strcmp(verb, "--help") == 0 ? 0 : 2);
	} else {
		return false;
	}
	return true;
}
