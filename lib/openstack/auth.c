#include "resource.h"

static struct err *run(struct op *op)
{
	const char *token;
	struct err *e = op->api->token(op->api, &token);

	if (e)
		return e;
	op->out->extra = json_object_new_object();
	json_sets(op->out->extra, "auth_token", token);
	return NULL;
}

static const struct attr attrs[] = { { 0 } };

static const struct attr returned[] = {
	{ "auth_token", STR, READONLY | SECRET, "The token, for what else speaks to the cloud." },
	{ 0 },
};

const struct resource os_auth = {
	.name = "auth",
	.doc = "Log in and return the token.",
	.service = "identity",
	.attrs = attrs,
	.run = run,
	.returned = returned,
	.example = "- treenail.openstack.auth:\n"
		   "    cloud: demo\n"
		   "  register: login\n"
		   "  no_log: true\n"
		   "- ansible.builtin.assert:\n"
		   "    that: login.auth_token | length > 0\n",
};
