#include <check.h>
#include <string.h>

#include "cluster/cluster.h"
#include "cluster/journal.h"
#include "cluster/plan.h"
#include "file.h"
#include "text.h"
#include "unit.h"

/*
 * Plans as data (tests/data/cluster/plan.json). Nodes c* are control planes, the others workers; what is seen of a host
 * and what the API says of a node are words, which are made into what observe.c would have made.
 */

static struct json_object *cases;

static struct json_object *declaration_of(struct json_object *c)
{
	AUTO_JSON given = unit_json("{'name':'demo','endpoint':{'host':'api.example'},"
				    "'cni':{'manifests':['net.yaml']},'nodes':[]}");
	const char *version = json_str(c, "version");
	struct json_object *d = NULL, *labels = json_at(c, "labels");

	json_sets(given, "version", version ? version : "1.33.2");
	if (json_truth(c, "no_network", false))
		json_object_object_del(given, "cni");
	if (json_at(c, "encryption"))
		json_set(given, "encryption", json_copy(json_at(c, "encryption")));
	WORDS_EACH(w, json_str(c, "nodes")) {
		struct json_object *node = json_object_new_object(), *own = NULL;
		AUTO_STR name = xstrndup(w, words_len(w));

		json_sets(node, "name", name);
		json_sets(node, "role", *name == 'c' ? "control_plane" : "worker");
		json_set(node, "taints", json_object_new_array());
		json_object_object_get_ex(labels, name, &own);
		if (own)
			json_set(node, "labels", json_copy(own));
		json_object_array_add(json_at(given, "nodes"), node);
	}
	unit_ok(cluster_declaration(given, &d, NULL));
	return d;
}

/* "key=a key=b": its keys, in order. */
static struct json_object *encryption_of(const char *words)
{
	struct json_object *keys = json_object_new_array(), *o;

	WORDS_EACH(w, words) {
		if (strncmp(w, "key=", 4) == 0)
			json_object_array_add(
				keys, json_object_new_string_len(w + 4, (int)words_len(w) - 4));
	}
	if (!json_len(keys)) {
		json_object_put(keys);
		return NULL;
	}
	o = json_wrap("keys", keys);
	json_set(o, "resources", unit_json("['secrets']"));
	return o;
}

static struct json_object *certificates_of(const char *words)
{
	if (words_have(words, "ending"))
		return unit_json(
			"{'certificates':[{'name':'etcd/ca','ca':true,'state':'ends_soon','days_left':1,"
			"'why':'-'},{'name':'apiserver','state':'ends_soon','days_left':12,"
			"'why':'ends in 12 days'},{'name':'x','state':'ok','days_left':3}]}");
	if (words_have(words, "stale"))
		return unit_json(
			"{'certificates':[{'name':'apiserver','state':'stale','days_left':300,"
			"'why':'was renewed since'}]}");
	if (words_have(words, "ended"))
		return unit_json(
			"{'certificates':[{'name':'admin.conf','state':'expired','days_left':-2,"
			"'renewed_by':'kubeadm','why':'it ended'}]}");
	if (words_have(words, "rotates"))
		return unit_json("{'certificates':[{'name':'kubelet-client','state':'ends_soon',"
				 "'days_left':5,'renewed_by':'kubelet','why':'ends in 5 days'}]}");
	if (words_have(words, "signed"))
		return unit_json(
			"{'certificates':[{'name':'kubelet','state':'ends_soon','days_left':5,"
			"'renewed_by':'removal','why':'ends in 5 days'}]}");
	return unit_json("{'certificates':[{'name':'apiserver','state':'ok','days_left':300}]}");
}

static struct json_object *host_of(const char *words)
{
	struct json_object *o = json_object_new_object();

	if (words_have(words, "down")) {
		json_sets(o, "error", "no route");
		return o;
	}
	json_set(o, "facts", json_object_new_object());
	json_set(o, "kubelet_conf", json_object_new_boolean(words_have(words, "member")));
	json_set(o, "admin_conf",
		 json_object_new_boolean(words_have(words, "admin") ||
					 words_have(words, "foreign")));
	if (json_truth(o, "admin_conf", false))
		json_sets(o, "ca", words_have(words, "foreign") ? "f" : "a");
	if (words_have(words, "member"))
		json_set(o, "steps",
			 unit_json(words_have(words, "differs") ? "{'changed':['swap','sysctl']}"
				   : words_have(words, "broken")
					   ? "{'changed':[],'failed':{'id':'clock','msg':"
					     "'off by an hour'}}"
					   : "{'changed':[]}"));
	if (words_have(words, "member"))
		json_set(o, "certificates", certificates_of(words));
	json_set(o, "encryption", encryption_of(words));
	WORDS_EACH(w, words) {
		if (strncmp(w, "file=", 5) == 0)
			json_set(o, "encryption_file",
				 json_object_new_string_len(w + 5, (int)words_len(w) - 5));
	}
	return o;
}

static struct json_object *node_of(const char *name, const char *words)
{
	struct json_object *o =
		unit_json("{'apiVersion':'v1','kind':'Node',"
			  "'metadata':{'labels':{},'resourceVersion':'1'},'spec':{},"
			  "'status':{'nodeInfo':{},'conditions':[]}}");
	const bool silent = words_have(words, "silent");
	AUTO_STR version = xasprintf("v%.*s", (int)words_len(words), words);

	json_object_array_add(
		json_at(o, "status.conditions"),
		unit_json(
			silent ? "{'type':'Ready','status':'Unknown','reason':'NodeStatusUnknown',"
				 "'message':'Kubelet stopped posting node status.'}"
			       : "{'type':'Ready','status':'True'}"));
	json_sets(json_at(o, "metadata"), "name", name);
	json_sets(json_at(o, "status.nodeInfo"), "kubeletVersion", version);
	if (*name == 'c' && !words_have(words, "unlabelled"))
		json_sets(json_at(o, "metadata.labels"), "node-role.kubernetes.io/control-plane",
			  "");
	return o;
}

static struct json_object *api_of(struct json_object *given)
{
	struct json_object *o, *nodes, *servers = NULL;

	if (!given)
		return NULL;
	o = json_object_new_object();
	nodes = json_object_new_array();
	json_sets(o, "version", json_str(given, "version") ? json_str(given, "version") : "1.33.2");
	json_set(o, "manifests",
		 json_at(given, "manifests") ? json_copy(json_at(given, "manifests"))
					     : json_object_new_array());
	if (json_at(given, "options"))
		json_set(o, "options", json_copy(json_at(given, "options")));
	if (json_at(given, "servers"))
		servers = json_copy(json_at(given, "servers"));
	else
		servers = json_object_new_object();
	json_object_object_foreach(json_at(given, "nodes"), name, words) {
		json_object_array_add(nodes, node_of(name, json_object_get_string(words)));
		if (*name == 'c' && !json_at(given, "servers")) {
			AUTO_STR v = xstrndup(json_object_get_string(words),
					      words_len(json_object_get_string(words)));

			json_sets(servers, name, v);
		}
	}
	json_set(o, "nodes", nodes);
	json_set(o, "servers", servers);
	return o;
}

/* "join w1 (new) after prepare w1, init c1 [worker 1]: not a member" */
static char *line_of(struct json_object *a)
{
	struct json_object *after = json_at(a, "after");
	AUTO_BUF b = BUF_INIT;

	buf_adds(&b, json_str(a, "id"));
	if (json_str(a, "how"))
		buf_addf(&b, " (%s)", json_str(a, "how"));
	for (size_t i = 0; i < json_len(after); i++)
		buf_addf(&b, "%s%s", i ? ", " : " after ",
			 json_object_get_string(json_nth(after, i)));
	if (json_str(a, "slot"))
		buf_addf(&b, " [%s %d]", json_str(a, "slot"), (int)json_int(a, "limit", 0));
	buf_addf(&b, ": %s", json_str(a, "why"));
	return buf_take(&b);
}

/* Each stands behind what it comes after. */
static void check_order(struct json_object *actions)
{
	AUTO_JSON done = json_object_new_object();

	for (size_t i = 0; i < json_len(actions); i++) {
		struct json_object *a = json_nth(actions, i), *after = json_at(a, "after");

		for (size_t k = 0; k < json_len(after); k++)
			ck_assert_msg(json_has(done, json_object_get_string(json_nth(after, k))),
				      "%s stands too early", json_str(a, "id"));
		ck_assert_msg(!json_has(done, json_str(a, "id")), "%s is there twice",
			      json_str(a, "id"));
		json_set(done, json_str(a, "id"), NULL);
	}
}

static void check_lines(struct json_object *c, struct json_object *plan)
{
	struct json_object *actions = json_at(plan, "actions");
	AUTO_JSON lines = json_object_new_array();
	AUTO_JSON warnings = json_at(c, "warnings") ? json_copy(json_at(c, "warnings"))
						    : json_object_new_array();

	for (size_t i = 0; i < json_len(actions); i++) {
		AUTO_STR line = line_of(json_nth(actions, i));

		json_object_array_add(lines, json_object_new_string(line));
	}
	ck_assert_msg(json_object_equal(lines, json_at(c, "actions")), "%s: got %s",
		      json_str(c, "name"),
		      json_object_to_json_string_ext(lines, JSON_C_TO_STRING_PRETTY));
	ck_assert_msg(json_object_equal(warnings, json_at(plan, "warnings")), "%s: warnings %s",
		      json_str(c, "name"), json_object_to_json_string(json_at(plan, "warnings")));
	check_order(actions);
}

START_TEST(plans)
{
	struct json_object *c = json_nth(cases, (size_t)_i);
	AUTO_JSON d = declaration_of(c);
	AUTO_JSON observed = json_object_new_object();
	AUTO_JSON state = journal_state(json_at(c, "journal"));
	AUTO_JSON plan = NULL;
	const struct plan_wish wish = {
		.prune = json_truth(c, "prune", false),
		.made = json_truth(c, "made", false),
		.no_upgrade = json_truth(c, "no_upgrade", false),
		.only = json_at(c, "only"),
		.remove = json_at(c, "remove"),
	};
	const struct plan_input in = { d, observed, state, &wish };

	json_set(observed, "nodes", json_object_new_object());
	json_object_object_foreach(json_at(c, "hosts"), name, words)
		json_set(json_at(observed, "nodes"), name, host_of(json_object_get_string(words)));
	json_set(observed, "api", api_of(json_at(c, "api")));
	json_sets(observed, "api_error", json_str(c, "api_error"));
	AUTO_STR before = xstrdup(json_object_to_json_string(observed));
	AUTO_ERR e = cluster_plan_make(&in, &plan);
	ck_assert_str_eq(before, json_object_to_json_string(observed));
	if (json_str(c, "error")) {
		ck_assert_msg(e && strstr(e->text, json_str(c, "error")), "%s: %s",
			      json_str(c, "name"), e ? e->text : "no error");
		return;
	}
	ck_assert_msg(!e, "%s: %s", json_str(c, "name"), e ? e->text : "");
	check_lines(c, plan);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cluster_plan");
	TCase *t = tcase_create("cluster_plan");
	SRunner *r = srunner_create(s);
	AUTO_BUF text = BUF_INIT;
	AUTO_ERR e = file_text("tests/data/cluster/plan.json", 1 << 20, &text);
	AUTO_ERR bad = e ? NULL : json_parse(text.s, text.len, &cases);
	int failed;

	if (e || bad) {
		(void)fprintf(stderr, "%s\n", e ? e->text : bad->text);
		return EXIT_FAILURE;
	}
	tcase_add_loop_test(t, plans, 0, (int)json_len(cases));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	json_object_put(cases);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
