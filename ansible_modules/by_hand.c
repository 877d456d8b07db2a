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

static int page(const char *name, void (*emit)(const struct module *m, FILE *out))
{
	struct module m;
	AUTO_ERR e = module_named(name, &m);

	if (e) {
		(void)fprintf(stderr, "treenail-openstack: %s\n", e->text);
		return 1;
	}
	emit(&m, stdout);
	return 0;
}

static int help(FILE *out, int code)
{
	(void)fputs(
		"treenail-openstack: the modules of the Ansible collection treenail.openstack.\n"
		"Ansible runs it with a file of arguments. By hand:\n"
		"  treenail-openstack --list | --table | --doc MODULE | --markdown MODULE | --version\n"
		"  echo '{\"_ansible_module_name\":\"networks_info\",\"cloud\":\"demo\"}' | treenail-openstack\n",
		out);
	return code;
}

bool by_hand(int argc, char **argv, int *ret)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 1 && isatty(STDIN_FILENO)) {
		*ret = help(stderr, 2);
	} else if (strcmp(verb, "--list") == 0) {
		module_each(list, stdout);
	} else if (strcmp(verb, "--table") == 0) {
		(void)puts("| module | what it does |\n|---|---|");
		module_each(row, stdout);
	} else if (strcmp(verb, "--doc") == 0 && argc == 3) {
		*ret = page(argv[2], emit_ansible);
	} else if (strcmp(verb, "--markdown") == 0 && argc == 3) {
		*ret = page(argv[2], emit_markdown);
	} else if (strcmp(verb, "--version") == 0) {
		(void)puts("treenail-openstack " VERSION);
	} else if (strncmp(verb, "--", 2) == 0) {
		*ret = help(strcmp(verb, "--help") == 0 ? stdout : stderr,
			    strcmp(verb, "--help") == 0 ? 0 : 2);
	} else {
		return false;
	}
	return true;
}
