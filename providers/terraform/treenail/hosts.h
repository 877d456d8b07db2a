#ifndef TREENAIL_HOSTS_H
#define TREENAIL_HOSTS_H

#include "adapter/kind.h"
#include "ssh/hosts.h"

/*
 * The hosts that one process works on. What the provider block says is beneath what a resource's `host`
 * says; both are options of ssh_host_options[] (ssh/hosts.h). All work is done by one run of the SSH
 * engine (ssh/pool.h), which connects to a host once however many resources are there. Nothing is
 * connected to before it is needed. From any thread.
 */
extern const struct backend hosts_backend;
/* Rows of the provider block that are no options of hosts: secrets, and how many at once. */
extern const struct tf_attr hosts_config[];
/* Options that make no sense there. */
extern const char hosts_no_options[];

/* The row `host` of a resource: a string or an object, checked by hosts_check(). */
#define HOST_ROW                                                                               \
	{                                                                                      \
		"host", TF_REQUIRED | TF_NESTED | TF_SINGLE, "",                               \
			"The host: its address, as in `\"[user@]host[:port]\"`, or an object " \
			"that also says how it is reached where the provider block does "      \
			"not.",                                                                \
			.options = ssh_host_options                                            \
	}

/* Values as whoever is no Terraform has them: without what is null, or not known, and without dynamic's types. Owned. */
struct json_object *hosts_plain(struct json_object *v);

/* What a run of its own (cluster/run.h) needs of the provider block. */
struct login {
	struct json_object *block;
	struct json_object *defaults; /* options of hosts */
	struct ssh_secrets secrets;   /* borrowed of block */
};
/* ERR_USAGE where hosts_known() is false. */
MUST_USE struct err *hosts_login(struct login *ret);
void login_release(struct login *l);

/* For validate hooks: options and their types; what is not known yet passes, and no file is looked at. */
MUST_USE struct err *hosts_check(struct json_object *host);
/*
 * Whether work can be done: false if a value of the provider block is not known yet, because it is made in
 * the same run. *why, owned, says so.
 */
bool hosts_known(char **why);
/*
 * Runs task(session, arg) on `host` (as written), within t's timeout. The error begins with the host's name.
 * ERR_USAGE where hosts_known() is false.
 */
MUST_USE struct err *hosts_do(struct tf_op *t, struct json_object *host,
			      struct err *(*task)(struct ssh_session *s, void *arg), void *arg);
/*
 * Runs x where the rows host and sudo of `values` say, and as whom: x->sudo does not count. *ret must be
 * initialised; a status other than 0 is no error.
 */
MUST_USE struct err *hosts_run(struct tf_op *t, struct json_object *values,
			       const struct ssh_exec *x, struct ssh_result *ret);
/* The same of a script for a POSIX shell, by standard input: any login shell will do. */
MUST_USE struct err *hosts_script(struct tf_op *t, struct json_object *values, const char *text,
				  struct ssh_result *ret);
/* What a command said at last that has failed. */
MUST_USE struct err *hosts_failed(const struct ssh_result *r);
/* Whether what is done on `host` is done as root: `given` (a row), else the host's own option. */
MUST_USE struct err *hosts_sudo(struct json_object *host, struct json_object *given, bool *ret);
/* What tells one host from another: "web1:22" of its address and port, or "web1"; owned. NULL: not known yet. */
char *hosts_identity(const struct tf_op *t, struct json_object *host);
/* A change of identity makes a new object; of how to log in it does not. */
void hosts_plan(struct tf_op *t);
/* "[user@]host[:port]:/path" of an import into the rows host and path. */
MUST_USE struct err *hosts_import(struct tf_op *t, const char *id);

#endif
