#include <string.h>

#include "agent/child.h"
#include "agent/files.h"

static const struct agent_field fields[] = { { 0 } };

/*
 * What is owed to it is paid before it begins: whoever comes back after it must not begin anew. It is the
 * last thing that this plan does.
 */
static struct err *run(struct step *s)
{
	struct err *e;
	bool go;

	e = step_change(s, &go);
	if (e || !go)
		return e;
	e = owed_done(s->agent, s);
	if (!e)
		e = CHILD_GET(s->agent, NULL, "systemctl", "--no-block", "reboot");
	if (!e)
		s->agent->rebooting = file_line("/proc/sys/kernel/random/boot_id");
	return e;
}

const struct agent_kind agent_reboot = {
	.name = "reboot",
	.flags = KIND_ROOT,
	.fields = fields,
	.run = run,
};
