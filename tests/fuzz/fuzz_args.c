/* Any arguments at all, through every check up to the first call, which never gets anywhere. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "task.h"

static struct err *dead_call(struct api *api, const struct request *req, struct json_object **ret)
{
	(void)api;
	(void)req;
	(void)ret;
	return err_new(ERR_NETWORK, "connection refused");
}

static struct err *dead_text(struct api *api, const char **ret)
{
	(void)api;
	*ret = "";
	return NULL;
}

static struct json_object *dead_settings(struct api *api)
{
	(void)api;
	return json_object_new_object();
}

static struct err *dead_offers(struct api *api, const char *service, const char *microversion,
			       bool *ret)
{
	(void)api;
	(void)service;
	(void)microversion;
	*ret = true;
	return NULL;
}

static int64_t now_ms;

static void dead_sleep(struct api *api, int64_t ms)
{
	(void)api;
	now_ms += ms;
}

static int64_t dead_now(struct api *api)
{
	(void)api;
	return ++now_ms;
}

static struct err *connect_nothing(struct json_object *options, struct connection *ret)
{
	static struct api api = { .call = dead_call,
				  .project = dead_text,
				  .user = dead_text,
				  .token = dead_text,
				  .settings = dead_settings,
				  .offers = dead_offers,
				  .sleep_ms = dead_sleep,
				  .now_ms = dead_now };

	(void)options;
	*ret = (struct connection){ .api = &api };
	return NULL;
}

static struct json_object *run_task(struct json_object *given)
{
	struct system with = openstack_system;

	with.connect = connect_nothing;
	return task_run(&with, given, "network", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STR text = xstrndup((const char *)data, size);
	struct json_object *given = NULL;
	struct json_object *result, *again = NULL;
	struct err *e = json_parse(text, strlen(text), &given);
	const char *printed;

	/* Options that name files have them read: the fuzzer is not to roam the machine. */
	if (e || strstr(text, "file")) {
		err_free(e);
		json_object_put(given);
		return 0;
	}
	result = run_task(given);
	printed = json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN);
	e = json_parse(printed, strlen(printed), &again);
	if (e || !json_object_is_type(again, json_type_object))
		abort(); /* Ansible could not read it */
	json_object_put(again);
	json_object_put(result);
	json_object_put(given);
	return 0;
}
