#include <ctype.h>
#include <string.h>

#include "openstack/shared.h"
#include "terraform.h"

/* ---- reading ---- */

/* Before 2.75 Nova says "" for no swap. */
static struct json_object *decode_swap(struct json_object *wire)
{
	struct json_object *v = json_at(wire, "swap");

	if (json_object_is_type(v, json_type_string))
		return json_object_new_int64(json_object_get_int64(v));
	return json_copy(v);
}

static struct json_object *decode_id(struct json_object *wire)
{
	return json_copy(json_at(wire, "id"));
}

/* ---- wanting ---- */

/* Nothing is deleted to be made anew with a size that Nova refuses. */
static struct err *check_sizes(struct json_object *values)
{
	static const struct {
		const char *name;
		int least;
	} sizes[] = {
		{ "ram", 1 }, { "vcpus", 1 }, { "disk", 0 }, { "ephemeral", 0 }, { "swap", 0 }
	};

	for (size_t i = 0; i < COUNT(sizes); i++)
		if (json_int(values, sizes[i].name, sizes[i].least) < sizes[i].least)
			return err_at(err_new(ERR_USAGE, "%s must be at least %d", sizes[i].name,
					      sizes[i].least),
				      sizes[i].name);
	return NULL;
}

static struct err *prepare(struct op *op)
{
	/* Earlier releases of openstack.cloud meant "make one up" by it. */
	if (json_is_str(json_at(op->want, "id"), "auto"))
		json_object_object_del(op->want, "id");
	if (json_at(op->want, "extra_specs"))
		json_set(op->want, "extra_specs", texts(json_at(op->want, "extra_specs")));
	return check_sizes(op->want);
}

static struct err *find(struct op *op)
{
	const char *id = json_str(op->want, "id");
	struct err *e = NULL;

	if (json_at(op->want, "description"))
		e = needs_microversion(op, "2.55", "description");
	if (e || !id)
		return e ? e : resource_find_ops(op, 1);
	return resource_try_get(op->api, op->r, id, &op->have);
}

static struct err *expand(struct op *op)
{
	AUTO_STR id = json_text(json_at(op->have, "id"));
	AUTO_BUF tail = BUF_INIT;
	AUTO_JSON answer = NULL;
	struct err *e = NULL;

	if (!json_at(op->have, "extra_specs")) { /* before 2.61 they are told by themselves */
		buf_adds(&tail, "/");
		buf_addurl(&tail, id);
		buf_adds(&tail, "/os-extra_specs");
		e = op_call(op, "GET", tail.s, NULL, &answer);
	}
	if (!e && answer)
		json_set(op->have, "extra_specs", json_copy(json_at(answer, "extra_specs")));
	/* What is not asked for stays as it is, also where the flavor is made anew. */
	for (const struct attr *a = op->r->attrs; a->name && !e; a++)
		if (!(a->flags & (READONLY | OPTION)) && !json_has(op->want, a->name) &&
		    json_at(op->have, a->name))
			json_set(op->want, a->name, json_copy(json_at(op->have, a->name)));
	return e;
}

/* ---- changing ---- */

static struct err *set_extra_specs(struct op *op, const struct attr *a, struct json_object *value)
{
	struct json_object *have = json_at(op->have, a->name);
	const bool known = json_object_is_type(have, json_type_object);
	AUTO_JSON added = json_object_new_object();
	AUTO_BUF tail = BUF_INIT;
	struct err *e = NULL;

	buf_adds(&tail, "/");
	buf_addurl(&tail, op->id);
	buf_adds(&tail, "/os-extra_specs");
	if (!json_object_is_type(value, json_type_object))
		return NULL; /* the service's own nonsense, to be kept as it is */
	json_object_object_foreach(value, key, v) {
		if (!json_object_equal(v, json_at(have, key)))
			json_set(added, key, json_object_get(v));
	}
	if (json_object_object_length(added)) {
		AUTO_JSON body = json_wrap(a->name, json_object_get(added));

		e = op_call(op, "POST", tail.s, body, NULL);
	}
	if (!known || e)
		goto out;
	json_object_object_foreach(have, old, gone) {
		AUTO_BUF one = BUF_INIT;

		(void)gone;
		if (e || json_has(value, old))
			continue;
		buf_addf(&one, "%s/", tail.s);
		buf_addurl(&one, old);
		e = op_call(op, "DELETE", one.s, NULL, NULL);
	}
out:
	if (!e)
		json_set(op->have, a->name, json_copy(value));
	return e;
}

/* A private flavor that is made anew stays open to the projects it was open to. */
static struct err *keep_access(struct op *op)
{
	AUTO_JSON answer = NULL;
	AUTO_BUF tail = BUF_INIT;
	struct err *e;

	if (op->out->plan.action != REPLACED || json_truth(op->have, "is_public", true))
		return NULL;
	buf_adds(&tail, "/");
	buf_addurl(&tail, op->id);
	buf_adds(&tail, "/os-flavor-access");
	e = op_call(op, "GET", tail.s, NULL, &answer);
	if (!e)
		json_set(op->want, "_access", json_copy(json_at(answer, "flavor_access")));
	return e;
}

static struct err *give_access(struct op *op)
{
	struct json_object *list = json_at(op->want, "_access");
	struct err *e = NULL;

	if (json_truth(op->have, "is_public", true))
		return NULL;
	for (size_t i = 0; i < json_len(list) && !e; i++) {
		struct json_object *project = json_at(json_nth(list, i), "tenant_id");

		e = op_action(op, "addTenantAccess", json_wrap("tenant", json_copy(project)));
	}
	return e;
}

static const struct attr attrs[] = {
	{ "name", STR, REQUIRED | REPLACES, "Name of the flavor." },
	{ "id", STR, REPLACES, "ID to create it with, or to find it by; made up if not given.",
	  .aliases = "flavorid", .decode = decode_id },
	{ "description", STR, 0, "Free text for people." },
	{ "ram", INT, REPLACES, "Memory in MiB.", .states = "present" },
	{ "vcpus", INT, REPLACES, "Number of virtual processors.", .states = "present" },
	{ "disk", INT, REPLACES, "Size of the root disk in GiB.", .states = "present" },
	{ "ephemeral", INT, REPLACES, "Size of the disk that is lost with the server, in GiB.",
	  .wire = "OS-FLV-EXT-DATA:ephemeral" },
	{ "swap", INT, REPLACES, "Swap space in MiB.", .decode = decode_swap },
	{ "rxtx_factor", FLOAT, REPLACES, "Bandwidth relative to the network's." },
	{ "is_public", BOOL, REPLACES, "Whether all projects may use it.",
	  .wire = "os-flavor-access:is_public" },
	{ "extra_specs", MAP, 0, "Further properties; those not named here are removed.",
	  .set = set_extra_specs },
	{ "is_disabled", BOOL, READONLY, "Whether it can no longer be chosen.",
	  .read = "OS-FLV-DISABLED:disabled" },
	{ "original_name", STR, READONLY, "Its name as servers tell it; null here." },
	{ 0 },
};

/* ---- compute_flavor_info ---- */

struct range {
	enum { EXACT, LESS, MORE, AT_MOST, AT_LEAST, LEAST, MOST } kind;
	int64_t n;
};

static struct err *range_parse(const char *option, const char *s, struct range *ret)
{
	static const struct {
		const char *text;
		int kind;
	} kinds[] = { { "<=", AT_MOST }, { ">=", AT_LEAST }, { "<", LESS }, { ">", MORE } };
	const char *digits = s;
	char *end;

	ret->kind = EXACT;
	if (strcasecmp(s, "min") == 0 || strcasecmp(s, "max") == 0) {
		ret->kind = tolower((unsigned char)s[1]) == 'i' ? LEAST : MOST;
		return NULL;
	}
	for (size_t i = 0; i < COUNT(kinds) && digits == s; i++) {
		if (strncmp(s, kinds[i].text, strlen(kinds[i].text)) == 0) {
			ret->kind = kinds[i].kind;
			digits = s + strlen(kinds[i].text);
		}
	}
	ret->n = strtoll(digits, &end, 10);
	if (end == digits || *end)
		return err_at(err_new(ERR_USAGE,
				      "%s: '%s' is no number, none after <, >, <= or >=, and "
				      "neither MIN nor MAX",
				      option, s),
			      option);
	return NULL;
}

static bool in_range(const struct range *range, int64_t n)
{
	switch (range->kind) {
	case LESS: return n < range->n;
	case MORE: return n > range->n;
	case AT_MOST: return n <= range->n;
	case AT_LEAST: return n >= range->n;
	case EXACT:
	case LEAST:
	case MOST: break;
	}
	return n == range->n;
}

/* MIN and MAX are those of all flavors, whatever the other options say. */
static void range_bind(struct range *range, const char *attr, struct json_object *all)
{
	for (size_t i = 0; i < json_len(all); i++) {
		const int64_t n = json_int(json_nth(all, i), attr, 0);

		if (i == 0 || (range->kind == LEAST && n < range->n) ||
		    (range->kind == MOST && n > range->n))
			range->n = n;
	}
}

static struct err *choose(struct op *op, struct json_object **list)
{
	static const char *const names[] = { "ram", "vcpus", "ephemeral" };
	const int64_t limit = json_int(op->want, "limit", INT64_MAX);
	struct range ranges[COUNT(names)] = { 0 };
	struct json_object *chosen;

	for (size_t k = 0; k < COUNT(names); k++) {
		const char *s = json_str(op->want, names[k]);
		struct err *e = s ? range_parse(names[k], s, &ranges[k]) : NULL;

		if (e)
			return e;
		if (s && (ranges[k].kind == LEAST || ranges[k].kind == MOST))
			range_bind(&ranges[k], names[k], *list);
	}
	chosen = json_object_new_array();
	for (size_t i = 0; i < json_len(*list) && (int64_t)json_len(chosen) < limit; i++) {
		struct json_object *one = json_nth(*list, i);
		bool meant = true;

		for (size_t k = 0; k < COUNT(names); k++)
			meant = meant && (!json_at(op->want, names[k]) ||
					  in_range(&ranges[k], json_int(one, names[k], 0)));
		if (meant)
			json_object_array_add(chosen, json_object_get(one));
	}
	json_object_put(*list);
	*list = chosen;
	return NULL;
}

static const struct attr params[] = {
	{ "ephemeral", STR, OPTION, "Only flavors with this ephemeral disk: as for ram." },
	{ "ram", STR, OPTION,
	  "Only flavors with this memory in MiB: a number, <, >, <= or >= and a number, MIN or MAX." },
	{ "vcpus", STR, OPTION, "Only flavors with this many processors: as for ram." },
	{ "limit", INT, OPTION, "Most flavors to return." },
	{ 0 },
};

static const struct info info = {
	.name = "compute_flavor_info",
	.doc = "Tell about flavors.",
	.returns = "flavors",
	.params = params,
	.no_filters = true,
	.select = choose,
	.smallest = "ram vcpus disk ephemeral",
	.example = "- name: The smallest flavor with two processors\n"
		   "  treenail.openstack.compute_flavor_info:\n"
		   "    cloud: demo\n"
		   "    vcpus: \">=2\"\n"
		   "    limit: 1\n",
};

/* ---- in Terraform files ---- */

static struct err *check_plan(struct tf_op *t)
{
	if (json_is_str(json_at(t->planned, "flavor_id"), "auto"))
		return err_at(err_new(ERR_USAGE, "flavor_id: for an ID that is made up, leave this "
						 "out: 'auto' would be another one ever after"),
			      "flavor_id");
	return check_sizes(t->planned);
}

static struct err *check_service(struct tf_op *t)
{
	return json_empty(json_at(t->op->want, "description"))
		       ? NULL
		       : needs_microversion(t->op, "2.55", "description");
}

static const struct tf_attr rows[] = {
	{ "name", TF_REQUIRED },
	{ "ram", TF_REQUIRED },
	{ "vcpus", TF_REQUIRED },
	{ "disk", TF_REQUIRED },
	{ "flavor_id", TF_OC, "id", "ID to create it with; made up if not given." },
	{ "description" },
	{ "swap", .value = "0" },
	{ "ephemeral", .value = "0" },
	{ "rx_tx_factor", 0, "rxtx_factor", .value = "1" },
	{ "is_public", .value = "false" },
	{ "extra_specs", TF_OC },
	{ 0 },
};

static const struct tf_kind compute_flavor_v2 = {
	.name = "compute_flavor_v2",
	.doc = "A size that instances can have; for administrators.",
	.attrs = rows,
	.flags = TF_EXPAND,
	.plan = check_plan,
	.prepare = check_service,
	.example = "resource \"openstack_compute_flavor_v2\" \"small\" {\n"
		   "  cloud       = \"admin\"\n"
		   "  name        = \"example-small\"\n"
		   "  ram         = 512\n"
		   "  vcpus       = 1\n"
		   "  disk        = 1\n"
		   "  is_public   = true\n"
		   "  extra_specs = { \"hw:cpu_policy\" = \"shared\" }\n"
		   "}\n",
};

/* The service compares these two by itself. */
static struct err *add_least(struct tf_op *t, struct buf *query)
{
	const int64_t ram = json_int(t->config, "min_ram", 0);
	const int64_t disk = json_int(t->config, "min_disk", 0);

	if (ram)
		buf_addf(query, "%sminRam=%lld", query->len ? "&" : "", (long long)ram);
	if (disk)
		buf_addf(query, "%sminDisk=%lld", query->len ? "&" : "", (long long)disk);
	return NULL;
}

static const struct tf_attr data_rows[] = {
	{ "flavor_id", 0, "id", "ID of the flavor." },
	{ "name" },
	{ "description" },
	{ "ram" },
	{ "vcpus" },
	{ "disk" },
	{ "min_ram", 0, "", "Least memory in MiB.", .type = "\"number\"" },
	{ "min_disk", 0, "", "Least size of the root disk in GiB.", .type = "\"number\"" },
	{ "swap" },
	{ "rx_tx_factor", 0, "rxtx_factor" },
	{ "is_public" },
	{ "extra_specs", TF_COMPUTED, .doc = "Further properties." },
	{ 0 },
};

static const struct rule data_rules[] = {
	{ EXCLUSIVE, "flavor_id name" },
	{ EXCLUSIVE, "flavor_id ram" },
	{ EXCLUSIVE, "flavor_id min_ram" },
	{ EXCLUSIVE, "flavor_id vcpus" },
	{ EXCLUSIVE, "flavor_id disk" },
	{ EXCLUSIVE, "flavor_id min_disk" },
	{ EXCLUSIVE, "flavor_id swap" },
	{ EXCLUSIVE, "flavor_id rx_tx_factor" },
	{ 0 },
};

static const struct tf_kind data_flavor_v2 = {
	.name = "compute_flavor_v2",
	.what = TF_DATA,
	.doc = "A size for instances that is there already.",
	.attrs = data_rows,
	.example = "data \"openstack_compute_flavor_v2\" \"tiny\" {\n"
		   "  name = \"m1.tiny\"\n"
		   "}\n",
	.rules = data_rules,
	.flags = TF_EXPAND,
	.query = add_least,
};

static const struct tf_kind *const terraform[] = { &compute_flavor_v2, &data_flavor_v2, NULL };

const struct resource os_compute_flavor = {
	.name = "compute_flavor",
	.doc = "Manage a flavor: a size that servers can have.",
	.service = "compute",
	.path = "/flavors",
	.key = "flavor",
	.keys = "flavors",
	.list = "/flavors/detail",
	.list_query =
		"is_public=None", /* of administrators: private ones too; others' is ignored */
	.microversion = "2.75",
	.update = "PUT",
	.flags = LIST_ONLY | REPLACE_OK,
	.attrs = attrs,
	.prepare = prepare,
	.find = find,
	.expand = expand,
	.before_delete = keep_access,
	.created = give_access,
	.info = &info,
	.terraform = terraform,
	.example = "- name: A flavor\n"
		   "  treenail.openstack.compute_flavor:\n"
		   "    cloud: admin\n"
		   "    name: tn-example-flavor\n"
		   "    ram: 512\n"
		   "    vcpus: 1\n"
		   "    disk: 1\n"
		   "    extra_specs: {\"hw:cpu_policy\": shared}\n"
		   "- name: Remove it\n"
		   "  treenail.openstack.compute_flavor:\n"
		   "    cloud: admin\n"
		   "    name: tn-example-flavor\n"
		   "    state: absent\n",
};
