#include <string.h>

#include "openstack/shared.h"
#include "resource.h"
#include "text.h"

extern const struct resource os_image, os_server;

static const char IDLE[] = "ACTIVE SHUTOFF PAUSED SUSPENDED SHELVED SHELVED_OFFLOADED RESCUE "
			   "VERIFY_RESIZE ERROR";

static const struct action_row {
	const char *name, *wire;
	const char *done;  /* statuses that make the action needless; NULL: it is always done */
	const char *ready; /* phases it ends in */
} rows[] = {
	{ "lock", "lock", NULL, NULL },
	{ "pause", "pause", "PAUSED", "PAUSED" },
	{ "reboot_hard", "reboot", NULL, "ACTIVE" },
	{ "reboot_soft", "reboot", NULL, "ACTIVE" },
	{ "rebuild", "rebuild", NULL, "ACTIVE SHUTOFF" },
	{ "resume", "resume", "ACTIVE", "ACTIVE" },
	{ "shelve", "shelve", "SHELVED SHELVED_OFFLOADED", "SHELVED SHELVED_OFFLOADED" },
	{ "shelve_offload", "shelveOffload", "SHELVED_OFFLOADED", "SHELVED_OFFLOADED" },
	{ "start", "os-start", "ACTIVE", "ACTIVE" },
	{ "stop", "os-stop", "SHUTOFF", "SHUTOFF" },
	{ "suspend", "suspend", "SUSPENDED", "SUSPENDED" },
	{ "unlock", "unlock", NULL, NULL },
	{ "unpause", "unpause", "ACTIVE", "ACTIVE" },
	{ "unshelve", "unshelve", "ACTIVE", "ACTIVE SHUTOFF" },
};

static const struct action_row *row_named(const char *name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static bool needed(struct op *op, const struct action_row *row)
{
	const char *status = json_str(op->have, "status");

	if (!row->ready) /* lock, unlock */
		return json_truth(op->have, "is_locked", false) != (*row->name == 'l');
	return !row->done || !status || !words_have(row->done, status);
}

/* What --diff shows: the state where there is but one it can end in, else the action. */
static void tell(struct op *op, const struct action_row *row)
{
	struct plan *p = &op->out->plan;
	struct json_object *change = json_object_new_object();
	const bool certain =
		row->done && strcmp(row->done, row->ready) == 0 && !strchr(row->ready, ' ');
	const char *attr = !row->ready ? "is_locked" : certain ? "status" : "action";

	p->changes = json_wrap(attr, change);
	json_set(change, "before", json_copy(json_at(op->have, attr)));
	if (row->ready)
		json_sets(change, "after", certain ? row->ready : row->name);
	else
		json_set(change, "after", json_object_new_boolean(*row->name == 'l'));
}

static struct err *argument(struct op *op, const struct action_row *row, struct json_object **ret)
{
	const char *password = json_str(op->want, "admin_password");
	AUTO_STR image = NULL;
	struct err *e;

	*ret = NULL;
	if (strcmp(row->wire, "reboot") == 0)
		*ret = json_wrap("type",
				 json_object_new_string(
					 strcmp(row->name, "reboot_soft") == 0 ? "SOFT" : "HARD"));
	if (strcmp(row->name, "rebuild") != 0)
		return NULL;
	e = op_ref(op, &os_image, "image", json_str(op->want, "image"), &image);
	if (e)
		return e;
	*ret = json_wrap("imageRef", json_object_new_string(image));
	if (password)
		json_sets(*ret, "adminPass", password);
	return NULL;
}

static struct err *act(struct op *op, const struct action_row *row, struct json_object *arg)
{
	const char *first = json_str(op->have, "status");
	AUTO_STR failed = xasprintf(
		"ERROR %s", first && row->ready && !words_have(row->ready, first) ? first : "");
	struct err *e = op_action(op, row->wire, arg);

	if (e)
		return e;
	return row->ready && op->wait ? op_wait_on(op, "phase", row->ready, failed) : op_reload(op);
}

/* The server; one that is still at something (a killed run's stop) is waited for first. */
static struct err *find(struct op *op)
{
	const char *name = json_str(op->want, "name");
	const char *scope = json_truth(op->want, "all_projects", false) ? "all_tenants=True" : NULL;
	struct err *e = resource_find(op->api, op->r, name, scope, &op->have);

	if (!e && !op->have)
		e = err_new(ERR_NOT_FOUND, "no server is named '%s'", name);
	if (!e)
		e = needs_text(op->have, "server", "id");
	if (!e)
		e = needs_text(op->have, "server", "phase");
	if (e)
		return e;
	op->out->id = xstrdup(json_str(op->have, "id"));
	op->id = op->out->id;
	if (op->check || !op->wait || words_have(IDLE, json_str(op->have, "phase")))
		return NULL;
	return op_wait_on(op, "phase", IDLE, NULL);
}

static struct err *run_on_server(struct op *op)
{
	const struct action_row *row = row_named(json_str(op->want, "action"));
	AUTO_JSON arg = NULL;
	struct err *e = find(op);

	if (!e && needed(op, row)) {
		e = argument(op, row, &arg);
		if (e)
			return e;
		tell(op, row);
		op->out->changed = op->check;
		if (!op->check)
			e = act(op, row, TAKE(arg));
	}
	return err_wrap(e, "%s", row->name);
}

static struct err *run(struct op *op)
{
	const struct resource *own = op->r;
	struct err *e;

	op->r = &os_server;
	e = run_on_server(op);
	op->r = own;
	if (op->have && !op->check)
		op->out->extra = json_wrap("server", attrs_public(os_server.attrs, op->have));
	return e;
}

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | OPTION, "Name or ID of the server.", .aliases = "server" },
	{ "action", STR, REQUIRED | OPTION, "What to do with it.",
	  .choices = "lock pause reboot_hard reboot_soft rebuild resume shelve shelve_offload "
		     "start stop suspend unlock unpause unshelve" },
	{ "image", STR, OPTION, "Image to rebuild it from, by name or ID." },
	{ "admin_password", STR, OPTION | SECRET,
	  "Password for the administrator of a rebuilt server." },
	{ "all_projects", BOOL, OPTION, "Whether to look for the name in all projects.",
	  .value = "false" },
	{ 0 },
};

static const struct rule rules[] = {
	{ NEEDS_ALL, "image", "action=rebuild" },
	{ 0 },
};

static const struct attr returned[] = {
	{ "server", MAP, READONLY, "The server, as the module server returns it." },
	{ 0 },
};

const struct resource os_server_action = {
	.name = "server_action",
	.doc = "Start, stop, rebuild a server, or do something else to it that is no property of it.",
	.service = "compute",
	.attrs = attrs,
	.rules = rules,
	.run = run,
	.returned = returned,
	.example = "- name: Stop a server\n"
		   "  treenail.openstack.server_action:\n"
		   "    cloud: demo\n"
		   "    name: tn-example-server\n"
		   "    action: stop\n",
};
