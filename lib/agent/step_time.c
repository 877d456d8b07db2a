#include <math.h>
#include <string.h>

#include "agent/facts.h"

static const struct agent_field fields[] = {
	{ "max_offset_s", FIELD_NUMBER, FIELD_NEEDED },
	{ "synchronized", FIELD_BOOL },
	{ 0 },
};

static struct err *run(struct step *s)
{
	const double most = json_object_get_double(json_at(s->args, "max_offset_s"));
	const double off = clock_offset(s->agent);
	const bool kept = clock_is_kept();
	struct json_object *after = json_object_new_object();

	json_set(s->line, "after", after);
	json_set(after, "synchronized", json_object_new_boolean(kept));
	if (s->agent->now > 0) {
		json_set(after, "offset_s", json_object_new_double(off));
		if (fabs(off) > most)
			return err_new(
				ERR_CONFLICT,
				"the clock is %.1f s %s: at most %.1f s are right; set it, and let NTP keep it",
				fabs(off), off > 0 ? "fast" : "slow", most);
	}
	if (!kept && json_truth(s->args, "synchronized", false))
		return err_new(ERR_CONFLICT,
			       "nobody keeps the clock: start systemd-timesyncd or chrony");
	return NULL;
}

const struct agent_kind agent_time = {
	.name = "time",
	.flags = KIND_READS,
	.fields = fields,
	.run = run,
};
