/* Typed resources of Kubernetes: tables, and what their values are in the API and back. No server. */
#include "../providers/terraform/kubernetes/typed/rows.h"
#include "protocol/value.h"
#include "unit.h"

const struct tf_worker typed_worker = { 0 };

static const struct typed_kind *kind(const char *name)
{
	for (size_t i = 0; typed_kinds[i]; i++)
		if (typed_kinds[i]->what == TF_RESOURCE && strcmp(typed_kinds[i]->name, name) == 0)
			return typed_kind(typed_kinds[i]);
	ck_abort_msg("no kind %s", name);
	return NULL;
}

/* ---- tables ---- */

static bool fits(struct json_object *v, const char *type)
{
	switch (type ? type[1] : 's') {
	case 'n': return json_object_is_type(v, json_type_int);
	case 'b': return json_object_is_type(v, json_type_boolean);
	default: return json_object_is_type(v, json_type_string);
	}
}

static void check_row(const char *where, const struct tf_attr *row)
{
	AUTO_JSON usual = row_default(row);
	AUTO_JSON type = NULL;

	ck_assert_msg(row->doc && *row->doc, "%s.%s: no words", where, row->name);
	ck_assert_msg(!row->value == !usual, "%s.%s: default", where, row->name);
	ck_assert_msg(!usual || fits(usual, row->type), "%s.%s: default's type", where, row->name);
	ck_assert_msg(!(row->flags & TF_BLOCK) || row->sub, "%s.%s: empty block", where, row->name);
	ck_assert_msg(!(row->flags & TYPED_BASE64) || row_is_map(row), "%s.%s: no map", where,
		      row->name);
	if (row->type) {
		unit_ok(json_parse(row->type, strlen(row->type), &type));
		unit_ok(value_check_type(type));
	}
}

static void check_rows(const char *where, const struct tf_attr *rows)
{
	for (const struct tf_attr *row = rows; row->name; row++) {
		check_row(where, row);
		for (const struct tf_attr *other = rows; other < row; other++)
			ck_assert_msg(strcmp(row->name, other->name) != 0, "%s.%s: twice", where,
				      row->name);
		if (row->sub) {
			AUTO_STR inner = xasprintf("%s.%s", where, row->name);

			check_rows(inner, row->sub);
		}
	}
}

START_TEST(tables)
{
	size_t n = 0;

	for (; typed_kinds[n]; n++) {
		const struct typed_kind *k = typed_kind(typed_kinds[n]);

		check_rows(k->tf.name, k->tf.attrs);
		ck_assert(k->api_version && k->kind && k->tf.doc);
		ck_assert_msg(k->tf.example || k->tf.flags & TF_OLD_NAME, "%s: no example",
			      k->tf.name);
		if (k->tf.what == TF_RESOURCE)
			ck_assert_msg(!strstr(k->tf.import_doc, "<namespace>") == !k->namespaced,
				      "%s: %s", k->tf.name, k->tf.import_doc);
		for (size_t i = 0; i < n; i++)
			ck_assert(typed_kinds[i]->what != k->tf.what ||
				  strcmp(typed_kinds[i]->name, k->tf.name) != 0);
	}
	ck_assert_uint_gt(n, 50);
}
END_TEST

/* ---- everything there and back ---- */

static struct json_object *everything(const struct tf_attr *rows, unsigned which);

static struct json_object *some_map(const struct tf_attr *row, unsigned which)
{
	AUTO_STR key = xasprintf("%s-%u", row->name, which);

	return json_wrap(key, json_object_new_string(row->flags & TYPED_BINARY     ? "AAH/"
						     : row->flags & TYPED_QUANTITY ? "128Mi"
										   : "words"));
}

static struct json_object *some_text(const struct tf_attr *row, unsigned which)
{
	AUTO_STR text = NULL;

	if (row->flags & TYPED_QUANTITY)
		return json_object_new_string("1500m");
	if (row->flags & TYPED_OCTAL)
		return json_object_new_string("0640");
	if (row->flags & (TYPED_INT | TYPED_INT_OR_STRING))
		text = xasprintf("%u", 7000 + which);
	else
		text = xasprintf("%s-%u", row->name, which);
	return json_object_new_string(text);
}

/* Another value than the default, for each row. */
static struct json_object *some(const struct tf_attr *row, unsigned which)
{
	const char *type = row->type ? row->type : "\"string\"";
	struct json_object *list;

	if (row_is_map(row))
		return some_map(row, which);
	if (strcmp(type, T_BOOL) == 0)
		return json_object_new_boolean(!row->value || strcmp(row->value, "false") == 0);
	if (strcmp(type, T_NUMBER) == 0)
		return json_object_new_int64(40 + which);
	if (type[0] != '[')
		return some_text(row, which);
	list = json_object_new_array();
	for (unsigned i = 0; i < 2; i++)
		json_object_array_add(list, strstr(type, "number") ? json_object_new_int64(i + 3)
								   : some_text(row, i));
	return list;
}

static struct json_object *some_blocks(const struct tf_attr *row)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < (row->flags & TF_UNIQUE ? 1 : 2); i++)
		json_object_array_add(list, everything(row->sub, i));
	return list;
}

/* Of all rows that may be given and are in the API, at once: no server would take it. */
static struct json_object *everything(const struct tf_attr *rows, unsigned which)
{
	struct json_object *values = json_object_new_object();

	for (const struct tf_attr *row = rows; row->name; row++) {
		struct json_object *v = NULL;

		if (row->flags & TF_BLOCK)
			v = some_blocks(row);
		else if (row->flags & (TF_OPTIONAL | TF_REQUIRED) && !row_is_local(row) &&
			 !(row->flags & TF_WRITE_ONLY))
			v = some(row, which);
		else if (row_is_local(row) && row->value)
			v = row_default(row);
		else if (row->sub)
			v = json_object_new_array();
		json_put(values, row->name, v);
	}
	return values;
}

static void check_same(const char *name, const char *what, struct json_object *got,
		       struct json_object *want)
{
	ck_assert_msg(value_equal(got, want), "%s: %s\n%s\nnot\n%s", name, what,
		      json_object_to_json_string(got), json_object_to_json_string(want));
}

static struct json_object *without_id(struct json_object *state)
{
	json_object_object_del(state, "id");
	return state;
}

START_TEST(there_and_back)
{
	for (size_t i = 0; typed_kinds[i]; i++) {
		const struct typed_kind *k = typed_kind(typed_kinds[i]);
		AUTO_JSON config = everything(k->tf.attrs, 0);
		AUTO_JSON object = typed_manifest(k, config, NULL, NULL);
		AUTO_JSON replace = json_object_new_array();
		AUTO_JSON planned = NULL;

		if (k->tf.what != TF_RESOURCE)
			continue;
		AUTO_JSON imported = without_id(typed_shown(k, NULL, PRIOR_IMPORTED, "us", object));
		check_same(k->tf.name, "imported", imported, config);
		AUTO_JSON read = without_id(typed_shown(k, config, PRIOR_OURS, "us", object));
		check_same(k->tf.name, "read", read, config);
		AUTO_JSON foreign = without_id(typed_shown(k, config, PRIOR_FOREIGN, "us", object));
		check_same(k->tf.name, "the peer's", foreign, config);
		AUTO_JSON made = without_id(typed_made(k, config, object));
		check_same(k->tf.name, "made", made, config);
		unit_ok(typed_plan(k, config, read, NULL, &planned, replace));
		check_same(k->tf.name, "planned", without_id(planned), read);
		ck_assert_uint_eq(json_len(replace), 0);
	}
}
END_TEST

/* ---- what is sent ---- */

#define DEPLOYMENT(container)                                                             \
	"{'metadata':[{'name':'web','namespace':'a','labels':{'x':'y'}}],"                \
	"'spec':[{'replicas':'2','selector':[{'match_labels':{'x':'y'}}],"                \
	"'template':[{'metadata':[{'labels':{'x':'y'}}],'spec':[{'container':[" container \
	"]}]}]}]}"

START_TEST(sent)
{
	const struct typed_kind *k = kind("deployment_v1");
	AUTO_JSON config = unit_json(DEPLOYMENT(
		"{'name':'w','image':'i','port':[{'container_port':80}],"
		"'resources':[{'limits':{'cpu':'0.5'}}],'security_context':[{'run_as_user':'7'}],"
		"'liveness_probe':[{'http_get':[{'port':'http'}]}],"
		"'readiness_probe':[{'tcp_socket':[{'port':'8080'}]}]}"));
	AUTO_JSON made = typed_manifest(k, config, NULL, NULL);

	unit_same(made,
		  "{'apiVersion':'apps/v1','kind':'Deployment',"
		  "'metadata':{'name':'web','namespace':'a','labels':{'x':'y'}},"
		  "'spec':{'replicas':2,'selector':{'matchLabels':{'x':'y'}},"
		  "'template':{'metadata':{'labels':{'x':'y'}},'spec':{'containers':[{"
		  "'name':'w','image':'i','livenessProbe':{'httpGet':{'port':'http'}},"
		  "'ports':[{'containerPort':80}],'readinessProbe':{'tcpSocket':{'port':8080}},"
		  "'resources':{'limits':{'cpu':'0.5'}},'securityContext':{'runAsUser':7}}]}}}}");
}
END_TEST

START_TEST(sent_secrets)
{
	const struct typed_kind *k = kind("secret_v1");
	AUTO_JSON prior = unit_json("{'metadata':[{'name':'s'}],'data_wo_revision':1}");
	AUTO_JSON have = unit_json("{'data':{'old':'b2xk'}}");
	AUTO_JSON same = unit_json("{'metadata':[{'name':'s'}],'data_wo_revision':1,"
				   "'data_wo':{'new':'new'}}");
	AUTO_JSON other = unit_json("{'metadata':[{'name':'s'}],'data_wo_revision':2,"
				    "'data_wo':{'new':'new'},'data':{'a':'b'}}");
	AUTO_JSON kept = typed_manifest(k, same, prior, have);
	AUTO_JSON changed = typed_manifest(k, other, prior, have);

	unit_same(json_at(kept, "data"), "{'old':'b2xk'}");
	unit_same(json_at(changed, "data"), "{'a':'Yg==','new':'bmV3'}");
	unit_same(json_at(kept, "metadata"), "{'name':'s','namespace':'default'}");
}
END_TEST

START_TEST(sent_odd)
{
	AUTO_JSON scaler = unit_json("{'metadata':[{'name':'h'}],'spec':[{'max_replicas':5,"
				     "'target_cpu_utilization_percentage':80}]}");
	AUTO_JSON binding = unit_json("{'metadata':[{'name':'b'}],'subject':["
				      "{'kind':'ServiceAccount','name':'x'},"
				      "{'kind':'User','name':'y'}]}");
	AUTO_JSON policy = unit_json("{'metadata':[{'name':'p'}],'spec':[{'policy_types':[],"
				     "'pod_selector':[{}],'egress':[{}]}]}");
	AUTO_JSON h = typed_manifest(kind("horizontal_pod_autoscaler_v2"), scaler, NULL, NULL);
	AUTO_JSON b = typed_manifest(kind("role_binding_v1"), binding, NULL, NULL);
	AUTO_JSON p = typed_manifest(kind("network_policy_v1"), policy, NULL, NULL);

	unit_same(json_at(h, "spec.metrics"),
		  "[{'type':'Resource','resource':{'name':'cpu','target':{"
		  "'type':'Utilization','averageUtilization':80}}}]");
	unit_same(json_at(b, "subjects"),
		  "[{'kind':'ServiceAccount','name':'x','namespace':'default'},"
		  "{'kind':'User','name':'y'}]");
	unit_same(json_at(p, "spec"), "{'policyTypes':[],'egress':[{}],'podSelector':{}}");
}
END_TEST

/* What ends is not started again unless one says so, and the server has to be told. */
#define JOB_OF(pod)                                                                        \
	"'spec':[{'template':[{'metadata':[{}],'spec':[{'container':[{'name':'c','image':" \
	"'i'}]" pod "}]}]}]"

START_TEST(sent_jobs)
{
	AUTO_JSON job = unit_json("{'metadata':[{'name':'j'}]," JOB_OF("") "}");
	AUTO_JSON given = unit_json(
		"{'metadata':[{'name':'j'}]," JOB_OF(",'restart_policy':'OnFailure'") "}");
	AUTO_JSON cron = unit_json("{'metadata':[{'name':'j'}],'spec':[{'schedule':'* * * * *',"
				   "'job_template':[{'metadata':[{}]," JOB_OF("") "}]}]}");
	AUTO_JSON j = typed_manifest(kind("job_v1"), job, NULL, NULL);
	AUTO_JSON g = typed_manifest(kind("job"), given, NULL, NULL);
	AUTO_JSON c = typed_manifest(kind("cron_job_v1"), cron, NULL, NULL);
	AUTO_JSON replace = json_object_new_array();
	AUTO_JSON planned = NULL;

	ck_assert_str_eq(json_str(j, "spec.template.spec.restartPolicy"), "Never");
	ck_assert_str_eq(json_str(g, "spec.template.spec.restartPolicy"), "OnFailure");
	ck_assert_str_eq(json_str(c, "spec.jobTemplate.spec.template.spec.restartPolicy"), "Never");
	unit_ok(typed_plan(kind("job_v1"), job, NULL, NULL, &planned, replace));
	ck_assert_ptr_nonnull(
		strstr(json_object_to_json_string_ext(planned, 0), "\"restart_policy\":\"Never\""));
}
END_TEST

/* ---- planning ---- */

static struct json_object *plan(const struct typed_kind *k, struct json_object *config,
				struct json_object *prior, struct json_object *given,
				const char *replaced)
{
	AUTO_JSON replace = json_object_new_array();
	struct json_object *planned = NULL;

	unit_ok(typed_plan(k, config, prior, given, &planned, replace));
	unit_same(replace, replaced);
	return planned;
}

START_TEST(plan_creation)
{
	AUTO_JSON config = unit_json(DEPLOYMENT("{'name':'w','image':'i'}"));
	AUTO_JSON nameless = unit_json("{'metadata':[{}]}");
	AUTO_JSON planned = plan(kind("deployment_v1"), config, NULL, NULL, "[]");
	struct json_object *spec = json_nth(json_at(planned, "spec"), 0);
	struct json_object *meta = json_nth(json_at(planned, "metadata"), 0), *none = NULL;
	AUTO_ERR e = typed_plan(kind("secret_v1"), nameless, NULL, NULL, &none, NULL);

	ck_assert(e && e->kind == ERR_USAGE);
	ck_assert_str_eq(e->at, "metadata[0]");
	ck_assert(value_is_unknown(json_at(planned, "id")));
	ck_assert(value_is_unknown(json_at(meta, "uid")));
	ck_assert_int_eq(json_int(spec, "progress_deadline_seconds", 0), 600);
	ck_assert_uint_eq(json_len(json_at(spec, "strategy")), 0);
	ck_assert(json_truth(planned, "wait_for_rollout", false));
}
END_TEST

START_TEST(plan_changes)
{
	const struct typed_kind *k = kind("deployment_v1");
	AUTO_JSON prior = unit_json(
		"{'id':'a/web','wait_for_rollout':true,'metadata':[{'name':'web','namespace':'a',"
		"'labels':{'x':'y'},'uid':'u','generation':1,'resource_version':'5'}],"
		"'spec':[{'replicas':'2','selector':[{'match_labels':{'x':'y'}}],'template':["
		"{'metadata':[{'labels':{'x':'y'}}],'spec':[{'container':[{'name':'w','image':'i',"
		"'image_pull_policy':'Never','resources':[{'limits':{'cpu':'500m'}}]}]}]}]}]}");
	AUTO_JSON config =
		unit_json(DEPLOYMENT("{'name':'new','image':'j'},{'name':'w','image':'i',"
				     "'resources':[{'limits':{'cpu':'0.5'}}]}"));
	AUTO_JSON planned = plan(k, config, prior, NULL, "[]");
	struct json_object *spec = json_nth(json_at(planned, "spec"), 0);
	struct json_object *pod =
		json_nth(json_at(json_nth(json_at(spec, "template"), 0), "spec"), 0);
	struct json_object *one = json_nth(json_at(pod, "container"), 0);
	struct json_object *two = json_nth(json_at(pod, "container"), 1);
	struct json_object *meta = json_nth(json_at(planned, "metadata"), 0);

	/* The container is the one of its name, in another place. */
	ck_assert(value_is_unknown(json_at(one, "image_pull_policy")));
	ck_assert_str_eq(json_str(two, "image_pull_policy"), "Never");
	/* Another spelling is no change. */
	unit_same(json_at(two, "resources"), "[{'limits':{'cpu':'500m'},'requests':null}]");
	ck_assert(value_is_unknown(json_at(meta, "resource_version")));
	ck_assert_str_eq(json_str(meta, "uid"), "u");
}
END_TEST

START_TEST(plan_given_no_more)
{
	const struct typed_kind *k = kind("deployment_v1");
	AUTO_JSON before = unit_json("{'metadata':[{'name':'w','namespace':'default'}],"
				     "'spec':[{'replicas':'3'}]}");
	AUTO_JSON config = unit_json("{'metadata':[{'name':'w'}],'spec':[{}]}");
	AUTO_JSON given = typed_given(k, before);
	AUTO_JSON sticky = plan(k, config, before, NULL, "[]");
	AUTO_JSON free_again = plan(k, config, before, given, "[]");

	unit_same(given, "{'metadata':[{'name':true}],'spec':[{'replicas':true}]}");
	ck_assert_str_eq(json_str(json_nth(json_at(sticky, "spec"), 0), "replicas"), "3");
	ck_assert(value_is_unknown(json_at(json_nth(json_at(free_again, "spec"), 0), "replicas")));
}
END_TEST

START_TEST(plan_replaces)
{
	AUTO_JSON a = unit_json("{'metadata':[{'name':'s','namespace':'a'}],'type':'Opaque',"
				"'immutable':true,'data':{'a':'1'}}");
	AUTO_JSON b = unit_json("{'metadata':[{'name':'s','namespace':'a'}],'type':'x/y',"
				"'immutable':true,'data':{'a':'2'}}");
	AUTO_JSON imported = unit_json("{'metadata':[{'name':'g-1','namespace':'a'}]}");
	AUTO_JSON generated = unit_json("{'metadata':[{'generate_name':'g-','namespace':'b'}]}");
	AUTO_JSON one = plan(kind("secret_v1"), b, a, NULL, "['type','data']");
	AUTO_JSON two =
		plan(kind("config_map_v1"), generated, imported, NULL, "['metadata[0].namespace']");
}
END_TEST

START_TEST(plan_hides)
{
	AUTO_JSON config = unit_json("{'metadata':[{'name':'s'}],'data_wo':{'a':'b'},"
				     "'data_wo_revision':1,'timeouts':{'create':'1m'}}");
	AUTO_JSON planned = plan(kind("secret_v1"), config, NULL, NULL, "[]");
	AUTO_JSON object = unit_json("{'metadata':{'name':'s'},'data':{'a':'Yg=='}}");
	AUTO_JSON made = typed_made(kind("secret_v1"), planned, object);
	AUTO_JSON read = typed_shown(kind("secret_v1"), made, PRIOR_OURS, "us", object);

	ck_assert_ptr_null(strstr(json_object_to_json_string(planned), "\"b\""));
	ck_assert_ptr_null(json_at(made, "data"));
	ck_assert_ptr_null(json_at(read, "data"));
	ck_assert_str_eq(json_str(read, "timeouts.create"), "1m");
	ck_assert_str_eq(json_str(read, "id"), "default/s");
}
END_TEST

/* ---- reading ---- */

/* Applied by us, and by others. */
#define LIVE                                                                              \
	"{'metadata':{'name':'c','namespace':'a','labels':{'ours':'1','theirs':'2'},"     \
	"'managedFields':[{'manager':'us','operation':'Apply','fieldsV1':{'f:metadata':{" \
	"'f:labels':{'f:ours':{}}},'f:spec':{'f:ports':{"                                 \
	"'k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}':{'.':{},'f:port':{}}}}}}]},"  \
	"'spec':{'type':'ClusterIP','sessionAffinity':'ClientIP','ports':["               \
	"{'port':443,'protocol':'TCP','targetPort':443},"                                 \
	"{'port':80,'protocol':'TCP','targetPort':'http'}]}}"

START_TEST(imported)
{
	AUTO_JSON object = unit_json(LIVE);
	AUTO_JSON state = typed_shown(kind("service_v1"), NULL, PRIOR_IMPORTED, "us", object);
	AUTO_JSON others = typed_shown(kind("service_v1"), NULL, PRIOR_IMPORTED, "them", object);
	struct json_object *spec = json_nth(json_at(state, "spec"), 0);

	ck_assert_str_eq(json_str(state, "id"), "a/c");
	unit_same(json_at(json_nth(json_at(state, "metadata"), 0), "labels"), "{'ours':'1'}");
	unit_same(json_at(spec, "port"),
		  "[{'app_protocol':null,'name':null,'node_port':null,'port':80,'protocol':'TCP',"
		  "'target_port':'http'}]");
	ck_assert_str_eq(json_str(spec, "session_affinity"), "None");
	/* Nobody of that name applied it: all there is. */
	ck_assert_uint_eq(json_len(json_at(json_nth(json_at(others, "spec"), 0), "port")), 2);
}
END_TEST

START_TEST(others_do_not_matter)
{
	AUTO_JSON object = unit_json(LIVE);
	AUTO_JSON prior = unit_json(
		"{'id':'a/c','metadata':[{'name':'c','namespace':'a','labels':{'ours':'1'}}],"
		"'spec':[{'type':'ClusterIP','session_affinity':'None','port':["
		"{'port':80,'protocol':'TCP','target_port':'http'}]}]}");
	AUTO_JSON gone = unit_json(LIVE);
	AUTO_JSON state = NULL;
	AUTO_JSON state_gone = NULL;

	state = typed_shown(kind("service_v1"), prior, PRIOR_OURS, "us", object);
	ck_assert_uint_eq(json_len(json_at(json_nth(json_at(state, "spec"), 0), "port")), 1);
	ck_assert_str_eq(json_str(json_nth(json_at(state, "spec"), 0), "session_affinity"), "None");
	unit_same(json_at(json_nth(json_at(state, "metadata"), 0), "labels"), "{'ours':'1'}");

	/* What was ours and is gone or another, is told. */
	json_object_object_del(json_at(gone, "metadata.labels"), "ours");
	(void)json_object_array_del_idx(json_at(gone, "spec.ports"), 1, 1);
	json_sets(json_at(gone, "spec"), "type", "NodePort");
	state_gone = typed_shown(kind("service_v1"), prior, PRIOR_FOREIGN, "nobody", gone);
	unit_same(json_at(json_nth(json_at(state_gone, "metadata"), 0), "labels"), "{}");
	ck_assert_uint_eq(json_len(json_at(json_nth(json_at(state_gone, "spec"), 0), "port")), 0);
	ck_assert_str_eq(json_str(json_nth(json_at(state_gone, "spec"), 0), "type"), "NodePort");
}
END_TEST

START_TEST(states_of_the_peer)
{
	AUTO_JSON object = unit_json(
		"{'metadata':{'name':'w'},'spec':{'strategy':{'type':'RollingUpdate',"
		"'rollingUpdate':{'maxSurge':'25%','maxUnavailable':'25%'}},"
		"'template':{'metadata':{},'spec':{'containers':[{'name':'w','image':'i'}]}}}}");
	AUTO_JSON prior = unit_json(
		"{'id':'default/w','metadata':[{'name':'w','namespace':'default'}],'spec':[{"
		"'strategy':[{'type':'RollingUpdate','rolling_update':[{'max_surge':'25%',"
		"'max_unavailable':'25%'}]}],'template':[{'metadata':[{}],'spec':[{"
		"'host_ipc':false,'subdomain':'','active_deadline_seconds':0,"
		"'container':[{'name':'w','image':'i','tty':false,'working_dir':''}]}]}]}]}");
	AUTO_JSON state =
		typed_shown(kind("deployment_v1"), prior, PRIOR_FOREIGN, "treenail", object);
	struct json_object *spec = json_nth(json_at(state, "spec"), 0);
	struct json_object *pod =
		json_nth(json_at(json_nth(json_at(spec, "template"), 0), "spec"), 0);

	ck_assert_uint_eq(json_len(json_at(spec, "strategy")), 0);
	ck_assert(json_has(pod, "host_ipc") && !json_at(pod, "host_ipc"));
	ck_assert(!json_at(pod, "subdomain") && !json_at(pod, "active_deadline_seconds"));
	ck_assert(!json_at(json_nth(json_at(pod, "container"), 0), "tty"));
}
END_TEST

START_TEST(quantities)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = { { "0.5", "500m", true },    { "1Gi", "1024Mi", true },
		      { "1G", "1000M", true },    { "1e3", "1k", true },
		      { "1", "2", false },        { "1Gi", "1G", false },
		      { "0.1", "100m", true },    { "words", "words", true },
		      { "words", "word", false }, { "inf", "nan", false },
		      { "0x10", "16", false },    { "1Xi", "1Xi", true },
		      { "", "0", false } };

	for (size_t i = 0; i < COUNT(cases); i++)
		ck_assert_msg(quantity_equal(cases[i].a, cases[i].b) == cases[i].same, "%s %s",
			      cases[i].a, cases[i].b);
}
END_TEST

START_TEST(places)
{
	static const char *const wrong[] = { "", "a/b/c", "/b", "a/" };
	char *ns = NULL, *name = NULL;

	for (size_t i = 0; i < COUNT(wrong); i++) {
		AUTO_ERR e = typed_place(kind("secret_v1"), wrong[i], &ns, &name);

		ck_assert_msg(e && e->kind == ERR_USAGE, "%s", wrong[i]);
	}
	unit_ok(typed_place(kind("secret_v1"), "a/b", &ns, &name));
	ck_assert_str_eq(ns, "a");
	ck_assert_str_eq(name, "b");
	free(ns);
	free(name);
	AUTO_ERR e = typed_place(kind("namespace_v1"), "a/b", &ns, &name);
	ck_assert_ptr_nonnull(e);
}
END_TEST

/* ---- what the server is not content with ---- */

START_TEST(at)
{
	static const struct {
		const char *kind, *message, *at;
	} cases[] = {
		{ "service_v1",
		  "Service \"a\" is invalid: spec.ports[1].name: Invalid value: \"X\": no",
		  "spec[0].port[1].name" },
		{ "service_v1",
		  "422: Service \"a\" is invalid: [metadata.name: Invalid value: \"A\": no, "
		  "spec.ports: Required value]",
		  "metadata[0].name" },
		{ "service_v1", "Service \"a\" is invalid: spec.ports: Required value", "spec[0]" },
		{ "service_v1",
		  "500: failed to create typed patch object (a/a; v1, Kind=Service): "
		  ".spec.ports: duplicate entries for key [port=80]",
		  "spec[0]" },
		{ "deployment_v1",
		  "Deployment.apps \"w\" is invalid: "
		  "spec.template.spec.containers[0].resources.limits[cpu]: Invalid value",
		  "spec[0].template[0].spec[0].container[0].resources[0].limits" },
		{ "config_map_v1",
		  "ConfigMap \"c\" is invalid: data[a b]: Invalid value: \"a b\": no", "data" },
		{ "role_v1", "Role.rbac \"r\" is invalid: rules[0].verbs: Required value",
		  "rule[0].verbs" },
		{ "role_v1", "Role.rbac \"r\" is invalid: nothing.of.it: Required value", NULL },
		{ "role_v1", "Role.rbac \"r\" is invalid: ", NULL },
		{ "role_v1", "Role.rbac \"r\" is invalid: rules[", "rule[0]" },
		{ "role_v1", "no leave", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		AUTO_STR got = typed_at(kind(cases[i].kind), cases[i].message);

		ck_assert_msg(!got == !cases[i].at && (!got || strcmp(got, cases[i].at) == 0),
			      "%s: %s", cases[i].message, got);
	}
}
END_TEST

START_TEST(changes)
{
	const struct typed_kind *k = kind("job_v1");
	AUTO_JSON one = unit_json("{'metadata':[{'name':'j'}],'wait_for_completion':true}");
	AUTO_JSON waits = unit_json("{'metadata':[{'name':'j'}],'wait_for_completion':false}");
	AUTO_JSON labels = unit_json("{'metadata':[{'name':'j','labels':{'a':'b'}}]}");

	ck_assert(typed_changes(k, one, NULL));
	ck_assert(!typed_changes(k, waits, one));
	ck_assert(typed_changes(k, labels, one));
}
END_TEST

/* ---- nonsense ---- */

/* Puts `v` in place of everything in `object`, one after the other, and looks at what comes of it. */
static void disturb(const struct typed_kind *k, struct json_object *whole,
		    struct json_object *object, struct json_object *prior, const char *nonsense)
{
	AUTO_JSON keys = json_copy(object);

	if (json_object_is_type(keys, json_type_array)) {
		for (size_t i = 0; i < json_len(object); i++)
			disturb(k, whole, json_nth(object, i), prior, nonsense);
		return;
	}
	if (!json_object_is_type(keys, json_type_object))
		return;
	json_object_object_foreach(keys, key, v) {
		struct json_object *was = json_object_get(json_object_object_get(object, key));

		(void)v;
		disturb(k, whole, was, prior, nonsense);
		json_set(object, key, unit_json(nonsense));
		AUTO_JSON a = typed_shown(k, prior, PRIOR_OURS, "us", whole);
		AUTO_JSON b = typed_shown(k, NULL, PRIOR_IMPORTED, "us", whole);
		AUTO_JSON c = typed_made(k, prior, whole);
		ck_assert(a && b && c);
		json_set(object, key, was);
	}
}

START_TEST(nonsense)
{
	static const char *const kinds[] = { "service_v1", "secret_v1", "role_v1",
					     "storage_class_v1", "horizontal_pod_autoscaler_v2" };
	static const char *const values[] = { "null", "7", "'x'", "[]", "[7,[{}]]", "{'a':[]}" };

	for (size_t i = 0; i < COUNT(kinds); i++)
		for (size_t n = 0; n < COUNT(values); n++) {
			const struct typed_kind *k = kind(kinds[i]);
			AUTO_JSON config = everything(k->tf.attrs, 0);
			AUTO_JSON object = typed_manifest(k, config, NULL, NULL);

			disturb(k, object, object, config, values[n]);
		}
}
END_TEST

UNIT_MAIN("typed", tables, there_and_back, sent, sent_secrets, sent_odd, sent_jobs, plan_creation,
	  plan_changes, plan_given_no_more, plan_replaces, plan_hides, imported,
	  others_do_not_matter, states_of_the_peer, quantities, places, at, changes, nonsense)
