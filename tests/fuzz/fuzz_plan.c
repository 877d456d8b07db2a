/* Plans: taken or refused with words, and nothing is done. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(struct err *e)
{
	struct json_object *line = agent_refusal(e);
	const char *why = json_str(line, "refused");

	if (!why || !*why || json_truth(line, "ok", true))
		abort();
	json_object_put(line);
}

/* What the steps' functions rely on. */
static void check_steps(const struct agent *a)
{
	for (size_t i = 0; i < a->nsteps; i++)
		if (!a->steps[i].kind || !a->steps[i].kind->run ||
		    strcmp(a->steps[i].kind->name, json_str(a->steps[i].args, "do")) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent a = { .lock = -1, .signals = -1 };
	struct json_object *plan = NULL;
	struct err *e;

	if (size > 64 << 10)
		return 0;
	e = json_parse((const char *)data, size, &plan);
	if (!e)
		e = agent_take(&a, plan);
	if (e)
		check_refusal(e);
	else
		check_steps(&a);
	agent_release(&a);
	return 0;
}
