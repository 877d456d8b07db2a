#ifndef ADAPTER_FUNCTION_H
#define ADAPTER_FUNCTION_H

#include "err.h"
#include "json.h"

/* A provider function: provider::openstack::NAME(...). Pure: no session, no files. */
struct parameter {
	const char *name, *type; /* Terraform's type as JSON */
	const char *doc;
};

enum { PARAMETERS_MOST = 6 };

struct function {
	const char *name, *summary, *doc, *returns, *example;
	struct parameter parameters[PARAMETERS_MOST];
	/* args: an array of as many. On failure *at is the argument that is wrong (-1: none). */
	MUST_USE struct err *(*call)(struct json_object *args, struct json_object **ret, int *at);
};

#endif
