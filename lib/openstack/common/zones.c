/* Availability zones: data sources of Terraform, of two services that tell of them alike. */
#include <string.h>

#include "openstack/shared.h"
#include "openstack/zones.h"

static int by_name(const void *x, const void *y)
{
	return strcmp(json_object_get_string(*(struct json_object *const *)x),
		      json_object_get_string(*(struct json_object *const *)y));
}

/* The names of those that are, or are not, available; sorted. */
static struct json_object *names_of(struct json_object *zones, bool available)
{
	struct json_object *names = json_object_new_array();

	for (size_t i = 0; i < json_len(zones); i++) {
		struct json_object *zone = json_nth(zones, i);

		if (json_str(zone, "zoneName") &&
		    json_truth(zone, "zoneState.available", false) == available)
			json_object_array_add(names, json_copy(json_at(zone, "zoneName")));
	}
	json_object_array_sort(names, by_name);
	return names;
}

static struct err *open_zones(struct tf_op *t, const char *service)
{
	const char *state = json_str(t->config, "state");
	AUTO_STR id = xasprintf("%s/%s", service, state ? state : "available");
	AUTO_JSON answer = NULL;
	struct err *e = other_call(t->op, service, "GET", "/os-availability-zone", NULL, &answer);

	if (e)
		return e;
	json_sets(t->state, "id", id);
	json_sets(t->state, "state", state ? state : "available");
	json_set(t->state, "names",
		 names_of(json_at(answer, "availabilityZoneInfo"),
			  !state || strcmp(state, "available") == 0));
	return NULL;
}

static struct err *open_compute(struct tf_op *t)
{
	return open_zones(t, "compute");
}

static struct err *open_volumes(struct tf_op *t)
{
	return open_zones(t, "block-storage");
}

static const struct tf_attr rows[] = {
	{ "state", TF_OC, "", "Which zones: those that are available, by default, or not.",
	  .choices = "available unavailable" },
	{ "names", TF_COMPUTED, "", "Their names.", .type = "[\"list\",\"string\"]" },
	{ 0 },
};

const struct tf_kind compute_availability_zones_v2 = {
	.name = "compute_availability_zones_v2",
	.what = TF_DATA,
	.doc = "The availability zones for instances.",
	.attrs = rows,
	.open = open_compute,
	.example = "data \"openstack_compute_availability_zones_v2\" \"zones\" {}\n",
};

const struct tf_kind blockstorage_availability_zones_v3 = {
	.name = "blockstorage_availability_zones_v3",
	.what = TF_DATA,
	.doc = "The availability zones for volumes.",
	.attrs = rows,
	.open = open_volumes,
	.example = "data \"openstack_blockstorage_availability_zones_v3\" \"zones\" {}\n",
};
