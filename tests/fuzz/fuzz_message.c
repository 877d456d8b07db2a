/*
 * A request: its method's name, a NUL, its bytes. Read or refused; a plan's values and a state are
 * looked at too, and the errors sent as diagnostics.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

static void look(struct call *c, const char *method, struct diags *d)
{
	static const char text[] = "[\"object\",{\"a\":\"string\",\"b\":[\"map\",\"number\"]}]";
	AUTO_JSON type = NULL;
	AUTO_JSON prior = NULL;
	AUTO_JSON config = NULL;
	AUTO_JSON state = NULL;
	const Tf__PlanResourceChange__Request *plan = c->in;
	const Tf__UpgradeResourceState__Request *upgrade = c->in;

	diags_err(d, "type", json_parse(text, strlen(text), &type));
	if (strcmp(method, "PlanResourceChange") == 0) {
		Tf__PlanResourceChange__Response *out = c->out;

		diags_err(d, "prior", message_value(plan->prior_state, type, &prior));
		diags_err(d, plan->type_name, message_value(plan->config, type, &config));
		diags_err(d, "sent", message_dynamic(&c->mem, config, type, &out->planned_state));
		diags_add(d, DIAG_WARNING, plan->type_name, "path", "%s", plan->type_name);
		out->diagnostics = d->list;
		out->n_diagnostics = d->n;
	}
	if (strcmp(method, "UpgradeResourceState") == 0)
		diags_err(d, "state", message_state(upgrade->raw_state, type, &state));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	AUTO_BUF reply = BUF_INIT;
	struct call c;

	if (!nul)
		return 0;
	AUTO_ERR e = call_open((const char *)data, nul + 1, size - (size_t)(nul + 1 - data), &c);
	if (e) {
		if (e->kind != ERR_PROTOCOL && e->kind != ERR_NOT_FOUND)
			abort();
	} else {
		struct diags d = { .mem = &c.mem };

		look(&c, (const char *)data, &d);
	}
	call_close(&c, &reply);
	return 0;
}
