#include "system.h"
#include "session/session.h"

static const char *const *secrets(struct connection *c)
{
	return session_secrets(c->self);
}

static void disconnect(struct connection *c)
{
	session_free(c->self);
}

static struct err *connect_session(struct json_object *options, struct connection *ret)
{
	struct session *s = NULL;
	struct err *e = session_new(options, &s);

	if (!e)
		*ret = (struct connection){
			.api = session_api(s), .secrets = secrets, .close = disconnect, .self = s
		};
	return e;
}

const struct system openstack_system = {
	.name = "openstack",
	.collection = "treenail.openstack",
	.program = "treenail-openstack",
	.peer = "openstack.cloud",
	.connection = session_options,
	.resources = resources,
	.common = true,
	.connect = connect_session,
};
